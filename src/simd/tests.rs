//! Every level does bit for bit what RustCrypto does.

use alloc::{vec, vec::Vec};

use super::{Level, every_level};
use crate::primitives::{Algorithm, BLOCK, BlockCipher, Gcm};
use crate::test_vectors::{FORTY_LENGTHS, LONGEST, bytes};

const SIZES: [Algorithm; 3] = [Algorithm::Aes128, Algorithm::Aes192, Algorithm::Aes256];
const NONCE: u128 = 0xc0c1_c2c3_c4c5_c6c7_c8c9_cacb;
/// Bytes on both sides that nobody may touch.
const GUARD: usize = 64;

fn aes(level: Option<Level>, size: Algorithm) -> BlockCipher {
    BlockCipher::on(level, size, |key| {
        let len = key.len();
        key.copy_from_slice(&bytes(100)[100 - len..]);
    })
}

fn gcm(level: Option<Level>, size: Algorithm) -> Gcm {
    Gcm::new(aes(level, size))
}

/// The levels of this CPU, without the portable one, under keys of every size.
fn each(mut check: impl FnMut(Level, Algorithm)) {
    for level in every_level().into_iter().flatten() {
        SIZES.into_iter().for_each(|size| check(level, size));
    }
}

/// Works on `data` at an address that lies `offset` behind a multiple of 64, between guards.
fn between_guards<T>(
    data: &[u8],
    offset: usize,
    work: impl FnOnce(&mut [u8]) -> T,
) -> (Vec<u8>, T) {
    let mut room = vec![0xa5; data.len() + 2 * GUARD + 128];
    let aligned = room.as_ptr().align_offset(64);
    let at = aligned + GUARD + offset;
    room[at..at + data.len()].copy_from_slice(data);
    let result = work(&mut room[at..at + data.len()]);
    let worked = room[at..at + data.len()].to_vec();
    room[at..at + data.len()].fill(0xa5);
    assert!(
        room.iter().all(|byte| *byte == 0xa5),
        "{} bytes at {offset}: a guard was touched",
        data.len()
    );
    (worked, result)
}

#[test]
fn single_blocks_agree() {
    each(|level, size| {
        let (ours, oracle) = (aes(Some(level), size), aes(None, size));
        for block in bytes(64 * BLOCK).as_chunks().0 {
            assert_eq!(
                ours.encrypt_block(block),
                oracle.encrypt_block(block),
                "{level:?} {size:?}"
            );
        }
    });
}

#[test]
fn the_keystream_agrees_on_every_length() {
    let first = 0xf1f2_f3f4_f5f6_f7f8_f9fa_fbfc_fdfe_0000;
    each(|level, size| {
        let plain = bytes(LONGEST);
        let mut expected = plain.clone();
        aes(None, size).xor_keystream(first, &mut expected);
        let ours = aes(Some(level), size);
        let check = |len: usize, offset: usize| {
            let (worked, ()) = between_guards(&plain[..len], offset, |data| {
                ours.xor_keystream(first, data)
            });
            assert_eq!(
                worked,
                expected[..len],
                "{level:?} {size:?}, {len} bytes at {offset}"
            );
        };
        (0..=LONGEST).for_each(|len| check(len, len % 64));
        for len in FORTY_LENGTHS {
            (0..64).for_each(|offset| check(len, offset));
        }
    });
}

#[test]
fn the_keystream_begins_behind_a_header_of_any_length_and_leaves_it_alone() {
    let first = 0xf1f2_f3f4_f5f6_f7f8_f9fa_fbfc_fdfe_0000;
    each(|level, size| {
        let packet = bytes(LONGEST);
        let (ours, oracle) = (aes(Some(level), size), aes(None, size));
        let check = |header: usize, len: usize| {
            let mut expected = packet[..len].to_vec();
            if let Some(data) = expected.get_mut(header..) {
                oracle.xor_keystream(first, data);
            }
            let (worked, ()) = between_guards(&packet[..len], len % 64, |packet| {
                ours.xor_keystream_behind(first, packet, header)
            });
            assert_eq!(
                worked, expected,
                "{level:?} {size:?}, {len} bytes, {header} of a header"
            );
        };
        (0..=LONGEST).for_each(|len| check(12, len));
        for header in 0..80 {
            (0..300).for_each(|len| check(header, len));
        }
    });
}

/// RFC 3711 §4.1.1: a packet has at most 2^16 blocks of keystream, counted in the lower 16 bits.
#[test]
fn the_keystream_agrees_to_the_last_of_65536_blocks_and_carries_into_nothing() {
    let first = u128::MAX << 16;
    let size = Algorithm::Aes128;
    let mut expected = vec![0; BLOCK << 16];
    aes(None, size).xor_keystream(first, &mut expected);
    for level in every_level().into_iter().flatten() {
        let mut worked = vec![0; BLOCK << 16];
        aes(Some(level), size).xor_keystream(first, &mut worked);
        assert!(worked == expected, "{level:?}");
    }
}

/// NIST SP 800-38D §6.2: `inc32`.
#[test]
fn only_the_lower_32_bits_count() {
    each(|level, size| {
        let ours = aes(Some(level), size);
        for before in 0..20u32 {
            let block = |n: u32| {
                let counter = 0u32.wrapping_sub(before).wrapping_add(n).to_be_bytes();
                let mut block = [0x77; BLOCK];
                block[12..].copy_from_slice(&counter);
                block
            };
            let mut keystream = vec![0; 40 * BLOCK];
            ours.xor_keystream(u128::from_be_bytes(block(0)), &mut keystream);
            for (n, keystream) in (0..).zip(keystream.as_chunks().0) {
                assert_eq!(
                    *keystream,
                    ours.encrypt_block(&block(n)),
                    "{level:?}, {before}, {n}"
                );
            }
        }
    });
}

/// Seals, and takes the tag of what was sealed, in a place with guards.
fn check_gcm([ours, oracle]: [&Gcm; 2], [aad, more_aad]: [&[u8]; 2], plain: &[u8], offset: usize) {
    let nonce = NONCE;
    let mut expected = plain.to_vec();
    oracle.xor_keystream(nonce, &mut expected);
    let expected_tag = oracle.tag(nonce, aad, more_aad, &expected);
    let at = || {
        alloc::format!(
            "{} bytes at {offset}, aad {} + {}",
            plain.len(),
            aad.len(),
            more_aad.len()
        )
    };

    let (sealed, tag) = between_guards(plain, offset, |data| ours.seal(nonce, aad, more_aad, data));
    assert_eq!(sealed, expected, "{}", at());
    assert_eq!(tag, expected_tag, "{}", at());
    let (same, tag) = between_guards(&sealed, offset, |data| ours.tag(nonce, aad, more_aad, data));
    assert_eq!((same, tag), (sealed.clone(), expected_tag), "{}", at());
    let (opened, ()) = between_guards(&sealed, offset, |data| ours.xor_keystream(nonce, data));
    assert_eq!(opened, plain, "{}", at());
}

#[test]
fn sealing_and_opening_agree_on_every_length() {
    each(|level, size| {
        let gcms = [&gcm(Some(level), size), &gcm(None, size)];
        let (plain, aad) = (bytes(LONGEST), bytes(12));
        for len in 0..=LONGEST {
            check_gcm(gcms, [&aad, &[]], &plain[..len], len % 64);
        }
        for len in FORTY_LENGTHS {
            (0..64).for_each(|offset| check_gcm(gcms, [&aad, &[]], &plain[..len], offset));
        }
    });
}

#[test]
fn sealing_and_opening_agree_on_every_split_of_associated_data() {
    each(|level, size| {
        let gcms = [&gcm(Some(level), size), &gcm(None, size)];
        let (plain, aad) = (bytes(320), bytes(72));
        for len in 0..=aad.len() {
            for more in 0..=len.min(BLOCK) {
                let (aad, more_aad) = aad[..len].split_at(len - more);
                for data in [0, 1, 16, 64, 160, 255, 256, 300] {
                    check_gcm(gcms, [aad, more_aad], &plain[..data], 0);
                }
            }
        }
    });
}

/// SRTCP that is authenticated and not enciphered (RFC 7714 §9.3).
#[test]
fn whole_packets_of_associated_data_agree() {
    let aad = bytes(1500);
    each(|level, size| {
        let gcms = [&gcm(Some(level), size), &gcm(None, size)];
        for len in (8..300).chain([1000, 1500]) {
            check_gcm(gcms, [&aad[..len], &[1, 2, 3, 4]], &[], 0);
        }
    });
}

#[test]
fn tags_over_two_pieces_agree() {
    let (aad, data) = ([5; BLOCK], bytes(700));
    each(|level, size| {
        let (ours, oracle) = (gcm(Some(level), size), gcm(None, size));
        for len in (0..400).chain([700]) {
            let whole = oracle.tag(NONCE, &aad, &[], &data[..len]);
            for first in (0..=60).step_by(4).filter(|first| *first <= len) {
                let pieces = data[..len].split_at(first).into();
                assert_eq!(
                    ours.tag_of_two(NONCE, aad, pieces),
                    whole,
                    "{level:?}, {first} of {len}"
                );
            }
        }
    });
}

#[test]
fn no_bit_can_be_changed_without_another_tag() {
    each(|level, size| {
        let gcm = gcm(Some(level), size);
        for len in [20, 160, 300] {
            let (data, aad, nonce) = (bytes(len), bytes(12), NONCE);
            let tag = gcm.tag(nonce, &aad, &[], &data);
            let flipped = |bytes: &[u8], bit: usize| {
                let mut bytes = bytes.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            for bit in 0..data.len() * 8 {
                assert_ne!(
                    gcm.tag(nonce, &aad, &[], &flipped(&data, bit)),
                    tag,
                    "{level:?} {bit}"
                );
            }
            for bit in 0..aad.len() * 8 {
                assert_ne!(
                    gcm.tag(nonce, &flipped(&aad, bit), &[], &data),
                    tag,
                    "{level:?} {bit}"
                );
            }
            for bit in 0..96 {
                let nonce = nonce ^ 1 << bit;
                assert_ne!(gcm.tag(nonce, &aad, &[], &data), tag, "{level:?} {bit}");
            }
        }
    });
}
