//! What an exported session consists of, byte by byte.

use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use super::agreement::{Agreed, Agreement};
use super::change::{Changes, Outcome, ReceiverChange, ReceiverRekey, SenderChange, SenderRekey};
use super::known::KnownKeys;
use super::{Addresses, Exchange, OpenOffer, Prepared, Session};
use crate::error::StateError;
use crate::primitives::are_equal;
use crate::ring::KeyCheck;
use crate::sdes::attribute::{CryptoAttribute, Line, ParseMode};
use crate::sdes::decision::{self, PlainRtp};
use crate::sdes::error::RejectReason;
use crate::sdes::media::{Profile, Signalling};
use crate::sdes::offer::Offer;
use crate::sdes::policy::Policy;
use crate::state::{Reader, StateKey, Writer};
use crate::{Cryptex, RocAfterRekey};

type Read<T> = Result<T, StateError>;

const MALFORMED: StateError = StateError::Malformed;
/// Lines of an offer. Each takes more memory than bytes of the state, which is not verified yet.
const MOST_LINES: usize = 256;

/// How lines are written: with their text, or by what they are recognised.
#[derive(Clone, Copy)]
pub(super) struct LinesOut {
    pub(super) secret: bool,
}

impl LinesOut {
    fn write(self, w: &mut Writer, line: &CryptoAttribute) {
        match self.secret {
            true => w.short(line.secret_value().as_bytes()),
            false => w.bytes(&line.code()),
        }
    }
}

/// Where the lines of a state are.
pub(super) enum Lines {
    InState,
    Given(Vec<([u8; StateKey::CODE], CryptoAttribute)>),
}

impl Lines {
    fn read(&self, r: &mut Reader<'_>) -> Read<CryptoAttribute> {
        let Self::Given(lines) = self else {
            let text = core::str::from_utf8(r.short()?).map_err(|_| MALFORMED)?;
            return match CryptoAttribute::parse(text, ParseMode::Tolerant) {
                Line::Usable(line) => Ok(line),
                _ => Err(MALFORMED),
            };
        };
        let code: [u8; StateKey::CODE] = r.array()?;
        let found = lines.iter().find(|(it, _)| are_equal(it, &code));
        let found = found.map(|(_, line)| line.secret_copy());
        found.ok_or(StateError::OtherLines)
    }
}

impl Session {
    pub(super) fn write(&self, w: &mut Writer, lines: LinesOut) {
        w.flag(self.signalling == Signalling::Secure);
        write_cryptex(w, self.policy.cryptex);
        w.flag(self.began);
        self.addresses.write(w);
        self.known.write(w);
        write_agreed(w, &self.agreed, lines);
        match &self.exchange {
            Exchange::None => w.u8(0),
            Exchange::Ours(open) => {
                w.u8(1);
                open.write(w, lines);
            }
            Exchange::Theirs(prepared) => {
                w.u8(2);
                prepared.write(w, lines);
            }
        }
        w.option(self.invite.as_ref(), |w, open| open.write(w, lines));
    }

    pub(super) fn read(mut r: Reader<'_>, policy: &Policy, lines: &Lines) -> Read<Self> {
        let signalling = match r.flag()? {
            true => Signalling::Secure,
            false => Signalling::Clear,
        };
        // What the contexts do, whatever the policy has come to say.
        let policy = policy.clone().cryptex(read_cryptex(&mut r)?);
        let session = Self {
            began: r.flag()?,
            addresses: Addresses::read(&mut r)?,
            known: KnownKeys::read(&mut r)?,
            agreed: read_agreed(&mut r, lines)?,
            exchange: match r.u8()? {
                0 => Exchange::None,
                1 => Exchange::Ours(OpenOffer::read(&mut r, &policy, lines)?),
                2 => Exchange::Theirs(Prepared::read(&mut r, &policy, lines)?),
                _ => return Err(MALFORMED),
            },
            invite: r.option(|r| OpenOffer::read(r, &policy, lines))?,
            signalling,
            policy,
        };
        r.end().map(|()| session)
    }
}

impl OpenOffer {
    fn write(&self, w: &mut Writer, lines: LinesOut) {
        write_profile(w, self.offer.profile());
        w.count(self.offer.attributes().count());
        for (line, is_free) in self.offer.lines() {
            lines.write(w, line);
            w.flag(is_free);
        }
        w.option(self.address, write_address);
        w.flag(self.starts);
        w.flag(self.is_first);
        w.flag(self.answered);
    }

    fn read(r: &mut Reader<'_>, policy: &Policy, lines: &Lines) -> Read<Box<Self>> {
        let profile = read_profile(r)?;
        let count = r.count(3)?;
        if count > MOST_LINES {
            return Err(MALFORMED);
        }
        let mut offered = Vec::with_capacity(count);
        for _ in 0..count {
            offered.push((lines.read(r)?, r.flag()?));
        }
        Ok(Box::new(Self {
            offer: Offer::with_lines(policy, profile, offered),
            address: r.option(read_address)?,
            starts: r.flag()?,
            is_first: r.flag()?,
            answered: r.flag()?,
        }))
    }
}

impl Prepared {
    fn write(&self, w: &mut Writer, lines: LinesOut) {
        write_agreed(w, &self.agreed, lines);
        self.addresses.write(w);
        match &self.outcome {
            Outcome::Srtp(changes) => {
                w.u8(0);
                w.u8(match &changes.sender {
                    SenderChange::Keep => 0,
                    SenderChange::Cryptex(_) => 1,
                    SenderChange::Rekey(_) => 2,
                    SenderChange::Start(_) => 3,
                    // Not met, and not read: an answer of ours comes with a sender.
                    SenderChange::Missing => 4,
                });
                w.u8(match &changes.receiver {
                    ReceiverChange::Keep => 0,
                    ReceiverChange::Start(_) => 1,
                    ReceiverChange::Rekey(it) if it.roc == RocAfterRekey::KeptOrZero => 2,
                    ReceiverChange::Rekey(_) => 3,
                });
            }
            Outcome::PlainRtp(plain) => {
                w.u8(1);
                write_profile(w, plain.profile);
                let place = |reason| DECLINING.iter().position(|it| *it == reason);
                let declined = plain.declined.and_then(place);
                w.option(declined, Writer::count);
            }
            // Nothing else is prepared.
            _ => w.u8(2),
        }
    }

    fn read(r: &mut Reader<'_>, policy: &Policy, lines: &Lines) -> Read<Box<Self>> {
        let agreed = read_agreed(r, lines)?;
        let addresses = Addresses::read(r)?;
        let outcome = match (r.u8()?, &agreed) {
            (0, Some(agreement)) => Outcome::Srtp(agreement.read_changes(r, policy)?),
            (1, None) => Outcome::PlainRtp(PlainRtp {
                profile: read_profile(r)?,
                declined: r.option(read_reason)?,
            }),
            (2, None) => Outcome::PortZero,
            _ => return Err(MALFORMED),
        };
        Ok(Box::new(Self {
            agreed,
            addresses,
            outcome,
        }))
    }
}

impl Agreement {
    /// The changes that lead to this agreement, made anew.
    fn read_changes(&self, r: &mut Reader<'_>, policy: &Policy) -> Read<Box<Changes>> {
        let key = self.ours.keys().first().ok_or(MALFORMED)?.secret_copy();
        let sender = decision::sender_builder(&self.ours, key, policy, self.cryptex);
        let receiver = decision::receiver_builder(&self.theirs, policy).ok_or(MALFORMED)?;
        let sender = match r.u8()? {
            0 => SenderChange::Keep,
            1 => SenderChange::Cryptex(self.cryptex),
            2 => SenderChange::Rekey(SenderRekey(Box::new(sender))),
            3 => SenderChange::Start(Box::new(sender.build().map_err(|_| MALFORMED)?)),
            _ => return Err(MALFORMED),
        };
        let rekey = |roc, next| {
            ReceiverChange::Rekey(ReceiverRekey {
                next: Box::new(next),
                roc,
                overlap: policy.overlap,
            })
        };
        let receiver = match r.u8()? {
            0 => ReceiverChange::Keep,
            1 => ReceiverChange::Start(Box::new(receiver.build().map_err(|_| MALFORMED)?)),
            2 => rekey(RocAfterRekey::KeptOrZero, receiver),
            3 => rekey(RocAfterRekey::ZeroOrKept, receiver),
            _ => return Err(MALFORMED),
        };
        Ok(Box::new(Changes {
            profile: self.profile,
            tag: self.ours.tag(),
            sender,
            receiver,
        }))
    }
}

fn write_agreed(w: &mut Writer, agreed: &Agreed, lines: LinesOut) {
    w.option(agreed.as_ref(), |w, agreement| {
        write_profile(w, agreement.profile);
        lines.write(w, &agreement.ours);
        lines.write(w, &agreement.theirs);
        w.flag(agreement.sends);
        write_cryptex(w, agreement.cryptex);
    });
}

fn read_agreed(r: &mut Reader<'_>, lines: &Lines) -> Read<Agreed> {
    r.option(|r| {
        let agreement = Agreement {
            profile: read_profile(r)?,
            ours: lines.read(r)?,
            theirs: lines.read(r)?,
            sends: r.flag()?,
            cryptex: read_cryptex(r)?,
        };
        match agreement.repeats_a_key() {
            true => Err(MALFORMED),
            false => Ok(Box::new(agreement)),
        }
    })
}

impl KnownKeys {
    fn write(&self, w: &mut Writer) {
        for keys in [&self.ours, &self.theirs] {
            w.count(keys.len());
            keys.iter().for_each(|key| key.write(w));
        }
    }

    fn read(r: &mut Reader<'_>) -> Read<Self> {
        let mut read = || -> Read<Vec<KeyCheck>> {
            let keys = r.count(16)?;
            (0..keys).map(|_| KeyCheck::read(r)).collect()
        };
        let (ours, theirs) = (read()?, read()?);
        Ok(Self { ours, theirs })
    }
}

impl Addresses {
    fn write(self, w: &mut Writer) {
        w.option(self.ours, write_address);
        w.option(self.theirs, write_address);
    }

    fn read(r: &mut Reader<'_>) -> Read<Self> {
        let (ours, theirs) = (r.option(read_address)?, r.option(read_address)?);
        Ok(Self { ours, theirs })
    }
}

fn write_address(w: &mut Writer, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => w.short(&ip.octets()),
        IpAddr::V6(ip) => w.short(&ip.octets()),
    }
    w.u16(address.port());
}

fn read_address(r: &mut Reader<'_>) -> Read<SocketAddr> {
    let ip = r.short()?;
    let v4 = <[u8; 4]>::try_from(ip).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(ip).map(IpAddr::from);
    let ip = v4.or_else(|_| v6()).map_err(|_| MALFORMED)?;
    Ok(SocketAddr::new(ip, r.u16()?))
}

const PROFILES: [Profile; 4] = [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf];

fn write_profile(w: &mut Writer, profile: Profile) {
    w.flag(profile.is_secure());
    w.flag(matches!(profile, Profile::Avpf | Profile::Savpf));
}

fn read_profile(r: &mut Reader<'_>) -> Read<Profile> {
    let (is_secure, has_feedback) = (r.flag()?, r.flag()?);
    let profiles = PROFILES.get(usize::from(is_secure) * 2 + usize::from(has_feedback));
    profiles.copied().ok_or(MALFORMED)
}

fn write_cryptex(w: &mut Writer, cryptex: Cryptex) {
    w.u8(match cryptex {
        Cryptex::Off => 0,
        Cryptex::On => 1,
        Cryptex::Required => 2,
    });
}

fn read_cryptex(r: &mut Reader<'_>) -> Read<Cryptex> {
    match r.u8()? {
        0 => Ok(Cryptex::Off),
        1 => Ok(Cryptex::On),
        2 => Ok(Cryptex::Required),
        _ => Err(MALFORMED),
    }
}

/// Why crypto lines are declined by plain RTP. A reason keeps its place.
const DECLINING: [RejectReason; 11] = [
    RejectReason::SrtpDisabled,
    RejectReason::SrtpRequired,
    RejectReason::SignallingNotSecure,
    RejectReason::CryptoInAvp,
    RejectReason::NoKeying,
    RejectReason::NoValidLine,
    RejectReason::NoCommonSuite,
    RejectReason::ParameterProhibited,
    RejectReason::CryptexRequired,
    RejectReason::KeyRepeated,
    RejectReason::KeyReused,
];

fn read_reason(r: &mut Reader<'_>) -> Read<RejectReason> {
    let place = usize::try_from(r.u32()?).map_err(|_| MALFORMED)?;
    DECLINING.get(place).copied().ok_or(MALFORMED)
}
