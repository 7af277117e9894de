//! Whole SDP texts, for stacks without an SDP parser at hand: the media sections with their attributes, and crypto lines written
//! back. All other bytes stay as they are (RFC 8866 §5).

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use zeroize::Zeroizing;

use super::attribute::CryptoAttribute;
use super::media::{MediaSection, Profile};

/// One `m=` section of an SDP text.
#[derive(Clone)]
pub struct SdpSection<'a> {
    /// The `m=` line, without its end.
    pub media_line: &'a str,
    /// The transport of the `m=` line.
    pub transport: &'a str,
    /// The port of the `m=` line, without a number of ports behind it.
    pub port: u16,
    /// The attribute lines of the section, without their ends.
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
}

impl core::fmt::Debug for SdpSection<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SdpSection")
            .field("media_line", &self.media_line)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// The `m=` sections of an SDP text, in order. What stands before the first one is the session level, where `a=crypto` means nothing
/// (RFC 4568 §4). A section whose `m=` line has no port and transport is there with port 0 and an empty transport.
#[must_use]
pub fn sections(sdp: &str) -> Vec<SdpSection<'_>> {
    let mut sections: Vec<SdpSection<'_>> = Vec::new();
    for line in sdp.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with("m=") {
            let (port, transport) = port_and_transport(line).unwrap_or((0, ""));
            sections.push(SdpSection {
                media_line: line,
                transport,
                port,
                attributes: Vec::new(),
            });
        } else if let (Some(section), true) = (sections.last_mut(), line.starts_with("a=")) {
            section.attributes.push(line);
        }
    }
    sections
}

/// `m=<media> <port>[/<number>] <transport> …`
fn port_and_transport(media_line: &str) -> Option<(u16, &str)> {
    let mut fields = media_line.split_ascii_whitespace().skip(1);
    let port = fields.next()?;
    let port = port.split_once('/').map_or(port, |(port, _)| port);
    Some((port.parse().ok()?, fields.next()?))
}

/// **Secret:** the text with these crypto lines, and no others, in its `section`th media section (from 0), under this profile.
///
/// The new lines stand where the first crypto line stood, or else at the end of the section, with the line end that the `m=`
/// line has. Every other byte is as it was: an `a=acap` (RFC 5939), in which a key can stand too, stays. `None` if there is no such section,
/// or its `m=` line has no transport.
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

/// As [`with_secret_lines`]. The lines stand in the place of all attributes with the names in `replaced`.
pub(super) fn with_lines(
    sdp: &str,
    section: usize,
    profile: Profile,
    lines: Vec<Zeroizing<String>>,
    replaced: &[&str],
) -> Option<Zeroizing<String>> {
    let room = lines.iter().map(|line| line.len() + 2).sum::<usize>();
    let mut out = Zeroizing::new(String::with_capacity(sdp.len() + room + 8));
    let mut new = Some(lines);
    let (mut at, mut line_end, mut found) = (None::<usize>, "\r\n", false);
    let write = |out: &mut String, new: &mut Option<Vec<Zeroizing<String>>>, end: &str| {
        for line in new.take().into_iter().flatten() {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push_str(end);
            }
            out.push_str(&line);
            out.push_str(end);
        }
    };
    for line in sdp.split_inclusive('\n') {
        let is_media_line = line.starts_with("m=");
        if is_media_line {
            if at == Some(section) {
                write(&mut out, &mut new, line_end);
            }
            at = Some(at.map_or(0, |at| at + 1));
        }
        if at != Some(section) {
            out.push_str(line);
        } else if is_media_line {
            line_end = if line.ends_with("\r\n") || !line.ends_with('\n') {
                "\r\n"
            } else {
                "\n"
            };
            out.push_str(&with_transport(line, profile)?);
            found = true;
        } else if is_one_of(line, replaced) {
            write(&mut out, &mut new, line_end);
        } else {
            out.push_str(line);
        }
    }
    if at == Some(section) {
        write(&mut out, &mut new, line_end);
    }
    found.then_some(out)
}

/// The `m=` line with another transport, all other bytes as they were.
fn with_transport(media_line: &str, profile: Profile) -> Option<String> {
    let (_, transport) = port_and_transport(media_line)?;
    let mut fields = media_line.splitn(4, ' ');
    let (media, port, old) = (fields.next()?, fields.next()?, fields.next()?);
    let begin = media.len() + port.len() + 2;
    let kept = old.strip_prefix(transport)?;
    let mut line = media_line.get(..begin)?.to_owned();
    line.push_str(profile.name());
    line.push_str(kept);
    line.push_str(media_line.get(begin + old.len()..)?);
    Some(line)
}

/// Is it an attribute of one of these names, with a value?
fn is_one_of(line: &str, names: &[&str]) -> bool {
    let attribute = line.strip_prefix("a=").or(line.strip_prefix("A="));
    let name = attribute.and_then(|it| Some(it.split_once(':')?.0));
    name.is_some_and(|name| names.iter().any(|it| it.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdes::{Line, ParseMode};
    use alloc::{format, vec};

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn line(tag: u32) -> CryptoAttribute {
        let text = format!("{tag} AES_CM_128_HMAC_SHA1_80 {KEY}");
        match CryptoAttribute::parse(&text, ParseMode::Strict) {
            Line::Usable(attribute) => attribute,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sections_have_their_own_attributes_and_not_those_of_the_session() {
        let sdp = "v=0\r\na=crypto:1 X inline:Y\r\nm=audio 4000/2 RTP/SAVP 0\r\nc=IN IP4 192.0.2.1\r\na=sendrecv\r\nm=video 0 RTP/AVP 96\na=x\nm=broken";
        let sections = sections(sdp);
        let seen: Vec<_> = sections
            .iter()
            .map(|it| (it.transport, it.port, it.attributes.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("RTP/SAVP", 4000, vec!["a=sendrecv"]),
                ("RTP/AVP", 0, vec!["a=x"]),
                ("", 0, vec![]),
            ]
        );
    }

    #[test]
    fn writing_lines_back_leaves_every_other_byte() {
        for end in ["\r\n", "\n"] {
            let sdp = [
                "v=0",
                "s= x ",
                "m=audio 4000 RTP/AVP 0 101",
                "a=rtpmap:0 PCMU/8000",
                "m=video 5000 RTP/AVP 96",
                "a=x",
                "",
            ]
            .join(end);
            let written = with_secret_lines(&sdp, 0, Profile::Savp, [&line(5)]).unwrap();
            let crypto = format!("a=crypto:5 AES_CM_128_HMAC_SHA1_80 {KEY}{end}");
            let expected = sdp
                .replace("RTP/AVP 0", "RTP/SAVP 0")
                .replace("m=video", &format!("{crypto}m=video"));
            assert_eq!(*written, expected);
            let again = with_secret_lines(&written, 0, Profile::Avp, []).unwrap();
            assert_eq!(*again, sdp, "and taken out again");
        }
    }

    #[test]
    fn lines_stand_where_the_first_one_stood_or_at_the_end() {
        let sdp = "m=audio 4000 RTP/SAVP 0\na=crypto:1 a\na=ptime:20\na=crypto:2 b";
        let written = with_secret_lines(sdp, 0, Profile::Savp, [&line(1), &line(2)]).unwrap();
        let lines: Vec<_> = written
            .lines()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        assert_eq!(lines, ["m=audio", "a=crypto:1", "a=crypto:2", "a=ptime:20"]);
        let written =
            with_secret_lines("m=audio 4000 RTP/AVP 0", 0, Profile::Avp, [&line(7)]).unwrap();
        assert!(
            written.starts_with("m=audio 4000 RTP/AVP 0\r\na=crypto:7 "),
            "{}",
            written.len()
        );
    }

    #[test]
    fn there_is_nothing_to_write_to_where_there_is_no_section() {
        assert!(with_secret_lines("v=0\r\n", 0, Profile::Avp, []).is_none());
        assert!(with_secret_lines("m=audio 1 RTP/AVP 0\r\n", 1, Profile::Avp, []).is_none());
        assert!(with_secret_lines("m=audio", 0, Profile::Avp, []).is_none());
    }
}
