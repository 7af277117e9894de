#!/usr/bin/env python3
"""Decrypts the output of encrypt_pcap with software that is not ours.

For every suite: encrypt a plain capture with encrypt_pcap, hand each SRTP and
SRTCP packet to libsrtp and rtpengine in capture order, and compare what comes
back, byte for byte, with the plain packet in the same place.

See README.md beside this file for what has to be installed.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Before the modules beside this file are imported: the checkout stays as it is.
sys.dont_write_bytecode = True

from captures import collect, read_keys
from common import PLANES, PeerMissing, Refused, Trouble
from libsrtp import LibSrtp
from rtpengine import RtpEngine
from suites import LIBSRTP_REFUSES, SUITES


def planes_checked_by(kind, suite):
    if kind == "libsrtp":
        return PLANES if suite.libsrtp else ()
    return suite.rtpengine.planes if suite.rtpengine else ()


def compare(packets, results):
    """What differs, in words, one line a packet."""
    wrong = []
    for packet, result in zip(packets, results, strict=True):
        where = f"frame {packet.frame}, {packet.plane}"
        if isinstance(result, Refused):
            wrong.append(f"{where}: {result}")
        elif result != packet.plain:
            shorter = min(len(result), len(packet.plain))
            at = next((i for i in range(shorter) if result[i] != packet.plain[i]), shorter)
            wrong.append(
                f"{where}: {len(packet.plain)} plain bytes, {len(result)} decrypted, "
                f"the first difference at byte {at}"
            )
    return wrong


def check_with(peer, planes, suite, by_key):
    wrong = []
    first = {}  # (key, packet) by plane
    for key, packets in by_key.items():
        packets = [packet for packet in packets if packet.plane in planes]
        wrong += compare(packets, peer.decrypt(suite, key, packets))
        for packet in packets:
            first.setdefault(packet.plane, (key, packet))
    # A peer that checks no tags would prove nothing about ours.
    if not wrong and suite.rtp_tag > 0:
        for plane, (key, packet) in first.items():
            if peer.accepts_tampered(suite, key, packet):
                wrong.append(f"takes a damaged {plane.upper()} packet")
    return wrong


def check_refusal(libsrtp, cipher, suite, by_key):
    """libsrtp is known to be wrong about this suite; is it still?"""
    for key, packets in by_key.items():
        if any(r != "err auth_fail" for r in libsrtp.decrypt(suite, key, packets, cipher)):
            return [
                f"{libsrtp.name} used to derive other keys for this suite than RFC 6188, but now "
                "takes a packet: if that is a repaired libsrtp, change the table of this script"
            ]
    return []


def encrypt(program, capture, suite, directory):
    encrypted = directory / "encrypted"
    key_file = directory / "keys"
    done = subprocess.run(
        [program, capture, encrypted, "--suite", suite.name, "--keys", key_file],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip()[-1000:]
        raise Trouble(f"encrypt_pcap ends with status {done.returncode}: {output}")
    if not encrypted.is_file() or not key_file.is_file():
        raise Trouble("encrypt_pcap left no capture or no key file")
    return encrypted, read_keys(key_file, suite)


def check_suite(suite, program, capture, peers, directory):
    """(columns to print, what is wrong, number of peers that agreed, by plane)"""
    directory.mkdir()
    encrypted, keys = encrypt(program, capture, suite, directory)
    by_key, wrong = collect(suite, capture, encrypted, keys)
    every = [packet.plane for packets in by_key.values() for packet in packets]
    columns = [f"{every.count('rtp'):5} RTP {every.count('rtcp'):3} RTCP"]
    for plane in PLANES:
        if plane not in every:
            wrong.append(f"no {plane.upper()} packet to check")

    agreed = dict.fromkeys(PLANES, 0)
    for kind, peer in peers.items():
        # To agree about nothing is not to agree.
        planes = tuple(plane for plane in planes_checked_by(kind, suite) if plane in every)
        if not planes:
            continue
        if isinstance(peer, PeerMissing):
            columns.append(f"{kind}: MISSING")
            continue
        try:
            problems = check_with(peer, planes, suite, by_key)
        except Trouble as trouble:
            problems = [str(trouble)]
        wrong += [f"{peer.name}: {problem}" for problem in problems]
        if not problems:
            for plane in planes:
                agreed[plane] += 1
        only = "" if planes == PLANES else f" ({planes[0].upper()} only)"
        columns.append(f"{peer.name}{only}: {'DIFFERS' if problems else 'ok'}")

    cipher = LIBSRTP_REFUSES.get(suite.name)
    libsrtp = peers["libsrtp"]
    if cipher and isinstance(libsrtp, LibSrtp):
        problems = check_refusal(libsrtp, cipher, suite, by_key)
        wrong += problems
        if not problems:
            columns.append(f"({libsrtp.name} cannot, as known)")
    return columns, wrong, agreed


def start_peers(directory):
    peers = {}
    for kind, peer in (("libsrtp", LibSrtp), ("rtpengine", RtpEngine)):
        try:
            peers[kind] = peer(directory)
        except PeerMissing as missing:
            # A missing peer fails the whole run in the end, but what the others
            # have to say is still worth knowing.
            peers[kind] = missing
    return peers


def check_all(suites, program, capture, peers, directory):
    """Names of the suites that failed, and the peers that agreed by suite and plane."""
    failed = []
    agreed = {}
    for suite in suites:
        agreed[suite.name] = dict.fromkeys(PLANES, 0)
        try:
            columns, wrong, agreed[suite.name] = check_suite(
                suite, program, capture, peers, directory / suite.name
            )
        except (Trouble, OSError, subprocess.TimeoutExpired) as trouble:
            columns, wrong = [], [str(trouble)]
        if wrong:
            columns.append("FAILED")
            failed.append(suite.name)
        print("  ".join([f"{suite.name:24}", *columns]))
        for problem in wrong[:4]:
            print(f"    {problem}")
        if len(wrong) > 4:
            print(f"    and {len(wrong) - 4} more", flush=True)
    return failed, agreed


def report(suites, peers, failed, agreed):
    """Prints what is left to say; the exit status."""

    def listed(condition):
        names = []
        for suite in suites:
            planes = [plane for plane in PLANES if condition(suite, plane)]
            if planes == list(PLANES):
                names.append(suite.name)
            elif planes:
                names.append(f"{suite.name} ({planes[0].upper()} only)")
        return ", ".join(names)

    def has_a_peer(suite, plane):
        return any(plane in planes_checked_by(kind, suite) for kind in peers)

    missing = [peer for peer in peers.values() if isinstance(peer, PeerMissing)]
    no_peer = listed(lambda suite, plane: not has_a_peer(suite, plane))
    single = listed(lambda suite, plane: agreed[suite.name][plane] == 1)
    unchecked = listed(
        lambda suite, plane: has_a_peer(suite, plane) and agreed[suite.name][plane] == 0
    )
    print("No such software for:", no_peer or "none, each suite has a peer")
    print("Confirmed by one peer only:", single or "none")
    for peer in missing:
        print(f"MISSING PEER: {peer}")
    if unchecked:
        print("NOT CONFIRMED BY ANY PEER:", unchecked)
    if failed:
        print("FAILED:", ", ".join(failed))
    return 1 if failed or missing or unchecked else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("encrypt_pcap", type=Path, help="the built example")
    parser.add_argument("capture", type=Path, help="a plain capture with RTP and RTCP")
    parser.add_argument(
        "--suite",
        action="append",
        metavar="NAME",
        choices=[suite.name for suite in SUITES],
        help="only this one; may be repeated",
    )
    arguments = parser.parse_args()
    program = arguments.encrypt_pcap.resolve()
    capture = arguments.capture.resolve()
    suites = [s for s in SUITES if not arguments.suite or s.name in arguments.suite]
    if not program.is_file() or not capture.is_file():
        parser.error("no such program or capture")

    # So that the clean-up below also happens when the caller's time is up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="decrypt_elsewhere.") as directory:
        peers = start_peers(Path(directory))
        try:
            failed, agreed = check_all(suites, program, capture, peers, Path(directory))
        finally:
            if isinstance(peers["rtpengine"], RtpEngine):
                peers["rtpengine"].stop()
    print(f"{len(suites)} suites in {time.monotonic() - started:.0f} s")
    return report(suites, peers, failed, agreed)


if __name__ == "__main__":
    sys.exit(main())
