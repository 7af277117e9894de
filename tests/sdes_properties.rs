//! What holds for any crypto attribute, any text, and any two endpoints of ours, each under any policy.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;

use common::{PLANES, fresh, key, plain, protect, read_json, unprotect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use srtp_sdes::sdes::{
    Accepted, Answer, AnsweredProfile, CryptoAttribute, CryptoInAvp, Decision, FecOrder, Line,
    MediaSection, Offer, ParseMode, Policy, Profile, RejectReason, SessionParameter, Signalling,
    SipHint, SrtcpTagOf32, SrtpMode, SuiteOrder, Verdict,
};
use srtp_sdes::{CryptoSuite, KeyDerivationRate, Lifetime, MasterKey, Mki, Plane};
use srtp_sdes::{Receiver, Sender};

const MODES: [ParseMode; 2] = [ParseMode::Tolerant, ParseMode::Strict];

/// Runs `test` on `cases` values. A failure prints the smallest value that fails.
fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(strategy, test)
        .unwrap_or_else(|error| panic!("{error}"));
}

// ── Attributes ──

/// An attribute to be written.
#[derive(Clone, Debug)]
struct Plan {
    tag: u32,
    suite: CryptoSuite,
    name: Name,
    mki: Option<Vec<u8>>,
    /// The lifetime of each key.
    keys: Vec<Option<u64>>,
    parameters: Vec<Parameter>,
}

/// How the suite is spelled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Own,
    LowerCase,
    /// That of a draft, where there is one.
    Alias,
}

#[derive(Clone, Debug)]
enum Parameter {
    Rate(u8),
    UnencryptedSrtp,
    UnencryptedSrtcp,
    UnauthenticatedSrtp,
    FecOrder(FecOrder),
    FecKey(usize),
    Window(u64),
    Extension(String),
}

fn lifetime() -> impl Strategy<Value = u64> {
    prop_oneof![
        2..=100u64,
        2..=1u64 << 48,
        (1..=48u32).prop_map(|n| 1u64 << n)
    ]
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let order = select(vec![FecOrder::FecSrtp, FecOrder::SrtpFec]);
    let window = prop_oneof![64..=32_768u64, 64..=u64::MAX];
    let extension = "-[!-,.-~][!-~]{0,12}";
    (1..=24u8, order, 1..=3usize, window, extension, extension)
        .prop_map(|(rate, order, fec_keys, window, one, other)| {
            vec![
                Parameter::Rate(rate),
                Parameter::UnencryptedSrtp,
                Parameter::UnencryptedSrtcp,
                Parameter::UnauthenticatedSrtp,
                Parameter::FecOrder(order),
                Parameter::FecKey(fec_keys),
                Parameter::Window(window),
                Parameter::Extension(one),
                Parameter::Extension(other),
            ]
        })
        .prop_flat_map(|all| subsequence(all, 0..=9))
        .prop_shuffle()
}

fn plan() -> impl Strategy<Value = Plan> {
    let tag = prop_oneof![0..=9u32, 0..=999_999_999u32];
    let name = select(vec![Name::Own, Name::LowerCase, Name::Alias]);
    let mki = vec(any::<u8>(), 1..=128);
    let keys = vec(proptest::option::of(lifetime()), 1..=4);
    let suite = select(CryptoSuite::ALL.to_vec());
    let has_mki = any::<bool>();
    (tag, suite, name, mki, has_mki, keys, parameters()).prop_map(
        |(tag, suite, name, mki, has_mki, keys, mut parameters)| {
            // RFC 7714 §8.2: AEAD always encrypts and authenticates SRTP.
            let is_refused = |it: &Parameter| {
                matches!(
                    it,
                    Parameter::UnencryptedSrtp | Parameter::UnauthenticatedSrtp
                )
            };
            parameters.retain(|it| !(suite.is_aead() && is_refused(it)));
            let needs_mki = keys.len() > 1
                || parameters
                    .iter()
                    .any(|it| matches!(it, Parameter::FecKey(2..)));
            let mki = (has_mki || needs_mki).then_some(mki);
            Plan {
                tag,
                suite,
                name,
                mki,
                keys,
                parameters,
            }
        },
    )
}

/// All that can be read of an attribute.
#[derive(Debug, PartialEq)]
struct Facts {
    tag: u32,
    suite: Option<CryptoSuite>,
    name: String,
    keys: Vec<KeyFacts>,
    parameters: Vec<String>,
}

/// Key and salt, MKI, lifetime.
type KeyFacts = (Vec<u8>, Option<Mki>, Option<Lifetime>);

fn key_facts(keys: &[MasterKey]) -> Vec<KeyFacts> {
    let facts = |key: &MasterKey| {
        let bytes = key.secret_key_and_salt().to_vec();
        (bytes, key.mki().cloned(), key.lifetime())
    };
    keys.iter().map(facts).collect()
}

fn parameter_facts(parameters: &[SessionParameter]) -> Vec<String> {
    let facts = |parameter: &SessionParameter| match parameter {
        SessionParameter::FecKey(keys) => format!("FEC_KEY {:?}", key_facts(keys)),
        other => other.to_string(),
    };
    parameters.iter().map(facts).collect()
}

impl Facts {
    fn of(attribute: &CryptoAttribute) -> Self {
        Self {
            tag: attribute.tag(),
            suite: attribute.suite(),
            name: attribute.suite_name().to_owned(),
            keys: key_facts(attribute.keys()),
            parameters: parameter_facts(attribute.parameters()),
        }
    }
}

impl Plan {
    fn name(&self) -> String {
        let name = self.suite.name();
        match self.name {
            Name::Own => name.to_owned(),
            Name::LowerCase => name.to_ascii_lowercase(),
            Name::Alias => name
                .replace("AES_192_CM", "AES_CM_192")
                .replace("AES_256_CM", "AES_CM_256"),
        }
    }

    /// The letter of the RFC knows one name only.
    fn is_to_the_letter(&self) -> bool {
        self.name().eq_ignore_ascii_case(self.suite.name())
    }

    fn key(&self, seed: u8, lifetime: Option<u64>) -> MasterKey {
        let mut made = key(self.suite, seed);
        if let Some(mki) = &self.mki {
            let mut mki = mki.clone();
            // Not 0, and another one for each key.
            *mki.last_mut().unwrap() = seed;
            made = made.with_mki(Mki::new(&mki).unwrap());
        }
        match lifetime {
            Some(packets) => made.with_lifetime(Lifetime::new(packets).unwrap()),
            None => made,
        }
    }

    fn keys(&self) -> Vec<MasterKey> {
        let keys = (1..).zip(&self.keys);
        keys.map(|(seed, lifetime)| self.key(seed, *lifetime))
            .collect()
    }

    fn parameters(&self) -> Vec<SessionParameter> {
        let parameter = |it: &Parameter| match it {
            Parameter::Rate(n) => SessionParameter::KeyDerivationRate(rate(*n)),
            Parameter::UnencryptedSrtp => SessionParameter::UnencryptedSrtp,
            Parameter::UnencryptedSrtcp => SessionParameter::UnencryptedSrtcp,
            Parameter::UnauthenticatedSrtp => SessionParameter::UnauthenticatedSrtp,
            Parameter::FecOrder(order) => SessionParameter::FecOrder(*order),
            Parameter::FecKey(keys) => {
                let seeds = (101..).take(*keys);
                SessionParameter::FecKey(seeds.map(|seed| self.key(seed, None)).collect())
            }
            Parameter::Window(packets) => SessionParameter::WindowSizeHint(*packets),
            Parameter::Extension(text) => SessionParameter::Extension(text.clone()),
        };
        self.parameters.iter().map(parameter).collect()
    }

    fn written(&self) -> CryptoAttribute {
        let name = self.name();
        let (keys, parameters) = (self.keys(), self.parameters());
        CryptoAttribute::new(self.tag, Some(&name), &keys, &parameters).unwrap()
    }

    fn facts(&self) -> Facts {
        Facts {
            tag: self.tag,
            suite: Some(self.suite),
            name: self.name(),
            keys: key_facts(&self.keys()),
            parameters: parameter_facts(&self.parameters()),
        }
    }
}

fn rate(exponent: u8) -> KeyDerivationRate {
    KeyDerivationRate::from_exponent(exponent).unwrap()
}

fn usable(line: Line) -> CryptoAttribute {
    match line {
        Line::Usable(attribute) => attribute,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_says_what_it_was_written_from_and_is_parsed_as_the_same() {
    check(512, &plan(), |plan| {
        let (written, expected) = (plan.written(), plan.facts());
        prop_assert_eq!(&Facts::of(&written), &expected);
        shows_no_key(&[&written, &written.parameters()], &[&written])?;
        for mode in MODES {
            if mode == ParseMode::Strict && !plan.is_to_the_letter() {
                continue;
            }
            for text in [
                written.secret_line().to_string(),
                format!("crypto:{}", written.secret_value()),
                format!("{}\r\n", written.secret_value()),
            ] {
                let parsed = usable(CryptoAttribute::parse(&text, mode));
                prop_assert_eq!(&Facts::of(&parsed), &expected);
                prop_assert_eq!(parsed.secret_value(), written.secret_value());
            }
        }
        Ok(())
    });
}

#[test]
fn a_lifetime_is_written_only_where_the_key_has_one_and_keys_are_padded() {
    check(256, &plan(), |plan| {
        let written = plan.written();
        let keys = written.secret_value().split(' ').nth(2).unwrap();
        prop_assert_eq!(keys.split(';').count(), plan.keys.len());
        for (text, lifetime) in keys.split(';').zip(&plan.keys) {
            let mut parts = text.split('|');
            let base64 = parts.next().unwrap().strip_prefix("inline:").unwrap();
            prop_assert_eq!(base64.len() % 4, 0);
            let has_lifetime = parts.any(|part| !part.contains(':'));
            prop_assert_eq!(has_lifetime, lifetime.is_some());
        }
        Ok(())
    });
}

#[derive(serde::Deserialize)]
struct Case {
    line: String,
}

/// Pieces of which lines are made, and such as have no place in one.
fn pieces() -> Vec<String> {
    let mut pieces: Vec<String> = [
        "a=crypto:",
        "crypto:",
        "a=",
        "1",
        "0",
        "007",
        "999999999",
        "9999999999",
        " ",
        " ",
        " ",
        "  ",
        "\t",
        "inline:",
        "inline:",
        "INLINE:",
        "|",
        "|",
        ":",
        ";",
        ";inline:",
        "=",
        "==",
        "|2^20",
        "|2^48",
        "|2^49",
        "|1:4",
        "|2^31|1:1",
        "|0:1",
        "|1:128",
        "|18446744073709551616",
        " KDR=1",
        " KDR=25",
        " KDR=",
        " WSH=64",
        " WSH=63",
        " WSH=99999999999999999999999999",
        " UNENCRYPTED_SRTP",
        " UNENCRYPTED_SRTCP",
        " UNAUTHENTICATED_SRTP",
        " FEC_ORDER=FEC_SRTP",
        " FEC_ORDER=SRTP_FEC",
        " FEC_KEY=inline:",
        " -x",
        " -",
        " --x",
        " X",
        "é",
        "日",
        "🔑",
        "\u{0}",
        "\u{7f}",
        "\r",
        "\n",
        "\r\n",
        "\u{85}",
        "\u{a0}",
        "SEED_CTR_128_HMAC_SHA1_80",
        "-",
        "+",
    ]
    .map(str::to_owned)
    .to_vec();
    for suite in CryptoSuite::ALL {
        pieces.push(suite.name().to_owned());
        pieces.push(format!("{suite} inline:{}", *key(suite, 1).secret_base64()));
        pieces.push(format!(
            "1 {suite} inline:{}",
            *key(suite, 2).secret_base64()
        ));
        pieces.push(key(suite, 3).secret_base64().to_string());
    }
    pieces
}

/// Lines as devices send them with something else in one place; pieces of lines; anything.
fn texts() -> impl Strategy<Value = String> {
    let cases: Vec<Case> = read_json("sdes/crypto_lines.json");
    let lines: Vec<String> = cases.into_iter().map(|case| case.line).collect();
    let changed = (select(lines), any::<(u16, u8)>(), select(pieces())).prop_map(
        |(line, (at, len), piece)| {
            let mut characters: Vec<char> = line.chars().collect();
            let at = usize::from(at) % (characters.len() + 1);
            let end = (at + usize::from(len % 8)).min(characters.len());
            characters.splice(at..end, piece.chars());
            characters.into_iter().collect()
        },
    );
    let suite = select(CryptoSuite::ALL.to_vec());
    let prefix = select(vec!["a=crypto:", "a=CRYPTO:", "crypto:", ""]);
    let tail = vec(select(pieces()), 0..3);
    let end = select(vec!["", "\n", "\r\n", " ", " \t\r\n"]);
    let almost =
        (prefix, 0..=10u32, suite, tail, end).prop_map(|(prefix, tag, suite, tail, end)| {
            let key = key(suite, 1).secret_base64();
            let tail = tail.concat();
            format!("{prefix}{tag} {suite} inline:{}{tail}{end}", *key)
        });
    let bytes = vec(any::<u8>(), 0..200);
    prop_oneof![
        4 => changed,
        4 => almost,
        4 => vec(select(pieces()), 0..12).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => (vec(select(pieces()), 1..6), 1..100usize).prop_map(|(pieces, n)| pieces.concat().repeat(n)),
    ]
}

#[test]
fn any_text_comes_to_something_and_the_offset_of_an_error_is_a_place_in_it() {
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    check(2048, &texts(), |text| {
        for mode in MODES {
            let line = CryptoAttribute::parse(&text, mode);
            let outcome = match &line {
                Line::Usable(_) => "usable",
                Line::Skipped { .. } => "skipped",
                Line::Invalid(error) => {
                    prop_assert!(text.is_char_boundary(error.offset), "{}", error);
                    // What stands before the value moves the offset and nothing else.
                    if !text.contains("rypto:") && !text.starts_with("a=") {
                        let line = CryptoAttribute::parse(&format!("a=crypto:{text}"), mode);
                        let moved = matches!(&line, Line::Invalid(it) if it.kind == error.kind && it.offset == error.offset + 9);
                        prop_assert!(moved, "{:?} {:?}", line, error);
                    }
                    "invalid"
                }
                _ => "other",
            };
            *seen.borrow_mut().entry(outcome).or_default() += 1;
        }
        Ok(())
    });
    let seen = seen.into_inner();
    for outcome in ["usable", "skipped", "invalid"] {
        assert!(seen.get(outcome) > Some(&100), "{outcome}: {seen:?}");
    }
}

#[test]
fn a_usable_line_is_kept_to_the_byte_and_its_value_is_the_same_attribute_again() {
    check(2048, &texts(), |text| {
        for mode in MODES {
            let Line::Usable(once) = CryptoAttribute::parse(&text, mode) else {
                continue;
            };
            let without_end = text.strip_suffix('\n').unwrap_or(&text);
            let without_end = without_end.strip_suffix('\r').unwrap_or(without_end);
            prop_assert!(without_end.ends_with(once.secret_value()));
            let again = usable(CryptoAttribute::parse(once.secret_value(), mode));
            prop_assert_eq!(Facts::of(&again), Facts::of(&once));
            prop_assert_eq!(again.secret_value(), once.secret_value());
            // What is to the letter is tolerable.
            let tolerated = usable(CryptoAttribute::parse(&text, ParseMode::Tolerant));
            prop_assert_eq!(Facts::of(&tolerated), Facts::of(&once));
        }
        Ok(())
    });
}

// ── Two endpoints ──

/// One endpoint: what is asked of its policy, and the way of its signalling.
#[derive(Clone, Debug)]
struct Side {
    mode: SrtpMode,
    suites: Vec<CryptoSuite>,
    order: SuiteOrder,
    crypto_in_avp: CryptoInAvp,
    offers_secure: bool,
    answered: AnsweredProfile,
    accepts_mki: bool,
    mki_len: Option<u8>,
    lifetime: Option<u64>,
    rate: Option<u8>,
    tag: SrtcpTagOf32,
    is_strict: bool,
    allows: Services,
    allows_clear: bool,
}

/// UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP.
type Services = (bool, bool, bool);

fn suites() -> impl Strategy<Value = Vec<CryptoSuite>> {
    subsequence(CryptoSuite::ALL.to_vec(), 1..=7).prop_shuffle()
}

fn side() -> impl Strategy<Value = Side> {
    use SrtpMode as M;
    let modes = (
        prop_oneof![1 => Just(M::Disabled), 2 => Just(M::WhenOffered), 5 => Just(M::Opportunistic), 5 => Just(M::Required), 1 => Just(M::Bypass)],
        select(vec![SuiteOrder::Offer, SuiteOrder::Own]),
        prop_oneof![6 => Just(CryptoInAvp::Accept), 1 => Just(CryptoInAvp::Ignore), 1 => Just(CryptoInAvp::Reject)],
        any::<bool>(),
        select(vec![AnsweredProfile::AsOffered, AnsweredProfile::Secure]),
    );
    let keys = (
        prop::bool::weighted(0.8),
        prop_oneof![2 => Just(None), 1 => (1..=128u8).prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => (100..=1u64 << 48).prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => (1..=24u8).prop_map(Some), 1 => Just(Some(1))],
    );
    let tag = select(vec![
        SrtcpTagOf32::TenBytes,
        SrtcpTagOf32::FourBytes,
        SrtcpTagOf32::AcceptEither,
    ]);
    let allows = prop_oneof![Just((true, true, true)), any::<Services>()];
    let clear = any::<bool>();
    (modes, suites(), keys, tag, any::<bool>(), allows, clear).prop_map(
        |(modes, suites, keys, tag, is_strict, allows, allows_clear)| Side {
            mode: modes.0,
            suites,
            order: modes.1,
            crypto_in_avp: modes.2,
            offers_secure: modes.3,
            answered: modes.4,
            accepts_mki: keys.0,
            mki_len: keys.1,
            lifetime: keys.2,
            rate: keys.3,
            tag,
            is_strict,
            allows,
            allows_clear,
        },
    )
}

impl Side {
    fn policy(&self) -> Policy {
        let mut policy = Policy::compatible()
            .mode(self.mode)
            .suites(&self.suites)
            .order(self.order)
            .crypto_in_avp(self.crypto_in_avp)
            .offer_secure_profile(self.offers_secure)
            .answered_profile(self.answered)
            .srtcp_tag_of_32(self.tag);
        if !self.accepts_mki {
            policy = policy.refuse_mki();
        }
        if let Some(len) = self.mki_len {
            policy = policy.write_mki(len);
        }
        if let Some(packets) = self.lifetime {
            policy = policy.write_lifetime(Lifetime::new(packets).unwrap());
        }
        if let Some(exponent) = self.rate {
            policy = policy.key_derivation_rate(rate(exponent));
        }
        if self.is_strict {
            policy = policy.strict_lines();
        }
        if self.allows.0 {
            policy = policy.allow_unencrypted_srtp();
        }
        if self.allows.1 {
            policy = policy.allow_unencrypted_srtcp();
        }
        if self.allows.2 {
            policy = policy.allow_unauthenticated_srtp();
        }
        if self.allows_clear {
            policy = policy.allow_clear_signalling();
        }
        policy
    }

    fn offers(&self) -> bool {
        matches!(self.mode, SrtpMode::Opportunistic | SrtpMode::Required)
    }

    fn trusts(&self, signalling: Signalling) -> bool {
        signalling == Signalling::Secure || self.allows_clear
    }

    /// Bytes of the SRTCP tag that this side sends, under a suite.
    fn sends(&self, suite: CryptoSuite) -> usize {
        match suite.rtp_tag_len() == 4 && self.tag == SrtcpTagOf32::FourBytes {
            true => 4,
            false => suite.rtcp_tag_len(),
        }
    }

    /// Bytes that this side adds to a packet of RTP and of RTCP.
    fn overheads(&self, suite: CryptoSuite, services: Services) -> [usize; 2] {
        let mki = self.mki_len.map_or(0, usize::from);
        let tag = if services.2 { 0 } else { suite.rtp_tag_len() };
        [tag + mki, 4 + self.sends(suite) + mki]
    }

    fn takes(&self, suite: CryptoSuite, tag: usize) -> bool {
        let either = suite.rtp_tag_len() == 4 && self.tag == SrtcpTagOf32::AcceptEither;
        either || tag == self.sends(suite)
    }
}

/// The services that a line for `suite` can have.
fn possible(services: Services, suite: CryptoSuite) -> Services {
    let aead = suite.is_aead();
    (services.0 && !aead, services.1, services.2 && !aead)
}

fn parameters_of(services: Services, exponent: Option<u8>) -> Vec<SessionParameter> {
    let mut parameters = Vec::new();
    if services.0 {
        parameters.push(SessionParameter::UnencryptedSrtp);
    }
    if services.1 {
        parameters.push(SessionParameter::UnencryptedSrtcp);
    }
    if services.2 {
        parameters.push(SessionParameter::UnauthenticatedSrtp);
    }
    parameters.extend(exponent.map(|n| SessionParameter::KeyDerivationRate(rate(n))));
    parameters
}

fn section<'a>(profile: Profile, attributes: &'a [&'a str]) -> MediaSection<'a> {
    MediaSection {
        transport: profile.name(),
        port: 4000,
        attributes,
    }
}

/// What has to come of an offer.
#[derive(Debug, PartialEq)]
enum Expected {
    Srtp(Profile, CryptoSuite),
    Plain,
    Reject(RejectReason),
    PassOn,
}

/// What RFC 4568 §5.1.2, RFC 8643 §3.2 and the answerer's policy make of an offer with lines for `offered`.
fn expected(
    answerer: &Side,
    signalling: Signalling,
    profile: Profile,
    offered: &[CryptoSuite],
    has_mki: bool,
    services: Services,
) -> Expected {
    use RejectReason as R;
    if answerer.mode == SrtpMode::Bypass {
        return Expected::PassOn;
    }
    let in_avp = !profile.is_secure() && !offered.is_empty();
    if in_avp && answerer.crypto_in_avp == CryptoInAvp::Reject {
        return Expected::Reject(R::CryptoInAvp);
    }
    let is_allowed = |suite: &CryptoSuite| {
        let asked = possible(services, *suite);
        answerer.suites.contains(suite)
            && (answerer.accepts_mki || !has_mki)
            && (answerer.allows.0 || !asked.0)
            && (answerer.allows.1 || !asked.1)
            && (answerer.allows.2 || !asked.2)
    };
    let mut candidates = offered.iter().filter(|suite| is_allowed(suite));
    let chosen = match answerer.order {
        SuiteOrder::Offer => candidates.next(),
        SuiteOrder::Own => answerer
            .suites
            .iter()
            .find(|own| offered.contains(own) && is_allowed(own)),
    };
    let may_be_plain = !profile.is_secure() && answerer.mode != SrtpMode::Required;
    let reason = if answerer.mode == SrtpMode::Disabled {
        R::SrtpDisabled
    } else if offered.is_empty() && profile.is_secure() {
        R::NoKeying
    } else if offered.is_empty() || (in_avp && answerer.crypto_in_avp == CryptoInAvp::Ignore) {
        R::SrtpRequired
    } else if !answerer.trusts(signalling) {
        R::SignallingNotSecure
    } else if let Some(suite) = chosen {
        let profile = match answerer.answered {
            AnsweredProfile::AsOffered => profile,
            AnsweredProfile::Secure => profile.secured(),
        };
        return Expected::Srtp(profile, *suite);
    } else if offered.iter().any(|suite| answerer.suites.contains(suite)) {
        R::ParameterProhibited
    } else {
        R::NoCommonSuite
    };
    match may_be_plain {
        true => Expected::Plain,
        false => Expected::Reject(reason),
    }
}

/// A context's peer has to get what it sends, in both planes and over new session keys; a receiver of another
/// direction must not.
fn flows(
    tx: &mut Sender,
    rx: &mut Receiver,
    own_rx: &mut Receiver,
    rtcp_tags_agree: bool,
    services: Services,
    overheads: [usize; 2],
) -> Result<(), TestCaseError> {
    let suite = tx.suite();
    let body = b"what is in the packets in the clear!";
    prop_assert_eq!(
        [tx.rtp_overhead(), tx.rtcp_overhead()],
        overheads,
        "{}",
        suite
    );
    for plane in PLANES {
        let (is_clear, is_forgeable) = match plane {
            Plane::Rtp => (services.0, suite.rtp_tag_len() == 0 || services.2),
            Plane::Rtcp => (services.1, suite.rtcp_tag_len() == 0),
        };
        for seq in 1..=5 {
            let packet = plain(plane, 0x5eed_0001, seq, body);
            let sent = protect(tx, plane, &packet).unwrap();
            let shows = sent.windows(body.len()).any(|window| window == body);
            prop_assert_eq!(shows, is_clear || !suite.encrypts(), "{} {}", suite, plane);
            if !is_forgeable {
                prop_assert!(unprotect(own_rx, plane, &sent).is_err(), "own {}", plane);
            }
            let opened = unprotect(rx, plane, &sent);
            if plane == Plane::Rtp || rtcp_tags_agree {
                prop_assert_eq!(opened, Ok(packet), "{} {}", suite, plane);
                if !is_forgeable {
                    prop_assert!(unprotect(rx, plane, &sent).is_err(), "replayed");
                }
            } else {
                prop_assert!(opened.is_err(), "an SRTCP tag of another length");
            }
        }
    }
    Ok(())
}

/// The keys for media and for FEC.
fn all_keys(line: &CryptoAttribute) -> impl Iterator<Item = &MasterKey> {
    let of_fec = line.parameters().iter().flat_map(|it| match it {
        SessionParameter::FecKey(keys) => keys.as_slice(),
        _ => &[],
    });
    line.keys().iter().chain(of_fec)
}

/// Debug, in one line and in many, shows none of these keys: as base64, hexadecimal or numbers.
fn shows_no_key(
    shown: &[&dyn std::fmt::Debug],
    lines: &[&CryptoAttribute],
) -> Result<(), TestCaseError> {
    for shown in shown {
        for text in [format!("{shown:?}"), format!("{shown:#?}")] {
            let text: String = text.split_whitespace().collect();
            for key in lines.iter().flat_map(|line| all_keys(line)) {
                let bytes = &key.secret_key_and_salt()[..8];
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                prop_assert!(!text.contains(&key.secret_base64()[..10]), "{}", text);
                prop_assert!(!text.contains(&numbers.join(",")), "{}", text);
                prop_assert!(!text.to_ascii_lowercase().contains(&hex), "{}", text);
            }
        }
    }
    Ok(())
}

/// Two endpoints, the way of the signalling, and the services that the offer's lines ask for.
fn two() -> impl Strategy<Value = (Side, Side, Signalling, Services)> {
    let signalling = prop_oneof![4 => Just(Signalling::Secure), 1 => Just(Signalling::Clear)];
    let services = prop_oneof![3 => Just((false, false, false)), 2 => any::<Services>()];
    (side(), side(), signalling, services).prop_map(
        |(offerer, mut answerer, signalling, services)| {
            // An offerer that refuses MKIs and an answerer that writes them do not overlap.
            if !offerer.accepts_mki {
                answerer.mki_len = None;
            }
            (offerer, answerer, signalling, services)
        },
    )
}

/// The offer of `offerer`, whose lines ask for `services`.
fn offer(offerer: &Side, signalling: Signalling, services: Services) -> Offer {
    let policy = offerer.policy();
    let offer = Offer::with(&policy, signalling, fresh).unwrap();
    if services == (false, false, false) {
        return offer;
    }
    // A policy has no services to offer: they come in by the lines of an offer that was sent.
    let lines: Vec<_> = offer
        .attributes()
        .map(|line| {
            let parameters = parameters_of(possible(services, line.suite().unwrap()), offerer.rate);
            let line = CryptoAttribute::new(line.tag(), None, line.keys(), &parameters);
            line.unwrap().secret_line()
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    Offer::from_secret_section(&section(offer.profile(), &lines), &policy).unwrap()
}

#[test]
fn any_two_endpoints_agree_or_end_as_documented_and_media_flows_only_the_right_way() {
    let seen = RefCell::new(BTreeMap::<String, u32>::new());
    check(512, &two(), |(offerer, answerer, signalling, services)| {
        let mut offer = offer(&offerer, signalling, services);
        let lines: Vec<_> = offer
            .attributes()
            .map(CryptoAttribute::secret_line)
            .collect();
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();

        // The offer: one line for each suite in the policy's order, under its profile, with keys that are all different.
        let offers = offerer.offers() && offerer.trusts(signalling);
        let offered = if offers {
            offerer.suites.clone()
        } else {
            Vec::new()
        };
        let shown: Vec<_> = offer
            .attributes()
            .map(|line| (line.tag(), line.suite().unwrap()))
            .collect();
        prop_assert_eq!(
            shown,
            (1..).zip(offered.iter().copied()).collect::<Vec<_>>()
        );
        let keys: Vec<_> = offer
            .attributes()
            .flat_map(|line| key_facts(line.keys()))
            .collect();
        for (n, (bytes, mki, lifetime)) in keys.iter().enumerate() {
            prop_assert!(
                keys[..n]
                    .iter()
                    .all(|earlier| earlier.0[..16] != bytes[..16])
            );
            prop_assert_eq!(
                mki.as_ref().map(|mki| mki.as_bytes().len()),
                offerer.mki_len.map(usize::from)
            );
            prop_assert_eq!(lifetime.map(Lifetime::packets), offerer.lifetime);
        }
        let profile = match offerer.offers_secure && offerer.offers() {
            true => Profile::Savp,
            false => Profile::Avp,
        };
        prop_assert_eq!(offer.profile(), profile);

        // The decision.
        let answer = Answer::to_with(
            &section(profile, &lines),
            &answerer.policy(),
            signalling,
            fresh,
        )
        .unwrap();
        let has_mki = offerer.mki_len.is_some();
        let expected = expected(&answerer, signalling, profile, &offered, has_mki, services);
        let name = format!("{expected:?}");
        *seen
            .borrow_mut()
            .entry(name.split('(').next().unwrap().to_owned())
            .or_default() += 1;
        prop_assert_eq!(answer.diagnoses.len(), offered.len());
        let chosen = answer
            .diagnoses
            .iter()
            .filter(|it| it.verdict == Verdict::Chosen);
        let chosen: Vec<_> = chosen.filter_map(|it| it.tag).collect();
        shows_no_key(
            &[
                &answer,
                &offer,
                &offerer.policy(),
                &section(profile, &lines),
            ],
            &offer.attributes().collect::<Vec<_>>(),
        )?;
        match answer.decision {
            Decision::Srtp(srtp) => {
                prop_assert_eq!(Expected::Srtp(srtp.profile, srtp.suite()), expected);
                let suite = srtp.suite();
                let tag = srtp.attribute.tag();
                prop_assert_eq!(&chosen, &[tag]);
                prop_assert_eq!(offered[tag as usize - 1], suite);
                prop_assert_eq!(srtp.attribute.suite_name(), suite.name());
                let services = possible(services, suite);
                prop_assert_eq!(
                    parameter_facts(srtp.attribute.parameters()),
                    parameter_facts(&parameters_of(services, answerer.rate))
                );
                let [(own, mki, lifetime)] = &key_facts(srtp.attribute.keys())[..] else {
                    panic!("several keys")
                };
                prop_assert!(
                    keys.iter().all(|offered| offered.0[..16] != own[..16]),
                    "a key of its own"
                );
                prop_assert_eq!(
                    mki.as_ref().map(|mki| mki.as_bytes().len()),
                    answerer.mki_len.map(usize::from)
                );
                prop_assert_eq!(lifetime.map(Lifetime::packets), answerer.lifetime);

                let line = srtp.attribute.secret_line();
                let accepted = offer.accept(&section(srtp.profile, &[&line]));
                shows_no_key(&[&srtp, &accepted, &offer], &[&srtp.attribute])?;
                let Accepted::Srtp(accepted) = accepted else {
                    panic!("{accepted:?}")
                };
                prop_assert_eq!((accepted.profile, accepted.tag), (srtp.profile, tag));
                let (mut own_tx, mut own_rx) = (accepted.sender.unwrap(), accepted.receiver);
                let (mut tx, mut rx) = srtp.into_contexts();
                for of in [own_tx.suite(), own_rx.suite(), tx.suite(), rx.suite()] {
                    prop_assert_eq!(of, suite);
                }
                let agree = answerer.takes(suite, offerer.sends(suite));
                let overheads = offerer.overheads(suite, services);
                flows(
                    &mut own_tx,
                    &mut rx,
                    &mut own_rx,
                    agree,
                    services,
                    overheads,
                )?;
                let agree = offerer.takes(suite, answerer.sends(suite));
                let overheads = answerer.overheads(suite, services);
                flows(&mut tx, &mut own_rx, &mut rx, agree, services, overheads)?;
            }
            Decision::PlainRtp(plain) => {
                prop_assert_eq!((Expected::Plain, profile), (expected, plain.profile));
                prop_assert!(chosen.is_empty());
                let accepted = offer.accept(&section(plain.profile, &[]));
                match (offerer.mode, accepted) {
                    (SrtpMode::Bypass, Accepted::PassOn) => {}
                    (SrtpMode::Required, Accepted::Reject(it))
                        if it.reason == RejectReason::SrtpRequired => {}
                    (SrtpMode::Required | SrtpMode::Bypass, other) => panic!("{other:?}"),
                    (_, Accepted::PlainRtp(it)) => {
                        prop_assert_eq!(it.profile, plain.profile);
                        // Only the answerer knows why.
                        prop_assert_eq!(it.declined, None);
                        prop_assert_eq!(plain.declined.is_some(), offer.has_keys());
                    }
                    (_, other) => panic!("{other:?}"),
                }
            }
            Decision::Reject(rejection) => {
                prop_assert_eq!(Expected::Reject(rejection.reason), expected);
                prop_assert!(chosen.is_empty());
                let is_hint = matches!(
                    rejection.sip_hint(),
                    SipHint::Refuse {
                        status: 488,
                        q850_cause: 88,
                        ..
                    }
                );
                prop_assert!(is_hint);
                let refused = MediaSection {
                    port: 0,
                    ..section(profile, &[])
                };
                prop_assert!(matches!(offer.accept(&refused), Accepted::RefusedByPeer));
            }
            Decision::PassOn => prop_assert_eq!(Expected::PassOn, expected),
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    let seen = seen.into_inner();
    for outcome in ["Srtp", "Plain", "Reject", "PassOn"] {
        assert!(seen.get(outcome) > Some(&20), "{outcome}: {seen:?}");
    }
}

#[test]
fn of_several_answers_to_one_line_the_first_has_the_sender_and_all_have_receivers() {
    let strategy = (side(), 2..=4usize);
    check(64, &strategy, |(mut side, forks)| {
        side.mode = SrtpMode::Required;
        side.suites.truncate(1);
        side.accepts_mki = true;
        side.crypto_in_avp = CryptoInAvp::Accept;
        let policy = side.policy();
        let mut offer = Offer::with(&policy, Signalling::Secure, fresh).unwrap();
        let line = offer.attributes().next().unwrap().secret_line();
        for fork in 0..forks {
            let offered = [line.as_str()];
            let offered = section(offer.profile(), &offered);
            let answer = Answer::to_with(&offered, &policy, Signalling::Secure, fresh).unwrap();
            let Decision::Srtp(answer) = answer.decision else {
                panic!("{answer:?}")
            };
            let answered = answer.attribute.secret_line();
            let Accepted::Srtp(mut srtp) = offer.accept(&section(answer.profile, &[&answered]))
            else {
                panic!("{answer:?}")
            };
            prop_assert_eq!(srtp.sender.is_some(), fork == 0);
            let (mut tx, _) = answer.into_contexts();
            for plane in PLANES {
                let packet = plain(plane, 1, 1, b"from a fork.");
                let sent = protect(&mut tx, plane, &packet).unwrap();
                prop_assert_eq!(unprotect(&mut srtp.receiver, plane, &sent), Ok(packet));
            }
        }
        Ok(())
    });
}

#[test]
fn an_answer_with_one_of_our_keys_is_refused_whichever_line_the_key_is_from() {
    // Suites whose keys have one length, so that each key fits each line.
    let suites: Vec<_> = CryptoSuite::ALL
        .into_iter()
        .filter(|it| it.key_and_salt_len() == 30)
        .collect();
    let strategy = (subsequence(suites, 1..=5).prop_shuffle(), any::<(u8, u8)>());
    check(64, &strategy, |(suites, (line, key))| {
        let policy = Policy::compatible().suites(&suites);
        let mut offer = Offer::with(&policy, Signalling::Secure, fresh).unwrap();
        let (line, key) = (
            usize::from(line) % suites.len(),
            usize::from(key) % suites.len(),
        );
        let stolen = offer.attributes().nth(key).unwrap().keys()[0].secret_base64();
        let tag = line + 1;
        let suite = suites[line];
        for mki in ["", "|2^20", "|7:2"] {
            let echo = format!("a=crypto:{tag} {suite} inline:{}{mki}", *stolen);
            let Accepted::Reject(rejection) = offer.accept(&section(Profile::Avp, &[&echo])) else {
                panic!("{suite}")
            };
            prop_assert_eq!(rejection.reason, RejectReason::KeyRepeated);
        }
        // Nothing was used up: the proper answer still gets the sender.
        let fresh = fresh(suite).unwrap().secret_base64();
        let answer = format!("a=crypto:{tag} {suite} inline:{}", *fresh);
        let Accepted::Srtp(srtp) = offer.accept(&section(Profile::Avp, &[&answer])) else {
            panic!("{suite}")
        };
        prop_assert!(srtp.sender.is_some());
        Ok(())
    });
}
