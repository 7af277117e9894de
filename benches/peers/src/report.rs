//! The table.

use std::fmt::Write as _;

use srtp_sdes::CryptoSuite;

use crate::cases::Case;
use crate::rounds::Times;

pub struct Report {
    pub facts: Vec<String>,
    pub names: Vec<String>,
    /// Best nanoseconds a packet, in the order of the names.
    pub packets: Vec<(Case, Vec<Option<f64>>)>,
    text: String,
}

const LABEL: usize = 56;

impl Report {
    pub fn new(facts: Vec<String>, names: Vec<String>) -> Self {
        let mut report = Self {
            facts,
            names,
            packets: Vec::new(),
            text: String::new(),
        };
        report.text = report.head();
        report
    }

    pub fn head(&self) -> String {
        let mut head = String::new();
        for fact in &self.facts {
            let _ = writeln!(head, "{fact}");
        }
        head += "\nNanoseconds, the best of many rounds, and behind them how many times as long as ours that is; in brackets the median of\n";
        head += "that ratio over the rounds. Below 1.00 the other one is faster.\n\n";
        for (at, name) in self.names.iter().enumerate().skip(1) {
            let _ = writeln!(head, "  [{at}] {name}");
        }
        let _ = write!(head, "\n{:LABEL$}{:>8}", "", "ours");
        for at in 1..self.names.len() {
            let _ = write!(head, "{:>24}", format!("[{at}]"));
        }
        head + "\n"
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn packets(&mut self, case: Case, times: Vec<Option<Times>>) -> String {
        let row = self.row(&case.to_string(), &times);
        let best = times.iter().map(|it| it.as_ref().map(Times::best));
        self.packets.push((case, best.collect()));
        row
    }

    pub fn contexts(&mut self, suite: CryptoSuite, times: Vec<Option<Times>>) -> String {
        self.row(
            &format!("{:24} a new sending context", suite.name()),
            &times,
        )
    }

    /// The first is the answer, the second a context.
    pub fn answering(&mut self, [answer, context]: [Option<Times>; 2]) -> String {
        let mut line = String::new();
        if let (Some(answer), Some(context)) = (answer, context) {
            line = format!(
                "Nine crypto lines read and answered, both contexts included: {:.0} ns, as long as {:.1} new contexts ({:.0} ns).",
                answer.best(),
                answer.best() / context.best(),
                context.best(),
            );
        }
        self.text += &format!("\n{line}\n");
        line
    }

    fn row(&mut self, label: &str, times: &[Option<Times>]) -> String {
        let mut row = format!("{label:LABEL$}");
        if let Some((Some(ours), theirs)) = times.split_first() {
            let _ = write!(row, "{:8.1}", ours.best());
            for times in theirs {
                let cell = times.as_ref().map_or("-".to_owned(), |times| {
                    let (best, median) = (times.best(), times.median_by(ours));
                    format!("{best:.1} {:5.2} ({median:.2})", best / ours.best())
                });
                let _ = write!(row, "{cell:>24}");
            }
        }
        self.text += &row;
        self.text.push('\n');
        row
    }
}
