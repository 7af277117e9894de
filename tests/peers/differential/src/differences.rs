//! Every difference between the two that is known and meant, and the clause that decides it. Everything else fails the run.
//!
//! What never gets as far as a packet:
//!
//! - F8 (RFC 3711 §4.1.2), cryptex (RFC 9335), key derivation rates (RFC 3711 §4.3.1) and lifetimes (RFC 4568 §6.1): libsrtp 2.5 has none of them.
//! - AES-192 (RFC 6188 §3): the session keys that Debian's build derives are others than those of the RFC. `decrypt_elsewhere.py` checks
//!   that neither side takes the other's packets.
//! - `PADDING_BETWEEN_ELEMENTS`: keystream for elements of header extensions covers padding too (RFC 6904 §3); libsrtp draws none for it.
//!   Elements are made without padding between them here, and `tests/vectors.rs` has the rest.
//! - Elements that are cut off, and extensions of other profiles, where elements are to be encrypted: libsrtp refuses such packets
//!   (RFC 8285 §4.1.2, §4.1 asks that what is not understood be passed on).
//! - A rollover counter that is set in the course of a stream: libsrtp goes on using the one that was set. Here it is set at the beginning.

use srtp_sdes::Plane;

use crate::setup::Setup;
use crate::verdict::{Cause, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    FirstSrtcpIndex,
    SrtcpWindow,
    WindowRoundedUp,
    BelowIndexZero,
    HalfOfTheNumbers,
    BeyondTheLastIndex,
    UnprovenJump,
    Version,
    EBitUnderGcm,
    MkiBeforeTheWrongTag,
}

impl Difference {
    pub const ALL: [Self; 10] = [
        Self::FirstSrtcpIndex,
        Self::SrtcpWindow,
        Self::WindowRoundedUp,
        Self::BelowIndexZero,
        Self::HalfOfTheNumbers,
        Self::BeyondTheLastIndex,
        Self::UnprovenJump,
        Self::Version,
        Self::EBitUnderGcm,
        Self::MkiBeforeTheWrongTag,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Self::FirstSrtcpIndex => {
                "SRTCP begins at index 0 (RFC 3711 §3.4); libsrtp begins at 1, and takes 0"
            }
            Self::SrtcpWindow => {
                "the window is that of the builder in both planes (RFC 3711 §3.3.2: 64 at least); libsrtp's for SRTCP has 128 always"
            }
            Self::WindowRoundedUp => {
                "a window of n has n (RFC 3711 §3.3.2); libsrtp rounds up to a multiple of 32"
            }
            Self::BelowIndexZero => {
                "at ROC 0 a number more than 2^15 ahead would be of ROC -1, and is refused (RFC 3711 appendix A); libsrtp takes it for ROC 0"
            }
            Self::HalfOfTheNumbers => {
                "a sender's step of 2^15 is one back, too old; libsrtp applies the receiver's estimate (RFC 3711 §3.3.1), for which it is one ahead"
            }
            Self::BeyondTheLastIndex => {
                "2^48 - 1 is the last index (RFC 3711 §3.3.1, §9.2); libsrtp's rollover counter wraps to 0"
            }
            Self::UnprovenJump => {
                "without authentication a jump is at most 2^14 (RFC 3711 §3.3.1: the estimate is not robust then); libsrtp has no bound"
            }
            Self::Version => {
                "a version other than 2 is neither RTP nor RTCP (RFC 3550 §5.1, §6.4.1); libsrtp does not look"
            }
            Self::EBitUnderGcm => {
                "SRTCP whose E bit is not what was agreed is refused by default; libsrtp goes by the packet under GCM (RFC 7714 §9.3), and refuses elsewhere"
            }
            Self::MkiBeforeTheWrongTag => {
                "the MKI stands before the SRTCP tag (RFC 3711 §3.4); libsrtp 2.5 looks for it before a tag of SRTP's length"
            }
        }
    }
}

/// The difference that explains two verdicts on a packet received, if one does.
pub fn in_receiving(
    setup: &Setup,
    plane: Plane,
    packet: &[u8],
    ours: &Verdict,
    theirs: &Verdict,
) -> Option<Difference> {
    let is_rtcp = plane == Plane::Rtcp;
    let mki_is_misplaced = setup.has_mki()
        && !setup.suite.is_aead()
        && setup.tag(Plane::Rtp) != setup.tag(Plane::Rtcp);
    let is_unproven = setup.tag(plane) == 0;
    let they_take_it = theirs.is_accepted();
    // One of them stops at the window, the other goes on to look closer.
    let differ_in_window = |a: &Verdict, b: &Verdict| {
        a.is(Cause::TooOld)
            && (b.is_accepted() || b.is(Cause::Replayed) || b.is(Cause::Authentication))
    };
    if is_rtcp && mki_is_misplaced && !they_take_it {
        Some(Difference::MkiBeforeTheWrongTag)
    } else if they_take_it && ours.is(Cause::BelowZero) {
        Some(Difference::BelowIndexZero)
    } else if they_take_it && ours.is(Cause::Exhausted) {
        Some(Difference::BeyondTheLastIndex)
    } else if they_take_it && ours.is(Cause::JumpTooFar) && is_unproven {
        Some(Difference::UnprovenJump)
    } else if they_take_it && ours.is(Cause::Shape) && is_unproven && packet[0] >> 6 != 2 {
        Some(Difference::Version)
    } else if they_take_it && ours.is(Cause::EncryptionMismatch) && is_rtcp && setup.suite.is_aead()
    {
        Some(Difference::EBitUnderGcm)
    } else if is_rtcp
        && (setup.window < 128 && differ_in_window(ours, theirs)
            || setup.window > 128 && differ_in_window(theirs, ours))
    {
        Some(Difference::SrtcpWindow)
    } else if !is_rtcp && !setup.window.is_multiple_of(32) && differ_in_window(ours, theirs) {
        Some(Difference::WindowRoundedUp)
    } else {
        None
    }
}

/// The difference that explains two verdicts on an RTP packet sent, if one does. `highest` is the highest index of its stream.
pub fn in_sending(
    setup: &Setup,
    highest: Option<u64>,
    seq: u16,
    ours: &Verdict,
    theirs: &Verdict,
) -> Option<Difference> {
    let highest = highest?;
    let is_ahead = u64::from(seq) > highest;
    if theirs.is_accepted() && ours.is(Cause::Exhausted) {
        Some(Difference::BeyondTheLastIndex)
    } else if !ours.is(Cause::TooOld) {
        None
    } else if seq.wrapping_sub(highest as u16) == 0x8000 && theirs.is_accepted() {
        Some(Difference::HalfOfTheNumbers)
    } else if highest <= 0x8000 && is_ahead && u64::from(seq) - highest > 0x8000 {
        Some(Difference::BelowIndexZero)
    } else if !setup.window.is_multiple_of(32)
        && (theirs.is_accepted() || theirs.is(Cause::Replayed))
    {
        Some(Difference::WindowRoundedUp)
    } else {
        None
    }
}
