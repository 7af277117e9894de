//! What many SSRCs in one context cost: a thousand packets of one SSRC, and one of each of a thousand SSRCs in random order.
//! A time is that of a thousand packets; the ratios are printed at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender};

const SSRCS: u32 = 1000;
const HEADER: usize = 12;
const PAYLOAD: usize = 160;
const ROOM: usize = 32;

/// Best nanoseconds a packet by suite, direction and number of SSRCs.
type Figures = RefCell<BTreeMap<(CryptoSuite, &'static str, u32), f64>>;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let figures = Figures::default();
    for suite in [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes128Gcm] {
        for direction in ["protect", "unprotect"] {
            let mut group = criterion.benchmark_group(format!("streams/{suite}/{direction}"));
            for ssrcs in [1, SSRCS] {
                group.bench_function(format!("{ssrcs} SSRCs"), |bencher| {
                    let mut session = Session::new(suite, ssrcs);
                    bencher.iter_custom(|passes| {
                        let times = (0..passes).map(|_| session.pass());
                        let each = |[protect, unprotect]: [Duration; 2]| match direction {
                            "protect" => protect,
                            _ => unprotect,
                        };
                        let time: Duration = times.map(each).sum();
                        let mean = time.as_nanos() as f64 / (passes * u64::from(SSRCS)) as f64;
                        let mut figures = figures.borrow_mut();
                        let best = figures.entry((suite, direction, ssrcs)).or_insert(mean);
                        *best = best.min(mean);
                        time
                    });
                });
            }
            group.finish();
        }
    }
    criterion.final_summary();
    for ((suite, direction, ssrcs), many) in figures.borrow().iter().filter(|it| it.0.2 > 1) {
        if let Some(one) = figures.borrow().get(&(*suite, *direction, 1)) {
            println!(
                "{suite:24} {direction:9} 1 SSRC {one:6.1} ns, {ssrcs} SSRCs {many:6.1} ns, ratio {:.2}",
                many / one
            );
        }
    }
}

struct Session {
    sender: Sender,
    receiver: Receiver,
    packets: Vec<Packet>,
    /// SSRCs in random order, which is another one in each pass.
    order: Vec<u32>,
    random: u64,
    passes: u32,
}

struct Packet {
    buf: [u8; HEADER + PAYLOAD + ROOM],
    len: usize,
}

impl Session {
    fn new(suite: CryptoSuite, ssrcs: u32) -> Self {
        let key = || MasterKey::new(suite, &[7; 46][..suite.key_and_salt_len()]).unwrap();
        let packet = || Packet {
            buf: [0x5a; HEADER + PAYLOAD + ROOM],
            len: 0,
        };
        let mut session = Self {
            sender: Sender::new(key()),
            receiver: Receiver::new(key()),
            packets: (0..SSRCS).map(|_| packet()).collect(),
            order: (0..SSRCS).map(|n| n % ssrcs).collect(),
            random: 1,
            passes: 0,
        };
        // The streams are made here.
        session.pass();
        session
    }

    /// A thousand packets there and back: the times of protecting and of unprotecting them.
    fn pass(&mut self) -> [Duration; 2] {
        self.shuffle();
        let is_one = self.order.iter().all(|ssrc| *ssrc == 0);
        for (n, (packet, ssrc)) in (0..).zip(self.packets.iter_mut().zip(&self.order)) {
            let seq = match is_one {
                true => self.passes * SSRCS + n,
                false => self.passes,
            };
            packet.len = HEADER + PAYLOAD;
            packet.buf[..2].copy_from_slice(&[0x80, 8]);
            packet.buf[2..4].copy_from_slice(&seq.to_be_bytes()[2..]);
            let ssrc = ssrc.wrapping_mul(0x1357_9bdf) ^ 0xcafe_babe;
            packet.buf[8..HEADER].copy_from_slice(&ssrc.to_be_bytes());
        }
        self.passes += 1;
        let started = Instant::now();
        for packet in &mut self.packets {
            let protected = self.sender.protect_rtp(&mut packet.buf, packet.len);
            packet.len = black_box(protected.unwrap()).len();
        }
        let protected = started.elapsed();
        let started = Instant::now();
        for packet in &mut self.packets {
            let plain = self.receiver.unprotect_rtp(&mut packet.buf[..packet.len]);
            black_box(plain.unwrap());
        }
        [protected, started.elapsed()]
    }

    /// Fisher and Yates, with xorshift: the order has to be without a pattern, and no more.
    fn shuffle(&mut self) {
        for at in (1..self.order.len()).rev() {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.order
                .swap(at, (self.random % (at as u64 + 1)) as usize);
        }
    }
}
