"""The example `relay`, running between a plain end of ours and an SRTP peer, and what goes through it."""

import base64
import os
import random
import re
import select
import socket
import subprocess
import time
from typing import NamedTuple

from common import PLANES, Trouble
from rtpengine import end_with_parent, loopback_socket, port_of

# Far longer than anything takes: it only passes when something is wrong.
PATIENCE = 10.0


class Key(NamedTuple):
    """What one side sends under."""

    suite: str  # its name in SDP
    master: bytes  # key and salt
    parameters: str = ""
    mki: str = ""  # behind the key in the line

    @property
    def inline(self):
        return base64.b64encode(self.master).decode()

    @property
    def line(self):
        return f"a=crypto:1 {self.suite} inline:{self.inline}{self.mki} {self.parameters}".rstrip()


def fresh_key(suite, length, parameters="", mki=""):
    return Key(suite, os.urandom(length), parameters, mki)


class Row(NamedTuple):
    received: int
    relayed: int
    dropped: int
    why: str


ROW = re.compile(r"^(a to b|b to a)  (RTP|RTCP) +(\d+) +(\d+) +\d+ +(\d+) *(.*)$", re.M)


def row(cells):
    way, plane, *counts, why = cells
    return (way, plane.lower()), Row(*map(int, counts), why)


class Relay:
    """Leg a is plain, leg b is SRTP: `ours` and `theirs` are the a=crypto lines of what it sends and receives there."""

    def __init__(self, program, a, b, ours, theirs):
        self.process = subprocess.Popen(
            [program, "--crypto-file", "-", "--a", a, "--b", b, "--interval", "0.2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=end_with_parent,
        )
        try:
            self.process.stdin.write(f"b.ours={ours}\nb.theirs={theirs}\n")
            self.process.stdin.close()
            said = ""
            for line in self.process.stdout:
                said += line
                if line.startswith("relaying"):
                    break
            ports = re.findall(r"^leg \w: .*; on [\d.]+:(\d+), RTCP on port (\d+);", said, re.M)
            if len(ports) != 2:
                raise Trouble(f"relay does not start: {said.strip()}")
        except BaseException:
            self.kill()
            raise
        self.a, self.b = (dict(zip(PLANES, map(int, pair))) for pair in ports)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Ends it as a user does; what it counted, by way and plane."""
        self.process.terminate()
        said = self.process.stdout.read()
        if self.process.wait(PATIENCE) != 0 or "stopped, since asked to" not in said:
            raise Trouble(f"relay does not end well: {said.strip()}")
        return dict(map(row, ROW.findall(said[said.index("stopped, since") :])))

    def until(self, way, plane, received):
        """Reads statistics until so many packets have come in there."""
        deadline = time.monotonic() + PATIENCE
        for line in self.process.stdout:
            rows = dict(map(row, ROW.findall(line)))
            if (way, plane) in rows and rows[way, plane].received >= received:
                return
            if time.monotonic() > deadline:
                break
        raise Trouble(f"relay, {way}, {plane.upper()}: a packet does not arrive")


class End:
    """A plain end of ours: a socket for each plane."""

    def __init__(self):
        self.sockets = {plane: loopback_socket() for plane in PLANES}
        self.to = {}  # ports

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.sockets.values():
            sock.close()

    @property
    def ports(self):
        return {plane: port_of(sock) for plane, sock in self.sockets.items()}

    @property
    def leg(self):
        """The relay's leg that leads here."""
        return leg_to(self.ports)

    def send(self, plane, packet):
        self.sockets[plane].sendto(packet, ("127.0.0.1", self.to[plane]))

    def receive(self, plane, wait=PATIENCE):
        if not select.select([self.sockets[plane]], [], [], wait)[0]:
            return None
        return self.sockets[plane].recv(65536)

    def expect(self, plane, packet, what):
        got = self.receive(plane)
        if got is None:
            raise Trouble(f"{what}, {plane.upper()}: a packet does not arrive")
        if got != packet:
            raise Trouble(f"{what}, {plane.upper()}: a packet arrives changed")

    def leftovers(self):
        return sum(self.receive(plane, 0) is not None for plane in PLANES)


def leg_to(ports, listen=0):
    to = ",".join(f"{name}=127.0.0.1:{ports[p]}" for name, p in (("to", "rtp"), ("rtcp-to", "rtcp")))
    return f"{listen},{to}"


def free_pair():
    """Two ports in a row that nobody has right now, the first one even, from where neither the system nor rtpengine takes any."""
    for _ in range(200):
        port = random.randrange(10000, 20000, 2)
        try:
            for number in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("127.0.0.1", number))
        except OSError:
            continue
        return {"rtp": port, "rtcp": port + 1}
    raise Trouble("no two free ports in a row")


def wait_for_ports(ports, process):
    """Until a process listens there: what is sent from then on is in its buffers at least."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with open("/proc/net/udp", encoding="ascii") as table:
            bound = {int(line.split()[1].split(":")[1], 16) for line in table.readlines()[1:]}
        if set(ports) <= bound:
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise Trouble(f"nobody listens on ports {sorted(ports)}")


def rtp_packets(ssrc, count=24, payload_type=0, begin=65524):
    """Packets whose sequence numbers roll over on the way, of many lengths."""
    packets = []
    for n in range(count):
        seq = (begin + n) % 65536
        header = bytes([0x80, payload_type]) + seq.to_bytes(2, "big")
        header += (n * 160).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        packets.append(header + os.urandom((1, 16, 33, 160, 160, 1000)[n % 6]))
    return packets


def rtcp_packets(ssrc, count=6):
    """Sender reports, each with a source description behind it (RFC 3550 §6.1)."""
    packets = []
    for n in range(count):
        report = b"\x80\xc8\x00\x06" + ssrc.to_bytes(4, "big")
        report += os.urandom(8) + (n * 8000).to_bytes(4, "big") + os.urandom(8)
        name = b"\x01" + bytes([8 + n]) + b"x" * (8 + n)
        name += bytes(4 - len(name) % 4)
        words = 1 + len(name) // 4
        packets.append(report + b"\x81\xca" + words.to_bytes(2, "big") + ssrc.to_bytes(4, "big") + name)
    return packets


class Flow(NamedTuple):
    ssrc: int
    rtp: list
    rtcp: list


def flow(ssrc):
    return Flow(ssrc, rtp_packets(ssrc), rtcp_packets(ssrc))


TO_PEER = flow(0x0A0A0A0A)
FROM_PEER = flow(0x0B0B0B0B)


def exchange(near, far, to_peer=TO_PEER, from_peer=FROM_PEER, planes=PLANES):
    """Both directions at once, packet by packet: what goes in on one side comes out on the other as it was."""
    for plane in planes:
        for out, back in zip(getattr(to_peer, plane), getattr(from_peer, plane), strict=True):
            near.send(plane, out)
            far.send(plane, back)
            far.expect(plane, out, "from us to the peer")
            near.expect(plane, back, "from the peer to us")
    if near.leftovers() or far.leftovers():
        raise Trouble("more packets arrive than were sent")


def ensure_all_relayed(totals, counts=None):
    """Nothing was lost or refused on the way."""
    for way in ("a to b", "b to a"):
        for plane in PLANES:
            expected = len(getattr(TO_PEER, plane)) if counts is None else counts[way, plane]
            row = totals[way, plane]
            if (row.received, row.relayed, row.dropped) != (expected, expected, 0):
                raise Trouble(f"relay, {way}, {plane.upper()}: {row}, not {expected} packets")
