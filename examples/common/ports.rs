//! Ports and addresses as a user names them: `PORT`, `PORT-PORT`, `ADDRESS:PORT`, `ADDRESS:PORT-PORT`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::streams::FlowKey;

/// Where the user says that RTP is: on these ports, with its RTCP there too or on the port above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortRule {
    address: Option<IpAddr>,
    first: u16,
    last: u16,
}

impl PortRule {
    /// Whether any of the rules lets a flow be RTP, and RTCP, by where it comes from or goes to.
    pub(crate) fn any(rules: &[Self], flow: FlowKey) -> (bool, bool) {
        let (mut rtp, mut rtcp) = (false, false);
        for rule in rules {
            for end in [flow.0, flow.1] {
                rtp |= rule.has(end);
                let below = SocketAddr::new(end.ip(), end.port().wrapping_sub(1));
                rtcp |= rule.has(end) || rule.has(below);
            }
        }
        (rtp, rtcp)
    }

    fn has(&self, end: SocketAddr) -> bool {
        let is_there = self.address.is_none_or(|it| it == end.ip());
        is_there && (self.first..=self.last).contains(&end.port())
    }
}

impl FromStr for PortRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected PORT, PORT-PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT";
        let (address, ports) = match text.rsplit_once(':') {
            None => (None, text),
            Some((address, ports)) => {
                let bare = address
                    .strip_prefix('[')
                    .and_then(|it| it.strip_suffix(']'));
                let address = bare.unwrap_or(address);
                (Some(address.parse().map_err(|_| FORM)?), ports)
            }
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let port = |it: &str| it.trim().parse().map_err(|_| FORM);
        let (first, last) = (port(first)?, port(last)?);
        if first > last || first == 0 {
            return Err("the first port must be above 0 and not above the last");
        }
        Ok(Self {
            address,
            first,
            last,
        })
    }
}
