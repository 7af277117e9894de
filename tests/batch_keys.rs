//! Batches compute codes before they know whose packets they are: what comes in is decided by what its receiver is when its turn comes.

mod common;

use common::{key, plain};
use srtp_sdes::batch::{self, Contexts, Incoming};
use srtp_sdes::{
    CryptoSuite, Mki, Overlap, Plane, Receiver, RocAfterRekey, Sender, SrtcpTag, UnprotectError,
};
use std::collections::HashSet;

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;

/// A packet that comes in: the number of its receiver, its plane, its bytes.
type Arriving = (usize, Plane, Vec<u8>);

/// Receivers that are no longer what they were once a batch has asked for so many of them.
struct Changing<'c> {
    receivers: Vec<Receiver>,
    asked: usize,
    when: usize,
    change: &'c dyn Fn(&mut Vec<Receiver>),
}

impl Contexts<Receiver> for Changing<'_> {
    fn context(&mut self, number: usize) -> Option<&mut Receiver> {
        if self.asked == self.when {
            (self.change)(&mut self.receivers);
        }
        self.asked += 1;
        self.receivers.get_mut(number)
    }
}

/// What came of a batch in which something changed when a receiver was asked for the `when`th time.
struct Outcome {
    results: Vec<Option<Result<usize, UnprotectError>>>,
    packets: Vec<Arriving>,
    receivers: Vec<Receiver>,
    asked: usize,
}

fn unprotect(
    receivers: Vec<Receiver>,
    mut packets: Vec<Arriving>,
    when: usize,
    change: &dyn Fn(&mut Vec<Receiver>),
) -> Outcome {
    let mut incoming: Vec<_> = packets
        .iter_mut()
        .map(|(number, plane, packet)| Incoming::new(*number, *plane, packet))
        .collect();
    let mut contexts = Changing {
        receivers,
        asked: 0,
        when,
        change,
    };
    batch::unprotect(&mut contexts, &mut incoming);
    let results = incoming.iter().map(Incoming::result).collect();
    Outcome {
        results,
        packets,
        receivers: contexts.receivers,
        asked: contexts.asked,
    }
}

impl Outcome {
    /// Had it changed when the turn of the `n`th packet came? A batch asks for each receiver at its packet's turn, and before that to look ahead.
    fn had_changed(&self, when: usize, n: usize) -> bool {
        when <= self.asked - self.packets.len() + n
    }
}

/// All that can be seen of a receiver from without.
fn state(rx: &Receiver) -> String {
    let keys: Vec<_> = rx.keys().map(|(_, usage)| usage).collect();
    format!("{keys:?} {:?} {:?}", rx.statistics(), rx.export_state())
}

#[test]
fn a_code_under_one_receivers_key_proves_nothing_to_another_that_takes_its_number() {
    // Whose packet it is, its sequence number, and its bytes: of streams that are all alike but for the key.
    let of_two = [(0usize, [1, 2]), (1, [3, 4])].map(|(owner, seqs)| {
        let mut tx = Sender::new(key(SUITE, owner as u8));
        seqs.map(|seq| {
            let mut packet = plain(Plane::Rtp, 1, seq, &[7; 300]);
            tx.protect_rtp_vec(&mut packet).unwrap();
            (owner, seq, packet)
        })
    });
    // Each for each of the numbers.
    let given: Vec<_> = of_two
        .iter()
        .flatten()
        .flat_map(|(owner, seq, packet)| [0, 1].map(|number| (*owner, *seq, number, packet)))
        .collect();
    for (turned, is_reversed) in (0..given.len()).flat_map(|n| [(n, false), (n, true)]) {
        let mut given = given.clone();
        given.rotate_left(turned);
        if is_reversed {
            given.reverse();
        }
        // A batch asks for each receiver three times at most, and then nothing changes.
        for when in 0..=3 * given.len() {
            let arriving = given
                .iter()
                .map(|&(_, _, number, packet)| (number, Plane::Rtp, packet.clone()))
                .collect();
            let receivers = [0, 1].map(|owner| Receiver::new(key(SUITE, owner)));
            let outcome = unprotect(receivers.into(), arriving, when, &|rx| rx.swap(0, 1));

            let mut accepted = HashSet::new();
            for (n, &(owner, seq, number, packet)) in given.iter().enumerate() {
                // Whose receiver has this number now.
                let holder = number ^ usize::from(outcome.had_changed(when, n));
                let (ssrc, index) = (1, seq.into());
                let expected = match holder == owner {
                    true if accepted.insert(seq) => Ok(312),
                    true => Err(UnprotectError::Replayed { ssrc, index }),
                    false => Err(UnprotectError::AuthenticationFailed { ssrc }),
                };
                let says = format!("{turned} {is_reversed} {when} {n}");
                assert_eq!(outcome.results[n], Some(expected), "{says}");
                let (_, _, now) = &outcome.packets[n];
                match expected {
                    Ok(plain) => assert_eq!(now[12..plain], [7; 300], "{says}"),
                    Err(_) => assert_eq!(now, packet, "{says}"),
                }
            }
        }
    }
}

#[test]
fn what_a_receiver_is_at_a_packets_turn_decides_whatever_it_was_when_the_batch_looked_ahead() {
    let keyed = |seed: u8, mki: u128| key(SUITE, seed).with_mki(Mki::from_value(mki, 1).unwrap());
    let mki = |value| Mki::from_value(value, 1).unwrap();
    // Three streams, of which nothing has come yet.
    let receivers = || -> Vec<Receiver> {
        let builder = Receiver::builder(keyed(1, 1)).add_key(keyed(2, 2));
        let mut rx = builder.build().unwrap();
        for ssrc in [10, 20, 30] {
            rx.set_roc(ssrc, 0).unwrap();
        }
        vec![rx, Receiver::new(keyed(3, 1))]
    };
    type Change<'c> = (&'c str, &'c dyn Fn(&mut Vec<Receiver>));
    let changes: [Change<'_>; 10] = [
        ("nothing changes", &|_| {}),
        ("it has another number", &|rx| rx.swap(0, 1)),
        ("it is gone", &|rx| rx.truncate(1)),
        ("another has its place", &|rx| {
            rx[0] = Receiver::new(keyed(4, 1))
        }),
        ("it has another key", &|rx| {
            rx[0].rekey(keyed(4, 1)).unwrap()
        }),
        ("another key has the MKI", &|rx| {
            rx[0].remove_key(&mki(1)).unwrap();
            rx[0].add_key(keyed(4, 1)).unwrap();
        }),
        ("it has the next keys too", &|rx| {
            let (next, roc) = (Receiver::builder(keyed(4, 1)), RocAfterRekey::ZeroOrKept);
            rx[0].rekey_with(next, roc, Overlap::Packets(3)).unwrap();
        }),
        ("a stream is gone, and others have moved up", &|rx| {
            rx[0].remove_stream(10);
        }),
        ("a new stream has the place of another", &|rx| {
            rx[0].remove_stream(20);
            rx[0].set_roc(11, 0).unwrap();
        }),
        ("a stream is elsewhere", &|rx| rx[0].set_roc(10, 5).unwrap()),
    ];
    // Under keys that are there, and one that comes or is nobody's, for either of two numbers. The first stream is new, and moves the others on.
    let keys = [keyed(1, 1), keyed(2, 2), keyed(3, 1), keyed(4, 1)];
    let streams = [
        (Plane::Rtp, 5),
        (Plane::Rtp, 10),
        (Plane::Rtp, 20),
        (Plane::Rtcp, 30),
    ];
    let mut arriving: Vec<Arriving> = Vec::new();
    for (seq, key) in (0u16..).zip(keys) {
        let mut tx = Sender::new(key);
        for (plane, ssrc) in streams {
            let mut packet = plain(plane, ssrc, seq, &[7; 300]);
            match plane {
                Plane::Rtp => tx.protect_rtp_vec(&mut packet).unwrap(),
                _ => tx.protect_rtcp_vec(&mut packet).unwrap(),
            }
            arriving.extend([0, 1].map(|number| (number, plane, packet.clone())));
        }
    }
    assert!(arriving.len() <= 32, "a batch looks at so many together");
    for (says, change) in changes {
        for when in 0..=3 * arriving.len() {
            let outcome = unprotect(receivers(), arriving.clone(), when, change);

            let (mut alone, mut is_changed) = (receivers(), false);
            for (n, (number, plane, packet)) in arriving.iter().enumerate() {
                if !is_changed && outcome.had_changed(when, n) {
                    change(&mut alone);
                    is_changed = true;
                }
                let mut packet = packet.clone();
                let expected = alone.get_mut(*number).map(|rx| {
                    let opened = match plane {
                        Plane::Rtp => rx.unprotect_rtp(&mut packet),
                        _ => rx.unprotect_rtcp(&mut packet),
                    };
                    opened.map(|plain| plain.len())
                });
                assert_eq!(outcome.results[n], expected, "{says}, {when}, {n}");
                assert_eq!(outcome.packets[n].2, packet, "{says}, {when}, {n}");
            }
            let states = |receivers: &[Receiver]| receivers.iter().map(state).collect::<Vec<_>>();
            assert_eq!(states(&outcome.receivers), states(&alone), "{says}, {when}");
        }
    }
}

#[test]
fn a_code_over_a_part_of_a_packet_proves_nothing_for_the_whole() {
    let suite = CryptoSuite::AesCm128HmacSha1_32;
    let sealed = |tag: SrtcpTag, ssrc: u32| {
        let builder = Sender::builder(key(suite, 1)).srtcp_tag(tag);
        let mut packet = plain(Plane::Rtcp, ssrc, 0, &[7; 300]);
        let mut tx = builder.build().unwrap();
        tx.protect_rtcp_vec(&mut packet).unwrap();
        packet
    };
    // The same for every stream: who takes tags of either length looks ahead for one of them, 10 bytes here.
    let of_ten = |ssrc| (sealed(SrtcpTag::Bytes10, ssrc), true);
    let of_four = |ssrc| (sealed(SrtcpTag::Bytes4, ssrc), true);
    // As what has a tag of 4 bytes it has 6 more in front of them, the last of them for the E bit and the index.
    let forged = |ssrc| {
        let mut packet = sealed(SrtcpTag::Bytes10, ssrc);
        let tag = packet.len() - 10;
        let leading: [u8; 4] = packet[tag..tag + 4].try_into().unwrap();
        packet.truncate(tag);
        packet.extend([0, 0, 0x80, 0, 0, 9]);
        packet.extend(leading);
        (packet, false)
    };
    let packets: [&dyn Fn(u32) -> (Vec<u8>, bool); 3] = [&of_ten, &of_four, &forged];
    // In every order of the first three, and as many more as make it worth to look ahead.
    for [a, b, c] in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let order = [a, b, c, 0, 0, 0, 0, 0];
        let given: Vec<_> = (1..)
            .zip(order)
            .map(|(ssrc, which)| packets[which](ssrc))
            .collect();
        let builder = Receiver::builder(key(suite, 1)).accept_either_srtcp_tag();
        let arriving = given
            .iter()
            .map(|(packet, _)| (0, Plane::Rtcp, packet.clone()))
            .collect();
        let rx = vec![builder.build().unwrap()];
        let outcome = unprotect(rx, arriving, usize::MAX, &|_| {});
        for (n, (_, is_genuine)) in given.iter().enumerate() {
            let is_accepted = matches!(outcome.results[n], Some(Ok(_)));
            assert_eq!(is_accepted, *is_genuine, "{order:?}, {n}");
        }
    }
}
