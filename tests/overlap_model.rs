//! Any schedule of packets, losses, re-keys and removals, against a model that remembers everything.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{bytes, forged, key, oracle, plain, unprotect};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use srtp_sdes::{CryptoSuite, MasterKey, Mki, Overlap, Plane, Receiver, RocAfterRekey};

#[derive(Clone, Debug)]
enum Event {
    /// The peer sends, under its newest key or the one before, so many indices ahead; the packet arrives at once, or stays on its way.
    Send {
        plane: Plane,
        ssrc: u32,
        is_old: bool,
        step: u64,
        is_late: bool,
    },
    /// One of all packets that were ever sent arrives, be it for the first time or again.
    Arrive(Index),
    /// One of them arrives changed.
    Forge(Index),
    Rekey(Rekey, Overlap),
    EndOverlap,
    Remove(u32),
    SetRoc(u32, u32),
}

#[derive(Clone, Copy, Debug)]
enum Rekey {
    /// The peer goes on, and the receiver is told so or not.
    GoesOn(RocAfterRekey),
    /// The newest key goes on beside another.
    Rotates,
    /// The peer begins anew, at any sequence number.
    BeginsAnew { is_first: bool, seq: u16 },
}

fn event() -> impl Strategy<Value = Event> {
    let policy = prop_oneof![
        Just(RocAfterRekey::Kept),
        Just(RocAfterRekey::KeptOrZero),
        Just(RocAfterRekey::ZeroOrKept),
    ];
    let rekey = prop_oneof![
        policy.prop_map(Rekey::GoesOn),
        Just(Rekey::Rotates),
        (any::<bool>(), any::<u16>())
            .prop_map(|(is_first, seq)| Rekey::BeginsAnew { is_first, seq }),
    ];
    let overlap = prop_oneof![
        1 => Just(Overlap::None),
        4 => (1u64..20).prop_map(Overlap::Packets),
        4 => Just(Overlap::UntilEnded),
    ];
    let plane = prop_oneof![Just(Plane::Rtp), Just(Plane::Rtcp)];
    let step = prop_oneof![8 => 1u64..4, 1 => 1u64..400];
    let send = (plane, 1u32..4, any::<bool>(), step, any::<bool>()).prop_map(
        |(plane, ssrc, is_old, step, is_late)| Event::Send {
            plane,
            ssrc,
            is_old,
            step,
            is_late,
        },
    );
    prop_oneof![
        24 => send,
        12 => any::<Index>().prop_map(Event::Arrive),
        3 => any::<Index>().prop_map(Event::Forge),
        4 => (rekey, overlap).prop_map(|(rekey, overlap)| Event::Rekey(rekey, overlap)),
        1 => Just(Event::EndOverlap),
        1 => (1u32..4).prop_map(Event::Remove),
        1 => (1u32..4, 0u32..60).prop_map(|(ssrc, roc)| Event::SetRoc(ssrc, roc)),
    ]
}

/// A stream of the peer as far as it shares indices: it has another each time it begins anew.
type Era = (Plane, u32, u32);

#[derive(Clone)]
struct Packet {
    seed: u8,
    era: Era,
    index: u64,
    bytes: Vec<u8>,
}

impl Packet {
    fn plain(&self) -> Vec<u8> {
        plain(self.era.0, self.era.1, self.index as u16, &bytes(12))
    }
}

struct World {
    suite: CryptoSuite,
    rx: Receiver,
    /// It gets what `rx` accepted, and nothing else.
    sheltered: Receiver,
    /// Of the current keys, and of those of before; the last is the one that the peer sends under.
    keys: Vec<u8>,
    former: Vec<u8>,
    /// How often the peer began anew, now and before the last re-key.
    era: u32,
    former_era: u32,
    first_seq: u16,
    sent: Vec<Packet>,
    next: BTreeMap<Era, u64>,
    accepted: BTreeSet<(u8, Plane, u32, u64)>,
    highest: BTreeMap<Era, u64>,
    /// The eras of which something was accepted before the last re-key.
    known: BTreeSet<Era>,
    /// May streams begin anew under the current keys?
    may_begin_anew: bool,
    /// The eras that began under the current keys, though the peer sent in them under those of before: these have windows of their own, which
    /// came so far.
    apart: BTreeMap<Era, Option<u64>>,
    /// SSRCs that the caller meddled with: whatever they lose is not promised.
    meddled: BTreeSet<u32>,
}

fn made(suite: CryptoSuite, seed: u8) -> MasterKey {
    key(suite, seed).with_mki(Mki::new(&[seed]).unwrap())
}

/// Where each era begins: so that no index fits two of them.
fn first_roc(era: u32) -> u32 {
    10 * era
}

fn first_index(plane: Plane, era: u32, seq: u16) -> u64 {
    match plane {
        Plane::Rtp => u64::from(first_roc(era)) << 16 | u64::from(seq),
        Plane::Rtcp => (1 << 30) - (u64::from(era) << 20),
    }
}

impl World {
    fn new(suite: CryptoSuite) -> Self {
        let builder = || Receiver::builder(made(suite, 0)).initial_roc(first_roc(1));
        Self {
            suite,
            rx: builder().build().unwrap(),
            sheltered: builder().build().unwrap(),
            keys: vec![0],
            former: Vec::new(),
            era: 1,
            former_era: 1,
            first_seq: 100,
            sent: Vec::new(),
            next: BTreeMap::new(),
            accepted: BTreeSet::new(),
            highest: BTreeMap::new(),
            known: BTreeSet::new(),
            may_begin_anew: false,
            apart: BTreeMap::new(),
            meddled: BTreeSet::new(),
        }
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match *event {
            Event::Send {
                plane,
                ssrc,
                is_old,
                step,
                is_late,
            } => {
                let packet = self.send(plane, ssrc, is_old, step);
                self.sent.push(packet.clone());
                match is_late {
                    true => Ok(()),
                    false => self.arrive(&packet),
                }
            }
            Event::Arrive(which) if !self.sent.is_empty() => {
                let packet = which.get(&self.sent).clone();
                self.arrive(&packet)
            }
            Event::Forge(which) if !self.sent.is_empty() => {
                let Packet { era, bytes, .. } = which.get(&self.sent);
                let (plane, forged) = (era.0, forged(era.0, bytes));
                self.refused(plane, &forged)
            }
            Event::Arrive(_) | Event::Forge(_) => Ok(()),
            Event::Rekey(rekey, overlap) => {
                self.rekey(rekey, overlap);
                Ok(())
            }
            Event::EndOverlap => {
                self.rx.end_overlap();
                self.sheltered.end_overlap();
                Ok(())
            }
            Event::Remove(ssrc) => {
                self.meddled.insert(ssrc);
                let removed = self.rx.remove_stream(ssrc);
                prop_assert_eq!(removed, self.sheltered.remove_stream(ssrc));
                Ok(())
            }
            Event::SetRoc(ssrc, roc) => {
                self.meddled.insert(ssrc);
                let set = self.rx.set_roc(ssrc, roc);
                prop_assert_eq!(set, self.sheltered.set_roc(ssrc, roc));
                Ok(())
            }
        }
    }

    fn send(&mut self, plane: Plane, ssrc: u32, is_old: bool, step: u64) -> Packet {
        let (seed, era) = match self.former.last() {
            Some(&seed) if is_old => (seed, (plane, ssrc, self.former_era)),
            _ => (*self.keys.last().unwrap(), (plane, ssrc, self.era)),
        };
        let first = first_index(plane, era.2, self.first_seq);
        let next = self.next.entry(era).or_insert(first);
        let index = *next;
        *next += step;
        let mut packet = Packet {
            seed,
            era,
            index,
            bytes: Vec::new(),
        };
        let plain = packet.plain();
        packet.bytes = oracle::protect(&made(self.suite, seed), None, plane, &plain, index);
        packet
    }

    /// Does the documentation promise that this packet is accepted?
    fn is_promised(&self, packet: &Packet) -> bool {
        let Packet { seed, index, .. } = *packet;
        let (plane, ssrc, era) = packet.era;
        let is_current = self.keys.contains(&seed);
        let is_former = self.former.contains(&seed);
        let is_live = is_current || self.rx.has_overlap() && is_former;
        let is_new = !self.accepted.contains(&(seed, plane, ssrc, index));
        // What begins under new keys shows the windows of before nothing.
        let highest = match self.apart.get(&packet.era) {
            Some(highest) if is_former => *highest,
            _ => self.highest.get(&packet.era).copied(),
        };
        let is_placed = match highest {
            Some(highest) => index + 1024 > highest && index < highest + 30_000,
            None => plane == Plane::Rtcp || index >> 16 == u64::from(first_roc(era)),
        };
        is_live && is_new && is_placed && !self.meddled.contains(&ssrc)
    }

    fn arrive(&mut self, packet: &Packet) -> Result<(), TestCaseError> {
        let (plane, ssrc, _) = packet.era;
        let is_promised = self.is_promised(packet);
        let opened = unprotect(&mut self.rx, plane, &packet.bytes);
        let Ok(opened) = opened else {
            let Packet { seed, index, .. } = packet;
            prop_assert!(
                !is_promised,
                "lost: key {}, {:?} {:#x}, {:?}",
                seed,
                packet.era,
                index,
                opened
            );
            return self.alike();
        };
        prop_assert_eq!(&opened, &packet.plain());
        let is_news = self
            .accepted
            .insert((packet.seed, plane, ssrc, packet.index));
        prop_assert!(
            is_news,
            "replayed: key {}, {:?} {:#x}",
            packet.seed,
            packet.era,
            packet.index
        );
        self.reach(packet);
        let sheltered = unprotect(&mut self.sheltered, plane, &packet.bytes);
        prop_assert_eq!(sheltered, Ok(opened), "what was refused has left a trace");
        self.alike()
    }

    /// A packet was accepted: its windows come as far as that.
    fn reach(&mut self, packet: &Packet) {
        let Packet { era, index, .. } = *packet;
        let is_current = self.keys.contains(&packet.seed);
        let is_news = !self.known.contains(&era) && !self.highest.contains_key(&era);
        if is_current && is_news && self.may_begin_anew {
            self.apart.insert(era, None);
        }
        match self.apart.get_mut(&era) {
            Some(highest) if !is_current => *highest = Some(index).max(*highest),
            _ => {
                let highest = self.highest.entry(era).or_default();
                *highest = index.max(*highest);
            }
        }
    }

    fn refused(&mut self, plane: Plane, packet: &[u8]) -> Result<(), TestCaseError> {
        prop_assert!(unprotect(&mut self.rx, plane, packet).is_err());
        self.alike()
    }

    fn alike(&self) -> Result<(), TestCaseError> {
        let state = |rx: &Receiver| {
            let rocs = [1, 2, 3].map(|ssrc| rx.roc(ssrc));
            let usage: Vec<_> = rx.keys().map(|(_, usage)| usage).collect();
            let ssrcs: Vec<_> = rx.ssrcs().collect();
            (rocs, usage, ssrcs, rx.has_overlap())
        };
        prop_assert_eq!(state(&self.rx), state(&self.sheltered));
        Ok(())
    }

    fn rekey(&mut self, rekey: Rekey, overlap: Overlap) {
        let newest = *self.keys.last().unwrap();
        let old = std::mem::take(&mut self.keys);
        self.former_era = self.era;
        self.known = self.highest.keys().copied().collect();
        self.apart.clear();
        let seeds = 1 + *self.sent.iter().map(|p| &p.seed).chain(&old).max().unwrap();
        let policy = match rekey {
            Rekey::GoesOn(policy) => {
                self.keys = vec![seeds];
                policy
            }
            Rekey::Rotates => {
                self.keys = vec![newest, seeds];
                RocAfterRekey::KeptOrZero
            }
            Rekey::BeginsAnew { is_first, seq } => {
                self.keys = vec![seeds];
                self.era += 1;
                self.first_seq = seq;
                match is_first {
                    true => RocAfterRekey::ZeroOrKept,
                    false => RocAfterRekey::KeptOrZero,
                }
            }
        };
        self.may_begin_anew = policy != RocAfterRekey::Kept && !self.keys.contains(&newest);
        for rx in [&mut self.rx, &mut self.sheltered] {
            let first = Receiver::builder(made(self.suite, self.keys[0]));
            let more = self.keys[1..].iter();
            let next = more.fold(first.initial_roc(first_roc(self.era)), |next, seed| {
                next.add_key(made(self.suite, *seed))
            });
            rx.rekey_with(next, policy, overlap).unwrap();
        }
        self.former = old;
        self.former.retain(|seed| !self.keys.contains(seed));
    }
}

#[test]
fn in_any_schedule_nothing_is_taken_twice_and_nothing_is_lost_that_is_promised() {
    let is_authenticated =
        |suite: &CryptoSuite| suite.rtp_tag_len() > 0 && suite.rtcp_tag_len() > 0;
    let schedule = proptest::collection::vec(event(), 1..160);
    for suite in CryptoSuite::ALL.into_iter().filter(is_authenticated) {
        let config = ProptestConfig {
            cases: 48,
            max_shrink_iters: 4096,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let run = |events: Vec<Event>| {
            let mut world = World::new(suite);
            events.iter().try_for_each(|event| world.happen(event))
        };
        let ran = TestRunner::new(config).run(&schedule, run);
        ran.unwrap_or_else(|error| panic!("{suite}: {error}"));
    }
}
