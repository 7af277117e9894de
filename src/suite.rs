//! The crypto suites: one table, and nothing about a suite anywhere else.
//!
//! Adding a suite is a variant, a row in the table, its vectors, and a transform if its cipher is new.

use core::{fmt, str::FromStr};

use crate::error::UnknownSuite;
use crate::primitives::AesKeySize;

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
    suite: CryptoSuite,
    name: &'static str,
    aliases: &'static [&'static str],
    cipher: CipherKind,
    key: AesKeySize,
    salt: usize,
    rtp_tag: usize,
    rtcp_tag: usize,
    /// log2 of the packets a key protects if no lifetime is signalled: SRTP, SRTCP.
    default_lifetime: (u32, u32),
    /// log2 of the greatest lifetime: SRTP, SRTCP.
    greatest_lifetime: (u32, u32),
    dtls_profile: Option<u16>,
}

/// RFC 4568 §6.2 (table) and RFC 7714 §14.2: the default is the greatest. RFC 6188 §4 has a default of 2^31 under the
/// same bounds.
const GREATEST: (u32, u32) = (48, 31);
const RFC_6188: (u32, u32) = (31, 31);

/// One row a suite, in the order of the enumeration.
#[rustfmt::skip]
const TABLE: [Row; 15] = {
    use AesKeySize::{Aes128, Aes192, Aes256};
    use CipherKind::{CounterMode, F8, Gcm, Null};
    use CryptoSuite as S;
    const fn row(suite: S, name: &'static str, aliases: &'static [&'static str], cipher: CipherKind,
                 (key, salt): (AesKeySize, usize), [rtp_tag, rtcp_tag]: [usize; 2], default_lifetime: (u32, u32), dtls_profile: Option<u16>) -> Row {
        Row { suite, name, aliases, cipher, key, salt, rtp_tag, rtcp_tag, default_lifetime, greatest_lifetime: GREATEST, dtls_profile }
    }
    [
        //  suite                   SDP name                   aliases: names of the drafts, still sent     cipher       key, salt     tags: SRTP, SRTCP  default   DTLS-SRTP
        row(S::AesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", &[],                          CounterMode, (Aes128, 14), [10, 10],          GREATEST, Some(0x0001)),
        row(S::AesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", &[],                          CounterMode, (Aes128, 14), [4, 10],           GREATEST, Some(0x0002)),
        row(S::Aes192CmHmacSha1_80, "AES_192_CM_HMAC_SHA1_80", &["AES_CM_192_HMAC_SHA1_80"], CounterMode, (Aes192, 14), [10, 10],          RFC_6188, None),
        row(S::Aes192CmHmacSha1_32, "AES_192_CM_HMAC_SHA1_32", &["AES_CM_192_HMAC_SHA1_32"], CounterMode, (Aes192, 14), [4, 10],           RFC_6188, None),
        row(S::Aes256CmHmacSha1_80, "AES_256_CM_HMAC_SHA1_80", &["AES_CM_256_HMAC_SHA1_80"], CounterMode, (Aes256, 14), [10, 10],          RFC_6188, None),
        row(S::Aes256CmHmacSha1_32, "AES_256_CM_HMAC_SHA1_32", &["AES_CM_256_HMAC_SHA1_32"], CounterMode, (Aes256, 14), [4, 10],           RFC_6188, None),
        row(S::F8_128HmacSha1_80,   "F8_128_HMAC_SHA1_80",     &[],                          F8,          (Aes128, 14), [10, 10],          GREATEST, None),
        row(S::F8_128HmacSha1_32,   "F8_128_HMAC_SHA1_32",     &[],                          F8,          (Aes128, 14), [4, 10],           GREATEST, None),
        row(S::AeadAes128Gcm,       "AEAD_AES_128_GCM",        &[],                          Gcm,         (Aes128, 12), [16, 16],          GREATEST, Some(0x0007)),
        row(S::AeadAes256Gcm,       "AEAD_AES_256_GCM",        &[],                          Gcm,         (Aes256, 12), [16, 16],          GREATEST, Some(0x0008)),
        row(S::AeadAes128Gcm8,      "AEAD_AES_128_GCM_8",      &[],                          Gcm,         (Aes128, 12), [8, 8],            GREATEST, None),
        row(S::AeadAes256Gcm8,      "AEAD_AES_256_GCM_8",      &[],                          Gcm,         (Aes256, 12), [8, 8],            GREATEST, None),
        row(S::AesCm128NullAuth,    "AES_CM_128_NULL_AUTH",    &[],                          CounterMode, (Aes128, 14), [0, 0],            GREATEST, None),
        // RFC 5764 lists a cipher key of length 0 for these; the session keys all the same
        // come out of 16 + 14 bytes of master material (RFC 3711 §4.3), and that is what travels in SDP.
        row(S::NullHmacSha1_80,     "NULL_HMAC_SHA1_80",       &[],                          Null,        (Aes128, 14), [10, 10],          GREATEST, Some(0x0005)),
        row(S::NullHmacSha1_32,     "NULL_HMAC_SHA1_32",       &[],                          Null,        (Aes128, 14), [4, 10],           GREATEST, Some(0x0006)),
    ]
};

/// The rows stand in the order of the enumeration, so that a suite's row is found by its number.
const _: () = {
    let mut i = 0;
    while i < TABLE.len() {
        assert!(TABLE[i].suite as usize == i);
        i += 1;
    }
};

impl CryptoSuite {
    /// Every suite, in the order of the enumeration.
    pub const ALL: [Self; 15] = {
        let mut all = [Self::AesCm128HmacSha1_80; 15];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].suite;
            i += 1;
        }
        all
    };

    #[expect(
        clippy::indexing_slicing,
        reason = "a suite's number is its row: asserted at compile time, above"
    )]
    const fn row(self) -> &'static Row {
        const ROWS: &[Row; 15] = &TABLE;
        &ROWS[self as usize]
    }

    /// The name in SDP, as registered or, for the unregistered ones, as their speakers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Other names under which devices send this suite.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// Bytes of the master key, and of the session key for encryption.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.row().key.bytes()
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        self.row().salt
    }

    /// Bytes of master key and master salt together: what `inline:` carries (RFC 4568 §6.1).
    #[must_use]
    pub const fn key_and_salt_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Bytes of the SRTP authentication tag.
    #[must_use]
    pub const fn rtp_tag_len(self) -> usize {
        self.row().rtp_tag
    }

    /// Bytes of the SRTCP authentication tag, unless [`SrtcpTag`](crate::SrtcpTag) says otherwise.
    ///
    /// 10 for the `_32` suites: the 4 bytes are SRTP's alone (RFC 4568 §6.2, RFC 3711 §5.2).
    #[must_use]
    pub const fn rtcp_tag_len(self) -> usize {
        self.row().rtcp_tag
    }

    /// Does one algorithm encrypt and authenticate (RFC 7714)?
    #[must_use]
    pub const fn is_aead(self) -> bool {
        matches!(self.row().cipher, CipherKind::Gcm)
    }

    /// Does the suite encrypt at all?
    #[must_use]
    pub const fn encrypts(self) -> bool {
        !matches!(self.row().cipher, CipherKind::Null)
    }

    /// SRTP packets that one master key protects when no lifetime is signalled.
    #[must_use]
    pub const fn default_rtp_lifetime(self) -> u64 {
        1 << self.row().default_lifetime.0
    }

    /// SRTCP packets that one master key protects when no lifetime is signalled.
    #[must_use]
    pub const fn default_rtcp_lifetime(self) -> u64 {
        1 << self.row().default_lifetime.1
    }

    /// The most SRTP packets that one master key may ever protect: 2^48 (RFC 3711 §9.2).
    #[must_use]
    pub const fn greatest_rtp_lifetime(self) -> u64 {
        1 << self.row().greatest_lifetime.0
    }

    /// The most SRTCP packets that one master key may ever protect: 2^31 (RFC 3711 §9.2).
    #[must_use]
    pub const fn greatest_rtcp_lifetime(self) -> u64 {
        1 << self.row().greatest_lifetime.1
    }

    /// The DTLS-SRTP protection profile, if there is one (RFC 5764 §4.1.2, RFC 7714 §14.2).
    #[must_use]
    pub const fn dtls_srtp_profile(self) -> Option<u16> {
        self.row().dtls_profile
    }

    pub(crate) const fn aes_key_size(self) -> AesKeySize {
        self.row().key
    }

    pub(crate) const fn cipher(self) -> CipherKind {
        self.row().cipher
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
    use alloc::string::ToString;

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
