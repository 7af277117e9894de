//! A stream that may begin anew, in an exported state: as it is when the keys of before are gone.

use super::{Anew, Beside, Peer, Rekeyed};
use crate::error::StateError;
use crate::replay::{ReplayWindow, ReplayWindowSize};
use crate::state::{Reader, Writer};
use crate::stream::RtpProgress;

impl Rekeyed {
    pub(crate) fn write(&self, w: &mut Writer) {
        self.anew.write(w);
        self.rtp.write(w, RtpProgress::write);
        self.srtcp.write(w, ReplayWindow::write);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let rekeyed = Self {
            anew: Anew::read(r)?,
            rtp: Beside::read(r, RtpProgress::read)?,
            srtcp: Beside::read(r, ReplayWindow::read_srtcp)?,
            former: None,
        };
        match rekeyed.is_silent() {
            true => Ok(rekeyed),
            false => Err(StateError::Malformed),
        }
    }
}

impl Anew {
    fn write(&self, w: &mut Writer) {
        w.u64(self.since);
        w.u32(self.initial_roc);
        w.flag(self.is_likelier);
        self.window.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            since: r.u64()?,
            initial_roc: r.u32()?,
            is_likelier: r.flag()?,
            window: ReplayWindowSize::read(r)?,
        })
    }
}

impl<W> Beside<W> {
    fn write(&self, w: &mut Writer, write: impl FnOnce(&W, &mut Writer)) {
        w.u8(match self.peer {
            Peer::Unknown => 0,
            Peer::WentOn => 1,
            Peer::BeganAnew => 2,
        });
        write(&self.windows, w);
    }

    fn read(
        r: &mut Reader<'_>,
        read: impl FnOnce(&mut Reader<'_>) -> Result<W, StateError>,
    ) -> Result<Self, StateError> {
        let peer = match r.u8()? {
            0 => Peer::Unknown,
            1 => Peer::WentOn,
            2 => Peer::BeganAnew,
            _ => return Err(StateError::Malformed),
        };
        let windows = read(r)?;
        Ok(Self { windows, peer })
    }
}
