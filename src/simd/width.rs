//! Vectors of one, two and four blocks, and the functions that are compiled for their features.

pub(super) mod four;
pub(super) mod one;
pub(super) mod two;

use super::vector::{Lane, Vector};

/// Intrinsics of the features for which the vectors stand.
macro_rules! intrinsics {
    ($call:expr) => {
        // SAFETY: the caller has the token or a vector, which was made with one, and so the CPU has the features. Bytes are read
        // and written through references to as many.
        unsafe { $call }
    };
}
pub(super) use intrinsics;

/// Loads at most 32 bytes into the first lanes, and zeros behind: not through memory, where what was written in pieces cannot be read as a whole
/// at once.
#[inline(always)]
fn load_part<V: Vector>(cpu: V::Cpu, bytes: &[u8]) -> V {
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return V::from_lane(cpu, Lane::of(number(bytes)));
    };
    let first = V::from_lane(cpu, Lane::of(u128::from_le_bytes(*first)));
    if bytes.len() == 16 {
        return first;
    }
    let behind = u32::try_from(8 * (32 - bytes.len())).unwrap_or_default();
    first.with_lane(1, Lane::of(u128::from_le_bytes(*last) >> behind))
}

/// Less than 16 bytes as a little-endian number.
#[inline(always)]
fn number(bytes: &[u8]) -> u128 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return u128::from(last) << (8 * len - 64) | u128::from(first);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u128::from(last) << (8 * len - 32) | u128::from(first);
    }
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// A vector of which the first `len` bytes are ones.
#[inline(always)]
fn ones<const BYTES: usize>(len: usize) -> &'static [u8; BYTES] {
    const ONES_AND_ZEROS: &[u8; 64] = &{
        let mut bytes = [0; 64];
        let (ones, _) = bytes.split_at_mut(32);
        ones.copy_from_slice(&[0xff; 32]);
        bytes
    };
    let from = ONES_AND_ZEROS.get(32_usize.saturating_sub(len)..);
    let part = from.and_then(|bytes| bytes.first_chunk());
    part.unwrap_or(&[0; BYTES])
}
