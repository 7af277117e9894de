//! The example `relay`, run as a user runs it, with both ends of a call on loopback.
#![cfg(unix)]

mod common;
#[path = "../examples/common/remote.rs"]
#[allow(dead_code, reason = "the example uses all of it")]
mod remote;
#[path = "../examples/common/tally.rs"]
#[allow(dead_code, reason = "the example uses all of it")]
mod tally;
#[path = "../examples/common/turn.rs"]
#[allow(dead_code, reason = "the example uses all of it")]
mod turn;
#[path = "relay/rig.rs"]
mod rig;
#[path = "relay/bursts.rs"]
mod bursts;
#[path = "encrypt_pcap/run.rs"]
#[allow(dead_code, reason = "it is that of several tests")]
mod run;

use common::{PLANES, bytes, forged, key, plain, protect, rtp};
use rig::{End, Relay, leg_keys, lines};
use run::Place;
use srtp_sdes::{CryptoSuite, MasterKey, Mki, Plane, Receiver, Sender, SrtcpTag};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

/// A relay with a plain leg a, which is told where to send, and an SRTP leg b, which has to learn it; and both ends.
fn call(suite: CryptoSuite) -> (Relay, End, End) {
    call_with(suite, "0", &[])
}

fn call_with(suite: CryptoSuite, leg_b: &str, more: &[&str]) -> (Relay, End, End) {
    let keys = leg_keys(suite, 1);
    let a = End::plain();
    let relay = Relay::start(&to(&a), leg_b, &lines("b", &keys, ""), more);
    (relay, a, End::srtp(keys.1, keys.0))
}

/// A leg that sends to this end.
fn to(end: &End) -> String {
    let [rtp, rtcp] = PLANES.map(|plane| end.address(plane));
    format!("0,to={rtp},rtcp-to={rtcp}")
}

/// A packet goes into leg `leg`, and has to come out at the other end as it was.
#[track_caller]
fn passes(relay: &Relay, leg: usize, ends: (&mut End, &mut End), plane: Plane, seq: u16) {
    let packet = plain(plane, 0x1234_0000 + leg as u32, seq, &bytes(160));
    ends.0.send(plane, &relay.legs[leg], &packet);
    assert_eq!(ends.1.receive(plane), packet);
}

/// Both planes, both directions; first the one whose address is to be learnt.
#[track_caller]
fn passes_all(relay: &Relay, a: &mut End, b: &mut End, seq: u16) {
    for plane in PLANES {
        passes(relay, 1, (b, a), plane, seq);
        passes(relay, 0, (a, b), plane, seq);
    }
}

#[test]
fn rtp_and_rtcp_pass_both_ways_between_plain_and_every_suite() {
    for suite in CryptoSuite::ALL {
        let (relay, mut a, mut b) = call(suite);
        for seq in 1..4 {
            passes_all(&relay, &mut a, &mut b, seq);
        }
        let totals = relay.stop();
        for way in ["a to b", "b to a"] {
            for plane in PLANES {
                assert_eq!(
                    totals.of(way, plane),
                    (3, 3, 0, ""),
                    "{suite}: {}",
                    totals.0
                );
            }
        }
        assert!(
            totals.0.contains("from b: SSRC 0x12340001, ROC 0\n"),
            "{}",
            totals.0
        );
    }
}

#[test]
fn what_leaves_the_srtp_leg_is_protected() {
    let (relay, mut a, mut b) = call(SUITE);
    passes_all(&relay, &mut a, &mut b, 1);
    for (plane, growth) in [(Plane::Rtp, 10), (Plane::Rtcp, 14)] {
        let packet = plain(plane, 7, 9, &bytes(100));
        a.send(plane, &relay.legs[0], &packet);
        let protected = b.receive_raw(plane);
        assert_eq!(protected.len(), packet.len() + growth);
        assert_ne!(protected[12..packet.len()], packet[12..]);
    }
}

#[test]
fn one_srtp_leg_becomes_another_with_other_keys_and_another_suite() {
    let suites = [CryptoSuite::AeadAes256Gcm, CryptoSuite::F8_128HmacSha1_32];
    let keys = [leg_keys(suites[0], 1), leg_keys(suites[1], 2)];
    let all = lines("a", &keys[0], "") + &lines("b", &keys[1], "");
    let [for_a, for_b] = keys;
    let (mut a, mut b) = (End::srtp(for_a.1, for_a.0), End::srtp(for_b.1, for_b.0));
    let relay = Relay::start(&to(&a), "0", &all, &[]);
    for suite in suites {
        assert!(
            relay.introduction.contains(suite.name()),
            "{}",
            relay.introduction
        );
    }
    for seq in 1..4 {
        passes_all(&relay, &mut a, &mut b, seq);
    }
    assert_eq!(relay.stop().of("a to b", Plane::Rtcp), (3, 3, 0, ""));
}

#[test]
fn rtp_and_rtcp_share_one_port_on_a_leg_that_is_muxed() {
    let (relay, mut a, mut b) = call_with(SUITE, "0,mux", &[]);
    assert_eq!(relay.legs[1][0], relay.legs[1][1]);
    assert_ne!(relay.legs[0][0], relay.legs[0][1]);
    // RTCP is sent to where RTP comes from, so this end has one socket, too.
    b.mux();
    for seq in 1..4 {
        passes_all(&relay, &mut a, &mut b, seq);
    }
    let totals = relay.stop();
    for way in ["a to b", "b to a"] {
        for plane in PLANES {
            assert_eq!(totals.of(way, plane), (3, 3, 0, ""), "{}", totals.0);
        }
    }
}

#[test]
fn forged_replayed_and_foreign_packets_are_dropped_and_counted() {
    let (mut relay, mut a, mut b) = call(SUITE);
    passes_all(&relay, &mut a, &mut b, 1);
    let leg = relay.legs[1];
    for plane in PLANES {
        let packet = plain(plane, 0x1234_0001, 2, &bytes(50));
        let genuine = b.sealed(plane, &packet);
        b.send_raw(plane, &leg, &forged(plane, &genuine));
        b.send_raw(plane, &leg, b"no such thing as RTP");
        b.send_raw(plane, &leg, &plain(plane, 0x1234_0001, 3, &bytes(50)));
        b.send_raw(plane, &leg, &genuine);
        b.send_raw(plane, &leg, &genuine);
        // What comes out first is what was genuine, and next is what came last.
        assert_eq!(a.receive(plane), packet);
        passes(&relay, 1, (&mut b, &mut a), plane, 4);
    }
    a.send_raw(Plane::Rtp, &relay.legs[0], b"STUN, perhaps");
    relay.until("a to b", Plane::Rtp, 2);
    let totals = relay.stop();
    let why = "1 neither RTP nor RTCP, 2 not authentic, 1 seen before";
    for plane in PLANES {
        assert_eq!(totals.of("b to a", plane), (7, 3, 4, why), "{}", totals.0);
    }
    let foreign = totals.of("a to b", Plane::Rtp);
    assert_eq!((foreign.2, foreign.3), (1, "1 neither RTP nor RTCP"));
}

#[test]
fn an_srtp_leg_follows_what_authenticates_and_nothing_else() {
    let (mut relay, mut a, mut b) = call(SUITE);
    let forger = End::plain();
    for plane in PLANES {
        // Before anything is known, and afterwards: what is no packet of that peer, and what is, but is old.
        let forgery = forged(plane, &b.sealed(plane, &plain(plane, 5, 1, &bytes(40))));
        forger.send_raw(plane, &relay.legs[1], &forgery);
        passes(&relay, 1, (&mut b, &mut a), plane, 1);
        let genuine = b.sealed(plane, &plain(plane, 5, 2, &bytes(40)));
        b.send_raw(plane, &relay.legs[1], &genuine);
        a.receive(plane);
        forger.send_raw(plane, &relay.legs[1], &forgery);
        forger.send_raw(plane, &relay.legs[1], &genuine);
        relay.until("b to a", plane, 5);
        passes(&relay, 0, (&mut a, &mut b), plane, 2);
    }
    let mut b = b.moved();
    for plane in PLANES {
        passes(&relay, 1, (&mut b, &mut a), plane, 3);
        passes(&relay, 0, (&mut a, &mut b), plane, 3);
    }
    assert!(relay.stop().0.contains(&format!(
        "b to {} and {}\n",
        b.address(Plane::Rtp),
        b.address(Plane::Rtcp)
    )));
}

#[test]
fn a_forgery_does_not_draw_media_to_itself_even_if_nothing_else_ever_came() {
    let (mut relay, mut a, mut b) = call(SUITE);
    let forger = End::plain();
    let forgery = forged(Plane::Rtp, &b.sealed(Plane::Rtp, &rtp(5, 1, &bytes(40))));
    forger.send_raw(Plane::Rtp, &relay.legs[1], &forgery);
    relay.until("b to a", Plane::Rtp, 1);
    for seq in 1..4 {
        a.send(Plane::Rtp, &relay.legs[0], &rtp(6, seq, &bytes(40)));
    }
    relay.until("a to b", Plane::Rtp, 3);
    let totals = relay.stop();
    let (_, relayed, _, why) = totals.of("a to b", Plane::Rtp);
    assert_eq!(relayed, 0, "{}", totals.0);
    assert!(
        why.ends_with("before the other side's address was known"),
        "{why}"
    );
    assert_eq!(totals.of("b to a", Plane::Rtp).3, "1 not authentic");
}

/// A call whose plain leg a learns, and whose SRTP leg b is told where to send.
fn learning_plain_call(leg_a: &str) -> (Relay, End, End) {
    let keys = leg_keys(SUITE, 1);
    let all = lines("b", &keys, "");
    let b = End::srtp(keys.1, keys.0);
    (Relay::start(leg_a, &to(&b), &all, &[]), End::plain(), b)
}

#[test]
fn a_plain_leg_stays_with_who_came_first() {
    let (relay, mut a, mut b) = learning_plain_call("0");
    let mut late = End::plain();
    for plane in PLANES {
        passes(&relay, 0, (&mut a, &mut b), plane, 1);
        late.send(plane, &relay.legs[0], &plain(plane, 66, 1, &bytes(40)));
        passes(&relay, 0, (&mut a, &mut b), plane, 2);
        passes(&relay, 1, (&mut b, &mut a), plane, 2);
    }
    let totals = relay.stop();
    for plane in PLANES {
        assert_eq!(
            totals.of("a to b", plane),
            (3, 2, 1, "1 from another address")
        );
    }
}

#[test]
fn without_authentication_an_srtp_leg_stays_with_who_came_first_too() {
    let (relay, mut a, mut b) = call(CryptoSuite::AesCm128NullAuth);
    passes_all(&relay, &mut a, &mut b, 1);
    let late = End::plain();
    for plane in PLANES {
        let packet = b.sealed(plane, &plain(plane, 66, 1, &bytes(40)));
        late.send_raw(plane, &relay.legs[1], &packet);
    }
    passes_all(&relay, &mut a, &mut b, 2);
    let totals = relay.stop();
    for plane in PLANES {
        assert_eq!(
            totals.of("b to a", plane),
            (3, 2, 1, "1 from another address")
        );
    }
}

#[test]
fn rtcp_goes_above_rtp_until_it_is_known_better() {
    let (relay, mut a, mut b) = learning_plain_call("0");
    let above = a.take_the_port_above();
    passes(&relay, 0, (&mut a, &mut b), Plane::Rtp, 1);
    let report = plain(Plane::Rtcp, 3, 0, &[]);
    b.send(Plane::Rtcp, &relay.legs[1], &report);
    let mut buf = [0; 100];
    let length = above.recv(&mut buf).unwrap();
    assert_eq!(buf[..length], report);
}

#[cfg(target_os = "linux")]
#[test]
fn a_plain_leg_with_a_fixed_address_hears_that_host_alone_from_any_port() {
    let (relay, mut a, mut b) = call(SUITE);
    passes_all(&relay, &mut a, &mut b, 1);
    // All of 127.0.0.0/8 is this machine.
    let mut elsewhere = End::on("127.0.0.2");
    let mut a_too = End::plain();
    for plane in PLANES {
        elsewhere.send(plane, &relay.legs[0], &plain(plane, 8, 1, &bytes(20)));
        passes(&relay, 0, (&mut a_too, &mut b), plane, 2);
        passes(&relay, 1, (&mut b, &mut a), plane, 2);
    }
    let totals = relay.stop();
    for plane in PLANES {
        assert_eq!(
            totals.of("a to b", plane),
            (3, 2, 1, "1 from another address")
        );
    }
}

#[test]
fn a_plain_packet_that_comes_twice_is_not_encrypted_twice() {
    let (relay, mut a, mut b) = call(SUITE);
    passes_all(&relay, &mut a, &mut b, 1);
    let packet = rtp(0x1234_0000, 1, b"other bytes under an index that was used");
    a.send(Plane::Rtp, &relay.legs[0], &packet);
    passes(&relay, 0, (&mut a, &mut b), Plane::Rtp, 2);
    let totals = relay.stop();
    assert_eq!(
        totals.of("a to b", Plane::Rtp),
        (3, 2, 1, "1 sequence number sent before")
    );
}

#[test]
fn srtcp_tags_of_four_bytes_are_sent_if_told_so_and_either_is_taken() {
    let suite = CryptoSuite::AesCm128HmacSha1_32;
    let keys = leg_keys(suite, 1);
    let mut a = End::plain();
    let settings = "0,our-srtcp-tag=4,their-srtcp-tag=either";
    let relay = Relay::start(&to(&a), settings, &lines("b", &keys, ""), &[]);
    let (ours, theirs) = keys;
    let receiver = Receiver::builder(ours).srtcp_tag(SrtcpTag::Bytes4).build();
    let ten = Sender::new(theirs.secret_copy());
    let mut b = End::with(ten, receiver.unwrap());
    passes(&relay, 1, (&mut b, &mut a), Plane::Rtcp, 0);
    passes(&relay, 0, (&mut a, &mut b), Plane::Rtcp, 0);

    let four = Sender::builder(theirs).srtcp_tag(SrtcpTag::Bytes4).build();
    let report = plain(Plane::Rtcp, 99, 0, &bytes(8));
    let packet = protect(&mut four.unwrap(), Plane::Rtcp, &report).unwrap();
    b.send_raw(Plane::Rtcp, &relay.legs[1], &packet);
    assert_eq!(a.receive(Plane::Rtcp), report);
    assert_eq!(relay.stop().of("b to a", Plane::Rtcp), (2, 2, 0, ""));
}

#[test]
fn streams_may_begin_at_other_rollover_counters() {
    for (settings, theirs_begins_at) in [
        ("0,our-roc=7,their-roc=7", 7),
        ("0,our-roc=7,their-roc=6,search-roc", 7),
    ] {
        let keys = leg_keys(SUITE, 1);
        let mut a = End::plain();
        let relay = Relay::start(&to(&a), settings, &lines("b", &keys, ""), &[]);
        let sender = Sender::builder(keys.1).initial_roc(theirs_begins_at);
        let receiver = Receiver::builder(keys.0).initial_roc(7);
        let mut b = End::with(sender.build().unwrap(), receiver.build().unwrap());
        passes_all(&relay, &mut a, &mut b, 1);
        let totals = relay.stop();
        assert!(
            totals.0.contains("from b: SSRC 0x12340001, ROC 7\n"),
            "{}",
            totals.0
        );
    }
}

#[test]
fn the_replay_window_is_as_wide_as_told() {
    for (settings, reasons) in [
        ("0,window=64", "1 older than the replay window"),
        ("0,window=128", ""),
    ] {
        let (mut relay, mut a, mut b) = call_with(SUITE, settings, &[]);
        let late = b.sealed(Plane::Rtp, &rtp(0x1234_0001, 100, &bytes(9)));
        passes(&relay, 1, (&mut b, &mut a), Plane::Rtp, 199);
        b.send_raw(Plane::Rtp, &relay.legs[1], &late);
        relay.until("b to a", Plane::Rtp, 2);
        let totals = relay.stop();
        assert_eq!(totals.of("b to a", Plane::Rtp).3, reasons, "{settings}");
    }
}

#[test]
fn session_parameters_and_further_keys_of_a_line_count() {
    let keys = leg_keys(SUITE, 1);
    let further = key(SUITE, 77);
    let [first, second] = [&keys.1, &further].map(|key| key.secret_base64());
    let parameters = "UNENCRYPTED_SRTP";
    let ours = lines("b", &keys, parameters);
    let (ours, _) = ours.split_once('\n').unwrap();
    let all = format!(
        "# a comment\n{ours}\nb.theirs=a=crypto:1 {SUITE} inline:{}|1:4;inline:{}|2:4 {parameters}\n",
        *first, *second
    );
    let with_mki = |key: MasterKey, mki| key.with_mki(Mki::from_value(mki, 4).unwrap());
    let sender = Sender::builder(with_mki(further, 2)).unencrypted_srtp();
    let receiver = Receiver::builder(keys.0).unencrypted_srtp();
    let (mut a, mut b) = (
        End::plain(),
        End::with(sender.build().unwrap(), receiver.build().unwrap()),
    );
    let relay = Relay::start(&to(&a), "0", &all, &[]);
    passes_all(&relay, &mut a, &mut b, 1);
    let packet = rtp(3, 3, b"to be read by everyone");
    a.send(Plane::Rtp, &relay.legs[0], &packet);
    assert!(b.receive_raw(Plane::Rtp).starts_with(&packet));
}

#[test]
fn it_prints_statistics_on_its_way_and_totals_at_a_signal() {
    for signal in ["INT", "TERM"] {
        let (mut relay, mut a, mut b) = call(SUITE);
        passes_all(&relay, &mut a, &mut b, 1);
        relay.until("b to a", Plane::Rtcp, 1);
        relay.signal(signal);
        let totals = relay.wait();
        assert!(
            totals.0.starts_with("stopped, since asked to\n"),
            "{}",
            totals.0
        );
        assert_eq!(totals.of("b to a", Plane::Rtp), (1, 1, 0, ""));
    }
}

#[test]
fn an_interval_beyond_all_clocks_means_no_statistics_before_the_end() {
    let more = ["--interval", "1e19", "--duration", "0.01"];
    let keys = leg_keys(SUITE, 1);
    let place = Place::with(lines("b", &keys, "").as_bytes());
    let run = place.run(&[&["--crypto-file", "in"][..], &more].concat());
    let run = run.expect_success();
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.matches("after ").count(), 1, "{}", run.stdout);
}

#[test]
fn it_ends_by_itself_after_the_duration() {
    let (relay, _, _) = call_with(SUITE, "0", &["--duration", "0.01"]);
    let totals = relay.wait();
    assert!(
        totals
            .0
            .starts_with("stopped, since the duration is over\n")
    );
    assert_eq!(totals.of("a to b", Plane::Rtp), (0, 0, 0, ""));
}

#[test]
fn it_listens_on_loopback_unless_told_otherwise() {
    let (relay, _, _) = call(SUITE);
    for address in relay.legs.as_flattened() {
        assert!(address.ip().is_loopback(), "{address}");
    }
    let (relay, _, _) = call_with(SUITE, "0.0.0.0:0", &[]);
    assert!(relay.legs[1][0].ip().is_unspecified());
}

#[test]
fn no_key_is_ever_printed() {
    let keys = leg_keys(SUITE, 1);
    let all = lines("b", &keys, "");
    let place = Place::with(all.as_bytes());
    let arguments = ["--crypto-file", "in", "--duration", "0.01"];
    let run = place.run(&arguments).expect_success();
    let misplaced = place.run(&["--crypto-file", "in", "--a", all.trim()]);
    let wrong = all.replace("b.ours=", "b.mine=");
    let unnamed = Place::with(wrong.as_bytes()).run(&arguments);
    for run in [run, misplaced, unnamed] {
        for key in [&keys.0, &keys.1] {
            let base64 = key.secret_base64();
            assert!(!run.stdout.contains(&base64[..8]), "{}", run.stdout);
            assert!(!run.stderr.contains(&base64[..8]), "{}", run.stderr);
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let good = lines("b", &leg_keys(SUITE, 1), "");
    let swapped = lines("b", &(key(SUITE, 1), key(SUITE, 1)), "");
    let (ours, theirs) = good.trim().split_once('\n').unwrap();
    let gcm = lines("b", &leg_keys(CryptoSuite::AeadAes128Gcm, 1), "");
    let cases: [(&str, &[&str], &str); 24] = [
        ("", &[], "there is no key in in"),
        ("nonsense", &[], "line 1 of in is wrong"),
        (
            &good.replace("b.", "c."),
            &[],
            "line 1 of in does not begin with a.ours=",
        ),
        (ours, &[], "leg b has a key to send under, but no b.theirs="),
        (
            theirs,
            &[],
            "leg b has a key to receive under, but no b.ours=",
        ),
        (
            &(good.clone() + ours),
            &[],
            "line 3 of in is the second one of its kind",
        ),
        (&swapped, &[], "b.ours and b.theirs have the same key"),
        (
            &gcm,
            &["--b", "0,our-srtcp-tag=4"],
            "leg b cannot send like that: AEAD_AES_128_GCM has no SRTCP tag of 4 bytes",
        ),
        (
            &good,
            &["--b", "0,their-srtcp-tag=either"],
            "leg b cannot receive like that",
        ),
        (
            &good,
            &["--b", "0,their-srtcp-tag=5"],
            "an SRTCP tag has 4 or 10 bytes",
        ),
        (
            &good,
            &["--a", "0,our-roc=1"],
            "leg a has no keys, so our-roc means nothing there",
        ),
        (
            &good,
            &["--a", "0,our-roc=-1"],
            "a rollover counter is a number below 2^32",
        ),
        (
            &good,
            &["--a", "0,window=9"],
            "a window is of 64 to 32768 packets",
        ),
        (
            &good,
            &["--a", "65536"],
            "\"65536\" is no PORT and no ADDRESS:PORT",
        ),
        (&good, &["--a", "65535"], "there is no port above 65535"),
        (
            &good,
            &["--a", "0,to=127.0.0.1:0"],
            "\"127.0.0.1:0\" is no ADDRESS:PORT to send to",
        ),
        (
            &good,
            &["--a", "0,to=[::1]:5"],
            "is of the other IP version",
        ),
        (
            &good,
            &["--a", "0,rtcp-to=127.0.0.1:5"],
            "rtcp-to takes a to beside it",
        ),
        (
            &good,
            &["--a", "5000,rtcp=5000"],
            "RTP and RTCP on one port is what mux is for",
        ),
        (
            &good,
            &["--a", "0,muxed"],
            "\"muxed\" is no setting of a leg",
        ),
        (
            &good,
            &["--a", "192.0.2.1:5000"],
            "leg a: cannot listen on 192.0.2.1:5000",
        ),
        (&good, &["--interval", "0"], "it is a number of seconds"),
        (&good, &["--batch", "0"], "a turn is of 1 to 32 packets"),
        (&good, &["--batch", "33"], "a turn is of 1 to 32 packets"),
    ];
    for (keys, arguments, said) in cases {
        let place = Place::with(keys.as_bytes());
        // Should nothing be wrong, it is to end all the same.
        let all = ["--crypto-file", "in", "--duration", "0.01"];
        let run = place.run(&[&all, arguments].concat());
        let error = run.expect_error();
        assert!(error.contains(said), "{error}, not {said}");
    }
    let keyless = Place::new().run(&[]);
    assert!(keyless.expect_error().contains("neither leg has keys"));
}

/// A test cannot send from port 0 without being root, so that this is asked of the example's own code.
#[test]
fn a_packet_from_port_0_teaches_no_address() {
    for is_muxed in [false, true] {
        let mut remote = remote::Remote::to_learn(is_muxed);
        let [nobody, peer] = ["192.0.2.1:0", "192.0.2.1:4000"].map(|it| it.parse().unwrap());
        for plane in PLANES {
            assert!(!remote.admits(plane, nobody));
            remote.learn(plane, nobody);
            assert_eq!(remote.of(plane), None);
        }
        assert!(remote.admits(Plane::Rtp, peer));
        remote.learn(Plane::Rtp, peer);
        assert_eq!(remote.of(Plane::Rtp), Some(peer));
    }
}
