//! What each setting of a policy does to offers, to answers, and to the contexts that come of them.

mod common;

use common::{PLANES, fresh, key, plain, protect, unprotect};
use srtp_sdes::CryptoSuite::{self, Aes256CmHmacSha1_80, AesCm128HmacSha1_32, AesCm128HmacSha1_80};
use srtp_sdes::sdes::{
    Accepted, Answer, AnsweredProfile, CryptoAttribute, CryptoInAvp, Decision, FecOrder,
    GenerateError, Line, LineErrorKind, MediaSection, NotSdes, Offer, ParseMode, Policy, Profile,
    RejectReason as Reason, Rejection, SectionError, SessionParameter as Parameter, Signalling,
    SipHint, SkipReason, SrtcpTagOf32, SrtpAccepted, SrtpAnswer, SrtpMode, SuiteOrder, TagMatch,
    Unacceptable, Verdict,
};
use srtp_sdes::{KeyDerivationRate, Lifetime, MasterKey, Mki, Plane, Receiver, Sender};
use srtp_sdes::{UnprotectError, UnprotectError::TooOld};

const AVP: &str = "RTP/AVP";
const SAVP: &str = "RTP/SAVP";
const SUITE: CryptoSuite = AesCm128HmacSha1_80;

fn section<'a>(transport: &'a str, attributes: &'a [&'a str]) -> MediaSection<'a> {
    MediaSection {
        transport,
        port: 4000,
        attributes,
    }
}

/// A line with the key of a seed.
fn line(tag: u32, suite: CryptoSuite, seed: u8, parameters: &[Parameter]) -> String {
    let keys = [key(suite, seed)];
    let line = CryptoAttribute::new(tag, None, &keys, parameters).unwrap();
    line.secret_line().to_string()
}

fn answer_over(way: Signalling, transport: &str, lines: &[&str], policy: &Policy) -> Answer {
    Answer::to_with(&section(transport, lines), policy, way, fresh).unwrap()
}

fn answer(transport: &str, lines: &[&str], policy: &Policy) -> Answer {
    answer_over(Signalling::Secure, transport, lines, policy)
}

fn offer(policy: &Policy) -> Offer {
    Offer::with(policy, Signalling::Secure, fresh).unwrap()
}

/// An offer in `RTP/SAVP` of these lines.
fn sent(lines: &[&str], policy: &Policy) -> Offer {
    Offer::from_secret_section(&section(SAVP, lines), policy).unwrap()
}

#[track_caller]
fn srtp(answer: Answer) -> SrtpAnswer {
    match answer.decision {
        Decision::Srtp(srtp) => *srtp,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn accepted(accepted: Accepted) -> SrtpAccepted {
    match accepted {
        Accepted::Srtp(srtp) => *srtp,
        other => panic!("{other:?}"),
    }
}

/// What an answerer decided, in a word.
#[track_caller]
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Srtp(_) => "srtp".into(),
        Decision::PlainRtp(_) => "plain".into(),
        Decision::Reject(rejection) => format!("{:?}", rejection.reason),
        Decision::PassOn => "pass on".into(),
        Decision::NotSdes => "not sdes".into(),
        Decision::PortZero => "port zero".into(),
        other => panic!("{other:?}"),
    }
}

/// What an offerer made of an answer, in a word.
#[track_caller]
fn outcome(accepted: &Accepted) -> String {
    match accepted {
        Accepted::Srtp(_) => "srtp".into(),
        Accepted::PlainRtp(_) => "plain".into(),
        Accepted::Reject(rejection) => format!("{:?}", rejection.reason),
        Accepted::PassOn => "pass on".into(),
        Accepted::RefusedByPeer => "refused by peer".into(),
        other => panic!("{other:?}"),
    }
}

fn verdicts(answer: &Answer) -> Vec<Verdict> {
    answer.diagnoses.iter().map(|it| it.verdict).collect()
}

// ── Who refuses, and what SIP makes of it ──

#[test]
fn an_answerer_refuses_with_488_and_an_offerer_ends_the_call_both_with_cause_88() {
    let required = Policy::strong();
    let unsecure = line(1, SUITE, 1, &[Parameter::UnencryptedSrtp]);
    let by_answerer = [
        answer(SAVP, &[], &required),
        answer(AVP, &[], &required),
        answer(SAVP, &[&line(1, AesCm128HmacSha1_32, 1, &[])], &required),
        answer(SAVP, &[&unsecure], &required),
        answer(SAVP, &["a=crypto:1"], &required),
        answer(SAVP, &[&line(1, SUITE, 1, &[])], &Policy::disabled()),
    ];
    let mut reasons = Vec::new();
    for answer in by_answerer {
        let Decision::Reject(rejection) = answer.decision else {
            panic!("{answer:?}")
        };
        reasons.push(rejection.reason);
        let SipHint::Refuse {
            status,
            warning,
            q850_cause,
        } = rejection.sip_hint()
        else {
            panic!("{rejection:?}")
        };
        assert_eq!((status, q850_cause), (488, 88));
        assert!(!warning.is_empty() && !warning.contains(['"', '\r', '\n']));
    }
    let expected = [
        Reason::NoKeying,
        Reason::SrtpRequired,
        Reason::NoCommonSuite,
        Reason::ParameterProhibited,
        Reason::NoValidLine,
        Reason::SrtpDisabled,
    ];
    assert_eq!(reasons, expected);

    let (one, other) = (line(1, SUITE, 1, &[]), line(2, SUITE, 2, &[]));
    let by_offerer: [(Policy, &str, &[&str], Reason); 7] = [
        (required.clone(), AVP, &[], Reason::SrtpRequired),
        (required.clone(), SAVP, &[], Reason::SrtpRequired),
        (
            Policy::compatible(),
            SAVP,
            &[],
            Reason::AnsweredWithoutCrypto,
        ),
        (Policy::disabled(), AVP, &[&one], Reason::CryptoNotOffered),
        (
            required.clone(),
            SAVP,
            &[&one, &other],
            Reason::SeveralLines,
        ),
        (required.clone(), SAVP, &[&one], Reason::NotOffered),
        (
            required,
            SAVP,
            &["a=crypto:1"],
            Reason::InvalidAnswer(LineErrorKind::Suite),
        ),
    ];
    for (policy, transport, lines, reason) in by_offerer {
        let mut offer = offer(&policy);
        let Accepted::Reject(rejection) = offer.accept(&section(transport, lines)) else {
            panic!("{reason:?}")
        };
        assert_eq!(rejection.reason, reason);
        assert_eq!(rejection.sip_hint(), SipHint::End { q850_cause: 88 });
    }
}

#[test]
fn every_reason_and_verdict_is_told_in_words_without_the_text_of_a_line() {
    let secret = key(SUITE, 1).secret_base64().to_string();
    let faulty = [
        format!("a=crypto:{secret} {SUITE} inline:x"),
        format!("a=crypto:1 {secret} inline:x"),
        format!("a=crypto:1 {SUITE} {secret}"),
        format!("a=crypto:1 {SUITE} inline:{secret}|{secret}"),
        format!("a=crypto:1 {SUITE} inline:{secret}|1:{secret}"),
        format!("a=crypto:1 {SUITE} inline:{secret} {secret}"),
        format!("a=crypto:1 {SUITE} inline:{secret} KDR={secret}"),
        format!("a=crypto:1 {SUITE} {secret}:{secret}"),
    ];
    for faulty in &faulty {
        let answer = answer(SAVP, &[faulty], &Policy::strong());
        let Decision::Reject(rejection) = answer.decision else {
            panic!("{answer:?}")
        };
        let words = match answer.diagnoses[0].verdict {
            Verdict::Invalid(error) => error.to_string(),
            Verdict::Skipped(reason) => reason.to_string(),
            verdict => panic!("{verdict:?}"),
        };
        for words in [words, rejection.reason.to_string(), format!("{answer:?}")] {
            assert!(
                !words.is_empty() && !words.contains(&secret[..12]),
                "{words}"
            );
        }
    }
}

// ── Modes ──

#[test]
fn each_mode_answers_each_kind_of_offer_as_documented() {
    let crypto = line(1, SUITE, 1, &[]);
    let with: &[&str] = &["a=sendrecv", &crypto, "a=rtpmap:0 PCMU/8000"];
    let without: &[&str] = &["a=sendrecv"];
    let table = [
        (
            SrtpMode::Disabled,
            ["SrtpDisabled", "SrtpDisabled", "plain", "plain"],
        ),
        (SrtpMode::WhenOffered, ["srtp", "NoKeying", "srtp", "plain"]),
        (
            SrtpMode::Opportunistic,
            ["srtp", "NoKeying", "srtp", "plain"],
        ),
        (
            SrtpMode::Required,
            ["srtp", "NoKeying", "srtp", "SrtpRequired"],
        ),
        (SrtpMode::Bypass, ["pass on"; 4]),
    ];
    for (mode, expected) in table {
        let policy = Policy::compatible().mode(mode);
        for feedback in ["", "F"] {
            let (secure, avp) = (format!("{SAVP}{feedback}"), format!("{AVP}{feedback}"));
            let offers = [
                (&secure, with),
                (&secure, without),
                (&avp, with),
                (&avp, without),
            ];
            let words = offers.map(|(transport, lines)| {
                let answer = answer(transport, lines, &policy);
                if let Decision::PlainRtp(plain) = answer.decision {
                    assert_eq!(plain.profile.name(), transport, "{mode:?}");
                }
                word(&answer.decision)
            });
            assert_eq!(words, expected, "{mode:?}");
        }
    }
}

#[test]
fn each_mode_offers_and_takes_answers_as_documented() {
    let table = [
        (
            SrtpMode::Disabled,
            0,
            ["CryptoNotOffered", "AnsweredWithoutCrypto", "plain"],
        ),
        (
            SrtpMode::WhenOffered,
            0,
            ["CryptoNotOffered", "AnsweredWithoutCrypto", "plain"],
        ),
        (
            SrtpMode::Opportunistic,
            3,
            ["srtp", "AnsweredWithoutCrypto", "plain"],
        ),
        (
            SrtpMode::Required,
            3,
            ["srtp", "SrtpRequired", "SrtpRequired"],
        ),
        (SrtpMode::Bypass, 0, ["pass on"; 3]),
    ];
    for (mode, lines, expected) in table {
        let mut offer = offer(&Policy::compatible().mode(mode));
        assert_eq!(offer.attributes().count(), lines, "{mode:?}");
        let crypto = line(1, SUITE, 1, &[]);
        let answers: [(&str, &[&str]); 3] = [(SAVP, &[&crypto]), (SAVP, &[]), (AVP, &[])];
        let words =
            answers.map(|(transport, lines)| outcome(&offer.accept(&section(transport, lines))));
        assert_eq!(words, expected, "{mode:?}");
        let refused = MediaSection {
            port: 0,
            ..section(AVP, &[])
        };
        assert_eq!(
            outcome(&offer.accept(&refused)),
            "refused by peer",
            "{mode:?}"
        );
    }
}

#[test]
fn presets_are_what_their_names_say() {
    let offered = |policy: &Policy| {
        let offer = offer(policy);
        let suites = offer
            .attributes()
            .map(|line| line.suite().unwrap())
            .collect::<Vec<_>>();
        (offer.profile(), suites)
    };
    let (profile, suites) = offered(&Policy::strong());
    assert_eq!(profile, Profile::Savp);
    assert!(
        suites
            .iter()
            .all(|it| it.encrypts() && it.rtp_tag_len() >= 10)
    );
    assert!(suites.contains(&SUITE));
    let (profile, suites) = offered(&Policy::compatible());
    assert_eq!((profile, suites[0], suites.len()), (Profile::Avp, SUITE, 3));
    let (profile, suites) = offered(&Policy::everything_the_carrier_listed());
    assert_eq!((profile, suites.len()), (Profile::Avp, 9));
    assert_eq!(suites[8], CryptoSuite::AesCm128NullAuth);
    let crypto = line(1, SUITE, 1, &[]);
    for (policy, secure, plain) in [
        (Policy::when_offered(), "srtp", "srtp"),
        (Policy::disabled(), "SrtpDisabled", "plain"),
        (Policy::bypass(), "pass on", "pass on"),
    ] {
        assert_eq!(offered(&policy), (Profile::Avp, Vec::new()));
        assert_eq!(word(&answer(SAVP, &[&crypto], &policy).decision), secure);
        assert_eq!(word(&answer(AVP, &[&crypto], &policy).decision), plain);
    }
}

#[test]
fn no_preset_takes_a_weaker_line_or_clear_signalling_until_told_to() {
    type Allow = fn(Policy) -> Policy;
    let weak: [(Parameter, Unacceptable, Allow); 3] = [
        (
            Parameter::UnencryptedSrtp,
            Unacceptable::UnencryptedSrtp,
            Policy::allow_unencrypted_srtp,
        ),
        (
            Parameter::UnencryptedSrtcp,
            Unacceptable::UnencryptedSrtcp,
            Policy::allow_unencrypted_srtcp,
        ),
        (
            Parameter::UnauthenticatedSrtp,
            Unacceptable::UnauthenticatedSrtp,
            Policy::allow_unauthenticated_srtp,
        ),
    ];
    let presets = [
        Policy::strong(),
        Policy::compatible(),
        Policy::everything_the_carrier_listed().suites(&[SUITE]),
        Policy::when_offered(),
    ];
    for policy in presets {
        for (n, (parameter, why, allow)) in weak.iter().enumerate() {
            let weakened = line(1, SUITE, 1, std::slice::from_ref(parameter));
            let refused = answer(SAVP, &[&weakened], &policy);
            assert_eq!(verdicts(&refused), [Verdict::Unacceptable(*why)]);
            assert_eq!(word(&refused.decision), "ParameterProhibited");
            for (other, (_, _, allow)) in weak.iter().enumerate() {
                let answer = answer(SAVP, &[&weakened], &allow(policy.clone()));
                assert_eq!(word(&answer.decision) == "srtp", n == other, "{why:?}");
            }
            // The negotiated parameter is echoed, and nothing else.
            let answer = srtp(answer(SAVP, &[&weakened], &allow(policy.clone())));
            let echoed: Vec<_> = answer
                .attribute
                .parameters()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(echoed, [parameter.to_string()]);
        }
        let crypto = line(1, SUITE, 1, &[]);
        let over_clear = answer_over(Signalling::Clear, SAVP, &[&crypto], &policy);
        assert_eq!(word(&over_clear.decision), "SignallingNotSecure");
    }
}

// ── Signalling ──

#[test]
fn over_clear_signalling_keys_are_offered_only_if_the_policy_says_so() {
    let crypto = line(1, SUITE, 1, &[]);
    for mode in [SrtpMode::Opportunistic, SrtpMode::Required] {
        for secure in [false, true] {
            let policy = Policy::compatible().mode(mode).offer_secure_profile(secure);
            let mut offer = Offer::with(&policy, Signalling::Clear, fresh).unwrap();
            assert_eq!(offer.attributes().count(), 0, "{mode:?} {secure}");
            for transport in [AVP, SAVP] {
                let word = outcome(&offer.accept(&section(transport, &[&crypto])));
                assert_eq!(word, "CryptoNotOffered", "{mode:?} {secure} {transport}");
            }
            let policy = policy.allow_clear_signalling();
            let mut offer = Offer::with(&policy, Signalling::Clear, fresh).unwrap();
            assert_eq!(offer.attributes().count(), 3, "{mode:?} {secure}");
            let _ = accepted(offer.accept(&section(SAVP, &[&crypto])));
        }
    }
}

#[test]
fn over_clear_signalling_keys_are_accepted_only_if_the_policy_says_so() {
    let crypto = line(1, SUITE, 1, &[]);
    let table = [
        (SrtpMode::WhenOffered, AVP, "plain"),
        (SrtpMode::WhenOffered, SAVP, "SignallingNotSecure"),
        (SrtpMode::Opportunistic, AVP, "plain"),
        (SrtpMode::Opportunistic, SAVP, "SignallingNotSecure"),
        (SrtpMode::Required, AVP, "SignallingNotSecure"),
        (SrtpMode::Required, SAVP, "SignallingNotSecure"),
    ];
    for (mode, transport, expected) in table {
        let policy = Policy::compatible().mode(mode);
        let refused = answer_over(Signalling::Clear, transport, &[&crypto], &policy);
        assert_eq!(word(&refused.decision), expected, "{mode:?} {transport}");
        assert!(!verdicts(&refused).contains(&Verdict::Chosen));
        let policy = policy.allow_clear_signalling();
        let taken = answer_over(Signalling::Clear, transport, &[&crypto], &policy);
        assert_eq!(word(&taken.decision), "srtp", "{mode:?} {transport}");
    }
}

// ── Profiles ──

#[test]
fn crypto_in_avp_is_taken_passed_over_or_refused_and_in_savp_always_taken() {
    let crypto = line(1, SUITE, 1, &[]);
    let table = [
        (CryptoInAvp::Accept, SrtpMode::Opportunistic, "srtp"),
        (CryptoInAvp::Accept, SrtpMode::Required, "srtp"),
        (CryptoInAvp::Ignore, SrtpMode::Opportunistic, "plain"),
        (CryptoInAvp::Ignore, SrtpMode::Required, "SrtpRequired"),
        (CryptoInAvp::Reject, SrtpMode::Opportunistic, "CryptoInAvp"),
        (CryptoInAvp::Reject, SrtpMode::Required, "CryptoInAvp"),
    ];
    for (meaning, mode, expected) in table {
        let policy = Policy::compatible().mode(mode).crypto_in_avp(meaning);
        for feedback in ["", "F"] {
            let avp = answer(&format!("{AVP}{feedback}"), &[&crypto], &policy);
            assert_eq!(word(&avp.decision), expected, "{meaning:?} {mode:?}");
            let savp = answer(&format!("{SAVP}{feedback}"), &[&crypto], &policy);
            assert_eq!(word(&savp.decision), "srtp", "{meaning:?} {mode:?}");
        }
        if let Decision::PlainRtp(plain) = answer(AVP, &[&crypto], &policy).decision {
            assert_eq!(
                plain.declined,
                Some(srtp_sdes::sdes::RejectReason::CryptoInAvp),
                "and says why"
            );
        }
        if mode == SrtpMode::Opportunistic {
            let nothing = answer(AVP, &["a=sendrecv"], &policy);
            assert_eq!(
                word(&nothing.decision),
                "plain",
                "no crypto, nothing to refuse"
            );
        }
    }
}

#[test]
fn the_answered_profile_is_that_of_the_offer_or_the_secure_one_for_srtp() {
    let crypto = line(1, SUITE, 1, &[]);
    let policy = Policy::compatible();
    let secure = Policy::compatible().answered_profile(AnsweredProfile::Secure);
    for (offered, secured) in [
        (Profile::Avp, Profile::Savp),
        (Profile::Savp, Profile::Savp),
        (Profile::Avpf, Profile::Savpf),
        (Profile::Savpf, Profile::Savpf),
    ] {
        assert_eq!(
            srtp(answer(offered.name(), &[&crypto], &policy)).profile,
            offered
        );
        assert_eq!(
            srtp(answer(offered.name(), &[&crypto], &secure)).profile,
            secured
        );
        if !offered.is_secure() {
            let plain = answer(offered.name(), &[], &secure);
            let is_as_offered =
                matches!(plain.decision, Decision::PlainRtp(it) if it.profile == offered);
            assert!(is_as_offered, "plain RTP stays in a plain profile");
        }
    }
}

#[test]
fn an_offerer_takes_either_profile_for_srtp_and_no_plain_rtp_for_a_secure_offer() {
    for (secure, profile) in [(false, Profile::Avp), (true, Profile::Savp)] {
        let policy = Policy::compatible().offer_secure_profile(secure);
        for transport in [AVP, SAVP, "rtp/savp"] {
            let mut offer = offer(&policy);
            assert_eq!(offer.profile(), profile);
            let crypto = line(1, SUITE, 1, &[]);
            let srtp = accepted(offer.accept(&section(transport, &[&crypto])));
            assert_eq!(Ok(srtp.profile), transport.parse());
        }
        let plain = outcome(&offer(&policy).accept(&section(AVP, &[])));
        assert_eq!(
            plain,
            if secure {
                "AnsweredWithoutCrypto"
            } else {
                "plain"
            }
        );
    }
}

#[test]
fn a_transport_that_is_not_for_sdes_or_a_port_of_0_is_said_to_be_that() {
    let crypto = line(1, SUITE, 1, &[]);
    for policy in [Policy::strong(), Policy::compatible(), Policy::disabled()] {
        for transport in [
            "UDP/TLS/RTP/SAVP",
            "UDP/TLS/RTP/SAVPF",
            "TCP/RTP/SAVP",
            "udptl",
            "RTP/SAVP ",
            "",
        ] {
            assert_eq!(
                word(&answer(transport, &[&crypto], &policy).decision),
                "not sdes"
            );
            assert_eq!(
                outcome(&offer(&Policy::strong()).accept(&section(transport, &[]))),
                "AnsweredNotSdes"
            );
        }
        let lines = [crypto.as_str()];
        let closed = MediaSection {
            port: 0,
            ..section(SAVP, &lines)
        };
        let answer = Answer::to_with(&closed, &policy, Signalling::Secure, fresh).unwrap();
        assert_eq!(word(&answer.decision), "port zero");
    }
}

// ── Lines ──

#[test]
fn strict_lines_refuse_what_devices_get_wrong_on_both_sides() {
    let unpadded = line(1, CryptoSuite::AeadAes128Gcm, 1, &[])
        .trim_end_matches('=')
        .to_owned();
    let alias = line(2, Aes256CmHmacSha1_80, 2, &[]).replace("AES_256_CM", "AES_CM_256");
    let trailing = line(3, SUITE, 3, &[]) + " ";
    let letter = line(4, SUITE, 4, &[]);
    let lines: &[&str] = &[&unpadded, &alias, &trailing, &letter];
    let suites = [CryptoSuite::AeadAes128Gcm, Aes256CmHmacSha1_80, SUITE];
    let policy = Policy::strong().suites(&suites);
    let strict = policy.clone().strict_lines();

    let tolerant_answer = answer(SAVP, lines, &policy);
    assert!(
        verdicts(&tolerant_answer)
            .iter()
            .all(|it| matches!(it, Verdict::Chosen | Verdict::Acceptable))
    );
    assert_eq!(srtp(tolerant_answer).attribute.tag(), 1);
    let strict_answer = answer(SAVP, lines, &strict);
    let [
        Verdict::Invalid(one),
        two,
        Verdict::Invalid(three),
        Verdict::Chosen,
    ] = verdicts(&strict_answer)[..]
    else {
        panic!("{strict_answer:?}")
    };
    assert_eq!(one.kind, LineErrorKind::Base64);
    assert_eq!(two, Verdict::Skipped(SkipReason::UnknownSuite));
    assert_eq!(three.kind, LineErrorKind::TrailingBlanks);
    assert_eq!(srtp(strict_answer).attribute.tag(), 4);

    let words = |policy: &Policy| {
        [&unpadded, &alias, &trailing].map(|answered| {
            let mut offer = offer(policy);
            outcome(&offer.accept(&section(SAVP, &[answered])))
        })
    };
    assert_eq!(words(&policy), ["srtp"; 3]);
    assert_eq!(
        words(&strict),
        [
            "InvalidAnswer(Base64)",
            "NotOffered",
            "InvalidAnswer(TrailingBlanks)"
        ]
    );
}

#[test]
fn an_answer_has_the_suite_as_the_offer_wrote_it_and_no_parameters_of_its_own() {
    let ours = Policy::compatible();
    for spelled in [
        "AES_CM_128_HMAC_SHA1_80",
        "aes_cm_128_hmac_sha1_80",
        "AES_cm_128_HMAC_sha1_80",
    ] {
        let declared = [
            Parameter::WindowSizeHint(128),
            Parameter::FecOrder(FecOrder::FecSrtp),
            Parameter::Extension("-x".into()),
        ];
        let offered = line(7, SUITE, 1, &declared).replace(SUITE.name(), spelled);
        let answer = srtp(answer(SAVP, &[&offered], &ours));
        assert_eq!(
            (answer.attribute.tag(), answer.attribute.suite_name()),
            (7, spelled)
        );
        assert!(
            answer.attribute.parameters().is_empty(),
            "what is declared is for one direction"
        );
        assert!(
            answer.attribute.keys()[0].mki().is_none()
                && answer.attribute.keys()[0].lifetime().is_none()
        );
    }
    let draft = line(1, Aes256CmHmacSha1_80, 1, &[]).replace("AES_256_CM", "AES_CM_256");
    assert_eq!(
        srtp(answer(SAVP, &[&draft], &ours)).attribute.suite_name(),
        "AES_CM_256_HMAC_SHA1_80"
    );
}

#[test]
fn mkis_are_refused_where_the_policy_says_so() {
    let with_mki = [key(SUITE, 1).with_mki(Mki::from_value(1, 4).unwrap())];
    let with_mki = CryptoAttribute::new(1, None, &with_mki, &[])
        .unwrap()
        .secret_line();
    let without = line(2, SUITE, 2, &[]);
    let policy = Policy::strong();
    assert_eq!(
        srtp(answer(SAVP, &[&with_mki, &without], &policy))
            .attribute
            .tag(),
        1
    );
    let policy = policy.refuse_mki();
    let taken = answer(SAVP, &[&with_mki, &without], &policy);
    assert_eq!(
        verdicts(&taken),
        [Verdict::Unacceptable(Unacceptable::Mki), Verdict::Chosen]
    );
    assert_eq!(srtp(taken).attribute.tag(), 2);
    assert_eq!(
        word(&answer(SAVP, &[&with_mki], &policy).decision),
        "ParameterProhibited"
    );
}

#[test]
fn mki_and_lifetime_are_written_if_the_policy_says_so_by_both_sides() {
    let lifetime = Lifetime::new(1 << 31).unwrap();
    for len in [1, 4, 128] {
        let policy = Policy::strong().write_mki(len).write_lifetime(lifetime);
        let offer = offer(&policy);
        let answer = srtp(answer(SAVP, &[&line(1, SUITE, 1, &[])], &policy));
        let written = offer.attributes().chain([&answer.attribute]);
        for key in written.flat_map(|line| line.keys()) {
            assert_eq!(key.mki(), Some(&Mki::from_value(1, len.into()).unwrap()));
            assert_eq!(key.lifetime(), Some(lifetime));
        }
        assert!(
            answer
                .attribute
                .secret_value()
                .ends_with(&format!("|2^31|1:{len}"))
        );
        let (sender, _) = answer.into_contexts();
        assert_eq!(sender.rtp_overhead(), 10 + usize::from(len));
    }
}

#[test]
fn a_second_line_with_a_tag_is_refused_whatever_the_first_came_to() {
    let (first, second, third) = (
        line(1, SUITE, 1, &[]),
        line(1, SUITE, 2, &[]),
        line(2, SUITE, 3, &[]),
    );
    let policy = Policy::strong();
    let duplicate = Verdict::Unacceptable(Unacceptable::DuplicateTag);
    let both = answer(SAVP, &[&first, "a=ptime:20", &second, &third], &policy);
    assert_eq!(
        verdicts(&both),
        [Verdict::Chosen, duplicate, Verdict::Acceptable]
    );
    let places: Vec<_> = both.diagnoses.iter().map(|it| (it.line, it.tag)).collect();
    assert_eq!(places, [(0, Some(1)), (2, Some(1)), (3, Some(2))]);
    let (_, mut receiver) = srtp(both).into_contexts();
    flow(&mut Sender::new(key(SUITE, 1)), &mut receiver);

    let (unlisted, unknown) = (
        line(1, AesCm128HmacSha1_32, 1, &[]),
        "a=crypto:1 SEED_X inline:x",
    );
    for (first, verdict) in [
        (
            unlisted.as_str(),
            Verdict::Unacceptable(Unacceptable::Suite),
        ),
        (unknown, Verdict::Skipped(SkipReason::UnknownSuite)),
    ] {
        let answer = answer(SAVP, &[first, &second, &third], &policy);
        assert_eq!(verdicts(&answer), [verdict, duplicate, Verdict::Chosen]);
        assert_eq!(srtp(answer).attribute.tag(), 2);
    }
}

#[test]
fn a_second_line_with_a_tag_does_not_change_the_reason_of_a_refusal() {
    let second = line(1, SUITE, 2, &[]);
    let unlisted = line(1, AesCm128HmacSha1_32, 1, &[]);
    let weak = line(1, SUITE, 1, &[Parameter::UnencryptedSrtcp]);
    for (first, expected) in [
        (unlisted.as_str(), Reason::NoCommonSuite),
        ("a=crypto:1 SEED_X inline:x", Reason::NoCommonSuite),
        (&weak, Reason::ParameterProhibited),
    ] {
        let alone = answer(SAVP, &[first], &Policy::strong());
        let both = answer(SAVP, &[first, &second], &Policy::strong());
        for answer in [alone, both] {
            let Decision::Reject(rejection) = answer.decision else {
                panic!("{:?}", answer.decision);
            };
            assert_eq!(rejection.reason, expected);
        }
    }
}

#[test]
fn own_order_takes_the_suite_that_stands_first_in_the_policy() {
    let lines = [
        line(1, AesCm128HmacSha1_32, 1, &[]),
        line(2, SUITE, 2, &[]),
        line(3, SUITE, 3, &[]),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let policy = Policy::compatible().suites(&[Aes256CmHmacSha1_80, SUITE, AesCm128HmacSha1_32]);
    let tag = |policy: &Policy| {
        let answer = answer(SAVP, &lines, policy);
        let chosen = answer
            .diagnoses
            .iter()
            .position(|it| it.verdict == Verdict::Chosen);
        let srtp = srtp(answer);
        assert_eq!(chosen.map(|at| at as u32 + 1), Some(srtp.attribute.tag()));
        srtp.attribute.tag()
    };
    assert_eq!(tag(&policy.clone().order(SuiteOrder::Offer)), 1);
    assert_eq!(
        tag(&policy.order(SuiteOrder::Own)),
        2,
        "and the first of its lines"
    );
}

#[test]
fn fec_behind_srtp_or_with_keys_of_its_own_is_refused_by_the_answerer() {
    let fec = [
        Parameter::FecOrder(FecOrder::SrtpFec),
        Parameter::FecKey(vec![key(SUITE, 9)]),
    ];
    for parameter in fec {
        let refused = answer(SAVP, &[&line(1, SUITE, 1, &[parameter])], &Policy::strong());
        assert_eq!(
            verdicts(&refused),
            [Verdict::Unacceptable(Unacceptable::Fec)]
        );
        assert_eq!(word(&refused.decision), "ParameterProhibited");
    }
}

// ── Answers ──

#[test]
fn an_answer_with_several_lines_is_refused_and_uses_nothing_up() {
    let mut offer = offer(&Policy::compatible());
    let good = line(1, SUITE, 1, &[]);
    for more in [
        good.as_str(),
        &line(2, AesCm128HmacSha1_32, 2, &[]),
        "a=crypto:x",
        "a=crypto:3 SEED_X inline:x",
    ] {
        for lines in [[good.as_str(), more], [more, good.as_str()]] {
            assert_eq!(
                outcome(&offer.accept(&section(SAVP, &lines))),
                "SeveralLines"
            );
        }
    }
    let srtp = accepted(offer.accept(&section(SAVP, &["a=sendrecv", &good])));
    assert!(srtp.sender.is_some());
}

#[test]
fn an_answer_that_changes_a_negotiated_parameter_is_refused_and_uses_nothing_up() {
    use Parameter as P;
    let policy = Policy::strong()
        .allow_unencrypted_srtp()
        .allow_unencrypted_srtcp()
        .allow_unauthenticated_srtp();
    let sets = || -> [Vec<Parameter>; 5] {
        [
            vec![],
            vec![P::UnencryptedSrtp],
            vec![P::UnencryptedSrtcp],
            vec![P::UnauthenticatedSrtp],
            vec![
                P::UnencryptedSrtp,
                P::UnencryptedSrtcp,
                P::UnauthenticatedSrtp,
            ],
        ]
    };
    for (n, offered) in sets().iter().enumerate() {
        let mut offer = sent(&[&line(1, SUITE, 1, offered)], &policy);
        for (m, answered) in sets().iter().enumerate() {
            if n != m {
                let word = outcome(&offer.accept(&section(SAVP, &[&line(1, SUITE, 2, answered)])));
                assert_eq!(word, "ParametersChanged", "{offered:?} {answered:?}");
            }
        }
        // Order is no change, nor is what each side declares for itself.
        let mut answered: Vec<_> = sets().into_iter().nth(n).unwrap();
        answered.reverse();
        answered.push(P::KeyDerivationRate(
            KeyDerivationRate::from_exponent(3).unwrap(),
        ));
        answered.push(P::WindowSizeHint(256));
        answered.push(P::FecOrder(FecOrder::FecSrtp));
        answered.push(P::Extension("-whatever".into()));
        let srtp = accepted(offer.accept(&section(SAVP, &[&line(1, SUITE, 2, &answered)])));
        assert!(srtp.sender.is_some());
    }
}

#[test]
fn a_tag_has_to_be_that_of_the_suite_unless_the_policy_is_lenient_and_only_one_line_fits() {
    let lines = [
        line(1, SUITE, 1, &[]),
        line(2, AesCm128HmacSha1_32, 2, &[]),
        line(3, AesCm128HmacSha1_32, 3, &[]),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let answers = [
        (line(1, SUITE, 9, &[]), "srtp", "srtp"),
        (line(9, SUITE, 9, &[]), "NotOffered", "srtp"),
        // The tag of another suite's line.
        (line(2, SUITE, 9, &[]), "NotOffered", "srtp"),
        (line(3, AesCm128HmacSha1_32, 9, &[]), "srtp", "srtp"),
        (
            line(1, AesCm128HmacSha1_32, 9, &[]),
            "NotOffered",
            "Ambiguous",
        ),
        (
            line(1, Aes256CmHmacSha1_80, 9, &[]),
            "NotOffered",
            "NotOffered",
        ),
        (
            "a=crypto:1 SEED_X inline:x".into(),
            "NotOffered",
            "NotOffered",
        ),
    ];
    for (answered, strictly, leniently) in answers {
        for (tags, expected) in [(TagMatch::Strict, strictly), (TagMatch::Lenient, leniently)] {
            let mut offer = sent(&lines, &Policy::compatible().tags(tags));
            assert_eq!(
                outcome(&offer.accept(&section(SAVP, &[&answered]))),
                expected,
                "{tags:?}"
            );
        }
    }
}

#[test]
fn each_line_has_one_sender_and_it_has_the_key_of_the_line_that_was_answered() {
    let mut offer = offer(&Policy::compatible());
    let keys: Vec<MasterKey> = offer
        .attributes()
        .map(|line| line.keys()[0].secret_copy())
        .collect();
    let suites: Vec<CryptoSuite> = keys.iter().map(MasterKey::suite).collect();
    for (round, has_sender) in [(0, true), (1, false), (2, false)] {
        // The last line first: which one is answered is the peer's choice.
        for (n, suite) in suites.iter().enumerate().rev() {
            let tag = n as u32 + 1;
            let seed = 10 + round * 3 + n as u8;
            let answered = line(tag, *suite, seed, &[]);
            let mut srtp = accepted(offer.accept(&section(SAVP, &[&answered])));
            assert_eq!((srtp.tag, srtp.sender.is_some()), (tag, has_sender));
            flow(&mut Sender::new(key(*suite, seed)), &mut srtp.receiver);
            if let Some(sender) = &mut srtp.sender {
                flow(sender, &mut Receiver::new(keys[n].secret_copy()));
            }
        }
    }
}

#[test]
fn an_offer_rebuilt_from_its_lines_is_the_same_offer() {
    let policy = Policy::compatible().write_mki(2);
    let offer = offer(&policy);
    let lines: Vec<_> = offer.attributes().map(|line| line.secret_line()).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    let mut rebuilt =
        Offer::from_secret_section(&section(offer.profile().name(), &lines), &policy).unwrap();
    assert_eq!(rebuilt.profile(), offer.profile());
    let again: Vec<_> = rebuilt
        .attributes()
        .map(|line| line.secret_line())
        .collect();
    assert_eq!(
        again.iter().map(|line| line.as_str()).collect::<Vec<_>>(),
        lines
    );
    let answer = srtp(answer(AVP, &lines, &policy));
    let answered = answer.attribute.secret_line();
    let srtp = accepted(rebuilt.accept(&section(AVP, &[&answered])));
    let (mut tx, mut rx) = answer.into_contexts();
    let (mut own_tx, mut own_rx) = (srtp.sender.unwrap(), srtp.receiver);
    flow(&mut own_tx, &mut rx);
    flow(&mut tx, &mut own_rx);
}

#[test]
fn an_offer_that_cannot_have_been_sent_so_is_not_rebuilt() {
    let policy = Policy::compatible();
    let rebuild = |transport, lines: &[&str]| {
        Offer::from_secret_section(&section(transport, lines), &policy).map(|it| it.profile())
    };
    let (one, other) = (line(1, SUITE, 1, &[]), line(1, SUITE, 2, &[]));
    let unknown = "a=crypto:1 SEED_X inline:x";
    assert_eq!(rebuild(SAVP, &[&one, unknown]), Ok(Profile::Savp));
    assert_eq!(
        rebuild(SAVP, &["a=ptime:20", &one, &other]),
        Err(SectionError::DuplicateTag { line: 2, tag: 1 })
    );
    let broken = "a=crypto:2 AES_CM_128_HMAC_SHA1_80";
    let Err(SectionError::InvalidLine { line: 1, source }) = rebuild(AVP, &[&one, broken]) else {
        panic!("the second line has no key");
    };
    assert_eq!(source.kind, LineErrorKind::KeyMissing);
    let error = rebuild("UDP/TLS/RTP/SAVPF", &[&one]).unwrap_err();
    assert_eq!(error, SectionError::Transport(NotSdes));
}

#[test]
fn a_key_that_the_offer_has_is_refused_in_our_own_answer_too() {
    let offered = line(1, SUITE, 1, &[]);
    let answer = Answer::to_with(
        &section(SAVP, &[&offered]),
        &Policy::strong(),
        Signalling::Secure,
        |suite| Ok::<_, ()>(key(suite, 1)),
    );
    assert_eq!(answer.unwrap_err(), GenerateError::Repeated);
    let failing = |_| Err::<MasterKey, _>("no random bytes");
    let answer = Answer::to_with(
        &section(SAVP, &[&offered]),
        &Policy::strong(),
        Signalling::Secure,
        failing,
    );
    assert_eq!(
        answer.unwrap_err(),
        GenerateError::Failed("no random bytes")
    );
    let offer = Offer::with(&Policy::strong(), Signalling::Secure, failing);
    assert_eq!(offer.unwrap_err(), GenerateError::Failed("no random bytes"));
}

/// RFC 4568 §6.1: all keys of an SDP are different, those of several sections too.
#[test]
fn offers_for_two_sections_tell_whether_a_key_stands_in_both() {
    let of = |seeds: &[u8]| {
        let lines: Vec<_> = (1..).zip(seeds).collect();
        let lines = lines
            .iter()
            .map(|(tag, seed)| line(*tag, SUITE, **seed, &[]));
        let lines: Vec<_> = lines.collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        sent(&lines, &Policy::strong())
    };
    for (one, other, shares) in [
        (&[1, 2, 3][..], &[4, 5, 6][..], false),
        (&[1, 2, 3], &[1, 5, 6], true),
        (&[1, 2, 3], &[4, 5, 2], true),
        (&[3], &[1, 2, 3], true),
        (&[3], &[1, 2], false),
        (&[], &[1, 2], false),
        (&[], &[], false),
    ] {
        let (one, other) = (of(one), of(other));
        assert_eq!(one.shares_key_with(&other), shares);
        assert_eq!(other.shares_key_with(&one), shares);
    }
    // Under another suite, and behind another key of its line, it is the same key.
    let under = |suite| sent(&[&line(1, suite, 1, &[])], &Policy::strong());
    assert!(under(SUITE).shares_key_with(&under(AesCm128HmacSha1_32)));
    let keys = [(7, 1), (1, 2)].map(|(seed, mki)| {
        let mki = Mki::from_value(mki, 1).unwrap();
        key(SUITE, seed).with_mki(mki)
    });
    let two = CryptoAttribute::new(1, None, &keys, &[]).unwrap();
    let two = sent(&[&two.secret_line()], &Policy::strong());
    assert!(under(SUITE).shares_key_with(&two) && two.shares_key_with(&under(SUITE)));
}

// ── What is declared shapes the direction of who declares it ──

/// Packets of both planes, over several new session keys if there are any, come out as they went in.
#[track_caller]
fn flow(tx: &mut Sender, rx: &mut Receiver) {
    for plane in PLANES {
        for seq in 1..=9 {
            let packet = plain(plane, 7, seq, b"from one to the other...");
            let sent = protect(tx, plane, &packet).unwrap();
            assert_eq!(unprotect(rx, plane, &sent), Ok(packet), "{plane} {seq}");
        }
    }
}

fn twice() -> Parameter {
    Parameter::KeyDerivationRate(KeyDerivationRate::from_exponent(1).unwrap())
}

/// A sender with new session keys every other packet.
fn at_rate(key: MasterKey) -> Sender {
    let rate = KeyDerivationRate::from_exponent(1).unwrap();
    Sender::builder(key)
        .key_derivation_rate(rate)
        .build()
        .unwrap()
}

#[track_caller]
fn needs_the_rate(rx: &mut Receiver, key: impl Fn() -> MasterKey) {
    flow(&mut at_rate(key()), rx);
    for plane in PLANES {
        let mut without = Sender::new(key());
        for seq in 1..20 {
            let _ = protect(&mut without, plane, &plain(plane, 9, seq, b"")).unwrap();
        }
        let sent = protect(&mut without, plane, &plain(plane, 9, 20, b"")).unwrap();
        let refused = unprotect(rx, plane, &sent);
        assert!(
            matches!(refused, Err(UnprotectError::AuthenticationFailed { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn the_rate_that_a_side_declares_is_that_of_what_it_sends_and_the_other_receives() {
    // The offer declares one, the answer none.
    let offered = line(1, SUITE, 1, &[twice()]);
    let answer = srtp(answer(SAVP, &[&offered], &Policy::strong()));
    let answered = answer.attribute.secret_line();
    let ours = answer.attribute.keys()[0].secret_copy();
    let (mut tx, mut rx) = answer.into_contexts();
    needs_the_rate(&mut rx, || key(SUITE, 1));
    flow(&mut tx, &mut Receiver::new(ours));
    let mut offer = sent(&[&offered], &Policy::strong());
    let taken = accepted(offer.accept(&section(SAVP, &[&answered])));
    let rate = KeyDerivationRate::from_exponent(1).unwrap();
    let mut at_rate = Receiver::builder(key(SUITE, 1))
        .key_derivation_rate(rate)
        .build()
        .unwrap();
    flow(&mut taken.sender.unwrap(), &mut at_rate);

    // The answer declares one, the offer none.
    let mut offer = sent(&[&line(1, SUITE, 1, &[])], &Policy::strong());
    let mut taken = accepted(offer.accept(&section(SAVP, &[&line(1, SUITE, 2, &[twice()])])));
    needs_the_rate(&mut taken.receiver, || key(SUITE, 2));
    flow(
        &mut taken.sender.unwrap(),
        &mut Receiver::new(key(SUITE, 1)),
    );
}

#[test]
fn the_policys_rate_is_declared_by_offers_and_answers_and_kept_by_their_senders() {
    let rate = KeyDerivationRate::from_exponent(1).unwrap();
    let policy = Policy::strong().key_derivation_rate(rate);
    let answer = srtp(answer(SAVP, &[&line(1, SUITE, 1, &[])], &policy));
    assert_eq!(answer.attribute.parameters()[0].to_string(), "KDR=1");
    let ours = answer.attribute.keys()[0].secret_copy();
    let (mut tx, mut rx) = answer.into_contexts();
    flow(
        &mut tx,
        &mut Receiver::builder(ours)
            .key_derivation_rate(rate)
            .build()
            .unwrap(),
    );
    flow(&mut Sender::new(key(SUITE, 1)), &mut rx);
    let offer = offer(&policy);
    for line in offer.attributes() {
        assert_eq!(line.parameters()[0].to_string(), "KDR=1");
    }
}

/// Receives a packet and then one that is so many behind it.
fn receive_behind(tx: &mut Sender, rx: &mut Receiver, behind: u16) -> Result<(), UnprotectError> {
    let first = 40_000;
    let late = protect(tx, Plane::Rtp, &plain(Plane::Rtp, 3, first, b"late")).unwrap();
    for step in (0..=behind).step_by(20_000).skip(1).chain([behind]) {
        let newest = plain(Plane::Rtp, 3, first.wrapping_add(step), b"newest");
        if let Ok(sent) = protect(tx, Plane::Rtp, &newest) {
            unprotect(rx, Plane::Rtp, &sent).unwrap();
        }
    }
    unprotect(rx, Plane::Rtp, &late).map(drop)
}

#[test]
fn a_window_hint_enlarges_the_window_of_who_receives_from_the_hinting_side() {
    let hints = [
        (None, 1024),
        (Some(64), 1024),
        (Some(2000), 2000),
        (Some(32_768), 32_768),
        (Some(u64::MAX), 32_768),
    ];
    for (hint, window) in hints {
        let parameters: Vec<Parameter> = hint.map(Parameter::WindowSizeHint).into_iter().collect();
        let (hinting, plain_line) = (line(1, SUITE, 1, &parameters), line(1, SUITE, 1, &[]));
        let of_answerer = || {
            srtp(answer(SAVP, &[&hinting], &Policy::strong()))
                .into_contexts()
                .1
        };
        let of_offerer = || {
            let mut offer = sent(&[&line(1, SUITE, 2, &[])], &Policy::strong());
            accepted(offer.accept(&section(SAVP, &[&hinting]))).receiver
        };
        for (side, receiver) in [
            ("answerer", &of_answerer as &dyn Fn() -> Receiver),
            ("offerer", &of_offerer),
        ] {
            let behind = |n| receive_behind(&mut Sender::new(key(SUITE, 1)), &mut receiver(), n);
            assert_eq!(behind(window - 1), Ok(()), "{side} {hint:?}");
            // Half of the sequence numbers behind, a packet seems to be ahead.
            let is_refused = match behind(window) {
                Err(TooOld { .. }) => true,
                other => window == 32_768 && other.is_err(),
            };
            assert!(is_refused, "{side} {hint:?}");
        }
        // What the other side hinted at does not matter to a receiver.
        let mut offer = sent(&[&hinting], &Policy::strong());
        let mut srtp = accepted(offer.accept(&section(
            SAVP,
            &[&plain_line.replace(
                &*key(SUITE, 1).secret_base64(),
                &key(SUITE, 5).secret_base64(),
            )],
        )));
        let late = receive_behind(&mut Sender::new(key(SUITE, 5)), &mut srtp.receiver, 1024);
        assert!(matches!(late, Err(TooOld { .. })), "{hint:?}");
    }
}

#[test]
fn all_keys_of_a_line_are_received_and_the_first_is_sent_with() {
    let mki = |n| Mki::from_value(n, 3).unwrap();
    let keys = || [1, 2, 3].map(|n| key(SUITE, n).with_mki(mki(n.into())));
    let several = CryptoAttribute::new(1, None, &keys(), &[])
        .unwrap()
        .secret_line();
    let (_, mut receiver) = srtp(answer(SAVP, &[&several], &Policy::strong())).into_contexts();
    assert_eq!(receiver.keys().count(), 3);
    for (n, key) in keys().into_iter().enumerate() {
        let packet = plain(Plane::Rtp, 1, n as u16, b"any of the keys");
        let sent = protect(&mut Sender::new(key), Plane::Rtp, &packet).unwrap();
        assert_eq!(unprotect(&mut receiver, Plane::Rtp, &sent), Ok(packet));
    }
    let mut offer = sent(&[&several], &Policy::strong());
    let taken = accepted(offer.accept(&section(SAVP, &[&line(1, SUITE, 9, &[])])));
    let [first, ..] = keys();
    flow(&mut taken.sender.unwrap(), &mut Receiver::new(first));
}

#[test]
fn the_srtcp_tag_of_32_is_that_of_the_policy_under_every_such_suite_and_under_no_other() {
    for suite in CryptoSuite::ALL {
        let is_32 = suite.rtp_tag_len() == 4;
        for (tag, bytes) in [
            (SrtcpTagOf32::TenBytes, 10),
            (SrtcpTagOf32::FourBytes, 4),
            (SrtcpTagOf32::AcceptEither, 10),
        ] {
            let policy = Policy::strong().suites(&[suite]).srtcp_tag_of_32(tag);
            let answer = srtp(answer(SAVP, &[&line(1, suite, 1, &[])], &policy));
            let mut offer = offer(&policy);
            let taken = accepted(offer.accept(&section(SAVP, &[&line(1, suite, 2, &[])])));
            for sender in [answer.into_contexts().0, taken.sender.unwrap()] {
                let bytes = if is_32 { bytes } else { suite.rtcp_tag_len() };
                assert_eq!(sender.rtcp_overhead(), 4 + bytes, "{suite} {tag:?}");
                assert_eq!(
                    sender.rtp_overhead(),
                    suite.rtp_tag_len(),
                    "{suite} {tag:?}"
                );
            }
        }
    }
}

// ── Text that no line may have ──

#[test]
fn what_cannot_be_parsed_is_not_written() {
    let keys =
        |n: usize| -> Vec<MasterKey> { (1..).take(n).map(|seed| key(SUITE, seed)).collect() };
    let mki = |n, len| Mki::from_value(n, len).unwrap();
    let new = |tag, name, keys: &[MasterKey], parameters: &[Parameter]| {
        CryptoAttribute::new(tag, name, keys, parameters).unwrap_err()
    };
    use LineErrorKind as Kind;
    assert_eq!(new(1, None, &[], &[]), Kind::KeyMissing);
    assert_eq!(new(1_000_000_000, None, &keys(1), &[]), Kind::Tag);
    for name in [
        "",
        "AES_CM_128_HMAC_SHA1_32",
        "AES_CM_128_HMAC_SHA1_80 ",
        "x",
    ] {
        assert_eq!(new(1, Some(name), &keys(1), &[]), Kind::Suite);
    }
    assert_eq!(new(1, None, &keys(2), &[]), Kind::MkiMissing);
    let zero = [key(SUITE, 1).with_mki(mki(0, 4))];
    assert_eq!(new(1, None, &zero, &[]), Kind::Mki);
    let mixed = [
        key(SUITE, 1).with_mki(mki(1, 1)),
        key(SUITE, 2).with_mki(mki(2, 2)),
    ];
    assert_eq!(new(1, None, &mixed, &[]), Kind::MkiLengthMixed);
    let same = [
        key(SUITE, 1).with_mki(mki(1, 1)),
        key(SUITE, 2).with_mki(mki(1, 1)),
    ];
    assert_eq!(new(1, None, &same, &[]), Kind::MkiDuplicate);
    let again = [
        key(SUITE, 1).with_mki(mki(1, 1)),
        key(SUITE, 1).with_mki(mki(2, 1)),
    ];
    assert_eq!(new(1, None, &again, &[]), Kind::KeyReused);
    let other = [key(SUITE, 1), key(AesCm128HmacSha1_32, 2)];
    assert_eq!(new(1, None, &other, &[]), Kind::Suite);
    assert_eq!(
        new(1, None, &keys(1), &[Parameter::WindowSizeHint(63)]),
        Kind::SessionParameter
    );
    assert_eq!(
        new(1, None, &keys(1), &[twice(), twice()]),
        Kind::SessionParameterDuplicate
    );
    assert_eq!(
        new(1, None, &keys(1), &[Parameter::FecKey(keys(1))]),
        Kind::KeyReused
    );
    let gcm = [key(CryptoSuite::AeadAes128Gcm, 1)];
    assert_eq!(
        new(1, None, &gcm, &[Parameter::UnencryptedSrtp]),
        Kind::SessionParameterConflict
    );
}

#[test]
fn a_line_has_at_most_4096_bytes_and_64_keys() {
    let with = |len: usize| {
        let line = line(1, SUITE, 1, &[]) + " -";
        let value = line.len() - "a=crypto:".len();
        line + &"x".repeat(len - value)
    };
    let parse = |line: &str| CryptoAttribute::parse(line, ParseMode::Tolerant);
    assert!(matches!(parse(&with(4096)), Line::Usable(_)));
    let too_long = parse(&with(4097));
    assert!(
        matches!(too_long, Line::Invalid(error) if error.kind == LineErrorKind::TooLong && error.offset == 9)
    );
    // As many keys as a context takes do not fit into a line of that length, whichever the suite.
    let shortest = "inline:".len() + 40 + "|1:1;".len();
    assert!(64 * shortest > 3000 && 80 * shortest > 4096);
    let keys: Vec<MasterKey> = (1..=65)
        .map(|n| key(SUITE, n).with_mki(Mki::from_value(n.into(), 1).unwrap()))
        .collect();
    let attribute = CryptoAttribute::new(1, None, &keys[..64], &[]).unwrap();
    assert_eq!(attribute.keys().len(), 64);
    let (_, receiver) =
        srtp(answer(SAVP, &[&attribute.secret_line()], &Policy::strong())).into_contexts();
    assert_eq!(receiver.keys().count(), 64);
    assert_eq!(
        CryptoAttribute::new(1, None, &keys, &[]).unwrap_err(),
        LineErrorKind::TooManyKeys
    );
}

#[test]
fn a_rejection_is_a_value_that_can_be_kept() {
    let rejection = |transport| match answer(transport, &[], &Policy::strong()).decision {
        Decision::Reject(rejection) => rejection,
        other => panic!("{other:?}"),
    };
    let (one, other): (Rejection, Rejection) = (rejection(SAVP), rejection(AVP));
    assert_ne!(one, other);
    assert_eq!(one, rejection(SAVP));
}

#[test]
fn contexts_straight_from_a_line_have_its_session_parameters() {
    let key = fresh(CryptoSuite::AesCm128HmacSha1_80).unwrap();
    let rate = srtp_sdes::KeyDerivationRate::from_exponent(1).unwrap();
    let parameters = [
        srtp_sdes::sdes::SessionParameter::UnencryptedSrtcp,
        srtp_sdes::sdes::SessionParameter::KeyDerivationRate(rate),
    ];
    let line = CryptoAttribute::new(1, None, &[key], &parameters).unwrap();
    let mut sender = line.secret_sender().unwrap().unwrap();
    let mut receiver = line.secret_receiver().unwrap().unwrap();
    for seq in 0..5 {
        let mut media = common::rtp(7, seq, b"media");
        sender.protect_rtp_vec(&mut media).unwrap();
        receiver.unprotect_rtp_vec(&mut media).unwrap();
        assert_eq!(media, common::rtp(7, seq, b"media"));
    }
    let mut control = common::rtcp(7, &[1, 2, 3, 4]);
    sender.protect_rtcp_vec(&mut control).unwrap();
    assert_eq!(
        control[8..16],
        [1, 2, 3, 4, 0, 0, 0, 0],
        "in the clear, E = 0"
    );
    receiver.unprotect_rtcp_vec(&mut control).unwrap();
}
