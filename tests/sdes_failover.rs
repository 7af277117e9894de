//! A session's state in another process: what it refuses, what it shows, and what goes on. That everything goes on the same is in
//! `tests/sdes_session_properties.rs`.

mod common;

use std::net::SocketAddr;

use common::{key, rtp};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha1::Sha1;
use srtp_sdes::sdes::{
    MediaSection, Offer, OurSide, Outcome, PlainRtp, Policy, Profile, ReceiverChange, RejectReason,
    Reply, Response, SenderChange, Session, Signalling,
};
use srtp_sdes::{Cryptex, CryptoSuite, Margin, MasterKey, Overlap, Receiver, Sender, StateError};

const SUITES: [CryptoSuite; 2] = [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes256Gcm];

fn policy() -> Policy {
    Policy::compatible().suites(&SUITES)
}

/// Keys of one side, all different.
fn keys(mut seed: u8) -> impl FnMut(CryptoSuite) -> Result<MasterKey, ()> {
    move |suite| {
        seed += 1;
        Ok(key(suite, seed))
    }
}

fn lines_of(offer: &Offer) -> Vec<String> {
    let lines = offer.attributes();
    lines.map(|it| it.secret_line().to_string()).collect()
}

fn section<T>(lines: &[String], take: impl FnOnce(&MediaSection<'_>) -> T) -> T {
    let attributes: Vec<&str> = lines.iter().map(String::as_str).collect();
    take(&MediaSection {
        transport: "RTP/AVP",
        port: 4000,
        attributes: &attributes,
    })
}

fn at(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// A session and the lines that it has seen.
struct Known {
    name: &'static str,
    session: Session,
    lines: Vec<String>,
}

fn offered_session(seed: u8) -> (Session, Vec<String>) {
    let mut session = Session::new(&policy(), Signalling::Secure);
    let side = OurSide::at(at("192.0.2.1:4000").unwrap());
    let lines = lines_of(session.offer_with(side, keys(seed)).unwrap());
    (session, lines)
}

/// The answer of a session of the peer's, whose keys begin with this seed.
fn answer(offer: &[String], seed: u8) -> (Session, Vec<String>) {
    let mut peer = Session::new(&policy(), Signalling::Secure);
    let side = OurSide::default();
    let reply = section(offer, |it| peer.offered_with(it, None, side, keys(seed)));
    let Response::Srtp { attribute, .. } = reply.unwrap().response else {
        panic!("no SRTP");
    };
    (peer, vec![attribute.secret_line().to_string()])
}

/// What comes of an offer of the peer's.
fn prepare(
    session: &mut Session,
    lines: &[String],
    from: Option<SocketAddr>,
    ours: OurSide,
) -> Reply {
    let reply = section(lines, |it| session.offered_with(it, from, ours, keys(9)));
    reply.unwrap()
}

/// Sessions in every state that there is.
fn sessions() -> Vec<Known> {
    let of = |name, session, lines: &[&[String]]| Known {
        name,
        session,
        lines: lines.concat(),
    };
    let fresh = Session::new(&policy(), Signalling::Clear);
    let (offered, offer) = offered_session(0);
    let (prepared, answered) = answer(&offer, 50);
    let (mut agreed, first) = offered_session(0);
    let from = at("[2001:db8::2]:5000");
    let _ = section(&answered, |it| agreed.answered(it, from)).unwrap();
    let (mut busy, _) = offered_session(0);
    let _ = section(&answered, |it| busy.answered(it, None)).unwrap();
    let side = OurSide::default().with_fresh_key().with_all_suites();
    let again = lines_of(busy.offer_with(side, keys(20)).unwrap());
    let (mut plain, _) = offered_session(0);
    let none: &[String] = &[];
    let _ = section(none, |it| plain.answered(it, None)).unwrap();
    let mut declining = Session::new(&policy().suites(&[]), Signalling::Secure);
    let reply = prepare(&mut declining, &offer, None, OurSide::default());
    assert!(matches!(reply.response, Response::PlainRtp(_)));
    // Ours was declined, and so is the peer's.
    let (mut declined, _) = offered_session(0);
    let _ = section(none, |it| declined.answered(it, None)).unwrap();
    let reply = prepare(&mut declined, none, None, OurSide::default());
    assert!(matches!(reply.response, Response::PlainRtp(_)));
    vec![
        of("nothing yet", fresh, &[]),
        of("an offer", offered, &[&offer]),
        of("an answer that waits", prepared, &[&offer, &answered]),
        of("agreed", agreed, &[&first, &answered]),
        of("a re-offer, and forks", busy, &[&first, &answered, &again]),
        of("plain RTP", plain, &[&first]),
        of("plain RTP that waits", declining, &[]),
        of("plain RTP that waits, and forks", declined, &[&first]),
    ]
}

fn resume(state: &[u8], lines: &[String]) -> Result<Session, StateError> {
    Session::resume(state, &policy(), lines.iter().map(String::as_str))
}

fn resume_secret(state: &[u8]) -> Result<Session, StateError> {
    Session::resume_secret(state, &policy())
}

#[test]
fn a_session_in_any_state_goes_on_where_it_was() {
    for Known {
        name,
        session,
        lines,
    } in sessions()
    {
        let before = format!("{session:?}");
        let state = session.export_state();
        let secret = session.export_secret_state();
        for resumed in [resume(&state, &lines), resume_secret(&secret)] {
            let resumed = resumed.unwrap();
            assert_eq!(format!("{resumed:?}"), before, "{name}");
            assert_eq!(resumed.export_state(), state, "{name}");
            assert_eq!(*resumed.export_secret_state(), *secret, "{name}");
            let text = |session: &Session| {
                let lines = [session.our_line(), session.their_line()];
                lines.map(|it| it.map(|it| it.secret_value().to_owned()))
            };
            assert_eq!(text(&resumed), text(&session));
        }
    }
}

#[test]
fn every_cut_every_byte_more_and_every_bit_is_refused() {
    for Known {
        name,
        session,
        lines,
    } in sessions()
    {
        let states = [
            (session.export_state(), false),
            (session.export_secret_state().to_vec(), true),
        ];
        for (state, secret) in states {
            let taken = |state: &[u8]| match secret {
                true => resume_secret(state).is_ok(),
                false => resume(state, &lines).is_ok(),
            };
            assert!(taken(&state));
            for len in 0..state.len() {
                assert!(!taken(&state[..len]), "{name}: {len} bytes");
            }
            assert!(!taken(&[&state[..], &[0]].concat()), "{name}");
            for bit in 0..state.len() * 8 {
                let mut flipped = state.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!taken(&flipped), "{name}: bit {bit}");
            }
        }
    }
}

/// The state with one byte changed, as somebody seals it who has no key.
fn altered_by_anybody(state: &[u8]) -> Vec<u8> {
    let (covered, _) = state.split_at(state.len() - 20);
    let mut altered = covered.to_vec();
    // Whether the signalling is secure.
    altered[19] ^= 1;
    let mut code = Hmac::<Sha1>::new_from_slice(&[]).unwrap();
    code.update(&altered);
    altered.extend(code.finalize().into_bytes());
    altered
}

#[test]
fn a_session_that_has_lines_is_vouched_for_by_their_keys_whatever_is_going_on() {
    for Known {
        name,
        session,
        lines,
    } in sessions()
    {
        let state = altered_by_anybody(&session.export_state());
        let secret = altered_by_anybody(&session.export_secret_state());
        let refused = match name {
            "nothing yet" | "plain RTP that waits" => None,
            _ => Some(StateError::NotAuthentic),
        };
        assert_eq!(resume(&state, &lines).err(), refused, "{name}");
        assert_eq!(resume_secret(&secret).err(), refused, "{name}");
    }
}

#[test]
fn a_state_without_keys_shows_no_byte_of_one_and_one_with_them_is_not_taken_for_it() {
    for Known {
        name,
        session,
        lines,
    } in sessions()
    {
        let state = session.export_state();
        let secret = session.export_secret_state();
        let held = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|it| it == part);
        for line in &lines {
            let text = line.split("inline:").nth(1).unwrap();
            let suite: CryptoSuite = line.split(' ').nth(1).unwrap().parse().unwrap();
            let key = MasterKey::from_base64(suite, text.split('|').next().unwrap()).unwrap();
            for part in key.secret_key_and_salt().windows(4) {
                assert!(!held(&state, part), "{name}");
            }
            for part in text.as_bytes().windows(4) {
                assert!(!held(&state, part), "{name}");
            }
        }
        if let Some(line) = session.our_line() {
            assert!(held(&secret, line.secret_value().as_bytes()), "{name}");
        }
        assert_eq!(resume(&secret, &lines).err(), Some(StateError::Kind));
        assert_eq!(resume_secret(&state).err(), Some(StateError::Kind));
        let sender = Sender::new(key(SUITES[0], 1)).export_state();
        assert_eq!(resume(&sender, &lines).err(), Some(StateError::Kind));
    }
}

#[test]
fn a_session_is_not_resumed_without_each_of_its_lines() {
    for Known {
        name,
        session,
        lines,
    } in sessions()
    {
        let state = session.export_state();
        let mut needed = 0;
        for at in 0..lines.len() {
            let mut others = lines.clone();
            others.remove(at);
            let without = resume(&state, &others).err();
            if let Some(error) = without {
                assert_eq!(error, StateError::OtherLines, "{name}");
                needed += 1;
            }
            // Another key in a line of the same looks is no help.
            let suite = SUITES[usize::from(lines[at].contains("GCM"))];
            let (head, _) = lines[at].split_once("inline:").unwrap();
            others.push(format!("{head}inline:{}", *key(suite, 99).secret_base64()));
            assert_eq!(resume(&state, &others).err(), without, "{name}");
        }
        let expected = match name {
            "nothing yet" | "plain RTP that waits" => 0,
            // The offer stays open for forks and later answers.
            "an offer" | "plain RTP" | "plain RTP that waits, and forks" => 2,
            "an answer that waits" => 2,
            "agreed" => 3,
            "a re-offer, and forks" => 5,
            name => panic!("{name}"),
        };
        assert_eq!(needed, expected, "{name}");
        // In any order, with others and with line ends.
        let more = lines.iter().rev().map(|it| format!("{it}\r\n"));
        let more: Vec<_> = more
            .chain(["a=ptime:20".into(), "a=crypto:1 x".into()])
            .collect();
        assert!(resume(&state, &more).is_ok(), "{name}");
    }
}

/// A key that the peer gave up before the failover is still known after it (RFC 3711 §9.2).
#[test]
fn a_key_that_was_given_up_before_is_refused_after() {
    let (mut session, offer) = offered_session(0);
    let (_, first) = answer(&offer, 50);
    let (_, second) = answer(&offer, 60);
    for lines in [&first, &second] {
        let outcome = section(lines, |it| session.answered(it, None)).unwrap();
        assert!(matches!(outcome, Outcome::Srtp(_)));
    }
    let lines = [offer, first.clone(), second].concat();
    let both = [
        resume(&session.export_state(), &lines),
        resume_secret(&session.export_secret_state()),
    ];
    for session in both {
        let side = OurSide::default();
        let reply = section(&first, |it| {
            session.unwrap().offered_with(it, None, side, keys(80))
        });
        let Response::Reject(rejection) = reply.unwrap().response else {
            panic!("accepted");
        };
        assert_eq!(rejection.reason, RejectReason::KeyReused);
    }
}

#[test]
fn an_answer_that_waits_is_committed_in_another_process_and_media_flows() {
    for secret in [true, false] {
        let (mut caller, offer) = offered_session(0);
        let (waiting, answered) = answer(&offer, 50);
        let lines = [offer, answered.clone()].concat();
        let mut callee = match secret {
            true => resume_secret(&waiting.export_secret_state()),
            false => resume(&waiting.export_state(), &lines),
        }
        .unwrap();
        drop(waiting);
        let (mut tx, mut rx) = (None, None);
        let (mut their_tx, mut their_rx) = (None, None);
        let Ok(Outcome::Srtp(changes)) = callee.commit() else {
            panic!("nothing to commit");
        };
        changes.apply(&mut tx, &mut rx).unwrap();
        let Ok(Outcome::Srtp(changes)) = section(&answered, |it| caller.answered(it, None)) else {
            panic!("no SRTP");
        };
        changes.apply(&mut their_tx, &mut their_rx).unwrap();
        flows(&mut tx, &mut their_rx, 1);
        flows(&mut their_tx, &mut rx, 1);
    }
}

/// What an exchange came to, as far as it can be seen.
fn told(outcome: &Outcome) -> String {
    let Outcome::Srtp(changes) = outcome else {
        return format!("{outcome:?}");
    };
    let sender = match &changes.sender {
        SenderChange::Keep => "keep".to_owned(),
        SenderChange::Cryptex(cryptex) => format!("cryptex {cryptex:?}"),
        SenderChange::Rekey(_) => "re-key".to_owned(),
        SenderChange::Start(_) => "start".to_owned(),
        other => format!("{other:?}"),
    };
    let receiver = match &changes.receiver {
        ReceiverChange::Keep => "keep".to_owned(),
        ReceiverChange::Start(_) => "start".to_owned(),
        ReceiverChange::Rekey(it) => format!("re-key {:?} {:?}", it.roc(), it.overlap()),
        other => format!("{other:?}"),
    };
    format!("{} {}: {sender}, {receiver}", changes.profile, changes.tag)
}

#[test]
fn whatever_was_prepared_is_committed_in_another_process_as_in_this_one() {
    let (offer, none): (_, &[String]) = (offered_session(0).1, &[]);
    let [first, second] = [50, 60].map(|seed| answer(&offer, seed).1);
    let [here, there] = ["[2001:db8::2]:5000", "[2001:db8::3]:5000"].map(at);
    let side = OurSide::default();
    let fresh = || Session::new(&policy(), Signalling::Secure);
    let agreed = || {
        let (mut session, _) = offered_session(0);
        let outcome = section(&first, |it| session.answered(it, here));
        assert!(matches!(outcome, Ok(Outcome::Srtp(_))));
        session
    };
    let declining = || Session::new(&policy().suites(&[]), Signalling::Secure);
    let announcing = || Session::new(&policy().cryptex(Cryptex::On), Signalling::Secure);
    let with_cryptex = [&first[..], &["a=cryptex".to_owned()]].concat();
    let on = || {
        let mut session = announcing();
        prepare(&mut session, &first, here, side);
        let _ = session.commit().unwrap();
        session
    };
    let kept = format!("re-key KeptOrZero {:?}", Overlap::default());
    let anew = format!("re-key ZeroOrKept {:?}", Overlap::default());
    let declined = |reason| {
        let (profile, declined) = (Profile::Avp, reason);
        format!("{:?}", Outcome::PlainRtp(PlainRtp { profile, declined }))
    };
    for (mut session, lines, from, ours, expected) in [
        (fresh(), &first[..], here, side, "start, start".to_owned()),
        (agreed(), &first, here, side, "keep, keep".to_owned()),
        (agreed(), &second, here, side, format!("keep, {kept}")),
        (agreed(), &second, there, side, format!("keep, {anew}")),
        (
            agreed(),
            &first,
            here,
            side.with_fresh_key(),
            "re-key, keep".to_owned(),
        ),
        (
            agreed(),
            &second,
            there,
            side.with_fresh_key(),
            format!("start, {anew}"),
        ),
        (
            on(),
            &with_cryptex,
            here,
            side,
            "cryptex On, keep".to_owned(),
        ),
        (fresh(), none, here, side, declined(None)),
        (
            declining(),
            &first,
            here,
            side,
            declined(Some(RejectReason::NoCommonSuite)),
        ),
    ] {
        let reply = prepare(&mut session, lines, from, ours);
        let answered = match reply.response {
            Response::Srtp { attribute, .. } => vec![attribute.secret_line().to_string()],
            _ => Vec::new(),
        };
        let lines = [&offer[..], &first, lines, &answered].concat();
        let (state, secret) = (session.export_state(), session.export_secret_state());
        let here = told(&session.commit().unwrap());
        assert!(here.ends_with(&expected), "{here}, and not {expected}");
        for resumed in [resume(&state, &lines), resume_secret(&secret)] {
            let there = resumed.unwrap().commit().unwrap();
            assert_eq!(told(&there), here);
        }
    }
}

#[test]
fn a_stream_that_goes_out_of_use_is_out_of_use_in_another_process() {
    let mut session = Session::new(&policy(), Signalling::Secure);
    let unused = MediaSection {
        transport: "RTP/SAVP",
        port: 0,
        attributes: &[],
    };
    let side = OurSide::default();
    let reply = session.offered_with(&unused, None, side, keys(0)).unwrap();
    assert!(matches!(reply.response, Response::PortZero));
    for resumed in [
        resume(&session.export_state(), &[]),
        resume_secret(&session.export_secret_state()),
    ] {
        let outcome = resumed.unwrap().commit();
        assert!(matches!(outcome, Ok(Outcome::PortZero)));
    }
}

/// Nothing vouches for the number of lines before they are read.
#[test]
fn an_offer_of_256_lines_goes_on_in_another_process_and_one_of_more_does_not() {
    for (lines, refused) in [(256, None), (257, Some(StateError::NotAuthentic))] {
        let policy = policy().suites(&vec![SUITES[0]; lines]);
        let mut session = Session::new(&policy, Signalling::Secure);
        let mut number = 0_u32;
        let numbered = |suite| {
            number += 1;
            MasterKey::generate_with(suite, |bytes| {
                bytes.fill(7);
                bytes[..4].copy_from_slice(&number.to_be_bytes());
                Ok::<_, ()>(())
            })
        };
        let offer = session.offer_with(OurSide::default(), numbered).unwrap();
        let sent = lines_of(offer);
        assert_eq!(sent.len(), lines);
        let state = session.export_state();
        assert_eq!(resume(&state, &sent).err(), refused, "{lines}");
        let state = session.export_secret_state();
        assert_eq!(resume_secret(&state).err(), refused, "{lines}");
    }
}

fn flows(tx: &mut Option<Sender>, rx: &mut Option<Receiver>, seq: u16) {
    let plain = rtp(7, seq, b"media");
    let mut packet = plain.clone();
    tx.as_mut().unwrap().protect_rtp_vec(&mut packet).unwrap();
    rx.as_mut().unwrap().unprotect_rtp_vec(&mut packet).unwrap();
    assert_eq!(packet, plain);
}

#[test]
fn contexts_are_resumed_by_the_session_where_there_are_any() {
    for Known {
        session,
        lines,
        name,
    } in sessions()
    {
        let resumed = resume(&session.export_state(), &lines).unwrap();
        let (ours, theirs) = (session.our_line(), session.their_line());
        let sender = match ours.map(|it| it.secret_sender().unwrap().unwrap()) {
            Some(sender) => sender.export_state(),
            None => Sender::new(key(SUITES[0], 1)).export_state(),
        };
        let receiver = match theirs.map(|it| it.secret_receiver().unwrap().unwrap()) {
            Some(receiver) => receiver.export_state(),
            None => Receiver::new(key(SUITES[0], 1)).export_state(),
        };
        let sender = resumed.secret_sender_resumed(&sender, Margin::NONE);
        let receiver = resumed.secret_receiver_resumed(&receiver);
        let refused = session.leg().is_none().then_some(StateError::OtherKeys);
        assert_eq!(sender.err(), refused, "{name}");
        assert_eq!(receiver.err(), refused, "{name}");
        // The state of another context is refused.
        let other = Receiver::new(key(SUITES[0], 77)).export_state();
        assert!(resumed.secret_receiver_resumed(&other).is_err());
    }
}

/// Another dialog has the sender: a second one would repeat its keystream.
#[test]
fn a_fork_without_a_sender_resumes_none() {
    let (mut session, offer) = offered_session(0);
    let (_, first) = answer(&offer, 50);
    let (_, second) = answer(&offer, 60);
    let Ok(Outcome::Srtp(changes)) = section(&first, |it| session.answered(it, None)) else {
        panic!("no SRTP");
    };
    let (mut sender, mut receiver) = (None, None);
    changes.apply(&mut sender, &mut receiver).unwrap();
    let state = sender.unwrap().export_state();
    let (fork, outcome) = section(&second, |it| session.answered_by_fork(it, None)).unwrap();
    assert!(matches!(outcome, Outcome::Srtp(_)));
    let resumed = |session: &Session| {
        let session = resume_secret(&session.export_secret_state()).unwrap();
        session.secret_sender_resumed(&state, Margin::NONE).err()
    };
    assert_eq!(resumed(&fork), Some(StateError::OtherKeys));
    assert_eq!(resumed(&session), None);
}

#[test]
fn a_receiver_goes_on_whatever_the_peer_has_come_to_say_of_the_lifetime_of_its_key() {
    let line = |tag: u8, lifetime: &str, mki: &str, seed: u8| {
        let key = key(SUITES[0], seed);
        let (name, key) = (SUITES[0].name(), key.secret_base64());
        format!("a=crypto:{tag} {name} inline:{}{lifetime}{mki}", *key)
    };
    let two = |lifetime| {
        format!("{};{}", line(1, lifetime, "|1:1", 40), {
            let second = key(SUITES[0], 41);
            format!("inline:{}|2:1", *second.secret_base64())
        })
    };
    for (first, second) in [
        (line(1, "|2^20", "", 40), line(1, "", "", 40)),
        (line(1, "", "", 40), line(2, "|1000", "", 40)),
        (line(1, "|2^20", "|1:1", 40), two("|2^10")),
    ] {
        let mut session = Session::new(&policy(), Signalling::Secure);
        let (mut sender, mut receiver) = (None, None);
        for line in [&first, &second] {
            let (offer, side) = ([line.clone()], OurSide::default());
            section(&offer, |it| session.offered_with(it, None, side, keys(0))).unwrap();
            let Outcome::Srtp(changes) = session.commit().unwrap() else {
                panic!("no SRTP");
            };
            changes.apply(&mut sender, &mut receiver).unwrap();
        }
        let receiver = receiver.unwrap();
        let resumed = session.secret_receiver_resumed(&receiver.export_state());
        let resumed = resumed.unwrap();
        assert!(resumed.keys().eq(receiver.keys()), "{second:?}");
        let sender = sender.unwrap().export_state();
        assert!(session.secret_sender_resumed(&sender, Margin::NONE).is_ok());
    }
}

#[test]
fn cryptex_stays_as_it_was_whatever_the_policy_has_come_to_say() {
    let policy = policy().cryptex(Cryptex::On);
    let mut session = Session::new(&policy, Signalling::Secure);
    let line = format!(
        "a=crypto:1 {} inline:{}",
        SUITES[0].name(),
        *key(SUITES[0], 40).secret_base64()
    );
    let offer = [line, "a=cryptex".to_owned()];
    let side = OurSide::default();
    section(&offer, |it| session.offered_with(it, None, side, keys(0))).unwrap();
    let _ = session.commit().unwrap();
    let state = session.export_secret_state();
    for cryptex in [Cryptex::Off, Cryptex::Required] {
        let policy = policy.clone().cryptex(cryptex);
        let mut resumed = Session::resume_secret(&state, &policy).unwrap();
        assert_eq!(resumed.cryptex(), Cryptex::On);
        let offer = resumed.offer_with(side, keys(90)).unwrap();
        assert!(offer.announces_cryptex());
    }
}

#[test]
fn a_session_that_nobody_vouches_for_does_not_take_cryptex_from_the_policy() {
    let anybodys = Session::new(&policy(), Signalling::Secure);
    let demanding = policy().cryptex(Cryptex::Required);
    for mut resumed in [
        Session::resume(&anybodys.export_state(), &demanding, []).unwrap(),
        Session::resume_secret(&anybodys.export_secret_state(), &demanding).unwrap(),
    ] {
        let offer = resumed.offer_with(OurSide::default(), keys(0)).unwrap();
        assert!(offer.announces_cryptex());
    }
}

#[test]
fn the_line_of_a_potential_configuration_is_found_where_it_stands() {
    let policy = policy().answer_capabilities(&[]);
    let mut session = Session::new(&policy, Signalling::Secure);
    let line = format!(
        "crypto:1 {} inline:{}",
        SUITES[0].name(),
        *key(SUITES[0], 40).secret_base64()
    );
    let offer = [format!("a=acap:7 {line}"), "a=pcfg:1 a=7".to_owned()];
    let side = OurSide::default();
    let reply = section(&offer, |it| session.offered_with(it, None, side, keys(0))).unwrap();
    let Response::Srtp { attribute, .. } = reply.response else {
        panic!("no SRTP");
    };
    let ours = attribute.secret_line().to_string();
    let lines = [offer[0].clone(), ours];
    assert!(resume(&session.export_state(), &lines).is_ok());
    assert!(resume(&session.export_state(), &lines[1..]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_session(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        begins in any::<bool>(),
        kind in 5..=6u8,
        place in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut text = bytes.clone();
        if begins {
            // A header that is right, and a length.
            let len = (8 + 2 + 1 + 8 + bytes.len()) as u64;
            let header = [&b"SRTPstat"[..], &[0, 1, kind], &len.to_be_bytes()].concat();
            text = [&header[..], &bytes].concat();
        }
        prop_assert!(resume_secret(&text).is_err());
        prop_assert!(resume(&text, &[]).is_err());
        // Bytes in the middle of a state that is one.
        let all = sessions();
        let known = which.get(&all);
        let state = known.session.export_secret_state();
        let mut other = state.to_vec();
        let at = place.index(other.len());
        for (byte, new) in other[at..].iter_mut().zip(&bytes) {
            *byte = *new;
        }
        prop_assert!(other == *state || resume_secret(&other).is_err());
    }
}
