//! The media thread of an endpoint: G.711 every 20 ms as SRTP, sender reports as SRTCP, and what comes from the other end.

use std::f64::consts::TAU;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use srtp_sdes::sdes::Changes;
use srtp_sdes::{CryptoSuite, Receiver, ReceiverStatistics, Sender};

use crate::connection::PATIENCE;
use crate::sip::random;

/// Two seconds.
pub const PACKETS: u16 = 100;
const PACKET_TIME: Duration = Duration::from_millis(20);
const SAMPLES: u16 = 160;
/// Packets before which a report is sent.
const REPORTS: [u16; 2] = [25, 75];
/// The 51st packet has number 0: the rollover counter moves in the middle of the call.
const FIRST_NUMBER: u16 = 0u16.wrapping_sub(50);

/// RTP on one port, RTCP on the next (RFC 3550 §11).
pub struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Sockets {
    pub fn open() -> Result<Self> {
        for _ in 0..64 {
            let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for media")?;
            let port = rtp.local_addr()?.port();
            let next = port.checked_add(1).filter(|_| port.is_multiple_of(2));
            let rtcp = next.map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)));
            if let Some(Ok(rtcp)) = rtcp {
                rtcp.set_nonblocking(true)?;
                return Ok(Self { rtp, rtcp });
            }
        }
        bail!("no pair of ports is free for media")
    }

    /// For `c=` and `m=`.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.rtp.local_addr()?)
    }
}

/// The two directions of a call under SRTP, as the session's changes make them.
#[derive(Default)]
pub struct Contexts {
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

impl Contexts {
    pub fn apply(&mut self, changes: Changes) -> Result<()> {
        changes.receiver.apply(&mut self.receiver)?;
        changes.sender.apply(&mut self.sender)?;
        Ok(())
    }
}

/// What an endpoint knows of its media at the end.
pub struct Media {
    pub suite: CryptoSuite,
    /// µ-law samples before encryption.
    pub sent: Vec<u8>,
    /// µ-law samples after decryption.
    pub heard: Vec<u8>,
    pub statistics: ReceiverStatistics,
    /// Of the stream that was received.
    pub roc: Option<u32>,
}

/// Sends a tone in real time and listens, for two seconds.
pub fn talk(
    sockets: &Sockets,
    contexts: Contexts,
    remote: SocketAddr,
    pitch: f64,
) -> Result<Media> {
    let (Some(sender), Some(receiver)) = (contexts.sender, contexts.receiver) else {
        bail!("the call has no keys");
    };
    let rtcp = SocketAddr::new(remote.ip(), remote.port().saturating_add(1));
    sockets.rtp.connect(remote)?;
    sockets.rtcp.connect(rtcp)?;
    let mut call = Call {
        sockets,
        sender,
        receiver,
        ssrc: u32::from_be_bytes(random()?),
        theirs: None,
        sent: Vec::new(),
        heard: Vec::new(),
    };
    let mut next = Instant::now();
    for packet in 0..PACKETS {
        if REPORTS.contains(&packet) {
            call.report(packet)?;
        }
        call.send(packet, pitch)?;
        next += PACKET_TIME;
        call.listen(next)?;
    }
    let end = Instant::now() + PATIENCE;
    while !call.is_complete() && Instant::now() < end {
        call.listen(Instant::now() + PACKET_TIME)?;
    }
    Ok(Media {
        suite: call.receiver.suite(),
        roc: call.theirs.and_then(|ssrc| call.receiver.roc(ssrc)),
        statistics: call.receiver.statistics(),
        sent: call.sent,
        heard: call.heard,
    })
}

struct Call<'s> {
    sockets: &'s Sockets,
    sender: Sender,
    receiver: Receiver,
    ssrc: u32,
    theirs: Option<u32>,
    sent: Vec<u8>,
    heard: Vec<u8>,
}

impl Call<'_> {
    fn send(&mut self, packet: u16, pitch: f64) -> Result<()> {
        let payload: Vec<u8> = (0..SAMPLES).map(|at| tone(pitch, packet, at)).collect();
        let mut rtp = vec![0x80, 0]; // version 2; payload type 0 is PCMU
        rtp.extend(FIRST_NUMBER.wrapping_add(packet).to_be_bytes());
        rtp.extend(timestamp(packet).to_be_bytes());
        rtp.extend(self.ssrc.to_be_bytes());
        rtp.extend(&payload);
        self.sent.extend(payload);
        self.sender.protect_rtp_vec(&mut rtp)?;
        self.sockets.rtp.send(&rtp).context("cannot send RTP")?;
        Ok(())
    }

    /// A sender report and a CNAME (RFC 3550 §6.1, §6.4.1, §6.5).
    fn report(&mut self, packet: u16) -> Result<()> {
        let mut rtcp = vec![0x80, 200, 0, 6];
        rtcp.extend(self.ssrc.to_be_bytes());
        rtcp.extend([0; 8]); // no wall clock here
        for number in [
            timestamp(packet),
            u32::from(packet),
            u32::try_from(self.sent.len())?,
        ] {
            rtcp.extend(number.to_be_bytes());
        }
        rtcp.extend([0x81, 202, 0, 3]);
        rtcp.extend(self.ssrc.to_be_bytes());
        rtcp.extend(b"\x01\x04call\0\0");
        self.sender.protect_rtcp_vec(&mut rtcp)?;
        self.sockets.rtcp.send(&rtcp).context("cannot send RTCP")?;
        Ok(())
    }

    /// Takes what comes until then. What is not authentic stands in the statistics.
    fn listen(&mut self, until: Instant) -> Result<()> {
        let mut buffer = [0; 2048];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if left.is_zero() {
                break;
            }
            self.sockets.rtp.set_read_timeout(Some(left))?;
            match self.sockets.rtp.recv(&mut buffer) {
                Ok(len) => self.take_rtp(&mut buffer[..len]),
                Err(error) if is_silence(error.kind()) => {}
                Err(error) => return Err(error).context("cannot receive RTP"),
            }
            match self.sockets.rtcp.recv(&mut buffer) {
                Ok(len) => drop(self.receiver.unprotect_rtcp(&mut buffer[..len])),
                Err(error) if is_silence(error.kind()) => {}
                Err(error) => return Err(error).context("cannot receive RTCP"),
            }
        }
        // A socket's timeout may end a little early.
        thread::sleep(until.saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn take_rtp(&mut self, srtp: &mut [u8]) {
        if let Ok([_, _, _, _, _, _, _, _, s, s2, s3, s4, payload @ ..]) =
            self.receiver.unprotect_rtp(srtp).map(|rtp| &*rtp)
        {
            self.theirs = Some(u32::from_be_bytes([*s, *s2, *s3, *s4]));
            self.heard.extend(payload);
        }
    }

    fn is_complete(&self) -> bool {
        let statistics = self.receiver.statistics();
        statistics.rtp.packets >= u64::from(PACKETS)
            && statistics.rtcp.packets >= REPORTS.len() as u64
    }
}

fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn timestamp(packet: u16) -> u32 {
    u32::from(packet) * u32::from(SAMPLES)
}

/// One sample of a tone.
fn tone(pitch: f64, packet: u16, at: u16) -> u8 {
    let seconds = f64::from(timestamp(packet) + u32::from(at)) / 8000.0;
    mu_law((8000.0 * (TAU * pitch * seconds).sin()) as i16)
}

/// G.711 µ-law: sign, exponent and mantissa, inverted.
fn mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs().min(32635) + 132;
    let exponent = 8 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

#[test]
fn samples_become_the_bytes_of_g711() {
    let pairs = [
        (0, 0xff),
        (-1, 0x7f),
        (1000, 0xce),
        (-1000, 0x4e),
        (8000, 0xa0),
    ];
    for (sample, byte) in pairs {
        assert_eq!(mu_law(sample), byte, "{sample}");
    }
    assert_eq!((mu_law(i16::MAX), mu_law(i16::MIN)), (0x80, 0));
}
