//! The example `negotiate`, run as a user runs it: the answer it gives, what it says of every line, and whom it shows keys.

#[path = "encrypt_pcap/run.rs"]
#[allow(dead_code, reason = "it is that of two tests")]
mod run;
#[path = "encrypt_pcap/make.rs"]
#[allow(dead_code, reason = "it is that of two tests")]
mod make;

#[path = "negotiate/calls.rs"]
mod calls;
mod common;

use std::fs::{self, File};

use common::{fresh, read_json, vectors};
use run::{Place, Run};
use srtp_sdes::sdes::{
    Accepted, CryptoAttribute, Line, Offer, ParseMode, Policy, Signalling, sections,
};

fn carrier_offer() -> String {
    fs::read_to_string(vectors("sdes/carrier_offer.sdp")).unwrap()
}

/// Runs on this offer, as the file `in`.
fn on(offer: &str, arguments: &[&str]) -> Run {
    Place::with(offer.as_bytes()).run(&[arguments, &["in"]].concat())
}

/// What a run printed, from the answer on.
#[track_caller]
fn answer_in(run: &Run) -> &str {
    let at = run.stdout.find("v=0\r\n");
    &run.stdout[at.unwrap_or_else(|| panic!("{}{}", run.stdout, run.stderr))..]
}

#[test]
fn an_offer_commands_no_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\rx";
    let offer = carrier_offer()
        .replace("m=audio", &format!("m=audio{evil}"))
        .replace("t=0 0", &format!("t=0 0{evil}"))
        .replace("a=rtpmap:0 ", &format!("a=rtpmap:0 {evil}"));
    let run = on(&offer, &[]);
    assert!(
        run.stdout.contains("AES_CM_128_NULL_AUTH"),
        "{:?}",
        run.stdout
    );
    let text = (run.stdout + &run.stderr).replace("\r\n", "\n");
    let mut bad = text.chars().filter(|it| *it != '\n' && it.is_control());
    assert_eq!(bad.next(), None, "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn without_arguments_answers_the_bundled_offer_and_shows_no_key() {
    let run = Place::new().run(&[]).expect_success();
    let rows: Vec<&str> = run.stdout.lines().skip(2).take(9).collect();
    for (n, row) in rows.iter().enumerate() {
        assert!(row.trim_start().starts_with(&(n + 1).to_string()), "{row}");
    }
    let verdicts: Vec<bool> = rows
        .iter()
        .map(|row| row.contains("not acceptable"))
        .collect();
    let refused = [true, true, false, true, false, true, true, false, true];
    assert_eq!(verdicts, refused, "{}", run.stdout);
    assert!(rows[2].ends_with("CHOSEN"), "{}", run.stdout);
    let answer = answer_in(&run);
    assert!(
        answer.contains("m=audio 40000 RTP/AVP 0 101\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:(hidden)\r\n"),
        "{answer}"
    );
    for key in carrier_offer().split("inline:").skip(1) {
        assert!(!run.stdout.contains(&key[..12]), "{}", run.stdout);
    }
    assert_eq!(run.stdout.matches("inline:").count(), 1);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn the_answer_is_whole_and_its_offerer_accepts_it() {
    let policy = Policy::everything_the_carrier_listed();
    let Ok(mut offer) = Offer::with(&policy, Signalling::Secure, fresh) else {
        panic!("no random bytes")
    };
    let lines: Vec<String> = offer
        .attributes()
        .map(|line| line.secret_line().to_string())
        .collect();
    let sdp = format!(
        "v=0\r\no=- 7 7 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=5 9\r\na=sendonly\r\nm=audio 6000 RTP/AVP 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=candidate:x\r\n{}\r\nm=video 0 RTP/AVP 96\r\nm=application 9 UDP/DTLS/SCTP x\r\n",
        lines.join("\r\n")
    );
    let arguments = [
        "--suites",
        "AES_CM_128_HMAC_SHA1_80",
        "--answer-profile",
        "secure",
        "--print-keys",
        "--address",
        "2001:db8::1",
        "--port",
        "7000",
    ];
    let run = on(&sdp, &arguments).expect_success();
    let answer = answer_in(&run);
    let lines: Vec<&str> = answer.split_terminator("\r\n").collect();
    assert!(
        lines[1].starts_with("o=- ") && lines[1].ends_with(" 1 IN IP6 2001:db8::1"),
        "{answer}"
    );
    let expected = [
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=5 9",
        "m=audio 7000 RTP/SAVP 8 101",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=recvonly",
    ];
    assert_eq!(lines[2..9], expected, "{answer}");
    assert!(
        lines[9].starts_with("a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:"),
        "{answer}"
    );
    assert_eq!(
        lines[10..],
        ["m=video 0 RTP/AVP 96", "m=application 0 UDP/DTLS/SCTP x"],
        "{answer}"
    );
    let accepted = offer.accept(&sections(answer)[0].media());
    assert!(matches!(accepted, Accepted::Srtp(_)), "{accepted:?}");
}

#[test]
fn keys_are_printed_on_request_only_and_written_to_a_file_that_others_cannot_read() {
    let place = Place::with(carrier_offer().as_bytes());
    let hidden = place
        .run(&["--answer", "answer.sdp", "in"])
        .expect_success();
    let written = place.read_text("answer.sdp");
    let line = written
        .lines()
        .find(|line| line.starts_with("a=crypto:"))
        .unwrap();
    let Line::Usable(line) = CryptoAttribute::parse(line, ParseMode::Strict) else {
        panic!("a crypto line to the letter")
    };
    let key = line.keys()[0].secret_base64();
    assert!(!hidden.stdout.contains(key.as_str()) && hidden.stdout.contains("(hidden)"));
    assert_eq!(
        answer_in(&hidden).split("\r\n\n").next().unwrap(),
        written.replace(key.as_str(), "(hidden)").trim_end()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(place.path("answer.sdp"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = place.run(&["--answer", "answer.sdp", "in"]);
    assert!(again.expect_error().contains("--force replaces it"));
    assert_eq!(place.read_text("answer.sdp"), written);
    place
        .run(&["--answer", "answer.sdp", "--force", "in"])
        .expect_success();
    assert_ne!(
        place.read_text("answer.sdp"),
        written,
        "a fresh key each time"
    );
    let same = place.run(&["--answer", "in", "--force", "in"]);
    assert!(same.expect_error().contains("both offer and answer"));
    assert_eq!(place.read_text("in"), carrier_offer());
    let shown = place.run(&["--print-keys", "in"]).expect_success();
    assert!(!shown.stdout.contains("(hidden)"));
}

#[test]
fn the_flags_are_those_of_the_policy() {
    let offer = carrier_offer();
    let weak = offer.replace("RTP/AVP", "RTP/SAVP").replace(
        "TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw",
        "TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw|2^20|1:4 UNENCRYPTED_SRTCP",
    );
    let of_128 = "--suites=AES_CM_128_HMAC_SHA1_80";
    let table: [(&str, &[&str], &str); 17] = [
        (&offer, &["--preset", "strong"], "SRTP in RTP/AVP: tag 3,"),
        (&offer, &["--preset", "carrier"], "SRTP in RTP/AVP: tag 1,"),
        (&offer, &["--order", "own"], "SRTP in RTP/AVP: tag 5,"),
        (
            &offer,
            &[
                "--preset",
                "when-offered",
                "--order",
                "own",
                "--answer-profile",
                "secure",
            ],
            "SRTP in RTP/SAVP: tag 5,",
        ),
        (&offer, &["--preset", "disabled"], "PLAIN RTP in RTP/AVP"),
        (&offer, &["--mode", "disabled"], "PLAIN RTP in RTP/AVP"),
        (
            &offer,
            &["--suites", "AEAD_AES_128_GCM,F8_128_HMAC_SHA1_80"],
            "PLAIN RTP in RTP/AVP",
        ),
        (
            &offer,
            &["--suites", "AEAD_AES_128_GCM", "--mode", "required"],
            "refused: no common crypto suite",
        ),
        (
            &offer,
            &["--crypto-in-avp", "reject"],
            "refused: a=crypto under a plain profile is refused",
        ),
        (
            &offer,
            &["--crypto-in-avp", "ignore"],
            "PLAIN RTP in RTP/AVP",
        ),
        (&offer, &["--clear-signalling"], "PLAIN RTP in RTP/AVP"),
        (
            &offer,
            &["--clear-signalling", "--mode", "required"],
            "refused: keys came over signalling that is not secure",
        ),
        (
            &offer,
            &["--clear-signalling", "--allow-clear-signalling"],
            "SRTP in RTP/AVP: tag 3,",
        ),
        (&offer, &["--preset", "bypass"], "passed on"),
        (
            &weak,
            &[of_128],
            "refused: a parameter of the crypto line is not allowed",
        ),
        (
            &weak,
            &[of_128, "--allow-unencrypted-srtcp"],
            "SRTP in RTP/SAVP: tag 5,",
        ),
        (
            &weak,
            &[of_128, "--allow-unencrypted-srtcp", "--refuse-mki"],
            "refused: a parameter of the crypto line is not allowed",
        ),
    ];
    for (offer, arguments, decision) in table {
        let run = on(offer, arguments).expect_success();
        assert!(
            run.stdout.contains(&format!("=> {decision}")),
            "{arguments:?}\n{}",
            run.stdout
        );
        let is_refused = decision.starts_with("refused");
        let hint = "SIP: 488 Not Acceptable Here; Warning: 399 - \"Incompatible SRTP settings\"; Reason: Q.850;cause=88";
        assert_eq!(run.stdout.contains(hint), is_refused, "{}", run.stdout);
        let has_answer = run.stdout.contains("\r\nm=audio 40000 ");
        assert_eq!(
            has_answer,
            !is_refused && decision != "passed on",
            "{}",
            run.stdout
        );
        assert_eq!(
            run.stdout.contains("a=crypto:"),
            decision.starts_with("SRTP"),
            "{}",
            run.stdout
        );
    }
    let arguments = [
        "--write-mki",
        "4",
        "--write-lifetime",
        "31",
        "--kdr",
        "3",
        of_128,
    ];
    let run = on(&offer, &arguments).expect_success();
    assert!(
        run.stdout.contains("inline:(hidden)|2^31|1:4 KDR=3\r\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn reads_standard_input_and_the_body_of_a_sip_message() {
    let place = Place::with(
        format!(
            "INVITE sip:x SIP/2.0\r\nVia: v=0\r\n\r\n{}",
            carrier_offer()
        )
        .as_bytes(),
    );
    let from_file = place.run(&["in"]).expect_success();
    let input = File::open(place.path("in")).unwrap();
    let from_input = place.run_with_input(&["-"], input.into()).expect_success();
    for run in [from_file, from_input] {
        assert!(
            run.stdout.starts_with("m=audio 51895 RTP/AVP 0 101\n"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("=> SRTP in RTP/AVP: tag 3,"));
    }
}

#[test]
fn keys_in_a_potential_configuration_are_told_of_and_not_shown() {
    // RFC 5939 §3.2, with the transport at the session level.
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=tcap:1 RTP/SAVP\r\nm=audio 53456 RTP/AVP 0 18\r\n\
        a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n\
        a=pcfg:7 t=1 a=1\r\n";
    let run = on(offer, &[]).expect_success();
    let told = "potential configuration 7: carries keys, and was passed over (--answer-capabilities)\n=> PLAIN RTP";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    assert!(!run.stdout.contains("WVNfX19z"), "{}", run.stdout);

    let run = on(offer, &["--answer-capabilities"]).expect_success();
    let told =
        "potential configuration 7: chosen\n=> SRTP in RTP/SAVP: tag 1, AES_CM_128_HMAC_SHA1_80";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    assert!(
        run.stdout.contains("AES_CM_128_HMAC_SHA1_80  CHOSEN"),
        "{}",
        run.stdout
    );
    let answer = answer_in(&run);
    assert!(answer.contains("\na=acfg:7 t=1 a=1"), "{answer}");
    assert!(!run.stdout.contains("WVNfX19z"), "{}", run.stdout);
}

#[test]
fn every_offer_among_the_vectors_is_answered_or_refused_without_a_key_in_sight() {
    let cases: Vec<serde_json::Value> = read_json("sdes/negotiation.json");
    let offers: Vec<&str> = cases
        .iter()
        .filter_map(|case| case["offer"].as_str())
        .collect();
    assert_eq!(offers.len(), 40);
    for offer in offers {
        let run = on(offer, &["--preset", "carrier"]).expect_success();
        assert_eq!(
            run.stdout.matches("\n=> ").count(),
            offer.matches("m=").count(),
            "{}",
            run.stdout
        );
        for key in offer.split("inline:").skip(1) {
            let key: String = key.chars().take(16).collect();
            assert!(
                key.len() < 16 || !run.stdout.contains(&key),
                "{}",
                run.stdout
            );
        }
    }
}

#[test]
fn a_mistake_is_told_in_one_sentence_that_shows_no_key() {
    let place = Place::with(b"no offer");
    for (arguments, said) in [
        (&["nowhere"][..], "cannot read nowhere"),
        (&["in"], "there is no session description in in"),
    ] {
        let run = place.run(arguments);
        assert!(run.expect_error().contains(said), "{}", run.stderr);
    }
    let nowhere = on(&carrier_offer(), &["--answer", "nowhere/answer"]);
    assert!(nowhere.expect_error().contains("cannot write into nowhere"));
    let without_media = on("v=0\r\ns=-\r\n", &[]);
    assert!(without_media.expect_error().contains("has no m= line"));
    let refused = Place::with(carrier_offer().replace("RTP/AVP", "RTP/SAVP").as_bytes());
    let run = refused.run(&["--mode", "disabled", "--answer", "answer", "in"]);
    assert!(run.expect_error().contains("there is no answer to write"));
    assert_eq!(refused.files(), ["in"]);
    for wrong in [
        &["--suites", "x"][..],
        &["--port", "0"],
        &["--kdr", "25"],
        &["--mode", "x"],
        &["--force"],
    ] {
        let run = place.run(wrong);
        assert!(
            !run.success && run.stderr.trim_end().lines().count() == 1,
            "{}",
            run.stderr
        );
    }
    let help = place.run(&["--help"]).expect_success();
    assert!(help.stdout.contains("--print-keys") && help.stdout.contains("Examples:"));
}
