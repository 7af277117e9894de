//! Block ciphers, HMAC-SHA1 and GHASH. The crates they come from are named here and below, and nowhere else.
//!
//! Keys are scheduled once; what a packet costs is its blocks. Every type wipes its key schedule when dropped.

#[cfg(feature = "aria")]
mod aria;

use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore, consts::U16};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ghash::{GHash, universal_hash::UniversalHash};
use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a block, the same for every cipher.
pub(crate) const BLOCK: usize = 16;
/// Bytes that HMAC-SHA1 gives before truncation, and of its session key (RFC 3711 §5.2).
pub(crate) const SHA1_LEN: usize = 20;

/// A block cipher under its key, in the encrypting direction, the only one that SRTP has.
pub(crate) enum BlockCipher {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
    #[cfg(feature = "aria")]
    Aria128(aria::Aria128),
    #[cfg(feature = "aria")]
    Aria256(aria::Aria256),
}

/// The block ciphers, by the size of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Aes128,
    Aes192,
    Aes256,
    #[cfg(feature = "aria")]
    Aria128,
    #[cfg(feature = "aria")]
    Aria256,
}

impl Algorithm {
    /// Bytes of the key.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
            #[cfg(feature = "aria")]
            Self::Aria128 => 16,
            #[cfg(feature = "aria")]
            Self::Aria256 => 32,
        }
    }
}

impl BlockCipher {
    /// Schedules the key that `fill` writes into a slice of as many bytes as the algorithm takes, and wipes the slice.
    pub(crate) fn new(algorithm: Algorithm, fill: impl FnOnce(&mut [u8])) -> Self {
        fn key<const N: usize>(fill: impl FnOnce(&mut [u8])) -> Zeroizing<[u8; N]> {
            let mut key = Zeroizing::new([0; N]);
            fill(&mut *key);
            key
        }
        match algorithm {
            Algorithm::Aes128 => Self::Aes128(Aes128Enc::new((&*key::<16>(fill)).into())),
            Algorithm::Aes192 => Self::Aes192(Aes192Enc::new((&*key::<24>(fill)).into())),
            Algorithm::Aes256 => Self::Aes256(Aes256Enc::new((&*key::<32>(fill)).into())),
            #[cfg(feature = "aria")]
            Algorithm::Aria128 => Self::Aria128(aria::Aria128::new((&*key::<16>(fill)).into())),
            #[cfg(feature = "aria")]
            Algorithm::Aria256 => Self::Aria256(aria::Aria256::new((&*key::<32>(fill)).into())),
        }
    }

    /// Enciphers one block.
    #[inline]
    pub(crate) fn encrypt_block(&self, block: &[u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Array::from(*block);
        match self {
            Self::Aes128(aes) => aes.encrypt_block(&mut block),
            Self::Aes192(aes) => aes.encrypt_block(&mut block),
            Self::Aes256(aes) => aes.encrypt_block(&mut block),
            #[cfg(feature = "aria")]
            Self::Aria128(_) | Self::Aria256(_) => self.encrypt_block_aside(&mut block),
        }
        block.into()
    }

    /// XORs the counter-mode keystream that begins at counter block `first` onto `data`.
    ///
    /// The counter is the block as one big-endian number. SRTP starts it at a multiple of 2^16 and gives
    /// a packet at most 2^16 blocks, GCM starts its 32 bits at 2: neither carries into the nonce.
    #[inline]
    pub(crate) fn xor_keystream(&self, first: &[u8; BLOCK], data: &mut [u8]) {
        match self {
            Self::Aes128(aes) => xor_keystream(aes, first, data),
            Self::Aes192(aes) => xor_keystream(aes, first, data),
            Self::Aes256(aes) => xor_keystream(aes, first, data),
            #[cfg(feature = "aria")]
            Self::Aria128(_) | Self::Aria256(_) => self.xor_keystream_aside(first, data),
        }
    }
}

fn xor_keystream<C: BlockCipherEncrypt<BlockSize = U16>>(
    cipher: &C,
    first: &[u8; BLOCK],
    data: &mut [u8],
) {
    type Ctr128Be<'a, C> = ctr::CtrCore<&'a C, ctr::flavors::Ctr128BE>;
    let mut keystream = Ctr128Be::inner_iv_init(cipher, first.into());
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    keystream.apply_keystream_blocks(blocks);
    if !rest.is_empty() {
        let mut last = Array::default();
        keystream.write_keystream_block(&mut last);
        for (byte, key) in rest.iter_mut().zip(last) {
            *byte ^= key;
        }
    }
}

/// HMAC-SHA1 (RFC 2104) with its key already absorbed.
pub(crate) struct HmacSha1(Hmac<Sha1>);

impl HmacSha1 {
    /// Absorbs a key, padded with zeros to the block of the hash or, if longer, hashed (RFC 2104 §2).
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        if let Some(room) = block.get_mut(..key.len()) {
            room.copy_from_slice(key);
        } else if let Some(room) = block.first_chunk_mut() {
            *room = <[u8; SHA1_LEN]>::from(Sha1::digest(key));
        }
        Self(Hmac::new((&*block).into()))
    }

    /// The code of `message` followed by `suffix`.
    #[inline]
    pub(crate) fn code(&self, message: &[u8], suffix: &[u8]) -> [u8; SHA1_LEN] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.update(suffix);
        mac.finalize().into_bytes().into()
    }
}

/// GCM (NIST SP 800-38D) for 12-byte nonces, in two halves: authenticate and encipher.
///
/// SRTP needs the halves apart. Opening must not write before the tag is verified, a monitor
/// verifies without deciphering, and SRTCP authenticates data in two pieces (RFC 7714 §9.3).
pub(crate) struct Gcm {
    cipher: BlockCipher,
    ghash: GHash,
}

impl Gcm {
    /// Derives the hash key with the block cipher under its key.
    pub(crate) fn new(cipher: BlockCipher) -> Self {
        let h = Zeroizing::new(cipher.encrypt_block(&[0; BLOCK]));
        let ghash = GHash::new((&*h).into());
        Self { cipher, ghash }
    }

    /// Enciphers or deciphers `data`.
    #[inline]
    pub(crate) fn xor_keystream(&self, nonce: &[u8; 12], data: &mut [u8]) {
        self.cipher.xor_keystream(&counter_block(nonce, 2), data);
    }

    /// The full tag over associated data `aad` followed by `more_aad` (at most 16 bytes), and `ciphertext`.
    #[inline]
    pub(crate) fn tag(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        more_aad: &[u8],
        ciphertext: &[u8],
    ) -> [u8; BLOCK] {
        let mut ghash = self.ghash.clone();
        let whole_blocks = aad.len() / BLOCK * BLOCK;
        let (blocks, rest) = aad.split_at_checked(whole_blocks).unwrap_or_default();
        ghash.update_padded(blocks);
        let mut tail = [0; 2 * BLOCK];
        let mut tail_len = 0;
        for (to, from) in tail.iter_mut().zip(rest.iter().chain(more_aad)) {
            *to = *from;
            tail_len += 1;
        }
        ghash.update_padded(tail.get(..tail_len).unwrap_or_default());
        ghash.update_padded(ciphertext);

        let lengths = lengths(aad.len() + more_aad.len(), ciphertext.len());
        ghash.update(&[Array::from(lengths)]);

        let mut tag = self.cipher.encrypt_block(&counter_block(nonce, 1));
        for (t, g) in tag.iter_mut().zip(ghash.finalize()) {
            *t ^= g;
        }
        tag
    }

    /// The same where the associated data is one block and the ciphertext in two pieces, of which the first has at most 60 bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn tag_of_two(
        &self,
        nonce: &[u8; 12],
        aad: [u8; BLOCK],
        [first, second]: [&[u8]; 2],
    ) -> [u8; BLOCK] {
        let mut ghash = self.ghash.clone();
        ghash.update(&[Array::from(aad)]);
        // As much of the second piece goes with the first one as fills its last block.
        let filled = first.len().next_multiple_of(BLOCK) - first.len();
        let (filling, rest) = second.split_at_checked(filled).unwrap_or((second, &[]));
        let mut joint = [0; 4 * BLOCK];
        for (to, from) in joint.iter_mut().zip(first.iter().chain(filling)) {
            *to = *from;
        }
        let joined = first.len() + filling.len();
        ghash.update_padded(joint.get(..joined).unwrap_or_default());
        ghash.update_padded(rest);
        let lengths = lengths(BLOCK, first.len() + second.len());
        ghash.update(&[Array::from(lengths)]);

        let mut tag = self.cipher.encrypt_block(&counter_block(nonce, 1));
        for (t, g) in tag.iter_mut().zip(ghash.finalize()) {
            *t ^= g;
        }
        tag
    }
}

/// Both numbers of bytes, as GHASH takes them at its end.
#[inline]
fn lengths(aad: usize, ciphertext: usize) -> [u8; BLOCK] {
    let mut lengths = [0; BLOCK];
    let (aad_bits, text_bits) = lengths.split_at_mut(BLOCK / 2);
    aad_bits.copy_from_slice(&bits(aad));
    text_bits.copy_from_slice(&bits(ciphertext));
    lengths
}

fn counter_block(nonce: &[u8; 12], counter: u32) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block
        .iter_mut()
        .zip(nonce.iter().copied().chain(counter.to_be_bytes()))
    {
        *to = from;
    }
    block
}

fn bits(bytes: usize) -> [u8; 8] {
    // Packets are bounded by `header::MAX_PACKET`.
    (u64::try_from(bytes).unwrap_or(u64::MAX) * 8).to_be_bytes()
}

/// Is `received` the beginning of `computed`, and not empty? In constant time for a given length of `received`.
#[inline]
pub(crate) fn is_truncation_of(received: &[u8], computed: &[u8]) -> bool {
    match computed.get(..received.len()) {
        Some(computed) if !computed.is_empty() => computed.ct_eq(received).into(),
        _ => false,
    }
}

/// Are the bytes the same? In constant time for given lengths.
pub(crate) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vectors::{Hex, read};
    use aes_gcm::aead::AeadInOut;
    use alloc::{vec, vec::Vec};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct HmacCase {
        key: Hex,
        data: Hex,
        digest: Hex,
        digest_96: Option<Hex>,
    }

    #[test]
    fn hmac_sha1_agrees_with_rfc_2202() {
        for case in read::<HmacCase>("rfc2202_hmac_sha1.json", 7) {
            let hmac = HmacSha1::new(&case.key.0);
            for split in 0..=case.data.0.len() {
                let (message, suffix) = case.data.0.split_at(split);
                assert_eq!(hmac.code(message, suffix).as_slice(), case.digest.0);
            }
            if let Some(truncated) = case.digest_96 {
                assert!(is_truncation_of(&truncated.0, &case.digest.0));
            }
        }
    }

    #[derive(Deserialize)]
    struct KeystreamCase {
        session_key: Hex,
        iv: Hex,
        keystream_octets: usize,
        rows: Vec<KeystreamRow>,
    }

    #[derive(Deserialize)]
    struct KeystreamRow {
        block: u32,
        counter: Hex,
        keystream: Hex,
    }

    fn check_keystream(case: &KeystreamCase) {
        let algorithm = match case.session_key.0.len() {
            16 => Algorithm::Aes128,
            24 => Algorithm::Aes192,
            _ => Algorithm::Aes256,
        };
        let aes = BlockCipher::new(algorithm, |key| key.copy_from_slice(&case.session_key.0));
        let mut keystream = vec![0; case.keystream_octets];
        aes.xor_keystream(case.iv.0.first_chunk().unwrap(), &mut keystream);
        for row in &case.rows {
            let at = usize::try_from(row.block).unwrap() * BLOCK;
            assert_eq!(&keystream[at..at + BLOCK], row.keystream.0);
            let alone = aes.encrypt_block(row.counter.0.first_chunk().unwrap());
            assert_eq!(alone.as_slice(), row.keystream.0);
        }
        assert_eq!(case.rows.len(), 6);
    }

    #[test]
    fn aes_128_counter_mode_agrees_with_rfc_3711_b_2() {
        read("rfc3711_b2_aes_cm.json", 1)
            .iter()
            .for_each(check_keystream);
    }

    #[test]
    fn aes_192_and_256_counter_mode_agree_with_rfc_6188() {
        read("rfc6188_aes_cm.json", 2)
            .iter()
            .for_each(check_keystream);
    }

    #[test]
    fn gcm_agrees_with_the_aes_gcm_crate_on_every_length() {
        let gcm128 = Gcm::new(BlockCipher::new(Algorithm::Aes128, |key| key.fill(7)));
        let gcm256 = Gcm::new(BlockCipher::new(Algorithm::Aes256, |key| key.fill(9)));
        let oracle128 = aes_gcm::Aes128Gcm::new(&[7; 16].into());
        let oracle256 = aes_gcm::Aes256Gcm::new(&[9; 32].into());
        let nonce = [3; 12];
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
                        gcm.xor_keystream(&nonce, &mut ours);
                        let tag = gcm.tag(&nonce, &aad[..split], &aad[split..], &ours);
                        let pieces = (0..=60).step_by(4).filter(|first| *first <= len);
                        for first in pieces.filter(|_| aad_len == 16) {
                            let two = ours.split_at(first).into();
                            let other = gcm.tag_of_two(&nonce, aad[..].try_into().unwrap(), two);
                            assert_eq!(other, tag, "{first} of {len} bytes");
                        }
                        assert_eq!((ours, tag), sealed, "{len} bytes, aad {aad_len}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_tag_is_accepted_only_if_every_byte_received_is_right() {
        let computed = [1u8, 2, 3, 4, 5, 6, 7, 8];
        assert!(is_truncation_of(&[1, 2, 3, 4], &computed));
        assert!(is_truncation_of(&computed, &computed));
        for wrong in 0..4 {
            let mut received = [1, 2, 3, 4];
            received[wrong] ^= 0x80;
            assert!(!is_truncation_of(&received, &computed));
        }
        assert!(!is_truncation_of(&[0; 9], &computed));
        assert!(!is_truncation_of(&[], &computed), "no tag is no proof");
    }
}
