//! Sequence number → packet index, `ROC‖SEQ` (RFC 3711 §3.3.1 and appendix A).
//!
//! Pure arithmetic on 48-bit numbers: this module knows neither keys nor packets.

/// A packet index: 2^16 × rollover counter + sequence number (RFC 3711 §3.3.1), 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketIndex(u64);

impl PacketIndex {
    /// The greatest index there is, 2^48 − 1.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// The index of sequence number `seq` while the rollover counter is `roc`.
    #[must_use]
    pub fn new(roc: u32, seq: u16) -> Self {
        Self((u64::from(roc) << 16) | u64::from(seq))
    }

    /// Of a number below 2^48, such as a replay window keeps.
    pub(crate) fn from_value(value: u64) -> Self {
        Self(value & Self::MAX.0)
    }

    /// The rollover counter: the upper 32 of the 48 bits.
    #[must_use]
    pub fn roc(self) -> u32 {
        let [_, _, r0, r1, r2, r3, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([r0, r1, r2, r3])
    }

    /// The sequence number: the lower 16 of the 48 bits.
    #[must_use]
    pub fn seq(self) -> u16 {
        let [.., q0, q1] = self.0.to_be_bytes();
        u16::from_be_bytes([q0, q1])
    }

    /// The index as a number below 2^48.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    /// The next index, if there is one.
    pub(crate) fn following(self) -> Option<Self> {
        (self < Self::MAX).then_some(Self(self.0 + 1))
    }

    /// The receiver's guess (RFC 3711 appendix A): of the indices that end in `seq`, the one
    /// closest to `self`, the highest index authenticated so far.
    ///
    /// The literal text wraps the ROC modulo 2^32. An index below 0 or above 2^48 − 1 does not
    /// exist, so both are an error here instead.
    #[inline]
    pub(crate) fn estimate(self, seq: u16) -> Result<Self, OutOfRange> {
        const TURN: u64 = 1 << 16;
        // Where the ROC stays as it is.
        let index = self.0 - u64::from(self.seq()) + u64::from(seq);
        let ahead = i32::from(seq) - i32::from(self.seq());
        if ahead > 0x8000 {
            return index.checked_sub(TURN).map(Self).ok_or(OutOfRange::Below);
        }
        if ahead < -0x8000 {
            let turned = Self(index + TURN);
            return (turned <= Self::MAX)
                .then_some(turned)
                .ok_or(OutOfRange::Above);
        }
        Ok(Self(index))
    }

    /// The sender's rule: a step of −2^15 to 2^15 − 1 from `self`, the highest index sent.
    ///
    /// A sender is not guessing. Under the receiver's rule the numbers 0, 65535, 1 would end at
    /// ROC 1, since −1 is no index and 65535 would pass for a jump ahead; here the 65535 is refused as old.
    #[inline]
    pub(crate) fn step(self, seq: u16) -> Result<Self, OutOfRange> {
        let delta = i64::from(seq.wrapping_sub(self.seq()).cast_signed());
        match self.0.checked_add_signed(delta) {
            None => Err(OutOfRange::Below),
            Some(index) if index > Self::MAX.0 => Err(OutOfRange::Above),
            Some(index) => Ok(Self(index)),
        }
    }
}

/// Which end of the 48 bits an index would have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfRange {
    Below,
    Above,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 appendix A, transcribed with signed arithmetic, plus the exception for indices
    /// that do not exist.
    fn appendix_a(highest: PacketIndex, seq: u16) -> Result<PacketIndex, OutOfRange> {
        let (roc, s_l, seq) = (
            i64::from(highest.roc()),
            i64::from(highest.seq()),
            i64::from(seq),
        );
        let v = if s_l < 32_768 {
            if seq - s_l > 32_768 { roc - 1 } else { roc }
        } else if s_l - 32_768 > seq {
            roc + 1
        } else {
            roc
        };
        match u32::try_from(v) {
            Ok(v) => Ok(PacketIndex::new(v, u16::try_from(seq).unwrap())),
            Err(_) if v < 0 => Err(OutOfRange::Below),
            Err(_) => Err(OutOfRange::Above),
        }
    }

    const EDGES: [u16; 9] = [0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff];

    #[test]
    fn estimate_is_appendix_a_for_every_sequence_number() {
        for roc in [0, 1, 2, u32::MAX - 1, u32::MAX] {
            for s_l in EDGES {
                let highest = PacketIndex::new(roc, s_l);
                for seq in 0..=u16::MAX {
                    assert_eq!(
                        highest.estimate(seq),
                        appendix_a(highest, seq),
                        "{highest:?} {seq}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sender_steps_to_the_nearest_index_and_never_takes_an_old_number_for_a_leap_ahead() {
        for roc in [0, 1, u32::MAX] {
            for s_l in EDGES {
                let highest = PacketIndex::new(roc, s_l);
                for seq in 0..=u16::MAX {
                    match highest.step(seq) {
                        Ok(index) => {
                            assert_eq!(index.seq(), seq);
                            let delta = i128::from(index.value()) - i128::from(highest.value());
                            assert!((-0x8000..0x8000).contains(&delta));
                        }
                        Err(OutOfRange::Below) => assert!(roc == 0 && seq > s_l),
                        Err(OutOfRange::Above) => assert!(roc == u32::MAX && seq < s_l),
                    }
                }
            }
        }
        let first = PacketIndex::new(0, 0);
        assert_eq!(first.step(65_535), Err(OutOfRange::Below));
        assert_eq!(first.step(1), Ok(PacketIndex::new(0, 1)));
    }

    #[test]
    fn an_index_takes_apart_into_roc_and_seq() {
        let index = PacketIndex::new(0x0123_4567, 0x89ab);
        assert_eq!(
            (index.roc(), index.seq(), index.value()),
            (0x0123_4567, 0x89ab, 0x0123_4567_89ab)
        );
        assert_eq!(PacketIndex::new(u32::MAX, u16::MAX), PacketIndex::MAX);
    }
}
