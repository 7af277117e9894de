//! The master keys of a context, their session keys, and how much each has been used.
//!
//! Keys come and go here while streams go on elsewhere: nothing in this module knows an SSRC.

mod exported;
mod session_keys;

use alloc::{boxed::Box, vec::Vec};

use zeroize::Zeroizing;

use crate::error::KeyRingError;
use crate::header::Plane;
use crate::kdf::{Kdf, KeyDerivationRate};
use crate::key::{MasterKey, Mki};
use crate::one_or_more::OneOrMore;
use crate::primitives::are_equal;
use crate::state::StateKey;
use crate::suite::CryptoSuite;
use crate::transform::{ElementIds, HeaderCipher, Position, Transform};

pub(crate) use exported::Lifetimes;
use session_keys::SessionKeys;

/// Master keys in one context, at most: the MKI of each packet is looked for among them.
pub(crate) const MAX_KEYS: usize = 64;

/// How much of a master key's life is over. Packets are counted over all SSRCs, SRTP and SRTCP apart;
/// whichever count comes to its end first ends the key for both (RFC 3711 §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// SRTP packets protected, or accepted, under the key.
    pub rtp_packets: u64,
    /// SRTCP packets protected, or accepted, under the key.
    pub rtcp_packets: u64,
    /// The most SRTP packets for this key.
    pub rtp_limit: u64,
    /// The most SRTCP packets for this key.
    pub rtcp_limit: u64,
}

impl KeyUsage {
    fn of(key: &MasterKey) -> Self {
        let suite = key.suite();
        // RFC 4568 §6.1: each count has to be less than a signalled lifetime.
        let limit = |default: u64, greatest: u64| match key.lifetime() {
            Some(lifetime) => (lifetime.packets() - 1).min(greatest),
            None => default,
        };
        Self {
            rtp_packets: 0,
            rtcp_packets: 0,
            rtp_limit: limit(suite.default_rtp_lifetime(), suite.greatest_rtp_lifetime()),
            rtcp_limit: limit(
                suite.default_rtcp_lifetime(),
                suite.greatest_rtcp_lifetime(),
            ),
        }
    }

    /// SRTP packets that may still follow. 0 in either plane ends the key for both.
    #[must_use]
    pub fn rtp_remaining(&self) -> u64 {
        self.rtp_limit.saturating_sub(self.rtp_packets)
    }

    /// SRTCP packets that may still follow. 0 in either plane ends the key for both.
    #[must_use]
    pub fn rtcp_remaining(&self) -> u64 {
        self.rtcp_limit.saturating_sub(self.rtcp_packets)
    }

    /// Has the key come to its end?
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.rtp_packets >= self.rtp_limit || self.rtcp_packets >= self.rtcp_limit
    }

    /// May at most `threshold` packets follow in either plane? Then it is time to re-key.
    #[must_use]
    pub fn is_near_limit(&self, threshold: u64) -> bool {
        self.rtp_remaining() <= threshold || self.rtcp_remaining() <= threshold
    }

    #[inline]
    fn count(&mut self, plane: Plane) {
        match plane {
            Plane::Rtp => self.rtp_packets += 1,
            Plane::Rtcp => self.rtcp_packets += 1,
        }
    }
}

/// One master key, ready for packets.
///
/// In this order: what packets of SRTP ask for, in lines of the cache that follow each other, the same of SRTCP, and what few ask for.
#[repr(C)]
pub(crate) struct RingKey {
    usage: KeyUsage,
    mki: Option<Mki>,
    rtp: SessionKeys<Transform>,
    rtcp: SessionKeys<Transform>,
    /// For elements of header extensions, if any are encrypted. Boxed: what is not there has no room in which the compiler would leave what is on the stack.
    header_extensions: Option<Box<SessionKeys<HeaderCipher>>>,
    /// Keys are numbered in the order they came.
    serial: u64,
    check: KeyCheck,
    state_key: StateKey,
}

/// Which session keys come out of a master key, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Derivation {
    pub(crate) rate: Option<KeyDerivationRate>,
    /// Are there keys for header extensions (RFC 6904)?
    pub(crate) header_extensions: bool,
}

impl RingKey {
    fn new(key: &MasterKey, derivation: Derivation, serial: u64) -> Self {
        let kdf = Kdf::new(key);
        let rate = derivation.rate;
        let header_extensions = || Box::new(SessionKeys::new(key, &kdf, Plane::Rtp, rate));
        Self {
            usage: KeyUsage::of(key),
            mki: key.mki().cloned(),
            rtp: SessionKeys::new(key, &kdf, Plane::Rtp, rate),
            rtcp: SessionKeys::new(key, &kdf, Plane::Rtcp, rate),
            header_extensions: derivation.header_extensions.then(header_extensions),
            serial,
            check: KeyCheck::of(&kdf),
            state_key: StateKey::of(&kdf),
        }
    }

    pub(crate) fn mki_bytes(&self) -> &[u8] {
        self.mki.as_ref().map(Mki::as_bytes).unwrap_or_default()
    }

    pub(crate) fn mki(&self) -> Option<&Mki> {
        self.mki.as_ref()
    }

    pub(crate) fn usage(&self) -> KeyUsage {
        self.usage
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// The transform for the packet at `at`.
    #[inline(always)]
    pub(crate) fn transform(&mut self, at: Position) -> &Transform {
        match at.plane {
            Plane::Rtp => self.rtp.at(at.index),
            Plane::Rtcp => self.rtcp.at(at.index),
        }
    }

    /// The same without a look at a key derivation rate: `None` where there is one.
    pub(crate) fn lasting_transform(&self, plane: Plane) -> Option<&Transform> {
        match plane {
            Plane::Rtp => self.rtp.lasting(),
            Plane::Rtcp => self.rtcp.lasting(),
        }
    }

    /// Enciphers or deciphers elements of the header extension of the packet at `at`, which this key has accepted or is about to seal.
    #[cold]
    pub(crate) fn xor_elements(&mut self, ids: &ElementIds, header: &mut [u8], at: Position) {
        if let Some(keys) = &mut self.header_extensions {
            keys.at_and_adopt(at.index).xor_elements(ids, header, at);
        }
    }

    /// Counts the packet at `at`, which this key has sealed or which is authentic under it.
    #[inline(always)]
    pub(crate) fn count(&mut self, at: Position) {
        self.usage.count(at.plane);
        match at.plane {
            Plane::Rtp => self.rtp.adopt(at.index),
            Plane::Rtcp => self.rtcp.adopt(at.index),
        }
    }
}

/// By what a master key is recognised when it comes again: bytes of its key derivation function that are no session key.
pub(crate) struct KeyCheck(Zeroizing<[u8; 16]>);

impl KeyCheck {
    pub(crate) fn of_key(key: &MasterKey) -> Self {
        Self::of(&Kdf::new(key))
    }

    fn of(kdf: &Kdf) -> Self {
        let mut bytes = Zeroizing::new([0; 16]);
        kdf.derive_check(&mut *bytes);
        Self(bytes)
    }

    pub(crate) fn matches(&self, other: &Self) -> bool {
        are_equal(&*self.0, &*other.0)
    }

    pub(crate) fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The master keys of one context: all for one suite, with MKIs of one length or a single key without. In this order: see [`Context`](crate::context::Context).
#[repr(C)]
pub(crate) struct KeyRing {
    /// The keys that were here before. RFC 3711 §9.2: a key that was used is never used again, or its keystream would be.
    former: Vec<KeyCheck>,
    next_serial: u64,
    derivation: Derivation,
    suite: CryptoSuite,
    /// Boxed: a list of bare keys that grows or shrinks would leave copies of them behind.
    keys: OneOrMore<Box<RingKey>>,
}

impl KeyRing {
    /// A ring of one.
    pub(crate) fn new(key: &MasterKey, derivation: Derivation) -> Self {
        let suite = key.suite();
        Self {
            suite,
            derivation,
            keys: OneOrMore::One(Box::new(RingKey::new(key, derivation, 0))),
            former: Vec::new(),
            next_serial: 1,
        }
    }

    /// Replaces all keys by one, which may be for another suite.
    pub(crate) fn replace(&mut self, key: &MasterKey) -> Result<(), KeyRingError> {
        let ready = self.make_ready(key)?;
        self.suite = key.suite();
        self.keys.change(|keys| {
            self.former.extend(keys.drain(..).map(|key| key.check));
            keys.push(ready);
        });
        self.next_serial += 1;
        Ok(())
    }

    /// Makes this new ring the successor of `old`, which keeps the keys that are not in both: keys of both go on as they are. Returns
    /// the serial number of the first new key.
    pub(crate) fn succeed(&mut self, old: &mut Self) -> Result<u64, KeyRingError> {
        let same_form = self.suite == old.suite && self.derivation.rate == old.derivation.rate;
        for key in self.keys.iter() {
            let reused = old.former.iter().any(|check| check.matches(&key.check));
            let mut others = old.keys.iter();
            let other = others.find(|other| other.check.matches(&key.check));
            if reused || other.is_some_and(|other| !same_form || other.mki != key.mki) {
                return Err(KeyRingError::KeyReused);
            }
        }
        let first_new = old.next_serial;
        self.next_serial = first_new;
        for key in self.keys.iter_mut() {
            let mut others = old.keys.iter();
            match others.position(|other| other.check.matches(&key.check)) {
                Some(at) => {
                    let mut kept = old.keys.change(|keys| keys.remove(at));
                    // The options about header extensions may be others.
                    core::mem::swap(&mut kept.header_extensions, &mut key.header_extensions);
                    *key = kept;
                }
                None => {
                    key.serial = self.next_serial;
                    self.next_serial += 1;
                }
            }
        }
        self.former = core::mem::take(&mut old.former);
        self.former
            .extend(old.keys.iter().map(|key| key.check.copy()));
        Ok(first_new)
    }

    /// Makes `key` ready for packets, if it is none that is or was here.
    fn make_ready(&self, key: &MasterKey) -> Result<Box<RingKey>, KeyRingError> {
        let ready = Box::new(RingKey::new(key, self.derivation, self.next_serial));
        let others = self.keys.iter().map(|key| &key.check).chain(&self.former);
        // All of them are looked at: which one it is, is nobody's business.
        match others.fold(false, |found, other| found | ready.check.matches(other)) {
            true => Err(KeyRingError::KeyReused),
            false => Ok(ready),
        }
    }

    /// Adds a key for the same suite, with an MKI of its own.
    pub(crate) fn add(&mut self, key: &MasterKey) -> Result<(), KeyRingError> {
        if key.suite() != self.suite {
            let (expected, got) = (self.suite, key.suite());
            return Err(KeyRingError::Suite { expected, got });
        }
        let (expected, got) = (self.mki_len(), key.mki_len());
        if got == 0 || expected == 0 {
            return Err(KeyRingError::MkiMissing);
        }
        if got != expected {
            return Err(KeyRingError::MkiLength { expected, got });
        }
        if key
            .mki()
            .is_some_and(|mki| self.find(mki.as_bytes()).is_some())
        {
            return Err(KeyRingError::DuplicateMki);
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyRingError::TooManyKeys { most: MAX_KEYS });
        }
        let ready = self.make_ready(key)?;
        self.keys.change(|keys| keys.push(ready));
        self.next_serial += 1;
        Ok(())
    }

    /// Removes the key at `slot`; the slots behind it move up by one. The caller sees to it that one remains.
    pub(crate) fn remove(&mut self, slot: usize) {
        if slot < self.keys.len() {
            let key = self.keys.change(|keys| keys.remove(slot));
            self.former.push(key.check);
        }
    }

    /// The slot of the key with this MKI: exactly one or none, never by trial (RFC 4568 §4.3). Without
    /// MKIs the slot of the only key.
    #[inline]
    pub(crate) fn find(&self, mki: &[u8]) -> Option<usize> {
        // Not `==` alone: with empty MKIs the C library would compare no bytes at an address that is none, which some CPUs take 50 ns for.
        match self.keys.first() {
            Some(key) if mki.is_empty() && key.mki.is_none() => Some(0),
            _ => self.find_by_mki(mki),
        }
    }

    #[inline(never)]
    fn find_by_mki(&self, mki: &[u8]) -> Option<usize> {
        self.keys
            .iter()
            .position(|key| key.mki_bytes().iter().eq(mki))
    }

    #[inline]
    pub(crate) fn get(&self, slot: usize) -> Option<&RingKey> {
        self.keys.get(slot).map(Box::as_ref)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut RingKey> {
        self.keys.get_mut(slot).map(Box::as_mut)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().map(Box::as_ref)
    }

    pub(crate) fn suite(&self) -> CryptoSuite {
        self.suite
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of the MKI in each packet, 0 without.
    pub(crate) fn mki_len(&self) -> usize {
        self.keys.first().map_or(0, |key| key.mki_bytes().len())
    }

    /// The serial number of the key that came last.
    pub(crate) fn newest_serial(&self) -> u64 {
        self.next_serial - 1
    }

    /// The serial number of the oldest key that is still here.
    pub(crate) fn oldest_serial(&self) -> u64 {
        self.keys
            .iter()
            .map(|key| key.serial)
            .min()
            .unwrap_or(self.next_serial)
    }
}
