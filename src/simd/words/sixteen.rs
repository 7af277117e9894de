//! Sixteen messages side by side: the registers of AVX-512.

use core::arch::x86_64::*;

use super::super::cpu::Avx512;
use super::super::sha1_lanes::{SideBySide, hmac};
use super::super::width::intrinsics;
use super::{Four, Words};
use crate::primitives::{Keyed, SHA1_LEN};

#[derive(Clone, Copy)]
struct Sixteen(__m512i);

impl SideBySide<16> for Avx512 {
    #[inline]
    fn hmac(self, messages: &[Keyed<'_>; 16], blocks: usize) -> [[u8; SHA1_LEN]; 16] {
        #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
        fn compiled(
            cpu: Avx512,
            messages: &[Keyed<'_>; 16],
            blocks: usize,
        ) -> [[u8; SHA1_LEN]; 16] {
            hmac::<Sixteen, 16>(cpu, messages, blocks)
        }
        // SAFETY: the token proves the features.
        unsafe { compiled(self, messages, blocks) }
    }
}

impl Words<16> for Sixteen {
    type Cpu = Avx512;

    #[inline(always)]
    fn splat(_: Avx512, word: u32) -> Self {
        Self(intrinsics!(_mm512_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn load(_: Avx512, words: &[u32; 16]) -> Self {
        Self(intrinsics!(_mm512_loadu_si512(words.as_ptr().cast())))
    }

    #[inline(always)]
    fn store(self, words: &mut [u32; 16]) {
        intrinsics!(_mm512_storeu_si512(words.as_mut_ptr().cast(), self.0));
    }

    #[inline(always)]
    fn rows(cpu: Avx512, fours: [Four; 16]) -> [Self; 4] {
        let mut rows = [Self::splat(cpu, 0); 4];
        if let [a, b, c, d] = fours.as_chunks::<4>().0 {
            for ((((row, a), b), c), d) in rows.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *row = Self(intrinsics!({
                    let joined = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a.0), b.0);
                    let joined = _mm512_inserti32x4::<2>(joined, c.0);
                    _mm512_inserti32x4::<3>(joined, d.0)
                }));
            }
        }
        rows
    }

    /// The transpose of four by four words in each quarter.
    #[inline(always)]
    fn across([Self(r0), Self(r1), Self(r2), Self(r3)]: [Self; 4]) -> [Self; 4] {
        intrinsics!({
            let (low01, high01) = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
            let (low23, high23) = (_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
            [
                Self(_mm512_unpacklo_epi64(low01, low23)),
                Self(_mm512_unpackhi_epi64(low01, low23)),
                Self(_mm512_unpacklo_epi64(high01, high23)),
                Self(_mm512_unpackhi_epi64(high01, high23)),
            ]
        })
    }

    #[inline(always)]
    fn swapped(self) -> Self {
        Self(intrinsics!(_mm512_shuffle_epi8(
            self.0,
            _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
        )))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(intrinsics!(_mm512_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(intrinsics!(_mm512_xor_si512(self.0, other.0)))
    }

    #[inline(always)]
    fn rotated<const LEFT: i32>(self) -> Self {
        Self(intrinsics!(_mm512_rol_epi32::<LEFT>(self.0)))
    }

    #[inline(always)]
    fn choice(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm512_ternarylogic_epi32::<0xca>(
            self.0, one.0, other.0
        )))
    }

    #[inline(always)]
    fn parity(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm512_ternarylogic_epi32::<0x96>(
            self.0, one.0, other.0
        )))
    }

    #[inline(always)]
    fn majority(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm512_ternarylogic_epi32::<0xe8>(
            self.0, one.0, other.0
        )))
    }

    #[inline(always)]
    fn kept(self, lanes: u16, others: Self) -> Self {
        Self(intrinsics!(_mm512_mask_blend_epi32(
            lanes, others.0, self.0
        )))
    }
}
