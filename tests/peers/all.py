#!/usr/bin/env python3
"""Every check with software that is not ours: captures decrypted elsewhere, and live calls.

See README.md beside this file for what has to be installed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("examples", type=Path, help="the folder with the built examples")
    parser.add_argument("capture", type=Path, help="a plain capture with RTP and RTCP")
    arguments = parser.parse_args()
    checks = [
        [HERE / "decrypt_elsewhere.py", arguments.examples / "encrypt_pcap", arguments.capture],
        [HERE / "live.py", arguments.examples / "relay"],
    ]
    # All of them, even if the first one fails.
    done = [subprocess.run([sys.executable, *check]).returncode for check in checks]
    return max(done, key=abs)


if __name__ == "__main__":
    sys.exit(main())
