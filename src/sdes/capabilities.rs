//! The capabilities that an offer lists (RFC 5939 §3.3, §3.4): `a=tcap`, `a=acap`, `a=creq`. What is chosen of them is
//! [`choice`](super::choice)'s.

use alloc::{collections::BTreeMap, vec::Vec};

use super::sdp::lines;

/// The greatest number of a capability or configuration.
const MAX_NUMBER: u32 = 0x7fff_ffff;

/// What must not stand inside a capability (§3.4.1).
const OF_NEGOTIATION: [&str; 6] = ["csup", "creq", "acap", "tcap", "pcfg", "acfg"];

/// The attribute lines before the first `m=` line of an SDP text, without their ends, as [`sections`](super::sections) has lines: what
/// [`Answer::in_session_with`](super::Answer::in_session_with) takes beside a section.
#[must_use]
pub fn session_attributes(sdp: &str) -> Vec<&str> {
    lines(sdp)
        .map(|(line, _)| line)
        .take_while(|line| !line.starts_with("m="))
        .filter(|line| line.starts_with("a="))
        .collect()
}

/// The capabilities that the configurations of one section can refer to, by number.
pub(super) struct Capabilities<'a> {
    /// `None`: several have the number.
    transports: BTreeMap<u32, Option<&'a str>>,
    attributes: BTreeMap<u32, Option<AttributeCapability<'a>>>,
    /// An `a=creq` asks for an extension, and this crate has none (§3.3.2).
    pub(super) requires_extension: bool,
}

/// What an `a=acap` holds.
#[derive(Clone, Copy)]
pub(super) struct AttributeCapability<'a> {
    /// The attribute, from its name on.
    pub(super) text: &'a str,
    /// Its place among the section's attributes. `None` at the session level.
    pub(super) line: Option<usize>,
}

impl<'a> Capabilities<'a> {
    /// Takes time in proportion to the text, but for looking up and sorting numbers.
    pub(super) fn of(session: &[&'a str], section: &[&'a str]) -> Self {
        let mut all = Self {
            transports: BTreeMap::new(),
            attributes: BTreeMap::new(),
            requires_extension: false,
        };
        for text in session {
            all.read(text, None);
        }
        for (line, text) in section.iter().enumerate() {
            all.read(text, Some(line));
        }
        all
    }

    fn read(&mut self, text: &'a str, line: Option<usize>) {
        let (name, value) = name_and_value(text);
        if name.eq_ignore_ascii_case("tcap") {
            self.read_transports(value);
        } else if name.eq_ignore_ascii_case("acap") {
            let Some((first, text)) = number_and_rest(value) else {
                return;
            };
            add(
                &mut self.attributes,
                first,
                AttributeCapability { text, line },
            );
        } else if name.eq_ignore_ascii_case("creq") {
            let is_base = |tag: &str| tag.trim().eq_ignore_ascii_case("cap-v0");
            self.requires_extension |= !value.split(',').all(is_base);
        }
    }

    /// The first transport has the number given, each further one the next (§3.4.2).
    fn read_transports(&mut self, value: &'a str) {
        let Some((first, transports)) = number_and_rest(value) else {
            return;
        };
        for (number, transport) in (first..=MAX_NUMBER).zip(words(transports)) {
            add(&mut self.transports, number, transport);
        }
    }

    pub(super) fn transport(&self, number: u32) -> Option<&'a str> {
        *self.transports.get(&number)?
    }

    /// The attribute capability of that number, if a configuration may refer to it: none about negotiation itself, and `crypto`, which belongs
    /// to a section, not from the session level (§3.6.2).
    pub(super) fn attribute(&self, number: u32) -> Option<AttributeCapability<'a>> {
        let capability = (*self.attributes.get(&number)?)?;
        let is_nested = OF_NEGOTIATION
            .iter()
            .any(|name| name.eq_ignore_ascii_case(capability.name()));
        let is_allowed = !is_nested && (!capability.is_crypto() || capability.line.is_some());
        is_allowed.then_some(capability)
    }
}

impl<'a> AttributeCapability<'a> {
    pub(super) fn name(self) -> &'a str {
        let end = self
            .text
            .find(|c: char| c == ':' || c.is_ascii_whitespace());
        end.and_then(|end| self.text.get(..end))
            .unwrap_or(self.text)
    }

    pub(super) fn is_crypto(self) -> bool {
        self.name().eq_ignore_ascii_case("crypto")
    }

    pub(super) fn is_cryptex(self) -> bool {
        super::media::is_cryptex(self.text)
    }
}

/// No two may have one number; which of them is meant cannot be told.
fn add<T>(all: &mut BTreeMap<u32, Option<T>>, number: u32, capability: T) {
    all.entry(number)
        .and_modify(|known| *known = None)
        .or_insert(Some(capability));
}

fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// An attribute in any of the forms that a [`MediaSection`](super::MediaSection) has them in. The value may be empty.
pub(super) fn name_and_value(attribute: &str) -> (&str, &str) {
    let attribute = without_end(attribute);
    let attribute = attribute.strip_prefix("a=").unwrap_or(attribute);
    attribute.split_once(':').unwrap_or((attribute, ""))
}

/// A number, white space, and something behind.
pub(super) fn number_and_rest(value: &str) -> Option<(u32, &str)> {
    let (first, rest) = value.split_once(is_space)?;
    let rest = rest.trim_start_matches(is_space);
    Some((number(first)?, Some(rest).filter(|rest| !rest.is_empty())?))
}

/// 1 to 10 digits, 1 to 2^31-1.
pub(super) fn number(digits: &str) -> Option<u32> {
    let are_digits = digits.len() <= 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| are_digits)?;
    (1..=MAX_NUMBER).contains(&number).then_some(number)
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}
