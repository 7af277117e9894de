//! HMAC-SHA1 from its midstates, with the instructions that CPUs have for SHA-1.
//!
//! The compression function is a chain: each four rounds wait for the four before. What is saved is around it: the inner hash goes
//! into the outer one without leaving the registers.

use core::arch::x86_64::*;

use super::cpu::ShaNi;

/// Five words, the first one in the highest element of `abcd`, and the fifth one in that of `e`.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

/// The code of a message in whole blocks, padded, where `inner` and `outer` are the hashes of the key's blocks.
#[inline]
pub(crate) fn hmac(
    cpu: ShaNi,
    [inner, outer]: [&[u32; 5]; 2],
    message: [&[[u8; 64]]; 2],
) -> [u8; 20] {
    let ShaNi { .. } = cpu;
    // SAFETY: the token proves the features.
    unsafe { hmac_with_features(inner, outer, message) }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hmac_with_features(
    inner: &[u32; 5],
    outer: &[u32; 5],
    [blocks, last]: [&[[u8; 64]]; 2],
) -> [u8; 20] {
    let mut hash = load_state(inner);
    for block in blocks {
        hash = compress(hash, load_block(block));
    }
    for block in last {
        hash = compress(hash, load_block(block));
    }
    // The hash, one bit, zeros, and the number of bits of the key's block and the hash (FIPS 180-4 §5.1.1).
    let rest = _mm_insert_epi32::<2>(hash.e, 1 << 31);
    let bits = _mm_set_epi32(0, 0, 0, 8 * (64 + 20));
    let hash = compress(
        load_state(outer),
        [hash.abcd, rest, _mm_setzero_si128(), bits],
    );
    store_state(hash)
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_state([a, b, c, d, e]: &[u32; 5]) -> State {
    let [a, b, c, d, e] = [a, b, c, d, e].map(|word| word.cast_signed());
    State {
        abcd: _mm_set_epi32(a, b, c, d),
        e: _mm_set_epi32(e, 0, 0, 0),
    }
}

/// As bytes of a hash, big-endian.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn store_state(state: State) -> [u8; 20] {
    let mut bytes = [0; 20];
    let (abcd, e) = bytes.split_at_mut(16);
    if let Some(abcd) = abcd.first_chunk_mut::<16>() {
        // SAFETY: 16 bytes are written to as many.
        unsafe { _mm_storeu_si128(abcd.as_mut_ptr().cast(), reverse(state.abcd)) };
    }
    e.copy_from_slice(&_mm_extract_epi32::<3>(state.e).to_be_bytes());
    bytes
}

/// 16 words, big-endian, four a vector and the first one in its highest element.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_block(block: &[u8; 64]) -> [__m128i; 4] {
    let mut words = [_mm_setzero_si128(); 4];
    for (words, bytes) in words.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: 16 bytes are read from as many.
        *words = reverse(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
    }
    words
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn reverse(bytes: __m128i) -> __m128i {
    _mm_shuffle_epi8(
        bytes,
        _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f),
    )
}

/// The compression function (FIPS 180-4 §6.1.2).
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn compress(state: State, block: [__m128i; 4]) -> State {
    let [w0, w1, w2, w3] = block;
    let mut before = state.abcd;
    let mut abcd = _mm_sha1rnds4_epu32::<0>(before, _mm_add_epi32(state.e, w0));

    /// Four rounds with each of the words.
    macro_rules! rounds {
        ($function:literal: $($words:expr),*) => {$(
            let e = _mm_sha1nexte_epu32(before, $words);
            before = abcd;
            abcd = _mm_sha1rnds4_epu32::<$function>(abcd, e);
        )*};
    }
    let mut schedule = Schedule(block);
    rounds!(0: w1, w2, w3, schedule.next());
    rounds!(1: schedule.next(), schedule.next(), schedule.next(), schedule.next(), schedule.next());
    rounds!(2: schedule.next(), schedule.next(), schedule.next(), schedule.next(), schedule.next());
    rounds!(3: schedule.next(), schedule.next(), schedule.next(), schedule.next(), schedule.next());

    State {
        abcd: _mm_add_epi32(abcd, state.abcd),
        e: _mm_sha1nexte_epu32(before, state.e),
    }
}

/// The last 16 words of the message schedule.
struct Schedule([__m128i; 4]);

impl Schedule {
    /// The next four.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    #[inline]
    fn next(&mut self) -> __m128i {
        let [w0, w1, w2, w3] = self.0;
        let next = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(w0, w1), w2), w3);
        self.0 = [w1, w2, w3, next];
        next
    }
}
