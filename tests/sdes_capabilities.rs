//! Potential configurations (RFC 5939) that carry `a=crypto`: what is answered, what is passed over, and what names it.

mod common;

use std::cell::Cell;

use common::{PLANES, fresh, key, plain, protect, read_json, unprotect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use srtp_sdes::CryptoSuite::{self, AesCm128HmacSha1_32, AesCm128HmacSha1_80};
use srtp_sdes::MasterKey;
use srtp_sdes::sdes::{
    Accepted, Answer, AnsweredProfile, ConfigurationVerdict as V, CryptoAttribute, CryptoInAvp,
    Decision, Deletes, MediaSection, Offer, Policy, Profile, RejectReason, Signalling, SrtpAnswer,
    SuiteOrder, Unusable, Verdict, sections, session_attributes,
};

const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4";
const OTHER_KEY: &str = "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^20|1:32";
const VIDEO_KEY: &str = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32";

/// A policy that answers potential configurations, and whose application knows no other attribute.
fn answering() -> Policy {
    Policy::compatible().answer_capabilities(&[])
}

fn answer(sdp: &str, section: usize, policy: &Policy) -> Answer {
    let media = &sections(sdp)[section];
    let (session, way) = (session_attributes(sdp), Signalling::Secure);
    Answer::in_session_with(&session, &media.media(), policy, way, fresh).unwrap()
}

#[track_caller]
fn srtp(answer: Answer) -> SrtpAnswer {
    match answer.decision {
        Decision::Srtp(srtp) => *srtp,
        other => panic!("{other:?}"),
    }
}

fn verdicts(answer: &Answer) -> Vec<V> {
    answer.configurations.iter().map(|it| it.verdict).collect()
}

/// The offer of a section with these attributes, one a line.
fn offer(transport: &str, attributes: &str) -> String {
    format!("v=0\r\ns=-\r\nm=audio 53456 {transport} 0 18\r\n{attributes}\r\n")
}

/// What comes of a plain offer with one potential configuration, beside three transports (1 to 3: `RTP/SAVP`, `RTP/SAVPF`, DTLS-SRTP) and
/// five attributes (1, 2: crypto lines; 3: `rtcp-fb`; 4: `key-mgmt`; 5: a suite that is not of the policy).
fn answer_to(configuration: &str, policy: &Policy) -> Answer {
    let attributes = [
        "a=tcap:1 RTP/SAVP RTP/SAVPF UDP/TLS/RTP/SAVP",
        &format!("a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}"),
        &format!("a=acap:2 crypto:2 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}"),
        "a=acap:3 rtcp-fb:0 nack",
        "a=acap:4 key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO",
        "a=acap:5 crypto:5 SEED_CTR_128_HMAC_SHA1_80 inline:AAAA",
        configuration,
    ];
    answer(&offer("RTP/AVP", &attributes.join("\r\n")), 0, policy)
}

/// The value of the `a=acfg` that the answer has.
#[track_caller]
fn named(configuration: &str, policy: &Policy) -> String {
    let srtp = srtp(answer_to(configuration, policy));
    srtp.configuration.unwrap().to_string()
}

// ── The RFC's examples ──

/// §3.2
fn first_example() -> String {
    let cases: serde_json::Value = read_json("sdes/negotiation.json");
    let cases = cases.as_array().unwrap().iter();
    let case = cases.into_iter().find(|case| case["id"] == "N049").unwrap();
    case["offer"].as_str().unwrap().to_owned()
}

#[test]
fn by_default_the_actual_configuration_is_answered_and_the_caller_sees_what_was_passed_over() {
    let offer = first_example();
    for policy in [Policy::compatible(), Policy::when_offered()] {
        let answer = answer(&offer, 0, &policy);
        let Decision::PlainRtp(plain) = answer.decision else {
            panic!("{answer:?}")
        };
        assert_eq!(plain.profile, Profile::Avp);
        let [configuration] = answer.configurations[..] else {
            panic!("{answer:?}")
        };
        assert_eq!((configuration.line, configuration.number), (2, Some(1)));
        assert_eq!(configuration.verdict, V::PassedOver);
        assert!(answer.diagnoses.is_empty());
    }
    let Decision::Reject(rejection) = answer(&offer, 0, &Policy::strong()).decision else {
        panic!()
    };
    assert_eq!(rejection.reason, RejectReason::SrtpRequired);
}

#[test]
fn the_first_example_of_the_rfc_is_answered_as_there() {
    let offer = first_example();
    let answered = answer(&offer, 0, &answering());
    assert_eq!(verdicts(&answered), [V::Chosen]);
    let [diagnosis] = answered.diagnoses[..] else {
        panic!("{answered:?}")
    };
    assert_eq!((diagnosis.line, diagnosis.tag), (1, Some(1)), "of the acap");
    assert_eq!(diagnosis.verdict, Verdict::Chosen);
    let srtp = srtp(answered);
    let body = "v=0\r\nm=audio 54568 RTP/AVP 0 18\r\na=rtpmap:0 PCMU/8000\r\n";
    let written = srtp.secret_answer(body, 0).unwrap();
    let line = srtp.attribute.secret_line();
    assert!(line.starts_with("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    let expected = format!(
        "v=0\r\nm=audio 54568 RTP/SAVP 0 18\r\na=rtpmap:0 PCMU/8000\r\n{}\r\na=acfg:1 t=1 a=1\r\n",
        *line
    );
    assert_eq!(*written, expected);
    assert_eq!(
        srtp.secret_answer(&written, 0).as_deref(),
        Some(&expected),
        "once"
    );
}

#[test]
fn an_answer_to_the_actual_configuration_names_none() {
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}");
    let srtp = srtp(answer(&offer("RTP/AVP", &line), 0, &answering()));
    assert_eq!(srtp.configuration, None);
    let written = srtp
        .secret_answer("m=audio 1 RTP/AVP 0\na=acfg:1 t=1\n", 0)
        .unwrap();
    let line = srtp.attribute.secret_line();
    assert_eq!(*written, format!("m=audio 1 RTP/AVP 0\n{}\n", *line));
}

/// §3.5.1
#[test]
fn of_transports_the_first_named_is_taken() {
    let offer = offer(
        "RTP/AVPF",
        &format!(
            "a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}\r\na=tcap:1 RTP/AVPF RTP/AVP RTP/SAVP RTP/SAVPF\r\n\
             a=pcfg:1 t=4|3 a=1\r\na=pcfg:8 t=1|2"
        ),
    );
    let answer = answer(&offer, 0, &answering());
    assert_eq!(verdicts(&answer), [V::Chosen, V::WithoutCrypto]);
    let srtp = srtp(answer);
    assert_eq!(srtp.profile, Profile::Savpf);
    assert_eq!(srtp.configuration.unwrap().line(), "a=acfg:1 t=4 a=1");
}

/// §4.1
#[test]
fn an_optional_attribute_is_named_if_it_is_supported() {
    let attributes = format!(
        "a=tcap:1 RTP/SAVPF RTP/SAVP RTP/AVPF\r\n\
         a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY} FEC_ORDER=FEC_SRTP\r\na=acap:2 rtcp-fb:0 nack\r\n\
         a=pcfg:1 t=1 a=1,[2]\r\na=pcfg:2 t=2 a=1\r\na=pcfg:3 t=3 a=[2]"
    );
    let offer = offer("RTP/AVP", &attributes);
    for (known, line) in [
        (&[][..], "a=acfg:1 t=1 a=1"),
        (&["rtcp-fb"], "a=acfg:1 t=1 a=1,[2]"),
    ] {
        let policy = Policy::compatible().answer_capabilities(known);
        let answer = answer(&offer, 0, &policy);
        assert_eq!(
            verdicts(&answer),
            [V::Chosen, V::PassedOver, V::WithoutCrypto]
        );
        let srtp = srtp(answer);
        assert_eq!(srtp.profile, Profile::Savpf);
        assert_eq!(srtp.configuration.unwrap().line(), line);
    }
}

/// §4.2
#[test]
fn security_descriptions_are_taken_where_dtls_srtp_is_preferred() {
    let offer = format!(
        "v=0\r\na=acap:1 setup:actpass\r\na=acap:2 fingerprint:SHA-1 4A:AD:B9\r\na=tcap:1 UDP/TLS/RTP/SAVP RTP/SAVP\r\n\
         m=audio 59000 RTP/AVP 98\r\na=rtpmap:98 AMR/8000\r\na=acap:3 crypto:1 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}\r\n\
         a=pcfg:1 t=1 a=1,2\r\na=pcfg:2 t=2 a=3\r\n"
    );
    let answer = answer(&offer, 0, &answering());
    let attribute = V::Unusable(Unusable::Attribute);
    assert_eq!(verdicts(&answer), [attribute, V::Chosen]);
    let srtp = srtp(answer);
    assert_eq!(srtp.profile, Profile::Savp);
    assert_eq!(srtp.configuration.unwrap().line(), "a=acfg:2 t=2 a=3");
}

/// §4.3
#[test]
fn alternatives_with_another_keying_are_passed_over_in_each_section() {
    let offer = format!(
        "v=0\r\na=acap:1 key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO\r\na=tcap:1 RTP/SAVPF RTP/SAVP RTP/AVPF\r\n\
         m=audio 59000 RTP/AVP 98\r\na=acap:2 crypto:1 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}\r\na=pcfg:1 t=2 a=1|2\r\n\
         m=video 52000 RTP/AVP 31\r\na=acap:3 crypto:1 AES_CM_128_HMAC_SHA1_80 {VIDEO_KEY}\r\na=acap:4 rtcp-fb:* nack\r\n\
         a=pcfg:1 t=1 a=1,4|3,4\r\na=pcfg:2 t=2 a=1|3\r\na=pcfg:3 t=3 a=4\r\n"
    );
    let policy = Policy::compatible().answer_capabilities(&["rtcp-fb"]);
    let audio = srtp(answer(&offer, 0, &policy));
    assert_eq!(audio.configuration.unwrap().line(), "a=acfg:1 t=2 a=2");
    let video = srtp(answer(&offer, 1, &policy));
    assert_eq!(video.profile, Profile::Savpf);
    assert_eq!(video.configuration.unwrap().line(), "a=acfg:1 t=1 a=3,4");
    // Who does not know rtcp-fb has to take the second.
    let video = srtp(answer(&offer, 1, &answering()));
    assert_eq!(video.configuration.unwrap().line(), "a=acfg:2 t=2 a=3");
}

/// §4.4
#[test]
fn what_is_deleted_is_named_and_told() {
    let offer = format!(
        "v=0\r\na=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO\r\nm=audio 59000 RTP/SAVP 98\r\na=rtpmap:98 AMR/8000\r\n\
         a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}\r\na=pcfg:1 a=-s:1\r\n"
    );
    let srtp = srtp(answer(&offer, 0, &answering()));
    assert_eq!(srtp.profile, Profile::Savp);
    let configuration = srtp.configuration.unwrap();
    assert_eq!(configuration.line(), "a=acfg:1 a=-s:1");
    let (media, session) = (false, true);
    assert_eq!(configuration.deletes, Deletes { media, session });
    assert_eq!(
        (configuration.transport, &configuration.mandatory[..]),
        (None, &[1][..])
    );
}

// ── Which one is taken ──

#[test]
fn the_lowest_number_is_preferred_wherever_it_stands() {
    let both = "a=pcfg:7 t=1 a=1\r\na=pcfg:2147483647 a=1\r\na=pcfg:3 t=2 a=2";
    let answer = answer_to(both, &answering());
    assert_eq!(verdicts(&answer), [V::PassedOver, V::PassedOver, V::Chosen]);
    let srtp = srtp(answer);
    assert_eq!(srtp.suite(), AesCm128HmacSha1_32);
    assert_eq!(srtp.configuration.unwrap().line(), "a=acfg:3 t=2 a=2");
}

#[test]
fn one_that_the_policy_declines_gives_way_to_the_next() {
    let both = "a=pcfg:1 t=1 a=1\r\na=pcfg:2 t=1 a=2";
    let only_32 = answering().suites(&[AesCm128HmacSha1_32]);
    let answer = answer_to(both, &only_32);
    let declined = V::Declined(RejectReason::NoCommonSuite);
    assert_eq!(verdicts(&answer), [declined, V::Chosen]);
    assert_eq!(srtp(answer).configuration.unwrap().number, 2);

    let off = answering().mode(srtp_sdes::sdes::SrtpMode::Disabled);
    let answer = answer_to(both, &off);
    let declined = V::Declined(RejectReason::SrtpDisabled);
    assert_eq!(verdicts(&answer), [declined; 2]);
    assert!(matches!(answer.decision, Decision::PlainRtp(_)));
}

#[test]
fn what_says_most_is_told_of_several_alternatives_whether_or_not_the_policy_answers() {
    let declined = V::Declined(RejectReason::NoCommonSuite);
    let attribute = V::Unusable(Unusable::Attribute);
    let transport = V::Unusable(Unusable::Transport);
    for (configuration, answering_it, passing_over) in [
        ("a=pcfg:1 t=1 a=4|5", declined, V::PassedOver),
        ("a=pcfg:1 t=1 a=5|4", declined, V::PassedOver),
        ("a=pcfg:1 t=1 a=[4]|4", attribute, V::WithoutCrypto),
        ("a=pcfg:1 t=3 a=1", transport, transport),
        ("a=pcfg:1 t=3|1 a=5", declined, V::PassedOver),
        ("a=pcfg:1 t=1 a=1,4", attribute, V::PassedOver),
    ] {
        let told = verdicts(&answer_to(configuration, &answering()));
        assert_eq!(told, [answering_it], "{configuration}");
        let told = verdicts(&answer_to(configuration, &Policy::compatible()));
        assert_eq!(told, [passing_over], "{configuration}");
    }
}

#[test]
fn keys_over_signalling_in_the_clear_are_no_better_in_a_potential_configuration() {
    let offer = first_example();
    let sections = sections(&offer);
    let (media, way) = (sections[0].media(), Signalling::Clear);
    let answer = Answer::to_with(&media, &answering(), way, fresh).unwrap();
    let declined = V::Declined(RejectReason::SignallingNotSecure);
    assert_eq!(verdicts(&answer), [declined]);
    assert!(matches!(answer.decision, Decision::PlainRtp(_)));
}

#[test]
fn plain_rtp_is_never_chosen_from_a_potential_configuration() {
    let line = format!("a=crypto:9 AES_CM_128_HMAC_SHA1_80 {KEY}");
    let attributes =
        format!("{line}\r\na=tcap:1 RTP/AVP\r\na=acap:1 ptime:20\r\na=pcfg:1 t=1 a=-m:1");
    let policy = Policy::compatible().answer_capabilities(&["ptime"]);
    let answer = answer(&offer("RTP/SAVP", &attributes), 0, &policy);
    assert_eq!(verdicts(&answer), [V::WithoutCrypto]);
    assert_eq!(srtp(answer).configuration, None);
}

#[test]
fn of_several_crypto_lines_in_a_list_one_is_enough_and_optional_ones_are_named_if_taken() {
    let policy = answering();
    assert_eq!(named("a=pcfg:1 t=1 a=2,1", &policy), "1 t=1 a=2,1");
    assert_eq!(named("a=pcfg:1 t=1 a=5,1", &policy), "1 t=1 a=5,1");
    assert_eq!(named("a=pcfg:1 t=1 a=1,[2]", &policy), "1 t=1 a=1");
    assert_eq!(named("a=pcfg:1 t=1 a=[2,1]", &policy), "1 t=1 a=[2]");
    assert_eq!(named("a=pcfg:1 t=1 a=5,[2]", &policy), "1 t=1 a=5,[2]");
    assert_eq!(
        named(
            "a=pcfg:1 t=1 a=-ms:4|-ms:1\r\na=pcfg:2 t=2 a=-ms:4|2,[4]",
            &policy
        ),
        "2 t=2 a=-ms:2"
    );
    let own = policy.order(SuiteOrder::Own);
    assert_eq!(
        srtp(answer_to("a=pcfg:1 t=1 a=2,1", &own)).suite(),
        AesCm128HmacSha1_80
    );
}

#[test]
fn lines_of_the_section_count_where_a_configuration_has_none_of_its_own() {
    let line = format!("a=crypto:9 AES_CM_128_HMAC_SHA1_80 {KEY}");
    let capabilities = format!(
        "a=tcap:1 RTP/SAVP\r\na=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_32 {OTHER_KEY}\r\na=acap:2 ptime:20"
    );
    for (configuration, named) in [
        ("a=pcfg:1 t=1", Some("1 t=1")),
        ("a=pcfg:1", Some("1")),
        ("a=pcfg:1 t=1 a=-s", Some("1 t=1 a=-s")),
        ("a=pcfg:1 t=1 a=2", Some("1 t=1 a=2")),
        ("a=pcfg:1 t=1 a=-m", None),
        ("a=pcfg:1 t=1 a=-m:2", None),
        ("a=pcfg:1 t=1 a=-ms:[2]", None),
    ] {
        let attributes = format!("{line}\r\n{capabilities}\r\n{configuration}");
        let policy = Policy::compatible().answer_capabilities(&["ptime"]);
        let answer = answer(&offer("RTP/AVP", &attributes), 0, &policy);
        let srtp = srtp(answer);
        assert_eq!(srtp.attribute.tag(), 9);
        let is_named = srtp.configuration.map(|it| it.to_string());
        assert_eq!(is_named.as_deref(), named, "{configuration}");
        let secure = named.is_some_and(|it| it.contains("t=1"));
        assert_eq!(srtp.profile.is_secure(), secure, "{configuration}");
    }
}

#[test]
fn keys_beside_the_plain_profile_and_in_a_potential_configuration_work_either_way() {
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}");
    let attributes = format!(
        "{line}\r\na=tcap:1 RTP/SAVP\r\na=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {OTHER_KEY}\r\na=pcfg:1 t=1 a=1"
    );
    let offer = offer("RTP/AVP", &attributes);
    let actual = answer(&offer, 0, &Policy::compatible());
    assert_eq!(verdicts(&actual), [V::PassedOver]);
    let actual = srtp(actual);
    assert_eq!((actual.profile, actual.configuration), (Profile::Avp, None));
    // What the m= line has is not good enough here; the configuration is.
    let policy = answering().crypto_in_avp(CryptoInAvp::Ignore);
    let potential = srtp(answer(&offer, 0, &policy));
    assert_eq!(potential.profile, Profile::Savp);
    assert_eq!(potential.configuration.unwrap().line(), "a=acfg:1 t=1 a=1");
}

#[test]
fn the_profile_of_the_answer_is_that_of_the_configuration() {
    let policy = answering().answered_profile(AnsweredProfile::Secure);
    let srtp = srtp(answer_to("a=pcfg:1 a=1", &policy));
    assert_eq!(srtp.profile, Profile::Avp);
    assert_eq!(srtp.configuration.unwrap().line(), "a=acfg:1 a=1");
}

#[test]
fn a_section_that_security_descriptions_do_not_apply_to_can_have_a_configuration_of_them() {
    let attributes = format!(
        "a=tcap:1 RTP/SAVP\r\na=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=pcfg:1 t=1 a=1"
    );
    let offer = offer("UDP/TLS/RTP/SAVP", &attributes);
    assert_eq!(srtp(answer(&offer, 0, &answering())).profile, Profile::Savp);
    let decision = answer(&offer, 0, &Policy::compatible()).decision;
    assert!(matches!(decision, Decision::NotSdes));
    let refused = offer.replace("53456", "0");
    let decision = answer(&refused, 0, &answering()).decision;
    assert!(matches!(decision, Decision::PortZero));
}

// ── What cannot be used ──

#[track_caller]
fn unusable(configuration: &str, why: Unusable) {
    let policy = Policy::compatible().answer_capabilities(&["rtcp-fb"]);
    let answer = answer_to(configuration, &policy);
    assert_eq!(verdicts(&answer)[0], V::Unusable(why), "{configuration}");
    assert!(
        matches!(answer.decision, Decision::PlainRtp(_)),
        "{configuration}"
    );
}

#[test]
fn a_configuration_of_another_form_is_not_used() {
    for lists in [
        "t=",
        "t=0",
        "t=1|",
        "t=|1",
        "t=1,2",
        "t=2147483648",
        "t=+1",
        "t=00000000001",
        "t",
        "=1",
        "t=1 t=1",
        "t=1 a=1 a=1",
        "a=",
        "a=1,",
        "a=,1",
        "a=1|",
        "a=|1",
        "a=1[2]",
        "a=1,[2",
        "a=1,2]",
        "a=[]",
        "a=1,[]",
        "a=,[1]",
        "a=[1],2",
        "a=[1],[2]",
        "a=[[1]]",
        "a=-",
        "a=-x:1",
        "a=-m:",
        "a=-m1",
        "a=m:1",
        "a=-sm:1",
        "a=1:2",
        "a=0",
        "a=2147483648",
        "a=-1",
        "a=é",
        "+",
        "+=1",
        "ü=1",
        "x=",
        "x-y=1",
        "+x",
        "a=1|-m:1",
    ] {
        let configuration = format!("a=pcfg:1 t=1 a=1 {lists}");
        unusable(&configuration, Unusable::Syntax);
        if lists.starts_with("a=") {
            unusable(&format!("a=pcfg:1 t=1 {lists}"), Unusable::Syntax);
        } else if lists.starts_with("t=") && lists != "t=1 t=1" {
            unusable(&format!("a=pcfg:1 a=1 {lists}"), Unusable::Syntax);
        }
    }
    for number in [
        "0",
        "2147483648",
        "99999999999",
        "00000000001",
        "",
        "x",
        "-1",
        "+1",
        " 1",
        "1|2",
        "1,2",
    ] {
        unusable(&format!("a=pcfg:{number} t=1 a=1"), Unusable::Syntax);
    }
}

#[test]
fn numbers_blanks_and_letter_case_are_taken_as_the_grammar_has_them() {
    let policy = answering();
    let leading_zeros = "a=pcfg:0000000001 t=0000000001 a=1";
    assert_eq!(named(leading_zeros, &policy), "1 t=1 a=1");
    assert_eq!(named("a=pcfg:1  \tA=1\t T=1 ", &policy), "1 t=1 a=1");
    assert_eq!(named("a=PCFG:1 t=1 a=-MS:1", &policy), "1 t=1 a=-ms:1");
    let crypto = format!("acap:1 \tcrypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let media = MediaSection {
        transport: "RTP/AVP",
        port: 4000,
        attributes: &["pcfg:1 t=2 a=1\n", &crypto, "TCAP:1\tRTP/AVP  rtp/savp\r\n"],
    };
    let answer = Answer::to_with(&media, &policy, Signalling::Secure, fresh).unwrap();
    let srtp = srtp(answer);
    assert_eq!(srtp.profile, Profile::Savp);
    assert_eq!(srtp.configuration.unwrap().line(), "a=acfg:1 t=2 a=1");
}

#[test]
fn unknown_extensions_are_ignored_and_not_named_unless_they_are_mandatory() {
    let policy = answering();
    assert_eq!(
        named("a=pcfg:1 m=1|2 t=1 pt=1:101 a=1", &policy),
        "1 t=1 a=1"
    );
    unusable("a=pcfg:1 t=1 a=1 +m=1", Unusable::MandatoryExtension);
    unusable("a=pcfg:1 t=1 +a=1", Unusable::MandatoryExtension);
    let next = "a=pcfg:1 +m=1 t=1 a=1\r\na=pcfg:2 m=1 t=1 a=1";
    assert_eq!(named(next, &policy), "2 t=1 a=1");
}

#[test]
fn an_extension_that_the_offer_requires_ends_capability_negotiation() {
    for (creq, required) in [
        ("a=creq:cap-v0", false),
        ("a=csup:foo", false),
        ("a=creq:foo", true),
        ("a=creq:cap-v0,med-v0", true),
        ("a=creq:", true),
    ] {
        let verdict = match required {
            true => V::Unusable(Unusable::RequiredExtension),
            false => V::Chosen,
        };
        let offer = first_example();
        for offer in [
            offer.replace("m=audio", &format!("{creq}\r\nm=audio")),
            format!("{offer}{creq}\r\n"),
        ] {
            let answer = answer(&offer, 0, &answering());
            assert_eq!(verdicts(&answer), [verdict], "{creq}");
            assert_eq!(matches!(answer.decision, Decision::PlainRtp(_)), required);
        }
    }
}

#[test]
fn two_configurations_with_one_number_are_not_used() {
    let policy = answering();
    let three = "a=pcfg:1 t=1 a=1\r\na=pcfg:2 t=2 a=1\r\na=pcfg:01 t=1 a=2";
    let answer = answer_to(three, &policy);
    let duplicate = V::Unusable(Unusable::DuplicateNumber);
    assert_eq!(verdicts(&answer), [duplicate, V::Chosen, duplicate]);
}

#[test]
fn a_capability_that_is_missing_or_there_twice_or_about_negotiation_is_not_used() {
    for configuration in [
        "a=pcfg:1 t=9 a=1",
        "a=pcfg:1 t=1 a=9",
        "a=pcfg:1 t=1 a=1,[9]",
        "a=acap:1 ptime:20\r\na=pcfg:1 t=1 a=1",
        "a=tcap:1 RTP/SAVP\r\na=pcfg:1 t=1 a=1",
        "a=tcap:0 RTP/SAVPF RTP/SAVP\r\na=pcfg:1 t=9 a=1",
        "a=acap:7 pcfg:1 t=1 a=1\r\na=pcfg:1 t=1 a=1,[7]",
        "a=acap:7 acap:8 foo:a\r\na=pcfg:1 t=1 a=1,[7]",
        "a=acap:7\r\na=pcfg:1 t=1 a=7",
        "a=acap:2147483648 crypto:1 x y\r\na=pcfg:1 t=1 a=8",
        "a=tcap:2147483647 RTP/AVP RTP/SAVP\r\na=pcfg:1 t=1|5 a=9",
    ] {
        unusable(configuration, Unusable::Capability);
    }
    unusable("a=pcfg:1 t=3 a=1", Unusable::Transport);
    unusable("a=pcfg:1 t=1 a=1,4", Unusable::Attribute);
    // A name that only begins with a= is no crypto line.
    unusable(
        "a=acap:7 a=crypto:1 x y\r\na=pcfg:1 t=1 a=7",
        Unusable::Attribute,
    );
}

#[test]
fn a_crypto_line_at_the_session_level_is_none_and_a_transport_there_is_one() {
    let crypto = format!("a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let (tcap, pcfg) = ("a=tcap:1 RTP/SAVP\r\n", "a=pcfg:1 t=1 a=1\r\n");
    let m = "m=audio 4000 RTP/AVP 0\r\n";
    let capability = V::Unusable(Unusable::Capability);
    for (offer, verdict) in [
        (format!("v=0\r\n{tcap}{m}{crypto}{pcfg}"), V::Chosen),
        (format!("v=0\r\n{crypto}{m}{tcap}{pcfg}"), capability),
        // Of another section.
        (format!("v=0\r\n{m}{crypto}{pcfg}{m}{tcap}"), capability),
        (format!("v=0\r\n{tcap}{m}{crypto}{tcap}{pcfg}"), capability),
    ] {
        assert_eq!(
            verdicts(&answer(&offer, 0, &answering())),
            [verdict],
            "{offer}"
        );
    }
    // Without the session level its transport is not known.
    let offer = format!("v=0\r\n{tcap}{m}{crypto}{pcfg}");
    let media = &sections(&offer)[0];
    let answer = Answer::to_with(&media.media(), &answering(), Signalling::Secure, fresh).unwrap();
    assert_eq!(verdicts(&answer), [capability]);
}

#[test]
fn session_attributes_are_the_lines_before_the_first_section() {
    let sdp = "v=0\na=x\r\ns=a=b\r\na=tcap:1 RTP/SAVP\r\nm=audio 1 RTP/AVP 0\r\na=y\r\n";
    assert_eq!(session_attributes(sdp), ["a=x", "a=tcap:1 RTP/SAVP"]);
    assert_eq!(session_attributes("a=z"), ["a=z"]);
}

// ── Bounds ──

/// What comes of it, and how often a key was made.
fn counted(offer: &str, policy: &Policy) -> (Answer, usize) {
    let keys = Cell::new(0);
    let answer = Answer::to_with(
        &sections(offer)[0].media(),
        policy,
        Signalling::Secure,
        |suite| {
            keys.set(keys.get() + 1);
            fresh(suite)
        },
    );
    (answer.unwrap(), keys.get())
}

#[test]
fn thirty_two_alternatives_are_looked_at_and_no_more() {
    let too_many = V::Unusable(Unusable::TooMany);
    for (before, verdict) in [(31, V::Chosen), (32, too_many), (100_000, too_many)] {
        let lists = "5|".repeat(before);
        for configuration in [
            format!("a=pcfg:1 t=1 a={lists}1"),
            format!("a=pcfg:1 t={}1 a=1", "9|".repeat(before)),
            (1..=before + 1).fold(String::new(), |all, n| {
                let list = if n <= before { 9 } else { 1 };
                all + &format!("a=pcfg:{n} t=1 a={list}\r\n")
            }),
        ] {
            let answer = answer_to(&configuration, &answering());
            assert_eq!(verdicts(&answer).last(), Some(&verdict), "{before}");
            let is_srtp = matches!(answer.decision, Decision::Srtp(_));
            assert_eq!(is_srtp, verdict == V::Chosen, "{before}");
        }
    }
}

#[test]
fn a_product_of_hostile_lists_is_not_gone_through() {
    let many = vec!["1"; 100_000].join("|");
    let long = vec!["1"; 100_000].join(",");
    let crypto = format!("a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    let capabilities = format!("a=tcap:1 RTP/SAVP\r\n{crypto}");
    let too_many = V::Unusable(Unusable::TooMany);
    let none = answering().suites(&[]);
    for (configuration, policy, verdict, keys) in [
        (format!("t={many} a={many}"), &none, too_many, 0),
        (format!("t={many} a={long}"), &answering(), too_many, 0),
        (format!("t=1 a=1,[{long}]"), &answering(), too_many, 0),
        (format!("t={many} a={many}"), &answering(), V::Chosen, 1),
    ] {
        let offer = offer(
            "RTP/AVP",
            &format!("{capabilities}a=pcfg:1 {configuration}"),
        );
        let (answer, made) = counted(&offer, policy);
        assert_eq!((verdicts(&answer), made), (vec![verdict], keys));
        assert_eq!(matches!(answer.decision, Decision::PlainRtp(_)), keys == 0);
    }
    let sixty_four = vec!["1"; 64].join(",");
    let just = offer(
        "RTP/AVP",
        &format!("{capabilities}a=pcfg:1 t=1 a={sixty_four}"),
    );
    assert_eq!(verdicts(&counted(&just, &answering()).0), [V::Chosen]);
    let one_more = just.replace("a=1,1", "a=1,1,1");
    assert_eq!(verdicts(&counted(&one_more, &answering()).0), [too_many]);
}

#[test]
fn a_hundred_thousand_lines_of_any_kind_come_to_an_end() {
    let crypto = |n: usize| format!("crypto:{n} AES_CM_128_HMAC_SHA1_80 {KEY}");
    let lines: Vec<String> = (1..=100_000)
        .flat_map(|n| {
            [
                format!("a=tcap:{n} RTP/SAVP"),
                format!("a=acap:{n} {}", crypto(n)),
                format!("a=pcfg:{n} t={n} a=1"),
            ]
        })
        .collect();
    let (answer, keys) = counted(&offer("RTP/AVP", &lines.join("\r\n")), &answering());
    assert_eq!(keys, 1);
    assert_eq!(answer.configurations.len(), 100_000);
    assert_eq!(answer.configurations[0].verdict, V::Chosen);
    assert_eq!(answer.configurations[1].verdict, V::PassedOver);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_to_a_decision_and_shows_no_key(
        pieces in vec(select(vec![
            "a=pcfg:", "a=tcap:", "a=acap:", "a=creq:", "a=crypto:", "1", "2", "3", "2147483647", "0", " ", " ", "t=", "a=", "a=1",
            "t=1", "+", "|", ",", "[", "]", "-m:", "-s", "-ms:", "RTP/SAVP", "RTP/AVP", "crypto:1 ", "AES_CM_128_HMAC_SHA1_80 ",
            KEY, OTHER_KEY, "\r\n", "\n", "\n", "é", "=", ":", "x=1", "m=audio 1 RTP/AVP 0\n", "cap-v0",
        ]), 0..60),
        answers in any::<bool>(),
    ) {
        let text = format!("a=tcap:1 RTP/SAVP\nm=audio 1 RTP/AVP 0\na=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\na=pcfg:1 {}", pieces.concat());
        let policy = if answers { answering() } else { Policy::compatible() };
        let answer = answer(&text, 0, &policy);
        let lines = &sections(&text)[0].attributes;
        for it in &answer.configurations {
            prop_assert!(lines[it.line].get(..7).is_some_and(|it| it.eq_ignore_ascii_case("a=pcfg:")));
            prop_assert!(answers || it.verdict != V::Chosen);
        }
        let chosen = answer.configurations.iter().filter(|it| it.verdict == V::Chosen);
        let chosen: Vec<_> = chosen.filter_map(|it| it.number).collect();
        let shown = format!("{answer:?}");
        prop_assert!(!shown.contains("WVNfX19z") && !shown.contains("NzB4d1BI"));
        let named = match answer.decision {
            Decision::Srtp(srtp) => srtp.configuration.map(|it| it.number),
            _ => None,
        };
        prop_assert_eq!(named.into_iter().collect::<Vec<_>>(), chosen);
    }
}

// ── Both sides ──

/// The attributes of a plain section that offers the lines of `offer` in a potential configuration of that transport, in any of the ways
/// to list them.
fn as_capabilities(offer: &Offer, transport: &str, one_by_one: bool) -> Vec<String> {
    let lines: Vec<_> = offer
        .attributes()
        .map(CryptoAttribute::secret_line)
        .collect();
    let numbers: Vec<_> = (1..=lines.len()).map(|n| n.to_string()).collect();
    let mut attributes = vec![format!("a=tcap:4 RTP/AVPF {transport}")];
    for (line, number) in lines.iter().zip(&numbers) {
        let attribute = line.strip_prefix("a=").unwrap();
        attributes.push(format!("a=acap:{number} {attribute}"));
    }
    let list = numbers.join(if one_by_one { "|" } else { "," });
    attributes.push(format!("a=pcfg:1 t=5 a={list}"));
    attributes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_endpoints_agree_through_a_potential_configuration_and_hear_each_other(
        offered in subsequence(CryptoSuite::ALL.to_vec(), 1..=9).prop_shuffle(),
        taken in subsequence(CryptoSuite::ALL.to_vec(), 1..=9).prop_shuffle(),
        secure in any::<bool>(),
        one_by_one in any::<bool>(),
    ) {
        let policy = Policy::compatible().suites(&offered);
        let mut offer = Offer::with(&policy, Signalling::Secure, fresh).unwrap();
        let transport = if secure { "RTP/SAVPF" } else { "RTP/SAVP" };
        let attributes = as_capabilities(&offer, transport, one_by_one);
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        let section = MediaSection { transport: "RTP/AVP", port: 4000, attributes: &attributes };
        let answering = answering().suites(&taken);
        let answer = Answer::to_with(&section, &answering, Signalling::Secure, fresh).unwrap();
        let common = offered.iter().find(|suite| taken.contains(suite));
        let Decision::Srtp(answer) = answer.decision else {
            prop_assert!(common.is_none());
            return Ok(());
        };
        prop_assert_eq!(Some(&answer.suite()), common);
        prop_assert_eq!(answer.profile.name(), transport);
        let body = answer.secret_answer("v=0\r\nm=audio 5000 RTP/AVP 0\r\n", 0).unwrap();
        let section = &sections(&body)[0];
        let configuration = answer.configuration.as_ref().unwrap();
        prop_assert!(section.attributes.contains(&configuration.line().as_str()));
        prop_assert_eq!(configuration.transport, Some(5));
        let Accepted::Srtp(accepted) = offer.accept(&section.media()) else {
            panic!("{answer:?}")
        };
        let (mut tx, mut rx) = answer.into_contexts();
        let (mut our_tx, mut our_rx) = (accepted.sender.unwrap(), accepted.receiver);
        for plane in PLANES {
            let packet = plain(plane, 1, 1, b"either way..");
            let sent = protect(&mut tx, plane, &packet).unwrap();
            prop_assert_eq!(unprotect(&mut our_rx, plane, &sent), Ok(packet.clone()));
            let sent = protect(&mut our_tx, plane, &packet).unwrap();
            prop_assert_eq!(unprotect(&mut rx, plane, &sent), Ok(packet));
        }
    }
}

/// §3.6.3: an actual configuration that does not refer to one of the offer's is not valid, and the answer counts as any other.
#[test]
fn an_actual_configuration_that_was_never_offered_changes_nothing_in_an_answer() {
    let of = |transport: &'static str, attributes: &[&str]| {
        let mut seed = 2;
        let generate = |suite| {
            seed += 1;
            Ok::<MasterKey, ()>(key(suite, seed))
        };
        let offer = Offer::with(&Policy::compatible(), Signalling::Secure, generate);
        let mut offer = offer.unwrap();
        let answer = MediaSection {
            transport,
            port: 4000,
            attributes,
        };
        format!("{:?}", offer.accept(&answer))
    };
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}");
    let unknown = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 {KEY}");
    for transport in ["RTP/AVP", "RTP/SAVP"] {
        for lines in [vec![], vec![line.as_str()], vec![unknown.as_str()]] {
            let without = of(transport, &lines);
            for acfg in [
                "a=acfg:1 t=1 a=1",
                "a=acfg:1",
                "a=acfg:x",
                "a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            ] {
                let mut with = vec![acfg];
                with.extend(&lines);
                assert_eq!(of(transport, &with), without, "{transport} {acfg}");
            }
        }
    }
}
