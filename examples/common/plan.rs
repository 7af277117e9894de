//! Which flows to work on, and which of them belong to one sending endpoint.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use super::datagram::Datagram;
use super::media::Look;
use super::ports::PortRule;
use super::streams::FlowKey;

/// How a flow was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Port,
    Sdp,
    Heuristic {
        in_sequence: u64,
        packets: u64,
    },
    /// RTCP that goes with the RTP of a flow that the heuristic chose.
    Beside,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port => f.write_str("port given"),
            Self::Sdp => f.write_str("SDP"),
            Self::Heuristic {
                in_sequence,
                packets,
            } => write!(f, "heuristic: {in_sequence} of {packets} in sequence"),
            Self::Beside => f.write_str("heuristic: RTCP of such RTP"),
        }
    }
}

/// Why a flow of what looks like media is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    SrtpBySdp,
    SrtpByRtcp,
    SrtpByDtls,
    SrtpByLength,
    TooFew { in_sequence: u64 },
}

impl Left {
    pub(crate) fn is_srtp(self) -> bool {
        !matches!(self, Self::TooFew { .. })
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SrtpBySdp => f.write_str("SRTP already, its SDP says"),
            Self::SrtpByRtcp => f.write_str("SRTP already, its RTCP is SRTCP"),
            Self::SrtpByDtls => f.write_str("SRTP already, a DTLS handshake comes with it"),
            Self::SrtpByLength => {
                f.write_str("SRTP already, by packets longer than its codec makes them")
            }
            Self::TooFew { in_sequence } => write!(
                f,
                "looks like RTP, but {in_sequence} packets in sequence are too few to be sure"
            ),
        }
    }
}

/// The media that one endpoint sends to one other: its RTP and the RTCP that goes with it. One key serves both
/// (RFC 4568 §6.1), and no other direction.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// What SDP calls it: "audio", for example.
    pub(crate) media: Option<String>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.source, self.destination)
    }
}

/// A flow to work on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) flow: FlowKey,
    /// Which of the plan's endpoints sends it.
    pub(crate) endpoint: usize,
    pub(crate) found: Found,
    /// Whether RTP may be in it; RTCP may always.
    pub(crate) has_rtp: bool,
}

/// What to do with each flow.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) chosen: Vec<Chosen>,
    pub(crate) left: Vec<(FlowKey, Left)>,
    endpoint_of: HashMap<FlowKey, usize>,
    chosen_of: HashMap<FlowKey, usize>,
    srtp_of: HashMap<FlowKey, Left>,
    /// By these, flows are chosen as they turn up.
    ports: Vec<PortRule>,
}

impl Plan {
    /// A plan to which flows are added when they turn up on these ports.
    pub(crate) fn by_ports(ports: Vec<PortRule>) -> Self {
        Self {
            ports,
            ..Self::default()
        }
    }

    /// Which chosen flow a datagram belongs to.
    pub(crate) fn chosen_for(&mut self, datagram: &Datagram, look: Look) -> Option<usize> {
        let flow = datagram.flow();
        if let Some(index) = self.chosen_of.get(&flow) {
            return Some(*index);
        }
        let (rtp, rtcp) = PortRule::any(&self.ports, flow);
        let is_media = match look {
            Look::Rtp(_) => rtp,
            Look::Rtcp(_) => rtcp,
            _ => false,
        };
        // RTCP on a port of its own belongs to the RTP one port below, so far as one can tell in one pass.
        let is_muxed = rtp && (matches!(look, Look::Rtp(_)) || flow.0.port().is_multiple_of(2));
        let sender = if is_muxed { flow } else { one_port_down(flow) };
        is_media.then(|| self.choose(flow, sender, Found::Port, rtp, None))
    }

    /// Why a flow is left alone as SRTP, if it is.
    pub(crate) fn srtp(&self, flow: &FlowKey) -> Option<Left> {
        self.srtp_of.get(flow).copied()
    }

    /// The chosen flow of this key.
    pub(crate) fn chosen(&self, flow: &FlowKey) -> Option<Chosen> {
        self.chosen_of.get(flow).map(|it| self.chosen[*it])
    }

    /// Whether the user said where media is.
    pub(crate) fn has_ports(&self) -> bool {
        !self.ports.is_empty()
    }

    pub(crate) fn has_chosen(&self, flow: &FlowKey) -> bool {
        self.chosen_of.contains_key(flow)
    }

    /// Takes a flow, as part of what the sender of another flow (or of this one) sends.
    pub(crate) fn choose(
        &mut self,
        flow: FlowKey,
        sender: FlowKey,
        found: Found,
        has_rtp: bool,
        media: Option<String>,
    ) -> usize {
        let endpoint = *self.endpoint_of.entry(sender).or_insert_with(|| {
            self.endpoints.push(Endpoint {
                source: sender.0,
                destination: sender.1,
                media,
            });
            self.endpoints.len() - 1
        });
        self.chosen.push(Chosen {
            flow,
            endpoint,
            found,
            has_rtp,
        });
        self.chosen_of.insert(flow, self.chosen.len() - 1);
        self.chosen.len() - 1
    }

    /// Leaves a flow alone, and says so.
    pub(crate) fn leave(&mut self, flow: FlowKey, left: Left) {
        self.left.push((flow, left));
        if left.is_srtp() {
            self.srtp_of.insert(flow, left);
        }
    }
}

/// Where the RTP is whose RTCP is in this flow, by the usual pairs of ports (RFC 3550 §11).
pub(crate) fn one_port_down(flow: FlowKey) -> FlowKey {
    let down = |it: SocketAddr| SocketAddr::new(it.ip(), it.port().wrapping_sub(1));
    (down(flow.0), down(flow.1))
}
