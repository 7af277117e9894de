//! Block ciphers, HMAC-SHA1 and GHASH. The crates they come from are named here and below, and nowhere else.
//!
//! Keys are scheduled once; what a packet costs is its blocks. Every type wipes its key schedule when dropped.

#[cfg(feature = "aria")]
mod aria;
mod hmac_sha1;

use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore, consts::U16};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ghash::{GHash, universal_hash::UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(crate) use hmac_sha1::{HmacSha1, Message, codes, is_worth_it};

use crate::simd;

/// Bytes of a block, the same for every cipher.
pub(crate) const BLOCK: usize = 16;
/// Bytes that HMAC-SHA1 gives before truncation, and of its session key (RFC 3711 §5.2).
pub(crate) const SHA1_LEN: usize = 20;

/// A block cipher under its key, in the encrypting direction, the only one that SRTP has.
pub(crate) enum BlockCipher {
    /// AES on the vector units.
    Vector(simd::Aes),
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

    /// Have the vector units kernels for it?
    fn is_aes(self) -> bool {
        matches!(self, Self::Aes128 | Self::Aes192 | Self::Aes256)
    }
}

impl BlockCipher {
    /// Schedules the key that `fill` writes into a slice of as many bytes as the algorithm takes, and wipes the slice.
    pub(crate) fn new(algorithm: Algorithm, fill: impl FnOnce(&mut [u8])) -> Self {
        Self::on(simd::Level::best(), algorithm, fill)
    }

    /// The same for the vector units of a level, if they have the algorithm, or without one for RustCrypto.
    pub(crate) fn on(
        level: Option<simd::Level>,
        algorithm: Algorithm,
        fill: impl FnOnce(&mut [u8]),
    ) -> Self {
        fn key<const N: usize>(fill: impl FnOnce(&mut [u8])) -> Zeroizing<[u8; N]> {
            let mut key = Zeroizing::new([0; N]);
            fill(&mut *key);
            key
        }
        if let Some(level) = level.filter(|_| algorithm.is_aes()) {
            let mut key = Zeroizing::new([0; 32]);
            let key = key.get_mut(..algorithm.key_len()).unwrap_or_default();
            fill(key);
            return Self::Vector(simd::Aes::new(level, key));
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
            Self::Vector(aes) => return aes.encrypt_block(&block.into()),
            Self::Aes128(aes) => aes.encrypt_block(&mut block),
            Self::Aes192(aes) => aes.encrypt_block(&mut block),
            Self::Aes256(aes) => aes.encrypt_block(&mut block),
            #[cfg(feature = "aria")]
            Self::Aria128(_) | Self::Aria256(_) => self.encrypt_block_aside(&mut block),
        }
        block.into()
    }

    /// XORs the counter-mode keystream that begins at counter block `first`, a big-endian number, onto `data`.
    ///
    /// SRTP starts it at a multiple of 2^16 and gives
    /// a packet at most 2^16 blocks, GCM starts its 32 bits at 2: neither carries into the nonce.
    #[inline]
    pub(crate) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        match self {
            Self::Vector(aes) => aes.xor_keystream(first, data),
            Self::Aes128(aes) => xor_keystream(aes, first, data),
            Self::Aes192(aes) => xor_keystream(aes, first, data),
            Self::Aes256(aes) => xor_keystream(aes, first, data),
            #[cfg(feature = "aria")]
            Self::Aria128(_) | Self::Aria256(_) => self.xor_keystream_aside(first, data),
        }
    }
}

fn xor_keystream<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, first: u128, data: &mut [u8]) {
    type Ctr128Be<'a, C> = ctr::CtrCore<&'a C, ctr::flavors::Ctr128BE>;
    let mut keystream = Ctr128Be::inner_iv_init(cipher, &first.to_be_bytes().into());
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    // Fewer than 64 at a time: so many blocks the crate takes a way that is slower.
    for blocks in blocks.chunks_mut(63) {
        keystream.apply_keystream_blocks(blocks);
    }
    if !rest.is_empty() {
        let mut last = Array::default();
        keystream.write_keystream_block(&mut last);
        for (byte, key) in rest.iter_mut().zip(last) {
            *byte ^= key;
        }
    }
}

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
    #[inline]
    pub(crate) fn xor_keystream(&self, nonce: u128, data: &mut [u8]) {
        let first = nonce << 32 | 2;
        match self {
            Self::Vector(gcm) => gcm.aes().xor_keystream(first, data),
            Self::Portable(gcm) => gcm.cipher.xor_keystream(first, data),
        }
    }

    /// Enciphers `data`, and returns what [`tag`](Self::tag) would.
    #[inline]
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
            Self::Portable(gcm) => {
                gcm.cipher.xor_keystream(nonce << 32 | 2, data);
                gcm.tag(beside, data)
            }
        }
    }

    /// The full tag over associated data `aad` followed by `more_aad` (at most 16 bytes), and `ciphertext`.
    #[inline]
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

    #[inline]
    fn tag_beside(&self, beside: Beside<'_>, ciphertext: &[u8]) -> [u8; BLOCK] {
        match self {
            Self::Vector(gcm) => gcm.tag(beside, ciphertext),
            Self::Portable(gcm) => gcm.tag(beside, ciphertext),
        }
    }
}

impl PortableGcm {
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

/// Has keys that are set up from now on do without the best `levels` of vector units, of three. Returns the name of what they use.
///
/// Not part of the public API: it is for the benches of this crate, which compare the levels.
#[doc(hidden)]
pub fn without_best_levels(levels: usize) -> &'static str {
    simd::Level::withhold(levels);
    simd::Level::best().map_or("portable", simd::Level::name)
}

/// Is `received` the beginning of `computed`, and not empty? In constant time for a given length of `received`.
#[inline]
pub(crate) fn is_truncation_of(received: &[u8], computed: &[u8]) -> bool {
    match computed.get(..received.len()) {
        Some(computed) if !computed.is_empty() => are_equal(computed, received),
        _ => false,
    }
}

/// Are the bytes the same? In constant time for given lengths.
#[inline]
pub(crate) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    // Words at a time: `subtle` on slices pays for its barrier at every byte.
    let ((words, bytes), (other_words, other_bytes)) = (one.as_chunks(), other.as_chunks());
    let words = words.iter().zip(other_words);
    let bytes = bytes.iter().zip(other_bytes);
    let difference = words.fold(0, |sum, (one, other)| {
        sum | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))
    });
    let difference = bytes.fold(difference, |sum, (one, other)| sum | u64::from(one ^ other));
    one.len() == other.len() && difference.ct_eq(&0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vectors::{Hex, read};
    use aes_gcm::aead::AeadInOut;
    use alloc::{vec, vec::Vec};
    use serde::Deserialize;

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
        for level in simd::every_level() {
            let aes = BlockCipher::on(level, algorithm, |key| {
                key.copy_from_slice(&case.session_key.0)
            });
            let mut keystream = vec![0; case.keystream_octets];
            let iv = u128::from_be_bytes(*case.iv.0.first_chunk().unwrap());
            aes.xor_keystream(iv, &mut keystream);
            for row in &case.rows {
                let at = usize::try_from(row.block).unwrap() * BLOCK;
                assert_eq!(&keystream[at..at + BLOCK], row.keystream.0);
                let alone = aes.encrypt_block(row.counter.0.first_chunk().unwrap());
                assert_eq!(alone.as_slice(), row.keystream.0);
            }
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
        for len in 1..=20 {
            let computed: Vec<u8> = (0..20).collect();
            assert!(is_truncation_of(&computed[..len], &computed));
            for bit in 0..len * 8 {
                let mut received = computed.clone();
                received[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_truncation_of(&received[..len], &computed));
            }
        }
        assert!(!is_truncation_of(&[0; 9], &computed));
        assert!(!are_equal(&computed, &computed[1..]));
        assert!(!is_truncation_of(&[], &computed), "no tag is no proof");
    }
}
