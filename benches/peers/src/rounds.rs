//! Timing. In each round every contender has its turn, on the same packets in the same memory, in an order that rotates.
//!
//! What is timed is the calls alone: packets are put into place before the clock starts, and what reading the clock costs
//! is subtracted. The figure of a contender is its best round, since what disturbs a measurement only ever adds to it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use srtp_sdes::CryptoSuite;

use crate::cases::{Case, Mode, keys};
use crate::contenders::{Contender, Ours, Party};
use crate::packets::{Direction, Packets, Traffic};

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// Timed passes of a warm turn; one more comes before them.
    pub passes: usize,
}

/// Nanoseconds of one contender, for each round.
pub struct Times(Vec<f64>);

impl Times {
    pub fn best(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median, over the rounds, of these times by those of `other` in the same round.
    pub fn median_by(&self, other: &Self) -> f64 {
        let mut ratios: Vec<f64> = self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }
}

/// Times a packet, for each contender that can do it.
pub fn packets(
    case: &Case,
    contenders: &[Box<dyn Contender>],
    effort: Effort,
) -> Vec<Option<Times>> {
    let mut traffic = Traffic::new(case.flow(), case.payload, case.packets());
    let keys = keys(case.suite, traffic.contexts());
    let party = |of: &dyn Contender, direction| of.party(direction, case.suite, &keys);
    let mut parties: Vec<_> = contenders
        .iter()
        .map(|it| party(&**it, case.direction))
        .collect();
    let mut reference = party(&*contenders[0], Direction::Protect).expect("our own");
    let mut ready = || {
        let mut packets = traffic.pass();
        if case.direction == Direction::Unprotect {
            packets.protect_with(&mut *reference);
        }
        packets
    };

    // What comes once in a stream's life is not timed.
    let first = ready();
    let mut work = first.clone();
    for party in parties.iter_mut().flatten() {
        work.copy_from(&first);
        party.pass(&mut work);
    }

    let (untimed, timed) = match case.mode {
        Mode::Warm => (1, effort.passes),
        Mode::Cold | Mode::OneSsrc | Mode::Ssrcs => (0, 1),
    };
    let clock = clock();
    let mut cache = Cache::new(case.mode == Mode::Cold);
    let prepare = || (0..untimed + timed).map(|_| ready()).collect();
    rounds(
        contenders.len(),
        effort.rounds,
        prepare,
        |passes: &Vec<Packets>, at| {
            let party: &mut Box<dyn Party> = parties[at].as_mut()?;
            let mut time = Duration::ZERO;
            for (nth, packets) in passes.iter().enumerate() {
                work.copy_from(packets);
                cache.evict();
                let started = Instant::now();
                party.pass(&mut work);
                let passed = started.elapsed();
                if nth >= untimed {
                    time += passed.saturating_sub(clock);
                }
            }
            Some(time.as_nanos() as f64 / (timed * work.len()) as f64)
        },
    )
}

/// Times a new sending context, for each contender that has them.
pub fn contexts(
    suite: CryptoSuite,
    contenders: &[Box<dyn Contender>],
    effort: Effort,
) -> Vec<Option<Times>> {
    const NUMBER: usize = 64;
    let key = keys(suite, 1).swap_remove(0);
    let nothing = || ();
    rounds(contenders.len(), effort.rounds, nothing, |(), at| {
        let time = contenders[at].time_making(suite, &key, NUMBER)?;
        Some(time.as_nanos() as f64 / NUMBER as f64)
    })
}

/// Times `what` for its number of repetitions, beside a new sending context of ours.
pub fn beside_a_context(
    what: fn(usize) -> Duration,
    suite: CryptoSuite,
    effort: Effort,
) -> [Option<Times>; 2] {
    const NUMBER: usize = 64;
    let key = keys(suite, 1).swap_remove(0);
    let nothing = || ();
    let times = rounds(2, effort.rounds, nothing, |(), at| {
        let time = match at {
            0 => what(NUMBER),
            _ => Ours.time_making(suite, &key, NUMBER)?,
        };
        Some(time.as_nanos() as f64 / NUMBER as f64)
    });
    times.try_into().unwrap_or_else(|_| [None, None])
}

/// Lets each of `number` have its turn in each round. Who begins rotates.
fn rounds<P>(
    number: usize,
    rounds: usize,
    mut prepare: impl FnMut() -> P,
    mut turn: impl FnMut(&P, usize) -> Option<f64>,
) -> Vec<Option<Times>> {
    let mut times: Vec<_> = (0..number).map(|_| Some(Times(Vec::new()))).collect();
    for round in 0..rounds {
        let prepared = prepare();
        for at in (0..number).map(|nth| (round + nth) % number) {
            let turn = turn(&prepared, at);
            match (turn, &mut times[at]) {
                (Some(turn), Some(times)) => times.0.push(turn),
                (_, none) => *none = None,
            }
        }
    }
    times
}

/// What it costs to read the clock twice.
fn clock() -> Duration {
    let costs = (0..1000).map(|_| Instant::now().elapsed());
    costs.min().unwrap_or_default()
}

/// Memory that pushes everything else out of the inner caches.
struct Cache(Vec<u64>);

impl Cache {
    /// Twice the size of a large second-level cache, or nothing.
    fn new(evicts: bool) -> Self {
        Self(vec![1; if evicts { 8 * 1024 * 1024 / 8 } else { 0 }])
    }

    fn evict(&mut self) {
        for word in &mut self.0 {
            *word = word.rotate_left(1);
        }
        black_box(&self.0);
    }
}
