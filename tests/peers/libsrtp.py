"""libsrtp as a peer: a small C program of ours over its public API."""

import shutil
import subprocess
from pathlib import Path

from common import PeerMissing, Refused, Trouble, tampered

SOURCE = Path(__file__).resolve().parent / "libsrtp_peer.c"


class LibSrtp:
    def __init__(self, directory):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise PeerMissing("libsrtp: no C compiler (Debian: gcc)")
        self.program = Path(directory) / "libsrtp_peer"
        built = subprocess.run(
            [compiler, "-O2", "-Wall", "-Wextra", "-o", self.program] + [SOURCE, "-lsrtp2"],
            capture_output=True,
            text=True,
        )
        if built.returncode != 0:
            raise PeerMissing(f"libsrtp (Debian: libsrtp2-dev, libc6-dev): {built.stderr.strip()}")
        # "libsrtp2 2.5.0" -> "libsrtp 2.5.0"
        self.name = "libsrtp " + self.converse(["version"])[0].split()[-1]

    def converse(self, lines):
        done = subprocess.run(
            [self.program],
            input="".join(line + "\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
        )
        answers = done.stdout.splitlines()
        if done.returncode != 0 or len(answers) != len(lines):
            raise Trouble(f"libsrtp_peer ended early: {done.stderr.strip()}")
        return answers

    @staticmethod
    def policy(suite, key, cipher=None, options=""):
        cipher = cipher or suite.libsrtp
        auth = "none" if cipher.startswith("gcm") or suite.rtp_tag == 0 else "sha1"
        line = f"policy {cipher} {auth} {suite.rtp_tag} {suite.rtcp_tag} {key.hex()} {options}"
        return line.rstrip()

    def decrypt(self, suite, key, packets, cipher=None):
        answers = self.converse(
            [self.policy(suite, key, cipher)]
            + [f"{packet.plane} {packet.protected.hex()}" for packet in packets]
        )
        if answers[0] != "ok":
            raise Trouble(f"refuses the policy: {answers[0]}")
        return [
            bytes.fromhex(answer[3:]) if answer.startswith("ok ") else Refused(answer)
            for answer in answers[1:]
        ]

    def accepts_tampered(self, suite, key, packet):
        damaged = packet._replace(protected=tampered(packet))
        return not isinstance(self.decrypt(suite, key, [damaged])[0], Refused)
