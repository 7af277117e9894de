//! Master key → session keys (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use zeroize::Zeroizing;

use crate::Plane;
use crate::key::MasterKey;
use crate::primitives::{Aes, BLOCK};

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

/// What a derived key is for. The label of RFC 3711 §4.3.2 is this number for SRTP and 3 more for SRTCP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// The key derivation function, keyed with one master key.
pub(crate) struct Kdf {
    prf: Aes,
    /// The master salt, right-padded with zeros to 14 bytes: that is how a 12-byte salt (RFC 7714) enters the
    /// derivation in every deployed implementation and in the errata of RFC 7714; aligning it at the
    /// right, as RFC 3711 §4.3.1 might be read, gives keys that nobody else has.
    salt: Zeroizing<[u8; 14]>,
}

impl Kdf {
    /// Keys the pseudo-random function: AES in counter mode with the master key, whatever its length
    /// (RFC 3711 §4.3.3, RFC 6188 §3).
    pub(crate) fn new(key: &MasterKey) -> Self {
        let mut salt = Zeroizing::new([0; 14]);
        copy(&mut *salt, key.master_salt());
        let size = key.suite().aes_key_size();
        Self {
            prf: Aes::new(size, |prf_key| copy(prf_key, key.master_key())),
            salt,
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
        let [_, _, r @ ..] = r.to_be_bytes();
        let mut first = Zeroizing::new([0; BLOCK]);
        let key_id = [0; 7].into_iter().chain([label]).chain(r);
        for ((to, salt), id) in first.iter_mut().zip(*self.salt).zip(key_id) {
            *to = salt ^ id;
        }
        out.fill(0);
        self.prf.xor_keystream(&first, out);
    }
}

fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
