//! A small reader of `a=crypto` lines (RFC 4568 §9.1), enough for keys that a user pastes.
//!
//! Its errors say which field is wrong and never what stands there: a slip often puts the key where
//! something else belongs.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use srtp_sdes::{CryptoSuite, KeyDerivationRate, Lifetime, MasterKey, Mki};

/// What one line says.
#[derive(Debug)]
pub(crate) struct CryptoLine {
    /// The text before the line: which sender it is for.
    pub(crate) selector: Option<String>,
    pub(crate) key: MasterKey,
    pub(crate) session: SessionParameters,
    /// How many more keys follow the first one, which alone is used.
    pub(crate) further_keys: usize,
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
        let mut fields = line.split_ascii_whitespace();
        let (selector, tag) = split_selector(fields.next().unwrap_or_default());
        ensure!(
            !tag.is_empty() && tag.len() <= 9 && tag.bytes().all(|it| it.is_ascii_digit()),
            "its tag is not a number of up to nine digits"
        );
        let suite = fields.next().context("it names no suite")?;
        let suite: CryptoSuite = suite
            .parse()
            .map_err(|_| anyhow!("its suite is unknown, known are {}", suite_names()))?;
        let keys = fields.next().context("it has no key")?;
        let mut keys = keys.split(';');
        let key = read_key(suite, keys.next().unwrap_or_default())?;
        let mut session = SessionParameters::default();
        for field in fields {
            session.read(field)?;
        }
        Ok(Self {
            selector,
            key,
            session,
            further_keys: keys.count(),
        })
    }
}

/// The names of all suites, for messages.
pub(crate) fn suite_names() -> String {
    CryptoSuite::ALL.map(CryptoSuite::name).join(", ")
}

/// Takes the tag, and what stands before the line, out of the first field.
fn split_selector(field: &str) -> (Option<String>, &str) {
    let lower = field.to_ascii_lowercase();
    let (before, tag) = match lower.find("crypto:") {
        Some(at) => {
            let before = &field[..at];
            let bare = before.strip_suffix("a=").or(before.strip_suffix("A="));
            (bare.unwrap_or(before), &field[at + "crypto:".len()..])
        }
        None => field.rsplit_once('=').unwrap_or(("", field)),
    };
    let selector = before.strip_suffix('=').unwrap_or(before);
    (Some(selector.to_owned()).filter(|it| !it.is_empty()), tag)
}

/// Reads `inline:KEY[|LIFETIME][|MKI:LENGTH]`.
fn read_key(suite: CryptoSuite, text: &str) -> Result<MasterKey> {
    let method = "inline:";
    let info = text
        .get(..method.len())
        .filter(|it| it.eq_ignore_ascii_case(method))
        .and_then(|_| text.get(method.len()..))
        .context("its key does not begin with `inline:`")?;
    let mut parts = info.split('|');
    let mut key = MasterKey::from_base64(suite, parts.next().unwrap_or_default())?;
    let (mut has_lifetime, mut has_mki) = (false, false);
    for part in parts {
        if let Some((value, length)) = part.split_once(':') {
            ensure!(!has_mki, "it has two MKIs");
            key = key.with_mki(read_mki(value, length)?);
            has_mki = true;
        } else {
            ensure!(!has_lifetime && !has_mki, "its lifetime is out of place");
            key = key.with_lifetime(read_lifetime(part)?);
            has_lifetime = true;
        }
    }
    Ok(key)
}

/// A number of packets, as such or as a power of two.
fn read_lifetime(text: &str) -> Result<Lifetime> {
    const WRONG: &str = "its lifetime is not a number of packets from 1 to 2^48";
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => exponent
            .parse()
            .ok()
            .and_then(|it| 1_u64.checked_shl(it))
            .context(WRONG)?,
        None => text.parse().context(WRONG)?,
    };
    Lifetime::new(packets).map_err(|_| anyhow!(WRONG))
}

fn read_mki(value: &str, length: &str) -> Result<Mki> {
    const WRONG: &str = "its MKI is not a number and a length of 1 to 128 bytes that holds it";
    let length = length.parse().map_err(|_| anyhow!(WRONG))?;
    let value = value.parse().map_err(|_| anyhow!(WRONG))?;
    Mki::from_value(value, length).map_err(|_| anyhow!(WRONG))
}

impl SessionParameters {
    fn read(&mut self, field: &str) -> Result<()> {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (field, None),
        };
        match (name.to_ascii_uppercase().as_str(), value) {
            ("KDR", Some(value)) => {
                let wrong = "its KDR is not a number from 0 to 24";
                match value.parse().context(wrong)? {
                    0 => self.key_derivation_rate = None,
                    exponent => {
                        let rate = KeyDerivationRate::from_exponent(exponent).context(wrong)?;
                        self.key_derivation_rate = Some(rate);
                    }
                }
            }
            ("UNENCRYPTED_SRTP", None) => self.unencrypted_srtp = true,
            ("UNENCRYPTED_SRTCP", None) => self.unencrypted_srtcp = true,
            ("UNAUTHENTICATED_SRTP", None) => self.unauthenticated_srtp = true,
            (name @ ("FEC_ORDER" | "FEC_KEY" | "WSH"), _) => {
                bail!("this program does not act on its session parameter {name}")
            }
            _ => bail!("one of its session parameters is unknown"),
        }
        Ok(())
    }
}
