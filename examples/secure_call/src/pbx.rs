//! The PBX: registers over the connection that it opens, and answers the carrier's call.

use anyhow::{Context as _, Result, bail, ensure};
use srtp_sdes::sdes::{
    OurSide, Outcome, Policy, Profile, RejectReason, Response, Session, Signalling, SipHint,
};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::media::{Contexts, Media, Sockets, talk};
use crate::sdp::{audio, description};
use crate::sip::{Dialog, Message, token};

/// What a PBX does beyond its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Nothing: it refuses with 488.
    None,
    /// It refuses with 503, as is also seen.
    Refuses503,
    /// It answers RTP/SAVP without a crypto line.
    ForgetsKeys,
}

/// How a call ended for the PBX.
pub enum Ended {
    Talked(Box<Media>),
    /// The call was up without SRTP.
    Plain,
    Refused(RejectReason),
    /// The carrier ended it at once, and said why.
    Hung(String),
}

pub fn register(connection: &mut Connection) -> Result<()> {
    let aor = "sip:+4930200@carrier.example";
    let transport = connection.transport;
    let mut dialog = Dialog::new(transport, aor, aor, "sip:sip.carrier.example")?;
    let request = dialog.request("REGISTER")?;
    let contact = "<sip:+4930200@pbx.example;ob>";
    connection.send(&request.with("Contact", contact).with("Expires", "3600"))?;
    connection.receive_response(200)?;
    Ok(())
}

/// Answers one call.
pub fn answer(
    connection: &mut Connection,
    policy: &Policy,
    signalling: Signalling,
    habit: Habit,
    sockets: &Sockets,
) -> Result<Ended> {
    let invite = connection.receive_request("INVITE")?;
    let tag = token()?;
    if habit == Habit::ForgetsKeys {
        let sdp = description(sockets.address()?, Profile::Savp, [])?;
        return accept(connection, &invite, &tag, &sdp);
    }

    let mut session = Session::new(policy, signalling);
    let offer = audio(&invite.body)?;
    let remote = offer.address.context("the offer has no address")?;
    let local = sockets.address()?;
    let reply = session.offered(&offer.media(), Some(remote), OurSide::at(local))?;
    match reply.response {
        Response::Srtp {
            profile, attribute, ..
        } => {
            let sdp = description(local, profile, [&*attribute])?;
            let early = Message::response(&invite, "183 Session Progress", &tag);
            connection.send(&early.with_sdp(sdp.clone()))?;
            let Outcome::Srtp(changes) = session.commit()? else {
                bail!("the answer that was sent does not stand");
            };
            let mut contexts = Contexts::default();
            contexts.apply(*changes)?;
            send_ok(connection, &invite, &tag, &sdp)?;
            connection.receive_request("ACK")?;
            let media = talk(sockets, contexts, remote, 880.0)?;
            hang_up(connection, &tag)?;
            Ok(Ended::Talked(Box::new(media)))
        }
        Response::PlainRtp(plain) => {
            let sdp = description(local, plain.profile, [])?;
            let Outcome::PlainRtp(_) = session.commit()? else {
                bail!("the answer that was sent does not stand");
            };
            accept(connection, &invite, &tag, &sdp)
        }
        Response::Reject(rejection) => {
            connection.send(&refusal(&invite, &tag, rejection.sip_hint(), habit)?)?;
            connection.receive_request("ACK")?;
            Ok(Ended::Refused(rejection.reason))
        }
        _ => bail!("the offer has no audio for us"),
    }
}

/// 488, or 503 as several systems have it; both say why.
fn refusal(invite: &Message, tag: &str, hint: SipHint, habit: Habit) -> Result<Message> {
    let SipHint::Refuse {
        status,
        warning,
        q850_cause,
    } = hint
    else {
        bail!("an answerer refuses a call, and does not end it");
    };
    let status = match habit {
        Habit::Refuses503 => "503 Service Unavailable".to_owned(),
        _ => format!("{status} Not Acceptable Here"),
    };
    Ok(Message::response(invite, &status, tag)
        .with("Warning", format!("399 pbx.example \"{warning}\""))
        .with("Reason", format!("Q.850;cause={q850_cause}")))
}

/// Takes a call without SRTP, until the carrier ends it.
fn accept(
    connection: &mut Connection,
    invite: &Message,
    tag: &str,
    sdp: &Zeroizing<String>,
) -> Result<Ended> {
    send_ok(connection, invite, tag, sdp)?;
    connection.receive_request("ACK")?;
    Ok(match hang_up(connection, tag)? {
        Some(reason) => Ended::Hung(reason),
        None => Ended::Plain,
    })
}

fn send_ok(
    connection: &mut Connection,
    invite: &Message,
    tag: &str,
    sdp: &Zeroizing<String>,
) -> Result<()> {
    let ok = Message::response(invite, "200 OK", tag);
    let contact = "<sip:+4930200@pbx.example;ob>";
    connection.send(&ok.with("Contact", contact).with_sdp(sdp.clone()))
}

/// Waits for the BYE, and returns its reason.
fn hang_up(connection: &mut Connection, tag: &str) -> Result<Option<String>> {
    let bye = connection.receive_request("BYE")?;
    let is_ours = bye.header("To").is_some_and(|to| to.ends_with(tag));
    ensure!(is_ours, "the BYE is for another call");
    connection.send(&Message::response(&bye, "200 OK", tag))?;
    Ok(bye.header("Reason").map(str::to_owned))
}
