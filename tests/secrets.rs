//! What must not leak: no key, salt, tag or payload byte in any text, and no second copy of a key by accident.

mod common;

use std::fmt::Display;
use std::num::NonZeroUsize;

use common::secrets::Secrets;
use common::{PLANES, forged, key, oracle, plain, protect, rtp, unprotect};
use srtp_sdes::{
    CryptoSuite, KeyDerivationRate, Lifetime, MasterKey, Mki, Overlap, Plane, Receiver,
    ReceiverBuilder, RocAfterRekey, Sender, SenderBuilder,
};
use zeroize::{ZeroizeOnDrop, Zeroizing};

const SSRC: u32 = 0x1234_5678;

/// A payload, of bytes that stand in no sentence by chance.
const SAID: [u8; 26] = *b"\xd1q\x9eZ\xf7~\xb3J\x8c%\xe9w\xa4^\xc8Q\x97\x7f\xbf[\x86@\xe3z\xf5|";

/// A key with an MKI and a lifetime: those are no secrets.
fn dressed(suite: CryptoSuite) -> MasterKey {
    key(suite, 0xc5)
        .with_mki(Mki::new(&[1, 2]).unwrap())
        .with_lifetime(Lifetime::new(1000).unwrap())
}

#[test]
fn the_search_finds_each_way_to_write_bytes() {
    for suite in CryptoSuite::ALL {
        let key = dressed(suite);
        let bytes = key.secret_key_and_salt();
        let secrets = Secrets::of(&key);
        let session_key = oracle::session_key(&key, 3, 0, 16);
        let tail = &bytes[bytes.len() - 6..];
        // `{:x?}` spells a byte below 16 with one digit: a run without one has to be there.
        for (spelling, leak) in [
            ("Decimal", format!("{bytes:?}")),
            ("Decimal", format!("{session_key:#?}")),
            ("Hexadecimal", format!("{bytes:x?}")),
            ("Hexadecimal", format!("{bytes:#04X?}")),
            (
                "Hexadecimal",
                format!("{:02x}{:02x}{:02x}", tail[0], tail[1], tail[2]),
            ),
            (
                "Hexadecimal",
                format!("{:#04x}, {:#04x}, {:#04x}", tail[3], tail[4], tail[5]),
            ),
            ("Base64", format!("inline:{}", key.secret_base64().as_str())),
            ("Base64", format!("of {}", &key.secret_base64()[9..])),
            (
                "Characters",
                bytes.iter().map(|byte| char::from(*byte)).collect(),
            ),
            ("Escapes", bytes.escape_ascii().to_string()),
        ] {
            let found = secrets.leak(&leak).unwrap_or_default();
            assert!(found.contains(spelling), "{suite}: {found} in {leak}");
        }
        secrets.check_text(suite.name());
    }
}

#[test]
fn debug_of_a_key_shows_what_it_is_and_none_of_its_bytes() {
    for suite in CryptoSuite::ALL {
        let key = dressed(suite);
        Secrets::of(&key).check(&key);
        let text = format!("{key:?}");
        assert!(
            text.contains("MasterKey") && text.contains("1000"),
            "{text}"
        );
        Secrets::of(&key).check(&key.secret_copy());
    }
}

#[test]
fn debug_of_contexts_and_builders_shows_no_key_before_or_after_packets() {
    for suite in CryptoSuite::ALL {
        for rate in [None, Some(KeyDerivationRate::EVERY_PACKET)] {
            let mut secrets = Secrets::of(&dressed(suite));
            let second = || key(suite, 0xd7).with_mki(Mki::new(&[1, 3]).unwrap());
            secrets.known.extend(Secrets::of(&second()).known);
            let mut tx: SenderBuilder = Sender::builder(dressed(suite)).add_key(second());
            let mut rx: ReceiverBuilder = Receiver::builder(dressed(suite)).add_key(second());
            if let Some(rate) = rate {
                tx = tx.key_derivation_rate(rate);
                rx = rx.key_derivation_rate(rate);
            }
            secrets.check(&tx);
            secrets.check(&rx);
            let (mut tx, mut rx) = (tx.build().unwrap(), rx.build().unwrap());
            secrets.check(&tx);
            secrets.check(&rx);
            for seq in 0..3 {
                for plane in PLANES {
                    let plain = plain(plane, SSRC, seq, &SAID);
                    let packet = protect(&mut tx, plane, &plain).unwrap();
                    unprotect(&mut rx, plane, &packet).unwrap();
                }
            }
            secrets.add("payload", &SAID);
            secrets.check(&tx);
            secrets.check(&rx);
            for usage in tx.keys().chain(rx.keys()) {
                secrets.check(&usage);
            }
            secrets.check(&(tx.statistics(), rx.stream_statistics(SSRC)));

            let third = || key(suite, 0x3d).with_mki(Mki::new(&[1, 4]).unwrap());
            secrets.known.extend(Secrets::of(&third()).known);
            let next = Receiver::builder(third());
            rx.rekey_with(next, RocAfterRekey::default(), Overlap::UntilEnded)
                .unwrap();
            tx.rekey_with(Sender::builder(third())).unwrap();
            secrets.check(&tx);
            secrets.check(&rx);
            let reused = Receiver::builder(second());
            secrets.check_error(rx.rekey_with(reused, RocAfterRekey::Kept, Overlap::None));
            secrets.check_error(tx.rekey_with(Sender::builder(second())));
        }
    }
}

#[test]
fn no_error_of_a_packet_shows_key_tag_or_payload() {
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut secrets = Secrets::of(&dressed(suite));
            secrets.add("payload", &SAID);
            let capped = || Sender::builder(dressed(suite)).most_streams(NonZeroUsize::MIN);
            let mut tx = capped().build().unwrap();
            let open = Receiver::builder(dressed(suite)).most_streams(NonZeroUsize::MIN);
            let mut rx = open.build().unwrap();
            let mut send = |ssrc, seq| protect(&mut tx, plane, &plain(plane, ssrc, seq, &SAID));
            let packets: Vec<_> = [2000, 5000, 6000]
                .map(|seq| send(SSRC, seq).unwrap())
                .into();
            for packet in &packets {
                let protected = if plane == Plane::Rtp { 12 } else { 8 };
                secrets.add("protected packet", &packet[protected..packet.len() - 2]);
            }

            // A sender's.
            secrets.check_error(send(SSRC + 1, 0)); // too many streams
            secrets.check_error(protect(&mut tx, plane, &[0x40; 60])); // malformed
            let plain = plain(plane, SSRC, 6001, &SAID);
            secrets.check_error(match plane {
                Plane::Rtp => tx.protect_rtp_into(&plain, &mut [0; 20]).map(|_| ()),
                Plane::Rtcp => tx.protect_rtcp_into(&plain, &mut [0; 20]).map(|_| ()),
            });
            if plane == Plane::Rtp {
                secrets.check_error(protect(&mut tx, plane, &rtp(SSRC, 6000, &SAID)));
                secrets.check_error(protect(&mut tx, plane, &rtp(SSRC, 2001, &SAID)));
                let mut last = capped().initial_roc(u32::MAX).build().unwrap();
                protect(&mut last, plane, &rtp(SSRC, 65_535, &SAID)).unwrap();
                secrets.check_error(protect(&mut last, plane, &rtp(SSRC, 0, &SAID)));
            }
            let dead = dressed(suite).with_lifetime(Lifetime::new(2).unwrap());
            let mut dead = Sender::new(dead);
            protect(&mut dead, plane, &plain).unwrap();
            secrets.check_error(protect(&mut dead, plane, &plain));

            // A receiver's.
            let [first, last] = [&packets[0], &packets[2]];
            if suite.rtp_tag_len() > 0 {
                secrets.check_error(unprotect(&mut rx, plane, &forged(plane, last)));
            }
            unprotect(&mut rx, plane, first).unwrap();
            secrets.check_error(unprotect(&mut rx, plane, first)); // replayed
            secrets.check_error(unprotect(&mut rx, plane, &last[..12])); // too short
            secrets.check_error(unprotect(&mut rx, plane, &[0x40; 60])); // malformed
            let mut stranger = last.clone();
            stranger[if plane == Plane::Rtp { 8 } else { 4 }] ^= 1;
            secrets.check_error(unprotect(&mut rx, plane, &stranger));
            secrets.check_error(match plane {
                Plane::Rtp => rx.unprotect_rtp_into(last, &mut [0; 20]).map(|_| ()),
                Plane::Rtcp => rx.unprotect_rtcp_into(last, &mut [0; 20]).map(|_| ()),
            });
            let mut other = Receiver::new(key(suite, 1).with_mki(Mki::new(&[9, 9]).unwrap()));
            secrets.check_error(unprotect(&mut other, plane, last)); // unknown MKI
            if plane == Plane::Rtcp && suite.encrypts() {
                let builder = Receiver::builder(dressed(suite)).unencrypted_srtcp();
                let mut clear = builder.build().unwrap();
                secrets.check_error(unprotect(&mut clear, plane, last));
            }
        }
    }
}

#[test]
fn no_error_about_a_key_shows_its_bytes() {
    for suite in CryptoSuite::ALL {
        let key = dressed(suite);
        let secrets = Secrets::of(&key);
        let bytes = key.secret_key_and_salt();
        let text = key.secret_base64();
        secrets.check_error(MasterKey::new(suite, &bytes[1..]));
        secrets.check_error(MasterKey::from_key_and_salt(suite, bytes, &bytes[..1]));
        let damaged = Zeroizing::new(text.replacen(&text[4..5], "!", 1));
        secrets.check_error(MasterKey::from_base64(suite, &damaged));
        secrets.check_error(MasterKey::from_base64(suite, &text[..text.len() - 8]));
        secrets.check_error(MasterKey::from_base64(suite, &text.repeat(3)));
        secrets.check_error(text.parse::<CryptoSuite>());

        let mut tx = Sender::new(key.secret_copy());
        let mut rx = Receiver::new(key.secret_copy());
        secrets.check_error(tx.add_key(key.secret_copy()));
        secrets.check_error(rx.add_key(key.secret_copy()));
        secrets.check_error(tx.remove_key(key.mki().unwrap()));
        let twice = Sender::builder(key.secret_copy()).add_key(key.secret_copy());
        secrets.check_error(twice.build());
        let plain = rtp(SSRC, 0, &[]);
        protect(&mut tx, Plane::Rtp, &plain).unwrap();
        tx.set_roc(SSRC, 9).unwrap();
        protect(&mut tx, Plane::Rtp, &plain).unwrap();
        secrets.check_error(tx.set_roc(SSRC, 0));
        let contradiction = Receiver::builder(key.secret_copy())
            .unencrypted_srtp()
            .unauthenticated_srtp();
        if suite.is_aead() {
            secrets.check_error(contradiction.build());
        }
    }
}

#[test]
fn failing_random_bytes_leave_the_caller_s_error_and_no_key() {
    let made = MasterKey::generate_with(CryptoSuite::AeadAes256Gcm, |bytes| {
        bytes.fill(0xc5);
        Err("no entropy")
    });
    assert_eq!(made.unwrap_err(), "no entropy");
}

#[cfg(feature = "getrandom")]
#[test]
fn generated_keys_differ() {
    for suite in CryptoSuite::ALL {
        let made = [1, 2].map(|_| MasterKey::generate(suite).unwrap());
        let [first, second] = made.each_ref().map(MasterKey::secret_key_and_salt);
        assert_eq!(first.len(), suite.key_and_salt_len());
        assert_ne!(first, second, "{suite}");
        assert_ne!(first, vec![0; first.len()], "{suite}");
    }
}

// What types can do and cannot.

/// Fails to compile if the type implements the trait: then there are two answers to what `A` is.
macro_rules! assert_does_not_implement {
    ($type:ty: $($trait:path),+ $(,)?) => {$(
        const _: fn() = || {
            trait AmbiguousIfImplemented<A> {
                fn call() {}
            }
            impl<T: ?Sized> AmbiguousIfImplemented<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> AmbiguousIfImplemented<Implemented> for T {}
            let _ = <$type as AmbiguousIfImplemented<_>>::call;
        };
    )+};
}

assert_does_not_implement!(MasterKey: Clone, PartialEq, Display, AsRef<[u8]>, std::hash::Hash, std::ops::Deref);
assert_does_not_implement!(Sender: Clone, PartialEq, Display);
assert_does_not_implement!(Receiver: Clone, PartialEq, Display);
assert_does_not_implement!(SenderBuilder: Clone, PartialEq, Display);
assert_does_not_implement!(ReceiverBuilder: Clone, PartialEq, Display);

#[test]
fn a_master_key_is_wiped_when_dropped_and_so_is_its_text() {
    fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}
    let key = dressed(CryptoSuite::AeadAes128Gcm);
    is_wiped(&key);
    is_wiped(&key.secret_base64());
}

#[test]
fn keys_and_contexts_move_between_threads_and_are_shared() {
    fn threads<T: Send + Sync + 'static>() {}
    threads::<MasterKey>();
    threads::<Sender>();
    threads::<Receiver>();
    threads::<SenderBuilder>();
    threads::<ReceiverBuilder>();

    let (mut tx, mut rx) = common::pair(CryptoSuite::AesCm128HmacSha1_80);
    let plain = rtp(SSRC, 0, b"hello");
    let expected = plain.clone();
    let packet = std::thread::spawn(move || protect(&mut tx, Plane::Rtp, &plain));
    let packet = packet.join().unwrap().unwrap();
    let opened = std::thread::spawn(move || unprotect(&mut rx, Plane::Rtp, &packet));
    assert_eq!(opened.join().unwrap(), Ok(expected));
}
