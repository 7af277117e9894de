//! SHA-1 of sixteen messages side by side on AVX-512, a message a lane.
//!
//! One message is a chain in which each round waits for the one before. Sixteen chains fill the same registers, word by word: element
//! n of each vector is of message n.

use core::arch::x86_64::*;

use super::cpu::Avx512;

/// Messages side by side.
pub(crate) const LANES: usize = 16;

/// The five words of each of the hashes.
pub(crate) type States = [[u32; LANES]; 5];

/// Takes one more block into each hash (FIPS 180-4 §6.1.2).
#[inline]
pub(crate) fn compress(cpu: Avx512, states: &mut States, blocks: &[&[u8; 64]; LANES]) {
    let Avx512 { .. } = cpu;
    // SAFETY: the token proves the features.
    unsafe { compress_with_features(states, blocks) }
}

/// Takes the hashes `inner` into the outer hashes of HMAC, as their last block: the hash, one bit, zeros, and the number of bits of the key's
/// block and the hash (FIPS 180-4 §5.1.1).
#[inline]
pub(crate) fn compress_hashes(cpu: Avx512, states: &mut States, inner: &States) {
    let Avx512 { .. } = cpu;
    // SAFETY: the token proves the features.
    unsafe { compress_hashes_with_features(states, inner) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress_with_features(states: &mut States, blocks: &[&[u8; 64]; LANES]) {
    compress_words(states, transposed(blocks));
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress_hashes_with_features(states: &mut States, inner: &States) {
    let [a, b, c, d, e] = inner.each_ref().map(|words| load(words));
    let (one_bit, zero) = (_mm512_set1_epi32(1 << 31), _mm512_setzero_si512());
    let bits = _mm512_set1_epi32(8 * (64 + 20));
    let words = [
        a, b, c, d, e, one_bit, zero, zero, zero, zero, zero, zero, zero, zero, zero, bits,
    ];
    compress_words(states, words);
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress_words(states: &mut States, mut words: [__m512i; 16]) {
    let before = states.each_ref().map(|words| load(words));
    let [mut a, mut b, mut c, mut d, mut e] = before;

    /// Five rounds after which each variable is in its place again, with the words of the schedule from `$t` on.
    macro_rules! five_rounds {
        ($table:literal, $constant:expr, $t:expr) => {
            five_rounds!(@ $table, $constant, $t, a b c d e);
            five_rounds!(@ $table, $constant, $t + 1, e a b c d);
            five_rounds!(@ $table, $constant, $t + 2, d e a b c);
            five_rounds!(@ $table, $constant, $t + 3, c d e a b);
            five_rounds!(@ $table, $constant, $t + 4, b c d e a);
        };
        (@ $table:literal, $constant:expr, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
            let word = _mm512_add_epi32(scheduled(&mut words, $t), $constant);
            let function = _mm512_ternarylogic_epi32::<$table>($b, $c, $d);
            let sum = _mm512_add_epi32(_mm512_add_epi32($e, word), function);
            $e = _mm512_add_epi32(sum, _mm512_rol_epi32::<5>($a));
            $b = _mm512_rol_epi32::<30>($b);
        };
    }
    /// Twenty rounds with one function, as its table of three bits, and one constant.
    macro_rules! twenty_rounds {
        ($table:literal, $constant:literal, $t:literal) => {
            let constant = _mm512_set1_epi32(u32::cast_signed($constant));
            five_rounds!($table, constant, $t);
            five_rounds!($table, constant, $t + 5);
            five_rounds!($table, constant, $t + 10);
            five_rounds!($table, constant, $t + 15);
        };
    }
    // Choice, parity, majority, parity (FIPS 180-4 §4.1.1, §4.2.1).
    twenty_rounds!(0xca, 0x5a82_7999, 0);
    twenty_rounds!(0x96, 0x6ed9_eba1, 20);
    twenty_rounds!(0xe8, 0x8f1b_bcdc, 40);
    twenty_rounds!(0x96, 0xca62_c1d6, 60);

    let after = [a, b, c, d, e];
    for ((state, before), after) in states.iter_mut().zip(before).zip(after) {
        store(state, _mm512_add_epi32(before, after));
    }
}

/// Word `t` of the schedule, in place of the one sixteen rounds ago (FIPS 180-4 §6.1.2).
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn scheduled(words: &mut [__m512i; 16], t: usize) -> __m512i {
    let [w16, w14, w8, w3] = [t, t + 2, t + 8, t + 13].map(|t| word(words, t));
    if t < 16 {
        return w16;
    }
    let mixed = _mm512_xor_si512(_mm512_ternarylogic_epi32::<0x96>(w14, w8, w3), w16);
    let next = _mm512_rol_epi32::<1>(mixed);
    if let Some(word) = words.get_mut(t % 16) {
        *word = next;
    }
    next
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn word(words: &[__m512i; 16], t: usize) -> __m512i {
    match words.get(t % 16) {
        Some(word) => *word,
        None => _mm512_setzero_si512(),
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load(words: &[u32; LANES]) -> __m512i {
    // SAFETY: 64 bytes are read from as many.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn store(words: &mut [u32; LANES], vector: __m512i) {
    // SAFETY: 64 bytes are written to as many.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
}

/// Word n of every block in vector n, big-endian in memory.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn transposed(blocks: &[&[u8; 64]; LANES]) -> [__m512i; 16] {
    let reversed =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
    // SAFETY: 64 bytes are read from as many.
    let rows = blocks.map(|block| unsafe { _mm512_loadu_si512(block.as_ptr().cast()) });
    let [
        r0,
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
    ] = rows;
    let [a0, a1, a2, a3] = transposed_fours([r0, r1, r2, r3]);
    let [b0, b1, b2, b3] = transposed_fours([r4, r5, r6, r7]);
    let [c0, c1, c2, c3] = transposed_fours([r8, r9, r10, r11]);
    let [d0, d1, d2, d3] = transposed_fours([r12, r13, r14, r15]);
    let [w0, w4, w8, w12] = gathered([a0, b0, c0, d0]);
    let [w1, w5, w9, w13] = gathered([a1, b1, c1, d1]);
    let [w2, w6, w10, w14] = gathered([a2, b2, c2, d2]);
    let [w3, w7, w11, w15] = gathered([a3, b3, c3, d3]);
    [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ]
    .map(|words| _mm512_shuffle_epi8(words, reversed))
}

/// In each quarter, the transpose of the four by four words that four rows have there.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn transposed_fours([r0, r1, r2, r3]: [__m512i; 4]) -> [__m512i; 4] {
    let (low01, high01) = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
    let (low23, high23) = (_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
    [
        _mm512_unpacklo_epi64(low01, low23),
        _mm512_unpackhi_epi64(low01, low23),
        _mm512_unpacklo_epi64(high01, high23),
        _mm512_unpackhi_epi64(high01, high23),
    ]
}

/// The first quarter of each row in one vector, the second ones in the next, and so on.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn gathered([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (even_ab, odd_ab) = (
        _mm512_shuffle_i32x4::<0x88>(a, b),
        _mm512_shuffle_i32x4::<0xdd>(a, b),
    );
    let (even_cd, odd_cd) = (
        _mm512_shuffle_i32x4::<0x88>(c, d),
        _mm512_shuffle_i32x4::<0xdd>(c, d),
    );
    [
        _mm512_shuffle_i32x4::<0x88>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0x88>(odd_ab, odd_cd),
        _mm512_shuffle_i32x4::<0xdd>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0xdd>(odd_ab, odd_cd),
    ]
}
