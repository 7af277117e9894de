//! What a packet costs on each level of vector units that this CPU has, and in the same run what its primitives alone cost:
//! counter mode, HMAC-SHA1 and AES-GCM of RustCrypto over the same bytes, and the compressions of SHA-1, which no single packet can be
//! faster than. Times are of one machine; the figures to look at are the ratios, printed at the end.
//!
//! `cargo bench --bench packet -- aes_cm_128_hmac_sha1_80/protect` measures a part of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use aes::cipher::{BlockCipherEncrypt, InnerIvInit, StreamCipherCore, consts::U16};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use criterion::{BenchmarkId, Criterion, Throughput};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha1::block_api::compress;
use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender, without_best_levels};

const PAYLOADS: [usize; 3] = [20, 160, 1200];
const HEADER: usize = 12;
/// Packets that are prepared at a time, untimed, to be opened: few enough for the innermost cache.
const RUN: usize = 16;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let figures = Figures::default();
    let contenders = contenders();
    for suite in CryptoSuite::ALL {
        for direction in [Direction::Protect, Direction::Unprotect] {
            let mut group =
                criterion.benchmark_group(format!("{suite}/{direction:?}").to_lowercase());
            for payload in PAYLOADS {
                group.throughput(Throughput::Bytes(payload as u64));
                for who in contenders.iter().copied() {
                    if who == Who::Compressions && (suite.is_aead() || suite.rtp_tag_len() == 0) {
                        continue;
                    }
                    let case = (suite, direction, payload);
                    group.bench_function(BenchmarkId::new(who.to_string(), payload), |bencher| {
                        let mut contender = Contender::new(who, suite);
                        bencher.iter_custom(|iterations| {
                            let time = contender.time(direction, payload, iterations);
                            figures.note(case, who, time, iterations);
                            time
                        });
                    });
                }
            }
            group.finish();
        }
    }
    criterion.final_summary();
    figures.print();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Protect,
    Unprotect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// This crate without so many of the best levels of vector units, and the name of what is left.
    Crate(usize, &'static str),
    Primitives,
    /// SHA-1 alone.
    Compressions,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crate(_, level) => write!(f, "crate-{level}"),
            Self::Primitives => f.write_str("primitives"),
            Self::Compressions => f.write_str("compressions"),
        }
    }
}

/// This crate on each level that this CPU has, and what to hold it against.
fn contenders() -> Vec<Who> {
    let levels = (0..=3).map(|without| Who::Crate(without, without_best_levels(without)));
    let mut all: Vec<Who> = levels.collect();
    // Where a level is missing, leaving it out changes nothing.
    all.dedup_by_key(|who| match who {
        Who::Crate(_, level) => *level,
        _ => "",
    });
    all.extend([Who::Primitives, Who::Compressions]);
    all
}

type Case = (CryptoSuite, Direction, usize);

/// The best time of each case: what disturbs a measurement only ever adds to it.
#[derive(Default)]
struct Figures(RefCell<BTreeMap<Case, BTreeMap<Who, f64>>>);

impl Figures {
    fn note(&self, case: Case, who: Who, time: Duration, iterations: u64) {
        // The first rounds of warming up are too short to time.
        if iterations >= 64 {
            let nanoseconds = time.as_nanos() as f64 / iterations as f64;
            let mut figures = self.0.borrow_mut();
            let best = figures
                .entry(case)
                .or_default()
                .entry(who)
                .or_insert(nanoseconds);
            *best = best.min(nanoseconds);
        }
    }

    fn print(&self) {
        let figures = self.0.borrow();
        if figures.is_empty() {
            return;
        }
        println!(
            "{:24} {:9} {:>7} {:13} {:>8} {:>14} {:>17}",
            "suite", "", "payload", "", "ns", "of primitives", "of compressions"
        );
        for ((suite, direction, payload), times) in figures.iter() {
            let direction = format!("{direction:?}");
            for (who, ours) in times {
                let ratio = |to| match times.get(&to) {
                    Some(floor) if to != *who => format!("{:.2}", ours / floor),
                    _ => String::new(),
                };
                println!(
                    "{suite:24} {direction:<9} {payload:7} {:13} {ours:8.1} {:>14} {:>17}",
                    who.to_string(),
                    ratio(Who::Primitives),
                    ratio(Who::Compressions),
                );
            }
        }
    }
}

enum Contender {
    Crate(Box<(Sender, Receiver)>),
    Primitives(Box<Primitives>),
    Compressions,
}

impl Contender {
    fn new(who: Who, suite: CryptoSuite) -> Self {
        match who {
            Who::Crate(without, _) => {
                without_best_levels(without);
                let key = || MasterKey::new(suite, &[7; 46][..suite.key_and_salt_len()]).unwrap();
                Self::Crate(Box::new((Sender::new(key()), Receiver::new(key()))))
            }
            Who::Primitives => Self::Primitives(Box::new(Primitives::new(suite))),
            Who::Compressions => Self::Compressions,
        }
    }

    fn time(&mut self, direction: Direction, payload: usize, iterations: u64) -> Duration {
        match (self, direction) {
            (Self::Compressions, _) => time_compressions(payload, iterations),
            (Self::Crate(contexts), Direction::Protect) => {
                let sender = &mut contexts.0;
                time_sealing(payload, iterations, |packet| {
                    let len = packet.len;
                    black_box(sender.protect_rtp(&mut packet.buf, len).unwrap());
                })
            }
            (Self::Primitives(primitives), Direction::Protect) => {
                time_sealing(payload, iterations, |packet| {
                    black_box(primitives.seal(packet.bytes_mut()));
                })
            }
            (Self::Crate(contexts), Direction::Unprotect) => {
                let (sender, receiver) = &mut **contexts;
                let seal = |packet: &mut Packet| {
                    let len = packet.len;
                    packet.len = sender.protect_rtp(&mut packet.buf, len).unwrap().len();
                };
                time_opening(payload, iterations, seal, |packet| {
                    black_box(receiver.unprotect_rtp(packet.bytes_mut()).unwrap());
                })
            }
            (Self::Primitives(primitives), Direction::Unprotect) => {
                let seal = |packet: &mut Packet| packet.tag = primitives.seal(packet.bytes_mut());
                time_opening(payload, iterations, seal, |packet| {
                    let tag = packet.tag;
                    black_box(primitives.open(packet.bytes_mut(), &tag));
                })
            }
        }
    }
}

/// The time of the compressions for a packet with ROC, padding and outer hash, one after the other.
fn time_compressions(payload: usize, iterations: u64) -> Duration {
    let inner = vec![[0x5a; 64]; (HEADER + payload + 4 + 9).div_ceil(64)];
    let started = Instant::now();
    for _ in 0..iterations {
        let mut state = [1; 5];
        compress(&mut state, black_box(&inner));
        let mut outer = [[0; 64]];
        outer[0][..4].copy_from_slice(&state[0].to_be_bytes());
        compress(&mut state, &outer);
        black_box(state);
    }
    started.elapsed()
}

/// The time of sealing a stream's packets, one after the other in one buffer.
fn time_sealing(payload: usize, iterations: u64, mut seal: impl FnMut(&mut Packet)) -> Duration {
    let mut packet = Packet::new(payload);
    let started = Instant::now();
    for n in 0..iterations {
        // The payload is whatever became of the last one.
        packet.number(n);
        seal(&mut packet);
    }
    started.elapsed()
}

/// Seals packets, a run at a time, and returns the time of opening them.
fn time_opening(
    payload: usize,
    iterations: u64,
    mut seal: impl FnMut(&mut Packet),
    mut open: impl FnMut(&mut Packet),
) -> Duration {
    let mut time = Duration::ZERO;
    let mut run: Vec<Packet> = (0..RUN).map(|_| Packet::new(payload)).collect();
    for first in (0..iterations).step_by(RUN) {
        let run = &mut run[..(iterations - first).min(RUN as u64) as usize];
        for (n, packet) in (first..).zip(run.iter_mut()) {
            packet.len = HEADER + payload;
            packet.number(n);
            seal(packet);
        }
        let started = Instant::now();
        for packet in run.iter_mut() {
            open(packet);
        }
        time += started.elapsed();
    }
    time
}

/// A packet in a buffer with room for its tag.
struct Packet {
    buf: Vec<u8>,
    len: usize,
    /// Where the primitives leave it.
    tag: [u8; 20],
}

impl Packet {
    fn new(payload: usize) -> Self {
        let mut buf = vec![0x5a; HEADER + payload + 32];
        buf[..HEADER].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        let (len, tag) = (HEADER + payload, [0; 20]);
        Self { buf, len, tag }
    }

    /// The sequence number of the `n`th packet of a stream.
    fn number(&mut self, n: u64) {
        self.buf[2..4].copy_from_slice(&n.to_be_bytes()[6..]);
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buf[..self.len]
    }
}

/// What has to be computed for a packet whatever surrounds it.
enum Primitives {
    EncryptThenMac(Cipher, Option<Hmac<Sha1>>),
    Gcm128(Aes128Gcm),
    Gcm256(Aes256Gcm),
}

enum Cipher {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
    F8(Aes128Enc),
    Null,
}

impl Primitives {
    fn new(suite: CryptoSuite) -> Self {
        let name = suite.name();
        if suite.is_aead() {
            return match suite.key_len() {
                16 => Self::Gcm128(Aes128Gcm::new(&[1; 16].into())),
                _ => Self::Gcm256(Aes256Gcm::new(&[1; 32].into())),
            };
        }
        let cipher = match suite.key_len() {
            _ if name.starts_with("NULL") => Cipher::Null,
            _ if name.starts_with("F8") => Cipher::F8(Aes128Enc::new(&[1; 16].into())),
            16 => Cipher::Aes128(Aes128Enc::new(&[1; 16].into())),
            24 => Cipher::Aes192(Aes192Enc::new(&[1; 24].into())),
            _ => Cipher::Aes256(Aes256Enc::new(&[1; 32].into())),
        };
        let has_tag = suite.rtp_tag_len() > 0;
        let hmac = has_tag.then(|| Hmac::new_from_slice(&[2; 20]).unwrap());
        Self::EncryptThenMac(cipher, hmac)
    }

    fn seal(&self, packet: &mut [u8]) -> [u8; 20] {
        match self {
            Self::EncryptThenMac(cipher, hmac) => {
                cipher.apply(packet);
                code(hmac, packet)
            }
            Self::Gcm128(gcm) => seal_gcm(gcm, packet),
            Self::Gcm256(gcm) => seal_gcm(gcm, packet),
        }
    }

    /// The same backwards. HMAC suites leave the comparison out, and AES-GCM cannot.
    fn open(&self, packet: &mut [u8], tag: &[u8; 20]) -> bool {
        match self {
            Self::EncryptThenMac(cipher, hmac) => {
                black_box(code(hmac, packet));
                cipher.apply(packet);
                true
            }
            Self::Gcm128(gcm) => open_gcm(gcm, packet, tag),
            Self::Gcm256(gcm) => open_gcm(gcm, packet, tag),
        }
    }
}

fn code(hmac: &Option<Hmac<Sha1>>, packet: &[u8]) -> [u8; 20] {
    let Some(hmac) = hmac else { return [0; 20] };
    let mut hmac = hmac.clone();
    hmac.update(packet);
    hmac.update(&[0; 4]);
    hmac.finalize().into_bytes().into()
}

type Tag = aes_gcm::Tag<U16>;
type Nonce = aes_gcm::Nonce<aes::cipher::consts::U12>;

/// A nonce or counter block that follows from the sequence number, as the real ones do.
fn place<const N: usize>(packet: &[u8]) -> [u8; N] {
    let mut place = [3; N];
    place[8..10].copy_from_slice(&packet[2..4]);
    place
}

fn seal_gcm<A>(gcm: &A, packet: &mut [u8]) -> [u8; 20]
where
    A: AeadInOut<NonceSize = aes::cipher::consts::U12, TagSize = U16>,
{
    let nonce = Nonce::from(place::<12>(packet));
    let (header, payload) = packet.split_at_mut(HEADER);
    let sealed = gcm.encrypt_inout_detached(&nonce, header, payload.into());
    let mut tag = [0; 20];
    tag[..16].copy_from_slice(&sealed.unwrap());
    tag
}

fn open_gcm<A>(gcm: &A, packet: &mut [u8], tag: &[u8; 20]) -> bool
where
    A: AeadInOut<NonceSize = aes::cipher::consts::U12, TagSize = U16>,
{
    let nonce = Nonce::from(place::<12>(packet));
    let tag = Tag::try_from(&tag[..16]).unwrap();
    let (header, payload) = packet.split_at_mut(HEADER);
    let opened = gcm.decrypt_inout_detached(&nonce, header, payload.into(), &tag);
    opened.unwrap();
    true
}

impl Cipher {
    fn apply(&self, packet: &mut [u8]) {
        let first = place::<16>(packet);
        let payload = &mut packet[HEADER..];
        match self {
            Self::Aes128(aes) => counter_mode(aes, &first, payload),
            Self::Aes192(aes) => counter_mode(aes, &first, payload),
            Self::Aes256(aes) => counter_mode(aes, &first, payload),
            Self::F8(aes) => f8(aes, first, payload),
            Self::Null => {}
        }
    }
}

fn counter_mode<A: BlockCipherEncrypt<BlockSize = U16>>(
    aes: &A,
    first: &[u8; 16],
    data: &mut [u8],
) {
    let keystream = ctr::CtrCore::<&A, ctr::flavors::Ctr128BE>::inner_iv_init(aes, first.into());
    keystream.try_apply_keystream_partial(data.into()).unwrap();
}

/// Each block of an f8 keystream needs the one before: one AES after the other, and one for the IV.
fn f8(aes: &Aes128Enc, first: [u8; 16], data: &mut [u8]) {
    let mut block = first.into();
    aes.encrypt_block(&mut block);
    let iv = u128::from_be_bytes(block.into());
    for (j, bytes) in (0..).zip(data.chunks_mut(16)) {
        block = (iv ^ j ^ u128::from_be_bytes(block.into()))
            .to_be_bytes()
            .into();
        aes.encrypt_block(&mut block);
        bytes
            .iter_mut()
            .zip(block)
            .for_each(|(byte, key)| *byte ^= key);
    }
}
