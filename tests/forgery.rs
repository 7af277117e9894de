//! Nothing tampered is accepted, and nothing that is refused leaves a trace: a receiver under attack goes on as its twin
//! does, which never saw a forgery.

mod common;

use std::num::NonZeroUsize;

use common::refused::{assert_same_state, refused_one_way};
use common::{PLANES, bytes, key, plain, protect, rtcp, rtp, rtp_with, unprotect};
use srtp_sdes::{
    CryptoSuite, EBitPolicy, KeyDerivationRate, Mki, PacketIndex, Plane, Receiver, ReceiverBuilder,
    Sender, SenderBuilder, SrtcpTag, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const OTHER_SSRC: u32 = 0x8765_4321;

/// A receiver that meets forgeries, and its twin that meets none.
struct Twins {
    attacked: Receiver,
    calm: Receiver,
    forgeries: usize,
}

impl Twins {
    fn new(make: impl Fn() -> Receiver) -> Self {
        Self {
            attacked: make(),
            calm: make(),
            forgeries: 0,
        }
    }

    fn of(suite: CryptoSuite) -> Self {
        Self::new(|| Receiver::new(key(suite, 1)))
    }

    /// A forgery, by each method in turn: it is refused, and neither it nor what is beside it has changed.
    fn attack(&mut self, plane: Plane, forged: &[u8]) -> UnprotectError {
        self.forgeries += 1;
        refused_one_way(&mut self.attacked, self.forgeries, plane, forged)
    }

    /// A packet that nobody tampered with, first or again: both say the same.
    fn deliver(&mut self, plane: Plane, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
        let attacked = unprotect(&mut self.attacked, plane, packet);
        assert_eq!(attacked, unprotect(&mut self.calm, plane, packet));
        self.assert_alike();
        attacked
    }

    /// All that a receiver shows of its state, but for the counts of errors: what it exports is the same to the byte.
    fn assert_alike(&self) {
        let (attacked, calm) = (&self.attacked, &self.calm);
        assert_same_state(attacked, calm);
        assert!(attacked.ssrcs().eq(calm.ssrcs()), "the same streams");
        for ssrc in [SSRC, OTHER_SSRC].into_iter().chain(calm.ssrcs()) {
            assert_eq!(attacked.roc(ssrc), calm.roc(ssrc));
        }
        assert!(attacked.keys().eq(calm.keys()), "the same use of keys");
        let (attacked, calm) = (attacked.statistics(), calm.statistics());
        assert_eq!(attacked.rtp.packets, calm.rtp.packets);
        assert_eq!(attacked.rtcp.packets, calm.rtcp.packets);
    }
}

fn mki(byte: u8) -> Mki {
    Mki::new(&[0xe0, byte]).unwrap()
}

/// Contexts with and without options that change what is looked at before the tag is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    /// Two master keys, whose MKIs differ in one bit.
    TwoKeys,
    /// Epochs of two packets, and a receiver that searches for the ROC of first packets and takes either E bit.
    Rate,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Plain, Self::TwoKeys, Self::Rate];

    fn sender(self, suite: CryptoSuite) -> Sender {
        let rate = KeyDerivationRate::from_exponent(1).unwrap();
        match self {
            Self::Plain => Sender::new(key(suite, 1)),
            Self::TwoKeys => Sender::builder(key(suite, 1).with_mki(mki(0)))
                .add_key(key(suite, 2).with_mki(mki(1)))
                .build()
                .unwrap(),
            Self::Rate => Sender::builder(key(suite, 1))
                .key_derivation_rate(rate)
                .build()
                .unwrap(),
        }
    }

    fn receiver(self, suite: CryptoSuite) -> Receiver {
        let rate = KeyDerivationRate::from_exponent(1).unwrap();
        match self {
            Self::Plain => Receiver::new(key(suite, 1)),
            Self::TwoKeys => Receiver::builder(key(suite, 2).with_mki(mki(1)))
                .add_key(key(suite, 1).with_mki(mki(0)))
                .build()
                .unwrap(),
            Self::Rate => Receiver::builder(key(suite, 1))
                .key_derivation_rate(rate)
                .search_roc()
                .e_bit(EBitPolicy::AcceptEither)
                .build()
                .unwrap(),
        }
    }
}

fn is_authenticated(suite: CryptoSuite, plane: Plane) -> bool {
    match plane {
        Plane::Rtp => suite.rtp_tag_len() != 0,
        Plane::Rtcp => suite.rtcp_tag_len() != 0,
    }
}

/// Every suite and plane whose packets have a tag: all, but for the one that says so in its name.
fn authenticated() -> impl Iterator<Item = (CryptoSuite, Plane)> {
    let all = CryptoSuite::ALL
        .into_iter()
        .flat_map(|suite| PLANES.map(|plane| (suite, plane)));
    let tagged: Vec<_> = all
        .filter(|(suite, plane)| is_authenticated(*suite, *plane))
        .collect();
    assert_eq!(tagged.len(), 2 * (CryptoSuite::ALL.len() - 1));
    tagged.into_iter()
}

/// Protected packets of a stream whose sequence numbers roll over, with CSRCs, extension and payload in turn; beside each the
/// packet that it was made of.
fn stream_over_the_wrap(tx: &mut Sender, plane: Plane) -> Vec<(Vec<u8>, Vec<u8>)> {
    let seqs = (0..14u16).map(|n| 65_530u16.wrapping_add(n));
    seqs.map(|seq| {
        let packet = match (plane, seq % 4) {
            (Plane::Rtp, 0) => rtp_with(SSRC, seq, 2, Some(1), &bytes(3)),
            (_, 1) => plain(plane, SSRC, seq, &[]),
            (_, 2) => plain(plane, SSRC, seq, &bytes(17)),
            _ => plain(plane, SSRC, seq, &bytes(4)),
        };
        (protect(tx, plane, &packet).unwrap(), packet)
    })
    .collect()
}

/// The order in which the 14 packets arrive, some across the roll-over (6 is the first behind it), some again.
const ARRIVALS: [(usize, bool); 20] = [
    (1, true),
    (0, true),
    (1, false),
    (4, true),
    (7, true),
    (5, true),
    (6, true),
    (5, false),
    (3, true),
    (7, false),
    (2, true),
    (10, true),
    (9, true),
    (9, false),
    (3, false),
    (13, true),
    (8, true),
    (11, true),
    (13, false),
    (12, true),
];

/// Lets a stream arrive over a roll-over, and before each packet all that `forge` makes of it.
fn attack_a_stream(
    twins: &mut Twins,
    plane: Plane,
    packets: &[(Vec<u8>, Vec<u8>)],
    mut forge: impl FnMut(&mut Twins, &[u8]),
) {
    for (at, is_first) in ARRIVALS {
        let (protected, packet) = &packets[at];
        forge(twins, protected);
        twins.assert_alike();
        let delivered = twins.deliver(plane, protected);
        match is_first {
            true => assert_eq!(delivered.as_ref(), Ok(packet)),
            false => assert!(matches!(delivered, Err(UnprotectError::Replayed { .. }))),
        }
    }
    let expected = match plane {
        Plane::Rtp => Some(1),
        Plane::Rtcp => None,
    };
    assert_eq!(twins.attacked.roc(SSRC), expected, "over the roll-over");
}

#[test]
fn a_packet_with_any_one_bit_changed_is_refused_without_a_trace() {
    for (suite, plane) in authenticated() {
        for kind in Kind::ALL {
            let packets = stream_over_the_wrap(&mut kind.sender(suite), plane);
            let mut twins = Twins::new(|| kind.receiver(suite));
            attack_a_stream(&mut twins, plane, &packets, |twins, packet| {
                for bit in 0..packet.len() * 8 {
                    let mut forged = packet.to_vec();
                    forged[bit / 8] ^= 1 << (bit % 8);
                    twins.attack(plane, &forged);
                }
            });
        }
    }
}

#[test]
fn a_packet_that_is_cut_or_lengthened_is_refused_without_a_trace() {
    for (suite, plane) in authenticated() {
        for kind in Kind::ALL {
            let packets = stream_over_the_wrap(&mut kind.sender(suite), plane);
            let mut twins = Twins::new(|| kind.receiver(suite));
            attack_a_stream(&mut twins, plane, &packets, |twins, packet| {
                for len in 0..packet.len() {
                    twins.attack(plane, &packet[..len]);
                    // Cut in the middle, so that the end is what it was.
                    let cut = [&packet[..len], &packet[len + 1..]].concat();
                    twins.attack(plane, &cut);
                }
                for more in 1..=20 {
                    twins.attack(plane, &[packet, &vec![0; more]].concat());
                    let repeated = &packet[packet.len() - more.min(packet.len())..];
                    twins.attack(plane, &[packet, repeated].concat());
                    let at = packet.len() / 2;
                    twins.attack(
                        plane,
                        &[&packet[..at], &vec![0; more], &packet[at..]].concat(),
                    );
                }
                twins.attack(plane, &[packet, packet].concat());
            });
        }
    }
}

/// Do packets of both suites under the same bytes of master key carry the same tag? Where they do, no receiver can
/// tell them apart: HMAC suites of one length of key authenticate alike (RFC 3711 §4.2, §4.3).
fn authenticate_alike(one: CryptoSuite, other: CryptoSuite, plane: Plane) -> bool {
    let tag = |suite: CryptoSuite| match plane {
        Plane::Rtp => suite.rtp_tag_len(),
        Plane::Rtcp => suite.rtcp_tag_len(),
    };
    let is_hmac = |suite: CryptoSuite| !suite.is_aead();
    one == other
        || (is_hmac(one)
            && is_hmac(other)
            && one.key_len() == other.key_len()
            && tag(one) == tag(other))
}

#[test]
fn packets_of_another_key_suite_direction_plane_or_roc_are_refused_without_a_trace() {
    for (suite, plane) in authenticated() {
        let of = |tx: &mut Sender| stream_over_the_wrap(tx, plane);
        let packets = of(&mut Sender::new(key(suite, 1)));
        let mut foreign: Vec<Vec<u8>> = Vec::new();
        let mut take = |packets: Vec<(Vec<u8>, Vec<u8>)>| {
            foreign.extend(packets.into_iter().map(|(protected, _)| protected));
        };
        // What this side sends, come back to it; and what anybody else sends.
        take(of(&mut Sender::new(key(suite, 2))));
        // Under a master key that differs in one bit, of the key or of the salt.
        for bit in [
            0,
            suite.key_len() * 8 - 1,
            suite.key_len() * 8,
            suite.key_and_salt_len() * 8 - 1,
        ] {
            let mut secret = key(suite, 1).secret_key_and_salt().to_vec();
            secret[bit / 8] ^= 0x80 >> (bit % 8);
            let near = srtp_sdes::MasterKey::new(suite, &secret).unwrap();
            take(of(&mut Sender::new(near)));
        }
        for other in CryptoSuite::ALL {
            if !authenticate_alike(suite, other, plane) {
                take(of(&mut Sender::new(key(other, 1))));
            }
        }
        let rate = KeyDerivationRate::from_exponent(1).unwrap();
        let of_rate = of(&mut Sender::builder(key(suite, 1))
            .key_derivation_rate(rate)
            .build()
            .unwrap());
        // In its first epoch the rate makes no difference.
        take(of_rate.into_iter().skip(2).collect());
        if plane == Plane::Rtp {
            for roc in [2, 3, 0xffff, 0x1_0000, u32::MAX - 1] {
                take(of(&mut Sender::builder(key(suite, 1))
                    .initial_roc(roc)
                    .build()
                    .unwrap()));
            }
        }
        // Never protected at all.
        foreign.extend(packets.iter().map(|(_, packet)| packet.clone()));

        let mut twins = Twins::of(suite);
        attack_a_stream(&mut twins, plane, &packets, |twins, packet| {
            for forged in &foreign {
                twins.attack(plane, forged);
            }
            // Of another SSRC, which has sent nothing or of which this is a copy.
            for ssrc in [OTHER_SSRC, 0, u32::MAX] {
                twins.attack(plane, &of_ssrc(plane, packet, ssrc));
            }
            // With the trailer of another packet.
            for (other, _) in &packets {
                let trailer = 10.min(packet.len()).min(other.len());
                let mut forged = packet.to_vec();
                let end = forged.len() - trailer;
                forged[end..].copy_from_slice(&other[other.len() - trailer..]);
                if forged != packet {
                    twins.attack(plane, &forged);
                }
            }
        });

        // SRTP is no SRTCP, nor the other way round.
        let other_plane = match plane {
            Plane::Rtp => Plane::Rtcp,
            Plane::Rtcp => Plane::Rtp,
        };
        for (packet, _) in &packets {
            twins.attack(other_plane, packet);
        }
        twins.assert_alike();
    }
}

#[test]
fn a_packet_under_one_key_with_the_mki_of_another_is_refused_without_a_trace() {
    for (suite, plane) in authenticated() {
        let mut tx = Kind::TwoKeys.sender(suite);
        let packets = stream_over_the_wrap(&mut tx, plane);
        let mut twins = Twins::new(|| Kind::TwoKeys.receiver(suite));
        attack_a_stream(&mut twins, plane, &packets, |twins, packet| {
            let end = match (suite.is_aead(), plane) {
                (true, _) => packet.len(),
                (false, Plane::Rtp) => packet.len() - suite.rtp_tag_len(),
                (false, Plane::Rtcp) => packet.len() - suite.rtcp_tag_len(),
            };
            assert_eq!(packet[end - 2..end], *mki(0).as_bytes());
            let ssrc = SSRC;
            for unknown in 2..=255 {
                let mut forged = packet.to_vec();
                forged[end - 1] = unknown;
                let refused = twins.attack(plane, &forged);
                let replayed = matches!(refused, UnprotectError::Replayed { .. });
                assert!(replayed || refused == UnprotectError::UnknownMki { ssrc });
            }
            let mut forged = packet.to_vec();
            forged[end - 1] = 1;
            let refused = twins.attack(plane, &forged);
            let replayed = matches!(refused, UnprotectError::Replayed { .. });
            assert!(replayed || refused == UnprotectError::AuthenticationFailed { ssrc });
        });
    }
}

/// `packet` under another SSRC.
fn of_ssrc(plane: Plane, packet: &[u8], ssrc: u32) -> Vec<u8> {
    let at = match plane {
        Plane::Rtp => 8,
        Plane::Rtcp => 4,
    };
    let mut packet = packet.to_vec();
    packet[at..at + 4].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

#[test]
fn a_flood_of_forged_ssrcs_makes_no_stream_and_takes_no_place() {
    for (suite, plane) in authenticated() {
        let mut twins = Twins::new(|| {
            let two = NonZeroUsize::new(2).unwrap();
            Receiver::builder(key(suite, 1))
                .most_streams(two)
                .build()
                .unwrap()
        });
        let (mut tx, mut forger) = (Sender::new(key(suite, 1)), Sender::new(key(suite, 2)));
        let forged = protect(&mut forger, plane, &plain(plane, SSRC, 1, &bytes(3))).unwrap();
        let flood = |twins: &mut Twins| {
            for n in 0..500u32 {
                let ssrc = n.wrapping_mul(0x9e37_79b9);
                let forged = of_ssrc(plane, &forged, ssrc);
                let refused = twins.attack(plane, &forged);
                assert_eq!(refused, UnprotectError::AuthenticationFailed { ssrc });
            }
            twins.assert_alike();
        };
        flood(&mut twins);
        assert_eq!(twins.attacked.ssrcs().count(), 0);
        for ssrc in [SSRC, OTHER_SSRC] {
            let packet = plain(plane, ssrc, 1, &bytes(3));
            let protected = protect(&mut tx, plane, &packet).unwrap();
            assert_eq!(twins.deliver(plane, &protected), Ok(packet), "{suite}");
            flood(&mut twins);
        }
        assert!(twins.attacked.ssrcs().eq([SSRC, OTHER_SSRC]));

        // The cap is for those that authenticate.
        let one_more = protect(&mut tx, plane, &plain(plane, 5, 1, &[])).unwrap();
        let full = UnprotectError::TooManyStreams { ssrc: 5, most: 2 };
        assert_eq!(twins.deliver(plane, &one_more), Err(full));
        assert!(twins.attacked.ssrcs().eq([SSRC, OTHER_SSRC]));
    }
}

#[test]
fn a_forged_sequence_number_far_ahead_moves_neither_roc_nor_window() {
    for (suite, _) in authenticated().filter(|(_, plane)| *plane == Plane::Rtp) {
        for (roc, start) in [
            (0, 5),
            (0, 0x7fff),
            (0, 0x8000),
            (0, 0xfff0),
            (7, 3),
            (7, 0xffff),
        ] {
            let mut tx = Sender::builder(key(suite, 1))
                .initial_roc(roc)
                .build()
                .unwrap();
            let mut twins = Twins::new(|| {
                Receiver::builder(key(suite, 1))
                    .initial_roc(roc)
                    .build()
                    .unwrap()
            });
            let mut seq: u16 = start;
            for _ in 0..20 {
                let packet = rtp(SSRC, seq, &bytes(4));
                let protected = protect(&mut tx, Plane::Rtp, &packet).unwrap();
                assert_eq!(twins.deliver(Plane::Rtp, &protected), Ok(packet), "{suite}");
                let reached = PacketIndex::new(twins.calm.roc(SSRC).unwrap(), seq);
                assert_eq!(twins.attacked.roc(SSRC), tx.roc(SSRC));
                for ahead in [
                    1, 1024, 0x4000, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfc00, 0xffff,
                ] {
                    let mut forged = protected.clone();
                    let claimed = seq.wrapping_add(ahead);
                    forged[2..4].copy_from_slice(&claimed.to_be_bytes());
                    twins.attack(Plane::Rtp, &forged);
                    assert_eq!(twins.attacked.roc(SSRC), Some(reached.roc()), "{suite}");
                }
                // Still in the window, were it not for having been seen.
                let replayed = twins.deliver(Plane::Rtp, &protected);
                let index = reached.value();
                assert_eq!(
                    replayed,
                    Err(UnprotectError::Replayed { ssrc: SSRC, index })
                );
                seq = seq.wrapping_add(1);
            }
        }
    }
}

#[test]
fn a_forged_srtcp_index_at_the_end_of_the_numbers_does_not_poison_the_stream() {
    for (suite, _) in authenticated().filter(|(_, plane)| *plane == Plane::Rtcp) {
        let (mut tx, mut twins) = (Sender::new(key(suite, 1)), Twins::of(suite));
        for n in 0..20 {
            let packet = rtcp(SSRC, &bytes(4));
            let protected = protect(&mut tx, Plane::Rtcp, &packet).unwrap();
            let end = match suite.is_aead() {
                true => protected.len(),
                false => protected.len() - suite.rtcp_tag_len(),
            };
            let word = protected[end - 4..end]
                .try_into()
                .map(u32::from_be_bytes)
                .unwrap();
            assert_eq!(word & 0x7fff_ffff, n);
            for index in [
                0x7fff_ffff,
                0x7fff_fffe,
                0x4000_0000,
                n + 1,
                n + 1023,
                n + 1024,
            ] {
                for e_bit in [0, 1 << 31] {
                    let mut forged = protected.clone();
                    forged[end - 4..end].copy_from_slice(&(e_bit | index).to_be_bytes());
                    let refused = twins.attack(Plane::Rtcp, &forged);
                    let failed = UnprotectError::AuthenticationFailed { ssrc: SSRC };
                    assert_eq!(refused, failed, "{suite}");
                }
            }
            assert_eq!(
                twins.deliver(Plane::Rtcp, &protected),
                Ok(packet),
                "{suite}"
            );
        }
    }
}

#[test]
fn a_forged_packet_uses_up_no_roc_that_was_set_and_brings_no_removed_stream_back() {
    for (suite, _) in authenticated().filter(|(_, plane)| *plane == Plane::Rtp) {
        let mut tx = Sender::builder(key(suite, 1))
            .initial_roc(9)
            .build()
            .unwrap();
        let mut twins = Twins::of(suite);
        let forge = |twins: &mut Twins, seq| {
            for plane in PLANES {
                let mut forger = Sender::new(key(suite, 2));
                let packet = plain(plane, SSRC, seq, &bytes(4));
                let forged = protect(&mut forger, plane, &packet).unwrap();
                twins.attack(plane, &forged);
            }
            twins.assert_alike();
        };
        let mut genuine = |twins: &mut Twins, seq| {
            for plane in PLANES {
                let packet = plain(plane, SSRC, seq, &bytes(4));
                let protected = protect(&mut tx, plane, &packet).unwrap();
                assert_eq!(twins.deliver(plane, &protected), Ok(packet), "{suite}");
            }
        };
        twins.attacked.set_roc(SSRC, 9).unwrap();
        twins.calm.set_roc(SSRC, 9).unwrap();
        forge(&mut twins, 100);
        assert_eq!(twins.attacked.roc(SSRC), Some(9));
        genuine(&mut twins, 100);

        assert!(twins.attacked.remove_stream(SSRC) && twins.calm.remove_stream(SSRC));
        forge(&mut twins, 101);
        assert_eq!(twins.attacked.ssrcs().count(), 0, "{suite}");
        genuine(&mut twins, 101);
        assert!(twins.attacked.ssrcs().eq([SSRC]), "{suite}");
    }
}

/// Receivers that cannot authenticate SRTP, because the caller asked for it by name.
fn waived() -> impl Iterator<Item = (CryptoSuite, bool)> {
    let by_option = CryptoSuite::ALL
        .into_iter()
        .filter(|suite| !suite.is_aead());
    by_option
        .map(|suite| (suite, true))
        .chain([(CryptoSuite::AesCm128NullAuth, false)])
}

fn waived_sender(suite: CryptoSuite, by_option: bool) -> SenderBuilder {
    match by_option {
        true => Sender::builder(key(suite, 1)).unauthenticated_srtp(),
        false => Sender::builder(key(suite, 1)),
    }
}

fn waived_receiver(suite: CryptoSuite, by_option: bool) -> ReceiverBuilder {
    match by_option {
        true => Receiver::builder(key(suite, 1)).unauthenticated_srtp(),
        false => Receiver::builder(key(suite, 1)),
    }
}

/// The greatest step ahead that is taken without authentication.
const JUMP: u16 = 1 << 14;

#[test]
fn without_authentication_srtp_runs_ahead_by_2_to_the_14_at_most() {
    for (suite, by_option) in waived() {
        let mut sender = waived_sender(suite, by_option).build().unwrap();
        let mut twins = Twins::new(|| waived_receiver(suite, by_option).build().unwrap());
        // Four steps to a roll-over, so that one goes over it from every place there is.
        let mut seq: u16 = 3;
        for step in [0, JUMP, JUMP, 1, JUMP, JUMP, JUMP, JUMP, 17, JUMP, JUMP] {
            seq = seq.wrapping_add(step);
            let packet = rtp(SSRC, seq, &bytes(4));
            let protected = protect(&mut sender, Plane::Rtp, &packet).unwrap();
            assert_eq!(twins.deliver(Plane::Rtp, &protected), Ok(packet), "{suite}");
            assert_eq!(twins.attacked.roc(SSRC), sender.roc(SSRC));
            let highest = PacketIndex::new(twins.attacked.roc(SSRC).unwrap(), seq).value();
            for ahead in [JUMP + 1, JUMP + 2, 0x7ffe, 0x7fff] {
                let mut forged = protected.clone();
                forged[2..4].copy_from_slice(&seq.wrapping_add(ahead).to_be_bytes());
                let refused = twins.attack(Plane::Rtp, &forged);
                let (ssrc, index) = (SSRC, highest + u64::from(ahead));
                let jump = UnprotectError::JumpTooFar {
                    ssrc,
                    index,
                    highest,
                };
                assert_eq!(refused, jump, "{suite}");
            }
            // Half the sequence numbers away is behind the window, whichever way it is taken.
            for far in [0x8001, 0x8100] {
                let mut forged = protected.clone();
                forged[2..4].copy_from_slice(&seq.wrapping_add(far).to_be_bytes());
                let refused = twins.attack(Plane::Rtp, &forged);
                assert!(matches!(refused, UnprotectError::TooOld { .. }), "{suite}");
            }
            let replayed = twins.deliver(Plane::Rtp, &protected);
            assert!(matches!(replayed, Err(UnprotectError::Replayed { .. })));
        }
    }
}

#[test]
fn with_authentication_srtp_runs_ahead_as_far_as_the_estimate_goes() {
    for (suite, _) in authenticated().filter(|(_, plane)| *plane == Plane::Rtp) {
        let (mut tx, mut rx) = (Sender::new(key(suite, 1)), Receiver::new(key(suite, 1)));
        let mut seq: u16 = 3;
        for step in [0, JUMP, JUMP + 1, 0x7fff, 0x7fff, 0x7fff] {
            seq = seq.wrapping_add(step);
            let packet = rtp(SSRC, seq, &bytes(4));
            let protected = protect(&mut tx, Plane::Rtp, &packet).unwrap();
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &protected),
                Ok(packet),
                "{suite}"
            );
        }
    }
}

#[test]
fn without_authentication_srtcp_runs_ahead_by_2_to_the_14_at_most() {
    let suite = CryptoSuite::AesCm128NullAuth;
    assert_eq!(suite.rtcp_tag_len(), 0);
    let mut sender = Sender::new(key(suite, 1));
    let mut twins = Twins::of(suite);
    let at_index = |protected: &[u8], index: u32| {
        let mut packet = protected.to_vec();
        let word = packet.len() - 4..;
        packet[word].copy_from_slice(&(index | 1 << 31).to_be_bytes());
        packet
    };
    let made = protect(&mut sender, Plane::Rtcp, &rtcp(SSRC, &[])).unwrap();
    let jump = u32::from(JUMP);
    let mut index = 0;
    for step in [0, jump, 1, jump, jump, jump] {
        index += step;
        let packet = twins.deliver(Plane::Rtcp, &at_index(&made, index));
        assert_eq!(packet, Ok(rtcp(SSRC, &[])));
        for ahead in [jump + 1, 1 << 16, 0x7fff_ffff - index] {
            let refused = twins.attack(Plane::Rtcp, &at_index(&made, index + ahead));
            let expected = UnprotectError::JumpTooFar {
                ssrc: SSRC,
                index: u64::from(index + ahead),
                highest: u64::from(index),
            };
            assert_eq!(refused, expected);
        }
        twins.assert_alike();
    }
}

#[test]
fn streams_that_nobody_authenticated_count_towards_the_cap() {
    for (suite, by_option) in waived() {
        for plane in PLANES {
            if plane == Plane::Rtcp && is_authenticated(suite, plane) {
                continue;
            }
            let three = NonZeroUsize::new(3).unwrap();
            let mut tx = waived_sender(suite, by_option).build().unwrap();
            let mut twins = Twins::new(|| {
                let rx = waived_receiver(suite, by_option);
                rx.most_streams(three).build().unwrap()
            });
            for ssrc in 1..=3 {
                let packet = plain(plane, ssrc, 1, &bytes(4));
                let protected = protect(&mut tx, plane, &packet).unwrap();
                assert_eq!(twins.deliver(plane, &protected), Ok(packet), "{suite}");
            }
            for ssrc in 4..=100 {
                let packet = plain(plane, ssrc, 1, &bytes(4));
                let protected = protect(&mut tx, plane, &packet).unwrap();
                let refused = twins.attack(plane, &protected);
                let full = UnprotectError::TooManyStreams { ssrc, most: 3 };
                assert_eq!(refused, full, "{suite}");
            }
            assert!(twins.attacked.ssrcs().eq(1..=3), "{suite}");
            twins.assert_alike();
            let packet = plain(plane, 3, 2, &bytes(4));
            let protected = protect(&mut tx, plane, &packet).unwrap();
            assert_eq!(twins.deliver(plane, &protected), Ok(packet), "{suite}");
        }
    }
}

#[test]
fn srtcp_keeps_its_tag_when_srtp_has_none() {
    for (suite, by_option) in waived() {
        // The suite without authentication has an SRTCP tag on demand.
        let tag = match suite {
            CryptoSuite::AesCm128NullAuth => SrtcpTag::Bytes10,
            _ => SrtcpTag::OfSuite,
        };
        let mut tx = waived_sender(suite, by_option)
            .srtcp_tag(tag)
            .build()
            .unwrap();
        assert_eq!((tx.rtp_overhead(), tx.rtcp_overhead()), (0, 14), "{suite}");
        let mut twins = Twins::new(|| {
            waived_receiver(suite, by_option)
                .srtcp_tag(tag)
                .build()
                .unwrap()
        });
        let packets = stream_over_the_wrap(&mut tx, Plane::Rtcp);
        attack_a_stream(&mut twins, Plane::Rtcp, &packets, |twins, packet| {
            for bit in 0..packet.len() * 8 {
                let mut forged = packet.to_vec();
                forged[bit / 8] ^= 1 << (bit % 8);
                twins.attack(Plane::Rtcp, &forged);
            }
        });
    }
}
