//! The report as one page of HTML that loads nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ladder::Ladder;
use super::ledger::{Ledger, Mark};
use super::ledger_row::{COLUMNS, Tally, in_packets};
use super::page_drawings::{escape, ladder, legend, timelines};
use super::streams::FlowKey;

const STYLE: &str = include_str!("page.css");
/// Rows of a table that one still reads.
const MOST_ROWS: usize = 1000;

/// What the page tells of.
pub(crate) struct Page<'a> {
    pub(crate) capture: &'a str,
    pub(crate) ledger: &'a Ledger,
    pub(crate) ladder: &'a Ladder,
    pub(crate) without_key: &'a BTreeMap<FlowKey, u64>,
}

impl Page<'_> {
    pub(crate) fn html(&self) -> String {
        let title = escape(self.capture);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>SRTP in {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>SRTP in <span>{title}</span></h1>\n"
        );
        self.summary(&mut page);
        self.findings(&mut page);
        page += "<h2>Signalling</h2>\n";
        page += &ladder(self.ladder);
        page += "<h2>Streams over time</h2>\n";
        page += &legend();
        page += &timelines(self.ledger);
        page += "<h2>Streams</h2>\n";
        self.table(&mut page);
        self.left_alone(&mut page);
        page += "</main>\n</body>\n</html>\n";
        page
    }

    fn summary(&self, page: &mut String) {
        let seconds = self
            .ledger
            .span
            .map(|(first, last)| (last - first) as f64 / 1e9);
        let failed: u64 = self.ledger.rows.iter().map(|it| it.failed).sum();
        let facts = [
            (self.ledger.packets.to_string(), "packets"),
            (
                seconds.map_or("?".to_owned(), |it| format!("{it:.1} s")),
                "long",
            ),
            (self.ledger.rows.len().to_string(), "protected streams"),
            (self.ledger.opened.to_string(), "packets decrypted"),
            (failed.to_string(), "refused by the rules agreed"),
        ];
        *page += "<ul class=\"facts\">\n";
        for (value, what) in facts {
            let _ = writeln!(page, "<li><b>{value}</b> {what}</li>");
        }
        *page += "</ul>\n";
    }

    fn findings(&self, page: &mut String) {
        *page += "<h2>What is wrong</h2>\n";
        let mut is_well = true;
        *page += "<ul class=\"findings\">\n";
        for row in self.ledger.sorted().into_iter().take(MOST_ROWS) {
            for (cause, tally) in &row.causes {
                is_well = false;
                let text = cause.to_string();
                let (name, help) = text.split_once(": ").unwrap_or((&text, ""));
                let _ = writeln!(
                    page,
                    "<li><b>{}</b> {}<br><small>{}, {}</small></li>",
                    escape(name),
                    escape(help),
                    escape(&stream(&row.name())),
                    packets(tally)
                );
            }
        }
        *page += "</ul>\n";
        if is_well {
            *page += match self.ledger.rows.is_empty() {
                true => "<p>No packet met a key.</p>\n",
                false => "<p>Nothing: every packet opens as agreed.</p>\n",
            };
        }
    }

    fn table(&self, page: &mut String) {
        *page += "<div class=\"wide\"><table>\n<thead><tr>";
        for (heading, is_number) in COLUMNS {
            let class = if is_number { " class=\"n\"" } else { "" };
            let _ = write!(page, "<th{class}>{}</th>", escape(heading));
        }
        *page += "</tr></thead>\n<tbody>\n";
        for row in self.ledger.sorted().into_iter().take(MOST_ROWS) {
            *page += "<tr>";
            for (cell, (heading, is_number)) in row.cells().iter().zip(COLUMNS) {
                let class = match (is_number, heading) {
                    (true, "failed") if row.failed > 0 => " class=\"n bad\"",
                    (true, _) => " class=\"n\"",
                    (false, _) => "",
                };
                let _ = write!(page, "<td{class}>{}</td>", escape(cell));
            }
            *page += "</tr>\n";
        }
        *page += "</tbody>\n</table></div>\n";
        if self.ledger.rows.len() > MOST_ROWS {
            let _ = writeln!(
                page,
                "<p>{} streams more.</p>",
                self.ledger.rows.len() - MOST_ROWS
            );
        }
    }

    fn left_alone(&self, page: &mut String) {
        if self.without_key.is_empty() {
            return;
        }
        *page += "<h2>Media that no key is for</h2>\n<ul>\n";
        for ((from, to), packets) in self.without_key {
            let _ = writeln!(page, "<li>{from} → {to}: {packets} packets</li>");
        }
        *page += "</ul>\n";
    }
}

pub(crate) fn stream(name: &[String; 4]) -> String {
    let [from, to, ssrc, plane] = name;
    format!("{plane} {from} → {to}, SSRC {ssrc}")
}

fn packets(tally: &Tally) -> String {
    let plural = if tally.packets == 1 { "" } else { "s" };
    format!("{} packet{plural} ({})", tally.packets, in_packets(tally))
}

impl Mark {
    /// The class of its colour, and what it means.
    pub(crate) fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Opened => ("opened", "opened as agreed"),
            Self::Otherwise => ("otherwise", "opened in another way than agreed"),
            Self::InClear => ("clear", "in the clear"),
            Self::Repeated => ("repeated", "repeated"),
            Self::Failed => ("failed", "not opened"),
        }
    }
}
