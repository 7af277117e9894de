//! Whatever works on them, and however many there are: codes are those of one message at a time without any of the CPU's instructions.

use super::*;
use crate::test_vectors::{FORTY_LENGTHS, LONGEST, bytes};
use alloc::{vec, vec::Vec};

/// What this CPU has, with each thing withheld in turn.
fn units() -> Vec<(&'static str, Units)> {
    let Units {
        avx512,
        avx2,
        sha_ni,
    } = Units::get();
    let without = Units::default();
    let has = [
        ("AVX-512", avx512.map(|_| Units { avx512, ..without })),
        ("AVX2", avx2.map(|_| Units { avx2, ..without })),
        ("SHA-NI", sha_ni.map(|_| Units { sha_ni, ..without })),
        (
            "AVX-512 and SHA-NI",
            avx512.and(sha_ni).map(|_| Units {
                avx512,
                sha_ni,
                ..without
            }),
        ),
        (
            "AVX2 and SHA-NI",
            avx2.and(sha_ni).map(|_| Units {
                avx2,
                sha_ni,
                ..without
            }),
        ),
        ("none of them", Some(without)),
    ];
    let found = has.into_iter().filter_map(|(name, units)| {
        if units.is_none() {
            std::println!("NOT RUN: this CPU has no {name}");
        }
        Some((name, units?))
    });
    found.collect()
}

/// So many keys, and the codes of the beginnings of some bytes under each of them.
struct Oracle {
    keys: Vec<HmacSha1>,
    bytes: Vec<u8>,
    codes: Vec<Vec<[u8; SHA1_LEN]>>,
}

impl Oracle {
    fn new(keys: u8) -> Self {
        let keys: Vec<_> = (0..keys).map(|n| HmacSha1::on(None, &[n; 20])).collect();
        let bytes = bytes(LONGEST);
        let codes = |key: &HmacSha1| {
            let lengths = 0..=LONGEST;
            lengths.map(|len| key.code(&bytes[..len], &[])).collect()
        };
        let codes = keys.iter().map(codes).collect();
        Self { keys, bytes, codes }
    }
}

fn blocks_of(message: &Keyed<'_>) -> usize {
    message.blocks.concat().len()
}

/// Works on messages of these lengths, each in its lane, without any plan.
fn check_lanes<const LANES: usize>(
    oracle: &Oracle,
    lengths: [usize; LANES],
    offset: usize,
    work: impl Fn(&[Keyed<'_>; LANES]) -> [[u8; SHA1_LEN]; LANES],
) {
    let rooms = lengths.map(|len| {
        let mut room = vec![0xa5; len + 128];
        let at = room.as_ptr().align_offset(64) + offset;
        room[at..at + len].copy_from_slice(&oracle.bytes[..len]);
        (room, at, len)
    });
    let mut ends = [const { End::EMPTY }; LANES];
    let mut places = rooms.iter().zip(&oracle.keys);
    let messages = ends.each_mut().map(|end| {
        let ((room, at, len), key) = places.next().unwrap();
        key.keyed(end.padded(BLOCK, &room[*at..at + len], &[]))
    });
    for (lane, code) in work(&messages).iter().enumerate() {
        let len = lengths[lane];
        assert_eq!(
            *code, oracle.codes[lane][len],
            "lane {lane} of {LANES}, {len} bytes at {offset}"
        );
    }
}

fn check_every_length<const LANES: usize>(
    work: impl Fn(&[Keyed<'_>; LANES]) -> [[u8; SHA1_LEN]; LANES],
) {
    let oracle = Oracle::new(LANES as u8);
    // Each length in each lane, beside quite other ones.
    for len in 0..=LONGEST {
        let lengths = core::array::from_fn(|lane| (len + 419 * lane) % (LONGEST + 1));
        check_lanes(&oracle, lengths, len % 64, &work);
    }
    for len in FORTY_LENGTHS {
        (0..64).for_each(|offset| check_lanes(&oracle, [len; LANES], offset, &work));
    }
}

fn on_lanes<const LANES: usize>(cpu: impl SideBySide<LANES>) {
    check_every_length(|messages| {
        let longest = messages.iter().map(blocks_of).max().unwrap();
        cpu.hmac(messages, longest)
    });
}

#[test]
fn sixteen_lanes_agree_on_every_length_in_every_lane() {
    match Avx512::get() {
        Some(cpu) => on_lanes::<16>(cpu),
        None => std::println!("NOT RUN: this CPU has no AVX-512"),
    }
}

#[test]
fn eight_lanes_of_avx512_agree_on_every_length_in_every_lane() {
    match Avx512::get() {
        Some(cpu) => on_lanes::<8>(cpu),
        None => std::println!("NOT RUN: this CPU has no AVX-512"),
    }
}

#[test]
fn eight_lanes_of_avx2_agree_on_every_length_in_every_lane() {
    match Avx2::get() {
        Some(cpu) => on_lanes::<8>(cpu),
        None => std::println!("NOT RUN: this CPU has no AVX2"),
    }
}

#[test]
fn one_and_two_messages_on_sha_ni_agree_on_every_length_in_either_place() {
    match ShaNi::get() {
        Some(cpu) => {
            check_every_length::<1>(|messages| simd::hmac_sha1(cpu, *messages));
            check_every_length::<2>(|messages| simd::hmac_sha1(cpu, *messages));
        }
        None => std::println!("NOT RUN: this CPU has no SHA-NI"),
    }
}

/// What goes on later has the right hash so far, and what goes on no longer has its code.
#[test]
fn messages_that_are_left_off_can_go_on() {
    fn check<const LANES: usize>(cpu: impl SideBySide<LANES>) {
        let oracle = Oracle::new(LANES as u8);
        for blocks in 1..=20 {
            let mut ends = [const { End::EMPTY }; LANES];
            let mut keys = oracle.keys.iter().enumerate();
            let messages = ends.each_mut().map(|end| {
                let (n, key) = keys.next().unwrap();
                key.keyed(end.padded(BLOCK, &oracle.bytes[..80 * n], &[]))
            });
            let hashes = cpu.hmac(&messages, blocks);
            for (n, (message, hash)) in messages.iter().zip(&hashes).enumerate() {
                let code = match blocks_of(message) <= blocks {
                    true => *hash,
                    false => message.behind(blocks, &state_of(hash)).code(None),
                };
                assert_eq!(code, oracle.codes[n][80 * n], "{n} after {blocks} blocks");
            }
        }
    }
    if let Some(cpu) = Avx512::get() {
        check::<16>(cpu);
        check::<8>(cpu);
    }
    if let Some(cpu) = Avx2::get() {
        check::<8>(cpu);
    }
}

/// Codes of `N` messages, of which number n has `length(n)` bytes, and a suffix of 0, 4 or 56.
fn check_codes<const N: usize>(
    keys: &[HmacSha1],
    bytes: &[u8],
    all: &[(&str, Units)],
    length: impl Fn(usize) -> Option<usize>,
) {
    let message = |n: usize| {
        let (hmac, len) = (&keys[n], length(n)?);
        let suffix = &bytes[..[4, 0, 56, 4][(len + n) % 4]];
        let message = &bytes[n..n + len];
        Some(Message {
            hmac,
            message,
            suffix,
        })
    };
    let messages: [Option<Message<'_>>; N] = core::array::from_fn(message);
    let expected =
        messages.map(|it| it.map_or([0; SHA1_LEN], |it| it.hmac.code(it.message, it.suffix)));
    for (name, units) in all {
        let codes: [_; N] = codes_on(*units, messages.into_iter());
        let lengths: Vec<_> = (0..N).map(&length).collect();
        assert_eq!(codes, expected, "{name}, {lengths:?} bytes");
    }
}

#[test]
fn codes_side_by_side_are_those_of_one_at_a_time_for_every_mix_of_lengths() {
    let keys: Vec<_> = (0..32).map(|n| HmacSha1::on(None, &[n; 20])).collect();
    let (bytes, units) = (bytes(4096), units());
    // All alike; ascending by one, and descending; with gaps; a few that are much longer; half of them; few.
    let lengths: [fn(usize, usize) -> Option<usize>; 7] = [
        |base, _| Some(base),
        |base, n| Some(base + n),
        |base, n| Some(base + 31 * (32 - n)),
        |base, n| (n % 3 != 0).then_some(base),
        |base, n| Some(if n % 11 == 5 { base + 1500 } else { base }),
        |base, n| Some(if n % 2 == 0 { base + 1000 } else { base }),
        |base, n| (n > 26).then_some(base + n),
    ];
    for base in (0..300).step_by(3) {
        for length in lengths {
            check_codes::<32>(&keys, &bytes, &units, |n| length(base, n));
        }
    }
}

#[test]
fn any_number_of_messages_gets_its_codes() {
    let keys: Vec<_> = (0..32).map(|n| HmacSha1::on(None, &[n; 20])).collect();
    let (bytes, units) = (bytes(4096), units());
    for count in 0..=32 {
        for base in [0, 40, 172, 1212] {
            check_codes::<32>(&keys, &bytes, &units, |n| (n < count).then_some(base));
            let one_is_longer =
                |n| (n < count).then_some(base + if n == count / 2 { 700 } else { 0 });
            check_codes::<32>(&keys, &bytes, &units, one_is_longer);
        }
    }
}

/// As `benches/batch.rs` measured it: packets of 20, 160 and 1200 bytes of payload that go out and that come in, by the fewest that gain.
#[test]
fn messages_go_together_if_that_costs_less_than_alone() {
    let never = None;
    let expected = [
        (
            "AVX-512 and SHA-NI",
            [[Some(4), Some(4), Some(2)], [Some(6), Some(4), Some(2)]],
        ),
        (
            "AVX2 and SHA-NI",
            [[Some(7), Some(6), Some(2)], [never, Some(7), Some(2)]],
        ),
        ("SHA-NI", [[never, never, Some(2)]; 2]),
        ("AVX-512", [[Some(2); 3]; 2]),
        ("AVX2", [[Some(2); 3]; 2]),
        ("none of them", [[never; 3]; 2]),
    ];
    for (name, units) in units() {
        let fewest = [5, 10].map(|beside| {
            [32, 172, 1212].map(|bytes| {
                (1..=8).find(|count| {
                    let mut chains = Chains::default();
                    (0..*count).for_each(|_| chains.add(bytes));
                    chains.are_faster_together_on(units, beside)
                })
            })
        });
        let (_, expected) = expected.iter().find(|(of, _)| *of == name).unwrap();
        assert_eq!(fewest, *expected, "{name}");
    }
}
