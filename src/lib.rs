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
//! Contexts are `Send` and `Sync`, and protecting or unprotecting takes `&mut`: RTP and RTCP of one direction share one lock, if there
//! is one. Work spreads over threads by session and by direction. SSRCs of one direction can be spread too, a context for each
//! thread, on the receiving side even with copies of one key; senders that share a key would have to divide its lifetime.
#![no_std]
#![forbid(unsafe_code)]
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
#[cfg(any(feature = "std", test))]
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

// How keys come to a context.
pub mod sdes;
pub mod sip_stacks;
pub mod dtls;
mod demux;

// What feeds it.
mod context;
mod builder;
mod suite;
mod key;
mod kdf;
mod ring;
mod statistics;
mod error;
mod primitives;

#[cfg(test)]
mod test_vectors;

pub use builder::{Builder, Cryptex, EBitPolicy, SrtcpTag};
pub use demux::PacketKind;
pub use error::{
    BuildError, HeaderError, KeyError, KeyRingError, LifetimeError, MkiError, ProtectError,
    RandomError, RocError, UnknownSuite, UnprotectError,
};
pub use header::Plane;
pub use index::PacketIndex;
pub use kdf::KeyDerivationRate;
pub use key::{Lifetime, MasterKey, Mki};
pub use receiver::{Overlap, Receiver, ReceiverBuilder, ReceiverOptions, RocAfterRekey};
pub use replay::ReplayWindowSize;
pub use ring::KeyUsage;
pub use sender::{Sender, SenderBuilder, SenderOptions};
pub use statistics::{
    PlaneStatistics, ProtectErrorCounts, ReceiverStatistics, SenderStatistics, Statistics,
    UnprotectErrorCounts,
};
pub use suite::CryptoSuite;
pub use transform::RocCarry;
