//! Seal and open a packet whose place in its stream is known (RFC 3711 §4, RFC 7714).
//!
//! This module is the only source of [`Authentic`], and an [`Authentic`] is the only thing that
//! moves the state of a stream.

mod counter_mode;
mod f8;
mod gcm;
mod hmac;

use zeroize::ZeroizeOnDrop;

use crate::header::Plane;
use crate::kdf::{Kdf, Purpose};
use crate::layout::Laid;
use crate::suite::{CipherKind, CryptoSuite};

use gcm::GcmTransform;
use hmac::HmacTransform;

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
    /// The SSRC, and the index in the 6 bytes that counter mode and GCM give it in both planes.
    fn ssrc_and_index(self) -> impl Iterator<Item = u8> {
        let [_, _, index @ ..] = self.index.to_be_bytes();
        self.ssrc.to_be_bytes().into_iter().chain(index)
    }

    /// The rollover counter of an SRTP packet: the upper 32 bits of the 48.
    fn roc_bytes(self) -> [u8; 4] {
        let [_, _, r0, r1, r2, r3, _, _] = self.index.to_be_bytes();
        [r0, r1, r2, r3]
    }
}

/// A session salt, wiped when dropped.
#[derive(ZeroizeOnDrop)]
struct SessionSalt<const N: usize>([u8; N]);

impl<const N: usize> SessionSalt<N> {
    fn derive(kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let mut salt = Self([0; N]);
        kdf.derive(plane, Purpose::Salt, r, &mut salt.0);
        salt
    }

    /// The salt with the place of a packet XORed onto it.
    fn xor(&self, place: impl Iterator<Item = u8>) -> [u8; N] {
        let mut bytes = self.0;
        for (byte, place) in bytes.iter_mut().zip(place) {
            *byte ^= place;
        }
        bytes
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
    /// There is no tag: AES_CM_128_NULL_AUTH or UNAUTHENTICATED_SRTP, which the caller asked for by name.
    PolicyWaived,
}

impl Authentic {
    /// Only if the packet's tag is right.
    fn verified(position: Position, tag_is_right: bool) -> Option<Self> {
        let origin = Origin::Verified;
        tag_is_right.then_some(Self { position, origin })
    }

    /// Only where the layout has no tag, by policy: see [`Origin::PolicyWaived`].
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
#[expect(
    clippy::large_enum_variant,
    reason = "a context has a handful of these, and a packet should meet no pointer"
)]
pub(crate) enum Transform {
    Hmac(HmacTransform),
    Gcm(GcmTransform),
}

impl Transform {
    /// Derives the session keys of `plane` in epoch `r` (RFC 3711 §4.3).
    pub(crate) fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        match suite.cipher() {
            CipherKind::Gcm => Self::Gcm(GcmTransform::derive(suite, kdf, plane, r)),
            _ => Self::Hmac(HmacTransform::derive(suite, kdf, plane, r)),
        }
    }

    /// Protects the plain packet in `packet`, whose ESRTCP word and MKI are written: enciphers the payload if
    /// `enciphered`, and writes the tag.
    #[inline]
    pub(crate) fn seal(&self, packet: &mut Laid<&mut [u8]>, at: Position, enciphered: bool) {
        match self {
            Self::Hmac(transform) => transform.seal(packet, at, enciphered),
            Self::Gcm(transform) => transform.seal(packet, at, enciphered),
        }
    }

    /// Does `packet` belong at `at`? Reads only.
    #[inline]
    pub(crate) fn verify(
        &self,
        packet: &Laid<&[u8]>,
        at: Position,
        enciphered: bool,
    ) -> Option<Authentic> {
        match self {
            Self::Hmac(transform) => transform.verify(packet, at),
            Self::Gcm(transform) => transform.verify(packet, at, enciphered),
        }
    }

    /// Deciphers the payload of an enciphered packet that was [`verify`](Self::verify)ed.
    #[inline]
    pub(crate) fn decipher(&self, header: &[u8], payload: &mut [u8], at: Position) {
        match self {
            Self::Hmac(transform) => transform.decipher(header, payload, at),
            Self::Gcm(transform) => transform.decipher(payload, at),
        }
    }
}
