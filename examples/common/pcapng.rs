//! What a block of pcapng says, its frame being checked already.

use pcap_parser::{
    Block, EnhancedPacketBlock, InterfaceDescriptionBlock, PcapNGOption, parse_block_be,
    parse_block_le,
};

use super::capture::{Interface, Kind, Layout, Packet, nanoseconds, read_u32};

pub(crate) const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
/// The block for packets that pcapng had before the Enhanced Packet Block; `pcap-parser` does not know it.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
const INTERFACE_CHECK_LEN: u16 = 13;

/// Reads a block, and keeps account of the interfaces of the section. The error says what is wrong with the
/// block, to be put behind "the block".
pub(crate) fn read_block(
    raw: &[u8],
    big_endian: bool,
    interfaces: &mut Vec<Interface>,
) -> Result<Kind, String> {
    let number = read_u32(raw, 0, big_endian);
    if number == OBSOLETE_PACKET {
        return obsolete_packet(raw, big_endian, interfaces);
    }
    let parse = if big_endian {
        parse_block_be
    } else {
        parse_block_le
    };
    let block = match (parse(raw), number) {
        (Ok((_, block)), _) => block,
        (Err(_), SECTION_HEADER | INTERFACE_DESCRIPTION | SIMPLE_PACKET | ENHANCED_PACKET) => {
            return Err("cannot be read".to_owned());
        }
        // What carries no packet goes out as it is, whether `pcap-parser` likes its inside or not.
        (Err(_), _) => return Ok(Kind::Other),
    };
    match block {
        Block::SectionHeader(section) => {
            let (major, minor) = (section.major_version, section.minor_version);
            if major != 1 {
                return Err(format!(
                    "is of pcapng version {major}.{minor}, only 1.x is known"
                ));
            }
            interfaces.clear();
            Ok(Kind::Section {
                big_endian,
                length: section.section_len,
            })
        }
        Block::InterfaceDescription(it) => {
            let interface = interface(&it);
            interfaces.push(interface);
            Ok(Kind::Interface {
                snaplen: interface.snaplen,
            })
        }
        Block::EnhancedPacket(it) => enhanced_packet(&it, big_endian, interfaces),
        Block::SimplePacket(it) => simple_packet(raw, it.origlen, big_endian, interfaces),
        _ => Ok(Kind::Other),
    }
}

fn interface(block: &InterfaceDescriptionBlock<'_>) -> Interface {
    let check_len = option(&block.options, INTERFACE_CHECK_LEN);
    Interface {
        link: block.linktype.0 as u16,
        snaplen: block.snaplen,
        check_len: check_len.and_then(|it| it.first()).copied().unwrap_or(0),
        resolution: option(&block.options, INTERFACE_RESOLUTION)
            .and_then(|it| it.first())
            .map_or(6, |it| *it),
    }
}

fn option<'a>(options: &'a [PcapNGOption<'_>], code: u16) -> Option<&'a [u8]> {
    options
        .iter()
        .find(|it| it.code.0 == code)
        .map(|it| it.value())
}

fn enhanced_packet(
    block: &EnhancedPacketBlock<'_>,
    big_endian: bool,
    interfaces: &[Interface],
) -> Result<Kind, String> {
    let mut packet = Packet {
        layout: Layout::Enhanced,
        big_endian,
        interface: block.if_id as usize,
        link: 0,
        data: 28..28 + block.caplen as usize,
        original_len: block.origlen,
        check_len: 0,
        time: None,
    };
    packet.describe(interfaces)?;
    packet.stamp(block.ts_high, block.ts_low, interfaces);
    if let Some(flags) = option(&block.options, PACKET_FLAGS).filter(|it| it.len() == 4) {
        // Bits 5 to 8 are the length of the check sequence, 0 if the interface is to tell.
        match (read_u32(flags, 0, big_endian) >> 5) & 15 {
            0 => {}
            len => packet.check_len = len as u8,
        }
    }
    Ok(Kind::Packet(packet))
}

fn simple_packet(
    raw: &[u8],
    original_len: u32,
    big_endian: bool,
    interfaces: &[Interface],
) -> Result<Kind, String> {
    // The block does not tell how much was captured: all, up to the snaplen (section 4.4 of the pcapng
    // specification).
    let captured = match interfaces.first().map_or(0, |it| it.snaplen) {
        0 => original_len,
        snaplen => original_len.min(snaplen),
    };
    let mut packet = Packet {
        layout: Layout::Simple,
        big_endian,
        interface: 0,
        link: 0,
        data: 12..12 + captured as usize,
        original_len,
        check_len: 0,
        time: None,
    };
    if packet.data.end > raw.len() - 4 {
        return Err("is shorter than its packet".to_owned());
    }
    packet.describe(interfaces)?;
    Ok(Kind::Packet(packet))
}

fn obsolete_packet(raw: &[u8], big_endian: bool, interfaces: &[Interface]) -> Result<Kind, String> {
    if raw.len() < 32 {
        return Err("cannot be read".to_owned());
    }
    // Two fields of two bytes: the interface, then a count of drops.
    let interface = match big_endian {
        true => read_u32(raw, 8, true) >> 16,
        false => read_u32(raw, 8, false) & 0xFFFF,
    };
    let captured = read_u32(raw, 20, big_endian) as usize;
    if captured > raw.len() - 32 {
        return Err("is shorter than its packet".to_owned());
    }
    let mut packet = Packet {
        layout: Layout::Obsolete,
        big_endian,
        interface: interface as usize,
        link: 0,
        data: 28..28 + captured,
        original_len: read_u32(raw, 24, big_endian),
        check_len: 0,
        time: None,
    };
    packet.describe(interfaces)?;
    let (high, low) = (read_u32(raw, 12, big_endian), read_u32(raw, 16, big_endian));
    packet.stamp(high, low, interfaces);
    Ok(Kind::Packet(packet))
}

impl Packet {
    /// Takes over what the packet's interface says.
    fn describe(&mut self, interfaces: &[Interface]) -> Result<(), String> {
        let Some(interface) = interfaces.get(self.interface) else {
            return Err("names an interface that was not described".to_owned());
        };
        self.link = interface.link;
        self.check_len = interface.check_len;
        Ok(())
    }

    fn stamp(&mut self, high: u32, low: u32, interfaces: &[Interface]) {
        let stamp = u64::from(high) << 32 | u64::from(low);
        let interface = interfaces.get(self.interface);
        self.time = interface.and_then(|it| nanoseconds(stamp, it.resolution));
    }
}
