//! Both ends of a stream in any schedule: packets that are lost, repeated, late, changed; re-keys, restarts, removals.
//!
//! The sender is held against a model throughout. So is the receiver, until a re-key with an overlap: from then on against what the documentation
//! promises.

use std::collections::{BTreeMap, BTreeSet};

use srtp_sdes::{Overlap, Plane, ProtectError, Receiver, RocAfterRekey, Sender, UnprotectError};

use crate::model::{End, InFlight};
use crate::receive::{Opened, Way, open, state};
use crate::{Input, Setup};

const MOST_STEPS: usize = 256;

/// A sender, as often as it began anew: streams of two eras have no indices in common.
type Era = (u8, Plane, u32);

struct Sent {
    era: Era,
    /// Which of the two keys of its generation it is under.
    key: u8,
    packet: InFlight,
}

struct World {
    setup: Setup,
    tx: Sender,
    tx_model: End,
    selected: u8,
    eras: u8,
    /// Gets everything.
    rx: Receiver,
    /// Gets what `rx` accepted, and genuine packets that were refused by neither.
    sheltered: Receiver,
    /// As long as it tells exactly what the receiver does.
    rx_model: Option<End>,
    generation: u8,
    former: Option<u8>,
    sent: Vec<Sent>,
    /// (generation, key, plane, SSRC, index)
    sealed: BTreeSet<(u8, u8, Plane, u32, u64)>,
    accepted: BTreeSet<(u8, u8, Plane, u32, u64)>,
    /// The lowest and the highest index accepted.
    reach: BTreeMap<Era, (u64, u64)>,
    /// SSRCs that the caller meddled with: only the model knows what becomes of their packets.
    meddled: BTreeSet<u32>,
}

/// Plays the schedule in `input`.
///
/// # Panics
/// If an index is sealed twice under a key; if a packet is accepted twice, or one that nobody sent; if an error leaves a trace; if a packet is
/// refused that has to be accepted.
pub fn schedule(input: &[u8]) {
    let mut input = Input(input);
    // The model has no counters in tags: `tests/roc_carry.rs` has.
    let mut setup = Setup::read(&mut input).without_roc_carry();
    setup.initial_roc = first_roc(0);
    if let Some(mut world) = World::new(setup) {
        // Longer ones take long and tell little more.
        for _ in 0..MOST_STEPS {
            if !input.is_empty() {
                world.step(&mut input);
            }
        }
        world.end();
    }
}

/// Where the streams of an era begin: no index fits two of them.
fn first_roc(era: u8) -> u32 {
    10 * (1 + u32::from(era))
}

fn plane(byte: u8) -> Plane {
    match byte % 4 {
        0 => Plane::Rtcp,
        _ => Plane::Rtp,
    }
}

impl World {
    fn new(setup: Setup) -> Option<Self> {
        if !setup.agrees_on_e_bit() {
            return None;
        }
        let (tx, rx, sheltered) = (setup.sender()?, setup.receiver()?, setup.receiver()?);
        let model = || model(&setup, 0);
        // Whoever searches, or tries two tags, takes more than the model does.
        let is_exact = !setup.search_roc && !setup.either_tag;
        Some(Self {
            tx,
            tx_model: model(),
            selected: 0,
            eras: 0,
            rx,
            sheltered,
            rx_model: is_exact.then(model),
            generation: 0,
            former: None,
            sent: Vec::new(),
            sealed: BTreeSet::new(),
            accepted: BTreeSet::new(),
            reach: BTreeMap::new(),
            meddled: BTreeSet::new(),
            setup,
        })
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let step = input.byte();
        let way = Way::from(step >> 5);
        match step & 0x1f {
            0..10 => self.send(input),
            10..19 => {
                if let Some(n) = self.choose(input) {
                    self.arrive(n, way);
                }
            }
            19..23 => self.change(input, way),
            23 => self.rekey(),
            24 | 25 => self.rekey_with(input),
            26 => self.restart_peer(input),
            27 => {
                self.rx.end_overlap();
                self.sheltered.end_overlap();
            }
            28 if self.setup.has_mki() => {
                self.selected = input.byte() % 2;
                let n = 2 * self.tx_model.generation + self.selected;
                self.tx.select_key(&self.setup.mki(n)).unwrap();
            }
            28 => {}
            29 => self.remove(input),
            30 => self.set_roc(input),
            _ => self.restart(input),
        }
        self.alike();
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let (what, ssrc, step) = (input.byte(), input.ssrc(), input.byte());
        let plane = plane(what);
        let highest = self.tx_model.highest(plane, ssrc).unwrap_or(100);
        let seq = match step {
            0..200 => highest.wrapping_add(u64::from(step % 4)) as u16,
            200..220 => highest.wrapping_sub(u64::from(step - 200)) as u16,
            220..230 => highest.wrapping_add(1 << 14) as u16,
            // What was highest becomes the last in the window, or falls out of it.
            230..245 => {
                highest.wrapping_add(u64::from(self.setup.window) - 1 + u64::from(step % 2)) as u16
            }
            _ => input.u16(),
        };
        let mut plain = match plane {
            Plane::Rtp => {
                let mut plain = vec![0x80, 0];
                plain.extend(seq.to_be_bytes());
                plain.extend([0x55; 4]);
                plain
            }
            Plane::Rtcp => vec![0x80, 200, 0, 6],
        };
        plain.extend(ssrc.to_be_bytes());
        plain.extend((0..what >> 2).map(|n| n ^ step));

        let mut protected = plain.clone();
        let protects = match plane {
            Plane::Rtp => self.tx.protect_rtp_vec(&mut protected),
            Plane::Rtcp => self.tx.protect_rtcp_vec(&mut protected),
        };
        if protects == Err(ProtectError::KeyExpired) {
            assert!(self.setup.lifetime.is_some());
            return;
        }
        let expected = self.tx_model.send(plane, ssrc, seq);
        assert_eq!(protects.err(), expected.err());
        let Ok(index) = expected else {
            assert_eq!(protected, plain);
            return;
        };
        let (generation, key) = (self.tx_model.generation, self.selected);
        let is_news = self.sealed.insert((generation, key, plane, ssrc, index));
        assert!(is_news, "sealed twice: {plane} {ssrc:#x} {index:#x}");
        let packet = InFlight {
            plane,
            ssrc,
            index,
            generation,
            packet: self.setup.received(plane, &plain),
            protected,
        };
        self.audit(&packet);
        let era = (self.eras, plane, ssrc);
        self.sent.push(Sent { era, key, packet });
    }

    /// At which index a packet was sealed is said by a receiver that knows no other packet.
    fn audit(&self, packet: &InFlight) {
        let builder = self.setup.receiver_builder(packet.generation);
        let roc = (packet.index >> 16) as u32;
        let mut auditor = builder.initial_roc(roc).build().unwrap();
        let index = match packet.plane {
            Plane::Rtp => auditor.verify_rtp(&packet.protected).map(|it| it.value()),
            Plane::Rtcp => auditor.verify_rtcp(&packet.protected).map(u64::from),
        };
        assert_eq!(index, Ok(packet.index));
    }

    fn choose(&self, input: &mut Input<'_>) -> Option<usize> {
        let n = usize::from(input.byte());
        // Mostly the last ones.
        self.sent.len().checked_sub(1 + n % self.sent.len().max(1))
    }

    /// A packet arrives, for the first time or again.
    fn arrive(&mut self, n: usize, way: Way) {
        let InFlight {
            plane,
            ssrc,
            generation,
            ..
        } = self.sent[n].packet;
        let is_authenticated = !self.setup.is_forgeable(plane);
        let is_promised = is_authenticated && self.is_promised(&self.sent[n]);
        let packet = self.sent[n].packet.protected.clone();
        let opened = open(&mut self.rx, plane, way, &packet);
        let sheltered = open(&mut self.sheltered, plane, way, &packet);
        assert_eq!(opened, sheltered, "what was refused has left a trace");

        let is_of_no_key = self.setup.has_mki() && generation != self.generation;
        match &mut self.rx_model {
            _ if matches!(
                opened,
                Err(UnprotectError::KeyExpired | UnprotectError::BufferTooSmall { .. })
            ) => {}
            Some(_) if is_of_no_key => assert!(opened.is_err()),
            Some(model) => {
                let expected = model.receive(&self.sent[n].packet, is_authenticated);
                assert_eq!(opened.as_ref().err(), expected.as_ref().err());
            }
            None => {
                let is_full = matches!(opened, Err(UnprotectError::TooManyStreams { .. }));
                assert!(
                    !is_promised || opened.is_ok() || is_full,
                    "lost: {plane}, key {generation}.{}, era {:?}: {opened:?}",
                    self.sent[n].key,
                    self.sent[n].era
                );
            }
        }
        if is_authenticated {
            self.accept(n, &opened);
        } else if opened.is_ok() {
            self.meddled.insert(ssrc);
        }
    }

    fn accept(&mut self, n: usize, opened: &Opened) {
        let (Sent { era, key, packet }, Ok(opened)) = (&self.sent[n], opened) else {
            return;
        };
        let &InFlight {
            generation,
            plane,
            ssrc,
            index,
            ..
        } = packet;
        let is_news = self.accepted.insert((generation, *key, plane, ssrc, index));
        assert!(is_news, "accepted twice: {plane} {ssrc:#x} {index:#x}");
        assert!(opened.as_ref().is_none_or(|plain| *plain == packet.packet));
        let (lowest, highest) = self.reach.entry(*era).or_insert((index, index));
        (*lowest, *highest) = (index.min(*lowest), index.max(*highest));
    }

    /// Does the documentation promise that this packet is accepted?
    fn is_promised(&self, sent: &Sent) -> bool {
        let &InFlight {
            generation,
            plane,
            ssrc,
            index,
            ..
        } = &sent.packet;
        let is_former = self.former == Some(generation) && self.rx.has_overlap();
        let is_live = generation == self.generation || is_former;
        let is_new = !self
            .accepted
            .contains(&(generation, sent.key, plane, ssrc, index));
        let window = u64::from(self.setup.window);
        let is_placed = match self.reach.get(&sent.era) {
            // Stricter than need be: each generation of keys may have a window of its own, which is not as far.
            Some((lowest, highest)) => index + window > *highest && index < lowest + 30_000,
            None => plane == Plane::Rtcp || index >> 16 == u64::from(first_roc(sent.era.0)),
        };
        // A peer that begins anew has the SRTCP indices of before once more: late packets may be lost to that.
        let is_told_apart = plane == Plane::Rtp || self.eras == 0;
        // A key may be used up; which of two it was, a packet without an MKI does not say.
        let lasts = self.setup.lifetime.is_none();
        is_live && is_new && is_placed && is_told_apart && lasts && !self.meddled.contains(&ssrc)
    }

    /// A packet arrives changed.
    fn change(&mut self, input: &mut Input<'_>, way: Way) {
        let Some(n) = self.choose(input) else { return };
        let InFlight { plane, .. } = self.sent[n].packet;
        let mut packet = self.sent[n].packet.protected.clone();
        let (at, with) = (usize::from(input.u16()) % packet.len(), input.byte());
        let cut = packet.len() - at;
        match with {
            // A tag of 10 bytes cut to 4 is a tag of 4 bytes, for who accepts both.
            0 if cut == 6 && self.setup.either_tag => return,
            0 => packet.truncate(at),
            with => packet[at] ^= with,
        }
        if !self.setup.is_forgeable(plane) {
            let opened = open(&mut self.rx, plane, way, &packet);
            assert!(opened.is_err(), "a forged packet was accepted");
        }
    }

    /// Both ends take a new key, and no packet under the old one is accepted any longer.
    fn rekey(&mut self) {
        let Some(generation) = self.next_generation() else {
            return;
        };
        let key = || self.setup.first_key(generation);
        self.tx.rekey(key()).unwrap();
        for rx in [&mut self.rx, &mut self.sheltered] {
            rx.rekey(key()).unwrap();
        }
        self.tx_model.rekey(generation);
        if let Some(model) = &mut self.rx_model {
            model.rekey(generation);
        }
        (self.former, self.selected) = (None, 0);
        // `rekey` brings one key; a second comes with the next re-key.
        if self.setup.has_mki() {
            let second = || self.setup.key(2 * generation + 1);
            self.tx.add_key(second()).unwrap();
            for rx in [&mut self.rx, &mut self.sheltered] {
                rx.add_key(second()).unwrap();
            }
        }
    }

    fn next_generation(&mut self) -> Option<u8> {
        let generation = self.generation + 1;
        (generation < 100).then(|| {
            self.generation = generation;
            generation
        })
    }

    /// Both ends take new keys; the peer goes on where it is.
    fn rekey_with(&mut self, input: &mut Input<'_>) {
        let Some(generation) = self.next_generation() else {
            return;
        };
        let next = self.setup.sender_builder(generation);
        self.tx.rekey_with(next).unwrap();
        self.tx_model.rekey(generation);
        let byte = input.byte();
        let policy = [
            RocAfterRekey::Kept,
            RocAfterRekey::KeptOrZero,
            RocAfterRekey::ZeroOrKept,
        ][usize::from(byte % 3)];
        self.rekey_receivers(generation, policy, byte);
    }

    /// The peer makes a new context, with new keys and counters.
    fn restart_peer(&mut self, input: &mut Input<'_>) {
        let Some(generation) = self.next_generation() else {
            return;
        };
        self.eras += 1;
        self.setup.initial_roc = first_roc(self.eras);
        self.tx = self.setup.sender_builder(generation).build().unwrap();
        self.tx_model = model(&self.setup, generation);
        let byte = input.byte();
        let policy = [RocAfterRekey::KeptOrZero, RocAfterRekey::ZeroOrKept][usize::from(byte % 2)];
        self.rekey_receivers(generation, policy, byte);
    }

    fn rekey_receivers(&mut self, generation: u8, policy: RocAfterRekey, byte: u8) {
        let overlap = match byte >> 2 {
            0..10 => Overlap::None,
            10..40 => Overlap::Packets((byte >> 2).into()),
            _ => Overlap::UntilEnded,
        };
        for rx in [&mut self.rx, &mut self.sheltered] {
            let next = self.setup.receiver_builder(generation);
            rx.rekey_with(next, policy, overlap).unwrap();
        }
        (self.former, self.selected) = (Some(generation - 1), 0);
        self.rx_model = None;
    }

    fn remove(&mut self, input: &mut Input<'_>) {
        let (ends, ssrc) = (input.byte(), input.ssrc());
        // A sender's stream that comes back after a re-key begins anew.
        self.meddled.insert(ssrc);
        if ends & 1 == 0 {
            let removed = self.tx_model.remove(ssrc);
            assert_eq!(self.tx.remove_stream(ssrc), removed);
        }
        if ends & 6 != 0 {
            let removed = self.rx.remove_stream(ssrc);
            assert_eq!(self.sheltered.remove_stream(ssrc), removed);
            if let Some(model) = &mut self.rx_model {
                assert_eq!(removed, model.remove(ssrc));
            }
        }
    }

    fn set_roc(&mut self, input: &mut Input<'_>) {
        let (ends, ssrc) = (input.byte(), input.ssrc());
        let reached = self.tx_model.roc(ssrc).unwrap_or(self.setup.initial_roc);
        let roc = (reached + u32::from(ends >> 4 & 3)).saturating_sub(1);
        self.meddled.insert(ssrc);
        if ends & 1 == 0 {
            let set = self.tx_model.set_roc(ssrc, roc);
            assert_eq!(self.tx.set_roc(ssrc, roc), set);
        }
        if ends & 6 != 0 {
            let set = self.rx.set_roc(ssrc, roc);
            assert_eq!(self.sheltered.set_roc(ssrc, roc), set);
            if let Some(model) = &mut self.rx_model {
                assert_eq!(set, model.set_roc(ssrc, roc));
            }
        }
    }

    /// The receiver lets a stream begin anew, and with that gives up what it knew.
    fn restart(&mut self, input: &mut Input<'_>) {
        let (what, ssrc) = (input.byte(), input.ssrc());
        let plane = plane(what);
        let roc = self.tx_model.roc(ssrc).unwrap_or(self.setup.initial_roc);
        self.meddled.insert(ssrc);
        self.accepted.retain(|it| (it.2, it.3) != (plane, ssrc));
        let mut receivers = [&mut self.rx, &mut self.sheltered];
        match plane {
            Plane::Rtp => {
                let restarted = receivers.each_mut().map(|rx| rx.restart_rtp(ssrc, roc));
                assert_eq!(restarted[0], restarted[1]);
                if let Some(model) = &mut self.rx_model {
                    assert_eq!(restarted[0], model.restart_rtp(ssrc, roc));
                }
            }
            Plane::Rtcp => {
                let restarted = receivers.each_mut().map(|rx| rx.restart_rtcp(ssrc));
                assert_eq!(restarted[0], restarted[1]);
                if let Some(model) = &mut self.rx_model {
                    assert_eq!(restarted[0], model.restart_rtcp(ssrc));
                }
            }
        }
    }

    /// What was refused is not in the exported state, either, while there are keys of before and when they are gone.
    fn end(&mut self) {
        for _ in 0..2 {
            let exported = [&self.rx, &self.sheltered].map(Receiver::export_state);
            assert!(exported[0] == exported[1], "what was refused left a trace");
            self.rx.end_overlap();
            self.sheltered.end_overlap();
        }
    }

    fn alike(&self) {
        assert_eq!(state(&self.rx), state(&self.sheltered));
        assert_eq!(self.rx.has_overlap(), self.sheltered.has_overlap());
        assert!(self.tx.ssrcs().eq(self.tx_model.ssrcs()));
        for ssrc in self.tx_model.ssrcs() {
            assert_eq!(self.tx.roc(ssrc), self.tx_model.roc(ssrc));
        }
        if let Some(model) = &self.rx_model {
            assert!(self.rx.ssrcs().eq(model.ssrcs()));
            for ssrc in model.ssrcs() {
                assert_eq!(self.rx.roc(ssrc), model.roc(ssrc));
            }
        }
    }
}

/// An end without streams, as the setup has it.
fn model(setup: &Setup, generation: u8) -> End {
    let mut model = End::new(setup.window.into(), setup.most_streams)
        .beginning_at(setup.initial_roc, setup.first_srtcp_index_1.into());
    model.generation = generation;
    model
}
