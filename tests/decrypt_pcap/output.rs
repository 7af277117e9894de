//! What is written: WAV files, the report, and nothing at all where something is wrong.

use std::fs;

use srtp_sdes::{CryptoSuite, Sender};

use super::call::{
    ALICE, BOB, INVITE, alices, alices_plain, bobs, by_alice, by_bob, call, decrypt, line, media,
    plain, protect, sdp, signalling, sip,
};
use super::common::key;
use super::make::{Pcap, address, capture, frame, rtp, udp_packet};
use super::run::Place;

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

fn good_call() -> Vec<u8> {
    let mut sender = Sender::new(alices(SUITE));
    let sent = media(1000..1060, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    call(SUITE, "", sent)
}

/// A call whose description has these attributes, with these RTP packets of Alice's.
fn speaks(attributes: &str, packets: &[Vec<u8>]) -> Vec<u8> {
    let offer = line(1, &alices(SUITE), attributes);
    let answer = line(1, &bobs(SUITE), attributes);
    let mut all = signalling(&offer, &answer);
    let mut sender = Sender::new(alices(SUITE));
    for packet in packets {
        let packet = protect(&mut sender, packet.clone(), false);
        all.push(udp_packet(address(ALICE), address(BOB), &packet));
    }
    capture(&all)
}

const ALICES_WAV: &str = "spoken/192.0.2.1-4000_to_198.51.100.2-5000_a11ce000.wav";

/// The samples of the only stream, and its rate and channels.
#[track_caller]
fn heard(capture: &[u8]) -> (Vec<i16>, u32, u16) {
    let (place, run) = decrypt(capture, &["--wav", "spoken"]);
    let run = run.expect_success();
    assert!(
        run.stdout.contains("wrote 1 WAV files into spoken"),
        "{}",
        run.stdout
    );
    let mut reader = hound::WavReader::open(place.path(ALICES_WAV)).unwrap();
    let spec = reader.spec();
    let samples = reader.samples::<i16>().map(Result::unwrap).collect();
    (samples, spec.sample_rate, spec.channels)
}

fn with_type(mut packet: Vec<u8>, payload_type: u8) -> Vec<u8> {
    packet[1] = payload_type;
    packet
}

/// G.711 by its tables, as CPython 3.11 (`audioop`) has them too: bytes of several segments and of each sign.
const MU_LAW: [(u8, i16); 8] = [
    (0xFF, 0),
    (0x7F, 0),
    (0x00, -32124),
    (0x80, 32124),
    (0xF0, 120),
    (0x6F, -132),
    (0xA5, 6652),
    (0x3B, -2492),
];
const A_LAW: [(u8, i16); 8] = [
    (0xD5, 8),
    (0x55, -8),
    (0x2A, -32256),
    (0xAA, 32256),
    (0xC5, 264),
    (0x45, -264),
    (0x80, 5504),
    (0x1B, -3904),
];

#[test]
fn g_711_is_decoded_by_its_tables() {
    for (payload_type, table) in [(0, MU_LAW), (8, A_LAW)] {
        let bytes = table.map(|it| it.0);
        let packet = with_type(rtp(0xA11C_E000, 7, 0, &bytes), payload_type);
        let (samples, rate, channels) = heard(&speaks("", &[packet]));
        assert_eq!((rate, channels), (8000, 1));
        assert_eq!(samples, table.map(|it| it.1), "payload type {payload_type}");
    }
}

#[test]
fn l16_is_written_at_the_rate_and_with_the_channels_that_sdp_says() {
    let payload = [0x01, 0x02, 0xFF, 0xFE, 0x80, 0x00, 0x7F, 0xFF];
    let packet = with_type(rtp(0xA11C_E000, 7, 0, &payload), 101);
    let spoken = speaks("\r\na=rtpmap:101 L16/48000/2", &[packet]);
    let (samples, rate, channels) = heard(&spoken);
    assert_eq!((rate, channels), (48_000, 2));
    assert_eq!(samples, [0x0102, -2, -32768, 32767]);
}

#[test]
fn lost_packets_are_silence_and_late_ones_take_their_place() {
    let byte = |nth: u16| 0x80 | nth as u8;
    let packet = |nth: u16| rtp(0xA11C_E000, nth, u32::from(nth) * 160, &[byte(nth); 160]);
    let order = [1, 2, 4, 3, 7, 8];
    let (samples, ..) = heard(&speaks("", &order.map(packet)));
    assert_eq!(samples.len(), 8 * 160);
    let blocks: Vec<i16> = samples.chunks(160).map(|it| it[0]).collect();
    let uniform = samples
        .chunks(160)
        .all(|it| it.iter().all(|one| *one == it[0]));
    assert!(uniform);
    let (first, rest) = blocks.split_at(4);
    // Later µ-law codes are quieter.
    assert!(first.windows(2).all(|it| it[0] > it[1]), "{blocks:?}");
    assert_eq!(rest[..2], [0, 0]);
    assert!(
        first[3] > rest[2] && rest[2] > rest[3] && rest[3] > 0,
        "{blocks:?}"
    );
}

#[test]
fn a_codec_that_needs_a_decoder_gets_no_wav_file() {
    let packets: Vec<Vec<u8>> = (1..30)
        .map(|seq| with_type(plain(0xA11C_E000, seq), 98))
        .collect();
    let (place, run) = decrypt(&speaks("", &packets), &["--wav", "spoken"]);
    let run = run.expect_success();
    assert!(
        run.stderr.contains("neither G.711 nor L16"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_dir(place.path("spoken")).unwrap().count(), 0);
}

#[test]
fn the_report_is_one_page_that_loads_nothing_and_shows_no_key() {
    let mut sender = Sender::new(key(SUITE, 7));
    let sent = media(1000..1060, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let bytes = call(SUITE, "", sent);
    let (place, run) = decrypt(&bytes, &["--report", "report.html"]);
    run.expect_success();
    let page = place.read_text("report.html");
    for outside in [
        "src=", "href=", "url(", "@import", "<script", "http:", "https:",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for key in [alices(SUITE), bobs(SUITE)] {
        assert!(!page.contains(&key.secret_base64()[..12]));
    }
    for said in [
        "<svg",
        "offers audio RTP/SAVP: 1 AES_CM_128_HMAC_SHA1_80",
        "agreed: tag 1, AES_CM_128_HMAC_SHA1_80, for audio",
        "<b>wrong key</b>",
        "class=\"failed\"",
        "class=\"opened\"",
        "0xa11ce000",
    ] {
        assert!(page.contains(said), "{said}");
    }
    for (begins, ends) in [
        ("<svg", "</svg>"),
        ("<table", "</table>"),
        ("<li>", "</li>"),
        ("<text", "</text>"),
    ] {
        assert_eq!(
            page.matches(begins).count(),
            page.matches(ends).count(),
            "{begins}"
        );
    }
}

#[test]
fn what_a_capture_says_is_text_in_the_report_and_not_markup() {
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &alices(SUITE), ""));
    let answer = sdp(BOB, "RTP/SAVP", &line(1, &bobs(SUITE), ""));
    let evil = |it: String| it.replace("Call-ID: one", "Call-ID: <script>alert(1)</script>\"'&");
    let mut packets = vec![
        by_alice(&evil(sip(INVITE, "1 INVITE", ("alice", ""), &offer))),
        by_bob(&evil(sip(
            "SIP/2.0 200 <b>OK</b>",
            "1 INVITE",
            ("alice", "bob"),
            &answer,
        ))),
    ];
    packets.extend(super::call::bobs_media(bobs(SUITE)));
    let (place, run) = decrypt(&capture(&packets), &["--report", "report.html"]);
    run.expect_success();
    let page = place.read_text("report.html");
    assert!(
        !page.contains("<script") && !page.contains("<b>OK"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
}

#[test]
fn an_argument_that_is_missing_is_named() {
    let run = Place::new().run(&[]);
    let error = run.expect_error();
    assert!(
        error.contains("not provided: <INPUT> (see --help)"),
        "{error}"
    );
}

#[test]
fn a_key_in_the_wrong_field_of_a_crypto_line_is_not_in_the_report() {
    let secret = key(SUITE, 7).secret_base64();
    let slips = format!("a=crypto:inline:{0} X\r\na=crypto:{0} X\r\n", *secret);
    let packets = signalling(
        &(line(1, &alices(SUITE), "") + &slips),
        &line(1, &bobs(SUITE), ""),
    );
    let (place, run) = decrypt(&capture(&packets), &["--report", "report.html"]);
    let page = place.read_text("report.html");
    for text in [&page, &run.stdout, &run.stderr] {
        assert!(!text.contains(secret.as_str()), "{text}");
    }
    assert!(page.contains(", ? X, ? X"), "{page}");
}

#[test]
fn a_report_is_written_even_if_nothing_opens_and_a_capture_is_not() {
    let mut sender = Sender::new(key(SUITE, 7));
    let offer = line(1, &alices(SUITE), "");
    let mut packets = signalling(&offer, &line(1, &bobs(SUITE), ""));
    packets.extend(media(1..60, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    }));
    let (place, run) = decrypt(
        &capture(&packets),
        &["--report", "report.html", "--wav", "spoken"],
    );
    assert!(
        run.expect_error()
            .contains("nothing in in opens with these keys")
    );
    assert!(run.stdout.contains("wrong key"), "{}", run.stdout);
    assert_eq!(place.files(), ["in", "report.html", "spoken"]);
    assert_eq!(fs::read_dir(place.path("spoken")).unwrap().count(), 0);
}

#[test]
fn timestamps_and_all_other_packets_stay() {
    let bytes = good_call();
    let (place, run) = decrypt(&bytes, &[]);
    run.expect_success();
    let (before, after) = (
        super::check::packets(&bytes),
        super::check::packets(&place.read("out")),
    );
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.time, after.time);
    }
    assert_eq!(before[..2], after[..2], "the signalling, keys included");
    assert_eq!(
        before.iter().zip(&after).filter(|it| it.0 != it.1).count(),
        126
    );
}

#[test]
fn errors_are_one_sentence_and_leave_no_file() {
    let good = good_call();
    let cut = &good[..good.len() - 7];
    let keys = format!("a=crypto:1 {SUITE} inline:tooshort\n");
    for (capture, arguments, said) in [
        (
            &good[..],
            &["in", "in"][..],
            "in cannot be both input and output",
        ),
        (
            &good,
            &["--report", "out", "in", "out"],
            "out cannot be both output and report",
        ),
        (
            &good,
            &["--crypto-file", "keys", "in", "out"],
            "the key in line 1 of keys is wrong",
        ),
        (
            &good,
            &["--offer", "none", "--answer", "keys", "in", "out"],
            "cannot open none",
        ),
        (
            &good,
            &["--offer", "keys", "--answer", "keys", "in", "out"],
            "there is no session description in keys",
        ),
        (&good, &["none", "out"], "cannot open none"),
        (
            &good,
            &["-", "out"],
            "- is a stream, and decrypting takes two passes: give a file",
        ),
        (cut, &["in", "out"], "cut short"),
        (b"a text", &["in", "out"], "not a pcap or pcapng capture"),
        (b"", &["in", "out"], "the file is empty"),
    ] {
        let place = Place::with(capture);
        fs::write(place.path("keys"), &keys).unwrap();
        let run = place.run(arguments);
        assert!(run.expect_error().contains(said), "{}", run.stderr);
        assert!(!run.stderr.contains("tooshort"), "{}", run.stderr);
        assert_eq!(place.files(), ["in", "keys"], "{said}");
    }
}

#[test]
fn where_a_wav_file_is_there_already_nothing_is_written() {
    let place = Place::with(&good_call());
    place
        .run(&["--wav", "spoken", "in", "first"])
        .expect_success();
    let run = place.run(&["--wav", "spoken", "--report", "page", "in", "second"]);
    assert!(run.expect_error().contains("is there already"));
    assert_eq!(place.files(), ["first", "in", "spoken"]);
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let place = Place::with(&good_call());
    fs::write(place.path("out"), "precious").unwrap();
    let run = place.run(&["in", "out"]);
    assert!(run.expect_error().contains("out is there already"));
    assert_eq!(place.read("out"), b"precious");
    place.run(&["--force", "in", "out"]).expect_success();
    assert!(super::call::alices_packets(&place.read("out")) == alices_plain(1000..1060));
}

#[test]
fn a_damaged_capture_ends_in_a_sentence_or_a_result_and_never_in_a_panic() {
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    let good = good_call();
    for round in 0..60 {
        let mut bytes = good.clone();
        for _ in 0..1 + round {
            let at = 24 + random() % (bytes.len() - 24);
            bytes[at] = random() as u8;
        }
        let place = Place::with(&bytes);
        let run = place.run(&["--report", "report", "--wav", "spoken", "in", "out"]);
        assert!(
            !run.stderr.contains("panicked"),
            "round {round}: {}",
            run.stderr
        );
        if !run.success {
            let errors = run.stderr.lines().filter(|it| it.starts_with("error: "));
            assert_eq!(errors.count(), 1, "round {round}: {}", run.stderr);
        }
    }
}

#[test]
fn packets_cut_by_the_snaplen_are_counted_and_left() {
    let mut sender = Sender::new(alices(SUITE));
    let offer = line(1, &alices(SUITE), "");
    let mut pcap = Pcap::new(false, false, 1, 65535);
    for packet in signalling(&offer, &line(1, &bobs(SUITE), "")) {
        pcap = pcap.add(&frame(1, &packet));
    }
    for (nth, packet) in media(1..30, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    })
    .iter()
    .enumerate()
    {
        let framed = frame(1, packet);
        pcap = match nth {
            4..7 => pcap.cut(&framed[..60], framed.len()),
            _ => pcap.add(&framed),
        };
    }
    let (_, run) = decrypt(&pcap.bytes, &[]);
    let run = run.expect_success();
    assert!(
        run.stderr.contains("3 packets were cut by the snaplen"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains(": 28 decrypted"), "{}", run.stdout);
}

#[test]
fn messages_of_other_dialogs_do_not_disturb() {
    // The same tag, line and address in another call, which was refused.
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &key(SUITE, 8), ""));
    let other = |it: String| it.replace("Call-ID: one", "Call-ID: two");
    let refused = sip("SIP/2.0 486 Busy Here", "1 INVITE", ("alice", "bob"), "");
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    packets.push(by_alice(&other(sip(
        INVITE,
        "1 INVITE",
        ("alice", ""),
        &offer,
    ))));
    packets.push(by_bob(&other(refused)));
    packets.extend(super::call::bobs_media(bobs(SUITE)));
    let (_, run) = decrypt(&capture(&packets), &[]);
    let run = run.expect_success();
    assert!(run.stdout.contains(": 60 decrypted"), "{}", run.stdout);
}

#[test]
fn telephone_events_and_a_change_of_law_do_not_end_a_wav_file() {
    let event = |seq| {
        with_type(
            rtp(0xA11C_E000, seq, u32::from(seq) * 160, &[1, 2, 3, 4]),
            101,
        )
    };
    let speech = |seq: u16, payload_type, byte| {
        let packet = rtp(0xA11C_E000, seq, u32::from(seq) * 160, &[byte; 160]);
        with_type(packet, payload_type)
    };
    let packets = [event(1), speech(2, 0, 0x80), event(3), speech(4, 8, 0xAA)];
    let (samples, ..) = heard(&speaks("", &packets));
    let blocks: Vec<i16> = samples.chunks(160).map(|it| it[0]).collect();
    assert_eq!(blocks, [32124, 0, 32256]);
}

#[test]
fn a_few_packets_do_not_fill_a_disk_with_silence() {
    let packet = |nth: u16| {
        let at = u32::from(nth) * 500 * 8000;
        rtp(0xA11C_E000, nth, at, &[0x80; 8])
    };
    let packets: Vec<Vec<u8>> = (1..200).map(packet).collect();
    let (samples, ..) = heard(&speaks("", &packets));
    assert!(samples.len() < 1_000_000, "{}", samples.len());
    assert_eq!(samples.iter().filter(|it| **it == 32124).count(), 199 * 8);
}

#[test]
fn who_opens_the_capture_is_told_when_its_sdp_still_speaks_of_srtp() {
    let hint = "wireshark -o sdp.establish_conversation:FALSE --enable-heuristic rtp_udp out";
    let (_, run) = decrypt(&good_call(), &[]);
    assert!(run.expect_success().stdout.contains(hint));

    // Without signalling there is nothing to mislead.
    let mut sender = Sender::new(alices(SUITE));
    let sent = media(1000..1060, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let place = Place::with(&capture(&sent));
    fs::write(place.path("keys"), line(1, &alices(SUITE), "")).unwrap();
    let run = place.run(&["--crypto-file", "keys", "in", "out"]);
    assert!(!run.expect_success().stdout.contains("wireshark"));
}
