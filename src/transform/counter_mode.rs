//! AES in counter mode (RFC 3711 §4.1.1).

use super::{Position, SessionSalt};
use crate::primitives::{Aes, BLOCK};

pub(super) struct CounterMode {
    aes: Aes,
    salt: SessionSalt<14>,
}

impl CounterMode {
    pub(super) fn new(aes: Aes, salt: SessionSalt<14>) -> Self {
        Self { aes, salt }
    }

    #[inline]
    pub(super) fn xor_keystream(&self, payload: &mut [u8], at: Position) {
        self.aes.xor_keystream(&self.first_block(at), payload);
    }

    /// `IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)`
    fn first_block(&self, at: Position) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let iv = self.salt.xor([0; 4].into_iter().chain(at.ssrc_and_index()));
        for (to, from) in block.iter_mut().zip(iv) {
            *to = from;
        }
        block
    }
}
