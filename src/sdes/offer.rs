//! The offerer's side (RFC 4568 §5.1.1, §5.1.3, §7.1.1, §7.1.3; RFC 8643 §3.1, §3.3).

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use core::fmt;

use super::answer::dressed;
use super::attribute::{CryptoAttribute, Line, SessionParameter};
use super::decision::{self, PlainRtp, Rejection, Services};
use super::error::{RejectReason as Reason, SectionError};
use super::media::{MediaSection, Profile, Signalling};
use super::policy::{Policy, SrtpMode, TagMatch};
use crate::{CryptoSuite, MasterKey, Receiver, Sender};

/// What this side offers for one `m=` section, with the keys of all its lines.
///
/// It stays until the offer/answer exchange is over: provisional and forked answers each go through [`accept`](Self::accept).
pub struct Offer {
    policy: Policy,
    profile: Profile,
    lines: Vec<OfferedLine>,
}

struct OfferedLine {
    attribute: CryptoAttribute,
    /// The key of the line until the first answer takes it: one key never gets a second fresh sender.
    key: Option<MasterKey>,
}

/// What an answer came to.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Accepted {
    /// SRTP, and the contexts are ready.
    Srtp(Box<SrtpAccepted>),
    /// The peer declined, and plain RTP is enough for us. The caller has to match this value to get there.
    PlainRtp(PlainRtp),
    /// The peer refused the stream: port 0.
    RefusedByPeer,
    /// The answer is not acceptable: the stream, or the call, has to end (see [`Rejection::sip_hint`]).
    Reject(Rejection),
    /// The policy is to bypass: the crypto lines go on to the party whose media it is.
    PassOn,
}

/// A line of ours that the peer accepted.
pub struct SrtpAccepted {
    /// The profile that the peer answered.
    pub profile: Profile,
    /// The tag of our line.
    pub tag: u32,
    /// What we receive from this answerer.
    pub receiver: Receiver,
    /// What we send. `None` if an earlier answer to the same line has taken it: for a second media path, re-offer
    /// with new keys (RFC 4568 §7.3).
    pub sender: Option<Sender>,
}

impl fmt::Debug for SrtpAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpAccepted")
            .field("profile", &self.profile)
            .field("tag", &self.tag)
            .field("receiver", &self.receiver)
            .field("sender", &self.sender)
            .finish()
    }
}

impl Offer {
    /// Makes an offer under `policy`, with fresh keys from the operating system. Over [clear](Signalling::Clear) signalling it has no crypto
    /// lines, unless the policy allows it; nor where SRTP is not offered: see [`has_keys`](Self::has_keys).
    ///
    /// # Errors
    /// [`RandomError`](crate::RandomError) if the operating system gives no random bytes.
    #[cfg(feature = "getrandom")]
    pub fn new(policy: &Policy, signalling: Signalling) -> Result<Self, crate::RandomError> {
        Self::with(policy, signalling, MasterKey::generate)
    }

    /// Makes an offer under `policy`. `generate` makes the keys, a fresh one each time: all keys of an SDP have to
    /// be different (RFC 4568 §6.1).
    ///
    /// # Errors
    /// Whatever `generate` returns.
    pub fn with<E>(
        policy: &Policy,
        signalling: Signalling,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Self, E> {
        let offers = matches!(policy.mode, SrtpMode::Opportunistic | SrtpMode::Required);
        // Room for all keys at once: growing would leave copies behind.
        let mut lines = Vec::with_capacity(policy.suites.len());
        if offers && policy.trusts(signalling) {
            for (suite, tag) in policy.suites.iter().zip(1..) {
                let key = dressed(generate(*suite)?, policy);
                lines.extend(OfferedLine::new(tag, key, policy));
            }
        }
        Ok(Self {
            policy: policy.clone(),
            profile: match policy.offers_secure_profile && offers {
                true => Profile::Savp,
                false => Profile::Avp,
            },
            lines,
        })
    }

    /// **Secret:** rebuilds an offer from the section that was sent, keys included, in another process for instance.
    ///
    /// Its senders begin at index 0: only before any media was sent under these keys. The offer was sent, so the mode and the suites of
    /// `policy` are not consulted again. Lines of unknown suites are passed over.
    ///
    /// # Errors
    /// [`SectionError`] if the transport is none of the four [profiles](Profile), or for the first line that is invalid or has the tag of an
    /// earlier one.
    pub fn from_secret_section(
        section: &MediaSection<'_>,
        policy: &Policy,
    ) -> Result<Self, SectionError> {
        let profile = section.transport.parse()?;
        let mut lines = Vec::with_capacity(section.attributes.len());
        let mut tags = BTreeSet::new();
        for (line, text) in section.crypto_lines() {
            let attribute = match CryptoAttribute::parse(text, policy.parse_mode) {
                Line::Usable(attribute) => attribute,
                Line::Invalid(source) => return Err(SectionError::InvalidLine { line, source }),
                Line::Skipped { .. } => continue,
            };
            let tag = attribute.tag();
            if !tags.insert(tag) {
                return Err(SectionError::DuplicateTag { line, tag });
            }
            lines.push(OfferedLine {
                key: attribute.keys().first().map(MasterKey::secret_copy),
                attribute,
            });
        }
        Ok(Self {
            policy: policy.clone(),
            profile,
            lines,
        })
    }

    /// Does it offer SRTP at all? Without keys under a [secure](Profile::is_secure) profile it is an offer that no peer can accept, and
    /// not to be sent: the signalling is not secure enough for the policy, or that lists no suite.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.lines.is_empty()
    }

    /// The profile for the `m=` line.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The crypto lines, the most wanted first, with tags from 1.
    pub fn attributes(&self) -> impl Iterator<Item = &CryptoAttribute> {
        self.lines.iter().map(|line| &line.attribute)
    }

    /// Takes an answer. The offer can take further ones, of forks and of later responses.
    pub fn accept(&mut self, answer: &MediaSection<'_>) -> Accepted {
        match self.judge(answer) {
            Ok(accepted) => accepted,
            Err(reason) => Accepted::Reject(Rejection::by_offerer(reason)),
        }
    }

    fn judge(&mut self, answer: &MediaSection<'_>) -> Result<Accepted, Reason> {
        if answer.port == 0 {
            return Ok(Accepted::RefusedByPeer);
        }
        if self.policy.mode == SrtpMode::Bypass {
            return Ok(Accepted::PassOn);
        }
        let profile = answer.transport.parse::<Profile>();
        let profile = profile.map_err(|_| Reason::AnsweredNotSdes)?;
        let mut answered = answer.crypto_lines();
        let (Some((_, text)), more) = (answered.next(), answered.next()) else {
            return self.without_crypto(profile);
        };
        if more.is_some() {
            return Err(Reason::SeveralLines);
        }
        if self.lines.is_empty() {
            return Err(Reason::CryptoNotOffered);
        }
        let theirs = match CryptoAttribute::parse(text, self.policy.parse_mode) {
            Line::Usable(theirs) => theirs,
            Line::Invalid(error) => return Err(Reason::InvalidAnswer(error.kind)),
            Line::Skipped { .. } => return Err(Reason::NotOffered),
        };
        self.with_crypto(profile, &theirs)
    }

    /// RFC 8643 §3.3: no keys in the answer decline an opportunistic offer. RFC 4568 §5.1.3: under a secure profile that is a failure.
    fn without_crypto(&self, profile: Profile) -> Result<Accepted, Reason> {
        if self.policy.mode == SrtpMode::Required {
            return Err(Reason::SrtpRequired);
        }
        if profile.is_secure() || self.profile.is_secure() {
            return Err(Reason::AnsweredWithoutCrypto);
        }
        Ok(Accepted::PlainRtp(PlainRtp {
            profile,
            declined: None,
        }))
    }

    fn with_crypto(
        &mut self,
        profile: Profile,
        theirs: &CryptoAttribute,
    ) -> Result<Accepted, Reason> {
        let ours = self.line_for(theirs)?;
        // RFC 4568 §7.1.2: their keys are none of ours, whichever line it stands in.
        let is_ours = |key: &MasterKey| {
            let mut offered = self.lines.iter().flat_map(|line| line.attribute.keys());
            offered.any(|our| our.is_same_as(key))
        };
        if theirs.keys().iter().any(is_ours) {
            return Err(Reason::KeyRepeated);
        }
        let line = self.lines.get_mut(ours).ok_or(Reason::NotOffered)?;
        if Services::of(theirs) != Services::of(&line.attribute) {
            return Err(Reason::ParametersChanged);
        }
        let acceptable = self.policy.check_declared(theirs);
        acceptable.map_err(|_| Reason::ParameterProhibited)?;
        let receiver = decision::receiver(theirs, &self.policy).and_then(Result::ok);
        let receiver = receiver.ok_or(Reason::ParameterProhibited)?;
        let key = line.key.take();
        let sender = key.map(|key| decision::sender(&line.attribute, key, &self.policy));
        Ok(Accepted::Srtp(Box::new(SrtpAccepted {
            profile,
            tag: line.attribute.tag(),
            receiver,
            sender: sender
                .transpose()
                .map_err(|_| Reason::ParameterProhibited)?,
        })))
    }

    /// Which of our lines the answer accepts (RFC 4568 §5.1.3).
    fn line_for(&self, theirs: &CryptoAttribute) -> Result<usize, Reason> {
        let same_suite = |line: &&(usize, &OfferedLine)| line.1.attribute.suite() == theirs.suite();
        let numbered: Vec<_> = self.lines.iter().enumerate().collect();
        let candidates: Vec<_> = numbered.iter().filter(same_suite).collect();
        let by_tag = candidates
            .iter()
            .find(|(_, line)| line.attribute.tag() == theirs.tag());
        match (by_tag, self.policy.tags, candidates.as_slice()) {
            (Some((at, _)), _, _) => Ok(*at),
            (None, TagMatch::Lenient, [(at, _)]) => Ok(*at),
            (None, TagMatch::Lenient, [_, _, ..]) => Err(Reason::Ambiguous),
            _ => Err(Reason::NotOffered),
        }
    }
}

impl OfferedLine {
    /// `None` only if the policy's own parameters contradict the suite.
    fn new(tag: u32, key: MasterKey, policy: &Policy) -> Option<Self> {
        let declared: Vec<_> = policy
            .rate
            .map(SessionParameter::KeyDerivationRate)
            .into_iter()
            .collect();
        let keys = [key];
        let attribute = CryptoAttribute::new(tag, None, &keys, &declared).ok()?;
        let [key] = keys;
        Some(Self {
            attribute,
            key: Some(key),
        })
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes: Vec<_> = self.attributes().collect();
        f.debug_struct("Offer")
            .field("profile", &self.profile)
            .field("attributes", &attributes)
            .finish_non_exhaustive()
    }
}
