//! A list for what there is mostly one of: a key, a stream.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A list whose only item stands in it, so that the way to it does not lead through other memory.
pub(crate) enum OneOrMore<T> {
    One(T),
    /// Or none.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    pub(crate) const NONE: Self = Self::More(Vec::new());

    pub(crate) fn insert(&mut self, at: usize, item: T) {
        match self {
            Self::More(items) if items.is_empty() => *self = Self::One(item),
            _ => self.change(|items| items.insert(at, item)),
        }
    }

    /// Adds and removes items.
    pub(crate) fn change<R>(&mut self, change: impl FnOnce(&mut Vec<T>) -> R) -> R {
        let mut items = match core::mem::replace(self, Self::NONE) {
            Self::One(item) => Vec::from([item]),
            Self::More(items) => items,
        };
        let result = change(&mut items);
        *self = match items.len() {
            1 => items.pop().map_or(Self::NONE, Self::One),
            _ => Self::More(items),
        };
        result
    }
}

impl<T> Deref for OneOrMore<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::One(item) => core::slice::from_ref(item),
            Self::More(items) => items,
        }
    }
}

impl<T> DerefMut for OneOrMore<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => core::slice::from_mut(item),
            Self::More(items) => items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_stands_in_the_list_and_others_beside_it_in_their_order() {
        let mut list = OneOrMore::NONE;
        assert!(list.is_empty());
        for len in 1..=3 {
            list.insert(len - 1, len);
            assert_eq!(list.len(), len);
            assert_eq!(matches!(list, OneOrMore::One(_)), len == 1);
        }
        assert_eq!(list[..], [1, 2, 3]);
        assert_eq!(list.change(|items| items.remove(0)), 1);
        list.change(|items| items.retain(|item| *item != 2));
        list[0] += 4;
        assert!(matches!(list, OneOrMore::One(7)));
        list.change(Vec::clear);
        assert!(list.is_empty());
    }
}
