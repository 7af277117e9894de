//! Answers an SDP offer of SRTP under a policy, and says of every crypto line what came of it.
//!
//! ```text
//! cargo run --example negotiate                            # a SIP trunk's nine-line offer, bundled with the crate
//! cargo run --example negotiate -- --preset strong offer.sdp
//! cargo run --example negotiate -- --help
//! ```

mod common;

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use srtp_sdes::sdes::{
    Answer, CryptoAttribute, Decision, Line, ParseMode, SdpSection, Signalling, SipHint, Verdict,
    sections, session_attributes,
};
use srtp_sdes::{CryptoSuite, MasterKey};
use zeroize::Zeroizing;

use common::args::{self, say};
use common::output::{OutputFile, is_same_file};
use common::policy::PolicyArgs;
use common::table;

/// Answers an SDP offer of SRTP: the decision for every stream and crypto line, and the answer.
///
/// Without arguments it answers a SIP trunk's nine-line offer that is bundled with the crate.
#[derive(Parser)]
#[command(name = "negotiate", after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// The offer, alone or in a SIP message; `-` for standard input
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

    /// Where to write the answer with its keys, readable by you alone
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,

    /// Replace the file if it is there already
    #[arg(long, requires = "answer")]
    force: bool,

    /// Print the keys made here
    #[arg(long)]
    print_keys: bool,
}

const EXAMPLES: &str = "\
Examples:
  negotiate --suites AES_CM_128_HMAC_SHA1_80 --answer-profile secure
  negotiate --preset strong --answer answer.sdp offer.sdp
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
    let offer = read(input)?;
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
    let answered = answer(&offer, arguments)?;
    say(&answered.told);
    let Some(lines) = answered.lines else {
        ensure!(output.is_none(), "there is no answer to write");
        return Ok(());
    };
    let whole = || {
        Zeroizing::new(
            lines
                .iter()
                .map(AnswerLine::secret_text)
                .collect::<String>(),
        )
    };
    match arguments.print_keys {
        true => say(&whole()),
        false => say(&lines
            .iter()
            .map(AnswerLine::masked_text)
            .collect::<String>()),
    }
    if let Some(mut file) = output.take() {
        file.write_all(whole().as_bytes())?;
        let path = file.path().display().to_string();
        file.publish()?;
        say(&format!(
            "\nwrote the answer with its keys to {path}, readable by you alone\n"
        ));
    }
    Ok(())
}

/// The session description in a file: all of it, or what follows the head of a SIP message.
fn read(input: &Path) -> Result<Zeroizing<String>> {
    let shown = input.display();
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match input.as_os_str() == "-" {
        true => io::stdin().read_to_end(&mut bytes),
        false => File::open(input).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.with_context(|| format!("cannot read the offer from {shown}"))?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let start = match text.starts_with("v=0") {
        true => Some(0),
        false => text.find("\nv=0").map(|at| at + 1),
    };
    let start = start.with_context(|| {
        format!("there is no session description in {shown}: none begins with v=0")
    })?;
    ensure!(
        !sections(&text[start..]).is_empty(),
        "the session description in {shown} has no m= line"
    );
    Ok(Zeroizing::new(text[start..].to_owned()))
}

/// A line of the answer: text, or a crypto line with our key.
enum AnswerLine {
    Plain(String),
    Crypto(CryptoAttribute),
}

impl AnswerLine {
    fn secret_text(&self) -> String {
        match self {
            Self::Plain(text) => format!("{text}\r\n"),
            Self::Crypto(line) => format!("{}\r\n", *line.secret_line()),
        }
    }

    fn masked_text(&self) -> String {
        let Self::Crypto(line) = self else {
            return self.secret_text();
        };
        let hide =
            |text: String, key: &MasterKey| text.replace(key.secret_base64().as_str(), "(hidden)");
        line.keys().iter().fold(self.secret_text(), hide)
    }
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
    let (mut told, mut hint, mut accepted, mut passes_on) = (String::new(), None, 0, false);
    let mut port = arguments.port;
    for section in sections(offer) {
        let answer = Answer::in_session_with(
            &session_attributes(offer),
            &section.media(),
            &policy,
            signalling,
            fresh_key,
        )?;
        told += &format!("{}\n{}", section.media_line, diagnoses(&section, &answer));
        for it in &answer.configurations {
            let number = it
                .number
                .map_or("?".to_owned(), |number| number.to_string());
            told += &format!("potential configuration {number}: {}\n", it.verdict);
        }
        let (profile, crypto) = match answer.decision {
            Decision::Srtp(srtp) => {
                told += &format!(
                    "=> SRTP in {}: tag {}, {}\n\n",
                    srtp.profile,
                    srtp.attribute.tag(),
                    srtp.suite()
                );
                (Some(srtp.profile), Some(srtp.attribute))
            }
            Decision::PlainRtp(plain) => {
                told += &format!("=> PLAIN RTP in {}: media in the clear\n\n", plain.profile);
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

/// What each crypto line came to, as a table.
fn diagnoses(section: &SdpSection<'_>, answer: &Answer) -> String {
    let row = |it: &srtp_sdes::sdes::Diagnosis| {
        let text = section.attributes.get(it.line).copied().unwrap_or_default();
        let suite = match CryptoAttribute::parse(text, ParseMode::Tolerant) {
            Line::Usable(line)
            | Line::Skipped {
                attribute: Some(line),
                ..
            } => line.suite_name().to_owned(),
            // What stands where the suite should be may be a key.
            _ => "?".to_owned(),
        };
        let verdict = match it.verdict {
            Verdict::Chosen => "CHOSEN".to_owned(),
            Verdict::Acceptable => "acceptable".to_owned(),
            Verdict::Unacceptable(why) => format!("not acceptable: {why}"),
            Verdict::Skipped(why) => format!("passed over: {why}"),
            Verdict::Invalid(error) => format!("invalid: {error}"),
            _ => "?".to_owned(),
        };
        vec![
            it.tag.map_or("?".to_owned(), |tag| tag.to_string()),
            suite,
            verdict,
        ]
    };
    let rows: Vec<_> = answer.diagnoses.iter().map(row).collect();
    match rows.is_empty() {
        true => "no crypto line\n".to_owned(),
        false => table::render(
            &[("tag", true), ("suite", false), ("what came of it", false)],
            &rows,
        ),
    }
}

/// The session level of the answer; the time is the offer's (RFC 3264 §6).
fn head(session: &[&str], address: IpAddr) -> Vec<AnswerLine> {
    let version = if address.is_ipv4() { "IP4" } else { "IP6" };
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let id = since.map_or(0, |since| since.as_secs());
    let time = session.iter().find(|line| line.starts_with("t="));
    let lines = [
        "v=0".to_owned(),
        format!("o=- {id} 1 IN {version} {address}"),
        "s=-".to_owned(),
        format!("c=IN {version} {address}"),
        (*time.unwrap_or(&"t=0 0")).to_owned(),
    ];
    lines.map(AnswerLine::Plain).into()
}

/// A section of the answer without its crypto line: the formats and their parameters as offered, the direction turned round.
fn media(section: &SdpSection<'_>, session: &[&str], port: u16, profile: &str) -> Vec<AnswerLine> {
    let mut fields = section.media_line.split_ascii_whitespace();
    let media = fields.next().unwrap_or("m=audio");
    let formats: String = fields.skip(2).flat_map(|format| [" ", format]).collect();
    let mut lines = vec![format!("{media} {port} {profile}{formats}")];
    if port != 0 {
        let is_kept = |line: &&str| {
            let name = line
                .trim_start_matches("a=")
                .split(':')
                .next()
                .unwrap_or_default();
            ["rtpmap", "fmtp", "ptime", "maxptime", "mid", "rtcp-mux"].contains(&name)
        };
        let kept = section.attributes.iter().copied().filter(is_kept);
        lines.extend(kept.map(str::to_owned));
        let turned = |line: &&str| match *line {
            "a=sendonly" => Some("a=recvonly"),
            "a=recvonly" => Some("a=sendonly"),
            "a=inactive" => Some("a=inactive"),
            "a=sendrecv" => Some("a=sendrecv"),
            _ => None,
        };
        let direction = section.attributes.iter().chain(session).find_map(turned);
        lines.extend(direction.map(str::to_owned));
    }
    lines.into_iter().map(AnswerLine::Plain).collect()
}
