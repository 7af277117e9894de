//! Writes scripts to begin with into `corpus/`: every suite, plain and with options, around packets from `../vectors/`.
//! What the bytes mean is said by `src/setup.rs`, `src/receive.rs` and `src/send.rs`; by `src/negotiate.rs` for the offers and
//! answers among the vectors, each under a few policies, beside lines as they are; by `src/session.rs` for dialogs; by `src/header.rs`,
//! `src/schedule.rs` and `src/sdp.rs`. No target may be without any.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

/// Flags, lengths, rate, sizes, ROC carry, initial ROC: see `Setup::read`.
const OPTIONS: [[u8; 6]; 16] = [
    [0, 0, 0, 0b1110, 0, 0],
    // Two keys with MKIs of 4, ROC search from ROC 1.
    [0b0010_0000, 4, 0, 0b1101, 0, 1],
    // Services: unencrypted both; then no SRTP tag.
    [0b0000_0011, 0, 0, 0b1110, 0, 0],
    [0b0001_0000, 7, 0, 0b1110, 0, 0],
    // A key derivation rate of 2^1, and for every packet.
    [0, 0, 193, 0b1110, 0, 4],
    [0, 2, 192, 0b1110, 0, 0],
    // Either SRTCP tag and E bit, first index 1.
    [0b1100_1100, 0, 0, 0b1110, 0, 0],
    // Encrypted elements of header extensions, and with a rate.
    [0, 1 << 5, 0, 0b1110, 0, 0],
    [0, 2 << 5, 193, 0b1110, 0, 0],
    // Cryptex, on and required.
    [0, 3 << 5, 0, 0b1110, 0, 0],
    [0, 4 << 5, 0, 0b1110, 0, 0],
    // The rollover counter in every third tag, in each mode; in tags of 8 bytes; with MKIs, a rate and cryptex.
    [0, 0, 0, 0b1110, 1 << 5 | 2 << 3 | 2, 0],
    [0, 0, 0, 0b1110, 2 << 5 | 2 << 3 | 2, 1],
    [0, 0, 0, 0b1110, 3 << 5 | 2, 0],
    [0, 0, 0, 0b1110, 2 << 5, 4],
    [0, 3 << 5 | 4, 193, 0b1101, 2 << 5 | 2 << 3 | 1, 0],
];
const SUITES: u8 = 15;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = folder.join("../vectors/libsrtp/AES_CM_128_HMAC_SHA1_80.base.json");
    let vectors = fs::read_to_string(vectors)?;
    let plain = packets(&vectors, "plain_hex");
    let protected = packets(&vectors, "protected_hex");
    let rtp = [0xfffe, 0xffff, 1, 0].map(send_rtp);
    let rtcp = [8, 0, 20].map(send_rtcp);

    for target in ["unprotect_rtp", "unprotect_rtcp", "protect"] {
        let folder = folder.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for suite in 0..SUITES {
            for (n, options) in OPTIONS.iter().enumerate() {
                let mut seed = vec![suite];
                seed.extend(options);
                match target {
                    "protect" => plain.iter().for_each(|packet| protect(&mut seed, packet)),
                    "unprotect_rtp" => receive(&mut seed, &rtp, &protected),
                    _ => receive(&mut seed, &rtcp, &protected),
                }
                fs::write(folder.join(format!("suite-{suite}-options-{n}")), seed)?;
            }
        }
    }
    exported(folder)?;
    headers(folder)?;
    schedules(folder)?;
    texts(folder)?;
    signalling(folder)?;
    every_target_has_some(folder)
}

/// Suite and what becomes of the header, then a packet: those that other software made, with header extensions of all kinds among them.
fn headers(folder: &Path) -> io::Result<()> {
    let seeds = folder.join("corpus/header");
    fs::create_dir_all(&seeds)?;
    let vectors = folder.join("../vectors/libsrtp");
    for name in ["main", "rfc6904-many", "cryptex"] {
        for suite in ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"] {
            let text = fs::read_to_string(vectors.join(format!("{suite}.{name}.json")))?;
            for (n, packet) in packets(&text, "plain_hex").iter().enumerate() {
                for (m, first) in (0..SUITES)
                    .flat_map(|it| (0..4).map(move |n| [it, n]))
                    .enumerate()
                {
                    let seed = [&first[..], packet].concat();
                    fs::write(seeds.join(format!("{suite}-{name}-{n}-{m}")), seed)?;
                }
            }
        }
    }
    Ok(())
}

/// Steps of `src/schedule.rs`: packets of both planes in order, late, twice and changed, around each of the other things that happen.
fn schedules(folder: &Path) -> io::Result<()> {
    let seeds = folder.join("corpus/schedule");
    fs::create_dir_all(&seeds)?;
    let packets = [
        // Four packets; the last three arrive, then the first, then one again, and one changed.
        [0, 0x41, 0, 1, 0, 0x41, 0, 1, 0, 0x40, 0, 1, 0, 0x41, 0, 1].as_slice(),
        &[10, 0, 10, 1, 10, 2, 10, 3, 10, 1, 19, 0, 0, 9, 0x55],
        // As far ahead as the window is wide, and one less; what is last in it comes late, and what is behind it.
        &[0, 0x41, 0, 1, 0, 0x41, 0, 230, 10, 0, 10, 1, 0, 0x41, 0, 1],
        &[0, 0x41, 0, 231, 10, 0, 10, 1],
    ];
    // Re-keys, a peer that begins anew, the end of an overlap, the second key, removal, counters set, restarts.
    let events: [&[u8]; 12] = [
        &[23],
        &[24, 252],
        &[24, 253],
        &[24, 254],
        &[26, 252],
        &[26, 253],
        &[24, 50, 27],
        &[28, 1],
        &[29, 2, 0],
        &[30, 0x22, 0],
        &[31, 1, 0],
        &[31, 0, 0],
    ];
    for suite in 0..SUITES {
        for (n, options) in OPTIONS.iter().enumerate() {
            let mut seed = vec![suite];
            seed.extend(options);
            for event in events.iter().cycle().skip(n).take(6) {
                seed.extend(packets.concat());
                seed.extend(*event);
                // What was late comes behind it.
                seed.extend([10, 1, 10, 2]);
            }
            fs::write(seeds.join(format!("suite-{suite}-options-{n}")), seed)?;
        }
    }
    Ok(())
}

/// Section, profile and a policy, then an SDP text.
fn texts(folder: &Path) -> io::Result<()> {
    let seeds = folder.join("corpus/sdp");
    fs::create_dir_all(&seeds)?;
    let vectors = folder.join("../vectors/sdes");
    let cases: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(vectors.join("negotiation.json"))?)?;
    let mut texts: Vec<String> = Vec::new();
    for case in &cases {
        let both = [&case["offer"], &case["answer"]];
        texts.extend(both.iter().filter_map(|it| it.as_str()).map(str::to_owned));
    }
    for entry in fs::read_dir(&vectors)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "sdp") {
            texts.push(fs::read_to_string(path)?);
        }
    }
    for (n, text) in texts.iter().enumerate() {
        for (m, sides) in SIDES.iter().enumerate() {
            let seed = [&[0, m as u8], &sides[..7], text.as_bytes()].concat();
            fs::write(seeds.join(format!("text-{n}-{m}")), seed)?;
        }
    }
    Ok(())
}

fn every_target_has_some(folder: &Path) -> io::Result<()> {
    for target in fs::read_dir(folder.join("fuzz_targets"))? {
        let target = target?.path();
        let seeds = folder
            .join("corpus")
            .join(target.file_stem().unwrap_or_default());
        let has_some = fs::read_dir(&seeds).is_ok_and(|mut seeds| seeds.next().is_some());
        if !has_some {
            let text = format!("no seeds for {}", target.display());
            return Err(io::Error::other(text));
        }
    }
    Ok(())
}

/// Histories, and what is done to the state: nothing, flips, cuts, with and without the keys. See `import_state`.
fn exported(folder: &Path) -> io::Result<()> {
    let folder = folder.join("corpus/import_state");
    fs::create_dir_all(&folder)?;
    // Packets of both planes, a stream removed, a rollover counter set.
    let history = [
        9, 10, 0, 0, 1, 10, 1, 0xff, 0xfe, 4, 0, 4, 1, 10, 0, 0, 3, 10, 1, 0, 1, 1, 0, 2, 0, 0, 2,
        1, 0, 100,
    ];
    let changes = [
        &[4][..],
        &[5, 0, 40, 1],
        &[0x15, 0, 80, 1],
        &[0x16, 0, 90, 0xff, 0, 120, 0x80],
        &[0x10, 30, 0],
    ];
    for suite in 0..SUITES {
        for (n, options) in OPTIONS.iter().enumerate() {
            for (m, change) in changes.iter().enumerate() {
                let mut seed = vec![suite];
                seed.extend(options);
                seed.extend(history);
                seed.extend(*change);
                seed.extend(history);
                fs::write(folder.join(format!("suite-{suite}-options-{n}-{m}")), seed)?;
            }
        }
    }
    Ok(())
}

/// Script, and the policies of both sides: see `negotiate` and `Side::read`. Every suite; all that is allowed; little.
const SIDES: [[u8; 14]; 3] = [
    [0, 0, 0x7f, 0xff, 0, 0, 0, 1, 0, 0x7f, 0xff, 0, 0, 0],
    [
        0xf1, 0xbc, 0x7f, 0xff, 6, 4, 1, 0x90, 0xb8, 0x7f, 0xff, 3, 128, 24,
    ],
    [0x4c, 0x40, 0, 3, 1, 200, 3, 0x28, 1, 0, 7, 0, 0, 0],
];

const DIALOGS: [&str; 9] = [
    // Offer and answers, moved, re-keyed, and one of the peer's keys again.
    "o@@@\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\noHJ@\naH@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\noHXA\naH@@1 AES_CM_128_HMAC_SHA1_80 inline:#1",
    // The peer's offers: services, MKIs, a downgrade, port 0, and back.
    "p@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1|2^20|1:4 UNENCRYPTED_SRTCP\nc@@@\np@@@2 AES_CM_128_HMAC_SHA1_80 inline:#1|1:4;inline:#2|2:4\nc@@@\np@@A\nc@@@\np@@D\nc@@@\np@@@3 AEAD_AES_128_GCM inline:#3\nr@@@\np@H@3 AEAD_AES_128_GCM inline:#3\nc@@@",
    // Forks, and a line that both of them took.
    "o@@@\nf@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\nfA@@2 AES_CM_128_HMAC_SHA1_32 inline:#3\no@@@\noA@@\naA@@1 AES_CM_128_HMAC_SHA1_80 inline:#4\noB@@\naB@@1 AES_CM_128_HMAC_SHA1_80 inline:#4",
    // Our key comes back, a generator repeats.
    "o@@@\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:@1\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\no@HH\no@X@\nr@@@\np@HH1 AES_CM_128_HMAC_SHA1_80 inline:#2\nc@@@",
    // Our key from the peer, and again after the stream was out of use.
    "o@@@\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\np@@@1 AES_CM_128_HMAC_SHA1_80 inline:@1\nc@@@\np@@D\nc@@@\no@@H\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#2",
    // A fork has the sender; the same answer comes twice.
    "o@@@\nf@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\naA@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\naA@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#2",
    // Rebuilt.
    "s@@@1 AES_CM_128_HMAC_SHA1_80 inline:@1~1 AES_CM_128_HMAC_SHA1_80 inline:#1\no@@@\nr@@@\ns@@@1 AES_CM_128_HMAC_SHA1_80 inline:#5 KDR=3~1 AES_CM_128_HMAC_SHA1_80 inline:#1\no@@@\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\npD@@1 AES_CM_128_HMAC_SHA1_80 inline:#2\nc@@@",
    // Cryptex comes and goes, under policies that have it.
    "o@@@\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1~!\np@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\nc@@@\np@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1~!\nc@@@",
    // Other processes go on: with an offer, with what is agreed, with an answer that waits.
    "x@@@\no@@@\nx@@A\na@@@1 AES_CM_128_HMAC_SHA1_80 inline:#1\nx@@@\nx@@A\np@@@2 AES_CM_128_HMAC_SHA1_80 inline:#2\nx@@A\nx@@@\nc@@@\np@@@3 AES_CM_128_HMAC_SHA1_80 inline:#1\nx@@B",
];

fn signalling(folder: &Path) -> io::Result<()> {
    let read = |name: &str| {
        let text = fs::read_to_string(folder.join("../vectors/sdes").join(name))?;
        let cases: Vec<Value> = serde_json::from_str(&text)?;
        Ok::<_, io::Error>(cases)
    };
    let seeds = folder.join("corpus/crypto_line");
    fs::create_dir_all(&seeds)?;
    for (n, case) in read("crypto_lines.json")?.iter().enumerate() {
        fs::write(
            seeds.join(format!("line-{n}")),
            case["line"].as_str().unwrap_or_default(),
        )?;
    }
    let seeds = folder.join("corpus/negotiate");
    fs::create_dir_all(&seeds)?;
    for (m, sides) in SIDES.iter().enumerate() {
        fs::write(seeds.join(format!("two-{m}")), [&[0], &sides[..]].concat())?;
        for (n, case) in read("negotiation.json")?.iter().enumerate() {
            // The third answers potential configurations.
            for (script, what) in [(1, "offer"), (2, "answer"), (1 | 1 << 5, "offer")] {
                let Some(sdp) = case[what].as_str() else {
                    continue;
                };
                let lines: Vec<&str> = sdp.lines().filter(|line| line.starts_with("a=")).collect();
                for transport in 0..2 {
                    let seed = [
                        &[script | transport << 2],
                        &sides[..],
                        lines.join("\n").as_bytes(),
                    ]
                    .concat();
                    fs::write(
                        seeds.join(format!("{what}-{n}-{m}-{transport}-{script}")),
                        seed,
                    )?;
                }
            }
        }
        // Policy and flags, then scripts in words of `src/session.rs`.
        let folder = folder.join("corpus/session");
        fs::create_dir_all(&folder)?;
        for (n, script) in DIALOGS.iter().enumerate() {
            let seed = [&sides[..7], &[0x5c], script.as_bytes()].concat();
            fs::write(folder.join(format!("dialog-{n}-{m}")), seed)?;
        }
        let echo = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:@1";
        fs::write(
            seeds.join(format!("echo-{m}")),
            [&[2], &sides[..], echo.as_bytes()].concat(),
        )?;
    }
    Ok(())
}

/// A few packets of a file of vectors, SRTP and SRTCP.
fn packets(json: &str, field: &str) -> Vec<Vec<u8>> {
    let quoted = format!("\"{field}\": \"");
    let hex = json
        .split(&quoted)
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let bytes = |hex: &str| {
        (0..hex.len() / 2)
            .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hexadecimal"))
            .collect::<Vec<u8>>()
    };
    hex.map(bytes)
        .filter(|packet| packet.len() < 100)
        .step_by(4)
        .take(10)
        .collect()
}

/// The peer sends SRTP around a roll-over, with a CSRC and an extension.
fn send_rtp(seq: u16) -> Vec<u8> {
    let [high, low] = seq.to_be_bytes();
    vec![0, 1, low, high, low, 0x51]
}

fn send_rtcp(payload: u8) -> Vec<u8> {
    vec![0, 1, payload]
}

fn receive(seed: &mut Vec<u8>, send: &[Vec<u8>], hostile: &[Vec<u8>]) {
    for send in send {
        seed.extend(send);
        // Changed, then as it was sent, in place; then again, into another buffer.
        seed.extend([14, 0, 0, 0, 30, 1]);
        seed.extend([8, 0, 8 | 4 << 5, 0]);
    }
    // The second key, if there is one, and a stream removed.
    seed.extend([30, 1]);
    seed.extend(&send[0]);
    seed.extend([8 | 7 << 5, 0, 28, 1, 8, 1]);
    for packet in hostile {
        seed.push(20);
        seed.extend((packet.len() as u16).to_be_bytes());
        seed.extend(packet);
    }
}

fn protect(seed: &mut Vec<u8>, packet: &[u8]) {
    // A packet of RTCP has 192 to 223 in its second byte (RFC 5761).
    let is_rtcp = packet.get(1).is_some_and(|kind| (192..224).contains(kind));
    seed.push(4 | u8::from(is_rtcp));
    seed.extend((packet.len() as u16).to_be_bytes());
    seed.extend(packet);
}
