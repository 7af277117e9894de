"""GStreamer's srtpenc and srtpdec as a peer: SRTP on one side, plain RTP on the other."""

import re
import shutil
import subprocess
import time
from typing import NamedTuple

from common import PLANES, PeerMissing, Trouble
from relay import (
    FROM_PEER,
    PATIENCE,
    TO_PEER,
    End,
    Relay,
    ensure_all_relayed,
    exchange,
    free_pair,
    fresh_key,
    leg_to,
    wait_for_ports,
)
from rtpengine import end_with_parent


class Terms(NamedTuple):
    """What a suite is called there."""

    suite: str
    key_and_salt: int
    cipher: str
    rtp_auth: str
    rtcp_auth: str
    settings: str = ""  # of the relay's leg


SHA80, SHA32, NONE = "hmac-sha1-80", "hmac-sha1-32", "null"
TAG_OF_4 = ",our-srtcp-tag=4,their-srtcp-tag=4"
TAG_OF_10 = ",our-srtcp-tag=10,their-srtcp-tag=10"

# All that srtpenc has. Its two properties for authentication are separate, so that both lengths of SRTCP tag under _32 can be had.
# It has no 8-byte GCM tags, takes no key at all where it does not encrypt, and wants a tag in SRTCP under NULL_AUTH too.
CASES = [
    Terms("AES_CM_128_HMAC_SHA1_80", 30, "aes-128-icm", SHA80, SHA80),
    Terms("AES_CM_128_HMAC_SHA1_32", 30, "aes-128-icm", SHA32, SHA80),
    Terms("AES_CM_128_HMAC_SHA1_32", 30, "aes-128-icm", SHA32, SHA32, TAG_OF_4),
    Terms("AES_256_CM_HMAC_SHA1_80", 46, "aes-256-icm", SHA80, SHA80),
    Terms("AES_256_CM_HMAC_SHA1_32", 46, "aes-256-icm", SHA32, SHA80),
    Terms("AES_256_CM_HMAC_SHA1_32", 46, "aes-256-icm", SHA32, SHA32, TAG_OF_4),
    Terms("AEAD_AES_128_GCM", 28, "aes-128-gcm", NONE, NONE),
    Terms("AEAD_AES_256_GCM", 44, "aes-256-gcm", NONE, NONE),
    Terms("AES_CM_128_NULL_AUTH", 30, "aes-128-icm", NONE, SHA80, TAG_OF_10),
]


class GStreamer:
    def __init__(self, directory):
        self.program = shutil.which("gst-launch-1.0")
        if self.program is None:
            raise PeerMissing("GStreamer: not installed (Debian: gstreamer1.0-tools)")
        for element, package in (("srtpenc", "bad"), ("srtpdec", "bad"), ("udpsrc", "good")):
            found = subprocess.run(["gst-inspect-1.0", "--exists", element])
            if found.returncode != 0:
                raise PeerMissing(f"GStreamer has no {element} (Debian: gstreamer1.0-plugins-{package})")
        shown = subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"GStreamer (\S+)", shown)
        self.name = "GStreamer " + (version[1] if version else "of unknown version")
        self.log = directory / "gstreamer.log"

    def cases(self):
        for terms in CASES:
            tags = terms.settings[-2:].lstrip("=")
            label = terms.suite + (f", SRTCP tags of {tags} bytes" if tags else "")
            yield label, lambda relay, terms=terms: self.check(relay, terms)

    def check(self, relay_program, terms):
        ours, theirs = (fresh_key(terms.suite, terms.key_and_salt) for _ in range(2))
        secured, plain = free_pair(), free_pair()
        leg = leg_to(secured) + terms.settings
        with (
            End() as near,
            End() as far,
            Relay(relay_program, near.leg, leg, ours.line, theirs.line) as relay,
        ):
            near.to, far.to = relay.a, plain
            process = self.start(terms, ours, theirs, secured, plain, far.ports, relay.b)
            try:
                wait_for_ports([*secured.values(), *plain.values()], process)
                self.wait_until_it_plays(process)
                exchange(near, far)
            except Trouble as trouble:
                raise Trouble(f"{trouble} {self.complaint()}") from trouble
            finally:
                process.terminate()
                process.wait()
            ensure_all_relayed(relay.stop())

    def start(self, terms, ours, theirs, secured, plain, far, relay):
        fields = {
            "ssrc": f"(uint){TO_PEER.ssrc}",
            "srtp-key": f"(buffer){ours.master.hex()}",
            "srtp-cipher": f"(string){terms.cipher}",
            "srtp-auth": f"(string){terms.rtp_auth}",
            "srtcp-cipher": f"(string){terms.cipher}",
            "srtcp-auth": f"(string){terms.rtcp_auth}",
        }
        media = "media=(string)audio,clock-rate=(int)8000,encoding-name=(string)PCMU,payload=(int)0"
        described = ",".join(f"{name}={value}" for name, value in fields.items()) + "," + media
        caps = {"rtp": f"application/x-rtp,ssrc=(uint){FROM_PEER.ssrc},{media}"}
        caps["rtcp"] = f"application/x-rtcp,ssrc=(uint){FROM_PEER.ssrc}"
        arguments = []
        for plane in PLANES:
            # A pair of elements for each plane: when RTP and RTCP come to one srtpdec at the same moment, from two threads,
            # it may damage its memory.
            dec, enc = f"dec-{plane}", f"enc-{plane}"
            arguments += ["srtpdec", f"name={dec}"]
            arguments += ["srtpenc", f"name={enc}", f"key={theirs.master.hex()}"]
            arguments += [f"rtp-cipher={terms.cipher}", f"rtp-auth={terms.rtp_auth}"]
            arguments += [f"rtcp-cipher={terms.cipher}", f"rtcp-auth={terms.rtcp_auth}"]
            arguments += self.way(secured[plane], f"application/x-s{plane},{described}")
            arguments += [f"{dec}.{plane}_sink", f"{dec}.{plane}_src", "!", *self.sink(far[plane])]
            arguments += self.way(plain[plane], caps[plane])
            arguments += [f"{enc}.{plane}_sink_0", f"{enc}.{plane}_src_0"]
            arguments += ["!", *self.sink(relay[plane])]
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                [self.program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )

    def wait_until_it_plays(self, process):
        """What arrives on its ports before that may be dropped on the way to its sinks."""
        deadline = time.monotonic() + PATIENCE
        while "New clock" not in self.log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Trouble("the pipeline does not play")
            time.sleep(0.01)

    @staticmethod
    def way(port, caps):
        return ["udpsrc", "address=127.0.0.1", f"port={port}", f"caps={caps}", "!"]

    @staticmethod
    def sink(port):
        return ["udpsink", "host=127.0.0.1", f"port={port}", "sync=false", "async=false"]

    def complaint(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return "; ".join(line for line in lines if "ERROR" in line or "WARN" in line)[:500]
