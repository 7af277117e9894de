//! SDP security descriptions: `a=crypto` (RFC 4568).

mod attribute;
mod parse;
mod write;
mod media;
mod policy;
mod decision;
mod answer;
mod offer;
mod error;

pub use answer::{Answer, Decision, SrtpAnswer};
pub use attribute::{CryptoAttribute, FecOrder, Line, ParseMode, SessionParameter};
pub use decision::{Diagnosis, PlainRtp, Rejection, SipHint, Verdict};
pub use error::{LineError, LineErrorKind, NotSdes, RejectReason, SkipReason, Unacceptable};
pub use media::{MediaSection, Profile, Signalling};
pub use offer::{Accepted, Offer, SrtpAccepted};
pub use policy::{
    AnsweredProfile, CryptoInAvp, Policy, SrtcpTagOf32, SrtpMode, SuiteOrder, TagMatch,
};
