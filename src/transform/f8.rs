//! AES in f8 mode (RFC 3711 §4.1.2).

use super::Position;
use crate::header::Plane;
use crate::layout::esrtcp_word;
use crate::primitives::{Algorithm, BLOCK, BlockCipher};

pub(super) struct F8 {
    /// `E(k_e, ·)`
    cipher: BlockCipher,
    /// `E(k_e XOR m, ·)`, which makes IV' of IV.
    masked: BlockCipher,
}

impl F8 {
    /// `m = k_s ‖ 0x555…5`: the session salt, filled up to the length of the key.
    pub(super) fn new(algorithm: Algorithm, derive_key: impl Fn(&mut [u8]), salt: &[u8]) -> Self {
        let mask = salt.iter().copied().chain(core::iter::repeat(0x55));
        Self {
            cipher: BlockCipher::new(algorithm, &derive_key),
            masked: BlockCipher::new(algorithm, |key| {
                derive_key(key);
                for (byte, mask) in key.iter_mut().zip(mask) {
                    *byte ^= mask;
                }
            }),
        }
    }

    pub(super) fn xor_keystream(&self, packet: &mut [u8], header: usize, at: Position) {
        let Some((header, payload)) = packet.split_at_mut_checked(header) else {
            return;
        };
        let blocks = self.blocks(header, at);
        for (block, keys) in payload.chunks_mut(BLOCK).zip(blocks) {
            for (byte, key) in block.iter_mut().zip(keys) {
                *byte ^= key;
            }
        }
    }

    /// The keystream of the packet at `at`: `S(j) = E(k_e, IV' XOR j XOR S(j-1))`, `S(-1) = 0`.
    pub(super) fn blocks(&self, header: &[u8], at: Position) -> impl Iterator<Item = [u8; BLOCK]> {
        let iv = match at.plane {
            Plane::Rtp => rtp_iv(header, at),
            Plane::Rtcp => rtcp_iv(header, at),
        };
        let iv = u128::from_be_bytes(self.masked.encrypt_block(&iv));
        let mut stream = 0u128;
        (0u128..).map(move |j| {
            let bytes = self.cipher.encrypt_block(&(iv ^ j ^ stream).to_be_bytes());
            stream = u128::from_be_bytes(bytes);
            bytes
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::PacketIndex;
    use crate::test_vectors::{Hex, read};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        session_key: Hex,
        session_salt: Hex,
        rtp_header: Hex,
        roc: u32,
        plaintext: Hex,
        iv: Hex,
        iv_prime: Hex,
        ciphertext: Hex,
    }

    #[test]
    fn f8_agrees_with_rfc_3711_b_1() {
        for case in read::<Case>("rfc3711_b1_f8.json", 1) {
            let f8 = F8::new(
                Algorithm::Aes128,
                |key| key.copy_from_slice(&case.session_key.0),
                &case.session_salt.0,
            );
            let header = &case.rtp_header.0;
            let at = Position {
                plane: Plane::Rtp,
                ssrc: u32::from_be_bytes(*header[8..].first_chunk().unwrap()),
                index: PacketIndex::new(case.roc, u16::from_be_bytes([header[2], header[3]]))
                    .value(),
            };
            let iv = rtp_iv(header, at);
            assert_eq!(iv.as_slice(), case.iv.0);
            assert_eq!(f8.masked.encrypt_block(&iv).as_slice(), case.iv_prime.0);
            let mut packet = [header.as_slice(), &case.plaintext.0].concat();
            f8.xor_keystream(&mut packet, header.len(), at);
            assert_eq!(packet, [header.as_slice(), &case.ciphertext.0].concat());
        }
    }

    /// RFC 3711 §4.1.2.3; appendix B has no vector for it.
    #[test]
    fn the_iv_of_srtcp_holds_the_word_of_e_and_index_and_the_first_header() {
        let at = Position {
            plane: Plane::Rtcp,
            ssrc: 0x4d4e_4f50,
            index: 0x1234,
        };
        let header = [0x81, 0xc8, 0, 0x0d, 0x4d, 0x4e, 0x4f, 0x50];
        assert_eq!(
            rtcp_iv(&header, at),
            [
                0, 0, 0, 0, 0x80, 0, 0x12, 0x34, 0x81, 0xc8, 0, 0x0d, 0x4d, 0x4e, 0x4f, 0x50
            ]
        );
    }
}
