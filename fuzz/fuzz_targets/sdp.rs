//! SDP texts from anywhere: see [`srtp_sdes_fuzz::sdp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::sdp(input));
