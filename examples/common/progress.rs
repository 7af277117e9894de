//! A progress bar for long files, on terminals only.

use indicatif::{ProgressBar, ProgressStyle};

/// Files of less are done before one could read a bar.
const WORTH_A_BAR: u64 = 16 << 20;

/// How often the bar moves, in records.
const STEP: u64 = 4096;

/// Shows how far a pass over a file has come.
pub(crate) struct Progress {
    bar: ProgressBar,
    records: u64,
}

impl Progress {
    /// For a file of this length, or one whose length nobody knows.
    pub(crate) fn new(what: &'static str, length: Option<u64>) -> Self {
        let bar = match length {
            Some(length) if length < WORTH_A_BAR => ProgressBar::hidden(),
            Some(length) => ProgressBar::new(length).with_style(style(
                "{msg} [{bar:32}] {bytes} of {total_bytes}, {eta} left",
            )),
            None => ProgressBar::no_length().with_style(style("{msg} {bytes}")),
        };
        // indicatif draws on standard error, and only if that is a terminal.
        Self {
            bar: bar.with_message(what),
            records: 0,
        }
    }

    pub(crate) fn at(&mut self, position: u64) {
        self.records += 1;
        if self.records.is_multiple_of(STEP) {
            self.bar.set_position(position);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
