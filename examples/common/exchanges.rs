//! Finds the offers in the SIP messages of a capture, and what was answered to each (RFC 3264; RFC 3261 §13.2).

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use srtp_sdes::sdes::sections;
use zeroize::Zeroizing;

use super::capture::{CaptureReader, Kind};
use super::datagram::dissect;
use super::signalling::{Message, description_in, messages};
use super::sip_reader::SipReader;
use super::streams::FlowKey;

/// Descriptions that are kept, and bytes of them.
const MOST_EXCHANGES: usize = 50_000;
const MOST_BYTES: usize = 64 << 20;

/// An offer, and its answers: provisional ones and those of forks too.
pub(crate) struct Exchange {
    pub(crate) offer: Description,
    pub(crate) answers: Vec<Description>,
}

/// A session description and the message that brought it.
pub(crate) struct Description {
    pub(crate) text: Zeroizing<String>,
    /// A method or a status.
    pub(crate) message: String,
    pub(crate) is_request: bool,
    pub(crate) flow: FlowKey,
    /// The number of the packet in the capture, from 1.
    pub(crate) packet: u64,
    /// The dialog as far as this message knows it: Call-ID, and the tags of the party that describes its media and of the other.
    pub(crate) call: String,
    pub(crate) own_tag: String,
    pub(crate) other_tag: String,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.flow;
        let (message, packet) = (&self.message, self.packet);
        write!(f, "{message} in packet {packet}, {from} -> {to}")
    }
}

/// All that a capture holds.
#[derive(Default)]
pub(crate) struct Exchanges {
    pub(crate) found: Vec<Exchange>,
    /// Messages that were not whole.
    pub(crate) unread: u64,
    of_transaction: HashMap<(String, String), Vec<usize>>,
    bytes: usize,
}

impl Exchanges {
    pub(crate) fn in_capture(mut reader: CaptureReader<impl Read>) -> Result<Self> {
        let (mut exchanges, mut sip) = (Self::default(), SipReader::default());
        let mut number = 0;
        while let Some(record) = reader.next()? {
            let Kind::Packet(packet) = &record.kind else {
                continue;
            };
            number += 1;
            let bytes = &record.raw[packet.data.clone()];
            let content = dissect(packet.link, bytes);
            sip.read(&content, bytes, |message, flow| {
                exchanges.take(message, flow, number);
            });
        }
        exchanges.unread = sip.unread();
        Ok(exchanges)
    }

    /// The first description of a transaction is the offer, and what comes back are the answers. A relay that is in the capture on
    /// both sides shows each message twice: where it changed the description, each side has an exchange of its own.
    pub(crate) fn take(&mut self, message: &Message<'_>, flow: FlowKey, packet: u64) {
        if message.description.is_empty() || self.bytes > MOST_BYTES {
            return;
        }
        let Some((mut transaction, name)) = transaction(message) else {
            return;
        };
        if let Some(acknowledged) = reliable_response(message)
            && self.awaits_answer(&acknowledged)
        {
            transaction = acknowledged;
        }
        let description = Description::of(message, name, flow, packet);
        self.bytes += message.description.len();
        let at = self.of_transaction.entry(transaction).or_default();
        let is_same = |it: &Description| {
            it.is_request == description.is_request && it.text == description.text
        };
        let hop = |flow: FlowKey| (flow.0.min(flow.1), flow.0.max(flow.1));
        let mut known = at.iter().copied();
        if known.clone().any(|it| is_same(&self.found[it].offer)) {
            return;
        }
        let on_hop = |it: &usize| hop(self.found[*it].offer.flow) == hop(flow);
        let other_side = |it: &usize| self.found[*it].offer.is_request != description.is_request;
        let answered = known
            .clone()
            .find(|it| on_hop(it) && other_side(it))
            .or_else(|| known.rfind(other_side));
        match answered {
            Some(it) if self.found[it].answers.iter().any(is_same) => {}
            Some(it) => self.found[it].answers.push(description),
            None if self.found.len() >= MOST_EXCHANGES => {}
            None => {
                at.push(self.found.len());
                self.found.push(Exchange {
                    offer: description,
                    answers: Vec::new(),
                });
            }
        }
    }

    /// Whether the offer of this transaction came in a response, so that a request answers it (RFC 3262 §5).
    fn awaits_answer(&self, transaction: &(String, String)) -> bool {
        let at = self.of_transaction.get(transaction);
        let of_response = |it: &usize| !self.found[*it].offer.is_request;
        at.is_some_and(|at| !at.is_empty() && at.iter().all(of_response))
    }
}

impl Exchange {
    /// Whether whoever reads its SDP takes the media for SRTP.
    pub(crate) fn speaks_of_srtp(&self) -> bool {
        let all = self.answers.iter().chain([&self.offer]);
        let mut secure = all.map(|it| sections(&it.text));
        secure.any(|it| it.iter().any(|it| it.transport.contains("SAVP")))
    }

    /// One that came in two files, alone or in SIP messages.
    pub(crate) fn in_files(offer: &Path, answer: &Path) -> Result<Self> {
        Ok(Self {
            offer: Description::in_file(offer, true)?,
            answers: vec![Description::in_file(answer, false)?],
        })
    }
}

impl Description {
    /// The message without addresses, or the file.
    pub(crate) fn source(&self) -> String {
        match self.packet {
            0 => self.message.clone(),
            packet => format!("the {} in packet {packet}", self.message),
        }
    }

    fn in_file(path: &Path, is_offer: bool) -> Result<Self> {
        const LONGEST: u64 = 1 << 20;
        let shown = path.display();
        let mut bytes = Zeroizing::new(Vec::new());
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        file.take(LONGEST)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {shown}"))?;
        let description = match messages(&bytes).find(|it| !it.description.is_empty()) {
            Some(message) => message.description,
            None => description_in(&bytes),
        };
        ensure!(
            !description.is_empty(),
            "there is no session description in {shown}: none begins with v=0"
        );
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let (own, other) = match is_offer {
            true => ("offer", "answer"),
            false => ("answer", "offer"),
        };
        Ok(Self {
            text: String::from_utf8_lossy(description).into_owned().into(),
            message: shown.to_string(),
            is_request: is_offer,
            flow: (nowhere, nowhere),
            packet: 0,
            call: String::new(),
            own_tag: own.to_owned(),
            other_tag: other.to_owned(),
        })
    }

    fn of(message: &Message<'_>, name: String, flow: FlowKey, packet: u64) -> Self {
        let is_request = message.status().is_none();
        let from = message.tag(&["from", "f"]).unwrap_or_default().to_owned();
        let to = message.tag(&["to", "t"]).unwrap_or_default().to_owned();
        // A response has the From and the To of its request.
        let (own_tag, other_tag) = if is_request { (from, to) } else { (to, from) };
        let text = String::from_utf8_lossy(message.description).into_owned();
        Self {
            text: text.into(),
            message: name,
            is_request,
            flow,
            packet,
            call: call_id(message).unwrap_or_default(),
            own_tag,
            other_tag,
        }
    }
}

fn call_id(message: &Message<'_>) -> Option<String> {
    message.header(&["call-id", "i"]).map(str::to_owned)
}

/// The INVITE whose reliable provisional response a PRACK acknowledges (RFC 3262 §7.2).
fn reliable_response(message: &Message<'_>) -> Option<(String, String)> {
    let mut fields = message.header(&["rack"])?.split_ascii_whitespace().skip(1);
    let (number, method) = (fields.next()?, fields.next()?);
    Some((call_id(message)?, format!("{number} {method}")))
}

/// What an offer and its answers have in common, and the name of this message. `None` for a message whose description is neither: a refusal or
/// an answer to OPTIONS only says what would be possible.
fn transaction(message: &Message<'_>) -> Option<((String, String), String)> {
    let (number, method) = message.header(&["cseq"])?.split_once([' ', '\t'])?;
    let method = method.trim();
    let name = match message.status() {
        Some(status) if status < 300 => status.to_string(),
        Some(_) => return None,
        None => method.to_owned(),
    };
    // An ACK answers the offer of a 2xx to an INVITE that had none.
    let of = match method {
        "INVITE" | "ACK" => "INVITE",
        "UPDATE" | "PRACK" => method,
        _ => return None,
    };
    Some(((call_id(message)?, format!("{number} {of}")), name))
}
