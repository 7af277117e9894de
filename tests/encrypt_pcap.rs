//! The example `encrypt_pcap`, run as a user runs it: what it encrypts, what it leaves alone, what it says.

#[path = "encrypt_pcap/check.rs"]
mod check;
#[path = "encrypt_pcap/errors.rs"]
mod errors;
#[path = "encrypt_pcap/finding.rs"]
mod finding;
#[path = "encrypt_pcap/formats.rs"]
mod formats;
#[path = "encrypt_pcap/keys.rs"]
mod keys;
#[path = "encrypt_pcap/make.rs"]
mod make;
#[path = "encrypt_pcap/pcapng.rs"]
mod pcapng;
#[path = "encrypt_pcap/run.rs"]
mod run;
#[cfg(target_os = "linux")]
#[path = "encrypt_pcap/streaming.rs"]
mod streaming;

use std::fs;
use std::path::Path;

use srtp_sdes::CryptoSuite;

use check::{compare, packets, records, udp_at};
use run::Place;

/// Where IP begins behind an Ethernet header.
const BEHIND_ETHERNET: usize = 14;

fn bundled(name: &str) -> Vec<u8> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/captures");
    fs::read(captures.join(name)).unwrap()
}

/// The packets of the bundled call between the ports for media.
fn media_of_the_call(capture: &[u8]) -> Vec<usize> {
    let is_media = |data: &[u8]| {
        let udp = udp_at(data, BEHIND_ETHERNET);
        [40002, 40003, 40106, 40107].contains(&udp.to.port())
    };
    let found = packets(capture);
    let numbered = found.iter().enumerate();
    numbered
        .filter(|(_, it)| is_media(&it.data))
        .map(|it| it.0)
        .collect()
}

#[test]
fn encrypts_exactly_the_rtp_and_rtcp_of_the_bundled_call() {
    let call = bundled("plain_call.pcap");
    let place = Place::with(&call);
    let run = place.encrypt(&[]);
    let changed = compare(
        &call,
        &place.read("out"),
        &place.read_text("keys"),
        BEHIND_ETHERNET,
    );
    assert_eq!(changed.len(), 1110);
    assert_eq!(changed, media_of_the_call(&call));
    assert_eq!(run.stdout.matches(" SDP\n").count(), 4, "{}", run.stdout);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn the_heuristic_alone_chooses_the_same_streams() {
    let call = bundled("plain_call.pcap");
    let place = Place::with(&call);
    let run = place.encrypt(&["--no-sdp"]);
    let changed = compare(
        &call,
        &place.read("out"),
        &place.read_text("keys"),
        BEHIND_ETHERNET,
    );
    assert_eq!(changed, media_of_the_call(&call));
    assert_eq!(
        run.stdout
            .matches("heuristic: 551 of 551 in sequence\n")
            .count(),
        2
    );
    assert_eq!(
        run.stdout.matches("heuristic: RTCP of such RTP\n").count(),
        2
    );
}

#[test]
fn encrypts_the_bundled_video_over_ipv6_which_has_no_signalling() {
    let video = bundled("plain_video_ipv6.pcapng");
    let place = Place::with(&video);
    let run = place.encrypt(&[]);
    let out = place.read("out");
    // Its RTCP comes from a port that is not beside its RTP's: the SSRC tells that one key serves both.
    let keys = place.read_text("keys");
    assert_eq!(keys.matches("a=crypto:").count(), 1);
    let line = keys.lines().last().unwrap();
    let mut receiver = srtp_sdes::Receiver::new(check::key_in(line.split_once("000=").unwrap().1));
    let (before, after) = (packets(&video), packets(&out));
    assert_eq!(before.len(), 447);
    for (before, after) in before.iter().zip(&after) {
        let (was, is) = (udp_at(&before.data, 14), udp_at(&after.data, 14));
        is.check(&after.data, 0);
        let opened = check::unprotect(&mut receiver, &after.data[is.payload]);
        assert_eq!(opened, before.data[was.payload]);
        assert_eq!(before.time, after.time);
    }
    assert!(
        run.stdout.contains("445 of 445 in sequence"),
        "{}",
        run.stdout
    );
}

#[test]
fn every_suite_decrypts_again() {
    let call = make::capture(&make::call_v4());
    for suite in CryptoSuite::ALL {
        let place = Place::with(&call);
        let run = place.encrypt(&["--suite", suite.name()]);
        let changed = compare(
            &call,
            &place.read("out"),
            &place.read_text("keys"),
            BEHIND_ETHERNET,
        );
        assert_eq!(changed.len(), 18, "{suite}");
        assert_eq!(
            run.stdout.matches(suite.name()).count(),
            4,
            "{}",
            run.stdout
        );
    }
}

#[test]
fn other_packets_and_their_timestamps_are_the_same_bytes() {
    let call = bundled("plain_call.pcap");
    let place = Place::with(&call);
    place.encrypt(&[]);
    let (before, after) = (records(&call), records(&place.read("out")));
    let same = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before == after);
    // The file's header and six SIP messages.
    assert_eq!(same.count(), 7);
    let time = |it: &check::Record| it.packet.as_ref().map(|it| it.time);
    assert!(before.iter().map(time).eq(after.iter().map(time)));
}

#[test]
fn the_table_says_what_was_done() {
    let place = Place::with(&bundled("plain_call.pcap"));
    let run = place.encrypt(&["--suite", "AEAD_AES_256_GCM"]);
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|it| it.split_ascii_whitespace().collect())
        .collect();
    let row = |from, to, ssrc, kind, packets, bytes| {
        vec![
            from,
            to,
            ssrc,
            kind,
            "AEAD_AES_256_GCM",
            packets,
            bytes,
            "0",
            "SDP",
        ]
    };
    let (alice, bob) = ("127.0.0.1:40002", "127.0.0.1:40106");
    assert!(rows.contains(&row(alice, bob, "0x7c29658d", "RTP", "551", "94772")));
    let (alice, bob) = ("127.0.0.1:40003", "127.0.0.1:40107");
    assert!(rows.contains(&row(alice, bob, "0x7c29658d", "RTCP", "4", "244")));
    assert!(rows.contains(&"6 UDP that is no media to encrypt".split(' ').collect()));
}

#[test]
fn without_arguments_encrypts_the_bundled_call_under_target_time_and_again() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    for _ in 0..2 {
        let run = Place::new().run(&[]).expect_success();
        let call = bundled("plain_call.pcap");
        let out = fs::read(target.join("encrypted_call.pcap")).unwrap();
        let keys = fs::read_to_string(target.join("encrypted_call.pcap.keys")).unwrap();
        assert_eq!(compare(&call, &out, &keys, BEHIND_ETHERNET).len(), 1110);
        assert!(run.stdout.contains("To listen"), "{}", run.stdout);
        assert!(!run.stdout.contains("inline:") || !run.stdout.contains(key_text(&keys)));
    }
}

/// The base64 of the first key in a key file.
fn key_text(keys: &str) -> &str {
    let (_, key) = keys.split_once("inline:").unwrap();
    key.lines().next().unwrap()
}
