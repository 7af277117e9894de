//! Vectors of words, one of each of several messages that are worked on side by side.

mod eight;
mod sixteen;

use core::arch::x86_64::{__m128i, _mm_loadu_si128};

use super::width::intrinsics;

/// A word of each of `LANES` messages.
///
/// INVARIANT: a value exists only where a token was, so the CPU has what the methods need.
pub(super) trait Words<const LANES: usize>: Copy {
    /// The token.
    type Cpu: Copy;

    /// The same word of every message.
    fn splat(cpu: Self::Cpu, word: u32) -> Self;
    fn load(cpu: Self::Cpu, words: &[u32; LANES]) -> Self;
    fn store(self, words: &mut [u32; LANES]);
    /// Four words of each message, those of a quarter of the messages in each vector.
    fn rows(cpu: Self::Cpu, fours: [Four; LANES]) -> [Self; 4];
    /// The first words of those in rows, the second ones, and so on.
    fn across(rows: [Self; 4]) -> [Self; 4];

    /// The bytes of each word backwards.
    fn swapped(self) -> Self;
    fn add(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn rotated<const LEFT: i32>(self) -> Self;
    /// Of each bit, that of `one` where ours is set, and that of `other` where it is not.
    fn choice(self, one: Self, other: Self) -> Self;
    /// Of each bit, whether an odd number of the three are set.
    fn parity(self, one: Self, other: Self) -> Self;
    /// Of each bit, what two and more of the three are.
    fn majority(self, one: Self, other: Self) -> Self;
    /// Ours in the lanes whose bits are set, and those of `others` elsewhere.
    fn kept(self, lanes: u16, others: Self) -> Self;
}

/// Four words of one message, as they are in memory.
///
/// Without SSE2 in the target this folder is not compiled: they need no token.
#[derive(Clone, Copy)]
pub(super) struct Four(__m128i);

impl Four {
    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Self {
        Self(intrinsics!(_mm_loadu_si128(bytes.as_ptr().cast())))
    }

    #[inline(always)]
    pub(super) fn of(words: &[u32; 4]) -> Self {
        Self(intrinsics!(_mm_loadu_si128(words.as_ptr().cast())))
    }
}
