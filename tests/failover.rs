//! Processes that send are killed at random moments, a thousand times and more: no index is used twice, and the receiver keeps up.
//!
//! A process that sends is this test again, told so by its environment. It says on its standard error what it sent: what it has written there
//! has left, whatever becomes of it.

mod common;

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use common::{PLANES, key, plain, protect};
use srtp_sdes::{
    CryptoSuite, KeyDerivationRate, Margin, MasterKey, Mki, Plane, ProtectError, Receiver,
    ReceiverBuilder, Sender, SenderBuilder,
};

/// Processes killed in each lane. There are four lanes.
const KILLS: u32 = 252;
/// Packets of a stream and plane, and sequence numbers, after which a process exports its state, at the latest.
const MARGIN: u16 = 24;
/// The streams that there are from the beginning.
const SSRCS: [u32; 3] = [1, 0x8000_0000, u32::MAX];
/// Every so many processes one begins a stream of its own.
const BEGINS_A_STREAM: u32 = 16;

/// Chance, the same for the same seed. When a process is killed is chance anyway.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn suite_of(lane: u8) -> CryptoSuite {
    [
        CryptoSuite::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32,
        CryptoSuite::AeadAes128Gcm,
        CryptoSuite::AeadAes256Gcm,
    ][usize::from(lane)]
}

fn keys_of(lane: u8) -> [MasterKey; 2] {
    [1, 2].map(|n| {
        let mki = Mki::from_value(n.into(), 4).unwrap();
        key(suite_of(lane), lane * 2 + n).with_mki(mki)
    })
}

fn sender(lane: u8) -> SenderBuilder {
    let [one, two] = keys_of(lane);
    let builder = Sender::builder(one).add_key(two);
    match lane {
        1 => builder.key_derivation_rate(KeyDerivationRate::from_exponent(6).unwrap()),
        2 => builder.first_srtcp_index_1(),
        _ => builder,
    }
}

fn receiver(lane: u8) -> ReceiverBuilder {
    let [one, two] = keys_of(lane);
    let builder = Receiver::builder(two).add_key(one);
    match lane {
        1 => builder.key_derivation_rate(KeyDerivationRate::from_exponent(6).unwrap()),
        _ => builder,
    }
}

/// Puts a state where the next process finds it: all of it or nothing.
fn publish(state: &[u8], file: &Path) {
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, state).unwrap();
    fs::rename(unfinished, file).unwrap();
}

/// A process that sends until it is killed.
struct Process {
    sender: Sender,
    state: PathBuf,
    chance: Chance,
    /// What was sent of each stream and plane since the export: packets, or sequence numbers if those are more.
    since: HashMap<(u32, Plane), u16>,
}

impl Process {
    /// Goes on where the one before was when it exported last.
    fn resume(lane: u8, number: u32, state: PathBuf) -> Self {
        let margin = Margin::packets(MARGIN).unwrap();
        let exported = fs::read(&state).unwrap();
        let mut sender = sender(lane).build_resumed(&exported, margin).unwrap();
        // From here on a successor must not go on where this process did.
        publish(&sender.export_state(), &state);
        if number.is_multiple_of(BEGINS_A_STREAM) {
            let ssrc = number << 8;
            let refused = protect(&mut sender, Plane::Rtp, &plain(Plane::Rtp, ssrc, 0, b""));
            assert_eq!(refused, Err(ProtectError::MayHaveBegun { ssrc }));
            sender.set_roc(ssrc, 0).unwrap();
        }
        Self {
            sender,
            state,
            chance: Chance(u64::from(number) << 8 | u64::from(lane)),
            since: HashMap::new(),
        }
    }

    fn send_until_killed(&mut self) -> ! {
        let mut out = io::stderr().lock();
        loop {
            let ssrcs: Vec<_> = self.sender.ssrcs().collect();
            let ssrc = ssrcs[self.chance.below(ssrcs.len() as u64) as usize];
            let plane = PLANES[usize::from(self.chance.below(4) == 0)];
            let skipped = match self.chance.below(8) {
                0 => self.chance.below(4) as u16,
                _ => 0,
            };
            // Of a stream that was begun with SRTCP, SRTP may have been begun, too: nobody vouches for it.
            let (plane, next) = match self.sender.next_rtp_index(ssrc) {
                Some(next) => (plane, next.seq().wrapping_add(skipped)),
                None => (Plane::Rtcp, 0),
            };
            let since = self.since.entry((ssrc, plane)).or_default();
            if *since + 1 + skipped > MARGIN || self.chance.below(100) == 0 {
                publish(&self.sender.export_state(), &self.state);
                self.since.clear();
            }
            *self.since.entry((ssrc, plane)).or_default() += 1 + skipped;
            if self.chance.below(50) == 0 {
                let mki = Mki::from_value(1 + u128::from(self.chance.below(2)), 4).unwrap();
                self.sender.select_key(&mki).unwrap();
            }

            let packet = plain(plane, ssrc, next, b"to be or not");
            let packet = protect(&mut self.sender, plane, &packet).unwrap();
            let mut frame = vec![plane as u8, packet.len() as u8];
            frame.extend(packet);
            out.write_all(&frame).unwrap();
        }
    }
}

/// Who receives from all processes of a lane, one after the other.
struct Peer {
    receiver: Receiver,
    lane: u8,
    /// The highest index of each stream, by nothing but the sequence numbers.
    reached: HashMap<u32, u64>,
    used: HashSet<(u32, Plane, u64)>,
}

impl Peer {
    fn take(&mut self, plane: Plane, packet: &[u8]) {
        let ssrc_at = if plane == Plane::Rtp { 8 } else { 4 };
        let ssrc = u32::from_be_bytes(packet[ssrc_at..ssrc_at + 4].try_into().unwrap());
        let index = match plane {
            Plane::Rtp => self.rtp_index(ssrc, u16::from_be_bytes([packet[2], packet[3]])),
            _ => self.srtcp_index(packet),
        };
        let is_new = self.used.insert((ssrc, plane, index));
        assert!(is_new, "{plane} {ssrc:#x}: index {index} was used twice");
        let received = match plane {
            Plane::Rtp => self.receiver.verify_rtp(packet).map(|index| index.value()),
            _ => self.receiver.verify_rtcp(packet).map(u64::from),
        };
        assert_eq!(received, Ok(index), "{plane} {ssrc:#x}");
    }

    fn rtp_index(&mut self, ssrc: u32, seq: u16) -> u64 {
        let reached = self.reached.entry(ssrc).or_insert(seq.into());
        let step = seq.wrapping_sub(*reached as u16);
        assert!(step < 0x4000, "{ssrc:#x} went from {reached} to {seq}");
        *reached += u64::from(step);
        *reached
    }

    /// The word before MKI and tag, or, under GCM, before the MKI, without the E bit.
    fn srtcp_index(&self, packet: &[u8]) -> u64 {
        let suite = suite_of(self.lane);
        let behind = if suite.is_aead() {
            4
        } else {
            4 + suite.rtcp_tag_len()
        };
        let word = packet.len() - behind - 4;
        let word: [u8; 4] = packet[word..word + 4].try_into().unwrap();
        u64::from(u32::from_be_bytes(word) & 0x7fff_ffff)
    }

    /// The receiver fails over, too, without anything on its way.
    fn fail_over(&mut self) {
        let state = self.receiver.export_state();
        self.receiver = receiver(self.lane).build_resumed(&state).unwrap();
    }
}

/// The packet that comes next, if one did before the process ended.
fn read_packet(from: &mut impl Read) -> Option<(Plane, Vec<u8>)> {
    let mut head = [0; 2];
    from.read_exact(&mut head).ok()?;
    let plane = PLANES.into_iter().find(|plane| *plane as u8 == head[0]);
    let Some(plane) = plane else {
        let mut said = head.to_vec();
        from.read_to_end(&mut said).unwrap();
        panic!("a process failed: {}", String::from_utf8_lossy(&said));
    };
    let mut packet = vec![0; head[1].into()];
    from.read_exact(&mut packet).ok()?;
    Some((plane, packet))
}

/// One sender after the other, each killed while it sends. Returns how many packets there were.
fn play(lane: u8, folder: &Path) -> usize {
    let state = folder.join(format!("state of lane {lane}"));
    let mut peer = Peer {
        receiver: receiver(lane).build().unwrap(),
        lane,
        reached: HashMap::new(),
        used: HashSet::new(),
    };
    let mut first = sender(lane).build().unwrap();
    for ssrc in SSRCS {
        // Close to the end of the sequence numbers, so that they all roll over.
        let packet = plain(Plane::Rtp, ssrc, 65_000, b"");
        peer.take(
            Plane::Rtp,
            &protect(&mut first, Plane::Rtp, &packet).unwrap(),
        );
    }
    publish(&first.export_state(), &state);
    drop(first);

    let mut chance = Chance(lane.into());
    for number in 1..=KILLS {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--test-threads=1", "--nocapture"])
            .env(LANE, lane.to_string())
            .env(NUMBER, number.to_string())
            .env(STATE, &state)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sent = BufReader::with_capacity(256, process.stderr.take().unwrap());
        // Some die before they send anything.
        for _ in 0..chance.below(70) {
            let (plane, packet) = read_packet(&mut sent).expect("it sends until it is killed");
            peer.take(plane, &packet);
        }
        process.kill().unwrap();
        process.wait().unwrap();
        // What had left arrives.
        while let Some((plane, packet)) = read_packet(&mut sent) {
            peer.take(plane, &packet);
        }
        if chance.below(3) == 0 {
            peer.fail_over();
        }
    }
    let rolled_over = |ssrc| peer.receiver.roc(ssrc) >= Some(1);
    assert!(SSRCS.into_iter().all(rolled_over));
    peer.used.len()
}

const NAME: &str =
    "no_index_is_used_twice_by_a_thousand_senders_that_were_killed_and_the_receiver_keeps_up";
const LANE: &str = "FAILOVER_LANE";
const NUMBER: &str = "FAILOVER_NUMBER";
const STATE: &str = "FAILOVER_STATE";

#[test]
fn no_index_is_used_twice_by_a_thousand_senders_that_were_killed_and_the_receiver_keeps_up() {
    if let (Ok(lane), Ok(number), Some(state)) =
        (env::var(LANE), env::var(NUMBER), env::var_os(STATE))
    {
        let (lane, number) = (lane.parse().unwrap(), number.parse().unwrap());
        Process::resume(lane, number, state.into()).send_until_killed();
    }
    const { assert!(KILLS * 4 >= 1000) };
    let folder = tempfile::tempdir().unwrap();
    let packets: Vec<_> = thread::scope(|scope| {
        let lanes = [0, 1, 2, 3].map(|lane| {
            let folder = folder.path();
            scope.spawn(move || play(lane, folder))
        });
        lanes.map(|lane| lane.join().unwrap()).into()
    });
    for packets in packets {
        assert!(packets > 20 * KILLS as usize, "{packets}");
    }
}
