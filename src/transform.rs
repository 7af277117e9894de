//! Seal and open a packet whose place in its stream is known (RFC 3711 §4, RFC 7714).
//!
//! This module is the only source of [`Authentic`], and an [`Authentic`] is the only thing that
//! moves the state of a stream.

mod cipher;
mod counter_mode;
mod f8;
mod gcm;
mod header_ext;
mod hmac;
mod roc_carry;

use zeroize::ZeroizeOnDrop;

use crate::header::Plane;
use crate::kdf::Kdf;
use crate::layout::{EncryptedPortion, Laid};
use crate::primitives::SHA1_LEN;
use crate::suite::{CipherKind, CryptoSuite};

use gcm::GcmTransform;
pub(crate) use header_ext::{ElementIds, HeaderCipher, HeaderUse, cryptex_profile};
use hmac::HmacTransform;
pub(crate) use hmac::TagJob;
pub use roc_carry::RocCarry;
pub(crate) use roc_carry::carry_roc;

/// The place of a packet: stream, plane, and its index there. For a packet received it is a claim until
/// [`Transform::verify`] has turned it into an [`Authentic`] one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) plane: Plane,
    pub(crate) ssrc: u32,
    /// `ROC‖SEQ` (48 bits) or the SRTCP index (31 bits).
    pub(crate) index: u64,
}

impl Position {
    /// `SSRC * 2^48 + i`, as counter mode and GCM have it in both planes.
    fn ssrc_and_index(self) -> u128 {
        u128::from(self.ssrc) << 48 | u128::from(self.index)
    }

    /// The rollover counter of an SRTP packet: the upper 32 bits of the 48.
    fn roc_bytes(self) -> [u8; 4] {
        let [_, _, r0, r1, r2, r3, _, _] = self.index.to_be_bytes();
        [r0, r1, r2, r3]
    }
}

/// A session salt as a number, big-endian; wiped when dropped.
#[derive(ZeroizeOnDrop)]
struct SessionSalt(u128);

impl SessionSalt {
    fn of(bytes: &[u8]) -> Self {
        let number = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        Self(number)
    }
}

/// Proof that a packet belongs at a position, by its tag or because the policy gave authentication up.
///
/// Its fields are private to this module, which constructs it in [`Authentic::verified`] and
/// [`Authentic::waived`] alone.
#[derive(Debug)]
#[must_use]
pub(crate) struct Authentic {
    position: Position,
    origin: Origin,
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// The tag is right.
    Verified,
    /// There is no tag: AES_CM_128_NULL_AUTH, UNAUTHENTICATED_SRTP, RCCm3, or RCCm1 between the packets that carry the rollover counter, which the
    /// caller asked for by name.
    PolicyWaived,
}

impl Authentic {
    /// Only if the packet's tag is right.
    fn verified(position: Position, tag_is_right: bool) -> Option<Self> {
        let origin = Origin::Verified;
        tag_is_right.then_some(Self { position, origin })
    }

    /// Only where the layout has no tag, or no MAC in it, by policy: see [`Origin::PolicyWaived`].
    fn waived(position: Position) -> Self {
        let origin = Origin::PolicyWaived;
        Self { position, origin }
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Did a tag vouch for the packet?
    pub(crate) fn is_proven(&self) -> bool {
        self.origin == Origin::Verified
    }
}

/// The session keys of one plane and what they do to a packet.
#[allow(
    clippy::large_enum_variant,
    reason = "keys for a new epoch are derived on the packet path, which does not allocate; with the feature simd both are alike"
)]
pub(crate) enum Transform {
    Hmac(HmacTransform),
    Gcm(GcmTransform),
}

/// What is derived from a master key, anew in each epoch.
pub(crate) trait SessionKey {
    /// Derives the session keys of `plane` in epoch `r` (RFC 3711 §4.3).
    fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self;
}

impl SessionKey for Transform {
    fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        match suite.cipher() {
            CipherKind::Gcm => Self::Gcm(GcmTransform::derive(suite, kdf, plane, r)),
            _ => Self::Hmac(HmacTransform::derive(suite, kdf, plane, r)),
        }
    }
}

impl Transform {
    /// Protects the plain packet in `packet`, whose ESRTCP word and MKI are written: enciphers the payload if
    /// `enciphered`, and writes the tag.
    #[inline(always)]
    pub(crate) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        match self {
            Self::Hmac(transform) => transform.seal(packet, at, enciphered),
            Self::Gcm(transform) => transform.seal(packet, at, enciphered),
        }
    }

    /// The same with cryptex (RFC 9335), by which the extension is marked.
    #[cold]
    pub(crate) fn seal_cryptex(&self, packet: &mut Laid<&mut [u8]>, at: Position) {
        match self {
            Self::Hmac(transform) => transform.seal_cryptex(packet, at),
            Self::Gcm(transform) => transform.seal_cryptex(packet, at),
        }
    }

    /// The same but for a tag that can as well be computed beside others: returns what is left to do.
    #[inline(always)]
    pub(crate) fn seal_but_tag(
        &self,
        packet: &mut Laid<&mut [u8]>,
        at: Position,
        enciphered: bool,
    ) -> Option<TagJob> {
        match self {
            Self::Hmac(transform) => transform.seal_but_tag(packet, at, enciphered),
            Self::Gcm(transform) => {
                transform.seal(packet, at, enciphered);
                None
            }
        }
    }

    /// What it takes to compute the code of `packet` at `at` beside others, if that can be done.
    #[inline(always)]
    pub(crate) fn tag_job(&self, packet: &Laid<&[u8]>, at: Position) -> Option<TagJob> {
        match self {
            Self::Hmac(transform) => transform.tag_job(packet, at),
            Self::Gcm(_) => None,
        }
    }

    /// What [`verify`](Self::verify) says, with the code of a job in place of one that is computed, where it is of the same bytes under the same key.
    #[inline(always)]
    pub(crate) fn verify_by(
        &self,
        known: (&TagJob, &[u8; SHA1_LEN]),
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        match self {
            Self::Hmac(transform) => transform.verify_by(known, packet, at),
            Self::Gcm(transform) => transform.verify(packet, at, portion),
        }
    }

    /// Does `packet` belong at `at`? Reads only.
    #[inline(always)]
    pub(crate) fn verify(
        &self,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        match self {
            Self::Hmac(transform) => transform.verify(packet, at),
            Self::Gcm(transform) => transform.verify(packet, at, portion),
        }
    }

    /// Deciphers what is behind the first `header` bytes of an enciphered packet that was [`verify`](Self::verify)ed.
    #[inline(always)]
    pub(crate) fn decipher(&self, plain: &mut [u8], header: usize, at: Position) {
        match self {
            Self::Hmac(transform) => transform.decipher(plain, header, at),
            Self::Gcm(transform) => transform.decipher(plain, header, at),
        }
    }
}
