//! Puts the segments of TCP connections in order again, in bounded memory.

use std::collections::{BTreeMap, HashMap};

use super::datagram::Segment;
use super::streams::FlowKey;

/// Directions of connections that are followed at once.
const MOST_FLOWS: usize = 4096;
/// What waits in one direction for bytes before it, and bytes that may wait for their reader in all.
const MOST_AHEAD: usize = 128 << 10;
/// More than these are not out of order: what is before them is missing from the capture.
const MOST_SEGMENTS_AHEAD: usize = 16;
const MOST_BYTES: usize = 32 << 20;

/// The connections of a capture.
#[derive(Default)]
pub(crate) struct Connections {
    flows: HashMap<FlowKey, Direction>,
    bytes: usize,
}

/// One direction of a connection.
#[derive(Default)]
struct Direction {
    /// The sequence number that comes next.
    next: Option<u32>,
    /// In order, and not taken yet.
    ready: Vec<u8>,
    /// What came before its turn, by sequence number.
    ahead: BTreeMap<u32, Vec<u8>>,
    ahead_bytes: usize,
    has_gap: bool,
}

/// What a segment has completed.
pub(crate) struct Ready<'a> {
    /// All bytes in order that were not taken so far. What stays in here comes again, with what follows.
    pub(crate) bytes: &'a mut Vec<u8>,
    /// Bytes before these never came: what was not taken by then is lost.
    pub(crate) has_gap: bool,
}

impl Connections {
    /// Takes a segment; gives what is in order now, if that is more than before, to `read`.
    pub(crate) fn take(&mut self, segment: &Segment, payload: &[u8], read: impl FnOnce(Ready<'_>)) {
        if self.flows.len() >= MOST_FLOWS || self.bytes > MOST_BYTES {
            // Whoever floods the tables with connections loses all messages that are not whole yet.
            self.flows.clear();
            self.bytes = 0;
        }
        let direction = self.flows.entry(segment.flow).or_default();
        let before = direction.held();
        if segment.resets {
            *direction = Direction {
                next: Some(segment.sequence),
                ..Direction::default()
            };
        }
        if direction.add(segment.sequence, payload) {
            let has_gap = std::mem::take(&mut direction.has_gap);
            let bytes = &mut direction.ready;
            read(Ready { bytes, has_gap });
        }
        self.bytes = (self.bytes + direction.held()).saturating_sub(before);
    }

    /// What nobody took, direction by direction.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &[u8]> {
        self.flows.values().map(|it| it.ready.as_slice())
    }
}

impl Direction {
    fn held(&self) -> usize {
        self.ready.len() + self.ahead_bytes
    }

    /// Puts bytes where they belong. Whether more is ready than before.
    fn add(&mut self, sequence: u32, payload: &[u8]) -> bool {
        if payload.is_empty() {
            return false;
        }
        let next = *self.next.get_or_insert(sequence);
        // Sequence numbers go round: what is less than half the circle ahead is ahead (RFC 9293 §3.4).
        let distance = sequence.wrapping_sub(next) as i32;
        if distance > 0 {
            if let Some(known) = self.ahead.get(&sequence)
                && known.len() >= payload.len()
            {
                return false;
            }
            let replaced = self.ahead.insert(sequence, payload.to_vec());
            self.ahead_bytes += payload.len();
            self.ahead_bytes -= replaced.map_or(0, |it| it.len());
            if self.ahead_bytes <= MOST_AHEAD && self.ahead.len() <= MOST_SEGMENTS_AHEAD {
                return false;
            }
            self.skip_gap(next);
        } else {
            // What came before comes again, with more behind it perhaps.
            self.append(payload.get(distance.unsigned_abs() as usize..));
        }
        self.catch_up();
        true
    }

    fn append(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        self.ready.extend_from_slice(bytes);
        self.next = self.next.map(|it| it.wrapping_add(bytes.len() as u32));
    }

    /// Appends what has its turn now.
    fn catch_up(&mut self) {
        while let Some(next) = self.next {
            let turn = |it: &&u32| (it.wrapping_sub(next) as i32) <= 0;
            let Some(sequence) = self.ahead.keys().find(turn).copied() else {
                return;
            };
            let bytes = self.ahead.remove(&sequence).unwrap_or_default();
            self.ahead_bytes -= bytes.len();
            self.append(bytes.get(next.wrapping_sub(sequence) as usize..));
        }
    }

    /// The missing bytes will not come any more: goes on behind them.
    fn skip_gap(&mut self, next: u32) {
        let nearest = self.ahead.keys().min_by_key(|it| it.wrapping_sub(next));
        self.next = nearest.copied();
        self.ready.clear();
        self.has_gap = true;
    }
}
