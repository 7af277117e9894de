//! What comes of an offer or an answer, for both sides.

use alloc::{collections::BTreeSet, vec::Vec};

use super::attribute::{CryptoAttribute, SessionParameter};
use super::error::{LineError, RejectReason, SkipReason, Unacceptable};
use super::media::Profile;
use super::policy::{Policy, SrtcpTagOf32};
use crate::error::BuildError;
use crate::{
    Cryptex, CryptoSuite, MasterKey, Receiver, ReceiverBuilder, ReplayWindowSize, Sender,
    SenderBuilder, SrtcpTag,
};

/// What one of the peer's crypto lines came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Its place among the attributes given, from 0.
    pub line: usize,
    /// Its tag, if it could be read.
    pub tag: Option<u32>,
    /// What it came to.
    pub verdict: Verdict,
}

/// What a crypto line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was taken.
    Chosen,
    /// It would have been acceptable.
    Acceptable,
    /// It is valid and not acceptable.
    Unacceptable(Unacceptable),
    /// It is well-formed and not understood, or stands where it means nothing.
    Skipped(SkipReason),
    /// It is invalid.
    Invalid(LineError),
}

/// Plain RTP, as the caller has to confirm by matching this value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainRtp {
    /// The profile of the `m=` line: a plain one.
    pub profile: Profile,
    /// Why crypto lines of the section were declined. `None` if it had none, whatever its potential configurations have.
    pub declined: Option<RejectReason>,
}

impl core::fmt::Display for Verdict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::Acceptable => f.write_str("acceptable, another was chosen or none"),
            Self::Unacceptable(why) => write!(f, "not acceptable: {why}"),
            Self::Skipped(why) => write!(f, "passed over: {why}"),
            Self::Invalid(error) => write!(f, "invalid: {error}"),
        }
    }
}

/// A stream that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: RejectReason,
    /// Who refuses: what SIP makes of it depends on that.
    pub(super) by_offerer: bool,
}

/// What SIP can make of a [`Rejection`] that ends a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SipHint {
    /// The answerer refuses the INVITE with this status; `503` with the same cause is also seen.
    Refuse {
        /// 488 Not Acceptable Here.
        status: u16,
        /// Text for a `Warning` header with code 399.
        warning: &'static str,
        /// Q.850 cause 88, incompatible destination.
        q850_cause: u8,
    },
    /// The offerer acknowledges and ends the call: ACK and BYE, or CANCEL while it is early.
    End {
        /// For the `Reason` header: `Q.850;cause=88`.
        q850_cause: u8,
    },
}

impl Rejection {
    pub(super) fn by_answerer(reason: RejectReason) -> Self {
        Self {
            reason,
            by_offerer: false,
        }
    }

    pub(super) fn by_offerer(reason: RejectReason) -> Self {
        Self {
            reason,
            by_offerer: true,
        }
    }

    /// What to tell the peer, if the refusal of this stream ends the call.
    #[must_use]
    pub fn sip_hint(&self) -> SipHint {
        let q850_cause = 88;
        match self.by_offerer {
            true => SipHint::End { q850_cause },
            false => SipHint::Refuse {
                status: 488,
                warning: "Incompatible SRTP settings",
                q850_cause,
            },
        }
    }
}

/// Parses the crypto lines of a section, and says of each whether the policy takes it.
pub(super) fn examine<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    policy: &Policy,
) -> (Vec<Diagnosis>, Vec<CryptoAttribute>) {
    use super::Line;
    let mut diagnoses: Vec<Diagnosis> = Vec::new();
    let mut acceptable = Vec::new();
    let mut tags = BTreeSet::new();
    for (line, text) in lines {
        let (tag, verdict) = match CryptoAttribute::parse(text, policy.parse_mode) {
            Line::Invalid(error) => (None, Verdict::Invalid(error)),
            Line::Skipped { reason, attribute } => {
                (attribute.map(|it| it.tag()), Verdict::Skipped(reason))
            }
            Line::Usable(attribute) => {
                let tag = Some(attribute.tag());
                let verdict = match policy.check(&attribute) {
                    _ if tags.contains(&tag) => Verdict::Unacceptable(Unacceptable::DuplicateTag),
                    Err(why) => Verdict::Unacceptable(why),
                    Ok(_) => {
                        acceptable.push(attribute);
                        Verdict::Acceptable
                    }
                };
                (tag, verdict)
            }
        };
        tags.insert(tag);
        diagnoses.push(Diagnosis { line, tag, verdict });
    }
    (diagnoses, acceptable)
}

/// Notes which line was taken.
pub(super) fn mark_chosen(diagnoses: &mut [Diagnosis], tag: u32) {
    let chosen = diagnoses.iter_mut().find(|it| it.tag == Some(tag));
    if let Some(diagnosis) = chosen {
        diagnosis.verdict = Verdict::Chosen;
    }
}

/// Why none of the lines that were examined can be taken. A line with the tag of an earlier one counts as invalid: the policy did not come to
/// look at it.
pub(super) fn why_none(diagnoses: &[Diagnosis]) -> RejectReason {
    use Unacceptable::{DuplicateTag, Suite};
    let any = |is: fn(&Verdict) -> bool| diagnoses.iter().any(|it| is(&it.verdict));
    if diagnoses.is_empty() {
        RejectReason::NoKeying
    } else if any(
        |it| matches!(it, Verdict::Unacceptable(why) if !matches!(why, Suite | DuplicateTag)),
    ) {
        RejectReason::ParameterProhibited
    } else if any(|it| matches!(it, Verdict::Unacceptable(Suite) | Verdict::Skipped(_))) {
        RejectReason::NoCommonSuite
    } else {
        RejectReason::NoValidLine
    }
}

/// The negotiated session parameters of a line: the same in both directions (RFC 4568 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Services {
    unencrypted_srtp: bool,
    unencrypted_srtcp: bool,
    unauthenticated_srtp: bool,
}

impl Services {
    pub(super) fn of(line: &CryptoAttribute) -> Self {
        let mut services = Self::default();
        for parameter in line.parameters() {
            match parameter {
                SessionParameter::UnencryptedSrtp => services.unencrypted_srtp = true,
                SessionParameter::UnencryptedSrtcp => services.unencrypted_srtcp = true,
                SessionParameter::UnauthenticatedSrtp => services.unauthenticated_srtp = true,
                _ => {}
            }
        }
        services
    }

    pub(super) fn unauthenticated_srtp(self) -> bool {
        self.unauthenticated_srtp
    }

    /// As session parameters, for an answer.
    pub(super) fn echoed(self) -> Vec<SessionParameter> {
        let all = [
            (self.unencrypted_srtp, SessionParameter::UnencryptedSrtp),
            (self.unencrypted_srtcp, SessionParameter::UnencryptedSrtcp),
            (
                self.unauthenticated_srtp,
                SessionParameter::UnauthenticatedSrtp,
            ),
        ];
        let set = all.into_iter().filter(|(set, _)| *set);
        set.map(|(_, parameter)| parameter).collect()
    }

    fn apply<D>(self, mut builder: crate::Builder<D>) -> crate::Builder<D> {
        if self.unencrypted_srtp {
            builder = builder.unencrypted_srtp();
        }
        if self.unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if self.unauthenticated_srtp {
            builder = builder.unauthenticated_srtp();
        }
        builder
    }
}

/// Contexts from lines that are known on other ways than an offer and its answer.
impl CryptoAttribute {
    /// **Secret:** the sender that this line describes, with its first key and all its session parameters and without cryptex, for a test tool or
    /// signalling of one's own. `None` if the suite is not known. A second sender with the same key repeats its keystream.
    ///
    /// # Errors
    /// [`BuildError`] if the parameters contradict the suite, which those of a parsed line do not.
    #[must_use]
    pub fn secret_sender(&self) -> Option<Result<Sender, BuildError>> {
        let key = self.keys().first()?.secret_copy();
        let (policy, cryptex) = (Policy::compatible(), Cryptex::Off);
        Some(sender_builder(self, key, &policy, cryptex).build())
    }

    /// **Secret:** the receiver that this line describes, with all its keys and session parameters and without cryptex: for a monitor that knows
    /// the line.
    /// `None` if the suite is not known.
    ///
    /// # Errors
    /// [`BuildError`] if the parameters contradict the suite, which those of a parsed line do not.
    #[must_use]
    pub fn secret_receiver(&self) -> Option<Result<Receiver, BuildError>> {
        receiver_builder(self, &Policy::compatible()).map(ReceiverBuilder::build)
    }
}

/// The sender that `own`, a line of ours, describes: its first key, what it declares, and the negotiated services.
pub(super) fn sender_builder(
    own: &CryptoAttribute,
    key: MasterKey,
    policy: &Policy,
    cryptex: Cryptex,
) -> SenderBuilder {
    let suite = key.suite();
    let mut builder = Services::of(own).apply(Sender::builder(key).cryptex(cryptex));
    if let Some(rate) = declared_rate(own) {
        builder = builder.key_derivation_rate(rate);
    }
    if policy.srtcp_tag == SrtcpTagOf32::FourBytes && has_short_tag(suite) {
        builder = builder.srtcp_tag(SrtcpTag::Bytes4);
    }
    builder
}

/// The receiver that `theirs`, a line of the peer's, describes: all of its keys, and what it declares.
pub(super) fn receiver_builder(
    theirs: &CryptoAttribute,
    policy: &Policy,
) -> Option<ReceiverBuilder> {
    let mut keys = theirs.keys().iter().map(MasterKey::secret_copy);
    let first = keys.next()?;
    let suite = first.suite();
    let receiver = Receiver::builder(first).cryptex(policy.cryptex_under(theirs));
    let mut builder: ReceiverBuilder = Services::of(theirs).apply(receiver);
    builder = keys.fold(builder, ReceiverBuilder::add_key);
    if let Some(rate) = declared_rate(theirs) {
        builder = builder.key_derivation_rate(rate);
    }
    if let Some(window) = hinted_window(theirs) {
        builder = builder.replay_window(window);
    }
    if has_short_tag(suite) {
        builder = match policy.srtcp_tag {
            SrtcpTagOf32::TenBytes => builder,
            SrtcpTagOf32::FourBytes => builder.srtcp_tag(SrtcpTag::Bytes4),
            SrtcpTagOf32::AcceptEither => builder.accept_either_srtcp_tag(),
        };
    }
    Some(builder)
}

fn has_short_tag(suite: CryptoSuite) -> bool {
    suite.rtp_tag_len() == 4
}

/// `KDR`: declared for what the declaring side sends (RFC 4568 §6.3.1).
pub(super) fn declared_rate(line: &CryptoAttribute) -> Option<crate::KeyDerivationRate> {
    line.parameters()
        .iter()
        .find_map(|parameter| match parameter {
            SessionParameter::KeyDerivationRate(rate) => Some(*rate),
            _ => None,
        })
}

/// `WSH`: a hint at the window (§6.3.6), which only enlarges the default one, up to the greatest there is.
fn hinted_window(line: &CryptoAttribute) -> Option<ReplayWindowSize> {
    let hint = line
        .parameters()
        .iter()
        .find_map(|parameter| match parameter {
            SessionParameter::WindowSizeHint(packets) => Some(*packets),
            _ => None,
        })?;
    let packets = u16::try_from(hint.min(32_768)).ok()?;
    ReplayWindowSize::new(packets.max(ReplayWindowSize::default().packets()))
}
