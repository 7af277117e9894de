//! The drawings of the report: who said what to whom, and what became of packets over time.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::ladder::{Ladder, MOST_CALLS, MOST_IN_CALL, Told};
use super::ledger::{INTERVALS, Ledger, MARKS};
use super::ledger_row::Row;
use super::page::stream;

const WIDTH: f64 = 1080.0;
/// Timelines that are drawn.
const MOST_TIMELINES: usize = 100;
/// Parties side by side in a drawing.
const MOST_PARTIES: usize = 6;

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for it in text.chars() {
        match it {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            it if it.is_control() => out.push('\u{FFFD}'),
            it => out.push(it),
        }
    }
    out
}

/// The messages of each call between its parties.
pub(crate) fn ladder(ladder: &Ladder) -> String {
    if ladder.calls.is_empty() {
        return "<p>There is none in the capture: keys were given.</p>\n".to_owned();
    }
    let mut text = String::new();
    for (call, messages) in ladder.calls.iter().take(MOST_CALLS) {
        let _ = writeln!(text, "<h3>Call-ID {}</h3>", escape(call));
        text += &of_call(&messages[..messages.len().min(MOST_IN_CALL)]);
        if messages.len() > MOST_IN_CALL {
            let more = messages.len() - MOST_IN_CALL;
            let _ = writeln!(text, "<p class=\"soft\">{more} messages more.</p>");
        }
    }
    let more = ladder.calls.len().saturating_sub(MOST_CALLS);
    if more > 0 || ladder.left_out > 0 {
        let left_out = ladder.left_out;
        let _ = writeln!(
            text,
            "<p class=\"soft\">{more} calls and {left_out} messages more.</p>"
        );
    }
    text
}

fn of_call(messages: &[Told]) -> String {
    let mut parties: Vec<SocketAddr> = Vec::new();
    for address in messages.iter().flat_map(Told::ends) {
        if !parties.contains(&address) && parties.len() < MOST_PARTIES {
            parties.push(address);
        }
    }
    let from = 90.0;
    let step = match parties.len() {
        0 | 1 => 0.0,
        count => (WIDTH - from - 200.0) / (count - 1) as f64,
    };
    let x_of = |address: &SocketAddr| {
        let at = parties.iter().position(|it| it == address).unwrap_or(0);
        from + 100.0 + step * at as f64
    };
    let mut body = String::new();
    let mut y = 40.0;
    let start = messages.first().and_then(|it| it.time);
    for told in messages {
        y += 28.0;
        let (x1, x2) = (x_of(&told.flow.0), x_of(&told.flow.1));
        let (left, toward) = (x1.min(x2), if x2 >= x1 { -1.0 } else { 1.0 });
        if let (Some(time), Some(start)) = (told.time, start) {
            let seconds = time.saturating_sub(start) as f64 / 1e9;
            let _ = writeln!(
                body,
                "<text class=\"soft\" x=\"0\" y=\"{y:.0}\">{seconds:.3} s</text>"
            );
        }
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\">{} <tspan class=\"soft\">packet {}</tspan></text>",
            left + 12.0,
            y - 6.0,
            escape(&told.name),
            told.packet
        );
        let tip = x2 + toward * 1.0;
        let _ = writeln!(
            body,
            "<path class=\"arrow\" d=\"M{x1:.0} {y:.0}H{tip:.0}\"/><path class=\"head\" d=\"M{tip:.0} {y:.0}l{:.0} -4v8z\"/>",
            toward * 9.0
        );
        for note in &told.notes {
            for line in wrapped(note) {
                y += 16.0;
                let class = match () {
                    () if note.contains("NOT AGREED") => "no",
                    () if note.starts_with("agreed") => "yes",
                    () => "soft",
                };
                let _ = writeln!(
                    body,
                    "<text class=\"{class}\" x=\"{:.0}\" y=\"{y:.0}\">{}</text>",
                    left + 12.0,
                    escape(&line)
                );
            }
        }
    }
    let height = y + 16.0;
    let mut columns = String::new();
    for address in &parties {
        let x = x_of(address);
        let _ = writeln!(
            columns,
            "<text x=\"{x:.0}\" y=\"16\" text-anchor=\"middle\">{address}</text><path class=\"axis\" d=\"M{x:.0} 26V{height:.0}\"/>"
        );
    }
    format!(
        "<svg viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" role=\"img\" aria-label=\"messages of a call\">\n{columns}{body}</svg>\n"
    )
}

/// Text in lines that fit.
fn wrapped(text: &str) -> Vec<String> {
    const LONGEST: usize = 110;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |it| it.chars().count());
        if line > 0 && line + word.len() > LONGEST {
            lines.push("   ".to_owned());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

pub(crate) fn legend() -> String {
    let mut text = "<ul class=\"legend\">\n".to_owned();
    for mark in MARKS {
        let (class, meaning) = mark.meaning();
        let _ = writeln!(text, "<li><i class=\"{class}\"></i>{meaning}</li>");
    }
    text + "</ul>\n"
}

/// What became of each stream's packets, over the time of the capture.
pub(crate) fn timelines(ledger: &Ledger) -> String {
    let Some((first, last)) = ledger.span.filter(|_| !ledger.rows.is_empty()) else {
        return "<p>The capture has no times, or no stream.</p>\n".to_owned();
    };
    let seconds = (last - first).max(1) as f64 / 1e9;
    let mut text = String::new();
    let sorted = ledger.sorted();
    for row in sorted.iter().take(MOST_TIMELINES) {
        if let Some(timeline) = &row.timeline {
            let _ = writeln!(text, "<h3>{}</h3>", escape(&stream(&row.name())));
            text += &timeline_of(row, timeline, seconds);
        }
    }
    if let more @ 1.. = sorted.len().saturating_sub(MOST_TIMELINES) {
        let _ = writeln!(text, "<p class=\"soft\">{more} streams more.</p>");
    }
    text
}

fn timeline_of(row: &Row, timeline: &[[u32; MARKS.len()]; INTERVALS], seconds: f64) -> String {
    const HEIGHT: f64 = 44.0;
    let most = timeline.iter().map(|it| it.iter().sum::<u32>()).max();
    let scale = HEIGHT / f64::from(most.unwrap_or(1).max(1));
    let width = WIDTH / INTERVALS as f64;
    let mut bars = String::new();
    for (at, counts) in timeline.iter().enumerate() {
        let mut y = HEIGHT;
        let x = at as f64 * width;
        for (mark, count) in MARKS.into_iter().zip(counts).filter(|it| *it.1 > 0) {
            let (class, meaning) = mark.meaning();
            let height = (f64::from(*count) * scale).max(1.5);
            y -= height;
            let when = at as f64 * seconds / INTERVALS as f64;
            let _ = writeln!(
                bars,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{when:.2} s: {count} {meaning}</title></rect>",
                width - 0.5
            );
        }
    }
    for fifth in 0..=5 {
        let x = WIDTH * f64::from(fifth) / 5.0;
        let anchor = match fifth {
            0 => "start",
            5 => "end",
            _ => "middle",
        };
        let when = seconds * f64::from(fifth) / 5.0;
        let _ = writeln!(
            bars,
            "<text class=\"soft\" x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{when:.1} s</text>",
            HEIGHT + 15.0
        );
    }
    let label = escape(&format!(
        "{} packets, {} opened, {} failed",
        row.packets, row.opened, row.failed
    ));
    format!(
        "<svg viewBox=\"0 0 {WIDTH:.0} {:.0}\" width=\"{WIDTH:.0}\" role=\"img\" aria-label=\"{label}\">\n<rect class=\"bed\" width=\"{WIDTH:.0}\" height=\"{HEIGHT:.0}\"/>\n{bars}</svg>\n",
        HEIGHT + 20.0
    )
}
