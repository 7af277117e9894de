//! SRTP packets that are not all alike: cryptex (RFC 9335), and the rollover counter in some tags (RFC 4771).

use super::Receiver;
use super::accepted::Opened;
use super::claimed::{Claimed, lay};
use super::path::{Now, Verifier};
use super::refused::jump_too_far;
use crate::builder::Cryptex;
use crate::error::UnprotectError;
use crate::header::{Plane, RTP_FIXED, RtpHeader};
use crate::layout::{EncryptedPortion, Laid};
use crate::ring::RingKey;
use crate::stream::{RocClaim, Slot};
use crate::transform::{Authentic, Position, cryptex_profile};

/// By its tag or, if it carries the rollover counter, by the MAC behind that (RFC 4771 §2).
impl Verifier for RocClaim {
    #[inline(always)]
    fn verify(
        &self,
        key: &mut RingKey,
        packet: &Laid<&[u8]>,
        at: Position,
        portion: EncryptedPortion,
    ) -> Option<Authentic> {
        match self {
            Self::Carried(_) => key.transform(at).verify_carried(packet, at),
            Self::Estimated | Self::EstimatedBetween => Now.verify(key, packet, at, portion),
        }
    }
}

impl Receiver {
    /// What `open_rtp` does, by what this packet is.
    #[cold]
    #[inline(never)]
    pub(super) fn open_rtp_by_form(
        &mut self,
        slot: Slot,
        packet: &[u8],
        header: RtpHeader,
        room: usize,
    ) -> Result<Opened, UnprotectError> {
        let formats = &self.context.formats;
        let portion = match formats.cryptex {
            Cryptex::Off => formats.portion_without_cryptex(),
            Cryptex::On | Cryptex::Required => self.cryptex_portion(packet, header),
        };
        let (seq, carry) = (header.seq, formats.roc_carry);
        let trailer = carry.map_or(formats.rtp, |carry| carry.trailer(formats.rtp, seq));
        let laid = lay(trailer, header.len, packet, room)?;
        let roc = match (carry, laid.roc_and_mac()) {
            (Some(carry), _) if carry.is_between(seq) => {
                return self.open_between(&laid, header, slot, portion);
            }
            (Some(carry), Some((roc, _))) if carry.carries(seq) => RocClaim::Carried(roc),
            _ => RocClaim::Estimated,
        };
        self.open_laid(&laid, header, slot, portion, roc, &roc)
    }

    /// What of a packet is enciphered, where cryptex is in use: the packet says.
    fn cryptex_portion(&self, packet: &[u8], header: RtpHeader) -> EncryptedPortion {
        let is_required = self.context.formats.cryptex == Cryptex::Required;
        match cryptex_profile(packet) {
            Some(_) => EncryptedPortion::Cryptex,
            None if is_required && header.len > RTP_FIXED => {
                EncryptedPortion::PayloadThoughCryptexIsRequired
            }
            None => EncryptedPortion::Payload,
        }
    }

    /// A packet between those that carry the rollover counter, where such have no tag. It passes, and makes and moves no stream.
    fn open_between(
        &mut self,
        laid: &Laid<&[u8]>,
        header: RtpHeader,
        slot: Slot,
        portion: EncryptedPortion,
    ) -> Result<Opened, UnprotectError> {
        let ssrc = header.ssrc;
        let guess = self.guess_rtp(slot, header, RocClaim::EstimatedBetween, laid)?;
        let claimed = Claimed {
            laid,
            plane: Plane::Rtp,
            ssrc,
            header: header.len,
            portion,
            slot,
            key: self.find_key(laid, ssrc)?,
        };
        if portion == EncryptedPortion::PayloadThoughCryptexIsRequired {
            return Err(UnprotectError::CryptexRequired { ssrc });
        }
        let likeliest = guess.likeliest();
        let index = likeliest.ok_or(UnprotectError::AuthenticationFailed { ssrc })?;
        let at = claimed.at(index.value());

        let plain = laid.plain_len();
        match self.context.streams.get_mut(ssrc) {
            Some(stream) => {
                let checked = stream.check_unproven(at);
                checked.map_err(|highest| jump_too_far(at, highest))?;
                stream.pass_between(index, plain);
            }
            None => self.context.count_packet_elsewhere(at.plane, plain),
        }
        if let Some(key) = self.context.ring.get_mut(claimed.key) {
            key.count(at);
        }
        Ok(claimed.opened(at))
    }
}
