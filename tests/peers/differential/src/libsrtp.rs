//! libsrtp 2.5 over its public C interface, as a sender or a receiver.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::{null_mut, without_provenance_mut};

use srtp_sdes::{CryptoSuite, Plane};

use crate::setup::Setup;
use crate::verdict::{Cause, Verdict};

const AES_ICM_128: u32 = 1;
const AES_ICM_256: u32 = 5;
const AES_GCM_128: u32 = 6;
const AES_GCM_256: u32 = 7;
const NULL_CIPHER: u32 = 0;
const NULL_AUTH: u32 = 0;
const HMAC_SHA1: u32 = 3;
const CONF: c_uint = 1;
const AUTH: c_uint = 2;
const SSRC_SPECIFIC: c_uint = 1;
const SSRC_ANY_INBOUND: c_uint = 2;
const SSRC_ANY_OUTBOUND: c_uint = 3;

#[repr(C)]
#[derive(Clone, Copy)]
struct CryptoPolicy {
    cipher_type: u32,
    cipher_key_len: c_int,
    auth_type: u32,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    sec_serv: c_uint,
}

#[repr(C)]
struct Master {
    key: *mut u8,
    mki: *mut u8,
    mki_size: c_uint,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Policy {
    ssrc_type: c_uint,
    ssrc: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut *mut Master,
    num_master_keys: c_ulong,
    deprecated_ekt: *mut c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *mut c_int,
    enc_xtn_hdr_count: c_int,
    next: *mut Policy,
}

#[link(name = "srtp2")]
unsafe extern "C" {
    safe fn srtp_init() -> c_int;
    safe fn srtp_get_version_string() -> *const c_char;
    fn srtp_create(session: *mut *mut c_void, policy: *const Policy) -> c_int;
    fn srtp_dealloc(session: *mut c_void) -> c_int;
    fn srtp_set_stream_roc(session: *mut c_void, ssrc: u32, roc: u32) -> c_int;
    fn srtp_protect_mki(
        s: *mut c_void,
        p: *mut u32,
        n: *mut c_int,
        use_mki: c_uint,
        key: c_uint,
    ) -> c_int;
    fn srtp_protect_rtcp_mki(
        s: *mut c_void,
        p: *mut u32,
        n: *mut c_int,
        use_mki: c_uint,
        key: c_uint,
    ) -> c_int;
    fn srtp_unprotect_mki(s: *mut c_void, p: *mut u32, n: *mut c_int, use_mki: c_uint) -> c_int;
    fn srtp_unprotect_rtcp_mki(
        s: *mut c_void,
        p: *mut u32,
        n: *mut c_int,
        use_mki: c_uint,
    ) -> c_int;
}

/// Starts the library. Its version has to be one whose structures and departures are known here.
pub fn start() -> Result<String, String> {
    // SAFETY: a string that lives as long as the library.
    let version = unsafe { CStr::from_ptr(srtp_get_version_string()) };
    let version = version.to_string_lossy().into_owned();
    if !version.starts_with("libsrtp2 2.5.") {
        return Err(format!("{version}: written for libsrtp2 2.5"));
    }
    match srtp_init() {
        0 => Ok(version),
        status => Err(format!("{version} does not start: status {status}")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Outbound,
    Inbound,
}

/// A session, in one direction.
pub struct LibSrtp {
    session: *mut c_void,
    use_mki: c_uint,
    /// The library wants packets aligned to 32 bits.
    room: Vec<u32>,
}

/// Does this library have it? AES-192 it has, with other session keys than RFC 6188: see [`crate::differences`].
pub fn has(suite: CryptoSuite) -> bool {
    cipher(suite).is_some()
}

fn cipher(suite: CryptoSuite) -> Option<u32> {
    use CryptoSuite as S;
    match suite {
        S::AesCm128HmacSha1_80 | S::AesCm128HmacSha1_32 | S::AesCm128NullAuth => Some(AES_ICM_128),
        S::Aes256CmHmacSha1_80 | S::Aes256CmHmacSha1_32 => Some(AES_ICM_256),
        S::AeadAes128Gcm | S::AeadAes128Gcm8 => Some(AES_GCM_128),
        S::AeadAes256Gcm | S::AeadAes256Gcm8 => Some(AES_GCM_256),
        S::NullHmacSha1_80 | S::NullHmacSha1_32 => Some(NULL_CIPHER),
        _ => None,
    }
}

/// What one plane is protected with.
fn crypto(setup: &Setup, tag: usize, encrypts: bool) -> CryptoPolicy {
    let suite = setup.suite;
    let has_hmac = !suite.is_aead() && tag > 0;
    let conf = if encrypts { CONF } else { 0 };
    let auth = if tag > 0 { AUTH } else { 0 };
    CryptoPolicy {
        cipher_type: cipher(suite).expect("a suite that it has"),
        cipher_key_len: suite.key_and_salt_len() as c_int,
        auth_type: if has_hmac { HMAC_SHA1 } else { NULL_AUTH },
        auth_key_len: if has_hmac { 20 } else { 0 },
        auth_tag_len: tag as c_int,
        sec_serv: conf | auth,
    }
}

impl LibSrtp {
    pub fn new(setup: &Setup, direction: Direction) -> Self {
        let suite = setup.suite;
        let mut keys = setup.keys.clone();
        let mut ids: Vec<c_int> = setup
            .encrypted_ids
            .iter()
            .map(|id| c_int::from(*id))
            .collect();
        let mut masters: Vec<Master> = keys
            .iter_mut()
            .map(|(key, mki)| Master {
                key: key.as_mut_ptr(),
                mki: mki.as_mut_ptr(),
                mki_size: mki.len() as c_uint,
            })
            .collect();
        let mut list: Vec<*mut Master> = masters.iter_mut().map(std::ptr::from_mut).collect();
        let wildcard = match direction {
            Direction::Outbound => SSRC_ANY_OUTBOUND,
            Direction::Inbound => SSRC_ANY_INBOUND,
        };
        let clear_rtcp = match direction {
            Direction::Outbound => setup.unencrypted_srtcp,
            Direction::Inbound => setup.receiver_unencrypted_srtcp,
        };
        let one = Policy {
            ssrc_type: wildcard,
            ssrc: 0,
            rtp: crypto(
                setup,
                setup.tag(Plane::Rtp),
                suite.encrypts() && !setup.unencrypted_srtp,
            ),
            rtcp: crypto(
                setup,
                setup.tag(Plane::Rtcp),
                suite.encrypts() && !clear_rtcp,
            ),
            key: null_mut(),
            keys: list.as_mut_ptr(),
            num_master_keys: list.len() as c_ulong,
            deprecated_ekt: null_mut(),
            window_size: c_ulong::from(setup.window),
            allow_repeat_tx: c_int::from(setup.retransmits),
            enc_xtn_hdr: if ids.is_empty() {
                null_mut()
            } else {
                ids.as_mut_ptr()
            },
            enc_xtn_hdr_count: ids.len() as c_int,
            next: null_mut(),
        };
        // A rollover counter can be set for streams that are named alone.
        let mut policies = vec![one];
        if setup.roc > 0 {
            let named = |ssrc: &u32| Policy {
                ssrc_type: SSRC_SPECIFIC,
                ssrc: *ssrc,
                ..one
            };
            policies = setup.ssrcs.iter().map(named).collect();
        }
        for at in (1..policies.len()).rev() {
            policies[at - 1].next = &raw mut policies[at];
        }

        let mut session = without_provenance_mut(0);
        // SAFETY: the structures are those of the header of 2.5; everything they point to lives until the end of this function, and
        // the library copies it.
        let status = unsafe { srtp_create(&mut session, policies.as_ptr()) };
        assert_eq!(status, 0, "libsrtp refuses the policy of {setup:?}");
        for ssrc in setup.ssrcs.iter().filter(|_| setup.roc > 0) {
            // SAFETY: a session that was made.
            let status = unsafe { srtp_set_stream_roc(session, *ssrc, setup.roc) };
            assert_eq!(status, 0, "libsrtp refuses the rollover counter");
        }
        let use_mki = c_uint::from(setup.has_mki());
        Self {
            session,
            use_mki,
            room: vec![0; 2048],
        }
    }

    /// Protects under the key of that number.
    pub fn protect(&mut self, plane: Plane, plain: &[u8], key: usize) -> Verdict {
        let (session, use_mki) = (self.session, self.use_mki);
        self.convert(plain, |packet, len| {
            // SAFETY: the room is for the packet and the longest trailer.
            unsafe {
                match plane {
                    Plane::Rtp => srtp_protect_mki(session, packet, len, use_mki, key as c_uint),
                    _ => srtp_protect_rtcp_mki(session, packet, len, use_mki, key as c_uint),
                }
            }
        })
    }

    pub fn unprotect(&mut self, plane: Plane, packet: &[u8]) -> Verdict {
        let (session, use_mki) = (self.session, self.use_mki);
        self.convert(packet, |packet, len| {
            // SAFETY: it writes to the packet alone.
            unsafe {
                match plane {
                    Plane::Rtp => srtp_unprotect_mki(session, packet, len, use_mki),
                    _ => srtp_unprotect_rtcp_mki(session, packet, len, use_mki),
                }
            }
        })
    }

    fn convert(
        &mut self,
        packet: &[u8],
        call: impl FnOnce(*mut u32, *mut c_int) -> c_int,
    ) -> Verdict {
        // The longest trailer: index, MKI and tag.
        let room = packet.len() + 4 + 128 + 16;
        assert!(room <= self.room.len() * 4);
        for (word, bytes) in self.room.iter_mut().zip(packet.chunks(4)) {
            let mut padded = [0; 4];
            padded[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_ne_bytes(padded);
        }
        let mut len = packet.len() as c_int;
        match call(self.room.as_mut_ptr(), &mut len) {
            0 => {
                let bytes = self.room.iter().flat_map(|word| word.to_ne_bytes());
                Verdict::Accepted(bytes.take(len as usize).collect())
            }
            status => Verdict::Refused(cause(status)),
        }
    }
}

impl Drop for LibSrtp {
    fn drop(&mut self) {
        // SAFETY: made by `srtp_create`, and nobody else has it.
        unsafe { srtp_dealloc(self.session) };
    }
}

fn cause(status: c_int) -> Cause {
    match status {
        7 | 8 => Cause::Authentication,
        9 => Cause::Replayed,
        10 => Cause::TooOld,
        14 => Cause::EncryptionMismatch,
        2 | 21 => Cause::Shape,
        25 => Cause::Mki,
        _ => Cause::Other,
    }
}
