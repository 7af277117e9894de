//! A stream in an exported state.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU64;

use super::between::Between;
use super::{Rekeyed, RtpProgress, SrtcpCounter, Stream};
use crate::error::StateError;
use crate::index::PacketIndex;
use crate::replay::{ReplayWindow, ReplayWindowSize};
use crate::state::{Margin, Reader, Writer};
use crate::statistics::ErrorCounts;

const GREATEST_SRTCP_INDEX: u32 = (1 << 31) - 1;

impl ReplayWindow {
    pub(super) fn write(&self, w: &mut Writer) {
        self.size().write(w);
        w.option(self.highest(), |w, highest| {
            w.u64(highest);
            w.option(self.blocks(), |w, blocks| blocks.for_each(|it| w.u64(it)));
        });
    }

    pub(super) fn read_srtcp(r: &mut Reader<'_>) -> Result<Self, StateError> {
        Self::read(r, GREATEST_SRTCP_INDEX.into())
    }

    fn read(r: &mut Reader<'_>, greatest: u64) -> Result<Self, StateError> {
        let size = ReplayWindowSize::read(r)?;
        let window = r.option(|r| {
            let highest = r.u64()?;
            let blocks = r.option(|r| {
                let count = Self::block_count(size, highest.min(greatest));
                let blocks = (0..count).map(|_| r.u64());
                blocks.collect::<Result<Vec<_>, _>>()
            })?;
            let window = Self::from_blocks(size, highest.min(greatest), blocks.as_deref());
            window
                .filter(|_| highest <= greatest)
                .ok_or(StateError::Malformed)
        })?;
        Ok(window.unwrap_or_else(|| Self::new(size)))
    }
}

impl RtpProgress {
    pub(super) fn write(&self, w: &mut Writer) {
        self.window.write(w);
        w.option(self.pending_roc, Writer::u32);
        w.option(self.between_ahead(), Writer::u64);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let window = ReplayWindow::read(r, PacketIndex::MAX.value())?;
        let pending_roc = r.option(Reader::u32)?;
        let ahead = r.option(Reader::u64)?;
        let mut progress = Self {
            pending_roc,
            window,
            between: Between::NONE,
        };
        if let Some(ahead) = ahead {
            let between = Between::ahead_of(&progress, ahead);
            progress.between = between.ok_or(StateError::Malformed)?;
        }
        Ok(progress)
    }

    /// Goes beyond all that a sender may have sent since. A rollover counter that was set may have been taken, with any sequence number; where
    /// nothing else is known, nothing is.
    fn skip(&mut self, margin: Margin) {
        let set = self.pending_roc.take();
        let Some(highest) = self.highest() else {
            return;
        };
        let reached = set.map_or(highest, |roc| PacketIndex::new(roc, u16::MAX));
        let beyond = reached.value() + u64::from(margin);
        self.window.skip_to(beyond.min(PacketIndex::MAX.value()));
    }
}

impl<Errors: ErrorCounts> Stream<SrtcpCounter, Errors> {
    pub(crate) fn write_sent(&self, w: &mut Writer) {
        self.rtp.write(w);
        w.option(self.srtcp.0, Writer::u32);
        w.option(self.removed_under(), Writer::u64);
        w.option(self.inherited.map(PacketIndex::value), Writer::u64);
    }

    pub(crate) fn read_sent(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let rtp = RtpProgress::read(r)?;
        let srtcp = SrtcpCounter(r.option(Reader::u32)?);
        if srtcp.0 > Some(GREATEST_SRTCP_INDEX) {
            return Err(StateError::Malformed);
        }
        let mut stream = Self::at(rtp, srtcp);
        stream.removed_before = r.option(read_removed_before)?;
        stream.inherited = r.option(Reader::u64)?.map(PacketIndex::from_value);
        Ok(stream)
    }

    /// Goes beyond all that may have been sent since.
    pub(crate) fn skip(&mut self, margin: Margin) {
        self.rtp.skip(margin);
        self.inherited = self.rtp.highest();
        let beyond = |last: u32| (last + u32::from(margin)).min(GREATEST_SRTCP_INDEX);
        self.srtcp = SrtcpCounter(self.srtcp.0.map(beyond));
    }
}

impl<Errors: ErrorCounts> Stream<ReplayWindow, Errors> {
    pub(crate) fn write_received(&self, w: &mut Writer) {
        self.rtp.write(w);
        self.srtcp.write(w);
        w.option(self.removed_under(), Writer::u64);
        let rekeyed = self.rekeyed.as_ref().filter(|it| it.is_silent());
        w.option(rekeyed, |w, rekeyed| rekeyed.write(w));
    }

    pub(crate) fn read_received(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let rtp = RtpProgress::read(r)?;
        let srtcp = ReplayWindow::read_srtcp(r)?;
        let mut stream = Self::at(rtp, srtcp);
        stream.removed_before = r.option(read_removed_before)?;
        stream.rekeyed = r.option(|r| Rekeyed::read(r).map(Box::new))?;
        Ok(stream)
    }
}

/// Of the serial number under which a stream was removed, the next one.
fn read_removed_before(r: &mut Reader<'_>) -> Result<NonZeroU64, StateError> {
    let next = r.u64()?.checked_add(1).and_then(NonZeroU64::new);
    next.ok_or(StateError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ProtectErrorCounts;

    type Sent = Stream<SrtcpCounter, ProtectErrorCounts>;

    /// 2^31 packets are too many to send in a test.
    #[test]
    fn near_their_end_srtcp_indices_are_used_up_by_the_margin_and_never_begin_again() {
        for (last, next) in [
            (0x7fff_fff4, Some(0x7fff_ffff)),
            (0x7fff_fff5, None),
            (0x7fff_ffff, None),
        ] {
            let mut stream = Sent::new(ReplayWindowSize::default());
            stream.srtcp.mark_sent(last);
            stream.skip(Margin::packets(10).unwrap());
            assert_eq!(stream.srtcp.next(0), next, "{last:#x}");
            assert!(stream.srtcp.0 <= Some(GREATEST_SRTCP_INDEX), "{last:#x}");
        }
        for first in [1 << 31, u32::MAX] {
            assert_eq!(SrtcpCounter::NONE.next(first), None);
        }
    }
}
