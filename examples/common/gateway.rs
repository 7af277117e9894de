//! The relay itself: each socket has a thread that takes what waits there, and passes it on through the contexts of both legs.
//!
//! A turn of a thread is short and holds the contexts while it opens and seals, not while it sends: however many packets come to one socket, the
//! others have their turns.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use srtp_sdes::Plane;

use super::leg::Sockets;
use super::leg_keys::Contexts;
use super::remote::Remote;
use super::tally::{Refusal, Tally};
use super::turn::{Packet, Turns};
use super::way::Way;

/// How long a thread may be deaf to the end.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long a thread leaves a full network alone.
const MOMENT: Duration = Duration::from_micros(50);

/// Two legs and the two ways between them.
pub(crate) struct Gateway {
    legs: [Leg; 2],
    /// `ways[n]` leads from leg n to the other one.
    ways: [Mutex<Way>; 2],
    /// Packets of a turn, at most.
    batch: usize,
    has_ended: AtomicBool,
}

/// Where packets come in and go out.
pub(crate) struct Leg {
    pub(crate) sockets: Sockets,
    pub(crate) remote: Mutex<Remote>,
}

/// A stream that came in under SRTP: its SSRC, and the rollover counter it has come to.
pub(crate) type StreamRoc = (u32, u32);

impl Gateway {
    pub(crate) fn new(legs: [Leg; 2], contexts: [Option<Contexts>; 2], batch: usize) -> Self {
        let mut ways = [Way::default(), Way::default()];
        for (leg, contexts) in contexts.into_iter().enumerate() {
            if let Some(contexts) = contexts {
                ways[leg].receiver = Some(contexts.receiver);
                ways[leg].proves_rtp = contexts.proves_rtp;
                ways[leg].proves_rtcp = contexts.proves_rtcp;
                ways[1 - leg].sender = Some(contexts.sender);
            }
        }
        Self {
            legs,
            ways: ways.map(Mutex::new),
            batch,
            has_ended: AtomicBool::new(false),
        }
    }

    /// Relays while `meanwhile` runs.
    pub(crate) fn run(&self, meanwhile: impl FnOnce(&Self)) -> Result<()> {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (from, leg) in self.legs.iter().enumerate() {
                let rtcp = leg.sockets.rtcp.as_ref();
                let planes = match rtcp {
                    Some(_) => [Some(Plane::Rtp), Some(Plane::Rtcp)],
                    None => [None, None],
                };
                let sockets = [Some(&leg.sockets.rtp), rtcp];
                for (socket, plane) in sockets.into_iter().zip(planes) {
                    let Some(socket) = socket else { continue };
                    threads.push(scope.spawn(move || self.serve(from, socket, plane)));
                }
            }
            meanwhile(self);
            self.has_ended.store(true, Ordering::Relaxed);
            let results = threads.into_iter().filter_map(|it| it.join().ok());
            results.collect()
        })
    }

    /// Has a socket failed?
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// The counts of the way from this leg.
    pub(crate) fn tally(&self, from: usize) -> Tally {
        lock(&self.ways[from]).tally
    }

    /// The streams that came from this leg, if it is protected.
    pub(crate) fn streams(&self, from: usize) -> Vec<StreamRoc> {
        let way = lock(&self.ways[from]);
        let receiver = way.receiver.iter();
        let streams = receiver.flat_map(|it| it.ssrcs().map(|ssrc| (ssrc, it.roc(ssrc))));
        let known = streams.filter_map(|(ssrc, roc)| Some((ssrc, roc?)));
        known.collect()
    }

    pub(crate) fn remote(&self, leg: usize) -> Remote {
        *lock(&self.legs[leg].remote)
    }

    /// The life of a thread: packets of one socket, which has one plane or, without `only`, both.
    fn serve(&self, from: usize, socket: &UdpSocket, only: Option<Plane>) -> Result<()> {
        let served = self.serve_until_the_end(from, socket, only);
        self.has_ended.store(true, Ordering::Relaxed);
        served.context("cannot receive any more")
    }

    fn serve_until_the_end(
        &self,
        from: usize,
        socket: &UdpSocket,
        only: Option<Plane>,
    ) -> io::Result<()> {
        let mut turns = Turns::new(socket, only, self.batch, PATIENCE)?;
        while !self.has_ended() {
            self.relay(from, turns.next()?);
        }
        Ok(())
    }

    /// Passes on the packets of a turn, and counts them.
    fn relay(&self, from: usize, packets: &mut [Packet]) {
        let mut way = lock(&self.ways[from]);
        way.open(&self.legs[from].remote, packets);
        let to = self.remote(1 - from);
        way.seal(&to, packets);
        drop(way);
        for packet in packets.iter_mut() {
            if let (Ok(_), Some(to)) = (packet.outcome, to.of(packet.plane))
                && self.send(1 - from, packet, to).is_err()
            {
                packet.outcome = Err(Refusal::NotSent);
            }
        }
        let mut way = lock(&self.ways[from]);
        for packet in packets {
            way.tally.of(packet.plane).count(packet.outcome);
        }
    }

    /// Sends as a socket does that blocks, though this one may not for now: others receive there.
    fn send(&self, leg: usize, packet: &Packet, to: SocketAddr) -> io::Result<usize> {
        let Sockets { rtp, rtcp } = &self.legs[leg].sockets;
        let socket = match packet.plane {
            Plane::Rtp => rtp,
            Plane::Rtcp => rtcp.as_ref().unwrap_or(rtp),
        };
        loop {
            match socket.send_to(packet.bytes(), to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.has_ended() => {
                    thread::sleep(MOMENT);
                }
                sent => return sent,
            }
        }
    }
}

/// Nothing that is half done is left behind by a panic here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
