//! The capture to read: a file, or what comes through a pipe.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::capture::CaptureReader;

/// Reads a capture from wherever it comes.
pub(crate) type Reader = CaptureReader<Box<dyn Read>>;

/// Whether this input can be read only once.
pub(crate) fn is_stream(path: &Path) -> bool {
    // What is not there is not a stream either; opening it says so.
    let is_file = |it: fs::Metadata| it.is_file() || it.is_dir();
    path.as_os_str() == "-" || !fs::metadata(path).map_or(true, is_file)
}

/// Opens the input; its length is known if it is a file.
pub(crate) fn open(path: &Path) -> Result<(Reader, Option<u64>)> {
    let shown = path.display();
    let (input, length): (Box<dyn Read>, _) = if path.as_os_str() == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
        let metadata = file.metadata().ok().filter(fs::Metadata::is_file);
        (Box::new(file), metadata.map(|it| it.len()))
    };
    let input: Box<dyn Read> = Box::new(BufReader::with_capacity(256 << 10, input));
    let reader = CaptureReader::new(input).with_context(|| format!("cannot read {shown}"))?;
    Ok((reader, length))
}
