//! Captures of other software, decrypted with what a user of the capture knows: the signalling in it, or the keys in the file beside it.
//!
//! `DECRYPT_PCAP_CASES` may name folders with further such captures, between colons.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::call::causes;
use super::check::{packets, udp_at};
use super::common::vectors;
use super::run::{Place, Run};

/// Packets, plane and name of a cause.
type Named = (u64, &'static str, &'static str);

/// UDP payloads by source and destination port, in their order.
type Flows = BTreeMap<(u16, u16), Vec<Vec<u8>>>;

fn flows(capture: &[u8]) -> Flows {
    let mut flows = Flows::new();
    for packet in packets(capture) {
        let ip = if packet.data.get(14) == Some(&0x45) {
            14
        } else {
            16
        };
        let is_udp = packet.data.get(ip) == Some(&0x45) && packet.data.get(ip + 9) == Some(&17);
        if is_udp {
            let udp = udp_at(&packet.data, ip);
            let ports = (udp.from.port(), udp.to.port());
            flows
                .entry(ports)
                .or_default()
                .push(packet.data[udp.payload].to_vec());
        }
    }
    flows
}

/// All flows to a port.
fn to(flows: &Flows, port: u64) -> Vec<Vec<u8>> {
    let there = flows.iter().filter(|it| u64::from(it.0.1) == port);
    there.flat_map(|it| it.1.clone()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

/// Without the headers, which have neither CSRCs nor extensions; what is not G.711 is no speech.
fn speech(packets: &[Vec<u8>]) -> Vec<u8> {
    let is_rtp = |it: &&Vec<u8>| it.len() > 12 && it[0] == 0x80 && it[1] & 0x7F == 0;
    packets
        .iter()
        .filter(is_rtp)
        .flat_map(|it| it[12..].to_vec())
        .collect()
}

/// The stream byte by byte; 0x7F and 0xFF are both silence, and who codes anew makes one of the other.
#[track_caller]
fn assert_is_ramp(packets: &[Vec<u8>], count: u64, what: &str) {
    let silence = |it: u8| if it == 0x7F { 0xFF } else { it };
    let heard: Vec<u8> = speech(packets).into_iter().map(silence).collect();
    let ramp = (0..heard.len()).map(|it| silence(((it + (it >> 8)) & 255) as u8));
    assert!(
        heard.len() as u64 == 160 * count,
        "{what}: {} bytes",
        heard.len()
    );
    assert!(ramp.eq(heard), "{what}");
}

/// "rtp 160/160 …" means that 160 packets have to come out.
fn checked(text: &Value) -> u64 {
    let count = text.as_str().unwrap().split(['/', ' ']).nth(1).unwrap();
    count.parse().unwrap()
}

fn check_call(place: &Place, case: &Value) -> Run {
    let run = place.run(&["in", "out"]).expect_success();
    let out = flows(&place.read("out"));
    if let Some(facts) = case.get("checked") {
        let offerer = number(&facts["offer_port"]);
        let answerer = number(&facts["answer_port"]);
        assert_is_ramp(
            &to(&out, answerer),
            checked(&facts["offerer_sends"]),
            "offerer",
        );
        assert_is_ramp(
            &to(&out, offerer),
            checked(&facts["answerer_sends"]),
            "answerer",
        );
        return run;
    }
    let uac = &case["uac"];
    // The calling script has three RTCP packets among those that it sent.
    let remote = number(&uac["remote_rtp"]);
    assert_is_ramp(&to(&out, remote), number(&uac["sent"]) - 3, "caller");
    let received = number(&uac["rx_rtp_ok"]) + number(&uac["rx_rtp_bad"]);
    let back = to(&out, 41000);
    // Where the callee says nothing that is known, that it opens has to do.
    let speaks = !case["producer"].as_str().unwrap().starts_with("linphone");
    let all = [received.to_string(), received.to_string()];
    let opens_all = |it: &str| {
        let cells: Vec<&str> = it.split_ascii_whitespace().collect();
        cells.get(5..7).is_some_and(|it| it == all)
    };
    let opened = run.stdout.lines().any(opens_all);
    assert!(speaks || opened, "{}", run.stdout);
    if speaks {
        assert_is_ramp(&back, received, "callee");
    }
    run
}

fn check_relay(place: &Place, case: &Value) -> Run {
    for (file, field) in [("offer", "sdp_offer_savp"), ("answer", "sdp_answer_savp")] {
        fs::write(place.path(file), case[field].as_str().unwrap()).unwrap();
    }
    let run = place.run(&["--offer", "offer", "--answer", "answer", "in", "out"]);
    let run = run.expect_success();
    let out = flows(&place.read("out"));
    for direction in ["a_to_b", "b_to_a"] {
        let way = &case[direction];
        for above in 0..2 {
            let flow = |from: &Value, to: &Value| {
                let port = |it: &Value| (number(it) + above) as u16;
                let mut packets = out[&(port(from), port(to))].clone();
                packets.sort();
                packets
            };
            let opened = flow(&way["srtp_src_port"], &way["srtp_dst_port"]);
            let (before, after) = (&way["plain_in"], &way["plain_out"]);
            assert!(opened.len() >= 3, "{direction}");
            assert!(opened == flow(&before[0], &before[1]), "{direction}");
            assert!(opened == flow(&after[0], &after[1]), "{direction}");
        }
    }
    run
}

fn check_pipeline(place: &Place, case: &Value) -> Run {
    // Its null cipher for RTP alone is what SDP calls UNENCRYPTED_SRTP.
    let is_null = case["options"]["rtp_cipher"] == "null";
    let parameter = if is_null { " UNENCRYPTED_SRTP" } else { "" };
    let (suite, key) = (&case["rtcp_suite"], &case["key_base64"]);
    let line = format!(
        "a=crypto:1 {} inline:{}{parameter}\n",
        suite.as_str().unwrap(),
        key.as_str().unwrap()
    );
    fs::write(place.path("keys"), line).unwrap();
    let run = place.run(&["--crypto-file", "keys", "--rtp", "20002", "in", "out"]);
    let run = run.expect_success();
    let out = flows(&place.read("out"));
    let ports = &case["ports"];
    for (plain, protected) in [("plain_rtp", "srtp"), ("plain_rtcp", "srtcp")] {
        let before = to(&out, number(&ports[plain]));
        assert!(!before.is_empty());
        assert!(before == to(&out, number(&ports[protected])), "{plain}");
    }
    run
}

/// Decrypts a case, checks what comes out and returns what was said.
fn check(json: &Path) -> Run {
    let case: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let place = Place::with(&fs::read(json.with_extension("pcap")).unwrap());
    eprintln!("{}", json.display());
    match () {
        () if case.get("sdp_offer_savp").is_some() => check_relay(&place, &case),
        () if case.get("ports").is_some() => check_pipeline(&place, &case),
        () => check_call(&place, &case),
    }
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    cases.retain(|it| it.extension().is_some_and(|it| it == "json"));
    cases.sort();
    cases
}

#[test]
fn captures_of_other_software_yield_the_media_that_their_notes_say() {
    let mut folders = vec![vectors("peers")];
    let further = std::env::var("DECRYPT_PCAP_CASES").unwrap_or_default();
    folders.extend(
        further
            .split(':')
            .filter(|it| !it.is_empty())
            .map(PathBuf::from),
    );
    for folder in folders {
        let cases = cases(&folder);
        assert!(!cases.is_empty(), "{}", folder.display());
        for case in cases {
            check(&case);
        }
    }
}

#[test]
fn what_is_wrong_in_captures_of_other_software_is_named() {
    let clear = "RTCP in the clear";
    let tag = "SRTCP tag of 4 bytes where 10 were expected";
    let none = "not encrypted at all";
    let expected: [(&str, &[Named]); 4] = [
        (
            "call_suite_changed_on_the_way",
            &[
                (2, "RTCP", clear),
                (1, "RTCP", tag),
                (2, "RTCP", clear),
                (1, "RTCP", tag),
            ],
        ),
        ("call_gcm", &[(2, "RTCP", clear)]),
        (
            "call_suite_not_offered",
            &[(116, "RTP", none), (2, "RTCP", none)],
        ),
        ("relay_f8", &[]),
    ];
    for (name, expected) in expected {
        let run = check(&vectors(&format!("peers/{name}.json")));
        let expected: Vec<_> = expected
            .iter()
            .map(|it| (it.0, it.1, it.2.to_owned()))
            .collect();
        assert_eq!(causes(&run), expected, "{name}: {}", run.stdout);
    }
}
