//! Who is measured, and what they have in common.

mod aead;
mod libsrtp;
mod ours;
mod sha1;
mod webrtc;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use srtp_sdes::CryptoSuite;

use crate::packets::{Direction, Packets};

pub use libsrtp::Libsrtp;
pub use ours::{Ours, time_answering};

/// Packets that a receiver remembers, the same for all.
const REPLAY_WINDOW: u16 = 1024;

/// Somebody who can be measured.
pub trait Contender {
    fn name(&self) -> &str;

    /// What part of a packet's way it goes.
    fn extent(&self) -> Extent;

    /// One direction of as many sessions as there are keys, or `None` if it cannot.
    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>>;

    /// The same, of packets that come many at a time. Who has no call for that takes them one by one.
    fn batching(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        self.party(direction, suite, keys)
    }

    /// The time of making `number` sending contexts, without that of dropping them.
    fn time_making(&self, suite: CryptoSuite, key: &[u8], number: usize) -> Option<Duration>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Bytes in, bytes out, with replay protection.
    Srtp,
    /// The cipher with its tag, over the same bytes: no streams, no replay protection.
    SealAlone,
    /// A lower bound, which gives no packets.
    Floor,
}

/// The contexts of one direction. What is timed is [`pass`](Self::pass).
pub trait Party {
    /// Protects or unprotects all packets.
    fn pass(&mut self, packets: &mut Packets);

    /// The result of one packet, of `len` bytes in a buffer with room, or `None` if it is refused.
    fn one(&mut self, context: usize, buf: &mut [u8], len: usize) -> Option<Vec<u8>>;
}

/// What becomes of a packet.
pub enum Output {
    /// It stands in the same buffer, with this length.
    InPlace(usize),
    /// The contender has no other way than to allocate it.
    Allocated(Bytes),
}

/// One direction of one session.
trait Context {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output>;
}

/// Contexts that take one packet at a time.
struct OneByOne<C>(Vec<C>);

impl<C: Context> Party for OneByOne<C> {
    fn pass(&mut self, packets: &mut Packets) {
        for (packet, buf) in packets.iter_mut() {
            let output = self.0[packet.context].run(buf, packet.len);
            black_box(output.expect("the packet is accepted"));
        }
    }

    fn one(&mut self, context: usize, buf: &mut [u8], len: usize) -> Option<Vec<u8>> {
        Some(match self.0[context].run(buf, len)? {
            Output::InPlace(len) => buf[..len].to_vec(),
            Output::Allocated(bytes) => bytes.to_vec(),
        })
    }
}

fn one_by_one<C: Context + 'static>(
    keys: &[Vec<u8>],
    make: impl FnMut(&Vec<u8>) -> C,
) -> Option<Box<dyn Party>> {
    Some(Box::new(OneByOne(keys.iter().map(make).collect())))
}

fn time_making<C>(number: usize, mut make: impl FnMut() -> C) -> Duration {
    let mut made = Vec::with_capacity(number);
    let started = Instant::now();
    for _ in 0..number {
        made.push(black_box(make()));
    }
    started.elapsed()
}

/// This crate first, then everybody else.
pub fn all(libsrtp: &[PathBuf]) -> Result<Vec<Box<dyn Contender>>> {
    let mut all: Vec<Box<dyn Contender>> = vec![Box::new(Ours)];
    if libsrtp.is_empty() {
        all.push(Box::new(Libsrtp::linked()?));
    }
    for path in libsrtp {
        all.push(Box::new(Libsrtp::load(path)?));
    }
    all.push(Box::new(webrtc::Webrtc));
    all.push(Box::new(aead::AwsLc));
    all.push(Box::new(aead::Graviola));
    all.push(Box::new(sha1::Compressions));
    Ok(all)
}
