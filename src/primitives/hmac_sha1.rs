//! HMAC-SHA1 (RFC 2104) on bare midstates: a packet costs its compressions.

use sha1::block_api::compress;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::SHA1_LEN;

/// Bytes of a block of SHA-1.
const BLOCK: usize = 64;
/// The most bytes that may follow a message: with what is left of it, and the padding, they fill two blocks.
const MOST_SUFFIX: usize = 56;

/// The state of SHA-1 between two blocks.
type State = [u32; 5];

/// FIPS 180-4 §5.3.1.
const INITIAL: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// HMAC-SHA1 with its key already absorbed.
#[derive(ZeroizeOnDrop)]
pub(crate) struct HmacSha1 {
    /// The hash of the key XOR ipad.
    inner: State,
    /// The hash of the key XOR opad.
    outer: State,
}

impl HmacSha1 {
    /// Absorbs a key, padded with zeros to the block of the hash or, if longer, hashed (RFC 2104 §2).
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if let Some(room) = block.get_mut(..key.len()) {
            room.copy_from_slice(key);
        } else if let Some(room) = block.first_chunk_mut() {
            *room = hash(INITIAL, 0, key, &[]);
        }
        let absorbed = |pad: u8| {
            let padded = Zeroizing::new(block.map(|byte| byte ^ pad));
            let mut state = INITIAL;
            compress(&mut state, core::slice::from_ref(&*padded));
            state
        };
        Self {
            inner: absorbed(0x36),
            outer: absorbed(0x5c),
        }
    }

    /// The code of `message` followed by `suffix`, which has at most 56 bytes.
    #[inline]
    pub(crate) fn code(&self, message: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
        let inner = hash(self.inner, BLOCK, message, suffix);
        hash(self.outer, BLOCK, &[], &inner)
    }
}

/// The hash of `message` and `suffix`, where `state` is what `before` bytes before them, whole blocks, have made of it.
#[inline]
fn hash(mut state: State, before: usize, message: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
    debug_assert!(suffix.len() <= MOST_SUFFIX);
    let (blocks, rest) = message.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        compress(&mut state, blocks);
    }
    let mut last = [[0; BLOCK]; 2];
    let end = rest.len() + suffix.len();
    let mut room = last.as_flattened_mut();
    for piece in [rest, suffix, &[0x80]] {
        let Some((here, behind)) = room.split_at_mut_checked(piece.len()) else {
            break;
        };
        here.copy_from_slice(piece);
        room = behind;
    }
    let bits = 8 * u64::try_from(before + message.len() + suffix.len()).unwrap_or(u64::MAX);
    // FIPS 180-4 §5.1.1: one bit, zeros, and the length in 8 bytes at the end of a block.
    let [first, second] = &mut last;
    let fits_one = end < BLOCK - 8;
    let length = if fits_one { &mut *first } else { second };
    if let Some(length) = length.last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
    match fits_one {
        true => compress(&mut state, core::slice::from_ref(first)),
        false => compress(&mut state, &last),
    }
    let mut hash = [0; SHA1_LEN];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::is_truncation_of;
    use crate::test_vectors::{Hex, read};
    use alloc::vec::Vec;
    use hmac::{Hmac, KeyInit, Mac};
    use serde::Deserialize;
    use sha1::Sha1;

    #[derive(Deserialize)]
    struct Case {
        key: Hex,
        data: Hex,
        digest: Hex,
        digest_96: Option<Hex>,
    }

    #[test]
    fn hmac_sha1_agrees_with_rfc_2202() {
        for case in read::<Case>("rfc2202_hmac_sha1.json", 7) {
            let hmac = HmacSha1::new(&case.key.0);
            let len = case.data.0.len();
            for split in len.saturating_sub(MOST_SUFFIX)..=len {
                let (message, suffix) = case.data.0.split_at(split);
                assert_eq!(hmac.code(message, suffix).as_slice(), case.digest.0);
            }
            if let Some(truncated) = case.digest_96 {
                assert!(is_truncation_of(&truncated.0, &case.digest.0));
            }
        }
    }

    #[test]
    fn hmac_sha1_agrees_with_the_hmac_crate_on_every_length_of_key_message_and_suffix() {
        let bytes: Vec<u8> = (0..=255).cycle().take(2048).collect();
        let check = |key: usize, message: usize, suffix: usize| {
            let (key, message, suffix) = (&bytes[..key], &bytes[..message], &bytes[..suffix]);
            let mut oracle = Hmac::<Sha1>::new_from_slice(key).unwrap();
            oracle.update(message);
            oracle.update(suffix);
            let code: [u8; SHA1_LEN] = oracle.finalize().into_bytes().into();
            assert_eq!(HmacSha1::new(key).code(message, suffix), code);
        };
        (0..=2048).for_each(|message| check(20, message, 4));
        (0..=200).for_each(|key| check(key, 100, 0));
        for message in 0..130 {
            (0..=MOST_SUFFIX).for_each(|suffix| check(20, message, suffix));
        }
    }
}
