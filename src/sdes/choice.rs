//! Which potential configuration is answered (RFC 5939 §3.6.2): the first that the answerer takes, of those that carry `a=crypto`.

use alloc::{string::String, vec::Vec};

use super::capabilities::{self, Capabilities, name_and_value};
use super::configuration::{
    ActualConfiguration, Configuration, ConfigurationDiagnosis, ConfigurationVerdict,
    split_optional,
};
use super::error::Unusable;
use super::media::{MediaSection, Profile, announces_cryptex};
use super::policy::Policy;
use crate::Cryptex;

/// How many alternatives of a section's potential configurations are looked at, the preferred ones first.
const MAX_ALTERNATIVES: usize = 32;
/// How many attribute capabilities an alternative can refer to.
const MAX_ATTRIBUTES: usize = 64;

/// An alternative of a potential configuration, as the answerer sees it.
pub(super) struct Alternative<'a> {
    /// The transport.
    pub(super) transport: &'a str,
    /// Its crypto attributes, with their place among the section's attributes.
    pub(super) lines: Vec<(usize, &'a str)>,
    /// Does it announce cryptex?
    pub(super) cryptex: bool,
    named: ActualConfiguration,
    /// The optional ones of those lines, by place, and their numbers.
    optional_lines: Vec<(usize, u32)>,
}

impl Alternative<'_> {
    /// What the answer names when the line at this place is taken: of optional crypto lines no other (§3.5.2).
    pub(super) fn taken(self, line: Option<usize>) -> ActualConfiguration {
        let mut named = self.named;
        let is_left = |number: &u32| {
            let mut lines = self.optional_lines.iter();
            lines.any(|(at, it)| it == number && Some(*at) != line)
        };
        named.optional.retain(|number| !is_left(number));
        named
    }
}

/// A section of an offer with its capabilities.
struct Offered<'a> {
    capabilities: Capabilities<'a>,
    transport: &'a str,
    lines: Vec<(usize, &'a str)>,
    cryptex: Cryptexes,
    /// Names of attributes, besides `crypto`, that can be demanded of us. `None`: any, for nothing will be answered.
    supported: Option<&'a [String]>,
    takes_cryptex: bool,
}

/// Where `a=cryptex` stands.
struct Cryptexes {
    section: bool,
    session: bool,
}

impl<'a> Offered<'a> {
    /// The section that an alternative makes of the actual configuration (§3.6.2).
    ///
    /// Of several crypto capabilities one is enough, as of several lines of a section, but it has to be one of them: lines of the actual
    /// configuration count where the alternative adds none and deletes none.
    fn alternative(
        &self,
        configuration: Configuration<'a>,
        transport: Option<u32>,
        list: &'a str,
    ) -> Result<Alternative<'a>, ConfigurationVerdict> {
        let unusable = ConfigurationVerdict::Unusable;
        let proto = match transport {
            Some(number) => self.capabilities.transport(number),
            None => Some(self.transport),
        };
        let mut alternative = Alternative {
            transport: proto.ok_or(unusable(Unusable::Capability))?,
            lines: Vec::new(),
            cryptex: self.cryptex.section && !configuration.deletes.media
                || self.cryptex.session && !configuration.deletes.session,
            named: ActualConfiguration {
                number: configuration.number,
                transport,
                deletes: configuration.deletes,
                mandatory: Vec::new(),
                optional: Vec::new(),
            },
            optional_lines: Vec::new(),
        };
        let (mandatory, optional) = split_optional(list).unwrap_or((list, ""));
        let tagged = |list: &'a str, is_optional| {
            list.split(',')
                .filter_map(move |it| Some((capabilities::number(it)?, is_optional)))
        };
        let all = tagged(mandatory, false).chain(tagged(optional, true));
        for (n, (number, is_optional)) in all.enumerate() {
            if n == MAX_ATTRIBUTES {
                return Err(unusable(Unusable::TooMany));
            }
            self.add(&mut alternative, number, is_optional)
                .map_err(unusable)?;
        }
        if alternative.lines.is_empty() && !configuration.deletes.media {
            alternative.lines.clone_from(&self.lines);
        }
        if alternative.lines.is_empty() {
            return Err(ConfigurationVerdict::WithoutCrypto);
        }
        let profile = alternative.transport.parse::<Profile>();
        profile.map_err(|_| unusable(Unusable::Transport))?;
        Ok(alternative)
    }

    fn add(
        &self,
        alternative: &mut Alternative<'a>,
        number: u32,
        is_optional: bool,
    ) -> Result<(), Unusable> {
        let capability = self
            .capabilities
            .attribute(number)
            .ok_or(Unusable::Capability)?;
        let name = capability.name();
        let is_supported = |all: &[String]| all.iter().any(|it| it.eq_ignore_ascii_case(name));
        match (capability.line, is_optional) {
            (Some(line), _) if capability.is_crypto() => {
                alternative.lines.push((line, capability.text));
                if is_optional {
                    alternative.optional_lines.push((line, number));
                }
            }
            _ if self.takes_cryptex && capability.is_cryptex() => alternative.cryptex = true,
            _ if self.supported.is_none_or(is_supported) => {}
            (_, true) => return Ok(()),
            (_, false) => return Err(Unusable::Attribute),
        }
        match is_optional {
            true => alternative.named.optional.push(number),
            false => alternative.named.mandatory.push(number),
        }
        Ok(())
    }
}

/// Goes through the potential configurations of a section by preference, until `answer` takes one (§3.6.2), and says of each what it came to.
///
/// Takes time in proportion to the text, but for sorting numbers: of all alternatives together the first [`MAX_ALTERNATIVES`] are
/// looked at.
pub(super) fn choose<E, A>(
    session: &[&str],
    section: &MediaSection<'_>,
    policy: &Policy,
    mut answer: impl FnMut(Alternative<'_>) -> Result<Result<A, ConfigurationVerdict>, E>,
) -> Result<(Option<A>, Vec<ConfigurationDiagnosis>), E> {
    let configurations = configurations(section);
    if configurations.is_empty() {
        return Ok((None, Vec::new()));
    }
    let mut choice = Choice {
        offered: Offered {
            capabilities: Capabilities::of(session, section.attributes),
            transport: section.transport,
            lines: section.crypto_lines().collect(),
            cryptex: Cryptexes {
                section: announces_cryptex(section.attributes),
                session: announces_cryptex(session),
            },
            supported: policy.capabilities.as_deref(),
            takes_cryptex: policy.cryptex != Cryptex::Off,
        },
        looked_at: 0,
        taken: None,
    };
    let mut diagnoses = Vec::with_capacity(configurations.len());
    for (line, number, configuration) in configurations {
        let verdict = match configuration {
            _ if choice.offered.capabilities.requires_extension => {
                ConfigurationVerdict::Unusable(Unusable::RequiredExtension)
            }
            Err(why) => ConfigurationVerdict::Unusable(why),
            Ok(configuration) => choice.weigh(configuration, &mut answer)?,
        };
        diagnoses.push(ConfigurationDiagnosis {
            line,
            number,
            verdict,
        });
    }
    diagnoses.sort_by_key(|diagnosis| diagnosis.line);
    Ok((choice.taken, diagnoses))
}

/// The search for what to answer.
struct Choice<'a, A> {
    offered: Offered<'a>,
    looked_at: usize,
    taken: Option<A>,
}

impl<'a, A> Choice<'a, A> {
    fn weigh<E>(
        &mut self,
        configuration: Configuration<'a>,
        answer: &mut impl FnMut(Alternative<'a>) -> Result<Result<A, ConfigurationVerdict>, E>,
    ) -> Result<ConfigurationVerdict, E> {
        use ConfigurationVerdict as V;
        let mut verdict = V::WithoutCrypto;
        for (transport, list) in configuration.alternatives() {
            if self.looked_at == MAX_ALTERNATIVES {
                return Ok(V::Unusable(Unusable::TooMany));
            }
            self.looked_at += 1;
            let alternative = match self.offered.alternative(configuration, transport, list) {
                Ok(_) if self.taken.is_some() || self.offered.supported.is_none() => {
                    return Ok(V::PassedOver);
                }
                Ok(alternative) => alternative,
                Err(why) => {
                    verdict = verdict.or(why);
                    continue;
                }
            };
            match answer(alternative)? {
                Ok(answer) => {
                    self.taken = Some(answer);
                    return Ok(V::Chosen);
                }
                Err(why) => verdict = verdict.or(why),
            }
        }
        Ok(verdict)
    }
}

type Numbered<'a> = (usize, Option<u32>, Result<Configuration<'a>, Unusable>);

/// Every `a=pcfg` of a section, with its place and number, the most preferred first. Numbers have to be unique (§3.5.1).
fn configurations<'a>(section: &MediaSection<'a>) -> Vec<Numbered<'a>> {
    let mut all: Vec<Numbered<'a>> = Vec::new();
    for (line, text) in section.attributes.iter().enumerate() {
        let (name, value) = name_and_value(text);
        if !name.eq_ignore_ascii_case("pcfg") {
            continue;
        }
        let (first, lists) = capabilities::number_and_rest(value)
            .map_or((capabilities::number(value), ""), |(it, lists)| {
                (Some(it), lists)
            });
        let configuration = first.map(|first| Configuration::parse(first, lists));
        all.push((line, first, configuration.unwrap_or(Err(Unusable::Syntax))));
    }
    all.sort_by_key(|(_, number, _)| *number);
    for same in all.chunk_by_mut(|one, other| one.1.is_some() && one.1 == other.1) {
        if let [_, _, ..] = same {
            let duplicate = |it: &mut Numbered<'_>| it.2 = Err(Unusable::DuplicateNumber);
            same.iter_mut().for_each(duplicate);
        }
    }
    all
}
