//! Follows the dialogs of a capture through the crate's rules: which line protects what one party sends to another, from when on.
//!
//! Nobody's keys are ours here. Each party's media is followed by a [`Session`] that listens to that party: its line in force is offered
//! to the session, which says how a receiver goes on.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use srtp_sdes::sdes::{
    Accepted, CryptoAttribute, Line, MediaSection, Offer, OurSide, Outcome, ParseMode, Policy,
    ReceiverChange, SdpSection, Session, Signalling, sections,
};
use srtp_sdes::{CryptoSuite, MasterKey, Overlap};

use super::exchanges::{Description, Exchange};
use super::opener::ShortTag;
use super::signalling::{Declared, declared_by_section};

/// Dialogs that are followed.
const MOST_DIRECTIONS: usize = 20_000;
/// Lines of one offer that are tried though none of them was agreed.
const MOST_UNAGREED: usize = 32;

/// The addresses where one party receives one medium.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) rtp: Vec<SocketAddr>,
    pub(crate) rtcp: Vec<SocketAddr>,
}

impl Ends {
    pub(crate) fn have(&self, address: SocketAddr) -> bool {
        self.rtp.contains(&address) || self.rtcp.contains(&address)
    }

    fn of(declared: &[Declared], section: &SdpSection<'_>) -> Self {
        let mut ends = Self {
            rtp: declared.iter().map(|it| it.rtp).collect(),
            rtcp: declared.iter().map(|it| it.rtcp).collect(),
        };
        if let (true, Some(address)) = (ends.rtp.is_empty(), section.address) {
            ends.rtp.push(address);
            let above = SocketAddr::new(address.ip(), address.port().wrapping_add(1));
            ends.rtcp.push(above);
        }
        ends
    }

    /// Takes further addresses, as those of a re-offer; a few suffice.
    pub(crate) fn extend(&mut self, more: Self) {
        const MOST: usize = 64;
        for (to, from) in [(&mut self.rtp, more.rtp), (&mut self.rtcp, more.rtcp)] {
            for address in from {
                if !to.contains(&address) && to.len() < MOST {
                    to.push(address);
                }
            }
        }
    }
}

/// What one party sends to another in one medium, or a line for it that was signalled and not agreed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    call: String,
    own_tag: String,
    other_tag: String,
    hop: (SocketAddr, SocketAddr),
    section: usize,
    /// The tag of a line that was not agreed.
    pub(crate) unagreed: Option<u32>,
}

/// Something that a direction learns.
pub(crate) struct Event {
    /// The packet from which on it counts.
    pub(crate) packet: u64,
    pub(crate) way: Way,
    pub(crate) from: Ends,
    pub(crate) to: Ends,
    pub(crate) line: CryptoAttribute,
    pub(crate) change: ReceiverChange,
    /// Where the line stood.
    pub(crate) whose: String,
}

/// Follows the dialogs.
pub(crate) struct Dialogs {
    policy: Policy,
    listeners: HashMap<Way, Session>,
    pub(crate) events: Vec<Event>,
}

/// One section of an exchange, with who describes what.
struct Pair<'a> {
    offer: &'a Description,
    answer: &'a Description,
    offered: &'a SdpSection<'a>,
    answered: &'a SdpSection<'a>,
    offerer: Ends,
    answerer: Ends,
    section: usize,
    packet: u64,
}

impl Dialogs {
    /// For peers whose SRTCP tags under the `_32` suites are expected to be so.
    pub(crate) fn new(tag: ShortTag) -> Self {
        let policy = Policy::compatible()
            .suites(&CryptoSuite::ALL)
            .allow_unencrypted_srtp()
            .allow_unencrypted_srtcp()
            .allow_unauthenticated_srtp()
            .allow_downgrade()
            .allow_clear_signalling()
            .overlap(Overlap::UntilEnded)
            .srtcp_tag_of_32(tag.policy());
        Self {
            policy,
            listeners: HashMap::new(),
            events: Vec::new(),
        }
    }

    /// Takes an answer, and says what came of each section.
    ///
    /// The first answer counts from its offer on: the answerer may send before its answer arrives, and so is to be opened.
    pub(crate) fn take(&mut self, exchange: &Exchange, nth: usize) -> Result<Vec<String>> {
        let (offer, answer) = (&exchange.offer, &exchange.answers[nth]);
        let packet = if nth == 0 {
            offer.packet
        } else {
            answer.packet
        };
        let of = |text: &str| declared_by_section(text.as_bytes()).unwrap_or_default();
        let (by_offerer, by_answerer) = (of(&offer.text), of(&answer.text));
        let ends = |declared: &[Vec<Declared>], nth: usize, section| {
            let declared = declared.get(nth).map_or(&[][..], Vec::as_slice);
            Ends::of(declared, section)
        };
        let (offered, answered) = (sections(&offer.text), sections(&answer.text));
        let mut agreed = Vec::new();
        for (section, (offered, answered)) in offered.iter().zip(&answered).enumerate() {
            let pair = Pair {
                offer,
                answer,
                offered,
                answered,
                offerer: ends(&by_offerer, section, offered),
                answerer: ends(&by_answerer, section, answered),
                section,
                packet,
            };
            let media = offered.media_line.split([' ', '=']).nth(1);
            let came_of_it = self.judge(&pair)?;
            agreed.push(format!("{came_of_it} for {}", media.unwrap_or("?")));
        }
        Ok(agreed)
    }

    /// Takes a response whose description has no counterpart, as where the capture begins between offer and answer: a single line in it is that of
    /// an answer.
    pub(crate) fn take_alone(&mut self, exchange: &Exchange) {
        let alone = &exchange.offer;
        if alone.is_request || !exchange.answers.is_empty() {
            return;
        }
        let declared = declared_by_section(alone.text.as_bytes()).unwrap_or_default();
        let described = sections(&alone.text);
        for (nth, section) in described.iter().enumerate() {
            let declared = declared.get(nth).map_or(&[][..], Vec::as_slice);
            let pair = Pair {
                offer: alone,
                answer: alone,
                offered: section,
                answered: section,
                offerer: Ends::default(),
                answerer: Ends::of(declared, section),
                section: nth,
                packet: 0,
            };
            if let [line] = &usable_lines(section)[..] {
                self.note_unagreed(&pair, line.secret_copy(), false);
            }
        }
    }

    /// The offer and its answer by the rules of the crate.
    fn judge(&mut self, pair: &Pair<'_>) -> Result<String> {
        // A line that cannot be read is one that nobody takes.
        let readable: Vec<&str> = pair
            .offered
            .attributes
            .iter()
            .copied()
            .filter(is_readable)
            .collect();
        let offered = MediaSection {
            attributes: &readable,
            ..pair.offered.media()
        };
        let reason = match Offer::from_secret_section(&offered, &self.policy) {
            Ok(mut offer) => match offer.accept(&pair.answered.media()) {
                Accepted::Srtp(srtp) => {
                    let line = offer.attributes().find(|it| it.tag() == srtp.tag);
                    let ours = line.map(CryptoAttribute::secret_copy);
                    let theirs = usable_lines(pair.answered).into_iter().next();
                    if let (Some(ours), Some(theirs)) = (ours, theirs) {
                        let suite = ours.suite_name().to_owned();
                        self.hear(pair, ours, true)?;
                        self.hear(pair, theirs, false)?;
                        self.note_declined(pair, srtp.tag);
                        return Ok(format!("agreed: tag {}, {suite},", srtp.tag));
                    }
                    "no usable line".to_owned()
                }
                Accepted::PlainRtp(_) => return Ok("agreed: plain RTP".to_owned()),
                Accepted::RefusedByPeer => return Ok("refused: port 0".to_owned()),
                Accepted::Reject(rejection) => rejection.reason.to_string(),
                _ => "not for security descriptions".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        // Whoever sends all the same does so under one of these lines, as experience shows.
        for (section, by_offerer) in [(pair.offered, true), (pair.answered, false)] {
            for line in usable_lines(section).into_iter().take(MOST_UNAGREED) {
                self.note_unagreed(pair, line, by_offerer);
            }
        }
        let lines = usable_lines(pair.answered);
        let named = lines
            .iter()
            .map(|it| format!("{} {}", it.tag(), it.suite_name()));
        let answered = match lines.is_empty() {
            true => "no keys".to_owned(),
            false => named.collect::<Vec<_>>().join(", "),
        };
        Ok(format!("NOT AGREED: {answered}: {reason},"))
    }

    /// A line is in force for what one party sends.
    fn hear(&mut self, pair: &Pair<'_>, line: CryptoAttribute, by_offerer: bool) -> Result<()> {
        let way = pair.way(by_offerer, None);
        if self.listeners.len() >= MOST_DIRECTIONS && !self.listeners.contains_key(&way) {
            return Ok(());
        }
        let address = match by_offerer {
            true => pair.offered.address,
            false => pair.answered.address,
        };
        let transport = pair.answered.transport;
        let policy = &self.policy;
        let new = || Session::new(policy, Signalling::Secure);
        let session = self.listeners.entry(way.clone()).or_insert_with(new);
        let mut change = listen(session, transport, &line, address)?;
        if change.is_none() {
            // A key that comes back, which RFC 3711 §9.1 has no place for: all of it may be opened by a receiver that begins anew.
            *session = new();
            change = listen(session, transport, &line, address)?;
        }
        if let Some(change) = change {
            self.events.push(pair.event(way, line, by_offerer, change));
        }
        Ok(())
    }

    /// The lines that the answer did not take: for nobody, and known should somebody use one.
    fn note_declined(&mut self, pair: &Pair<'_>, taken: u32) {
        let declined = usable_lines(pair.offered);
        let declined = declined.into_iter().filter(|it| it.tag() != taken);
        for line in declined.take(MOST_UNAGREED) {
            let known = self.events.len();
            self.note_unagreed(pair, line, true);
            for event in self.events.iter_mut().skip(known) {
                (event.from, event.to) = Default::default();
            }
        }
    }

    fn note_unagreed(&mut self, pair: &Pair<'_>, line: CryptoAttribute, by_offerer: bool) {
        let way = pair.way(by_offerer, Some(line.tag()));
        if let Some(Ok(receiver)) = line.secret_receiver()
            && self.events.len() < MOST_DIRECTIONS
        {
            let change = ReceiverChange::Start(Box::new(receiver));
            self.events.push(pair.event(way, line, by_offerer, change));
        }
    }
}

impl Pair<'_> {
    fn way(&self, by_offerer: bool, unagreed: Option<u32>) -> Way {
        let (offerer, answerer) = (&self.answer.other_tag, &self.answer.own_tag);
        let (own, other) = match by_offerer {
            true => (offerer, answerer),
            false => (answerer, offerer),
        };
        Way {
            call: self.answer.call.clone(),
            own_tag: own.clone(),
            other_tag: other.clone(),
            hop: hop(self.answer.flow),
            section: self.section,
            unagreed,
        }
    }

    fn event(
        &self,
        way: Way,
        line: CryptoAttribute,
        by_offerer: bool,
        change: ReceiverChange,
    ) -> Event {
        let (sent, from, to) = match by_offerer {
            true => (self.offer, &self.offerer, &self.answerer),
            false => (self.answer, &self.answerer, &self.offerer),
        };
        Event {
            packet: self.packet,
            way,
            from: from.clone(),
            to: to.clone(),
            whose: format!("tag {} of {}", line.tag(), sent.source()),
            line,
            change,
        }
    }
}

/// Between whom a message went: hosts, or on one host its ports. TCP connections of one dialog come and go.
fn hop((from, to): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    let bare = |it: SocketAddr| match from.ip() == to.ip() {
        true => it,
        false => SocketAddr::new(it.ip(), 0),
    };
    let (from, to) = (bare(from), bare(to));
    (from.min(to), from.max(to))
}

fn usable_lines(section: &SdpSection<'_>) -> Vec<CryptoAttribute> {
    let media = section.media();
    let parsed = media.attributes.iter().filter(|it| is_crypto(it));
    let usable =
        parsed.filter_map(
            |text| match CryptoAttribute::parse(text, ParseMode::Tolerant) {
                Line::Usable(line) => Some(line),
                _ => None,
            },
        );
    usable.collect()
}

fn is_readable(text: &&str) -> bool {
    let parse = || CryptoAttribute::parse(text, ParseMode::Tolerant);
    !is_crypto(text) || !matches!(parse(), Line::Invalid(_))
}

fn is_crypto(text: &str) -> bool {
    let start = text.get(..9);
    start.is_some_and(|it| it.eq_ignore_ascii_case("a=crypto:"))
}

/// What a line that a party sends under changes for who receives it; `None` if the rules forbid it.
fn listen(
    session: &mut Session,
    transport: &str,
    line: &CryptoAttribute,
    address: Option<SocketAddr>,
) -> Result<Option<ReceiverChange>> {
    let text = line.secret_line();
    let section = MediaSection {
        transport,
        port: address.map_or(9, |it| it.port().max(1)),
        attributes: &[text.as_str()],
    };
    let fresh = |suite| MasterKey::generate_with(suite, getrandom::fill);
    let reply = session.offered_with(&section, address, OurSide::default(), fresh);
    reply.context("the operating system gives no random bytes")?;
    Ok(match session.commit() {
        Ok(Outcome::Srtp(changes)) => Some(changes.receiver),
        _ => None,
    })
}
