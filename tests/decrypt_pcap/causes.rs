//! A good capture is mutated, one way a test, and the program names that cause and no other.

use srtp_sdes::{CryptoSuite, Sender, SrtcpTag};

use super::call::{
    alices, alices_packets, alices_plain, bobs, bobs_media, call, causes, decrypt, line, media,
    protect, signalling,
};
use super::common::key;
use super::make::capture;
use super::run::Run;

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;
const SHORT: CryptoSuite = CryptoSuite::AesCm128HmacSha1_32;

fn seqs() -> std::ops::Range<u16> {
    1000..1060
}

/// The table's row of a stream: packets, opened, lost, replayed, failed, ROC.
#[track_caller]
fn row<'r>(run: &'r Run, from: &str, plane: &str) -> Vec<&'r str> {
    let is_it = |it: &&str| it.starts_with(from) && it.contains(&format!("  {plane} "));
    let Some(row) = run.stdout.lines().find(is_it) else {
        panic!("{}{}", run.stdout, run.stderr)
    };
    let cells: Vec<&str> = row.split_ascii_whitespace().collect();
    cells[5..11].to_vec()
}

/// The whole media opens, and nothing is said of causes but this.
#[track_caller]
fn opens_with(capture: &[u8], arguments: &[&str], expected: &[(u64, &str, &str)]) -> Run {
    let (place, run) = decrypt(capture, arguments);
    let run = run.expect_success();
    assert_names(&run, expected);
    let opened = alices_packets(&place.read("out"));
    assert!(opened == alices_plain(seqs()), "{}", run.stdout);
    run
}

#[track_caller]
fn assert_names(run: &Run, expected: &[(u64, &str, &str)]) {
    let named = causes(run);
    let expected: Vec<_> = expected
        .iter()
        .map(|it| (it.0, it.1, it.2.to_owned()))
        .collect();
    assert_eq!(named, expected, "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_good_call_opens_and_nothing_is_wrong_with_it() {
    for suite in CryptoSuite::ALL {
        let mut sender = Sender::new(alices(suite));
        let sent = media(seqs(), |packet, is_rtcp| {
            protect(&mut sender, packet, is_rtcp)
        });
        let run = opens_with(&call(suite, "", sent), &[], &[]);
        assert_eq!(
            row(&run, "192.0.2.1:4000", "RTP"),
            ["60", "60", "0", "0", "0", "0"]
        );
        assert_eq!(
            row(&run, "192.0.2.1:4001", "RTCP"),
            ["6", "6", "-", "0", "0", "-"]
        );
        assert_eq!(
            row(&run, "198.51.100.2:5000", "RTP"),
            ["60", "60", "0", "0", "0", "0"]
        );
    }
}

#[test]
fn a_key_that_was_not_signalled_is_a_wrong_key() {
    let mut sender = Sender::new(key(SUITE, 7));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let (_, run) = decrypt(&call(SUITE, "", sent), &[]);
    assert_names(&run, &[(60, "RTP", "wrong key"), (6, "RTCP", "wrong key")]);
    assert_eq!(
        row(&run, "192.0.2.1:4000", "RTP"),
        ["60", "0", "0", "0", "60", "-"]
    );
}

#[test]
fn the_key_of_another_line_is_a_wrong_key_and_opens_all_the_same() {
    // The second line was offered too, and the answer took the first.
    let other = key(CryptoSuite::AeadAes128Gcm, 7);
    let offer = line(1, &alices(SUITE), "") + &line(2, &other, "");
    let answer = line(1, &bobs(SUITE), "");
    let mut sender = Sender::new(other);
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let mut packets = signalling(&offer, &answer);
    packets.extend(sent);
    packets.extend(bobs_media(bobs(SUITE)));
    opens_with(
        &capture(&packets),
        &[],
        &[(60, "RTP", "wrong key"), (6, "RTCP", "wrong key")],
    );
}

#[test]
fn the_key_under_another_suite_is_a_wrong_suite() {
    let mut sender = Sender::new(alices(SHORT));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    // SRTCP is the same under both.
    opens_with(&call(SUITE, "", sent), &[], &[(60, "RTP", "wrong suite")]);
}

#[test]
fn srtcp_that_is_enciphered_where_a_null_cipher_was_agreed_is_a_wrong_suite() {
    let null = CryptoSuite::NullHmacSha1_80;
    let key_of = |suite| {
        let key = alices(null);
        srtp_sdes::MasterKey::new(suite, key.secret_key_and_salt()).unwrap()
    };
    let (mut rtp, mut rtcp) = (Sender::new(key_of(null)), Sender::new(key_of(SUITE)));
    let sent = media(seqs(), |packet, is_rtcp| match is_rtcp {
        true => protect(&mut rtcp, packet, true),
        false => protect(&mut rtp, packet, false),
    });
    opens_with(&call(null, "", sent), &[], &[(6, "RTCP", "wrong suite")]);
}

#[test]
fn srtcp_tags_of_4_bytes_where_10_were_expected_are_named() {
    let name = "SRTCP tag of 4 bytes where 10 were expected";
    let builder = Sender::builder(alices(SHORT)).srtcp_tag(SrtcpTag::Bytes4);
    let mut sender = builder.build().unwrap();
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    opens_with(&call(SHORT, "", sent.clone()), &[], &[(6, "RTCP", name)]);
    let expected = &["--srtcp-tag-of-32", "4"];
    opens_with(&call(SHORT, "", sent), expected, &[]);

    // Some do so under the _80 suites too.
    let builder = Sender::builder(alices(SHORT)).srtcp_tag(SrtcpTag::Bytes4);
    let (mut short, mut sender) = (builder.build().unwrap(), Sender::new(alices(SUITE)));
    let sent = media(seqs(), |packet, is_rtcp| match is_rtcp {
        true => protect(&mut short, packet, true),
        false => protect(&mut sender, packet, false),
    });
    opens_with(&call(SUITE, "", sent), &[], &[(6, "RTCP", name)]);
}

#[test]
fn srtcp_tags_of_10_bytes_where_4_were_expected_are_named() {
    let mut sender = Sender::new(alices(SHORT));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let name = "SRTCP tag of 10 bytes where 4 were expected";
    let expected = &["--srtcp-tag-of-32", "4"];
    opens_with(&call(SHORT, "", sent), expected, &[(6, "RTCP", name)]);
}

#[test]
fn sequence_numbers_that_restart_under_one_ssrc_and_key_are_named() {
    // From 1030 on a new sender begins at 1000 again, with another payload.
    let mut sender = Sender::new(alices(SUITE));
    let before = media(5000..5030, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let mut anew = Sender::new(alices(SUITE));
    let after = media(seqs(), |packet, is_rtcp| {
        protect(&mut anew, packet, is_rtcp)
    });
    let name = "SSRC or sequence numbers restarted";
    let sent = [before, after].concat();
    let (place, run) = decrypt(&call(SUITE, "", sent), &[]);
    // Of RTCP the first three indices come again.
    assert_names(&run, &[(60, "RTP", name), (1, "RTCP", name)]);
    let plain = [alices_plain(5000..5030), alices_plain(seqs())].concat();
    assert!(
        alices_packets(&place.read("out")) == plain,
        "{}",
        run.stdout
    );
}

#[test]
fn a_rollover_counter_that_restarts_is_named() {
    let mut sender = Sender::new(alices(SUITE));
    let across = |from: u16| (0..60).map(move |nth| from.wrapping_add(nth));
    let before = media(across(65500), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let mut anew = Sender::new(alices(SUITE));
    let after = media(seqs(), |packet, is_rtcp| {
        protect(&mut anew, packet, is_rtcp)
    });
    let sent = [before, after].concat();
    let only_rtp = |it: &Vec<u8>| it[20..22] == 4000_u16.to_be_bytes();
    let sent = sent.into_iter().filter(only_rtp).collect();
    let (_, run) = decrypt(&call(SUITE, "", sent), &[]);
    assert_names(&run, &[(60, "RTP", "SSRC or sequence numbers restarted")]);
    assert_eq!(row(&run, "192.0.2.1:4000", "RTP")[1], "120");
}

#[test]
fn a_capture_that_begins_in_mid_call_is_opened_with_the_counter_it_needs() {
    for (roc, suite) in [(1, SUITE), (17, SUITE), (2000, CryptoSuite::AeadAes256Gcm)] {
        let builder = Sender::builder(alices(suite)).initial_roc(roc);
        let mut sender = builder.build().unwrap();
        let sent = media(seqs(), |packet, is_rtcp| {
            protect(&mut sender, packet, is_rtcp)
        });
        let (_, run) = decrypt(&call(suite, "", sent), &[]);
        assert_names(&run, &[(60, "RTP", "other rollover counter")]);
        let row = row(&run, "192.0.2.1:4000", "RTP");
        assert_eq!(row[5], roc.to_string(), "{}", run.stdout);
    }
}

#[test]
fn a_counter_that_is_off_by_one_in_mid_stream_is_named() {
    // More than 32768 packets are missing in between, so that nobody can know of the roll-over.
    let mut sender = Sender::new(alices(SUITE));
    let before = media(100..130, |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let builder = Sender::builder(alices(SUITE)).initial_roc(1);
    let mut later = builder.build().unwrap();
    let after = media(200..230, |packet, is_rtcp| {
        protect(&mut later, packet, is_rtcp)
    });
    let only_rtp = |it: &Vec<u8>| it[20..22] == 4000_u16.to_be_bytes();
    let sent = [before, after]
        .concat()
        .into_iter()
        .filter(only_rtp)
        .collect();
    let (_, run) = decrypt(&call(SUITE, "", sent), &[]);
    assert_names(&run, &[(30, "RTP", "other rollover counter")]);
    assert_eq!(row(&run, "192.0.2.1:4000", "RTP")[1], "60");
}

#[test]
fn rtcp_in_the_clear_is_named() {
    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| match is_rtcp {
        true => packet,
        false => protect(&mut sender, packet, false),
    });
    opens_with(
        &call(SUITE, "", sent),
        &[],
        &[(6, "RTCP", "RTCP in the clear")],
    );
}

#[test]
fn media_that_is_not_encrypted_at_all_is_named() {
    let name = "not encrypted at all";
    let sent = media(seqs(), |packet, _| packet);
    for suite in [
        SUITE,
        CryptoSuite::AeadAes128Gcm,
        CryptoSuite::AesCm128NullAuth,
    ] {
        let expected = [(60, "RTP", name), (6, "RTCP", name)];
        opens_with(&call(suite, "", sent.clone()), &[], &expected);
    }
}

#[test]
fn unencrypted_srtp_of_one_side_only_is_named() {
    let name = "UNENCRYPTED_SRTP honoured by one side only";
    let builder = Sender::builder(alices(SUITE)).unencrypted_srtp();
    let mut clear = builder.build().unwrap();
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut clear, packet, is_rtcp)
    });
    opens_with(&call(SUITE, "", sent.clone()), &[], &[(60, "RTP", name)]);

    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let (_, run) = decrypt(&call(SUITE, " UNENCRYPTED_SRTP", sent), &[]);
    // Bob does not honour it either.
    assert_names(&run, &[(60, "RTP", name), (60, "RTP", name)]);
}

#[test]
fn unencrypted_srtcp_of_one_side_only_is_named() {
    let name = "UNENCRYPTED_SRTCP honoured by one side only";
    let builder = Sender::builder(alices(SUITE)).unencrypted_srtcp();
    let mut clear = builder.build().unwrap();
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut clear, packet, is_rtcp)
    });
    opens_with(&call(SUITE, "", sent), &[], &[(6, "RTCP", name)]);

    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    opens_with(
        &call(SUITE, " UNENCRYPTED_SRTCP", sent),
        &[],
        &[(6, "RTCP", name)],
    );
}

#[test]
fn unauthenticated_srtp_of_one_side_only_is_named() {
    let name = "UNAUTHENTICATED_SRTP honoured by one side only";
    let builder = Sender::builder(alices(SUITE)).unauthenticated_srtp();
    let mut bare = builder.build().unwrap();
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut bare, packet, is_rtcp)
    });
    opens_with(&call(SUITE, "", sent), &[], &[(60, "RTP", name)]);

    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let expected = [(60, "RTP", name), (60, "RTP", name)];
    opens_with(&call(SUITE, " UNAUTHENTICATED_SRTP", sent), &[], &expected);
}

#[test]
fn packets_that_were_changed_on_the_way_are_unknown() {
    let mut sender = Sender::new(alices(SUITE));
    let mut count = 0;
    let sent = media(seqs(), |packet, is_rtcp| {
        let mut packet = protect(&mut sender, packet, is_rtcp);
        count += 1;
        if count % 11 == 5 {
            let last = packet.len() - 12;
            packet[last] ^= 1;
        }
        packet
    });
    let (_, run) = decrypt(&call(SUITE, "", sent), &[]);
    assert_names(&run, &[(6, "RTP", "unknown")]);
    assert_eq!(
        row(&run, "192.0.2.1:4000", "RTP"),
        ["60", "54", "0", "0", "6", "0"]
    );
}

#[test]
fn packets_that_come_again_are_replayed_and_nothing_else() {
    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let again = sent[..22].to_vec();
    let (place, run) = decrypt(&call(SUITE, "", [sent, again].concat()), &[]);
    assert_names(&run, &[]);
    assert_eq!(
        row(&run, "192.0.2.1:4000", "RTP"),
        ["80", "80", "0", "20", "0", "0"]
    );
    assert_eq!(
        row(&run, "192.0.2.1:4001", "RTCP"),
        ["8", "8", "-", "2", "0", "-"]
    );
    let plain = alices_plain(seqs());
    let twice = [plain.clone(), plain[..22].to_vec()].concat();
    assert!(alices_packets(&place.read("out")) == twice);
}

#[test]
fn packets_that_are_missing_are_lost() {
    let mut sender = Sender::new(alices(SUITE));
    let mut sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    sent.drain(3..7);
    let (_, run) = decrypt(&call(SUITE, "", sent), &[]);
    assert_names(&run, &[]);
    assert_eq!(
        row(&run, "192.0.2.1:4000", "RTP"),
        ["56", "56", "4", "0", "0", "0"]
    );
}

#[test]
fn packets_beyond_the_lifetime_of_their_key_are_named() {
    let mut sender = Sender::new(alices(SUITE));
    let sent = media(seqs(), |packet, is_rtcp| {
        protect(&mut sender, packet, is_rtcp)
    });
    let (place, run) = decrypt(&call(SUITE, "|2^5", sent), &[]);
    let name = "lifetime of the key at its end".to_owned();
    let named = causes(&run);
    // Fewer than 32 of each plane, and the plane that ends first ends both.
    assert_eq!(named[0], (29, "RTP", name.clone()), "{}", run.stdout);
    assert!(named.iter().all(|it| it.2 == name), "{}", run.stdout);
    assert!(alices_packets(&place.read("out")) == alices_plain(seqs()));
}
