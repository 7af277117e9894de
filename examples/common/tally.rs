//! What a relay did with the packets of one direction, counted.

use srtp_sdes::{Plane, ProtectError, UnprotectError};

/// Why a packet was not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Foreign,
    Stranger,
    NotAuthentic,
    TooShort,
    Replayed,
    TooOld,
    UnknownMki,
    EBit,
    KeyExpired,
    TooManyStreams,
    SentBefore,
    BehindWhatWasSent,
    NowhereToSend,
    NotSent,
    Other,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    const ALL: [(Self, &'static str); 15] = [
        (Self::Foreign, "neither RTP nor RTCP"),
        (Self::Stranger, "from another address"),
        (Self::NotAuthentic, "not authentic"),
        (Self::TooShort, "too short for this suite"),
        (Self::Replayed, "seen before"),
        (Self::TooOld, "older than the replay window"),
        (Self::UnknownMki, "under an unknown MKI"),
        (Self::EBit, "with another E bit than agreed"),
        (Self::KeyExpired, "under a key past its lifetime"),
        (Self::TooManyStreams, "of one SSRC too many"),
        (Self::SentBefore, "sequence number sent before"),
        (Self::BehindWhatWasSent, "sequence number too far back"),
        (
            Self::NowhereToSend,
            "before the other side's address was known",
        ),
        (Self::NotSent, "not taken by the network"),
        (Self::Other, "refused otherwise"),
    ];
}

impl From<UnprotectError> for Refusal {
    fn from(error: UnprotectError) -> Self {
        match error {
            UnprotectError::Malformed(_) => Self::Foreign,
            UnprotectError::TooShort { .. } => Self::TooShort,
            UnprotectError::UnknownMki { .. } => Self::UnknownMki,
            UnprotectError::Replayed { .. } => Self::Replayed,
            UnprotectError::TooOld { .. } => Self::TooOld,
            UnprotectError::KeyExpired => Self::KeyExpired,
            UnprotectError::AuthenticationFailed { .. } => Self::NotAuthentic,
            UnprotectError::EncryptionMismatch { .. } => Self::EBit,
            UnprotectError::TooManyStreams { .. } => Self::TooManyStreams,
            _ => Self::Other,
        }
    }
}

impl From<ProtectError> for Refusal {
    fn from(error: ProtectError) -> Self {
        match error {
            ProtectError::Malformed(_) => Self::Foreign,
            ProtectError::IndexReused { .. } => Self::SentBefore,
            ProtectError::IndexTooOld { .. } => Self::BehindWhatWasSent,
            ProtectError::KeyExpired => Self::KeyExpired,
            ProtectError::TooManyStreams { .. } => Self::TooManyStreams,
            _ => Self::Other,
        }
    }
}

/// The packets of one plane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlaneTally {
    received: u64,
    relayed: u64,
    bytes: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl PlaneTally {
    /// Counts one packet: the bytes of its plain form, if it was passed on.
    pub(crate) fn count(&mut self, outcome: Result<usize, Refusal>) {
        self.received += 1;
        match outcome {
            Ok(bytes) => {
                self.relayed += 1;
                self.bytes += bytes as u64;
            }
            Err(refusal) => self.refused[refusal as usize] += 1,
        }
    }

    /// The cells of a table: received, relayed, bytes, dropped, and why.
    pub(crate) fn cells(&self) -> [String; 5] {
        let reasons = Refusal::ALL.iter().filter_map(|(refusal, why)| {
            let count = self.refused[*refusal as usize];
            (count > 0).then(|| format!("{count} {why}"))
        });
        let reasons: Vec<String> = reasons.collect();
        [
            self.received.to_string(),
            self.relayed.to_string(),
            self.bytes.to_string(),
            self.refused.iter().sum::<u64>().to_string(),
            reasons.join(", "),
        ]
    }
}

/// The packets of both planes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rtp: PlaneTally,
    pub(crate) rtcp: PlaneTally,
}

impl Tally {
    pub(crate) fn of(&mut self, plane: Plane) -> &mut PlaneTally {
        match plane {
            Plane::Rtp => &mut self.rtp,
            Plane::Rtcp => &mut self.rtcp,
        }
    }
}
