//! Failover: the state of a context as bytes, for another process to go on with.
//!
//! # The bytes
//!
//! Numbers are big-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SRTPstat` |
//! | 2 | the version of the format: 1 |
//! | 1 | the kind of state |
//! | 8 | the length of all of it, from the first byte to the last |
//! | | what the kind says |
//! | 20 | a code over everything before it |
//!
//! The code is an HMAC-SHA1 under a key of its own, which a master key gives with the label 0xfe of RFC 3711 §4.3.2; with several master keys it
//! is the exclusive or of the codes of each. So a state is read where the very same master keys are, and nobody who lacks one of
//! them can change a byte of it. It is verified before anything behind the length is read.
//!
//! Whatever changes in the bytes, or in what they mean, gets another version, and a version that is not known is refused.

mod codec;
mod context;
mod margin;
mod options;

pub(crate) use codec::{Kind, Reader, StateKey, Writer, open, seal, split};
pub use margin::Margin;
