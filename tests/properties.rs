//! What holds for any packets in any order: found by chance, against simple models and against twins that see only what is accepted.

mod common;

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroUsize};

use common::model::{End, InFlight};
use common::refused::{assert_same_state, refused_by_sender, refused_one_way};
use common::{PLANES, bytes, key, plain, protect, rtp, rtp_with, unprotect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, EBitPolicy, KeyDerivationRate, Lifetime, Margin, MasterKey, Mki,
    Overlap, Plane, Receiver, ReceiverBuilder, ReplayWindowSize, RocAfterRekey, RocCarry, Sender,
    SenderBuilder, SrtcpTag, UnprotectError,
};

/// Runs `test` on `cases` values for each suite. A failure prints the smallest value that fails.
fn for_every_suite<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(CryptoSuite, S::Value) -> Result<(), TestCaseError>,
) {
    for suite in CryptoSuite::ALL {
        let mut runner = TestRunner::new(ProptestConfig {
            cases,
            max_shrink_iters: 4096,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        runner
            .run(strategy, |value| test(suite, value))
            .unwrap_or_else(|error| panic!("{suite}: {error}"));
    }
}

fn is_authenticated(suite: CryptoSuite, plane: Plane) -> bool {
    match plane {
        Plane::Rtp => suite.rtp_tag_len() != 0,
        Plane::Rtcp => suite.rtcp_tag_len() != 0,
    }
}

/// Unprotects by one of the entries that give the packet back. What is refused is unchanged, and so is what the receiver exports.
fn open(
    rx: &mut Receiver,
    entry: usize,
    plane: Plane,
    packet: &[u8],
) -> Result<Vec<u8>, UnprotectError> {
    let state = rx.export_state();
    let mut buf = packet.to_vec();
    let before = vec![0xa5; packet.len()];
    let mut out = before.clone();
    let opened = match (entry % 3, plane) {
        (0, Plane::Rtp) => rx.unprotect_rtp(&mut buf).map(|plain| plain.to_vec()),
        (0, Plane::Rtcp) => rx.unprotect_rtcp(&mut buf).map(|plain| plain.to_vec()),
        (1, Plane::Rtp) => rx
            .unprotect_rtp_into(packet, &mut out)
            .map(|plain| plain.to_vec()),
        (1, Plane::Rtcp) => rx
            .unprotect_rtcp_into(packet, &mut out)
            .map(|plain| plain.to_vec()),
        (_, Plane::Rtp) => rx.unprotect_rtp_vec(&mut buf).map(|()| buf.clone()),
        (_, Plane::Rtcp) => rx.unprotect_rtcp_vec(&mut buf).map(|()| buf.clone()),
    };
    if opened.is_err() {
        assert!(
            buf == packet && out == before,
            "what is refused is unchanged"
        );
        assert!(rx.export_state() == state, "a trace");
    }
    opened
}

// ── Any order of arrival within the window ──

/// A packet of a stream: how far its index is from the one before, and how it travels.
#[derive(Clone, Debug)]
struct Sent {
    step: u16,
    /// How many indices later than its own turn it arrives.
    delay: u16,
    /// Copies arrive so much later.
    copies: Vec<u16>,
    is_lost: bool,
    body: usize,
}

/// No step is longer than this, nor is more than as much lost before it.
const GREATEST_STEP: u16 = 6000;

fn sent() -> impl Strategy<Value = Sent> {
    let step = prop_oneof![3 => 1..=3u16, 1 => 1..=GREATEST_STEP];
    let delay = prop_oneof![2 => Just(0), 2 => 1..=8u16, 1 => 0..=u16::MAX];
    let copies = vec(prop_oneof![0..=8u16, 0..=u16::MAX], 0..=2);
    let body = prop_oneof![4 => 0..=40usize, 1 => 0..=300usize];
    let lost = prop::bool::weighted(0.1);
    (step, delay, copies, lost, body).prop_map(|(step, delay, copies, is_lost, body)| Sent {
        step,
        delay,
        copies,
        is_lost,
        body,
    })
}

#[derive(Clone, Debug)]
struct Journey {
    window: u16,
    roc: u32,
    /// For each SSRC its first sequence number, and its packets.
    streams: Vec<(u16, Vec<Sent>)>,
}

fn journey() -> impl Strategy<Value = Journey> {
    let first = prop_oneof![any::<u16>(), 65_500..=u16::MAX, 0x7ff0..=0x8010u16];
    let window = select(vec![64, 65, 1000, 1024, 32_768]);
    let roc = select(vec![0, 1, 0xffff, 0x7fff_ffff, u32::MAX - 3]);
    let streams = vec((first, vec(sent(), 1..20)), 1..=3);
    (window, roc, streams).prop_map(|(window, roc, streams)| Journey {
        window,
        roc,
        streams,
    })
}

struct Arrival {
    at: u64,
    plane: Plane,
    ssrc: u32,
    index: u64,
    is_copy: bool,
    protected: Vec<u8>,
    packet: Vec<u8>,
}

/// Sends all packets, and puts those that are not lost in the order of their arrival.
fn arrivals(
    tx: &mut Sender,
    journey: &Journey,
    greatest_delay: u64,
    greatest_copy: u64,
) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for (ssrc, (first, packets)) in (1u32..).zip(&journey.streams) {
        let start = (u64::from(journey.roc) << 16) + u64::from(*first);
        let mut index = start;
        let mut gap = 0;
        // As many more as it takes to roll over twice.
        let roll_over_twice = std::iter::repeat(Sent {
            step: GREATEST_STEP,
            delay: 3,
            copies: vec![2],
            is_lost: false,
            body: 5,
        });
        for (n, sent) in (0u64..).zip(packets.iter().cloned().chain(roll_over_twice)) {
            let is_first = n == 0;
            if !is_first {
                index += u64::from(sent.step);
                gap += sent.step;
            }
            if n >= packets.len() as u64 && index >> 16 > u64::from(journey.roc) + 2 {
                break;
            }
            for plane in PLANES {
                let packet = plain(plane, ssrc, index as u16, &bytes(sent.body));
                let protected = protect(tx, plane, &packet).unwrap();
                if plane == Plane::Rtp {
                    if sent.is_lost && !is_first && gap <= GREATEST_STEP {
                        continue;
                    }
                    gap = 0;
                } else if sent.is_lost {
                    continue;
                }
                // The first packet says which ROC it is: it is not overtaken.
                let delay = u64::from(!is_first) * u64::from(sent.delay) % (greatest_delay + 1);
                let (index, turn) = match plane {
                    Plane::Rtp => (index, index - start),
                    Plane::Rtcp => (n, n),
                };
                let copies = sent
                    .copies
                    .iter()
                    .map(|later| u64::from(*later) % greatest_copy + 1);
                for later in [0].into_iter().chain(copies) {
                    arrivals.push(Arrival {
                        at: (turn + delay + later) * 2,
                        plane,
                        ssrc,
                        index,
                        is_copy: later != 0,
                        protected: protected.clone(),
                        packet: packet.clone(),
                    });
                }
            }
        }
    }
    arrivals.sort_by_key(|arrival| (arrival.at, arrival.is_copy));
    arrivals
}

#[test]
fn in_any_order_within_the_window_every_packet_is_accepted_exactly_once() {
    for_every_suite(8, &journey(), |suite, journey| {
        let window = ReplayWindowSize::new(journey.window).unwrap();
        let mut tx = Sender::builder(key(suite, 1))
            .initial_roc(journey.roc)
            .build()
            .unwrap();
        let mut rx = Receiver::builder(key(suite, 1))
            .initial_roc(journey.roc)
            .replay_window(window)
            .build()
            .unwrap();
        // A packet may be ahead of what arrived by all that is delayed and all that is lost: by less than half the
        // sequence numbers, and by 2^14 if nothing vouches for it.
        // Without authentication a copy of half the numbers ago would pass for one from the future.
        let (delay, copy) = match is_authenticated(suite, Plane::Rtp) {
            true => (20_000, 1 << 16),
            false => (4000, 4000),
        };
        let delay = delay.min(u64::from(journey.window - 1));
        let mut highest = BTreeMap::new();
        for (n, arrival) in arrivals(&mut tx, &journey, delay, copy)
            .into_iter()
            .enumerate()
        {
            let Arrival {
                plane, ssrc, index, ..
            } = arrival;
            let opened = open(&mut rx, n, plane, &arrival.protected);
            let highest = highest.entry((plane, ssrc)).or_insert(index);
            if !arrival.is_copy {
                prop_assert_eq!(opened, Ok(arrival.packet), "{} {}", plane, index);
                *highest = index.max(*highest);
            } else if index + u64::from(journey.window) > *highest {
                prop_assert_eq!(opened, Err(UnprotectError::Replayed { ssrc, index }));
            } else {
                prop_assert!(opened.is_err());
            }
        }
        for ssrc in (1..).take(journey.streams.len()) {
            prop_assert_eq!(rx.roc(ssrc), tx.roc(ssrc));
            prop_assert!(tx.roc(ssrc) >= Some(journey.roc + 2), "rolled over twice");
        }
        Ok(())
    });
}

// ── Any bytes ──

/// Bytes that are a packet now and then.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = vec(any::<u8>(), 0..300);
    let version_2 = (0x80..=0xbfu8, vec(any::<u8>(), 11..300)).prop_map(|(first, rest)| {
        let mut packet = vec![first];
        packet.extend(rest);
        packet
    });
    // Of a stream that is known, at a place that is near.
    let near = (
        0x80..=0x8fu8,
        any::<u8>(),
        0..20u16,
        vec(any::<u8>(), 0..200),
    )
        .prop_map(|(first, second, seq, rest)| {
            let mut packet = rtp(1, seq, &rest);
            packet[..2].copy_from_slice(&[first, second]);
            packet
        });
    let extended =
        (0x90..=0x9fu8, 0..8u8, vec(any::<u8>(), 76..200)).prop_map(|(first, words, rest)| {
            let mut packet = rtp(1, 1, &rest);
            packet[0] = first;
            let at = 12 + usize::from(first & 0x0f) * 4 + 2;
            packet[at..at + 2].copy_from_slice(&[0, words]);
            packet
        });
    prop_oneof![1 => noise, 2 => version_2, 2 => near, 2 => extended]
}

#[test]
fn any_bytes_to_any_way_of_unprotecting_are_refused_unchanged() {
    for_every_suite(
        128,
        &(any_bytes(), any::<bool>()),
        |suite, (packet, known)| {
            let (mut tx, mut rx) = common::pair(suite);
            for plane in PLANES {
                if known {
                    let genuine = protect(&mut tx, plane, &plain(plane, 1, 1, &[])).unwrap();
                    open(&mut rx, 0, plane, &genuine).unwrap();
                }
                for entry in 0..3 {
                    let opened = open(&mut rx, entry, plane, &packet);
                    prop_assert!(opened.is_err() || !is_authenticated(suite, plane));
                }
                let verified = match plane {
                    Plane::Rtp => rx.verify_rtp(&packet).is_ok(),
                    Plane::Rtcp => rx.verify_rtcp(&packet).is_ok(),
                };
                prop_assert!(!verified || !is_authenticated(suite, plane));
            }
            if is_authenticated(suite, Plane::Rtp) {
                prop_assert_eq!(rx.ssrcs().count(), usize::from(known));
            }
            Ok(())
        },
    );
}

/// Options that both ends agree on.
#[derive(Clone, Debug)]
struct Agreed {
    mki: Vec<u8>,
    rate: Option<u8>,
    roc: u32,
    unencrypted_srtp: bool,
    unencrypted_srtcp: bool,
    unauthenticated_srtp: bool,
    srtcp_tag: SrtcpTag,
}

fn agreed() -> impl Strategy<Value = Agreed> {
    let mki = prop_oneof![Just(vec![]), vec(any::<u8>(), 1..=128)];
    let rate = prop::option::of(1..=24u8);
    let tag = select(vec![SrtcpTag::OfSuite, SrtcpTag::Bytes4, SrtcpTag::Bytes10]);
    let rarely = || prop::bool::weighted(0.2);
    (mki, rate, any::<u32>(), rarely(), rarely(), rarely(), tag).prop_map(
        |(mki, rate, roc, unencrypted_srtp, unencrypted_srtcp, unauthenticated_srtp, srtcp_tag)| {
            Agreed {
                mki,
                rate,
                roc,
                unencrypted_srtp,
                unencrypted_srtcp,
                unauthenticated_srtp,
                srtcp_tag,
            }
        },
    )
}

impl Agreed {
    fn key(&self, suite: CryptoSuite) -> MasterKey {
        match Mki::new(&self.mki) {
            Ok(mki) => key(suite, 1).with_mki(mki),
            Err(_) => key(suite, 1),
        }
    }

    /// Those options that the suite does not go with are left out, all others are set.
    fn pair(&self, suite: CryptoSuite) -> (Sender, Receiver) {
        let mut tx = Sender::builder(self.key(suite)).initial_roc(self.roc);
        let mut rx = Receiver::builder(self.key(suite)).initial_roc(self.roc);
        if let Some(rate) = self.rate.and_then(KeyDerivationRate::from_exponent) {
            (tx, rx) = (tx.key_derivation_rate(rate), rx.key_derivation_rate(rate));
        }
        if self.unencrypted_srtp && !suite.is_aead() {
            (tx, rx) = (tx.unencrypted_srtp(), rx.unencrypted_srtp());
        }
        if self.unauthenticated_srtp && !suite.is_aead() {
            (tx, rx) = (tx.unauthenticated_srtp(), rx.unauthenticated_srtp());
        }
        if self.unencrypted_srtcp {
            tx = tx.unencrypted_srtcp();
            rx = rx.e_bit(EBitPolicy::AcceptEither);
        }
        let has_tag = match self.srtcp_tag {
            SrtcpTag::Bytes4 => suite.rtp_tag_len() == 4,
            SrtcpTag::Bytes10 => !suite.is_aead(),
            _ => true,
        };
        if has_tag {
            (tx, rx) = (tx.srtcp_tag(self.srtcp_tag), rx.srtcp_tag(self.srtcp_tag));
        }
        (tx.build().unwrap(), rx.build().unwrap())
    }
}

#[test]
fn any_bytes_that_are_protected_come_back_under_any_options() {
    for_every_suite(64, &(any_bytes(), agreed()), |suite, (packet, agreed)| {
        for plane in PLANES {
            let (mut tx, mut rx) = agreed.pair(suite);
            let mut vec = packet.clone();
            let protected = match plane {
                Plane::Rtp => tx.protect_rtp_vec(&mut vec),
                Plane::Rtcp => tx.protect_rtcp_vec(&mut vec),
            };
            match protected {
                Err(_) => prop_assert_eq!(&vec, &packet),
                Ok(()) => {
                    let opened = open(&mut rx, packet.len(), plane, &vec);
                    prop_assert_eq!(opened.as_ref(), Ok(&packet));
                }
            }
            let has_a_chance = packet.len() >= 12 && packet[0] >> 6 == 2 && packet[0] & 0x1f == 0;
            prop_assert!(protected.is_ok() || !has_a_chance);
        }
        Ok(())
    });
}

// ── Any schedule, against a model ──

/// One thing that happens. Which packet is meant is drawn from those on their way.
#[derive(Clone, Debug)]
enum Event {
    Send(Plane, u32, i16),
    Arrive(Index),
    ArriveAndStay(Index),
    Lose(Index),
    Flip(Index, Index),
    Truncate(Index, Index),
    Rekey {
        tx: bool,
        rx: bool,
    },
    Remove {
        tx: bool,
        rx: bool,
        ssrc: u32,
    },
    SetRoc {
        tx: bool,
        rx: bool,
        ssrc: u32,
        step: i64,
    },
    /// The receiver lets a stream begin anew, in one plane.
    Restart(Plane, u32),
}

fn event() -> impl Strategy<Value = Event> {
    let plane = || prop_oneof![3 => Just(Plane::Rtp), 1 => Just(Plane::Rtcp)];
    let ssrc = || prop_oneof![4 => Just(1u32), 2 => Just(2), 1 => 3..=5u32];
    let step = prop_oneof![
        8 => 1..=3i16,
        2 => -70..=2i16,
        1 => 4..=1100i16,
        // Twice a quarter of the numbers is the half at which an estimate turns.
        2 => Just(1 << 14),
        1 => 16_000..=17_000i16,
        1 => Just(i16::MIN),
        1 => any::<i16>(),
    ];
    let ends =
        || prop_oneof![3 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    let any_index = any::<Index>;
    prop_oneof![
        20 => (plane(), ssrc(), step).prop_map(|(plane, ssrc, step)| Event::Send(plane, ssrc, step)),
        12 => any_index().prop_map(Event::Arrive),
        8 => any_index().prop_map(Event::ArriveAndStay),
        2 => any_index().prop_map(Event::Lose),
        4 => (any_index(), any_index()).prop_map(|(which, bit)| Event::Flip(which, bit)),
        2 => (any_index(), any_index()).prop_map(|(which, len)| Event::Truncate(which, len)),
        1 => ends().prop_map(|(tx, rx)| Event::Rekey { tx, rx }),
        1 => (ends(), ssrc()).prop_map(|((tx, rx), ssrc)| Event::Remove { tx, rx, ssrc }),
        1 => (ends(), ssrc(), -1..=2i64).prop_map(|((tx, rx), ssrc, step)| Event::SetRoc {
            tx,
            rx,
            ssrc,
            step,
        }),
        1 => (plane(), ssrc()).prop_map(|(plane, ssrc)| Event::Restart(plane, ssrc)),
    ]
}

#[derive(Clone, Debug)]
struct Schedule {
    window: u16,
    /// The most streams of sender and receiver.
    most: (usize, usize),
    has_rate: bool,
    first_seq: u16,
    events: Vec<Event>,
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let window = select(vec![64, 100, 1024]);
    let most = (3..=5usize, 2..=4usize);
    let first = prop_oneof![any::<u16>(), 65_500..=u16::MAX, 0..=20u16];
    let events = vec(event(), 1..150);
    (window, most, any::<bool>(), first, events).prop_map(
        |(window, most, has_rate, first_seq, events)| Schedule {
            window,
            most,
            has_rate,
            first_seq,
            events,
        },
    )
}

/// The contexts, and the model of each.
struct World {
    suite: CryptoSuite,
    tx: Sender,
    rx: Receiver,
    tx_model: End,
    rx_model: End,
    /// The sequence number that each SSRC tried last.
    seqs: BTreeMap<u32, u16>,
    first_seq: u16,
    in_flight: Vec<InFlight>,
    packets: usize,
}

impl World {
    fn new(suite: CryptoSuite, schedule: &Schedule) -> Self {
        let window = ReplayWindowSize::new(schedule.window).unwrap();
        let (tx_most, rx_most) = schedule.most;
        let most = |most| NonZeroUsize::new(most).unwrap();
        let mut tx = Sender::builder(key(suite, 0))
            .replay_window(window)
            .most_streams(most(tx_most));
        let mut rx = Receiver::builder(key(suite, 0))
            .replay_window(window)
            .most_streams(most(rx_most));
        if schedule.has_rate {
            let rate = KeyDerivationRate::from_exponent(2).unwrap();
            (tx, rx) = (tx.key_derivation_rate(rate), rx.key_derivation_rate(rate));
        }
        let model = |most| End::new(schedule.window.into(), most);
        Self {
            suite,
            tx: tx.build().unwrap(),
            rx: rx.build().unwrap(),
            tx_model: model(tx_most),
            rx_model: model(rx_most),
            seqs: BTreeMap::new(),
            first_seq: schedule.first_seq,
            in_flight: Vec::new(),
            packets: 0,
        }
    }

    fn drawn(&self, which: Index) -> Option<usize> {
        (!self.in_flight.is_empty()).then(|| which.index(self.in_flight.len()))
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match *event {
            Event::Send(plane, ssrc, step) => self.send(plane, ssrc, step)?,
            Event::Arrive(which) => {
                if let Some(at) = self.drawn(which) {
                    let packet = self.in_flight.remove(at);
                    self.arrive(&packet)?;
                }
            }
            Event::ArriveAndStay(which) => {
                if let Some(at) = self.drawn(which) {
                    let packet = self.in_flight[at].clone();
                    self.arrive(&packet)?;
                }
            }
            Event::Lose(which) => {
                if let Some(at) = self.drawn(which) {
                    self.in_flight.remove(at);
                }
            }
            Event::Flip(which, bit) => self.tamper(which, |packet| {
                let bit = bit.index(packet.len() * 8);
                packet[bit / 8] ^= 1 << (bit % 8);
            })?,
            Event::Truncate(which, len) => self.tamper(which, |packet| {
                packet.truncate(len.index(packet.len()));
            })?,
            Event::Rekey { tx, rx } => {
                // An end that lags behind catches up with the other.
                let (ours, theirs) = (self.tx_model.generation, self.rx_model.generation);
                let next = match tx && rx || ours == theirs {
                    true => ours.max(theirs) + 1,
                    false => ours.max(theirs),
                };
                if tx && ours < next {
                    self.tx_model.rekey(next);
                    self.tx.rekey(key(self.suite, next)).unwrap();
                }
                if rx && theirs < next {
                    self.rx_model.rekey(next);
                    self.rx.rekey(key(self.suite, next)).unwrap();
                }
            }
            Event::Remove { tx, rx, ssrc } => {
                if tx {
                    prop_assert_eq!(self.tx.remove_stream(ssrc), self.tx_model.remove(ssrc));
                }
                if rx {
                    prop_assert_eq!(self.rx.remove_stream(ssrc), self.rx_model.remove(ssrc));
                }
            }
            Event::SetRoc { tx, rx, ssrc, step } => {
                let reached = i64::from(self.tx_model.roc(ssrc).unwrap_or(0));
                let roc = u32::try_from(reached + step).unwrap_or(0);
                if tx {
                    prop_assert_eq!(self.tx.set_roc(ssrc, roc), self.tx_model.set_roc(ssrc, roc));
                }
                if rx {
                    prop_assert_eq!(self.rx.set_roc(ssrc, roc), self.rx_model.set_roc(ssrc, roc));
                }
            }
            Event::Restart(Plane::Rtp, ssrc) => {
                let roc = self.tx_model.roc(ssrc).unwrap_or(0);
                let expected = self.rx_model.restart_rtp(ssrc, roc);
                prop_assert_eq!(self.rx.restart_rtp(ssrc, roc), expected);
            }
            Event::Restart(Plane::Rtcp, ssrc) => {
                let expected = self.rx_model.restart_rtcp(ssrc);
                prop_assert_eq!(self.rx.restart_rtcp(ssrc), expected);
            }
        }
        self.compare()
    }

    fn send(&mut self, plane: Plane, ssrc: u32, step: i16) -> Result<(), TestCaseError> {
        self.packets += 1;
        let seq = match (plane, self.seqs.get(&ssrc)) {
            (Plane::Rtcp, _) => 0,
            (_, None) => self.first_seq,
            (_, Some(last)) => last.wrapping_add_signed(step),
        };
        if plane == Plane::Rtp {
            self.seqs.insert(ssrc, seq);
        }
        let packet = plain(plane, ssrc, seq, &bytes(self.packets % 50));
        let expected = self.tx_model.send(plane, ssrc, seq);
        let protected = protect(&mut self.tx, plane, &packet);
        prop_assert_eq!(protected.as_ref().err(), expected.as_ref().err());
        if let (Ok(protected), Ok(index)) = (protected, expected) {
            self.in_flight.push(InFlight {
                plane,
                ssrc,
                index,
                generation: self.tx_model.generation,
                protected,
                packet,
            });
        }
        Ok(())
    }

    fn arrive(&mut self, packet: &InFlight) -> Result<(), TestCaseError> {
        self.packets += 1;
        let is_authenticated = is_authenticated(self.suite, packet.plane);
        let expected = self.rx_model.receive(packet, is_authenticated);
        let opened = open(&mut self.rx, self.packets, packet.plane, &packet.protected);
        match expected {
            Err(refused) => prop_assert_eq!(opened, Err(refused)),
            Ok(guess) => {
                let same = (guess, self.rx_model.generation) == (packet.index, packet.generation);
                prop_assert!(opened.is_ok(), "{:?} for {}", opened, guess);
                // Under another key or index, what nobody authenticates is noise.
                if same {
                    prop_assert_eq!(opened.as_ref(), Ok(&packet.packet));
                } else {
                    prop_assert!(!is_authenticated);
                }
            }
        }
        Ok(())
    }

    /// A changed copy arrives before the packet itself, and changes nothing.
    fn tamper(&mut self, which: Index, change: impl Fn(&mut Vec<u8>)) -> Result<(), TestCaseError> {
        let Some(at) = self.drawn(which) else {
            return Ok(());
        };
        self.packets += 1;
        let packet = &self.in_flight[at];
        if is_authenticated(self.suite, packet.plane) {
            let mut forged = packet.protected.clone();
            change(&mut forged);
            let opened = open(&mut self.rx, self.packets, packet.plane, &forged);
            prop_assert!(opened.is_err());
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        prop_assert!(
            self.tx.ssrcs().eq(self.tx_model.ssrcs()),
            "streams of the sender"
        );
        prop_assert!(
            self.rx.ssrcs().eq(self.rx_model.ssrcs()),
            "streams of the receiver"
        );
        for ssrc in 1..=5 {
            prop_assert_eq!(self.tx.roc(ssrc), self.tx_model.roc(ssrc));
            prop_assert_eq!(self.rx.roc(ssrc), self.rx_model.roc(ssrc));
        }
        Ok(())
    }
}

#[test]
fn in_any_schedule_contexts_do_what_a_simple_model_does() {
    for_every_suite(24, &schedule(), |suite, schedule| {
        let mut world = World::new(suite, &schedule);
        for (n, event) in schedule.events.iter().enumerate() {
            world
                .happen(event)
                .map_err(|error| TestCaseError::fail(format!("event {n}, {event:?}: {error}")))?;
        }
        Ok(())
    });
}

// ── Any schedule, against twins that never see what is refused ──

/// What becomes of RTP headers.
#[derive(Clone, Copy, Debug)]
enum Headers {
    Clear,
    Elements,
    Cryptex(Cryptex),
}

/// Options that both ends agree on, and some that they do not.
#[derive(Clone, Debug)]
struct Dressed {
    has_mkis: bool,
    rate: Option<u8>,
    headers: Headers,
    /// A mode of RFC 4771 from 1 to 3, and its rate.
    carry: Option<(u8, u16)>,
    lifetime: u64,
    most: usize,
    window: u16,
    unauthenticated: bool,
    search_roc: bool,
    either_tag: bool,
    /// The receiver expects SRTCP in the clear, which the sender does not send.
    other_e_bit: bool,
}

fn dressed() -> impl Strategy<Value = Dressed> {
    let rarely = || prop::bool::weighted(0.2);
    let headers = prop_oneof![
        3 => Just(Headers::Clear),
        1 => Just(Headers::Elements),
        1 => Just(Headers::Cryptex(Cryptex::On)),
        1 => Just(Headers::Cryptex(Cryptex::Required)),
    ];
    let carry = prop_oneof![2 => Just(None), 1 => (1..=3u8, 1..=9u16).prop_map(Some)];
    let rate = prop_oneof![2 => Just(None), 1 => (1..=3u8).prop_map(Some)];
    let sizes = (prop_oneof![1 => 5..=40u64, 2 => Just(1 << 20)], 2..=4usize);
    let flags = (
        any::<bool>(),
        rarely(),
        any::<bool>(),
        any::<bool>(),
        rarely(),
    );
    (
        headers,
        carry,
        rate,
        sizes,
        select(vec![64, 100, 1024]),
        flags,
    )
        .prop_map(
            |(headers, carry, rate, (lifetime, most), window, flags)| Dressed {
                has_mkis: flags.0,
                rate,
                headers,
                carry,
                lifetime,
                most,
                window,
                unauthenticated: flags.1,
                search_roc: flags.2,
                either_tag: flags.3,
                other_e_bit: flags.4,
            },
        )
}

impl Dressed {
    /// The same without what the suite does not go with.
    fn of(&self, suite: CryptoSuite) -> Self {
        let has_hmac = !suite.is_aead() && suite.rtp_tag_len() > 0;
        let carry = self.carry.filter(|_| has_hmac);
        Self {
            headers: if suite.encrypts() {
                self.headers
            } else {
                Headers::Clear
            },
            unauthenticated: self.unauthenticated && has_hmac && carry.is_none(),
            either_tag: self.either_tag && suite.rtp_tag_len() == 4,
            carry,
            ..self.clone()
        }
    }

    fn mki(&self, number: u8) -> Mki {
        Mki::new(&[number, 0xe0]).unwrap()
    }

    fn key(&self, suite: CryptoSuite, number: u8) -> MasterKey {
        let key = key(suite, number).with_lifetime(Lifetime::new(self.lifetime).unwrap());
        match self.has_mkis {
            true => key.with_mki(self.mki(number)),
            false => key,
        }
    }

    fn builder<D>(
        &self,
        suite: CryptoSuite,
        generation: u8,
        new: impl Fn(MasterKey) -> Builder<D>,
    ) -> Builder<D> {
        let mut builder = new(self.key(suite, 2 * generation))
            .most_streams(NonZeroUsize::new(self.most).unwrap())
            .replay_window(ReplayWindowSize::new(self.window).unwrap());
        if self.has_mkis {
            builder = builder.add_key(self.key(suite, 2 * generation + 1));
        }
        if let Some(rate) = self.rate.and_then(KeyDerivationRate::from_exponent) {
            builder = builder.key_derivation_rate(rate);
        }
        if self.unauthenticated {
            builder = builder.unauthenticated_srtp();
        }
        if let Some((mode, rate)) = self.carry {
            let rate = NonZeroU16::new(rate).unwrap();
            builder = builder.roc_carry(match mode {
                1 => RocCarry::rccm1_unauthenticated_between(rate),
                2 => RocCarry::rccm2(rate),
                _ => RocCarry::rccm3_unauthenticated(rate),
            });
        }
        match self.headers {
            Headers::Clear => builder,
            Headers::Elements => builder.encrypted_header_extensions([1, 2]),
            Headers::Cryptex(cryptex) => builder.cryptex(cryptex),
        }
    }

    fn sender(&self, suite: CryptoSuite, generation: u8) -> SenderBuilder {
        self.builder(suite, generation, Sender::builder)
    }

    fn receiver(&self, suite: CryptoSuite, generation: u8) -> ReceiverBuilder {
        let mut builder = self.builder(suite, generation, Receiver::builder);
        if self.search_roc {
            builder = builder.search_roc();
        }
        if self.either_tag {
            builder = builder.accept_either_srtcp_tag();
        }
        if self.other_e_bit {
            builder = builder.unencrypted_srtcp();
        }
        builder
    }
}

/// One thing that happens to both twins of an end, unless it is a packet that is refused.
#[derive(Clone, Debug)]
enum Happening {
    Send(Plane, u32, i16, bool),
    SendAnything(Plane, Vec<u8>),
    Arrive(Index),
    Change(Index, Index, u8),
    AnythingArrives(Plane, Vec<u8>),
    SelectKey(bool),
    Rekey(u8, u8),
    EndOverlap,
    Remove(u32),
    SetRoc(u32, u32),
    Restart(Plane, u32),
    Resume(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let plane = || prop_oneof![3 => Just(Plane::Rtp), 1 => Just(Plane::Rtcp)];
    let ssrc = || prop_oneof![4 => Just(1u32), 2 => Just(2), 1 => 3..=5u32];
    let step = prop_oneof![
        8 => 1..=3i16,
        3 => -70..=0i16,
        1 => 4..=1100i16,
        1 => 16_000..=17_000i16,
        1 => any::<i16>(),
    ];
    let roc = prop_oneof![4 => 0..=3u32, 1 => Just(u32::MAX)];
    let which = any::<Index>;
    prop_oneof![
        20 => (plane(), ssrc(), step, any::<bool>()).prop_map(|(plane, ssrc, step, is_long)| H::Send(plane, ssrc, step, is_long)),
        2 => (plane(), any_bytes()).prop_map(|(plane, bytes)| H::SendAnything(plane, bytes)),
        20 => which().prop_map(H::Arrive),
        10 => (which(), which(), any::<u8>()).prop_map(|(which, at, with)| H::Change(which, at, with)),
        2 => (plane(), any_bytes()).prop_map(|(plane, bytes)| H::AnythingArrives(plane, bytes)),
        1 => any::<bool>().prop_map(H::SelectKey),
        1 => any::<(u8, u8)>().prop_map(|(roc, overlap)| H::Rekey(roc, overlap)),
        1 => Just(H::EndOverlap),
        1 => ssrc().prop_map(H::Remove),
        1 => (ssrc(), roc).prop_map(|(ssrc, roc)| H::SetRoc(ssrc, roc)),
        1 => (plane(), ssrc()).prop_map(|(plane, ssrc)| H::Restart(plane, ssrc)),
        1 => (1..200u16).prop_map(H::Resume),
    ]
}

/// Each end twice: one that everything happens to, and one that is spared what the first refuses.
struct Spared {
    suite: CryptoSuite,
    dressed: Dressed,
    generation: u8,
    tx: [Sender; 2],
    rx: [Receiver; 2],
    seqs: BTreeMap<u32, u16>,
    sent: Vec<(Plane, Vec<u8>)>,
    refused: usize,
}

impl Spared {
    fn new(suite: CryptoSuite, dressed: &Dressed) -> Self {
        let dressed = dressed.of(suite);
        Self {
            tx: [(); 2].map(|()| dressed.sender(suite, 0).build().unwrap()),
            rx: [(); 2].map(|()| dressed.receiver(suite, 0).build().unwrap()),
            suite,
            dressed,
            generation: 0,
            seqs: BTreeMap::new(),
            sent: Vec::new(),
            refused: 0,
        }
    }

    fn happen(&mut self, happening: &Happening) -> Result<(), TestCaseError> {
        use Happening as H;
        match happening {
            H::Send(plane, ssrc, step, is_long) => {
                let last = self.seqs.entry(*ssrc).or_insert(65_500);
                *last = last.wrapping_add_signed(*step);
                let packet = match (plane, is_long) {
                    (Plane::Rtp, true) => rtp_with(*ssrc, *last, 1, Some(1), &bytes(300)),
                    _ => plain(*plane, *ssrc, *last, &bytes(20)),
                };
                self.send(*plane, &packet)?;
            }
            H::SendAnything(plane, packet) => self.send(*plane, packet)?,
            H::Arrive(which) if !self.sent.is_empty() => {
                let (plane, packet) = which.get(&self.sent).clone();
                self.arrive(plane, &packet)?;
            }
            H::Change(which, at, with) if !self.sent.is_empty() => {
                let (plane, mut packet) = which.get(&self.sent).clone();
                let at = at.index(packet.len());
                match with {
                    0..32 => packet.truncate(at),
                    with => packet[at] ^= with,
                }
                self.arrive(plane, &packet)?;
            }
            H::Arrive(_) | H::Change(..) => {}
            H::AnythingArrives(plane, packet) => self.arrive(*plane, packet)?,
            H::SelectKey(second) if self.dressed.has_mkis => {
                let mki = self.dressed.mki(2 * self.generation + u8::from(*second));
                for tx in &mut self.tx {
                    tx.select_key(&mki).unwrap();
                }
            }
            H::SelectKey(_) => {}
            H::Rekey(roc, overlap) => {
                self.generation += 1;
                for tx in &mut self.tx {
                    let next = self.dressed.sender(self.suite, self.generation);
                    tx.rekey_with(next).unwrap();
                }
                let roc = [
                    RocAfterRekey::Kept,
                    RocAfterRekey::KeptOrZero,
                    RocAfterRekey::ZeroOrKept,
                ][usize::from(roc % 3)];
                let overlap = match overlap % 4 {
                    0 => Overlap::None,
                    1 => Overlap::Packets(3),
                    _ => Overlap::UntilEnded,
                };
                for rx in &mut self.rx {
                    let next = self.dressed.receiver(self.suite, self.generation);
                    rx.rekey_with(next, roc, overlap).unwrap();
                }
            }
            H::EndOverlap => self.rx.iter_mut().for_each(Receiver::end_overlap),
            H::Remove(ssrc) => {
                let sent = self.tx.each_mut().map(|tx| tx.remove_stream(*ssrc));
                let received = self.rx.each_mut().map(|rx| rx.remove_stream(*ssrc));
                prop_assert!(sent[0] == sent[1] && received[0] == received[1]);
            }
            H::SetRoc(ssrc, roc) => {
                let sent = self.tx.each_mut().map(|tx| tx.set_roc(*ssrc, *roc));
                let received = self.rx.each_mut().map(|rx| rx.set_roc(*ssrc, *roc));
                prop_assert!(sent[0] == sent[1] && received[0] == received[1]);
            }
            H::Restart(Plane::Rtp, ssrc) => {
                let restarted = self.rx.each_mut().map(|rx| rx.restart_rtp(*ssrc, 0));
                prop_assert_eq!(restarted[0], restarted[1]);
            }
            H::Restart(Plane::Rtcp, ssrc) => {
                let restarted = self.rx.each_mut().map(|rx| rx.restart_rtcp(*ssrc));
                prop_assert_eq!(restarted[0], restarted[1]);
            }
            H::Resume(packets) => {
                let margin = Margin::packets(*packets).unwrap();
                for tx in &mut self.tx {
                    let next = self.dressed.sender(self.suite, self.generation);
                    *tx = next.build_resumed(&tx.export_state(), margin).unwrap();
                }
                for rx in &mut self.rx {
                    let next = self.dressed.receiver(self.suite, self.generation);
                    *rx = next.build_resumed(&rx.export_state()).unwrap();
                }
            }
        }
        let [one, other] = &self.rx;
        prop_assert_eq!(one.has_overlap(), other.has_overlap());
        Ok(())
    }

    fn send(&mut self, plane: Plane, packet: &[u8]) -> Result<(), TestCaseError> {
        let [tx, spared] = &mut self.tx;
        match protect(tx, plane, packet) {
            Ok(protected) => {
                prop_assert_eq!(protect(spared, plane, packet), Ok(protected.clone()));
                self.sent.push((plane, protected));
            }
            Err(error) => {
                self.refused += 1;
                prop_assert_eq!(refused_by_sender(tx, plane, packet), error);
            }
        }
        Ok(())
    }

    fn arrive(&mut self, plane: Plane, packet: &[u8]) -> Result<(), TestCaseError> {
        let [rx, spared] = &mut self.rx;
        match unprotect(rx, plane, packet) {
            Ok(opened) => prop_assert_eq!(unprotect(spared, plane, packet), Ok(opened)),
            Err(error) => {
                self.refused += 1;
                prop_assert_eq!(refused_one_way(rx, self.refused, plane, packet), error);
            }
        }
        Ok(())
    }

    /// Whatever happened, they are in the same state, and do the same with all that was sent.
    fn end(mut self) -> Result<(), TestCaseError> {
        let [tx, spared] = &self.tx;
        assert_same_state(tx, spared);
        for _ in 0..2 {
            let [rx, spared] = &mut self.rx;
            assert_same_state(rx, spared);
            for (plane, packet) in &self.sent {
                let opened = unprotect(rx, *plane, packet);
                prop_assert_eq!(opened, unprotect(spared, *plane, packet));
            }
            assert_same_state(rx, spared);
            rx.end_overlap();
            spared.end_overlap();
        }
        Ok(())
    }
}

#[test]
fn in_any_schedule_what_was_refused_never_was() {
    let strategy = (dressed(), vec(happening(), 1..100));
    for_every_suite(24, &strategy, |suite, (dressed, happenings)| {
        let mut spared = Spared::new(suite, &dressed);
        for (n, happening) in happenings.iter().enumerate() {
            spared.happen(happening).map_err(|error| {
                TestCaseError::fail(format!("event {n}, {happening:?}: {error}"))
            })?;
        }
        spared.end()
    });
}
