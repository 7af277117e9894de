//! AES-GCM by itself, with the session key and nonces that SRTP gives it: no packet is parsed, no index kept.

use std::time::Duration;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use graviola::aead::AesGcm;
use srtp_sdes::CryptoSuite;

use super::{Contender, Context, Extent, Output, Party, one_by_one};
use crate::packets::{Direction, HEADER};

const TAG: usize = 16;

pub struct AwsLc;
pub struct Graviola;

impl Contender for AwsLc {
    fn name(&self) -> &str {
        "AWS-LC seal alone"
    }

    fn extent(&self) -> Extent {
        Extent::SealAlone
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        let algorithm = match suite {
            CryptoSuite::AeadAes128Gcm => &AES_128_GCM,
            CryptoSuite::AeadAes256Gcm => &AES_256_GCM,
            _ => return None,
        };
        party(direction, keys, |key| {
            LessSafeKey::new(UnboundKey::new(algorithm, key).expect("its length"))
        })
    }

    fn time_making(&self, _: CryptoSuite, _: &[u8], _: usize) -> Option<Duration> {
        None
    }
}

impl Contender for Graviola {
    fn name(&self) -> &str {
        "graviola seal alone"
    }

    fn extent(&self) -> Extent {
        Extent::SealAlone
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        match suite {
            CryptoSuite::AeadAes128Gcm | CryptoSuite::AeadAes256Gcm => {
                party(direction, keys, AesGcm::new)
            }
            _ => None,
        }
    }

    fn time_making(&self, _: CryptoSuite, _: &[u8], _: usize) -> Option<Duration> {
        None
    }
}

trait Aead: 'static {
    fn seal(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8], tag: &mut [u8; TAG]);
    fn open(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8]) -> bool;
}

impl Aead for LessSafeKey {
    fn seal(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8], tag: &mut [u8; TAG]) {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.seal_in_place_separate_tag(nonce, Aad::from(header), payload);
        tag.copy_from_slice(sealed.expect("a tag").as_ref());
    }

    fn open(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.open_in_place(nonce, Aad::from(header), payload)
            .is_ok()
    }
}

impl Aead for AesGcm {
    fn seal(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8], tag: &mut [u8; TAG]) {
        self.encrypt(&nonce, header, payload, tag);
    }

    fn open(&self, nonce: [u8; 12], header: &[u8], payload: &mut [u8]) -> bool {
        let (payload, tag) = payload.split_at_mut(payload.len() - TAG);
        self.decrypt(&nonce, header, payload, tag).is_ok()
    }
}

fn party<A: Aead>(
    direction: Direction,
    keys: &[Vec<u8>],
    aead: impl Fn(&[u8]) -> A,
) -> Option<Box<dyn Party>> {
    let session = |key: &Vec<u8>| {
        let (key, salt) = session_keys(key);
        let aead = aead(&key);
        Session { aead, salt }
    };
    match direction {
        Direction::Protect => one_by_one(keys, |key| Sealing(session(key))),
        Direction::Unprotect => one_by_one(keys, |key| Opening(session(key))),
    }
}

struct Session<A> {
    aead: A,
    salt: [u8; 12],
}

struct Sealing<A>(Session<A>);
struct Opening<A>(Session<A>);

impl<A: Aead> Context for Sealing<A> {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        let (packet, room) = buf.split_at_mut(len);
        let (header, payload) = packet.split_at_mut(HEADER);
        let (tag, _) = room.split_first_chunk_mut()?;
        let nonce = nonce(&self.0.salt, header);
        self.0.aead.seal(nonce, header, payload, tag);
        Some(Output::InPlace(len + TAG))
    }
}

impl<A: Aead> Context for Opening<A> {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        let (header, payload) = buf[..len].split_at_mut(HEADER);
        let nonce = nonce(&self.0.salt, header);
        let opened = self.0.aead.open(nonce, header, payload);
        opened.then_some(Output::InPlace(len - TAG))
    }
}

/// RFC 7714 §8.1, for the first 2^16 packets of a stream.
fn nonce(salt: &[u8; 12], header: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&header[8..12]);
    nonce[10..].copy_from_slice(&header[2..4]);
    std::array::from_fn(|at| nonce[at] ^ salt[at])
}

/// Session key and session salt (RFC 3711 §4.3.1, RFC 7714 §11).
fn session_keys(master_key: &[u8]) -> (Vec<u8>, [u8; 12]) {
    let (key, salt) = master_key.split_at(master_key.len() - 12);
    let keystream = |label: u8, len: usize| -> Vec<u8> {
        let mut x = [0; 16];
        x[..12].copy_from_slice(salt);
        x[7] ^= label;
        let blocks = (0..len.div_ceil(16) as u16).flat_map(|n| {
            x[14..].copy_from_slice(&n.to_be_bytes());
            encrypt(key, x)
        });
        blocks.take(len).collect()
    };
    let salt = keystream(2, 12).try_into().expect("12 bytes");
    (keystream(0, key.len()), salt)
}

fn encrypt(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    match key.len() {
        16 => aes::Aes128::new_from_slice(key)
            .expect("its length")
            .encrypt_block(&mut block),
        _ => aes::Aes256::new_from_slice(key)
            .expect("its length")
            .encrypt_block(&mut block),
    }
    block.into()
}
