//! Whole SDP texts: what is read from them, what is written into them, and an answer to each. Lines are taken apart a second time here, byte by
//! byte.

use srtp_sdes::sdes::{
    self, Answer, CryptoAttribute, Decision, MediaSection, Profile, SdpSection, Signalling,
};
use srtp_sdes::{CryptoSuite, MasterKey};

use crate::Input;
use crate::negotiate::{Side, keys};

/// Reads the SDP text in `input`, writes lines into one of its sections, and answers that under a policy.
///
/// # Panics
/// If a byte changes that should not, what is written is not read back, or a line is taken for what it is not.
pub fn sdp(input: &[u8]) {
    let mut input = Input(input);
    let (nth, profile, policy) = (input.byte(), input.byte(), Side::read(&mut input));
    let text = String::from_utf8_lossy(input.0);
    let lines = lines(&text);
    let sections = sdes::sections(&text);
    reads(&lines, &sections, &text);

    let nth = usize::from(nth) % (sections.len() + 1);
    let profiles = [Profile::Avp, Profile::Savp, Profile::Avpf, Profile::Savpf];
    let profile = profiles[usize::from(profile) % 4];
    writes(&text, &lines, &sections, nth, profile);
    if let Some(section) = sections.get(nth) {
        answers(&text, nth, &section.media(), &policy);
    }
}

/// Lines and their ends: CRLF, LF, or CR.
fn lines(text: &str) -> Vec<(&str, &str)> {
    let bytes = text.as_bytes();
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if end > 0 {
            lines.push((&text[start..at], &text[at..at + end]));
            start = at + end;
        }
        at += end.max(1);
    }
    if start < text.len() {
        lines.push((&text[start..], ""));
    }
    lines
}

fn is_crypto(line: &str) -> bool {
    let mut line = line.to_owned();
    line.make_ascii_lowercase();
    line.starts_with("a=crypto:")
}

/// Where the sections begin, and the end of the text.
fn bounds(lines: &[(&str, &str)]) -> Vec<usize> {
    let is_media = |n: &usize| lines[*n].0.starts_with("m=");
    let mut bounds: Vec<usize> = (0..lines.len()).filter(is_media).collect();
    bounds.push(lines.len());
    bounds
}

fn attributes<'a>(lines: &[(&'a str, &str)]) -> Vec<&'a str> {
    let texts = lines.iter().map(|(line, _)| *line);
    texts.filter(|line| line.starts_with("a=")).collect()
}

fn reads(lines: &[(&str, &str)], sections: &[SdpSection<'_>], text: &str) {
    let bounds = bounds(lines);
    assert_eq!(sections.len() + 1, bounds.len());
    for (section, bound) in sections.iter().zip(bounds.windows(2)) {
        let lines = &lines[bound[0]..bound[1]];
        assert_eq!(section.media_line, lines[0].0);
        assert_eq!(section.attributes, attributes(lines));
        let fields: Vec<&str> = section.media_line.split_ascii_whitespace().collect();
        let port = fields
            .get(1)
            .and_then(|it| it.split('/').next()?.parse().ok());
        match (port, fields.get(2)) {
            (Some(port), Some(transport)) => {
                assert_eq!((section.port, section.transport), (port, *transport));
            }
            _ => assert_eq!((section.port, section.transport), (0, "")),
        }
        assert!(section.address.is_none_or(|it| it.port() == section.port));
        // Whatever a line is, parsing it is well-behaved.
        let crypto = section.attributes.iter().filter(|line| is_crypto(line));
        crypto.for_each(|line| crate::crypto_line(line.as_bytes()));
    }

    let session = &lines[..bounds[0]];
    assert_eq!(sdes::session_attributes(text), attributes(session));
    let told: Vec<usize> = sdes::session_level_crypto(text)
        .iter()
        .map(|it| it.line)
        .collect();
    let expected: Vec<usize> = (0..session.len())
        .filter(|n| is_crypto(session[*n].0))
        .collect();
    assert_eq!(told, expected);
}

fn our_lines() -> Vec<CryptoAttribute> {
    let line = |tag, suite: CryptoSuite| {
        let key = MasterKey::new(suite, &vec![tag as u8; suite.key_and_salt_len()]).unwrap();
        CryptoAttribute::new(tag, None, &[key], &[]).unwrap()
    };
    vec![
        line(1, CryptoSuite::AeadAes256Gcm),
        line(7, CryptoSuite::AesCm128HmacSha1_80),
    ]
}

fn writes(
    text: &str,
    lines: &[(&str, &str)],
    sections: &[SdpSection<'_>],
    nth: usize,
    profile: Profile,
) {
    let ours = our_lines();
    let written = sdes::with_secret_lines(text, nth, profile, &ours);
    let can_be = sections.get(nth).is_some_and(|it| !it.transport.is_empty());
    assert_eq!(written.is_some(), can_be);
    let Some(written) = written else { return };
    assert_eq!(
        *written,
        expected(lines, &sections[nth], nth, profile, &ours)
    );

    let read = sdes::sections(&written);
    assert_eq!(read.len(), sections.len());
    for (n, (read, section)) in read.iter().zip(sections).enumerate() {
        if n != nth {
            assert_eq!(read.media_line, section.media_line);
            assert_eq!(read.attributes, section.attributes);
        }
        assert_eq!(read.address, section.address);
    }
    assert_eq!(read[nth].transport, profile.name());
    let crypto: Vec<_> = read[nth]
        .attributes
        .iter()
        .filter(|it| is_crypto(it))
        .collect();
    let ours_again = ours.iter().map(CryptoAttribute::secret_line);
    assert!(
        crypto
            .into_iter()
            .copied()
            .eq(ours_again.map(|it| it.to_string()))
    );
    let again = sdes::with_secret_lines(&written, nth, profile, &ours);
    assert_eq!(again.as_deref(), Some(&*written));
}

/// The text line by line, with ours in the place of the first crypto line of the section or at its end. An empty line behind them stays one.
fn expected(
    lines: &[(&str, &str)],
    section: &SdpSection<'_>,
    nth: usize,
    profile: Profile,
    ours: &[CryptoAttribute],
) -> String {
    let bounds = bounds(lines);
    let (start, end) = (bounds[nth], bounds[nth + 1]);
    let first = (start + 1..end)
        .find(|n| is_crypto(lines[*n].0))
        .unwrap_or(end);
    let line_end = match lines[start].1 {
        "" => "\r\n",
        end => end,
    };
    let mut text = String::new();
    let mut is_behind_ours = false;
    for n in 0..=lines.len() {
        if n == first {
            if n == lines.len() && lines[n - 1].1.is_empty() {
                text += line_end;
            }
            for line in ours {
                text += &line.secret_line();
                text += line_end;
            }
            is_behind_ours = true;
        }
        let is_replaced = |line: &str| (start..end).contains(&n) && is_crypto(line);
        if let Some(kept) = lines.get(n).filter(|it| !is_replaced(it.0)) {
            if is_behind_ours && *kept == ("", "\n") && line_end == "\r" {
                text += "\n";
            }
            is_behind_ours = false;
        }
        match lines.get(n) {
            Some((line, line_end)) if n == start => {
                let at = section.transport.as_ptr() as usize - section.media_line.as_ptr() as usize;
                text += &line[..at];
                text += profile.name();
                text += &line[at + section.transport.len()..];
                text += line_end;
            }
            Some((line, _)) if is_replaced(line) => {}
            Some((line, line_end)) => {
                text += line;
                text += line_end;
            }
            None => {}
        }
    }
    text
}

/// What was negotiated stands in the answer.
fn answers(text: &str, nth: usize, media: &MediaSection<'_>, side: &Side) {
    let session = sdes::session_attributes(text);
    let signalling = Signalling::Secure;
    let answer = Answer::in_session_with(&session, media, &side.policy, signalling, keys());
    // An error: the offer has our key.
    let Ok(Answer {
        decision: Decision::Srtp(srtp),
        ..
    }) = answer
    else {
        return;
    };
    let written = srtp.secret_answer(text, nth).expect("the section is there");
    let read = sdes::sections(&written);
    assert_eq!(read[nth].transport, srtp.profile.name());
    let crypto: Vec<_> = read[nth]
        .attributes
        .iter()
        .filter(|it| is_crypto(it))
        .collect();
    assert_eq!(crypto, [&&**srtp.attribute.secret_line()]);
}
