//! Opens a packet by the rules that were agreed; where these refuse it, finds out which others it was made by.
//!
//! No cause is guessed that can be tried: an alternative counts if the packet authenticates under it. Where nothing is authenticated, the
//! pattern of the bytes tells enciphered media from media that is not.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use srtp_sdes::{CryptoSuite, UnprotectError};

use super::cause::{Cause, Parameter};
use super::chance::Pattern;
use super::key_ring::{Key, KeyRing, Question};
use super::media::Look;
use super::opener::Variant;
use super::streams::FlowKey;

/// Packets that are remembered, to know them if they come again: three quarters of an hour of a call.
const REMEMBERED: usize = 1 << 18;
/// Packets in a row that nothing explains, of which each is examined; then one in so many is.
const EXAMINED: u64 = 32;
const EXAMINED_LATER: u64 = 64;
/// Keys of others that are tried.
const MOST_OTHERS: usize = 256;
/// Refusals in a row after which the rollover counter is searched for.
const SEARCHES: [u64; 2] = [3, 48];
/// Packets in the clear after which one that tells nothing is taken for such too.
const CERTAIN: u64 = 3;
/// Packets of a stream that are looked at twice though they open.
const LOOKED_AT_TWICE: u64 = 64;

/// What came of a packet.
pub(crate) struct Finding {
    /// The plain packet, if it opens in one way or another.
    pub(crate) opened: Option<Vec<u8>>,
    pub(crate) outcome: Outcome,
}

/// How a packet fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    AsAgreed,
    /// The same bytes again.
    Repeated,
    /// A receiver refuses it, or takes it for what it is not, for this cause.
    Explained(Cause),
    Unexplained,
}

/// What is known about one stream in one plane.
#[derive(Default)]
pub(crate) struct Patient {
    /// The key that opened the last packet.
    pub(crate) key: Option<usize>,
    /// What opened the last packet that was not as agreed.
    adopted: Option<(usize, Variant, Cause)>,
    /// A receiver has been put right, and would refuse without: up to this index, or for good.
    mended: Option<(Cause, Option<u64>)>,
    highest: Option<u64>,
    in_clear: u64,
    twice: u64,
    /// Refusals in a row that nothing explains.
    pub(crate) run: u64,
}

/// A packet to be opened.
#[derive(Clone, Copy)]
pub(crate) struct Specimen<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) look: Look,
    pub(crate) question: Question<'a>,
    /// Of the endpoint that sends it.
    pub(crate) sender: FlowKey,
    pub(crate) is_repeated: bool,
}

/// Opens packets.
pub(crate) fn open(
    ring: &mut KeyRing,
    patient: &mut Patient,
    candidates: &[usize],
    it: &Specimen<'_>,
) -> Finding {
    let finding = match it.question.is_rtcp {
        false => super::diagnosis_rtp::open(ring, patient, candidates, it),
        true => super::diagnosis_rtcp::open(ring, patient, candidates, it),
    };
    if finding.outcome != Outcome::Repeated {
        patient.run = match finding.outcome {
            Outcome::Unexplained => patient.run + 1,
            _ => 0,
        };
    }
    finding
}

impl Finding {
    pub(crate) fn new(opened: Option<Vec<u8>>, outcome: Outcome) -> Self {
        Self { opened, outcome }
    }

    pub(crate) fn explained(opened: Option<Vec<u8>>, cause: Cause) -> Self {
        Self::new(opened, Outcome::Explained(cause))
    }
}

impl Patient {
    /// Whether a packet that nothing has explained so far is worth all trials.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.run < EXAMINED || self.run.is_multiple_of(EXAMINED_LATER)
    }

    pub(crate) fn is_search_due(&self) -> bool {
        SEARCHES.contains(&(self.run + 1))
    }

    pub(crate) fn order(&self, candidates: &[usize]) -> Vec<usize> {
        let first = self.key.into_iter();
        let others = candidates
            .iter()
            .copied()
            .filter(|it| Some(*it) != self.key);
        first.chain(others).collect()
    }

    pub(crate) fn adopt(&mut self, key: usize, variant: Variant, cause: &Cause) {
        self.adopted = Some((key, variant, cause.clone()));
    }

    pub(crate) fn adopted(&self) -> Option<(usize, Variant, Cause)> {
        self.adopted.clone()
    }

    /// The receiver of this stream was put right.
    pub(crate) fn mend(&mut self, cause: Cause, until: Option<u64>) {
        self.mended = Some((cause, until));
    }

    /// A packet opened under this key, at this index: what that means for a stream whose receiver was put right.
    pub(crate) fn opened_at(&mut self, key: usize, index: u64) -> Outcome {
        if self.key != Some(key) {
            self.mended = self.mended.take().filter(|it| it.1.is_none());
        }
        self.key = Some(key);
        self.in_clear = 0;
        let until = self.mended.as_ref().and_then(|it| it.1);
        if until.is_some_and(|until| index > until) {
            self.mended = None;
        }
        self.highest = Some(self.highest.map_or(index, |it| it.max(index)));
        match &self.mended {
            Some((cause, _)) => Outcome::Explained(cause.clone()),
            None => Outcome::AsAgreed,
        }
    }

    /// The highest index opened before the receiver was put right.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    pub(crate) fn forget_highest(&mut self) {
        self.highest = None;
    }

    /// Whether a packet that opens deserves a second look.
    pub(crate) fn deserves_second_look(&mut self) -> bool {
        self.twice += 1;
        self.adopted.is_some() || self.twice <= LOOKED_AT_TWICE
    }

    /// The plain packet goes by; whether that is certain by itself, or by those before it.
    pub(crate) fn goes_in_clear(&mut self, pattern: Pattern) -> bool {
        self.in_clear += u64::from(pattern == Pattern::Structured);
        pattern == Pattern::Structured || self.in_clear >= CERTAIN
    }
}

/// Which refusals speak of the order of packets, and not of their bytes.
pub(crate) fn is_of_order(error: &UnprotectError) -> bool {
    matches!(
        error,
        UnprotectError::Replayed { .. } | UnprotectError::TooOld { .. }
    )
}

/// Suites that take a key of the same length.
pub(crate) fn related(key: &Key) -> impl Iterator<Item = CryptoSuite> + use<> {
    let own = key.suite;
    let same =
        move |it: &CryptoSuite| *it != own && it.key_and_salt_len() == own.key_and_salt_len();
    CryptoSuite::ALL.into_iter().filter(same)
}

/// Keys that are meant for others.
pub(crate) fn others(ring: &mut KeyRing, candidates: &[usize], is_rtcp: bool) -> Vec<usize> {
    if !ring.may_try_others() {
        return Vec::new();
    }
    let is_other = |it: &usize| !candidates.contains(it) && ring.keys[*it].authenticates(is_rtcp);
    let latest_first = (0..ring.keys.len()).rev();
    latest_first.filter(is_other).take(MOST_OTHERS).collect()
}

pub(crate) fn one_sided(parameter: Parameter, declared: bool) -> Cause {
    Cause::OneSided {
        parameter,
        declared,
    }
}

/// The packets seen last.
pub(crate) struct Seen {
    hasher: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Whether these bytes went this way before.
    pub(crate) fn again(&mut self, flow: FlowKey, bytes: &[u8]) -> bool {
        let hash = self.hasher.hash_one((flow, bytes));
        if !self.known.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}
