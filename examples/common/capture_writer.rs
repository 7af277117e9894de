//! Writes a capture: records as they came, or with the bytes of their packet replaced.
//!
//! Longer packets touch three numbers outside their own record, which are set right behind the writer:
//! the snaplen of a classic file or of a pcapng interface (never smaller than the packets that follow),
//! and the length of a pcapng section.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::capture::{Kind, Layout, Packet, Record};

/// The option of a packet block that holds a hash of the packet.
const HASH_OPTION: u16 = 3;

/// Writes the records of one capture.
pub(crate) struct CaptureWriter<W: Write + Seek> {
    out: BufWriter<W>,
    position: u64,
    section: Option<Section>,
    snaplens: Vec<Snaplen>,
}

struct Section {
    big_endian: bool,
    /// Where the section's length stands, the section's first byte, and the bytes by which it grew.
    length_at: u64,
    length: i64,
    growth: i64,
    /// A simple packet block that the snaplen cut: raising the snaplen would change what it means.
    has_cut_simple: bool,
}

struct Snaplen {
    at: u64,
    big_endian: bool,
    value: u32,
    needed: u32,
}

impl<W: Write + Seek> CaptureWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out: BufWriter::with_capacity(256 << 10, out),
            position: 0,
            section: None,
            snaplens: Vec::new(),
        }
    }

    /// Writes a record as it came.
    pub(crate) fn pass(&mut self, record: &Record<'_>) -> io::Result<()> {
        match record.kind {
            Kind::FileHeader {
                big_endian,
                snaplen,
            } => self.remember_snaplen(16, big_endian, snaplen),
            Kind::Section { big_endian, length } => {
                self.settle()?;
                self.snaplens.clear();
                self.section = Some(Section {
                    big_endian,
                    length_at: self.position + 16,
                    length,
                    growth: 0,
                    has_cut_simple: false,
                });
            }
            Kind::Interface { snaplen } => {
                let big_endian = self.section.as_ref().is_some_and(|it| it.big_endian);
                self.remember_snaplen(12, big_endian, snaplen);
            }
            Kind::Packet(ref packet) => {
                if let Some(section) = &mut self.section {
                    section.has_cut_simple |= packet.layout == Layout::Simple && packet.is_cut();
                }
            }
            Kind::Other => {}
        }
        self.write(record.raw)
    }

    /// Whether a packet that becomes `len` bytes long can be written. A simple packet block cannot tell
    /// of more bytes than its interface's snaplen.
    pub(crate) fn can_hold(&self, packet: &Packet, len: usize) -> bool {
        let snaplen = self.snaplens.get(packet.interface).map_or(0, |it| it.value);
        packet.layout != Layout::Simple || snaplen == 0 || len <= snaplen as usize
    }

    /// Writes the record of a packet with other bytes in it; its timestamp and its options stay.
    pub(crate) fn replace(&mut self, raw: &[u8], packet: &Packet, data: &[u8]) -> io::Result<()> {
        let captured = data.len() as u32;
        let growth = i64::from(captured) - packet.data.len() as i64;
        let original = (i64::from(packet.original_len) + growth) as u32;
        if let Some(snaplen) = self.snaplens.get_mut(packet.interface) {
            snaplen.needed = snaplen.needed.max(captured);
        }
        let order = |value: u32| {
            if packet.big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        if packet.layout == Layout::Classic {
            self.write(&raw[..8])?;
            self.write(&order(captured))?;
            self.write(&order(original))?;
            return self.write(data);
        }
        let padding = data.len().next_multiple_of(4) - data.len();
        let options = options_without_hash(raw, packet);
        let len = packet.data.start + data.len() + padding + options.len() + 4;
        if let Some(section) = &mut self.section {
            section.growth += len as i64 - raw.len() as i64;
        }
        self.write(&raw[..4])?;
        self.write(&order(len as u32))?;
        if packet.layout == Layout::Simple {
            self.write(&order(original))?;
        } else {
            self.write(&raw[8..20])?;
            self.write(&order(captured))?;
            self.write(&order(original))?;
        }
        self.write(data)?;
        self.write(&[0; 3][..padding])?;
        self.write(&options)?;
        self.write(&order(len as u32))
    }

    /// Writes what is still buffered and gives the file back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.settle()?;
        self.out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn remember_snaplen(&mut self, offset: u64, big_endian: bool, value: u32) {
        self.snaplens.push(Snaplen {
            at: self.position + offset,
            big_endian,
            value,
            needed: 0,
        });
    }

    /// Sets the numbers right that the section (or the classic file) said before its packets grew.
    fn settle(&mut self) -> io::Result<()> {
        let mut patches: Vec<(u64, Vec<u8>)> = Vec::new();
        let keeps_first = self.section.as_ref().is_some_and(|it| it.has_cut_simple);
        for (index, snaplen) in self.snaplens.iter().enumerate() {
            // 0 means no limit. Simple packet blocks belong to the first interface.
            let raise = snaplen.value != 0 && snaplen.needed > snaplen.value;
            if raise && !(index == 0 && keeps_first) {
                let bytes = if snaplen.big_endian {
                    snaplen.needed.to_be_bytes()
                } else {
                    snaplen.needed.to_le_bytes()
                };
                patches.push((snaplen.at, bytes.to_vec()));
            }
        }
        if let Some(section) = &self.section
            && section.length >= 0
            && section.growth != 0
        {
            let length = section.length + section.growth;
            let bytes = if section.big_endian {
                length.to_be_bytes()
            } else {
                length.to_le_bytes()
            };
            patches.push((section.length_at, bytes.to_vec()));
        }
        for (at, bytes) in &patches {
            self.out.seek(SeekFrom::Start(*at))?;
            self.out.write_all(bytes)?;
        }
        if !patches.is_empty() {
            self.out.seek(SeekFrom::Start(self.position))?;
        }
        Ok(())
    }
}

/// The options behind a packet as they stand in its block, but for a hash of the bytes that were replaced.
fn options_without_hash(raw: &[u8], packet: &Packet) -> Vec<u8> {
    let end = raw.len() - 4;
    let start = packet.data.end.next_multiple_of(4).min(end);
    let mut options = raw[start..end].to_vec();
    if packet.layout == Layout::Simple {
        return Vec::new();
    }
    let mut at = 0;
    while let Some(&[a, b, c, d]) = options.get(at..at + 4).and_then(|it| it.first_chunk()) {
        let order = if packet.big_endian {
            u16::from_be_bytes
        } else {
            u16::from_le_bytes
        };
        let next = at + 4 + usize::from(order([c, d])).next_multiple_of(4);
        match order([a, b]) {
            0 => break,
            HASH_OPTION if next <= options.len() => {
                options.drain(at..next);
            }
            _ => at = next,
        }
    }
    options
}
