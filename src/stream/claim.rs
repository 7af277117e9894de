//! What a packet that nobody has verified says of its index, and the indices that it may stand for.

use crate::index::{OutOfRange, PacketIndex};
use crate::replay::Refused;

/// What a received packet says of its index, and what is assumed where it says nothing.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) seq: u16,
    pub(crate) roc: RocClaim,
    /// The rollover counter of a stream's first packet.
    pub(crate) initial_roc: u32,
    /// Are others tried for it?
    pub(crate) search: bool,
}

/// How a received packet comes to its rollover counter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RocClaim {
    /// The packet belongs near the highest index so far.
    Estimated,
    /// It has no tag, and is of those [between](super::between) packets that carry the counter.
    EstimatedBetween,
    /// The packet carries it (RFC 4771).
    Carried(u32),
}

impl Claim {
    /// The guesses for the first packet of a stream, or where the caller set `pending`: with `search`, the ROC that is set or kept, one more
    /// (the packets before the roll-over were lost), one less, and 0 (the peer started afresh). What the packet carries is the only one.
    pub(crate) fn first_guesses(self, pending: Option<u32>) -> Guesses {
        let at = |roc| PacketIndex::new(roc, self.seq);
        let roc = match self.roc {
            RocClaim::Carried(roc) => return [Some(at(roc)), None, None, None],
            _ => pending.unwrap_or(self.initial_roc),
        };
        if !self.search {
            return [Some(at(roc)), None, None, None];
        }
        [
            Some(at(roc)),
            roc.checked_add(1).map(at),
            roc.checked_sub(1).map(at),
            (roc > 1).then(|| at(0)),
        ]
    }
}

/// The indices that a sequence number may stand for, likeliest first: at most four, so that the work for
/// a forged packet is bounded.
pub(crate) type Guesses = [Option<PacketIndex>; MOST_GUESSES];

/// The most indices that a sequence number may stand for.
pub(crate) const MOST_GUESSES: usize = 4;

/// Why a received sequence number stands for nothing that could be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    OutOfRange(OutOfRange),
    Refused(Refused, PacketIndex),
}
