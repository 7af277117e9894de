//! Encrypted elements of header extensions (RFC 6904): held against a second implementation, in every suite that encrypts.

mod common;

use common::refused::refused_one_way;
use common::{bytes, forged, key, oracle, protect, rtp, rtp_with, unprotect};
use srtp_sdes::{
    BuildError, CryptoSuite, KeyDerivationRate, MasterKey, Mki, Overlap, PacketIndex, Plane,
    Receiver, RocAfterRekey, Sender, UnprotectError,
};

const SSRC: u32 = 0x1234_5678;
const IDS: [u8; 4] = [1, 3, 15, 200];

fn encrypting() -> impl Iterator<Item = CryptoSuite> {
    CryptoSuite::ALL
        .into_iter()
        .filter(|suite| suite.encrypts())
}

/// An RTP packet with a header extension of this profile and contents, which are filled up with padding.
fn packet(seq: u16, csrcs: u8, profile: u16, contents: &[u8]) -> Vec<u8> {
    let mut packet = rtp_with(SSRC, seq, csrcs, None, &[]);
    packet[0] |= 0x10;
    packet.extend(profile.to_be_bytes());
    packet.extend((contents.len().div_ceil(4) as u16).to_be_bytes());
    packet.extend(contents);
    packet.resize(packet.len().next_multiple_of(4), 0);
    packet.extend(bytes(21));
    packet
}

/// Extensions of both forms and of none: with padding between elements, elements of all lengths, ends and cuts.
fn packets() -> Vec<Vec<u8>> {
    let one_byte: [&[u8]; 8] = [
        &[],
        &[0x10, 7],
        &[0x12, 7, 8, 9, 0, 0, 0, 0x31, 4, 5, 0x20, 6],
        &[
            0x2f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x3f, 1, 2, 3, 4, 5, 6, 7,
            8, 9, 10, 11, 12, 13, 14, 15, 16,
        ],
        &[0x10, 7, 0xf2, 1, 0x10, 7, 0x10, 7],
        &[0x10, 7, 0x02, 1, 0x10, 7, 0x10, 7],
        &[0x3f, 1, 2, 3],
        &[0, 0, 0, 0, 0, 0, 0, 0x10],
    ];
    let long = [
        &[200, 255][..],
        &bytes(255),
        &[0; 5],
        &[3, 2, 1, 1, 2, 1, 1, 1, 0, 15, 1, 9],
    ]
    .concat();
    let two_byte: [&[u8]; 5] = [
        &[1, 0, 3, 1, 9, 0, 0, 15, 4, 1, 2, 3, 4],
        &[2, 3, 1, 2, 3, 200, 1, 9],
        &[1, 200, 1, 2],
        &[0, 0, 0, 1],
        &long,
    ];
    let mut packets = vec![
        rtp(SSRC, 0, &bytes(40)),
        rtp_with(SSRC, 0, 15, None, &bytes(3)),
    ];
    for csrcs in [0, 2, 15] {
        for contents in one_byte {
            packets.push(packet(0, csrcs, 0xbede, contents));
            packets.push(packet(0, csrcs, 0xabcd, contents));
        }
        for contents in two_byte {
            packets.push(packet(0, csrcs, 0x1000, contents));
            packets.push(packet(0, csrcs, 0x100f, contents));
            packets.push(packet(0, csrcs, 0x1010, contents));
        }
    }
    for (seq, packet) in packets.iter_mut().enumerate() {
        packet[2..4].copy_from_slice(&(seq as u16).to_be_bytes());
    }
    packets
}

fn sender(key: MasterKey, rate: Option<u8>) -> Sender {
    let builder = Sender::builder(key)
        .encrypted_header_extensions(IDS)
        .initial_roc(3);
    match rate.and_then(KeyDerivationRate::from_exponent) {
        Some(rate) => builder.key_derivation_rate(rate).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

fn receiver(key: MasterKey, rate: Option<u8>) -> Receiver {
    let builder = Receiver::builder(key)
        .encrypted_header_extensions(IDS)
        .initial_roc(3);
    match rate.and_then(KeyDerivationRate::from_exponent) {
        Some(rate) => builder.key_derivation_rate(rate).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

#[test]
fn every_suite_that_encrypts_sends_what_rfc_6904_says_and_takes_it_back() {
    for suite in encrypting() {
        for rate in [None, Some(1), Some(24)] {
            let key = || key(suite, 1).with_mki(Mki::new(&[7, 7]).unwrap());
            let (mut tx, mut into, mut rx) = (
                sender(key(), rate),
                sender(key(), rate),
                receiver(key(), rate),
            );
            let mut changed = 0;
            for plain in packets() {
                let index = PacketIndex::new(3, u16::from_be_bytes([plain[2], plain[3]])).value();
                let oracle_rate = rate.map(u32::from);
                let encrypted = oracle::encrypt_elements(&key(), oracle_rate, &IDS, &plain, index);
                let expected = oracle::protect(&key(), oracle_rate, Plane::Rtp, &encrypted, index);
                changed += usize::from(encrypted != plain);

                let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
                assert_eq!(protected, expected, "{suite} {rate:?}");
                let mut out = vec![0; protected.len()];
                assert_eq!(into.protect_rtp_into(&plain, &mut out).unwrap(), expected);
                assert_eq!(
                    unprotect(&mut rx, Plane::Rtp, &protected).unwrap(),
                    plain,
                    "{suite}"
                );
            }
            assert!(changed > 20, "{changed}");
        }
    }
}

#[test]
fn unprotecting_into_another_buffer_or_a_vector_gives_the_same_and_a_monitor_needs_no_elements() {
    for suite in encrypting() {
        let mut tx = sender(key(suite, 1), None);
        let [mut into, mut vec, mut monitor] = [(); 3].map(|()| receiver(key(suite, 1), None));
        for plain in packets() {
            let mut protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
            let mut out = vec![0xaa; plain.len()];
            assert_eq!(
                into.unprotect_rtp_into(&protected, &mut out).unwrap(),
                plain
            );
            monitor.verify_rtp(&protected).unwrap();
            vec.unprotect_rtp_vec(&mut protected).unwrap();
            assert_eq!(protected, plain);
        }
        assert_eq!(into.statistics(), vec.statistics());
        assert_eq!(into.statistics(), monitor.statistics());
    }
}

#[test]
fn rtcp_is_as_without_the_option() {
    for suite in encrypting() {
        let (mut with, mut without) = (sender(key(suite, 1), None), Sender::new(key(suite, 1)));
        // What would be an extension in RTP.
        let report = [
            &[0x90, 201, 0, 6, 1, 2, 3, 4][..],
            &[0xbe, 0xde, 0, 1, 0x10, 1, 0x10, 1],
            &bytes(12),
        ]
        .concat();
        let protected = protect(&mut with, Plane::Rtcp, &report).unwrap();
        assert_eq!(
            protected,
            protect(&mut without, Plane::Rtcp, &report).unwrap()
        );
        let mut rx = receiver(key(suite, 1), None);
        assert_eq!(unprotect(&mut rx, Plane::Rtcp, &protected).unwrap(), report);
    }
}

#[test]
fn a_packet_keeps_its_length_and_an_identifier_that_is_not_named_stays_in_the_clear() {
    for suite in encrypting() {
        let plain = packet(1, 1, 0xbede, &[0x10, 0x55, 0x21, 0x66, 0x66, 0x30, 0x77]);
        let protected = protect(&mut sender(key(suite, 1), None), Plane::Rtp, &plain).unwrap();
        let without = protect(&mut Sender::new(key(suite, 1)), Plane::Rtp, &plain).unwrap();
        assert_eq!(protected.len(), without.len());
        let same: Vec<bool> = plain[20..28]
            .iter()
            .zip(&protected[20..28])
            .map(|(a, b)| a == b)
            .collect();
        assert_eq!(same, [true, false, true, true, true, true, false, true]);
    }
}

#[test]
fn forged_and_cut_packets_change_neither_buffer_nor_state_nor_the_session_keys() {
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        for rate in [None, Some(1)] {
            let (mut tx, mut rx) = (sender(key(suite, 1), rate), receiver(key(suite, 1), rate));
            for plain in packets() {
                let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
                let before = rx.export_state();
                for len in 0..protected.len() {
                    refused_one_way(&mut rx, len, Plane::Rtp, &protected[..len]);
                }
                for at in 0..protected.len() {
                    let mut other = protected.clone();
                    other[at] ^= 0x11;
                    refused_one_way(&mut rx, at, Plane::Rtp, &other);
                    refused_one_way(&mut rx, at + 1, Plane::Rtp, &other);
                }
                assert!(rx.export_state() == before, "{suite}: a trace");
                assert_eq!(unprotect(&mut rx, Plane::Rtp, &protected).unwrap(), plain);
            }
        }
    }
}

#[test]
fn a_packet_that_is_refused_for_sending_stays_in_the_clear() {
    for suite in encrypting() {
        let mut tx = sender(key(suite, 1), None);
        let plain = packet(1, 2, 0xbede, &[0x10, 7, 0x30, 8]);
        for room in 0..plain.len() + tx.rtp_overhead() {
            let mut buf = plain.clone();
            buf.resize(room.max(plain.len()), 0xa5);
            let before = buf.clone();
            assert!(
                tx.protect_rtp(&mut buf[..room], plain.len().min(room + 1))
                    .is_err()
            );
            assert_eq!(buf, before);
        }
        protect(&mut tx, Plane::Rtp, &plain).unwrap();
        assert!(protect(&mut tx, Plane::Rtp, &plain).is_err());
    }
}

#[test]
fn the_longest_extension_is_encrypted_to_its_end() {
    // 65535 words of elements of 255 bytes.
    let element = [&[200, 255][..], &[0x5a; 255]].concat();
    let contents: Vec<u8> = element.iter().copied().cycle().take(65_535 * 4).collect();
    let plain = packet(9, 0, 0x1000, &contents);
    for suite in encrypting() {
        let index = PacketIndex::new(3, 9).value();
        let encrypted = oracle::encrypt_elements(&key(suite, 1), None, &IDS, &plain, index);
        let protected = protect(&mut sender(key(suite, 1), None), Plane::Rtp, &plain).unwrap();
        assert_eq!(
            protected[..16 + contents.len()],
            encrypted[..16 + contents.len()]
        );
        assert!(
            protected[16 + contents.len() - 100..][..100]
                != plain[16 + contents.len() - 100..][..100]
        );
        assert_eq!(
            unprotect(&mut receiver(key(suite, 1), None), Plane::Rtp, &protected).unwrap(),
            plain
        );
    }
}

#[test]
fn what_cannot_be_is_refused_when_it_is_built() {
    for suite in CryptoSuite::ALL {
        let built = |ids: &[u8]| {
            let ids = ids.to_vec();
            let tx = Sender::builder(key(suite, 1))
                .encrypted_header_extensions(ids.clone())
                .build()
                .err();
            let rx = Receiver::builder(key(suite, 1))
                .encrypted_header_extensions(ids)
                .build()
                .err();
            assert_eq!(tx, rx);
            tx
        };
        let clear = Some(BuildError::HeaderExtensionsUnencrypted { suite });
        assert_eq!(built(&[]), None);
        if !suite.encrypts() {
            assert_eq!(built(&[1]), clear);
            continue;
        }
        assert_eq!(built(&[255]), None);
        assert_eq!(built(&[1, 0]), Some(BuildError::HeaderExtensionId));
        if !suite.is_aead() {
            let builder = Sender::builder(key(suite, 1)).unencrypted_srtp();
            assert_eq!(
                builder.encrypted_header_extensions([1]).build().err(),
                clear
            );
        }
        // The option stays when the key changes: a suite without encryption is refused then.
        let null = CryptoSuite::NullHmacSha1_80;
        let error = Err(BuildError::HeaderExtensionsUnencrypted { suite: null });
        assert_eq!(sender(key(suite, 1), None).rekey(key(null, 2)), error);
        // The last call counts.
        let builder = Sender::builder(key(suite, 1)).encrypted_header_extensions([0]);
        assert!(builder.encrypted_header_extensions([]).build().is_ok());
    }
}

#[test]
fn keys_that_come_later_encrypt_extensions_too_and_late_packets_are_read_as_their_keys_have_it() {
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        let plain = |seq| packet(seq, 1, 0xbede, &[0x10, 7, 0x20, 8, 0, 0, 0x30, 9]);
        let (mut tx, mut rx) = (sender(key(suite, 1), None), receiver(key(suite, 1), None));
        let first = protect(&mut tx, Plane::Rtp, &plain(1)).unwrap();
        let late = protect(&mut tx, Plane::Rtp, &plain(2)).unwrap();
        assert_eq!(unprotect(&mut rx, Plane::Rtp, &first).unwrap(), plain(1));

        // Under new keys another element is encrypted.
        tx.rekey_with(Sender::builder(key(suite, 2)).encrypted_header_extensions([2]))
            .unwrap();
        let next = Receiver::builder(key(suite, 2)).encrypted_header_extensions([2]);
        rx.rekey_with(next, RocAfterRekey::Kept, Overlap::UntilEnded)
            .unwrap();
        let new = protect(&mut tx, Plane::Rtp, &plain(3)).unwrap();
        let encrypted = oracle::encrypt_elements(
            &key(suite, 2),
            None,
            &[2],
            &plain(3),
            PacketIndex::new(3, 3).value(),
        );
        assert_eq!(new[..28], encrypted[..28]);
        assert_eq!(unprotect(&mut rx, Plane::Rtp, &new).unwrap(), plain(3));
        assert_eq!(unprotect(&mut rx, Plane::Rtp, &late).unwrap(), plain(2));

        // `rekey` keeps the options.
        tx.rekey(key(suite, 3)).unwrap();
        rx.rekey(key(suite, 3)).unwrap();
        let last = protect(&mut tx, Plane::Rtp, &plain(4)).unwrap();
        let index = PacketIndex::new(3, 4).value();
        let encrypted = oracle::encrypt_elements(&key(suite, 3), None, &[2], &plain(4), index);
        assert_eq!(last[..28], encrypted[..28]);
        assert_eq!(unprotect(&mut rx, Plane::Rtp, &last).unwrap(), plain(4));
    }
}

#[test]
fn a_key_that_stays_takes_the_identifiers_of_the_new_options() {
    for suite in encrypting() {
        let plain = |seq| packet(seq, 0, 0xbede, &[0x10, 7, 0x20, 8]);
        for ids in [vec![], vec![1], vec![2], vec![1, 2]] {
            for before in [vec![], vec![1]] {
                let mut tx = Sender::builder(key(suite, 1))
                    .encrypted_header_extensions(before)
                    .build()
                    .unwrap();
                protect(&mut tx, Plane::Rtp, &plain(1)).unwrap();
                tx.rekey_with(
                    Sender::builder(key(suite, 1)).encrypted_header_extensions(ids.clone()),
                )
                .unwrap();
                let made = protect(&mut tx, Plane::Rtp, &plain(2)).unwrap();
                let expected = oracle::encrypt_elements(&key(suite, 1), None, &ids, &plain(2), 2);
                assert_eq!(made[..20], expected[..20], "{suite} {ids:?}");
            }
        }
    }
}

#[test]
fn what_is_forged_where_nothing_is_authenticated_comes_out_as_it_deciphers() {
    let suite = CryptoSuite::AesCm128NullAuth;
    let mut rx = receiver(key(suite, 1), None);
    let plain = packet(1, 0, 0xbede, &[0x11, 7, 7]);
    let protected = protect(&mut sender(key(suite, 1), None), Plane::Rtp, &plain).unwrap();
    let mut other = protected.clone();
    other[17] ^= 1;
    let opened = unprotect(&mut rx, Plane::Rtp, &other).unwrap();
    assert_eq!(opened[17], plain[17] ^ 1);
    assert_eq!(opened[18..], plain[18..]);
    assert!(matches!(
        unprotect(&mut rx, Plane::Rtp, &forged(Plane::Rtp, &protected)),
        Err(UnprotectError::Replayed { .. })
    ));
}
