//! HMAC-SHA1 from its midstates, with the instructions that CPUs have for SHA-1.
//!
//! The compression function is a chain: each four rounds wait for the four before. What is saved is around it: the inner hash goes
//! into the outer one without leaving the registers. And the chains of several messages run side by side.

use core::arch::x86_64::*;

use super::cpu::ShaNi;
use crate::primitives::{Keyed, SHA1_LEN};

impl<'a> Keyed<'a> {
    /// Blocks of the message.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        let [whole, last] = self.blocks;
        whole.len() + last.len()
    }

    #[inline(always)]
    pub(super) fn block(&self, n: usize) -> Option<&'a [u8; 64]> {
        let [whole, last] = self.blocks;
        match whole.get(n) {
            None => last.get(n.checked_sub(whole.len())?),
            block => block,
        }
    }
}

/// Five words, the first one in the highest element of `abcd`, and the fifth one in that of `e`.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

/// 16 words, four a vector and the first one in its highest element.
type Words = [__m128i; 4];

/// The codes of messages.
#[inline]
pub(crate) fn hmac<const N: usize>(cpu: ShaNi, messages: [Keyed<'_>; N]) -> [[u8; SHA1_LEN]; N] {
    let ShaNi { .. } = cpu;
    // SAFETY: the token proves the features.
    unsafe { hmac_with_features(&messages) }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hmac_with_features<const N: usize>(messages: &[Keyed<'_>; N]) -> [[u8; SHA1_LEN]; N] {
    let mut hashes = messages.each_ref().map(|it| load_state(it.inner));
    let common = messages.iter().map(Keyed::len).min().unwrap_or(0);
    for n in 0..common {
        let blocks = messages.each_ref().map(|it| load_block(it.block(n)));
        hashes = compressed(hashes, blocks);
    }
    for (hash, message) in hashes.iter_mut().zip(messages) {
        for n in common..message.len() {
            [*hash] = compressed([*hash], [load_block(message.block(n))]);
        }
    }
    // The hash, one bit, zeros, and the number of bits of the key's block and the hash (FIPS 180-4 §5.1.1).
    let ends = hashes.map(|hash| {
        let rest = _mm_insert_epi32::<2>(hash.e, 1 << 31);
        let bits = _mm_set_epi32(0, 0, 0, 8 * (64 + 20));
        [hash.abcd, rest, _mm_setzero_si128(), bits]
    });
    let outer = messages.each_ref().map(|it| load_state(it.outer));
    compressed(outer, ends).map(|hash| store_state(hash))
}

/// The hash of `blocks` behind those of which `state` is the hash.
#[inline]
pub(crate) fn hash(cpu: ShaNi, state: &[u32; 5], blocks: &[[u8; 64]]) -> [u8; SHA1_LEN] {
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn with_features(state: &[u32; 5], blocks: &[[u8; 64]]) -> [u8; SHA1_LEN] {
        let mut hash = load_state(state);
        for block in blocks {
            [hash] = compressed([hash], [load_block(Some(block))]);
        }
        store_state(hash)
    }
    let ShaNi { .. } = cpu;
    // SAFETY: the token proves the features.
    unsafe { with_features(state, blocks) }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_state([a, b, c, d, e]: &[u32; 5]) -> State {
    let [a, b, c, d, e] = [a, b, c, d, e].map(|word| word.cast_signed());
    State {
        abcd: _mm_set_epi32(a, b, c, d),
        e: _mm_set_epi32(e, 0, 0, 0),
    }
}

/// As bytes of a hash, big-endian.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn store_state(state: State) -> [u8; SHA1_LEN] {
    let mut bytes = [0; SHA1_LEN];
    let (abcd, e) = bytes.split_at_mut(16);
    if let Some(abcd) = abcd.first_chunk_mut::<16>() {
        // SAFETY: 16 bytes are written to as many.
        unsafe { _mm_storeu_si128(abcd.as_mut_ptr().cast(), reverse(state.abcd)) };
    }
    e.copy_from_slice(&_mm_extract_epi32::<3>(state.e).to_be_bytes());
    bytes
}

/// Big-endian words.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_block(block: Option<&[u8; 64]>) -> Words {
    let mut words = [_mm_setzero_si128(); 4];
    let bytes = block.map_or(&[][..], |block| block.as_chunks::<16>().0);
    for (words, bytes) in words.iter_mut().zip(bytes) {
        // SAFETY: 16 bytes are read from as many.
        *words = reverse(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
    }
    words
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn reverse(bytes: __m128i) -> __m128i {
    _mm_shuffle_epi8(
        bytes,
        _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f),
    )
}

/// The compression function (FIPS 180-4 §6.1.2) on the hashes of several messages.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn compressed<const N: usize>(mut hashes: [State; N], mut blocks: [Words; N]) -> [State; N] {
    // As they are after some rounds, and as they were four rounds before.
    let mut now = hashes.map(|hash| hash.abcd);
    let mut before = now;
    for ((now, hash), words) in now.iter_mut().zip(&hashes).zip(&mut blocks) {
        *now = _mm_sha1rnds4_epu32::<0>(*now, _mm_add_epi32(hash.e, scheduled(words)));
    }
    /// Four rounds of every message with each of the functions.
    macro_rules! rounds {
        ($($function:literal)*) => {$(
            for ((now, before), words) in now.iter_mut().zip(&mut before).zip(&mut blocks) {
                let e = _mm_sha1nexte_epu32(*before, scheduled(words));
                *before = *now;
                *now = _mm_sha1rnds4_epu32::<$function>(*now, e);
            }
        )*};
    }
    rounds!(0 0 0 0);
    rounds!(1 1 1 1 1);
    rounds!(2 2 2 2 2);
    rounds!(3 3 3 3 3);

    for ((hash, now), before) in hashes.iter_mut().zip(now).zip(before) {
        hash.abcd = _mm_add_epi32(hash.abcd, now);
        hash.e = _mm_sha1nexte_epu32(before, hash.e);
    }
    hashes
}

/// The next four words of the schedule, of which the last 16 are at hand.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn scheduled(words: &mut Words) -> __m128i {
    let [w0, w1, w2, w3] = *words;
    let w4 = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(w0, w1), w2), w3);
    *words = [w1, w2, w3, w4];
    w0
}
