//! Unprotecting packets: one direction of one RTP session (RFC 3711 §3.3, §3.4).

// The way of a packet, and what it meets there.
mod path;
mod claimed;
mod accepted;
mod decipher;
mod refused;
// Where it branches off.
mod forms;
mod overlap;
mod foreseen;
// Between packets.
mod upkeep;
mod failover;

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::builder::{Builder, EBitPolicy, Options, SrtcpTag};
use crate::context::Context;
use crate::error::{BuildError, UnprotectError};
use crate::header::Plane;
use crate::index::PacketIndex;
use crate::key::MasterKey;
use crate::layout::Trailer;
use crate::replay::ReplayWindow;
use crate::statistics::UnprotectErrorCounts;
use crate::stream::MOST_GUESSES;
use crate::suite::CryptoSuite;

pub(crate) use foreseen::Foreseen;
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
/// [`rekey_with`](Self::rekey_with) where streams may begin anew, and by at most 2^14 with each one after it. Under
/// [RCCm3](crate::RocCarry::rccm3_unauthenticated) that goes for packets that carry their rollover counter. What has no tag there, or under
/// [RCCm1](crate::RocCarry::rccm1_unauthenticated_between), makes and moves no stream, but it is let through, more than once too, and
/// counts towards the life of its key.
///
/// A `Receiver` is `Send` and `Sync`; unprotecting takes `&mut`.
// In this order, and from the beginning of a line of the cache: see `Context`.
#[repr(C, align(64))]
pub struct Receiver {
    /// The keys of before, while packets under them are still on their way.
    former: Option<Box<Former>>,
    /// How many indices are tried for a packet.
    most_guesses: usize,
    options: ReceiverOptions,
    context: Context<ReplayWindow, UnprotectErrorCounts>,
    /// The other SRTCP trailer to try, where either tag length is accepted.
    other_rtcp: Option<Trailer>,
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
        let tag = other.len(context.ring.suite());
        let other = context.formats.rtcp.with_tag(tag);
        self.accept_either_srtcp_tag.then_some(other)
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
        self.unprotect(Plane::Rtp, packet)
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
        self.unprotect(Plane::Rtcp, packet)
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

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("suite", &self.suite())
            .field("keys", &self.context.ring.len())
            .field("streams", &self.context.streams.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn what_every_packet_of_srtp_asks_of_a_receiver_is_in_three_lines_of_the_cache() {
        assert_eq!(align_of::<Receiver>(), 64);
        // The keys are right before the streams, in 24 bytes as these.
        let streams = offset_of!(Receiver, context.streams);
        let mut lines = [
            offset_of!(Receiver, former),
            offset_of!(Receiver, context.formats.rtp_portion),
            streams - 24,
            streams + 23,
            offset_of!(Receiver, context.options.initial_roc),
        ]
        .map(|at| at / 64)
        .to_vec();
        lines.sort_unstable();
        lines.dedup();
        assert!(lines.len() <= 3, "{lines:?}");
    }
}
