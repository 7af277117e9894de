//! Suite and options of a sender and its receiver.

use std::num::NonZeroUsize;

use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, EBitPolicy, KeyDerivationRate, Lifetime, MasterKey, Mki, Plane,
    Receiver, ReceiverBuilder, ReplayWindowSize, Sender, SenderBuilder, SrtcpTag,
};

use crate::Input;

/// What the first six bytes of an input choose. Not every choice can be built.
pub(crate) struct Setup {
    pub(crate) suite: CryptoSuite,
    mki: usize,
    rate: Option<KeyDerivationRate>,
    tag: SrtcpTag,
    window: ReplayWindowSize,
    most_streams: usize,
    initial_roc: u32,
    lifetime: Option<Lifetime>,
    unencrypted_srtp: bool,
    unencrypted_srtcp: bool,
    /// The receiver expects of SRTCP what the sender does not send.
    other_e_bit: bool,
    accept_either_e_bit: bool,
    unauthenticated_srtp: bool,
    search_roc: bool,
    pub(crate) either_tag: bool,
    headers: Headers,
    first_srtcp_index_1: bool,
}

/// What becomes of RTP headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    Clear,
    EncryptedElements(&'static [u8]),
    Cryptex(Cryptex),
}

impl Setup {
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        let suite = CryptoSuite::ALL[usize::from(input.byte()) % CryptoSuite::ALL.len()];
        let flags = input.byte();
        let flag = |n: u8| flags >> n & 1 == 1;
        let lengths = input.byte();
        let rate = input.byte();
        let sizes = input.byte();
        let windows = [64, 65, 1024, 32_768];
        Self {
            suite,
            unencrypted_srtp: flag(0),
            unencrypted_srtcp: flag(1),
            other_e_bit: flag(2),
            accept_either_e_bit: flag(3),
            unauthenticated_srtp: flag(4),
            search_roc: flag(5),
            either_tag: flag(6),
            first_srtcp_index_1: flag(7),
            mki: [0, 0, 1, 2, 4, 16, 127, 128][usize::from(lengths % 8)],
            headers: match lengths >> 5 {
                1 => Headers::EncryptedElements(&[1, 3, 14, 15, 200]),
                2 => Headers::EncryptedElements(&[0x0e, 0xee]),
                3 => Headers::Cryptex(Cryptex::On),
                4 => Headers::Cryptex(Cryptex::Required),
                _ => Headers::Clear,
            },
            tag: match lengths >> 3 & 3 {
                1 => SrtcpTag::Bytes4,
                2 => SrtcpTag::Bytes10,
                _ => SrtcpTag::OfSuite,
            },
            rate: match rate {
                0..192 => None,
                192 => Some(KeyDerivationRate::EVERY_PACKET),
                _ => KeyDerivationRate::from_exponent(rate - 192),
            },
            window: ReplayWindowSize::new(windows[usize::from(sizes % 4)]).unwrap(),
            most_streams: [1, 2, 3, 1024][usize::from(sizes >> 2 & 3)],
            lifetime: match sizes >> 4 {
                0..12 => None,
                n => Lifetime::new(u64::from(n) - 10).ok(),
            },
            initial_roc: input.roc(),
        }
    }

    pub(crate) fn sender(&self) -> Option<Sender> {
        self.sender_builder().build().ok()
    }

    pub(crate) fn receiver(&self) -> Option<Receiver> {
        self.receiver_builder().build().ok()
    }

    pub(crate) fn sender_builder(&self) -> SenderBuilder {
        let mut builder = self.options(Sender::builder(self.key(0)));
        if self.unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if self.first_srtcp_index_1 {
            builder = builder.first_srtcp_index_1();
        }
        builder
    }

    pub(crate) fn receiver_builder(&self) -> ReceiverBuilder {
        let mut builder = self.options(Receiver::builder(self.key(0)));
        if self.unencrypted_srtcp ^ self.other_e_bit {
            builder = builder.unencrypted_srtcp();
        }
        if self.accept_either_e_bit {
            builder = builder.e_bit(EBitPolicy::AcceptEither);
        }
        if self.search_roc {
            builder = builder.search_roc();
        }
        if self.either_tag {
            builder = builder.accept_either_srtcp_tag();
        }
        builder
    }

    /// All of the master keys.
    pub(crate) fn keys(&self) -> Vec<MasterKey> {
        let count = if self.mki > 0 { 2 } else { 1 };
        (0..count).map(|n| self.key(n)).collect()
    }

    /// Selects another key than so far, if there are several.
    pub(crate) fn select(&self, sender: &mut Sender, n: u8) {
        if self.mki > 0 {
            sender.select_key(&self.mki(n % 2)).unwrap();
        }
    }

    /// Can anybody forge packets of this plane? The suite or the options say so by name.
    pub(crate) fn is_forgeable(&self, plane: Plane) -> bool {
        let null_auth = self.suite.rtp_tag_len() == 0;
        match plane {
            Plane::Rtp => null_auth || self.unauthenticated_srtp,
            _ => null_auth && self.tag == SrtcpTag::OfSuite,
        }
    }

    /// What the receiver makes of a packet that was sent: CSRCs without an extension come with an empty one under cryptex.
    pub(crate) fn received(&self, plane: Plane, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        let is_cryptex = matches!(self.headers, Headers::Cryptex(_));
        if is_cryptex && plane == Plane::Rtp && matches!(plain[0] & 0x1f, 1..=15) {
            packet[0] |= 0x10;
            let behind = 12 + usize::from(plain[0] & 15) * 4;
            packet.splice(behind..behind, [0xbe, 0xde, 0, 0]);
        }
        packet
    }

    /// How much of a sender's overhead an RTP packet need not take.
    pub(crate) fn spare(&self, plane: Plane) -> usize {
        match self.headers {
            Headers::Cryptex(_) if plane == Plane::Rtp => 4,
            _ => 0,
        }
    }

    /// Does the receiver take the sender's SRTCP as the sender sends it?
    pub(crate) fn agrees_on_e_bit(&self) -> bool {
        !self.other_e_bit || self.accept_either_e_bit
    }

    fn options<D>(&self, mut builder: Builder<D>) -> Builder<D> {
        if self.mki > 0 {
            builder = builder.add_key(self.key(1));
        }
        if let Some(rate) = self.rate {
            builder = builder.key_derivation_rate(rate);
        }
        if self.unencrypted_srtp {
            builder = builder.unencrypted_srtp();
        }
        if self.unauthenticated_srtp {
            builder = builder.unauthenticated_srtp();
        }
        builder = match self.headers {
            Headers::Clear => builder,
            Headers::EncryptedElements(ids) => {
                builder.encrypted_header_extensions(ids.iter().copied())
            }
            Headers::Cryptex(cryptex) => builder.cryptex(cryptex),
        };
        builder
            .srtcp_tag(self.tag)
            .replay_window(self.window)
            .most_streams(NonZeroUsize::new(self.most_streams).unwrap())
            .initial_roc(self.initial_roc)
    }

    fn key(&self, n: u8) -> MasterKey {
        let bytes: Vec<u8> = (0..).take(self.suite.key_and_salt_len()).collect();
        let mut key_and_salt = bytes;
        key_and_salt
            .iter_mut()
            .for_each(|byte| *byte = byte.wrapping_mul(89) ^ (0x3c + n));
        let mut key = MasterKey::new(self.suite, &key_and_salt).unwrap();
        if self.mki > 0 {
            key = key.with_mki(self.mki(n));
        }
        if let Some(lifetime) = self.lifetime {
            key = key.with_lifetime(lifetime);
        }
        key
    }

    fn mki(&self, n: u8) -> Mki {
        Mki::new(&vec![n; self.mki]).unwrap()
    }
}
