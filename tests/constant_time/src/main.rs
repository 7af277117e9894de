//! No branch and no address depends on a secret. Key bytes and base64 text are marked undefined, and memcheck follows them through
//! everything that the crate makes of them: it reports a jump or a table look-up that depends on an undefined byte.
//!
//! What is public by design is said in one place each: [`on_the_wire`] for what is sent, [`state::stored`] for exported state, the outcomes that the crate tells
//! [`hear_outcomes`], and `public.supp` for base64 and the characters of lines. `run.sh` runs this.

mod memcheck;
mod state;

use std::hint::black_box;
use std::num::NonZeroU16;
use std::process::ExitCode;

use memcheck::{hide, hide_low_bits, reveal};
use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::dtls::{self, Role};
use srtp_sdes::sdes::{CryptoAttribute, Line, ParseMode};
use srtp_sdes::{
    Cryptex, CryptoSuite, KeyDerivationRate, MasterKey, Mki, Overlap, Plane, Receiver,
    RocAfterRekey, RocCarry, Sender, without_best_levels,
};

/// What is sent is for everybody to see: ciphertext and tag say nothing without the key.
fn on_the_wire(packet: &[u8]) {
    reveal(packet, "it is sent");
}

type Case = fn(CryptoSuite);

fn main() -> ExitCode {
    if !memcheck::is_here() {
        eprintln!("this shows nothing outside of Valgrind: see run.sh");
        return ExitCode::FAILURE;
    }
    hear_outcomes();
    say_what_is_run();
    let mut is_well = true;
    for suite in CryptoSuite::ALL {
        let cases: [(&str, Case); 16] = [
            ("key from bytes", from_bytes),
            ("key from base64", from_base64),
            ("keys from DTLS", from_dtls),
            ("crypto line", crypto_line),
            ("SRTP", srtp),
            ("SRTCP", srtcp),
            ("packets that are only verified", monitored),
            ("headers, rates, MKIs", options),
            ("rollover counters in tags", roc_carry),
            ("batches", batches),
            ("a forged packet in a batch", forged_in_a_batch),
            ("forged packets", forged),
            ("re-key and key equality", rekey),
            ("state of contexts", state::of_contexts),
            ("state of contexts, with keys", state::of_contexts_with_keys),
            ("state of a session", state::of_a_session),
        ];
        for (name, case) in cases {
            is_well &= errors_of(&format!("{suite}: {name}"), || case(suite)) == 0;
        }
    }
    // It would be seen.
    is_well &= errors_of("planted: a branch on a key byte", planted_branch) > 0;
    is_well &= errors_of("planted: a look-up by a key byte", planted_look_up) > 0;
    is_well &= errors_of("planted: a comparison that ends early", planted_comparison) > 0;
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Whether a comparison came out equal is public once the crate says so. Nothing else that it computes is.
fn hear_outcomes() {
    #[cfg(srtp_sdes_watched)]
    srtp_sdes::WHEN_PUBLIC
        .set(|is_so| memcheck::reveal(std::slice::from_ref(is_so), "it is an outcome"))
        .expect("the first time");
}

fn say_what_is_run() {
    let soft = cfg!(aes_backend = "soft");
    if soft {
        without_best_levels(3);
    }
    let has_aes = std::arch::is_x86_feature_detected!("aes");
    let has_clmul = std::arch::is_x86_feature_detected!("pclmulqdq");
    let has_sha = std::arch::is_x86_feature_detected!("sha");
    let level = |name, is_run| println!("{name}: {}", if is_run { "run" } else { "NOT RUN" });
    level("portable AES and GHASH", soft || !has_aes || !has_clmul);
    level("AES-NI", !soft && has_aes);
    level("PCLMULQDQ", !soft && has_clmul);
    level("portable SHA-1", !has_sha);
    level("SHA-NI, which Valgrind has to know", has_sha && !soft);
    let has_avx2 = std::arch::is_x86_feature_detected!("avx2");
    level("SHA-1 eight abreast on AVX2", has_avx2 && !soft);
}

fn errors_of(name: &str, case: impl FnOnce()) -> usize {
    let before = memcheck::errors();
    case();
    let errors = memcheck::errors() - before;
    println!("{errors:6} {name}");
    errors
}

/// Bytes that nobody may learn.
fn secret(len: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..len).map(|n| (n * 89 + 7) as u8).collect();
    hide(&bytes);
    bytes
}

fn key(suite: CryptoSuite, n: u8) -> MasterKey {
    let mut bytes = secret(suite.key_and_salt_len());
    bytes.iter_mut().for_each(|byte| *byte ^= n);
    MasterKey::new(suite, &bytes).expect("the length of the suite")
}

/// A line with the base64 of a key in it. Where a key ends is public, so it is public which characters are none of base64; here they differ
/// from those of the key in their upper four bits, and the lower ones are the secret.
fn with_base64(suite: CryptoSuite, before: &str, behind: &str) -> String {
    with_base64_of(suite, 0, before, behind)
}

/// The same with another key for each number.
fn with_base64_of(suite: CryptoSuite, n: usize, before: &str, behind: &str) -> String {
    let len = suite.key_and_salt_len();
    let digits = (len * 8).div_ceil(6);
    let letters = "BCDEFGHIJKLMNObcdefghijklmno".chars().cycle().skip(n);
    // Its lower bits are 0, as those to spare have to be.
    let mut text: String = letters.take(digits - 1).chain(['g']).collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    let whole = format!("{before}{text}{behind}");
    hide_low_bits(&whole.as_bytes()[before.len()..before.len() + digits]);
    whole
}

fn from_bytes(suite: CryptoSuite) {
    let key = key(suite, 0);
    let copy = MasterKey::from_key_and_salt(
        suite,
        &key.secret_key_and_salt()[..suite.key_len()],
        &key.secret_key_and_salt()[suite.key_len()..],
    );
    let copy = copy.expect("the lengths of the suite");
    black_box(copy.secret_base64());
    black_box(format!("{copy:?}"));
}

fn from_base64(suite: CryptoSuite) {
    let text = with_base64(suite, "", "");
    black_box(MasterKey::from_base64(suite, &text).expect("base64"));
}

fn crypto_line(suite: CryptoSuite) {
    let before = format!("a=crypto:1 {suite} inline:");
    let one = with_base64(suite, &before, "|2^20|1:4 UNENCRYPTED_SRTCP");
    // The second is another key, and the parser looks whether it is.
    let open = MasterKey::new(suite, &vec![7; suite.key_and_salt_len()]).expect("its length");
    let second = format!("|1:4;inline:{}|2:4", *open.secret_base64());
    let two = with_base64(suite, &before, &second);
    for (mode, text) in [
        (ParseMode::Tolerant, &one),
        (ParseMode::Strict, &one),
        (ParseMode::Tolerant, &two),
    ] {
        match CryptoAttribute::parse(text, mode) {
            Line::Usable(line) => black_box(line.keys()[0].secret_base64()),
            other => panic!("{other:?}"),
        };
    }
}

fn from_dtls(suite: CryptoSuite) {
    let exported = secret(dtls::exported_len(suite));
    for role in [Role::Client, Role::Server] {
        let keys = dtls::split_secret(suite, &exported, role).expect("the length of the suite");
        black_box(format!("{keys:?}"));
        flows(1, &mut Sender::new(keys.ours), None);
    }
}

/// A packet of each plane goes through.
fn flows(seq: u8, sender: &mut Sender, receiver: Option<&mut Receiver>) {
    let (mut srtp, mut srtcp) = (rtp(seq), rtcp());
    sender.protect_rtp_vec(&mut srtp).expect("a packet");
    sender.protect_rtcp_vec(&mut srtcp).expect("a packet");
    on_the_wire(&srtp);
    on_the_wire(&srtcp);
    if let Some(receiver) = receiver {
        receiver
            .unprotect_rtp_vec(&mut srtp)
            .expect("what was sent");
        receiver
            .unprotect_rtcp_vec(&mut srtcp)
            .expect("what was sent");
    }
}

fn rtp(seq: u8) -> Vec<u8> {
    let mut packet = vec![0x91, 0, 0, seq, 0, 0, 0, 1, 0, 0, 0, 7];
    packet.extend([0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x12, 1, 2, 3]);
    let header = packet.len();
    packet.extend(0..100);
    hide(&packet[header..]);
    packet
}

fn rtcp() -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 0, 0, 0, 7];
    packet.extend(0..40);
    hide(&packet[8..]);
    packet
}

fn srtp(suite: CryptoSuite) {
    let (mut sender, mut receiver) = (Sender::new(key(suite, 0)), Receiver::new(key(suite, 0)));
    for seq in 1..4 {
        let mut packet = rtp(seq);
        sender.protect_rtp_vec(&mut packet).expect("a packet");
        on_the_wire(&packet);
        receiver
            .unprotect_rtp_vec(&mut packet)
            .expect("what was sent");
    }
}

fn srtcp(suite: CryptoSuite) {
    let (mut sender, mut receiver) = (Sender::new(key(suite, 0)), Receiver::new(key(suite, 0)));
    for _ in 1..4 {
        let mut packet = rtcp();
        sender.protect_rtcp_vec(&mut packet).expect("a packet");
        on_the_wire(&packet);
        receiver
            .unprotect_rtcp_vec(&mut packet)
            .expect("what was sent");
    }
}

/// Packets of which some are longer: side by side where the CPU can do that, and the rest alone.
fn batches(suite: CryptoSuite) {
    const ROOM: usize = 64;
    let mut senders: Vec<_> = (0..11).map(|n| Sender::new(key(suite, n))).collect();
    let mut receivers: Vec<_> = (0..11).map(|n| Receiver::new(key(suite, n))).collect();
    for (first, more) in [(1, 0), (20, 200)] {
        let plain = |n: u8| {
            let mut packet = rtp(first + n);
            packet.extend(secret(more + 150 * usize::from(n / 9)));
            packet.extend([0; ROOM]);
            packet
        };
        let mut buffers: Vec<_> = (0..11).map(plain).collect();
        let mut packets = Vec::new();
        for (n, packet) in buffers.iter_mut().enumerate() {
            let len = packet.len() - ROOM;
            packets.push(Outgoing::in_place(n, Plane::Rtp, packet, len));
        }
        batch::protect(&mut senders[..], &mut packets);
        let mut lengths = Vec::new();
        for packet in &packets {
            on_the_wire(packet.protected().expect("a packet"));
            lengths.extend(packet.protected().map(<[u8]>::len));
        }
        let sent = buffers.iter_mut().zip(lengths).enumerate();
        let mut packets: Vec<_> = sent
            .map(|(n, (packet, len))| Incoming::new(n, Plane::Rtp, &mut packet[..len]))
            .collect();
        batch::unprotect(&mut receivers[..], &mut packets);
        for packet in &packets {
            packet.plain().expect("what was sent");
        }
    }
}

fn monitored(suite: CryptoSuite) {
    let (mut sender, mut monitor) = (Sender::new(key(suite, 0)), Receiver::new(key(suite, 0)));
    for seq in 1..4 {
        let (mut srtp, mut srtcp) = (rtp(seq), rtcp());
        sender.protect_rtp_vec(&mut srtp).expect("a packet");
        sender.protect_rtcp_vec(&mut srtcp).expect("a packet");
        on_the_wire(&srtp);
        on_the_wire(&srtcp);
        monitor.verify_rtp(&srtp).expect("what was sent");
        monitor.verify_rtcp(&srtcp).expect("what was sent");
    }
}

/// The three modes of RFC 4771, where every third packet carries the counter.
fn roc_carry(suite: CryptoSuite) {
    let rate = NonZeroU16::new(3).expect("not 0");
    for carry in [
        RocCarry::rccm1_unauthenticated_between(rate),
        RocCarry::rccm2(rate),
        RocCarry::rccm3_unauthenticated(rate),
    ] {
        let tx = Sender::builder(key(suite, 0)).roc_carry(carry);
        let rx = Receiver::builder(key(suite, 0)).roc_carry(carry);
        let (Ok(mut sender), Ok(mut receiver)) = (tx.build(), rx.build()) else {
            continue;
        };
        for seq in 3..8 {
            let mut packet = rtp(seq);
            sender.protect_rtp_vec(&mut packet).expect("a packet");
            on_the_wire(&packet);
            let mut forged = packet.clone();
            if let Some(last) = forged.last_mut() {
                *last ^= 1;
            }
            let _ = receiver.unprotect_rtp(&mut forged);
            let _ = receiver.unprotect_rtp(&mut packet);
        }
    }
}

/// More packets than are looked at together, one of them forged.
fn forged_in_a_batch(suite: CryptoSuite) {
    let (mut tx, mut rx) = ([Sender::new(key(suite, 0))], [Receiver::new(key(suite, 0))]);
    let mut sent: Vec<Vec<u8>> = (1..=40).map(rtp).collect();
    let lengths: Vec<usize> = sent.iter().map(Vec::len).collect();
    let room = tx[0].rtp_overhead();
    sent.iter_mut().for_each(|it| it.resize(it.len() + room, 0));
    let pairs = sent.iter_mut().zip(&lengths);
    let mut packets: Vec<_> = pairs
        .map(|(buf, len)| Outgoing::in_place(0, Plane::Rtp, buf, *len))
        .collect();
    batch::protect(&mut tx[..], &mut packets);
    sent.iter().for_each(|packet| on_the_wire(packet));
    sent[17][30] ^= 1;
    let incoming = sent.iter_mut().map(|it| Incoming::new(0, Plane::Rtp, it));
    let mut packets: Vec<_> = incoming.collect();
    batch::unprotect(&mut rx[..], &mut packets);
    let opened = packets.iter().filter(|it| it.plain().is_some()).count();
    assert_eq!(opened, if suite.rtp_tag_len() > 0 { 39 } else { 40 });
}

fn options(suite: CryptoSuite) {
    let rate = KeyDerivationRate::from_exponent(1).expect("in the range");
    let mki = || Mki::new(&[1, 2]).expect("two bytes");
    let keyed = || key(suite, 0).with_mki(mki());
    for with_cryptex in [false, true] {
        let (mut tx, mut rx) = (Sender::builder(keyed()), Receiver::builder(keyed()));
        (tx, rx) = (tx.key_derivation_rate(rate), rx.key_derivation_rate(rate));
        (tx, rx) = match with_cryptex {
            true => (tx.cryptex(Cryptex::On), rx.cryptex(Cryptex::On)),
            false => (
                tx.encrypted_header_extensions([1]),
                rx.encrypted_header_extensions([1]),
            ),
        };
        let (Ok(mut sender), Ok(mut receiver)) = (tx.build(), rx.build()) else {
            continue;
        };
        for seq in 1..6 {
            let mut packet = rtp(seq);
            sender.protect_rtp_vec(&mut packet).expect("a packet");
            on_the_wire(&packet);
            receiver
                .unprotect_rtp_vec(&mut packet)
                .expect("what was sent");
        }
    }
}

/// Wrong in the first byte of the tag, in the last, and in the payload.
fn forged(suite: CryptoSuite) {
    let (mut sender, mut receiver) = (Sender::new(key(suite, 0)), Receiver::new(key(suite, 0)));
    let (mut srtp, mut srtcp) = (rtp(1), rtcp());
    sender.protect_rtp_vec(&mut srtp).expect("a packet");
    sender.protect_rtcp_vec(&mut srtcp).expect("a packet");
    on_the_wire(&srtp);
    on_the_wire(&srtcp);
    let places = [srtp.len() - suite.rtp_tag_len().max(1), srtp.len() - 1, 30];
    for at in places {
        let mut packet = srtp.clone();
        packet[at] ^= 1;
        let _ = receiver.unprotect_rtp(&mut packet);
    }
    for at in [srtcp.len() - 1, 10] {
        let mut packet = srtcp.clone();
        packet[at] ^= 1;
        let _ = receiver.unprotect_rtcp(&mut packet);
    }
}

fn rekey(suite: CryptoSuite) {
    let (mut sender, mut receiver) = (Sender::new(key(suite, 0)), Receiver::new(key(suite, 0)));
    let mut late = rtp(1);
    sender.protect_rtp_vec(&mut late).expect("a packet");
    on_the_wire(&late);
    sender.rekey(key(suite, 1)).expect("another key");
    let next = Receiver::builder(key(suite, 1));
    receiver
        .rekey_with(next, RocAfterRekey::default(), Overlap::default())
        .expect("another key");
    receiver.unprotect_rtp_vec(&mut late).expect("the old key");
    // The key of before.
    sender.rekey(key(suite, 0)).expect_err("it was here before");
}

fn planted_branch() {
    let key = secret(16);
    if key[3] > 100 {
        black_box(&key);
    }
}

fn planted_look_up() {
    let (key, table): (_, Vec<u8>) = (secret(16), (0..=u8::MAX).rev().collect());
    black_box(table[usize::from(key[3])]);
}

fn planted_comparison() {
    let (tag, received) = (secret(10), [7; 10]);
    black_box(tag.iter().zip(received).all(|(one, other)| *one == other));
}
