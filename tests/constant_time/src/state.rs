//! Exported state: what it says is public, and which keys it is of is not.

use std::hint::black_box;

use srtp_sdes::sdes::{MediaSection, OurSide, Outcome, Policy, Session, Signalling, sections};
use srtp_sdes::{
    CryptoSuite, Margin, MasterKey, Mki, Receiver, ReceiverBuilder, Sender, SenderBuilder,
    StateError,
};

use crate::memcheck::reveal;
use crate::{flows, key, with_base64_of};

/// A state without keys is stored and sent as what is sent on the wire is: indices, counts and lengths are no secret, and the codes by which it is
/// sealed, and those by which keys and lines are recognised, say nothing without a key. In a state with keys all of this is as public but for the
/// keys, which stay hidden: that what stands beside them was never secret shows by itself, since it is copied from what is not.
fn stored(state: &[u8]) {
    reveal(state, "it is stored where anybody may read it");
}

fn keyed(suite: CryptoSuite, n: u8) -> MasterKey {
    key(suite, n).with_mki(Mki::new(&[1, n]).expect("two bytes"))
}

/// Two keys, in the order that is asked for.
fn sender(suite: CryptoSuite, order: [u8; 2]) -> SenderBuilder {
    Sender::builder(keyed(suite, order[0])).add_key(keyed(suite, order[1]))
}

fn receiver(suite: CryptoSuite, order: [u8; 2]) -> ReceiverBuilder {
    Receiver::builder(keyed(suite, order[0])).add_key(keyed(suite, order[1]))
}

/// Contexts with a history: packets of both planes, a removed stream, a key that was there before.
fn contexts(suite: CryptoSuite) -> (Sender, Receiver) {
    let mut sender = Sender::new(keyed(suite, 9));
    let mut receiver = Receiver::new(keyed(suite, 9));
    sender
        .rekey_with(self::sender(suite, [0, 1]))
        .expect("other keys");
    let (roc, overlap) = Default::default();
    receiver
        .rekey_with(self::receiver(suite, [0, 1]), roc, overlap)
        .expect("other keys");
    for seq in 1..4 {
        flows(seq, &mut sender, Some(&mut receiver));
    }
    (sender, receiver)
}

/// A state that was damaged in its code, at the beginning of the code and in what it says of keys.
fn damaged(state: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let (end, middle) = (state.len() - 1, state.len() / 2);
    [end, end - 19, middle].into_iter().map(|at| {
        let mut damaged = state.to_vec();
        damaged[at] ^= 1;
        damaged
    })
}

pub fn of_contexts(suite: CryptoSuite) {
    let (tx, mut rx) = contexts(suite);
    let (sent, received) = (tx.export_state(), rx.export_state());
    stored(&sent);
    stored(&received);
    // The keys are found in whatever order they come.
    for order in [[0, 1], [1, 0]] {
        let resumed = sender(suite, order).build_resumed(&sent, Margin::NONE);
        flows(4, &mut resumed.expect("its keys"), None);
        let resumed = receiver(suite, order).build_resumed(&received);
        black_box(resumed.expect("its keys"));
    }
    let margin = Margin::packets(10).expect("in the range");
    let mut resumed = sender(suite, [0, 1])
        .build_resumed(&sent, margin)
        .expect("its keys");
    flows(50, &mut resumed, Some(&mut rx));
    // Damaged, and of other keys.
    for state in damaged(&sent) {
        let refused = sender(suite, [0, 1]).build_resumed(&state, margin);
        assert!(refused.is_err());
    }
    for state in damaged(&received) {
        assert!(receiver(suite, [0, 1]).build_resumed(&state).is_err());
    }
    let refused = receiver(suite, [0, 2]).build_resumed(&received);
    assert_eq!(refused.err(), Some(StateError::NotAuthentic));
}

pub fn of_contexts_with_keys(suite: CryptoSuite) {
    let (tx, rx) = contexts(suite);
    let keys = [1, 0, 5].map(|n| keyed(suite, n));
    let keys = keys.each_ref();
    let sent = tx.export_secret_state(&keys).expect("its keys");
    let received = rx.export_secret_state(&keys).expect("its keys");
    let mut resumed = Sender::resume_secret(&sent, Margin::NONE).expect("its state");
    let mut receiver = Receiver::resume_secret(&received).expect("its state");
    flows(4, &mut resumed, Some(&mut receiver));
    for state in damaged(&sent) {
        let _ = black_box(Sender::resume_secret(&state, Margin::NONE).is_ok());
    }
    for state in damaged(&received) {
        let _ = black_box(Receiver::resume_secret(&state).is_ok());
    }
    let missing = tx.export_secret_state(&keys[..1]);
    assert_eq!(missing.err(), Some(StateError::OtherKeys));
}

pub fn of_a_session(suite: CryptoSuite) {
    let policy = Policy::compatible().suites(&[suite]);
    let before = format!("a=crypto:1 {suite} inline:");
    let [ours, theirs] = [0, 1].map(|n| with_base64_of(suite, n, &before, ""));
    let section = |lines| MediaSection {
        transport: "RTP/SAVP",
        port: 4000,
        attributes: lines,
    };
    let secure = Signalling::Secure;
    let (our_lines, their_lines) = ([ours.as_str()], [theirs.as_str()]);
    let (our_section, their_section) = (section(&our_lines), section(&their_lines));
    let restored = Session::restore_secret(
        &policy,
        secure,
        (&our_section, None),
        (&their_section, None),
    );
    let mut session = restored.expect("what was agreed");
    goes_on(&session, &policy, &[&ours, &theirs]);

    // Later exchanges, of either side. That a fresh key is none of before is public; the key itself is made of bytes that are not secret
    // here, since where a line that is written ends is none, either.
    let open = |suite: CryptoSuite| MasterKey::new(suite, &vec![3; suite.key_and_salt_len()]);
    let offer = session.offer_with(OurSide::default().with_fresh_key(), open);
    let offered: Vec<_> = offer
        .expect("a key of its own")
        .attributes()
        .map(|line| line.secret_line())
        .collect();
    let mut all: Vec<&str> = offered.iter().map(|line| line.as_str()).collect();
    all.extend([ours.as_str(), theirs.as_str()]);
    goes_on(&session, &policy, &all);
    let sdp = format!("v=0\r\nm=audio 4000 RTP/SAVP 0\r\n{theirs}\r\n");
    let parsed = sections(&sdp);
    let answered = session.answered(&parsed[0].media(), None);
    assert!(matches!(answered, Ok(Outcome::Srtp(_))));
    goes_on(&session, &policy, &all);
    let offered = session.offered_with(&their_section, None, OurSide::default(), open);
    assert!(offered.is_ok() && session.has_open_exchange());
    goes_on(&session, &policy, &all);
}

/// Another process goes on with the session, by its lines and by a state with keys, and with its contexts.
fn goes_on(session: &Session, policy: &Policy, lines: &[&str]) {
    let state = session.export_state();
    stored(&state);
    let resumed = Session::resume(&state, policy, lines.iter().copied()).expect("its lines");
    for state in damaged(&state) {
        let refused = Session::resume(&state, policy, lines.iter().copied());
        assert!(refused.is_err());
    }
    let secret = session.export_secret_state();
    let again = Session::resume_secret(&secret, policy).expect("its state");
    for session in [resumed, again] {
        let line = session.our_line().expect("what was agreed");
        let mut sender = line.secret_sender().expect("a suite").expect("options");
        flows(1, &mut sender, None);
        let state = sender.export_state();
        stored(&state);
        let sender = session.secret_sender_resumed(&state, Margin::NONE);
        flows(2, &mut sender.expect("its sender"), None);
        let line = session.their_line().expect("what was agreed");
        let receiver = line.secret_receiver().expect("a suite").expect("options");
        let state = receiver.export_state();
        stored(&state);
        let receiver = session.secret_receiver_resumed(&state);
        black_box(receiver.expect("its receiver"));
    }
}
