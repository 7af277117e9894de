//! Have we seen this index? The sliding window of RFC 3711 §3.3.2.
//!
//! ```text
//!             ◄──────────── size ────────────►
//!    too old │ 1 0 1 1 … one bit an index … 1 │ ahead: never seen
//! ───────────┴────────────────────────────────┴──────────►  index
//!                                             ▲ highest
//! ```
//!
//! The bits live in blocks of 64, the newest of them by itself and those before it in a ring, so that moving ahead clears whole blocks and never shifts.
//!
//! Memory that is not in the cache costs more than the rest of a packet. One that is in order asks for the newest block, which stands beside
//! the highest index. The ring of the default size, or less, is behind it and not somewhere else.

use alloc::{boxed::Box, vec};

/// How many indices behind the highest one a receiver remembers, for each SSRC and plane: 64 to
/// 32768 (RFC 3711 §3.3.2 asks for 64 at least). The default is 1024.
///
/// A window takes 128 bytes. Where it is of more than 1024, n, it takes between n/8 and n/4 bytes beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayWindowSize(u16);

impl ReplayWindowSize {
    /// A window of `packets` indices, or `None` if that is not in 64 ..= 32768.
    #[must_use]
    pub const fn new(packets: u16) -> Option<Self> {
        if packets >= 64 && packets <= 32_768 {
            Some(Self(packets))
        } else {
            None
        }
    }

    /// The number of indices.
    #[must_use]
    pub const fn packets(self) -> u16 {
        self.0
    }

    /// Do the blocks inside of a window do?
    #[inline]
    fn fits_inside(self) -> bool {
        usize::from(self.0) <= INSIDE * 64
    }
}

impl Default for ReplayWindowSize {
    fn default() -> Self {
        Self(1024)
    }
}

/// Why an index is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is in the window and was seen.
    Replayed,
    /// It is behind the window.
    TooOld,
}

/// Blocks of the ring inside of a window.
const INSIDE: usize = 16;

/// The indices seen so far, of one SSRC in one plane.
///
/// In this order: what every packet asks for, what some do, and what few windows have.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ReplayWindow {
    /// The lowest index that is ahead of all that were seen.
    ahead: u64,
    /// The block of the highest index.
    newest: u64,
    size: ReplayWindowSize,
    /// Are there blocks? If not, everything that is not ahead counts as seen.
    is_stored: bool,
    /// The blocks before the newest, as many as the window needs or more: a power of two.
    inside: [u64; INSIDE],
    /// The same for a greater window.
    outside: Box<[u64]>,
}

impl ReplayWindow {
    /// What every packet asks for is before it.
    #[cfg(test)]
    pub(crate) const RING_AT: usize = core::mem::offset_of!(Self, inside);

    /// A window that has seen nothing.
    pub(crate) fn new(size: ReplayWindowSize) -> Self {
        let mut window = Self {
            ahead: 0,
            newest: 0,
            size,
            is_stored: false,
            inside: [0; INSIDE],
            outside: Box::default(),
        };
        window.rebuild_storage();
        window
    }

    /// The highest index seen.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u64> {
        self.ahead.checked_sub(1)
    }

    pub(crate) fn size(&self) -> ReplayWindowSize {
        self.size
    }

    /// What was seen, from the highest index down, as [`from_blocks`](Self::from_blocks) takes it. `None` without storage.
    pub(crate) fn blocks(&self) -> Option<impl Iterator<Item = u64>> {
        let highest = self.highest().filter(|_| self.is_stored)?;
        let touched = touched(self.size, highest).rev();
        Some(touched.map(move |block| {
            let seen = self.block(block).copied();
            seen.unwrap_or_default() & mask(self.size, highest, block)
        }))
    }

    /// How many blocks [`blocks`](Self::blocks) gives for such a window.
    pub(crate) fn block_count(size: ReplayWindowSize, highest: u64) -> usize {
        touched(size, highest).count()
    }

    /// A window that has seen what `blocks` say; without them, everything up to `highest`. `None` if the highest index is not
    /// among what was seen, or an index that is outside of the window.
    pub(crate) fn from_blocks(
        size: ReplayWindowSize,
        highest: u64,
        blocks: Option<&[u64]>,
    ) -> Option<Self> {
        let mut window = Self::new(size);
        window.ahead = highest + 1;
        let Some(blocks) = blocks else {
            window.release_storage();
            return Some(window);
        };
        for (block, seen) in touched(size, highest).rev().zip(blocks) {
            if seen & !mask(size, highest, block) != 0 {
                return None;
            }
            *window.block_mut(block)? = *seen;
        }
        (window.check(highest) == Err(Refused::Replayed)).then_some(window)
    }

    /// Moves on to `highest`, if that is ahead: everything up to it counts as seen.
    pub(crate) fn skip_to(&mut self, highest: u64) {
        self.ahead = self.ahead.max(highest + 1);
        self.release_storage();
    }

    /// Gives the storage back and keeps the highest index: from now on, whatever is not ahead of it is too old.
    pub(crate) fn release_storage(&mut self) {
        self.is_stored = false;
        self.outside = Box::default();
    }

    #[cfg(test)]
    pub(crate) fn has_storage(&self) -> bool {
        self.is_stored
    }

    /// Would [`mark`](Self::mark)ing `index` be news?
    #[inline]
    pub(crate) fn check(&self, index: u64) -> Result<(), Refused> {
        if index >= self.ahead {
            return Ok(());
        }
        if self.ahead - index > u64::from(self.size.0) {
            return Err(Refused::TooOld);
        }
        match self.block(index / 64) {
            None => Err(Refused::TooOld),
            Some(block) if block & bit(index) != 0 => Err(Refused::Replayed),
            Some(_) => Ok(()),
        }
    }

    /// Notes that `index` was seen, and moves the window if it lies ahead.
    ///
    /// Only for an index that [`check`](Self::check) let pass.
    #[inline]
    pub(crate) fn mark(&mut self, index: u64) {
        if !self.is_stored {
            self.rebuild_storage();
        }
        if index >= self.ahead {
            self.advance(index);
        }
        if let Some(block) = self.block_mut(index / 64) {
            *block |= bit(index);
        }
    }

    /// Makes `index`, which lies ahead, the highest.
    #[inline]
    fn advance(&mut self, index: u64) {
        if let Some(highest) = self.highest()
            && highest / 64 < index / 64
        {
            self.begin_block(index / 64, highest / 64);
        }
        self.ahead = index + 1;
    }

    /// Puts the newest block, which was that of this number, into the ring, and makes room for another: in between, nothing was seen.
    #[inline(never)]
    fn begin_block(&mut self, number: u64, before: u64) {
        let seen = core::mem::take(&mut self.newest);
        let ring = match self.size.fits_inside() {
            true => self.inside.as_mut_slice(),
            false => &mut self.outside,
        };
        let blocks = ring.len();
        let mut put = |number, seen| {
            if let Some(block) = ring.get_mut(slot(number, blocks)) {
                *block = seen;
            }
        };
        put(before, seen);
        (before + 1..number).take(blocks).for_each(|it| put(it, 0));
    }

    /// Blocks, at first or after [`release_storage`](Self::release_storage), with everything up to the highest index seen.
    #[cold]
    fn rebuild_storage(&mut self) {
        let seen = self.highest().map_or(0, |_| u64::MAX);
        self.newest = self
            .highest()
            .map_or(0, |highest| u64::MAX >> (63 - highest % 64));
        self.inside = [seen; INSIDE];
        if !self.size.fits_inside() {
            let blocks = usize::from(self.size.0).div_ceil(64).next_power_of_two();
            self.outside = vec![seen; blocks].into_boxed_slice();
        }
        self.is_stored = true;
    }

    /// The block of this number: its first index by 64.
    #[inline]
    fn block(&self, number: u64) -> Option<&u64> {
        match self.highest() {
            _ if !self.is_stored => None,
            Some(highest) if highest / 64 == number => Some(&self.newest),
            _ if self.size.fits_inside() => self.inside.get(slot(number, INSIDE)),
            _ => self.outside.get(slot(number, self.outside.len())),
        }
    }

    #[inline]
    fn block_mut(&mut self, number: u64) -> Option<&mut u64> {
        match self.highest() {
            _ if !self.is_stored => None,
            Some(highest) if highest / 64 == number => Some(&mut self.newest),
            _ if self.size.fits_inside() => self.inside.get_mut(slot(number, INSIDE)),
            _ => self.outside.get_mut(slot(number, self.outside.len())),
        }
    }
}

/// The place of a block in a ring of so many, a power of two.
#[inline]
fn slot(number: u64, blocks: usize) -> usize {
    // At most 512: the remainder keeps what a usize holds anywhere.
    usize::try_from(number % 512).unwrap_or(0) & blocks.wrapping_sub(1)
}

/// The numbers of the blocks of 64 indices that a window touches.
fn touched(size: ReplayWindowSize, highest: u64) -> core::ops::RangeInclusive<u64> {
    oldest(size, highest) / 64..=highest / 64
}

fn oldest(size: ReplayWindowSize, highest: u64) -> u64 {
    (highest + 1).saturating_sub(size.0.into())
}

/// The bits of a touched block that are in the window.
fn mask(size: ReplayWindowSize, highest: u64, block: u64) -> u64 {
    let first = block * 64;
    let below = oldest(size, highest).saturating_sub(first);
    let above = (first + 63).saturating_sub(highest);
    u64::MAX << below & u64::MAX >> above
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    /// The window as RFC 3711 §3.3.2 describes it: a set of numbers and a highest one.
    struct Oracle {
        size: u64,
        seen: BTreeSet<u64>,
    }

    impl Oracle {
        fn check(&self, index: u64) -> Result<(), Refused> {
            let Some(&highest) = self.seen.last() else {
                return Ok(());
            };
            if index + self.size <= highest {
                Err(Refused::TooOld)
            } else if self.seen.contains(&index) {
                Err(Refused::Replayed)
            } else {
                Ok(())
            }
        }
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_a_set_of_numbers(
            size in prop_oneof![Just(64u16), Just(65), Just(127), Just(128), Just(1000), Just(1024), Just(32_768), 64..=32_768u16],
            start in 0u64..1 << 47,
            steps in prop::collection::vec((-2i64..3, 0u64..40_000), 1..400),
        ) {
            let mut window = ReplayWindow::new(ReplayWindowSize::new(size).unwrap());
            let mut oracle = Oracle { size: u64::from(size), seen: BTreeSet::new() };
            let mut at = start;
            for (direction, distance) in steps {
                let distance = if direction.abs() == 1 { distance % 130 } else { distance };
                at = at.saturating_add_signed(direction.signum() * i64::try_from(distance).unwrap());
                prop_assert_eq!(window.check(at), oracle.check(at), "index {}", at);
                if oracle.check(at).is_ok() {
                    window.mark(at);
                    oracle.seen.insert(at);
                }
                prop_assert_eq!(window.highest(), oracle.seen.last().copied());
                if distance % 8 == 0 && let Some(highest) = window.highest() {
                    let blocks: alloc::vec::Vec<_> = window.blocks().unwrap().collect();
                    prop_assert_eq!(blocks.len(), ReplayWindow::block_count(window.size(), highest));
                    window = ReplayWindow::from_blocks(window.size(), highest, Some(&blocks)).unwrap();
                    for behind in 0..u64::from(size) + 130 {
                        let index = highest.saturating_sub(behind);
                        prop_assert_eq!(window.check(index), oracle.check(index), "index {}", index);
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_that_no_window_has_make_none() {
        let size = ReplayWindowSize::new(64).unwrap();
        let made = |highest, blocks: &[u64]| {
            ReplayWindow::from_blocks(size, highest, Some(blocks)).is_some()
        };
        assert!(made(63, &[1 << 63]));
        assert!(!made(63, &[1]), "the highest index was not seen");
        assert!(!made(62, &[3 << 62]), "one above it was");
        assert!(made(64, &[1, 0]) && made(64, &[1, 2]));
        assert!(!made(64, &[1, 1]), "one behind the window was");
        assert!(!made(64, &[]));
    }

    #[test]
    fn every_size_remembers_exactly_its_number_of_indices() {
        for size in [64u16, 65, 127, 128, 129, 1000, 1024, 4095, 32_767, 32_768] {
            let mut window = ReplayWindow::new(ReplayWindowSize::new(size).unwrap());
            let highest = 100_000;
            window.mark(highest);
            let oldest = highest - u64::from(size) + 1;
            assert_eq!(window.check(oldest), Ok(()), "size {size}");
            assert_eq!(
                window.check(oldest - 1),
                Err(Refused::TooOld),
                "size {size}"
            );
            window.mark(oldest);
            assert_eq!(window.check(oldest), Err(Refused::Replayed), "size {size}");
        }
    }

    #[test]
    fn without_storage_everything_up_to_the_highest_counts_as_seen_and_still_does_afterwards() {
        for highest in [0u64, 63, 64, 1000, 65_536 + 17] {
            let mut window = ReplayWindow::new(ReplayWindowSize::default());
            window.mark(highest);
            window.release_storage();
            assert_eq!(window.check(highest), Err(Refused::TooOld));
            assert_eq!(window.check(highest + 3), Ok(()));
            window.mark(highest + 3);
            for seen in highest.saturating_sub(1000)..=highest {
                assert!(window.check(seen).is_err(), "{seen} of {highest}");
            }
            assert_eq!(window.check(highest + 1), Ok(()));
            assert_eq!(window.check(highest + 3), Err(Refused::Replayed));
        }
    }

    #[test]
    fn a_window_that_saw_nothing_before_its_storage_went_refuses_nothing_afterwards() {
        let mut window = ReplayWindow::new(ReplayWindowSize::default());
        window.release_storage();
        window.mark(1000);
        assert_eq!(window.check(1000), Err(Refused::Replayed));
        for unseen in [999, 990, 1001] {
            assert_eq!(window.check(unseen), Ok(()), "{unseen}");
        }
    }

    #[test]
    fn index_0_can_be_seen_and_replayed() {
        let mut window = ReplayWindow::new(ReplayWindowSize::default());
        assert_eq!(window.check(0), Ok(()));
        window.mark(0);
        assert_eq!(window.check(0), Err(Refused::Replayed));
    }

    #[test]
    fn sizes_outside_64_to_32768_do_not_exist() {
        assert!(ReplayWindowSize::new(63).is_none());
        assert!(ReplayWindowSize::new(64).is_some());
        assert!(ReplayWindowSize::new(32_768).is_some());
        assert!(ReplayWindowSize::new(32_769).is_none());
    }
}
