//! Decrypts the SRTP and SRTCP in a capture, writes a capture of plain RTP and RTCP, and says why what failed did so.
//!
//! ```text
//! cargo run --release --example decrypt_pcap -- call.pcap out.pcap                       # keys from the SIP in the capture
//! cargo run --release --example decrypt_pcap -- --crypto-file call.keys call.pcap out.pcap
//! cargo run --release --example decrypt_pcap -- --help
//! ```

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use common::args::{self, KeyArgs, SearchArgs, say, warn};
use common::capture::Kind;
use common::capture_writer::CaptureWriter;
use common::codec::Codecs;
use common::crypto_line::CryptoLine;
use common::datagram::{Content, dissect};
use common::decide::{Search, decide};
use common::decryption::{Decryption, Listener};
use common::directions::Dialogs;
use common::exchanges::{Exchange, Exchanges};
use common::input;
use common::key_ring::KeyRing;
use common::ladder::Ladder;
use common::ledger::StreamKey;
use common::media::Look;
use common::opener::ShortTag;
use common::output::{OutputFile, beside, is_same_file};
use common::page::Page;
use common::plan::Plan;
use common::progress::Progress;
use common::signalling;
use common::sip_reader::SipReader;
use common::streams::Survey;
use common::wav::Wavs;

/// Decrypts the SRTP and SRTCP in a pcap or pcapng capture, and says of each stream what failed and why.
///
/// Keys come from the SIP in the capture (UDP and TCP), from an offer and an answer in files, or from a=crypto lines. All other packets
/// and all timestamps stay as they are.
#[derive(Parser)]
#[command(name = "decrypt_pcap", after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// The capture to decrypt
    input: PathBuf,

    /// The capture to write [default: INPUT with `.rtp` before its extension]
    output: Option<PathBuf>,

    #[command(flatten)]
    keys: KeyArgs,

    /// The offer, alone or in a SIP message
    #[arg(long, value_name = "FILE", requires = "answer")]
    offer: Option<PathBuf>,

    /// The answer to it
    #[arg(long, value_name = "FILE", requires = "offer")]
    answer: Option<PathBuf>,

    /// Write what was said (G.711 and L16) as WAV files into this folder
    #[arg(long, value_name = "DIR")]
    wav: Option<PathBuf>,

    /// Write a report with the call flow and a timeline of each stream: one page of HTML that loads nothing
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Bytes of the SRTCP tags that are expected under the _32 suites
    #[arg(long, value_name = "BYTES", default_value = "10", value_parser = parse_tag)]
    srtcp_tag_of_32: ShortTag,

    /// Replace files that are there already
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    search: SearchArgs,
}

const EXAMPLES: &str = "\
Examples:
  decrypt_pcap call.pcap plain.pcap
  decrypt_pcap --crypto-file call.keys call.pcapng plain.pcapng
  decrypt_pcap --wav spoken --report call.html call.pcap plain.pcap
  decrypt_pcap --offer offer.sdp --answer answer.sdp call.pcap plain.pcap

--crypto shows its key to whoever may list processes; --crypto-file does not.";

/// The whole of a run, settled before anything is read.
struct Job {
    input: PathBuf,
    output: PathBuf,
    search: Search,
    tag: ShortTag,
}

fn main() -> ExitCode {
    match args::parse::<Arguments>() {
        Ok(arguments) => args::finish(run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let job = Job::new(arguments)?;
    let mut ring = given_keys(arguments)?;
    let mut output = OutputFile::create(&job.output, arguments.force)?;
    let report = arguments.report.as_deref();
    let mut report = report
        .map(|it| OutputFile::create(it, arguments.force))
        .transpose()?;
    let first_look = look(&job)?;
    let mut exchanges = first_look.exchanges.found;
    let speaks_of_srtp = exchanges.iter().any(Exchange::speaks_of_srtp);
    if let (Some(offer), Some(answer)) = (&arguments.offer, &arguments.answer) {
        exchanges.push(Exchange::in_files(offer, answer)?);
    }
    let mut ladder = first_look.ladder;
    let (dialogs, codecs) = follow(&exchanges, job.tag, &mut ladder)?;
    let has_keys = arguments.keys.are_given() || !dialogs.events.is_empty();
    let shown = job.input.display();
    ensure!(
        has_keys,
        "no key for {shown}: no SIP in it has an offer and an answer with a=crypto; give --crypto-file, or --offer and --answer"
    );
    ring.expect(dialogs.events);
    let decryption = Decryption::new(first_look.plan, ring, first_look.span);
    let wav = arguments.wav.as_deref();
    let wavs = wav
        .map(|it| Wavs::new(it, arguments.force, codecs))
        .transpose()?;
    let mut listener = Speech(wavs);
    let done = decrypt(&job, decryption, &mut output, &mut listener)?;
    tell(&done);
    if let Speech(Some(wavs)) = &mut listener {
        wavs.check()?;
    }
    if let Some(mut report) = report.take() {
        let page = Page {
            capture: &file_name(&job.input),
            ledger: &done.ledger,
            ladder: &ladder,
            without_key: &done.without_key,
        };
        report.write_all(page.html().as_bytes())?;
        let path = report.path().display().to_string();
        report.publish()?;
        say(&format!("wrote {path}\n"));
    }
    ensure!(
        !done.ledger.rows.is_empty(),
        "there is no SRTP and no SRTCP in {shown}, so {} is not written (where its SIP does not say where media is, --rtp does)",
        job.output.display()
    );
    ensure!(
        done.ledger.opened > 0,
        "nothing in {shown} opens with these keys, so {} is not written",
        job.output.display()
    );
    let path = output.path().display().to_string();
    output.publish()?;
    say(&format!("wrote {path}\n"));
    if speaks_of_srtp {
        say(&format!(
            "its SDP still speaks of SRTP, and Wireshark believes SDP: wireshark -o sdp.establish_conversation:FALSE --enable-heuristic rtp_udp {path}\n"
        ));
    }
    match (listener.0, wav) {
        (Some(wavs), Some(folder)) => publish_speech(wavs, folder),
        _ => Ok(()),
    }
}

/// Runs the exchanges through the rules.
fn follow(exchanges: &[Exchange], tag: ShortTag, ladder: &mut Ladder) -> Result<(Dialogs, Codecs)> {
    let (mut dialogs, mut codecs) = (Dialogs::new(tag), Codecs::default());
    for exchange in exchanges {
        let mut came_of = Vec::new();
        for nth in 0..exchange.answers.len() {
            came_of.push(dialogs.take(exchange, nth)?);
        }
        dialogs.take_alone(exchange);
        ladder.note(exchange, &came_of);
        let answers = exchange.answers.iter().map(|it| &it.text);
        answers
            .chain([&exchange.offer.text])
            .for_each(|it| codecs.learn(it));
    }
    Ok((dialogs, codecs))
}

/// Without its folders, which are nobody's business who reads the report.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn publish_speech(wavs: Wavs, folder: &Path) -> Result<()> {
    if wavs.left_out() > 0 {
        warn(&format!(
            "{} streams have a codec that is neither G.711 nor L16, or are too many: no WAV file of them",
            wavs.left_out()
        ));
    }
    let count = wavs.publish()?;
    say(&format!(
        "wrote {count} WAV files into {}\n",
        folder.display()
    ));
    Ok(())
}

/// Who listens to what was opened.
struct Speech(Option<Wavs>);

impl Listener for Speech {
    fn rtp(&mut self, stream: StreamKey, packet: &[u8]) {
        if let Some(wavs) = &mut self.0 {
            wavs.take(stream, packet);
        }
    }
}

impl Job {
    fn new(arguments: &Arguments) -> Result<Self> {
        let input = arguments.input.clone();
        let shown = input.display();
        ensure!(
            !input::is_stream(&input),
            "{shown} is a stream, and decrypting takes two passes: give a file"
        );
        let output = match &arguments.output {
            Some(output) => output.clone(),
            None => beside(&input, ".rtp")?,
        };
        ensure!(
            output.as_os_str() != "-",
            "the output must be a file, not standard output"
        );
        ensure!(
            !is_same_file(&input, &output),
            "{shown} cannot be both input and output"
        );
        let descriptions = [&arguments.offer, &arguments.answer];
        for written in [Some(&output), arguments.report.as_ref()]
            .into_iter()
            .flatten()
        {
            let mut read = descriptions.into_iter().flatten();
            let is_read = read.any(|it| is_same_file(it, written));
            ensure!(
                !is_read && !arguments.keys.come_from(written) && !is_same_file(&input, written),
                "{} cannot be both read and written",
                written.display()
            );
        }
        ensure!(
            arguments
                .report
                .as_ref()
                .is_none_or(|it| !is_same_file(it, &output)),
            "{} cannot be both output and report",
            output.display()
        );
        Ok(Self {
            search: arguments.search.search(true),
            tag: arguments.srtcp_tag_of_32,
            input,
            output,
        })
    }
}

fn parse_tag(text: &str) -> Result<ShortTag, &'static str> {
    match text {
        "10" => Ok(ShortTag::TenBytes),
        "4" => Ok(ShortTag::FourBytes),
        _ => Err("10 or 4"),
    }
}

fn given_keys(arguments: &Arguments) -> Result<KeyRing> {
    let mut ring = KeyRing::new(arguments.srtcp_tag_of_32);
    for (name, line) in arguments.keys.lines()? {
        let wrong = || format!("the key in {name} is wrong");
        let line = CryptoLine::parse(&line).with_context(wrong)?;
        ring.give(line, name.clone()).with_context(wrong)?;
    }
    Ok(ring)
}

/// What the first pass finds.
struct FirstLook {
    plan: Plan,
    exchanges: Exchanges,
    ladder: Ladder,
    span: Option<(u64, u64)>,
}

/// The first pass: finds signalling and media.
fn look(job: &Job) -> Result<FirstLook> {
    let (mut reader, length) = input::open(&job.input)?;
    let mut progress = Progress::new("searching", length);
    let (mut survey, mut sip) = (Survey::default(), SipReader::default());
    let (mut exchanges, mut ladder) = (Exchanges::default(), Ladder::default());
    let (mut number, mut span) = (0, None);
    let shown = job.input.display();
    while let Some(record) = reader
        .next()
        .with_context(|| format!("cannot read {shown}"))?
    {
        let Kind::Packet(packet) = &record.kind else {
            continue;
        };
        number += 1;
        if let Some(time) = packet.time {
            let (first, last) = span.unwrap_or((time, time));
            span = Some((time.min(first), time.max(last)));
        }
        if !packet.is_cut() {
            let bytes = &record.raw[packet.data.clone()];
            let content = dissect(packet.link, bytes);
            if let Content::Udp(datagram) = &content {
                survey.datagram(datagram, Look::at(&bytes[datagram.payload.clone()]));
            }
            if !job.search.no_sdp {
                sip.read(&content, bytes, |message, flow| {
                    survey.signalling(signalling::read(message));
                    exchanges.take(message, flow, number);
                    ladder.take(message, flow, number, packet.time);
                });
            }
        }
        progress.at(reader.position());
    }
    let unread = survey.unread_signalling + sip.unread();
    if unread > 0 {
        warn(&signalling::unread(unread));
    }
    let plan = decide(&survey, &job.search);
    Ok(FirstLook {
        plan,
        exchanges,
        ladder,
        span,
    })
}

/// The second pass: writes every record, with the protected media in it decrypted.
fn decrypt(
    job: &Job,
    mut decryption: Decryption,
    output: &mut OutputFile,
    listener: &mut Speech,
) -> Result<Decryption> {
    let (mut reader, length) = input::open(&job.input)?;
    let mut progress = Progress::new("decrypting", length);
    let (read, write) = (job.input.display(), output.path().display().to_string());
    let mut writer = CaptureWriter::new(output.file());
    while let Some(record) = reader
        .next()
        .with_context(|| format!("cannot read {read}"))?
    {
        let written = match &record.kind {
            Kind::Packet(packet) => match decryption.packet(&record, packet, listener) {
                Some(shorter) => writer.replace(record.raw, packet, shorter),
                None => writer.pass(&record),
            },
            _ => writer.pass(&record),
        };
        written.with_context(|| format!("cannot write {write}"))?;
        progress.at(reader.position());
    }
    writer
        .finish()
        .with_context(|| format!("cannot write {write}"))?;
    decryption.ledger.conclude();
    Ok(decryption)
}

fn tell(done: &Decryption) {
    say(&done.ledger.told());
    for ((from, to), packets) in &done.without_key {
        say(&format!(
            "left alone: {from} -> {to}: {packets} packets of media that no key is for\n"
        ));
    }
    let (all, opened) = (done.ledger.packets, done.ledger.opened);
    say(&format!(
        "{all} packets: {opened} decrypted, {} passed on as they came\n",
        all - opened
    ));
    if done.cut > 0 {
        warn(&format!(
            "{} packets were cut by the snaplen and not looked at",
            done.cut
        ));
    }
    for number in done.ring.unused() {
        warn(&format!(
            "key number {number} of those given fits no packet"
        ));
    }
}
