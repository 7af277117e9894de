//! Master key → session keys (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11, RFC 8269 §3).

use zeroize::Zeroizing;

use crate::header::Plane;
use crate::key::MasterKey;
use crate::primitives::{BLOCK, BlockCipher};

/// How often session keys are derived anew: every 2^n packets (RFC 3711 §4.3.1, `KDR` in RFC 4568 §6.3.1).
///
/// Without one (the default) they are derived once. The exponents 1 to 24 can be signalled; a new key for
/// every packet is something that only RFC 3711 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDerivationRate(u32);

impl KeyDerivationRate {
    /// New session keys for every packet, 2^0.
    pub const EVERY_PACKET: Self = Self(0);

    /// New session keys every 2^`exponent` packets; `None` unless the exponent is in 1 ..= 24.
    #[must_use]
    pub const fn from_exponent(exponent: u8) -> Option<Self> {
        if exponent >= 1 && exponent <= 24 {
            Some(Self(exponent as u32))
        } else {
            None
        }
    }

    /// [`EVERY_PACKET`](Self::EVERY_PACKET) among them.
    pub(crate) fn from_any_exponent(exponent: u8) -> Option<Self> {
        (exponent <= 24).then_some(Self(exponent.into()))
    }

    /// The n of 2^n packets.
    #[must_use]
    pub const fn exponent(self) -> u32 {
        self.0
    }

    /// `r = index DIV kdr`: which derivation the packet with this index is under.
    pub(crate) fn epoch(self, index: u64) -> u64 {
        index >> self.0
    }
}

/// What a derived key is for. The label of RFC 3711 §4.3.2 is this number for SRTP and 3 more for SRTCP, which has no header extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
    /// RFC 6904 §3.
    HeaderEncryption = 6,
    HeaderSalt = 7,
}

/// The key derivation function, keyed with one master key.
pub(crate) struct Kdf {
    prf: BlockCipher,
    /// The master salt, right-padded with zeros to a block, as a number: that is how a 12-byte salt (RFC 7714) enters the
    /// derivation in every deployed implementation and in the errata of RFC 7714; aligning it at the
    /// right of 14 bytes, as RFC 3711 §4.3.1 might be read, gives keys that nobody else has.
    salt: Zeroizing<u128>,
}

impl Kdf {
    /// Keys the pseudo-random function: the suite's block cipher in counter mode with the master key, whatever its length
    /// (RFC 3711 §4.3.3, RFC 6188 §3, RFC 8269 §3).
    pub(crate) fn new(key: &MasterKey) -> Self {
        let salt = key.master_salt().iter().zip((0..BLOCK).rev());
        let salt = salt.fold(0, |sum, (byte, behind)| {
            sum | u128::from(*byte) << (8 * behind)
        });
        let algorithm = key.suite().algorithm();
        Self {
            prf: BlockCipher::new(algorithm, |prf_key| copy(prf_key, key.master_key())),
            salt: Zeroizing::new(salt),
        }
    }

    /// Derives `out.len()` bytes for `purpose` in epoch `r` (0 without a key derivation rate).
    ///
    /// RFC 3711 §4.3.2 has the SRTCP index replace the 48-bit one by 32 bits, which would move the label by two bytes.
    /// Deployed practice and NIST's vectors keep 48 bits in both planes: the label is byte 7 of the salt.
    pub(crate) fn derive(&self, plane: Plane, purpose: Purpose, r: u64, out: &mut [u8]) {
        let label = purpose as u8
            + match plane {
                Plane::Rtp => 0,
                Plane::Rtcp => 3,
            };
        self.derive_label(label, r, out);
    }

    /// Derives bytes that are no session key, by which a master key is recognised: under a label that RFC 3711 §4.3, RFC 6904 and
    /// RFC 8723 leave free.
    pub(crate) fn derive_check(&self, out: &mut [u8]) {
        self.derive_label(0xff, 0, out);
    }

    /// Derives the key that vouches for an exported state, and is none of a session either.
    pub(crate) fn derive_state_key(&self, out: &mut [u8]) {
        self.derive_label(0xfe, 0, out);
    }

    fn derive_label(&self, label: u8, r: u64, out: &mut [u8]) {
        let key_id = u128::from(label) << 48 | u128::from(r % (1 << 48));
        out.fill(0);
        self.prf.xor_keystream(*self.salt ^ key_id << 16, out);
    }
}

fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CryptoSuite;
    use crate::test_vectors::{Hex, read};
    use alloc::{string::String, vec, vec::Vec};
    use serde::Deserialize;

    /// Any suite under AES whose keys have that length will do: the derivation is the same.
    fn kdf(master_key: &[u8], master_salt: &[u8]) -> Kdf {
        let suite = match master_key.len() {
            16 => CryptoSuite::AesCm128HmacSha1_80,
            24 => CryptoSuite::Aes192CmHmacSha1_80,
            _ => CryptoSuite::Aes256CmHmacSha1_80,
        };
        kdf_of(suite, master_key, master_salt)
    }

    fn kdf_of(suite: CryptoSuite, master_key: &[u8], master_salt: &[u8]) -> Kdf {
        Kdf::new(&MasterKey::from_key_and_salt(suite, master_key, master_salt).unwrap())
    }

    #[derive(Deserialize)]
    struct RfcCase {
        /// AES if it is not there.
        suite: Option<String>,
        master_key: Hex,
        master_salt: Hex,
        kdr: u64,
        index: u64,
        derived: Vec<Derived>,
    }

    #[derive(Deserialize)]
    struct Derived {
        name: String,
        label: u8,
        length: usize,
        key: Hex,
    }

    fn check_rfc(case: &RfcCase, keys: usize) {
        assert_eq!(case.derived.len(), keys);
        assert_eq!((case.kdr, case.index), (0, 0));
        let (key, salt) = (&case.master_key.0, &case.master_salt.0);
        let kdf = match &case.suite {
            Some(suite) => kdf_of(suite.parse().unwrap(), key, salt),
            None => kdf(key, salt),
        };
        for derived in &case.derived {
            let purpose = match derived.name.as_str() {
                "cipher_key" => Purpose::Encryption,
                "auth_key" => Purpose::Authentication,
                "cipher_salt" => Purpose::Salt,
                "header_cipher_key" => Purpose::HeaderEncryption,
                "header_cipher_salt" => Purpose::HeaderSalt,
                name => panic!("{name}"),
            };
            assert_eq!(purpose as u8, derived.label);
            let mut key = vec![0xff; derived.length];
            kdf.derive(Plane::Rtp, purpose, 0, &mut key);
            assert_eq!(key, derived.key.0, "{}", derived.name);
        }
    }

    #[test]
    fn session_keys_agree_with_rfc_3711_b_3() {
        read("rfc3711_b3_key_derivation.json", 1)
            .iter()
            .for_each(|case| check_rfc(case, 3));
    }

    #[test]
    fn session_keys_agree_with_rfc_6188_for_aes_192_and_256() {
        read("rfc6188_key_derivation.json", 2)
            .iter()
            .for_each(|case| check_rfc(case, 3));
    }

    #[cfg(feature = "aria")]
    #[test]
    fn session_keys_agree_with_rfc_8269_a_3_for_aria() {
        read("rfc8269_key_derivation.json", 2)
            .iter()
            .for_each(|case| check_rfc(case, 3));
    }

    #[test]
    fn session_keys_for_header_extensions_agree_with_rfc_6904_a_1() {
        read("rfc6904_key_derivation.json", 1)
            .iter()
            .for_each(|case| check_rfc(case, 2));
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct NistCase {
        kdr: Hex,
        master_key: Hex,
        master_salt: Hex,
        index: Hex,
        srtcp_index: Hex,
        srtp_ke: Hex,
        srtp_ka: Hex,
        srtp_ks: Hex,
        srtcp_ke: Hex,
        srtcp_ka: Hex,
        srtcp_ks: Hex,
    }

    #[test]
    fn session_keys_agree_with_nist_in_both_planes_and_at_rates_other_than_0() {
        let mut rates = [0; 3];
        for case in read::<NistCase>("acvp_srtp_kdf.json", 6) {
            let kdf = kdf(&case.master_key.0, &case.master_salt.0);
            let epoch = |index: &Hex| {
                let index = index
                    .0
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                match case.kdr.0[..] {
                    [0] => 0,
                    [1] => KeyDerivationRate::EVERY_PACKET.epoch(index),
                    [2] => KeyDerivationRate::from_exponent(1).unwrap().epoch(index),
                    _ => panic!("{:?}", case.kdr),
                }
            };
            rates[usize::from(case.kdr.0[0])] += 1;
            let planes = [
                (
                    Plane::Rtp,
                    &case.index,
                    [case.srtp_ke, case.srtp_ka, case.srtp_ks],
                ),
                (
                    Plane::Rtcp,
                    &case.srtcp_index,
                    [case.srtcp_ke, case.srtcp_ka, case.srtcp_ks],
                ),
            ];
            let purposes = [Purpose::Encryption, Purpose::Authentication, Purpose::Salt];
            for (plane, index, expected) in planes {
                for (purpose, expected) in purposes.into_iter().zip(expected) {
                    let mut key = vec![0xff; expected.0.len()];
                    kdf.derive(plane, purpose, epoch(index), &mut key);
                    assert_eq!(key, expected.0, "{plane} {purpose:?}");
                }
            }
        }
        assert!(rates.iter().all(|cases| *cases > 0), "each rate has a case");
    }

    #[test]
    fn rates_are_exponents_1_to_24() {
        assert!(KeyDerivationRate::from_exponent(0).is_none());
        assert!(KeyDerivationRate::from_exponent(25).is_none());
        for exponent in 1..=24 {
            let rate = KeyDerivationRate::from_exponent(exponent).unwrap();
            let packets = 1u64 << exponent;
            assert_eq!((rate.epoch(packets - 1), rate.epoch(packets)), (0, 1));
        }
    }
}
