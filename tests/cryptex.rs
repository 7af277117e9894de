//! Encrypted CSRCs and header extensions (RFC 9335): held against a second implementation, in every suite that encrypts.

mod common;

use common::refused::refused_one_way;
use common::{bytes, key, oracle, protect, rtcp, rtp_with, unprotect};
use srtp_sdes::{
    BuildError, Cryptex, CryptoSuite, KeyDerivationRate, MasterKey, Mki, Overlap, PacketIndex,
    Plane, ProtectError, Receiver, RocAfterRekey, Sender, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const MODES: [Cryptex; 2] = [Cryptex::On, Cryptex::Required];

fn encrypting() -> impl Iterator<Item = CryptoSuite> {
    CryptoSuite::ALL
        .into_iter()
        .filter(|suite| suite.encrypts())
}

/// An RTP packet with so many CSRCs and, if given, an extension of this profile and so many words.
fn packet(seq: u16, csrcs: u8, extension: Option<(u16, u16)>, payload: usize) -> Vec<u8> {
    let words = extension.map(|(_, words)| words);
    let mut packet = rtp_with(SSRC, seq, csrcs, words, &bytes(payload));
    if let Some((profile, _)) = extension {
        let at = 12 + usize::from(csrcs) * 4;
        packet[at..at + 2].copy_from_slice(&profile.to_be_bytes());
    }
    packet
}

/// CSRCs and extensions that cryptex encrypts, with payloads of all lengths about a block.
fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for csrcs in 0..=15 {
        for extension in [
            None,
            Some((0xbede, 0)),
            Some((0xbede, 3)),
            Some((0x1000, 1)),
            Some((0x1000, 300)),
        ] {
            for payload in [0, 1, 3, 4, 15, 16, 17, 40] {
                let seq = packets.len() as u16;
                packets.push(packet(seq, csrcs, extension, payload));
            }
        }
    }
    packets
}

/// Has it neither CSRCs nor extension?
fn is_bare(plain: &[u8]) -> bool {
    plain[0] & 0x1f == 0
}

/// What a receiver makes of the packet: the one that was sent, with an empty extension where there were only CSRCs.
fn received(plain: &[u8]) -> Vec<u8> {
    let at = 12 + usize::from(plain[0] & 15) * 4;
    match plain[0] & 0x1f {
        0x01..=0x0f => {
            let mut packet = [&plain[..at], &[0xbe, 0xde, 0, 0], &plain[at..]].concat();
            packet[0] |= 0x10;
            packet
        }
        _ => plain.to_vec(),
    }
}

fn sender(key: MasterKey, cryptex: Cryptex) -> Sender {
    Sender::builder(key).cryptex(cryptex).build().unwrap()
}

fn receiver(key: MasterKey, cryptex: Cryptex) -> Receiver {
    Receiver::builder(key).cryptex(cryptex).build().unwrap()
}

#[test]
fn every_suite_that_encrypts_sends_what_rfc_9335_says_and_takes_it_back() {
    for suite in encrypting() {
        for mode in MODES {
            let key = || key(suite, 1).with_mki(Mki::new(&[7, 7]).unwrap());
            let [mut tx, mut into, mut vec] = [(); 3].map(|()| sender(key(), mode));
            let [mut rx, mut rx_into, mut monitor] = [(); 3].map(|()| receiver(key(), mode));
            for plain in packets() {
                let index = PacketIndex::new(0, u16::from_be_bytes([plain[2], plain[3]])).value();
                let expected = match is_bare(&plain) {
                    true => oracle::protect(&key(), None, Plane::Rtp, &plain, index),
                    false => oracle::protect_cryptex(&key(), None, &plain, index),
                };
                let mut buf = plain.clone();
                buf.resize(expected.len() + 3, 0xa5);
                let protected = tx.protect_rtp(&mut buf, plain.len()).unwrap().to_vec();
                assert_eq!(protected, expected, "{suite} {mode:?}");
                assert_eq!(buf[expected.len()..], [0xa5; 3]);
                let mut out = vec![0xa5; expected.len() + 3];
                assert_eq!(into.protect_rtp_into(&plain, &mut out).unwrap(), expected);
                assert_eq!(out[expected.len()..], [0xa5; 3]);
                let mut in_vec = plain.clone();
                vec.protect_rtp_vec(&mut in_vec).unwrap();
                assert_eq!(in_vec, expected);

                let received = received(&plain);
                assert_eq!(
                    unprotect(&mut rx, Plane::Rtp, &protected).unwrap(),
                    received,
                    "{suite}"
                );
                let mut out = vec![0xa5; received.len()];
                assert_eq!(
                    rx_into.unprotect_rtp_into(&protected, &mut out).unwrap(),
                    received
                );
                assert_eq!(monitor.verify_rtp(&protected).unwrap().value(), index);
            }
            assert_eq!(rx.statistics(), monitor.statistics());
            assert_eq!(
                (tx.statistics().rtp.bytes, tx.statistics().rtp.packets),
                (rx.statistics().rtp.bytes, 640)
            );
        }
    }
}

#[test]
fn a_key_derivation_rate_and_a_later_roc_are_followed() {
    for suite in encrypting() {
        let rate = KeyDerivationRate::from_exponent(2).unwrap();
        let tx = Sender::builder(key(suite, 1)).cryptex(Cryptex::On);
        let mut tx = tx.key_derivation_rate(rate).initial_roc(9).build().unwrap();
        for seq in 0..9 {
            let plain = packet(seq, 3, Some((0xbede, 2)), 20);
            let index = PacketIndex::new(9, seq).value();
            let expected = oracle::protect_cryptex(&key(suite, 1), Some(2), &plain, index);
            assert_eq!(
                protect(&mut tx, Plane::Rtp, &plain).unwrap(),
                expected,
                "{suite} {seq}"
            );
        }
    }
}

#[test]
fn nothing_but_the_two_plain_profiles_is_encrypted() {
    for suite in encrypting() {
        for profile in [0, 0xabcd, 0x1001, 0x100f, 0xbedf] {
            let plain = packet(1, 2, Some((profile, 2)), 9);
            let made =
                protect(&mut sender(key(suite, 1), Cryptex::On), Plane::Rtp, &plain).unwrap();
            assert_eq!(
                made,
                oracle::protect(&key(suite, 1), None, Plane::Rtp, &plain, 1)
            );
            let mut rx = receiver(key(suite, 1), Cryptex::On);
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &made).unwrap(), plain);

            let refused = Err(ProtectError::CryptexProfile {
                ssrc: SSRC,
                profile,
            });
            let mut tx = sender(key(suite, 1), Cryptex::Required);
            assert_eq!(protect(&mut tx, Plane::Rtp, &plain), refused);
            assert_eq!(tx.ssrcs().count(), 0);
            assert_eq!(tx.statistics().rtp.errors.cryptex_profile, 1);
        }
        // The receiver would decipher what is not enciphered.
        for profile in [0xc0de, 0xc2de] {
            for mode in MODES {
                let mut plain = packet(1, 0, Some((profile, 2)), 9);
                let before = plain.clone();
                let refused = Err(ProtectError::CryptexProfile {
                    ssrc: SSRC,
                    profile,
                });
                assert_eq!(
                    sender(key(suite, 1), mode).protect_rtp_vec(&mut plain),
                    refused
                );
                assert_eq!(plain, before);
            }
        }
    }
}

#[test]
fn a_receiver_takes_both_refuses_what_is_clear_or_knows_no_cryptex_as_it_was_told() {
    for suite in encrypting() {
        let plain = [
            packet(1, 1, None, 9),
            packet(2, 0, Some((0xbede, 1)), 9),
            packet(3, 2, Some((7, 0)), 9),
        ];
        let mut tx = Sender::new(key(suite, 1));
        let [mut on, mut required] = MODES.map(|mode| receiver(key(suite, 1), mode));
        for plain in &plain {
            let clear = protect(&mut tx, Plane::Rtp, plain).unwrap();
            assert_eq!(unprotect(&mut on, Plane::Rtp, &clear).unwrap(), *plain);
            let refused = Err(UnprotectError::CryptexRequired { ssrc: SSRC });
            assert_eq!(
                unprotect(&mut required, Plane::Rtp, &clear),
                refused,
                "{suite}"
            );
            assert_eq!(required.verify_rtp(&clear).err(), refused.err());
        }
        assert_eq!(
            (
                required.ssrcs().count(),
                required.statistics().rtp.errors.cryptex_required
            ),
            (0, 6)
        );
        assert!(required.keys().all(|(_, usage)| usage.rtp_packets == 0));
        let bare = packet(4, 0, None, 9);
        let clear = protect(&mut tx, Plane::Rtp, &bare).unwrap();
        assert_eq!(unprotect(&mut required, Plane::Rtp, &clear).unwrap(), bare);

        // It is only said of a packet that is authentic.
        if suite.rtp_tag_len() > 0 {
            let mut forged = protect(&mut tx, Plane::Rtp, &packet(5, 1, None, 9)).unwrap();
            *forged.last_mut().unwrap() ^= 1;
            let refused = UnprotectError::AuthenticationFailed { ssrc: SSRC };
            assert_eq!(unprotect(&mut required, Plane::Rtp, &forged), Err(refused));
        }

        // Without cryptex, the packet of a sender with it is one with an unknown extension.
        let mut off = Receiver::new(key(suite, 1));
        let enciphered = protect(
            &mut sender(key(suite, 1), Cryptex::On),
            Plane::Rtp,
            &plain[1],
        )
        .unwrap();
        match unprotect(&mut off, Plane::Rtp, &enciphered) {
            Ok(opened) => assert!(!suite.is_aead() && opened[..20] == enciphered[..20]),
            Err(error) => assert!(
                suite.is_aead() && error == UnprotectError::AuthenticationFailed { ssrc: SSRC }
            ),
        }
    }
}

#[test]
fn forged_and_cut_packets_change_neither_buffer_nor_state() {
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        let (mut tx, mut rx) = (
            sender(key(suite, 1), Cryptex::On),
            receiver(key(suite, 1), Cryptex::On),
        );
        for plain in packets().into_iter().step_by(7) {
            let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
            let before = rx.export_state();
            for len in 0..protected.len() {
                refused_one_way(&mut rx, len, Plane::Rtp, &protected[..len]);
            }
            for at in (0..protected.len()).step_by(1 + protected.len() / 150) {
                let mut other = protected.clone();
                other[at] ^= 0x10;
                refused_one_way(&mut rx, at, Plane::Rtp, &other);
                refused_one_way(&mut rx, at + 1, Plane::Rtp, &other);
            }
            assert!(rx.export_state() == before, "{suite}: a trace");
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &protected).unwrap(),
                received(&plain)
            );
            assert!(
                unprotect(&mut rx, Plane::Rtp, &protected).is_err(),
                "a replay"
            );
        }
    }
}

#[test]
fn the_overhead_is_room_enough_and_less_is_too_small_or_what_the_packet_needs() {
    for suite in encrypting() {
        let plain = Sender::new(key(suite, 1)).rtp_overhead();
        for mode in MODES {
            let mut tx = sender(key(suite, 1), mode);
            assert_eq!(tx.rtp_overhead(), plain + 4);
            assert_eq!(
                tx.rtcp_overhead(),
                Sender::new(key(suite, 1)).rtcp_overhead()
            );
            let shapes = [
                (0, None, 0),
                (0, Some((0xbede, 1)), 0),
                (3, Some((0x1000, 1)), 0),
                (3, None, 4),
                (15, None, 4),
            ];
            for (seq, (csrcs, extension, more)) in (0..).zip(shapes) {
                let rtp = packet(seq, csrcs, extension, 11);
                let needed = rtp.len() + plain + more;
                for room in rtp.len()..needed {
                    let mut buf = rtp.clone();
                    buf.resize(room, 0xa5);
                    let before = buf.clone();
                    let refused = ProtectError::BufferTooSmall { needed };
                    assert_eq!(tx.protect_rtp(&mut buf, rtp.len()).err(), Some(refused));
                    assert_eq!(buf, before);
                    let mut out = vec![0xa5; room];
                    assert_eq!(tx.protect_rtp_into(&rtp, &mut out).err(), Some(refused));
                    assert!(out.iter().all(|byte| *byte == 0xa5));
                }
                let mut out = vec![0; needed];
                assert_eq!(tx.protect_rtp_into(&rtp, &mut out).unwrap().len(), needed);
            }
        }
    }
}

#[test]
fn rtcp_is_as_without_the_option() {
    for suite in encrypting() {
        let report = rtcp(SSRC, &bytes(24));
        let protected = protect(
            &mut sender(key(suite, 1), Cryptex::Required),
            Plane::Rtcp,
            &report,
        )
        .unwrap();
        assert_eq!(
            protected,
            protect(&mut Sender::new(key(suite, 1)), Plane::Rtcp, &report).unwrap()
        );
        let mut rx = receiver(key(suite, 1), Cryptex::Required);
        assert_eq!(unprotect(&mut rx, Plane::Rtcp, &protected).unwrap(), report);
    }
}

#[test]
fn what_cannot_be_is_refused_when_it_is_built() {
    for suite in CryptoSuite::ALL {
        for mode in MODES {
            let built = Sender::builder(key(suite, 1)).cryptex(mode).build().err();
            let clear = Some(BuildError::HeaderExtensionsUnencrypted { suite });
            assert_eq!(built, clear.filter(|_| !suite.encrypts()));
            assert_eq!(
                Receiver::builder(key(suite, 1)).cryptex(mode).build().err(),
                built
            );
            if suite.encrypts() && !suite.is_aead() {
                let builder = Sender::builder(key(suite, 1)).unencrypted_srtp();
                assert_eq!(builder.cryptex(mode).build().err(), clear);
            }
            let both = Receiver::builder(key(suite, 1)).cryptex(mode);
            let both = both.encrypted_header_extensions([1]).build().err();
            assert_eq!(both, Some(BuildError::CryptexWithEncryptedHeaderExtensions));
        }
        assert!(
            Sender::builder(key(suite, 1))
                .cryptex(Cryptex::Off)
                .build()
                .is_ok()
        );
    }
}

#[test]
fn a_re_key_can_bring_cryptex_and_late_packets_are_read_as_they_were_sent() {
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        for (before, after) in [
            (Cryptex::Off, Cryptex::Required),
            (Cryptex::Required, Cryptex::Off),
        ] {
            let plain = |seq| packet(seq, 2, Some((0xbede, 2)), 30);
            let (mut tx, mut rx) = (
                sender(key(suite, 1), before),
                receiver(key(suite, 1), before),
            );
            let first = protect(&mut tx, Plane::Rtp, &plain(1)).unwrap();
            let late = protect(&mut tx, Plane::Rtp, &plain(2)).unwrap();
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &first).unwrap(), plain(1));
            tx.rekey_with(Sender::builder(key(suite, 2)).cryptex(after))
                .unwrap();
            let next = Receiver::builder(key(suite, 2)).cryptex(after);
            rx.rekey_with(next, RocAfterRekey::Kept, Overlap::UntilEnded)
                .unwrap();
            let new = protect(&mut tx, Plane::Rtp, &plain(3)).unwrap();
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &new).unwrap(),
                plain(3),
                "{suite}"
            );
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &late).unwrap(),
                plain(2),
                "{suite}"
            );
            // Authentic under an old key, and in the clear.
            if before == Cryptex::Required {
                let mut clear = sender(key(suite, 1), Cryptex::Off);
                let clear = protect(&mut clear, Plane::Rtp, &plain(5)).unwrap();
                let refused = Err(UnprotectError::CryptexRequired { ssrc: SSRC });
                assert_eq!(unprotect(&mut rx, Plane::Rtp, &clear), refused);
            }
            // Authentic under a new key, and still in the clear.
            if after == Cryptex::Required {
                let mut clear = sender(key(suite, 2), Cryptex::Off);
                let clear = protect(&mut clear, Plane::Rtp, &plain(4)).unwrap();
                let refused = Err(UnprotectError::CryptexRequired { ssrc: SSRC });
                assert_eq!(unprotect(&mut rx, Plane::Rtp, &clear), refused);
            }
        }
    }
}

#[test]
fn the_longest_packets_go_through() {
    for suite in encrypting() {
        let (mut tx, mut rx) = (
            sender(key(suite, 1), Cryptex::On),
            receiver(key(suite, 1), Cryptex::On),
        );
        let most = (1 << 20) - tx.rtp_overhead();
        for (seq, extension) in [(1, None), (2, Some((0x1000, u16::MAX)))] {
            let mut plain = packet(seq, 15, extension, 0);
            plain.resize(most, 0x5a);
            let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
            assert_eq!(
                unprotect(&mut rx, Plane::Rtp, &protected).unwrap(),
                received(&plain)
            );
        }
        let mut plain = packet(3, 15, None, 0);
        plain.resize(most + 1, 0x5a);
        assert!(matches!(
            protect(&mut tx, Plane::Rtp, &plain),
            Err(ProtectError::Malformed(_))
        ));
    }
}
