//! Finds the UDP datagram in a captured packet, and puts a longer one in its place.
//!
//! `etherparse` reads the headers from the EtherType on; here is what it does not know: the link layers
//! of Linux "any" captures and of loopback devices.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use etherparse::{
    EtherType, IpNumber, Ipv4HeaderSlice, Ipv6ExtensionSlice, LaxLinkExtSlice, LaxNetSlice,
    LaxSlicedPacket, TransportSlice, UdpHeader, ether_type,
};

use super::capture::Packet;
use super::streams::FlowKey;

const ETHERNET: u16 = 1;

/// A UDP datagram, and where in its packet it lies.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) payload: Range<usize>,
    /// Where the IP header and the UDP header begin.
    ip: usize,
    udp: usize,
}

impl Datagram {
    pub(crate) fn flow(&self) -> FlowKey {
        (self.source, self.destination)
    }
}

/// A TCP segment, and where in its packet its bytes lie.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) flow: FlowKey,
    pub(crate) sequence: u32,
    /// It begins the connection, or breaks it off.
    pub(crate) resets: bool,
    pub(crate) payload: Range<usize>,
}

/// What a packet carries.
pub(crate) enum Content {
    Udp(Datagram),
    /// Part of a TCP connection: signalling may be in there.
    Tcp(Segment),
    /// Nothing that can be worked on, though it may be known to which flow it belongs.
    Other(Opaque, Option<FlowKey>),
}

/// Why there is no UDP datagram to be seen in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opaque {
    LinkType(u16),
    NotIp,
    NotUdp,
    Fragment,
    Incomplete,
    Jumbogram,
    SourceRoute,
    Sealed,
}

impl std::fmt::Display for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LinkType(link) => write!(f, "link type {link}, which this program does not read"),
            Self::NotIp => f.write_str("not IP"),
            Self::NotUdp => f.write_str("IP, but not UDP"),
            Self::Fragment => f.write_str("fragment of an IP packet"),
            Self::Incomplete => f.write_str("IP or UDP header at odds with the packet's length"),
            Self::Jumbogram => f.write_str("IPv6 jumbogram or packet without an IP length"),
            Self::SourceRoute => f.write_str("IPv6 packet with a routing header"),
            Self::Sealed => f.write_str("sealed by IPsec or MACsec"),
        }
    }
}

/// Reads the headers of a packet captured on a link of this type.
pub(crate) fn dissect(link: u16, packet: &[u8]) -> Content {
    match below_link(link, packet) {
        Ok((ether_type, start)) => below_ip(packet, start, ether_type),
        Err(opaque) => Content::Other(opaque, None),
    }
}

/// The EtherType of what the link layer carries and where that begins.
fn below_link(link: u16, packet: &[u8]) -> Result<(EtherType, usize), Opaque> {
    let ether_type_at = |at: usize| {
        let field = packet.get(at..at + 2).ok_or(Opaque::NotIp)?;
        Ok(EtherType(u16::from_be_bytes([field[0], field[1]])))
    };
    let by_version = |at: usize| match packet.get(at).map(|byte| byte >> 4) {
        Some(4) => Ok((ether_type::IPV4, at)),
        Some(6) => Ok((ether_type::IPV6, at)),
        _ => Err(Opaque::NotIp),
    };
    match link {
        ETHERNET => Ok((ether_type_at(12)?, 14)),
        12 | 14 | 101 | 228 | 229 => by_version(0),
        // BSD loopback: the address family of the capturing host, in its byte order or in network order.
        // Its number for IPv6 differs between systems; the IP version behind it does not.
        0 | 108 => by_version(4),
        // Linux cooked captures.
        113 => Ok((ether_type_at(14)?, 16)),
        276 => Ok((ether_type_at(0)?, 20)),
        other => Err(Opaque::LinkType(other)),
    }
}

fn below_ip(packet: &[u8], start: usize, ether_type: EtherType) -> Content {
    let Some(rest) = packet.get(start..) else {
        return Content::Other(Opaque::NotIp, None);
    };
    let sliced = LaxSlicedPacket::from_ether_type(ether_type, rest);
    let (ip, hosts) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(it)) => {
            let header = it.header();
            let hosts = (
                header.source_addr().into(),
                header.destination_addr().into(),
            );
            (offset_in(packet, header.slice()), hosts)
        }
        Some(LaxNetSlice::Ipv6(it)) => {
            let header = it.header();
            let hosts = (
                header.source_addr().into(),
                header.destination_addr().into(),
            );
            (offset_in(packet, header.slice()), hosts)
        }
        _ => return Content::Other(Opaque::NotIp, None),
    };
    if let Some(opaque) = unfit(&sliced) {
        return Content::Other(opaque, flow_of(&sliced, hosts));
    }
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) if usize::from(udp.length()) == udp.slice().len() => {
            let at = offset_in(packet, udp.slice());
            Content::Udp(Datagram {
                source: SocketAddr::new(hosts.0, udp.source_port()),
                destination: SocketAddr::new(hosts.1, udp.destination_port()),
                payload: at + UdpHeader::LEN..at + udp.slice().len(),
                ip,
                udp: at,
            })
        }
        Some(TransportSlice::Tcp(tcp)) => {
            let at = offset_in(packet, tcp.payload());
            Content::Tcp(Segment {
                flow: (
                    SocketAddr::new(hosts.0, tcp.source_port()),
                    SocketAddr::new(hosts.1, tcp.destination_port()),
                ),
                // The SYN counts as one (RFC 9293 §3.4).
                sequence: tcp.sequence_number().wrapping_add(tcp.syn().into()),
                resets: tcp.syn() || tcp.rst(),
                payload: at..at + tcp.payload().len(),
            })
        }
        _ => {
            let number = sliced.ip_payload().map(|it| it.ip_number);
            let opaque = match number {
                Some(IpNumber::UDP | IpNumber::TCP) => Opaque::Incomplete,
                _ => Opaque::NotUdp,
            };
            Content::Other(opaque, flow_of(&sliced, hosts))
        }
    }
}

/// The flow of a packet that has the beginning of a UDP header at least.
fn flow_of(sliced: &LaxSlicedPacket<'_>, hosts: (IpAddr, IpAddr)) -> Option<FlowKey> {
    let payload = sliced.ip_payload()?;
    let begins_later = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => ip.header().fragments_offset().value() > 0,
        Some(LaxNetSlice::Ipv6(ip)) => ip.extensions().clone().into_iter().any(|it| match it {
            Ipv6ExtensionSlice::Fragment(it) => it.fragment_offset().value() > 0,
            _ => false,
        }),
        _ => true,
    };
    match payload.payload {
        &[a, b, c, d, ..] if payload.ip_number == IpNumber::UDP && !begins_later => Some((
            SocketAddr::new(hosts.0, u16::from_be_bytes([a, b])),
            SocketAddr::new(hosts.1, u16::from_be_bytes([c, d])),
        )),
        _ => None,
    }
}

/// Why a packet's UDP datagram cannot be read, or cannot be made longer.
fn unfit(sliced: &LaxSlicedPacket<'_>) -> Option<Opaque> {
    let payload = sliced.ip_payload()?;
    if payload.fragmented {
        return Some(Opaque::Fragment);
    }
    if payload.incomplete {
        return Some(Opaque::Incomplete);
    }
    let in_macsec = |it: &LaxLinkExtSlice<'_>| matches!(it, LaxLinkExtSlice::Macsec(_));
    if sliced.link_exts.iter().any(in_macsec) {
        return Some(Opaque::Sealed);
    }
    match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) if ip.header().total_len() < 20 => Some(Opaque::Jumbogram),
        Some(LaxNetSlice::Ipv4(ip)) => ip.extensions().auth.map(|_| Opaque::Sealed),
        Some(LaxNetSlice::Ipv6(ip)) if ip.header().payload_length() == 0 => Some(Opaque::Jumbogram),
        Some(LaxNetSlice::Ipv6(ip)) => {
            ip.extensions()
                .clone()
                .into_iter()
                .find_map(|extension| match extension {
                    // The checksum covers the last address of the route (RFC 8200 §8.1), and this packet
                    // has not arrived there.
                    Ipv6ExtensionSlice::Routing(it) if it.slice()[3] > 0 => {
                        Some(Opaque::SourceRoute)
                    }
                    Ipv6ExtensionSlice::Authentication(_) => Some(Opaque::Sealed),
                    _ => None,
                })
        }
        _ => None,
    }
}

/// Where a part of the packet begins in it.
fn offset_in(packet: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - packet.as_ptr().addr()
}

/// Whether the packet can still be one IP packet if its UDP payload becomes this long.
pub(crate) fn can_hold(packet: &[u8], datagram: &Datagram, payload_len: usize) -> bool {
    let is_v4 = datagram.source.is_ipv4();
    let counted_from = if is_v4 { datagram.ip } else { datagram.ip + 40 };
    // From there to the end of the IP packet, which may have bytes behind the datagram.
    let field = datagram.ip + if is_v4 { 2 } else { 4 };
    let ip_len = usize::from(u16::from_be_bytes([packet[field], packet[field + 1]]));
    let behind = (counted_from + ip_len).saturating_sub(datagram.payload.end);
    datagram.payload.start - counted_from + payload_len + behind <= usize::from(u16::MAX)
}

/// The packet with another UDP payload: lengths and checksums follow, all else stays, a trailer of the
/// link layer too. Whether there is room for it is for [`can_hold`] to say.
pub(crate) fn replace_payload(
    packet: &[u8],
    datagram: &Datagram,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(&packet[..datagram.payload.start]);
    out.extend_from_slice(payload);
    out.extend_from_slice(&packet[datagram.payload.end..]);

    let growth = payload.len().wrapping_sub(datagram.payload.len()) as u16;
    let length_at = datagram.ip + if datagram.source.is_ipv4() { 2 } else { 4 };
    let length = u16::from_be_bytes([out[length_at], out[length_at + 1]]).wrapping_add(growth);
    out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());

    if let Ok(header) = Ipv4HeaderSlice::from_slice(&out[datagram.ip..])
        && datagram.source.is_ipv4()
    {
        let checksum = header.to_header().calc_header_checksum();
        out[datagram.ip + 10..datagram.ip + 12].copy_from_slice(&checksum.to_be_bytes());
    }

    let udp_at = datagram.udp..datagram.udp + UdpHeader::LEN;
    let mut udp = UdpHeader {
        source_port: datagram.source.port(),
        destination_port: datagram.destination.port(),
        length: (UdpHeader::LEN + payload.len()) as u16,
        checksum: u16::from_be_bytes([packet[datagram.udp + 6], packet[datagram.udp + 7]]),
    };
    let checksum = match (datagram.source.ip(), datagram.destination.ip()) {
        // 0 says that none was computed, which IPv4 allows (RFC 768) and IPv6 does not (RFC 8200 §8.1).
        (IpAddr::V4(_), _) if udp.checksum == 0 => Ok(0),
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            udp.calc_checksum_ipv4_raw(from.octets(), to.octets(), payload)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            udp.calc_checksum_ipv6_raw(from.octets(), to.octets(), payload)
        }
        _ => Ok(0),
    };
    udp.checksum = checksum.unwrap_or(0);
    out[udp_at].copy_from_slice(&udp.to_bytes());
}

/// Ethernet's frame check sequence (IEEE 802.3 §3.2.9), if the capture says that its frames end in one.
pub(crate) fn renew_frame_check(packet: &Packet, frame: &mut [u8]) {
    if packet.link == ETHERNET
        && packet.check_len == 4
        && let Some((covered, check)) = frame.split_last_chunk_mut::<4>()
    {
        *check = crc32fast::hash(covered).to_le_bytes();
    }
}
