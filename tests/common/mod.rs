//! What several tests need: vectors, packets, contexts.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod model;
pub mod oracle;
pub mod public_types;
pub mod refused;
pub mod secrets;

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use srtp_sdes::{CryptoSuite, MasterKey, Plane, ProtectError, Receiver, Sender, UnprotectError};

/// A file or folder in `vectors/`.
pub fn vectors(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(path)
}

/// A JSON file in `vectors/`.
pub fn read_json<T: DeserializeOwned>(path: &str) -> T {
    let text = std::fs::read_to_string(vectors(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Bytes from hexadecimal.
pub fn hex(text: &str) -> Vec<u8> {
    assert!(
        text.len().is_multiple_of(2),
        "odd number of hexadecimal digits"
    );
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A key for `suite` whose bytes follow from `seed`: the same seed, the same key.
pub fn key(suite: CryptoSuite, seed: u8) -> MasterKey {
    MasterKey::generate_with(suite, |bytes| {
        let mut state = u32::from(seed).wrapping_mul(0x9e37_79b9) ^ 0x5eed;
        for byte in bytes {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = state.to_be_bytes()[0];
        }
        Ok::<_, ()>(())
    })
    .unwrap()
}

/// A key of random bytes, whether or not the crate has its own source of them.
pub fn fresh(suite: CryptoSuite) -> Result<MasterKey, getrandom::Error> {
    MasterKey::generate_with(suite, getrandom::fill)
}

/// A sender and the receiver of its packets, without options.
pub fn pair(suite: CryptoSuite) -> (Sender, Receiver) {
    (Sender::new(key(suite, 1)), Receiver::new(key(suite, 1)))
}

/// An RTP packet without CSRCs and extension.
pub fn rtp(ssrc: u32, seq: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// An RTP packet with `csrcs` CSRCs and, if given, a header extension of so many words.
pub fn rtp_with(ssrc: u32, seq: u16, csrcs: u8, extension: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp(ssrc, seq, &[]);
    packet[0] |= csrcs | if extension.is_some() { 0x10 } else { 0 };
    for csrc in 0..u32::from(csrcs) {
        packet.extend((0xc0de_0000 + csrc).to_be_bytes());
    }
    if let Some(words) = extension {
        packet.extend([0xbe, 0xde]);
        packet.extend(words.to_be_bytes());
        packet.extend((0..usize::from(words) * 4).map(|n| n as u8));
    }
    packet.extend(payload);
    packet
}

/// An RTCP receiver report with `body` behind the SSRC.
pub fn rtcp(ssrc: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 201];
    packet.extend(((1 + body.len() / 4) as u16).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(body);
    packet
}

/// `len` bytes that are not all alike.
pub fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 256) as u8).collect()
}

/// Both planes.
pub const PLANES: [Plane; 2] = [Plane::Rtp, Plane::Rtcp];

/// A plain packet of either plane; RTCP has no use for `seq`.
pub fn plain(plane: Plane, ssrc: u32, seq: u16, body: &[u8]) -> Vec<u8> {
    match plane {
        Plane::Rtp => rtp(ssrc, seq, body),
        Plane::Rtcp => rtcp(ssrc, body),
    }
}

/// Protects a copy of `plain`. If it is refused, neither the copy nor what the sender exports may have changed.
pub fn protect(tx: &mut Sender, plane: Plane, plain: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let before = tx.export_state();
    let mut packet = plain.to_vec();
    let protected = match plane {
        Plane::Rtp => tx.protect_rtp_vec(&mut packet),
        Plane::Rtcp => tx.protect_rtcp_vec(&mut packet),
    };
    if let Err(error) = protected {
        assert_eq!(packet, plain, "a packet that is refused is unchanged");
        assert!(tx.export_state() == before, "{error}: a trace");
        return Err(error);
    }
    Ok(packet)
}

/// Unprotects a copy of `packet`, in place. If it is refused, neither the copy nor what the receiver exports may have changed.
pub fn unprotect(
    rx: &mut Receiver,
    plane: Plane,
    packet: &[u8],
) -> Result<Vec<u8>, UnprotectError> {
    let before = rx.export_state();
    let mut copy = packet.to_vec();
    let opened = match plane {
        Plane::Rtp => rx.unprotect_rtp(&mut copy),
        Plane::Rtcp => rx.unprotect_rtcp(&mut copy),
    };
    let opened = opened.map(|plain| plain.to_vec());
    if let Err(error) = opened {
        assert_eq!(copy, packet, "a packet that is refused is unchanged");
        assert!(rx.export_state() == before, "{error}: a trace");
    }
    opened
}

/// `packet` with one bit changed, in the first byte of its payload.
pub fn forged(plane: Plane, packet: &[u8]) -> Vec<u8> {
    let mut forged = packet.to_vec();
    forged[match plane {
        Plane::Rtp => 12,
        Plane::Rtcp => 8,
    }] ^= 1;
    forged
}
