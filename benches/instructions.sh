#!/bin/sh
# Counts the instructions of a packet with callgrind: those of 2000 packets beyond those of 1000, divided by 1000, so that
# what happens once is left out. The CPU that callgrind shows has AES instructions and neither SHA nor AVX-512.
#
#   benches/instructions.sh [SUITE...]
set -eu
command -v valgrind >/dev/null || { echo 'valgrind is not installed' >&2; exit 1; }
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then
    set -- AES_CM_128_HMAC_SHA1_80 AEAD_AES_128_GCM
fi
built=$(cargo bench --no-run --bench instructions 2>&1) || { echo "$built" >&2; exit 1; }
program=$(echo "$built" | sed -n 's/.*Executable benches.instructions.rs (\(.*\))$/\1/p')

count() { # WHAT SUITE PAYLOAD PACKETS
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="*protect_one_rt*" "$program" "$@" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

printf '%-28s %-14s %7s %s\n' suite '' payload 'instructions a packet'
for suite in "$@"; do
    for what in protect-rtp unprotect-rtp protect-rtcp unprotect-rtcp; do
        for payload in 20 160; do
            one=$(count "$what" "$suite" "$payload" 1000)
            two=$(count "$what" "$suite" "$payload" 2000)
            printf '%-28s %-14s %7d %d.%d\n' "$suite" "$what" "$payload" \
                $(((two - one) / 1000)) $(((two - one) / 100 % 10))
        done
    done
done
