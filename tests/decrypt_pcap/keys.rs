//! Where keys come from: signalling over UDP and TCP, dialogs and their course, files, and lines of the user's own.

use std::fs;
use std::net::SocketAddr;

use srtp_sdes::{CryptoSuite, MasterKey, Sender};

use super::call::{
    ALICE, BOB, INVITE, OK, alices, alices_packets, alices_plain, bobs, bobs_media, by_alice,
    by_bob, call, causes, decrypt, line, media, plain, protect, sdp, signalling, sip,
};
use super::common::key;
use super::make::{address, capture, ip, udp_packet};
use super::run::{Place, Run};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

fn seqs() -> std::ops::Range<u16> {
    1000..1060
}

fn alices_media(key: MasterKey) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(key);
    media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    })
}

/// RTP from one address to another, under a key.
fn stream(
    from: &str,
    to: &str,
    ssrc: u32,
    seqs: std::ops::Range<u16>,
    sender: &mut Sender,
) -> Vec<Vec<u8>> {
    let packets = seqs.map(|seq| {
        let packet = protect(sender, plain(ssrc, seq), false);
        udp_packet(address(from), address(to), &packet)
    });
    packets.collect()
}

/// All opens, for no reason but that it was agreed.
#[track_caller]
fn all_opens(packets: &[Vec<u8>], count: usize) -> (Place, Run) {
    let (place, run) = decrypt(&capture(packets), &[]);
    let run = run.expect_success();
    assert!(causes(&run).is_empty(), "{}", run.stdout);
    let decrypted = format!("packets: {count} decrypted,");
    assert!(run.stdout.contains(&decrypted), "{}", run.stdout);
    (place, run)
}

/// The segments of a TCP connection in one direction, of so many bytes each.
fn segments(from: &str, to: &str, text: &str, first: u32, len: usize) -> Vec<Vec<u8>> {
    let (from, to) = (address(from), address(to));
    let chunks = text.as_bytes().chunks(len).enumerate();
    let packet = |(nth, chunk): (usize, &[u8])| {
        let sequence = first.wrapping_add((nth * len) as u32);
        tcp(from, to, sequence, chunk)
    };
    chunks.map(packet).collect()
}

fn tcp(from: SocketAddr, to: SocketAddr, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from.port().to_be_bytes());
    segment.extend(to.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    segment.extend(payload);
    ip(from.ip(), to.ip(), 6, &[], &segment)
}

/// INVITE and 200 of the usual call, as text.
fn messages() -> (String, String) {
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &alices(SUITE), ""));
    let answer = sdp(BOB, "RTP/SAVP", &line(1, &bobs(SUITE), ""));
    (
        sip(INVITE, "1 INVITE", ("alice", ""), &offer),
        sip(OK, "1 INVITE", ("alice", "bob"), &answer),
    )
}

const ALICES_SIP: &str = "192.0.2.1:50601";
const BOBS_SIP: &str = "198.51.100.2:5060";

#[test]
fn sip_over_tcp_is_put_together_from_segments_of_any_length_and_order() {
    let (invite, ok) = messages();
    for len in [1, 7, 100, 4000] {
        // Sequence numbers go round in the middle of the message.
        let mut offer = segments(ALICES_SIP, BOBS_SIP, &invite, u32::MAX - 200, len);
        if offer.len() > 2 {
            // The first has to come first, since nothing else says where the connection begins.
            let later = (offer.len() - 2).min(9);
            offer.swap(1, later);
            offer.insert(3, offer[0].clone());
        }
        let answer = segments(BOBS_SIP, ALICES_SIP, &ok, 1, len);
        let media = alices_media(alices(SUITE));
        let packets = [offer, answer, media, bobs_media(bobs(SUITE))].concat();
        all_opens(&packets, 126);
    }
}

#[test]
fn several_messages_in_one_segment_and_one_that_ends_in_the_next_are_all_read() {
    let (invite, ok) = messages();
    let options = sip(
        "OPTIONS sip:b@example.com SIP/2.0",
        "7 OPTIONS",
        ("x", ""),
        "",
    );
    let text = format!("\r\n\r\n{options}{invite}{options}");
    let offer = segments(ALICES_SIP, BOBS_SIP, &text, 77, text.len() - 30);
    let answer = segments(BOBS_SIP, ALICES_SIP, &ok, 1, 4000);
    let packets = [
        offer,
        answer,
        alices_media(alices(SUITE)),
        bobs_media(bobs(SUITE)),
    ];
    all_opens(&packets.concat(), 126);
}

#[test]
fn a_segment_that_is_missing_from_the_capture_costs_its_message_and_no_other() {
    let (invite, ok) = messages();
    let options = sip(
        "OPTIONS sip:b@example.com SIP/2.0",
        "7 OPTIONS",
        ("x", ""),
        &"x".repeat(500),
    );
    let text = options.repeat(20) + &invite;
    let mut offer = segments(ALICES_SIP, BOBS_SIP, &text, 77, 200);
    offer.remove(1);
    let answer = segments(BOBS_SIP, ALICES_SIP, &ok, 1, 4000);
    let media = alices_media(alices(SUITE));
    let packets = [offer, answer, media, bobs_media(bobs(SUITE))];
    let (_, run) = all_opens(&packets.concat(), 126);
    let warned = "1 SIP messages have a session description that is not whole";
    assert!(run.stderr.contains(warned), "{}", run.stderr);
}

#[test]
fn early_media_opens_though_its_key_comes_later() {
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    let answer = packets.pop().unwrap();
    packets.extend(bobs_media(bobs(SUITE)));
    packets.push(answer);
    all_opens(&packets, 60);
}

#[test]
fn an_offer_in_a_200_is_answered_by_the_ack() {
    let offer = sdp(BOB, "RTP/SAVP", &line(3, &bobs(SUITE), ""));
    let answer = sdp(ALICE, "RTP/SAVP", &line(3, &alices(SUITE), ""));
    let ack = "ACK sip:b@example.com SIP/2.0";
    let mut packets = vec![
        by_alice(&sip(INVITE, "1 INVITE", ("alice", ""), "")),
        by_bob(&sip(OK, "1 INVITE", ("alice", "bob"), &offer)),
        by_alice(&sip(ack, "1 ACK", ("alice", "bob"), &answer)),
    ];
    packets.extend(alices_media(alices(SUITE)));
    packets.extend(bobs_media(bobs(SUITE)));
    all_opens(&packets, 126);
}

#[test]
fn an_offer_in_a_183_is_answered_by_its_prack() {
    let offer = sdp(BOB, "RTP/SAVP", &line(3, &bobs(SUITE), ""));
    let answer = sdp(ALICE, "RTP/SAVP", &line(3, &alices(SUITE), ""));
    let prack = "PRACK sip:b@example.com SIP/2.0\r\nRAck: 4711 1 INVITE";
    let mut packets = vec![
        by_alice(&sip(INVITE, "1 INVITE", ("alice", ""), "")),
        by_bob(&sip(
            "SIP/2.0 183 Progress",
            "1 INVITE",
            ("alice", "bob"),
            &offer,
        )),
        by_alice(&sip(prack, "2 PRACK", ("alice", "bob"), &answer)),
    ];
    packets.extend(alices_media(alices(SUITE)));
    packets.extend(bobs_media(bobs(SUITE)));
    all_opens(&packets, 126);
}

#[test]
fn a_re_key_in_mid_call_goes_on_with_the_rollover_counter_as_it_is() {
    let update = "UPDATE sip:b@example.com SIP/2.0";
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    let mut sender = Sender::new(alices(SUITE));
    let (from, to, ssrc) = (ALICE, BOB, 0xA11C_E000);
    packets.extend(stream(from, to, ssrc, 65500..65535, &mut sender));
    packets.extend(stream(from, to, ssrc, 0..20, &mut sender));
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &key(SUITE, 5), ""));
    let answer = sdp(BOB, "RTP/SAVP", &line(1, &bobs(SUITE), ""));
    packets.push(by_alice(&sip(update, "2 UPDATE", ("alice", "bob"), &offer)));
    // Under the old key until the answer comes.
    packets.extend(stream(from, to, ssrc, 20..25, &mut sender));
    packets.push(by_bob(&sip(OK, "2 UPDATE", ("alice", "bob"), &answer)));
    sender.rekey(key(SUITE, 5)).unwrap();
    packets.extend(stream(from, to, ssrc, 25..60, &mut sender));
    let (_, run) = all_opens(&packets, 35 + 20 + 5 + 35);
    let row = run.stdout.lines().find(|it| it.starts_with(ALICE)).unwrap();
    assert!(
        row.contains(" 0    1  tag 1 of the UPDATE in packet 58"),
        "{row}"
    );
}

#[test]
fn media_that_moves_to_another_address_by_a_re_invite_opens_there() {
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    packets.extend(alices_media(alices(SUITE)));
    let moved = "192.0.2.77:7000";
    let offer = sdp(moved, "RTP/SAVP", &line(1, &key(SUITE, 5), ""));
    let answer = sdp(BOB, "RTP/SAVP", &line(1, &bobs(SUITE), ""));
    packets.push(by_alice(&sip(INVITE, "2 INVITE", ("alice", "bob"), &offer)));
    packets.push(by_bob(&sip(OK, "2 INVITE", ("alice", "bob"), &answer)));
    // A new address, a new key, a rollover counter of 0 (RFC 4568 §7.1.4), and the same SSRC.
    let mut sender = Sender::new(key(SUITE, 5));
    packets.extend(stream(moved, BOB, 0xA11C_E000, 1060..1100, &mut sender));
    let mut back = Sender::new(bobs(SUITE));
    packets.extend(stream(BOB, moved, 0xB0B0_0000, 1..40, &mut back));
    all_opens(&packets, 66 + 40 + 39);
}

#[test]
fn each_fork_of_a_call_has_its_own_key() {
    let (home, mobile) = ("198.51.100.2:5000", "198.51.100.3:6000");
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &alices(SUITE), ""));
    let mut packets = vec![by_alice(&sip(INVITE, "1 INVITE", ("alice", ""), &offer))];
    for (at, tag, seed) in [(home, "home", 3), (mobile, "mobile", 4)] {
        let answer = sdp(at, "RTP/SAVP", &line(1, &key(SUITE, seed), ""));
        let progress = "SIP/2.0 183 Session Progress";
        packets.push(by_bob(&sip(progress, "1 INVITE", ("alice", tag), &answer)));
    }
    for (at, seed, ssrc) in [(home, 3, 0x333), (mobile, 4, 0x444)] {
        let mut sender = Sender::new(key(SUITE, seed));
        packets.extend(stream(at, ALICE, ssrc, 1..30, &mut sender));
    }
    let mut sender = Sender::new(alices(SUITE));
    packets.extend(stream(ALICE, mobile, 0x111, 1..30, &mut sender));
    all_opens(&packets, 87);
}

#[test]
fn a_key_is_found_by_trial_where_addresses_were_translated_on_the_way() {
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    let (from, to) = ("203.0.113.9:40000", "203.0.113.10:41000");
    let mut sender = Sender::new(alices(SUITE));
    packets.extend(stream(from, to, 0x111, 1..40, &mut sender));
    let (_, run) = all_opens(&packets, 39);
    assert!(run.stdout.contains("tag 1 of the INVITE"), "{}", run.stdout);
}

#[test]
fn without_an_answer_that_takes_a_line_there_is_no_key() {
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &alices(SUITE), ""));
    let refused = sip(
        "SIP/2.0 488 Not Acceptable Here",
        "1 INVITE",
        ("alice", "bob"),
        "",
    );
    let invite = sip(INVITE, "1 INVITE", ("alice", ""), &offer);
    let (place, run) = decrypt(&capture(&[by_alice(&invite), by_bob(&refused)]), &[]);
    assert!(
        run.expect_error().contains("no key for in"),
        "{}",
        run.stderr
    );
    assert_eq!(place.files(), ["in"]);
}

#[test]
fn an_offer_and_an_answer_in_files_are_as_good_as_signalling() {
    let (invite, ok) = messages();
    let media = [alices_media(alices(SUITE)), bobs_media(bobs(SUITE))].concat();
    let place = Place::with(&capture(&media));
    // One whole SIP message, one bare description.
    fs::write(place.path("offer"), invite).unwrap();
    fs::write(place.path("answer"), &ok[ok.find("v=0").unwrap()..]).unwrap();
    let run = place.run(&["--offer", "offer", "--answer", "answer", "in", "out"]);
    let run = run.expect_success();
    assert!(run.stdout.contains(": 126 decrypted"), "{}", run.stdout);
    assert!(run.stdout.contains("tag 1 of offer"), "{}", run.stdout);
    assert!(alices_packets(&place.read("out")) == alices_plain(seqs()));
    assert_eq!(place.files(), ["answer", "in", "offer", "out"]);
}

#[test]
fn a_line_is_for_an_address_a_direction_an_ssrc_or_everything() {
    let media = [alices_media(alices(SUITE)), bobs_media(bobs(SUITE))].concat();
    let capture = capture(&media);
    for (selector, count) in [
        ("192.0.2.1:4000=", 66),
        ("192.0.2.1:4000->198.51.100.2:5000=", 66),
        ("SSRC=0xa11ce000=", 66),
        ("", 66),
        ("192.0.2.1:4000->198.51.100.2:5002=", 0),
    ] {
        let place = Place::with(&capture);
        let keys = format!("# hers\n{selector}{}", line(1, &alices(SUITE), ""));
        fs::write(place.path("keys"), keys).unwrap();
        let run = place.run(&["--crypto-file", "keys", "in", "out"]);
        assert_eq!(
            run.success,
            count > 0,
            "{selector}: {}{}",
            run.stdout,
            run.stderr
        );
        let decrypted = format!(": {count} decrypted");
        assert!(
            run.stdout.contains(&decrypted),
            "{selector}: {}",
            run.stdout
        );
        let is_unused = run
            .stderr
            .contains("key number 1 of those given fits no packet");
        assert_eq!(is_unused, count == 0, "{}", run.stderr);
    }
}

#[test]
fn signalling_in_the_capture_can_be_left_unread() {
    let bytes = call(SUITE, "", alices_media(alices(SUITE)));
    let (_, run) = decrypt(&bytes, &["--no-sdp"]);
    assert!(run.expect_error().contains("no key for in"));
}

#[test]
fn forks_whose_media_comes_from_nowhere_that_sdp_names_are_told_apart_by_their_keys() {
    let offer = sdp(ALICE, "RTP/SAVP", &line(1, &alices(SUITE), ""));
    let mut packets = vec![by_alice(&sip(INVITE, "1 INVITE", ("alice", ""), &offer))];
    for (at, tag, seed) in [("10.0.0.1:1", "home", 3), ("10.0.0.2:1", "mobile", 4)] {
        let answer = sdp(at, "RTP/SAVP", &line(1, &key(SUITE, seed), ""));
        packets.push(by_bob(&sip(OK, "1 INVITE", ("alice", tag), &answer)));
    }
    for (at, seed, ssrc) in [("203.0.113.1:9", 3, 0x333), ("203.0.113.2:9", 4, 0x444)] {
        let mut sender = Sender::new(key(SUITE, seed));
        packets.extend(stream(at, ALICE, ssrc, 1..30, &mut sender));
    }
    all_opens(&packets, 58);
}

#[test]
fn nothing_but_the_ports_that_the_user_names_is_opened() {
    let bytes = call(SUITE, "", alices_media(alices(SUITE)));
    let (_, run) = decrypt(&bytes, &["--rtp", "198.51.100.2:5000"]);
    assert!(run.stdout.contains(": 126 decrypted"), "{}", run.stdout);
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    packets.extend(alices_media(alices(SUITE)));
    let mut sender = Sender::new(alices(SUITE));
    packets.extend(stream(
        ALICE,
        "198.51.100.2:5050",
        0x111,
        1..30,
        &mut sender,
    ));
    let (_, run) = decrypt(&capture(&packets), &["--rtp", "5050"]);
    assert!(run.stdout.contains(": 29 decrypted"), "{}", run.stdout);
}

#[test]
fn an_answer_whose_offer_is_not_in_the_capture_opens_what_the_answerer_sends() {
    let mut packets = signalling(&line(1, &alices(SUITE), ""), &line(1, &bobs(SUITE), ""));
    packets.remove(0);
    packets.extend(bobs_media(bobs(SUITE)));
    all_opens(&packets, 60);
}

#[test]
fn a_line_that_cannot_be_read_does_not_hide_those_that_can() {
    let offer = format!(
        "a=crypto:1 {SUITE} inline:short\r\n{}",
        line(2, &alices(SUITE), "")
    );
    let mut packets = signalling(&offer, &line(2, &bobs(SUITE), ""));
    packets.extend(alices_media(alices(SUITE)));
    let (place, run) = decrypt(&capture(&packets), &["--report", "report.html"]);
    let run = run.expect_success();
    assert!(run.stdout.contains(": 66 decrypted"), "{}", run.stdout);
    assert!(place.read_text("report.html").contains("agreed: tag 2"));
}
