//! AES-GCM (RFC 7714).

use zeroize::ZeroizeOnDrop;

use super::{Authentic, Position};
use crate::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::Laid;
use crate::primitives::{Aes, BLOCK, Gcm, is_truncation_of};
use crate::suite::CryptoSuite;

pub(crate) struct GcmTransform {
    gcm: Gcm,
    salt: SessionSalt,
}

#[derive(ZeroizeOnDrop)]
struct SessionSalt([u8; 12]);

impl GcmTransform {
    pub(super) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let aes = Aes::new(suite.aes_key_size(), |key| {
            kdf.derive(plane, Purpose::Encryption, r, key);
        });
        let mut salt = SessionSalt([0; 12]);
        kdf.derive(plane, Purpose::Salt, r, &mut salt.0);
        Self {
            gcm: Gcm::new(aes),
            salt,
        }
    }

    #[inline]
    pub(super) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        if enciphered {
            let (_, payload) = packet.header_and_payload_mut();
            self.gcm.xor_keystream(&self.nonce(at), payload);
        }
        let tag = self.tag(packet, at, enciphered);
        packet.write_tag(&tag);
    }

    #[inline]
    pub(super) fn verify(
        &self,
        packet: &Laid<&[u8]>,
        at: Position,
        enciphered: bool,
    ) -> Option<Authentic> {
        let tag = self.tag(packet, at, enciphered);
        Authentic::verified(at, is_truncation_of(packet.tag(), &tag))
    }

    #[inline]
    pub(super) fn decipher(&self, payload: &mut [u8], at: Position) {
        self.gcm.xor_keystream(&self.nonce(at), payload);
    }

    /// The associated data is the header and, in SRTCP, the ESRTCP word (RFC 7714 §8.2, §9.2); of SRTCP that is
    /// not enciphered, all of the packet and the word (§9.3).
    fn tag<B: AsRef<[u8]>>(&self, packet: &Laid<B>, at: Position, enciphered: bool) -> [u8; BLOCK] {
        let (aad, ciphertext) = if enciphered {
            (packet.header(), packet.payload())
        } else {
            (packet.header_and_payload(), &[][..])
        };
        self.gcm
            .tag(&self.nonce(at), aad, packet.word(), ciphertext)
    }

    /// §8.1, §9.1: two zero bytes, SSRC, and ROC‖SEQ or the SRTCP index in 6 bytes, XORed with the salt.
    fn nonce(&self, at: Position) -> [u8; 12] {
        let mut nonce = [0; 12];
        let place = [0; 2]
            .into_iter()
            .chain(at.ssrc.to_be_bytes())
            .chain(at.index_bytes());
        for ((to, salt), place) in nonce.iter_mut().zip(self.salt.0).zip(place) {
            *to = salt ^ place;
        }
        nonce
    }
}
