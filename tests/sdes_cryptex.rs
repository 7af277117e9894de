//! `a=cryptex` (RFC 9335 §4) where it stands: at the session level, in whole texts, in potential configurations, in one exchange and in sessions that are
//! rebuilt. Dialogs are in `vectors/sdes/sessions.json`.

mod common;

use common::{key, rtp_with};
use srtp_sdes::sdes::{
    Accepted, Answer, ConfigurationVerdict, Decision, MediaSection, Offer, OurSide, Outcome,
    Passage, Policy, RejectReason, Response, SenderChange, Session, Signalling, SrtpAnswer,
    Unacceptable, Unusable, Verdict, sections, session_attributes, with_secret_lines,
};
use srtp_sdes::{Cryptex, CryptoSuite, MasterKey, Receiver, Sender};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

fn keys() -> impl FnMut(CryptoSuite) -> Result<MasterKey, ()> {
    let mut seed = 0;
    move |suite| {
        seed += 1;
        Ok(key(suite, seed))
    }
}

fn line_of(suite: CryptoSuite, parameters: &str) -> String {
    let key = key(suite, 100).secret_base64();
    format!("a=crypto:1 {} inline:{}{parameters}", suite.name(), *key)
}

fn line() -> String {
    line_of(SUITE, "")
}

fn section<'a>(attributes: &'a [&'a str]) -> MediaSection<'a> {
    MediaSection {
        transport: "RTP/SAVP",
        port: 5000,
        attributes,
    }
}

fn policy(cryptex: Cryptex) -> Policy {
    Policy::compatible().suites(&[SUITE]).cryptex(cryptex)
}

fn answer_in(session: &[&str], attributes: &[&str], policy: &Policy) -> Answer {
    let offer = section(attributes);
    Answer::in_session_with(session, &offer, policy, Signalling::Secure, keys()).unwrap()
}

fn answer(attributes: &[&str], policy: &Policy) -> Answer {
    answer_in(&[], attributes, policy)
}

fn srtp(answer: Answer) -> SrtpAnswer {
    match answer.decision {
        Decision::Srtp(srtp) => *srtp,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: &Answer) -> RejectReason {
    match &answer.decision {
        Decision::Reject(rejection) => rejection.reason,
        other => panic!("{other:?}"),
    }
}

/// Does it encrypt the extension of a packet?
fn sends_cryptex(sender: &mut Sender, seq: u16) -> bool {
    let mut packet = rtp_with(5, seq, 1, Some(1), b"media");
    sender.protect_rtp_vec(&mut packet).unwrap();
    packet[16..18] == [0xc0, 0xde]
}

fn sdp(head: &str, attributes: &[&str]) -> String {
    let mut text = format!("v=0\r\n{head}m=audio 5000 RTP/SAVP 0\r\n");
    for attribute in attributes {
        text.push_str(attribute);
        text.push_str("\r\n");
    }
    text
}

#[test]
fn at_the_session_level_it_counts_for_every_section() {
    let head = "a=tool:x\r\na=Cryptex\r\n";
    let text = sdp(head, &[&line()]) + &sdp("", &[&line(), "a=ptime:20"]);
    let (all, ours) = (sections(&text), policy(Cryptex::Required));
    assert_eq!(all.len(), 2);
    for section in &all {
        assert_eq!(section.attributes.last(), Some(&"a=Cryptex"));
        assert!(srtp(answer(&section.attributes, &ours)).cryptex);
    }
    // Whoever has the section's own attributes alone says those of the session level beside them.
    let (own, session) = (line(), session_attributes(&text));
    assert!(srtp(answer_in(&session, &[&own], &ours)).cryptex);
    let without = RejectReason::CryptexRequired;
    assert_eq!(refused(&answer_in(&["a=tool:x"], &[&own], &ours)), without);
    // What stands in one section counts for that one alone, and nothing else of the session level is carried over.
    let text = sdp("a=crypto:1 x\r\n", &[&line(), "a=cryptex"]) + &sdp("", &[&line()]);
    let of = |n: usize| sections(&text)[n].attributes.len();
    assert_eq!((of(0), of(1)), (2, 1));
}

#[test]
fn in_one_exchange_both_sides_use_it_if_both_announce_it() {
    for ours in [Cryptex::Off, Cryptex::On, Cryptex::Required] {
        for theirs in [Cryptex::Off, Cryptex::On, Cryptex::Required] {
            let [ours_on, theirs_on] = [ours, theirs].map(|it| it != Cryptex::Off);
            let mut offer = Offer::with(&policy(ours), Signalling::Secure, keys()).unwrap();
            assert_eq!(offer.announces_cryptex(), ours_on);
            let text = offer.secret_offer(&sdp("", &["a=sendrecv"]), 0).unwrap();
            assert_eq!(text.matches("a=cryptex\r\n").count(), usize::from(ours_on));

            let mut peers_key = |suite| Ok::<_, ()>(key(suite, 90));
            let peer = policy(theirs);
            let offered = sections(&text)[0].clone();
            let answer =
                Answer::to_with(&offered.media(), &peer, Signalling::Secure, &mut peers_key);
            let answer = answer.unwrap();
            if theirs == Cryptex::Required && !ours_on {
                // Under RTP/AVP the offer is opportunistic, and plain RTP would do.
                let Decision::PlainRtp(plain) = answer.decision else {
                    panic!("{:?}", answer.decision);
                };
                assert_eq!(plain.declined, Some(RejectReason::CryptexRequired));
                continue;
            }
            let answer = srtp(answer);
            assert_eq!(answer.cryptex, ours_on && theirs_on);
            let text = answer.secret_answer(&sdp("", &["a=cryptex"]), 0).unwrap();
            let said = text.matches("a=cryptex\r\n").count();
            assert_eq!(said, usize::from(answer.cryptex));
            assert_eq!(text.matches("a=crypto:").count(), 1);

            let answered = sections(&text)[0].clone();
            let both = answer.cryptex;
            match offer.accept(&answered.media()) {
                Accepted::Srtp(srtp) => {
                    assert!(both || ours != Cryptex::Required);
                    let (mut sender, mut receiver) = (srtp.sender.unwrap(), srtp.receiver);
                    let (mut peer, mut hears) = answer.into_contexts();
                    assert_eq!(sends_cryptex(&mut sender, 1), both);
                    assert_eq!(sends_cryptex(&mut peer, 1), both);
                    for (from, to) in [(&mut sender, &mut hears), (&mut peer, &mut receiver)] {
                        let plain = rtp_with(5, 2, 1, Some(1), b"media");
                        let mut packet = plain.clone();
                        from.protect_rtp_vec(&mut packet).unwrap();
                        to.unprotect_rtp_vec(&mut packet).unwrap();
                        assert_eq!(packet, plain);
                    }
                }
                Accepted::Reject(rejection) => {
                    assert!(ours == Cryptex::Required && !both);
                    assert_eq!(rejection.reason, RejectReason::CryptexRequired);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn crypto_lines_are_written_into_a_text_without_a_word_on_cryptex() {
    let text = sdp("", &["a=cryptex", "a=crypto:9 old"]);
    let offer = Offer::with(&policy(Cryptex::Off), Signalling::Secure, keys()).unwrap();
    let written = with_secret_lines(&text, 0, offer.profile(), offer.attributes()).unwrap();
    assert!(written.contains("\r\na=cryptex\r\na=crypto:1 "));
    // An offer's own text has what the offer says.
    let written = offer.secret_offer(&text, 0).unwrap();
    assert!(!written.contains("cryptex") && !written.contains("old"));
    assert!(offer.secret_offer(&text, 1).is_none());
}

#[test]
fn a_line_that_does_not_encrypt_goes_without_it_and_is_not_taken_where_it_is_required() {
    let null = CryptoSuite::NullHmacSha1_80;
    let all = |cryptex| {
        let policy = policy(cryptex).suites(&[null, SUITE]);
        policy.allow_unencrypted_srtp()
    };
    for line in [line_of(null, ""), line_of(SUITE, " UNENCRYPTED_SRTP")] {
        let attributes = [&*line, "a=cryptex"];
        let taken = srtp(answer(&attributes, &all(Cryptex::On)));
        assert!(!taken.cryptex);
        let (mut sender, _) = taken.into_contexts();
        assert!(!sends_cryptex(&mut sender, 1));

        let declined = answer(&attributes, &all(Cryptex::Required));
        let verdict = Verdict::Unacceptable(Unacceptable::Unencrypted);
        assert_eq!(declined.diagnoses[0].verdict, verdict);
        assert_eq!(refused(&declined), RejectReason::ParameterProhibited);
        // Of several lines one that does is taken.
        let better = line_of(SUITE, "").replace("crypto:1", "crypto:2");
        let attributes = [&*line, &better, "a=cryptex"];
        let taken = srtp(answer(&attributes, &all(Cryptex::Required)));
        assert!(taken.cryptex && taken.attribute.tag() == 2);
    }
    let suites = |cryptex: Cryptex, all: &[CryptoSuite]| {
        let policy = policy(cryptex).suites(all);
        let offer = Offer::with(&policy, Signalling::Secure, keys()).unwrap();
        let suites: Vec<_> = offer.attributes().map(|it| it.suite().unwrap()).collect();
        (suites, offer.announces_cryptex())
    };
    assert_eq!(
        suites(Cryptex::On, &[null, SUITE]),
        (vec![null, SUITE], true)
    );
    assert_eq!(suites(Cryptex::On, &[null]), (vec![null], false));
    assert_eq!(
        suites(Cryptex::Required, &[null, SUITE]),
        (vec![SUITE], true)
    );
    assert_eq!(suites(Cryptex::Required, &[null]), (vec![], false));
}

#[test]
fn a_potential_configuration_adds_it_and_deletes_it() {
    let ours = |cryptex| policy(cryptex).answer_capabilities(&[]);
    let keys = format!("a=acap:1 {}", line().trim_start_matches("a="));
    let chosen = |session: &[&str], attributes: &[&str], policy: &Policy| {
        let srtp = srtp(answer_in(session, attributes, policy));
        (srtp.cryptex, srtp.configuration.unwrap().to_string())
    };
    let own = [&*keys, "a=acap:2 cryptex", "a=pcfg:1 a=1,2"];
    assert_eq!(
        chosen(&[], &own, &ours(Cryptex::On)),
        (true, "1 a=1,2".into())
    );
    assert!(chosen(&[], &own, &ours(Cryptex::Required)).0);
    // Who does not know it cannot be demanded to.
    let declined = answer(&own, &ours(Cryptex::Off));
    assert!(matches!(
        declined.configurations[0].verdict,
        ConfigurationVerdict::Unusable(_)
    ));
    let wished = [&*keys, "a=acap:2 cryptex", "a=pcfg:1 a=1,[2]"];
    assert_eq!(
        chosen(&[], &wished, &ours(Cryptex::Off)),
        (false, "1 a=1".into())
    );
    assert_eq!(
        chosen(&[], &wished, &ours(Cryptex::On)),
        (true, "1 a=1,[2]".into())
    );
    // What the offer says beside it counts, unless the configuration deletes it.
    let on = ours(Cryptex::On);
    for (deletes, in_section, in_session) in [
        ("", true, true),
        ("-m:", false, true),
        ("-s:", true, false),
        ("-ms:", false, false),
    ] {
        let configuration = format!("a=pcfg:1 a={deletes}1");
        let own = [&*keys, &configuration, "a=cryptex"];
        assert_eq!(chosen(&[], &own, &on).0, in_section, "{deletes}");
        let own = [&*keys, &configuration];
        assert_eq!(chosen(&["a=cryptex"], &own, &on).0, in_session, "{deletes}");
        assert!(!chosen(&["a=tool:x"], &own, &on).0);
    }
}

/// An attribute that this side does not know is none that it takes for `a=cryptex`, whatever it makes of that itself.
#[test]
fn who_takes_it_in_a_potential_configuration_takes_nothing_else_for_it() {
    let keys = format!("a=acap:1 {}", line().trim_start_matches("a="));
    for mode in [Cryptex::Off, Cryptex::On] {
        let ours = policy(mode).answer_capabilities(&[]);
        for other in ["rtcp-fb:0 nack", "cryptex:1", "cryptexes"] {
            let other = format!("a=acap:2 {other}");
            let declined = answer(&[&keys, &other, "a=pcfg:1 a=1,2"], &ours);
            assert_eq!(
                declined.configurations[0].verdict,
                ConfigurationVerdict::Unusable(Unusable::Attribute),
                "{other}"
            );
            let taken = srtp(answer(&[&keys, &other, "a=pcfg:1 a=1,[2]"], &ours));
            assert!(!taken.cryptex, "{other}");
            assert_eq!(taken.configuration.unwrap().to_string(), "1 a=1", "{other}");
        }
    }
}

/// A session that was offered this and has answered it, and its contexts.
fn answered(policy: &Policy, attributes: &[&str]) -> (Session, Option<Sender>, Option<Receiver>) {
    let mut session = Session::new(policy, Signalling::Secure);
    let ours = OurSide::default();
    let reply = session.offered_with(&section(attributes), None, ours, keys());
    let reply = reply.unwrap();
    let Response::Srtp { cryptex, .. } = reply.response else {
        panic!("{:?}", reply.response);
    };
    let text = reply.secret_answer(&sdp("", &[]), 0).unwrap();
    assert_eq!(text.contains("\r\na=cryptex\r\n"), cryptex);
    assert_eq!(session.cryptex(), Cryptex::Off, "nothing is agreed yet");
    let (mut sender, mut receiver) = (None, None);
    let Ok(Outcome::Srtp(changes)) = session.commit() else {
        panic!("nothing to commit");
    };
    changes.apply(&mut sender, &mut receiver).unwrap();
    assert_eq!(session.cryptex() != Cryptex::Off, cryptex);
    (session, sender, receiver)
}

#[test]
fn packets_pass_untouched_from_leg_to_leg_only_if_both_have_it_or_neither() {
    let (on, line) = (policy(Cryptex::On), line());
    let (with, ..) = answered(&on, &[&line, "a=cryptex"]);
    let (without, ..) = answered(&on, &[&line]);
    let announced = [&with, &without].map(|it| it.leg().unwrap().cryptex);
    assert_eq!(announced, [true, false]);
    // The line of one leg's peer is passed on to the other.
    for (from, to) in [(&with, &without), (&without, &with), (&with, &with)] {
        let (from, to) = (from.leg().unwrap(), to.leg().unwrap());
        let mut passed_on = to;
        passed_on.ours = from.theirs;
        let same = from.cryptex == to.cryptex;
        assert_eq!(from.to(&passed_on) == Passage::Untouched, same);
    }
}

#[test]
fn a_session_that_is_rebuilt_knows_from_both_sections_whether_it_is_in_use() {
    let ours = line().replace("inline:", "inline:A");
    let ours = ours[..ours.len() - 1].to_owned();
    let theirs = line();
    for (we, they) in [(true, true), (true, false), (false, true), (false, false)] {
        for mode in [Cryptex::Off, Cryptex::On, Cryptex::Required] {
            let said = |line, announces| {
                let all = [line, "a=cryptex"];
                all[..1 + usize::from(announces)].to_vec()
            };
            let (ours, theirs) = (said(&*ours, we), said(&*theirs, they));
            let sides = (section(&ours), section(&theirs));
            let restored = Session::restore_secret(
                &policy(mode),
                Signalling::Secure,
                (&sides.0, None),
                (&sides.1, None),
            );
            let mut session = restored.unwrap();
            let expected = if we && they { mode } else { Cryptex::Off };
            assert_eq!(session.cryptex(), expected);
            if mode == Cryptex::On {
                let offer = [&*line(), "a=cryptex"].map(str::to_owned);
                let offer: Vec<&str> = offer.iter().map(String::as_str).collect();
                let side = OurSide::default();
                session
                    .offered_with(&section(&offer), None, side, keys())
                    .unwrap();
                let Ok(Outcome::Srtp(changes)) = session.commit() else {
                    panic!("nothing to commit");
                };
                let kept = matches!(changes.sender, SenderChange::Keep);
                let begins = matches!(changes.sender, SenderChange::Cryptex(Cryptex::On));
                assert_eq!((kept, begins), (we && they, !(we && they)));
            }
        }
    }
}

/// A change that comes where there is no sender makes none: the key is an old one.
#[test]
fn a_change_of_cryptex_makes_no_second_sender_for_a_key() {
    let (on, line) = (policy(Cryptex::On), line());
    let (mut session, sender, mut receiver) = answered(&on, &[&line]);
    assert!(!sends_cryptex(&mut sender.unwrap(), 1));
    let side = OurSide::default();
    let attributes = [&*line, "a=cryptex"];
    session
        .offered_with(&section(&attributes), None, side, keys())
        .unwrap();
    let Ok(Outcome::Srtp(changes)) = session.commit() else {
        panic!("nothing to commit");
    };
    let mut dropped = None;
    changes.apply(&mut dropped, &mut receiver).unwrap();
    assert!(dropped.is_none());
}
