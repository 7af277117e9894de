//! Two endpoints under any policies, and each of them before any text of the other's.

use std::convert::Infallible;

use srtp_sdes::sdes::{
    Accepted, Answer, AnsweredProfile, ConfigurationDiagnosis, ConfigurationVerdict,
    CryptoAttribute, CryptoInAvp, Decision, Line, MediaSection, Offer, ParseMode, Policy, Profile,
    Signalling, SrtcpTagOf32, SrtpMode, SuiteOrder, TagMatch, Verdict,
};
use srtp_sdes::{Cryptex, CryptoSuite, KeyDerivationRate, Lifetime, MasterKey, Receiver, Sender};

use crate::Input;

/// One side: its policy, and what of it the checks need to know.
pub(crate) struct Side {
    pub(crate) policy: Policy,
    pub(crate) mode: SrtpMode,
    suites: Vec<CryptoSuite>,
    tag: SrtcpTagOf32,
    accepts_mki: bool,
    writes_mki: bool,
    cryptex: Cryptex,
    answers_capabilities: bool,
}

impl Side {
    /// What seven bytes choose.
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        use SrtpMode as M;
        let (first, second) = (input.byte(), input.byte());
        let bit = |byte: u8, n: u8| byte >> n & 1 == 1;
        let modes = [
            M::Opportunistic,
            M::Required,
            M::WhenOffered,
            M::Disabled,
            M::Opportunistic,
            M::Required,
            M::Bypass,
            M::Opportunistic,
        ];
        let mode = modes[usize::from(first & 7)];
        let tag = [
            SrtcpTagOf32::TenBytes,
            SrtcpTagOf32::FourBytes,
            SrtcpTagOf32::AcceptEither,
        ][usize::from(first >> 3 & 3) % 3];
        // Which suites, those beyond 16 beside others, and where in the row to begin.
        let (set, start) = (input.u16(), usize::from(input.byte()));
        let count = CryptoSuite::ALL.len();
        let rotated = (0..count).map(|n| (start + n) % count);
        let suites: Vec<_> = rotated
            .filter(|n| set >> (n % 16) & 1 == 1)
            .map(|n| CryptoSuite::ALL[n])
            .collect();
        let meanings = [
            CryptoInAvp::Accept,
            CryptoInAvp::Accept,
            CryptoInAvp::Ignore,
            CryptoInAvp::Reject,
        ];
        let mut policy = Policy::compatible()
            .mode(mode)
            .suites(&suites)
            .srtcp_tag_of_32(tag)
            .order(if bit(first, 5) {
                SuiteOrder::Own
            } else {
                SuiteOrder::Offer
            })
            .offer_secure_profile(bit(first, 6))
            .tags(if bit(first, 7) {
                TagMatch::Lenient
            } else {
                TagMatch::Strict
            })
            .crypto_in_avp(meanings[usize::from(second & 3)])
            .answered_profile(if bit(second, 2) {
                AnsweredProfile::Secure
            } else {
                AnsweredProfile::AsOffered
            });
        for (n, allow) in [
            Policy::allow_unencrypted_srtp,
            Policy::allow_unencrypted_srtcp,
            Policy::allow_unauthenticated_srtp,
        ]
        .into_iter()
        .enumerate()
        {
            if bit(second, 3 + n as u8) {
                policy = allow(policy);
            }
        }
        if bit(second, 6) {
            policy = policy.strict_lines();
        }
        let mki = input.byte();
        let (accepts_mki, writes_mki) = (mki < 192, (1..=128).contains(&mki));
        if !accepts_mki {
            policy = policy.refuse_mki();
        }
        if writes_mki {
            policy = policy.write_mki(mki);
        }
        let rate = input.byte();
        if let Some(rate) = KeyDerivationRate::from_exponent(rate) {
            policy = policy.key_derivation_rate(rate);
        }
        let cryptex = match rate {
            64..96 => Cryptex::On,
            96..128 => Cryptex::Required,
            _ => Cryptex::Off,
        };
        policy = policy.cryptex(cryptex);
        if bit(second, 7) {
            let lifetime = Lifetime::new(u64::from(rate) + 100).expect("not 0");
            policy = policy.write_lifetime(lifetime);
        }
        Self {
            policy,
            mode,
            suites,
            tag,
            accepts_mki,
            writes_mki,
            cryptex,
            answers_capabilities: false,
        }
    }

    fn takes_srtcp_of(&self, peer: &Self, suite: CryptoSuite) -> bool {
        let four = |tag| tag == SrtcpTagOf32::FourBytes;
        suite.rtp_tag_len() != 4
            || self.tag == SrtcpTagOf32::AcceptEither
            || four(self.tag) == four(peer.tag)
    }
}

/// Keys that are all different, and the same in each run.
pub(crate) fn keys() -> impl FnMut(CryptoSuite) -> Result<MasterKey, Infallible> {
    let mut n = 0u8;
    move |suite| {
        n += 1;
        MasterKey::generate_with(suite, |bytes| {
            bytes
                .iter_mut()
                .zip(0u8..)
                .for_each(|(byte, at)| *byte = at.wrapping_mul(89) ^ n);
            Ok(())
        })
    }
}

/// Lets two sides negotiate, or one of them with the lines in `input`. There `@1` to `@3` stand for keys of our own offer, and what comes
/// before an `m=` line is the session level of an offer.
///
/// # Panics
/// If two sides that agree cannot hear each other, or a peer gets what the policy denies: plain RTP, another suite, our own
/// key, a second sender.
pub fn negotiate(input: &[u8]) {
    let mut input = Input(input);
    let script = input.byte();
    let (mut one, other) = (Side::read(&mut input), Side::read(&mut input));
    one.answers_capabilities = script >> 5 & 1 == 1;
    if one.answers_capabilities {
        one.policy = one.policy.answer_capabilities(&["rtcp-fb", "ptime"]);
    }
    let transport = [
        "RTP/AVP",
        "RTP/SAVP",
        "RTP/AVPF",
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
    ][usize::from(script >> 2 & 7) % 5];
    let text = String::from_utf8_lossy(input.0).into_owned();
    match script & 3 {
        0 | 3 => talk(&one, &other),
        1 => answer(&one, transport, &text.lines().collect::<Vec<_>>()),
        _ => accept(&one, transport, &text),
    }
}

fn section<'a>(transport: &'a str, attributes: &'a [&'a str]) -> MediaSection<'a> {
    MediaSection {
        transport,
        port: 4000,
        attributes,
    }
}

fn offer_of(side: &Side) -> Offer {
    let offer = Offer::with(&side.policy, Signalling::Secure, keys());
    offer.expect("keys that are all different")
}

/// Both sides are ours.
fn talk(one: &Side, other: &Side) {
    let mut offer = offer_of(one);
    let lines: Vec<_> = offer
        .attributes()
        .map(CryptoAttribute::secret_line)
        .collect();
    let mut lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    if offer.announces_cryptex() {
        lines.push("a=cryptex");
    }
    let mut generate = keys();
    let other_keys = |suite| {
        // Not those of the offer.
        let mut key = generate(suite);
        for _ in 0..lines.len() {
            key = generate(suite);
        }
        key
    };
    let answer = Answer::to_with(
        &section(offer.profile().name(), &lines),
        &other.policy,
        Signalling::Secure,
        other_keys,
    );
    let answer = answer.expect("a key that is none of the offer's");
    let shares = one.suites.iter().any(|suite| other.suites.contains(suite));
    let Decision::Srtp(answer) = answer.decision else {
        return;
    };
    assert!(shares && !lines.is_empty());
    if other.writes_mki && !one.accepts_mki {
        return;
    }
    let line = answer.attribute.secret_line();
    let mut answered = vec![line.as_str()];
    if answer.cryptex {
        assert!(one.cryptex != Cryptex::Off && other.cryptex != Cryptex::Off);
        answered.push("a=cryptex");
    } else if one.cryptex == Cryptex::Required {
        return;
    }
    let Accepted::Srtp(accepted) = offer.accept(&section(answer.profile.name(), &answered)) else {
        panic!("{answer:?}");
    };
    assert_eq!(accepted.tag, answer.attribute.tag());
    let suite = answer.suite();
    let (mut tx, mut rx) = answer.into_contexts();
    let mut own_tx = accepted.sender.expect("the first answer");
    let mut own_rx = accepted.receiver;
    hear(
        &mut own_tx,
        &mut rx,
        &mut own_rx,
        other.takes_srtcp_of(one, suite),
    );
    hear(
        &mut tx,
        &mut own_rx,
        &mut rx,
        one.takes_srtcp_of(other, suite),
    );
}

/// What `tx` sends `rx` has to take, and `own`, the receiver beside `tx`, must not.
fn hear(tx: &mut Sender, rx: &mut Receiver, own: &mut Receiver, takes_srtcp: bool) {
    let suite = tx.suite();
    for seq in 1..=3 {
        let header = [0x91, 0, 0, seq, 0, 0, 0, 1, 0, 0, 0, 7, 5, 5, 5, 5];
        let mut packet = [&header[..], &[0xbe, 0xde, 0, 0, 1, 2, 3, 4]].concat();
        let plain = packet.clone();
        tx.protect_rtp_vec(&mut packet).expect("a fresh sender");
        // Without a tag, it takes anything.
        if suite.rtp_tag_len() > 0 {
            let opened = own.unprotect_rtp_vec(&mut packet.clone());
            opened.expect_err("another direction's");
        }
        rx.unprotect_rtp_vec(&mut packet).expect("an agreed key");
        assert_eq!(packet, plain);

        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
        let plain = packet.clone();
        tx.protect_rtcp_vec(&mut packet).expect("a fresh sender");
        // Without a tag, it takes anything.
        if suite.rtcp_tag_len() > 0 {
            let opened = own.unprotect_rtcp_vec(&mut packet.clone());
            opened.expect_err("another direction's");
        }
        match rx.unprotect_rtcp_vec(&mut packet) {
            Ok(()) => assert!(takes_srtcp && packet == plain),
            Err(error) => assert!(!takes_srtcp, "{error}"),
        }
    }
}

fn usable(lines: &[&str]) -> Vec<CryptoAttribute> {
    let parsed = lines
        .iter()
        .map(|line| CryptoAttribute::parse(line, ParseMode::Tolerant));
    let usable = |line| match line {
        Line::Usable(attribute) => Some(attribute),
        _ => None,
    };
    parsed.filter_map(usable).collect()
}

/// The offer is anybody's.
fn answer(side: &Side, transport: &str, lines: &[&str]) {
    let media = lines.iter().position(|line| line.starts_with("m="));
    let (session, lines) = lines.split_at(media.unwrap_or_default());
    let Ok(answer) = Answer::in_session_with(
        session,
        &section(transport, lines),
        &side.policy,
        Signalling::Secure,
        keys(),
    ) else {
        // The offer has our key.
        return;
    };
    let chosen: Vec<_> = answer
        .diagnoses
        .iter()
        .filter(|it| it.verdict == Verdict::Chosen)
        .collect();
    let profile = transport.parse::<Profile>();
    match &answer.decision {
        Decision::Srtp(srtp) => {
            assert!(!matches!(side.mode, SrtpMode::Disabled | SrtpMode::Bypass));
            assert!(side.suites.contains(&srtp.suite()));
            let [chosen] = chosen[..] else {
                panic!("{answer:?}")
            };
            let line = lines[chosen.line];
            let offered = match &srtp.configuration {
                Some(configuration) => {
                    assert!(side.answers_capabilities);
                    named(&answer, configuration.number);
                    let crypto = line.to_ascii_lowercase().find("crypto");
                    usable(&[&line[crypto.expect("a crypto line")..]])
                }
                None => usable(&[line]),
            };
            assert_eq!(offered[0].tag(), srtp.attribute.tag());
            assert_eq!(offered[0].suite_name(), srtp.attribute.suite_name());
            let ours = srtp.attribute.keys()[0].secret_base64();
            assert!(
                offered[0]
                    .keys()
                    .iter()
                    .all(|key| key.secret_base64() != ours)
            );
            assert_eq!(usable(&[&srtp.attribute.secret_line()]).len(), 1);
        }
        Decision::PlainRtp(plain) => {
            assert!(chosen.is_empty() && side.mode != SrtpMode::Required);
            assert!(profile == Ok(plain.profile) && !plain.profile.is_secure());
        }
        Decision::NotSdes => assert!(profile.is_err()),
        Decision::PassOn => assert_eq!(side.mode, SrtpMode::Bypass),
        _ => assert!(chosen.is_empty()),
    }
}

/// The one potential configuration that was chosen has this number.
fn named(answer: &Answer, number: u32) {
    let is_chosen = |it: &&ConfigurationDiagnosis| it.verdict == ConfigurationVerdict::Chosen;
    let chosen: Vec<_> = answer.configurations.iter().filter(is_chosen).collect();
    assert!(
        chosen.len() == 1 && chosen[0].number == Some(number),
        "{answer:?}"
    );
}

/// The answer is anybody's, who knows our offer.
fn accept(side: &Side, transport: &str, text: &str) {
    let mut offer = offer_of(side);
    let mut text = text.to_owned();
    for (line, place) in offer.attributes().zip(["@1", "@2", "@3"]) {
        text = text.replace(place, &line.keys()[0].secret_base64());
    }
    let lines: Vec<&str> = text.lines().collect();
    let answered = section(transport, &lines);
    let first = offer.accept(&answered);
    match &first {
        Accepted::Srtp(srtp) => {
            let suite = srtp.receiver.suite();
            assert!(side.suites.contains(&suite));
            let sender = srtp.sender.as_ref().expect("the first answer");
            assert_eq!(sender.suite(), suite);
            let ours = offer.attributes().flat_map(|line| line.keys());
            let ours: Vec<_> = ours.map(MasterKey::secret_base64).collect();
            for line in usable(&lines) {
                assert!(
                    line.keys()
                        .iter()
                        .all(|key| !ours.contains(&key.secret_base64()))
                );
            }
        }
        Accepted::PlainRtp(plain) => {
            assert!(side.mode != SrtpMode::Required);
            assert!(!plain.profile.is_secure() && !offer.profile().is_secure());
        }
        Accepted::PassOn => assert_eq!(side.mode, SrtpMode::Bypass),
        _ => {}
    }
    match (first, offer.accept(&answered)) {
        (Accepted::Srtp(first), Accepted::Srtp(again)) => {
            assert!(again.sender.is_none() && again.tag == first.tag);
        }
        (first, again) => assert_eq!(format!("{first:?}"), format!("{again:?}")),
    }
}
