//! What comes out of a master key, once or every so many packets (RFC 3711 §4.3).

use alloc::{boxed::Box, vec::Vec};

use crate::header::Plane;
use crate::kdf::{Kdf, KeyDerivationRate};
use crate::key::MasterKey;
use crate::suite::CryptoSuite;
use crate::transform::SessionKey;

/// The session keys of one plane under one master key.
///
/// A struct, and its keys in it: the way to them is short, and there is no room of another variant, which would carry whatever was on the stack into
/// memory that nobody wipes.
#[repr(C)]
pub(super) struct SessionKeys<K> {
    /// The later ones, if they are derived anew every so many packets.
    epochs: Option<Box<EpochKeys<K>>>,
    /// Those of epoch 0, which last where there are no others (RFC 3711 §4.3.1: a key derivation rate of zero).
    first: K,
}

impl<K: SessionKey> SessionKeys<K> {
    pub(super) fn new(
        key: &MasterKey,
        kdf: &Kdf,
        plane: Plane,
        rate: Option<KeyDerivationRate>,
    ) -> Self {
        // They go on deriving, with a function of their own.
        let epochs = |rate| Box::new(EpochKeys::new(key.suite(), Kdf::new(key), plane, rate));
        Self {
            epochs: rate.map(epochs),
            first: K::derive(key.suite(), kdf, plane, 0),
        }
    }

    #[inline]
    pub(super) fn at(&mut self, index: u64) -> &K {
        match &mut self.epochs {
            None => &self.first,
            Some(keys) => keys.at(index),
        }
    }

    /// The keys, if they are the same for all packets.
    pub(super) fn lasting(&self) -> Option<&K> {
        match self.epochs {
            None => Some(&self.first),
            Some(_) => None,
        }
    }

    #[inline]
    pub(super) fn adopt(&mut self, index: u64) {
        if let Some(keys) = &mut self.epochs {
            keys.adopt(index);
        }
    }

    /// The keys for the packet with this index, which is authentic or our own: they are kept.
    pub(super) fn at_and_adopt(&mut self, index: u64) -> &K {
        self.at(index);
        self.adopt(index);
        self.at(index)
    }
}

/// Session keys under a key derivation rate. They depend on the epoch alone, not on the SSRC (RFC 3711
/// §4.3.1), so a few are kept for all streams.
///
/// The epoch of a packet that nobody has vouched for is derived aside, into `guess`, and changes places with the
/// oldest of those kept once a packet under it was authentic: a forged packet costs a derivation and displaces nothing.
/// All places are filled from the beginning: keys are swapped or overwritten, never moved out of a place that nobody wipes.
pub(super) struct EpochKeys<K> {
    suite: CryptoSuite,
    kdf: Kdf,
    plane: Plane,
    rate: KeyDerivationRate,
    kept: Vec<(u64, K)>,
    oldest: usize,
    guess: (u64, K),
}

impl<K: SessionKey> EpochKeys<K> {
    /// Two for each of a few streams: packets are reordered across the edge of an epoch.
    const KEPT: usize = 8;

    fn new(suite: CryptoSuite, kdf: Kdf, plane: Plane, rate: KeyDerivationRate) -> Self {
        let first = || (0, K::derive(suite, &kdf, plane, 0));
        Self {
            kept: core::iter::repeat_with(first).take(Self::KEPT).collect(),
            oldest: 0,
            guess: first(),
            suite,
            plane,
            rate,
            kdf,
        }
    }

    #[cold]
    #[inline(never)]
    fn at(&mut self, index: u64) -> &K {
        let r = self.rate.epoch(index);
        if let Some((_, keys)) = self.kept.iter().find(|(kept, _)| *kept == r) {
            return keys;
        }
        if self.guess.0 != r {
            self.guess = (r, K::derive(self.suite, &self.kdf, self.plane, r));
        }
        &self.guess.1
    }

    /// Keeps the keys of the epoch of `index`, if they are the ones that were guessed.
    fn adopt(&mut self, index: u64) {
        let r = self.rate.epoch(index);
        if self.guess.0 == r && self.kept.iter().all(|(kept, _)| *kept != r) {
            if let Some(oldest) = self.kept.get_mut(self.oldest) {
                core::mem::swap(oldest, &mut self.guess);
            }
            self.oldest = (self.oldest + 1) % Self::KEPT;
        }
    }
}
