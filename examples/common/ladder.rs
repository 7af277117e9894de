//! The signalling of a capture as it is told: which message went where, what it offered, and what came of it.

use std::collections::HashMap;
use std::net::SocketAddr;

use srtp_sdes::sdes::sections;

use super::exchanges::Exchange;
use super::signalling::Message;
use super::streams::FlowKey;

/// Messages that are told of.
const MOST_MESSAGES: usize = 5_000;
/// Calls with a drawing, and messages in it.
pub(crate) const MOST_CALLS: usize = 20;
pub(crate) const MOST_IN_CALL: usize = 80;

/// A SIP message.
pub(crate) struct Told {
    pub(crate) packet: u64,
    /// Nanoseconds since 1970.
    pub(crate) time: Option<u64>,
    pub(crate) flow: FlowKey,
    pub(crate) name: String,
    /// What it says of keys, without them.
    pub(crate) notes: Vec<String>,
}

/// All messages, call by call.
#[derive(Default)]
pub(crate) struct Ladder {
    pub(crate) calls: Vec<(String, Vec<Told>)>,
    of_call: HashMap<String, usize>,
    count: usize,
    /// Messages that are not told of.
    pub(crate) left_out: u64,
}

impl Ladder {
    pub(crate) fn take(
        &mut self,
        message: &Message<'_>,
        flow: FlowKey,
        packet: u64,
        time: Option<u64>,
    ) {
        let call = message.header(&["call-id", "i"]).unwrap_or_default();
        if self.count >= MOST_MESSAGES {
            self.left_out += 1;
            return;
        }
        self.count += 1;
        let at = *self.of_call.entry(call.to_owned()).or_insert_with(|| {
            self.calls.push((call.to_owned(), Vec::new()));
            self.calls.len() - 1
        });
        self.calls[at].1.push(Told {
            packet,
            time,
            flow,
            name: message.name(),
            notes: Vec::new(),
        });
    }

    /// Adds what an exchange offered, and what came of its answers.
    pub(crate) fn note(&mut self, exchange: &Exchange, came_of: &[Vec<String>]) {
        let offered = offered(&exchange.offer.text);
        self.note_at(&exchange.offer.call, exchange.offer.packet, offered);
        for (answer, notes) in exchange.answers.iter().zip(came_of) {
            self.note_at(&answer.call, answer.packet, notes.clone());
        }
    }

    fn note_at(&mut self, call: &str, packet: u64, notes: Vec<String>) {
        let Some(at) = self.of_call.get(call) else {
            return;
        };
        if let Some(told) = self.calls[*at].1.iter_mut().find(|it| it.packet == packet) {
            told.notes.extend(notes);
        }
    }
}

impl Told {
    pub(crate) fn ends(&self) -> [SocketAddr; 2] {
        [self.flow.0, self.flow.1]
    }
}

/// The lines of an offer, without keys.
fn offered(description: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for section in sections(description) {
        let media_line = section.media_line_for_log().trim_start_matches("m=");
        let mut fields = media_line.split(' ');
        let media = fields.next().unwrap_or_default();
        let transport = fields.nth(1).unwrap_or_default();
        let crypto = section.attributes.iter().filter_map(|it| {
            let value = it.strip_prefix("a=crypto:")?;
            let mut fields = value.split_ascii_whitespace();
            let (tag, suite) = (fields.next()?, fields.next()?);
            // A slip can put a key where the tag or the suite should be.
            let is_tag = tag.len() <= 9 && tag.bytes().all(|it| it.is_ascii_digit());
            let is_name = suite.len() <= 40
                && suite
                    .chars()
                    .all(|it| it.is_ascii_uppercase() || it == '_' || it.is_ascii_digit());
            Some(format!(
                "{} {}",
                if is_tag { tag } else { "?" },
                if is_name { suite } else { "?" }
            ))
        });
        let crypto: Vec<String> = crypto.take(16).collect();
        let lines = match crypto.is_empty() {
            true => "no keys".to_owned(),
            false => crypto.join(", "),
        };
        notes.push(format!("offers {media} {transport}: {lines}"));
    }
    notes
}
