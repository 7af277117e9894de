#!/usr/bin/env python3
"""Calls over loopback through the example relay, with software that is not ours on its SRTP leg.

For every peer and whatever it can do: RTP and RTCP in both directions, and what arrives is compared with what was sent.

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

from common import PeerMissing, Trouble
from live_baresip import Baresip
from live_ffmpeg import Ffmpeg
from live_gstreamer import GStreamer
from live_libsrtp import LiveLibSrtp
from live_rtpengine import LiveRtpEngine

PEERS = {
    "libsrtp": LiveLibSrtp,
    "GStreamer": GStreamer,
    "FFmpeg": Ffmpeg,
    "rtpengine": LiveRtpEngine,
    "baresip": Baresip,
}


def check_peer(peer, relay):
    """Prints a line for each case; the numbers of those that passed, and the names of those that did not."""
    passed, failed = 0, []
    for label, check in peer.cases():
        try:
            outcome = check(relay) or "ok"
            passed += 1
        except (Trouble, OSError, subprocess.SubprocessError) as trouble:
            outcome = f"FAILED: {trouble}"
            failed.append(f"{peer.name}, {label}")
        print(f"{peer.name}  {label}: {outcome}", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("relay", type=Path, help="the built example")
    parser.add_argument(
        "--peer", action="append", choices=PEERS, help="only this one; may be repeated"
    )
    arguments = parser.parse_args()
    relay = arguments.relay.resolve()
    if not relay.is_file():
        parser.error("no such program")

    # So that the clean-up below also happens when the caller's time is up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    passed, failed, missing = 0, [], []
    with tempfile.TemporaryDirectory(prefix="live.") as directory:
        for kind in arguments.peer or PEERS:
            try:
                peer = PEERS[kind](Path(directory))
            except PeerMissing as reason:
                # It fails the whole run in the end, but what the others have to say is still worth knowing.
                missing.append(reason)
                print(f"{kind}: NOT RUN", flush=True)
                continue
            try:
                here = check_peer(peer, relay)
            finally:
                if hasattr(peer, "stop"):
                    peer.stop()
            passed += here[0]
            failed += here[1]
            if here == (0, []):
                failed.append(f"{peer.name}, for it had nothing to do")
    print(f"{passed} live checks passed in {time.monotonic() - started:.0f} s")
    for reason in missing:
        print(f"NOT RUN, MISSING PEER: {reason}")
    for label in failed:
        print(f"FAILED: {label}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
