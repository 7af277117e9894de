//! Streams, replay windows and counters as the RFCs and the crate's documentation describe them, written a second time and for reading
//! only: numbers in sets, no keys and no bytes.

use std::collections::{BTreeMap, BTreeSet};

use srtp_sdes::{Plane, ProtectError, RocError, UnprotectError};

/// What a replay window is, in RFC 3711 §3.3.2: numbers seen, and how far back they matter.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    size: u64,
    highest: Option<u64>,
    numbers: BTreeSet<u64>,
    /// Everything up to here counts as seen.
    floor: Option<u64>,
    /// Nothing but the highest number is left: what is not ahead is too old.
    is_closed: bool,
}

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Fresh,
    Replayed,
    TooOld,
}

impl Seen {
    fn check(&self, index: u64) -> Verdict {
        match self.highest {
            None => Verdict::Fresh,
            Some(highest) if index > highest => Verdict::Fresh,
            Some(highest) if self.is_closed || index + self.size <= highest => Verdict::TooOld,
            _ if self.floor >= Some(index) || self.numbers.contains(&index) => Verdict::Replayed,
            _ => Verdict::Fresh,
        }
    }

    fn mark(&mut self, index: u64) {
        if self.is_closed {
            self.floor = self.highest;
            self.is_closed = false;
        }
        self.numbers.insert(index);
        self.highest = self.highest.max(Some(index));
    }
}

/// One SSRC at one end.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    rtp: Seen,
    rtcp: Seen,
    pending_roc: Option<u32>,
    is_removed: bool,
}

impl Stream {
    fn seen(&mut self, plane: Plane) -> &mut Seen {
        match plane {
            Plane::Rtp => &mut self.rtp,
            Plane::Rtcp => &mut self.rtcp,
        }
    }

    fn roc(&self) -> Option<u32> {
        let reached = self.rtp.highest.map(|highest| (highest >> 16) as u32);
        self.pending_roc.or(reached)
    }
}

/// One end: which master key it is at, and its streams.
#[derive(Debug)]
pub struct End {
    pub generation: u8,
    window: u64,
    most: usize,
    initial_roc: u32,
    first_srtcp: u64,
    streams: BTreeMap<u32, Stream>,
}

impl End {
    pub fn new(window: u64, most: usize) -> Self {
        Self {
            generation: 0,
            window,
            most,
            initial_roc: 0,
            first_srtcp: 0,
            streams: BTreeMap::new(),
        }
    }

    /// Streams begin at these.
    pub fn beginning_at(mut self, initial_roc: u32, first_srtcp: u64) -> Self {
        (self.initial_roc, self.first_srtcp) = (initial_roc, first_srtcp);
        self
    }

    /// The stream, if there is one or room for one.
    fn stream(&mut self, ssrc: u32) -> Option<&mut Stream> {
        if !self.streams.contains_key(&ssrc) && self.streams.len() == self.most {
            return None;
        }
        let size = self.window;
        Some(self.streams.entry(ssrc).or_insert_with(|| {
            let seen = || Seen {
                size,
                ..Seen::default()
            };
            Stream {
                rtp: seen(),
                rtcp: seen(),
                ..Stream::default()
            }
        }))
    }

    pub fn accept(&mut self, plane: Plane, ssrc: u32, index: u64) {
        let stream = self.stream(ssrc).unwrap();
        stream.seen(plane).mark(index);
        stream.is_removed = false;
        if plane == Plane::Rtp {
            stream.pending_roc = None;
        }
    }

    pub fn rekey(&mut self, generation: u8) {
        self.generation = generation;
        self.streams.retain(|_, stream| !stream.is_removed);
    }

    pub fn remove(&mut self, ssrc: u32) -> bool {
        let Some(stream) = self.streams.get_mut(&ssrc) else {
            return false;
        };
        if stream.is_removed {
            return false;
        }
        if stream.rtp.highest.is_none() && stream.rtcp.highest.is_none() {
            self.streams.remove(&ssrc);
            return true;
        }
        stream.is_removed = true;
        stream.pending_roc = None;
        stream.rtp.is_closed = true;
        stream.rtcp.is_closed = true;
        true
    }

    /// Takes a removed stream back, unless it is further on.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        let most = self.most;
        let stream = self.stream(ssrc);
        let stream = stream.ok_or(RocError::TooManyStreams { ssrc, most })?;
        stream.pending_roc = match stream.rtp.highest.map(|highest| (highest >> 16) as u32) {
            Some(reached) if roc < reached => {
                return Err(RocError::Backwards { ssrc, roc: reached });
            }
            Some(reached) if roc == reached => None,
            _ => Some(roc),
        };
        stream.is_removed = false;
        Ok(())
    }

    /// Forgets the SRTP indices of a stream.
    pub fn restart_rtp(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        let (most, size) = (self.most, self.window);
        let stream = self.stream(ssrc);
        let stream = stream.ok_or(RocError::TooManyStreams { ssrc, most })?;
        stream.rtp = Seen {
            size,
            ..Seen::default()
        };
        stream.pending_roc = Some(roc);
        stream.is_removed = false;
        Ok(())
    }

    /// Forgets the SRTCP indices of a stream.
    pub fn restart_rtcp(&mut self, ssrc: u32) -> bool {
        let size = self.window;
        match self.streams.get_mut(&ssrc) {
            Some(stream) if !stream.is_removed => {
                stream.rtcp = Seen {
                    size,
                    ..Seen::default()
                };
                true
            }
            _ => false,
        }
    }

    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        let present = self.streams.iter().filter(|(_, stream)| !stream.is_removed);
        present.map(|(ssrc, _)| *ssrc)
    }

    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.get(&ssrc).and_then(Stream::roc)
    }

    /// The highest index of a stream in a plane.
    pub fn highest(&self, plane: Plane, ssrc: u32) -> Option<u64> {
        let stream = self.streams.get(&ssrc)?;
        match plane {
            Plane::Rtp => stream.rtp.highest,
            Plane::Rtcp => stream.rtcp.highest,
        }
    }

    /// What a sender says to the next packet: the index that it takes, or why not.
    pub fn send(&mut self, plane: Plane, ssrc: u32, seq: u16) -> Result<u64, ProtectError> {
        let most = self.most;
        let too_old = ProtectError::IndexTooOld { ssrc, seq };
        let (initial_roc, first_srtcp) = (self.initial_roc, self.first_srtcp);
        let stream = self.stream(ssrc);
        let stream = stream.ok_or(ProtectError::TooManyStreams { ssrc, most })?;
        let index = match (plane, stream.pending_roc, stream.rtp.highest) {
            (Plane::Rtcp, _, _) => stream.rtcp.highest.map_or(first_srtcp, |last| last + 1),
            (_, Some(roc), _) => (u64::from(roc) << 16) + u64::from(seq),
            (_, None, None) => (u64::from(initial_roc) << 16) + u64::from(seq),
            (_, None, Some(highest)) => {
                let step = seq.wrapping_sub(highest as u16) as i16;
                highest.checked_add_signed(i64::from(step)).ok_or(too_old)?
            }
        };
        match stream.seen(plane).check(index) {
            Verdict::Fresh => {
                self.accept(plane, ssrc, index);
                Ok(index)
            }
            Verdict::Replayed => Err(ProtectError::IndexReused { ssrc, index }),
            Verdict::TooOld => Err(too_old),
        }
    }

    /// What a receiver says to a packet that nobody tampered with: the index that it takes it for, or why not.
    pub fn receive(
        &mut self,
        packet: &InFlight,
        is_authenticated: bool,
    ) -> Result<u64, UnprotectError> {
        let InFlight {
            plane, ssrc, index, ..
        } = *packet;
        let (generation, most) = (self.generation, self.most);
        let is_known = self.streams.contains_key(&ssrc);
        let mut unknown = Stream::default();
        let stream = self.streams.get_mut(&ssrc).unwrap_or(&mut unknown);
        let highest = stream.seen(plane).highest;
        let too_old = UnprotectError::TooOld {
            ssrc,
            highest: highest.unwrap_or_default(),
        };
        let guess = match (plane, stream.pending_roc, highest) {
            (Plane::Rtcp, _, _) => index,
            (_, Some(roc), _) => (u64::from(roc) << 16) + (index & 0xffff),
            (_, None, None) => (u64::from(self.initial_roc) << 16) + (index & 0xffff),
            // RFC 3711 §3.3.1: the closest of the indices that end in the sequence number; of two, the one
            // under the same ROC, since the comparisons of appendix A are strict.
            (_, None, Some(highest)) => [0, -1, 1]
                .into_iter()
                .map(|roll| (highest as i64 >> 16 << 16) + (roll << 16) + (index & 0xffff) as i64)
                .min_by_key(|guess| (guess - highest as i64).abs())
                .and_then(|guess| u64::try_from(guess).ok())
                .ok_or(too_old)?,
        };
        match stream.seen(plane).check(guess) {
            Verdict::Fresh => {}
            Verdict::Replayed => return Err(UnprotectError::Replayed { ssrc, index: guess }),
            Verdict::TooOld => return Err(too_old),
        }
        if is_authenticated && (generation, index) != (packet.generation, guess) {
            return Err(UnprotectError::AuthenticationFailed { ssrc });
        }
        if let (false, None, Some(highest)) = (is_authenticated, stream.pending_roc, highest)
            && guess > highest + (1 << 14)
        {
            let index = guess;
            return Err(UnprotectError::JumpTooFar {
                ssrc,
                index,
                highest,
            });
        }
        if !is_known && self.streams.len() == most {
            return Err(UnprotectError::TooManyStreams { ssrc, most });
        }
        self.accept(plane, ssrc, guess);
        Ok(guess)
    }
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct InFlight {
    pub plane: Plane,
    pub ssrc: u32,
    pub index: u64,
    pub generation: u8,
    pub protected: Vec<u8>,
    pub packet: Vec<u8>,
}
