//! libsrtp 2, as `srtp2-sys` builds it or from a shared library.
#![allow(unsafe_code, non_snake_case, reason = "it is C")]

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

type Text = unsafe extern "C" fn() -> *const c_char;
type Number = unsafe extern "C" fn() -> c_int;
type NumberedText = unsafe extern "C" fn(c_int) -> *const c_char;
type SetPolicy = unsafe extern "C" fn(*mut CryptoPolicy);
type Create = unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int;
type Dealloc = unsafe extern "C" fn(*mut c_void) -> c_int;
type Run = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

/// What is called, under the names that the headers of libsrtp and OpenSSL give it.
macro_rules! functions {
    ($($name:ident: $type:ty,)*) => {
        #[derive(Clone, Copy)]
        struct Functions {
            $($name: $type,)*
            srtp_aes_icm_128: *const CipherType,
        }

        impl Functions {
            /// Of the libsrtp that `srtp2-sys` built with the system's OpenSSL.
            fn linked() -> Self {
                $(let $name: $type = linked::$name;)*
                Self {
                    $($name,)*
                    srtp_aes_icm_128: &raw const linked::srtp_aes_icm_128,
                }
            }

            fn of(library: &'static Library) -> Result<Self> {
                Ok(Self {
                    $($name: symbol(library, stringify!($name))?,)*
                    srtp_aes_icm_128: symbol(library, "srtp_aes_icm_128")?,
                })
            }
        }
    };
}

functions! {
    srtp_get_version_string: Text,
    OpenSSL_version: NumberedText,
    srtp_init: Number,
    srtp_create: Create,
    srtp_dealloc: Dealloc,
    srtp_protect: Run,
    srtp_unprotect: Run,
    srtp_crypto_policy_set_rtp_default: SetPolicy,
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80: SetPolicy,
    srtp_crypto_policy_set_aes_gcm_128_16_auth: SetPolicy,
    srtp_crypto_policy_set_aes_gcm_256_16_auth: SetPolicy,
}

/// What `srtp2-sys` and `openssl-sys` link.
mod linked {
    use super::{CipherType, CryptoPolicy, Policy, c_char, c_int, c_void};
    use srtp2_sys as _;

    unsafe extern "C" {
        pub static srtp_aes_icm_128: CipherType;
        pub fn srtp_get_version_string() -> *const c_char;
        pub fn OpenSSL_version(which: c_int) -> *const c_char;
        pub fn srtp_init() -> c_int;
        pub fn srtp_create(session: *mut *mut c_void, policy: *const Policy) -> c_int;
        pub fn srtp_dealloc(session: *mut c_void) -> c_int;
        pub fn srtp_protect(session: *mut c_void, packet: *mut c_void, len: *mut c_int) -> c_int;
        pub fn srtp_unprotect(session: *mut c_void, packet: *mut c_void, len: *mut c_int) -> c_int;
        pub fn srtp_crypto_policy_set_rtp_default(policy: *mut CryptoPolicy);
        pub fn srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(policy: *mut CryptoPolicy);
        pub fn srtp_crypto_policy_set_aes_gcm_128_16_auth(policy: *mut CryptoPolicy);
        pub fn srtp_crypto_policy_set_aes_gcm_256_16_auth(policy: *mut CryptoPolicy);
    }
}

#[derive(Clone, Copy)]
pub struct Libsrtp {
    name: &'static str,
    functions: Functions,
}

impl Libsrtp {
    /// The one that this program is linked with.
    pub fn linked() -> Result<Self> {
        Self::with(Functions::linked())
    }

    /// Loads one that was built with OpenSSL.
    pub fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the initialisers of a library that the user names.
        let library = unsafe { Library::new(path) }.with_context(|| path.display().to_string())?;
        Self::with(Functions::of(Box::leak(Box::new(library)))?)
    }

    fn with(functions: Functions) -> Result<Self> {
        // SAFETY: the signatures are those of srtp.h and crypto.h; the strings and the cipher are constants of the libraries.
        let (version, back_end) = unsafe {
            ensure!((functions.srtp_init)() == 0, "srtp_init failed");
            let description = CStr::from_ptr((*functions.srtp_aes_icm_128).description);
            let description = description.to_string_lossy();
            ensure!(
                description.to_lowercase().contains("openssl"),
                "this libsrtp has no OpenSSL in it, but {description}"
            );
            let version = (functions.srtp_get_version_string)();
            let back_end = (functions.OpenSSL_version)(0);
            (CStr::from_ptr(version), CStr::from_ptr(back_end))
        };
        let version = version.to_string_lossy();
        let version = version.trim_start_matches("libsrtp2 ");
        let back_end = back_end.to_string_lossy();
        let back_end: Vec<_> = back_end.split(' ').take(2).collect();
        let name = format!("libsrtp {version}, {}", back_end.join(" "));
        Ok(Self {
            name: name.leak(),
            functions,
        })
    }

    fn policy(&self, suite: CryptoSuite) -> Option<CryptoPolicy> {
        let set = match suite {
            CryptoSuite::AesCm128HmacSha1_80 => self.functions.srtp_crypto_policy_set_rtp_default,
            CryptoSuite::Aes256CmHmacSha1_80 => {
                self.functions
                    .srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80
            }
            CryptoSuite::AeadAes128Gcm => self.functions.srtp_crypto_policy_set_aes_gcm_128_16_auth,
            CryptoSuite::AeadAes256Gcm => self.functions.srtp_crypto_policy_set_aes_gcm_256_16_auth,
            _ => return None,
        };
        let mut policy = CryptoPolicy::default();
        // SAFETY: it writes the six numbers.
        unsafe { set(&raw mut policy) };
        Some(policy)
    }

    fn session(&self, direction: Direction, suite: CryptoPolicy, key: &[u8]) -> Session {
        // Any SSRC, inbound or outbound.
        let (ssrc_type, run) = match direction {
            Direction::Protect => (3, self.functions.srtp_protect),
            Direction::Unprotect => (2, self.functions.srtp_unprotect),
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
        let status = unsafe { (self.functions.srtp_create)(&raw mut session, &raw const policy) };
        assert_eq!(status, 0, "srtp_create");
        let dealloc = self.functions.srtp_dealloc;
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
