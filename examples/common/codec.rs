//! Codecs whose samples need no decoder: G.711 and L16 (RFC 3551 §4.5), and which payload types they have.

use std::collections::HashMap;
use std::net::SocketAddr;

use srtp_sdes::sdes::sections;

/// Addresses whose payload types are known.
const MOST_ADDRESSES: usize = 50_000;

/// How samples are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    MuLaw,
    ALaw,
    L16,
}

/// What a payload holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codec {
    pub(crate) coding: Coding,
    pub(crate) rate: u32,
    pub(crate) channels: u16,
}

impl Codec {
    /// The payload types that are fixed (RFC 3551 §6).
    fn fixed(payload_type: u8) -> Option<Self> {
        let (coding, rate, channels) = match payload_type {
            0 => (Coding::MuLaw, 8000, 1),
            8 => (Coding::ALaw, 8000, 1),
            10 => (Coding::L16, 44_100, 2),
            11 => (Coding::L16, 44_100, 1),
            _ => return None,
        };
        Some(Self {
            coding,
            rate,
            channels,
        })
    }

    /// `<encoding>/<rate>[/<channels>]` of an `a=rtpmap`.
    fn named(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('/');
        let coding = match fields.next()?.to_ascii_uppercase().as_str() {
            "PCMU" => Coding::MuLaw,
            "PCMA" => Coding::ALaw,
            "L16" => Coding::L16,
            _ => return None,
        };
        let rate = fields.next()?.parse().ok()?;
        let channels = fields.next().map_or(Some(1), |it| it.parse().ok())?;
        let is_sane = (1..=384_000).contains(&rate) && (1..=8).contains(&channels);
        is_sane.then_some(Self {
            coding,
            rate,
            channels,
        })
    }

    /// The samples of a payload, channel by channel in turn.
    pub(crate) fn samples(self, payload: &[u8]) -> Vec<i16> {
        match self.coding {
            Coding::MuLaw => payload.iter().map(|it| mu_law(*it)).collect(),
            Coding::ALaw => payload.iter().map(|it| a_law(*it)).collect(),
            Coding::L16 => {
                let pairs = payload.chunks_exact(2);
                pairs.map(|it| i16::from_be_bytes([it[0], it[1]])).collect()
            }
        }
    }
}

/// ITU-T G.711, table 2.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let (segment, step) = (byte >> 4 & 7, i16::from(byte & 15));
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if byte & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// ITU-T G.711, table 1.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (segment, step) = (byte >> 4 & 7, i16::from(byte & 15));
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if byte & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// What payload types mean at the addresses that session descriptions name.
#[derive(Default)]
pub(crate) struct Codecs {
    at: HashMap<SocketAddr, HashMap<u8, Option<Codec>>>,
}

impl Codecs {
    /// Takes a session description.
    pub(crate) fn learn(&mut self, description: &str) {
        for section in sections(description) {
            let Some(address) = section.address else {
                continue;
            };
            if self.at.len() >= MOST_ADDRESSES {
                return;
            }
            let there = self.at.entry(address).or_default();
            for attribute in &section.attributes {
                let map = attribute.strip_prefix("a=rtpmap:");
                if let Some((number, name)) = map.and_then(|it| it.split_once(' '))
                    && let Ok(number) = number.parse()
                {
                    there.insert(number, Codec::named(name));
                }
            }
        }
    }

    /// The codec of what goes from one address to another: the receiver's numbers count (RFC 3264 §5.1), which the sender most often shares.
    pub(crate) fn of(&self, flow: (SocketAddr, SocketAddr), payload_type: u8) -> Option<Codec> {
        let known = |it: &SocketAddr| self.at.get(it)?.get(&payload_type).copied();
        let named = known(&flow.1).or_else(|| known(&flow.0));
        named.unwrap_or_else(|| Codec::fixed(payload_type))
    }
}
