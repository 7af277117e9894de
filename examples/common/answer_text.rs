//! The text of an answer, whose keys are shown or hidden.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use srtp_sdes::MasterKey;
use srtp_sdes::sdes::{CryptoAttribute, SdpSection};

/// A line of the answer: text, or a crypto line with our key.
pub(crate) enum AnswerLine {
    Plain(String),
    Crypto(CryptoAttribute),
}

impl AnswerLine {
    pub(crate) fn secret_text(&self) -> String {
        match self {
            Self::Plain(text) => format!("{text}\r\n"),
            Self::Crypto(line) => format!("{}\r\n", *line.secret_line()),
        }
    }

    pub(crate) fn masked_text(&self) -> String {
        let Self::Crypto(line) = self else {
            return self.secret_text();
        };
        let hide =
            |text: String, key: &MasterKey| text.replace(key.secret_base64().as_str(), "(hidden)");
        line.keys().iter().fold(self.secret_text(), hide)
    }
}

/// The session level of the answer; the time is the offer's (RFC 3264 §6).
pub(crate) fn head(session: &[&str], address: IpAddr) -> Vec<AnswerLine> {
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
pub(crate) fn media(
    section: &SdpSection<'_>,
    session: &[&str],
    port: u16,
    profile: &str,
) -> Vec<AnswerLine> {
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
