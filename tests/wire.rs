//! Lengths and headers: whatever the bytes and however many, the answer is a packet or a typed error, the same from
//! every method that takes it, and what is refused is unchanged.

mod common;

use common::{PLANES, bytes, key, oracle, plain, protect, rtcp, rtp, rtp_with, unprotect};
use srtp_sdes::{
    BuildError, CryptoSuite, EBitPolicy, HeaderError, Mki, Plane, ProtectError, Receiver,
    ReceiverBuilder, Sender, SenderBuilder, SrtcpTag, UnprotectError,
};

/// What no packet of these tests holds where it is looked for.
const FILL: u8 = 0xa5;
const SSRC: u32 = 0x1234_5678;

/// Three senders alike, one for each way to protect.
struct Senders {
    in_place: Sender,
    between: Sender,
    vec: Sender,
}

impl Senders {
    fn new(make: impl Fn() -> Sender) -> Self {
        Self {
            in_place: make(),
            between: make(),
            vec: make(),
        }
    }

    fn of(suite: CryptoSuite) -> Self {
        Self::new(|| Sender::new(key(suite, 1)))
    }

    fn overhead(&self, plane: Plane) -> usize {
        overhead(&self.in_place, plane)
    }

    /// Protects `plain` in every way: the result is the same each time, and nothing else is written. A refusal leaves the exported state as it was.
    fn protect(&mut self, plane: Plane, plain: &[u8]) -> Result<Vec<u8>, ProtectError> {
        let total = plain.len() + self.overhead(plane);
        let before = self.states();

        let mut buf = plain.to_vec();
        buf.resize(total + 3, FILL);
        let unprotected = buf.clone();
        let made = match plane {
            Plane::Rtp => self.in_place.protect_rtp(&mut buf, plain.len()),
            Plane::Rtcp => self.in_place.protect_rtcp(&mut buf, plain.len()),
        };
        let made = made.map(|packet| packet.to_vec());
        match &made {
            Ok(packet) => {
                assert_eq!(packet.len(), total);
                assert!(buf[..total] == packet[..] && buf[total..] == [FILL; 3]);
            }
            Err(_) => assert!(buf == unprotected, "a packet refused in place is unchanged"),
        }

        let mut out = vec![FILL; total + 3];
        let between = match plane {
            Plane::Rtp => self.between.protect_rtp_into(plain, &mut out),
            Plane::Rtcp => self.between.protect_rtcp_into(plain, &mut out),
        };
        assert!(between.map(|packet| packet.to_vec()) == made, "into");
        let written = if made.is_ok() { total } else { 0 };
        assert!(out[written..] == vec![FILL; out.len() - written]);

        let mut vec = plain.to_vec();
        let in_vec = match plane {
            Plane::Rtp => self.vec.protect_rtp_vec(&mut vec),
            Plane::Rtcp => self.vec.protect_rtcp_vec(&mut vec),
        };
        assert_eq!(in_vec.err(), made.as_ref().err().copied(), "vec");
        assert!(vec == made.as_deref().unwrap_or(plain), "vec");
        assert!(made.is_ok() || self.states() == before, "a trace");
        made
    }

    fn states(&self) -> [Vec<u8>; 3] {
        [&self.in_place, &self.between, &self.vec].map(Sender::export_state)
    }
}

/// Four receivers alike, one for each way to unprotect and one that only verifies.
struct Receivers {
    in_place: Receiver,
    between: Receiver,
    vec: Receiver,
    monitor: Receiver,
}

impl Receivers {
    fn new(make: impl Fn() -> Receiver) -> Self {
        Self {
            in_place: make(),
            between: make(),
            vec: make(),
            monitor: make(),
        }
    }

    fn of(suite: CryptoSuite) -> Self {
        Self::new(|| Receiver::new(key(suite, 1)))
    }

    /// Unprotects `packet` in every way: the result is the same each time, and nothing else is written. A refusal leaves the exported state as it was.
    fn unprotect(&mut self, plane: Plane, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
        let before = self.states();
        let mut buf = packet.to_vec();
        let opened = match plane {
            Plane::Rtp => self.in_place.unprotect_rtp(&mut buf),
            Plane::Rtcp => self.in_place.unprotect_rtcp(&mut buf),
        };
        let opened = opened.map(|plain| plain.to_vec());
        match &opened {
            Ok(plain) => {
                let (front, behind) = buf.split_at(plain.len());
                assert!(front == plain && behind == &packet[plain.len()..]);
            }
            Err(_) => assert!(buf == packet, "a packet refused in place is unchanged"),
        }

        let mut out = vec![FILL; packet.len() + 3];
        let between = match plane {
            Plane::Rtp => self.between.unprotect_rtp_into(packet, &mut out),
            Plane::Rtcp => self.between.unprotect_rtcp_into(packet, &mut out),
        };
        assert!(between.map(|plain| plain.to_vec()) == opened, "into");
        let written = opened.as_ref().map_or(0, Vec::len);
        assert!(out[written..] == vec![FILL; out.len() - written]);

        let mut vec = packet.to_vec();
        let in_vec = match plane {
            Plane::Rtp => self.vec.unprotect_rtp_vec(&mut vec),
            Plane::Rtcp => self.vec.unprotect_rtcp_vec(&mut vec),
        };
        assert_eq!(in_vec.err(), opened.as_ref().err().copied(), "vec");
        assert!(vec == opened.as_deref().unwrap_or(packet), "vec");

        let verified = match plane {
            Plane::Rtp => self.monitor.verify_rtp(packet).map(|index| {
                assert_eq!(index.seq().to_be_bytes(), packet[2..4]);
            }),
            Plane::Rtcp => self.monitor.verify_rtcp(packet).map(|index| {
                assert!(index < 1 << 31);
            }),
        };
        assert_eq!(verified.err(), opened.as_ref().err().copied(), "verify");
        assert!(opened.is_ok() || self.states() == before, "a trace");
        opened
    }

    fn states(&self) -> [Vec<u8>; 4] {
        [&self.in_place, &self.between, &self.vec, &self.monitor].map(Receiver::export_state)
    }

    fn made_no_stream(&self) -> bool {
        [&self.in_place, &self.between, &self.vec, &self.monitor]
            .iter()
            .all(|rx| rx.ssrcs().count() == 0)
    }
}

fn overhead(tx: &Sender, plane: Plane) -> usize {
    match plane {
        Plane::Rtp => tx.rtp_overhead(),
        Plane::Rtcp => tx.rtcp_overhead(),
    }
}

/// The tags of SRTP and SRTCP, as the RFCs have them and not as the crate says.
fn tags(suite: CryptoSuite) -> (usize, usize) {
    match suite.name() {
        name if name.ends_with("GCM") => (16, 16),
        name if name.ends_with("GCM_8") => (8, 8),
        name if name.ends_with("SHA1_80") => (10, 10),
        name if name.ends_with("SHA1_32") => (4, 10),
        "AES_CM_128_NULL_AUTH" => (0, 0),
        name => panic!("{name} is a suite that this test does not know"),
    }
}

fn tag(suite: CryptoSuite, plane: Plane) -> usize {
    match plane {
        Plane::Rtp => tags(suite).0,
        Plane::Rtcp => tags(suite).1,
    }
}

fn is_authenticated(suite: CryptoSuite, plane: Plane) -> bool {
    tag(suite, plane) != 0
}

fn fixed_header(plane: Plane) -> usize {
    match plane {
        Plane::Rtp => 12,
        Plane::Rtcp => 8,
    }
}

/// How long the header is that is never encrypted (RFC 3550 §5.1, §5.3.1; RFC 3711 §3.4), or what is wrong with it.
fn header_len(plane: Plane, packet: &[u8]) -> Result<usize, HeaderError> {
    let long_enough = |needed| {
        let length = packet.len();
        match length < needed {
            true => Err(HeaderError::TooShort { length, needed }),
            false => Ok(needed),
        }
    };
    let fixed = long_enough(fixed_header(plane))?;
    match packet[0] >> 6 {
        2 => {}
        version => return Err(HeaderError::Version { version }),
    }
    if plane == Plane::Rtcp {
        return Ok(fixed);
    }
    let csrcs = fixed + usize::from(packet[0] & 0x0f) * 4;
    if packet[0] & 0x10 == 0 {
        return long_enough(csrcs);
    }
    let extension = long_enough(csrcs + 4)?;
    let words = u16::from_be_bytes([packet[extension - 2], packet[extension - 1]]);
    long_enough(extension + usize::from(words) * 4)
}

/// Bytes of several kinds, `len` of them: a valid packet or its beginning, all bits of the first byte set but the
/// version's, other versions, a repeated byte.
fn packets_of(plane: Plane, len: usize) -> Vec<Vec<u8>> {
    let mut valid = plain(plane, SSRC, 1, &bytes(len));
    valid.truncate(len);
    let mut kinds = vec![valid.clone()];
    if len > 1500 {
        return kinds;
    }
    for first in [0xbf, 0x9f, 0x90, 0x00, 0x7f, 0xff] {
        let mut packet = valid.clone();
        packet.iter_mut().take(1).for_each(|byte| *byte = first);
        kinds.push(packet);
    }
    kinds.push(vec![0x80; len]);
    kinds
}

/// Every small length, and those around a usual and around the greatest datagram.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=200).chain([1199, 1200, 1201, 65_535])
}

#[test]
fn a_packet_of_any_length_is_protected_and_given_back_or_refused_for_its_header() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            let mut seq = 0;
            for len in lengths() {
                for mut packet in packets_of(plane, len) {
                    if plane == Plane::Rtp && len >= 4 {
                        seq += 1u16;
                        packet[2..4].copy_from_slice(&seq.to_be_bytes());
                    }
                    match header_len(plane, &packet) {
                        Err(error) => assert_eq!(
                            txs.protect(plane, &packet),
                            Err(ProtectError::Malformed(error)),
                            "{suite} {plane} {len}"
                        ),
                        Ok(header) => {
                            let protected = txs.protect(plane, &packet).unwrap();
                            assert_eq!(protected[..header], packet[..header], "header in clear");
                            assert!(
                                rxs.unprotect(plane, &protected).as_ref() == Ok(&packet),
                                "{suite} {plane} {len}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_becomes_of_a_packet_of_any_length_is_what_the_rfcs_say() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(key(suite, 1));
        let lengths = (0..400u16).chain((400..1400).step_by(13));
        for (n, len) in (0..).zip(lengths) {
            // Headers of all lengths that matter to whoever works on blocks.
            let (csrcs, extension) = ((len % 11) as u8, (len % 3 > 0).then_some(len % 4));
            let packet = rtp_with(SSRC, len, csrcs, extension, &bytes(len.into()));
            let expected = oracle::protect(&key(suite, 1), None, Plane::Rtp, &packet, len.into());
            assert!(
                protect(&mut tx, Plane::Rtp, &packet) == Ok(expected),
                "{suite}, {len}"
            );
            let packet = rtcp(SSRC, &bytes(len.into()));
            let expected = oracle::protect(&key(suite, 1), None, Plane::Rtcp, &packet, n);
            assert!(
                protect(&mut tx, Plane::Rtcp, &packet) == Ok(expected),
                "{suite}, {len} of RTCP"
            );
        }
    }
}

#[test]
fn a_few_bytes_behind_a_header_of_any_length_are_sealed() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(key(suite, 1));
        let mut seq = 0;
        for words in (0..70).step_by(9).chain([75, 76, 77, 500]) {
            for len in [0, 1, 2, 31, 32, 33, 299, 300, 301, 320, 321] {
                let packet = rtp_with(SSRC, seq, 15, Some(words), &bytes(len));
                let expected =
                    oracle::protect(&key(suite, 1), None, Plane::Rtp, &packet, seq.into());
                let sealed = protect(&mut tx, Plane::Rtp, &packet);
                assert!(
                    sealed == Ok(expected),
                    "{suite}, {words} words, {len} bytes"
                );
                seq += 1;
            }
        }
    }
}

#[test]
fn the_longest_protected_packet_has_2_to_the_20_bytes_and_one_more_is_refused() {
    const MOST: usize = 1 << 20;
    let too_long = |length| HeaderError::TooLong { length, most: MOST };
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            let mut packet = plain(plane, SSRC, 1, &[]);
            packet.resize(MOST - txs.overhead(plane), 0x5c);
            let protected = protect(&mut Sender::new(key(suite, 1)), plane, &packet).unwrap();
            let opened = unprotect(&mut Receiver::new(key(suite, 1)), plane, &protected);
            assert!(opened.unwrap() == packet, "{suite} {plane}");

            // One byte more, and it is too long when it is protected.
            let mut longer = packet;
            longer.push(0);
            let refused = txs.protect(plane, &longer).unwrap_err();
            assert_eq!(refused, ProtectError::Malformed(too_long(MOST + 1)));
            longer.resize(MOST + 1, 0x5c);
            let refused = txs.protect(plane, &longer).unwrap_err();
            assert_eq!(refused, ProtectError::Malformed(too_long(MOST + 1)));
            let refused = rxs.unprotect(plane, &longer).unwrap_err();
            assert_eq!(refused, UnprotectError::Malformed(too_long(MOST + 1)));
        }
    }
}

#[test]
fn bytes_of_any_length_that_nobody_protected_are_refused_unchanged_with_the_error_that_fits() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let trailer = overhead(&Sender::new(key(suite, 1)), plane);
            let mut rxs = Receivers::of(suite);
            for len in lengths() {
                for packet in packets_of(plane, len) {
                    let result = rxs.unprotect(plane, &packet);
                    let expected = match header_len(plane, &packet) {
                        Err(error) => UnprotectError::Malformed(error),
                        Ok(header) if len < header + trailer => UnprotectError::TooShort {
                            length: len,
                            needed: header + trailer,
                        },
                        // Without a tag there is nothing that could be wrong: no panic is all that is left to say.
                        Ok(_) if !is_authenticated(suite, plane) => continue,
                        Ok(_) => {
                            let at = if plane == Plane::Rtp { 8 } else { 4 };
                            let ssrc = u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
                            UnprotectError::AuthenticationFailed { ssrc }
                        }
                    };
                    assert_eq!(result, Err(expected), "{suite} {plane} {len}");
                }
            }
            assert!(!is_authenticated(suite, plane) || rxs.made_no_stream());
        }
    }
}

#[test]
fn a_protected_packet_cut_at_any_length_is_refused_unchanged() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            for body in [0, 1, 40, 160] {
                let packet = plain(plane, SSRC, body as u16, &bytes(body));
                let protected = txs.protect(plane, &packet).unwrap();
                for len in 0..protected.len() {
                    let result = match is_authenticated(suite, plane) {
                        true => rxs.unprotect(plane, &protected[..len]),
                        // What is cut from a packet without a tag is not missed, so a receiver for each cut.
                        false => Receivers::of(suite).unprotect(plane, &protected[..len]),
                    };
                    let header = fixed_header(plane);
                    match result {
                        Ok(_) => assert!(!is_authenticated(suite, plane), "{suite} {plane} {len}"),
                        Err(UnprotectError::Malformed(HeaderError::TooShort { .. })) => {
                            assert!(len < header);
                        }
                        Err(UnprotectError::TooShort { length, needed }) => {
                            assert!(len >= header && len < needed);
                            assert_eq!((length, needed), (len, header + txs.overhead(plane)));
                        }
                        Err(UnprotectError::AuthenticationFailed { ssrc }) => {
                            assert_eq!(ssrc, SSRC);
                        }
                        // What is left of a cut SRTCP packet ends in any E bit and any index.
                        Err(UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. }) => {
                            assert_eq!(plane, Plane::Rtcp);
                        }
                        Err(UnprotectError::EncryptionMismatch { .. }) => {
                            assert!(!is_authenticated(suite, plane));
                        }
                        Err(error) => panic!("{suite} {plane} {len}: {error}"),
                    }
                }
                assert_eq!(rxs.unprotect(plane, &protected), Ok(packet));
            }
        }
    }
}

#[test]
fn csrcs_and_header_extension_stay_in_clear_and_the_payload_behind_them_comes_back() {
    for suite in CryptoSuite::ALL {
        let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
        let mut seq = 0;
        for csrcs in 0..=15 {
            for extension in [None, Some(0), Some(1), Some(5)] {
                for payload in [0, 1, 16, 33] {
                    seq += 1;
                    let packet = rtp_with(SSRC, seq, csrcs, extension, &bytes(payload));
                    let header = packet.len() - payload;
                    assert_eq!(header_len(Plane::Rtp, &packet), Ok(header));
                    let protected = txs.protect(Plane::Rtp, &packet).unwrap();
                    assert_eq!(protected[..header], packet[..header]);
                    let in_clear = protected[header..packet.len()] == packet[header..];
                    if payload >= 16 {
                        assert_eq!(in_clear, !suite.encrypts(), "{suite}: payload {payload}");
                    }
                    assert_eq!(rxs.unprotect(Plane::Rtp, &protected), Ok(packet));
                }
            }
        }
    }
}

#[test]
fn csrcs_or_an_extension_that_the_packet_has_no_room_for_are_refused() {
    for suite in CryptoSuite::ALL {
        let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
        let mut refuse = |packet: &[u8], needed: usize| {
            let length = packet.len();
            let error = HeaderError::TooShort { length, needed };
            assert_eq!(header_len(Plane::Rtp, packet), Err(error));
            let protected = txs.protect(Plane::Rtp, packet);
            assert_eq!(protected, Err(ProtectError::Malformed(error)), "{suite}");
            let opened = rxs.unprotect(Plane::Rtp, packet);
            assert_eq!(opened, Err(UnprotectError::Malformed(error)), "{suite}");
        };
        for csrcs in 0..=15u8 {
            let header = 12 + 4 * usize::from(csrcs);
            // CSRCs cut anywhere.
            let whole = rtp_with(SSRC, 1, csrcs, None, &[]);
            for len in 12..header {
                refuse(&whole[..len], header);
            }
            // The X bit, and no or not all of the four bytes that it announces.
            let whole = rtp_with(SSRC, 1, csrcs, Some(0), &[]);
            for len in header..header + 4 {
                refuse(&whole[..len], header + 4);
            }
            // Lengths of one word too many and of as many as there are.
            for words in [0u16, 1, 7] {
                let mut packet = rtp_with(SSRC, 1, csrcs, Some(words), &[]);
                for claimed in [words + 1, 255, 32_768, 65_535] {
                    packet[header + 2..header + 4].copy_from_slice(&claimed.to_be_bytes());
                    refuse(&packet, header + 4 + 4 * usize::from(claimed));
                }
            }
        }
    }
}

#[test]
fn an_extension_that_claims_bytes_of_the_trailer_is_refused() {
    for suite in CryptoSuite::ALL {
        let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
        let packet = rtp_with(SSRC, 1, 2, Some(1), &bytes(8));
        let protected = txs.protect(Plane::Rtp, &packet).unwrap();
        let at = 12 + 2 * 4 + 2;
        // The payload of 8 bytes passes for two words more; a third one has to lie in the tag.
        for words in 4..=(protected.len() - at - 2) / 4 {
            let mut forged = protected.clone();
            forged[at..at + 2].copy_from_slice(&(words as u16).to_be_bytes());
            let needed = at + 2 + words * 4 + txs.overhead(Plane::Rtp);
            let length = forged.len();
            assert_eq!(
                rxs.unprotect(Plane::Rtp, &forged),
                Err(UnprotectError::TooShort { length, needed }),
                "{suite}"
            );
        }
        assert_eq!(rxs.unprotect(Plane::Rtp, &protected), Ok(packet));
    }
}

#[test]
fn an_empty_payload_is_legal() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            let packet = plain(plane, SSRC, 1, &[]);
            assert_eq!(packet.len(), fixed_header(plane));
            let protected = txs.protect(plane, &packet).unwrap();
            assert_eq!(rxs.unprotect(plane, &protected), Ok(packet), "{suite}");
        }
    }
}

#[test]
fn padding_is_neither_checked_nor_stripped() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            // As RFC 3550 has it; a count of 0; a count beyond the packet; a payload of padding alone; none at all.
            let bodies: [&[u8]; 5] = [
                &[1, 2, 3, 4, 0, 0, 0, 4],
                &[1, 2, 3, 0],
                &[1, 2, 3, 255],
                &[0, 0, 0, 4],
                &[],
            ];
            for (seq, body) in (1..).zip(bodies) {
                let mut packet = plain(plane, SSRC, seq, body);
                packet[0] |= 0x20;
                let protected = txs.protect(plane, &packet).unwrap();
                assert_eq!(protected.len(), packet.len() + txs.overhead(plane));
                assert_eq!(rxs.unprotect(plane, &protected), Ok(packet), "{suite}");
            }
        }
    }
}

#[test]
fn versions_other_than_2_are_refused_by_every_entry() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
            let packet = plain(plane, SSRC, 1, &bytes(40));
            let protected = Senders::of(suite).protect(plane, &packet).unwrap();
            for version in [0, 1, 3] {
                let error = HeaderError::Version { version };
                let with_version = |packet: &[u8]| {
                    let mut packet = packet.to_vec();
                    packet[0] = (packet[0] & 0x3f) | (version << 6);
                    packet
                };
                let refused = txs.protect(plane, &with_version(&packet));
                assert_eq!(refused, Err(ProtectError::Malformed(error)), "{suite}");
                let refused = rxs.unprotect(plane, &with_version(&protected));
                assert_eq!(refused, Err(UnprotectError::Malformed(error)), "{suite}");
            }
            assert_eq!(txs.protect(plane, &packet), Ok(protected.clone()));
            assert_eq!(rxs.unprotect(plane, &protected), Ok(packet));
        }
    }
}

#[test]
fn overheads_are_exact_and_those_of_the_rfcs() {
    for suite in CryptoSuite::ALL {
        let (rtp_tag, rtcp_tag) = tags(suite);
        for mki in [0, 1, 4, 128] {
            let keys = || match mki {
                0 => key(suite, 1),
                _ => key(suite, 1).with_mki(Mki::new(&bytes(mki)).unwrap()),
            };
            let mut txs = Senders::new(|| Sender::new(keys()));
            assert_eq!(txs.overhead(Plane::Rtp), rtp_tag + mki, "{suite}");
            assert_eq!(txs.overhead(Plane::Rtcp), 4 + rtcp_tag + mki, "{suite}");
            for plane in PLANES {
                let packet = plain(plane, SSRC, 1, &bytes(20));
                let protected = txs.protect(plane, &packet).unwrap();
                assert_eq!(protected.len(), packet.len() + txs.overhead(plane));
            }
        }
    }
}

#[test]
fn a_builder_without_options_makes_the_same_as_new() {
    for suite in CryptoSuite::ALL {
        for mki in [None, Some(Mki::new(&[7, 7]).unwrap())] {
            let keys = || match &mki {
                None => key(suite, 1),
                Some(mki) => key(suite, 1).with_mki(mki.clone()),
            };
            let mut new = Senders::new(|| Sender::new(keys()));
            let mut built = Senders::new(|| Sender::builder(keys()).build().unwrap());
            let mut rx_new = Receivers::new(|| Receiver::new(keys()));
            let mut rx_built = Receivers::new(|| Receiver::builder(keys()).build().unwrap());
            for plane in PLANES {
                let packet = plain(plane, SSRC, 1, &bytes(40));
                let protected = new.protect(plane, &packet).unwrap();
                assert_eq!(built.protect(plane, &packet).as_ref(), Ok(&protected));
                assert_eq!(rx_new.unprotect(plane, &protected).as_ref(), Ok(&packet));
                assert_eq!(rx_built.unprotect(plane, &protected), Ok(packet), "{suite}");
            }
        }
    }
}

#[test]
fn mkis_of_1_to_128_bytes_stand_in_their_place_and_choose_the_key() {
    for suite in CryptoSuite::ALL {
        for len in 1..=128 {
            let first = Mki::new(&bytes(len + 1)[1..]).unwrap();
            let mut other = first.as_bytes().to_vec();
            other[len - 1] ^= 1;
            let other = Mki::new(&other).unwrap();
            let mut tx = Sender::builder(key(suite, 1).with_mki(first.clone()))
                .add_key(key(suite, 2).with_mki(other.clone()))
                .build()
                .unwrap();
            let mut rx = Receiver::builder(key(suite, 2).with_mki(other.clone()))
                .add_key(key(suite, 1).with_mki(first.clone()))
                .build()
                .unwrap();
            for (seq, mki) in [(1, &first), (2, &other), (3, &first)] {
                tx.select_key(mki).unwrap();
                for plane in PLANES {
                    let packet = plain(plane, SSRC, seq, &bytes(20));
                    let protected = protect(&mut tx, plane, &packet).unwrap();
                    assert_eq!(protected.len(), packet.len() + overhead(&tx, plane));
                    let end = match suite.is_aead() {
                        true => protected.len(),
                        false => protected.len() - tag(suite, plane),
                    };
                    assert_eq!(protected[end - len..end], *mki.as_bytes(), "{suite}");
                    assert_eq!(unprotect(&mut rx, plane, &protected), Ok(packet), "{suite}");
                }
            }
            // A receiver that has one of the two keys only cannot take the packets of the other.
            let mut rx = Receivers::new(|| Receiver::new(key(suite, 2).with_mki(other.clone())));
            for plane in PLANES {
                let protected = protect(&mut tx, plane, &plain(plane, SSRC, 9, &[])).unwrap();
                let unknown = UnprotectError::UnknownMki { ssrc: SSRC };
                assert_eq!(rx.unprotect(plane, &protected), Err(unknown), "{suite}");
            }
        }
    }
}

#[test]
fn a_buffer_too_small_to_protect_into_is_refused_with_the_length_that_is_needed_and_uses_no_index()
{
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mki = Mki::new(&[1, 2, 3]).unwrap();
            let sender = || Sender::new(key(suite, 1).with_mki(mki.clone()));
            let (mut in_place, mut between, mut twin) = (sender(), sender(), sender());
            let mut state = twin.export_state();
            for seq in [1, 2] {
                let packet = plain(plane, SSRC, seq, &bytes(20));
                let needed = packet.len() + overhead(&twin, plane);
                for size in 0..needed {
                    let mut out = vec![FILL; size];
                    let refused = match plane {
                        Plane::Rtp => between.protect_rtp_into(&packet, &mut out),
                        Plane::Rtcp => between.protect_rtcp_into(&packet, &mut out),
                    };
                    assert_eq!(refused, Err(ProtectError::BufferTooSmall { needed }));
                    assert_eq!(out, vec![FILL; size]);
                }
                for size in 0..needed {
                    let mut buf = packet.clone();
                    buf.resize(size, FILL);
                    let before = buf.clone();
                    let refused = match plane {
                        Plane::Rtp => in_place.protect_rtp(&mut buf, packet.len()),
                        Plane::Rtcp => in_place.protect_rtcp(&mut buf, packet.len()),
                    };
                    assert_eq!(refused, Err(ProtectError::BufferTooSmall { needed }));
                    assert_eq!(buf, before);
                }
                // Nor is there room for a length that no packet has.
                let mut buf = packet.clone();
                let refused = match plane {
                    Plane::Rtp => in_place.protect_rtp(&mut buf, usize::MAX).is_err(),
                    Plane::Rtcp => in_place.protect_rtcp(&mut buf, usize::MAX).is_err(),
                };
                assert!(refused && buf == packet);
                // What is refused for another reason uses no index either.
                let refused = protect(&mut between, plane, &packet[..5]);
                assert!(matches!(refused, Err(ProtectError::Malformed(_))));
                let states = [in_place.export_state(), between.export_state()];
                assert!(states == [&state[..], &state], "{suite}: a trace");

                let expected = protect(&mut twin, plane, &packet);
                assert_eq!(protect(&mut in_place, plane, &packet), expected, "{suite}");
                assert_eq!(protect(&mut between, plane, &packet), expected, "{suite}");
                assert_eq!(in_place.roc(SSRC), twin.roc(SSRC));
                assert!(in_place.keys().eq(twin.keys()), "{suite}: key usage");
                assert!(between.keys().eq(twin.keys()), "{suite}: key usage");
                state = twin.export_state();
            }
        }
    }
}

#[test]
fn a_buffer_too_small_for_a_first_packet_makes_no_stream() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let packet = plain(plane, SSRC, 1, &bytes(20));
            let mut tx = Sender::new(key(suite, 1));
            let mut out = vec![FILL; packet.len() + overhead(&tx, plane) - 1];
            let refused = match plane {
                Plane::Rtp => tx.protect_rtp_into(&packet, &mut out).err(),
                Plane::Rtcp => tx.protect_rtcp_into(&packet, &mut out).err(),
            };
            assert!(refused.is_some(), "{suite}");
            let new = Sender::new(key(suite, 1)).export_state();
            assert!(tx.export_state() == new, "{suite}: a trace");

            let protected = protect(&mut tx, plane, &packet).unwrap();
            let mut rx = Receiver::new(key(suite, 1));
            let mut out = vec![FILL; packet.len() - 1];
            let refused = match plane {
                Plane::Rtp => rx.unprotect_rtp_into(&protected, &mut out).err(),
                Plane::Rtcp => rx.unprotect_rtcp_into(&protected, &mut out).err(),
            };
            assert!(refused.is_some(), "{suite}");
            let new = Receiver::new(key(suite, 1)).export_state();
            assert!(rx.export_state() == new, "{suite}: a trace");
        }
    }
}

#[test]
fn a_buffer_too_small_to_unprotect_into_is_refused_and_the_packet_is_acceptable_afterwards() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = (Sender::new(key(suite, 1)), Receiver::new(key(suite, 1)));
            for (seq, body) in [(1, 0), (2, 20), (3, 1)] {
                let packet = plain(plane, SSRC, seq, &bytes(body));
                let protected = protect(&mut tx, plane, &packet).unwrap();
                let state = rx.export_state();
                let mut unprotect_into = |out: &mut [u8]| match plane {
                    Plane::Rtp => rx.unprotect_rtp_into(&protected, out).map(|p| p.to_vec()),
                    Plane::Rtcp => rx.unprotect_rtcp_into(&protected, out).map(|p| p.to_vec()),
                };
                for size in 0..packet.len() {
                    let mut out = vec![FILL; size];
                    let needed = packet.len();
                    let refused = Err(UnprotectError::BufferTooSmall { needed });
                    assert_eq!(unprotect_into(&mut out), refused, "{suite} {plane}");
                    assert_eq!(out, vec![FILL; size]);
                }
                assert!(rx.export_state() == state, "{suite}: a trace");
                let mut out = vec![FILL; packet.len()];
                let opened = match plane {
                    Plane::Rtp => rx.unprotect_rtp_into(&protected, &mut out),
                    Plane::Rtcp => rx.unprotect_rtcp_into(&protected, &mut out),
                };
                assert_eq!(opened.map(|p| p.to_vec()).as_ref(), Ok(&packet), "{suite}");
                assert_eq!(out, packet);
            }
        }
    }
}

/// The word of E bit and SRTCP index in a packet of `suite`, without an MKI.
fn esrtcp_word(suite: CryptoSuite, protected: &[u8], tag: usize) -> u32 {
    let end = match suite.is_aead() {
        true => protected.len(),
        false => protected.len() - tag,
    };
    u32::from_be_bytes(protected[end - 4..end].try_into().unwrap())
}

fn sender(suite: CryptoSuite, options: impl Fn(SenderBuilder) -> SenderBuilder) -> Sender {
    options(Sender::builder(key(suite, 1))).build().unwrap()
}

fn receiver(suite: CryptoSuite, options: impl Fn(ReceiverBuilder) -> ReceiverBuilder) -> Receiver {
    options(Receiver::builder(key(suite, 1))).build().unwrap()
}

#[test]
fn without_options_payloads_are_enciphered_and_the_e_bit_says_so() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let packet = plain(plane, SSRC, 1, &bytes(40));
            let protected = Senders::of(suite).protect(plane, &packet).unwrap();
            let header = fixed_header(plane);
            let in_clear = protected[header..packet.len()] == packet[header..];
            assert_eq!(in_clear, !suite.encrypts(), "{suite} {plane}");
            if plane == Plane::Rtcp {
                let word = esrtcp_word(suite, &protected, tag(suite, plane));
                assert_eq!(word, u32::from(suite.encrypts()) << 31, "{suite}: index 0");
            }
        }
    }
}

#[test]
fn unencrypted_srtp_travels_in_clear_with_a_tag_and_aead_refuses_it() {
    for suite in CryptoSuite::ALL {
        let tx = || Sender::builder(key(suite, 1)).unencrypted_srtp();
        let rx = || Receiver::builder(key(suite, 1)).unencrypted_srtp();
        if suite.is_aead() {
            let refused = BuildError::AeadUnencrypted { suite };
            assert_eq!(tx().build().err(), Some(refused));
            assert_eq!(rx().build().err(), Some(refused));
            continue;
        }
        let mut txs = Senders::new(|| tx().build().unwrap());
        let mut rxs = Receivers::new(|| rx().build().unwrap());
        let packet = rtp_with(SSRC, 1, 1, Some(1), &bytes(40));
        let protected = txs.protect(Plane::Rtp, &packet).unwrap();
        assert_eq!(protected[..packet.len()], packet, "{suite}: in clear");
        assert_eq!(protected.len(), packet.len() + tags(suite).0, "{suite}");
        if is_authenticated(suite, Plane::Rtp) {
            for at in 0..protected.len() {
                let mut forged = protected.clone();
                forged[at] ^= 0x40;
                assert!(rxs.unprotect(Plane::Rtp, &forged).is_err(), "{suite} {at}");
            }
        }
        assert_eq!(rxs.unprotect(Plane::Rtp, &protected), Ok(packet), "{suite}");

        // The option is for SRTP: SRTCP is what it is without.
        let packet = rtcp(SSRC, &bytes(40));
        let protected = txs.protect(Plane::Rtcp, &packet);
        assert_eq!(protected, Senders::of(suite).protect(Plane::Rtcp, &packet));
        assert_eq!(rxs.unprotect(Plane::Rtcp, &protected.unwrap()), Ok(packet));
    }
}

#[test]
fn unencrypted_srtcp_travels_in_clear_with_a_tag_and_without_the_e_bit_in_every_suite() {
    for suite in CryptoSuite::ALL {
        let mut txs = Senders::new(|| sender(suite, SenderBuilder::unencrypted_srtcp));
        let mut rxs = Receivers::new(|| receiver(suite, ReceiverBuilder::unencrypted_srtcp));
        for index in 0..3 {
            let packet = rtcp(SSRC, &bytes(40));
            let protected = txs.protect(Plane::Rtcp, &packet).unwrap();
            assert_eq!(protected[..packet.len()], packet, "{suite}: in clear");
            assert_eq!(protected.len(), packet.len() + 4 + tags(suite).1, "{suite}");
            let word = esrtcp_word(suite, &protected, tags(suite).1);
            assert_eq!(word, index, "{suite}: E = 0");
            // Under AEAD too every byte of such a packet is authenticated (RFC 7714 §9.3).
            if is_authenticated(suite, Plane::Rtcp) {
                for at in 0..protected.len() {
                    for flip in [0x01, 0x40, 0x80] {
                        let mut forged = protected.clone();
                        forged[at] ^= flip;
                        assert!(rxs.unprotect(Plane::Rtcp, &forged).is_err(), "{suite} {at}");
                    }
                }
            }
            assert_eq!(
                rxs.unprotect(Plane::Rtcp, &protected),
                Ok(packet),
                "{suite}"
            );
        }
        // The option is for SRTCP: SRTP is what it is without.
        let packet = rtp(SSRC, 1, &bytes(40));
        let protected = txs.protect(Plane::Rtp, &packet);
        assert_eq!(protected, Senders::of(suite).protect(Plane::Rtp, &packet));
        assert_eq!(rxs.unprotect(Plane::Rtp, &protected.unwrap()), Ok(packet));
    }
}

#[test]
fn unauthenticated_srtp_has_no_tag_and_aead_refuses_it() {
    for suite in CryptoSuite::ALL {
        let tx = || Sender::builder(key(suite, 1)).unauthenticated_srtp();
        let rx = || Receiver::builder(key(suite, 1)).unauthenticated_srtp();
        if suite.is_aead() {
            let refused = BuildError::AeadUnauthenticated { suite };
            assert_eq!(tx().build().err(), Some(refused));
            assert_eq!(rx().build().err(), Some(refused));
            continue;
        }
        let mut txs = Senders::new(|| tx().build().unwrap());
        let mut rxs = Receivers::new(|| rx().build().unwrap());
        let packet = rtp(SSRC, 1, &bytes(40));
        let protected = txs.protect(Plane::Rtp, &packet).unwrap();
        let with_tag = Senders::of(suite).protect(Plane::Rtp, &packet).unwrap();
        assert_eq!(protected, with_tag[..packet.len()], "{suite}");
        assert_eq!(rxs.unprotect(Plane::Rtp, &protected), Ok(packet), "{suite}");

        let packet = rtcp(SSRC, &bytes(40));
        let protected = txs.protect(Plane::Rtcp, &packet);
        assert_eq!(protected, Senders::of(suite).protect(Plane::Rtcp, &packet));
        assert_eq!(rxs.unprotect(Plane::Rtcp, &protected.unwrap()), Ok(packet));

        // With both options the SRTP packet is the RTP packet.
        let mut tx = tx().unencrypted_srtp().build().unwrap();
        let packet = rtp(SSRC, 1, &bytes(40));
        assert_eq!(protect(&mut tx, Plane::Rtp, &packet), Ok(packet));
    }
}

#[test]
fn a_key_of_a_suite_that_the_options_do_not_go_with_is_refused_and_the_old_one_stays() {
    type Options = (
        fn(SenderBuilder) -> SenderBuilder,
        fn(ReceiverBuilder) -> ReceiverBuilder,
        fn(CryptoSuite) -> Option<BuildError>,
    );
    let options: [Options; 3] = [
        (
            SenderBuilder::unencrypted_srtp,
            ReceiverBuilder::unencrypted_srtp,
            |suite| {
                suite
                    .is_aead()
                    .then_some(BuildError::AeadUnencrypted { suite })
            },
        ),
        (
            SenderBuilder::unauthenticated_srtp,
            ReceiverBuilder::unauthenticated_srtp,
            |suite| {
                suite
                    .is_aead()
                    .then_some(BuildError::AeadUnauthenticated { suite })
            },
        ),
        (
            |tx| tx.srtcp_tag(SrtcpTag::Bytes4),
            |rx| rx.srtcp_tag(SrtcpTag::Bytes4),
            |suite| (tags(suite) != (4, 10)).then_some(BuildError::SrtcpTag { suite, bytes: 4 }),
        ),
    ];
    let old = CryptoSuite::AesCm128HmacSha1_32;
    for (tx_option, rx_option, refusal) in options {
        for suite in CryptoSuite::ALL {
            let (mut tx, mut rx) = (sender(old, tx_option), receiver(old, rx_option));
            let mut twin = sender(old, tx_option);
            assert_eq!(tx.rekey(key(suite, 2)).err(), refusal(suite), "{suite}");
            assert_eq!(rx.rekey(key(suite, 2)).err(), refusal(suite), "{suite}");
            let stays = refusal(suite).is_some();
            for plane in PLANES {
                let packet = plain(plane, SSRC, 1, &bytes(20));
                let protected = protect(&mut tx, plane, &packet).unwrap();
                let of_old = protect(&mut twin, plane, &packet).unwrap();
                assert_eq!(protected == of_old, stays, "{suite}");
                assert_eq!(unprotect(&mut rx, plane, &protected), Ok(packet), "{suite}");
            }
        }
    }
}

#[test]
fn srtcp_tags_of_4_and_10_bytes_go_with_the_suites_that_have_them_and_no_others() {
    for suite in CryptoSuite::ALL {
        let (rtp_tag, of_suite) = tags(suite);
        for (option, bytes_, allowed) in [
            (SrtcpTag::OfSuite, of_suite, true),
            (SrtcpTag::Bytes4, 4, rtp_tag == 4),
            (SrtcpTag::Bytes10, 10, !suite.is_aead()),
        ] {
            let tx = || Sender::builder(key(suite, 1)).srtcp_tag(option);
            let rx = || Receiver::builder(key(suite, 1)).srtcp_tag(option);
            if !allowed {
                let bytes = bytes_;
                let refused = BuildError::SrtcpTag { suite, bytes };
                assert_eq!(tx().build().err(), Some(refused));
                assert_eq!(rx().build().err(), Some(refused));
                continue;
            }
            let mut txs = Senders::new(|| tx().build().unwrap());
            let mut rxs = Receivers::new(|| rx().build().unwrap());
            let packet = rtcp(SSRC, &bytes(40));
            let protected = txs.protect(Plane::Rtcp, &packet).unwrap();
            assert_eq!(protected.len(), packet.len() + 4 + bytes_, "{suite}");
            let word = esrtcp_word(suite, &protected, bytes_);
            assert_eq!(word, u32::from(suite.encrypts()) << 31, "{suite}");
            for at in (0..protected.len()).filter(|_| bytes_ != 0) {
                let mut forged = protected.clone();
                forged[at] ^= 1;
                assert!(rxs.unprotect(Plane::Rtcp, &forged).is_err(), "{suite} {at}");
            }
            assert_eq!(
                rxs.unprotect(Plane::Rtcp, &protected),
                Ok(packet),
                "{suite}"
            );
            // The option is for SRTCP alone.
            let packet = rtp(SSRC, 1, &bytes(40));
            let protected = txs.protect(Plane::Rtp, &packet);
            assert_eq!(protected, Senders::of(suite).protect(Plane::Rtp, &packet));
        }
    }
}

#[test]
fn a_receiver_of_either_srtcp_tag_takes_4_and_10_bytes_in_any_order() {
    for suite in CryptoSuite::ALL {
        let either = |tag| {
            let rx = Receiver::builder(key(suite, 1)).srtcp_tag(tag);
            rx.accept_either_srtcp_tag().build()
        };
        if tags(suite) != (4, 10) {
            let refused = Some(BuildError::SrtcpTag { suite, bytes: 4 });
            assert_eq!(either(SrtcpTag::OfSuite).err(), refused);
            continue;
        }
        for base in [SrtcpTag::OfSuite, SrtcpTag::Bytes4, SrtcpTag::Bytes10] {
            let mut rxs = Receivers::new(|| either(base).unwrap());
            let mut long = sender(suite, |tx| tx);
            let mut short = sender(suite, |tx| tx.srtcp_tag(SrtcpTag::Bytes4));
            let mut strict = Receiver::new(key(suite, 1));
            // Two senders count alike, so each index is sent twice; the second is a replay.
            for (n, first_short) in [true, true, false, false, true, false]
                .into_iter()
                .enumerate()
            {
                let packet = rtcp(SSRC, &bytes(4 * n));
                let with_10 = protect(&mut long, Plane::Rtcp, &packet).unwrap();
                let with_4 = protect(&mut short, Plane::Rtcp, &packet).unwrap();
                assert_eq!(with_10.len(), with_4.len() + 6);
                let (first, second) = match first_short {
                    true => (&with_4, &with_10),
                    false => (&with_10, &with_4),
                };
                for protected in [first, second] {
                    for at in 0..protected.len() {
                        let mut forged = protected.clone();
                        forged[at] ^= 1;
                        assert!(rxs.unprotect(Plane::Rtcp, &forged).is_err(), "{suite} {at}");
                    }
                }
                let opened = rxs.unprotect(Plane::Rtcp, first);
                assert_eq!(opened.as_ref(), Ok(&packet), "{suite} {n}");
                assert!(rxs.unprotect(Plane::Rtcp, second).is_err(), "{suite} {n}");
                assert!(rxs.unprotect(Plane::Rtcp, first).is_err(), "{suite} {n}");
                // Who does not ask for it takes the suite's tag only.
                assert!(unprotect(&mut strict, Plane::Rtcp, &with_4).is_err());
                assert_eq!(unprotect(&mut strict, Plane::Rtcp, &with_10), Ok(packet));
            }
        }
    }
}

#[test]
fn an_unexpected_e_bit_is_refused_after_authentication_or_taken_as_the_policy_says() {
    for suite in CryptoSuite::ALL {
        for in_clear in [false, true] {
            let mut tx = sender(suite, |tx| match in_clear {
                true => tx.unencrypted_srtcp(),
                false => tx,
            });
            let contrary = |policy| {
                receiver(suite, |rx| match in_clear {
                    true => rx.e_bit(policy),
                    false => rx.unencrypted_srtcp().e_bit(policy),
                })
            };
            let mut strict = Receivers::new(|| contrary(EBitPolicy::AsAgreed));
            let mut lenient = Receivers::new(|| contrary(EBitPolicy::AcceptEither));
            for body in [0, 1, 40] {
                let packet = rtcp(SSRC, &bytes(body));
                let protected = protect(&mut tx, Plane::Rtcp, &packet).unwrap();
                for at in 4..protected.len() {
                    if !is_authenticated(suite, Plane::Rtcp) {
                        break;
                    }
                    let mut forged = protected.clone();
                    forged[at] ^= 1;
                    let ssrc = u32::from_be_bytes(forged[4..8].try_into().unwrap());
                    let refused = strict.unprotect(Plane::Rtcp, &forged).unwrap_err();
                    if suite.encrypts() {
                        let failed = UnprotectError::AuthenticationFailed { ssrc };
                        assert_eq!(refused, failed, "{suite}: the tag is looked at first");
                    }
                }
                if suite.encrypts() {
                    let encrypted = !in_clear;
                    let mismatch = UnprotectError::EncryptionMismatch {
                        ssrc: SSRC,
                        encrypted,
                    };
                    for _ in 0..2 {
                        let refused = strict.unprotect(Plane::Rtcp, &protected);
                        assert_eq!(refused, Err(mismatch), "{suite}");
                    }
                    assert!(strict.made_no_stream(), "{suite}");
                } else {
                    // What no cipher touches is the same with either bit.
                    let opened = strict.unprotect(Plane::Rtcp, &protected);
                    assert_eq!(opened.as_ref(), Ok(&packet), "{suite}");
                }
                assert_eq!(
                    lenient.unprotect(Plane::Rtcp, &protected),
                    Ok(packet),
                    "{suite}"
                );
            }
        }
    }
}

#[test]
fn null_suites_send_e_0_and_accept_e_1() {
    // Suites of one length of key authenticate SRTCP alike, so that a suite that enciphers makes the packet with E = 1.
    for (null, enciphering) in [
        (
            CryptoSuite::NullHmacSha1_80,
            CryptoSuite::AesCm128HmacSha1_80,
        ),
        (
            CryptoSuite::NullHmacSha1_32,
            CryptoSuite::AesCm128HmacSha1_32,
        ),
    ] {
        let packet = rtcp(SSRC, &[]);
        let e_0 = Senders::of(null).protect(Plane::Rtcp, &packet).unwrap();
        let e_1 = Senders::of(enciphering)
            .protect(Plane::Rtcp, &packet)
            .unwrap();
        assert_eq!(esrtcp_word(null, &e_0, 10), 0, "{null}");
        assert_eq!(esrtcp_word(null, &e_1, 10), 1 << 31, "{null}");
        for option in [|rx: ReceiverBuilder| rx, ReceiverBuilder::unencrypted_srtcp] {
            for protected in [&e_0, &e_1] {
                let mut rxs = Receivers::new(|| receiver(null, option));
                let opened = rxs.unprotect(Plane::Rtcp, protected);
                assert_eq!(opened.as_ref(), Ok(&packet), "{null}");
            }
        }
    }
}

#[test]
fn reduced_size_rtcp_of_any_packet_type_is_accepted() {
    for suite in CryptoSuite::ALL {
        let (mut txs, mut rxs) = (Senders::of(suite), Receivers::of(suite));
        for packet_type in 0..=255 {
            // 8 bytes and no compound (RFC 5506); lengths that are no words.
            for body in [0, 1, 2, 3, 12] {
                let mut packet = rtcp(SSRC, &bytes(body));
                packet[0] |= packet_type & 0x1f;
                packet[1] = packet_type;
                let protected = txs.protect(Plane::Rtcp, &packet).unwrap();
                assert_eq!(
                    rxs.unprotect(Plane::Rtcp, &protected),
                    Ok(packet),
                    "{suite}"
                );
            }
        }
    }
}

#[test]
fn a_receiver_of_either_srtcp_tag_tells_an_unexpected_e_bit_under_the_other_length_too() {
    for suite in CryptoSuite::ALL
        .into_iter()
        .filter(|suite| suite.rtp_tag_len() == 4)
    {
        if !suite.encrypts() {
            continue;
        }
        let builder = Sender::builder(key(suite, 1)).srtcp_tag(SrtcpTag::Bytes4);
        let mut sender = builder.unencrypted_srtcp().build().unwrap();
        let builder = Receiver::builder(key(suite, 1)).accept_either_srtcp_tag();
        let mut receiver = builder.build().unwrap();
        for body in [0, 40] {
            let mut packet = rtcp(7, &bytes(body));
            sender.protect_rtcp_vec(&mut packet).unwrap();
            let (ssrc, encrypted) = (7, false);
            let mismatch = Err(UnprotectError::EncryptionMismatch { ssrc, encrypted });
            assert_eq!(
                receiver.unprotect_rtcp_vec(&mut packet),
                mismatch,
                "{suite}"
            );
        }
    }
}
