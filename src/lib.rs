#![doc = include_str!("../README.md")]
//!
//! # The way of a packet
//!
//! ```text
//!             header        index           replay          transform         (layout)
//!  RTP  ──►  SSRC, SEQ ──► ROC ‖ SEQ ──►  sender: never  ──► encipher, then ──►  SRTP
//!  bytes     payload at                   the same index     authenticate       bytes
//!                                         twice
//!  SRTP ──►  SSRC, SEQ ──► estimate ───►  seen before?   ──► verify, then   ──►  RTP
//!  bytes     (untrusted)   ROC ‖ SEQ      too old?           decipher           bytes
//!                                                              │
//!                          ROC, window, SSRC table ◄─ Authentic ┘  the only way in which state moves
//! ```
//!
//! A [`Sender`] protects and a [`Receiver`] unprotects; each is one direction of one RTP session, RTP and RTCP. Their
//! streams (one an SSRC) own rollover counter, replay windows and counts; a ring of master keys owns session keys and
//! packet counts, so that keys come and go while streams go on.
//!
//! A packet that has not been verified moves nothing. Verifying a packet at a position gives a value that cannot be made in
//! another way, and a receiver's streams take nothing else; the packet is deciphered after that.
//!
//! # Threads
//!
//! Every public type is `Send` and `Sync` (`tests/threads.rs`). Protecting or unprotecting takes `&mut`: RTP and RTCP of one direction share one lock, if there
//! is one. Work spreads over threads by session and by direction. SSRCs of one direction can be spread too, a context for each
//! thread, on the receiving side even with copies of one key; senders that share a key would have to divide its lifetime.
//!
//! # Without an operating system
//!
//! Without its default features the crate needs an allocator and nothing else: neither `std` nor a source of random bytes nor a clock. All that
//! makes keys takes them from the caller: [`MasterKey::generate_with`] has random bytes filled in, and
//! [`Offer::with`](sdes::Offer::with), [`Answer::to_with`](sdes::Answer::to_with), [`Answer::in_session_with`](sdes::Answer::in_session_with),
//! [`Session::offer_with`](sdes::Session::offer_with), [`Session::offered_with`](sdes::Session::offered_with) and
//! [`Session::offered_in_session_with`](sdes::Session::offered_in_session_with) call for keys as they need them. Nothing else here is random.
//! The bytes have to come from a cryptographic generator: who can guess them has the call.
//!
//! ```
//! use srtp_sdes::sdes::{Accepted, Answer, Decision, MediaSection, Offer, Policy, Signalling};
//! use srtp_sdes::{CryptoSuite, MasterKey};
//!
//! # struct Fault;
//! # fn hardware_random(bytes: &mut [u8]) -> Result<(), Fault> {
//! #     use std::sync::atomic::{AtomicU8, Ordering};
//! #     static NEXT: AtomicU8 = AtomicU8::new(1);
//! #     bytes.fill(NEXT.fetch_add(1, Ordering::Relaxed));
//! #     Ok(())
//! # }
//! // What the board has: fn hardware_random(bytes: &mut [u8]) -> Result<(), Fault>
//! let generate = |suite: CryptoSuite| MasterKey::generate_with(suite, hardware_random);
//! let policy = Policy::strong().suites(&[CryptoSuite::AeadAes128Gcm]);
//!
//! # fn main_() -> Option<()> {
//! # let policy = Policy::strong().suites(&[CryptoSuite::AeadAes128Gcm]);
//! # let generate = |suite: CryptoSuite| MasterKey::generate_with(suite, hardware_random);
//! let mut offer = Offer::with(&policy, Signalling::Secure, generate).ok()?;
//! let line = offer.attributes().next()?.secret_line(); // goes out in SDP
//!
//! // At the other end:
//! let offered = MediaSection { transport: "RTP/SAVP", port: 4000, attributes: &[&line] };
//! let answer = Answer::to_with(&offered, &policy, Signalling::Secure, generate).ok()?;
//! let Decision::Srtp(srtp) = answer.decision else { return None };
//! let line = srtp.attribute.secret_line(); // comes back
//! let (mut sender, _) = srtp.into_contexts();
//!
//! // And here again:
//! let answered = MediaSection { transport: "RTP/SAVP", port: 5000, attributes: &[&line] };
//! let Accepted::Srtp(mut srtp) = offer.accept(&answered) else { return None };
//!
//! let rtp = [0x80, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe, b'h', b'i'];
//! let mut buf = [0; 64];
//! let srtp_packet = sender.protect_rtp_into(&rtp, &mut buf).ok()?;
//! assert_eq!(srtp.receiver.unprotect_rtp(srtp_packet), Ok(&mut rtp.clone()[..]));
//! # Some(())
//! # }
//! # main_().unwrap();
//! ```
#![no_std]
#![cfg_attr(not(feature = "simd"), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::missing_errors_doc
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test, srtp_sdes_watched))]
extern crate std;

// The way of a packet, in the order in which it meets them.
mod header;
mod index;
mod replay;
mod stream;
mod layout;
mod transform;
mod sender;
mod receiver;
pub mod batch;

// How keys come to a context.
pub mod sdes;
pub mod dtls;
mod demux;

// Other containers of packets.
#[cfg(feature = "bytes")]
mod bytes_mut;

// What feeds it.
mod context;
mod one_or_more;
mod builder;
mod suite;
mod key;
mod kdf;
mod ring;
mod statistics;
pub mod state;
mod error;
mod primitives;
// Where there is no operating system, nobody keeps vector registers for a thread; an enclave of SGX has no CPUID.
#[cfg(all(
    feature = "simd",
    target_arch = "x86_64",
    target_feature = "sse2",
    not(any(target_os = "none", target_os = "uefi", target_env = "sgx"))
))]
#[expect(unsafe_code, reason = "kernels for vector units")]
mod simd;
#[cfg(not(all(
    feature = "simd",
    target_arch = "x86_64",
    target_feature = "sse2",
    not(any(target_os = "none", target_os = "uefi", target_env = "sgx"))
)))]
#[path = "simd/none.rs"]
mod simd;

// Pages without code.
pub mod sip_stacks;
pub mod past_bugs;
pub mod security;

#[cfg(test)]
mod test_vectors;

pub use builder::{Builder, Cryptex, EBitPolicy, SrtcpTag};
pub use demux::PacketKind;
pub use error::{
    BuildError, HeaderError, KeyError, KeyRingError, LifetimeError, MkiError, ProtectError,
    RandomError, RocError, StateError, UnknownSuite, UnprotectError,
};
pub use header::Plane;
pub use index::PacketIndex;
pub use kdf::KeyDerivationRate;
pub use key::{Lifetime, MasterKey, Mki};
#[cfg(srtp_sdes_watched)]
#[doc(hidden)]
pub use primitives::WHEN_PUBLIC;
#[doc(hidden)]
pub use primitives::without_best_levels;
pub use receiver::{Overlap, Receiver, ReceiverBuilder, ReceiverOptions, RocAfterRekey};
pub use replay::ReplayWindowSize;
pub use ring::KeyUsage;
pub use sender::{Sender, SenderBuilder, SenderOptions};
pub use state::Margin;
pub use statistics::{
    PlaneStatistics, ProtectErrorCounts, ReceiverStatistics, SenderStatistics, Statistics,
    UnprotectErrorCounts,
};
pub use suite::CryptoSuite;
pub use transform::RocCarry;
