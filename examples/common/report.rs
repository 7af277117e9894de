//! Counts what happened to each stream and to each other packet, and prints it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

use srtp_sdes::{CryptoSuite, ProtectError};

use super::datagram::Opaque;
use super::media::Look;
use super::plan::{Found, Left};
use super::streams::FlowKey;
use super::table::{Column, render};

/// Streams with a row of their own; whatever comes beyond shares one.
const MOST_ROWS: usize = 50_000;

/// Why a packet goes out as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Unchosen,
    AlreadySrtp,
    Stun,
    Dtls,
    Zrtp,
    TurnChannel,
    KeepAlive,
    Strange,
    Opaque(Opaque),
    Cut,
    BrokenHeader,
    NoKey,
    IndexUsed,
    IndexTooOld,
    IndexEnded,
    KeyEnded,
    TooManyStreams,
    TooLong,
    SnaplenTooShort,
}

impl From<Look> for Reason {
    fn from(look: Look) -> Self {
        match look {
            Look::Stun => Self::Stun,
            Look::Dtls => Self::Dtls,
            Look::Zrtp => Self::Zrtp,
            Look::TurnChannel => Self::TurnChannel,
            Look::KeepAlive => Self::KeepAlive,
            Look::Unknown | Look::Rtp(_) | Look::Rtcp(_) => Self::Strange,
            Look::BrokenRtp => Self::BrokenHeader,
        }
    }
}

impl From<ProtectError> for Reason {
    fn from(error: ProtectError) -> Self {
        match error {
            ProtectError::IndexReused { .. } => Self::IndexUsed,
            ProtectError::IndexTooOld { .. } => Self::IndexTooOld,
            ProtectError::IndexExhausted { .. } => Self::IndexEnded,
            ProtectError::KeyExpired => Self::KeyEnded,
            ProtectError::TooManyStreams { .. } => Self::TooManyStreams,
            _ => Self::BrokenHeader,
        }
    }
}

impl Reason {
    /// Whether it is media all the same, if it is in a flow of media.
    fn is_media(self) -> bool {
        !matches!(
            self,
            Self::Unchosen
                | Self::AlreadySrtp
                | Self::Stun
                | Self::Dtls
                | Self::Zrtp
                | Self::KeepAlive
                | Self::Strange
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Unchosen => "UDP that is no media to encrypt",
            Self::AlreadySrtp => "SRTP or SRTCP already",
            Self::Stun => "STUN between media",
            Self::Dtls => "DTLS between media",
            Self::Zrtp => "ZRTP between media",
            Self::TurnChannel => "TURN channel data between media",
            Self::KeepAlive => "too short for RTP, between media",
            Self::Strange => "neither RTP nor RTCP, between media",
            Self::Opaque(opaque) => return opaque.fmt(f),
            Self::Cut => "cut by the snaplen",
            Self::BrokenHeader => "RTP or RTCP with a broken header",
            Self::NoKey => "no key for its sender",
            Self::IndexUsed => "other bytes under a packet index that was used already",
            Self::IndexTooOld => "sequence number far behind, it may have been used already",
            Self::IndexEnded => "packet index at its end",
            Self::KeyEnded => "lifetime of the key at its end",
            Self::TooManyStreams => "too many streams under one key",
            Self::TooLong => "no room for the tag in an IP packet",
            Self::SnaplenTooShort => "no room for the tag in a simple packet block",
        };
        f.write_str(text)
    }
}

/// One stream: an SSRC in a flow, RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamKey {
    pub(crate) flow: FlowKey,
    /// Which of the plan's endpoints sends it.
    pub(crate) endpoint: usize,
    /// Unknown if a packet is too damaged to tell.
    pub(crate) ssrc: Option<u32>,
    pub(crate) is_rtcp: bool,
}

struct Row {
    key: Option<StreamKey>,
    found: Found,
    suite: Option<CryptoSuite>,
    packets: u64,
    bytes: u64,
    untouched: BTreeMap<Reason, u64>,
}

/// The counts of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    row_of: HashMap<Option<StreamKey>, usize>,
    untouched: BTreeMap<Reason, u64>,
    pub(crate) packets: u64,
    protected: u64,
    /// Packets captured twice, which got the same protected bytes again.
    pub(crate) repeated: u64,
}

impl Report {
    pub(crate) fn protected(
        &mut self,
        key: StreamKey,
        found: Found,
        suite: CryptoSuite,
        len: usize,
    ) {
        self.protected += 1;
        let row = self.row(key, found);
        row.suite = Some(suite);
        row.packets += 1;
        row.bytes += len as u64;
    }

    /// A packet went out as it came.
    pub(crate) fn untouched(&mut self, reason: Reason) {
        *self.untouched.entry(reason).or_default() += 1;
    }

    /// A packet of a chosen flow went out as it came.
    pub(crate) fn untouched_in(&mut self, key: StreamKey, found: Found, reason: Reason) {
        self.untouched(reason);
        *self.row(key, found).untouched.entry(reason).or_default() += 1;
    }

    fn row(&mut self, key: StreamKey, found: Found) -> &mut Row {
        let is_known = self.row_of.contains_key(&Some(key));
        let key = Some(key).filter(|_| is_known || self.rows.len() < MOST_ROWS);
        let index = *self.row_of.entry(key).or_insert_with(|| {
            self.rows.push(Row {
                key,
                found,
                suite: None,
                packets: 0,
                bytes: 0,
                untouched: BTreeMap::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }

    /// Packets of the chosen media that are in the output in the clear.
    pub(crate) fn media_in_the_clear(&self) -> u64 {
        let all = self.rows.iter().flat_map(|row| &row.untouched);
        all.filter(|(reason, _)| reason.is_media())
            .map(|it| it.1)
            .sum()
    }

    pub(crate) fn has_protected(&self) -> bool {
        self.protected > 0
    }

    /// The table of streams.
    pub(crate) fn streams(&self) -> String {
        const COLUMNS: [Column; 9] = [
            ("from", false),
            ("to", false),
            ("SSRC", false),
            ("", false),
            ("suite", false),
            ("packets", true),
            ("bytes", true),
            ("untouched", true),
            ("found by", false),
        ];
        let mut notes = String::new();
        let mut rows = Vec::new();
        let mut sorted: Vec<&Row> = self.rows.iter().collect();
        // RTP and its RTCP next to each other; what shares a row at the end.
        sorted.sort_by_key(|row| {
            row.key
                .map_or((usize::MAX, false), |it| (it.endpoint, it.is_rtcp))
        });
        for row in sorted {
            let name = row.name();
            let untouched: u64 = row.untouched.values().sum();
            let suite = row.suite.map_or("-", CryptoSuite::name);
            rows.push(vec![
                name[0].clone(),
                name[1].clone(),
                name[2].clone(),
                name[3].clone(),
                suite.to_owned(),
                row.packets.to_string(),
                row.bytes.to_string(),
                untouched.to_string(),
                row.found.to_string(),
            ]);
            for (reason, count) in &row.untouched {
                let _ = writeln!(
                    notes,
                    "untouched of {} -> {} {} {}: {count}, {reason}",
                    name[0], name[1], name[2], name[3]
                );
            }
        }
        render(&COLUMNS, &rows) + &notes
    }

    /// What happened to all packets, in one line each.
    pub(crate) fn totals(&self) -> String {
        let passed: u64 = self.untouched.values().sum();
        let mut text = format!(
            "{} packets: {} encrypted, {passed} passed on as they came\n",
            self.packets, self.protected
        );
        for (reason, count) in &self.untouched {
            let _ = writeln!(text, "{count:>9}  {reason}");
        }
        if self.repeated > 0 {
            let _ = writeln!(
                text,
                "{} of the encrypted packets repeat one shortly before byte for byte, as captured twice; they are the same protected packet again",
                self.repeated
            );
        }
        text
    }
}

impl Row {
    fn name(&self) -> [String; 4] {
        let Some(key) = self.key else {
            return ["others", "", "", ""].map(str::to_owned);
        };
        [
            key.flow.0.to_string(),
            key.flow.1.to_string(),
            key.ssrc.map_or("?".to_owned(), |it| format!("{it:#010x}")),
            if key.is_rtcp { "RTCP" } else { "RTP" }.to_owned(),
        ]
    }
}

/// The flows that look like media and are left alone, and why; not more of them than one reads.
pub(crate) fn left_alone(left: &[(FlowKey, Left)]) -> String {
    const MOST: usize = 20;
    let mut text = String::new();
    for ((from, to), why) in left.iter().take(MOST) {
        let _ = writeln!(text, "left alone: {from} -> {to}: {why}");
    }
    if left.len() > MOST {
        let _ = writeln!(text, "left alone: {} flows more", left.len() - MOST);
    }
    text
}
