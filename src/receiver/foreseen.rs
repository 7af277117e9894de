//! What a batch finds out about packets before those in front of them were accepted, and how that is looked at again when their turn comes.

use super::Receiver;
use super::accepted::Opened;
use super::claimed::{lay, lay_rtcp};
use super::path::Verifier;
use crate::error::UnprotectError;
use crate::header::{Plane, RtpHeader, rtcp_ssrc};
use crate::layout::{EncryptedPortion, Laid};
use crate::primitives::SHA1_LEN;
use crate::ring::RingKey;
use crate::stream::{RocClaim, Slot};
use crate::transform::{Authentic, Position, TagJob, Transform};

/// What was found out about a packet before the packets in front of it were accepted.
pub(crate) struct Foreseen {
    /// What will be computed to verify it.
    pub(crate) job: TagJob,
    /// Of a packet of SRTP, its header and where its stream is.
    place: Option<(RtpHeader, Slot)>,
}

/// By a code that was computed beside those of other packets, if it is of the same bytes under the same key; or else as ever.
struct ByCode<'a>(&'a TagJob, &'a [u8; SHA1_LEN]);

impl Verifier for ByCode<'_> {
    #[inline(always)]
    fn verify(
        &self,
        key: &mut RingKey,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        let Self(job, code) = *self;
        key.transform(at)
            .verify_by((job, code), packet, at, portion)
    }
}

impl Receiver {
    /// Is there a chain in its packets' tags that can run beside those of others?
    #[inline]
    pub(crate) fn has_chains(&self) -> bool {
        !self.context.formats.rtp.is_aead()
    }

    /// Looks at a packet, as far as can be told before those in front of it were accepted. Changes nothing, and decides nothing: who knows
    /// the code takes what was foreseen to [`unprotect_foreseen`](Self::unprotect_foreseen).
    pub(crate) fn foresee(&self, plane: Plane, packet: &[u8], foreseen: &mut Option<Foreseen>) {
        match plane {
            Plane::Rtp => self.foresee_rtp(packet, foreseen),
            Plane::Rtcp => self.foresee_rtcp(packet, foreseen),
        };
    }

    #[inline(always)]
    fn foresee_rtp(&self, packet: &[u8], foreseen: &mut Option<Foreseen>) -> Option<()> {
        let formats = &self.context.formats;
        formats.rtp_portion?;
        let header = RtpHeader::parse(packet).ok()?;
        let laid = lay(formats.rtp, header.len, packet, usize::MAX).ok()?;
        let ssrc = header.ssrc;
        let slot = self.context.streams.find(ssrc);
        let guess = self.guess_rtp(slot, header, RocClaim::Estimated, &laid);
        let at = Position {
            plane: Plane::Rtp,
            ssrc,
            index: guess.ok()?.likeliest()?.value(),
        };
        let transform = self.lasting_transform(&laid, at)?;
        *foreseen = Some(Foreseen {
            job: transform.tag_job(&laid, at)?,
            place: Some((header, slot)),
        });
        Some(())
    }

    #[inline(never)]
    fn foresee_rtcp(&self, packet: &[u8], foreseen: &mut Option<Foreseen>) -> Option<()> {
        let ssrc = rtcp_ssrc(packet).ok()?;
        let (laid, _, index) = lay_rtcp(self.context.formats.rtcp, packet, usize::MAX).ok()?;
        let at = Position {
            plane: Plane::Rtcp,
            ssrc,
            index,
        };
        let transform = self.lasting_transform(&laid, at)?;
        *foreseen = Some(Foreseen {
            job: transform.tag_job(&laid, at)?,
            place: None,
        });
        Some(())
    }

    /// The session keys that a packet is under, if they are the same wherever it belongs.
    #[inline(always)]
    fn lasting_transform(&self, packet: &Laid<&[u8]>, at: Position) -> Option<&Transform> {
        let key = self.find_key(packet, at.ssrc).ok()?;
        self.context.ring.get(key)?.lasting_transform(at.plane)
    }

    /// What [`unprotect`](Self::unprotect) does, with the code that came of what was foreseen: all that the packets in front of this one may
    /// have changed is looked at again. The result is the length of the plain packet.
    pub(crate) fn unprotect_foreseen(
        &mut self,
        plane: Plane,
        packet: &mut [u8],
        foreseen: &Foreseen,
        code: &[u8; SHA1_LEN],
        result: &mut Option<Result<usize, UnprotectError>>,
    ) {
        let room = usize::MAX;
        let verifier = ByCode(&foreseen.job, code);
        let mut opened = match foreseen.place {
            Some((header, slot)) if self.context.streams.is_at(slot, header.ssrc) => {
                self.open_rtp_at(slot, header, packet, room, &verifier)
            }
            _ => self.open_elsewhere(plane, packet, room, &verifier),
        };
        self.conclude(&mut opened, plane, packet, room);
        match &opened {
            Ok(opened) => *result = Some(Ok(self.decipher(opened, packet).len())),
            Err(error) => *result = Some(Err(*error)),
        }
    }

    /// Where nothing is known of its place, or no longer.
    #[inline(never)]
    fn open_elsewhere(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
        verifier: &ByCode<'_>,
    ) -> Result<Opened, UnprotectError> {
        self.open_under_keys(plane, packet, room, verifier)
    }

    /// What [`unprotect`](Self::unprotect) does, where nothing was foreseen.
    #[inline(never)]
    pub(crate) fn unprotect_alone(
        &mut self,
        plane: Plane,
        packet: &mut [u8],
        result: &mut Option<Result<usize, UnprotectError>>,
    ) {
        match self.unprotect(plane, packet) {
            Ok(plain) => *result = Some(Ok(plain.len())),
            Err(error) => *result = Some(Err(error)),
        }
    }
}
