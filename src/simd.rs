//! AES, AES-GCM and HMAC-SHA1 on the vector units of x86-64, and the only folder with unsafe code.
//!
//! ```text
//!   cpu         what the CPU has: a Level, whose tokens are the proof and come from nowhere else
//!   vector      what a vector of AES blocks can do, whatever its width
//!   width/      vectors of one, two and four blocks; the intrinsics
//!   aes         round keys and counter mode  ┐ written once, for every width,
//!   ghash       powers of H, sums, products  │ without unsafe code
//!   gcm         seal in one pass, tag        ┘
//!   sha1        HMAC-SHA1 from midstates, of one message or two side by side
//!   words       what a vector of words can do, one word of each of several messages
//!   words/      such vectors for eight and sixteen messages; the intrinsics
//!   sha1_lanes  HMAC-SHA1 of as many messages side by side, written once, without unsafe code
//! ```
//!
//! A [`Vector`](vector::Vector) cannot be had without a token, so its methods are safe to call; and a [`Kernel`](vector::Kernel) is
//! compiled for the features of each [`Level`]. The level is chosen when a key is set up. So it is with [`Words`](words::Words) and what is written for
//! them, but that a batch finds out what the CPU has.
//!
//! Closures are not inlined as reliably as what says `inline(always)`, and then their intrinsics are calls: there are none around intrinsics.
//!
//! No branch and no address depends on a secret: only on lengths, and on which level it is.

mod cpu;
mod vector;
mod width;

mod aes;
mod gcm;
mod ghash;
mod sha1;
mod sha1_lanes;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use aes::Aes;
pub(crate) use cpu::{Avx2, Avx512, Level, ShaNi};
pub(crate) use gcm::Gcm;
pub(crate) use sha1::{hash as sha1_hash, hmac as hmac_sha1};
pub(crate) use sha1_lanes::SideBySide;

use crate::primitives::BLOCK;

/// An AES block.
type Block = [u8; BLOCK];

/// What a test has to run on: every level of this CPU, and RustCrypto.
#[cfg(test)]
pub(crate) fn every_level() -> alloc::vec::Vec<Option<Level>> {
    let levels = Level::NAMES.into_iter().zip(Level::all());
    let levels = levels.filter_map(|(name, level)| {
        if level.is_none() {
            std::println!("NOT RUN: this CPU has no {name}");
        }
        level.map(Some)
    });
    levels.chain([None]).collect()
}
