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

/// `SubWord` of the key expansion (FIPS 197 §5.2), on a word as memory has it.
pub(crate) fn sub_word(_: AesNi, word: u32) -> u32 {
    intrinsics!({
        let word = _mm_set1_epi32(word.cast_signed());
        _mm_cvtsi128_si32(_mm_aeskeygenassist_si128::<0>(word)).cast_unsigned()
    })
}
