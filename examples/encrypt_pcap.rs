//! Encrypts the RTP and RTCP in a capture and writes a capture that is still well formed.
//!
//! ```text
//! cargo run --release --example encrypt_pcap                         # the call bundled with the crate
//! cargo run --release --example encrypt_pcap -- call.pcap out.pcap   # your own, with fresh keys
//! cargo run --release --example encrypt_pcap -- --help
//! ```

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use srtp_sdes::CryptoSuite;

use common::args::{self, KeyArgs, SearchArgs, say, warn};
use common::capture::Kind;
use common::capture_writer::CaptureWriter;
use common::crypto_line::suite_names;
use common::datagram::{Content, dissect};
use common::decide::{Search, decide};
use common::encryption::Encryption;
use common::input;
use common::key_book::KeyBook;
use common::listen;
use common::media::Look;
use common::output::{OutputFile, beside, is_same_file, with_ending};
use common::plan::Plan;
use common::progress::Progress;
use common::report::{Report, left_alone};
use common::signalling;
use common::sip_reader::SipReader;
use common::streams::Survey;

/// Encrypts the RTP and RTCP in a pcap or pcapng capture.
///
/// Media is found by the session descriptions in SIP messages, and else by the looks of packets; all other
/// packets and all timestamps stay as they are. Without arguments it encrypts the call bundled with the crate.
#[derive(Parser)]
#[command(name = "encrypt_pcap", after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// The capture to encrypt, `-` for standard input (then --rtp must say where RTP is)
    input: Option<PathBuf>,

    /// The capture to write [default: INPUT with `.srtp` before its extension]
    output: Option<PathBuf>,

    #[command(flatten)]
    keys: KeyArgs,

    /// Make a fresh key of this suite for each sender that none is given for [default: AES_CM_128_HMAC_SHA1_80,
    /// if no key is given at all]
    #[arg(long, value_name = "NAME", value_parser = parse_suite)]
    suite: Option<CryptoSuite>,

    /// Where to write the keys made here, readable by you alone [default: OUTPUT.keys]
    #[arg(long = "keys", value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Print the keys made here instead
    #[arg(long, conflicts_with = "key_file")]
    print_keys: bool,

    /// Replace files that are there already
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    search: SearchArgs,

    /// Take also media that is SRTP already, by its session description or, without one, by its looks
    #[arg(long)]
    even_srtp: bool,
}

const EXAMPLES: &str = "\
Examples:
  encrypt_pcap call.pcap call.srtp.pcap
  encrypt_pcap --suite AEAD_AES_256_GCM --keys call.keys call.pcapng out.pcapng
  encrypt_pcap --crypto-file call.keys call.pcap out.pcap
  encrypt_pcap --crypto '192.0.2.1:4000=a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…' \\
               --crypto '192.0.2.2:5000=a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…' call.pcap out.pcap
  tcpdump -w - udp | encrypt_pcap --rtp 10000-20000 - out.pcap

--crypto shows its key to whoever may list processes; --crypto-file does not.";

/// The whole of a run, settled before anything is read.
struct Job {
    input: PathBuf,
    output: PathBuf,
    key_file: PathBuf,
    print_keys: bool,
    force: bool,
    search: Search,
    is_bundled: bool,
}

fn main() -> ExitCode {
    match args::parse::<Arguments>() {
        Ok(arguments) => args::finish(run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let job = Job::new(arguments)?;
    let mut keys = key_book(arguments)?;
    let mut output = OutputFile::create(&job.output, job.force)?;
    // Made now, so that an hour's work does not end on a key file that cannot be written.
    let key_output = match keys.may_generate() && !job.print_keys {
        true => Some(OutputFile::create_private(&job.key_file, job.force)?),
        false => None,
    };

    let plan = if input::is_stream(&job.input) {
        one_pass_plan(&job, &keys)?
    } else {
        find_media(&job, &mut keys)?
    };
    say(&left_alone(&plan.left));
    let report = encrypt(&job, plan, &mut keys, &mut output)?;
    ensure!(
        report.has_protected(),
        "no RTP found in {} that can be encrypted",
        job.input.display()
    );

    publish(output, key_output, &keys)?;
    tell(&job, &report, &keys);
    Ok(())
}

impl Job {
    fn new(arguments: &Arguments) -> Result<Self> {
        let is_bundled = arguments.input.is_none();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let input = match &arguments.input {
            Some(input) => input.clone(),
            None => folder.join("vectors/captures/plain_call.pcap"),
        };
        let output = match &arguments.output {
            Some(output) => output.clone(),
            None if is_bundled => {
                let target = folder.join("target");
                fs::create_dir_all(&target)
                    .with_context(|| format!("cannot make {}", target.display()))?;
                target.join("encrypted_call.pcap")
            }
            None => beside(&input, ".srtp")?,
        };
        ensure!(
            output.as_os_str() != "-",
            "the output must be a file, not standard output"
        );
        let key_file = arguments.key_file.clone();
        let job = Self {
            key_file: key_file.unwrap_or_else(|| with_ending(&output, ".keys")),
            print_keys: arguments.print_keys,
            // The bundled call only ever replaces its own earlier result.
            force: arguments.force || is_bundled,
            search: arguments.search.search(arguments.even_srtp),
            input,
            output,
            is_bundled,
        };
        let shown = job.input.display();
        ensure!(
            !is_same_file(&job.input, &job.output),
            "{shown} cannot be both input and output"
        );
        ensure!(
            !is_same_file(&job.input, &job.key_file),
            "{shown} cannot be both input and key file"
        );
        ensure!(
            !is_same_file(&job.output, &job.key_file),
            "{} cannot be both output and key file",
            job.output.display()
        );
        for (written, what) in [(&job.output, "output"), (&job.key_file, "key file")] {
            ensure!(
                !arguments.keys.come_from(written),
                "{} cannot be both --crypto-file and {what}",
                written.display()
            );
        }
        ensure!(
            job.input.as_os_str() != "-" || !arguments.keys.read_standard_input(),
            "standard input cannot be both the capture and the keys"
        );
        Ok(job)
    }
}

fn parse_suite(name: &str) -> Result<CryptoSuite, String> {
    name.parse()
        .map_err(|_| format!("the suites are {}", suite_names()))
}

/// The keys that the user gives, and the suite of those to make.
fn key_book(arguments: &Arguments) -> Result<KeyBook> {
    let default = (!arguments.keys.are_given()).then_some(CryptoSuite::AesCm128HmacSha1_80);
    let mut keys = KeyBook::new(arguments.suite.or(default));
    for (name, line) in arguments.keys.lines()? {
        let further = keys
            .give(&line)
            .with_context(|| format!("the key in {name} is wrong"))?;
        if further > 0 {
            warn(&format!(
                "{name} has {} keys, only the first is used",
                further + 1
            ));
        }
    }
    Ok(keys)
}

fn one_pass_plan(job: &Job, keys: &KeyBook) -> Result<Plan> {
    ensure!(
        !job.search.ports.is_empty(),
        "searching for RTP takes two passes, so give a file, or say with --rtp on which ports RTP is"
    );
    if !keys.covers_everything() {
        warn("media from senders that no key is given for will be passed on in the clear");
    }
    Ok(Plan::by_ports(job.search.ports.clone()))
}

/// The first pass: finds the media and sees to it that there is a key for each sender.
fn find_media(job: &Job, keys: &mut KeyBook) -> Result<Plan> {
    let (mut reader, length) = input::open(&job.input)?;
    let mut progress = Progress::new("searching", length);
    let (mut survey, mut sip) = (Survey::default(), SipReader::default());
    let shown = job.input.display();
    while let Some(record) = reader
        .next()
        .with_context(|| format!("cannot read {shown}"))?
    {
        let Kind::Packet(packet) = &record.kind else {
            continue;
        };
        if !packet.is_cut() {
            let bytes = &record.raw[packet.data.clone()];
            observe(&mut survey, &mut sip, &job.search, packet.link, bytes);
        }
        progress.at(reader.position());
    }
    drop(progress);
    let unread = survey.unread_signalling + sip.unread();
    if unread > 0 {
        warn(&signalling::unread(unread));
    }
    if survey.overlooked > 0 {
        let count = survey.overlooked;
        warn(&format!(
            "too many flows to watch: {count} packets that look like RTP were not looked at, name their ports with --rtp"
        ));
    }
    let plan = decide(&survey, &job.search);
    if plan.chosen.is_empty() && job.search.ports.is_empty() {
        say(&left_alone(&plan.left));
        bail!("no RTP found in {shown}; if there is some, say with --rtp on which ports");
    }
    for chosen in &plan.chosen {
        let endpoint = &plan.endpoints[chosen.endpoint];
        for ssrc in survey.ssrcs(&chosen.flow) {
            ensure!(
                keys.sender_for(chosen.endpoint, endpoint, ssrc)?.is_some(),
                "no key is given for what {} sends to {} (SSRC {ssrc:#010x}); give one, or --suite to have one made",
                endpoint.source,
                endpoint.destination
            );
        }
    }
    Ok(plan)
}

fn observe(survey: &mut Survey, sip: &mut SipReader, search: &Search, link: u16, packet: &[u8]) {
    let content = dissect(link, packet);
    if let Content::Udp(datagram) = &content {
        survey.datagram(datagram, Look::at(&packet[datagram.payload.clone()]));
    }
    if !search.no_sdp {
        sip.read(&content, packet, |message, _| {
            survey.signalling(signalling::read(message));
        });
    }
}

/// The second pass: writes every record, with the media in it encrypted.
fn encrypt(job: &Job, plan: Plan, keys: &mut KeyBook, output: &mut OutputFile) -> Result<Report> {
    let (mut reader, length) = input::open(&job.input)?;
    let mut progress = Progress::new("encrypting", length);
    let (read, write) = (job.input.display(), output.path().display().to_string());
    let mut writer = CaptureWriter::new(output.file());
    let mut encryption = Encryption::new(plan, keys);
    while let Some(record) = reader
        .next()
        .with_context(|| format!("cannot read {read}"))?
    {
        let written = match &record.kind {
            Kind::Packet(packet) => match encryption.packet(&record, packet, &writer)? {
                Some(longer) => writer.replace(record.raw, packet, longer),
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
    Ok(encryption.into_report())
}

/// Names the files: the keys first, since a capture without its keys is worth nothing.
fn publish(output: OutputFile, key_output: Option<OutputFile>, keys: &KeyBook) -> Result<()> {
    let mut written = None;
    if let (Some(mut file), Some(lines)) = (key_output, keys.secret_generated_lines()) {
        file.write_all(lines.as_bytes())?;
        written = Some(file.path().to_owned());
        file.publish()?;
    }
    output.publish().inspect_err(|_| {
        if let Some(path) = written {
            let _ = fs::remove_file(path);
        }
    })
}

fn tell(job: &Job, report: &Report, keys: &KeyBook) {
    say(&report.streams());
    say(&report.totals());
    say(&format!("wrote {}\n", job.output.display()));
    match keys.secret_generated_lines() {
        Some(lines) if job.print_keys => say(lines),
        Some(_) => {
            let (count, path) = (keys.generated_count(), job.key_file.display());
            say(&format!(
                "wrote {count} fresh {} to {path}, readable by you alone\n",
                if count == 1 { "key" } else { "keys" }
            ));
        }
        None => {}
    }
    for number in keys.unused() {
        warn(&format!(
            "key number {number} of those given fits no sender"
        ));
    }
    match report.media_in_the_clear() {
        0 => {}
        count => warn(&format!(
            "{count} PACKETS OF THE CHOSEN MEDIA ARE IN THE OUTPUT IN THE CLEAR, for the reasons above"
        )),
    }
    if job.is_bundled
        && !job.print_keys
        && let Some(suite) = keys.generated_suite()
        && let Some(hint) = listen::hint(&job.output, &job.key_file, suite)
    {
        say(&hint);
    }
}
