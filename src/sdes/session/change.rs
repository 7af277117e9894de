//! What an offer/answer exchange changes, for whoever holds the sender and the receiver.

use alloc::{boxed::Box, string::String, vec::Vec};

use zeroize::Zeroizing;

use crate::error::BuildError;
use crate::sdes::attribute::CryptoAttribute;
use crate::sdes::configuration::{ActualConfiguration, ConfigurationDiagnosis};
use crate::sdes::decision::{Diagnosis, PlainRtp, Rejection};
use crate::sdes::media::Profile;
use crate::sdes::sdp;
use crate::{Cryptex, Overlap, Receiver, ReceiverBuilder, RocAfterRekey, Sender, SenderBuilder};

/// What to answer to an offer of the peer's. Nothing has changed yet. After [`Srtp`](Response::Srtp), [`PlainRtp`](Response::PlainRtp) and
/// [`PortZero`](Response::PortZero) an exchange is open: [`Session::commit`](super::Session::commit) when the answer is sent,
/// [`Session::rollback`](super::Session::rollback) if it is not. After the others there is nothing to commit.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub response: Response,
    /// What each offered crypto line came to, in the order of the offer.
    pub diagnoses: Vec<Diagnosis>,
    /// What each potential configuration came to (RFC 5939).
    pub configurations: Vec<ConfigurationDiagnosis>,
}

impl Reply {
    /// **Secret:** the answer's text with what this reply says of its `section`th media section (from 0): profile, crypto line, `a=cryptex` if
    /// it is announced, and `a=acfg` if a potential configuration was chosen. `None` if there is no such section, or the response is not SRTP.
    #[must_use]
    pub fn secret_answer(&self, sdp: &str, section: usize) -> Option<Zeroizing<String>> {
        match &self.response {
            Response::Srtp {
                profile,
                attribute,
                configuration,
                cryptex,
            } => {
                let beside = sdp::Beside {
                    profile: *profile,
                    cryptex: *cryptex,
                    configuration: configuration.as_ref(),
                };
                sdp::negotiated_text(sdp, section, [&**attribute], beside)
            }
            _ => None,
        }
    }

    pub(super) fn new(response: Response, diagnoses: Vec<Diagnosis>) -> Self {
        let configurations = Vec::new();
        Self {
            response,
            diagnoses,
            configurations,
        }
    }
}

/// The answer to an offer of the peer's.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Response {
    /// The section is answered with this profile and this crypto line, whatever its direction attribute says (RFC 4568 §5.1.2).
    Srtp {
        /// The profile of the answer.
        profile: Profile,
        /// The crypto line of the answer: tag and suite as the offer wrote them, a key of ours.
        attribute: Box<CryptoAttribute>,
        /// The potential configuration that was chosen, for the answer's `a=acfg` (RFC 5939). `None` if it is what the `m=` line says.
        configuration: Option<ActualConfiguration>,
        /// Does the section of the answer say `a=cryptex` (RFC 9335)? It does if the offer did, and the policy [has it](crate::sdes::Policy::cryptex).
        cryptex: bool,
    },
    /// Plain RTP: the section is answered with the offered profile and no crypto line.
    PlainRtp(PlainRtp),
    /// The offer is refused (see [`Rejection::sip_hint`]): what was agreed before stays in force (RFC 4568 §7.1.4).
    Reject(Rejection),
    /// The offer takes the stream out of use: so does the answer, with port 0 (RFC 3264 §8.2).
    PortZero,
    /// Security descriptions do not apply to the transport: perhaps DTLS-SRTP does.
    NotSdes,
    /// The policy is to bypass: the crypto lines go on to the party whose media it is.
    PassOn,
}

/// What an exchange came to.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Outcome {
    /// SRTP: the contexts begin, stay or change.
    Srtp(Box<Changes>),
    /// Plain RTP, as the caller has to confirm by matching this value. Contexts that there were are to be dropped.
    PlainRtp(PlainRtp),
    /// The stream is out of use: port 0. Contexts that there were are to be dropped.
    PortZero,
    /// The answer is not acceptable: the stream, or the call, has to end (see [`Rejection::sip_hint`]). Nothing changed, and the offer is still open,
    /// for a better answer; [`Session::rollback`](super::Session::rollback) closes it. The peer takes its answer for agreed: a call
    /// that is to go on needs another offer.
    Reject(Rejection),
    /// The policy is to bypass: the crypto lines go on to the party whose media it is.
    PassOn,
}

/// What changes for the two contexts.
#[derive(Debug)]
pub struct Changes {
    /// The profile that was answered.
    pub profile: Profile,
    /// The tag of our line; the answer has it too, unless the policy [matches](crate::sdes::Policy::tags) tags leniently.
    pub tag: u32,
    /// What becomes of what we send.
    pub sender: SenderChange,
    /// What becomes of what we receive.
    pub receiver: ReceiverChange,
}

/// What becomes of what we send.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum SenderChange {
    /// The sender goes on as it is.
    Keep,
    /// The sender goes on under its key, with another mode of cryptex: the peer announces it (RFC 9335 §4), or no longer does.
    Cryptex(Cryptex),
    /// The sender goes on under a new key, with its rollover counters (RFC 3711 §3.3.1).
    Rekey(SenderRekey),
    /// A new sender, with a new key and rollover counters of 0: the first one, or what comes of a new key when either side's address
    /// changes (RFC 4568 §7.1.4), or of any new key if the policy [says so](crate::sdes::Policy::restart_roc_on_rekey).
    Start(Box<Sender>),
    /// There is none: an earlier answer, of another dialog or to another line, has taken the key. To send here, offer anew: that offer has a
    /// fresh key (RFC 4568 §7.3).
    Missing,
}

/// What becomes of what we receive.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum ReceiverChange {
    /// The receiver goes on as it is: the peer's keys are the same.
    Keep,
    /// The receiver goes on under the peer's new keys, for a while beside the old ones.
    Rekey(ReceiverRekey),
    /// A new receiver.
    Start(Box<Receiver>),
}

/// New keys for a sender that goes on.
#[derive(Debug)]
pub struct SenderRekey(pub(super) Box<SenderBuilder>);

/// New keys for a receiver that goes on.
#[derive(Debug)]
pub struct ReceiverRekey {
    pub(super) next: Box<ReceiverBuilder>,
    pub(super) roc: RocAfterRekey,
    pub(super) overlap: Overlap,
}

impl ReceiverRekey {
    /// How the peer's streams go on: kept or 0 at its old address, 0 or kept at a new one.
    #[must_use]
    pub fn roc(&self) -> RocAfterRekey {
        self.roc
    }

    /// How long its old keys stay.
    #[must_use]
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }
}

impl SenderChange {
    /// Makes the change. Where there is no sender, a re-key makes one, with rollover counters of 0. Nothing tells changes of one session from those
    /// of another, or one from the next: each belongs to its own context, in the order of the exchanges, once.
    ///
    /// # Errors
    /// [`BuildError`] if the new key was in this sender before, or its own suite does not go with cryptex, neither of which is so if the changes were made
    /// in order; it is unchanged then.
    pub fn apply(self, sender: &mut Option<Sender>) -> Result<(), BuildError> {
        match (self, sender) {
            (Self::Keep, _) | (Self::Cryptex(_), None) => {}
            (Self::Cryptex(cryptex), Some(sender)) => return sender.set_cryptex(cryptex),
            (Self::Rekey(rekey), Some(sender)) => return sender.rekey_with(*rekey.0),
            (Self::Rekey(rekey), none) => *none = Some(rekey.0.build()?),
            (Self::Start(new), sender) => *sender = Some(*new),
            (Self::Missing, sender) => *sender = None,
        }
        Ok(())
    }
}

impl ReceiverChange {
    /// Makes the change. Where there is no receiver, a re-key makes one, of the new keys alone. Each belongs to its own context, in
    /// the order of the exchanges, once, as with [`SenderChange::apply`].
    ///
    /// # Errors
    /// [`BuildError`] if a new key was in this receiver before, which it was not if the changes were made in order; it is unchanged then.
    pub fn apply(self, receiver: &mut Option<Receiver>) -> Result<(), BuildError> {
        match (self, receiver) {
            (Self::Keep, _) => {}
            (Self::Rekey(rekey), Some(receiver)) => {
                return receiver.rekey_with(*rekey.next, rekey.roc, rekey.overlap);
            }
            (Self::Rekey(rekey), none) => *none = Some(rekey.next.build()?),
            (Self::Start(new), receiver) => *receiver = Some(*new),
        }
        Ok(())
    }
}

impl Changes {
    /// Makes both changes: for contexts that are in one place.
    ///
    /// # Errors
    /// [`BuildError`] as for [`SenderChange::apply`] and [`ReceiverChange::apply`]. The sender comes first; one that failed is unchanged.
    pub fn apply(
        self,
        sender: &mut Option<Sender>,
        receiver: &mut Option<Receiver>,
    ) -> Result<(), BuildError> {
        self.sender.apply(sender)?;
        self.receiver.apply(receiver)
    }
}
