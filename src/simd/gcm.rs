//! AES-GCM (NIST SP 800-38D): sealing in one pass over the data, and the tag alone.

use super::Block;
use super::aes::{Aes, Counters, RoundKeys};
use super::ghash::{Ghash, HashKey};
use super::vector::{Kernel, Lane, Vector};
use crate::primitives::Beside;

/// AES-GCM under a key.
pub(crate) struct Gcm {
    aes: Aes,
    hash_key: HashKey,
}

impl Gcm {
    /// Derives the hash key and its powers.
    pub(crate) fn new(aes: Aes) -> Self {
        let hash_key = aes.run(&mut DeriveHashKey, [0; 2]);
        Self { aes, hash_key }
    }

    /// The key's AES, for counter mode alone.
    #[inline]
    pub(crate) fn aes(&self) -> &Aes {
        &self.aes
    }

    /// Enciphers `data` with the keystream behind the counter block of the tag. Returns the full tag.
    #[inline(always)]
    pub(crate) fn seal(&self, beside: Beside<'_>, data: &mut [u8]) -> Block {
        let hash_key = &self.hash_key;
        let Beside {
            counter,
            head,
            lengths,
        } = beside;
        let mut seal = Seal {
            hash_key,
            head,
            data,
        };
        self.aes.run(&mut seal, [counter, lengths])
    }

    /// The full tag over enciphered `data`.
    #[inline(always)]
    pub(crate) fn tag(&self, beside: Beside<'_>, data: &[u8]) -> Block {
        let hash_key = &self.hash_key;
        let Beside {
            counter,
            head,
            lengths,
        } = beside;
        let mut tag = Tag {
            hash_key,
            head,
            data,
        };
        self.aes.run(&mut tag, [counter, lengths])
    }
}

struct DeriveHashKey;

impl Kernel for DeriveHashKey {
    type Output = HashKey;

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        _: [u128; 2],
    ) -> HashKey {
        let [h] = keys.encrypt(cpu, [V::zero(cpu)]);
        HashKey::new::<V>(cpu, &h.first())
    }
}

/// Blocks that are hashed together, and how many of them there are at the end.
struct Plan {
    tail: usize,
    first: usize,
}

impl Plan {
    /// For so many turns of `turn` blocks, and `rest` bytes behind them.
    #[inline(always)]
    fn new(turns: usize, turn: usize, rest: usize) -> Self {
        // With the lengths.
        let tail = rest.div_ceil(16) + 1;
        let first = if turns == 0 { tail } else { turn };
        Self { tail, first }
    }
}

/// The numbers are the counter block of the tag, and the last block of GHASH.
struct Seal<'a> {
    hash_key: &'a HashKey,
    head: [&'a [u8]; 2],
    data: &'a mut [u8],
}

impl Kernel for Seal<'_> {
    type Output = Block;

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        [counter, lengths]: [u128; 2],
    ) -> Block {
        let len = self.data.len();
        let (vectors, rest) = V::split_mut(&mut *self.data);
        let (turns, vectors) = vectors.as_chunks_mut::<N>();
        let turn = N * V::BLOCKS;
        let plan = Plan::new(turns.len(), turn, len - turns.len() * turn * 16);

        let mut counters = Counters::<V>::new(cpu, Lane::of(counter ^ 3));
        let mut hash = Ghash::<V>::new(cpu, self.hash_key);
        hash.head(self.head, plan.first);
        // A turn is hashed while the next one is enciphered.
        let mut before = None;
        for turn in turns {
            let counters = counters.next::<N>();
            let mut blocks = match before {
                None => keys.encrypt(cpu, counters),
                Some(before) => {
                    let mut hashing = hash.turn::<N>(before);
                    let blocks = keys.encrypt_beside(cpu, counters, &mut hashing);
                    hashing.reduce();
                    blocks
                }
            };
            for (block, bytes) in blocks.iter_mut().zip(turn) {
                *block = block.xor(V::load(cpu, bytes));
                block.store(bytes);
            }
            before = Some(blocks);
        }
        if let Some(before) = before {
            hash.turn(before).absorb();
        }
        let mut hash = hash.tail(plan.tail);
        for bytes in vectors {
            let [block] = keys.encrypt(cpu, counters.next());
            let block = block.xor(V::load(cpu, bytes));
            block.store(bytes);
            hash.vector(block);
        }
        // The counter block of the tag takes the last lane where the rest of the data leaves it free.
        let of_tag = Lane::of(counter.swap_bytes());
        let [of_rest] = counters.next();
        let [key, mask] = match rest.len().div_ceil(16) < V::BLOCKS {
            true => {
                let [key] = keys.encrypt(cpu, [of_rest.with_lane(V::BLOCKS - 1, of_tag)]);
                [key, key.last_first()]
            }
            false => keys.encrypt(cpu, [of_rest, V::from_lane(cpu, of_tag)]),
        };
        let part = match rest.is_empty() {
            true => V::zero(cpu),
            false => key.xor(V::load_part(cpu, rest)).store_part(rest),
        };
        let hash = hash.finish(part, rest.len(), Lane::of(lengths));
        hash.xor(mask).first()
    }
}

/// The numbers are those of [`Seal`].
struct Tag<'a> {
    hash_key: &'a HashKey,
    head: [&'a [u8]; 2],
    data: &'a [u8],
}

impl Kernel for Tag<'_> {
    type Output = Block;

    #[inline(always)]
    fn run<V: Vector, const N: usize, const MIDDLE: usize>(
        &mut self,
        cpu: V::Cpu,
        keys: &RoundKeys<MIDDLE>,
        [counter, lengths]: [u128; 2],
    ) -> Block {
        let len = self.data.len();
        let (vectors, rest) = V::split(self.data);
        let (turns, vectors) = vectors.as_chunks::<N>();
        let turn = N * V::BLOCKS;
        let plan = Plan::new(turns.len(), turn, len - turns.len() * turn * 16);

        let [mask] = keys.encrypt(cpu, [V::from_lane(cpu, Lane::of(counter)).reverse()]);
        let mut hash = Ghash::<V>::new(cpu, self.hash_key);
        hash.head(self.head, plan.first);
        for turn in turns {
            let mut blocks = [V::zero(cpu); N];
            for (block, bytes) in blocks.iter_mut().zip(turn) {
                *block = V::load(cpu, bytes);
            }
            hash.turn(blocks).absorb();
        }
        let mut hash = hash.tail(plan.tail);
        for bytes in vectors {
            hash.vector(V::load(cpu, bytes));
        }
        let part = match rest.is_empty() {
            true => V::zero(cpu),
            false => V::load_part(cpu, rest),
        };
        let hash = hash.finish(part, rest.len(), Lane::of(lengths));
        hash.xor(mask).first()
    }
}
