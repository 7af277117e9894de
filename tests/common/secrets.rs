//! Finds secret bytes in texts, in whatever way they are written there.

use std::collections::HashMap;
use std::fmt::{Debug, Display};

use srtp_sdes::MasterKey;

use super::oracle;

/// How many secret bytes in a row are a leak: fewer turn up by chance.
const RUN: usize = 3;

/// The ways in which a text may spell bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    Hexadecimal,
    Decimal,
    Base64,
    Characters,
    Escapes,
}

/// Finds secret bytes in a text, however they are written there.
#[derive(Default)]
pub struct Secrets {
    /// Each run of bytes in each spelling, and what it is part of.
    pub known: HashMap<(Spelling, String), String>,
}

impl Secrets {
    /// The bytes of `key`, and of every session key that it gives in the first epochs.
    pub fn of(key: &MasterKey) -> Self {
        let mut secrets = Self::default();
        secrets.add("master key and salt", key.secret_key_and_salt());
        for label in 0..8 {
            for epoch in 0..3 {
                let what = format!("session key {label} of epoch {epoch}");
                secrets.add(&what, &oracle::session_key(key, label, epoch, 32));
            }
        }
        secrets
    }

    pub fn add(&mut self, what: &str, bytes: &[u8]) {
        let mut add = |spelling, text: String| {
            self.known.insert((spelling, text), what.to_owned());
        };
        for run in bytes.windows(RUN) {
            let digits = run.iter().map(|byte| format!("{byte:02x}")).collect();
            add(Spelling::Hexadecimal, digits);
            add(Spelling::Decimal, numbers(run.iter().map(u8::to_string)));
        }
        // The text may begin anywhere in a group of three bytes.
        for skipped in 0..RUN {
            let text = base64(&bytes[skipped..]);
            for run in runs(&text, 8) {
                add(Spelling::Base64, run);
            }
        }
        let characters: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        for run in runs(&characters, 4) {
            add(Spelling::Characters, run);
        }
        for run in runs(&bytes.escape_ascii().to_string(), 12) {
            add(Spelling::Escapes, run);
        }
    }

    /// What of the secrets stands in `text`.
    pub fn leak(&self, text: &str) -> Option<String> {
        let lower = text.to_lowercase();
        let digits: String = lower.replace("0x", "");
        let digits: String = digits.chars().filter(char::is_ascii_alphanumeric).collect();
        let decimals: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).collect();
        let decimals: Vec<_> = decimals.into_iter().filter(|n| !n.is_empty()).collect();
        let decimals = decimals.windows(RUN).map(|run| numbers(run.iter()));
        let standard = text.replace('-', "+").replace('_', "/");

        let spelled =
            |spelling, runs: Vec<String>| runs.into_iter().map(move |run| (spelling, run));
        let mut all = spelled(Spelling::Hexadecimal, runs(&digits, 2 * RUN))
            .chain(spelled(Spelling::Hexadecimal, runs(&lower, 2 * RUN)))
            .chain(spelled(Spelling::Decimal, decimals.collect()))
            .chain(spelled(Spelling::Base64, runs(text, 8)))
            .chain(spelled(Spelling::Base64, runs(&standard, 8)))
            .chain(spelled(Spelling::Characters, runs(text, 4)))
            .chain(spelled(Spelling::Escapes, runs(text, 12)));
        all.find_map(|run| {
            let what = self.known.get(&run)?;
            Some(format!("{what}, as {:?}: {}", run.0, run.1))
        })
    }

    #[track_caller]
    pub fn check_text(&self, text: &str) {
        assert!(!text.is_empty());
        assert_eq!(self.leak(text), None, "in: {text}");
    }

    #[track_caller]
    pub fn check(&self, value: &impl Debug) {
        // Each for itself: side by side, numbers that stand in all of them would look like bytes in a row.
        self.check_text(&format!("{value:?}"));
        self.check_text(&format!("{value:#?}"));
        self.check_text(&format!("{value:x?}"));
        self.check_text(&format!("{value:X?}"));
    }

    #[track_caller]
    pub fn check_error<E: Debug + Display>(&self, error: Result<impl Sized, E>) {
        let error = error.err().expect("an error");
        self.check(&error);
        self.check_text(&error.to_string());
    }
}

/// Every `len` characters in a row.
fn runs(text: &str, len: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.windows(len).map(|run| run.iter().collect()).collect()
}

fn numbers(numbers: impl Iterator<Item = impl Display>) -> String {
    let texts: Vec<_> = numbers.map(|number| number.to_string()).collect();
    texts.join(" ")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
    });
    groups.collect()
}
