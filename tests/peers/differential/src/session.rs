//! One session through both: what is sent, what the network makes of it, what is received.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use srtp_sdes::{Plane, Receiver, Sender, UnprotectError};

use crate::differences::{self, Difference};
use crate::libsrtp::{Direction, LibSrtp};
use crate::random::Random;
use crate::setup::Setup;
use crate::traffic::{self, Network, Sent, Source};
use crate::verdict::{Cause, HasCause as _, Verdict};

/// What was met.
#[derive(Default)]
pub struct Tally {
    pub packets: usize,
    pub accepted: usize,
    pub suites: BTreeMap<&'static str, usize>,
    pub differences: BTreeMap<Difference, usize>,
}

/// Both senders and both receivers.
struct Session<'t> {
    setup: Setup,
    random: Random,
    tx: Sender,
    rx: Receiver,
    their_tx: LibSrtp,
    their_rx: LibSrtp,
    /// Of our sender, by SSRC.
    highest: HashMap<u32, u64>,
    /// After a difference that leaves the receivers in different states, that plane is over: RTP, RTCP.
    is_over: [bool; 2],
    tally: &'t mut Tally,
}

/// Runs the session of that seed. The error says what was not the same.
pub fn run(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut session = Session {
        tx: setup.sender(),
        rx: setup.receiver(),
        their_tx: LibSrtp::new(&setup, Direction::Outbound),
        their_rx: LibSrtp::new(&setup, Direction::Inbound),
        highest: HashMap::new(),
        is_over: [false; 2],
        setup,
        random,
        tally,
    };
    session.converse()
}

impl Session<'_> {
    fn converse(&mut self) -> Result<(), String> {
        let packets = 60 + self.random.below(800);
        let rtcp_share = self.random.pick(&[2, 6, 10]);
        let (mut source, mut network) = (Source::default(), Network::default());
        if self.setup.srtcp_from_0 {
            self.send_index_0()?;
        }
        for _ in 0..packets {
            let (plane, plain) = if self.random.one_in(rtcp_share) {
                (Plane::Rtcp, traffic::rtcp(&self.setup, &mut self.random))
            } else {
                (Plane::Rtp, source.rtp(&self.setup, &mut self.random))
            };
            match self.send(plane, plain)? {
                Sending::Sent(sent) => network.put(&mut self.random, sent),
                Sending::Refused => {}
                Sending::Apart => return Ok(()),
            }
            if let Some(sent) = network.take(&mut self.random) {
                self.receive_perhaps_damaged(&sent)?;
            }
        }
        while !network.is_empty() {
            if let Some(sent) = network.take(&mut self.random) {
                self.receive_perhaps_damaged(&sent)?;
            }
        }
        Ok(())
    }

    /// Our SRTCP begins one index before theirs: from here on both are at 1.
    fn send_index_0(&mut self) -> Result<(), String> {
        for ssrc in self.setup.ssrcs.clone() {
            let mut plain = traffic::rtcp(&self.setup, &mut self.random);
            plain[4..8].copy_from_slice(&ssrc.to_be_bytes());
            let packet = self.protect(Plane::Rtcp, &plain);
            let Verdict::Accepted(packet) = packet else {
                return Err(self.failure("sending index 0", Plane::Rtcp, &plain, &packet, &packet));
            };
            self.met(Difference::FirstSrtcpIndex);
            self.receive(
                &Sent {
                    plane: Plane::Rtcp,
                    packet,
                    plain,
                },
                true,
            )?;
        }
        Ok(())
    }

    fn send(&mut self, plane: Plane, plain: Vec<u8>) -> Result<Sending, String> {
        let key = self.random.below(self.setup.keys.len());
        if let Some(mki) = self.setup.mki(key) {
            self.tx
                .select_key(&mki)
                .map_err(|error| error.to_string())?;
        }
        let ours = self.protect(plane, &plain);
        let theirs = self.their_tx.protect(plane, &plain, key);
        self.count();
        if plane == Plane::Rtp {
            let seq = u16::from_be_bytes([plain[2], plain[3]]);
            let ssrc = u32::from_be_bytes([plain[8], plain[9], plain[10], plain[11]]);
            let highest = self.highest.get(&ssrc).copied();
            if ours != theirs {
                let difference = differences::in_sending(&self.setup, highest, seq, &ours, &theirs);
                let Some(difference) = difference else {
                    return Err(self.failure("sending", plane, &plain, &ours, &theirs));
                };
                self.met(difference);
                return Ok(if theirs.is_accepted() {
                    Sending::Apart
                } else {
                    Sending::Refused
                });
            }
            if ours.is_accepted() {
                let roc = self.tx.roc(ssrc).unwrap_or_default();
                let at_most = u64::from(roc) << 16 | u64::from(seq);
                let is_behind =
                    highest.is_some_and(|highest| seq.wrapping_sub(highest as u16) >= 0x8000);
                if !is_behind {
                    self.highest.insert(ssrc, at_most);
                }
            }
        }
        match ours {
            _ if ours != theirs => Err(self.failure("sending", plane, &plain, &ours, &theirs)),
            Verdict::Accepted(packet) => Ok(Sending::Sent(Sent {
                plane,
                packet,
                plain,
            })),
            Verdict::Refused(_) => Ok(Sending::Refused),
        }
    }

    fn receive_perhaps_damaged(&mut self, sent: &Sent) -> Result<(), String> {
        if self.random.one_in(5) {
            let packet = traffic::damaged(&self.setup, &mut self.random, sent);
            if packet != sent.packet {
                self.receive(
                    &Sent {
                        packet,
                        ..sent.clone()
                    },
                    false,
                )?;
            }
            if self.random.one_in(2) {
                return Ok(());
            }
        }
        self.receive(sent, true)
    }

    /// What damaged packets are refused for is a matter of which check comes first.
    fn receive(&mut self, sent: &Sent, is_as_sent: bool) -> Result<(), String> {
        let (plane, packet) = (sent.plane, &sent.packet);
        let is_over = usize::from(plane == Plane::Rtcp);
        if self.is_over[is_over] {
            return Ok(());
        }
        let ours = self.unprotect(plane, packet);
        let theirs = self.their_rx.unprotect(plane, packet);
        self.count();
        if ours == theirs || !(is_as_sent || ours.is_accepted() || theirs.is_accepted()) {
            match ours {
                // Where nothing is authenticated, a wrong rollover counter gives noise, the same noise.
                Verdict::Accepted(plain)
                    if is_as_sent && plain != sent.plain && self.setup.tag(plane) > 0 =>
                {
                    let theirs = Verdict::Accepted(sent.plain.clone());
                    return Err(self.failure(
                        "what was sent, receiving",
                        plane,
                        packet,
                        &Verdict::Accepted(plain),
                        &theirs,
                    ));
                }
                Verdict::Accepted(_) => self.tally.accepted += 1,
                Verdict::Refused(_) => {}
            }
            return Ok(());
        }
        if !ours.is_accepted()
            && !theirs.is_accepted()
            && (ours.is(Cause::BelowZero) || ours.is(Cause::Exhausted))
        {
            return Ok(());
        }
        let difference = differences::in_receiving(&self.setup, plane, packet, &ours, &theirs);
        let Some(difference) = difference else {
            return Err(self.failure("receiving", plane, packet, &ours, &theirs));
        };
        self.met(difference);
        let is_only_behind = matches!(
            difference,
            Difference::SrtcpWindow | Difference::WindowRoundedUp
        );
        self.is_over[is_over] = !is_only_behind;
        Ok(())
    }

    /// Ours, in one of the three ways.
    fn protect(&mut self, plane: Plane, plain: &[u8]) -> Verdict {
        let rtp = plane == Plane::Rtp;
        let overhead = if rtp {
            self.tx.rtp_overhead()
        } else {
            self.tx.rtcp_overhead()
        };
        let mut buf = vec![0xa5; plain.len() + overhead];
        match self.random.below(3) {
            0 if rtp => self.tx.protect_rtp_into(plain, &mut buf).into(),
            0 => self.tx.protect_rtcp_into(plain, &mut buf).into(),
            1 => {
                buf = plain.to_vec();
                let done = if rtp {
                    self.tx.protect_rtp_vec(&mut buf)
                } else {
                    self.tx.protect_rtcp_vec(&mut buf)
                };
                done.map(|()| buf).into()
            }
            _ => {
                buf[..plain.len()].copy_from_slice(plain);
                if rtp {
                    self.tx.protect_rtp(&mut buf, plain.len()).into()
                } else {
                    self.tx.protect_rtcp(&mut buf, plain.len()).into()
                }
            }
        }
    }

    fn unprotect(&mut self, plane: Plane, packet: &[u8]) -> Verdict {
        let rtp = plane == Plane::Rtp;
        let mut buf = packet.to_vec();
        let opened: Result<Vec<u8>, UnprotectError> = match self.random.below(3) {
            0 => {
                let mut out = vec![0xa5; packet.len()];
                let opened = if rtp {
                    self.rx.unprotect_rtp_into(packet, &mut out)
                } else {
                    self.rx.unprotect_rtcp_into(packet, &mut out)
                };
                opened.map(|plain| plain.to_vec())
            }
            1 => {
                let opened = if rtp {
                    self.rx.unprotect_rtp_vec(&mut buf)
                } else {
                    self.rx.unprotect_rtcp_vec(&mut buf)
                };
                opened.map(|()| buf)
            }
            _ => {
                let opened = if rtp {
                    self.rx.unprotect_rtp(&mut buf)
                } else {
                    self.rx.unprotect_rtcp(&mut buf)
                };
                opened.map(|plain| plain.to_vec())
            }
        };
        match opened {
            Err(UnprotectError::TooOld { highest, .. })
                if rtp
                    && highest < 0x8000
                    && u64::from(u16::from_be_bytes([packet[2], packet[3]])) > highest =>
            {
                Verdict::Refused(Cause::BelowZero)
            }
            Err(error) => Verdict::Refused(error.cause()),
            Ok(plain) => Verdict::Accepted(plain),
        }
    }

    fn count(&mut self) {
        self.tally.packets += 1;
        *self
            .tally
            .suites
            .entry(self.setup.suite.name())
            .or_default() += 1;
    }

    fn met(&mut self, difference: Difference) {
        *self.tally.differences.entry(difference).or_default() += 1;
    }

    fn failure(
        &self,
        what: &str,
        plane: Plane,
        packet: &[u8],
        ours: &Verdict,
        theirs: &Verdict,
    ) -> String {
        let mut text = format!("{what} {plane}: not the same\nsession {:?}\n", self.setup);
        for (name, bytes) in [
            ("packet ", Some(packet)),
            ("ours   ", bytes(ours)),
            ("theirs ", bytes(theirs)),
        ] {
            let _ = write!(text, "{name}");
            for byte in bytes.unwrap_or_default() {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        for (name, verdict) in [("ours", ours), ("theirs", theirs)] {
            if let Verdict::Refused(cause) = verdict {
                let _ = writeln!(text, "{name}: refused, {cause:?}");
            }
        }
        text
    }
}

enum Sending {
    Sent(Sent),
    Refused,
    /// They sent what we refused, by a known difference: from here on the two are elsewhere.
    Apart,
}

fn bytes(verdict: &Verdict) -> Option<&[u8]> {
    match verdict {
        Verdict::Accepted(packet) => Some(packet),
        Verdict::Refused(_) => None,
    }
}
