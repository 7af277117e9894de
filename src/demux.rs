//! What arrives on a port that several protocols share (RFC 7983 §7, RFC 5761 §4).

/// What a packet is, by its first two bytes. A claim: nothing about it has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PacketKind {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP, reduced-size too (RFC 5506): every packet type from 192 to 223.
    Rtcp,
    /// STUN (RFC 8489).
    Stun,
    /// ZRTP (RFC 6189).
    Zrtp,
    /// DTLS (RFC 6347, RFC 9147).
    Dtls,
    /// A TURN channel's data (RFC 8656).
    TurnChannel,
    /// None of these, or too short to tell: to be dropped.
    Unknown,
}

impl PacketKind {
    /// Tells what a datagram is that came in on a shared port.
    ///
    /// The first byte tells the protocols apart (RFC 7983 §7): 0 to 3 STUN, 16 to 19 ZRTP, 20 to 63 DTLS, 64 to 79 TURN channels, 128 to 191 RTP and
    /// RTCP. Of these, the second byte is the packet type of RTCP if it is 192 to 223, which are the RTP payload types 64 to 95 with the marker bit
    /// set: those must not be used where both share a port (RFC 5761 §4). Reads no further, and looks at no length but for these two bytes.
    #[must_use]
    pub const fn of(packet: &[u8]) -> Self {
        match packet {
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            [0..=3, ..] => Self::Stun,
            [16..=19, ..] => Self::Zrtp,
            [20..=63, ..] => Self::Dtls,
            [64..=79, ..] => Self::TurnChannel,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PacketKind::{self, *};

    #[test]
    fn every_first_byte_is_what_rfc_7983_says() {
        for first in 0..=u8::MAX {
            let expected = match first {
                0..=3 => Stun,
                4..=15 | 80..=127 | 192..=255 => Unknown,
                16..=19 => Zrtp,
                20..=63 => Dtls,
                64..=79 => TurnChannel,
                128..=191 => Rtp,
            };
            assert_eq!(PacketKind::of(&[first, 0]), expected, "{first}");
        }
    }

    #[test]
    fn a_second_byte_from_192_to_223_is_an_rtcp_packet_type_and_every_other_one_a_payload_type() {
        for first in [128, 191] {
            for second in 0..=u8::MAX {
                let is_rtcp = PacketKind::of(&[first, second]) == Rtcp;
                assert_eq!(is_rtcp, (192..=223).contains(&second), "{second}");
            }
        }
        // A picture loss indication alone, without a report before it.
        assert_eq!(PacketKind::of(&[0x81, 206, 0, 2, 0, 0, 0, 1]), Rtcp);
    }

    #[test]
    fn what_is_too_short_for_rtp_and_rtcp_is_unknown() {
        for packet in [&[][..], &[128], &[191]] {
            assert_eq!(PacketKind::of(packet), Unknown);
        }
        assert_eq!(PacketKind::of(&[20]), Dtls);
    }
}
