//! The answerer's side (RFC 4568 §5.1.2, §7.1.2; RFC 8643 §3.2).

use alloc::{boxed::Box, string::String, vec::Vec};

use zeroize::Zeroizing;

use super::attribute::{CryptoAttribute, SessionParameter};
use super::configuration::{ActualConfiguration, ConfigurationDiagnosis};
use super::decision::{self, Diagnosis, PlainRtp, Rejection, Services};
use super::error::{GenerateError, RejectReason as Reason};
use super::media::{MediaSection, Profile, Signalling};
use super::policy::{AnsweredProfile, CryptoInAvp, Policy, SrtpMode, SuiteOrder};
use super::sdp;
use super::session::{OurSide, Outcome, ReceiverChange, Response, SenderChange, Session};
use crate::{CryptoSuite, MasterKey, Mki, Receiver, Sender};

/// What this side answers to one `m=` section of an offer.
#[derive(Debug)]
pub struct Answer {
    /// The decision. Plain RTP is one of its values, and no other way leads there.
    pub decision: Decision,
    /// What each offered crypto line came to, in the order of the offer: the lines of the `m=` section, or those of the
    /// [potential configuration](SrtpAnswer::configuration) that was taken, the preferred ones first, each with the place of its `a=acap`.
    pub diagnoses: Vec<Diagnosis>,
    /// What each potential configuration (RFC 5939) of the offer came to, in the order of the offer.
    pub configurations: Vec<ConfigurationDiagnosis>,
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
    /// The potential configuration that is answered, which the answer has to name; [`secret_answer`](Self::secret_answer) does. `None` if it
    /// is what the `m=` line says.
    pub configuration: Option<ActualConfiguration>,
    /// Does the section of the answer say `a=cryptex` (RFC 9335)? It does if the offer did, and the policy [has it](Policy::cryptex).
    pub cryptex: bool,
    sender: Sender,
    receiver: Receiver,
}

impl SrtpAnswer {
    /// The suite that was chosen.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.sender.suite()
    }

    /// **Secret:** the text of an answer, with what was negotiated for its `section`th media section (from 0): profile, crypto line,
    /// `a=cryptex` and, where a potential configuration was taken, `a=acfg`, and no other lines of the three kinds.
    ///
    /// They stand as [`with_secret_lines`](super::with_secret_lines) puts them. `None` if there is no such section, or its `m=` line has no
    /// transport.
    #[must_use]
    pub fn secret_answer(&self, sdp: &str, section: usize) -> Option<Zeroizing<String>> {
        let beside = sdp::Beside {
            profile: self.profile,
            cryptex: self.cryptex,
            configuration: self.configuration.as_ref(),
        };
        sdp::negotiated_text(sdp, section, [&self.attribute], beside)
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
            .field("configuration", &self.configuration)
            .field("cryptex", &self.cryptex)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Answers a section of an offer under `policy`, with a fresh key from the operating system; see [`to_with`](Self::to_with).
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
    /// Potential configurations (RFC 5939) can refer to capabilities of the section alone; see
    /// [`in_session_with`](Self::in_session_with).
    ///
    /// # Errors
    /// [`GenerateError`]: what `generate` returned, or its key is one of the offer's.
    pub fn to_with<E>(
        offer: &MediaSection<'_>,
        policy: &Policy,
        signalling: Signalling,
        generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Self, GenerateError<E>> {
        Self::in_session_with(&[], offer, policy, signalling, generate)
    }

    /// As [`in_session_with`](Self::in_session_with), with a fresh key from the operating system.
    ///
    /// # Errors
    /// [`GenerateError`] if the operating system gives no random bytes.
    #[cfg(feature = "getrandom")]
    pub fn in_session(
        session_attributes: &[&str],
        offer: &MediaSection<'_>,
        policy: &Policy,
        signalling: Signalling,
    ) -> Result<Self, GenerateError<crate::RandomError>> {
        let generate = MasterKey::generate;
        Self::in_session_with(session_attributes, offer, policy, signalling, generate)
    }

    /// As [`to_with`](Self::to_with), for a section whose potential configurations (RFC 5939) may refer to capabilities among the
    /// [attributes of the session level](super::session_attributes), in the same forms as those of the section.
    ///
    /// # Errors
    /// [`GenerateError`]: what `generate` returned, or its key is one of the offer's.
    pub fn in_session_with<E>(
        session_attributes: &[&str],
        offer: &MediaSection<'_>,
        policy: &Policy,
        signalling: Signalling,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Self, GenerateError<E>> {
        // The first exchange of a session.
        let session = Session::new(policy, signalling);
        let ours = OurSide::default();
        let (reply, prepared) =
            session.prepare(session_attributes, offer, None, ours, &mut generate)?;
        Ok(Self {
            decision: Decision::of(reply.response, prepared.map(|it| it.outcome)),
            diagnoses: reply.diagnoses,
            configurations: reply.configurations,
        })
    }
}

impl Decision {
    fn of(response: Response, outcome: Option<Outcome>) -> Self {
        let prohibited = Rejection::by_answerer(Reason::ParameterProhibited);
        match (response, outcome) {
            (
                Response::Srtp {
                    profile,
                    attribute,
                    configuration,
                    cryptex,
                },
                Some(Outcome::Srtp(changes)),
            ) => match (changes.sender, changes.receiver) {
                (SenderChange::Start(sender), ReceiverChange::Start(receiver)) => {
                    Self::Srtp(Box::new(SrtpAnswer {
                        profile,
                        attribute: *attribute,
                        configuration,
                        cryptex,
                        sender: *sender,
                        receiver: *receiver,
                    }))
                }
                // Not met: a first exchange begins both.
                _ => Self::Reject(prohibited),
            },
            (Response::Srtp { .. }, _) => Self::Reject(prohibited),
            (Response::PlainRtp(plain), _) => Self::PlainRtp(plain),
            (Response::Reject(rejection), _) => Self::Reject(rejection),
            (Response::PortZero, _) => Self::PortZero,
            (Response::NotSdes, _) => Self::NotSdes,
            (Response::PassOn, _) => Self::PassOn,
        }
    }
}

/// What a section of an offer says beside its crypto lines, or a potential configuration makes of that.
#[derive(Clone, Copy)]
pub(super) struct Offered<'a> {
    pub(super) transport: &'a str,
    pub(super) port: u16,
    pub(super) cryptex: bool,
    /// The profile of an answer.
    pub(super) answered: AnsweredProfile,
}

/// The profile that is offered and the line to take, or the response without one.
pub(super) fn weigh(
    offer: Offered<'_>,
    policy: &Policy,
    signalling: Signalling,
    diagnoses: &[Diagnosis],
    lines: Vec<CryptoAttribute>,
) -> Result<(Profile, CryptoAttribute), Response> {
    let reject = |reason| Err(Response::Reject(Rejection::by_answerer(reason)));
    if offer.port == 0 {
        return Err(Response::PortZero);
    }
    let profile: Profile = offer.transport.parse().map_err(|_| Response::NotSdes)?;
    if policy.mode == SrtpMode::Bypass {
        return Err(Response::PassOn);
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
        _ => policy.check_cryptex(offer.cryptex).err(),
    };
    let refused = match (refused, pick(lines, policy)) {
        (None, Some(line)) => return Ok((profile, line)),
        (None, None) => decision::why_none(diagnoses),
        (Some(reason), _) => reason,
    };
    // RFC 8643 §3.2: an opportunistic offer may be declined, by plain RTP, if that is enough for us.
    match profile.is_secure() || policy.mode == SrtpMode::Required {
        true => reject(refused),
        false => Err(Response::PlainRtp(PlainRtp {
            profile,
            declined: (!diagnoses.is_empty()).then_some(refused),
        })),
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
