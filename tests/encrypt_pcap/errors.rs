//! Bad input: one sentence, a status that says so, and nothing left behind.

use super::make::{Ng, Pcap, call_v4, capture, ethernet};
use super::run::Place;

/// Runs on this file and returns the error; the folder is as it was.
#[track_caller]
fn error_on(capture: &[u8], arguments: &[&str]) -> String {
    let place = Place::with(capture);
    let run = place.run(&[arguments, &["in", "out"]].concat());
    assert_eq!(place.files(), ["in"], "{}", run.stderr);
    run.expect_error().to_owned()
}

#[test]
fn files_that_are_no_captures() {
    let capture = capture(&call_v4());
    let modified = [&[0x34, 0xCD, 0xB2, 0xA1][..], &capture[4..]].concat();
    let old = [&capture[..4], &[1, 0], &capture[6..]].concat();
    let cases: [(&[u8], &str); 8] = [
        (b"", "the file is empty"),
        (b"abc", "not a pcap or pcapng capture"),
        (b"RIFF....WAVEfmt ", "not a pcap or pcapng capture"),
        (&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0], "gzip-compressed"),
        (&[0x28, 0xB5, 0x2F, 0xFD, 0, 0], "zstd-compressed"),
        (&modified, "Kuznetzov's modified pcap"),
        (&old, "pcap version 1.4 is not known"),
        (&capture[..20], "cut short"),
    ];
    for (file, said) in cases {
        let error = error_on(file, &[]);
        assert!(error.starts_with("error: cannot read in: "), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn files_that_are_not_there_or_cannot_be_written() {
    let place = Place::with(&capture(&call_v4()));
    let missing = place.run(&["nowhere", "out"]);
    assert!(missing.expect_error().contains("cannot open nowhere"));
    assert!(
        place
            .run(&[".", "out"])
            .expect_error()
            .contains("it is a directory")
    );
    let folder = place.run(&["in", "nowhere/out"]);
    assert!(folder.expect_error().contains("cannot write into nowhere"));
    assert!(
        place
            .run(&["in", "."])
            .expect_error()
            .contains("not a regular file")
    );
    assert!(
        place
            .run(&["in", "in"])
            .expect_error()
            .contains("both input and output")
    );
    assert!(
        place
            .run(&["--force", "in", "in"])
            .expect_error()
            .contains("both input and output")
    );
    let keys = place.run(&["--keys", "nowhere/keys", "in", "out"]);
    assert!(keys.expect_error().contains("cannot write into nowhere"));
    assert!(
        place
            .run(&["--crypto-file", "nowhere", "in"])
            .expect_error()
            .contains("cannot read keys")
    );
    assert_eq!(place.files(), ["in"]);
}

#[test]
fn captures_that_end_within_a_record() {
    let whole = capture(&call_v4());
    for missing in [1, 100, 213, 214, 220, 229] {
        let error = error_on(&whole[..whole.len() - missing], &[]);
        assert!(error.contains("the file ends inside the record"), "{error}");
    }
    let ng = Ng::new().section(true, -1).interface(1, 0, 6).bytes;
    for missing in 1..ng.len() - 4 {
        let error = error_on(&ng[..ng.len() - missing], &[]);
        let is_clear = error.contains("cut short") || error.contains("no RTP found");
        assert!(is_clear, "{missing}: {error}");
    }
}

#[test]
fn damaged_records() {
    let packet = &ethernet(&call_v4())[0];
    let start = || Ng::new().section(false, -1).interface(1, 0, 6);
    let good = start().bytes.len();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = start().enhanced(0, packet, packet.len(), &[]).bytes;
        change(&mut file);
        error_on(&file, &[])
    };
    let set = |at: usize, to: u32| {
        move |file: &mut Vec<u8>| file[good + at..good + at + 4].copy_from_slice(&to.to_le_bytes())
    };
    assert!(with(&set(4, 13)).contains("has an impossible length"));
    assert!(with(&set(4, 8)).contains("has an impossible length"));
    assert!(with(&set(4, 0xFFFF_FFFC)).contains("claims to be 4294967292 bytes long"));
    assert!(with(&set(4, 1000)).contains("cut short"));
    assert!(with(&set(8, 3)).contains("names an interface that was not described"));
    assert!(with(&set(20, 5000)).contains("cannot be read"));
    assert!(with(&set(20, u32::MAX)).contains("cannot be read"));
    let last = |file: &mut Vec<u8>| *file.last_mut().unwrap() = 9;
    assert!(with(&last).contains("has two lengths that differ"));
    let magic = |file: &mut Vec<u8>| file[8] = 0;
    assert!(with(&magic).contains("has no byte-order magic"));
    let version = |file: &mut Vec<u8>| file[12] = 2;
    assert!(with(&version).contains("is of pcapng version 2.0"));

    let simple = start().simple(packet, packet.len() + 9).bytes;
    assert!(error_on(&simple, &[]).contains("is shorter than its packet"));
    let pcap = Pcap::new(false, false, 1, 65535)
        .cut(packet, packet.len())
        .bytes;
    let huge = [&pcap[..24 + 8], &[0xFF; 4], &pcap[24 + 12..]].concat();
    assert!(error_on(&huge, &[]).contains("claims to be 4294967311 bytes long"));
}

#[test]
fn a_damaged_record_at_the_end_leaves_no_half_written_output() {
    let call = [capture(&call_v4()), vec![1, 2, 3]].concat();
    let place = Place::with(&call);
    std::fs::write(place.path("out"), "earlier").unwrap();
    std::fs::write(place.path("out.keys"), "earlier").unwrap();
    // Into one pass, so that the damage is met when all else was written.
    let pipe = std::fs::File::open(place.path("in")).unwrap();
    let run = place.run_with_input(&["--force", "--rtp", "4000", "-", "out"], pipe.into());
    assert!(run.expect_error().contains("cut short"));
    assert_eq!(place.files(), ["in", "out", "out.keys"]);
    assert_eq!(
        place.read_text("out") + &place.read_text("out.keys"),
        "earlierearlier"
    );
}

#[test]
fn files_that_are_there_are_replaced_only_by_force() {
    let place = Place::with(&capture(&call_v4()));
    for name in ["out", "out.keys"] {
        std::fs::write(place.path(name), "earlier").unwrap();
        let run = place.run(&["in", "out"]);
        let said = format!("{name} is there already; --force replaces it");
        assert!(run.expect_error().contains(&said), "{}", run.stderr);
        assert_eq!(place.files(), ["in", name]);
        assert_eq!(place.read_text(name), "earlier");
        std::fs::remove_file(place.path(name)).unwrap();
    }
    std::fs::write(place.path("out"), "earlier").unwrap();
    std::fs::write(place.path("out.keys"), "earlier").unwrap();
    place.run(&["--force", "in", "out"]).expect_success();
    assert!(place.read("out").len() > 1000 && place.read_text("out.keys").contains("inline:"));
    assert_eq!(place.files(), ["in", "out", "out.keys"]);
}

#[test]
fn a_capture_without_media_is_not_copied() {
    let other = super::make::udp_packet(
        super::make::address("192.0.2.1:53"),
        super::make::address("192.0.2.2:9999"),
        b"no media",
    );
    let file = capture(&[other]);
    assert!(error_on(&file, &[]).contains("no RTP found in in"));
    assert!(error_on(&file, &["--rtp", "4000"]).contains("no RTP found in in"));
    let unknown = Pcap::new(false, false, 147, 65535).add(&[1, 2, 3]).bytes;
    assert!(error_on(&unknown, &[]).contains("no RTP found"));
}

#[test]
fn arguments_that_make_no_sense() {
    let file = capture(&call_v4());
    assert!(
        error_on(&file, &["--suite", "ROT13"]).contains("the suites are AES_CM_128_HMAC_SHA1_80,")
    );
    for port in ["x", "0", "5-4", "1.2.3:4", "70000"] {
        assert!(error_on(&file, &["--rtp", port]).contains("invalid value"));
    }
    assert!(error_on(&file, &["--nonsense"]).contains("unexpected argument '--nonsense'"));
    assert!(error_on(&file, &["--keys", "in"]).contains("both input and key file"));
    assert!(error_on(&file, &["--keys", "out"]).contains("both output and key file"));
    for written in [&["in", "keys"][..], &["in", "out", "--keys", "keys"]] {
        let place = Place::with(&file);
        std::fs::write(place.path("keys"), "1.2.3.4:5=a=crypto:1 precious").unwrap();
        let arguments = [&["--force", "--crypto-file", "keys"], written].concat();
        let run = place.run(&arguments);
        let error = run.expect_error();
        assert!(
            error.contains("keys cannot be both --crypto-file and"),
            "{error}"
        );
        assert!(place.read_text("keys").contains("precious"), "left alone");
    }
    assert!(error_on(&file, &["--keys", "a", "--print-keys"]).contains("cannot be used with"));
    let short =
        "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let said = "the key has 30 bytes of master key and salt, its suite takes 46";
    assert!(error_on(&file, &["--crypto", short]).contains(said));
    let unknown = short.replace("AES_256_CM_HMAC_SHA1_80", "AES_512");
    assert!(error_on(&file, &["--crypto", &unknown]).contains("its suite is unknown, known are"));
}

#[test]
fn help_is_no_error() {
    let run = Place::new().run(&["--help"]).expect_success();
    assert!(run.stdout.contains("Examples:") && run.stdout.contains("--crypto-file"));
}
