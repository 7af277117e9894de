//! Packets for a program that counts instructions: see `instructions.sh`.

use std::hint::black_box;

use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender};

const USAGE: &str = "instructions (protect|unprotect)-(rtp|rtcp) SUITE PAYLOAD-BYTES PACKETS; see benches/instructions.sh";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, suite, payload, packets] = arguments.as_slice() else {
        // That is how `cargo bench` and `cargo test` call it.
        return println!("{USAGE}");
    };
    let suite: CryptoSuite = suite.parse().expect("a suite");
    let payload: usize = payload.parse().expect("a number of bytes");
    let packets: u32 = packets.parse().expect("a number of packets");
    let key = || MasterKey::new(suite, &[7; 46][..suite.key_and_salt_len()]).expect("its length");
    let (mut sender, mut receiver) = (Sender::new(key()), Receiver::new(key()));

    let mut bytes = 0;
    match what.as_str() {
        "protect-rtp" => {
            let mut buf = rtp(payload);
            let len = buf.len() - ROOM;
            for n in 0..packets {
                number(&mut buf, n);
                bytes += protect_one_rtp(&mut sender, &mut buf, len);
            }
        }
        "protect-rtcp" => {
            let mut buf = rtcp(payload);
            let len = buf.len() - ROOM;
            for _ in 0..packets {
                bytes += protect_one_rtcp(&mut sender, &mut buf, len);
            }
        }
        "unprotect-rtp" => {
            let mut buf = rtp(payload);
            let len = buf.len() - ROOM;
            for n in 0..packets {
                number(&mut buf, n);
                let protected = sender.protect_rtp(&mut buf, len).expect("a packet");
                bytes += unprotect_one_rtp(&mut receiver, protected);
            }
        }
        "unprotect-rtcp" => {
            let mut buf = rtcp(payload);
            let len = buf.len() - ROOM;
            for _ in 0..packets {
                let protected = sender.protect_rtcp(&mut buf, len).expect("a packet");
                bytes += unprotect_one_rtcp(&mut receiver, protected);
            }
        }
        _ => panic!("{USAGE}"),
    }
    println!("{packets} packets, {bytes} bytes");
}

/// For tag and SRTCP index.
const ROOM: usize = 32;

fn rtp(payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    packet.resize(12 + payload + ROOM, 0x5a);
    packet
}

fn rtcp(payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 1, 2, 3, 4];
    packet.resize(8 + payload + ROOM, 0x5a);
    packet
}

fn number(rtp: &mut [u8], n: u32) {
    rtp[2..4].copy_from_slice(&n.to_be_bytes()[2..]);
}

// Instructions are counted between entering and leaving these, by their names.

#[inline(never)]
fn protect_one_rtp(sender: &mut Sender, buf: &mut [u8], len: usize) -> usize {
    black_box(sender.protect_rtp(buf, len))
        .expect("a packet")
        .len()
}

#[inline(never)]
fn protect_one_rtcp(sender: &mut Sender, buf: &mut [u8], len: usize) -> usize {
    black_box(sender.protect_rtcp(buf, len))
        .expect("a packet")
        .len()
}

#[inline(never)]
fn unprotect_one_rtp(receiver: &mut Receiver, packet: &mut [u8]) -> usize {
    black_box(receiver.unprotect_rtp(packet))
        .expect("a packet")
        .len()
}

#[inline(never)]
fn unprotect_one_rtcp(receiver: &mut Receiver, packet: &mut [u8]) -> usize {
    black_box(receiver.unprotect_rtcp(packet))
        .expect("a packet")
        .len()
}
