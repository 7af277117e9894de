//! Headers of RTP and RTCP: see [`srtp_sdes_fuzz::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::header(input));
