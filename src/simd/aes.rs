//! AES (FIPS 197) in the encrypting direction, and its counter mode.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Block;
use super::cpu::{AesNi, Level};
use super::vector::{Kernel, Lane, Vector};
use super::width::one::sub_word;

/// The round keys of AES: 9, 11 or 13 between the first and the last one.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct RoundKeys<const MIDDLE: usize> {
    first: Block,
    middle: [Block; MIDDLE],
    last: Block,
}

impl<const MIDDLE: usize> RoundKeys<MIDDLE> {
    /// The key expansion (§5.2), for a key of `NK` words.
    fn expand<const NK: usize>(cpu: AesNi, key: &[u8]) -> Self {
        const ROUND_CONSTANTS: [u32; 11] = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36, 0];
        let mut words = Zeroizing::new([[0; 4]; 64]);
        let mut group = Zeroizing::new([0; NK]);
        for (word, bytes) in group.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        for (words, constant) in words.chunks_mut(NK).zip(ROUND_CONSTANTS) {
            for (bytes, word) in words.iter_mut().zip(*group) {
                *bytes = word.to_le_bytes();
            }
            let [.., last] = group.as_slice() else { break };
            let mut before = sub_word(cpu, last.rotate_right(8)) ^ constant;
            for (at, word) in group.iter_mut().enumerate() {
                if NK > 6 && at == 4 {
                    before = sub_word(cpu, before);
                }
                *word ^= before;
                before = *word;
            }
        }

        let mut keys = Self {
            first: [0; 16],
            middle: [[0; 16]; MIDDLE],
            last: [0; 16],
        };
        let Self {
            first,
            middle,
            last,
        } = &mut keys;
        let in_order = [first].into_iter().chain(middle).chain([last]);
        for (key, words) in in_order.zip(words.as_chunks::<4>().0) {
            key.copy_from_slice(words.as_flattened());
        }
        keys
    }

    #[inline(always)]
    pub(super) fn encrypt<V: Vector, const N: usize>(&self, cpu: V::Cpu, blocks: [V; N]) -> [V; N] {
        self.encrypt_beside(cpu, blocks, &mut ())
    }

    /// The same, with work done between the rounds.
    #[inline(always)]
    pub(super) fn encrypt_beside<V: Vector, const N: usize>(
        &self,
        cpu: V::Cpu,
        mut blocks: [V; N],
        beside: &mut impl Beside,
    ) -> [V; N] {
        let key = V::broadcast(cpu, &self.first);
        for block in &mut blocks {
            *block = block.xor(key);
        }
        for (n, key) in self.middle.iter().enumerate() {
            let key = V::broadcast(cpu, key);
            for block in &mut blocks {
                *block = block.aes_round(key);
            }
            beside.step(n);
        }
        let key = V::broadcast(cpu, &self.last);
        for block in &mut blocks {
            *block = block.aes_last_round(key);
        }
        blocks
    }
}

/// Work for units of the CPU that the rounds of AES leave idle.
pub(super) trait Beside {
    /// Some of it: it is called 9 times and more. Always inlined.
    fn step(&mut self, n: usize);
}

impl Beside for () {
    #[inline(always)]
    fn step(&mut self, _: usize) {}
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
        let keys = match key.len() {
            16 => Keys::Aes128(RoundKeys::expand::<4>(cpu, key)),
            24 => Keys::Aes192(RoundKeys::expand::<6>(cpu, key)),
            _ => Keys::Aes256(RoundKeys::expand::<8>(cpu, key)),
        };
        Self { level, keys }
    }

    /// Enciphers one block.
    #[inline]
    pub(crate) fn encrypt_block(&self, block: &Block) -> Block {
        self.run(&mut EncryptBlock(block), [0; 2])
    }

    /// XORs the counter-mode keystream that begins at counter block `first`, a big-endian number, onto `data`. The lower 32 bits count, and must not
    /// come to their end.
    #[inline]
    pub(crate) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        self.run(&mut XorKeystream(data), [first, 0]);
    }

    #[inline(always)]
    pub(super) fn run<K: Kernel>(&self, kernel: &mut K, numbers: [u128; 2]) -> K::Output {
        self.level.run(&self.keys, kernel, numbers)
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
        _: [u128; 2],
    ) -> Block {
        let [block] = keys.encrypt(cpu, [V::broadcast(cpu, self.0)]);
        block.first()
    }
}

/// From the counter block that is the first number.
struct XorKeystream<'a>(&'a mut [u8]);

impl Kernel for XorKeystream<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        [first, _]: [u128; 2],
    ) {
        let mut counters = Counters::<V>::new(cpu, Lane::of(first));
        let (vectors, rest) = V::split_mut(self.0);
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
