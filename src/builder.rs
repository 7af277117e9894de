//! The options of a context, and which of them go together.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroUsize;

use crate::error::BuildError;
use crate::header::{Plane, RtpHeader};
use crate::index::PacketIndex;
use crate::kdf::KeyDerivationRate;
use crate::key::MasterKey;
use crate::layout::{ESRTCP_WORD, EncryptedPortion, Trailer};
use crate::replay::ReplayWindowSize;
use crate::ring::Derivation;
use crate::suite::CryptoSuite;
use crate::transform::{ElementIds, Position, RocCarry};

/// The length of the SRTCP authentication tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrtcpTag {
    /// What the suite says: see [`CryptoSuite::rtcp_tag_len`].
    #[default]
    OfSuite,
    /// 4 bytes, for the `_32` suites. Against RFC 4568 §6.2 and RFC 3711 §5.2, but several deployed PBXs send and
    /// expect it. One forged SRTCP packet in 2^32 passes.
    Bytes4,
    /// 10 bytes, for the HMAC suites and for AES_CM_128_NULL_AUTH, where RFC 3711 §3.4 asks for it and its
    /// speakers leave it out.
    Bytes10,
}

/// What a receiver does with authentic SRTCP whose E bit is not what it expects.
///
/// It expects E = 1, or E = 0 after [`unencrypted_srtcp`](Builder::unencrypted_srtcp). Suites without encryption
/// accept either. The tag, where there is one, is verified first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EBitPolicy {
    /// Refuse it with [`EncryptionMismatch`](crate::UnprotectError::EncryptionMismatch): nobody who holds the key
    /// should be sending it.
    #[default]
    AsAgreed,
    /// Take each packet as it says. Some phones send unencrypted SRTCP without having signalled it.
    AcceptEither,
}

/// What becomes of CSRCs and header extensions (RFC 9335).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cryptex {
    /// They travel in the clear, but for elements that are [encrypted by identifier](Builder::encrypted_header_extensions).
    #[default]
    Off,
    /// A sender encrypts them where it can: extensions of the forms of RFC 8285, 0xBEDE and 0x1000, and CSRCs without an extension. A packet with another
    /// extension goes out as without this. A receiver takes both.
    On,
    /// A sender refuses packets whose CSRCs and extension it cannot encrypt
    /// ([`CryptexProfile`](crate::ProtectError::CryptexProfile)), and a receiver authentic ones where they are not encrypted
    /// ([`CryptexRequired`](crate::UnprotectError::CryptexRequired)). Packets that have neither pass.
    Required,
}

/// Options of a [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) before it is built. `Direction` is
/// [`SenderOptions`](crate::SenderOptions) or [`ReceiverOptions`](crate::ReceiverOptions), which is all that those are for.
#[derive(Debug)]
pub struct Builder<Direction> {
    /// Boxed, so that a builder that is moved leaves no copy of it behind.
    pub(crate) key: Box<MasterKey>,
    #[expect(
        clippy::vec_box,
        reason = "a growing list of bare keys would leave copies of them behind"
    )]
    pub(crate) more_keys: Vec<Box<MasterKey>>,
    pub(crate) options: Options,
    pub(crate) direction: Direction,
}

/// What both directions have in common. In this order: what every packet of a receiver asks for comes first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Options {
    pub(crate) initial_roc: u32,
    pub(crate) unencrypted_srtp: bool,
    pub(crate) unencrypted_srtcp: bool,
    pub(crate) unauthenticated_srtp: bool,
    pub(crate) srtcp_tag: SrtcpTag,
    pub(crate) rate: Option<KeyDerivationRate>,
    pub(crate) encrypted_elements: ElementIds,
    pub(crate) cryptex: Cryptex,
    pub(crate) roc_carry: Option<RocCarry>,
    pub(crate) window: ReplayWindowSize,
    pub(crate) most_streams: usize,
    pub(crate) rekey_threshold: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            initial_roc: 0,
            unencrypted_srtp: false,
            unencrypted_srtcp: false,
            unauthenticated_srtp: false,
            srtcp_tag: SrtcpTag::OfSuite,
            rate: None,
            encrypted_elements: ElementIds::default(),
            cryptex: Cryptex::Off,
            roc_carry: None,
            window: ReplayWindowSize::default(),
            most_streams: 1024,
            rekey_threshold: 1 << 16,
        }
    }
}

impl<Direction: Default> Builder<Direction> {
    pub(crate) fn new(key: MasterKey) -> Self {
        Self {
            key: Box::new(key),
            more_keys: Vec::new(),
            options: Options::default(),
            direction: Direction::default(),
        }
    }
}

impl<Direction> Builder<Direction> {
    /// Adds a master key beside the first one. All keys are for one suite and have MKIs of one length.
    #[must_use]
    pub fn add_key(mut self, key: MasterKey) -> Self {
        self.more_keys.push(Box::new(key));
        self
    }

    /// UNENCRYPTED_SRTP (RFC 4568 §6.3.2): SRTP payloads travel in the clear, authenticated.
    #[must_use]
    pub fn unencrypted_srtp(mut self) -> Self {
        self.options.unencrypted_srtp = true;
        self
    }

    /// UNENCRYPTED_SRTCP (RFC 4568 §6.3.2): SRTCP travels in the clear, authenticated, with E = 0.
    #[must_use]
    pub fn unencrypted_srtcp(mut self) -> Self {
        self.options.unencrypted_srtcp = true;
        self
    }

    /// UNAUTHENTICATED_SRTP (RFC 4568 §6.3.3): SRTP has no tag. **Anybody can then forge packets**, replay
    /// protection means little, and the promise that a forgery changes nothing does not hold. SRTCP keeps its
    /// tag; but forged media counts towards a lifetime that was given to the key, which ends it for SRTCP too.
    #[must_use]
    pub fn unauthenticated_srtp(mut self) -> Self {
        self.options.unauthenticated_srtp = true;
        self
    }

    /// The length of the SRTCP tag, where it is not the suite's.
    #[must_use]
    pub fn srtcp_tag(mut self, tag: SrtcpTag) -> Self {
        self.options.srtcp_tag = tag;
        self
    }

    /// Derives session keys anew every so many packets, in both planes (RFC 3711 §4.3.1). Default: never. A receiver then derives
    /// keys for every forged packet of an epoch that it does not hold.
    #[must_use]
    pub fn key_derivation_rate(mut self, rate: KeyDerivationRate) -> Self {
        self.options.rate = Some(rate);
        self
    }

    /// Encrypts the elements with these local identifiers in the header extensions of SRTP (RFC 6904), in the one-byte and the two-byte form of
    /// RFC 8285: those that SDP maps with `urn:ietf:params:rtp-hdrext:encrypt`. Default, and with no identifiers: none. Of several calls the
    /// last one counts. Both sides have to name the same ones, or a receiver reads noise in elements of authentic packets.
    ///
    /// Packets stay as long as they are. Identifiers and lengths of elements stay in the clear, and so does an extension that is not built
    /// as RFC 8285 has it. For every suite that encrypts, under keys of their own; not with
    /// [`unencrypted_srtp`](Self::unencrypted_srtp) (RFC 6904 §5). Where there is no authentication, anybody can flip bits of an element.
    ///
    /// [`build`](crate::SenderBuilder::build) refuses 0, which is padding. The 15 is an identifier in the two-byte form alone.
    #[must_use]
    pub fn encrypted_header_extensions(mut self, ids: impl IntoIterator<Item = u8>) -> Self {
        self.options.encrypted_elements = ElementIds::default();
        for id in ids {
            self.options.encrypted_elements.insert(id);
        }
        self
    }

    /// Encrypts CSRCs and header extensions together with the payload (RFC 9335), where the peer has said `a=cryptex`. Default: [`Cryptex::Off`].
    ///
    /// The 16 bits "defined by profile" tell: 0xBEDE travels as 0xC0DE and 0x1000 as 0xC2DE. A packet with CSRCs and without an extension
    /// gets an empty one, and is 4 bytes longer for it; it is there when the packet is unprotected, too.
    ///
    /// [`build`](crate::SenderBuilder::build) refuses it for suites without encryption, with [`unencrypted_srtp`](Self::unencrypted_srtp) and with
    /// [`encrypted_header_extensions`](Self::encrypted_header_extensions).
    #[must_use]
    pub fn cryptex(mut self, cryptex: Cryptex) -> Self {
        self.options.cryptex = cryptex;
        self
    }

    /// Carries the rollover counter in the tags of some SRTP packets (RFC 4771), so that who joins late, or has lost 2^15 packets and more, is
    /// in step again with the first such packet that authenticates. Default: none does.
    ///
    /// Both sides have to say the same. For the HMAC suites; SRTCP, which always carries its index, is as without this.
    ///
    /// A counter that is carried is the only one that is tried for its packet. Like any, it takes a stream forward alone: a packet behind the
    /// replay window is refused, whatever it carries.
    ///
    /// [`build`](crate::SenderBuilder::build) refuses it for AEAD suites, `AES_CM_128_NULL_AUTH` and with
    /// [`unauthenticated_srtp`](Self::unauthenticated_srtp), and tags whose [length](RocCarry::tag_len) is out of range.
    #[must_use]
    pub fn roc_carry(mut self, carry: RocCarry) -> Self {
        self.options.roc_carry = Some(carry);
        self
    }

    /// The size of the replay window of each SSRC and plane. Default: 1024. A sender uses it to know which
    /// of the last indices it has sent.
    #[must_use]
    pub fn replay_window(mut self, size: ReplayWindowSize) -> Self {
        self.options.window = size;
        self
    }

    /// The most SSRCs, removed ones included while their keys live. Default: 1024.
    ///
    /// A receiver makes a stream when the first packet of an SSRC has been authenticated (where there is no authentication, anybody
    /// can make them), a sender when it
    /// protects one. Each takes some 670 bytes (480 for a sender), replay windows of up to 1024 indices included, two for a receiver and one for
    /// a sender: at most 0.7 MB for all of a receiver's, and with windows of 32768 at most 9.1 MB. While they may begin anew after
    /// [`rekey_with`](crate::Receiver::rekey_with), a receiver's take some 400 bytes more, and have their windows twice, or three times if the
    /// keys changed twice before they showed what they did.
    #[must_use]
    pub fn most_streams(mut self, most: NonZeroUsize) -> Self {
        self.options.most_streams = most.get();
        self
    }

    /// The rollover counter of a stream's first packet, unless one is set for its SSRC. Default: 0, as RFC 3711 §3.3.1 has it.
    #[must_use]
    pub fn initial_roc(mut self, roc: u32) -> Self {
        self.options.initial_roc = roc;
        self
    }

    /// How many packets before the end of a master key's life `needs_rekey` begins to say so. Default: 65536.
    #[must_use]
    pub fn rekey_threshold(mut self, packets: u64) -> Self {
        self.options.rekey_threshold = packets;
        self
    }
}

/// What stands behind the payload in each plane, and whether payloads are enciphered. In this order: what every packet of SRTP asks for comes first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Formats {
    /// The longest of SRTP, if they are not all alike.
    pub(crate) rtp: Trailer,
    /// Of SRTP, if packets are all alike: `None` under cryptex, and where some carry the ROC. One byte that is all a plain packet asks.
    pub(crate) rtp_portion: Option<EncryptedPortion>,
    pub(crate) enciphers_rtp: bool,
    pub(crate) enciphers_rtcp: bool,
    pub(crate) cryptex: Cryptex,
    pub(crate) rtcp: Trailer,
    pub(crate) roc_carry: Option<RocCarry>,
    /// The elements of header extensions that are, if any.
    pub(crate) encrypted_elements: Option<ElementIds>,
}

impl Options {
    /// Do these options go with `suite`?
    pub(crate) fn check(&self, suite: CryptoSuite) -> Result<(), BuildError> {
        if suite.is_aead() && self.unencrypted_srtp {
            return Err(BuildError::AeadUnencrypted { suite });
        }
        if suite.is_aead() && self.unauthenticated_srtp {
            return Err(BuildError::AeadUnauthenticated { suite });
        }
        let encrypts_elements = !self.encrypted_elements.is_empty();
        let uses_cryptex = self.cryptex != Cryptex::Off;
        if encrypts_elements && uses_cryptex {
            return Err(BuildError::CryptexWithEncryptedHeaderExtensions);
        }
        if (encrypts_elements || uses_cryptex) && !self.enciphers_rtp(suite) {
            return Err(BuildError::HeaderExtensionsUnencrypted { suite });
        }
        if self.encrypted_elements.contains(0) {
            return Err(BuildError::HeaderExtensionId);
        }
        if let Some(carry) = self.roc_carry {
            carry.check(suite)?;
            if self.unauthenticated_srtp {
                return Err(BuildError::RocCarryUnauthenticated);
            }
        }
        self.srtcp_tag.check(suite)
    }

    fn enciphers_rtp(&self, suite: CryptoSuite) -> bool {
        suite.encrypts() && !self.unencrypted_srtp
    }

    /// The session keys that these options need.
    pub(crate) fn derivation(&self) -> Derivation {
        Derivation {
            rate: self.rate,
            header_extensions: !self.encrypted_elements.is_empty(),
        }
    }

    /// The formats under `suite`, with which these options go, and for MKIs of so many bytes.
    pub(crate) fn formats(&self, suite: CryptoSuite, mki: usize) -> Formats {
        let trailer = |word, tag| Trailer::new(suite.is_aead(), word, mki, tag);
        // Only NULL_AUTH has tags of no bytes: there, and with UNAUTHENTICATED_SRTP, is no proof to be had.
        let rtp_tag = match self.roc_carry {
            _ if self.unauthenticated_srtp => 0,
            None => suite.rtp_tag_len(),
            Some(carry) => carry.longest_tag(suite),
        };
        let formats = Formats {
            rtp: trailer(0, rtp_tag),
            rtcp: trailer(ESRTCP_WORD, self.srtcp_tag.len(suite)),
            enciphers_rtp: self.enciphers_rtp(suite),
            rtp_portion: None,
            cryptex: self.cryptex,
            roc_carry: self.roc_carry,
            enciphers_rtcp: suite.encrypts() && !self.unencrypted_srtcp,
            encrypted_elements: Some(self.encrypted_elements).filter(|ids| !ids.is_empty()),
        };
        let are_alike = self.cryptex == Cryptex::Off && self.roc_carry.is_none();
        Formats {
            rtp_portion: are_alike.then(|| formats.portion_without_cryptex()),
            ..formats
        }
    }
}

impl Formats {
    /// Does the packet at `at` carry its rollover counter?
    pub(crate) fn carries_roc(&self, at: Position) -> bool {
        let seq = PacketIndex::from_value(at.index).seq();
        at.plane == Plane::Rtp && self.roc_carry.is_some_and(|carry| carry.carries(seq))
    }

    /// Is `packet` one without a tag, between those that carry the rollover counter?
    pub(crate) fn is_between(&self, plane: Plane, packet: &[u8]) -> bool {
        let carry = self.roc_carry.filter(|_| plane == Plane::Rtp);
        let is_between = |header: RtpHeader| carry.is_some_and(|it| it.is_between(header.seq));
        RtpHeader::parse(packet).is_ok_and(is_between)
    }

    /// Has `packet` something by which it is authenticated? In SRTP that may depend on its sequence number.
    pub(crate) fn authenticate(&self, plane: Plane, packet: &[u8]) -> bool {
        match (plane, self.roc_carry) {
            (Plane::Rtp, Some(carry)) => {
                RtpHeader::parse(packet).is_ok_and(|header| carry.authenticates(header.seq))
            }
            (Plane::Rtp, None) => self.rtp.has_tag(),
            (Plane::Rtcp, _) => self.rtcp.has_tag(),
        }
    }

    /// What is enciphered of SRTP that is not under cryptex.
    pub(crate) fn portion_without_cryptex(&self) -> EncryptedPortion {
        match self.encrypted_elements {
            Some(_) => EncryptedPortion::PayloadAndElements,
            None => EncryptedPortion::payload_if(self.enciphers_rtp),
        }
    }
}

impl SrtcpTag {
    /// Has `suite` such a tag?
    pub(crate) fn check(self, suite: CryptoSuite) -> Result<(), BuildError> {
        let allowed = match self {
            Self::OfSuite => true,
            Self::Bytes4 => suite.rtp_tag_len() == 4,
            Self::Bytes10 => !suite.is_aead(),
        };
        let bytes = self.len(suite);
        allowed
            .then_some(())
            .ok_or(BuildError::SrtcpTag { suite, bytes })
    }

    /// Bytes of the tag under `suite`.
    pub(crate) fn len(self, suite: CryptoSuite) -> usize {
        match self {
            Self::OfSuite => suite.rtcp_tag_len(),
            Self::Bytes4 => 4,
            Self::Bytes10 => 10,
        }
    }
}
