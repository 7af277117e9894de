//! The dialogs of an INVITE under any policy: see [`srtp_sdes_fuzz::session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::session(input));
