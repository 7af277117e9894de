//! Where a leg sends, and from whom it learns that.

use std::net::SocketAddr;

use srtp_sdes::Plane;

/// The other end of a leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    is_fixed: bool,
    is_muxed: bool,
}

impl Remote {
    /// One that the user named.
    pub(crate) fn fixed(rtp: SocketAddr, rtcp: Option<SocketAddr>, is_muxed: bool) -> Self {
        Self {
            rtp: Some(rtp),
            rtcp,
            is_fixed: true,
            is_muxed,
        }
    }

    /// One that packets will tell.
    pub(crate) fn to_learn(is_muxed: bool) -> Self {
        Self {
            rtp: None,
            rtcp: None,
            is_fixed: false,
            is_muxed,
        }
    }

    /// Where packets of this plane go. RTCP goes above RTP until it is known better (RFC 3550 §11).
    pub(crate) fn of(&self, plane: Plane) -> Option<SocketAddr> {
        let above = |rtp: SocketAddr| {
            let port = rtp.port().checked_add(1)?;
            Some(SocketAddr::new(rtp.ip(), port))
        };
        match plane {
            Plane::Rtcp if !self.is_muxed => self.rtcp.or_else(|| above(self.rtp?)),
            _ => self.rtp,
        }
    }

    /// May a packet from there come in on its looks alone? Only from the host that the user named, or else from the very address that was
    /// first.
    pub(crate) fn admits(&self, plane: Plane, source: SocketAddr) -> bool {
        if !can_be_answered(source) {
            return false;
        }
        let known = self.learnt(plane);
        match known.or(self.rtp).or(self.rtcp) {
            None => true,
            Some(host) if self.is_fixed || known.is_none() => host.ip() == source.ip(),
            Some(first) => first == source,
        }
    }

    /// Takes the source of a packet that was let in.
    pub(crate) fn learn(&mut self, plane: Plane, source: SocketAddr) {
        if self.is_fixed || !can_be_answered(source) {
            return;
        }
        match plane {
            Plane::Rtcp if !self.is_muxed => self.rtcp = Some(source),
            _ => self.rtp = Some(source),
        }
    }

    fn learnt(&self, plane: Plane) -> Option<SocketAddr> {
        match plane {
            Plane::Rtcp if !self.is_muxed => self.rtcp,
            _ => self.rtp,
        }
    }
}

/// Port 0 is no place to send to: who names it as a source forged the packet, or wants no answer.
fn can_be_answered(source: SocketAddr) -> bool {
    source.port() != 0
}
