//! One `m=` section in the course of a dialog: its first offer and answer, and those after it (RFC 4568 §5.1.4, §7.1.4; RFC 3264 §8).

mod agreement;
mod change;
mod exported;
mod failover;
mod known;
mod plan;
mod restore;

use alloc::boxed::Box;
use core::fmt;
use core::net::SocketAddr;

use super::attribute::CryptoAttribute;
use super::error::{NoExchange, RestoreError, SessionError};
use super::legs::Leg;
use super::media::{MediaSection, Profile, Signalling};
use super::offer::Offer;
use super::policy::Policy;
use crate::{Cryptex, CryptoSuite, MasterKey};

use agreement::{Agreed, Agreement};
pub use change::{
    Changes, Outcome, ReceiverChange, ReceiverRekey, Reply, Response, SenderChange, SenderRekey,
};
use known::KnownKeys;

/// One `m=` section in the course of a dialog, from its first offer to the BYE.
///
/// It knows what was agreed, and says of every later offer and answer what it changes: which direction keeps its context, which goes on
/// under a new key, which begins anew. The contexts themselves stay where the media is; [`Changes`] travel there.
///
/// An exchange is in one of two hands. Ours: [`offer`](Self::offer), then [`answered`](Self::answered) for each answer, or
/// [`rollback`](Self::rollback) if it is refused. The peer's: [`offered`](Self::offered), then [`commit`](Self::commit) when the answer is
/// sent, or [`rollback`](Self::rollback) if it is not. Until then, and after a rollback, what was agreed before is in force.
///
/// A key of ours gets one sender. It stays in use until our address changes, suite or services change, or a fresh one is asked for. Keys are told
/// by their bytes, and go on under the same suite, MKI and key derivation rate, whatever the text of a line or its tag. For each key that we
/// offered or that was in use, 16 bytes are kept, by which it would be recognised.
///
/// A stream that was taken out of use (port 0), or went on as plain RTP, comes back as a new one, with keys of both sides that were not in use before. A
/// peer that comes back with an old one is refused, unless the policy [accepts that](crate::sdes::Policy::accept_reused_keys).
pub struct Session {
    policy: Policy,
    signalling: Signalling,
    agreed: Agreed,
    exchange: Exchange,
    /// The offer of the INVITE that began the dialog, once a later exchange has closed it here: other dialogs may still come of it.
    invite: Option<Box<OpenOffer>>,
    /// Has there been an offer, of either side?
    began: bool,
    addresses: Addresses,
    known: KnownKeys,
}

/// Where media comes to, as far as it is known: the last addresses that were no hold.
#[derive(Clone, Copy, Debug, Default)]
struct Addresses {
    ours: Option<SocketAddr>,
    theirs: Option<SocketAddr>,
}

enum Exchange {
    None,
    Ours(Box<OpenOffer>),
    Theirs(Box<Prepared>),
}

struct OpenOffer {
    offer: Offer,
    address: Option<SocketAddr>,
    /// Do new keys mean a new sender?
    starts: bool,
    /// Is it the first of its dialog, of which others may come?
    is_first: bool,
    answered: bool,
}

/// What will be agreed when our answer is sent.
pub(super) struct Prepared {
    agreed: Agreed,
    addresses: Addresses,
    pub(super) outcome: Outcome,
}

/// What this side brings to an exchange: where it wants its media, and which keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OurSide {
    address: Option<SocketAddr>,
    fresh_key: bool,
    all_suites: bool,
}

impl OurSide {
    /// Media comes to this address, as `c=` and `m=` will say. A new address gets a new key and rollover counters of 0 (RFC 4568 §7.1.4).
    /// An unspecified one (`c=0.0.0.0`, `c=IN IP6 ::`) or port 0 is a hold, and no change; nor is the first address that is said.
    /// [`default`](Self::default) says nothing of an address: it has not changed.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let address = Some(address);
        Self {
            address,
            ..Self::default()
        }
    }

    /// Changes our key though nothing else asks for it: when it [nears its end](crate::Sender::needs_rekey), when a fork of the call may know
    /// it (RFC 4568 §7.3), or when the peer's media moves to somebody who cannot know our rollover counters: in an exchange in which either
    /// side moves, a new key of ours begins at 0.
    #[must_use]
    pub fn with_fresh_key(mut self) -> Self {
        self.fresh_key = true;
        self
    }

    /// In an offer: all suites of the policy beside the one in use, with keys of their own, rather than that one alone.
    #[must_use]
    pub fn with_all_suites(mut self) -> Self {
        self.all_suites = true;
        self
    }
}

/// The way through a dialog.
impl Session {
    /// A section about which nothing has been said yet.
    #[must_use]
    pub fn new(policy: &Policy, signalling: Signalling) -> Self {
        Self {
            policy: policy.clone(),
            signalling,
            agreed: None,
            exchange: Exchange::None,
            invite: None,
            began: false,
            addresses: Addresses::default(),
            known: KnownKeys::default(),
        }
    }

    /// Makes an offer, with fresh keys from the operating system where new ones are needed.
    ///
    /// While no SRTP is agreed it is that of the policy; see [`Offer::new`], which may have no keys: that too is an exchange until
    /// [`rollback`](Self::rollback). After that it has the line in use, with its tag and key; or a fresh key
    /// at a new address, on request, or if we [have no sender](SenderChange::Missing). Our sender stays as it is until the answer.
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or no key is to be had; nothing changed then.
    #[cfg(feature = "getrandom")]
    pub fn offer(&mut self, ours: OurSide) -> Result<&Offer, SessionError<crate::RandomError>> {
        self.offer_with(ours, MasterKey::generate)
    }

    /// [`offer`](Self::offer), with keys made by `generate`.
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or `generate` fails or repeats a key; nothing changed then.
    pub fn offer_with<E>(
        &mut self,
        ours: OurSide,
        generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<&Offer, SessionError<E>> {
        self.check_idle()?;
        let offer = self.make_offer(ours, generate);
        let offer = offer.map_err(SessionError::Keys)?;
        for key in offer.attributes().flat_map(CryptoAttribute::keys) {
            self.known.add_ours(key);
        }
        let open = OpenOffer {
            offer,
            address: ours.address,
            starts: self.new_key_starts(ours, None),
            is_first: !self.began,
            answered: false,
        };
        self.open(Exchange::Ours(Box::new(open)));
        match &self.exchange {
            Exchange::Ours(open) => Ok(&open.offer),
            _ => Err(SessionError::ExchangeOpen),
        }
    }

    /// Takes an answer of this dialog, with the peer's address as its `c=` and `m=` say, if that is known. What it says is agreed at once, unless
    /// it is rejected or passed on.
    ///
    /// The offer stays open for later answers (RFC 4568 has the peer's early media under its keys, and several stacks answer 183 and 200
    /// differently): the last one again changes nothing, other keys are taken as a re-key. A key that was given up in between is
    /// [refused](crate::sdes::RejectReason::KeyReused), so that answers go in here once each, in their order, without retransmissions. The next offer,
    /// of either side, closes it.
    ///
    /// # Errors
    /// [`NoExchange`] if no offer of ours is open; nothing changed then. For an answer that repeats an earlier one it means just that.
    pub fn answered(
        &mut self,
        answer: &MediaSection<'_>,
        address: Option<SocketAddr>,
    ) -> Result<Outcome, NoExchange> {
        match core::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::Ours(mut open) => {
                let outcome = self.take_answer(&mut open, answer, address);
                open.answered |= !matches!(outcome, Outcome::Reject(_));
                self.exchange = Exchange::Ours(open);
                Ok(outcome)
            }
            other => {
                self.exchange = other;
                Err(NoExchange)
            }
        }
    }

    /// Takes an answer of another dialog that the same INVITE has led to, and makes that dialog's session. It answers the first offer of this session,
    /// whatever offers came after it here; ask the session that made that offer, not one of its forks.
    ///
    /// The first answer to a line takes its sender. A later one gets [`SenderChange::Missing`], and is to be offered a fresh key. This session's own
    /// exchange stays as open as it was.
    ///
    /// # Errors
    /// [`NoExchange`] if the first offer was not ours, was rolled back, or [`no forks`](Self::end_forks) are expected any more; nothing changed then.
    pub fn answered_by_fork(
        &mut self,
        answer: &MediaSection<'_>,
        address: Option<SocketAddr>,
    ) -> Result<(Self, Outcome), NoExchange> {
        let open = match &mut self.exchange {
            Exchange::Ours(open) if open.is_first => open,
            _ => self.invite.as_mut().ok_or(NoExchange)?,
        };
        let mut fork = Self::new(&self.policy, self.signalling);
        fork.began = true;
        fork.known = self.known.of_ours();
        let outcome = fork.take_answer(open, answer, address);
        Ok((fork, outcome))
    }

    /// No more dialogs will come of the INVITE: 64 * T1, 32 seconds, after its first 2xx (RFC 3261 §13.2.2.4). The keys of its offer that nobody
    /// accepted are wiped; until then they are kept.
    pub fn end_forks(&mut self) {
        self.invite = None;
    }

    /// Takes an offer of the peer's, with its address as `c=` and `m=` say, if that is known, and prepares the answer, with a fresh key from the
    /// operating system if one is needed. Nothing is agreed before [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or no key is to be had; nothing changed then.
    #[cfg(feature = "getrandom")]
    pub fn offered(
        &mut self,
        offer: &MediaSection<'_>,
        address: Option<SocketAddr>,
        ours: OurSide,
    ) -> Result<Reply, SessionError<crate::RandomError>> {
        self.offered_with(offer, address, ours, MasterKey::generate)
    }

    /// [`offered`](Self::offered), for a section whose potential configurations (RFC 5939) may refer to capabilities among the
    /// [attributes of the session level](super::session_attributes).
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or no key is to be had; nothing changed then.
    #[cfg(feature = "getrandom")]
    pub fn offered_in_session(
        &mut self,
        session_attributes: &[&str],
        offer: &MediaSection<'_>,
        address: Option<SocketAddr>,
        ours: OurSide,
    ) -> Result<Reply, SessionError<crate::RandomError>> {
        let generate = MasterKey::generate;
        self.offered_in_session_with(session_attributes, offer, address, ours, generate)
    }

    /// [`offered`](Self::offered), with a key made by `generate`.
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or `generate` fails or repeats a key; nothing changed then.
    pub fn offered_with<E>(
        &mut self,
        offer: &MediaSection<'_>,
        address: Option<SocketAddr>,
        ours: OurSide,
        generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Reply, SessionError<E>> {
        self.offered_in_session_with(&[], offer, address, ours, generate)
    }

    /// [`offered_with`](Self::offered_with), for a section whose potential configurations (RFC 5939) may refer to capabilities among the
    /// [attributes of the session level](super::session_attributes).
    ///
    /// # Errors
    /// [`SessionError`] if an exchange is going on, or `generate` fails or repeats a key; nothing changed then.
    pub fn offered_in_session_with<E>(
        &mut self,
        session_attributes: &[&str],
        offer: &MediaSection<'_>,
        address: Option<SocketAddr>,
        ours: OurSide,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Reply, SessionError<E>> {
        self.check_idle()?;
        let (reply, prepared) = self
            .prepare(session_attributes, offer, address, ours, &mut generate)
            .map_err(SessionError::Keys)?;
        if let Some(prepared) = prepared {
            self.open(Exchange::Theirs(Box::new(prepared)));
        }
        Ok(reply)
    }

    /// The answer that was prepared is sent: what it says is agreed. When a later response to the same INVITE is to carry other keys, hand its offer
    /// to [`offered`](Self::offered) once more.
    ///
    /// # Errors
    /// [`NoExchange`] if no answer is prepared, as when it was a refusal; nothing changed then.
    pub fn commit(&mut self) -> Result<Outcome, NoExchange> {
        match core::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::Theirs(prepared) => {
                self.addresses = prepared.addresses;
                self.agree(prepared.agreed);
                Ok(prepared.outcome)
            }
            other => {
                self.exchange = other;
                Err(NoExchange)
            }
        }
    }

    /// The exchange came to nothing: our offer was refused (with 491 too), or the answer that was prepared is not sent. What was agreed before
    /// stays in force (RFC 4568 §7.1.4). An offer that was answered is closed, and what the answer said stays.
    pub fn rollback(&mut self) {
        self.exchange = Exchange::None;
    }
}

/// What is agreed.
impl Session {
    /// The profile under which SRTP is agreed.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        self.agreement().map(|it| it.profile)
    }

    /// Our crypto line that is in force: what we send under. To be sent again when an answer is repeated.
    #[must_use]
    pub fn our_line(&self) -> Option<&CryptoAttribute> {
        self.agreement().map(|it| &it.ours)
    }

    /// The peer's crypto line that is in force: what we receive under.
    #[must_use]
    pub fn their_line(&self) -> Option<&CryptoAttribute> {
        self.agreement().map(|it| &it.theirs)
    }

    /// What is agreed of cryptex (RFC 9335): what the policy [says](Policy::cryptex) if the peer announces it, too, [`Cryptex::Off`] else. An answer that is
    /// repeated has `a=cryptex` beside our line unless it is off.
    #[must_use]
    pub fn cryptex(&self) -> Cryptex {
        self.agreement().map_or(Cryptex::Off, |it| it.cryptex)
    }

    /// Both lines, for [`Leg::to`].
    #[must_use]
    pub fn leg(&self) -> Option<Leg<'_>> {
        self.agreement().map(|it| Leg {
            ours: &it.ours,
            theirs: &it.theirs,
            cryptex: it.cryptex != Cryptex::Off,
        })
    }

    /// Is an exchange going on that stands in the way of a new offer?
    #[must_use]
    pub fn has_open_exchange(&self) -> bool {
        match &self.exchange {
            Exchange::None => false,
            Exchange::Ours(open) => !open.answered,
            Exchange::Theirs(_) => true,
        }
    }

    /// **Secret:** rebuilds a session from the sections that both sides sent last, keys included, where nothing else of it is left: what it
    /// [exported](Self::export_state) says more.
    ///
    /// The contexts are not part of it. A sender that goes on under the old key has to know all of its rollover counters and indices; where it
    /// does not, [`offer`](Self::offer) with a [fresh key](OurSide::with_fresh_key) first. Keys from before these sections are not known; nor is
    /// where media came before a hold, unless that address is given here rather than the hold's. Mode, suites and services of `policy` are
    /// not consulted again. Cryptex is agreed if both sections announce it and the policy has it.
    ///
    /// # Errors
    /// [`RestoreError`] if no section is an answer with one usable line, or that line accepts none of the other section's, by tag and suite as the policy
    /// [matches](Policy::tags) them; if its transport is none of the four profiles, a port is 0, or both sides have the same key.
    pub fn restore_secret(
        policy: &Policy,
        signalling: Signalling,
        ours: (&MediaSection<'_>, Option<SocketAddr>),
        theirs: (&MediaSection<'_>, Option<SocketAddr>),
    ) -> Result<Self, RestoreError> {
        let mut session = Self::new(policy, signalling);
        let agreement = restore::agreement_of(ours.0, theirs.0, policy)?;
        (session.addresses.ours, _) = plan::moved_to(None, ours.1);
        (session.addresses.theirs, _) = plan::moved_to(None, theirs.1);
        session.began = true;
        session.agree(Some(Box::new(agreement)));
        Ok(session)
    }

    fn agreement(&self) -> Option<&Agreement> {
        self.agreed.as_deref()
    }

    fn agree(&mut self, agreed: Agreed) {
        self.agreed = agreed;
        if let Some(agreement) = &self.agreed {
            self.known.add(&agreement.ours, &agreement.theirs);
        }
    }

    /// Begins an exchange. The one before it is over.
    fn open(&mut self, exchange: Exchange) {
        self.began = true;
        if let Exchange::Ours(open) = core::mem::replace(&mut self.exchange, exchange)
            && open.is_first
        {
            self.invite = Some(open);
        }
    }

    fn check_idle<E>(&self) -> Result<(), SessionError<E>> {
        match self.has_open_exchange() {
            true => Err(SessionError::ExchangeOpen),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("profile", &self.profile())
            .field("ours", &self.our_line())
            .field("theirs", &self.their_line())
            .field("cryptex", &self.cryptex())
            .field("addresses", &self.addresses)
            .field("has_open_exchange", &self.has_open_exchange())
            .finish_non_exhaustive()
    }
}
