//! Between packets: the keys, rollover counters, streams and counts of a receiver.

use super::Receiver;
use crate::error::{BuildError, KeyRingError, RocError};
use crate::key::{MasterKey, Mki};
use crate::replay::ReplayWindow;
use crate::ring::KeyUsage;
use crate::statistics::ReceiverStatistics;
use crate::stream::{MOST_GUESSES, Stream};
use crate::suite::CryptoSuite;

impl Receiver {
    /// The suite of the master keys.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.context.ring.suite()
    }

    /// Adds a master key for the same suite, with an MKI of its own and of the same length. The MKI of a packet decides
    /// which key it is under, never trial (RFC 4568 §4.3).
    ///
    /// # Errors
    /// [`KeyRingError`] if the key does not go with the others; the receiver is then unchanged.
    pub fn add_key(&mut self, key: MasterKey) -> Result<(), KeyRingError> {
        self.context.ring.add(&key)
    }

    /// Removes the key with this MKI, which must not be the only one. Streams are untouched.
    ///
    /// # Errors
    /// [`KeyRingError::UnknownMki`] if there is none, [`KeyRingError::OnlyKey`] if it is the only one; nothing changed then.
    pub fn remove_key(&mut self, mki: &Mki) -> Result<(), KeyRingError> {
        let slot = self.context.ring.find(mki.as_bytes());
        self.context
            .remove_key(slot.ok_or(KeyRingError::UnknownMki)?)?;
        self.forget_removed_streams();
        Ok(())
    }

    /// Replaces all master keys by this one, a new one, which may be for another suite. Streams keep their rollover counters and
    /// replay windows (RFC 3711 §3.3.1). Packets under the old keys that are still on their way no longer authenticate: with MKIs they
    /// would, and with [`rekey_with`](Self::rekey_with), which also takes a peer that starts anew. An overlap that is still going on ends.
    ///
    /// # Errors
    /// [`BuildError`] if the options that the receiver was built with do not go with the key's suite, or if the receiver has or had this
    /// very key ([`KeyRingError::KeyReused`]); nothing changed then.
    pub fn rekey(&mut self, key: MasterKey) -> Result<(), BuildError> {
        self.options.check(key.suite())?;
        self.context.rekey(&key)?;
        self.other_rtcp = self.options.other_rtcp(&self.context);
        self.former = None;
        self.most_guesses = MOST_GUESSES;
        self.context.streams.iter_mut().for_each(Stream::settle);
        Ok(())
    }

    /// The master keys: the MKI of each, if it has one, and how much it has been used.
    pub fn keys(&self) -> impl Iterator<Item = (Option<&Mki>, KeyUsage)> {
        self.context.keys()
    }

    /// Are all keys within [`rekey_threshold`](crate::Builder::rekey_threshold) packets of their end, in either plane?
    #[must_use]
    pub fn needs_rekey(&self) -> bool {
        let threshold = self.context.options.rekey_threshold;
        self.keys().all(|(_, usage)| usage.is_near_limit(threshold))
    }

    /// The rollover counter of a stream: the one set for its next packet, or that of the highest index authenticated.
    /// `None` for an SSRC without either. It still answers for a removed stream that is on record.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.context.roc(ssrc)
    }

    /// Sets the rollover counter of a stream, for who joins late: before the first packet, or later if it moves on.
    ///
    /// It holds until a packet authenticates that lies ahead of all before it, whose sequence number then counts as the
    /// highest; packets after that are estimated from there. Setting the counter that the stream has changes nothing. A removed
    /// stream comes back.
    ///
    /// # Errors
    /// [`RocError::Backwards`] if the stream is further on, [`RocError::TooManyStreams`] for a new SSRC beyond the cap;
    /// nothing changed then.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        self.context.set_roc(ssrc, roc)
    }

    /// Lets a stream begin anew, whose peer restarted its sequence numbers under the same SSRC: the next packet
    /// is taken at rollover counter `roc`. A removed stream comes back.
    ///
    /// **This gives up replay protection** for the SRTP packets of the stream so far: under an unchanged master key they
    /// would be accepted again. SRTCP is untouched.
    ///
    /// # Errors
    /// [`RocError::TooManyStreams`] for a new SSRC beyond the cap; nothing changed then.
    pub fn restart_rtp(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        self.context.restart_rtp(ssrc, roc)
    }

    /// Lets the SRTCP of a stream begin anew, whose peer restarted its SRTCP indices: any index is then taken. `false` if there is no such stream.
    ///
    /// **This gives up replay protection** for the SRTCP packets of the stream so far, under an unchanged master key.
    pub fn restart_rtcp(&mut self, ssrc: u32) -> bool {
        let window = self.context.options.window;
        let stream = self.context.streams.get_mut(ssrc);
        match stream.filter(|stream| stream.removed_under().is_none()) {
            None => false,
            Some(stream) => {
                stream.srtcp = ReplayWindow::new(window);
                true
            }
        }
    }

    /// Removes a stream. Its highest indices stay on record, and count towards
    /// [`most_streams`](crate::Builder::most_streams), until all keys of today are gone, those of an overlap among them: what the SSRC sent
    /// before is not accepted again. `false` if there is no such stream.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.context.remove_stream(ssrc)
    }

    /// The SSRCs of all streams, ascending.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.context.ssrcs()
    }

    /// What happened so far, over all streams: takes a moment for each.
    #[must_use]
    pub fn statistics(&self) -> ReceiverStatistics {
        self.context.statistics()
    }

    /// What happened so far in one stream. `None` for an unknown SSRC.
    #[must_use]
    pub fn stream_statistics(&self, ssrc: u32) -> Option<ReceiverStatistics> {
        self.context.stream_statistics(ssrc)
    }
}
