//! The offerer's side (RFC 4568 §5.1.1, §5.1.3, §7.1.1, §7.1.3; RFC 8643 §3.1, §3.3).

use alloc::{boxed::Box, collections::BTreeSet, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use super::answer::fresh_key;
use super::attribute::{CryptoAttribute, Line, SessionParameter};
use super::decision::{self, PlainRtp, Rejection, Services};
use super::error::{GenerateError, RejectReason as Reason, SectionError};
use super::media::{MediaSection, Profile, Signalling, announces_cryptex};
use super::policy::{Policy, SrtpMode, TagMatch};
use super::sdp;
use crate::{Cryptex, CryptoSuite, MasterKey, Receiver, Sender};

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

/// An answer that is acceptable.
pub(super) enum Judged {
    Srtp(Box<JudgedSrtp>),
    PlainRtp(PlainRtp),
    RefusedByPeer,
    PassOn,
}

/// An answer that accepts one of our lines.
pub(super) struct JudgedSrtp {
    pub(super) profile: Profile,
    /// The place of our line.
    pub(super) line: usize,
    pub(super) theirs: CryptoAttribute,
    /// Does the answer announce cryptex?
    pub(super) cryptex: bool,
}

impl Offer {
    /// Makes an offer under `policy`, with fresh keys from the operating system. Over [clear](Signalling::Clear) signalling it has no crypto
    /// lines, unless the policy allows it; nor where SRTP is not offered: see [`has_keys`](Self::has_keys).
    ///
    /// # Errors
    /// [`GenerateError`] if the operating system gives no random bytes.
    #[cfg(feature = "getrandom")]
    pub fn new(
        policy: &Policy,
        signalling: Signalling,
    ) -> Result<Self, GenerateError<crate::RandomError>> {
        Self::with(policy, signalling, MasterKey::generate)
    }

    /// Makes an offer under `policy`. `generate` makes the keys, a fresh one each time: all keys of an SDP have to be different (RFC 4568
    /// §6.1). Those of one offer are compared; see [`shares_key_with`](Self::shares_key_with) for several.
    ///
    /// # Errors
    /// [`GenerateError`]: what `generate` returned, or that it made a key twice.
    pub fn with<E>(
        policy: &Policy,
        signalling: Signalling,
        generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Self, GenerateError<E>> {
        Self::with_unknown(policy, signalling, generate, |_| false)
    }

    /// An offer under `policy`, with keys none of which is known.
    pub(super) fn with_unknown<E>(
        policy: &Policy,
        signalling: Signalling,
        generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
        is_known: impl Fn(&MasterKey) -> bool,
    ) -> Result<Self, GenerateError<E>> {
        let offers = matches!(policy.mode, SrtpMode::Opportunistic | SrtpMode::Required);
        let profile = match policy.offers_secure_profile && offers {
            true => Profile::Savp,
            false => Profile::Avp,
        };
        let mut offer = Self::empty(policy, profile);
        if offers && policy.trusts(signalling) {
            offer.add_lines(policy.offered_suites(), generate, is_known)?;
        }
        Ok(offer)
    }

    /// An offer without lines.
    pub(super) fn empty(policy: &Policy, profile: Profile) -> Self {
        Self {
            policy: policy.clone(),
            profile,
            // Room for all keys at once: growing would leave copies behind.
            lines: Vec::with_capacity(policy.suites.len() + 1),
        }
    }

    /// A line in use, whose key has its sender already.
    pub(super) fn add_line_in_use(&mut self, attribute: CryptoAttribute) {
        let key = None;
        self.lines.push(OfferedLine { attribute, key });
    }

    /// A line like `model`, with a fresh key.
    pub(super) fn add_line_like<E>(
        &mut self,
        model: &CryptoAttribute,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
        is_known: impl Fn(&MasterKey) -> bool,
    ) -> Result<(), GenerateError<E>> {
        let Some(suite) = model.suite() else {
            return Ok(());
        };
        let key = fresh_key(suite, &self.policy, &mut generate, is_known)?;
        let (tag, name) = (model.tag(), Some(model.suite_name()));
        let line = OfferedLine::new(tag, name, key, model.parameters());
        self.lines.extend(line);
        Ok(())
    }

    /// A line with a fresh key for each of `suites`, with the lowest tags that are free, from 1.
    pub(super) fn add_lines<E>(
        &mut self,
        suites: impl Iterator<Item = CryptoSuite>,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
        is_known: impl Fn(&MasterKey) -> bool,
    ) -> Result<(), GenerateError<E>> {
        let rate = self.policy.rate.map(SessionParameter::KeyDerivationRate);
        let declared: Vec<_> = rate.into_iter().collect();
        let taken: Vec<_> = self.attributes().map(CryptoAttribute::tag).collect();
        let tags = (1..).filter(|tag| !taken.contains(tag));
        for (suite, tag) in suites.zip(tags) {
            let is_known = |key: &MasterKey| is_known(key) || self.has_key(key);
            let key = fresh_key(suite, &self.policy, &mut generate, is_known)?;
            let line = OfferedLine::new(tag, None, key, &declared);
            self.lines.extend(line);
        }
        Ok(())
    }

    fn has_key(&self, key: &MasterKey) -> bool {
        let mut keys = self.attributes().flat_map(CryptoAttribute::keys);
        keys.any(|ours| ours.is_same_as(key))
    }

    /// Does a key of this offer stand in `other`? With a good generator never; offers for the sections of one SDP must not (RFC 4568 §6.1).
    #[must_use]
    pub fn shares_key_with(&self, other: &Self) -> bool {
        let mut keys = self.attributes().flat_map(CryptoAttribute::keys);
        keys.any(|key| other.has_key(key))
    }

    /// The line at this place, and its key if no sender was made of it.
    pub(super) fn take_line(
        &mut self,
        line: usize,
    ) -> Option<(&CryptoAttribute, Option<MasterKey>)> {
        let line = self.lines.get_mut(line)?;
        Some((&line.attribute, line.key.take()))
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

    /// The lines, and whether each still has the key for its sender.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&CryptoAttribute, bool)> {
        let lines = self.lines.iter();
        lines.map(|line| (&line.attribute, line.key.is_some()))
    }

    /// What [`lines`](Self::lines) gave, as an offer again.
    pub(super) fn with_lines(
        policy: &Policy,
        profile: Profile,
        lines: Vec<(CryptoAttribute, bool)>,
    ) -> Self {
        let mut offer = Self::empty(policy, profile);
        offer.lines.reserve_exact(lines.len());
        for (attribute, is_free) in lines {
            let key = attribute.keys().first().filter(|_| is_free);
            let key = key.map(MasterKey::secret_copy);
            offer.lines.push(OfferedLine { attribute, key });
        }
        offer
    }

    /// The profile for the `m=` line.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Does the section say `a=cryptex` (RFC 9335)? It does if the policy [has it](Policy::cryptex), and any of the lines encrypts.
    #[must_use]
    pub fn announces_cryptex(&self) -> bool {
        let mut lines = self.attributes();
        lines.any(|line| self.policy.cryptex_under(line) != Cryptex::Off)
    }

    /// **Secret:** the text of an offer, with what its `section`th media section (from 0) says: profile, crypto lines and `a=cryptex`, and no
    /// other lines of the two kinds. They stand as [`with_secret_lines`](super::with_secret_lines) puts them. `None` if there is no such section, or
    /// its `m=` line has no transport.
    #[must_use]
    pub fn secret_offer(&self, sdp: &str, section: usize) -> Option<Zeroizing<String>> {
        let beside = sdp::Beside {
            profile: self.profile,
            cryptex: self.announces_cryptex(),
            configuration: None,
        };
        sdp::negotiated_text(sdp, section, self.attributes(), beside)
    }

    /// The crypto lines, the most wanted first, with tags from 1.
    pub fn attributes(&self) -> impl Iterator<Item = &CryptoAttribute> {
        self.lines.iter().map(|line| &line.attribute)
    }

    /// Takes an answer. The offer can take further ones, of forks and of later responses.
    pub fn accept(&mut self, answer: &MediaSection<'_>) -> Accepted {
        let accepted = match self.judge(answer) {
            Ok(Judged::Srtp(srtp)) => self.contexts(*srtp),
            Ok(Judged::PlainRtp(plain)) => Ok(Accepted::PlainRtp(plain)),
            Ok(Judged::RefusedByPeer) => Ok(Accepted::RefusedByPeer),
            Ok(Judged::PassOn) => Ok(Accepted::PassOn),
            Err(reason) => Err(reason),
        };
        accepted.unwrap_or_else(|reason| Accepted::Reject(Rejection::by_offerer(reason)))
    }

    fn contexts(&mut self, srtp: JudgedSrtp) -> Result<Accepted, Reason> {
        let receiver = decision::receiver_builder(&srtp.theirs, &self.policy);
        let receiver = receiver.and_then(|it| it.build().ok());
        let receiver = receiver.ok_or(Reason::ParameterProhibited)?;
        let line = self.lines.get_mut(srtp.line).ok_or(Reason::NotOffered)?;
        let key = line.key.take();
        let cryptex = self.policy.cryptex_to(srtp.cryptex, &line.attribute);
        let sender = |key| decision::sender_builder(&line.attribute, key, &self.policy, cryptex);
        let sender = key.map(|key| sender(key).build()).transpose();
        Ok(Accepted::Srtp(Box::new(SrtpAccepted {
            profile: srtp.profile,
            tag: line.attribute.tag(),
            receiver,
            sender: sender.map_err(|_| Reason::ParameterProhibited)?,
        })))
    }

    /// What an answer comes to, before anything is made of it.
    pub(super) fn judge(&self, answer: &MediaSection<'_>) -> Result<Judged, Reason> {
        if answer.port == 0 {
            return Ok(Judged::RefusedByPeer);
        }
        if self.policy.mode == SrtpMode::Bypass {
            return Ok(Judged::PassOn);
        }
        let profile = answer.transport.parse::<Profile>();
        let profile = profile.map_err(|_| Reason::AnsweredNotSdes)?;
        let mut answered = answer.crypto_lines();
        let (Some((_, text)), more) = (answered.next(), answered.next()) else {
            return self.without_crypto(profile).map(Judged::PlainRtp);
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
        let line = self.check(&theirs)?;
        let cryptex = announces_cryptex(answer.attributes);
        self.policy.check_cryptex(cryptex)?;
        Ok(Judged::Srtp(Box::new(JudgedSrtp {
            profile,
            line,
            theirs,
            cryptex,
        })))
    }

    /// RFC 8643 §3.3: no keys in the answer decline an opportunistic offer. RFC 4568 §5.1.3: under a secure profile that is a failure.
    fn without_crypto(&self, profile: Profile) -> Result<PlainRtp, Reason> {
        if self.policy.mode == SrtpMode::Required {
            return Err(Reason::SrtpRequired);
        }
        if profile.is_secure() || self.profile.is_secure() {
            return Err(Reason::AnsweredWithoutCrypto);
        }
        let declined = None;
        Ok(PlainRtp { profile, declined })
    }

    /// Which of our lines `theirs` accepts, if it may.
    fn check(&self, theirs: &CryptoAttribute) -> Result<usize, Reason> {
        let at = self.line_for(theirs)?;
        // RFC 4568 §7.1.2: their keys are none of ours, whichever line it stands in.
        if theirs.keys().iter().any(|key| self.has_key(key)) {
            return Err(Reason::KeyRepeated);
        }
        let line = self.lines.get(at).ok_or(Reason::NotOffered)?;
        if Services::of(theirs) != Services::of(&line.attribute) {
            return Err(Reason::ParametersChanged);
        }
        let acceptable = self.policy.check_declared(theirs);
        acceptable.map_err(|_| Reason::ParameterProhibited)?;
        Ok(at)
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
    /// `None` only if the parameters contradict the suite.
    fn new(
        tag: u32,
        suite_name: Option<&str>,
        key: MasterKey,
        parameters: &[SessionParameter],
    ) -> Option<Self> {
        let keys = [key];
        let attribute = CryptoAttribute::new(tag, suite_name, &keys, parameters).ok()?;
        let [key] = keys;
        let key = Some(key);
        Some(Self { attribute, key })
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
