//! Comparing secrets. What they are takes no part in how long it takes, and only the outcome becomes public.

use subtle::{Choice, ConstantTimeEq};

/// Hears of each outcome, in the build that `tests/constant_time/` watches under Valgrind. No other build has it.
#[cfg(srtp_sdes_watched)]
pub static WHEN_PUBLIC: std::sync::OnceLock<fn(&bool)> = std::sync::OnceLock::new();

/// Makes the outcome of a comparison public: everybody sees whether a packet, a state, a key or a line is taken or refused. This is the one
/// place where something that was computed from a secret becomes what a branch may depend on.
#[inline(always)]
pub(super) fn outcome(choice: Choice) -> bool {
    let is_so = choice.into();
    #[cfg(srtp_sdes_watched)]
    if let Some(tell) = WHEN_PUBLIC.get() {
        tell(&is_so);
        // What is at this place was told of, and no copy of it.
        return *core::hint::black_box(&is_so);
    }
    is_so
}

/// Is `received` the beginning of `computed`, and not empty? In constant time for a given length of `received`.
#[inline(always)]
pub(crate) fn is_truncation_of(received: &[u8], computed: &[u8]) -> bool {
    /// For the lengths that tags have, which are then known beforehand.
    #[inline(always)]
    fn of_length<const N: usize>(received: &[u8], computed: &[u8]) -> Option<bool> {
        let received: &[u8; N] = received.try_into().ok()?;
        Some(are_equal(computed.first_chunk::<N>()?, received))
    }
    if let Some(is_it) = of_length::<10>(received, computed) {
        return is_it;
    }
    if let Some(is_it) = of_length::<16>(received, computed) {
        return is_it;
    }
    match computed.get(..received.len()) {
        Some(computed) if !computed.is_empty() => are_equal(computed, received),
        _ => false,
    }
}

/// Are the bytes the same? In constant time for given lengths.
#[inline(always)]
pub(crate) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    // Words at a time: `subtle` on slices pays for its barrier at every byte.
    let ((words, bytes), (other_words, other_bytes)) = (one.as_chunks(), other.as_chunks());
    let words = words.iter().zip(other_words);
    let bytes = bytes.iter().zip(other_bytes);
    let difference = words.fold(0, |sum, (one, other)| {
        sum | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))
    });
    let difference = bytes.fold(difference, |sum, (one, other)| sum | u64::from(one ^ other));
    one.len() == other.len() && outcome(difference.ct_eq(&0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_tag_is_accepted_only_if_every_byte_received_is_right() {
        let computed = [1u8, 2, 3, 4, 5, 6, 7, 8];
        assert!(is_truncation_of(&[1, 2, 3, 4], &computed));
        assert!(is_truncation_of(&computed, &computed));
        for wrong in 0..4 {
            let mut received = [1, 2, 3, 4];
            received[wrong] ^= 0x80;
            assert!(!is_truncation_of(&received, &computed));
        }
        for len in 1..=20 {
            let computed: Vec<u8> = (0..20).collect();
            assert!(is_truncation_of(&computed[..len], &computed));
            for bit in 0..len * 8 {
                let mut received = computed.clone();
                received[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_truncation_of(&received[..len], &computed));
            }
        }
        assert!(!is_truncation_of(&[0; 9], &computed));
        assert!(!are_equal(&computed, &computed[1..]));
        assert!(!is_truncation_of(&[], &computed), "no tag is no proof");
    }
}
