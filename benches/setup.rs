//! What a call costs before its first packet: from a master key to a sender, a receiver, a stream.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use srtp_sdes::{CryptoSuite, KeyDerivationRate, MasterKey, Receiver, Sender};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    for suite in CryptoSuite::ALL {
        let key = MasterKey::new(suite, &[7; 46][..suite.key_and_salt_len()]).unwrap();
        let mut group = criterion.benchmark_group(format!("setup/{suite}"));
        group.bench_function("Sender::new", |bencher| {
            bencher.iter_batched(
                || key.secret_copy(),
                |key| black_box(Sender::new(key)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("Receiver::new", |bencher| {
            bencher.iter_batched(
                || key.secret_copy(),
                |key| black_box(Receiver::new(key)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("Sender, key derivation rate", |bencher| {
            let rate = KeyDerivationRate::from_exponent(16).unwrap();
            bencher.iter_batched(
                || Sender::builder(key.secret_copy()).key_derivation_rate(rate),
                |builder| black_box(builder.build().unwrap()),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("first packet of an SSRC", |bencher| {
            let packet = [0x80, 8, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
            let mut out = [0; 64];
            bencher.iter_batched_ref(
                || Sender::new(key.secret_copy()),
                |sender| sender.protect_rtp_into(&packet, &mut out).unwrap().len(),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
    criterion.final_summary();
}
