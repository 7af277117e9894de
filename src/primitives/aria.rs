//! ARIA (RFC 5794), behind the feature of that name.
//!
//! Its crate looks S-boxes up by secret bytes: the page of the whole crate says what follows from that.

use aria::cipher::{Array, BlockCipherEncrypt, consts::U16};
pub(super) use aria::{Aria128, Aria256};

use super::BlockCipher;

/// ARIA's part of enciphering. Telling its key sizes apart stands aside with it, so that AES takes no instruction more for it; AES does not come here.
impl BlockCipher {
    #[cold]
    #[inline(never)]
    pub(super) fn encrypt_block_aside(&self, block: &mut Array<u8, U16>) {
        match self {
            Self::Aria128(aria) => aria.encrypt_block(block),
            Self::Aria256(aria) => aria.encrypt_block(block),
            Self::Vector(_) | Self::Aes128(_) | Self::Aes192(_) | Self::Aes256(_) => {}
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn xor_keystream_aside(&self, first: u128, data: &mut [u8]) {
        match self {
            Self::Aria128(aria) => super::xor_keystream(aria, first, data),
            Self::Aria256(aria) => super::xor_keystream(aria, first, data),
            Self::Vector(_) | Self::Aes128(_) | Self::Aes192(_) | Self::Aes256(_) => {}
        }
    }
}
