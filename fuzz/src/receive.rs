//! A receiver among packets that its peer sent, packets that somebody changed on the way, and packets from anywhere.

use srtp_sdes::{KeyUsage, Plane, Receiver, Sender, UnprotectError};

use crate::{Input, Setup};

/// A packet that the peer sent.
struct Sent {
    plain: Vec<u8>,
    protected: Vec<u8>,
    accepted: bool,
}

struct Script<'a> {
    input: Input<'a>,
    plane: Plane,
    setup: Setup,
    sender: Sender,
    /// Gets everything.
    receiver: Receiver,
    /// Gets what the peer sent and what the first one accepted. Whatever else comes must make no difference.
    sheltered: Receiver,
    sent: Vec<Sent>,
}

/// Plays the script in `input` with one plane of a receiver.
///
/// # Panics
/// If a forged packet is accepted or changes anything, the exported state among it, if a packet is accepted twice or comes out as other bytes, or if
/// an error leaves a buffer changed.
pub fn receive(plane: Plane, input: &[u8]) {
    let mut input = Input(input);
    let setup = Setup::read(&mut input);
    let contexts = (setup.sender(), setup.receiver(), setup.receiver());
    let (Some(sender), Some(receiver), Some(sheltered)) = contexts else {
        return;
    };
    let mut script = Script {
        input,
        plane,
        setup,
        sender,
        receiver,
        sheltered,
        sent: Vec::new(),
    };
    while !script.input.is_empty() {
        script.step();
    }
    let exported = [&script.receiver, &script.sheltered].map(Receiver::export_state);
    assert!(exported[0] == exported[1], "what was refused left a trace");
}

impl Script<'_> {
    fn step(&mut self) {
        let step = self.input.byte();
        let way = Way::from(step >> 5);
        match step & 0x1f {
            0..8 => self.send(),
            8..14 => self.deliver(way),
            14..20 => self.deliver_changed(way),
            20..26 => self.deliver_anything(way),
            26 | 27 => {
                let (ssrc, roc) = (self.input.ssrc(), self.input.roc());
                let set = self.receiver.set_roc(ssrc, roc);
                assert_eq!(self.sheltered.set_roc(ssrc, roc), set);
            }
            28 | 29 => {
                let ssrc = self.input.ssrc();
                let removed = self.receiver.remove_stream(ssrc);
                assert_eq!(self.sheltered.remove_stream(ssrc), removed);
            }
            30 => {
                let n = self.input.byte();
                self.setup.select(&mut self.sender, n);
            }
            _ => {
                let (ssrc, roc) = (self.input.ssrc(), self.input.roc());
                let _ = self.sender.set_roc(ssrc, roc);
            }
        }
    }

    /// The peer protects a packet.
    fn send(&mut self) {
        let ssrc = self.input.ssrc();
        let payload = usize::from(self.input.byte());
        let payload = (0..payload).map(|n| n as u8);
        let mut plain;
        if self.plane == Plane::Rtp {
            let seq = self.input.u16();
            let shape = self.input.byte();
            let (csrcs, extension) = (shape & 0x0f, shape & 0x10);
            plain = vec![0x80 | shape & 0x3f, 0];
            plain.extend(seq.to_be_bytes());
            plain.extend([shape; 4]);
            plain.extend(ssrc.to_be_bytes());
            plain.extend(vec![0xcc; usize::from(csrcs) * 4]);
            if extension != 0 {
                let words = shape >> 6;
                plain.extend([0xbe, 0xde, 0, words]);
                plain.extend(vec![0xee; usize::from(words) * 4]);
            }
        } else {
            plain = vec![0x80, 200, 0, 6];
            plain.extend(ssrc.to_be_bytes());
        }
        plain.extend(payload);

        let mut protected = plain.clone();
        let protects = match self.plane {
            Plane::Rtp => self.sender.protect_rtp_vec(&mut protected),
            _ => self.sender.protect_rtcp_vec(&mut protected),
        };
        match protects {
            Err(_) => assert_eq!(protected, plain),
            Ok(()) => self.sent.push(Sent {
                plain: self.setup.received(self.plane, &plain),
                protected,
                accepted: false,
            }),
        }
    }

    fn choose(&mut self) -> Option<usize> {
        let n = usize::from(self.input.byte());
        // Mostly the last ones.
        self.sent.len().checked_sub(1 + n % self.sent.len().max(1))
    }

    /// A packet arrives as it was sent, once or several times, early or late.
    fn deliver(&mut self, way: Way) {
        let Some(n) = self.choose() else { return };
        let packet = self.sent[n].protected.clone();
        let opened = open(&mut self.receiver, self.plane, way, &packet);
        let sheltered = open(&mut self.sheltered, self.plane, way, &packet);
        assert_eq!(opened, sheltered, "forged packets made a difference");
        self.check_accepted(n, &opened);
    }

    /// A packet arrives changed: bytes, length, or both.
    fn deliver_changed(&mut self, way: Way) {
        let Some(n) = self.choose() else { return };
        let mut packet = self.sent[n].protected.clone();
        for _ in 0..=self.input.byte() % 4 {
            let (at, with) = (usize::from(self.input.u16()), self.input.byte());
            let len = packet.len();
            match with {
                0 => packet.truncate(at % (len + 1)),
                1 => packet.extend(self.input.take(at % 64)),
                with => {
                    if let Some(byte) = packet.get_mut(at % len.max(1)) {
                        *byte ^= with;
                    }
                }
            }
        }
        self.deliver_hostile(way, &packet);
    }

    fn deliver_anything(&mut self, way: Way) {
        let len = usize::from(self.input.u16() % 2048);
        let packet = self.input.take(len);
        self.deliver_hostile(way, packet);
    }

    /// Takes a packet that need not be the peer's.
    fn deliver_hostile(&mut self, way: Way, packet: &[u8]) {
        let opened = open(&mut self.receiver, self.plane, way, packet);
        if opened.is_err() {
            return;
        }
        let sheltered = open(&mut self.sheltered, self.plane, way, packet);
        assert_eq!(opened, sheltered, "forged packets made a difference");
        if self.setup.is_forgeable(self.plane) {
            return;
        }
        // An SRTCP tag of 10 bytes cut to 4 is a tag of 4 bytes, for who accepts both.
        let either = self.setup.either_tag && self.plane == Plane::Rtcp;
        let is_it = |sent: &Sent| {
            let cut = sent.protected.len().saturating_sub(packet.len());
            sent.protected.starts_with(packet) && (cut == 0 || cut == 6 && either)
        };
        let n = self.sent.iter().position(is_it);
        self.check_accepted(n.expect("a forged packet was accepted"), &opened);
    }

    fn check_accepted(&mut self, n: usize, opened: &Opened) {
        let sent = &mut self.sent[n];
        if let Ok(plain) = opened
            && !self.setup.is_forgeable(self.plane)
        {
            assert!(!sent.accepted, "a packet was accepted twice");
            sent.accepted = true;
            assert!(plain.as_ref().is_none_or(|plain| *plain == sent.plain));
        }
        let authentic = self.sent.iter().any(|sent| sent.accepted);
        if !authentic && !self.setup.is_forgeable(self.plane) {
            let statistics = self.receiver.statistics();
            assert_eq!((statistics.rtp.packets, statistics.rtcp.packets), (0, 0));
        }
    }
}

/// Which method opens a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    InPlace,
    Into,
    IntoTooSmall,
    Vec,
    Verify,
}

impl From<u8> for Way {
    fn from(n: u8) -> Self {
        match n {
            0..4 => Self::InPlace,
            4 => Self::Into,
            5 => Self::IntoTooSmall,
            6 => Self::Vec,
            _ => Self::Verify,
        }
    }
}

/// The plain packet, unless it was only verified.
pub(crate) type Opened = Result<Option<Vec<u8>>, UnprotectError>;

/// Opens `packet` in some way. Checks that nothing changes with an error, and no byte that should not without one.
pub(crate) fn open(receiver: &mut Receiver, plane: Plane, way: Way, packet: &[u8]) -> Opened {
    let before = state(receiver);
    let is_rtp = plane == Plane::Rtp;
    let opened = match way {
        Way::InPlace => {
            let mut buf = packet.to_vec();
            let opened = if is_rtp {
                receiver.unprotect_rtp(&mut buf)
            } else {
                receiver.unprotect_rtcp(&mut buf)
            };
            let opened = opened.map(|plain| Some(plain.to_vec()));
            let written = match &opened {
                Ok(plain) => plain.as_ref().map_or(0, Vec::len),
                Err(_) => 0,
            };
            assert_eq!(buf[written..], packet[written..]);
            opened
        }
        Way::Into | Way::IntoTooSmall => {
            let room = match way {
                Way::Into => packet.len(),
                _ => packet.len() / 2,
            };
            let mut out = vec![0xaa; room];
            let opened = if is_rtp {
                receiver.unprotect_rtp_into(packet, &mut out)
            } else {
                receiver.unprotect_rtcp_into(packet, &mut out)
            };
            let opened = opened.map(|plain| Some(plain.to_vec()));
            let written = match &opened {
                Ok(plain) => plain.as_ref().map_or(0, Vec::len),
                Err(_) => 0,
            };
            assert!(out[written..].iter().all(|byte| *byte == 0xaa));
            opened
        }
        Way::Vec => {
            let mut buf = packet.to_vec();
            let opened = if is_rtp {
                receiver.unprotect_rtp_vec(&mut buf)
            } else {
                receiver.unprotect_rtcp_vec(&mut buf)
            };
            if opened.is_err() {
                assert_eq!(buf, packet);
            }
            opened.map(|()| Some(buf))
        }
        Way::Verify if is_rtp => receiver.verify_rtp(packet).map(|_| None),
        Way::Verify => receiver.verify_rtcp(packet).map(|_| None),
    };
    if opened.is_err() {
        assert_eq!(state(receiver), before, "an error changed the state");
    }
    opened
}

/// What can be seen of a receiver's state, without statistics.
pub(crate) fn state(receiver: &Receiver) -> (Vec<(u32, Option<u32>)>, Vec<KeyUsage>) {
    let streams = receiver.ssrcs().map(|ssrc| (ssrc, receiver.roc(ssrc)));
    let keys = receiver.keys().map(|(_, usage)| usage);
    (streams.collect(), keys.collect())
}
