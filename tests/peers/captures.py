"""Reads a capture before and after encryption, and the key file, as encrypt_pcap leaves them."""

import base64
import re
import socket
import sys
from typing import NamedTuple

try:
    import dpkt
except ImportError:
    sys.exit("this Python has no dpkt (Debian: python3-dpkt, which /usr/bin/python3 sees)")

from common import Packet, Trouble, rtp_header_length


class Datagram(NamedTuple):
    source: str  # address:port as the key file has it
    rtp_source: str  # the same with the port before it, where RTCP's RTP usually is
    destination: str
    payload: bytes


def endpoint(address, port):
    if len(address) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, address)}:{port}"
    return f"[{socket.inet_ntop(socket.AF_INET6, address)}]:{port}"


def read_capture(path):
    """(timestamp, frame bytes, Datagram or None) of each frame."""
    frames = []
    with open(path, "rb") as file:
        try:
            reader = dpkt.pcap.UniversalReader(file)
        except ValueError as error:
            raise Trouble(f"{path}: {error}") from error
        link_layer = {
            dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
            dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        }.get(reader.datalink())
        if link_layer is None:
            raise Trouble(f"{path}: link type {reader.datalink()} is not known to this script")
        for timestamp, frame in reader:
            ip = link_layer(frame).data
            udp = getattr(ip, "data", None)
            datagram = None
            if isinstance(udp, dpkt.udp.UDP):
                payload = bytes(udp.data)
                if udp.ulen != 8 + len(payload):
                    raise Trouble(f"{path}, frame {len(frames) + 1}: wrong UDP length")
                datagram = Datagram(
                    endpoint(ip.src, udp.sport),
                    endpoint(ip.src, udp.sport - 1),
                    endpoint(ip.dst, udp.dport),
                    payload,
                )
            frames.append((timestamp, frame, datagram))
    return frames


def plane_of(payload):
    """Which plane a plain payload belongs to (RFC 7983 and RFC 5761), if any."""
    if len(payload) < 8 or payload[0] >> 6 != 2:
        return None
    if 192 <= payload[1] <= 223:
        return "rtcp"
    return "rtp" if len(payload) >= 12 else None


def read_keys(path, suite):
    """Master key and salt by sending endpoint, from lines such as `1.2.3.4:5->6.7.8.9:10=a=crypto:…`."""
    keys = {}
    for line in path.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        match = re.fullmatch(
            r"(\S+:\d+)->\S+:\d+=a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/=]+)(\|2\^\d+)?\s*", line
        )
        if not match or match[2] != suite.name:
            raise Trouble(f"key file: not a line that names its sender, for {suite.name} without MKI")
        master = base64.b64decode(match[3], validate=True)
        if len(master) != suite.key_and_salt:
            raise Trouble(f"key file: master key and salt of {len(master)} bytes")
        keys[match[1]] = master
    return keys


def check_wire_form(suite, packet):
    """What must hold for a protected packet before anybody decrypts it."""
    plain, protected = packet.plain, packet.protected
    if packet.plane == "rtp":
        clear = rtp_header_length(plain)
        growth = suite.rtp_tag
    else:
        clear = 8
        growth = 4 + suite.rtcp_tag
    if len(protected) != len(plain) + growth:
        return f"{len(plain)} bytes became {len(protected)}, expected {len(plain) + growth}"
    if protected[:clear] != plain[:clear]:
        return "the header has changed"
    same = protected[clear : len(plain)] == plain[clear:]
    if not suite.encrypts:
        return None if same else "the payload has changed under a NULL cipher"
    # Shorter payloads can stay the same by chance.
    if same and len(plain) - clear >= 8:
        return "the payload is not encrypted"
    return None


def collect(suite, plain_path, encrypted_path, keys):
    """The packets by master key, in capture order, and what is wrong already."""
    plain_frames = read_capture(plain_path)
    encrypted_frames = read_capture(encrypted_path)
    if len(plain_frames) != len(encrypted_frames):
        raise Trouble(f"{len(plain_frames)} frames became {len(encrypted_frames)}")
    wrong = []
    by_key = {}
    for number, (before, after) in enumerate(zip(plain_frames, encrypted_frames), 1):
        plane = plane_of(before[2].payload) if before[2] else None
        if plane is None:
            if before[:2] != after[:2]:
                wrong.append(f"frame {number}, neither RTP nor RTCP: changed")
            continue
        if after[2] is None or before[0] != after[0] or before[2][:3] != after[2][:3]:
            wrong.append(f"frame {number}: time, address or port changed")
            continue
        key = keys.get(before[2].source)
        if key is None and plane == "rtcp":
            key = keys.get(before[2].rtp_source)
        if key is None:
            wrong.append(f"frame {number}: no key for {before[2].source} in the key file")
            continue
        packet = Packet(number, plane, before[2].payload, after[2].payload)
        problem = check_wire_form(suite, packet)
        if problem:
            wrong.append(f"frame {number}, {plane}: {problem}")
        by_key.setdefault(key, []).append(packet)
    return by_key, wrong
