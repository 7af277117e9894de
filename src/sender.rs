//! Protecting packets: one direction of one RTP session (RFC 3711 §3.3).

mod upkeep;

use alloc::vec::Vec;
use core::fmt;

use crate::builder::{Builder, Cryptex, Options};
use crate::context::Context;
use crate::error::{BuildError, HeaderError, ProtectError};
use crate::header::{EXTENSION_HEADER, MAX_PACKET, Plane, RTCP_FIXED, RtpHeader, rtcp_ssrc};
use crate::index::{OutOfRange, PacketIndex};
use crate::key::MasterKey;
use crate::layout::{EncryptedPortion, Laid, Layout, esrtcp_word};
use crate::replay::Refused;
use crate::ring::RingKey;
use crate::statistics::{Counting, ProtectErrorCounts};
use crate::stream::{Slot, SrtcpCounter, Stream, TableFull};
use crate::transform::{HeaderUse, Position};

/// Protects RTP and RTCP: one direction of one RTP session.
///
/// SSRCs are bound late: a stream begins with its first packet, at rollover counter 0 unless told otherwise. Every
/// method that protects makes all checks first; when it returns an error, the buffer, the index and the use of the key are
/// as they were, and only the statistics count it. The packet path does not allocate, but for the first packet of an SSRC, or
/// the first one after it was removed.
///
/// The caller tells RTP from RTCP (RFC 5761 §4): the methods for one take the other for a strange packet of an SSRC of its own.
///
/// A `Sender` is `Send` and `Sync`; protecting takes `&mut`. RTP and RTCP of one session share a sender. To spread work
/// over threads, give each its own sessions or directions, or, under a key each, its own SSRCs.
pub struct Sender {
    context: Context<SrtcpCounter, ProtectErrorCounts>,
    selected: usize,
    options: SenderOptions,
}

/// Options of a [`Sender`], from [`Sender::builder`].
pub type SenderBuilder = Builder<SenderOptions>;

/// What only a sender can be told; see [`SenderBuilder`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderOptions {
    allow_identical_retransmission: bool,
    first_srtcp_index: u32,
}

impl SenderBuilder {
    /// Protects a packet again whose index was used, if the index is still in the window.
    ///
    /// **Only for byte-identical packets.** Other bytes under the same index are enciphered with the same
    /// keystream, which gives both away, and under AES-GCM the authentication key with them (RFC 3711 §9.1,
    /// RFC 7714 §8.4). Nothing here can check it: the caller promises. Each time counts towards the key's lifetime.
    #[must_use]
    pub fn allow_identical_retransmission(mut self) -> Self {
        self.direction.allow_identical_retransmission = true;
        self
    }

    /// Begins SRTCP indices at 1, for peers that take no 0. RFC 3711 §3.4 begins at 0, which is the default.
    #[must_use]
    pub fn first_srtcp_index_1(mut self) -> Self {
        self.direction.first_srtcp_index = 1;
        self
    }

    /// Do the options go with the suite?
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        self.options.check(self.key.suite())
    }

    /// Builds the sender. The first key is selected.
    ///
    /// # Errors
    /// [`BuildError`] if the options do not go with the suite, or the keys not with each other.
    pub fn build(self) -> Result<Sender, BuildError> {
        let (context, options) = Context::build(self)?;
        Ok(Sender {
            context,
            selected: 0,
            options,
        })
    }
}

impl Sender {
    /// A sender with one master key and no options.
    #[must_use]
    pub fn new(key: MasterKey) -> Self {
        Self {
            context: Context::new(&key, Options::default()),
            selected: 0,
            options: SenderOptions::default(),
        }
    }

    /// Begins a sender with options.
    #[must_use]
    pub fn builder(key: MasterKey) -> SenderBuilder {
        Builder::new(key)
    }

    /// Protects, in place, the RTP packet in the first `len` bytes of `buf`, and returns the SRTP packet, which
    /// is [`rtp_overhead`](Self::rtp_overhead) bytes longer (RFC 3711 §3.3).
    ///
    /// # Errors
    /// [`ProtectError`]; `buf` is then unchanged and no index is used.
    pub fn protect_rtp<'b>(
        &mut self,
        buf: &'b mut [u8],
        len: usize,
    ) -> Result<&'b mut [u8], ProtectError> {
        self.protect(Plane::Rtp, Source::InPlace(len), buf)
    }

    /// Protects the RTP packet `rtp` into `out`, and returns the SRTP packet there. `out` needs
    /// [`rtp_overhead`](Self::rtp_overhead) bytes more than `rtp` has.
    ///
    /// # Errors
    /// [`ProtectError`]; `out` is then unchanged and no index is used.
    pub fn protect_rtp_into<'b>(
        &mut self,
        rtp: &[u8],
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], ProtectError> {
        self.protect(Plane::Rtp, Source::From(rtp), out)
    }

    /// Protects the RTP packet in `packet`, which grows by [`rtp_overhead`](Self::rtp_overhead) bytes.
    ///
    /// # Errors
    /// [`ProtectError`]; `packet` is then unchanged and no index is used.
    pub fn protect_rtp_vec(&mut self, packet: &mut Vec<u8>) -> Result<(), ProtectError> {
        self.protect_vec(Plane::Rtp, packet)
    }

    /// Protects, in place, the RTCP compound packet in the first `len` bytes of `buf`, and returns the SRTCP packet, which
    /// is [`rtcp_overhead`](Self::rtcp_overhead) bytes longer (RFC 3711 §3.4). Reduced-size RTCP (RFC 5506) is as good.
    ///
    /// # Errors
    /// [`ProtectError`]; `buf` is then unchanged and no index is used.
    pub fn protect_rtcp<'b>(
        &mut self,
        buf: &'b mut [u8],
        len: usize,
    ) -> Result<&'b mut [u8], ProtectError> {
        self.protect(Plane::Rtcp, Source::InPlace(len), buf)
    }

    /// Protects the RTCP packet `rtcp` into `out`, and returns the SRTCP packet there. `out` needs
    /// [`rtcp_overhead`](Self::rtcp_overhead) bytes more than `rtcp` has.
    ///
    /// # Errors
    /// [`ProtectError`]; `out` is then unchanged and no index is used.
    pub fn protect_rtcp_into<'b>(
        &mut self,
        rtcp: &[u8],
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], ProtectError> {
        self.protect(Plane::Rtcp, Source::From(rtcp), out)
    }

    /// Protects the RTCP packet in `packet`, which grows by [`rtcp_overhead`](Self::rtcp_overhead) bytes.
    ///
    /// # Errors
    /// [`ProtectError`]; `packet` is then unchanged and no index is used.
    pub fn protect_rtcp_vec(&mut self, packet: &mut Vec<u8>) -> Result<(), ProtectError> {
        self.protect_vec(Plane::Rtcp, packet)
    }

    /// Bytes that protection adds to an RTP packet: MKI and tag. With [`cryptex`](Builder::cryptex) 4 more, which only packets with CSRCs
    /// and without a header extension take.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        let formats = &self.context.formats;
        match formats.cryptex {
            Cryptex::Off => formats.rtp.len(),
            _ => formats.rtp.len() + EXTENSION_HEADER,
        }
    }

    /// Bytes that protection adds to an RTCP packet: the word of E bit and index, MKI and tag.
    #[must_use]
    pub fn rtcp_overhead(&self) -> usize {
        self.context.formats.rtcp.len()
    }
}

type SendStream = Stream<SrtcpCounter, ProtectErrorCounts>;

/// Where the plain packet is.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// In so many bytes at the beginning of the output.
    InPlace(usize),
    From(&'a [u8]),
}

/// The packet path.
impl Sender {
    fn protect<'b>(
        &mut self,
        plane: Plane,
        source: Source<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], ProtectError> {
        let sealed = match plane {
            Plane::Rtp => self.seal_rtp(source, out),
            Plane::Rtcp => self.seal_rtcp(source, out),
        };
        match sealed {
            Ok(total) => Ok(out.get_mut(..total).unwrap_or_default()),
            Err(error) => {
                let packet = plain_packet(source, out, 0).unwrap_or_default();
                self.context.count_error(plane, packet, &error);
                Err(error)
            }
        }
    }

    fn protect_vec(&mut self, plane: Plane, packet: &mut Vec<u8>) -> Result<(), ProtectError> {
        let len = packet.len();
        let overhead = match plane {
            Plane::Rtp => self.rtp_overhead(),
            Plane::Rtcp => self.rtcp_overhead(),
        };
        packet.resize(len + overhead, 0);
        let sealed = self
            .protect(plane, Source::InPlace(len), packet)
            .map(|packet| packet.len());
        packet.truncate(sealed.unwrap_or(len));
        sealed.map(|_| ())
    }

    /// Returns the length of the SRTP packet.
    fn seal_rtp(&mut self, source: Source<'_>, out: &mut [u8]) -> Result<usize, ProtectError> {
        match self.context.formats.rtp_portion {
            EncryptedPortion::Nothing | EncryptedPortion::Payload => {
                self.seal_rtp_with(source, out, HeaderUse::Clear)
            }
            _ => self.seal_rtp_and_header(source, out),
        }
    }

    /// With elements of header extensions encrypted (RFC 6904), or cryptex (RFC 9335); returns the length of the SRTP packet.
    #[cold]
    #[inline(never)]
    fn seal_rtp_and_header(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Result<usize, ProtectError> {
        let plain = plain_packet(source, out, self.rtp_overhead())?;
        let ssrc = RtpHeader::parse(plain)?.ssrc;
        let header_use = HeaderUse::of(plain, self.context.formats.cryptex)
            .map_err(|profile| ProtectError::CryptexProfile { ssrc, profile })?;
        self.seal_rtp_with(source, out, header_use)
    }

    /// RFC 3711 §3.3, the sender's steps; returns the length of the SRTP packet. Inlined, so that those for headers in the
    /// clear are no longer for the others.
    #[inline(always)]
    fn seal_rtp_with(
        &mut self,
        source: Source<'_>,
        out: &mut [u8],
        header_use: HeaderUse,
    ) -> Result<usize, ProtectError> {
        let plain = plain_packet(source, out, self.context.formats.rtp.len())?;
        let header = RtpHeader::parse(plain)?;
        let formats = &self.context.formats;
        let more = header_use.grows_by();
        let layout = formats.rtp.behind(header.len + more, plain.len() + more);
        let mut packet = room_for(layout, out)?;

        let (slot, index) = self.next_rtp_index(header)?;
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
        stream
            .statistics
            .count_packet(Plane::Rtp, packet.plain_len());
        place(key, &mut packet, source);
        if let Some(ids) = &elements {
            key.xor_elements(ids, packet.header_mut(), at);
        }
        if matches!(header_use, HeaderUse::Marks(_) | HeaderUse::Inserts) {
            return Ok(seal_cryptex(key, &mut packet, at, header_use));
        }
        Ok(seal(key, &mut packet, at, enciphers))
    }

    /// RFC 3711 §3.4; returns the length of the SRTCP packet.
    fn seal_rtcp(&mut self, source: Source<'_>, out: &mut [u8]) -> Result<usize, ProtectError> {
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
        stream.statistics.count_packet(plane, packet.plain_len());
        place(key, &mut packet, source);
        packet.write_word(esrtcp_word(enciphers, at.index));
        Ok(seal(key, &mut packet, at, enciphers))
    }

    /// The index for the next packet of a stream: never one that was used.
    #[inline(always)]
    fn next_rtp_index(&self, header: RtpHeader) -> Result<(Slot, PacketIndex), ProtectError> {
        let RtpHeader { ssrc, seq, .. } = header;
        let slot = self.context.streams.find(ssrc);
        let initial_roc = self.context.options.initial_roc;
        let Some(stream) = self.context.streams.at(slot) else {
            return Ok((slot, PacketIndex::new(initial_roc, seq)));
        };
        let index = stream.rtp.next(seq, initial_roc).map_err(|end| match end {
            OutOfRange::Below => ProtectError::IndexTooOld { ssrc, seq },
            OutOfRange::Above => ProtectError::IndexExhausted {
                ssrc,
                plane: Plane::Rtp,
            },
        })?;
        match stream.rtp.check(index) {
            Ok(()) => Ok((slot, index)),
            Err(Refused::Replayed) if self.options.allow_identical_retransmission => {
                Ok((slot, index))
            }
            Err(Refused::Replayed) => Err(ProtectError::IndexReused {
                ssrc,
                index: index.value(),
            }),
            Err(Refused::TooOld) => Err(ProtectError::IndexTooOld { ssrc, seq }),
        }
    }

    /// The selected key, if it is not used up, and the stream at `slot`, if there is room for it.
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
        let stream = streams.admit(slot, ssrc, || Stream::new(options.window));
        let full = |TableFull { most }| ProtectError::TooManyStreams { ssrc, most };
        let stream = stream.map_err(full)?;
        stream.removed_under = None;
        Ok((key, stream))
    }
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
#[inline]
fn seal(key: &mut RingKey, packet: &mut Laid<&mut [u8]>, at: Position, enciphers: bool) -> usize {
    key.transform(at).seal(packet, at, enciphers);
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

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("suite", &self.suite())
            .field("keys", &self.context.ring.len())
            .field("streams", &self.context.streams.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CryptoSuite, Receiver};
    use alloc::vec;

    /// 2^31 packets are too many to send in a test: the counter is set to where they would have taken it.
    #[test]
    fn after_the_last_srtcp_index_a_sender_refuses_srtcp_of_that_ssrc_and_nothing_else() {
        for suite in CryptoSuite::ALL {
            let bytes = vec![7; suite.key_and_salt_len()];
            let key = || MasterKey::new(suite, &bytes).unwrap();
            let (mut tx, mut rx) = (Sender::new(key()), Receiver::new(key()));
            let (ssrc, plane) = (5, Plane::Rtcp);
            let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
            tx.protect_rtcp_vec(&mut report.to_vec()).unwrap();
            let stream = tx.context.streams.get_mut(ssrc).unwrap();
            stream.srtcp.mark_sent(0x7fff_fffe);

            let mut last = report.to_vec();
            tx.protect_rtcp_vec(&mut last).unwrap();
            assert_eq!(rx.verify_rtcp(&last), Ok(0x7fff_ffff), "{suite}");

            let used: Vec<_> = tx.keys().map(|(_, usage)| usage).collect();
            for _ in 0..2 {
                let mut packet = report.to_vec();
                let refused = tx.protect_rtcp_vec(&mut packet);
                assert_eq!(refused, Err(ProtectError::IndexExhausted { ssrc, plane }));
                assert_eq!(packet, report, "{suite}");
            }
            assert!(tx.keys().map(|(_, usage)| usage).eq(used), "{suite}");
            assert_eq!(tx.statistics().rtcp.errors.index_exhausted, 2);

            let other = [0x80, 201, 0, 1, 0, 0, 0, 6];
            assert!(tx.protect_rtcp_vec(&mut other.to_vec()).is_ok(), "{suite}");
            let media = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5];
            assert!(tx.protect_rtp_vec(&mut media.to_vec()).is_ok(), "{suite}");
            // A removed stream stays at its end.
            assert!(tx.remove_stream(ssrc));
            assert!(
                tx.protect_rtcp_vec(&mut report.to_vec()).is_err(),
                "{suite}"
            );
        }
    }
}
