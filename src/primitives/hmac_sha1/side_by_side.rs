//! The codes of many messages, each under its own key, in one go.

use super::{BLOCK, End, HmacSha1, Keyed, SHA1_LEN, State, bytes_of};
use crate::simd::{self, Avx2, Avx512, ShaNi, SideBySide};

/// A message whose code is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Message<'m> {
    pub(crate) hmac: &'m HmacSha1,
    pub(crate) message: &'m [u8],
    /// What follows it, at most 56 bytes.
    pub(crate) suffix: &'m [u8],
}

impl Message<'_> {
    /// Blocks with the padding: one bit, and eight bytes for the number of bits.
    fn blocks(&self) -> usize {
        (self.message.len() + self.suffix.len() + 1 + 8).div_ceil(BLOCK)
    }
}

/// What this CPU has for messages side by side.
#[derive(Clone, Copy, Default)]
struct Units {
    avx512: Option<Avx512>,
    avx2: Option<Avx2>,
    sha_ni: Option<ShaNi>,
}

/// How some messages are worked on.
enum Way {
    Sixteen(Avx512),
    EightByAvx512(Avx512),
    EightByAvx2(Avx2),
    Two(ShaNi),
    Alone,
}

impl Units {
    fn get() -> Self {
        Self {
            avx512: Avx512::get(),
            avx2: Avx2::get(),
            sha_ni: ShaNi::get(),
        }
    }

    /// The fastest way for the first of so many messages. In the time of a step of sixteen lanes SHA-NI takes a block of four to five messages, and
    /// of eight lanes one of three; AVX2 without AVX-512 needs half as much time again.
    fn way(&self, messages: usize) -> Way {
        match (self.avx512, self.avx2, self.sha_ni) {
            (Some(cpu), ..) if messages > 8 => Way::Sixteen(cpu),
            (Some(cpu), _, None) if messages > 1 => Way::EightByAvx512(cpu),
            (Some(cpu), ..) if messages > 3 => Way::EightByAvx512(cpu),
            (None, Some(cpu), None) if messages > 1 => Way::EightByAvx2(cpu),
            (None, Some(cpu), _) if messages > 5 => Way::EightByAvx2(cpu),
            // An odd one is the shortest.
            (.., Some(cpu)) if messages.is_multiple_of(2) => Way::Two(cpu),
            _ => Way::Alone,
        }
    }
}

/// Are the codes of so many messages computed faster together, on this CPU?
pub(crate) fn is_worth_it(messages: usize) -> bool {
    !matches!(Units::get().way(messages), Way::Alone)
}

/// The codes of the messages; zeros where there is none.
pub(crate) fn codes<const N: usize>(messages: &[Option<Message<'_>>; N]) -> [[u8; SHA1_LEN]; N] {
    let mut codes = [[0; SHA1_LEN]; N];
    work_on(Units::get(), messages, &mut codes);
    codes
}

fn work_on<const N: usize>(
    units: Units,
    messages: &[Option<Message<'_>>; N],
    codes: &mut [[u8; SHA1_LEN]; N],
) {
    let mut wanted = [const { Wanted::NONE }; N];
    let mut count = 0;
    let found = messages.iter().enumerate();
    let found = found.filter_map(|(n, message)| Some((n, message.as_ref()?)));
    for ((n, message), wanted) in found.zip(&mut wanted) {
        (wanted.n, wanted.left) = (n, message.blocks());
        count += 1;
    }
    let mut work = Work {
        units,
        messages,
        so_far: [[0; 5]; N],
        codes,
    };
    let mut rest = wanted.get_mut(..count).unwrap_or_default();
    while !rest.is_empty() {
        // Shorter ones first. Lengths are no secret.
        if !rest.is_sorted_by_key(|it| it.left) {
            rest.sort_unstable_by_key(|it| it.left);
        }
        let taken = match units.way(rest.len()) {
            Way::Sixteen(cpu) => work.side_by_side::<16>(cpu, &[(8, 5), (2, 1)], rest),
            Way::EightByAvx512(cpu) => work.side_by_side::<8>(cpu, &[(2, 1)], rest),
            Way::EightByAvx2(cpu) => work.side_by_side::<8>(cpu, &[(2, 1)], rest),
            Way::Two(cpu) => work.two(cpu, rest),
            Way::Alone => work.alone(rest),
        };
        rest = rest.get_mut(taken..).unwrap_or_default();
    }
}

/// A message on its way.
#[derive(Clone, Copy)]
struct Wanted {
    /// Blocks that are left.
    left: usize,
    /// Blocks that are done.
    done: usize,
    /// Its place.
    n: usize,
}

impl Wanted {
    const NONE: Self = Self {
        left: 0,
        done: 0,
        n: 0,
    };
}

/// Blocks that a group takes together: all of them, unless the longest messages have so many more than the others that they are
/// better off without those. `better_off` says how few messages with how many more blocks.
fn together(group: &[Wanted], better_off: &[(usize, usize)]) -> usize {
    let longest = group.last().map_or(0, |it| it.left);
    let of_others = better_off.iter().filter_map(|(few, more)| {
        let others = group.len().checked_sub(*few)?;
        let blocks = group.get(..others)?.last()?.left;
        (longest >= blocks + more).then_some(blocks)
    });
    of_others.min().unwrap_or(longest)
}

struct Work<'a, 'm, const N: usize> {
    units: Units,
    messages: &'a [Option<Message<'m>>; N],
    /// The hashes of messages that have begun.
    so_far: [State; N],
    codes: &'a mut [[u8; SHA1_LEN]; N],
}

impl<const N: usize> Work<'_, '_, N> {
    /// Works on the first messages, which stand in order. Returns how many of them are done.
    #[inline(always)]
    fn side_by_side<const LANES: usize>(
        &mut self,
        cpu: impl SideBySide<LANES>,
        better_off: &[(usize, usize)],
        rest: &mut [Wanted],
    ) -> usize {
        let (group, _) = rest.split_at_mut(LANES.min(rest.len()));
        let blocks = together(group, better_off);
        let mut ends = [const { End::EMPTY }; LANES];
        let mut wanted = group.iter();
        let lanes = ends
            .each_mut()
            .map(|end| self.keyed(wanted.next(), end).unwrap_or(Keyed::NONE));
        let hashes = cpu.hmac(&lanes, blocks);
        for (wanted, hash) in group.iter_mut().zip(&hashes) {
            wanted.done += blocks;
            wanted.left = wanted.left.saturating_sub(blocks);
            match wanted.left {
                0 => self.keep(wanted.n, &bytes_of(hash)),
                _ => self
                    .so_far
                    .get_mut(wanted.n)
                    .into_iter()
                    .for_each(|it| *it = *hash),
            }
        }
        group.partition_point(|it| it.left == 0)
    }

    fn two(&mut self, cpu: ShaNi, rest: &[Wanted]) -> usize {
        let mut ends = [const { End::EMPTY }; 2];
        let mut wanted = rest.iter();
        let messages = ends
            .each_mut()
            .map(|end| self.keyed(wanted.next(), end).unwrap_or(Keyed::NONE));
        let codes = simd::hmac_sha1(cpu, messages);
        for (wanted, code) in rest.iter().zip(&codes) {
            self.keep(wanted.n, code);
        }
        2
    }

    fn alone(&mut self, rest: &[Wanted]) -> usize {
        let mut end = End::EMPTY;
        let wanted = rest.first();
        let message = self.keyed(wanted, &mut end);
        let code = message.map(|it| it.code(self.units.sha_ni));
        if let (Some(wanted), Some(code)) = (wanted, code) {
            self.keep(wanted.n, &code);
        }
        1
    }

    /// What is left of a message, if there is one.
    #[inline(always)]
    fn keyed<'e>(&'e self, wanted: Option<&Wanted>, end: &'e mut End) -> Option<Keyed<'e>> {
        let Wanted { n, done, .. } = *wanted?;
        let message = self.messages.get(n)?.as_ref()?;
        let blocks = end.padded(BLOCK, message.message, message.suffix);
        let keyed = message.hmac.keyed(blocks);
        match done {
            0 => Some(keyed),
            done => Some(keyed.behind(done, self.so_far.get(n)?)),
        }
    }

    fn keep(&mut self, n: usize, code: &[u8; SHA1_LEN]) {
        if let Some(room) = self.codes.get_mut(n) {
            *room = *code;
        }
    }
}

#[cfg(test)]
mod tests;
