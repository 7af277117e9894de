//! HMAC-SHA1 (RFC 2104) on bare midstates: a packet costs its compressions.

mod side_by_side;

use core::slice;

use sha1::block_api::compress;
use subtle::ConstantTimeEq;
use zeroize::{DefaultIsZeroes, Zeroize, ZeroizeOnDrop};

use super::compare::outcome;
use super::{SHA1_LEN, Wiped, copy_short};
use crate::simd::{self, ShaNi};

pub(crate) use side_by_side::{Chains, Message, codes};

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
pub(crate) struct HmacSha1 {
    key: Midstates,
    sha_ni: Option<ShaNi>,
}

/// What becomes of a key. In one piece, which is wiped at once: a batch has a copy for each of its packets.
#[derive(Clone, Copy, Default)]
struct Midstates {
    /// The hash of the key XOR ipad.
    inner: State,
    /// The hash of the key XOR opad.
    outer: State,
}

impl DefaultIsZeroes for Midstates {}

impl Drop for HmacSha1 {
    #[inline]
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl ZeroizeOnDrop for HmacSha1 {}

impl HmacSha1 {
    /// Absorbs a key, padded with zeros to the block of the hash or, if longer, hashed (RFC 2104 §2).
    pub(crate) fn new(key: &[u8]) -> Self {
        Self::on(ShaNi::get(), key)
    }

    /// The same for the CPU's instructions for SHA-1 or, without them, for RustCrypto.
    fn on(sha_ni: Option<ShaNi>, key: &[u8]) -> Self {
        let mut block = Wiped([0; BLOCK]);
        if let Some(room) = block.0.get_mut(..key.len()) {
            room.copy_from_slice(key);
        } else if let Some(room) = block.0.first_chunk_mut() {
            *room = hash(INITIAL, { End::EMPTY }.padded(0, key, &[]));
        }
        let absorbed = |pad: u8| {
            let padded = Wiped(block.0.map(|byte| byte ^ pad));
            let mut state = INITIAL;
            compress(&mut state, slice::from_ref(&padded.0));
            state
        };
        let key = Midstates {
            inner: absorbed(0x36),
            outer: absorbed(0x5c),
        };
        Self { key, sha_ni }
    }

    /// The same key once more.
    #[inline(always)]
    pub(crate) fn copy(&self) -> Self {
        let Self { key, sha_ni } = *self;
        Self { key, sha_ni }
    }

    /// Is it the same key? In constant time.
    #[inline(always)]
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let difference = |ours: &State, theirs: &State| {
            let words = ours.iter().zip(theirs);
            words.fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs))
        };
        let inner = difference(&self.key.inner, &other.key.inner);
        let difference = inner | difference(&self.key.outer, &other.key.outer);
        outcome(difference.ct_eq(&0))
    }

    /// The code of `message` followed by `suffix`, which has at most 56 bytes.
    #[inline]
    pub(crate) fn code(&self, message: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
        let mut end = End::EMPTY;
        self.keyed(end.padded(BLOCK, message, suffix))
            .code(self.sha_ni)
    }

    /// Does the CPU have a unit for SHA-1?
    #[inline(always)]
    pub(crate) fn has_unit(&self) -> bool {
        self.sha_ni.is_some()
    }

    /// Begins a code of a message whose bytes come to be known one after the other.
    #[inline]
    pub(crate) fn begin(&self) -> Growing<'_> {
        Growing {
            hmac: self,
            hash: self.key.inner,
            blocks: 0,
        }
    }

    #[inline(always)]
    fn keyed<'a>(&'a self, blocks: [&'a [[u8; BLOCK]]; 2]) -> Keyed<'a> {
        Keyed {
            inner: &self.key.inner,
            outer: &self.key.outer,
            blocks,
        }
    }
}

/// The code of a message of which the beginning is known.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Growing<'k> {
    #[zeroize(skip)]
    hmac: &'k HmacSha1,
    /// The hash of so many blocks of it.
    hash: State,
    blocks: usize,
}

impl Growing<'_> {
    /// Takes in what is whole blocks of `known`, the message as far as it is known.
    #[inline]
    pub(crate) fn follow(&mut self, known: &[u8]) {
        let (blocks, _) = known.as_chunks();
        let new = blocks.get(self.blocks..).unwrap_or_default();
        self.blocks += new.len();
        match self.hmac.sha_ni {
            Some(cpu) => self.hash = state_of(&simd::sha1_hash(cpu, &self.hash, new)),
            None => compress(&mut self.hash, new),
        }
    }

    /// The code of `message` followed by `suffix`, which has at most 56 bytes.
    #[inline]
    pub(crate) fn code(self, message: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
        let done = self.blocks * BLOCK;
        let rest = message.get(done..).unwrap_or_default();
        let mut end = End::EMPTY;
        let keyed = Keyed {
            inner: &self.hash,
            ..self.hmac.keyed(end.padded(BLOCK + done, rest, suffix))
        };
        keyed.code(self.hmac.sha_ni)
    }
}

/// A padded message, and the hashes of the key's blocks.
#[derive(Clone, Copy)]
pub(crate) struct Keyed<'a> {
    pub(crate) inner: &'a State,
    pub(crate) outer: &'a State,
    /// Whole blocks of the message as it is, and what ends it.
    pub(crate) blocks: [&'a [[u8; BLOCK]]; 2],
}

impl<'a> Keyed<'a> {
    /// No message, under no key.
    const NONE: Self = Self {
        inner: &INITIAL,
        outer: &INITIAL,
        blocks: [&[]; 2],
    };

    /// What is left of the message behind so many blocks, of which `inner` is the hash.
    fn behind(self, blocks: usize, inner: &'a State) -> Self {
        let [whole, last] = self.blocks;
        let blocks = [
            whole.get(blocks..).unwrap_or_default(),
            last.get(blocks.saturating_sub(whole.len())..)
                .unwrap_or_default(),
        ];
        Self {
            inner,
            blocks,
            ..self
        }
    }

    #[inline(always)]
    fn code(self, sha_ni: Option<ShaNi>) -> [u8; SHA1_LEN] {
        match sha_ni {
            Some(cpu) => {
                let [code] = simd::hmac_sha1(cpu, [self]);
                code
            }
            None => {
                let inner = hash(*self.inner, self.blocks);
                hash(*self.outer, { End::EMPTY }.padded(BLOCK, &[], &inner))
            }
        }
    }
}

/// Room for the end of a message, in the last two of its blocks. The first one is for what is copied along.
struct End([u8; 3 * BLOCK]);

impl End {
    const EMPTY: Self = Self([0; 3 * BLOCK]);

    /// `message`, `suffix` and the padding (FIPS 180-4 §5.1.1) in whole blocks, behind so many bytes `before`. Once only.
    #[inline(always)]
    fn padded<'m>(
        &'m mut self,
        before: usize,
        message: &'m [u8],
        suffix: &[u8],
    ) -> [&'m [[u8; BLOCK]]; 2] {
        debug_assert!(suffix.len() <= MOST_SUFFIX);
        let (whole, rest) = message.as_chunks();
        // As many bytes as are known beforehand, of which the rest comes to stand in its place.
        match message.last_chunk::<BLOCK>() {
            Some(last) => write(&mut self.0, rest.len(), last),
            None => {
                let (_, room) = self.0.split_at_mut(BLOCK);
                copy_short(room.get_mut(..rest.len()).unwrap_or_default(), rest);
            }
        }
        match <&[u8; 4]>::try_from(suffix) {
            Ok(roc) => write(&mut self.0, BLOCK + rest.len(), roc),
            Err(_) => write(&mut self.0, BLOCK + rest.len(), suffix),
        }
        write(&mut self.0, BLOCK + rest.len() + suffix.len(), &[0x80]);

        // The number of bits takes 8 bytes at the end of a block.
        let are_two = rest.len() + suffix.len() + 1 > BLOCK - 8;
        let end = if are_two { 3 * BLOCK } else { 2 * BLOCK };
        let bits = 8 * u64::try_from(before + message.len() + suffix.len()).unwrap_or(u64::MAX);
        write(&mut self.0, end - 8, &bits.to_be_bytes());
        let last = self.0.get(BLOCK..end).unwrap_or_default();
        [whole, last.as_chunks().0]
    }
}

/// Writes `bytes` at a place where there is room for them.
#[inline(always)]
fn write(room: &mut [u8], at: usize, bytes: &[u8]) {
    let room = room.get_mut(at..).unwrap_or_default();
    if let Some(room) = room.get_mut(..bytes.len()) {
        room.copy_from_slice(bytes);
    }
}

/// The hash of padded `blocks` behind those of which `state` is the hash.
fn hash(mut state: State, blocks: [&[[u8; BLOCK]]; 2]) -> [u8; SHA1_LEN] {
    for blocks in blocks.into_iter().filter(|blocks| !blocks.is_empty()) {
        compress(&mut state, blocks);
    }
    bytes_of(&state)
}

/// The state whose bytes these are, big-endian.
fn state_of(hash: &[u8; SHA1_LEN]) -> State {
    let mut state = [0; 5];
    for (word, bytes) in state.iter_mut().zip(hash.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    state
}

#[inline]
fn bytes_of(state: &State) -> [u8; SHA1_LEN] {
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

    /// With the CPU's instructions, if it has them, and without.
    fn both() -> [Option<ShaNi>; 2] {
        [ShaNi::get(), None]
    }

    #[test]
    fn hmac_sha1_agrees_with_rfc_2202() {
        for case in read::<Case>("rfc2202_hmac_sha1.json", 7) {
            let len = case.data.0.len();
            for split in len.saturating_sub(MOST_SUFFIX)..=len {
                let (message, suffix) = case.data.0.split_at(split);
                for sha_ni in both() {
                    let hmac = HmacSha1::on(sha_ni, &case.key.0);
                    assert_eq!(hmac.code(message, suffix).as_slice(), case.digest.0);
                }
            }
            if let Some(truncated) = case.digest_96 {
                assert!(is_truncation_of(&truncated.0, &case.digest.0));
            }
        }
    }

    #[test]
    fn the_code_of_a_message_that_grows_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(700).collect();
        for sha_ni in both() {
            let hmac = HmacSha1::on(sha_ni, &bytes[..20]);
            for (len, step) in (0..700).flat_map(|len| [1, 63, 64, 65, 320].map(|it| (len, it))) {
                let message = &bytes[..len];
                let mut growing = hmac.begin();
                for known in (0..len).step_by(step) {
                    growing.follow(&message[..known]);
                }
                let code = growing.code(message, &[1, 2, 3, 4]);
                assert_eq!(code, hmac.code(message, &[1, 2, 3, 4]), "{len} by {step}");
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
            for sha_ni in both() {
                let hmac = HmacSha1::on(sha_ni, key);
                assert_eq!(hmac.code(message, suffix), code, "{sha_ni:?}");
            }
        };
        (0..=2048).for_each(|message| check(20, message, 4));
        (0..=200).for_each(|key| check(key, 100, 0));
        for message in 0..130 {
            (0..=MOST_SUFFIX).for_each(|suffix| check(20, message, suffix));
        }
    }
}
