//! What goes to the terminal: every message with its direction, and no key.

use std::io::{self, Write as _};

use crate::sip::Message;

/// The two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Carrier,
    Pbx,
}

/// A message as it is sent: its first line, why it refuses if it does, and what its SDP says of media.
pub fn show(from: Side, transport: &str, message: &Message) {
    let arrow = match from {
        Side::Carrier => "carrier ──▶ PBX",
        Side::Pbx => "carrier ◀── PBX",
    };
    let mut text = format!("{arrow}  {transport}  {}\n", message.start);
    let room = " ".repeat(arrow.chars().count() + transport.len() + 6);
    for name in ["Warning", "Reason"] {
        if let Some(value) = message.header(name) {
            text += &format!("{room}{name}: {value}\n");
        }
    }
    for line in message.body.lines() {
        if line.starts_with("m=") || line.starts_with("a=crypto") {
            text += &format!("{room}{}\n", masked(line));
        }
    }
    say(&text);
}

/// A remark under the messages.
pub fn note(text: &str) {
    say(&format!("  → {text}\n"));
}

/// A line without its keys: each begins with `inline:` and ends before a parameter (RFC 4568 §6.1).
fn masked(line: &str) -> String {
    let mut parts = line.split("inline:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['|', ';', ' ']).unwrap_or(part.len());
        out += "inline:(hidden)";
        out += &part[end..];
    }
    out
}

/// Prints; a reader that has left is no error.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[test]
fn a_masked_line_keeps_all_but_its_keys() {
    let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD|2^20|1:4;inline:REVG|2:4 WSH=64";
    let masked = masked(line);
    assert_eq!(
        masked,
        line.replace("QUJD", "(hidden)").replace("REVG", "(hidden)")
    );
}
