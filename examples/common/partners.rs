//! Which RTP the RTCP of a flow belongs to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::plan::one_port_down;
use super::signalling::Declared;
use super::streams::{Flow, FlowKey, Survey};

/// The flows of a survey, sorted for the question.
pub(crate) struct Partners<'a> {
    survey: &'a Survey,
    /// Flows with RTP, by the two hosts.
    by_hosts: HashMap<(IpAddr, IpAddr), Vec<FlowKey>>,
    /// RTCP packets that belong to an RTP flow: how many there are, and how many look like SRTCP.
    rtcp_of: HashMap<FlowKey, (u64, u64)>,
}

impl<'a> Partners<'a> {
    pub(crate) fn new(survey: &'a Survey, order: &[(&'a FlowKey, &'a Flow)]) -> Self {
        let mut partners = Self {
            survey,
            by_hosts: HashMap::new(),
            rtcp_of: HashMap::new(),
        };
        for (key, flow) in order {
            if !flow.rtp.is_empty() {
                let hosts = (key.0.ip(), key.1.ip());
                partners.by_hosts.entry(hosts).or_default().push(**key);
            }
        }
        for (key, flow) in order {
            if let Some(rtp) = partners.rtp_of(key, flow, true) {
                let counts = partners.rtcp_of.entry(rtp).or_default();
                counts.0 += flow.rtcp_packets;
                counts.1 += flow.rtcp_broken;
            }
        }
        partners
    }

    /// How many RTCP packets belong to an RTP flow, and how many of them look like SRTCP.
    pub(crate) fn rtcp_of(&self, rtp: &FlowKey) -> (u64, u64) {
        self.rtcp_of.get(rtp).copied().unwrap_or_default()
    }

    /// The RTP from the sender of this RTCP: in the same flow (RFC 5761), or one port below at one end at
    /// least. Unless the caller knows better, both must name the same SSRC.
    pub(crate) fn rtp_of(&self, key: &FlowKey, flow: &Flow, by_ssrc: bool) -> Option<FlowKey> {
        let sends = |rtp: &FlowKey| {
            let known = self.survey.flows.get(rtp);
            let same = |it: &Flow| shares(it, flow.rtcp.iter().map(|it| it.ssrc));
            known.is_some_and(|it| !it.rtp.is_empty() && (!by_ssrc || same(it)))
        };
        if flow.rtcp.is_empty() {
            return None;
        }
        let below = one_port_down(*key);
        if let Some(rtp) = [*key, below].into_iter().find(|it| sends(it)) {
            return Some(rtp);
        }
        let near =
            |rtp: &&FlowKey| rtp.0.port() == below.0.port() || rtp.1.port() == below.1.port();
        let declared = |rtp: &&FlowKey| {
            let rtcp = |it: &SocketAddr| self.survey.declared.get(it).map(|it: &Declared| it.rtcp);
            rtcp(&rtp.1) == Some(key.1) || rtcp(&rtp.0) == Some(key.0)
        };
        let mut candidates = self.between(key.0, key.1).iter();
        candidates
            .find(|it| (near(it) || declared(it)) && sends(it))
            .copied()
    }

    /// The RTP that reaches the sender of this RTCP and that it reports on.
    pub(crate) fn rtp_heard_by(&self, key: &FlowKey, flow: &Flow) -> Option<FlowKey> {
        let below = one_port_down(*key);
        let mut candidates = self.between(key.1, key.0).iter();
        candidates
            .find(|rtp| {
                let is_muxed = **rtp == (key.1, key.0);
                let near = rtp.0.port() == below.1.port() || rtp.1.port() == below.0.port();
                let reported = flow.rtcp.iter().filter_map(|it| it.reports_on);
                let known = self.survey.flows.get(rtp);
                (is_muxed || near) && known.is_some_and(|it| shares(it, reported))
            })
            .copied()
    }

    fn between(&self, from: SocketAddr, to: SocketAddr) -> &[FlowKey] {
        self.by_hosts
            .get(&(from.ip(), to.ip()))
            .map_or(&[], Vec::as_slice)
    }
}

fn shares(rtp: &Flow, mut ssrcs: impl Iterator<Item = u32>) -> bool {
    ssrcs.any(|ssrc| rtp.rtp.iter().any(|it| it.ssrc == ssrc))
}
