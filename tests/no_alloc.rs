//! The packet path does not allocate: every call of the allocator is counted.
//!
//! Counts are kept per thread, so that tests beside each other do not disturb them.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::{NonZeroU16, NonZeroUsize};

use common::{bytes, key, pair, rtcp, rtp, rtp_with};
use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::{
    Cryptex, CryptoSuite, KeyDerivationRate, Mki, Overlap, Plane, Receiver, ReceiverBuilder,
    ReplayWindowSize, RocAfterRekey, RocCarry, Sender, SenderBuilder, SrtcpTag,
};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn note(grown_by: isize) {
    CALLS.set(CALLS.get() + 1);
    LIVE_BYTES.set(LIVE_BYTES.get() + grown_by);
}

#[expect(unsafe_code, reason = "an allocator cannot be counted otherwise")]
// SAFETY: every method hands its arguments on to `System` unchanged and returns what that returns; counting
// neither allocates nor panics: the cells are initialised at compile time and have no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-layout.size().cast_signed());
        // SAFETY: `block` came from `System` with this layout, since every allocation here does.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: `block` came from `System` with this layout, since every allocation here does.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// How many times `run` called the allocator: for memory, for more of it, or to give it back.
fn calls<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = CALLS.get();
    let result = run();
    (CALLS.get() - before, result)
}

#[track_caller]
fn allocates_nothing<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let (calls, result) = calls(run);
    assert_eq!(calls, 0, "calls of the allocator: {what}");
    result
}

/// A context with options, built as often as needed.
struct Setup {
    name: String,
    suite: CryptoSuite,
    mki: usize,
    rate: Option<KeyDerivationRate>,
    tag: SrtcpTag,
    either_tag: bool,
    search_roc: bool,
    clear: bool,
    unauthenticated: bool,
    encrypted_elements: bool,
    cryptex: Cryptex,
    roc_carry: Option<RocCarry>,
}

impl Setup {
    fn plain(suite: CryptoSuite) -> Self {
        Self {
            name: suite.to_string(),
            suite,
            mki: 0,
            rate: None,
            tag: SrtcpTag::OfSuite,
            either_tag: false,
            search_roc: false,
            clear: false,
            unauthenticated: false,
            encrypted_elements: false,
            cryptex: Cryptex::Off,
            roc_carry: None,
        }
    }

    fn with(suite: CryptoSuite, name: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut setup = Self::plain(suite);
        setup.name = format!("{suite}, {name}");
        change(&mut setup);
        setup
    }

    /// Every suite, by itself and with each option that goes with it.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for suite in CryptoSuite::ALL {
            let with = |name: &str, change: &dyn Fn(&mut Self)| Self::with(suite, name, change);
            all.push(Self::plain(suite));
            all.push(with("MKI of 1", &|s| s.mki = 1));
            all.push(with("MKI of 128", &|s| s.mki = 128));
            for exponent in [1, 24] {
                all.push(with("key derivation rate", &|s| {
                    s.rate = KeyDerivationRate::from_exponent(exponent);
                }));
            }
            all.push(with("a key for every packet", &|s| {
                s.rate = Some(KeyDerivationRate::EVERY_PACKET);
                s.mki = 4;
            }));
            if suite.encrypts() {
                all.push(with("encrypted header extensions", &|s| {
                    s.encrypted_elements = true
                }));
                for cryptex in [Cryptex::On, Cryptex::Required] {
                    all.push(with("cryptex", &|s| s.cryptex = cryptex));
                }
                all.push(with("encrypted header extensions, rate", &|s| {
                    s.encrypted_elements = true;
                    s.rate = KeyDerivationRate::from_exponent(1);
                }));
            }
            all.push(with("ROC search", &|s| s.search_roc = true));
            if suite.rtp_tag_len() == 4 {
                for tag in [SrtcpTag::OfSuite, SrtcpTag::Bytes4, SrtcpTag::Bytes10] {
                    all.push(with("either tag", &|s| {
                        s.tag = tag;
                        s.either_tag = true;
                        s.mki = 2;
                    }));
                }
            }
            if suite.is_aead() {
                all.push(with("unencrypted SRTCP", &|s| s.clear = true));
            } else {
                all.push(with("SRTCP tag of 10", &|s| s.tag = SrtcpTag::Bytes10));
                all.push(with("unencrypted", &|s| s.clear = true));
                all.push(with("unauthenticated", &|s| s.unauthenticated = true));
            }
            if !suite.is_aead() && suite.rtp_tag_len() > 0 {
                for carry in [
                    RocCarry::rccm1_unauthenticated_between(RATE),
                    RCCM2,
                    RocCarry::rccm3_unauthenticated(RATE),
                ] {
                    all.push(with("ROC carried", &|s| s.roc_carry = Some(carry)));
                    all.push(with("ROC carried, rate", &|s| {
                        s.roc_carry = Some(carry);
                        s.rate = KeyDerivationRate::from_exponent(1);
                    }));
                }
            }
        }
        all
    }

    fn options<D>(&self, mut builder: srtp_sdes::Builder<D>) -> srtp_sdes::Builder<D> {
        if let Some(rate) = self.rate {
            builder = builder.key_derivation_rate(rate);
        }
        if self.mki > 0 {
            // A key that is not used stands before the one that is, and one behind it.
            for seed in [7, 8] {
                builder = builder.add_key(self.key(seed));
            }
        }
        if self.clear {
            builder = builder.unencrypted_srtcp();
            if !self.suite.is_aead() {
                builder = builder.unencrypted_srtp();
            }
        }
        if self.unauthenticated {
            builder = builder.unauthenticated_srtp();
        }
        if self.encrypted_elements {
            builder = builder.encrypted_header_extensions(0x01..=0x0e);
        }
        if let Some(carry) = self.roc_carry {
            builder = builder.roc_carry(carry);
        }
        builder.cryptex(self.cryptex).srtcp_tag(self.tag)
    }

    fn key(&self, seed: u8) -> srtp_sdes::MasterKey {
        match self.mki {
            0 => key(self.suite, seed),
            len => key(self.suite, seed).with_mki(Self::mki(seed, len)),
        }
    }

    fn mki(seed: u8, len: usize) -> Mki {
        Mki::new(&vec![seed; len]).unwrap()
    }

    fn sender(&self) -> Sender {
        let builder: SenderBuilder = self.options(Sender::builder(self.key(1)));
        let mut sender = builder.build().unwrap();
        if self.mki > 0 {
            sender.select_key(&Self::mki(7, self.mki)).unwrap();
        }
        sender
    }

    /// A receiver for what [`sender`](Self::sender) sends. With a choice of SRTCP tags it tries another one first.
    fn receiver(&self) -> Receiver {
        let mut builder: ReceiverBuilder = self.options(Receiver::builder(self.key(1)));
        if self.either_tag {
            builder = builder.accept_either_srtcp_tag();
            builder = builder.srtcp_tag(match self.tag {
                SrtcpTag::Bytes4 => SrtcpTag::Bytes10,
                _ => SrtcpTag::Bytes4,
            });
        }
        if self.search_roc {
            builder = builder.search_roc();
        }
        builder.build().unwrap()
    }

    /// Are there packets that have no tag, and may come twice, between those that carry the rollover counter?
    fn has_packets_between(&self) -> bool {
        self.roc_carry.is_some_and(|carry| carry != RCCM2)
    }

    /// Can `plane` be forged, as was asked for by name?
    fn is_forgeable(&self, plane: Plane) -> bool {
        let null_auth = self.suite.rtp_tag_len() == 0;
        match plane {
            Plane::Rtp => self.unauthenticated || null_auth || self.has_packets_between(),
            _ => null_auth && self.tag == SrtcpTag::OfSuite,
        }
    }
}

const PLANES: [Plane; 2] = [Plane::Rtp, Plane::Rtcp];
const SSRC: u32 = 0x1234_5678;
/// So many packets of SRTP from here pass a roll-over.
const FIRST_SEQ: u16 = 65_526;
const PACKETS: u16 = 24;
/// The first packet carries its rollover counter, and every third one after it.
const RATE: NonZeroU16 = NonZeroU16::new(3).unwrap();
const RCCM2: RocCarry = RocCarry::rccm2(RATE);

/// The `n`th plain packet of a stream, with CSRCs and header extensions among them.
fn plain(plane: Plane, ssrc: u32, n: u16) -> Vec<u8> {
    let seq = FIRST_SEQ.wrapping_add(n);
    let payload = bytes(usize::from(n % 7) * 31);
    match (plane, n % 3) {
        (Plane::Rtcp, _) => rtcp(ssrc, &bytes(usize::from(n % 7) * 8)),
        (_, 0) => rtp(ssrc, seq, &payload),
        (_, csrcs) => rtp_with(ssrc, seq, csrcs as u8 * 5, Some(n % 5), &payload),
    }
}

/// A stream's packets, protected; the first of them apart.
fn protected(setup: &Setup, plane: Plane, ssrc: u32) -> Vec<Vec<u8>> {
    let mut sender = setup.sender();
    (0..PACKETS)
        .map(|n| {
            let mut packet = plain(plane, ssrc, n);
            match plane {
                Plane::Rtp => sender.protect_rtp_vec(&mut packet).unwrap(),
                _ => sender.protect_rtcp_vec(&mut packet).unwrap(),
            }
            packet
        })
        .collect()
}

#[test]
fn protecting_allocates_nothing_from_the_second_packet_of_an_ssrc_on() {
    for setup in Setup::all() {
        for plane in PLANES {
            let name = format!("{} {plane}", setup.name);
            let (mut in_place, mut into, mut vec) =
                (setup.sender(), setup.sender(), setup.sender());
            let (mut buf, mut out) = ([0; 2048], [0; 2048]);
            for n in 0..PACKETS {
                let packet = plain(plane, SSRC, n);
                buf[..packet.len()].copy_from_slice(&packet);
                let mut grows = Vec::with_capacity(2048);
                grows.extend_from_slice(&packet);

                let mut run = || match plane {
                    Plane::Rtp => {
                        let a = in_place.protect_rtp(&mut buf, packet.len()).unwrap().len();
                        let b = into.protect_rtp_into(&packet, &mut out).unwrap().len();
                        vec.protect_rtp_vec(&mut grows).unwrap();
                        (a, b)
                    }
                    _ => {
                        let a = in_place.protect_rtcp(&mut buf, packet.len()).unwrap().len();
                        let b = into.protect_rtcp_into(&packet, &mut out).unwrap().len();
                        vec.protect_rtcp_vec(&mut grows).unwrap();
                        (a, b)
                    }
                };
                let lengths = match n {
                    0 => run(),
                    _ => allocates_nothing(&name, run),
                };
                assert_eq!(lengths, (grows.len(), grows.len()));
            }
            if plane == Plane::Rtp {
                assert_eq!(in_place.roc(SSRC), Some(1), "the roll-over is in the test");
            }
        }
    }
}

#[test]
fn unprotecting_and_verifying_allocate_nothing_from_the_second_packet_of_an_ssrc_on() {
    for setup in Setup::all() {
        for plane in PLANES {
            let name = format!("{} {plane}", setup.name);
            let (mut in_place, mut into) = (setup.receiver(), setup.receiver());
            let (mut vec, mut monitor) = (setup.receiver(), setup.receiver());
            let mut out = [0; 2048];
            for (n, packet) in protected(&setup, plane, SSRC).iter().enumerate() {
                let (mut buf, mut shrinks) = (packet.clone(), packet.clone());
                let mut run = || match plane {
                    Plane::Rtp => {
                        let a = in_place.unprotect_rtp(&mut buf).unwrap().len();
                        let b = into.unprotect_rtp_into(packet, &mut out).unwrap().len();
                        vec.unprotect_rtp_vec(&mut shrinks).unwrap();
                        monitor.verify_rtp(packet).unwrap();
                        (a, b)
                    }
                    _ => {
                        let a = in_place.unprotect_rtcp(&mut buf).unwrap().len();
                        let b = into.unprotect_rtcp_into(packet, &mut out).unwrap().len();
                        vec.unprotect_rtcp_vec(&mut shrinks).unwrap();
                        monitor.verify_rtcp(packet).unwrap();
                        (a, b)
                    }
                };
                let lengths = match n {
                    0 => run(),
                    _ => allocates_nothing(&name, run),
                };
                assert_eq!(lengths, (shrinks.len(), shrinks.len()));
                assert_eq!(shrinks, plain(plane, SSRC, n as u16), "{name}");
            }
            if plane == Plane::Rtp {
                assert_eq!(in_place.roc(SSRC), Some(1), "the roll-over is in the test");
            }
        }
    }
}

#[test]
fn a_batch_of_known_ssrcs_allocates_nothing_either_way() {
    for setup in Setup::all() {
        for plane in PLANES {
            let mut tx: Vec<Sender> = (0..40).map(|_| setup.sender()).collect();
            let mut rx: Vec<Receiver> = (0..40).map(|_| setup.receiver()).collect();
            for n in 0..3 {
                let name = format!("{} {plane}", setup.name);
                let plain = plain(plane, SSRC, n);
                let mut buffers = vec![[0; 2048]; tx.len()];
                let mut out: Vec<_> = buffers
                    .iter_mut()
                    .enumerate()
                    .map(|(n, buffer)| Outgoing::copied(n, plane, &plain, buffer))
                    .collect();
                let mut protect = || batch::protect(&mut tx[..], &mut out);
                match n {
                    0 => protect(),
                    _ => allocates_nothing(&name, protect),
                }
                let lengths: Vec<_> = out.iter().map(|it| it.protected().unwrap().len()).collect();
                let mut into: Vec<_> = buffers
                    .iter_mut()
                    .zip(lengths)
                    .enumerate()
                    .map(|(n, (buffer, len))| Incoming::new(n, plane, &mut buffer[..len]))
                    .collect();
                let mut unprotect = || batch::unprotect(&mut rx[..], &mut into);
                match n {
                    0 => unprotect(),
                    _ => allocates_nothing(&name, unprotect),
                }
                assert!(into.iter().all(|it| it.plain() == Some(&plain)), "{name}");
            }
        }
    }
}

#[test]
fn packets_out_of_order_and_jumps_ahead_allocate_nothing() {
    for setup in Setup::all() {
        for plane in PLANES {
            let mut receiver = setup.receiver();
            let mut packets = protected(&setup, plane, SSRC);
            let mut first = packets.remove(0);
            // Ahead across the roll-over, then backwards to the beginning.
            packets.reverse();
            let mut open = |packet: &mut [u8]| match plane {
                Plane::Rtp => receiver.unprotect_rtp(packet).is_ok(),
                _ => receiver.unprotect_rtcp(packet).is_ok(),
            };
            assert!(open(&mut first));
            for packet in &mut packets {
                let opened = allocates_nothing(&setup.name, || open(packet));
                assert!(opened, "{} {plane}", setup.name);
            }
        }
    }
}

#[test]
fn refusing_a_packet_of_a_known_ssrc_allocates_nothing() {
    for setup in Setup::all() {
        for plane in PLANES {
            let name = format!("{} {plane}", setup.name);
            let mut receiver = setup.receiver();
            let packets = protected(&setup, plane, SSRC);
            let accepted = &packets[..usize::from(PACKETS) - 1];
            let next = packets.last().unwrap();
            let mut open = |packet: &mut [u8]| match plane {
                Plane::Rtp => receiver.unprotect_rtp(packet).is_ok(),
                _ => receiver.unprotect_rtcp(packet).is_ok(),
            };
            for packet in accepted {
                assert!(open(&mut packet.clone()));
            }

            for packet in accepted {
                let mut replayed = packet.clone();
                let opened = allocates_nothing(&name, || open(&mut replayed));
                let may_repeat = plane == Plane::Rtp && setup.has_packets_between();
                assert!(!opened || may_repeat, "{name}: replayed");
            }
            for len in 0..next.len() {
                if setup.is_forgeable(plane) && len >= 12 {
                    break;
                }
                let mut cut = next[..len].to_vec();
                let opened = allocates_nothing(&name, || open(&mut cut));
                // A tag of 10 bytes cut to 4 is a tag of 4 bytes.
                let is_short_tag = setup.either_tag && len + 6 == next.len();
                assert!(!opened || is_short_tag, "{name}: cut to {len}");
            }
            if !setup.is_forgeable(plane) {
                for at in 0..next.len() {
                    let mut forged = next.clone();
                    forged[at] ^= 0x10;
                    let opened = allocates_nothing(&name, || open(&mut forged));
                    assert!(!opened, "{name}: byte {at} changed");
                }
            }
        }
    }
}

#[test]
fn no_number_of_forged_packets_of_unknown_ssrcs_allocates() {
    for setup in Setup::all() {
        for plane in PLANES {
            if setup.is_forgeable(plane) {
                continue;
            }
            let name = format!("{} {plane}", setup.name);
            // What another key protected: everything but the tag is right.
            let mut other_key = key(setup.suite, 99);
            if setup.mki > 0 {
                other_key = other_key.with_mki(Setup::mki(7, setup.mki));
            }
            let mut sender = Sender::builder(other_key).srtcp_tag(setup.tag);
            if let Some(carry) = setup.roc_carry {
                sender = sender.roc_carry(carry);
            }
            let mut sender = sender.build().unwrap();
            let (mut receiver, mut out) = (setup.receiver(), [0; 2048]);
            for ssrc in (0..60u32).map(|n| n.wrapping_mul(0x9e37_79b9)) {
                let mut packet = plain(plane, ssrc, ssrc as u16 % 50);
                match plane {
                    Plane::Rtp => sender.protect_rtp_vec(&mut packet).unwrap(),
                    _ => sender.protect_rtcp_vec(&mut packet).unwrap(),
                }
                allocates_nothing(&name, || match plane {
                    Plane::Rtp => {
                        assert!(receiver.verify_rtp(&packet).is_err());
                        assert!(receiver.unprotect_rtp_into(&packet, &mut out).is_err());
                        assert!(receiver.unprotect_rtp(&mut packet).is_err());
                    }
                    _ => {
                        assert!(receiver.verify_rtcp(&packet).is_err());
                        assert!(receiver.unprotect_rtcp_into(&packet, &mut out).is_err());
                        assert!(receiver.unprotect_rtcp(&mut packet).is_err());
                    }
                });
            }
            assert_eq!(receiver.ssrcs().count(), 0, "{name}");
            let statistics = receiver.statistics();
            let errors = match plane {
                Plane::Rtp => statistics.rtp.errors,
                _ => statistics.rtcp.errors,
            };
            assert_eq!(errors.total(), 180, "{name}");
            // With a choice of tags the MKI may have been looked for in the wrong place.
            let failed = errors.authentication_failed;
            assert!(failed == 180 || setup.either_tag, "{name}: {failed}");
        }
    }
}

#[test]
fn a_full_table_refuses_streams_without_allocating() {
    let one = NonZeroUsize::MIN;
    for suite in CryptoSuite::ALL {
        for plane in PLANES {
            let mut other = pair(suite).0;
            let mut sender = Sender::builder(key(suite, 1))
                .most_streams(one)
                .build()
                .unwrap();
            let mut receiver = Receiver::builder(key(suite, 1))
                .most_streams(one)
                .build()
                .unwrap();
            let (mut buf, mut packet) = ([0; 256], plain(plane, 5, 1));
            let unprotected = plain(plane, 6, 1);
            let mut authentic = unprotected.clone();
            let (sent, received) = match plane {
                Plane::Rtp => {
                    sender.protect_rtp_vec(&mut packet).unwrap();
                    receiver.unprotect_rtp(&mut packet).unwrap();
                    other.protect_rtp_vec(&mut authentic).unwrap();
                    allocates_nothing(suite.name(), || {
                        (
                            sender.protect_rtp_into(&unprotected, &mut buf).is_ok(),
                            receiver.unprotect_rtp(&mut authentic).is_ok(),
                        )
                    })
                }
                _ => {
                    sender.protect_rtcp_vec(&mut packet).unwrap();
                    receiver.unprotect_rtcp(&mut packet).unwrap();
                    other.protect_rtcp_vec(&mut authentic).unwrap();
                    allocates_nothing(suite.name(), || {
                        (
                            sender.protect_rtcp_into(&unprotected, &mut buf).is_ok(),
                            receiver.unprotect_rtcp(&mut authentic).is_ok(),
                        )
                    })
                }
            };
            assert!(!sent && !received, "{suite} {plane}");
            assert_eq!(receiver.ssrcs().collect::<Vec<_>>(), [5]);
        }
    }
}

#[test]
fn refusing_to_protect_allocates_nothing() {
    for suite in CryptoSuite::ALL {
        let mut sender = pair(suite).0;
        let packet = plain(Plane::Rtp, SSRC, 3);
        let mut buf = vec![0; packet.len() + sender.rtp_overhead()];
        sender.protect_rtp_into(&packet, &mut buf).unwrap();
        let refused = allocates_nothing(suite.name(), || {
            let mut refused = sender.protect_rtp_into(&packet, &mut buf).is_err();
            for len in 0..12 {
                refused &= sender.protect_rtp(&mut buf[..len], len).is_err();
                refused &= sender.protect_rtcp(&mut buf[..len], len).is_err();
            }
            refused & (sender.protect_rtp(&mut buf[..12], 13).is_err())
        });
        assert!(refused, "{suite}");
    }
}

#[test]
fn admitting_a_stream_takes_a_bounded_number_of_allocations() {
    // A stream, and room for it in the two lists of the table, of which one gives its old room back.
    let most = 1 + 1 + 2;
    for setup in Setup::all() {
        for plane in PLANES {
            let (mut sender, mut receiver) = (setup.sender(), setup.receiver());
            let mut buf = [0; 2048];
            for ssrc in (0..40u32).map(|n| n.wrapping_mul(0x9e37_79b9)) {
                let packet = plain(plane, ssrc, 3);
                let (sending, len) = calls(|| match plane {
                    Plane::Rtp => sender.protect_rtp_into(&packet, &mut buf).unwrap().len(),
                    _ => sender.protect_rtcp_into(&packet, &mut buf).unwrap().len(),
                });
                let (receiving, len) = calls(|| match plane {
                    Plane::Rtp => receiver.unprotect_rtp(&mut buf[..len]).unwrap().len(),
                    _ => receiver.unprotect_rtcp(&mut buf[..len]).unwrap().len(),
                });
                assert_eq!(len, packet.len());
                assert!(
                    (1..=most).contains(&sending) && (1..=most).contains(&receiving),
                    "{} {plane}: {sending} sending, {receiving} receiving",
                    setup.name
                );
            }
        }
    }
}

#[test]
fn a_stream_that_was_removed_comes_back_with_no_more_than_windows_beyond_1024() {
    for (suite, (size, windows)) in CryptoSuite::ALL
        .into_iter()
        .flat_map(|suite| [(64, 0), (1024, 0), (1025, 1)].map(|size| (suite, size)))
    {
        let size = ReplayWindowSize::new(size).unwrap();
        let sender = Sender::builder(key(suite, 1)).replay_window(size);
        let receiver = Receiver::builder(key(suite, 1)).replay_window(size);
        let (mut sender, mut receiver) = (sender.build().unwrap(), receiver.build().unwrap());
        let (mut buf, mut overhead) = ([0; 2048], [0; 2]);
        for n in 0..5 {
            let packet = plain(Plane::Rtp, SSRC, n);
            let (sending, len) = calls(|| {
                let protected = sender.protect_rtp_into(&packet, &mut buf);
                protected.unwrap().len()
            });
            let (receiving, _) = calls(|| {
                receiver.unprotect_rtp(&mut buf[..len]).unwrap();
            });
            overhead = [sending, receiving];
            assert!(sender.remove_stream(SSRC) && receiver.remove_stream(SSRC));
        }
        assert_eq!(overhead, [windows; 2], "{suite} {size:?}");
    }
}

/// A sender whose SRTP is at a rollover counter.
fn sender_at(suite: CryptoSuite, seed: u8, rate: Option<KeyDerivationRate>, roc: u32) -> Sender {
    let mut sender = Sender::builder(key(suite, seed));
    if let Some(rate) = rate {
        sender = sender.key_derivation_rate(rate);
    }
    let mut sender = sender.build().unwrap();
    sender.set_roc(SSRC, roc).unwrap();
    sender
}

#[test]
fn known_streams_allocate_nothing_through_a_re_key_whether_they_go_on_or_begin_anew() {
    let ways = [None, Some(KeyDerivationRate::EVERY_PACKET)]
        .into_iter()
        .flat_map(|rate| [(rate, 5), (rate, 0)]);
    for (suite, (rate, roc)) in CryptoSuite::ALL
        .into_iter()
        .flat_map(|suite| ways.clone().map(move |way| (suite, way)))
    {
        let name = format!("{suite}, {rate:?}, new keys at rollover counter {roc}");
        let (mut old, mut new) = (sender_at(suite, 1, rate, 5), sender_at(suite, 2, rate, roc));
        let builder = |seed| match rate {
            None => Receiver::builder(key(suite, seed)),
            Some(rate) => Receiver::builder(key(suite, seed)).key_derivation_rate(rate),
        };
        let mut receiver = builder(1).build().unwrap();
        receiver.set_roc(SSRC, 5).unwrap();
        let mut n = 0;
        let mut send = |sender: &mut Sender, plane| {
            n += 1;
            let mut packet = match plane {
                Plane::Rtp => rtp(SSRC, n, &bytes(20)),
                _ => rtcp(SSRC, &bytes(20)),
            };
            match plane {
                Plane::Rtp => sender.protect_rtp_vec(&mut packet).unwrap(),
                _ => sender.protect_rtcp_vec(&mut packet).unwrap(),
            }
            packet
        };
        let receive = |receiver: &mut Receiver, plane, packet: &mut [u8]| match plane {
            Plane::Rtp => receiver.unprotect_rtp(packet).map(|_| ()),
            _ => receiver.unprotect_rtcp(packet).map(|_| ()),
        };
        for plane in PLANES {
            receive(&mut receiver, plane, &mut send(&mut old, plane)).unwrap();
        }
        let (policy, overlap) = (RocAfterRekey::KeptOrZero, Overlap::UntilEnded);
        receiver.rekey_with(builder(2), policy, overlap).unwrap();
        for turn in 0..12 {
            for plane in PLANES {
                let proves = match plane {
                    Plane::Rtp => suite.rtp_tag_len() > 0,
                    _ => suite.rtcp_tag_len() > 0,
                };
                let (is_forged, is_old) = (proves && turn % 4 == 1, proves && turn % 3 == 0);
                let sender = if is_old { &mut old } else { &mut new };
                let mut packet = send(sender, plane);
                let len = packet.len();
                packet[len - 1] ^= u8::from(is_forged);
                let received =
                    allocates_nothing(&name, || receive(&mut receiver, plane, &mut packet));
                assert_eq!(received.is_err(), is_forged, "{name}, {plane}, {turn}");
            }
        }
        // Without tags there is no telling, and it goes on.
        let reached = if suite.rtp_tag_len() > 0 { roc } else { 5 };
        assert_eq!(receiver.roc(SSRC), Some(reached), "{name}");
        receiver.end_overlap();
        for plane in PLANES {
            let mut packet = send(&mut new, plane);
            allocates_nothing(&name, || receive(&mut receiver, plane, &mut packet)).unwrap();
        }
    }
}

#[test]
fn a_silent_stream_that_shows_what_it_did_two_re_keys_ago_allocates_nothing_and_many_take_no_more_than_two()
 {
    for suite in CryptoSuite::ALL {
        let mut receiver = Receiver::new(key(suite, 1));
        receiver.set_roc(SSRC, 5).unwrap();
        let packet = |seed, roc, plane| {
            let mut sender = sender_at(suite, seed, None, roc);
            let mut packet = match plane {
                Plane::Rtp => rtp(SSRC, 1, &bytes(20)),
                _ => rtcp(SSRC, &bytes(20)),
            };
            match plane {
                Plane::Rtp => sender.protect_rtp_vec(&mut packet).unwrap(),
                _ => sender.protect_rtcp_vec(&mut packet).unwrap(),
            }
            packet
        };
        let receive = |receiver: &mut Receiver, plane, packet: &mut [u8]| match plane {
            Plane::Rtp => receiver.unprotect_rtp(packet).map(|_| ()),
            _ => receiver.unprotect_rtcp(packet).map(|_| ()),
        };
        for plane in PLANES {
            receive(&mut receiver, plane, &mut packet(1, 5, plane)).unwrap();
        }
        let mut live = Vec::new();
        for seed in 2..9 {
            let next = Receiver::builder(key(suite, seed));
            let policy = RocAfterRekey::KeptOrZero;
            receiver
                .rekey_with(next, policy, Overlap::UntilEnded)
                .unwrap();
            live.push(LIVE_BYTES.get());
        }
        assert!(live[6] - live[1] < 500, "{suite}: {live:?}");
        for plane in PLANES {
            let proves = match plane {
                Plane::Rtp => suite.rtp_tag_len() > 0,
                _ => suite.rtcp_tag_len() > 0,
            };
            for seed in [7, 8].into_iter().filter(|_| proves) {
                let mut packet = packet(seed, 0, plane);
                let name = format!("{suite}, {plane}, key {seed}");
                allocates_nothing(&name, || receive(&mut receiver, plane, &mut packet)).unwrap();
            }
        }
    }
}

#[test]
fn what_a_re_key_took_is_given_back_when_it_is_over_and_removed_streams_take_little() {
    for suite in CryptoSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut packet = [0; 256];
        let mut receive = |sender: &mut Sender, receiver: &mut Receiver, plane, ssrc, seq| {
            if plane == Plane::Rtp {
                let plain = rtp(ssrc, seq, &[1; 20]);
                let len = sender.protect_rtp_into(&plain, &mut packet).unwrap().len();
                receiver.unprotect_rtp(&mut packet[..len]).unwrap();
            } else {
                let plain = rtcp(ssrc, &[1; 20]);
                let len = sender.protect_rtcp_into(&plain, &mut packet).unwrap().len();
                receiver.unprotect_rtcp(&mut packet[..len]).unwrap();
            }
        };
        for ssrc in 0..100 {
            for plane in PLANES {
                receive(&mut sender, &mut receiver, plane, ssrc, 1);
            }
        }
        let before = LIVE_BYTES.get();
        sender.rekey(key(suite, 2)).unwrap();
        let between = LIVE_BYTES.get();
        let next = Receiver::builder(key(suite, 2));
        receiver
            .rekey_with(next, RocAfterRekey::KeptOrZero, Overlap::Packets(100))
            .unwrap();
        assert!(LIVE_BYTES.get() - between > 100 * 2 * 128, "{suite}");
        for ssrc in 0..100 {
            for plane in PLANES {
                receive(&mut sender, &mut receiver, plane, ssrc, 2);
            }
        }
        assert!(!receiver.has_overlap());
        assert!(LIVE_BYTES.get() - before < 1000, "{suite}");

        // What is beside a stream, windows of 4096 or 512 bytes. One that was silent between two re-keys has three in each plane, and gives all of
        // them back when it is removed; one that was removed before has none.
        let large = |seed| {
            let size = ReplayWindowSize::new(4096).unwrap();
            Receiver::builder(key(suite, seed)).replay_window(size)
        };
        let (mut sender, mut receiver) = (pair(suite).0, large(1).build().unwrap());
        for ssrc in 0..100 {
            receive(&mut sender, &mut receiver, Plane::Rtp, ssrc, 1);
        }
        for ssrc in 1..100 {
            receiver.remove_stream(ssrc);
        }
        let before = LIVE_BYTES.get();
        for seed in [2, 3] {
            receiver
                .rekey_with(large(seed), RocAfterRekey::KeptOrZero, Overlap::UntilEnded)
                .unwrap();
        }
        let between = LIVE_BYTES.get();
        assert!(between - before < 100 * 2 * 410 + 6 * 512, "{suite}");
        receiver.remove_stream(0);
        assert!(between - LIVE_BYTES.get() >= 6 * 512, "{suite}");
    }
}

#[test]
fn the_memory_of_a_full_table_is_what_the_documentation_of_most_streams_says() {
    for suite in CryptoSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let (mut for_sender, mut for_receiver) = (0, 0);
        let mut buf = [0; 256];
        for ssrc in 0..1024 {
            let packet = rtp(ssrc, 1, &[1; 20]);
            let before = LIVE_BYTES.get();
            let len = sender.protect_rtp_into(&packet, &mut buf).unwrap().len();
            for_sender += LIVE_BYTES.get() - before;
            let before = LIVE_BYTES.get();
            receiver.unprotect_rtp(&mut buf[..len]).unwrap();
            for_receiver += LIVE_BYTES.get() - before;
        }
        assert!(
            for_sender <= 1024 * 480 && for_receiver <= 700_000,
            "{suite}: {for_sender} bytes for a sender, {for_receiver} for a receiver"
        );
    }
    // A window beyond 1024 takes n/8 to n/4 bytes beside its stream, and a smaller one none.
    for size in [64, 65, 1024, 1025, 2048, 4000, 4096, 4097, 32_768] {
        let window = ReplayWindowSize::new(size).unwrap();
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        let mut default = pair(suite).0;
        let mut sender = Sender::builder(key(suite, 1))
            .replay_window(window)
            .build()
            .unwrap();
        let bytes_of_stream = |sender: &mut Sender| {
            let mut buf = [0; 256];
            let before = LIVE_BYTES.get();
            sender.protect_rtp_into(&rtp(1, 1, &[]), &mut buf).unwrap();
            LIVE_BYTES.get() - before
        };
        let window = bytes_of_stream(&mut sender) - bytes_of_stream(&mut default);
        let documented = match isize::try_from(size).unwrap() {
            ..=1024 => 0..=0,
            n => n / 8..=n / 4,
        };
        assert!(
            documented.contains(&window),
            "a window of {size} takes {window} bytes more"
        );
    }
}
