//! The second pass over a capture, packet by packet: what is media, under which key, and what comes out.

use std::collections::VecDeque;
use std::io::{Seek, Write};

use anyhow::Result;
use srtp_sdes::ProtectError;

use super::capture::{Packet, Record};
use super::capture_writer::CaptureWriter;
use super::datagram::{self, Content, Datagram, dissect};
use super::key_book::KeyBook;
use super::media::Look;
use super::plan::{Chosen, Plan};
use super::report::{Reason, Report, StreamKey};
use super::streams::FlowKey;

/// How far apart the two copies of a packet that was captured twice may be, in packets of media.
const REMEMBERED: usize = 1024;

/// Encrypts packets by a plan.
pub(crate) struct Encryption<'a> {
    plan: Plan,
    keys: &'a mut KeyBook,
    report: Report,
    recent: VecDeque<Protected>,
    payload: Vec<u8>,
    packet: Vec<u8>,
}

/// An RTP packet that was protected, as it was and as it became.
#[derive(Default)]
struct Protected {
    sender: usize,
    plain: Vec<u8>,
    protected: Vec<u8>,
}

impl<'a> Encryption<'a> {
    pub(crate) fn new(plan: Plan, keys: &'a mut KeyBook) -> Self {
        Self {
            plan,
            keys,
            report: Report::default(),
            recent: VecDeque::with_capacity(REMEMBERED),
            payload: Vec::new(),
            packet: Vec::new(),
        }
    }

    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    /// The bytes to put in a packet's place, or `None` if it goes out as it came.
    pub(crate) fn packet<W: Write + Seek>(
        &mut self,
        record: &Record<'_>,
        packet: &Packet,
        writer: &CaptureWriter<W>,
    ) -> Result<Option<&[u8]>> {
        self.report.packets += 1;
        let bytes = &record.raw[packet.data.clone()];
        let datagram = match dissect(packet.link, bytes) {
            Content::Udp(datagram) if !packet.is_cut() => datagram,
            Content::Udp(datagram) => {
                return Ok(self.incomplete(Reason::Cut, Some(datagram.flow())));
            }
            Content::Other(_, flow) if packet.is_cut() => {
                return Ok(self.incomplete(Reason::Cut, flow));
            }
            Content::Other(opaque, flow) => {
                return Ok(self.incomplete(Reason::Opaque(opaque), flow));
            }
            Content::Tcp(_) => {
                let reason = Reason::Opaque(datagram::Opaque::NotUdp);
                return Ok(self.incomplete(reason, None));
            }
        };
        let look = Look::at(&bytes[datagram.payload.clone()]);
        let Some(index) = self.plan.chosen_for(&datagram, look) else {
            self.report
                .untouched(match self.plan.srtp(&datagram.flow()) {
                    Some(_) => Reason::AlreadySrtp,
                    None => Reason::Unchosen,
                });
            return Ok(None);
        };
        let chosen = self.plan.chosen[index];
        let (ssrc, is_rtcp) = match look {
            Look::Rtp(rtp) if chosen.has_rtp => (rtp.ssrc, false),
            Look::Rtcp(rtcp) => (rtcp.ssrc, true),
            other => {
                let key = stream(&chosen, None, !chosen.has_rtp);
                self.report.untouched_in(key, chosen.found, other.into());
                return Ok(None);
            }
        };
        let key = stream(&chosen, Some(ssrc), is_rtcp);
        match self.protect(bytes, &datagram, &chosen, key, packet, writer)? {
            Ok(()) => Ok(Some(&self.packet)),
            Err(reason) => {
                self.report.untouched_in(key, chosen.found, reason);
                Ok(None)
            }
        }
    }

    /// Counts a packet of which too little is there, with its stream if its flow is known.
    fn incomplete(&mut self, reason: Reason, flow: Option<FlowKey>) -> Option<&[u8]> {
        match flow.and_then(|it| self.plan.chosen(&it)) {
            Some(chosen) => {
                let key = stream(&chosen, None, !chosen.has_rtp);
                self.report.untouched_in(key, chosen.found, reason);
            }
            None => self.report.untouched(reason),
        }
        None
    }

    fn protect<W: Write + Seek>(
        &mut self,
        bytes: &[u8],
        datagram: &Datagram,
        chosen: &Chosen,
        key: StreamKey,
        packet: &Packet,
        writer: &CaptureWriter<W>,
    ) -> Result<std::result::Result<(), Reason>> {
        let endpoint = &self.plan.endpoints[chosen.endpoint];
        let ssrc = key.ssrc.unwrap_or(0);
        let Some(index) = self.keys.sender_for(chosen.endpoint, endpoint, ssrc)? else {
            return Ok(Err(Reason::NoKey));
        };
        let suite = self.keys.suite(index);
        let sender = self.keys.sender(index);
        let plain = &bytes[datagram.payload.clone()];
        let growth = match key.is_rtcp {
            true => sender.rtcp_overhead(),
            false => sender.rtp_overhead(),
        };
        if !datagram::can_hold(bytes, datagram, plain.len() + growth) {
            return Ok(Err(Reason::TooLong));
        }
        if !writer.can_hold(packet, bytes.len() + growth) {
            return Ok(Err(Reason::SnaplenTooShort));
        }
        self.payload.clear();
        self.payload.extend_from_slice(plain);
        let done = match key.is_rtcp {
            true => sender.protect_rtcp_vec(&mut self.payload),
            false => sender.protect_rtp_vec(&mut self.payload),
        };
        match done {
            Ok(()) if !key.is_rtcp => self.remember(index, plain),
            Ok(()) => {}
            Err(error @ ProtectError::IndexReused { .. }) => {
                if !self.recall(index, plain) {
                    return Ok(Err(error.into()));
                }
            }
            Err(error) => return Ok(Err(error.into())),
        }
        datagram::replace_payload(bytes, datagram, &self.payload, &mut self.packet);
        datagram::renew_frame_check(packet, &mut self.packet);
        self.report.protected(key, chosen.found, suite, plain.len());
        Ok(Ok(()))
    }

    fn remember(&mut self, sender: usize, plain: &[u8]) {
        let mut slot = match self.recent.len() {
            REMEMBERED => self.recent.pop_front().unwrap_or_default(),
            _ => Protected::default(),
        };
        slot.sender = sender;
        slot.plain.clear();
        slot.plain.extend_from_slice(plain);
        slot.protected.clear();
        slot.protected.extend_from_slice(&self.payload);
        self.recent.push_back(slot);
    }

    /// A packet captured twice, on two interfaces for example, becomes the same protected packet twice. Only
    /// the very same bytes may go out again under their index (RFC 3711 §9.1).
    fn recall(&mut self, sender: usize, plain: &[u8]) -> bool {
        let same = |it: &&Protected| it.sender == sender && it.plain == plain;
        let Some(known) = self.recent.iter().rev().find(same) else {
            return false;
        };
        self.payload.clear();
        self.payload.extend_from_slice(&known.protected);
        self.report.repeated += 1;
        true
    }
}

fn stream(chosen: &Chosen, ssrc: Option<u32>, is_rtcp: bool) -> StreamKey {
    StreamKey {
        flow: chosen.flow,
        endpoint: chosen.endpoint,
        ssrc,
        is_rtcp,
    }
}
