//! One stream's row of the ledger.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::diagnosis::Outcome;
use super::ledger::{INTERVALS, MARKS, StreamKey};
use super::table::Column;

/// Causes that one stream tells of.
const MOST_CAUSES: usize = 32;
/// Refusals in a row, nothing known explaining them, that are a wrong key and no accident.
const ENOUGH_FOR_WRONG_KEY: u64 = 16;
/// All of a stream, even if there is not more of it.
const ALL_OF_A_STREAM: u64 = 3;
/// A jump of more is a new beginning (MAX_DROPOUT of RFC 3550 §A.1).
const MOST_LOST: i64 = 3000;

/// How often a cause was found, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    /// Numbers of packets in the capture, from 1.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        if self.packets == 0 {
            self.first = other.first;
        }
        self.packets += other.packets;
        self.last = self.last.max(other.last);
        self.first = self.first.min(other.first);
    }
}

/// What a stream and the other plane of its sender are together.
#[derive(Clone, Copy)]
pub(crate) struct Whole {
    /// Nothing of it is protected.
    pub(crate) is_plain: bool,
    /// Nothing of it opens.
    pub(crate) is_wrong: bool,
}

/// What the ledger has to know of a packet.
pub(crate) struct Entry<'a> {
    pub(crate) number: u64,
    pub(crate) time: Option<u64>,
    pub(crate) seq: Option<u16>,
    pub(crate) payload_type: Option<u8>,
    pub(crate) outcome: &'a Outcome,
    pub(crate) is_opened: bool,
}

/// One stream.
pub(crate) struct Row {
    /// `None` for what has no row of its own.
    pub(crate) key: Option<StreamKey>,
    pub(crate) suite: Option<&'static str>,
    pub(crate) whose: Option<String>,
    pub(crate) packets: u64,
    /// In the output in the clear: opened as agreed or in another way.
    pub(crate) opened: u64,
    pub(crate) replayed: u64,
    /// What a receiver refuses by the rules that were agreed, or takes for what it is not.
    pub(crate) failed: u64,
    pub(crate) causes: BTreeMap<Cause, Tally>,
    pub(crate) roc: Option<u32>,
    pub(crate) timeline: Option<Box<[[u32; MARKS.len()]; INTERVALS]>>,
    pub(crate) payload_type: Option<u8>,
    /// Refusals in a row that nothing has explained so far.
    run: Tally,
    /// Runs of refusals that nothing has explained.
    pub(crate) unexplained: Vec<Tally>,
    sequence: Sequence,
}

/// Counts what is missing between the first packet and the last.
#[derive(Default)]
struct Sequence {
    last: Option<i64>,
    first: i64,
    received: i64,
    lost_before: i64,
}

impl Sequence {
    fn take(&mut self, seq: u16) {
        let Some(last) = self.last else {
            *self = Self {
                last: Some(seq.into()),
                first: seq.into(),
                received: 1,
                lost_before: self.lost_before,
            };
            return;
        };
        let step = i64::from(seq.wrapping_sub(last as u16) as i16);
        if step.abs() > MOST_LOST {
            self.lost_before = self.lost();
            self.last = None;
            return self.take(seq);
        }
        self.received += 1;
        self.first = self.first.min(last + step);
        self.last = Some(last.max(last + step));
    }

    fn lost(&self) -> i64 {
        let expected = self.last.map_or(0, |last| last - self.first + 1);
        self.lost_before + (expected - self.received).max(0)
    }
}

impl Row {
    pub(crate) fn new(key: Option<StreamKey>, has_timeline: bool) -> Self {
        let empty = || Box::new([[0; MARKS.len()]; INTERVALS]);
        Self {
            key,
            suite: None,
            whose: None,
            packets: 0,
            opened: 0,
            replayed: 0,
            failed: 0,
            causes: BTreeMap::new(),
            roc: None,
            timeline: has_timeline.then(empty),
            payload_type: None,
            run: Tally::default(),
            unexplained: Vec::new(),
            sequence: Sequence::default(),
        }
    }

    pub(crate) fn enter(&mut self, entry: &Entry<'_>) {
        self.packets += 1;
        self.opened += u64::from(entry.is_opened);
        self.payload_type = entry.payload_type.or(self.payload_type);
        if let (Some(seq), true) = (entry.seq, *entry.outcome != Outcome::Repeated) {
            self.sequence.take(seq);
        }
        let one = Tally {
            packets: 1,
            first: entry.number,
            last: entry.number,
        };
        match entry.outcome {
            Outcome::Repeated => self.replayed += 1,
            Outcome::AsAgreed => self.end_run(),
            Outcome::Unexplained => {
                self.failed += 1;
                self.run.add(one);
            }
            Outcome::Explained(cause) => {
                self.failed += 1;
                // What was found now explains those just before it, but for lone plain RTCP.
                let run = std::mem::take(&mut self.run);
                match cause {
                    Cause::RtcpInClear if run.packets > 0 => self.unexplained(run),
                    _ if run.packets > 0 => self.add(cause.clone(), run),
                    _ => {}
                }
                self.add(cause.clone(), one);
            }
        }
    }

    /// Names what nothing has explained, now that the stream is over.
    pub(crate) fn conclude(&mut self, whole: &Whole) {
        for run in std::mem::take(&mut self.unexplained) {
            let cause = match () {
                () if whole.is_plain => Cause::NotEncrypted,
                () if whole.is_wrong || run.packets >= ENOUGH_FOR_WRONG_KEY => {
                    Cause::WrongKey { fits: None }
                }
                () => Cause::Unknown,
            };
            self.add(cause, run);
        }
        if whole.is_plain
            && let Some(tally) = self.causes.remove(&Cause::RtcpInClear)
        {
            self.add(Cause::NotEncrypted, tally);
        }
    }

    pub(crate) fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.packets > 0 {
            self.unexplained(run);
        }
    }

    /// Short runs are as good as one.
    fn unexplained(&mut self, run: Tally) {
        let is_short = |packets| packets < ENOUGH_FOR_WRONG_KEY;
        let goes_with = |it: &Tally| match is_short(run.packets) {
            true => is_short(it.packets + run.packets),
            false => !is_short(it.packets),
        };
        match self.unexplained.iter().position(goes_with) {
            Some(at) => self.unexplained[at].add(run),
            None if self.unexplained.len() < MOST_CAUSES => self.unexplained.push(run),
            None => self.add(Cause::Unknown, run),
        }
    }

    pub(crate) fn add(&mut self, cause: Cause, tally: Tally) {
        let is_known = self.causes.contains_key(&cause);
        let cause = match is_known || self.causes.len() < MOST_CAUSES {
            true => cause,
            false => Cause::Unknown,
        };
        self.causes.entry(cause).or_default().add(tally);
    }

    pub(crate) fn is_rtcp(&self) -> bool {
        self.key.is_some_and(|it| it.is_rtcp)
    }

    pub(crate) fn has_opened(&self) -> bool {
        self.opened > 0
    }

    pub(crate) fn is_refused_throughout(&self) -> bool {
        let refused: u64 = self.unexplained.iter().map(|it| it.packets).sum();
        !self.has_opened() && refused >= ALL_OF_A_STREAM
    }

    pub(crate) fn lost(&self) -> Option<i64> {
        (!self.is_rtcp() && self.packets > 0).then(|| self.sequence.lost())
    }

    pub(crate) fn name(&self) -> [String; 4] {
        let Some(key) = self.key else {
            return ["others", "", "", ""].map(str::to_owned);
        };
        [
            key.flow.0.to_string(),
            key.flow.1.to_string(),
            format!("{:#010x}", key.ssrc),
            if key.is_rtcp { "RTCP" } else { "RTP" }.to_owned(),
        ]
    }

    /// The cells of the table, in the order of [`COLUMNS`].
    pub(crate) fn cells(&self) -> Vec<String> {
        let number = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
        let mut cells = self.name().to_vec();
        cells.extend([
            self.suite.unwrap_or("-").to_owned(),
            self.packets.to_string(),
            self.opened.to_string(),
            number(self.lost().map(|it| it.to_string())),
            self.replayed.to_string(),
            self.failed.to_string(),
            number(self.roc.map(|it| it.to_string())),
            self.whose.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
        cells
    }
}

pub(crate) const COLUMNS: [Column; 12] = [
    ("from", false),
    ("to", false),
    ("SSRC", false),
    ("", false),
    ("suite", false),
    ("packets", true),
    ("opened", true),
    ("lost", true),
    ("replayed", true),
    ("failed", true),
    ("ROC", true),
    ("key", false),
];

/// Where in the capture.
pub(crate) fn in_packets(tally: &Tally) -> String {
    match tally.first == tally.last {
        true => format!("packet {}", tally.first),
        false => format!("packets {} to {}", tally.first, tally.last),
    }
}
