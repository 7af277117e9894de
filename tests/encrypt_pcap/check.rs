//! Reads captures and packets again, and decrypts, with code that shares nothing with the example but
//! `pcap-parser`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use srtp_sdes::{CryptoSuite, MasterKey, Receiver};

use super::make::{checksum, pseudo_header};

/// A record of a capture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// All its bytes.
    pub(crate) raw: Vec<u8>,
    /// If it holds a packet: the packet, how long it was on the wire, and all that is neither data nor length.
    pub(crate) packet: Option<Packet>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) data: Vec<u8>,
    pub(crate) original: u32,
    pub(crate) time: (u32, u32),
    pub(crate) interface: u32,
    /// Code and value.
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// Reads all records; a capture that `pcap-parser` cannot read fails the test.
pub(crate) fn records(capture: &[u8]) -> Vec<Record> {
    let mut reader = create_reader(1 << 20, capture).unwrap();
    let mut records = Vec::new();
    let mut interfaces = Vec::new();
    loop {
        let (len, packet) = match reader.next() {
            Ok((len, block)) => (len, packet(&block, &mut interfaces)),
            Err(PcapError::Eof) => return records,
            Err(PcapError::Incomplete(_)) => {
                reader.refill().unwrap();
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        let raw = reader.data()[..len].to_vec();
        records.push(Record { raw, packet });
        reader.consume(len);
    }
}

fn packet(block: &PcapBlockOwned<'_>, snaplens: &mut Vec<u32>) -> Option<Packet> {
    match block {
        PcapBlockOwned::Legacy(it) => Some(Packet {
            data: it.data.to_vec(),
            original: it.origlen,
            time: (it.ts_sec, it.ts_usec),
            interface: 0,
            options: Vec::new(),
        }),
        PcapBlockOwned::NG(Block::EnhancedPacket(it)) => Some(Packet {
            data: it.data[..it.caplen as usize].to_vec(),
            original: it.origlen,
            time: (it.ts_high, it.ts_low),
            interface: it.if_id,
            options: it
                .options
                .iter()
                .map(|it| (it.code.0, it.value.to_vec()))
                .collect(),
        }),
        PcapBlockOwned::NG(Block::SimplePacket(it)) => {
            let captured = match snaplens[0] {
                0 => it.origlen,
                snaplen => it.origlen.min(snaplen),
            };
            Some(Packet {
                data: it.data[..captured as usize].to_vec(),
                original: it.origlen,
                time: (0, 0),
                interface: 0,
                options: Vec::new(),
            })
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            snaplens.clear();
            None
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(it)) => {
            snaplens.push(it.snaplen);
            None
        }
        _ => None,
    }
}

pub(crate) fn packets(capture: &[u8]) -> Vec<Packet> {
    records(capture)
        .into_iter()
        .filter_map(|it| it.packet)
        .collect()
}

/// A UDP datagram in a frame.
pub(crate) struct Udp {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: Range<usize>,
    ip: usize,
}

/// Finds the datagram of a frame that has one, whatever its link layer: the IP header is looked for by its
/// version, its length and its addresses' agreement with the frame's end.
pub(crate) fn udp_at(frame: &[u8], ip: usize) -> Udp {
    let u16_at = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let (from, to, mut next, mut at): (IpAddr, IpAddr, u8, usize) = match frame[ip] >> 4 {
        4 => (
            <[u8; 4]>::try_from(&frame[ip + 12..ip + 16])
                .unwrap()
                .into(),
            <[u8; 4]>::try_from(&frame[ip + 16..ip + 20])
                .unwrap()
                .into(),
            frame[ip + 9],
            ip + 4 * usize::from(frame[ip] & 15),
        ),
        _ => (
            Ipv6Addr::from(<[u8; 16]>::try_from(&frame[ip + 8..ip + 24]).unwrap()).into(),
            Ipv6Addr::from(<[u8; 16]>::try_from(&frame[ip + 24..ip + 40]).unwrap()).into(),
            frame[ip + 6],
            ip + 40,
        ),
    };
    while next != 17 {
        assert!(matches!(next, 0 | 60), "extension header {next}");
        next = frame[at];
        at += 8 + 8 * usize::from(frame[at + 1]);
    }
    Udp {
        from: SocketAddr::new(from, u16_at(at)),
        to: SocketAddr::new(to, u16_at(at + 2)),
        payload: at + 8..at + usize::from(u16_at(at + 4)),
        ip,
    }
}

impl Udp {
    /// Every length agrees, every checksum is right, and `behind` bytes follow the IP packet.
    #[track_caller]
    pub(crate) fn check(&self, frame: &[u8], behind: usize) {
        let u16_at = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
        if frame[self.ip] >> 4 == 4 {
            assert_eq!(self.ip + u16_at(self.ip + 2) + behind, frame.len());
            let header = 4 * usize::from(frame[self.ip] & 15);
            assert_eq!(checksum(&[&frame[self.ip..self.ip + header]]), 0);
        } else {
            assert_eq!(self.ip + 40 + u16_at(self.ip + 4) + behind, frame.len());
        }
        assert_eq!(self.payload.end + behind, frame.len());
        let udp = &frame[self.payload.start - 8..self.payload.end];
        let sum = checksum(&[&pseudo_header(self.from.ip(), self.to.ip(), udp.len()), udp]);
        assert_eq!(sum, 0, "UDP checksum");
    }
}

/// The receivers for the keys in a key file, by the sending endpoint and its peer.
pub(crate) fn receivers(key_file: &str) -> HashMap<(SocketAddr, SocketAddr), Receiver> {
    let lines = key_file.lines().filter(|it| !it.starts_with('#'));
    lines
        .map(|line| {
            let (who, crypto) = line.split_once('=').unwrap();
            let (from, to) = who.split_once("->").unwrap();
            let receiver = Receiver::new(key_in(crypto));
            ((from.parse().unwrap(), to.parse().unwrap()), receiver)
        })
        .collect()
}

/// The key in an `a=crypto` line without parameters.
pub(crate) fn key_in(line: &str) -> MasterKey {
    let mut fields = line.split(' ');
    assert_eq!(fields.next(), Some("a=crypto:1"));
    let suite: CryptoSuite = fields.next().unwrap().parse().unwrap();
    let key = fields.next().unwrap().strip_prefix("inline:").unwrap();
    MasterKey::from_base64(suite, key).unwrap()
}

/// Decrypts RTP, or RTCP as its second byte says.
pub(crate) fn unprotect(receiver: &mut Receiver, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if (192..=223).contains(&packet[1]) {
        receiver.unprotect_rtcp_vec(&mut packet).unwrap();
    } else {
        receiver.unprotect_rtp_vec(&mut packet).unwrap();
    }
    packet
}

/// Compares a capture with its encrypted form, record by record: what changed must decrypt to what was there,
/// well wrapped, and everything else must be the same bytes. Returns the positions of changed packets.
#[track_caller]
pub(crate) fn compare(plain: &[u8], encrypted: &[u8], key_file: &str, ip: usize) -> Vec<usize> {
    let mut receivers = receivers(key_file);
    let (plain, encrypted) = (packets(plain), packets(encrypted));
    assert_eq!(plain.len(), encrypted.len());
    let mut changed = Vec::new();
    for (index, (before, after)) in plain.iter().zip(&encrypted).enumerate() {
        assert_eq!(
            (before.time, before.interface),
            (after.time, after.interface)
        );
        if before.data == after.data {
            assert_eq!(before, after);
            continue;
        }
        changed.push(index);
        let growth = after.data.len() - before.data.len();
        assert_eq!(before.original as usize + growth, after.original as usize);
        let (was, is) = (udp_at(&before.data, ip), udp_at(&after.data, ip));
        is.check(&after.data, before.data.len() - was.payload.end);
        assert_eq!(before.data[was.payload.end..], after.data[is.payload.end..]);
        assert_eq!(before.data[..ip], after.data[..ip]);
        let down = |it: SocketAddr| SocketAddr::new(it.ip(), it.port() - 1);
        let beside = (down(is.from), down(is.to));
        let key = if receivers.contains_key(&beside) {
            beside
        } else {
            (is.from, is.to)
        };
        let opened = unprotect(receivers.get_mut(&key).unwrap(), &after.data[is.payload]);
        assert_eq!(opened, before.data[was.payload], "packet {index}");
    }
    changed
}
