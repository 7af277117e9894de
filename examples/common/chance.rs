//! Tells bytes that look like chance, as enciphered ones do, from speech and other media that does not.

/// Fewer bytes tell nothing.
const FEWEST: usize = 24;
/// So many standard deviations above chance is no chance.
const BEYOND_CHANCE: f64 = 8.0;
const WITHIN_CHANCE: f64 = 4.0;

/// How far bytes are from chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pattern {
    /// Media that was not compressed, and is not enciphered.
    Structured,
    /// Enciphered, or compressed well.
    Random,
    /// Neither is certain.
    Unclear,
}

impl Pattern {
    /// Of a payload: coincidences among its bytes, and among the steps from one to the next.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.len() < FEWEST {
            return Self::Unclear;
        }
        let steps = bytes.windows(2).map(|it| it[1].wrapping_sub(it[0]));
        let most = coincidences(bytes.iter().copied()).max(coincidences(steps));
        if most > BEYOND_CHANCE {
            Self::Structured
        } else if most < WITHIN_CHANCE {
            Self::Random
        } else {
            Self::Unclear
        }
    }
}

/// Pairs of equal bytes, in standard deviations above what chance makes.
fn coincidences(bytes: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0_u32; 256];
    let mut total = 0_u32;
    for byte in bytes {
        counts[usize::from(byte)] += 1;
        total += 1;
    }
    let pairs = |count: u32| f64::from(count) * (f64::from(count) - 1.0) / 2.0;
    let found: f64 = counts.iter().map(|it| pairs((*it).max(1))).sum();
    let expected = pairs(total.max(1)) / 256.0;
    (found - expected) / expected.max(f64::EPSILON).sqrt()
}
