#!/bin/sh
# Shows that no branch and no address depends on a secret: tests/constant_time/run.sh [CARGO-TARGET-FOLDER]
# Needs Valgrind on x86-64. What this machine or Valgrind has not got is printed as NOT RUN.
set -eu
target=${1:-$(dirname "$0")/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
cd "$(dirname "$0")"
if [ "$(uname -m)" != x86_64 ]; then
    echo "NOT RUN: the client requests are written for x86-64"
    exit 0
fi
echo "NOT RUN: VAES, and HMAC-SHA1 side by side on AVX-512, which Valgrind does not know. src/bin/timing.rs asks the clock about them"
for level in portable native; do
    case $level in
    portable) flags='--cfg srtp_sdes_watched --cfg aes_backend="soft" --cfg polyval_backend="soft" --cfg sha1_backend="soft"' ;;
    native) flags='--cfg srtp_sdes_watched' ;;
    esac
    echo "== $level"
    # A folder for each: flags would have everything built again.
    RUSTFLAGS=$flags cargo build --quiet --release --bin constant-time --target-dir "$target/constant_time_$level"
    # The program counts the errors. Its output says where they are if it fails.
    valgrind --tool=memcheck --quiet --error-limit=no --expensive-definedness-checks=yes --read-inline-info=yes \
        --suppressions=public.supp --log-file="$target/constant_time_$level.log" "$target/constant_time_$level/release/constant-time" ||
        { tail -n 200 "$target/constant_time_$level.log"; exit 1; }
done
