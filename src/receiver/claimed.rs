//! What a packet claims before anything about it is proven: where its parts are, its index, and the master key that it is under.

use super::Receiver;
use super::refused::{not_admitted, refusal};
use crate::error::UnprotectError;
use crate::header::{Plane, RTCP_FIXED, RtpHeader};
use crate::index::PacketIndex;
use crate::layout::{EncryptedPortion, Laid, Trailer, split_esrtcp};
use crate::stream::{Claim, Guesses, RocClaim, Slot};
use crate::transform::Position;

/// A packet before anything about it is proven.
pub(super) struct Claimed<'a> {
    pub(super) laid: &'a Laid<&'a [u8]>,
    pub(super) plane: Plane,
    pub(super) ssrc: u32,
    /// Bytes that are never enciphered.
    pub(super) header: usize,
    pub(super) portion: EncryptedPortion,
    /// Where its stream is, or would be.
    pub(super) slot: Slot,
    /// The slot of its master key.
    pub(super) key: usize,
}

impl Claimed<'_> {
    /// Where it belongs, if `index` is its own.
    #[inline(always)]
    pub(super) fn at(&self, index: u64) -> Position {
        Position {
            plane: self.plane,
            ssrc: self.ssrc,
            index,
        }
    }
}

/// What a sequence number may stand for.
pub(super) enum Guess {
    Only(PacketIndex),
    Any(Guesses),
}

impl Guess {
    pub(super) fn likeliest(self) -> Option<PacketIndex> {
        match self {
            Self::Only(index) => Some(index),
            Self::Any(guesses) => guesses.into_iter().flatten().next(),
        }
    }
}

impl Receiver {
    /// The indices that the sequence number may stand for, without those that were seen.
    #[inline(always)]
    pub(super) fn guess_rtp(
        &self,
        slot: Slot,
        header: RtpHeader,
        roc: RocClaim,
        packet: &Laid<&[u8]>,
    ) -> Result<Guess, UnprotectError> {
        let claim = Claim {
            seq: header.seq,
            roc,
            initial_roc: self.context.options.initial_roc,
            search: self.options.search_roc,
        };
        // Nearly always: a stream that is under way, and no re-key.
        if let Some(stream) = self.context.streams.at(slot)
            && stream.rekeyed.is_none()
            && let Some(Ok(index)) = stream.rtp.estimate(claim)
        {
            return Ok(Guess::Only(index));
        }
        self.guess_rtp_rarely(slot, header.ssrc, claim, packet)
    }

    #[cold]
    #[inline(never)]
    fn guess_rtp_rarely(
        &self,
        slot: Slot,
        ssrc: u32,
        claim: Claim,
        packet: &Laid<&[u8]>,
    ) -> Result<Guess, UnprotectError> {
        let Some(stream) = self.context.streams.at(slot) else {
            return Ok(Guess::Any(claim.first_guesses(None)));
        };
        let highest = stream.rtp.highest().map(PacketIndex::value);
        let admitted = match &stream.rekeyed {
            None => stream.rtp.admit(claim),
            Some(_) => stream.admit_rekeyed(claim, self.under(packet, claim.roc)),
        };
        admitted
            .map(Guess::Any)
            .map_err(|why| not_admitted(why, ssrc, highest))
    }

    /// Refuses an SRTCP index that was seen, or of which that can no longer be told.
    #[inline(always)]
    pub(super) fn check_rtcp(
        &self,
        slot: Slot,
        ssrc: u32,
        index: u64,
        packet: &Laid<&[u8]>,
    ) -> Result<(), UnprotectError> {
        let Some(stream) = self.context.streams.at(slot) else {
            return Ok(());
        };
        let highest = stream.srtcp.highest();
        let checked = match &stream.rekeyed {
            None => stream.srtcp.check(index),
            Some(_) => stream.check_rekeyed(index, self.under(packet, RocClaim::Estimated)),
        };
        checked.map_err(|refused| refusal(refused, ssrc, index, highest))
    }

    /// The slot of the packet's master key, if it is not used up.
    #[inline(always)]
    pub(super) fn find_key(
        &self,
        packet: &Laid<&[u8]>,
        ssrc: u32,
    ) -> Result<usize, UnprotectError> {
        let slot = self.context.ring.find(packet.mki());
        let slot = slot.ok_or(UnprotectError::UnknownMki { ssrc })?;
        match self.context.ring.get(slot) {
            Some(key) if !key.usage().is_expired() => Ok(slot),
            _ => Err(UnprotectError::KeyExpired),
        }
    }
}

/// Lays out a packet received, whose plain form has to fit in `room` bytes.
#[inline(always)]
pub(super) fn lay(
    trailer: Trailer,
    header: usize,
    packet: &[u8],
    room: usize,
) -> Result<Laid<&[u8]>, UnprotectError> {
    let laid = trailer
        .within(header, packet.len())
        .and_then(|layout| layout.over(packet))
        .ok_or(UnprotectError::TooShort {
            length: packet.len(),
            needed: header + trailer.len(),
        })?;
    match laid.plain_len() {
        needed if needed > room => Err(UnprotectError::BufferTooSmall { needed }),
        _ => Ok(laid),
    }
}

/// Lays out a packet of SRTCP, and reads its E bit and its index.
#[inline(always)]
pub(super) fn lay_rtcp(
    trailer: Trailer,
    packet: &[u8],
    room: usize,
) -> Result<(Laid<&[u8]>, bool, u64), UnprotectError> {
    let laid = lay(trailer, RTCP_FIXED, packet, room)?;
    let (encrypted, index) = split_esrtcp(laid.word()).ok_or(UnprotectError::TooShort {
        length: packet.len(),
        needed: RTCP_FIXED + trailer.len(),
    })?;
    Ok((laid, encrypted, index.into()))
}
