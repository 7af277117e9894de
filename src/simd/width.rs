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

/// Loads less than a vector, and zeros behind.
#[inline(always)]
fn load_part<V: Vector<Bytes = [u8; BYTES]>, const BYTES: usize>(cpu: V::Cpu, bytes: &[u8]) -> V {
    if let (9..16, Some(first), Some(last)) = (bytes.len(), bytes.first_chunk(), bytes.last_chunk())
    {
        // Not through memory: see `Lane`.
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let last = u128::from(last) << (8 * bytes.len() - 64);
        return V::from_lane(cpu, Lane::of(last | u128::from(first)));
    }
    let mut whole = [0; BYTES];
    if let Some(part) = whole.get_mut(..bytes.len()) {
        part.copy_from_slice(bytes);
    }
    V::load(cpu, &whole)
}

/// Writes as much of `whole` as fills `bytes`, and clears the rest of it.
#[inline(always)]
fn keep<const BYTES: usize>(whole: &mut [u8; BYTES], bytes: &mut [u8]) {
    if let Some((kept, rest)) = whole.split_at_mut_checked(bytes.len()) {
        bytes.copy_from_slice(kept);
        rest.fill(0);
    }
}
