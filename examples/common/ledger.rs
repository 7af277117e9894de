//! What became of each stream of SRTP and SRTCP: counts, causes, and when.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;

use super::cause::Cause;
use super::diagnosis::Outcome;
use super::streams::FlowKey;
use super::table::{Column, render};

/// Streams with a row of their own; whatever comes beyond shares one.
const MOST_ROWS: usize = 50_000;
/// Streams with a timeline.
const MOST_TIMELINES: usize = 500;
/// Causes that one stream tells of.
const MOST_CAUSES: usize = 32;
/// Intervals of a timeline.
pub(crate) const INTERVALS: usize = 240;
/// Refusals in a row, nothing known explaining them, that are a wrong key and no accident.
const ENOUGH_FOR_WRONG_KEY: u64 = 16;
/// All of a stream, even if there is not more of it.
const ALL_OF_A_STREAM: u64 = 3;
/// A jump of more is a new beginning (MAX_DROPOUT of RFC 3550 §A.1).
const MOST_LOST: i64 = 3000;

/// One stream: an SSRC in a flow, SRTP or SRTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamKey {
    pub(crate) flow: FlowKey,
    /// The flow of RTP that it is or belongs to.
    pub(crate) sender: FlowKey,
    pub(crate) ssrc: u32,
    pub(crate) is_rtcp: bool,
}

/// How a packet is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Opened,
    /// It opened in another way than agreed.
    Otherwise,
    InClear,
    Repeated,
    Failed,
}

pub(crate) const MARKS: [Mark; 5] = [
    Mark::Opened,
    Mark::Otherwise,
    Mark::InClear,
    Mark::Repeated,
    Mark::Failed,
];

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
    unexplained: Vec<Tally>,
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

/// All streams.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) rows: Vec<Row>,
    pub(crate) row_of: HashMap<Option<StreamKey>, usize>,
    /// Nanoseconds of the first and the last packet of the capture.
    pub(crate) span: Option<(u64, u64)>,
    pub(crate) packets: u64,
    pub(crate) opened: u64,
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

impl Ledger {
    pub(crate) fn row(&mut self, key: StreamKey) -> usize {
        let is_known = self.row_of.contains_key(&Some(key));
        let key = Some(key).filter(|_| is_known || self.rows.len() < MOST_ROWS);
        let (rows, span) = (&mut self.rows, self.span);
        *self.row_of.entry(key).or_insert_with(|| {
            let has_timeline = span.is_some() && rows.len() < MOST_TIMELINES;
            rows.push(Row::new(key, has_timeline));
            rows.len() - 1
        })
    }

    pub(crate) fn enter(&mut self, row: usize, entry: &Entry<'_>) {
        self.opened += u64::from(entry.is_opened);
        let interval = self.interval(entry.time);
        let row = &mut self.rows[row];
        row.enter(entry);
        let mark = match entry.outcome {
            Outcome::AsAgreed => Mark::Opened,
            Outcome::Repeated => Mark::Repeated,
            Outcome::Explained(Cause::NotEncrypted | Cause::RtcpInClear) => Mark::InClear,
            Outcome::Explained(_) if entry.is_opened => Mark::Otherwise,
            _ => Mark::Failed,
        };
        if let (Some(timeline), Some(interval)) = (&mut row.timeline, interval) {
            timeline[interval][mark as usize] += 1;
        }
    }

    fn interval(&self, time: Option<u64>) -> Option<usize> {
        let (first, last) = self.span?;
        let since = time?.checked_sub(first)?;
        let length = u128::from((last - first).max(1));
        let at = u128::from(since) * INTERVALS as u128 / length;
        Some((at as usize).min(INTERVALS - 1))
    }

    /// Names the causes that only the whole stream tells.
    pub(crate) fn conclude(&mut self) {
        for row in &mut self.rows {
            row.end_run();
        }
        for index in 0..self.rows.len() {
            let clear = self.is_in_clear(index);
            let opens = self.beside(index).any(|it| it.has_opened());
            let beside_is_wrong = self.beside(index).any(|it| it.is_refused_throughout());
            let rtp_in_clear = self.rows[index].is_rtcp()
                && self
                    .beside(index)
                    .any(|it| it.causes.contains_key(&Cause::NotEncrypted) && it.opened == 0);
            let row = &mut self.rows[index];
            let wrong = |run: &Tally| run.packets >= ENOUGH_FOR_WRONG_KEY;
            let whole = !opens && (row.is_refused_throughout() || beside_is_wrong);
            for run in std::mem::take(&mut row.unexplained) {
                let cause = match () {
                    () if clear => Cause::NotEncrypted,
                    () if whole || wrong(&run) => Cause::WrongKey { fits: None },
                    () => Cause::Unknown,
                };
                row.add(cause, run);
            }
            if rtp_in_clear && let Some(tally) = row.causes.remove(&Cause::RtcpInClear) {
                row.add(Cause::NotEncrypted, tally);
            }
        }
    }

    /// This stream and the other plane of its sender.
    fn beside(&self, index: usize) -> impl Iterator<Item = &Row> {
        let own = self.rows[index].key.map(|it| (it.sender, it.ssrc));
        self.rows.iter().enumerate().filter_map(move |(at, row)| {
            let same = row.key.map(|it| (it.sender, it.ssrc)) == own;
            (at == index || same).then_some(row)
        })
    }

    /// Media of which nothing opens, whose RTCP all goes in the clear: codecs that compress well do not show otherwise.
    fn is_in_clear(&self, index: usize) -> bool {
        let (mut rtcp, mut others) = (false, false);
        for row in self.beside(index) {
            if row.is_rtcp() {
                rtcp |= row.causes.contains_key(&Cause::RtcpInClear);
                others |= !row.unexplained.is_empty() || row.has_opened();
            } else {
                let has_tag = matches!(row.payload_type, Some(0 | 8 | 9));
                others |=
                    row.has_opened() || (has_tag && !row.causes.contains_key(&Cause::NotEncrypted));
            }
        }
        rtcp && !others
    }
}

impl Row {
    fn new(key: Option<StreamKey>, has_timeline: bool) -> Self {
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

    fn enter(&mut self, entry: &Entry<'_>) {
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

    fn end_run(&mut self) {
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

    fn add(&mut self, cause: Cause, tally: Tally) {
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

    fn has_opened(&self) -> bool {
        self.opened > 0
    }

    fn is_refused_throughout(&self) -> bool {
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

impl Ledger {
    /// RTP and its RTCP next to each other, in the order of their senders.
    pub(crate) fn sorted(&self) -> Vec<&Row> {
        let mut first: HashMap<FlowKey, usize> = HashMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(key) = row.key {
                first.entry(key.sender).or_insert(at);
            }
        }
        let mut sorted: Vec<(usize, &Row)> = self.rows.iter().enumerate().collect();
        sorted.sort_by_key(|(at, row)| {
            row.key.map_or((usize::MAX, false, *at), |it| {
                (first[&it.sender], it.is_rtcp, *at)
            })
        });
        sorted.into_iter().map(|it| it.1).collect()
    }

    /// The table of streams, and why what failed did so.
    pub(crate) fn told(&self) -> String {
        let sorted = self.sorted();
        let rows: Vec<Vec<String>> = sorted.iter().map(|it| it.cells()).collect();
        let mut text = render(&COLUMNS, &rows);
        for row in sorted {
            let [from, to, ssrc, plane] = row.name();
            for (cause, tally) in &row.causes {
                let packets = in_packets(tally);
                let _ = writeln!(
                    text,
                    "{} of {from} -> {to} {ssrc} {plane} ({packets}): {cause}",
                    tally.packets
                );
            }
        }
        text
    }
}

/// Where in the capture.
pub(crate) fn in_packets(tally: &Tally) -> String {
    match tally.first == tally.last {
        true => format!("packet {}", tally.first),
        false => format!("packets {} to {}", tally.first, tally.last),
    }
}

/// An address as a part of a file's name.
pub(crate) fn as_file_name(address: SocketAddr) -> String {
    let text = address.to_string();
    text.replace([':', '%'], "-").replace(['[', ']'], "")
}
