"""FFmpeg's srtp protocol as a peer: it sends a file, and it writes down what it receives."""

import os
import re
import shutil
import subprocess
import time

from common import PLANES, PeerMissing, Trouble
from relay import PATIENCE, TO_PEER, End, Relay, ensure_all_relayed, free_pair, fresh_key, leg_to
from relay import wait_for_ports
from rtpengine import end_with_parent

# Name in SDP, what FFmpeg calls it, what the relay's leg has to be told. Under the SDP name of _32 FFmpeg has SRTCP tags of 4 bytes, against
# RFC 4568; under the name of the DTLS profile it has those of 10 bytes.
CASES = [
    ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80", ""),
    ("AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_HMAC_SHA1_32", ""),
    ("AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_32", ",our-srtcp-tag=4,their-srtcp-tag=4"),
    ("AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_32", ",our-srtcp-tag=4,their-srtcp-tag=either"),
]
MEDIA = os.urandom(16000)  # any bytes are µ-law
FIRST_ARGUMENTS = ["-hide_banner", "-nostdin", "-loglevel", "error"]


class Ffmpeg:
    def __init__(self, directory):
        self.program = shutil.which("ffmpeg")
        if self.program is None:
            raise PeerMissing("FFmpeg: not installed (Debian: ffmpeg)")
        shown = subprocess.run([self.program, "-version"], capture_output=True, text=True).stdout
        version = re.search(r"ffmpeg version (\S+)", shown)
        self.name = "FFmpeg " + (version[1] if version else "of unknown version")
        self.directory = directory
        (directory / "sent").write_bytes(MEDIA)

    def cases(self):
        for suite, name, settings in CASES:
            label = f"{suite}, there {name}" if suite != name else suite
            label += ", SRTCP tags of 4 bytes" if settings else ""
            label += ", either taken" if settings.endswith("either") else ""
            yield label, lambda relay, c=(suite, name, settings): self.check(relay, *c)

    def check(self, relay_program, suite, name, settings):
        ours, theirs = fresh_key(suite, 30), fresh_key(suite, 30)
        listens = free_pair()
        leg = leg_to(listens) + settings
        with End() as near, Relay(relay_program, near.leg, leg, ours.line, theirs.line) as relay:
            near.to = relay.a
            counts = self.check_what_it_receives(near, name, ours, listens)
            counts |= self.check_what_it_sends(near, name, theirs, relay.b)
            ensure_all_relayed(relay.stop(), counts)

    def start(self, *arguments):
        with open(self.directory / "ffmpeg.log", "wb") as log:
            return subprocess.Popen(
                [self.program, *FIRST_ARGUMENTS, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,  # an SDP with the key
                stderr=log,
                preexec_fn=end_with_parent,
            )

    def check_what_it_receives(self, near, name, key, listens):
        """Packets come out of its protocol as they are, so that all bytes of both planes can be compared."""
        received = self.directory / "received"
        url = f"srtp://127.0.0.1:9?localrtpport={listens['rtp']}&localrtcpport={listens['rtcp']}"
        process = self.start(
            *("-probesize", "32", "-f", "data", "-raw_packet_size", "1"),
            *("-srtp_in_suite", name, "-srtp_in_params", key.inline, "-i", url),
            *("-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data", "-y", received),
        )
        packets = [packet for plane in PLANES for packet in getattr(TO_PEER, plane)]
        try:
            wait_for_ports(listens.values(), process)
            for plane in PLANES:
                for packet in getattr(TO_PEER, plane):
                    near.send(plane, packet)
            size = sum(map(len, packets))
            deadline = time.monotonic() + PATIENCE
            while not received.exists() or received.stat().st_size < size:
                if time.monotonic() > deadline or process.poll() is not None:
                    break
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        got = received.read_bytes() if received.exists() else b""
        received.unlink(missing_ok=True)
        # It looks for RTCP first, so that the planes may come in another order than they were sent in.
        missing = [packet for packet in packets if got.count(packet) != 1]
        if missing or len(got) != size:
            raise Trouble(f"FFmpeg gets {len(got)} bytes for {size}, {len(missing)} packets are wrong")
        return {("a to b", plane): len(getattr(TO_PEER, plane)) for plane in PLANES}

    def check_what_it_sends(self, near, name, key, to):
        url = f"srtp://127.0.0.1:{to['rtp']}?rtcpport={to['rtcp']}&pkt_size=300"
        source = ["-f", "mulaw", "-ar", "8000", "-ac", "1", "-i", self.directory / "sent"]
        suite = ["-srtp_out_suite", name, "-srtp_out_params", key.inline]
        process = self.start(*source, "-c", "copy", "-f", "rtp", *suite, url)
        media, reports, packets = b"", [], 0
        try:
            while len(media) < len(MEDIA):
                packet = near.receive("rtp")
                if packet is None:
                    raise Trouble(f"of FFmpeg's {len(MEDIA)} bytes {len(media)} arrive")
                packets += 1
                media += packet[12:]
                ssrc = packet[8:12]
            reports.append(near.receive("rtcp"))
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        while (report := near.receive("rtcp", 0.2)) is not None:
            reports.append(report)
        if media != MEDIA:
            raise Trouble("FFmpeg's media arrives changed")
        for report in reports:
            # A sender report of these very packets (RFC 3550 §6.4.1).
            if report is None or report[:2] != b"\x80\xc8" or report[4:8] != ssrc:
                raise Trouble("FFmpeg's sender report does not arrive as one")
        return {("b to a", "rtp"): packets, ("b to a", "rtcp"): len(reports)}
