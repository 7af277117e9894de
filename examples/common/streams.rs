//! The first look at a capture: which flows of datagrams look like RTP and RTCP, in tables of bounded size.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::datagram::Datagram;
use super::media::{Look, Rtcp, Rtp};
use super::signalling::{Declared, Signalling};

/// From where to where: one direction of one UDP conversation.
pub(crate) type FlowKey = (SocketAddr, SocketAddr);

/// Flows that may be watched at once.
const MOST_FLOWS: usize = 20_000;
/// Flows of which one packet looks like media, as one in four of random bytes does, before such are dropped.
const MOST_BY_CHANCE: usize = 1_000;
const MOST_SOURCES_PER_FLOW: usize = 16;
const MOST_DECLARED: usize = 50_000;

/// Packets in sequence that make a stream of what may be chance.
pub(crate) const ENOUGH_IN_SEQUENCE: u64 = 5;

/// What was seen of one flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// The number of its first packet in the capture, for an order that does not change from run to run.
    pub(crate) first: u64,
    pub(crate) rtp: Vec<RtpSource>,
    pub(crate) rtcp: Vec<Rtcp>,
    pub(crate) rtcp_packets: u64,
    /// RTCP packets that do not fill their datagram, as those of SRTCP.
    pub(crate) rtcp_broken: u64,
    pub(crate) has_dtls: bool,
    /// Packets that cannot be RTP nor what usually shares its port.
    pub(crate) strange: u64,
}

/// One SSRC in a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtpSource {
    pub(crate) ssrc: u32,
    pub(crate) packets: u64,
    /// The first packet, and those that follow on the one before them.
    pub(crate) in_sequence: u64,
    /// Packets as long as their codec makes none, and SRTP does.
    odd_lengths: u64,
    seq: u16,
    timestamp: u32,
}

impl RtpSource {
    fn new(rtp: Rtp) -> Self {
        Self {
            ssrc: rtp.ssrc,
            packets: 1,
            in_sequence: 1,
            odd_lengths: rtp.has_odd_length().into(),
            seq: rtp.seq,
            timestamp: rtp.timestamp,
        }
    }

    fn update(&mut self, rtp: Rtp) {
        /// A jump of more is a new beginning (MAX_DROPOUT of RFC 3550 §A.1).
        const MOST_LOST: u16 = 3000;
        /// Over twelve minutes of video clock.
        const LONGEST_GAP: u32 = 1 << 26;
        let step = rtp.seq.wrapping_sub(self.seq);
        // The same packet captured twice tells nothing, nor does one that comes late.
        if step == 0 || step > u16::MAX - 64 {
            return;
        }
        self.packets += 1;
        self.odd_lengths += u64::from(rtp.has_odd_length());
        let gap = (rtp.timestamp.wrapping_sub(self.timestamp) as i32).unsigned_abs();
        if step <= MOST_LOST && gap < LONGEST_GAP {
            self.in_sequence += 1;
        }
        self.seq = rtp.seq;
        self.timestamp = rtp.timestamp;
    }

    /// Whether the lengths of its packets are those of SRTP.
    pub(crate) fn has_odd_lengths(&self) -> bool {
        self.odd_lengths * 2 > self.packets
    }

    /// Whether this is too regular to be chance.
    pub(crate) fn is_certain(&self) -> bool {
        self.in_sequence >= ENOUGH_IN_SEQUENCE && self.in_sequence * 4 >= self.packets * 3
    }
}

impl Flow {
    fn update(&mut self, look: Look) {
        match look {
            Look::Rtp(rtp) => self.update_rtp(rtp),
            Look::Rtcp(rtcp) => {
                self.rtcp_packets += 1;
                self.rtcp_broken += u64::from(!rtcp.is_whole);
                if let Some(known) = self.rtcp.iter_mut().find(|it| it.ssrc == rtcp.ssrc) {
                    known.reports_on = rtcp.reports_on.or(known.reports_on);
                } else if self.rtcp.len() < MOST_SOURCES_PER_FLOW {
                    self.rtcp.push(rtcp);
                }
            }
            Look::Dtls => self.has_dtls = true,
            Look::BrokenRtp | Look::Unknown => self.strange += 1,
            Look::Stun | Look::Zrtp | Look::TurnChannel | Look::KeepAlive => {}
        }
    }

    fn update_rtp(&mut self, rtp: Rtp) {
        if let Some(known) = self.rtp.iter_mut().find(|it| it.ssrc == rtp.ssrc) {
            known.update(rtp);
            return;
        }
        if self.rtp.len() == MOST_SOURCES_PER_FLOW {
            let Some(chance) = self.rtp.iter().position(|it| it.in_sequence == 1) else {
                return;
            };
            self.rtp.remove(chance);
        }
        self.rtp.push(RtpSource::new(rtp));
    }

    /// The source with the most packets in sequence.
    pub(crate) fn best(&self) -> Option<&RtpSource> {
        self.rtp.iter().max_by_key(|it| it.in_sequence)
    }

    fn may_be_media(&self) -> bool {
        self.has_dtls || self.rtcp_packets > 0 || self.best().is_some_and(|it| it.in_sequence > 1)
    }
}

/// What the first pass over a capture collects.
#[derive(Default)]
pub(crate) struct Survey {
    pub(crate) flows: HashMap<FlowKey, Flow>,
    /// By the address for RTP.
    pub(crate) declared: HashMap<SocketAddr, Declared>,
    /// From the address for RTCP to the one for RTP.
    pub(crate) declared_rtcp: HashMap<SocketAddr, SocketAddr>,
    /// SIP messages whose session description was not whole or not readable.
    pub(crate) unread_signalling: u64,
    /// Packets of flows that the tables had no room for.
    pub(crate) overlooked: u64,
    packets: u64,
    /// Flows that came in since those that look like media by chance were dropped.
    newcomers: usize,
}

impl Survey {
    pub(crate) fn signalling(&mut self, signalling: Signalling) {
        self.unread_signalling += u64::from(signalling.unread);
        for declared in signalling.declared {
            if self.declared.len() < MOST_DECLARED {
                self.declared_rtcp.insert(declared.rtcp, declared.rtp);
                // A later description replaces an earlier one: the offer that was declined, for example.
                self.declared.insert(declared.rtp, declared);
            }
        }
    }

    pub(crate) fn datagram(&mut self, datagram: &Datagram, look: Look) {
        self.packets += 1;
        let key = datagram.flow();
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.update(look);
            return;
        }
        if !matches!(look, Look::Rtp(_) | Look::Rtcp(_) | Look::Dtls) {
            return;
        }
        if self.newcomers >= MOST_BY_CHANCE {
            self.drop_chance();
        }
        self.newcomers += 1;
        if self.flows.len() >= MOST_FLOWS {
            self.overlooked += 1;
            return;
        }
        let flow = self.flows.entry(key).or_default();
        flow.first = self.packets;
        flow.update(look);
    }

    /// The sources seen in a flow.
    pub(crate) fn ssrcs(&self, flow: &FlowKey) -> impl Iterator<Item = u32> {
        self.flows.get(flow).into_iter().flat_map(|it| {
            let rtp = it.rtp.iter().map(|it| it.ssrc);
            rtp.chain(it.rtcp.iter().map(|it| it.ssrc))
        })
    }

    /// Drops the flows whose packets looked like media by chance. A stream that had only just begun comes back
    /// with its next packet.
    fn drop_chance(&mut self) {
        let (declared, declared_rtcp) = (&self.declared, &self.declared_rtcp);
        self.flows.retain(|(from, to), flow| {
            let is_declared = |it| declared.contains_key(it) || declared_rtcp.contains_key(it);
            flow.may_be_media() || is_declared(from) || is_declared(to)
        });
        self.newcomers = 0;
    }
}
