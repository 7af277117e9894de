//! Every kind of capture, link layer and IP header.

use super::check::{compare, packets, records};
use super::make::{
    Pcap, UDP, address, call_v4, call_v6, capture, ethernet, frame, ip, rtp, udp, udp_packet,
};
use super::run::Place;

pub(crate) const LITTLE: bool = false;
pub(crate) const BIG: bool = true;

/// Encrypts a capture that is all media and checks every packet of the result; returns it.
#[track_caller]
pub(crate) fn encrypts_all(capture: &[u8], behind_link: usize) -> Vec<u8> {
    let place = Place::with(capture);
    place.encrypt(&[]);
    let out = place.read("out");
    let changed = compare(capture, &out, &place.read_text("keys"), behind_link);
    assert_eq!(changed.len(), packets(capture).len());
    out
}

#[test]
fn reads_both_byte_orders_and_both_resolutions_of_pcap() {
    let call = ethernet(&call_v4());
    for big_endian in [LITTLE, BIG] {
        for nanoseconds in [false, true] {
            let file = Pcap::new(big_endian, nanoseconds, 1, 65535).all(&call);
            let out = encrypts_all(&file.bytes, 14);
            assert_eq!(out[..24], file.bytes[..24]);
        }
    }
}

#[test]
fn reads_every_link_layer_and_both_ip_versions() {
    let links = [
        (1, 14),
        (0, 4),
        (108, 4),
        (113, 16),
        (276, 20),
        (101, 0),
        (12, 0),
        (14, 0),
    ];
    for (link, header) in links {
        for call in [call_v4(), call_v6()] {
            let frames: Vec<Vec<u8>> = call.iter().map(|it| frame(link, it)).collect();
            let file = Pcap::new(LITTLE, false, link.into(), 65535).all(&frames);
            encrypts_all(&file.bytes, header);
        }
    }
    for (link, call) in [(228, call_v4()), (229, call_v6())] {
        encrypts_all(&Pcap::new(LITTLE, false, link, 65535).all(&call).bytes, 0);
    }
}

#[test]
fn reads_loopback_captures_from_hosts_of_either_byte_order() {
    for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
        let tagged = |it: &Vec<u8>| [&family[..], it].concat();
        let frames: Vec<Vec<u8>> = call_v4().iter().map(tagged).collect();
        encrypts_all(&Pcap::new(LITTLE, false, 0, 65535).all(&frames).bytes, 4);
    }
}

#[test]
fn reads_through_stacks_of_vlan_tags() {
    let tags: [&[u8]; 2] = [&[0x81, 0, 0, 5], &[0x88, 0xA8, 0, 7, 0x81, 0, 0, 5]];
    for tags in tags {
        let tagged = |it: Vec<u8>| [&it[..12], tags, &it[12..]].concat();
        let frames: Vec<Vec<u8>> = ethernet(&call_v6()).into_iter().map(tagged).collect();
        let file = Pcap::new(LITTLE, false, 1, 65535).all(&frames);
        encrypts_all(&file.bytes, 14 + tags.len());
    }
}

#[test]
fn keeps_a_trailer_behind_the_ip_packet() {
    let with_trailer = |it: Vec<u8>| [&it[..], b"trailer"].concat();
    let frames: Vec<Vec<u8>> = ethernet(&call_v4()).into_iter().map(with_trailer).collect();
    encrypts_all(&Pcap::new(LITTLE, false, 1, 65535).all(&frames).bytes, 14);
}

/// The payloads of the usual call, in packets that `wrap` makes.
fn call_in(from: &str, to: &str, wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (from, to) = (address(from), address(to));
    let packets: Vec<Vec<u8>> = (0..8)
        .map(|seq| wrap(&udp(from, to, &rtp(7, seq, 0, &[9; 160]))))
        .collect();
    capture(&packets)
}

#[test]
fn reads_ipv4_options_and_ipv6_extension_headers() {
    let (from, to) = ("192.0.2.1:4000", "192.0.2.2:4000");
    let router_alert = [148, 4, 0, 0];
    encrypts_all(
        &call_in(from, to, |udp| {
            ip(
                address(from).ip(),
                address(to).ip(),
                UDP,
                &router_alert,
                udp,
            )
        }),
        14,
    );
    let (from, to) = ("[2001:db8::1]:4000", "[2001:db8::2]:4000");
    // Hop-by-hop options, then destination options, padding in both.
    let headers = [60, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 1, 4, 0, 0, 0, 0];
    encrypts_all(
        &call_in(from, to, |udp| {
            ip(address(from).ip(), address(to).ip(), 0, &headers, udp)
        }),
        14,
    );
}

#[test]
fn a_udp_checksum_that_was_not_computed_stays_so() {
    let (from, to) = ("192.0.2.1:4000", "192.0.2.2:4000");
    let call = call_in(from, to, |udp| {
        let without = [&udp[..6], &[0, 0], &udp[8..]].concat();
        ip(address(from).ip(), address(to).ip(), UDP, &[], &without)
    });
    let place = Place::with(&call);
    place.encrypt(&[]);
    for (before, after) in packets(&call).iter().zip(packets(&place.read("out"))) {
        assert_eq!(after.data.len(), before.data.len() + 10);
        assert_eq!(after.data[14 + 20 + 6..][..2], [0, 0]);
    }
}

#[test]
fn wrong_checksums_of_offloading_network_cards_come_out_right() {
    let (from, to) = ("192.0.2.1:4000", "192.0.2.2:4000");
    let call = call_in(from, to, |udp| {
        let half_done = [&udp[..6], &[0x12, 0x34], &udp[8..]].concat();
        ip(address(from).ip(), address(to).ip(), UDP, &[], &half_done)
    });
    encrypts_all(&call, 14);
}

#[test]
fn a_packet_for_whose_tag_ip_has_no_room_is_passed_on_and_counted() {
    let (from, to) = (address("192.0.2.1:4000"), address("192.0.2.2:4000"));
    let mut call = call_v4();
    // With the tag this would be 65536 bytes.
    call.push(udp_packet(from, to, &rtp(7, 1, 0, &[9; 65526 - 40])));
    let call = Pcap::new(LITTLE, false, 1, 262_144)
        .all(&ethernet(&call))
        .bytes;
    let place = Place::with(&call);
    let run = place.encrypt(&["--rtp", "4000", "--rtp", "5000"]);
    assert_eq!(records(&call).last(), records(&place.read("out")).last());
    assert!(
        run.stdout
            .contains("1  no room for the tag in an IP packet"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains("1 PACKETS OF THE CHOSEN MEDIA ARE IN THE OUTPUT IN THE CLEAR")
    );
}

#[test]
fn raises_the_snaplen_of_a_pcap_whose_packets_outgrow_it_and_of_no_other() {
    let call = ethernet(&call_v4());
    for big_endian in [LITTLE, BIG] {
        // The RTP packets have 214 bytes, 224 with the tag.
        for (snaplen, becomes) in [(214, 224), (223, 224), (224, 224), (1000, 1000), (0, 0)] {
            let file = Pcap::new(big_endian, false, 1, snaplen).all(&call);
            let out = encrypts_all(&file.bytes, 14);
            let field = <[u8; 4]>::try_from(&out[16..20]).unwrap();
            let read = if big_endian {
                u32::from_be_bytes
            } else {
                u32::from_le_bytes
            };
            assert_eq!(read(field), becomes);
        }
    }
}

#[test]
fn packets_cut_by_the_snaplen_and_fragments_are_passed_on_and_counted() {
    let mut frames = ethernet(&call_v4());
    let whole = frames[0].clone();
    let mut fragment = whole.clone();
    fragment[14 + 6] = 0x20;
    let mut behind = whole.clone();
    behind[14 + 7] = 8;
    frames.extend([fragment, behind]);
    let file = Pcap::new(LITTLE, false, 1, 100)
        .all(&frames)
        .cut(&whole[..100], whole.len())
        // The datagram is whole, only a trailer is missing.
        .cut(&whole, whole.len() + 4);
    let place = Place::with(&file.bytes);
    let run = place.encrypt(&[]);
    let changed = compare(
        &file.bytes,
        &place.read("out"),
        &place.read_text("keys"),
        14,
    );
    assert_eq!(changed.len(), 18);
    assert!(
        run.stdout.contains("2  fragment of an IP packet"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("2  cut by the snaplen"),
        "{}",
        run.stdout
    );
    // The first fragment and the cut packets show to which stream they belong.
    assert!(
        run.stderr.contains("3 PACKETS OF THE CHOSEN MEDIA"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_is_not_udp_is_passed_on_and_counted() {
    let (from, to) = (address("192.0.2.1:1").ip(), address("192.0.2.2:1").ip());
    let mut frames = ethernet(&call_v4());
    frames.push(frame(1, &ip(from, to, 1, &[], &[8, 0, 0, 0, 0, 0, 0, 0])));
    frames.push([&[2; 12][..], &[0x08, 0x06], &[0; 28]].concat());
    frames.push(vec![1, 2, 3]);
    let file = Pcap::new(LITTLE, false, 1, 65535).all(&frames).bytes;
    let place = Place::with(&file);
    let run = place.encrypt(&[]);
    assert_eq!(
        compare(&file, &place.read("out"), &place.read_text("keys"), 14).len(),
        18
    );
    assert!(run.stdout.contains("1  IP, but not UDP"), "{}", run.stdout);
    assert!(run.stdout.contains("2  not IP"), "{}", run.stdout);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn packets_under_way_to_another_address_or_sealed_by_ipsec_are_passed_on_and_counted() {
    let media = rtp(0x1111_1111, 2000, 0, &[1; 160]);
    let (from, to) = (address("[2001:db8::1]:4000"), address("[2001:db8::2]:5000"));
    let mut call = call_v6();
    // A routing header with one more address to go to.
    let routing = [&[UDP, 2, 4, 1, 0, 0, 0, 0][..], &[7; 16]].concat();
    let datagram = udp(from, to, &media);
    call.push(ip(from.ip(), to.ip(), 43, &routing, &datagram));
    // An authentication header (RFC 4302), which covers the payload.
    let sealed = [
        &[UDP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..],
        &[9; 12],
        &datagram,
    ]
    .concat();
    call.push(ip(from.ip(), to.ip(), 51, &[], &sealed));
    let file = capture(&call);
    let place = Place::with(&file);
    let run = place.encrypt(&[]);
    let changed = compare(&file, &place.read("out"), &place.read_text("keys"), 14);
    assert_eq!(changed.len(), 18);
    assert!(
        run.stdout.contains("1  IPv6 packet with a routing header"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("1  sealed by IPsec or MACsec"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("2 PACKETS OF THE CHOSEN MEDIA"),
        "{}",
        run.stderr
    );
}
