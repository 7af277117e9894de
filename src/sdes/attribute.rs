//! One `a=crypto` attribute (RFC 4568 §4, §6).

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Range};

use zeroize::Zeroizing;

use super::error::{LineError, SkipReason};
use crate::key::MasterKey;
use crate::{CryptoSuite, KeyDerivationRate};

/// Characters of the shortest key in base64, 16 + 12 bytes without padding.
pub(super) const LEAST_BASE64: usize = 38;

/// One `a=crypto` attribute: tag, suite, one or more master keys, session parameters.
///
/// It keeps the text that it was parsed from, or written as, to the byte: [`secret_value`](Self::secret_value) gives that
/// text. The text holds the keys, so it is wiped when dropped and no `Debug` or `Display` shows it.
pub struct CryptoAttribute {
    pub(super) text: Zeroizing<String>,
    pub(super) tag: u32,
    pub(super) suite_name: Range<usize>,
    pub(super) suite: Option<CryptoSuite>,
    pub(super) keys: Vec<MasterKey>,
    pub(super) parameters: Vec<SessionParameter>,
}

/// A session parameter (RFC 4568 §6.3).
#[non_exhaustive]
pub enum SessionParameter {
    /// `KDR=n`: session keys are derived anew every 2^n packets (§6.3.1). Declarative: it holds for the media that the declaring side sends.
    KeyDerivationRate(KeyDerivationRate),
    /// `UNENCRYPTED_SRTP` (§6.3.2). Negotiated: both directions.
    UnencryptedSrtp,
    /// `UNENCRYPTED_SRTCP` (§6.3.2). Negotiated.
    UnencryptedSrtcp,
    /// `UNAUTHENTICATED_SRTP` (§6.3.3). Negotiated.
    UnauthenticatedSrtp,
    /// `FEC_ORDER=…` (§6.3.4). Declarative.
    FecOrder(FecOrder),
    /// `FEC_KEY=…` (§6.3.5): master keys for a FEC stream of its own. Declarative.
    FecKey(Vec<MasterKey>),
    /// `WSH=n`: a hint at the size of the replay window, in packets, 64 or more (§6.3.6). Declarative.
    WindowSizeHint(u64),
    /// `-name…`: an extension that may be ignored (§6.3.7), as written, with its dash.
    Extension(String),
}

/// Which of FEC and SRTP the sender applies first (RFC 4568 §6.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FecOrder {
    /// `FEC_SRTP`: FEC, then SRTP. The default.
    FecSrtp,
    /// `SRTP_FEC`: SRTP, then FEC.
    SrtpFec,
}

/// What a line turned out to be.
#[derive(Debug)]
#[non_exhaustive]
pub enum Line {
    /// An attribute whose every part is understood.
    Usable(CryptoAttribute),
    /// Well-formed, but not for us: an unknown suite or key method, or another attribute. To be passed over (RFC 4568 §5.1.2).
    Skipped {
        /// Why.
        reason: SkipReason,
        /// The attribute as far as it is understood, without keys. `None` if it is no crypto attribute.
        attribute: Option<CryptoAttribute>,
    },
    /// Not what RFC 4568 allows. To be passed over; it says nothing about the lines beside it.
    Invalid(LineError),
}

/// How closely a line has to follow RFC 4568.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseMode {
    /// As devices send them: names of drafts for a suite, keys without padding or with bits to spare, trailing blanks.
    #[default]
    Tolerant,
    /// The letter.
    Strict,
}

impl CryptoAttribute {
    /// The tag, 0 to 999999999, by which an answer names the line it accepts (RFC 4568 §4.1).
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// The suite, if it is known.
    #[must_use]
    pub fn suite(&self) -> Option<CryptoSuite> {
        self.suite
    }

    /// The name of the suite as written: perhaps an alias, in any letter case, or of a suite that is not known. Whatever stands in its place is one,
    /// a misplaced key too: for a log there is [`suite_name_for_log`](Self::suite_name_for_log).
    #[must_use]
    pub fn suite_name(&self) -> &str {
        self.text.get(self.suite_name.clone()).unwrap_or_default()
    }

    /// The name of the suite as written, if it cannot be a key in the wrong place; if it can, `…`.
    ///
    /// That is so if the suite is known, or if the name looks like one: the beginning of a registered name, capitals, digits and underscores, and fewer
    /// characters than any key has in base64.
    #[must_use]
    pub fn suite_name_for_log(&self) -> &str {
        let name = self.suite_name();
        let is_of_a_name = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        let begins = ["AEAD_", "AES_", "ARIA_", "F8_", "NULL_", "SEED_", "SRTP_"];
        let is_name = begins.iter().any(|it| name.starts_with(it))
            && name.len() < LEAST_BASE64
            && name.bytes().all(is_of_a_name);
        match self.suite.is_some() || is_name {
            true => name,
            false => "…",
        }
    }

    /// The master keys, in the order of the line, each with its MKI and lifetime. Empty if the suite is not known. The session parameters
    /// are not in them: [`secret_sender`](Self::secret_sender) and [`secret_receiver`](Self::secret_receiver) apply those too.
    #[must_use]
    pub fn keys(&self) -> &[MasterKey] {
        &self.keys
    }

    /// The session parameters, in the order of the line. Empty if the suite is not known.
    #[must_use]
    pub fn parameters(&self) -> &[SessionParameter] {
        &self.parameters
    }

    /// **Secret:** a copy, keys included.
    #[must_use]
    pub fn secret_copy(&self) -> Self {
        Self {
            text: self.text.clone(),
            tag: self.tag,
            suite_name: self.suite_name.clone(),
            suite: self.suite,
            keys: self.keys.iter().map(MasterKey::secret_copy).collect(),
            parameters: self.parameters.iter().map(SessionParameter::copy).collect(),
        }
    }

    /// **Secret:** the value of the attribute, as it stands behind `a=crypto:`.
    #[must_use]
    pub fn secret_value(&self) -> &str {
        &self.text
    }

    /// **Secret:** the line, from `a=crypto:` on, without its end.
    #[must_use]
    pub fn secret_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(9 + self.text.len()));
        line.push_str("a=crypto:");
        line.push_str(&self.text);
        line
    }
}

impl SessionParameter {
    fn copy(&self) -> Self {
        match self {
            Self::KeyDerivationRate(rate) => Self::KeyDerivationRate(*rate),
            Self::UnencryptedSrtp => Self::UnencryptedSrtp,
            Self::UnencryptedSrtcp => Self::UnencryptedSrtcp,
            Self::UnauthenticatedSrtp => Self::UnauthenticatedSrtp,
            Self::FecOrder(order) => Self::FecOrder(*order),
            Self::FecKey(keys) => Self::FecKey(keys.iter().map(MasterKey::secret_copy).collect()),
            Self::WindowSizeHint(packets) => Self::WindowSizeHint(*packets),
            Self::Extension(text) => Self::Extension(text.clone()),
        }
    }
}

impl fmt::Debug for CryptoAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoAttribute")
            .field("tag", &self.tag)
            .field("suite", &self.suite_name_for_log())
            .field("keys", &self.keys)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SessionParameter {
    /// As in SDP, but for what may be a key: the keys of `FEC_KEY` and the text of an extension are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyDerivationRate(rate) => write!(f, "KDR={}", rate.exponent()),
            Self::UnencryptedSrtp => f.write_str("UNENCRYPTED_SRTP"),
            Self::UnencryptedSrtcp => f.write_str("UNENCRYPTED_SRTCP"),
            Self::UnauthenticatedSrtp => f.write_str("UNAUTHENTICATED_SRTP"),
            Self::FecOrder(FecOrder::FecSrtp) => f.write_str("FEC_ORDER=FEC_SRTP"),
            Self::FecOrder(FecOrder::SrtpFec) => f.write_str("FEC_ORDER=SRTP_FEC"),
            Self::FecKey(_) => f.write_str("FEC_KEY=…"),
            Self::WindowSizeHint(packets) => write!(f, "WSH={packets}"),
            Self::Extension(_) => f.write_str("-…"),
        }
    }
}

impl fmt::Debug for SessionParameter {
    /// As `Display`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
