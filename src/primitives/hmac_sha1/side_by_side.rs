//! The codes of many messages, each under its own key, in one go.

use zeroize::Zeroize;

use super::{BLOCK, HmacSha1, Last, SHA1_LEN, State, hash, padded};
use crate::simd::{Avx512, LANES, States, compress_lanes};

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

/// The codes of the messages; zeros where there is none.
pub(crate) fn codes<const N: usize>(messages: &[Option<Message<'_>>; N]) -> [[u8; SHA1_LEN]; N] {
    codes_on(Avx512::get(), messages)
}

fn codes_on<const N: usize>(
    cpu: Option<Avx512>,
    messages: &[Option<Message<'_>>; N],
) -> [[u8; SHA1_LEN]; N] {
    let mut codes = [[0; SHA1_LEN]; N];
    // Those of like length together. Lengths are no secret.
    let mut order: [usize; N] = core::array::from_fn(|n| n);
    let length = |n: &usize| match messages.get(*n) {
        Some(Some(it)) => it.message.len(),
        _ => usize::MAX,
    };
    order.sort_unstable_by_key(length);
    let wanted = messages.iter().flatten().count();
    for group in order.get(..wanted).unwrap_or_default().chunks(LANES) {
        let lanes: [Option<Message<'_>>; LANES] = core::array::from_fn(|lane| {
            let n = group.get(lane)?;
            *messages.get(*n)?
        });
        let of_lanes = match cpu {
            Some(cpu) if group.len() >= WORTH_IT => side_by_side(cpu, &lanes),
            _ => lanes.map(|it| it.map_or([0; SHA1_LEN], |it| it.code())),
        };
        for (n, code) in group.iter().zip(of_lanes) {
            if let Some(room) = codes.get_mut(*n) {
                *room = code;
            }
        }
    }
    codes
}

/// What is left to hash of a message.
struct Rest<'m> {
    blocks: &'m [[u8; BLOCK]],
    last: Last,
    /// Blocks of both.
    count: usize,
}

impl Rest<'_> {
    fn block(&self, n: usize) -> Option<&[u8; BLOCK]> {
        match n.checked_sub(self.blocks.len()) {
            None => self.blocks.get(n),
            Some(n) => self.last.blocks().get(n),
        }
    }
}

/// What a lane without a message works on.
const IDLE: [u8; BLOCK] = [0; BLOCK];

fn side_by_side(cpu: Avx512, messages: &[Option<Message<'_>>; LANES]) -> [[u8; SHA1_LEN]; LANES] {
    let rests: [Option<Rest<'_>>; LANES] = messages.each_ref().map(|message| {
        let Message {
            message, suffix, ..
        } = (*message)?;
        let (blocks, last) = padded(BLOCK, message, suffix);
        let count = blocks.len() + last.blocks().len();
        Some(Rest {
            blocks,
            last,
            count,
        })
    });
    let mut states = across(messages.map(|it| it.map_or([0; 5], |it| it.hmac.inner)));
    let mut inner = [[0; SHA1_LEN]; LANES];
    let mut step = 0;
    loop {
        let left = |rest: &&Rest<'_>| rest.count > step;
        if rests.iter().flatten().filter(left).count() < WORTH_IT {
            break;
        }
        let blocks = rests.each_ref().map(|rest| {
            let block = rest.as_ref().and_then(|rest| rest.block(step));
            block.unwrap_or(&IDLE)
        });
        compress_lanes(cpu, &mut states, &blocks);
        step += 1;
        for ((lane, rest), inner) in rests.iter().enumerate().zip(&mut inner) {
            if rest.as_ref().is_some_and(|rest| rest.count == step) {
                *inner = hash(lane_of(&states, lane), [&[], &[]]);
            }
        }
    }
    // The few that are longer go on alone.
    for ((lane, rest), inner) in rests.iter().enumerate().zip(&mut inner) {
        if let Some(rest) = rest.as_ref().filter(|rest| rest.count > step) {
            let blocks = rest.blocks.get(step..).unwrap_or_default();
            let done_of_last = step.saturating_sub(rest.blocks.len());
            let last = rest.last.blocks().get(done_of_last..).unwrap_or_default();
            *inner = hash(lane_of(&states, lane), [blocks, last]);
        }
    }

    let outer_blocks = inner.map(|inner| padded(BLOCK, &[], &inner).1);
    states = across(messages.map(|it| it.map_or([0; 5], |it| it.hmac.outer)));
    let blocks = outer_blocks
        .each_ref()
        .map(|last| last.blocks().first().unwrap_or(&IDLE));
    compress_lanes(cpu, &mut states, &blocks);
    let codes = core::array::from_fn(|lane| hash(lane_of(&states, lane), [&[], &[]]));
    states.zeroize();
    codes
}

/// Word n of every state in row n.
fn across(lanes: [State; LANES]) -> States {
    core::array::from_fn(|word| lanes.map(|state| state.get(word).copied().unwrap_or(0)))
}

fn lane_of(states: &States, lane: usize) -> State {
    states.map(|words| words.get(lane).copied().unwrap_or(0))
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
