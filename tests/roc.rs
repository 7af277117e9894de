//! The rollover counter: how both sides carry it over, how it is read and set, how it is searched for, and
//! where it ends (RFC 3711 §3.3.1).

mod common;

use common::{bytes, forged, key, pair, plain, protect, rtp, unprotect};
use srtp_sdes::{
    CryptoSuite, PacketIndex, Plane, ProtectError, Receiver, RocError, Sender, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const OTHER: u32 = 0x8765_4321;

/// One roll-over.
const TURN: u64 = 1 << 16;

fn index_of(value: u64) -> PacketIndex {
    PacketIndex::new(u32::try_from(value / TURN).unwrap(), (value % TURN) as u16)
}

/// The packet whose sequence number `index` ends in.
fn body(index: u64) -> Vec<u8> {
    rtp(SSRC, index as u16, &bytes(20))
}

fn send(tx: &mut Sender, index: u64) -> Vec<u8> {
    protect(tx, Plane::Rtp, &body(index)).unwrap()
}

/// A sender and a receiver whose streams begin at `roc`.
fn pair_at(suite: CryptoSuite, roc: u32) -> (Sender, Receiver) {
    (
        Sender::builder(key(suite, 1))
            .initial_roc(roc)
            .build()
            .unwrap(),
        Receiver::builder(key(suite, 1))
            .initial_roc(roc)
            .build()
            .unwrap(),
    )
}

/// A packet by a sender of the same key whose stream begins at `index`.
fn packet_at(suite: CryptoSuite, index: PacketIndex) -> Vec<u8> {
    send(&mut pair_at(suite, index.roc()).0, index.value())
}

/// The suites under which a packet at a wrong index does not authenticate: all but one.
fn authenticated() -> impl Iterator<Item = CryptoSuite> {
    let all = CryptoSuite::ALL.into_iter();
    all.filter(|suite| suite.rtp_tag_len() > 0)
}

fn failed() -> UnprotectError {
    UnprotectError::AuthenticationFailed { ssrc: SSRC }
}

/// Every order of `items`.
fn orders(items: &[u64]) -> Vec<Vec<u64>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

// Rolling over.

#[test]
fn in_order_both_sides_roll_over_at_sequence_number_0_again_and_again() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (None, None));
        let around = |turn: u64| (turn * TURN - 3)..(turn * TURN + 3);
        let between = |turn: u64| (1..5).map(move |n| turn * TURN + n * 13_000);
        let indices = (0..4).flat_map(|turn| between(turn).chain(around(turn + 1)));
        for index in indices {
            let packet = send(&mut tx, index);
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &packet), Ok(body(index)));
            let roc = Some(index_of(index).roc());
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (roc, roc), "{suite} {index}");
        }
    }
}

#[test]
fn the_rollover_counter_is_in_the_index_that_a_receiver_reports() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair_at(suite, 0x0102_0304);
        for index in [0x0102_0304_fffe, 0x0102_0304_ffff, 0x0102_0305_0000] {
            let packet = send(&mut tx, index);
            assert_eq!(rx.verify_rtp(&packet), Ok(index_of(index)), "{suite}");
        }
    }
}

#[test]
fn a_receiver_rolls_over_when_the_packets_around_the_roll_over_are_lost() {
    for suite in CryptoSuite::ALL {
        // Without authentication a stream may not run ahead further.
        let furthest = if suite.rtp_tag_len() == 0 {
            1 << 14
        } else {
            (1 << 15) - 1
        };
        for step in [2, 3, 1000, furthest] {
            for last in [TURN - 1, TURN - step + 1, TURN - step / 2 - 1] {
                let (mut tx, mut rx) = pair(suite);
                for index in (1..=5).map(|n| last - last / 5 * (5 - n)) {
                    let packet = send(&mut tx, index);
                    unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
                }
                let packet = send(&mut tx, last + step);
                let got = rx.verify_rtp(&packet);
                assert_eq!(got, Ok(index_of(last + step)), "{suite} {last} {step}");
                assert_eq!(rx.roc(SSRC), Some(1));
            }
        }
    }
}

#[test]
fn a_receiver_that_lost_half_a_turn_says_too_old_until_it_is_told_the_rollover_counter() {
    for suite in authenticated() {
        let (mut tx, mut rx) = pair(suite);
        let last = TURN - 10;
        for index in [15_000, 30_000, 45_000, 60_000, last] {
            rx.verify_rtp(&send(&mut tx, index)).unwrap();
        }
        send(&mut tx, last + 15_000);
        for ahead in [1 << 15, (1 << 15) + 1, (1 << 15) + 2] {
            let packet = send(&mut tx, last + ahead);
            let (ssrc, highest) = (SSRC, last);
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &packet),
                Err(UnprotectError::TooOld { ssrc, highest }),
                "{suite}"
            );
        }
        rx.set_roc(SSRC, 1).unwrap();
        for ahead in [(1 << 15) + 3, (1 << 15) + 4, TURN, TURN + 15_000] {
            let got = rx.verify_rtp(&send(&mut tx, last + ahead));
            assert_eq!(got, Ok(index_of(last + ahead)), "{suite}");
        }
    }
}

#[test]
fn packets_reordered_around_a_roll_over_are_all_accepted_in_every_order() {
    let around: Vec<u64> = (TURN - 3..TURN + 2).collect();
    for suite in CryptoSuite::ALL {
        let (mut tx, _) = pair(suite);
        for index in [0, 20_000, 40_000, 60_000] {
            send(&mut tx, index);
        }
        let before = send(&mut tx, TURN - 4);
        let packets: Vec<_> = around.iter().map(|index| send(&mut tx, *index)).collect();
        for order in orders(&around) {
            let mut rx = Receiver::new(key(suite, 1));
            rx.verify_rtp(&before).unwrap();
            let mut highest = 0;
            for index in order {
                let packet = &packets[usize::try_from(index - around[0]).unwrap()];
                assert_eq!(rx.verify_rtp(packet), Ok(index_of(index)), "{suite}");
                highest = highest.max(index);
                let roc = index_of(highest).roc();
                assert_eq!(rx.roc(SSRC), Some(roc), "{suite}: never backwards");
            }
        }
    }
}

#[test]
fn a_sender_takes_packets_that_reach_it_reordered_around_a_roll_over() {
    let around: Vec<u64> = (TURN - 3..TURN + 2).collect();
    for suite in CryptoSuite::ALL {
        for order in orders(&around).into_iter().step_by(7) {
            let (mut tx, mut rx) = pair(suite);
            for index in [10_000, 20_000, 30_000, 40_000, 50_000, TURN - 4] {
                unprotect(&mut rx, Plane::Rtp, &send(&mut tx, index)).unwrap();
            }
            let mut highest = 0;
            let mut packets = Vec::new();
            for index in order {
                packets.push((index, send(&mut tx, index)));
                highest = highest.max(index);
                let roc = index_of(highest).roc();
                assert_eq!(tx.roc(SSRC), Some(roc), "{suite}: never backwards");
            }
            packets.sort();
            for (index, packet) in packets {
                assert_eq!(unprotect(&mut rx, Plane::Rtp, &packet), Ok(body(index)));
            }
        }
    }
}

#[test]
fn a_straggler_of_the_turn_before_is_accepted_at_its_own_rollover_counter() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for index in [15_000, 30_000, 45_000, 60_000] {
            rx.verify_rtp(&send(&mut tx, index)).unwrap();
        }
        let late: Vec<_> = [TURN - 500, TURN - 1].map(|i| (i, send(&mut tx, i))).into();
        rx.verify_rtp(&send(&mut tx, TURN + 400)).unwrap();
        for (index, packet) in late {
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &packet), Ok(body(index)));
            assert_eq!(rx.roc(SSRC), Some(1), "{suite}");
        }
        let next = send(&mut tx, TURN + 401);
        assert_eq!(rx.verify_rtp(&next), Ok(index_of(TURN + 401)), "{suite}");
    }
}

#[test]
fn every_ssrc_has_a_rollover_counter_of_its_own_and_srtcp_has_none() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let report = plain(Plane::Rtcp, OTHER, 0, &bytes(20));
        let packet = protect(&mut tx, Plane::Rtcp, &report).unwrap();
        unprotect(&mut rx, Plane::Rtcp, &packet).unwrap();
        assert_eq!((tx.roc(OTHER), rx.roc(OTHER)), (None, None), "{suite}");
        for index in [15_000, 30_000, 45_000, 60_000, TURN] {
            rx.verify_rtp(&send(&mut tx, index)).unwrap();
        }
        let first = protect(&mut tx, Plane::Rtp, &rtp(OTHER, 9, &[])).unwrap();
        assert_eq!(rx.verify_rtp(&first), Ok(PacketIndex::new(0, 9)), "{suite}");
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(1), Some(1)));
        assert_eq!((tx.roc(OTHER), rx.roc(OTHER)), (Some(0), Some(0)));
    }
}

// Reading and setting.

#[test]
fn a_rollover_counter_set_before_the_first_packet_is_read_back_and_used_also_0() {
    for suite in CryptoSuite::ALL {
        for roc in [0, 1, 5, u32::MAX] {
            // 0 has to win over the builder's value, too.
            let (mut tx, mut rx) = pair_at(suite, 7);
            tx.set_roc(SSRC, roc).unwrap();
            rx.set_roc(SSRC, roc).unwrap();
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(roc), Some(roc)));
            assert_eq!(tx.ssrcs().collect::<Vec<_>>(), [SSRC]);
            assert_eq!(rx.ssrcs().collect::<Vec<_>>(), [SSRC]);
            let packet = send(&mut tx, 100);
            assert_eq!(packet, packet_at(suite, PacketIndex::new(roc, 100)));
            let got = rx.verify_rtp(&packet);
            assert_eq!(got, Ok(PacketIndex::new(roc, 100)), "{suite}");
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(roc), Some(roc)));
            // Another SSRC has the builder's value.
            let packet = protect(&mut tx, Plane::Rtp, &rtp(OTHER, 1, &[])).unwrap();
            assert_eq!(rx.verify_rtp(&packet), Ok(PacketIndex::new(7, 1)));
        }
    }
}

#[test]
fn before_the_first_packet_a_rollover_counter_can_be_set_again_in_either_direction() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for roc in [5, 9, 0, 2] {
            tx.set_roc(SSRC, roc).unwrap();
            rx.set_roc(SSRC, roc).unwrap();
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(roc), Some(roc)));
        }
        let got = rx.verify_rtp(&send(&mut tx, 3));
        assert_eq!(got, Ok(PacketIndex::new(2, 3)), "{suite}");
    }
}

#[test]
fn a_rollover_counter_that_was_set_holds_for_one_packet_and_never_sticks() {
    for suite in CryptoSuite::ALL {
        // Before the first packet, and later: at sequence numbers in either half of a turn.
        for (first, before) in [
            (0, None),
            (40_000, None),
            (100, Some(99)),
            (65_000, Some(64_999)),
        ] {
            let (mut tx, mut rx) = pair(suite);
            if let Some(before) = before {
                rx.verify_rtp(&send(&mut tx, before)).unwrap();
            }
            tx.set_roc(SSRC, 3).unwrap();
            rx.set_roc(SSRC, 3).unwrap();
            let start = 3 * TURN + first;
            for index in (start..start + 200_000).step_by(997) {
                let got = rx.verify_rtp(&send(&mut tx, index));
                assert_eq!(got, Ok(index_of(index)), "{suite} from {first}");
            }
            let reached = Some(index_of(start + 199_000).roc());
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (reached, reached));
        }
    }
}

#[test]
fn after_the_rollover_counter_was_set_packets_are_estimated_from_the_next_sequence_number() {
    for suite in authenticated() {
        let (mut tx, mut rx) = pair(suite);
        rx.verify_rtp(&send(&mut tx, 1000)).unwrap();
        tx.set_roc(SSRC, 4).unwrap();
        rx.set_roc(SSRC, 4).unwrap();
        // Lost: everything up to shortly before the next roll-over.
        let first = 4 * TURN + 65_530;
        for index in [first, first + 10, first + 5, first - 5] {
            let got = rx.verify_rtp(&send(&mut tx, index));
            assert_eq!(got, Ok(index_of(index)), "{suite}");
        }
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(5), Some(5)));
    }
}

#[test]
fn a_pending_rollover_counter_survives_what_is_refused() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        tx.set_roc(SSRC, 6).unwrap();
        rx.set_roc(SSRC, 6).unwrap();
        let mut small = body(50);
        let len = small.len();
        small.pop();
        assert!(tx.protect_rtp(&mut small, len).is_err());
        let packet = packet_at(suite, PacketIndex::new(6, 50));
        if suite.rtp_tag_len() > 0 {
            let got = unprotect(&mut rx, Plane::Rtp, &forged(Plane::Rtp, &packet));
            assert_eq!(got, Err(failed()));
        }
        assert!(unprotect(&mut rx, Plane::Rtp, &packet[..11]).is_err());
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(6), Some(6)), "{suite}");
        let got = rx.verify_rtp(&send(&mut tx, 50));
        assert_eq!(got, Ok(PacketIndex::new(6, 50)), "{suite}");
    }
}

#[test]
fn the_rollover_counter_of_a_stream_cannot_be_set_back() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair_at(suite, 5);
        let sent = send(&mut tx, 5 * TURN + 10);
        rx.verify_rtp(&sent).unwrap();
        let refused = Err(RocError::Backwards { ssrc: SSRC, roc: 5 });
        for roc in [4, 0] {
            assert_eq!(tx.set_roc(SSRC, roc), refused, "{suite}");
            assert_eq!(rx.set_roc(SSRC, roc), refused, "{suite}");
        }
        // Nor does the refusal undo what was set before.
        tx.set_roc(SSRC, 8).unwrap();
        rx.set_roc(SSRC, 8).unwrap();
        assert_eq!(tx.set_roc(SSRC, 4), refused);
        assert_eq!(rx.set_roc(SSRC, 4), refused);
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(8), Some(8)));
        let got = rx.verify_rtp(&send(&mut tx, 3));
        assert_eq!(got, Ok(PacketIndex::new(8, 3)), "{suite}");
        // And what the stream sent before stays refused, before and after the counter moves on.
        if suite.rtp_tag_len() > 0 {
            assert!(unprotect(&mut rx, Plane::Rtp, &sent).is_err(), "{suite}");
            rx.set_roc(SSRC, 9).unwrap();
            assert!(unprotect(&mut rx, Plane::Rtp, &sent).is_err(), "{suite}");
        }
    }
}

#[test]
fn setting_the_rollover_counter_that_a_stream_has_changes_nothing() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let (mut twin, _) = pair(suite);
        let mut held = Vec::new();
        // Around a roll-over, with packets held back: neither side may begin anew at any of them.
        for index in [15_000, 30_000, 45_000, 60_000]
            .into_iter()
            .chain(TURN - 20..TURN + 20)
        {
            if let Some(roc) = tx.roc(SSRC) {
                tx.set_roc(SSRC, roc).unwrap();
                assert_eq!(tx.roc(SSRC), Some(roc));
            }
            let packet = send(&mut tx, index);
            assert_eq!(packet, send(&mut twin, index), "{suite} {index}");
            if let Some(roc) = rx.roc(SSRC) {
                rx.set_roc(SSRC, roc).unwrap();
                assert_eq!(rx.roc(SSRC), Some(roc));
            }
            if index % 5 == 0 && index > 60_000 {
                held.push((index, packet));
                continue;
            }
            assert_eq!(rx.verify_rtp(&packet), Ok(index_of(index)), "{suite}");
            let ssrc = SSRC;
            let again = rx.verify_rtp(&packet);
            assert_eq!(again, Err(UnprotectError::Replayed { ssrc, index }));
        }
        for (index, packet) in held {
            rx.set_roc(SSRC, 1).unwrap();
            assert_eq!(rx.verify_rtp(&packet), Ok(index_of(index)), "{suite}");
        }
    }
}

#[test]
fn setting_the_pending_value_again_keeps_it_and_the_stream_s_own_value_withdraws_it() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        rx.verify_rtp(&send(&mut tx, 10)).unwrap();
        for roc in [3, 3] {
            tx.set_roc(SSRC, roc).unwrap();
            rx.set_roc(SSRC, roc).unwrap();
            assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(3), Some(3)));
        }
        tx.set_roc(SSRC, 0).unwrap();
        rx.set_roc(SSRC, 0).unwrap();
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(0), Some(0)));
        for index in [12, 11] {
            let got = rx.verify_rtp(&send(&mut tx, index));
            assert_eq!(got, Ok(index_of(index)), "{suite}");
        }
    }
}

#[test]
fn a_source_that_restarts_moves_on_by_one_turn_and_no_index_is_used_twice() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for index in [100, 101] {
            rx.verify_rtp(&send(&mut tx, index)).unwrap();
        }
        let (ssrc, index) = (SSRC, 100);
        let reused = ProtectError::IndexReused { ssrc, index };
        assert_eq!(protect(&mut tx, Plane::Rtp, &body(100)), Err(reused));
        let roc = tx.roc(SSRC).unwrap() + 1;
        tx.set_roc(SSRC, roc).unwrap();
        rx.set_roc(SSRC, roc).unwrap();
        for index in [TURN + 100, TURN + 101] {
            let got = rx.verify_rtp(&send(&mut tx, index));
            assert_eq!(got, Ok(index_of(index)), "{suite}");
        }
    }
}

// Joining late.

#[test]
fn a_late_joiner_needs_the_rollover_counter_and_takes_it_in_three_ways() {
    for suite in CryptoSuite::ALL {
        let (mut tx, _) = pair_at(suite, 5);
        let builder = || Receiver::builder(key(suite, 1));

        let mut ignorant = Receiver::new(key(suite, 1));
        for index in 200..220 {
            let got = unprotect(&mut ignorant, Plane::Rtp, &send(&mut tx, 5 * TURN + index));
            if suite.rtp_tag_len() > 0 {
                assert_eq!(got, Err(failed()), "{suite}");
                assert_eq!(ignorant.ssrcs().count(), 0, "{suite}");
            } else {
                assert_ne!(got, Ok(body(index)), "deciphered at another index");
            }
        }
        let mut told = Receiver::new(key(suite, 1));
        told.set_roc(SSRC, 5).unwrap();
        let built = builder().initial_roc(5).build().unwrap();
        // One that knows roughly: the roll-over may have been a moment ago.
        let searching = |roc| builder().initial_roc(roc).search_roc().build().unwrap();
        let mut late = vec![told, built];
        if suite.rtp_tag_len() > 0 {
            late.extend([searching(4), searching(5), searching(6)]);
            let mut told_before = builder().search_roc().build().unwrap();
            told_before.set_roc(SSRC, 4).unwrap();
            late.push(told_before);
        }
        for index in (5 * TURN + 300..7 * TURN).step_by(10_000) {
            let packet = send(&mut tx, index);
            for (way, rx) in late.iter_mut().enumerate() {
                let got = unprotect(rx, Plane::Rtp, &packet);
                assert_eq!(got, Ok(body(index)), "{suite} way {way}");
                assert_eq!(rx.roc(SSRC), Some(index_of(index).roc()), "{suite} {way}");
            }
        }
    }
}

// Searching.

#[test]
fn a_search_finds_the_counter_kept_one_more_one_less_and_0_and_no_other() {
    for suite in authenticated() {
        for kept in [0, 1, 2, 5, 1000, u32::MAX - 1, u32::MAX] {
            let near = [
                Some(0),
                Some(1),
                Some(3),
                kept.checked_sub(2),
                kept.checked_sub(1),
                Some(kept),
                kept.checked_add(1),
                kept.checked_add(2),
                Some(500),
                Some(u32::MAX),
            ];
            for roc in near.into_iter().flatten() {
                let index = PacketIndex::new(roc, 77);
                let packet = packet_at(suite, index);
                let found = roc.abs_diff(kept) <= 1 || roc == 0;

                let builder = || Receiver::builder(key(suite, 1)).search_roc();
                let built = builder().initial_roc(kept).build().unwrap();
                let mut told = builder().initial_roc(40).build().unwrap();
                told.set_roc(SSRC, kept).unwrap();
                for mut rx in [built, told] {
                    let streams = rx.ssrcs().count();
                    let expected = if found { Ok(index) } else { Err(failed()) };
                    let got = rx.verify_rtp(&packet);
                    assert_eq!(got, expected, "{suite} kept {kept}, sent {roc}");
                    if found {
                        assert_eq!(rx.roc(SSRC), Some(roc));
                    } else {
                        assert_eq!(rx.ssrcs().count(), streams);
                    }
                }

                let mut unsearching = Receiver::builder(key(suite, 1))
                    .initial_roc(kept)
                    .build()
                    .unwrap();
                assert_eq!(unsearching.verify_rtp(&packet).is_ok(), roc == kept);
            }
        }
    }
}

#[test]
fn a_search_ends_with_the_first_srtp_packet_that_authenticates() {
    for suite in authenticated() {
        let builder = Receiver::builder(key(suite, 1)).initial_roc(5);
        let mut rx = builder.search_roc().build().unwrap();
        let (mut tx, _) = pair_at(suite, 6);
        // Neither SRTCP nor a forgery ends it.
        let report = plain(Plane::Rtcp, SSRC, 0, &bytes(20));
        let report = protect(&mut tx, Plane::Rtcp, &report).unwrap();
        unprotect(&mut rx, Plane::Rtcp, &report).unwrap();
        let packet = send(&mut tx, 6 * TURN + 100);
        assert!(unprotect(&mut rx, Plane::Rtp, &forged(Plane::Rtp, &packet)).is_err());
        rx.verify_rtp(&packet).unwrap();
        for roc in [0, 5, 7] {
            let packet = packet_at(suite, PacketIndex::new(roc, 101));
            assert_eq!(rx.verify_rtp(&packet), Err(failed()), "{suite} {roc}");
        }
        let next = send(&mut tx, 6 * TURN + 101);
        assert!(rx.verify_rtp(&next).is_ok(), "{suite}");
    }
}

#[test]
fn setting_the_rollover_counter_begins_the_search_again_but_it_finds_nothing_that_was_seen() {
    for suite in authenticated() {
        let builder = Receiver::builder(key(suite, 1)).initial_roc(5);
        let mut rx = builder.search_roc().build().unwrap();
        let (mut tx, _) = pair_at(suite, 5);
        let seen = send(&mut tx, 5 * TURN + 100);
        rx.verify_rtp(&seen).unwrap();
        rx.set_roc(SSRC, 6).unwrap();
        let got = rx.verify_rtp(&seen);
        assert_eq!(got, Err(failed()), "{suite}: a replay, at no other counter");
        let before = packet_at(suite, PacketIndex::new(0, 100));
        let got = rx.verify_rtp(&before);
        assert_eq!(got, Err(failed()), "{suite}: behind what was seen");
        assert_eq!(rx.roc(SSRC), Some(6), "{suite}: still pending");
        let later = PacketIndex::new(7, 100);
        assert_eq!(rx.verify_rtp(&packet_at(suite, later)), Ok(later));
        assert_eq!(rx.roc(SSRC), Some(7), "{suite}");
    }
}

#[test]
fn a_forged_first_packet_under_search_makes_no_stream() {
    for suite in authenticated() {
        let builder = Receiver::builder(key(suite, 1)).initial_roc(5);
        let mut rx = builder.search_roc().build().unwrap();
        for roc in [0, 4, 5, 6] {
            let packet = forged(Plane::Rtp, &packet_at(suite, PacketIndex::new(roc, 9)));
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &packet), Err(failed()));
            assert_eq!((rx.ssrcs().count(), rx.roc(SSRC)), (0, None), "{suite}");
        }
        let index = PacketIndex::new(4, 9);
        assert_eq!(rx.verify_rtp(&packet_at(suite, index)), Ok(index));
    }
}

// The end of the index.

#[test]
fn the_last_index_is_used_and_after_it_a_sender_says_that_the_index_is_exhausted() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair_at(suite, u32::MAX);
        let last = PacketIndex::MAX.value();
        for index in [last - 2, last] {
            let got = rx.verify_rtp(&send(&mut tx, index));
            assert_eq!(got, Ok(index_of(index)), "{suite}");
        }
        let (ssrc, plane) = (SSRC, Plane::Rtp);
        for seq in [0, 1, 1000] {
            let before = rtp(SSRC, seq, &bytes(20));
            let mut packet = before.clone();
            let got = tx.protect_rtp_vec(&mut packet);
            assert_eq!(got, Err(ProtectError::IndexExhausted { ssrc, plane }));
            assert_eq!(packet, before, "{suite}");
            assert_eq!(tx.roc(SSRC), Some(u32::MAX));
        }
        // What was not used is still there; so are SRTCP and other streams.
        let got = rx.verify_rtp(&send(&mut tx, last - 1));
        assert_eq!(got, Ok(index_of(last - 1)), "{suite}");
        let index = last - 1;
        let reused = ProtectError::IndexReused { ssrc, index };
        assert_eq!(protect(&mut tx, plane, &body(index)), Err(reused));
        let report = plain(Plane::Rtcp, SSRC, 0, &[]);
        let report = protect(&mut tx, Plane::Rtcp, &report).unwrap();
        assert_eq!(rx.verify_rtcp(&report), Ok(0), "{suite}");
        let packet = protect(&mut tx, Plane::Rtp, &rtp(OTHER, 0, &[])).unwrap();
        let got = rx.verify_rtp(&packet);
        assert_eq!(got, Ok(PacketIndex::new(u32::MAX, 0)), "{suite}");
    }
}

#[test]
fn a_receiver_refuses_what_would_lie_beyond_the_last_index_and_stays_where_it_is() {
    for suite in CryptoSuite::ALL {
        for search in [false, true] {
            let builder = Receiver::builder(key(suite, 1)).initial_roc(u32::MAX);
            let mut rx = match search {
                true => builder.search_roc().build().unwrap(),
                false => builder.build().unwrap(),
            };
            let last = PacketIndex::MAX;
            let (mut before, _) = pair_at(suite, u32::MAX);
            for index in [last.value() - 1, last.value()] {
                rx.verify_rtp(&send(&mut before, index)).unwrap();
            }
            for seq in [0, 1, 1000] {
                let wrapped = packet_at(suite, PacketIndex::new(0, seq));
                let got = unprotect(&mut rx, Plane::Rtp, &wrapped);
                let exhausted = UnprotectError::IndexExhausted { ssrc: SSRC };
                assert_eq!(got, Err(exhausted), "{suite}");
            }
            let (ssrc, index) = (SSRC, last.value());
            let got = rx.verify_rtp(&packet_at(suite, last));
            assert_eq!(got, Err(UnprotectError::Replayed { ssrc, index }));
            let reordered = last.value() - 2;
            let got = rx.verify_rtp(&packet_at(suite, index_of(reordered)));
            assert_eq!(got, Ok(index_of(reordered)), "{suite}");
        }
    }
}
