//! The streams of a context.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use crate::one_or_more::OneOrMore;

/// All streams of a context, sorted by SSRC.
///
/// A look-up begins where the leading bits of the SSRC say, with hardly another one there, since SSRCs are random (RFC 3550 §8.1). Where a peer
/// chose them otherwise it is a binary search: there is no hash that could be aimed at. An insertion moves 16 bytes a stream and counts through the
/// directory, once in a stream's life. Streams are boxed, so that they stay where they are.
#[repr(C)]
pub(crate) struct StreamTable<S> {
    streams: OneOrMore<(u32, Box<S>)>,
    directory: Directory,
    most: usize,
}

/// Where an SSRC stands in the table, or would.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Known(usize),
    New(usize),
}

/// The table holds as many streams as it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableFull {
    pub(crate) most: usize,
}

impl<S> StreamTable<S> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            streams: OneOrMore::NONE,
            directory: Directory::default(),
            most,
        }
    }

    #[inline]
    pub(crate) fn find(&self, ssrc: u32) -> Slot {
        if let OneOrMore::One((only, _)) = &self.streams
            && *only == ssrc
        {
            return Slot::Known(0);
        }
        let places = self.directory.places(ssrc, self.streams.len());
        let start = places.start;
        let nearby = self.streams.get(places).unwrap_or_default();
        match nearby.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc) {
            Ok(at) => Slot::Known(start + at),
            Err(at) => Slot::New(start + at),
        }
    }

    /// The stream at `slot`, if it is known.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> Option<&S> {
        match slot {
            Slot::Known(at) => self.streams.get(at).map(|(_, stream)| stream.as_ref()),
            Slot::New(_) => None,
        }
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&S> {
        self.at(self.find(ssrc))
    }

    pub(crate) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        match self.find(ssrc) {
            Slot::Known(at) => self.streams.get_mut(at).map(|(_, stream)| stream.as_mut()),
            Slot::New(_) => None,
        }
    }

    /// The stream at `slot`, made by `new` if it is not known and there is room.
    ///
    /// `slot` is of a [`find`](Self::find) since which the table has not changed.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        slot: Slot,
        ssrc: u32,
        new: impl FnOnce() -> S,
    ) -> Result<&mut S, TableFull> {
        let most = self.most;
        let at = match slot {
            Slot::Known(at) => at,
            Slot::New(_) if self.streams.len() >= most => return Err(TableFull { most }),
            Slot::New(at) => {
                self.insert(at, ssrc, Box::new(new()));
                at
            }
        };
        let stream = self.streams.get_mut(at).ok_or(TableFull { most })?;
        Ok(stream.1.as_mut())
    }

    #[cold]
    fn insert(&mut self, at: usize, ssrc: u32, stream: Box<S>) {
        self.streams.insert(at, (ssrc, stream));
        self.directory.note_insertion(ssrc, &self.streams);
    }

    /// Another cap: streams beyond it stay, and no new ones are made.
    pub(crate) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.streams.iter_mut().map(|(_, stream)| stream.as_mut())
    }

    /// Removes what `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u32, &S) -> bool) {
        self.streams
            .change(|streams| streams.retain(|(ssrc, stream)| keep(*ssrc, stream)));
        self.directory = Directory::of(&self.streams);
    }

    /// By SSRC, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> {
        self.streams
            .iter()
            .map(|(ssrc, stream)| (*ssrc, stream.as_ref()))
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

/// Streams that are sorted by SSRC.
type Sorted<S> = [(u32, Box<S>)];

/// Where SSRCs with the same leading bits begin in a sorted list.
#[derive(Default)]
struct Directory {
    /// How many SSRCs have lesser leading bits: an entry for each number of so many bits, and one for all SSRCs. Without entries, all are in one place.
    starts: Vec<u32>,
    /// The bits behind the leading ones.
    rest: u32,
}

impl Directory {
    /// The least number of streams for which it is worth having.
    const LEAST: usize = 16;

    fn of<S>(sorted: &Sorted<S>) -> Self {
        if sorted.len() < Self::LEAST {
            return Self::default();
        }
        // Two to four places for each SSRC.
        let bits = (2 * sorted.len()).next_power_of_two().ilog2().min(31);
        let mut directory = Self {
            starts: Vec::new(),
            rest: 32 - bits,
        };
        let number_below = |leading: u64| {
            let is_below = |(ssrc, _): &(u32, _)| u64::from(*ssrc) >> directory.rest < leading;
            u32::try_from(sorted.partition_point(is_below)).unwrap_or(u32::MAX)
        };
        directory.starts = (0..=1 << bits).map(number_below).collect();
        directory
    }

    /// The places in a list of `len` in which `ssrc` stands or would.
    #[inline]
    fn places(&self, ssrc: u32, len: usize) -> Range<usize> {
        let leading = index(ssrc >> self.rest);
        match self.starts.get(leading..) {
            Some([start, end, ..]) => index(*start)..index(*end),
            _ => 0..len,
        }
    }

    /// `ssrc` has come into the list.
    fn note_insertion<S>(&mut self, ssrc: u32, sorted: &Sorted<S>) {
        if self.starts.len() < sorted.len() {
            *self = Self::of(sorted);
            return;
        }
        let behind = index(ssrc >> self.rest) + 1;
        for start in self.starts.iter_mut().skip(behind) {
            *start += 1;
        }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    /// SSRCs as they ought to be, and as somebody might choose them.
    fn ssrc() -> impl Strategy<Value = u32> {
        let near = |base: u32| (0..300u32).prop_map(move |n| base.wrapping_add(n));
        prop_oneof![
            any::<u32>(),
            any::<u32>(),
            near(0),
            near(0xcafe_ba00),
            near(u32::MAX - 150)
        ]
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_map(
            steps in prop::collection::vec((ssrc(), 0..40u32), 1..600),
        ) {
            let mut table = StreamTable::new(400);
            let mut map = BTreeMap::new();
            for (number, (ssrc, what)) in (0u32..).zip(steps) {
                let slot = table.find(ssrc);
                prop_assert_eq!(table.at(slot), map.get(&ssrc));
                match table.admit(slot, ssrc, || number) {
                    Ok(stream) => prop_assert_eq!(&*stream, map.entry(ssrc).or_insert(number)),
                    Err(TableFull { most }) => {
                        prop_assert!(most == 400 && map.len() == 400 && !map.contains_key(&ssrc));
                    }
                }
                if what == 0 {
                    let keep = |ssrc: u32| !ssrc.is_multiple_of(3);
                    table.retain(|ssrc, _| keep(ssrc));
                    map.retain(|ssrc, _| keep(*ssrc));
                }
                if what < 4 {
                    prop_assert!(table.iter().eq(map.iter().map(|(ssrc, number)| (*ssrc, number))));
                    for (ssrc, number) in &map {
                        prop_assert_eq!(table.get(*ssrc), Some(number));
                        for other in [ssrc.wrapping_sub(1), ssrc.wrapping_add(1)] {
                            prop_assert_eq!(table.get(other), map.get(&other));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn among_random_ssrcs_a_look_up_has_hardly_a_choice() {
        let mut table = StreamTable::new(10_000);
        for n in 0..10_000u32 {
            let ssrc = n.wrapping_mul(0x9e37_79b1);
            let slot = table.find(ssrc);
            table.admit(slot, ssrc, || ()).unwrap();
        }
        let choices = table
            .iter()
            .map(|(ssrc, ())| table.directory.places(ssrc, usize::MAX).len());
        assert!(choices.sum::<usize>() < 15_000);
    }
}
