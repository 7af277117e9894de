//! The example `decrypt_pcap`, run as a user runs it: what it opens, with keys from where, and what it says of the rest.

#[path = "encrypt_pcap/check.rs"]
#[allow(dead_code, reason = "it is that of two tests")]
mod check;
#[path = "encrypt_pcap/make.rs"]
#[allow(dead_code, reason = "it is that of several tests")]
mod make;
#[path = "encrypt_pcap/run.rs"]
#[allow(dead_code, reason = "it is that of several tests")]
mod run;

#[path = "decrypt_pcap/call.rs"]
mod call;
#[path = "decrypt_pcap/causes.rs"]
mod causes;
mod common;
#[path = "decrypt_pcap/inverse.rs"]
mod inverse;
#[path = "decrypt_pcap/output.rs"]
mod output;
#[path = "decrypt_pcap/peers.rs"]
mod peers;
#[path = "decrypt_pcap/keys.rs"]
mod keys;
