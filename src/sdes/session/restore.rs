//! What was agreed, from the sections that both sides sent.

use alloc::vec::Vec;

use super::Agreement;
use crate::Cryptex;
use crate::sdes::attribute::{CryptoAttribute, Line};
use crate::sdes::error::RestoreError;
use crate::sdes::media::{MediaSection, Profile, announces_cryptex};
use crate::sdes::policy::{Policy, TagMatch};

/// What two sections say that were sent: one that has one usable line is the answer.
pub(super) fn agreement_of(
    ours: &MediaSection<'_>,
    theirs: &MediaSection<'_>,
    policy: &Policy,
) -> Result<Agreement, RestoreError> {
    if ours.port == 0 || theirs.port == 0 {
        return Err(RestoreError::PortZero);
    }
    let (mut our_lines, mut their_lines) = (usable(ours, policy), usable(theirs, policy));
    let (profile, our_line, their_line) = match (our_lines.as_slice(), their_lines.as_slice()) {
        // Either may be the answer: what one of them demands stays.
        ([our], [their]) => {
            let (our_profile, their_profile) = (profile_of(ours)?, profile_of(theirs)?);
            let profile = match their_profile.is_secure() {
                true => their_profile,
                false => our_profile,
            };
            line_for(their, core::slice::from_ref(our), policy).map(|_| (profile, 0, 0))
        }
        ([our], offered) => {
            let profile = profile_of(ours)?;
            line_for(our, offered, policy).map(|their| (profile, 0, their))
        }
        (offered, [their]) => {
            let profile = profile_of(theirs)?;
            line_for(their, offered, policy).map(|our| (profile, our, 0))
        }
        _ => return Err(RestoreError::NoAnswer),
    }
    .ok_or(RestoreError::NoCommonLine)?;
    let mut agreement = Agreement {
        profile,
        ours: our_lines.swap_remove(our_line),
        theirs: their_lines.swap_remove(their_line),
        sends: true,
        cryptex: Cryptex::Off,
    };
    let announced = [ours, theirs].map(|it| announces_cryptex(it.attributes));
    agreement.cryptex = policy.cryptex_to(announced == [true; 2], &agreement.ours);
    match agreement.repeats_a_key() {
        true => Err(RestoreError::KeyRepeated),
        false => Ok(agreement),
    }
}

impl Agreement {
    pub(super) fn repeats_a_key(&self) -> bool {
        let mut keys = self.ours.keys().iter();
        keys.any(|our| self.theirs.keys().iter().any(|their| their.is_same_as(our)))
    }
}

fn usable(section: &MediaSection<'_>, policy: &Policy) -> Vec<CryptoAttribute> {
    let parsed = section
        .crypto_lines()
        .map(|(_, text)| CryptoAttribute::parse(text, policy.parse_mode));
    let usable = parsed.filter_map(|line| match line {
        Line::Usable(attribute) => Some(attribute),
        _ => None,
    });
    usable.collect()
}

fn profile_of(section: &MediaSection<'_>) -> Result<Profile, RestoreError> {
    let profile = section.transport.parse();
    profile.map_err(|_| RestoreError::NotSdes)
}

/// Which of the offered lines the answer accepts.
fn line_for(
    answer: &CryptoAttribute,
    offered: &[CryptoAttribute],
    policy: &Policy,
) -> Option<usize> {
    let of_suite = |it: &CryptoAttribute| it.suite() == answer.suite();
    let by_tag = |it: &CryptoAttribute| it.tag() == answer.tag() && of_suite(it);
    let is_alone = || offered.iter().filter(|it| of_suite(it)).count() == 1;
    match offered.iter().position(by_tag) {
        None if policy.tags == TagMatch::Lenient && is_alone() => offered.iter().position(of_suite),
        at => at,
    }
}
