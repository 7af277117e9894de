//! Every error of `a=crypto`, and all their text: never that of the line.

use core::fmt;

/// Where and why a line is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineError {
    /// What is wrong.
    pub kind: LineErrorKind,
    /// The byte of the text given to the parser at which the faulty part begins.
    pub offset: usize,
}

/// What is wrong with a line, by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LineErrorKind {
    /// Longer than 4096 bytes: our limit, not the RFC's.
    #[error("the line is too long")]
    TooLong,
    /// A character other than a visible ASCII one, blank or tab.
    #[error("a character that SDP does not allow here")]
    Charset,
    /// The tag is not a number of 1 to 9 digits without a leading zero (RFC 4568 §4.1).
    #[error("the tag is not a number of 1 to 9 digits")]
    Tag,
    /// The suite has a character other than letters, digits and `_`, or is missing.
    #[error("the crypto suite is no name")]
    Suite,
    /// There are no key parameters.
    #[error("the key parameters are missing")]
    KeyMissing,
    /// The key parameters do not follow RFC 4568 §9.2.
    #[error("the key parameters have another form")]
    KeySyntax,
    /// `inline:` without a key.
    #[error("the key is empty")]
    KeyEmpty,
    /// The key is not base64.
    #[error("the key is not base64")]
    Base64,
    /// The key has another length than its suite takes.
    #[error("the key has another length than its suite takes")]
    KeyLength,
    /// More keys than a context holds.
    #[error("too many keys")]
    TooManyKeys,
    /// The lifetime is no number, zero, has a leading zero, or is above 2^48 (RFC 4568 §6.1).
    #[error("the lifetime is not 2^1 to 2^48 or such a number of packets")]
    Lifetime,
    /// The MKI is not a positive number and a length of 1 to 128 bytes that holds it (RFC 4568 §6.1).
    #[error("the MKI is not a positive number and its length in 1 to 128 bytes")]
    Mki,
    /// The MKI stands before the lifetime.
    #[error("the MKI stands before the lifetime")]
    MkiOrder,
    /// Several keys, and one of them without an MKI (RFC 4568 §6.1).
    #[error("several keys need an MKI each")]
    MkiMissing,
    /// Several keys with MKIs of different lengths (RFC 4568 §6.1).
    #[error("the MKIs have different lengths")]
    MkiLengthMixed,
    /// Two keys with the same MKI.
    #[error("two keys have the same MKI")]
    MkiDuplicate,
    /// The same key stands twice, or serves FEC and media.
    #[error("a key is used twice")]
    KeyReused,
    /// A session parameter has a value that RFC 4568 §6.3 does not allow.
    #[error("a session parameter has another form")]
    SessionParameter,
    /// A session parameter that is not known and has no `-` before it (RFC 4568 §6.3.7).
    #[error("an unknown session parameter that must not be ignored")]
    SessionParameterUnknown,
    /// A session parameter stands twice.
    #[error("a session parameter stands twice")]
    SessionParameterDuplicate,
    /// A session parameter that does not go with the suite (RFC 7714 §8.2).
    #[error("a session parameter that does not go with the suite")]
    SessionParameterConflict,
    /// Blanks behind the last field, in strict mode.
    #[error("blanks behind the last field")]
    TrailingBlanks,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for LineError {}

/// Why a well-formed line is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Another attribute than `a=crypto`.
    #[error("not a crypto attribute")]
    NotCrypto,
    /// A suite that this crate does not have.
    #[error("unknown crypto suite")]
    UnknownSuite,
    /// A key method other than `inline` makes the whole set of keys unusable (RFC 4568 §4.3).
    #[error("unknown key method")]
    UnknownKeyMethod,
}
