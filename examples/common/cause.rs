//! Why packets do not open by the rules that were agreed, in words that help.

use std::fmt;

use srtp_sdes::CryptoSuite;

/// A session parameter that one side may honour and the other not (RFC 4568 §6.3.2, §6.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Parameter {
    UnencryptedSrtp,
    UnencryptedSrtcp,
    UnauthenticatedSrtp,
}

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Self::UnencryptedSrtp => "UNENCRYPTED_SRTP",
            Self::UnencryptedSrtcp => "UNENCRYPTED_SRTCP",
            Self::UnauthenticatedSrtp => "UNAUTHENTICATED_SRTP",
        }
    }
}

/// Why a packet does not open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    NotEncrypted,
    RtcpInClear,
    WrongKey {
        /// Whose key opens it, if one is known that does.
        fits: Option<String>,
    },
    OtherSuite(CryptoSuiteName),
    SrtcpTag {
        expected: usize,
        found: usize,
    },
    Restarted,
    LifetimeEnded,
    RocOff {
        expected: u32,
        found: u32,
    },
    OneSided {
        parameter: Parameter,
        declared: bool,
    },
    Unknown,
}

/// A suite, in the order of its name.
pub(crate) type CryptoSuiteName = &'static str;

impl Cause {
    pub(crate) fn other_suite(suite: CryptoSuite) -> Self {
        Self::OtherSuite(suite.name())
    }

    /// In few words, always the same.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::NotEncrypted => "not encrypted at all".to_owned(),
            Self::RtcpInClear => "RTCP in the clear".to_owned(),
            Self::WrongKey { .. } => "wrong key".to_owned(),
            Self::OtherSuite(_) => "wrong suite".to_owned(),
            Self::SrtcpTag { expected, found } => {
                format!("SRTCP tag of {found} bytes where {expected} were expected")
            }
            Self::Restarted => "SSRC or sequence numbers restarted".to_owned(),
            Self::LifetimeEnded => "lifetime of the key at its end".to_owned(),
            Self::RocOff { .. } => "other rollover counter".to_owned(),
            Self::OneSided { parameter, .. } => {
                format!("{} honoured by one side only", parameter.name())
            }
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// The name, and what it means for whoever has to mend it.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::NotEncrypted => f.write_str(
                "plain media where keys were signalled; the sender, or something on the way, does not do SRTP",
            ),
            Self::RtcpInClear => {
                f.write_str("plain RTCP beside SRTP; a receiver has to drop it (RFC 3711 §3.4)")
            }
            Self::WrongKey { fits: None } => f.write_str(
                "no key, suite, tag length or rollover counter that is known here fits; the sender uses a key that was not signalled to this receiver",
            ),
            Self::WrongKey { fits: Some(whose) } => {
                write!(f, "it opens with another key, {whose}")
            }
            Self::OtherSuite(name) => write!(f, "the key fits under {name}, which was not agreed"),
            Self::SrtcpTag { found: 4, .. } => f.write_str(
                "the sender shortens the SRTCP tag as if _32 meant both (RFC 4568 §6.2 says SRTP only); let the receiver accept either",
            ),
            Self::SrtcpTag { .. } => f.write_str(
                "the sender keeps to RFC 4568 §6.2, the receiver is set to shorter tags",
            ),
            Self::Restarted => f.write_str(
                "the sender began anew under the same SSRC and key; a receiver takes it for a replay until a new key or SSRC comes",
            ),
            Self::LifetimeEnded => f.write_str(
                "the sender goes on under a key that has protected as many packets as its line allows; it has to re-key",
            ),
            Self::RocOff { expected, found } => write!(
                f,
                "it opens with {found} where {expected} was expected; the capture begins in mid-call, more than 32768 packets were lost, or a new SSRC or key goes on with the old counter"
            ),
            Self::OneSided {
                declared: false, ..
            } => f.write_str("the sender acts on it, though the line agreed does not have it"),
            Self::OneSided { declared: true, .. } => {
                f.write_str("the line agreed has it, but the sender does not act on it")
            }
            Self::Unknown => f.write_str(
                "none of the known causes fits; changed on the way, forged, or cut perhaps",
            ),
        }
    }
}
