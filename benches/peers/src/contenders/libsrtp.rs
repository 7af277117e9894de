//! libsrtp 2, from a shared library.
#![allow(unsafe_code, reason = "it is C")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::path::Path;
use std::ptr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use libloading::Library;
use srtp_sdes::CryptoSuite;

use super::{Contender, Context, Extent, Output, Party, REPLAY_WINDOW, one_by_one, time_making};
use crate::packets::Direction;

/// `srtp_crypto_policy_t`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CryptoPolicy {
    numbers: [c_int; 6],
}

/// `srtp_policy_t`, the same from 2.0 to 2.8.
#[repr(C)]
struct Policy {
    ssrc_type: c_int,
    ssrc_value: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *const u8,
    keys: *const c_void,
    num_master_keys: c_ulong,
    deprecated_ekt: *const c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *const c_int,
    enc_xtn_hdr_count: c_int,
    next: *const c_void,
}

/// The beginning of `srtp_cipher_type_t`.
#[repr(C)]
struct CipherType {
    functions: [*const c_void; 8],
    description: *const c_char,
}

type SetPolicy = unsafe extern "C" fn(*mut CryptoPolicy);
type Create = unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int;
type Dealloc = unsafe extern "C" fn(*mut c_void) -> c_int;
type Run = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

#[derive(Clone, Copy)]
pub struct Libsrtp {
    name: &'static str,
    library: &'static Library,
    create: Create,
    dealloc: Dealloc,
    protect: Run,
    unprotect: Run,
}

impl Libsrtp {
    /// Loads one that was built with OpenSSL.
    pub fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the initialisers of a library that the user names.
        let library = unsafe { Library::new(path) }.with_context(|| path.display().to_string())?;
        let library: &'static Library = Box::leak(Box::new(library));
        let version: unsafe extern "C" fn() -> *const c_char =
            symbol(library, "srtp_get_version_string")?;
        // SAFETY: the signatures in this function are those of srtp.h and crypto.h; the strings are constants of the libraries.
        let (version, back_end) = unsafe {
            let init: unsafe extern "C" fn() -> c_int = symbol(library, "srtp_init")?;
            ensure!(init() == 0, "srtp_init failed");
            let cipher: *const CipherType = symbol(library, "srtp_aes_icm_128")?;
            let description = CStr::from_ptr((*cipher).description).to_string_lossy();
            ensure!(
                description.to_lowercase().contains("openssl"),
                "this libsrtp has no OpenSSL in it, but {description}"
            );
            let openssl: unsafe extern "C" fn(c_int) -> *const c_char =
                symbol(library, "OpenSSL_version")?;
            (CStr::from_ptr(version()), CStr::from_ptr(openssl(0)))
        };
        let version = version.to_string_lossy();
        let version = version.trim_start_matches("libsrtp2 ");
        let back_end = back_end.to_string_lossy();
        let back_end: Vec<_> = back_end.split(' ').take(2).collect();
        let name = format!("libsrtp {version}, {}", back_end.join(" "));
        Ok(Self {
            name: name.leak(),
            library,
            create: symbol(library, "srtp_create")?,
            dealloc: symbol(library, "srtp_dealloc")?,
            protect: symbol(library, "srtp_protect")?,
            unprotect: symbol(library, "srtp_unprotect")?,
        })
    }

    fn policy(&self, suite: CryptoSuite) -> Option<CryptoPolicy> {
        let name = match suite {
            CryptoSuite::AesCm128HmacSha1_80 => "srtp_crypto_policy_set_rtp_default",
            CryptoSuite::Aes256CmHmacSha1_80 => "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80",
            CryptoSuite::AeadAes128Gcm => "srtp_crypto_policy_set_aes_gcm_128_16_auth",
            CryptoSuite::AeadAes256Gcm => "srtp_crypto_policy_set_aes_gcm_256_16_auth",
            _ => return None,
        };
        let set: SetPolicy = symbol(self.library, name).ok()?;
        let mut policy = CryptoPolicy::default();
        // SAFETY: it writes the six numbers.
        unsafe { set(&raw mut policy) };
        Some(policy)
    }

    fn session(&self, direction: Direction, suite: CryptoPolicy, key: &[u8]) -> Session {
        // Any SSRC, inbound or outbound.
        let (ssrc_type, run) = match direction {
            Direction::Protect => (3, self.protect),
            Direction::Unprotect => (2, self.unprotect),
        };
        let policy = Policy {
            ssrc_type,
            ssrc_value: 0,
            rtp: suite,
            rtcp: suite,
            key: key.as_ptr(),
            keys: ptr::null(),
            num_master_keys: 0,
            deprecated_ekt: ptr::null(),
            window_size: REPLAY_WINDOW.into(),
            allow_repeat_tx: 0,
            enc_xtn_hdr: ptr::null(),
            enc_xtn_hdr_count: 0,
            next: ptr::null(),
        };
        let mut session = ptr::null_mut();
        // SAFETY: the policy is complete, and the key has the length that the suite in it wants; both are copied.
        let status = unsafe { (self.create)(&raw mut session, &raw const policy) };
        assert_eq!(status, 0, "srtp_create");
        let dealloc = self.dealloc;
        Session {
            session,
            run,
            dealloc,
        }
    }
}

/// A function, or the address of a variable, by its name.
fn symbol<T: Copy>(library: &'static Library, name: &str) -> Result<T> {
    // SAFETY: every caller asks for the type that the headers of libsrtp and OpenSSL give the name.
    let found = unsafe { library.get::<T>(name) };
    Ok(*found.with_context(|| format!("no {name} in the library"))?)
}

impl Contender for Libsrtp {
    fn name(&self) -> &str {
        self.name
    }

    fn extent(&self) -> Extent {
        Extent::Srtp
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        let policy = self.policy(suite)?;
        one_by_one(keys, |key| self.session(direction, policy, key))
    }

    fn time_making(&self, suite: CryptoSuite, key: &[u8], number: usize) -> Option<Duration> {
        let policy = self.policy(suite)?;
        let make = || self.session(Direction::Protect, policy, key);
        Some(time_making(number, make))
    }
}

struct Session {
    session: *mut c_void,
    run: Run,
    dealloc: Dealloc,
}

impl Context for Session {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        let mut len = c_int::try_from(len).ok()?;
        // SAFETY: the buffer begins at a multiple of 4 and has room for a tag behind the packet.
        let status = unsafe { (self.run)(self.session, buf.as_mut_ptr().cast(), &raw mut len) };
        (status == 0).then(|| Output::InPlace(len as usize))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: it was made by srtp_create, and nobody else has it.
        unsafe { (self.dealloc)(self.session) };
    }
}
