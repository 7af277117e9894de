//! The same question asked of the clock: do two kinds of input take different times? Welch's t of the cycles, as dudect has it. Not a test: a machine
//! with other work to do shows differences that are its own.
//!
//! `cargo run --release --bin timing` in this folder. |t| below 4.5 is no evidence; one far above it that grows with the number of
//! measurements is. The last line is a comparison that ends early, to see that it would show.

use std::arch::x86_64::{_mm_lfence, _rdtsc};
use std::hint::black_box;

use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender};

const MEASUREMENTS: usize = 400_000;

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
fn compare(name: &str, inputs: [&[u8]; 2], mut run: impl FnMut(&[u8])) {
    // Both stand in the same place: where they come from is no difference between them.
    let mut input = vec![0; inputs[0].len()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut measured = Vec::with_capacity(MEASUREMENTS);
    for _ in 0..MEASUREMENTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let kind = (random >> 40 & 1) as usize;
        input.copy_from_slice(inputs[kind]);
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

fn main() {
    for suite in [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes128Gcm] {
        let key = || MasterKey::new(suite, &vec![7; suite.key_and_salt_len()]).expect("its length");
        let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7];
        packet.extend([0x55; 160]);
        let mut sender = Sender::new(key());
        sender.protect_rtp_vec(&mut packet).expect("a packet");
        let tag = packet.len() - suite.rtp_tag_len();
        let mut wrong = [packet.clone(), packet.clone()];
        wrong[0][tag] ^= 1;
        if let Some(last) = wrong[1].last_mut() {
            *last ^= 1;
        }
        let mut receiver = Receiver::new(key());
        compare(
            &format!("{suite}: first or last byte of the tag wrong"),
            [&wrong[0], &wrong[1]],
            |packet| {
                let _ = black_box(receiver.verify_rtp(packet));
            },
        );

        let len = suite.key_and_salt_len();
        let other = (0..len).map(|n| (n * 89 + 7) as u8).collect();
        let texts = [vec![0; len], other].map(|bytes| {
            let key = MasterKey::new(suite, &bytes).expect("its length");
            key.secret_base64()
        });
        compare(
            &format!("{suite}: base64 of zeros or of other bytes"),
            [texts[0].as_bytes(), texts[1].as_bytes()],
            |text| {
                let text = std::str::from_utf8(text).expect("ASCII");
                let _ = black_box(MasterKey::from_base64(suite, text));
            },
        );
    }
    let (tag, mut wrong) = ([7; 256], [[7; 256]; 2]);
    wrong[0][0] = 8;
    wrong[1][255] = 8;
    compare(
        "planted: a comparison that ends early",
        [&wrong[0], &wrong[1]],
        |wrong| {
            black_box(tag.iter().zip(wrong).all(|(one, other)| one == other));
        },
    );
}
