//! Batches: bit for bit what one packet at a time gives, whatever is in them.

mod common;

use common::{PLANES, key, plain};
use proptest::prelude::*;
use srtp_sdes::batch::{self, Contexts, Incoming, Outgoing};
use srtp_sdes::{
    Cryptex, CryptoSuite, KeyDerivationRate, MasterKey, Mki, Overlap, Plane, Receiver,
    ReceiverBuilder, RocAfterRekey, RocCarry, Sender, SenderBuilder, without_best_levels,
};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// Contexts of every suite, and of every option that takes another way.
const KINDS: usize = CryptoSuite::ALL.len() + 6;
const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;
const SSRCS: [u32; 3] = [1, 7, 0xffff_ffff];

fn key_of(kind: usize, generation: u8) -> MasterKey {
    let suite = CryptoSuite::ALL.get(kind).copied().unwrap_or(SUITE);
    let seed = u8::try_from(2 * kind).unwrap() + generation;
    let key = key(suite, seed);
    match kind % 3 {
        0 => key.with_mki(Mki::from_value(u128::from(generation) + 1, 4).unwrap()),
        _ => key,
    }
}

macro_rules! with_options {
    ($builder:expr, $kind:expr) => {
        match $kind - CryptoSuite::ALL.len().min($kind) {
            _ if $kind < CryptoSuite::ALL.len() => $builder,
            0 => $builder.key_derivation_rate(KeyDerivationRate::from_exponent(1).unwrap()),
            1 => $builder.cryptex(Cryptex::On),
            2 => $builder.encrypted_header_extensions([1, 3]),
            3 => $builder.roc_carry(RocCarry::rccm2(NonZeroU16::new(3).unwrap())),
            4 => $builder.unencrypted_srtcp(),
            _ => $builder.unauthenticated_srtp(),
        }
    };
}

fn sender(kind: usize, generation: u8) -> SenderBuilder {
    with_options!(Sender::builder(key_of(kind, generation)), kind)
}

fn receiver(kind: usize, generation: u8) -> ReceiverBuilder {
    with_options!(Receiver::builder(key_of(kind, generation)), kind)
}

fn plane(is_rtcp: bool) -> Plane {
    PLANES[usize::from(is_rtcp)]
}

/// All that can be seen of contexts from without.
fn sender_state(tx: &Sender) -> String {
    let keys: Vec<_> = tx.keys().map(|(_, usage)| usage).collect();
    format!("{keys:?} {:?} {:?}", tx.statistics(), tx.export_state())
}

fn receiver_state(rx: &Receiver) -> String {
    let keys: Vec<_> = rx.keys().map(|(_, usage)| usage).collect();
    format!("{keys:?} {:?} {:?}", rx.statistics(), rx.export_state())
}

fn protect_alone(
    tx: &mut Sender,
    plane: Plane,
    packet: &[u8],
    is_copied: bool,
    out: &mut [u8],
) -> Result<usize, srtp_sdes::ProtectError> {
    let sealed = match (plane, is_copied) {
        (Plane::Rtp, false) => tx.protect_rtp(out, packet.len()),
        (Plane::Rtp, true) => tx.protect_rtp_into(packet, out),
        (_, false) => tx.protect_rtcp(out, packet.len()),
        (_, true) => tx.protect_rtcp_into(packet, out),
    };
    sealed.map(|packet| packet.len())
}

/// A packet to send: context, plane, stream, sequence number, payload, room behind, whether it is copied.
type Sent = (usize, bool, usize, u16, usize, usize, bool);

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = (
        0..KINDS + 1,
        prop::bool::weighted(0.2),
        0..SSRCS.len(),
        0..40u16,
        prop_oneof![0..80usize, 200..500usize],
        prop_oneof![9 => Just(64usize), 1 => 0..30usize],
        any::<bool>(),
    );
    prop::collection::vec(one, 0..120)
}

/// What happens to packets on their way: which one comes, and what was changed.
type Arrival = (prop::sample::Index, u8, prop::sample::Index);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_mix_of_packets_comes_out_as_one_at_a_time(
        sent in sent(),
        arrivals in prop::collection::vec(any::<Arrival>(), 0..200),
        rekeyed in any::<prop::sample::Index>(),
        without in 0..=3usize,
    ) {
        without_best_levels(without);
        let senders = || (0..KINDS).map(|kind| sender(kind, 0).build().unwrap()).collect::<Vec<_>>();
        let (mut together, mut alone) = (senders(), senders());
        let plains: Vec<Vec<u8>> = sent.iter().map(|&(_, rtcp, ssrc, seq, len, _, _)| {
            plain(plane(rtcp), SSRCS[ssrc], seq, &vec![seq as u8; len])
        }).collect();
        let mut buffers: Vec<Vec<u8>> = sent.iter().zip(&plains).map(|(&(.., room, is_copied), plain)| {
            let mut buffer = if is_copied { vec![0xaa; plain.len()] } else { plain.clone() };
            buffer.resize(plain.len() + room, 0x55);
            buffer
        }).collect();

        // One at a time.
        let mut expected = Vec::new();
        let mut expected_buffers = buffers.clone();
        for ((&(n, rtcp, _, _, _, _, is_copied), plain), out) in sent.iter().zip(&plains).zip(&mut expected_buffers) {
            expected.push(alone.get_mut(n).map(|tx| protect_alone(tx, plane(rtcp), plain, is_copied, out)));
        }
        // All together.
        let mut packets: Vec<Outgoing<'_>> = sent.iter().zip(&plains).zip(&mut buffers)
            .map(|((&(n, rtcp, _, _, _, _, is_copied), plain), buffer)| match is_copied {
                true => Outgoing::copied(n, plane(rtcp), plain, buffer),
                false => Outgoing::in_place(n, plane(rtcp), buffer, plain.len()),
            })
            .collect();
        batch::protect(&mut together[..], &mut packets);
        let results: Vec<_> = packets.iter().map(Outgoing::result).collect();
        prop_assert_eq!(&results, &expected);
        prop_assert_eq!(&buffers, &expected_buffers);
        for (together, alone) in together.iter().zip(&alone) {
            prop_assert_eq!(sender_state(together), sender_state(alone));
        }

        // Half of the receivers expect a second generation of keys, which one sender has from somewhere on.
        let receivers = || (0..KINDS).map(|kind| {
            let mut rx = receiver(kind, 0).build().unwrap();
            if kind == rekeyed.index(KINDS) {
                let next = receiver(kind, 1);
                rx.rekey_with(next, RocAfterRekey::KeptOrZero, Overlap::Packets(5)).unwrap();
            }
            rx
        }).collect::<Vec<_>>();
        let (mut together, mut alone) = (receivers(), receivers());
        let genuine: Vec<(usize, Plane, &[u8])> = sent.iter().zip(&results).zip(&buffers)
            .filter_map(|((&(n, rtcp, ..), result), buffer)| {
                let len = (*result)?.ok()?;
                Some((n, plane(rtcp), &buffer[..len]))
            })
            .collect();
        prop_assume!(!genuine.is_empty());
        let arriving: Vec<(usize, Plane, Vec<u8>)> = arrivals.iter().map(|(which, what, at)| {
            let (n, plane, packet) = genuine[which.index(genuine.len())];
            let mut packet = packet.to_vec();
            match what % 8 {
                0 => {
                    let bit = at.index(packet.len() * 8);
                    packet[bit / 8] ^= 1 << (bit % 8);
                }
                1 => packet.truncate(at.index(packet.len())),
                _ => {}
            }
            // Some come to a receiver of another, or of none.
            (if *what == 255 { at.index(KINDS + 2) } else { n }, plane, packet)
        }).collect();

        let mut expected_buffers: Vec<Vec<u8>> = arriving.iter().map(|(.., packet)| packet.clone()).collect();
        let mut expected = Vec::new();
        for ((n, plane, _), packet) in arriving.iter().zip(&mut expected_buffers) {
            expected.push(alone.get_mut(*n).map(|rx| {
                let opened = match plane {
                    Plane::Rtp => rx.unprotect_rtp(packet),
                    _ => rx.unprotect_rtcp(packet),
                };
                opened.map(|plain| plain.len())
            }));
        }
        let mut buffers: Vec<Vec<u8>> = arriving.iter().map(|(.., packet)| packet.clone()).collect();
        let mut packets: Vec<Incoming<'_>> = arriving.iter().zip(&mut buffers)
            .map(|((n, plane, _), buffer)| Incoming::new(*n, *plane, buffer))
            .collect();
        batch::unprotect(&mut together[..], &mut packets);
        let results: Vec<_> = packets.iter().map(Incoming::result).collect();
        prop_assert_eq!(results, expected);
        prop_assert_eq!(buffers, expected_buffers);
        for (together, alone) in together.iter().zip(&alone) {
            prop_assert_eq!(receiver_state(together), receiver_state(alone));
        }
    }
}

#[test]
fn a_forged_packet_changes_nothing_for_its_neighbours_wherever_it_stands() {
    for suite in CryptoSuite::ALL
        .into_iter()
        .filter(|suite| suite.rtp_tag_len() > 0)
    {
        let sealed: Vec<Vec<u8>> = (0..40u16)
            .map(|n| {
                let mut tx = Sender::new(key(suite, 1));
                let mut packet = plain(Plane::Rtp, n.into(), n, &[n as u8; 400]);
                tx.protect_rtp_vec(&mut packet).unwrap();
                packet
            })
            .collect();
        for forged in [0, 1, 15, 16, 31, 32, 39] {
            let mut buffers = sealed.clone();
            *buffers[forged].last_mut().unwrap() ^= 1;
            let mut receivers = [Receiver::new(key(suite, 1))];
            let mut packets: Vec<_> = buffers
                .iter_mut()
                .map(|buffer| Incoming::new(0, Plane::Rtp, buffer))
                .collect();
            batch::unprotect(&mut receivers[..], &mut packets);
            for (n, packet) in packets.iter().enumerate() {
                assert_eq!(packet.plain().is_some(), n != forged, "{suite}, {n}");
            }
            assert_eq!(receivers[0].ssrcs().count(), 39, "{suite}");
        }
    }
}

#[test]
fn what_comes_twice_in_a_batch_is_accepted_once_and_a_batch_that_comes_again_not_at_all() {
    let mut tx = Sender::new(key(SUITE, 1));
    let mut rx = [Receiver::new(key(SUITE, 1))];
    let mut packet = plain(Plane::Rtp, 1, 1, b"once");
    tx.protect_rtp_vec(&mut packet).unwrap();
    let (mut first, mut second) = (packet.clone(), packet.clone());
    let mut packets = [
        Incoming::new(0, Plane::Rtp, &mut first),
        Incoming::new(0, Plane::Rtp, &mut second),
    ];
    batch::unprotect(&mut rx[..], &mut packets);
    let replayed = srtp_sdes::UnprotectError::Replayed { ssrc: 1, index: 1 };
    assert_eq!(packets[0].result(), Some(Ok(16)));
    assert_eq!(packets[1].result(), Some(Err(replayed)));
    let results = packets.each_ref().map(Incoming::result);
    // What has a result is left alone.
    batch::unprotect(&mut rx[..], &mut packets);
    assert_eq!(packets.each_ref().map(Incoming::result), results);
    assert_eq!(second, packet);
}

#[test]
fn a_rollover_counter_follows_from_the_packets_in_front_also_within_a_batch() {
    let sealed = |tx: &mut Sender, seq: u16| {
        let mut packet = plain(Plane::Rtp, 1, seq, &[seq as u8; 1000]);
        tx.protect_rtp_vec(&mut packet).unwrap();
        packet
    };
    let mut tx = Sender::new(key(SUITE, 1));
    let early = sealed(&mut tx, 0);
    let mut tx = Sender::new(key(SUITE, 1));
    let turn = [0xfffe, 0xffff, 0, 1].map(|seq| sealed(&mut tx, seq));
    // Alone, the packet at rollover counter 0 would be a forgery behind the end of that turn.
    for (third, accepted) in [
        (turn[2].clone(), [true; 4]),
        (early, [true, true, false, true]),
    ] {
        let mut packets = turn.clone();
        packets[2] = third;
        let mut rx = [Receiver::new(key(SUITE, 1))];
        // As many more as make it worth to look ahead.
        let mut more = turn.clone();
        let mut incoming: Vec<_> = packets
            .iter_mut()
            .chain(&mut more)
            .map(|it| Incoming::new(0, Plane::Rtp, it))
            .collect();
        batch::unprotect(&mut rx[..], &mut incoming);
        let opened = incoming.iter().take(4).map(|it| it.plain().is_some());
        assert!(opened.eq(accepted));
        assert_eq!(rx[0].roc(1), Some(1));
    }
}

#[test]
fn an_empty_place_is_passed_over_wherever_it_stands() {
    // Alone and side by side.
    for count in [3, 40] {
        let (mut tx, mut rx) = ([Sender::new(key(SUITE, 1))], [Receiver::new(key(SUITE, 1))]);
        let mut buffers: Vec<Vec<u8>> = (0..count)
            .map(|n| plain(Plane::Rtp, 1, n, &[n as u8; 1000]))
            .collect();
        let is_empty = |n: usize| n.is_multiple_of(3);
        let mut packets: Vec<Outgoing<'_>> = Vec::new();
        for (n, buffer) in buffers.iter_mut().enumerate() {
            let len = buffer.len();
            buffer.resize(len + 10, 0);
            packets.push(match is_empty(n) {
                true => Outgoing::default(),
                false => Outgoing::in_place(0, Plane::Rtp, buffer, len),
            });
        }
        batch::protect(&mut tx[..], &mut packets);
        for (n, packet) in packets.iter().enumerate() {
            assert_eq!(packet.result(), (!is_empty(n)).then_some(Ok(1022)), "{n}");
            assert_eq!(packet.protected().is_some(), !is_empty(n));
        }
        let mut packets: Vec<Incoming<'_>> = Vec::new();
        for (n, buffer) in buffers.iter_mut().enumerate() {
            packets.push(match is_empty(n) {
                true => Incoming::default(),
                false => Incoming::new(0, Plane::Rtp, buffer),
            });
        }
        batch::unprotect(&mut rx[..], &mut packets);
        for (n, packet) in packets.iter().enumerate() {
            assert_eq!(packet.result(), (!is_empty(n)).then_some(Ok(1012)), "{n}");
            assert_eq!(packet.plain().is_some(), !is_empty(n));
        }
        // Not even the counts of what is refused tell of it.
        let (sent, received) = (tx[0].statistics().rtp, rx[0].statistics().rtp);
        let full = u64::from(count) - u64::from(count.div_ceil(3));
        assert_eq!((sent.packets, received.packets), (full, full));
        assert_eq!((sent.errors.total(), received.errors.total()), (0, 0));
    }
}

#[test]
fn contexts_may_be_anywhere_that_the_caller_finds_them() {
    struct Calls(BTreeMap<usize, Sender>);
    impl Contexts<Sender> for Calls {
        fn context(&mut self, number: usize) -> Option<&mut Sender> {
            self.0.get_mut(&number)
        }
    }
    let mut calls = Calls([1000, 2000].map(|n| (n, Sender::new(key(SUITE, 1)))).into());
    let rtp = plain(Plane::Rtp, 1, 1, b"hear");
    let mut outs = [[0; 64]; 3];
    let mut packets: Vec<_> = [1000, 2000, 3000]
        .into_iter()
        .zip(&mut outs)
        .map(|(n, out)| Outgoing::copied(n, Plane::Rtp, &rtp, out))
        .collect();
    batch::protect(&mut calls, &mut packets);
    let protected: Vec<_> = packets.iter().map(Outgoing::protected).collect();
    assert!(protected[0].is_some() && protected[0] == protected[1]);
    assert_eq!(protected[2], None);

    let (mut one, mut two) = (
        Sender::new(key(SUITE, 2)),
        Box::new(Sender::new(key(SUITE, 3))),
    );
    let mut out = [0; 64];
    let mut packets = [Outgoing::copied(1, Plane::Rtp, &rtp, &mut out)];
    batch::protect(&mut [&mut one, &mut *two][..], &mut packets);
    assert!(packets[0].protected().is_some());
    assert_eq!((one.ssrcs().count(), two.ssrcs().count()), (0, 1));
}

#[test]
fn if_looking_up_a_context_panics_no_packet_counts_as_protected_that_has_no_tag() {
    /// Panics when it is asked for the n-th time.
    struct Panicking(Sender, usize);
    impl Contexts<Sender> for Panicking {
        fn context(&mut self, _: usize) -> Option<&mut Sender> {
            self.1 = self.1.checked_sub(1).expect("one more");
            Some(&mut self.0)
        }
    }
    let mut interrupted = 0;
    for times in 0..33 {
        let mut senders = Panicking(Sender::new(key(SUITE, 1)), times);
        let mut buffers: Vec<_> = (0..16)
            .map(|seq| plain(Plane::Rtp, 1, seq, &[7; 300]))
            .collect();
        let len = buffers[0].len();
        buffers.iter_mut().for_each(|it| it.resize(len + 40, 0x41));
        let mut packets: Vec<_> = buffers
            .iter_mut()
            .map(|it| Outgoing::in_place(0, Plane::Rtp, it, len))
            .collect();
        let batch = std::panic::AssertUnwindSafe(|| batch::protect(&mut senders, &mut packets));
        interrupted += usize::from(std::panic::catch_unwind(batch).is_err());
        let mut receiver = Receiver::new(key(SUITE, 1));
        for packet in packets {
            if let Some(protected) = packet.protected() {
                receiver.unprotect_rtp(&mut protected.to_vec()).unwrap();
            }
        }
    }
    assert_eq!(interrupted, 32);
}
