//! What a context remembers of one SSRC, and the table of them.
//!
//! [`RtpProgress::admit`] turns a sequence number into the indices it may stand for; [`Stream::accept`] takes the `Authentic` that a
//! transform made of one of them, and is the only way in which a receiver's stream moves.

mod between;
mod claim;
mod exported;
mod rekeyed;

use alloc::{boxed::Box, vec::Vec};

use crate::header::Plane;
use crate::index::{OutOfRange, PacketIndex};
use crate::replay::{Refused, ReplayWindow, ReplayWindowSize};
use crate::statistics::{Counting, ErrorCounts, Statistics};
use crate::transform::{Authentic, Position};

use between::Between;
pub(crate) use claim::{Claim, Guesses, MOST_GUESSES, NotAdmitted, RocClaim};
pub(crate) use rekeyed::{Anew, Rekeyed, Under};

/// How far ahead an index may run when nothing vouches for it (RFC 3711 §3.3.1: without authentication
/// the estimate is not robust).
pub(crate) const GREATEST_UNPROVEN_JUMP: u64 = 1 << 14;

/// One SSRC in one direction.
pub(crate) struct Stream<Srtcp, Errors> {
    pub(crate) rtp: RtpProgress,
    pub(crate) srtcp: Srtcp,
    pub(crate) statistics: Statistics<Errors>,
    /// Set when the caller removed the stream: the newest master key at that time. The highest indices stay until
    /// that key and its elders are gone, so that a stream which comes back cannot use or accept an index twice.
    pub(crate) removed_under: Option<u64>,
    /// Of a receiver, after a re-key: the peer may go on, or begin anew.
    pub(crate) rekeyed: Option<Box<Rekeyed>>,
    /// Of a sender that was resumed: what another process sent, or may have sent, ends with this index.
    pub(crate) inherited: Option<PacketIndex>,
}

/// What a stream remembers of its SRTCP: a sender counts, a receiver keeps a window.
pub(crate) trait SrtcpProgress {
    fn new(window: ReplayWindowSize) -> Self;
    /// Has anything been sent or accepted?
    fn has_history(&self) -> bool;
    fn release_storage(&mut self);
}

impl<Srtcp: SrtcpProgress, Errors: ErrorCounts> Stream<Srtcp, Errors> {
    pub(crate) fn new(window: ReplayWindowSize) -> Self {
        Self {
            rtp: RtpProgress::new(window),
            srtcp: Srtcp::new(window),
            statistics: Statistics::default(),
            removed_under: None,
            rekeyed: None,
            inherited: None,
        }
    }

    /// Has anything been sent or accepted?
    pub(crate) fn has_history(&self) -> bool {
        self.rtp.highest().is_some() || self.srtcp.has_history()
    }

    /// The caller removes the stream: its storage goes, its highest indices stay.
    pub(crate) fn remove_under(&mut self, newest_key: u64) {
        self.rtp.release_storage();
        self.srtcp.release_storage();
        if let Some(rekeyed) = &mut self.rekeyed {
            rekeyed.release_storage();
        }
        self.removed_under = Some(newest_key);
    }
}

impl SrtcpProgress for SrtcpCounter {
    fn new(_: ReplayWindowSize) -> Self {
        Self::NONE
    }

    fn has_history(&self) -> bool {
        self.0.is_some()
    }

    fn release_storage(&mut self) {}
}

impl SrtcpProgress for ReplayWindow {
    fn new(window: ReplayWindowSize) -> Self {
        Self::new(window)
    }

    fn has_history(&self) -> bool {
        self.highest().is_some()
    }

    fn release_storage(&mut self) {
        self.release_storage();
    }
}

impl<Errors: ErrorCounts> Stream<ReplayWindow, Errors> {
    /// Would a packet at `at` that nothing vouches for run too far ahead? The error is the highest index so far.
    pub(crate) fn check_unproven(&self, at: Position) -> Result<(), u64> {
        let highest = match at.plane {
            // After a re-key the stream may begin anew, anywhere.
            plane if self.rekeyed.as_ref().is_some_and(|it| it.awaits(plane)) => return Ok(()),
            // The caller set a rollover counter: that is where the packet belongs.
            Plane::Rtp if self.rtp.pending_roc.is_some() => return Ok(()),
            Plane::Rtp => self.rtp.reached().map(PacketIndex::value),
            Plane::Rtcp => self.srtcp.highest(),
        };
        match highest {
            Some(highest) if at.index > highest.saturating_add(GREATEST_UNPROVEN_JUMP) => {
                Err(highest)
            }
            _ => Ok(()),
        }
    }

    /// Moves on: marks the index, and in SRTP with it ROC and s_l (RFC 3711 §3.3.1; never backwards). Counts a packet of `plain` bytes.
    #[inline]
    pub(crate) fn accept(&mut self, packet: &Authentic, plain: usize) {
        let Position { plane, index, .. } = packet.position();
        match plane {
            Plane::Rtp => {
                self.statistics.count_packet(Plane::Rtp, plain);
                self.rtp.mark_received(index);
            }
            Plane::Rtcp => {
                self.statistics.count_packet(Plane::Rtcp, plain);
                self.srtcp.mark(index);
            }
        }
        self.removed_under = None;
    }
}

/// How far a stream's SRTP has come.
pub(crate) struct RtpProgress {
    window: ReplayWindow,
    /// A rollover counter that the caller set, for the next packet.
    pending_roc: Option<u32>,
    between: Between,
}

impl RtpProgress {
    pub(crate) fn new(window: ReplayWindowSize) -> Self {
        Self {
            window: ReplayWindow::new(window),
            pending_roc: None,
            between: Between::NONE,
        }
    }

    /// The highest index so far: ROC and s_l of RFC 3711 in one.
    #[inline]
    pub(crate) fn highest(&self) -> Option<PacketIndex> {
        self.window.highest().map(PacketIndex::from_value)
    }

    /// The rollover counter: the one that is set for the next packet, else that of the highest index.
    pub(crate) fn roc(&self) -> Option<u32> {
        self.pending_roc
            .or_else(|| self.highest().map(PacketIndex::roc))
    }

    /// Sets the rollover counter of the next packet, whose sequence number then counts as the highest. Not behind the
    /// highest index so far; its own counter changes nothing.
    pub(crate) fn set_roc(&mut self, roc: u32) {
        let reached = self.highest().map(PacketIndex::roc);
        self.pending_roc = Some(roc).filter(|roc| reached.is_none_or(|reached| *roc > reached));
    }

    /// Forgets every index. The next packet has the rollover counter `roc`.
    pub(crate) fn restart(&mut self, window: ReplayWindowSize, roc: u32) {
        self.window = ReplayWindow::new(window);
        self.pending_roc = Some(roc);
        self.between = Between::NONE;
    }

    pub(crate) fn release_storage(&mut self) {
        self.window.release_storage();
        self.pending_roc = None;
        self.between = Between::NONE;
    }

    /// The index under which a sender sends `seq`: the one that is set, or a step from the highest one. `None` if there is neither.
    #[inline]
    pub(crate) fn next(&self, seq: u16) -> Option<Result<PacketIndex, OutOfRange>> {
        match (self.pending_roc, self.highest()) {
            (Some(roc), _) => Some(Ok(PacketIndex::new(roc, seq))),
            (None, Some(highest)) => Some(highest.step(seq)),
            (None, None) => None,
        }
    }

    /// The lowest index that nothing was sent under, nor under one above it.
    pub(crate) fn next_unused(&self) -> Option<PacketIndex> {
        match (self.pending_roc, self.highest()) {
            (Some(roc), _) => Some(PacketIndex::new(roc, 0)),
            (None, highest) => highest?.following(),
        }
    }

    /// Was `index` sent or accepted, or can that no longer be told?
    #[inline]
    pub(crate) fn check(&self, index: PacketIndex) -> Result<(), Refused> {
        self.window.check(index.value())
    }

    /// A packet with this index has been accepted: ROC and s_l move with it, never backwards (RFC 3711 §3.3.1).
    #[inline]
    fn mark_received(&mut self, index: u64) {
        let before = self.window.highest();
        self.window.mark(index);
        // A straggler from before a counter that is set does not stand for the packet that it is set for.
        if self.window.highest() != before {
            self.pending_roc = None;
        }
    }

    /// A sender's packet with this index goes out.
    #[inline]
    pub(crate) fn mark_sent(&mut self, index: PacketIndex) {
        self.window.mark(index.value());
        self.pending_roc = None;
    }

    /// What the sequence number of a received packet may stand for (RFC 3711 §3.3.1), before anything about it is proven.
    #[inline(always)]
    pub(crate) fn admit(&self, claim: Claim) -> Result<Guesses, NotAdmitted> {
        let reached = match claim.roc {
            RocClaim::Carried(_) => None,
            RocClaim::Estimated => self.highest(),
            RocClaim::EstimatedBetween => self.reached(),
        };
        if let (None, Some(reached)) = (self.pending_roc, reached) {
            let index = reached.estimate(claim.seq);
            let index = index.map_err(NotAdmitted::OutOfRange)?;
            return match self.check(index) {
                Ok(()) => Ok([Some(index), None, None, None]),
                Err(refused) => Err(NotAdmitted::Refused(refused, index)),
            };
        }
        self.without_replays(claim.first_guesses(self.pending_roc))
    }

    /// The same, where it need not be inlined.
    #[cold]
    #[inline(never)]
    pub(crate) fn admit_rarely(&self, claim: Claim) -> Result<Guesses, NotAdmitted> {
        self.admit(claim)
    }

    /// Drops the guesses that the window refuses. If none is left, says why for the likeliest one.
    #[cold]
    fn without_replays(&self, mut guesses: Guesses) -> Result<Guesses, NotAdmitted> {
        let mut first_refusal = None;
        let mut any_left = false;
        for guess in &mut guesses {
            let Some(index) = *guess else { continue };
            match self.check(index) {
                Ok(()) => any_left = true,
                Err(refused) => {
                    first_refusal.get_or_insert(NotAdmitted::Refused(refused, index));
                    *guess = None;
                }
            }
        }
        match first_refusal {
            Some(refusal) if !any_left => Err(refusal),
            _ => Ok(guesses),
        }
    }
}

/// The SRTCP index that a sender used last (RFC 3711 §3.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SrtcpCounter(Option<u32>);

impl SrtcpCounter {
    /// Nothing was sent.
    pub(crate) const NONE: Self = Self(None);

    /// The index of the next packet, or `None` after 2^31 − 1: "modulo 2^31" would be the same keystream again
    /// (RFC 7714 §9.4).
    pub(crate) fn next(self, first: u32) -> Option<u32> {
        let next = self.0.map_or(first, |last| last + 1);
        (next < 1 << 31).then_some(next)
    }

    pub(crate) fn mark_sent(&mut self, index: u32) {
        self.0 = Some(index);
    }
}

/// All streams of a context, sorted by SSRC.
///
/// A look-up is a binary search in 16 bytes a stream, without a hash that a peer could aim at; an insertion moves those, once in a
/// stream's life. Streams are boxed, so that they stay where they are.
pub(crate) struct StreamTable<S> {
    streams: Vec<(u32, Box<S>)>,
    most: usize,
}

/// Where an SSRC stands in the table, or would.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Known(usize),
    New(usize),
}

/// The table holds as many streams as it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableFull {
    pub(crate) most: usize,
}

impl<S> StreamTable<S> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            streams: Vec::new(),
            most,
        }
    }

    #[inline]
    pub(crate) fn find(&self, ssrc: u32) -> Slot {
        match self.streams.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc) {
            Ok(at) => Slot::Known(at),
            Err(at) => Slot::New(at),
        }
    }

    /// The stream at `slot`, if it is known.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> Option<&S> {
        match slot {
            Slot::Known(at) => self.streams.get(at).map(|(_, stream)| stream.as_ref()),
            Slot::New(_) => None,
        }
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&S> {
        self.at(self.find(ssrc))
    }

    pub(crate) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        match self.find(ssrc) {
            Slot::Known(at) => self.streams.get_mut(at).map(|(_, stream)| stream.as_mut()),
            Slot::New(_) => None,
        }
    }

    /// The stream at `slot`, made by `new` if it is not known and there is room.
    ///
    /// `slot` is of a [`find`](Self::find) since which the table has not changed.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        slot: Slot,
        ssrc: u32,
        new: impl FnOnce() -> S,
    ) -> Result<&mut S, TableFull> {
        let full = TableFull { most: self.most };
        let at = match slot {
            Slot::Known(at) => at,
            Slot::New(_) if self.streams.len() >= self.most => return Err(full),
            Slot::New(at) => {
                self.streams.insert(at, (ssrc, Box::new(new())));
                at
            }
        };
        let stream = self.streams.get_mut(at).ok_or(full)?;
        Ok(stream.1.as_mut())
    }

    /// Another cap: streams beyond it stay, and no new ones are made.
    pub(crate) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.streams.iter_mut().map(|(_, stream)| stream.as_mut())
    }

    /// Removes what `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32, &S) -> bool) {
        self.streams.retain(|(ssrc, stream)| keep(*ssrc, stream));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> {
        self.streams
            .iter()
            .map(|(ssrc, stream)| (*ssrc, stream.as_ref()))
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srtcp_indices_end_at_2_to_the_31_minus_1_and_never_begin_again() {
        for first in [0, 1] {
            let mut counter = SrtcpCounter::NONE;
            assert_eq!(counter.next(first), Some(first));
            counter.mark_sent(0x7fff_fffe);
            assert_eq!(counter.next(first), Some(0x7fff_ffff));
            counter.mark_sent(0x7fff_ffff);
            assert_eq!(counter.next(first), None);
        }
    }
}
