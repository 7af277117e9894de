//! Between packets: the keys, rollover counters, streams and counts of a sender.

use super::{Sender, SenderBuilder};
use crate::builder::Cryptex;
use crate::error::{BuildError, KeyRingError, RocError};
use crate::index::PacketIndex;
use crate::key::{MasterKey, Mki};
use crate::ring::KeyUsage;
use crate::statistics::SenderStatistics;
use crate::suite::CryptoSuite;

impl Sender {
    /// The suite of the master keys.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.context.ring.suite()
    }

    /// Adds a master key for the same suite, with an MKI of its own and of the same length. It is not selected.
    ///
    /// # Errors
    /// [`KeyRingError`] if the key does not go with the others; the sender is then unchanged.
    pub fn add_key(&mut self, key: MasterKey) -> Result<(), KeyRingError> {
        self.context.ring.add(&key)
    }

    /// Protects from now on under the key with this MKI. Streams keep their rollover counters and SRTCP indices (RFC 3711 §3.3.1).
    ///
    /// # Errors
    /// [`KeyRingError::UnknownMki`] if there is none; the selection is then unchanged.
    pub fn select_key(&mut self, mki: &Mki) -> Result<(), KeyRingError> {
        let slot = self.context.ring.find(mki.as_bytes());
        self.selected = slot.ok_or(KeyRingError::UnknownMki)?;
        Ok(())
    }

    /// Removes the key with this MKI, which must not be the selected one. Streams are untouched.
    ///
    /// # Errors
    /// [`KeyRingError::UnknownMki`] if there is none, [`KeyRingError::Selected`] if it is selected; nothing changed then.
    pub fn remove_key(&mut self, mki: &Mki) -> Result<(), KeyRingError> {
        let slot = self.context.ring.find(mki.as_bytes());
        let slot = slot.ok_or(KeyRingError::UnknownMki)?;
        if slot == self.selected {
            return Err(KeyRingError::Selected);
        }
        self.context.remove_key(slot)?;
        let oldest = self.context.ring.oldest_serial();
        self.context.forget_removed_streams(oldest);
        if slot < self.selected {
            self.selected -= 1;
        }
        Ok(())
    }

    /// Replaces all master keys by this one, a new one, which may be for another suite. Streams keep their rollover counters and SRTCP
    /// indices: a new key does not reset them (RFC 3711 §3.3.1, §3.4). Where no packet on its way may be lost, use MKIs: the receiver
    /// adds the new key, the sender adds and selects it, and later both remove the old one.
    ///
    /// # Errors
    /// [`BuildError`] if the options that the sender was built with do not go with the key's suite, or if the sender has or had this very
    /// key ([`KeyRingError::KeyReused`]); nothing changed then.
    pub fn rekey(&mut self, key: MasterKey) -> Result<(), BuildError> {
        self.context.rekey(&key)?;
        self.selected = 0;
        Ok(())
    }

    /// Goes on with the keys and options of `next`, its first key selected. Streams keep their rollover counters and SRTCP indices: a new key does
    /// not reset them (RFC 3711 §3.3.1, §3.4). For a new context, with a new key and rollover counters of 0, build another sender.
    ///
    /// Keys that are in both, with their MKIs, go on as they are, with their lifetimes and their use so far. Existing streams keep the size of
    /// their windows. The receiver's [`rekey_with`](crate::Receiver::rekey_with) takes what is still on its way.
    ///
    /// # Errors
    /// [`BuildError`] if the options do not go with the keys, or [`KeyReused`](crate::KeyRingError::KeyReused) if one of the keys was here
    /// before, or is here for another suite or with another MKI or key derivation rate; the sender is then unchanged.
    pub fn rekey_with(&mut self, next: SenderBuilder) -> Result<(), BuildError> {
        let mut next = next.build()?;
        self.context.succeed_by(&mut next.context)?;
        let oldest = self.context.ring.oldest_serial();
        self.context.forget_removed_streams(oldest);
        self.selected = 0;
        let first = &mut next.options.first_srtcp_index;
        if self.resumed {
            // The process before may have taken the same keys.
            *first = self.options.first_srtcp_index.max(*first);
        }
        self.options = next.options;
        Ok(())
    }

    /// Goes on with another mode of [`cryptex`](crate::Builder::cryptex): from the next packet on, under the same keys. Each packet says whether it
    /// is encrypted so, and a sender may change its mind at any time, as long as the peer says `a=cryptex` (RFC 9335 §4).
    ///
    /// # Errors
    /// [`BuildError`] where the builder would refuse it; the sender is then unchanged.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) -> Result<(), BuildError> {
        self.context.set_cryptex(cryptex)
    }

    /// The MKI of the selected key, if it has one.
    #[must_use]
    pub fn selected_mki(&self) -> Option<&Mki> {
        self.context.ring.get(self.selected)?.mki()
    }

    /// The master keys: the MKI of each, if it has one, and how much it has been used.
    pub fn keys(&self) -> impl Iterator<Item = (Option<&Mki>, KeyUsage)> {
        self.context.keys()
    }

    /// Is the selected key within [`rekey_threshold`](crate::Builder::rekey_threshold) packets of its end, in either plane?
    #[must_use]
    pub fn needs_rekey(&self) -> bool {
        let threshold = self.context.options.rekey_threshold;
        let selected = self.context.ring.get(self.selected);
        selected.is_none_or(|key| key.usage().is_near_limit(threshold))
    }

    /// The rollover counter of a stream: the one set for its next packet, or that of the highest index sent.
    /// `None` for an SSRC without either. It still answers for a removed stream that is on record.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.context.roc(ssrc)
    }

    /// Where a stream can go on: the index behind the highest one sent, or the first one of a rollover counter that was set for its next
    /// packet. `None` for an SSRC without either, and for one that has used up its indices.
    ///
    /// For an application that resumed a sender and counts its sequence numbers itself: those before it are refused. An unused index further on is as good,
    /// if the receivers can follow, which takes steps of less than 2^15 (RFC 3711 §3.3.1).
    #[must_use]
    pub fn next_rtp_index(&self, ssrc: u32) -> Option<PacketIndex> {
        self.context.streams.get(ssrc)?.rtp.next_unused()
    }

    /// Sets the rollover counter of a stream's next packet, before its first one or later. Later, it can only move
    /// on: a source that restarts its sequence numbers takes `roc + 1`, and tells its peer. The value of
    /// the highest index sent changes nothing.
    ///
    /// In a sender that was [resumed](SenderBuilder::build_resumed) this also lets an SSRC begin that its state did not know. The caller then
    /// vouches that the process before did not use the indices of this rollover counter.
    ///
    /// # Errors
    /// [`RocError::Backwards`] if indices would be used twice, [`RocError::TooManyStreams`] for a new SSRC beyond the cap;
    /// nothing changed then.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        self.context.set_roc(ssrc, roc)
    }

    /// Removes a stream. Its highest indices stay on record, and count towards
    /// [`most_streams`](crate::Builder::most_streams), until all keys of today are gone: if the SSRC comes back before, it has to
    /// go on beyond them. `false` if there is no such stream.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.context.remove_stream(ssrc)
    }

    /// The SSRCs of all streams, ascending.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.context.ssrcs()
    }

    /// What happened so far, over all streams: takes a moment for each.
    #[must_use]
    pub fn statistics(&self) -> SenderStatistics {
        self.context.statistics()
    }

    /// What happened so far in one stream. `None` for an unknown SSRC.
    #[must_use]
    pub fn stream_statistics(&self, ssrc: u32) -> Option<SenderStatistics> {
        self.context.stream_statistics(ssrc)
    }
}
