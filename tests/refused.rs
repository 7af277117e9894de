//! On an error, buffers, exported state and later behaviour are those of a context that never saw the packet: for every error that the packet path
//! has, every suite, both directions and planes, and the options that change what is looked at.

mod common;

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroUsize};

use common::refused::{
    assert_same_state, refused_by_receiver, refused_by_sender, refused_for_room, refused_within,
    variant,
};
use common::{PLANES, bytes, key, plain, protect, rtp_with, unprotect};
use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, KeyDerivationRate, Lifetime, Margin, MasterKey, Mki, Overlap,
    Plane, Receiver, ReceiverBuilder, ReplayWindowSize, RocAfterRekey, RocCarry, Sender,
    SenderBuilder,
};

/// A stream that goes over a roll-over.
const KNOWN: u32 = 0x1234_5678;
/// One of which nothing but the indices is left.
const REMOVED: u32 = 0x0bad_cafe;
/// One that has a rollover counter set, and no packet yet.
const SET: u32 = 0x5e7_0000;
/// One at the end of its indices.
const LAST: u32 = 0xffff_ffff;
/// One more than there is room for.
const ONE_MORE: u32 = 7;

/// All streams of these tests, but for one more.
const MOST_STREAMS: usize = 4;
const WINDOW: u16 = 64;
/// Every so many packets carry their rollover counter, under the options for that.
const CARRY: u16 = 7;
/// The first sequence number of a stream, which goes over the roll-over. A multiple of [`CARRY`].
const FIRST: u16 = 65_499;
/// Behind the roll-over and all packets of the stream. A multiple of [`CARRY`], too.
const BEYOND: u16 = 8 * CARRY;
/// A step further than without proof.
const FAR: u16 = 20_000;

/// What contexts are built with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Options {
    None,
    Mkis,
    Rate,
    Elements,
    Cryptex,
    Rccm1,
    Rccm2,
    Rccm3,
    SearchRoc,
    EitherTag,
    Unauthenticated,
}

impl Options {
    const ALL: [Self; 11] = [
        Self::None,
        Self::Mkis,
        Self::Rate,
        Self::Elements,
        Self::Cryptex,
        Self::Rccm1,
        Self::Rccm2,
        Self::Rccm3,
        Self::SearchRoc,
        Self::EitherTag,
        Self::Unauthenticated,
    ];

    fn key(self, suite: CryptoSuite, number: u8) -> MasterKey {
        match self {
            Self::Mkis => key(suite, number).with_mki(Mki::new(&[0xe0, number]).unwrap()),
            _ => key(suite, number),
        }
    }

    fn builder<D>(
        self,
        suite: CryptoSuite,
        generation: u8,
        new: impl Fn(MasterKey) -> Builder<D>,
        lifetime: Option<Lifetime>,
    ) -> Builder<D> {
        let carry = NonZeroU16::new(CARRY).unwrap();
        let key = self.key(suite, generation);
        let key = match lifetime {
            Some(lifetime) => key.with_lifetime(lifetime),
            None => key,
        };
        let builder = new(key)
            .replay_window(ReplayWindowSize::new(WINDOW).unwrap())
            .most_streams(NonZeroUsize::new(MOST_STREAMS).unwrap());
        match self {
            // Beside it another key, under which nobody sends.
            Self::Mkis => builder.add_key(self.key(suite, generation + 100)),
            Self::Rate => builder.key_derivation_rate(KeyDerivationRate::from_exponent(1).unwrap()),
            Self::Elements => builder.encrypted_header_extensions([1, 3]),
            Self::Cryptex => builder.cryptex(Cryptex::Required),
            Self::Rccm1 => builder.roc_carry(RocCarry::rccm1_unauthenticated_between(carry)),
            Self::Rccm2 => builder.roc_carry(RocCarry::rccm2(carry)),
            Self::Rccm3 => builder.roc_carry(RocCarry::rccm3_unauthenticated(carry)),
            Self::Unauthenticated => builder.unauthenticated_srtp(),
            Self::None | Self::SearchRoc | Self::EitherTag => builder,
        }
    }

    fn sender(
        self,
        suite: CryptoSuite,
        generation: u8,
        lifetime: Option<Lifetime>,
    ) -> SenderBuilder {
        self.builder(suite, generation, Sender::builder, lifetime)
    }

    fn receiver(self, suite: CryptoSuite, generation: u8) -> ReceiverBuilder {
        let builder = self.builder(suite, generation, Receiver::builder, Some(self.lifetime()));
        match self {
            Self::SearchRoc => builder.search_roc(),
            Self::EitherTag => builder.accept_either_srtcp_tag(),
            _ => builder,
        }
    }

    /// Packets under a key, in either plane, until it is used up. Those that may come twice count each time.
    fn lifetime(self) -> Lifetime {
        let packets = match self {
            Self::Rccm1 | Self::Rccm3 => 250,
            _ => 100,
        };
        Lifetime::new(packets).unwrap()
    }

    fn go_with(self, suite: CryptoSuite) -> bool {
        self.receiver(suite, 1).build().is_ok()
    }

    /// Has every packet of the plane a tag?
    fn authenticate(self, suite: CryptoSuite, plane: Plane) -> bool {
        let waived = [Self::Rccm1, Self::Rccm3, Self::Unauthenticated].contains(&self);
        match plane {
            Plane::Rtp => suite.rtp_tag_len() > 0 && !waived,
            Plane::Rtcp => suite.rtcp_tag_len() > 0,
        }
    }
}

/// Every suite with all options that go with it.
fn cases() -> impl Iterator<Item = (CryptoSuite, Options, Plane)> {
    CryptoSuite::ALL.into_iter().flat_map(|suite| {
        let options = Options::ALL.into_iter().filter(move |it| it.go_with(suite));
        options.flat_map(move |options| PLANES.map(|plane| (suite, options, plane)))
    })
}

/// A packet with CSRCs and an extension, so that there is something to encrypt in its header.
fn packet(plane: Plane, ssrc: u32, seq: u16) -> Vec<u8> {
    match plane {
        Plane::Rtp => rtp_with(ssrc, seq, 1, Some(2), &bytes(20)),
        Plane::Rtcp => plain(plane, ssrc, seq, &bytes(20)),
    }
}

/// Packets of which no header can be read.
fn malformed(plane: Plane) -> [Vec<u8>; 4] {
    let whole = packet(plane, KNOWN, 1);
    let mut version = whole.clone();
    version[0] ^= 0xc0;
    let cut = whole[..if plane == Plane::Rtp { 14 } else { 7 }].to_vec();
    [vec![], whole[..1].to_vec(), cut, version]
}

/// One that no sender makes.
fn too_long(plane: Plane) -> Vec<u8> {
    let mut packet = packet(plane, KNOWN, 1);
    packet.resize((1 << 20) + 1, 0);
    packet
}

/// The variants of `error` in the file of errors, those of a malformed header by their own names.
fn variants(error: &str) -> BTreeSet<String> {
    let source = include_str!("../src/error.rs");
    let (_, body) = source
        .split_once(&format!("pub enum {error} {{\n"))
        .unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let indented = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = indented
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    let names = names.flat_map(|name| match name {
        "Malformed" => variants("HeaderError")
            .into_iter()
            .map(|header| format!("Malformed({header}"))
            .collect(),
        name => vec![name.to_owned()],
    });
    names.collect()
}

/// A receiver that meets packets which it refuses, and its twin that meets none of those; and their peer.
struct Receiving {
    suite: CryptoSuite,
    options: Options,
    plane: Plane,
    tx: Sender,
    generation: u8,
    attacked: Receiver,
    calm: Receiver,
    /// The errors, by name.
    met: BTreeSet<String>,
}

impl Receiving {
    fn new(suite: CryptoSuite, options: Options, plane: Plane) -> Self {
        let receiver = || options.receiver(suite, 1).build().unwrap();
        Self {
            suite,
            options,
            plane,
            tx: options.sender(suite, 1, None).build().unwrap(),
            generation: 1,
            attacked: receiver(),
            calm: receiver(),
            met: BTreeSet::new(),
        }
    }

    /// A packet of another sender under the same keys, which knows nothing of the streams.
    fn of_another(
        &self,
        ssrc: u32,
        seq: u16,
        change: impl Fn(SenderBuilder) -> SenderBuilder,
    ) -> Vec<u8> {
        let builder = self.options.sender(self.suite, self.generation, None);
        let mut tx = change(builder).build().unwrap();
        protect(&mut tx, self.plane, &packet(self.plane, ssrc, seq)).unwrap()
    }

    fn sent(&mut self, ssrc: u32, seq: u16) -> Vec<u8> {
        protect(&mut self.tx, self.plane, &packet(self.plane, ssrc, seq)).unwrap()
    }

    /// What is accepted, both get. What is refused leaves no trace, and the twin never sees it; each error comes by every method.
    fn meets(&mut self, packet: &[u8]) {
        match unprotect(&mut self.attacked, self.plane, packet) {
            Ok(opened) => {
                let calm = unprotect(&mut self.calm, self.plane, packet);
                assert_eq!(calm, Ok(opened), "{}: later behaviour", self.name());
            }
            Err(error) => {
                if self.met.insert(variant(&error)) {
                    let again = refused_by_receiver(&mut self.attacked, self.plane, packet);
                    assert_eq!(again, error, "{}", self.name());
                }
            }
        }
    }

    fn both(&mut self, mut happens: impl FnMut(&mut Receiver)) {
        happens(&mut self.attacked);
        happens(&mut self.calm);
        self.assert_alike();
    }

    fn assert_alike(&self) {
        assert_same_state(&self.attacked, &self.calm);
        assert_eq!(self.attacked.has_overlap(), self.calm.has_overlap());
    }

    fn name(&self) -> String {
        format!("{} {:?} {}", self.suite, self.options, self.plane)
    }

    /// Forty packets of a stream arrive, but for some that are late; returns both.
    fn stream_goes_on(&mut self, first: u16) -> [Vec<Vec<u8>>; 2] {
        let mut packets = [Vec::new(), Vec::new()];
        for n in 0..40 {
            let packet = self.sent(KNOWN, first.wrapping_add(n));
            let is_late = n % 9 == 4 || n == 39;
            if !is_late {
                self.meets(&packet);
            }
            packets[usize::from(is_late)].push(packet);
        }
        self.assert_alike();
        packets
    }

    fn rekey(&mut self, roc: RocAfterRekey) {
        self.generation = 2;
        let (suite, options) = (self.suite, self.options);
        self.tx.rekey_with(options.sender(suite, 2, None)).unwrap();
        self.both(|rx| {
            let next = options.receiver(suite, 2);
            rx.rekey_with(next, roc, Overlap::UntilEnded).unwrap();
        });
    }

    /// What anybody can send who has seen these packets; the last of `late` has not arrived.
    fn attack(&mut self, seen: &[Vec<u8>], late: &[Vec<u8>]) {
        let plane = self.plane;
        malformed(plane)
            .iter()
            .for_each(|packet| self.meets(packet));
        let some = seen.iter().step_by(7);
        some.for_each(|packet| self.meets(packet));
        let fresh = late.last().unwrap();
        let room = packet(plane, KNOWN, 1).len();
        self.met
            .extend(refused_for_room(&mut self.attacked, plane, fresh, room));
        if self.options.authenticate(self.suite, plane) {
            for at in (0..fresh.len()).step_by(5) {
                let mut forged = fresh.clone();
                forged[at] ^= 0x11;
                self.meets(&forged);
                self.meets(&fresh[..at]);
            }
            self.meets(&[&fresh[..], &[0]].concat());
            let at = if plane == Plane::Rtp { 8 } else { 4 };
            for ssrc in [REMOVED, SET, ONE_MORE] {
                let mut forged = fresh.clone();
                forged[at..at + 4].copy_from_slice(&ssrc.to_be_bytes());
                self.meets(&forged);
            }
        }
        if self.options == Options::Mkis {
            let tag = match (self.suite.is_aead(), plane) {
                (true, _) => 0,
                (_, Plane::Rtp) => self.suite.rtp_tag_len(),
                (_, Plane::Rtcp) => self.suite.rtcp_tag_len(),
            };
            let mut forged = fresh.clone();
            let at = forged.len() - tag - 1;
            // The last one is that of the other key.
            for mki in [0, 77, 255, self.generation + 100] {
                forged[at] = mki;
                self.meets(&forged);
            }
        }
        self.assert_alike();
    }

    /// What only the peer can send, or nobody has to prove.
    fn attack_by_the_peer(&mut self) {
        if self.options == Options::None {
            let packet = too_long(self.plane);
            self.meets(&packet);
        }
        // The end of the indices. Beyond it no counter is carried.
        self.both(|rx| rx.set_roc(LAST, u32::MAX).unwrap());
        for seq in [u16::MAX / CARRY * CARRY, 5] {
            let packet = self.of_another(LAST, seq, |tx| tx.initial_roc(u32::MAX));
            self.meets(&packet);
        }
        let in_clear = match self.plane {
            Plane::Rtp => self.of_another(ONE_MORE, CARRY, |tx| match self.options {
                Options::Cryptex => tx.cryptex(Cryptex::Off),
                _ => tx,
            }),
            Plane::Rtcp => self.of_another(ONE_MORE, 0, |tx| tx.unencrypted_srtcp()),
        };
        self.meets(&in_clear);
        let one_more = self.of_another(ONE_MORE, CARRY, |tx| tx);
        self.meets(&one_more);

        let roc = self.calm.roc(KNOWN).unwrap_or_default();
        let mut far = self.of_another(KNOWN, FAR, |tx| tx.initial_roc(roc));
        if self.plane == Plane::Rtcp && self.suite.rtcp_tag_len() == 0 {
            let mki = if self.options == Options::Mkis { 2 } else { 0 };
            let word = far.len() - mki - 4;
            far[word + 1] = 1;
        }
        if !self.options.authenticate(self.suite, self.plane) {
            self.meets(&far);
        }
        self.assert_alike();
    }

    /// Packets arrive until the key is used up, and then more.
    fn use_up_the_key(&mut self) {
        self.tx.set_roc(SET, 3).unwrap();
        let is_used_up = |rx: &Receiver| rx.keys().next().unwrap().1.is_expired();
        let mut seq = 0;
        while !is_used_up(&self.calm) {
            assert!(seq < 700, "{}", self.name());
            seq += 1;
            let packet = self.sent(SET, seq);
            self.meets(&packet);
        }
        let packet = self.sent(SET, seq + 1);
        self.meets(&packet);
        self.assert_alike();
    }

    fn expected(&self) -> BTreeSet<&'static str> {
        let mut expected = BTreeSet::from([
            "Malformed(TooShort",
            "Malformed(Version",
            "BufferTooSmall",
            "TooOld",
            "TooManyStreams",
            "KeyExpired",
        ]);
        let has_tags = self.options.authenticate(self.suite, self.plane);
        if has_tags {
            expected.extend(["TooShort", "Replayed", "AuthenticationFailed"]);
        } else if self.generation == 1 {
            // After a re-key a stream may begin anew anywhere.
            expected.insert("JumpTooFar");
        }
        if self.options == Options::Mkis {
            expected.insert("UnknownMki");
        }
        if self.options == Options::None {
            expected.insert("Malformed(TooLong");
        }
        match self.plane {
            Plane::Rtp => {
                expected.insert("IndexExhausted");
                if self.options == Options::Cryptex {
                    expected.insert("CryptexRequired");
                }
            }
            Plane::Rtcp => {
                if self.suite.encrypts() {
                    expected.insert("EncryptionMismatch");
                }
            }
        }
        expected
    }
}

/// All that a receiver can be made to refuse in the life of a stream, with a re-key in its middle or without. Returns the errors that it met.
fn refuse_by_receivers(rekeys: &[Option<RocAfterRekey>]) -> BTreeSet<String> {
    let mut met = BTreeSet::new();
    for ((suite, options, plane), rekey) in cases().zip(rekeys.iter().cycle()) {
        let mut it = Receiving::new(suite, options, plane);
        let removed = it.sent(REMOVED, FIRST);
        it.meets(&removed);
        it.both(|rx| assert!(rx.remove_stream(REMOVED)));
        it.both(|rx| rx.set_roc(SET, 3).unwrap());
        let [mut seen, mut late] = it.stream_goes_on(FIRST);
        seen.push(removed);
        if let Some(roc) = *rekey {
            it.attack(&seen, &late);
            it.rekey(roc);
        }
        it.attack(&seen, &late);
        let [more_seen, more_late] = it.stream_goes_on(FIRST.wrapping_add(40));
        seen.extend(more_seen);
        late.extend(more_late);
        it.attack(&seen, &late);
        it.attack_by_the_peer();
        // Nothing of it stands in the way of those that are late.
        late.iter().for_each(|packet| it.meets(packet));
        it.use_up_the_key();
        it.attack(&seen, &late);
        it.both(Receiver::end_overlap);
        seen.iter().for_each(|packet| it.meets(packet));
        it.assert_alike();

        let expected = it.expected().into_iter();
        let missed: Vec<_> = expected.filter(|name| !it.met.contains(*name)).collect();
        assert!(missed.is_empty(), "{} {rekey:?}: no {missed:?}", it.name());
        met.extend(it.met);
    }
    met
}

#[test]
fn whatever_a_receiver_refuses_it_has_never_seen() {
    assert_eq!(refuse_by_receivers(&[None]), variants("UnprotectError"));
}

#[test]
fn whatever_a_receiver_refuses_in_an_overlap_it_has_never_seen() {
    use RocAfterRekey::{Kept, KeptOrZero, ZeroOrKept};
    let rekeys = [Kept, KeptOrZero, ZeroOrKept].map(Some);
    assert_eq!(refuse_by_receivers(&rekeys), variants("UnprotectError"));
}

/// A sender that is given packets which it refuses, and its twin that is given none of those.
struct Sending {
    suite: CryptoSuite,
    options: Options,
    plane: Plane,
    attacked: Sender,
    calm: Sender,
    /// The errors, by name.
    met: BTreeSet<String>,
}

impl Sending {
    fn new(suite: CryptoSuite, options: Options, plane: Plane) -> Self {
        let lifetime = Some(options.lifetime());
        let sender = || options.sender(suite, 1, lifetime).build().unwrap();
        Self {
            suite,
            options,
            plane,
            attacked: sender(),
            calm: sender(),
            met: BTreeSet::new(),
        }
    }

    /// What is protected, both are given. What is refused leaves no trace, and the twin never sees it; each error comes by every method.
    fn is_given(&mut self, packet: &[u8]) {
        match protect(&mut self.attacked, self.plane, packet) {
            Ok(protected) => {
                let calm = protect(&mut self.calm, self.plane, packet);
                assert_eq!(calm, Ok(protected), "{}: later behaviour", self.name());
            }
            Err(error) => {
                if self.met.insert(variant(&error)) {
                    let again = refused_by_sender(&mut self.attacked, self.plane, packet);
                    assert_eq!(again, error, "{}", self.name());
                }
            }
        }
    }

    fn both(&mut self, mut happens: impl FnMut(&mut Sender)) {
        happens(&mut self.attacked);
        happens(&mut self.calm);
        self.assert_alike();
    }

    fn assert_alike(&self) {
        assert_same_state(&self.attacked, &self.calm);
    }

    fn name(&self) -> String {
        format!("{} {:?} {}", self.suite, self.options, self.plane)
    }

    fn stream_goes_on(&mut self, first: u16) {
        for n in 0..40 {
            if n % 9 != 4 {
                self.is_given(&packet(self.plane, KNOWN, first.wrapping_add(n)));
            }
        }
        self.assert_alike();
    }

    fn attack(&mut self) {
        let plane = self.plane;
        malformed(plane)
            .iter()
            .for_each(|packet| self.is_given(packet));
        if self.options == Options::None {
            self.is_given(&too_long(plane));
        }
        let fresh = packet(plane, KNOWN, BEYOND);
        let overhead = match plane {
            Plane::Rtcp => self.attacked.rtcp_overhead(),
            // Its header has no need of the bytes that cryptex may take.
            Plane::Rtp if self.options == Options::Cryptex => self.attacked.rtp_overhead() - 4,
            Plane::Rtp => self.attacked.rtp_overhead(),
        };
        let whole = fresh.len() + overhead;
        for room in [0, fresh.len() - 1, fresh.len(), whole - 1] {
            if room < whole {
                let refused = refused_within(&mut self.attacked, plane, &fresh, room);
                self.met.extend(refused.iter().map(variant));
            }
        }
        for (ssrc, seq) in [
            (KNOWN, FIRST),
            (KNOWN, FIRST.wrapping_sub(WINDOW)),
            (KNOWN, FIRST.wrapping_add(38)),
            (REMOVED, FIRST),
            (LAST, 0),
            (LAST, u16::MAX),
            (ONE_MORE, 1),
        ] {
            // SRTCP of a stream always goes on.
            if plane == Plane::Rtp || ssrc == ONE_MORE {
                self.is_given(&packet(plane, ssrc, seq));
            }
        }
        if plane == Plane::Rtp && self.options == Options::Cryptex {
            let mut packet = packet(plane, KNOWN, BEYOND);
            let profile = 12 + 4;
            packet[profile..profile + 2].copy_from_slice(&[0xc0, 0xde]);
            self.is_given(&packet);
        }
        self.assert_alike();
    }

    fn use_up_the_key(&mut self) {
        let is_used_up = |tx: &Sender| tx.keys().next().unwrap().1.is_expired();
        let mut seq = 0;
        while !is_used_up(&self.calm) {
            assert!(seq < 700, "{}", self.name());
            seq += 1;
            self.is_given(&packet(self.plane, SET, seq));
        }
        self.is_given(&packet(self.plane, SET, seq + 1));
        self.assert_alike();
    }

    fn expected(&self, is_resumed: bool) -> BTreeSet<&'static str> {
        let mut expected = BTreeSet::from([
            "Malformed(TooShort",
            "Malformed(Version",
            "BufferTooSmall",
            "KeyExpired",
        ]);
        if self.options == Options::None {
            expected.insert("Malformed(TooLong");
        }
        match (self.plane, is_resumed) {
            (Plane::Rtcp, _) => {}
            (_, true) => expected.extend(["IndexTooOld", "IndexExhausted", "MayHaveBegun"]),
            (_, false) => expected.extend(["IndexReused", "IndexTooOld", "IndexExhausted"]),
        }
        if !is_resumed {
            expected.insert("TooManyStreams");
        }
        if self.plane == Plane::Rtp && self.options == Options::Cryptex {
            expected.insert("CryptexProfile");
        }
        expected
    }
}

/// What a sender goes through in the middle of its life.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Nothing,
    Rekey,
    Resume,
}

#[test]
fn whatever_a_sender_refuses_it_has_never_seen() {
    let mut met = BTreeSet::new();
    for (suite, options, plane) in cases() {
        for change in [Change::Nothing, Change::Rekey, Change::Resume] {
            let mut it = Sending::new(suite, options, plane);
            it.is_given(&packet(plane, REMOVED, FIRST));
            it.both(|tx| assert!(tx.remove_stream(REMOVED)));
            it.both(|tx| tx.set_roc(LAST, u32::MAX).unwrap());
            it.is_given(&packet(plane, LAST, u16::MAX));
            it.both(|tx| tx.set_roc(SET, 3).unwrap());
            it.stream_goes_on(FIRST);
            it.attack();
            let next = |generation| options.sender(suite, generation, Some(options.lifetime()));
            match change {
                Change::Nothing => {}
                Change::Rekey => it.both(|tx| tx.rekey_with(next(2)).unwrap()),
                Change::Resume => it.both(|tx| {
                    let state = tx.export_state();
                    *tx = next(1).build_resumed(&state, Margin::MAX).unwrap();
                }),
            }
            it.attack();
            it.stream_goes_on(FIRST.wrapping_add(40));
            it.attack();
            it.both(|tx| tx.set_roc(SET, 4).unwrap());
            it.use_up_the_key();
            it.attack();

            let expected = it.expected(change == Change::Resume).into_iter();
            let missed: Vec<_> = expected.filter(|name| !it.met.contains(*name)).collect();
            assert!(missed.is_empty(), "{} {change:?}: no {missed:?}", it.name());
            met.extend(it.met);
        }
    }
    assert_eq!(met, variants("ProtectError"));
}
