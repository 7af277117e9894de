//! AES in counter mode (RFC 3711 §4.1.1).

use super::{Position, SessionSalt};
use crate::primitives::Aes;

pub(super) struct CounterMode {
    aes: Aes,
    salt: SessionSalt,
}

impl CounterMode {
    pub(super) fn new(aes: Aes, salt: SessionSalt) -> Self {
        Self { aes, salt }
    }

    /// `IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)`
    #[inline]
    pub(super) fn xor_keystream(&self, payload: &mut [u8], at: Position) {
        let iv = (self.salt.0 ^ at.ssrc_and_index()) << 16;
        self.aes.xor_keystream(&iv.to_be_bytes(), payload);
    }
}
