//! How fast the crate is beside libsrtp with OpenSSL, webrtc-srtp, and AES-GCM alone, in one run.
//!
//! `benches/peers/run.sh` starts this. [`contenders`] says who is measured, [`cases`] what, [`rounds`]
//! how, and [`checks`] makes sure beforehand that all do the same work.

mod cases;
mod chart;
mod checks;
mod contenders;
mod machine;
mod packets;
mod report;
mod rounds;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

use cases::{Case, PAYLOADS, SUITES};
use report::Report;
use rounds::Effort;

/// Measures srtp-sdes beside other software: the same packets, the same memory, in one run.
#[derive(Parser)]
struct Arguments {
    /// A shared library of libsrtp 2 that was built with OpenSSL, in place of the one that is linked; can be given several times
    #[arg(long, value_name = "FILE")]
    libsrtp: Vec<PathBuf>,
    /// A few rounds of a few cases, to see that everything works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// How often each contender has its turn
    #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=60))]
    rounds: u16,
    /// Only cases whose line in the table contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Write results.txt and speed.svg into this folder, too
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let contenders = contenders::all(&arguments.libsrtp)?;
    for suite in SUITES {
        for payload in PAYLOADS {
            checks::agree(&contenders, suite, payload)?;
        }
    }
    let effort = match arguments.quick {
        true => Effort {
            rounds: 3,
            pieces: 3,
        },
        false => Effort {
            rounds: arguments.rounds.into(),
            pieces: 16,
        },
    };

    let names = contenders.iter().map(|it| it.name().to_owned()).collect();
    let mut report = Report::new(machine::facts(), names);
    print!("{}", report.head());
    for case in Case::all() {
        let wanted = case.to_string().contains(&arguments.only);
        if wanted && (!arguments.quick || case.payload == 160) {
            let times = rounds::packets(&case, &contenders, effort);
            println!("{}", report.packets(case, times));
        }
    }
    for suite in SUITES {
        let times = rounds::contexts(suite, &contenders, effort);
        println!("{}", report.contexts(suite, times));
    }
    let answering = contenders::time_answering;
    let times = rounds::beside_a_context(answering, SUITES[0], effort);
    println!("{}", report.answering(times));

    if let Some(folder) = arguments.out {
        fs::create_dir_all(&folder).context("the folder for the results")?;
        fs::write(folder.join("results.txt"), report.text())?;
        fs::write(folder.join("speed.svg"), chart::svg(&report))?;
    }
    Ok(())
}
