//! Captures of whole calls: every offer in them, and the answers that were recorded.

use std::fs::{self, File};

use super::common::vectors;
use super::make::{address, capture, ip, udp_packet};
use super::run::{Place, Run};

const KEYS: [&str; 2] = [
    "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR",
];

/// Runs on a capture. Whatever it says, no key that went into it is shown.
#[track_caller]
fn on(bytes: &[u8], arguments: &[&str]) -> Run {
    let run = Place::with(bytes).run(&[arguments, &["in"]].concat());
    let text = String::from_utf8_lossy(bytes);
    for key in text.split("inline:").skip(1) {
        let key: String = key.chars().take(12).collect();
        let told = [&run.stdout, &run.stderr];
        assert!(told.iter().all(|it| !it.contains(&key)), "{}", run.stdout);
    }
    run
}

/// What a run says of the offers and of the answers, one paragraph each.
fn paragraphs(run: &Run) -> Vec<&str> {
    let all = run.stdout.split("\n\n").map(str::trim);
    all.filter(|it| !it.is_empty()).collect()
}

fn sdp(profile: &str, port: u16, crypto: &[(u32, &str, &str)]) -> String {
    let line =
        |(tag, suite, key): &(u32, &str, &str)| format!("a=crypto:{tag} {suite} inline:{key}\r\n");
    let lines: String = crypto.iter().map(line).collect();
    format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio {port} {profile} 0\r\n{lines}")
}

fn message(first_line: &str, sequence: &str, body: &str) -> String {
    let len = body.len();
    format!("{first_line}\r\ni: call\r\nCSeq: {sequence}\r\nl: {len}\r\n\r\n{body}")
}

/// A capture of messages between two hosts: whether the caller sent it, and the text.
fn call(messages: &[(bool, String)]) -> Vec<u8> {
    let (caller, called) = (address("192.0.2.1:5060"), address("192.0.2.2:5060"));
    let packet = |(by_caller, text): &(bool, String)| match by_caller {
        true => udp_packet(caller, called, text.as_bytes()),
        false => udp_packet(called, caller, text.as_bytes()),
    };
    capture(&messages.iter().map(packet).collect::<Vec<_>>())
}

const INVITE: &str = "INVITE sip:b@192.0.2.2 SIP/2.0";
const OK: &str = "SIP/2.0 200 OK";
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

#[test]
fn an_offer_in_a_capture_is_answered_and_its_recorded_answer_judged() {
    let bytes = fs::read(vectors("captures/sip_four_suites.pcap")).unwrap();
    let run = on(&bytes, &[]).expect_success();
    let [offer, answer] = paragraphs(&run)[..] else {
        panic!("{}", run.stdout)
    };
    let lines: Vec<&str> = offer.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "OFFER: INVITE in packet 1, 127.0.0.1:15360 -> 127.0.0.1:15070",
            "m=audio 42100 RTP/SAVP 96 97 98 0 8 18 99 100 101"
        ]
    );
    assert!(
        lines[3].ends_with("AES_CM_128_HMAC_SHA1_80  CHOSEN"),
        "{offer}"
    );
    assert!(
        lines[6].contains("AES_256_CM_HMAC_SHA1_32  not acceptable"),
        "{offer}"
    );
    assert_eq!(
        lines[7],
        "=> SRTP in RTP/SAVP: tag 1, AES_CM_128_HMAC_SHA1_80"
    );
    let lines: Vec<&str> = answer.lines().collect();
    assert!(
        lines[0].starts_with("RECORDED ANSWER: 200 in packet 3, "),
        "{answer}"
    );
    assert_eq!(lines[1], "m=audio 40118 RTP/SAVP 0 101");
    assert!(
        lines[3].ends_with("AES_CM_128_HMAC_SHA1_80  ACCEPTED"),
        "{answer}"
    );
    assert_eq!(lines[4], "=> SRTP in RTP/SAVP: tag 1");

    let run = on(&bytes, &["--suites", "AES_256_CM_HMAC_SHA1_32"]).expect_success();
    assert!(
        run.stdout.contains("\n=> SRTP in RTP/SAVP: tag 4, "),
        "{}",
        run.stdout
    );
}

#[test]
fn an_answer_with_a_suite_that_was_not_offered_is_said_to_be_one() {
    let bytes = fs::read(vectors("captures/sip_suite_not_offered.pcap")).unwrap();
    let run = on(&bytes, &[]).expect_success();
    let [offer, answer] = paragraphs(&run)[..] else {
        panic!("{}", run.stdout)
    };
    assert!(offer.ends_with("=> SRTP in RTP/SAVP: tag 1, AES_256_CM_HMAC_SHA1_80"));
    assert!(
        answer.contains("AES_CM_128_HMAC_SHA1_80  REFUSED\n"),
        "{answer}"
    );
    assert!(answer.ends_with("=> refused: the answer accepts what was not offered"));
}

#[test]
fn an_offer_that_a_relay_changed_has_its_own_answer_on_each_side() {
    let bytes = fs::read(vectors("captures/sip_suite_changed_on_the_way.pcap")).unwrap();
    let run = on(&bytes, &[]).expect_success();
    let told = paragraphs(&run);
    let decisions: Vec<_> = told.iter().map(|it| it.lines().last().unwrap()).collect();
    assert_eq!(
        decisions,
        [
            "=> SRTP in RTP/SAVP: tag 1, AES_CM_128_HMAC_SHA1_80",
            "=> refused: the answer accepts what was not offered",
            "=> SRTP in RTP/SAVP: tag 1, AES_CM_128_HMAC_SHA1_32",
            "=> SRTP in RTP/SAVP: tag 1",
        ],
        "{}",
        run.stdout
    );
    assert!(
        told[1].starts_with("RECORDED ANSWER: 200 in packet 6, "),
        "{}",
        told[1]
    );
    assert!(
        told[3].starts_with("RECORDED ANSWER: 200 in packet 5, "),
        "{}",
        told[3]
    );
}

#[test]
fn an_answer_that_takes_another_way_than_the_offer_is_its_answer_still() {
    let offer = message(
        INVITE,
        "2 INVITE",
        &sdp("RTP/SAVP", 4000, &[(1, SUITE, KEYS[0])]),
    );
    let answer = message(
        OK,
        "2 INVITE",
        &sdp("RTP/SAVP", 5000, &[(1, SUITE, KEYS[1])]),
    );
    let caller = address("192.0.2.1:5060");
    let run = on(
        &capture(&[
            udp_packet(
                address("192.0.2.1:31234"),
                address("192.0.2.2:5060"),
                offer.as_bytes(),
            ),
            udp_packet(address("192.0.2.2:5060"), caller, answer.as_bytes()),
        ]),
        &[],
    )
    .expect_success();
    let told = paragraphs(&run);
    assert_eq!(told.len(), 2, "{}", run.stdout);
    assert!(
        told[1].ends_with("=> SRTP in RTP/SAVP: tag 1"),
        "{}",
        told[1]
    );
}

#[test]
fn an_offer_in_a_response_is_answered_by_the_ack() {
    let offer = sdp("RTP/SAVP", 4000, &[(3, SUITE, KEYS[0])]);
    let answer = sdp("RTP/SAVP", 5000, &[(3, SUITE, KEYS[1])]);
    let run = on(
        &call(&[
            (true, message(INVITE, "7 INVITE", "")),
            (false, message(OK, "7 INVITE", &offer)),
            (
                true,
                message("ACK sip:b@192.0.2.2 SIP/2.0", "7 ACK", &answer),
            ),
        ]),
        &[],
    )
    .expect_success();
    let [first, second] = paragraphs(&run)[..] else {
        panic!("{}", run.stdout)
    };
    assert!(first.starts_with("OFFER: 200 in packet 2, 192.0.2.2:5060 -> 192.0.2.1:5060\n"));
    assert!(
        second.starts_with("RECORDED ANSWER: ACK in packet 3, "),
        "{second}"
    );
    assert!(second.ends_with("=> SRTP in RTP/SAVP: tag 3"), "{second}");
}

#[test]
fn what_is_sent_again_is_told_once_and_what_answers_nothing_not_at_all() {
    let offer = sdp("RTP/AVP", 4000, &[(1, SUITE, KEYS[0])]);
    let (early, final_) = (
        sdp("RTP/AVP", 5000, &[(1, SUITE, KEYS[1])]),
        sdp("RTP/AVP", 5002, &[]),
    );
    let run = on(
        &call(&[
            (
                true,
                message("OPTIONS sip:b@192.0.2.2 SIP/2.0", "1 OPTIONS", ""),
            ),
            (false, message(OK, "1 OPTIONS", &final_)),
            (true, message(INVITE, "2 INVITE", &offer)),
            (true, message(INVITE, "2 INVITE", &offer)),
            (false, message("SIP/2.0 488 No", "2 INVITE", &final_)),
            (true, message(INVITE, "3 INVITE", &offer)),
            (false, message("SIP/2.0 183 Progress", "3 INVITE", &early)),
            (false, message("SIP/2.0 183 Progress", "3 INVITE", &early)),
            (false, message(OK, "3 INVITE", &early)),
            (false, message("SIP/2.0 200 Fork", "3 INVITE", &final_)),
        ]),
        &["--preset", "strong", "--suites", SUITE],
    )
    .expect_success();
    let told = paragraphs(&run);
    let heads: Vec<_> = told
        .iter()
        .map(|it| it.split(',').next().unwrap())
        .collect();
    assert_eq!(
        heads,
        [
            "OFFER: INVITE in packet 3",
            "no answer to it was recorded",
            "OFFER: INVITE in packet 6",
            "RECORDED ANSWER: 183 in packet 7",
            "RECORDED ANSWER: 200 in packet 10",
        ],
        "{}",
        run.stdout
    );
    assert!(
        told[3].ends_with("=> SRTP in RTP/AVP: tag 1"),
        "{}",
        told[3]
    );
    assert!(
        told[4].ends_with("no crypto line\n=> refused: SRTP is required here"),
        "{}",
        told[4]
    );
}

#[test]
fn over_tcp_several_messages_of_one_segment_are_read() {
    let hosts = [address("192.0.2.1:5060"), address("192.0.2.2:5060")];
    let packet = |by: usize, text: &str| {
        let (from, to) = (hosts[by], hosts[1 - by]);
        let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        let header = [&ports[..], &[0; 8], &[0x50, 0x18, 1, 0, 0, 0, 0, 0]].concat();
        let segment = [&header[..], text.as_bytes()].concat();
        ip(from.ip(), to.ip(), 6, &[], &segment)
    };
    let offer = sdp("RTP/SAVP", 4000, &[(1, SUITE, KEYS[0])]);
    let answer = sdp("RTP/SAVP", 5000, &[(1, SUITE, KEYS[1])]);
    let before = message("OPTIONS sip:b@192.0.2.2 SIP/2.0", "1 OPTIONS", "");
    let invite = message(INVITE, "2 INVITE", &offer);
    let bytes = capture(&[
        packet(0, &(before + "\r\n\r\n" + &invite)),
        packet(1, &message(OK, "2 INVITE", &answer)),
    ]);
    let run = on(&bytes, &[]).expect_success();
    let told = paragraphs(&run);
    assert!(
        told[0].starts_with("OFFER: INVITE in packet 1, 192.0.2.1:5060 -> "),
        "{told:?}"
    );
    assert!(told[1].ends_with("=> SRTP in RTP/SAVP: tag 1"), "{told:?}");
}

#[test]
fn a_second_answer_to_a_line_is_to_receive_only() {
    let offer = sdp("RTP/SAVP", 4000, &[(1, SUITE, KEYS[0])]);
    let answer = |port| sdp("RTP/SAVP", port, &[(1, SUITE, KEYS[1])]);
    let run = on(
        &call(&[
            (true, message(INVITE, "2 INVITE", &offer)),
            (false, message("SIP/2.0 183 One", "2 INVITE", &answer(5000))),
            (
                false,
                message("SIP/2.0 183 Other", "2 INVITE", &answer(6000)),
            ),
        ]),
        &[],
    )
    .expect_success();
    let told = paragraphs(&run);
    assert!(told[1].ends_with("tag 1"), "{}", run.stdout);
    assert!(told[2].contains("tag 1, to receive: "), "{}", run.stdout);
}

#[test]
fn sections_that_do_not_match_the_offers_are_told() {
    let offer =
        sdp("RTP/SAVP", 4000, &[(1, SUITE, KEYS[0])]) + "m=video 4002 UDP/TLS/RTP/SAVPF 96\r\n";
    let one = sdp("UDP/TLS/RTP/SAVPF", 5000, &[]);
    let three = sdp("RTP/SAVP", 0, &[]) + "m=video 0 RTP/AVP 96\r\nm=text 0 RTP/AVP 97\r\n";
    let run = on(
        &call(&[
            (true, message(INVITE, "2 INVITE", &offer)),
            (false, message("SIP/2.0 183 One", "2 INVITE", &one)),
            (false, message(OK, "2 INVITE", &three)),
        ]),
        &[],
    )
    .expect_success();
    let decisions: Vec<_> = run
        .stdout
        .lines()
        .filter(|it| it.starts_with("=> "))
        .collect();
    assert_eq!(
        decisions,
        [
            "=> SRTP in RTP/SAVP: tag 1, AES_CM_128_HMAC_SHA1_80",
            "=> refused: security descriptions do not apply to this transport",
            "=> refused: an answer under a transport to which security descriptions do not apply",
            "=> refused: section 2 is missing",
            "=> refused by the peer: port 0",
            "=> not judged, for its offer is at fault: security descriptions do not apply to this transport",
            "=> refused: 1 more sections than were offered",
        ]
    );
}

#[test]
fn crypto_lines_of_the_session_level_are_reported_in_offers_and_answers() {
    let stray = format!("v=0\r\na=crypto:4 {SUITE} inline:{}\r\n", KEYS[0]);
    let with = |profile, port| sdp(profile, port, &[]).replace("v=0\r\n", &stray);
    let said =
        "line 2, a=crypto with tag 4: passed over: a=crypto means nothing at the session level\n";
    let bytes = call(&[
        (true, message(INVITE, "2 INVITE", &with("RTP/SAVP", 4000))),
        (false, message(OK, "2 INVITE", &with("RTP/SAVP", 5000))),
    ]);
    let in_capture = on(&bytes, &[]).expect_success();
    assert_eq!(
        in_capture.stdout.matches(said).count(),
        2,
        "{}",
        in_capture.stdout
    );
    assert!(
        in_capture
            .stdout
            .contains("=> refused: a secure profile without a=crypto")
    );
    let in_text = on(with("RTP/SAVP", 4000).as_bytes(), &[]).expect_success();
    assert!(in_text.stdout.starts_with(said), "{}", in_text.stdout);
}

#[test]
fn the_twelve_lines_of_a_media_relay_are_all_known_and_its_answer_can_be_judged() {
    let offer = fs::read(vectors("sdes/twelve_line_offer.sdp")).unwrap();
    let answer = vectors("sdes/twelve_line_answer.sdp");
    let arguments = [
        "--allow-unencrypted-srtcp",
        "--judge",
        answer.to_str().unwrap(),
    ];
    let run = on(&offer, &arguments).expect_success();
    assert_eq!(
        run.stdout
            .matches("not acceptable: the suite is not among")
            .count(),
        9
    );
    assert!(
        run.stdout.contains("=> SRTP in RTP/SAVP: tag 3, "),
        "{}",
        run.stdout
    );
    let (_, judged) = run.stdout.split_once("\nANSWER in ").unwrap();
    assert!(
        judged.contains("  7  AES_CM_128_HMAC_SHA1_80  ACCEPTED\n"),
        "{judged}"
    );
    let same = on(&offer, &["--judge", "in"]).expect_success();
    assert!(
        same.stdout
            .contains("=> refused: an answer with several crypto lines")
    );
}

#[test]
fn of_sip_messages_in_a_text_the_first_description_is_the_offer() {
    let first = sdp("RTP/AVP", 4000, &[(1, SUITE, KEYS[0])]);
    let text = message("OPTIONS sip:b SIP/2.0", "1 OPTIONS", "")
        + &message(INVITE, "2 INVITE", &first)
        + &message(OK, "2 INVITE", &sdp("RTP/AVP", 5000, &[]));
    let run = on(text.as_bytes(), &[]).expect_success();
    assert!(run.stdout.contains("m=audio 4000 ") && !run.stdout.contains("m=audio 5000 "));
    // One line more was announced than is there: what is there is taken.
    let cut = message(INVITE, "2 INVITE", &first).replace("\r\nl: ", "\r\nl: 9");
    let run = on(cut.as_bytes(), &[]).expect_success();
    assert!(run.stdout.starts_with("m=audio 4000 "), "{}", run.stdout);
}

#[test]
fn a_capture_comes_by_standard_input_too() {
    let path = vectors("captures/sip_four_suites.pcap");
    let from_file = Place::new().run(&[path.to_str().unwrap()]).expect_success();
    let input = File::open(path).unwrap();
    let run = Place::new()
        .run_with_input(&["-"], input.into())
        .expect_success();
    assert_eq!(run.stdout, from_file.stdout);
}

#[test]
fn what_is_not_for_a_capture_or_not_in_it_is_told_in_one_sentence() {
    let bytes = fs::read(vectors("captures/sip_four_suites.pcap")).unwrap();
    for wrong in [
        &["--answer", "x"][..],
        &["--print-keys"],
        &["--judge", "in"],
    ] {
        let run = on(&bytes, wrong);
        assert!(
            run.expect_error().contains("in is a capture"),
            "{}",
            run.stderr
        );
    }
    let offer = vectors("sdes/carrier_offer.sdp");
    let run = on(&bytes, &["--judge", "in", offer.to_str().unwrap()]);
    assert!(!run.success);
    let silent = fs::read(vectors("captures/plain_video_ipv6.pcapng")).unwrap();
    let run = on(&silent, &[]);
    let said = "no SIP message in in has a session description";
    assert!(run.expect_error().contains(said), "{}", run.stderr);
    let run = on(&bytes[..bytes.len() - 9], &[]);
    assert!(run.expect_error().contains("cut short"), "{}", run.stderr);
    let run = on(&[0x1F, 0x8B, 8, 0], &[]);
    assert!(
        run.expect_error().contains("gzip-compressed"),
        "{}",
        run.stderr
    );
    let cut =
        message(INVITE, "2 INVITE", &sdp("RTP/AVP", 4000, &[])).replace("\r\nl: ", "\r\nl: 9");
    let run = on(&call(&[(true, cut)]), &[]);
    assert!(
        !run.success
            && run
                .stderr
                .contains("1 SIP messages have a session description that is not whole")
    );
}

#[test]
fn an_offer_that_comes_in_several_tcp_segments_is_put_together() {
    let offer = message(
        INVITE,
        "1 INVITE",
        &sdp("RTP/SAVP", 4000, &[(1, SUITE, KEYS[0])]),
    );
    let (caller, called) = (address("192.0.2.1:5060"), address("192.0.2.2:5060"));
    let segment = |(nth, part): (usize, &[u8])| {
        let mut segment = [caller.port().to_be_bytes(), called.port().to_be_bytes()].concat();
        segment.extend((1 + 60 * nth as u32).to_be_bytes());
        segment.extend([0, 0, 0, 0, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        segment.extend(part);
        ip(caller.ip(), called.ip(), 6, &[], &segment)
    };
    let parts: Vec<Vec<u8>> = offer
        .as_bytes()
        .chunks(60)
        .enumerate()
        .map(segment)
        .collect();
    let run = on(&capture(&parts), &[]).expect_success();
    assert!(run.stdout.contains("CHOSEN"), "{}", run.stdout);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}
