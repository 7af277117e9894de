//! What became of a packet, in words that both implementations have.

use srtp_sdes::{ProtectError, UnprotectError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The packet that came out.
    Accepted(Vec<u8>),
    Refused(Cause),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Authentication,
    Replayed,
    TooOld,
    /// The index would be negative.
    BelowZero,
    JumpTooFar,
    Mki,
    EncryptionMismatch,
    Exhausted,
    /// Too short, or no RTP.
    Shape,
    Other,
}

impl Verdict {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    pub fn is(&self, cause: Cause) -> bool {
        *self == Self::Refused(cause)
    }
}

pub trait HasCause {
    fn cause(&self) -> Cause;
}

impl HasCause for UnprotectError {
    fn cause(&self) -> Cause {
        match self {
            Self::AuthenticationFailed { .. } => Cause::Authentication,
            Self::Replayed { .. } => Cause::Replayed,
            Self::TooOld { .. } => Cause::TooOld,
            Self::JumpTooFar { .. } => Cause::JumpTooFar,
            Self::UnknownMki { .. } => Cause::Mki,
            Self::EncryptionMismatch { .. } => Cause::EncryptionMismatch,
            Self::IndexExhausted { .. } => Cause::Exhausted,
            Self::Malformed(_) | Self::TooShort { .. } => Cause::Shape,
            _ => Cause::Other,
        }
    }
}

impl HasCause for ProtectError {
    fn cause(&self) -> Cause {
        match self {
            Self::IndexReused { .. } => Cause::Replayed,
            Self::IndexTooOld { .. } => Cause::TooOld,
            Self::IndexExhausted { .. } => Cause::Exhausted,
            Self::Malformed(_) => Cause::Shape,
            _ => Cause::Other,
        }
    }
}

impl<T: AsRef<[u8]>, E: HasCause> From<Result<T, E>> for Verdict {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(packet) => Self::Accepted(packet.as_ref().to_vec()),
            Err(error) => Self::Refused(error.cause()),
        }
    }
}
