//! Answers an SDP offer of SRTP under a policy, and says of every crypto line what came of it; in a capture of calls also of the answers.
//!
//! ```text
//! cargo run --example negotiate                            # a SIP trunk's nine-line offer, bundled with the crate
//! cargo run --example negotiate -- --preset strong offer.sdp
//! cargo run --example negotiate -- call.pcap              # every offer in a capture, and the answers that it got
//! cargo run --example negotiate -- --help
//! ```

mod common;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use srtp_sdes::sdes::{
    Answer, ConfigurationVerdict, Decision, Signalling, SipHint, sections, session_attributes,
};
use srtp_sdes::{CryptoSuite, MasterKey};
use zeroize::Zeroizing;

use common::answer_text::{AnswerLine, head, media};
use common::args::{self, say, warn};
use common::capture::{CaptureReader, is_capture};
use common::exchanges::{Exchange, Exchanges};
use common::output::{OutputFile, is_same_file};
use common::policy::PolicyArgs;
use common::signalling::{self, Message, description_in, messages};
use common::verdicts::{SentOffer, diagnoses, session_level};

/// Answers an SDP offer of SRTP: the decision for every stream and crypto line, and the answer.
///
/// In a capture of SIP calls it does so for every offer, and says what the recorded answers come to for the offerer. That one sent its
/// offer: of the policy's flags only those about parameters count for it, not suites and mode. Without arguments it answers a SIP trunk's
/// nine-line offer that is bundled with the crate. The exit status is 0 when all offers were judged, also if that was to refuse them.
#[derive(Parser)]
#[command(name = "negotiate", after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// The offer, alone or in a SIP message, or a pcap or pcapng capture of calls; `-` for standard input
    offer: Option<PathBuf>,

    #[command(flatten)]
    policy: PolicyArgs,

    /// The offer came over signalling in the clear
    #[arg(long)]
    clear_signalling: bool,

    /// Our address in the answer
    #[arg(long, default_value = "192.0.2.2")]
    address: IpAddr,

    /// Our port in the answer; further streams take every second one above
    #[arg(long, default_value = "40000", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// Where to write the answer with its keys, readable by you alone; not for a capture
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,

    /// The answer that the offer got, alone or in a SIP message: say what it comes to for the offerer; a capture has its own
    #[arg(long, value_name = "FILE")]
    judge: Option<PathBuf>,

    /// Replace the file if it is there already
    #[arg(long, requires = "answer")]
    force: bool,

    /// Print the keys made here; not for a capture
    #[arg(long)]
    print_keys: bool,
}

const EXAMPLES: &str = "\
Examples:
  negotiate --suites AES_CM_128_HMAC_SHA1_80 --answer-profile secure
  negotiate --preset strong --answer answer.sdp offer.sdp
  negotiate --preset carrier call.pcap
  negotiate --judge answer.sdp offer.sdp
  negotiate --mode when-offered --allow-unencrypted-srtcp - < offer.sdp";

fn main() -> ExitCode {
    match args::parse::<Arguments>() {
        Ok(arguments) => args::finish(run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sdes/carrier_offer.sdp");
    let input = arguments.offer.as_deref().unwrap_or(&bundled);
    match read(input)? {
        Input::Description(offer) => {
            answer_one(&offer, input, arguments)?;
            match &arguments.judge {
                Some(path) => judge(&offer, path, arguments),
                None => Ok(()),
            }
        }
        Input::Capture(exchanges) => {
            let shown = input.display();
            ensure!(
                arguments.answer.is_none() && !arguments.print_keys && arguments.judge.is_none(),
                "--answer, --print-keys and --judge are for a single offer, and {shown} is a capture"
            );
            if exchanges.unread > 0 {
                warn(&signalling::unread(exchanges.unread));
            }
            ensure!(
                !exchanges.found.is_empty(),
                "no SIP message in {shown} has a session description"
            );
            let mut found = exchanges.found.iter();
            found.try_for_each(|exchange| answer_and_judge(exchange, arguments))
        }
    }
}

/// What we would answer to an offer, and what the answers that it got come to.
fn answer_and_judge(exchange: &Exchange, arguments: &Arguments) -> Result<()> {
    let Exchange { offer, answers } = exchange;
    let told = answer(&offer.text, arguments)?.told;
    say(&format!("OFFER: {offer}\n{}\n\n", told.trim_end()));
    let mut sent = SentOffer::new(&offer.text, &arguments.policy.policy());
    for recorded in answers {
        let judged = sent.judge(&recorded.text);
        say(&format!("RECORDED ANSWER: {recorded}\n{judged}"));
    }
    if answers.is_empty() {
        say("no answer to it was recorded\n\n");
    }
    Ok(())
}

fn judge(offer: &str, path: &Path, arguments: &Arguments) -> Result<()> {
    let shown = path.display();
    let Input::Description(answer) = read(path)? else {
        bail!("{shown} is a capture, which --judge does not take");
    };
    let mut sent = SentOffer::new(offer, &arguments.policy.policy());
    let judged = sent.judge(&answer);
    say(&format!("\nANSWER in {shown}\n{judged}"));
    Ok(())
}

/// Answers, and shows or writes the answer.
fn answer_one(offer: &str, input: &Path, arguments: &Arguments) -> Result<()> {
    let mut output = match &arguments.answer {
        Some(path) => {
            ensure!(
                !is_same_file(input, path),
                "{} cannot be both offer and answer",
                path.display()
            );
            Some(OutputFile::create_private(path, arguments.force)?)
        }
        None => None,
    };
    let answered = answer(offer, arguments)?;
    say(&answered.told);
    let Some(lines) = answered.lines else {
        ensure!(output.is_none(), "there is no answer to write");
        return Ok(());
    };
    let whole: String = lines.iter().map(AnswerLine::secret_text).collect();
    let whole = Zeroizing::new(whole);
    let masked: String = lines.iter().map(AnswerLine::masked_text).collect();
    say(if arguments.print_keys {
        &whole
    } else {
        &masked
    });
    if let Some(mut file) = output.take() {
        file.write_all(whole.as_bytes())?;
        let path = file.path().display().to_string();
        file.publish()?;
        say(&format!(
            "\nwrote the answer with its keys to {path}, readable by you alone\n"
        ));
    }
    Ok(())
}

/// What a file holds.
enum Input {
    Description(Zeroizing<String>),
    Capture(Exchanges),
}

fn read(input: &Path) -> Result<Input> {
    let shown = input.display();
    let cannot_read = || format!("cannot read {shown}");
    let mut source: Box<dyn Read> = match input.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(input).with_context(cannot_read)?),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    source
        .by_ref()
        .take(4)
        .read_to_end(&mut bytes)
        .with_context(cannot_read)?;
    if is_capture(&bytes) {
        let all = io::Cursor::new(bytes.to_vec()).chain(BufReader::new(source));
        let exchanges = CaptureReader::new(all).and_then(Exchanges::in_capture);
        return Ok(Input::Capture(exchanges.with_context(cannot_read)?));
    }
    source.read_to_end(&mut bytes).with_context(cannot_read)?;
    let is_whole = |it: &Message<'_>| !it.is_cut && !it.description.is_empty();
    let description = match messages(&bytes).find(is_whole) {
        Some(message) => message.description,
        None => description_in(&bytes),
    };
    ensure!(
        !description.is_empty(),
        "there is no session description in {shown}: none begins with v=0"
    );
    let offer = Zeroizing::new(String::from_utf8_lossy(description).into_owned());
    ensure!(
        !sections(&offer).is_empty(),
        "the session description in {shown} has no m= line"
    );
    Ok(Input::Description(offer))
}

struct Answered {
    told: String,
    /// `None` if there is nothing for us to answer with.
    lines: Option<Vec<AnswerLine>>,
}

fn answer(offer: &str, arguments: &Arguments) -> Result<Answered> {
    let policy = arguments.policy.policy();
    let signalling = match arguments.clear_signalling {
        true => Signalling::Clear,
        false => Signalling::Secure,
    };
    let session: Vec<&str> = offer
        .lines()
        .take_while(|line| !line.starts_with("m="))
        .collect();
    let mut lines = head(&session, arguments.address);
    let mut told = session_level(offer);
    let (mut hint, mut accepted, mut passes_on) = (None, 0, false);
    let mut port = arguments.port;
    for section in sections(offer) {
        let answer = Answer::in_session_with(
            &session_attributes(offer),
            &section.media(),
            &policy,
            signalling,
            fresh_key,
        )?;
        told += &format!(
            "{}\n{}",
            section.media_line_for_log(),
            diagnoses(&section, &answer)
        );
        for it in &answer.configurations {
            let number = it
                .number
                .map_or("?".to_owned(), |number| number.to_string());
            let hint = match it.verdict {
                ConfigurationVerdict::PassedOver => " (--answer-capabilities)",
                _ => "",
            };
            told += &format!("potential configuration {number}: {}{hint}\n", it.verdict);
        }
        let (mut chosen, mut cryptex) = (None, false);
        let (profile, crypto) = match answer.decision {
            Decision::Srtp(srtp) => {
                told += &format!(
                    "=> SRTP in {}: tag {}, {}{}\n\n",
                    srtp.profile,
                    srtp.attribute.tag(),
                    srtp.suite(),
                    if srtp.cryptex { ", with cryptex" } else { "" }
                );
                (chosen, cryptex) = (srtp.configuration, srtp.cryptex);
                (Some(srtp.profile), Some(srtp.attribute))
            }
            Decision::PlainRtp(plain) => {
                told += &format!("=> PLAIN RTP in {}: media in the clear", plain.profile);
                if let Some(reason) = plain.declined {
                    told += &format!(" ({reason})");
                }
                told += "\n\n";
                (Some(plain.profile), None)
            }
            Decision::Reject(rejection) => {
                told += &format!("=> refused: {}\n\n", rejection.reason);
                hint = Some(rejection.sip_hint());
                (None, None)
            }
            Decision::PassOn => {
                told += "=> passed on: the media is not ours\n\n";
                passes_on = true;
                (None, None)
            }
            Decision::PortZero => {
                told += "=> the offer itself has port 0\n\n";
                (None, None)
            }
            _ => {
                told += "=> refused: security descriptions do not apply to this transport\n\n";
                (None, None)
            }
        };
        accepted += usize::from(profile.is_some());
        let name = profile.map_or(section.transport, |profile| profile.name());
        lines.extend(media(&section, &session, profile.map_or(0, |_| port), name));
        lines.extend(crypto.map(AnswerLine::Crypto));
        lines.extend(cryptex.then(|| AnswerLine::Plain("a=cryptex".into())));
        lines.extend(chosen.map(|chosen| AnswerLine::Plain(chosen.line())));
        port = port
            .checked_add(2)
            .filter(|_| profile.is_some())
            .unwrap_or(port);
    }
    if let (
        0,
        Some(SipHint::Refuse {
            status,
            warning,
            q850_cause,
        }),
    ) = (accepted, hint)
    {
        told += &format!(
            "SIP: {status} Not Acceptable Here; Warning: 399 - \"{warning}\"; Reason: Q.850;cause={q850_cause}\n"
        );
    }
    let lines = (accepted > 0 && !passes_on).then_some(lines);
    Ok(Answered { told, lines })
}

/// With or without the crate's own source of random bytes.
fn fresh_key(suite: CryptoSuite) -> Result<MasterKey> {
    MasterKey::generate_with(suite, getrandom::fill)
        .context("the operating system gives no random bytes")
}
