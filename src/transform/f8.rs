//! AES in f8 mode (RFC 3711 §4.1.2).

use super::Position;
use crate::Plane;
use crate::layout::esrtcp_word;
use crate::primitives::{Aes, AesKeySize, BLOCK};

pub(super) struct F8 {
    /// `E(k_e, ·)`
    aes: Aes,
    /// `E(k_e XOR m, ·)`, which makes IV' of IV.
    masked: Aes,
}

impl F8 {
    /// `m = k_s ‖ 0x555…5`: the session salt, filled up to the length of the key.
    pub(super) fn new(size: AesKeySize, derive_key: impl Fn(&mut [u8]), salt: &[u8]) -> Self {
        let mask = salt.iter().copied().chain(core::iter::repeat(0x55));
        Self {
            aes: Aes::new(size, &derive_key),
            masked: Aes::new(size, |key| {
                derive_key(key);
                for (byte, mask) in key.iter_mut().zip(mask) {
                    *byte ^= mask;
                }
            }),
        }
    }

    pub(super) fn xor_keystream(&self, header: &[u8], payload: &mut [u8], at: Position) {
        let iv = match at.plane {
            Plane::Rtp => rtp_iv(header, at),
            Plane::Rtcp => rtcp_iv(header, at),
        };
        self.xor_keystream_from(&iv, payload);
    }

    /// `S(j) = E(k_e, IV' XOR j XOR S(j-1))`, `S(-1) = 0`.
    fn xor_keystream_from(&self, iv: &[u8; BLOCK], payload: &mut [u8]) {
        let iv = u128::from_be_bytes(self.masked.encrypt_block(iv));
        let mut stream = 0u128;
        for (j, block) in (0u128..).zip(payload.chunks_mut(BLOCK)) {
            let bytes = self.aes.encrypt_block(&(iv ^ j ^ stream).to_be_bytes());
            stream = u128::from_be_bytes(bytes);
            for (byte, key) in block.iter_mut().zip(bytes) {
                *byte ^= key;
            }
        }
    }
}

/// §4.1.2.2: `0x00 ‖ M ‖ PT ‖ SEQ ‖ TS ‖ SSRC ‖ ROC`, the header without its first byte.
fn rtp_iv(header: &[u8], at: Position) -> [u8; BLOCK] {
    let from_header = header.iter().copied().skip(1).take(11);
    block([0].into_iter().chain(from_header).chain(at.roc_bytes()))
}

/// §4.1.2.3: 32 zero bits, the word of E bit and SRTCP index, and the first 8 bytes of the packet.
fn rtcp_iv(header: &[u8], at: Position) -> [u8; BLOCK] {
    let word = esrtcp_word(true, at.index).to_be_bytes();
    let from_header = header.iter().copied().take(8);
    block([0; 4].into_iter().chain(word).chain(from_header))
}

fn block(bytes: impl Iterator<Item = u8>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = from;
    }
    block
}
