//! Vectors of four blocks: VAES and VPCLMULQDQ on the registers of AVX-512.

use core::arch::x86_64::*;

use super::super::Block;
use super::super::aes::Keys;
use super::super::cpu::Vaes512;
use super::super::vector::{Kernel, Lane, Vector};
use super::intrinsics;

#[derive(Clone, Copy)]
pub(crate) struct Four(__m512i);

pub(crate) fn run<K: Kernel>(
    cpu: Vaes512,
    keys: &Keys,
    kernel: &mut K,
    [one, other]: [u128; 2],
) -> K::Output {
    #[target_feature(
        enable = "aes,pclmulqdq,avx2,vaes,vpclmulqdq,avx512f,avx512bw,avx512dq,avx512vl"
    )]
    fn compiled<K: Kernel>(
        cpu: Vaes512,
        keys: &Keys,
        kernel: &mut K,
        one: u128,
        other: u128,
    ) -> K::Output {
        keys.run::<Four, 4, K>(cpu, kernel, [one, other])
    }
    // SAFETY: the token proves the features.
    unsafe { compiled(cpu, keys, kernel, one, other) }
}

const BYTES: usize = 64;

/// A bit for each of the first `len` bytes.
#[inline(always)]
fn mask(len: usize) -> u64 {
    match len {
        0..BYTES => (1 << len) - 1,
        _ => u64::MAX,
    }
}

impl Vector for Four {
    type Cpu = Vaes512;
    type Bytes = [u8; BYTES];
    const BLOCKS: usize = 4;

    #[inline(always)]
    fn zero(_: Vaes512) -> Self {
        Self(intrinsics!(_mm512_setzero_si512()))
    }

    #[inline(always)]
    fn load(_: Vaes512, bytes: &[u8; BYTES]) -> Self {
        Self(intrinsics!(_mm512_loadu_si512(bytes.as_ptr().cast())))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8; BYTES]) {
        intrinsics!(_mm512_storeu_si512(bytes.as_mut_ptr().cast(), self.0));
    }

    #[inline(always)]
    fn broadcast(_: Vaes512, block: &Block) -> Self {
        Self(intrinsics!(_mm512_broadcast_i32x4(_mm_loadu_si128(
            block.as_ptr().cast()
        ))))
    }

    #[inline(always)]
    fn splat(_: Vaes512, lane: Lane) -> Self {
        Self(intrinsics!(_mm512_broadcast_i32x4(lane.0)))
    }

    #[inline(always)]
    fn from_lane(_: Vaes512, lane: Lane) -> Self {
        Self(intrinsics!(_mm512_zextsi128_si512(lane.0)))
    }

    #[inline(always)]
    fn first(self) -> Block {
        let mut block = [0; 16];
        intrinsics!(_mm_storeu_si128(
            block.as_mut_ptr().cast(),
            _mm512_castsi512_si128(self.0)
        ));
        block
    }

    #[inline(always)]
    fn with_lane(self, n: usize, lane: Lane) -> Self {
        let mask = match n {
            0 => 0x000f,
            1 => 0x00f0,
            2 => 0x0f00,
            _ => 0xf000,
        };
        Self(intrinsics!(_mm512_mask_broadcast_i32x4(
            self.0, mask, lane.0
        )))
    }

    #[inline(always)]
    fn last_first(self) -> Self {
        Self(intrinsics!(_mm512_zextsi128_si512(
            _mm512_extracti32x4_epi32::<3>(self.0)
        )))
    }

    #[inline(always)]
    fn numbers(_: Vaes512) -> Self {
        Self(intrinsics!(_mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0)))
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
    fn load_part(_: Vaes512, bytes: &[u8]) -> Self {
        let mask = mask(bytes.len());
        Self(intrinsics!(_mm512_maskz_loadu_epi8(
            mask,
            bytes.as_ptr().cast()
        )))
    }

    #[inline(always)]
    fn store_part(self, bytes: &mut [u8]) -> Self {
        let mask = mask(bytes.len());
        intrinsics!(_mm512_mask_storeu_epi8(
            bytes.as_mut_ptr().cast(),
            mask,
            self.0
        ));
        Self(intrinsics!(_mm512_maskz_mov_epi8(mask, self.0)))
    }

    #[inline(always)]
    fn xor_onto_part(self, cpu: Vaes512, bytes: &mut [u8]) {
        Self::load_part(cpu, bytes).xor(self).store_part(bytes);
    }

    #[inline(always)]
    fn one_lane_on(self, before: Self) -> Self {
        Self(intrinsics!(_mm512_alignr_epi64::<6>(self.0, before.0)))
    }

    #[inline(always)]
    fn pick(self, places: Self) -> Self {
        Self(intrinsics!(_mm512_shuffle_epi8(self.0, places.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(intrinsics!(_mm512_xor_si512(self.0, other.0)))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(intrinsics!(_mm512_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn reverse(self) -> Self {
        Self(intrinsics!(_mm512_shuffle_epi8(
            self.0,
            _mm512_broadcast_i32x4(_mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f))
        )))
    }

    #[inline(always)]
    fn aes_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm512_aesenc_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn aes_last_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm512_aesenclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn mul<const HALVES: i32>(self, other: Self) -> Self {
        Self(intrinsics!(_mm512_clmulepi64_epi128::<HALVES>(
            self.0, other.0
        )))
    }

    #[inline(always)]
    fn swap_halves(self) -> Self {
        Self(intrinsics!(_mm512_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn sum(self) -> Self {
        Self(intrinsics!({
            let halves = _mm256_xor_si256(
                _mm512_castsi512_si256(self.0),
                _mm512_extracti64x4_epi64::<1>(self.0),
            );
            let sum = _mm_xor_si128(
                _mm256_castsi256_si128(halves),
                _mm256_extracti128_si256::<1>(halves),
            );
            _mm512_zextsi128_si512(sum)
        }))
    }
}
