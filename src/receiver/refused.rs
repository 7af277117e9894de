//! What is said of packets that are refused.

use crate::error::UnprotectError;
use crate::index::OutOfRange;
use crate::replay::Refused;
use crate::stream::NotAdmitted;
use crate::transform::Position;

/// Of a sequence number that stands for nothing that could be accepted.
pub(super) fn not_admitted(why: NotAdmitted, ssrc: u32, highest: Option<u64>) -> UnprotectError {
    match why {
        NotAdmitted::Refused(refused, index) => refusal(refused, ssrc, index.value(), highest),
        NotAdmitted::OutOfRange(OutOfRange::Below) => refusal(Refused::TooOld, ssrc, 0, highest),
        NotAdmitted::OutOfRange(OutOfRange::Above) => UnprotectError::IndexExhausted { ssrc },
    }
}

/// Of an index that a window refuses.
pub(super) fn refusal(
    refused: Refused,
    ssrc: u32,
    index: u64,
    highest: Option<u64>,
) -> UnprotectError {
    match refused {
        Refused::Replayed => UnprotectError::Replayed { ssrc, index },
        Refused::TooOld => UnprotectError::TooOld {
            ssrc,
            highest: highest.unwrap_or_default(),
        },
    }
}

/// Of an index that nothing vouches for.
pub(super) fn jump_too_far(at: Position, highest: u64) -> UnprotectError {
    UnprotectError::JumpTooFar {
        ssrc: at.ssrc,
        index: at.index,
        highest,
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
