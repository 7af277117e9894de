//! GCM (NIST SP 800-38D), composed of a block cipher and GHASH: one-shot AEADs verify only what they decipher.

use ghash::{GHash, universal_hash::UniversalHash};
use zeroize::Zeroizing;

use super::{Array, BLOCK, BlockCipher};
use crate::simd;

/// GCM (NIST SP 800-38D) for 12-byte nonces: sealing, and opening in two halves.
///
/// SRTP needs the halves of opening apart. It must not write before the tag is verified, a monitor
/// verifies without deciphering, and SRTCP authenticates data in two pieces (RFC 7714 §9.3).
#[allow(
    clippy::large_enum_variant,
    reason = "keys for a new epoch are derived on the packet path, which does not allocate; with the feature simd both are alike"
)]
pub(crate) enum Gcm {
    /// On the vector units.
    Vector(simd::Gcm),
    Portable(PortableGcm),
}

pub(crate) struct PortableGcm {
    cipher: BlockCipher,
    ghash: GHash,
}

/// What GCM authenticates beside the ciphertext.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// The counter block of the tag, a big-endian number: the nonce and 1.
    pub(crate) counter: u128,
    /// What goes into GHASH before the ciphertext, in two pieces. Each is filled up with zeros to whole blocks.
    pub(crate) head: [&'a [u8]; 2],
    /// The last block of GHASH, a big-endian number.
    pub(crate) lengths: u128,
}

impl Gcm {
    /// Derives the hash key with the block cipher under its key.
    pub(crate) fn new(cipher: BlockCipher) -> Self {
        if let BlockCipher::Vector(aes) = cipher {
            return Self::Vector(simd::Gcm::new(aes));
        }
        let h = Zeroizing::new(cipher.encrypt_block(&[0; BLOCK]));
        let ghash = GHash::new((&*h).into());
        Self::Portable(PortableGcm { cipher, ghash })
    }

    /// Enciphers or deciphers `data`. The nonce is a big-endian number of 96 bits, here and below.
    #[inline(always)]
    pub(crate) fn xor_keystream(&self, nonce: u128, data: &mut [u8]) {
        let first = nonce << 32 | 2;
        match self {
            Self::Vector(gcm) => gcm.aes().xor_keystream(first, data),
            Self::Portable(gcm) => gcm.cipher.xor_keystream(first, data),
        }
    }

    /// Enciphers `data`, and returns what [`tag`](Self::tag) would.
    #[inline(always)]
    pub(crate) fn seal(
        &self,
        nonce: u128,
        aad: &[u8],
        more_aad: &[u8],
        data: &mut [u8],
    ) -> [u8; BLOCK] {
        let mut joint = [0; 2 * BLOCK];
        let beside = Beside {
            counter: nonce << 32 | 1,
            head: head(&mut joint, aad, more_aad),
            lengths: lengths(aad.len() + more_aad.len(), data.len()),
        };
        match self {
            Self::Vector(gcm) => gcm.seal(beside, data),
            Self::Portable(gcm) => gcm.seal(nonce, beside, data),
        }
    }

    /// The full tag over associated data `aad` followed by `more_aad` (at most 16 bytes), and `ciphertext`.
    #[inline(always)]
    pub(crate) fn tag(
        &self,
        nonce: u128,
        aad: &[u8],
        more_aad: &[u8],
        ciphertext: &[u8],
    ) -> [u8; BLOCK] {
        let mut joint = [0; 2 * BLOCK];
        let beside = Beside {
            counter: nonce << 32 | 1,
            head: head(&mut joint, aad, more_aad),
            lengths: lengths(aad.len() + more_aad.len(), ciphertext.len()),
        };
        self.tag_beside(beside, ciphertext)
    }

    /// The same where the associated data is one block and the ciphertext in two pieces, of which the first has at most 60 bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn tag_of_two(
        &self,
        nonce: u128,
        aad: [u8; BLOCK],
        [first, second]: [&[u8]; 2],
    ) -> [u8; BLOCK] {
        // As much of the second piece goes with the first one as fills its last block.
        let filled = first.len().next_multiple_of(BLOCK) - first.len();
        let (filling, rest) = second.split_at_checked(filled).unwrap_or((second, &[]));
        let mut joint = [0; 4 * BLOCK];
        let beside = Beside {
            counter: nonce << 32 | 1,
            head: [&aad, join(&mut joint, first, filling)],
            lengths: lengths(BLOCK, first.len() + second.len()),
        };
        self.tag_beside(beside, rest)
    }

    #[inline(always)]
    fn tag_beside(&self, beside: Beside<'_>, ciphertext: &[u8]) -> [u8; BLOCK] {
        match self {
            Self::Vector(gcm) => gcm.tag(beside, ciphertext),
            Self::Portable(gcm) => gcm.tag(beside, ciphertext),
        }
    }
}

impl PortableGcm {
    #[inline(never)]
    fn seal(&self, nonce: u128, beside: Beside<'_>, data: &mut [u8]) -> [u8; BLOCK] {
        self.cipher.xor_keystream(nonce << 32 | 2, data);
        self.tag(beside, data)
    }

    #[inline(never)]
    fn tag(&self, beside: Beside<'_>, ciphertext: &[u8]) -> [u8; BLOCK] {
        let mut ghash = self.ghash.clone();
        let [first, second] = beside.head;
        for piece in [first, second, ciphertext] {
            ghash.update_padded(piece);
        }
        ghash.update(&[Array::from(beside.lengths.to_be_bytes())]);
        let mask = self.cipher.encrypt_block(&beside.counter.to_be_bytes());
        let tag = u128::from_ne_bytes(mask) ^ u128::from_ne_bytes(ghash.finalize().into());
        tag.to_ne_bytes()
    }
}

/// Associated data in two pieces as GHASH takes it: the first piece ends with a block, or there is no second one.
#[inline(always)]
fn head<'a>(joint: &'a mut [u8; 2 * BLOCK], aad: &'a [u8], more_aad: &'a [u8]) -> [&'a [u8]; 2] {
    if more_aad.is_empty() {
        return [aad, more_aad];
    }
    let (blocks, rest) = aad.as_chunks::<BLOCK>();
    [blocks.as_flattened(), join(joint, rest, more_aad)]
}

/// Two pieces one after the other, in `room`, which is enough.
#[inline]
fn join<'r>(room: &'r mut [u8], first: &[u8], second: &[u8]) -> &'r [u8] {
    let len = first.len() + second.len();
    debug_assert!(len <= room.len());
    if let Some((here, behind)) = room.split_at_mut_checked(first.len()) {
        here.copy_from_slice(first);
        if let Some(here) = behind.get_mut(..second.len()) {
            here.copy_from_slice(second);
        }
    }
    room.get(..len).unwrap_or_default()
}

/// Both numbers of bytes, as GHASH takes them at its end.
#[inline]
fn lengths(aad: usize, ciphertext: usize) -> u128 {
    // Packets are bounded by `header::MAX_PACKET`.
    let bits = |bytes| u128::from(u64::try_from(bytes).unwrap_or(u64::MAX) * 8);
    bits(aad) << 64 | bits(ciphertext)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Algorithm;
    use aes_gcm::KeyInit;
    use aes_gcm::aead::AeadInOut;
    use alloc::{vec, vec::Vec};

    #[test]
    fn gcm_agrees_with_the_aes_gcm_crate_on_every_length() {
        // The vector units agree with this one: simd/tests.rs.
        let gcm128 = Gcm::new(BlockCipher::on(None, Algorithm::Aes128, |key| key.fill(7)));
        let gcm256 = Gcm::new(BlockCipher::on(None, Algorithm::Aes256, |key| key.fill(9)));
        let oracle128 = aes_gcm::Aes128Gcm::new(&[7; 16].into());
        let oracle256 = aes_gcm::Aes256Gcm::new(&[9; 32].into());
        let nonce = [3; 12];
        let number = u128::from_be_bytes([3; 16]) & ((1 << 96) - 1);
        for len in 0..300usize {
            for aad_len in [0, 8, 12, 15, 16, 17, 31, 32, 72, 100] {
                let aad: Vec<u8> = (0..aad_len).collect();
                for split in [0, 4, 16].map(|more| aad.len().saturating_sub(more)) {
                    let plain = vec![0x5a; len];
                    for (gcm, sealed) in [
                        (&gcm128, {
                            let mut buf = plain.clone();
                            let tag = oracle128
                                .encrypt_inout_detached(
                                    &nonce.into(),
                                    &aad,
                                    buf.as_mut_slice().into(),
                                )
                                .unwrap();
                            (buf, <[u8; 16]>::from(tag))
                        }),
                        (&gcm256, {
                            let mut buf = plain.clone();
                            let tag = oracle256
                                .encrypt_inout_detached(
                                    &nonce.into(),
                                    &aad,
                                    buf.as_mut_slice().into(),
                                )
                                .unwrap();
                            (buf, <[u8; 16]>::from(tag))
                        }),
                    ] {
                        let mut ours = plain.clone();
                        gcm.xor_keystream(number, &mut ours);
                        let tag = gcm.tag(number, &aad[..split], &aad[split..], &ours);
                        let pieces = (0..=60).step_by(4).filter(|first| *first <= len);
                        for first in pieces.filter(|_| aad_len == 16) {
                            let two = ours.split_at(first).into();
                            let other = gcm.tag_of_two(number, aad[..].try_into().unwrap(), two);
                            assert_eq!(other, tag, "{first} of {len} bytes");
                        }
                        assert_eq!((ours, tag), sealed, "{len} bytes, aad {aad_len}");
                    }
                }
            }
        }
    }
}
