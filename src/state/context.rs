//! What the states of a sender and a receiver have in common.

use alloc::{boxed::Box, vec::Vec};

use super::codec::Sealed;
use super::{Reader, StateKey, Writer};
use crate::builder::{Builder, Options};
use crate::context::Context;
use crate::error::StateError;
use crate::key::{Lifetime, MasterKey, Mki};
use crate::ring::MAX_KEYS;
use crate::statistics::ErrorCounts;
use crate::stream::{SrtcpProgress, Stream};
use crate::suite::CryptoSuite;

impl<Srtcp: SrtcpProgress, Errors: ErrorCounts> Context<Srtcp, Errors> {
    pub(crate) fn write_options(&self, w: &mut Writer) {
        w.short(self.ring.suite().name().as_bytes());
        self.options.write(w);
    }

    /// Reads what [`write_options`](Self::write_options) wrote, and compares it with this context.
    pub(crate) fn check_options(&self, r: &mut Reader<'_>) -> Result<(), StateError> {
        let (suite, options) = read_options(r)?;
        match suite == self.ring.suite() && options.makes_packets_of(&self.options, suite) {
            true => Ok(()),
            false => Err(StateError::OtherOptions),
        }
    }

    pub(crate) fn write_streams(
        &self,
        w: &mut Writer,
        write: impl Fn(&Stream<Srtcp, Errors>, &mut Writer),
    ) {
        w.count(self.streams.len());
        for (ssrc, stream) in self.streams.iter() {
            w.u32(ssrc);
            write(stream, w);
        }
    }

    /// Reads what [`write_streams`](Self::write_streams) wrote into this context, which has no streams yet.
    pub(crate) fn read_streams(
        &mut self,
        r: &mut Reader<'_>,
        read: impl Fn(&mut Reader<'_>) -> Result<Stream<Srtcp, Errors>, StateError>,
    ) -> Result<(), StateError> {
        let most = self.options.most_streams;
        let streams = r.count(4)?;
        if streams > most {
            return Err(StateError::TooManyStreams { streams, most });
        }
        let mut before = None;
        for _ in 0..streams {
            let ssrc = r.u32()?;
            if before >= Some(ssrc) {
                return Err(StateError::Malformed);
            }
            before = Some(ssrc);
            let stream = read(r)?;
            let slot = self.streams.find(ssrc);
            let admitted = self.streams.admit(slot, ssrc, || stream);
            admitted.map_err(|_| StateError::Malformed)?;
        }
        Ok(())
    }

    /// Writes the master keys of this context, which the caller has and it has not.
    ///
    /// What is wrong with them was found before: see [`KeyRing::find_keys`](crate::ring::KeyRing::find_keys).
    pub(crate) fn write_secret_keys(&self, keys: &[&MasterKey], w: &mut Writer) {
        w.count(keys.len());
        for key in keys {
            w.short(key.secret_key_and_salt());
            w.option(key.mki(), |w, mki| w.short(mki.as_bytes()));
            w.option(key.lifetime(), |w, it| w.u64(it.packets()));
        }
    }
}

fn read_options(r: &mut Reader<'_>) -> Result<(CryptoSuite, Options), StateError> {
    let name = core::str::from_utf8(r.short()?).map_err(|_| StateError::Malformed)?;
    let suite = name.parse().map_err(|_| StateError::Malformed)?;
    Ok((suite, Options::read(r)?))
}

fn read_secret_key(suite: CryptoSuite, r: &mut Reader<'_>) -> Result<Box<MasterKey>, StateError> {
    let malformed = StateError::Malformed;
    let mut key = Box::new(MasterKey::new(suite, r.short()?).map_err(|_| malformed)?);
    let mki = r.option(|r| Mki::new(r.short()?).map_err(|_| malformed))?;
    let lifetime = r.option(|r| Lifetime::new(r.u64()?).map_err(|_| malformed))?;
    key.set_mki_and_lifetime(mki, lifetime);
    Ok(key)
}

impl<Direction> Builder<Direction> {
    /// A builder with the options and keys at the beginning of a state that holds them. The keys vouch for the state that they are in, so that only
    /// damage is found out.
    pub(crate) fn read_secret(
        r: &mut Reader<'_>,
        sealed: &Sealed<'_>,
        direction: impl FnOnce(&mut Reader<'_>) -> Result<Direction, StateError>,
    ) -> Result<Self, StateError> {
        let (suite, options) = read_options(r)?;
        let direction = direction(r)?;
        let count = r.count(suite.key_and_salt_len())?;
        if count > MAX_KEYS {
            return Err(StateError::Malformed);
        }
        let keys = (0..count).map(|_| read_secret_key(suite, r));
        let keys: Vec<Box<MasterKey>> = keys.collect::<Result<_, _>>()?;
        let state_keys: Vec<_> = keys.iter().map(|key| StateKey::of_key(key)).collect();
        sealed.verify(&state_keys)?;

        let mut keys = keys.into_iter();
        Ok(Self {
            key: keys.next().ok_or(StateError::Malformed)?,
            more_keys: keys.collect(),
            options,
            direction,
        })
    }
}
