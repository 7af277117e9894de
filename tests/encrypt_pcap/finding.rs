//! What is taken for media, and what never is.

use super::check::{compare, packets};
use super::make::{address, call_v4, capture, rtcp, rtp, udp_packet};
use super::run::{Place, Run};

const ALICE: &str = "192.0.2.1:4000";
const BOB: &str = "198.51.100.2:5000";

/// Encrypts a capture and returns which packets changed, all of which decrypt.
#[track_caller]
fn changed(packets: &[Vec<u8>], arguments: &[&str]) -> (Vec<usize>, Run) {
    let capture = capture(packets);
    let place = Place::with(&capture);
    let run = place.encrypt(arguments);
    let keys = place.read_text("keys");
    (compare(&capture, &place.read("out"), &keys, 14), run)
}

/// RTP packets from one address to another.
fn stream(from: &str, to: &str, ssrc: u32, count: u16) -> Vec<Vec<u8>> {
    let one = |seq: u16| {
        let packet = rtp(ssrc, seq, 160 * u32::from(seq), &[seq as u8; 160]);
        udp_packet(address(from), address(to), &packet)
    };
    (0..count).map(one).collect()
}

/// A SIP message with this session description.
fn sip(description: &str) -> Vec<u8> {
    let length = description.len();
    format!(
        "INVITE sip:bob@example.com SIP/2.0\r\nContent-Type: application/sdp\r\nl: {length}\r\n\r\n{description}"
    )
    .into_bytes()
}

fn invite(description: &str) -> Vec<u8> {
    udp_packet(
        address("192.0.2.1:5060"),
        address("192.0.2.9:5060"),
        &sip(description),
    )
}

const PLAIN: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

#[test]
fn never_takes_sip_dns_stun_dtls_or_turn_for_media() {
    let mut other = Vec::new();
    for nth in 0..20_u8 {
        let nth16 = u16::from(nth);
        let mut add = |from: &str, to: &str, payload: &[u8]| {
            other.push(udp_packet(address(from), address(to), payload));
        };
        add(
            "192.0.2.1:5060",
            "192.0.2.9:5060",
            b"OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n",
        );
        // A DNS query whose random number happens to begin with the version of RTP.
        let dns = [
            &[0x80, nth, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
            b"\x07example\x03com\0\0\x01\0\x01",
        ];
        add("192.0.2.1:40053", "192.0.2.9:53", &dns.concat());
        add(
            "192.0.2.1:40054",
            "192.0.2.9:5353",
            &rtp(1, nth16, 0, &[0; 20]),
        );
        let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[nth; 12]].concat();
        add(ALICE, BOB, &stun);
        let dtls = [
            &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, nth, 0, 4][..],
            &[0; 4],
        ]
        .concat();
        add("192.0.2.1:40055", "192.0.2.9:4433", &dtls);
        let channel = [&[0x40, 0, 0, 172][..], &rtp(1, nth16, 0, &[0; 160])].concat();
        add("192.0.2.1:40056", "192.0.2.9:3478", &channel);
        // The version of RTP, but a sequence that does not advance, and one that jumps.
        add(
            "192.0.2.1:40057",
            "192.0.2.9:9000",
            &rtp(1, 77, 0, &[nth; 20]),
        );
        add(
            "192.0.2.1:40058",
            "192.0.2.9:9000",
            &rtp(1, nth16.wrapping_mul(9973), 0, &[0; 20]),
        );
        add(
            "192.0.2.1:40059",
            "192.0.2.9:9000",
            &rtp(u32::from(nth) << 24, nth16, 0, &[0; 20]),
        );
    }
    let call = call_v4();
    let packets = [other.clone(), call.clone()].concat();
    let (found, run) = changed(&packets, &["--no-sdp"]);
    let expected: Vec<usize> = (other.len()..packets.len()).collect();
    assert_eq!(found, expected);
    assert!(
        run.stdout.contains("20  STUN between media"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("160  UDP that is no media to encrypt"),
        "{}",
        run.stdout
    );
}

#[test]
fn takes_a_stream_by_its_looks_only_when_it_is_long_enough_to_be_sure() {
    let short = stream(ALICE, BOB, 1, 4);
    let long = stream("192.0.2.1:4002", "198.51.100.2:5002", 2, 5);
    let (found, run) = changed(&[short, long].concat(), &[]);
    assert_eq!(found, [4, 5, 6, 7, 8]);
    let said = format!("left alone: {ALICE} -> {BOB}: looks like RTP, but 4 packets in sequence");
    assert!(run.stdout.contains(&said), "{}", run.stdout);
}

#[test]
fn takes_rtcp_by_its_looks_only_beside_rtp_of_the_same_ssrc() {
    let mut packets = stream(ALICE, BOB, 1, 6);
    let rtcp_of = |from: &str, to: &str, ssrc| udp_packet(address(from), address(to), &rtcp(ssrc));
    packets.push(rtcp_of("192.0.2.1:4001", "198.51.100.2:5001", 1));
    packets.push(rtcp_of("192.0.2.1:4001", "198.51.100.2:5001", 1));
    packets.push(rtcp_of("192.0.2.1:4001", "198.51.100.2:6001", 2));
    packets.push(rtcp_of("192.0.2.7:4001", "198.51.100.2:5001", 1));
    // On the port of RTP itself (RFC 5761).
    packets.push(rtcp_of(ALICE, BOB, 1));
    let (found, _) = changed(&packets, &[]);
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7, 10]);
}

#[test]
fn encrypts_the_reports_of_an_endpoint_that_only_listens() {
    let mut packets = stream(ALICE, BOB, 1, 6);
    // A receiver report of SSRC 9 with one report block, on SSRC 1.
    let report = [&[0x81, 201, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1][..], &[0; 20]].concat();
    packets.push(udp_packet(
        address("198.51.100.2:5001"),
        address("192.0.2.1:4001"),
        &report,
    ));
    let (found, run) = changed(&packets, &[]);
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6]);
    assert!(run.stdout.contains("wrote 2 fresh keys"), "{}", run.stdout);
}

#[test]
fn sdp_makes_a_single_packet_certain_by_where_it_goes_to_or_comes_from() {
    let mut packets = vec![invite(PLAIN)];
    packets.extend(stream(BOB, ALICE, 1, 1));
    packets.extend(stream(ALICE, BOB, 2, 1));
    packets.extend(stream(BOB, "192.0.2.1:4444", 3, 1));
    let (found, run) = changed(&packets, &[]);
    assert_eq!(found, [1, 2]);
    assert!(run.stdout.contains(" SDP\n"), "{}", run.stdout);
}

#[test]
fn reads_where_sdp_puts_rtcp() {
    let elsewhere = format!("{PLAIN}a=rtcp:7777 IN IP4 192.0.2.5\r\n");
    let mut packets = vec![invite(&elsewhere)];
    packets.extend(stream(BOB, ALICE, 1, 1));
    packets.push(udp_packet(
        address("198.51.100.2:9999"),
        address("192.0.2.5:7777"),
        &rtcp(1),
    ));
    packets.push(udp_packet(
        address("198.51.100.2:5001"),
        address("192.0.2.1:4001"),
        &rtcp(1),
    ));
    let capture = capture(&packets);
    let place = Place::with(&capture);
    place.encrypt(&["--no-heuristic"]);
    let (before, after) = (
        super::check::packets(&capture),
        super::check::packets(&place.read("out")),
    );
    let same: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(one, other)| one == other)
        .collect();
    assert_eq!(same, [true, false, false, true]);
}

#[test]
fn reads_sdp_over_tcp_and_in_one_part_of_several() {
    let parts = format!(
        "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{PLAIN}--x--\r\n"
    );
    let tcp = [
        &[0x13, 0xC4, 0x13, 0xC4][..],
        &[0; 8],
        &[0x50, 0x18, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    // Two messages in one segment; the description is in the second.
    let segment = [
        tcp,
        b"SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n".to_vec(),
        sip(&parts),
    ]
    .concat();
    let (from, to) = (
        address("192.0.2.1:5060").ip(),
        address("192.0.2.9:5060").ip(),
    );
    let mut packets = vec![super::make::ip(from, to, 6, &[], &segment)];
    packets.extend(stream(BOB, ALICE, 1, 2));
    assert_eq!(changed(&packets, &[]).0, [1, 2]);
}

#[test]
fn reads_sdp_that_goes_on_in_further_tcp_segments() {
    let message = sip(PLAIN);
    let (from, to) = (address("192.0.2.1:5060"), address("192.0.2.9:5060"));
    let (head, tail) = message.split_at(message.len() - 40);
    // The middle comes twice, and after the end.
    let (start, middle) = head.split_at(50);
    let parts = [(0, start), (head.len(), tail), (50, middle), (50, middle)];
    let mut packets: Vec<Vec<u8>> = parts
        .into_iter()
        .map(|(at, part)| {
            let mut segment = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
            segment.extend((7 + at as u32).to_be_bytes());
            segment.extend([0, 0, 0, 0, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
            segment.extend(part);
            super::make::ip(from.ip(), to.ip(), 6, &[], &segment)
        })
        .collect();
    // Too few packets for the heuristic.
    packets.extend(stream(BOB, ALICE, 1, 3));
    let (found, run) = changed(&packets, &[]);
    assert_eq!(found, [4, 5, 6]);
    assert!(!run.stderr.contains("not whole"), "{}", run.stderr);
}

#[test]
fn says_when_a_description_is_not_whole() {
    let whole = sip(PLAIN);
    let cut = &whole[..whole.len() - 30];
    let mut packets = vec![udp_packet(
        address("192.0.2.1:5060"),
        address("192.0.2.9:5060"),
        cut,
    )];
    packets.extend(stream(BOB, ALICE, 1, 6));
    let (_, run) = changed(&packets, &[]);
    assert!(
        run.stderr
            .contains("1 SIP messages have a session description that is not whole")
    );
}

#[test]
fn leaves_what_is_srtp_already_alone_and_says_why() {
    let savp = PLAIN.replace("RTP/AVP", "RTP/SAVP");
    let by_sdp = [vec![invite(&savp)], stream(BOB, ALICE, 1, 8)].concat();
    // SRTCP ends on an index and a tag behind the compound.
    let srtcp = [&rtcp(1)[..], &[0x80, 0, 0, 1], &[7; 10]].concat();
    let srtcp = udp_packet(
        address("198.51.100.2:5001"),
        address("192.0.2.1:4001"),
        &srtcp,
    );
    let by_rtcp = [stream(BOB, ALICE, 1, 8), vec![srtcp]].concat();
    let hello = [&[22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4][..], &[0; 4]].concat();
    let hello = |from, to| vec![udp_packet(address(from), address(to), &hello)];
    let by_dtls = [hello(BOB, ALICE), stream(BOB, ALICE, 1, 8)].concat();
    let by_dtls_back = [hello(ALICE, BOB), stream(BOB, ALICE, 1, 8)].concat();
    let tagged = |seq: u16| udp_packet(address(BOB), address(ALICE), &rtp(1, seq, 0, &[3; 170]));
    let by_length: Vec<Vec<u8>> = (0..8).map(tagged).collect();
    let cases = [
        (by_sdp, "its SDP says"),
        (by_rtcp, "its RTCP is SRTCP"),
        (by_dtls, "a DTLS handshake"),
        (by_dtls_back, "a DTLS handshake"),
        (by_length, "packets longer than its codec makes them"),
    ];
    for (packets, why) in cases {
        let place = Place::with(&capture(&packets));
        let run = place.run(&["in", "out"]);
        assert!(
            run.expect_error().contains("no RTP found"),
            "{}",
            run.stderr
        );
        let said = format!("left alone: {BOB} -> {ALICE}: SRTP already");
        assert!(
            run.stdout.contains(&said) && run.stdout.contains(why),
            "{}",
            run.stdout
        );
        let (forced, _) = changed(&packets, &["--even-srtp"]);
        assert!(forced.len() >= 8);
    }
}

#[test]
fn an_answer_decides_what_an_offer_leaves_open() {
    let offer = format!("{PLAIN}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n");
    let answer = PLAIN
        .replace("192.0.2.1", "198.51.100.2")
        .replace("4000", "5000");
    let media = [stream(ALICE, BOB, 1, 8), stream(BOB, ALICE, 2, 8)].concat();
    let plain = [vec![invite(&offer), invite(&answer)], media.clone()].concat();
    assert_eq!(changed(&plain, &[]).0.len(), 16);
    let savp = answer.replace("RTP/AVP", "RTP/SAVP");
    let secure = [vec![invite(&offer), invite(&savp)], media].concat();
    Place::with(&capture(&secure))
        .run(&["in", "out"])
        .expect_error();
}

#[test]
fn takes_just_the_ports_it_is_told() {
    let mut packets = call_v4();
    let call = packets.len();
    packets.extend(stream("192.0.2.1:6000", "198.51.100.2:7000", 3, 8));
    let all: Vec<usize> = (0..call).collect();
    for rule in [
        "4000",
        "5000",
        "192.0.2.1:4000",
        "3998-4000",
        "198.51.100.2:4998-5001",
    ] {
        let (found, run) = changed(&packets, &["--rtp", rule]);
        assert_eq!(found, all, "{rule}");
        assert!(run.stdout.contains("port given"), "{}", run.stdout);
    }
    let (found, _) = changed(&packets, &["--rtp", "198.51.100.2:4000", "--port", "7000"]);
    assert_eq!(found, (call..packets.len()).collect::<Vec<_>>());
}

#[test]
fn a_single_packet_on_a_port_it_is_told_is_not_lost_among_thousands_by_chance() {
    let mut packets = stream(ALICE, BOB, 1, 1);
    for port in 10_000..13_000 {
        packets.extend(stream(
            &format!("203.0.113.5:{port}"),
            "203.0.113.6:9",
            1,
            1,
        ));
    }
    assert_eq!(changed(&packets, &["--rtp", "4000"]).0, [0]);
}

#[test]
fn a_pipe_needs_ports_and_works_with_them() {
    let call = capture(&call_v4());
    let place = Place::with(&call);
    let input = || std::fs::File::open(place.path("in")).unwrap();
    let mut cat = std::process::Command::new("cat")
        .arg(place.path("in"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = cat.stdout.take().unwrap();
    let run = place.run_with_input(
        &["--rtp", "4000", "--keys", "keys", "-", "out"],
        pipe.into(),
    );
    run.expect_success();
    cat.wait().unwrap();
    let found = compare(&call, &place.read("out"), &place.read_text("keys"), 14);
    assert_eq!(found.len(), packets(&call).len());
    let run = place.run_with_input(&["-", "out2"], input().into());
    assert!(
        run.expect_error()
            .contains("searching for RTP takes two passes")
    );
}
