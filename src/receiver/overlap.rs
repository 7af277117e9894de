//! Two generations of keys in one receiver: after a re-key, packets under the old keys are still on their way (RFC 4568 §7.1.4).

use alloc::boxed::Box;

use super::accepted::Opened;
use super::path::Now;
use super::refused::{is_of_an_authentic_packet, the_truer_of};
use super::{Receiver, ReceiverBuilder, ReceiverOptions};
use crate::builder::{Formats, Options};
use crate::error::{BuildError, UnprotectError};
use crate::header::Plane;
use crate::layout::{Laid, Trailer};
use crate::ring::{KeyRing, RingKey};
use crate::stream::{Anew, MOST_GUESSES, RocClaim, Stream, Under};

/// How the streams of a peer go on under its new keys. Its own words do not tell; the first authentic packets do.
///
/// A stream that goes on has one set of windows for both generations of keys: an index that was accepted under one is refused under the
/// other. Once it began anew, each generation has windows of its own. SRTCP begins anew at any index, apart from SRTP, and a stream once in
/// each plane. Where a key is in both generations, streams go on, whatever is said here.
///
/// If the keys change again before a stream was heard in a plane, what it did at the first re-key may still show under the keys that are now the old
/// ones, as was said of it then. Once the stream goes on under the newest keys where it was before both, it goes on under the old ones too.
/// With [`Kept`](Self::Kept) at the second re-key both generations are one: a stream begins anew under either, and has the same windows under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RocAfterRekey {
    /// They go on where they are: a new key does not reset the rollover counter (RFC 3711 §3.3.1).
    Kept,
    /// They go on where they are or, for peers that make a new context, begin anew at
    /// [`initial_roc`](crate::Builder::initial_roc), 0. An index that fits both goes on: of a peer that began anew so near to where it was, late
    /// packets under the old keys are refused where the new ones have the same indices. For new keys at an unchanged address.
    #[default]
    KeptOrZero,
    /// They begin anew at [`initial_roc`](crate::Builder::initial_roc), 0, as they have to at a new address (RFC 4568 §7.1.4); or
    /// go on, for peers that only moved. An index that fits both begins anew.
    ZeroOrKept,
}

/// How long packets under the old keys are still accepted: those of before the last re-key. Another re-key ends the overlap of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// Not at all.
    None,
    /// Until so many packets, SRTP and SRTCP of all streams together, were accepted under the new keys, keys of both generations
    /// among them, and packets without a tag between others that have one (RFC 4771) not. 0 is not at all.
    Packets(u64),
    /// Until [`end_overlap`](Receiver::end_overlap).
    UntilEnded,
}

/// 256 packets: some five seconds of speech.
impl Default for Overlap {
    fn default() -> Self {
        Self::Packets(256)
    }
}

/// The keys of before, and how packets under them look.
pub(super) struct Former {
    ring: KeyRing,
    formats: Formats,
    initial_roc: u32,
    options: ReceiverOptions,
    other_rtcp: Option<Trailer>,
    /// The packets under the new keys that are left; `None` until the caller ends it.
    left: Option<u64>,
    /// How streams that are first seen meanwhile may begin under the new keys.
    anew: Option<Anew>,
}

impl Former {
    pub(super) fn ring_and_formats(&mut self) -> (&mut KeyRing, &Formats) {
        (&mut self.ring, &self.formats)
    }

    pub(super) fn anew(&self) -> Option<Anew> {
        self.anew
    }
}

/// How streams may begin anew under `ring`, whose keys since this serial number are new.
fn anew(roc: RocAfterRekey, ring: &KeyRing, since: u64, options: &Options) -> Option<Anew> {
    let is_likelier = match roc {
        RocAfterRekey::Kept => return None,
        // One context goes on, and so do its streams, where one of its keys does.
        _ if ring.oldest_serial() < since => return None,
        RocAfterRekey::KeptOrZero => false,
        RocAfterRekey::ZeroOrKept => true,
    };
    Some(Anew {
        since,
        initial_roc: options.initial_roc,
        is_likelier,
        window: options.window,
    })
}

impl Receiver {
    /// Goes on with the keys and options of `next`; see [`RocAfterRekey`] for its streams. Packets under the old keys, as the old options have
    /// them, are accepted for the time of the overlap, each once, in each plane in which both generations have authentication tags; with
    /// [`roc_carry`](crate::Builder::roc_carry), if both have one in a packet of that sequence number. Where nothing is authenticated, which key a packet is under cannot be told without an MKI (RFC 4568 §7.1.4): it is the new one, and the likelier
    /// of the two ways is taken, the other only if the index does not fit.
    ///
    /// Keys that are in both, with their MKIs, go on as they are, with their lifetimes and their use so far, and under the new options.
    /// An overlap that is still going on ends: of three generations the oldest is refused. Streams that go on keep the size of their windows. [`keys`](Self::keys),
    /// [`add_key`](Self::add_key) and [`remove_key`](Self::remove_key) know the new keys alone.
    ///
    /// While old keys are there, or a stream has shown nothing under the new ones, a forged packet takes more verifications: still at most four. With
    /// [`search_roc`](ReceiverBuilder::search_roc) fewer counters are searched for then, and none under the old keys; none at all for a stream
    /// that was not heard between two re-keys. Until the overlap has ended and a stream has shown in both planes whether it goes on, it has two
    /// sets of windows, or three if it had not shown it before the keys changed again; all are made here, and packets of known streams
    /// allocate nothing.
    ///
    /// ```
    /// use srtp_sdes::{CryptoSuite, MasterKey, Overlap, Receiver, RocAfterRekey, Sender};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = |byte| MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[byte; 30]);
    /// let (mut sender, mut receiver) = (Sender::new(key(1)?), Receiver::new(key(1)?));
    /// let mut late = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe, b'h', b'i'];
    /// let mut next = late.clone();
    /// next[3] = 2;
    ///
    /// sender.protect_rtp_vec(&mut late)?; // still on its way
    /// sender.rekey(key(2)?)?;
    /// sender.protect_rtp_vec(&mut next)?;
    ///
    /// let keys = Receiver::builder(key(2)?);
    /// receiver.rekey_with(keys, RocAfterRekey::default(), Overlap::default())?;
    /// receiver.unprotect_rtp(&mut next)?;
    /// receiver.unprotect_rtp(&mut late)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`] if the options do not go with the keys, or [`KeyReused`](crate::KeyRingError::KeyReused) if one of the keys was here
    /// before, or is here for another suite or with another MKI or key derivation rate; the receiver is then unchanged.
    pub fn rekey_with(
        &mut self,
        next: ReceiverBuilder,
        roc: RocAfterRekey,
        overlap: Overlap,
    ) -> Result<(), BuildError> {
        let mut next = next.build()?;
        let since = self.context.succeed_by(&mut next.context)?;
        core::mem::swap(&mut self.options, &mut next.options);
        core::mem::swap(&mut self.other_rtcp, &mut next.other_rtcp);
        self.former = None;
        let anew = anew(roc, &self.context.ring, since, &self.context.options);
        for stream in self.context.streams.iter_mut() {
            match anew {
                Some(anew) => stream.rekey(anew),
                None => stream.settle(),
            }
        }
        let left = match overlap {
            Overlap::None => Some(0),
            Overlap::Packets(packets) => Some(packets),
            Overlap::UntilEnded => None,
        };
        if left == Some(0) || next.context.ring.is_empty() {
            self.end_overlap();
            return Ok(());
        }
        // One of the at most four verifications is for the keys of before.
        self.most_guesses = MOST_GUESSES - 1;
        self.former = Some(Box::new(Former {
            ring: next.context.ring,
            formats: next.context.formats,
            initial_roc: next.context.options.initial_roc,
            options: ReceiverOptions {
                search_roc: false,
                ..next.options
            },
            other_rtcp: next.other_rtcp,
            left,
            anew,
        }));
        self.forget_removed_streams();
        Ok(())
    }

    /// Are packets under the old keys still accepted?
    #[must_use]
    pub fn has_overlap(&self) -> bool {
        self.former.is_some()
    }

    /// Ends the overlap: from now on packets under the old keys are refused. Nothing happens if there is none.
    pub fn end_overlap(&mut self) {
        self.former = None;
        self.most_guesses = MOST_GUESSES;
        self.context.streams.iter_mut().for_each(Stream::settle);
        self.forget_removed_streams();
    }

    /// Drops the removed streams of whose keys none is left, in either generation.
    pub(super) fn forget_removed_streams(&mut self) {
        let current = self.context.ring.oldest_serial();
        let former = self.former.as_ref().map(|it| it.ring.oldest_serial());
        let oldest = former.map_or(current, |former| former.min(current));
        self.context.forget_removed_streams(oldest);
    }

    /// What a packet claims to be under, before anything about it is proven.
    #[cold]
    pub(super) fn under(&self, packet: &Laid<&[u8]>, roc: RocClaim) -> Under {
        let ring = &self.context.ring;
        let key = ring.find(packet.mki()).and_then(|slot| ring.get(slot));
        Under {
            // Without a key that of the oldest, which allows least.
            serial: key.map_or(0, RingKey::serial),
            has_tag: match roc {
                RocClaim::Carried(_) => {
                    packet.roc_and_mac().is_some_and(|(_, mac)| !mac.is_empty())
                }
                _ => packet.tag().is_some(),
            },
        }
    }

    /// What comes of a packet during an overlap, that was `opened` under the current keys or refused.
    #[cold]
    pub(super) fn open_in_overlap(
        &mut self,
        opened: Result<Opened, UnprotectError>,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        let error = match opened {
            Ok(opened) => {
                self.count_in_overlap(plane, packet);
                return Ok(opened);
            }
            // Its key is a current one.
            Err(error) if is_of_an_authentic_packet(&error) => return Err(error),
            Err(error) => error,
        };
        let current = &self.context.formats;
        let former = self.former.as_ref();
        let in_both = former.is_some_and(|former| {
            former.formats.authenticate(plane, packet) && current.authenticate(plane, packet)
        });
        if !in_both {
            return Err(error);
        }
        self.open_under_former(plane, packet, room)
            .map_err(|second| the_truer_of(error, second))
    }

    /// One packet fewer until the overlap ends. Those that prove nothing between others that do leave it alone (RFC 4771, RCCm1).
    fn count_in_overlap(&mut self, plane: Plane, packet: &[u8]) {
        let is_between = self.context.formats.is_between(plane, packet);
        let left = self.former.as_mut().and_then(|it| it.left.as_mut());
        if let (Some(left), false) = (left, is_between) {
            *left -= 1;
            if *left == 0 {
                self.end_overlap();
            }
        }
    }

    /// Tries a packet under the keys of before, which change places with the current ones for it.
    fn open_under_former(
        &mut self,
        plane: Plane,
        packet: &[u8],
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        self.exchange_keys();
        let opened = self.open_under_keys(plane, packet, room, &Now);
        self.exchange_keys();

        opened.map(|opened| Opened {
            is_former: true,
            ..opened
        })
    }

    fn exchange_keys(&mut self) {
        if let Some(former) = &mut self.former {
            core::mem::swap(&mut former.ring, &mut self.context.ring);
            core::mem::swap(&mut former.formats, &mut self.context.formats);
            let initial_roc = &mut self.context.options.initial_roc;
            core::mem::swap(&mut former.initial_roc, initial_roc);
            core::mem::swap(&mut former.options, &mut self.options);
            core::mem::swap(&mut former.other_rtcp, &mut self.other_rtcp);
        }
    }
}
