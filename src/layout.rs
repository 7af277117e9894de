//! Where the parts of a protected packet lie (RFC 3711 §3.1 and §3.4, RFC 7714 §8 and §9).
//!
//! ```text
//! HMAC suites   SRTP   header │ payload │ MKI │ tag
//!               SRTCP  header │ payload │ E‖index │ MKI │ tag
//! AEAD suites   SRTP   header │ payload │ tag │ MKI
//!               SRTCP  header │ payload │ tag │ E‖index │ MKI
//! ```
//!
//! In some SRTP packets the tag of the HMAC suites is ROC ‖ MAC (RFC 4771).
//!
//! Only this module and `header` turn lengths into offsets. It knows nothing of keys.

use core::num::NonZeroU8;
use core::ops::Range;

use crate::header::{EXTENSION_HEADER, RTP_FIXED, extension_at, move_extension_header};

/// Bytes of the word that carries the E bit and the SRTCP index (RFC 3711 §3.4).
pub(crate) const ESRTCP_WORD: usize = 4;
/// Bytes of the rollover counter in a tag that carries it (RFC 4771 §2).
pub(crate) const ROC_LEN: usize = 4;

/// What of a packet received is enciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncryptedPortion {
    Nothing,
    Payload,
    /// The payload alone, in a packet that has CSRCs or a header extension and ought to be under cryptex.
    PayloadThoughCryptexIsRequired,
    /// The payload, and elements of the header extension (RFC 6904).
    PayloadAndElements,
    /// CSRCs, contents of the header extension and payload (RFC 9335).
    Cryptex,
}

impl EncryptedPortion {
    #[inline]
    pub(crate) fn payload_if(enciphered: bool) -> Self {
        match enciphered {
            true => Self::Payload,
            false => Self::Nothing,
        }
    }
}

/// Bytes that cryptex leaves in the clear: the fixed header and the header of the extension.
const CRYPTEX_CLEAR: usize = RTP_FIXED + EXTENSION_HEADER;

/// Hands a plain packet to `cipher`, with what cryptex leaves in the clear at its beginning, so many bytes, and the rest in one piece behind them
/// (RFC 9335). `None` if the packet is too short.
#[cold]
pub(crate) fn with_cryptex_portion(
    plain: &mut [u8],
    cipher: impl FnOnce(&mut [u8], usize),
) -> Option<()> {
    plain.get(CRYPTEX_CLEAR..)?;
    move_extension_header(plain, false);
    cipher(plain, CRYPTEX_CLEAR);
    move_extension_header(plain, true);
    Some(())
}

/// What stands behind the payload, the same for every packet of one plane of one context. Small enough for a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    aead: bool,
    /// Bytes of the ESRTCP word: 4 for SRTCP, 0 for SRTP.
    word: u8,
    /// Bytes of the MKI, 0 without one.
    mki: u8,
    /// Bytes of the authentication tag. `None` where the policy gives authentication up, and nowhere else: an empty
    /// tag proves nothing.
    tag: Option<NonZeroU8>,
}

impl Trailer {
    /// Of so many bytes each. Only the policy that gives authentication up has a tag of none.
    pub(crate) fn new(aead: bool, word: usize, mki: usize, tag: usize) -> Self {
        // None is longer than an MKI, which has at most 128 bytes.
        let [word, mki, tag] = [word, mki, tag].map(|len| u8::try_from(len).unwrap_or(u8::MAX));
        Self {
            aead,
            word,
            mki,
            tag: NonZeroU8::new(tag),
        }
    }

    /// The same with another tag, of so many bytes.
    pub(crate) fn with_tag(self, tag: usize) -> Self {
        Self::new(self.aead, self.word.into(), self.mki.into(), tag)
    }

    /// The same, in packets that have no tag.
    pub(crate) fn without_tag(self) -> Self {
        Self { tag: None, ..self }
    }

    pub(crate) fn is_aead(self) -> bool {
        self.aead
    }

    pub(crate) fn has_tag(self) -> bool {
        self.tag.is_some()
    }

    /// Bytes that protection adds to a packet.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        usize::from(self.word) + self.mki_len() + self.tag_len()
    }

    pub(crate) fn mki_len(self) -> usize {
        self.mki.into()
    }

    #[inline(always)]
    pub(crate) fn tag_len(self) -> usize {
        self.tag.map_or(0, |len| len.get().into())
    }

    /// The layout of a packet whose plain form is `plain` bytes long, `header` of them never encrypted.
    #[inline(always)]
    pub(crate) fn behind(self, header: usize, plain: usize) -> Layout {
        Layout {
            header,
            plain,
            trailer: self,
        }
    }

    /// The layout of a protected packet of `total` bytes; `None` if header and trailer do not fit.
    #[inline(always)]
    pub(crate) fn within(self, header: usize, total: usize) -> Option<Layout> {
        let plain = total.checked_sub(self.len())?;
        (plain >= header).then(|| self.behind(header, plain))
    }
}

/// Where the parts of one packet lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    header: usize,
    plain: usize,
    trailer: Trailer,
}

impl Layout {
    /// Bytes of the protected packet.
    #[inline(always)]
    pub(crate) fn total(self) -> usize {
        self.plain + self.trailer.len()
    }

    #[inline(always)]
    fn word(self) -> Range<usize> {
        let start = match self.trailer.aead {
            true => self.plain + self.trailer.tag_len(),
            false => self.plain,
        };
        start..start + usize::from(self.trailer.word)
    }

    #[inline(always)]
    fn mki(self) -> Range<usize> {
        let start = self.word().end;
        start..start + self.trailer.mki_len()
    }

    #[inline(always)]
    fn tag(self) -> Option<Range<usize>> {
        let len = usize::from(self.trailer.tag?.get());
        let end = match self.trailer.aead {
            true => self.plain + len,
            false => self.total(),
        };
        Some(end - len..end)
    }

    /// Lays this layout over a packet in `bytes`; `None` if it does not fit.
    #[inline(always)]
    pub(crate) fn over(self, bytes: &[u8]) -> Option<Laid<&[u8]>> {
        let bytes = bytes.get(..self.total())?;
        Some(Laid {
            bytes,
            layout: self,
        })
    }

    /// Lays this layout over room for a packet; `None` if it does not fit.
    #[inline(always)]
    pub(crate) fn over_mut(self, bytes: &mut [u8]) -> Option<Laid<&mut [u8]>> {
        let bytes = bytes.get_mut(..self.total())?;
        Some(Laid {
            bytes,
            layout: self,
        })
    }
}

/// A packet and where its parts lie.
///
/// INVARIANT: `bytes` is exactly `layout.total()` long, and every range of a `Layout` ends at or
/// before that. So the empty slices that stand for "out of range" below are never met.
pub(crate) struct Laid<B> {
    bytes: B,
    layout: Layout,
}

impl<B: AsRef<[u8]>> Laid<B> {
    #[inline(always)]
    fn part(&self, range: Range<usize>) -> &[u8] {
        debug_assert!(range.end <= self.bytes.as_ref().len());
        match self.bytes.as_ref().get(range) {
            Some(part) => part,
            None => nowhere(),
        }
    }

    /// What is never encrypted: RTP header with CSRCs and extension, or the first 8 bytes of RTCP.
    pub(crate) fn header(&self) -> &[u8] {
        self.part(0..self.layout.header)
    }

    /// The payload, enciphered or not.
    pub(crate) fn payload(&self) -> &[u8] {
        self.part(self.layout.header..self.layout.plain)
    }

    /// Header and payload: all of the packet that has a plain counterpart.
    pub(crate) fn header_and_payload(&self) -> &[u8] {
        self.part(0..self.layout.plain)
    }

    /// What cryptex leaves in the clear; and what it does not, the CSRCs and all behind the header of the extension.
    pub(crate) fn cryptex_parts(&self) -> ([u8; CRYPTEX_CLEAR], [&[u8]; 2]) {
        let at = extension_at(self.header());
        let behind = at + EXTENSION_HEADER;
        let mut clear = [0; CRYPTEX_CLEAR];
        let (fixed, extension) = clear.split_at_mut(RTP_FIXED);
        copy(fixed, self.part(0..RTP_FIXED));
        copy(extension, self.part(at..behind));
        let csrcs = self.part(RTP_FIXED..at);
        (clear, [csrcs, self.part(behind..self.layout.plain)])
    }

    /// The ESRTCP word; empty for SRTP.
    #[inline(always)]
    pub(crate) fn word(&self) -> &[u8] {
        self.part(self.layout.word())
    }

    /// What the HMAC suites authenticate, apart from the ROC: header, payload and, in SRTCP, the
    /// ESRTCP word (RFC 3711 §3.1, §3.4). The MKI is outside.
    pub(crate) fn hmac_portion(&self) -> &[u8] {
        self.part(0..self.layout.plain + usize::from(self.layout.trailer.word))
    }

    pub(crate) fn mki(&self) -> &[u8] {
        self.part(self.layout.mki())
    }

    pub(crate) fn has_tag(&self) -> bool {
        self.layout.trailer.has_tag()
    }

    /// The tag; `None` if the policy gave authentication up.
    #[inline(always)]
    pub(crate) fn tag(&self) -> Option<&[u8]> {
        self.layout.tag().map(|range| self.part(range))
    }

    /// The rollover counter and the MAC behind it in a tag that carries it; there may be no MAC (RFC 4771).
    pub(crate) fn roc_and_mac(&self) -> Option<(u32, &[u8])> {
        let (roc, mac) = self.tag()?.split_first_chunk()?;
        Some((u32::from_be_bytes(*roc), mac))
    }

    /// Where the tag is.
    pub(crate) fn tag_range(&self) -> Option<Range<usize>> {
        self.layout.tag()
    }

    /// Bytes of the plain packet.
    pub(crate) fn plain_len(&self) -> usize {
        self.layout.plain
    }

    /// Bytes of the protected packet.
    pub(crate) fn total(&self) -> usize {
        self.layout.total()
    }
}

impl<B: AsMut<[u8]>> Laid<B> {
    #[inline(always)]
    fn part_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        debug_assert!(range.end <= self.bytes.as_mut().len());
        match self.bytes.as_mut().get_mut(range) {
            Some(part) => part,
            None => nowhere(),
        }
    }

    pub(crate) fn header_mut(&mut self) -> &mut [u8] {
        self.part_mut(0..self.layout.header)
    }

    #[inline(always)]
    pub(crate) fn plain_mut(&mut self) -> &mut [u8] {
        self.part_mut(0..self.layout.plain)
    }

    /// The plain packet, in its place, and the bytes of it that are never encrypted.
    #[inline(always)]
    pub(crate) fn plain_and_header_len(&mut self) -> (&mut [u8], usize) {
        let header = self.layout.header;
        (self.plain_mut(), header)
    }

    /// The header and the ESRTCP word, which no cipher for payloads changes, and the payload between them.
    #[inline(always)]
    pub(crate) fn header_payload_and_word(&mut self) -> (&[u8], &mut [u8], &[u8]) {
        let Layout { header, plain, .. } = self.layout;
        let word = self.layout.word();
        let word = word.start - plain..word.end - plain;
        // Slice by slice: three of them would be handed over in memory.
        let Some((plain, behind)) = self.bytes.as_mut().split_at_mut_checked(plain) else {
            return (nowhere(), nowhere(), nowhere());
        };
        let Some((header, payload)) = plain.split_at_mut_checked(header) else {
            return (nowhere(), nowhere(), nowhere());
        };
        match behind.get(word) {
            Some(word) => (header, payload, word),
            None => (header, payload, nowhere()),
        }
    }

    /// Copies a plain packet into its place.
    pub(crate) fn write_plain(&mut self, packet: &[u8]) {
        copy(self.part_mut(0..self.layout.plain), packet);
    }

    pub(crate) fn write_word(&mut self, word: u32) {
        copy(self.part_mut(self.layout.word()), &word.to_be_bytes());
    }

    #[inline(always)]
    pub(crate) fn write_mki(&mut self, mki: &[u8]) {
        if mki.is_empty() {
            // Copying nothing would cost as much as copying something.
            return;
        }
        copy(self.part_mut(self.layout.mki()), mki);
    }

    /// Writes the leading bytes of `tag`, as many as the suite sends.
    #[inline(always)]
    pub(crate) fn write_tag(&mut self, tag: &[u8]) {
        if let Some(range) = self.layout.tag() {
            write_leading(self.part_mut(range), tag);
        }
    }

    /// Puts the rollover counter into the tag, before the MAC, whose last bytes give way (RFC 4771 §2).
    pub(crate) fn insert_roc(&mut self, roc: [u8; ROC_LEN]) {
        if let Some(range) = self.layout.tag() {
            let tag = self.part_mut(range);
            tag.rotate_right(ROC_LEN.min(tag.len()));
            copy(tag, &roc);
        }
    }
}

/// The ESRTCP word: E bit and SRTCP index, which has 31 bits (RFC 3711 §3.4).
pub(crate) fn esrtcp_word(encrypted: bool, index: u64) -> u32 {
    let [_, _, _, _, i0, i1, i2, i3] = index.to_be_bytes();
    let index = u32::from_be_bytes([i0, i1, i2, i3]) & 0x7fff_ffff;
    index | (u32::from(encrypted) << 31)
}

/// The E bit and the SRTCP index of an ESRTCP word (RFC 3711 §3.4).
pub(crate) fn split_esrtcp(word: &[u8]) -> Option<(bool, u32)> {
    let word = u32::from_be_bytes(*word.first_chunk()?);
    Some((word >> 31 == 1, word & 0x7fff_ffff))
}

/// What is out of range, and so never met: see the invariant of [`Laid`].
#[cold]
#[inline(never)]
fn nowhere<T: Default>() -> T {
    T::default()
}

/// Fills `to` with the leading bytes of `from`: without a call for the lengths that tags have.
#[inline(always)]
pub(crate) fn write_leading(to: &mut [u8], from: &[u8]) {
    fn write<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
        match (<&mut [u8; N]>::try_from(to), from.first_chunk()) {
            (Ok(to), Some(from)) => {
                *to = *from;
                true
            }
            _ => false,
        }
    }
    if !write::<10>(to, from) && !write::<16>(to, from) && !write::<4>(to, from) {
        copy(to, from);
    }
}

/// Copies as many bytes as both sides have.
fn copy(to: &mut [u8], from: &[u8]) {
    let both = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..both), from.get(..both)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn hmac() -> Trailer {
        Trailer::new(false, 4, 2, 10)
    }

    fn aead() -> Trailer {
        Trailer::new(true, 4, 2, 16)
    }

    #[test]
    fn every_byte_behind_the_payload_belongs_to_exactly_one_part() {
        for aead in [false, true] {
            for word in [0, 4] {
                for mki in [0, 1, 128] {
                    for tag in [0, 4, 10, 16] {
                        let trailer = Trailer::new(aead, word, mki, tag);
                        let layout = trailer.behind(12, 40);
                        let mut owned: Vec<usize> =
                            [Some(layout.word()), Some(layout.mki()), layout.tag()]
                                .into_iter()
                                .flatten()
                                .flatten()
                                .collect();
                        owned.sort_unstable();
                        assert_eq!(owned, (40..layout.total()).collect::<Vec<_>>());
                        assert_eq!(trailer.within(12, layout.total()), Some(layout));
                    }
                }
            }
        }
    }

    #[test]
    fn the_parts_stand_in_the_order_of_the_rfcs() {
        let layout = hmac().behind(8, 40);
        assert_eq!(
            (layout.word(), layout.mki(), layout.tag()),
            (40..44, 44..46, Some(46..56))
        );
        let layout = aead().behind(8, 40);
        assert_eq!(
            (layout.tag(), layout.word(), layout.mki()),
            (Some(40..56), 56..60, 60..62)
        );
    }

    #[test]
    fn a_packet_without_room_for_header_and_trailer_has_no_layout() {
        assert_eq!(hmac().within(8, 8 + 15), None);
        assert!(hmac().within(8, 8 + 16).is_some());
        assert_eq!(hmac().within(8, 3), None);
    }

    #[test]
    fn the_esrtcp_word_is_one_bit_and_31() {
        assert_eq!(split_esrtcp(&[0x80, 0, 0, 1]), Some((true, 1)));
        assert_eq!(
            split_esrtcp(&[0x7f, 0xff, 0xff, 0xff]),
            Some((false, 0x7fff_ffff))
        );
        assert_eq!(split_esrtcp(&[0x80, 0, 0]), None);
    }
}
