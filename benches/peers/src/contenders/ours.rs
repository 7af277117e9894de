//! This crate.

use std::hint::black_box;
use std::time::{Duration, Instant};

use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::sdes::{Answer, Decision, Policy, Signalling, sections};
use srtp_sdes::{CryptoSuite, MasterKey, Plane, Receiver, ReplayWindowSize, Sender};

use super::{Contender, Context, Extent, Output, Party, REPLAY_WINDOW, one_by_one, time_making};
use crate::cases::BATCH;
use crate::packets::{Direction, Packets};

pub struct Ours;

impl Contender for Ours {
    fn name(&self) -> &str {
        "srtp-sdes"
    }

    fn extent(&self) -> Extent {
        Extent::Srtp
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        match direction {
            Direction::Protect => one_by_one(keys, |key| sender(suite, key)),
            Direction::Unprotect => one_by_one(keys, |key| receiver(suite, key)),
        }
    }

    fn batching(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        Some(match direction {
            Direction::Protect => Box::new(Together(
                keys.iter().map(|key| sender(suite, key)).collect(),
            )),
            Direction::Unprotect => Box::new(Together(
                keys.iter().map(|key| receiver(suite, key)).collect(),
            )),
        })
    }

    fn time_making(&self, suite: CryptoSuite, key: &[u8], number: usize) -> Option<Duration> {
        Some(time_making(number, || Sender::new(master_key(suite, key))))
    }
}

fn sender(suite: CryptoSuite, key: &[u8]) -> Sender {
    Sender::new(master_key(suite, key))
}

fn receiver(suite: CryptoSuite, key: &[u8]) -> Receiver {
    let window = ReplayWindowSize::new(REPLAY_WINDOW).expect("a size");
    let builder = Receiver::builder(master_key(suite, key));
    builder.replay_window(window).build().expect("a receiver")
}

fn master_key(suite: CryptoSuite, key: &[u8]) -> MasterKey {
    MasterKey::new(suite, key).expect("its length is the suite's")
}

impl Context for Sender {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        let protected = self.protect_rtp(buf, len).ok()?;
        Some(Output::InPlace(protected.len()))
    }
}

impl Context for Receiver {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        let plain = self.unprotect_rtp(&mut buf[..len]).ok()?;
        Some(Output::InPlace(plain.len()))
    }
}

/// Contexts whose packets are handed over in one call.
struct Together<C>(Vec<C>);

impl Party for Together<Sender> {
    fn pass(&mut self, packets: &mut Packets) {
        let mut batch: [Outgoing<'_>; BATCH] = Default::default();
        for (place, (packet, buf)) in batch.iter_mut().zip(packets.iter_mut()) {
            *place = Outgoing::in_place(packet.context, Plane::Rtp, buf, packet.len);
        }
        batch::protect(&mut self.0[..], &mut batch);
        let is_well = |it: &Outgoing<'_>| matches!(it.result(), None | Some(Ok(_)));
        assert!(batch.iter().all(is_well), "the packets are accepted");
    }

    fn one(&mut self, context: usize, buf: &mut [u8], len: usize) -> Option<Vec<u8>> {
        Some(self.0[context].protect_rtp(buf, len).ok()?.to_vec())
    }
}

impl Party for Together<Receiver> {
    fn pass(&mut self, packets: &mut Packets) {
        let mut batch: [Incoming<'_>; BATCH] = Default::default();
        for (place, (packet, buf)) in batch.iter_mut().zip(packets.iter_mut()) {
            *place = Incoming::new(packet.context, Plane::Rtp, &mut buf[..packet.len]);
        }
        batch::unprotect(&mut self.0[..], &mut batch);
        let is_well = |it: &Incoming<'_>| matches!(it.result(), None | Some(Ok(_)));
        assert!(batch.iter().all(is_well), "the packets are accepted");
    }

    fn one(&mut self, context: usize, buf: &mut [u8], len: usize) -> Option<Vec<u8>> {
        let plain = self.0[context].unprotect_rtp(&mut buf[..len]).ok()?;
        Some(plain.to_vec())
    }
}

/// The time of reading the nine lines of an offer, and answering it with a fresh key, sender and receiver.
pub fn time_answering(number: usize) -> Duration {
    let offer = include_str!("../../../../vectors/sdes/carrier_offer.sdp");
    let policy = Policy::compatible().suites(&[CryptoSuite::AesCm128HmacSha1_80]);
    let started = Instant::now();
    for _ in 0..number {
        let sections = sections(black_box(offer));
        let answer = Answer::to(&sections[0].media(), &policy, Signalling::Secure);
        let Decision::Srtp(answer) = answer.expect("random bytes").decision else {
            panic!("the fifth line is accepted");
        };
        black_box(answer.into_contexts());
    }
    started.elapsed()
}
