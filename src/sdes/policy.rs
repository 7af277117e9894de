//! What this side offers, accepts and refuses.

mod check;

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::attribute::ParseMode;
use super::media::Profile;
use crate::key::Lifetime;
use crate::{Cryptex, CryptoSuite, KeyDerivationRate, Overlap};

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

impl AnsweredProfile {
    /// The profile of an answer with keys.
    pub(super) fn to(self, offered: Profile) -> Profile {
        match self {
            Self::AsOffered => offered,
            Self::Secure => offered.secured(),
        }
    }
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
    pub(super) keeps_suite: bool,
    pub(super) allows_downgrade: bool,
    pub(super) restarts_roc: bool,
    pub(super) accepts_reused_keys: bool,
    pub(super) overlap: Overlap,
    pub(super) cryptex: Cryptex,
    /// Attributes that a potential configuration may demand; `None` if none is answered.
    pub(super) capabilities: Option<Vec<String>>,
    allows_unencrypted_srtp: bool,
    allows_unencrypted_srtcp: bool,
    allows_unauthenticated_srtp: bool,
    allows_clear_signalling: bool,
}

impl Policy {
    fn with(mode: SrtpMode, suites: &[CryptoSuite]) -> Self {
        Self {
            mode,
            suites: suites.to_vec(),
            order: SuiteOrder::Offer,
            crypto_in_avp: CryptoInAvp::Accept,
            offers_secure_profile: mode == SrtpMode::Required,
            answered_profile: AnsweredProfile::AsOffered,
            tags: TagMatch::Strict,
            accepts_mki: true,
            mki_len: None,
            lifetime: None,
            rate: None,
            srtcp_tag: SrtcpTagOf32::TenBytes,
            parse_mode: ParseMode::Tolerant,
            keeps_suite: false,
            allows_downgrade: false,
            restarts_roc: false,
            accepts_reused_keys: false,
            overlap: Overlap::default(),
            cryptex: Cryptex::Off,
            capabilities: None,
            allows_unencrypted_srtp: false,
            allows_unencrypted_srtcp: false,
            allows_unauthenticated_srtp: false,
            allows_clear_signalling: false,
        }
    }

    /// SRTP or no media, in `RTP/SAVP`, under suites without a short tag: both AES-GCM suites, AES-256 and AES-128 in counter mode.
    #[must_use]
    pub fn strong() -> Self {
        use CryptoSuite as S;
        let suites = [
            S::AeadAes256Gcm,
            S::AeadAes128Gcm,
            S::Aes256CmHmacSha1_80,
            S::AesCm128HmacSha1_80,
        ];
        Self::with(SrtpMode::Required, &suites)
    }

    /// Opportunistic SRTP in `RTP/AVP`, with three lines, which fit every INVITE: `AES_CM_128_HMAC_SHA1_80` first, which every peer has, then
    /// `AES_CM_128_HMAC_SHA1_32` and `AES_256_CM_HMAC_SHA1_80`.
    /// In an answer the order of the offer decides, unless [`order`](Policy::order) says otherwise.
    #[must_use]
    pub fn compatible() -> Self {
        use CryptoSuite as S;
        let suites = [
            S::AesCm128HmacSha1_80,
            S::AesCm128HmacSha1_32,
            S::Aes256CmHmacSha1_80,
        ];
        Self::with(SrtpMode::Opportunistic, &suites)
    }

    /// Everything that a SIP trunk's nine-line offer lists, in its order: GCM with 8-byte tags, counter mode with 80- and 32-bit tags for three
    /// key lengths, and last `AES_CM_128_NULL_AUTH`, **which anybody can forge**. Opportunistic, in `RTP/AVP`.
    #[must_use]
    pub fn everything_the_carrier_listed() -> Self {
        use CryptoSuite as S;
        let suites = [
            S::AeadAes256Gcm8,
            S::AeadAes128Gcm8,
            S::Aes256CmHmacSha1_80,
            S::Aes192CmHmacSha1_80,
            S::AesCm128HmacSha1_80,
            S::Aes256CmHmacSha1_32,
            S::Aes192CmHmacSha1_32,
            S::AesCm128HmacSha1_32,
            S::AesCm128NullAuth,
        ];
        Self::with(SrtpMode::Opportunistic, &suites)
    }
}

/// Presets that offer nothing.
impl Policy {
    /// SRTP is off here, but an offer of it is honoured, under the suites of [`compatible`](Policy::compatible).
    #[must_use]
    pub fn when_offered() -> Self {
        Self::compatible().mode(SrtpMode::WhenOffered)
    }

    /// SRTP is off here: a secure profile is refused, an opportunistic offer declined by plain RTP, or refused if
    /// [`crypto_in_avp`](Policy::crypto_in_avp) says so.
    #[must_use]
    pub fn disabled() -> Self {
        Self::compatible().mode(SrtpMode::Disabled)
    }

    /// The media is not ours: the decision is always to pass the crypto lines on, as they are.
    #[must_use]
    pub fn bypass() -> Self {
        Self::compatible().mode(SrtpMode::Bypass)
    }
}

/// What differs from the preset.
impl Policy {
    /// Whether SRTP is wanted.
    #[must_use]
    pub fn mode(mut self, mode: SrtpMode) -> Self {
        self.mode = mode;
        self
    }

    /// The suites, the most wanted first: offered in this order, and no other is accepted.
    #[must_use]
    pub fn suites(mut self, suites: &[CryptoSuite]) -> Self {
        self.suites = suites.to_vec();
        self
    }

    /// Which of several acceptable lines is taken. Default: the offer's order.
    #[must_use]
    pub fn order(mut self, order: SuiteOrder) -> Self {
        self.order = order;
        self
    }

    /// What `a=crypto` under `RTP/AVP` means in an offer. Default: it is accepted.
    #[must_use]
    pub fn crypto_in_avp(mut self, meaning: CryptoInAvp) -> Self {
        self.crypto_in_avp = meaning;
        self
    }

    /// Offers `RTP/SAVP` rather than `RTP/AVP` with keys. Default: `RTP/SAVP` for [`strong`](Self::strong), else `RTP/AVP`.
    #[must_use]
    pub fn offer_secure_profile(mut self, secure: bool) -> Self {
        self.offers_secure_profile = secure;
        self
    }

    /// The profile of an answer. Default: the offer's.
    #[must_use]
    pub fn answered_profile(mut self, profile: AnsweredProfile) -> Self {
        self.answered_profile = profile;
        self
    }

    /// How the tag of an answer is matched. Default: strictly.
    #[must_use]
    pub fn tags(mut self, tags: TagMatch) -> Self {
        self.tags = tags;
        self
    }

    /// Refuses lines whose keys have MKIs.
    #[must_use]
    pub fn refuse_mki(mut self) -> Self {
        self.accepts_mki = false;
        self
    }

    /// Writes keys with an MKI of 1, in so many bytes, 1 to 128; any other number means none. Default: none.
    #[must_use]
    pub fn write_mki(mut self, len: u8) -> Self {
        self.mki_len = Some(usize::from(len));
        self
    }

    /// Writes keys with a lifetime, which some peers ask for. Default: none, which is the suite's.
    #[must_use]
    pub fn write_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Declares `KDR` for what this side sends. Default: none, as for [`EVERY_PACKET`](KeyDerivationRate::EVERY_PACKET), which cannot be
    /// signalled (RFC 4568 §6.3.1). Few peers have it.
    #[must_use]
    pub fn key_derivation_rate(mut self, rate: KeyDerivationRate) -> Self {
        self.rate = Some(rate).filter(|rate| *rate != KeyDerivationRate::EVERY_PACKET);
        self
    }

    /// SRTCP tags under the `_32` suites. Default: 10 bytes.
    #[must_use]
    pub fn srtcp_tag_of_32(mut self, tag: SrtcpTagOf32) -> Self {
        self.srtcp_tag = tag;
        self
    }

    /// Takes lines to the letter of RFC 4568 only.
    #[must_use]
    pub fn strict_lines(mut self) -> Self {
        self.parse_mode = ParseMode::Strict;
        self
    }

    /// Stays with the suite in use when a later offer still has it, whatever stands first there. Default: the offer's order decides
    /// anew (RFC 4568 §5.1.2).
    #[must_use]
    pub fn keep_current_suite(mut self) -> Self {
        self.keeps_suite = true;
        self
    }

    /// Lets the peer turn an encrypted stream into plain RTP with a later offer or answer, where plain RTP would have been enough from
    /// the beginning. Default: that is refused, and the stream goes on encrypted. A stream that the peer takes out of use (port 0) is over, and
    /// what comes after it is a new one.
    #[must_use]
    pub fn allow_downgrade(mut self) -> Self {
        self.allows_downgrade = true;
        self
    }

    /// Begins with rollover counters of 0 under each new key of ours, even at an unchanged address, for peers that expect it. Default: the
    /// counters go on (RFC 3711 §3.3.1), but for a new address of either side (RFC 4568 §7.1.4).
    #[must_use]
    pub fn restart_roc_on_rekey(mut self) -> Self {
        self.restarts_roc = true;
        self
    }

    /// Accepts a key of the peer's that was in use before and was given up: from peers that come back with the same key after port 0, or answer
    /// with an earlier one. A new receiver begins then, and **packets that came under the key before are accepted once more** (RFC 3711 §9.2).
    /// Default: refused.
    #[must_use]
    pub fn accept_reused_keys(mut self) -> Self {
        self.accepts_reused_keys = true;
        self
    }

    /// How long packets under the peer's old keys are accepted beside those under its new ones. Default: for 256 packets.
    /// A second re-key ends the overlap of the first: packets under the keys before both are refused from then on.
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Whether CSRCs and header extensions are encrypted with the payload, which both sides announce by `a=cryptex` (RFC 9335 §4). Default:
    /// [`Cryptex::Off`]: we do not announce it, and do not look whether the peer does.
    ///
    /// With [`Cryptex::On`] our offers announce it, and our answers to offers that do. What we send is under cryptex while the peer
    /// announces it, in its last offer or answer; what we receive may be, or not. With [`Cryptex::Required`] a peer that does not announce it
    /// is refused with [`CryptexRequired`](super::RejectReason::CryptexRequired), or declined by plain RTP where that would be enough for us. Receivers then refuse packets
    /// with CSRCs or a header extension in the clear, which the RFC lets a peer send at any time.
    ///
    /// Lines that do not encrypt SRTP, by their suite or UNENCRYPTED_SRTP, go without it; where it is required they are neither offered nor taken.
    /// The sections of a bundle have to announce it all or none: give them the same policy. Header extensions that are encrypted by
    /// identifier (RFC 6904) are not negotiated here.
    #[must_use]
    pub fn cryptex(mut self, cryptex: Cryptex) -> Self {
        self.cryptex = cryptex;
        self
    }

    /// Answers potential configurations that carry crypto (RFC 5939), before the one of the `m=` line: the most preferred that comes to
    /// SRTP under this policy. One that comes to plain RTP is never chosen, though the offer may prefer it.
    ///
    /// `attributes` are the names of other attributes that the application understands, such as `rtcp-fb`, and negotiates whatever their value:
    /// a configuration that demands any other is not taken. The answer is in the transport of the configuration, without regard to
    /// [`answered_profile`](Self::answered_profile).
    ///
    /// Default: none is answered, and what the `m=` line says counts, whether or not it has crypto lines beside it.
    /// [`Answer::configurations`](super::Answer::configurations) tells in either case what was offered.
    #[must_use]
    pub fn answer_capabilities(mut self, attributes: &[&str]) -> Self {
        let names = attributes.iter().map(|name| (*name).to_owned());
        self.capabilities = Some(names.collect());
        self
    }

    /// Accepts UNENCRYPTED_SRTP: **media in the clear**, authenticated.
    #[must_use]
    pub fn allow_unencrypted_srtp(mut self) -> Self {
        self.allows_unencrypted_srtp = true;
        self
    }

    /// Accepts UNENCRYPTED_SRTCP: control in the clear, authenticated.
    #[must_use]
    pub fn allow_unencrypted_srtcp(mut self) -> Self {
        self.allows_unencrypted_srtcp = true;
        self
    }

    /// Accepts UNAUTHENTICATED_SRTP: **anybody can forge media**.
    #[must_use]
    pub fn allow_unauthenticated_srtp(mut self) -> Self {
        self.allows_unauthenticated_srtp = true;
        self
    }

    /// Offers and accepts keys over signalling in the clear: **whoever sees the signalling can listen in**.
    #[must_use]
    pub fn allow_clear_signalling(mut self) -> Self {
        self.allows_clear_signalling = true;
        self
    }
}
