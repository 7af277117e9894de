//! Encrypt, then HMAC-SHA1 (RFC 3711 §4.1 and §4.2): counter mode, f8 and NULL ciphers.

use zeroize::Zeroizing;

use super::counter_mode::CounterMode;
use super::f8::F8;
use super::{Authentic, Position, SessionSalt};
use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::Laid;
use crate::primitives::{Aes, HmacSha1, SHA1_LEN, is_truncation_of};
use crate::suite::{CipherKind, CryptoSuite};

pub(crate) struct HmacTransform {
    cipher: Cipher,
    hmac: HmacSha1,
}

/// How the payload is enciphered.
#[expect(
    clippy::large_enum_variant,
    reason = "keys for a new epoch are derived on the packet path, which does not allocate"
)]
enum Cipher {
    CounterMode(CounterMode),
    F8(F8),
    /// RFC 3711 §4.1.3: the payload travels as it is.
    Null,
}

impl Cipher {
    /// XORs the keystream of the packet at `at` onto its payload.
    fn xor_keystream(&self, header: &[u8], payload: &mut [u8], at: Position) {
        match self {
            Self::CounterMode(cipher) => cipher.xor_keystream(payload, at),
            Self::F8(cipher) => cipher.xor_keystream(header, payload, at),
            Self::Null => {}
        }
    }
}

impl HmacTransform {
    pub(super) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let size = suite.aes_key_size();
        let derive_key = |key: &mut [u8]| kdf.derive(plane, Purpose::Encryption, r, key);
        let cipher = match suite.cipher() {
            CipherKind::F8 => {
                let mut salt = Zeroizing::new([0; 14]);
                kdf.derive(plane, Purpose::Salt, r, &mut *salt);
                Cipher::F8(F8::new(size, derive_key, &*salt))
            }
            CipherKind::Null => Cipher::Null,
            _ => {
                let salt = SessionSalt::derive::<14>(kdf, plane, r);
                let aes = Aes::new(size, derive_key);
                Cipher::CounterMode(CounterMode::new(aes, salt))
            }
        };
        let mut auth_key = Zeroizing::new([0; SHA1_LEN]);
        kdf.derive(plane, Purpose::Authentication, r, &mut *auth_key);
        Self {
            cipher,
            hmac: HmacSha1::new(&*auth_key),
        }
    }

    #[inline]
    pub(super) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        if enciphered {
            let (header, payload) = packet.header_and_payload_mut();
            self.cipher.xor_keystream(header, payload, at);
        }
        if packet.tag().is_some() {
            let code = self.code(packet, at);
            packet.write_tag(&code);
        }
    }

    #[inline]
    pub(super) fn verify(&self, packet: &Laid<&[u8]>, at: Position) -> Option<Authentic> {
        match packet.tag() {
            None => Some(Authentic::waived(at)),
            Some(tag) => Authentic::verified(at, is_truncation_of(tag, &self.code(packet, at))),
        }
    }

    #[inline]
    pub(super) fn decipher(&self, header: &[u8], payload: &mut [u8], at: Position) {
        self.cipher.xor_keystream(header, payload, at);
    }

    /// RFC 3711 §4.2: over the authenticated portion and, in SRTP, the ROC behind it.
    fn code<B: AsRef<[u8]>>(&self, packet: &Laid<B>, at: Position) -> [u8; SHA1_LEN] {
        match at.plane {
            Plane::Rtp => self.hmac.code(packet.hmac_portion(), &at.roc_bytes()),
            Plane::Rtcp => self.hmac.code(packet.hmac_portion(), &[]),
        }
    }
}
