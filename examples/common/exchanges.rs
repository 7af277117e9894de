//! Finds the offers in the SIP messages of a capture, and what was answered to each (RFC 3264; RFC 3261 §13.2).

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use anyhow::Result;
use zeroize::Zeroizing;

use super::capture::{CaptureReader, Kind};
use super::datagram::{Content, dissect};
use super::signalling::{Message, messages};
use super::streams::FlowKey;

/// An offer, and its answers: provisional ones and those of forks too.
pub(crate) struct Exchange {
    pub(crate) offer: Description,
    pub(crate) answers: Vec<Description>,
}

/// A session description and the message that brought it.
pub(crate) struct Description {
    pub(crate) text: Zeroizing<String>,
    /// A method or a status.
    message: String,
    is_request: bool,
    flow: FlowKey,
    /// The number of the packet in the capture, from 1.
    packet: u64,
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
    /// Messages whose description goes on in a packet that was not put together with it.
    pub(crate) unread: u64,
    of_transaction: HashMap<(String, String), Vec<usize>>,
}

impl Exchanges {
    pub(crate) fn in_capture(mut reader: CaptureReader<impl Read>) -> Result<Self> {
        let mut exchanges = Self::default();
        let mut number = 0;
        while let Some(record) = reader.next()? {
            let Kind::Packet(packet) = &record.kind else {
                continue;
            };
            number += 1;
            let bytes = &record.raw[packet.data.clone()];
            let (flow, payload) = match dissect(packet.link, bytes) {
                Content::Udp(datagram) => (datagram.flow(), datagram.payload),
                Content::Tcp(flow, payload) => (flow, payload),
                Content::Other(..) => continue,
            };
            for message in messages(&bytes[payload]) {
                exchanges.unread += u64::from(message.is_cut);
                if !message.is_cut && !message.description.is_empty() {
                    exchanges.take(&message, flow, number);
                }
            }
        }
        Ok(exchanges)
    }

    /// The first description of a transaction is the offer, and what comes back are the answers. A relay that is in the capture on
    /// both sides shows each message twice: where it changed the description, each side has an exchange of its own.
    fn take(&mut self, message: &Message<'_>, flow: FlowKey, packet: u64) {
        let Some((transaction, name)) = transaction(message) else {
            return;
        };
        let description = Description {
            text: String::from_utf8_lossy(message.description)
                .into_owned()
                .into(),
            message: name,
            is_request: message.status().is_none(),
            flow,
            packet,
        };
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
            None => {
                at.push(self.found.len());
                self.found.push(Exchange {
                    offer: description,
                    answers: Vec::new(),
                });
            }
        }
    }
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
    let call = message.header(&["call-id", "i"])?.to_owned();
    Some(((call, format!("{number} {of}")), name))
}
