//! The codes of many messages, each under its own key, in one go.

use super::{BLOCK, End, HmacSha1, Keyed, SHA1_LEN, state_of};
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
    fn blocks(&self) -> usize {
        blocks(self.message.len() + self.suffix.len())
    }
}

/// Of so many bytes, with the padding: one bit, and eight bytes for the number of bits.
fn blocks(bytes: usize) -> usize {
    (bytes + 1 + 8).div_ceil(BLOCK)
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

    /// The fastest way for the first of so many messages. SHA-NI takes a block of three messages in the time in which AVX-512 takes one of eight, and
    /// of five in that of sixteen, or of eight with AVX2. Without SHA-NI a message takes as long as eight of them.
    fn way(self, messages: usize) -> Way {
        match (self.avx512, self.avx2, self.sha_ni) {
            (Some(cpu), _, _) if messages > 8 => Way::Sixteen(cpu),
            (Some(cpu), _, Some(_)) if messages > 3 => Way::EightByAvx512(cpu),
            (Some(cpu), _, None) if messages > 1 => Way::EightByAvx512(cpu),
            (None, Some(cpu), Some(_)) if messages > 5 => Way::EightByAvx2(cpu),
            (None, Some(cpu), None) if messages > 1 => Way::EightByAvx2(cpu),
            // If they are odd, the shortest one is left over.
            (_, _, Some(cpu)) if messages.is_multiple_of(2) => Way::Two(cpu),
            _ => Way::Alone,
        }
    }

    /// What a block of one message costs, in tenths of what it costs with SHA-NI.
    fn cost_alone(self) -> usize {
        match (self.sha_ni, self.avx512) {
            (Some(_), _) => 10,
            (None, Some(_)) => 28,
            (None, None) => 47,
        }
    }

    /// The same of a block of each of so many messages. The figures are those with which the ratios of `benches/batch.rs` on Rocket Lake agree; on
    /// Zen, two blocks with SHA-NI cost less.
    fn cost_of_one_each(self, messages: usize) -> usize {
        let (mut cost, mut left) = (0, messages);
        while left > 0 {
            let (lanes, cost_of_lanes) = match self.way(left) {
                Way::Sixteen(_) => (16, 46),
                Way::EightByAvx512(_) => (8, 28),
                Way::EightByAvx2(_) => (8, 47),
                Way::Two(_) => (2, 18),
                Way::Alone => (1, self.cost_alone()),
            };
            cost += cost_of_lanes;
            left = left.saturating_sub(lanes);
        }
        cost
    }

    /// Blocks that a group takes together: all of them, unless few of its messages have so many more blocks than the others that they are better off
    /// in other company.
    fn together(self, group: &[Wanted<'_>]) -> usize {
        // So few messages, with so many more blocks.
        let better_off: &[_] = match self.sha_ni {
            Some(_) => &[(8, 5), (2, 1)],
            None => &[(8, 5)],
        };
        let longest = group.last().map_or(0, |it| it.left);
        let of_others = better_off.iter().filter_map(|(few, more)| {
            let others = group.len().checked_sub(*few)?;
            let blocks = group.get(..others)?.last()?.left;
            (longest >= blocks + more).then_some(blocks)
        });
        of_others.min().unwrap_or(longest)
    }
}

/// Messages whose codes may be computed together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Chains {
    messages: usize,
    /// Compressions that their codes take.
    compressions: usize,
}

impl Chains {
    /// One more, with about so many bytes.
    #[inline]
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        // The last one is of the outer hash.
        self.compressions += blocks(bytes) + 1;
    }

    pub(crate) fn is_empty(self) -> bool {
        self.messages == 0
    }

    /// Are their codes computed so much faster together, on this CPU, that it pays what it costs each of them beside, so many tenths of a compression by
    /// SHA-NI?
    pub(crate) fn are_faster_together(self, beside: usize) -> bool {
        self.are_faster_together_on(Units::get(), beside)
    }

    fn are_faster_together_on(self, units: Units, beside: usize) -> bool {
        let alone = self.compressions * units.cost_alone();
        // As if they were of like length.
        let together = self.compressions * units.cost_of_one_each(self.messages);
        alone * self.messages > together + self.messages * self.messages * beside
    }
}

/// The codes of at most `N` messages; zeros where there is none.
#[inline]
pub(crate) fn codes<'m, const N: usize>(
    messages: impl Iterator<Item = Option<Message<'m>>>,
) -> [[u8; SHA1_LEN]; N] {
    codes_on(Units::get(), messages)
}

#[inline]
fn codes_on<'m, const N: usize>(
    units: Units,
    messages: impl Iterator<Item = Option<Message<'m>>>,
) -> [[u8; SHA1_LEN]; N] {
    let mut wanted = [Wanted::NONE; N];
    let mut count = 0;
    let there = messages.enumerate().filter_map(|(n, it)| Some((n, it?)));
    for (place, (n, message)) in wanted.iter_mut().zip(there) {
        place.n = n;
        place.left = message.blocks();
        place.message = Some(message);
        count += 1;
    }
    let mut codes = [[0; SHA1_LEN]; N];
    let mut work = Work {
        units,
        codes: &mut codes,
    };
    work.all(wanted.get_mut(..count).unwrap_or_default());
    codes
}

/// A message on its way.
#[derive(Clone, Copy)]
struct Wanted<'m> {
    message: Option<Message<'m>>,
    /// Blocks that are left.
    left: usize,
    /// Blocks that are done.
    done: usize,
    /// Its place.
    n: usize,
}

impl Wanted<'_> {
    const NONE: Self = Self {
        message: None,
        left: 0,
        done: 0,
        n: 0,
    };
}

struct Work<'a> {
    units: Units,
    /// Of messages that go on the hashes so far.
    codes: &'a mut [[u8; SHA1_LEN]],
}

impl Work<'_> {
    fn all(&mut self, mut rest: &mut [Wanted<'_>]) {
        let sha_ni = self.units.sha_ni;
        while !rest.is_empty() {
            // Shorter ones first. Lengths are no secret.
            if !rest.is_sorted_by_key(|it| it.left) {
                rest.sort_unstable_by_key(|it| it.left);
            }
            let done = match self.units.way(rest.len()) {
                Way::Sixteen(cpu) => self.side_by_side::<16>(cpu, rest),
                Way::EightByAvx512(cpu) => self.side_by_side::<8>(cpu, rest),
                Way::EightByAvx2(cpu) => self.side_by_side::<8>(cpu, rest),
                Way::Two(cpu) => self.whole(|two| simd::hmac_sha1::<2>(cpu, *two), rest),
                Way::Alone => self.whole(|[one]| [one.code(sha_ni)], rest),
            };
            rest = rest.get_mut(done..).unwrap_or_default();
        }
    }

    /// Works on the first messages, which stand in order. Returns how many of them are done.
    #[inline(always)]
    fn side_by_side<const LANES: usize>(
        &mut self,
        cpu: impl SideBySide<LANES>,
        rest: &mut [Wanted<'_>],
    ) -> usize {
        let (group, _) = rest.split_at_mut(LANES.min(rest.len()));
        let blocks = self.units.together(group);
        self.work::<LANES>(group, |messages| cpu.hmac(messages, blocks));
        for wanted in &mut *group {
            wanted.done += blocks;
            wanted.left = wanted.left.saturating_sub(blocks);
        }
        group.partition_point(|it| it.left == 0)
    }

    /// The same for all blocks of `LANES` messages.
    fn whole<const LANES: usize>(
        &mut self,
        compute: impl FnOnce(&[Keyed<'_>; LANES]) -> [[u8; SHA1_LEN]; LANES],
        rest: &[Wanted<'_>],
    ) -> usize {
        self.work::<LANES>(rest, compute);
        LANES
    }

    /// Has `compute` work on the first messages, and keeps what it returns.
    #[inline(always)]
    fn work<const LANES: usize>(
        &mut self,
        group: &[Wanted<'_>],
        compute: impl FnOnce(&[Keyed<'_>; LANES]) -> [[u8; SHA1_LEN]; LANES],
    ) {
        let mut ends = [const { End::EMPTY }; LANES];
        let mut so_far = [[0; 5]; LANES];
        let mut lanes = [Keyed::NONE; LANES];
        let places = ends.iter_mut().zip(&mut so_far).zip(&mut lanes);
        for (((end, so_far), lane), wanted) in places.zip(group) {
            let Some(it) = &wanted.message else { continue };
            *lane = it.hmac.keyed(end.padded(BLOCK, it.message, it.suffix));
            if let (1.., Some(hash)) = (wanted.done, self.codes.get(wanted.n)) {
                *so_far = state_of(hash);
                *lane = lane.behind(wanted.done, so_far);
            }
        }
        let hashes = compute(&lanes);
        for (wanted, hash) in group.iter().zip(&hashes) {
            if let Some(room) = self.codes.get_mut(wanted.n) {
                *room = *hash;
            }
        }
    }
}

#[cfg(test)]
mod tests;
