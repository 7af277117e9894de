//! A sender's state as bytes, for another process to go on with: see [`state`](crate::state).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Sender, SenderBuilder, SenderOptions};
use crate::error::StateError;
use crate::key::MasterKey;
use crate::ring::Lifetimes;
use crate::state::{Kind, Margin, Reader, Writer, open, seal, split};
use crate::stream::Stream;

impl Sender {
    /// The state of this sender, without its keys: [`build_resumed`](SenderBuilder::build_resumed) goes on with it where the same keys are.
    ///
    /// It has the streams, those that were removed and are on record among them, with indices and windows, and how much each key was used. Statistics
    /// stay behind. The same state gives the same bytes. [`state`](crate::state) has the format and what a failover takes.
    #[must_use]
    pub fn export_state(&self) -> Vec<u8> {
        let mut state = seal(Kind::Sender, self.context.ring.state_keys(), |w| {
            self.write_options(w);
            self.write_progress(w);
        });
        core::mem::take(&mut *state)
    }

    /// **Secret:** the state with the master keys, which [`resume_secret`](Self::resume_secret) goes on with by itself.
    ///
    /// A context keeps no master keys: the caller hands in those that it has, in any order, with their MKIs and lifetimes. Keys that it does not have
    /// are left out.
    ///
    /// # Errors
    /// [`StateError::OtherKeys`] if one of its keys is not among them.
    pub fn export_secret_state(
        &self,
        keys: &[&MasterKey],
    ) -> Result<Zeroizing<Vec<u8>>, StateError> {
        let ring = &self.context.ring;
        let keys = ring.find_keys(keys)?;
        Ok(seal(Kind::SenderWithKeys, ring.state_keys(), |w| {
            self.write_options(w);
            self.context.write_secret_keys(&keys, w);
            self.write_progress(w);
        }))
    }

    /// Goes on with what [`export_secret_state`](Self::export_secret_state) gave: its keys, options and streams. All of
    /// [`build_resumed`](SenderBuilder::build_resumed) holds here, too, except that whoever has the state can also change it, and have
    /// each of its bytes take some 400 of memory: windows are made that have seen nothing. `most_streams` is the state's own.
    ///
    /// # Errors
    /// [`StateError`] if the state is damaged or of something else.
    pub fn resume_secret(state: &[u8], margin: Margin) -> Result<Self, StateError> {
        let (mut body, sealed) = split(Kind::SenderWithKeys, state)?;
        let builder = SenderBuilder::read_secret(&mut body, &sealed, SenderOptions::read)?;
        builder.build()?.resume(body, margin)
    }

    fn write_options(&self, w: &mut Writer) {
        self.context.write_options(w);
        w.flag(self.options.allow_identical_retransmission);
        w.u32(self.options.first_srtcp_index);
    }

    fn write_progress(&self, w: &mut Writer) {
        self.context.ring.write(w);
        w.count(self.selected);
        w.flag(self.resumed);
        self.context.write_streams(w, Stream::write_sent);
    }

    /// Reads what [`write_progress`](Self::write_progress) wrote into this sender, which is new.
    fn resume(mut self, mut r: Reader<'_>, margin: Margin) -> Result<Self, StateError> {
        self.context.ring.resume(&mut r, Lifetimes::Same)?;
        self.selected = usize::try_from(r.u32()?).unwrap_or(usize::MAX);
        self.resumed = r.flag()?;
        self.context.read_streams(&mut r, Stream::read_sent)?;
        r.end()?;
        if self.selected >= self.context.ring.len() {
            return Err(StateError::Malformed);
        }
        if margin != Margin::NONE {
            self.skip(margin);
        }
        Ok(self)
    }

    /// Goes beyond all that may have been sent since.
    fn skip(&mut self, margin: Margin) {
        let streams = self.context.streams.len();
        self.context.ring.skip(margin, streams);
        let newest = self.context.ring.newest_serial();
        for stream in self.context.streams.iter_mut() {
            stream.skip(margin);
            // One that was removed may have come back since, and gone again, under any key of today.
            if stream.removed_under().is_some() {
                stream.remove_under(newest);
            }
        }
        self.context
            .streams
            .retain(|_, stream| stream.has_history());
        // SRTCP that began since began here.
        let first = &mut self.options.first_srtcp_index;
        *first = first.saturating_add(margin.into());
        self.resumed = true;
    }
}

impl SenderBuilder {
    /// Builds a sender that goes on where another one was when it [exported its state](Sender::export_state), in another process or in this one. The builder
    /// has the same master keys, in any order, with the same MKIs and lifetimes.
    ///
    /// # No index twice
    /// No index that the other sender can have used is used again, if it went on by no more than `margin` after the export, and ended. Where this
    /// sender can be followed by another one, it exports its state before its first packet: two that go on from one state use the same indices.
    ///
    /// - Every stream goes on beyond its highest index and the margin, in both planes, and everything before that is refused;
    ///   [`next_rtp_index`](Sender::next_rtp_index) says where. Streams near an end of their indices may be beyond it, and then send no more.
    ///   [`allow_identical_retransmission`](Self::allow_identical_retransmission) covers what this sender sends.
    /// - Where a stream that had sent SRTP was to go on at another rollover counter, all indices of that counter count as used, and the margin beyond
    ///   them: [`roc`](Sender::roc) says the counter, which receivers have to be told.
    /// - SRTP of an SSRC that had sent none is refused ([`MayHaveBegun`](crate::ProtectError::MayHaveBegun)) until [`set_roc`](Sender::set_roc) says
    ///   where it begins, also after a re-key: the process before may have begun it after the export, under the same keys. An SSRC that nobody can have used
    ///   is a fresh one. SRTCP of an SSRC that had sent none begins beyond the margin.
    /// - The counts of each key grow by the margin for each stream of the state, in both planes. Streams that began after the export are not counted.
    /// - A stream that was removed may have come back under any of the keys: it stays on record until all of them are gone.
    ///
    /// With [`Margin::NONE`] the sender is as the other one was at its export, to the last index of its windows.
    ///
    /// # Options
    /// Those that say how packets look have to be the same: suite, MKIs, SRTCP tag, key derivation rate, header extensions, cryptex, and what is not encrypted or
    /// authenticated. The others are the builder's, except that streams keep the size of their windows and SRTCP does not begin before the exporter's
    /// first index. The key that was selected is selected.
    ///
    /// # Errors
    /// [`StateError`] if the builder does not build, or if the state is damaged, of other keys or options, or of more streams than
    /// [`most_streams`](Self::most_streams); the builder and its keys are gone then.
    pub fn build_resumed(self, state: &[u8], margin: Margin) -> Result<Sender, StateError> {
        let mut sender = self.build()?;
        let keys = sender.context.ring.state_keys();
        let mut body = open(Kind::Sender, keys, state)?;
        sender.context.check_options(&mut body)?;
        let first = SenderOptions::read(&mut body)?.first_srtcp_index;
        sender.options.first_srtcp_index = sender.options.first_srtcp_index.max(first);
        sender.resume(body, margin)
    }
}

impl SenderOptions {
    fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            allow_identical_retransmission: r.flag()?,
            first_srtcp_index: r.u32()?,
        })
    }
}
