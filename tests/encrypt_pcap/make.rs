//! Makes packets and captures byte by byte, with code that shares nothing with the example.

use std::net::{IpAddr, SocketAddr};

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// RFC 1071, over bytes that an odd one may end.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u64 = 0;
    for pair in bytes.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}

/// The addresses, protocol and length that a UDP checksum covers besides the datagram.
pub(crate) fn pseudo_header(from: IpAddr, to: IpAddr, len: usize) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [
            &from.octets()[..],
            &to.octets(),
            &[0, 17],
            &(len as u16).to_be_bytes(),
        ]
        .concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let len = (len as u32).to_be_bytes();
            [&from.octets()[..], &to.octets(), &len, &[0, 0, 0, 17]].concat()
        }
        _ => panic!("two IP versions in one packet"),
    }
}

pub(crate) fn rtp(ssrc: u32, seq: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A receiver report without report blocks, and a BYE.
pub(crate) fn rtcp(ssrc: u32) -> Vec<u8> {
    let ssrc = ssrc.to_be_bytes();
    [&[0x80, 201, 0, 1][..], &ssrc, &[0x81, 203, 0, 1], &ssrc].concat()
}

/// UDP with its checksum.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len();
    let mut datagram = Vec::new();
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend((len as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let sum = checksum(&[&pseudo_header(from.ip(), to.ip(), len), &datagram]);
    datagram[6..8].copy_from_slice(&if sum == 0 { 0xFFFF } else { sum }.to_be_bytes());
    datagram
}

pub(crate) const UDP: u8 = 17;

/// An IP packet. `between` are IPv4 options, or IPv6 extension headers of which the first has this number.
pub(crate) fn ip(
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    between: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let header = 20 + between.len();
            let mut packet = vec![0x40 | (header / 4) as u8, 0];
            packet.extend(((header + payload.len()) as u16).to_be_bytes());
            packet.extend([0x12, 0x34, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            packet.extend(between);
            let sum = checksum(&[&packet]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            packet.extend(payload);
            packet
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend(((between.len() + payload.len()) as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            packet.extend(between);
            packet.extend(payload);
            packet
        }
        _ => panic!("two IP versions in one packet"),
    }
}

pub(crate) fn udp_packet(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(from.ip(), to.ip(), UDP, &[], &udp(from, to, payload))
}

/// The IP packets of a short call: eight RTP packets and one RTCP packet each way.
pub(crate) fn call(one: &str, other: &str) -> Vec<Vec<u8>> {
    let (one, other) = (address(one), address(other));
    let mut packets = Vec::new();
    for nth in 0..8_u16 {
        for (from, to, ssrc) in [(one, other, 0x1111_1111), (other, one, 0x2222_2222)] {
            let payload = [nth as u8; 160];
            let packet = rtp(ssrc, 1000 + nth, 160 * u32::from(nth), &payload);
            packets.push(udp_packet(from, to, &packet));
        }
    }
    let up = |it: SocketAddr| SocketAddr::new(it.ip(), it.port() + 1);
    packets.push(udp_packet(up(one), up(other), &rtcp(0x1111_1111)));
    packets.push(udp_packet(up(other), up(one), &rtcp(0x2222_2222)));
    packets
}

/// The usual call.
pub(crate) fn call_v4() -> Vec<Vec<u8>> {
    call("192.0.2.1:4000", "198.51.100.2:5000")
}

pub(crate) fn call_v6() -> Vec<Vec<u8>> {
    call("[2001:db8::1]:4000", "[2001:db8::2]:5000")
}

/// The header of a link layer and the packet in it.
pub(crate) fn frame(link: u16, packet: &[u8]) -> Vec<u8> {
    let is_v4 = packet[0] >> 4 == 4;
    let ether_type: [u8; 2] = if is_v4 { [0x08, 0x00] } else { [0x86, 0xDD] };
    let header = match link {
        1 => [&[2; 6][..], &[4; 6], &ether_type].concat(),
        0 => vec![if is_v4 { 2 } else { 30 }, 0, 0, 0],
        108 => vec![0, 0, 0, if is_v4 { 2 } else { 24 }],
        113 => [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &ether_type].concat(),
        276 => [
            &ether_type[..],
            &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0],
        ]
        .concat(),
        _ => Vec::new(),
    };
    [header, packet.to_vec()].concat()
}

pub(crate) fn ethernet(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|it| frame(1, it)).collect()
}

fn order(value: u32, big_endian: bool) -> [u8; 4] {
    if big_endian {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

/// Writes a classic pcap file.
pub(crate) struct Pcap {
    pub(crate) bytes: Vec<u8>,
    big_endian: bool,
    seconds: u32,
}

impl Pcap {
    pub(crate) fn new(big_endian: bool, nanoseconds: bool, link: u32, snaplen: u32) -> Self {
        let magic = if nanoseconds {
            0xA1B2_3C4D
        } else {
            0xA1B2_C3D4
        };
        let version = if big_endian {
            [0, 2, 0, 4]
        } else {
            [2, 0, 4, 0]
        };
        let mut bytes = order(magic, big_endian).to_vec();
        bytes.extend(version);
        for field in [0, 0, snaplen, link] {
            bytes.extend(order(field, big_endian));
        }
        Self {
            bytes,
            big_endian,
            seconds: 1_700_000_000,
        }
    }

    /// Adds a packet of which the end may be missing.
    pub(crate) fn cut(mut self, data: &[u8], original: usize) -> Self {
        self.seconds += 1;
        for field in [self.seconds, 999_999, data.len() as u32, original as u32] {
            self.bytes.extend(order(field, self.big_endian));
        }
        self.bytes.extend(data);
        self
    }

    pub(crate) fn add(self, data: &[u8]) -> Self {
        self.cut(data, data.len())
    }

    pub(crate) fn all(self, packets: &[Vec<u8>]) -> Self {
        packets.iter().fold(self, |it, data| it.add(data))
    }
}

/// An Ethernet capture of these IP packets.
pub(crate) fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    Pcap::new(false, false, 1, 65535)
        .all(&ethernet(packets))
        .bytes
}

/// Writes a pcapng file.
pub(crate) struct Ng {
    pub(crate) bytes: Vec<u8>,
    big_endian: bool,
}

impl Ng {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            big_endian: false,
        }
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let len = order((12 + body.len() + padding) as u32, self.big_endian);
        self.bytes.extend(order(kind, self.big_endian));
        self.bytes.extend(len);
        self.bytes.extend(body);
        self.bytes.extend(&[0; 3][..padding]);
        self.bytes.extend(len);
        self
    }

    fn fields(&self, fields: &[u32]) -> Vec<u8> {
        fields
            .iter()
            .flat_map(|it| order(*it, self.big_endian))
            .collect()
    }

    fn halves(&self, one: u16, other: u16) -> Vec<u8> {
        if self.big_endian {
            [one.to_be_bytes(), other.to_be_bytes()].concat()
        } else {
            [one.to_le_bytes(), other.to_le_bytes()].concat()
        }
    }

    pub(crate) fn section(mut self, big_endian: bool, length: i64) -> Self {
        self.big_endian = big_endian;
        let mut body = self.fields(&[0x1A2B_3C4D]);
        body.extend(self.halves(1, 0));
        body.extend(if big_endian {
            length.to_be_bytes()
        } else {
            length.to_le_bytes()
        });
        body.extend(self.option(4, b"a test"));
        self.block(0x0A0D_0D0A, &body)
    }

    pub(crate) fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = self.halves(code, value.len() as u16);
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub(crate) fn interface(self, link: u16, snaplen: u32, resolution: u8) -> Self {
        let mut body = self.halves(link, 0);
        body.extend(self.fields(&[snaplen]));
        body.extend(self.option(9, &[resolution]));
        body.extend(self.halves(0, 0));
        self.block(1, &body)
    }

    pub(crate) fn enhanced(
        self,
        interface: u32,
        data: &[u8],
        original: usize,
        options: &[u8],
    ) -> Self {
        let (captured, original) = (data.len() as u32, original as u32);
        let mut body = self.fields(&[interface, 0x0005_1234, 0x89AB_CDEF, captured, original]);
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }

    pub(crate) fn simple(self, data: &[u8], original: usize) -> Self {
        let body = [self.fields(&[original as u32]), data.to_vec()].concat();
        self.block(3, &body)
    }

    pub(crate) fn obsolete(self, interface: u16, data: &[u8], options: &[u8]) -> Self {
        let mut body = self.halves(interface, 7);
        let len = data.len() as u32;
        body.extend(self.fields(&[0x0005_1234, 0x89AB_CDEF, len, len]));
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(2, &body)
    }
}
