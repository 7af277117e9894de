//! A receiver's stream under several generations of keys.
//!
//! After a re-key the peer goes on with its indices (RFC 3711 §3.3.1), or begins anew as at a new address (RFC 4568 §7.1.4), and
//! packets under the old keys are still on their way. Where it goes on, the windows of the stream serve both generations; where it began
//! anew, each has its own. Which of the two it is shows with the first authentic packet under a new key.

use alloc::boxed::Box;

use super::{Guesses, NotAdmitted, RtpProgress, SrtcpProgress, Stream};
use crate::header::Plane;
use crate::index::PacketIndex;
use crate::replay::{Refused, ReplayWindow, ReplayWindowSize};
use crate::statistics::{Counting, ErrorCounts};
use crate::transform::{Authentic, Position};

/// How a stream may begin anew.
#[derive(Clone, Copy)]
pub(crate) struct Anew {
    /// The serial number of the first new key. Under an older one no stream begins anew: its packets would be accepted again.
    pub(crate) since: u64,
    /// The rollover counter at which it does.
    pub(crate) initial_roc: u32,
    /// Is that likelier than that it goes on, and taken where the index fits both?
    pub(crate) is_likelier: bool,
    pub(crate) window: ReplayWindowSize,
}

/// The windows beside those of a stream: fresh ones, for a peer that begins anew; once it did, those of before.
pub(crate) struct Rekeyed {
    anew: Anew,
    rtp: Beside<RtpProgress>,
    srtcp: Beside<ReplayWindow>,
}

/// What a received packet is under.
#[derive(Clone, Copy)]
pub(crate) struct Under {
    /// The serial number of its key.
    pub(crate) serial: u64,
    /// Will a tag vouch for it?
    pub(crate) has_tag: bool,
}

/// One plane of it.
struct Beside<W> {
    windows: W,
    peer: Peer,
}

/// What the peer did after the re-key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// Not known yet.
    Unknown,
    WentOn,
    BeganAnew,
}

impl Rekeyed {
    fn new(anew: Anew) -> Self {
        let peer = Peer::Unknown;
        Self {
            rtp: Beside {
                windows: RtpProgress::new(anew.window),
                peer,
            },
            srtcp: Beside {
                windows: ReplayWindow::new(anew.window),
                peer,
            },
            anew,
        }
    }

    /// Has the peer shown nothing yet in this plane?
    pub(crate) fn awaits(&self, plane: Plane) -> bool {
        let peer = match plane {
            Plane::Rtp => self.rtp.peer,
            Plane::Rtcp => self.srtcp.peer,
        };
        peer == Peer::Unknown
    }

    fn is_silent(&self) -> bool {
        self.awaits(Plane::Rtp) || self.awaits(Plane::Rtcp)
    }

    pub(super) fn release_storage(&mut self) {
        self.rtp.windows.release_storage();
        self.srtcp.windows.release_storage();
    }

    fn is_new(&self, serial: u64) -> bool {
        serial >= self.anew.since
    }

    /// Is it credible that SRTP begins anew with a packet that, if it goes on, `is_repeated`? Without a tag a duplicate
    /// looks like that, and would take the rollover counter back.
    fn is_credible(&self, under: Under, is_repeated: bool) -> bool {
        under.has_tag || self.anew.is_likelier || !is_repeated
    }

    /// May a stream begin anew with this index, under the key with this serial number?
    fn may_begin_anew(&self, index: PacketIndex, serial: u64) -> bool {
        self.is_new(serial)
            && self.rtp.peer == Peer::Unknown
            && index.roc() == self.anew.initial_roc
            && self.rtp.windows.check(index).is_ok()
    }
}

impl<W> Beside<W> {
    /// The windows for packets under old keys, if they are no longer those of the stream.
    fn of_before(&self) -> Option<&W> {
        (self.peer == Peer::BeganAnew).then_some(&self.windows)
    }

    /// Takes note of an authentic packet. `mark` marks it in a window, `highest` reads one; `begins_anew` and `fits_both` say whose index
    /// it has, if the peer has shown nothing so far.
    fn accept<T: PartialOrd>(
        &mut self,
        stream: &mut W,
        is_new_key: bool,
        (begins_anew, fits_both): (bool, bool),
        mark: impl Fn(&mut W),
        highest: impl Fn(&W) -> T,
    ) {
        match (self.peer, is_new_key) {
            (Peer::BeganAnew, false) => mark(&mut self.windows),
            (Peer::Unknown, true) if begins_anew => {
                core::mem::swap(stream, &mut self.windows);
                self.peer = Peer::BeganAnew;
                mark(stream);
            }
            (Peer::Unknown, true) => {
                let before = highest(stream);
                mark(stream);
                match fits_both && highest(stream) <= before {
                    // It filled a gap, which shows nothing: in either window it has been seen.
                    true => mark(&mut self.windows),
                    false => self.peer = Peer::WentOn,
                }
            }
            _ => mark(stream),
        }
    }
}

impl<Errors: ErrorCounts> Stream<ReplayWindow, Errors> {
    /// A new stream that is first seen while there are keys of two generations.
    pub(crate) fn rekeyed(mut self, anew: Anew) -> Self {
        self.rekey(anew);
        self
    }

    /// The keys change, and the peer may begin anew.
    pub(crate) fn rekey(&mut self, anew: Anew) {
        let mut rekeyed = Rekeyed::new(anew);
        if self.removed_under.is_some() {
            rekeyed.release_storage();
        }
        self.rekeyed = Some(Box::new(rekeyed));
    }

    /// The keys of before are gone, and the windows for them go too. A plane that is silent may still begin anew.
    pub(crate) fn settle(&mut self) {
        self.rekeyed.take_if(|rekeyed| !rekeyed.is_silent());
    }

    /// The indices that a received sequence number may stand for, in a stream without history at `initial_roc`.
    #[cold]
    pub(crate) fn admit_rekeyed(
        &self,
        seq: u16,
        under: Under,
        initial_roc: u32,
        search: bool,
    ) -> Result<Guesses, NotAdmitted> {
        let Some(rekeyed) = &self.rekeyed else {
            return self.rtp.admit(seq, initial_roc, search);
        };
        let kept = match rekeyed.rtp.of_before() {
            Some(before) if !rekeyed.is_new(under.serial) => before.admit(seq, initial_roc, search),
            _ => self.rtp.admit(seq, initial_roc, search),
        };
        let anew = PacketIndex::new(rekeyed.anew.initial_roc, seq);
        let is_repeated = matches!(kept, Err(NotAdmitted::Refused(Refused::Replayed, _)));
        if !rekeyed.may_begin_anew(anew, under.serial) || !rekeyed.is_credible(under, is_repeated) {
            return kept;
        }
        let anew = Some(anew);
        // At most four: the last of a search gives way.
        let [first, second, third, _] = kept
            .unwrap_or_default()
            .map(|guess| guess.filter(|_| guess != anew));
        Ok(match rekeyed.anew.is_likelier {
            true => [anew, first, second, third],
            false => [first, anew, second, third],
        })
    }

    /// May a packet with this SRTCP index be accepted?
    #[cold]
    pub(crate) fn check_rekeyed(&self, index: u64, under: Under) -> Result<(), Refused> {
        let Some(rekeyed) = &self.rekeyed else {
            return self.srtcp.check(index);
        };
        let beside = &rekeyed.srtcp;
        let kept = match beside.of_before() {
            Some(before) if !rekeyed.is_new(under.serial) => before.check(index),
            _ => self.srtcp.check(index),
        };
        let may_begin_anew = rekeyed.is_new(under.serial) && beside.peer == Peer::Unknown;
        match kept {
            Err(_) if may_begin_anew => beside.windows.check(index),
            kept => kept,
        }
    }

    /// What [`accept`](Self::accept) does, where packets under keys of two generations come in.
    #[cold]
    pub(crate) fn accept_rekeyed(&mut self, packet: &Authentic, serial: u64, plain: usize) {
        let Position { plane, index, .. } = packet.position();
        let Some(rekeyed) = &mut self.rekeyed else {
            return self.accept(packet, plain);
        };
        let is_new = rekeyed.is_new(serial);
        match plane {
            Plane::Rtp => {
                let at = PacketIndex::from_value(index);
                let fits_anew = rekeyed.may_begin_anew(at, serial);
                let kept = self.rtp.admit(at.seq(), rekeyed.anew.initial_roc, false);
                let goes_on = kept.is_ok_and(|kept| kept.contains(&Some(at)));
                let goes_on = goes_on && self.rtp.highest().is_some();
                let begins_anew = fits_anew && (rekeyed.anew.is_likelier || !goes_on);
                let place = (begins_anew, fits_anew);
                let mark = |rtp: &mut RtpProgress| rtp.mark_received(index);
                let highest = |rtp: &RtpProgress| rtp.window.highest();
                let stream = &mut self.rtp;
                rekeyed.rtp.accept(stream, is_new, place, mark, highest);
            }
            Plane::Rtcp => {
                let goes_on = self.srtcp.has_history() && self.srtcp.check(index).is_ok();
                let fits_anew = rekeyed.srtcp.windows.check(index).is_ok();
                let begins_anew = fits_anew && (rekeyed.anew.is_likelier || !goes_on);
                let place = (begins_anew, fits_anew);
                let mark = |window: &mut ReplayWindow| window.mark(index);
                let (beside, stream) = (&mut rekeyed.srtcp, &mut self.srtcp);
                beside.accept(stream, is_new, place, mark, ReplayWindow::highest);
            }
        }
        self.statistics.count_packet(plane, plain);
        self.removed_under = None;
    }
}
