//! Offers and answers under any policies: see [`srtp_sdes_fuzz::negotiate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::negotiate(input));
