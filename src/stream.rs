//! What a context remembers of one SSRC, and the table of them.
//!
//! [`RtpProgress::admit`] turns a sequence number into the indices it may stand for; [`Stream::accept`] takes the `Authentic` that a
//! transform made of one of them, and is the only way in which a receiver's stream moves.

mod between;
mod claim;
mod exported;
mod rekeyed;
mod table;

use alloc::boxed::Box;
use core::num::NonZeroU64;

use crate::header::Plane;
use crate::index::{OutOfRange, PacketIndex};
use crate::replay::{Refused, ReplayWindow, ReplayWindowSize};
use crate::statistics::{ErrorCounts, Passed, PlaneStatistics, Statistics};
use crate::transform::{Authentic, Position};

use between::Between;
pub(crate) use claim::{Claim, Guesses, MOST_GUESSES, NotAdmitted, RocClaim};
pub(crate) use rekeyed::{Anew, Rekeyed, Under};
pub(crate) use table::{Slot, StreamTable, TableFull};

/// How far ahead an index may run when nothing vouches for it (RFC 3711 §3.3.1: without authentication
/// the estimate is not robust).
pub(crate) const GREATEST_UNPROVEN_JUMP: u64 = 1 << 14;

/// One SSRC in one direction.
///
/// In this order, so that what every packet of SRTP asks for, if it is in order, is in one line of the cache.
#[repr(C, align(64))]
pub(crate) struct Stream<Srtcp, Errors> {
    /// Of a receiver, after a re-key: the peer may go on, or begin anew.
    pub(crate) rekeyed: Option<Box<Rekeyed>>,
    /// Set when the caller removed the stream: the serial number after that of the newest master key at that time. The highest indices stay until
    /// that key and its elders are gone, so that a stream which comes back cannot use or accept an index twice.
    removed_before: Option<NonZeroU64>,
    rtp_passed: Passed,
    pub(crate) rtp: RtpProgress,
    rtcp_passed: Passed,
    pub(crate) srtcp: Srtcp,
    /// Of a sender that was resumed: what another process sent, or may have sent, ends with this index.
    pub(crate) inherited: Option<PacketIndex>,
    /// Of packets that were refused, in SRTP and in SRTCP.
    errors: [Errors; 2],
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
        Self::at(RtpProgress::new(window), Srtcp::new(window))
    }

    /// A stream that has come so far.
    fn at(rtp: RtpProgress, srtcp: Srtcp) -> Self {
        Self {
            rekeyed: None,
            removed_before: None,
            rtp_passed: Passed::default(),
            rtp,
            rtcp_passed: Passed::default(),
            srtcp,
            inherited: None,
            errors: [Errors::default(); 2],
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
        self.removed_before = Some(NonZeroU64::MIN.saturating_add(newest_key));
    }

    /// The serial number of the newest master key when the caller removed the stream, if it has not come back.
    pub(crate) fn removed_under(&self) -> Option<u64> {
        self.removed_before.map(|next_key| next_key.get() - 1)
    }

    /// The stream is there, whether or not it was removed.
    #[inline]
    pub(crate) fn take_back(&mut self) {
        self.removed_before = None;
    }

    /// Counts a packet of `plain` bytes.
    #[inline]
    pub(crate) fn count_packet(&mut self, plane: Plane, plain: usize) {
        match plane {
            Plane::Rtp => self.rtp_passed.count(plain),
            Plane::Rtcp => self.rtcp_passed.count(plain),
        }
    }

    /// Counts a packet that was refused.
    pub(crate) fn count_error(&mut self, plane: Plane, error: &Errors::Error) {
        let [rtp, rtcp] = &mut self.errors;
        match plane {
            Plane::Rtp => rtp.count(error),
            Plane::Rtcp => rtcp.count(error),
        }
    }

    pub(crate) fn statistics(&self) -> Statistics<Errors> {
        let [rtp, rtcp] = self.errors;
        Statistics {
            rtp: PlaneStatistics::new(self.rtp_passed, rtp),
            rtcp: PlaneStatistics::new(self.rtcp_passed, rtcp),
        }
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
            Plane::Rtp => self.rtp.mark_received(index),
            Plane::Rtcp => self.srtcp.mark(index),
        }
        self.count_packet(plane, plain);
        self.take_back();
    }
}

/// How far a stream's SRTP has come.
#[repr(C)]
pub(crate) struct RtpProgress {
    /// A rollover counter that the caller set, for the next packet.
    pending_roc: Option<u32>,
    window: ReplayWindow,
    between: Between,
}

impl RtpProgress {
    pub(crate) fn new(window: ReplayWindowSize) -> Self {
        Self {
            pending_roc: None,
            window: ReplayWindow::new(window),
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

    #[cfg(test)]
    fn has_storage(&self) -> bool {
        self.window.has_storage()
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
    #[inline(always)]
    pub(crate) fn mark_sent(&mut self, index: PacketIndex) {
        self.window.mark(index.value());
        self.pending_roc = None;
    }

    /// What the sequence number of a received packet may stand for (RFC 3711 §3.3.1), before anything about it is proven.
    #[inline(always)]
    pub(crate) fn admit(&self, claim: Claim) -> Result<Guesses, NotAdmitted> {
        match self.estimate(claim) {
            Some(Ok(index)) => Ok([Some(index), None, None, None]),
            Some(Err(why)) => Err(why),
            None => self.without_replays(claim.first_guesses(self.pending_roc)),
        }
    }

    /// The same, where it may stand for one index alone: the stream is under way, and the packet belongs where it has come.
    #[inline(always)]
    pub(crate) fn estimate(&self, claim: Claim) -> Option<Result<PacketIndex, NotAdmitted>> {
        let reached = match claim.roc {
            RocClaim::Carried(_) => None,
            RocClaim::Estimated => self.highest(),
            RocClaim::EstimatedBetween => self.reached(),
        };
        let (None, Some(reached)) = (self.pending_roc, reached) else {
            return None;
        };
        Some(match reached.estimate(claim.seq) {
            Err(end) => Err(NotAdmitted::OutOfRange(end)),
            Ok(index) => match self.check(index) {
                Ok(()) => Ok(index),
                Err(refused) => Err(NotAdmitted::Refused(refused, index)),
            },
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{ProtectErrorCounts, UnprotectErrorCounts};
    use core::mem::offset_of;

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn what_a_packet_of_srtp_in_order_asks_of_its_stream_is_in_one_line_of_the_cache() {
        type Sent = Stream<SrtcpCounter, ProtectErrorCounts>;
        type Received = Stream<ReplayWindow, UnprotectErrorCounts>;
        assert_eq!([align_of::<Sent>(), align_of::<Received>()], [64; 2]);
        let rtp = [offset_of!(Sent, rtp), offset_of!(Received, rtp)];
        let ring = offset_of!(RtpProgress, window) + ReplayWindow::RING_AT;
        // The ring, of which packets in order ask nothing, begins with the next line.
        assert_eq!(rtp.map(|rtp| rtp + ring), [64; 2]);
    }

    #[test]
    fn a_stream_takes_what_the_documentation_of_most_streams_says() {
        // With 32 bytes in the table at most.
        assert!(size_of::<Stream<SrtcpCounter, ProtectErrorCounts>>() <= 480 - 32);
        assert!(size_of::<Stream<ReplayWindow, UnprotectErrorCounts>>() <= 672 - 32);
        assert!(size_of::<Rekeyed>() <= 400);
    }

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
