//! Numbers and lists as bytes, sealed by a code. What they mean is written elsewhere.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::error::StateError;
use crate::kdf::Kdf;
use crate::key::MasterKey;
use crate::primitives::{HmacSha1, SHA1_LEN, are_equal};

const MAGIC: [u8; 8] = *b"SRTPstat";
const VERSION: u16 = 1;
/// Bytes before what the kind says.
const HEADER: usize = MAGIC.len() + 2 + 1 + 8;

/// What a state is of. A kind that holds keys is another one than that without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sender = 1,
    Receiver = 2,
    SenderWithKeys = 3,
    ReceiverWithKeys = 4,
    Session = 5,
    SessionWithKeys = 6,
}

/// The key with which a master key vouches for a state.
pub(crate) struct StateKey(Zeroizing<[u8; SHA1_LEN]>);

impl StateKey {
    pub(crate) fn of_key(key: &MasterKey) -> Self {
        Self::of(&Kdf::new(key))
    }

    pub(crate) fn of(kdf: &Kdf) -> Self {
        let mut bytes = Zeroizing::new([0; SHA1_LEN]);
        kdf.derive_state_key(&mut *bytes);
        Self(bytes)
    }

    /// Bytes of a code.
    pub(crate) const CODE: usize = SHA1_LEN;

    /// A code over what is not a state.
    pub(crate) fn code(&self, bytes: &[u8]) -> [u8; SHA1_LEN] {
        HmacSha1::new(&*self.0).code(bytes, &[])
    }
}

/// The code over `covered`: nobody makes it who lacks one of the keys. Without keys it tells damage, and vouches for nothing.
fn code<'k>(keys: impl Iterator<Item = &'k StateKey>, covered: &[u8]) -> [u8; SHA1_LEN] {
    let code_under = |key: &[u8]| HmacSha1::new(key).code(covered, &[]);
    let codes = keys.map(|key| code_under(&*key.0));
    let combined = codes.reduce(|mut sum, code| {
        sum.iter_mut()
            .zip(code)
            .for_each(|(sum, byte)| *sum ^= byte);
        sum
    });
    combined.unwrap_or_else(|| code_under(&[]))
}

/// A state of this kind, with what `body` writes.
///
/// `body` is called twice, and has to write the same both times: first it is only measured, so that the bytes, which may be keys, never move
/// to another allocation.
pub(crate) fn seal<'k>(
    kind: Kind,
    keys: impl IntoIterator<Item = &'k StateKey>,
    body: impl Fn(&mut Writer),
) -> Zeroizing<Vec<u8>> {
    let mut measured = Writer::measuring();
    body(&mut measured);
    let len = HEADER + measured.len + SHA1_LEN;

    let mut writer = Writer::with_room(len);
    writer.bytes(&MAGIC);
    writer.u16(VERSION);
    writer.u8(kind as u8);
    writer.count_u64(len);
    body(&mut writer);
    let code = code(keys.into_iter(), &writer.written);
    writer.bytes(&code);
    writer.written
}

/// The body of a state of this kind, which is not verified, and what is still to be verified.
pub(crate) fn split(kind: Kind, state: &[u8]) -> Result<(Reader<'_>, Sealed<'_>), StateError> {
    let mut reader = Reader(state);
    let magic = reader
        .take(MAGIC.len())
        .map_err(|_| StateError::NotAState)?;
    if magic != MAGIC {
        return Err(StateError::NotAState);
    }
    let cut = |_| StateError::Length;
    let version = reader.u16().map_err(cut)?;
    if version != VERSION {
        return Err(StateError::Version { version });
    }
    if reader.u8().map_err(cut)? != kind as u8 {
        return Err(StateError::Kind);
    }
    if Ok(reader.u64().map_err(cut)?) != u64::try_from(state.len()) {
        return Err(StateError::Length);
    }
    let covered_and_code = state.split_last_chunk().ok_or(StateError::Length)?;
    let (covered, code) = covered_and_code;
    let body = covered.get(HEADER..).ok_or(StateError::Length)?;
    Ok((Reader(body), Sealed { covered, code }))
}

/// The body of a state of this kind that holders of all these keys wrote.
pub(crate) fn open<'s, 'k>(
    kind: Kind,
    keys: impl IntoIterator<Item = &'k StateKey>,
    state: &'s [u8],
) -> Result<Reader<'s>, StateError> {
    let (body, sealed) = split(kind, state)?;
    sealed.verify(keys)?;
    Ok(body)
}

/// A state whose code is still to be verified.
pub(crate) struct Sealed<'s> {
    covered: &'s [u8],
    code: &'s [u8; SHA1_LEN],
}

impl Sealed<'_> {
    pub(crate) fn verify<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k StateKey>,
    ) -> Result<(), StateError> {
        match are_equal(&code(keys.into_iter(), self.covered), self.code) {
            true => Ok(()),
            false => Err(StateError::NotAuthentic),
        }
    }
}

/// Writes, or only measures.
pub(crate) struct Writer {
    written: Zeroizing<Vec<u8>>,
    len: usize,
    measures: bool,
}

impl Writer {
    fn measuring() -> Self {
        Self {
            written: Zeroizing::default(),
            len: 0,
            measures: true,
        }
    }

    fn with_room(len: usize) -> Self {
        Self {
            written: Zeroizing::new(Vec::with_capacity(len)),
            len: 0,
            measures: false,
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        if !self.measures {
            self.written.extend_from_slice(bytes);
        }
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.bytes(&[number]);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.u8(flag.into());
    }

    /// 0, or 1 and what `write` makes of it.
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// How many items follow, in 4 bytes.
    pub(crate) fn count(&mut self, items: usize) {
        // More would not be read: a context of 2^32 streams is beyond any memory.
        self.u32(u32::try_from(items).unwrap_or(u32::MAX));
    }

    fn count_u64(&mut self, items: usize) {
        self.u64(u64::try_from(items).unwrap_or(u64::MAX));
    }

    /// At most 65535 bytes behind their number.
    pub(crate) fn short(&mut self, bytes: &[u8]) {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.bytes(bytes);
    }
}

/// What is left to be read. Every error says [`Malformed`](StateError::Malformed), since nobody should write what it is about.
pub(crate) struct Reader<'s>(&'s [u8]);

impl<'s> Reader<'s> {
    pub(crate) fn take(&mut self, len: usize) -> Result<&'s [u8], StateError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(StateError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(StateError::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StateError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, StateError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StateError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StateError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StateError::Malformed),
        }
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        match self.flag()? {
            true => read(self).map(Some),
            false => Ok(None),
        }
    }

    /// How many items follow, each of at least `least` bytes. No more than there are bytes for, so that it is safe to make room for them.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, StateError> {
        let items = usize::try_from(self.u32()?).map_err(|_| StateError::Malformed)?;
        match items.checked_mul(least.max(1)) {
            Some(bytes) if bytes <= self.0.len() => Ok(items),
            _ => Err(StateError::Malformed),
        }
    }

    pub(crate) fn short(&mut self) -> Result<&'s [u8], StateError> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// There is nothing behind what was read.
    pub(crate) fn end(self) -> Result<(), StateError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(StateError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CryptoSuite;
    use alloc::vec;

    fn key(byte: u8) -> StateKey {
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        StateKey::of_key(&MasterKey::new(suite, &[byte; 30]).unwrap())
    }

    fn state(keys: &[StateKey]) -> Zeroizing<Vec<u8>> {
        seal(Kind::Sender, keys, |w| {
            w.flag(true);
            w.u8(2);
            w.u16(3);
            w.u32(4);
            w.u64(5);
            w.option(Some(6), Writer::u8);
            w.option(None, Writer::u8);
            w.count(2);
            w.short(b"abc");
        })
    }

    #[test]
    fn what_was_written_is_read() {
        for keys in [vec![], vec![key(1)], vec![key(1), key(2)]] {
            let state = state(&keys);
            assert_eq!(state.len(), state.capacity(), "it never moved");
            let mut r = open(Kind::Sender, &keys, &state).unwrap();
            assert_eq!(r.flag(), Ok(true));
            assert_eq!((r.u8(), r.u16()), (Ok(2), Ok(3)));
            assert_eq!((r.u32(), r.u64()), (Ok(4), Ok(5)));
            assert_eq!(r.option(Reader::u8), Ok(Some(6)));
            assert_eq!(r.option(Reader::u8), Ok(None));
            assert_eq!(r.count(2), Ok(2));
            assert_eq!(r.short(), Ok(&b"abc"[..]));
            assert_eq!(r.end(), Ok(()));
        }
    }

    #[test]
    fn a_state_is_opened_with_all_of_its_keys_in_any_order_and_with_no_others() {
        let sealed = state(&[key(1), key(2)]);
        let opened = |keys: &[StateKey]| open(Kind::Sender, keys, &sealed).map(|_| ());
        assert_eq!(opened(&[key(2), key(1)]), Ok(()));
        for keys in [
            vec![],
            vec![key(1)],
            vec![key(2)],
            vec![key(1), key(3)],
            vec![key(1), key(2), key(3)],
        ] {
            assert_eq!(opened(&keys), Err(StateError::NotAuthentic));
        }
    }

    #[test]
    fn every_cut_every_byte_more_and_every_bit_is_refused() {
        let keys = [key(1)];
        let sealed = state(&keys);
        let opened = |state: &[u8]| open(Kind::Sender, &keys, state).map(|_| ());
        for len in 0..sealed.len() {
            let expected = match len {
                0..8 => StateError::NotAState,
                _ => StateError::Length,
            };
            assert_eq!(opened(&sealed[..len]), Err(expected), "{len} bytes");
        }
        let mut longer = sealed.to_vec();
        longer.push(0);
        assert_eq!(opened(&longer), Err(StateError::Length));
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = match bit / 8 {
                0..8 => StateError::NotAState,
                8 | 9 => StateError::Version {
                    version: 1 ^ 1 << (15 - (bit / 8 * 8 + 7 - bit % 8 - 64)),
                },
                10 => StateError::Kind,
                11..19 => StateError::Length,
                _ => StateError::NotAuthentic,
            };
            assert_eq!(opened(&flipped), Err(expected), "bit {bit}");
        }
    }

    #[test]
    fn a_count_is_refused_for_which_there_are_not_the_bytes() {
        let of = |count: u32, bytes: usize| {
            let mut text = count.to_be_bytes().to_vec();
            text.resize(4 + bytes, 0);
            Reader(&text).count(3)
        };
        assert_eq!(of(2, 6), Ok(2));
        assert_eq!(of(0, 0), Ok(0));
        for (count, bytes) in [(2, 5), (u32::MAX, 100), (1, 0)] {
            assert_eq!(of(count, bytes), Err(StateError::Malformed));
        }
    }
}
