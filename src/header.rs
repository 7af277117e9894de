//! RTP and RTCP bytes → SSRC, sequence number, and where the payload starts (RFC 3550 §5.1, §6.1).
//!
//! Everything here reads the clear prefix of a packet that nobody has vouched for yet. Nothing is
//! kept, nothing is re-serialised: the lengths are those on the wire.

use core::fmt;

use crate::error::HeaderError;

/// Which of the two protocols of an RTP session: media or control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// RTP and SRTP.
    Rtp,
    /// RTCP and SRTCP.
    Rtcp,
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rtp => "SRTP",
            Self::Rtcp => "SRTCP",
        })
    }
}

/// Bytes of the fixed RTP header: up to and including the SSRC.
pub(crate) const RTP_FIXED: usize = 12;
/// Bytes of the header of a header extension: profile and length (RFC 3550 §5.3.1).
pub(crate) const EXTENSION_HEADER: usize = 4;
/// Bytes at the start of an RTCP compound packet that SRTCP never encrypts: first header and
/// SSRC (RFC 3711 §3.4). An RFC 5506 reduced-size packet begins the same way.
pub(crate) const RTCP_FIXED: usize = 8;
/// AES-CM gives a packet 2^16 blocks of keystream and no more (RFC 3711 §4.1.1); the same bound
/// serves every suite, so that no length is fine under one and fatal under another.
pub(crate) const MAX_PACKET: usize = 1 << 20;

/// What SRTP needs to know of an RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    /// Bytes before the payload: fixed header, CSRCs, header extension.
    pub(crate) len: usize,
}

impl RtpHeader {
    /// Reads the header of `packet`, which may have anything behind it.
    #[inline]
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        check_length(packet, RTP_FIXED)?;
        let Some((fixed, rest)) = packet.split_first_chunk::<RTP_FIXED>() else {
            return Err(too_short(packet, RTP_FIXED));
        };
        let &[first, _, q0, q1, _, _, _, _, s0, s1, s2, s3] = fixed;
        check_version(first)?;

        let csrcs = usize::from(first & 0x0f) * 4;
        let extension = if first & 0x10 == 0 {
            0
        } else {
            // RFC 3550 §5.3.1: 16 bits defined by profile, then the length in 32-bit words.
            let words = match rest.get(csrcs..) {
                Some(&[_, _, w0, w1, ..]) => u16::from_be_bytes([w0, w1]),
                _ => return Err(too_short(packet, RTP_FIXED + csrcs + 4)),
            };
            4 + usize::from(words) * 4
        };
        let len = RTP_FIXED + csrcs + extension;
        if packet.len() < len {
            return Err(too_short(packet, len));
        }
        Ok(Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            seq: u16::from_be_bytes([q0, q1]),
            len,
        })
    }
}

/// An RTP header that has an extension: what is before the extension's contents, the 16 bits "defined by profile", and the contents
/// (RFC 3550 §5.3.1).
pub(crate) fn split_extension_mut(header: &mut [u8]) -> Option<(&[u8], u16, &mut [u8])> {
    let profile = extension_profile(header)?;
    let contents = extension_at(header) + EXTENSION_HEADER;
    let (before, contents) = header.split_at_mut_checked(contents)?;
    Some((before, profile, contents))
}

/// Bytes from the start of a header to the extension's, if it has one, or to where it would stand: behind the CSRCs.
pub(crate) fn extension_at(header: &[u8]) -> usize {
    let csrcs = header.first().map_or(0, |first| first & 0x0f);
    RTP_FIXED + usize::from(csrcs) * 4
}

/// What an extension's 16 bits "defined by profile" are; `None` without an extension.
pub(crate) fn extension_profile(header: &[u8]) -> Option<u16> {
    let has_extension = header.first()? & 0x10 != 0;
    let profile = header.get(extension_at(header)..)?.first_chunk()?;
    has_extension.then_some(u16::from_be_bytes(*profile))
}

/// Writes an extension's 16 bits "defined by profile".
pub(crate) fn write_extension_profile(header: &mut [u8], profile: u16) {
    let at = extension_at(header);
    if let Some(bytes) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *bytes = profile.to_be_bytes();
    }
}

/// Makes room for an extension without contents in a packet that has none, whose last four bytes are free.
pub(crate) fn insert_empty_extension(packet: &mut [u8]) {
    let at = extension_at(packet);
    if let Some(behind) = packet.get_mut(at..) {
        behind.rotate_right(EXTENSION_HEADER.min(behind.len()));
        behind
            .iter_mut()
            .take(EXTENSION_HEADER)
            .for_each(|byte| *byte = 0);
    }
    if let Some(first) = packet.first_mut() {
        *first |= 0x10;
    }
}

/// Moves the header of an extension ahead of the CSRCs, so that these and what is behind it are in one piece; the same with `back`
/// undoes it. The lengths that say where it is are before them.
#[cold]
#[inline(never)]
pub(crate) fn move_extension_header(packet: &mut [u8], back: bool) {
    let end = extension_at(packet) + EXTENSION_HEADER;
    if let Some(moved) = packet.get_mut(RTP_FIXED..end) {
        if back {
            moved.rotate_left(EXTENSION_HEADER);
        } else {
            moved.rotate_right(EXTENSION_HEADER);
        }
    }
}

/// Reads the SSRC of the sender from the first RTCP packet of a compound.
#[inline]
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, HeaderError> {
    check_length(packet, RTCP_FIXED)?;
    let Some(&[first, _, _, _, s0, s1, s2, s3]) = packet.first_chunk::<RTCP_FIXED>() else {
        return Err(too_short(packet, RTCP_FIXED));
    };
    check_version(first)?;
    Ok(u32::from_be_bytes([s0, s1, s2, s3]))
}

fn check_length(packet: &[u8], needed: usize) -> Result<(), HeaderError> {
    if packet.len() > MAX_PACKET {
        return Err(HeaderError::TooLong {
            length: packet.len(),
            most: MAX_PACKET,
        });
    }
    if packet.len() < needed {
        return Err(too_short(packet, needed));
    }
    Ok(())
}

/// RFC 3550 §5.1: the version is 2. On a shared port anything else is STUN, DTLS or TURN (RFC 7983).
fn check_version(first: u8) -> Result<(), HeaderError> {
    match first >> 6 {
        2 => Ok(()),
        version => Err(HeaderError::Version { version }),
    }
}

fn too_short(packet: &[u8], needed: usize) -> HeaderError {
    HeaderError::TooShort {
        length: packet.len(),
        needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn header_length_counts_csrcs_and_extension() {
        let mut packet = vec![0u8; 12 + 15 * 4 + 4 + 8];
        packet[0] = 0x9f;
        packet[12 + 60 + 3] = 2;
        assert_eq!(RtpHeader::parse(&packet).unwrap().len, packet.len());
        packet.pop();
        assert_eq!(
            RtpHeader::parse(&packet),
            Err(HeaderError::TooShort {
                length: 83,
                needed: 84
            })
        );
    }

    #[test]
    fn an_extension_header_that_is_cut_is_refused_before_its_length_is_read() {
        let mut packet = vec![0u8; 12 + 3];
        packet[0] = 0x90;
        assert_eq!(
            RtpHeader::parse(&packet),
            Err(HeaderError::TooShort {
                length: 15,
                needed: 16
            })
        );
    }

    #[test]
    fn only_version_2_is_rtp_or_rtcp() {
        for version in [0u8, 1, 3] {
            let packet = [version << 6; 12];
            assert_eq!(
                RtpHeader::parse(&packet),
                Err(HeaderError::Version { version })
            );
            assert_eq!(rtcp_ssrc(&packet), Err(HeaderError::Version { version }));
        }
    }

    #[test]
    fn a_packet_longer_than_the_keystream_is_refused() {
        let mut packet = vec![0u8; MAX_PACKET + 1];
        packet[0] = 0x80;
        assert!(matches!(
            RtpHeader::parse(&packet),
            Err(HeaderError::TooLong { .. })
        ));
        assert!(matches!(
            rtcp_ssrc(&packet),
            Err(HeaderError::TooLong { .. })
        ));
        packet.pop();
        assert!(RtpHeader::parse(&packet).is_ok());
    }
}
