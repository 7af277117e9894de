#!/bin/sh
# Measures the crate beside libsrtp, webrtc-srtp and bare AES-GCM.
#
#   benches/peers/run.sh [--quick] [--only TEXT] [--out FOLDER]
#
# Debian's own libsrtp has NSS behind it. So this takes the source of Debian's package, the newest that there is, and builds it with
# the system's OpenSSL 3: once, into the target folder. With LIBSRTP=FILE it takes that shared library instead, on any system.
# CARGO_FLAGS are for cargo.
set -eu
cd "$(dirname "$0")"
target=$(cd ../.. && pwd)/${CARGO_TARGET_DIR:-target}
case ${CARGO_TARGET_DIR:-} in /*) target=$CARGO_TARGET_DIR ;; esac
home=$target/libsrtp

as_root() {
    if command -v sudo >/dev/null; then sudo "$@"; else "$@"; fi
}

install_tools() {
    packages='gcc make libc6-dev libssl-dev pkg-config'
    # shellcheck disable=SC2086
    dpkg -s $packages >/dev/null 2>&1 || {
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    }
}

# The system's list of sources stays as it is: this has one of its own.
download() { # RELEASE OF DEBIAN
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    cat >debian.sources <<END
Types: deb-src
URIs: $archive
Suites: $1
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    rm -rf lists
    mkdir -p lists/partial
    set -- -qq -o Dir::Etc::sourceparts=- -o "Dir::Etc::sourcelist=$home/debian.sources" \
        -o "Dir::State::lists=$home/lists" -o APT::Sandbox::User=root
    apt-get "$@" update && apt-get "$@" source --download-only --tar-only libsrtp2
}

build_libsrtp() {
    install_tools
    rm -rf "$home"
    mkdir -p "$home/source"
    cd "$home"
    download trixie || download bookworm
    tar xf libsrtp2_*.orig.tar.gz -C source --strip-components 1
    cd source
    # Its own configuration says -O3.
    ./configure --enable-openssl >configured.txt
    make shared_library >made.txt 2>&1
}

if [ -z "${LIBSRTP:-}" ]; then
    LIBSRTP=$home/source/libsrtp2.so.1
    if [ ! -e "$LIBSRTP" ]; then
        (build_libsrtp)
    fi
fi
# shellcheck disable=SC2086
exec cargo run --quiet --release --target-dir "$target/peers" ${CARGO_FLAGS:-} -- --libsrtp "$LIBSRTP" "$@"
