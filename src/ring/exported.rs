//! The keys of a context in an exported state: never the keys themselves, but which they are and how much they were used.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{KeyCheck, KeyRing, KeyUsage, RingKey};
use crate::error::StateError;
use crate::key::MasterKey;
use crate::state::{Margin, Reader, StateKey, Writer};

/// Serial numbers beyond this are none that a context comes to.
const GREATEST_SERIAL: u64 = 1 << 62;

/// Which lifetimes keys go on with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetimes {
    /// Those that they have here, which have to be those of the state.
    Same,
    /// Those of the state, whatever they have here.
    OfState,
}

impl KeyCheck {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.bytes(&*self.0);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        r.array().map(|bytes| Self(Zeroizing::new(bytes)))
    }
}

impl RingKey {
    fn write(&self, w: &mut Writer) {
        self.check.write(w);
        w.short(self.mki_bytes());
        w.u64(self.usage.rtp_limit);
        w.u64(self.usage.rtcp_limit);
        w.u64(self.serial);
        w.u64(self.usage.rtp_packets);
        w.u64(self.usage.rtcp_packets);
    }

    /// What [`write`](Self::write) wrote behind the check of this key.
    fn resume(&mut self, r: &mut Reader<'_>, lifetimes: Lifetimes) -> Result<(), StateError> {
        let has_its_mki = r.short()? == self.mki_bytes();
        let limits = (r.u64()?, r.u64()?);
        let has_its_limits = limits == (self.usage.rtp_limit, self.usage.rtcp_limit);
        if !has_its_mki || !has_its_limits && lifetimes == Lifetimes::Same {
            return Err(StateError::OtherOptions);
        }
        (self.usage.rtp_limit, self.usage.rtcp_limit) = limits;
        self.serial = r.u64()?;
        self.usage.rtp_packets = r.u64()?;
        self.usage.rtcp_packets = r.u64()?;
        Ok(())
    }
}

impl KeyRing {
    /// What vouches for a state: all keys of today.
    pub(crate) fn state_keys(&self) -> impl Iterator<Item = &StateKey> {
        self.keys.iter().map(|key| &key.state_key)
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.keys.len());
        self.keys.iter().for_each(|key| key.write(w));
        w.u64(self.next_serial);
        w.count(self.former.len());
        self.former.iter().for_each(|check| check.write(w));
    }

    /// Goes on where the ring of the same keys was that wrote the state.
    pub(crate) fn resume(
        &mut self,
        r: &mut Reader<'_>,
        lifetimes: Lifetimes,
    ) -> Result<(), StateError> {
        if r.count(16)? != self.keys.len() {
            return Err(StateError::Malformed);
        }
        for at in 0..self.keys.len() {
            let check = KeyCheck::read(r)?;
            let mut left = self.keys.iter().skip(at);
            let found = left.position(|key| key.check.matches(&check));
            self.keys.swap(at, at + found.ok_or(StateError::Malformed)?);
            if let Some(key) = self.keys.get_mut(at) {
                key.resume(r, lifetimes)?;
            }
        }
        self.next_serial = r.u64()?;
        let most = self.keys.iter().map(|key| key.serial).max();
        if self.next_serial > GREATEST_SERIAL || most >= Some(self.next_serial) {
            return Err(StateError::Malformed);
        }
        let former = r.count(16)?;
        self.former = (0..former)
            .map(|_| KeyCheck::read(r))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Counts what each of `streams` may have sent under each of the keys since the state was written.
    pub(crate) fn skip(&mut self, margin: Margin, streams: usize) {
        let streams = u64::try_from(streams).unwrap_or(u64::MAX);
        let packets = streams.saturating_mul(margin.into());
        for key in self.keys.iter_mut() {
            let usage = &mut key.usage;
            usage.rtp_packets = usage.rtp_packets.saturating_add(packets);
            usage.rtcp_packets = usage.rtcp_packets.saturating_add(packets);
        }
    }

    /// The keys of this ring among `keys`, in the order of the ring. An error if one is not there, with its MKI and lifetime.
    pub(crate) fn find_keys<'k>(
        &self,
        keys: &[&'k MasterKey],
    ) -> Result<Vec<&'k MasterKey>, StateError> {
        let checks: Vec<_> = keys.iter().map(|key| KeyCheck::of_key(key)).collect();
        let find = |own: &RingKey| {
            let mut known = checks.iter().zip(keys);
            let (_, key) = known.find(|(check, _)| check.matches(&own.check))?;
            let new = KeyUsage::of(key);
            let has_its_limits =
                (new.rtp_limit, new.rtcp_limit) == (own.usage.rtp_limit, own.usage.rtcp_limit);
            let is_it = key.suite() == self.suite && key.mki() == own.mki() && has_its_limits;
            is_it.then_some(*key)
        };
        let found: Option<_> = self.iter().map(find).collect();
        found.ok_or(StateError::OtherKeys)
    }
}
