//! Suite and options of a sender and its receiver.

use std::num::{NonZeroU16, NonZeroUsize};

use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, EBitPolicy, KeyDerivationRate, Lifetime, MasterKey, Mki, Plane,
    Receiver, ReceiverBuilder, ReplayWindowSize, RocCarry, Sender, SenderBuilder, SrtcpTag,
};

use crate::Input;

/// What the first seven bytes of an input choose. Not every choice can be built.
pub(crate) struct Setup {
    pub(crate) suite: CryptoSuite,
    mki: usize,
    rate: Option<KeyDerivationRate>,
    tag: SrtcpTag,
    pub(crate) window: u16,
    pub(crate) most_streams: usize,
    pub(crate) initial_roc: u32,
    pub(crate) lifetime: Option<Lifetime>,
    unencrypted_srtp: bool,
    unencrypted_srtcp: bool,
    /// The receiver expects of SRTCP what the sender does not send.
    other_e_bit: bool,
    accept_either_e_bit: bool,
    unauthenticated_srtp: bool,
    pub(crate) search_roc: bool,
    pub(crate) either_tag: bool,
    headers: Headers,
    roc_carry: Option<Carry>,
    pub(crate) first_srtcp_index_1: bool,
}

/// Which packets carry their rollover counter, and what of a tag that takes.
#[derive(Clone, Copy)]
struct Carry {
    /// Of RCCm1 to RCCm3.
    mode: u8,
    rate: NonZeroU16,
    tag_len: usize,
}

/// What becomes of RTP headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    Clear,
    EncryptedElements(&'static [u8]),
    Cryptex(Cryptex),
}

impl Carry {
    /// None for most bytes.
    fn read(byte: u8) -> Option<Self> {
        let mode = match byte >> 5 {
            n @ 1..=3 => n,
            _ => return None,
        };
        let rates = [1, 2, 3, 16, 1000, 0x8000, 0xfffe, 0xffff];
        let tag_len = match mode {
            3 => 4,
            _ => [8, 10, 14, 20][usize::from(byte >> 3 & 3)],
        };
        Some(Self {
            mode,
            rate: NonZeroU16::new(rates[usize::from(byte & 7)]).unwrap(),
            tag_len,
        })
    }

    fn options(self) -> RocCarry {
        let carry = match self.mode {
            1 => RocCarry::rccm1_unauthenticated_between(self.rate),
            2 => RocCarry::rccm2(self.rate),
            _ => RocCarry::rccm3_unauthenticated(self.rate),
        };
        carry.tag_len(self.tag_len)
    }
}

impl Setup {
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        let suite = CryptoSuite::ALL[usize::from(input.byte()) % CryptoSuite::ALL.len()];
        let flags = input.byte();
        let flag = |n: u8| flags >> n & 1 == 1;
        let lengths = input.byte();
        let rate = input.byte();
        let sizes = input.byte();
        let windows = [64, 65, 1024, 32_768];
        Self {
            suite,
            unencrypted_srtp: flag(0),
            unencrypted_srtcp: flag(1),
            other_e_bit: flag(2),
            accept_either_e_bit: flag(3),
            unauthenticated_srtp: flag(4),
            search_roc: flag(5),
            either_tag: flag(6),
            first_srtcp_index_1: flag(7),
            mki: [0, 0, 1, 2, 4, 16, 127, 128][usize::from(lengths % 8)],
            headers: match lengths >> 5 {
                1 => Headers::EncryptedElements(&[1, 3, 14, 15, 200]),
                2 => Headers::EncryptedElements(&[0x0e, 0xee]),
                3 => Headers::Cryptex(Cryptex::On),
                4 => Headers::Cryptex(Cryptex::Required),
                _ => Headers::Clear,
            },
            tag: match lengths >> 3 & 3 {
                1 => SrtcpTag::Bytes4,
                2 => SrtcpTag::Bytes10,
                _ => SrtcpTag::OfSuite,
            },
            rate: match rate {
                0..192 => None,
                192 => Some(KeyDerivationRate::EVERY_PACKET),
                _ => KeyDerivationRate::from_exponent(rate - 192),
            },
            window: windows[usize::from(sizes % 4)],
            most_streams: [1, 2, 3, 1024][usize::from(sizes >> 2 & 3)],
            lifetime: match sizes >> 4 {
                0..12 => None,
                n => Lifetime::new(u64::from(n) - 10).ok(),
            },
            roc_carry: Carry::read(input.byte()),
            initial_roc: input.roc(),
        }
    }

    pub(crate) fn sender(&self) -> Option<Sender> {
        self.sender_builder(0).build().ok()
    }

    /// With the keys of this generation.
    pub(crate) fn sender_builder(&self, generation: u8) -> SenderBuilder {
        let mut builder = self.options(Sender::builder(self.first_key(generation)), generation);
        if self.unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if self.first_srtcp_index_1 {
            builder = builder.first_srtcp_index_1();
        }
        builder
    }

    pub(crate) fn receiver(&self) -> Option<Receiver> {
        self.receiver_builder(0).build().ok()
    }

    /// With the keys of this generation.
    pub(crate) fn receiver_builder(&self, generation: u8) -> ReceiverBuilder {
        let mut builder = self.options(Receiver::builder(self.first_key(generation)), generation);
        if self.unencrypted_srtcp ^ self.other_e_bit {
            builder = builder.unencrypted_srtcp();
        }
        if self.accept_either_e_bit {
            builder = builder.e_bit(EBitPolicy::AcceptEither);
        }
        if self.search_roc {
            builder = builder.search_roc();
        }
        if self.either_tag {
            builder = builder.accept_either_srtcp_tag();
        }
        builder
    }

    /// All of the master keys.
    pub(crate) fn keys(&self) -> Vec<MasterKey> {
        let count = if self.mki > 0 { 2 } else { 1 };
        (0..count).map(|n| self.key(n)).collect()
    }

    /// Selects another key than so far, if there are several.
    pub(crate) fn select(&self, sender: &mut Sender, n: u8) {
        if self.has_mki() {
            sender.select_key(&self.mki(n % 2)).unwrap();
        }
    }

    /// The same where every packet is placed by estimate.
    pub(crate) fn without_roc_carry(self) -> Self {
        Self {
            roc_carry: None,
            ..self
        }
    }

    pub(crate) fn has_mki(&self) -> bool {
        self.mki > 0
    }

    /// The first key of a generation. With MKIs there is another.
    pub(crate) fn first_key(&self, generation: u8) -> MasterKey {
        self.key(2 * generation)
    }

    /// Can anybody forge packets of this plane? The suite or the options say so by name.
    pub(crate) fn is_forgeable(&self, plane: Plane) -> bool {
        let null_auth = self.suite.rtp_tag_len() == 0;
        match plane {
            Plane::Rtp => null_auth || self.unauthenticated_srtp || self.loses_step(plane),
            _ => null_auth && self.tag == SrtcpTag::OfSuite,
        }
    }

    /// What the receiver makes of a packet that was sent: CSRCs without an extension come with an empty one under cryptex.
    pub(crate) fn received(&self, plane: Plane, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        let is_cryptex = matches!(self.headers, Headers::Cryptex(_));
        if is_cryptex && plane == Plane::Rtp && matches!(plain[0] & 0x1f, 1..=15) {
            packet[0] |= 0x10;
            let behind = 12 + usize::from(plain[0] & 15) * 4;
            packet.splice(behind..behind, [0xbe, 0xde, 0, 0]);
        }
        packet
    }

    /// Are there packets that prove nothing, so that a receiver may come out of step with a sender that leaps?
    pub(crate) fn loses_step(&self, plane: Plane) -> bool {
        plane == Plane::Rtp && self.roc_carry.is_some_and(|carry| carry.mode != 2)
    }

    /// How much of a sender's overhead this packet need not take: without a tag, and if it is not the one that cryptex makes longer.
    pub(crate) fn spare(&self, plane: Plane, plain: &[u8]) -> usize {
        if plane != Plane::Rtp {
            return 0;
        }
        let extension = match self.headers {
            Headers::Cryptex(_) => 4,
            _ => 0,
        };
        let seq = plain
            .get(2..4)
            .map_or(0, |seq| u16::from_be_bytes([seq[0], seq[1]]));
        let tag = match self.roc_carry {
            Some(carry) if carry.mode != 2 && seq % carry.rate != 0 => carry.tag_len,
            _ => 0,
        };
        extension + tag
    }

    /// Does the receiver take the sender's SRTCP as the sender sends it?
    pub(crate) fn agrees_on_e_bit(&self) -> bool {
        !self.other_e_bit || self.accept_either_e_bit
    }

    fn options<D>(&self, mut builder: Builder<D>, generation: u8) -> Builder<D> {
        if self.has_mki() {
            builder = builder.add_key(self.key(2 * generation + 1));
        }
        if let Some(rate) = self.rate {
            builder = builder.key_derivation_rate(rate);
        }
        if self.unencrypted_srtp {
            builder = builder.unencrypted_srtp();
        }
        if self.unauthenticated_srtp {
            builder = builder.unauthenticated_srtp();
        }
        if let Some(carry) = self.roc_carry {
            builder = builder.roc_carry(carry.options());
        }
        builder = match self.headers {
            Headers::Clear => builder,
            Headers::EncryptedElements(ids) => {
                builder.encrypted_header_extensions(ids.iter().copied())
            }
            Headers::Cryptex(cryptex) => builder.cryptex(cryptex),
        };
        builder
            .srtcp_tag(self.tag)
            .replay_window(ReplayWindowSize::new(self.window).unwrap())
            .most_streams(NonZeroUsize::new(self.most_streams).unwrap())
            .initial_roc(self.initial_roc)
    }

    pub(crate) fn key(&self, n: u8) -> MasterKey {
        let bytes: Vec<u8> = (0..).take(self.suite.key_and_salt_len()).collect();
        let mut key_and_salt = bytes;
        key_and_salt
            .iter_mut()
            .for_each(|byte| *byte = byte.wrapping_mul(89) ^ n.wrapping_add(0x3c));
        let mut key = MasterKey::new(self.suite, &key_and_salt).unwrap();
        if self.mki > 0 {
            key = key.with_mki(self.mki(n));
        }
        if let Some(lifetime) = self.lifetime {
            key = key.with_lifetime(lifetime);
        }
        key
    }

    pub(crate) fn mki(&self, n: u8) -> Mki {
        Mki::new(&vec![n; self.mki]).unwrap()
    }
}
