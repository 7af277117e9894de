//! Protecting packets: one direction of one RTP session (RFC 3711 §3.3).

mod failover;
mod path;
mod upkeep;

use alloc::vec::Vec;
use core::fmt;

use crate::builder::{Builder, Cryptex, Options};
use crate::context::Context;
use crate::error::{BuildError, ProtectError};
use crate::header::{EXTENSION_HEADER, Plane};
use crate::key::MasterKey;
use crate::statistics::ProtectErrorCounts;
use crate::stream::SrtcpCounter;

pub(crate) use path::Source;

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
// In this order, and from the beginning of a line of the cache: see `Context`.
#[repr(C, align(64))]
pub struct Sender {
    selected: usize,
    options: SenderOptions,
    /// Another process had this sender before, and may have begun streams that are not known here.
    resumed: bool,
    context: Context<SrtcpCounter, ProtectErrorCounts>,
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
            resumed: false,
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
            resumed: false,
        }
    }

    /// Begins a sender with options.
    #[must_use]
    pub fn builder(key: MasterKey) -> SenderBuilder {
        Builder::new(key)
    }

    /// Protects, in place, the RTP packet in the first `len` bytes of `buf`, and returns the SRTP packet, which
    /// is longer by at most [`rtp_overhead`](Self::rtp_overhead) bytes (RFC 3711 §3.3).
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
    /// at most [`rtp_overhead`](Self::rtp_overhead) bytes more than `rtp` has.
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

    /// Protects the RTP packet in `packet`, which grows by at most [`rtp_overhead`](Self::rtp_overhead) bytes.
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

    /// Bytes that protection adds to an RTP packet, at most: MKI and tag. With [`cryptex`](Builder::cryptex) 4 more, which only packets with CSRCs
    /// and without a header extension take. With [`roc_carry`](Builder::roc_carry) packets may have no tag.
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
    use crate::{CryptoSuite, Margin, Receiver, StateError};
    use alloc::vec;
    use core::mem::offset_of;

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn what_every_packet_of_srtp_asks_of_a_sender_is_in_two_lines_of_the_cache() {
        let formats = offset_of!(Sender, context.formats.enciphers_rtp);
        assert_eq!(align_of::<Sender>(), 64);
        assert_eq!(offset_of!(Sender, selected) / 64, formats / 64);
        // The keys are right before the streams, in 24 bytes as these.
        let streams = offset_of!(Sender, context.streams);
        assert_eq!((streams - 24) / 64, (streams + 23) / 64);
    }

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

            let state = tx.export_state();
            for _ in 0..2 {
                let mut packet = report.to_vec();
                let refused = tx.protect_rtcp_vec(&mut packet);
                assert_eq!(refused, Err(ProtectError::IndexExhausted { ssrc, plane }));
                assert_eq!(packet, report, "{suite}");
            }
            assert!(tx.export_state() == state, "{suite}: a trace");
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

    #[test]
    fn a_state_at_the_last_srtcp_index_goes_on_there_and_one_beyond_it_is_malformed() {
        let suite = CryptoSuite::AeadAes128Gcm;
        let key = || MasterKey::new(suite, &vec![7; suite.key_and_salt_len()]).unwrap();
        let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
        let exported_at = |index: u32| {
            let mut tx = Sender::new(key());
            tx.protect_rtcp_vec(&mut report.to_vec()).unwrap();
            let stream = tx.context.streams.get_mut(5).unwrap();
            stream.srtcp.mark_sent(index);
            tx.export_state()
        };
        let resume = |state: &[u8]| Sender::builder(key()).build_resumed(state, Margin::NONE);
        let mut last = resume(&exported_at(0x7fff_ffff)).unwrap();
        assert_eq!(
            last.protect_rtcp_vec(&mut report.to_vec()),
            Err(ProtectError::IndexExhausted {
                ssrc: 5,
                plane: Plane::Rtcp
            })
        );
        for beyond in [1 << 31, u32::MAX] {
            let refused = resume(&exported_at(beyond)).map(|_| ());
            assert_eq!(refused, Err(StateError::Malformed));
        }
    }
}
