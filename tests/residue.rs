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
use srtp_sdes::{CryptoSuite, Margin, MasterKey, Mki, Sender};

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

/// Contexts are not freed where the search is on: session keys are built on the stack, and the unused room of a cipher takes along what it
/// finds there.
fn kept<T>(contexts: T) -> std::mem::ManuallyDrop<T> {
    std::mem::ManuallyDrop::new(contexts)
}

/// One test, since the allocator is one for all of them.
#[test]
fn freed_memory_holds_no_master_key() {
    assert_eq!(
        residue_of(|| drop(Box::new(MASTER_KEY))),
        1,
        "the search finds what is there"
    );

    let work: [(&str, fn()); 8] = [
        ("a key that is dropped", || drop(Box::new(key()))),
        ("a builder with more and more keys", || {
            let mut builder = Sender::builder(other(1)).add_key(key().with_mki(mki(99)));
            for n in 2..9 {
                builder = builder.add_key(other(n));
            }
            drop(builder);
        }),
        ("a state with keys, exported", || {
            let sender = Sender::builder(other(1)).add_key(key().with_mki(mki(2)));
            let sender = kept(sender.build().unwrap());
            let keys = [&other(1), &key().with_mki(mki(2))];
            drop(sender.export_secret_state(&keys).unwrap());
        }),
        ("a state with keys that is refused behind them", || {
            let sender = kept(Sender::new(key()));
            let mut state = sender.export_secret_state(&[&key()]).unwrap();
            *state.last_mut().unwrap() ^= 1;
            assert!(Sender::resume_secret(&state, Margin::NONE).is_err());
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
            let again = CryptoAttribute::new(1, None, &[key()], &[]).unwrap();
            let mut session = Session::new(&Policy::compatible(), Signalling::Secure);
            let mut made = 10;
            for line in [line, again] {
                let line = line.secret_line();
                let section = MediaSection {
                    transport: "RTP/SAVP",
                    port: 4000,
                    attributes: &[&line],
                };
                let generate = |_| {
                    made += 1;
                    Ok::<_, ()>(other(made))
                };
                let ours = OurSide::default().with_fresh_key();
                let reply = session.offered_with(&section, None, ours, generate);
                assert!(matches!(reply.unwrap().response, Response::Srtp { .. }));
                let Ok(Outcome::Srtp(changes)) = session.commit() else {
                    panic!("not agreed");
                };
                kept(changes);
            }
        }),
    ];
    for (what, work) in work {
        assert_eq!(residue_of(work), 0, "{what}");
    }
}
