//! Offers and answers between real systems, each with the decision that has to come of it.

mod common;

use common::{fresh, read_json};
use serde::Deserialize;
use srtp_sdes::CryptoSuite;
use srtp_sdes::sdes::{
    Accepted, Answer, CryptoInAvp, Decision, MediaSection, Offer, Policy, RejectReason, Signalling,
    SipHint, SkipReason, SrtpMode, SuiteOrder, TagMatch, Verdict,
};

#[derive(Deserialize)]
struct Case {
    id: String,
    role: String,
    title: String,
    policy: Option<CasePolicy>,
    offer: Option<String>,
    answer: Option<String>,
    expect: serde_json::Value,
}

#[derive(Deserialize)]
struct CasePolicy {
    srtp: String,
    avp_crypto: String,
    suites: Vec<String>,
    pick: String,
    tag_match: String,
    mki: bool,
    allow_params: Vec<String>,
    answer_profile: String,
    require_secure_signalling: bool,
    signalling_secure: bool,
}

impl CasePolicy {
    fn policy(&self) -> Policy {
        let suites: Vec<CryptoSuite> = self.suites.iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!(self.answer_profile, "as_offered");
        assert!(self.mki && self.require_secure_signalling);
        let mut policy = Policy::compatible()
            .suites(&suites)
            .mode(match self.srtp.as_str() {
                "disabled" => SrtpMode::Disabled,
                "optional" => SrtpMode::Opportunistic,
                "required" => SrtpMode::Required,
                mode => panic!("{mode}"),
            })
            .crypto_in_avp(match self.avp_crypto.as_str() {
                "accept" => CryptoInAvp::Accept,
                "reject" => CryptoInAvp::Reject,
                meaning => panic!("{meaning}"),
            })
            .order(match self.pick.as_str() {
                "offer_order" => SuiteOrder::Offer,
                "own_order" => SuiteOrder::Own,
                order => panic!("{order}"),
            })
            .tags(match self.tag_match.as_str() {
                "strict" => TagMatch::Strict,
                "lenient" => TagMatch::Lenient,
                tags => panic!("{tags}"),
            });
        for parameter in &self.allow_params {
            policy = match parameter.as_str() {
                "UNENCRYPTED_SRTCP" => policy.allow_unencrypted_srtcp(),
                parameter => panic!("{parameter}"),
            };
        }
        policy
    }

    fn signalling(&self) -> Signalling {
        match self.signalling_secure {
            true => Signalling::Secure,
            false => Signalling::Clear,
        }
    }
}

fn cases(role: &str, expected: usize) -> Vec<Case> {
    let cases: Vec<Case> = read_json("sdes/negotiation.json");
    assert_eq!(cases.len(), 52);
    let cases: Vec<_> = cases.into_iter().filter(|case| case.role == role).collect();
    assert_eq!(cases.len(), expected);
    cases
}

/// One `m=` section: transport, port, attribute lines.
struct Section<'a> {
    transport: &'a str,
    port: u16,
    attributes: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn all(sdp: &'a str) -> Vec<Self> {
        let mut sections: Vec<Self> = Vec::new();
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                let mut fields = media.split(' ').skip(1);
                let port = fields.next().unwrap().parse().unwrap();
                let transport = fields.next().unwrap();
                let attributes = Vec::new();
                sections.push(Self {
                    transport,
                    port,
                    attributes,
                });
            } else if let (Some(section), true) = (sections.last_mut(), line.starts_with("a=")) {
                section.attributes.push(line);
            }
        }
        sections
    }

    fn media(&self) -> MediaSection<'_> {
        MediaSection {
            transport: self.transport,
            port: self.port,
            attributes: &self.attributes,
        }
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn every_offer_is_answered_as_expected() {
    for case in cases("answerer", 26) {
        let what = format!("{} {}", case.id, case.title);
        let given = case.policy.as_ref().unwrap();
        let (policy, signalling) = (given.policy(), given.signalling());
        let offer = case.offer.as_ref().unwrap();
        let sections = Section::all(offer);
        let expected = case.expect["m"].as_array().unwrap();
        assert_eq!(sections.len(), expected.len(), "{what}");
        let mut all_rejected = true;
        let mut hint = None;
        for (section, expected) in sections.iter().zip(expected) {
            let answer = Answer::to_with(&section.media(), &policy, signalling, fresh).unwrap();
            let lines = section
                .attributes
                .iter()
                .filter(|it| it.starts_with("a=crypto:"))
                .count();
            assert_eq!(
                answer.diagnoses.len(),
                lines,
                "{what}: one diagnosis a line"
            );
            let chosen: Vec<_> = answer
                .diagnoses
                .iter()
                .filter(|it| it.verdict == Verdict::Chosen)
                .collect();
            match answer.decision {
                Decision::Srtp(srtp) => {
                    all_rejected = false;
                    assert_eq!(text(&expected["decision"]), "srtp", "{what}");
                    assert_eq!(expected["tag"], srtp.attribute.tag(), "{what}");
                    assert_eq!(chosen.len(), 1, "{what}");
                    assert_eq!(chosen[0].tag, Some(srtp.attribute.tag()));
                    assert_eq!(text(&expected["suite"]), srtp.suite().name(), "{what}");
                    assert_eq!(text(&expected["profile"]), srtp.profile.name(), "{what}");
                    let offered = section.attributes[chosen[0].line];
                    assert!(
                        offered.contains(srtp.attribute.suite_name()),
                        "{what}: as written"
                    );
                    let answered: Vec<_> = srtp
                        .attribute
                        .parameters()
                        .iter()
                        .map(ToString::to_string)
                        .collect();
                    if let Some(parameters) = expected["answer_params"].as_array() {
                        let parameters: Vec<_> = parameters.iter().map(text).collect();
                        assert_eq!(answered, parameters, "{what}");
                    }
                    let own = srtp.attribute.keys()[0].secret_base64();
                    assert!(!offer.contains(own.as_str()), "{what}: a key of our own");
                    let (sender, receiver) = srtp.into_contexts();
                    assert_eq!(sender.suite(), receiver.suite());
                    if let Some(keys) = expected["rx_keys"].as_u64() {
                        assert_eq!(receiver.keys().count() as u64, keys, "{what}");
                    }
                }
                Decision::PlainRtp(plain) => {
                    all_rejected = false;
                    assert_eq!(text(&expected["decision"]), "rtp", "{what}");
                    assert_eq!(text(&expected["profile"]), plain.profile.name(), "{what}");
                    assert!(chosen.is_empty(), "{what}");
                }
                Decision::Reject(rejection) => {
                    assert_eq!(
                        text(&expected["decision"]),
                        "reject",
                        "{what}: {rejection:?}"
                    );
                    let reason = match rejection.reason {
                        RejectReason::CryptoInAvp => "a=crypto in RTP/AVP refused by policy",
                        RejectReason::SrtpDisabled => "SRTP disabled",
                        RejectReason::NoValidLine => "no valid line",
                        RejectReason::ParameterProhibited => "parameter prohibited by policy",
                        RejectReason::NoKeying => "secure profile without keying",
                        RejectReason::NoCommonSuite => "no supported suite",
                        RejectReason::SignallingNotSecure => "signalling not secure",
                        reason => panic!("{what}: {reason:?}"),
                    };
                    assert_eq!(text(&expected["reason"]), reason, "{what}");
                    hint = Some(rejection.sip_hint());
                }
                Decision::NotSdes => {
                    assert_eq!(text(&expected["decision"]), "reject", "{what}");
                    assert_eq!(text(&expected["reason"]), "not an SDES profile", "{what}");
                }
                decision => panic!("{what}: {decision:?}"),
            }
        }
        let status = match hint.filter(|_| all_rejected) {
            Some(SipHint::Refuse {
                status,
                q850_cause: 88,
                ..
            }) => Some(u64::from(status)),
            None => None,
            hint => panic!("{what}: {hint:?}"),
        };
        assert_eq!(case.expect["sip_hint"].as_u64(), status, "{what}");
    }
}

#[test]
fn every_answer_is_judged_as_expected() {
    for case in cases("offerer", 14) {
        let what = format!("{} {}", case.id, case.title);
        let policy = case.policy.as_ref().unwrap().policy();
        let offered = Section::all(case.offer.as_ref().unwrap());
        let answered = Section::all(case.answer.as_ref().unwrap());
        let expected = case.expect["m"].as_array().unwrap();
        assert_eq!(offered.len(), answered.len());
        assert_eq!(offered.len(), expected.len());
        for ((offered, answered), expected) in offered.iter().zip(&answered).zip(expected) {
            let mut offer = Offer::from_secret_section(&offered.media(), &policy).unwrap();
            match offer.accept(&answered.media()) {
                Accepted::Srtp(srtp) => {
                    assert_eq!(text(&expected["decision"]), "srtp", "{what}");
                    assert_eq!(expected["tag"], srtp.tag, "{what}");
                    assert_eq!(text(&expected["profile"]), srtp.profile.name(), "{what}");
                    assert_eq!(
                        text(&expected["suite"]),
                        srtp.receiver.suite().name(),
                        "{what}"
                    );
                    assert_eq!(srtp.sender.unwrap().suite(), srtp.receiver.suite());
                }
                Accepted::PlainRtp(plain) => {
                    assert_eq!(text(&expected["decision"]), "rtp", "{what}");
                    assert_eq!(text(&expected["profile"]), plain.profile.name(), "{what}");
                }
                Accepted::RefusedByPeer => {
                    assert_eq!(text(&expected["decision"]), "rejected_by_peer", "{what}");
                }
                Accepted::Reject(rejection) => {
                    assert_eq!(text(&expected["decision"]), "fail", "{what}: {rejection:?}");
                    let reason = match rejection.reason {
                        RejectReason::NotOffered => "suite not offered",
                        RejectReason::Ambiguous => "ambiguous",
                        RejectReason::AnsweredWithoutCrypto => "accepted without crypto",
                        RejectReason::SrtpRequired => "SRTP required",
                        RejectReason::KeyRepeated => "answer key equals offer key",
                        RejectReason::InvalidAnswer(_) => "unknown mandatory parameter",
                        RejectReason::CryptoNotOffered => "crypto not offered",
                        reason => panic!("{what}: {reason:?}"),
                    };
                    assert_eq!(text(&expected["reason"]), reason, "{what}");
                    assert_eq!(rejection.sip_hint(), SipHint::End { q850_cause: 88 });
                }
                accepted => panic!("{what}: {accepted:?}"),
            }
        }
    }
}

/// SEED (RFC 5669) is registered and not built in; ARIA has no names in SDP, and is built in with a feature.
#[test]
fn a_line_under_a_cipher_that_is_not_built_in_is_passed_over_for_the_next_one() {
    let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    for (name, is_known) in [
        ("SEED_CTR_128_HMAC_SHA1_80", false),
        ("SEED_128_CCM_80", false),
        ("SEED_128_GCM_96", false),
        ("SRTP_ARIA_128_CTR_HMAC_SHA1_80", cfg!(feature = "aria")),
    ] {
        let lines = [
            format!("a=crypto:1 {name} {key}"),
            format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 {key}"),
        ];
        let offer = MediaSection {
            transport: "RTP/SAVP",
            port: 4000,
            attributes: &lines.each_ref().map(String::as_str),
        };
        let answer = Answer::to_with(&offer, &Policy::strong(), Signalling::Secure, fresh).unwrap();
        let Decision::Srtp(srtp) = answer.decision else {
            panic!("{name}: {:?}", answer.decision)
        };
        assert_eq!(srtp.attribute.tag(), 2, "{name}");
        let passed_over = answer.diagnoses[0].verdict;
        let is_unknown = passed_over == Verdict::Skipped(SkipReason::UnknownSuite);
        assert_eq!(is_unknown, !is_known, "{name}: {passed_over:?}");
        assert!(is_unknown || matches!(passed_over, Verdict::Unacceptable(_)));
    }
}
