//! The rollover counter in authentication tags (RFC 4771): held against packets from elsewhere, among loss, forgery and re-keys, in all three modes.

mod common;

use std::num::NonZeroU16;

use common::{bytes, hex, key, oracle, plain, protect, read_json, rtcp, rtp, rtp_with, unprotect};
use proptest::prelude::*;
use serde::Deserialize;
use srtp_sdes::{
    BuildError, Builder, Cryptex, CryptoSuite, KeyDerivationRate, MasterKey, Mki, Overlap,
    PacketIndex, Plane, ProtectError, Receiver, ReceiverOptions, RocAfterRekey, RocCarry, RocError,
    Sender, StateError, UnprotectError,
};

const SUITE: CryptoSuite = CryptoSuite::AesCm128HmacSha1_80;
const SSRC: u32 = 0xcafe_babe;
const RTP: Plane = Plane::Rtp;

fn rccm(mode: u8, rate: u16) -> RocCarry {
    let rate = NonZeroU16::new(rate).unwrap();
    match mode {
        1 => RocCarry::rccm1_unauthenticated_between(rate),
        2 => RocCarry::rccm2(rate),
        _ => RocCarry::rccm3_unauthenticated(rate),
    }
}

fn with_hmac() -> impl Iterator<Item = CryptoSuite> {
    CryptoSuite::ALL
        .into_iter()
        .filter(|suite| !suite.is_aead() && suite.rtp_tag_len() > 0)
}

fn sender(carry: RocCarry) -> Sender {
    Sender::builder(key(SUITE, 1))
        .roc_carry(carry)
        .build()
        .unwrap()
}

fn for_receiver(carry: RocCarry) -> Builder<ReceiverOptions> {
    Receiver::builder(key(SUITE, 1)).roc_carry(carry)
}

fn receiver(carry: RocCarry) -> Receiver {
    for_receiver(carry).build().unwrap()
}

/// The plain packet at `index`.
fn at(index: u64) -> Vec<u8> {
    rtp(SSRC, index as u16, &index.to_be_bytes().repeat(3))
}

/// The packet at `index` under the key of this seed, protected.
fn sealed_under(seed: u8, carry: RocCarry, index: u64) -> Vec<u8> {
    let builder = Sender::builder(key(SUITE, seed)).roc_carry(carry);
    let mut tx = builder.initial_roc((index >> 16) as u32).build().unwrap();
    protect(&mut tx, RTP, &at(index)).unwrap()
}

fn sealed(carry: RocCarry, index: u64) -> Vec<u8> {
    sealed_under(1, carry, index)
}

fn index(roc: u64, seq: u64) -> u64 {
    roc << 16 | seq
}

/// All that forged packets must not change.
fn state(rx: &Receiver) -> impl PartialEq + std::fmt::Debug + use<> {
    let streams: Vec<_> = rx.ssrcs().map(|ssrc| (ssrc, rx.roc(ssrc))).collect();
    let keys: Vec<_> = rx.keys().map(|(_, usage)| usage).collect();
    (streams, keys)
}

#[derive(Deserialize)]
struct Vectors {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    suite: String,
    key_and_salt_hex: String,
    mode: u8,
    rate: u16,
    tag_len: Option<usize>,
    mki_hex: String,
    kdr_exponent: Option<u8>,
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Packet {
    roc: u32,
    plain_hex: String,
    protected_hex: String,
}

impl Case {
    fn options<D>(&self, builder: Builder<D>) -> Builder<D> {
        let mut carry = rccm(self.mode, self.rate);
        if let Some(bytes) = self.tag_len {
            carry = carry.tag_len(bytes);
        }
        let builder = builder.roc_carry(carry).initial_roc(self.packets[0].roc);
        match self.kdr_exponent {
            None => builder,
            Some(n) => builder.key_derivation_rate(KeyDerivationRate::from_exponent(n).unwrap()),
        }
    }

    fn key(&self) -> MasterKey {
        let suite = self.suite.parse().unwrap();
        let key = MasterKey::new(suite, &hex(&self.key_and_salt_hex)).unwrap();
        match hex(&self.mki_hex) {
            mki if mki.is_empty() => key,
            mki => key.with_mki(Mki::new(&mki).unwrap()),
        }
    }
}

#[test]
fn packets_of_another_implementation_come_out_byte_for_byte_and_open() {
    let vectors: Vectors = read_json("rfc4771_roc_carry.json");
    for case in vectors.tests {
        let what = format!("{} RCCm{} R {}", case.suite, case.mode, case.rate);
        let mut tx = case.options(Sender::builder(case.key())).build().unwrap();
        let mut rx = case.options(Receiver::builder(case.key())).build().unwrap();
        for packet in &case.packets {
            let (plain, protected) = (hex(&packet.plain_hex), hex(&packet.protected_hex));
            assert_eq!(
                protect(&mut tx, RTP, &plain),
                Ok(protected.clone()),
                "{what}"
            );
            assert_eq!(unprotect(&mut rx, RTP, &protected), Ok(plain), "{what}");
        }
        assert_eq!(tx.roc(SSRC), Some(case.packets.last().unwrap().roc));
    }
}

#[test]
fn the_counter_stands_behind_the_mki_and_before_the_mac_in_packets_whose_number_is_a_multiple_of_r()
{
    for suite in with_hmac() {
        for mki in [0, 1, 128] {
            let key = || match mki {
                0 => key(suite, 3),
                n => key(suite, 3).with_mki(Mki::new(&vec![9; n]).unwrap()),
            };
            for mode in 1..=3 {
                let carry = rccm(mode, 3);
                let builder = Sender::builder(key()).roc_carry(carry);
                let mut tx = builder.initial_roc(0x0102_0304).build().unwrap();
                for seq in 0..7 {
                    let index = index(0x0102_0304, seq);
                    let plain = at(index);
                    let sent = protect(&mut tx, RTP, &plain).unwrap();
                    let ordinary = oracle::protect(&key(), None, RTP, &plain, index);
                    let (portion, mac) = ordinary.split_at(plain.len() + mki);
                    let (sent_portion, tag) = sent.split_at(portion.len());
                    assert_eq!(sent_portion, portion, "{suite} RCCm{mode} {seq}");
                    match (mode, seq % 3) {
                        (1 | 2, 0) => assert_eq!(tag, [&[1, 2, 3, 4], mac].concat()),
                        (2, _) => assert!(tag.starts_with(mac) && tag.len() == mac.len() + 4),
                        (3, 0) => assert_eq!(tag, [1, 2, 3, 4]),
                        _ => assert!(tag.is_empty()),
                    }
                }
            }
        }
    }
}

#[test]
fn rccm1_and_rccm2_are_the_same_where_every_packet_carries_the_counter() {
    for seq in 0..100 {
        let index = index(9, seq);
        assert_eq!(sealed(rccm(1, 1), index), sealed(rccm(2, 1), index));
        assert_eq!(sealed(rccm(1, 1), index).len(), at(index).len() + 14);
    }
}

#[test]
fn srtcp_is_as_without_it() {
    for suite in with_hmac() {
        for mode in 1..=3 {
            let carry = rccm(mode, 1);
            let mut plain_tx = Sender::new(key(suite, 1));
            let builder = Sender::builder(key(suite, 1)).roc_carry(carry);
            let mut tx = builder.build().unwrap();
            let mut rx = Receiver::builder(key(suite, 1))
                .roc_carry(carry)
                .build()
                .unwrap();
            assert_eq!(tx.rtcp_overhead(), plain_tx.rtcp_overhead());
            for _ in 0..5 {
                let report = rtcp(SSRC, &bytes(24));
                let sent = protect(&mut tx, Plane::Rtcp, &report).unwrap();
                assert_eq!(
                    protect(&mut plain_tx, Plane::Rtcp, &report),
                    Ok(sent.clone())
                );
                let forged = common::forged(Plane::Rtcp, &sent);
                let refused = UnprotectError::AuthenticationFailed { ssrc: SSRC };
                assert_eq!(unprotect(&mut rx, Plane::Rtcp, &forged), Err(refused));
                assert_eq!(unprotect(&mut rx, Plane::Rtcp, &sent), Ok(report));
            }
        }
    }
}

#[test]
fn what_does_not_go_together_is_refused_when_it_is_built() {
    let build = |suite, carry| Sender::builder(key(suite, 1)).roc_carry(carry).build();
    for mode in 1..=3 {
        let carry = rccm(mode, 7);
        for suite in CryptoSuite::ALL {
            let expected = match suite {
                _ if suite.is_aead() => Some(BuildError::RocCarryAead { suite }),
                CryptoSuite::AesCm128NullAuth => Some(BuildError::RocCarryNullAuth { suite }),
                _ => None,
            };
            assert_eq!(build(suite, carry).err(), expected);
            let receiver = Receiver::builder(key(suite, 1)).roc_carry(carry).build();
            assert_eq!(receiver.err(), expected);
        }
        let builder = for_receiver(carry).unauthenticated_srtp();
        assert_eq!(
            builder.build().err(),
            Some(BuildError::RocCarryUnauthenticated)
        );
        // Lengths that are allowed are the last two bytes of some of them.
        let too_long = [0xffff, 0x1_0000, 0x1_0004, 0x1_000e, usize::MAX];
        for bytes in (0..=300).chain(too_long) {
            let allowed = match mode {
                3 => bytes == 4,
                _ => (8..=20).contains(&bytes),
            };
            let told = bytes.min(0xffff);
            let expected = (!allowed).then_some(BuildError::RocCarryTag { bytes: told });
            assert_eq!(build(SUITE, carry.tag_len(bytes)).err(), expected);
        }
        // Neither does a re-key lead there.
        let suite = CryptoSuite::AeadAes128Gcm;
        let refused = Err(BuildError::RocCarryAead { suite });
        assert_eq!(sender(carry).rekey(key(suite, 2)), refused);
        assert_eq!(receiver(carry).rekey(key(suite, 2)), refused);
    }
}

#[test]
fn a_packet_takes_the_room_that_it_needs_and_the_overhead_is_the_most() {
    for (mode, with, without) in [(1, 14, 0), (2, 14, 14), (3, 4, 0)] {
        let mut tx = sender(rccm(mode, 2));
        assert_eq!(tx.rtp_overhead(), with);
        for (seq, grows) in [(0, with), (1, without), (2, with)] {
            let plain = at(seq);
            let needed = plain.len() + grows;
            let mut buf = vec![0xaa; needed];
            if grows > 0 {
                let refused = tx.protect_rtp_into(&plain, &mut buf[1..]);
                assert_eq!(refused, Err(ProtectError::BufferTooSmall { needed }));
                assert!(buf.iter().all(|byte| *byte == 0xaa));
            }
            buf[..plain.len()].copy_from_slice(&plain);
            assert_eq!(tx.protect_rtp(&mut buf, plain.len()).unwrap().len(), needed);
        }
    }
}

#[test]
fn who_joins_late_is_in_step_with_the_first_packet_that_carries_the_counter() {
    let (first, carrier) = (index(7, 40), index(7, 48));
    for mode in 1..=3 {
        let carry = rccm(mode, 16);
        let mut rx = receiver(carry);
        for early in first..carrier {
            let opened = unprotect(&mut rx, RTP, &sealed(carry, early));
            match mode {
                2 => assert!(opened.is_err()),
                _ => assert_ne!(opened, Ok(at(early)), "deciphered at another counter"),
            }
            assert_eq!((rx.roc(SSRC), rx.ssrcs().count()), (None, 0), "RCCm{mode}");
        }
        for late in carrier..carrier + 40 {
            assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, late)), Ok(at(late)));
            assert_eq!(rx.roc(SSRC), Some(7));
        }
    }
    let mut rx = Receiver::new(key(SUITE, 1));
    for index in first..carrier + 40 {
        let packet = oracle::protect(&key(SUITE, 1), None, RTP, &at(index), index);
        let refused = UnprotectError::AuthenticationFailed { ssrc: SSRC };
        assert_eq!(unprotect(&mut rx, RTP, &packet), Err(refused));
    }
}

#[test]
fn after_any_number_of_lost_packets_the_next_counter_that_authenticates_takes_the_stream_there() {
    let start = index(2, 100);
    for mode in [1, 2] {
        let carry = rccm(mode, 100);
        for lost in [
            0x7f00,
            0x8000,
            0x8100,
            0xffff,
            0x10000,
            0x3_0000,
            0xffff_0000_0000_u64,
        ] {
            let mut rx = receiver(carry);
            unprotect(&mut rx, RTP, &sealed(carry, start)).unwrap();
            let next = start + lost;
            let carrier = next - next % 0x1_0000 + 0x1_0000;
            for index in [carrier, carrier + 1, carrier + 100, carrier + 101] {
                assert_eq!(
                    unprotect(&mut rx, RTP, &sealed(carry, index)),
                    Ok(at(index))
                );
            }
            assert_eq!(rx.roc(SSRC), Some((carrier >> 16) as u32));
        }
    }
    // Without a counter in the packets it stays out of step.
    let mut rx = Receiver::new(key(SUITE, 1));
    let ordinary = |index| oracle::protect(&key(SUITE, 1), None, RTP, &at(index), index);
    rx.set_roc(SSRC, 2).unwrap();
    unprotect(&mut rx, RTP, &ordinary(start)).unwrap();
    assert!((0..400).all(|n| unprotect(&mut rx, RTP, &ordinary(index(4, n))).is_err()));
}

#[test]
fn a_changed_packet_is_refused_and_changes_nothing() {
    let now = index(6, 0xfffe);
    for mode in [1, 2] {
        for (rate, bytes) in [(2, 14), (2, 8), (2, 20)] {
            let carry = rccm(mode, rate).tag_len(bytes);
            for seq in [now, now + 2] {
                let sent = sealed(carry, seq);
                let mut rx = receiver(carry);
                unprotect(&mut rx, RTP, &sealed(carry, index(6, 0xfff0))).unwrap();
                let before = state(&rx);
                for bit in 0..sent.len() * 8 {
                    let mut changed = sent.clone();
                    changed[bit / 8] ^= 0x80 >> (bit % 8);
                    if mode == 1 && changed[3] % 2 == 1 {
                        // It is no longer one of those that have a tag.
                        continue;
                    }
                    assert!(unprotect(&mut rx, RTP, &changed).is_err(), "bit {bit}");
                    assert_eq!(state(&rx), before, "bit {bit}");
                }
                for len in 0..sent.len() {
                    assert!(
                        unprotect(&mut rx, RTP, &sent[..len]).is_err(),
                        "{len} bytes"
                    );
                    assert_eq!(state(&rx), before, "{len} bytes");
                }
                let longer = [&sent[..], &[0]].concat();
                assert!(unprotect(&mut rx, RTP, &longer).is_err());
                assert_eq!(unprotect(&mut rx, RTP, &sent), Ok(at(seq)));
            }
        }
    }
}

#[test]
fn a_forged_counter_begins_no_stream_and_moves_none() {
    for mode in [1, 2] {
        let carry = rccm(mode, 5);
        let mut rx = receiver(carry);
        for known in [false, true] {
            if known {
                unprotect(&mut rx, RTP, &sealed(carry, index(3, 5))).unwrap();
            }
            let before = state(&rx);
            for roc in [0, 2, 3, 4, 5, 1000, u32::MAX] {
                let mut forged = sealed(carry, index(3, 10));
                let tag = forged.len() - 14;
                forged[tag..tag + 4].copy_from_slice(&roc.to_be_bytes());
                if roc != 3 {
                    assert!(unprotect(&mut rx, RTP, &forged).is_err(), "{roc}");
                }
                let noise = [&at(10)[..], &roc.to_be_bytes(), &[0x55; 10]].concat();
                assert!(unprotect(&mut rx, RTP, &noise).is_err(), "{roc}");
                assert_eq!(state(&rx), before);
            }
        }
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed(carry, index(3, 10))),
            Ok(at(index(3, 10)))
        );
    }
}

#[test]
fn an_old_counter_takes_no_stream_back() {
    for mode in 1..=3 {
        let carry = rccm(mode, 4);
        let mut rx = receiver(carry);
        let highest = index(9, 0x100);
        let old = [
            index(0, 0x100),
            index(8, 0x100),
            index(9, 0),
            highest - 0x400,
        ]
        .map(|n| sealed(carry, n));
        unprotect(&mut rx, RTP, &sealed(carry, highest)).unwrap();
        let before = state(&rx);
        for (n, packet) in old.iter().enumerate() {
            let opened = unprotect(&mut rx, RTP, packet);
            match n {
                // Behind it and in the window: late, but good.
                2 => assert_eq!(opened, Ok(at(index(9, 0)))),
                _ => assert_eq!(
                    opened,
                    Err(UnprotectError::TooOld {
                        ssrc: SSRC,
                        highest
                    })
                ),
            }
            assert_eq!(rx.roc(SSRC), Some(9));
        }
        let again = UnprotectError::Replayed {
            ssrc: SSRC,
            index: highest,
        };
        assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, highest)), Err(again));
        assert_ne!(state(&rx), before, "one packet was late");
    }
}

#[test]
fn a_counter_that_is_carried_is_the_only_one_that_is_tried() {
    let carry = rccm(2, 4);
    let mut rx = for_receiver(carry).search_roc().build().unwrap();
    // The packet at counter 0, which a search would find, in the clothes of 1.
    let mut dressed = sealed(carry, index(0, 8));
    let tag = dressed.len() - 14;
    dressed[tag + 3] = 1;
    let refused = UnprotectError::AuthenticationFailed { ssrc: SSRC };
    assert_eq!(unprotect(&mut rx, RTP, &dressed), Err(refused));
    // Packets between are searched for.
    assert_eq!(
        unprotect(&mut rx, RTP, &sealed(carry, index(1, 9))),
        Ok(at(index(1, 9)))
    );
    let far = index(0x1234_5678, 8);
    assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, far)), Ok(at(far)));

    // After a re-key the other way on is one that the counter has to name, too.
    rekey(
        &mut rx,
        2,
        carry,
        RocAfterRekey::KeptOrZero,
        Overlap::UntilEnded,
    );
    for roc in [1, 0x1234_5679] {
        let mut dressed = sealed_under(2, carry, index(0, 12));
        let tag = dressed.len() - 14;
        dressed[tag..tag + 4].copy_from_slice(&u32::to_be_bytes(roc));
        assert_eq!(unprotect(&mut rx, RTP, &dressed), Err(refused));
    }
    assert_eq!(rx.roc(SSRC), Some(0x1234_5678));
    let anew = sealed_under(2, carry, index(0, 12));
    assert_eq!(unprotect(&mut rx, RTP, &anew), Ok(at(12)));
}

#[test]
fn after_a_re_key_a_repetition_without_a_tag_is_no_stream_that_begins_anew() {
    let carry = rccm(3, 1);
    let mut rx = receiver(carry);
    for index in [4, 5] {
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed(carry, index)),
            Ok(at(index))
        );
    }
    rekey(&mut rx, 2, carry, RocAfterRekey::KeptOrZero, Overlap::None);
    let again = UnprotectError::Replayed {
        ssrc: SSRC,
        index: 5,
    };
    assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, 5)), Err(again));
    let next = sealed_under(2, carry, 6);
    assert_eq!(unprotect(&mut rx, RTP, &next), Ok(at(6)));
}

#[test]
fn what_has_no_tag_makes_no_stream_and_moves_none() {
    for mode in [1, 3] {
        let carry = rccm(mode, 1000);
        let mut rx = receiver(carry);
        // Nothing is known: it is taken for one of counter 0, and the next is as unknown.
        for seq in [1, 2, 65_535, 3] {
            assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, seq)), Ok(at(seq)));
        }
        assert_eq!((rx.ssrcs().count(), rx.roc(SSRC)), (0, None));
        assert_eq!(rx.stream_statistics(SSRC), None);
        assert_eq!(rx.statistics().rtp.packets, 4);
        assert_eq!(rx.keys().next().unwrap().1.rtp_packets, 4);

        unprotect(&mut rx, RTP, &sealed(carry, index(5, 1000))).unwrap();
        let highest = index(5, 1000);
        // Forged ones lead the next ones between astray.
        let too_far = |at: u64, from| UnprotectError::JumpTooFar {
            ssrc: SSRC,
            index: at,
            highest: from,
        };
        let jump = 1 << 14;
        assert_eq!(
            unprotect(&mut rx, RTP, &at(highest + jump + 1)),
            Err(too_far(highest + jump + 1, highest))
        );
        for step in 1..=4 {
            assert!(unprotect(&mut rx, RTP, &at(highest + step * (jump - 1))).is_ok());
            assert_eq!(rx.roc(SSRC), Some(5));
        }
        let astray = unprotect(&mut rx, RTP, &sealed(carry, highest + 1)).unwrap();
        assert_ne!(astray, at(highest + 1), "taken for one of the next round");
        // The next counter sets it right.
        for right in [index(5, 2000), index(5, 2001), index(5, 1999)] {
            assert_eq!(
                unprotect(&mut rx, RTP, &sealed(carry, right)),
                Ok(at(right))
            );
        }
        assert_eq!(rx.stream_statistics(SSRC).unwrap().rtp.packets, 9);
    }
}

#[test]
fn packets_between_are_followed_from_one_counter_to_the_next_at_the_lowest_rate() {
    for mode in 1..=3 {
        let carry = rccm(mode, u16::MAX);
        let builder = Sender::builder(key(SUITE, 1))
            .roc_carry(carry)
            .initial_roc(3);
        let (mut tx, mut rx) = (builder.build().unwrap(), receiver(carry));
        for index in (index(3, 0)..index(4, 0)).step_by(97) {
            // 65535 and the next 0 carry a counter, and both are lost.
            let sent = protect(&mut tx, RTP, &at(index)).unwrap();
            assert_eq!(unprotect(&mut rx, RTP, &sent), Ok(at(index)), "RCCm{mode}");
        }
        for index in index(4, 1)..index(4, 10) {
            let sent = protect(&mut tx, RTP, &at(index)).unwrap();
            assert_eq!(unprotect(&mut rx, RTP, &sent), Ok(at(index)), "RCCm{mode}");
        }
        // What proves its place, or would, is all that the stream has seen.
        assert_eq!(rx.roc(SSRC), Some(if mode == 2 { 4 } else { 3 }));
    }
}

#[test]
fn who_goes_on_from_an_exported_state_follows_packets_between_from_where_they_were() {
    for mode in 1..=3 {
        let carry = rccm(mode, u16::MAX);
        let builder = Sender::builder(key(SUITE, 1)).roc_carry(carry);
        let (mut tx, mut rx) = (builder.build().unwrap(), receiver(carry));
        // The only counter that comes is the first one, and then three quarters of a turn are between.
        for index in (0..0xffff).step_by(997).chain(0x1_0001..0x1_0004) {
            let sent = protect(&mut tx, RTP, &at(index)).unwrap();
            assert_eq!(unprotect(&mut rx, RTP, &sent), Ok(at(index)), "RCCm{mode}");
            rx = for_receiver(carry)
                .build_resumed(&rx.export_state())
                .unwrap();
        }
        let of_another_rate = for_receiver(rccm(mode, 7)).build_resumed(&rx.export_state());
        assert_eq!(of_another_rate.err(), Some(StateError::OtherOptions));
    }
}

#[test]
fn in_rccm3_the_counter_may_run_ahead_by_2_to_the_14_and_the_caller_may_follow_further() {
    let carry = rccm(3, 1);
    let mut rx = receiver(carry);
    let start = index(7, 500);
    let jump = 1 << 14;
    for right in [start, start + jump] {
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed(carry, right)),
            Ok(at(right))
        );
    }
    let (highest, far) = (start + jump, start + 2 * jump + 1);
    let too_far = UnprotectError::JumpTooFar {
        ssrc: SSRC,
        index: far,
        highest,
    };
    assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, far)), Err(too_far));
    assert_eq!(
        rx.verify_rtp(&sealed(carry, index(8, 0))),
        Err(UnprotectError::JumpTooFar {
            ssrc: SSRC,
            index: index(8, 0),
            highest
        })
    );
    rx.set_roc(SSRC, 8).unwrap();
    assert_eq!(
        rx.verify_rtp(&sealed(carry, index(8, 0))),
        Ok(PacketIndex::new(8, 0))
    );
    assert_eq!(
        rx.set_roc(SSRC, 7),
        Err(RocError::Backwards { ssrc: SSRC, roc: 8 })
    );
}

#[test]
fn elements_of_header_extensions_and_cryptex_go_with_it() {
    let ids = [1, 5, 14];
    for mode in 1..=3 {
        for suite in with_hmac().filter(|suite| suite.encrypts()) {
            let carry = rccm(mode, 3);
            let key = || key(suite, 4);
            let elements = Sender::builder(key())
                .roc_carry(carry)
                .encrypted_header_extensions(ids);
            let cryptex = Sender::builder(key()).roc_carry(carry).cryptex(Cryptex::On);
            let (mut elements, mut cryptex) = (elements.build().unwrap(), cryptex.build().unwrap());
            let builder = Receiver::builder(key()).roc_carry(carry);
            let mut from_elements = builder.encrypted_header_extensions(ids).build().unwrap();
            let builder = Receiver::builder(key()).roc_carry(carry);
            let mut from_cryptex = builder.cryptex(Cryptex::Required).build().unwrap();
            for seq in 0..6 {
                let tag = |ordinary: &[u8]| match (mode, seq % 3) {
                    (1 | 2, 0) => [&[0; 4], ordinary].concat(),
                    (2, _) => ordinary.to_vec(),
                    (3, 0) => vec![0; 4],
                    _ => Vec::new(),
                };
                let plain = rtp_with(SSRC, seq, 2, Some(2), &bytes(30));
                let covered = oracle::encrypt_elements(&key(), None, &ids, &plain, seq.into());
                let ordinary = oracle::protect(&key(), None, RTP, &covered, seq.into());
                let expected = [&ordinary[..plain.len()], &tag(&ordinary[plain.len()..])].concat();
                let sent = protect(&mut elements, RTP, &plain).unwrap();
                assert!(sent.starts_with(&expected), "{suite} RCCm{mode} {seq}");
                assert_eq!(unprotect(&mut from_elements, RTP, &sent), Ok(plain.clone()));

                let ordinary = oracle::protect_cryptex(&key(), None, &plain, seq.into());
                let expected = [&ordinary[..plain.len()], &tag(&ordinary[plain.len()..])].concat();
                let sent = protect(&mut cryptex, RTP, &plain).unwrap();
                assert!(sent.starts_with(&expected), "{suite} RCCm{mode} {seq}");
                assert_eq!(unprotect(&mut from_cryptex, RTP, &sent), Ok(plain));
            }
        }
    }
}

fn rekey(rx: &mut Receiver, seed: u8, carry: RocCarry, roc: RocAfterRekey, overlap: Overlap) {
    let next = Receiver::builder(key(SUITE, seed)).roc_carry(carry);
    rx.rekey_with(next, roc, overlap).unwrap();
}

#[test]
fn after_a_re_key_packets_under_both_keys_are_accepted_each_once_however_far_the_counter_went() {
    for (mode, roc) in [1, 2].into_iter().flat_map(|mode| {
        [
            RocAfterRekey::Kept,
            RocAfterRekey::KeptOrZero,
            RocAfterRekey::ZeroOrKept,
        ]
        .map(|roc| (mode, roc))
    }) {
        let (before, after) = (rccm(mode, 4), rccm(mode, 6));
        let mut rx = receiver(before);
        unprotect(&mut rx, RTP, &sealed(before, index(5, 400))).unwrap();
        rekey(&mut rx, 2, after, roc, Overlap::UntilEnded);

        // 2^17 packets on: only the counter says so. A late one under the old key comes at a number that has a tag in both.
        let ahead = index(7, 396);
        let late = sealed(before, index(5, 384));
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed_under(2, after, ahead)),
            Ok(at(ahead)),
            "{roc:?}"
        );
        assert_eq!(rx.roc(SSRC), Some(7));
        let opened = unprotect(&mut rx, RTP, &late);
        assert_eq!(
            opened,
            Err(UnprotectError::TooOld {
                ssrc: SSRC,
                highest: ahead
            }),
            "one window serves both keys"
        );
        let near = index(7, 384);
        assert_eq!(unprotect(&mut rx, RTP, &sealed(before, near)), Ok(at(near)));
        assert!(unprotect(&mut rx, RTP, &sealed(before, near)).is_err());
        assert!(unprotect(&mut rx, RTP, &sealed_under(2, after, near)).is_err());
        rx.end_overlap();
        assert!(unprotect(&mut rx, RTP, &sealed(before, index(7, 408))).is_err());
    }
}

#[test]
fn a_peer_that_begins_anew_after_a_re_key_shows_it_by_the_counter_that_it_carries() {
    for mode in [1, 2] {
        let carry = rccm(mode, 4);
        let mut rx = receiver(carry);
        unprotect(&mut rx, RTP, &sealed(carry, index(5, 400))).unwrap();
        rekey(
            &mut rx,
            2,
            carry,
            RocAfterRekey::KeptOrZero,
            Overlap::UntilEnded,
        );
        let forged = common::forged(RTP, &sealed_under(2, carry, 404));
        assert!(unprotect(&mut rx, RTP, &forged).is_err());
        assert_eq!(rx.roc(SSRC), Some(5));
        for index in [404, 405, 408] {
            assert_eq!(
                unprotect(&mut rx, RTP, &sealed_under(2, carry, index)),
                Ok(at(index))
            );
            assert_eq!(rx.roc(SSRC), Some(0), "RCCm{mode}");
        }
        let late = index(5, 396);
        assert_eq!(unprotect(&mut rx, RTP, &sealed(carry, late)), Ok(at(late)));
    }
}

#[test]
fn after_a_re_key_a_leap_that_the_counter_vouches_for_goes_on_where_it_fits_both_ways() {
    let carry = rccm(2, 4);
    let mut rx = receiver(carry);
    unprotect(&mut rx, RTP, &sealed(carry, 4)).unwrap();
    rekey(
        &mut rx,
        2,
        carry,
        RocAfterRekey::KeptOrZero,
        Overlap::UntilEnded,
    );
    let highest = 60_000;
    let leap = sealed_under(2, carry, highest);
    assert_eq!(unprotect(&mut rx, RTP, &leap), Ok(at(highest)));
    let behind = UnprotectError::TooOld {
        ssrc: SSRC,
        highest,
    };
    let late = unprotect(&mut rx, RTP, &sealed(carry, 8));
    assert_eq!(late, Err(behind), "one window serves both keys");
}

#[test]
fn during_an_overlap_nothing_without_a_tag_is_taken_under_the_old_key_or_ends_it() {
    // 6 has a tag after the re-key alone: what fails under the new key is not waved through under the old one.
    let (before, after) = (rccm(1, 4), rccm(1, 3));
    let mut rx = receiver(before);
    unprotect(&mut rx, RTP, &sealed(before, 4)).unwrap();
    rekey(&mut rx, 2, after, RocAfterRekey::Kept, Overlap::Packets(2));
    let state_before = state(&rx);
    let refused = UnprotectError::AuthenticationFailed { ssrc: SSRC };
    assert_eq!(unprotect(&mut rx, RTP, &sealed(before, 6)), Err(refused));
    assert_eq!(
        unprotect(
            &mut rx,
            RTP,
            &common::forged(RTP, &sealed_under(2, after, 6))
        ),
        Err(refused)
    );
    assert_eq!(state(&rx), state_before);

    for between in [7, 8, 10, 11] {
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed_under(2, after, between)),
            Ok(at(between))
        );
        assert!(rx.has_overlap());
    }
    assert_eq!(
        unprotect(&mut rx, RTP, &sealed(before, 12)),
        Ok(at(12)),
        "under the old key"
    );
    for (carrier, goes_on) in [(15, true), (18, false)] {
        assert_eq!(
            unprotect(&mut rx, RTP, &sealed_under(2, after, carrier)),
            Ok(at(carrier))
        );
        assert_eq!(rx.has_overlap(), goes_on);
    }
}

#[test]
fn a_re_key_may_begin_and_end_it() {
    let carry = rccm(2, 4);
    let mut tx = Sender::new(key(SUITE, 1));
    let mut rx = Receiver::new(key(SUITE, 1));
    let pass = |tx: &mut Sender, rx: &mut Receiver, index| {
        let sent = protect(tx, RTP, &at(index)).unwrap();
        assert_eq!(unprotect(rx, RTP, &sent), Ok(at(index)));
        sent.len() - at(index).len()
    };
    assert_eq!(pass(&mut tx, &mut rx, 4), 10);
    tx.rekey_with(Sender::builder(key(SUITE, 2)).roc_carry(carry))
        .unwrap();
    rekey(&mut rx, 2, carry, RocAfterRekey::Kept, Overlap::default());
    assert_eq!(pass(&mut tx, &mut rx, 8), 14);
    assert_eq!(pass(&mut tx, &mut rx, 9), 14);
    tx.rekey(key(SUITE, 3)).unwrap();
    rx.rekey(key(SUITE, 3)).unwrap();
    assert_eq!(pass(&mut tx, &mut rx, 12), 14);
    tx.rekey_with(Sender::builder(key(SUITE, 4))).unwrap();
    rx.rekey_with(
        Receiver::builder(key(SUITE, 4)),
        RocAfterRekey::Kept,
        Overlap::None,
    )
    .unwrap();
    assert_eq!(pass(&mut tx, &mut rx, 16), 10);
}

proptest! {
    /// Whatever is lost, late or doubled: what is accepted is what was sent, once where it has a tag, and the stream only moves ahead. A packet
    /// that carries the counter is accepted unless it is a repetition or behind the window.
    #[test]
    fn loss_disorder_and_repetition_lead_nobody_astray(
        mode in 1u8..=3,
        rate in prop_oneof![1u16..10, 60_000u16.., Just(4096)],
        first in prop_oneof![Just(0u64), 65_500u64..65_560, 0u64..0x1_0000_0000],
        steps in prop::collection::vec((0u64..40, -30i64..=0), 1..120),
    ) {
        let carry = rccm(mode, rate);
        let mut rx = for_receiver(carry).initial_roc((first >> 16) as u32).build().unwrap();
        let mut head = first;
        let mut highest = None;
        let mut seen = std::collections::BTreeSet::new();
        // The first packet carries the counter or, by the receiver's initial one, need not.
        for (ahead, back) in steps {
            head += ahead;
            let index = head.saturating_add_signed(back).max(first);
            if index >> 16 != first >> 16 && highest.is_none() {
                continue;
            }
            let carries = (index & 0xffff) % u64::from(rate) == 0;
            let opened = unprotect(&mut rx, RTP, &sealed(carry, index));
            let has_place = carries || mode == 2;
            if has_place && !seen.insert(index) {
                prop_assert_eq!(opened, Err(UnprotectError::Replayed { ssrc: SSRC, index }));
            } else {
                prop_assert_eq!(opened, Ok(at(index)));
            }
            if has_place {
                highest = highest.max(Some(index));
            }
            prop_assert_eq!(rx.roc(SSRC), highest.map(|highest| (highest >> 16) as u32));
        }
    }

    /// A stream takes any leap that a packet proves, and no packet takes it back.
    #[test]
    fn the_stream_is_always_at_the_highest_counter_that_authenticated(
        mode in 1u8..=2,
        rate in 1u16..,
        places in prop::collection::vec((0u64..0xffff_ffff, any::<u16>()), 1..30),
    ) {
        let carry = rccm(mode, rate);
        let mut rx = receiver(carry);
        let mut highest = None;
        for (roc, seq) in places {
            let index = index(roc, u64::from(seq - seq % rate));
            let opened = unprotect(&mut rx, RTP, &sealed(carry, index));
            let is_ahead = highest.is_none_or(|highest| highest < index);
            prop_assert!(opened.is_ok() || !is_ahead);
            highest = highest.max(Some(index));
            prop_assert_eq!(rx.roc(SSRC), highest.map(|highest| (highest >> 16) as u32));
        }
    }

    /// Any bytes at all move nothing where a tag is asked for.
    #[test]
    fn packets_from_anywhere_change_nothing(
        rate in 1u16..,
        seq in any::<u16>(),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let carry = rccm(2, rate);
        let mut rx = receiver(carry);
        unprotect(&mut rx, RTP, &sealed(carry, index(1, 0))).unwrap();
        let before = state(&rx);
        prop_assert!(unprotect(&mut rx, RTP, &plain(RTP, SSRC, seq, &body)).is_err());
        prop_assert_eq!(state(&rx), before);
    }
}
