//! What packets cost in a batch, each under a key of its own, and in the same run one at a time, on each level that this CPU has: without the best
//! one, tags are computed with AVX2 and SHA-NI in place of AVX-512, then with SHA-NI alone, and then by RustCrypto. The figure to look at is the
//! ratio of the best times, printed at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::{CryptoSuite, MasterKey, Plane, Receiver, Sender, without_best_levels};

const SUITES: [CryptoSuite; 2] = [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes128Gcm];
const PAYLOADS: [usize; 3] = [20, 160, 1200];
const PACKETS: [usize; 5] = [2, 4, 8, 16, 32];
const DIRECTIONS: [&str; 2] = ["protect", "unprotect"];
const HEADER: usize = 12;
const ROOM: usize = 64;

/// What is timed: the level, the suite, the direction, the payload, packets in a batch.
type Case = (&'static str, CryptoSuite, &'static str, usize, usize);

fn main() {
    // Many cases, of which the least times count: little for each, and few of the resamples that give criterion its intervals.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(10))
        .measurement_time(Duration::from_millis(50))
        .sample_size(10)
        .nresamples(1001)
        .configure_from_args();
    let times: RefCell<BTreeMap<Case, BTreeMap<bool, f64>>> = RefCell::default();
    let mut levels: Vec<_> = (0..=3).map(|n| (without_best_levels(n), n)).collect();
    // Where a level is missing, leaving it out changes nothing.
    levels.dedup_by_key(|(level, _)| *level);
    for (level, without) in levels {
        for (suite, direction) in SUITES
            .iter()
            .flat_map(|suite| DIRECTIONS.map(|it| (*suite, it)))
        {
            let mut group = criterion.benchmark_group(format!("{level}/{suite}/{direction}"));
            for (payload, count) in PAYLOADS.iter().flat_map(|len| PACKETS.map(|it| (*len, it))) {
                group.throughput(Throughput::Elements(count as u64));
                for together in [false, true] {
                    let name = if together { "batch" } else { "one at a time" };
                    let id = BenchmarkId::new(name, format!("{count} of {payload} B"));
                    group.bench_function(id, |bencher| {
                        without_best_levels(without);
                        let mut trunk = Trunk::new(suite, payload, count);
                        bencher.iter_custom(|iterations| {
                            let calls = (0..iterations).map(|_| trunk.time(direction, together));
                            let (mut total, mut least) = (Duration::ZERO, Duration::MAX);
                            for call in calls {
                                (total, least) = (total + call, least.min(call));
                            }
                            let each = least.as_nanos() as f64 / count as f64;
                            let mut times = times.borrow_mut();
                            let case = times.entry((level, suite, direction, payload, count));
                            let best = case.or_default().entry(together).or_insert(each);
                            *best = best.min(each);
                            total
                        });
                    });
                }
            }
            group.finish();
        }
    }
    criterion.final_summary();
    println!(
        "{:8} {:24} {:9} {:>7} {:>7} {:>14} {:>8} {:>6}",
        "level", "suite", "", "payload", "packets", "one by one, ns", "batch", "ratio"
    );
    for ((level, suite, direction, payload, count), times) in times.borrow().iter() {
        if let (Some(alone), Some(together)) = (times.get(&false), times.get(&true)) {
            let ratio = alone / together;
            println!(
                "{level:8} {suite:24} {direction:9} {payload:7} {count:7} {alone:14.1} {together:8.1} {ratio:6.2}"
            );
        }
    }
}

/// Calls with a key each.
struct Trunk {
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
    buffers: Vec<Vec<u8>>,
    len: usize,
    seq: u16,
}

impl Trunk {
    fn new(suite: CryptoSuite, payload: usize, count: usize) -> Self {
        let key = |n: usize| {
            let mut bytes = [7; 46];
            bytes[0] = n as u8;
            MasterKey::new(suite, &bytes[..suite.key_and_salt_len()]).unwrap()
        };
        Self {
            senders: (0..count).map(|n| Sender::new(key(n))).collect(),
            receivers: (0..count).map(|n| Receiver::new(key(n))).collect(),
            buffers: vec![vec![0x55; HEADER + payload + ROOM]; count],
            len: HEADER + payload,
            seq: 0,
        }
    }

    /// Writes the headers of the next packets.
    fn next(&mut self) {
        self.seq = self.seq.wrapping_add(1);
        for buffer in &mut self.buffers {
            buffer[..HEADER].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
            buffer[2..4].copy_from_slice(&self.seq.to_be_bytes());
        }
    }

    fn time(&mut self, direction: &str, together: bool) -> Duration {
        self.next();
        let protected = self.protect(together || direction != "protect");
        match direction {
            "protect" => protected,
            _ => self.unprotect(together),
        }
    }

    fn protect(&mut self, together: bool) -> Duration {
        let len = self.len;
        if !together {
            let start = Instant::now();
            for (sender, buffer) in self.senders.iter_mut().zip(&mut self.buffers) {
                black_box(sender.protect_rtp(buffer, len).unwrap());
            }
            return start.elapsed();
        }
        let packets = self.buffers.iter_mut().enumerate();
        let mut packets: Vec<_> = packets
            .map(|(n, buffer)| Outgoing::in_place(n, Plane::Rtp, buffer, len))
            .collect();
        let start = Instant::now();
        batch::protect(&mut self.senders[..], &mut packets);
        black_box(&packets);
        start.elapsed()
    }

    fn unprotect(&mut self, together: bool) -> Duration {
        let len = self.len + self.senders[0].rtp_overhead();
        if !together {
            let start = Instant::now();
            for (receiver, buffer) in self.receivers.iter_mut().zip(&mut self.buffers) {
                black_box(receiver.unprotect_rtp(&mut buffer[..len]).unwrap());
            }
            return start.elapsed();
        }
        let packets = self.buffers.iter_mut().enumerate();
        let mut packets: Vec<_> = packets
            .map(|(n, buffer)| Incoming::new(n, Plane::Rtp, &mut buffer[..len]))
            .collect();
        let start = Instant::now();
        batch::unprotect(&mut self.receivers[..], &mut packets);
        black_box(&packets);
        start.elapsed()
    }
}
