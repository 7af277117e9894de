//! The codes of many messages, each under its own key, in one go.

use super::{BLOCK, End, HmacSha1, Keyed, SHA1_LEN, State, state_of};
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
#[inline]
pub(crate) fn codes<const N: usize>(messages: &[Option<Message<'_>>; N]) -> [[u8; SHA1_LEN]; N] {
    codes_on(Units::get(), messages)
}

#[inline]
fn codes_on<const N: usize>(
    units: Units,
    messages: &[Option<Message<'_>>; N],
) -> [[u8; SHA1_LEN]; N] {
    let mut codes = [[0; SHA1_LEN]; N];
    let mut work = Work {
        units,
        messages,
        so_far: &mut [[0; 5]; N],
        codes: &mut codes,
    };
    work.all(&mut [Wanted::NONE; N]);
    codes
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

struct Work<'a, 'm> {
    units: Units,
    messages: &'a [Option<Message<'m>>],
    /// The hashes of messages that have begun.
    so_far: &'a mut [State],
    codes: &'a mut [[u8; SHA1_LEN]],
}

impl Work<'_, '_> {
    fn all(&mut self, room: &mut [Wanted]) {
        let mut count = 0;
        let mut places = room.iter_mut();
        for (n, message) in self.messages.iter().enumerate() {
            let Some(message) = message else { continue };
            let Some(place) = places.next() else { break };
            (place.n, place.left) = (n, message.blocks());
            count += 1;
        }
        let mut rest = room.get_mut(..count).unwrap_or_default();
        while !rest.is_empty() {
            // Shorter ones first. Lengths are no secret.
            if !rest.is_sorted_by_key(|it| it.left) {
                rest.sort_unstable_by_key(|it| it.left);
            }
            let done = match self.units.way(rest.len()) {
                Way::Sixteen(cpu) => self.side_by_side::<16>(cpu, &[(8, 5), (2, 1)], rest),
                Way::EightByAvx512(cpu) => self.side_by_side::<8>(cpu, &[(2, 1)], rest),
                Way::EightByAvx2(cpu) => self.side_by_side::<8>(cpu, &[(2, 1)], rest),
                Way::Two(cpu) => self.two(cpu, rest),
                Way::Alone => self.alone(rest),
            };
            rest = rest.get_mut(done..).unwrap_or_default();
        }
    }

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
        let mut lanes = [Keyed::NONE; LANES];
        for ((lane, end), wanted) in lanes.iter_mut().zip(&mut ends).zip(&*group) {
            self.find(wanted, end, lane);
        }
        let hashes = cpu.hmac(&lanes, blocks);
        for (wanted, hash) in group.iter_mut().zip(&hashes) {
            wanted.done += blocks;
            wanted.left = wanted.left.saturating_sub(blocks);
            match wanted.left {
                0 => self.keep(wanted.n, hash),
                _ => self.keep_so_far(wanted.n, &state_of(hash)),
            }
        }
        group.partition_point(|it| it.left == 0)
    }

    fn two(&mut self, cpu: ShaNi, rest: &[Wanted]) -> usize {
        let mut ends = [const { End::EMPTY }; 2];
        let mut messages = [Keyed::NONE; 2];
        for ((message, end), wanted) in messages.iter_mut().zip(&mut ends).zip(rest) {
            self.find(wanted, end, message);
        }
        let codes = simd::hmac_sha1(cpu, messages);
        for (wanted, code) in rest.iter().zip(&codes) {
            self.keep(wanted.n, code);
        }
        2
    }

    fn alone(&mut self, rest: &[Wanted]) -> usize {
        if let Some(wanted) = rest.first() {
            let (mut end, mut message) = (End::EMPTY, Keyed::NONE);
            self.find(wanted, &mut end, &mut message);
            let code = message.code(self.units.sha_ni);
            self.keep(wanted.n, &code);
        }
        1
    }

    /// Writes down what is left of a message.
    #[inline(always)]
    fn find<'e>(&'e self, wanted: &Wanted, end: &'e mut End, found: &mut Keyed<'e>) {
        let Wanted { n, done, .. } = *wanted;
        if let Some(Some(it)) = self.messages.get(n) {
            *found = it.hmac.keyed(end.padded(BLOCK, it.message, it.suffix));
            if let (1.., Some(hash)) = (done, self.so_far.get(n)) {
                *found = found.behind(done, hash);
            }
        }
    }

    fn keep_so_far(&mut self, n: usize, hash: &State) {
        if let Some(room) = self.so_far.get_mut(n) {
            *room = *hash;
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
