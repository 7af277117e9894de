"""baresip as a peer: a whole call, that it answers by itself, with files in place of a sound card."""

import random
import re
import shutil
import socket
import subprocess
import time
import wave

from common import PeerMissing, Trouble
from relay import PATIENCE, End, Relay, free_pair, fresh_key, leg_to, wait_for_ports
from rtpengine import end_with_parent, loopback_socket, port_of

MODULES = "/usr/lib/baresip/modules"
# All suites of its module `srtp`: bytes of key and salt, and what the relay's leg has to be told. Under _32 it has SRTCP tags of 4 bytes,
# against RFC 4568.
CASES = {
    "AES_CM_128_HMAC_SHA1_80": (30, ""),
    "AES_CM_128_HMAC_SHA1_32": (30, ",our-srtcp-tag=4,their-srtcp-tag=either"),
    "AEAD_AES_128_GCM": (28, ""),
    "AEAD_AES_256_GCM": (44, ""),
}
FRAME = 160  # bytes and samples in 20 ms
SECONDS = 6  # its first RTCP comes after five
SSRC = 0x0C0C0C0C
NTP = bytes.fromhex("e6f1a2b3c4d5e6f7")  # in our sender report; what is in the middle comes back in its report

CONFIG = """\
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtcp}
rtcp_mux no
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module_app account.so
module_app menu.so
snd_path {folder}
audio_source aufile,{folder}/source.wav
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
jitter_buffer_delay 0-0
"""


class Baresip:
    def __init__(self, directory):
        self.program = shutil.which("baresip")
        if self.program is None:
            raise PeerMissing("baresip: not installed (Debian: baresip-core)")
        shown = subprocess.run([self.program, "-h"], capture_output=True, text=True)
        version = re.search(r"baresip v(\S+)", shown.stdout + shown.stderr)
        self.name = "baresip " + (version[1] if version else "of unknown version")
        self.directory = directory

    def cases(self):
        for suite, (length, settings) in CASES.items():
            label = suite + (", SRTCP tags of 4 bytes" if settings else "")
            yield label, lambda relay, c=(suite, length, settings): self.check(relay, *c)

    def check(self, relay_program, suite, length, settings):
        folder = self.directory / f"baresip-{suite}"
        folder.mkdir()
        said, heard = speech(), speech()
        write_wave(folder / "source.wav", said)
        with loopback_socket() as probe:
            sip_port = port_of(probe)
        process = self.start(folder, sip_port)
        try:
            wait_for_ports([sip_port], process)
            with End() as near, SipCall(sip_port) as call:
                ours = fresh_key(suite, length)
                self.talk(relay_program, near, call, ours, settings, said, heard)
        except Trouble as trouble:
            log = (folder / "log").read_text(errors="replace")
            raise Trouble(f"{trouble}; it says: {log[-600:]!r}") from trouble
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        ensure_heard(folder, heard)

    def start(self, folder, sip_port):
        media = free_pair()
        (folder / "config").write_text(
            CONFIG.format(sip=sip_port, folder=folder, modules=MODULES, **media)
        )
        account = "<sip:peer@127.0.0.1>;regint=0;answermode=auto;mediaenc=srtp-mand"
        (folder / "accounts").write_text(account + ";audio_codecs=pcmu\n")
        (folder / "contacts").write_text("")
        with open(folder / "log", "wb") as log:
            return subprocess.Popen(
                [self.program, "-f", folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )

    def talk(self, relay_program, near, call, ours, settings, said, heard):
        listens = free_pair()
        theirs, remote = call.invite(listens, ours)
        leg = leg_to(remote, listens["rtp"]) + settings
        with Relay(relay_program, near.leg, leg, ours.line, theirs) as relay:
            near.to = relay.a
            call.acknowledge()
            media, reports = converse(near, heard)
            call.bye()
            totals = relay.stop()
        ensure_said(media, said)
        if not any(NTP[2:6] in report for report in reports):
            raise Trouble(f"none of {len(reports)} RTCP packets tells of our sender report")
        for (way, plane), row in totals.items():
            # When a call ends it drops its keys first, and sends an RTCP BYE (RFC 3550 §6.6) in the clear, which the relay refuses.
            is_bye = (way, plane, row.why) == ("b to a", "rtcp", "1 not authentic")
            if row.relayed == 0 or (row.dropped and not is_bye):
                raise Trouble(f"relay, {way}, {plane.upper()}: {row}")


class SipCall:
    """Just enough of SIP to call somebody who answers at once."""

    def __init__(self, port):
        self.socket = loopback_socket()
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.target = f"sip:peer@127.0.0.1:{port}"
        self.here = f"127.0.0.1:{port_of(self.socket)}"
        self.tag = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method, number, body=""):
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{method}{number};rport",
            "Max-Forwards: 70",
            f"From: <sip:us@{self.here}>;tag=us",
            f"To: <{self.target}>{self.tag}",
            f"Call-ID: {self.here}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:us@{self.here}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.socket.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def invite(self, ports, ours):
        """The crypto line of the answer, and its ports."""
        self.request("INVITE", 1, (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {ports['rtp']} RTP/SAVP 0\r\na=rtcp:{ports['rtcp']}\r\n{ours.line}\r\n"
        ))
        answer = self.final_response()
        to = re.search(r"^To:.*(;tag=[^;\s]+)", answer, re.M)
        media = re.search(r"^m=audio (\d+) RTP/SAVP ", answer, re.M)
        crypto = re.search(rf"^a=crypto:1 {ours.suite} .*$", answer, re.M)
        if not answer.startswith("SIP/2.0 200 ") or not to or not media or not crypto:
            raise Trouble(f"baresip answers {answer.splitlines()[0]!r}")
        self.tag = to[1]
        rtcp = re.search(r"^a=rtcp:(\d+)", answer, re.M)
        rtp = int(media[1])
        return crypto[0].rstrip(), {"rtp": rtp, "rtcp": int(rtcp[1]) if rtcp else rtp + 1}

    def final_response(self):
        try:
            while True:
                answer = self.socket.recv(65536).decode(errors="replace")
                if re.match(r"SIP/2\.0 [2-6]", answer):
                    return answer
        except socket.timeout:
            raise Trouble("baresip does not answer the call") from None

    def acknowledge(self):
        self.request("ACK", 1)

    def bye(self):
        self.request("BYE", 2)
        if not self.final_response().startswith("SIP/2.0 200 "):
            raise Trouble("baresip does not end the call")


def converse(near, heard):
    """Speaks for some seconds, a frame every 20 ms, and listens; what came, (sequence number, payload) and RTCP."""
    media, reports = [], []
    report = b"\x80\xc8\x00\x06" + SSRC.to_bytes(4, "big") + NTP + bytes(12)
    began = time.monotonic()
    for n in range(SECONDS * 50):
        header = b"\x80\x00" + n.to_bytes(2, "big") + (n * FRAME).to_bytes(4, "big")
        near.send("rtp", header + SSRC.to_bytes(4, "big") + heard[n * FRAME :][:FRAME])
        if n % 50 == 10:
            near.send("rtcp", report)
        while True:
            packet = near.receive("rtp", max(0, began + (n + 1) * 0.02 - time.monotonic()))
            if packet is None:
                break
            media.append((int.from_bytes(packet[2:4], "big"), packet[12:]))
        while (packet := near.receive("rtcp", 0)) is not None:
            reports.append(packet)
    return media, reports


def speech():
    """µ-law codes that say nothing twice; the two zeros are one to an encoder, so they are left out."""
    codes = [code for code in range(256) if code not in (0x7F, 0xFF)]
    return bytes(random.choices(codes, k=4 * SECONDS * 8000))


def linear(code):
    """µ-law to linear (ITU-T G.711)."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


LINEAR = [linear(code).to_bytes(2, "little", signed=True) for code in range(256)]


def to_linear(codes):
    return b"".join(LINEAR[code] for code in codes)


def write_wave(path, codes):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(to_linear(codes))


def ensure_said(media, said):
    """Every packet is the piece of its file that its sequence number says."""
    if len(media) < 50 * (SECONDS - 2):
        raise Trouble(f"only {len(media)} packets of its media arrive")
    first, payload = media[0]
    begin = said.find(payload)
    for seq, payload in media:
        at = begin + (seq - first) % 65536 * FRAME
        if begin < 0 or said[at : at + FRAME] != payload:
            raise Trouble("its media arrives changed")


def ensure_heard(folder, heard):
    """What it decoded is what we said; its jitter buffer may leave something out at the beginning."""
    dumps = sorted(folder.glob("dump-*dec*.wav"))
    if len(dumps) != 1:
        raise Trouble(f"it leaves {len(dumps)} recordings of what it heard")
    with wave.open(str(dumps[0]), "rb") as file:
        recorded = file.readframes(file.getnframes())
    said = to_linear(heard[: SECONDS * 50 * FRAME])
    frames = [said[at : at + 2 * FRAME] for at in range(0, len(said), 2 * FRAME)]
    found = [frame in recorded for frame in frames]
    if sum(found) < 50 * (SECONDS - 2):
        raise Trouble(f"it hears {sum(found)} of {len(frames)} frames")
