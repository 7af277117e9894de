//! What was seen is refused: the receiver's window, streams that restart, are removed or do not fit,
//! and the sender's rule that no index is used twice (RFC 3711 §3.3.2, §9.1).

mod common;

use std::num::NonZeroUsize;

use common::{PLANES, bytes, forged, key, oracle, pair, plain, protect, rtp, unprotect};
use srtp_sdes::{
    CryptoSuite, MasterKey, Mki, PacketIndex, Plane, ProtectError, Receiver, ReplayWindowSize,
    RocError, Sender, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const OTHER: u32 = 0x8765_4321;

/// Every size that the claims are made for; the default comes as 1024.
const SIZES: [u16; 5] = [64, 65, 1000, 1024, 32_768];

/// Packets of one stream and plane, by index. RTCP can only go up.
struct Source {
    tx: Sender,
    plane: Plane,
    next: u64,
}

impl Source {
    fn new(suite: CryptoSuite, plane: Plane) -> Self {
        let (tx, _) = pair(suite);
        Self { tx, plane, next: 0 }
    }

    fn protect(&mut self, seq: u16) -> Vec<u8> {
        send(&mut self.tx, self.plane, SSRC, seq)
    }

    fn at(&mut self, index: u64) -> Vec<u8> {
        // A sender's sequence numbers advance by less than 2^15.
        let stride = match self.plane {
            Plane::Rtp => 15_000,
            Plane::Rtcp => 1,
        };
        while self.next + stride <= index {
            self.protect(self.next as u16);
            self.next += stride;
        }
        let packet = self.protect(index as u16);
        self.next = self.next.max(index + 1);
        packet
    }
}

fn send(tx: &mut Sender, plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    protect(tx, plane, &plain(plane, ssrc, seq, &bytes(20))).unwrap()
}

/// The index under which the receiver takes `packet`.
fn verify(rx: &mut Receiver, plane: Plane, packet: &[u8]) -> Result<u64, UnprotectError> {
    match plane {
        Plane::Rtp => rx.verify_rtp(packet).map(PacketIndex::value),
        Plane::Rtcp => rx.verify_rtcp(packet).map(u64::from),
    }
}

fn receiver(suite: CryptoSuite, window: u16) -> Receiver {
    Receiver::builder(key(suite, 1))
        .replay_window(ReplayWindowSize::new(window).unwrap())
        .build()
        .unwrap()
}

fn counts_far(suite: CryptoSuite) -> bool {
    matches!(
        suite,
        CryptoSuite::AesCm128HmacSha1_80 | CryptoSuite::AeadAes128Gcm
    )
}

fn replayed(index: u64) -> UnprotectError {
    UnprotectError::Replayed { ssrc: SSRC, index }
}

fn too_old(highest: u64) -> UnprotectError {
    UnprotectError::TooOld {
        ssrc: SSRC,
        highest,
    }
}

fn at_most(streams: usize) -> NonZeroUsize {
    NonZeroUsize::new(streams).unwrap()
}

fn key_with_mki(suite: CryptoSuite, seed: u8) -> MasterKey {
    key(suite, seed).with_mki(mki(seed))
}

fn mki(seed: u8) -> Mki {
    Mki::new(&[seed]).unwrap()
}

// The receiver's window.

#[test]
fn a_packet_is_accepted_once_whether_it_is_unprotected_or_only_verified() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            for index in 0..100 {
                let body = plain(plane, SSRC, index as u16, &bytes(20));
                let packet = protect(&mut tx, plane, &body).unwrap();
                if index % 2 == 0 {
                    assert_eq!(unprotect(&mut rx, plane, &packet).unwrap(), body);
                } else {
                    assert_eq!(verify(&mut rx, plane, &packet), Ok(index));
                }
                for _ in 0..2 {
                    let again = unprotect(&mut rx, plane, &packet);
                    assert_eq!(again, Err(replayed(index)), "{suite} {plane} {index}");
                    assert_eq!(verify(&mut rx, plane, &packet), Err(replayed(index)));
                }
            }
        }
    }
}

#[test]
fn the_window_remembers_exactly_as_many_indices_as_it_is_told_and_1024_by_default() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut source = Source::new(suite, plane);
            let [first, second, third] = [0, 1, 2].map(|index| source.at(index));
            let check = |mut rx: Receiver, highest: u64, packet: &[u8]| {
                let what = format!("{suite} {plane} {highest}");
                assert_eq!(verify(&mut rx, plane, packet), Ok(highest), "{what}");
                let expected = Err(too_old(highest));
                assert_eq!(verify(&mut rx, plane, &first), expected, "{what}");
                assert_eq!(verify(&mut rx, plane, &second), Ok(1), "{what}");
                assert_eq!(verify(&mut rx, plane, &second), Err(replayed(1)), "{what}");
                assert_eq!(verify(&mut rx, plane, &third), Ok(2), "{what}");
                let expected = Err(replayed(highest));
                assert_eq!(verify(&mut rx, plane, packet), expected, "{what}");
            };
            for size in SIZES {
                // To count 32768 SRTCP packets takes its time: once for each kind of transform.
                if (plane, size) == (Plane::Rtcp, 32_768) && !counts_far(suite) {
                    continue;
                }
                let packet = source.at(u64::from(size));
                if size == 1024 {
                    check(Receiver::new(key(suite, 1)), size.into(), &packet);
                }
                check(receiver(suite, size), size.into(), &packet);
            }
        }
    }
}

#[test]
fn every_index_of_the_window_is_accepted_once_in_any_order_and_across_a_roll_over() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    for plane in PLANES {
        for size in SIZES {
            let size = u64::from(size);
            // SRTP: half of the window lies before the roll-over, half behind.
            let base = match plane {
                Plane::Rtp => 65_536 - size / 2,
                Plane::Rtcp => 3,
            };
            let mut source = Source::new(suite, plane);
            let packets: Vec<_> = (0..size).map(|n| source.at(base + n)).collect();
            let mut rx = Receiver::builder(key(suite, 1))
                .replay_window(ReplayWindowSize::new(size as u16).unwrap())
                .initial_roc(if plane == Plane::Rtp { 1 } else { 0 })
                .build()
                .unwrap();
            // The highest one first, then all in strides that share no factor with the size.
            let stride = if size % 7 == 0 { 11 } else { 7 };
            let order = (0..size).map(|n| (size - 1 + n * stride) % size);
            for again in [false, true] {
                for n in order.clone() {
                    let expected = if again {
                        Err(replayed(base + n))
                    } else {
                        Ok(base + n)
                    };
                    let packet = &packets[usize::try_from(n).unwrap()];
                    let got = verify(&mut rx, plane, packet);
                    assert_eq!(got, expected, "{plane} window {size}");
                }
            }
        }
    }
}

#[test]
fn the_window_moves_with_the_highest_index_and_forgets_what_falls_behind() {
    for size in [64, 65, 1000, 1024] {
        for plane in PLANES {
            let suite = CryptoSuite::NullHmacSha1_80;
            let mut source = Source::new(suite, plane);
            let packets: Vec<_> = (0..3000).map(|index| source.at(index)).collect();
            let mut rx = receiver(suite, size);
            // Every third packet arrives, and at each the state of all the others is known.
            for highest in (0..3000).step_by(3) {
                assert_eq!(
                    verify(&mut rx, plane, &packets[highest]),
                    Ok(highest as u64)
                );
                let oldest = (highest + 1).saturating_sub(size.into());
                for index in [oldest, oldest + 1, oldest + 2] {
                    if index % 3 == 0 {
                        let got = verify(&mut rx, plane, &packets[index]);
                        assert_eq!(got, Err(replayed(index as u64)), "{plane} window {size}");
                    }
                }
                if let Some(behind) = oldest.checked_sub(1) {
                    let got = verify(&mut rx, plane, &packets[behind]);
                    assert_eq!(got, Err(too_old(highest as u64)), "{plane} window {size}");
                }
            }
        }
    }
}

#[test]
fn indices_that_were_not_seen_are_accepted_wherever_the_window_has_moved_to() {
    for size in [64, 65, 1000, 1024] {
        for plane in PLANES {
            let suite = CryptoSuite::NullHmacSha1_80;
            let mut source = Source::new(suite, plane);
            let mut rx = receiver(suite, size);
            // Everything arrives for longer than any storage of the window reaches, then nothing but one far ahead.
            for index in 0..2500 {
                assert_eq!(verify(&mut rx, plane, &source.at(index)), Ok(index));
            }
            let missing: Vec<_> = (2500..2500 + u64::from(size))
                .map(|index| (index, source.at(index)))
                .collect();
            for (index, packet) in missing.iter().rev() {
                let got = verify(&mut rx, plane, packet);
                assert_eq!(got, Ok(*index), "{plane} window {size}");
            }
        }
    }
}

#[test]
fn rtp_and_rtcp_have_windows_of_their_own_and_so_has_every_ssrc() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let kinds = [
            (Plane::Rtp, SSRC),
            (Plane::Rtp, OTHER),
            (Plane::Rtcp, SSRC),
            (Plane::Rtcp, OTHER),
        ];
        let early = kinds.map(|(plane, ssrc)| send(&mut tx, plane, ssrc, 0));
        for (at, (plane, ssrc)) in kinds.into_iter().enumerate() {
            // Far beyond the window in one of the four, before the ones after it begin.
            let late = match plane {
                Plane::Rtp => send(&mut tx, plane, ssrc, 1100),
                Plane::Rtcp => (0..1100)
                    .map(|_| send(&mut tx, plane, ssrc, 0))
                    .last()
                    .unwrap(),
            };
            let highest = 1100;
            assert_eq!(verify(&mut rx, plane, &late), Ok(highest), "{suite}");
            let refused = verify(&mut rx, plane, &early[at]);
            let expected = UnprotectError::TooOld { ssrc, highest };
            assert_eq!(refused, Err(expected), "{suite}");
            let mut alone = Receiver::new(key(suite, 1));
            assert_eq!(verify(&mut alone, plane, &late), Ok(highest), "{suite}");
            for (other, (plane, _)) in kinds.into_iter().enumerate() {
                let fresh = verify(&mut alone, plane, &early[other]).is_ok();
                assert_eq!(fresh, other != at, "{suite} {plane}");
            }
        }
    }
}

#[test]
fn a_forged_packet_moves_no_window() {
    for suite in CryptoSuite::ALL {
        if suite.rtp_tag_len() == 0 {
            continue; // Nothing vouches for its packets.
        }
        for plane in PLANES {
            let mut source = Source::new(suite, plane);
            let early = source.at(1);
            let late = source.at(1500);
            let mut rx = Receiver::new(key(suite, 1));
            assert_eq!(verify(&mut rx, plane, &early), Ok(1));
            let refused = unprotect(&mut rx, plane, &forged(plane, &late));
            assert_eq!(
                refused,
                Err(UnprotectError::AuthenticationFailed { ssrc: SSRC })
            );
            assert_eq!(verify(&mut rx, plane, &early), Err(replayed(1)), "{suite}");
            assert_eq!(verify(&mut rx, plane, &late), Ok(1500), "{suite}");
        }
    }
}

#[test]
fn srtcp_begins_at_index_0_or_1_and_a_receiver_takes_both() {
    for suite in CryptoSuite::ALL {
        for first in [0, 1] {
            let mut tx = match first {
                0 => Sender::new(key(suite, 1)),
                _ => Sender::builder(key(suite, 1))
                    .first_srtcp_index_1()
                    .build()
                    .unwrap(),
            };
            let mut rx = Receiver::new(key(suite, 1));
            for index in first..first + 5 {
                let packet = send(&mut tx, Plane::Rtcp, SSRC, 0);
                assert_eq!(rx.verify_rtcp(&packet), Ok(index), "{suite}");
                let again = unprotect(&mut rx, Plane::Rtcp, &packet);
                assert_eq!(again, Err(replayed(index.into())), "{suite}");
            }
        }
    }
}

#[test]
fn index_0_is_accepted_behind_a_higher_one_and_refused_the_second_time() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut source = Source::new(suite, plane);
            let [zero, one] = [source.at(0), source.at(1)];
            let mut rx = Receiver::new(key(suite, 1));
            assert_eq!(verify(&mut rx, plane, &one), Ok(1));
            assert_eq!(verify(&mut rx, plane, &zero), Ok(0), "{suite} {plane}");
            assert_eq!(verify(&mut rx, plane, &zero), Err(replayed(0)));
        }
    }
}

#[test]
fn the_last_srtcp_index_is_accepted_and_the_index_does_not_begin_again_behind_it() {
    let last = (1 << 31) - 1;
    for suite in CryptoSuite::ALL {
        let report = plain(Plane::Rtcp, SSRC, 0, &bytes(20));
        let at = |index| oracle::protect(&key(suite, 1), None, Plane::Rtcp, &report, index);
        let mut rx = Receiver::new(key(suite, 1));
        for index in [last - 10, last, last - 1] {
            let got = unprotect(&mut rx, Plane::Rtcp, &at(index));
            assert_eq!(got.as_ref(), Ok(&report), "{suite}");
            let again = verify(&mut rx, Plane::Rtcp, &at(index));
            assert_eq!(again, Err(replayed(index)), "{suite}");
        }
        for index in [0, 1, 1000] {
            let got = verify(&mut rx, Plane::Rtcp, &at(index));
            assert_eq!(got, Err(too_old(last)), "{suite}");
        }
    }
}

#[test]
fn a_sequence_number_before_index_0_is_too_old_and_moves_nothing() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let before = send(&mut Sender::new(key(suite, 1)), Plane::Rtp, SSRC, 65_000);
        let packets: Vec<_> = (100..103)
            .map(|seq| send(&mut tx, Plane::Rtp, SSRC, seq))
            .collect();
        assert_eq!(verify(&mut rx, Plane::Rtp, &packets[0]), Ok(100));
        let refused = unprotect(&mut rx, Plane::Rtp, &before);
        assert_eq!(refused, Err(too_old(100)), "{suite}");
        assert_eq!(rx.roc(SSRC), Some(0));
        assert_eq!(verify(&mut rx, Plane::Rtp, &packets[1]), Ok(101), "{suite}");
        assert_eq!(verify(&mut rx, Plane::Rtp, &packets[2]), Ok(102), "{suite}");
    }
}

// A peer that restarts.

#[test]
fn a_peer_that_restarts_its_numbers_gives_a_run_of_too_old_until_the_stream_is_restarted() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut source = Source::new(suite, plane);
            let (old, last) = (source.at(1199), source.at(1200));
            let mut rx = Receiver::new(key(suite, 1));
            assert_eq!(verify(&mut rx, plane, &old), Ok(1199));
            assert_eq!(verify(&mut rx, plane, &last), Ok(1200));

            let mut restarted = Source::new(suite, plane);
            for index in 0..100 {
                let packet = restarted.at(index);
                assert_eq!(
                    unprotect(&mut rx, plane, &packet),
                    Err(too_old(1200)),
                    "{suite}"
                );
            }
            match plane {
                Plane::Rtp => rx.restart_rtp(SSRC, 0).unwrap(),
                Plane::Rtcp => assert!(rx.restart_rtcp(SSRC)),
            }
            for index in 100..200 {
                let packet = restarted.at(index);
                assert_eq!(verify(&mut rx, plane, &packet), Ok(index), "{suite}");
                assert_eq!(verify(&mut rx, plane, &packet), Err(replayed(index)));
            }
            // What it gives up: a packet of before is accepted again. The docs say so.
            assert_eq!(verify(&mut rx, plane, &last), Ok(1200), "{suite} {plane}");
        }
    }
}

#[test]
fn a_restart_gives_up_replay_protection_in_one_plane_of_one_ssrc_and_nothing_else() {
    for suite in CryptoSuite::ALL {
        for restarted in PLANES {
            let (mut tx, mut rx) = pair(suite);
            let kinds = PLANES.map(|plane| [(plane, SSRC), (plane, OTHER)]);
            let sent: Vec<_> = kinds
                .into_iter()
                .flatten()
                .map(|(plane, ssrc)| (plane, ssrc, send(&mut tx, plane, ssrc, 9)))
                .collect();
            for (plane, _, packet) in &sent {
                unprotect(&mut rx, *plane, packet).unwrap();
            }
            let usage = |rx: &Receiver| rx.keys().map(|(_, usage)| usage).collect::<Vec<_>>();
            let (used, counted) = (usage(&rx), rx.statistics());
            match restarted {
                Plane::Rtp => rx.restart_rtp(SSRC, 0).unwrap(),
                Plane::Rtcp => assert!(rx.restart_rtcp(SSRC)),
            }
            assert_eq!(usage(&rx), used, "the key's age stays");
            assert_eq!(rx.statistics(), counted, "the counts stay");
            assert_eq!(rx.ssrcs().collect::<Vec<_>>(), [SSRC, OTHER]);
            for (plane, ssrc, packet) in &sent {
                let again = unprotect(&mut rx, *plane, packet);
                assert_eq!(
                    again.is_ok(),
                    (*plane, *ssrc) == (restarted, SSRC),
                    "{suite}"
                );
            }
        }
    }
}

#[test]
fn a_restarted_stream_begins_at_the_rollover_counter_that_was_given() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for packet in [9, 10].map(|seq| send(&mut tx, Plane::Rtp, SSRC, seq)) {
            unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
        }
        rx.restart_rtp(SSRC, 7).unwrap();
        assert_eq!(rx.roc(SSRC), Some(7));
        let mut peer = Sender::builder(key(suite, 1))
            .initial_roc(7)
            .build()
            .unwrap();
        let packet = send(&mut peer, Plane::Rtp, SSRC, 3);
        if suite.rtp_tag_len() > 0 {
            assert!(unprotect(&mut rx, Plane::Rtp, &forged(Plane::Rtp, &packet)).is_err());
            assert_eq!(rx.roc(SSRC), Some(7), "a forgery does not use it up");
        }
        let index = PacketIndex::new(7, 3);
        assert_eq!(rx.verify_rtp(&packet), Ok(index), "{suite}");
        // Back, which `set_roc` refuses, works too.
        let refused = RocError::Backwards { ssrc: SSRC, roc: 7 };
        assert_eq!(rx.set_roc(SSRC, 0), Err(refused));
        rx.restart_rtp(SSRC, 0).unwrap();
        let packet = send(&mut Sender::new(key(suite, 1)), Plane::Rtp, SSRC, 3);
        assert_eq!(rx.verify_rtp(&packet), Ok(PacketIndex::new(0, 3)));
    }
}

#[test]
fn restarting_an_unknown_ssrc_makes_a_stream_in_rtp_within_the_cap_and_none_in_rtcp() {
    let suite = CryptoSuite::AeadAes128Gcm;
    let mut rx = Receiver::builder(key(suite, 1))
        .most_streams(at_most(1))
        .build()
        .unwrap();
    assert!(!rx.restart_rtcp(SSRC));
    assert_eq!(rx.ssrcs().count(), 0);
    rx.restart_rtp(SSRC, 4).unwrap();
    assert_eq!((rx.roc(SSRC), rx.ssrcs().count()), (Some(4), 1));
    let full = RocError::TooManyStreams {
        ssrc: OTHER,
        most: 1,
    };
    assert_eq!(rx.restart_rtp(OTHER, 4), Err(full));
    assert_eq!((rx.roc(OTHER), rx.ssrcs().count()), (None, 1));
}

// Streams that were removed.

#[test]
fn what_a_removed_stream_sent_stays_refused_and_it_may_come_back_ahead_of_it() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut source = Source::new(suite, plane);
            let packets: Vec<_> = (0..300).map(|index| source.at(index)).collect();
            let mut rx = Receiver::new(key(suite, 1));
            // 249 and below, with gaps.
            for index in [0, 3, 100, 200, 249] {
                verify(&mut rx, plane, &packets[index]).unwrap();
            }
            assert!(!rx.remove_stream(OTHER));
            assert!(rx.remove_stream(SSRC));
            assert!(!rx.remove_stream(SSRC), "it is not there any more");
            assert_eq!(rx.ssrcs().count(), 0);

            for packet in &packets[..250] {
                assert_eq!(
                    unprotect(&mut rx, plane, packet),
                    Err(too_old(249)),
                    "{suite} {plane}"
                );
            }
            assert_eq!(
                rx.ssrcs().count(),
                0,
                "a refused packet brings nothing back"
            );
            if suite.rtp_tag_len() > 0 {
                let refused = unprotect(&mut rx, plane, &forged(plane, &packets[270]));
                assert!(refused.is_err() && rx.ssrcs().count() == 0, "{suite}");
            }
            assert_eq!(verify(&mut rx, plane, &packets[270]), Ok(270), "{suite}");
            assert!(rx.ssrcs().any(|ssrc| ssrc == SSRC), "it is back");
            for (index, packet) in packets.iter().enumerate() {
                let fresh = verify(&mut rx, plane, packet).is_ok();
                assert_eq!(
                    fresh,
                    index > 249 && index != 270,
                    "{suite} {plane} {index}"
                );
            }
        }
    }
}

#[test]
fn a_stream_removed_after_a_roll_over_comes_back_at_its_rollover_counter() {
    for suite in CryptoSuite::ALL {
        let builder = || Sender::builder(key(suite, 1)).initial_roc(3);
        let (mut tx, mut rx) = (
            builder().build().unwrap(),
            Receiver::builder(key(suite, 1))
                .initial_roc(3)
                .build()
                .unwrap(),
        );
        for seq in [65_535, 0, 1] {
            let packet = send(&mut tx, Plane::Rtp, SSRC, seq);
            rx.verify_rtp(&packet).unwrap();
        }
        assert!(tx.remove_stream(SSRC) && rx.remove_stream(SSRC));
        let packet = send(&mut tx, Plane::Rtp, SSRC, 2);
        let index = PacketIndex::new(4, 2);
        assert_eq!(rx.verify_rtp(&packet), Ok(index), "{suite}");
    }
}

#[test]
fn a_removed_stream_of_a_sender_never_uses_an_index_again() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for seq in [10, 120, 200] {
            verify(&mut rx, Plane::Rtp, &send(&mut tx, Plane::Rtp, SSRC, seq)).unwrap();
        }
        for index in 0..3 {
            let packet = send(&mut tx, Plane::Rtcp, SSRC, 0);
            assert_eq!(rx.verify_rtcp(&packet), Ok(index));
        }
        assert!(!tx.remove_stream(OTHER));
        assert!(tx.remove_stream(SSRC));
        assert!(!tx.remove_stream(SSRC), "it is not there any more");
        assert_eq!(tx.ssrcs().count(), 0);

        for seq in 0..=200 {
            let refused = protect(&mut tx, Plane::Rtp, &rtp(SSRC, seq, &bytes(20)));
            let too_old = ProtectError::IndexTooOld { ssrc: SSRC, seq };
            assert_eq!(refused, Err(too_old), "{suite}");
        }
        assert_eq!(
            tx.ssrcs().count(),
            0,
            "a refused packet brings nothing back"
        );
        let packet = send(&mut tx, Plane::Rtcp, SSRC, 0);
        assert_eq!(rx.verify_rtcp(&packet), Ok(3), "{suite}: SRTCP goes on");
        let packet = send(&mut tx, Plane::Rtp, SSRC, 205);
        assert_eq!(verify(&mut rx, Plane::Rtp, &packet), Ok(205), "{suite}");
        assert_eq!(tx.ssrcs().collect::<Vec<_>>(), [SSRC]);
        let packet = send(&mut tx, Plane::Rtp, SSRC, 202);
        assert_eq!(verify(&mut rx, Plane::Rtp, &packet), Ok(202), "{suite}");
        for seq in 0..=200 {
            assert!(protect(&mut tx, Plane::Rtp, &rtp(SSRC, seq, &bytes(20))).is_err());
        }
    }
}

#[test]
fn a_removed_stream_is_back_when_it_is_given_a_rollover_counter_or_restarted() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut told) = pair(suite);
        let mut restarted = Receiver::new(key(suite, 1));
        for plane in PLANES {
            let packet = send(&mut tx, plane, SSRC, 5);
            for rx in [&mut told, &mut restarted] {
                unprotect(rx, plane, &packet).unwrap();
            }
        }
        assert!(tx.remove_stream(SSRC));
        for rx in [&mut told, &mut restarted] {
            assert!(rx.remove_stream(SSRC));
            assert!(!rx.restart_rtcp(SSRC), "{suite}: there is none");
        }
        tx.set_roc(SSRC, 7).unwrap();
        told.set_roc(SSRC, 7).unwrap();
        restarted.restart_rtp(SSRC, 7).unwrap();
        // It lives: what was set outlasts the keys, and it can be removed.
        tx.rekey(key(suite, 2)).unwrap();
        let packet = send(&mut tx, Plane::Rtp, SSRC, 2);
        for mut rx in [told, restarted] {
            assert_eq!(rx.ssrcs().collect::<Vec<_>>(), [SSRC], "{suite}");
            rx.rekey(key(suite, 2)).unwrap();
            assert_eq!(rx.roc(SSRC), Some(7), "{suite}");
            let index = PacketIndex::new(7, 2);
            assert_eq!(rx.verify_rtp(&packet), Ok(index), "{suite}");
            assert!(rx.remove_stream(SSRC), "{suite}");
        }
    }
}

#[test]
fn a_stream_without_history_leaves_nothing_behind_when_it_is_removed() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let mut tx = Sender::builder(key(suite, 1))
        .most_streams(at_most(1))
        .build()
        .unwrap();
    let mut rx = Receiver::builder(key(suite, 1))
        .most_streams(at_most(1))
        .build()
        .unwrap();
    tx.set_roc(SSRC, 4).unwrap();
    rx.set_roc(SSRC, 4).unwrap();
    assert!(tx.remove_stream(SSRC) && rx.remove_stream(SSRC));
    assert_eq!((tx.roc(SSRC), rx.roc(SSRC)), (None, None));
    let packet = send(&mut tx, Plane::Rtp, OTHER, 0);
    assert_eq!(rx.verify_rtp(&packet), Ok(PacketIndex::new(0, 0)));
}

#[test]
fn removed_streams_count_towards_the_cap_until_the_keys_of_that_time_are_gone() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::builder(key_with_mki(suite, 1))
            .most_streams(at_most(2))
            .build()
            .unwrap();
        let mut rx = Receiver::builder(key_with_mki(suite, 1))
            .most_streams(at_most(2))
            .build()
            .unwrap();
        let refused = |tx: &mut Sender, rx: &mut Receiver, new: u32, seed: u8| {
            let (ssrc, most) = (new, 2);
            let got = protect(tx, Plane::Rtp, &rtp(new, 0, &bytes(20)));
            assert_eq!(got, Err(ProtectError::TooManyStreams { ssrc, most }));
            // What another sender of the same key makes of it.
            let mut peer = Sender::new(key_with_mki(suite, seed));
            let got = unprotect(rx, Plane::Rtp, &send(&mut peer, Plane::Rtp, new, 0));
            assert_eq!(got, Err(UnprotectError::TooManyStreams { ssrc, most }));
        };
        let forwarded = |tx: &mut Sender, rx: &mut Receiver, ssrc: u32, seq: u16| {
            let packet = send(tx, Plane::Rtp, ssrc, seq);
            assert_eq!(rx.verify_rtp(&packet), Ok(PacketIndex::new(0, seq)));
        };
        for ssrc in [1, 2] {
            forwarded(&mut tx, &mut rx, ssrc, 50);
        }
        assert!(tx.remove_stream(1) && rx.remove_stream(1));
        refused(&mut tx, &mut rx, 3, 1);

        // Key 2 comes beside key 1: the record is of key 1's time.
        tx.add_key(key_with_mki(suite, 2)).unwrap();
        rx.add_key(key_with_mki(suite, 2)).unwrap();
        tx.select_key(&mki(2)).unwrap();
        refused(&mut tx, &mut rx, 3, 2);
        // Stream 2 goes while both keys are there: its record is of both keys' time.
        assert!(tx.remove_stream(2) && rx.remove_stream(2));

        tx.remove_key(&mki(1)).unwrap();
        rx.remove_key(&mki(1)).unwrap();
        assert_eq!((tx.roc(1), rx.roc(1)), (None, None), "{suite}: forgotten");
        assert_eq!((tx.roc(2), rx.roc(2)), (Some(0), Some(0)), "{suite}: kept");
        forwarded(&mut tx, &mut rx, 1, 0);
        refused(&mut tx, &mut rx, 3, 2);
        let old = ProtectError::IndexTooOld { ssrc: 2, seq: 50 };
        let got = protect(&mut tx, Plane::Rtp, &rtp(2, 50, &bytes(20)));
        assert_eq!(got, Err(old));

        // A new key in place of all: nothing removed is on record any more, what lives goes on.
        tx.rekey(key_with_mki(suite, 3)).unwrap();
        rx.rekey(key_with_mki(suite, 3)).unwrap();
        forwarded(&mut tx, &mut rx, 3, 0);
        let reused = ProtectError::IndexReused { ssrc: 1, index: 0 };
        let got = protect(&mut tx, Plane::Rtp, &rtp(1, 0, &bytes(20)));
        assert_eq!(got, Err(reused), "{suite}: a live stream goes on");
    }
}

#[test]
fn a_stream_that_came_back_is_no_longer_removed_when_the_keys_change() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            verify(&mut rx, plane, &send(&mut tx, plane, SSRC, 5)).unwrap();
            assert!(tx.remove_stream(SSRC) && rx.remove_stream(SSRC));
            let back = send(&mut tx, plane, SSRC, 6);
            verify(&mut rx, plane, &back).unwrap();
            tx.rekey(key(suite, 2)).unwrap();
            rx.rekey(key(suite, 2)).unwrap();
            assert_eq!(tx.ssrcs().collect::<Vec<_>>(), [SSRC]);
            assert_eq!(rx.ssrcs().collect::<Vec<_>>(), [SSRC]);
            let next = send(&mut tx, plane, SSRC, 7);
            let index = if plane == Plane::Rtp { 7 } else { 2 };
            assert_eq!(verify(&mut rx, plane, &next), Ok(index), "{suite} {plane}");
        }
    }
}

// The cap.

#[test]
fn a_stream_beyond_the_cap_is_refused_and_changes_nothing() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let tx = || {
                let builder = Sender::builder(key(suite, 1)).most_streams(at_most(2));
                builder.build().unwrap()
            };
            let (mut tx, mut twin) = (tx(), tx());
            let mut rx = Receiver::builder(key(suite, 1))
                .most_streams(at_most(2))
                .build()
                .unwrap();
            for ssrc in [1, 2] {
                let packet = send(&mut tx, plane, ssrc, 0);
                assert_eq!(packet, send(&mut twin, plane, ssrc, 0));
                verify(&mut rx, plane, &packet).unwrap();
            }
            let usage = |rx: &Receiver| rx.keys().map(|(_, usage)| usage).collect::<Vec<_>>();
            let used = usage(&rx);
            let mut peer = Sender::new(key(suite, 1));
            for ssrc in [3, 0, u32::MAX] {
                let most = 2;
                for plane in PLANES {
                    let got = protect(&mut tx, plane, &plain(plane, ssrc, 0, &bytes(20)));
                    assert_eq!(got, Err(ProtectError::TooManyStreams { ssrc, most }));
                    let packet = send(&mut peer, plane, ssrc, 0);
                    let got = unprotect(&mut rx, plane, &packet);
                    assert_eq!(got, Err(UnprotectError::TooManyStreams { ssrc, most }));
                    if suite.rtp_tag_len() > 0 {
                        // Whether there is room is not told to everybody.
                        let got = unprotect(&mut rx, plane, &forged(plane, &packet));
                        assert_eq!(got, Err(UnprotectError::AuthenticationFailed { ssrc }));
                    }
                }
                let full = RocError::TooManyStreams { ssrc, most };
                assert_eq!(tx.set_roc(ssrc, 1), Err(full));
                assert_eq!(rx.set_roc(ssrc, 1), Err(full));
                assert_eq!(rx.restart_rtp(ssrc, 1), Err(full));
                assert_eq!((tx.roc(ssrc), rx.roc(ssrc)), (None, None));
            }
            assert_eq!(tx.ssrcs().collect::<Vec<_>>(), [1, 2]);
            assert_eq!(rx.ssrcs().collect::<Vec<_>>(), [1, 2]);
            assert_eq!(usage(&rx), used, "{suite}");
            assert!(tx.keys().eq(twin.keys()), "{suite}");
            for ssrc in [1, 2] {
                let packet = send(&mut tx, plane, ssrc, 1);
                assert_eq!(packet, send(&mut twin, plane, ssrc, 1), "{suite}");
                assert_eq!(verify(&mut rx, plane, &packet), Ok(1), "{suite}");
            }
        }
    }
}

#[test]
fn the_default_cap_is_1024_streams() {
    let suite = CryptoSuite::NullHmacSha1_80;
    let (mut tx, mut rx) = pair(suite);
    let mut peer = Sender::builder(key(suite, 1))
        .most_streams(at_most(2000))
        .build()
        .unwrap();
    for ssrc in 0..1024 {
        let packet = send(&mut tx, Plane::Rtp, ssrc, 0);
        rx.verify_rtp(&packet).unwrap();
    }
    let (ssrc, most) = (1024, 1024);
    let got = protect(&mut tx, Plane::Rtp, &rtp(ssrc, 0, &bytes(20)));
    assert_eq!(got, Err(ProtectError::TooManyStreams { ssrc, most }));
    let packet = send(&mut peer, Plane::Rtp, ssrc, 0);
    let got = rx.verify_rtp(&packet);
    assert_eq!(got, Err(UnprotectError::TooManyStreams { ssrc, most }));
}

// The sender: no index twice.

#[test]
fn a_sender_refuses_an_index_that_it_used_and_goes_on_as_if_nothing_had_happened() {
    for suite in CryptoSuite::ALL {
        let (mut tx, _) = pair(suite);
        let (mut twin, mut rx) = pair(suite);
        for seq in 100..120 {
            let packet = send(&mut tx, Plane::Rtp, SSRC, seq);
            assert_eq!(packet, send(&mut twin, Plane::Rtp, SSRC, seq));
            rx.verify_rtp(&packet).unwrap();
            // The very same bytes, and others.
            for len in [20, 21] {
                let before = rtp(SSRC, seq, &bytes(len));
                let mut packet = before.clone();
                let refused = tx.protect_rtp_vec(&mut packet);
                let (ssrc, index) = (SSRC, seq.into());
                assert_eq!(
                    refused,
                    Err(ProtectError::IndexReused { ssrc, index }),
                    "{suite}"
                );
                assert_eq!(packet, before);
            }
        }
        assert!(tx.keys().eq(twin.keys()), "{suite}");
    }
}

#[test]
fn a_sender_takes_reordered_indices_that_it_has_not_used_as_far_back_as_its_window() {
    for suite in CryptoSuite::ALL {
        for size in SIZES.into_iter().filter(|size| *size < 32_768) {
            let builder = Sender::builder(key(suite, 1));
            // 1024 is the default.
            let mut tx = match size {
                1024 => builder.build().unwrap(),
                _ => builder
                    .replay_window(ReplayWindowSize::new(size).unwrap())
                    .build()
                    .unwrap(),
            };
            let mut rx = receiver(suite, 32_768);
            let first = 3000;
            let highest = first + size;
            for (seq, allowed) in [
                (highest, true),
                (first + 1, true),
                (first + 2, true),
                (first, false),
                (first - 1, false),
                (highest - 1, true),
            ] {
                let body = rtp(SSRC, seq, &bytes(20));
                match protect(&mut tx, Plane::Rtp, &body) {
                    Ok(packet) => {
                        assert!(allowed, "{suite} window {size} {seq}");
                        assert_eq!(unprotect(&mut rx, Plane::Rtp, &packet), Ok(body));
                    }
                    Err(error) => {
                        assert!(!allowed, "{suite} window {size} {seq}");
                        let too_old = ProtectError::IndexTooOld { ssrc: SSRC, seq };
                        assert_eq!(error, too_old, "{suite}");
                    }
                }
            }
            for seq in [first + 1, first + 2, highest - 1, highest] {
                let (ssrc, index) = (SSRC, seq.into());
                assert_eq!(
                    protect(&mut tx, Plane::Rtp, &rtp(SSRC, seq, &bytes(20))),
                    Err(ProtectError::IndexReused { ssrc, index }),
                    "{suite} window {size}"
                );
            }
        }
    }
}

#[test]
fn the_greatest_window_lets_a_sender_reach_back_32767_indices() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::builder(key(suite, 1))
            .replay_window(ReplayWindowSize::new(32_768).unwrap())
            .build()
            .unwrap();
        let mut rx = receiver(suite, 32_768);
        for seq in [40_000, 40_000 - 32_767] {
            let packet = send(&mut tx, Plane::Rtp, SSRC, seq);
            assert_eq!(verify(&mut rx, Plane::Rtp, &packet), Ok(seq.into()));
        }
        let (ssrc, index) = (SSRC, 40_000 - 32_767);
        let got = protect(&mut tx, Plane::Rtp, &rtp(SSRC, 40_000 - 32_767, &[]));
        assert_eq!(got, Err(ProtectError::IndexReused { ssrc, index }));
    }
}

#[test]
fn with_the_opt_out_a_retransmission_gives_the_same_bytes_while_it_is_in_the_window() {
    for suite in CryptoSuite::ALL {
        let builder = Sender::builder(key(suite, 1)).allow_identical_retransmission();
        let mut tx = builder.build().unwrap();
        let mut plain_tx = Sender::new(key(suite, 1));
        let mut sent = Vec::new();
        for seq in [65_000, 65_535, 0, 1, 488] {
            let body = rtp(SSRC, seq, &bytes(33));
            let packet = protect(&mut tx, Plane::Rtp, &body).unwrap();
            let expected = protect(&mut plain_tx, Plane::Rtp, &body).unwrap();
            assert_eq!(packet, expected, "{suite}: the option changes no packet");
            sent.push((body, packet));
        }
        // 488 of ROC 1 is 1024 indices on from 65000 of ROC 0.
        let (oldest, rest) = sent.split_first().unwrap();
        for _ in 0..2 {
            for (body, packet) in rest.iter().rev() {
                assert_eq!(
                    protect(&mut tx, Plane::Rtp, body).as_ref(),
                    Ok(packet),
                    "{suite}"
                );
            }
            let (ssrc, seq) = (SSRC, 65_000);
            let got = protect(&mut tx, Plane::Rtp, &oldest.0);
            assert_eq!(got, Err(ProtectError::IndexTooOld { ssrc, seq }), "{suite}");
        }
        // Nothing moved meanwhile.
        let body = rtp(SSRC, 489, &bytes(33));
        assert_eq!(
            protect(&mut tx, Plane::Rtp, &body),
            protect(&mut plain_tx, Plane::Rtp, &body)
        );
        let used: Vec<_> = tx.keys().map(|(_, usage)| usage.rtp_packets).collect();
        assert_eq!(used, [6 + 8], "each retransmission counts");
    }
}

#[test]
fn with_the_opt_out_srtcp_still_takes_a_new_index_for_every_packet() {
    for suite in CryptoSuite::ALL {
        let builder = Sender::builder(key(suite, 1)).allow_identical_retransmission();
        let mut tx = builder.build().unwrap();
        let mut rx = Receiver::new(key(suite, 1));
        for index in 0..10 {
            let packet = send(&mut tx, Plane::Rtcp, SSRC, 0);
            assert_eq!(rx.verify_rtcp(&packet), Ok(index), "{suite}");
        }
    }
}

#[test]
fn sequence_numbers_0_65535_1_leave_a_sender_at_rollover_counter_0() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let first = send(&mut tx, Plane::Rtp, SSRC, 0);
        assert_eq!(verify(&mut rx, Plane::Rtp, &first), Ok(0));
        let (ssrc, seq) = (SSRC, 65_535);
        let got = protect(&mut tx, Plane::Rtp, &rtp(SSRC, seq, &bytes(20)));
        assert_eq!(got, Err(ProtectError::IndexTooOld { ssrc, seq }), "{suite}");
        assert_eq!(tx.roc(SSRC), Some(0));
        let second = send(&mut tx, Plane::Rtp, SSRC, 1);
        assert_eq!(tx.roc(SSRC), Some(0));
        assert_eq!(verify(&mut rx, Plane::Rtp, &second), Ok(1), "{suite}");
    }
}
