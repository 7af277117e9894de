//! What this side offers, accepts and refuses.

use alloc::vec::Vec;

use super::attribute::{CryptoAttribute, ParseMode, SessionParameter};
use super::error::Unacceptable;
use crate::key::Lifetime;
use crate::{CryptoSuite, KeyDerivationRate};

/// Is SRTP wanted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrtpMode {
    /// Never offered, never accepted.
    Disabled,
    /// Never offered, honoured when the peer offers it.
    WhenOffered,
    /// Offered; plain RTP if the peer declines and the profile allows it (RFC 8643).
    Opportunistic,
    /// SRTP or no media.
    Required,
    /// The media is not ours: crypto lines pass through to another party, untouched.
    Bypass,
}

/// Which of several acceptable lines of an offer is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuiteOrder {
    /// The first, as RFC 4568 §5.1.2 says.
    Offer,
    /// That of the suite which stands first in our policy.
    Own,
}

/// What an offer of plain `RTP/AVP` with `a=crypto` means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoInAvp {
    /// Opportunistic SRTP (RFC 8643): the keys are accepted.
    Accept,
    /// The lines are passed over: plain RTP, if that is enough for us.
    Ignore,
    /// The stream is refused.
    Reject,
}

/// The profile of our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredProfile {
    /// As in the offer.
    AsOffered,
    /// The secure one whenever SRTP was negotiated: some PBXs answer `RTP/SAVP` to an `RTP/AVP` offer with keys.
    Secure,
}

/// How the tag of an answer is matched with the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagMatch {
    /// Tag and suite have to be those of one offered line (RFC 4568 §5.1.3).
    Strict,
    /// Where the tag does not fit, the suite is enough, if only one line was offered with it: some systems renumber.
    Lenient,
}

/// SRTCP tags under the `_32` suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtcpTagOf32 {
    /// 10 bytes both ways (RFC 4568 §6.2).
    TenBytes,
    /// 4 bytes both ways, for a peer that is known to do so.
    FourBytes,
    /// 10 bytes sent, either accepted; see [`accept_either_srtcp_tag`](crate::ReceiverBuilder::accept_either_srtcp_tag) for what that costs.
    AcceptEither,
}

/// What this side offers, accepts and refuses. Begin with a preset and change what differs.
///
/// All presets require secure signalling and refuse what weakens a suite (UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP,
/// UNAUTHENTICATED_SRTP). A suite is acceptable if it is listed: naming `AES_CM_128_NULL_AUTH` is asking for it.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) mode: SrtpMode,
    pub(super) suites: Vec<CryptoSuite>,
    pub(super) order: SuiteOrder,
    pub(super) crypto_in_avp: CryptoInAvp,
    pub(super) offers_secure_profile: bool,
    pub(super) answered_profile: AnsweredProfile,
    pub(super) tags: TagMatch,
    pub(super) accepts_mki: bool,
    pub(super) mki_len: Option<usize>,
    pub(super) lifetime: Option<Lifetime>,
    pub(super) rate: Option<KeyDerivationRate>,
    pub(super) srtcp_tag: SrtcpTagOf32,
    pub(super) parse_mode: ParseMode,
    allows_unencrypted_srtp: bool,
    allows_unencrypted_srtcp: bool,
    allows_unauthenticated_srtp: bool,
    allows_clear_signalling: bool,
}
