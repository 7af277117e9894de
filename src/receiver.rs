//! Unprotecting packets: one direction of one RTP session (RFC 3711 §3.3, §3.4).

mod overlap;
mod upkeep;

use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use core::num::NonZeroUsize;

use crate::builder::{Builder, EBitPolicy, Options, SrtcpTag};
use crate::context::Context;
use crate::error::{BuildError, UnprotectError};
use crate::header::{Plane, RTCP_FIXED, RtpHeader, rtcp_ssrc};
use crate::index::{OutOfRange, PacketIndex};
use crate::key::MasterKey;
use crate::layout::{Laid, Trailer, split_esrtcp};
use crate::replay::{Refused, ReplayWindow};
use crate::statistics::UnprotectErrorCounts;
use crate::stream::{self, MOST_GUESSES, NotAdmitted, Slot, Stream, TableFull};
use crate::suite::CryptoSuite;
use crate::transform::{Authentic, Position};

use overlap::Former;
pub use overlap::{Overlap, RocAfterRekey};

/// Unprotects SRTP and SRTCP: one direction of one RTP session.
///
/// SSRCs are bound late: a stream begins with the first packet of an SSRC that authenticates; forged packets make none.
/// When a method returns an error, the packet and all state are as they were, so that the caller may try
/// another rollover counter or another receiver; only the statistics count it. The packet path does not allocate,
/// but for the first authentic packet of an SSRC or the first one after it was removed, and does at most four verifications a packet,
/// during a re-key too: [`rekey_with`](Self::rekey_with).
///
/// The exception is asked for by name: under `AES_CM_128_NULL_AUTH` and
/// [`unauthenticated_srtp`](Builder::unauthenticated_srtp) nothing can be verified, so a forged packet does make streams
/// and move them: to any index with the first packet of a stream in each plane, also the first one after
/// [`rekey_with`](Self::rekey_with) where streams may begin anew, and by at most 2^14 with each one after it.
///
/// A `Receiver` is `Send` and `Sync`; unprotecting takes `&mut`.
pub struct Receiver {
    context: Context<ReplayWindow, UnprotectErrorCounts>,
    options: ReceiverOptions,
    /// The other SRTCP trailer to try, where either tag length is accepted.
    other_rtcp: Option<Trailer>,
    /// How many indices are tried for a packet.
    most_guesses: usize,
    /// The keys of before, while packets under them are still on their way.
    former: Option<Box<Former>>,
}

/// Options of a [`Receiver`], from [`Receiver::builder`].
pub type ReceiverBuilder = Builder<ReceiverOptions>;

/// What only a receiver can be told; see [`ReceiverBuilder`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiverOptions {
    accept_either_srtcp_tag: bool,
    e_bit: EBitPolicy,
    search_roc: bool,
}

impl ReceiverBuilder {
    /// Accepts SRTCP tags of 4 and of 10 bytes, for the `_32` suites: the peer may be of those that send 4
    /// (against RFC 4568 §6.2). The length that last proved right is tried first.
    ///
    /// The cost: a forger has two chances a packet and chooses the shorter tag, so that one forged packet in 2^32
    /// passes; and a forged packet takes two verifications.
    #[must_use]
    pub fn accept_either_srtcp_tag(mut self) -> Self {
        self.direction.accept_either_srtcp_tag = true;
        self
    }

    /// What to do with SRTCP whose E bit is unexpected. Default: [`EBitPolicy::AsAgreed`].
    #[must_use]
    pub fn e_bit(mut self, policy: EBitPolicy) -> Self {
        self.direction.e_bit = policy;
        self
    }

    /// Tries, for the first packet of a stream and after its rollover counter was set, up to four counters: the one that is set
    /// (or [`initial_roc`](Builder::initial_roc)), one more, one less, and 0.
    ///
    /// For peers that keep their counter where ours begins anew, and for streams whose packets around a roll-over
    /// were lost. Each guess is a verification, and with a key derivation rate a derivation: a forged packet of a new SSRC
    /// costs up to four of each, and gets as many chances.
    #[must_use]
    pub fn search_roc(mut self) -> Self {
        self.direction.search_roc = true;
        self
    }

    /// Do the options go with the suite?
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let suite = self.key.suite();
        self.options.check(suite)?;
        self.direction.check(suite)
    }

    /// Builds the receiver.
    ///
    /// # Errors
    /// [`BuildError`] if the options do not go with the suite, or the keys not with each other.
    pub fn build(self) -> Result<Receiver, BuildError> {
        self.check()?;
        let (context, options) = Context::build(self)?;
        Ok(Receiver {
            other_rtcp: options.other_rtcp(&context),
            context,
            options,
            most_guesses: MOST_GUESSES,
            former: None,
        })
    }
}

impl ReceiverOptions {
    /// Do these options go with `suite`?
    fn check(self, suite: CryptoSuite) -> Result<(), BuildError> {
        match self.accept_either_srtcp_tag {
            // Only where 4 bytes are known to be in use.
            true => SrtcpTag::Bytes4.check(suite),
            false => Ok(()),
        }
    }

    /// The SRTCP trailer to try beside that of the context.
    fn other_rtcp<E>(self, context: &Context<ReplayWindow, E>) -> Option<Trailer> {
        let other = match context.options.srtcp_tag {
            SrtcpTag::Bytes4 => SrtcpTag::Bytes10,
            _ => SrtcpTag::Bytes4,
        };
        self.accept_either_srtcp_tag.then(|| Trailer {
            tag: NonZeroUsize::new(other.len(context.ring.suite())),
            ..context.formats.rtcp
        })
    }
}

impl Receiver {
    /// A receiver with one master key and no options.
    #[must_use]
    pub fn new(key: MasterKey) -> Self {
        Self {
            context: Context::new(&key, Options::default()),
            options: ReceiverOptions::default(),
            other_rtcp: None,
            most_guesses: MOST_GUESSES,
            former: None,
        }
    }

    /// Begins a receiver with options.
    #[must_use]
    pub fn builder(key: MasterKey) -> ReceiverBuilder {
        Builder::new(key)
    }

    /// Unprotects an SRTP packet in place, and returns the RTP packet, a prefix of `packet` (RFC 3711 §3.3).
    ///
    /// What is behind it in `packet` afterwards, where MKI and tag were, is unchanged.
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtp<'p>(
        &mut self,
        packet: &'p mut [u8],
    ) -> Result<&'p mut [u8], UnprotectError> {
        let opened = self.open(Plane::Rtp, packet, usize::MAX)?;
        Ok(self.decipher(&opened, packet))
    }

    /// Unprotects the SRTP packet `srtp` into `out`, and returns the RTP packet there. `out` needs as many bytes as
    /// the RTP packet has; those of `srtp` are always enough.
    ///
    /// # Errors
    /// [`UnprotectError`]; `out` and all state are then unchanged.
    pub fn unprotect_rtp_into<'o>(
        &mut self,
        srtp: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o mut [u8], UnprotectError> {
        self.open_into(Plane::Rtp, srtp, out)
    }

    /// Unprotects the SRTP packet in `packet`, which becomes the RTP packet.
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtp_vec(&mut self, packet: &mut Vec<u8>) -> Result<(), UnprotectError> {
        let len = self.unprotect_rtp(packet)?.len();
        packet.truncate(len);
        Ok(())
    }

    /// Authenticates an SRTP packet without deciphering it, for monitors. State moves, and the packet counts, as if it had been
    /// unprotected: a second time it is a replay. Returns its packet index.
    ///
    /// # Errors
    /// [`UnprotectError`]; all state is then unchanged.
    pub fn verify_rtp(&mut self, packet: &[u8]) -> Result<PacketIndex, UnprotectError> {
        let opened = self.open(Plane::Rtp, packet, usize::MAX)?;
        Ok(PacketIndex::from_value(opened.at.index))
    }

    /// Unprotects an SRTCP packet in place, and returns the RTCP packet, a prefix of `packet` (RFC 3711 §3.4).
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtcp<'p>(
        &mut self,
        packet: &'p mut [u8],
    ) -> Result<&'p mut [u8], UnprotectError> {
        let opened = self.open(Plane::Rtcp, packet, usize::MAX)?;
        Ok(self.decipher(&opened, packet))
    }

    /// Unprotects the SRTCP packet `srtcp` into `out`, and returns the RTCP packet there. `out` needs as many bytes as
    /// the RTCP packet has; those of `srtcp` are always enough.
    ///
    /// # Errors
    /// [`UnprotectError`]; `out` and all state are then unchanged.
    pub fn unprotect_rtcp_into<'o>(
        &mut self,
        srtcp: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o mut [u8], UnprotectError> {
        self.open_into(Plane::Rtcp, srtcp, out)
    }

    /// Unprotects the SRTCP packet in `packet`, which becomes the RTCP packet.
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtcp_vec(&mut self, packet: &mut Vec<u8>) -> Result<(), UnprotectError> {
        let len = self.unprotect_rtcp(packet)?.len();
        packet.truncate(len);
        Ok(())
    }

    /// Authenticates an SRTCP packet without deciphering it, for monitors. State moves, and the packet counts, as if it had been
    /// unprotected. Returns its SRTCP index, 0 to 2^31 − 1.
    ///
    /// # Errors
    /// [`UnprotectError`]; all state is then unchanged.
    pub fn verify_rtcp(&mut self, packet: &[u8]) -> Result<u32, UnprotectError> {
        let opened = self.open(Plane::Rtcp, packet, usize::MAX)?;
        Ok(u32::try_from(opened.at.index).unwrap_or(u32::MAX))
    }
}

/// A packet that was accepted, still enciphered.
struct Opened {
    at: Position,
    /// Is its key one of those of before?
    is_former: bool,
    /// The slot of its master key.
    key: usize,
    /// Bytes that are never enciphered.
    header: usize,
    /// Bytes of the plain packet.
    plain: usize,
    enciphered: bool,
}

/// The packet path.
impl Receiver {
    fn open(&mut self, plane: Plane, packet: &[u8], room: usize) -> Result<Opened, UnprotectError> {
        let mut opened = self.open_under_keys(plane, packet, room);
        if self.former.is_some() {
            opened = self.open_in_overlap(opened, plane, packet, room);
        }
        if let Err(error) = &opened {
            self.context.count_error(plane, packet, error);
        }
        opened
    }

    #[inline]
    fn open_under_keys(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        match plane {
            Plane::Rtp => self.open_rtp(packet, room),
            Plane::Rtcp => self.open_rtcp(packet, room),
        }
    }

    fn open_into<'o>(
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

    /// RFC 3711 §3.3, the receiver's steps. Writes nothing to the packet.
    fn open_rtp(&mut self, packet: &[u8], room: usize) -> Result<Opened, UnprotectError> {
        let header = RtpHeader::parse(packet)?;
        let ssrc = header.ssrc;
        let enciphered = self.context.formats.enciphers_rtp;
        let laid = lay(self.context.formats.rtp, header.len, packet, room)?;
        let slot = self.context.streams.find(ssrc);
        let guesses = self.guess_rtp(slot, header, &laid)?;
        let key = self.find_key(&laid, ssrc)?;

        let verify = |index: PacketIndex| {
            let at = Position {
                plane: Plane::Rtp,
                ssrc,
                index: index.value(),
            };
            let transform = self.context.ring.get_mut(key)?.transform(at);
            transform.verify(&laid, at, enciphered)
        };
        let mut guesses = guesses.into_iter().flatten().take(self.most_guesses);
        let authentic = guesses.find_map(verify);
        let authentic = authentic.ok_or(UnprotectError::AuthenticationFailed { ssrc })?;

        self.accept(slot, key, &authentic, laid.plain_len())?;
        Ok(Opened {
            at: authentic.position(),
            is_former: false,
            key,
            header: header.len,
            plain: laid.plain_len(),
            enciphered,
        })
    }

    /// RFC 3711 §3.4. Writes nothing to the packet.
    fn open_rtcp(&mut self, packet: &[u8], room: usize) -> Result<Opened, UnprotectError> {
        let ssrc = rtcp_ssrc(packet)?;
        let first = self.context.formats.rtcp;
        let opened = self.open_rtcp_as(first, packet, ssrc, room);
        let (Err(error), Some(other)) = (&opened, self.other_rtcp) else {
            return opened;
        };
        let opened = self.open_rtcp_as(other, packet, ssrc, room);
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
                Some(_) => stream.check_rekeyed(index, self.under(&laid)),
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
        let ring_key = self.context.ring.get_mut(key);
        let authentic = ring_key
            .and_then(|key| key.transform(at).verify(&laid, at, enciphered))
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
            enciphered,
        })
    }

    /// The indices that the sequence number may stand for, without those that were seen.
    fn guess_rtp(
        &self,
        slot: Slot,
        header: RtpHeader,
        packet: &Laid<&[u8]>,
    ) -> Result<stream::Guesses, UnprotectError> {
        let RtpHeader { ssrc, seq, .. } = header;
        let (initial_roc, search) = (self.context.options.initial_roc, self.options.search_roc);
        let Some(stream) = self.context.streams.at(slot) else {
            return Ok(stream::first_guesses(initial_roc, seq, search));
        };
        let highest = stream.rtp.highest().map(PacketIndex::value);
        let admitted = match &stream.rekeyed {
            None => stream.rtp.admit(seq, initial_roc, search),
            Some(_) => stream.admit_rekeyed(seq, self.under(packet), initial_roc, search),
        };
        admitted.map_err(|why| match why {
            NotAdmitted::Refused(refused, index) => refusal(refused, ssrc, index.value(), highest),
            NotAdmitted::OutOfRange(OutOfRange::Below) => {
                refusal(Refused::TooOld, ssrc, 0, highest)
            }
            NotAdmitted::OutOfRange(OutOfRange::Above) => UnprotectError::IndexExhausted { ssrc },
        })
    }

    /// The slot of the packet's master key, if it is not used up.
    fn find_key(&self, packet: &Laid<&[u8]>, ssrc: u32) -> Result<usize, UnprotectError> {
        let slot = self.context.ring.find(packet.mki());
        let slot = slot.ok_or(UnprotectError::UnknownMki { ssrc })?;
        match self.context.ring.get(slot) {
            Some(key) if !key.usage().is_expired() => Ok(slot),
            _ => Err(UnprotectError::KeyExpired),
        }
    }

    /// Moves the state of the packet's stream, which this makes if the packet is its first.
    fn accept(
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
            ..
        } = &mut self.context;
        let at = authentic.position();
        let (ssrc, index) = (at.ssrc, at.index);
        if let (false, Some(stream)) = (authentic.is_proven(), streams.at(slot)) {
            let too_far = |highest| UnprotectError::JumpTooFar {
                ssrc,
                index,
                highest,
            };
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
                stream.accept_rekeyed(authentic, key.serial(), plain);
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

    /// Deciphers a packet that was accepted, and returns its plain form.
    fn decipher<'p>(&mut self, opened: &Opened, packet: &'p mut [u8]) -> &'p mut [u8] {
        let plain = packet.get_mut(..opened.plain).unwrap_or_default();
        if opened.enciphered {
            let ring = match (opened.is_former, &mut self.former) {
                (true, Some(former)) => former.ring(),
                _ => &mut self.context.ring,
            };
            let key = ring.get_mut(opened.key);
            let (Some(key), Some((header, payload))) =
                (key, plain.split_at_mut_checked(opened.header))
            else {
                // Never met: the packet was laid out and verified with both. If it were, ciphertext would not pass for plaintext.
                return Default::default();
            };
            let transform = key.transform(opened.at);
            transform.decipher(header, payload, opened.at);
        }
        plain
    }
}

/// Of two errors, from two lengths of tag or under keys of two generations.
fn the_truer_of(first: UnprotectError, second: UnprotectError) -> UnprotectError {
    use UnprotectError as E;
    match (first, second) {
        // Only an authentic packet gets so far: the second way was the right one.
        (_, E::EncryptionMismatch { .. } | E::TooManyStreams { .. }) => second,
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
fn lay(
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

fn refusal(refused: Refused, ssrc: u32, index: u64, highest: Option<u64>) -> UnprotectError {
    match refused {
        Refused::Replayed => UnprotectError::Replayed { ssrc, index },
        Refused::TooOld => UnprotectError::TooOld {
            ssrc,
            highest: highest.unwrap_or_default(),
        },
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("suite", &self.suite())
            .field("keys", &self.context.ring.len())
            .field("streams", &self.context.streams.len())
            .finish_non_exhaustive()
    }
}
