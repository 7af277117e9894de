//! What `Display` and `Debug` say: names as the RFCs write them, tags, ports and counts; of a key what it is for, of a line and a section what an operator
//! looks for. Each text is here as a whole, so that nothing else is in it; what a key's bytes look like in any text is searched for in `tests/secrets.rs`.

mod common;

use std::fmt::Display;

use common::{key, protect, rtp};
use srtp_sdes::sdes::{
    Accepted, Answer, ConfigurationVerdict, CryptoAttribute, Decision, FecOrder, Line, LineError,
    LineErrorKind, MediaSection, Offer, OurSide, ParseMode, Policy, Profile, RejectReason, Session,
    SessionParameter, Signalling, SkipReason, Unacceptable, Unusable, Verdict, sections,
};
use srtp_sdes::{CryptoSuite, KeyDerivationRate, Lifetime, MasterKey, Mki, Plane};
use srtp_sdes::{Receiver, Sender};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;
/// The key of [`dressed`].
const DRESSED: &str = "MasterKey { suite: AesCm128HmacSha1_80, mki: Some(Mki([1, 2])), lifetime: Some(Lifetime(1000)), .. }";
/// A [`line`] with tag 1.
const FIRST: &str = r#"CryptoAttribute { tag: 1, suite: "AES_CM_128_HMAC_SHA1_80", keys: [MasterKey { suite: AesCm128HmacSha1_80, mki: None, lifetime: None, .. }], parameters: [], .. }"#;
const SENDER: &str = "Sender { suite: AesCm128HmacSha1_80, keys: 1, streams: 0, .. }";
const RECEIVER: &str = "Receiver { suite: AesCm128HmacSha1_80, keys: 1, streams: 0, .. }";

fn dressed() -> MasterKey {
    key(SUITE, 7)
        .with_mki(Mki::new(&[1, 2]).unwrap())
        .with_lifetime(Lifetime::new(1000).unwrap())
}

fn line(tag: u32, seed: u8) -> CryptoAttribute {
    CryptoAttribute::new(tag, None, &[key(SUITE, seed)], &[]).unwrap()
}

fn policy() -> Policy {
    Policy::compatible().suites(&[SUITE])
}

fn keys(seed: u8) -> impl FnMut(CryptoSuite) -> Result<MasterKey, ()> {
    move |suite| Ok(key(suite, seed))
}

fn savp<T>(lines: &[&CryptoAttribute], take: impl FnOnce(&MediaSection<'_>) -> T) -> T {
    let lines: Vec<_> = lines.iter().map(|it| it.secret_line()).collect();
    let attributes: Vec<&str> = lines.iter().map(|it| it.as_str()).collect();
    take(&MediaSection {
        transport: "RTP/SAVP",
        port: 4000,
        attributes: &attributes,
    })
}

/// A name by itself, and in a column: left, right and too narrow.
#[track_caller]
fn is_named(value: impl Display, name: &str) {
    assert_eq!(value.to_string(), name);
    assert_eq!(format!("{value:<30}|"), format!("{name:<30}|"));
    assert_eq!(format!("{value:>30}|"), format!("{name:>30}|"));
    assert_eq!(format!("{value:2}|"), format!("{name}|"));
}

// ── Display ──

#[test]
fn suites_profiles_and_planes_are_displayed_by_name_and_stand_in_columns() {
    for suite in CryptoSuite::ALL {
        is_named(suite, suite.name());
    }
    is_named(SUITE, "AES_CM_128_HMAC_SHA1_80");
    is_named(Profile::Avp, "RTP/AVP");
    is_named(Profile::Avpf, "RTP/AVPF");
    is_named(Profile::Savp, "RTP/SAVP");
    is_named(Profile::Savpf, "RTP/SAVPF");
    is_named(Plane::Rtp, "SRTP");
    is_named(Plane::Rtcp, "SRTCP");
}

#[test]
fn what_a_line_and_a_configuration_came_to_is_displayed_with_the_reason() {
    let error = LineError {
        kind: LineErrorKind::Base64,
        offset: 31,
    };
    for (verdict, text) in [
        (Verdict::Chosen, "chosen"),
        (
            Verdict::Acceptable,
            "acceptable, another was chosen or none",
        ),
        (
            Verdict::Unacceptable(Unacceptable::UnauthenticatedSrtp),
            "not acceptable: UNAUTHENTICATED_SRTP is not allowed",
        ),
        (
            Verdict::Skipped(SkipReason::UnknownSuite),
            "passed over: unknown crypto suite",
        ),
        (
            Verdict::Invalid(error),
            "invalid: the key is not base64, at byte 31",
        ),
    ] {
        assert_eq!(verdict.to_string(), text);
    }
    for (verdict, text) in [
        (ConfigurationVerdict::Chosen, "chosen".to_owned()),
        (
            ConfigurationVerdict::PassedOver,
            "carries keys, and was passed over".to_owned(),
        ),
        (
            ConfigurationVerdict::Declined(RejectReason::NoCommonSuite),
            format!("declined: {}", RejectReason::NoCommonSuite),
        ),
        (
            ConfigurationVerdict::WithoutCrypto,
            "without a=crypto".to_owned(),
        ),
        (
            ConfigurationVerdict::Unusable(Unusable::Transport),
            format!("not usable: {}", Unusable::Transport),
        ),
    ] {
        assert_eq!(verdict.to_string(), text);
    }
}

#[test]
fn session_parameters_are_shown_as_in_sdp_without_what_may_be_a_key() {
    use SessionParameter as P;
    let rate = KeyDerivationRate::from_exponent(3).unwrap();
    for (parameter, text) in [
        (P::KeyDerivationRate(rate), "KDR=3"),
        (P::UnencryptedSrtp, "UNENCRYPTED_SRTP"),
        (P::UnencryptedSrtcp, "UNENCRYPTED_SRTCP"),
        (P::UnauthenticatedSrtp, "UNAUTHENTICATED_SRTP"),
        (P::FecOrder(FecOrder::FecSrtp), "FEC_ORDER=FEC_SRTP"),
        (P::FecOrder(FecOrder::SrtpFec), "FEC_ORDER=SRTP_FEC"),
        (P::FecKey(vec![dressed()]), "FEC_KEY=…"),
        (P::WindowSizeHint(128), "WSH=128"),
        (P::Extension("-x:abc".into()), "-…"),
    ] {
        assert_eq!(parameter.to_string(), text);
        assert_eq!(format!("{parameter:?}"), text);
    }
}

// ── Debug ──

#[test]
fn debug_of_a_key_says_suite_mki_and_lifetime() {
    assert_eq!(format!("{:?}", dressed()), DRESSED);
}

#[test]
fn debug_of_contexts_and_builders_says_suite_keys_streams_and_options() {
    let second = key(SUITE, 8).with_mki(Mki::new(&[1, 3]).unwrap());
    let sender = Sender::builder(dressed()).add_key(second).initial_roc(1234);
    let text = format!("{sender:?}");
    assert!(text.starts_with("Builder { key: MasterKey {"), "{text}");
    for said in [DRESSED, "Mki([1, 3])", "initial_roc: 1234"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let receiver = Receiver::builder(dressed()).initial_roc(4321);
    let text = format!("{receiver:?}");
    for said in [DRESSED, "initial_roc: 4321"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let (mut sender, mut receiver) = (sender.build().unwrap(), receiver.build().unwrap());
    let with = |streams| format!("suite: AesCm128HmacSha1_80, keys: 2, streams: {streams}, ..");
    assert_eq!(format!("{sender:?}"), format!("Sender {{ {} }}", with(0)));
    assert_eq!(format!("{receiver:?}"), RECEIVER);
    for (streams, ssrc) in [(1, 5), (2, 6)] {
        protect(&mut sender, Plane::Rtp, &rtp(ssrc, 0, b"hi")).unwrap();
        let text = format!("{sender:?}");
        assert_eq!(text, format!("Sender {{ {} }}", with(streams)));
    }
    receiver
        .add_key(key(SUITE, 9).with_mki(Mki::new(&[1, 4]).unwrap()))
        .unwrap();
    let text = format!("{receiver:?}");
    assert_eq!(text, format!("Receiver {{ {} }}", with(0)));
}

#[test]
fn debug_of_a_line_says_tag_suite_as_written_keys_and_parameters() {
    let inline = key(SUITE, 7).secret_base64();
    let text = format!(
        "a=crypto:3 aes_cm_128_hmac_sha1_80 inline:{}|1000|258:2 KDR=3 -x:abc",
        *inline
    );
    let Line::Usable(line) = CryptoAttribute::parse(&text, ParseMode::Tolerant) else {
        panic!("{text}");
    };
    let expected = format!(
        r#"CryptoAttribute {{ tag: 3, suite: "aes_cm_128_hmac_sha1_80", keys: [{DRESSED}], parameters: [KDR=3, -…], .. }}"#
    );
    assert_eq!(format!("{line:?}"), expected);
}

#[test]
fn debug_of_a_section_says_transport_port_and_how_many_attributes() {
    let text = savp(&[&line(1, 1), &line(2, 2)], |section| {
        format!("{section:?}")
    });
    let expected = r#"MediaSection { transport: "RTP/SAVP", port: 4000, attributes: 2, .. }"#;
    assert_eq!(text, expected);
    let sdp = format!(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\n{}\r\n",
        *line(1, 1).secret_line()
    );
    let expected = r#"SdpSection { media_line: "m=audio 4000 RTP/SAVP 0", address: Some(192.0.2.1:4000), attributes: 1, .. }"#;
    assert_eq!(format!("{:?}", sections(&sdp)[0]), expected);
}

#[test]
fn debug_of_an_offer_and_of_what_comes_of_it_says_profile_lines_and_contexts() {
    let policy = policy().offer_secure_profile(true);
    let mut offer = Offer::with(&policy, Signalling::Secure, keys(1)).unwrap();
    let expected = format!("Offer {{ profile: Savp, attributes: [{FIRST}], .. }}");
    assert_eq!(format!("{offer:?}"), expected);

    let of = |sender| {
        format!("SrtpAccepted {{ profile: Savp, tag: 1, receiver: {RECEIVER}, sender: {sender} }}")
    };
    for sender in [format!("Some({SENDER})"), "None".to_owned()] {
        let Accepted::Srtp(srtp) = savp(&[&line(1, 2)], |answer| offer.accept(answer)) else {
            panic!("no SRTP");
        };
        assert_eq!(format!("{srtp:?}"), of(sender));
    }

    let answer = savp(&[&line(1, 2)], |offer| {
        Answer::to_with(offer, &policy, Signalling::Secure, keys(3))
    });
    let Decision::Srtp(srtp) = answer.unwrap().decision else {
        panic!("no SRTP");
    };
    let expected = format!(
        "SrtpAnswer {{ profile: Savp, attribute: {FIRST}, configuration: None, cryptex: false, .. }}"
    );
    assert_eq!(format!("{srtp:?}"), expected);
}

#[test]
fn debug_of_a_session_says_what_is_agreed_where_media_goes_and_whether_an_exchange_is_open() {
    let of = |profile, ours, theirs, addresses, open| {
        format!(
            "Session {{ profile: {profile}, ours: {ours}, theirs: {theirs}, cryptex: Off, \
             addresses: Addresses {{ {addresses} }}, has_open_exchange: {open}, .. }}"
        )
    };
    let mut session = Session::new(&policy(), Signalling::Secure);
    let nothing = of("None", "None", "None", "ours: None, theirs: None", false);
    assert_eq!(format!("{session:?}"), nothing);

    let us = OurSide::at("192.0.2.1:4000".parse().unwrap());
    session.offer_with(us, keys(1)).unwrap();
    let open = of("None", "None", "None", "ours: None, theirs: None", true);
    assert_eq!(format!("{session:?}"), open);

    let from = "[2001:db8::2]:5000".parse().ok();
    let outcome = savp(&[&line(1, 2)], |answer| session.answered(answer, from));
    assert!(outcome.is_ok());
    let line = format!("Some({FIRST})");
    let addresses = "ours: Some(192.0.2.1:4000), theirs: Some([2001:db8::2]:5000)";
    let agreed = of("Some(Savp)", &line, &line, addresses, false);
    assert_eq!(format!("{session:?}"), agreed);
}
