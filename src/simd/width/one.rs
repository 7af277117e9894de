//! Vectors of one block: AES-NI and PCLMULQDQ on the registers of SSE.

use core::arch::x86_64::*;

use super::super::Block;
use super::super::aes::Keys;
use super::super::cpu::AesNi;
use super::super::vector::{Kernel, Lane, Vector};
use super::{intrinsics, load_part, ones};
use crate::primitives::copy_short;

#[derive(Clone, Copy)]
pub(crate) struct One(__m128i);

pub(crate) fn run<K: Kernel>(
    cpu: AesNi,
    keys: &Keys,
    kernel: &mut K,
    [one, other]: [u128; 2],
) -> K::Output {
    #[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
    fn compiled<K: Kernel>(
        cpu: AesNi,
        keys: &Keys,
        kernel: &mut K,
        one: u128,
        other: u128,
    ) -> K::Output {
        keys.run::<One, 8, K>(cpu, kernel, [one, other])
    }
    // SAFETY: the token proves the features.
    unsafe { compiled(cpu, keys, kernel, one, other) }
}

const BYTES: usize = 16;

impl Vector for One {
    type Cpu = AesNi;
    type Bytes = [u8; BYTES];
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn zero(_: AesNi) -> Self {
        Self(intrinsics!(_mm_setzero_si128()))
    }

    #[inline(always)]
    fn load(_: AesNi, bytes: &[u8; BYTES]) -> Self {
        Self(intrinsics!(_mm_loadu_si128(bytes.as_ptr().cast())))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8; BYTES]) {
        intrinsics!(_mm_storeu_si128(bytes.as_mut_ptr().cast(), self.0));
    }

    #[inline(always)]
    fn broadcast(cpu: AesNi, block: &Block) -> Self {
        Self::load(cpu, block)
    }

    #[inline(always)]
    fn splat(_: AesNi, lane: Lane) -> Self {
        Self(lane.0)
    }

    #[inline(always)]
    fn from_lane(_: AesNi, lane: Lane) -> Self {
        Self(lane.0)
    }

    #[inline(always)]
    fn first(self) -> Block {
        let mut block = [0; 16];
        self.store(&mut block);
        block
    }

    #[inline(always)]
    fn with_lane(self, _: usize, lane: Lane) -> Self {
        Self(lane.0)
    }

    #[inline(always)]
    fn last_first(self) -> Self {
        self
    }

    #[inline(always)]
    fn numbers(_: AesNi) -> Self {
        Self(intrinsics!(_mm_setzero_si128()))
    }

    #[inline(always)]
    fn split(data: &[u8]) -> (&[[u8; BYTES]], &[u8]) {
        data.as_chunks()
    }

    #[inline(always)]
    fn split_mut(data: &mut [u8]) -> (&mut [[u8; BYTES]], &mut [u8]) {
        data.as_chunks_mut()
    }

    #[inline(always)]
    fn load_part(cpu: AesNi, bytes: &[u8]) -> Self {
        load_part(cpu, bytes)
    }

    #[inline(always)]
    fn store_part(self, bytes: &mut [u8]) -> Self {
        let ones = ones::<BYTES>(bytes.len());
        let kept = Self(intrinsics!(_mm_and_si128(
            self.0,
            _mm_loadu_si128(ones.as_ptr().cast())
        )));
        let mut whole = [0; BYTES];
        kept.store(&mut whole);
        copy_short(bytes, &whole);
        kept
    }

    #[inline(always)]
    fn xor_onto_part(self, _: AesNi, bytes: &mut [u8]) {
        Lane(self.0).xor_onto_part(bytes);
    }

    #[inline(always)]
    fn one_lane_on(self, before: Self) -> Self {
        before
    }

    #[inline(always)]
    fn pick(self, places: Self) -> Self {
        Self(intrinsics!(_mm_shuffle_epi8(self.0, places.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(intrinsics!(_mm_xor_si128(self.0, other.0)))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(intrinsics!(_mm_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn reverse(self) -> Self {
        Self(intrinsics!(_mm_shuffle_epi8(
            self.0,
            _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f)
        )))
    }

    #[inline(always)]
    fn aes_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm_aesenc_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn aes_last_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm_aesenclast_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn mul<const HALVES: i32>(self, other: Self) -> Self {
        Self(intrinsics!(_mm_clmulepi64_si128::<HALVES>(self.0, other.0)))
    }

    #[inline(always)]
    fn swap_halves(self) -> Self {
        Self(intrinsics!(_mm_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn sum(self) -> Self {
        self
    }
}

/// The key expansion (FIPS 197 §5.2), for a key of `NK` words: writes the words in pairs, as they are in memory. Whatever is behind the round keys is
/// noise.
pub(crate) fn expand<const NK: usize>(_: AesNi, key: &[u8], pairs: &mut [u64; 32]) {
    /// As many words at a time as the key has: `first` four of them, and the `rest`, two, four or none.
    #[target_feature(enable = "aes,ssse3,sse4.1")]
    fn compiled<const NK: usize>(key: &[u8], pairs: &mut [u64; 32]) {
        let mut words = key.as_chunks().0.iter().copied().map(i64::from_le_bytes);
        let mut next = || words.next().unwrap_or(0);
        let (low, high) = (next(), next());
        let mut first = _mm_set_epi64x(high, low);
        let (low, high) = (next(), next());
        let mut rest = _mm_set_epi64x(high, low);

        for (group, constant) in pairs.chunks_mut(NK / 2).zip(ROUND_CONSTANTS) {
            let words = [
                _mm_cvtsi128_si64(first),
                _mm_extract_epi64::<1>(first),
                _mm_cvtsi128_si64(rest),
                _mm_extract_epi64::<1>(rest),
            ];
            for (pair, words) in group.iter_mut().zip(words) {
                *pair = words.cast_unsigned();
            }
            let last = match NK {
                4 => _mm_shuffle_epi32::<0xff>(first),
                6 => _mm_shuffle_epi32::<0x55>(rest),
                _ => _mm_shuffle_epi32::<0xff>(rest),
            };
            let rotated = _mm_or_si128(_mm_srli_epi32::<8>(last), _mm_slli_epi32::<24>(last));
            first = _mm_xor_si128(sums(first), sub_words(rotated, constant));
            let last = _mm_shuffle_epi32::<0xff>(first);
            rest = match NK {
                4 => rest,
                6 => _mm_xor_si128(sums(rest), last),
                _ => _mm_xor_si128(sums(rest), sub_words(last, 0)),
            };
        }
    }
    // SAFETY: the token proves the features.
    unsafe { compiled::<NK>(key, pairs) }
}

/// `Rcon` (§5.2), and one for what is noise.
const ROUND_CONSTANTS: [i32; 11] = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36, 0];

/// `SubWord` of a word that stands in every place, and the constant added: in the last round of AES the places of equal words do not matter.
#[target_feature(enable = "aes")]
fn sub_words(word: __m128i, constant: i32) -> __m128i {
    _mm_aesenclast_si128(word, _mm_set1_epi32(constant))
}

/// Each word with those before it.
#[target_feature(enable = "sse2")]
fn sums(words: __m128i) -> __m128i {
    let pairs = _mm_xor_si128(words, _mm_slli_si128::<4>(words));
    _mm_xor_si128(pairs, _mm_slli_si128::<8>(pairs))
}
