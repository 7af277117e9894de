//! What an offer costs: reading its nine crypto lines, and answering them. Beside it one key derivation, a new sender: the figure
//! to look at is the ratio, printed at the end.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use srtp_sdes::sdes::{Answer, Decision, MediaSection, Policy, Signalling, sections};
use srtp_sdes::{CryptoSuite, MasterKey, Sender};

const OFFER: &str = include_str!("../vectors/sdes/carrier_offer.sdp");
const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let sections = sections(OFFER);
    let media = sections[0].media();
    let nine_lines: Vec<_> = media
        .attributes
        .iter()
        .filter(|line| line.starts_with("a=crypto"))
        .copied()
        .collect();
    assert_eq!(nine_lines.len(), 9);

    let mut group = criterion.benchmark_group("sdes");
    group.bench_function("nine lines read", |bencher| {
        bencher.iter(|| read(black_box(&nine_lines)));
    });
    group.bench_function("nine lines read and answered", |bencher| {
        bencher.iter(|| answer(black_box(&media)));
    });
    group.bench_function("an SDP of nine lines read and answered", |bencher| {
        bencher.iter(|| answer(&srtp_sdes::sdes::sections(black_box(OFFER))[0].media()));
    });
    group.bench_function("one key derivation", |bencher| {
        bencher.iter_batched(key, Sender::new, BatchSize::SmallInput);
    });
    group.finish();
    criterion.final_summary();

    let derivation = best(|| drop(Sender::new(key())));
    let ratios = [
        ("nine lines read", best(|| read(&nine_lines))),
        ("nine lines read and answered", best(|| answer(&media))),
    ];
    for (what, time) in ratios {
        println!(
            "{what}: as long as {:.1} key derivations",
            time / derivation
        );
    }
}

fn read(lines: &[&str]) {
    for line in lines {
        black_box(srtp_sdes::sdes::CryptoAttribute::parse(
            line,
            srtp_sdes::sdes::ParseMode::Tolerant,
        ));
    }
}

fn answer(media: &MediaSection<'_>) {
    let policy = Policy::compatible().suites(&[SUITE]);
    let answer = Answer::to(media, &policy, Signalling::Secure).unwrap();
    let Decision::Srtp(answer) = answer.decision else {
        panic!("the fifth line is accepted");
    };
    black_box(answer.into_contexts());
}

fn key() -> MasterKey {
    MasterKey::new(SUITE, &[7; 30]).unwrap()
}

/// Nanoseconds: what disturbs a measurement only ever adds to it.
fn best(what: impl Fn()) -> f64 {
    const REPEATS: u32 = 100;
    let round = || {
        let started = Instant::now();
        for _ in 0..REPEATS {
            what();
        }
        started.elapsed()
    };
    let best = (0..50).map(|_| round()).min();
    (best.unwrap_or_default() / REPEATS).as_nanos() as f64
}
