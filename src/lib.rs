#![doc = include_str!("../README.md")]
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

// The way of a packet.
mod context;
mod header;
mod index;
mod layout;
mod receiver;
mod replay;
mod sender;
mod stream;
mod transform;
// What feeds it.
mod builder;
mod error;
mod kdf;
mod key;
mod primitives;
mod ring;
mod statistics;
mod suite;

#[cfg(test)]
mod test_vectors;

pub use builder::{Builder, EBitPolicy, SrtcpTag};
pub use error::{
    BuildError, HeaderError, KeyError, KeyRingError, LifetimeError, MkiError, ProtectError,
    RandomError, RocError, UnknownSuite, UnprotectError,
};
pub use header::Plane;
pub use index::PacketIndex;
pub use kdf::KeyDerivationRate;
pub use key::{Lifetime, MasterKey, Mki};
pub use receiver::{Receiver, ReceiverBuilder, ReceiverOptions};
pub use replay::ReplayWindowSize;
pub use ring::KeyUsage;
pub use sender::{Sender, SenderBuilder, SenderOptions};
pub use statistics::{
    PlaneStatistics, ProtectErrorCounts, ReceiverStatistics, SenderStatistics, Statistics,
    UnprotectErrorCounts,
};
pub use suite::CryptoSuite;
