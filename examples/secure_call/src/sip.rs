//! SIP messages (RFC 3261), as many kinds as one call needs. Text in, text out: a real endpoint has a SIP stack here.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use zeroize::Zeroizing;

/// Longer messages are not taken.
const LONGEST: usize = 64 << 10;

/// A request or a response.
pub struct Message {
    /// `INVITE sip:… SIP/2.0` or `SIP/2.0 200 OK`
    pub start: String,
    pub headers: Vec<(String, String)>,
    /// SDP, perhaps with keys.
    pub body: Zeroizing<String>,
}

impl Message {
    fn new(start: String) -> Self {
        Self {
            start,
            headers: Vec::new(),
            body: Zeroizing::default(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn with_sdp(mut self, sdp: Zeroizing<String>) -> Self {
        self.body = sdp;
        self.with("Content-Type", "application/sdp")
    }

    /// A response with what it has to repeat of the request (§8.2.6.2).
    pub fn response(request: &Self, status: &str, to_tag: &str) -> Self {
        let mut response = Self::new(format!("SIP/2.0 {status}"));
        for (name, value) in &request.headers {
            let value = match name.as_str() {
                "To" if !value.contains(";tag=") => format!("{value};tag={to_tag}"),
                "Via" | "From" | "To" | "Call-ID" | "CSeq" => value.clone(),
                _ => continue,
            };
            response = response.with(name, value);
        }
        response
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|it| it.0.eq_ignore_ascii_case(name));
        found.map(|it| it.1.as_str())
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        let status = self.start.strip_prefix("SIP/2.0 ")?.get(..3)?;
        status.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        let (method, _) = self.start.strip_suffix(" SIP/2.0")?.split_once(' ')?;
        Some(method)
    }

    /// The message as it goes over the wire, keys included.
    pub fn secret_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(1024 + self.body.len()));
        let _ = write!(text, "{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", self.body.len());
        text.push_str(&self.body);
        text
    }

    /// Takes the first message out of what has arrived, if it is all there (§18.3).
    pub fn take(arrived: &mut Zeroizing<Vec<u8>>) -> Result<Option<Self>> {
        ensure!(arrived.len() <= LONGEST, "a SIP message is too long");
        let end = arrived.windows(4).position(|it| it == b"\r\n\r\n");
        let Some(end) = end else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&arrived[..end]).context("a SIP message is no text")?;
        let (start, headers) = head.split_once("\r\n").context("a message has no header")?;
        let mut message = Self::new(start.to_owned());
        for line in headers.split("\r\n") {
            let (name, value) = line.split_once(':').context("a header has no colon")?;
            message = message.with(name.trim(), value.trim());
        }
        let len = message.header("Content-Length");
        let len: usize = len
            .context("a message over a stream has no length")?
            .parse()?;
        let Some(body) = arrived.get(end + 4..).and_then(|it| it.get(..len)) else {
            return Ok(None);
        };
        message.headers.retain(|it| it.0 != "Content-Length");
        message.body = Zeroizing::new(String::from_utf8(body.to_vec())?);
        let rest = Zeroizing::new(arrived[end + 4 + len..].to_vec());
        *arrived = rest;
        Ok(Some(message))
    }
}

/// One side's requests in a dialog.
pub struct Dialog {
    from: String,
    to: String,
    target: String,
    call_id: String,
    transport: &'static str,
    sequence: u32,
    branch: String,
}

impl Dialog {
    pub fn new(transport: &'static str, from: &str, to: &str, target: &str) -> Result<Self> {
        Ok(Self {
            from: format!("<{from}>;tag={}", token()?),
            to: format!("<{to}>"),
            target: target.to_owned(),
            call_id: token()?,
            transport,
            sequence: 0,
            branch: String::new(),
        })
    }

    /// The next request.
    pub fn request(&mut self, method: &str) -> Result<Message> {
        self.sequence += 1;
        self.branch = format!("z9hG4bK{}", token()?);
        Ok(self.message(method))
    }

    /// The ACK to a final response. After a refusal it belongs to the INVITE's transaction, else it is one of its own (§17.1.1.3, §13.2.2.4).
    pub fn ack(&mut self, response: &Message) -> Result<Message> {
        if response.status().is_some_and(|status| status < 300) {
            self.branch = format!("z9hG4bK{}", token()?);
        }
        Ok(self.message("ACK"))
    }

    fn message(&self, method: &str) -> Message {
        let Self {
            target,
            transport,
            branch,
            sequence,
            ..
        } = self;
        let via = format!("SIP/2.0/{transport} 127.0.0.1;branch={branch};alias");
        Message::new(format!("{method} {target} SIP/2.0"))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", &self.from)
            .with("To", &self.to)
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{sequence} {method}"))
    }

    /// The peer's tag makes it a dialog (§12.1.2).
    pub fn learn(&mut self, response: &Message) {
        if let Some(to) = response.header("To") {
            to.clone_into(&mut self.to);
        }
    }
}

/// Random, for tags, branches and Call-IDs.
pub fn token() -> Result<String> {
    Ok(format!("{:016x}", u64::from_be_bytes(random()?)))
}

pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = graviola::random::fill(&mut bytes);
    filled
        .ok()
        .context("the operating system gives no random bytes")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Message {
        let mut dialog =
            Dialog::new("TLS", "sip:a@example", "sip:b@example", "sip:b@example").unwrap();
        let sdp = Zeroizing::new("v=0\r\n\r\nm=audio".to_owned());
        dialog.request("INVITE").unwrap().with_sdp(sdp)
    }

    #[test]
    fn messages_come_out_of_a_stream_whole_and_one_by_one() {
        let (first, second) = (invite(), invite());
        let mut arrived = Zeroizing::new(Vec::new());
        for byte in first.secret_text().bytes() {
            assert!(Message::take(&mut arrived).unwrap().is_none());
            arrived.push(byte);
        }
        arrived.extend(second.secret_text().bytes());
        for sent in [first, second] {
            let came = Message::take(&mut arrived).unwrap().unwrap();
            assert_eq!(came.secret_text(), sent.secret_text());
        }
        assert!(arrived.is_empty());
    }

    #[test]
    fn what_is_no_message_is_an_error_and_no_endless_wait() {
        for text in [
            "INVITE\r\n\r\n",
            "BYE x SIP/2.0\r\nVia\r\n\r\n",
            "BYE x SIP/2.0\r\nVia: x\r\n\r\n",
        ] {
            let mut arrived = Zeroizing::new(text.as_bytes().to_vec());
            assert!(Message::take(&mut arrived).is_err(), "{text}");
        }
        let mut endless = Zeroizing::new(vec![b'x'; LONGEST + 1]);
        assert!(Message::take(&mut endless).is_err());
    }

    #[test]
    fn a_response_repeats_what_names_the_request_and_adds_its_own_tag() {
        let invite = invite();
        let response = Message::response(&invite, "200 OK", "mine");
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            assert_eq!(response.header(name), invite.header(name));
        }
        assert_eq!(response.header("To"), Some("<sip:b@example>;tag=mine"));
        assert_eq!((response.status(), response.method()), (Some(200), None));
    }
    #[test]
    fn an_ack_is_of_the_invites_transaction_if_that_was_refused() {
        let mut dialog = Dialog::new("TLS", "sip:a@b", "sip:b@b", "sip:b@b").unwrap();
        let invite = dialog.request("INVITE").unwrap();
        for (status, is_same) in [("488 No", true), ("200 OK", false)] {
            let ack = dialog
                .ack(&Message::response(&invite, status, "x"))
                .unwrap();
            assert_eq!(ack.header("CSeq"), Some("1 ACK"));
            assert_eq!(ack.header("Via") == invite.header("Via"), is_same);
        }
    }
}
