"""libsrtp as a live peer: our C program over its public API protects and unprotects, and sockets of ours carry the packets."""

import subprocess
from contextlib import contextmanager
from typing import NamedTuple

from common import PLANES, Trouble
from libsrtp import LibSrtp
from relay import FROM_PEER, TO_PEER, End, Relay, ensure_all_relayed, exchange, fresh_key
from rtpengine import end_with_parent
from suites import LIBSRTP_REFUSES, SUITES


class Case(NamedTuple):
    suite: object
    what: str = ""
    options: str = ""  # of libsrtp
    settings: str = ""  # of the relay's leg
    parameters: str = ""  # of the a=crypto lines
    mki: str = ""  # behind the keys in them


def cases():
    """All suites that libsrtp has right, and what it can do beside: policies are made of parts there."""
    for suite in SUITES:
        if suite.libsrtp:
            yield Case(suite)
        if suite.libsrtp and suite.encrypts and suite.rtp_tag == 4:
            # The 4-byte tags that RFC 4568 does not want and that a policy of libsrtp for both planes has.
            tag = ",our-srtcp-tag=4,their-srtcp-tag="
            for theirs in ("4", "either"):
                short = suite._replace(rtcp_tag=4)
                yield Case(short, f"SRTCP tags of 4 bytes, {theirs} taken", "", tag + theirs)
    plain = SUITES[0]
    assert plain.libsrtp and plain.rtp_tag == plain.rtcp_tag == 10
    yield Case(plain, "UNENCRYPTED_SRTP", "clear-rtp", "", "UNENCRYPTED_SRTP")
    yield Case(plain, "UNENCRYPTED_SRTCP", "clear-rtcp", "", "UNENCRYPTED_SRTCP")
    for suite in SUITES:
        if suite.libsrtp and suite.encrypts and suite.rtp_tag in (10, 16):
            yield Case(suite, "MKI of 4 bytes", "mki=0000002a", "", "", "|42:4")


class Session:
    """One direction of libsrtp."""

    def __init__(self, libsrtp, case, key, direction, cipher=None):
        self.process = subprocess.Popen(
            [libsrtp.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            preexec_fn=end_with_parent,
        )
        options = f"{direction} {case.options}".strip()
        answer = self.ask(libsrtp.policy(case.suite, key.master, cipher, options))
        if answer != "ok":
            self.stop()
            raise Trouble(f"refuses the policy: {answer}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.process.stdout.readline().rstrip()

    def convert(self, plane, packet):
        answer = self.ask(f"{plane} {packet.hex()}")
        if not answer.startswith("ok "):
            raise Trouble(f"{plane.upper()}: libsrtp says {answer!r}")
        return bytes.fromhex(answer[3:])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class SecuredEnd(End):
    """An end of ours that libsrtp protects: plain packets in, plain packets out."""

    def __init__(self, outbound, inbound):
        super().__init__()
        self.outbound = outbound
        self.inbound = inbound

    def __exit__(self, *_):
        super().__exit__()
        self.outbound.stop()
        self.inbound.stop()

    def send(self, plane, packet):
        super().send(plane, self.outbound.convert(plane, packet))

    def receive(self, plane, wait=None):
        packet = super().receive(plane) if wait is None else super().receive(plane, wait)
        return None if packet is None else self.inbound.convert(plane, packet)


class LiveLibSrtp(LibSrtp):
    def cases(self):
        for case in cases():
            label = ", ".join(part for part in (case.suite.name, case.what) if part)
            yield label, lambda relay, case=case: self.check(relay, case)
        for suite in SUITES:
            cipher = LIBSRTP_REFUSES.get(suite.name)
            if cipher:
                yield suite.name, lambda relay, s=suite, c=cipher: self.check_refusal(relay, s, c)

    @contextmanager
    def call(self, relay_program, case, cipher=None):
        length = case.suite.key_and_salt
        ours, theirs = (
            fresh_key(case.suite.name, length, case.parameters, case.mki) for _ in range(2)
        )
        outbound = Session(self, case, theirs, "outbound", cipher)
        inbound = Session(self, case, ours, "", cipher)
        with End() as near, SecuredEnd(outbound, inbound) as far:
            legs = near.leg, far.leg + case.settings
            with Relay(relay_program, *legs, ours.line, theirs.line) as relay:
                near.to, far.to = relay.a, relay.b
                yield near, far, relay

    def check(self, relay_program, case):
        with self.call(relay_program, case) as (near, far, relay):
            exchange(near, far)
            ensure_all_relayed(relay.stop())

    def check_refusal(self, relay_program, suite, cipher):
        """It derives other keys than RFC 6188 says: neither side may take what the other sends."""
        with self.call(relay_program, Case(suite), cipher) as (near, far, relay):
            for plane in PLANES:
                near.send(plane, getattr(TO_PEER, plane)[0])
                try:
                    far.receive(plane)
                except Trouble as trouble:
                    if "auth_fail" not in str(trouble):
                        raise
                else:
                    raise Trouble("libsrtp takes a packet: if it was repaired, change the table")
                far.send(plane, getattr(FROM_PEER, plane)[0])
                relay.until("b to a", plane, 1)
            totals = relay.stop()
        for plane in PLANES:
            row = totals["b to a", plane]
            if row.relayed or "not authentic" not in row.why:
                raise Trouble(f"relay, {plane.upper()}: {row}")
        return "cannot, as known"
