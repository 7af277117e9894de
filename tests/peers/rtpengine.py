"""rtpengine as a peer: it turns SRTP into RTP for a call set up over its ng control protocol."""

import base64
import ctypes
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from common import PeerMissing, Refused, Trouble, tampered


def bencode(value):
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(bencode(item) for item in value) + b"e"
    data = value.encode()
    return str(len(data)).encode() + b":" + data


def bdecode(data, at=0):
    """(value, position after it); dictionaries, lists, integers, strings."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"d", b"l"):
        items = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        return (dict(zip(items[::2], items[1::2])) if kind == b"d" else items), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end].decode(errors="replace"), end


def loopback_socket():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def port_of(sock):
    return sock.getsockname()[1]


def end_with_parent():
    """In the child: go when the parent is killed without a chance to clean up."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class RtpEngine:
    """rtpengine as a gateway from SRTP to RTP, on loopback and in user space."""

    # A packet goes in only after the one before it came out, so nothing is lost
    # for want of buffer space and the order is that of the capture. The waiting
    # time only matters when something is wrong or the machine is overloaded.
    WAIT = 1.0
    ATTEMPTS = 3
    GIVE_UP_AFTER = 2  # refused packets in one session

    def __init__(self, directory):
        self.program = shutil.which("rtpengine")
        if self.program is None:
            raise PeerMissing("rtpengine: not installed (Debian: rtpengine-daemon)")
        shown = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        version = re.search(r"Version:\s*(\S+)", shown.stdout + shown.stderr)
        self.name = "rtpengine " + (version[1] if version else "of unknown version")
        self.log = Path(directory) / "rtpengine.log"
        self.calls = 0
        self.process = None
        self.start()

    def start(self):
        # The control port is free when it is chosen, but somebody else may be quicker.
        for _ in range(3):
            if self.try_to_start():
                return
            self.stop()
        raise PeerMissing(f"rtpengine does not start: {self.log.read_text()[-1000:]}")

    def try_to_start(self):
        with loopback_socket() as probe:
            port = port_of(probe)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "--config-file=none", "--foreground", "--log-stderr"]
                + ["--log-level=5", "--table=-1", "--interface=127.0.0.1"]
                + [f"--listen-ng=127.0.0.1:{port}"]
                + ["--port-min=20000", "--port-max=29999", "--endpoint-learning=off"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,  # should it dump core, not into the checkout
                preexec_fn=end_with_parent,
            )
        self.control = loopback_socket()
        self.control.connect(("127.0.0.1", port))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask({"command": "ping"}, wait=0.2).get("result") == "pong":
                    return True
            except Trouble:
                time.sleep(0.05)
        return False

    def stop(self):
        if self.process is None:
            return
        self.control.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, request, wait=2.0):
        """One exchange of the ng protocol. A repeated cookie gets the same answer again."""
        self.calls += 1
        cookie = f"{self.calls}".encode() + b" "
        for _ in range(self.ATTEMPTS):
            try:
                self.control.send(cookie + bencode(request))
                while select.select([self.control], [], [], wait)[0]:
                    answer = self.control.recv(65536)
                    if answer.startswith(cookie):
                        return bdecode(answer, len(cookie))[0]
            except ConnectionRefusedError:
                break  # nobody is listening (any more)
        status = self.process.poll()
        if status is None:
            raise Trouble(f"rtpengine does not answer '{request['command']}'")
        raise Trouble(f"rtpengine has ended with status {status}")

    def ask_for_sdp(self, request):
        answer = self.ask(request)
        if answer.get("result") != "ok":
            raise Trouble(f"rtpengine refuses '{request['command']}': {answer.get('error-reason')}")
        return answer["sdp"]

    def open_call(self, suite, key, packets):
        """A call whose offerer sends SRTP with `key` and whose answerer takes plain RTP."""
        if self.process.poll() is not None:
            # It died of the suite before this one, which is reported there.
            self.stop()
            self.start()
        call = RtpEngineCall(f"call-{self.calls}")
        types = {p.plain[1] & 0x7F for p in packets if p.plane == "rtp"} or {0}
        name = suite.rtpengine.name or suite.name
        inline = f"inline:{base64.b64encode(key).decode()}"
        crypto = f"a=crypto:1 {name} {inline} {suite.rtpengine.parameters}".rstrip() + "\r\n"

        def sdp(profile, side, more):
            formats = " ".join(str(number) for number in sorted(types))
            # A codec rtpengine has never heard of is one that it leaves alone.
            maps = "".join(f"a=rtpmap:{n} UNHEARD-OF/90000\r\n" for n in types if n >= 96)
            return (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {port_of(side['rtp'])} {profile} {formats}\r\n"
                f"a=rtcp:{port_of(side['rtcp'])}\r\n{maps}{more}"
            )

        try:
            common = {"call-id": call.id, "from-tag": "srtp", "ICE": "remove"}
            offer = {"command": "offer", "transport-protocol": "RTP/AVP"}
            self.ask_for_sdp({**common, **offer, "sdp": sdp("RTP/SAVP", call.sender, crypto)})
            answer = self.ask_for_sdp(
                {**common, "command": "answer", "to-tag": "plain"}
                | {"sdp": sdp("RTP/AVP", call.receiver, "")}
            )
            media = re.search(r"^m=audio (\d+) RTP/SAVP ", answer, re.M)
            rtcp = re.search(r"^a=rtcp:(\d+)", answer, re.M)
            if not media or not rtcp or f" {name} " not in answer:
                raise Trouble("rtpengine did not take the suite")
        except Trouble:
            self.close_call(call)
            raise
        call.to = {"rtp": ("127.0.0.1", int(media[1])), "rtcp": ("127.0.0.1", int(rtcp[1]))}
        return call

    def close_call(self, call):
        call.close()
        if self.process.poll() is not None:
            raise Trouble(f"rtpengine has ended with status {self.process.poll()}")
        self.ask({"command": "delete", "call-id": call.id, "delete-delay": "0"})

    def decrypt(self, suite, key, packets):
        call = self.open_call(suite, key, packets)
        results = []
        refused = 0
        try:
            for packet in packets:
                result = Refused("not sent, too many refused before")
                if refused < self.GIVE_UP_AFTER:
                    result = self.pass_through(call, packet)
                if isinstance(result, Refused):
                    refused += 1
                results.append(result)
            # rtpengine is to translate, not to talk on its own.
            extra = call.leftovers()
            if extra:
                raise Trouble(f"rtpengine sent {extra} packets more than it was given")
        finally:
            self.close_call(call)
        return results

    def pass_through(self, call, packet):
        for attempt in range(self.ATTEMPTS):
            call.send(packet.plane, packet.protected)
            result = call.receive(packet.plane, self.WAIT)
            if result is not None:
                if attempt > 0:
                    # The earlier copy may only have been slow: let it not be
                    # taken for the answer to the next packet.
                    while call.receive(packet.plane, 0.1) is not None:
                        pass
                return result
        return Refused("lets nothing through")

    def accepts_tampered(self, suite, key, packet):
        """What comes out first when the genuine packet follows the damaged one?"""
        call = self.open_call(suite, key, [packet])
        try:
            call.send(packet.plane, tampered(packet))
            genuine = self.pass_through(call, packet)
            if isinstance(genuine, Refused):
                raise Trouble(f"{packet.plane}: nothing passes after a damaged packet")
            return genuine != packet.plain
        finally:
            self.close_call(call)


class RtpEngineCall:
    def __init__(self, call_id):
        self.id = call_id
        self.sender = {plane: loopback_socket() for plane in ("rtp", "rtcp")}
        self.receiver = {plane: loopback_socket() for plane in ("rtp", "rtcp")}
        self.to = {}

    def send(self, plane, data):
        self.sender[plane].sendto(data, self.to[plane])

    def receive(self, plane, wait):
        if not select.select([self.receiver[plane]], [], [], wait)[0]:
            return None
        return self.receiver[plane].recv(65536)

    def leftovers(self):
        count = 0
        for plane in self.receiver:
            while self.receive(plane, 0) is not None:
                count += 1
        return count

    def close(self):
        for sock in (*self.sender.values(), *self.receiver.values()):
            sock.close()
