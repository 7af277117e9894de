"""What the modules of decrypt_elsewhere.py share."""

from typing import NamedTuple, Optional

PLANES = ("rtp", "rtcp")


class RtpEngineTerms(NamedTuple):
    """How an a=crypto line puts a suite to rtpengine."""

    name: str = ""  # if it is not the suite's own
    parameters: str = ""
    planes: tuple = PLANES


class Suite(NamedTuple):
    name: str
    key_and_salt: int  # bytes
    rtp_tag: int  # bytes
    rtcp_tag: int  # bytes
    encrypts: bool
    libsrtp: Optional[str]  # its cipher in libsrtp_unprotect.c, if libsrtp has it right
    rtpengine: Optional[RtpEngineTerms]


class Trouble(Exception):
    """Something that makes a check fail, in words for the user."""


class PeerMissing(Trouble):
    pass


class Refused(str):
    """What a peer says instead of giving a packet back."""


class Packet(NamedTuple):
    frame: int  # number in the capture, from 1, as Wireshark counts
    plane: str  # "rtp" or "rtcp"
    plain: bytes
    protected: bytes


def rtp_header_length(packet):
    length = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


def tampered(packet):
    """The protected packet with one bit of its payload, or of its tag, turned over."""
    position = rtp_header_length(packet.plain) if packet.plane == "rtp" else 8
    damaged = bytearray(packet.protected)
    damaged[position] ^= 0x40
    return bytes(damaged)
