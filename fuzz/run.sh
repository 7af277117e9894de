#!/bin/sh
# Runs every fuzz target for so many seconds, with AddressSanitizer, and ends with a status other than 0 on a finding.
# Needs nightly Rust and cargo-fuzz: cargo install cargo-fuzz --locked
set -eu
seconds=${1:?usage: fuzz/run.sh SECONDS [LIBFUZZER-OPTION...]}
shift
cd "$(dirname "$0")"
cargo run --quiet --example seeds
for target in unprotect_rtp unprotect_rtcp protect crypto_line negotiate session import_state; do
    echo "== $target"
    cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_len=4096 -max_total_time="$seconds" -print_final_stats=1 "$@"
done
