//! A receiver's state as bytes, for another process to go on with: see [`state`](crate::state).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Receiver, ReceiverBuilder, ReceiverOptions};
use crate::builder::EBitPolicy;
use crate::error::StateError;
use crate::key::MasterKey;
use crate::ring::Lifetimes;
use crate::state::{Kind, Reader, Writer, open, seal, split};
use crate::stream::Stream;

impl Receiver {
    /// The state of this receiver, without its keys: [`build_resumed`](ReceiverBuilder::build_resumed) goes on with it where the same keys are.
    ///
    /// It has the streams, those that were removed and are on record among them, with indices and windows, and how much each key was used. Statistics
    /// stay behind, and so does an overlap after [`rekey_with`](Self::rekey_with): the state is as after [`end_overlap`](Self::end_overlap). The same
    /// state gives the same bytes. [`state`](crate::state) has the format and what a failover takes.
    #[must_use]
    pub fn export_state(&self) -> Vec<u8> {
        let mut state = seal(Kind::Receiver, self.context.ring.state_keys(), |w| {
            self.write_options(w);
            self.write_progress(w);
        });
        core::mem::take(&mut *state)
    }

    /// **Secret:** the state with the master keys, which [`resume_secret`](Self::resume_secret) goes on with by itself.
    ///
    /// A context keeps no master keys: the caller hands in those that it has, in any order, with their MKIs and lifetimes. Keys that it does not have
    /// are left out, and those of an overlap, too.
    ///
    /// # Errors
    /// [`StateError::OtherKeys`] if one of its keys is not among them.
    pub fn export_secret_state(
        &self,
        keys: &[&MasterKey],
    ) -> Result<Zeroizing<Vec<u8>>, StateError> {
        let ring = &self.context.ring;
        let keys = ring.find_keys(keys)?;
        Ok(seal(Kind::ReceiverWithKeys, ring.state_keys(), |w| {
            self.write_options(w);
            self.context.write_secret_keys(&keys, w);
            self.write_progress(w);
        }))
    }

    /// Goes on with what [`export_secret_state`](Self::export_secret_state) gave: its keys, options and streams. All of
    /// [`build_resumed`](ReceiverBuilder::build_resumed) holds here, too, except that whoever has the state can also change it, and have
    /// each of its bytes take some 700 of memory: windows are made that have seen nothing. `most_streams` is the state's own.
    ///
    /// # Errors
    /// [`StateError`] if the state is damaged or of something else.
    pub fn resume_secret(state: &[u8]) -> Result<Self, StateError> {
        let (mut body, sealed) = split(Kind::ReceiverWithKeys, state)?;
        let builder = ReceiverBuilder::read_secret(&mut body, &sealed, ReceiverOptions::read)?;
        builder.build()?.resume(body, Lifetimes::Same)
    }

    fn write_options(&self, w: &mut Writer) {
        self.context.write_options(w);
        w.flag(self.options.accept_either_srtcp_tag);
        self.options.e_bit.write(w);
        w.flag(self.options.search_roc);
    }

    fn write_progress(&self, w: &mut Writer) {
        self.context.ring.write(w);
        w.count(self.context.formats.rtcp.tag_len());
        self.context.write_streams(w, Stream::write_received);
    }

    /// Reads what [`write_progress`](Self::write_progress) wrote into this receiver, which is new.
    fn resume(mut self, mut r: Reader<'_>, lifetimes: Lifetimes) -> Result<Self, StateError> {
        self.context.ring.resume(&mut r, lifetimes)?;
        let tag = usize::try_from(r.u32()?).unwrap_or(usize::MAX);
        self.context.read_streams(&mut r, Stream::read_received)?;
        r.end()?;
        // The length that last proved right comes first again.
        if let Some(other) = &mut self.other_rtcp
            && other.tag_len() == tag
        {
            core::mem::swap(other, &mut self.context.formats.rtcp);
        }
        self.forget_removed_streams();
        Ok(self)
    }
}

impl ReceiverBuilder {
    /// Builds a receiver that goes on where another one was when it [exported its state](Receiver::export_state), in another process or in this one. The
    /// builder has the same master keys, in any order, with the same MKIs and lifetimes.
    ///
    /// # What is lost
    /// What the other receiver accepted after the export is not known here: exactly those packets would be accepted again, where their indices are still
    /// in the window. Packets under keys of an overlap are refused. Streams that might begin anew after a re-key still may, with windows as they were.
    ///
    /// # Options
    /// Those that say how packets look have to be the same: suite, MKIs, SRTCP tag, key derivation rate, header extensions, cryptex, and what is not encrypted or
    /// authenticated. The others are the builder's, except that streams keep the size of their windows: at most 32768, which with
    /// [`most_streams`](Self::most_streams) bounds the memory that a state can take.
    ///
    /// # Errors
    /// [`StateError`] if the builder does not build, or if the state is damaged, of other keys or options, or of more streams than
    /// [`most_streams`](Self::most_streams); the builder and its keys are gone then.
    pub fn build_resumed(self, state: &[u8]) -> Result<Receiver, StateError> {
        self.build_resumed_with(state, Lifetimes::Same)
    }

    pub(crate) fn build_resumed_with(
        self,
        state: &[u8],
        lifetimes: Lifetimes,
    ) -> Result<Receiver, StateError> {
        let receiver = self.build()?;
        let keys = receiver.context.ring.state_keys();
        let mut body = open(Kind::Receiver, keys, state)?;
        receiver.context.check_options(&mut body)?;
        ReceiverOptions::read(&mut body)?;
        receiver.resume(body, lifetimes)
    }
}

impl ReceiverOptions {
    fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            accept_either_srtcp_tag: r.flag()?,
            e_bit: EBitPolicy::read(r)?,
            search_roc: r.flag()?,
        })
    }
}
