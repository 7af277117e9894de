//! RTP and RTCP from an application that checks nothing: see [`srtp_sdes_fuzz::send`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::send(input));
