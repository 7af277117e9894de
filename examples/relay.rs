//! A small media gateway: RTP on one leg, SRTP on the other, or SRTP with other keys and suites; both directions, RTP and RTCP.
//!
//! ```text
//! cargo run --release --example relay -- --a 4000 --b 5000,to=127.0.0.1:6000 --crypto-file call.keys
//! cargo run --release --example relay -- --help
//! ```

mod common;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use srtp_sdes::Plane;

use common::args::{self, say};
use common::gateway::{Gateway, Leg};
use common::leg::LegSettings;
use common::leg_keys::{self, Contexts, LEGS};
use common::table::{self, Column};
use common::turn::MOST;

/// Relays RTP and RTCP between two legs over UDP, each in the clear or under SRTP keys of its own.
///
/// A leg with keys is SRTP, a leg without is plain RTP. It ends at Ctrl-C, SIGTERM, or after --duration.
#[derive(Parser)]
#[command(name = "relay", after_help = HELP, max_term_width = 100)]
struct Arguments {
    /// Leg a, as described below
    #[arg(long, value_name = "LEG", default_value = "0")]
    a: LegSettings,

    /// Leg b
    #[arg(long, value_name = "LEG", default_value = "0")]
    b: LegSettings,

    /// The keys, `-` for standard input: lines such as `a.ours=a=crypto:1 SUITE inline:…`; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    crypto_file: Option<PathBuf>,

    /// Take so many packets at most in one turn, of those that wait: 1 to 32
    #[arg(long, value_name = "PACKETS", default_value = "32", value_parser = packets)]
    batch: usize,

    /// Print statistics so often
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    interval: Duration,

    /// Stop after so long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
}

const HELP: &str = "\
LEG is [PORT|ADDRESS:PORT][,SETTING]…: where it takes RTP; a port alone is on 127.0.0.1, 0 is any free one. Settings:
  rtcp=PORT                 take RTCP there, not on the port above
  mux                       RTP and RTCP on one port (RFC 5761)
  to=ADDRESS:PORT           send RTP there; without it, the address is learnt
  rtcp-to=ADDRESS:PORT      send RTCP there, not to the port above
  our-srtcp-tag=4|10        for peers that want SRTCP tags of 4 bytes under the _32 suites
  their-srtcp-tag=4|10|either
  our-roc=N, their-roc=N    begin streams at this rollover counter
  search-roc                try other rollover counters for a stream's first packet
  window=N                  packets in the replay window, 64 to 32768
  e-bit=either              take SRTCP encrypted or not, as each packet says

Keys: a.ours= and a.theirs= say what leg a sends and receives under, b.ours= and b.theirs= the same of leg b.

Learning: an SRTP leg follows the source of packets that authenticate, and of no others. On a plain leg, and under SRTP without \
authentication, nothing can be proven: whoever sends first is the other side until the end, and hears the call; packets from elsewhere are \
dropped. Where others can reach the port, say to=; then only packets from that host are taken, from any of its ports.

Examples:
  relay --a 4000 --b 192.0.2.1:5000,to=198.51.100.7:20000 --crypto-file call.keys
  relay --a 4000,mux --b 5000,our-srtcp-tag=4,their-srtcp-tag=either --crypto-file - < call.keys";

/// How long it takes at most until a socket that failed ends the run.
const PATIENCE: Duration = Duration::from_millis(200);

const COLUMNS: [Column; 7] = [
    ("way", false),
    ("plane", false),
    ("received", true),
    ("relayed", true),
    ("bytes", true),
    ("dropped", true),
    ("why", false),
];

fn main() -> ExitCode {
    match args::parse::<Arguments>() {
        Ok(arguments) => args::finish(run(arguments)),
        Err(code) => code,
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse().ok();
    let duration = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
    let duration = duration.filter(|it| *it >= Duration::from_millis(1));
    duration.context("it is a number of seconds, 0.001 or more")
}

fn packets(text: &str) -> Result<usize> {
    let packets = text.parse().ok().filter(|it| (1..=MOST).contains(it));
    packets.with_context(|| format!("a turn is of 1 to {MOST} packets"))
}

fn run(arguments: Arguments) -> Result<()> {
    let settings = [&arguments.a, &arguments.b];
    let contexts = contexts(&arguments)?;
    let stop = stop_signal()?;
    let mut legs = Vec::new();
    for ((leg, settings), contexts) in LEGS.iter().zip(settings).zip(&contexts) {
        let sockets = settings.bind().with_context(|| format!("leg {leg}"))?;
        let leg_open = Leg {
            sockets,
            remote: Mutex::new(settings.remote()),
        };
        say(&introduction(leg, &leg_open, contexts.as_ref())?);
        legs.push(leg_open);
    }
    let Ok(legs) = legs.try_into() else {
        bail!("a relay has two legs");
    };
    let gateway = Gateway::new(legs, contexts, arguments.batch);
    let started = Instant::now();
    say("relaying until Ctrl-C\n");
    let mut why = "a socket failed";
    gateway.run(|gateway| why = watch(gateway, &arguments, &stop, started))?;
    say(&format!("stopped, since {why}\n"));
    say(&report(&gateway, started));
    say(&streams(&gateway));
    Ok(())
}

/// The protection of both legs.
fn contexts(arguments: &Arguments) -> Result<[Option<Contexts>; 2]> {
    let Some(file) = &arguments.crypto_file else {
        bail!("neither leg has keys, say with --crypto-file where they are");
    };
    let [a, b] = leg_keys::read(file)?;
    let a = a.contexts(LEGS[0], &arguments.a.srtp)?;
    let b = b.contexts(LEGS[1], &arguments.b.srtp)?;
    for (name, settings, contexts) in [(LEGS[0], &arguments.a, &a), (LEGS[1], &arguments.b, &b)] {
        if let (Some(setting), None) = (&settings.needs_keys, contexts) {
            bail!("leg {name} has no keys, so {setting} means nothing there");
        }
    }
    Ok([a, b])
}

/// Gets a message at Ctrl-C and SIGTERM.
fn stop_signal() -> Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })
    .context("cannot wait for signals")?;
    Ok(receiver)
}

/// Prints statistics until it is time to end; returns why it is.
fn watch(
    gateway: &Gateway,
    arguments: &Arguments,
    stop: &Receiver<()>,
    started: Instant,
) -> &'static str {
    let end = arguments.duration.and_then(|it| started.checked_add(it));
    let mut next = started.checked_add(arguments.interval);
    loop {
        let now = Instant::now();
        if end.is_some_and(|end| end <= now) {
            return "the duration is over";
        }
        if next.is_some_and(|next| next <= now) {
            say(&report(gateway, started));
            next = now.checked_add(arguments.interval);
        }
        let until = [end, next].into_iter().flatten().min();
        let rest = until.map_or(PATIENCE, |it| it.saturating_duration_since(now));
        match stop.recv_timeout(rest.min(PATIENCE)) {
            Ok(()) => return "asked to",
            Err(RecvTimeoutError::Timeout) if !gateway.has_ended() => {}
            Err(_) => return "a socket failed",
        }
    }
}

/// What a leg does, without its keys.
fn introduction(name: &str, leg: &Leg, contexts: Option<&Contexts>) -> Result<String> {
    let how = match contexts {
        None => "plain RTP".to_owned(),
        Some(it) => {
            let (ours, theirs) = (it.sender.suite(), it.receiver.suite());
            match ours == theirs {
                true => format!("SRTP, {ours}"),
                false => format!("SRTP, {ours} to them, {theirs} from them"),
            }
        }
    };
    let rtp = leg.sockets.rtp.local_addr()?;
    let rtcp = match &leg.sockets.rtcp {
        None => "there too".to_owned(),
        Some(rtcp) => format!("on port {}", rtcp.local_addr()?.port()),
    };
    let remote = common::gateway::lock(&leg.remote).of(Plane::Rtp);
    let remote = remote.map_or("to be learnt".to_owned(), |it| it.to_string());
    Ok(format!(
        "leg {name}: {how}; on {rtp}, RTCP {rtcp}; the other side is {remote}\n"
    ))
}

/// The statistics so far.
fn report(gateway: &Gateway, started: Instant) -> String {
    let mut rows = Vec::new();
    for (from, to) in [(0, 1), (1, 0)] {
        let tally = gateway.tally(from);
        for (plane, counts) in [("RTP", tally.rtp), ("RTCP", tally.rtcp)] {
            let mut row = vec![format!("{} to {}", LEGS[from], LEGS[to]), plane.to_string()];
            row.extend(counts.cells());
            rows.push(row);
        }
    }
    let shown = |leg| {
        let remote = gateway.remote(leg);
        let known = |plane| remote.of(plane).map(|it| it.to_string());
        match (known(Plane::Rtp), known(Plane::Rtcp)) {
            (None, None) => "unknown".to_owned(),
            (rtp, rtcp) if rtp == rtcp => rtp.unwrap_or_default(),
            (rtp, rtcp) => [rtp, rtcp]
                .map(|it| it.unwrap_or("unknown".to_owned()))
                .join(" and "),
        }
    };
    format!(
        "after {:.1} s, a sends to {}, b to {}\n{}",
        started.elapsed().as_secs_f64(),
        shown(0),
        shown(1),
        table::render(&COLUMNS, &rows)
    )
}

/// What came in under SRTP, and how far it has come.
fn streams(gateway: &Gateway) -> String {
    let mut text = String::new();
    for (from, name) in LEGS.iter().enumerate() {
        for (ssrc, roc) in gateway.streams(from) {
            text.push_str(&format!("from {name}: SSRC {ssrc:#010x}, ROC {roc}\n"));
        }
    }
    text
}
