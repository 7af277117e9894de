//! The packets that all contenders get.

use fastrand::Rng;

use crate::contenders::Party;

pub const HEADER: usize = 12;
/// Behind each packet, for its tag; the padding of a hash fits, too.
const ROOM: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Protect,
    Unprotect,
}

/// Which packets follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Those of one stream.
    OneStream,
    /// One of each of so many contexts in turn, in random order.
    Contexts(usize),
    /// One of each SSRC of one context, in random order.
    Ssrcs,
}

/// Where a packet goes, and its length.
#[derive(Clone, Copy)]
pub struct Packet {
    pub context: usize,
    pub len: usize,
}

/// Packets side by side in memory, each in a buffer of its own.
#[derive(Clone)]
pub struct Packets {
    bytes: Vec<u8>,
    stride: usize,
    list: Vec<Packet>,
}

impl Packets {
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Packet, &mut [u8])> {
        self.list
            .iter()
            .zip(self.bytes.chunks_exact_mut(self.stride))
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The bytes of another one of the same traffic, into the same memory as before.
    pub fn copy_from(&mut self, other: &Self) {
        self.bytes.copy_from_slice(&other.bytes);
        self.list.copy_from_slice(&other.list);
    }

    pub fn protect_with(&mut self, sender: &mut dyn Party) {
        for (packet, buf) in self
            .list
            .iter_mut()
            .zip(self.bytes.chunks_exact_mut(self.stride))
        {
            let protected = sender.one(packet.context, buf, packet.len);
            let protected = protected.expect("the packet is accepted");
            packet.len = protected.len();
            buf[..packet.len].copy_from_slice(&protected);
        }
    }
}

/// A source of packets whose sequence numbers go on from turn to turn.
pub struct Traffic {
    flow: Flow,
    payload: usize,
    number: usize,
    next: u16,
    random: Rng,
}

impl Traffic {
    /// `number` packets a turn.
    pub fn new(flow: Flow, payload: usize, number: usize) -> Self {
        Self {
            flow,
            payload,
            number,
            next: 1,
            random: Rng::with_seed(1),
        }
    }

    /// How many contexts there are.
    pub fn contexts(&self) -> usize {
        match self.flow {
            Flow::Contexts(number) => number,
            Flow::OneStream | Flow::Ssrcs => 1,
        }
    }

    /// The packets of the next turn, in the clear, in pieces of `size`.
    pub fn turn(&mut self, size: usize) -> Vec<Packets> {
        let lap = match self.flow {
            Flow::Contexts(number) => number,
            Flow::OneStream | Flow::Ssrcs => self.number,
        };
        let mut pieces = Vec::new();
        for _ in 0..self.number / lap {
            let mut order: Vec<usize> = (0..lap).collect();
            if self.flow != Flow::OneStream {
                self.random.shuffle(&mut order);
            }
            pieces.extend(order.chunks(size).map(|order| self.piece(order)));
            if self.flow != Flow::OneStream {
                self.sequence_number();
            }
        }
        pieces
    }

    fn piece(&mut self, order: &[usize]) -> Packets {
        let len = HEADER + self.payload;
        let stride = (len + ROOM).next_multiple_of(64);
        let mut bytes = vec![0; order.len() * stride];
        for (at, buf) in order.iter().zip(bytes.chunks_exact_mut(stride)) {
            let (seq, ssrc) = match self.flow {
                Flow::OneStream => (self.sequence_number(), 0xcafe_babe),
                Flow::Contexts(_) => (self.next, 0xcafe_babe),
                Flow::Ssrcs => (self.next, 0x1357_9bdf_u32.wrapping_mul(*at as u32 + 1)),
            };
            buf[..4].copy_from_slice(&[0x80, 8, (seq >> 8) as u8, seq as u8]);
            buf[4..8].copy_from_slice(&(u32::from(seq) * 160).to_be_bytes());
            buf[8..HEADER].copy_from_slice(&ssrc.to_be_bytes());
            self.random.fill(&mut buf[HEADER..len]);
        }
        let packet = |at: &usize| Packet {
            context: if matches!(self.flow, Flow::Contexts(_)) {
                *at
            } else {
                0
            },
            len,
        };
        let list = order.iter().map(packet).collect();
        Packets {
            bytes,
            stride,
            list,
        }
    }

    /// AES-GCM alone keeps no rollover counter, so there is none.
    fn sequence_number(&mut self) -> u16 {
        let next = self.next;
        self.next = next
            .checked_add(1)
            .expect("fewer than 2^16 packets a stream");
        next
    }
}
