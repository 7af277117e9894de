//! Configurations (RFC 5939 §3.5): `a=pcfg`, which an offer prefers to its `m=` line, and `a=acfg`, by which an answer names the one
//! that it takes. Which one that is, is [`choice`](super::choice)'s.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use super::capabilities;
use super::error::{RejectReason, Unusable};

/// The potential configuration that an answer is based on (RFC 5939 §3.5.2), displayed as the value of its `a=acfg`. The numbers are the
/// offer's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActualConfiguration {
    /// The configuration, of an `a=pcfg`.
    pub number: u32,
    /// The transport, of an `a=tcap`. `None` if it is that of the `m=` line.
    pub transport: Option<u32>,
    /// Attributes of the offer that do not count: what the rest of the answer is made from has to leave them out, too.
    pub deletes: Deletes,
    /// The attributes that it demands, each of an `a=acap`.
    pub mandatory: Vec<u32>,
    /// Of those that it wishes for: the crypto line if it was taken, and those that the policy supports.
    pub optional: Vec<u32>,
}

/// Which attributes of an offer a potential configuration deletes (RFC 5939 §3.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// All of the section: `-m` or `-ms`.
    pub media: bool,
    /// All of the session level: `-s` or `-ms`.
    pub session: bool,
}

/// What one `a=pcfg` of an offer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationDiagnosis {
    /// Its place among the section's attributes.
    pub line: usize,
    /// Its number, if it could be read. The lowest is the most preferred.
    pub number: Option<u32>,
    /// What it came to.
    pub verdict: ConfigurationVerdict,
}

/// What a potential configuration came to; of several alternatives, what says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigurationVerdict {
    /// It was taken, instead of what the `m=` line says.
    Chosen,
    /// It carries keys, and was not looked at: the policy does not answer potential configurations (see
    /// [`answer_capabilities`](super::Policy::answer_capabilities)), or took one before it.
    PassedOver,
    /// It carries keys, and the policy does not take them.
    Declined(RejectReason),
    /// It carries no crypto line: not for us.
    WithoutCrypto,
    /// It cannot be used.
    Unusable(Unusable),
}

impl fmt::Display for ConfigurationVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::PassedOver => f.write_str("carries keys, and was passed over"),
            Self::Declined(why) => write!(f, "declined: {why}"),
            Self::WithoutCrypto => f.write_str("without a=crypto"),
            Self::Unusable(why) => write!(f, "not usable: {why}"),
        }
    }
}

impl ConfigurationVerdict {
    /// What says more: that there were keys, then why there were none.
    pub(super) fn or(self, next: Self) -> Self {
        match (self, next) {
            (Self::WithoutCrypto, _) | (Self::Unusable(_), Self::Declined(_)) => next,
            _ => self,
        }
    }
}

impl ActualConfiguration {
    /// The line for the answer's `m=` section, from `a=acfg:` on, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        format!("a=acfg:{self}")
    }
}

impl fmt::Display for ActualConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        if let Some(transport) = self.transport {
            write!(f, " t={transport}")?;
        }
        let lists = [
            self.deletes.name().unwrap_or_default(),
            &joined(&self.mandatory),
            &match self.optional.as_slice() {
                [] => String::new(),
                optional => format!("[{}]", joined(optional)),
            },
        ];
        let mut separator = " a=";
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            write!(f, "{separator}{list}")?;
            separator = if list.starts_with('-') { ":" } else { "," };
        }
        Ok(())
    }
}

fn joined(numbers: &[u32]) -> String {
    let numbers: Vec<_> = numbers.iter().map(|number| format!("{number}")).collect();
    numbers.join(",")
}

impl Deletes {
    const ALL: [(&str, Self); 3] = [
        ("-m", Self::new(true, false)),
        ("-s", Self::new(false, true)),
        ("-ms", Self::new(true, true)),
    ];

    const fn new(media: bool, session: bool) -> Self {
        Self { media, session }
    }

    fn name(self) -> Option<&'static str> {
        let known = Self::ALL.into_iter().find(|(_, deletes)| *deletes == self);
        known.map(|(name, _)| name)
    }

    fn named(name: &str) -> Result<Self, Unusable> {
        let is_it = |it: &(&str, Self)| it.0.eq_ignore_ascii_case(name);
        let known = Self::ALL.into_iter().find(is_it);
        known.map(|(_, deletes)| deletes).ok_or(Unusable::Syntax)
    }
}

/// An `a=pcfg` whose syntax has been checked.
#[derive(Clone, Copy, Default)]
pub(super) struct Configuration<'a> {
    pub(super) number: u32,
    /// Numbers between `|`.
    transports: Option<&'a str>,
    pub(super) deletes: Deletes,
    /// Lists between `|`.
    attributes: Option<&'a str>,
}

impl<'a> Configuration<'a> {
    pub(super) fn parse(number: u32, lists: &'a str) -> Result<Self, Unusable> {
        let mut configuration = Self {
            number,
            ..Self::default()
        };
        let mut demands_extension = false;
        for list in capabilities::words(lists) {
            let (name, value) = list.split_once('=').ok_or(Unusable::Syntax)?;
            let earlier = match name {
                "a" | "A" => {
                    let (deletes, lists) = split_deletes(value)?;
                    configuration.deletes = deletes;
                    configuration.attributes.replace(lists)
                }
                "t" | "T" => {
                    let transports = Some(value).filter(|value| are_numbers(value, '|'));
                    let transports = transports.ok_or(Unusable::Syntax)?;
                    configuration.transports.replace(transports)
                }
                extension => {
                    demands_extension |= is_mandatory(extension, value)?;
                    None
                }
            };
            if earlier.is_some() {
                return Err(Unusable::Syntax);
            }
        }
        match demands_extension {
            true => Err(Unusable::MandatoryExtension),
            false => Ok(configuration),
        }
    }

    /// Its alternatives, the preferred ones first: every list with the first transport, then with the next.
    pub(super) fn alternatives(self) -> impl Iterator<Item = (Option<u32>, &'a str)> {
        let transports = self
            .transports
            .map(|all| all.split('|').map(capabilities::number));
        let none = self.transports.is_none().then_some(None);
        let transports = transports.into_iter().flatten().chain(none);
        transports.flat_map(move |transport| {
            let lists = self.attributes.unwrap_or_default().split('|');
            lists.map(move |list| (transport, list))
        })
    }
}

/// `-m`, `-s` or `-ms`, and behind a colon lists of attributes between `|`; either can stand alone.
fn split_deletes(value: &str) -> Result<(Deletes, &str), Unusable> {
    let (deletes, lists) = match value.split_once(':') {
        Some((name, lists)) => (Deletes::named(name)?, lists),
        None if value.starts_with('-') => return Ok((Deletes::named(value)?, "")),
        None => (Deletes::default(), value),
    };
    match lists.split('|').all(is_attribute_list) {
        true => Ok((deletes, lists)),
        false => Err(Unusable::Syntax),
    }
}

/// Has an extension list a `+` before its name?
fn is_mandatory(extension: &str, value: &str) -> Result<bool, Unusable> {
    let name = extension.strip_prefix('+').unwrap_or(extension);
    let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric());
    match is_name && !value.is_empty() {
        true => Ok(name.len() < extension.len()),
        false => Err(Unusable::Syntax),
    }
}

/// `1,2`, `1,[2,3]` or `[1]`.
fn is_attribute_list(list: &str) -> bool {
    match split_optional(list) {
        Some((mandatory, optional)) => {
            (mandatory.is_empty() || are_numbers(mandatory, ',')) && are_numbers(optional, ',')
        }
        None => are_numbers(list, ','),
    }
}

fn are_numbers(list: &str, separator: char) -> bool {
    let mut numbers = list.split(separator);
    numbers.all(|number| capabilities::number(number).is_some())
}

/// The mandatory and the optional part, if there is an optional one in its place.
pub(super) fn split_optional(list: &str) -> Option<(&str, &str)> {
    let (mandatory, optional) = list.strip_suffix(']')?.split_once('[')?;
    match mandatory {
        "" => Some(("", optional)),
        _ => Some((
            mandatory.strip_suffix(',').filter(|it| !it.is_empty())?,
            optional,
        )),
    }
}
