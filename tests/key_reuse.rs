//! A master key that was used is never used again in the same context (RFC 3711 §9.2), and removed streams come back
//! where they were, or not at all.

mod common;

use common::{key, rtcp, rtp};
use srtp_sdes::{BuildError, CryptoSuite, KeyRingError, Mki, Receiver, RocError, Sender};

const SSRC: u32 = 0xdead_beef;

fn mki(value: u8) -> Mki {
    Mki::new(&[value]).unwrap()
}

#[test]
fn a_key_that_is_or_was_there_is_refused_and_nothing_changes() {
    for suite in CryptoSuite::ALL {
        let refused = Err(BuildError::Key(KeyRingError::KeyReused));
        let mut sender = Sender::new(key(suite, 1));
        let mut receiver = Receiver::new(key(suite, 1));
        let mut packet = rtp(SSRC, 5, b"first");
        sender.protect_rtp_vec(&mut packet).unwrap();
        receiver.unprotect_rtp_vec(&mut packet.clone()).unwrap();
        sender.remove_stream(SSRC);

        assert_eq!(sender.rekey(key(suite, 1)), refused, "{suite}: in use");
        assert_eq!(receiver.rekey(key(suite, 1)), refused, "{suite}: in use");
        let used = sender.keys().next().unwrap().1;
        assert_eq!(
            used.rtp_packets, 1,
            "{suite}: its use goes on being counted"
        );
        assert!(
            sender.protect_rtp_vec(&mut rtp(SSRC, 5, b"other")).is_err(),
            "{suite}: the removed stream is on record"
        );

        sender.rekey(key(suite, 2)).unwrap();
        receiver.rekey(key(suite, 2)).unwrap();
        assert_eq!(sender.rekey(key(suite, 1)), refused, "{suite}: was in use");
        assert_eq!(
            receiver.rekey(key(suite, 1)),
            refused,
            "{suite}: was in use"
        );
    }
}

#[test]
fn a_key_does_not_come_back_under_another_mki() {
    let suite = CryptoSuite::AeadAes128Gcm;
    let mut sender = Sender::new(key(suite, 1).with_mki(mki(1)));
    let refused = Err(KeyRingError::KeyReused);
    assert_eq!(sender.add_key(key(suite, 1).with_mki(mki(2))), refused);
    sender.add_key(key(suite, 2).with_mki(mki(2))).unwrap();
    sender.select_key(&mki(2)).unwrap();
    sender.remove_key(&mki(1)).unwrap();
    assert_eq!(sender.add_key(key(suite, 1).with_mki(mki(1))), refused);
    assert_eq!(sender.keys().count(), 1);
    let builder = Sender::builder(key(suite, 1).with_mki(mki(1)));
    let built = builder.add_key(key(suite, 1).with_mki(mki(2))).build();
    assert_eq!(built.unwrap_err(), BuildError::Key(KeyRingError::KeyReused));
}

#[test]
fn a_removed_stream_is_one_again_when_its_rollover_counter_is_set() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let (mut sender, mut receiver) = common::pair(suite);
    let mut packet = rtp(SSRC, 1, b"");
    sender.protect_rtp_vec(&mut packet).unwrap();
    receiver.unprotect_rtp_vec(&mut packet).unwrap();
    sender.remove_stream(SSRC);
    receiver.remove_stream(SSRC);
    assert_eq!((sender.ssrcs().count(), receiver.ssrcs().count()), (0, 0));

    sender.set_roc(SSRC, 7).unwrap();
    receiver.set_roc(SSRC, 7).unwrap();
    assert_eq!((sender.ssrcs().count(), receiver.ssrcs().count()), (1, 1));
    sender.rekey(key(suite, 2)).unwrap();
    receiver.rekey(key(suite, 2)).unwrap();
    assert_eq!((sender.roc(SSRC), receiver.roc(SSRC)), (Some(7), Some(7)));
    let mut packet = rtp(SSRC, 1, b"again");
    sender.protect_rtp_vec(&mut packet).unwrap();
    receiver.unprotect_rtp_vec(&mut packet).unwrap();
}

#[test]
fn a_refused_rollover_counter_takes_no_removed_stream_back() {
    let (mut sender, _) = common::pair(CryptoSuite::AesCm128HmacSha1_80);
    sender.set_roc(SSRC, 9).unwrap();
    sender.protect_rtp_vec(&mut rtp(SSRC, 1, b"")).unwrap();
    sender.remove_stream(SSRC);
    let (ssrc, roc) = (SSRC, 9);
    assert_eq!(
        sender.set_roc(SSRC, 8),
        Err(RocError::Backwards { ssrc, roc })
    );
    assert_eq!(sender.ssrcs().count(), 0);
}

#[test]
fn a_stream_removed_after_control_alone_takes_media_in_any_order() {
    let (mut sender, mut receiver) = common::pair(CryptoSuite::AesCm128HmacSha1_80);
    let mut control = rtcp(SSRC, &[]);
    sender.protect_rtcp_vec(&mut control).unwrap();
    receiver.unprotect_rtcp_vec(&mut control).unwrap();
    sender.remove_stream(SSRC);
    receiver.remove_stream(SSRC);
    for seq in [1000, 1003, 1002, 999] {
        let mut packet = rtp(SSRC, seq, b"x");
        sender.protect_rtp_vec(&mut packet).unwrap();
        receiver.unprotect_rtp_vec(&mut packet).unwrap();
    }
}

#[test]
fn a_straggler_does_not_use_up_the_rollover_counter_that_was_set() {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    let mut sender = Sender::new(key(suite, 1));
    let mut receiver = Receiver::builder(key(suite, 1))
        .search_roc()
        .build()
        .unwrap();
    let mut sealed = |seq| {
        let mut packet = rtp(SSRC, seq, b"x");
        sender.protect_rtp_vec(&mut packet).unwrap();
        packet
    };
    let (mut first, mut straggler, mut last) = (sealed(1), sealed(2), sealed(3));
    receiver.unprotect_rtp_vec(&mut first).unwrap();
    receiver.unprotect_rtp_vec(&mut last).unwrap();
    sender.set_roc(SSRC, 1).unwrap();
    receiver.set_roc(SSRC, 1).unwrap();
    receiver.unprotect_rtp_vec(&mut straggler).unwrap();
    assert_eq!(receiver.roc(SSRC), Some(1), "still set");
    let mut next = rtp(SSRC, 9, b"x");
    sender.protect_rtp_vec(&mut next).unwrap();
    receiver.unprotect_rtp_vec(&mut next).unwrap();
}
