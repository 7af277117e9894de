//! SDP security descriptions: `a=crypto` (RFC 4568).

mod attribute;
mod error;
mod parse;
mod write;

pub use attribute::{CryptoAttribute, FecOrder, Line, ParseMode, SessionParameter};
pub use error::{LineError, LineErrorKind, SkipReason};
