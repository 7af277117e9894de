//! Reads the SIP messages of a capture, from datagrams and from TCP connections.

use super::datagram::Content;
use super::signalling::{Message, messages};
use super::streams::FlowKey;
use super::tcp::{Connections, Ready};

/// No SIP message is longer.
const LONGEST: usize = 128 << 10;
/// Nor is a first line.
const LONGEST_LINE: usize = 8 << 10;

/// Reads SIP messages.
#[derive(Default)]
pub(crate) struct SipReader {
    connections: Connections,
    /// Messages that are not whole.
    cut: u64,
}

impl SipReader {
    /// Hands on every message that a packet completes.
    pub(crate) fn read(
        &mut self,
        content: &Content,
        packet: &[u8],
        mut each: impl FnMut(&Message<'_>, FlowKey),
    ) {
        match content {
            Content::Udp(datagram) => {
                for message in messages(&packet[datagram.payload.clone()]) {
                    match message.is_cut {
                        true => self.cut += 1,
                        false => each(&message, datagram.flow()),
                    }
                }
            }
            Content::Tcp(segment) => {
                let (payload, cut) = (&packet[segment.payload.clone()], &mut self.cut);
                self.connections.take(segment, payload, |ready| {
                    take_messages(ready, cut, |message| each(message, segment.flow));
                });
            }
            Content::Other(..) => {}
        }
    }

    /// Messages that are not whole, now that the capture has ended.
    pub(crate) fn unread(&self) -> u64 {
        let is_message = |it: &&[u8]| Message::at(it).is_some();
        self.cut + self.connections.unfinished().filter(is_message).count() as u64
    }
}

fn take_messages(ready: Ready<'_>, cut: &mut u64, mut each: impl FnMut(&Message<'_>)) {
    *cut += u64::from(ready.has_gap);
    let bytes = ready.bytes;
    let mut rest: &[u8] = bytes;
    while let Some(message) = Message::at(rest) {
        if message.is_cut {
            break;
        }
        each(&message);
        rest = message.rest;
    }
    rest = rest.trim_ascii_start();
    let is_cut = Message::at(rest).is_some();
    let keeps = match is_cut {
        true => rest.len() <= LONGEST,
        // A first line may go on in the next segment.
        false => {
            let is_line = |it: &u8| matches!(it, b' '..=b'~');
            rest.len() <= LONGEST_LINE && rest.iter().all(is_line)
        }
    };
    *cut += u64::from(is_cut && !keeps);
    let kept = if keeps { rest.len() } else { 0 };
    bytes.drain(..bytes.len() - kept);
}
