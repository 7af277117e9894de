//! What is measured.

use std::fmt;

use fastrand::Rng;
use srtp_sdes::CryptoSuite;

use crate::packets::{Direction, Flow};

pub const SUITES: [CryptoSuite; 4] = [
    CryptoSuite::AesCm128HmacSha1_80,
    CryptoSuite::Aes256CmHmacSha1_80,
    CryptoSuite::AeadAes128Gcm,
    CryptoSuite::AeadAes256Gcm,
];
pub const PAYLOADS: [usize; 3] = [20, 160, 1200];
pub const DIRECTIONS: [Direction; 2] = [Direction::Protect, Direction::Unprotect];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One stream, whose context and packets are in the innermost cache.
    Warm,
    /// Each packet is another context's, of so many that neither contexts nor packets are in the inner caches.
    Cold,
    /// What [`Ssrcs`](Self::Ssrcs) has to be compared with: as many packets in as much memory, of one SSRC.
    OneSsrc,
    /// Each packet is another SSRC's of one context, in random order.
    Ssrcs,
    /// Packets of so many contexts, everything in the innermost cache: in one call where there is such a call, one after the other where not.
    Batch,
}

pub const CONTEXTS: usize = 4096;
pub const SSRCS: usize = 1000;
pub const BATCH: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Case {
    pub suite: CryptoSuite,
    pub direction: Direction,
    pub payload: usize,
    pub mode: Mode,
}

impl Case {
    /// Every case, in the order of the table.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for suite in SUITES {
            for mode in [Mode::Warm, Mode::Cold] {
                for direction in DIRECTIONS {
                    all.extend(PAYLOADS.map(|payload| Self {
                        suite,
                        direction,
                        payload,
                        mode,
                    }));
                }
            }
        }
        for suite in [SUITES[0], SUITES[2]] {
            for direction in DIRECTIONS {
                all.extend([160, 1200].map(|payload| Self {
                    suite,
                    direction,
                    payload,
                    mode: Mode::Batch,
                }));
            }
        }
        for suite in [SUITES[0], SUITES[2]] {
            for direction in DIRECTIONS {
                all.extend([Mode::OneSsrc, Mode::Ssrcs].map(|mode| Self {
                    suite,
                    direction,
                    payload: 160,
                    mode,
                }));
            }
        }
        all
    }

    pub fn flow(&self) -> Flow {
        match self.mode {
            Mode::Warm | Mode::OneSsrc => Flow::OneStream,
            Mode::Cold => Flow::Contexts(CONTEXTS),
            Mode::Batch => Flow::Contexts(BATCH),
            Mode::Ssrcs => Flow::Ssrcs,
        }
    }

    /// Packets that are timed together. Warm ones share 16 KiB, half of a small first-level cache.
    pub fn piece(&self) -> usize {
        match self.mode {
            Mode::Batch => BATCH,
            _ => (16 * 1024 / (self.payload + 64)).min(64),
        }
    }

    /// Are all packets in one place, one piece after the other?
    pub fn is_warm(&self) -> bool {
        matches!(self.mode, Mode::Warm | Mode::Batch)
    }

    /// Packets of a contender's turn.
    pub fn turn(&self, warm_pieces: usize) -> usize {
        match self.mode {
            Mode::Warm | Mode::Batch => warm_pieces * self.piece(),
            Mode::Cold => CONTEXTS,
            Mode::OneSsrc | Mode::Ssrcs => SSRCS,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Protect => "protect",
            Direction::Unprotect => "unprotect",
        };
        let mode = match self.mode {
            Mode::Warm => "warm",
            Mode::Cold => "cold",
            Mode::OneSsrc => "1 SSRC",
            Mode::Ssrcs => "1000 SSRCs",
            Mode::Batch => "16 at once",
        };
        let (suite, payload) = (self.suite.name(), self.payload);
        write!(f, "{suite:24} {direction:9} {payload:>4} B  {mode:10}")
    }
}

/// Keys that are the same in every run.
pub fn keys(suite: CryptoSuite, number: usize) -> Vec<Vec<u8>> {
    let mut random = Rng::with_seed(2);
    let mut key = || {
        let mut key = vec![0; suite.key_and_salt_len()];
        random.fill(&mut key);
        key
    };
    (0..number).map(|_| key()).collect()
}
