//! The options of a context in an exported state.

use super::{Reader, Writer};
use crate::builder::{Cryptex, EBitPolicy, Options, SrtcpTag};
use crate::error::StateError;
use crate::kdf::KeyDerivationRate;
use crate::replay::ReplayWindowSize;
use crate::suite::CryptoSuite;
use crate::transform::{ElementIds, RocCarry};

impl ReplayWindowSize {
    pub(crate) fn write(self, w: &mut Writer) {
        w.u16(self.packets());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        Self::new(r.u16()?).ok_or(StateError::Malformed)
    }
}

impl Options {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.flag(self.unencrypted_srtp);
        w.flag(self.unencrypted_srtcp);
        w.flag(self.unauthenticated_srtp);
        w.u8(match self.srtcp_tag {
            SrtcpTag::OfSuite => 0,
            SrtcpTag::Bytes4 => 4,
            SrtcpTag::Bytes10 => 10,
        });
        let exponent = |rate: KeyDerivationRate| u8::try_from(rate.exponent()).unwrap_or(u8::MAX);
        w.option(self.rate.map(exponent), Writer::u8);
        for half in self.encrypted_elements.halves() {
            w.bytes(&half.to_be_bytes());
        }
        w.u8(match self.cryptex {
            Cryptex::Off => 0,
            Cryptex::On => 1,
            Cryptex::Required => 2,
        });
        w.option(self.roc_carry, |w, carry| carry.write(w));
        self.window.write(w);
        w.u64(u64::try_from(self.most_streams).unwrap_or(u64::MAX));
        w.u32(self.initial_roc);
        w.u64(self.rekey_threshold);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        let malformed = StateError::Malformed;
        Ok(Self {
            unencrypted_srtp: r.flag()?,
            unencrypted_srtcp: r.flag()?,
            unauthenticated_srtp: r.flag()?,
            srtcp_tag: match r.u8()? {
                0 => SrtcpTag::OfSuite,
                4 => SrtcpTag::Bytes4,
                10 => SrtcpTag::Bytes10,
                _ => return Err(malformed),
            },
            rate: r.option(|r| KeyDerivationRate::from_any_exponent(r.u8()?).ok_or(malformed))?,
            encrypted_elements: ElementIds::from_halves([
                u128::from_be_bytes(r.array()?),
                u128::from_be_bytes(r.array()?),
            ]),
            cryptex: match r.u8()? {
                0 => Cryptex::Off,
                1 => Cryptex::On,
                2 => Cryptex::Required,
                _ => return Err(malformed),
            },
            roc_carry: r.option(RocCarry::read)?,
            window: ReplayWindowSize::read(r)?,
            most_streams: match usize::try_from(r.u64()?) {
                Ok(most) if most > 0 => most,
                _ => return Err(malformed),
            },
            initial_roc: r.u32()?,
            rekey_threshold: r.u64()?,
        })
    }

    /// Does a context with these options make the same packets under `suite` as one with `other`?
    pub(super) fn makes_packets_of(&self, other: &Self, suite: CryptoSuite) -> bool {
        self.unencrypted_srtp == other.unencrypted_srtp
            && self.unencrypted_srtcp == other.unencrypted_srtcp
            && self.unauthenticated_srtp == other.unauthenticated_srtp
            && self.srtcp_tag.len(suite) == other.srtcp_tag.len(suite)
            && self.rate == other.rate
            && self.encrypted_elements == other.encrypted_elements
            && self.cryptex == other.cryptex
            && self.roc_carry.map(|carry| carry.resolved(suite))
                == other.roc_carry.map(|carry| carry.resolved(suite))
    }
}

impl EBitPolicy {
    pub(crate) fn write(self, w: &mut Writer) {
        w.flag(self == Self::AcceptEither);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, StateError> {
        r.flag().map(|either| match either {
            true => Self::AcceptEither,
            false => Self::AsAgreed,
        })
    }
}
