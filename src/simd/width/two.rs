//! Vectors of two blocks: VAES and VPCLMULQDQ on the registers of AVX2.

use core::arch::x86_64::*;

use super::super::Block;
use super::super::aes::Keys;
use super::super::cpu::Vaes256;
use super::super::vector::{Kernel, Lane, Vector};
use super::{intrinsics, load_part, ones};
use crate::primitives::copy_short;

#[derive(Clone, Copy)]
pub(crate) struct Two(__m256i);

pub(crate) fn run<K: Kernel>(
    cpu: Vaes256,
    keys: &Keys,
    kernel: &mut K,
    [one, other]: [u128; 2],
) -> K::Output {
    #[target_feature(enable = "aes,pclmulqdq,avx2,vaes,vpclmulqdq")]
    fn compiled<K: Kernel>(
        cpu: Vaes256,
        keys: &Keys,
        kernel: &mut K,
        one: u128,
        other: u128,
    ) -> K::Output {
        keys.run::<Two, 4, K>(cpu, kernel, [one, other])
    }
    // SAFETY: the token proves the features.
    unsafe { compiled(cpu, keys, kernel, one, other) }
}

const BYTES: usize = 32;

impl Vector for Two {
    type Cpu = Vaes256;
    type Bytes = [u8; BYTES];
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn zero(_: Vaes256) -> Self {
        Self(intrinsics!(_mm256_setzero_si256()))
    }

    #[inline(always)]
    fn load(_: Vaes256, bytes: &[u8; BYTES]) -> Self {
        Self(intrinsics!(_mm256_loadu_si256(bytes.as_ptr().cast())))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8; BYTES]) {
        intrinsics!(_mm256_storeu_si256(bytes.as_mut_ptr().cast(), self.0));
    }

    #[inline(always)]
    fn broadcast(_: Vaes256, block: &Block) -> Self {
        Self(intrinsics!(_mm256_broadcastsi128_si256(_mm_loadu_si128(
            block.as_ptr().cast()
        ))))
    }

    #[inline(always)]
    fn splat(_: Vaes256, lane: Lane) -> Self {
        Self(intrinsics!(_mm256_broadcastsi128_si256(lane.0)))
    }

    #[inline(always)]
    fn from_lane(_: Vaes256, lane: Lane) -> Self {
        Self(intrinsics!(_mm256_zextsi128_si256(lane.0)))
    }

    #[inline(always)]
    fn first(self) -> Block {
        let mut block = [0; 16];
        intrinsics!(_mm_storeu_si128(
            block.as_mut_ptr().cast(),
            _mm256_castsi256_si128(self.0)
        ));
        block
    }

    #[inline(always)]
    fn with_lane(self, n: usize, lane: Lane) -> Self {
        Self(intrinsics!(match n {
            0 => _mm256_inserti128_si256::<0>(self.0, lane.0),
            _ => _mm256_inserti128_si256::<1>(self.0, lane.0),
        }))
    }

    #[inline(always)]
    fn last_first(self) -> Self {
        Self(intrinsics!(_mm256_zextsi128_si256(
            _mm256_extracti128_si256::<1>(self.0)
        )))
    }

    #[inline(always)]
    fn numbers(_: Vaes256) -> Self {
        Self(intrinsics!(_mm256_set_epi64x(0, 1, 0, 0)))
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
    fn load_part(cpu: Vaes256, bytes: &[u8]) -> Self {
        load_part(cpu, bytes)
    }

    #[inline(always)]
    fn store_part(self, bytes: &mut [u8]) -> Self {
        let ones = ones::<BYTES>(bytes.len());
        let kept = Self(intrinsics!(_mm256_and_si256(
            self.0,
            _mm256_loadu_si256(ones.as_ptr().cast())
        )));
        let mut whole = [0; BYTES];
        kept.store(&mut whole);
        copy_short(bytes, &whole);
        kept
    }

    #[inline(always)]
    fn xor_onto_part(self, _: Vaes256, bytes: &mut [u8]) {
        let low = Lane(intrinsics!(_mm256_castsi256_si128(self.0)));
        let high = Lane(intrinsics!(_mm256_extracti128_si256::<1>(self.0)));
        match bytes.split_first_chunk_mut() {
            Some((block, rest)) => {
                low.xor_onto(block);
                high.xor_onto_part(rest);
            }
            None => low.xor_onto_part(bytes),
        }
    }

    #[inline(always)]
    fn one_lane_on(self, before: Self) -> Self {
        Self(intrinsics!(_mm256_permute2x128_si256::<0x21>(
            before.0, self.0
        )))
    }

    #[inline(always)]
    fn pick(self, places: Self) -> Self {
        Self(intrinsics!(_mm256_shuffle_epi8(self.0, places.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(intrinsics!(_mm256_xor_si256(self.0, other.0)))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(intrinsics!(_mm256_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn reverse(self) -> Self {
        Self(intrinsics!(_mm256_shuffle_epi8(
            self.0,
            _mm256_broadcastsi128_si256(_mm_set_epi64x(
                0x0001_0203_0405_0607,
                0x0809_0a0b_0c0d_0e0f
            ))
        )))
    }

    #[inline(always)]
    fn aes_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm256_aesenc_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn aes_last_round(self, key: Self) -> Self {
        Self(intrinsics!(_mm256_aesenclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn mul<const HALVES: i32>(self, other: Self) -> Self {
        Self(intrinsics!(_mm256_clmulepi64_epi128::<HALVES>(
            self.0, other.0
        )))
    }

    #[inline(always)]
    fn swap_halves(self) -> Self {
        Self(intrinsics!(_mm256_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn sum(self) -> Self {
        Self(intrinsics!({
            let sum = _mm_xor_si128(
                _mm256_castsi256_si128(self.0),
                _mm256_extracti128_si256::<1>(self.0),
            );
            _mm256_zextsi128_si256(sum)
        }))
    }
}
