//! What a sender and a receiver have in common: options, keys, streams, counts.

use crate::builder::{Builder, Cryptex, Formats, Options};
use crate::error::{BuildError, KeyRingError, RocError};
use crate::header::{Plane, RtpHeader, rtcp_ssrc};
use crate::key::{MasterKey, Mki};
use crate::replay::ReplayWindowSize;
use crate::ring::{KeyRing, KeyUsage};
use crate::statistics::{Counting, ErrorCounts, Statistics};
use crate::stream::{SrtcpProgress, Stream, StreamTable, TableFull};

/// One direction of one RTP session, without what makes it a direction.
///
/// In this order: what packets ask for stands at the beginning of the formats, at the end of the ring, and from there to the beginning of the options.
#[repr(C)]
pub(crate) struct Context<Srtcp, Errors> {
    pub(crate) formats: Formats,
    pub(crate) ring: KeyRing,
    pub(crate) streams: StreamTable<Stream<Srtcp, Errors>>,
    pub(crate) options: Options,
    /// What belongs to no stream of the table: errors of unknown SSRCs, and counts of streams that left it.
    elsewhere: Statistics<Errors>,
}

impl<Srtcp: SrtcpProgress, Errors: ErrorCounts> Context<Srtcp, Errors> {
    /// A context with one key, and options that go with its suite, as the default ones do with any.
    pub(crate) fn new(key: &MasterKey, options: Options) -> Self {
        Self {
            formats: options.formats(key.suite(), key.mki_len()),
            ring: KeyRing::new(key, options.derivation()),
            streams: StreamTable::new(options.most_streams),
            elsewhere: Statistics::default(),
            options,
        }
    }

    /// A context with the keys and options of a builder.
    pub(crate) fn build<D>(builder: Builder<D>) -> Result<(Self, D), BuildError> {
        builder.options.check(builder.key.suite())?;
        let mut context = Self::new(&builder.key, builder.options);
        for key in builder.more_keys {
            context.ring.add(&key)?;
        }
        Ok((context, builder.direction))
    }

    /// Replaces all keys by `key`; streams go on where they are.
    pub(crate) fn rekey(&mut self, key: &MasterKey) -> Result<(), BuildError> {
        self.options.check(key.suite())?;
        let formats = self.options.formats(key.suite(), key.mki_len());
        self.ring.replace(key)?;
        self.formats = formats;
        self.forget_removed_streams(self.ring.oldest_serial());
        Ok(())
    }

    /// Goes on with another mode of cryptex, under the same keys.
    pub(crate) fn set_cryptex(&mut self, cryptex: Cryptex) -> Result<(), BuildError> {
        let options = Options {
            cryptex,
            ..self.options
        };
        let suite = self.ring.suite();
        options.check(suite)?;
        self.formats = options.formats(suite, self.formats.rtp.mki_len());
        self.options = options;
        Ok(())
    }

    /// Takes over keys, options and formats of `next`, which has no streams yet, and gives it the old ones; streams go on where they are.
    /// Returns the serial number of the first new key.
    pub(crate) fn succeed_by(&mut self, next: &mut Self) -> Result<u64, KeyRingError> {
        let first_new = next.ring.succeed(&mut self.ring)?;
        core::mem::swap(&mut self.ring, &mut next.ring);
        core::mem::swap(&mut self.formats, &mut next.formats);
        core::mem::swap(&mut self.options, &mut next.options);
        self.streams.set_most(self.options.most_streams);
        Ok(first_new)
    }

    /// Removes the key at `slot`. Removed streams stay: the caller knows which keys are left.
    pub(crate) fn remove_key(&mut self, slot: usize) -> Result<(), KeyRingError> {
        if self.ring.len() == 1 {
            return Err(KeyRingError::OnlyKey);
        }
        self.ring.remove(slot);
        Ok(())
    }

    /// Drops the removed streams of whose keys none is left, if the oldest key left has this serial number.
    pub(crate) fn forget_removed_streams(&mut self, oldest: u64) {
        let elsewhere = &mut self.elsewhere;
        self.streams.retain(|_, stream| {
            let stays = stream.removed_under().is_none_or(|under| under >= oldest);
            if !stays {
                elsewhere.add(&stream.statistics());
            }
            stays
        });
    }

    /// Removes a stream. `false` if there is none.
    pub(crate) fn remove_stream(&mut self, ssrc: u32) -> bool {
        let newest = self.ring.newest_serial();
        match self.streams.get_mut(ssrc) {
            None => false,
            Some(stream) if stream.removed_under().is_some() => false,
            Some(stream) if stream.has_history() => {
                stream.remove_under(newest);
                true
            }
            Some(stream) => {
                self.elsewhere.add(&stream.statistics());
                self.streams.retain(|other, _| other != ssrc);
                true
            }
        }
    }

    pub(crate) fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.get(ssrc)?.rtp.roc()
    }

    pub(crate) fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        // Checked first, so that an error takes no removed stream back.
        if let Some(reached) = self
            .streams
            .get(ssrc)
            .and_then(|stream| stream.rtp.highest())
            && roc < reached.roc()
        {
            let roc = reached.roc();
            return Err(RocError::Backwards { ssrc, roc });
        }
        self.stream_for_roc(ssrc)?.rtp.set_roc(roc);
        Ok(())
    }

    pub(crate) fn restart_rtp(&mut self, ssrc: u32, roc: u32) -> Result<(), RocError> {
        let window = self.options.window;
        self.stream_for_roc(ssrc)?.rtp.restart(window, roc);
        Ok(())
    }

    /// The stream of `ssrc`, made or taken back if need be: the caller vouches for it.
    fn stream_for_roc(&mut self, ssrc: u32) -> Result<&mut Stream<Srtcp, Errors>, RocError> {
        let window: ReplayWindowSize = self.options.window;
        let slot = self.streams.find(ssrc);
        let stream = self.streams.admit(slot, ssrc, || Stream::new(window));
        let stream =
            stream.map_err(|TableFull { most }| RocError::TooManyStreams { ssrc, most })?;
        stream.take_back();
        Ok(stream)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = (Option<&Mki>, KeyUsage)> {
        self.ring.iter().map(|key| (key.mki(), key.usage()))
    }

    /// SSRCs that have a history or a rollover counter set, without the removed ones.
    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.streams
            .iter()
            .filter(|(_, stream)| stream.removed_under().is_none())
            .map(|(ssrc, _)| ssrc)
    }

    pub(crate) fn statistics(&self) -> Statistics<Errors> {
        let mut sum = self.elsewhere;
        for (_, stream) in self.streams.iter() {
            sum.add(&stream.statistics());
        }
        sum
    }

    pub(crate) fn stream_statistics(&self, ssrc: u32) -> Option<Statistics<Errors>> {
        self.streams.get(ssrc).map(Stream::statistics)
    }

    /// Counts a packet of `plain` bytes that passed without a stream.
    #[cold]
    pub(crate) fn count_packet_elsewhere(&mut self, plane: Plane, plain: usize) {
        self.elsewhere.count_packet(plane, plain);
    }

    /// Counts a packet that was refused, for its stream if it is known.
    #[cold]
    pub(crate) fn count_error(&mut self, plane: Plane, packet: &[u8], error: &Errors::Error) {
        let ssrc = match plane {
            Plane::Rtp => RtpHeader::parse(packet).map(|header| header.ssrc),
            Plane::Rtcp => rtcp_ssrc(packet),
        };
        match ssrc.ok().and_then(|ssrc| self.streams.get_mut(ssrc)) {
            Some(stream) => stream.count_error(plane, error),
            None => self.elsewhere.count_error(plane, error),
        }
    }
}
