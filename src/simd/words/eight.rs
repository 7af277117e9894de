//! Eight messages side by side: the registers of AVX2, and the instructions of AVX-512 on them where there are any.

use core::arch::x86_64::*;

use super::super::cpu::{Avx2, Avx512};
use super::super::sha1_lanes::{SideBySide, hmac};
use super::super::width::intrinsics;
use super::{Four, Words};
use crate::primitives::{Keyed, SHA1_LEN};

/// A vector for a token, and the methods in which there is more than AVX2.
macro_rules! eight {
    ($name:ident, $cpu:ty, $features:literal, { $($methods:item)* }) => {
        #[derive(Clone, Copy)]
        struct $name(__m256i);

        impl SideBySide<8> for $cpu {
            #[inline]
            fn hmac(self, messages: &[Keyed<'_>; 8], blocks: usize) -> [[u8; SHA1_LEN]; 8] {
                #[target_feature(enable = $features)]
                fn compiled(cpu: $cpu, messages: &[Keyed<'_>; 8], blocks: usize) -> [[u8; SHA1_LEN]; 8] {
                    hmac::<$name, 8>(cpu, messages, blocks)
                }
                // SAFETY: the token proves the features.
                unsafe { compiled(self, messages, blocks) }
            }
        }

        impl Words<8> for $name {
            type Cpu = $cpu;

            #[inline(always)]
            fn splat(_: $cpu, word: u32) -> Self {
                Self(intrinsics!(_mm256_set1_epi32(word.cast_signed())))
            }

            #[inline(always)]
            fn load(_: $cpu, words: &[u32; 8]) -> Self {
                Self(intrinsics!(_mm256_loadu_si256(words.as_ptr().cast())))
            }

            #[inline(always)]
            fn store(self, words: &mut [u32; 8]) {
                intrinsics!(_mm256_storeu_si256(words.as_mut_ptr().cast(), self.0));
            }

            #[inline(always)]
            fn rows(cpu: $cpu, fours: [Four; 8]) -> [Self; 4] {
                let mut rows = [Self::splat(cpu, 0); 4];
                if let [a, b] = fours.as_chunks::<4>().0 {
                    for ((row, a), b) in rows.iter_mut().zip(a).zip(b) {
                        *row = Self(intrinsics!({
                            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a.0), b.0)
                        }));
                    }
                }
                rows
            }

            /// The transpose of four by four words in each half.
            #[inline(always)]
            fn across([Self(r0), Self(r1), Self(r2), Self(r3)]: [Self; 4]) -> [Self; 4] {
                intrinsics!({
                    let low01 = _mm256_unpacklo_epi32(r0, r1);
                    let high01 = _mm256_unpackhi_epi32(r0, r1);
                    let low23 = _mm256_unpacklo_epi32(r2, r3);
                    let high23 = _mm256_unpackhi_epi32(r2, r3);
                    [
                        Self(_mm256_unpacklo_epi64(low01, low23)),
                        Self(_mm256_unpackhi_epi64(low01, low23)),
                        Self(_mm256_unpacklo_epi64(high01, high23)),
                        Self(_mm256_unpackhi_epi64(high01, high23)),
                    ]
                })
            }

            #[inline(always)]
            fn swapped(self) -> Self {
                Self(intrinsics!(_mm256_shuffle_epi8(
                    self.0,
                    _mm256_broadcastsi128_si256(_mm_set_epi64x(
                        0x0c0d_0e0f_0809_0a0b,
                        0x0405_0607_0001_0203
                    ))
                )))
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(intrinsics!(_mm256_add_epi32(self.0, other.0)))
            }

            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                Self(intrinsics!(_mm256_xor_si256(self.0, other.0)))
            }

            $(#[inline(always)] $methods)*
        }
    };
}

eight!(Ternary, Avx512, "avx2,avx512f,avx512bw,avx512vl", {
    fn rotated<const LEFT: i32>(self) -> Self {
        Self(intrinsics!(_mm256_rol_epi32::<LEFT>(self.0)))
    }

    fn choice(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm256_ternarylogic_epi32::<0xca>(
            self.0, one.0, other.0
        )))
    }

    fn parity(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm256_ternarylogic_epi32::<0x96>(
            self.0, one.0, other.0
        )))
    }

    fn majority(self, one: Self, other: Self) -> Self {
        Self(intrinsics!(_mm256_ternarylogic_epi32::<0xe8>(
            self.0, one.0, other.0
        )))
    }

    fn kept(self, lanes: u16, others: Self) -> Self {
        let [lanes, _] = lanes.to_le_bytes();
        Self(intrinsics!(_mm256_mask_blend_epi32(
            lanes, others.0, self.0
        )))
    }
});

eight!(Binary, Avx2, "avx2", {
    fn rotated<const LEFT: i32>(self) -> Self {
        Self(intrinsics!({
            let count = _mm_cvtsi32_si128(32 - LEFT);
            let wrapped = _mm256_srl_epi32(self.0, count);
            _mm256_or_si256(_mm256_slli_epi32::<LEFT>(self.0), wrapped)
        }))
    }

    fn choice(self, one: Self, other: Self) -> Self {
        Self(intrinsics!({
            let differing = _mm256_xor_si256(one.0, other.0);
            _mm256_xor_si256(other.0, _mm256_and_si256(self.0, differing))
        }))
    }

    fn parity(self, one: Self, other: Self) -> Self {
        self.xor(one).xor(other)
    }

    fn majority(self, one: Self, other: Self) -> Self {
        Self(intrinsics!({
            let either = _mm256_and_si256(self.0, _mm256_or_si256(one.0, other.0));
            _mm256_or_si256(either, _mm256_and_si256(one.0, other.0))
        }))
    }

    fn kept(self, lanes: u16, others: Self) -> Self {
        Self(intrinsics!({
            let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let lanes = _mm256_and_si256(_mm256_set1_epi32(i32::from(lanes)), bits);
            _mm256_blendv_epi8(others.0, self.0, _mm256_cmpeq_epi32(lanes, bits))
        }))
    }
});
