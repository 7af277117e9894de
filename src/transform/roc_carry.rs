//! The rollover counter in the authentication tag of some SRTP packets (RFC 4771).
//!
//! ```text
//!            SEQ mod R = 0         other packets
//! RCCm1      ROC │ MAC of n − 4    no tag          n: bytes of the tag
//! RCCm2      ROC │ MAC of n − 4    MAC of n
//! RCCm3      ROC                   no tag
//! ```

use core::num::NonZeroU16;

use super::{Authentic, Position, Transform};
use crate::error::{BuildError, StateError};
use crate::layout::{Laid, ROC_LEN, Trailer};
use crate::state::{Reader, Writer};
use crate::suite::CryptoSuite;

/// Which SRTP packets carry the rollover counter (ROC) in their authentication tag, and which have an authentication tag at all: the three modes
/// of RFC 4771, for [`Builder::roc_carry`](crate::Builder::roc_carry).
///
/// A packet carries the counter if its sequence number is a multiple of the rate R, so that 0 always does. Modes and R are agreed on elsewhere
/// (MIKEY has them, SDP security descriptions do not); R is 1 where nothing was said (RFC 4771 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RocCarry {
    mode: Mode,
    rate: NonZeroU16,
    tag_len: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Rccm1,
    Rccm2,
    Rccm3,
}

impl RocCarry {
    /// RCCm2: every packet is authenticated. One that carries the counter has 4 bytes of it and 4 bytes of MAC fewer than the others.
    #[must_use]
    pub const fn rccm2(rate: NonZeroU16) -> Self {
        Self::new(Mode::Rccm2, rate)
    }

    /// RCCm1: only packets that carry the counter are authenticated, **the packets between them have no tag, and anybody can forge those**. With
    /// a rate of 1 there are none between, and it is the same as [`rccm2`](Self::rccm2).
    ///
    /// Forged packets that claim to carry the counter change nothing. Packets between are deciphered where the last packets make them
    /// belong, may come twice, and begin and move no stream: they only move the guess where the next ones between belong, by at most 2^14 each, until a packet
    /// that carries the counter sets it right. They count towards the life of the key.
    #[must_use]
    pub const fn rccm1_unauthenticated_between(rate: NonZeroU16) -> Self {
        Self::new(Mode::Rccm1, rate)
    }

    /// RCCm3: **no packet is authenticated**; those that carry the counter have those 4 bytes and nothing more. SRTCP keeps its tag. RFC 4771 §5
    /// allows it only where everybody on the path is trusted.
    ///
    /// The counter is taken as it comes: to any index with the first packet of a stream that carries it, and by at most 2^14 with each one after it
    /// ([`JumpTooFar`](crate::UnprotectError::JumpTooFar) beyond; [`set_roc`](crate::Receiver::set_roc) then takes the receiver there). That bound stands
    /// where RFC 4771 §3 has the application say whether it is in step. Packets
    /// between are treated as those of [`rccm1_unauthenticated_between`](Self::rccm1_unauthenticated_between).
    #[must_use]
    pub const fn rccm3_unauthenticated(rate: NonZeroU16) -> Self {
        Self::new(Mode::Rccm3, rate)
    }

    const fn new(mode: Mode, rate: NonZeroU16) -> Self {
        let tag_len = None;
        Self {
            mode,
            rate,
            tag_len,
        }
    }

    /// The length of the tag in bytes, the 4 of the counter included (RFC 4771 §4): 8 to 20, and 4 for RCCm3. It is the one tag length of all packets
    /// that have a tag, so that under RCCm2 the MAC is 4 bytes shorter in those that carry the counter (RFC 4771 §5).
    ///
    /// Default: the suite's SRTP tag and 4 bytes, so that no MAC is shorter than without this: 14 for the `_80` suites, as RFC 4771 §5 recommends, and 8 for the `_32` suites.
    #[must_use]
    pub const fn tag_len(mut self, bytes: usize) -> Self {
        // Two bytes: it stands among what every packet asks a context for.
        let [low, high, ..] = bytes.to_le_bytes();
        let len = u16::from_le_bytes([low, high]);
        self.tag_len = Some(if bytes > 0xffff { u16::MAX } else { len });
        self
    }

    /// Does this go with `suite`?
    pub(crate) fn check(self, suite: CryptoSuite) -> Result<(), BuildError> {
        if suite.is_aead() {
            return Err(BuildError::RocCarryAead { suite });
        }
        if suite.rtp_tag_len() == 0 {
            return Err(BuildError::RocCarryNullAuth { suite });
        }
        let bytes = self.longest_tag(suite);
        let allowed = match self.mode {
            // At least the MAC of the `_32` suites, and no more than HMAC-SHA1 gives.
            Mode::Rccm1 | Mode::Rccm2 => (8..=20).contains(&bytes),
            Mode::Rccm3 => bytes == ROC_LEN,
        };
        allowed
            .then_some(())
            .ok_or(BuildError::RocCarryTag { bytes })
    }

    /// Bytes of the tag under `suite`, in packets that have one.
    pub(crate) fn longest_tag(self, suite: CryptoSuite) -> usize {
        match (self.tag_len, self.mode) {
            (Some(len), _) => len.into(),
            (None, Mode::Rccm1 | Mode::Rccm2) => suite.rtp_tag_len() + ROC_LEN,
            (None, Mode::Rccm3) => ROC_LEN,
        }
    }

    /// The same with the length of the tag under `suite` spelled out.
    pub(crate) fn resolved(self, suite: CryptoSuite) -> Self {
        self.tag_len(self.longest_tag(suite))
    }

    pub(crate) fn write(self, w: &mut Writer) {
        w.u8(match self.mode {
            Mode::Rccm1 => 1,
            Mode::Rccm2 => 2,
            Mode::Rccm3 => 3,
        });
        w.u16(self.rate.get());
        // More than fits is as wrong as the greatest that does, and `check` lets neither pass.
        let tag_len = self.tag_len.map(|len| u8::try_from(len).unwrap_or(u8::MAX));
        w.option(tag_len, Writer::u8);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let malformed = StateError::Malformed;
        Ok(Self {
            mode: match r.u8()? {
                1 => Mode::Rccm1,
                2 => Mode::Rccm2,
                3 => Mode::Rccm3,
                _ => return Err(malformed),
            },
            rate: NonZeroU16::new(r.u16()?).ok_or(malformed)?,
            tag_len: r.option(Reader::u8)?.map(u16::from),
        })
    }

    /// Does the packet with this sequence number carry the counter?
    pub(crate) fn carries(self, seq: u16) -> bool {
        seq % self.rate == 0
    }

    /// Is it one that neither carries the counter nor has a tag?
    pub(crate) fn is_between(self, seq: u16) -> bool {
        self.mode != Mode::Rccm2 && !self.carries(seq)
    }

    /// Has it a MAC?
    pub(crate) fn authenticates(self, seq: u16) -> bool {
        self.mode != Mode::Rccm3 && !self.is_between(seq)
    }

    /// What stands behind its payload, where `longest` does behind those with a tag.
    pub(crate) fn trailer(self, longest: Trailer, seq: u16) -> Trailer {
        match self.is_between(seq) {
            true => longest.without_tag(),
            false => longest,
        }
    }
}

/// Puts the rollover counter into the tag of a packet that was sealed at `at`: TAG = ROC ‖ MAC_tr (RFC 4771 §2).
#[cold]
pub(crate) fn carry_roc(packet: &mut Laid<&mut [u8]>, at: Position) {
    packet.insert_roc(at.roc_bytes());
}

impl Transform {
    /// Does `packet` belong at `at`, where the rollover counter is the one that it carries? Reads only.
    #[cold]
    pub(crate) fn verify_carried(&self, packet: &Laid<&[u8]>, at: Position) -> Option<Authentic> {
        let (roc, mac) = packet.roc_and_mac()?;
        match self {
            Self::Hmac(transform) if roc.to_be_bytes() == at.roc_bytes() => {
                transform.verify_mac(packet, mac, at)
            }
            // The builder lets nobody come here.
            _ => None,
        }
    }
}
