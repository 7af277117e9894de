//! No public type shows a secret, in `Debug` or in `Display`: one value at least of each goes through the search for keys, session keys and payload, in hex,
//! base64 and decimal, and a type that is missing here fails the test.

mod common;

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::num::NonZeroU16;

use common::secrets::Secrets;
use common::{key, public_types, rtp};
use srtp_sdes::batch::{Incoming, Outgoing, protect, unprotect};
use srtp_sdes::dtls::{self, Role};
use srtp_sdes::sdes::{
    Accepted, Answer, AnsweredProfile, CryptoAttribute, CryptoInAvp, Decision, FecOrder,
    GenerateError, Line, LineErrorKind, MediaSection, NotSdes, Offer, OurSide, Outcome, ParseMode,
    Policy, Profile, ReceiverChange, Response, SectionError, SenderChange, Session, SessionError,
    SessionParameter, Signalling, SrtcpTagOf32, SrtpMode, SuiteOrder, TagMatch, Unacceptable,
    Unusable, sections, session_attributes, session_level_crypto,
};
use srtp_sdes::{
    BuildError, Cryptex, CryptoSuite, EBitPolicy, HeaderError, KeyDerivationRate, KeyError,
    KeyRingError, Lifetime, Margin, MasterKey, Mki, Overlap, PacketIndex, PacketKind, Plane,
    ProtectError, RandomError, Receiver, ReplayWindowSize, RocAfterRekey, RocCarry, RocError,
    Sender, SrtcpTag, StateError, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;

/// A payload, of bytes that stand in no sentence by chance.
const SAID: [u8; 26] = *b"\xd1q\x9eZ\xf7~\xb3J\x8c%\xe9w\xa4^\xc8Q\x97\x7f\xbf[\x86@\xe3z\xf5|";

/// Other names for types that are seen under their own.
const ALIASES: [(&str, &str); 4] = [
    ("SenderBuilder", "Builder"),
    ("ReceiverBuilder", "Builder"),
    ("SenderStatistics", "Statistics"),
    ("ReceiverStatistics", "Statistics"),
];

/// Types of which nobody outside the crate has a value: they are seen as part of builders.
const PARTS: [&str; 2] = ["SenderOptions", "ReceiverOptions"];

/// Looks at values, and keeps count of their types.
#[derive(Default)]
struct Looks {
    secrets: Secrets,
    seen: BTreeSet<String>,
}

impl Looks {
    fn at(&mut self, value: &impl Debug) {
        self.secrets.check(value);
        self.note(value);
    }

    fn at_text(&mut self, value: &(impl Debug + Display)) {
        self.at(value);
        self.secrets.check_text(&value.to_string());
        self.secrets.check_text(&format!("{value:#}"));
    }

    fn note<T>(&mut self, _: &T) {
        let name = type_name::<T>();
        let name = name.split(['<', '{']).next().unwrap();
        let name = name.rsplit("::").next().unwrap();
        self.seen.insert(name.to_owned());
    }

    /// A key whose bytes are secret, and those that are derived from it.
    fn hide(&mut self, key: MasterKey) -> MasterKey {
        self.secrets.known.extend(Secrets::of(&key).known);
        key
    }
}

/// `Debug` and `Display` as far as the type has them: the compiler takes the first trait that fits, and tries the one with most references first.
macro_rules! look {
    ($looks:expr, $($value:expr),+ $(,)?) => {{$({
        let value = &$value;
        #[allow(unused_imports, reason = "each value needs one of them")]
        use self::look::{Both, Neither, OnlyDebug, Shown};
        (&&&Shown(value)).look(&mut *$looks);
    })+}};
}

mod look {
    use super::{Debug, Display, Looks};

    pub struct Shown<'a, T>(pub &'a T);

    pub trait Both {
        fn look(&self, looks: &mut Looks);
    }

    impl<T: Debug + Display> Both for &&Shown<'_, T> {
        fn look(&self, looks: &mut Looks) {
            looks.at_text(self.0);
        }
    }

    pub trait OnlyDebug {
        fn look(&self, looks: &mut Looks);
    }

    impl<T: Debug> OnlyDebug for &Shown<'_, T> {
        fn look(&self, looks: &mut Looks) {
            looks.at(self.0);
        }
    }

    pub trait Neither {
        fn look(&self, looks: &mut Looks);
    }

    impl<T> Neither for Shown<'_, T> {
        fn look(&self, looks: &mut Looks) {
            looks.note(self.0);
        }
    }
}

#[test]
fn no_public_type_shows_a_secret_in_debug_or_display() {
    let mut looks = Looks::default();
    for suite in CryptoSuite::ALL {
        looks.secrets = Secrets::default();
        looks.secrets.add("payload", &SAID);
        contexts(suite, &mut looks);
        lines(suite, &mut looks);
        offers_and_answers(suite, &mut looks);
        sessions(suite, &mut looks);
    }
    what_has_no_room_for_a_secret(&mut looks);

    let mut seen = looks.seen;
    for (alias, name) in ALIASES {
        assert!(seen.contains(name));
        seen.insert(alias.to_owned());
    }
    seen.extend(PARTS.map(String::from));
    let declared: BTreeSet<_> = public_types::declared().into_iter().collect();
    let missing: Vec<_> = declared.difference(&seen).collect();
    assert!(missing.is_empty(), "not looked at: {missing:?}");
}

#[test]
fn the_look_at_a_type_sees_display_where_there_is_one() {
    struct Leaky;
    impl Debug for Leaky {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Leaky")
        }
    }
    impl Display for Leaky {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?}", SAID)
        }
    }
    let mut looks = Looks::default();
    looks.secrets.add("payload", &SAID);
    looks.at(&Leaky);
    let seen = std::panic::AssertUnwindSafe(|| look!(&mut looks, Leaky));
    assert!(std::panic::catch_unwind(seen).is_err());
}

/// A type that is `Copy` and borrows nothing has no text and no bytes of a caller's or peer's: every error is one, but for those with an error of the
/// caller's in it.
#[test]
fn no_error_has_room_for_text() {
    fn has_none<T: std::error::Error + Copy + 'static>() {}
    has_none::<BuildError>();
    has_none::<HeaderError>();
    has_none::<KeyError>();
    has_none::<KeyRingError>();
    has_none::<ProtectError>();
    has_none::<RandomError>();
    has_none::<RocError>();
    has_none::<StateError>();
    has_none::<UnprotectError>();
    has_none::<srtp_sdes::LifetimeError>();
    has_none::<srtp_sdes::MkiError>();
    has_none::<srtp_sdes::UnknownSuite>();
    has_none::<GenerateError<RandomError>>();
    has_none::<LineErrorKind>();
    has_none::<srtp_sdes::sdes::LineError>();
    has_none::<srtp_sdes::sdes::NoExchange>();
    has_none::<NotSdes>();
    has_none::<srtp_sdes::sdes::RejectReason>();
    has_none::<srtp_sdes::sdes::RestoreError>();
    has_none::<SectionError>();
    has_none::<SessionError<RandomError>>();
    has_none::<srtp_sdes::sdes::SkipReason>();
    has_none::<Unacceptable>();
    has_none::<Unusable>();
}

fn dressed(suite: CryptoSuite, seed: u8) -> MasterKey {
    key(suite, seed)
        .with_mki(Mki::new(&[1, seed]).unwrap())
        .with_lifetime(Lifetime::new(1000).unwrap())
}

fn contexts(suite: CryptoSuite, looks: &mut Looks) {
    let key = || dressed(suite, 0xc5);
    look!(looks, looks.hide(key()), suite);
    let (tx, rx) = (Sender::builder(key()), Receiver::builder(key()));
    look!(looks, tx, rx);
    let (tx, rx) = (tx.build().unwrap(), rx.build().unwrap());
    look!(looks, tx, rx);

    // Packets on their way through a batch, before and after.
    let (mut senders, mut receivers) = ([tx], [rx]);
    let mut buf = rtp(SSRC, 1, &SAID);
    let len = buf.len();
    buf.resize(len + 40, 0);
    let mut outgoing = [Outgoing::in_place(0, Plane::Rtp, &mut buf, len)];
    look!(looks, outgoing[0]);
    protect(&mut senders[..], &mut outgoing);
    let length = outgoing[0].result().unwrap().unwrap();
    look!(looks, outgoing[0]);
    let mut incoming = [Incoming::new(0, Plane::Rtp, &mut buf[..length])];
    look!(looks, incoming[0]);
    unprotect(&mut receivers[..], &mut incoming);
    assert_eq!(incoming[0].result(), Some(Ok(len)));
    look!(looks, incoming[0]);

    let ([tx], [rx]) = (senders, receivers);
    look!(looks, tx, rx, tx.statistics(), rx.statistics());
    look!(looks, tx.statistics().rtp, tx.statistics().rtp.errors);
    look!(looks, rx.statistics().rtcp, rx.statistics().rtcp.errors);
    look!(looks, tx.keys().next().unwrap().1);

    // What a handshake exports: four parts in a row, of which two are ours.
    if suite.dtls_srtp_profile().is_some() {
        let exported: Vec<u8> = (0..2 * suite.key_and_salt_len() as u32)
            .map(|n| (n * 97 + n * n * 31 + 13) as u8)
            .collect();
        looks.secrets.add("what DTLS exports", &exported);
        let keys = dtls::split_secret(suite, &exported, Role::Client).unwrap();
        looks.hide(keys.ours.secret_copy());
        looks.hide(keys.theirs.secret_copy());
        look!(looks, keys);
        let short = dtls::split_secret(suite, &exported[1..], Role::Server);
        look!(looks, short.unwrap_err());
    }
}

/// Lines with keys where they belong and where they do not.
fn lines(suite: CryptoSuite, looks: &mut Looks) {
    let (media, fec) = (looks.hide(dressed(suite, 1)), looks.hide(dressed(suite, 2)));
    let misplaced = looks.hide(key(suite, 3));
    let text = misplaced.secret_base64();
    let hex: String = misplaced
        .secret_key_and_salt()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let parameters = [
        SessionParameter::FecOrder(FecOrder::SrtpFec),
        SessionParameter::FecKey(vec![fec]),
        SessionParameter::Extension(format!("-x={}", *text)),
        SessionParameter::WindowSizeHint(128),
    ];
    for parameter in &parameters {
        look!(looks, *parameter);
    }
    let line = CryptoAttribute::new(1, None, &[media], &parameters).unwrap();
    look!(looks, line, line.secret_copy());
    let whole = line.secret_line();

    let cut = &whole[..whole.len() - 5];
    let (begin, rest) = whole.split_once("inline:").unwrap();
    let texts = [
        whole.to_string(),
        cut.to_owned(),
        format!("{begin}{rest}"),
        format!("{begin}online:{rest}"),
        format!("a=crypto:{} {} inline:{}", *text, suite, *text),
        // A key for the name of the suite, and beside it.
        format!("a=crypto:1 {} inline:{}", *text, *text),
        format!("a=crypto:1 {} inline:{}", text.trim_end_matches('='), *text),
        format!(
            "a=crypto:1 {} inline:{}",
            text.replace('+', "-").replace('/', "_"),
            *text
        ),
        format!("a=crypto:1 {hex} inline:{}", *text),
        format!("a=crypto:1 {} inline:{}", &hex[..32], *text),
        format!("a=crypto:1 X_{hex} inline:{}", *text),
        format!("a=crypto:1 {}_{} inline:{}", suite, *text, *text),
        format!("a=crypto:1 {} {}", suite, *text),
        format!("a=crypto:1 {} inline:{}|{}", suite, *text, *text),
        format!("a=crypto:1 {} inline:{}|2^20|{}:4", suite, *text, *text),
        format!("a=crypto:1 {} inline:{} {}", suite, *text, *text),
        format!("a=crypto:1 {} inline:{} -{}", suite, *text, *text),
        format!("a=crypto:1 {} inline:{} FEC_KEY={}", suite, *text, *text),
        format!("a=crypto:1 {} inline:{} KDR={}", suite, *text, *text),
        format!("{}:1", *text),
        format!("k=base64:{}", *text),
        text.to_string(),
    ];
    for text in &texts {
        for mode in [ParseMode::Tolerant, ParseMode::Strict] {
            let line = CryptoAttribute::parse(text, mode);
            look!(looks, line, mode);
            match line {
                Line::Usable(line) => look!(looks, line),
                Line::Skipped { reason, attribute } => look!(looks, reason, attribute),
                Line::Invalid(error) => look!(looks, error, error.kind),
                other => look!(looks, other),
            }
        }
    }
    let attributes: Vec<_> = texts.iter().map(String::as_str).collect();
    let section = MediaSection {
        transport: "RTP/SAVP",
        port: 5004,
        attributes: &attributes,
    };
    look!(looks, section);
    let policy = Policy::compatible().suites(&[suite]);
    let generate = |suite| Ok::<_, RandomError>(dressed(suite, 9));
    let answer = Answer::to_with(&section, &policy, Signalling::Secure, generate).unwrap();
    look!(looks, answer, answer.diagnoses);
    for diagnosis in &answer.diagnoses {
        look!(looks, *diagnosis, diagnosis.verdict);
    }
    look!(
        looks,
        Offer::from_secret_section(&section, &policy).unwrap_err()
    );
    // Line ends that got lost on the way through JSON, a log or a URL.
    for end in [
        "\\r\\n", "%0D%0A", "\u{b}", "\u{c}", "\0", "\u{85}", "\u{2028}", " ", "  ", "\t",
    ] {
        for line in [
            "m=audio 5004 RTP/SAVP 0",
            "m=audio 5004 RTP/SAVP",
            "m=audio 5004",
            "m=audio",
        ] {
            let sdp = format!("v=0\r\n{line}{end}{}\r\n", texts[0]);
            let sections = sections(&sdp);
            look!(looks, sections[0], sections[0].media());
            looks
                .secrets
                .check_text(&format!("{:?}", sections[0].media_line_for_log()));
        }
    }
    // On the session level they mean nothing, and are told of.
    let sdp = format!(
        "v=0\r\n{}\r\nm=audio 5004 RTP/SAVP 0\r\n{}\r\n",
        attributes.join("\r\n"),
        attributes.join("\r\n")
    );
    look!(
        looks,
        session_level_crypto(&sdp),
        sections(&sdp),
        sections(&sdp)[0]
    );
}

fn offers_and_answers(suite: CryptoSuite, looks: &mut Looks) {
    let policy = || {
        Policy::compatible()
            .suites(&[suite])
            .allow_unencrypted_srtp()
    };
    let mut seed = 20;
    let mut fresh = |looks: &mut Looks| {
        seed += 1;
        looks.hide(key(suite, seed))
    };
    let (ours, theirs) = (fresh(looks), fresh(looks));
    let secure = Signalling::Secure;
    let mut offer = Offer::with(&policy(), secure, |_| {
        Ok::<_, RandomError>(ours.secret_copy())
    })
    .unwrap();
    look!(looks, offer);
    let offered: Vec<_> = offer
        .attributes()
        .map(|it| it.secret_line().to_string())
        .collect();
    let offered: Vec<_> = offered.iter().map(String::as_str).collect();
    let section = |attributes| MediaSection {
        transport: "RTP/SAVP",
        port: 5004,
        attributes,
    };

    let generate = |_| Ok::<_, RandomError>(theirs.secret_copy());
    let answer = Answer::to_with(&section(&offered), &policy(), secure, generate).unwrap();
    look!(looks, answer, answer.decision);
    let Decision::Srtp(srtp) = answer.decision else {
        panic!("{suite}");
    };
    look!(looks, *srtp, srtp.profile);
    let answered = srtp.attribute.secret_line().to_string();

    let answered = [&*answered];
    let accepted = offer.accept(&section(&answered));
    look!(looks, accepted, offer);
    let Accepted::Srtp(srtp) = accepted else {
        panic!("{suite}: {accepted:?}");
    };
    look!(looks, *srtp);
    let again = offer.accept(&section(&offered));
    look!(looks, again);
    let Accepted::Reject(rejection) = again else {
        panic!("{suite}: {again:?}");
    };
    look!(looks, rejection, rejection.reason, rejection.sip_hint());

    // A key that comes twice.
    let repeated = Answer::to_with(&section(&offered), &policy(), secure, |_| {
        Ok::<_, RandomError>(ours.secret_copy())
    });
    look!(looks, repeated.unwrap_err());
    look!(
        looks,
        Offer::with(&policy(), secure, |_| Err(RandomError)).unwrap_err()
    );
    let unkeyed = MediaSection {
        transport: "RTP/AVP",
        port: 5004,
        attributes: &[],
    };
    let plain = Answer::to_with(&unkeyed, &policy(), secure, generate).unwrap();
    look!(looks, plain);
    let Decision::PlainRtp(plain) = plain.decision else {
        panic!("{suite}: {plain:?}");
    };
    look!(looks, plain);

    // A potential configuration, with the key in a capability.
    let capability = format!("a=acap:1 {}", &offered[0]["a=".len()..]);
    let sdp = format!(
        "v=0\r\nm=audio 5004 RTP/AVP 0\r\na=tcap:1 RTP/SAVP\r\n{capability}\r\na=pcfg:1 t=1 a=1\r\n"
    );
    let media = &sections(&sdp)[0];
    let answering = policy().answer_capabilities(&[]);
    look!(looks, *media, media.media(), answering);
    let answer = Answer::in_session_with(
        &session_attributes(&sdp),
        &media.media(),
        &answering,
        secure,
        generate,
    );
    let answer = answer.unwrap();
    look!(
        looks,
        answer,
        answer.configurations[0],
        answer.configurations[0].verdict
    );
    if let Decision::Srtp(srtp) = answer.decision {
        let configuration = srtp.configuration.unwrap();
        look!(looks, configuration, configuration.deletes);
    }
}

fn sessions(suite: CryptoSuite, looks: &mut Looks) {
    let policy = Policy::compatible().suites(&[suite]);
    let mut ours = Session::new(&policy, Signalling::Secure);
    let mut theirs = Session::new(&policy, Signalling::Secure);
    let at = |port| OurSide::at(([192, 0, 2, 1], port).into());
    look!(looks, at(40002));
    // First the exchange that begins, then one with fresh keys, then the same lines again.
    for round in 0..3u8 {
        let new = looks.hide(dressed(suite, 40 + round));
        let answering = looks.hide(dressed(suite, 50 + round));
        let side = |port| match round {
            1 => at(port).with_fresh_key(),
            _ => at(port),
        };
        let made = |key: &MasterKey| Ok::<_, RandomError>(key.secret_copy());
        let offer = ours.offer_with(side(40002), |_| made(&new)).unwrap();
        look!(looks, *offer);
        let offered: Vec<_> = offer
            .attributes()
            .map(|it| it.secret_line().to_string())
            .collect();
        let offered: Vec<_> = offered.iter().map(String::as_str).collect();
        let busy = ours.offer_with(at(40002), |_| made(&new));
        look!(looks, busy.unwrap_err(), ours);
        let section = |attributes| MediaSection {
            transport: "RTP/SAVP",
            port: 40002,
            attributes,
        };
        let address = Some(([192, 0, 2, 1], 40002).into());
        let reply = theirs.offered_with(&section(&offered), address, side(40106), |_| {
            made(&answering)
        });
        let reply = reply.unwrap();
        look!(looks, reply, reply.response, theirs);
        let Response::Srtp { attribute, .. } = reply.response else {
            panic!("{suite}");
        };
        let answered = attribute.secret_line().to_string();
        look!(looks, theirs.commit().unwrap(), theirs);
        let outcome = ours.answered(&section(&[&answered]), Some(([192, 0, 2, 2], 40106).into()));
        let outcome = outcome.unwrap();
        look!(looks, outcome, ours);
        let Outcome::Srtp(changes) = outcome else {
            panic!("{suite}");
        };
        look!(looks, *changes, changes.sender, changes.receiver);
        match (changes.sender, changes.receiver) {
            (SenderChange::Rekey(sender), ReceiverChange::Rekey(receiver)) => {
                look!(looks, sender, receiver, receiver.overlap(), receiver.roc());
            }
            others => assert_ne!(round, 1, "{others:?}"),
        }
        let leg = ours.leg().unwrap();
        look!(looks, leg, leg.to(&leg));
        assert_eq!(*ours.our_line().unwrap().secret_line(), offered[0]);
    }
    look!(looks, ours.commit().unwrap_err());
    let state = ours.export_secret_state();
    look!(looks, Session::resume_secret(&state, &policy).unwrap());
    look!(
        looks,
        Session::resume_secret(&state[1..], &policy).unwrap_err()
    );
    look!(
        looks,
        Session::resume_secret(&state[..state.len() - 1], &policy).unwrap_err()
    );
    let line = ours.our_line().unwrap().secret_line();
    let lines = [&**line];
    let section = MediaSection {
        transport: "RTP/SAVP",
        port: 40002,
        attributes: &lines,
    };
    let itself = Session::restore_secret(
        &policy,
        Signalling::Secure,
        (&section, None),
        (&section, None),
    );
    look!(looks, itself.unwrap_err());
}

/// Numbers and names of the crate's own: they are here so that the list is whole.
fn what_has_no_room_for_a_secret(looks: &mut Looks) {
    let malformed = HeaderError::Version { version: 1 };
    look!(
        looks,
        Cryptex::Off,
        CryptoSuite::AesCm128HmacSha1_80,
        EBitPolicy::default(),
        KeyDerivationRate::EVERY_PACKET,
        Lifetime::new(2).unwrap(),
        Margin::NONE,
        Mki::new(&[1]).unwrap(),
        Overlap::default(),
        PacketIndex::new(1, 2),
        PacketKind::Rtp,
        Plane::Rtp,
        ReplayWindowSize::default(),
        RocAfterRekey::default(),
        RocCarry::rccm2(NonZeroU16::MIN),
        Role::Client,
        SrtcpTag::default(),
    );
    look!(
        looks,
        BuildError::Key(KeyRingError::Selected),
        KeyError::Base64,
        KeyRingError::Selected,
        Lifetime::new(0).unwrap_err(),
        malformed,
        Mki::new(&[]).unwrap_err(),
        ProtectError::Malformed(malformed),
        "X".parse::<CryptoSuite>().unwrap_err(),
        RandomError,
        RocError::TooManyStreams { ssrc: 1, most: 2 },
        StateError::Kind,
        UnprotectError::Malformed(malformed),
    );
    look!(
        looks,
        AnsweredProfile::Secure,
        CryptoInAvp::Ignore,
        FecOrder::FecSrtp,
        GenerateError::Failed(RandomError),
        NotSdes,
        Profile::Savp,
        Signalling::Secure,
        SrtcpTagOf32::TenBytes,
        SrtpMode::Disabled,
        SuiteOrder::Own,
        TagMatch::Lenient,
        Unacceptable::Mki,
        Unusable::TooMany,
    );
}
