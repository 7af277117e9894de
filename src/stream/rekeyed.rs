//! A receiver's stream under several generations of keys.
//!
//! After a re-key the peer goes on with its indices (RFC 3711 §3.3.1), or begins anew as at a new address (RFC 4568 §7.1.4), and
//! packets under the old keys are still on their way. Where it goes on, the windows of the stream serve both generations; where it began
//! anew, each has its own. Which of the two it is shows with the first authentic packet under a new key.
//!
//! If the keys change again before that, it may still show with a packet under the former ones: the generation before is kept, and
//! asked about packets under its keys with the windows that are left to it.

mod exported;

use alloc::boxed::Box;

use super::{Claim, Guesses, NotAdmitted, RocClaim, RtpProgress, SrtcpProgress, Stream};
use crate::header::Plane;
use crate::index::PacketIndex;
use crate::replay::{Refused, ReplayWindow, ReplayWindowSize};
use crate::statistics::ErrorCounts;
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
    /// The generation before, if its peer was silent in a plane when this one came. It has none before it.
    former: Option<Box<Rekeyed>>,
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
            former: None,
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

    pub(super) fn is_silent(&self) -> bool {
        self.awaits(Plane::Rtp) || self.awaits(Plane::Rtcp)
    }

    pub(super) fn release_storage(&mut self) {
        self.rtp.windows.release_storage();
        self.srtcp.windows.release_storage();
        if let Some(former) = &mut self.former {
            former.release_storage();
        }
    }

    fn is_new(&self, serial: u64) -> bool {
        serial >= self.anew.since
    }

    /// Is it credible that SRTP begins anew with a packet that, if it goes on, `is_repeated`? Without a tag a duplicate
    /// looks like that, and would take the rollover counter back.
    fn is_credible(&self, under: Under, is_repeated: bool) -> bool {
        under.has_tag || self.anew.is_likelier || !is_repeated
    }

    /// May a stream begin anew with this index, under a new key?
    fn may_begin_anew(&self, index: PacketIndex) -> bool {
        self.rtp.peer == Peer::Unknown
            && index.roc() == self.anew.initial_roc
            && self.rtp.windows.check(index).is_ok()
    }

    /// The indices that a sequence number may stand for, in a stream that has come so far.
    fn admit(&self, rtp: &RtpProgress, claim: Claim, under: Under) -> Result<Guesses, NotAdmitted> {
        if !self.is_new(under.serial) {
            let rtp = self.rtp.of_before(rtp);
            return match &self.former {
                Some(former) => former.admit(rtp, claim, under),
                None => rtp.admit_rarely(claim),
            };
        }
        // Where there are two ways under the former keys, there are two under these, without a search: at most four in all.
        let former = self.former.as_deref();
        let search = claim.search && former.is_none_or(|it| !it.awaits(Plane::Rtp));
        let kept = rtp.admit_rarely(Claim { search, ..claim });
        let anew = PacketIndex::new(self.anew.initial_roc, claim.seq);
        let is_repeated = matches!(kept, Err(NotAdmitted::Refused(Refused::Replayed, _)));
        if !self.may_begin_anew(anew) || !self.is_credible(under, is_repeated) {
            return kept;
        }
        let anew = Some(anew);
        // At most four: the last of a search gives way.
        let [first, second, third, _] = kept
            .unwrap_or_default()
            .map(|guess| guess.filter(|_| guess != anew));
        Ok(match self.anew.is_likelier {
            true => [anew, first, second, third],
            false => [first, anew, second, third],
        })
    }

    fn check(&self, srtcp: &ReplayWindow, index: u64, serial: u64) -> Result<(), Refused> {
        if !self.is_new(serial) {
            let srtcp = self.srtcp.of_before(srtcp);
            return match &self.former {
                Some(former) => former.check(srtcp, index, serial),
                None => srtcp.check(index),
            };
        }
        match srtcp.check(index) {
            Err(_) if self.awaits(Plane::Rtcp) => self.srtcp.windows.check(index),
            kept => kept,
        }
    }

    fn accept_rtp(&mut self, rtp: &mut RtpProgress, at: PacketIndex, roc: RocClaim, serial: u64) {
        let mark = |rtp: &mut RtpProgress| rtp.mark_received(at.value());
        if !self.is_new(serial) {
            let rtp = self.rtp.of_before_mut(rtp);
            return match &mut self.former {
                Some(former) => former.accept_rtp(rtp, at, roc, serial),
                None => mark(rtp),
            };
        }
        let fits_anew = self.may_begin_anew(at);
        let kept = rtp.admit_rarely(Claim {
            seq: at.seq(),
            roc,
            initial_roc: self.anew.initial_roc,
            search: false,
        });
        let goes_on = kept.is_ok_and(|kept| kept.contains(&Some(at)));
        let goes_on = goes_on && rtp.highest().is_some();
        let begins_anew = fits_anew && (self.anew.is_likelier || !goes_on);
        let highest = |rtp: &RtpProgress| rtp.window.highest();
        self.rtp.accept(rtp, begins_anew, fits_anew, mark, highest);
        if let Some(former) = &mut self.former {
            former.rtp.succeed_by(self.rtp.peer);
        }
    }

    fn accept_srtcp(&mut self, srtcp: &mut ReplayWindow, index: u64, serial: u64) {
        let mark = |window: &mut ReplayWindow| window.mark(index);
        if !self.is_new(serial) {
            let srtcp = self.srtcp.of_before_mut(srtcp);
            return match &mut self.former {
                Some(former) => former.accept_srtcp(srtcp, index, serial),
                None => mark(srtcp),
            };
        }
        let goes_on = srtcp.has_history() && srtcp.check(index).is_ok();
        let fits_anew = self.srtcp.windows.check(index).is_ok();
        let begins_anew = fits_anew && (self.anew.is_likelier || !goes_on);
        let beside = &mut self.srtcp;
        beside.accept(srtcp, begins_anew, fits_anew, mark, ReplayWindow::highest);
        if let Some(former) = &mut self.former {
            former.srtcp.succeed_by(self.srtcp.peer);
        }
    }
}

impl<W> Beside<W> {
    /// The windows for packets under old keys: no longer those of the stream, once it began anew.
    fn of_before<'w>(&'w self, stream: &'w W) -> &'w W {
        match self.peer {
            Peer::BeganAnew => &self.windows,
            Peer::Unknown | Peer::WentOn => stream,
        }
    }

    fn of_before_mut<'w>(&'w mut self, stream: &'w mut W) -> &'w mut W {
        match self.peer {
            Peer::BeganAnew => &mut self.windows,
            Peer::Unknown | Peer::WentOn => stream,
        }
    }

    /// Takes note of an authentic packet under a new key. `mark` marks it in a window, `highest` reads one; `begins_anew` and `fits_anew`
    /// say whose index it has, if the peer has shown nothing so far.
    fn accept<T: PartialOrd>(
        &mut self,
        stream: &mut W,
        begins_anew: bool,
        fits_anew: bool,
        mark: impl Fn(&mut W),
        highest: impl Fn(&W) -> T,
    ) {
        if self.peer == Peer::Unknown && begins_anew {
            core::mem::swap(stream, &mut self.windows);
            self.peer = Peer::BeganAnew;
        }
        let before = highest(stream);
        mark(stream);
        if self.peer == Peer::Unknown {
            match fits_anew && highest(stream) <= before {
                // It filled a gap, which shows nothing: in either window it has been seen.
                true => mark(&mut self.windows),
                false => self.peer = Peer::WentOn,
            }
        }
    }

    /// The generation after this one accepted a packet. If that is in windows of both, they stay: others would not know it.
    fn succeed_by(&mut self, next: Peer) {
        if self.peer == Peer::Unknown && next != Peer::BeganAnew {
            self.peer = Peer::WentOn;
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
        rekeyed.former = self.rekeyed.take().filter(|former| former.is_silent());
        if let Some(former) = &mut rekeyed.former {
            former.former = None;
        }
        if self.removed_under().is_some() {
            rekeyed.release_storage();
        }
        self.rekeyed = Some(Box::new(rekeyed));
    }

    /// The keys of before are gone, and the windows for them go too. A plane that is silent may still begin anew.
    pub(crate) fn settle(&mut self) {
        if let Some(rekeyed) = &mut self.rekeyed {
            rekeyed.former = None;
        }
        self.rekeyed.take_if(|rekeyed| !rekeyed.is_silent());
    }

    /// The indices that a received sequence number may stand for.
    #[cold]
    pub(crate) fn admit_rekeyed(&self, claim: Claim, under: Under) -> Result<Guesses, NotAdmitted> {
        match &self.rekeyed {
            Some(rekeyed) => rekeyed.admit(&self.rtp, claim, under),
            None => self.rtp.admit_rarely(claim),
        }
    }

    /// May a packet with this SRTCP index be accepted?
    #[cold]
    pub(crate) fn check_rekeyed(&self, index: u64, under: Under) -> Result<(), Refused> {
        match &self.rekeyed {
            Some(rekeyed) => rekeyed.check(&self.srtcp, index, under.serial),
            None => self.srtcp.check(index),
        }
    }

    /// What [`accept`](Self::accept) does, where packets under keys of two generations come in. A packet of SRTP may carry its rollover counter.
    #[cold]
    pub(crate) fn accept_rekeyed(
        &mut self,
        packet: &Authentic,
        carries_roc: bool,
        serial: u64,
        plain: usize,
    ) {
        let Position { plane, index, .. } = packet.position();
        let Some(rekeyed) = &mut self.rekeyed else {
            return self.accept(packet, plain);
        };
        match plane {
            Plane::Rtp => {
                let at = PacketIndex::from_value(index);
                let roc = match carries_roc {
                    true => RocClaim::Carried(at.roc()),
                    false => RocClaim::Estimated,
                };
                rekeyed.accept_rtp(&mut self.rtp, at, roc, serial);
            }
            Plane::Rtcp => rekeyed.accept_srtcp(&mut self.srtcp, index, serial),
        }
        self.count_packet(plane, plain);
        self.take_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::UnprotectErrorCounts;

    fn stream() -> Stream<ReplayWindow, UnprotectErrorCounts> {
        Stream::new(ReplayWindowSize::default())
    }

    fn anew(window: u16) -> Anew {
        Anew {
            since: 1,
            initial_roc: 0,
            is_likelier: false,
            window: ReplayWindowSize::new(window).unwrap(),
        }
    }

    #[test]
    fn windows_of_a_re_key_stay_until_both_planes_have_shown_what_they_do() {
        for rtp in [Peer::Unknown, Peer::WentOn, Peer::BeganAnew] {
            for srtcp in [Peer::Unknown, Peer::WentOn, Peer::BeganAnew] {
                let mut stream = stream();
                stream.rekey(anew(64));
                let rekeyed = stream.rekeyed.as_mut().unwrap();
                (rekeyed.rtp.peer, rekeyed.srtcp.peer) = (rtp, srtcp);
                let waits = rtp == Peer::Unknown || srtcp == Peer::Unknown;
                // The generation before is kept for the next one only if something of it is still open.
                stream.rekey(anew(64));
                let rekeyed = stream.rekeyed.as_mut().unwrap();
                assert_eq!(rekeyed.former.is_some(), waits);
                (rekeyed.rtp.peer, rekeyed.srtcp.peer) = (rtp, srtcp);
                stream.settle();
                assert_eq!(stream.rekeyed.is_some(), waits);
            }
        }
    }

    #[test]
    fn a_removed_stream_has_no_storage_in_any_generation() {
        let mut stream = stream();
        let have_storage = |rekeyed: &Rekeyed| {
            let generations = [Some(rekeyed), rekeyed.former.as_deref()];
            let windows = generations.map(|it| {
                let it = it.expect("two generations");
                [it.rtp.windows.has_storage(), it.srtcp.windows.has_storage()]
            });
            windows.into_iter().flatten().any(|it| it)
        };
        stream.rekey(anew(4096));
        stream.rekey(anew(4096));
        stream.remove_under(7);
        assert!(!have_storage(stream.rekeyed.as_ref().unwrap()));
        // Nor does it get any by another re-key.
        stream.rekey(anew(4096));
        assert!(!have_storage(stream.rekeyed.as_ref().unwrap()));
    }
}
