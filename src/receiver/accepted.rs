//! What a packet moves once it is authentic: its stream, which begins with it if it is the first, and the count of its key.

use super::Receiver;
use super::claimed::Claimed;
use super::refused::jump_too_far;
use crate::context::Context;
use crate::error::UnprotectError;
use crate::layout::EncryptedPortion;
use crate::stream::{Slot, Stream, TableFull};
use crate::transform::{Authentic, Position};

/// A packet that was accepted, still enciphered.
pub(super) struct Opened {
    pub(super) at: Position,
    /// Is its key one of those of before?
    pub(super) is_former: bool,
    /// The slot of its master key.
    pub(super) key: usize,
    /// Bytes that are never enciphered.
    pub(super) header: usize,
    /// Bytes of the plain packet.
    pub(super) plain: usize,
    pub(super) portion: EncryptedPortion,
}

impl Claimed<'_> {
    /// The packet, accepted at `at` under a current key.
    #[inline(always)]
    pub(super) fn opened(&self, at: Position) -> Opened {
        Opened {
            at,
            is_former: false,
            key: self.key,
            header: self.header,
            plain: self.laid.plain_len(),
            portion: self.portion,
        }
    }
}

impl Receiver {
    /// Moves the state of the packet's stream, which this makes if the packet is its first.
    #[inline(always)]
    pub(super) fn accept(
        &mut self,
        claimed: &Claimed<'_>,
        authentic: &Authentic,
    ) -> Result<Opened, UnprotectError> {
        let (slot, key, plain) = (claimed.slot, claimed.key, claimed.laid.plain_len());
        let Context { ring, streams, .. } = &mut self.context;
        match (streams.at_mut(slot), ring.get_mut(key)) {
            (Some(stream), Some(key)) if authentic.is_proven() && stream.rekeyed.is_none() => {
                stream.accept(authentic, plain);
                key.count(authentic.position());
            }
            _ => self.accept_rarely(slot, key, authentic, plain)?,
        }
        Ok(claimed.opened(authentic.position()))
    }

    /// The same for first packets, those that nothing vouches for, and after a re-key.
    #[cold]
    #[inline(never)]
    fn accept_rarely(
        &mut self,
        slot: Slot,
        key: usize,
        authentic: &Authentic,
        plain: usize,
    ) -> Result<(), UnprotectError> {
        let Context {
            ring,
            streams,
            options,
            formats,
            ..
        } = &mut self.context;
        let at = authentic.position();
        let ssrc = at.ssrc;
        if let (false, Some(stream)) = (authentic.is_proven(), streams.at(slot)) {
            let too_far = |highest| jump_too_far(at, highest);
            stream.check_unproven(at).map_err(too_far)?;
        }
        let anew = self.former.as_ref().and_then(|former| former.anew());
        let stream = streams.admit(slot, ssrc, || match anew {
            None => Stream::new(options.window),
            Some(anew) => Stream::new(options.window).rekeyed(anew),
        });
        let full = |TableFull { most }| UnprotectError::TooManyStreams { ssrc, most };
        let stream = stream.map_err(full)?;

        let key = ring.get_mut(key);
        match key.as_ref().filter(|_| stream.rekeyed.is_some()) {
            None => stream.accept(authentic, plain),
            Some(key) => {
                let carries_roc = formats.carries_roc(at);
                stream.accept_rekeyed(authentic, carries_roc, key.serial(), plain);
                if self.former.is_none() {
                    stream.settle();
                }
            }
        }
        if let Some(key) = key {
            key.count(at);
        }
        Ok(())
    }
}
