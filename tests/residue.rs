//! Memory that was given back holds no key.
//!
//! The allocator of this test searches every block that is freed. What the compiler leaves on the stack, it does not see.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use srtp_sdes::sdes::{CryptoAttribute, Line, ParseMode};
use srtp_sdes::{CryptoSuite, KeyDerivationRate, MasterKey, Mki, Receiver, Sender};

/// RFC 3711 B.3: master key, master salt, and the session key for encryption that follows from them.
const MASTER_KEY: [u8; 16] = *b"\xe1\xf9\x7a\x0d\x3e\x01\x8b\xe0\xd6\x4f\xa3\x2c\x06\xde\x41\x39";
const MASTER_SALT: [u8; 14] = *b"\x0e\xc6\x75\xad\x49\x8a\xfe\xeb\xb6\x96\x0b\x3a\xab\xe6";
const SESSION_KEY: [u8; 16] = *b"\xc6\x1e\x7a\x93\x74\x4f\x39\xee\x10\x73\x4a\xfe\x3f\xf7\xa0\x87";
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
            let secrets = [MASTER_KEY, SESSION_KEY, DIGITS];
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
fn freed_memory_holds_no_master_key_and_no_session_key() {
    assert_eq!(
        residue_of(|| drop(Box::new(MASTER_KEY))),
        1,
        "the search finds what is there"
    );

    let work: [(&str, fn()); 8] = [
        ("a sender that is dropped", || {
            drop(Box::new(Sender::new(key())))
        }),
        ("a receiver that is dropped", || {
            drop(Box::new(Receiver::new(key())))
        }),
        ("keys added to a live sender", || {
            let mut sender = Sender::new(key().with_mki(mki(200)));
            for n in 1..9 {
                sender.add_key(other(n)).unwrap();
            }
        }),
        ("a key removed from a live sender", || {
            let mut sender = Sender::new(other(1));
            sender.add_key(other(2)).unwrap();
            sender.add_key(key().with_mki(mki(9))).unwrap();
            sender.select_key(&mki(2)).unwrap();
            sender.remove_key(&mki(1)).unwrap();
            sender.remove_key(&mki(9)).unwrap();
        }),
        ("a key replaced", || {
            let mut sender = Sender::new(key());
            sender.rekey(other(1)).unwrap();
        }),
        ("a builder with several keys, and one that fails", || {
            let mut builder = Sender::builder(other(1)).add_key(key().with_mki(mki(99)));
            for n in 2..9 {
                builder = builder.add_key(other(n));
            }
            drop(builder.build().unwrap());
            let builder = Sender::builder(other(1)).add_key(key().with_mki(mki(99)));
            assert!(builder.add_key(other(1)).build().is_err());
        }),
        ("a key derivation rate", || {
            let builder =
                Sender::builder(key()).key_derivation_rate(KeyDerivationRate::EVERY_PACKET);
            let mut sender = builder.build().unwrap();
            for seq in 0..20u8 {
                let mut packet = vec![0x80, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 1];
                sender.protect_rtp_vec(&mut packet).unwrap();
            }
        }),
        ("a crypto line written and parsed", || {
            let line = CryptoAttribute::new(1, None, &[key()], &[]).unwrap();
            let text = line.secret_line();
            let Line::Usable(parsed) = CryptoAttribute::parse(&text, ParseMode::Strict) else {
                panic!("not usable");
            };
            assert_eq!(parsed.tag(), 1);
        }),
    ];
    for (what, work) in work {
        assert_eq!(residue_of(work), 0, "{what}");
    }
}
