//! Exported state that was changed, and bytes that are none: see [`srtp_sdes_fuzz::import_state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| srtp_sdes_fuzz::import_state(input));
