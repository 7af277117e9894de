//! HMAC-SHA1 of eight or sixteen messages side by side, a message a lane.
//!
//! One message is a chain in which each round waits for the one before. Several chains fill the same registers, word by word: element
//! n of each vector is of message n.

use super::words::{Four, Words};
use crate::primitives::{Keyed, SHA1_LEN};

/// So many messages side by side.
pub(crate) trait SideBySide<const LANES: usize>: Copy {
    /// Takes the first `blocks` blocks of each message, one at least. Returns the codes of those that end in them, and of others the hash so far.
    fn hmac(self, messages: &[Keyed<'_>; LANES], blocks: usize) -> [[u8; SHA1_LEN]; LANES];
}

/// The five words of a hash of each message.
type States<const LANES: usize> = [[u32; LANES]; 5];

/// What a lane works on that has come to its end: nobody takes what comes of it.
const IDLE: [u8; 64] = [0; 64];

/// To be inlined into a function with the features of `V`, like all below. Closures would not be.
#[inline(always)]
pub(super) fn hmac<V: Words<LANES>, const LANES: usize>(
    cpu: V::Cpu,
    messages: &[Keyed<'_>; LANES],
    blocks: usize,
) -> [[u8; SHA1_LEN]; LANES] {
    let mut states = [[0; LANES]; 5];
    let mut hashes = [&[0; 5]; LANES];
    for (hash, message) in hashes.iter_mut().zip(messages) {
        *hash = message.inner;
    }
    store::<V, LANES>(across(cpu, hashes), &mut states);

    for n in 0..blocks {
        let mut next = [&IDLE; LANES];
        let mut busy = 0;
        for ((block, message), lane) in next.iter_mut().zip(messages).zip(LANES_BITS) {
            if let Some(it) = message.block(n) {
                *block = it;
                busy |= lane;
            }
        }
        let words = words_across::<V, LANES>(cpu, next);
        let after = compressed::<V, LANES>(cpu, load(cpu, &states), words);
        store_in(cpu, busy, after, &mut states);
    }

    let mut done = 0;
    for ((hash, message), lane) in hashes.iter_mut().zip(messages).zip(LANES_BITS) {
        *hash = message.outer;
        done |= if message.len() <= blocks { lane } else { 0 };
    }
    let inner = load::<V, LANES>(cpu, &states);
    let words = last_words::<V, LANES>(cpu, inner);
    let codes = compressed::<V, LANES>(cpu, across(cpu, hashes), words);
    store_in(cpu, done, codes, &mut states);
    // Big-endian.
    for words in &mut states {
        V::load(cpu, words).swapped().store(words);
    }
    bytes_of(&states)
}

#[inline(always)]
fn bytes_of<const LANES: usize>(states: &States<LANES>) -> [[u8; SHA1_LEN]; LANES] {
    let mut hashes = [[0; SHA1_LEN]; LANES];
    for (lane, hash) in hashes.iter_mut().enumerate() {
        for (bytes, words) in hash.as_chunks_mut().0.iter_mut().zip(states) {
            *bytes = words.get(lane).copied().unwrap_or(0).to_ne_bytes();
        }
    }
    hashes
}

/// A bit for each lane.
const LANES_BITS: [u16; 16] = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
];

#[inline(always)]
fn load<V: Words<LANES>, const LANES: usize>(cpu: V::Cpu, states: &States<LANES>) -> [V; 5] {
    let [a, b, c, d, e] = states;
    [
        V::load(cpu, a),
        V::load(cpu, b),
        V::load(cpu, c),
        V::load(cpu, d),
        V::load(cpu, e),
    ]
}

#[inline(always)]
fn store<V: Words<LANES>, const LANES: usize>(vectors: [V; 5], states: &mut States<LANES>) {
    for (vector, words) in vectors.into_iter().zip(states) {
        vector.store(words);
    }
}

/// Stores what is of the lanes whose bits are set.
#[inline(always)]
fn store_in<V: Words<LANES>, const LANES: usize>(
    cpu: V::Cpu,
    lanes: u16,
    vectors: [V; 5],
    states: &mut States<LANES>,
) {
    for (vector, words) in vectors.into_iter().zip(states) {
        vector.kept(lanes, V::load(cpu, words)).store(words);
    }
}

/// Word n of every hash in vector n.
#[inline(always)]
fn across<V: Words<LANES>, const LANES: usize>(cpu: V::Cpu, hashes: [&[u32; 5]; LANES]) -> [V; 5] {
    let mut first_four = [Four::of(&[0; 4]); LANES];
    let mut last_four = first_four;
    for ((first, last), hash) in first_four.iter_mut().zip(&mut last_four).zip(hashes) {
        let ([first_words @ .., _], [_, last_words @ ..]) = (hash, hash);
        (*first, *last) = (Four::of(first_words), Four::of(last_words));
    }
    let [a, b, c, d] = V::across(V::rows(cpu, first_four));
    let [.., e] = V::across(V::rows(cpu, last_four));
    [a, b, c, d, e]
}

/// Word n of every block in vector n, big-endian in memory.
#[inline(always)]
fn words_across<V: Words<LANES>, const LANES: usize>(
    cpu: V::Cpu,
    blocks: [&[u8; 64]; LANES],
) -> [V; 16] {
    let mut words = [V::splat(cpu, 0); 16];
    for (n, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let mut fours = [Four::of(&[0; 4]); LANES];
        for (four, block) in fours.iter_mut().zip(blocks) {
            if let Some(bytes) = block.as_chunks().0.get(n) {
                *four = Four::load(bytes);
            }
        }
        let mut rows = V::rows(cpu, fours);
        for row in &mut rows {
            *row = row.swapped();
        }
        *words = V::across(rows);
    }
    words
}

/// The last block of the outer hashes: the inner hash, one bit, zeros, and the number of bits of the key's block and the hash (FIPS 180-4 §5.1.1).
#[inline(always)]
fn last_words<V: Words<LANES>, const LANES: usize>(cpu: V::Cpu, inner: [V; 5]) -> [V; 16] {
    let mut words = [V::splat(cpu, 0); 16];
    let [hash @ .., _, _, _, _, _, _, _, _, _, _, _] = &mut words;
    *hash = inner;
    let [_, _, _, _, _, one_bit, .., bits] = &mut words;
    *one_bit = V::splat(cpu, 1 << 31);
    *bits = V::splat(cpu, 8 * (64 + 20));
    words
}

/// The compression function (FIPS 180-4 §6.1.2).
#[inline(always)]
fn compressed<V: Words<LANES>, const LANES: usize>(
    cpu: V::Cpu,
    before: [V; 5],
    mut words: [V; 16],
) -> [V; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = before;

    /// Five rounds after which each variable is in its place again, with the words of the schedule from `$t` on.
    macro_rules! five_rounds {
        ($function:ident, $constant:expr, $t:expr) => {
            five_rounds!(@ $function, $constant, $t, a b c d e);
            five_rounds!(@ $function, $constant, $t + 1, e a b c d);
            five_rounds!(@ $function, $constant, $t + 2, d e a b c);
            five_rounds!(@ $function, $constant, $t + 3, c d e a b);
            five_rounds!(@ $function, $constant, $t + 4, b c d e a);
        };
        (@ $function:ident, $constant:expr, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
            let word = scheduled(&mut words, $t).add($constant);
            $e = $e.add(word).add($b.$function($c, $d)).add($a.rotated::<5>());
            $b = $b.rotated::<30>();
        };
    }
    /// Twenty rounds with one function and one constant.
    macro_rules! twenty_rounds {
        ($function:ident, $constant:literal, $t:literal) => {
            let constant = V::splat(cpu, $constant);
            five_rounds!($function, constant, $t);
            five_rounds!($function, constant, $t + 5);
            five_rounds!($function, constant, $t + 10);
            five_rounds!($function, constant, $t + 15);
        };
    }
    // FIPS 180-4 §4.1.1, §4.2.1.
    twenty_rounds!(choice, 0x5a82_7999, 0);
    twenty_rounds!(parity, 0x6ed9_eba1, 20);
    twenty_rounds!(majority, 0x8f1b_bcdc, 40);
    twenty_rounds!(parity, 0xca62_c1d6, 60);

    let [a0, b0, c0, d0, e0] = before;
    [a0.add(a), b0.add(b), c0.add(c), d0.add(d), e0.add(e)]
}

/// Word `t` of the schedule, in place of the one sixteen rounds ago (FIPS 180-4 §6.1.2).
#[inline(always)]
fn scheduled<V: Words<LANES>, const LANES: usize>(words: &mut [V; 16], t: usize) -> V {
    let w16 = word(words, t);
    if t < 16 {
        return w16;
    }
    let mixed = word(words, t + 2).parity(word(words, t + 8), word(words, t + 13));
    let next = mixed.xor(w16).rotated::<1>();
    if let Some(word) = words.get_mut(t % 16) {
        *word = next;
    }
    next
}

#[inline(always)]
fn word<V: Copy>(words: &[V; 16], t: usize) -> V {
    let [first, ..] = words;
    *words.get(t % 16).unwrap_or(first)
}
