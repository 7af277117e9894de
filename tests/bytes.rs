//! Packets in a `BytesMut`: as in a `Vec`, wherever its storage comes from.
#![cfg(feature = "bytes")]

use bytes::{BufMut, BytesMut};
use srtp_sdes::{CryptoSuite, MasterKey, Plane, ProtectError, Receiver, Sender, UnprotectError};

const PLANES: [Plane; 2] = [Plane::Rtp, Plane::Rtcp];

fn pair(suite: CryptoSuite) -> (Sender, Receiver) {
    let bytes: Vec<u8> = (1..).take(suite.key_and_salt_len()).collect();
    let key = || MasterKey::new(suite, &bytes).unwrap();
    (Sender::new(key()), Receiver::new(key()))
}

fn packet(plane: Plane, seq: u8, payload: usize) -> Vec<u8> {
    let header: &[u8] = match plane {
        Plane::Rtp => &[0x80, 0, 0, seq, 0, 0, 0, 160, 0, 0, 0, 5],
        Plane::Rtcp => &[0x80, 201, 0, 1, 0, 0, 0, 5],
    };
    [header, &vec![0x5a; payload]].concat()
}

fn protect(tx: &mut Sender, plane: Plane, packet: &mut BytesMut) -> Result<(), ProtectError> {
    match plane {
        Plane::Rtp => tx.protect_rtp_bytes(packet),
        Plane::Rtcp => tx.protect_rtcp_bytes(packet),
    }
}

fn unprotect(rx: &mut Receiver, plane: Plane, packet: &mut BytesMut) -> Result<(), UnprotectError> {
    match plane {
        Plane::Rtp => rx.unprotect_rtp_bytes(packet),
        Plane::Rtcp => rx.unprotect_rtcp_bytes(packet),
    }
}

fn overhead(tx: &Sender, plane: Plane) -> usize {
    match plane {
        Plane::Rtp => tx.rtp_overhead(),
        Plane::Rtcp => tx.rtcp_overhead(),
    }
}

#[test]
fn the_bytes_are_those_of_the_twins_for_vec_both_ways() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let ((mut tx, mut rx), (mut twin_tx, mut twin_rx)) = (pair(suite), pair(suite));
            for (seq, payload) in [0, 1, 15, 16, 160, 1200].into_iter().enumerate() {
                let plain = packet(plane, u8::try_from(seq).unwrap(), payload);
                let (mut ours, mut twin) = (BytesMut::from(&plain[..]), plain.clone());
                protect(&mut tx, plane, &mut ours).unwrap();
                match plane {
                    Plane::Rtp => twin_tx.protect_rtp_vec(&mut twin).unwrap(),
                    Plane::Rtcp => twin_tx.protect_rtcp_vec(&mut twin).unwrap(),
                }
                assert_eq!(ours, twin, "{suite} {plane} {payload}");
                unprotect(&mut rx, plane, &mut ours).unwrap();
                match plane {
                    Plane::Rtp => twin_rx.unprotect_rtp_vec(&mut twin).unwrap(),
                    Plane::Rtcp => twin_rx.unprotect_rtcp_vec(&mut twin).unwrap(),
                }
                assert_eq!(ours, plain, "{suite} {plane} {payload}");
                assert_eq!(twin, plain, "{suite} {plane} {payload}");
            }
            assert_eq!(tx.statistics(), twin_tx.statistics());
            assert_eq!(rx.statistics(), twin_rx.statistics());
        }
    }
}

#[test]
fn after_an_error_the_packet_is_as_it_was() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            for len in 0..8 {
                let plain = packet(plane, 0, 0)[..len].to_vec();
                let mut packet = BytesMut::from(&plain[..]);
                assert!(protect(&mut tx, plane, &mut packet).is_err());
                assert_eq!(packet, plain, "{suite} {plane} {len}");
                assert!(unprotect(&mut rx, plane, &mut packet).is_err());
                assert_eq!(packet, plain, "{suite} {plane} {len}");
            }
            let mut sealed = BytesMut::from(&packet(plane, 1, 20)[..]);
            protect(&mut tx, plane, &mut sealed).unwrap();
            unprotect(&mut rx, plane, &mut sealed.clone()).unwrap();
            let before = sealed.clone();
            assert!(
                unprotect(&mut rx, plane, &mut sealed).is_err(),
                "it is a replay"
            );
            assert_eq!(sealed, before, "{suite} {plane}");
        }
    }
}

#[test]
fn a_packet_with_room_behind_it_stays_where_it_is() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            let plain = packet(plane, 1, 160);
            let mut packet = BytesMut::with_capacity(plain.len() + overhead(&tx, plane));
            packet.put_slice(&plain);
            let at = (packet.as_ptr(), packet.capacity());
            protect(&mut tx, plane, &mut packet).unwrap();
            assert_eq!((packet.as_ptr(), packet.capacity()), at, "{suite} {plane}");
            unprotect(&mut rx, plane, &mut packet).unwrap();
            assert_eq!((packet.as_ptr(), packet.capacity()), at, "{suite} {plane}");
            assert_eq!(packet, plain);
        }
    }
}

/// As a socket's buffer is cut into the packets that came with one call.
#[test]
fn the_other_parts_of_shared_storage_keep_their_bytes() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let (mut tx, mut rx) = pair(suite);
            let plain = packet(plane, 1, 160);
            let mut shared = BytesMut::with_capacity(1000);
            shared.put_bytes(0x11, 50);
            shared.put_slice(&plain);
            shared.put_bytes(0x22, 50);
            let before = shared.split_to(50);
            let mut packet = shared.split_to(plain.len());
            protect(&mut tx, plane, &mut packet).unwrap();
            assert_eq!(packet.len(), plain.len() + overhead(&tx, plane));
            assert_eq!((before, shared), (bytes_of(0x11), bytes_of(0x22)));

            let mut shared = BytesMut::from(&[&packet[..], &[0x33; 50]].concat()[..]);
            let after = shared.split_off(packet.len());
            let at = shared.as_ptr();
            unprotect(&mut rx, plane, &mut shared).unwrap();
            assert_eq!((shared.as_ptr(), &shared[..]), (at, &plain[..]));
            assert_eq!(after, bytes_of(0x33), "{suite} {plane}");
        }
    }
}

fn bytes_of(byte: u8) -> BytesMut {
    BytesMut::from(&[byte; 50][..])
}
