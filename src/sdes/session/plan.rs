//! What an offer or an answer changes.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::agreement::{
    Agreed, Agreement, agreement, have_same_keys, keeps_its_form, line_in_use, response_to,
};
use super::change::{Outcome, ReceiverChange, ReceiverRekey, Reply, Response};
use super::change::{SenderChange, SenderRekey};
use super::{Addresses, OpenOffer, OurSide, Prepared, Session};
use crate::sdes::answer::{self, Offered, answering_line, fresh_key};
use crate::sdes::attribute::CryptoAttribute;
use crate::sdes::choice::{self, Alternative};
use crate::sdes::configuration::ConfigurationVerdict;
use crate::sdes::decision::{self, PlainRtp, Rejection, Services, Verdict};
use crate::sdes::error::{GenerateError, RejectReason as Reason, Unusable};
use crate::sdes::legs::means_the_same;
use crate::sdes::media::{MediaSection, Profile, announces_cryptex};
use crate::sdes::offer::{Judged, Offer};
use crate::sdes::policy::AnsweredProfile;
use crate::{Cryptex, CryptoSuite, MasterKey, Receiver, RocAfterRekey, Sender};

/// The address that counts from now on, and whether it is another one than before. On hold it is neither (RFC 3264 §8.4).
pub(super) fn moved_to(
    before: Option<SocketAddr>,
    now: Option<SocketAddr>,
) -> (Option<SocketAddr>, bool) {
    let is_hold = |address: &SocketAddr| address.ip().is_unspecified() || address.port() == 0;
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    match (before, now.map(plain).filter(|now| !is_hold(now))) {
        (before, None) => (before, false),
        (None, now) => (now, false),
        (Some(before), Some(now)) => (Some(now), before != now),
    }
}

impl Session {
    /// The lines that an offer has now.
    pub(super) fn make_offer<E>(
        &self,
        ours: OurSide,
        mut generate: impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Offer, GenerateError<E>> {
        let is_known = |key: &MasterKey| self.known.is_ours(key) || self.known.is_theirs(key);
        let Some(now) = self.agreement() else {
            return Offer::with_unknown(&self.policy, self.signalling, generate, is_known);
        };
        let mut offer = Offer::empty(&self.policy, now.profile);
        if !self.policy.trusts(self.signalling) {
            return Ok(offer);
        }
        match self.needs_fresh_key(ours, now) {
            false => offer.add_line_in_use(now.ours.secret_copy()),
            true => offer.add_line_like(&now.ours, &mut generate, is_known)?,
        }
        if ours.all_suites {
            let suites = self.policy.offered_suites();
            let others = suites.filter(|suite| Some(*suite) != now.ours.suite());
            offer.add_lines(others, &mut generate, is_known)?;
        }
        Ok(offer)
    }

    fn needs_fresh_key(&self, ours: OurSide, now: &Agreement) -> bool {
        let (_, moved) = moved_to(self.addresses.ours, ours.address);
        moved || ours.fresh_key || !now.sends
    }

    /// Does a new key of ours come with a new sender, and rollover counters of 0? It does if either side moves: who came new cannot know the
    /// counters of before (RFC 4568 §7.1.4).
    pub(super) fn new_key_starts(&self, ours: OurSide, theirs: Option<SocketAddr>) -> bool {
        let (_, we_move) = moved_to(self.addresses.ours, ours.address);
        let (_, they_move) = moved_to(self.addresses.theirs, theirs);
        let goes_on = self.agreement().is_some_and(|now| now.sends);
        we_move || they_move || !goes_on || self.policy.restarts_roc
    }

    /// An answer to an offer of ours.
    pub(super) fn take_answer(
        &mut self,
        open: &mut OpenOffer,
        answer: &MediaSection<'_>,
        address: Option<SocketAddr>,
    ) -> Outcome {
        match self.judge_answer(open, answer, address) {
            Ok((agreed, outcome)) => {
                (self.addresses.ours, _) = moved_to(self.addresses.ours, open.address);
                (self.addresses.theirs, _) = moved_to(self.addresses.theirs, address);
                self.agree(agreed);
                outcome
            }
            Err(NotAgreed::Reject(reason)) => Outcome::Reject(Rejection::by_offerer(reason)),
            Err(NotAgreed::PassOn) => Outcome::PassOn,
        }
    }

    fn judge_answer(
        &self,
        open: &mut OpenOffer,
        answer: &MediaSection<'_>,
        address: Option<SocketAddr>,
    ) -> Result<(Agreed, Outcome), NotAgreed> {
        let srtp = match open.offer.judge(answer)? {
            Judged::Srtp(srtp) => *srtp,
            Judged::PlainRtp(plain) => return Ok(self.go_plain(plain)?),
            Judged::RefusedByPeer => return Ok((None, Outcome::PortZero)),
            Judged::PassOn => return Err(NotAgreed::PassOn),
        };
        let receiver = self.receiver_change(&srtp.theirs, address)?;
        let announced = srtp.cryptex;
        let (ours, key) = open.offer.take_line(srtp.line).ok_or(Reason::NotOffered)?;
        let ours = ours.secret_copy();
        let starts = open.starts || self.new_key_starts(OurSide::default(), address);
        let cryptex = self.policy.cryptex_to(announced, &ours);
        let sender = match (self.agreement(), key) {
            (_, Some(key)) => self.sender_change(&ours, key, starts, cryptex)?,
            (Some(now), None) if now.sends && have_same_keys(&now.ours, &ours) => {
                now.sender_goes_on(cryptex)
            }
            _ => SenderChange::Missing,
        };
        let receives = (srtp.theirs, receiver);
        Ok(agreement(srtp.profile, cryptex, (ours, sender), receives))
    }

    /// An offer of the peer's: the answer, and what will be agreed with it.
    pub(in crate::sdes) fn prepare<E>(
        &self,
        session_attributes: &[&str],
        offer: &MediaSection<'_>,
        address: Option<SocketAddr>,
        ours: OurSide,
        generate: &mut impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<(Reply, Option<Prepared>), GenerateError<E>> {
        let offered = Offered {
            transport: offer.transport,
            port: offer.port,
            cryptex: announces_cryptex(offer.attributes) || announces_cryptex(session_attributes),
            answered: self.policy.answered_profile,
        };
        // RFC 5939 §3.6.2: the profile of the answer is the configuration's own.
        let as_offered = AnsweredProfile::AsOffered;
        let take = |alternative: Alternative<'_>| {
            let offered = Offered {
                transport: alternative.transport,
                cryptex: alternative.cryptex,
                answered: as_offered,
                ..offered
            };
            let lines = alternative.lines.iter().copied();
            let prepared = self.prepare_lines(offered, lines, address, ours, generate)?;
            Ok(taking(prepared, alternative))
        };
        let (taken, configurations) =
            choice::choose(session_attributes, offer, &self.policy, take)?;
        let (reply, prepared) = match taken {
            Some(taken) => taken,
            None => self.prepare_lines(offered, offer.crypto_lines(), address, ours, generate)?,
        };
        let reply = Reply {
            configurations,
            ..reply
        };
        Ok((reply, prepared))
    }

    /// The answer to a section as if these were its crypto lines.
    fn prepare_lines<'l, E>(
        &self,
        offered: Offered<'_>,
        lines: impl Iterator<Item = (usize, &'l str)>,
        address: Option<SocketAddr>,
        ours: OurSide,
        generate: &mut impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<(Reply, Option<Prepared>), GenerateError<E>> {
        let (mut diagnoses, mut lines) = decision::examine(lines, &self.policy);
        if let (true, Some(now)) = (self.policy.keeps_suite, self.agreement()) {
            let is_current = |line: &CryptoAttribute| line.suite() == now.theirs.suite();
            if lines.iter().any(is_current) {
                lines.retain(is_current);
            }
        }
        let policy = &self.policy;
        let weighed = answer::weigh(offered, policy, self.signalling, &diagnoses, lines);
        let agreed = match weighed {
            Ok((profile, theirs)) => {
                let tag = theirs.tag();
                let offered = (offered.answered.to(profile), offered.cryptex);
                let agreed = self.accept(offered, theirs, address, ours, generate)?;
                if agreed.is_ok() {
                    decision::mark_chosen(&mut diagnoses, tag);
                }
                agreed
            }
            Err(Response::PlainRtp(plain)) => self.go_plain(plain),
            Err(Response::PortZero) => Ok((None, Outcome::PortZero)),
            Err(Response::Reject(rejection)) => Err(rejection.reason),
            Err(response) => return Ok((Reply::new(response, diagnoses), None)),
        };
        let (response, prepared) = match agreed {
            Err(reason) => (Response::Reject(Rejection::by_answerer(reason)), None),
            Ok((agreed, outcome)) => {
                let (ours, _) = moved_to(self.addresses.ours, ours.address);
                let (theirs, _) = moved_to(self.addresses.theirs, address);
                let response = response_to(&agreed, &outcome);
                let addresses = Addresses { ours, theirs };
                let prepared = Prepared {
                    agreed,
                    addresses,
                    outcome,
                };
                (response, Some(prepared))
            }
        };
        Ok((Reply::new(response, diagnoses), prepared))
    }

    /// Takes a line of the peer's offer.
    fn accept<E>(
        &self,
        (profile, announced): (Profile, bool),
        theirs: CryptoAttribute,
        address: Option<SocketAddr>,
        ours: OurSide,
        generate: &mut impl FnMut(CryptoSuite) -> Result<MasterKey, E>,
    ) -> Result<Result<(Agreed, Outcome), Reason>, GenerateError<E>> {
        let receiver = match self.receiver_change(&theirs, address) {
            Ok(receiver) => receiver,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(suite) = theirs.suite() else {
            return Ok(Err(Reason::NoCommonSuite));
        };
        let goes_on = |now: &&Agreement| {
            let services = Services::of(&now.ours) == Services::of(&theirs);
            !self.needs_fresh_key(ours, now) && now.ours.suite() == Some(suite) && services
        };
        if let Some(now) = self.agreement().filter(goes_on) {
            let line = line_in_use(&now.ours, &theirs).ok_or(Reason::ParameterProhibited);
            return Ok(line.map(|line| {
                let cryptex = self.policy.cryptex_to(announced, &line);
                let sends = (line, now.sender_goes_on(cryptex));
                agreement(profile, cryptex, sends, (theirs, receiver))
            }));
        }
        let is_known = |key: &MasterKey| {
            let is_in_offer = theirs.keys().iter().any(|their| their.is_same_as(key));
            is_in_offer || self.known.is_ours(key) || self.known.is_theirs(key)
        };
        let key = fresh_key(suite, &self.policy, generate, is_known)?;
        let Some(line) = answering_line(&theirs, &key, &self.policy) else {
            return Ok(Err(Reason::ParameterProhibited));
        };
        let cryptex = self.policy.cryptex_to(announced, &line);
        let starts = self.new_key_starts(ours, address);
        let sender = self.sender_change(&line, key, starts, cryptex);
        Ok(sender.map(|sender| agreement(profile, cryptex, (line, sender), (theirs, receiver))))
    }

    /// A stream that is encrypted stays so, unless the policy allows otherwise.
    fn go_plain(&self, plain: PlainRtp) -> Result<(Agreed, Outcome), Reason> {
        match self.agreed {
            Some(_) if !self.policy.allows_downgrade => Err(Reason::Downgrade),
            _ => Ok((None, Outcome::PlainRtp(plain))),
        }
    }

    fn sender_change(
        &self,
        line: &CryptoAttribute,
        key: MasterKey,
        starts: bool,
        cryptex: Cryptex,
    ) -> Result<SenderChange, Reason> {
        let builder = decision::sender_builder(line, key, &self.policy, cryptex);
        let change = match starts {
            true => builder
                .build()
                .map(Box::<Sender>::new)
                .map(SenderChange::Start),
            false => builder
                .check()
                .map(|()| SenderChange::Rekey(SenderRekey(Box::new(builder)))),
        };
        change.map_err(|_| Reason::ParameterProhibited)
    }

    fn receiver_change(
        &self,
        theirs: &CryptoAttribute,
        address: Option<SocketAddr>,
    ) -> Result<ReceiverChange, Reason> {
        if theirs.keys().iter().any(|key| self.known.is_ours(key)) {
            return Err(Reason::KeyRepeated);
        }
        let builder = decision::receiver_builder(theirs, &self.policy);
        let next = builder.ok_or(Reason::ParameterProhibited)?;
        let now = self.agreement();
        if now.is_some_and(|now| means_the_same(&now.theirs, theirs)) {
            return Ok(ReceiverChange::Keep);
        }
        let goes_on =
            |key: &MasterKey| now.is_some_and(|now| keeps_its_form(key, &now.theirs, theirs));
        let is_reused = |key: &MasterKey| self.known.is_theirs(key) && !goes_on(key);
        let is_reused = theirs.keys().iter().any(is_reused);
        if is_reused && !self.policy.accepts_reused_keys {
            return Err(Reason::KeyReused);
        }
        if is_reused || now.is_none() {
            let receiver = next.build().map(Box::<Receiver>::new);
            let receiver = receiver.map_err(|_| Reason::ParameterProhibited)?;
            return Ok(ReceiverChange::Start(receiver));
        }
        next.check().map_err(|_| Reason::ParameterProhibited)?;
        let (_, moved) = moved_to(self.addresses.theirs, address);
        let roc = match moved {
            true => RocAfterRekey::ZeroOrKept,
            false => RocAfterRekey::KeptOrZero,
        };
        Ok(ReceiverChange::Rekey(ReceiverRekey {
            next: Box::new(next),
            roc,
            overlap: self.policy.overlap,
        }))
    }
}

/// An answer that was prepared, if it is SRTP on grounds of an alternative.
fn taking(
    (mut reply, prepared): (Reply, Option<Prepared>),
    alternative: Alternative<'_>,
) -> Result<(Reply, Option<Prepared>), ConfigurationVerdict> {
    use ConfigurationVerdict as V;
    match &mut reply.response {
        Response::Srtp { configuration, .. } => {
            let mut lines = reply.diagnoses.iter();
            let chosen = lines.find(|it| it.verdict == Verdict::Chosen);
            *configuration = Some(alternative.taken(chosen.map(|it| it.line)));
            Ok((reply, prepared))
        }
        Response::Reject(rejection) => Err(V::Declined(rejection.reason)),
        Response::PlainRtp(plain) => Err(plain.declined.map_or(V::WithoutCrypto, V::Declined)),
        Response::NotSdes => Err(V::Unusable(Unusable::Transport)),
        Response::PortZero | Response::PassOn => Err(V::PassedOver),
    }
}

/// Why nothing was agreed.
enum NotAgreed {
    Reject(Reason),
    PassOn,
}

impl From<Reason> for NotAgreed {
    fn from(reason: Reason) -> Self {
        Self::Reject(reason)
    }
}
