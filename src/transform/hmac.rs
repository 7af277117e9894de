//! Encrypt, then HMAC-SHA1 (RFC 3711 §4.1 and §4.2): counter mode, f8 and NULL ciphers.

use core::ops::Range;

use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::{Authentic, Position};
use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::{Laid, with_cryptex_portion, write_leading};
use crate::primitives::{Growing, HmacSha1, Message, SHA1_LEN, is_truncation_of};
use crate::suite::CryptoSuite;

/// Bytes of payload from which on the hash follows the cipher step by step. In shorter packets the steps cost more than they gain.
const LONG: usize = 300;
/// The most bytes of a step: as far as CPUs look ahead.
const STEP: usize = 320;

/// In this order: what every packet asks for is near the beginning, since f8 takes more room than the other ciphers.
#[repr(C)]
pub(crate) struct HmacTransform {
    hmac: HmacSha1,
    cipher: Cipher,
}

/// A code that is computed beside others (`batch`), and the tag that it is for.
pub(crate) struct TagJob {
    hmac: HmacSha1,
    /// Bytes of the packet that are authenticated, from its first one on.
    portion: usize,
    /// Behind them, in SRTP.
    roc: Option<[u8; 4]>,
    tag: Range<usize>,
}

impl TagJob {
    /// What the code is of.
    #[inline(always)]
    pub(crate) fn message<'m>(&'m self, packet: &'m [u8]) -> Option<Message<'m>> {
        Some(Message {
            hmac: &self.hmac,
            message: packet.get(..self.portion)?,
            suffix: self.roc.as_slice().as_flattened(),
        })
    }

    /// Writes the leading bytes of the code, as many as the tag has. Returns the length of the packet, of which the tag is the end.
    #[inline]
    pub(crate) fn write_tag(&self, packet: &mut [u8], code: &[u8; SHA1_LEN]) -> usize {
        let tag = packet.get_mut(self.tag.clone()).unwrap_or_default();
        write_leading(tag, code);
        self.tag.end
    }
}

impl HmacTransform {
    pub(super) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let mut auth_key = Zeroizing::new([0; SHA1_LEN]);
        kdf.derive(plane, Purpose::Authentication, r, &mut *auth_key);
        let purposes = (Purpose::Encryption, Purpose::Salt);
        Self {
            hmac: HmacSha1::new(&*auth_key),
            cipher: Cipher::derive(suite, kdf, plane, purposes, r),
        }
    }

    #[inline(always)]
    pub(super) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        let has_tag = packet.has_tag();
        let (plain, header) = packet.plain_and_header_len();
        if !(enciphered && has_tag && plain.len() - header >= LONG) {
            self.encipher(packet, at, enciphered);
            self.write_tag(packet, at);
            return;
        }
        let hash = self.encipher_and_hash(plain, header, at);
        let roc = authenticated_roc(at);
        let code = hash.code(packet.hmac_portion(), roc.as_slice().as_flattened());
        packet.write_tag(&code);
    }

    /// Enciphers a long packet, and lets the hash follow by a step. It is a chain, each link of which waits for the one before: a CPU with units for
    /// both has time for the next step of the cipher meanwhile, if that is not far away.
    ///
    /// It takes what a CPU has in registers: a packet that is laid out would have to be in memory, for short ones too.
    #[inline(never)]
    fn encipher_and_hash(&self, plain: &mut [u8], header: usize, at: Position) -> Growing<'_> {
        let mut hash = self.hmac.begin();
        match &self.cipher {
            Cipher::CounterMode(cipher) if cipher.has_unit() && self.hmac.has_unit() => {
                // Whole vectors, and one at least.
                let step = ((plain.len() - header) / 2).next_multiple_of(32);
                let step = step.clamp(32, STEP);
                let mut known = header;
                while known < plain.len() {
                    let next = known..(known + step).min(plain.len());
                    let part = plain.get_mut(next.clone()).unwrap_or_default();
                    cipher.xor_keystream_from(known - header, part, at);
                    hash.follow(plain.get(..known).unwrap_or_default());
                    known = next.end;
                }
            }
            cipher => cipher.encipher(plain, header, at),
        }
        hash
    }

    /// The same but for the tag: returns what is left to do, if there is one.
    #[inline(always)]
    pub(super) fn seal_but_tag(
        &self,
        packet: &mut Laid<&mut [u8]>,
        at: Position,
        enciphered: bool,
    ) -> Option<TagJob> {
        // The hash does not follow at once.
        if enciphered {
            let (plain, header) = packet.plain_and_header_len();
            self.cipher.xor_keystream(plain, header, at);
        }
        self.tag_job(packet, at)
    }

    #[inline(always)]
    fn encipher(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        if enciphered {
            let (plain, header) = packet.plain_and_header_len();
            self.cipher.encipher(plain, header, at);
        }
    }

    /// What it takes to compute the code of a packet elsewhere; `None` if it has no tag.
    #[inline(always)]
    pub(super) fn tag_job<B: AsRef<[u8]>>(&self, packet: &Laid<B>, at: Position) -> Option<TagJob> {
        Some(TagJob {
            tag: packet.tag_range()?,
            hmac: self.hmac.copy(),
            portion: packet.hmac_portion().len(),
            roc: authenticated_roc(at),
        })
    }

    /// Does `packet` belong at `at`? `job` and the code that came of it tell, if they are about this packet there.
    #[inline(always)]
    pub(super) fn verify_by(
        &self,
        (job, code): (&TagJob, &[u8; SHA1_LEN]),
        packet: &Laid<&[u8]>,
        at: Position,
    ) -> Option<Authentic> {
        let is_about_it = job.portion == packet.hmac_portion().len()
            && job.roc == authenticated_roc(at)
            && job.hmac.is_same_as(&self.hmac);
        let own;
        let code = match is_about_it {
            true => code,
            false => {
                own = self.code_aside(packet, at);
                &own
            }
        };
        match packet.tag() {
            None => Some(Authentic::waived(at)),
            Some(tag) => Authentic::verified(at, is_truncation_of(tag, code)),
        }
    }

    #[cold]
    #[inline(never)]
    fn code_aside(&self, packet: &Laid<&[u8]>, at: Position) -> [u8; SHA1_LEN] {
        self.code(packet, at)
    }

    #[cold]
    pub(super) fn seal_cryptex(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
        with_cryptex_portion(packet.plain_mut(), |plain, clear| {
            self.decipher(plain, clear, at);
        });
        self.write_tag(packet, at);
    }

    #[inline(always)]
    fn write_tag(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
        if packet.has_tag() {
            let code = self.code(packet, at);
            packet.write_tag(&code);
        }
    }

    #[inline(always)]
    pub(super) fn verify(&self, packet: &Laid<&[u8]>, at: Position) -> Option<Authentic> {
        match packet.tag() {
            None => Some(Authentic::waived(at)),
            Some(tag) => Authentic::verified(at, is_truncation_of(tag, &self.code(packet, at))),
        }
    }

    /// Is this the MAC behind the rollover counter that a packet carries (RFC 4771 §2)? Only RCCm3 has none there, and gives authentication up.
    #[cold]
    pub(super) fn verify_mac(
        &self,
        packet: &Laid<&[u8]>,
        mac: &[u8],
        at: Position,
    ) -> Option<Authentic> {
        match mac {
            [] => Some(Authentic::waived(at)),
            mac => Authentic::verified(at, is_truncation_of(mac, &self.code(packet, at))),
        }
    }

    #[inline(always)]
    pub(super) fn decipher(&self, plain: &mut [u8], header: usize, at: Position) {
        self.cipher.xor_keystream(plain, header, at);
    }

    /// RFC 3711 §4.2: over the authenticated portion and, in SRTP, the ROC behind it.
    fn code<B: AsRef<[u8]>>(&self, packet: &Laid<B>, at: Position) -> [u8; SHA1_LEN] {
        match at.plane {
            Plane::Rtp => self.hmac.code(packet.hmac_portion(), &at.roc_bytes()),
            Plane::Rtcp => self.hmac.code(packet.hmac_portion(), &[]),
        }
    }
}

/// The ROC that is authenticated behind a packet of SRTP (RFC 3711 §4.2). `HmacTransform::code`, for short packets, takes it without an `Option`.
fn authenticated_roc(at: Position) -> Option<[u8; 4]> {
    (at.plane == Plane::Rtp).then(|| at.roc_bytes())
}

#[cfg(all(test, feature = "aria"))]
mod tests {
    use super::*;
    use crate::header::RtpHeader;
    use crate::index::PacketIndex;
    use crate::layout::Trailer;
    use crate::primitives::BlockCipher;
    use crate::test_vectors::{Hex, read};
    use crate::transform::SessionSalt;
    use crate::transform::counter_mode::CounterMode;
    use alloc::string::String;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        section: String,
        suite: String,
        session_key: Hex,
        session_salt: Hex,
        auth_key: Hex,
        roc: u32,
        seq: u16,
        tag: Hex,
        plain_packet: Hex,
        protected_packet: Hex,
    }

    impl Case {
        fn transform(&self) -> HmacTransform {
            let suite: CryptoSuite = self.suite.parse().unwrap();
            let cipher = BlockCipher::new(suite.algorithm(), |key| {
                key.copy_from_slice(&self.session_key.0);
            });
            let salt = SessionSalt::of(&self.session_salt.0);
            HmacTransform {
                hmac: HmacSha1::new(&self.auth_key.0),
                cipher: Cipher::CounterMode(CounterMode::new(cipher, salt)),
            }
        }
    }

    #[test]
    fn srtp_under_aria_agrees_with_rfc_8269_a_1_both_ways() {
        for case in read::<Case>("rfc8269_srtp_ctr.json", 2) {
            let section = &case.section;
            let transform = case.transform();
            let (plain, protected) = (&case.plain_packet.0, &case.protected_packet.0);
            let header = RtpHeader::parse(plain).unwrap();
            let at = Position {
                plane: Plane::Rtp,
                ssrc: header.ssrc,
                index: PacketIndex::new(case.roc, case.seq).value(),
            };
            let trailer = Trailer::new(false, 0, 0, case.tag.0.len());
            let layout = trailer.behind(header.len, plain.len());
            let mut packet = plain.clone();
            packet.resize(layout.total(), 0);
            transform.seal(&mut layout.over_mut(&mut packet).unwrap(), at, true);
            assert_eq!(&packet, protected, "{section}");

            let layout = trailer.within(header.len, packet.len()).unwrap();
            let laid = layout.over(protected).unwrap();
            assert!(transform.verify(&laid, at).is_some(), "{section}");
            transform.decipher(&mut packet[..plain.len()], header.len, at);
            assert_eq!(packet[..plain.len()], plain[..], "{section}");
        }
    }
}
