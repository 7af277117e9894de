//! The crypto suites: one table, and nothing about a suite anywhere else.
//!
//! Adding a suite is a variant, a row in the table, its vectors, and a transform if its cipher is new.

use core::{fmt, str::FromStr};

use crate::error::UnknownSuite;
use crate::primitives::Algorithm;

/// A crypto suite: cipher, authentication and lengths, under its name in SDP (RFC 4568 §6.2).
///
/// All of them work. Those that give something up say so here; negotiation decides whether that is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CryptoSuite {
    /// `AES_CM_128_HMAC_SHA1_80` (RFC 3711, RFC 4568 §6.2.1): what everybody speaks.
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32` (RFC 4568 §6.2.2): 4-byte SRTP tags, so one forgery in 2^32 passes. SRTCP tags stay 10 bytes.
    AesCm128HmacSha1_32,
    /// `AES_192_CM_HMAC_SHA1_80` (RFC 6188), with its own key derivation function.
    Aes192CmHmacSha1_80,
    /// `AES_192_CM_HMAC_SHA1_32` (RFC 6188): 4-byte SRTP tags.
    Aes192CmHmacSha1_32,
    /// `AES_256_CM_HMAC_SHA1_80` (RFC 6188).
    Aes256CmHmacSha1_80,
    /// `AES_256_CM_HMAC_SHA1_32` (RFC 6188): 4-byte SRTP tags.
    Aes256CmHmacSha1_32,
    /// `F8_128_HMAC_SHA1_80` (RFC 3711 §4.1.2, RFC 4568 §6.2.3).
    F8_128HmacSha1_80,
    /// `F8_128_HMAC_SHA1_32`: in use, though registered nowhere. 4-byte SRTP tags.
    F8_128HmacSha1_32,
    /// `AEAD_AES_128_GCM` (RFC 7714).
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM` (RFC 7714).
    AeadAes256Gcm,
    /// `AEAD_AES_128_GCM_8`: from the drafts of RFC 7714, which then forbade it (§13.2). 8-byte tags in both planes.
    AeadAes128Gcm8,
    /// `AEAD_AES_256_GCM_8`: as [`AeadAes128Gcm8`](Self::AeadAes128Gcm8).
    AeadAes256Gcm8,
    /// `AES_CM_128_NULL_AUTH`: no authentication at all, unregistered. Anybody can forge packets;
    /// RFC 3711 §3.4 forbids it for SRTCP, its speakers do it all the same.
    AesCm128NullAuth,
    /// `NULL_HMAC_SHA1_80` (RFC 3711 §4.1.3, RFC 5764): authenticated, not encrypted.
    NullHmacSha1_80,
    /// `NULL_HMAC_SHA1_32` (RFC 5764): authenticated with 4-byte SRTP tags, not encrypted.
    NullHmacSha1_32,
    /// `SRTP_ARIA_128_CTR_HMAC_SHA1_80` (RFC 8269), with the feature `aria`, as all suites under ARIA. They are registered as profiles of
    /// DTLS-SRTP; for SDP no document names them, and lines with these names are for peers that agreed on them.
    ///
    /// Unlike AES here, the cipher looks tables up by secret bytes: who shares a CPU's cache with it may learn of the key by timing.
    #[cfg(feature = "aria")]
    Aria128CtrHmacSha1_80,
    /// `SRTP_ARIA_128_CTR_HMAC_SHA1_32` (RFC 8269): 4-byte SRTP tags.
    #[cfg(feature = "aria")]
    Aria128CtrHmacSha1_32,
    /// `SRTP_ARIA_256_CTR_HMAC_SHA1_80` (RFC 8269).
    #[cfg(feature = "aria")]
    Aria256CtrHmacSha1_80,
    /// `SRTP_ARIA_256_CTR_HMAC_SHA1_32` (RFC 8269): 4-byte SRTP tags.
    #[cfg(feature = "aria")]
    Aria256CtrHmacSha1_32,
    /// `SRTP_AEAD_ARIA_128_GCM` (RFC 8269).
    #[cfg(feature = "aria")]
    AeadAria128Gcm,
    /// `SRTP_AEAD_ARIA_256_GCM` (RFC 8269).
    #[cfg(feature = "aria")]
    AeadAria256Gcm,
}

/// How a payload is enciphered. The key length comes with the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CipherKind {
    CounterMode,
    F8,
    Gcm,
    Null,
}

struct Row {
    name: &'static str,
    aliases: &'static [&'static str],
    cipher: CipherKind,
    key: Algorithm,
    salt: usize,
    /// Bytes of the SRTP and of the SRTCP tag.
    tags: (usize, usize),
    /// log2 of the packets a key protects if no lifetime is signalled: SRTP, SRTCP.
    default_lifetime: (u32, u32),
    dtls_profile: Option<u16>,
}

/// The table: one line a suite. The aliases are names of drafts that devices still send.
#[rustfmt::skip]
const fn row(suite: CryptoSuite) -> Row {
    use Algorithm::{Aes128, Aes192, Aes256};
    #[cfg(feature = "aria")]
    use Algorithm::{Aria128, Aria256};
    use CipherKind::{CounterMode, F8, Gcm, Null};
    use CryptoSuite as S;
    const CM_192_80: &[&str] = &["AES_CM_192_HMAC_SHA1_80"];
    const CM_192_32: &[&str] = &["AES_CM_192_HMAC_SHA1_32"];
    const CM_256_80: &[&str] = &["AES_CM_256_HMAC_SHA1_80"];
    const CM_256_32: &[&str] = &["AES_CM_256_HMAC_SHA1_32"];
    match suite {
        S::AesCm128HmacSha1_80 => Row { name: "AES_CM_128_HMAC_SHA1_80", cipher: CounterMode, key: Aes128, salt: 14, tags: (10, 10), default_lifetime: GREATEST, dtls_profile: Some(1), aliases: &[] },
        S::AesCm128HmacSha1_32 => Row { name: "AES_CM_128_HMAC_SHA1_32", cipher: CounterMode, key: Aes128, salt: 14, tags: (4, 10),  default_lifetime: GREATEST, dtls_profile: Some(2), aliases: &[] },
        S::Aes192CmHmacSha1_80 => Row { name: "AES_192_CM_HMAC_SHA1_80", cipher: CounterMode, key: Aes192, salt: 14, tags: (10, 10), default_lifetime: RFC_6188, dtls_profile: None, aliases: CM_192_80 },
        S::Aes192CmHmacSha1_32 => Row { name: "AES_192_CM_HMAC_SHA1_32", cipher: CounterMode, key: Aes192, salt: 14, tags: (4, 10),  default_lifetime: RFC_6188, dtls_profile: None, aliases: CM_192_32 },
        S::Aes256CmHmacSha1_80 => Row { name: "AES_256_CM_HMAC_SHA1_80", cipher: CounterMode, key: Aes256, salt: 14, tags: (10, 10), default_lifetime: RFC_6188, dtls_profile: None, aliases: CM_256_80 },
        S::Aes256CmHmacSha1_32 => Row { name: "AES_256_CM_HMAC_SHA1_32", cipher: CounterMode, key: Aes256, salt: 14, tags: (4, 10),  default_lifetime: RFC_6188, dtls_profile: None, aliases: CM_256_32 },
        S::F8_128HmacSha1_80   => Row { name: "F8_128_HMAC_SHA1_80",     cipher: F8,          key: Aes128, salt: 14, tags: (10, 10), default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },
        S::F8_128HmacSha1_32   => Row { name: "F8_128_HMAC_SHA1_32",     cipher: F8,          key: Aes128, salt: 14, tags: (4, 10),  default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },
        S::AeadAes128Gcm       => Row { name: "AEAD_AES_128_GCM",        cipher: Gcm,         key: Aes128, salt: 12, tags: (16, 16), default_lifetime: GREATEST, dtls_profile: Some(7), aliases: &[] },
        S::AeadAes256Gcm       => Row { name: "AEAD_AES_256_GCM",        cipher: Gcm,         key: Aes256, salt: 12, tags: (16, 16), default_lifetime: GREATEST, dtls_profile: Some(8), aliases: &[] },
        S::AeadAes128Gcm8      => Row { name: "AEAD_AES_128_GCM_8",      cipher: Gcm,         key: Aes128, salt: 12, tags: (8, 8),   default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },
        S::AeadAes256Gcm8      => Row { name: "AEAD_AES_256_GCM_8",      cipher: Gcm,         key: Aes256, salt: 12, tags: (8, 8),   default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },
        S::AesCm128NullAuth    => Row { name: "AES_CM_128_NULL_AUTH",    cipher: CounterMode, key: Aes128, salt: 14, tags: (0, 0),   default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },
        // RFC 5764 lists a cipher key of length 0 for these; the session keys all the same
        // come out of 16 + 14 bytes of master material (RFC 3711 §4.3), and that is what travels in SDP.
        S::NullHmacSha1_80     => Row { name: "NULL_HMAC_SHA1_80",       cipher: Null,        key: Aes128, salt: 14, tags: (10, 10), default_lifetime: GREATEST, dtls_profile: Some(5), aliases: &[] },
        S::NullHmacSha1_32     => Row { name: "NULL_HMAC_SHA1_32",       cipher: Null,        key: Aes128, salt: 14, tags: (4, 10),  default_lifetime: GREATEST, dtls_profile: Some(6), aliases: &[] },
        #[cfg(feature = "aria")]
        S::Aria128CtrHmacSha1_80 => Row { name: "SRTP_ARIA_128_CTR_HMAC_SHA1_80", cipher: CounterMode, key: Aria128, salt: 14, tags: (10, 10), default_lifetime: GREATEST, dtls_profile: Some(11), aliases: &[] },
        #[cfg(feature = "aria")]
        S::Aria128CtrHmacSha1_32 => Row { name: "SRTP_ARIA_128_CTR_HMAC_SHA1_32", cipher: CounterMode, key: Aria128, salt: 14, tags: (4, 10),  default_lifetime: GREATEST, dtls_profile: Some(12), aliases: &[] },
        #[cfg(feature = "aria")]
        S::Aria256CtrHmacSha1_80 => Row { name: "SRTP_ARIA_256_CTR_HMAC_SHA1_80", cipher: CounterMode, key: Aria256, salt: 14, tags: (10, 10), default_lifetime: GREATEST, dtls_profile: Some(13), aliases: &[] },
        #[cfg(feature = "aria")]
        S::Aria256CtrHmacSha1_32 => Row { name: "SRTP_ARIA_256_CTR_HMAC_SHA1_32", cipher: CounterMode, key: Aria256, salt: 14, tags: (4, 10),  default_lifetime: GREATEST, dtls_profile: Some(14), aliases: &[] },
        #[cfg(feature = "aria")]
        S::AeadAria128Gcm        => Row { name: "SRTP_AEAD_ARIA_128_GCM",         cipher: Gcm,         key: Aria128, salt: 12, tags: (16, 16), default_lifetime: GREATEST, dtls_profile: Some(15), aliases: &[] },
        #[cfg(feature = "aria")]
        S::AeadAria256Gcm        => Row { name: "SRTP_AEAD_ARIA_256_GCM",         cipher: Gcm,         key: Aria256, salt: 12, tags: (16, 16), default_lifetime: GREATEST, dtls_profile: Some(16), aliases: &[] },
    }
}

/// RFC 3711 §9.2, RFC 4568 §6.2 (table), RFC 7714 §14.2 and RFC 8269 §4: 2^48 SRTP and 2^31 SRTCP packets under a key, by default and at most.
const GREATEST: (u32, u32) = (48, 31);
/// RFC 6188 §4 has a default of 2^31 under the same bounds.
const RFC_6188: (u32, u32) = (31, 31);

/// How many suites there are. A feature adds its own at the end.
const COUNT: usize = 15 + if cfg!(feature = "aria") { 6 } else { 0 };

impl CryptoSuite {
    /// Every suite, in the order of the enumeration. How many there are is for the crate's version and features to say.
    pub const ALL: [Self; COUNT] = [
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::Aes192CmHmacSha1_80,
        Self::Aes192CmHmacSha1_32,
        Self::Aes256CmHmacSha1_80,
        Self::Aes256CmHmacSha1_32,
        Self::F8_128HmacSha1_80,
        Self::F8_128HmacSha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm8,
        Self::AeadAes256Gcm8,
        Self::AesCm128NullAuth,
        Self::NullHmacSha1_80,
        Self::NullHmacSha1_32,
        #[cfg(feature = "aria")]
        Self::Aria128CtrHmacSha1_80,
        #[cfg(feature = "aria")]
        Self::Aria128CtrHmacSha1_32,
        #[cfg(feature = "aria")]
        Self::Aria256CtrHmacSha1_80,
        #[cfg(feature = "aria")]
        Self::Aria256CtrHmacSha1_32,
        #[cfg(feature = "aria")]
        Self::AeadAria128Gcm,
        #[cfg(feature = "aria")]
        Self::AeadAria256Gcm,
    ];

    /// The name in SDP, as registered or, for the unregistered ones, as their speakers write it. Under ARIA it is that of the DTLS-SRTP
    /// profile: SDP has none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        row(self).name
    }

    /// Other names under which devices send this suite.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        row(self).aliases
    }

    /// Bytes of the master key, and of the session key for encryption.
    #[must_use]
    pub const fn key_len(self) -> usize {
        row(self).key.key_len()
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        row(self).salt
    }

    /// Bytes of master key and master salt together: what `inline:` carries (RFC 4568 §6.1).
    #[must_use]
    pub const fn key_and_salt_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Bytes of the SRTP authentication tag.
    #[must_use]
    pub const fn rtp_tag_len(self) -> usize {
        row(self).tags.0
    }

    /// Bytes of the SRTCP authentication tag, unless [`SrtcpTag`](crate::SrtcpTag) says otherwise.
    ///
    /// 10 for the `_32` suites: the 4 bytes are SRTP's alone (RFC 4568 §6.2, RFC 3711 §5.2).
    #[must_use]
    pub const fn rtcp_tag_len(self) -> usize {
        row(self).tags.1
    }

    /// Does one algorithm encrypt and authenticate (RFC 7714)?
    #[must_use]
    pub const fn is_aead(self) -> bool {
        matches!(row(self).cipher, CipherKind::Gcm)
    }

    /// Does the suite encrypt at all?
    #[must_use]
    pub const fn encrypts(self) -> bool {
        !matches!(row(self).cipher, CipherKind::Null)
    }

    /// SRTP packets that one master key protects when no lifetime is signalled.
    #[must_use]
    pub const fn default_rtp_lifetime(self) -> u64 {
        1 << row(self).default_lifetime.0
    }

    /// SRTCP packets that one master key protects when no lifetime is signalled.
    #[must_use]
    pub const fn default_rtcp_lifetime(self) -> u64 {
        1 << row(self).default_lifetime.1
    }

    /// The most SRTP packets that one master key may ever protect: 2^48 (RFC 3711 §9.2).
    #[must_use]
    pub const fn greatest_rtp_lifetime(self) -> u64 {
        1 << GREATEST.0
    }

    /// The most SRTCP packets that one master key may ever protect: 2^31 (RFC 3711 §9.2).
    #[must_use]
    pub const fn greatest_rtcp_lifetime(self) -> u64 {
        1 << GREATEST.1
    }

    /// The DTLS-SRTP protection profile, if there is one (RFC 5764 §4.1.2, RFC 7714 §14.2, RFC 8269 §6.1).
    #[must_use]
    pub const fn dtls_srtp_profile(self) -> Option<u16> {
        row(self).dtls_profile
    }

    /// The suite of a DTLS-SRTP protection profile. `None` if it is not known.
    #[must_use]
    pub fn from_dtls_srtp_profile(profile: u16) -> Option<Self> {
        let is_profile = |suite: &Self| suite.dtls_srtp_profile() == Some(profile);
        Self::ALL.into_iter().find(is_profile)
    }

    pub(crate) const fn algorithm(self) -> Algorithm {
        row(self).key
    }

    pub(crate) const fn cipher(self) -> CipherKind {
        row(self).cipher
    }
}

impl fmt::Display for CryptoSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CryptoSuite {
    type Err = UnknownSuite;

    /// Finds a suite by its name or an alias, in any letter case: RFC 4568's names are literals
    /// of ABNF, which ignores case (RFC 4234 §2.3).
    ///
    /// # Errors
    /// [`UnknownSuite`] if no suite has that name.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|suite| {
                suite.name().eq_ignore_ascii_case(name)
                    || suite.aliases().iter().any(|a| a.eq_ignore_ascii_case(name))
            })
            .ok_or(UnknownSuite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    #[test]
    fn every_name_and_alias_finds_its_suite_in_any_letter_case() {
        for suite in CryptoSuite::ALL {
            for name in suite.aliases().iter().chain([&suite.name()]) {
                assert_eq!(name.parse(), Ok(suite));
                assert_eq!(name.to_lowercase().parse(), Ok(suite));
            }
            assert_eq!(suite.to_string(), suite.name());
        }
        assert_eq!(
            "AES_CM_128_HMAC_SHA1".parse::<CryptoSuite>(),
            Err(UnknownSuite)
        );
        assert_eq!("".parse::<CryptoSuite>(), Err(UnknownSuite));
    }

    #[test]
    fn all_holds_every_suite_in_order() {
        let numbers: Vec<_> = CryptoSuite::ALL
            .iter()
            .map(|suite| *suite as usize)
            .collect();
        assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
        #[cfg(not(feature = "aria"))]
        let last = CryptoSuite::NullHmacSha1_32;
        #[cfg(feature = "aria")]
        let last = CryptoSuite::AeadAria256Gcm;
        assert_eq!(
            CryptoSuite::ALL.last(),
            Some(&last),
            "the last of the enumeration"
        );
    }

    #[test]
    fn a_suite_is_known_exactly_if_its_feature_is_on() {
        let is_on = cfg!(feature = "aria");
        for name in ["ARIA_128_CTR", "ARIA_256_CTR"] {
            for tag in [80, 32] {
                let name = alloc::format!("SRTP_{name}_HMAC_SHA1_{tag}");
                assert_eq!(name.parse::<CryptoSuite>().is_ok(), is_on, "{name}");
            }
        }
        for name in ["SRTP_AEAD_ARIA_128_GCM", "SRTP_AEAD_ARIA_256_GCM"] {
            assert_eq!(name.parse::<CryptoSuite>().is_ok(), is_on, "{name}");
        }
        for profile in 11..=16 {
            let suite = CryptoSuite::from_dtls_srtp_profile(profile);
            assert_eq!(suite.is_some(), is_on, "{profile}");
        }
    }

    #[test]
    fn lifetimes_are_those_of_the_rfcs() {
        for suite in CryptoSuite::ALL {
            let default = if suite.name().contains("192") || suite.name().contains("256_CM") {
                1 << 31
            } else {
                1 << 48
            };
            assert_eq!(suite.default_rtp_lifetime(), default, "{suite}");
            assert_eq!(suite.default_rtcp_lifetime(), 1 << 31);
            assert_eq!(suite.greatest_rtp_lifetime(), 1 << 48);
            assert_eq!(suite.greatest_rtcp_lifetime(), 1 << 31);
        }
    }
}
