//! A call to be mutated: SIP with SDP, and what both sides send, packet by packet.

use srtp_sdes::{CryptoSuite, MasterKey, Sender};

use super::common::key;
use super::make::{address, capture, rtp, udp_packet};
use super::run::{Place, Run};

pub(crate) const ALICE: &str = "192.0.2.1:4000";
pub(crate) const BOB: &str = "198.51.100.2:5000";
pub(crate) const ALICES_SSRC: u32 = 0xA11C_E000;
pub(crate) const BOBS_SSRC: u32 = 0xB0B0_0000;

/// The key that Alice signals, and sends under unless a test has it otherwise.
pub(crate) fn alices(suite: CryptoSuite) -> MasterKey {
    key(suite, 1)
}

pub(crate) fn bobs(suite: CryptoSuite) -> MasterKey {
    key(suite, 2)
}

/// An `a=crypto` line.
pub(crate) fn line(tag: u32, key: &MasterKey, parameters: &str) -> String {
    let (suite, base64) = (key.suite(), key.secret_base64());
    format!("a=crypto:{tag} {suite} inline:{}{parameters}\r\n", *base64)
}

pub(crate) fn sdp(at: &str, profile: &str, lines: &str) -> String {
    let at = address(at);
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {profile} 0\r\n{lines}",
        at.ip(),
        at.port()
    )
}

/// A SIP message of the call; `tags` are those of From and To.
pub(crate) fn sip(first_line: &str, cseq: &str, tags: (&str, &str), body: &str) -> String {
    let (from, to) = tags;
    let to = if to.is_empty() {
        String::new()
    } else {
        format!(";tag={to}")
    };
    let len = body.len();
    format!(
        "{first_line}\r\nCall-ID: one\r\nFrom: <sip:a@example.com>;tag={from}\r\nTo: <sip:b@example.com>{to}\r\nCSeq: {cseq}\r\nContent-Length: {len}\r\n\r\n{body}"
    )
}

pub(crate) const INVITE: &str = "INVITE sip:b@example.com SIP/2.0";
pub(crate) const OK: &str = "SIP/2.0 200 OK";

pub(crate) fn by_alice(text: &str) -> Vec<u8> {
    let (alice, bob) = (address("192.0.2.1:5060"), address("198.51.100.2:5060"));
    udp_packet(alice, bob, text.as_bytes())
}

pub(crate) fn by_bob(text: &str) -> Vec<u8> {
    let (alice, bob) = (address("192.0.2.1:5060"), address("198.51.100.2:5060"));
    udp_packet(bob, alice, text.as_bytes())
}

/// INVITE and 200 with these lines.
pub(crate) fn signalling(offer: &str, answer: &str) -> Vec<Vec<u8>> {
    let offer = sdp(ALICE, "RTP/SAVP", offer);
    let answer = sdp(BOB, "RTP/SAVP", answer);
    vec![
        by_alice(&sip(INVITE, "1 INVITE", ("alice", ""), &offer)),
        by_bob(&sip(OK, "1 INVITE", ("alice", "bob"), &answer)),
    ]
}

/// The nth RTP packet of somebody: a tone in what might be µ-law.
pub(crate) fn plain(ssrc: u32, seq: u16) -> Vec<u8> {
    let tone = |at: u32| (128.0 + 100.0 * (f64::from(at) / 6.0).sin()) as u8;
    let start = u32::from(seq) * 160;
    let payload: Vec<u8> = (start..start + 160).map(|at| tone(at % 4801)).collect();
    rtp(ssrc, seq, start, &payload)
}

/// A sender report after this RTP packet, and a CNAME.
pub(crate) fn report(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0; 18]);
    packet.extend(seq.to_be_bytes());
    packet.extend([0x81, 202, 0, 3]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(*b"\x01\x05alice\0");
    packet
}

/// What Alice sends: 60 RTP packets from this sequence number on, and after every tenth a report. `protect` makes what goes out.
pub(crate) fn media(
    seqs: impl Iterator<Item = u16>,
    mut protect: impl FnMut(Vec<u8>, bool) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let (alice, bob) = (address(ALICE), address(BOB));
    let (alices_rtcp, bobs_rtcp) = (address("192.0.2.1:4001"), address("198.51.100.2:5001"));
    let mut packets = Vec::new();
    for (nth, seq) in seqs.enumerate() {
        let packet = protect(plain(ALICES_SSRC, seq), false);
        packets.push(udp_packet(alice, bob, &packet));
        if nth % 10 == 9 {
            let packet = protect(report(ALICES_SSRC, seq), true);
            packets.push(udp_packet(alices_rtcp, bobs_rtcp, &packet));
        }
    }
    packets
}

/// What Bob sends, which is always as agreed.
pub(crate) fn bobs_media(key: MasterKey) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(key);
    let (alice, bob) = (address(ALICE), address(BOB));
    let packets = (100..160).map(|seq| {
        let mut packet = plain(BOBS_SSRC, seq);
        sender.protect_rtp_vec(&mut packet).unwrap();
        udp_packet(bob, alice, &packet)
    });
    packets.collect()
}

/// Protects in the plane of the packet.
pub(crate) fn protect(sender: &mut Sender, mut packet: Vec<u8>, is_rtcp: bool) -> Vec<u8> {
    match is_rtcp {
        true => sender.protect_rtcp_vec(&mut packet).unwrap(),
        false => sender.protect_rtp_vec(&mut packet).unwrap(),
    }
    packet
}

/// A whole call under one suite: its signalling, Bob's media, and Alice's as given.
pub(crate) fn call(suite: CryptoSuite, parameters: &str, alices_media: Vec<Vec<u8>>) -> Vec<u8> {
    let offer = line(1, &alices(suite), parameters);
    let answer = line(1, &bobs(suite), parameters);
    let mut packets = signalling(&offer, &answer);
    packets.extend(alices_media);
    packets.extend(bobs_media(bobs(suite)));
    capture(&packets)
}

/// Decrypts a capture; no key of it is shown.
#[track_caller]
pub(crate) fn decrypt(capture: &[u8], arguments: &[&str]) -> (Place, Run) {
    let place = Place::with(capture);
    let run = place.run(&[arguments, &["in", "out"]].concat());
    for text in [&run.stdout, &run.stderr] {
        for seed in 0..9 {
            for suite in CryptoSuite::ALL {
                let secret = key(suite, seed).secret_base64();
                assert!(!text.contains(&secret[..16]), "{text}");
            }
        }
    }
    (place, run)
}

/// The names of the causes that a run tells of, with their packets and their plane.
pub(crate) fn causes(run: &Run) -> Vec<(u64, &str, String)> {
    let told = run
        .stdout
        .lines()
        .filter(|it| it.contains(" -> ") && it.contains(" of "));
    let parse = |text| -> Option<(u64, &str, String)> {
        let (count, rest): (&str, &str) = str::split_once(text, " of ")?;
        let (whom, rest) = rest.split_once(" (packet")?;
        let (_, rest) = rest.split_once("): ")?;
        let (name, _) = rest.split_once(": ")?;
        Some((
            count.parse().ok()?,
            whom.rsplit(' ').next()?,
            name.to_owned(),
        ))
    };
    told.filter_map(parse).collect()
}

/// The RTP and RTCP payloads that Alice's addresses sent, of a capture on Ethernet.
pub(crate) fn alices_packets(capture: &[u8]) -> Vec<Vec<u8>> {
    let packets = super::check::packets(capture);
    let mut found = Vec::new();
    for packet in packets {
        let udp = super::check::udp_at(&packet.data, 14);
        if udp.from.ip() == address(ALICE).ip() && udp.from.port() != 5060 {
            udp.check(&packet.data, 0);
            found.push(packet.data[udp.payload.clone()].to_vec());
        }
    }
    found
}

/// What Alice sends, before it is protected.
pub(crate) fn alices_plain(seqs: impl Iterator<Item = u16>) -> Vec<Vec<u8>> {
    let all = media(seqs, |packet, _| packet);
    let start = 14 + 28 - 14;
    all.into_iter().map(|it| it[start..].to_vec()).collect()
}
