//! GHASH (NIST SP 800-38D §6.4).
//!
//! Blocks are numbers with their bytes backwards. H is multiplied by x beforehand, which undoes the order of the bits within: products
//! then come out as GHASH has them (Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for Computing the
//! GCM Mode", 2014).

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Block;
use super::aes::Beside;
use super::vector::{Lane, Vector};

/// x^128 + x^127 + x^126 + x^121 + 1 without its highest term: the polynomial of GCM, backwards.
const POLYNOMIAL: u128 = 0xc2 << 120 | 1;

/// The highest power of H: one for associated data, as many as a turn has blocks, one for the lengths.
const HIGHEST: usize = 18;
/// Behind the powers, so that the last ones fill a vector, whichever it begins with.
const SPARE: usize = 3;

/// The powers of H, from the highest down to H itself.
pub(super) struct HashKey([Block; HIGHEST + SPARE]);

impl HashKey {
    #[inline(always)]
    pub(super) fn new<V: Vector>(cpu: V::Cpu, h: &Block) -> Self {
        let h = u128::from_be_bytes(*h);
        let carry = 0u128.wrapping_sub(h >> 127);
        let h = V::from_lane(cpu, Lane::of((h << 1) ^ (carry & POLYNOMIAL)));
        let mut key = Self([[0; 16]; HIGHEST + SPARE]);
        key.put::<V>(1, h);
        for power in 2..=HIGHEST {
            // Of two that are half as high: few products have to wait for each other.
            let [one, other] = [power / 2, power.div_ceil(2)].map(|half| {
                let half = key.down_from(half).first().copied().unwrap_or_default();
                V::from_lane(cpu, Lane::of(u128::from_le_bytes(half)))
            });
            let mut product = Products::zero(cpu);
            product.add(one, other);
            key.put(power, product.reduced(cpu));
        }
        key
    }

    #[inline(always)]
    fn put<V: Vector>(&mut self, power: usize, value: V) {
        if let Some(place) = self.0.get_mut(HIGHEST.saturating_sub(power)) {
            *place = value.first();
        }
    }

    /// The powers of H from this one on downwards.
    #[inline(always)]
    fn down_from(&self, power: usize) -> &[Block] {
        debug_assert!((1..=HIGHEST).contains(&power));
        self.0
            .get(HIGHEST.saturating_sub(power)..)
            .unwrap_or_default()
    }
}

/// Slices are wiped as a whole, arrays byte by byte.
impl Drop for HashKey {
    fn drop(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

impl ZeroizeOnDrop for HashKey {}

/// A sum of products, not yet reduced.
#[derive(Clone, Copy)]
struct Products<V> {
    low: V,
    middle: V,
    high: V,
}

impl<V: Vector> Products<V> {
    #[inline(always)]
    fn zero(cpu: V::Cpu) -> Self {
        let zero = V::zero(cpu);
        Self {
            low: zero,
            middle: zero,
            high: zero,
        }
    }

    #[inline(always)]
    fn add(&mut self, one: V, other: V) {
        self.low = self.low.xor(one.mul::<0x00>(other));
        let middle = one.mul::<0x01>(other).xor(one.mul::<0x10>(other));
        self.middle = self.middle.xor(middle);
        self.high = self.high.xor(one.mul::<0x11>(other));
    }

    /// The sum over all lanes, modulo the polynomial.
    #[inline(always)]
    fn reduced(self, cpu: V::Cpu) -> V {
        let polynomial = V::splat(cpu, Lane::of(POLYNOMIAL));
        let fold = |low: V| low.swap_halves().xor(polynomial.mul::<0x01>(low));
        let middle = self.middle.xor(fold(self.low));
        self.high.xor(fold(middle)).sum()
    }
}

/// A hash in progress.
pub(super) struct Ghash<'k, V: Vector> {
    cpu: V::Cpu,
    key: &'k HashKey,
    sum: Products<V>,
    /// The hash so far: it goes into the next block.
    so_far: V,
}

impl<'k, V: Vector> Ghash<'k, V> {
    #[inline(always)]
    pub(super) fn new(cpu: V::Cpu, key: &'k HashKey) -> Self {
        Self {
            cpu,
            key,
            sum: Products::zero(cpu),
            so_far: V::zero(cpu),
        }
    }

    /// Adds blocks to the sum, each of which has as many behind it as its power says.
    #[inline(always)]
    fn add(&mut self, blocks: V, powers: V) {
        self.sum.add(blocks.xor(self.so_far), powers);
        self.so_far = V::zero(self.cpu);
    }

    #[inline(always)]
    fn reduce(&mut self) {
        self.so_far = self.sum.reduced(self.cpu);
        self.sum = Products::zero(self.cpu);
    }

    /// Absorbs the blocks of both pieces one by one, and the last one together with the `next` blocks that follow.
    #[inline(always)]
    pub(super) fn head(&mut self, pieces: [&[u8]; 2], next: usize) {
        let [first, second] = pieces;
        if let (1..=16, []) = (first.len(), second) {
            return self.add_one(V::load_part(self.cpu, first).reverse(), next + 1);
        }
        let mut left = first.len().div_ceil(16) + second.len().div_ceil(16);
        for piece in [first, second] {
            for block in piece.chunks(16) {
                left -= 1;
                let power = if left == 0 { next + 1 } else { 1 };
                self.add_one(V::load_part(self.cpu, block).reverse(), power);
                if left > 0 {
                    self.reduce();
                }
            }
        }
    }

    /// A turn to be absorbed: `N` vectors as they are in memory.
    #[inline(always)]
    pub(super) fn turn<const N: usize>(&mut self, vectors: [V; N]) -> Turn<'_, 'k, V, N> {
        let (powers, _) = V::split(self.key.down_from(N * V::BLOCKS).as_flattened());
        Turn {
            hash: self,
            vectors,
            powers,
        }
    }

    /// Begins the end, which has `blocks` blocks.
    #[inline(always)]
    pub(super) fn tail(self, blocks: usize) -> Tail<'k, V> {
        let (powers, _) = V::split(self.key.down_from(blocks).as_flattened());
        Tail {
            hash: self,
            powers: powers.iter(),
        }
    }

    #[inline(always)]
    fn add_one(&mut self, block: V, power: usize) {
        if let Some(power) = self.key.down_from(power).first() {
            // The other lanes of the block are zero.
            self.add(block, V::broadcast(self.cpu, power));
        }
    }
}

/// A turn that is being absorbed.
pub(super) struct Turn<'h, 'k, V: Vector, const N: usize> {
    hash: &'h mut Ghash<'k, V>,
    vectors: [V; N],
    powers: &'k [V::Bytes],
}

impl<V: Vector, const N: usize> Turn<'_, '_, V, N> {
    /// Absorbs all of it.
    #[inline(always)]
    pub(super) fn absorb(mut self) {
        for n in 0..N {
            self.step(n);
        }
        self.reduce();
    }

    /// Once all steps are done.
    #[inline(always)]
    pub(super) fn reduce(self) {
        self.hash.reduce();
    }
}

/// A vector at each step.
impl<V: Vector, const N: usize> Beside for Turn<'_, '_, V, N> {
    #[inline(always)]
    fn step(&mut self, n: usize) {
        if let (Some(vector), Some(powers)) = (self.vectors.get(n), self.powers.get(n)) {
            let powers = V::load(self.hash.cpu, powers);
            self.hash.add(vector.reverse(), powers);
        }
    }
}

/// The end of a hash: less than a turn, and the block of lengths.
pub(super) struct Tail<'k, V: Vector> {
    hash: Ghash<'k, V>,
    powers: core::slice::Iter<'k, V::Bytes>,
}

impl<V: Vector> Tail<'_, V> {
    /// Absorbs a vector as it is in memory.
    #[inline(always)]
    pub(super) fn vector(&mut self, vector: V) {
        self.add(vector.reverse());
    }

    /// Absorbs the last `len` bytes, which are less than a vector and have zeros behind them, and the lengths. Returns the hash as it is in memory.
    #[inline(always)]
    pub(super) fn finish(mut self, part: V, len: usize, lengths: Lane) -> V {
        let mut blocks = len.div_ceil(16);
        let mut last = part.reverse();
        if blocks == V::BLOCKS {
            self.add(last);
            (last, blocks) = (V::zero(self.hash.cpu), 0);
        }
        self.add(last.with_lane(blocks, lengths));
        self.hash.reduce();
        self.hash.so_far.reverse()
    }

    #[inline(always)]
    fn add(&mut self, blocks: V) {
        if let Some(powers) = self.powers.next() {
            let powers = V::load(self.hash.cpu, powers);
            self.hash.add(blocks, powers);
        }
    }
}
