//! The dialogs of one INVITE, in any order of calls, with any text of the peer's.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use srtp_sdes::sdes::{
    Changes, CryptoAttribute, MediaSection, OurSide, Outcome, Policy, Response, SenderChange,
    Session, Signalling, SrtpMode,
};
use srtp_sdes::{
    CryptoSuite, Margin, MasterKey, Overlap, ProtectError, Receiver, Sender, UnprotectError,
};

use crate::Input;
use crate::negotiate::Side;

const SSRC: u32 = 7;
const MOST_DIALOGS: usize = 4;

/// A dialog and its contexts.
struct Dialog {
    session: Session,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    /// The keys that it has offered or that were in use: none of them is to be taken for a new one.
    known: Vec<Vec<u8>>,
    /// All lines that it has sent or received.
    seen: Vec<String>,
    /// Nobody keeps the contexts of a session that was rebuilt.
    is_restored: bool,
}

struct World {
    policy: Policy,
    mode: SrtpMode,
    signalling: Signalling,
    allows_downgrade: bool,
    dialogs: Vec<Dialog>,
    made: u8,
    /// As they stand in lines.
    made_text: Vec<String>,
    seq: u16,
    /// Keys and indices of all packets that were sent.
    sent: BTreeSet<(Vec<u8>, u64)>,
}

/// One line of the script: what happens, how, and the peer's lines.
struct Step<'a> {
    what: u8,
    how: u8,
    ours: u8,
    section: u8,
    lines: Vec<&'a str>,
}

/// Plays a script. Its first eight bytes are a policy; the rest is text, a step a line: a letter and three characters, then the values of crypto
/// attributes with `~` between them, and `!` for `a=cryptex`. `@1` to `@9` stand in lines for keys of ours, `#1` to `#9` for keys of the peer's for the suite of the line.
///
/// # Panics
/// If a packet is sent under a key and index of before, a directive cannot be followed, an exchange that was refused changed something, or plain
/// RTP comes from where it is denied.
pub fn session(input: &[u8]) {
    let mut input = Input(input);
    let side = Side::read(&mut input);
    let more = input.byte();
    let bit = |n: u8| more >> n & 1 == 1;
    let overlaps = [
        Overlap::default(),
        Overlap::None,
        Overlap::UntilEnded,
        Overlap::Packets(2),
    ];
    let mut policy = side.policy.overlap(overlaps[usize::from(more & 3)]);
    if bit(2) {
        policy = policy.keep_current_suite();
    }
    if bit(3) {
        policy = policy.allow_downgrade();
    }
    if bit(4) {
        policy = policy.restart_roc_on_rekey();
    }
    let signalling = match bit(5) {
        true => Signalling::Clear,
        false => Signalling::Secure,
    };
    if bit(6) {
        policy = policy.allow_clear_signalling();
    }
    let session = Session::new(&policy, signalling);
    let mut world = World {
        mode: side.mode,
        signalling,
        allows_downgrade: bit(3),
        dialogs: vec![Dialog::of(session)],
        made: 0,
        made_text: Vec::new(),
        seq: 0,
        sent: BTreeSet::new(),
        policy,
    };
    let text = String::from_utf8_lossy(input.0);
    for step in text.split('\n').filter_map(Step::of).take(100) {
        world.play(&step);
    }
}

impl<'a> Step<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let head = text.get(..4)?.as_bytes();
        Some(Self {
            what: head[0],
            how: head[1],
            ours: head[2],
            section: head[3],
            lines: text[4..]
                .split('~')
                .filter(|line| !line.is_empty())
                .collect(),
        })
    }

    fn from(&self) -> Option<SocketAddr> {
        address(self.how >> 2, 2)
    }

    fn brings(&self) -> OurSide {
        let address = address(self.ours, 1);
        let mut ours = address.map_or(OurSide::default(), OurSide::at);
        if self.ours & 8 != 0 {
            ours = ours.with_fresh_key();
        }
        if self.ours & 16 != 0 {
            ours = ours.with_all_suites();
        }
        ours
    }
}

fn address(which: u8, side: u8) -> Option<SocketAddr> {
    let text = match which & 7 {
        0 | 1 => format!("192.0.2.{side}:4000"),
        2 => format!("192.0.2.{side}:4002"),
        3 => format!("[::ffff:192.0.2.{side}]:4000"),
        4 => "0.0.0.0:4000".to_owned(),
        5 => "[::ffff:0.0.0.0]:4000".to_owned(),
        6 => format!("[2001:db8::{side}]:4000"),
        _ => return None,
    };
    text.parse().ok()
}

fn key(seed: u8, suite: CryptoSuite) -> MasterKey {
    let made = MasterKey::generate_with(suite, |bytes| {
        let places = bytes.iter_mut().zip(0u8..);
        places.for_each(|(byte, at)| *byte = at.wrapping_mul(89) ^ seed);
        Ok::<_, ()>(())
    });
    made.expect("the bytes are given")
}

impl Dialog {
    fn of(session: Session) -> Self {
        Self {
            session,
            sender: None,
            receiver: None,
            known: Vec::new(),
            seen: Vec::new(),
            is_restored: false,
        }
    }

    /// What tells whether anything changed.
    fn state(&self) -> String {
        let text = |line: Option<&CryptoAttribute>| line.map(|it| it.secret_line().to_string());
        let lines = [self.session.our_line(), self.session.their_line()].map(text);
        format!("{:?} {lines:?}", self.session)
    }

    fn know<'l>(&mut self, lines: impl IntoIterator<Item = &'l CryptoAttribute>) {
        let keys = lines.into_iter().flat_map(CryptoAttribute::keys);
        let bytes = keys.map(|key| key.secret_key_and_salt().to_vec());
        self.known.extend(bytes);
    }

    /// Another process goes on with the session, and with nothing that was changed.
    fn fail_over(&mut self, policy: &Policy, step: &Step<'_>) {
        let secret = step.section & 1 == 1;
        let state = match secret {
            true => self.session.export_secret_state().to_vec(),
            false => self.session.export_state(),
        };
        let resume = |state: &[u8]| match secret {
            true => Session::resume_secret(state, policy),
            false => Session::resume(state, policy, self.seen.iter().map(String::as_str)),
        };
        let mut changed = state.clone();
        let at = usize::from(step.how) << 7 | usize::from(step.ours);
        let at = at % changed.len();
        changed[at] ^= 1 << (step.section >> 1 & 7);
        assert!(resume(&changed).is_err());
        assert!(resume(&state[..at]).is_err());
        let resumed = resume(&state).expect("a state as it was");
        assert_eq!(resumed.export_state(), self.session.export_state());
        if let Some(sender) = self.sender.as_mut().filter(|_| !self.is_restored) {
            let exported = sender.export_state();
            let resumed = resumed.secret_sender_resumed(&exported, Margin::NONE);
            *sender = resumed.expect("the sender of the session");
        }
        self.session = resumed;
    }
}

impl World {
    fn play(&mut self, step: &Step<'_>) {
        let which = usize::from(step.how & 3) % self.dialogs.len();
        let mut dialog = self.dialogs.swap_remove(which);
        let (before, exported) = (dialog.state(), dialog.session.export_secret_state());
        let had_leg = dialog.session.leg().is_some();
        let lines: Vec<String> = step.lines.iter().map(|line| self.filled(line)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        dialog.seen.extend(lines.iter().map(|it| (*it).to_owned()));
        let transports = ["RTP/SAVP", "RTP/AVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP"];
        let section = MediaSection {
            transport: transports[usize::from(step.section & 3)],
            port: if step.section & 4 == 0 { 4000 } else { 0 },
            attributes: &lines,
        };
        let outcome = match step.what {
            b'o' => {
                let known = dialog.known.clone();
                let repeats = step.section & 8 != 0;
                let offer = dialog
                    .session
                    .offer_with(step.brings(), self.keys(&known, repeats));
                if let Ok(offer) = offer {
                    let lines: Vec<_> = offer
                        .attributes()
                        .map(CryptoAttribute::secret_copy)
                        .collect();
                    dialog.know(&lines);
                    let lines = lines.iter().map(|it| it.secret_line().to_string());
                    dialog.seen.extend(lines);
                } else {
                    assert_eq!(dialog.state(), before);
                    assert!(dialog.session.export_secret_state() == exported);
                }
                None
            }
            b'p' => {
                let known = dialog.known.clone();
                let keys = self.keys(&known, step.section & 8 != 0);
                let reply = dialog
                    .session
                    .offered_with(&section, step.from(), step.brings(), keys);
                match reply {
                    Ok(reply) => {
                        let is_prepared = matches!(
                            reply.response,
                            Response::Srtp { .. } | Response::PlainRtp(_) | Response::PortZero
                        );
                        assert_eq!(dialog.session.has_open_exchange(), is_prepared);
                        if let Response::Srtp { attribute, .. } = &reply.response {
                            dialog.seen.push(attribute.secret_line().to_string());
                        }
                    }
                    Err(_) => {
                        assert_eq!(dialog.state(), before);
                        assert!(dialog.session.export_secret_state() == exported);
                    }
                }
                None
            }
            b'a' | b'c' => {
                let outcome = match step.what {
                    b'a' => dialog.session.answered(&section, step.from()),
                    _ => dialog.session.commit(),
                };
                let changed = dialog.session.export_secret_state() != exported;
                assert!(outcome.is_ok() || !changed);
                outcome.ok()
            }
            b'r' => {
                dialog.session.rollback();
                assert!(!dialog.session.has_open_exchange() && dialog.session.commit().is_err());
                None
            }
            b'f' if self.dialogs.len() < MOST_DIALOGS => {
                let forked = dialog.session.answered_by_fork(&section, step.from());
                assert_eq!(dialog.state(), before);
                assert!(forked.is_ok() || dialog.session.export_secret_state() == exported);
                if let Ok((session, outcome)) = forked {
                    let mut fork = Dialog::of(session);
                    fork.known.clone_from(&dialog.known);
                    fork.seen.clone_from(&dialog.seen);
                    self.follow(&mut fork, outcome, false);
                    self.dialogs.push(fork);
                }
                None
            }
            b's' => {
                self.restore(&mut dialog, &section, step);
                None
            }
            b'x' => {
                dialog.fail_over(&self.policy, step);
                assert_eq!(dialog.state(), before);
                None
            }
            _ => None,
        };
        if let Some(outcome) = outcome {
            if matches!(outcome, Outcome::Reject(_) | Outcome::PassOn) {
                // An offer that is passed on is answered.
                let is_answered =
                    before.replace("has_open_exchange: true", "has_open_exchange: false");
                assert!([before, is_answered].contains(&dialog.state()));
            }
            self.follow(&mut dialog, outcome, had_leg);
        }
        self.dialogs.push(dialog);
    }

    /// Our section is the first half of the lines.
    fn restore(&mut self, dialog: &mut Dialog, section: &MediaSection<'_>, step: &Step<'_>) {
        let (ours, theirs) = section.attributes.split_at(section.attributes.len() / 2);
        let [ours, theirs] = [ours, theirs].map(|attributes| MediaSection {
            attributes,
            ..*section
        });
        let restored = Session::restore_secret(
            &self.policy,
            self.signalling,
            (&ours, address(step.ours, 1)),
            (&theirs, step.from()),
        );
        if let Ok(session) = restored {
            *dialog = Dialog::of(session);
            dialog.is_restored = true;
            let lines = section.attributes.iter();
            dialog.seen.extend(lines.map(|it| (*it).to_owned()));
            let leg = dialog.session.leg().expect("what was agreed");
            let ours = leg.ours.secret_copy();
            dialog.know([&ours]);
        }
    }

    /// A line with keys in place of their names.
    fn filled(&self, line: &str) -> String {
        let suite = line.split(' ').nth(1).and_then(|name| name.parse().ok());
        if line == "!" {
            return "a=cryptex".to_owned();
        }
        let mut line = format!("a=crypto:{line}");
        for n in 1..=9u8 {
            if let Some(ours) = self.made_text.get(usize::from(n) - 1) {
                line = line.replace(&format!("@{n}"), ours);
            }
            if let Some(suite) = suite {
                line = line.replace(&format!("#{n}"), &key(0xff - n, suite).secret_base64());
            }
        }
        line
    }

    /// Fresh keys; at first one that is known, if `repeats`.
    fn keys<'k>(
        &'k mut self,
        known: &'k [Vec<u8>],
        mut repeats: bool,
    ) -> impl FnMut(CryptoSuite) -> Result<MasterKey, ()> + 'k {
        move |suite| {
            let fits = |bytes: &&Vec<u8>| bytes.len() == suite.key_and_salt_len();
            if let (true, Some(bytes)) = (repeats, known.iter().rfind(fits)) {
                repeats = false;
                return MasterKey::new(suite, bytes).map_err(|_| ());
            }
            self.made = self
                .made
                .checked_add(1)
                .filter(|made| *made < 0xf0)
                .ok_or(())?;
            let key = key(self.made, suite);
            self.made_text.push(key.secret_base64().to_string());
            Ok(key)
        }
    }

    fn follow(&mut self, dialog: &mut Dialog, outcome: Outcome, had_leg: bool) {
        match outcome {
            Outcome::Srtp(changes) => self.change(dialog, *changes),
            Outcome::PlainRtp(plain) => {
                assert!(self.mode != SrtpMode::Required && !plain.profile.is_secure());
                assert!(!had_leg || self.allows_downgrade);
                assert!(dialog.session.leg().is_none());
                (dialog.sender, dialog.receiver) = (None, None);
            }
            Outcome::PortZero => {
                assert!(dialog.session.leg().is_none());
                (dialog.sender, dialog.receiver) = (None, None);
            }
            _ => {}
        }
    }

    fn change(&mut self, dialog: &mut Dialog, changes: Changes) {
        let leg = dialog.session.leg().expect("what was agreed");
        let line = leg.ours.secret_copy();
        let may_be_mute = dialog.is_restored || matches!(changes.sender, SenderChange::Missing);
        assert!(dialog.is_restored || !matches!(self.mode, SrtpMode::Disabled | SrtpMode::Bypass));
        for their in leg.theirs.keys() {
            let known = &dialog.known;
            assert!(known.iter().all(|our| our != their.secret_key_and_salt()));
        }
        let applied = changes.apply(&mut dialog.sender, &mut dialog.receiver);
        applied.expect("changes in their order");
        dialog.know([&line]);
        match &mut dialog.sender {
            Some(sender) => self.send(sender, &line),
            None => assert!(may_be_mute),
        }
        let theirs = dialog.session.their_line().expect("what was agreed");
        match &mut dialog.receiver {
            Some(receiver) => self.receive(receiver, theirs),
            None => assert!(dialog.is_restored),
        }
    }

    fn packet(&mut self) -> Vec<u8> {
        self.seq += 1;
        let [high, low] = self.seq.to_be_bytes();
        vec![
            0x80, 0, high, low, 0, 0, 0, 1, 0, 0, 0, SSRC as u8, 1, 2, 3, 4,
        ]
    }

    /// The next packet is under the key of the line, and an index of its own.
    fn send(&mut self, sender: &mut Sender, line: &CryptoAttribute) {
        let mut packet = self.packet();
        match sender.protect_rtp_vec(&mut packet) {
            Ok(()) => {}
            Err(ProtectError::KeyExpired) => return,
            Err(error) => panic!("{error}"),
        }
        let receiver = line.secret_receiver().expect("a usable line");
        let mut peer = receiver.expect("parameters that fit");
        let index = peer.verify_rtp(&packet).expect("the line in force");
        let key = line.keys()[0].secret_key_and_salt().to_vec();
        assert!(self.sent.insert((key, index.value())), "a keystream twice");
    }

    /// What the peer sends under its line is heard.
    fn receive(&mut self, receiver: &mut Receiver, line: &CryptoAttribute) {
        let sender = line.secret_sender().expect("a usable line");
        let mut peer = sender.expect("parameters that fit");
        let mut packet = self.packet();
        let plain = packet.clone();
        match peer.protect_rtp_vec(&mut packet) {
            Ok(()) => {}
            Err(ProtectError::KeyExpired) => return,
            Err(error) => panic!("{error}"),
        }
        match receiver.unprotect_rtp_vec(&mut packet) {
            Ok(()) => assert_eq!(packet, plain),
            Err(UnprotectError::KeyExpired) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
