//! Chooses the media among the flows of a survey: by port, by SDP, or by a heuristic that would rather miss a
//! short stream than touch a packet that is no media.

use super::partners::Partners;
use super::plan::{Found, Left, Plan, one_port_down};
use super::ports::PortRule;
use super::signalling::{Declared, Security};
use super::streams::{ENOUGH_IN_SEQUENCE, Flow, FlowKey, Survey};

/// How to look for media.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// Ports that the user named; nothing else is looked at then.
    pub(crate) ports: Vec<PortRule>,
    pub(crate) no_sdp: bool,
    pub(crate) no_heuristic: bool,
    /// Take also what seems to be SRTP already.
    pub(crate) even_srtp: bool,
}

/// What to do with a flow that has RTP in it.
#[derive(Clone, Copy)]
enum Verdict {
    Take(Found),
    Leave(Left),
    Ignore,
}

/// Chooses among the flows that a survey has found.
pub(crate) fn decide(survey: &Survey, search: &Search) -> Plan {
    let mut order: Vec<(&FlowKey, &Flow)> = survey.flows.iter().collect();
    order.sort_by_key(|(_, flow)| flow.first);
    let decision = Decision {
        survey,
        search,
        partners: Partners::new(survey, &order),
    };
    // A survey forgets flows that look like media by chance; on ports that the user named they are none.
    let mut plan = Plan::by_ports(search.ports.clone());
    for (key, flow) in &order {
        match decision.on_rtp_both_ways(key, flow) {
            Verdict::Take(found) => {
                plan.choose(**key, **key, found, true, decision.media(key));
            }
            Verdict::Leave(left) => plan.leave(**key, left),
            Verdict::Ignore => {}
        }
    }
    for (key, flow) in &order {
        if !flow.rtcp.is_empty() && !plan.has_chosen(key) && plan.srtp(key).is_none() {
            decision.on_rtcp(key, flow, &mut plan);
        }
    }
    plan
}

struct Decision<'a> {
    survey: &'a Survey,
    search: &'a Search,
    partners: Partners<'a>,
}

impl Decision<'_> {
    /// Where one direction is SRTP by its RTCP, the other is not plain just because it sent no RTCP.
    fn on_rtp_both_ways(&self, key: &FlowKey, flow: &Flow) -> Verdict {
        let verdict = self.on_rtp(key, flow);
        let other = (key.1, key.0);
        let is_guess = matches!(verdict, Verdict::Take(Found::Heuristic { .. }));
        if let Some(there) = self.survey.flows.get(&other)
            && is_guess
            && self.partners.rtcp_of(key).0 == 0
            && let Verdict::Leave(left @ Left::SrtpByRtcp) = self.on_rtp(&other, there)
        {
            return Verdict::Leave(left);
        }
        verdict
    }

    fn on_rtp(&self, key: &FlowKey, flow: &Flow) -> Verdict {
        if flow.rtp.is_empty() {
            return Verdict::Ignore;
        }
        if !self.search.ports.is_empty() {
            return match PortRule::any(&self.search.ports, *key) {
                (true, _) => Verdict::Take(Found::Port),
                (false, _) => Verdict::Ignore,
            };
        }
        match self.security(key) {
            Some(Security::Srtp) if !self.search.even_srtp => Verdict::Leave(Left::SrtpBySdp),
            Some(_) => Verdict::Take(Found::Sdp),
            None if self.search.no_heuristic => Verdict::Ignore,
            None => self.by_heuristic(key, flow),
        }
    }

    fn by_heuristic(&self, key: &FlowKey, flow: &Flow) -> Verdict {
        // DNS and SIP, whose bytes may look like anything.
        let is_taken = |port| matches!(port, 53 | 5060 | 5061 | 5353);
        let Some(best) = flow.best() else {
            return Verdict::Ignore;
        };
        if is_taken(key.0.port()) || is_taken(key.1.port()) {
            return Verdict::Ignore;
        }
        if !best.is_certain() || flow.strange * 4 > best.packets {
            let in_sequence = best.in_sequence;
            return match in_sequence {
                2..ENOUGH_IN_SEQUENCE => Verdict::Leave(Left::TooFew { in_sequence }),
                _ => Verdict::Ignore,
            };
        }
        if !self.search.even_srtp {
            let there = self.survey.flows.get(&(key.1, key.0));
            if flow.has_dtls || there.is_some_and(|it| it.has_dtls) {
                return Verdict::Leave(Left::SrtpByDtls);
            }
            let (packets, broken) = self.partners.rtcp_of(key);
            // A tenth is enough: some stacks send their first and their last RTCP in the clear.
            if broken > 0 && broken * 10 >= packets {
                return Verdict::Leave(Left::SrtpByRtcp);
            }
            if best.has_odd_lengths() {
                return Verdict::Leave(Left::SrtpByLength);
            }
        }
        Verdict::Take(Found::Heuristic {
            in_sequence: best.in_sequence,
            packets: best.packets,
        })
    }

    /// RTCP in a flow without RTP.
    fn on_rtcp(&self, key: &FlowKey, flow: &Flow, plan: &mut Plan) {
        if !self.search.ports.is_empty() {
            if PortRule::any(&self.search.ports, *key).1 {
                let rtp = self.partners.rtp_of(key, flow, false);
                let sender = rtp.unwrap_or(one_port_down(*key));
                plan.choose(*key, sender, Found::Port, false, None);
            }
            return;
        }
        match self.declared_rtp(key) {
            Some(rtp) => self.on_declared_rtcp(key, flow, rtp, plan),
            None if self.search.no_heuristic => {}
            None => self.on_rtcp_by_heuristic(key, flow, plan),
        }
    }

    fn on_declared_rtcp(&self, key: &FlowKey, flow: &Flow, rtp: FlowKey, plan: &mut Plan) {
        let sender = self.partners.rtp_of(key, flow, false).unwrap_or(rtp);
        let is_srtp = self.security(&rtp) == Some(Security::Srtp) && !self.search.even_srtp;
        if let Some(left) = plan.srtp(&sender) {
            plan.leave(*key, left);
        } else if is_srtp {
            plan.leave(*key, Left::SrtpBySdp);
        } else {
            plan.choose(*key, sender, Found::Sdp, false, self.media(&rtp));
        }
    }

    fn on_rtcp_by_heuristic(&self, key: &FlowKey, flow: &Flow, plan: &mut Plan) {
        let (rtp, sender) = if let Some(rtp) = self.partners.rtp_of(key, flow, true) {
            (rtp, rtp)
        } else if let Some(heard) = self.partners.rtp_heard_by(key, flow) {
            // An endpoint that only listens sends reports all the same.
            let back = (heard.1, heard.0);
            (heard, if back == *key { *key } else { back })
        } else {
            return;
        };
        if let Some(left) = plan.srtp(&rtp) {
            plan.leave(*key, left);
        } else if plan.has_chosen(&rtp) {
            plan.choose(*key, sender, Found::Beside, false, None);
        }
    }

    fn declared(&self, key: &FlowKey) -> impl Iterator<Item = &Declared> {
        // Where a packet goes was declared by who receives it there. Where it comes from tells too, since
        // phones send from the port they listen on, but only if the other end declared nothing.
        let ends = [key.1, key.0].into_iter().filter(|_| !self.search.no_sdp);
        ends.filter_map(|it| self.survey.declared.get(&it))
    }

    /// What SDP says about the encryption of a flow, if it speaks of the flow.
    fn security(&self, key: &FlowKey) -> Option<Security> {
        let mut said = None;
        for declared in self.declared(key) {
            match declared.security {
                Security::Either => said = said.or(Some(Security::Either)),
                decided => return Some(decided),
            }
        }
        said
    }

    fn media(&self, key: &FlowKey) -> Option<String> {
        self.declared(key).next().map(|it| it.media.clone())
    }

    /// The flow of RTP to whose RTCP ports a flow of RTCP belongs by SDP.
    fn declared_rtp(&self, key: &FlowKey) -> Option<FlowKey> {
        if self.search.no_sdp {
            return None;
        }
        let rtp = |it| self.survey.declared_rtcp.get(it).copied();
        let below = one_port_down(*key);
        match (rtp(&key.0), rtp(&key.1)) {
            (None, None) => None,
            (from, to) => Some((from.unwrap_or(below.0), to.unwrap_or(below.1))),
        }
    }
}
