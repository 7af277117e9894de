//! The way of a packet through a receiver (RFC 3711 §3.3, §3.4).

use super::Receiver;
use super::accepted::Opened;
use super::claimed::{Claimed, Guess, lay, lay_rtcp};
use super::refused::the_truer_of;
use crate::builder::EBitPolicy;
use crate::error::UnprotectError;
use crate::header::{Plane, RTCP_FIXED, RtpHeader, rtcp_ssrc};
use crate::layout::{EncryptedPortion, Laid, Trailer};
use crate::ring::RingKey;
use crate::stream::{Guesses, RocClaim, Slot};
use crate::transform::{Authentic, Position};

/// How a packet is verified.
pub(super) trait Verifier {
    /// Does `packet` belong at `at`?
    fn verify(
        &self,
        key: &mut RingKey,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic>;
}

/// By computing its tag.
pub(super) struct Now;

impl Verifier for Now {
    #[inline(always)]
    fn verify(
        &self,
        key: &mut RingKey,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        key.transform(at).verify(packet, at, portion)
    }
}

impl Receiver {
    /// The packet in place, in one piece of code for each plane.
    #[inline(always)]
    pub(super) fn unprotect<'p>(
        &mut self,
        plane: Plane,
        packet: &'p mut [u8],
    ) -> Result<&'p mut [u8], UnprotectError> {
        let room = usize::MAX;
        // Nothing is handed over by value that would be copied right after it was written.
        let mut opened = self.open_under_keys(plane, packet, room, &Now);
        self.conclude(&mut opened, plane, packet, room);
        match &opened {
            Ok(opened) => Ok(self.decipher(opened, packet)),
            Err(error) => Err(*error),
        }
    }

    pub(super) fn open_into<'o>(
        &mut self,
        plane: Plane,
        packet: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o mut [u8], UnprotectError> {
        let opened = self.open(plane, packet, out.len())?;
        if let (Some(to), Some(from)) = (out.get_mut(..opened.plain), packet.get(..opened.plain)) {
            to.copy_from_slice(from);
        }
        Ok(self.decipher(&opened, out))
    }

    #[inline(never)]
    pub(super) fn open(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        let mut opened = self.open_under_keys(plane, packet, room, &Now);
        self.conclude(&mut opened, plane, packet, room);
        opened
    }

    #[inline(always)]
    pub(super) fn open_under_keys(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        match plane {
            Plane::Rtp => self.open_rtp(packet, room, verifier),
            Plane::Rtcp => self.open_rtcp(packet, room, verifier),
        }
    }

    /// What is left of opening a packet that was tried under the current keys.
    #[inline(always)]
    pub(super) fn conclude(
        &mut self,
        opened: &mut Result<Opened, UnprotectError>,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) {
        if opened.is_err() || self.former.is_some() {
            self.open_otherwise(opened, plane, packet, room);
        }
    }

    /// What there is to do about packets that were refused, or after a re-key.
    #[cold]
    #[inline(never)]
    fn open_otherwise(
        &mut self,
        opened: &mut Result<Opened, UnprotectError>,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) {
        if self.former.is_some() {
            let before = core::mem::replace(opened, Err(UnprotectError::KeyExpired));
            *opened = self.open_in_overlap(before, plane, packet, room);
        }
        if let Err(error) = opened {
            self.context.count_error(plane, packet, error);
        }
    }

    #[inline(always)]
    fn open_rtp(
        &mut self,
        packet: &[u8],
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let header = RtpHeader::parse(packet)?;
        let slot = self.context.streams.find(header.ssrc);
        self.open_rtp_at(slot, header, packet, room, verifier)
    }

    #[inline(always)]
    pub(super) fn open_rtp_at(
        &mut self,
        slot: Slot,
        header: RtpHeader,
        packet: &[u8],
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let Some(portion) = self.context.formats.rtp_portion else {
            return self.open_rtp_by_form(slot, packet, header, room);
        };
        let laid = lay(self.context.formats.rtp, header.len, packet, room)?;
        let roc = RocClaim::Estimated;
        self.open_laid(&laid, header, slot, portion, roc, verifier)
    }

    /// RFC 3711 §3.3, the receiver's steps. Writes nothing to the packet. Several times in the program, each time in one piece, so that the steps of packets
    /// that are all alike are no longer for the others.
    #[inline(always)]
    pub(super) fn open_laid(
        &mut self,
        laid: &Laid<&[u8]>,
        header: RtpHeader,
        slot: Slot,
        portion: EncryptedPortion,
        roc: RocClaim,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let ssrc = header.ssrc;
        let guess = self.guess_rtp(slot, header, roc, laid)?;
        let claimed = Claimed {
            laid,
            plane: Plane::Rtp,
            ssrc,
            header: header.len,
            portion,
            slot,
            key: self.find_key(laid, ssrc)?,
        };
        match guess {
            Guess::Only(index) => {
                let authentic = self.verify_at(&claimed, index.value(), verifier);
                self.accept_rtp(&claimed, authentic)
            }
            Guess::Any(guesses) => self.open_at_any(claimed, guesses, verifier),
        }
    }

    #[cold]
    #[inline(never)]
    fn open_at_any(
        &mut self,
        claimed: Claimed<'_>,
        guesses: Guesses,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let mut guesses = guesses.into_iter().flatten().take(self.most_guesses);
        let authentic = guesses.find_map(|index| self.verify_at(&claimed, index.value(), verifier));
        self.accept_rtp(&claimed, authentic)
    }

    #[inline(always)]
    fn verify_at(
        &mut self,
        claimed: &Claimed<'_>,
        index: u64,
        verifier: &impl Verifier,
    ) -> Option<Authentic> {
        let key = self.context.ring.get_mut(claimed.key)?;
        verifier.verify(key, claimed.laid, claimed.at(index), claimed.portion)
    }

    #[inline(always)]
    fn accept_rtp(
        &mut self,
        claimed: &Claimed<'_>,
        authentic: Option<Authentic>,
    ) -> Result<Opened, UnprotectError> {
        let ssrc = claimed.ssrc;
        let authentic = authentic.ok_or(UnprotectError::AuthenticationFailed { ssrc })?;
        if claimed.portion == EncryptedPortion::PayloadThoughCryptexIsRequired {
            return Err(UnprotectError::CryptexRequired { ssrc });
        }
        self.accept(claimed, &authentic)
    }

    /// RFC 3711 §3.4. Writes nothing to the packet.
    fn open_rtcp(
        &mut self,
        packet: &[u8],
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let ssrc = rtcp_ssrc(packet)?;
        let first = self.context.formats.rtcp;
        let opened = self.open_rtcp_as(first, packet, ssrc, room, verifier);
        let (Err(error), Some(other)) = (&opened, self.other_rtcp) else {
            return opened;
        };
        let opened = self.open_rtcp_as(other, packet, ssrc, room, verifier);
        let opened = opened.map_err(|second| the_truer_of(*error, second))?;
        self.context.formats.rtcp = other;
        self.other_rtcp = Some(first);
        Ok(opened)
    }

    /// One of the at most two lengths of tag.
    fn open_rtcp_as(
        &mut self,
        trailer: Trailer,
        packet: &[u8],
        ssrc: u32,
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let (laid, encrypted, index) = lay_rtcp(trailer, packet, room)?;
        let slot = self.context.streams.find(ssrc);
        self.check_rtcp(slot, ssrc, index, &laid)?;
        let enciphered = encrypted && self.context.ring.suite().encrypts();
        let claimed = Claimed {
            laid: &laid,
            plane: Plane::Rtcp,
            ssrc,
            header: RTCP_FIXED,
            portion: EncryptedPortion::payload_if(enciphered),
            slot,
            key: self.find_key(&laid, ssrc)?,
        };
        let authentic = self.verify_at(&claimed, index, verifier);
        let authentic = authentic.ok_or(UnprotectError::AuthenticationFailed { ssrc })?;

        let expected = self.context.formats.enciphers_rtcp;
        if enciphered != expected && self.options.e_bit == EBitPolicy::AsAgreed {
            return Err(UnprotectError::EncryptionMismatch { ssrc, encrypted });
        }
        self.accept(&claimed, &authentic)
    }
}
