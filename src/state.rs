//! Failover: the state of a sender, a receiver or a session of SDES as bytes, with which another process goes on.
//!
//! | what | where |
//! |---|---|
//! | the state, without keys | [`Sender::export_state`], [`Receiver::export_state`] |
//! | a context that goes on with it, under the same keys | [`SenderBuilder::build_resumed`], [`ReceiverBuilder::build_resumed`] |
//! | both with the master keys in the state | [`Sender::export_secret_state`], [`Receiver::export_secret_state`], [`Sender::resume_secret`], [`Receiver::resume_secret`] |
//! | a session of SDES, without keys, and who goes on with it where the crypto lines are | [`Session::export_state`], [`Session::resume`] |
//! | with its lines and keys in the state | [`Session::export_secret_state`], [`Session::resume_secret`] |
//! | the contexts of a session that was resumed | [`Session::secret_sender_resumed`], [`Session::secret_receiver_resumed`] |
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
//! # A whole call
//!
//! Under SDES a [`Session`](crate::sdes::Session) knows what is agreed and on its way, and which keys were there before. It is exported after every exchange, before the
//! SDP that comes of it leaves, and the contexts after the changes that it says. The successor resumes the session, from a state with keys or from the crypto lines of the dialog's SDP, and the session
//! has the keys and options for the contexts' states, which need none.
//!
//! ```
//! use srtp_sdes::Margin;
//! use srtp_sdes::sdes::{MediaSection, OurSide, Outcome, Policy, Session, Signalling};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut seed = 0;
//! # let key = |suite| { seed += 1; srtp_sdes::MasterKey::generate_with(suite, |bytes| Ok::<_, std::fmt::Error>(bytes.fill(seed))) };
//! let policy = Policy::compatible();
//! let mut session = Session::new(&policy, Signalling::Secure);
//! session.offer_with(OurSide::default(), key)?; // `offer` takes its keys from the operating system
//! let answer = MediaSection {
//!     transport: "RTP/SAVP",
//!     port: 29078,
//!     attributes: &["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw"],
//! };
//! let Outcome::Srtp(changes) = session.answered(&answer, None)? else {
//!     return Err("no SRTP".into());
//! };
//! let (mut sender, mut receiver) = (None, None);
//! changes.apply(&mut sender, &mut receiver)?;
//!
//! // What the standby needs. The first is kept as keys are.
//! let session_state = session.export_secret_state();
//! let sender_state = sender.as_ref().map(|it| it.export_state()).ok_or("no sender")?;
//! let receiver_state = receiver.as_ref().map(|it| it.export_state()).ok_or("no receiver")?;
//! drop((session, sender, receiver));
//!
//! let mut session = Session::resume_secret(&session_state, &policy)?;
//! let margin = Margin::packets(1000).ok_or("a margin of 1 to 16383")?;
//! let sender = session.secret_sender_resumed(&sender_state, margin)?;
//! let receiver = session.secret_receiver_resumed(&receiver_state)?;
//! # let _ = (sender, receiver);
//! // The dialog goes on: a re-offer has the line in use.
//! # let key = |suite| srtp_sdes::MasterKey::generate_with(suite, |bytes| Ok::<_, std::fmt::Error>(bytes.fill(99)));
//! let offer = session.offer_with(OurSide::default(), key)?;
//! assert_eq!(offer.attributes().count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What nobody but the caller can see to
//!
//! - That the state is the last one. An older one authenticates as well, and costs what the margin does not cover.
//! - That one process goes on from it. Two that do use the same indices, and the dead one must be dead.
//! - That the states of a session and of its contexts are of one moment, after a re-key above all: those before are kept until all of the new ones are
//!   there, or they do not fit each other.
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
//! | 1 | the kind: 1 sender, 2 receiver, 3 sender with keys, 4 receiver with keys, 5 session, 6 session with keys |
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
//! A session has, in place of what begins with the name of the suite:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | flag: is the signalling secure |
//! | 1 | the policy's cryptex, as above |
//! | 1 | flag: has there been an offer |
//! | 2 × maybe | where our media comes to, and the peer's: short, the 4 or 16 bytes of the IP address; 2, the port |
//! | 2 × list | keys of ours and of the peer's: 16, by which each is recognised |
//! | maybe | what is agreed: 2 flags, for a secure profile and for feedback; our line and the peer's; flag: have we a sender; 1, its cryptex |
//! | 1 | the exchange: 0 none; 1 and our offer; 2 and what is prepared |
//! | maybe | the offer of the INVITE, of which forks may come |
//!
//! A line is short, its text, in a state with keys, and else 20 bytes: a code, as below, over its text under its first key. An offer is 2 flags for its profile;
//! a list of lines, at most 256, each with a flag: has its key no sender yet; maybe our address; flags: do new keys begin at 0, is it the first one, was it answered. What is prepared is, maybe, what will be agreed; both
//! addresses; and 0 and what becomes of sender (0 to 3: keep, cryptex, re-key, start) and receiver (0 to 3: keep, start, re-key with the kept rollover counter likelier, or 0), or 1 and
//! plain RTP: 2 flags for its profile and maybe 4, a reason; or 2 for port 0.
//!
//! The code is an HMAC-SHA1 under a key of its own, which a master key gives with the label 0xfe of RFC 3711 §4.3.2; with several master keys it
//! is the exclusive or of the codes of each. So a state is read where the very same master keys are, and nobody who lacks one of
//! them can change a byte of it. It is verified before anything behind the length is read; in a state with keys, which anybody can make who has keys, before anything behind
//! the keys. For a session it takes the first keys of both lines in force; or of those that are prepared; or that of an offer. A session without lines is
//! protected from damage alone, and anybody can put it in the place of another. By what a key is recognised is 16 bytes under the label 0xff: neither shows anything of a key or a session key.
//!
//! Whatever changes in the bytes, or in what they mean, gets another version, and a version that is not known is refused.
//!
//! [`Sender::export_state`]: crate::Sender::export_state
//! [`Sender::export_secret_state`]: crate::Sender::export_secret_state
//! [`Sender::resume_secret`]: crate::Sender::resume_secret
//! [`Receiver::export_state`]: crate::Receiver::export_state
//! [`Receiver::export_secret_state`]: crate::Receiver::export_secret_state
//! [`Receiver::resume_secret`]: crate::Receiver::resume_secret
//! [`Session::export_state`]: crate::sdes::Session::export_state
//! [`Session::export_secret_state`]: crate::sdes::Session::export_secret_state
//! [`Session::resume`]: crate::sdes::Session::resume
//! [`Session::resume_secret`]: crate::sdes::Session::resume_secret
//! [`Session::secret_sender_resumed`]: crate::sdes::Session::secret_sender_resumed
//! [`Session::secret_receiver_resumed`]: crate::sdes::Session::secret_receiver_resumed
//! [`SenderBuilder::build_resumed`]: crate::SenderBuilder::build_resumed
//! [`ReceiverBuilder::build_resumed`]: crate::ReceiverBuilder::build_resumed

mod codec;
mod context;
mod margin;
mod options;

pub(crate) use codec::{Kind, Reader, StateKey, Writer, open, seal, split};
pub use margin::Margin;
