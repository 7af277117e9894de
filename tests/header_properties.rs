//! CSRCs and header extensions of any make, encrypted by elements (RFC 6904) or under cryptex (RFC 9335), in every suite that encrypts: what is sent, what
//! a receiver in any mode makes of it, and that no other packet passes for it.

mod common;

use common::{bytes, key, oracle, protect, rtp_with, unprotect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use srtp_sdes::{Cryptex, CryptoSuite, Plane, ProtectError, Receiver, Sender, UnprotectError};

const SSRC: u32 = 0x1234_5678;
const SEQ: u16 = 7;
const MODES: [Cryptex; 3] = [Cryptex::Off, Cryptex::On, Cryptex::Required];

fn encrypting() -> impl Iterator<Item = CryptoSuite> {
    let mut suites = CryptoSuite::ALL.into_iter();
    core::iter::from_fn(move || suites.find(|suite| suite.encrypts()))
}

/// An RTP packet: CSRCs, perhaps an extension with its profile and contents, a payload.
fn packet(csrcs: u8, extension: Option<(u16, &[u8])>, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp_with(SSRC, SEQ, csrcs, None, &[]);
    if let Some((profile, contents)) = extension {
        packet[0] |= 0x10;
        packet.extend(profile.to_be_bytes());
        packet.extend((contents.len() as u16 / 4).to_be_bytes());
        packet.extend(contents);
    }
    packet.extend(payload);
    packet
}

/// Elements as RFC 8285 builds them, or nearly: small bytes are headers of short elements in either form.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => 0..=0x24u8, 1 => any::<u8>()];
    (0..=12usize).prop_flat_map(move |words| vec(byte.clone(), words * 4))
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        0xbede, 0xbede, 0x1000, 0x1000, 0x100f, 0x1010, 0xc0de, 0xc2de, 0xabcd,
    ]);
    let profile = prop_oneof![9 => known, 1 => any::<u16>()];
    let extension = proptest::option::weighted(0.8, (profile, contents()));
    (0..=15u8, extension, vec(any::<u8>(), 0..=70)).prop_map(|(csrcs, extension, payload)| {
        let extension = extension.as_ref().map(|(profile, it)| (*profile, &**it));
        packet(csrcs, extension, &payload)
    })
}

/// The profile of the extension, if there is one.
fn profile(packet: &[u8]) -> Option<u16> {
    let at = 12 + usize::from(packet[0] & 15) * 4;
    (packet[0] & 0x10 != 0).then(|| u16::from_be_bytes([packet[at], packet[at + 1]]))
}

/// What a sender with cryptex makes of a packet.
#[derive(Clone, Copy, PartialEq)]
enum Under {
    Nothing,
    Cryptex,
    Refused(u16),
}

fn under(mode: Cryptex, plain: &[u8]) -> Under {
    match (mode, profile(plain)) {
        (Cryptex::Off, _) => Under::Nothing,
        (_, Some(0xbede | 0x1000)) => Under::Cryptex,
        (_, Some(it @ (0xc0de | 0xc2de))) => Under::Refused(it),
        (Cryptex::Required, Some(it)) => Under::Refused(it),
        (_, Some(_)) => Under::Nothing,
        (_, None) if plain[0] & 15 > 0 => Under::Cryptex,
        (_, None) => Under::Nothing,
    }
}

/// With an empty extension behind its CSRCs, where there was none.
fn as_received(plain: &[u8]) -> Vec<u8> {
    if plain[0] & 0x10 != 0 {
        return plain.to_vec();
    }
    let at = 12 + usize::from(plain[0] & 15) * 4;
    let mut packet = [&plain[..at], &[0xbe, 0xde, 0, 0], &plain[at..]].concat();
    packet[0] |= 0x10;
    packet
}

fn sender(suite: CryptoSuite, mode: Cryptex) -> Sender {
    let builder = Sender::builder(key(suite, 1)).cryptex(mode);
    builder.build().unwrap()
}

fn receiver(suite: CryptoSuite, mode: Cryptex) -> Receiver {
    let builder = Receiver::builder(key(suite, 1)).cryptex(mode);
    builder.build().unwrap()
}

/// What a receiver makes of a packet that was sent so.
fn check_receiver(suite: CryptoSuite, mode: Cryptex, plain: &[u8], protected: &[u8], sent: Under) {
    let ssrc = SSRC;
    let mut rx = receiver(suite, mode);
    let opened = unprotect(&mut rx, Plane::Rtp, protected);
    let looks_encrypted = matches!(profile(protected), Some(0xc0de | 0xc2de));
    let reads_as_sent = mode == Cryptex::Off || looks_encrypted == (sent == Under::Cryptex);
    match (mode, sent) {
        (Cryptex::Off, Under::Cryptex) => {}
        (Cryptex::Required, Under::Nothing) if plain[0] & 0x1f != 0 && !looks_encrypted => {
            assert_eq!(opened, Err(UnprotectError::CryptexRequired { ssrc }));
            assert_eq!(rx.ssrcs().count(), 0);
            return;
        }
        (_, Under::Cryptex) => return assert_eq!(opened, Ok(as_received(plain))),
        _ if reads_as_sent => return assert_eq!(opened.as_deref(), Ok(plain)),
        _ => {}
    }
    // It takes the packet for what it is not: the tag of an AEAD tells, unless nothing but the profile is in question; that of an HMAC holds.
    let failed = UnprotectError::AuthenticationFailed { ssrc };
    let is_empty = protected[0] & 15 == 0 && protected[14..16] == [0, 0];
    match opened {
        Ok(opened) => {
            assert!(!suite.is_aead() || is_empty);
            assert_eq!(opened[..12], protected[..12]);
        }
        Err(error) => assert!(suite.is_aead() && error == failed, "{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn senders_and_receivers_in_any_modes_of_cryptex_make_of_any_packet_what_rfc_9335_says(plain in any_packet()) {
        for suite in encrypting() {
            for mode in MODES {
                let sent = under(mode, &plain);
                let mut tx = sender(suite, mode);
                let protected = protect(&mut tx, Plane::Rtp, &plain);
                let index = u64::from(SEQ);
                let expected = match sent {
                    Under::Refused(profile) => {
                        let refused = ProtectError::CryptexProfile { ssrc: SSRC, profile };
                        prop_assert_eq!(protected, Err(refused));
                        prop_assert_eq!(tx.ssrcs().count(), 0);
                        continue;
                    }
                    Under::Nothing => oracle::protect(&key(suite, 1), None, Plane::Rtp, &plain, index),
                    Under::Cryptex => oracle::protect_cryptex(&key(suite, 1), None, &plain, index),
                };
                let protected = protected.unwrap();
                prop_assert_eq!(&protected, &expected, "{} {:?}", suite, mode);
                prop_assert!(protected.len() <= plain.len() + tx.rtp_overhead());
                for mode in MODES {
                    check_receiver(suite, mode, &plain, &protected, sent);
                }
            }
        }
    }

    #[test]
    fn elements_with_any_identifiers_in_any_packet_come_back_and_travel_as_rfc_6904_says(
        plain in any_packet(),
        ids in vec(1..=255u8, 1..=6),
        short in vec(1..=15u8, 0..=3),
    ) {
        let ids = [ids, short].concat();
        for suite in encrypting() {
            let index = u64::from(SEQ);
            let encrypted = oracle::encrypt_elements(&key(suite, 1), None, &ids, &plain, index);
            let expected = oracle::protect(&key(suite, 1), None, Plane::Rtp, &encrypted, index);
            let tx = Sender::builder(key(suite, 1)).encrypted_header_extensions(ids.iter().copied());
            let protected = protect(&mut tx.build().unwrap(), Plane::Rtp, &plain).unwrap();
            prop_assert_eq!(&protected, &expected, "{}", suite);
            let rx = Receiver::builder(key(suite, 1)).encrypted_header_extensions(ids.iter().copied());
            let opened = unprotect(&mut rx.build().unwrap(), Plane::Rtp, &protected);
            prop_assert_eq!(opened.unwrap(), plain.clone());
            // One that names none reads noise in those elements, and all else.
            let opened = unprotect(&mut Receiver::new(key(suite, 1)), Plane::Rtp, &protected);
            prop_assert_eq!(opened.unwrap(), encrypted);
        }
    }

    #[test]
    fn any_bytes_with_the_marks_of_a_header_are_sent_whole_or_refused_and_never_taken_for_authentic(
        mut garbage in vec(any::<u8>(), 0..=120),
        csrcs in 0..=15u8,
        marked in any::<bool>(),
        which in select(vec![0xbedeu16, 0x1000, 0xc0de, 0xc2de]),
    ) {
        if let Some(first) = garbage.first_mut() {
            *first = 0x90 | csrcs;
        }
        let at = 12 + usize::from(csrcs) * 4;
        if let Some(place) = garbage.get_mut(at..at + 2).filter(|_| marked) {
            place.copy_from_slice(&which.to_be_bytes());
        }
        for suite in encrypting() {
            for mode in MODES {
                let mut tx = sender(suite, mode);
                match protect(&mut tx, Plane::Rtp, &garbage) {
                    Ok(protected) => {
                        let opened = unprotect(&mut receiver(suite, mode), Plane::Rtp, &protected);
                        prop_assert_eq!(opened.unwrap(), garbage.clone());
                    }
                    Err(_) => prop_assert_eq!(tx.ssrcs().count(), 0),
                }
                let mut rx = receiver(suite, mode);
                let mut buf = garbage.clone();
                if suite.rtp_tag_len() > 0 {
                    prop_assert!(rx.unprotect_rtp(&mut buf).is_err());
                    prop_assert_eq!(&buf, &garbage);
                    prop_assert_eq!(rx.ssrcs().count(), 0);
                }
            }
        }
    }
}

/// Packets with every kind of header that is encrypted, short enough to be forged in every bit.
fn shapes() -> Vec<Vec<u8>> {
    let elements: &[u8] = &[0x11, 5, 6, 0x20, 7, 0, 0x30, 8];
    vec![
        packet(1, None, &bytes(5)),
        packet(0, Some((0xbede, &[])), &bytes(1)),
        packet(0, Some((0xbede, elements)), &bytes(3)),
        packet(2, Some((0xbede, elements)), &[]),
        packet(1, Some((0x1000, &[1, 2, 9, 9, 0, 3, 0, 0])), &bytes(17)),
    ]
}

/// What a receiver has learnt.
fn state(rx: &Receiver) -> impl PartialEq + std::fmt::Debug + use<> {
    let streams: Vec<_> = rx.ssrcs().map(|ssrc| (ssrc, rx.roc(ssrc))).collect();
    let used: Vec<_> = rx.keys().map(|(_, usage)| usage.rtp_packets).collect();
    (streams, used, rx.statistics().rtp.packets)
}

fn refuses_all_but_the_packet(mut tx: Sender, mut rx: Receiver, plain: &[u8], opened: &[u8]) {
    let protected = protect(&mut tx, Plane::Rtp, plain).unwrap();
    let before = state(&rx);
    let mut refuses = |forged: &[u8], what: &dyn Fn() -> String| {
        let mut buf = forged.to_vec();
        assert!(rx.unprotect_rtp(&mut buf).is_err(), "{}", what());
        assert_eq!(buf, forged, "{}", what());
        assert!(rx.verify_rtp(forged).is_err(), "{}", what());
    };
    for bit in 0..protected.len() * 8 {
        let mut forged = protected.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        refuses(&forged, &|| format!("bit {bit} flipped"));
    }
    for len in 0..protected.len() {
        refuses(&protected[..len], &|| format!("cut to {len}"));
        let mut without = protected.clone();
        without.remove(len);
        refuses(&without, &|| format!("without byte {len}"));
    }
    for more in 1..=8 {
        let longer = [&protected[..], &vec![0; more]].concat();
        refuses(&longer, &|| format!("{more} bytes more"));
    }
    assert_eq!(state(&rx), before);
    assert_eq!(unprotect(&mut rx, Plane::Rtp, &protected).unwrap(), opened);
    assert!(
        unprotect(&mut rx, Plane::Rtp, &protected).is_err(),
        "a replay"
    );
}

#[test]
fn a_packet_under_cryptex_with_any_bit_flipped_or_any_byte_less_or_more_is_refused_without_a_trace()
{
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        for mode in [Cryptex::On, Cryptex::Required] {
            for plain in shapes() {
                let (tx, rx) = (sender(suite, mode), receiver(suite, mode));
                refuses_all_but_the_packet(tx, rx, &plain, &as_received(&plain));
            }
        }
    }
}

#[test]
fn a_packet_with_encrypted_elements_with_any_bit_flipped_or_any_byte_less_or_more_is_refused_without_a_trace()
 {
    for suite in encrypting().filter(|suite| suite.rtp_tag_len() > 0) {
        for plain in shapes() {
            let tx = Sender::builder(key(suite, 1)).encrypted_header_extensions([1, 3]);
            let rx = Receiver::builder(key(suite, 1)).encrypted_header_extensions([1, 3]);
            refuses_all_but_the_packet(tx.build().unwrap(), rx.build().unwrap(), &plain, &plain);
        }
    }
}

/// RFC 9335 §4: a sender decides for each packet.
#[test]
fn a_sender_changes_its_mind_from_packet_to_packet_and_its_receiver_follows() {
    for suite in encrypting() {
        let (mut tx, mut rx) = (sender(suite, Cryptex::Off), receiver(suite, Cryptex::On));
        for (seq, mode) in (0..).zip([MODES, MODES].concat()) {
            tx.set_cryptex(mode).unwrap();
            let plain = rtp_with(SSRC, seq, 2, Some(1), &bytes(9));
            let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
            let marked = profile(&protected) == Some(0xc0de);
            assert_eq!(marked, mode != Cryptex::Off, "{suite}");
            assert_eq!(unprotect(&mut rx, Plane::Rtp, &protected), Ok(plain));
        }
        assert_eq!(tx.keys().next().unwrap().1.rtp_packets, 6);
    }
}

#[test]
fn a_sender_that_cannot_have_cryptex_stays_as_it_is_when_told_to() {
    for suite in CryptoSuite::ALL
        .into_iter()
        .filter(|suite| !suite.is_aead())
    {
        let clear = Sender::builder(key(suite, 1)).unencrypted_srtp().build();
        let elements = Sender::builder(key(suite, 1)).encrypted_header_extensions([1]);
        for mut tx in [clear, elements.build()].into_iter().flatten() {
            let plain = rtp_with(SSRC, SEQ, 2, Some(1), &bytes(9));
            let overhead = tx.rtp_overhead();
            tx.set_cryptex(Cryptex::On).unwrap_err();
            tx.set_cryptex(Cryptex::Off).unwrap();
            assert_eq!(tx.rtp_overhead(), overhead);
            let protected = protect(&mut tx, Plane::Rtp, &plain).unwrap();
            assert_eq!(profile(&protected), Some(0xbede));
        }
    }
}
