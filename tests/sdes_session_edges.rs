//! What a session is not to be led into: by a generator that repeats, by odd sections to rebuild it from, by addresses in other clothes, by answers in
//! any order.

mod common;

use std::net::SocketAddr;

use common::{key, rtp};
use srtp_sdes::CryptoSuite::{self, Aes256CmHmacSha1_80, AesCm128HmacSha1_80};
use srtp_sdes::sdes::{
    Changes, GenerateError, MediaSection, OurSide, Outcome, Policy, Profile, ReceiverChange,
    RejectReason, Reply, Response, RestoreError, SenderChange, Session, SessionError, Signalling,
    TagMatch, Unacceptable, Verdict,
};
use srtp_sdes::{KeyDerivationRate, MasterKey, Receiver, RocAfterRekey, Sender};

const SUITE: CryptoSuite = AesCm128HmacSha1_80;
const SSRC: u32 = 9;
const US: &str = "192.0.2.1:4000";
const PEER: &str = "192.0.2.2:5000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> OurSide {
    OurSide::at(address(text))
}

/// A line with the key of `seed`, and whatever follows its key.
fn line(tag: u32, suite: CryptoSuite, seed: u8, rest: &str) -> String {
    let key = key(suite, seed).secret_base64();
    format!("a=crypto:{tag} {} inline:{}{rest}", suite.name(), *key)
}

/// A section with these lines; port 0 if `transport` begins with a dash.
fn with_section<T>(
    transport: &str,
    lines: &[String],
    act: impl FnOnce(&MediaSection<'_>) -> T,
) -> T {
    let attributes: Vec<&str> = lines.iter().map(String::as_str).collect();
    act(&MediaSection {
        transport: transport.trim_start_matches('-'),
        port: if transport.starts_with('-') { 0 } else { 5000 },
        attributes: &attributes,
    })
}

/// The key of this seed each time.
fn always(seed: u8) -> impl FnMut(CryptoSuite) -> Result<MasterKey, ()> {
    move |suite| Ok(key(suite, seed))
}

fn answered(session: &mut Session, line: &str, from: &str) -> Outcome {
    with_section("RTP/SAVP", &[line.to_owned()], |answer| {
        session.answered(answer, Some(address(from))).unwrap()
    })
}

fn offered(session: &mut Session, line: &str, from: &str, ours: OurSide, seed: u8) -> Reply {
    with_section("RTP/SAVP", &[line.to_owned()], |offer| {
        let reply = session.offered_with(offer, Some(address(from)), ours, always(seed));
        reply.unwrap()
    })
}

fn changes(outcome: Outcome) -> Changes {
    match outcome {
        Outcome::Srtp(changes) => *changes,
        other => panic!("{other:?}"),
    }
}

fn accepted(reply: &Reply) -> String {
    match &reply.response {
        Response::Srtp { attribute, .. } => attribute.secret_line().to_string(),
        other => panic!("{other:?}"),
    }
}

fn reason(outcome: &Outcome) -> RejectReason {
    match outcome {
        Outcome::Reject(rejection) => rejection.reason,
        other => panic!("{other:?}"),
    }
}

/// Our key is that of seed 1, the peer's that of seed 101.
fn offerer(policy: &Policy) -> (Session, Changes) {
    let mut session = Session::new(policy, Signalling::Secure);
    session.offer_with(at(US), always(1)).unwrap();
    let outcome = answered(&mut session, &line(1, SUITE, 101, ""), PEER);
    (session, changes(outcome))
}

fn one_suite() -> Policy {
    Policy::compatible().suites(&[SUITE])
}

fn two_suites() -> Policy {
    Policy::compatible().suites(&[SUITE, Aes256CmHmacSha1_80])
}

fn restored(
    policy: &Policy,
    ours: (&str, &[String], Option<&str>),
    theirs: (&str, &[String], Option<&str>),
) -> Result<Session, RestoreError> {
    with_section(ours.0, ours.1, |our| {
        with_section(theirs.0, theirs.1, |their| {
            let sides = ((our, ours.2.map(address)), (their, theirs.2.map(address)));
            Session::restore_secret(policy, Signalling::Secure, sides.0, sides.1)
        })
    })
}

fn restored_at(us: &str, peer: &str) -> Session {
    let (ours, theirs) = ([line(1, SUITE, 1, "")], [line(1, SUITE, 101, "")]);
    let (ours, theirs) = (
        ("RTP/SAVP", &ours[..], Some(us)),
        ("RTP/SAVP", &theirs[..], Some(peer)),
    );
    restored(&one_suite(), ours, theirs).unwrap()
}

// ── Keys ──

#[test]
fn a_key_that_was_in_use_before_the_stream_went_out_of_use_is_not_offered_again() {
    let (mut session, _) = offerer(&one_suite());
    let port_zero = with_section("-RTP/SAVP", &[], |offer| {
        let reply = session
            .offered_with(offer, None, at(US), always(9))
            .unwrap();
        (reply.response, session.commit().unwrap())
    });
    assert!(matches!(port_zero, (Response::PortZero, Outcome::PortZero)));
    let repeated = SessionError::Keys(GenerateError::Repeated);
    // Ours, and the peer's.
    for seed in [1, 101] {
        let offer = session.offer_with(at(US), always(seed));
        assert_eq!(offer.unwrap_err(), repeated, "{seed}");
        assert!(!session.has_open_exchange());
    }
    session.offer_with(at(US), always(2)).unwrap();
}

#[test]
fn a_key_that_a_fork_took_is_not_offered_again_by_the_dialog_that_offered_it() {
    let mut session = Session::new(&one_suite(), Signalling::Secure);
    session.offer_with(at(US), always(1)).unwrap();
    let answer = [line(1, SUITE, 101, "")];
    let (fork, outcome) = with_section("RTP/SAVP", &answer, |answer| {
        session.answered_by_fork(answer, None).unwrap()
    });
    assert!(matches!(changes(outcome).sender, SenderChange::Start(_)));
    // The fork's answer was none of this dialog.
    assert!(session.has_open_exchange() && !fork.has_open_exchange());
    session.rollback();
    for mut session in [session, fork] {
        let fresh = at(US).with_fresh_key();
        let offer = session.offer_with(fresh, always(1));
        let repeated = SessionError::Keys(GenerateError::Repeated);
        assert_eq!(offer.unwrap_err(), repeated);
    }
}

#[test]
fn a_key_of_a_refused_offer_is_neither_made_again_nor_taken_from_the_peer() {
    let (mut session, _) = offerer(&one_suite());
    let fresh = at(US).with_fresh_key();
    session.offer_with(fresh, always(2)).unwrap();
    session.rollback();
    let repeated = SessionError::Keys(GenerateError::Repeated);
    let again = session.offer_with(fresh, always(2));
    assert_eq!(again.unwrap_err(), repeated);
    let reply = offered(&mut session, &line(1, SUITE, 2, ""), PEER, at(US), 9);
    match reply.response {
        Response::Reject(rejection) => assert_eq!(rejection.reason, RejectReason::KeyRepeated),
        other => panic!("{other:?}"),
    }
    assert!(session.commit().is_err() && session.our_line().is_some());
}

#[test]
fn a_generator_that_gives_the_key_in_use_the_peers_or_the_offered_one_changes_nothing() {
    let (mut session, _) = offerer(&one_suite());
    let fresh = at(US).with_fresh_key();
    let offer = [line(1, SUITE, 102, "")];
    for seed in [1, 101, 102] {
        let reply = with_section("RTP/SAVP", &offer, |offer| {
            session.offered_with(offer, None, fresh, always(seed))
        });
        let repeated = SessionError::Keys(GenerateError::Repeated);
        assert_eq!(reply.unwrap_err(), repeated);
        assert!(!session.has_open_exchange() && session.commit().is_err());
    }
    // The exchange that was answered before is still open for later answers.
    let same = answered(&mut session, &line(1, SUITE, 101, ""), PEER);
    assert!(matches!(changes(same).sender, SenderChange::Keep));
}

#[test]
fn every_key_that_was_in_use_is_known_again_of_either_side_and_of_a_session_rebuilt() {
    let mut answerer = Session::new(&one_suite(), Signalling::Secure);
    offered(&mut answerer, &line(1, SUITE, 101, ""), PEER, at(US), 1);
    let _ = answerer.commit().unwrap();
    let fresh = at(US).with_fresh_key();
    for mut session in [answerer, restored_at(US, PEER)] {
        let repeated = SessionError::Keys(GenerateError::Repeated);
        let again = session.offer_with(fresh, always(1));
        assert_eq!(again.unwrap_err(), repeated);
        let two = format!(
            "{};{}",
            line(1, SUITE, 102, "|1:1"),
            line(1, SUITE, 103, "|2:1").split(' ').nth(2).unwrap()
        );
        for next in [two, line(1, SUITE, 104, "")] {
            offered(&mut session, &next, PEER, at(US), 2);
            let _ = session.commit().unwrap();
        }
        for (seed, mki) in [(101, ""), (102, "|1:1"), (103, "|2:1")] {
            let reply = offered(&mut session, &line(1, SUITE, seed, mki), PEER, at(US), 2);
            match reply.response {
                Response::Reject(it) => assert_eq!(it.reason, RejectReason::KeyReused, "{seed}"),
                other => panic!("{seed}: {other:?}"),
            }
        }
    }
}

#[test]
fn two_fresh_lines_of_one_re_offer_never_have_one_key() {
    let policy = Policy::compatible().suites(&[SUITE, CryptoSuite::AesCm128HmacSha1_32]);
    let (mut session, _) = {
        let mut session = Session::new(&policy, Signalling::Secure);
        let mut seed = 0;
        let generate = |suite| {
            seed += 1;
            Ok::<_, ()>(key(suite, seed))
        };
        session.offer_with(at(US), generate).unwrap();
        let outcome = answered(&mut session, &line(1, SUITE, 101, ""), PEER);
        (session, outcome)
    };
    let ours = at(US).with_fresh_key().with_all_suites();
    let repeated = SessionError::Keys(GenerateError::Repeated);
    let offer = session.offer_with(ours, always(7));
    assert_eq!(offer.unwrap_err(), repeated);
}

#[test]
fn the_key_of_a_line_gets_one_sender_whatever_answers_come_in_whatever_order() {
    let suites = two_suites();
    let mut session = Session::new(&suites, Signalling::Secure);
    let mut seed = 0;
    let generate = |suite| {
        seed += 1;
        Ok::<_, ()>(key(suite, seed))
    };
    session.offer_with(at(US), generate).unwrap();
    let answers = [
        line(1, SUITE, 101, ""),
        line(2, Aes256CmHmacSha1_80, 102, ""),
        line(1, SUITE, 103, ""),
        line(2, Aes256CmHmacSha1_80, 104, ""),
    ];
    let mut senders = Vec::new();
    for answer in &answers {
        senders.push(changes(answered(&mut session, answer, PEER)).sender);
    }
    use SenderChange as S;
    assert!(
        matches!(
            senders[..],
            [S::Start(_), S::Start(_), S::Missing, S::Missing]
        ),
        "{senders:?}"
    );
    let answer = [line(2, Aes256CmHmacSha1_80, 105, "")];
    let (_, of_fork) = with_section("RTP/SAVP", &answer, |answer| {
        session.answered_by_fork(answer, None).unwrap()
    });
    assert!(matches!(changes(of_fork).sender, S::Missing));
}

/// Three lines, the first in use: when a later answer comes back to it, its sender is gone, and a further line begins a new one.
#[test]
fn a_line_that_follows_a_lost_sender_begins_with_a_sender_of_its_own() {
    let suites = [SUITE, Aes256CmHmacSha1_80, CryptoSuite::AeadAes128Gcm];
    let policy = Policy::compatible().suites(&suites);
    let mut session = Session::new(&policy, Signalling::Secure);
    let mut seed = 0;
    let mut generate = |suite| {
        seed += 1;
        Ok::<_, ()>(key(suite, seed))
    };
    session.offer_with(at(US), &mut generate).unwrap();
    let _ = answered(&mut session, &line(1, SUITE, 101, ""), PEER);
    let ours = at(US).with_all_suites();
    session.offer_with(ours, generate).unwrap();
    let mut next =
        |tag, suite, seed| changes(answered(&mut session, &line(tag, suite, seed, ""), PEER));
    let second = next(2, suites[1], 102).sender;
    assert!(matches!(second, SenderChange::Rekey(_)), "{second:?}");
    assert!(matches!(next(1, SUITE, 103).sender, SenderChange::Missing));
    let third = next(3, suites[2], 104).sender;
    assert!(matches!(third, SenderChange::Start(_)), "{third:?}");
}

#[test]
fn a_fork_answers_the_invite_whatever_offers_came_after_it() {
    let (mut session, _) = offerer(&one_suite());
    session.offer_with(at("192.0.2.7:4000"), always(2)).unwrap();
    let answer = [line(1, SUITE, 102, "")];
    let forked = |session: &mut Session| {
        with_section("RTP/SAVP", &answer, |answer| {
            session.answered_by_fork(answer, Some(address(PEER)))
        })
    };
    for _ in 0..2 {
        let (fork, outcome) = forked(&mut session).unwrap();
        let of_fork = changes(outcome);
        assert!(matches!(of_fork.sender, SenderChange::Missing));
        assert!(matches!(of_fork.receiver, ReceiverChange::Start(_)));
        let told = fork.our_line().unwrap().keys()[0].secret_base64();
        assert_eq!(*told, *key(SUITE, 1).secret_base64(), "the INVITE's key");
    }
    let own = changes(answered(&mut session, &line(1, SUITE, 103, ""), PEER));
    assert!(matches!(own.sender, SenderChange::Start(_)), "the UPDATE's");
    // Once more after the UPDATE, until nobody is expected.
    assert!(forked(&mut session).is_ok());
    let (mut fork, _) = forked(&mut session).unwrap();
    assert!(forked(&mut fork).is_err(), "a fork made no INVITE");
    session.end_forks();
    session.offer_with(at(US), always(3)).unwrap();
    assert!(forked(&mut session).is_err());
}

#[test]
fn no_fork_comes_of_an_invite_that_was_the_peers_or_refused() {
    let answer = [line(1, SUITE, 102, "")];
    let forked = |session: &mut Session| {
        with_section("RTP/SAVP", &answer, |answer| {
            session.answered_by_fork(answer, None).is_ok()
        })
    };
    let mut session = Session::new(&one_suite(), Signalling::Secure);
    assert!(!forked(&mut session));
    session.offer_with(at(US), always(1)).unwrap();
    session.rollback();
    assert!(!forked(&mut session));
    session.offer_with(at(US), always(2)).unwrap();
    assert!(!forked(&mut session), "not the first offer");

    let mut answerer = Session::new(&one_suite(), Signalling::Secure);
    let offer = [line(1, SUITE, 101, "")];
    with_section("RTP/SAVP", &offer, |offer| {
        answerer
            .offered_with(offer, None, at(US), always(1))
            .unwrap()
    });
    let _ = answerer.commit().unwrap();
    answerer.offer_with(at(US), always(2)).unwrap();
    assert!(!forked(&mut answerer));
}

#[test]
fn a_fork_knows_the_keys_of_the_lines_that_it_did_not_take() {
    let mut session = Session::new(&two_suites(), Signalling::Secure);
    let mut seed = 0;
    let generate = |suite| {
        seed += 1;
        Ok::<_, ()>(key(suite, seed))
    };
    session.offer_with(at(US), generate).unwrap();
    let answer = [line(1, SUITE, 101, "")];
    let (mut fork, _) = with_section("RTP/SAVP", &answer, |answer| {
        session.answered_by_fork(answer, None).unwrap()
    });
    let ours = at(US).with_all_suites();
    let repeated = SessionError::Keys(GenerateError::Repeated);
    let offer = fork.offer_with(ours, always(2));
    assert_eq!(offer.unwrap_err(), repeated);
    let back = line(1, Aes256CmHmacSha1_80, 2, "");
    let reply = offered(&mut fork, &back, PEER, at(US), 3);
    match reply.response {
        Response::Reject(rejection) => assert_eq!(rejection.reason, RejectReason::KeyRepeated),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dialog_whose_key_a_fork_took_stays_without_a_sender_until_it_has_a_fresh_key() {
    let mut session = Session::new(&one_suite(), Signalling::Secure);
    session.offer_with(at(US), always(1)).unwrap();
    let of_fork = [line(1, SUITE, 101, "")];
    let _ = with_section("RTP/SAVP", &of_fork, |answer| {
        session.answered_by_fork(answer, None).unwrap()
    });
    for _ in 0..2 {
        let own = changes(answered(&mut session, &line(1, SUITE, 102, ""), PEER));
        assert!(matches!(own.sender, SenderChange::Missing));
    }
    let offer = session.offer_with(at(US), always(2)).unwrap();
    let offered: Vec<_> = offer
        .attributes()
        .map(|it| it.secret_line().to_string())
        .collect();
    assert_eq!(offered, [line(1, SUITE, 2, "")]);
    let own = changes(answered(&mut session, &line(1, SUITE, 102, ""), PEER));
    assert!(matches!(own.sender, SenderChange::Start(_)));
}

#[test]
fn changes_name_our_line_though_the_answer_has_a_tag_of_its_own() {
    let policy = one_suite().tags(TagMatch::Lenient);
    let mut session = Session::new(&policy, Signalling::Secure);
    session.offer_with(at(US), always(1)).unwrap();
    let change = changes(answered(&mut session, &line(7, SUITE, 101, ""), PEER));
    assert_eq!(change.tag, 1);
    let lines = [session.our_line(), session.their_line()];
    assert_eq!(lines.map(|line| line.unwrap().tag()), [1, 7]);
}

// ── Addresses ──

#[test]
fn an_address_in_the_clothes_of_ipv6_is_the_same_address_and_its_hold_a_hold() {
    for (us, peer) in [
        ("[::ffff:192.0.2.1]:4000", "[::ffff:192.0.2.2]:5000"),
        ("[::ffff:0.0.0.0]:4000", "[::ffff:0.0.0.0]:5000"),
        ("0.0.0.0:4000", "[::]:5000"),
        ("192.0.2.1:0", "192.0.2.2:0"),
    ] {
        let (mut session, _) = offerer(&one_suite());
        for (us, peer) in [(us, peer), (US, PEER)] {
            let reply = offered(&mut session, &line(1, SUITE, 101, ""), peer, at(us), 2);
            assert!(accepted(&reply).ends_with(&*key(SUITE, 1).secret_base64()));
            let kept = changes(session.commit().unwrap());
            assert!(matches!(kept.sender, SenderChange::Keep), "{us}");
        }
        let reply = offered(&mut session, &line(1, SUITE, 102, ""), PEER, at(US), 2);
        assert!(accepted(&reply).ends_with(&*key(SUITE, 1).secret_base64()));
        match changes(session.commit().unwrap()).receiver {
            ReceiverChange::Rekey(rekey) => {
                assert_eq!(rekey.roc(), RocAfterRekey::KeptOrZero, "{peer}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_port_alone_is_another_address() {
    let (mut session, _) = offerer(&one_suite());
    let (us, peer) = ("192.0.2.1:4002", "192.0.2.2:5002");
    let reply = offered(&mut session, &line(1, SUITE, 102, ""), peer, at(us), 2);
    assert!(accepted(&reply).ends_with(&*key(SUITE, 2).secret_base64()));
    let moved = changes(session.commit().unwrap());
    assert!(matches!(moved.sender, SenderChange::Start(_)));
    match moved.receiver {
        ReceiverChange::Rekey(rekey) => assert_eq!(rekey.roc(), RocAfterRekey::ZeroOrKept),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_that_is_rebuilt_knows_the_addresses_in_whatever_clothes_and_no_hold() {
    for (us, peer) in [
        (US, PEER),
        ("[::ffff:192.0.2.1]:4000", "[::ffff:192.0.2.2]:5000"),
        ("0.0.0.0:4000", "0.0.0.0:5000"),
    ] {
        let mut session = restored_at(us, peer);
        let reply = offered(&mut session, &line(1, SUITE, 102, ""), PEER, at(US), 2);
        assert!(accepted(&reply).ends_with(&*key(SUITE, 1).secret_base64()));
        let kept = changes(session.commit().unwrap());
        assert!(matches!(kept.sender, SenderChange::Keep), "{us}");
        match kept.receiver {
            ReceiverChange::Rekey(rekey) => {
                assert_eq!(rekey.roc(), RocAfterRekey::KeptOrZero, "{peer}");
            }
            other => panic!("{other:?}"),
        }
    }
    let mut session = restored_at(US, PEER);
    let (us, peer) = (at("192.0.2.7:4000"), "192.0.2.9:5000");
    let reply = offered(&mut session, &line(1, SUITE, 102, ""), peer, us, 2);
    assert!(accepted(&reply).ends_with(&*key(SUITE, 2).secret_base64()));
    match changes(session.commit().unwrap()).receiver {
        ReceiverChange::Rekey(rekey) => assert_eq!(rekey.roc(), RocAfterRekey::ZeroOrKept),
        other => panic!("{other:?}"),
    }
}

/// Our packets under rollover counter 3 so far. What a new endpoint of the peer's can read begins at 0.
fn rekeyed_sender_begins_at(sender: SenderChange, seed: u8) -> u32 {
    let mut own = Some(Sender::new(key(SUITE, 1)));
    own.as_mut().unwrap().set_roc(SSRC, 3).unwrap();
    sender.apply(&mut own).unwrap();
    let mut packet = rtp(SSRC, 40_000, b"media");
    own.unwrap().protect_rtp_vec(&mut packet).unwrap();
    for roc in [0, 3] {
        let mut rx = Receiver::builder(key(SUITE, seed))
            .initial_roc(roc)
            .build()
            .unwrap();
        if rx.unprotect_rtp_vec(&mut packet.clone()).is_ok() {
            return roc;
        }
    }
    panic!("neither");
}

#[test]
fn a_fresh_key_begins_at_rollover_counter_0_when_the_peers_media_moves_to_somebody_new() {
    for (from, roc) in [(PEER, 3), ("192.0.2.9:5000", 0)] {
        let (mut session, _) = offerer(&one_suite());
        let fresh = at(US).with_fresh_key();
        offered(&mut session, &line(1, SUITE, 102, ""), from, fresh, 2);
        let change = changes(session.commit().unwrap());
        assert_eq!(rekeyed_sender_begins_at(change.sender, 2), roc);

        let (mut session, _) = offerer(&one_suite());
        session.offer_with(fresh, always(2)).unwrap();
        let change = changes(answered(&mut session, &line(1, SUITE, 102, ""), from));
        assert_eq!(rekeyed_sender_begins_at(change.sender, 2), roc);
    }
}

// ── Sessions rebuilt ──

#[test]
fn a_session_goes_on_with_what_the_line_in_use_declares_whatever_the_policy_would_write() {
    let ours = [line(1, SUITE, 1, "|2^20|3:2 KDR=5 -x=1")];
    let theirs = [line(1, SUITE, 101, "")];
    let rate = KeyDerivationRate::from_exponent(9).unwrap();
    for policy in [one_suite(), one_suite().key_derivation_rate(rate)] {
        let ours = ("RTP/SAVP", &ours[..], Some(US));
        let theirs = ("RTP/SAVP", &theirs[..], Some(PEER));
        let mut session = restored(&policy, ours, theirs).unwrap();
        let again = offered(&mut session, &line(4, SUITE, 101, ""), PEER, at(US), 2);
        assert_eq!(accepted(&again), line(4, SUITE, 1, "|2^20|3:2 KDR=5 -x=1"));
        let kept = changes(session.commit().unwrap());
        assert!(matches!(kept.sender, SenderChange::Keep));
        assert_eq!((kept.tag, kept.profile), (4, Profile::Savp));
    }
}

#[test]
fn a_session_is_rebuilt_from_an_offer_of_either_side_and_its_answer() {
    let [one, other] = [line(1, Aes256CmHmacSha1_80, 1, ""), line(2, SUITE, 2, "")];
    let answer = [line(2, SUITE, 3, "")];
    let offer = [one, other.clone()];
    for answer_is_ours in [true, false] {
        let (offer, answer) = (
            ("RTP/AVP", &offer[..], None),
            ("RTP/SAVP", &answer[..], None),
        );
        let (ours, theirs) = if answer_is_ours {
            (answer, offer)
        } else {
            (offer, answer)
        };
        let session = restored(&one_suite(), ours, theirs).unwrap();
        assert_eq!(session.profile(), Some(Profile::Savp));
        let lines = [session.our_line(), session.their_line()];
        let lines = lines.map(|line| line.unwrap().secret_line().to_string());
        let expected = [answer.1[0].clone(), other.clone()];
        let [a, b] = expected;
        assert_eq!(lines, if answer_is_ours { [a, b] } else { [b, a] });
    }
}

#[test]
fn of_two_sections_with_one_line_each_the_secure_profile_is_the_agreed_one() {
    let (ours, theirs) = ([line(1, SUITE, 1, "")], [line(1, SUITE, 101, "")]);
    for (our, their, agreed) in [
        ("RTP/AVP", "RTP/SAVP", Profile::Savp),
        ("RTP/SAVPF", "RTP/AVP", Profile::Savpf),
        ("RTP/AVPF", "RTP/AVP", Profile::Avpf),
    ] {
        let (ours, theirs) = ((our, &ours[..], None), (their, &theirs[..], None));
        let session = restored(&one_suite(), ours, theirs).unwrap();
        assert_eq!(session.profile(), Some(agreed));
    }
}

#[test]
fn an_answer_with_a_tag_of_its_own_rebuilds_a_session_if_the_policy_is_lenient_and_it_is_clear() {
    let answer = [line(7, SUITE, 101, "")];
    let clear = [line(1, SUITE, 1, ""), line(2, Aes256CmHmacSha1_80, 2, "")];
    let unclear = [line(1, SUITE, 1, ""), line(2, SUITE, 2, "")];
    let lenient = one_suite().tags(TagMatch::Lenient);
    for (policy, offer, fits) in [
        (&one_suite(), &clear, false),
        (&lenient, &clear, true),
        (&lenient, &unclear, false),
    ] {
        let offer = ("RTP/SAVP", &offer[..], None);
        let answer = ("RTP/SAVP", &answer[..], None);
        for (ours, theirs) in [(offer, answer), (answer, offer)] {
            match restored(policy, ours, theirs) {
                Ok(session) => assert!(fits && session.leg().is_some()),
                Err(error) => assert!(!fits && error == RestoreError::NoCommonLine, "{error}"),
            }
        }
    }
}

#[test]
fn no_session_is_rebuilt_from_sections_that_no_session_comes_to() {
    use RestoreError as E;
    let one = |seed| vec![line(1, SUITE, seed, "")];
    let two = vec![line(1, SUITE, 1, ""), line(2, SUITE, 2, "")];
    let other = vec![line(2, Aes256CmHmacSha1_80, 3, "")];
    let other_suite = vec![line(1, Aes256CmHmacSha1_80, 3, "")];
    let unusable = vec!["a=crypto:1 NEW_SUITE inline:AAAA".to_owned()];
    let (savp, dtls) = ("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    for (ours, theirs, error) in [
        ((savp, &one(1)), (savp, &one(1)), E::KeyRepeated),
        ((savp, &two), (savp, &one(1)), E::KeyRepeated),
        ((savp, &one(1)), (savp, &other), E::NoCommonLine),
        ((savp, &one(1)), (savp, &other_suite), E::NoCommonLine),
        ((savp, &vec![]), (savp, &one(1)), E::NoCommonLine),
        ((savp, &one(1)), (savp, &unusable), E::NoCommonLine),
        ((savp, &two), (savp, &two), E::NoAnswer),
        ((savp, &vec![]), (savp, &vec![]), E::NoAnswer),
        ((savp, &unusable), (savp, &two), E::NoAnswer),
        ((dtls, &one(1)), (savp, &two), E::NotSdes),
        ((savp, &one(1)), (dtls, &one(2)), E::NotSdes),
        ((savp, &two), (dtls, &one(3)), E::NotSdes),
        (("-RTP/SAVP", &one(1)), (savp, &one(3)), E::PortZero),
        ((savp, &one(1)), ("-RTP/SAVP", &one(3)), E::PortZero),
    ] {
        let sides = ((ours.0, &ours.1[..], None), (theirs.0, &theirs.1[..], None));
        let restored = restored(&one_suite(), sides.0, sides.1);
        assert_eq!(restored.unwrap_err(), error);
    }
}

/// Under the keys of seeds 2 and 102, whatever there was.
fn are_of_the_new_keys(sender: Option<Sender>, receiver: Option<Receiver>) {
    let mut packet = rtp(SSRC, 1, b"from us");
    sender.unwrap().protect_rtp_vec(&mut packet).unwrap();
    let mut peer = Receiver::new(key(SUITE, 2));
    peer.unprotect_rtp_vec(&mut packet).unwrap();
    let mut packet = rtp(SSRC, 1, b"from the peer");
    let mut peer = Sender::new(key(SUITE, 102));
    peer.protect_rtp_vec(&mut packet).unwrap();
    receiver.unwrap().unprotect_rtp_vec(&mut packet).unwrap();
}

#[test]
fn a_re_key_makes_the_contexts_that_nobody_kept() {
    let mut session = restored_at(US, PEER);
    let fresh = at(US).with_fresh_key();
    offered(&mut session, &line(1, SUITE, 102, ""), PEER, fresh, 2);
    let change = changes(session.commit().unwrap());
    assert!(matches!(
        (&change.sender, &change.receiver),
        (SenderChange::Rekey(_), ReceiverChange::Rekey(_))
    ));
    let (mut sender, mut receiver) = (None, None);
    change.apply(&mut sender, &mut receiver).unwrap();
    are_of_the_new_keys(sender, receiver);
}

#[test]
fn what_begins_anew_takes_the_place_of_contexts_that_were_not_dropped() {
    let mut session = Session::new(&one_suite(), Signalling::Secure);
    offered(&mut session, &line(1, SUITE, 102, ""), PEER, at(US), 2);
    let mut sender = Some(Sender::new(key(SUITE, 1)));
    let mut receiver = Some(Receiver::new(key(SUITE, 101)));
    let change = changes(session.commit().unwrap());
    change.apply(&mut sender, &mut receiver).unwrap();
    are_of_the_new_keys(sender, receiver);
}

// ── Exchanges ──

#[test]
fn an_exchange_is_committed_once_and_a_closed_one_takes_no_answer() {
    let (mut session, _) = offerer(&one_suite());
    let before = format!("{session:?}");
    session.rollback();
    let answer = [line(1, SUITE, 101, "")];
    let refused = with_section("RTP/SAVP", &answer, |answer| {
        (
            session.answered(answer, None).is_err(),
            session.answered_by_fork(answer, None).is_err(),
        )
    });
    assert_eq!(refused, (true, true));
    offered(&mut session, &answer[0], PEER, at(US), 2);
    assert!(session.has_open_exchange());
    let unanswerable = with_section("RTP/SAVP", &answer, |it| {
        session.answered(it, None).is_err()
    });
    assert!(unanswerable && session.has_open_exchange());
    let _ = session.commit().unwrap();
    assert!(session.commit().is_err() && !session.has_open_exchange());
    assert_eq!(format!("{session:?}"), before);
}

#[test]
fn one_exchange_at_a_time_and_what_is_refused_for_it_changes_nothing() {
    let (mut session, _) = offerer(&one_suite());
    let fresh = at(US).with_fresh_key();
    let busy = SessionError::ExchangeOpen;
    session.offer_with(fresh, always(2)).unwrap();
    assert_eq!(session.offer_with(fresh, always(3)).unwrap_err(), busy);
    // It is the first of the two that is answered.
    let change = changes(answered(&mut session, &line(1, SUITE, 101, ""), PEER));
    assert!(matches!(change.sender, SenderChange::Rekey(_)));
    let ours = session.our_line().unwrap().secret_line();
    assert_eq!(*ours, line(1, SUITE, 2, ""));
    offered(&mut session, &line(1, SUITE, 101, ""), PEER, at(US), 3);
    assert_eq!(session.offer_with(fresh, always(3)).unwrap_err(), busy);
    assert!(matches!(
        changes(session.commit().unwrap()).sender,
        SenderChange::Keep
    ));
}

#[test]
fn an_offer_of_the_peers_closes_one_of_ours_that_was_answered() {
    let (mut session, _) = offerer(&one_suite());
    assert!(!session.has_open_exchange());
    offered(&mut session, &line(1, SUITE, 101, ""), PEER, at(US), 2);
    session.rollback();
    let late = [line(1, SUITE, 102, "")];
    let late = with_section("RTP/SAVP", &late, |late| {
        session.answered(late, None).is_err()
    });
    assert!(late);
}

#[test]
fn only_the_lifetime_or_the_window_hint_changes_and_the_contexts_go_on() {
    let (mut session, _) = offerer(&one_suite());
    for rest in ["|2^20", " WSH=128", "|2^21 WSH=64 -x=y", ""] {
        offered(&mut session, &line(1, SUITE, 101, rest), PEER, at(US), 2);
        let kept = changes(session.commit().unwrap());
        assert!(matches!(kept.receiver, ReceiverChange::Keep), "{rest}");
        assert!(matches!(kept.sender, SenderChange::Keep), "{rest}");
        let their = session.their_line().unwrap().secret_line();
        assert_eq!(*their, line(1, SUITE, 101, rest));
    }
}

/// No receiver could tell which packets are under which (RFC 3711 §9.2); the line before stays.
#[test]
fn the_peers_key_with_another_mki_or_key_derivation_rate_is_refused() {
    for rest in ["|1:1", " KDR=3"] {
        let (mut session, _) = offerer(&one_suite());
        let outcome = answered(&mut session, &line(1, SUITE, 101, rest), PEER);
        assert_eq!(reason(&outcome), RejectReason::KeyReused, "{rest}");
        let their = session.their_line().unwrap().secret_line();
        assert_eq!(*their, line(1, SUITE, 101, ""));
    }
}

#[test]
fn a_refused_answer_leaves_addresses_keys_and_lines_as_they_were() {
    let (mut session, _) = offerer(&one_suite());
    let before = format!("{session:?}");
    session.offer_with(at("192.0.2.7:4000"), always(2)).unwrap();
    for bad in [line(9, SUITE, 102, ""), line(1, SUITE, 2, "")] {
        let outcome = answered(&mut session, &bad, "192.0.2.9:5000");
        assert!(matches!(outcome, Outcome::Reject(_)));
    }
    assert!(session.has_open_exchange());
    session.rollback();
    assert_eq!(format!("{session:?}"), before);
    // The peer's key of the refused answers was not agreed: it may come yet.
    offered(&mut session, &line(1, SUITE, 102, ""), PEER, at(US), 3);
    assert!(matches!(
        changes(session.commit().unwrap()).sender,
        SenderChange::Keep
    ));
}

#[test]
fn over_signalling_in_the_clear_a_session_offers_no_keys_and_an_encrypted_stream_stays_so() {
    let (ours, theirs) = ([line(1, SUITE, 1, "")], [line(1, SUITE, 101, "")]);
    with_section("RTP/AVP", &ours, |our| {
        with_section("RTP/AVP", &theirs, |their| {
            let (policy, clear) = (one_suite(), Signalling::Clear);
            let sides = ((our, None), (their, None));
            let mut session = Session::restore_secret(&policy, clear, sides.0, sides.1).unwrap();
            let offer = session.offer_with(at(US), always(2)).unwrap();
            assert!(!offer.has_keys());
            let plain = with_section("RTP/AVP", &[], |it| session.answered(it, None).unwrap());
            assert_eq!(reason(&plain), RejectReason::Downgrade);
            assert!(session.our_line().is_some());
        });
    });
}

#[test]
fn under_bypass_an_exchange_changes_nothing() {
    let mut session = Session::new(&Policy::bypass(), Signalling::Secure);
    let offer = session.offer_with(at(US), always(1)).unwrap();
    assert!(!offer.has_keys());
    let passed = answered(&mut session, &line(1, SUITE, 101, ""), PEER);
    assert!(matches!(passed, Outcome::PassOn));
    let reply = offered(&mut session, &line(1, SUITE, 101, ""), PEER, at(US), 2);
    assert!(matches!(reply.response, Response::PassOn));
    assert!(session.commit().is_err() && session.leg().is_none());
}

#[test]
fn the_suite_in_use_is_kept_against_our_own_order_of_suites_too() {
    use srtp_sdes::sdes::SuiteOrder;
    let offer = [
        line(1, Aes256CmHmacSha1_80, 102, ""),
        line(2, SUITE, 101, ""),
    ];
    for (policy, suite) in [
        (two_suites().keep_current_suite(), SUITE),
        (two_suites(), Aes256CmHmacSha1_80),
    ] {
        let own_first = policy
            .suites(&[Aes256CmHmacSha1_80, SUITE])
            .order(SuiteOrder::Own);
        let (ours, theirs) = ([line(1, SUITE, 1, "")], [line(1, SUITE, 101, "")]);
        let (ours, theirs) = (
            ("RTP/SAVP", &ours[..], None),
            ("RTP/SAVP", &theirs[..], None),
        );
        let mut session = restored(&own_first, ours, theirs).unwrap();
        with_section("RTP/SAVP", &offer, |offer| {
            session
                .offered_with(offer, None, at(US), always(2))
                .unwrap()
        });
        let _ = session.commit().unwrap();
        assert_eq!(session.our_line().unwrap().suite(), Some(suite));
    }
}

#[test]
fn a_later_offer_without_the_suite_in_use_is_answered_with_another_and_says_which_line_was_taken() {
    let policy = two_suites().keep_current_suite();
    let (ours, theirs) = ([line(1, SUITE, 1, "")], [line(1, SUITE, 101, "")]);
    let (ours, theirs) = (
        ("RTP/SAVP", &ours[..], Some(US)),
        ("RTP/SAVP", &theirs[..], Some(PEER)),
    );
    let mut session = restored(&policy, ours, theirs).unwrap();
    let lines = [
        line(1, CryptoSuite::AeadAes128Gcm, 101, ""),
        line(2, Aes256CmHmacSha1_80, 102, ""),
    ];
    let reply = with_section("RTP/SAVP", &lines, |offer| {
        let reply = session.offered_with(offer, None, at(US), always(2));
        reply.unwrap()
    });
    assert_eq!(accepted(&reply), line(2, Aes256CmHmacSha1_80, 2, ""));
    let verdicts: Vec<_> = reply.diagnoses.iter().map(|it| it.verdict).collect();
    let suite = Verdict::Unacceptable(Unacceptable::Suite);
    assert_eq!(verdicts, [suite, Verdict::Chosen]);
}

#[test]
fn a_key_that_the_peer_gave_up_is_refused_or_begins_a_new_receiver_as_the_policy_says() {
    let offers = [101, 102, 101].map(|seed| line(1, SUITE, seed, ""));
    for (policy, accepts) in [
        (one_suite(), false),
        (one_suite().accept_reused_keys(), true),
    ] {
        let (mut session, first) = offerer(&policy);
        let (mut sender, mut receiver) = (None, None);
        first.apply(&mut sender, &mut receiver).unwrap();
        let again = offered(&mut session, &offers[1], PEER, at(US), 2);
        assert!(accepted(&again).contains("a=crypto:1"));
        let change = changes(session.commit().unwrap());
        change.apply(&mut sender, &mut receiver).unwrap();

        let back = offered(&mut session, &offers[2], PEER, at(US), 3);
        assert_eq!(matches!(back.response, Response::Srtp { .. }), accepts);
        if accepts {
            let change = changes(session.commit().unwrap());
            assert!(matches!(change.receiver, ReceiverChange::Start(_)));
            assert!(matches!(change.sender, SenderChange::Keep));
            change.apply(&mut sender, &mut receiver).unwrap();
            let mut packet = rtp(SSRC, 1, b"again");
            let mut peer = Sender::new(key(SUITE, 101));
            peer.protect_rtp_vec(&mut packet).unwrap();
            assert!(receiver.unwrap().unprotect_rtp(&mut packet).is_ok());
        }
    }
}
