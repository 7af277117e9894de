//! What `encrypt_pcap` wrote comes back as it was, byte for byte.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use srtp_sdes::CryptoSuite;

use super::check::{packets, udp_at};
use super::common::vectors;
use super::make::{Ng, Pcap, call_v4, call_v6, capture, ethernet, frame};
use super::run::{Place, build_example};

fn encrypt_pcap() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build_example("encrypt_pcap"))
}

/// Encrypts and decrypts again, with the key file between them.
#[track_caller]
fn there_and_back(bytes: &[u8], suite: CryptoSuite) {
    let place = Place::with(bytes);
    let encrypted = Command::new(encrypt_pcap())
        .args(["--suite", suite.name(), "--keys", "keys", "in", "srtp"])
        .current_dir(place.path("."))
        .output()
        .unwrap();
    assert!(
        encrypted.status.success(),
        "{}",
        String::from_utf8_lossy(&encrypted.stderr)
    );
    let run = place.run(&["--no-sdp", "--crypto-file", "keys", "srtp", "out"]);
    let run = run.expect_success();
    let (before, between) = (packets(bytes), packets(&place.read("srtp")));
    let after = packets(&place.read("out"));
    assert!(before != between);
    assert_eq!(before.len(), after.len());
    let untouched = |nth: usize| before[nth] == between[nth];
    for (nth, (before, after)) in before.iter().zip(&after).enumerate() {
        if untouched(nth) {
            assert!(before == after, "{suite}, packet {}", nth + 1);
            continue;
        }
        let before = super::check::Packet {
            data: with_right_checksum(&before.data, &after.data),
            ..before.clone()
        };
        assert!(
            before == *after,
            "{suite}, packet {}: {}",
            nth + 1,
            run.stdout
        );
    }
}

/// What was captured before the network card had put a UDP checksum in, as the bundled captures were, gets the right one.
fn with_right_checksum(before: &[u8], after: &[u8]) -> Vec<u8> {
    let Some(ip) = [14, 0, 4, 16, 20]
        .into_iter()
        .find(|it| matches!(before.get(*it), Some(0x45 | 0x60)))
    else {
        return before.to_vec();
    };
    let udp = udp_at(after, ip);
    udp.check(after, after.len() - udp.payload.end);
    let checksum = udp.payload.start - 2..udp.payload.start;
    let mut mended = before.to_vec();
    mended[checksum.clone()].copy_from_slice(&after[checksum]);
    mended
}

fn bundled(name: &str) -> Vec<u8> {
    std::fs::read(vectors(&format!("captures/{name}"))).unwrap()
}

#[test]
fn the_bundled_call_comes_back_under_every_suite() {
    let call = bundled("plain_call.pcap");
    for suite in CryptoSuite::ALL {
        there_and_back(&call, suite);
    }
}

#[test]
fn the_bundled_video_over_ipv6_comes_back() {
    let video = bundled("plain_video_ipv6.pcapng");
    for suite in [CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AeadAes256Gcm] {
        there_and_back(&video, suite);
    }
}

#[test]
fn every_link_layer_and_format_comes_back() {
    let suite = CryptoSuite::Aes256CmHmacSha1_32;
    for link in [0, 1, 101, 108, 113, 276] {
        let frames: Vec<Vec<u8>> = call_v4().iter().map(|it| frame(link, it)).collect();
        for (big_endian, nanoseconds) in [(false, false), (true, true)] {
            let pcap = Pcap::new(big_endian, nanoseconds, u32::from(link), 65535);
            there_and_back(&pcap.all(&frames).bytes, suite);
        }
    }
    let ng = Ng::new().section(false, -1).interface(1, 0, 6);
    let frames = ethernet(&call_v6());
    let ng = frames
        .iter()
        .fold(ng, |ng, it| ng.enhanced(0, it, it.len(), &[]));
    there_and_back(&ng.bytes, suite);
}

#[test]
fn packets_that_were_captured_twice_come_back_twice() {
    let packets: Vec<Vec<u8>> = call_v4()
        .into_iter()
        .flat_map(|it| [it.clone(), it])
        .collect();
    there_and_back(&capture(&packets), CryptoSuite::AesCm128HmacSha1_80);
}
