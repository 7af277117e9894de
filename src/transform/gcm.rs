//! GCM (RFC 7714, RFC 8269 §2.2).

use zeroize::Zeroizing;

use super::{Authentic, Position, SessionSalt};
use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::{EncryptedPortion, Laid, with_cryptex_portion};
use crate::primitives::{BLOCK, BlockCipher, Gcm, is_truncation_of};
use crate::suite::CryptoSuite;

/// In this order: what every packet asks for is near the beginning.
#[repr(C)]
pub(crate) struct GcmTransform {
    salt: SessionSalt,
    gcm: Gcm,
}

impl GcmTransform {
    pub(super) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let cipher = BlockCipher::new(suite.algorithm(), |key| {
            kdf.derive(plane, Purpose::Encryption, r, key);
        });
        let mut salt = Zeroizing::new([0; 12]);
        kdf.derive(plane, Purpose::Salt, r, &mut *salt);
        Self {
            salt: SessionSalt::of(&*salt),
            gcm: Gcm::new(cipher),
        }
    }

    #[inline(always)]
    pub(super) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        let nonce = self.nonce(at);
        let tag = if enciphered {
            let (header, payload, word) = packet.header_payload_and_word();
            self.gcm.seal(nonce, header, word, payload)
        } else {
            self.tag(packet, nonce, enciphered)
        };
        packet.write_tag(&tag);
    }

    #[cold]
    pub(super) fn seal_cryptex(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
        with_cryptex_portion(packet.plain_mut(), |plain, clear| {
            self.decipher(plain, clear, at);
        });
        let tag = self.cryptex_tag(packet, at);
        packet.write_tag(&tag);
    }

    #[inline(always)]
    pub(super) fn verify(
        &self,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        let tag = match portion {
            EncryptedPortion::Cryptex => self.cryptex_tag(packet, at),
            _ => self.tag(packet, self.nonce(at), portion != EncryptedPortion::Nothing),
        };
        Authentic::verified(at, is_truncation_of(packet.tag()?, &tag))
    }

    #[inline(always)]
    pub(super) fn decipher(&self, plain: &mut [u8], header: usize, at: Position) {
        if let Some(payload) = plain.get_mut(header..) {
            self.gcm.xor_keystream(self.nonce(at), payload);
        }
    }

    /// The associated data is the header and, in SRTCP, the ESRTCP word (RFC 7714 §8.2, §9.2); of SRTCP that is
    /// not enciphered, all of the packet and the word (§9.3).
    #[inline(always)]
    fn tag<B: AsRef<[u8]>>(&self, packet: &Laid<B>, nonce: u128, enciphered: bool) -> [u8; BLOCK] {
        let (aad, ciphertext) = if enciphered {
            (packet.header(), packet.payload())
        } else {
            (packet.header_and_payload(), &[][..])
        };
        self.gcm.tag(nonce, aad, packet.word(), ciphertext)
    }

    /// The associated data is what cryptex leaves in the clear (RFC 9335).
    #[cold]
    #[inline(never)]
    fn cryptex_tag<B: AsRef<[u8]>>(&self, packet: &Laid<B>, at: Position) -> [u8; BLOCK] {
        let (clear, ciphertext) = packet.cryptex_parts();
        self.gcm.tag_of_two(self.nonce(at), clear, ciphertext)
    }

    /// §8.1, §9.1: two zero bytes, SSRC, and ROC‖SEQ or the SRTCP index in 6 bytes, XORed with the salt. A number of 96 bits.
    #[inline(always)]
    fn nonce(&self, at: Position) -> u128 {
        self.salt.0 ^ at.ssrc_and_index()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{RTCP_FIXED, RtpHeader, rtcp_ssrc};
    use crate::index::PacketIndex;
    use crate::layout::{Trailer, esrtcp_word, split_esrtcp};
    use crate::simd::{Level, every_level};
    use crate::test_vectors::{Hex, read};
    use alloc::{string::String, vec::Vec};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        section: String,
        suite: String,
        encrypted: bool,
        session_key: Hex,
        session_salt: Hex,
        roc: Option<u32>,
        seq: Option<u16>,
        srtcp_index: Option<u32>,
        iv: Hex,
        tag: Hex,
        plain_packet: Hex,
        protected_packet: Hex,
    }

    impl Case {
        fn transform(&self, level: Option<Level>) -> GcmTransform {
            let suite: CryptoSuite = self.suite.parse().unwrap();
            let cipher = BlockCipher::on(level, suite.algorithm(), |key| {
                key.copy_from_slice(&self.session_key.0);
            });
            GcmTransform {
                salt: SessionSalt::of(&self.session_salt.0),
                gcm: Gcm::new(cipher),
            }
        }

        fn check(&self, header: usize, word: usize, at: Position) {
            for level in every_level() {
                self.check_on(level, header, word, at);
            }
        }

        fn check_on(&self, level: Option<Level>, header: usize, word: usize, at: Position) {
            let section = &self.section;
            let transform = self.transform(level);
            assert_eq!(
                transform.nonce(at).to_be_bytes()[4..],
                self.iv.0,
                "{section}"
            );
            let trailer = Trailer::new(true, word, 0, 16);

            let plain = &self.plain_packet.0;
            let layout = trailer.behind(header, plain.len());
            let mut sealed: Vec<u8> = plain.clone();
            sealed.resize(layout.total(), 0);
            let mut laid = layout.over_mut(&mut sealed).unwrap();
            if word > 0 {
                laid.write_word(esrtcp_word(self.encrypted, at.index));
            }
            transform.seal(&mut laid, at, self.encrypted);
            assert_eq!(laid.tag(), Some(self.tag.0.as_slice()), "{section}");
            assert_eq!(sealed, self.protected_packet.0, "{section}");

            let protected = &self.protected_packet.0;
            let laid = trailer
                .within(header, protected.len())
                .unwrap()
                .over(protected)
                .unwrap();
            assert!(
                transform
                    .verify(&laid, at, EncryptedPortion::payload_if(self.encrypted))
                    .is_some(),
                "{section}"
            );
            let mut opened = protected[..plain.len()].to_vec();
            if self.encrypted {
                transform.decipher(&mut opened, header, at);
            }
            assert_eq!(&opened, plain, "{section}");

            for bit in 0..protected.len() * 8 {
                let mut forged = protected.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let laid = trailer
                    .within(header, forged.len())
                    .unwrap()
                    .over(&forged)
                    .unwrap();
                assert!(
                    transform
                        .verify(&laid, at, EncryptedPortion::payload_if(self.encrypted))
                        .is_none(),
                    "{section} {bit}"
                );
            }
        }
    }

    fn check_srtp(case: &Case) {
        let header = RtpHeader::parse(&case.plain_packet.0).unwrap();
        let index = PacketIndex::new(case.roc.unwrap(), case.seq.unwrap());
        assert_eq!(header.seq, index.seq());
        let at = Position {
            plane: Plane::Rtp,
            ssrc: header.ssrc,
            index: index.value(),
        };
        case.check(header.len, 0, at);
    }

    #[test]
    fn srtp_agrees_with_rfc_7714_section_16_and_no_bit_can_be_changed() {
        read("rfc7714_srtp.json", 8).iter().for_each(check_srtp);
    }

    #[cfg(feature = "aria")]
    #[test]
    fn srtp_under_aria_agrees_with_rfc_8269_a_2_and_no_bit_can_be_changed() {
        read("rfc8269_srtp_gcm.json", 2).iter().for_each(check_srtp);
    }

    #[test]
    fn srtcp_agrees_with_rfc_7714_section_17_and_no_bit_can_be_changed() {
        for case in read::<Case>("rfc7714_srtcp.json", 4) {
            let (_, word) = case.protected_packet.0.split_last_chunk::<4>().unwrap();
            let index = case.srtcp_index.unwrap();
            assert_eq!(split_esrtcp(word), Some((case.encrypted, index)));
            let at = Position {
                plane: Plane::Rtcp,
                ssrc: rtcp_ssrc(&case.plain_packet.0).unwrap(),
                index: index.into(),
            };
            case.check(RTCP_FIXED, 4, at);
        }
    }
}
