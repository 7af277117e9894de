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

use core::num::NonZeroUsize;
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

/// Hands what cryptex leaves in the clear of a plain packet, and the rest as if it stood in one piece, to `cipher` (RFC 9335). `None`
/// if the packet is too short.
#[cold]
pub(crate) fn with_cryptex_portion(
    plain: &mut [u8],
    cipher: impl FnOnce(&[u8], &mut [u8]),
) -> Option<()> {
    move_extension_header(plain, false);
    let (clear, portion) = plain.split_at_mut_checked(CRYPTEX_CLEAR)?;
    cipher(clear, portion);
    move_extension_header(plain, true);
    Some(())
}

/// What stands behind the payload, the same for every packet of one plane of one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) aead: bool,
    /// Bytes of the ESRTCP word: 4 for SRTCP, 0 for SRTP.
    pub(crate) word: usize,
    /// Bytes of the MKI, 0 without one.
    pub(crate) mki: usize,
    /// Bytes of the authentication tag. `None` where the policy gives authentication up, and nowhere else: an empty
    /// tag proves nothing.
    pub(crate) tag: Option<NonZeroUsize>,
}

impl Trailer {
    /// Bytes that protection adds to a packet.
    pub(crate) fn len(self) -> usize {
        self.word + self.mki + self.tag_len()
    }

    fn tag_len(self) -> usize {
        self.tag.map_or(0, NonZeroUsize::get)
    }

    /// The layout of a packet whose plain form is `plain` bytes long, `header` of them never encrypted.
    #[inline]
    pub(crate) fn behind(self, header: usize, plain: usize) -> Layout {
        let (tag, word, mki) = if self.aead {
            let word = plain + self.tag_len();
            (plain, word, word + self.word)
        } else {
            let mki = plain + self.word;
            (mki + self.mki, plain, mki)
        };
        Layout {
            header,
            plain,
            word: word..word + self.word,
            mki: mki..mki + self.mki,
            tag: self.tag.map(|len| tag..tag + len.get()),
            total: plain + self.len(),
        }
    }

    /// The layout of a protected packet of `total` bytes; `None` if header and trailer do not fit.
    #[inline]
    pub(crate) fn within(self, header: usize, total: usize) -> Option<Layout> {
        let plain = total.checked_sub(self.len())?;
        (plain >= header).then(|| self.behind(header, plain))
    }
}

/// The offsets of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    header: usize,
    plain: usize,
    word: Range<usize>,
    mki: Range<usize>,
    tag: Option<Range<usize>>,
    total: usize,
}

impl Layout {
    /// Bytes of the protected packet.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Lays this layout over a packet in `bytes`; `None` if it does not fit.
    #[inline]
    pub(crate) fn over(self, bytes: &[u8]) -> Option<Laid<&[u8]>> {
        let bytes = bytes.get(..self.total)?;
        Some(Laid {
            bytes,
            layout: self,
        })
    }

    /// Lays this layout over room for a packet; `None` if it does not fit.
    #[inline]
    pub(crate) fn over_mut(self, bytes: &mut [u8]) -> Option<Laid<&mut [u8]>> {
        let bytes = bytes.get_mut(..self.total)?;
        Some(Laid {
            bytes,
            layout: self,
        })
    }
}

/// A packet and where its parts lie.
///
/// INVARIANT: `bytes` is exactly `layout.total` long, and every range of a `Layout` ends at or
/// before `total`. So the empty slices that stand for "out of range" below are never met.
pub(crate) struct Laid<B> {
    bytes: B,
    layout: Layout,
}

impl<B: AsRef<[u8]>> Laid<B> {
    fn part(&self, range: Range<usize>) -> &[u8] {
        debug_assert!(range.end <= self.bytes.as_ref().len());
        self.bytes.as_ref().get(range).unwrap_or_default()
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
    pub(crate) fn word(&self) -> &[u8] {
        self.part(self.layout.word.clone())
    }

    /// What the HMAC suites authenticate, apart from the ROC: header, payload and, in SRTCP, the
    /// ESRTCP word (RFC 3711 §3.1, §3.4). The MKI is outside.
    pub(crate) fn hmac_portion(&self) -> &[u8] {
        self.part(0..self.layout.mki.start)
    }

    pub(crate) fn mki(&self) -> &[u8] {
        self.part(self.layout.mki.clone())
    }

    /// The tag; `None` if the policy gave authentication up.
    pub(crate) fn tag(&self) -> Option<&[u8]> {
        self.layout.tag.clone().map(|range| self.part(range))
    }

    /// The rollover counter and the MAC behind it in a tag that carries it; there may be no MAC (RFC 4771).
    pub(crate) fn roc_and_mac(&self) -> Option<(u32, &[u8])> {
        let (roc, mac) = self.tag()?.split_first_chunk()?;
        Some((u32::from_be_bytes(*roc), mac))
    }

    /// Where the tag is.
    pub(crate) fn tag_range(&self) -> Option<Range<usize>> {
        self.layout.tag.clone()
    }

    /// Bytes of the plain packet.
    pub(crate) fn plain_len(&self) -> usize {
        self.layout.plain
    }

    /// Bytes of the protected packet.
    pub(crate) fn total(&self) -> usize {
        self.layout.total
    }
}

impl<B: AsMut<[u8]>> Laid<B> {
    fn part_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        debug_assert!(range.end <= self.bytes.as_mut().len());
        self.bytes.as_mut().get_mut(range).unwrap_or_default()
    }

    pub(crate) fn header_mut(&mut self) -> &mut [u8] {
        self.part_mut(0..self.layout.header)
    }

    pub(crate) fn plain_mut(&mut self) -> &mut [u8] {
        self.part_mut(0..self.layout.plain)
    }

    /// The header and the ESRTCP word, which no cipher for payloads changes, and the payload between them.
    #[inline]
    pub(crate) fn header_payload_and_word(&mut self) -> (&[u8], &mut [u8], &[u8]) {
        let Layout { header, plain, .. } = self.layout;
        let word = self.layout.word.start - plain..self.layout.word.end - plain;
        let parts = self.bytes.as_mut().split_at_mut_checked(plain);
        let parts = parts.and_then(|(plain, behind)| {
            let (header, payload) = plain.split_at_mut_checked(header)?;
            Some((&*header, payload, behind.get(word)?))
        });
        parts.unwrap_or_default()
    }

    /// Copies a plain packet into its place.
    pub(crate) fn write_plain(&mut self, packet: &[u8]) {
        copy(self.part_mut(0..self.layout.plain), packet);
    }

    pub(crate) fn write_word(&mut self, word: u32) {
        copy(self.part_mut(self.layout.word.clone()), &word.to_be_bytes());
    }

    pub(crate) fn write_mki(&mut self, mki: &[u8]) {
        copy(self.part_mut(self.layout.mki.clone()), mki);
    }

    /// Writes the leading bytes of `tag`, as many as the suite sends.
    pub(crate) fn write_tag(&mut self, tag: &[u8]) {
        if let Some(range) = self.layout.tag.clone() {
            copy(self.part_mut(range), tag);
        }
    }

    /// Puts the rollover counter into the tag, before the MAC, whose last bytes give way (RFC 4771 §2).
    pub(crate) fn insert_roc(&mut self, roc: [u8; ROC_LEN]) {
        if let Some(range) = self.layout.tag.clone() {
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

    const HMAC: Trailer = Trailer {
        aead: false,
        word: 4,
        mki: 2,
        tag: NonZeroUsize::new(10),
    };
    const AEAD: Trailer = Trailer {
        aead: true,
        word: 4,
        mki: 2,
        tag: NonZeroUsize::new(16),
    };

    #[test]
    fn every_byte_behind_the_payload_belongs_to_exactly_one_part() {
        for aead in [false, true] {
            for word in [0, 4] {
                for mki in [0, 1, 128] {
                    for tag in [0, 4, 10, 16] {
                        let tag = NonZeroUsize::new(tag);
                        let trailer = Trailer {
                            aead,
                            word,
                            mki,
                            tag,
                        };
                        let layout = trailer.behind(12, 40);
                        let mut owned: Vec<usize> = [
                            Some(layout.word.clone()),
                            Some(layout.mki.clone()),
                            layout.tag.clone(),
                        ]
                        .into_iter()
                        .flatten()
                        .flatten()
                        .collect();
                        owned.sort_unstable();
                        assert_eq!(owned, (40..layout.total).collect::<Vec<_>>());
                        assert_eq!(trailer.within(12, layout.total), Some(layout));
                    }
                }
            }
        }
    }

    #[test]
    fn the_parts_stand_in_the_order_of_the_rfcs() {
        let layout = HMAC.behind(8, 40);
        assert_eq!(
            (layout.word, layout.mki, layout.tag),
            (40..44, 44..46, Some(46..56))
        );
        let layout = AEAD.behind(8, 40);
        assert_eq!(
            (layout.tag, layout.word, layout.mki),
            (Some(40..56), 56..60, 60..62)
        );
    }

    #[test]
    fn a_packet_without_room_for_header_and_trailer_has_no_layout() {
        assert_eq!(HMAC.within(8, 8 + 15), None);
        assert!(HMAC.within(8, 8 + 16).is_some());
        assert_eq!(HMAC.within(8, 3), None);
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
