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
        self.run(&mut EncryptBlock(block), [0; 2])
    }

    /// XORs the counter-mode keystream that begins at counter block `first`, a big-endian number, onto `data`. The lower 32 bits count, and must not
    /// come to their end.
    #[inline(always)]
    pub(crate) fn xor_keystream(&self, first: u128, data: &mut [u8]) {
        let late = 0;
        self.run(&mut XorKeystream::<false> { data, late }, [first, 0]);
    }

    /// The same behind the first `header` bytes of `packet`, which stay as they are, for a hash that follows.
    ///
    /// What is written begins at multiples of 16 bytes from the beginning of the packet, as the hash reads it. From a write that does not hold all that is
    /// read, nothing is handed on to a read that follows soon.
    #[inline(always)]
    pub(crate) fn xor_keystream_behind(&self, first: u128, packet: &mut [u8], header: usize) {
        let late = header % 16;
        let data = packet.get_mut(header - late..).unwrap_or_default();
        self.run(&mut XorKeystream::<true> { data, late }, [first, 0]);
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

/// From the counter block that is the first number. Without `LATE` it is not late.
struct XorKeystream<'a, const LATE: bool> {
    data: &'a mut [u8],
    /// By how many bytes the keystream is late, fewer than 16.
    late: usize,
}

impl<const LATE: bool> Kernel for XorKeystream<'_, LATE> {
    type Output = ();

    /// One vector after the other: the CPU begins with the next ones meanwhile, and finds the keys in its registers.
    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        [first, _]: [u128; 2],
    ) {
        let mut keystream = Keystream::<V, MIDDLE, LATE> {
            cpu,
            keys,
            counters: Counters::new(cpu, Lane::of(first)),
            late: Late::by(cpu, self.late),
        };
        let (vectors, rest) = V::split_mut(&mut *self.data);
        for bytes in vectors {
            V::load(cpu, bytes).xor(keystream.next()).store(bytes);
        }
        if !rest.is_empty() {
            keystream.next().xor_onto_part(cpu, rest);
        }
    }
}

/// The keystream of counter mode, which is late with `LATE`.
struct Keystream<'k, V: Vector, const MIDDLE: usize, const LATE: bool> {
    cpu: V::Cpu,
    keys: &'k RoundKeys<MIDDLE>,
    counters: Counters<V>,
    late: Late<V>,
}

impl<V: Vector, const MIDDLE: usize, const LATE: bool> Keystream<'_, V, MIDDLE, LATE> {
    #[inline(always)]
    fn next(&mut self) -> V {
        let [keystream] = self.keys.encrypt(self.cpu, self.counters.next());
        match LATE {
            true => self.late.next(keystream),
            false => keystream,
        }
    }
}

/// A keystream that is some bytes late, behind zeros.
struct Late<V> {
    before: V,
    /// Where its bytes come to stand that are of the same block, and of the block before.
    places: [V; 2],
}

impl<V: Vector> Late<V> {
    /// By fewer than 16 bytes.
    #[inline(always)]
    fn by(cpu: V::Cpu, bytes: usize) -> Self {
        /// A block, and on both sides of it nothing to pick.
        #[rustfmt::skip]
        static PLACES: [u8; 48] = [
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
        ];
        let places = |from: usize| {
            let places = PLACES.get(from - bytes % 16..);
            let places = places.and_then(<[u8]>::first_chunk);
            places.map_or(V::zero(cpu), |places| V::broadcast(cpu, places))
        };
        Self {
            before: V::zero(cpu),
            places: [places(16), places(32)],
        }
    }

    #[inline(always)]
    fn next(&mut self, keystream: V) -> V {
        let [same, before] = self.places;
        let one_lane_on = keystream.one_lane_on(self.before);
        self.before = keystream;
        keystream.pick(same).xor(one_lane_on.pick(before))
    }
}
