//! The way of a packet through a sender (RFC 3711 §3.3, §3.4).

use alloc::vec::Vec;

use super::Sender;
use crate::builder::Options;
use crate::context::Context;
use crate::error::{HeaderError, ProtectError};
use crate::header::{MAX_PACKET, Plane, RTCP_FIXED, RtpHeader, rtcp_ssrc};
use crate::index::{OutOfRange, PacketIndex};
use crate::layout::{EncryptedPortion, Laid, Layout, Trailer, esrtcp_word};
use crate::replay::Refused;
use crate::ring::RingKey;
use crate::statistics::ProtectErrorCounts;
use crate::stream::{Slot, SrtcpCounter, Stream, StreamTable, TableFull};
use crate::transform::{HeaderUse, Position, TagJob, carry_roc};

type SendStream = Stream<SrtcpCounter, ProtectErrorCounts>;

/// Where the plain packet is.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// In so many bytes at the beginning of the output.
    InPlace(usize),
    From(&'a [u8]),
}

/// What becomes of one RTP packet.
struct Form {
    header_use: HeaderUse,
    trailer: Trailer,
    carries_roc: bool,
}

/// Who computes a tag.
pub(super) trait Tagger {
    /// Enciphers the payload and writes the tag, or leaves it to be written.
    fn seal(
        &mut self,
        key: &mut RingKey,
        packet: &mut Laid<&mut [u8]>,
        at: Position,
        enciphers: bool,
    );
}

/// At once.
struct Now;

impl Tagger for Now {
    #[inline(always)]
    fn seal(
        &mut self,
        key: &mut RingKey,
        packet: &mut Laid<&mut [u8]>,
        at: Position,
        enciphers: bool,
    ) {
        key.transform(at).seal(packet, at, enciphers);
    }
}

/// Beside those of other packets: here is what is left to do.
impl Tagger for Option<TagJob> {
    #[inline(always)]
    fn seal(
        &mut self,
        key: &mut RingKey,
        packet: &mut Laid<&mut [u8]>,
        at: Position,
        enciphers: bool,
    ) {
        *self = key.transform(at).seal_but_tag(packet, at, enciphers);
    }
}

impl Sender {
    /// Is there a chain in its packets' tags that can run beside those of others?
    #[inline]
    pub(crate) fn has_chains(&self) -> bool {
        !self.context.formats.rtp.is_aead()
    }

    /// Protects a packet but for its tag, if `job` is there for that afterwards: there is no result before. The result is the length of the protected
    /// packet.
    ///
    /// It is written where it stays: what is copied as a whole right after it was written part by part has to wait until it is out of the CPU's pipeline.
    pub(crate) fn protect_but_tag(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &mut [u8],
        job: &mut Option<TagJob>,
        result: &mut Option<Result<usize, ProtectError>>,
    ) {
        match self.seal(plane, source, out, job) {
            Ok(_) if job.is_some() => {}
            Ok(total) => *result = Some(Ok(total)),
            Err(error) => *result = Some(Err(self.refuse(plane, source, out, error))),
        }
    }

    /// What [`protect`](Self::protect) does. The result is the length of the protected packet.
    #[inline(never)]
    pub(crate) fn protect_alone(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &mut [u8],
        result: &mut Option<Result<usize, ProtectError>>,
    ) {
        match self.protect(plane, source, out) {
            Ok(packet) => *result = Some(Ok(packet.len())),
            Err(error) => *result = Some(Err(error)),
        }
    }

    /// Where the plane is known, in one piece of code.
    #[inline(always)]
    pub(super) fn protect<'b>(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], ProtectError> {
        match self.seal(plane, source, out, &mut Now) {
            Ok(total) => Ok(out.get_mut(..total).unwrap_or_default()),
            Err(error) => Err(self.refuse(plane, source, out, error)),
        }
    }

    #[inline(always)]
    fn seal(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &mut [u8],
        tagger: &mut impl Tagger,
    ) -> Result<usize, ProtectError> {
        match plane {
            Plane::Rtp => self.seal_rtp(source, out, tagger),
            Plane::Rtcp => self.seal_rtcp(source, out, tagger),
        }
    }

    /// Counts a packet that is refused.
    #[cold]
    #[inline(never)]
    fn refuse(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &[u8],
        error: ProtectError,
    ) -> ProtectError {
        let packet = plain_packet(source, out, 0).unwrap_or_default();
        self.context.count_error(plane, packet, &error);
        error
    }

    pub(super) fn protect_vec(
        &mut self,
        plane: Plane,
        packet: &mut Vec<u8>,
    ) -> Result<(), ProtectError> {
        let len = packet.len();
        let overhead = match plane {
            Plane::Rtp => self.rtp_overhead(),
            Plane::Rtcp => self.rtcp_overhead(),
        };
        packet.resize(len + overhead, 0);
        let sealed = self.protect(plane, Source::InPlace(len), packet);
        let sealed = sealed.map(|packet| packet.len());
        packet.truncate(sealed.unwrap_or(len));
        sealed.map(|_| ())
    }

    /// Returns the length of the SRTP packet.
    #[inline(always)]
    fn seal_rtp(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
        tagger: &mut impl Tagger,
    ) -> Result<usize, ProtectError> {
        match self.context.formats.rtp_portion {
            Some(EncryptedPortion::Nothing | EncryptedPortion::Payload) => {
                let form = Form {
                    header_use: HeaderUse::Clear,
                    trailer: self.context.formats.rtp,
                    carries_roc: false,
                };
                self.seal_rtp_as(source, out, form, tagger)
            }
            _ => self.seal_rtp_by_form(source, out),
        }
    }

    /// With elements of header extensions encrypted (RFC 6904), cryptex (RFC 9335), or the rollover counter in some tags (RFC 4771); returns
    /// the length of the SRTP packet.
    #[cold]
    #[inline(never)]
    fn seal_rtp_by_form(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Result<usize, ProtectError> {
        let plain = plain_packet(source, out, self.rtp_overhead())?;
        let RtpHeader { ssrc, seq, .. } = RtpHeader::parse(plain)?;
        let formats = &self.context.formats;
        let header_use = HeaderUse::of(plain, formats.cryptex)
            .map_err(|profile| ProtectError::CryptexProfile { ssrc, profile })?;
        let carry = formats.roc_carry;
        let form = Form {
            header_use,
            trailer: carry.map_or(formats.rtp, |carry| carry.trailer(formats.rtp, seq)),
            carries_roc: carry.is_some_and(|carry| carry.carries(seq)),
        };
        self.seal_rtp_as(source, out, form, &mut Now)
    }

    /// RFC 3711 §3.3, the sender's steps; returns the length of the SRTP packet. Inlined, so that those for packets that are all alike
    /// are no longer for the others.
    #[inline(always)]
    fn seal_rtp_as(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
        form: Form,
        tagger: &mut impl Tagger,
    ) -> Result<usize, ProtectError> {
        let Form {
            header_use,
            trailer,
            carries_roc,
        } = form;
        let plain = plain_packet(source, out, trailer.len())?;
        let header = RtpHeader::parse(plain)?;
        let more = header_use.grows_by();
        let layout = trailer.behind(header.len + more, plain.len() + more);
        let mut packet = room_for(layout, out)?;

        let (slot, index) = self.rtp_index_of(header)?;
        let at = Position {
            plane: Plane::Rtp,
            ssrc: header.ssrc,
            index: index.value(),
        };
        let enciphers = self.context.formats.enciphers_rtp;
        let elements = match header_use {
            HeaderUse::Elements => self.context.formats.encrypted_elements,
            _ => None,
        };
        let (key, stream) = self.key_and_stream(slot, header.ssrc)?;

        // Nothing below can fail.
        stream.rtp.mark_sent(index);
        stream.count_packet(Plane::Rtp, packet.plain_len());
        place(key, &mut packet, source);
        if let Some(ids) = &elements {
            key.xor_elements(ids, packet.header_mut(), at);
        }
        let total = match header_use {
            HeaderUse::Marks(_) | HeaderUse::Inserts => {
                seal_cryptex(key, &mut packet, at, header_use)
            }
            HeaderUse::Clear | HeaderUse::Elements => seal(key, &mut packet, at, enciphers, tagger),
        };
        if carries_roc {
            carry_roc(&mut packet, at);
        }
        Ok(total)
    }

    /// RFC 3711 §3.4; returns the length of the SRTCP packet.
    #[inline(always)]
    fn seal_rtcp(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
        tagger: &mut impl Tagger,
    ) -> Result<usize, ProtectError> {
        let plain = plain_packet(source, out, self.rtcp_overhead())?;
        let ssrc = rtcp_ssrc(plain)?;
        let layout = self.context.formats.rtcp.behind(RTCP_FIXED, plain.len());
        let mut packet = room_for(layout, out)?;

        let slot = self.context.streams.find(ssrc);
        let counter = self
            .context
            .streams
            .at(slot)
            .map_or(SrtcpCounter::NONE, |s| s.srtcp);
        let plane = Plane::Rtcp;
        let index = counter
            .next(self.options.first_srtcp_index)
            .ok_or(ProtectError::IndexExhausted { ssrc, plane })?;
        let at = Position {
            plane,
            ssrc,
            index: index.into(),
        };
        let enciphers = self.context.formats.enciphers_rtcp;
        let (key, stream) = self.key_and_stream(slot, ssrc)?;

        // Nothing below can fail.
        stream.srtcp.mark_sent(index);
        stream.count_packet(plane, packet.plain_len());
        place(key, &mut packet, source);
        packet.write_word(esrtcp_word(enciphers, at.index));
        Ok(seal(key, &mut packet, at, enciphers, tagger))
    }

    /// The index for this packet of a stream: never one that was used.
    #[inline(always)]
    fn rtp_index_of(&self, header: RtpHeader) -> Result<(Slot, PacketIndex), ProtectError> {
        let RtpHeader { ssrc, seq, .. } = header;
        let slot = self.context.streams.find(ssrc);
        let Some(stream) = self.context.streams.at(slot) else {
            return Ok((slot, self.first_rtp_index(header)?));
        };
        let Some(index) = stream.rtp.next(seq) else {
            return Ok((slot, self.first_rtp_index(header)?));
        };
        let index = index.map_err(|end| match end {
            OutOfRange::Below => ProtectError::IndexTooOld { ssrc, seq },
            OutOfRange::Above => ProtectError::IndexExhausted {
                ssrc,
                plane: Plane::Rtp,
            },
        })?;
        match stream.rtp.check(index) {
            Ok(()) => Ok((slot, index)),
            Err(Refused::TooOld) => Err(ProtectError::IndexTooOld { ssrc, seq }),
            // Who was resumed cannot know what the process before sent under it.
            Err(Refused::Replayed)
                if self.options.allow_identical_retransmission
                    && stream.inherited < Some(index) =>
            {
                Ok((slot, index))
            }
            Err(Refused::Replayed) => Err(ProtectError::IndexReused {
                ssrc,
                index: index.value(),
            }),
        }
    }

    /// The index of the first packet of a stream.
    #[cold]
    #[inline(never)]
    fn first_rtp_index(&self, header: RtpHeader) -> Result<PacketIndex, ProtectError> {
        match self.resumed {
            true => Err(ProtectError::MayHaveBegun { ssrc: header.ssrc }),
            false => Ok(PacketIndex::new(
                self.context.options.initial_roc,
                header.seq,
            )),
        }
    }

    /// The selected key, if it is not used up, and the stream at `slot`, if there is room for it.
    #[inline(always)]
    fn key_and_stream(
        &mut self,
        slot: Slot,
        ssrc: u32,
    ) -> Result<(&mut RingKey, &mut SendStream), ProtectError> {
        let Context {
            ring,
            streams,
            options,
            ..
        } = &mut self.context;
        let key = ring
            .get_mut(self.selected)
            .ok_or(ProtectError::KeyExpired)?;
        if key.usage().is_expired() {
            return Err(ProtectError::KeyExpired);
        }
        let at = match slot {
            Slot::Known(at) => at,
            Slot::New(at) => {
                begin(streams, slot, ssrc, options)?;
                at
            }
        };
        let most = options.most_streams;
        let stream = streams.at_mut(Slot::Known(at));
        let stream = stream.ok_or(ProtectError::TooManyStreams { ssrc, most })?;
        stream.take_back();
        Ok((key, stream))
    }
}

/// Makes the stream that belongs at `slot`, if there is room for it.
#[cold]
#[inline(never)]
fn begin(
    streams: &mut StreamTable<SendStream>,
    slot: Slot,
    ssrc: u32,
    options: &Options,
) -> Result<(), ProtectError> {
    let stream = streams.admit(slot, ssrc, || Stream::new(options.window));
    let full = |TableFull { most }| ProtectError::TooManyStreams { ssrc, most };
    stream.map(|_| ()).map_err(full)
}

/// The bytes of the plain packet, which becomes `overhead` bytes longer.
#[inline(always)]
fn plain_packet<'a>(
    source: Source<'a>,
    out: &'a [u8],
    overhead: usize,
) -> Result<&'a [u8], ProtectError> {
    match source {
        Source::From(packet) => Ok(packet),
        Source::InPlace(len) => out.get(..len).ok_or(ProtectError::BufferTooSmall {
            needed: len.saturating_add(overhead),
        }),
    }
}

/// Lays the protected packet out in `out`.
#[inline(always)]
fn room_for(layout: Layout, out: &mut [u8]) -> Result<Laid<&mut [u8]>, ProtectError> {
    let needed = layout.total();
    if needed > MAX_PACKET {
        // No receiver takes it.
        let (length, most) = (needed, MAX_PACKET);
        return Err(HeaderError::TooLong { length, most }.into());
    }
    layout
        .over_mut(out)
        .ok_or(ProtectError::BufferTooSmall { needed })
}

/// Writes the plain packet and the MKI.
#[inline(always)]
fn place(key: &RingKey, packet: &mut Laid<&mut [u8]>, source: Source<'_>) {
    if let Source::From(plain) = source {
        packet.write_plain(plain);
    }
    packet.write_mki(key.mki_bytes());
}

/// Enciphers the payload and writes the tag; returns the length of the packet.
#[inline(always)]
fn seal(
    key: &mut RingKey,
    packet: &mut Laid<&mut [u8]>,
    at: Position,
    enciphers: bool,
    tagger: &mut impl Tagger,
) -> usize {
    tagger.seal(key, packet, at, enciphers);
    key.count(at);
    packet.total()
}

/// The same with cryptex.
#[cold]
#[inline(never)]
fn seal_cryptex(
    key: &mut RingKey,
    packet: &mut Laid<&mut [u8]>,
    at: Position,
    header_use: HeaderUse,
) -> usize {
    header_use.apply(packet.plain_mut());
    key.transform(at).seal_cryptex(packet, at);
    key.count(at);
    packet.total()
}
