//! Random RTP and RTCP packets, and what a network does to them.

use std::collections::HashMap;

use srtp_sdes::Plane;

use crate::random::Random;
use crate::setup::Setup;

/// Steps between sequence numbers at which somebody's arithmetic ends.
const EDGES: [u16; 8] = [
    0x3fff, 0x4000, 0x4001, 0x7fff, 0x8000, 0x8001, 0xc000, 0xfffe,
];

/// The sequence numbers of a session's streams.
#[derive(Default)]
pub struct Source {
    seqs: HashMap<u32, u16>,
}

impl Source {
    /// A plain packet of one of the streams: mostly the next one, sometimes one of before, or far ahead.
    pub fn rtp(&mut self, setup: &Setup, random: &mut Random) -> Vec<u8> {
        let ssrc = random.pick(&setup.ssrcs);
        let before = self.seqs.get(&ssrc).copied();
        let seq = match before {
            None if random.one_in(3) => random.next() as u16,
            None => random.pick(&[0, 1, 0x7fff, 0x8000, 0xffc0]),
            Some(seq) => match random.below(100) {
                0 => seq,
                1..=3 => seq.wrapping_sub(random.below(50) as u16),
                4 => seq.wrapping_sub(random.below(usize::from(setup.window) + 40) as u16),
                5 => seq.wrapping_sub(setup.window - 2 + random.below(36) as u16),
                6..=9 => seq.wrapping_add(random.below(200) as u16),
                10 => seq.wrapping_add(random.pick(&EDGES)),
                _ => seq.wrapping_add(1),
            },
        };
        if before.is_none_or(|before| seq.wrapping_sub(before) < 0x8000) {
            self.seqs.insert(ssrc, seq);
        }
        rtp(setup, random, ssrc, seq)
    }
}

fn rtp(setup: &Setup, random: &mut Random, ssrc: u32, seq: u16) -> Vec<u8> {
    let csrcs = if random.one_in(3) {
        random.below(16)
    } else {
        0
    };
    let mut packet = vec![0x80 | csrcs as u8, random.next() as u8];
    packet.extend(seq.to_be_bytes());
    packet.extend(random.bytes(4));
    packet.extend(ssrc.to_be_bytes());
    packet.extend(random.bytes(4 * csrcs));
    if random.one_in(2) {
        packet[0] |= 0x10;
        packet.extend(extension(setup, random));
    }
    packet.extend(payload(random));
    packet
}

/// A header extension of RFC 8285, or any other where nobody looks into it.
fn extension(setup: &Setup, random: &mut Random) -> Vec<u8> {
    let (profile, mut contents) = match random.below(4) {
        0 => (0x1000 | random.below(16) as u16, elements(random, true)),
        1 if setup.encrypted_ids.is_empty() => {
            let len = 4 * random.below(30);
            (random.next() as u16, random.bytes(len))
        }
        _ => (0xbede, elements(random, false)),
    };
    contents.resize(contents.len().next_multiple_of(4), 0);
    let words = (contents.len() / 4) as u16;
    [&profile.to_be_bytes()[..], &words.to_be_bytes(), &contents].concat()
}

/// Elements in a row. Padding stands behind all of them: see `PADDING_BETWEEN_ELEMENTS` in the list of differences.
fn elements(random: &mut Random, two_byte: bool) -> Vec<u8> {
    let mut contents = Vec::new();
    for _ in 0..random.below(6) {
        if two_byte {
            let id = random.pick(&[1, 2, 7, 14, 15, 16, 200, 255]);
            let len = random.pick(&[0, 1, 2, 3, 16, 30, 255]);
            contents.extend([id, len]);
            contents.extend(random.bytes(usize::from(len)));
        } else {
            let (id, len) = (1 + random.below(14), 1 + random.below(16));
            contents.push((id << 4 | (len - 1)) as u8);
            contents.extend(random.bytes(len));
        }
    }
    contents
}

fn payload(random: &mut Random) -> Vec<u8> {
    let most = random.pick(&[1, 17, 200, 200, 1501]);
    let len = random.below(most);
    random.bytes(len)
}

pub fn rtcp(setup: &Setup, random: &mut Random) -> Vec<u8> {
    let ssrc = random.pick(&setup.ssrcs);
    let mut packet = vec![0x80 | random.below(32) as u8, 192 + random.below(32) as u8];
    packet.extend(random.bytes(2));
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload(random));
    packet
}

/// On its way: a protected packet, and its plain form.
#[derive(Clone)]
pub struct Sent {
    pub plane: Plane,
    pub packet: Vec<u8>,
    pub plain: Vec<u8>,
}

/// Loses, repeats and reorders.
#[derive(Default)]
pub struct Network {
    held: Vec<Sent>,
    /// All that was sent, for what comes very late.
    all: Vec<Sent>,
    burst: usize,
}

impl Network {
    pub fn put(&mut self, random: &mut Random, sent: Sent) {
        self.all.push(sent.clone());
        if random.one_in(300) {
            self.burst = random.below(80);
        }
        if self.burst > 0 || random.one_in(20) {
            self.burst = self.burst.saturating_sub(1);
            return;
        }
        if random.one_in(15) {
            self.held.push(sent.clone());
        }
        self.held.push(sent);
    }

    /// The next one, if it is time.
    pub fn take(&mut self, random: &mut Random) -> Option<Sent> {
        if !self.all.is_empty() && random.one_in(20) {
            return Some(self.all[random.below(self.all.len())].clone());
        }
        if self.held.is_empty() || self.held.len() < 30 && random.one_in(3) {
            return None;
        }
        let near = self.held.len().min(4);
        let at = if random.one_in(4) {
            random.below(self.held.len())
        } else {
            random.below(near)
        };
        Some(self.held.remove(at))
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// The packet with something wrong. Where nothing authenticates it, headers and indices stay as they are but for the version: what else
/// the two make of a wrong one is their own affair.
pub fn damaged(setup: &Setup, random: &mut Random, sent: &Sent) -> Vec<u8> {
    let mut packet = sent.packet.clone();
    if setup.tag(sent.plane) == 0 {
        let header = header_len(sent);
        if random.one_in(3) || sent.plain.len() == header {
            packet[0] ^= 0x40 << random.below(2);
        } else {
            packet[header + random.below(sent.plain.len() - header)] ^= 1 << random.below(8);
        }
        return packet;
    }
    match random.below(6) {
        0 => packet.truncate(random.below(sent.packet.len())),
        1 => {
            let len = 1 + random.below(20);
            packet.extend(random.bytes(len));
        }
        2 => {
            // The trailer: index, MKI and tag.
            let trailer = packet.len() - sent.plain.len();
            let at = sent.plain.len() + random.below(trailer);
            packet[at] ^= 1 << random.below(8);
        }
        3 => packet[random.below(12.min(sent.plain.len()))] ^= 1 << random.below(8),
        _ => {
            let at = random.below(packet.len());
            packet[at] ^= 1 << random.below(8);
        }
    }
    packet
}

/// Bytes of the header of a plain packet.
fn header_len(sent: &Sent) -> usize {
    let plain = &sent.plain;
    if sent.plane == Plane::Rtcp {
        return 8;
    }
    let fixed = 12 + 4 * usize::from(plain[0] & 15);
    if plain[0] & 0x10 == 0 {
        return fixed;
    }
    fixed + 4 + 4 * usize::from(u16::from_be_bytes([plain[fixed + 2], plain[fixed + 3]]))
}
