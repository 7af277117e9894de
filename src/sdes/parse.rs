//! Text → attribute (RFC 4568 §9): one pass over the line, from left to right.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use zeroize::Zeroizing;

use super::attribute::{CryptoAttribute, FecOrder, Line, ParseMode, SessionParameter};
use super::error::{LineError, LineErrorKind as Kind, SkipReason};
use crate::error::KeyError;
use crate::key::{Lifetime, MasterKey, Mki};
use crate::ring::MAX_KEYS;
use crate::{CryptoSuite, KeyDerivationRate};

/// The longest line that is looked at, in bytes: dozens of keys fit.
const MAX_LINE: usize = 4096;

impl CryptoAttribute {
    /// Parses one attribute: a line from `a=` on, or from `crypto:` on, or the value behind that; a line end is ignored.
    ///
    /// Takes time and memory proportional to the text, of which at most 4096 bytes are looked at.
    #[must_use]
    pub fn parse(text: &str, mode: ParseMode) -> Line {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let Some(value) = value_of(line) else {
            return Line::Skipped {
                reason: SkipReason::NotCrypto,
                attribute: None,
            };
        };
        let offset = line.len() - value.len();
        match parse_value(value, mode) {
            Ok(Ok(attribute)) => Line::Usable(attribute),
            Ok(Err((reason, attribute))) => Line::Skipped {
                reason,
                attribute: Some(attribute),
            },
            Err(LineError { kind, offset: at }) => Line::Invalid(LineError {
                kind,
                offset: offset + at,
            }),
        }
    }
}

/// What stands behind `a=crypto:` or `crypto:`; the whole text if it begins with neither; `None` for another attribute.
fn value_of(line: &str) -> Option<&str> {
    let (is_line, attribute) = match line.strip_prefix("a=") {
        Some(attribute) => (true, attribute),
        None => (false, line),
    };
    match attribute.split_once(':') {
        Some((name, value)) if name.eq_ignore_ascii_case("crypto") => Some(value),
        _ if is_line => None,
        _ => Some(line),
    }
}

/// A part of the value and where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    fn error(self, kind: Kind) -> LineError {
        LineError {
            kind,
            offset: self.at,
        }
    }

    /// The parts between `separator`s.
    fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let part = Part { text, at };
            at += text.len() + separator.len_utf8();
            part
        })
    }

    /// What is before and behind the first `separator`.
    fn split_once(self, separator: char) -> Option<(Part<'a>, Part<'a>)> {
        let (before, behind) = self.text.split_once(separator)?;
        let at = self.at + before.len() + separator.len_utf8();
        let (before, behind) = (
            Part {
                text: before,
                at: self.at,
            },
            Part { text: behind, at },
        );
        Some((before, behind))
    }

    fn range(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

type Skipped = (SkipReason, CryptoAttribute);

fn parse_value(
    value: &str,
    mode: ParseMode,
) -> Result<Result<CryptoAttribute, Skipped>, LineError> {
    check_characters(value)?;
    let mut fields = fields(value, mode)?.into_iter();
    let tag = fields.next().unwrap_or(Part { text: "", at: 0 });
    let end = Part {
        text: "",
        at: value.len(),
    };
    let suite_name = fields.next().unwrap_or(end);
    let mut attribute = CryptoAttribute {
        tag: parse_tag(tag)?,
        suite: None,
        suite_name: suite_name.range(),
        keys: Vec::new(),
        parameters: Vec::new(),
        text: Zeroizing::new(String::from(value)),
    };
    if suite_name.text.is_empty() || !is_name(suite_name.text) {
        return Err(suite_name.error(Kind::Suite));
    }
    let key_parameters = fields.next().ok_or(end.error(Kind::KeyMissing))?;

    let Some(suite) = find_suite(suite_name.text, mode) else {
        return Ok(Err((SkipReason::UnknownSuite, attribute)));
    };
    attribute.suite = Some(suite);
    match parse_keys(key_parameters, suite, mode)? {
        Some(keys) => attribute.keys = keys,
        None => return Ok(Err((SkipReason::UnknownKeyMethod, attribute))),
    }
    for field in fields {
        let parameter = parse_parameter(field, suite, mode)?;
        check_parameter(&parameter, &attribute).map_err(|kind| field.error(kind))?;
        attribute.parameters.push(parameter);
    }
    Ok(Ok(attribute))
}

fn check_characters(value: &str) -> Result<(), LineError> {
    let whole = Part { text: value, at: 0 };
    if value.len() > MAX_LINE {
        return Err(whole.error(Kind::TooLong));
    }
    let is_allowed = |byte: u8| matches!(byte, b' ' | b'\t' | 0x21..=0x7e);
    match value.bytes().position(|byte| !is_allowed(byte)) {
        Some(offset) => Err(LineError {
            kind: Kind::Charset,
            offset,
        }),
        None => Ok(()),
    }
}

/// The fields between runs of blanks. The first begins at once, so that a blank before the tag makes it empty.
fn fields(value: &str, mode: ParseMode) -> Result<Vec<Part<'_>>, LineError> {
    let blanks = [' ', '\t'];
    let trimmed = value.trim_end_matches(blanks);
    if mode == ParseMode::Strict && trimmed.len() < value.len() {
        return Err(LineError {
            kind: Kind::TrailingBlanks,
            offset: trimmed.len(),
        });
    }
    let mut fields = Vec::new();
    let mut at = 0;
    for text in trimmed.split(blanks) {
        if !text.is_empty() || at == 0 {
            fields.push(Part { text, at });
        }
        at += text.len() + 1;
    }
    Ok(fields)
}

/// RFC 4568 §4.1: `1*9DIGIT`, no leading zeros; 0 itself is a tag.
fn parse_tag(field: Part<'_>) -> Result<u32, LineError> {
    number(field.text, 9)
        .and_then(|tag| u32::try_from(tag).ok())
        .ok_or(field.error(Kind::Tag))
}

/// A decimal number of at most `digits` digits, without a sign or a leading zero.
fn number(text: &str, digits: usize) -> Option<u64> {
    let leads_with_zero = text.starts_with('0') && text.len() > 1;
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if leads_with_zero || !all_digits || text.len() > digits {
        return None;
    }
    text.parse().ok()
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn find_suite(name: &str, mode: ParseMode) -> Option<CryptoSuite> {
    let suite: CryptoSuite = name.parse().ok()?;
    let is_alias = !suite.name().eq_ignore_ascii_case(name);
    (mode == ParseMode::Tolerant || !is_alias).then_some(suite)
}

/// `key-param *(";" key-param)`; `None` if one of the methods is not `inline`.
fn parse_keys(
    field: Part<'_>,
    suite: CryptoSuite,
    mode: ParseMode,
) -> Result<Option<Vec<MasterKey>>, LineError> {
    // Room for all of them at once: growing would leave copies behind.
    let several = field.text.matches(';').count() + 1;
    let mut keys: Vec<MasterKey> = Vec::with_capacity(several.min(MAX_KEYS));
    let mut all_inline = true;
    for parameter in field.split(';') {
        let (method, info) = parameter
            .split_once(':')
            .filter(|(method, _)| !method.text.is_empty() && is_name(method.text))
            .ok_or(parameter.error(Kind::KeySyntax))?;
        if !method.text.eq_ignore_ascii_case("inline") {
            all_inline = false;
            continue;
        }
        let key = parse_inline(info, suite, mode)?;
        if keys.len() == MAX_KEYS {
            return Err(parameter.error(Kind::TooManyKeys));
        }
        check_against_others(&key, &keys).map_err(|kind| parameter.error(kind))?;
        keys.push(key);
    }
    Ok(all_inline.then_some(keys))
}

/// RFC 4568 §6.1: several keys have an MKI each, all of one length; and each is a key of its own.
fn check_against_others(key: &MasterKey, others: &[MasterKey]) -> Result<(), Kind> {
    for other in others {
        let (Some(mki), Some(others_mki)) = (key.mki(), other.mki()) else {
            return Err(Kind::MkiMissing);
        };
        if mki.as_bytes().len() != others_mki.as_bytes().len() {
            return Err(Kind::MkiLengthMixed);
        }
        if mki == others_mki {
            return Err(Kind::MkiDuplicate);
        }
        if key.is_same_as(other) {
            return Err(Kind::KeyReused);
        }
    }
    Ok(())
}

/// `key-salt ["|" lifetime] ["|" mki]`
fn parse_inline(
    info: Part<'_>,
    suite: CryptoSuite,
    mode: ParseMode,
) -> Result<MasterKey, LineError> {
    let mut parts = info.split('|');
    let key_salt = parts.next().unwrap_or(info);
    if key_salt.text.is_empty() {
        return Err(key_salt.error(Kind::KeyEmpty));
    }
    let mut key = parse_key_salt(key_salt, suite, mode)?;
    let (lifetime, mki) = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) => (None, None),
        (Some(only), None, _) if only.text.contains(':') => (None, Some(only)),
        (Some(only), None, _) => (Some(only), None),
        (Some(first), Some(_), _) if first.text.contains(':') => {
            return Err(first.error(Kind::MkiOrder));
        }
        (Some(lifetime), Some(mki), None) => (Some(lifetime), Some(mki)),
        (_, _, Some(fourth)) => return Err(fourth.error(Kind::KeySyntax)),
    };
    if let Some(lifetime) = lifetime {
        let packets = parse_lifetime(lifetime.text).ok_or(lifetime.error(Kind::Lifetime))?;
        key = key.with_lifetime(packets);
    }
    if let Some(mki) = mki {
        key = key.with_mki(parse_mki(mki).ok_or(mki.error(Kind::Mki))?);
    }
    Ok(key)
}

fn parse_key_salt(
    text: Part<'_>,
    suite: CryptoSuite,
    mode: ParseMode,
) -> Result<MasterKey, LineError> {
    let key = match mode {
        ParseMode::Tolerant => MasterKey::from_base64(suite, text.text),
        ParseMode::Strict => MasterKey::from_canonical_base64(suite, text.text),
    };
    key.map_err(|error| match error {
        KeyError::Length { expected, got, .. } => text.error(Kind::KeyLength { expected, got }),
        _ => text.error(Kind::Base64),
    })
}

/// RFC 4568 §6.1: a non-zero number or `2^` and an exponent, without leading zeros, at most 2^48.
fn parse_lifetime(text: &str) -> Option<Lifetime> {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => match number(exponent, 2)? {
            exponent @ 1..=48 => 1 << exponent,
            _ => return None,
        },
        None => number(text, 15)?,
    };
    Lifetime::new(packets).ok()
}

/// `mki-value ":" mki-length`: a positive number, and the 1 to 128 bytes that it takes in a packet.
fn parse_mki(text: Part<'_>) -> Option<Mki> {
    let (value, len) = text.text.split_once(':')?;
    let len = usize::try_from(number(len, 3)?).ok()?;
    if value.starts_with('0') {
        return None;
    }
    Mki::from_decimal(value, len).ok()
}

fn parse_parameter(
    field: Part<'_>,
    suite: CryptoSuite,
    mode: ParseMode,
) -> Result<SessionParameter, LineError> {
    if let Some(name) = field.text.strip_prefix('-') {
        return match name.as_bytes().first() {
            None | Some(b'-') => Err(field.error(Kind::SessionParameter)),
            Some(_) => Ok(SessionParameter::Extension(String::from(field.text))),
        };
    }
    let (name, value) = match field.split_once('=') {
        Some((name, value)) => (name.text, Some(value)),
        None => (field.text, None),
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let malformed = field.error(Kind::SessionParameter);
    let parameter = match value {
        None if is("UNENCRYPTED_SRTP") => SessionParameter::UnencryptedSrtp,
        None if is("UNENCRYPTED_SRTCP") => SessionParameter::UnencryptedSrtcp,
        None if is("UNAUTHENTICATED_SRTP") => SessionParameter::UnauthenticatedSrtp,
        Some(value) if is("KDR") => parse_kdr(value.text).ok_or(malformed)?,
        Some(value) if is("WSH") => parse_wsh(value.text).ok_or(malformed)?,
        Some(value) if is("FEC_ORDER") => parse_fec_order(value.text).ok_or(malformed)?,
        Some(value) if is("FEC_KEY") => match parse_keys(value, suite, mode)? {
            Some(keys) => SessionParameter::FecKey(keys),
            None => return Err(malformed),
        },
        _ if NAMES.iter().any(|known| is(known)) => return Err(malformed),
        _ => return Err(field.error(Kind::SessionParameterUnknown)),
    };
    Ok(parameter)
}

/// The session parameters of RFC 4568 §6.3.
const NAMES: [&str; 7] = [
    "KDR",
    "UNENCRYPTED_SRTP",
    "UNENCRYPTED_SRTCP",
    "UNAUTHENTICATED_SRTP",
    "FEC_ORDER",
    "FEC_KEY",
    "WSH",
];

/// §6.3.1: 1 to 24. The grammar would allow a 0, the text does not: no derivation is said by leaving `KDR` out.
fn parse_kdr(value: &str) -> Option<SessionParameter> {
    let exponent = u8::try_from(number(value, 2)?).ok()?;
    KeyDerivationRate::from_exponent(exponent).map(SessionParameter::KeyDerivationRate)
}

/// §6.3.6: at least 64. It is a hint: a number beyond 64 bits is as good as the greatest.
fn parse_wsh(value: &str) -> Option<SessionParameter> {
    let packets = match number(value, MAX_LINE) {
        Some(packets) => packets,
        // Digits all the same, but more than fit.
        None if !value.is_empty()
            && !value.starts_with('0')
            && value.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            u64::MAX
        }
        None => return None,
    };
    (packets >= 64).then_some(SessionParameter::WindowSizeHint(packets))
}

fn parse_fec_order(value: &str) -> Option<SessionParameter> {
    let order = if value.eq_ignore_ascii_case("FEC_SRTP") {
        FecOrder::FecSrtp
    } else if value.eq_ignore_ascii_case("SRTP_FEC") {
        FecOrder::SrtpFec
    } else {
        return None;
    };
    Some(SessionParameter::FecOrder(order))
}

/// Does the parameter go with the suite, the keys and the parameters before it?
fn check_parameter(parameter: &SessionParameter, attribute: &CryptoAttribute) -> Result<(), Kind> {
    use SessionParameter as P;
    let same = |other: &P| core::mem::discriminant(other) == core::mem::discriminant(parameter);
    let is_extension = matches!(parameter, P::Extension(_));
    if !is_extension && attribute.parameters.iter().any(same) {
        return Err(Kind::SessionParameterDuplicate);
    }
    // RFC 7714 §8.2: SRTP is always encrypted and authenticated under AEAD.
    let is_aead = attribute.suite.is_some_and(CryptoSuite::is_aead);
    match parameter {
        P::UnencryptedSrtp | P::UnauthenticatedSrtp if is_aead => {
            Err(Kind::SessionParameterConflict)
        }
        P::FecKey(fec) => {
            let reused = |key: &MasterKey| attribute.keys.iter().any(|media| key.is_same_as(media));
            match fec.iter().any(reused) {
                true => Err(Kind::KeyReused),
                false => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
