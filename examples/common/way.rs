//! One way of a relay: packets that came in on one leg become what goes out on the other.

use std::sync::Mutex;

use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::{Plane, Receiver, Sender};

use super::gateway::lock;
use super::remote::Remote;
use super::tally::{Refusal, Tally};
use super::turn::{MOST, Packet};

/// The receiver of one leg, the sender of the other, and what they did. A leg without keys has neither.
#[derive(Default)]
pub(crate) struct Way {
    pub(crate) receiver: Option<Receiver>,
    pub(crate) proves_rtp: bool,
    pub(crate) proves_rtcp: bool,
    pub(crate) sender: Option<Sender>,
    pub(crate) tally: Tally,
}

impl Way {
    /// Turns the packets of a turn into their plain form, and learns from them where the other side is.
    pub(crate) fn open(&mut self, remote: &Mutex<Remote>, packets: &mut [Packet]) {
        // One packet gains nothing from a batch; and whether one without proof is let in depends on where those before it came from.
        let together = packets.len() > 1 && packets.iter().all(|it| self.proves(it.plane));
        if together {
            self.open_together(packets);
        }
        for packet in packets {
            if !together {
                packet.outcome = self.open_alone(remote, packet);
            }
            if let Ok(len) = packet.outcome {
                packet.len = len;
                lock(remote).learn(packet.plane, packet.source);
            }
        }
    }

    fn proves(&self, plane: Plane) -> bool {
        match plane {
            Plane::Rtp => self.proves_rtp,
            Plane::Rtcp => self.proves_rtcp,
        }
    }

    fn open_together(&mut self, packets: &mut [Packet]) {
        let mut batch: [Incoming<'_>; MOST] = Default::default();
        for (place, packet) in batch.iter_mut().zip(packets.iter_mut()) {
            *place = packet.incoming();
        }
        batch::unprotect(self.receiver.as_mut_slice(), &mut batch);
        let results = batch.map(|it| it.result());
        for (packet, result) in packets.iter_mut().zip(results) {
            let result = result.map(|it| it.map_err(Refusal::from));
            packet.outcome = result.unwrap_or(Err(Refusal::Other));
        }
    }

    fn open_alone(
        &mut self,
        remote: &Mutex<Remote>,
        packet: &mut Packet,
    ) -> Result<usize, Refusal> {
        // Whoever can prove it may come from anywhere.
        if !self.proves(packet.plane) && !lock(remote).admits(packet.plane, packet.source) {
            return Err(Refusal::Stranger);
        }
        match &mut self.receiver {
            None => looks_right(packet.plane, packet.bytes()),
            Some(receiver) => Ok(packet.unprotect(receiver)?),
        }
    }

    /// Protects what is to go on to the other leg, if that is protected and it is known where its other side is.
    pub(crate) fn seal(&mut self, to: &Remote, packets: &mut [Packet]) {
        for packet in packets.iter_mut().filter(|it| it.outcome.is_ok()) {
            if to.of(packet.plane).is_none() {
                packet.outcome = Err(Refusal::NowhereToSend);
            }
        }
        match (&mut self.sender, packets) {
            (None, _) => {}
            (Some(sender), [packet]) => {
                if packet.outcome.is_ok() {
                    let sealed = packet.protect(sender);
                    packet.note_sealed(sealed);
                }
            }
            (Some(sender), packets) => seal_together(sender, packets),
        }
    }
}

fn seal_together(sender: &mut Sender, packets: &mut [Packet]) {
    let mut batch: [Outgoing<'_>; MOST] = Default::default();
    for (place, packet) in batch.iter_mut().zip(packets.iter_mut()) {
        if packet.outcome.is_ok() {
            *place = packet.outgoing();
        }
    }
    batch::protect(std::slice::from_mut(sender), &mut batch);
    let results = batch.map(|it| it.result());
    for (packet, result) in packets.iter_mut().zip(results) {
        if let Some(result) = result {
            packet.note_sealed(result);
        }
    }
}

/// All that can be asked of a packet that is not protected: version 2, and its fixed header.
fn looks_right(plane: Plane, packet: &[u8]) -> Result<usize, Refusal> {
    let least = match plane {
        Plane::Rtp => 12,
        Plane::Rtcp => 8,
    };
    match packet {
        [0x80..=0xbf, ..] if packet.len() >= least => Ok(packet.len()),
        _ => Err(Refusal::Foreign),
    }
}
