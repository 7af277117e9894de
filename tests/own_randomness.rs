//! Without an operating system: everything that makes keys takes the caller's random bytes. None of this needs a feature.

mod common;

use common::rtp;
use srtp_sdes::sdes::{
    Accepted, Answer, CryptoAttribute, Decision, GenerateError, MediaSection, Offer, OurSide,
    Outcome, Policy, Session, SessionError, Signalling,
};
use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender};

/// Stands for the generator of a board: bytes that were not there before, and a count of the keys made of them.
#[derive(Default)]
struct Board {
    word: u32,
    keys: usize,
}

impl Board {
    fn key(&mut self, suite: CryptoSuite) -> Result<MasterKey, Broken> {
        self.keys += 1;
        MasterKey::generate_with(suite, |bytes| {
            for chunk in bytes.chunks_mut(4) {
                self.word += 1;
                chunk.copy_from_slice(&self.word.to_be_bytes()[4 - chunk.len()..]);
            }
            Ok(())
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken;

fn broken(suite: CryptoSuite) -> Result<MasterKey, Broken> {
    MasterKey::generate_with(suite, |_| Err(Broken))
}

fn section<'a>(transport: &'a str, attributes: &'a [&'a str]) -> MediaSection<'a> {
    MediaSection {
        transport,
        port: 4000,
        attributes,
    }
}

fn hear(sender: &mut Sender, receiver: &mut Receiver) {
    for seq in 0..3 {
        let plain = rtp(7, seq, b"media");
        let mut packet = plain.clone();
        sender.protect_rtp_vec(&mut packet).unwrap();
        assert_ne!(packet, plain);
        receiver.unprotect_rtp_vec(&mut packet).unwrap();
        assert_eq!(packet, plain);
    }
}

#[test]
fn an_offer_and_its_answer_come_to_media_both_ways_with_the_callers_random_bytes_alone() {
    let policy = Policy::strong();
    let (mut ours, mut theirs) = (Board::default(), Board::default());
    theirs.word = 1 << 16;

    let mut offer = Offer::with(&policy, Signalling::Secure, |suite| ours.key(suite)).unwrap();
    let lines: Vec<_> = offer
        .attributes()
        .map(CryptoAttribute::secret_line)
        .collect();
    assert_eq!((ours.keys, lines.len()), (4, 4));

    let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    let offered = section(offer.profile().name(), &lines);
    let generate = |suite| theirs.key(suite);
    let answer = Answer::to_with(&offered, &policy, Signalling::Secure, generate).unwrap();
    let Decision::Srtp(srtp) = answer.decision else {
        panic!("{:?}", answer.decision)
    };
    assert_eq!(theirs.keys, 1);

    let line = srtp.attribute.secret_line();
    let profile = srtp.profile;
    let (mut their_sender, mut their_receiver) = srtp.into_contexts();
    let Accepted::Srtp(mut srtp) = offer.accept(&section(profile.name(), &[&line])) else {
        panic!("no SRTP")
    };
    hear(srtp.sender.as_mut().unwrap(), &mut their_receiver);
    hear(&mut their_sender, &mut srtp.receiver);
}

#[test]
fn a_session_takes_all_its_keys_from_the_caller_through_a_re_key() {
    let policy = Policy::strong();
    let (mut ours, mut theirs) = (Board::default(), Board::default());
    theirs.word = 1 << 16;
    let mut a = Session::new(&policy, Signalling::Secure);
    let mut b = Session::new(&policy, Signalling::Secure);
    let (mut a_sender, mut a_receiver) = (None, None);
    let (mut b_sender, mut b_receiver) = (None, None);
    for (side, keys) in [
        (OurSide::default(), (4, 1)),
        (OurSide::default().with_fresh_key(), (5, 2)),
    ] {
        let offer = a.offer_with(side, |suite| ours.key(suite)).unwrap();
        let lines: Vec<_> = offer
            .attributes()
            .map(CryptoAttribute::secret_line)
            .collect();
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        let offered = section(offer.profile().name(), &lines);
        let generate = |suite| theirs.key(suite);
        b.offered_in_session_with(&[], &offered, None, side, generate)
            .unwrap();
        let Ok(Outcome::Srtp(changes)) = b.commit() else {
            panic!("no SRTP")
        };
        changes.apply(&mut b_sender, &mut b_receiver).unwrap();

        let line = b.our_line().unwrap().secret_line();
        let answer = [line.as_str()];
        let answer = section(b.profile().unwrap().name(), &answer);
        let Ok(Outcome::Srtp(changes)) = a.answered(&answer, None) else {
            panic!("no SRTP")
        };
        changes.apply(&mut a_sender, &mut a_receiver).unwrap();
        assert_eq!((ours.keys, theirs.keys), keys);
    }
    hear(a_sender.as_mut().unwrap(), b_receiver.as_mut().unwrap());
    hear(b_sender.as_mut().unwrap(), a_receiver.as_mut().unwrap());
}

#[test]
fn where_the_callers_generator_fails_its_error_comes_back() {
    let policy = Policy::strong();
    let signalling = Signalling::Secure;
    let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let attributes = [line];
    let offered = section("RTP/SAVP", &attributes);
    let failed = GenerateError::Failed(Broken);
    assert_eq!(
        broken(CryptoSuite::AesCm128HmacSha1_80).unwrap_err(),
        Broken
    );
    assert_eq!(
        Offer::with(&policy, signalling, broken).unwrap_err(),
        failed
    );
    let refused = Answer::to_with(&offered, &policy, signalling, broken);
    assert_eq!(refused.unwrap_err(), failed);
    let refused = Answer::in_session_with(&[], &offered, &policy, signalling, broken);
    assert_eq!(refused.unwrap_err(), failed);

    let mut session = Session::new(&policy, signalling);
    let side = OurSide::default();
    let failed = SessionError::Keys(failed);
    assert_eq!(session.offer_with(side, broken).unwrap_err(), failed);
    let refused = session.offered_with(&offered, None, side, broken);
    assert_eq!(refused.unwrap_err(), failed);
    assert!(!session.has_open_exchange());
}

/// A method that only the feature `getrandom` has would be missing on targets without an operating system.
#[test]
fn every_method_behind_the_feature_getrandom_has_a_twin_without_it() {
    let mut twins = 0;
    for file in [
        "key.rs",
        "sdes/offer.rs",
        "sdes/answer.rs",
        "sdes/session.rs",
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        for behind in text.split("#[cfg(feature = \"getrandom\")]").skip(1) {
            let (_, signature) = behind.split_once("pub fn ").unwrap();
            let (name, _) = signature.split_once('(').unwrap();
            let twin = match name {
                "new" => "with",
                name => &format!("{name}_with"),
            };
            assert!(
                text.contains(&format!("pub fn {twin}<E>(")),
                "{file}: {name}"
            );
            twins += 1;
        }
    }
    assert_eq!(twins, 7);
}
