//! Master keys: their MKIs, how they come and go on a live context, how long each lives, and the session keys that
//! are derived from them (RFC 3711 §4.3, §8, §9.2; RFC 4568 §6.1).

mod common;

use common::{PLANES, bytes, forged, key, oracle, pair, plain, protect, rtcp, rtp, unprotect};
use srtp_sdes::{
    BuildError, CryptoSuite, KeyDerivationRate, KeyRingError, KeyUsage, Lifetime, MasterKey, Mki,
    PacketIndex, Plane, ProtectError, Receiver, Sender, SrtcpTag, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const OTHER: u32 = 0x8765_4321;

/// One roll-over.
const TURN: u64 = 1 << 16;

fn body(plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    plain(plane, ssrc, seq, &bytes(40))
}

fn send(tx: &mut Sender, plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = body(plane, ssrc, seq);
    let sent = match plane {
        Plane::Rtp => tx.protect_rtp_vec(&mut packet),
        Plane::Rtcp => tx.protect_rtcp_vec(&mut packet),
    };
    sent.unwrap();
    packet
}

/// One packet from `tx` to `rx`, which has to arrive as it was.
#[track_caller]
fn exchange(tx: &mut Sender, rx: &mut Receiver, plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    let packet = send(tx, plane, ssrc, seq);
    let mut copy = packet.clone();
    let got = match plane {
        Plane::Rtp => rx.unprotect_rtp_vec(&mut copy),
        Plane::Rtcp => rx.unprotect_rtcp_vec(&mut copy),
    };
    let got = got.map(|()| copy);
    assert_eq!(got, Ok(body(plane, ssrc, seq)), "{} {plane}", rx.suite());
    packet
}

/// The index under which `rx` takes `packet`.
fn verify(rx: &mut Receiver, plane: Plane, packet: &[u8]) -> Result<u64, UnprotectError> {
    match plane {
        Plane::Rtp => rx.verify_rtp(packet).map(PacketIndex::value),
        Plane::Rtcp => rx.verify_rtcp(packet).map(u64::from),
    }
}

/// An MKI of `len` bytes that ends in `number`.
fn mki(number: u8, len: usize) -> Mki {
    Mki::from_value(number.into(), len).unwrap()
}

/// Key `number`, with an MKI of `len` bytes.
fn numbered(suite: CryptoSuite, number: u8, len: usize) -> MasterKey {
    key(suite, number).with_mki(mki(number, len))
}

fn usage_of_tx(tx: &Sender) -> Vec<KeyUsage> {
    tx.keys().map(|(_, usage)| usage).collect()
}

fn usage_of_rx(rx: &Receiver) -> Vec<KeyUsage> {
    rx.keys().map(|(_, usage)| usage).collect()
}

fn mkis_of(rx: &Receiver) -> Vec<Mki> {
    rx.keys().filter_map(|(mki, _)| mki.cloned()).collect()
}

/// Packets in both planes that a key has seen.
fn packets(usage: &[KeyUsage]) -> Vec<(u64, u64)> {
    let counts = |usage: &KeyUsage| (usage.rtp_packets, usage.rtcp_packets);
    usage.iter().map(counts).collect()
}

fn lifetime(packets: u64) -> Lifetime {
    Lifetime::new(packets).unwrap()
}

fn failed() -> UnprotectError {
    UnprotectError::AuthenticationFailed { ssrc: SSRC }
}

fn unknown_mki() -> UnprotectError {
    UnprotectError::UnknownMki { ssrc: SSRC }
}

/// The suites of which a packet under a wrong key can be told.
fn authenticated() -> impl Iterator<Item = CryptoSuite> {
    let all = CryptoSuite::ALL.into_iter();
    all.filter(|suite| suite.rtp_tag_len() > 0)
}

// MKIs.

#[test]
fn each_packet_carries_its_key_s_mki_of_1_to_128_bytes() {
    for suite in CryptoSuite::ALL {
        for len in 1..=Mki::MAX_LEN {
            let value: Vec<u8> = (0..len).map(|n| 0xa0 ^ n as u8).collect();
            let keyed = || key(suite, 1).with_mki(Mki::new(&value).unwrap());
            let (mut tx, mut rx) = (Sender::new(keyed()), Receiver::new(keyed()));
            let (mut bare, _) = pair(suite);
            assert_eq!(tx.rtp_overhead(), bare.rtp_overhead() + len);
            assert_eq!(tx.rtcp_overhead(), bare.rtcp_overhead() + len);
            for plane in PLANES {
                let packet = exchange(&mut tx, &mut rx, plane, SSRC, 7);
                assert_eq!(
                    packet,
                    oracle::protect(
                        &keyed(),
                        None,
                        plane,
                        &body(plane, SSRC, 7),
                        index_of(plane)
                    )
                );
                let without = send(&mut bare, plane, SSRC, 7);
                assert_eq!(packet.len(), without.len() + len);
                assert!(packet.windows(len).any(|part| part == value), "{suite}");
            }
        }
    }
}

/// The index of a first packet with sequence number 7.
fn index_of(plane: Plane) -> u64 {
    match plane {
        Plane::Rtp => 7,
        Plane::Rtcp => 0,
    }
}

#[test]
fn sixty_four_keys_side_by_side_serve_each_its_own_packets() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(numbered(suite, 0, 3));
        let mut rx = Receiver::new(numbered(suite, 0, 3));
        for number in 1..64 {
            tx.add_key(numbered(suite, number, 3)).unwrap();
            rx.add_key(numbered(suite, number, 3)).unwrap();
        }
        for (seq, number) in (0..64).rev().chain([63, 0, 31]).enumerate() {
            tx.select_key(&mki(number, 3)).unwrap();
            let index = seq as u64;
            for plane in PLANES {
                let packet = exchange(&mut tx, &mut rx, plane, SSRC, seq as u16);
                let plain = body(plane, SSRC, seq as u16);
                let expected =
                    oracle::protect(&numbered(suite, number, 3), None, plane, &plain, index);
                assert_eq!(packet, expected, "{suite} {plane} key {number}");
            }
        }
    }
}

#[test]
fn keys_come_are_selected_and_go_while_rollover_counters_indices_and_windows_stay() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(numbered(suite, 1, 2));
        let mut rx = Receiver::new(numbered(suite, 1, 2));
        for seq in [15_000, 30_000, 45_000, 60_000, 65_535, 0] {
            exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, seq);
            exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, seq);
        }
        let old = PLANES.map(|plane| (plane, exchange(&mut tx, &mut rx, plane, SSRC, 1)));
        let in_flight = PLANES.map(|plane| (plane, send(&mut tx, plane, SSRC, 2)));
        let later = PLANES.map(|plane| (plane, send(&mut tx, plane, SSRC, 3)));

        tx.add_key(numbered(suite, 2, 2)).unwrap();
        rx.add_key(numbered(suite, 2, 2)).unwrap();
        // Not selected yet: still under key 1.
        let more = PLANES.map(|plane| exchange(&mut tx, &mut rx, plane, SSRC, 4));
        assert_eq!(packets(&usage_of_tx(&tx))[1], (0, 0), "{suite}");
        tx.select_key(&mki(2, 2)).unwrap();

        // Key 2, at the indices that follow.
        for ((plane, index), more) in [(Plane::Rtp, TURN + 5), (Plane::Rtcp, 10)]
            .into_iter()
            .zip(more)
        {
            let packet = send(&mut tx, plane, SSRC, 5);
            let plain = body(plane, SSRC, 5);
            let expected = oracle::protect(&numbered(suite, 2, 2), None, plane, &plain, index);
            assert_eq!(packet, expected, "{suite} {plane}: the index goes on");
            assert_eq!(
                verify(&mut rx, plane, &packet),
                Ok(index),
                "{suite} {plane}"
            );
            for seen in [&more, &packet] {
                let again = unprotect(&mut rx, plane, seen);
                assert!(matches!(again, Err(UnprotectError::Replayed { .. })));
            }
        }
        // Key 1 is as good as before: what is in flight arrives, once.
        for (plane, packet) in &in_flight {
            assert_eq!(
                unprotect(&mut rx, *plane, packet),
                Ok(body(*plane, SSRC, 2))
            );
            assert!(unprotect(&mut rx, *plane, packet).is_err(), "{suite}");
        }
        // An index that was seen under one key is seen under the other.
        for (plane, index) in [(Plane::Rtp, TURN + 1), (Plane::Rtcp, 6)] {
            let plain = body(plane, SSRC, 1);
            let packet = oracle::protect(&numbered(suite, 2, 2), None, plane, &plain, index);
            let replayed = UnprotectError::Replayed { ssrc: SSRC, index };
            assert_eq!(unprotect(&mut rx, plane, &packet), Err(replayed), "{suite}");
        }

        tx.remove_key(&mki(1, 2)).unwrap();
        rx.remove_key(&mki(1, 2)).unwrap();
        for (plane, packet) in &later {
            assert_eq!(
                unprotect(&mut rx, *plane, packet),
                Err(unknown_mki()),
                "{suite}"
            );
        }
        for (plane, packet) in &old {
            let got = unprotect(&mut rx, *plane, packet);
            assert!(
                matches!(got, Err(UnprotectError::Replayed { .. })),
                "{suite}"
            );
        }
        assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(1), Some(1)), "{suite}");
        for (plane, index) in [(Plane::Rtp, TURN + 6), (Plane::Rtcp, 11)] {
            let packet = send(&mut tx, plane, SSRC, 6);
            assert_eq!(
                verify(&mut rx, plane, &packet),
                Ok(index),
                "{suite} {plane}"
            );
        }
    }
}

#[test]
fn the_selected_key_stays_selected_when_another_is_removed() {
    for suite in CryptoSuite::ALL {
        for removed in [1, 2, 4] {
            let mut tx = Sender::new(numbered(suite, 1, 1));
            for number in 2..=4 {
                tx.add_key(numbered(suite, number, 1)).unwrap();
            }
            tx.select_key(&mki(3, 1)).unwrap();
            tx.remove_key(&mki(removed, 1)).unwrap();
            let refused = Err(KeyRingError::Selected);
            assert_eq!(tx.remove_key(&mki(3, 1)), refused, "{suite}");
            for plane in PLANES {
                let packet = send(&mut tx, plane, SSRC, 7);
                let plain = body(plane, SSRC, 7);
                let expected =
                    oracle::protect(&numbered(suite, 3, 1), None, plane, &plain, index_of(plane));
                assert_eq!(packet, expected, "{suite} {plane}");
            }
        }
    }
}

#[test]
fn the_first_key_of_a_builder_is_selected() {
    for suite in CryptoSuite::ALL {
        let builder = Sender::builder(numbered(suite, 9, 1)).add_key(numbered(suite, 1, 1));
        let mut tx = builder.build().unwrap();
        let packet = send(&mut tx, Plane::Rtp, SSRC, 7);
        let plain = body(Plane::Rtp, SSRC, 7);
        let expected = oracle::protect(&numbered(suite, 9, 1), None, Plane::Rtp, &plain, 7);
        assert_eq!(packet, expected, "{suite}");
    }
}

#[test]
fn the_mki_decides_which_key_a_packet_is_under_and_no_other_is_tried() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut tx = Sender::new(numbered(suite, 1, 4));
            let builder = Receiver::builder(numbered(suite, 1, 4));
            let mut rx = builder.add_key(numbered(suite, 2, 4)).build().unwrap();
            let packet = send(&mut tx, plane, SSRC, 9);
            // The tag stands behind the MKI, but for AEAD.
            let behind = match (suite.is_aead(), plane) {
                (true, _) => 0,
                (false, Plane::Rtp) => suite.rtp_tag_len(),
                (false, Plane::Rtcp) => suite.rtcp_tag_len(),
            };
            let last_of_mki = packet.len() - behind - 1;
            assert_eq!(packet[last_of_mki - 3..=last_of_mki], [0, 0, 0, 1]);
            let with_mki = |number: u8| {
                let mut packet = packet.clone();
                packet[last_of_mki] = number;
                packet
            };
            for number in [0, 3, 255] {
                let got = unprotect(&mut rx, plane, &with_mki(number));
                assert_eq!(got, Err(unknown_mki()), "{suite} {plane}");
            }
            // The key of its bytes is there, the MKI names the other one.
            let got = unprotect(&mut rx, plane, &with_mki(2));
            if suite.rtp_tag_len() > 0 {
                assert_eq!(got, Err(failed()), "{suite} {plane}");
                assert_eq!(packets(&usage_of_rx(&rx)), [(0, 0), (0, 0)], "{suite}");
                assert_eq!(unprotect(&mut rx, plane, &packet), Ok(body(plane, SSRC, 9)));
            } else {
                assert_ne!(
                    got,
                    Ok(body(plane, SSRC, 9)),
                    "deciphered with the other key"
                );
            }
        }
    }
}

// What does not go together.

#[test]
fn a_key_that_does_not_go_with_the_others_is_refused_and_nothing_changes() {
    for suite in CryptoSuite::ALL {
        let other_suite = CryptoSuite::ALL
            .into_iter()
            .find(|other| *other != suite)
            .unwrap();
        let refusals = |with_mki: bool| -> Vec<(MasterKey, KeyRingError)> {
            let wrong_length = |got| match with_mki {
                true => KeyRingError::MkiLength { expected: 2, got },
                false => KeyRingError::MkiMissing,
            };
            let mut refusals = vec![
                (
                    numbered(other_suite, 2, 2),
                    KeyRingError::Suite {
                        expected: suite,
                        got: other_suite,
                    },
                ),
                (key(suite, 2), KeyRingError::MkiMissing),
                (numbered(suite, 2, 1), wrong_length(1)),
                (numbered(suite, 2, 128), wrong_length(128)),
            ];
            if with_mki {
                refusals.push((numbered(suite, 1, 2), KeyRingError::DuplicateMki));
                let same_mki = key(suite, 2).with_mki(mki(1, 2));
                refusals.push((same_mki, KeyRingError::DuplicateMki));
                let same_key = key(suite, 1).with_mki(mki(2, 2));
                refusals.push((same_key, KeyRingError::KeyReused));
            } else {
                refusals.push((numbered(suite, 2, 2), wrong_length(2)));
            }
            refusals
        };
        for with_mki in [false, true] {
            let first = || match with_mki {
                true => numbered(suite, 1, 2),
                false => key(suite, 1),
            };
            let (mut tx, mut rx) = (Sender::new(first()), Receiver::new(first()));
            let mut twin = Sender::new(first());
            for (seq, (offered, error)) in refusals(with_mki).into_iter().enumerate() {
                let sender = Sender::builder(first())
                    .add_key(offered.secret_copy())
                    .build();
                assert_eq!(sender.unwrap_err(), BuildError::Key(error), "{suite}");
                let receiver = Receiver::builder(first())
                    .add_key(offered.secret_copy())
                    .build();
                assert_eq!(receiver.unwrap_err(), BuildError::Key(error), "{suite}");
                assert_eq!(tx.add_key(offered.secret_copy()), Err(error), "{suite}");
                assert_eq!(rx.add_key(offered), Err(error), "{suite}");
                assert_eq!((tx.keys().count(), rx.keys().count()), (1, 1));
                for plane in PLANES {
                    let packet = exchange(&mut tx, &mut rx, plane, SSRC, seq as u16);
                    assert_eq!(packet, send(&mut twin, plane, SSRC, seq as u16), "{suite}");
                }
            }
        }
    }
}

#[test]
fn a_context_holds_at_most_64_keys() {
    let most = 64;
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let mut tx = Sender::builder(numbered(suite, 0, 1));
    let mut rx = Receiver::builder(numbered(suite, 0, 1));
    for number in 1..64 {
        tx = tx.add_key(numbered(suite, number, 1));
        rx = rx.add_key(numbered(suite, number, 1));
    }
    let (mut tx, mut rx) = (tx.build().unwrap(), rx.build().unwrap());
    let full = Err(KeyRingError::TooManyKeys { most });
    assert_eq!(tx.add_key(numbered(suite, 64, 1)), full);
    assert_eq!(rx.add_key(numbered(suite, 64, 1)), full);
    assert_eq!((tx.keys().count(), rx.keys().count()), (most, most));
    tx.remove_key(&mki(5, 1)).unwrap();
    rx.remove_key(&mki(5, 1)).unwrap();
    assert_eq!(tx.add_key(numbered(suite, 64, 1)), Ok(()));
    assert_eq!(rx.add_key(numbered(suite, 64, 1)), Ok(()));
    tx.select_key(&mki(64, 1)).unwrap();
    exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 0);

    let mut builder = Sender::builder(numbered(suite, 0, 1));
    for number in 1..=64 {
        builder = builder.add_key(numbered(suite, number, 1));
    }
    let error = BuildError::Key(KeyRingError::TooManyKeys { most });
    assert_eq!(builder.build().unwrap_err(), error);
}

#[test]
fn an_unknown_mki_is_neither_selected_nor_removed_and_a_key_in_use_stays() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(numbered(suite, 1, 2));
        let mut rx = Receiver::new(numbered(suite, 1, 2));
        let unknown = Err(KeyRingError::UnknownMki);
        // Another number, and the same one in another length.
        for other in [mki(2, 2), mki(1, 1), mki(1, 3)] {
            assert_eq!(tx.select_key(&other), unknown, "{suite}");
            assert_eq!(tx.remove_key(&other), unknown, "{suite}");
            assert_eq!(rx.remove_key(&other), unknown, "{suite}");
        }
        let selected = Err(KeyRingError::Selected);
        assert_eq!(tx.remove_key(&mki(1, 2)), selected, "{suite}");
        let only = Err(KeyRingError::OnlyKey);
        assert_eq!(rx.remove_key(&mki(1, 2)), only, "{suite}");
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 0);

        tx.add_key(numbered(suite, 2, 2)).unwrap();
        rx.add_key(numbered(suite, 2, 2)).unwrap();
        assert_eq!(tx.remove_key(&mki(1, 2)), selected, "{suite}");
        assert_eq!(tx.keys().count(), 2);
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 1);
        tx.select_key(&mki(2, 2)).unwrap();
        assert_eq!(tx.select_key(&mki(3, 2)), unknown);
        tx.remove_key(&mki(1, 2)).unwrap();
        rx.remove_key(&mki(1, 2)).unwrap();
        assert_eq!(mkis_of(&rx), [mki(2, 2)]);
        assert_eq!(tx.select_key(&mki(1, 2)), unknown, "{suite}: it is gone");
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 2);
    }
    // A key without an MKI cannot be named.
    let (mut tx, mut rx) = pair(CryptoSuite::AeadAes256Gcm);
    assert_eq!(tx.remove_key(&mki(0, 1)), Err(KeyRingError::UnknownMki));
    assert_eq!(tx.select_key(&mki(0, 1)), Err(KeyRingError::UnknownMki));
    assert_eq!(rx.remove_key(&mki(0, 1)), Err(KeyRingError::UnknownMki));
}

// Re-keying.

#[test]
fn a_new_key_also_for_another_suite_resets_neither_counters_nor_windows() {
    for before in CryptoSuite::ALL {
        for after in CryptoSuite::ALL {
            for mki_len in [0, 3] {
                let new_key = || match mki_len {
                    0 => key(after, 2),
                    len => numbered(after, 2, len),
                };
                let (mut tx, mut rx) = pair(before);
                for seq in [65_534, 65_535, 0] {
                    exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, seq);
                    exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, seq);
                }
                let in_flight = PLANES.map(|plane| send(&mut tx, plane, SSRC, 1));
                tx.rekey(new_key()).unwrap();
                rx.rekey(new_key()).unwrap();
                assert_eq!((tx.suite(), rx.suite()), (after, after));
                assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (Some(1), Some(1)));
                assert_eq!(packets(&usage_of_tx(&tx)), [(0, 0)]);
                assert_eq!(tx.rtp_overhead(), after.rtp_tag_len() + mki_len);
                assert_eq!(tx.rtcp_overhead(), 4 + after.rtcp_tag_len() + mki_len);

                // The old key is gone.
                for (plane, packet) in PLANES.into_iter().zip(&in_flight) {
                    if after.rtp_tag_len() > 0 {
                        let got = unprotect(&mut rx, plane, packet);
                        assert!(got.is_err(), "{before} to {after} {plane}");
                    }
                }
                let (next, seen) = (
                    [(Plane::Rtp, TURN + 2), (Plane::Rtcp, 4)],
                    [(Plane::Rtp, TURN), (Plane::Rtcp, 2)],
                );
                for ((plane, index), (_, seen)) in next.into_iter().zip(seen) {
                    let packet = exchange(&mut tx, &mut rx, plane, SSRC, 2);
                    let plain = body(plane, SSRC, 2);
                    let expected = oracle::protect(&new_key(), None, plane, &plain, index);
                    assert_eq!(packet, expected, "{before} to {after} {plane}");
                    // What was accepted before counts as seen.
                    let plain = body(plane, SSRC, 0);
                    let packet = oracle::protect(&new_key(), None, plane, &plain, seen);
                    let (ssrc, index) = (SSRC, seen);
                    let replayed = Err(UnprotectError::Replayed { ssrc, index });
                    assert_eq!(
                        unprotect(&mut rx, plane, &packet),
                        replayed,
                        "{before} to {after}"
                    );
                }
                let (ssrc, index) = (SSRC, TURN);
                let got = protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 0));
                assert_eq!(got, Err(ProtectError::IndexReused { ssrc, index }));
            }
        }
    }
}

#[test]
fn a_new_key_replaces_all_keys_and_is_selected() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(numbered(suite, 1, 1));
        let mut rx = Receiver::new(numbered(suite, 1, 1));
        for number in [2, 3] {
            tx.add_key(numbered(suite, number, 1)).unwrap();
            rx.add_key(numbered(suite, number, 1)).unwrap();
        }
        tx.select_key(&mki(3, 1)).unwrap();
        tx.rekey(numbered(suite, 4, 1)).unwrap();
        rx.rekey(numbered(suite, 4, 1)).unwrap();
        assert_eq!((tx.keys().count(), mkis_of(&rx)), (1, vec![mki(4, 1)]));
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 0);
        assert_eq!(tx.select_key(&mki(3, 1)), Err(KeyRingError::UnknownMki));
        // Its MKI may have been in use, and its length may be another.
        let again = |number| key(suite, number).with_mki(mki(1, 7));
        tx.rekey(again(6)).unwrap();
        rx.rekey(again(6)).unwrap();
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 1);
        tx.add_key(numbered(suite, 5, 7)).unwrap();
        rx.add_key(numbered(suite, 5, 7)).unwrap();
        tx.select_key(&mki(5, 7)).unwrap();
        exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, 0);
    }
}

#[test]
fn options_hold_for_the_new_key_and_one_that_contradicts_them_changes_nothing() {
    type Options = (
        &'static str,
        fn(MasterKey) -> (Option<Sender>, Option<Receiver>),
    );
    let options: [Options; 5] = [
        ("unencrypted SRTP", |key| {
            let copy = key.secret_copy();
            (
                Sender::builder(key).unencrypted_srtp().build().ok(),
                Receiver::builder(copy).unencrypted_srtp().build().ok(),
            )
        }),
        ("unauthenticated SRTP", |key| {
            let copy = key.secret_copy();
            (
                Sender::builder(key).unauthenticated_srtp().build().ok(),
                Receiver::builder(copy).unauthenticated_srtp().build().ok(),
            )
        }),
        ("SRTCP tags of 4 bytes", |key| {
            let copy = key.secret_copy();
            let tag = SrtcpTag::Bytes4;
            (
                Sender::builder(key).srtcp_tag(tag).build().ok(),
                Receiver::builder(copy).srtcp_tag(tag).build().ok(),
            )
        }),
        ("SRTCP tags of 10 bytes", |key| {
            let copy = key.secret_copy();
            let tag = SrtcpTag::Bytes10;
            (
                Sender::builder(key).srtcp_tag(tag).build().ok(),
                Receiver::builder(copy).srtcp_tag(tag).build().ok(),
            )
        }),
        ("either SRTCP tag", |key| {
            let receiver = Receiver::builder(key).accept_either_srtcp_tag();
            (None, receiver.build().ok())
        }),
    ];
    let (mut agreed, mut refused) = (0, 0);
    for (name, build) in options {
        for before in CryptoSuite::ALL {
            for after in CryptoSuite::ALL {
                let (sender, receiver) = build(key(before, 1));
                let (sender_after, receiver_after) = build(key(after, 2));
                let Some(mut rx) = receiver else { continue };
                // "Either tag" is the receiver's affair: its peer has no options.
                let mut tx = sender.unwrap_or_else(|| Sender::new(key(before, 1)));
                for plane in PLANES {
                    exchange(&mut tx, &mut rx, plane, SSRC, 0);
                }
                let got = rx.rekey(key(after, 2));
                assert_eq!(
                    got.is_ok(),
                    receiver_after.is_some(),
                    "{name}: {before} to {after}"
                );
                if name == "either SRTCP tag" {
                    if got.is_ok() {
                        tx.rekey(key(after, 2)).unwrap();
                    }
                } else {
                    assert_eq!(tx.rekey(key(after, 2)), got, "{name}: {before} to {after}");
                    assert_eq!(sender_after.is_some(), receiver_after.is_some());
                }
                if got.is_ok() {
                    agreed += 1;
                    assert_eq!((tx.suite(), rx.suite()), (after, after));
                    assert_eq!(packets(&usage_of_rx(&rx)), [(0, 0)]);
                } else {
                    refused += 1;
                    assert_eq!((tx.suite(), rx.suite()), (before, before));
                    assert_eq!(packets(&usage_of_tx(&tx)), [(1, 1)]);
                    assert_eq!(packets(&usage_of_rx(&rx)), [(1, 1)]);
                }
                // Either way both sides understand each other: the options hold, or nothing changed.
                for plane in PLANES {
                    exchange(&mut tx, &mut rx, plane, SSRC, 1);
                }
                if let Some(mut fresh) = sender_after.filter(|_| got.is_ok()) {
                    let expected = send(&mut fresh, Plane::Rtp, SSRC, 2);
                    assert_eq!(send(&mut tx, Plane::Rtp, SSRC, 2), expected, "{name}");
                }
            }
        }
    }
    assert!(agreed > 300 && refused > 100, "{agreed} {refused}");
}

// Lifetimes.

/// Sends so many packets of each plane over two SSRCs; the plane with more of them last, since it may end the key.
fn use_up(tx: &mut Sender, mut rx: Option<&mut Receiver>, rtp: u16, rtcp: u16, from: u16) {
    let mut planes = [(Plane::Rtp, rtp), (Plane::Rtcp, rtcp)];
    planes.sort_by_key(|(_, count)| *count);
    for (plane, count) in planes {
        for seq in from..from + count {
            let ssrc = [SSRC, OTHER][usize::from(seq % 2)];
            let packet = send(tx, plane, ssrc, seq);
            if let Some(rx) = rx.as_deref_mut() {
                assert_eq!(unprotect(rx, plane, &packet), Ok(body(plane, ssrc, seq)));
            }
        }
    }
}

#[test]
fn a_sender_stays_below_a_key_s_lifetime_and_whichever_plane_ends_first_ends_both() {
    for suite in CryptoSuite::ALL {
        for packets_allowed in [2u64, 3, 10] {
            for ends_first in PLANES {
                let keyed = key(suite, 1).with_lifetime(lifetime(packets_allowed));
                let mut tx = Sender::new(keyed);
                let below = (packets_allowed - 1) as u16;
                let (rtp_packets, rtcp_packets) = match ends_first {
                    Plane::Rtp => (below, below.saturating_sub(1)),
                    Plane::Rtcp => (below.saturating_sub(1), below),
                };
                use_up(&mut tx, None, rtp_packets, rtcp_packets, 0);
                let used = usage_of_tx(&tx);
                assert_eq!(packets(&used), [(rtp_packets.into(), rtcp_packets.into())]);
                assert!(used[0].is_expired(), "{suite}");
                for plane in PLANES {
                    for ssrc in [SSRC, OTHER, 5] {
                        let before = body(plane, ssrc, 100);
                        let mut packet = before.clone();
                        let got = match plane {
                            Plane::Rtp => tx.protect_rtp_vec(&mut packet),
                            Plane::Rtcp => tx.protect_rtcp_vec(&mut packet),
                        };
                        assert_eq!(got, Err(ProtectError::KeyExpired), "{suite} {plane}");
                        assert_eq!(packet, before);
                    }
                }
                assert_eq!(usage_of_tx(&tx), used, "{suite}");
                assert!(!tx.ssrcs().any(|ssrc| ssrc == 5), "{suite}: no stream");
            }
        }
    }
}

#[test]
fn the_refusal_at_a_key_s_end_uses_no_index_up() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(key(suite, 1).with_lifetime(lifetime(3)));
        let mut rx = Receiver::new(key(suite, 1));
        use_up(&mut tx, Some(&mut rx), 2, 0, 10);
        for plane in PLANES {
            let got = protect(&mut tx, plane, &body(plane, SSRC, 500));
            assert_eq!(got, Err(ProtectError::KeyExpired), "{suite}");
        }
        tx.rekey(key(suite, 2)).unwrap();
        rx.rekey(key(suite, 2)).unwrap();
        let packet = exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 499);
        assert!(unprotect(&mut rx, Plane::Rtp, &packet).is_err());
        exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 500);
        let packet = send(&mut tx, Plane::Rtcp, SSRC, 0);
        assert_eq!(rx.verify_rtcp(&packet), Ok(0), "{suite}");
    }
}

#[test]
fn a_receiver_refuses_a_key_s_packets_beyond_its_lifetime_in_both_planes() {
    for suite in CryptoSuite::ALL {
        for ends_first in PLANES {
            // The sender knows of no lifetime.
            let (mut tx, _) = pair(suite);
            let mut rx = Receiver::new(key(suite, 1).with_lifetime(lifetime(6)));
            let (rtp_packets, rtcp_packets) = match ends_first {
                Plane::Rtp => (5, 4),
                Plane::Rtcp => (4, 5),
            };
            use_up(&mut tx, Some(&mut rx), rtp_packets, rtcp_packets, 0);
            let used = usage_of_rx(&rx);
            assert!(used[0].is_expired(), "{suite}");
            for plane in PLANES {
                for ssrc in [SSRC, OTHER, 5] {
                    let packet = send(&mut tx, plane, ssrc, 100);
                    let got = unprotect(&mut rx, plane, &packet);
                    assert_eq!(got, Err(UnprotectError::KeyExpired), "{suite} {plane}");
                }
            }
            assert_eq!(usage_of_rx(&rx), used, "{suite}");
            assert_eq!(rx.ssrcs().count(), 2, "{suite}");
        }
    }
}

#[test]
fn a_key_beside_one_that_ended_goes_on_in_both_directions() {
    for suite in CryptoSuite::ALL {
        let mortal = || numbered(suite, 1, 1).with_lifetime(lifetime(4));
        let (mut tx, mut rx) = (Sender::new(mortal()), Receiver::new(mortal()));
        use_up(&mut tx, Some(&mut rx), 3, 1, 0);
        assert!(protect(&mut tx, Plane::Rtcp, &body(Plane::Rtcp, SSRC, 0)).is_err());
        tx.add_key(numbered(suite, 2, 1)).unwrap();
        rx.add_key(numbered(suite, 2, 1)).unwrap();
        let got = protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 50));
        assert_eq!(
            got,
            Err(ProtectError::KeyExpired),
            "{suite}: still selected"
        );
        tx.select_key(&mki(2, 1)).unwrap();
        use_up(&mut tx, Some(&mut rx), 10, 10, 20);
        assert_eq!(packets(&usage_of_tx(&tx)), [(3, 1), (10, 10)], "{suite}");
        assert_eq!(packets(&usage_of_rx(&rx)), [(3, 1), (10, 10)], "{suite}");
        // A packet under the key that ended is refused as before.
        let mut peer = Sender::new(numbered(suite, 1, 1));
        let got = unprotect(&mut rx, Plane::Rtp, &send(&mut peer, Plane::Rtp, SSRC, 60));
        assert_eq!(got, Err(UnprotectError::KeyExpired), "{suite}");
        tx.select_key(&mki(1, 1)).unwrap();
        let got = protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 60));
        assert_eq!(got, Err(ProtectError::KeyExpired), "{suite}");
    }
}

#[test]
fn without_a_lifetime_the_suite_s_default_is_the_limit_and_with_one_it_is_one_packet_less() {
    for suite in CryptoSuite::ALL {
        let limits = |key: MasterKey| {
            let used = usage_of_tx(&Sender::new(key.secret_copy()))[0];
            assert_eq!(usage_of_rx(&Receiver::new(key))[0], used);
            assert_eq!((used.rtp_packets, used.rtcp_packets), (0, 0));
            assert_eq!(used.rtp_remaining(), used.rtp_limit);
            assert_eq!(used.rtcp_remaining(), used.rtcp_limit);
            (used.rtp_limit, used.rtcp_limit)
        };
        // RFC 4568 §6.2 and RFC 7714 §14.2, but RFC 6188 §4 for its suites.
        let rfc_6188 = ["AES_192", "AES_256"]
            .iter()
            .any(|aes| suite.name().starts_with(aes));
        let rtp_default = if rfc_6188 { 1 << 31 } else { 1 << 48 };
        assert_eq!(limits(key(suite, 1)), (rtp_default, 1 << 31), "{suite}");
        for (packets, expected) in [
            (2, (1, 1)),
            (1 << 20, ((1 << 20) - 1, (1 << 20) - 1)),
            (1 << 31, ((1 << 31) - 1, (1 << 31) - 1)),
            // Above: SRTCP has its own bound, 2^31.
            ((1 << 31) + 1, (1 << 31, 1 << 31)),
            (1 << 40, ((1 << 40) - 1, 1 << 31)),
            (1 << 48, ((1 << 48) - 1, 1 << 31)),
        ] {
            let keyed = key(suite, 1).with_lifetime(lifetime(packets));
            assert_eq!(limits(keyed), expected, "{suite} {packets}");
        }
    }
}

#[test]
fn a_key_s_figures_are_exact() {
    for suite in CryptoSuite::ALL {
        let keyed = || key(suite, 1).with_lifetime(lifetime(20));
        let (mut tx, mut rx) = (Sender::new(keyed()), Receiver::new(keyed()));
        let (mut rtp_sent, mut rtcp_sent) = (0, 0);
        for seq in 0..30 {
            let plane = PLANES[usize::from(seq % 3 == 2)];
            let ssrc = u32::from(seq % 4);
            if rtp_sent == 19 {
                break;
            }
            exchange(&mut tx, &mut rx, plane, ssrc, seq);
            match plane {
                Plane::Rtp => rtp_sent += 1,
                Plane::Rtcp => rtcp_sent += 1,
            }
            for used in [usage_of_tx(&tx)[0], usage_of_rx(&rx)[0]] {
                let counts = (used.rtp_packets, used.rtcp_packets);
                assert_eq!(counts, (rtp_sent, rtcp_sent), "{suite}");
                assert_eq!((used.rtp_limit, used.rtcp_limit), (19, 19));
                let remaining = (used.rtp_remaining(), used.rtcp_remaining());
                assert_eq!(remaining, (19 - rtp_sent, 19 - rtcp_sent));
                assert_eq!(used.is_expired(), rtp_sent == 19);
                let least = 19 - rtp_sent.max(rtcp_sent);
                assert!(used.is_near_limit(least));
                assert!(least == 0 || !used.is_near_limit(least - 1), "{suite}");
            }
        }
        assert_eq!((rtp_sent, rtcp_sent), (19, 9));
    }
}

#[test]
fn a_packet_that_is_refused_counts_towards_no_key() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            let packet = exchange(&mut tx, &mut rx, plane, SSRC, 7);
            let report = exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, 7);
            let (tx_used, rx_used) = (usage_of_tx(&tx), usage_of_rx(&rx));

            let mut small = body(plane, SSRC, 8);
            let len = small.len();
            let no_room = match plane {
                Plane::Rtp => tx.protect_rtp(&mut small, len + 1).map(|_| ()),
                Plane::Rtcp => tx.protect_rtcp(&mut small, len + 1).map(|_| ()),
            };
            assert!(no_room.is_err());
            assert!(protect(&mut tx, plane, &[0x80; 7]).is_err());
            let used_before = protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 7));
            assert_eq!(used_before.is_err(), plane == Plane::Rtp);
            if plane == Plane::Rtp {
                assert_eq!(usage_of_tx(&tx), tx_used, "{suite} {plane}");
            }

            let next = send(&mut tx, plane, SSRC, 9);
            assert!(unprotect(&mut rx, plane, &packet).is_err(), "a replay");
            assert!(
                unprotect(&mut rx, Plane::Rtcp, &report).is_err(),
                "a replay"
            );
            assert!(unprotect(&mut rx, plane, &next[..7]).is_err());
            if suite.rtp_tag_len() > 0 {
                assert!(unprotect(&mut rx, plane, &forged(plane, &next)).is_err());
            }
            let mut too_small = [0; 12];
            let no_room = match plane {
                Plane::Rtp => rx.unprotect_rtp_into(&next, &mut too_small).map(|_| ()),
                Plane::Rtcp => rx.unprotect_rtcp_into(&next, &mut too_small).map(|_| ()),
            };
            assert!(no_room.is_err());
            assert_eq!(usage_of_rx(&rx), rx_used, "{suite} {plane}");
        }
    }
}

#[test]
fn a_packet_that_is_verified_or_protected_into_a_buffer_counts_like_any_other() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for seq in 0..3 {
            let mut out = [0; 200];
            let (plain, report) = (rtp(SSRC, seq, &[1; 9]), rtcp(SSRC, &[1; 8]));
            let packet = tx.protect_rtp_into(&plain, &mut out).unwrap().to_vec();
            rx.verify_rtp(&packet).unwrap();
            let packet = tx.protect_rtcp_into(&report, &mut out).unwrap().to_vec();
            rx.unprotect_rtcp_into(&packet, &mut out).unwrap();
        }
        assert_eq!(packets(&usage_of_tx(&tx)), [(3, 3)], "{suite}");
        assert_eq!(packets(&usage_of_rx(&rx)), [(3, 3)], "{suite}");
    }
}

#[test]
fn needs_rekey_speaks_up_so_many_packets_before_the_end_in_either_plane() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let keyed = || key(suite, 1).with_lifetime(lifetime(11));
            let mut tx = Sender::builder(keyed()).rekey_threshold(4).build().unwrap();
            let mut rx = Receiver::builder(keyed())
                .rekey_threshold(4)
                .build()
                .unwrap();
            for sent in 1..=10 {
                exchange(&mut tx, &mut rx, plane, SSRC, sent);
                let due = 10 - sent <= 4;
                assert_eq!(
                    (tx.needs_rekey(), rx.needs_rekey()),
                    (due, due),
                    "{suite} {sent}"
                );
            }
            tx.rekey(key(suite, 2)).unwrap();
            rx.rekey(key(suite, 2)).unwrap();
            assert_eq!((tx.needs_rekey(), rx.needs_rekey()), (false, false));
        }
    }
}

#[test]
fn needs_rekey_looks_at_the_selected_key_of_a_sender_and_at_all_keys_of_a_receiver() {
    for suite in CryptoSuite::ALL {
        let short = |number| numbered(suite, number, 1).with_lifetime(lifetime(2));
        let builder = Sender::builder(short(1)).rekey_threshold(1);
        let mut tx = builder.build().unwrap();
        let builder = Receiver::builder(short(1)).rekey_threshold(1);
        let mut rx = builder.build().unwrap();
        assert_eq!((tx.needs_rekey(), rx.needs_rekey()), (true, true));
        tx.add_key(numbered(suite, 2, 1)).unwrap();
        rx.add_key(numbered(suite, 2, 1)).unwrap();
        assert_eq!(
            (tx.needs_rekey(), rx.needs_rekey()),
            (true, false),
            "{suite}"
        );
        tx.select_key(&mki(2, 1)).unwrap();
        assert!(!tx.needs_rekey(), "{suite}");
        rx.remove_key(&mki(2, 1)).unwrap();
        assert!(rx.needs_rekey(), "{suite}");
    }
}

#[test]
fn by_default_needs_rekey_speaks_up_65536_packets_before_the_end() {
    for suite in CryptoSuite::ALL {
        // Its limit is one packet less.
        let keyed = || key(suite, 1).with_lifetime(lifetime(65_536 + 2));
        let (mut tx, mut rx) = (Sender::new(keyed()), Receiver::new(keyed()));
        assert_eq!((tx.needs_rekey(), rx.needs_rekey()), (false, false));
        exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, 0);
        assert_eq!(
            (tx.needs_rekey(), rx.needs_rekey()),
            (true, true),
            "{suite}"
        );
    }
}

// Key derivation rates.

/// Every rate there is.
fn rates() -> impl Iterator<Item = KeyDerivationRate> {
    let exponents = (1..=24).map(|n| KeyDerivationRate::from_exponent(n).unwrap());
    [KeyDerivationRate::EVERY_PACKET]
        .into_iter()
        .chain(exponents)
}

/// Every rate for one suite of each kind of cipher, for the others the least, the greatest, and those around a roll-over.
fn rates_of(suite: CryptoSuite) -> impl Iterator<Item = KeyDerivationRate> {
    let all = matches!(
        suite,
        CryptoSuite::AesCm128HmacSha1_80
            | CryptoSuite::F8_128HmacSha1_32
            | CryptoSuite::AeadAes256Gcm
    );
    rates().filter(move |rate| all || [0, 1, 15, 16, 17, 24].contains(&rate.exponent()))
}

fn pair_with(suite: CryptoSuite, rate: KeyDerivationRate) -> (Sender, Receiver) {
    (
        Sender::builder(key(suite, 1))
            .key_derivation_rate(rate)
            .build()
            .unwrap(),
        Receiver::builder(key(suite, 1))
            .key_derivation_rate(rate)
            .build()
            .unwrap(),
    )
}

#[test]
fn exponents_1_to_24_are_rates_and_no_others() {
    for exponent in 0..=u8::MAX {
        let rate = KeyDerivationRate::from_exponent(exponent);
        let expected = (1..=24).contains(&exponent).then_some(u32::from(exponent));
        assert_eq!(rate.map(KeyDerivationRate::exponent), expected);
    }
    assert_eq!(KeyDerivationRate::EVERY_PACKET.exponent(), 0);
}

#[test]
fn srtp_session_keys_change_exactly_at_multiples_of_the_rate() {
    for suite in CryptoSuite::ALL {
        for rate in rates_of(suite) {
            let epoch = 1 << rate.exponent();
            let last = PacketIndex::MAX.value();
            for edge in [epoch, 3 * epoch, last + 1 - epoch, last] {
                let (mut tx, mut rx) = pair_with(suite, rate);
                for index in [edge - 1, edge] {
                    let at = PacketIndex::new((index >> 16) as u32, index as u16);
                    tx.set_roc(SSRC, at.roc()).unwrap();
                    rx.set_roc(SSRC, at.roc()).unwrap();
                    let plain = body(Plane::Rtp, SSRC, at.seq());
                    let packet = exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, at.seq());
                    let expected =
                        |rate| oracle::protect(&key(suite, 1), rate, Plane::Rtp, &plain, index);
                    let what = format!("{suite} 2^{} {index}", rate.exponent());
                    assert_eq!(packet, expected(Some(rate.exponent())), "{what}");
                    assert_eq!(packet == expected(None), index < epoch, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_sender_s_srtcp_session_keys_change_exactly_at_multiples_of_the_rate() {
    for suite in CryptoSuite::ALL {
        for rate in rates().take_while(|rate| rate.exponent() <= 5) {
            let epoch = 1 << rate.exponent();
            let (mut tx, mut rx) = pair_with(suite, rate);
            for index in 0..4 * epoch {
                let plain = body(Plane::Rtcp, SSRC, 0);
                let packet = exchange(&mut tx, &mut rx, Plane::Rtcp, SSRC, 0);
                let expected =
                    |rate| oracle::protect(&key(suite, 1), rate, Plane::Rtcp, &plain, index);
                let what = format!("{suite} 2^{} {index}", rate.exponent());
                assert_eq!(packet, expected(Some(rate.exponent())), "{what}");
                assert_eq!(packet == expected(None), index < epoch, "{what}");
            }
        }
    }
}

#[test]
fn a_receiver_s_srtcp_session_keys_change_exactly_at_multiples_of_the_rate() {
    for suite in CryptoSuite::ALL {
        for rate in rates_of(suite) {
            let epoch = 1 << rate.exponent();
            let last = (1 << 31) - 1;
            let edges = [epoch, 2 * epoch, 5 * epoch, last + 1 - epoch];
            let (_, mut rx) = pair_with(suite, rate);
            for index in edges
                .into_iter()
                .flat_map(|edge| [edge - 1, edge])
                .chain([last])
            {
                // Without authentication, no long way at once.
                rx.restart_rtcp(SSRC);
                let plain = body(Plane::Rtcp, SSRC, 0);
                let expected =
                    |rate| oracle::protect(&key(suite, 1), rate, Plane::Rtcp, &plain, index);
                let what = format!("{suite} 2^{} {index}", rate.exponent());
                let unchanged = unprotect(&mut rx, Plane::Rtcp, &expected(None));
                assert_eq!(unchanged == Ok(plain.clone()), index < epoch, "{what}");
                rx.restart_rtcp(SSRC);
                let got = unprotect(&mut rx, Plane::Rtcp, &expected(Some(rate.exponent())));
                assert_eq!(got, Ok(plain.clone()), "{what}");
            }
        }
    }
}

#[test]
fn packets_reordered_across_the_edges_of_epochs_arrive_for_several_ssrcs_at_once() {
    for suite in CryptoSuite::ALL {
        for rate in rates().take(3) {
            let (mut tx, mut rx) = pair_with(suite, rate);
            let ssrcs = [1, 2, 3];
            for burst in 0..2 {
                let mut packets = Vec::new();
                for place in 0..24 {
                    for ssrc in ssrcs {
                        // Each stream is somewhere else; each burst reaches the sender reordered, too.
                        let seq = 1000 * ssrc as u16 + 24 * burst + (place * 7) % 24;
                        for plane in PLANES {
                            let packet = send(&mut tx, plane, ssrc, seq);
                            packets.push((plane, body(plane, ssrc, seq), packet));
                        }
                    }
                }
                let count = packets.len();
                for at in 0..count {
                    let (plane, plain, packet) = &packets[(at * 61 + 5) % count];
                    let got = unprotect(&mut rx, *plane, packet);
                    assert_eq!(got.as_ref(), Ok(plain), "{suite} 2^{}", rate.exponent());
                    let again = unprotect(&mut rx, *plane, packet);
                    assert!(matches!(again, Err(UnprotectError::Replayed { .. })));
                }
            }
        }
    }
}

#[test]
fn forged_packets_of_any_epoch_leave_the_genuine_ones_acceptable() {
    for suite in authenticated() {
        for rate in rates().take(4) {
            let (mut tx, mut rx) = pair_with(suite, rate);
            for seq in 0..20 {
                for plane in PLANES {
                    let packet = send(&mut tx, plane, SSRC, seq);
                    // The number of a packet to come stands in the header, or in the word of E bit and index.
                    let low_byte = match (plane, suite.is_aead()) {
                        (Plane::Rtp, _) => 3,
                        (Plane::Rtcp, true) => packet.len() - 1,
                        (Plane::Rtcp, false) => packet.len() - suite.rtcp_tag_len() - 1,
                    };
                    for ahead in [1, 3, 9, 27, 120] {
                        let mut forgery = packet.clone();
                        forgery[low_byte] += ahead;
                        let got = unprotect(&mut rx, plane, &forgery);
                        assert_eq!(got, Err(failed()), "{suite} {plane}");
                    }
                    let got = unprotect(&mut rx, plane, &packet);
                    assert_eq!(got, Ok(body(plane, SSRC, seq)), "{suite} {plane}");
                }
            }
        }
    }
}

#[test]
fn sides_with_different_rates_part_in_the_first_epoch_after_0() {
    let rate = |n| KeyDerivationRate::from_exponent(n);
    for suite in CryptoSuite::ALL {
        for (ours, theirs) in [
            (Some(4), None),
            (None, Some(4)),
            (Some(4), Some(5)),
            (Some(5), Some(4)),
        ] {
            for plane in PLANES {
                let mut tx = Sender::builder(key(suite, 1));
                if let Some(rate) = ours.and_then(rate) {
                    tx = tx.key_derivation_rate(rate);
                }
                let mut rx = Receiver::builder(key(suite, 1));
                if let Some(rate) = theirs.and_then(rate) {
                    rx = rx.key_derivation_rate(rate);
                }
                let (mut tx, mut rx) = (tx.build().unwrap(), rx.build().unwrap());
                for seq in 0..80 {
                    let packet = send(&mut tx, plane, SSRC, seq);
                    let got = unprotect(&mut rx, plane, &packet);
                    if seq < 16 {
                        assert_eq!(got, Ok(body(plane, SSRC, seq)), "{suite} {plane} {seq}");
                    } else if suite.rtp_tag_len() > 0 {
                        assert_eq!(got, Err(failed()), "{suite} {plane} {seq}");
                    } else {
                        assert_ne!(got, Ok(body(plane, SSRC, seq)), "{suite} {plane} {seq}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_rate_holds_for_keys_that_come_later() {
    let rate = KeyDerivationRate::from_exponent(2).unwrap();
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let new = || numbered(suite, 2, 1);
            let builder = Sender::builder(numbered(suite, 1, 1));
            let mut tx = builder.key_derivation_rate(rate).build().unwrap();
            for seq in 0..9 {
                send(&mut tx, plane, SSRC, seq);
            }
            tx.add_key(new()).unwrap();
            tx.select_key(&mki(2, 1)).unwrap();
            let packet = send(&mut tx, plane, SSRC, 9);
            let expected = oracle::protect(&new(), Some(2), plane, &body(plane, SSRC, 9), 9);
            assert_eq!(packet, expected, "{suite} {plane}");
            tx.rekey(key(CryptoSuite::AeadAes256Gcm, 3)).unwrap();
            let packet = send(&mut tx, plane, SSRC, 10);
            let new = key(CryptoSuite::AeadAes256Gcm, 3);
            let expected = oracle::protect(&new, Some(2), plane, &body(plane, SSRC, 10), 10);
            assert_eq!(packet, expected, "{suite} {plane}");
        }
    }
}

#[test]
fn a_late_joiner_under_a_rate_finds_the_epoch_from_the_rollover_counter() {
    for suite in authenticated() {
        for rate in rates_of(suite) {
            let (mut tx, _) = pair_with(suite, rate);
            tx.set_roc(SSRC, 0x0102_0304).unwrap();
            let builder = Receiver::builder(key(suite, 1)).key_derivation_rate(rate);
            let mut rx = builder
                .search_roc()
                .initial_roc(0x0102_0303)
                .build()
                .unwrap();
            let packet = exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 40_000);
            assert!(unprotect(&mut rx, Plane::Rtp, &packet).is_err());
            exchange(&mut tx, &mut rx, Plane::Rtp, SSRC, 40_001);
        }
    }
}
