//! Dialogs, from the first offer on: what each later offer and answer has to come to, and that media flows as it says.

mod common;

use common::{key, read_json, rtp, rtp_with};
use serde::Deserialize;
use serde_json::{Value, json};
use srtp_sdes::CryptoSuite::{self, AesCm128HmacSha1_80};
use srtp_sdes::sdes::{
    CryptoAttribute, Line, MediaSection, OurSide, Outcome, ParseMode, Passage, Policy,
    ReceiverChange, Response, SenderChange, Session, SessionError, Signalling, SipHint,
    SrtcpTagOf32, SrtpMode,
};
use srtp_sdes::{Cryptex, MasterKey, Receiver, RocAfterRekey, Sender, SrtcpTag, UnprotectError};

#[derive(Deserialize)]
struct Case {
    id: String,
    title: String,
    authority: Vec<String>,
    prior: String,
    #[serde(default)]
    policy: CasePolicy,
    steps: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CasePolicy {
    srtp: Option<String>,
    suites: Vec<String>,
    prior_tag: Option<u32>,
    keep_current_suite: bool,
    allow_downgrade: bool,
    allow_unencrypted_srtcp: bool,
    restart_roc_on_rekey: bool,
    cryptex: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Step {
    r#do: String,
    /// Our address, and the peer's.
    at: Option<String>,
    from: Option<String>,
    transport: Option<String>,
    port: Option<u16>,
    /// Lines of the peer's; in an offer of ours those that it has to have.
    lines: Vec<String>,
    attributes: Vec<String>,
    fresh_key: bool,
    all_suites: bool,
    key: String,
    suite: Option<String>,
    roc: u32,
    expect: Value,
}

const SSRC: u32 = 0x5e55_1011;
/// Far enough from the roll-over of the sequence number, and past the middle: a stream that begins anew cannot be taken for one that goes on.
const BEFORE: u16 = 40_000;

/// A key by its name in the cases: `T1` is the first that we make, `R1` one of the peer's, perhaps with lifetime and MKI.
fn named(suite: CryptoSuite, name: &str) -> MasterKey {
    let name = name.split('|').next().unwrap();
    let (side, number) = name.split_at(1);
    let number: u8 = number.parse().unwrap();
    key(suite, if side == "T" { number } else { 100 + number })
}

/// `tag SUITE names parameters`, with the keys in place of their names.
fn with_keys(line: &str) -> String {
    let mut fields = line.splitn(4, ' ');
    let (tag, name, keys) = (fields.next(), fields.next().unwrap(), fields.next());
    let suite = name.parse().unwrap();
    let inline = keys.unwrap().split(';').map(|one| {
        let mki = one.split_once('|').map(|(_, mki)| format!("|{mki}"));
        let key = named(suite, one).secret_base64();
        format!("inline:{}{}", *key, mki.unwrap_or_default())
    });
    let inline: Vec<_> = inline.collect();
    let rest = fields.next().map(|rest| format!(" {rest}"));
    format!(
        "a=crypto:{} {name} {}{}",
        tag.unwrap(),
        inline.join(";"),
        rest.unwrap_or_default()
    )
}

/// The same the other way round: keys are named, by comparing with those that may be meant.
fn with_names(line: &CryptoAttribute) -> String {
    let suite = line.suite().unwrap();
    let text = line.secret_line();
    let names = ["T", "R"].map(|side| (1..9).map(move |n| format!("{side}{n}")));
    let name = names
        .into_iter()
        .flatten()
        .find(|name| text.contains(&**named(suite, name).secret_base64()));
    let name = name.expect("a key that has a name");
    let inline = format!("inline:{}", *named(suite, &name).secret_base64());
    text.strip_prefix("a=crypto:")
        .unwrap()
        .replace(&inline, &name)
}

/// A dialog and the media of its two directions.
struct Dialog {
    session: Session,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    made: u8,
    our_seq: u16,
    peer_seq: u16,
    /// The rollover counter with which a new sender's first packet is expected.
    our_roc: u32,
    /// Is cryptex required?
    required: bool,
}

impl CasePolicy {
    fn policy(&self) -> Policy {
        let suites: Vec<CryptoSuite> = match self.suites.as_slice() {
            [] => vec![AesCm128HmacSha1_80],
            suites => suites.iter().map(|it| it.parse().unwrap()).collect(),
        };
        let mut policy = Policy::compatible().suites(&suites);
        match self.srtp.as_deref() {
            None | Some("optional") => {}
            Some("required") => policy = policy.mode(SrtpMode::Required),
            Some(mode) => panic!("{mode}"),
        }
        if self.keep_current_suite {
            policy = policy.keep_current_suite();
        }
        if self.allow_downgrade {
            policy = policy.allow_downgrade();
        }
        if self.allow_unencrypted_srtcp {
            policy = policy.allow_unencrypted_srtcp();
        }
        if self.restart_roc_on_rekey {
            policy = policy.restart_roc_on_rekey();
        }
        match self.cryptex.as_deref() {
            None => policy,
            Some("on") => policy.cryptex(Cryptex::On),
            Some("required") => policy.cryptex(Cryptex::Required),
            Some(mode) => panic!("{mode}"),
        }
    }
}

impl Dialog {
    /// A dialog in which `prior` has happened, with rollover counters of 3 on both sides.
    fn after(prior: &str, policy: &CasePolicy) -> Self {
        let tag = policy.prior_tag.unwrap_or(1);
        let theirs = |key| format!("{tag} AES_CM_128_HMAC_SHA1_80 {key}");
        let mut dialog = Self {
            session: Session::new(&policy.policy(), Signalling::Secure),
            sender: None,
            receiver: None,
            made: 0,
            our_seq: BEFORE,
            peer_seq: BEFORE,
            our_roc: 0,
            required: policy.cryptex.as_deref() == Some("required"),
        };
        let step = |r#do: &str, transport: &str, line: Option<String>| Step {
            r#do: r#do.into(),
            at: Some("192.0.2.1:4000".into()),
            from: Some("192.0.2.2:5000".into()),
            transport: Some(transport.into()),
            lines: line.into_iter().collect(),
            attributes: policy.cryptex.iter().map(|_| "a=cryptex".into()).collect(),
            ..Step::default()
        };
        let mut play = |step: Step| dialog.play(&step);
        match prior {
            "none" => return dialog,
            "rtp" => {
                play(step("offered", "RTP/AVP", None));
                play(step("commit", "", None));
                return dialog;
            }
            "restored" => {
                let (ours, theirs) = (with_keys(&theirs("T1")), with_keys(&theirs("R1")));
                let section = |line| MediaSection {
                    transport: "RTP/SAVP",
                    port: 4000,
                    attributes: line,
                };
                let (ours, theirs) = ([&*ours], [&*theirs]);
                let (ours, theirs) = (section(&ours), section(&theirs));
                let (at, from) = ("192.0.2.1:4000".parse(), "192.0.2.2:5000".parse());
                let sides = ((&ours, at.ok()), (&theirs, from.ok()));
                let policy = policy.policy();
                let restored =
                    Session::restore_secret(&policy, Signalling::Secure, sides.0, sides.1);
                dialog.session = restored.unwrap();
                dialog.made = 1;
                let suite = AesCm128HmacSha1_80;
                dialog.sender = Some(Sender::new(named(suite, "T1")));
                dialog.receiver = Some(Receiver::new(named(suite, "R1")));
            }
            "offerer" | "offerer avp" => {
                let transport = if prior == "offerer" {
                    "RTP/SAVP"
                } else {
                    "RTP/AVP"
                };
                play(step("offer", "", None));
                play(step("answered", transport, Some(theirs("R1"))));
            }
            "answerer" | "answerer mki" => {
                let key = if prior == "answerer" { "R1" } else { "R1|1:1" };
                play(step("offered", "RTP/SAVP", Some(theirs(key))));
                play(step("commit", "", None));
            }
            prior => panic!("{prior}"),
        }
        let (sender, receiver) = (dialog.sender.as_mut(), dialog.receiver.as_mut());
        sender.unwrap().set_roc(SSRC, 3).unwrap();
        receiver.unwrap().set_roc(SSRC, 3).unwrap();
        dialog.our_roc = 3;
        dialog.we_send(AesCm128HmacSha1_80, "T1", 3);
        let key = if prior.ends_with("mki") {
            "R1|1:1"
        } else {
            "R1"
        };
        assert!(dialog.peer_sends(AesCm128HmacSha1_80, key, 3));
        dialog
    }

    fn play(&mut self, step: &Step) {
        let lines: Vec<_> = step.lines.iter().map(|line| with_keys(line)).collect();
        let attributes: Vec<&str> = step
            .attributes
            .iter()
            .chain(&lines)
            .map(|it| &**it)
            .collect();
        let from = step.from.as_ref().map(|from| from.parse().unwrap());
        let section = MediaSection {
            transport: step.transport.as_deref().unwrap_or("RTP/SAVP"),
            port: step.port.unwrap_or(5000),
            attributes: &attributes,
        };
        let mut ours = match &step.at {
            Some(at) => OurSide::at(at.parse().unwrap()),
            None => OurSide::default(),
        };
        if step.fresh_key {
            ours = ours.with_fresh_key();
        }
        if step.all_suites {
            ours = ours.with_all_suites();
        }
        let Self { session, made, .. } = self;
        let generate = |suite| {
            *made += 1;
            Ok::<_, ()>(key(suite, *made))
        };
        let suite = step.suite.as_ref().map(|it| it.parse().unwrap());
        let suite = suite.unwrap_or(AesCm128HmacSha1_80);
        let outcome = match step.r#do.as_str() {
            "offer" => {
                let offer = session.offer_with(ours, generate).unwrap();
                let offered: Vec<_> = offer.attributes().map(with_names).collect();
                if !step.lines.is_empty() {
                    assert_eq!(offered, step.lines);
                }
                if let Some(announces) = step.expect["cryptex"].as_bool() {
                    assert_eq!(offer.announces_cryptex(), announces);
                }
                return;
            }
            "offered" => {
                let reply = session
                    .offered_with(&section, from, ours, generate)
                    .unwrap();
                assert_eq!(reply.diagnoses.len(), step.lines.len());
                if !step.expect.is_null() {
                    assert_eq!(response(&reply.response), step.expect);
                }
                return;
            }
            "glare" => {
                let refused = session.offered_with(&section, from, ours, generate);
                assert_eq!(refused.unwrap_err(), SessionError::ExchangeOpen);
                return;
            }
            "rollback" => return session.rollback(),
            "cannot commit" => {
                assert!(session.commit().is_err());
                return;
            }
            "we send" => return self.we_send(suite, &step.key, step.roc),
            "peer sends" => return assert!(self.peer_sends(suite, &step.key, step.roc)),
            "peer cannot send" => return assert!(!self.peer_sends(suite, &step.key, step.roc)),
            "peer sends cryptex" => return self.peer_sends_cryptex(suite, &step.key, step.roc),
            "commit" => session.commit().unwrap(),
            "answered" => session.answered(&section, from).unwrap(),
            "answered by fork" => {
                let (fork, outcome) = session.answered_by_fork(&section, from).unwrap();
                self.session = fork;
                (self.sender, self.receiver) = (None, None);
                outcome
            }
            what => panic!("{what}"),
        };
        if !step.expect.is_null() {
            assert_eq!(described(&outcome), step.expect);
        }
        self.apply(outcome);
    }

    /// What the outcome says is what happens to the media.
    fn apply(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Srtp(changes) => {
                if let SenderChange::Start(_) = changes.sender {
                    self.our_roc = 0;
                }
                let changed = changes.apply(&mut self.sender, &mut self.receiver);
                changed.unwrap();
                let line = self.session.our_line().unwrap();
                let (suite, name) = (line.suite().unwrap(), with_names(line));
                let name = name.split(' ').nth(2).unwrap().to_owned();
                match self.sender {
                    Some(_) => {
                        self.we_send(suite, &name, self.our_roc);
                        let under_cryptex = self.session.cryptex() != Cryptex::Off;
                        assert_eq!(self.we_send_cryptex(), under_cryptex);
                    }
                    None => assert!(self.session.leg().is_some()),
                }
            }
            Outcome::PlainRtp(_) | Outcome::PortZero => {
                (self.sender, self.receiver) = (None, None);
                assert!(self.session.our_line().is_none() && self.session.profile().is_none());
            }
            _ => {}
        }
    }

    /// Our next packet is under this key and rollover counter.
    fn we_send(&mut self, suite: CryptoSuite, name: &str, roc: u32) {
        let plain = rtp(SSRC, self.our_seq, b"from us");
        self.our_seq += 1;
        let mut packet = plain.clone();
        let sender = self.sender.as_mut().expect("a sender");
        sender.protect_rtp_vec(&mut packet).unwrap();
        let builder = Receiver::builder(named(suite, name)).initial_roc(roc);
        let mut peer = builder.build().unwrap();
        peer.unprotect_rtp_vec(&mut packet)
            .unwrap_or_else(|error| panic!("{name} at {roc}: {error}"));
        assert_eq!(packet, plain);
    }

    /// Are CSRCs and extension of our next packet encrypted?
    fn we_send_cryptex(&mut self) -> bool {
        let mut packet = rtp_with(SSRC, self.our_seq, 1, Some(1), b"from us");
        self.our_seq += 1;
        let clear = packet[12..20].to_vec();
        let sender = self.sender.as_mut().expect("a sender");
        sender.protect_rtp_vec(&mut packet).unwrap();
        let is_marked = packet[16..18] == [0xc0, 0xde];
        assert_eq!(packet[12..20] == clear, !is_marked);
        is_marked
    }

    /// The peer's next packet comes with its CSRCs and extension encrypted, and one with both in the clear.
    fn peer_sends_cryptex(&mut self, suite: CryptoSuite, name: &str, roc: u32) {
        let builder = Sender::builder(named(suite, name)).initial_roc(roc);
        let mut peer = builder.cryptex(Cryptex::On).build().unwrap();
        for mode in [Cryptex::On, Cryptex::Off] {
            peer.set_cryptex(mode).unwrap();
            let plain = rtp_with(SSRC, self.peer_seq, 2, Some(1), b"from the peer");
            self.peer_seq += 1;
            let mut packet = plain.clone();
            peer.protect_rtp_vec(&mut packet).unwrap();
            let receiver = self.receiver.as_mut().expect("a receiver");
            let opened = receiver.unprotect_rtp_vec(&mut packet);
            match self.required && mode == Cryptex::Off {
                true => assert_eq!(opened, Err(UnprotectError::CryptexRequired { ssrc: SSRC })),
                false => assert_eq!((opened, packet), (Ok(()), plain)),
            }
        }
    }

    /// Is the peer's next packet, under this key and rollover counter, accepted?
    fn peer_sends(&mut self, suite: CryptoSuite, name: &str, roc: u32) -> bool {
        let plain = rtp(SSRC, self.peer_seq, b"from the peer");
        self.peer_seq += 1;
        let line = with_keys(&format!("1 {} {name}", suite.name()));
        let Line::Usable(line) = CryptoAttribute::parse(&line, ParseMode::Strict) else {
            panic!("{name}");
        };
        let mut peer = line.secret_sender().unwrap().unwrap();
        peer.set_roc(SSRC, roc).unwrap();
        let mut packet = plain.clone();
        peer.protect_rtp_vec(&mut packet).unwrap();
        let receiver = self.receiver.as_mut().expect("a receiver");
        let accepted = receiver.unprotect_rtp_vec(&mut packet).is_ok();
        assert!(!accepted || packet == plain);
        accepted
    }
}

fn rejection(rejection: &srtp_sdes::sdes::Rejection) -> Value {
    let hint = match rejection.sip_hint() {
        SipHint::Refuse { status, .. } => json!(status),
        SipHint::End { .. } => json!("bye"),
        hint => panic!("{hint:?}"),
    };
    json!({"result": "reject", "reason": format!("{:?}", rejection.reason), "hint": hint})
}

fn response(response: &Response) -> Value {
    match response {
        Response::Srtp {
            profile,
            attribute,
            cryptex,
            ..
        } => {
            let (profile, line) = (profile.name(), with_names(attribute));
            let mut srtp = json!({"result": "srtp", "profile": profile, "line": line});
            if *cryptex {
                srtp["cryptex"] = json!(true);
            }
            srtp
        }
        Response::PlainRtp(plain) => json!({"result": "rtp", "profile": plain.profile.name()}),
        Response::Reject(why) => rejection(why),
        Response::PortZero => json!({"result": "port zero"}),
        other => panic!("{other:?}"),
    }
}

fn described(outcome: &Outcome) -> Value {
    let changes = match outcome {
        Outcome::Srtp(changes) => changes,
        Outcome::PlainRtp(plain) => {
            return json!({"result": "rtp", "profile": plain.profile.name()});
        }
        Outcome::Reject(why) => return rejection(why),
        Outcome::PortZero => return json!({"result": "port zero"}),
        other => panic!("{other:?}"),
    };
    let sender = match &changes.sender {
        SenderChange::Keep => "keep",
        SenderChange::Rekey(_) => "rekey",
        SenderChange::Start(_) => "start",
        SenderChange::Missing => "missing",
        SenderChange::Cryptex(Cryptex::Off) => "without cryptex",
        SenderChange::Cryptex(Cryptex::On | Cryptex::Required) => "with cryptex",
        other => panic!("{other:?}"),
    };
    let receiver = match &changes.receiver {
        ReceiverChange::Keep => "keep",
        ReceiverChange::Start(_) => "start",
        ReceiverChange::Rekey(rekey) => match rekey.roc() {
            RocAfterRekey::KeptOrZero => "rekey kept or zero",
            RocAfterRekey::ZeroOrKept => "rekey zero or kept",
            roc => panic!("{roc:?}"),
        },
        other => panic!("{other:?}"),
    };
    json!({"result": "srtp", "sender": sender, "receiver": receiver, "tag": changes.tag})
}

#[test]
fn every_dialog_comes_to_what_the_rfcs_make_of_it_and_its_media_flows() {
    let cases: Vec<Case> = read_json("sdes/sessions.json");
    for case in &cases {
        assert!(!case.authority.is_empty(), "{}", case.id);
        println!("{}: {}", case.id, case.title);
        let mut dialog = Dialog::after(&case.prior, &case.policy);
        for step in &case.steps {
            println!("  {}", step.r#do);
            dialog.play(step);
        }
    }
}

#[test]
fn the_session_cases_in_words_are_all_among_those_step_by_step() {
    let in_words: Vec<Value> = read_json("sdes/negotiation.json");
    let cases: Vec<Case> = read_json("sdes/sessions.json");
    let in_words = in_words.iter().filter(|it| it["role"] == "session");
    let ids: Vec<_> = in_words.map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 12);
    for id in ids {
        let is_played = cases.iter().any(|case| case.id.starts_with(id));
        assert!(is_played || ["N100", "N103"].contains(&id), "{id}");
    }
}

/// A session that was offered one line and has answered it.
fn answered(policy: &Policy, line: &str) -> Dialog {
    let mut session = Session::new(policy, Signalling::Secure);
    let line = with_keys(line);
    let section = MediaSection {
        transport: "RTP/SAVP",
        port: 5000,
        attributes: &[&line],
    };
    let generate = |suite| Ok::<_, ()>(key(suite, 1));
    let reply = session.offered_with(&section, None, OurSide::default(), generate);
    assert!(matches!(reply.unwrap().response, Response::Srtp { .. }));
    let mut dialog = Dialog {
        session,
        sender: None,
        receiver: None,
        made: 1,
        our_seq: 0,
        peer_seq: 0,
        our_roc: 0,
        required: false,
    };
    let outcome = dialog.session.commit().unwrap();
    dialog.apply(outcome);
    dialog
}

/// N100.
#[test]
fn legs_of_different_suites_need_every_packet_anew_which_grows_by_6_bytes_towards_the_longer_tag() {
    let suites = [
        CryptoSuite::Aes256CmHmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32,
    ];
    let policy = Policy::compatible().suites(&suites);
    let a = answered(&policy, "1 AES_256_CM_HMAC_SHA1_80 R1");
    let b = answered(&policy, "1 AES_CM_128_HMAC_SHA1_32 R2");
    let (leg_a, leg_b) = (a.session.leg().unwrap(), b.session.leg().unwrap());
    let anew = |rtp_growth| Passage::Anew {
        rtp_growth,
        rtcp_growth: 0,
    };
    assert_eq!((leg_b.to(&leg_a), leg_a.to(&leg_b)), (anew(6), anew(-6)));
}

/// N103.
#[test]
fn srtcp_tags_of_the_32_suites_have_10_bytes_both_ways_and_4_only_by_policy() {
    let suite = CryptoSuite::AesCm128HmacSha1_32;
    let plain = common::rtcp(SSRC, &[1; 16]);
    for (policy, sent, taken) in [
        (SrtcpTagOf32::TenBytes, 10, [true, false]),
        (SrtcpTagOf32::FourBytes, 4, [false, true]),
        (SrtcpTagOf32::AcceptEither, 10, [true, true]),
    ] {
        let settings = Policy::compatible()
            .suites(&[suite])
            .srtcp_tag_of_32(policy);
        let mut dialog = answered(&settings, "1 AES_CM_128_HMAC_SHA1_32 R1");
        let mut packet = plain.clone();
        let sender = dialog.sender.as_mut().unwrap();
        sender.protect_rtcp_vec(&mut packet).unwrap();
        assert_eq!(packet.len(), plain.len() + 4 + sent, "{policy:?}");
        let receiver = dialog.receiver.as_mut().unwrap();
        for (tag, taken) in [SrtcpTag::Bytes10, SrtcpTag::Bytes4].into_iter().zip(taken) {
            let builder = Sender::builder(named(suite, "R1")).srtcp_tag(tag);
            let mut peer = builder.build().unwrap();
            // An index of its own for each length.
            let mut packet = plain.clone();
            peer.protect_rtcp_vec(&mut packet).unwrap();
            if tag == SrtcpTag::Bytes4 {
                packet = plain.clone();
                peer.protect_rtcp_vec(&mut packet).unwrap();
            }
            let accepted = receiver.unprotect_rtcp_vec(&mut packet).is_ok();
            assert_eq!(accepted, taken, "{policy:?} {tag:?}");
        }
    }
}
