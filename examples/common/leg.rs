//! One leg of a relay, as the user describes it in one argument: where it listens, where it sends, what is special about its SRTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use srtp_sdes::{EBitPolicy, ReplayWindowSize, SrtcpTag};

use super::remote::Remote;

/// How often a free pair of ports is looked for.
const ATTEMPTS: usize = 64;

/// The settings of one leg.
#[derive(Clone, Debug)]
pub(crate) struct LegSettings {
    listen: SocketAddr,
    rtcp: RtcpPort,
    to: Option<SocketAddr>,
    rtcp_to: Option<SocketAddr>,
    pub(crate) srtp: SrtpSettings,
    /// The first setting that means something under SRTP only.
    pub(crate) needs_keys: Option<String>,
}

/// Where a leg takes RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RtcpPort {
    /// On the port above that of RTP.
    Above,
    At(u16),
    /// On that of RTP (RFC 5761).
    Muxed,
}

/// What a field test may need beyond keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SrtpSettings {
    pub(crate) our_tag: SrtcpTag,
    pub(crate) their_tag: SrtcpTag,
    pub(crate) either_tag: bool,
    pub(crate) our_roc: u32,
    pub(crate) their_roc: u32,
    pub(crate) search_roc: bool,
    pub(crate) window: ReplayWindowSize,
    pub(crate) e_bit: EBitPolicy,
}

/// The sockets of a leg.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    /// None if RTCP is on that of RTP.
    pub(crate) rtcp: Option<UdpSocket>,
}

impl FromStr for LegSettings {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut leg = Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            rtcp: RtcpPort::Above,
            to: None,
            rtcp_to: None,
            srtp: SrtpSettings::default(),
            needs_keys: None,
        };
        for (place, setting) in text.split(',').map(str::trim).enumerate() {
            if place == 0 && setting.starts_with(|it: char| it.is_ascii_digit() || it == '[') {
                leg.listen = listen_address(setting)?;
            } else if !setting.is_empty() {
                leg.set(setting)?;
            }
        }
        leg.check()?;
        Ok(leg)
    }
}

impl LegSettings {
    fn set(&mut self, setting: &str) -> Result<()> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match (name, value) {
            ("mux", "") => self.rtcp = RtcpPort::Muxed,
            ("rtcp", _) => self.rtcp = RtcpPort::At(port(value)?),
            ("to", _) => self.to = Some(address(value)?),
            ("rtcp-to", _) => self.rtcp_to = Some(address(value)?),
            _ => {
                self.srtp.set(setting, name, value)?;
                self.needs_keys.get_or_insert_with(|| name.to_owned());
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.rtcp_to.is_none() || self.to.is_some(),
            "rtcp-to takes a to beside it"
        );
        ensure!(
            self.rtcp_to.is_none() || self.rtcp != RtcpPort::Muxed,
            "mux sends RTCP to where RTP goes, so rtcp-to does not go with it"
        );
        ensure!(
            self.rtcp != RtcpPort::At(self.listen.port()),
            "RTP and RTCP on one port is what mux is for"
        );
        for to in [self.to, self.rtcp_to].into_iter().flatten() {
            ensure!(
                to.is_ipv4() == self.listen.is_ipv4(),
                "{} cannot send to {to}, which is of the other IP version",
                self.listen
            );
        }
        Ok(())
    }

    pub(crate) fn is_muxed(&self) -> bool {
        self.rtcp == RtcpPort::Muxed
    }

    /// Where this leg sends, as far as it is known before the first packet.
    pub(crate) fn remote(&self) -> Remote {
        match self.to {
            Some(to) => Remote::fixed(to, self.rtcp_to, self.is_muxed()),
            None => Remote::to_learn(self.is_muxed()),
        }
    }

    /// Takes the ports.
    pub(crate) fn bind(&self) -> Result<Sockets> {
        let host = self.listen.ip();
        if self.rtcp != RtcpPort::Above || self.listen.port() != 0 {
            let rtcp = match self.rtcp {
                RtcpPort::Muxed => None,
                RtcpPort::At(port) => Some(port),
                RtcpPort::Above => Some(above(self.listen.port())?),
            };
            return Ok(Sockets {
                rtp: bind(self.listen)?,
                rtcp: rtcp.map(|port| bind((host, port).into())).transpose()?,
            });
        }
        for _ in 0..ATTEMPTS {
            let rtp = bind(self.listen)?;
            let pair = above(rtp.local_addr()?.port()).and_then(|it| bind((host, it).into()));
            if let Ok(rtcp) = pair {
                let rtcp = Some(rtcp);
                return Ok(Sockets { rtp, rtcp });
            }
        }
        bail!("found no two free ports in a row on {host}")
    }
}

impl SrtpSettings {
    fn set(&mut self, setting: &str, name: &str, value: &str) -> Result<()> {
        match (name, value) {
            ("our-srtcp-tag", _) => self.our_tag = tag(value)?,
            ("their-srtcp-tag", "either") => self.either_tag = true,
            ("their-srtcp-tag", _) => self.their_tag = tag(value)?,
            ("our-roc", _) => self.our_roc = roc(value)?,
            ("their-roc", _) => self.their_roc = roc(value)?,
            ("search-roc", "") => self.search_roc = true,
            ("window", _) => {
                let size = value.parse().ok().and_then(ReplayWindowSize::new);
                self.window = size.context("a window is of 64 to 32768 packets")?;
            }
            ("e-bit", "either") => self.e_bit = EBitPolicy::AcceptEither,
            _ => bail!("{setting:?} is no setting of a leg"),
        }
        Ok(())
    }
}

fn tag(value: &str) -> Result<SrtcpTag> {
    match value {
        "4" => Ok(SrtcpTag::Bytes4),
        "10" => Ok(SrtcpTag::Bytes10),
        _ => bail!("an SRTCP tag has 4 or 10 bytes; their-srtcp-tag may be either"),
    }
}

fn roc(value: &str) -> Result<u32> {
    let roc = value.parse().ok();
    roc.context("a rollover counter is a number below 2^32")
}

fn port(value: &str) -> Result<u16> {
    let port = value.parse().ok();
    port.with_context(|| format!("{value:?} is no port"))
}

/// A remote address: one that packets can be sent to.
fn address(value: &str) -> Result<SocketAddr> {
    let address = value.parse::<SocketAddr>().ok();
    let address = address.filter(|it| it.port() != 0 && !it.ip().is_unspecified());
    address.with_context(|| format!("{value:?} is no ADDRESS:PORT to send to"))
}

/// `PORT`, on loopback, or `ADDRESS:PORT`.
fn listen_address(value: &str) -> Result<SocketAddr> {
    let on_loopback = |port| SocketAddr::from((IpAddr::from(Ipv4Addr::LOCALHOST), port));
    let address = value.parse().map(on_loopback).or_else(|_| value.parse());
    let address = address.ok();
    address.with_context(|| format!("{value:?} is no PORT and no ADDRESS:PORT"))
}

fn above(port: u16) -> Result<u16> {
    let above = port.checked_add(1);
    above.context("there is no port above 65535 for RTCP, say rtcp=PORT or mux")
}

fn bind(address: SocketAddr) -> Result<UdpSocket> {
    UdpSocket::bind(address).with_context(|| format!("cannot listen on {address}"))
}
