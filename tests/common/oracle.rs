//! Protection of a packet as the RFCs describe it, written a second time and for reading only: RFC 3711 §4 with any
//! key derivation rate, RFC 6188, RFC 7714, RFC 8269. It knows no streams and no limits: the caller names the index.

use aes::cipher::{
    BlockCipherEncrypt, KeyInit,
    consts::{U12, U16},
};
#[cfg(feature = "aria")]
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use srtp_sdes::{CryptoSuite, MasterKey, Plane};

/// The session key for `label` in epoch `r` (RFC 3711 §4.3): counter mode under the master key.
pub fn session_key(key: &MasterKey, label: u8, r: u64, len: usize) -> Vec<u8> {
    let suite = key.suite();
    let (master_key, salt) = key.secret_key_and_salt().split_at(suite.key_len());
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label;
    for (to, r) in block[8..14].iter_mut().zip(&r.to_be_bytes()[2..]) {
        *to ^= r;
    }
    keystream(Keyed(suite, master_key), block, len)
}

/// `len` bytes of counter mode that begins at `block` (RFC 3711 §4.1.1).
fn keystream(key: Keyed<'_>, block: [u8; 16], len: usize) -> Vec<u8> {
    let first = u128::from_be_bytes(block);
    let blocks = (0..).map(|n: u128| key.encrypt(first.wrapping_add(n).to_be_bytes()));
    blocks.flatten().take(len).collect()
}

/// The block cipher of a suite under a key.
#[derive(Clone, Copy)]
struct Keyed<'k>(CryptoSuite, &'k [u8]);

impl Keyed<'_> {
    fn is_aria(self) -> bool {
        self.0.name().contains("ARIA")
    }

    fn encrypt(self, block: [u8; 16]) -> [u8; 16] {
        fn with<C: KeyInit + BlockCipherEncrypt<BlockSize = U16>>(
            key: &[u8],
            block: [u8; 16],
        ) -> [u8; 16] {
            let mut block = block.into();
            C::new_from_slice(key).unwrap().encrypt_block(&mut block);
            block.into()
        }
        match (self.is_aria(), self.1.len()) {
            (false, 16) => with::<aes::Aes128>(self.1, block),
            (false, 24) => with::<aes::Aes192>(self.1, block),
            (false, _) => with::<aes::Aes256>(self.1, block),
            #[cfg(feature = "aria")]
            (true, 16) => with::<aria::Aria128>(self.1, block),
            #[cfg(feature = "aria")]
            (true, _) => with::<aria::Aria256>(self.1, block),
            #[cfg(not(feature = "aria"))]
            (true, _) => unreachable!(),
        }
    }

    /// GCM with its tag of 16 bytes behind the ciphertext.
    fn gcm(self, nonce: [u8; 12], plain: &[u8], aad: &[u8]) -> Vec<u8> {
        fn with<C: KeyInit + AeadInOut<NonceSize = U12, TagSize = U16>>(
            key: &[u8],
            nonce: [u8; 12],
            plain: &[u8],
            aad: &[u8],
        ) -> Vec<u8> {
            let mut sealed = plain.to_vec();
            let text = sealed.as_mut_slice().into();
            let gcm = C::new_from_slice(key).unwrap();
            let tag = gcm.encrypt_inout_detached(&nonce.into(), aad, text);
            sealed.extend(tag.unwrap());
            sealed
        }
        match (self.is_aria(), self.1.len()) {
            (false, 16) => with::<aes_gcm::Aes128Gcm>(self.1, nonce, plain, aad),
            (false, _) => with::<aes_gcm::Aes256Gcm>(self.1, nonce, plain, aad),
            #[cfg(feature = "aria")]
            (true, 16) => with::<AesGcm<aria::Aria128, U12>>(self.1, nonce, plain, aad),
            #[cfg(feature = "aria")]
            (true, _) => with::<AesGcm<aria::Aria256, U12>>(self.1, nonce, plain, aad),
            #[cfg(not(feature = "aria"))]
            (true, _) => unreachable!(),
        }
    }
}

/// The packet that a sender without options makes of `plain` at `index`, if it derives keys every 2^`rate` packets.
pub fn protect(
    key: &MasterKey,
    rate: Option<u32>,
    plane: Plane,
    plain: &[u8],
    index: u64,
) -> Vec<u8> {
    let header = match plane {
        Plane::Rtp => rtp_header(plain),
        Plane::Rtcp => 8,
    };
    protect_behind(key, rate, plane, plain, header, index, &|packet| packet)
}

/// The same of an RTP packet with cryptex (RFC 9335): CSRCs, contents of the extension and payload are enciphered in one piece, for which
/// the header of the extension stands ahead of the CSRCs.
pub fn protect_cryptex(key: &MasterKey, rate: Option<u32>, plain: &[u8], index: u64) -> Vec<u8> {
    let csrcs = usize::from(plain[0] & 15) * 4;
    let (fixed, rest) = plain.split_at(12);
    let (csrc_list, rest) = rest.split_at(csrcs);
    let (profile, words, rest) = match (plain[0] & 16, rest) {
        (0, _) => ([0xc0, 0xde], [0, 0], rest),
        (_, [0xbe, 0xde, w0, w1, rest @ ..]) => ([0xc0, 0xde], [*w0, *w1], rest),
        (_, [0x10, 0x00, w0, w1, rest @ ..]) => ([0xc2, 0xde], [*w0, *w1], rest),
        _ => panic!("not for cryptex"),
    };
    let mut ahead = [fixed, &profile, &words, csrc_list, rest].concat();
    ahead[0] |= 16;
    let as_sent = |packet: Vec<u8>| {
        let (extension, csrc_list) = (&packet[12..16], &packet[16..16 + csrcs]);
        [&packet[..12], csrc_list, extension, &packet[16 + csrcs..]].concat()
    };
    protect_behind(key, rate, Plane::Rtp, &ahead, 16, index, &as_sent)
}

/// Protects what is behind the first `header` bytes; what is authenticated by HMAC and comes out is `as_sent`.
fn protect_behind(
    key: &MasterKey,
    rate: Option<u32>,
    plane: Plane,
    plain: &[u8],
    header: usize,
    index: u64,
    as_sent: &dyn Fn(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let suite = key.suite();
    let r = rate.map_or(0, |rate| index >> rate);
    let label = if plane == Plane::Rtp { 0 } else { 3 };
    let cipher_key = session_key(key, label, r, suite.key_len());
    let auth_key = session_key(key, label + 1, r, 20);
    let salt = session_key(key, label + 2, r, suite.salt_len());
    let mki = key.mki().map_or(&[][..], |mki| mki.as_bytes());

    let tag_len = match plane {
        Plane::Rtp => suite.rtp_tag_len(),
        Plane::Rtcp => suite.rtcp_tag_len(),
    };
    let (header, payload) = plain.split_at(header);
    let ssrc = match plane {
        Plane::Rtp => &header[8..12],
        Plane::Rtcp => &header[4..8],
    };
    let e = u32::from(suite.encrypts()) << 31;
    let word = (e | index as u32).to_be_bytes();
    let word = if plane == Plane::Rtcp { &word[..] } else { &[] };
    let roc = ((index >> 16) as u32).to_be_bytes();

    if suite.is_aead() {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(ssrc);
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        nonce.iter_mut().zip(&salt).for_each(|(n, s)| *n ^= s);
        let aad = [header, word].concat();
        let sealed = Keyed(suite, &cipher_key).gcm(nonce, payload, &aad);
        let sealed = &sealed[..payload.len() + tag_len];
        return as_sent([header, sealed, word, mki].concat());
    }

    let stream = match suite {
        CryptoSuite::NullHmacSha1_80 | CryptoSuite::NullHmacSha1_32 => vec![0; payload.len()],
        CryptoSuite::F8_128HmacSha1_80 | CryptoSuite::F8_128HmacSha1_32 => {
            let iv = match plane {
                Plane::Rtp => [&[0], &header[1..12], &roc].concat(),
                Plane::Rtcp => [&[0; 4], word, header].concat(),
            };
            f8(
                suite,
                &cipher_key,
                &salt,
                iv.try_into().unwrap(),
                payload.len(),
            )
        }
        _ => {
            let mut block = [0; 16];
            block[4..8].copy_from_slice(ssrc);
            block[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
            block.iter_mut().zip(&salt).for_each(|(b, s)| *b ^= s);
            keystream(Keyed(suite, &cipher_key), block, payload.len())
        }
    };
    let sealed: Vec<u8> = payload.iter().zip(stream).map(|(p, s)| p ^ s).collect();
    let portion = as_sent([header, &sealed, word].concat());
    let mut hmac = <Hmac<Sha1> as KeyInit>::new_from_slice(&auth_key).unwrap();
    hmac.update(&portion);
    if plane == Plane::Rtp {
        hmac.update(&roc);
    }
    let tag = hmac.finalize().into_bytes();
    [&portion, mki, &tag[..tag_len]].concat()
}

/// Bytes of the header of an RTP packet: CSRCs and extension included.
pub fn rtp_header(packet: &[u8]) -> usize {
    let extension = 12 + usize::from(packet[0] & 15) * 4;
    match packet[0] & 16 {
        0 => extension,
        _ => {
            extension
                + 4
                + usize::from(packet[extension + 2]) * 1024
                + usize::from(packet[extension + 3]) * 4
        }
    }
}

/// `plain` with the elements `ids` of its header extension encrypted (RFC 6904): byte by byte as the RFC draws it, keystream AND mask.
pub fn encrypt_elements(
    key: &MasterKey,
    rate: Option<u32>,
    ids: &[u8],
    plain: &[u8],
    index: u64,
) -> Vec<u8> {
    let mut packet = plain.to_vec();
    if packet[0] & 16 == 0 {
        return packet;
    }
    let suite = key.suite();
    let r = rate.map_or(0, |rate| index >> rate);
    let cipher_key = session_key(key, 6, r, suite.key_len());
    let salt = session_key(key, 7, r, suite.salt_len());
    let (start, end) = (16 + usize::from(packet[0] & 15) * 4, rtp_header(plain));
    let contents = &plain[start..end];
    let stream = if matches!(
        suite,
        CryptoSuite::F8_128HmacSha1_80 | CryptoSuite::F8_128HmacSha1_32
    ) {
        let roc = ((index >> 16) as u32).to_be_bytes();
        let iv = [&[0], &plain[1..12], &roc].concat();
        f8(
            suite,
            &cipher_key,
            &salt,
            iv.try_into().unwrap(),
            contents.len(),
        )
    } else {
        let mut block = [0; 16];
        block[4..8].copy_from_slice(&plain[8..12]);
        block[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        block.iter_mut().zip(&salt).for_each(|(b, s)| *b ^= s);
        keystream(Keyed(suite, &cipher_key), block, contents.len())
    };
    let profile = u16::from_be_bytes([plain[start - 4], plain[start - 3]]);
    let mut at = 0;
    while at < contents.len() {
        let (id, first, length) = match (profile, contents[at]) {
            (_, 0) => (0, at + 1, 0),
            (0xbede, byte) => (byte >> 4, at + 1, usize::from(byte & 15) + 1),
            (0x1000..=0x100f, id) => (
                id,
                at + 2,
                contents.get(at + 1).map_or(0, |n| usize::from(*n)),
            ),
            _ => return packet,
        };
        if profile == 0xbede && contents[at] != 0 && (id == 0 || id == 15) {
            break;
        }
        at = first + length;
        if ids.contains(&id) {
            for n in first..at.min(contents.len()) {
                packet[start + n] ^= stream[n];
            }
        }
    }
    packet
}

/// RFC 3711 §4.1.2.
fn f8(suite: CryptoSuite, key: &[u8], salt: &[u8], iv: [u8; 16], len: usize) -> Vec<u8> {
    let mut masked = [0x55; 16];
    masked[..salt.len()].copy_from_slice(salt);
    masked.iter_mut().zip(key).for_each(|(m, k)| *m ^= k);
    let start = u128::from_be_bytes(Keyed(suite, &masked).encrypt(iv));
    let (mut block, mut stream) = (0, Vec::new());
    for j in 0..len.div_ceil(16) {
        let bytes = (start ^ j as u128 ^ block).to_be_bytes();
        block = u128::from_be_bytes(Keyed(suite, key).encrypt(bytes));
        stream.extend(block.to_be_bytes());
    }
    stream.truncate(len);
    stream
}
