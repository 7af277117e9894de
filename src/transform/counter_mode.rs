//! Counter mode (RFC 3711 §4.1.1).

use super::{Position, SessionSalt};
use crate::primitives::{BLOCK, BlockCipher};

/// In this order: the salt is beside what every packet asks of the cipher.
#[repr(C)]
pub(super) struct CounterMode {
    salt: SessionSalt,
    cipher: BlockCipher,
}

impl CounterMode {
    pub(super) fn new(cipher: BlockCipher, salt: SessionSalt) -> Self {
        Self { salt, cipher }
    }

    /// Does the CPU have units for the cipher that this crate has kernels for?
    #[inline(always)]
    pub(super) fn has_unit(&self) -> bool {
        matches!(self.cipher, BlockCipher::Vector(_))
    }

    /// XORs the keystream of the packet at `at` onto what is behind its header.
    #[inline(always)]
    pub(super) fn xor_keystream(&self, packet: &mut [u8], header: usize, at: Position) {
        if let Some(payload) = packet.get_mut(header..) {
            self.cipher.xor_keystream(self.iv(at), payload);
        }
    }

    /// The same, for a hash of the packet that follows.
    #[inline(always)]
    pub(super) fn encipher(&self, packet: &mut [u8], header: usize, at: Position) {
        let iv = self.iv(at);
        self.cipher.xor_keystream_behind(iv, packet, header);
    }

    /// The same for a part of the payload that begins `from` bytes behind its beginning, at a block.
    #[inline(always)]
    pub(super) fn xor_keystream_from(&self, from: usize, part: &mut [u8], at: Position) {
        let blocks = u128::try_from(from / BLOCK).unwrap_or_default();
        self.cipher.xor_keystream(self.iv(at) + blocks, part);
    }

    /// The keystream of the packet at `at`, of which 2^16 blocks are sound.
    pub(super) fn blocks(&self, at: Position) -> impl Iterator<Item = [u8; BLOCK]> {
        let iv = self.iv(at);
        (0u128..).map(move |n| self.cipher.encrypt_block(&(iv | n).to_be_bytes()))
    }

    /// `IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)`
    #[inline]
    fn iv(&self, at: Position) -> u128 {
        (self.salt.0 ^ at.ssrc_and_index()) << 16
    }
}
