//! The carrier: registers the PBX, calls it with its nine-line offer, and takes the answer.

use anyhow::{Context as _, Result, bail, ensure};
use srtp_sdes::sdes::{OurSide, Outcome, Policy, RejectReason, Session, Signalling, SipHint};

use crate::connection::Connection;
use crate::media::{Contexts, Media, Sockets, talk};
use crate::sdp::{audio, description};
use crate::sip::{Dialog, Message, token};

/// How a call ended for the carrier.
pub enum Ended {
    /// SRTP both ways, then BYE.
    Talked(Box<Media>),
    /// The PBX took the call without SRTP; the carrier ended it again.
    Plain,
    /// The PBX refused the INVITE.
    Refused(Message),
    /// The carrier did not accept the answer.
    Rejected(RejectReason),
}

/// Takes a REGISTER. A real one wants a digest, too.
pub fn registrar(connection: &mut Connection) -> Result<()> {
    let request = connection.receive_request("REGISTER")?;
    let contact = request
        .header("Contact")
        .context("REGISTER has no Contact")?;
    let response = Message::response(&request, "200 OK", &token()?)
        .with("Contact", contact)
        .with("Expires", "3600");
    connection.send(&response)
}

/// Calls the PBX.
pub fn call(
    connection: &mut Connection,
    policy: &Policy,
    signalling: Signalling,
    sockets: &Sockets,
) -> Result<Ended> {
    let mut session = Session::new(policy, signalling);
    let mut contexts = Contexts::default();
    let mut dialog = Dialog::new(
        connection.transport,
        "sip:+4930100@carrier.example",
        "sip:+4930200@pbx.example",
        "sip:+4930200@pbx.example",
    )?;

    let local = sockets.address()?;
    let offer = session.offer(OurSide::at(local))?;
    ensure!(
        offer.has_keys() || !offer.profile().is_secure(),
        "a secure profile without keys is not to be offered"
    );
    let sdp = description(local, offer.profile(), offer.attributes())?;
    let invite = dialog.request("INVITE")?;
    let contact = "<sip:+4930100@sip.carrier.example>";
    connection.send(&invite.with("Contact", contact).with_sdp(sdp))?;

    loop {
        let response = connection.receive()?;
        dialog.learn(&response);
        let status = response
            .status()
            .context("a request came while the PBX had to respond")?;
        if status >= 300 {
            session.rollback();
            connection.send(&dialog.ack(&response)?)?;
            return Ok(Ended::Refused(response));
        }
        let answer = audio(&response.body)?;
        let remote = answer.address;
        let outcome = session.answered(&answer.media(), remote)?;
        if status < 200 {
            // Early media would come under these keys.
            let Outcome::Srtp(changes) = outcome else {
                bail!("{} was not answered with SRTP", response.start);
            };
            contexts.apply(*changes)?;
            continue;
        }
        connection.send(&dialog.ack(&response)?)?;
        let (ended, reason) = match outcome {
            Outcome::Srtp(changes) => {
                contexts.apply(*changes)?;
                let remote = remote.context("the answer has no address")?;
                let media = talk(sockets, contexts, remote, 440.0)?;
                (Ended::Talked(Box::new(media)), None)
            }
            Outcome::PlainRtp(_) => (Ended::Plain, None),
            Outcome::Reject(rejection) => {
                let SipHint::End { q850_cause } = rejection.sip_hint() else {
                    bail!("an offerer ends a call, and does not refuse it");
                };
                let reason = format!("Q.850;cause={q850_cause}");
                (Ended::Rejected(rejection.reason), Some(reason))
            }
            _ => bail!("the answer declines the audio"),
        };
        let mut bye = dialog.request("BYE")?;
        if let Some(reason) = reason {
            bye = bye.with("Reason", reason);
        }
        connection.send(&bye)?;
        let last = connection.receive_response(200)?;
        ensure!(
            last.header("CSeq") == bye.header("CSeq"),
            "the 200 is not for the BYE"
        );
        return Ok(ended);
    }
}
