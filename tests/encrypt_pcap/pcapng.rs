//! The blocks of pcapng: packets in each of its ways, and all that must go out as it came.

use super::check::{compare, packets, records};
use super::formats::{BIG, LITTLE, encrypts_all};
use super::make::{Ng, Pcap, call_v4, call_v6, ethernet, frame};
use super::run::Place;

/// A section with two interfaces and every kind of block.
fn section(file: Ng, big_endian: bool, length: i64) -> Ng {
    let (v4, v6) = (call_v4(), call_v6());
    let mut file = file
        .section(big_endian, length)
        .interface(1, 0, 6)
        .interface(101, 65535, 9);
    let comment = file.option(1, b"kept");
    let end = [0; 4];
    let hash = file.option(3, &[2, 1, 2, 3, 4]);
    let (plain, hashed) = (
        [&comment[..], &end].concat(),
        [&hash[..], &comment, &end].concat(),
    );
    file = file.block(0x0BAD_0BAD, b"a block that nobody knows");
    for (nth, (v4, v6)) in v4.iter().zip(&v6).enumerate() {
        let framed = frame(1, v4);
        file = match nth % 4 {
            0 => file.enhanced(0, &framed, framed.len(), &plain),
            1 => file.simple(&framed, framed.len()),
            2 => file.obsolete(0, &framed, &plain),
            _ => file.enhanced(0, &framed, framed.len(), &hashed),
        };
        file = file.enhanced(1, v6, v6.len(), &[]).block(4, &[0, 0, 0, 0]);
    }
    file.block(5, &[0; 12])
}

#[test]
fn reads_every_packet_block_of_pcapng_in_sections_of_both_byte_orders() {
    let file = section(section(Ng::new(), LITTLE, -1), BIG, -1).bytes;
    let place = Place::with(&file);
    let run = place.encrypt(&[]);
    // `compare` knows one link layer at a time: the records are compared here, the packets in the tests
    // above. All 72 packets are media, those of the second section captured twice as it were.
    assert!(
        run.stdout.contains("72 packets: 72 encrypted"),
        "{}",
        run.stdout
    );
    let (before, after) = (records(&file), records(&place.read("out")));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let is_obsolete = before.raw[..4] == [2, 0, 0, 0] || before.raw[..4] == [0, 0, 0, 2];
        match (&before.packet, &after.packet) {
            (Some(before), Some(after)) => {
                assert_eq!(
                    (before.time, before.interface),
                    (after.time, after.interface)
                );
                let growth = after.data.len() - before.data.len();
                assert!((10..=14).contains(&growth), "{growth}");
                assert_eq!(before.original as usize + growth, after.original as usize);
                // A hash of the packet that was is dropped, other options stay.
                let kept = before.options.iter().filter(|it| it.0 != 3);
                assert!(kept.eq(&after.options));
            }
            _ if is_obsolete => {
                assert_eq!(after.raw.len(), before.raw.len() + 8);
                assert_eq!(before.raw[8..20], after.raw[8..20]);
                assert_eq!(
                    before.raw[before.raw.len() - 16..][..12],
                    after.raw[after.raw.len() - 16..][..12]
                );
            }
            _ => assert_eq!(before, after),
        }
    }
}

#[test]
fn packets_in_pcapng_decrypt_in_both_byte_orders() {
    for big_endian in [LITTLE, BIG] {
        let mut file = Ng::new().section(big_endian, -1).interface(1, 262_144, 9);
        for packet in ethernet(&call_v4()) {
            file = file.enhanced(0, &packet, packet.len(), &[]);
        }
        encrypts_all(&file.bytes, 14);
        let mut file = Ng::new().section(big_endian, -1).interface(101, 0, 9);
        for packet in call_v6() {
            file = file.simple(&packet, packet.len());
        }
        encrypts_all(&file.bytes, 0);
    }
}

#[test]
fn a_section_that_tells_its_length_tells_the_new_one() {
    for big_endian in [LITTLE, BIG] {
        let unknown = section(Ng::new(), big_endian, -1).bytes;
        let header = records(&unknown)[0].raw.len();
        let length = (unknown.len() - header) as i64;
        let one = section(Ng::new(), big_endian, length).bytes;
        let file = section(section(Ng::new(), big_endian, length), big_endian, length).bytes;
        assert_eq!(file.len(), 2 * one.len());
        let place = Place::with(&file);
        place.encrypt(&[]);
        let out = place.read("out");
        let second = out.len() / 2;
        for at in [0, second] {
            let field = <[u8; 8]>::try_from(&out[at + 16..at + 24]).unwrap();
            let read = if big_endian {
                i64::from_be_bytes
            } else {
                i64::from_le_bytes
            };
            assert_eq!(read(field) as usize, second - header);
        }
    }
}

#[test]
fn raises_the_snaplen_of_a_pcapng_interface_but_never_under_a_simple_packet() {
    let call = ethernet(&call_v4());
    let mut enhanced = Ng::new()
        .section(LITTLE, -1)
        .interface(1, 9, 6)
        .interface(1, 220, 6);
    let mut simple = Ng::new().section(LITTLE, -1).interface(1, 220, 6);
    for packet in &call {
        enhanced = enhanced.enhanced(1, packet, packet.len(), &[]);
        simple = simple.simple(packet, packet.len());
    }
    let out = encrypts_all(&enhanced.bytes, 14);
    let snaplen = |record: usize| records(&out)[record].raw[12..16].to_vec();
    assert_eq!(snaplen(1), [9, 0, 0, 0]);
    assert_eq!(snaplen(2), [224, 0, 0, 0]);

    // A simple packet block has no length of its own, so 224 bytes cannot be told from 220 of them.
    let place = Place::with(&simple.bytes);
    let run = place.encrypt(&[]);
    let changed = compare(
        &simple.bytes,
        &place.read("out"),
        &place.read_text("keys"),
        14,
    );
    assert_eq!(changed, [16, 17]);
    let said = "16  no room for the tag in a simple packet block";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    assert!(
        run.stderr.contains("16 PACKETS OF THE CHOSEN MEDIA"),
        "{}",
        run.stderr
    );
}

#[test]
fn simple_packets_cut_by_the_snaplen_are_passed_on_and_the_snaplen_stays() {
    let call = ethernet(&call_v4());
    // The snaplen is 220: a simple packet of more is cut, and raising it would claim bytes that are not there.
    let mut file = Ng::new().section(LITTLE, -1).interface(1, 220, 6);
    for packet in &call {
        file = file.enhanced(0, packet, packet.len(), &[]);
    }
    let file = file.simple(&[&call[0][..], &[0; 6]].concat(), 999).bytes;
    let place = Place::with(&file);
    let run = place.encrypt(&[]);
    let out = place.read("out");
    assert_eq!(compare(&file, &out, &place.read_text("keys"), 14).len(), 18);
    assert_eq!(records(&out)[1], records(&file)[1]);
    assert!(
        run.stdout.contains("1  cut by the snaplen"),
        "{}",
        run.stdout
    );
}

#[test]
fn each_section_has_interfaces_of_its_own() {
    let mut file = Ng::new().section(LITTLE, -1).interface(101, 0, 6);
    for packet in call_v4() {
        file = file.enhanced(0, &packet, packet.len(), &[]);
    }
    file = file.section(BIG, -1).interface(1, 0, 6);
    for packet in call_v6() {
        file = file.enhanced(0, &frame(1, &packet), packet.len() + 14, &[]);
    }
    let place = Place::with(&file.bytes);
    let run = place.encrypt(&[]);
    assert!(
        run.stdout.contains("36 packets: 36 encrypted"),
        "{}",
        run.stdout
    );
    let file = Ng::new()
        .section(LITTLE, -1)
        .interface(1, 0, 6)
        .section(LITTLE, -1);
    let place = Place::with(&file.enhanced(0, &[0; 60], 60, &[]).bytes);
    let run = place.run(&["in", "out"]);
    assert!(
        run.expect_error()
            .contains("names an interface that was not described")
    );
}

#[test]
fn frame_check_sequences_come_out_right_where_the_capture_says_that_there_are_any() {
    let checked = |it: Vec<u8>| [&it[..], &frame_check(&it)].concat();
    let frames: Vec<Vec<u8>> = ethernet(&call_v4()).into_iter().map(checked).collect();
    let pcap = |link| Pcap::new(BIG, false, link, 65535).all(&frames).bytes;
    // Two units of two bytes.
    let (with, without) = (pcap(0x2400_0001), pcap(1));
    let mut by_interface = Ng::new().section(LITTLE, -1);
    let body = [
        &[1, 0, 0, 0, 0, 0, 0, 0][..],
        &by_interface.option(13, &[4]),
        &[0; 4],
    ]
    .concat();
    by_interface = by_interface.block(1, &body);
    let mut by_flags = Ng::new().section(BIG, -1).interface(1, 0, 6);
    for frame in &frames {
        by_interface = by_interface.enhanced(0, frame, frame.len(), &[]);
        let flags = [by_flags.option(2, &[0, 0, 0, 0x81]), vec![0; 4]].concat();
        by_flags = by_flags.enhanced(0, frame, frame.len(), &flags);
    }
    for (file, is_checked) in [
        (with, true),
        (by_interface.bytes, true),
        (by_flags.bytes, true),
        (without, false),
    ] {
        let place = Place::with(&file);
        place.encrypt(&[]);
        let out = packets(&place.read("out"));
        assert_eq!(out.len(), 18);
        for (before, after) in frames.iter().zip(out) {
            let (covered, check) = after.data.split_last_chunk::<4>().unwrap();
            assert_ne!(covered, &before[..before.len() - 4]);
            assert_eq!(*check == frame_check(covered), is_checked);
        }
    }
}
/// CRC-32 of Ethernet, bit by bit.
fn frame_check(frame: &[u8]) -> [u8; 4] {
    let mut sum = u32::MAX;
    for byte in frame {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).to_le_bytes()
}
