//! A re-key without losing packets: old and new keys side by side, in one plane and the other, whatever the peer does with its rollover counter.

mod common;

use std::num::NonZeroUsize;

use common::{PLANES, bytes, forged, key, oracle, plain, protect, unprotect};
use srtp_sdes::{
    BuildError, CryptoSuite, KeyDerivationRate, KeyRingError, Lifetime, MasterKey, Mki, Overlap,
    Plane, Receiver, ReplayWindowSize, RocAfterRekey, Sender, SrtcpTag, UnprotectError,
};

use RocAfterRekey::{Kept, KeptOrZero, ZeroOrKept};

const SSRC: u32 = 0xcafe_0001;
/// Rollover counter 5, or an SRTCP index as far on.
const FAR: u64 = 5 << 16;
const REUSED: Result<(), BuildError> = Err(BuildError::Key(KeyRingError::KeyReused));

/// A packet under a key, at an index.
fn sealed_for(ssrc: u32, key: &MasterKey, plane: Plane, index: u64) -> Vec<u8> {
    let plain = plain(plane, ssrc, index as u16, &bytes(20));
    oracle::protect(key, None, plane, &plain, index)
}

fn sealed(key: &MasterKey, plane: Plane, index: u64) -> Vec<u8> {
    sealed_for(SSRC, key, plane, index)
}

fn with_mki(suite: CryptoSuite, seed: u8) -> MasterKey {
    key(suite, seed).with_mki(Mki::new(&[seed]).unwrap())
}

fn is_authenticated(suite: CryptoSuite, plane: Plane) -> bool {
    match plane {
        Plane::Rtp => suite.rtp_tag_len() != 0,
        Plane::Rtcp => suite.rtcp_tag_len() != 0,
    }
}

/// The suites and planes whose packets have a tag.
fn authenticated() -> impl Iterator<Item = (CryptoSuite, Plane)> {
    let both = |suite: CryptoSuite| PLANES.map(|plane| (suite, plane));
    let all = CryptoSuite::ALL.into_iter().flat_map(both);
    all.filter(|(suite, plane)| is_authenticated(*suite, *plane))
}

/// A receiver that knows the stream under key 1, as far as `index`.
fn at(suite: CryptoSuite, plane: Plane, index: u64) -> Receiver {
    let mut rx = Receiver::new(key(suite, 1));
    rx.set_roc(SSRC, (index >> 16) as u32).unwrap();
    unprotect(&mut rx, plane, &sealed(&key(suite, 1), plane, index)).unwrap();
    rx
}

fn rekey(rx: &mut Receiver, next: MasterKey, roc: RocAfterRekey, overlap: Overlap) {
    rx.rekey_with(Receiver::builder(next), roc, overlap)
        .unwrap();
}

/// What comes of the packet under the key with this seed at `index`.
fn take(rx: &mut Receiver, seed: u8, plane: Plane, index: u64) -> Result<Vec<u8>, UnprotectError> {
    let suite = rx.suite();
    unprotect(rx, plane, &sealed(&key(suite, seed), plane, index))
}

#[track_caller]
fn accepts(rx: &mut Receiver, seed: u8, plane: Plane, index: u64) {
    let what = format!("{} {plane:?}: key {seed}, index {index:#x}", rx.suite());
    let expected = plain(plane, SSRC, index as u16, &bytes(20));
    assert_eq!(take(rx, seed, plane, index), Ok(expected), "{what}");
}

#[track_caller]
fn refuses(rx: &mut Receiver, seed: u8, plane: Plane, index: u64) -> UnprotectError {
    let what = format!("{} {plane:?}: key {seed}, index {index:#x}", rx.suite());
    take(rx, seed, plane, index).expect_err(&what)
}

#[test]
fn old_and_new_packets_are_accepted_in_turn_until_the_caller_ends_it() {
    for (suite, plane) in authenticated() {
        for roc in [Kept, KeptOrZero, ZeroOrKept] {
            let mut rx = at(suite, plane, FAR + 100);
            assert!(!rx.has_overlap());
            rekey(&mut rx, key(suite, 2), roc, Overlap::UntilEnded);
            assert!(rx.has_overlap());
            for n in (101..121).step_by(4) {
                accepts(&mut rx, 1, plane, FAR + n);
                accepts(&mut rx, 2, plane, FAR + n + 2);
                accepts(&mut rx, 1, plane, FAR + n + 1);
                accepts(&mut rx, 2, plane, FAR + n + 3);
            }
            rx.end_overlap();
            assert!(!rx.has_overlap());
            refuses(&mut rx, 1, plane, FAR + 201);
            accepts(&mut rx, 2, plane, FAR + 202);
        }
    }
}

#[test]
fn so_many_packets_under_the_new_keys_end_it_in_either_plane_and_no_others_do() {
    for suite in CryptoSuite::ALL.into_iter().filter(|s| s.rtp_tag_len() > 0) {
        let mut rx = at(suite, Plane::Rtp, 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::Packets(4));
        for n in 0..2 {
            for plane in PLANES {
                assert!(rx.has_overlap(), "{suite}");
                accepts(&mut rx, 1, plane, 200 + 2 * n);
                accepts(&mut rx, 2, plane, 201 + 2 * n);
                refuses(&mut rx, 2, plane, 201 + 2 * n);
                let forged = forged(plane, &sealed(&key(suite, 2), plane, 300));
                unprotect(&mut rx, plane, &forged).unwrap_err();
            }
        }
        assert!(!rx.has_overlap(), "{suite}");
        refuses(&mut rx, 1, Plane::Rtp, 210);
        accepts(&mut rx, 2, Plane::Rtp, 211);
    }
}

#[test]
fn by_default_256_packets_end_it() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let mut rx = at(suite, Plane::Rtp, 100);
    rekey(&mut rx, key(suite, 2), Kept, Overlap::default());
    for n in 0..256 {
        assert!(rx.has_overlap(), "after {n}");
        accepts(&mut rx, 2, Plane::Rtp, 101 + n);
    }
    assert!(!rx.has_overlap());
}

#[test]
fn without_an_overlap_the_old_keys_are_gone_at_once_and_the_peer_may_still_begin_anew() {
    for (suite, plane) in authenticated() {
        for overlap in [Overlap::None, Overlap::Packets(0)] {
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), KeptOrZero, overlap);
            assert!(!rx.has_overlap());
            refuses(&mut rx, 1, plane, FAR + 101);
            accepts(&mut rx, 2, plane, 7);
            refuses(&mut rx, 2, plane, 7);
            accepts(&mut rx, 2, plane, 8);
        }
    }
}

#[test]
fn where_the_counter_is_kept_both_generations_share_the_windows() {
    for (suite, plane) in authenticated() {
        // An SRTCP index does not tell: with `ZeroOrKept` it is one of a stream that begins anew.
        let also = (plane == Plane::Rtp).then_some(ZeroOrKept);
        for roc in [Kept, KeptOrZero].into_iter().chain(also) {
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), roc, Overlap::UntilEnded);
            accepts(&mut rx, 2, plane, FAR + 105);
            accepts(&mut rx, 1, plane, FAR + 103);
            refuses(&mut rx, 2, plane, FAR + 103);
            refuses(&mut rx, 1, plane, FAR + 105);
            accepts(&mut rx, 2, plane, FAR + 2000);
            refuses(&mut rx, 1, plane, FAR + 2000 - 1024);
            accepts(&mut rx, 1, plane, FAR + 2001 - 1024);
            assert_eq!(rx.roc(SSRC), Some(5), "{suite}");
        }
    }
}

#[test]
fn where_the_peer_begins_anew_each_generation_has_windows_of_its_own() {
    for (suite, plane) in authenticated() {
        for roc in [KeptOrZero, ZeroOrKept] {
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), roc, Overlap::UntilEnded);
            for index in [50_000, 50_001, 49_999, 70_000, 69_000] {
                accepts(&mut rx, 2, plane, index);
                refuses(&mut rx, 2, plane, index);
            }
            for index in [FAR + 90, FAR + 101, FAR + 99, FAR + 2000, FAR + 1000] {
                accepts(&mut rx, 1, plane, index);
                refuses(&mut rx, 1, plane, index);
            }
            refuses(&mut rx, 1, plane, FAR + 100);
            refuses(&mut rx, 1, plane, 50_002);
            if plane == Plane::Rtp {
                assert_eq!(rx.roc(SSRC), Some(1), "{suite}");
            }
        }
    }
}

#[test]
fn a_stream_begins_anew_once_and_only_where_it_may() {
    for (suite, plane) in authenticated() {
        let mut rx = at(suite, plane, FAR + 100);
        rekey(&mut rx, key(suite, 2), Kept, Overlap::UntilEnded);
        refuses(&mut rx, 2, plane, 7);

        let mut rx = at(suite, plane, FAR + 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        refuses(&mut rx, 1, plane, 7);
        accepts(&mut rx, 2, plane, FAR + 5000);
        refuses(&mut rx, 2, plane, 7);

        let mut rx = at(suite, plane, FAR + 100);
        rekey(&mut rx, key(suite, 2), ZeroOrKept, Overlap::UntilEnded);
        accepts(&mut rx, 2, plane, 5000);
        refuses(&mut rx, 2, plane, 7);
    }
}

#[test]
fn an_index_that_fits_both_goes_on_or_begins_anew_as_the_caller_says() {
    for (suite, plane) in authenticated() {
        for (roc, is_shared) in [(KeptOrZero, true), (ZeroOrKept, false)] {
            let mut rx = at(suite, plane, 100);
            rekey(&mut rx, key(suite, 2), roc, Overlap::UntilEnded);
            accepts(&mut rx, 2, plane, 110);
            let old = take(&mut rx, 1, plane, 110);
            assert_eq!(old.is_err(), is_shared, "{suite} {plane:?} {roc:?}");
        }
    }
}

#[test]
fn a_late_packet_under_a_new_key_shows_nothing_unless_it_is_at_another_counter() {
    for (suite, plane) in authenticated() {
        // It has filled a gap of the windows of before; then the peer turns out to have begun anew.
        let mut rx = at(suite, plane, 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        accepts(&mut rx, 2, plane, 98);
        accepts(&mut rx, 2, plane, 99);
        accepts(&mut rx, 2, plane, 100);
        accepts(&mut rx, 1, plane, 101);
        for index in [98, 99, 100] {
            refuses(&mut rx, 2, plane, index);
        }
        accepts(&mut rx, 2, plane, 101);
    }
    for suite in CryptoSuite::ALL.into_iter().filter(|s| s.rtp_tag_len() > 0) {
        let mut rx = at(suite, Plane::Rtp, FAR + 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        accepts(&mut rx, 2, Plane::Rtp, FAR + 90);
        refuses(&mut rx, 2, Plane::Rtp, 300);
        rx.set_roc(SSRC, 6).unwrap();
        accepts(&mut rx, 2, Plane::Rtp, (6 << 16) + 5);
        refuses(&mut rx, 2, Plane::Rtp, FAR + 90);
    }
}

#[test]
fn a_smaller_window_of_the_new_options_takes_no_late_packet_twice() {
    for (suite, plane) in authenticated() {
        let mut rx = at(suite, plane, 1000);
        let next =
            Receiver::builder(key(suite, 2)).replay_window(ReplayWindowSize::new(64).unwrap());
        rx.rekey_with(next, KeptOrZero, Overlap::UntilEnded)
            .unwrap();
        accepts(&mut rx, 2, plane, 999);
        accepts(&mut rx, 2, plane, 999 - 128);
        for index in [999, 999 - 128] {
            refuses(&mut rx, 2, plane, index);
        }
        accepts(&mut rx, 2, plane, 999 - 1);
        accepts(&mut rx, 2, plane, 1001);
    }
}

#[test]
fn a_silent_stream_may_begin_anew_after_the_overlap_and_after_a_re_key_that_keeps_the_counter() {
    for (suite, plane) in authenticated() {
        let later: [fn(&mut Receiver, CryptoSuite); 3] = [
            |rx, _| rx.end_overlap(),
            |rx, suite| rekey(rx, key(suite, 3), Kept, Overlap::UntilEnded),
            |rx, suite| rx.rekey(key(suite, 3)).unwrap(),
        ];
        for (n, later) in later.into_iter().enumerate() {
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
            later(&mut rx, suite);
            accepts(&mut rx, if n == 0 { 2 } else { 3 }, plane, 7);
            refuses(&mut rx, if n == 0 { 2 } else { 3 }, plane, 7);
            if n == 1 {
                accepts(&mut rx, 2, plane, 8);
                refuses(&mut rx, 3, plane, 8);
            }
        }
    }
}

/// A receiver that knows the stream under key 1, as far as `index`, and heard nothing under key 2 before key 3 came.
fn twice_rekeyed(
    (suite, plane): (CryptoSuite, Plane),
    index: u64,
    [first, second]: [RocAfterRekey; 2],
) -> Receiver {
    let mut rx = at(suite, plane, index);
    rekey(&mut rx, key(suite, 2), first, Overlap::UntilEnded);
    rekey(&mut rx, key(suite, 3), second, Overlap::UntilEnded);
    rx
}

/// What two re-keys may say of peers that may begin anew.
const TWICE: [[RocAfterRekey; 2]; 4] = [
    [KeptOrZero, KeptOrZero],
    [KeptOrZero, ZeroOrKept],
    [ZeroOrKept, KeptOrZero],
    [ZeroOrKept, ZeroOrKept],
];

#[test]
fn what_the_peer_did_at_a_re_key_may_show_after_the_next_one() {
    for (it, twice) in authenticated().flat_map(|it| TWICE.map(|twice| (it, twice))) {
        let plane = it.1;
        for first in [7, FAR + 101] {
            let mut rx = twice_rekeyed(it, FAR + 100, twice);
            for index in [first, first + 2, first + 1] {
                accepts(&mut rx, 2, plane, index);
                refuses(&mut rx, 2, plane, index);
            }
            refuses(&mut rx, 1, plane, FAR + 110);
            if first != 7 {
                refuses(&mut rx, 2, plane, 7);
            } else if plane == Plane::Rtp {
                refuses(&mut rx, 2, plane, FAR + 110);
            }
            // Under key 3 it goes on from there, or begins anew where that is likelier.
            accepts(&mut rx, 3, plane, first + 3);
            let has_both = plane == Plane::Rtcp || first == 7;
            let is_shared = twice[1] == KeptOrZero || !has_both;
            let late = take(&mut rx, 2, plane, first + 3);
            assert_eq!(late.is_err(), is_shared, "{it:?} {twice:?} {first}");
            accepts(&mut rx, 2, plane, first + 4);
            accepts(&mut rx, 3, plane, first + 5);
            for index in [3, 5] {
                refuses(&mut rx, 3, plane, first + index);
            }
        }
    }
}

#[test]
fn a_peer_may_begin_anew_at_two_re_keys_whichever_shows_first() {
    for (it, twice) in authenticated().flat_map(|it| TWICE.map(|twice| (it, twice))) {
        let plane = it.1;
        let mut rx = twice_rekeyed(it, FAR + 100, twice);
        accepts(&mut rx, 3, plane, 7);
        for index in [7, 9, 8] {
            accepts(&mut rx, 2, plane, index);
            refuses(&mut rx, 2, plane, index);
        }
        refuses(&mut rx, 3, plane, 7);
        accepts(&mut rx, 3, plane, 8);

        let mut rx = twice_rekeyed(it, FAR + 100, twice);
        accepts(&mut rx, 3, plane, 7);
        accepts(&mut rx, 2, plane, FAR + 101);
        refuses(&mut rx, 2, plane, FAR + 101);
        refuses(&mut rx, 2, plane, 7);
        accepts(&mut rx, 3, plane, 8);

        let mut rx = twice_rekeyed(it, FAR + 100, twice);
        accepts(&mut rx, 2, plane, 50_000);
        accepts(&mut rx, 3, plane, 7);
        for index in [50_001, 49_999] {
            accepts(&mut rx, 2, plane, index);
            refuses(&mut rx, 2, plane, index);
        }
        refuses(&mut rx, 2, plane, 50_000);
        refuses(&mut rx, 3, plane, 7);
        accepts(&mut rx, 3, plane, 8);
    }
}

#[test]
fn where_the_newest_keys_share_the_windows_of_before_the_former_ones_go_on_too() {
    for (it, first) in authenticated().flat_map(|it| [(it, KeptOrZero), (it, ZeroOrKept)]) {
        let plane = it.1;
        let mut rx = twice_rekeyed(it, FAR + 100, [first, KeptOrZero]);
        accepts(&mut rx, 3, plane, FAR + 105);
        refuses(&mut rx, 2, plane, 7);
        accepts(&mut rx, 2, plane, FAR + 103);
        for index in [103, 105] {
            refuses(&mut rx, 3, plane, FAR + index);
        }

        // A gap that was filled counts as well.
        let mut rx = twice_rekeyed(it, 100, [first, KeptOrZero]);
        accepts(&mut rx, 3, plane, 98);
        refuses(&mut rx, 2, plane, 100);
        refuses(&mut rx, 3, plane, 98);
        accepts(&mut rx, 2, plane, 97);
        refuses(&mut rx, 2, plane, 97);
    }
}

#[test]
fn a_late_packet_that_showed_nothing_is_taken_once_when_another_shows_it_after_the_next_re_key() {
    for ((suite, plane), is_early) in authenticated().flat_map(|it| [(it, true), (it, false)]) {
        let mut rx = at(suite, plane, 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        if is_early {
            accepts(&mut rx, 2, plane, 98);
        }
        rekey(&mut rx, key(suite, 3), KeptOrZero, Overlap::UntilEnded);
        if !is_early {
            accepts(&mut rx, 2, plane, 98);
        }
        accepts(&mut rx, 2, plane, 99);
        accepts(&mut rx, 2, plane, 100);
        for index in [98, 99, 100] {
            refuses(&mut rx, 2, plane, index);
        }
        accepts(&mut rx, 2, plane, 101);
    }
}

#[test]
fn a_plane_that_was_silent_through_any_number_of_re_keys_is_heard_under_the_last_two() {
    for (suite, plane) in authenticated() {
        for (overlap, before_last) in [
            (Overlap::UntilEnded, KeptOrZero),
            (Overlap::UntilEnded, Kept),
            (Overlap::None, ZeroOrKept),
        ] {
            for (former, index) in [(3, 7), (3, FAR + 101), (4, 7), (4, FAR + 101)] {
                let mut rx = at(suite, plane, FAR + 100);
                rekey(&mut rx, key(suite, 2), KeptOrZero, overlap);
                rekey(&mut rx, key(suite, 3), before_last, overlap);
                rekey(&mut rx, key(suite, 4), KeptOrZero, Overlap::UntilEnded);
                refuses(&mut rx, 2, plane, index);
                accepts(&mut rx, former, plane, index);
                refuses(&mut rx, former, plane, index);
            }
        }
    }
}

#[test]
fn the_planes_show_apart_from_each_other_what_the_peer_did_before_the_next_re_key() {
    let both = |suite: &CryptoSuite| PLANES.iter().all(|it| is_authenticated(*suite, *it));
    for suite in CryptoSuite::ALL.into_iter().filter(both) {
        for (heard, twice) in PLANES
            .into_iter()
            .flat_map(|it| TWICE.map(|twice| (it, twice)))
        {
            let mut tx = Sender::new(key(suite, 1));
            let mut rx = Receiver::new(key(suite, 1));
            let mut seq = 0;
            let mut flow = |tx: &mut Sender, rx: &mut Receiver, planes: &[Plane]| {
                for plane in [planes; 5].concat() {
                    seq += 1;
                    let said = plain(plane, SSRC, seq, &bytes(20));
                    let packet = protect(tx, plane, &said).unwrap();
                    let what = format!("{suite} {plane:?} {heard:?} {twice:?}");
                    assert_eq!(unprotect(rx, plane, &packet), Ok(said), "{what}");
                    unprotect(rx, plane, &packet).expect_err(&what);
                }
            };
            flow(&mut tx, &mut rx, &PLANES);
            rekey(&mut rx, key(suite, 2), twice[0], Overlap::default());
            tx = Sender::new(key(suite, 2));
            flow(&mut tx, &mut rx, &[heard]);
            rekey(&mut rx, key(suite, 3), twice[1], Overlap::default());
            flow(&mut tx, &mut rx, &PLANES);
            tx.rekey(key(suite, 3)).unwrap();
            flow(&mut tx, &mut rx, &PLANES);
        }
    }
}

#[test]
fn the_first_packets_of_an_ssrc_under_either_generation_begin_where_its_options_say() {
    for ((suite, plane), turn) in authenticated().flat_map(|it| [(it, [1, 2]), (it, [2, 1])]) {
        let mut rx = Receiver::builder(key(suite, 1))
            .initial_roc(9)
            .build()
            .unwrap();
        let next = Receiver::builder(key(suite, 2)).initial_roc(3);
        rx.rekey_with(next, KeptOrZero, Overlap::UntilEnded)
            .unwrap();
        for (n, seed) in (10..16).zip(turn.into_iter().cycle()) {
            accepts(
                &mut rx,
                seed,
                plane,
                (if seed == 1 { 9 } else { 3 } << 16) + n,
            );
        }
        let packet = sealed_for(7, &key(suite, 2), plane, (3 << 16) + 10);
        unprotect(&mut rx, plane, &packet).unwrap();
    }
}

/// Which packets with the same 16 bits of sequence number are accepted, each by a receiver of its own: as many as are verified.
fn candidates(make: impl Fn() -> Receiver, keys: &[MasterKey], seq: u64) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        for roc in 0..20 {
            let packet = sealed(key, Plane::Rtp, roc << 16 | seq);
            if unprotect(&mut make(), Plane::Rtp, &packet).is_ok() {
                found.push((at, roc));
            }
        }
    }
    found
}

#[test]
fn no_packet_is_tried_at_more_than_four_places() {
    for suite in CryptoSuite::ALL.into_iter().filter(|s| s.rtp_tag_len() > 0) {
        let keys = [1, 2].map(|seed| key(suite, seed));
        let searching = |roc, is_known: bool, set: Option<u32>| {
            let mut rx = Receiver::builder(key(suite, 1))
                .search_roc()
                .initial_roc(7)
                .build()
                .unwrap();
            if is_known {
                rx.set_roc(SSRC, 12).unwrap();
                unprotect(&mut rx, Plane::Rtp, &sealed(&keys[0], Plane::Rtp, 12 << 16)).unwrap();
            }
            let next = Receiver::builder(key(suite, 2)).search_roc().initial_roc(3);
            rx.rekey_with(next, roc, Overlap::UntilEnded).unwrap();
            if let Some(set) = set {
                rx.set_roc(SSRC, set).unwrap();
            }
            rx
        };
        let of = |roc, is_known, set| candidates(|| searching(roc, is_known, set), &keys, 5);
        for roc in [Kept, KeptOrZero, ZeroOrKept] {
            assert_eq!(
                of(roc, false, None),
                [(0, 7), (1, 2), (1, 3), (1, 4)],
                "{suite}"
            );
        }
        assert_eq!(of(Kept, true, None), [(0, 12), (1, 12)]);
        assert_eq!(of(KeptOrZero, true, None), [(0, 12), (1, 3), (1, 12)]);
        assert_eq!(of(ZeroOrKept, true, None), [(0, 12), (1, 3), (1, 12)]);
        assert_eq!(
            of(Kept, true, Some(15)),
            [(0, 15), (1, 14), (1, 15), (1, 16)]
        );
        assert_eq!(
            of(KeptOrZero, true, Some(15)),
            [(0, 15), (1, 3), (1, 15), (1, 16)]
        );
        assert_eq!(
            of(ZeroOrKept, true, Some(15)),
            [(0, 15), (1, 3), (1, 15), (1, 16)]
        );

        let ended = || {
            let mut rx = searching(KeptOrZero, false, None);
            rx.end_overlap();
            rx
        };
        assert_eq!(
            candidates(ended, &keys, 5),
            [(1, 0), (1, 2), (1, 3), (1, 4)]
        );

        // What a silent stream did at a re-key before this one is asked too, in place of the search, as long as its keys are there.
        let keys = [1, 2, 4].map(|seed| key(suite, seed));
        let twice = |second, has_ended| {
            let mut rx = searching(KeptOrZero, true, None);
            let next = Receiver::builder(key(suite, 4)).search_roc().initial_roc(5);
            rx.rekey_with(next, second, Overlap::UntilEnded).unwrap();
            rx.set_roc(SSRC, 15).unwrap();
            if has_ended {
                rx.end_overlap();
            }
            rx
        };
        for second in [KeptOrZero, ZeroOrKept] {
            let found = candidates(|| twice(second, false), &keys, 5);
            assert_eq!(found, [(1, 3), (1, 15), (2, 5), (2, 15)], "{suite}");
            let found = candidates(|| twice(second, true), &keys, 5);
            assert_eq!(found, [(2, 5), (2, 14), (2, 15), (2, 16)], "{suite}");
            // One that was heard in SRTP is searched for.
            let heard = || {
                let mut rx = searching(KeptOrZero, true, None);
                let packet = sealed(&keys[1], Plane::Rtp, 12 << 16 | 1);
                unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
                let next = Receiver::builder(key(suite, 4)).search_roc().initial_roc(5);
                rx.rekey_with(next, second, Overlap::UntilEnded).unwrap();
                rx.set_roc(SSRC, 15).unwrap();
                rx
            };
            let found = candidates(heard, &keys, 5);
            assert_eq!(found, [(1, 15), (2, 5), (2, 15), (2, 16)], "{suite}");
        }
    }
}

#[test]
fn a_key_of_both_generations_goes_on_with_its_use_and_what_it_brought_is_not_taken_again() {
    for (suite, plane) in authenticated() {
        let keys = [1, 2, 3, 4, 5].map(|seed| with_mki(suite, seed));
        let taken = |rx: &mut Receiver, seed: usize, index| {
            unprotect(rx, plane, &sealed(&keys[seed - 1], plane, index))
        };
        let builder = |seeds: [u8; 2]| {
            Receiver::builder(with_mki(suite, seeds[0])).add_key(with_mki(suite, seeds[1]))
        };
        let mut rx = builder([1, 2]).build().unwrap();
        for (seed, index) in [(1, 100), (2, 5000)] {
            taken(&mut rx, seed, index).unwrap();
        }
        for (next, roc) in [([2, 3], ZeroOrKept), ([2, 4], KeptOrZero)] {
            rx.rekey_with(builder(next), roc, Overlap::UntilEnded)
                .unwrap();
            let usage = rx.keys().next().unwrap().1;
            assert_eq!(usage.rtp_packets + usage.rtcp_packets, 1, "{suite}");
            taken(&mut rx, 2, 5000).unwrap_err();
            // A stream does not begin anew where one of its keys goes on.
            taken(&mut rx, usize::from(next[1]), 7).unwrap_err();
            taken(&mut rx, 2, 5000).unwrap_err();
        }
        taken(&mut rx, 3, 5001).unwrap();
        taken(&mut rx, 4, 5002).unwrap();
        rx.end_overlap();
        taken(&mut rx, 2, 5000).unwrap_err();
        taken(&mut rx, 2, 5003).unwrap();
    }
}

#[test]
fn keys_that_were_there_are_refused_and_nothing_changes() {
    for (suite, plane) in authenticated() {
        let mut rx = at(suite, plane, FAR + 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        rekey(&mut rx, key(suite, 3), KeptOrZero, Overlap::UntilEnded);
        let rate = KeyDerivationRate::from_exponent(4).unwrap();
        let refused = [
            Receiver::builder(key(suite, 1)),
            Receiver::builder(key(suite, 2)),
            Receiver::builder(with_mki(suite, 2)),
            Receiver::builder(with_mki(suite, 3)),
            Receiver::builder(with_mki(suite, 8)).add_key(with_mki(suite, 1)),
            Receiver::builder(key(suite, 3)).key_derivation_rate(rate),
        ];
        for next in refused {
            assert_eq!(rx.rekey_with(next, ZeroOrKept, Overlap::None), REUSED);
            assert!(rx.has_overlap(), "{suite}");
        }
        assert_eq!(rx.rekey(key(suite, 2)), REUSED, "{suite}");
        accepts(&mut rx, 2, plane, FAR + 101);
        accepts(&mut rx, 3, plane, FAR + 102);
        refuses(&mut rx, 1, plane, FAR + 103);
        rx.rekey(key(suite, 4)).unwrap();
        assert!(!rx.has_overlap());
        refuses(&mut rx, 3, plane, FAR + 104);
        accepts(&mut rx, 4, plane, FAR + 105);
    }
}

#[test]
fn a_removed_stream_stays_on_record_as_long_as_a_key_of_either_generation() {
    for (suite, plane) in authenticated() {
        let keys = [1, 2, 3].map(|seed| with_mki(suite, seed));
        let mut rx = Receiver::new(with_mki(suite, 1));
        let old = sealed(&keys[0], plane, 100);
        unprotect(&mut rx, plane, &old).unwrap();
        assert!(rx.remove_stream(SSRC));
        let next = Receiver::builder(with_mki(suite, 2)).add_key(with_mki(suite, 3));
        rx.rekey_with(next, KeptOrZero, Overlap::UntilEnded)
            .unwrap();
        rx.remove_key(keys[2].mki().unwrap()).unwrap();
        unprotect(&mut rx, plane, &old).unwrap_err();
        unprotect(&mut rx, plane, &sealed(&keys[0], plane, 101)).unwrap();
        unprotect(&mut rx, plane, &sealed(&keys[1], plane, 90)).unwrap();
        assert!(rx.remove_stream(SSRC));
        for (seed, index) in [(0, 100), (0, 101), (1, 90)] {
            unprotect(&mut rx, plane, &sealed(&keys[seed], plane, index)).unwrap_err();
        }
        rx.rekey_with(Receiver::builder(key(suite, 4)), Kept, Overlap::UntilEnded)
            .unwrap();
        assert!(rx.stream_statistics(SSRC).is_some());
        rx.end_overlap();
        assert_eq!(rx.stream_statistics(SSRC), None, "{suite}");
    }
}

#[test]
fn suites_mkis_rates_and_tags_may_differ_between_the_generations() {
    let rates = [None, Some(2)];
    let mut setups = Vec::new();
    for (n, suite) in CryptoSuite::ALL.into_iter().enumerate() {
        setups.push((suite, n % 3, rates[n % 2]));
    }
    for (one, &(old, old_mki, old_rate)) in setups.iter().enumerate() {
        for (other, &(new, new_mki, new_rate)) in setups.iter().enumerate() {
            let made = |suite, seed: usize, mki: usize| {
                let key = key(suite, seed as u8);
                match mki {
                    0 => key,
                    len => key.with_mki(Mki::new(&vec![9; len]).unwrap()),
                }
            };
            let builder = |key, rate: Option<u32>| match rate {
                None => Receiver::builder(key),
                Some(rate) => {
                    let rate = KeyDerivationRate::from_exponent(rate as u8).unwrap();
                    Receiver::builder(key).key_derivation_rate(rate)
                }
            };
            let (old_key, new_key) = (made(old, one, old_mki), made(new, 100 + other, new_mki));
            for plane in PLANES {
                if !is_authenticated(old, plane) || !is_authenticated(new, plane) {
                    continue;
                }
                let mut rx = builder(made(old, one, old_mki), old_rate).build().unwrap();
                let next = builder(made(new, 100 + other, new_mki), new_rate);
                let both = |n: u64, is_new: bool| {
                    let (key, rate) = match is_new {
                        true => (&new_key, new_rate),
                        false => (&old_key, old_rate),
                    };
                    let plain = plain(plane, SSRC, n as u16, &bytes(20));
                    let packet = oracle::protect(key, rate, plane, &plain, n);
                    (packet, plain)
                };
                let (packet, expected) = both(100, false);
                assert_eq!(unprotect(&mut rx, plane, &packet), Ok(expected));
                rx.rekey_with(next, KeptOrZero, Overlap::UntilEnded)
                    .unwrap();
                for (n, is_new) in [(101, true), (102, false), (103, true), (104, false)] {
                    let (packet, expected) = both(n, is_new);
                    let got = unprotect(&mut rx, plane, &packet);
                    assert_eq!(got, Ok(expected), "{old} to {new}, {plane:?}, {n}");
                    assert!(unprotect(&mut rx, plane, &packet).is_err());
                }
            }
        }
    }
}

#[test]
fn services_and_srtcp_tags_may_differ_too_and_either_tag_is_known_for_each_generation() {
    for suite in [
        CryptoSuite::AesCm128HmacSha1_32,
        CryptoSuite::NullHmacSha1_32,
    ] {
        let sender = |seed, tag| {
            let builder = Sender::builder(key(suite, seed)).srtcp_tag(tag);
            let builder = builder.unencrypted_srtcp();
            builder.build().unwrap()
        };
        let mut old = sender(1, SrtcpTag::Bytes4);
        let mut new = sender(2, SrtcpTag::Bytes10);
        let builder = |seed| Receiver::builder(key(suite, seed)).unencrypted_srtcp();
        for either in [(true, true), (true, false), (false, true)] {
            let mut rx = match either.0 {
                true => builder(1).accept_either_srtcp_tag(),
                false => builder(1).srtcp_tag(SrtcpTag::Bytes4),
            };
            rx = rx.unencrypted_srtp();
            let mut rx = rx.build().unwrap();
            let next = match either.1 {
                true => builder(2).accept_either_srtcp_tag(),
                false => builder(2).srtcp_tag(SrtcpTag::Bytes10),
            };
            rx.rekey_with(next, ZeroOrKept, Overlap::UntilEnded)
                .unwrap();
            for _ in 0..3 {
                for tx in [&mut old, &mut new] {
                    let plain = plain(Plane::Rtcp, SSRC, 0, &bytes(20));
                    let packet = protect(tx, Plane::Rtcp, &plain).unwrap();
                    assert_eq!(unprotect(&mut rx, Plane::Rtcp, &packet), Ok(plain));
                    unprotect(&mut rx, Plane::Rtcp, &packet).unwrap_err();
                }
            }
        }
    }
}

#[test]
fn without_tags_there_is_no_overlap_and_a_duplicate_does_not_take_the_stream_back() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES
            .into_iter()
            .filter(|it| !is_authenticated(suite, *it))
        {
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
            if plane == Plane::Rtp {
                let duplicate = refuses(&mut rx, 1, plane, FAR + 100);
                assert!(matches!(duplicate, UnprotectError::Replayed { .. }));
            }
            accepts(&mut rx, 2, plane, FAR + 101);
            let used = |rx: &Receiver| {
                rx.keys()
                    .map(|it| it.1.rtp_packets + it.1.rtcp_packets)
                    .sum()
            };
            // It counts as one under the new key.
            let before: u64 = used(&rx);
            take(&mut rx, 1, plane, FAR + 102).unwrap();
            assert_eq!(used(&rx), before + 1, "{suite}");

            // With the likelier one of the two ways, since none can be verified.
            let mut rx = at(suite, plane, FAR + 100);
            rekey(&mut rx, key(suite, 2), ZeroOrKept, Overlap::UntilEnded);
            let anew = match plane {
                Plane::Rtp => 110,
                Plane::Rtcp => FAR + 110,
            };
            accepts(&mut rx, 2, plane, anew);
            refuses(&mut rx, 2, plane, anew);

            let mut rx = at(suite, plane, FAR + 20_000);
            rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
            accepts(&mut rx, 2, plane, 7);
            accepts(&mut rx, 2, plane, 8);
            refuses(&mut rx, 2, plane, 7);
        }
    }
}

#[test]
fn without_tags_a_stream_may_begin_anew_farther_ahead_than_it_may_jump_and_only_once() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES
            .into_iter()
            .filter(|it| !is_authenticated(suite, *it))
        {
            let mut rx = at(suite, plane, 100);
            let jump = refuses(&mut rx, 1, plane, 20_000);
            assert!(matches!(jump, UnprotectError::JumpTooFar { .. }));
            rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
            accepts(&mut rx, 2, plane, 20_000);
            let jump = refuses(&mut rx, 2, plane, 40_000);
            assert!(matches!(jump, UnprotectError::JumpTooFar { .. }));
        }
    }
}

#[test]
fn old_keys_without_tags_let_nothing_in_beside_new_ones_with_tags() {
    for suite in CryptoSuite::ALL {
        if !is_authenticated(suite, Plane::Rtp) || suite.is_aead() {
            continue;
        }
        let old = Receiver::builder(key(suite, 1)).unauthenticated_srtp();
        let mut rx = old.build().unwrap();
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        let failed = UnprotectError::AuthenticationFailed { ssrc: SSRC };
        assert_eq!(refuses(&mut rx, 1, Plane::Rtp, 100), failed, "{suite}");
        accepts(&mut rx, 2, Plane::Rtp, 100);
        if is_authenticated(suite, Plane::Rtcp) {
            accepts(&mut rx, 1, Plane::Rtcp, 100);
            accepts(&mut rx, 2, Plane::Rtcp, 101);
        }
    }
}

#[test]
fn a_key_that_came_to_its_end_accepts_nothing_in_the_overlap() {
    for (suite, plane) in authenticated() {
        let short = key(suite, 1).with_lifetime(Lifetime::new(4).unwrap());
        let mut rx = Receiver::new(short);
        accepts(&mut rx, 1, plane, 100);
        rekey(&mut rx, key(suite, 2), KeptOrZero, Overlap::UntilEnded);
        accepts(&mut rx, 1, plane, 101);
        accepts(&mut rx, 1, plane, 102);
        refuses(&mut rx, 1, plane, 103);
        accepts(&mut rx, 2, plane, 103);
    }
}

#[test]
fn a_packet_is_counted_once_whichever_generation_it_is_under_or_refused_by() {
    for (suite, plane) in authenticated() {
        let mut rx = Receiver::new(with_mki(suite, 1));
        rx.rekey_with(
            Receiver::builder(with_mki(suite, 2)),
            Kept,
            Overlap::UntilEnded,
        )
        .unwrap();
        for seed in [1, 2] {
            let packet = sealed(&with_mki(suite, seed), plane, 100 + u64::from(seed));
            unprotect(&mut rx, plane, &packet).unwrap();
            let again = unprotect(&mut rx, plane, &packet);
            assert!(
                matches!(again, Err(UnprotectError::Replayed { .. })),
                "{suite}: {again:?}"
            );
        }
        let packet = sealed(&with_mki(suite, 3), plane, 200);
        let unknown = UnprotectError::UnknownMki { ssrc: SSRC };
        assert_eq!(unprotect(&mut rx, plane, &packet), Err(unknown));
        let forged = forged(plane, &sealed(&with_mki(suite, 1), plane, 200));
        let failed = UnprotectError::AuthenticationFailed { ssrc: SSRC };
        assert_eq!(unprotect(&mut rx, plane, &forged), Err(failed));
        let all = rx.statistics();
        let counts = match plane {
            Plane::Rtp => (all.rtp.packets, all.rtp.errors),
            Plane::Rtcp => (all.rtcp.packets, all.rtcp.errors),
        };
        assert_eq!(
            (counts.0, counts.1.total(), counts.1.replayed),
            (2, 4, 2),
            "{suite}"
        );
    }
}

#[test]
fn a_buffer_that_is_too_small_either_way_is_told_the_room_that_is_enough() {
    let (long, short) = (
        CryptoSuite::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32,
    );
    for (old, new) in [(long, short), (short, long)] {
        let mut rx = Receiver::new(key(old, 1));
        rekey(&mut rx, key(new, 2), Kept, Overlap::UntilEnded);
        let packet = sealed(&key(old, 1), Plane::Rtp, 100);
        let mut out = vec![0; packet.len()];
        let Err(UnprotectError::BufferTooSmall { needed }) =
            rx.unprotect_rtp_into(&packet, &mut out[..3])
        else {
            panic!("{old} to {new}: too small");
        };
        rx.unprotect_rtp_into(&packet, &mut out[..needed]).unwrap();
    }
}

#[test]
fn the_cap_on_streams_is_that_of_the_new_options_under_either_generation() {
    for (suite, plane) in authenticated() {
        let mut rx = at(suite, plane, 100);
        let next = Receiver::builder(key(suite, 2)).most_streams(NonZeroUsize::MIN);
        rx.rekey_with(next, KeptOrZero, Overlap::UntilEnded)
            .unwrap();
        for seed in [1, 2] {
            let packet = sealed_for(9, &key(suite, seed), plane, 5);
            let full = UnprotectError::TooManyStreams { ssrc: 9, most: 1 };
            assert_eq!(unprotect(&mut rx, plane, &packet), Err(full), "{suite}");
        }
        accepts(&mut rx, 1, plane, 101);
        accepts(&mut rx, 2, plane, 102);
    }
}

#[test]
fn a_sender_goes_on_with_its_indices_under_new_keys_and_options() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut tx = Sender::new(key(suite, 1));
            let said = |n| plain(plane, SSRC, n, &bytes(20));
            protect(&mut tx, plane, &said(0)).unwrap();
            tx.set_roc(SSRC, 5).unwrap();
            protect(&mut tx, plane, &said(1)).unwrap();
            tx.rekey_with(Sender::builder(with_mki(suite, 2)).add_key(with_mki(suite, 3)))
                .unwrap();
            assert_eq!(tx.selected_mki(), Some(&Mki::new(&[2]).unwrap()));
            for refused in [1, 2] {
                let next = Sender::builder(key(suite, refused));
                assert_eq!(tx.rekey_with(next), REUSED, "{suite}");
            }
            if plane == Plane::Rtp {
                assert!(protect(&mut tx, plane, &said(1)).is_err(), "{suite}");
            }
            let index = match plane {
                Plane::Rtp => FAR + 2,
                Plane::Rtcp => 2,
            };
            let expected = oracle::protect(&with_mki(suite, 2), None, plane, &said(2), index);
            assert_eq!(protect(&mut tx, plane, &said(2)), Ok(expected), "{suite}");
            tx.select_key(&Mki::new(&[3]).unwrap()).unwrap();
            // The key that stays keeps a removed stream on record.
            assert!(tx.remove_stream(SSRC));
            tx.rekey_with(Sender::builder(with_mki(suite, 2))).unwrap();
            assert!(tx.stream_statistics(SSRC).is_some());
            assert_eq!(tx.selected_mki(), Some(&Mki::new(&[2]).unwrap()));
            tx.rekey_with(Sender::builder(with_mki(suite, 4))).unwrap();
            assert_eq!(tx.stream_statistics(SSRC), None);
        }
    }
}
