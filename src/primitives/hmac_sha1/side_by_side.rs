//! The codes of many messages, each under its own key, in one go.

use zeroize::Zeroize;

use super::{BLOCK, HmacSha1, Last, SHA1_LEN, State, absorb, bytes_of, padded};
use crate::simd::{Avx512, LANES, States, compress_hashes, compress_lanes};

/// Messages for which a step side by side is faster than one by one.
const WORTH_IT: usize = 6;

/// A message whose code is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Message<'m> {
    pub(crate) hmac: &'m HmacSha1,
    pub(crate) message: &'m [u8],
    /// What follows it, at most 56 bytes.
    pub(crate) suffix: &'m [u8],
}

impl Message<'_> {
    fn code(&self) -> [u8; SHA1_LEN] {
        self.hmac.code(self.message, self.suffix)
    }
}

/// Are the codes of so many messages computed faster together, on this CPU?
pub(crate) fn is_worth_it(messages: usize) -> bool {
    messages >= WORTH_IT && Avx512::get().is_some()
}

/// The codes of the messages; zeros where there is none.
pub(crate) fn codes<const N: usize>(messages: &[Option<Message<'_>>; N]) -> [[u8; SHA1_LEN]; N] {
    codes_on(Avx512::get(), messages)
}

fn codes_on<const N: usize>(
    cpu: Option<Avx512>,
    messages: &[Option<Message<'_>>; N],
) -> [[u8; SHA1_LEN]; N] {
    let mut codes = [[0; SHA1_LEN]; N];
    let wanted = messages.iter().flatten().count();
    let Some(cpu) = cpu.filter(|_| wanted >= WORTH_IT) else {
        for (code, message) in codes.iter_mut().zip(messages) {
            if let Some(message) = message {
                *code = message.code();
            }
        }
        return codes;
    };
    // Shorter ones first. Lengths are no secret.
    let mut order: [(usize, usize); N] = core::array::from_fn(|n| match messages.get(n) {
        Some(Some(it)) => (it.message.len() + it.suffix.len(), n),
        _ => (usize::MAX, n),
    });
    if !order.is_sorted() {
        order.sort_unstable();
    }
    for group in order.get(..wanted).unwrap_or_default().chunks(LANES) {
        let lanes: [Option<&Message<'_>>; LANES] = core::array::from_fn(|lane| {
            let (_, n) = group.get(lane)?;
            messages.get(*n)?.as_ref()
        });
        let mut of_lanes = [[0; SHA1_LEN]; LANES];
        if group.len() >= WORTH_IT {
            side_by_side(cpu, &lanes, &mut of_lanes);
        } else {
            for (code, message) in of_lanes.iter_mut().zip(lanes.iter().flatten()) {
                *code = message.code();
            }
        }
        for ((_, n), code) in group.iter().zip(of_lanes) {
            if let Some(room) = codes.get_mut(*n) {
                *room = code;
            }
        }
    }
    codes
}

/// The blocks of a message; an idle lane works on those of an empty one.
struct Blocks<'m> {
    whole: &'m [[u8; BLOCK]],
    last: Last,
    count: usize,
}

impl<'m> Blocks<'m> {
    #[inline]
    fn of(message: Option<&Message<'m>>) -> Self {
        let (message, suffix) = message.map_or((&[][..], &[][..]), |it| (it.message, it.suffix));
        let (whole, last) = padded(BLOCK, message, suffix);
        let count = whole.len() + last.blocks().len();
        Self { whole, last, count }
    }

    /// Block `n`, or the last one.
    #[inline]
    fn get(&self, n: usize) -> &[u8; BLOCK] {
        let [first, second] = &self.last.blocks;
        match self.whole.get(n) {
            Some(block) => block,
            None if n == self.whole.len() => first,
            None => second,
        }
    }

    fn from(&self, n: usize) -> [&[[u8; BLOCK]]; 2] {
        let whole = self.whole.get(n..).unwrap_or_default();
        let last = n.saturating_sub(self.whole.len());
        [whole, self.last.blocks().get(last..).unwrap_or_default()]
    }
}

/// The codes of the messages, which stand in the first lanes, shorter ones before longer ones.
fn side_by_side(
    cpu: Avx512,
    messages: &[Option<&Message<'_>>; LANES],
    codes: &mut [[u8; SHA1_LEN]; LANES],
) {
    let blocks = messages.map(Blocks::of);
    let wanted = messages.iter().flatten().count();
    let mut states = [[0; LANES]; 5];
    write_across(&mut states, messages, |hmac| &hmac.inner);
    let mut inner = states;

    let mut step = 0;
    let mut done = 0;
    while done < wanted {
        if wanted - done < WORTH_IT {
            // The few that are longer go on alone.
            for (lane, blocks) in blocks.iter().enumerate().take(wanted).skip(done) {
                let mut state = lane_of(&states, lane);
                absorb(&mut state, blocks.from(step));
                write_lane(&mut inner, lane, &state);
            }
            break;
        }
        let next = blocks.each_ref().map(|blocks| blocks.get(step));
        compress_lanes(cpu, &mut states, &next);
        step += 1;
        let is_done = |blocks: &Blocks<'_>| blocks.count <= step;
        if blocks.get(done).is_some_and(is_done) {
            // All lanes from here on: the longer ones come again.
            inner = match done {
                0 => states,
                _ => merged(&inner, &states, done),
            };
            while done < wanted && blocks.get(done).is_some_and(is_done) {
                done += 1;
            }
        }
    }

    write_across(&mut states, messages, |hmac| &hmac.outer);
    compress_hashes(cpu, &mut states, &inner);
    for (lane, code) in codes.iter_mut().enumerate().take(wanted) {
        *code = bytes_of(&lane_of(&states, lane));
    }
    states.zeroize();
}

/// The lanes of `one` before `lane`, and those of `other` from there on.
fn merged(one: &States, other: &States, lane: usize) -> States {
    let mut merged = *other;
    for (words, before) in merged.iter_mut().zip(one) {
        if let (Some(words), Some(before)) = (words.get_mut(..lane), before.get(..lane)) {
            words.copy_from_slice(before);
        }
    }
    merged
}

/// Word n of the states of all keys in row n.
#[inline]
fn write_across(
    states: &mut States,
    messages: &[Option<&Message<'_>>; LANES],
    state: fn(&HmacSha1) -> &State,
) {
    for (lane, message) in messages.iter().enumerate() {
        if let Some(message) = message {
            write_lane(states, lane, state(message.hmac));
        }
    }
}

#[inline]
fn write_lane(states: &mut States, lane: usize, state: &State) {
    for (words, word) in states.iter_mut().zip(state) {
        if let Some(room) = words.get_mut(lane) {
            *room = *word;
        }
    }
}

#[inline]
fn lane_of(states: &States, lane: usize) -> State {
    states
        .each_ref()
        .map(|words| words.get(lane).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn codes_side_by_side_are_those_of_one_at_a_time_for_every_mix_of_lengths() {
        let keys: Vec<_> = (0..40u8).map(|n| HmacSha1::new(&[n; 20])).collect();
        let bytes: Vec<u8> = (0..4200u32).map(|n| (n * 7 + n / 256) as u8).collect();
        let cpu = Avx512::get();
        if cpu.is_none() {
            std::println!("NOT RUN: this CPU has no AVX-512, or it is withheld");
        }
        // All alike; ascending by one; with gaps; a few that are much longer; and few.
        let lengths: [fn(usize, usize) -> Option<usize>; 5] = [
            |base, _| Some(base),
            |base, n| Some(base + n),
            |base, n| (n % 3 != 0).then_some(base),
            |base, n| Some(if n % 11 == 5 { base + 1500 } else { base }),
            |base, n| (n > 26).then_some(base + n),
        ];
        for base in 0..300 {
            for length in lengths {
                let message = |n: usize| {
                    let length = length(base, n)?;
                    let suffix = &bytes[..[0, 4, 56][(base + n) % 3]];
                    let (hmac, message) = (&keys[n], &bytes[n..n + length]);
                    Some(Message {
                        hmac,
                        message,
                        suffix,
                    })
                };
                let messages: [Option<Message<'_>>; 32] = core::array::from_fn(message);
                let expected = messages.map(|it| it.map_or([0; SHA1_LEN], |it| it.code()));
                assert_eq!(codes_on(cpu, &messages), expected, "{base}");
                assert_eq!(codes_on(None, &messages), expected, "{base}");
            }
        }
    }
}
