//! What a vector of AES blocks can do, whatever its width, and what runs on all of them.

use core::arch::x86_64::{
    __m128i, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_set_epi64x, _mm_storeu_si128,
    _mm_unpackhi_epi64, _mm_xor_si128,
};

use super::Block;
use super::aes::{Keys, RoundKeys};
use super::cpu::Level;
use super::width::{four, one, two};

/// One, two or four AES blocks, each a 128-bit lane.
///
/// INVARIANT: a value exists only where a token was, so the CPU has what the methods need.
pub(super) trait Vector: Copy {
    /// The token.
    type Cpu: Copy;
    /// The bytes of a vector.
    type Bytes;
    /// Lanes of a vector.
    const BLOCKS: usize;

    fn zero(cpu: Self::Cpu) -> Self;
    fn load(cpu: Self::Cpu, bytes: &Self::Bytes) -> Self;
    fn store(self, bytes: &mut Self::Bytes);
    /// A block in every lane.
    fn broadcast(cpu: Self::Cpu, block: &Block) -> Self;
    /// In every lane.
    fn splat(cpu: Self::Cpu, lane: Lane) -> Self;
    /// In the first lane, and zeros elsewhere.
    fn from_lane(cpu: Self::Cpu, lane: Lane) -> Self;
    /// With this in place of lane `n`.
    fn with_lane(self, n: usize, lane: Lane) -> Self;
    /// The first lane.
    fn first(self) -> Block;
    /// The last lane in place of the first one.
    fn last_first(self) -> Self;
    /// 0, 1, 2, 3 as little-endian numbers.
    fn numbers(cpu: Self::Cpu) -> Self;

    /// Whole vectors of `data`, and less than one.
    fn split(data: &[u8]) -> (&[Self::Bytes], &[u8]);
    fn split_mut(data: &mut [u8]) -> (&mut [Self::Bytes], &mut [u8]);
    /// Loads a vector at most, and zeros behind.
    fn load_part(cpu: Self::Cpu, bytes: &[u8]) -> Self;
    /// Stores less than a vector. Returns what was stored, and zeros behind.
    fn store_part(self, bytes: &mut [u8]) -> Self;
    /// XORs as much of it onto less than a vector as that has.
    fn xor_onto_part(self, cpu: Self::Cpu, bytes: &mut [u8]);

    /// The last lane of `before`, and all of ours but the last one.
    fn one_lane_on(self, before: Self) -> Self;
    /// In each place of a lane the byte that it has where `places` says, or zero where that has its highest bit set.
    fn pick(self, places: Self) -> Self;

    fn xor(self, other: Self) -> Self;
    /// Adds the lower 32 bits of each lane as little-endian numbers; they do not carry.
    fn add(self, other: Self) -> Self;
    /// The bytes of each lane backwards.
    fn reverse(self) -> Self;
    fn aes_round(self, key: Self) -> Self;
    fn aes_last_round(self, key: Self) -> Self;
    /// The carry-less product of a half of each lane and one of the other's: bit 0 of `HALVES` chooses our high one, bit 4 the other's.
    fn mul<const HALVES: i32>(self, other: Self) -> Self;
    /// The halves of each lane in each other's place.
    fn swap_halves(self) -> Self;
    /// The sum of all lanes in the first one, zeros elsewhere.
    fn sum(self) -> Self;
}

/// One lane of a vector.
///
#[derive(Clone, Copy)]
pub(super) struct Lane(pub(super) __m128i);

impl Lane {
    /// A number, its bytes backwards if it stands for a block.
    #[inline(always)]
    pub(super) fn of(number: u128) -> Self {
        let [l0, l1, l2, l3, l4, l5, l6, l7, high @ ..] = number.to_le_bytes();
        let low = [l0, l1, l2, l3, l4, l5, l6, l7];
        // SAFETY: without SSE2 in the target this folder is not compiled.
        Self(unsafe { _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low)) })
    }

    /// XORs it onto a block.
    #[inline(always)]
    pub(super) fn xor_onto(self, block: &mut Block) {
        // SAFETY: 16 bytes are read from as many, and written to as many. There is SSE2, as above.
        unsafe {
            let sum = _mm_xor_si128(self.0, _mm_loadu_si128(block.as_ptr().cast()));
            _mm_storeu_si128(block.as_mut_ptr().cast(), sum);
        }
    }

    /// XORs as much of it onto less than a block as that has.
    #[inline(always)]
    pub(super) fn xor_onto_part(self, bytes: &mut [u8]) {
        // SAFETY: there is SSE2, as above.
        let [mut key, high] = unsafe {
            let high = _mm_unpackhi_epi64(self.0, self.0);
            [self.0, high].map(|half| _mm_cvtsi128_si64(half).cast_unsigned())
        };
        let (words, rest) = bytes.as_chunks_mut();
        if let [word, ..] = words {
            *word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
            key = high;
        }
        let (words, rest) = rest.as_chunks_mut();
        if let [word, ..] = words {
            let [k0, k1, k2, k3, ..] = key.to_le_bytes();
            let sum = u32::from_le_bytes(*word) ^ u32::from_le_bytes([k0, k1, k2, k3]);
            *word = sum.to_le_bytes();
            key >>= 32;
        }
        for (byte, key) in rest.iter_mut().zip(key.to_le_bytes()) {
            *byte ^= key;
        }
    }
}

/// Work that is written once, and compiled for every level and size of key.
pub(super) trait Kernel {
    type Output;

    /// `N` is the number of vectors to be worked on at a time, so that no unit of the CPU waits for the result of another.
    ///
    /// Numbers come to a kernel in registers: on their way through memory they would be written in two halves and read as a whole, which has
    /// to wait until all that is in the CPU's pipeline before is done. What they are each kernel says.
    ///
    /// Always inlined, like all that it calls: that is how it comes to be compiled with the features of the level.
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        numbers: [u128; 2],
    ) -> Self::Output;
}

impl Level {
    #[inline(always)]
    pub(super) fn run<K: Kernel>(
        self,
        keys: &Keys,
        kernel: &mut K,
        numbers: [u128; 2],
    ) -> K::Output {
        match self {
            Self::Vaes512(cpu) => four::run(cpu, keys, kernel, numbers),
            Self::Vaes256(cpu) => two::run(cpu, keys, kernel, numbers),
            Self::AesNi(cpu) => one::run(cpu, keys, kernel, numbers),
        }
    }
}

impl Keys {
    /// To be inlined into a function with the features of `V`.
    #[inline(always)]
    pub(super) fn run<V: Vector, const N: usize, K: Kernel>(
        &self,
        cpu: V::Cpu,
        kernel: &mut K,
        numbers: [u128; 2],
    ) -> K::Output {
        match self {
            Self::Aes128(keys) => kernel.run::<V, N, 9>(cpu, keys, numbers),
            Self::Aes192(keys) => kernel.run::<V, N, 11>(cpu, keys, numbers),
            Self::Aes256(keys) => kernel.run::<V, N, 13>(cpu, keys, numbers),
        }
    }
}
