//! What is agreed, and what of it goes on.

use alloc::boxed::Box;

use super::change::{Changes, Outcome, ReceiverChange, Response, SenderChange};
use crate::sdes::attribute::CryptoAttribute;
use crate::sdes::decision;
use crate::sdes::media::Profile;
use crate::{Cryptex, MasterKey};

/// SRTP, or none: nothing yet, plain RTP, or a stream out of use.
pub(super) type Agreed = Option<Box<Agreement>>;

pub(super) struct Agreement {
    pub(super) profile: Profile,
    pub(super) ours: CryptoAttribute,
    pub(super) theirs: CryptoAttribute,
    /// Does the sender of our key belong to this dialog?
    pub(super) sends: bool,
    /// What our sender does: nothing unless the peer announces cryptex.
    pub(super) cryptex: Cryptex,
}

impl Agreement {
    /// Our sender stays, under the same key.
    pub(super) fn sender_goes_on(&self, cryptex: Cryptex) -> SenderChange {
        match cryptex == self.cryptex {
            true => SenderChange::Keep,
            false => SenderChange::Cryptex(cryptex),
        }
    }
}

pub(super) fn agreement(
    profile: Profile,
    cryptex: Cryptex,
    (ours, sender): (CryptoAttribute, SenderChange),
    (theirs, receiver): (CryptoAttribute, ReceiverChange),
) -> (Agreed, Outcome) {
    let changes = Changes {
        profile,
        tag: ours.tag(),
        sender,
        receiver,
    };
    let sends = !matches!(changes.sender, SenderChange::Missing);
    let agreement = Agreement {
        profile,
        ours,
        theirs,
        sends,
        cryptex,
    };
    let agreed = Some(Box::new(agreement));
    (agreed, Outcome::Srtp(Box::new(changes)))
}

pub(super) fn response_to(agreed: &Agreed, outcome: &Outcome) -> Response {
    match (agreed, outcome) {
        (Some(agreement), _) => Response::Srtp {
            profile: agreement.profile,
            attribute: Box::new(agreement.ours.secret_copy()),
            configuration: None,
            cryptex: agreement.cryptex != Cryptex::Off,
        },
        (_, Outcome::PlainRtp(plain)) => Response::PlainRtp(*plain),
        _ => Response::PortZero,
    }
}

/// The line that accepts `theirs` with our keys in use, and what we declared with them.
pub(super) fn line_in_use(
    ours: &CryptoAttribute,
    theirs: &CryptoAttribute,
) -> Option<CryptoAttribute> {
    let (tag, name) = (theirs.tag(), Some(theirs.suite_name()));
    CryptoAttribute::new(tag, name, ours.keys(), ours.parameters()).ok()
}

pub(super) fn have_same_keys(one: &CryptoAttribute, other: &CryptoAttribute) -> bool {
    let mut keys = one.keys().iter().zip(other.keys());
    one.keys().len() == other.keys().len() && keys.all(|(one, other)| one.is_same_as(other))
}

/// Does a key of the line in force go on in the next line, under the same suite, MKI and key derivation rate?
pub(super) fn keeps_its_form(
    key: &MasterKey,
    now: &CryptoAttribute,
    next: &CryptoAttribute,
) -> bool {
    let is_key = |it: &MasterKey| it.is_same_as(key) && it.mki() == key.mki();
    now.keys().iter().any(is_key)
        && now.suite() == next.suite()
        && decision::declared_rate(now) == decision::declared_rate(next)
}
