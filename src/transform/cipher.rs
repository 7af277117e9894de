//! Keystream and nothing else: what enciphers payloads under HMAC, and header extensions under any suite.

use zeroize::Zeroizing;

use super::counter_mode::CounterMode;
use super::f8::F8;
use super::{Position, SessionSalt};
use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::primitives::BlockCipher;
use crate::suite::{CipherKind, CryptoSuite};

/// How the payload is enciphered.
#[expect(
    clippy::large_enum_variant,
    reason = "keys for a new epoch are derived on the packet path, which does not allocate"
)]
pub(super) enum Cipher {
    CounterMode(CounterMode),
    F8(F8),
    /// RFC 3711 §4.1.3: the payload travels as it is.
    Null,
}

impl Cipher {
    /// Derives the keys of `plane` in epoch `r`, for encryption and salt.
    pub(super) fn derive(
        suite: CryptoSuite,
        kdf: &Kdf,
        plane: Plane,
        (encryption, salt): (Purpose, Purpose),
        r: u64,
    ) -> Self {
        let algorithm = suite.algorithm();
        let derive_key = |key: &mut [u8]| kdf.derive(plane, encryption, r, key);
        // The 12 bytes of the GCM suites are padded at the right, as they are in the key derivation.
        let mut bytes = Zeroizing::new([0; 14]);
        if let Some(bytes) = bytes.get_mut(..suite.salt_len()) {
            kdf.derive(plane, salt, r, bytes);
        }
        match suite.cipher() {
            CipherKind::F8 => Self::F8(F8::new(algorithm, derive_key, &*bytes)),
            CipherKind::Null => Self::Null,
            CipherKind::CounterMode | CipherKind::Gcm => {
                let cipher = BlockCipher::beside_sha1(algorithm, derive_key);
                Self::CounterMode(CounterMode::new(cipher, SessionSalt::of(&*bytes)))
            }
        }
    }

    /// Enciphers what is behind the first `header` bytes of the packet at `at`, before it is hashed.
    #[inline(always)]
    pub(super) fn encipher(&self, packet: &mut [u8], header: usize, at: Position) {
        match self {
            Self::CounterMode(cipher) => cipher.encipher(packet, header, at),
            _ => self.xor_keystream(packet, header, at),
        }
    }

    /// XORs the keystream of the packet at `at` onto what is behind the first `header` bytes of it.
    #[inline(always)]
    pub(super) fn xor_keystream(&self, packet: &mut [u8], header: usize, at: Position) {
        match self {
            Self::CounterMode(cipher) => cipher.xor_keystream(packet, header, at),
            Self::F8(cipher) => cipher.xor_keystream(packet, header, at),
            Self::Null => {}
        }
    }
}
