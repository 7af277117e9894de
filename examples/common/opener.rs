//! Opens packets under a line as it stands, or as if something about it were different, at whatever index one likes.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use srtp_sdes::sdes::{CryptoAttribute, SrtcpTagOf32};
use srtp_sdes::{CryptoSuite, EBitPolicy, MasterKey, Receiver, ReceiverBuilder, SrtcpTag};

use super::crypto_line::SessionParameters;

/// The rollover counters that a search tries: weeks of speech, days of video.
const MOST_COUNTERS: u32 = 1 << 14;

/// More than any call has: a single key may be given for a trunk with all its calls.
pub(crate) const MOST_STREAMS: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// What is different from the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    AsAgreed,
    /// UNENCRYPTED_SRTP, or not, against what the line says; likewise the others.
    EncryptionOfSrtp,
    AuthenticationOfSrtp,
    EitherEBit,
    SrtcpTag(usize),
    Suite(CryptoSuite),
}

/// Opens packets under the variants of a line.
pub(crate) struct Opener {
    line: CryptoAttribute,
    tag: ShortTag,
    receivers: HashMap<Variant, Option<Receiver>>,
}

impl Opener {
    pub(crate) fn new(line: CryptoAttribute, tag: ShortTag) -> Self {
        let receivers = HashMap::new();
        Self {
            line,
            tag,
            receivers,
        }
    }

    /// An SRTP packet, whatever was opened before.
    pub(crate) fn rtp(
        &mut self,
        variant: Variant,
        ssrc: u32,
        roc: u32,
        packet: &[u8],
    ) -> Option<Vec<u8>> {
        let receiver = self.receiver(variant)?;
        receiver.restart_rtp(ssrc, roc).ok()?;
        let mut opened = packet.to_vec();
        receiver.unprotect_rtp_vec(&mut opened).ok()?;
        Some(opened)
    }

    /// An SRTCP packet, whatever was opened before.
    pub(crate) fn rtcp(&mut self, variant: Variant, ssrc: u32, packet: &[u8]) -> Option<Vec<u8>> {
        let receiver = self.receiver(variant)?;
        receiver.restart_rtcp(ssrc);
        let mut opened = packet.to_vec();
        receiver.unprotect_rtcp_vec(&mut opened).ok()?;
        Some(opened)
    }

    /// The rollover counter at which a packet opens.
    pub(crate) fn search(&mut self, ssrc: u32, packet: &[u8]) -> Option<u32> {
        let receiver = self.receiver(Variant::AsAgreed)?;
        (0..MOST_COUNTERS).find(|roc| {
            let is_set = receiver.restart_rtp(ssrc, *roc).is_ok();
            is_set && receiver.verify_rtp(packet).is_ok()
        })
    }

    fn receiver(&mut self, variant: Variant) -> Option<&mut Receiver> {
        let (line, tag) = (&self.line, self.tag);
        let built = self.receivers.entry(variant);
        built.or_insert_with(|| build(line, variant, tag)).as_mut()
    }
}

fn build(line: &CryptoAttribute, variant: Variant, tag: ShortTag) -> Option<Receiver> {
    let mut session = SessionParameters::of(line);
    let suite = match (variant, line.suite()?) {
        (Variant::Suite(suite), _) => suite,
        // Only the suites with short SRTP tags have short SRTCP tags; all else about SRTCP is the same.
        (Variant::SrtcpTag(4), suite) => sibling(suite),
        (_, suite) => suite,
    };
    // Without a lifetime: it does not end while it is tried.
    let copy = |key: &MasterKey| {
        let bytes = key.secret_key_and_salt();
        let copy = MasterKey::new(suite, bytes).ok()?;
        Some(match key.mki() {
            Some(mki) => copy.with_mki(mki.clone()),
            None => copy,
        })
    };
    let mut keys = line.keys().iter().map(copy);
    let mut builder = Receiver::builder(keys.next()??);
    for key in keys {
        builder = builder.add_key(key?);
    }
    match variant {
        Variant::EncryptionOfSrtp => session.unencrypted_srtp = !session.unencrypted_srtp,
        Variant::AuthenticationOfSrtp => {
            session.unauthenticated_srtp = !session.unauthenticated_srtp;
        }
        Variant::EitherEBit => builder = builder.e_bit(EBitPolicy::AcceptEither),
        Variant::SrtcpTag(4) => builder = builder.srtcp_tag(SrtcpTag::Bytes4),
        Variant::SrtcpTag(_) => builder = builder.srtcp_tag(SrtcpTag::Bytes10),
        Variant::AsAgreed | Variant::Suite(_) => {}
    }
    if matches!(variant, Variant::AsAgreed | Variant::EitherEBit) {
        builder = tag.apply(suite, builder);
    }
    session
        .apply(builder)
        .most_streams(MOST_STREAMS)
        .build()
        .ok()
}

/// The suite with the same cipher and a tag of 32 bits.
fn sibling(suite: CryptoSuite) -> CryptoSuite {
    use CryptoSuite as S;
    match suite {
        S::AesCm128HmacSha1_80 => S::AesCm128HmacSha1_32,
        S::Aes192CmHmacSha1_80 => S::Aes192CmHmacSha1_32,
        S::Aes256CmHmacSha1_80 => S::Aes256CmHmacSha1_32,
        S::NullHmacSha1_80 => S::NullHmacSha1_32,
        other => other,
    }
}

/// The SRTCP tags that are expected under the suites whose SRTP tags have 4 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ShortTag {
    /// As RFC 4568 §6.2 has it.
    #[default]
    TenBytes,
    FourBytes,
}

impl ShortTag {
    /// Bytes of the SRTCP tag under a suite.
    pub(crate) fn len(self, suite: CryptoSuite) -> usize {
        match (self, suite.rtp_tag_len()) {
            (Self::FourBytes, 4) => 4,
            _ => suite.rtcp_tag_len(),
        }
    }

    pub(crate) fn apply(self, suite: CryptoSuite, builder: ReceiverBuilder) -> ReceiverBuilder {
        match (self, suite.rtp_tag_len()) {
            (Self::FourBytes, 4) => builder.srtcp_tag(SrtcpTag::Bytes4),
            _ => builder,
        }
    }

    pub(crate) fn policy(self) -> SrtcpTagOf32 {
        match self {
            Self::TenBytes => SrtcpTagOf32::TenBytes,
            Self::FourBytes => SrtcpTagOf32::FourBytes,
        }
    }
}
