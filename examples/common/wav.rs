//! Writes what was said as WAV files, one a stream, in the order of RTP's timestamps.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hound::{SampleFormat, WavSpec, WavWriter};

use super::codec::{Codec, Codecs};
use super::ledger::{StreamKey, as_file_name};
use super::media::Look;
use super::output::OutputFile;

/// Files that may be open at once.
const MOST_FILES: usize = 200;
/// Packets that wait for those before them.
const MOST_WAITING: usize = 16;
/// Seconds of silence for what is missing; after more, time has begun anew.
const LONGEST_GAP: i64 = 600;
/// So much of a file may be silence: this many times what was said, and these seconds. A few packets could fill a disk otherwise.
const MOST_SILENCE: usize = 100;
const LEAST_SILENCE: usize = 60;
/// Bytes of samples in a file, whose lengths have 32 bits.
const LONGEST_FILE: u64 = 0xF000_0000;

/// Writes WAV files into a folder.
pub(crate) struct Wavs {
    folder: PathBuf,
    overwrite: bool,
    codecs: Codecs,
    streams: HashMap<StreamKey, Wav>,
    /// Streams with payloads of another codec, or too many.
    silent: HashSet<StreamKey>,
    error: Option<anyhow::Error>,
}

struct Wav {
    output: OutputFile,
    writer: WavWriter<BufWriter<File>>,
    /// Rate and channels.
    form: (u32, u16),
    /// The last timestamp, and its place in time, in samples of one channel.
    last: (u32, i64),
    /// The place of the next sample to be written; `None` before the first.
    next: Option<i64>,
    waiting: BTreeMap<i64, Vec<i16>>,
    written: u64,
    /// Samples that came, and those of silence put between them.
    heard: usize,
    silent: usize,
}

impl Wavs {
    pub(crate) fn new(folder: &Path, overwrite: bool, codecs: Codecs) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            overwrite,
            codecs,
            streams: HashMap::new(),
            silent: HashSet::new(),
            error: None,
        })
    }

    /// Takes a plain RTP packet.
    pub(crate) fn take(&mut self, stream: StreamKey, packet: &[u8]) {
        let Look::Rtp(rtp) = Look::at(packet) else {
            return;
        };
        if self.error.is_some() {
            return;
        }
        // Telephone events and the like share a stream with its codec.
        let Some(codec) = self.codecs.of(stream.sender, rtp.payload_type) else {
            self.silent.insert(stream);
            return;
        };
        if !self.streams.contains_key(&stream) {
            if self.streams.len() >= MOST_FILES {
                self.silent.insert(stream);
                return;
            }
            match self.open(stream, codec) {
                Ok(wav) => {
                    self.streams.insert(stream, wav);
                }
                Err(error) => self.error = Some(error),
            }
        }
        if let Some(wav) = self.streams.get_mut(&stream)
            && (codec.rate, codec.channels) == wav.form
            && let Some(payload) = payload_of(packet, rtp.payload_len)
            && let Err(error) = wav.take(rtp.timestamp, codec.samples(payload))
        {
            self.error = Some(error);
        }
    }

    /// Streams that no file is written for.
    pub(crate) fn left_out(&self) -> usize {
        let has_none = |it: &&StreamKey| !self.streams.contains_key(it);
        self.silent.iter().filter(has_none).count()
    }

    fn open(&self, stream: StreamKey, codec: Codec) -> Result<Wav> {
        let (from, to) = (as_file_name(stream.flow.0), as_file_name(stream.flow.1));
        let name = format!("{from}_to_{to}_{:08x}.wav", stream.ssrc);
        let mut output = OutputFile::create(&self.folder.join(name), self.overwrite)?;
        let file = output
            .file()
            .try_clone()
            .context("cannot write a WAV file")?;
        let spec = WavSpec {
            channels: codec.channels,
            sample_rate: codec.rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer =
            WavWriter::new(BufWriter::new(file), spec).context("cannot write a WAV file")?;
        Ok(Wav {
            output,
            writer,
            form: (codec.rate, codec.channels),
            last: (0, 0),
            next: None,
            waiting: BTreeMap::new(),
            written: 0,
            heard: 0,
            silent: 0,
        })
    }

    /// What went wrong so far, before any file has its name.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Names the files, and returns how many there are.
    pub(crate) fn publish(self) -> Result<usize> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut count = 0;
        for mut wav in self.streams.into_values() {
            wav.write_waiting(0)?;
            wav.writer.finalize().context("cannot write a WAV file")?;
            wav.output.publish()?;
            count += 1;
        }
        Ok(count)
    }
}

/// The payload without its padding (RFC 3550 §5.1).
fn payload_of(packet: &[u8], len: usize) -> Option<&[u8]> {
    let payload = &packet[packet.len() - len..];
    let padding = match packet[0] & 0x20 {
        0 => 0,
        _ => usize::from(*payload.last()?),
    };
    payload.get(..payload.len().checked_sub(padding)?)
}

impl Wav {
    fn take(&mut self, timestamp: u32, samples: Vec<i16>) -> Result<()> {
        let step = match self.next {
            None => 0,
            Some(_) => i64::from(timestamp.wrapping_sub(self.last.0) as i32),
        };
        let longest = LONGEST_GAP * i64::from(self.form.0);
        let mut at = self.last.1 + step;
        if step.abs() > longest {
            // A new beginning: right behind what there is.
            self.write_waiting(0)?;
            at = self.next.unwrap_or(0);
        }
        self.next.get_or_insert(at);
        self.last = (timestamp, at);
        self.waiting.insert(at, samples);
        self.write_waiting(MOST_WAITING)
    }

    /// Writes packets, the earliest first, until so many are left.
    fn write_waiting(&mut self, most: usize) -> Result<()> {
        while self.waiting.len() > most
            && let Some((at, samples)) = self.waiting.pop_first()
        {
            let next = self.next.unwrap_or(at);
            let channels = usize::from(self.form.1);
            let mut missing = usize::try_from(at - next).unwrap_or(0) * channels;
            let most = self.heard * MOST_SILENCE + LEAST_SILENCE * self.form.0 as usize * channels;
            if self.silent + missing > most {
                missing = 0;
            }
            self.silent += missing;
            self.heard += samples.len();
            let late = usize::try_from(next - at).unwrap_or(0) * channels;
            let silence = std::iter::repeat_n(0, missing);
            let fresh = samples.iter().copied().skip(late);
            for sample in silence.chain(fresh) {
                self.written += 2;
                if self.written > LONGEST_FILE {
                    return Ok(());
                }
                self.writer
                    .write_sample(sample)
                    .context("cannot write a WAV file")?;
            }
            let end = at + (samples.len() / channels) as i64;
            self.next = Some(next.max(end));
        }
        Ok(())
    }
}
