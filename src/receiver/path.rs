//! The way of a packet through a receiver (RFC 3711 §3.3, §3.4).

use super::Receiver;
use crate::builder::EBitPolicy;
use crate::context::Context;
use crate::error::UnprotectError;
use crate::header::{Plane, RTCP_FIXED, RtpHeader, rtcp_ssrc};
use crate::index::{OutOfRange, PacketIndex};
use crate::layout::{EncryptedPortion, Laid, Trailer, split_esrtcp};
use crate::primitives::SHA1_LEN;
use crate::replay::Refused;
use crate::ring::RingKey;
use crate::stream::{Claim, Guesses, NotAdmitted, RocClaim, Slot, Stream, TableFull};
use crate::transform::{Authentic, Position, TagJob};

/// A packet that was accepted, still enciphered.
pub(super) struct Opened {
    pub(super) at: Position,
    /// Is its key one of those of before?
    pub(super) is_former: bool,
    /// The slot of its master key.
    pub(super) key: usize,
    /// Bytes that are never enciphered.
    pub(super) header: usize,
    /// Bytes of the plain packet.
    pub(super) plain: usize,
    pub(super) portion: EncryptedPortion,
}

/// A packet of SRTP before anything about it is proven.
struct Claimed<'a> {
    laid: &'a Laid<&'a [u8]>,
    header: RtpHeader,
    portion: EncryptedPortion,
    roc: RocClaim,
    /// Where its stream is, or would be.
    slot: Slot,
    /// The slot of its master key.
    key: usize,
}

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

/// What was found out about a packet before the packets in front of it were accepted.
pub(crate) struct Foreseen {
    /// What will be computed to verify it.
    pub(crate) job: TagJob,
    /// Of a packet of SRTP, its header and where its stream is.
    place: Option<(RtpHeader, Slot)>,
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
        let key = self.find_key(&laid, ssrc).ok()?;
        let transform = self.context.ring.get(key)?.lasting_transform(at.plane)?;
        *foreseen = Some(Foreseen {
            job: transform.tag_job(&laid, at)?,
            place: Some((header, slot)),
        });
        Some(())
    }

    #[inline(never)]
    fn foresee_rtcp(&self, packet: &[u8], foreseen: &mut Option<Foreseen>) -> Option<()> {
        let ssrc = rtcp_ssrc(packet).ok()?;
        let rtcp = self.context.formats.rtcp;
        let laid = lay(rtcp, RTCP_FIXED, packet, usize::MAX).ok()?;
        let (_, index) = split_esrtcp(laid.word())?;
        let at = Position {
            plane: Plane::Rtcp,
            ssrc,
            index: index.into(),
        };
        let key = self.find_key(&laid, ssrc).ok()?;
        let transform = self.context.ring.get(key)?.lasting_transform(at.plane)?;
        *foreseen = Some(Foreseen {
            job: transform.tag_job(&laid, at)?,
            place: None,
        });
        Some(())
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
        if opened.is_err() || self.former.is_some() {
            self.open_otherwise(&mut opened, plane, packet, room);
        }
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

    #[inline(never)]
    pub(super) fn open(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        self.open_by(plane, packet, room, &Now)
    }

    #[inline(always)]
    fn open_by(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let mut opened = self.open_under_keys(plane, packet, room, verifier);
        if opened.is_err() || self.former.is_some() {
            self.open_otherwise(&mut opened, plane, packet, room);
        }
        opened
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
        if opened.is_err() || self.former.is_some() {
            self.open_otherwise(&mut opened, plane, packet, room);
        }
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
    fn open_rtp_at(
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
        self.open_laid::<false>(&laid, header, slot, portion, roc, verifier)
    }

    /// RFC 3711 §3.3, the receiver's steps. Writes nothing to the packet. Several times in the program, each time in one piece, so that the steps of packets
    /// that are all alike are no longer for the others.
    #[inline(always)]
    pub(super) fn open_laid<const MAY_CARRY_ROC: bool>(
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
            header,
            portion,
            roc,
            slot,
            key: self.find_key(laid, ssrc)?,
        };
        match guess {
            Guess::Only(index) => {
                let authentic = self.verify_at::<MAY_CARRY_ROC>(&claimed, index, verifier);
                self.accept_rtp(&claimed, authentic)
            }
            Guess::Any(guesses) => self.open_at_any::<MAY_CARRY_ROC>(&claimed, guesses, verifier),
        }
    }

    #[cold]
    #[inline(never)]
    fn open_at_any<const MAY_CARRY_ROC: bool>(
        &mut self,
        claimed: &Claimed<'_>,
        guesses: Guesses,
        verifier: &impl Verifier,
    ) -> Result<Opened, UnprotectError> {
        let mut guesses = guesses.into_iter().flatten().take(self.most_guesses);
        let authentic =
            guesses.find_map(|index| self.verify_at::<MAY_CARRY_ROC>(claimed, index, verifier));
        self.accept_rtp(claimed, authentic)
    }

    #[inline(always)]
    fn verify_at<const MAY_CARRY_ROC: bool>(
        &mut self,
        claimed: &Claimed<'_>,
        index: PacketIndex,
        verifier: &impl Verifier,
    ) -> Option<Authentic> {
        let Claimed { laid, portion, .. } = *claimed;
        let at = Position {
            plane: Plane::Rtp,
            ssrc: claimed.header.ssrc,
            index: index.value(),
        };
        let key = self.context.ring.get_mut(claimed.key)?;
        match claimed.roc {
            RocClaim::Carried(_) if MAY_CARRY_ROC => key.transform(at).verify_carried(laid, at),
            _ => verifier.verify(key, laid, at, portion),
        }
    }

    #[inline(always)]
    fn accept_rtp(
        &mut self,
        claimed: &Claimed<'_>,
        authentic: Option<Authentic>,
    ) -> Result<Opened, UnprotectError> {
        let ssrc = claimed.header.ssrc;
        let authentic = authentic.ok_or(UnprotectError::AuthenticationFailed { ssrc })?;
        if claimed.portion == EncryptedPortion::PayloadThoughCryptexIsRequired {
            return Err(UnprotectError::CryptexRequired { ssrc });
        }
        let plain = claimed.laid.plain_len();
        self.accept(claimed.slot, claimed.key, &authentic, plain)?;
        Ok(Opened {
            at: authentic.position(),
            is_former: false,
            key: claimed.key,
            header: claimed.header.len,
            plain,
            portion: claimed.portion,
        })
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
        let laid = lay(trailer, RTCP_FIXED, packet, room)?;
        let (encrypted, index) = split_esrtcp(laid.word()).ok_or(UnprotectError::TooShort {
            length: packet.len(),
            needed: RTCP_FIXED + trailer.len(),
        })?;
        let index = u64::from(index);
        let slot = self.context.streams.find(ssrc);
        if let Some(stream) = self.context.streams.at(slot) {
            let highest = stream.srtcp.highest();
            let checked = match &stream.rekeyed {
                None => stream.srtcp.check(index),
                Some(_) => stream.check_rekeyed(index, self.under(&laid, RocClaim::Estimated)),
            };
            checked.map_err(|refused| refusal(refused, ssrc, index, highest))?;
        }
        let key = self.find_key(&laid, ssrc)?;

        let at = Position {
            plane: Plane::Rtcp,
            ssrc,
            index,
        };
        let suite = self.context.ring.suite();
        let enciphered = encrypted && suite.encrypts();
        let portion = EncryptedPortion::payload_if(enciphered);
        let ring_key = self.context.ring.get_mut(key);
        let authentic = ring_key
            .and_then(|key| verifier.verify(key, &laid, at, portion))
            .ok_or(UnprotectError::AuthenticationFailed { ssrc })?;

        let expected = self.context.formats.enciphers_rtcp;
        if enciphered != expected && self.options.e_bit == EBitPolicy::AsAgreed {
            return Err(UnprotectError::EncryptionMismatch { ssrc, encrypted });
        }
        self.accept(slot, key, &authentic, laid.plain_len())?;
        Ok(Opened {
            at,
            is_former: false,
            key,
            header: RTCP_FIXED,
            plain: laid.plain_len(),
            portion,
        })
    }

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
        let admitted = admitted.map_err(|why| match why {
            NotAdmitted::Refused(refused, index) => refusal(refused, ssrc, index.value(), highest),
            NotAdmitted::OutOfRange(OutOfRange::Below) => {
                refusal(Refused::TooOld, ssrc, 0, highest)
            }
            NotAdmitted::OutOfRange(OutOfRange::Above) => UnprotectError::IndexExhausted { ssrc },
        });
        admitted.map(Guess::Any)
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

    /// Moves the state of the packet's stream, which this makes if the packet is its first.
    #[inline(always)]
    fn accept(
        &mut self,
        slot: Slot,
        key: usize,
        authentic: &Authentic,
        plain: usize,
    ) -> Result<(), UnprotectError> {
        let Context { ring, streams, .. } = &mut self.context;
        match (streams.at_mut(slot), ring.get_mut(key)) {
            (Some(stream), Some(key)) if authentic.is_proven() && stream.rekeyed.is_none() => {
                stream.accept(authentic, plain);
                key.count(authentic.position());
                Ok(())
            }
            _ => self.accept_rarely(slot, key, authentic, plain),
        }
    }

    /// The same for first packets, those that nothing vouches for, and after a re-key.
    #[cold]
    #[inline(never)]
    fn accept_rarely(
        &mut self,
        slot: Slot,
        key: usize,
        authentic: &Authentic,
        plain: usize,
    ) -> Result<(), UnprotectError> {
        let Context {
            ring,
            streams,
            options,
            formats,
            ..
        } = &mut self.context;
        let at = authentic.position();
        let ssrc = at.ssrc;
        if let (false, Some(stream)) = (authentic.is_proven(), streams.at(slot)) {
            let too_far = |highest| jump_too_far(at, highest);
            stream.check_unproven(at).map_err(too_far)?;
        }
        let anew = self.former.as_ref().and_then(|former| former.anew());
        let stream = streams.admit(slot, ssrc, || match anew {
            None => Stream::new(options.window),
            Some(anew) => Stream::new(options.window).rekeyed(anew),
        });
        let full = |TableFull { most }| UnprotectError::TooManyStreams { ssrc, most };
        let stream = stream.map_err(full)?;

        let key = ring.get_mut(key);
        match key.as_ref().filter(|_| stream.rekeyed.is_some()) {
            None => stream.accept(authentic, plain),
            Some(key) => {
                let carries_roc = formats.carries_roc(at);
                stream.accept_rekeyed(authentic, carries_roc, key.serial(), plain);
                if self.former.is_none() {
                    stream.settle();
                }
            }
        }
        if let Some(key) = key {
            key.count(at);
        }
        Ok(())
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

/// Is it an error that only an authentic packet comes to?
pub(super) fn is_of_an_authentic_packet(error: &UnprotectError) -> bool {
    use UnprotectError as E;
    matches!(
        error,
        E::EncryptionMismatch { .. } | E::CryptexRequired { .. } | E::TooManyStreams { .. }
    )
}

/// Of two errors, from two lengths of tag or under keys of two generations.
pub(super) fn the_truer_of(first: UnprotectError, second: UnprotectError) -> UnprotectError {
    use UnprotectError as E;
    match (first, second) {
        // The second way was the right one.
        _ if is_of_an_authentic_packet(&second) => second,
        // It has no key the first way.
        (E::UnknownMki { .. }, _) => second,
        // As much room as is enough either way.
        (E::BufferTooSmall { needed: one }, E::BufferTooSmall { needed: other }) => {
            let needed = one.max(other);
            E::BufferTooSmall { needed }
        }
        // Which of the two is true cannot be told: the first stands.
        _ => first,
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

pub(super) fn jump_too_far(at: Position, highest: u64) -> UnprotectError {
    UnprotectError::JumpTooFar {
        ssrc: at.ssrc,
        index: at.index,
        highest,
    }
}

fn refusal(refused: Refused, ssrc: u32, index: u64, highest: Option<u64>) -> UnprotectError {
    match refused {
        Refused::Replayed => UnprotectError::Replayed { ssrc, index },
        Refused::TooOld => UnprotectError::TooOld {
            ssrc,
            highest: highest.unwrap_or_default(),
        },
    }
}
