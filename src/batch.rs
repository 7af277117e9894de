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
//! # A receive loop
//!
//! Take what waits in a socket, and never wait for a batch to fill. An array of packets has its places on the stack, and the default of a packet is
//! an empty place:
//!
//! ```
//! use std::net::{SocketAddr, UdpSocket};
//!
//! use srtp_sdes::batch::{self, Incoming};
//! use srtp_sdes::{Plane, Receiver};
//! # use srtp_sdes::{CryptoSuite, MasterKey, Sender};
//!
//! /// One turn: `buffers` stay from turn to turn, and `call` says whose receiver a packet is for by where it comes from.
//! fn turn(
//!     socket: &UdpSocket, // one that does not block
//!     buffers: &mut [[u8; 1500]; 32],
//!     receivers: &mut [Receiver],
//!     call: impl Fn(SocketAddr) -> usize,
//!     mut take: impl FnMut(&[u8]),
//! ) {
//!     let mut packets: [Incoming<'_>; 32] = Default::default();
//!     for (packet, buffer) in packets.iter_mut().zip(buffers) {
//!         let Ok((len, from)) = socket.recv_from(buffer) else {
//!             break; // as a rule, since nothing more waits
//!         };
//!         *packet = Incoming::new(call(from), Plane::Rtp, &mut buffer[..len]);
//!     }
//!     batch::unprotect(receivers, &mut packets);
//!     packets.iter().filter_map(Incoming::plain).for_each(&mut take);
//! }
//! #
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let key = || MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[7; 30]);
//! # let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
//! # let (mut sender, mut receivers) = (Sender::new(key()?), [Receiver::new(key()?)]);
//! # for seq in 0..40 {
//! #     let mut rtp = vec![0x80, 0, 0, seq, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe, seq];
//! #     sender.protect_rtp_vec(&mut rtp)?;
//! #     far.send_to(&rtp, near.local_addr()?)?;
//! # }
//! # let mut heard = Vec::new();
//! # let mut buffers = [[0; 1500]; 32];
//! # near.set_nonblocking(true)?;
//! # while heard.len() < 40 {
//! #     turn(&near, &mut buffers, &mut receivers, |_| 0, |rtp| heard.push(rtp[12]));
//! # }
//! # assert!(heard.into_iter().eq(0..40));
//! # Ok(())
//! # }
//! ```
//!
//! The example `relay` goes on from there: it notes where each packet came from, learns addresses from what was authentic, and protects what
//! came in for the other leg in a batch of its own.
//!
//! # What gains
//!
//! Tags of HMAC-SHA1: from four packets at a time on with AVX-512, sixteen and eight side by side; from six on with AVX2, eight side by side; and with the
//! CPU's instructions for SHA-1 alone, two side by side, long packets, from about 250 bytes on if they go out and 600 if they come in. CPUs without those
//! instructions gain from two packets on. The more packets of like length, the more they gain, up to 16 and multiples of it. Few and short packets that
//! come in gain least, since each is looked at twice; where nothing is gained, packets are taken one at a time, which costs them a few nanoseconds more
//! than outside of a batch. AES-GCM has no such chain, and the call costs it some nanoseconds a packet. Encrypted header extensions,
//! cryptex, rollover counters in tags and key derivation rates are taken, and gain nothing. `benches/batch.rs` shows the figures.
//!
//! A code that was computed ahead may be in vain, if a packet in front moved the stream meanwhile: that packet costs one code more than it would alone.

use core::borrow::BorrowMut;

use crate::error::{ProtectError, UnprotectError};
use crate::header::{MAX_PACKET, Plane};
use crate::primitives::{Chains, codes};
use crate::receiver::{Foreseen, Receiver};
use crate::sender::{Sender, Source};
use crate::transform::TagJob;

/// Packets whose tags are computed side by side, at most. The rest of a batch follows.
const WINDOW: usize = 32;
/// Half of them. Room for more would have to be set up as well.
const HALF_WINDOW: usize = 16;

/// What it costs a packet that goes out to have its tag computed beside others, in tenths of a compression by SHA-NI, as measured by `benches/batch.rs`
/// where all are.
const COST_OUT: usize = 5;
/// The same of one that comes in, which is looked at twice.
const COST_IN: usize = 10;

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
///
/// The default is an empty place, which a batch passes over: so that an array may have places left.
pub struct Outgoing<'p> {
    sender: Option<usize>,
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
            sender: Some(sender),
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
            sender: Some(sender),
            plane,
            source: Source::From(plain),
            out,
            result: None,
        }
    }

    fn protect_alone(&mut self, sender: &mut Sender) {
        let Self { plane, source, .. } = *self;
        sender.protect_alone(plane, source, self.out, &mut self.result);
    }

    /// The length of the protected packet in bytes, or why it was refused. `None` before [`protect`], if there is no such sender, and of an empty
    /// place.
    #[must_use]
    pub fn result(&self) -> Option<Result<usize, ProtectError>> {
        self.result
    }

    /// The protected packet; `None` if there is none.
    #[must_use]
    pub fn protected(&self) -> Option<&[u8]> {
        self.out.get(..self.result?.ok()?)
    }

    /// Bytes that are authenticated, but for a few.
    #[inline]
    fn most_bytes(&self) -> usize {
        let len = match self.source {
            Source::InPlace(len) => len.min(self.out.len()),
            Source::From(plain) => plain.len(),
        };
        len.min(MAX_PACKET)
    }

    /// The number of its sender, unless there is nothing to do.
    #[inline]
    fn waits_for(&self) -> Option<usize> {
        self.sender.filter(|_| self.result.is_none())
    }
}

impl Default for Outgoing<'_> {
    fn default() -> Self {
        Self {
            sender: None,
            plane: Plane::Rtp,
            source: Source::InPlace(0),
            out: &mut [],
            result: None,
        }
    }
}

/// A packet that comes in with a batch.
///
/// The default is an empty place, which a batch passes over: so that an array may have places left.
pub struct Incoming<'p> {
    receiver: Option<usize>,
    plane: Plane,
    packet: &'p mut [u8],
    result: Option<Result<usize, UnprotectError>>,
}

impl<'p> Incoming<'p> {
    /// The protected packet `packet`, for [`Receiver::unprotect_rtp`] or [`Receiver::unprotect_rtcp`] of the receiver with this number.
    #[must_use]
    pub fn new(receiver: usize, plane: Plane, packet: &'p mut [u8]) -> Self {
        Self {
            receiver: Some(receiver),
            plane,
            packet,
            result: None,
        }
    }

    fn unprotect_alone(&mut self, receiver: &mut Receiver) {
        receiver.unprotect_alone(self.plane, self.packet, &mut self.result);
    }

    /// The length of the plain packet in bytes, or why it was refused. `None` before [`unprotect`], if there is no such receiver, and of an empty
    /// place.
    #[must_use]
    pub fn result(&self) -> Option<Result<usize, UnprotectError>> {
        self.result
    }

    /// The plain packet; `None` if there is none.
    #[must_use]
    pub fn plain(&self) -> Option<&[u8]> {
        self.packet.get(..self.result?.ok()?)
    }

    /// Bytes that are authenticated, and a few more.
    #[inline]
    fn most_bytes(&self) -> usize {
        self.packet.len().min(MAX_PACKET)
    }

    /// The number of its receiver, unless there is nothing to do.
    #[inline]
    fn waits_for(&self) -> Option<usize> {
        self.receiver.filter(|_| self.result.is_none())
    }
}

impl Default for Incoming<'_> {
    fn default() -> Self {
        Self {
            receiver: None,
            plane: Plane::Rtp,
            packet: &mut [],
            result: None,
        }
    }
}

/// Protects every packet with its sender. Each has its [result](Outgoing::result) afterwards, the same as if they had been protected one by one in
/// their order.
///
/// A packet that has a result already is left alone.
pub fn protect<C: Contexts<Sender> + ?Sized>(senders: &mut C, packets: &mut [Outgoing<'_>]) {
    for window in packets.chunks_mut(WINDOW) {
        let mut chains = Chains::default();
        for packet in &mut *window {
            match packet.waits_for().and_then(|it| senders.context(it)) {
                Some(sender) if sender.has_chains() => chains.add(packet.most_bytes()),
                // It gains nothing, and no packet of another sender depends on it.
                Some(sender) => packet.protect_alone(sender),
                None => {}
            }
        }
        if chains.is_empty() {
            continue;
        }
        if chains.are_faster_together(COST_OUT) {
            match window.len() {
                ..=HALF_WINDOW => protect_side_by_side::<HALF_WINDOW, _>(senders, window),
                _ => protect_side_by_side::<WINDOW, _>(senders, window),
            }
        } else {
            for packet in window {
                if let Some(sender) = packet.waits_for().and_then(|it| senders.context(it)) {
                    packet.protect_alone(sender);
                }
            }
        }
    }
}

#[inline(never)]
fn protect_side_by_side<const N: usize, C: Contexts<Sender> + ?Sized>(
    senders: &mut C,
    window: &mut [Outgoing<'_>],
) {
    let mut jobs: [Option<TagJob>; N] = [const { None }; N];
    for (packet, job) in window.iter_mut().zip(&mut jobs) {
        if let Some(sender) = packet.waits_for().and_then(|it| senders.context(it)) {
            let Outgoing { plane, source, .. } = *packet;
            sender.protect_but_tag(plane, source, packet.out, job, &mut packet.result);
        }
    }
    let jobs_and_packets = jobs.iter().zip(&*window);
    let codes: [_; N] =
        codes(jobs_and_packets.map(|(job, packet)| job.as_ref()?.message(packet.out)));
    for ((job, code), packet) in jobs.iter().zip(&codes).zip(window) {
        if let Some(job) = job {
            packet.result = Some(Ok(job.write_tag(packet.out, code)));
        }
    }
}

/// Unprotects every packet with its receiver. Each has its [result](Incoming::result) afterwards, the same as if they had been unprotected one by one in
/// their order: what comes twice in a batch is accepted once.
///
/// A packet that has a result already is left alone.
pub fn unprotect<C: Contexts<Receiver> + ?Sized>(receivers: &mut C, packets: &mut [Incoming<'_>]) {
    for window in packets.chunks_mut(WINDOW) {
        let mut chains = Chains::default();
        for packet in &mut *window {
            match packet.waits_for().and_then(|it| receivers.context(it)) {
                Some(receiver) if receiver.has_chains() => chains.add(packet.most_bytes()),
                // It gains nothing, and no packet of another receiver depends on it.
                Some(receiver) => packet.unprotect_alone(receiver),
                None => {}
            }
        }
        if chains.is_empty() {
            continue;
        }
        if chains.are_faster_together(COST_IN) {
            match window.len() {
                ..=HALF_WINDOW => unprotect_side_by_side::<HALF_WINDOW, _>(receivers, window),
                _ => unprotect_side_by_side::<WINDOW, _>(receivers, window),
            }
        } else {
            for packet in window {
                if let Some(receiver) = packet.waits_for().and_then(|it| receivers.context(it)) {
                    packet.unprotect_alone(receiver);
                }
            }
        }
    }
}

#[inline(never)]
fn unprotect_side_by_side<const N: usize, C: Contexts<Receiver> + ?Sized>(
    receivers: &mut C,
    window: &mut [Incoming<'_>],
) {
    let mut all: [Option<Foreseen>; N] = [const { None }; N];
    for (packet, foreseen) in window.iter().zip(&mut all) {
        if let Some(receiver) = packet.waits_for().and_then(|it| receivers.context(it)) {
            receiver.foresee(packet.plane, packet.packet, foreseen);
        }
    }
    let foreseen_and_packets = all.iter().zip(&*window);
    let codes: [_; N] =
        codes(foreseen_and_packets.map(|(it, packet)| it.as_ref()?.job.message(packet.packet)));
    for ((foreseen, code), packet) in all.iter().zip(&codes).zip(window) {
        if let Some(receiver) = packet.waits_for().and_then(|it| receivers.context(it)) {
            match foreseen {
                None => packet.unprotect_alone(receiver),
                Some(foreseen) => {
                    let (plane, result) = (packet.plane, &mut packet.result);
                    receiver.unprotect_foreseen(plane, packet.packet, foreseen, code, result);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::key::MasterKey;
    use crate::suite::CryptoSuite;

    /// A context, and how often it was asked for.
    struct Asked<C>(C, usize);

    impl<C> Contexts<C> for Asked<C> {
        fn context(&mut self, _: usize) -> Option<&mut C> {
            self.1 += 1;
            Some(&mut self.0)
        }
    }

    fn key(suite: CryptoSuite) -> MasterKey {
        MasterKey::new(suite, &[7; 46][..suite.key_and_salt_len()]).unwrap()
    }

    /// Bytes of each packet.
    const LEN: usize = 1000;

    /// How often a batch of `count` packets asks for a sender and for a receiver of `suite`.
    fn asked(suite: CryptoSuite, count: usize) -> (usize, usize) {
        let mut bytes = [[0x80; LEN]; WINDOW];
        let mut senders = Asked(Sender::new(key(suite)), 0);
        let out = bytes.iter_mut();
        let mut out: Vec<_> = out
            .map(|it| Outgoing::in_place(0, Plane::Rtp, it, LEN))
            .collect();
        protect(&mut senders, &mut out[..count]);
        let mut receivers = Asked(Receiver::new(key(suite)), 0);
        let packets = bytes.iter_mut();
        let mut packets: Vec<_> = packets.map(|it| Incoming::new(0, Plane::Rtp, it)).collect();
        unprotect(&mut receivers, &mut packets[..count]);
        (senders.1, receivers.1)
    }

    #[test]
    fn packets_wait_for_others_and_are_looked_at_ahead_only_where_they_gain_by_it() {
        let mut chains = Chains::default();
        for count in 1..=WINDOW {
            chains.add(LEN);
            // To see whether there is something to gain, to look ahead, and to do it.
            let times = if chains.are_faster_together(COST_IN) {
                3
            } else {
                2
            };
            let with_chains = asked(CryptoSuite::AesCm128HmacSha1_80, count);
            assert_eq!(with_chains, (2 * count, times * count), "{count}");
            let without = asked(CryptoSuite::AeadAes128Gcm, count);
            assert_eq!(without, (count, count), "{count}");
        }
    }

    #[test]
    fn what_comes_in_is_foreseen_in_both_planes_where_there_is_a_chain() {
        for plane in [Plane::Rtp, Plane::Rtcp] {
            let is_foreseen = |suite| {
                let mut foreseen = None;
                Receiver::new(key(suite)).foresee(plane, &[0x80; 30], &mut foreseen);
                foreseen.is_some()
            };
            assert!(is_foreseen(CryptoSuite::AesCm128HmacSha1_80), "{plane}");
            assert!(!is_foreseen(CryptoSuite::AeadAes128Gcm), "{plane}");
        }
    }
}
