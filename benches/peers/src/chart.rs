//! The chart for the README: nanoseconds a packet, warm. It follows the reader's light or dark mode.

use std::fmt::Write as _;

use crate::cases::{Case, Mode};
use crate::packets::Direction;
use crate::report::Report;

const WIDTH: usize = 880;
const BAR: usize = 15;
const GAP: usize = 14;
/// What is left of each panel's bars, and how long those may be.
const LEFT: usize = 20;
const PANEL: usize = 420;
const LONGEST: f64 = 210.0;

const STYLE: &str = "<style>
text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.case { font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.page { fill: #ffffff; stroke: #d1d9e0 }
.us { fill: #0969da }
.other { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.small { fill: #9198a1 }
.page { fill: #0d1117; stroke: #3d444d }
.us { fill: #4493f8 }
.other { fill: #59636e }
}
</style>
";

/// One panel for voice, one for video; in each, the suites and directions one below the other.
pub fn svg(report: &Report) -> String {
    let mut body = String::new();
    let mut lowest = 0;
    for (panel, payload) in [160, 1200].into_iter().enumerate() {
        let cases: Vec<_> = report
            .packets
            .iter()
            .filter(|(case, _)| is_shown(case) && case.payload == payload)
            .collect();
        let times = cases.iter().flat_map(|(_, times)| times.iter().flatten());
        let longest = times.copied().fold(1.0, f64::max);
        let x = LEFT + panel * PANEL;
        let mut y = 62;
        text(
            &mut body,
            x,
            y,
            "case",
            &format!("{payload} bytes of payload"),
        );
        y += 8;
        for (case, times) in cases {
            y += GAP + 12;
            text(&mut body, x, y - 4, "case", &title(case));
            for (name, time) in report.names.iter().zip(times) {
                if let Some(time) = time {
                    bar(&mut body, (x, y), name, *time, longest);
                    y += BAR;
                }
            }
        }
        lowest = lowest.max(y);
    }
    for fact in &report.facts {
        lowest += 16;
        text(&mut body, LEFT, lowest + 8, "small", fact);
    }
    let height = lowest + 24;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Nanoseconds a packet, one at a time: srtp-sdes and others</title>\n{STYLE}\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"30\">Nanoseconds a packet, one at a time, everything in the cache: less is better</text>\n\
         {body}</svg>\n",
        WIDTH - 1,
        height - 1,
    )
}

/// The 128-bit suites; 256 bits differ little, and are in the table.
fn is_shown(case: &Case) -> bool {
    case.mode == Mode::Warm && case.suite.key_len() == 16
}

fn title(case: &Case) -> String {
    let direction = match case.direction {
        Direction::Protect => "protect",
        Direction::Unprotect => "unprotect",
    };
    format!("{}, {direction}", case.suite.name())
}

fn bar(svg: &mut String, (x, y): (usize, usize), name: &str, time: f64, longest: f64) {
    let class = if name == "srtp-sdes" { "us" } else { "other" };
    let width = time / longest * LONGEST;
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\"/>",
        BAR - 3
    );
    let label = format!("{time:.0}  {name}");
    text(svg, x + width as usize + 6, y + 10, "", &label);
}

fn text(svg: &mut String, x: usize, y: usize, class: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"
    );
}
