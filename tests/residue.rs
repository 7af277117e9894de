//! Memory that was given back holds no master key.
//!
//! The allocator of this test searches every block that is freed, after everything that holds master keys before a context takes
//! them. Session keys are wiped in their place too, but a type can have unused room, into which the compiler copies what happens to
//! be on the stack: that nobody can promise away.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use srtp_sdes::sdes::{
    CryptoAttribute, Line, MediaSection, Offer, OurSide, Outcome, ParseMode, Policy, Response,
    Session, Signalling,
};
use srtp_sdes::{CryptoSuite, MasterKey, Mki, Overlap, Receiver, RocAfterRekey, Sender};

/// RFC 3711 B.3: master key and master salt.
const MASTER_KEY: [u8; 16] = *b"\xe1\xf9\x7a\x0d\x3e\x01\x8b\xe0\xd6\x4f\xa3\x2c\x06\xde\x41\x39";
const MASTER_SALT: [u8; 14] = *b"\x0e\xc6\x75\xad\x49\x8a\xfe\xeb\xb6\x96\x0b\x3a\xab\xe6";
/// The master key as the first digits of its base64.
const DIGITS: [u8; 16] = *b"4fl6DT4Bi+DWT6Ms";

static SEARCHING: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);
static SEARCHED: AtomicUsize = AtomicUsize::new(0);

struct Searching;

// SAFETY: every call goes to the system's allocator unchanged, but that blocks begin zeroed.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator. Zeroed, so that all of it can be read.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if SEARCHING.load(Ordering::Relaxed) {
            // SAFETY: the block is still allocated, with this layout, and was initialised when it was.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            let secrets = [MASTER_KEY, DIGITS];
            let holds_a_secret = |window: &[u8]| secrets.iter().any(|secret| window == secret);
            if bytes.windows(16).any(holds_a_secret) {
                FOUND.fetch_add(1, Ordering::Relaxed);
            }
            SEARCHED.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

fn key() -> MasterKey {
    let suite = CryptoSuite::AesCm128HmacSha1_80;
    MasterKey::from_key_and_salt(suite, &MASTER_KEY, &MASTER_SALT).unwrap()
}

fn mki(value: u8) -> Mki {
    Mki::new(&[value]).unwrap()
}

fn other(value: u8) -> MasterKey {
    let key = MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[value; 30]).unwrap();
    key.with_mki(mki(value))
}

/// Freed blocks that held a key while `work` ran.
fn residue_of(work: impl FnOnce()) -> usize {
    FOUND.store(0, Ordering::Relaxed);
    SEARCHED.store(0, Ordering::Relaxed);
    SEARCHING.store(true, Ordering::Relaxed);
    work();
    SEARCHING.store(false, Ordering::Relaxed);
    assert!(
        SEARCHED.load(Ordering::Relaxed) > 0,
        "nothing was freed at all"
    );
    FOUND.load(Ordering::Relaxed)
}

/// One test, since the allocator is one for all of them.
#[test]
fn freed_memory_holds_no_master_key() {
    assert_eq!(
        residue_of(|| drop(Box::new(MASTER_KEY))),
        1,
        "the search finds what is there"
    );

    let work: [(&str, fn()); 7] = [
        ("a key that is dropped", || drop(Box::new(key()))),
        ("a builder with more and more keys", || {
            let mut builder = Sender::builder(other(1)).add_key(key().with_mki(mki(99)));
            for n in 2..9 {
                builder = builder.add_key(other(n));
            }
            drop(builder);
        }),
        ("a key as text, and back", || {
            let text = key().secret_base64();
            drop(MasterKey::from_base64(CryptoSuite::AesCm128HmacSha1_80, &text).unwrap());
        }),
        ("a crypto line of several keys, written and parsed", || {
            let keys = [other(1), key().with_mki(mki(2)), other(3)];
            let line = CryptoAttribute::new(1, None, &keys, &[]).unwrap();
            let text = line.secret_line();
            let Line::Usable(parsed) = CryptoAttribute::parse(&text, ParseMode::Strict) else {
                panic!("not usable");
            };
            assert_eq!(parsed.keys().len(), 3);
        }),
        ("an offer of several lines", || {
            let policy = Policy::compatible().suites(&[CryptoSuite::AesCm128HmacSha1_80; 5]);
            let mut made = 0;
            let offer = Offer::with(&policy, Signalling::Secure, |_| {
                made += 1;
                Ok::<_, ()>(if made == 3 { key() } else { other(made) })
            });
            assert_eq!(offer.unwrap().attributes().count(), 5);
        }),
        ("a session that answers, commits and re-keys", || {
            let line = CryptoAttribute::new(1, None, &[other(1)], &[]).unwrap();
            let line = line.secret_line();
            let section = MediaSection {
                transport: "RTP/SAVP",
                port: 4000,
                attributes: &[&line],
            };
            let policy = Policy::compatible().overlap(Overlap::None);
            let mut session = Session::new(&policy, Signalling::Secure);
            let (mut sender, mut receiver) = (None, None);
            for (n, own) in [other(2), key(), other(3)].into_iter().enumerate() {
                let mut own = Some(own);
                let generate = |_| own.take().ok_or(());
                let ours = OurSide::default().with_fresh_key();
                let reply = session.offered_with(&section, None, ours, generate);
                assert!(
                    matches!(reply.unwrap().response, Response::Srtp { .. }),
                    "{n}"
                );
                let Ok(Outcome::Srtp(changes)) = session.commit() else {
                    panic!("not agreed");
                };
                changes.apply(&mut sender, &mut receiver).unwrap();
            }
        }),
        ("re-keys with keys that stay and keys that go", || {
            let keyed = || Receiver::builder(other(1)).add_key(key().with_mki(mki(2)));
            let mut receiver = keyed().build().unwrap();
            let next = Receiver::builder(key().with_mki(mki(2))).add_key(other(3));
            let (roc, overlap) = (RocAfterRekey::KeptOrZero, Overlap::UntilEnded);
            receiver.rekey_with(next, roc, overlap).unwrap();
            assert!(receiver.has_overlap());
            receiver.rekey_with(keyed(), roc, overlap).unwrap_err();
            let next = Receiver::builder(other(4));
            receiver.rekey_with(next, roc, overlap).unwrap();
            receiver.end_overlap();
            let mut sender = Sender::new(other(1));
            sender
                .rekey_with(Sender::builder(key().with_mki(mki(2))))
                .unwrap();
        }),
    ];
    for (what, work) in work {
        assert_eq!(residue_of(work), 0, "{what}");
    }
}
