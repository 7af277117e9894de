//! The second pass over a capture, packet by packet: what is protected media, under which key, and what comes out.

use std::collections::{BTreeMap, HashMap};

use super::capture::{Packet, Record};
use super::cause::Cause;
use super::datagram::{self, Content, Datagram, Opaque, dissect};
use super::diagnosis::{self, Finding, Outcome, Patient, Seen, Specimen};
use super::key_ring::{KeyRing, Question};
use super::ledger::{Ledger, StreamKey};
use super::ledger_row::Entry;
use super::media::Look;
use super::plan::Plan;
use super::streams::FlowKey;

/// Flows that are told of though no key is for them.
const MOST_WITHOUT_KEY: usize = 1000;
/// Streams whose state is kept.
const MOST_STREAMS: usize = 100_000;

/// Packets of a stream for which all keys are tried.
const MOST_TRIALS: u32 = 16;

/// What takes the media that came out.
pub(crate) trait Listener {
    /// A plain RTP packet.
    fn rtp(&mut self, stream: StreamKey, packet: &[u8]);
}

/// Decrypts packets by a plan.
pub(crate) struct Decryption {
    plan: Plan,
    pub(crate) ring: KeyRing,
    pub(crate) ledger: Ledger,
    patients: HashMap<StreamKey, Stream>,
    seen: Seen,
    /// Packets of media that no key is for, by flow.
    pub(crate) without_key: BTreeMap<FlowKey, u64>,
    /// Packets of which too little is there, or that cannot be read.
    pub(crate) opaque: BTreeMap<Opaque, u64>,
    pub(crate) cut: u64,
    packet: Vec<u8>,
}

#[derive(Default)]
struct Stream {
    patient: Patient,
    candidates: Vec<usize>,
    generation: Option<u64>,
    trials: u32,
}

impl Stream {
    /// The keys to try on a packet.
    fn candidates(
        &mut self,
        ring: &mut KeyRing,
        question: &Question<'_>,
        is_media: bool,
    ) -> Vec<usize> {
        if self.generation != Some(ring.generation) {
            self.generation = Some(ring.generation);
            self.candidates = ring.candidates(question);
        }
        if !self.candidates.is_empty() || self.patient.key.is_some() {
            return self.candidates.clone();
        }
        // Where addresses tell nothing, behind a translation of them for instance, all keys are tried on what is certainly media.
        self.trials += 1;
        match is_media && self.trials <= MOST_TRIALS {
            true => ring.signalled(question.is_rtcp),
            false => Vec::new(),
        }
    }
}

impl Finding {
    /// Gives RTP that is plain now, or was all the time, to who listens.
    fn tell(&self, stream: StreamKey, packet: &[u8], listener: &mut impl Listener) {
        let plain = match self.outcome {
            Outcome::Repeated => None,
            Outcome::Explained(Cause::NotEncrypted) => Some(packet),
            _ => self.opened.as_deref(),
        };
        if let Some(plain) = plain.filter(|_| !stream.is_rtcp) {
            listener.rtp(stream, plain);
        }
    }
}

impl Decryption {
    pub(crate) fn new(plan: Plan, ring: KeyRing, span: Option<(u64, u64)>) -> Self {
        Self {
            plan,
            ring,
            ledger: Ledger {
                span,
                ..Ledger::default()
            },
            patients: HashMap::new(),
            seen: Seen::new(),
            without_key: BTreeMap::new(),
            opaque: BTreeMap::new(),
            cut: 0,
            packet: Vec::new(),
        }
    }

    /// The bytes to put in a packet's place, or `None` if it goes out as it came.
    pub(crate) fn packet(
        &mut self,
        record: &Record<'_>,
        packet: &Packet,
        listener: &mut impl Listener,
    ) -> Option<&[u8]> {
        self.ledger.packets += 1;
        self.ring.advance_to(self.ledger.packets);
        let bytes = &record.raw[packet.data.clone()];
        let datagram = match dissect(packet.link, bytes) {
            Content::Udp(datagram) if !packet.is_cut() => datagram,
            Content::Udp(datagram) => {
                self.cut += u64::from(self.plan.has_chosen(&datagram.flow()));
                return None;
            }
            Content::Other(opaque, _) => {
                let is_cut = packet.is_cut();
                match is_cut {
                    true => self.cut += 1,
                    false => *self.opaque.entry(opaque).or_default() += 1,
                }
                return None;
            }
            Content::Tcp(_) => return None,
        };
        let opened = self.media(bytes, &datagram, packet.time, listener)?;
        datagram::replace_payload(bytes, &datagram, &opened, &mut self.packet);
        datagram::renew_frame_check(packet, &mut self.packet);
        Some(&self.packet)
    }

    /// The plain payload of a datagram that is protected media and opens.
    fn media(
        &mut self,
        bytes: &[u8],
        datagram: &Datagram,
        time: Option<u64>,
        listener: &mut impl Listener,
    ) -> Option<Vec<u8>> {
        let payload = &bytes[datagram.payload.clone()];
        let look = Look::at(payload);
        let (ssrc, is_rtcp) = match look {
            Look::Rtp(rtp) => (rtp.ssrc, false),
            Look::Rtcp(rtcp) => (rtcp.ssrc, true),
            _ => return None,
        };
        let flow = datagram.flow();
        let chosen = self
            .plan
            .chosen_for(datagram, look)
            .map(|it| self.plan.chosen[it]);
        if chosen.is_none() && self.plan.has_ports() {
            return None;
        }
        let endpoint = chosen.map(|it| &self.plan.endpoints[it.endpoint]);
        let sender = endpoint.map_or(flow, |it| (it.source, it.destination));
        let key = StreamKey {
            flow,
            sender,
            ssrc,
            is_rtcp,
        };
        let question = Question {
            flow,
            endpoint,
            ssrc,
            is_rtcp,
        };
        if self.patients.len() >= MOST_STREAMS && !self.patients.contains_key(&key) {
            return None;
        }
        let stream = self.patients.entry(key).or_default();
        let candidates = stream.candidates(&mut self.ring, &question, chosen.is_some());
        if candidates.is_empty() && stream.patient.key.is_none() {
            self.without_key(flow, chosen.is_some());
            return None;
        }
        let specimen = Specimen {
            bytes: payload,
            look,
            question,
            sender,
            is_repeated: self.seen.again(flow, payload),
        };
        let finding = diagnosis::open(&mut self.ring, &mut stream.patient, &candidates, &specimen);
        let used = stream.patient.key;
        if stream.candidates.is_empty() && used.is_none() {
            self.without_key(flow, chosen.is_some());
            return None;
        }
        let meant = candidates.first().copied();
        self.enter(key, (used, meant), time, look, &finding);
        finding.tell(key, payload, listener);
        finding.opened
    }

    fn enter(
        &mut self,
        key: StreamKey,
        (used, meant): (Option<usize>, Option<usize>),
        time: Option<u64>,
        look: Look,
        finding: &Finding,
    ) {
        let (seq, payload_type) = match look {
            Look::Rtp(rtp) => (Some(rtp.seq), Some(rtp.payload_type)),
            _ => (None, None),
        };
        let row = self.ledger.row(key);
        let entry = Entry {
            number: self.ledger.packets,
            time,
            seq,
            payload_type,
            outcome: &finding.outcome,
            is_opened: finding.opened.is_some(),
        };
        self.ledger.enter(row, &entry);
        let roc = used.and_then(|it| self.ring.keys[it].receiver.as_ref()?.roc(key.ssrc));
        if let Some(used) = used.or(meant) {
            let (row, used) = (&mut self.ledger.rows[row], &self.ring.keys[used]);
            row.suite = Some(used.suite.name());
            if row.whose.as_ref() != Some(&used.whose) {
                row.whose = Some(used.whose.clone());
            }
            row.roc = roc.filter(|_| !key.is_rtcp).or(row.roc);
        }
    }

    fn without_key(&mut self, flow: FlowKey, is_media: bool) {
        let is_known = self.without_key.contains_key(&flow);
        if is_media && (is_known || self.without_key.len() < MOST_WITHOUT_KEY) {
            *self.without_key.entry(flow).or_default() += 1;
        }
    }
}
