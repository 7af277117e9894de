#!/bin/sh
# Counts the instructions of a packet with callgrind: those of 2000 packets beyond those of 1000, divided by 1000, so that
# what happens once is left out. The CPU that callgrind shows has AES instructions and neither SHA nor AVX-512.
#
#   benches/instructions.sh [SUITE...]    counts
#   benches/instructions.sh --store       counts, and writes benches/instructions.txt
#   benches/instructions.sh --compare     counts, shows what changed since that was written, and fails if a packet got more than 2 % dearer
#
# Counts are those of a compiler and of versions of the dependencies, not of a machine, if its CPU has AES instructions.
set -eu
case ${1:-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
esac
command -v valgrind >/dev/null || { echo 'valgrind is not installed' >&2; exit 1; }
cd "$(dirname "$0")/.."
stored=benches/instructions.txt
mode=print
case ${1:-} in
--store | --compare) mode=${1#--} && shift ;;
esac
if [ $# = 0 ]; then
    set -- AES_CM_128_HMAC_SHA1_80 AEAD_AES_128_GCM
fi
built=$(cargo bench --no-run --bench instructions 2>&1) || { echo "$built" >&2; exit 1; }
program=$(echo "$built" | sed -n 's/.*Executable benches.instructions.rs (\(.*\))$/\1/p')

count() { # WHAT SUITE PAYLOAD PACKETS
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="*protect_one_rt*" "$program" "$@" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

count_all() { # SUITE...
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
}

compare() { # what was stored, and then what is counted now
    awk -v tolerance=2 '
        /^#/ { next }
        $3 !~ /^[0-9]+$/ { next }
        FILENAME != "-" { before[$1, $2, $3] = $4; next }
        FNR == 1 || !shown++ { printf "%-28s %-14s %7s %9s %9s %9s\n", "suite", "", "payload", "stored", "now", "change" }
        {
            then = before[$1, $2, $3]
            change = then ? sprintf("%+.1f %%", ($4 / then - 1) * 100) : "new"
            dearer = then && $4 > then * (1 + tolerance / 100)
            worse += dearer
            printf "%-28s %-14s %7d %9s %9.1f %9s%s\n", $1, $2, $3, then, $4, change, dearer ? "  dearer" : ""
        }
        END { exit worse > 0 }
    ' "$stored" -
}

case $mode in
print) count_all "$@" ;;
store)
    counted=$(count_all "$@")
    {
        echo "# Written by benches/instructions.sh --store on $(date -u +%F), $(rustc --version | cut -d ' ' -f 1,2)"
        echo "$counted"
    } >"$stored"
    cat "$stored"
    ;;
compare)
    head -n 1 "$stored"
    count_all "$@" | compare
    ;;
esac
