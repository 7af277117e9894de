//! A session's state as bytes, for another process to go on with: see [`state`](crate::state).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::exported::{Lines, LinesOut};
use super::{Agreement, Exchange, Session};
use crate::error::StateError;
use crate::ring::Lifetimes;
use crate::sdes::attribute::{CryptoAttribute, Line, ParseMode};
use crate::sdes::capabilities::{name_and_value, number_and_rest};
use crate::sdes::decision;
use crate::sdes::offer::Offer;
use crate::sdes::policy::Policy;
use crate::state::{Kind, Margin, StateKey, seal, split};
use crate::{Receiver, Sender};

/// Failover.
impl Session {
    /// The state of this session, without its keys: [`resume`](Self::resume) goes on with it where the crypto lines are that it has seen.
    ///
    /// It has what is agreed, an exchange that is going on, an offer to which forks may come, both addresses, and by what each key of before would be
    /// recognised. A line is in it by a code under its own key, a key by the 16 bytes that are kept of it. The policy stays behind, but for its mode of
    /// cryptex where there are lines, which the contexts have. The same state gives the same bytes, some 20 and the codes: less than a kilobyte, and 16 for each key of before.
    /// [`state`](crate::state) has the format. An offer of more than 256 lines, of a policy that names suites again and again, is not resumed.
    #[must_use]
    pub fn export_state(&self) -> Vec<u8> {
        let lines = LinesOut { secret: false };
        let mut state = seal(Kind::Session, &self.state_keys(), |w| self.write(w, lines));
        core::mem::take(&mut *state)
    }

    /// **Secret:** the state with the crypto lines and their keys, which [`resume_secret`](Self::resume_secret) goes on with by itself.
    #[must_use]
    pub fn export_secret_state(&self) -> Zeroizing<Vec<u8>> {
        let lines = LinesOut { secret: true };
        let kind = Kind::SessionWithKeys;
        seal(kind, &self.state_keys(), |w| self.write(w, lines))
    }

    /// Goes on where another session was when it [exported its state](Self::export_state), in another process or in this one. What comes next comes out
    /// as it would have there, an answer that was prepared and waits for [`commit`](Self::commit), and keys that were given up, among it.
    ///
    /// `lines` are the crypto attributes of the sections that both sides sent, in the forms that a [`MediaSection`](super::super::MediaSection) has them in:
    /// those in force, also as `a=acap` (RFC 5939), and all of an offer that is open or that forks may answer. More do no harm. `policy` is to be the one of before.
    ///
    /// What happened after the export is not known here: export after every exchange and before what it leads to leaves. An offer that left
    /// unexported is rolled back here; its keys are not known, and have to be used no more.
    ///
    /// **A session without lines is vouched for by nobody**: before the first offer, and where plain RTP or no stream is agreed. Whoever can write the
    /// state can put such a one in the place of any other. It comes with the cryptex of `policy`, but it says by itself whether the signalling is secure, and
    /// knows no key. Where SRTP was agreed, take none for it of which [`our_line`](Self::our_line) is `None`.
    ///
    /// # Errors
    /// [`StateError::OtherLines`] if a line is not among those given, else as for [`resume_secret`](Self::resume_secret).
    pub fn resume<'l>(
        state: &[u8],
        policy: &Policy,
        lines: impl IntoIterator<Item = &'l str>,
    ) -> Result<Self, StateError> {
        let parsed = lines.into_iter().map(|text| {
            let text = capability(text).unwrap_or(text);
            CryptoAttribute::parse(text, ParseMode::Tolerant)
        });
        let usable = parsed.filter_map(|line| match line {
            Line::Usable(line) => Some((line.code(), line)),
            _ => None,
        });
        Self::read_sealed(
            Kind::Session,
            state,
            policy,
            &Lines::Given(usable.collect()),
        )
    }

    /// Goes on with what [`export_secret_state`](Self::export_secret_state) gave. All of [`resume`](Self::resume) holds here, too, except that whoever
    /// has the state can also change it.
    ///
    /// # Errors
    /// [`StateError`] if the state is damaged, of another version or of something else.
    pub fn resume_secret(state: &[u8], policy: &Policy) -> Result<Self, StateError> {
        Self::read_sealed(Kind::SessionWithKeys, state, policy, &Lines::InState)
    }

    fn read_sealed(
        kind: Kind,
        state: &[u8],
        policy: &Policy,
        lines: &Lines,
    ) -> Result<Self, StateError> {
        let (body, sealed) = split(kind, state)?;
        let session = Self::read(body, policy, lines);
        // What does not authenticate is not said to be wrong in another way, unless nothing can be verified.
        let mut session = session.map_err(|error| match error {
            StateError::OtherLines => error,
            _ => StateError::NotAuthentic,
        })?;
        let keys = session.state_keys();
        sealed.verify(&keys)?;
        if keys.is_empty() {
            // Nobody vouches for what it says, and there are no contexts to agree with.
            session.policy.cryptex = policy.cryptex;
        }
        Ok(session)
    }

    /// **Secret:** the sender of this session, which goes on where it was when it [exported its state](Sender::export_state): with the key and the options of
    /// [our line](Self::our_line) and the policy. [`SenderBuilder::build_resumed`](crate::SenderBuilder::build_resumed) says what that means; a second one
    /// repeats keystream.
    ///
    /// # Errors
    /// [`StateError::OtherKeys`] if nothing is agreed or our sender is [missing](super::SenderChange::Missing), else as for `build_resumed`.
    pub fn secret_sender_resumed(
        &self,
        state: &[u8],
        margin: Margin,
    ) -> Result<Sender, StateError> {
        let now = self.agreement().filter(|now| now.sends);
        let now = now.ok_or(StateError::OtherKeys)?;
        let key = now.ours.keys().first().ok_or(StateError::OtherKeys)?;
        let key = key.secret_copy();
        decision::sender_builder(&now.ours, key, &self.policy, now.cryptex)
            .build_resumed(state, margin)
    }

    /// **Secret:** the receiver of this session, which goes on where it was when it [exported its state](Receiver::export_state): with the keys and the
    /// options of [the peer's line](Self::their_line) and the policy. See [`ReceiverBuilder::build_resumed`](crate::ReceiverBuilder::build_resumed).
    /// Keys keep the lifetimes that they had in that receiver, which the line may have come to say otherwise.
    ///
    /// # Errors
    /// [`StateError::OtherKeys`] if nothing is agreed, else as for `build_resumed`.
    pub fn secret_receiver_resumed(&self, state: &[u8]) -> Result<Receiver, StateError> {
        let now = self.agreement().ok_or(StateError::OtherKeys)?;
        let builder = decision::receiver_builder(&now.theirs, &self.policy);
        let builder = builder.ok_or(StateError::OtherKeys)?;
        // The peer may have said another one since, and its key goes on with the first.
        builder.build_resumed_with(state, Lifetimes::OfState)
    }

    /// What vouches for the state: the first keys in force, or of what is prepared or offered. No more than two, and never the same twice.
    fn state_keys(&self) -> Vec<StateKey> {
        let of_offer = |offer: &Offer| {
            let key = offer.attributes().flat_map(CryptoAttribute::keys).next();
            key.map(StateKey::of_key).into_iter().collect()
        };
        match (&self.agreed, &self.exchange, &self.invite) {
            (Some(agreement), ..) => agreement.state_keys(),
            (None, Exchange::Theirs(prepared), _) if prepared.agreed.is_some() => {
                let agreed = prepared.agreed.iter();
                agreed.flat_map(|it| it.state_keys()).collect()
            }
            (None, Exchange::Ours(open), _) => of_offer(&open.offer),
            (None, _, Some(open)) => of_offer(&open.offer),
            (None, _, None) => Vec::new(),
        }
    }
}

/// The attribute that stands in an `a=acap` (RFC 5939 §3.4.1).
fn capability(text: &str) -> Option<&str> {
    let (name, value) = name_and_value(text);
    let (_, attribute) = number_and_rest(value).filter(|_| name.eq_ignore_ascii_case("acap"))?;
    Some(attribute)
}

impl Agreement {
    fn state_keys(&self) -> Vec<StateKey> {
        let keys = [self.ours.keys().first(), self.theirs.keys().first()];
        keys.into_iter().flatten().map(StateKey::of_key).collect()
    }
}

impl CryptoAttribute {
    /// By what a line is recognised: its text under its own key.
    pub(super) fn code(&self) -> [u8; StateKey::CODE] {
        let key = self.keys().first().map(StateKey::of_key);
        key.map_or([0; StateKey::CODE], |key| {
            key.code(self.secret_value().as_bytes())
        })
    }
}
