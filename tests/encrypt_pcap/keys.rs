//! Keys: given, made, kept and never shown.

use srtp_sdes::{KeyDerivationRate, MasterKey, Mki, Receiver};

use super::check::{key_in, packets, udp_at};
use super::make::{address, call_v4, capture, rtp, udp_packet};
use super::run::Place;

/// Thirty bytes, as AES_CM_128_HMAC_SHA1_80 takes them.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

fn call() -> Vec<u8> {
    capture(&call_v4())
}

/// What `receiver` makes of the RTP from the caller.
#[track_caller]
fn caller_decrypts(place: &Place, mut receiver: Receiver) {
    let (before, after) = (packets(&place.read("in")), packets(&place.read("out")));
    for (before, after) in before.iter().zip(&after) {
        let (was, is) = (udp_at(&before.data, 14), udp_at(&after.data, 14));
        if is.from.port() / 2 == 2000 {
            let opened = super::check::unprotect(&mut receiver, &after.data[is.payload]);
            assert_eq!(opened, before.data[was.payload]);
        }
    }
}

fn key() -> MasterKey {
    key_in(&format!("a=crypto:1 {SUITE} inline:{KEY}"))
}

#[test]
fn reads_keys_in_every_spelling() {
    let forms = [
        format!("a=crypto:1 {SUITE} inline:{KEY}"),
        format!("crypto:12 {} INLINE:{KEY}", SUITE.to_lowercase()),
        format!("1 {SUITE} inline:{KEY}|2^20"),
        format!("a=crypto:1 {SUITE} inline:{KEY}|1048576 WSH=64 -X"),
        format!("192.0.2.1:4000=a=crypto:1 {SUITE} inline:{KEY}"),
        format!("192.0.2.1:4000->198.51.100.2:5000=1 {SUITE} inline:{KEY}"),
        format!("SSRC=0x11111111=crypto:1 {SUITE} inline:{KEY}"),
        format!("ssrc=286331153=a=crypto:1 {SUITE} inline:{KEY}"),
    ];
    for form in &forms {
        let place = Place::with(&call());
        let other = format!("198.51.100.2:5000=a=crypto:1 {SUITE} inline:{OTHER}");
        place
            .run(&["--crypto", form, "--crypto", &other, "in", "out"])
            .expect_success();
        caller_decrypts(&place, Receiver::new(key()));
        assert_eq!(place.files(), ["in", "out"], "no key was made");
    }
}

#[test]
fn honours_mki_and_session_parameters() {
    let with = |end: &str| {
        let place = Place::with(&call());
        let line = format!("a=crypto:1 {SUITE} inline:{KEY}{end}");
        place
            .run(&["--crypto", &line, "in", "out"])
            .expect_success();
        place
    };
    let mki = Mki::from_value(258, 4).unwrap();
    caller_decrypts(&with("|2^31|258:4"), Receiver::new(key().with_mki(mki)));
    let rate = KeyDerivationRate::from_exponent(2).unwrap();
    let receiver = Receiver::builder(key())
        .key_derivation_rate(rate)
        .build()
        .unwrap();
    caller_decrypts(&with(" KDR=2"), receiver);
    let receiver = Receiver::builder(key()).unencrypted_srtp().build().unwrap();
    caller_decrypts(&with(" UNENCRYPTED_SRTP"), receiver);
    let receiver = Receiver::builder(key())
        .unencrypted_srtcp()
        .build()
        .unwrap();
    caller_decrypts(&with(" UNENCRYPTED_SRTCP"), receiver);
    let receiver = Receiver::builder(key())
        .unauthenticated_srtp()
        .build()
        .unwrap();
    caller_decrypts(&with(" UNAUTHENTICATED_SRTP"), receiver);
}

#[test]
fn a_key_whose_lifetime_ends_leaves_the_rest_in_the_clear_with_a_loud_warning() {
    let place = Place::with(&call());
    let line = format!("a=crypto:1 {SUITE} inline:{KEY}|10");
    let run = place
        .run(&["--crypto", &line, "in", "out"])
        .expect_success();
    assert!(
        run.stdout.contains("lifetime of the key at its end"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains("PACKETS OF THE CHOSEN MEDIA ARE IN THE OUTPUT IN THE CLEAR")
    );
}

#[test]
fn given_keys_are_never_shown_and_not_written() {
    let line = |end: &str| format!("a=crypto:1 {SUITE} inline:{KEY}{end}");
    let two = line(&format!("|1:1;inline:{OTHER}|2:1"));
    let place = Place::with(&call());
    let run = place
        .run(&["--crypto", &two, "--print-keys", "in", "out"])
        .expect_success();
    assert!(
        run.stderr.contains("has 2 keys, only the first is used"),
        "{}",
        run.stderr
    );
    assert!(!(run.stdout + &run.stderr).contains(&KEY[..8]));
    assert_eq!(place.files(), ["in", "out"]);

    // Wrong in every field, and where no key belongs at all.
    let wrong = [
        line("AAAA"),
        line("|0"),
        line("|2^49"),
        line("|1:0"),
        line("|1:200"),
        line("|1:4|2^20"),
        line(" WSH=63"),
        line(" KDR=25"),
        line(&format!(" {KEY}")),
        format!("x=a=crypto:1 {SUITE} inline:{KEY}"),
        format!("a=crypto:x {SUITE} inline:{KEY}"),
        format!("a=crypto:1 {KEY} inline:{KEY}"),
        format!("a=crypto:1 {SUITE} {KEY}"),
        format!("a=crypto:1 inline:{KEY}"),
        format!("{SUITE} inline:{KEY}"),
        format!("{KEY} {SUITE} inline:{KEY}"),
    ];
    for line in &wrong {
        let run = place.run(&["--crypto", line, "in", "out2"]);
        let error = run.expect_error();
        assert!(
            error.contains("the key in --crypto number 1 is wrong"),
            "{error}"
        );
        assert!(!run.stderr.contains(&KEY[..8]), "{error}");
    }
    let inline = format!("inline:{KEY}|2^31|1:4");
    for misplaced in [
        vec![&*inline],
        vec!["in", &inline, "x"],
        vec!["--suite", &inline, "in"],
    ] {
        let run = place.run(&misplaced);
        assert!(
            !run.success && !run.stderr.contains(&KEY[..8]),
            "{}",
            run.stderr
        );
    }
    assert_eq!(place.files(), ["in", "out"]);
}

#[test]
fn names_the_session_parameters_it_refuses() {
    let place = Place::with(&call());
    let other_key = KEY.replace(&KEY[..4], "AAAA");
    let values = [
        ("FEC_ORDER", "SRTP_FEC"),
        ("FEC_KEY", &format!("inline:{other_key}")),
    ];
    for (name, value) in values {
        let line = format!("a=crypto:1 {SUITE} inline:{KEY} {name}={value}");
        let run = place.run(&["--crypto", &line, "in", "out"]);
        assert!(run.expect_error().contains(name));
    }
}

#[test]
fn made_keys_go_to_a_file_that_its_owner_alone_may_read() {
    let place = Place::with(&call());
    let run = place.run(&["in", "out"]).expect_success();
    // Beside the output unless told otherwise: nobody could decrypt it without.
    assert_eq!(place.files(), ["in", "out", "out.keys"]);
    assert!(
        run.stdout.contains("wrote 2 fresh keys to out.keys"),
        "{}",
        run.stdout
    );
    let keys = place.read_text("out.keys");
    for line in keys.lines() {
        assert!(
            line.starts_with("# ") || line.contains("=a=crypto:1 "),
            "{line}"
        );
        let key = line.split_once("inline:").map(|it| it.1);
        assert!(key.is_none_or(|it| !run.stdout.contains(it) && !run.stderr.contains(it)));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name| {
            std::fs::metadata(place.path(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode("out.keys"), 0o600);
        assert_ne!(
            mode("out") & 0o044,
            0,
            "the capture is as readable as other files"
        );
    }
}

#[test]
fn made_keys_are_printed_when_asked_for() {
    let place = Place::with(&call());
    let run = place.run(&["--print-keys", "in", "out"]).expect_success();
    assert_eq!(
        run.stdout
            .matches("=a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
            .count(),
        2
    );
    assert_eq!(place.files(), ["in", "out"]);
}

#[test]
fn the_key_file_can_be_given_again() {
    let place = Place::with(&call());
    place.run(&["--keys", "keys", "in", "out"]).expect_success();
    place
        .run(&["--crypto-file", "keys", "in", "again"])
        .expect_success();
    assert_eq!(place.read("out"), place.read("again"));
    let input = std::fs::File::open(place.path("keys")).unwrap();
    place
        .run_with_input(&["--crypto-file", "-", "in", "piped"], input.into())
        .expect_success();
    assert_eq!(place.read("out"), place.read("piped"));
    assert_eq!(place.files(), ["again", "in", "keys", "out", "piped"]);
}

#[test]
fn each_sender_has_a_key_of_its_own_and_rtcp_has_that_of_its_rtp() {
    let place = Place::with(&call());
    place.encrypt(&[]);
    let keys = place.read_text("keys");
    let lines: Vec<&str> = keys.lines().filter(|it| !it.starts_with('#')).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("192.0.2.1:4000->198.51.100.2:5000=a=crypto:1 "));
    assert!(lines[1].starts_with("198.51.100.2:5000->192.0.2.1:4000=a=crypto:1 "));
    assert_ne!(
        lines[0].split_once("inline:"),
        lines[1].split_once("inline:")
    );
    // `compare` opens RTCP with the key of the RTP one port below.
    let found = super::check::compare(&place.read("in"), &place.read("out"), &keys, 14);
    assert_eq!(found.len(), 18);
}

#[test]
fn one_key_for_all_never_uses_an_index_twice() {
    // Two senders with one SSRC and one sequence: under one key this would be a two-time pad.
    let stream = |from: &str, to: &str, fill: u8| -> Vec<Vec<u8>> {
        let (from, to) = (address(from), address(to));
        (0..8)
            .map(|seq| udp_packet(from, to, &rtp(7, seq, 0, &[fill; 160])))
            .collect()
    };
    let one = stream("192.0.2.1:4000", "198.51.100.2:5000", 1);
    let other = stream("198.51.100.2:5000", "192.0.2.1:4000", 2);
    let line = format!("a=crypto:1 {SUITE} inline:{KEY}");
    let same = format!("198.51.100.2:5000=a=crypto:1 {SUITE} inline:{KEY}");
    for arguments in [
        vec!["--crypto", &*line],
        vec!["--crypto", &line, "--crypto", &same],
    ] {
        let place = Place::with(&capture(&[one.clone(), other.clone()].concat()));
        let run = place
            .run(&[&arguments[..], &["in", "out"]].concat())
            .expect_success();
        assert!(
            run.stdout.contains("8  other bytes under a packet index"),
            "{}",
            run.stdout
        );
        assert!(
            run.stderr.contains("8 PACKETS OF THE CHOSEN MEDIA"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_sender_without_a_key_is_an_error_unless_one_may_be_made() {
    let line = format!("192.0.2.1:4000=a=crypto:1 {SUITE} inline:{KEY}");
    let place = Place::with(&call());
    let run = place.run(&["--crypto", &line, "in", "out"]);
    assert!(
        run.expect_error()
            .contains("no key is given for what 198.51.100.2:5000 sends")
    );
    assert_eq!(place.files(), ["in"]);
    place
        .run(&[
            "--crypto",
            &line,
            "--suite",
            "AEAD_AES_128_GCM",
            "in",
            "out",
        ])
        .expect_success();
    let made = place.read_text("out.keys");
    assert_eq!(
        made.matches("a=crypto:1 AEAD_AES_128_GCM inline:").count(),
        1
    );
    assert!(made.contains("\n198.51.100.2:5000->192.0.2.1:4000="));
    caller_decrypts(&place, Receiver::new(key()));
}

#[test]
fn says_which_given_key_fits_nothing() {
    let place = Place::with(&call());
    let all = format!("a=crypto:1 {SUITE} inline:{KEY}");
    let none = format!("203.0.113.9:4000=a=crypto:1 {SUITE} inline:{OTHER}");
    let run = place
        .run(&["--crypto", &all, "--crypto", &none, "in", "out"])
        .expect_success();
    assert!(
        run.stderr
            .contains("key number 2 of those given fits no sender"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_packet_captured_twice_becomes_the_same_protected_packet_twice() {
    let call = call_v4();
    let twice: Vec<Vec<u8>> = call[..16]
        .iter()
        .flat_map(|it| [it.clone(), it.clone()])
        .collect();
    let file = capture(&twice);
    let place = Place::with(&file);
    let run = place.encrypt(&[]);
    let out = packets(&place.read("out"));
    assert!(out.chunks(2).all(|pair| pair[0].data == pair[1].data));
    assert!(
        out.iter()
            .zip(packets(&file))
            .all(|(after, before)| after.data != before.data)
    );
    assert!(
        run.stdout
            .contains("16 of the encrypted packets repeat one"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn other_bytes_under_an_index_that_was_used_go_out_in_the_clear_with_a_loud_warning() {
    let mut call = call_v4();
    call.push(udp_packet(
        address("192.0.2.1:4000"),
        address("198.51.100.2:5000"),
        &rtp(0x1111_1111, 1003, 5, &[5; 160]),
    ));
    let place = Place::with(&capture(&call));
    let run = place.encrypt(&[]);
    let (before, after) = (place.read("in"), place.read("out"));
    let found = super::check::compare(&before, &after, &place.read_text("keys"), 14);
    assert_eq!(found.len(), call.len() - 1);
    assert!(
        run.stdout.contains("1  other bytes under a packet index"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains("1 PACKETS OF THE CHOSEN MEDIA ARE IN THE OUTPUT IN THE CLEAR")
    );
}
