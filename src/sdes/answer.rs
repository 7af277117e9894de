//! The answerer's side (RFC 4568 §5.1.2, §7.1.2; RFC 8643 §3.2).

use alloc::{boxed::Box, vec::Vec};

use super::attribute::{CryptoAttribute, SessionParameter};
use super::decision::{self, Diagnosis, PlainRtp, Rejection, Services};
use super::error::{GenerateError, RejectReason as Reason};
use super::media::{MediaSection, Profile, Signalling};
use super::policy::{AnsweredProfile, CryptoInAvp, Policy, SrtpMode, SuiteOrder};
use crate::{CryptoSuite, MasterKey, Mki, Receiver, Sender};

/// What this side answers to one `m=` section of an offer.
#[derive(Debug)]
pub struct Answer {
    /// The decision. Plain RTP is one of its values, and no other way leads there.
    pub decision: Decision,
    /// What each offered crypto line came to, in the order of the offer.
    pub diagnoses: Vec<Diagnosis>,
}

/// What to answer.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Decision {
    /// SRTP: the section is answered with this profile and line, and the contexts are ready.
    Srtp(Box<SrtpAnswer>),
    /// Plain RTP: the section is answered with the offered profile and no crypto line.
    PlainRtp(PlainRtp),
    /// The stream is refused: port 0 in the answer or, if no stream is left, the call (see [`Rejection::sip_hint`]).
    Reject(Rejection),
    /// The offer itself has port 0: so has the answer (RFC 3264 §6).
    PortZero,
    /// Security descriptions do not apply to the transport: perhaps DTLS-SRTP does.
    NotSdes,
    /// The policy is to bypass: the crypto lines go on to the party whose media it is.
    PassOn,
}

/// An accepted crypto line.
pub struct SrtpAnswer {
    /// The profile of the answer.
    pub profile: Profile,
    /// The crypto line of the answer: tag and suite as the offer wrote them, our own key.
    pub attribute: CryptoAttribute,
    sender: Sender,
    receiver: Receiver,
}

impl SrtpAnswer {
    /// The suite that was chosen.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.sender.suite()
    }

    /// The contexts, with every negotiated parameter applied: what we send and what we receive.
    #[must_use]
    pub fn into_contexts(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl core::fmt::Debug for SrtpAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SrtpAnswer")
            .field("profile", &self.profile)
            .field("attribute", &self.attribute)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Answers a section of an offer under `policy`, with a fresh key from the operating system.
    ///
    /// # Errors
    /// [`GenerateError`] if the operating system gives no random bytes. Everything else is a [`Decision`].
    #[cfg(feature = "getrandom")]
    pub fn to(
        offer: &MediaSection<'_>,
        policy: &Policy,
        signalling: Signalling,
    ) -> Result<Self, GenerateError<crate::RandomError>> {
        Self::to_with(offer, policy, signalling, MasterKey::generate)
    }

    /// Answers a section of an offer under `policy`. `generate` makes the key, a fresh one each time.
    ///
    /// # Errors
    /// [`GenerateError`]: what `generate` returned, or its key is one of the offer's.
    pub fn to_with<E>(
        offer: &MediaSection<'_>,
        policy: &Policy,
        signalling: Signalling,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Self, GenerateError<E>> {
        let (mut diagnoses, lines) = decision::examine(offer.crypto_lines(), policy);
        let decision = match weigh(offer, policy, signalling, &diagnoses, lines) {
            Err(decided) => decided,
            Ok((profile, theirs)) => {
                let decided = accept(profile, &theirs, policy, &mut generate)?;
                if let Decision::Srtp(_) = decided {
                    decision::mark_chosen(&mut diagnoses, theirs.tag());
                }
                decided
            }
        };
        Ok(Self {
            decision,
            diagnoses,
        })
    }
}

/// The profile to answer with and the line to take, or what is decided without one.
pub(super) fn weigh(
    offer: &MediaSection<'_>,
    policy: &Policy,
    signalling: Signalling,
    diagnoses: &[Diagnosis],
    lines: Vec<CryptoAttribute>,
) -> Result<(Profile, CryptoAttribute), Decision> {
    let reject = |reason| Err(Decision::Reject(Rejection::by_answerer(reason)));
    if offer.port == 0 {
        return Err(Decision::PortZero);
    }
    let profile: Profile = offer.transport.parse().map_err(|_| Decision::NotSdes)?;
    if policy.mode == SrtpMode::Bypass {
        return Err(Decision::PassOn);
    }
    let refused = match (profile.is_secure(), diagnoses.is_empty()) {
        (true, _) if policy.mode == SrtpMode::Disabled => Some(Reason::SrtpDisabled),
        (true, true) => Some(Reason::NoKeying),
        (false, true) => Some(Reason::SrtpRequired),
        (false, false) if policy.crypto_in_avp == CryptoInAvp::Reject => {
            return reject(Reason::CryptoInAvp);
        }
        (false, false) if policy.crypto_in_avp == CryptoInAvp::Ignore => match policy.mode {
            SrtpMode::Required => Some(Reason::SrtpRequired),
            _ => Some(Reason::CryptoInAvp),
        },
        _ if policy.mode == SrtpMode::Disabled => Some(Reason::SrtpDisabled),
        _ if !policy.trusts(signalling) => Some(Reason::SignallingNotSecure),
        _ => None,
    };
    let refused = match (refused, pick(lines, policy)) {
        (None, Some(line)) => return Ok((answered(profile, policy), line)),
        (None, None) => decision::why_none(diagnoses),
        (Some(reason), _) => reason,
    };
    // RFC 8643 §3.2: an opportunistic offer may be declined, by plain RTP, if that is enough for us.
    match profile.is_secure() || policy.mode == SrtpMode::Required {
        true => reject(refused),
        false => Err(Decision::PlainRtp(PlainRtp {
            profile,
            declined: (!diagnoses.is_empty()).then_some(refused),
        })),
    }
}

fn answered(offered: Profile, policy: &Policy) -> Profile {
    match policy.answered_profile {
        AnsweredProfile::AsOffered => offered,
        AnsweredProfile::Secure => offered.secured(),
    }
}

/// The line to take, of those that are acceptable.
fn pick(mut lines: Vec<CryptoAttribute>, policy: &Policy) -> Option<CryptoAttribute> {
    if policy.order == SuiteOrder::Own {
        let rank = |line: &CryptoAttribute| {
            let is_suite = |suite: &CryptoSuite| Some(*suite) == line.suite();
            policy.suites.iter().position(is_suite)
        };
        // Stable: lines of one suite stay in the order of the offer.
        lines.sort_by_key(rank);
    }
    lines.into_iter().next()
}

/// Our line in return for `theirs`, and the contexts of both.
fn accept<E>(
    profile: Profile,
    theirs: &CryptoAttribute,
    policy: &Policy,
    generate: &mut impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
) -> Result<Decision, GenerateError<E>> {
    let refused = Decision::Reject(Rejection::by_answerer(Reason::ParameterProhibited));
    let Some(suite) = theirs.suite() else {
        return Ok(refused);
    };
    // RFC 4568 §7.1.2: a key of ours, different from theirs.
    let is_known = |key: &MasterKey| theirs.keys().iter().any(|their| their.is_same_as(key));
    let key = fresh_key(suite, policy, generate, is_known)?;
    let built = answering_line(theirs, &key, policy).and_then(|attribute| {
        let sender = decision::sender(&attribute, key, policy).ok()?;
        let receiver = decision::receiver(theirs, policy)?.ok()?;
        Some(SrtpAnswer {
            profile,
            attribute,
            sender,
            receiver,
        })
    });
    Ok(built.map_or(refused, |answer| Decision::Srtp(Box::new(answer))))
}

/// The line that accepts `theirs` with `key`: tag and suite as they wrote them, the services echoed. `None` only if our own parameters
/// contradict the suite.
pub(super) fn answering_line(
    theirs: &CryptoAttribute,
    key: &MasterKey,
    policy: &Policy,
) -> Option<CryptoAttribute> {
    let mut parameters = Services::of(theirs).echoed();
    parameters.extend(policy.rate.map(SessionParameter::KeyDerivationRate));
    let keys = [key.secret_copy()];
    CryptoAttribute::new(theirs.tag(), Some(theirs.suite_name()), &keys, &parameters).ok()
}

/// A fresh key as the policy writes it, none of those that are known.
pub(super) fn fresh_key<E>(
    suite: CryptoSuite,
    policy: &Policy,
    generate: &mut impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    is_known: impl Fn(&MasterKey) -> bool,
) -> Result<MasterKey, GenerateError<E>> {
    let key = generate(suite).map_err(GenerateError::Failed)?;
    match is_known(&key) {
        true => Err(GenerateError::Repeated),
        false => Ok(dressed(key, policy)),
    }
}

/// A fresh key with the MKI and lifetime that the policy writes.
fn dressed(mut key: MasterKey, policy: &Policy) -> MasterKey {
    if let Some(mki) = policy.mki_len.and_then(|len| Mki::from_value(1, len).ok()) {
        key = key.with_mki(mki);
    }
    match policy.lifetime {
        Some(lifetime) => key.with_lifetime(lifetime),
        None => key,
    }
}
