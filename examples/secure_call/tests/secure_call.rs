//! What the program shows, run as a person runs it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_secure_call");
    Command::new(program).args(arguments).output().unwrap()
}

/// What it prints if all went as it should.
fn shown(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Direction and first line of every message.
fn ladder(shown: &str) -> Vec<String> {
    let messages = shown
        .lines()
        .filter(|line| line.starts_with("carrier ◀") || line.starts_with("carrier ─"));
    let short = |line: &str| {
        let arrow = if line.contains('▶') { "->" } else { "<-" };
        let start = line.split("  ").nth(2).unwrap();
        let start = start.strip_prefix("SIP/2.0 ").unwrap_or(start);
        format!("{arrow} {}", start.split(' ').next().unwrap())
    };
    messages.map(short).collect()
}

fn remarks(shown: &str) -> Vec<&str> {
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("  → "))
        .collect()
}

#[test]
fn a_call_under_tls_1_3_and_1_2_has_every_message_and_every_sample() {
    for version in ["1.3", "1.2"] {
        let shown = shown(&["--show", "call", "--tls", version]);
        let all = [
            "<- REGISTER",
            "-> 200",
            "-> INVITE",
            "<- 183",
            "<- 200",
            "-> ACK",
            "-> BYE",
            "<- 200",
        ];
        assert_eq!(ladder(&shown), all, "{shown}");
        let tls = remarks(&shown)[0];
        assert!(tls.starts_with(&format!("TLS {version}, ")), "{tls}");
        assert!(
            tls.contains("3 certificates") && tls.contains("2 intermediates"),
            "{tls}"
        );

        let lines = |start: &str| {
            shown
                .lines()
                .filter(|it| it.trim().starts_with(start))
                .count()
        };
        assert_eq!(lines("a=crypto:"), 9 + 1 + 1);
        assert_eq!(lines("a=crypto:5 AES_CM_128_HMAC_SHA1_80 "), 3);
        let profiles: Vec<_> = shown
            .lines()
            .filter(|it| it.contains("m=audio"))
            .map(|it| it.split_whitespace().nth(2))
            .collect();
        assert_eq!(
            profiles,
            [Some("RTP/AVP"), Some("RTP/SAVP"), Some("RTP/SAVP")]
        );

        for side in ["carrier", "PBX"] {
            let received =
                format!("{side} AES_CM_128_HMAC_SHA1_80 100 17200 2 88 1 0 16000 of 16000");
            let is_it =
                |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") == received;
            assert!(shown.lines().any(is_it), "{shown}");
        }
    }
}

#[test]
fn all_scenes_together_end_well_and_no_key_stands_in_them() {
    let shown = shown(&[]);
    assert_eq!(shown.matches("== ").count(), 8, "{shown}");
    assert_eq!(
        shown.matches("inline:").count(),
        shown.matches("inline:(hidden)").count()
    );
    assert!(shown.matches("inline:(hidden)").count() > 40);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    // The shortest key and salt are 38 characters.
    let longest = shown
        .split(|c| !is_base64(c))
        .max_by_key(|word| word.len())
        .unwrap();
    assert!(longest.len() < 30, "{longest}");
}

#[test]
fn a_pbx_that_does_not_know_the_root_breaks_off_and_the_carrier_gets_unknown_ca() {
    let shown = shown(&["--show", "unknown-root"]);
    let [pbx, carrier] = remarks(&shown)[..] else {
        panic!("{shown}")
    };
    assert!(pbx.contains("UnknownIssuer"), "{pbx}");
    assert_eq!(carrier, "the carrier got the alert unknown_ca (48)");
    assert!(ladder(&shown).is_empty(), "{shown}");
}

#[test]
fn a_pbx_with_tls_1_1_gets_protocol_version() {
    let shown = shown(&["--show", "old-tls"]);
    let [carrier, pbx] = remarks(&shown)[..] else {
        panic!("{shown}")
    };
    assert!(carrier.contains("Tls12NotOffered"), "{carrier}");
    assert!(
        pbx.ends_with("got the alert protocol_version (70)"),
        "{pbx}"
    );
}

#[test]
fn over_clear_tcp_no_key_is_offered_and_none_accepted() {
    let offer = shown(&["--show", "clear-offer"]);
    assert_eq!(
        ladder(&offer),
        ["-> INVITE", "<- 200", "-> ACK", "-> BYE", "<- 200"]
    );
    assert!(
        !offer.contains("a=crypto") && !offer.contains("TLS  "),
        "{offer}"
    );
    assert_eq!(offer.matches("RTP/AVP").count(), 2);

    let keys = shown(&["--show", "clear-keys"]);
    assert_eq!(ladder(&keys), ["-> INVITE", "<- 488", "-> ACK"]);
    assert!(
        keys.contains("PBX  TCP  INVITE") && keys.contains("a=crypto:1 "),
        "{keys}"
    );
    assert_eq!(
        remarks(&keys)[0],
        "the PBX: keys came over signalling that is not secure"
    );
}

#[test]
fn a_pbx_without_srtp_refuses_with_488_or_503_and_cause_88() {
    let shown = shown(&["--show", "srtp-off"]);
    let both = [
        "-> INVITE",
        "<- 488",
        "-> ACK",
        "-> INVITE",
        "<- 503",
        "-> ACK",
    ];
    assert_eq!(ladder(&shown), both);
    let remarks = remarks(&shown);
    assert_eq!(remarks[0], "the PBX: SRTP is disabled here");
    assert_eq!(remarks[1], "the carrier got 488, Q.850;cause=88");
    assert_eq!(remarks[3], "the carrier got 503, Q.850;cause=88");
    assert_eq!(shown.matches("Warning: 399 ").count(), 2);
}

#[test]
fn without_a_common_suite_the_call_is_refused_with_488() {
    let shown = shown(&["--show", "no-common-suite"]);
    assert_eq!(ladder(&shown), ["-> INVITE", "<- 488", "-> ACK"]);
    assert_eq!(remarks(&shown)[0], "the PBX: no common crypto suite");
}

#[test]
fn an_answer_without_crypto_is_acknowledged_and_the_call_ended_with_cause_88() {
    let shown = shown(&["--show", "no-crypto-in-answer"]);
    assert_eq!(
        ladder(&shown),
        ["-> INVITE", "<- 200", "-> ACK", "-> BYE", "<- 200"]
    );
    let reason = shown
        .lines()
        .position(|line| line.trim() == "Reason: Q.850;cause=88");
    let bye = shown.lines().position(|line| line.contains("BYE sip:"));
    assert_eq!(reason, bye.map(|bye| bye + 1));
    assert_eq!(remarks(&shown)[1], "the PBX got BYE, Q.850;cause=88");
}

#[test]
fn help_names_every_scene_and_a_wrong_one_is_an_error_in_one_line() {
    let help = shown(&["--help"]);
    let scenes = [
        "call",
        "unknown-root",
        "old-tls",
        "clear-offer",
        "clear-keys",
        "srtp-off",
        "no-common-suite",
        "no-crypto-in-answer",
    ];
    for scene in scenes {
        assert!(help.contains(&format!("- {scene}: ")), "{help}");
    }
    let wrong = run(&["--show", "nothing"]);
    assert_eq!(wrong.status.code(), Some(2));
    let errors = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        errors.contains("nothing") && errors.lines().count() == 1,
        "{errors}"
    );
}
