//! Attribute → text: padded base64, no lifetime unless the key has one (RFC 4568 §9.2).

use alloc::string::String;
use core::fmt::Write;

use zeroize::Zeroizing;

use super::attribute::{CryptoAttribute, SessionParameter};
use super::error::LineErrorKind;
use super::{Line, ParseMode};
use crate::key::{Lifetime, MasterKey};

impl CryptoAttribute {
    /// Writes an attribute under `tag` (0 to 999999999) for the suite of `keys`, which is written as `suite_name`, the suite's own name if `None`.
    ///
    /// MKIs and lifetimes are those of the keys.
    ///
    /// # Errors
    /// What the parser would say to it: [`KeyMissing`](LineErrorKind::KeyMissing) without keys,
    /// [`Suite`](LineErrorKind::Suite) if the name is not one of the suite or a key is for another suite, and so on.
    pub fn new(
        tag: u32,
        suite_name: Option<&str>,
        keys: &[MasterKey],
        parameters: &[SessionParameter],
    ) -> Result<Self, LineErrorKind> {
        let suite = keys.first().ok_or(LineErrorKind::KeyMissing)?.suite();
        if keys.iter().any(|key| key.suite() != suite) {
            return Err(LineErrorKind::Suite);
        }
        let name = suite_name.unwrap_or(suite.name());
        if name.parse() != Ok(suite) {
            return Err(LineErrorKind::Suite);
        }
        if parameters
            .iter()
            .any(|parameter| !is_itself_in_text(parameter))
        {
            return Err(LineErrorKind::SessionParameter);
        }
        let mut text = Zeroizing::new(String::with_capacity(capacity(keys, parameters)));
        let _ = write!(text, "{tag} {name} ");
        write_keys(&mut text, keys);
        for parameter in parameters {
            text.push(' ');
            match parameter {
                SessionParameter::FecKey(keys) => {
                    text.push_str("FEC_KEY=");
                    write_keys(&mut text, keys);
                }
                SessionParameter::Extension(extension) => text.push_str(extension),
                other => {
                    let _ = write!(text, "{other}");
                }
            }
        }
        match Self::parse(&text, ParseMode::Tolerant) {
            Line::Usable(attribute) => Ok(attribute),
            Line::Invalid(error) => Err(error.kind),
            Line::Skipped { .. } => Err(LineErrorKind::KeySyntax),
        }
    }
}

/// Would the parser read it as what it is? An extension is text of the caller's: a dash, and visible characters of which the
/// first is no dash (RFC 4568 §9.2).
fn is_itself_in_text(parameter: &SessionParameter) -> bool {
    match parameter {
        SessionParameter::Extension(text) => match text.as_bytes() {
            [b'-', first, rest @ ..] => {
                *first != b'-' && first.is_ascii_graphic() && rest.iter().all(u8::is_ascii_graphic)
            }
            _ => false,
        },
        SessionParameter::KeyDerivationRate(rate) => rate.exponent() > 0,
        SessionParameter::WindowSizeHint(packets) => *packets >= 64,
        _ => true,
    }
}

/// Room for the text, so that no copy of a key is left behind by growing.
fn capacity(keys: &[MasterKey], parameters: &[SessionParameter]) -> usize {
    // `inline:`, 64 digits, a lifetime, `|`, an MKI of 309 digits and its length.
    let room_for_key = |_: &MasterKey| 7 + 64 + 18 + 1 + 309 + 4;
    let fec_keys = parameters.iter().map(|parameter| match parameter {
        SessionParameter::FecKey(keys) => keys.iter().map(room_for_key).sum(),
        SessionParameter::Extension(text) => text.len(),
        _ => 0,
    });
    40 + 40 * parameters.len()
        + keys.iter().map(room_for_key).sum::<usize>()
        + fec_keys.sum::<usize>()
}

fn write_keys(text: &mut String, keys: &[MasterKey]) {
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            text.push(';');
        }
        text.push_str("inline:");
        text.push_str(&key.secret_base64());
        if let Some(lifetime) = key.lifetime() {
            text.push('|');
            text.push_str(&written(lifetime));
        }
        if let Some(mki) = key.mki() {
            let _ = write!(text, "|{}:{}", mki.to_decimal(), mki.as_bytes().len());
        }
    }
}

/// `2^n` where it is a power of two: what most parsers have seen before.
fn written(lifetime: Lifetime) -> String {
    let mut text = String::new();
    let packets = lifetime.packets();
    let _ = match packets.is_power_of_two() {
        true => write!(text, "2^{}", packets.trailing_zeros()),
        false => write!(text, "{packets}"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CryptoSuite, Mki};
    use alloc::{vec, vec::Vec};

    fn key(suite: CryptoSuite, seed: u8) -> MasterKey {
        MasterKey::new(suite, &vec![seed; suite.key_and_salt_len()]).unwrap()
    }

    #[test]
    fn what_is_written_for_every_suite_parses_to_the_letter_and_is_the_same() {
        for suite in CryptoSuite::ALL {
            let lifetime = Lifetime::new(1_000_003).unwrap();
            let keys: Vec<_> = (1..=3u8)
                .map(|n| {
                    let mki = Mki::from_value(n.into(), usize::from(n.min(1)) * 20).unwrap();
                    key(suite, n).with_mki(mki).with_lifetime(lifetime)
                })
                .collect();
            let parameters = [
                SessionParameter::UnencryptedSrtcp,
                SessionParameter::WindowSizeHint(64),
            ];
            let written = CryptoAttribute::new(7, None, &keys, &parameters).unwrap();
            let Line::Usable(parsed) =
                CryptoAttribute::parse(&written.secret_line(), ParseMode::Strict)
            else {
                panic!("{suite}");
            };
            assert_eq!(parsed.secret_value(), written.secret_value());
            assert_eq!((parsed.tag(), parsed.suite()), (7, Some(suite)));
            for (parsed, key) in parsed.keys().iter().zip(&keys) {
                assert!(parsed.is_same_as(key));
                assert_eq!(
                    (parsed.mki(), parsed.lifetime()),
                    (key.mki(), key.lifetime())
                );
            }
        }
    }

    #[test]
    fn an_extension_that_would_be_read_as_something_else_is_not_written() {
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        let write = |text: &str| {
            let extension = SessionParameter::Extension(text.into());
            CryptoAttribute::new(1, None, &[key(suite, 9)], &[extension])
        };
        assert_eq!(write("-foo=bar").unwrap().parameters().len(), 1);
        for text in [
            "",
            "-",
            "--x",
            "UNENCRYPTED_SRTP",
            "KDR=1",
            "-x KDR=3",
            "-x\tKDR=3",
            "-x\n",
            "-é",
        ] {
            assert_eq!(
                write(text).unwrap_err(),
                LineErrorKind::SessionParameter,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_lifetime_that_is_a_power_of_two_is_written_as_one() {
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        for (packets, text) in [
            (1 << 31, "|2^31"),
            (1 << 48, "|2^48"),
            (1000, "|1000"),
            (2, "|2^1"),
        ] {
            let key = key(suite, 9).with_lifetime(Lifetime::new(packets).unwrap());
            let attribute = CryptoAttribute::new(1, None, &[key], &[]).unwrap();
            assert!(attribute.secret_value().ends_with(text), "{packets}");
        }
    }
}
