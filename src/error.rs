//! Every error of the packet path and of keys, and all their text.
//!
//! SSRCs, indices and lengths may stand in an error; key, salt, tag and payload bytes never do.

use crate::header::Plane;
use crate::suite::CryptoSuite;

/// A packet whose header is not what RFC 3550 describes. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The packet ends before its header does, CSRCs and header extension counted.
    #[error("the packet has {length} bytes, its header needs {needed}")]
    TooShort {
        /// Bytes that are there.
        length: usize,
        /// Bytes that the header needs, as far as it could be read.
        needed: usize,
    },
    /// The packet is longer than one packet's keystream (RFC 3711 §4.1.1), or would be with its protection.
    #[error("the packet has {length} bytes, of which SRTP takes at most {most}")]
    TooLong {
        /// Bytes of the packet received, or of the protected one.
        length: usize,
        /// The greatest length, 2^20 bytes.
        most: usize,
    },
    /// Not version 2: neither RTP nor RTCP (RFC 3550 §5.1; see RFC 7983 for what else shares the port).
    #[error("version {version} is neither RTP nor RTCP, which have version 2")]
    Version {
        /// The two bits of the version field.
        version: u8,
    },
}

/// Why a packet was not protected. The buffer, the index and the use of the key are as they were; only the
/// statistics count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The packet is not RTP or RTCP.
    #[error(transparent)]
    Malformed(#[from] HeaderError),
    /// The buffer has no room for the protected packet.
    #[error("the protected packet needs a buffer of {needed} bytes")]
    BufferTooSmall {
        /// Bytes of the protected packet.
        needed: usize,
    },
    /// A packet with this index was protected already. Sealing other bytes under the same index would give both
    /// away (RFC 3711 §9.1, RFC 7714 §8.4). If it is a retransmission of the very same bytes, send the
    /// protected packet again, or see [`allow_identical_retransmission`](crate::SenderBuilder::allow_identical_retransmission).
    #[error(
        "SSRC {ssrc:#010x} already used packet index {index}: the same index is never used twice"
    )]
    IndexReused {
        /// The stream.
        ssrc: u32,
        /// `ROC‖SEQ`.
        index: u64,
    },
    /// The index lies so far behind the highest one sent that nobody can tell whether it was used. If the
    /// source restarted its sequence numbers, move on with [`set_roc`](crate::Sender::set_roc).
    #[error("SSRC {ssrc:#010x}: sequence number {seq} is too far behind the highest one sent")]
    IndexTooOld {
        /// The stream.
        ssrc: u32,
        /// The sequence number of the packet.
        seq: u16,
    },
    /// The 48-bit packet index or the 31-bit SRTCP index has come to its end: the stream needs a new SSRC.
    #[error("SSRC {ssrc:#010x} has used up its {plane} index: continue under a new SSRC")]
    IndexExhausted {
        /// The stream.
        ssrc: u32,
        /// Which index.
        plane: Plane,
    },
    /// The sender was resumed from a state that does not know SRTP of this SSRC. The process before may have begun it after the export: say with
    /// [`set_roc`](crate::Sender::set_roc) at which rollover counter no index was used.
    #[error(
        "SSRC {ssrc:#010x} may have been begun before the sender was resumed: set a rollover counter that was not used"
    )]
    MayHaveBegun {
        /// The stream.
        ssrc: u32,
    },
    /// The selected master key has protected as many packets as it may in one of the planes, which ends
    /// it in both (RFC 3711 §9.2): replace it.
    #[error("the master key has reached its lifetime: re-key before sending more")]
    KeyExpired,
    /// The context knows as many SSRCs as it may.
    #[error("SSRC {ssrc:#010x} would be one stream too many: this context holds at most {most}")]
    TooManyStreams {
        /// The stream that did not fit.
        ssrc: u32,
        /// The cap.
        most: usize,
    },
    /// The header extension cannot be encrypted by cryptex (RFC 9335): its profile is not 0xBEDE or 0x1000 and cryptex is
    /// [`Required`](crate::Cryptex::Required); or it is 0xC0DE or 0xC2DE already, by which the receiver would take it for encrypted.
    #[error(
        "SSRC {ssrc:#010x}: cryptex cannot encrypt a header extension of profile {profile:#06x}"
    )]
    CryptexProfile {
        /// The stream.
        ssrc: u32,
        /// The 16 bits "defined by profile".
        profile: u16,
    },
}

/// Why a packet was not accepted. The buffer and all state are as they were; only the statistics count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// The packet is not SRTP or SRTCP.
    #[error(transparent)]
    Malformed(#[from] HeaderError),
    /// Header, MKI, tag and, for SRTCP, the index word do not fit: not protected, cut, or under another suite.
    #[error(
        "the packet has {length} bytes, too few for the header, the MKI and the tag of this suite ({needed})"
    )]
    TooShort {
        /// Bytes that are there.
        length: usize,
        /// Bytes needed for an empty payload.
        needed: usize,
    },
    /// The buffer to write to is too small.
    #[error("the packet needs a buffer of {needed} bytes")]
    BufferTooSmall {
        /// Bytes of the packet without its protection.
        needed: usize,
    },
    /// No master key of this context has the packet's MKI (RFC 3711 §3.2.1).
    #[error("SSRC {ssrc:#010x}: no master key has the MKI of this packet")]
    UnknownMki {
        /// The stream, as the packet claims.
        ssrc: u32,
    },
    /// The index was seen: a duplicate or a replay (RFC 3711 §3.3.2). The packet was not verified.
    #[error("SSRC {ssrc:#010x} has sent index {index} before")]
    Replayed {
        /// The stream, as the packet claims.
        ssrc: u32,
        /// `ROC‖SEQ`, or the SRTCP index.
        index: u64,
    },
    /// The index lies behind the replay window, or would be negative. The packet was not verified.
    ///
    /// A run of these on one stream is how it looks when a peer restarted its sequence numbers; then
    /// [`restart_rtp`](crate::Receiver::restart_rtp) or [`restart_rtcp`](crate::Receiver::restart_rtcp) is the remedy.
    #[error(
        "SSRC {ssrc:#010x}: the packet lies behind the replay window, whose highest index is {highest}"
    )]
    TooOld {
        /// The stream, as the packet claims.
        ssrc: u32,
        /// The highest index authenticated so far.
        highest: u64,
    },
    /// The estimated index lies beyond 2^48 − 1: the stream has ended.
    #[error("SSRC {ssrc:#010x} has used up its packet index")]
    IndexExhausted {
        /// The stream, as the packet claims.
        ssrc: u32,
    },
    /// The packet's master key has accepted as many packets as its lifetime allows (RFC 4568 §6.1).
    #[error("the master key has reached its lifetime: the peer has to re-key")]
    KeyExpired,
    /// The tag is wrong: another key, a wrong ROC, a changed packet, or no SRTP at all. Who joins a stream late learns its ROC by
    /// [`set_roc`](crate::Receiver::set_roc) or [`search_roc`](crate::ReceiverBuilder::search_roc), or from packets that carry it
    /// ([`roc_carry`](crate::Builder::roc_carry)).
    #[error(
        "SSRC {ssrc:#010x}: the packet does not authenticate (other key, other ROC, or changed on the way)"
    )]
    AuthenticationFailed {
        /// The stream, as the packet claims.
        ssrc: u32,
    },
    /// Authentic SRTCP whose E bit says other than this context expects (see [`EBitPolicy`](crate::EBitPolicy)).
    #[error("SSRC {ssrc:#010x}: authentic SRTCP with E = {e}, where this context expects the other", e = u8::from(*encrypted))]
    EncryptionMismatch {
        /// The stream.
        ssrc: u32,
        /// The packet's E bit: is it encrypted?
        encrypted: bool,
    },
    /// Authentic SRTP with CSRCs or a header extension in the clear, where cryptex is [`Required`](crate::Cryptex::Required).
    #[error(
        "SSRC {ssrc:#010x}: authentic SRTP with CSRCs or header extension in the clear, where cryptex is required"
    )]
    CryptexRequired {
        /// The stream.
        ssrc: u32,
    },
    /// Without authentication an index may run ahead by at most 2^14, since nothing vouches for it. If the gap is real, [`set_roc`](crate::Receiver::set_roc) takes
    /// the stream to a later rollover counter, and [`restart_rtp`](crate::Receiver::restart_rtp) or
    /// [`restart_rtcp`](crate::Receiver::restart_rtcp) begins anew.
    #[error("SSRC {ssrc:#010x}: unauthenticated packet runs ahead from index {highest} to {index}")]
    JumpTooFar {
        /// The stream, as the packet claims.
        ssrc: u32,
        /// The packet's index.
        index: u64,
        /// The highest index so far; that of a packet without a tag if one came further, where others carry the rollover counter.
        highest: u64,
    },
    /// The context knows as many SSRCs as it may, and this is none of them. The packet is authentic.
    #[error("SSRC {ssrc:#010x} would be one stream too many: this context holds at most {most}")]
    TooManyStreams {
        /// The stream that did not fit.
        ssrc: u32,
        /// The cap.
        most: usize,
    },
}

/// Why bytes are no master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Key and salt together have the wrong length.
    #[error("{suite} takes {expected} bytes of master key and salt, not {got}")]
    Length {
        /// The suite.
        suite: CryptoSuite,
        /// Bytes that the suite takes.
        expected: usize,
        /// Bytes that were given.
        got: usize,
    },
    /// Key or salt has the wrong length.
    #[error("{suite} takes {} + {} bytes of master key and salt, not {key} + {salt}", suite.key_len(), suite.salt_len())]
    Lengths {
        /// The suite.
        suite: CryptoSuite,
        /// Bytes of master key that were given.
        key: usize,
        /// Bytes of master salt that were given.
        salt: usize,
    },
    /// A DTLS exporter gave another number of bytes than the suite takes (RFC 5764 §4.2).
    #[error("{suite} takes {expected} bytes of a DTLS exporter, not {got}")]
    Exported {
        /// The suite.
        suite: CryptoSuite,
        /// Bytes that the suite takes, for both sides.
        expected: usize,
        /// Bytes that were given.
        got: usize,
    },
    /// The text is not base64 (RFC 4648 §4).
    #[error("the master key is not base64")]
    Base64,
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes for a master key")]
pub struct RandomError;

/// The name of a crypto suite that this crate does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown crypto suite")]
pub struct UnknownSuite;

/// A master key does not go with the others of its context. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The keys of one context share one suite.
    #[error("a key for {got} cannot join a context for {expected}")]
    Suite {
        /// The suite of the context.
        expected: CryptoSuite,
        /// The suite of the key.
        got: CryptoSuite,
    },
    /// Several keys need an MKI each (RFC 4568 §6.1): the new key has none, or the one that is here.
    #[error("several master keys need an MKI each")]
    MkiMissing,
    /// The MKIs of several keys have one length (RFC 4568 §6.1).
    #[error("the MKIs of this context have {expected} bytes, not {got}")]
    MkiLength {
        /// Bytes of the MKIs of this context.
        expected: usize,
        /// Bytes of the MKI of the key.
        got: usize,
    },
    /// The same key is or was in this context. A key that was used is never used again (RFC 3711 §9.2): its
    /// keystream would repeat, and old packets could be replayed. If it is the one in use, there is nothing to do.
    #[error("the same master key is or was in this context: it is never used again")]
    KeyReused,
    /// Another key of the context has this MKI.
    #[error("another master key has this MKI")]
    DuplicateMki,
    /// No key of the context has this MKI.
    #[error("no master key has this MKI")]
    UnknownMki,
    /// A sender's selected key: select another one before removing it.
    #[error("the master key that is selected cannot be removed")]
    Selected,
    /// The only key: replace it with `rekey`.
    #[error("the only master key cannot be removed")]
    OnlyKey,
    /// The context holds as many keys as it may.
    #[error("a context holds at most {most} master keys")]
    TooManyKeys {
        /// The cap.
        most: usize,
    },
}

/// Why a context cannot be built as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// AEAD suites always encrypt SRTP (RFC 7714 §8.2); UNENCRYPTED_SRTCP is allowed.
    #[error("{suite} always encrypts SRTP: UNENCRYPTED_SRTP does not go with it")]
    AeadUnencrypted {
        /// The suite.
        suite: CryptoSuite,
    },
    /// AEAD suites always authenticate SRTP (RFC 7714 §8.2).
    #[error("{suite} always authenticates SRTP: UNAUTHENTICATED_SRTP does not go with it")]
    AeadUnauthenticated {
        /// The suite.
        suite: CryptoSuite,
    },
    /// The suite has no SRTCP tag of that length.
    #[error("{suite} has no SRTCP tag of {bytes} bytes")]
    SrtcpTag {
        /// The suite.
        suite: CryptoSuite,
        /// Bytes asked for.
        bytes: usize,
    },
    /// Header extensions cannot be encrypted where payloads are not, under a suite without encryption or with UNENCRYPTED_SRTP (RFC 6904 §5).
    #[error(
        "{suite}, as asked for, does not encrypt SRTP: its header extensions cannot be encrypted either"
    )]
    HeaderExtensionsUnencrypted {
        /// The suite.
        suite: CryptoSuite,
    },
    /// Cryptex encrypts all of a header extension: no elements are encrypted by identifier beside it (RFC 9335).
    #[error(
        "cryptex does not go with header extensions that are encrypted by identifier (RFC 6904)"
    )]
    CryptexWithEncryptedHeaderExtensions,
    /// No element of a header extension has the identifier 0 (RFC 8285 §4.1.2).
    #[error("no element of a header extension has the identifier 0, which is padding")]
    HeaderExtensionId,
    /// The rollover counter is carried in the tag of HMAC-SHA1 (RFC 4771 §3), and AEAD suites have none (RFC 7714 §7.1).
    #[error("{suite} has no tag of HMAC-SHA1, in which a rollover counter could be carried")]
    RocCarryAead {
        /// The suite.
        suite: CryptoSuite,
    },
    /// The suite does not authenticate SRTP, so that there is no tag to carry the rollover counter. RCCm3 under a suite with
    /// HMAC-SHA1 leaves SRTP without authentication too, and keeps that of SRTCP.
    #[error("{suite} has no tags, in which a rollover counter could be carried")]
    RocCarryNullAuth {
        /// The suite.
        suite: CryptoSuite,
    },
    /// UNAUTHENTICATED_SRTP takes the tags away in which the rollover counter is carried. For no authentication and a counter all the same there is
    /// [`rccm3_unauthenticated`](crate::RocCarry::rccm3_unauthenticated).
    #[error("UNAUTHENTICATED_SRTP leaves no tags, in which a rollover counter could be carried")]
    RocCarryUnauthenticated,
    /// A tag that carries the rollover counter is 8 to 20 bytes long, or 4 in RCCm3 (RFC 4771 §5).
    #[error("a tag that carries a rollover counter has 8 to 20 bytes, and 4 in RCCm3, not {bytes}")]
    RocCarryTag {
        /// Bytes asked for; 65535 stands for that and more.
        bytes: usize,
    },
    /// One of the keys does not go with the others.
    #[error(transparent)]
    Key(#[from] KeyRingError),
}

/// Why a rollover counter cannot be set. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RocError {
    /// The stream is further on. A sender would use indices twice; a receiver that really has to go back takes
    /// [`restart_rtp`](crate::Receiver::restart_rtp).
    #[error("SSRC {ssrc:#010x} is at ROC {roc} already")]
    Backwards {
        /// The stream.
        ssrc: u32,
        /// The rollover counter of the highest index so far.
        roc: u32,
    },
    /// The context knows as many SSRCs as it may.
    #[error("SSRC {ssrc:#010x} would be one stream too many: this context holds at most {most}")]
    TooManyStreams {
        /// The stream that did not fit.
        ssrc: u32,
        /// The cap.
        most: usize,
    },
}

/// Why an exported state is refused. Nothing was made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It does not begin as an exported state does.
    #[error("these bytes are no exported state")]
    NotAState,
    /// It is of a version of the format that this version of the crate does not read.
    #[error("the state is of version {version}, which is not known here")]
    Version {
        /// The version that it states.
        version: u16,
    },
    /// It is of something else: of the other direction, or with keys where there should be none.
    #[error("the state is not of what is to be resumed from it")]
    Kind,
    /// It is shorter or longer than it says.
    #[error("the state is not as long as it says: it was cut, or something is behind it")]
    Length,
    /// Its code is wrong: it was damaged or forged, or is not of exactly these master keys.
    #[error("the state does not authenticate: damaged, or of other master keys")]
    NotAuthentic,
    /// It is of these master keys, and of another suite, of other MKIs or lifetimes, or of options under which packets look different.
    #[error("the state is of another suite, other MKIs, lifetimes or options")]
    OtherOptions,
    /// The master keys that were given are not those of the context.
    #[error("these are not the master keys of the context")]
    OtherKeys,
    /// A crypto line of the session is not among those that were given.
    #[error("a crypto line of the session is missing")]
    OtherLines,
    /// It has more streams than the context may hold, removed ones included.
    #[error("the state has {streams} streams, and this context holds at most {most}")]
    TooManyStreams {
        /// Streams of the state.
        streams: usize,
        /// The cap: [`most_streams`](crate::Builder::most_streams).
        most: usize,
    },
    /// Options and keys do not go with each other.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its code is right and what it says is not: nobody should have written that.
    #[error("the state authenticates and makes no sense")]
    Malformed,
}

/// A lifetime that leaves no packet, or above 2^48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key lifetime is 2 to 2^48 packets")]
pub struct LifetimeError;

/// An MKI that is empty, longer than 128 bytes, or too short for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an MKI has 1 to 128 bytes, and enough of them for its value")]
pub struct MkiError;
