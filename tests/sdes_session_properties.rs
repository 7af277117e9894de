//! What holds for two sessions of ours under any policies, whatever exchanges they come through: offers and answers that are lost, refused or cross each
//! other, forks, moves, holds, fresh keys, and packets on their way meanwhile.

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use common::{PLANES, plain, protect, rtp_with, unprotect};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use srtp_sdes::sdes::{
    AnsweredProfile, Changes, CryptoAttribute, MediaSection, OurSide, Outcome, Policy,
    ReceiverChange, Response, SenderChange, Session, SessionError, Signalling, SrtpMode,
    SuiteOrder, TagMatch,
};
use srtp_sdes::{
    Cryptex, CryptoSuite, KeyDerivationRate, Lifetime, Margin, MasterKey, Overlap, Plane, Receiver,
    Sender,
};

const SSRCS: [u32; 2] = [7, 0x8000_0001];

// ── What is to happen ──

/// What one side brings to an exchange.
#[derive(Clone, Copy, Debug)]
struct Wish {
    moves: bool,
    holds: bool,
    /// The peer's session is not told the address, as when `c=` has a host name.
    hides: bool,
    fresh_key: bool,
    all_suites: bool,
    /// Our generator first gives this one of the keys that it has made.
    repeats: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Answered,
    /// The same answer comes again, and again.
    AnsweredThrice,
    /// 183 and 200 of which each was made anew.
    AnsweredTwice,
    /// Another dialog's answer comes first.
    AnsweredByForkFirst,
    /// The answer is another dialog's, which goes on instead of the one that offered.
    AnsweredByForkAlone,
    /// The offer never arrives.
    Lost,
    /// It is refused after the answer had been prepared.
    Refused,
    /// Both sides offer.
    Glare,
    /// The offer has port 0.
    PortZero,
}

#[derive(Clone, Debug)]
struct Exchange {
    by: usize,
    wishes: [Wish; 2],
    fate: Fate,
    /// Something on the way takes `a=cryptex` out of the offer, and of the answer.
    strips: [bool; 2],
    /// Sequence numbers go on by so many from packet to packet.
    stride: u16,
}

fn wish() -> impl Strategy<Value = Wish> {
    let rarely = || proptest::bool::weighted(0.2);
    let repeats = proptest::option::weighted(0.1, 0..40usize);
    (rarely(), rarely(), rarely(), rarely(), rarely(), repeats).prop_map(
        |(moves, holds, hides, fresh_key, all_suites, repeats)| Wish {
            moves,
            holds,
            hides,
            fresh_key,
            all_suites,
            repeats,
        },
    )
}

fn exchange() -> impl Strategy<Value = Exchange> {
    use Fate as F;
    let fate = prop_oneof![
        6 => Just(F::Answered),
        1 => Just(F::AnsweredThrice),
        2 => Just(F::AnsweredTwice),
        1 => Just(F::AnsweredByForkFirst),
        1 => Just(F::AnsweredByForkAlone),
        1 => Just(F::Lost),
        1 => Just(F::Refused),
        1 => Just(F::Glare),
        1 => Just(F::PortZero),
    ];
    let stride = prop_oneof![1..=3u16, 1..=6000u16];
    let strips = [proptest::bool::weighted(0.2), proptest::bool::weighted(0.2)];
    (0..2usize, [wish(), wish()], fate, strips, stride).prop_map(
        |(by, wishes, fate, strips, stride)| Exchange {
            by,
            wishes,
            fate,
            strips,
            stride,
        },
    )
}

/// Policies that have a suite in common, and by which nobody owes the other more than a crypto line.
fn policies() -> impl Strategy<Value = [Policy; 2]> {
    use CryptoSuite as S;
    let suites = vec![
        S::AesCm128HmacSha1_80,
        S::AesCm128HmacSha1_32,
        S::AeadAes128Gcm,
        S::Aes256CmHmacSha1_80,
        S::AeadAes256Gcm8,
        S::F8_128HmacSha1_80,
    ];
    let side = {
        let suites = suites.clone();
        move || {
            (
                policy(),
                subsequence(suites.clone(), 0..=4),
                any::<prop::sample::Index>(),
            )
        }
    };
    (side(), side(), select(suites)).prop_map(|(one, other, common)| {
        [one, other].map(|(policy, mut suites, at)| {
            suites.retain(|suite| *suite != common);
            suites.insert(at.index(suites.len() + 1), common);
            policy.suites(&suites)
        })
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    use SrtpMode as M;
    let overlap = prop_oneof![
        3 => Just(Overlap::default()),
        1 => Just(Overlap::None),
        1 => Just(Overlap::UntilEnded),
        1 => (1..20u64).prop_map(Overlap::Packets),
    ];
    let mode = select(vec![M::Opportunistic, M::Required, M::WhenOffered]);
    let cryptex = prop_oneof![
        2 => Just(Cryptex::Off),
        3 => Just(Cryptex::On),
        1 => Just(Cryptex::Required),
    ];
    let written = (0..=5u8, 0..=8u8, any::<bool>(), cryptex);
    (mode, written, overlap, any::<[bool; 7]>()).prop_map(
        |(mode, (mki, rate, lifetime, cryptex), overlap, choices)| {
            let [
                own_order,
                secure,
                lenient,
                upgrades,
                keeps,
                restarts,
                downgrades,
            ] = choices;
            let mut policy = Policy::compatible()
                .mode(mode)
                .write_mki(mki)
                .overlap(overlap)
                .cryptex(cryptex)
                .offer_secure_profile(secure);
            if own_order {
                policy = policy.order(SuiteOrder::Own);
            }
            if lenient {
                policy = policy.tags(TagMatch::Lenient);
            }
            if upgrades {
                policy = policy.answered_profile(AnsweredProfile::Secure);
            }
            if keeps {
                policy = policy.keep_current_suite();
            }
            if restarts {
                policy = policy.restart_roc_on_rekey();
            }
            if downgrades {
                policy = policy.allow_downgrade();
            }
            if let Some(rate) = KeyDerivationRate::from_exponent(rate) {
                policy = policy.key_derivation_rate(rate);
            }
            if lifetime {
                policy = policy.write_lifetime(Lifetime::new(1 << 20).unwrap());
            }
            policy
        },
    )
}

// ── One side ──

struct Side {
    number: u8,
    policy: Policy,
    session: Session,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    /// Its address: one of those it has had.
    place: u16,
    /// Of its own keys, how many it has made.
    made: usize,
    seq: u16,
    /// Another dialog has the sender.
    is_mute: bool,
    /// Offers of its own that it made, and those that it would answer.
    exchanges: u32,
    /// Key, SSRC, plane and index of each packet that it sent.
    sent: BTreeSet<(Vec<u8>, u32, bool, u64)>,
    /// Other processes go on with its session and sender, again and again.
    fails_over: bool,
    failovers: u32,
    /// All lines that it sent or received.
    seen: Vec<String>,
    /// All packets that it sent.
    log: Vec<Vec<u8>>,
}

/// Lines as they travel.
struct Sent {
    transport: &'static str,
    port: u16,
    lines: Vec<String>,
}

impl Sent {
    /// As it arrives.
    fn stripped(mut self, of_cryptex: bool) -> Self {
        self.lines.retain(|line| !of_cryptex || line != "a=cryptex");
        self
    }

    fn announces_cryptex(&self) -> bool {
        self.lines.iter().any(|line| line == "a=cryptex")
    }

    fn read<T>(&self, act: impl FnOnce(&MediaSection<'_>) -> T) -> T {
        let attributes: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        act(&MediaSection {
            transport: self.transport,
            port: self.port,
            attributes: &attributes,
        })
    }
}

struct Packet {
    plane: Plane,
    plain: Vec<u8>,
    protected: Vec<u8>,
}

/// The key of this number that this side makes.
fn key_of(side: u8, number: usize, suite: CryptoSuite) -> MasterKey {
    let number = u8::try_from(number).unwrap();
    MasterKey::generate_with(suite, |bytes| {
        let places = bytes.iter_mut().zip(0u8..);
        places.for_each(|(byte, at)| *byte = at.wrapping_mul(89) ^ number);
        bytes[0] = side;
        Ok::<_, ()>(())
    })
    .unwrap()
}

impl Side {
    fn new(number: u8, policy: &Policy) -> Self {
        Self {
            number,
            policy: policy.clone(),
            session: Session::new(policy, Signalling::Secure),
            sender: None,
            receiver: None,
            place: 4000,
            made: 0,
            seq: 60_000,
            is_mute: false,
            exchanges: 0,
            sent: BTreeSet::new(),
            fails_over: false,
            failovers: 0,
            seen: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Another process takes over, with the keys in the state or without.
    fn fail_over(&mut self) {
        if !self.fails_over {
            return;
        }
        self.failovers += 1;
        let (before, policy) = (self.state(), &self.policy);
        let resumed = match self.failovers % 2 {
            0 => Session::resume_secret(&self.session.export_secret_state(), policy),
            _ => {
                let lines = self.seen.iter().map(String::as_str);
                Session::resume(&self.session.export_state(), policy, lines)
            }
        };
        let resumed = resumed.unwrap();
        assert_eq!(resumed.export_state(), self.session.export_state());
        self.session = resumed;
        assert_eq!(self.state(), before);
        if let Some(sender) = &self.sender {
            let state = sender.export_state();
            let sender = self.session.secret_sender_resumed(&state, Margin::NONE);
            self.sender = Some(sender.unwrap());
        }
    }

    fn sees(&mut self, sent: &Sent) {
        self.seen.extend(sent.lines.iter().cloned());
    }

    /// Where it wants media now, as its SDP says.
    fn address(&self, wish: Wish) -> SocketAddr {
        let port = self.place + u16::from(wish.moves);
        let ip = if wish.holds {
            [0; 4]
        } else {
            [192, 0, 2, self.number]
        };
        SocketAddr::from((ip, port))
    }

    fn told(&self, wish: Wish) -> Option<SocketAddr> {
        (!wish.hides).then(|| self.address(wish))
    }

    fn brings(&self, wish: Wish) -> OurSide {
        let mut ours = OurSide::at(self.address(wish));
        if wish.fresh_key {
            ours = ours.with_fresh_key();
        }
        if wish.all_suites {
            ours = ours.with_all_suites();
        }
        ours
    }

    /// The session, and its keys.
    fn at_work(
        &mut self,
        wish: Wish,
    ) -> (
        &mut Session,
        impl FnMut(CryptoSuite) -> Result<MasterKey, ()> + '_,
    ) {
        let Self {
            number,
            session,
            made,
            ..
        } = self;
        let mut repeats = wish.repeats.filter(|which| *which < *made);
        let generate = move |suite| {
            let which = repeats.take().unwrap_or_else(|| {
                *made += 1;
                *made - 1
            });
            Ok(key_of(*number, which, suite))
        };
        (session, generate)
    }

    /// What tells whether anything changed.
    fn state(&self) -> String {
        let text = |line: Option<&CryptoAttribute>| line.map(|it| it.secret_line().to_string());
        let lines = [self.session.our_line(), self.session.their_line()].map(text);
        format!("{:?} {lines:?}", self.session)
    }

    fn offer(&mut self, wish: Wish, port: u16) -> Option<Sent> {
        let ours = self.brings(wish);
        let had_leg = self.session.leg().is_some();
        let (session, generate) = self.at_work(wish);
        match session.offer_with(ours, generate) {
            Ok(offer) => {
                assert!(offer.has_keys() || !had_leg);
                let lines = offer.attributes().map(|it| it.secret_line().to_string());
                let cryptex = offer.announces_cryptex().then(|| "a=cryptex".to_owned());
                let sent = Sent {
                    transport: offer.profile().name(),
                    port,
                    lines: lines.chain(cryptex).collect(),
                };
                self.exchanges += 1;
                Some(sent)
            }
            Err(error) => {
                assert!(wish.repeats.is_some(), "{error:?}");
                None
            }
        }
    }

    /// The answer, if there is one; it is prepared.
    fn answer(&mut self, offer: &Sent, from: Option<SocketAddr>, wish: Wish) -> Option<Sent> {
        let ours = self.brings(wish);
        let (session, generate) = self.at_work(wish);
        let reply = offer.read(|offer| session.offered_with(offer, from, ours, generate));
        let Ok(reply) = reply else {
            assert!(wish.repeats.is_some() && !self.session.has_open_exchange());
            return None;
        };
        self.exchanges += u32::from(self.session.has_open_exchange());
        let sent = |transport, port, lines| Sent {
            transport,
            port,
            lines,
        };
        match reply.response {
            Response::Srtp {
                profile,
                attribute,
                cryptex,
                ..
            } => {
                assert!(!cryptex || offer.announces_cryptex());
                let line = attribute.secret_line().to_string();
                let cryptex = cryptex.then(|| "a=cryptex".to_owned());
                let lines = [line].into_iter().chain(cryptex).collect();
                Some(sent(profile.name(), 4000, lines))
            }
            Response::PlainRtp(plain) => Some(sent(plain.profile.name(), 4000, vec![])),
            Response::PortZero => Some(sent("RTP/AVP", 0, vec![])),
            Response::Reject(_) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Puts an outcome into force. Does the receiver keep its history, with so long an overlap?
    fn apply(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Srtp(changes) => self.apply_changes(*changes),
            Outcome::PlainRtp(_) | Outcome::PortZero => {
                assert!(self.session.leg().is_none());
                (self.sender, self.receiver) = (None, None);
                false
            }
            other => panic!("{other:?}"),
        }
    }

    fn apply_changes(&mut self, changes: Changes) -> bool {
        let goes_on = match &changes.receiver {
            ReceiverChange::Keep => true,
            ReceiverChange::Rekey(rekey) => rekey.overlap() != Overlap::None,
            _ => false,
        };
        self.is_mute = matches!(changes.sender, SenderChange::Missing);
        assert_eq!(Some(changes.profile), self.session.profile());
        assert_eq!(
            Some(changes.tag),
            self.session.our_line().map(CryptoAttribute::tag)
        );
        let had = (self.sender.is_some(), self.receiver.is_some());
        match (&changes.sender, &changes.receiver) {
            // Nothing that is not there is said to go on.
            (SenderChange::Keep | SenderChange::Rekey(_) | SenderChange::Cryptex(_), _)
                if !had.0 =>
            {
                panic!("no sender")
            }
            (_, ReceiverChange::Keep | ReceiverChange::Rekey(_)) if !had.1 => panic!("no receiver"),
            _ => {}
        }
        let applied = changes.apply(&mut self.sender, &mut self.receiver);
        applied.unwrap();
        assert_eq!(self.sender.is_none(), self.is_mute);
        goes_on
    }

    /// Sends a packet of each SSRC in each plane; each is under the line in force, and under an index of its own.
    fn send(&mut self, stride: u16) -> Vec<Packet> {
        let mut packets = Vec::new();
        let (Some(sender), Some(line)) = (&mut self.sender, self.session.our_line()) else {
            return packets;
        };
        for ssrc in SSRCS {
            self.seq = self.seq.wrapping_add(stride);
            for plane in PLANES {
                let plain = plain(plane, ssrc, self.seq, b"8 bytes.");
                let protected = protect(sender, plane, &plain).unwrap();
                let mut monitor = line.secret_receiver().unwrap().unwrap();
                let index = match plane {
                    Plane::Rtp => {
                        monitor.set_roc(ssrc, sender.roc(ssrc).unwrap()).unwrap();
                        monitor.verify_rtp(&protected).unwrap().value()
                    }
                    Plane::Rtcp => monitor.verify_rtcp(&protected).unwrap().into(),
                };
                let key = line.keys()[0].secret_key_and_salt().to_vec();
                self.log.push(protected.clone());
                let is_new = self.sent.insert((key, ssrc, plane == Plane::Rtp, index));
                assert!(is_new, "the same keystream twice: {ssrc} {plane:?} {index}");
                packets.push(Packet {
                    plane,
                    plain,
                    protected,
                });
            }
            self.seq = self.seq.wrapping_add(1);
            let plain = rtp_with(ssrc, self.seq, 1, Some(1), b"8 bytes.");
            let protected = protect(sender, Plane::Rtp, &plain).unwrap();
            let is_marked = protected[16..18] == [0xc0, 0xde];
            assert_eq!(is_marked, self.session.cryptex() != Cryptex::Off);
            self.log.push(protected.clone());
            packets.push(Packet {
                plane: Plane::Rtp,
                plain,
                protected,
            });
        }
        packets
    }

    fn receives(&mut self, packets: &[Packet]) {
        let receiver = self.receiver.as_mut().expect("a receiver");
        for packet in packets {
            let opened = unprotect(receiver, packet.plane, &packet.protected);
            assert_eq!(opened.as_ref(), Ok(&packet.plain), "{:?}", packet.plane);
        }
    }

    fn refuses(&mut self, packets: &[Packet]) {
        let receiver = self.receiver.as_mut().expect("a receiver");
        for packet in packets {
            let opened = unprotect(receiver, packet.plane, &packet.protected);
            opened.unwrap_err();
        }
    }
}

// ── A call ──

struct Call([Side; 2]);

/// What came of an exchange.
enum Came {
    /// It is committed. Do packets that were on their way still get through, from the offerer and from the answerer?
    Committed([bool; 2]),
    /// Nothing has changed.
    Nothing,
    /// One side cannot take what the other has agreed: the call is over.
    Over,
}

impl Call {
    fn pair(&mut self, by: usize) -> (&mut Side, &mut Side) {
        let [one, other] = &mut self.0;
        if by == 0 { (one, other) } else { (other, one) }
    }

    /// Plays an exchange, with media before, across and after it. Is the call over?
    fn play(&mut self, exchange: &Exchange) -> bool {
        self.media_flows(exchange.stride);
        let before = [self.0[0].state(), self.0[1].state()];
        let by = exchange.by;
        let answerers = self.0[1 - by].send(exchange.stride);
        let mut offerers = Vec::new();
        match self.exchange(exchange, &mut offerers) {
            Came::Over => return true,
            Came::Nothing => {
                assert_eq!([self.0[0].state(), self.0[1].state()], before);
                let (offerer, answerer) = self.pair(by);
                if offerer.receiver.is_some() {
                    offerer.receives(&answerers);
                }
                if answerer.receiver.is_some() {
                    answerer.receives(&offerers);
                }
            }
            Came::Committed([from_offerer, from_answerer]) => {
                for (side, wish) in self.0.iter_mut().zip(exchange.wishes) {
                    side.place += u16::from(wish.moves);
                }
                let (offerer, answerer) = self.pair(by);
                if from_answerer {
                    offerer.receives(&answerers);
                }
                if from_offerer {
                    answerer.receives(&offerers);
                }
                self.both_agree();
                self.0.iter_mut().for_each(Side::fail_over);
                let cryptex = [0, 1].map(|n| self.0[n].session.cryptex() != Cryptex::Off);
                let is_stripped = exchange.strips[1] && !cryptex[by];
                assert!(is_stripped || cryptex[0] == cryptex[1]);
            }
        }
        self.media_flows(exchange.stride);
        false
    }

    /// The exchange itself. The offerer sends `on_their_way` when the answerer has sent its answer.
    fn exchange(&mut self, exchange: &Exchange, on_their_way: &mut Vec<Packet>) -> Came {
        let (ours, theirs) = (
            exchange.wishes[exchange.by],
            exchange.wishes[1 - exchange.by],
        );
        let (offerer, answerer) = self.pair(exchange.by);
        let (us, them) = (offerer.told(ours), answerer.told(theirs));
        let port = if exchange.fate == Fate::PortZero {
            0
        } else {
            4000
        };
        let Some(offer) = offerer.offer(ours, port) else {
            // The generator repeated a key.
            *on_their_way = offerer.send(exchange.stride);
            return Came::Nothing;
        };
        offerer.sees(&offer);
        offerer.fail_over();
        let offer = offer.stripped(exchange.strips[0]);
        answerer.sees(&offer);
        let answer = match exchange.fate {
            Fate::Lost => None,
            Fate::Glare => {
                if let Some(crossing) = answerer.offer(theirs, 4000) {
                    let (session, generate) = offerer.at_work(ours);
                    let side = OurSide::default();
                    let refused =
                        crossing.read(|it| session.offered_with(it, them, side, generate));
                    assert_eq!(refused.unwrap_err(), SessionError::ExchangeOpen);
                    answerer.session.rollback();
                }
                None
            }
            Fate::Refused => {
                let _ = answerer.answer(&offer, us, theirs);
                answerer.session.rollback();
                None
            }
            _ => answerer.answer(&offer, us, theirs),
        };
        let Some(answer) = answer else {
            *on_their_way = offerer.send(exchange.stride);
            offerer.session.rollback();
            assert!(!answerer.session.has_open_exchange());
            return Came::Nothing;
        };
        let mut answers = vec![answer];
        if exchange.fate == Fate::AnsweredTwice {
            answerer.session.rollback();
            match answerer.answer(&offer, us, theirs) {
                Some(later) => answers.push(later),
                None => return Came::Over,
            }
        } else if exchange.fate == Fate::AnsweredByForkFirst {
            offerer.is_answered_by_fork(&offer, &answerer.policy);
        }
        for answer in &answers {
            answerer.sees(answer);
            offerer.sees(answer);
        }
        offerer.fail_over();
        answerer.fail_over();
        let outcome = answerer.session.commit().unwrap();
        let from_offerer = answerer.apply(outcome);
        assert!(answerer.session.commit().is_err());
        // Who requires cryptex would not hear a peer that does not know of it.
        let strips = exchange.strips[1] && answerer.session.cryptex() != Cryptex::Required;
        let answers = answers.into_iter().map(|it| it.stripped(strips));
        let answers: Vec<_> = answers.collect();
        *on_their_way = offerer.send(exchange.stride);

        // A second re-key ends the first one's overlap.
        let mut from_answerer = answers.len() == 1;
        let forked = match exchange.fate {
            Fate::AnsweredByForkAlone if offerer.exchanges == 1 => {
                answers[0].read(|it| offerer.session.answered_by_fork(it, them).ok())
            }
            _ => None,
        };
        // Dialogs come of the first offer alone.
        if let Some((fork, outcome)) = forked {
            offerer.session = fork;
            if matches!(outcome, Outcome::Reject(_)) {
                return Came::Over;
            }
            from_answerer &= offerer.apply(outcome);
            return Came::Committed([from_offerer, from_answerer]);
        }
        for answer in &answers {
            let outcome = answer
                .read(|it| offerer.session.answered(it, them))
                .unwrap();
            if matches!(outcome, Outcome::Reject(_)) {
                return Came::Over;
            }
            from_answerer &= offerer.apply(outcome);
        }
        if exchange.fate == Fate::AnsweredThrice {
            for _ in 0..2 {
                offerer.is_answered_again(&answers[0], them);
            }
        }
        assert!(!offerer.session.has_open_exchange());
        Came::Committed([from_offerer, from_answerer])
    }

    /// Both know the same lines, and speak under them.
    fn both_agree(&self) {
        let text = |line: Option<&CryptoAttribute>| line.map(|it| it.secret_line().to_string());
        let [one, other] = &self.0;
        let lenient = one.session.our_line().map(CryptoAttribute::tag)
            != one.session.their_line().map(CryptoAttribute::tag);
        assert!(!lenient, "the answerer takes over the offer's tag");
        assert_eq!(
            text(one.session.our_line()),
            text(other.session.their_line())
        );
        assert_eq!(
            text(one.session.their_line()),
            text(other.session.our_line())
        );
        assert_eq!(one.session.profile(), other.session.profile());
        if let Some(leg) = one.session.leg() {
            assert_eq!(leg.ours.suite(), leg.theirs.suite());
        }
        let keys = |side: &Side| -> BTreeSet<_> {
            side.sent.iter().map(|(key, ..)| key.clone()).collect()
        };
        assert!(keys(one).is_disjoint(&keys(other)));
    }

    /// Each hears the other, and neither takes what it sends itself for the other's.
    fn media_flows(&mut self, stride: u16) {
        for by in [0, 1] {
            let (from, to) = self.pair(by);
            assert_eq!(
                from.sender.is_some(),
                from.session.leg().is_some() && !from.is_mute
            );
            let packets = from.send(stride);
            if packets.is_empty() {
                continue;
            }
            to.receives(&packets);
            to.refuses(&packets);
            from.refuses(&packets);
        }
    }
}

impl Side {
    /// Somebody else, who knows our offer, answers it first, and gets what we send under the key of its line.
    fn is_answered_by_fork(&mut self, offer: &Sent, policy: &Policy) {
        // Dialogs come of the first offer alone.
        if self.exchanges > 1 {
            return;
        }
        let mut stranger = Side::new(0xff, policy);
        let wish = Wish {
            moves: false,
            holds: false,
            hides: true,
            fresh_key: false,
            all_suites: false,
            repeats: None,
        };
        let Some(answer) = stranger.answer(offer, None, wish) else {
            return;
        };
        let outcome = stranger.session.commit().unwrap();
        let _ = stranger.apply(outcome);
        let forked = answer.read(|it| self.session.answered_by_fork(it, None));
        let (fork, outcome) = forked.unwrap();
        if matches!(outcome, Outcome::Reject(_)) {
            return;
        }
        let mut other = Side::new(self.number, &self.policy);
        other.session = fork;
        other.apply(outcome);
        let packets = other.send(1);
        if !packets.is_empty() {
            stranger.receives(&packets);
        }
        for packet in other.sent {
            assert!(
                self.sent.insert(packet),
                "the fork's sender is a second one"
            );
        }
    }

    fn is_answered_again(&mut self, answer: &Sent, from: Option<SocketAddr>) {
        let before = self.state();
        let again = answer.read(|it| self.session.answered(it, from)).unwrap();
        if let Outcome::Srtp(changes) = again {
            assert!(matches!(changes.receiver, ReceiverChange::Keep));
            match changes.sender {
                SenderChange::Keep => assert!(!self.is_mute),
                SenderChange::Missing => assert!(self.is_mute),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.state(), before);
    }
}

#[test]
fn whatever_two_sessions_come_through_they_agree_media_flows_and_no_keystream_is_used_twice() {
    let exchanges = proptest::collection::vec(exchange(), 1..=9);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 100,
        max_shrink_iters: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (policies(), exchanges);
    let ran = runner.run(&strategy, |(policies, exchanges)| {
        let _ = play(&policies, &exchanges, false);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

fn play(policies: &[Policy; 2], exchanges: &[Exchange], fails_over: bool) -> Call {
    let [one, other] = policies;
    let mut call = Call([Side::new(1, one), Side::new(2, other)]);
    for side in &mut call.0 {
        side.fails_over = fails_over;
    }
    for exchange in exchanges {
        if call.play(exchange) {
            break;
        }
    }
    call
}

#[test]
fn sessions_that_other_processes_go_on_with_come_through_the_same_to_the_byte() {
    let exchanges = proptest::collection::vec(exchange(), 1..=9);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 60,
        max_shrink_iters: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (policies(), exchanges);
    let ran = runner.run(&strategy, |(policies, exchanges)| {
        let stays = play(&policies, &exchanges, false);
        let moves = play(&policies, &exchanges, true);
        for (stays, moves) in stays.0.iter().zip(&moves.0) {
            prop_assert_eq!(&stays.seen, &moves.seen);
            prop_assert_eq!(&stays.log, &moves.log);
            prop_assert_eq!(stays.state(), moves.state());
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
