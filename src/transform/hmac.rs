//! Encrypt, then HMAC-SHA1 (RFC 3711 §4.1 and §4.2): counter mode, f8 and NULL ciphers.

use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::{Authentic, Position};
use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::{Laid, with_cryptex_portion};
use crate::primitives::{HmacSha1, SHA1_LEN, is_truncation_of};
use crate::suite::CryptoSuite;

pub(crate) struct HmacTransform {
    cipher: Cipher,
    hmac: HmacSha1,
}

impl HmacTransform {
    pub(super) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let mut auth_key = Zeroizing::new([0; SHA1_LEN]);
        kdf.derive(plane, Purpose::Authentication, r, &mut *auth_key);
        let purposes = (Purpose::Encryption, Purpose::Salt);
        Self {
            cipher: Cipher::derive(suite, kdf, plane, purposes, r),
            hmac: HmacSha1::new(&*auth_key),
        }
    }

    #[inline]
    pub(super) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        if enciphered {
            let (header, payload) = packet.header_and_payload_mut();
            self.cipher.xor_keystream(header, payload, at);
        }
        self.write_tag(packet, at);
    }

    #[cold]
    pub(super) fn seal_cryptex(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
        let cipher = |clear: &[u8], portion: &mut [u8]| self.decipher(clear, portion, at);
        with_cryptex_portion(packet.plain_mut(), cipher);
        self.write_tag(packet, at);
    }

    #[inline]
    fn write_tag(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
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
