//! A secure call from end to end in one process, on loopback: a PBX registers at its carrier over TLS, the carrier calls it with nine crypto
//! lines, and two seconds of G.711 go both ways as SRTP. Then the refusals: what each side sees when something does not fit.
//!
//! ```text
//! cargo run --release --manifest-path examples/secure_call/Cargo.toml
//! cargo run --release --manifest-path examples/secure_call/Cargo.toml -- --help
//! ```
//!
//! `carrier.rs` and `pbx.rs` are the two endpoints; what they ask of the crate is [`srtp_sdes::sdes::Session`]. SIP is reduced to what one call needs.

mod carrier;
mod certificates;
mod connection;
mod good_call;
mod ladder;
mod media;
mod pbx;
mod refusals;
mod sdp;
mod sip;
#[path = "../../common/table.rs"]
mod table;
mod tls;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use certificates::Certificates;
use good_call::TlsVersion;
use ladder::say;

/// A secure call between a carrier and a PBX, both in this process on loopback, and the ways in which such a call is refused.
///
/// Every SIP message is shown with its direction, crypto lines without their keys. The program ends well only if all went as it should.
#[derive(Parser)]
#[command(name = "secure_call", max_term_width = 100)]
struct Arguments {
    /// What to show [default: all]
    #[arg(long, value_name = "SCENE")]
    show: Option<Scene>,

    /// The version of TLS that carries the good call
    #[arg(long, value_name = "VERSION", default_value = "1.3")]
    tls: TlsVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scene {
    /// Two seconds of SRTP
    Call,
    /// The PBX does not know the root of the carrier's certificate
    UnknownRoot,
    /// The PBX offers TLS 1.1
    OldTls,
    /// Over TCP without TLS no key is offered
    ClearOffer,
    /// The carrier sends keys over TCP without TLS, and the PBX refuses them
    ClearKeys,
    /// The PBX has SRTP switched off: 488, and 503
    SrtpOff,
    /// No suite of the offer is one of the PBX's
    NoCommonSuite,
    /// The PBX answers without a crypto line
    NoCryptoInAnswer,
}

impl Scene {
    fn play(self, certificates: &Certificates, version: TlsVersion) -> Result<()> {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|it| it.get_help());
        let title = help.map(ToString::to_string).unwrap_or_default();
        say(&format!("\n== {title}\n"));
        match self {
            Self::Call => good_call::run(certificates, version),
            Self::UnknownRoot => refusals::unknown_root(certificates),
            Self::OldTls => refusals::old_tls(certificates),
            Self::ClearOffer => refusals::clear_offer(certificates),
            Self::ClearKeys => refusals::clear_keys(certificates),
            Self::SrtpOff => refusals::srtp_off(certificates),
            Self::NoCommonSuite => refusals::no_common_suite(certificates),
            Self::NoCryptoInAnswer => refusals::no_crypto_in_answer(certificates),
        }
        .with_context(|| title)
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let text = error.render().to_string();
            eprintln!("{} (see --help)", text.lines().next().unwrap_or_default());
            return ExitCode::from(2);
        }
        Err(help) => {
            say(&help.render().to_string());
            return ExitCode::SUCCESS;
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let certificates = Certificates::make("Trunk Root CA").context("no certificates")?;
    let scenes = match &arguments.show {
        Some(scene) => std::slice::from_ref(scene),
        None => Scene::value_variants(),
    };
    let mut scenes = scenes.iter();
    scenes.try_for_each(|scene| scene.play(&certificates, arguments.tls))
}
