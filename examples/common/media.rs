//! Tells RTP and RTCP from what else travels on the ports of a call, by bytes that SRTP leaves readable.

/// What the payload of a UDP datagram looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Rtp(Rtp),
    Rtcp(Rtcp),
    /// The version bits of RTP, but the headers do not fit into the datagram.
    BrokenRtp,
    Stun,
    Dtls,
    Zrtp,
    TurnChannel,
    /// Too short for any of these.
    KeepAlive,
    Unknown,
}

/// The readable part of an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) payload_type: u8,
    /// Bytes behind the header, padding included.
    pub(crate) payload_len: usize,
}

impl Rtp {
    /// Whether the codec sends one byte for each eighth of a millisecond, and this is no multiple of five
    /// milliseconds (G.711 and G.722, RFC 3551 §4.5): the tag of SRTP makes payloads so.
    pub(crate) fn has_odd_length(&self) -> bool {
        matches!(self.payload_type, 0 | 8 | 9) && !self.payload_len.is_multiple_of(40)
    }
}

/// The readable part of an RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rtcp {
    pub(crate) ssrc: u32,
    /// The source that the first report block is about.
    pub(crate) reports_on: Option<u32>,
    /// The packets of the compound fill the datagram to the last byte (RFC 3550 §A.2). Those of SRTCP never
    /// do: an index and a tag follow.
    pub(crate) is_whole: bool,
}

impl Look {
    /// Sorts by the first byte as RFC 7983 §7 says, and RTCP from RTP by the second (RFC 5761 §4).
    pub(crate) fn at(payload: &[u8]) -> Self {
        match payload {
            [] | [_] | [_, _] | [_, _, _] => Self::KeepAlive,
            [0..=3, ..] if payload.len() >= 20 => Self::Stun,
            [0, 0, 0, 0] => Self::KeepAlive,
            [16..=19, ..] => Self::Zrtp,
            [20..=63, 0xFE, ..] => Self::Dtls,
            [64..=79, ..] if is_channel_data(payload) => Self::TurnChannel,
            [128..=191, 192..=223, ..] => rtcp(payload).map_or(Self::BrokenRtp, Self::Rtcp),
            [128..=191, ..] => rtp(payload).map_or(Self::BrokenRtp, Self::Rtp),
            _ => Self::Unknown,
        }
    }
}

/// TURN's ChannelData says its length (RFC 8656 §12.4).
fn is_channel_data(payload: &[u8]) -> bool {
    let len = usize::from(u16::from_be_bytes([payload[2], payload[3]]));
    payload.len() == 4 + len || payload.len() == (4 + len).next_multiple_of(4)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .first_chunk()
        .map(|it| u32::from_be_bytes(*it))
}

/// RFC 3550 §5.1 and §5.3.1.
fn rtp(packet: &[u8]) -> Option<Rtp> {
    let mut header = 12 + 4 * usize::from(packet[0] & 0x0F);
    if packet[0] & 0x10 != 0 {
        let words = u32_at(packet, header)? & 0xFFFF;
        header += 4 + 4 * words as usize;
    }
    if packet.len() < header {
        return None;
    }
    Some(Rtp {
        payload_type: packet[1] & 0x7F,
        seq: u16::from_be_bytes([packet[2], packet[3]]),
        timestamp: u32_at(packet, 4)?,
        ssrc: u32_at(packet, 8)?,
        payload_len: packet.len() - header,
    })
}

/// RFC 3550 §6.4, and §A.2 less the demand that a report comes first (RFC 5506 lifts it).
fn rtcp(packet: &[u8]) -> Option<Rtcp> {
    let ssrc = u32_at(packet, 4)?;
    let first_report = match packet[1] {
        200 => 28,
        201 => 8,
        _ => packet.len(),
    };
    let first_len = 4 + 4 * usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if first_len < 8 || first_len > packet.len() {
        return None;
    }
    let reports_on = u32_at(packet, first_report).filter(|_| packet[0] & 0x1F > 0);
    let mut rest = packet;
    while let [0x80..=0xBF, 192..=223, hi, lo, ..] = rest {
        let len = 4 + 4 * usize::from(u16::from_be_bytes([*hi, *lo]));
        let Some(next) = rest.get(len..) else { break };
        rest = next;
    }
    Some(Rtcp {
        ssrc,
        reports_on,
        is_whole: rest.is_empty(),
    })
}
