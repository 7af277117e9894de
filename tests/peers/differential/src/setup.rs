//! One session, as both implementations are told of it.

use srtp_sdes::{
    Builder, CryptoSuite, MasterKey, Mki, Plane, Receiver, ReplayWindowSize, Sender, SrtcpTag,
};

use crate::libsrtp;
use crate::random::Random;

#[derive(Clone, Debug)]
pub struct Setup {
    pub suite: CryptoSuite,
    /// Master key and salt, and an MKI, which is empty where there is none.
    pub keys: Vec<(Vec<u8>, Vec<u8>)>,
    pub window: u16,
    pub ssrcs: Vec<u32>,
    /// The rollover counter of each stream's first packet.
    pub roc: u32,
    pub unencrypted_srtp: bool,
    pub unencrypted_srtcp: bool,
    /// What the receiver believes of that.
    pub receiver_unencrypted_srtcp: bool,
    pub unauthenticated_srtp: bool,
    pub srtcp_tag: SrtcpTag,
    /// Of elements of header extensions (RFC 6904).
    pub encrypted_ids: Vec<u8>,
    pub retransmits: bool,
    /// Does our SRTCP begin at index 0?
    pub srtcp_from_0: bool,
}

impl Setup {
    pub fn random(random: &mut Random) -> Self {
        let suites: Vec<_> = CryptoSuite::ALL
            .into_iter()
            .filter(|suite| libsrtp::has(*suite))
            .collect();
        let suite = random.pick(&suites);
        let mki_len = random.pick(&[0, 0, 0, 1, 2, 4, 16, 127, 128]);
        let count = if mki_len == 0 { 1 } else { 1 + random.below(4) };
        let keys = (0..count).map(|n| {
            let mut mki = random.bytes(mki_len);
            // No two of them are the same.
            mki.iter_mut()
                .take(1)
                .for_each(|first| *first = (*first & !3) | n as u8);
            (random.bytes(suite.key_and_salt_len()), mki)
        });
        let keys = keys.collect();
        let unencrypted_srtcp = random.one_in(5);
        let clear = !suite.is_aead() && random.one_in(8);
        let open = !suite.is_aead() && random.one_in(8);
        let tags: &[SrtcpTag] = match suite.rtp_tag_len() {
            4 => &[SrtcpTag::OfSuite, SrtcpTag::Bytes4],
            0 => &[SrtcpTag::OfSuite, SrtcpTag::Bytes10],
            _ => &[SrtcpTag::OfSuite],
        };
        let encrypted_ids = match suite.encrypts() && !clear && random.one_in(3) {
            true => (1..15).filter(|_| random.one_in(2)).chain([200]).collect(),
            false => Vec::new(),
        };
        Self {
            suite,
            keys,
            window: random.pick(&[64, 96, 128, 1024, 4096, 32_736, 100, 1000, 32_767]),
            ssrcs: (0..1 + random.below(4))
                .map(|_| random.next() as u32)
                .collect(),
            roc: random.pick(&[0, 0, 0, 1, 2, 0x7fff, 0x0001_0000, u32::MAX - 1, u32::MAX]),
            unencrypted_srtp: clear,
            unencrypted_srtcp,
            receiver_unencrypted_srtcp: unencrypted_srtcp ^ random.one_in(12),
            unauthenticated_srtp: open,
            srtcp_tag: random.pick(tags),
            encrypted_ids,
            retransmits: random.one_in(4),
            srtcp_from_0: random.one_in(3),
        }
    }

    pub fn has_mki(&self) -> bool {
        self.keys.iter().any(|(_, mki)| !mki.is_empty())
    }

    /// Bytes of the tag; 0 where nothing is authenticated.
    pub fn tag(&self, plane: Plane) -> usize {
        match (plane, self.srtcp_tag) {
            (Plane::Rtp, _) if self.unauthenticated_srtp => 0,
            (Plane::Rtp, _) => self.suite.rtp_tag_len(),
            (_, SrtcpTag::Bytes4) => 4,
            (_, SrtcpTag::Bytes10) => 10,
            _ => self.suite.rtcp_tag_len(),
        }
    }

    /// The MKI of that key.
    pub fn mki(&self, key: usize) -> Option<Mki> {
        Mki::new(&self.keys[key].1).ok()
    }

    fn with_options<D>(&self, mut builder: Builder<D>, unencrypted_srtcp: bool) -> Builder<D> {
        for key in 1..self.keys.len() {
            builder = builder.add_key(self.key(key));
        }
        if self.unencrypted_srtp {
            builder = builder.unencrypted_srtp();
        }
        if unencrypted_srtcp {
            builder = builder.unencrypted_srtcp();
        }
        if self.unauthenticated_srtp {
            builder = builder.unauthenticated_srtp();
        }
        builder
            .srtcp_tag(self.srtcp_tag)
            .encrypted_header_extensions(self.encrypted_ids.iter().copied())
            .replay_window(ReplayWindowSize::new(self.window).expect("64 to 32768"))
            .initial_roc(self.roc)
    }

    fn key(&self, number: usize) -> MasterKey {
        let key =
            MasterKey::new(self.suite, &self.keys[number].0).expect("its length is the suite's");
        match self.mki(number) {
            Some(mki) => key.with_mki(mki),
            None => key,
        }
    }

    pub fn sender(&self) -> Sender {
        let mut builder = self.with_options(Sender::builder(self.key(0)), self.unencrypted_srtcp);
        if self.retransmits {
            builder = builder.allow_identical_retransmission();
        }
        if !self.srtcp_from_0 {
            builder = builder.first_srtcp_index_1();
        }
        builder.build().expect("options that go together")
    }

    pub fn receiver(&self) -> Receiver {
        let builder = Receiver::builder(self.key(0));
        let builder = self.with_options(builder, self.receiver_unencrypted_srtcp);
        builder.build().expect("options that go together")
    }
}
