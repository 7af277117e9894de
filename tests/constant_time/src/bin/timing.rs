//! The same question asked of the clock: do two kinds of input take different times? Welch's t of the cycles, as dudect has it. Not a test: a machine
//! with other work to do shows differences that are its own.
//!
//! It is for what Valgrind does not know: VAES on 256 and on 512 bits, the instructions for SHA-1, and HMAC-SHA1 of many packets side by side on
//! AVX-512. Every level of vector units is asked, and the portable code; those that this CPU lacks are printed as NOT RUN.
//!
//! `cargo run --release --bin timing [THOUSANDS OF MEASUREMENTS]` in this folder. |t| below 4.5 is no evidence; one far above it that grows with the number of
//! measurements is. The last line is a comparison that ends early, to see that it would show.

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{_mm_lfence, _rdtsc};
use std::hint::black_box;

use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::{CryptoSuite, Margin, MasterKey, Plane, Receiver, Sender, without_best_levels};

/// Best first, as the crate withholds them. The last is RustCrypto, which has AES-NI and SHA-NI of its own.
const LEVELS: [&str; 4] = ["vaes512", "vaes256", "aesni", "portable"];
const SUITES: [CryptoSuite; 2] = [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes128Gcm];
/// Thousands of measurements, of what takes least; what takes longer is measured less often.
const THOUSANDS: usize = 400;
/// Packets of a batch, which are enough to be taken side by side.
const BATCH: usize = 16;

/// Mean and variance of what came so far (Welford).
#[derive(Clone, Copy, Default)]
struct Sample {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    /// The square of the standard error of the mean.
    fn error(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

fn cycles(run: impl FnOnce()) -> u64 {
    // SAFETY: both instructions are part of every x86-64 processor.
    let now = || unsafe {
        _mm_lfence();
        let now = _rdtsc();
        _mm_lfence();
        now
    };
    let before = now();
    run();
    now() - before
}

/// Measures two kinds of input, in an order that no clock can follow, and prints Welch's t without the slowest tenth: that is the machine.
fn compare(name: &str, measurements: usize, inputs: [&[u8]; 2], mut run: impl FnMut(&[u8])) {
    // Both stand in the same place, and both are read to put either there: where they come from is no difference between them.
    let mut input = vec![0; inputs[0].len()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut measured = Vec::with_capacity(measurements);
    for _ in 0..measurements {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let kind = (random >> 40 & 1) as usize;
        let mask = [0, 0xff][kind];
        for ((to, one), other) in input.iter_mut().zip(inputs[0]).zip(inputs[1]) {
            *to = one ^ (one ^ other) & mask;
        }
        measured.push((kind, cycles(|| run(black_box(&input)))));
    }
    let mut sorted: Vec<u64> = measured.iter().map(|(_, cycles)| *cycles).collect();
    sorted.sort_unstable();
    let most = sorted[sorted.len() * 9 / 10];
    let mut samples = [Sample::default(); 2];
    // The first ones warm caches up.
    for (kind, cycles) in measured.iter().skip(1000).filter(|it| it.1 <= most) {
        samples[*kind].add(*cycles as f64);
    }
    let [one, other] = samples;
    let t = (one.mean - other.mean) / (one.error() + other.error()).sqrt();
    println!(
        "t = {t:8.2}, {:8.1} and {:8.1} cycles: {name}",
        one.mean, other.mean
    );
}

/// Bytes that are all alike, and others.
fn zeros_and_others(len: usize) -> [Vec<u8>; 2] {
    [vec![0; len], (0..len).map(|n| (n * 89 + 7) as u8).collect()]
}

/// Two copies, one wrong at the first of these places, one at the second.
fn wrong_at(bytes: &[u8], places: [usize; 2]) -> [Vec<u8>; 2] {
    places.map(|at| {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 1;
        wrong
    })
}

fn key(suite: CryptoSuite) -> MasterKey {
    MasterKey::new(suite, &vec![7; suite.key_and_salt_len()]).expect("its length")
}

/// A sender that protects one packet again and again, which are the same bytes each time.
fn repeating(suite: CryptoSuite) -> Sender {
    let builder = Sender::builder(key(suite)).allow_identical_retransmission();
    builder.build().expect("options that go with any suite")
}

const HEADER: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7];

fn rtp(payload: &[u8]) -> Vec<u8> {
    [&HEADER, payload].concat()
}

/// One packet at a time.
fn packets(level: &str, suite: CryptoSuite, measurements: usize) {
    let mut sent = rtp(&[0x55; 160]);
    repeating(suite)
        .protect_rtp_vec(&mut sent)
        .expect("a packet");
    let tag = sent.len() - suite.rtp_tag_len();
    let [one, other] = wrong_at(&sent, [tag, sent.len() - 1]);
    let mut receiver = Receiver::new(key(suite));
    let name = format!("{level}, {suite}: first or last byte of the tag wrong");
    compare(&name, measurements, [&one, &other], |packet| {
        let _ = black_box(receiver.verify_rtp(packet));
    });

    let [one, other] = zeros_and_others(160).map(|payload| rtp(&payload));
    let (mut sender, mut out) = (repeating(suite), [0; 200]);
    let name = format!("{level}, {suite}: a payload of zeros or of other bytes");
    compare(&name, measurements, [&one, &other], |packet| {
        let _ = black_box(sender.protect_rtp_into(packet, &mut out));
    });

    let [one, other] = zeros_and_others(suite.key_and_salt_len());
    let packet = rtp(&[0x55; 160]);
    let name = format!("{level}, {suite}: a key of zeros or of other bytes, and a packet");
    compare(&name, measurements / 8, [&one, &other], |bytes| {
        let key = MasterKey::new(suite, bytes).expect("its length");
        let _ = black_box(Sender::new(key).protect_rtp_into(&packet, &mut out));
    });
}

/// Many packets in one call.
fn batches(level: &str, suite: CryptoSuite, measurements: usize) {
    const PAYLOAD: usize = 300;
    let mut senders: Vec<Sender> = (0..BATCH).map(|_| repeating(suite)).collect();
    let [one, other] = zeros_and_others(PAYLOAD).map(|payload| rtp(&payload).repeat(BATCH));
    let mut outs = vec![[0; 400]; BATCH];
    let name = format!("{level}, {suite}: a batch of payloads of zeros or of other bytes");
    compare(&name, measurements / 8, [&one, &other], |plains| {
        let plains = plains.chunks(HEADER.len() + PAYLOAD);
        let mut packets: Vec<_> = (0..)
            .zip(plains)
            .zip(&mut outs)
            .map(|((n, plain), out)| Outgoing::copied(n, Plane::Rtp, plain, out))
            .collect();
        batch::protect(&mut senders[..], &mut packets);
        black_box(&packets);
    });

    let mut sent = rtp(&[0x55; PAYLOAD]);
    repeating(suite)
        .protect_rtp_vec(&mut sent)
        .expect("a packet");
    let len = sent.len();
    let all = sent.repeat(BATCH);
    // All are wrong, so that none of them moves anything: in the first byte of the tag or in the last.
    let mut wrong = [all.clone(), all];
    for packet in 0..BATCH {
        wrong[0][(packet + 1) * len - suite.rtp_tag_len()] ^= 1;
        wrong[1][(packet + 1) * len - 1] ^= 1;
    }
    let mut receivers: Vec<Receiver> = (0..BATCH).map(|_| Receiver::new(key(suite))).collect();
    let mut copy = wrong[0].clone();
    let name = format!("{level}, {suite}: first or last byte of the tags of a batch wrong");
    compare(&name, measurements / 8, [&wrong[0], &wrong[1]], |sent| {
        copy.copy_from_slice(sent);
        let mut packets: Vec<_> = (0..)
            .zip(copy.chunks_mut(len))
            .map(|(n, packet)| Incoming::new(n, Plane::Rtp, packet))
            .collect();
        batch::unprotect(&mut receivers[..], &mut packets);
        black_box(&packets);
    });
}

/// What is before packets and beside them, and on no level of its own but that of SHA-1 and AES.
fn keys_and_state(level: &str, suite: CryptoSuite, measurements: usize) {
    let texts = zeros_and_others(suite.key_and_salt_len()).map(|bytes| {
        let key = MasterKey::new(suite, &bytes).expect("its length");
        key.secret_base64()
    });
    let name = format!("{level}, {suite}: base64 of zeros or of other bytes");
    let texts = [texts[0].as_bytes(), texts[1].as_bytes()];
    compare(&name, measurements, texts, |text| {
        let text = std::str::from_utf8(text).expect("ASCII");
        let _ = black_box(MasterKey::from_base64(suite, text));
    });

    let state = Sender::new(key(suite)).export_state();
    let [one, other] = wrong_at(&state, [state.len() - 20, state.len() - 1]);
    let name = format!("{level}, {suite}: first or last byte of a state's code wrong");
    compare(&name, measurements / 8, [&one, &other], |state| {
        let _ = black_box(
            Sender::builder(key(suite))
                .build_resumed(state, Margin::NONE)
                .is_err(),
        );
    });
}

fn main() {
    let thousands = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let measurements = thousands.unwrap_or(THOUSANDS).max(16) * 1000;
    let sha = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    let lanes = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let level = |name, is_run| println!("{name}: {}", if is_run { "run" } else { "NOT RUN" });
    level("SHA-NI", sha);
    level(
        "HMAC-SHA1 side by side on AVX-512, at the first level",
        lanes,
    );
    for (withheld, name) in LEVELS.into_iter().enumerate() {
        let is_here = without_best_levels(withheld) == name;
        // The lanes of SHA-1 belong to the first level, whatever AES there is.
        let is_worth_asking = is_here || withheld == 0 && lanes;
        if !is_worth_asking {
            level(name, false);
            continue;
        }
        level(name, is_here);
        for suite in SUITES {
            packets(name, suite, measurements);
            batches(name, suite, measurements);
            keys_and_state(name, suite, measurements);
        }
    }
    let (tag, mut wrong) = ([7; 256], [[7; 256]; 2]);
    wrong[0][0] = 8;
    wrong[1][255] = 8;
    let name = "planted: a comparison that ends early";
    compare(name, measurements, [&wrong[0], &wrong[1]], |wrong| {
        black_box(tag.iter().zip(wrong).all(|(one, other)| one == other));
    });
}
