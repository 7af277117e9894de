//! What a context remembers of one SSRC, and the table of them.
//!
//! [`RtpProgress::admit`] turns a sequence number into the indices it may stand for; `accept` takes the [`Authentic`] that a
//! transform made of one of them, and is the only way in which a receiver's stream moves.

use alloc::{boxed::Box, vec::Vec};

use crate::header::Plane;
use crate::index::{OutOfRange, PacketIndex};
use crate::replay::{Refused, ReplayWindow, ReplayWindowSize};
use crate::statistics::{ErrorCounts, Statistics};
use crate::transform::{Authentic, Position};

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

impl<Errors> Stream<ReplayWindow, Errors> {
    /// Would a packet at `at` that nothing vouches for run too far ahead? The error is the highest index so far.
    pub(crate) fn check_unproven(&self, at: Position) -> Result<(), u64> {
        let window = match at.plane {
            // The caller set a rollover counter: that is where the packet belongs.
            Plane::Rtp if self.rtp.pending_roc.is_some() => return Ok(()),
            Plane::Rtp => &self.rtp.window,
            Plane::Rtcp => &self.srtcp,
        };
        match window.highest() {
            Some(highest) if at.index > highest.saturating_add(GREATEST_UNPROVEN_JUMP) => {
                Err(highest)
            }
            _ => Ok(()),
        }
    }

    /// Moves on: marks the index, and in SRTP with it ROC and s_l (RFC 3711 §3.3.1; never backwards).
    #[inline]
    pub(crate) fn accept(&mut self, packet: &Authentic) {
        let Position { plane, index, .. } = packet.position();
        match plane {
            Plane::Rtp => {
                self.rtp.window.mark(index);
                self.rtp.pending_roc = None;
            }
            Plane::Rtcp => self.srtcp.mark(index),
        }
        self.removed_under = None;
    }
}

/// How far a stream's SRTP has come.
pub(crate) struct RtpProgress {
    window: ReplayWindow,
    /// A rollover counter that the caller set, for the next packet.
    pending_roc: Option<u32>,
}

/// The indices that a sequence number may stand for, likeliest first: at most four, so that the work for
/// a forged packet is bounded.
pub(crate) type Guesses = [Option<PacketIndex>; 4];

impl RtpProgress {
    pub(crate) fn new(window: ReplayWindowSize) -> Self {
        Self {
            window: ReplayWindow::new(window),
            pending_roc: None,
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

    /// Sets the rollover counter of the next packet, whose sequence number then counts as the highest.
    ///
    /// The error is the counter of the highest index so far, if that is greater.
    pub(crate) fn set_roc(&mut self, roc: u32) -> Result<(), u32> {
        self.pending_roc = match self.highest().map(PacketIndex::roc) {
            Some(reached) if roc < reached => return Err(reached),
            Some(reached) if roc == reached => None,
            _ => Some(roc),
        };
        Ok(())
    }

    /// Forgets every index. The next packet has the rollover counter `roc`.
    pub(crate) fn restart(&mut self, window: ReplayWindowSize, roc: u32) {
        self.window = ReplayWindow::new(window);
        self.pending_roc = Some(roc);
    }

    pub(crate) fn release_storage(&mut self) {
        self.window.release_storage();
        self.pending_roc = None;
    }

    /// The index under which a sender sends `seq`: the one that is set, or a step from the highest one.
    #[inline]
    pub(crate) fn next(&self, seq: u16, initial_roc: u32) -> Result<PacketIndex, OutOfRange> {
        match (self.pending_roc, self.highest()) {
            (Some(roc), _) => Ok(PacketIndex::new(roc, seq)),
            (None, Some(highest)) => highest.step(seq),
            (None, None) => Ok(PacketIndex::new(initial_roc, seq)),
        }
    }

    /// Was `index` sent or accepted, or can that no longer be told?
    #[inline]
    pub(crate) fn check(&self, index: PacketIndex) -> Result<(), Refused> {
        self.window.check(index.value())
    }

    /// A sender's packet with this index goes out.
    #[inline]
    pub(crate) fn send(&mut self, index: PacketIndex) {
        self.window.mark(index.value());
        self.pending_roc = None;
    }

    /// What the sequence number of a received packet may stand for (RFC 3711 §3.3.1), before anything about it is proven.
    #[inline]
    pub(crate) fn admit(
        &self,
        seq: u16,
        initial_roc: u32,
        search: bool,
    ) -> Result<Guesses, NotAdmitted> {
        let guesses = match (self.pending_roc, self.highest()) {
            (None, Some(highest)) => {
                let index = highest.estimate(seq).map_err(NotAdmitted::OutOfRange)?;
                [Some(index), None, None, None]
            }
            (pending, _) => first_guesses(pending.unwrap_or(initial_roc), seq, search),
        };
        self.without_replays(guesses)
    }

    /// Drops the guesses that the window refuses. If none is left, says why for the likeliest one.
    #[inline]
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

/// Why a received sequence number stands for nothing that could be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    OutOfRange(OutOfRange),
    Refused(Refused, PacketIndex),
}

/// The guesses for the first packet of a stream: with `search`, the ROC that is set or kept, one more (the
/// packets before the roll-over were lost), one less, and 0 (the peer started afresh).
pub(crate) fn first_guesses(roc: u32, seq: u16, search: bool) -> Guesses {
    let at = |roc| PacketIndex::new(roc, seq);
    if !search {
        return [Some(at(roc)), None, None, None];
    }
    [
        Some(at(roc)),
        roc.checked_add(1).map(at),
        roc.checked_sub(1).map(at),
        (roc > 1).then(|| at(0)),
    ]
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
        match self.0 {
            None => Some(first),
            Some(last) => Some(last + 1).filter(|next| *next < 1 << 31),
        }
    }

    pub(crate) fn send(&mut self, index: u32) {
        self.0 = Some(index);
    }
}

/// All streams of a context.
///
/// The SSRCs stand sorted in a `Vec` of their own: a look-up is a binary search in a few cache lines (4 kB for 1000
/// streams), without a hash that a peer could aim at; an insertion moves memory, once in a stream's life. Streams
/// are boxed, so that they stay where they are.
pub(crate) struct StreamTable<S> {
    ssrcs: Vec<u32>,
    streams: Vec<Box<S>>,
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
            ssrcs: Vec::new(),
            streams: Vec::new(),
            most,
        }
    }

    #[inline]
    pub(crate) fn find(&self, ssrc: u32) -> Slot {
        match self.ssrcs.binary_search(&ssrc) {
            Ok(at) => Slot::Known(at),
            Err(at) => Slot::New(at),
        }
    }

    /// The stream at `slot`, if it is known.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> Option<&S> {
        match slot {
            Slot::Known(at) => self.streams.get(at).map(Box::as_ref),
            Slot::New(_) => None,
        }
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&S> {
        self.at(self.find(ssrc))
    }

    pub(crate) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        match self.find(ssrc) {
            Slot::Known(at) => self.streams.get_mut(at).map(Box::as_mut),
            Slot::New(_) => None,
        }
    }

    /// Is there room for the stream at `slot`? A known one has its place.
    #[inline]
    pub(crate) fn check_room(&self, slot: Slot) -> Result<(), TableFull> {
        match slot {
            Slot::New(_) if self.streams.len() >= self.most => Err(TableFull { most: self.most }),
            _ => Ok(()),
        }
    }

    /// The stream at `slot`, made by `new` if it is not known.
    ///
    /// `slot` is of a [`find`](Self::find) since which the table has not changed; room was
    /// [checked](Self::check_room) if the caller wants a cap.
    #[inline]
    pub(crate) fn get_or_insert(
        &mut self,
        slot: Slot,
        ssrc: u32,
        new: impl FnOnce() -> S,
    ) -> Option<&mut S> {
        let at = match slot {
            Slot::Known(at) => at,
            Slot::New(at) => {
                self.ssrcs.insert(at, ssrc);
                self.streams.insert(at, Box::new(new()));
                at
            }
        };
        self.streams.get_mut(at).map(Box::as_mut)
    }

    /// Removes what `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32, &S) -> bool) {
        let mut kept = Vec::with_capacity(self.ssrcs.len());
        let mut ssrcs = core::mem::take(&mut self.ssrcs).into_iter();
        self.streams.retain(|stream| {
            let ssrc = ssrcs.next().unwrap_or_default();
            let keeps = keep(ssrc, stream);
            if keeps {
                kept.push(ssrc);
            }
            keeps
        });
        self.ssrcs = kept;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> {
        self.ssrcs
            .iter()
            .copied()
            .zip(self.streams.iter().map(Box::as_ref))
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}
