//! AES in counter mode (RFC 3711 §4.1.1).

use zeroize::ZeroizeOnDrop;

use super::Position;
use crate::primitives::{Aes, BLOCK};

pub(super) struct CounterMode {
    aes: Aes,
    salt: SessionSalt,
}

#[derive(ZeroizeOnDrop)]
struct SessionSalt([u8; 14]);

impl CounterMode {
    pub(super) fn new(aes: Aes, salt: [u8; 14]) -> Self {
        Self {
            aes,
            salt: SessionSalt(salt),
        }
    }

    #[inline]
    pub(super) fn xor_keystream(&self, payload: &mut [u8], at: Position) {
        self.aes.xor_keystream(&self.first_block(at), payload);
    }

    /// `IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)`
    fn first_block(&self, at: Position) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let place = [0; 4]
            .into_iter()
            .chain(at.ssrc.to_be_bytes())
            .chain(at.index_bytes());
        for ((to, salt), place) in block.iter_mut().zip(self.salt.0).zip(place) {
            *to = salt ^ place;
        }
        block
    }
}
