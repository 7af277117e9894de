#!/bin/sh
# Measures the crate beside libsrtp, webrtc-srtp and bare AES-GCM.
#
#   benches/peers/run.sh [--quick] [--only TEXT] [--out FOLDER] [--libsrtp FILE]
#
# The libsrtp is that of the crate srtp2-sys, with the system's OpenSSL 3 in it; --libsrtp takes a shared library that was built with OpenSSL
# in its place. CARGO_FLAGS are for cargo.
set -eu
case ${1:-} in
-h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/${CARGO_TARGET_DIR:-target}
case ${CARGO_TARGET_DIR:-} in /*) target=$CARGO_TARGET_DIR ;; esac

# What the crate's build needs: a C compiler, OpenSSL's headers, and libclang, which reads libsrtp's.
packages='gcc make libc6-dev libssl-dev pkg-config libclang-dev'
if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086
    dpkg -s $packages >/dev/null 2>&1 || {
        as_root=$(command -v sudo || true)
        $as_root apt-get update -qq
        # shellcheck disable=SC2086
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    }
fi
# shellcheck disable=SC2086
exec cargo run --quiet --release --manifest-path "$here/Cargo.toml" --target-dir "$target/peers" ${CARGO_FLAGS:-} -- "$@"
