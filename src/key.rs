//! Master keys and what belongs to one: its MKI and its lifetime (RFC 3711 §3.2.1, RFC 4568 §6.1).
//!
//! Base64 is decoded and written by `base64ct`, which looks nothing up in tables by secret bytes.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::error::{KeyError, LifetimeError, MkiError};
use crate::primitives::are_equal;
use crate::suite::CryptoSuite;

/// The longest key and salt of any suite: 32 + 14 bytes.
const MAX_KEY_AND_SALT: usize = 46;
/// Base64 digits for as many bytes, in whole groups of four.
const MAX_BASE64: usize = MAX_KEY_AND_SALT.div_ceil(3) * 4;

/// A master key and master salt for one suite, of the right lengths.
///
/// One key serves one direction: a [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) consumes it.
/// The same key in both directions is the same keystream twice wherever an SSRC and an index meet, which gives both packets away.
/// There is no `Clone`; a copy for another process takes [`secret_copy`](Self::secret_copy). The bytes are wiped on drop,
/// here and in the contexts that take a key; copies that the compiler leaves behind when it moves a value, on the stack or in the unused room of a type, nobody can wipe.
#[derive(ZeroizeOnDrop)]
pub struct MasterKey {
    key_and_salt: [u8; MAX_KEY_AND_SALT],
    #[zeroize(skip)]
    suite: CryptoSuite,
    #[zeroize(skip)]
    mki: Option<Mki>,
    #[zeroize(skip)]
    lifetime: Option<Lifetime>,
}

impl MasterKey {
    /// Takes master key and master salt one behind the other, as `inline:` carries them (RFC 4568 §6.1):
    /// [`key_and_salt_len`](CryptoSuite::key_and_salt_len) bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`] for any other number of bytes.
    pub fn new(suite: CryptoSuite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        let mut key = Self::zeroed(suite);
        let expected = suite.key_and_salt_len();
        match key.key_and_salt.get_mut(..expected) {
            Some(room) if key_and_salt.len() == expected => room.copy_from_slice(key_and_salt),
            _ => {
                return Err(KeyError::Length {
                    suite,
                    expected,
                    got: key_and_salt.len(),
                });
            }
        }
        Ok(key)
    }

    /// Takes master key ([`key_len`](CryptoSuite::key_len) bytes) and master salt ([`salt_len`](CryptoSuite::salt_len) bytes) apart.
    ///
    /// # Errors
    /// [`KeyError::Lengths`] if either has another length.
    pub fn from_key_and_salt(
        suite: CryptoSuite,
        master_key: &[u8],
        master_salt: &[u8],
    ) -> Result<Self, KeyError> {
        let mut both = Zeroizing::new([0; MAX_KEY_AND_SALT]);
        let (key_len, salt_len) = (suite.key_len(), suite.salt_len());
        if let (Some((key, rest)), true, true) = (
            both.split_at_mut_checked(key_len),
            master_key.len() == key_len,
            master_salt.len() == salt_len,
        ) && let Some(salt) = rest.get_mut(..salt_len)
        {
            key.copy_from_slice(master_key);
            salt.copy_from_slice(master_salt);
            return Self::new(suite, both.get(..key_len + salt_len).unwrap_or_default());
        }
        Err(KeyError::Lengths {
            suite,
            key: master_key.len(),
            salt: master_salt.len(),
        })
    }

    /// Takes key and salt as base64 text (RFC 4648 §4). Devices leave the padding out, or leave bits set in the last
    /// digit that belong to no byte: both are tolerated.
    ///
    /// # Errors
    /// [`KeyError::Base64`] if the text is not base64, [`KeyError::Length`] if it is and has another number of bytes.
    pub fn from_base64(suite: CryptoSuite, text: &str) -> Result<Self, KeyError> {
        let digits = text.trim_end_matches('=');
        // A longer text is no key of any suite: nothing is decoded.
        let mut padded = Zeroizing::new([b'A'; MAX_BASE64]);
        let Some(room) = padded.get_mut(..digits.len()) else {
            return Err(KeyError::Length {
                suite,
                expected: suite.key_and_salt_len(),
                got: digits.len() / 4 * 3,
            });
        };
        // RFC 4648 §3.2: all of the padding, or none of it.
        let padding = text.len() - digits.len();
        let whole = digits.len().next_multiple_of(4);
        if digits.len() % 4 == 1 || (padding != 0 && digits.len() + padding != whole) {
            return Err(KeyError::Base64);
        }
        room.copy_from_slice(digits.as_bytes());
        // Filled up to whole groups of four, so that bits to spare in the last digit, which some
        // devices do not clear, fall into bytes that are cut off again.
        let groups = padded.get(..whole).unwrap_or_default();
        let mut bytes = Zeroizing::new([0; MAX_BASE64 / 4 * 3]);
        let decoded =
            Base64Unpadded::decode(groups, bytes.as_mut_slice()).map_err(|_| KeyError::Base64)?;
        Self::new(
            suite,
            decoded.get(..digits.len() * 3 / 4).unwrap_or_default(),
        )
    }

    /// Takes base64 text to the letter: padded, and without bits to spare.
    pub(crate) fn from_canonical_base64(suite: CryptoSuite, text: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; MAX_BASE64 / 4 * 3]);
        match Base64::decode(text, bytes.as_mut_slice()) {
            Ok(decoded) => Self::new(suite, decoded),
            // Too long, or not to the letter: only the first can be a matter of length.
            Err(_) => match Self::from_base64(suite, text) {
                Err(error @ KeyError::Length { .. }) => Err(error),
                _ => Err(KeyError::Base64),
            },
        }
    }

    /// Makes a fresh key from the operating system's random bytes (RFC 4568 §6.1: unique, and not to be guessed).
    ///
    /// # Errors
    /// [`RandomError`](crate::RandomError) if the operating system gives none.
    #[cfg(feature = "getrandom")]
    pub fn generate(suite: CryptoSuite) -> Result<Self, crate::RandomError> {
        Self::generate_with(suite, |bytes| {
            getrandom::fill(bytes).map_err(|_| crate::RandomError)
        })
    }

    /// Makes a fresh key from a source of random bytes of the caller's, for targets without an operating system.
    ///
    /// `fill` is called once and has to fill all of the slice with bytes from a cryptographic generator.
    ///
    /// # Errors
    /// Whatever `fill` returns.
    pub fn generate_with<E>(
        suite: CryptoSuite,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut key = Self::zeroed(suite);
        fill(
            key.key_and_salt
                .get_mut(..suite.key_and_salt_len())
                .unwrap_or_default(),
        )?;
        Ok(key)
    }

    fn zeroed(suite: CryptoSuite) -> Self {
        Self {
            key_and_salt: [0; MAX_KEY_AND_SALT],
            suite,
            mki: None,
            lifetime: None,
        }
    }

    /// Gives the key an MKI: each packet under it carries the MKI's bytes.
    #[must_use]
    pub fn with_mki(mut self, mki: Mki) -> Self {
        self.mki = Some(mki);
        self
    }

    /// Gives the key a lifetime other than its suite's default.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// [`with_mki`](Self::with_mki) and [`with_lifetime`](Self::with_lifetime) for a key that stays where it is.
    pub(crate) fn set_mki_and_lifetime(&mut self, mki: Option<Mki>, lifetime: Option<Lifetime>) {
        self.mki = mki;
        self.lifetime = lifetime;
    }

    /// The suite that this key is for.
    #[must_use]
    pub fn suite(&self) -> CryptoSuite {
        self.suite
    }

    /// The MKI, if the key has one.
    #[must_use]
    pub fn mki(&self) -> Option<&Mki> {
        self.mki.as_ref()
    }

    /// The lifetime that was given to the key, if any.
    #[must_use]
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.lifetime
    }

    /// **Secret:** master key and master salt, one behind the other.
    #[must_use]
    pub fn secret_key_and_salt(&self) -> &[u8] {
        self.key_and_salt
            .get(..self.suite.key_and_salt_len())
            .unwrap_or_default()
    }

    /// **Secret:** master key and master salt as padded base64, for an `inline:` parameter.
    #[must_use]
    pub fn secret_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(Base64::encode_string(self.secret_key_and_salt()))
    }

    /// **Secret:** a copy with the same MKI and lifetime, to hand to another process or to keep for a restart.
    ///
    /// Two senders with one key reuse its keystream, unless their SSRCs never meet. A context refuses a key that it has
    /// had before, but does not know those of others.
    #[must_use]
    pub fn secret_copy(&self) -> Self {
        Self {
            key_and_salt: self.key_and_salt,
            suite: self.suite,
            mki: self.mki.clone(),
            lifetime: self.lifetime,
        }
    }

    /// Are key and salt the same bytes? In constant time.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        are_equal(self.secret_key_and_salt(), other.secret_key_and_salt())
    }

    /// The master key alone.
    pub(crate) fn master_key(&self) -> &[u8] {
        self.key_and_salt
            .get(..self.suite.key_len())
            .unwrap_or_default()
    }

    /// The master salt alone.
    pub(crate) fn master_salt(&self) -> &[u8] {
        self.secret_key_and_salt()
            .get(self.suite.key_len()..)
            .unwrap_or_default()
    }

    /// Bytes of the MKI, 0 without one.
    pub(crate) fn mki_len(&self) -> usize {
        self.mki.as_ref().map_or(0, |mki| mki.as_bytes().len())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .field("mki", &self.mki)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A master key identifier: 1 to 128 bytes that each packet carries in the clear (RFC 3711 §3.1, RFC 4568 §6.1).
///
/// It is no secret, and not authenticated by the HMAC suites.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mki(Box<[u8]>);

impl Mki {
    /// The most bytes that an MKI may have.
    pub const MAX_LEN: usize = 128;

    /// The bytes as they stand in the packet, 1 to 128 of them.
    ///
    /// # Errors
    /// [`MkiError`] for any other number of bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, MkiError> {
        if (1..=Self::MAX_LEN).contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(MkiError)
        }
    }

    /// The number `value`, big-endian, in `len` bytes (1 to 128), as `a=crypto` writes `value:len`.
    ///
    /// # Errors
    /// [`MkiError`] if `len` is out of range or too small for the value.
    pub fn from_value(value: u128, len: usize) -> Result<Self, MkiError> {
        if len > Self::MAX_LEN {
            return Err(MkiError);
        }
        let mut bytes = [0; Self::MAX_LEN];
        let mut rest = value;
        for byte in bytes.iter_mut().rev().take(len) {
            let [.., low] = rest.to_be_bytes();
            *byte = low;
            rest >>= 8;
        }
        if rest != 0 {
            return Err(MkiError);
        }
        Self::new(bytes.get(Self::MAX_LEN - len..).unwrap_or_default())
    }

    /// A number in decimal digits, big-endian, in `len` bytes (1 to 128), as `a=crypto` writes `value:len`.
    ///
    /// # Errors
    /// [`MkiError`] if `value` is not all digits, or `len` is out of range or too small for it.
    pub fn from_decimal(value: &str, len: usize) -> Result<Self, MkiError> {
        let mut bytes = [0; Self::MAX_LEN];
        let room = bytes.get_mut(..len).ok_or(MkiError)?;
        // 2^1024 has 309 digits.
        if value.is_empty() || value.len() > 309 {
            return Err(MkiError);
        }
        for digit in value.chars() {
            let mut carry = digit.to_digit(10).ok_or(MkiError)?;
            for byte in room.iter_mut().rev() {
                let [high @ .., low] = (u32::from(*byte) * 10 + carry).to_be_bytes();
                *byte = low;
                carry = u32::from_be_bytes([0, high[0], high[1], high[2]]);
            }
            if carry != 0 {
                return Err(MkiError);
            }
        }
        Self::new(room)
    }

    /// The number that the bytes are, big-endian, in decimal digits.
    #[must_use]
    pub fn to_decimal(&self) -> String {
        let mut bytes = self.0.clone();
        let mut digits = Vec::new();
        while bytes.iter().any(|byte| *byte != 0) {
            let mut remainder = 0u16;
            for byte in &mut bytes {
                let value = remainder * 256 + u16::from(*byte);
                let [_, quotient] = (value / 10).to_be_bytes();
                *byte = quotient;
                remainder = value % 10;
            }
            digits.push(char::from_digit(remainder.into(), 10).unwrap_or('0'));
        }
        match digits.is_empty() {
            true => String::from("0"),
            false => digits.into_iter().rev().collect(),
        }
    }

    /// The bytes as they stand in the packet.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The lifetime of a master key: 2 to 2^48 packets (RFC 4568 §6.1).
///
/// The number of SRTP packets and the number of SRTCP packets **each stay below** it: a lifetime of 2^20 is 2^20 − 1
/// packets of each kind, and one of 1 would be none. Above 2^31 it leaves SRTCP at that plane's own bound, 2^31 packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(u64);

impl Lifetime {
    /// A lifetime in packets, 2 to 2^48.
    ///
    /// # Errors
    /// [`LifetimeError`] for 0, for 1 and for more than 2^48.
    pub fn new(packets: u64) -> Result<Self, LifetimeError> {
        if (2..=1 << 48).contains(&packets) {
            Ok(Self(packets))
        } else {
            Err(LifetimeError)
        }
    }

    /// The number that was given.
    #[must_use]
    pub fn packets(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_key_of_another_length_is_refused_and_the_error_says_which_length_is_right() {
        for suite in CryptoSuite::ALL {
            for len in 0..64 {
                let made = MasterKey::new(suite, &[1; 64][..len]);
                assert_eq!(
                    made.is_ok(),
                    len == suite.key_and_salt_len(),
                    "{suite} {len}"
                );
                if let Err(error) = made {
                    assert_eq!(
                        error,
                        KeyError::Length {
                            suite,
                            expected: suite.key_and_salt_len(),
                            got: len
                        }
                    );
                }
            }
            let (key, salt) = (15, 15);
            assert_eq!(
                MasterKey::from_key_and_salt(suite, &[0; 15], &[0; 15]).unwrap_err(),
                KeyError::Lengths { suite, key, salt }
            );
            let (key, salt) = ([1; 32], [2; 14]);
            let made = MasterKey::from_key_and_salt(
                suite,
                &key[..suite.key_len()],
                &salt[..suite.salt_len()],
            )
            .unwrap();
            assert_eq!(made.master_key(), &key[..suite.key_len()]);
            assert_eq!(made.master_salt(), &salt[..suite.salt_len()]);
        }
    }

    #[test]
    fn base64_is_read_with_and_without_padding_and_written_with() {
        for suite in CryptoSuite::ALL {
            let key = MasterKey::generate_with(suite, |bytes| {
                bytes.iter_mut().zip(200..).for_each(|(b, n)| *b = n);
                Ok::<_, ()>(())
            })
            .unwrap();
            let text = key.secret_base64();
            assert_eq!(text.len() % 4, 0, "padded");
            for text in [text.as_str(), text.trim_end_matches('=')] {
                let read = MasterKey::from_base64(suite, text).unwrap();
                assert_eq!(read.secret_key_and_salt(), key.secret_key_and_salt());
            }
        }
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        let read = |text: &str| MasterKey::from_base64(suite, text).unwrap_err();
        let spare = MasterKey::from_base64(CryptoSuite::AeadAes128Gcm, &"/".repeat(38)).unwrap();
        assert_eq!(
            spare.secret_key_and_salt(),
            [0xff; 28],
            "bits to spare are ignored"
        );
        assert_eq!(read("!!!"), KeyError::Base64);
        assert_eq!(read(&"A".repeat(41)), KeyError::Base64);
        assert_eq!(
            read(&("A".repeat(40) + "=")),
            KeyError::Base64,
            "no padding is due"
        );
        let aead = |text: &str| MasterKey::from_base64(CryptoSuite::AeadAes128Gcm, text);
        assert!(aead(&("A".repeat(38) + "==")).is_ok());
        assert_eq!(aead(&("A".repeat(38) + "=")).unwrap_err(), KeyError::Base64);
        assert!(matches!(
            read(&"A".repeat(36)),
            KeyError::Length { got: 27, .. }
        ));
        assert!(matches!(read(&"A".repeat(10_000)), KeyError::Length { .. }));
        assert!(matches!(read(""), KeyError::Length { got: 0, .. }));
    }

    #[test]
    fn debug_shows_no_key_bytes() {
        let key = MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[0xa7; 30]).unwrap();
        let text = format!("{key:?} {key:#?}");
        assert!(
            !text.contains("167") && !text.to_lowercase().contains("a7"),
            "{text}"
        );
    }

    #[test]
    fn an_mki_value_is_big_endian_in_its_bytes_or_refused() {
        assert_eq!(Mki::from_value(1066, 4).unwrap().as_bytes(), [0, 0, 4, 42]);
        assert_eq!(Mki::from_value(255, 1).unwrap().as_bytes(), [255]);
        assert_eq!(Mki::from_value(256, 1), Err(MkiError));
        assert_eq!(Mki::from_value(0, 0), Err(MkiError));
        assert_eq!(Mki::from_value(1, 128).unwrap().as_bytes().len(), 128);
        assert_eq!(Mki::from_value(1, 129), Err(MkiError));
        assert_eq!(
            Mki::from_value(u128::MAX, 16).unwrap().as_bytes(),
            [255; 16]
        );
        assert_eq!(Mki::new(&[]), Err(MkiError));
        for (value, len) in [
            ("1", 1),
            ("255", 1),
            ("256", 2),
            ("66051", 4),
            ("66051", 128),
            ("0", 3),
        ] {
            let mki = Mki::from_decimal(value, len).unwrap();
            assert_eq!(
                Ok(&mki),
                Mki::from_value(value.parse().unwrap(), len).as_ref()
            );
            assert_eq!(mki.to_decimal(), value);
        }
        let greatest = Mki::new(&[255; 128]).unwrap();
        assert_eq!(Mki::from_decimal(&greatest.to_decimal(), 128), Ok(greatest));
        for (value, len) in [
            ("256", 1),
            ("", 1),
            ("1", 0),
            ("1", 129),
            ("-1", 4),
            ("1x", 4),
        ] {
            assert_eq!(
                Mki::from_decimal(value, len),
                Err(MkiError),
                "{value}:{len}"
            );
        }
        assert!(Mki::new(&[0; 128]).is_ok());
        assert_eq!(Mki::new(&[0; 129]), Err(MkiError));
    }

    #[test]
    fn a_lifetime_is_2_to_2_to_the_48() {
        assert_eq!(Lifetime::new(0), Err(LifetimeError));
        assert_eq!(Lifetime::new(1), Err(LifetimeError));
        assert!(Lifetime::new(2).is_ok());
        assert!(Lifetime::new(1 << 48).is_ok());
        assert_eq!(Lifetime::new((1 << 48) + 1), Err(LifetimeError));
    }
}
