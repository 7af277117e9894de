//! `a=crypto` lines from anywhere: see [`srtp_sdes_fuzz::crypto_line`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::crypto_line(input));
