//! The call as it should be, and what each side received.

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use rustls::SupportedProtocolVersion;
use srtp_sdes::CryptoSuite;
use srtp_sdes::sdes::{AnsweredProfile, Policy, Signalling};

use crate::certificates::Certificates;
use crate::connection::{Connection, between, both};
use crate::ladder::{Side, note, say};
use crate::media::{Media, PACKETS, Sockets};
use crate::pbx::Habit;
use crate::table::render;
use crate::{carrier, pbx, tls};

/// The version of TLS that the PBX offers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TlsVersion {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl TlsVersion {
    fn of_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// The PBX answers `RTP/SAVP` whatever the offer's profile is, and has one suite: the line with tag 5 of the carrier's nine.
pub fn pbx_policy() -> Policy {
    Policy::compatible()
        .suites(&[CryptoSuite::AesCm128HmacSha1_80])
        .answered_profile(AnsweredProfile::Secure)
}

pub fn run(certificates: &Certificates, version: TlsVersion) -> Result<()> {
    let server = tls::server_config(certificates)?;
    let client = tls::client_config(&certificates.root, &[version.of_rustls()])?;

    let carrier = |tcp| {
        let stream = tls::accept(&server, tcp)?;
        let mut connection = Connection::tls(Side::Carrier, stream);
        carrier::registrar(&mut connection)?;
        let policy = Policy::everything_the_carrier_listed();
        let sockets = Sockets::open()?;
        carrier::call(&mut connection, &policy, Signalling::Secure, &sockets)
    };
    let pbx = |tcp| {
        let stream = tls::connect(&client, tcp)?;
        note(&tls::describe(&stream.conn)?);
        let mut connection = Connection::tls(Side::Pbx, stream);
        pbx::register(&mut connection)?;
        let sockets = Sockets::open()?;
        let policy = pbx_policy();
        pbx::answer(
            &mut connection,
            &policy,
            Signalling::Secure,
            Habit::None,
            &sockets,
        )
    };
    match both(between(carrier, pbx)?)? {
        (carrier::Ended::Talked(carrier), pbx::Ended::Talked(pbx)) => judge(&carrier, &pbx),
        _ => bail!("the call came up without SRTP, or not at all"),
    }
}

/// Prints what each side received, and insists that it is what the other sent.
fn judge(carrier: &Media, pbx: &Media) -> Result<()> {
    let columns = [
        ("received by", false),
        ("suite", false),
        ("RTP", true),
        ("bytes", true),
        ("RTCP", true),
        ("bytes", true),
        ("ROC", true),
        ("errors", true),
        ("samples as sent", true),
    ];
    let rows = [row("carrier", carrier, pbx)?, row("PBX", pbx, carrier)?];
    say(&format!("\n{}", render(&columns, &rows)));
    check(carrier, pbx).context("the carrier")?;
    check(pbx, carrier).context("the PBX")
}

fn row(name: &str, here: &Media, there: &Media) -> Result<Vec<String>> {
    let (rtp, rtcp) = (here.statistics.rtp, here.statistics.rtcp);
    let same = here.heard.iter().zip(&there.sent).filter(|(a, b)| a == b);
    Ok(vec![
        name.to_owned(),
        here.suite.name().to_owned(),
        rtp.packets.to_string(),
        rtp.bytes.to_string(),
        rtcp.packets.to_string(),
        rtcp.bytes.to_string(),
        here.roc.context("no RTP was received")?.to_string(),
        (rtp.errors.total() + rtcp.errors.total()).to_string(),
        format!("{} of {}", same.count(), there.sent.len()),
    ])
}

fn check(here: &Media, there: &Media) -> Result<()> {
    let (rtp, rtcp) = (here.statistics.rtp, here.statistics.rtcp);
    let errors = rtp.errors.total() + rtcp.errors.total();
    ensure!(errors == 0, "{errors} packets could not be taken");
    ensure!(
        rtp.packets == u64::from(PACKETS),
        "{} RTP packets came",
        rtp.packets
    );
    ensure!(rtcp.packets == 2, "{} RTCP packets came", rtcp.packets);
    ensure!(
        here.roc == Some(1),
        "the rollover counter is {:?}",
        here.roc
    );
    ensure!(
        here.heard == there.sent,
        "what was heard is not what was sent"
    );
    Ok(())
}
