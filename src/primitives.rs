//! Block ciphers, HMAC-SHA1 and GHASH. The crates they come from are named here and below, and nowhere else.
//!
//! Keys are scheduled once; what a packet costs is its blocks. Every type wipes its key schedule when dropped.

#[cfg(feature = "aria")]
mod aria;
mod compare;
mod gcm;
mod hmac_sha1;

use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore, consts::U16};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use zeroize::{Zeroize, Zeroizing};

#[cfg(srtp_sdes_watched)]
pub use compare::WHEN_PUBLIC;
pub(crate) use compare::{are_equal, is_truncation_of};
pub(crate) use gcm::{Beside, Gcm};
pub(crate) use hmac_sha1::{Chains, Growing, HmacSha1, Keyed, Message, codes};

use crate::simd;

/// Bytes of a block, the same for every cipher.
pub(crate) const BLOCK: usize = 16;
/// Bytes that HMAC-SHA1 gives before truncation, and of its session key (RFC 3711 §5.2).
pub(crate) const SHA1_LEN: usize = 20;

/// Bytes that are wiped when dropped, all at once: `Zeroizing` wipes an array byte by byte.
struct Wiped<const N: usize>([u8; N]);

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

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

    /// The same for keystreams of packets that HMAC-SHA1 authenticates.
    pub(crate) fn beside_sha1(algorithm: Algorithm, fill: impl FnOnce(&mut [u8])) -> Self {
        let level = simd::Level::best().map(simd::Level::beside_sha1);
        Self::on(level, algorithm, fill)
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
            let mut key = Wiped([0; 32]);
            let key = key.0.get_mut(..algorithm.key_len()).unwrap_or_default();
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
    #[inline(always)]
    pub(crate) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        match self {
            Self::Vector(aes) => aes.xor_keystream(first, data),
            _ => self.xor_keystream_portably(first, data),
        }
    }

    #[inline(never)]
    fn xor_keystream_portably(&self, first: u128, data: &mut [u8]) {
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

impl BlockCipher {
    /// The same behind the first `header` bytes of `packet`, which stay as they are, in a way that is better before a hash of the packet.
    #[inline(always)]
    pub(crate) fn xor_keystream_behind(&self, first: u128, packet: &mut [u8], header: usize) {
        match self {
            Self::Vector(aes) => aes.xor_keystream_behind(first, packet, header),
            _ => self.xor_keystream(first, packet.get_mut(header..).unwrap_or_default()),
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

/// Fills less than 64 bytes with the first of others, in pieces of known sizes: faster than a call.
#[inline(always)]
pub(crate) fn copy_short(to: &mut [u8], from: &[u8]) {
    let from = from.get(..to.len()).unwrap_or_default();
    let done = copy_ends::<32>(to, from)
        || copy_ends::<16>(to, from)
        || copy_ends::<8>(to, from)
        || copy_ends::<4>(to, from);
    if !done {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

/// Copies `N` bytes from the beginning and `N` from the end, if there are so many.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return false;
    };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    true
}

/// Has keys that are set up from now on do without the best `levels` of vector units, of three. Returns the name of what they use.
///
/// Not part of the public API: it is for the benches of this crate, which compare the levels.
#[doc(hidden)]
pub fn without_best_levels(levels: usize) -> &'static str {
    simd::Level::withhold(levels);
    simd::Level::best().map_or("portable", simd::Level::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_vectors::{Hex, read};
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
}
