//! What a context counts: packets, bytes, and each kind of error once, in all and per SSRC.

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use common::{
    PLANES, bytes, forged, key, oracle, pair, plain, protect, rtcp, rtp, rtp_with, unprotect,
};
use srtp_sdes::{
    Cryptex, CryptoSuite, Lifetime, Margin, MasterKey, Mki, PacketIndex, Plane, ProtectError,
    ProtectErrorCounts, Receiver, ReceiverStatistics, Sender, SenderStatistics, UnprotectError,
    UnprotectErrorCounts,
};

const SSRC: u32 = 0x1234_5678;
const OTHER: u32 = 0x8765_4321;
const UNKNOWN: u32 = 0x0bad_cafe;

fn body(plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    plain(plane, ssrc, seq, &bytes(40))
}

fn send(tx: &mut Sender, plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    protect(tx, plane, &body(plane, ssrc, seq)).unwrap()
}

fn with_mki(key: MasterKey, number: u8) -> MasterKey {
    key.with_mki(Mki::new(&[number]).unwrap())
}

/// Packets and bytes of both planes.
fn sent(statistics: &SenderStatistics) -> [(u64, u64); 2] {
    let SenderStatistics { rtp, rtcp, .. } = statistics;
    [(rtp.packets, rtp.bytes), (rtcp.packets, rtcp.bytes)]
}

fn received(statistics: &ReceiverStatistics) -> [(u64, u64); 2] {
    let ReceiverStatistics { rtp, rtcp, .. } = statistics;
    [(rtp.packets, rtp.bytes), (rtcp.packets, rtcp.bytes)]
}

#[test]
fn packets_and_their_plain_bytes_are_counted_per_ssrc_and_in_all() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        assert_eq!(tx.statistics(), SenderStatistics::default());
        assert_eq!(rx.statistics(), ReceiverStatistics::default());
        let mut expected = [(SSRC, [(0, 0); 2]), (OTHER, [(0, 0); 2])];
        for seq in 0..20 {
            for (at, (ssrc, counts)) in expected.iter_mut().enumerate() {
                for (plane, (packets, bytes_so_far)) in PLANES.into_iter().zip(counts) {
                    let length = usize::from(seq) * 4 * (at + 1);
                    let plain = plain(plane, *ssrc, seq, &bytes(length));
                    let packet = protect(&mut tx, plane, &plain).unwrap();
                    unprotect(&mut rx, plane, &packet).unwrap();
                    *packets += 1;
                    *bytes_so_far += plain.len() as u64;
                }
            }
            for (ssrc, counts) in &expected {
                let statistics = tx.stream_statistics(*ssrc).unwrap();
                assert_eq!(sent(&statistics), *counts, "{suite}");
                let statistics = rx.stream_statistics(*ssrc).unwrap();
                assert_eq!(received(&statistics), *counts, "{suite}");
            }
        }
        let [(_, first), (_, second)] = expected;
        let sum = [0, 1].map(|at: usize| (first[at].0 + second[at].0, first[at].1 + second[at].1));
        assert_eq!(sent(&tx.statistics()), sum, "{suite}");
        assert_eq!(received(&rx.statistics()), sum, "{suite}");
        assert_eq!(tx.statistics().rtp.errors.total(), 0);
        assert_eq!(rx.statistics().rtcp.errors.total(), 0);
        assert_eq!(tx.stream_statistics(UNKNOWN), None);
        assert_eq!(rx.stream_statistics(UNKNOWN), None);
    }
}

#[test]
fn every_way_to_protect_unprotect_or_verify_counts_alike() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let mut out = [0; 200];
        let (media, report) = (|seq| rtp(SSRC, seq, &[1; 9]), rtcp(SSRC, &[1; 12]));

        let mut buffer = [0; 200];
        buffer[..21].copy_from_slice(&media(0));
        let mut packet = tx.protect_rtp(&mut buffer, 21).unwrap().to_vec();
        rx.unprotect_rtp(&mut packet).unwrap();
        let packet = tx.protect_rtp_into(&media(1), &mut out).unwrap().to_vec();
        rx.unprotect_rtp_into(&packet, &mut out).unwrap();
        let mut packet = media(2);
        tx.protect_rtp_vec(&mut packet).unwrap();
        rx.unprotect_rtp_vec(&mut packet).unwrap();
        let packet = protect(&mut tx, Plane::Rtp, &media(3)).unwrap();
        rx.verify_rtp(&packet).unwrap();

        buffer[..20].copy_from_slice(&report);
        let mut packet = tx.protect_rtcp(&mut buffer, 20).unwrap().to_vec();
        rx.unprotect_rtcp(&mut packet).unwrap();
        let packet = tx.protect_rtcp_into(&report, &mut out).unwrap().to_vec();
        rx.unprotect_rtcp_into(&packet, &mut out).unwrap();
        let mut packet = report.clone();
        tx.protect_rtcp_vec(&mut packet).unwrap();
        rx.unprotect_rtcp_vec(&mut packet).unwrap();
        let packet = protect(&mut tx, Plane::Rtcp, &report).unwrap();
        rx.verify_rtcp(&packet).unwrap();

        assert_eq!(sent(&tx.statistics()), [(4, 84), (4, 80)], "{suite}");
        assert_eq!(received(&rx.statistics()), [(4, 84), (4, 80)], "{suite}");
    }
}

#[test]
fn a_retransmission_counts_as_a_packet() {
    for suite in CryptoSuite::ALL {
        let builder = Sender::builder(key(suite, 1)).allow_identical_retransmission();
        let mut tx = builder.build().unwrap();
        for _ in 0..3 {
            send(&mut tx, Plane::Rtp, SSRC, 5);
        }
        assert_eq!(sent(&tx.statistics()), [(3, 3 * 52), (0, 0)], "{suite}");
    }
}

// Errors. Each provocation has to add exactly one to exactly one counter, and to nothing else.

/// Runs `provoke`, which has to fail with the error that `which` counts: for `stream`, if one is named, and in
/// all. Every other figure stays.
#[track_caller]
fn adds_one_to_tx<T>(
    tx: &mut Sender,
    (plane, stream): (Plane, Option<u32>),
    which: fn(&mut ProtectErrorCounts) -> &mut u64,
    provoke: impl FnOnce(&mut Sender) -> Result<T, ProtectError>,
) {
    let one_more = |mut statistics: SenderStatistics| {
        *which(match plane {
            Plane::Rtp => &mut statistics.rtp.errors,
            Plane::Rtcp => &mut statistics.rtcp.errors,
        }) += 1;
        statistics
    };
    let ssrcs: Vec<u32> = tx.ssrcs().collect();
    let each: Vec<_> = ssrcs.iter().map(|s| tx.stream_statistics(*s)).collect();
    let all = tx.statistics();
    assert!(provoke(tx).is_err());
    assert_eq!(tx.statistics(), one_more(all));
    for (ssrc, before) in ssrcs.into_iter().zip(each) {
        let expected = match stream {
            Some(stream) if stream == ssrc => before.map(one_more),
            _ => before,
        };
        assert_eq!(tx.stream_statistics(ssrc), expected, "{ssrc:x}");
    }
    assert_eq!(tx.stream_statistics(UNKNOWN), None);
}

/// The same for a receiver, which refuses `packet`.
#[track_caller]
fn adds_one_to_rx(
    rx: &mut Receiver,
    (plane, stream): (Plane, Option<u32>),
    which: fn(&mut UnprotectErrorCounts) -> &mut u64,
    packet: &[u8],
) {
    adds_one_to_rx_by(rx, (plane, stream), which, |rx| {
        unprotect(rx, plane, packet)
    });
}

#[track_caller]
fn adds_one_to_rx_by<T>(
    rx: &mut Receiver,
    (plane, stream): (Plane, Option<u32>),
    which: fn(&mut UnprotectErrorCounts) -> &mut u64,
    provoke: impl FnOnce(&mut Receiver) -> Result<T, UnprotectError>,
) {
    let one_more = |mut statistics: ReceiverStatistics| {
        *which(match plane {
            Plane::Rtp => &mut statistics.rtp.errors,
            Plane::Rtcp => &mut statistics.rtcp.errors,
        }) += 1;
        statistics
    };
    let ssrcs: Vec<u32> = rx.ssrcs().collect();
    let each: Vec<_> = ssrcs.iter().map(|s| rx.stream_statistics(*s)).collect();
    let all = rx.statistics();
    assert!(provoke(rx).is_err());
    assert_eq!(rx.statistics(), one_more(all));
    for (ssrc, before) in ssrcs.into_iter().zip(each) {
        let expected = match stream {
            Some(stream) if stream == ssrc => before.map(one_more),
            _ => before,
        };
        assert_eq!(rx.stream_statistics(ssrc), expected, "{ssrc:x}");
    }
    assert_eq!(rx.stream_statistics(UNKNOWN), None);
}

/// The names of the counters that are 0 in all of `counts`, as `Debug` lists them: none can be forgotten.
fn never_counted(counts: &[impl std::fmt::Debug]) -> Vec<String> {
    let text: Vec<_> = counts.iter().map(|counts| format!("{counts:?}")).collect();
    let zeros = |text: &str| -> BTreeSet<String> {
        let fields = text.split(['{', ',', '}']).map(str::trim);
        let zeros = fields.filter_map(|field| field.strip_suffix(": 0"));
        zeros.map(str::to_owned).collect()
    };
    let common = text.iter().map(|text| zeros(text));
    let common = common.reduce(|a, b| a.intersection(&b).cloned().collect());
    common.unwrap().into_iter().collect()
}

/// A history in both planes of two streams: five packets in each plane.
fn use_sender(tx: &mut Sender) {
    for plane in PLANES {
        for (ssrc, seq) in [
            (SSRC, 2000),
            (SSRC, 5000),
            (OTHER, 2000),
            (OTHER, 5000),
            (OTHER, 5001),
        ] {
            send(tx, plane, ssrc, seq);
        }
    }
}

/// Provokes every error that a sender has in `plane`, and returns the counts of each context used.
fn provoke_sender(suite: CryptoSuite, plane: Plane) -> Vec<ProtectErrorCounts> {
    let mut counted = Vec::new();
    let mut note = |tx: &Sender| match plane {
        Plane::Rtp => counted.push(tx.statistics().rtp.errors),
        Plane::Rtcp => counted.push(tx.statistics().rtcp.errors),
    };
    let packet = |ssrc, seq| move |tx: &mut Sender| protect(tx, plane, &body(plane, ssrc, seq));
    let (ours, nobody) = ((plane, Some(SSRC)), (plane, None));

    let mut tx = Sender::new(key(suite, 1));
    use_sender(&mut tx);
    let malformed: [&[u8]; 3] = [&[], &[0x80; 7], &[0x40; 60]];
    for bad in malformed {
        adds_one_to_tx(
            &mut tx,
            nobody,
            |e| &mut e.malformed,
            |tx| protect(tx, plane, bad),
        );
    }
    adds_one_to_tx(
        &mut tx,
        ours,
        |e| &mut e.buffer_too_small,
        |tx| {
            let plain = body(plane, SSRC, 6000);
            match plane {
                Plane::Rtp => tx.protect_rtp_into(&plain, &mut [0; 40]).map(|_| ()),
                Plane::Rtcp => tx.protect_rtcp_into(&plain, &mut [0; 40]).map(|_| ()),
            }
        },
    );
    // A length beyond the buffer: there is no packet to read an SSRC from.
    adds_one_to_tx(
        &mut tx,
        nobody,
        |e| &mut e.buffer_too_small,
        |tx| {
            let mut buffer = body(plane, SSRC, 6000);
            let len = buffer.len() + 1;
            match plane {
                Plane::Rtp => tx.protect_rtp(&mut buffer, len).map(|_| ()),
                Plane::Rtcp => tx.protect_rtcp(&mut buffer, len).map(|_| ()),
            }
        },
    );
    if plane == Plane::Rtp {
        adds_one_to_tx(&mut tx, ours, |e| &mut e.index_reused, packet(SSRC, 5000));
        adds_one_to_tx(&mut tx, ours, |e| &mut e.index_too_old, packet(SSRC, 2001));
        adds_one_to_tx(
            &mut tx,
            ours,
            |e| &mut e.index_too_old,
            packet(SSRC, 60_000),
        );
    }
    note(&tx);

    if plane == Plane::Rtp && suite.encrypts() {
        let builder = Sender::builder(key(suite, 1)).cryptex(Cryptex::Required);
        let mut tx = builder.build().unwrap();
        send(&mut tx, plane, SSRC, 0);
        let mut marked = rtp_with(SSRC, 1, 0, Some(1), &[]);
        marked[12] = 0xc0;
        adds_one_to_tx(
            &mut tx,
            ours,
            |e| &mut e.cryptex_profile,
            |tx| tx.protect_rtp_vec(&mut marked.clone()),
        );
        note(&tx);
    }

    if plane == Plane::Rtp {
        let builder = Sender::builder(key(suite, 1)).initial_roc(u32::MAX);
        let mut tx = builder.build().unwrap();
        send(&mut tx, plane, SSRC, 65_535);
        adds_one_to_tx(&mut tx, ours, |e| &mut e.index_exhausted, packet(SSRC, 0));
        note(&tx);

        let resumed = Sender::builder(key(suite, 1)).build_resumed(&tx.export_state(), Margin::MAX);
        let mut tx = resumed.unwrap();
        let new = packet(UNKNOWN, 0);
        adds_one_to_tx(&mut tx, nobody, |e| &mut e.may_have_begun, new);
        note(&tx);
    }

    // Five packets may be sent in each plane, and are.
    let mortal = key(suite, 1).with_lifetime(Lifetime::new(7).unwrap());
    let mut tx = Sender::new(mortal);
    use_sender(&mut tx);
    send(&mut tx, plane, SSRC, 5001);
    adds_one_to_tx(&mut tx, ours, |e| &mut e.key_expired, packet(SSRC, 6000));
    adds_one_to_tx(&mut tx, nobody, |e| &mut e.key_expired, packet(UNKNOWN, 0));
    note(&tx);

    let builder = Sender::builder(key(suite, 1)).most_streams(NonZeroUsize::MIN);
    let mut tx = builder.build().unwrap();
    send(&mut tx, plane, SSRC, 0);
    adds_one_to_tx(
        &mut tx,
        nobody,
        |e| &mut e.too_many_streams,
        packet(UNKNOWN, 0),
    );
    note(&tx);
    counted
}

#[test]
fn every_error_of_a_sender_counts_once_for_its_stream_and_in_all() {
    for suite in CryptoSuite::ALL {
        let never = never_counted(&provoke_sender(suite, Plane::Rtp));
        // Only what is encrypted can be encrypted by cryptex.
        let out_of_reach = match suite.encrypts() {
            true => &[][..],
            false => &["cryptex_profile"],
        };
        assert_eq!(never, out_of_reach, "{suite}: each other was provoked");
        // An SRTCP index is never the caller's choice, and its end is 2^31 packets away.
        let never = never_counted(&provoke_sender(suite, Plane::Rtcp));
        let out_of_reach = [
            "cryptex_profile",
            "index_exhausted",
            "index_reused",
            "index_too_old",
            "may_have_begun",
        ];
        assert_eq!(never, out_of_reach, "{suite}: each other was provoked");
    }
}

/// Provokes every error that a receiver has in `plane`, and returns the counts of each context used.
fn provoke_receiver(suite: CryptoSuite, plane: Plane) -> Vec<UnprotectErrorCounts> {
    let mut counted = Vec::new();
    let mut note = |rx: &Receiver| match plane {
        Plane::Rtp => counted.push(rx.statistics().rtp.errors),
        Plane::Rtcp => counted.push(rx.statistics().rtcp.errors),
    };
    let (ours, nobody) = ((plane, Some(SSRC)), (plane, None));
    let keyed = |number| with_mki(key(suite, 1), number);
    let oracle = |ssrc, index: u64| {
        let plain = body(plane, ssrc, index as u16);
        oracle::protect(&keyed(1), None, plane, &plain, index)
    };

    let mut rx = Receiver::new(keyed(1));
    for ssrc in [SSRC, OTHER] {
        for plane in PLANES {
            for index in [2000, 5000] {
                let plain = body(plane, ssrc, index);
                let packet = oracle::protect(&keyed(1), None, plane, &plain, index.into());
                unprotect(&mut rx, plane, &packet).unwrap();
            }
        }
    }
    let malformed: [&[u8]; 3] = [&[], &[0x80; 7], &[0x40; 60]];
    for bad in malformed {
        adds_one_to_rx(&mut rx, nobody, |e| &mut e.malformed, bad);
    }
    for (ssrc, whose) in [(SSRC, ours), (UNKNOWN, nobody)] {
        let good = oracle(ssrc, 6000);
        let header = if plane == Plane::Rtp { 12 } else { 8 };
        adds_one_to_rx(&mut rx, whose, |e| &mut e.too_short, &good[..header]);
        adds_one_to_rx_by(
            &mut rx,
            whose,
            |e| &mut e.buffer_too_small,
            |rx| match plane {
                Plane::Rtp => rx.unprotect_rtp_into(&good, &mut [0; 40]).map(|_| ()),
                Plane::Rtcp => rx.unprotect_rtcp_into(&good, &mut [0; 40]).map(|_| ()),
            },
        );
        let plain = body(plane, ssrc, 6000);
        let stranger = oracle::protect(&keyed(2), None, plane, &plain, 6000);
        adds_one_to_rx(&mut rx, whose, |e| &mut e.unknown_mki, &stranger);
        if suite.rtp_tag_len() > 0 {
            let forgery = forged(plane, &good);
            adds_one_to_rx(&mut rx, whose, |e| &mut e.authentication_failed, &forgery);
        }
    }
    adds_one_to_rx(&mut rx, ours, |e| &mut e.replayed, &oracle(SSRC, 5000));
    adds_one_to_rx(&mut rx, ours, |e| &mut e.too_old, &oracle(SSRC, 2001));
    if suite.rtp_tag_len() == 0 {
        let far = oracle(SSRC, 30_000);
        adds_one_to_rx(&mut rx, ours, |e| &mut e.jump_too_far, &far);
    }
    if plane == Plane::Rtcp && suite.encrypts() {
        let builder = Sender::builder(keyed(1)).unencrypted_srtcp();
        let mut tx = builder.build().unwrap();
        let clear = send(&mut tx, plane, UNKNOWN, 0);
        adds_one_to_rx(&mut rx, nobody, |e| &mut e.encryption_mismatch, &clear);
    }
    note(&rx);

    if plane == Plane::Rtp && suite.encrypts() {
        let mut clear = rtp_with(UNKNOWN, 0, 1, None, &[]);
        Sender::new(keyed(1)).protect_rtp_vec(&mut clear).unwrap();
        let builder = Receiver::builder(keyed(1)).cryptex(Cryptex::Required);
        let mut rx = builder.build().unwrap();
        adds_one_to_rx(&mut rx, nobody, |e| &mut e.cryptex_required, &clear);
        note(&rx);
    }

    if plane == Plane::Rtp {
        let builder = Receiver::builder(keyed(1)).initial_roc(u32::MAX);
        let mut rx = builder.build().unwrap();
        let last = oracle(SSRC, PacketIndex::MAX.value());
        unprotect(&mut rx, plane, &last).unwrap();
        adds_one_to_rx(&mut rx, ours, |e| &mut e.index_exhausted, &oracle(SSRC, 0));
        note(&rx);
    }

    let mortal = keyed(1).with_lifetime(Lifetime::new(2).unwrap());
    let mut rx = Receiver::new(mortal);
    unprotect(&mut rx, plane, &oracle(SSRC, 0)).unwrap();
    adds_one_to_rx(&mut rx, ours, |e| &mut e.key_expired, &oracle(SSRC, 1));
    adds_one_to_rx(&mut rx, nobody, |e| &mut e.key_expired, &oracle(UNKNOWN, 1));
    note(&rx);

    let builder = Receiver::builder(keyed(1)).most_streams(NonZeroUsize::MIN);
    let mut rx = builder.build().unwrap();
    unprotect(&mut rx, plane, &oracle(SSRC, 0)).unwrap();
    adds_one_to_rx(
        &mut rx,
        nobody,
        |e| &mut e.too_many_streams,
        &oracle(UNKNOWN, 1),
    );
    note(&rx);
    counted
}

#[test]
fn every_error_of_a_receiver_counts_once_for_its_stream_and_in_all() {
    let (mut in_rtp, mut in_rtcp) = (Vec::new(), Vec::new());
    for suite in CryptoSuite::ALL {
        in_rtp.extend(provoke_receiver(suite, Plane::Rtp));
        in_rtcp.extend(provoke_receiver(suite, Plane::Rtcp));
    }
    // The E bit is SRTCP's, and only SRTP has indices beyond its last one.
    assert_eq!(never_counted(&in_rtp), ["encryption_mismatch"]);
    // Cryptex is of RTP headers.
    assert_eq!(
        never_counted(&in_rtcp),
        ["cryptex_required", "index_exhausted"]
    );
}

#[test]
fn a_packet_that_takes_several_verifications_counts_one_error() {
    let suite = CryptoSuite::AesCm128HmacSha1_32;
    let mut rx = Receiver::builder(key(suite, 1))
        .accept_either_srtcp_tag()
        .search_roc()
        .initial_roc(5)
        .build()
        .unwrap();
    let mut tx = Sender::new(key(suite, 2));
    for plane in PLANES {
        let packet = send(&mut tx, plane, SSRC, 0);
        adds_one_to_rx(
            &mut rx,
            (plane, None),
            |e| &mut e.authentication_failed,
            &packet,
        );
    }
}

#[test]
fn the_total_of_errors_is_their_sum() {
    let suite = CryptoSuite::AeadAes128Gcm;
    let (mut tx, mut rx) = pair(suite);
    let packet = send(&mut tx, Plane::Rtp, SSRC, 5);
    for bad in [
        &[][..],
        &forged(Plane::Rtp, &packet),
        &packet,
        &packet,
        &packet,
    ] {
        let _ = unprotect(&mut rx, Plane::Rtp, bad);
    }
    let errors = rx.statistics().rtp.errors;
    assert_eq!(
        (
            errors.malformed,
            errors.authentication_failed,
            errors.replayed
        ),
        (1, 1, 2)
    );
    assert_eq!(errors.total(), 4);
    for seq in [5, 5, 65_000] {
        assert!(protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, seq)).is_err());
    }
    assert!(protect(&mut tx, Plane::Rtp, &[]).is_err());
    assert_eq!(tx.statistics().rtp.errors.total(), 4);
}

// Streams that come and go.

#[test]
fn errors_of_an_ssrc_before_its_first_packet_stay_with_the_context() {
    for suite in CryptoSuite::ALL {
        let mut tx = Sender::new(key(suite, 1));
        let mut rx = Receiver::new(key(suite, 1));
        assert!(protect(&mut tx, Plane::Rtcp, &[0x80; 7]).is_err());
        assert!(
            tx.protect_rtp_into(&body(Plane::Rtp, SSRC, 0), &mut [0; 13])
                .is_err()
        );
        let packet = send(&mut tx, Plane::Rtp, SSRC, 0);
        let cut = unprotect(&mut rx, Plane::Rtp, &packet[..11]);
        assert!(cut.is_err());
        assert!(rx.unprotect_rtp_into(&packet, &mut [0; 13]).is_err());
        unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
        let of_stream = tx.stream_statistics(SSRC).unwrap();
        assert_eq!(sent(&of_stream), [(1, 52), (0, 0)]);
        assert_eq!(of_stream.rtp.errors.total(), 0, "{suite}");
        assert_eq!(tx.statistics().rtp.errors.buffer_too_small, 1);
        let of_stream = rx.stream_statistics(SSRC).unwrap();
        assert_eq!(received(&of_stream), [(1, 52), (0, 0)]);
        assert_eq!(of_stream.rtp.errors.total(), 0, "{suite}");
        assert_eq!(rx.statistics().rtp.errors.total(), 2);
    }
}

#[test]
fn the_total_stays_when_streams_are_removed_and_forgotten() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        for plane in PLANES {
            for ssrc in [SSRC, OTHER] {
                for seq in 0..3 {
                    let packet = send(&mut tx, plane, ssrc, seq);
                    unprotect(&mut rx, plane, &packet).unwrap();
                    assert!(unprotect(&mut rx, plane, &packet).is_err(), "a replay");
                }
            }
        }
        assert!(protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 0)).is_err());
        // A stream that was only announced, and refused a packet since.
        tx.set_roc(UNKNOWN, 3).unwrap();
        rx.set_roc(UNKNOWN, 3).unwrap();
        let plain = body(Plane::Rtp, UNKNOWN, 0);
        assert!(tx.protect_rtp_into(&plain, &mut [0; 13]).is_err());
        assert!(unprotect(&mut rx, Plane::Rtp, &plain[..12]).is_err() || suite.rtp_tag_len() == 0);
        let (of_tx, of_rx) = (tx.statistics(), rx.statistics());
        let stream = tx.stream_statistics(SSRC);

        for ssrc in [SSRC, UNKNOWN] {
            assert!(tx.remove_stream(ssrc) && rx.remove_stream(ssrc));
            assert_eq!(
                (tx.statistics(), rx.statistics()),
                (of_tx, of_rx),
                "{suite}"
            );
        }
        assert_eq!(tx.stream_statistics(UNKNOWN), None);
        tx.rekey(key(suite, 2)).unwrap();
        rx.rekey(key(suite, 2)).unwrap();
        assert_eq!(
            (tx.statistics(), rx.statistics()),
            (of_tx, of_rx),
            "{suite}"
        );
        assert_eq!(tx.stream_statistics(SSRC), None, "{suite}: forgotten");
        assert_eq!(rx.stream_statistics(SSRC), None, "{suite}: forgotten");

        // It comes back as a new stream, and the total goes on.
        let packet = send(&mut tx, Plane::Rtp, SSRC, 0);
        unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
        assert_ne!(tx.stream_statistics(SSRC), stream);
        assert_eq!(
            sent(&tx.stream_statistics(SSRC).unwrap()),
            [(1, 52), (0, 0)]
        );
        let sum = |[(packets, bytes), rtcp]: [(u64, u64); 2]| [(packets + 1, bytes + 52), rtcp];
        assert_eq!(sent(&tx.statistics()), sum(sent(&of_tx)), "{suite}");
        assert_eq!(received(&rx.statistics()), sum(received(&of_rx)), "{suite}");
    }
}

#[test]
fn packets_refused_for_a_removed_stream_count_in_all() {
    for suite in CryptoSuite::ALL {
        let (mut tx, mut rx) = pair(suite);
        let packet = send(&mut tx, Plane::Rtp, SSRC, 9);
        unprotect(&mut rx, Plane::Rtp, &packet).unwrap();
        assert!(tx.remove_stream(SSRC) && rx.remove_stream(SSRC));
        assert!(unprotect(&mut rx, Plane::Rtp, &packet).is_err());
        assert!(protect(&mut tx, Plane::Rtp, &body(Plane::Rtp, SSRC, 9)).is_err());
        assert_eq!(rx.statistics().rtp.errors.too_old, 1, "{suite}");
        assert_eq!(tx.statistics().rtp.errors.index_too_old, 1, "{suite}");
    }
}

#[test]
fn counts_change_nothing_but_themselves() {
    for suite in CryptoSuite::ALL {
        let (mut tx, _) = pair(suite);
        let (mut twin, _) = pair(suite);
        for seq in 0..10 {
            assert_eq!(tx.statistics(), tx.statistics());
            for plane in PLANES {
                assert!(protect(&mut tx, plane, &[0x80; 7]).is_err());
                let packet = send(&mut tx, plane, SSRC, seq);
                assert_eq!(packet, send(&mut twin, plane, SSRC, seq), "{suite}");
            }
        }
    }
}
