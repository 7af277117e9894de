//! This crate.

use std::hint::black_box;
use std::time::{Duration, Instant};

use srtp_sdes::sdes::{Answer, Decision, Policy, Signalling, sections};
use srtp_sdes::{CryptoSuite, MasterKey, Receiver, ReplayWindowSize, Sender};

use super::{Contender, Context, Extent, Output, Party, REPLAY_WINDOW, one_by_one, time_making};
use crate::packets::Direction;

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
        let window = ReplayWindowSize::new(REPLAY_WINDOW).expect("a size");
        match direction {
            Direction::Protect => one_by_one(keys, |key| Sender::new(master_key(suite, key))),
            Direction::Unprotect => one_by_one(keys, |key| {
                let builder = Receiver::builder(master_key(suite, key));
                builder.replay_window(window).build().expect("a receiver")
            }),
        }
    }

    fn time_making(&self, suite: CryptoSuite, key: &[u8], number: usize) -> Option<Duration> {
        Some(time_making(number, || Sender::new(master_key(suite, key))))
    }
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
