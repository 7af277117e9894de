//! Timing. In each round every contender has its turn, on the same packets in the same memory, in an order that rotates.
//!
//! What is timed is the calls alone: packets are put into place before the clock starts, and what reading the clock costs
//! is subtracted. A turn is timed in pieces of at most 64 packets, and its figure is their median, so that an interruption spoils a piece
//! and not the turn. The figure of a contender is its best turn, since what disturbs a measurement only ever adds to it.

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
    /// Pieces of a warm turn. The first is not counted: it makes the caches warm.
    pub pieces: usize,
}

/// Nanoseconds of one contender, for each round.
pub struct Times(Vec<f64>);

impl Times {
    pub fn best(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median, over the rounds, of these times by those of `other` in the same round.
    pub fn median_by(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times a packet, for each contender that can do it.
pub fn packets(
    case: &Case,
    contenders: &[Box<dyn Contender>],
    effort: Effort,
) -> Vec<Option<Times>> {
    let (size, number) = (case.piece(), case.turn(effort.pieces));
    let mut traffic = Traffic::new(case.flow(), case.payload, number);
    let keys = keys(case.suite, traffic.contexts());
    let party = |of: &dyn Contender, direction| match case.mode {
        Mode::Batch => of.batching(direction, case.suite, &keys),
        _ => of.party(direction, case.suite, &keys),
    };
    let mut parties: Vec<_> = contenders
        .iter()
        .map(|it| party(&**it, case.direction))
        .collect();
    let mut reference = party(&*contenders[0], Direction::Protect).expect("our own");
    let mut prepare = || {
        let mut pieces = traffic.turn(size);
        if case.direction == Direction::Unprotect {
            for piece in &mut pieces {
                piece.protect_with(&mut *reference);
            }
        }
        pieces
    };

    // What comes once in a stream's life is not timed.
    let mut memory = Memory::new(*case, prepare());
    for party in parties.iter_mut().flatten() {
        let first = memory.pieces.clone();
        first
            .into_iter()
            .for_each(|mut piece| party.pass(&mut piece));
    }

    rounds(contenders.len(), effort.rounds, prepare, |pieces, at| {
        let party = parties[at].as_mut()?;
        Some(memory.turn(&mut **party, pieces))
    })
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
    times.try_into().unwrap_or([None, None])
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

/// Where the packets are while they are worked on, the same place for all.
struct Memory {
    case: Case,
    pieces: Vec<Packets>,
    /// Twice the size of a large second-level cache, and nothing to do with packets.
    elsewhere: Vec<u64>,
    /// What it costs to read the clock twice.
    clock: Duration,
}

impl Memory {
    fn new(case: Case, pieces: Vec<Packets>) -> Self {
        let clock = (0..1000).map(|_| Instant::now().elapsed()).min();
        Self {
            case,
            pieces,
            elsewhere: vec![1; 8 * 1024 * 1024 / 8],
            clock: clock.unwrap_or_default(),
        }
    }

    /// Nanoseconds a packet.
    fn turn(&mut self, party: &mut dyn Party, ready: &[Packets]) -> f64 {
        let clock = self.clock;
        let mut time = |piece: &mut Packets| {
            let started = Instant::now();
            party.pass(piece);
            let time = started.elapsed().saturating_sub(clock);
            time.as_nanos() as f64 / piece.len() as f64
        };
        if self.case.is_warm() {
            let place = &mut self.pieces[0];
            let in_place = |piece| {
                place.copy_from(piece);
                time(place)
            };
            let mut times: Vec<f64> = ready.iter().map(in_place).collect();
            times.remove(0);
            return median(times);
        }
        for (place, piece) in self.pieces.iter_mut().zip(ready) {
            place.copy_from(piece);
        }
        if self.case.mode == Mode::Cold {
            for word in &mut self.elsewhere {
                *word = word.rotate_left(1);
            }
            black_box(&self.elsewhere);
        }
        median(self.pieces.iter_mut().map(time).collect())
    }
}
