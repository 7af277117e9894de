//! SRTP from a hostile network: see [`srtp_sdes_fuzz::receive`].
#![no_main]

use srtp_sdes::Plane;

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::receive(Plane::Rtp, input));
