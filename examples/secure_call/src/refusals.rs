//! What a secure call fails on, and what each side sees of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::AlertDescription;
use srtp_sdes::sdes::{CryptoInAvp, Policy, RejectReason, Signalling, SrtpMode};

use crate::certificates::Certificates;
use crate::connection::{Connection, between, both};
use crate::ladder::{Side, note};
use crate::media::Sockets;
use crate::pbx::Habit;
use crate::{carrier, pbx, tls};

/// The PBX trusts another root: it breaks off, and the carrier sees why.
pub fn unknown_root(certificates: &Certificates) -> Result<()> {
    let stranger = Certificates::make("Some Other Root CA")?.root;
    let server = tls::server_config(certificates)?;
    let client = tls::client_config(&stranger, &tls::VERSIONS)?;
    let (carrier, pbx) = between(
        |tcp| tls::accept(&server, tcp).map(drop),
        |tcp| tls::connect(&client, tcp).map(drop),
    )?;
    let pbx = pbx
        .err()
        .context("the PBX trusts a root that it does not know")?;
    note(&format!("the PBX: {pbx:#}"));
    let carrier = carrier.err().context("the carrier noticed nothing")?;
    match carrier.downcast_ref() {
        Some(rustls::Error::AlertReceived(alert @ AlertDescription::UnknownCA)) => {
            note(&format!(
                "the carrier got the alert unknown_ca ({})",
                u8::from(*alert)
            ));
            Ok(())
        }
        _ => Err(carrier.context("the carrier did not get the alert unknown_ca")),
    }
}

/// A ClientHello whose highest version is TLS 1.1 (RFC 4346 §7.4.1.2).
///
/// It has the extension signature_algorithms, though that came with TLS 1.2: this server asks for it before it looks at the version,
/// and tells a client without it handshake_failure (40) instead.
fn client_hello_of_tls_1_1() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([0x5a; 32]); // random
    body.extend([0, 0, 2, 0xc0, 0x13, 1, 0]); // no session, one cipher suite, no compression
    body.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]); // signature_algorithms: ECDSA with SHA-256
    let len = body.len() as u8;
    let mut hello = vec![22, 3, 1, 0, len + 4, 1, 0, 0, len];
    hello.extend(body);
    hello
}

/// A PBX from long ago gets an alert, and no certificate.
pub fn old_tls(certificates: &Certificates) -> Result<()> {
    let server = tls::server_config(certificates)?;
    let (carrier, pbx) = between(
        |tcp| tls::accept(&server, tcp).map(drop),
        |mut tcp: TcpStream| {
            tcp.write_all(&client_hello_of_tls_1_1())?;
            let mut alert = [0; 7];
            tcp.read_exact(&mut alert).context("no alert came")?;
            Ok(alert)
        },
    )?;
    let carrier = carrier.err().context("the carrier took TLS 1.1")?;
    note(&format!("the carrier: {carrier:#}"));
    let alert = pbx?;
    // An alert record (21) of 2 bytes: fatal (2), protocol_version (70).
    let [21, 3, _, 0, 2, 2, 70] = alert else {
        bail!("the PBX got {alert:?}, and no fatal alert protocol_version");
    };
    note("the PBX, which offered TLS 1.1, got the alert protocol_version (70)");
    Ok(())
}

/// Two policies that are to fail, over TLS or not.
struct Setting {
    carrier: Policy,
    pbx: Policy,
    habit: Habit,
    signalling: Signalling,
}

impl Setting {
    fn secure(carrier: Policy, pbx: Policy) -> Self {
        Self {
            carrier,
            pbx,
            habit: Habit::None,
            signalling: Signalling::Secure,
        }
    }

    fn clear(carrier: Policy, pbx: Policy) -> Self {
        Self {
            signalling: Signalling::Clear,
            ..Self::secure(carrier, pbx)
        }
    }

    fn with(self, habit: Habit) -> Self {
        Self { habit, ..self }
    }

    fn run(&self, certificates: &Certificates) -> Result<(carrier::Ended, pbx::Ended)> {
        let server = tls::server_config(certificates)?;
        let client = tls::client_config(&certificates.root, &tls::VERSIONS)?;
        let is_clear = self.signalling == Signalling::Clear;
        let carrier = |tcp| {
            let mut connection = match is_clear {
                true => Connection::clear(Side::Carrier, tcp),
                false => Connection::tls(Side::Carrier, tls::accept(&server, tcp)?),
            };
            let sockets = Sockets::open()?;
            carrier::call(&mut connection, &self.carrier, self.signalling, &sockets)
        };
        let pbx = |tcp| {
            let mut connection = match is_clear {
                true => Connection::clear(Side::Pbx, tcp),
                false => Connection::tls(Side::Pbx, tls::connect(&client, tcp)?),
            };
            let sockets = Sockets::open()?;
            pbx::answer(
                &mut connection,
                &self.pbx,
                self.signalling,
                self.habit,
                &sockets,
            )
        };
        both(between(carrier, pbx)?)
    }

    /// The PBX has to refuse with this status, for this reason.
    fn is_refused(&self, certificates: &Certificates, with: u16, why: RejectReason) -> Result<()> {
        let (carrier::Ended::Refused(response), pbx::Ended::Refused(reason)) =
            self.run(certificates)?
        else {
            bail!("the PBX took the call");
        };
        ensure!(
            reason == why,
            "the PBX refused for another reason: {reason}"
        );
        ensure!(
            response.status() == Some(with),
            "the carrier got {}",
            response.start
        );
        let cause = response.header("Reason");
        ensure!(
            cause == Some("Q.850;cause=88"),
            "the carrier got the reason {cause:?}"
        );
        note(&format!("the PBX: {reason}"));
        note(&format!(
            "the carrier got {with}, {}",
            cause.unwrap_or_default()
        ));
        Ok(())
    }
}

fn carrier_policy() -> Policy {
    Policy::everything_the_carrier_listed()
}

/// SRTP or no call, in `RTP/SAVP`.
fn required(policy: Policy) -> Policy {
    policy.mode(SrtpMode::Required).offer_secure_profile(true)
}

/// Over TCP without TLS the same trunk offers no keys.
pub fn clear_offer(certificates: &Certificates) -> Result<()> {
    let setting = Setting::clear(carrier_policy(), Policy::compatible());
    let ended = setting.run(certificates)?;
    ensure!(
        matches!(ended, (carrier::Ended::Plain, pbx::Ended::Plain)),
        "keys went over clear TCP"
    );
    note("no key was offered: the call is plain RTP, and both sides know it");
    Ok(())
}

/// A carrier that sends its keys over clear TCP all the same meets a PBX that does not take them.
pub fn clear_keys(certificates: &Certificates) -> Result<()> {
    let careless = required(carrier_policy()).allow_clear_signalling();
    let setting = Setting::clear(careless, required(Policy::compatible()));
    setting.is_refused(certificates, 488, RejectReason::SignallingNotSecure)
}

/// The PBX has SRTP switched off: 488, or from other systems 503.
pub fn srtp_off(certificates: &Certificates) -> Result<()> {
    let off = Policy::disabled().crypto_in_avp(CryptoInAvp::Reject);
    let setting = Setting::secure(required(carrier_policy()), off);
    setting.is_refused(certificates, 488, RejectReason::SrtpDisabled)?;
    let setting = setting.with(Habit::Refuses503);
    setting.is_refused(certificates, 503, RejectReason::SrtpDisabled)
}

/// The PBX wants AES-GCM with whole tags, which is not among the nine lines.
pub fn no_common_suite(certificates: &Certificates) -> Result<()> {
    use srtp_sdes::CryptoSuite::{AeadAes128Gcm, AeadAes256Gcm};
    let modern = required(Policy::strong().suites(&[AeadAes256Gcm, AeadAes128Gcm]));
    let setting = Setting::secure(carrier_policy(), modern);
    setting.is_refused(certificates, 488, RejectReason::NoCommonSuite)
}

/// The PBX takes the call and forgets its key: the carrier acknowledges and hangs up.
pub fn no_crypto_in_answer(certificates: &Certificates) -> Result<()> {
    let setting = Setting::secure(required(carrier_policy()), Policy::compatible());
    match setting.with(Habit::ForgetsKeys).run(certificates)? {
        (carrier::Ended::Rejected(reason), pbx::Ended::Hung(cause)) => {
            ensure!(cause == "Q.850;cause=88", "the BYE said {cause}");
            note(&format!("the carrier: {reason}"));
            note(&format!("the PBX got BYE, {cause}"));
            Ok(())
        }
        _ => bail!("the carrier did not end the call"),
    }
}
