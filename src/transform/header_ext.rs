//! Encrypted header extensions, which are built as RFC 8285 has it: by elements (RFC 6904), or all of them with the CSRCs (RFC 9335).
//!
//! By elements, the keystream runs over all contents of the extension. Element headers and padding are left out by the mask, not by the
//! keystream: it is the same byte of it for an element whatever stands before.

use super::cipher::Cipher;
use super::{Position, SessionKey};
use crate::builder::Cryptex;
use crate::header::{
    EXTENSION_HEADER, Plane, RTP_FIXED, extension_at, extension_profile, insert_empty_extension,
    split_extension_mut, write_extension_profile,
};
use crate::kdf::{Kdf, Purpose};
use crate::suite::CryptoSuite;

/// "Defined by profile" of the one-byte form (RFC 8285 §4.2).
const ONE_BYTE: u16 = 0xbede;
/// The same under cryptex (RFC 9335).
const CRYPTEX_ONE_BYTE: u16 = 0xc0de;
/// And of the two-byte form, whose last four bits are the application's (RFC 8285 §4.3).
const TWO_BYTE: core::ops::RangeInclusive<u16> = 0x1000..=0x100f;
/// The one of them that cryptex knows, and the same under it.
const PLAIN_TWO_BYTE: u16 = 0x1000;
const CRYPTEX_TWO_BYTE: u16 = 0xc2de;

/// What a sender does to the header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderUse {
    /// It leaves it alone.
    Clear,
    /// It enciphers elements of the extension (RFC 6904).
    Elements,
    /// Cryptex: it marks the extension by this profile.
    Marks(u16),
    /// Cryptex: it inserts an empty extension, so that there is something to mark.
    Inserts,
}

impl HeaderUse {
    /// For the packet that begins with `header`, where not all headers are clear. The error is the profile of an extension that cannot be sent.
    #[cold]
    #[inline(never)]
    pub(crate) fn of(header: &[u8], cryptex: Cryptex) -> Result<Self, u16> {
        match (cryptex, extension_profile(header)) {
            (Cryptex::Off, _) => Ok(Self::Elements),
            (_, Some(ONE_BYTE)) => Ok(Self::Marks(CRYPTEX_ONE_BYTE)),
            (_, Some(PLAIN_TWO_BYTE)) => Ok(Self::Marks(CRYPTEX_TWO_BYTE)),
            (_, Some(profile @ (CRYPTEX_ONE_BYTE | CRYPTEX_TWO_BYTE))) => Err(profile),
            (Cryptex::Required, Some(profile)) => Err(profile),
            (Cryptex::On, Some(_)) => Ok(Self::Clear),
            (_, None) if extension_at(header) > RTP_FIXED => Ok(Self::Inserts),
            (_, None) => Ok(Self::Clear),
        }
    }

    /// Bytes that the header becomes longer.
    pub(crate) fn grows_by(self) -> usize {
        match self {
            Self::Inserts => EXTENSION_HEADER,
            Self::Clear | Self::Elements | Self::Marks(_) => 0,
        }
    }

    /// Does it to a plain packet, behind which there is room for that.
    #[cold]
    #[inline(never)]
    pub(crate) fn apply(self, packet: &mut [u8]) {
        match self {
            Self::Clear | Self::Elements => {}
            Self::Marks(profile) => write_extension_profile(packet, profile),
            Self::Inserts => {
                insert_empty_extension(packet);
                write_extension_profile(packet, CRYPTEX_ONE_BYTE);
            }
        }
    }
}

/// The profile of the plain extension that travels as `header` has it, if it is encrypted.
#[cold]
#[inline(never)]
pub(crate) fn cryptex_profile(header: &[u8]) -> Option<u16> {
    match extension_profile(header)? {
        CRYPTEX_ONE_BYTE => Some(ONE_BYTE),
        CRYPTEX_TWO_BYTE => Some(PLAIN_TWO_BYTE),
        _ => None,
    }
}

/// The local identifiers of the elements that are encrypted: a bit each, in bytes, which fit anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ElementIds([u8; 32]);

impl ElementIds {
    pub(crate) fn insert(&mut self, id: u8) {
        if let Some(byte) = self.0.get_mut(usize::from(id / 8)) {
            *byte |= 1 << (id % 8);
        }
    }

    pub(crate) fn contains(&self, id: u8) -> bool {
        let byte = self.0.get(usize::from(id / 8));
        byte.is_some_and(|byte| byte >> (id % 8) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; 32]
    }

    /// The identifiers below 128 and those from there, a bit each.
    pub(crate) fn halves(self) -> [u128; 2] {
        let mut halves = [0; 2];
        for (half, bytes) in halves.iter_mut().zip(self.0.as_chunks().0) {
            *half = u128::from_le_bytes(*bytes);
        }
        halves
    }

    pub(crate) fn from_halves(halves: [u128; 2]) -> Self {
        let mut ids = Self::default();
        for (half, bytes) in halves.iter().zip(ids.0.as_chunks_mut().0) {
            *bytes = half.to_le_bytes();
        }
        ids
    }
}

/// The session keys for header extensions: counter mode under the GCM suites too (RFC 7714 §8.3).
pub(crate) struct HeaderCipher(Cipher);

impl SessionKey for HeaderCipher {
    fn derive(suite: CryptoSuite, kdf: &Kdf, plane: Plane, r: u64) -> Self {
        let purposes = (Purpose::HeaderEncryption, Purpose::HeaderSalt);
        Self(Cipher::derive(suite, kdf, plane, purposes, r))
    }
}

impl HeaderCipher {
    /// Enciphers or deciphers, in the RTP header of the packet at `at`, the elements with these identifiers. A header without
    /// an extension, or with one that is not built as RFC 8285 has it, stays as it is.
    pub(crate) fn xor_elements(&self, ids: &ElementIds, header: &mut [u8], at: Position) {
        let Some((before, profile, contents)) = split_extension_mut(header) else {
            return;
        };
        let Some(elements) = Elements::of(profile, ids) else {
            return;
        };
        match &self.0 {
            Cipher::CounterMode(cipher) => elements.xor(contents, cipher.blocks(at)),
            Cipher::F8(cipher) => elements.xor(contents, cipher.blocks(before, at)),
            Cipher::Null => {}
        }
    }
}

/// A walk through the contents of an extension, byte by byte. Element headers are in the clear on both sides, so that both
/// walk the same way; where the last element is cut off, both do as far as it goes.
struct Elements<'i> {
    ids: &'i ElementIds,
    form: Form,
    /// Bytes of the element that are still to come, and whether they are encrypted.
    left: u8,
    is_encrypted: bool,
}

#[derive(Clone, Copy)]
enum Form {
    OneByte,
    /// With the identifier whose length is the next byte, once it was read.
    TwoByte(Option<u8>),
}

impl<'i> Elements<'i> {
    fn of(profile: u16, ids: &'i ElementIds) -> Option<Self> {
        let form = match profile {
            ONE_BYTE => Form::OneByte,
            _ if TWO_BYTE.contains(&profile) => Form::TwoByte(None),
            _ => return None,
        };
        Some(Self {
            ids,
            form,
            left: 0,
            is_encrypted: false,
        })
    }

    fn xor<const N: usize>(mut self, contents: &mut [u8], keys: impl Iterator<Item = [u8; N]>) {
        for (byte, key) in contents.iter_mut().zip(keys.flatten()) {
            match self.masks(*byte) {
                Some(true) => *byte ^= key,
                Some(false) => {}
                None => return,
            }
        }
    }

    /// Is the next byte encrypted? `None` where nothing more is an element.
    fn masks(&mut self, byte: u8) -> Option<bool> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Some(self.is_encrypted);
        }
        match (self.form, byte) {
            (Form::OneByte | Form::TwoByte(None), 0) => {}
            (Form::OneByte, _) => match (byte >> 4, byte & 0x0f) {
                // RFC 8285 §4.1.2 and §4.2: processing ends there.
                (0 | 15, _) => return None,
                (id, length) => self.begin(id, length + 1),
            },
            (Form::TwoByte(None), id) => self.form = Form::TwoByte(Some(id)),
            (Form::TwoByte(Some(id)), length) => {
                self.form = Form::TwoByte(None);
                self.begin(id, length);
            }
        }
        Some(false)
    }

    fn begin(&mut self, id: u8, length: u8) {
        self.is_encrypted = self.ids.contains(id);
        self.left = length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::PacketIndex;
    use crate::primitives::{Algorithm, BlockCipher};
    use crate::test_vectors::{Hex, read};
    use crate::transform::SessionSalt;
    use crate::transform::counter_mode::CounterMode;
    use alloc::vec::Vec;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        session_key: Hex,
        session_salt: Hex,
        ssrc: Hex,
        roc: u32,
        seq: u16,
        ids: Vec<u8>,
        extension_header: Hex,
        plaintext: Hex,
        mask: Hex,
        keystream: Hex,
        ciphertext: Hex,
    }

    fn ids(ids: &[u8]) -> ElementIds {
        ids.iter().fold(ElementIds::default(), |mut set, id| {
            set.insert(*id);
            set
        })
    }

    /// The mask over the contents of an extension. Every byte that is masked is 0, which ends no walk.
    fn mask(profile: u16, encrypted: &[u8], contents: &[u8]) -> Vec<u8> {
        let mut masked = contents.to_vec();
        let ids = ids(encrypted);
        let elements = Elements::of(profile, &ids).unwrap();
        elements.xor(&mut masked, core::iter::repeat([0xff; 16]));
        masked.iter().zip(contents).map(|(a, b)| a ^ b).collect()
    }

    #[test]
    fn header_encryption_agrees_with_rfc_6904_a_2() {
        for case in read::<Case>("rfc6904_header_encryption.json", 1) {
            let aes = BlockCipher::new(Algorithm::Aes128, |key| {
                key.copy_from_slice(&case.session_key.0);
            });
            let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, b| sum << 8 | u128::from(*b));
            let salt = SessionSalt(number(&case.session_salt.0));
            let cipher = HeaderCipher(Cipher::CounterMode(CounterMode::new(aes, salt)));
            let at = Position {
                plane: Plane::Rtp,
                ssrc: u32::from_be_bytes(case.ssrc.0[..].try_into().unwrap()),
                index: PacketIndex::new(case.roc, case.seq).value(),
            };
            let Cipher::CounterMode(counter) = &cipher.0 else {
                unreachable!()
            };
            let keystream: Vec<u8> = counter.blocks(at).flatten().take(24).collect();
            assert_eq!(keystream, case.keystream.0);
            let profile =
                u16::from_be_bytes([case.extension_header.0[0], case.extension_header.0[1]]);
            assert_eq!(mask(profile, &case.ids, &case.plaintext.0), case.mask.0);

            // Two CSRCs before it: the keystream begins with the contents of the extension.
            let mut header = [&[0x92][..], &[0x77; 19], &case.extension_header.0].concat();
            let before = header.clone();
            header.extend(&case.plaintext.0);
            cipher.xor_elements(&ids(&case.ids), &mut header, at);
            assert_eq!(header, [before, case.ciphertext.0].concat());
        }
    }

    #[test]
    fn the_mask_holds_the_data_of_named_elements_and_neither_headers_nor_padding() {
        /// Profile, identifiers, contents, and which of their bytes are encrypted.
        type Case<'a> = (u16, &'a [u8], &'a [u8], &'a [u8]);
        let cases: [Case<'_>; 9] = [
            // One-byte form: lengths less one, padding before, between and behind.
            (
                ONE_BYTE,
                &[1],
                &[0, 0x11, 9, 9, 0, 0, 0x10, 9, 0],
                &[0, 0, 1, 1, 0, 0, 0, 1, 0],
            ),
            (
                ONE_BYTE,
                &[2],
                &[0x10, 9, 0x21, 9, 9, 0x30, 9, 0],
                &[0, 0, 0, 1, 1, 0, 0, 0],
            ),
            // Both end the walk (RFC 8285 §4.1.2, §4.2).
            (
                ONE_BYTE,
                &[1, 15],
                &[0x10, 9, 0xf0, 9, 0x10, 9],
                &[0, 1, 0, 0, 0, 0],
            ),
            (
                ONE_BYTE,
                &[1],
                &[0x10, 9, 0x01, 9, 0x10, 9],
                &[0, 1, 0, 0, 0, 0],
            ),
            // Two-byte form: lengths as they are, 0 among them, and 15 is an identifier like any other.
            (
                0x1000,
                &[1, 15],
                &[1, 0, 15, 2, 9, 9, 2, 1, 9, 0],
                &[0, 0, 0, 0, 1, 1, 0, 0, 0, 0],
            ),
            (
                0x100f,
                &[255, 128],
                &[0, 255, 1, 9, 128, 1, 9, 127, 1, 9],
                &[0, 0, 0, 1, 0, 0, 1, 0, 0, 0],
            ),
            // What looks like padding or an end inside an element is data; so is a length of 0 no padding.
            (
                ONE_BYTE,
                &[1],
                &[0x12, 0, 0xf0, 0x0f, 0x10, 9],
                &[0, 1, 1, 1, 0, 1],
            ),
            (
                0x1000,
                &[1],
                &[2, 0, 1, 2, 0, 9, 1, 1, 9],
                &[0, 0, 0, 0, 1, 1, 0, 0, 1],
            ),
            // The last element is cut off.
            (ONE_BYTE, &[1], &[0x1f, 9, 9, 9], &[0, 1, 1, 1]),
        ];
        for (profile, ids, contents, encrypted) in cases {
            let expected: Vec<u8> = encrypted.iter().map(|bit| bit * 0xff).collect();
            assert_eq!(mask(profile, ids, contents), expected, "{contents:x?}");
        }
    }

    #[test]
    fn only_the_forms_of_rfc_8285_have_elements() {
        let none = ElementIds::default();
        for profile in 0..=u16::MAX {
            let has = profile == 0xbede || profile & 0xfff0 == 0x1000;
            assert_eq!(Elements::of(profile, &none).is_some(), has, "{profile:x}");
        }
    }

    #[test]
    fn a_set_of_identifiers_holds_what_was_put_in() {
        for id in 0..=255 {
            let set = ids(&[id]);
            assert!(!set.is_empty());
            assert!((0..=255).all(|other| set.contains(other) == (other == id)));
        }
        assert!(ElementIds::default().is_empty());
    }
}
