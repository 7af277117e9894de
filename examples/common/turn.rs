//! The packets of one turn: what waits in a socket, as many as a turn takes.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use srtp_sdes::batch::{Incoming, Outgoing};
use srtp_sdes::{Plane, ProtectError, Receiver, Sender, UnprotectError};

use super::tally::Refusal;

/// Packets of a turn, at most: so many gain from one another, and what comes behind them does not wait for long.
pub(crate) const MOST: usize = 32;

/// Turns of one packet before it is tried again whether more wait, at most.
const SELDOM: u32 = 15;

/// The longest datagram, and room for what protection adds to it.
const ROOM: usize = (64 << 10) + 256;

/// Takes the packets of one socket. Its buffers stay from turn to turn.
pub(crate) struct Turns<'s> {
    socket: &'s UdpSocket,
    /// The plane of the socket, if it has but one.
    only: Option<Plane>,
    packets: Vec<Packet>,
    /// Does the socket block, as it does when nothing is known to wait?
    blocks: bool,
    /// Turns of one packet, before it is tried whether more wait: `left` from now, and `pause` from one time to the next.
    left: u32,
    pause: u32,
}

/// A packet on its way.
pub(crate) struct Packet {
    buf: Vec<u8>,
    /// Its bytes are the first ones of `buf`: those that came in, then the plain packet, then what goes out.
    pub(crate) len: usize,
    pub(crate) plane: Plane,
    pub(crate) source: SocketAddr,
    /// The length of its plain form, while nothing is known against it.
    pub(crate) outcome: Result<usize, Refusal>,
}

impl<'s> Turns<'s> {
    /// Turns of `most` packets, the first of which is waited for so long.
    pub(crate) fn new(
        socket: &'s UdpSocket,
        only: Option<Plane>,
        most: usize,
        patience: Duration,
    ) -> io::Result<Self> {
        socket.set_read_timeout(Some(patience))?;
        let packets = (0..most.min(MOST)).map(|_| Packet::new());
        Ok(Self {
            socket,
            only,
            packets: packets.collect(),
            blocks: true,
            left: 0,
            pause: 0,
        })
    }

    /// Waits for a packet, and takes what is there with it, but waits for no more.
    ///
    /// Who sends through the socket meanwhile may find that it does not block.
    pub(crate) fn next(&mut self) -> io::Result<&mut [Packet]> {
        let mut count = 0;
        while let Some(packet) = self.packets.get_mut(count) {
            match packet.receive(self.socket, self.only) {
                Ok(()) => count += 1,
                // Whatever it is, what has come is dealt with first.
                Err(error) if count > 0 || is_passing(&error) => {
                    self.note_drained(count)?;
                    break;
                }
                Err(error) => return Err(error),
            }
            if self.blocks && !self.tries_for_more()? {
                break;
            }
        }
        Ok(&mut self.packets[..count])
    }

    /// Trying takes system calls, which are lost on a socket that gives one packet at a time.
    fn tries_for_more(&mut self) -> io::Result<bool> {
        if self.left > 0 {
            self.left -= 1;
            return Ok(false);
        }
        self.socket.set_nonblocking(true)?;
        self.blocks = false;
        Ok(true)
    }

    /// A turn found no more than `count` packets.
    fn note_drained(&mut self, count: usize) -> io::Result<()> {
        self.pause = match count {
            0 | 1 => SELDOM.min(2 * self.pause + 1),
            _ => 0,
        };
        self.left = self.pause;
        if !self.blocks {
            self.socket.set_nonblocking(false)?;
            self.blocks = true;
        }
        Ok(())
    }
}

impl Packet {
    fn new() -> Self {
        Self {
            buf: vec![0; ROOM],
            len: 0,
            plane: Plane::Rtp,
            source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            outcome: Ok(0),
        }
    }

    fn receive(&mut self, socket: &UdpSocket, only: Option<Plane>) -> io::Result<()> {
        let (len, source) = socket.recv_from(&mut self.buf)?;
        self.len = len;
        self.source = source;
        self.plane = only.unwrap_or_else(|| plane_of(self.bytes()));
        self.outcome = Ok(len);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Its plain form takes its place, and has this length; or it is as it was.
    pub(crate) fn unprotect(&mut self, receiver: &mut Receiver) -> Result<usize, UnprotectError> {
        let bytes = &mut self.buf[..self.len];
        let plain = match self.plane {
            Plane::Rtp => receiver.unprotect_rtp(bytes)?,
            Plane::Rtcp => receiver.unprotect_rtcp(bytes)?,
        };
        Ok(plain.len())
    }

    /// The same in a batch, with the only receiver of a leg.
    pub(crate) fn incoming(&mut self) -> Incoming<'_> {
        Incoming::new(0, self.plane, &mut self.buf[..self.len])
    }

    /// Its protected form takes its place, and has this length; or it is as it was.
    pub(crate) fn protect(&mut self, sender: &mut Sender) -> Result<usize, ProtectError> {
        let sealed = match self.plane {
            Plane::Rtp => sender.protect_rtp(&mut self.buf, self.len)?,
            Plane::Rtcp => sender.protect_rtcp(&mut self.buf, self.len)?,
        };
        Ok(sealed.len())
    }

    /// The same in a batch, with the only sender of a leg.
    pub(crate) fn outgoing(&mut self) -> Outgoing<'_> {
        Outgoing::in_place(0, self.plane, &mut self.buf, self.len)
    }

    pub(crate) fn note_sealed(&mut self, result: Result<usize, ProtectError>) {
        match result {
            Ok(len) => self.len = len,
            Err(error) => self.outcome = Err(error.into()),
        }
    }
}

/// What on a port with both planes is RTCP (RFC 5761 §4).
fn plane_of(packet: &[u8]) -> Plane {
    match packet {
        [_, 192..=223, ..] => Plane::Rtcp,
        _ => Plane::Rtp,
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
