//! Headers of RTP and RTCP, read a second time bit by bit as RFC 3550 draws them. What is read shows in what is refused, and in where the
//! ciphertext begins.

use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, HeaderError, MasterKey, PacketKind, Plane, ProtectError,
    Receiver, Sender, UnprotectError,
};

use crate::{Input, oracle};

/// Elements that are encrypted, if there are any (RFC 6904).
const IDS: [u8; 5] = [1, 3, 14, 15, 200];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    Clear,
    Elements,
    Cryptex(Cryptex),
}

struct Case {
    suite: CryptoSuite,
    headers: Headers,
}

/// Sends the packet in `input`, and receives it.
///
/// # Panics
/// If it is taken or refused unlike the RFCs have it, or protected from another byte on than the header's end.
pub fn header(input: &[u8]) {
    let mut input = Input(input);
    let case = Case {
        suite: CryptoSuite::ALL[usize::from(input.byte()) % CryptoSuite::ALL.len()],
        headers: match input.byte() % 4 {
            0 => Headers::Clear,
            1 => Headers::Elements,
            2 => Headers::Cryptex(Cryptex::On),
            _ => Headers::Cryptex(Cryptex::Required),
        },
    };
    let packet = input.0;
    assert_eq!(PacketKind::of(packet), kind(packet));
    for plane in [Plane::Rtp, Plane::Rtcp] {
        case.send(plane, packet);
        case.receive(plane, packet);
    }
}

/// RFC 7983 §7, and RFC 5761 §4 for what is RTP there.
fn kind(packet: &[u8]) -> PacketKind {
    let (Some(first), second) = (packet.first(), packet.get(1)) else {
        return PacketKind::Unknown;
    };
    match (first, second) {
        (128..192, None) => PacketKind::Unknown,
        (128..192, Some(kind)) if (64..96).contains(&(kind & 0x7f)) && kind >> 7 == 1 => {
            PacketKind::Rtcp
        }
        (128..192, Some(_)) => PacketKind::Rtp,
        (0..4, _) => PacketKind::Stun,
        (16..20, _) => PacketKind::Zrtp,
        (20..64, _) => PacketKind::Dtls,
        (64..80, _) => PacketKind::TurnChannel,
        _ => PacketKind::Unknown,
    }
}

/// A field of a header, as the RFCs draw it: so many bits, from this one on.
fn field(packet: &[u8], from: usize, bits: usize) -> Option<usize> {
    let bit = |n: usize| Some(usize::from(packet.get(n / 8)? >> (7 - n % 8) & 1));
    (from..from + bits).try_fold(0, |value, n| Some(value << 1 | bit(n)?))
}

/// Bytes before the payload (RFC 3550 §5.1, §5.3.1), or of what SRTCP never encrypts (RFC 3711 §3.4).
fn length_of_header(plane: Plane, packet: &[u8]) -> Result<usize, HeaderError> {
    let length = packet.len();
    let has = |needed| {
        let too_short = HeaderError::TooShort { length, needed };
        (needed <= length).then_some(needed).ok_or(too_short)
    };
    let fixed = has(if plane == Plane::Rtp { 96 / 8 } else { 64 / 8 })?;
    let version = field(packet, 0, 2).unwrap_or_default() as u8;
    if version != 2 {
        return Err(HeaderError::Version { version });
    }
    let (x, cc) = (field(packet, 3, 1), field(packet, 4, 4));
    let csrcs = fixed + 4 * cc.unwrap_or_default();
    match (plane, x) {
        (Plane::Rtp, Some(1)) => {
            let words = field(packet, 8 * has(csrcs + 4)? - 16, 16);
            has(csrcs + 4 + 4 * words.unwrap_or_default())
        }
        (Plane::Rtp, _) => has(csrcs),
        _ => Ok(fixed),
    }
}

impl Case {
    fn key(&self) -> MasterKey {
        let key_and_salt: Vec<u8> = (7..).take(self.suite.key_and_salt_len()).collect();
        MasterKey::new(self.suite, &key_and_salt).unwrap()
    }

    fn options<D>(&self, builder: Builder<D>) -> Builder<D> {
        match self.headers {
            Headers::Clear => builder,
            Headers::Elements => builder.encrypted_header_extensions(IDS),
            Headers::Cryptex(cryptex) => builder.cryptex(cryptex),
        }
    }

    fn sender(&self) -> Option<Sender> {
        self.options(Sender::builder(self.key())).build().ok()
    }

    fn receiver(&self) -> Option<Receiver> {
        self.options(Receiver::builder(self.key())).build().ok()
    }

    /// What the RFCs make of a first packet.
    fn protected(&self, plane: Plane, plain: &[u8]) -> Result<Vec<u8>, ProtectError> {
        let header = length_of_header(plane, plain)?;
        let key = self.key();
        if plane == Plane::Rtcp {
            return Ok(oracle::protect(&key, None, plane, plain, 0));
        }
        let ssrc = field(plain, 64, 32).unwrap_or_default() as u32;
        let index = field(plain, 16, 16).unwrap_or_default() as u64;
        let as_it_is = |plain: &[u8]| Ok(oracle::protect(&key, None, plane, plain, index));
        let profile = match field(plain, 3, 1) {
            Some(1) => {
                let csrcs = field(plain, 4, 4).unwrap_or_default();
                field(plain, 96 + 32 * csrcs, 16)
            }
            _ => None,
        };
        match (self.headers, profile) {
            (Headers::Elements, _) if self.suite.encrypts() => {
                as_it_is(&oracle::encrypt_elements(&key, None, &IDS, plain, index))
            }
            (Headers::Clear | Headers::Elements, _) => as_it_is(plain),
            (Headers::Cryptex(_), Some(0xbede | 0x1000)) => {
                Ok(oracle::protect_cryptex(&key, None, plain, index))
            }
            (Headers::Cryptex(_), None) if header > 12 => {
                Ok(oracle::protect_cryptex(&key, None, plain, index))
            }
            (Headers::Cryptex(Cryptex::Required), Some(profile))
            | (_, Some(profile @ (0xc0de | 0xc2de))) => Err(ProtectError::CryptexProfile {
                ssrc,
                profile: profile as u16,
            }),
            (Headers::Cryptex(_), _) => as_it_is(plain),
        }
    }

    fn send(&self, plane: Plane, plain: &[u8]) {
        let (Some(mut sender), Some(mut receiver)) = (self.sender(), self.receiver()) else {
            return;
        };
        let mut packet = plain.to_vec();
        let protected = match plane {
            Plane::Rtp => sender.protect_rtp_vec(&mut packet),
            _ => sender.protect_rtcp_vec(&mut packet),
        };
        let protected = protected.map(|()| packet.clone());
        assert_eq!(protected, self.protected(plane, plain), "{plane}");
        if protected.is_err() {
            return;
        }
        let mut opened = packet;
        let opens = match plane {
            Plane::Rtp => receiver.unprotect_rtp_vec(&mut opened),
            _ => receiver.unprotect_rtcp_vec(&mut opened),
        };
        assert_eq!(opens, Ok(()));
        // Cryptex gives CSRCs an extension.
        assert!(opened == plain || opened.len() == plain.len() + 4);
    }

    /// Nobody protected it.
    fn receive(&self, plane: Plane, packet: &[u8]) {
        let Some(mut receiver) = self.receiver() else {
            return;
        };
        let verified = match plane {
            Plane::Rtp => receiver.verify_rtp(packet).map(drop),
            _ => receiver.verify_rtcp(packet).map(drop),
        };
        let (tag, word) = match plane {
            Plane::Rtp => (self.suite.rtp_tag_len(), 0),
            _ => (self.suite.rtcp_tag_len(), 4),
        };
        let (trailer, length) = (word + tag, packet.len());
        match length_of_header(plane, packet) {
            Err(error) => assert_eq!(verified, Err(UnprotectError::Malformed(error))),
            Ok(header) if length < header + trailer => {
                let needed = header + trailer;
                assert_eq!(verified, Err(UnprotectError::TooShort { length, needed }));
            }
            Ok(_) if tag > 0 => {
                let forged = matches!(verified, Err(UnprotectError::AuthenticationFailed { .. }));
                assert!(forged, "{verified:?}");
            }
            // Nothing is authenticated.
            Ok(_) => {}
        }
    }
}
