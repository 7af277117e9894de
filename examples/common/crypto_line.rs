//! The `a=crypto` lines that a user gives, with or without the sender that they are for.
//!
//! Errors say which field is wrong and never what stands there: a slip often puts the key where something else belongs.

use anyhow::{Result, anyhow, bail};
use srtp_sdes::sdes::{CryptoAttribute, Line, ParseMode, SessionParameter, SkipReason};
use srtp_sdes::{Builder, CryptoSuite, KeyDerivationRate, MasterKey};

/// What one line says.
#[derive(Debug)]
pub(crate) struct CryptoLine {
    /// The text before the line: which sender it is for.
    pub(crate) selector: Option<String>,
    /// The line itself.
    pub(crate) attribute: CryptoAttribute,
    pub(crate) key: MasterKey,
    pub(crate) session: SessionParameters,
    /// What follows the first key, each with an MKI of its own: a receiver has to know them all.
    pub(crate) further_keys: Vec<MasterKey>,
}

/// The session parameters that say how packets are protected (RFC 4568 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionParameters {
    pub(crate) key_derivation_rate: Option<KeyDerivationRate>,
    pub(crate) unencrypted_srtp: bool,
    pub(crate) unencrypted_srtcp: bool,
    pub(crate) unauthenticated_srtp: bool,
}

impl CryptoLine {
    /// Reads `[SELECTOR=][a=crypto:]TAG SUITE inline:KEY… [PARAMETER…]`.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let (selector, value) = split_selector(line);
        let attribute = match CryptoAttribute::parse(value, ParseMode::Tolerant) {
            Line::Usable(attribute) => attribute,
            Line::Invalid(error) => bail!("{}", error.kind),
            Line::Skipped { reason, .. } => return Err(not_for_us(reason)),
            _ => bail!("it cannot be used"),
        };
        let mut session = SessionParameters::default();
        for parameter in attribute.parameters() {
            session.read(parameter)?;
        }
        let [key, further @ ..] = attribute.keys() else {
            bail!("it has no key");
        };
        Ok(Self {
            selector,
            key: key.secret_copy(),
            session,
            further_keys: further.iter().map(MasterKey::secret_copy).collect(),
            attribute,
        })
    }
}

fn not_for_us(reason: SkipReason) -> anyhow::Error {
    match reason {
        SkipReason::UnknownSuite => {
            anyhow!("its suite is unknown, known are {}", suite_names())
        }
        other => anyhow!("{other}"),
    }
}

/// The names of all suites, for messages.
pub(crate) fn suite_names() -> String {
    CryptoSuite::ALL.map(CryptoSuite::name).join(", ")
}

/// Takes what stands before the attribute off its value.
fn split_selector(line: &str) -> (Option<String>, &str) {
    let line = line.trim();
    let first = line.split_ascii_whitespace().next().unwrap_or_default();
    let lower = first.to_ascii_lowercase();
    let (before, value) = match lower.find("crypto:") {
        Some(at) => {
            let before = &line[..at];
            let bare = before.strip_suffix("a=").or(before.strip_suffix("A="));
            (bare.unwrap_or(before), &line[at + "crypto:".len()..])
        }
        None => match first.rfind('=') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => ("", line),
        },
    };
    let selector = before.strip_suffix('=').unwrap_or(before);
    (Some(selector.to_owned()).filter(|it| !it.is_empty()), value)
}

impl SessionParameters {
    /// Those of a line that others negotiated, as far as they are known here.
    pub(crate) fn of(line: &CryptoAttribute) -> Self {
        let mut session = Self::default();
        for parameter in line.parameters() {
            let _ = session.read(parameter);
        }
        session
    }

    /// Puts them into a sender or a receiver to be built.
    pub(crate) fn apply<D>(self, mut builder: Builder<D>) -> Builder<D> {
        if let Some(rate) = self.key_derivation_rate {
            builder = builder.key_derivation_rate(rate);
        }
        if self.unencrypted_srtp {
            builder = builder.unencrypted_srtp();
        }
        if self.unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if self.unauthenticated_srtp {
            builder = builder.unauthenticated_srtp();
        }
        builder
    }

    fn read(&mut self, parameter: &SessionParameter) -> Result<()> {
        match parameter {
            SessionParameter::KeyDerivationRate(rate) => self.key_derivation_rate = Some(*rate),
            SessionParameter::UnencryptedSrtp => self.unencrypted_srtp = true,
            SessionParameter::UnencryptedSrtcp => self.unencrypted_srtcp = true,
            SessionParameter::UnauthenticatedSrtp => self.unauthenticated_srtp = true,
            // A hint to the receiver, and what may be ignored.
            SessionParameter::WindowSizeHint(_) | SessionParameter::Extension(_) => {}
            SessionParameter::FecOrder(_) => unsupported("FEC_ORDER")?,
            SessionParameter::FecKey(_) => unsupported("FEC_KEY")?,
            _ => unsupported("that it has")?,
        }
        Ok(())
    }
}

fn unsupported(name: &str) -> Result<()> {
    bail!("this program does not act on the session parameter {name}")
}
