//! What became of each stream of SRTP and SRTCP: counts, causes, and when.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use super::cause::Cause;
use super::diagnosis::Outcome;
use super::ledger_row::{COLUMNS, Entry, Row, Whole, in_packets};
use super::streams::FlowKey;
use super::table::render;

/// Streams with a row of their own; whatever comes beyond shares one.
const MOST_ROWS: usize = 50_000;
/// Streams with a timeline.
const MOST_TIMELINES: usize = 500;
/// Intervals of a timeline.
pub(crate) const INTERVALS: usize = 240;

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
        let mut planes: HashMap<(FlowKey, u32), Vec<usize>> = HashMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(key) = row.key {
                planes.entry((key.sender, key.ssrc)).or_default().push(at);
            }
        }
        let whole: Vec<Whole> = (0..self.rows.len())
            .map(|index| {
                let key = self.rows[index].key.map(|it| (it.sender, it.ssrc));
                let beside = key.and_then(|it| planes.get(&it)).map(Vec::as_slice);
                self.whole(beside.unwrap_or(&[index]))
            })
            .collect();
        for (row, whole) in self.rows.iter_mut().zip(whole) {
            row.conclude(&whole);
        }
    }

    /// What a stream and the other plane of its sender are together.
    fn whole(&self, planes: &[usize]) -> Whole {
        let any = |is: &dyn Fn(&Row) -> bool| planes.iter().any(|it| is(&self.rows[*it]));
        let plain = |it: &Row| it.causes.contains_key(&Cause::NotEncrypted) && !it.has_opened();
        let is_plain = self.are_in_clear(planes) || any(&plain);
        let opens = any(&Row::has_opened);
        Whole {
            is_plain,
            is_wrong: !opens && any(&Row::is_refused_throughout),
        }
    }

    /// Media of which nothing opens, whose RTCP all goes in the clear: codecs that compress well do not show otherwise.
    fn are_in_clear(&self, planes: &[usize]) -> bool {
        let (mut rtcp, mut others) = (false, false);
        for row in planes.iter().map(|it| &self.rows[*it]) {
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

/// An address as a part of a file's name.
pub(crate) fn as_file_name(address: SocketAddr) -> String {
    let text = address.to_string();
    text.replace([':', '%'], "-").replace(['[', ']'], "")
}
