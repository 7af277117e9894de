//! The parser of `a=crypto` lines, on any text.

use srtp_sdes::sdes::{CryptoAttribute, Line, LineErrorKind, ParseMode, SessionParameter};
use srtp_sdes::{Lifetime, MasterKey, Mki};

/// Parses `input` in both modes, and writes again what could be used.
///
/// # Panics
/// If an error points outside the text, if a key shows, or if what is written is another attribute than what was parsed.
pub fn crypto_line(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let [tolerant, strict] =
        [ParseMode::Tolerant, ParseMode::Strict].map(|mode| facts(&text, mode));
    // What is to the letter is tolerable, and means the same.
    assert!(strict.is_none() || strict == tolerant);
}

type Key = (Vec<u8>, Option<Mki>, Option<Lifetime>);

/// What an attribute says: tag, name of the suite, keys, parameters.
type Facts = (u32, String, Vec<Key>, Vec<String>);

fn facts(text: &str, mode: ParseMode) -> Option<Facts> {
    let line = CryptoAttribute::parse(text, mode);
    let shown = format!("{line:?}");
    match line {
        Line::Usable(attribute) => {
            for key in attribute.keys() {
                // Unless somebody wrote it into an extension, too.
                let key = &key.secret_base64()[..16];
                assert!(!shown.contains(key) || text.matches(key).count() > 1);
            }
            let facts = facts_of(&attribute);
            assert_eq!(facts_of(&usable(attribute.secret_value(), mode)), facts);
            assert_eq!(
                usable(&attribute.secret_line(), mode).secret_value(),
                attribute.secret_value()
            );
            write_again(&attribute, &facts);
            Some(facts)
        }
        Line::Invalid(error) => {
            assert!(text.is_char_boundary(error.offset), "{error}");
            None
        }
        _ => None,
    }
}

fn usable(text: &str, mode: ParseMode) -> CryptoAttribute {
    match CryptoAttribute::parse(text, mode) {
        Line::Usable(attribute) => attribute,
        other => panic!("{other:?}"),
    }
}

fn write_again(attribute: &CryptoAttribute, facts: &Facts) {
    let name = Some(attribute.suite_name());
    match CryptoAttribute::new(
        attribute.tag(),
        name,
        attribute.keys(),
        attribute.parameters(),
    ) {
        Ok(written) => assert_eq!(facts_of(&written), *facts),
        // Padding that the text left out.
        Err(kind) => assert_eq!(kind, LineErrorKind::TooLong),
    }
}

fn facts_of(attribute: &CryptoAttribute) -> Facts {
    let key = |key: &MasterKey| {
        let bytes = key.secret_key_and_salt().to_vec();
        (bytes, key.mki().cloned(), key.lifetime())
    };
    let parameter = |parameter: &SessionParameter| match parameter {
        SessionParameter::FecKey(keys) => format!("{:?}", keys.iter().map(key).collect::<Vec<_>>()),
        SessionParameter::Extension(text) => text.clone(),
        other => other.to_string(),
    };
    (
        attribute.tag(),
        attribute.suite_name().to_owned(),
        attribute.keys().iter().map(key).collect(),
        attribute.parameters().iter().map(parameter).collect(),
    )
}
