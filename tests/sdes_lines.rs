//! `a=crypto` lines as devices send them, each with what has to come of it, by default and in strict mode.

mod common;

use common::{hex, read_json};
use serde::Deserialize;
use srtp_sdes::CryptoSuite;
use srtp_sdes::sdes::{
    CryptoAttribute, Line, LineErrorKind, ParseMode, SessionParameter, SkipReason,
};

#[derive(Deserialize)]
struct Case {
    id: String,
    line: String,
    expect: String,
    strict_expect: String,
    layer: String,
    suite: Option<String>,
    suite_as_written: Option<String>,
    tag: Option<u32>,
    keys: Vec<Key>,
    params: Vec<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Key {
    key_salt_hex: String,
    lifetime: Option<u64>,
    mki: Option<String>,
    mki_len: Option<usize>,
    mki_hex: Option<String>,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = read_json("sdes/crypto_lines.json");
    assert_eq!(cases.len(), 97);
    cases
}

/// What the parser has to say of a case.
fn expected(case: &Case, mode: ParseMode) -> &str {
    match (case.layer.as_str(), mode) {
        // Lines that the policy passes over; the parser yields them, but for the suite that this crate does not have.
        ("policy", _) if case.line.contains("SEED_") => "skip",
        ("policy", _) => "accept",
        (_, ParseMode::Strict) => &case.strict_expect,
        _ => &case.expect,
    }
}

fn said(line: &Line) -> &'static str {
    match line {
        Line::Usable(_) => "accept",
        Line::Skipped { .. } => "skip",
        Line::Invalid(_) => "reject",
        _ => unreachable!(),
    }
}

#[test]
fn every_line_is_usable_passed_over_or_invalid_as_expected_by_default() {
    for case in cases() {
        let line = CryptoAttribute::parse(&case.line, ParseMode::Tolerant);
        assert_eq!(
            said(&line),
            expected(&case, ParseMode::Tolerant),
            "{}: {line:?}",
            case.id
        );
    }
}

#[test]
fn every_line_is_usable_passed_over_or_invalid_as_expected_to_the_letter() {
    for case in cases() {
        let line = CryptoAttribute::parse(&case.line, ParseMode::Strict);
        assert_eq!(
            said(&line),
            expected(&case, ParseMode::Strict),
            "{}: {line:?}",
            case.id
        );
    }
}

#[test]
fn an_invalid_line_says_which_field_is_wrong_and_where_it_begins() {
    let mut invalid = 0;
    for case in cases() {
        let Line::Invalid(error) = CryptoAttribute::parse(&case.line, ParseMode::Tolerant) else {
            continue;
        };
        invalid += 1;
        let name = match error.kind {
            LineErrorKind::TooLong => "too-long",
            LineErrorKind::Charset => "charset",
            LineErrorKind::Tag => "tag",
            LineErrorKind::Suite => "suite",
            LineErrorKind::KeyMissing => "fields",
            LineErrorKind::KeySyntax => "key-syntax",
            LineErrorKind::KeyEmpty => "key-empty",
            LineErrorKind::Base64 => "base64",
            LineErrorKind::KeyLength { .. } => "key-length",
            LineErrorKind::Lifetime => "lifetime",
            LineErrorKind::Mki => "mki",
            LineErrorKind::MkiOrder => "mki-order",
            LineErrorKind::MkiMissing => "mki-missing",
            LineErrorKind::MkiLengthMixed => "mki-length-mixed",
            LineErrorKind::MkiDuplicate => "mki-duplicate",
            LineErrorKind::KeyReused => "key-reuse",
            LineErrorKind::SessionParameter if case.id == "M02" => "param",
            LineErrorKind::SessionParameter => "session-param",
            LineErrorKind::SessionParameterUnknown => "session-param-unknown",
            LineErrorKind::SessionParameterDuplicate => "session-param-duplicate",
            LineErrorKind::SessionParameterConflict => "session-param-conflict",
            kind => panic!("{kind:?}"),
        };
        assert_eq!(Some(name), case.error.as_deref(), "{}", case.id);
        assert!(error.offset <= case.line.len(), "{}", case.id);
        assert!(case.line.is_char_boundary(error.offset));
    }
    assert_eq!(invalid, 56);
    let tag = CryptoAttribute::parse("a=crypto:x A inline:B", ParseMode::Tolerant);
    assert!(
        matches!(tag, Line::Invalid(error) if error.offset == 9),
        "{tag:?}"
    );
    let mki = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|0:4";
    let Line::Invalid(error) = CryptoAttribute::parse(mki, ParseMode::Tolerant) else {
        panic!()
    };
    assert_eq!(&mki[error.offset..], "0:4");
}

#[test]
fn a_line_that_is_passed_over_says_why() {
    for case in cases() {
        let Line::Skipped { reason, attribute } =
            CryptoAttribute::parse(&case.line, ParseMode::Tolerant)
        else {
            continue;
        };
        let name = match reason {
            SkipReason::NotCrypto => "not-crypto-attribute",
            SkipReason::UnknownSuite if case.line.contains("SEED_") => "suite-disabled",
            SkipReason::UnknownSuite => "suite-unknown",
            SkipReason::UnknownKeyMethod => "key-method",
            _ => panic!("{reason:?}"),
        };
        assert_eq!(Some(name), case.error.as_deref(), "{}", case.id);
        if let Some(attribute) = attribute {
            assert_eq!(*attribute.secret_line(), case.line, "{}", case.id);
            assert!(attribute.keys().is_empty());
        }
    }
}

#[test]
fn every_field_of_a_usable_line_is_there() {
    let mut usable = 0;
    for case in cases().iter().filter(|case| case.layer == "parser") {
        let Line::Usable(attribute) = CryptoAttribute::parse(&case.line, ParseMode::Tolerant)
        else {
            continue;
        };
        usable += 1;
        let suite: CryptoSuite = case.suite.as_ref().unwrap().parse().unwrap();
        assert_eq!(attribute.suite(), Some(suite), "{}", case.id);
        assert_eq!(
            Some(attribute.suite_name()),
            case.suite_as_written.as_deref(),
            "{}",
            case.id
        );
        assert_eq!(Some(attribute.tag()), case.tag, "{}", case.id);
        let parameters: Vec<_> = attribute
            .parameters()
            .iter()
            .map(|parameter| match parameter {
                SessionParameter::Extension(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        assert_eq!(parameters, case.params, "{}", case.id);
        assert_eq!(attribute.keys().len(), case.keys.len(), "{}", case.id);
        for (key, expected) in attribute.keys().iter().zip(&case.keys) {
            assert_eq!(
                key.secret_key_and_salt(),
                hex(&expected.key_salt_hex),
                "{}",
                case.id
            );
            assert_eq!(
                key.lifetime().map(|l| l.packets()),
                expected.lifetime,
                "{}",
                case.id
            );
            assert_eq!(key.mki().map(|mki| mki.as_bytes().len()), expected.mki_len);
            assert_eq!(
                key.mki().map(|mki| mki.to_decimal()),
                expected.mki,
                "{}",
                case.id
            );
            assert_eq!(
                key.mki().map(|mki| mki.as_bytes().to_vec()),
                expected.mki_hex.as_deref().map(hex)
            );
        }
    }
    assert_eq!(usable, 33);
}

#[test]
fn what_was_parsed_is_written_again_to_the_byte() {
    for case in cases() {
        if let Line::Usable(attribute) = CryptoAttribute::parse(&case.line, ParseMode::Tolerant) {
            let line = case.line.trim_end_matches(['\r', '\n']);
            assert_eq!(*attribute.secret_line(), line, "{}", case.id);
        }
    }
}

#[test]
fn no_key_shows_in_debug_or_in_an_error() {
    for case in cases() {
        let line = CryptoAttribute::parse(&case.line, ParseMode::Tolerant);
        let shown = format!("{line:?} {line:#?}");
        let keys = case
            .line
            .split("inline:")
            .skip(1)
            .map(|key| key.chars().take(20).collect());
        for key in keys.filter(|key: &String| key.len() > 8) {
            assert!(!shown.contains(&key), "{}: {shown}", case.id);
        }
    }
}
