//! Failover: the state of a sender or a receiver as bytes, with which another process goes on.
//!
//! | what | where |
//! |---|---|
//! | the state, without keys | [`Sender::export_state`], [`Receiver::export_state`] |
//! | a context that goes on with it, under the same keys | [`SenderBuilder::build_resumed`], [`ReceiverBuilder::build_resumed`] |
//! | both with the master keys in the state | [`Sender::export_secret_state`], [`Receiver::export_secret_state`], [`Sender::resume_secret`], [`Receiver::resume_secret`] |
//!
//! # How a call survives its process
//!
//! The keys are where the successor can read them, kept as secrets are. The process that sends exports its sender
//!
//! 1. when it has built or resumed it, before the first packet;
//! 2. again before more than so many packets have left, counted in each stream and plane, and sequence numbers, if it leaves some out;
//! 3. when it has set a rollover counter or changed keys, before the next packet,
//!
//! and goes on when the state is where the successor will find it. That number is the [`Margin`] which the successor names: it goes on beyond
//! all that the dead process can have sent. At 50 packets a second a margin of 1000 asks for a state every 20 seconds. Receivers lose nothing but what was
//! lost on the way, and see a gap in the sequence numbers. Where a stream is silent from one failover to the next, their margins add up; beyond
//! 2^15 sequence numbers receivers take the rollover counter for another one.
//!
//! A receiver is exported whenever it suits: what it accepts afterwards, its successor would accept again.
//!
//! ```
//! use srtp_sdes::{CryptoSuite, Margin, MasterKey, Receiver, Sender};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = || MasterKey::new(CryptoSuite::AesCm128HmacSha1_80, &[7; 30]);
//! let mut rtp = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe, b'h', b'i'];
//! let mut receiver = Receiver::new(key()?); // the peer's, which knows nothing of all this
//!
//! let mut sender = Sender::new(key()?);
//! let mut packet = rtp.clone();
//! sender.protect_rtp_vec(&mut packet)?;
//! receiver.unprotect_rtp(&mut packet)?;
//! let state = sender.export_state(); // to a file, a database, the standby
//! drop(sender); // up to 1000 packets of each stream later
//!
//! let margin = Margin::packets(1000).ok_or("a margin of 1 to 16383")?;
//! let mut sender = Sender::builder(key()?).build_resumed(&state, margin)?;
//! let state = sender.export_state(); // a successor's successor goes on from here
//! assert!(sender.protect_rtp_vec(&mut rtp.clone()).is_err()); // may have been sent
//! let next = sender.next_rtp_index(0xcafe_babe).ok_or("its indices are used up")?;
//! assert_eq!(next.value(), 1 + 1000 + 1);
//! rtp[2..4].copy_from_slice(&next.seq().to_be_bytes());
//! sender.protect_rtp_vec(&mut rtp)?;
//! receiver.unprotect_rtp(&mut rtp)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What nobody but the caller can see to
//!
//! - That the state is the last one. An older one authenticates as well, and costs what the margin does not cover.
//! - That one process goes on from it. Two that do use the same indices, and the dead one must be dead.
//! - That nothing happened between the export and the end that the margin does not tell: keys that came, rollover counters that were set. What the
//!   process did to its own sender after the last export, its successor does not know.
//!
//! # The bytes
//!
//! Numbers are big-endian. A list is its length in 4 bytes and its items; *short* is a length in 2 bytes and so many bytes; *maybe* is 0, or 1 and the value; a flag is 0
//! or 1. Anything else, and any byte that is left, is refused.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SRTPstat` |
//! | 2 | the version of the format: 1 |
//! | 1 | the kind: 1 sender, 2 receiver, 3 sender with keys, 4 receiver with keys |
//! | 8 | the length of all of it, from the first byte to the last |
//! | short | the name of the suite |
//! | 3 × 1 | flags: UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP |
//! | 1 | SRTCP tag: 0 the suite's, 4 or 10 bytes |
//! | maybe 1 | key derivation rate: the n of 2^n |
//! | 2 × 16 | encrypted header extensions: a bit for each identifier below 128, then for each from there |
//! | 1 | cryptex: 0 off, 1 on, 2 required |
//! | maybe | rollover counters in tags: 1, the mode 1 to 3; 2, the rate; maybe 1, bytes of the tag |
//! | 2, 8, 4, 8 | options: replay window, most streams, initial rollover counter, re-key threshold |
//! | | *sender*: flag for identical retransmission; 4, the SRTCP index at which streams begin |
//! | | *receiver*: flags: either SRTCP tag, either E bit, search for rollover counters |
//! | | *with keys*: list of: short, key and salt; maybe short, MKI; maybe 8, lifetime |
//! | list | keys: 16, by which it is recognised; short, MKI; 5 × 8, SRTP and SRTCP limit, serial number, SRTP and SRTCP packets |
//! | 8 | the serial number of the next key |
//! | list | keys of before: 16, by which each is recognised |
//! | | *sender*: 4, the place of the selected key; flag: was it resumed |
//! | | *receiver*: 4, bytes of the SRTCP tag that is tried first |
//! | list | streams by SSRC, ascending: 4, SSRC; SRTP window; SRTCP; maybe 8, serial number of the newest key when it was removed; and |
//! | | *sender*: maybe 8, the highest index of another process |
//! | | *receiver*: maybe: what may begin anew after a re-key |
//! | 20 | the code over everything before it |
//!
//! A window is its size in 2 bytes and, maybe, 8, the highest index, and maybe what was seen: blocks of 64 indices in 8 bytes, the index 64 n being bit 0 of block n, from
//! that of the highest index down to that of the lowest in the window. A highest index without them is of a stream that was removed, or of a sender beyond
//! a margin: everything up to it counts as seen. A window of SRTP is followed by maybe 4, the rollover counter of the next packet, and maybe 8,
//! the index beyond the window that packets without a tag came to, between those that carry the counter. A sender's SRTCP is maybe 4, the last index; a
//! receiver's is a window. What may begin anew is 8, the serial number of the first new key; 4, the rollover counter; a flag, whether that is likelier; 2, the size of windows; and for each plane 1, what the peer did (0 nothing yet, 1 went on, 2 began anew), and the
//! windows beside the stream's, those of SRTP with what follows them.
//!
//! The code is an HMAC-SHA1 under a key of its own, which a master key gives with the label 0xfe of RFC 3711 §4.3.2; with several master keys it
//! is the exclusive or of the codes of each. So a state is read where the very same master keys are, and nobody who lacks one of
//! them can change a byte of it. It is verified before anything behind the length is read; in a state with keys, which anybody can make who has keys, before anything behind
//! the keys. By what a key is recognised is 16 bytes under the label 0xff: neither shows anything of a key or a session key.
//!
//! Whatever changes in the bytes, or in what they mean, gets another version, and a version that is not known is refused.
//!
//! [`Sender::export_state`]: crate::Sender::export_state
//! [`Sender::export_secret_state`]: crate::Sender::export_secret_state
//! [`Sender::resume_secret`]: crate::Sender::resume_secret
//! [`Receiver::export_state`]: crate::Receiver::export_state
//! [`Receiver::export_secret_state`]: crate::Receiver::export_secret_state
//! [`Receiver::resume_secret`]: crate::Receiver::resume_secret
//! [`SenderBuilder::build_resumed`]: crate::SenderBuilder::build_resumed
//! [`ReceiverBuilder::build_resumed`]: crate::ReceiverBuilder::build_resumed

mod codec;
mod context;
mod margin;
mod options;

pub(crate) use codec::{Kind, Reader, StateKey, Writer, open, seal, split};
pub use margin::Margin;
