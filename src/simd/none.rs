//! In place of the vector kernels where there are none: types without a value, so that nothing of them is left. The compiler sees
//! that inside of this file alone, which spares its callers warnings.

use crate::primitives::{BLOCK, Beside, Keyed, SHA1_LEN};

type Block = [u8; BLOCK];

#[derive(Clone, Copy)]
pub(crate) enum Level {}

impl Level {
    pub(crate) fn best() -> Option<Self> {
        None
    }

    pub(crate) fn withhold(_: usize) {}

    pub(crate) fn name(self) -> &'static str {
        match self {}
    }

    pub(crate) fn beside_sha1(self) -> Self {
        match self {}
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ShaNi {}

impl ShaNi {
    pub(crate) fn get() -> Option<Self> {
        None
    }
}

pub(crate) fn sha1_hash(cpu: ShaNi, _: &[u32; 5], _: &[[u8; 64]]) -> [u8; SHA1_LEN] {
    match cpu {}
}

pub(crate) fn hmac_sha1<const N: usize>(cpu: ShaNi, _: [Keyed<'_>; N]) -> [[u8; SHA1_LEN]; N] {
    match cpu {}
}

#[derive(Clone, Copy)]
pub(crate) enum Avx2 {}

impl Avx2 {
    pub(crate) fn get() -> Option<Self> {
        None
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Avx512 {}

impl Avx512 {
    pub(crate) fn get() -> Option<Self> {
        None
    }
}

pub(crate) trait SideBySide<const LANES: usize>: Copy {
    fn hmac(self, _: &[Keyed<'_>; LANES], _: usize) -> [[u8; SHA1_LEN]; LANES];
}

impl<const LANES: usize> SideBySide<LANES> for Avx512 {
    fn hmac(self, _: &[Keyed<'_>; LANES], _: usize) -> [[u8; SHA1_LEN]; LANES] {
        match self {}
    }
}

impl<const LANES: usize> SideBySide<LANES> for Avx2 {
    fn hmac(self, _: &[Keyed<'_>; LANES], _: usize) -> [[u8; SHA1_LEN]; LANES] {
        match self {}
    }
}

pub(crate) struct Aes(Level);

impl Aes {
    pub(crate) fn new(level: Level, _: &[u8]) -> Self {
        match level {}
    }

    pub(crate) fn encrypt_block(&self, _: &Block) -> Block {
        match self.0 {}
    }

    pub(crate) fn xor_keystream(&self, _: u128, _: &mut [u8]) {
        match self.0 {}
    }

    pub(crate) fn xor_keystream_behind(&self, _: u128, _: &mut [u8], _: usize) {
        match self.0 {}
    }
}

pub(crate) struct Gcm(Aes);

impl Gcm {
    pub(crate) fn new(aes: Aes) -> Self {
        match aes.0 {}
    }

    pub(crate) fn aes(&self) -> &Aes {
        match self.0.0 {}
    }

    pub(crate) fn seal(&self, _: Beside<'_>, _: &mut [u8]) -> Block {
        match self.0.0 {}
    }

    pub(crate) fn tag(&self, _: Beside<'_>, _: &[u8]) -> Block {
        match self.0.0 {}
    }
}

/// What a test has to run on.
#[cfg(test)]
pub(crate) fn every_level() -> [Option<Level>; 1] {
    [None]
}
