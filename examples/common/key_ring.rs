//! All keys that are known, with the state of what was opened under each, and for which packets each is meant.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use srtp_sdes::sdes::CryptoAttribute;
use srtp_sdes::{CryptoSuite, Receiver};

use super::crypto_line::{CryptoLine, SessionParameters};
use super::directions::{Ends, Event, Way};
use super::opener::{MOST_STREAMS, Opener, ShortTag};
use super::plan::{Endpoint, one_port_down};
use super::selector::Selector;
use super::streams::FlowKey;

/// Keys that are tried for one packet because they may be meant for it.
const MOST_CANDIDATES: usize = 16;

/// A key, and what is opened under it.
pub(crate) struct Key {
    place: Place,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) opener: Opener,
    pub(crate) tag: ShortTag,
    pub(crate) suite: CryptoSuite,
    pub(crate) session: SessionParameters,
    /// Where the key comes from, in words.
    pub(crate) whose: String,
    pub(crate) is_agreed: bool,
    pub(crate) was_used: bool,
    /// The flow whose packets the receiver knows. The same packets in another flow, behind a router for instance, are not replays.
    pub(crate) flow: Option<FlowKey>,
}

enum Place {
    Given(Selector),
    Signalled { from: Ends, to: Ends },
}

/// What a packet is, as far as keys care.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) flow: FlowKey,
    pub(crate) endpoint: Option<&'a Endpoint>,
    pub(crate) ssrc: u32,
    pub(crate) is_rtcp: bool,
}

/// All keys.
#[derive(Default)]
pub(crate) struct KeyRing {
    pub(crate) keys: Vec<Key>,
    given: Vec<usize>,
    of_way: HashMap<Way, usize>,
    /// The signalled keys that have to do with an address.
    at: HashMap<SocketAddr, Vec<usize>>,
    /// Events to come, the next one last.
    events: Vec<Event>,
    /// Changes with every key that comes.
    pub(crate) generation: u64,
    tag: ShortTag,
    trials: u32,
}

impl Key {
    fn new(
        place: Place,
        line: CryptoAttribute,
        receiver: Receiver,
        whose: String,
        tag: ShortTag,
    ) -> Self {
        Self {
            place,
            suite: receiver.suite(),
            session: SessionParameters::of(&line),
            receiver: Some(receiver),
            opener: Opener::new(line, tag),
            tag,
            whose,
            is_agreed: true,
            was_used: false,
            flow: None,
        }
    }

    /// Whether a packet that opens under it proves anything.
    pub(crate) fn authenticates(&self, is_rtcp: bool) -> bool {
        match is_rtcp {
            true => self.suite.rtcp_tag_len() > 0,
            false => self.suite.rtp_tag_len() > 0 && !self.session.unauthenticated_srtp,
        }
    }

    /// How closely it is meant for a packet, if it is.
    fn closeness(&self, question: &Question<'_>) -> Option<u32> {
        let Question { flow, .. } = *question;
        let below = one_port_down(flow);
        let sender = question.endpoint.map(|it| (it.source, it.destination));
        let flows = [Some(flow), sender, question.is_rtcp.then_some(below)];
        let mut flows = flows.into_iter().flatten();
        match &self.place {
            Place::Given(Selector::Everything) => Some(10),
            Place::Given(Selector::Ssrc(ssrc)) => (*ssrc == question.ssrc).then_some(100),
            Place::Given(Selector::Direction(from, to)) => {
                flows.any(|it| it == (*from, *to)).then_some(90)
            }
            Place::Given(Selector::Source(from)) => flows.any(|it| it.0 == *from).then_some(80),
            Place::Signalled { from, to } => {
                let reaches = flows.clone().any(|it| to.have(it.1));
                let leaves = flows.any(|it| from.have(it.0));
                let close = match (reaches, leaves) {
                    (true, true) => 70,
                    (true, false) => 60,
                    (false, true) => 50,
                    (false, false) => return None,
                };
                Some(close - if self.is_agreed { 0 } else { 5 })
            }
        }
    }
}

impl KeyRing {
    pub(crate) fn new(tag: ShortTag) -> Self {
        Self {
            tag,
            ..Self::default()
        }
    }

    /// Takes a line that the user gave.
    pub(crate) fn give(&mut self, line: CryptoLine, whose: String) -> anyhow::Result<()> {
        let selector = line.selector.as_deref();
        let selector = selector.map_or(Ok(Selector::Everything), Selector::parse)?;
        let Some(receiver) = receiver_of(&line, self.tag) else {
            anyhow::bail!("its parameters do not go with its suite");
        };
        let place = Place::Given(selector);
        let key = Key::new(place, line.attribute, receiver, whose, self.tag);
        self.given.push(self.keys.len());
        self.keys.push(key);
        Ok(())
    }

    /// Takes what the signalling says, for when its turn comes.
    pub(crate) fn expect(&mut self, mut events: Vec<Event>) {
        // The sort is stable: events of one packet stay in their order, which is turned round here.
        events.reverse();
        events.sort_by_key(|it| Reverse(it.packet));
        self.events = events;
    }

    /// The next packet has this number.
    pub(crate) fn advance_to(&mut self, packet: u64) {
        while self.events.last().is_some_and(|it| it.packet <= packet)
            && let Some(event) = self.events.pop()
        {
            self.learn(event);
            self.generation += 1;
        }
    }

    fn learn(&mut self, event: Event) {
        let is_agreed = event.way.unagreed.is_none();
        let Some(index) = self.of_way.get(&event.way).copied() else {
            let mut receiver = None;
            if event.change.apply(&mut receiver).is_err() {
                return;
            }
            let Some(receiver) = receiver else { return };
            let place = Place::Signalled {
                from: event.from,
                to: event.to,
            };
            let mut key = Key::new(place, event.line, receiver, event.whose, self.tag);
            key.is_agreed = is_agreed;
            self.of_way.insert(event.way, self.keys.len());
            self.keys.push(key);
            self.index(self.keys.len() - 1);
            return;
        };
        let key = &mut self.keys[index];
        if let Place::Signalled { from, to } = &mut key.place {
            from.extend(event.from);
            to.extend(event.to);
        }
        // A change that does not go with what is there leaves it as it is; the opener knows the new line all the same.
        let is_new = event.change.apply(&mut key.receiver).is_ok();
        if let (true, Some(receiver)) = (is_new, &key.receiver) {
            key.suite = receiver.suite();
        }
        key.session = SessionParameters::of(&event.line);
        key.opener = Opener::new(event.line, self.tag);
        key.whose = event.whose;
        self.index(index);
    }

    fn index(&mut self, index: usize) {
        let Place::Signalled { from, to } = &self.keys[index].place else {
            return;
        };
        for address in [&from.rtp, &from.rtcp, &to.rtp, &to.rtcp]
            .into_iter()
            .flatten()
        {
            let there = self.at.entry(*address).or_default();
            if !there.contains(&index) {
                there.push(index);
            }
        }
    }

    /// The keys that may be meant for a packet, the closest first.
    pub(crate) fn candidates(&self, question: &Question<'_>) -> Vec<usize> {
        let sender = question.endpoint.map(|it| (it.source, it.destination));
        let flows = [
            Some(question.flow),
            sender,
            Some(one_port_down(question.flow)),
        ];
        let ends = flows.into_iter().flatten().flat_map(|it| [it.0, it.1]);
        let near = ends.filter_map(|it| self.at.get(&it)).flatten();
        let keys = self.given.iter().chain(near).copied();
        let close = keys.filter_map(|it| Some((self.keys[it].closeness(question)?, it)));
        let close: HashSet<(u32, usize)> = close.collect();
        let mut close: Vec<(u32, usize)> = close.into_iter().collect();
        // Of those equally close the latest first.
        close.sort_by_key(|it| Reverse(*it));
        let proves = |it: &(u32, usize)| self.keys[it.1].authenticates(question.is_rtcp);
        let best = close.first().copied();
        close.retain(|it| Some(*it) == best || proves(it));
        close.truncate(MOST_CANDIDATES);
        close.into_iter().map(|it| it.1).collect()
    }

    /// Whether keys of others may still be tried: for so many packets, lest a capture of nothing that opens take for ever.
    pub(crate) fn may_try_others(&mut self) -> bool {
        const MOST: u32 = 100_000;
        self.trials += 1;
        self.trials <= MOST
    }

    /// The keys of the signalling that can be tried on packets of others, the latest first. A user says whom a key is for.
    pub(crate) fn signalled(&mut self, is_rtcp: bool) -> Vec<usize> {
        if !self.may_try_others() {
            return Vec::new();
        }
        const MOST: usize = 256;
        let keys = self.keys.iter().enumerate().rev();
        let may_be = keys.filter(|(_, key)| {
            matches!(key.place, Place::Signalled { .. }) && key.authenticates(is_rtcp)
        });
        may_be.map(|it| it.0).take(MOST).collect()
    }

    /// The keys given that fitted nothing, by position.
    pub(crate) fn unused(&self) -> impl Iterator<Item = usize> + '_ {
        let given = self.given.iter().enumerate();
        given
            .filter(|it| !self.keys[*it.1].was_used)
            .map(|it| it.0 + 1)
    }
}

fn receiver_of(line: &CryptoLine, tag: ShortTag) -> Option<Receiver> {
    let mut keys = line.attribute.keys().iter();
    let first = keys.next()?.secret_copy();
    let builder = Receiver::builder(first).most_streams(MOST_STREAMS);
    let builder = keys.fold(builder, |it, key| it.add_key(key.secret_copy()));
    let builder = tag.apply(line.key.suite(), builder);
    line.session.apply(builder).build().ok()
}
