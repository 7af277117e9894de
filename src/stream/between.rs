//! Packets between those that carry the rollover counter, where only these are authenticated, or none (RFC 4771, RCCm1 and RCCm3).
//!
//! What has no tag proves nothing, so it moves no window. But a rate of up to 65535 lets so many packets pass from one counter to the next that
//! their sequence numbers alone say where they belong only if each is held against the ones before it.

use super::{RtpProgress, Stream};
use crate::header::Plane;
use crate::index::PacketIndex;
use crate::replay::ReplayWindow;
use crate::statistics::ErrorCounts;

/// How far such packets have come.
pub(super) struct Between {
    /// The highest index of the stream when they did. Once that moves, what they did counts no more.
    since: u64,
    highest: u64,
}

impl Between {
    /// There were none since any index.
    pub(super) const NONE: Self = Self {
        since: u64::MAX,
        highest: 0,
    };

    /// As far as `ahead`, beyond all that `progress` says otherwise. `None` if it is not beyond.
    pub(super) fn ahead_of(progress: &RtpProgress, ahead: u64) -> Option<Self> {
        let since = progress.window.highest()?;
        let is_beyond = since < ahead && ahead <= PacketIndex::MAX.value();
        is_beyond.then_some(Self {
            since,
            highest: ahead,
        })
    }
}

impl RtpProgress {
    /// The highest index so far or, beyond it, that of a packet between.
    pub(super) fn reached(&self) -> Option<PacketIndex> {
        let highest = self.window.highest()?;
        let reached = match self.between.since == highest {
            true => self.between.highest,
            false => highest,
        };
        Some(PacketIndex::from_value(reached))
    }

    /// The index of a packet between, if that is the highest so far.
    pub(super) fn between_ahead(&self) -> Option<u64> {
        let reached = self.reached()?;
        (self.highest()? < reached).then_some(reached.value())
    }
}

impl<Errors: ErrorCounts> Stream<ReplayWindow, Errors> {
    /// A packet between, of `plain` bytes, passes at `index`, which was [checked](Self::check_unproven).
    pub(crate) fn pass_between(&mut self, index: PacketIndex, plain: usize) {
        self.count_packet(Plane::Rtp, plain);
        let awaits = |rekeyed: &super::Rekeyed| rekeyed.awaits(Plane::Rtp);
        if self.rtp.pending_roc.is_some() || self.rekeyed.as_deref().is_some_and(awaits) {
            // It may be far from where the stream is, which only a counter that is carried will tell.
            return;
        }
        let is_ahead = self.rtp.reached().is_some_and(|reached| reached < index);
        if let (Some(since), true) = (self.rtp.window.highest(), is_ahead) {
            let highest = index.value();
            self.rtp.between = Between { since, highest };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ReplayWindowSize;
    use crate::statistics::UnprotectErrorCounts;
    use crate::stream::rekeyed::Anew;

    #[test]
    fn a_packet_between_moves_nothing_while_a_set_counter_or_a_re_key_waits_for_proof() {
        let size = ReplayWindowSize::default();
        let reached = |is_set: bool, is_rekeyed: bool| {
            let mut stream = Stream::<ReplayWindow, UnprotectErrorCounts>::new(size);
            stream.rtp.window.mark(100);
            stream.rtp.pending_roc = is_set.then_some(3);
            if is_rekeyed {
                stream.rekey(Anew {
                    since: 1,
                    initial_roc: 0,
                    is_likelier: false,
                    window: size,
                });
            }
            stream.pass_between(PacketIndex::from_value(105), 20);
            assert_eq!(stream.statistics().rtp.packets, 1);
            stream.rtp.reached().map(PacketIndex::value)
        };
        assert_eq!(reached(false, false), Some(105));
        assert_eq!(reached(true, false), Some(100));
        assert_eq!(reached(false, true), Some(100));
        assert_eq!(reached(true, true), Some(100));
    }

    #[test]
    fn a_packet_between_is_ahead_of_the_window_and_no_farther_than_indices_go() {
        let mut progress = RtpProgress::new(ReplayWindowSize::default());
        let ahead_of = |progress: &RtpProgress, ahead| {
            Between::ahead_of(progress, ahead).map(|it| (it.since, it.highest))
        };
        assert_eq!(ahead_of(&progress, 1), None);
        progress.window.mark(100);
        for (ahead, expected) in [
            (99, None),
            (100, None),
            (101, Some((100, 101))),
            (
                PacketIndex::MAX.value(),
                Some((100, PacketIndex::MAX.value())),
            ),
            (PacketIndex::MAX.value() + 1, None),
        ] {
            assert_eq!(ahead_of(&progress, ahead), expected, "{ahead:#x}");
        }
    }
}
