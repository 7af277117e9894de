//! Reads in SIP messages where media is to be received: the addresses that their SDP declares.
//!
//! Only the lines that tell of addresses and of encryption reach `sdp-types`, so that a slip elsewhere in
//! a session description, of which the world is full, does not hide the call.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Media, Rtcp, Session};

/// Where one party of a call wants to receive one medium.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) rtp: SocketAddr,
    pub(crate) rtcp: SocketAddr,
    /// "audio", "video" …
    pub(crate) media: String,
    pub(crate) security: Security,
}

/// Whether the description asks for SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Srtp,
    /// It offers both, so the other party decides.
    Either,
}

/// What a SIP message declares.
#[derive(Default)]
pub(crate) struct Signalling {
    pub(crate) declared: Vec<Declared>,
    /// A description was there, but not readable.
    pub(crate) unread: bool,
}

/// Reads what a SIP message declares.
pub(crate) fn read(message: &Message<'_>) -> Signalling {
    let mut found = Signalling::default();
    if !message.description.is_empty() {
        match declared(message.description) {
            Some(media) => found.declared = media,
            None => found.unread = true,
        }
    }
    found
}

/// For a warning.
pub(crate) fn unread(count: u64) -> String {
    format!("{count} SIP messages have a session description that is not whole or not readable")
}

/// The SIP messages that a payload begins with: TCP may bring several in one segment, and RFC 3261 §7.5 lets CRLFs stand before each.
pub(crate) fn messages(mut payload: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let message = Message::at(payload)?;
        payload = message.rest;
        Some(message)
    })
}

/// A SIP message.
pub(crate) struct Message<'a> {
    head: &'a [u8],
    /// From `v=0` on; empty if there is none.
    pub(crate) description: &'a [u8],
    /// The body goes on in a segment that is not here.
    pub(crate) is_cut: bool,
    pub(crate) rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn at(payload: &'a [u8]) -> Option<Self> {
        let payload = payload.trim_ascii_start();
        let first_line = payload
            .split(|&byte| byte == b'\r' || byte == b'\n')
            .next()?;
        let is_sip = first_line.starts_with(b"SIP/2.0 ") || first_line.ends_with(b" SIP/2.0");
        if !is_sip {
            return None;
        }
        let Some(head) = find(payload, b"\r\n\r\n").map(|at| at + 4) else {
            return Some(Self {
                head: payload,
                description: &[],
                is_cut: true,
                rest: &[],
            });
        };
        let (head, body) = payload.split_at(head);
        let len = header(head, &["content-length", "l"]).and_then(|it| it.parse().ok());
        let len = len.unwrap_or(body.len());
        let (body, rest) = body.split_at(len.min(body.len()));
        Some(Self {
            head,
            description: description_in(body),
            is_cut: body.len() < len,
            rest,
        })
    }

    /// A request's method, or a response's status with its reason.
    pub(crate) fn name(&self) -> String {
        let line = self.head.split(|it| matches!(it, b'\r' | b'\n')).next();
        let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
        let name = match line.strip_prefix("SIP/2.0 ") {
            Some(status) => status,
            None => line.split(' ').next().unwrap_or_default(),
        };
        name.chars().take(40).collect()
    }

    /// The tag of the From or To header (RFC 3261 §19.3), by the header's names.
    pub(crate) fn tag(&self, names: &[&str]) -> Option<&'a str> {
        let parameters = self.header(names)?;
        // What stands in angle brackets are parameters of the URI.
        let behind = parameters
            .rfind('>')
            .map_or(parameters, |at| &parameters[at..]);
        let mut parameters = behind.split(';').map(str::trim);
        parameters.find_map(|it| it.strip_prefix("tag="))
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        let status = self.head.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    /// The first header with one of these names, which are in lower case.
    pub(crate) fn header(&self, names: &[&str]) -> Option<&'a str> {
        header(self.head, names)
    }
}

/// The description in a body, which may be one part of several (RFC 5621).
pub(crate) fn description_in(body: &[u8]) -> &[u8] {
    let start = if body.starts_with(b"v=0") {
        0
    } else {
        match find(body, b"\nv=0") {
            Some(at) => at + 1,
            None => return &[],
        }
    };
    let description = &body[start..];
    &description[..find(description, b"\n--").unwrap_or(description.len())]
}

/// Names have a short form too (RFC 3261 §7.3.3).
fn header<'a>(head: &'a [u8], names: &[&str]) -> Option<&'a str> {
    std::str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_one = |it: &&str| it.eq_ignore_ascii_case(name.trim());
        names.iter().any(is_one).then_some(value.trim())
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The media that each section of a session description asks to receive, or `None` if it cannot be read.
pub(crate) fn declared_by_section(description: &[u8]) -> Option<Vec<Vec<Declared>>> {
    let text = String::from_utf8_lossy(description);
    let kept: String = text
        .lines()
        .map(str::trim)
        .filter(|line| {
            ["v=", "c=", "m=", "a="]
                .iter()
                .any(|it| line.starts_with(it))
        })
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let session = Session::parse(kept.as_bytes()).ok()?;
    let media = session.medias.iter();
    Some(media.map(|it| declared_by_media(&session, it)).collect())
}

/// The media that a session description asks to receive, each address once.
fn declared(description: &[u8]) -> Option<Vec<Declared>> {
    let mut found: Vec<Declared> = Vec::new();
    for section in declared_by_section(description)? {
        for one in section {
            match found.iter_mut().find(|it| it.rtp == one.rtp) {
                // One address for several m-lines: bundled media, or one medium offered with and without SRTP.
                Some(same) => {
                    if !same.media.contains(&one.media) {
                        same.media = format!("{}+{}", same.media, one.media);
                    }
                    if same.security != one.security {
                        same.security = Security::Either;
                    }
                }
                None => found.push(one),
            }
        }
    }
    Some(found)
}

fn declared_by_media(session: &Session, media: &Media) -> Vec<Declared> {
    let proto = media.proto.to_ascii_uppercase();
    // Port 0 declines the medium (RFC 3264 §6).
    if !proto.contains("RTP/") || proto.starts_with("TCP") || media.port == 0 {
        return Vec::new();
    }
    let has = |name| media.has_attribute(name) || session.has_attribute(name);
    let security = if proto.contains("SAVP") {
        Security::Srtp
    } else if ["crypto", "fingerprint", "tcap", "acap"]
        .into_iter()
        .any(has)
    {
        // SRTP if the other side has it too: keys beside RTP/AVP as many phones send them, or RFC 5939.
        Security::Either
    } else {
        Security::Plain
    };
    let one = |rtp: SocketAddr, rtcp: SocketAddr| Declared {
        rtp,
        rtcp,
        media: media.media.clone(),
        security,
    };
    let mut found = Vec::new();
    let connection = media.connections.first().or(session.connection.as_ref());
    if let Some(ip) = connection
        .and_then(|it| it.try_address().ok())
        .map(|it| it.ip)
        && !ip.is_unspecified()
    {
        // One port for RTP and one for RTCP each (RFC 8866 §5.14).
        for nth in 0..media.num_ports.unwrap_or(1).clamp(1, 16) {
            let port = media.port.wrapping_add(2 * nth);
            let rtcp = rtcp_address(media, ip, port);
            found.push(one(SocketAddr::new(ip, port), rtcp));
        }
    }
    let candidates: Vec<(u16, SocketAddr)> = media
        .get_attribute_values("candidate")
        .flatten()
        .filter_map(candidate)
        .collect();
    for &(component, address) in &candidates {
        if component == 1 && found.iter().all(|it| it.rtp != address) {
            let next = SocketAddr::new(address.ip(), address.port().wrapping_add(1));
            let of_host = |it: &&(u16, SocketAddr)| it.0 == 2 && it.1.ip() == address.ip();
            let rtcp = candidates.iter().find(of_host).map_or(next, |it| it.1);
            found.push(one(address, rtcp));
        }
    }
    found
}

/// `a=rtcp` (RFC 3605), else the next port (RFC 3550 §11).
fn rtcp_address(media: &Media, ip: IpAddr, rtp_port: u16) -> SocketAddr {
    match media.get_first_attribute_typed::<Rtcp>() {
        Some(Ok(rtcp)) => {
            let own = rtcp.try_address().and_then(Result::ok).map(|it| it.ip);
            SocketAddr::new(own.unwrap_or(ip), rtcp.port)
        }
        _ => SocketAddr::new(ip, rtp_port.wrapping_add(1)),
    }
}

/// Component and address of an ICE candidate over UDP (RFC 8839 §5.1).
fn candidate(value: &str) -> Option<(u16, SocketAddr)> {
    let mut fields = value.split_ascii_whitespace();
    let component = fields.nth(1)?.parse().ok()?;
    if !fields.next()?.eq_ignore_ascii_case("udp") {
        return None;
    }
    let ip: IpAddr = fields.nth(1)?.parse().ok()?;
    let port = fields.next()?.parse().ok()?;
    Some((component, SocketAddr::new(ip, port)))
}
