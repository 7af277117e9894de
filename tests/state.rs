//! Exported state: what goes on from it is what was exported, and nothing goes on from anything else.

mod common;

use std::num::{NonZeroU16, NonZeroUsize};

use common::{PLANES, bytes, key, plain, protect, unprotect};
use proptest::prelude::*;
use srtp_sdes::{
    Builder, CryptoSuite, KeyDerivationRate, Lifetime, Margin, MasterKey, Mki, Overlap, Plane,
    ProtectError, Receiver, ReceiverBuilder, ReplayWindowSize, RocAfterRekey, RocCarry, Sender,
    SenderBuilder, SrtcpTag, StateError,
};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;
const SSRCS: [u32; 3] = [0, 7, u32::MAX];

/// What contexts are built from, as often as they are needed.
#[derive(Clone, Debug)]
struct Setup {
    suite: CryptoSuite,
    /// Bytes of the MKIs; 0 is a single key without.
    mki: usize,
    /// The seeds of the keys that a context has now.
    keys: Vec<u8>,
    rate: Option<u8>,
    window: u16,
    lifetime: Option<u64>,
    unencrypted_srtcp: bool,
    identical: bool,
    search_roc: bool,
    /// A mode of RFC 4771 from 1 to 3, and its rate.
    roc_carry: Option<(u8, u16)>,
    /// Under the `_32` suites: the sender's SRTCP tags have 4 bytes, and the receiver takes either.
    short_tag: bool,
}

impl Setup {
    fn plain(suite: CryptoSuite) -> Self {
        Self {
            suite,
            mki: 0,
            keys: vec![1],
            rate: None,
            window: 64,
            lifetime: None,
            unencrypted_srtcp: false,
            identical: false,
            search_roc: false,
            roc_carry: None,
            short_tag: false,
        }
    }

    fn mki(&self, seed: u8) -> Mki {
        Mki::from_value(seed.into(), self.mki).unwrap()
    }

    fn key(&self, seed: u8) -> MasterKey {
        let mut key = key(self.suite, seed);
        if self.mki > 0 {
            key = key.with_mki(self.mki(seed));
        }
        match self.lifetime {
            Some(packets) => key.with_lifetime(Lifetime::new(packets).unwrap()),
            None => key,
        }
    }

    /// `first` of the keys comes first.
    fn builder<D>(&self, first: usize, new: impl Fn(MasterKey) -> Builder<D>) -> Builder<D> {
        let first = self.keys[first % self.keys.len()];
        let mut builder = new(self.key(first));
        for seed in self.keys.iter().filter(|seed| **seed != first) {
            builder = builder.add_key(self.key(*seed));
        }
        if let Some(exponent) = self.rate {
            builder =
                builder.key_derivation_rate(KeyDerivationRate::from_exponent(exponent).unwrap());
        }
        if self.unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if let Some((mode, rate)) = self.roc_carry {
            builder = builder.roc_carry(roc_carry(mode, rate));
        }
        builder.replay_window(ReplayWindowSize::new(self.window).unwrap())
    }

    fn sender(&self, first: usize) -> SenderBuilder {
        let mut builder = self.builder(first, Sender::builder);
        if self.short_tag {
            builder = builder.srtcp_tag(SrtcpTag::Bytes4);
        }
        match self.identical {
            true => builder.allow_identical_retransmission(),
            false => builder,
        }
    }

    fn receiver(&self, first: usize) -> ReceiverBuilder {
        let mut builder = self.builder(first, Receiver::builder);
        if self.short_tag {
            builder = builder.accept_either_srtcp_tag();
        }
        match self.search_roc {
            true => builder.search_roc(),
            false => builder,
        }
    }

    fn master_keys(&self) -> Vec<MasterKey> {
        self.keys.iter().map(|seed| self.key(*seed)).collect()
    }
}

fn roc_carry(mode: u8, rate: u16) -> RocCarry {
    let rate = NonZeroU16::new(rate).unwrap();
    match mode {
        1 => RocCarry::rccm1_unauthenticated_between(rate),
        2 => RocCarry::rccm2(rate),
        _ => RocCarry::rccm3_unauthenticated(rate),
    }
}

fn setup() -> impl Strategy<Value = Setup> {
    let options = (
        any::<[bool; 4]>(),
        prop::option::of((1..=3u8, 1..30u16)),
        prop::option::of(1..5u8),
        prop::option::of(2..40u64),
    );
    let sizes = (
        prop_oneof![Just(0), Just(1), Just(128)],
        prop_oneof![Just(64u16), Just(100), Just(1024)],
    );
    (0..CryptoSuite::ALL.len(), options, sizes).prop_map(
        |(suite, (flags, roc_carry, rate, lifetime), (mki, window))| Setup {
            roc_carry: roc_carry.filter(|_| {
                let suite = CryptoSuite::ALL[suite];
                !suite.is_aead() && suite.rtp_tag_len() > 0
            }),
            suite: CryptoSuite::ALL[suite],
            mki,
            keys: if mki > 0 { vec![1, 2] } else { vec![1] },
            rate,
            window,
            lifetime,
            unencrypted_srtcp: flags[0],
            identical: flags[1],
            search_roc: flags[2],
            short_tag: flags[3] && CryptoSuite::ALL[suite].rtp_tag_len() == 4,
        },
    )
}

/// Something that happens to a context. What the numbers mean depends on it.
type Step = (u8, u8, u16);

fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..32u8, any::<u8>(), any::<u16>()), 0..120)
}

/// A sequence number: mostly near another one.
fn seq_near(seq: u16, n: u16) -> u16 {
    match n % 8 {
        0 => n,
        1 | 2 => seq.wrapping_sub(n % 90),
        _ => seq.wrapping_add(n % 5),
    }
}

fn export_pair(one: &Sender, other: &Sender) {
    assert!(
        one.export_state() == other.export_state(),
        "the states differ"
    );
}

/// Plays the history with two senders, of which one fails over again and again.
fn senders_agree(mut setup: Setup, history: &[Step]) {
    let (mut stays, mut moves) = (
        setup.sender(0).build().unwrap(),
        setup.sender(0).build().unwrap(),
    );
    let mut seqs = [65_500u16; SSRCS.len()];
    let mut next_key = 3;
    let mut was_here = setup.keys.clone();
    for (step, which, number) in history.iter().copied() {
        was_here.extend(&setup.keys);
        let stream = usize::from(which) % SSRCS.len();
        let ssrc = SSRCS[stream];
        match step {
            0..16 => {
                seqs[stream] = seq_near(seqs[stream], number);
                let plane = PLANES[usize::from(step % 4 == 0)];
                let packet = plain(plane, ssrc, seqs[stream], &bytes(12));
                assert_eq!(
                    protect(&mut stays, plane, &packet),
                    protect(&mut moves, plane, &packet)
                );
            }
            16 => {
                let roc = u32::from(number % 5);
                assert_eq!(stays.set_roc(ssrc, roc), moves.set_roc(ssrc, roc));
            }
            17 => assert_eq!(stays.remove_stream(ssrc), moves.remove_stream(ssrc)),
            18 if setup.mki > 0 => {
                let mki = setup.mki(setup.keys[usize::from(which) % setup.keys.len()]);
                assert_eq!(stays.select_key(&mki), moves.select_key(&mki));
            }
            19 if setup.mki > 0 => {
                stays.add_key(setup.key(next_key)).unwrap();
                moves.add_key(setup.key(next_key)).unwrap();
                setup.keys.push(next_key);
                next_key += 1;
            }
            20 if setup.mki > 0 => {
                let at = usize::from(which) % setup.keys.len();
                let mki = setup.mki(setup.keys[at]);
                let removed = stays.remove_key(&mki);
                assert_eq!(moves.remove_key(&mki), removed);
                if removed.is_ok() {
                    setup.keys.remove(at);
                }
            }
            21 => {
                // A key that was here is refused.
                let gone = (1..next_key)
                    .find(|seed| was_here.contains(seed) && !setup.keys.contains(seed));
                if let Some(gone) = gone {
                    let refused = stays.rekey(setup.key(gone));
                    assert!(refused.is_err());
                    assert_eq!(moves.rekey(setup.key(gone)), refused);
                }
            }
            22 => {
                setup.keys = vec![next_key];
                next_key += 1;
                stays.rekey_with(setup.sender(0)).unwrap();
                moves.rekey_with(setup.sender(0)).unwrap();
            }
            23..28 => {
                let state = moves.export_state();
                moves = setup
                    .sender(which.into())
                    .build_resumed(&state, Margin::NONE)
                    .unwrap();
                export_pair(&stays, &moves);
            }
            28 => {
                let keys = setup.master_keys();
                let state = moves
                    .export_secret_state(&keys.iter().rev().collect::<Vec<_>>())
                    .unwrap();
                moves = Sender::resume_secret(&state, Margin::NONE).unwrap();
                export_pair(&stays, &moves);
            }
            _ => assert!(stays.ssrcs().eq(moves.ssrcs()) && stays.keys().eq(moves.keys())),
        }
    }
    export_pair(&stays, &moves);
}

/// The packets of a peer whose sender changes keys, goes on, or begins anew.
struct Peer {
    sender: Sender,
    setup: Setup,
    sent: Vec<(Plane, Vec<u8>)>,
    seqs: [u16; SSRCS.len()],
}

impl Peer {
    fn send(&mut self, plane: Plane, stream: usize, number: u16) {
        self.seqs[stream] = seq_near(self.seqs[stream], number);
        let packet = plain(plane, SSRCS[stream], self.seqs[stream], &bytes(9));
        if let Ok(packet) = protect(&mut self.sender, plane, &packet) {
            self.sent.push((plane, packet));
        }
    }
}

/// Plays the history with two receivers, of which one fails over again and again. An overlap does not survive that.
fn receivers_agree(mut setup: Setup, history: &[Step]) {
    let build = |setup: &Setup| setup.receiver(0).build().unwrap();
    let (mut stays, mut moves) = (build(&setup), build(&setup));
    let sender = setup.sender(0).build().unwrap();
    let mut peer = Peer {
        sender,
        setup: setup.clone(),
        sent: Vec::new(),
        seqs: [65_500; SSRCS.len()],
    };
    let mut next_key = 3;
    for (step, which, number) in history.iter().copied() {
        let stream = usize::from(which) % SSRCS.len();
        let ssrc = SSRCS[stream];
        match step {
            0..8 => peer.send(PLANES[usize::from(step % 4 == 0)], stream, number),
            8..20 => {
                // Mostly one of the last ones.
                let back = usize::from(number) % if step == 8 { 1000 } else { 6 };
                let Some(at) = peer.sent.len().checked_sub(1 + back) else {
                    continue;
                };
                let (plane, packet) = &peer.sent[at];
                assert_eq!(
                    unprotect(&mut stays, *plane, packet),
                    unprotect(&mut moves, *plane, packet)
                );
            }
            20 => {
                let roc = u32::from(number % 5);
                assert_eq!(stays.set_roc(ssrc, roc), moves.set_roc(ssrc, roc));
            }
            21 => assert_eq!(stays.remove_stream(ssrc), moves.remove_stream(ssrc)),
            22 => assert_eq!(stays.restart_rtp(ssrc, 0), moves.restart_rtp(ssrc, 0)),
            23 => assert_eq!(stays.restart_rtcp(ssrc), moves.restart_rtcp(ssrc)),
            24 | 25 => {
                setup.keys = vec![next_key];
                next_key += 1;
                let roc = [
                    RocAfterRekey::Kept,
                    RocAfterRekey::KeptOrZero,
                    RocAfterRekey::ZeroOrKept,
                ][usize::from(which % 3)];
                let overlap = [Overlap::None, Overlap::Packets(3), Overlap::UntilEnded]
                    [usize::from(number % 3)];
                stays.rekey_with(setup.receiver(0), roc, overlap).unwrap();
                moves.rekey_with(setup.receiver(0), roc, overlap).unwrap();
            }
            26 if peer.setup.keys != setup.keys => {
                peer.setup = setup.clone();
                match which % 2 {
                    0 => peer.sender.rekey_with(setup.sender(0)).unwrap(),
                    _ => peer.sender = setup.sender(0).build().unwrap(),
                }
            }
            27..31 => {
                stays.end_overlap();
                let (state, keys) = (moves.export_state(), setup.master_keys());
                moves = match which % 2 {
                    0 => setup.receiver(number.into()).build_resumed(&state).unwrap(),
                    _ => {
                        let state = moves.export_secret_state(&keys.iter().collect::<Vec<_>>());
                        Receiver::resume_secret(&state.unwrap()).unwrap()
                    }
                };
                assert!(
                    stays.export_state() == moves.export_state(),
                    "the states differ"
                );
            }
            _ => assert!(stays.ssrcs().eq(moves.ssrcs()) && stays.keys().eq(moves.keys())),
        }
    }
    stays.end_overlap();
    moves.end_overlap();
    assert!(
        stays.export_state() == moves.export_state(),
        "the states differ"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_sender_that_fails_over_without_a_margin_is_the_one_that_did_not(setup in setup(), history in history()) {
        senders_agree(setup, &history);
    }

    #[test]
    fn a_receiver_that_fails_over_is_the_one_that_did_not(setup in setup(), history in history()) {
        receivers_agree(setup, &history);
    }

    #[test]
    fn bytes_from_anywhere_are_no_state(state in prop::collection::vec(any::<u8>(), 0..300), is_headed: bool) {
        let mut state = state;
        if is_headed {
            let len = state.len() as u64 + 19;
            state.splice(0..0, b"SRTPstat\x00\x01\x01".iter().copied().chain(len.to_be_bytes()));
        }
        let setup = Setup::plain(SUITE);
        assert!(setup.sender(0).build_resumed(&state, Margin::NONE).is_err());
        assert!(setup.receiver(0).build_resumed(&state).is_err());
        assert!(Sender::resume_secret(&state, Margin::NONE).is_err());
        assert!(Receiver::resume_secret(&state).is_err());
    }
}

/// A sender and a receiver that have a history.
fn contexts(setup: &Setup) -> (Sender, Receiver) {
    let (mut tx, mut rx) = (
        setup.sender(0).build().unwrap(),
        setup.receiver(0).build().unwrap(),
    );
    for plane in PLANES {
        for ssrc in SSRCS {
            for seq in [1, 3, 2] {
                let packet = protect(&mut tx, plane, &plain(plane, ssrc, seq, b"hello")).unwrap();
                unprotect(&mut rx, plane, &packet).unwrap();
            }
        }
    }
    tx.remove_stream(SSRCS[0]);
    rx.remove_stream(SSRCS[0]);
    (tx, rx)
}

fn margin(packets: u16) -> Margin {
    Margin::packets(packets).unwrap()
}

fn resume(setup: &Setup, tx: &Sender, packets: u16) -> Sender {
    let state = tx.export_state();
    setup
        .sender(0)
        .build_resumed(&state, margin(packets))
        .unwrap()
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_state_is_refused() {
    let without_tags = CryptoSuite::AesCm128NullAuth;
    for suite in [SUITE, CryptoSuite::AeadAes256Gcm, without_tags] {
        let setup = Setup::plain(suite);
        let (tx, rx) = contexts(&setup);
        let keys = setup.master_keys();
        let keys: Vec<_> = keys.iter().collect();
        let sender = |state: &[u8]| {
            setup
                .sender(0)
                .build_resumed(state, Margin::NONE)
                .map(|_| ())
        };
        let receiver = |state: &[u8]| setup.receiver(0).build_resumed(state).map(|_| ());
        let secret_sender = |state: &[u8]| Sender::resume_secret(state, Margin::NONE).map(|_| ());
        let secret_receiver = |state: &[u8]| Receiver::resume_secret(state).map(|_| ());
        type Resume<'r> = &'r dyn Fn(&[u8]) -> Result<(), StateError>;
        let states: [(Vec<u8>, Resume<'_>); 4] = [
            (tx.export_state(), &sender),
            (rx.export_state(), &receiver),
            (
                tx.export_secret_state(&keys).unwrap().to_vec(),
                &secret_sender,
            ),
            (
                rx.export_secret_state(&keys).unwrap().to_vec(),
                &secret_receiver,
            ),
        ];
        for (n, (state, resume)) in states.iter().enumerate() {
            assert_eq!(resume(state), Ok(()), "{suite}");
            for len in 0..state.len() {
                assert!(resume(&state[..len]).is_err(), "{suite}: {len} bytes");
            }
            for bit in 0..state.len() * 8 {
                let mut flipped = state.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(resume(&flipped).is_err(), "{suite}: bit {bit}");
            }
            // Only its own kind takes it.
            for (other, (_, resume)) in states.iter().enumerate().filter(|(other, _)| *other != n) {
                assert_eq!(
                    resume(state),
                    Err(StateError::Kind),
                    "{suite}: {n} as {other}"
                );
            }
        }
    }
}

#[test]
fn a_state_of_other_keys_is_refused_and_so_is_one_of_other_options_under_the_same_keys() {
    let mut setup = Setup::plain(SUITE);
    (setup.mki, setup.keys) = (2, vec![1, 2]);
    let (tx, rx) = contexts(&setup);
    let (tx, rx) = (tx.export_state(), rx.export_state());
    let refused = |setup: &Setup, why: StateError| {
        let sender = setup.sender(0).build_resumed(&tx, Margin::NONE);
        assert_eq!(sender.map(|_| ()), Err(why), "{setup:?}");
        let receiver = setup.receiver(0).build_resumed(&rx);
        assert_eq!(receiver.map(|_| ()), Err(why), "{setup:?}");
    };
    let other = |change: &dyn Fn(&mut Setup)| {
        let mut other = setup.clone();
        change(&mut other);
        other
    };
    for keys in [vec![1], vec![2], vec![1, 3], vec![3, 4], vec![1, 2, 3]] {
        refused(
            &other(&|it| it.keys = keys.clone()),
            StateError::NotAuthentic,
        );
    }
    let why = StateError::OtherOptions;
    // The same bytes are a key for these as well.
    for suite in [
        CryptoSuite::AesCm128HmacSha1_32,
        CryptoSuite::F8_128HmacSha1_80,
        CryptoSuite::NullHmacSha1_80,
    ] {
        refused(&other(&|it| it.suite = suite), why);
    }
    refused(&other(&|it| it.mki = 1), why);
    refused(&other(&|it| it.rate = Some(3)), why);
    refused(&other(&|it| it.lifetime = Some(1000)), why);
    refused(&other(&|it| it.unencrypted_srtcp = true), why);

    let changes: [fn(SenderBuilder) -> SenderBuilder; 5] = [
        |builder| builder.unencrypted_srtp(),
        |builder| builder.unauthenticated_srtp(),
        |builder| builder.encrypted_header_extensions([1]),
        |builder| builder.cryptex(srtp_sdes::Cryptex::On),
        |builder| builder.roc_carry(roc_carry(2, 8)),
    ];
    for change in changes {
        let resumed = change(setup.sender(0)).build_resumed(&tx, Margin::NONE);
        assert_eq!(resumed.map(|_| ()), Err(why));
    }
    let most = |most| {
        setup
            .sender(0)
            .most_streams(NonZeroUsize::new(most).unwrap())
    };
    assert!(most(3).build_resumed(&tx, Margin::NONE).is_ok());
    let full = StateError::TooManyStreams {
        streams: 3,
        most: 2,
    };
    assert_eq!(
        most(2).build_resumed(&tx, Margin::NONE).map(|_| ()),
        Err(full)
    );
    assert!(
        setup
            .sender(1)
            .replay_window(ReplayWindowSize::default())
            .build_resumed(&tx, Margin::NONE)
            .is_ok()
    );
    // The same length by another name.
    assert!(
        setup
            .sender(0)
            .srtcp_tag(SrtcpTag::Bytes10)
            .build_resumed(&tx, Margin::NONE)
            .is_ok()
    );
}

#[test]
fn a_state_shows_no_byte_of_a_key_unless_it_was_asked_for_by_name() {
    for suite in CryptoSuite::ALL {
        let mut setup = Setup::plain(suite);
        (setup.mki, setup.keys) = (1, vec![1, 2]);
        let (mut tx, rx) = contexts(&setup);
        tx.rekey(setup.key(3)).unwrap();
        let states = [tx.export_state(), rx.export_state()];
        assert!(
            states == [tx.export_state(), rx.export_state()],
            "the same state, the same bytes"
        );
        let keys = setup.master_keys();
        let secret = rx
            .export_secret_state(&keys.iter().collect::<Vec<_>>())
            .unwrap();
        for key in [1, 2, 3].map(|seed| setup.key(seed)) {
            let bytes = key.secret_key_and_salt();
            let holds = |state: &[u8], part: &[u8]| state.windows(part.len()).any(|it| it == part);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = key.secret_base64();
            for state in &states {
                // Four bytes are met by chance once in many million tests.
                assert!(bytes.windows(4).all(|part| !holds(state, part)), "{suite}");
                assert!(
                    text.as_bytes().windows(6).all(|part| !holds(state, part)),
                    "{suite}"
                );
                let hex_parts = hex.as_bytes().windows(8);
                assert!(
                    hex_parts.into_iter().all(|part| !holds(state, part)),
                    "{suite}"
                );
            }
            let is_asked_for = bytes != setup.key(3).secret_key_and_salt();
            assert_eq!(holds(&secret, bytes), is_asked_for, "{suite}");
        }
    }
}

#[test]
fn keys_that_are_not_those_of_the_context_are_not_exported_for_it() {
    let mut setup = Setup::plain(SUITE);
    (setup.mki, setup.keys) = (1, vec![1, 2]);
    let (tx, rx) = contexts(&setup);
    let (one, two, three) = (setup.key(1), setup.key(2), setup.key(3));
    let renamed = key(SUITE, 2).with_mki(setup.mki(3));
    let shorter = setup.key(2).with_lifetime(Lifetime::new(1000).unwrap());
    let others = [
        &[&one][..],
        &[],
        &[&one, &three],
        &[&one, &renamed],
        &[&one, &shorter],
    ];
    for keys in others {
        assert_eq!(
            tx.export_secret_state(keys).map(|_| ()),
            Err(StateError::OtherKeys)
        );
        assert_eq!(
            rx.export_secret_state(keys).map(|_| ()),
            Err(StateError::OtherKeys)
        );
    }
    let state = tx.export_secret_state(&[&three, &two, &one]).unwrap();
    let without = tx.export_secret_state(&[&one, &two]).unwrap();
    assert!(state == without, "a key that it does not have is left out");
    let mut resumed = Sender::resume_secret(&state, Margin::NONE).unwrap();
    assert!(resumed.add_key(setup.key(3)).is_ok());
}

#[test]
fn a_resumed_sender_goes_on_beyond_the_margin_in_both_planes_and_the_receiver_follows() {
    for suite in CryptoSuite::ALL {
        for packets in [1, 2, 63, 1000, 16_383] {
            let setup = Setup::plain(suite);
            let (tx, mut rx) = contexts(&setup);
            let mut resumed = resume(&setup, &tx, packets);
            for ssrc in SSRCS {
                let next = resumed.next_rtp_index(ssrc).unwrap();
                assert_eq!(next.value(), 3 + u64::from(packets) + 1, "{suite}");
                for seq in [0, 2, 3, 4, packets, 2 + packets, 3 + packets] {
                    let again =
                        protect(&mut resumed, Plane::Rtp, &plain(Plane::Rtp, ssrc, seq, b""));
                    assert_eq!(
                        again,
                        Err(ProtectError::IndexTooOld { ssrc, seq }),
                        "{suite}"
                    );
                }
                let packet = protect(
                    &mut resumed,
                    Plane::Rtp,
                    &plain(Plane::Rtp, ssrc, next.seq(), b""),
                )
                .unwrap();
                assert_eq!(rx.verify_rtp(&packet), Ok(next), "{suite}");
                let again = protect(
                    &mut resumed,
                    Plane::Rtp,
                    &plain(Plane::Rtp, ssrc, next.seq() - 1, b""),
                );
                assert!(again.is_err(), "{suite}");
                let report =
                    protect(&mut resumed, Plane::Rtcp, &plain(Plane::Rtcp, ssrc, 0, b"")).unwrap();
                assert_eq!(
                    rx.verify_rtcp(&report),
                    Ok(2 + u32::from(packets) + 1),
                    "{suite}"
                );
            }
        }
    }
}

#[test]
fn a_margin_is_1_to_16383_packets_or_none() {
    assert_eq!(Margin::packets(0), None);
    assert_eq!(Margin::packets(16_383), Some(Margin::MAX));
    assert_eq!(Margin::packets(16_384), None);
}

#[test]
fn a_stream_that_the_state_does_not_know_waits_for_the_caller_and_its_srtcp_begins_beyond_the_margin()
 {
    let setup = Setup::plain(SUITE);
    let (tx, _) = contexts(&setup);
    let mut resumed = resume(&setup, &tx, 100);
    let (ssrc, mut rx) = (99, setup.receiver(0).build().unwrap());
    let media = plain(Plane::Rtp, ssrc, 5, b"");
    let report = plain(Plane::Rtcp, ssrc, 0, b"");
    let refused = Err(ProtectError::MayHaveBegun { ssrc });

    for index in [100, 101] {
        let report = protect(&mut resumed, Plane::Rtcp, &report).unwrap();
        assert_eq!(rx.verify_rtcp(&report), Ok(index));
        assert_eq!(protect(&mut resumed, Plane::Rtp, &media), refused);
    }
    assert_eq!(resumed.next_rtp_index(ssrc), None);
    assert_eq!(resumed.statistics().rtp.errors.may_have_begun, 2);
    // Neither another failover nor a re-key makes it known.
    let mut setup = setup;
    let mut resumed = setup
        .sender(0)
        .build_resumed(&resumed.export_state(), Margin::NONE)
        .unwrap();
    assert_eq!(protect(&mut resumed, Plane::Rtp, &media), refused);
    setup.keys = vec![2];
    resumed.rekey_with(setup.sender(0)).unwrap();
    rx.rekey(setup.key(2)).unwrap();
    assert_eq!(protect(&mut resumed, Plane::Rtp, &media), refused);
    let other = protect(&mut resumed, Plane::Rtcp, &plain(Plane::Rtcp, 98, 0, b"")).unwrap();
    assert_eq!(rx.verify_rtcp(&other), Ok(100));
    let mut third = resume(&setup, &resumed, 7);
    let other = protect(&mut third, Plane::Rtcp, &plain(Plane::Rtcp, 97, 0, b"")).unwrap();
    assert_eq!(rx.verify_rtcp(&other), Ok(107), "margins add up");

    resumed.set_roc(ssrc, 0).unwrap();
    let media = protect(&mut resumed, Plane::Rtp, &media).unwrap();
    assert!(rx.verify_rtp(&media).is_ok());
    // Whoever stopped for the export began nothing behind it.
    let mut stopped = setup.sender(0).build().unwrap();
    stopped = setup
        .sender(0)
        .build_resumed(&stopped.export_state(), Margin::NONE)
        .unwrap();
    assert!(protect(&mut stopped, Plane::Rtp, &plain(Plane::Rtp, ssrc, 5, b"")).is_ok());
}

#[test]
fn a_removed_stream_that_may_have_come_back_uses_no_index_twice_under_the_key_that_stays() {
    let mut setup = Setup::plain(SUITE);
    (setup.mki, setup.keys) = (1, vec![1]);
    let mut tx = setup.sender(0).build().unwrap();
    let ssrc = SSRCS[0];
    let report = plain(Plane::Rtcp, ssrc, 0, b"");
    for _ in 0..30 {
        protect(&mut tx, Plane::Rtcp, &report).unwrap();
    }
    // Its removal knows of the first key alone.
    assert!(tx.remove_stream(ssrc));
    tx.add_key(setup.key(2)).unwrap();
    tx.select_key(&setup.mki(2)).unwrap();
    setup.keys = vec![1, 2];
    let mut resumed = resume(&setup, &tx, 10);
    let sent: Vec<_> = (0..10)
        .map(|_| protect(&mut tx, Plane::Rtcp, &report).unwrap())
        .collect();
    resumed.remove_key(&setup.mki(1)).unwrap();
    for _ in 0..50 {
        let packet = protect(&mut resumed, Plane::Rtcp, &report).unwrap();
        assert!(!sent.contains(&packet), "the same index under the same key");
    }
}

#[test]
fn a_rollover_counter_that_was_set_counts_as_taken_or_has_to_be_set_again() {
    let setup = Setup::plain(SUITE);
    let (mut tx, _) = contexts(&setup);
    let (known, new) = (SSRCS[1], 99);
    tx.set_roc(known, 4).unwrap();
    tx.set_roc(new, 4).unwrap();
    let mut same = setup
        .sender(0)
        .build_resumed(&tx.export_state(), Margin::NONE)
        .unwrap();
    let mut moved = resume(&setup, &tx, 10);
    for ssrc in [known, new] {
        let media = plain(Plane::Rtp, ssrc, 700, b"");
        assert_eq!(
            protect(&mut same, Plane::Rtp, &media),
            protect(&mut tx, Plane::Rtp, &media)
        );
    }
    let refused = protect(&mut moved, Plane::Rtp, &plain(Plane::Rtp, new, 700, b""));
    assert_eq!(refused, Err(ProtectError::MayHaveBegun { ssrc: new }));
    assert_eq!(moved.roc(known), Some(5));
    assert_eq!(moved.next_rtp_index(known).unwrap().value(), (5 << 16) + 10);
    assert_eq!(moved.next_rtp_index(new), None);
    assert!(moved.ssrcs().all(|ssrc| ssrc != new));
    assert!(moved.set_roc(known, 4).is_err());
}

#[test]
fn at_the_end_of_its_indices_a_resumed_stream_sends_no_more_and_never_begins_again() {
    let setup = Setup::plain(SUITE);
    let mut tx = setup.sender(0).build().unwrap();
    for (ssrc, seq) in [(1, 65_535), (2, 65_500), (3, 65_000)] {
        tx.set_roc(ssrc, u32::MAX).unwrap();
        protect(&mut tx, Plane::Rtp, &plain(Plane::Rtp, ssrc, seq, b"")).unwrap();
    }
    let mut resumed = resume(&setup, &tx, 100);
    for ssrc in [1, 2] {
        assert_eq!(resumed.next_rtp_index(ssrc), None);
        for seq in (0..=u16::MAX).step_by(5) {
            assert!(protect(&mut resumed, Plane::Rtp, &plain(Plane::Rtp, ssrc, seq, b"")).is_err());
        }
    }
    let next = resumed.next_rtp_index(3).unwrap();
    assert_eq!((next.roc(), next.seq()), (u32::MAX, 65_101));
    assert!(protect(&mut resumed, Plane::Rtp, &plain(Plane::Rtp, 3, 65_101, b"")).is_ok());
}

#[test]
fn keys_count_what_may_have_been_sent_under_them_and_end_with_it() {
    let mut setup = Setup::plain(SUITE);
    (setup.mki, setup.keys, setup.lifetime) = (1, vec![1, 2], Some(150));
    let (tx, _) = contexts(&setup);
    let used = |tx: &Sender| -> Vec<_> {
        tx.keys()
            .map(|(_, usage)| (usage.rtp_packets, usage.rtcp_packets))
            .collect()
    };
    assert_eq!(used(&tx), [(9, 9), (0, 0)]);
    let mut resumed = resume(&setup, &tx, 40);
    assert_eq!(used(&resumed), [(129, 129), (120, 120)]);
    let mut sent = 0;
    let mut next = resumed.next_rtp_index(SSRCS[1]).unwrap().seq();
    while protect(
        &mut resumed,
        Plane::Rtp,
        &plain(Plane::Rtp, SSRCS[1], next, b""),
    )
    .is_ok()
    {
        (sent, next) = (sent + 1, next + 1);
    }
    assert_eq!(sent, 149 - 129);
    let mut ended = resume(&setup, &tx, 16_383);
    let packet = plain(Plane::Rtp, SSRCS[1], 20_000, b"");
    assert_eq!(
        protect(&mut ended, Plane::Rtp, &packet),
        Err(ProtectError::KeyExpired)
    );
}

#[test]
fn what_the_process_before_sent_is_not_sent_again_as_identical() {
    let mut setup = Setup::plain(SUITE);
    setup.identical = true;
    let (tx, _) = contexts(&setup);
    let ssrc = SSRCS[1];
    let mut resumed = resume(&setup, &tx, 10);
    for _ in 0..2 {
        for seq in [14, 15] {
            let packet = plain(Plane::Rtp, ssrc, seq, b"again");
            assert!(
                protect(&mut resumed, Plane::Rtp, &packet).is_ok(),
                "its own it sends again"
            );
        }
        for seq in [1, 3, 4, 12, 13] {
            let packet = plain(Plane::Rtp, ssrc, seq, b"other");
            assert!(protect(&mut resumed, Plane::Rtp, &packet).is_err(), "{seq}");
        }
        resumed = setup
            .sender(0)
            .build_resumed(&resumed.export_state(), Margin::NONE)
            .unwrap();
    }
}

#[test]
fn a_receiver_takes_again_what_came_after_the_export_and_nothing_else() {
    for suite in CryptoSuite::ALL {
        let setup = Setup::plain(suite);
        let (mut tx, mut rx) = (
            setup.sender(0).build().unwrap(),
            setup.receiver(0).build().unwrap(),
        );
        let mut sent = Vec::new();
        for plane in PLANES {
            for seq in 1..=40 {
                sent.push((
                    plane,
                    protect(&mut tx, plane, &plain(plane, 7, seq, b"x")).unwrap(),
                ));
            }
        }
        let mut state = Vec::new();
        for (n, (plane, packet)) in sent.iter().enumerate() {
            if n % 40 == 20 && n / 40 == 1 {
                state = rx.export_state();
            }
            unprotect(&mut rx, *plane, packet).unwrap();
        }
        let mut resumed = setup.receiver(0).build_resumed(&state).unwrap();
        for (n, (plane, packet)) in sent.iter().enumerate() {
            assert_eq!(
                unprotect(&mut resumed, *plane, packet).is_ok(),
                n >= 60,
                "{suite} {n}"
            );
        }
    }
}

#[test]
fn packets_under_keys_of_an_overlap_are_refused_by_who_goes_on_and_never_accepted_twice() {
    for roc in [
        RocAfterRekey::Kept,
        RocAfterRekey::KeptOrZero,
        RocAfterRekey::ZeroOrKept,
    ] {
        let mut setup = Setup::plain(SUITE);
        let (mut tx, mut rx) = contexts(&setup);
        let ssrc = SSRCS[1];
        let old = PLANES.map(|plane| {
            (
                plane,
                protect(&mut tx, plane, &plain(plane, ssrc, 9, b"")).unwrap(),
            )
        });
        setup.keys = vec![2];
        rx.rekey_with(setup.receiver(0), roc, Overlap::UntilEnded)
            .unwrap();
        tx.rekey_with(setup.sender(0)).unwrap();
        let mut resumed = setup.receiver(0).build_resumed(&rx.export_state()).unwrap();
        assert!(rx.has_overlap() && !resumed.has_overlap());
        for (plane, packet) in &old {
            assert!(unprotect(&mut rx, *plane, packet).is_ok());
            assert!(unprotect(&mut resumed, *plane, packet).is_err());
        }
        for plane in PLANES {
            let packet = protect(&mut tx, plane, &plain(plane, ssrc, 10, b"")).unwrap();
            assert!(unprotect(&mut resumed, plane, &packet).is_ok());
            assert!(unprotect(&mut resumed, plane, &packet).is_err());
            // A peer that began anew is still understood, if the keys may be those of one.
            let mut anew = setup.sender(0).build().unwrap();
            let packet = protect(&mut anew, plane, &plain(plane, SSRCS[2], 1, b"")).unwrap();
            let began = unprotect(&mut resumed, plane, &packet).is_ok();
            assert_eq!(began, roc != RocAfterRekey::Kept, "{roc:?} {plane}");
            assert!(unprotect(&mut resumed, plane, &packet).is_err());
        }
        // A key that was there is none again.
        assert!(resumed.rekey(setup.key(1)).is_err());
    }
}
