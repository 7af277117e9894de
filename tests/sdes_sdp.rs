//! The SDP text convenience: what it finds in texts as they are seen, and that writing lines back changes nothing else.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use srtp_sdes::sdes::{
    CryptoAttribute, Line, ParseMode, Profile, SkipReason, Verdict, sections, session_attributes,
    session_level_crypto, with_secret_lines,
};

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
fn media_goes_to_the_address_of_the_section_or_else_of_the_session() {
    let address = |session: &str, media: &str| {
        let sdp = format!("v=0\r\n{session}t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n{media}a=x\r\n");
        let sections = sections(&sdp);
        assert_eq!(sections[0].attributes, ["a=x"]);
        sections[0].address.map(|it| it.to_string())
    };
    let own = "c=IN IP4 192.0.2.1\r\n";
    for (session, media, expected) in [
        (own, "", Some("192.0.2.1:4000")),
        ("", own, Some("192.0.2.1:4000")),
        ("c=IN IP6 2001:db8::9\r\n", own, Some("192.0.2.1:4000")),
        ("c=in ip6 2001:db8::9 \r\n", "", Some("[2001:db8::9]:4000")),
        ("", "c=IN IP4 224.2.1.1/127\r\n", Some("224.2.1.1:4000")),
        ("", "c=IN IP4 224.2.1.1/127/3\r\n", Some("224.2.1.1:4000")),
        ("", "c=IN IP6 ff15::101/3\r\n", Some("[ff15::101]:4000")),
        ("", "c=IN IP4 0.0.0.0\r\n", Some("0.0.0.0:4000")),
        // Layers of one medium (RFC 8866 §5.7): the first is the base.
        (
            "",
            "c=IN IP4 224.2.1.1/127\r\nc=IN IP4 224.2.1.2/127\r\n",
            Some("224.2.1.1:4000"),
        ),
        ("", "", None),
        // A line of its own hides the session's, whatever it says.
        (own, "c=IN IP4 host.example\r\n", None),
        (own, "c=IN IP4 host.example\r\nc=IN IP4 192.0.2.2\r\n", None),
        (own, "c=IN IP6 192.0.2.1\r\n", None),
        (own, "c=IN IP4 2001:db8::9\r\n", None),
        (own, "c=ATM IP4 192.0.2.1\r\n", None),
        (own, "c=IN IP4 192.0.2.256\r\n", None),
        (own, "c=IN 192.0.2.1\r\n", None),
        (own, "c=\r\n", None),
    ] {
        assert_eq!(
            address(session, media).as_deref(),
            expected,
            "{session}{media}"
        );
    }
    let several = "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/SAVP 0\nc=IN IP4 192.0.2.2\nm=audio 4000 RTP/AVP 0\n\
                   m=video 0 RTP/AVP 96\nc=IN IP4 192.0.2.3\n";
    let sections = sections(several);
    let text = sections.iter().map(|it| it.address.unwrap().to_string());
    assert_eq!(
        text.collect::<Vec<_>>(),
        ["192.0.2.2:4000", "192.0.2.1:4000", "192.0.2.3:0"]
    );
}

#[test]
fn crypto_lines_of_the_session_level_are_told_of_and_protect_nothing() {
    let sdp = format!(
        "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=tool:x\r\na=CRYPTO:2 UNKNOWN {KEY}\r\na=crypto:x\r\n\
         m=audio 4000 RTP/SAVP 0\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
    );
    let found = session_level_crypto(&sdp);
    let seen: Vec<_> = found.iter().map(|it| (it.line, it.tag)).collect();
    assert_eq!(seen, [(1, Some(1)), (3, Some(2)), (4, None)]);
    for it in &found {
        assert_eq!(it.verdict, Verdict::Skipped(SkipReason::SessionLevel));
    }
    let shown = format!("{found:?}{}", found[0].verdict);
    assert!(shown.ends_with("passed over: a=crypto means nothing at the session level"));
    assert!(!shown.contains(&KEY[7..19]));
    assert_eq!(sections(&sdp)[0].attributes.len(), 1);
    assert!(session_level_crypto("m=audio 1 RTP/AVP 0\na=crypto:1 x\n").is_empty());
}

#[test]
fn any_line_end_ends_a_line() {
    for end in ["\r\n", "\n", "\r", "\r\r\n"] {
        let sdp = [
            "v=0",
            "a=of-session",
            "m=audio 4000 RTP/AVP 0",
            "a=x",
            "m=audio 5000 RTP/AVP 0",
            "a=y",
        ]
        .join(end);
        let seen = sections(&sdp);
        let seen: Vec<_> = seen
            .iter()
            .map(|it| (it.port, &it.attributes[..]))
            .collect();
        assert_eq!(seen, [(4000, &["a=x"][..]), (5000, &["a=y"])], "{end:?}");
        assert_eq!(session_attributes(&sdp), ["a=of-session"], "{end:?}");
    }
}

/// One medium offered twice, as phones do that have no better word for "SRTP if you can".
#[test]
fn the_same_medium_twice_is_two_sections() {
    let sdp = "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 x\r\nm=audio 4000 RTP/AVP 0\r\n";
    let seen = sections(sdp);
    let seen: Vec<_> = seen
        .iter()
        .map(|it| (it.transport, it.attributes.len()))
        .collect();
    assert_eq!(seen, [("RTP/SAVP", 1), ("RTP/AVP", 0)]);
    let written = with_secret_lines(sdp, 1, Profile::Savp, [&line(2)]).unwrap();
    assert_eq!(written.matches("a=crypto:1 x").count(), 1);
    assert!(written.ends_with(&format!("{KEY}\r\n")));
}

#[test]
fn blanks_between_the_fields_of_a_media_line_stay_as_they_are() {
    let sdp = "m=audio  4000/2\tRTP/AVP  0 101 \r\n";
    assert_eq!(sections(sdp)[0].port, 4000);
    let written = with_secret_lines(sdp, 0, Profile::Savp, []).unwrap();
    assert_eq!(*written, sdp.replace("AVP", "SAVP"));
}

/// Found by fuzzing: the CR behind ours and the LF of the empty line made one line end.
#[test]
fn an_empty_line_behind_ours_stays_a_line_whatever_the_line_ends_are() {
    for (end, empty) in [
        ("\r", "\n"),
        ("\r", "\r"),
        ("\r", "\r\n"),
        ("\n", "\n"),
        ("\r\n", "\n"),
    ] {
        let before = format!("m=audio 4000 RTP/SAVP 0{end}a=x{end}");
        let sdp = format!("{before}a=crypto:1 x\r\n{empty}a=y{end}");
        let written = with_secret_lines(&sdp, 0, Profile::Savp, [&line(5), &line(6)]).unwrap();
        assert_eq!(sections(&written)[0].attributes.len(), 4);
        let behind = format!("{empty}a=y{end}");
        assert!(written.starts_with(&before) && written.ends_with(&behind));
        let lines = |text: &str| text.replace("\r\n", "\n").matches(['\r', '\n']).count();
        assert_eq!(lines(&written), lines(&sdp) + 1, "{end:?} {empty:?}");
        let again = with_secret_lines(&written, 0, Profile::Savp, [&line(5), &line(6)]).unwrap();
        assert_eq!(again, written);
    }
}

#[test]
fn writing_lines_back_leaves_every_other_byte() {
    for end in ["\r\n", "\n", "\r"] {
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
    let written = with_secret_lines("m=audio 4000 RTP/AVP 0", 0, Profile::Avp, [&line(7)]).unwrap();
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

const PIECES: [&str; 14] = [
    "m=audio 4000 RTP/AVP 0",
    "m=video  5000/2 RTP/SAVPF 96 ",
    "m=audio",
    "m=",
    "c=IN IP4 192.0.2.1",
    "a=crypto:1 x",
    "a=Crypto:2 AES_CM_128_HMAC_SHA1_80 inline:x",
    "a=x",
    "é",
    " ",
    "\r",
    "\n",
    "\r\n",
    "\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_written_into_any_text_and_change_no_other_section(
        pieces in vec(select(&PIECES[..]), 0..30),
    ) {
        let sdp = pieces.concat();
        let before = sections(&sdp);
        prop_assert!(with_secret_lines(&sdp, before.len(), Profile::Savp, []).is_none());
        for (nth, section) in before.iter().enumerate() {
            let written = with_secret_lines(&sdp, nth, Profile::Savp, [&line(9)]);
            prop_assert_eq!(written.is_none(), section.transport.is_empty());
            let Some(written) = written else { continue };
            prop_assert_eq!(session_level_crypto(&written), session_level_crypto(&sdp));
            let after = sections(&written);
            prop_assert_eq!(after.len(), before.len());
            for (at, (was, is)) in before.iter().zip(&after).enumerate() {
                prop_assert_eq!(was.address, is.address);
                if at != nth {
                    prop_assert_eq!((was.media_line, &was.attributes), (is.media_line, &is.attributes));
                    continue;
                }
                prop_assert_eq!(is.transport, "RTP/SAVP");
                let is_crypto = |it: &&&str| it.to_ascii_lowercase().starts_with("a=crypto:");
                let crypto: Vec<_> = is.attributes.iter().filter(is_crypto).collect();
                prop_assert!(crypto.len() == 1 && crypto[0].starts_with("a=crypto:9 "));
                let others = |it: &[&str]| it.iter().filter(|it| !is_crypto(it)).map(|it| it.to_string()).collect::<Vec<_>>();
                prop_assert_eq!(others(&was.attributes), others(&is.attributes));
            }
        }
    }
}
