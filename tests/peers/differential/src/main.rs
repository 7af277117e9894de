//! The same random packets through this crate and through libsrtp, as senders and as receivers: the bytes that come out and the
//! verdicts have to be the same, but for the differences in `differences.rs`.
//!
//! `differential [--seed N] [--packets N]`. A session is made of one seed, the next one of the seed after it. What fails says the seed.

mod differences;
mod libsrtp;
mod random;
mod session;
mod setup;
mod traffic;
mod verdict;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use differences::Difference;
use session::Tally;

const PACKETS: usize = 1_000_000;

fn main() -> ExitCode {
    match arguments().and_then(|(seed, packets)| compare(seed, packets)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The first seed, and how many packets are protected or unprotected at least. Each run is another one, unless a seed is given.
fn arguments() -> Result<(u64, usize), String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut seed = since.map_or(1, |since| since.as_secs() << 20);
    let mut packets = PACKETS;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().and_then(|value| value.parse().ok());
        match (word.as_str(), value) {
            ("--seed", Some(value)) => seed = value,
            ("--packets", Some(value)) => packets = usize::try_from(value).unwrap_or(PACKETS),
            _ => return Err("usage: differential [--seed N] [--packets N]".into()),
        }
    }
    Ok((seed, packets))
}

fn compare(seed: u64, packets: usize) -> Result<(), String> {
    let version = libsrtp::start()?;
    println!("against {version}, from seed {seed}");
    let mut tally = Tally::default();
    for seed in seed.. {
        session::run(seed, &mut tally)
            .map_err(|failure| format!("{failure}again: differential --seed {seed} --packets 1"))?;
        if tally.packets >= packets {
            break;
        }
    }
    println!(
        "{} packets protected or unprotected by both, {} of them accepted by both receivers",
        tally.packets, tally.accepted
    );
    for (suite, count) in &tally.suites {
        println!("  {count:>8}  {suite}");
    }
    println!("known differences met:");
    let mut unmet = None;
    for difference in Difference::ALL {
        let count = tally
            .differences
            .get(&difference)
            .copied()
            .unwrap_or_default();
        println!("  {count:>8}  {}", difference.text());
        if count == 0 {
            unmet = Some(difference);
        }
    }
    match unmet {
        Some(unmet) if packets >= PACKETS => {
            Err(format!("{unmet:?} is in the list, and was not met"))
        }
        _ => Ok(()),
    }
}
