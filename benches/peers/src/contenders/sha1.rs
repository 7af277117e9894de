//! The compressions of SHA-1 that HMAC over a packet takes, and nothing else: who authenticates one packet at a time by
//! the `sha1` crate gets no lower.

use std::hint::black_box;
use std::time::Duration;

use sha1::block_api::compress;
use srtp_sdes::CryptoSuite;

use super::{Contender, Context, Extent, Output, Party, one_by_one};
use crate::packets::{Direction, HEADER};

pub struct Compressions;

impl Contender for Compressions {
    fn name(&self) -> &str {
        "SHA-1 alone"
    }

    fn extent(&self) -> Extent {
        Extent::Floor
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        let tag = match direction {
            Direction::Protect => 0,
            Direction::Unprotect => suite.rtp_tag_len(),
        };
        let floor = || one_by_one(keys, |_| Floor { tag });
        (!suite.is_aead()).then(floor).flatten()
    }

    fn time_making(&self, _: CryptoSuite, _: &[u8], _: usize) -> Option<Duration> {
        None
    }
}

struct Floor {
    /// Bytes at the end of a packet that are not hashed.
    tag: usize,
}

impl Context for Floor {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        debug_assert!(len >= HEADER);
        // ROC, the bit that ends a message, and its length.
        let hashed = len - self.tag + 4 + 9;
        let (blocks, _) = buf[..hashed.next_multiple_of(64)].as_chunks::<64>();
        // The states after the two key blocks are kept by whoever cares for speed.
        let mut inner = black_box([7; 5]);
        compress(&mut inner, blocks);
        let mut block = [0; 64];
        for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(inner) {
            *bytes = word.to_be_bytes();
        }
        let mut outer = black_box([8; 5]);
        compress(&mut outer, &[block]);
        black_box(outer);
        Some(Output::InPlace(len))
    }
}
