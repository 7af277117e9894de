//! Many packets in one call: bit for bit what one at a time gives, in the same order, and faster.
//!
//! A server reads dozens of packets with one system call, from as many streams, and sends one packet to many receivers, each under a key of its
//! own. What a packet under HMAC-SHA1 costs is a chain of dependent instructions; the chains of several packets run side by side, under whatever
//! keys they are. [`protect`] and [`unprotect`] take packets of any contexts, suites, planes and lengths, and do each packet's bookkeeping in its turn:
//! only the arithmetic is shared. A packet that is refused changes nothing for its neighbours.
//!
//! ```
//! use srtp_sdes::batch::{self, Incoming, Outgoing};
//! use srtp_sdes::{CryptoSuite, MasterKey, Plane, Receiver, Sender};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = |n: u8| MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[n; 30]);
//! let mut senders = [Sender::new(key(1)?), Sender::new(key(2)?)];
//! let mut receivers = [Receiver::new(key(1)?), Receiver::new(key(2)?)];
//!
//! // One packet for two listeners.
//! let rtp = [0x80, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe, b'h', b'i'];
//! let (mut one, mut two) = ([0; 100], [0; 100]);
//! let mut packets = [
//!     Outgoing::copied(0, Plane::Rtp, &rtp, &mut one),
//!     Outgoing::copied(1, Plane::Rtp, &rtp, &mut two),
//! ];
//! batch::protect(&mut senders[..], &mut packets);
//! let lengths = packets.map(|packet| packet.result().unwrap().unwrap());
//! assert_eq!(lengths, [24, 24]);
//!
//! let mut packets = [
//!     Incoming::new(0, Plane::Rtp, &mut one[..24]),
//!     Incoming::new(1, Plane::Rtp, &mut two[..24]),
//! ];
//! batch::unprotect(&mut receivers[..], &mut packets);
//! assert!(packets.iter().all(|packet| packet.plain() == Some(&rtp[..])));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here allocates, but for the first packet of an SSRC as ever.
//!
//! # What gains
//!
//! Tags of HMAC-SHA1, from four packets at a time on: sixteen and eight side by side on AVX-512, eight on AVX2, and two with the CPU's instructions for
//! SHA-1. CPUs without those instructions gain from two packets on. The more packets of like length, the more they gain, up to 16 and multiples of it.
//! Packets that come in gain from 256 bytes on. AES-GCM has no such chain, and the call costs it some nanoseconds a packet. Encrypted header extensions,
//! cryptex, rollover counters in tags and key derivation rates are taken, and gain nothing. `benches/batch.rs` shows the figures.

use core::borrow::BorrowMut;

use crate::error::{ProtectError, UnprotectError};
use crate::header::Plane;
use crate::primitives::{codes, is_worth_it};
use crate::receiver::Receiver;
use crate::sender::{Sender, Source};
use crate::transform::TagJob;

/// Packets whose tags are computed side by side, at most. The rest of a batch follows.
const WINDOW: usize = 32;

/// Where a batch finds the contexts of its packets, by numbers that are the caller's.
///
/// Slices of contexts have one, `&mut`s and boxes of contexts among them: the number is the place. For the length of a batch a number stands for one context.
pub trait Contexts<C> {
    /// The context with this number, if there is one.
    fn context(&mut self, number: usize) -> Option<&mut C>;
}

impl<C, B: BorrowMut<C>> Contexts<C> for [B] {
    fn context(&mut self, number: usize) -> Option<&mut C> {
        self.get_mut(number).map(BorrowMut::borrow_mut)
    }
}

/// A packet that goes out in a batch.
pub struct Outgoing<'p> {
    sender: usize,
    plane: Plane,
    source: Source<'p>,
    out: &'p mut [u8],
    result: Option<Result<usize, ProtectError>>,
}

impl<'p> Outgoing<'p> {
    /// The plain packet in the first `len` bytes of `buf`, for [`Sender::protect_rtp`] or [`Sender::protect_rtcp`] of the sender with this
    /// number.
    #[must_use]
    pub fn in_place(sender: usize, plane: Plane, buf: &'p mut [u8], len: usize) -> Self {
        Self {
            sender,
            plane,
            source: Source::InPlace(len),
            out: buf,
            result: None,
        }
    }

    /// The plain packet `plain`, for [`Sender::protect_rtp_into`] or [`Sender::protect_rtcp_into`] of the sender with this number. Many packets
    /// of a batch may share it.
    #[must_use]
    pub fn copied(sender: usize, plane: Plane, plain: &'p [u8], out: &'p mut [u8]) -> Self {
        Self {
            sender,
            plane,
            source: Source::From(plain),
            out,
            result: None,
        }
    }

    /// The length of the protected packet in bytes, or why it was refused. `None` before [`protect`], and if there is no such sender.
    #[must_use]
    pub fn result(&self) -> Option<Result<usize, ProtectError>> {
        self.result
    }

    /// The protected packet; `None` if there is none.
    #[must_use]
    pub fn protected(&self) -> Option<&[u8]> {
        self.out.get(..self.result?.ok()?)
    }
}

/// A packet that comes in with a batch.
pub struct Incoming<'p> {
    receiver: usize,
    plane: Plane,
    packet: &'p mut [u8],
    result: Option<Result<usize, UnprotectError>>,
}

impl<'p> Incoming<'p> {
    /// The protected packet `packet`, for [`Receiver::unprotect_rtp`] or [`Receiver::unprotect_rtcp`] of the receiver with this number.
    #[must_use]
    pub fn new(receiver: usize, plane: Plane, packet: &'p mut [u8]) -> Self {
        Self {
            receiver,
            plane,
            packet,
            result: None,
        }
    }

    /// The length of the plain packet in bytes, or why it was refused. `None` before [`unprotect`], and if there is no such receiver.
    #[must_use]
    pub fn result(&self) -> Option<Result<usize, UnprotectError>> {
        self.result
    }

    /// The plain packet; `None` if there is none.
    #[must_use]
    pub fn plain(&self) -> Option<&[u8]> {
        self.packet.get(..self.result?.ok()?)
    }
}

/// Protects every packet with its sender, in their order. Each has its [result](Outgoing::result) afterwards, the same as if it had been protected alone.
///
/// A packet that has a result already is left alone.
pub fn protect<C: Contexts<Sender> + ?Sized>(senders: &mut C, packets: &mut [Outgoing<'_>]) {
    for window in packets.chunks_mut(WINDOW) {
        if is_worth_it(window.len()) {
            protect_side_by_side(senders, window);
            continue;
        }
        for packet in window.iter_mut().filter(|packet| packet.result.is_none()) {
            let Outgoing { plane, source, .. } = *packet;
            let sender = senders.context(packet.sender);
            packet.result = sender.map(|it| it.protect_alone(plane, source, packet.out));
        }
    }
}

fn protect_side_by_side<C: Contexts<Sender> + ?Sized>(
    senders: &mut C,
    window: &mut [Outgoing<'_>],
) {
    let mut jobs: [Option<TagJob>; WINDOW] = [const { None }; WINDOW];
    for (packet, job) in window.iter_mut().zip(&mut jobs) {
        let Outgoing { plane, source, .. } = *packet;
        if let (None, Some(sender)) = (packet.result, senders.context(packet.sender)) {
            packet.result = Some(sender.protect_but_tag(plane, source, packet.out, job));
        }
    }
    let mut messages = [None; WINDOW];
    for ((message, job), packet) in messages.iter_mut().zip(&jobs).zip(&*window) {
        *message = job.as_ref().and_then(|job| job.message(packet.out));
    }
    let codes: [_; WINDOW] = codes(messages.get(..window.len()).unwrap_or_default());
    for ((job, code), packet) in jobs.iter().zip(&codes).zip(window) {
        if let Some(job) = job {
            job.write_tag(packet.out, code);
        }
    }
}

/// Unprotects every packet with its receiver, in their order. Each has its [result](Incoming::result) afterwards, the same as if it had been unprotected
/// alone: what comes twice in a batch is accepted once.
///
/// A packet that has a result already is left alone.
pub fn unprotect<C: Contexts<Receiver> + ?Sized>(receivers: &mut C, packets: &mut [Incoming<'_>]) {
    for window in packets.chunks_mut(WINDOW) {
        let mut jobs: [Option<TagJob>; WINDOW] = [const { None }; WINDOW];
        if is_worth_it(window.len()) {
            for (packet, job) in window.iter().zip(&mut jobs) {
                if let (None, Some(receiver)) = (packet.result, receivers.context(packet.receiver))
                {
                    *job = receiver.foresee(packet.plane, packet.packet);
                }
            }
        }
        let mut messages = [None; WINDOW];
        for ((message, job), packet) in messages.iter_mut().zip(&jobs).zip(&*window) {
            *message = job.as_ref().and_then(|job| job.message(packet.packet));
        }
        let codes: [_; WINDOW] = codes(messages.get(..window.len()).unwrap_or_default());
        for ((job, code), packet) in jobs.iter().zip(&codes).zip(window) {
            if let (None, Some(receiver)) = (packet.result, receivers.context(packet.receiver)) {
                let opened = match job {
                    Some(job) => receiver.unprotect_by_code(packet.plane, packet.packet, job, code),
                    None => receiver.unprotect_alone(packet.plane, packet.packet),
                };
                packet.result = Some(opened);
            }
        }
    }
}
