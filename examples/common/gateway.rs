//! The relay itself: each socket has a thread that takes packets, and passes them on through the contexts of both legs.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use srtp_sdes::{Plane, Receiver, Sender};

use super::leg::Sockets;
use super::leg_keys::Contexts;
use super::remote::Remote;
use super::tally::{Refusal, Tally};

/// How long a thread may be deaf to the end.
const PATIENCE: Duration = Duration::from_millis(50);

/// The longest datagram, and room for what protection adds to it.
const ROOM: usize = (64 << 10) + 256;

/// Two legs and the two ways between them.
pub(crate) struct Gateway {
    legs: [Leg; 2],
    /// `ways[n]` leads from leg n to the other one.
    ways: [Mutex<Way>; 2],
    has_ended: AtomicBool,
}

/// Where packets come in and go out.
pub(crate) struct Leg {
    pub(crate) sockets: Sockets,
    pub(crate) remote: Mutex<Remote>,
}

/// One direction: the receiver of one leg, the sender of the other, and what they did. A leg without keys has neither.
#[derive(Default)]
struct Way {
    receiver: Option<Receiver>,
    proves_rtp: bool,
    proves_rtcp: bool,
    sender: Option<Sender>,
    tally: Tally,
}

/// A stream that came in under SRTP: its SSRC, and the rollover counter it has come to.
pub(crate) type StreamRoc = (u32, u32);

impl Gateway {
    pub(crate) fn new(legs: [Leg; 2], contexts: [Option<Contexts>; 2]) -> Self {
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
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut buf = vec![0; ROOM];
        while !self.has_ended() {
            let (len, source) = match socket.recv_from(&mut buf) {
                Ok(received) => received,
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            let plane = only.unwrap_or_else(|| plane_of(&buf[..len]));
            let outcome = self.relay(from, plane, source, &mut buf, len);
            lock(&self.ways[from]).tally.of(plane).count(outcome);
        }
        Ok(())
    }

    /// Passes one packet on; returns the length of its plain form.
    fn relay(
        &self,
        from: usize,
        plane: Plane,
        source: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Result<usize, Refusal> {
        let remote = &self.legs[from].remote;
        let mut way = lock(&self.ways[from]);
        let proves = match plane {
            Plane::Rtp => way.proves_rtp,
            Plane::Rtcp => way.proves_rtcp,
        };
        // Whoever can prove it may come from anywhere.
        if !proves && !lock(remote).admits(plane, source) {
            return Err(Refusal::Stranger);
        }
        let plain = way.open(plane, &mut buf[..len])?;
        lock(remote).learn(plane, source);

        let other = &self.legs[1 - from];
        let to = lock(&other.remote).of(plane);
        let to = to.ok_or(Refusal::NowhereToSend)?;
        let packet = way.seal(plane, buf, plain)?;
        let socket = match plane {
            Plane::Rtp => &other.sockets.rtp,
            Plane::Rtcp => other.sockets.rtcp.as_ref().unwrap_or(&other.sockets.rtp),
        };
        match socket.send_to(packet, to) {
            Ok(_) => Ok(plain),
            Err(_) => Err(Refusal::NotSent),
        }
    }
}

impl Way {
    /// The length of the plain packet.
    fn open(&mut self, plane: Plane, packet: &mut [u8]) -> Result<usize, Refusal> {
        let plain = match (&mut self.receiver, plane) {
            (None, _) => {
                ensure_looks_right(plane, packet)?;
                packet
            }
            (Some(receiver), Plane::Rtp) => receiver.unprotect_rtp(packet)?,
            (Some(receiver), Plane::Rtcp) => receiver.unprotect_rtcp(packet)?,
        };
        Ok(plain.len())
    }

    fn seal<'b>(
        &mut self,
        plane: Plane,
        buf: &'b mut [u8],
        len: usize,
    ) -> Result<&'b [u8], Refusal> {
        Ok(match (&mut self.sender, plane) {
            (None, _) => &buf[..len],
            (Some(sender), Plane::Rtp) => sender.protect_rtp(buf, len)?,
            (Some(sender), Plane::Rtcp) => sender.protect_rtcp(buf, len)?,
        })
    }
}

/// What on a port with both planes is RTCP (RFC 5761 §4).
fn plane_of(packet: &[u8]) -> Plane {
    match packet {
        [_, 192..=223, ..] => Plane::Rtcp,
        _ => Plane::Rtp,
    }
}

/// All that can be asked of a packet that is not protected: version 2, and its fixed header.
fn ensure_looks_right(plane: Plane, packet: &[u8]) -> Result<(), Refusal> {
    let least = match plane {
        Plane::Rtp => 12,
        Plane::Rtcp => 8,
    };
    match packet {
        [0x80..=0xbf, ..] if packet.len() >= least => Ok(()),
        _ => Err(Refusal::Foreign),
    }
}

/// Is this no end of a socket, but the end of waiting, or news of an earlier packet that did not arrive?
fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | Interrupted | TimedOut | WouldBlock
    )
}

/// Nothing that is half done is left behind by a panic here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
