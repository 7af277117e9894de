//! Reads a capture record by record, in memory that does not grow with the file.
//!
//! A record keeps all its bytes, so that one that nobody changes goes out as it came: options, unknown
//! blocks, padding and timestamps in whatever resolution. What the fields mean is `pcap-parser`'s job;
//! only the framing (type, length, bytes) happens here, because its own readers do not give back the
//! bytes of a block and take a damaged length for a call to read on.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use pcap_parser::{PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use super::pcapng::{self, SECTION_HEADER};

/// No capture tool writes larger records; a damaged length field should not fill the memory.
const LARGEST_RECORD: usize = 64 << 20;

/// One record of a capture file, with all its bytes.
pub(crate) struct Record<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) kind: Kind,
}

/// What a record is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The header of a classic pcap file.
    FileHeader { big_endian: bool, snaplen: u32 },
    /// The header of a pcapng section. A length of −1 means that it was not known when written.
    Section { big_endian: bool, length: i64 },
    /// The description of the next interface of the section.
    Interface { snaplen: u32 },
    /// A packet.
    Packet(Packet),
    /// Anything else that pcapng holds: names, statistics, comments, secrets, blocks yet to be invented.
    Other,
}

/// How a packet is wrapped, and where in its record its bytes lie.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) layout: Layout,
    pub(crate) big_endian: bool,
    /// Which interface of the section; 0 in a classic file.
    pub(crate) interface: usize,
    /// The link type, a number of the registry that tcpdump.org keeps.
    pub(crate) link: u16,
    pub(crate) data: Range<usize>,
    /// Bytes on the wire. More than were captured if a snaplen cut the packet.
    pub(crate) original_len: u32,
    /// Bytes at the end that are the link layer's frame check sequence, so far as the capture tells.
    pub(crate) check_len: u8,
    /// Nanoseconds since 1970, if the capture tells.
    pub(crate) time: Option<u64>,
}

impl Packet {
    pub(crate) fn is_cut(&self) -> bool {
        self.data.len() < self.original_len as usize
    }
}

/// The four ways in which captures wrap packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Classic,
    Enhanced,
    Simple,
    Obsolete,
}

/// Where packets were captured.
#[derive(Clone, Copy)]
pub(crate) struct Interface {
    pub(crate) link: u16,
    pub(crate) snaplen: u32,
    pub(crate) check_len: u8,
    /// Of timestamps: the exponent of ten, or with the highest bit of two, of their parts of a second.
    pub(crate) resolution: u8,
}

/// Nanoseconds, of a timestamp of this resolution (the option if_tsresol of pcapng); `None` if it lies beyond all times.
pub(crate) fn nanoseconds(stamp: u64, resolution: u8) -> Option<u64> {
    const SECOND: u128 = 1_000_000_000;
    let exponent = u32::from(resolution & 0x7F);
    let parts = match resolution & 0x80 {
        0 => 10_u128.checked_pow(exponent)?,
        _ => 1_u128.checked_shl(exponent)?,
    };
    let whole = u128::from(stamp).checked_mul(SECOND)?;
    u64::try_from(whole.checked_div(parts)?).ok()
}

/// Whether a file that begins so is a capture and no text. Captures, and what compresses them, begin with bytes that are not ASCII, or
/// with pcapng's ends of lines.
pub(crate) fn is_capture(start: &[u8]) -> bool {
    !start.is_ascii() || start == SECTION_HEADER.to_le_bytes()
}

enum Format {
    Classic { big_endian: bool },
    Ng { big_endian: bool },
}

/// Reads the records of a pcap or pcapng file.
pub(crate) struct CaptureReader<R> {
    input: R,
    raw: Vec<u8>,
    /// Where the record in `raw` begins, for error messages.
    offset: u64,
    format: Format,
    /// Of the current section; one that stands for the whole file if it is a classic one.
    interfaces: Vec<Interface>,
    /// The first record was read to learn the format and is still to be handed out.
    first: Option<Kind>,
}

impl<R: Read> CaptureReader<R> {
    /// Reads the first record, which says what kind of capture this is.
    pub(crate) fn new(input: R) -> Result<Self> {
        let mut reader = Self {
            input,
            raw: Vec::new(),
            offset: 0,
            format: Format::Ng { big_endian: false },
            interfaces: Vec::new(),
            first: None,
        };
        let got = reader.fill(4)?;
        ensure!(got > 0, "the file is empty, not a pcap or pcapng capture");
        ensure!(got == 4, "not a pcap or pcapng capture");
        let kind = match [reader.raw[0], reader.raw[1], reader.raw[2], reader.raw[3]] {
            [0x0A, 0x0D, 0x0D, 0x0A] => reader.finish_block()?,
            [0xD4, 0xC3, 0xB2, 0xA1]
            | [0xA1, 0xB2, 0xC3, 0xD4]
            | [0x4D, 0x3C, 0xB2, 0xA1]
            | [0xA1, 0xB2, 0x3C, 0x4D] => reader.finish_file_header()?,
            [0x34, 0xCD, 0xB2, 0xA1] | [0xA1, 0xB2, 0xCD, 0x34] => bail!(
                "this is Kuznetzov's modified pcap format; `editcap -F pcap IN OUT` makes a standard one of it"
            ),
            [0x1F, 0x8B, ..] => bail!("the file is gzip-compressed; `gunzip` it first"),
            [0x28, 0xB5, 0x2F, 0xFD] => bail!("the file is zstd-compressed; `unzstd` it first"),
            [0x04, 0x22, 0x4D, 0x18] => bail!("the file is lz4-compressed; `unlz4` it first"),
            _ => bail!("not a pcap or pcapng capture"),
        };
        reader.first = Some(kind);
        Ok(reader)
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.raw.len() as u64
    }

    /// The next record, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>> {
        let kind = match self.first.take() {
            Some(kind) => kind,
            None => match self.read_record()? {
                Some(kind) => kind,
                None => return Ok(None),
            },
        };
        Ok(Some(Record {
            raw: &self.raw,
            kind,
        }))
    }

    fn read_record(&mut self) -> Result<Option<Kind>> {
        self.offset = self.position();
        self.raw.clear();
        let head = match self.format {
            Format::Classic { .. } => 16,
            Format::Ng { .. } => 8,
        };
        let got = self.fill(head)?;
        if got == 0 {
            return Ok(None);
        }
        ensure!(got == head, self.cut_short());
        match self.format {
            Format::Classic { big_endian } => self.finish_classic(big_endian).map(Some),
            Format::Ng { .. } => self.finish_block().map(Some),
        }
    }

    /// Reads until `raw` holds `len` bytes; returns how many it holds, fewer only at the end of the input.
    fn fill(&mut self, len: usize) -> Result<usize> {
        let missing = len.saturating_sub(self.raw.len()) as u64;
        match self.input.by_ref().take(missing).read_to_end(&mut self.raw) {
            Ok(_) => Ok(self.raw.len()),
            Err(error) if error.kind() == ErrorKind::IsADirectory => bail!("it is a directory"),
            Err(error) => Err(error).context("cannot read on"),
        }
    }

    fn fill_record(&mut self, len: usize) -> Result<()> {
        ensure!(
            len <= LARGEST_RECORD,
            "damaged: the record at byte {} claims to be {len} bytes long",
            self.offset
        );
        ensure!(self.fill(len)? == len, self.cut_short());
        Ok(())
    }

    fn cut_short(&self) -> String {
        format!(
            "cut short, or a length in it is damaged: the file ends inside the record that begins at byte {}; `editcap IN OUT` saves the whole packets before it",
            self.offset
        )
    }

    fn damaged(&self, what: &str) -> String {
        format!("damaged: the block at byte {} {what}", self.offset)
    }

    fn finish_file_header(&mut self) -> Result<Kind> {
        const LEN: usize = 24;
        ensure!(self.fill(LEN)? == LEN, self.cut_short());
        let header: PcapHeader = match parse_pcap_header(&self.raw) {
            Ok((_, header)) => header,
            Err(_) => bail!("not a pcap or pcapng capture"),
        };
        ensure!(
            header.version_major == 2,
            "pcap version {}.{} is not known, only 2.x",
            header.version_major,
            header.version_minor
        );
        let big_endian = header.is_bigendian();
        // The upper half of the field tells whether frames end in a check sequence, and its length in units of
        // two bytes.
        let network = header.network.0 as u32;
        let check_len = match network & 0x0400_0000 {
            0 => 0,
            _ => (network >> 28) as u8 * 2,
        };
        self.interfaces.push(Interface {
            link: network as u16,
            snaplen: header.snaplen,
            check_len,
            resolution: if header.is_nanosecond_precision() {
                9
            } else {
                6
            },
        });
        self.format = Format::Classic { big_endian };
        Ok(Kind::FileHeader {
            big_endian,
            snaplen: header.snaplen,
        })
    }

    fn finish_classic(&mut self, big_endian: bool) -> Result<Kind> {
        let captured = read_u32(&self.raw, 8, big_endian) as usize;
        self.fill_record(16 + captured)?;
        let parse = if big_endian {
            parse_pcap_frame_be
        } else {
            parse_pcap_frame
        };
        let Ok((_, frame)) = parse(&self.raw) else {
            bail!(self.cut_short());
        };
        let Interface {
            link,
            check_len,
            resolution,
            ..
        } = self.interfaces[0];
        let seconds = u64::from(frame.ts_sec) * 1_000_000_000;
        let part = nanoseconds(frame.ts_usec.into(), resolution);
        Ok(Kind::Packet(Packet {
            layout: Layout::Classic,
            big_endian,
            interface: 0,
            link,
            data: 16..16 + captured,
            original_len: frame.origlen,
            check_len,
            time: part.map(|it| it + seconds),
        }))
    }

    /// Reads the rest of a block of pcapng, checks its frame and says what it is.
    fn finish_block(&mut self) -> Result<Kind> {
        let Format::Ng { mut big_endian } = self.format else {
            bail!("damaged: a pcapng block in a pcap file");
        };
        ensure!(self.fill(8)? >= 8, self.cut_short());
        let is_section = read_u32(&self.raw, 0, false) == SECTION_HEADER;
        if is_section {
            // Only the byte-order magic behind the length says how to read the length.
            ensure!(self.fill(12)? >= 12, self.cut_short());
            big_endian = match read_u32(&self.raw, 8, false) {
                0x1A2B_3C4D => false,
                0x4D3C_2B1A => true,
                _ => bail!(self.damaged("has no byte-order magic")),
            };
            self.format = Format::Ng { big_endian };
        }
        let len = read_u32(&self.raw, 4, big_endian) as usize;
        ensure!(
            len >= 12 && len.is_multiple_of(4),
            self.damaged("has an impossible length")
        );
        self.fill_record(len)?;
        ensure!(
            read_u32(&self.raw, len - 4, big_endian) as usize == len,
            self.damaged("has two lengths that differ")
        );
        pcapng::read_block(&self.raw, big_endian, &mut self.interfaces)
            .map_err(|what| anyhow!(self.damaged(&what)))
    }
}

pub(crate) fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let field = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian {
        u32::from_be_bytes(field)
    } else {
        u32::from_le_bytes(field)
    }
}
