//! Whole SDP texts, for stacks without an SDP parser at hand: the media sections with their attributes, and crypto lines written
//! back. All other bytes stay as they are (RFC 8866 §5).

use alloc::{string::String, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use zeroize::Zeroizing;

use super::attribute::{CryptoAttribute, Line, ParseMode};
use super::configuration::ActualConfiguration;
use super::decision::{Diagnosis, Verdict};
use super::error::SkipReason;
use super::media::{MediaSection, Profile, is_cryptex, is_ordinary_field};

/// One `m=` section of an SDP text.
#[derive(Clone)]
pub struct SdpSection<'a> {
    /// The `m=` line, without its end.
    pub media_line: &'a str,
    /// The transport of the `m=` line.
    pub transport: &'a str,
    /// The port of the `m=` line, without a number of ports behind it.
    pub port: u16,
    /// Where the section's media is to be sent: the address of its first `c=` line, or else of the session's (RFC 8866 §5.7), and `port`.
    /// `None` if that line has a host name, is malformed, or is not there. A TTL or number of addresses behind the address is passed over.
    /// `0.0.0.0` and port 0 are given as they are.
    pub address: Option<SocketAddr>,
    /// The attribute lines of the section, without their ends, and behind them an `a=cryptex` of the session level, which counts for every
    /// section (RFC 9335 §4).
    pub attributes: Vec<&'a str>,
}

impl SdpSection<'_> {
    /// The section as negotiation takes it.
    #[must_use]
    pub fn media(&self) -> MediaSection<'_> {
        MediaSection {
            transport: self.transport,
            port: self.port,
            attributes: &self.attributes,
        }
    }

    /// The `m=` line, up to the first field that has no business there: where line ends got lost, a crypto line may follow with its key.
    #[must_use]
    pub fn media_line_for_log(&self) -> &str {
        let mut end = 0;
        for field in self.media_line.split_inclusive(' ') {
            let field_alone = field.trim_end().trim_start_matches("m=");
            if !is_ordinary_field(field_alone) {
                break;
            }
            end += field.len();
        }
        self.media_line.get(..end).unwrap_or_default().trim_end()
    }
}

impl core::fmt::Debug for SdpSection<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SdpSection")
            .field("media_line", &self.media_line_for_log())
            .field("address", &self.address)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// The `m=` sections of an SDP text, in order. Lines end in CRLF, LF or CR. What stands before the first section is the session level,
/// where `a=crypto` means nothing (RFC 4568 §4): [`session_level_crypto`] tells of it. A section whose `m=` line has no port and
/// transport is there with port 0 and an empty transport.
#[must_use]
pub fn sections(sdp: &str) -> Vec<SdpSection<'_>> {
    let mut sections: Vec<SdpSection<'_>> = Vec::new();
    let (mut of_session, mut has_own, mut cryptex) = (None, false, None);
    for (line, _) in lines(sdp) {
        if line.starts_with("m=") {
            let fields = MediaFields::of(line);
            let (port, transport) = fields.map_or((0, ""), |it| (it.port, it.transport));
            has_own = false;
            sections.push(SdpSection {
                media_line: line,
                transport,
                port,
                address: of_session.map(|ip| SocketAddr::new(ip, port)),
                attributes: Vec::new(),
            });
            continue;
        }
        let connection = line.strip_prefix("c=").map(connection_address);
        match (sections.last_mut(), connection) {
            (None, Some(ip)) => of_session = ip,
            (Some(section), Some(ip)) if !has_own => {
                has_own = true;
                section.address = ip.map(|ip| SocketAddr::new(ip, section.port));
            }
            (Some(section), None) if line.starts_with("a=") => section.attributes.push(line),
            (None, None) if line.starts_with("a=") && is_cryptex(line) => cryptex = Some(line),
            _ => {}
        }
    }
    for section in &mut sections {
        section.attributes.extend(cryptex);
    }
    sections
}

/// What the crypto lines of the session level come to: nothing, since `a=crypto` stands in media sections only (RFC 4568 §4). They protect no
/// section, and nobody is told so unless by this. One diagnosis a line, whose [`line`](Diagnosis::line) counts the lines of the text from 0.
#[must_use]
pub fn session_level_crypto(sdp: &str) -> Vec<Diagnosis> {
    lines(sdp)
        .enumerate()
        .take_while(|(_, (text, _))| !text.starts_with("m="))
        .filter(|(_, (text, _))| is_one_of(text, &["crypto"]))
        .map(|(line, (text, _))| Diagnosis {
            line,
            tag: match CryptoAttribute::parse(text, ParseMode::Tolerant) {
                Line::Usable(attribute) => Some(attribute.tag()),
                Line::Skipped { attribute, .. } => attribute.map(|it| it.tag()),
                Line::Invalid(_) => None,
            },
            verdict: Verdict::Skipped(SkipReason::SessionLevel),
        })
        .collect()
}

/// The lines of a text, each with its end: CRLF, or LF as RFC 8866 §5 wants it tolerated, or CR, which some stacks take too.
pub(super) fn lines(sdp: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = sdp;
    core::iter::from_fn(move || {
        let at = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(at)?;
        let len = match behind.strip_prefix("\r\n") {
            Some(_) => 2,
            None => behind.len().min(1),
        };
        let (end, behind) = behind.split_at_checked(len)?;
        let is_over = rest.is_empty();
        rest = behind;
        (!is_over).then_some((line, end))
    })
}

/// `m=<media> <port>[/<number>] <transport> …`, and what stands on either side of the transport.
struct MediaFields<'a> {
    before: &'a str,
    port: u16,
    transport: &'a str,
    behind: &'a str,
}

impl<'a> MediaFields<'a> {
    fn of(media_line: &'a str) -> Option<Self> {
        let (_, rest) = field(media_line)?;
        let (port, rest) = field(rest)?;
        let (transport, behind) = field(rest)?;
        let port = port.split_once('/').map_or(port, |(port, _)| port);
        let before = media_line.len() - transport.len() - behind.len();
        Some(Self {
            before: media_line.get(..before)?,
            port: port.parse().ok()?,
            transport,
            behind,
        })
    }
}

/// The next field, between blanks, and what follows it.
fn field(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let end = text.find(|it: char| it.is_ascii_whitespace());
    text.split_at_checked(end.unwrap_or(text.len()))
        .filter(|(field, _)| !field.is_empty())
}

/// `IN IP4 <address>[/<ttl>[/<number>]]` or `IN IP6 <address>[/<number>]`
fn connection_address(connection: &str) -> Option<IpAddr> {
    let mut fields = connection.split_ascii_whitespace();
    let (net, kind, address) = (fields.next()?, fields.next()?, fields.next()?);
    let address = address.split_once('/').map_or(address, |(it, _)| it);
    let address: IpAddr = address.parse().ok()?;
    let name = if address.is_ipv4() { "IP4" } else { "IP6" };
    let is_said = net.eq_ignore_ascii_case("IN") && kind.eq_ignore_ascii_case(name);
    is_said.then_some(address)
}

/// **Secret:** the text with these crypto lines, and no others, in its `section`th media section (from 0), under this profile.
///
/// The new lines stand where the first crypto line stood, or else at the end of the section, with the line end that the `m=`
/// line has. Every other byte is as it was: an `a=acap` (RFC 5939), in which a key can stand too, stays. `None` if there is no such section,
/// or its `m=` line has no port and transport.
#[must_use]
pub fn with_secret_lines<'l>(
    sdp: &str,
    section: usize,
    profile: Profile,
    lines: impl IntoIterator<Item = &'l CryptoAttribute>,
) -> Option<Zeroizing<String>> {
    let lines = lines
        .into_iter()
        .map(CryptoAttribute::secret_line)
        .collect();
    with_lines(sdp, section, profile, lines, &["crypto"])
}

/// What is written into a section beside the crypto lines.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) profile: Profile,
    pub(super) cryptex: bool,
    /// The potential configuration that an answer takes.
    pub(super) configuration: Option<&'a ActualConfiguration>,
}

/// As [`with_secret_lines`], with what stands beside the crypto lines in an offer or answer of ours.
pub(super) fn negotiated_text<'l>(
    sdp: &str,
    section: usize,
    lines: impl IntoIterator<Item = &'l CryptoAttribute>,
    beside: Beside<'_>,
) -> Option<Zeroizing<String>> {
    let lines = lines.into_iter().map(CryptoAttribute::secret_line);
    let cryptex = beside.cryptex.then(|| String::from("a=cryptex").into());
    let configuration = beside.configuration.map(|it| it.line().into());
    let lines = lines.chain(cryptex).chain(configuration).collect();
    let replaced = ["crypto", "cryptex", "acfg"];
    with_lines(sdp, section, beside.profile, lines, &replaced)
}

/// As [`with_secret_lines`]. The lines stand in the place of all attributes with the names in `replaced`.
fn with_lines(
    sdp: &str,
    section: usize,
    profile: Profile,
    new: Vec<Zeroizing<String>>,
    replaced: &[&str],
) -> Option<Zeroizing<String>> {
    let room = new.iter().map(|line| line.len() + 2).sum::<usize>();
    let mut out = Zeroizing::new(String::with_capacity(sdp.len() + room + 8));
    let mut new = Some(new);
    let (mut at, mut line_end, mut found) = (None::<usize>, "\r\n", false);
    let mut is_behind_ours = false;
    let write = |out: &mut String, new: &mut Option<Vec<Zeroizing<String>>>, end: &str| {
        for line in new.take().into_iter().flatten() {
            if !out.is_empty() && !out.ends_with(['\r', '\n']) {
                out.push_str(end);
            }
            out.push_str(&line);
            out.push_str(end);
        }
    };
    for (line, end) in self::lines(sdp) {
        let is_media_line = line.starts_with("m=");
        if is_media_line {
            if at == Some(section) {
                write(&mut out, &mut new, line_end);
            }
            at = Some(at.map_or(0, |at| at + 1));
        }
        if at == Some(section) && is_one_of(line, replaced) {
            is_behind_ours |= new.as_ref().is_some_and(|new| !new.is_empty());
            write(&mut out, &mut new, line_end);
            continue;
        }
        if core::mem::take(&mut is_behind_ours)
            && line.is_empty()
            && end == "\n"
            && out.ends_with('\r')
        {
            // Our CR and this LF would be one end of a line, and the empty line gone.
            out.push('\n');
        }
        if at == Some(section) && is_media_line {
            line_end = if end.is_empty() { "\r\n" } else { end };
            let fields = MediaFields::of(line)?;
            for part in [fields.before, profile.name(), fields.behind] {
                out.push_str(part);
            }
            found = true;
        } else {
            out.push_str(line);
        }
        out.push_str(end);
    }
    if at == Some(section) {
        write(&mut out, &mut new, line_end);
    }
    found.then_some(out)
}

/// Is it an attribute of one of these names? All but `cryptex` have a value.
fn is_one_of(line: &str, names: &[&str]) -> bool {
    let attribute = line.strip_prefix("a=").or(line.strip_prefix("A="));
    let is_of = |attribute: &str, name: &&str| match *name {
        "cryptex" => is_cryptex(attribute),
        name => attribute
            .split_once(':')
            .is_some_and(|(it, _)| it.eq_ignore_ascii_case(name)),
    };
    attribute.is_some_and(|attribute| names.iter().any(|name| is_of(attribute, name)))
}
