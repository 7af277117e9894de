//! Arguments that the examples share, and errors as one sentence each.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser};
use zeroize::Zeroizing;

use super::decide::Search;
use super::output::is_same_file;
use super::ports::PortRule;

/// Where to look for media.
#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Where RTP is, instead of searching for it: PORT, PORT-PORT or ADDRESS:PORT; its RTCP is there too or on
    /// the port above [may be repeated]
    #[arg(long = "rtp", visible_alias = "port", value_name = "PORT")]
    ports: Vec<PortRule>,

    /// Do not read the session descriptions in SIP messages
    #[arg(long)]
    no_sdp: bool,

    /// Do not guess by the looks of packets
    #[arg(long)]
    no_heuristic: bool,
}

impl SearchArgs {
    pub(crate) fn search(&self, even_srtp: bool) -> Search {
        Search {
            ports: self.ports.clone(),
            no_sdp: self.no_sdp,
            no_heuristic: self.no_heuristic,
            even_srtp,
        }
    }
}

/// Keys that the user gives.
#[derive(Args)]
pub(crate) struct KeyArgs {
    /// A key as an a=crypto line, for all media; for one sender put ADDRESS:PORT=, ADDRESS:PORT->ADDRESS:PORT=
    /// or SSRC=NUMBER= before it [may be repeated]
    #[arg(long, value_name = "LINE")]
    crypto: Vec<String>,

    /// A file with such lines, `-` for standard input; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    crypto_file: Option<PathBuf>,
}

impl KeyArgs {
    pub(crate) fn are_given(&self) -> bool {
        !self.crypto.is_empty() || self.crypto_file.is_some()
    }

    /// Is `path` the file that the keys come from? It must not be written to.
    pub(crate) fn come_from(&self, path: &Path) -> bool {
        let file = self.crypto_file.as_deref();
        file.is_some_and(|file| is_same_file(file, path))
    }

    pub(crate) fn read_standard_input(&self) -> bool {
        self.crypto_file
            .as_deref()
            .is_some_and(|it| it.as_os_str() == "-")
    }

    /// All lines, each with a name for it that tells nothing of its content.
    pub(crate) fn lines(&self) -> Result<Vec<(String, Zeroizing<String>)>> {
        let mut lines = Vec::new();
        for (index, line) in self.crypto.iter().enumerate() {
            lines.push((
                format!("--crypto number {}", index + 1),
                line.clone().into(),
            ));
        }
        if let Some(path) = &self.crypto_file {
            lines.extend(key_lines(path)?);
        }
        Ok(lines)
    }
}

/// The lines of a file of keys, `-` for standard input, each with a name for it that tells nothing of its content.
pub(crate) fn key_lines(path: &Path) -> Result<Vec<(String, Zeroizing<String>)>> {
    let shown = path.display();
    let mut text = Zeroizing::new(String::new());
    if path.as_os_str() == "-" {
        io::stdin()
            .read_to_string(&mut text)
            .context("cannot read keys from standard input")?;
    } else {
        // Into the buffer that is wiped, not through one of `read_to_string`'s own.
        fs::File::open(path)
            .and_then(|mut file| file.read_to_string(&mut text))
            .with_context(|| format!("cannot read keys from {shown}"))?;
    }
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            lines.push((
                format!("line {} of {shown}", index + 1),
                line.to_owned().into(),
            ));
        }
    }
    if lines.is_empty() {
        bail!("there is no key in {shown}");
    }
    Ok(lines)
}

/// Parses the arguments; asked for help, prints it, and asked the impossible, says so in one sentence.
pub(crate) fn parse<T: Parser>() -> Result<T, ExitCode> {
    T::try_parse().map_err(|error| {
        if !error.use_stderr() {
            say(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
        let text = error.render().to_string();
        // What is missing stands on lines of its own.
        let first = text.lines().take_while(|it| !it.is_empty());
        let first: Vec<&str> = first.map(str::trim).collect();
        eprintln!("{} (see --help)", hide_keys(&first.join(" ")));
        ExitCode::from(2)
    })
}

/// Ends the program: well, or with the error as one line.
pub(crate) fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", hide_keys(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output; a reader that has left, `head` for example, is no error.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let text = harmless(text);
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Text of a stranger's, from a capture for example, commands no terminal: neither escape sequences nor turned directions get there.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        let is_harmless = match it {
            '\n' | '\t' => true,
            '\r' => rest.peek() == Some(&'\n'),
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
            it => !it.is_control(),
        };
        shown.push(if is_harmless { it } else { '\u{FFFD}' });
    }
    shown
}

/// Prints a warning.
pub(crate) fn warn(text: &str) {
    let mark = if io::stderr().is_terminal() {
        "\x1b[1;33mwarning\x1b[0m"
    } else {
        "warning"
    };
    eprintln!("{mark}: {}", hide_keys(text));
}

/// A key that was mistaken for something else, a file name for example, does not get into a message.
fn hide_keys(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("inline:") {
        let (before, key) = rest.split_at(at + "inline:".len());
        shown.push_str(before);
        shown.push_str("(hidden)");
        let is_key = |it: char| it.is_ascii_alphanumeric() || "+/=|^:;".contains(it);
        rest = key.trim_start_matches(is_key);
    }
    harmless(&(shown + rest))
}
