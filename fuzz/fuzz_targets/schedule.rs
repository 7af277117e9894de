//! Packets, losses, re-keys and restarts in any order: see [`srtp_sdes_fuzz::schedule`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::schedule(input));
