#!/usr/bin/env python3
"""Shows that the tests behind each promise see a break of it.

Each mutation in `mutations.py` changes one line of a copy of the sources. The test that is named with it has to pass before and to
fail after, and so say by itself: a mutation that does not compile counts as nothing shown.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ["Cargo.toml", "README.md", "src", "tests", "vectors", "examples", "benches", "fuzz"]


def copy_sources(to):
    """A copy beside the builds of before, so that only what a mutation touches is compiled again."""
    for name in COPIED:
        source, copy = ROOT / name, to / name
        if source.is_dir():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("target", "corpus", "artifacts"))
        else:
            shutil.copy2(source, copy)
    lock = ROOT / "Cargo.lock"
    if lock.exists():
        shutil.copy2(lock, to / "Cargo.lock")


def run(words, directory):
    # What the crate depends on is compiled once.
    environment = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ}
    return subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True)


def see(mutation, directory, is_known_to_pass):
    """What is wrong with this mutation, or nothing."""
    path = directory / mutation.file
    before = path.read_text()
    if before.count(mutation.old) != 1:
        return f"{mutation.old!r} stands {before.count(mutation.old)} times in {mutation.file}"
    if not is_known_to_pass and run(mutation.command(), directory).returncode != 0:
        return "the test fails before it"
    path.write_text(before.replace(mutation.old, mutation.new))
    try:
        if run(mutation.build(), directory).returncode != 0:
            return "it does not compile"
        if run(mutation.command(), directory).returncode == 0:
            return "the test does not see it"
    finally:
        path.write_text(before)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="those whose text, file or test has this in it; may be repeated")
    parser.add_argument("--check", action="store_true", help="only see that each line to be broken still stands in its file, once")
    parser.add_argument("--known-to-pass", action="store_true", help="do not run the tests before the mutations")
    arguments = parser.parse_args()
    if arguments.check:
        stale = [it for it in MUTATIONS if (ROOT / it.file).read_text().count(it.old) != 1]
        for mutation in stale:
            print(f"{mutation.old!r} does not stand in {mutation.file} once ({mutation.says})")
        return 1 if stale else 0
    directory = ROOT / "target" / "mutations"
    directory.mkdir(parents=True, exist_ok=True)
    copy_sources(directory)
    unseen, passed = 0, set()
    for mutation in MUTATIONS:
        described = mutation.says + mutation.file + mutation.test
        if arguments.only and not any(it in described for it in arguments.only):
            continue
        wrong = see(mutation, directory, arguments.known_to_pass or mutation.test in passed)
        passed.add(mutation.test)
        unseen += wrong is not None
        print(f"{'seen' if wrong is None else 'NOT SEEN, ' + wrong}: {mutation.file}, {mutation.says} ({mutation.test})", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
