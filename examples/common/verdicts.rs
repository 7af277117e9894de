//! What offers, answers and their crypto lines came to, in words that show no key.

use srtp_sdes::sdes::{
    Accepted, Answer, CryptoAttribute, Diagnosis, Line, MediaSection, Offer, ParseMode, Policy,
    SdpSection, SectionError, Verdict, sections, session_level_crypto,
};

use super::table;

/// What each crypto line of an offer came to.
pub(crate) fn diagnoses(section: &SdpSection<'_>, answer: &Answer) -> String {
    let row = |it: &Diagnosis| {
        let text = section.attributes.get(it.line).copied().unwrap_or_default();
        let tag = it.tag.map_or("?".to_owned(), |tag| tag.to_string());
        vec![tag, tag_and_suite(text).1, in_words(it.verdict)]
    };
    lines(&answer.diagnoses.iter().map(row).collect::<Vec<_>>())
}

fn in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Chosen => "CHOSEN".to_owned(),
        Verdict::Acceptable => "acceptable".to_owned(),
        other => other.to_string(),
    }
}

fn lines(rows: &[Vec<String>]) -> String {
    match rows.is_empty() {
        true => "no crypto line\n".to_owned(),
        false => table::render(
            &[("tag", true), ("suite", false), ("what came of it", false)],
            rows,
        ),
    }
}

/// Of a line that cannot be read nothing is shown: what stands where the suite should be may be a key.
fn tag_and_suite(text: &str) -> (String, String) {
    // A capability has its number before the attribute (RFC 5939 §3.4.2).
    let capability = text
        .strip_prefix("a=acap:")
        .and_then(|it| it.split_once(' '));
    let text = capability.map_or(text, |(_, attribute)| attribute);
    match CryptoAttribute::parse(text, ParseMode::Tolerant) {
        Line::Usable(line)
        | Line::Skipped {
            attribute: Some(line),
            ..
        } => (line.tag().to_string(), line.suite_name_for_log().to_owned()),
        _ => ("?".to_owned(), "?".to_owned()),
    }
}

/// The crypto lines that stand where they mean nothing.
pub(crate) fn session_level(sdp: &str) -> String {
    let row = |it: &Diagnosis| {
        let tag = it.tag.map_or("?".to_owned(), |tag| tag.to_string());
        let line = it.line + 1;
        format!("line {line}, a=crypto with tag {tag}: {}\n", it.verdict)
    };
    session_level_crypto(sdp).iter().map(row).collect()
}

/// An offer that was sent, to hold answers against.
pub(crate) struct SentOffer {
    sections: Vec<Result<Offer, SectionError>>,
}

impl SentOffer {
    pub(crate) fn new(sdp: &str, policy: &Policy) -> Self {
        let rebuild = |it: &SdpSection<'_>| Offer::from_secret_section(&it.media(), policy);
        Self {
            sections: sections(sdp).iter().map(rebuild).collect(),
        }
    }

    /// What an answer comes to, section by section (RFC 3264 §6: they are as many, in the same order).
    pub(crate) fn judge(&mut self, answer: &str) -> String {
        let answered = sections(answer);
        let mut told = session_level(answer);
        for (nth, offer) in self.sections.iter_mut().enumerate() {
            told += &match answered.get(nth) {
                Some(section) => format!(
                    "{}\n{}\n",
                    section.media_line_for_log(),
                    judge(offer, section)
                ),
                None => format!("=> refused: section {} is missing\n\n", nth + 1),
            };
        }
        if let more @ 1.. = answered.len().saturating_sub(self.sections.len()) {
            told += &format!("=> refused: {more} more sections than were offered\n\n");
        }
        told
    }
}

fn judge(offer: &mut Result<Offer, SectionError>, section: &SdpSection<'_>) -> String {
    let accepted = match offer {
        Ok(offer) => offer.accept(&section.media()),
        Err(error) => return format!("=> not judged, for its offer is at fault: {error}\n"),
    };
    let (came_of_it, decision) = match &accepted {
        Accepted::Srtp(srtp) => (
            "ACCEPTED",
            format!(
                "SRTP in {}: tag {}{}",
                srtp.profile,
                srtp.tag,
                match srtp.sender {
                    Some(_) => "",
                    None =>
                        ", to receive: what is sent under this line goes to an earlier answerer",
                }
            ),
        ),
        Accepted::PlainRtp(plain) => (
            "not looked at",
            format!("PLAIN RTP in {}: media in the clear", plain.profile),
        ),
        Accepted::RefusedByPeer => ("not looked at", "refused by the peer: port 0".to_owned()),
        Accepted::PassOn => ("passed on", "passed on: the media is not ours".to_owned()),
        Accepted::Reject(rejection) => ("REFUSED", format!("refused: {}", rejection.reason)),
        _ => ("?", "?".to_owned()),
    };
    format!(
        "{}=> {decision}\n",
        answered_lines(&section.media(), came_of_it)
    )
}

fn answered_lines(section: &MediaSection<'_>, came_of_it: &str) -> String {
    let row = |text: &&str| {
        let verdict = match CryptoAttribute::parse(text, ParseMode::Tolerant) {
            Line::Usable(_) => came_of_it.to_owned(),
            Line::Invalid(error) => in_words(Verdict::Invalid(error)),
            Line::Skipped { reason, .. } => in_words(Verdict::Skipped(reason)),
            _ => "?".to_owned(),
        };
        let (tag, suite) = tag_and_suite(text);
        vec![tag, suite, verdict]
    };
    let is_crypto = |text: &&&str| {
        let start = text.get(..9);
        start.is_some_and(|it| it.eq_ignore_ascii_case("a=crypto:"))
    };
    let crypto = section.attributes.iter().filter(is_crypto);
    lines(&crypto.map(row).collect::<Vec<_>>())
}
