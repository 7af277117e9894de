//! AES (FIPS 197) in the encrypting direction, and its counter mode.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Block;
use super::cpu::{AesNi, Level};
use super::vector::{Kernel, Lane, Vector};
use super::width::one::expand;

/// The round keys of AES: 9, 11 or 13 between the first and the last one.
pub(super) struct RoundKeys<const MIDDLE: usize> {
    first: Block,
    middle: [Block; MIDDLE],
    last: Block,
}

impl<const MIDDLE: usize> RoundKeys<MIDDLE> {
    /// The key expansion, for a key of `NK` words.
    fn expand<const NK: usize>(cpu: AesNi, key: &[u8]) -> Self {
        let mut keys = Self {
            first: [0; 16],
            middle: [[0; 16]; MIDDLE],
            last: [0; 16],
        };
        let mut expanded = Zeroizing::new([0; 32]);
        expand::<NK>(cpu, key, &mut expanded);
        let Self {
            first,
            middle,
            last,
        } = &mut keys;
        let in_order = [first].into_iter().chain(middle).chain([last]);
        for (key, pairs) in in_order.zip(expanded.as_chunks::<2>().0) {
            *key = block(*pairs);
        }
        keys
    }

    #[inline(always)]
    pub(super) fn encrypt<V: Vector, const N: usize>(
        &self,
        cpu: V::Cpu,
        mut blocks: [V; N],
    ) -> [V; N] {
        let key = V::broadcast(cpu, &self.first);
        for block in &mut blocks {
            *block = block.xor(key);
        }
        for key in &self.middle {
            let key = V::broadcast(cpu, key);
            for block in &mut blocks {
                *block = block.aes_round(key);
            }
        }
        let key = V::broadcast(cpu, &self.last);
        for block in &mut blocks {
            *block = block.aes_last_round(key);
        }
        blocks
    }
}

/// Slices are wiped as a whole, arrays byte by byte.
impl<const MIDDLE: usize> Drop for RoundKeys<MIDDLE> {
    fn drop(&mut self) {
        self.first.as_mut_slice().zeroize();
        self.middle.as_flattened_mut().zeroize();
        self.last.as_mut_slice().zeroize();
    }
}

impl<const MIDDLE: usize> ZeroizeOnDrop for RoundKeys<MIDDLE> {}

/// Two pairs of words as they are in memory.
fn block([low, high]: [u64; 2]) -> Block {
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

/// Round keys for one of the three sizes of key.
pub(super) enum Keys {
    Aes128(RoundKeys<9>),
    Aes192(RoundKeys<11>),
    Aes256(RoundKeys<13>),
}

/// Counter blocks, as numbers with their bytes backwards.
pub(super) struct Counters<V: Vector> {
    next: V,
    step: V,
}

impl<V: Vector> Counters<V> {
    #[inline(always)]
    pub(super) fn new(cpu: V::Cpu, first: Lane) -> Self {
        Self {
            next: V::splat(cpu, first).add(V::numbers(cpu)),
            step: V::splat(cpu, Lane::of(V::BLOCKS as u128)),
        }
    }

    #[inline(always)]
    pub(super) fn next<const N: usize>(&mut self) -> [V; N] {
        let mut blocks = [self.next; N];
        for block in &mut blocks {
            *block = self.next.reverse();
            self.next = self.next.add(self.step);
        }
        blocks
    }
}

/// AES under a key.
pub(crate) struct Aes {
    level: Level,
    keys: Keys,
}

impl Aes {
    /// Schedules a key of 16, 24 or 32 bytes.
    pub(crate) fn new(level: Level, key: &[u8]) -> Self {
        let cpu = level.into();
        Self {
            level,
            keys: match key.len() {
                16 => Keys::Aes128(RoundKeys::expand::<4>(cpu, key)),
                24 => Keys::Aes192(RoundKeys::expand::<6>(cpu, key)),
                _ => Keys::Aes256(RoundKeys::expand::<8>(cpu, key)),
            },
        }
    }

    /// Enciphers one block.
    #[inline]
    pub(crate) fn encrypt_block(&self, block: &Block) -> Block {
        self.run(&mut EncryptBlock(block))
    }

    /// XORs the counter-mode keystream that begins at counter block `first`, a big-endian number, onto `data`. The lower 32 bits count, and must not
    /// come to their end.
    #[inline]
    pub(crate) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        let first = Lane::of(first);
        self.run(&mut XorKeystream { first, data });
    }

    #[inline(always)]
    pub(super) fn run<K: Kernel>(&self, kernel: &mut K) -> K::Output {
        self.level.run(&self.keys, kernel)
    }
}

struct EncryptBlock<'a>(&'a Block);

impl Kernel for EncryptBlock<'_> {
    type Output = Block;

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
    ) -> Block {
        let [block] = keys.encrypt(cpu, [V::broadcast(cpu, self.0)]);
        block.first()
    }
}

struct XorKeystream<'a> {
    first: Lane,
    data: &'a mut [u8],
}

impl Kernel for XorKeystream<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
    ) {
        let mut counters = Counters::<V>::new(cpu, self.first);
        let (vectors, rest) = V::split_mut(self.data);
        let (turns, vectors) = vectors.as_chunks_mut::<N>();
        for turn in turns {
            let keystream = keys.encrypt(cpu, counters.next::<N>());
            for (bytes, key) in turn.iter_mut().zip(keystream) {
                V::load(cpu, bytes).xor(key).store(bytes);
            }
        }
        for bytes in vectors {
            let [key] = keys.encrypt(cpu, counters.next());
            V::load(cpu, bytes).xor(key).store(bytes);
        }
        if !rest.is_empty() {
            let [key] = keys.encrypt(cpu, counters.next());
            V::load_part(cpu, rest).xor(key).store_part(rest);
        }
    }
}
