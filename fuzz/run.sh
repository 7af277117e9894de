#!/bin/sh
# Runs every fuzz target for so many seconds, with AddressSanitizer, and ends with a status other than 0 on a finding. An input that takes ten
# seconds is one: everything is linear.
# Needs nightly Rust and cargo-fuzz: cargo install cargo-fuzz --locked
set -eu
case ${1:-} in
'' | *[!0-9]*) echo 'usage: fuzz/run.sh SECONDS [LIBFUZZER-OPTION...]' >&2 && exit 2 ;;
esac
seconds=$1
shift
cd "$(dirname "$0")"
cargo run --quiet --example seeds
targets=$(cargo +nightly fuzz list --fuzz-dir .)
for target in $targets; do
    echo "== $target"
    dictionary=dictionaries/$target.dict
    cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_len=4096 -timeout=10 -max_total_time="$seconds" -print_final_stats=1 \
        $(test ! -f "$dictionary" || echo "-dict=$dictionary") "$@"
done
