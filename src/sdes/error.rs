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
    #[error("the key has {got} bytes of master key and salt, its suite takes {expected}")]
    KeyLength {
        /// Bytes that the suite takes.
        expected: usize,
        /// Bytes that the text holds.
        got: usize,
    },
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

/// Why a line is passed over.
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
    /// A crypto line before the first `m=` line (RFC 4568 §4).
    #[error("a=crypto means nothing at the session level")]
    SessionLevel,
}

/// No fresh master key was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError<E> {
    /// What the caller's generator, or the operating system, said.
    #[error("{0}")]
    Failed(E),
    /// The generator made a key that is already in use here: all keys have to be different (RFC 4568 §6.1, §7.1.2).
    #[error("the generator of master keys repeats itself")]
    Repeated,
}

/// An offer/answer exchange cannot begin. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError<E> {
    /// Another one is going on: an offer of ours without an answer, or an offer of the peer's that was neither
    /// committed nor rolled back. In SIP the peer's offer is then refused with 491 Request Pending (RFC 3261 §14.2).
    #[error("another offer/answer exchange is going on")]
    ExchangeOpen,
    /// No fresh master key was to be had.
    #[error("{0}")]
    Keys(GenerateError<E>),
}

/// There is no offer/answer exchange to go on with. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no offer/answer exchange is going on")]
pub struct NoExchange;

/// A session cannot be rebuilt from the sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Neither section has one usable crypto line: none of them was an answer.
    #[error("neither section is an answer with one crypto line")]
    NoAnswer,
    /// The transport of the answer is not one to which security descriptions apply.
    #[error("security descriptions do not apply to the transport of the answer")]
    NotSdes,
    /// No line of the offer is the one that the answer accepts, by its tag and suite.
    #[error("the sections have no crypto line in common")]
    NoCommonLine,
    /// A section has port 0: the stream was out of use.
    #[error("a section has port 0")]
    PortZero,
    /// Both sides have the same key, which no session comes to (RFC 4568 §7.1.2): one of the sections is not what it is said to be.
    #[error("both sides have the same key")]
    KeyRepeated,
}

/// A transport to which security descriptions do not apply (RFC 4568 §6): DTLS-SRTP, for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("security descriptions do not apply to this transport")]
pub struct NotSdes;

/// Why an offer cannot be rebuilt from the section that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SectionError {
    /// The transport is none of the four [profiles](super::Profile).
    #[error(transparent)]
    Transport(#[from] NotSdes),
    /// A crypto line is invalid.
    #[error("the attribute at place {line} is invalid: {source}")]
    InvalidLine {
        /// Its place among the attributes given, from 0.
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// Two crypto lines have one tag (RFC 4568 §4.1): which of them an answer accepts could not be told.
    #[error("the attribute at place {line} has the tag {tag}, as an earlier one has")]
    DuplicateTag {
        /// The place of the second among the attributes given, from 0.
        line: usize,
        /// Their tag.
        tag: u32,
    },
}

/// Why a valid line is not acceptable to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unacceptable {
    /// The policy does not list the suite.
    #[error("the suite is not among those of the policy")]
    Suite,
    /// The policy does not allow media in the clear.
    #[error("UNENCRYPTED_SRTP is not allowed")]
    UnencryptedSrtp,
    /// The policy does not allow control in the clear.
    #[error("UNENCRYPTED_SRTCP is not allowed")]
    UnencryptedSrtcp,
    /// The policy does not allow media that anybody can forge.
    #[error("UNAUTHENTICATED_SRTP is not allowed")]
    UnauthenticatedSrtp,
    /// The policy refuses MKIs.
    #[error("MKIs are not accepted")]
    Mki,
    /// The suite does not encrypt, or UNENCRYPTED_SRTP says so, and the policy requires cryptex.
    #[error("without encryption of SRTP there is no cryptex, which is required")]
    Unencrypted,
    /// Forward error correction behind SRTP, or with keys of its own, which this crate does not do.
    #[error("forward error correction is not supported")]
    Fec,
    /// An earlier line has the same tag (RFC 4568 §4.1).
    #[error("an earlier line has the same tag")]
    DuplicateTag,
}

/// Why a potential configuration cannot be used (RFC 5939 §3.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It does not follow RFC 5939 §3.5.1.
    #[error("another form than that of a potential configuration")]
    Syntax,
    /// Another one of the section has the same number.
    #[error("another potential configuration has the same number")]
    DuplicateNumber,
    /// It refers to a capability that is not there, or whose number is there twice, or that is about negotiation itself, or to `a=crypto` at
    /// the session level.
    #[error("a capability that it refers to is missing or not valid")]
    Capability,
    /// It demands an attribute that the policy does not list.
    #[error("it demands an attribute that is not supported")]
    Attribute,
    /// It demands an extension, with a `+`: this crate has none.
    #[error("it demands an extension that is not supported")]
    MandatoryExtension,
    /// An `a=creq` demands an extension: the answer should say `a=csup:cap-v0`, at the same level (§3.3.2).
    #[error("the offer demands an extension of capability negotiation that is not supported")]
    RequiredExtension,
    /// Its transport is none to which security descriptions apply.
    #[error("security descriptions do not apply to its transport")]
    Transport,
    /// More than 64 attributes, or 32 alternatives were looked at before it: our limits, not the RFC's.
    #[error("too many alternatives or attributes")]
    TooMany,
}

/// Why a stream is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The profile demands SRTP, which is off here.
    #[error("SRTP is disabled here")]
    SrtpDisabled,
    /// SRTP is required here, and the peer does plain RTP.
    #[error("SRTP is required here")]
    SrtpRequired,
    /// The keys travelled in the clear (RFC 4568 §8).
    #[error("keys came over signalling that is not secure")]
    SignallingNotSecure,
    /// `a=crypto` under `RTP/AVP`, which the policy refuses or passes over.
    #[error("a=crypto under a plain profile is refused")]
    CryptoInAvp,
    /// A secure profile without a crypto line.
    #[error("a secure profile without a=crypto")]
    NoKeying,
    /// There are crypto lines, but none is valid.
    #[error("no crypto line is valid")]
    NoValidLine,
    /// There are valid crypto lines, but none with a suite of the policy.
    #[error("no common crypto suite")]
    NoCommonSuite,
    /// The suite would do, a parameter of the line would not.
    #[error("a parameter of the crypto line is not allowed")]
    ParameterProhibited,
    /// The answer has a crypto line, and none was offered (RFC 4568 §5.1.3).
    #[error("an answer with a=crypto to an offer without")]
    CryptoNotOffered,
    /// The answer accepts a secure profile without a crypto line (RFC 4568 §5.1.3).
    #[error("an answer without a=crypto to an offer that needs one")]
    AnsweredWithoutCrypto,
    /// The transport of the answer is none of the four [profiles](super::Profile): DTLS-SRTP, for instance.
    #[error("an answer under a transport to which security descriptions do not apply")]
    AnsweredNotSdes,
    /// The answer has several crypto lines (RFC 4568 §5.1.2).
    #[error("an answer with several crypto lines")]
    SeveralLines,
    /// The answer's tag and suite are not those of an offered line (RFC 4568 §5.1.3).
    #[error("the answer accepts what was not offered")]
    NotOffered,
    /// The answer's tag was not offered, and its suite more than once.
    #[error("which offered line the answer accepts cannot be told")]
    Ambiguous,
    /// The answer's crypto line is not valid.
    #[error("the answer's crypto line is not valid")]
    InvalidAnswer(LineErrorKind),
    /// The peer's key is one of ours (RFC 4568 §7.1.2): the same keystream both ways.
    #[error("the peer repeats a key of ours")]
    KeyRepeated,
    /// The peer comes back to a master key that it had given up, or uses its key for another suite (RFC 3711 §9.2).
    #[error("a master key that was used before")]
    KeyReused,
    /// The stream is encrypted, and the peer wants to go on in the clear.
    #[error("the stream was encrypted and is not to go on as plain RTP")]
    Downgrade,
    /// Cryptex is required here, and the peer does not announce it with `a=cryptex` (RFC 9335 §4).
    #[error("cryptex is required here, and the peer does not announce it")]
    CryptexRequired,
    /// The answer does not echo the negotiated session parameters of the line it accepts (RFC 4568 §5.1.2).
    #[error("the answer changes session parameters that have to be the same")]
    ParametersChanged,
}
