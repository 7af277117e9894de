//! What may have happened between an export and the end of its process.

/// How far the process that exported a sender's state may have gone on after it: so many packets, in each stream and each plane, and so
/// many sequence numbers in each stream.
///
/// Whoever resumes a sender names it. A process that exports at least every so many packets, and has made sure that the state is where its
/// successor finds it before the next packet leaves, stays within that margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Margin(u16);

impl Margin {
    /// Nothing was protected after the export: the sender was stopped for it.
    pub const NONE: Self = Self(0);

    /// The greatest margin, 2^14 − 1. A receiver tells rollover counters apart up to 2^15 sequence numbers from the highest it knows (RFC 3711
    /// §3.3.1); the rest is for what it lost, and for sequence numbers that the application leaves out.
    pub const MAX: Self = Self((1 << 14) - 1);

    /// At most so many packets and sequence numbers, 1 to 16383; `None` for any other number.
    #[must_use]
    pub const fn packets(packets: u16) -> Option<Self> {
        if packets >= 1 && packets <= Self::MAX.0 {
            Some(Self(packets))
        } else {
            None
        }
    }
}

impl From<Margin> for u64 {
    fn from(margin: Margin) -> Self {
        margin.0.into()
    }
}

impl From<Margin> for u32 {
    fn from(margin: Margin) -> Self {
        margin.0.into()
    }
}
