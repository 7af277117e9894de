//! Packets that wait in a socket when the relay comes to it, so that it takes many in one turn.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use srtp_sdes::{CryptoSuite, KeyDerivationRate, Plane, Sender};

use super::common::{PLANES, bytes, forged, plain, protect};
use super::rig::{End, Relay, leg_keys, lines};
use super::turn::Turns;
use super::{SUITE, call, call_with, learning_plain_call, passes, passes_all};

/// One packet a turn; turns that no burst here fills evenly; and as many as there may be.
const BATCHES: [&str; 3] = ["1", "7", "32"];

/// A packet with a body of its own.
fn numbered(plane: Plane, ssrc: u32, n: u16) -> Vec<u8> {
    let mut body = bytes(40 + 4 * usize::from(n % 25));
    body[..2].copy_from_slice(&n.to_be_bytes());
    plain(plane, ssrc, n, &body)
}

/// What the example's own code takes in one turn after the other: asked of it here, since a relay does not show it.
#[test]
fn a_turn_takes_what_waits_up_to_its_size_and_waits_for_no_more() {
    let [socket, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    far.connect(socket.local_addr().unwrap()).unwrap();
    let sends = |numbers: std::ops::Range<u8>| {
        for n in numbers {
            far.send(&[n]).unwrap();
        }
    };
    // Who waited for more would wait for ever.
    let patience = Duration::from_secs(1 << 20);
    let mut turns = Turns::new(&socket, Some(Plane::Rtp), 32, patience).unwrap();
    let mut turn = || -> Vec<u8> {
        let packets = turns.next().unwrap();
        packets.iter().map(|packet| packet.bytes()[0]).collect()
    };
    sends(0..40);
    assert!(turn().into_iter().eq(0..32));
    assert!(turn().into_iter().eq(32..40));
    for n in 0..31 {
        sends(n..n + 1);
        assert_eq!(turn(), [n]);
    }
    // It was in vain for so long that a few turns more do not try to take a second packet.
    sends(0..60);
    let mut taken = Vec::new();
    let mut lengths = Vec::new();
    while taken.len() < 60 {
        let packets = turn();
        lengths.push(packets.len());
        taken.extend(packets);
    }
    assert!(taken.into_iter().eq(0..60));
    let singles = lengths.iter().take_while(|length| **length == 1).count();
    assert!(singles <= 15, "{lengths:?}");
    assert_eq!(lengths[singles..], [32, 28 - singles], "{lengths:?}");
}

#[test]
fn a_burst_comes_through_in_order_and_what_is_forged_or_repeated_in_it_is_dropped_alone() {
    for batch in BATCHES {
        let (relay, mut a, mut b) = call_with(SUITE, "0", &["--batch", batch]);
        passes_all(&relay, &mut a, &mut b, 1);
        let leg = relay.legs[1];
        relay.pause();
        for n in 2..82 {
            for plane in PLANES {
                let genuine = b.sealed(plane, &numbered(plane, 0x1234_0001, n));
                if n.is_multiple_of(3) {
                    b.send_raw(plane, &leg, &forged(plane, &genuine));
                }
                b.send_raw(plane, &leg, &genuine);
                if n.is_multiple_of(10) {
                    b.send_raw(plane, &leg, &genuine);
                    b.send_raw(plane, &leg, b"neither");
                }
            }
        }
        relay.resume();
        for n in 2..82 {
            for plane in PLANES {
                let plain = numbered(plane, 0x1234_0001, n);
                assert_eq!(a.receive(plane), plain, "{batch}, {n}");
            }
        }
        passes_all(&relay, &mut a, &mut b, 82);
        let totals = relay.stop();
        let why = "8 neither RTP nor RTCP, 27 not authentic, 8 seen before";
        for plane in PLANES {
            let row = totals.of("b to a", plane);
            assert_eq!(row, (125, 82, 43, why), "{batch}: {}", totals.0);
        }
    }
}

/// RTP of two streams, rolling over, with RTCP in between.
fn mixed() -> Vec<(Plane, Vec<u8>)> {
    let packet = |n: u16| match n % 10 {
        9 => (Plane::Rtcp, numbered(Plane::Rtcp, 7, n)),
        _ => (
            Plane::Rtp,
            numbered(Plane::Rtp, u32::from(n % 2), n.wrapping_add(0xffd0)),
        ),
    };
    (0..90).map(packet).collect()
}

/// What comes out of a relay between two SRTP legs of one port each, in its order, as it is on the wire.
fn relayed(suite: CryptoSuite, parameters: &str, batch: &str) -> Vec<Vec<u8>> {
    let (keys_a, keys_b) = (leg_keys(SUITE, 1), leg_keys(suite, 2));
    let all = lines("a", &keys_a, "") + &lines("b", &keys_b, parameters);
    let (mut a, mut b) = (End::srtp(keys_a.1, keys_a.0), End::plain());
    a.mux();
    b.mux();
    let leg_b = format!("0,mux,to={}", b.address(Plane::Rtp));
    let relay = Relay::start("0,mux", &leg_b, &all, &["--batch", batch]);
    relay.pause();
    for (plane, packet) in mixed() {
        a.send(plane, &relay.legs[0], &packet);
    }
    relay.resume();
    mixed().iter().map(|_| b.receive_raw(Plane::Rtp)).collect()
}

#[test]
fn a_burst_leaves_with_the_bytes_of_one_packet_at_a_time_whatever_the_suite() {
    let cases = CryptoSuite::ALL.map(|suite| (suite, ""));
    for (suite, parameters) in cases.into_iter().chain([(SUITE, "KDR=1")]) {
        let mut alone = Sender::builder(leg_keys(suite, 2).0);
        if parameters == "KDR=1" {
            alone = alone.key_derivation_rate(KeyDerivationRate::from_exponent(1).unwrap());
        }
        let mut alone = alone.build().unwrap();
        let expected: Vec<Vec<u8>> = mixed()
            .iter()
            .map(|(plane, packet)| protect(&mut alone, *plane, packet).unwrap())
            .collect();
        for batch in BATCHES {
            let relayed = relayed(suite, parameters, batch);
            assert!(relayed == expected, "{suite} {parameters}, {batch}");
        }
    }
}

#[test]
fn who_comes_second_in_a_burst_is_dropped_where_nothing_is_proven() {
    let learning_srtp_call = || call(CryptoSuite::AesCm128NullAuth);
    let swapped = |(relay, a, b): (Relay, End, End)| (relay, b, a);
    for (from, (relay, mut first, mut far)) in [
        (0, learning_plain_call("0")),
        (1, swapped(learning_srtp_call())),
    ] {
        let mut second = End::plain();
        let leg = relay.legs[from];
        relay.pause();
        for n in 0..40 {
            for plane in PLANES {
                first.send(plane, &leg, &numbered(plane, 8, n));
                let other = first.sealed(plane, &numbered(plane, 9, n));
                second.send(plane, &leg, &other);
            }
        }
        relay.resume();
        for n in 0..40 {
            for plane in PLANES {
                assert_eq!(far.receive(plane), numbered(plane, 8, n));
            }
        }
        for plane in PLANES {
            passes(&relay, 1 - from, (&mut far, &mut first), plane, 1);
        }
        let totals = relay.stop();
        for plane in PLANES {
            let row = totals.of(["a to b", "b to a"][from], plane);
            assert_eq!(row, (80, 40, 40, "40 from another address"), "{}", totals.0);
        }
    }
}

#[test]
fn the_last_packet_of_a_burst_that_authenticates_says_where_to_send() {
    let (relay, mut a, mut b) = call(SUITE);
    let forger = End::plain();
    let leg = relay.legs[1];
    relay.pause();
    let mut forgeries = Vec::new();
    for n in 0..20 {
        for plane in PLANES {
            let genuine = b.sealed(plane, &numbered(plane, 8, n));
            b.send_raw(plane, &leg, &genuine);
            forgeries.push((plane, forged(plane, &genuine)));
        }
        if n == 10 {
            b = b.moved();
        }
    }
    for (plane, forgery) in &forgeries {
        forger.send_raw(*plane, &leg, forgery);
    }
    relay.resume();
    for plane in PLANES {
        for n in 0..20 {
            assert_eq!(a.receive(plane), numbered(plane, 8, n));
        }
        passes(&relay, 0, (&mut a, &mut b), plane, 1);
    }
    let totals = relay.stop();
    let [rtp, rtcp] = PLANES.map(|plane| b.address(plane));
    let sends = format!("b to {rtp} and {rtcp}\n");
    assert!(totals.0.contains(&sends), "{}", totals.0);
}

#[test]
fn a_burst_that_has_nowhere_to_go_uses_no_index() {
    let (mut relay, mut a, mut b) = call(SUITE);
    relay.pause();
    for n in 0..40 {
        a.send(Plane::Rtp, &relay.legs[0], &numbered(Plane::Rtp, 8, n));
    }
    relay.resume();
    relay.until("a to b", Plane::Rtp, 40);
    passes(&relay, 1, (&mut b, &mut a), Plane::Rtp, 1);
    for n in 0..40 {
        let packet = numbered(Plane::Rtp, 8, n);
        a.send(Plane::Rtp, &relay.legs[0], &packet);
        assert_eq!(b.receive(Plane::Rtp), packet);
    }
    let why = "40 before the other side's address was known";
    assert_eq!(relay.stop().of("a to b", Plane::Rtp), (80, 40, 40, why));
}

#[test]
fn a_flood_on_one_socket_leaves_the_others_their_turns() {
    let (relay, mut a, mut b) = call(SUITE);
    passes_all(&relay, &mut a, &mut b, 1);
    let forgery = forged(
        Plane::Rtp,
        &b.sealed(Plane::Rtp, &numbered(Plane::Rtp, 8, 2)),
    );
    let (flooder, leg) = (End::plain(), relay.legs[1]);
    thread::scope(|scope| {
        let calls = scope.spawn(|| {
            for seq in 2..50 {
                passes(&relay, 1, (&mut b, &mut a), Plane::Rtcp, seq);
                for plane in PLANES {
                    passes(&relay, 0, (&mut a, &mut b), plane, seq);
                }
            }
        });
        while !calls.is_finished() {
            flooder.send_raw(Plane::Rtp, &leg, &forgery);
        }
    });
    assert_eq!(relay.stop().of("b to a", Plane::Rtcp), (49, 49, 0, ""));
}
