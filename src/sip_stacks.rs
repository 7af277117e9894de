//! How a SIP stack plugs in: dialog events, threads, where keys live. This page has no code of its own.
//!
//! # Who holds what
//!
//! | value | how many | where |
//! |---|---|---|
//! | [`Policy`](crate::sdes::Policy) | one a trunk or account | configuration |
//! | [`Session`](crate::sdes::Session) | one an `m=` section and dialog | with the dialog, where signalling is done |
//! | [`Sender`](crate::Sender), [`Receiver`](crate::Receiver) | one each a session under SRTP | where that direction's packets are |
//! | [`SenderChange`](crate::sdes::SenderChange), [`ReceiverChange`](crate::sdes::ReceiverChange) | one each an exchange | on their way from the one to the other |
//!
//! A stack hands over what it has parsed: transport, port and attributes of a section, and the address that `c=` and `m=` name. It gets lines to
//! write, and what changes. [`sections`](crate::sdes::sections) and [`with_secret_lines`](crate::sdes::with_secret_lines) read and write SDP
//! texts where there is no SDP parser.
//!
//! # From dialog events to calls
//!
//! | event | call | and then |
//! |---|---|---|
//! | an INVITE or UPDATE goes out | [`offer`](crate::sdes::Session::offer) | its [`profile`](crate::sdes::Offer::profile) and [lines](crate::sdes::Offer::attributes) go into the section; without [keys](crate::sdes::Offer::has_keys) under a secure profile do not call at all |
//! | the answer comes: in 183, 200, or the ACK after an INVITE without SDP | [`answered`](crate::sdes::Session::answered), for each | apply the changes; after [`Reject`](crate::sdes::Outcome::Reject) ACK and BYE, or CANCEL while early, with `Reason: Q.850;cause=88` |
//! | an answer comes with another To tag | [`answered_by_fork`](crate::sdes::Session::answered_by_fork) | a session for that dialog; where its sender is [`Missing`](crate::sdes::SenderChange::Missing), UPDATE with a fresh key before media goes there |
//! | our re-INVITE or UPDATE fails, 491 included | [`rollback`](crate::sdes::Session::rollback) | nothing: media never changed |
//! | an INVITE, re-INVITE or UPDATE comes with an offer | [`offered`](crate::sdes::Session::offered) | write the answer; [`Reject`](crate::sdes::Response::Reject) is 488 with a `Warning`; the call goes on as before |
//! | … while another exchange is open | | [`ExchangeOpen`](crate::sdes::SessionError::ExchangeOpen) is 491 |
//! | the 183, 200 or ACK with that answer goes out | [`commit`](crate::sdes::Session::commit) | apply the changes; a repeated answer has [`our_line`](crate::sdes::Session::our_line) again |
//! | it does not: CANCEL, an error elsewhere | [`rollback`](crate::sdes::Session::rollback) | nothing |
//! | hold and resume, from either side | as any offer | `c=0.0.0.0` is no address change; keys stay |
//! | our media moves | [`OurSide::at`](crate::sdes::OurSide::at) the new address | new key, rollover counters of 0, as RFC 4568 §7.1.4 asks |
//! | [`needs_rekey`](crate::Sender::needs_rekey) | [`offer`](crate::sdes::Session::offer) with [a fresh key](crate::sdes::OurSide::with_fresh_key) | |
//! | BYE | | drop session, sender and receiver: keys are wiped |
//!
//! A call over several sections has a session for each. One TLS hop is what [`Signalling`](crate::sdes::Signalling) asks about: over clear SIP
//! keys are neither offered nor accepted unless the policy says so.
//!
//! # Threads
//!
//! A session does no input or output and waits for nothing. Its changes are `Send`: a channel to the media thread is enough, and no lock is
//! held while packets are protected. A change makes its context under the old one's counters, so that it has to reach the thread in the order
//! in which exchanges were committed, and once. The receiver's should be in place when the answer goes out, the sender's may follow.
//!
//! # Where keys live
//!
//! In [`MasterKey`](crate::MasterKey), in a [`CryptoAttribute`](crate::sdes::CryptoAttribute) with its text, in a session (the two lines in force and
//! an open offer's), in contexts as session keys. All of these are wiped when dropped, and show nothing in `Debug`. What a stack makes of a
//! line is its own: an SDP text in a message buffer, a trace, a log of SIP messages has the keys in it. Every method that gives them
//! away has `secret` in its name.
//!
//! # With an SDP crate
//!
//! The answering side, with [`sdp-types`](https://docs.rs/sdp-types) as the parser and a thread for the media.
//!
//! ```
//! # #[cfg(not(feature = "getrandom"))] fn main() {}
//! # #[cfg(feature = "getrandom")] fn main() {
//! use std::net::SocketAddr;
//! use std::sync::mpsc::{self, Receiver as Inbox, Sender as Outbox};
//!
//! use srtp_sdes::sdes::{
//!     MediaSection, OurSide, Outcome, Policy, ReceiverChange, Response, SenderChange, Session, Signalling,
//! };
//!
//! /// What the media thread is told.
//! enum ToMedia {
//!     Change(Box<SenderChange>, Box<ReceiverChange>),
//!     FromPeer(Vec<u8>),
//! }
//!
//! /// One audio stream of a dialog.
//! struct Audio {
//!     session: Session,
//!     local: SocketAddr,
//!     media: Outbox<ToMedia>,
//! }
//!
//! impl Audio {
//!     /// An INVITE, re-INVITE or UPDATE: the body of the 200, or the status that refuses it.
//!     fn on_offer(&mut self, body: &[u8]) -> Result<Vec<u8>, u16> {
//!         let mut sdp = sdp_types::Session::parse(body).map_err(|_| 400u16)?;
//!         let connection = sdp.connection.clone();
//!         let audio = sdp.medias.iter_mut().find(|it| it.media == "audio").ok_or(488u16)?;
//!         let lines: Vec<String> = audio
//!             .attributes
//!             .iter()
//!             .map(|it| format!("{}:{}", it.attribute, it.value.as_deref().unwrap_or_default()))
//!             .collect();
//!         let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
//!         let section = MediaSection { transport: &audio.proto, port: audio.port, attributes: &lines };
//!         let connection = audio.connections.first().or(connection.as_ref());
//!         let from = connection.and_then(|it| it.connection_address.parse().ok());
//!         let from = from.map(|ip| SocketAddr::new(ip, audio.port));
//!
//!         let reply = self.session.offered(&section, from, OurSide::at(self.local));
//!         let reply = reply.map_err(|_| 491u16)?;
//!         audio.attributes.retain(|it| it.attribute != "crypto");
//!         match reply.response {
//!             Response::Srtp { profile, attribute, .. } => {
//!                 audio.proto = profile.name().into();
//!                 audio.attributes.push(sdp_types::Attribute {
//!                     attribute: "crypto".into(),
//!                     value: Some(attribute.secret_value().into()),
//!                 });
//!                 audio.port = self.local.port();
//!             }
//!             // Plain RTP has to be wanted: here it is not.
//!             Response::PlainRtp(_) => {
//!                 self.session.rollback();
//!                 return Err(488);
//!             }
//!             Response::PortZero => audio.port = 0,
//!             Response::Reject(_) | _ => return Err(488),
//!         }
//!         let mut answer = Vec::new();
//!         sdp.write(&mut answer).map_err(|_| 500u16)?;
//!         Ok(answer)
//!     }
//!
//!     /// The answer has gone out.
//!     fn on_answer_sent(&mut self) {
//!         if let Ok(Outcome::Srtp(changes)) = self.session.commit() {
//!             let change = ToMedia::Change(changes.sender.into(), changes.receiver.into());
//!             self.media.send(change).unwrap();
//!         }
//!     }
//! }
//!
//! /// The media thread: counts what was authentic.
//! fn media(inbox: Inbox<ToMedia>) -> u32 {
//!     let (mut sender, mut receiver, mut authentic) = (None, None, 0);
//!     for message in inbox {
//!         match message {
//!             ToMedia::Change(ours, theirs) => {
//!                 theirs.apply(&mut receiver).unwrap();
//!                 ours.apply(&mut sender).unwrap();
//!             }
//!             ToMedia::FromPeer(mut packet) => {
//!                 let receiver = receiver.as_mut().unwrap();
//!                 authentic += u32::from(receiver.unprotect_rtp(&mut packet).is_ok());
//!             }
//!         }
//!     }
//!     authentic
//! }
//!
//! # use srtp_sdes::{CryptoSuite, MasterKey, Sender};
//! let (outbox, inbox) = mpsc::channel();
//! let thread = std::thread::spawn(|| media(inbox));
//! let mut audio = Audio {
//!     session: Session::new(&Policy::compatible(), Signalling::Secure),
//!     local: "192.0.2.1:29078".parse().unwrap(),
//!     media: outbox,
//! };
//! let offer = |key: &str| format!(
//!     "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
//!      m=audio 51895 RTP/AVP 0 101\r\na=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
//! );
//! # let mut seq = 0;
//! # let mut packet = |peer: &mut Sender| {
//! #     seq += 1;
//! #     let mut packet = vec![0x80, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
//! #     peer.protect_rtp_vec(&mut packet).unwrap();
//! #     ToMedia::FromPeer(packet)
//! # };
//! let first = "TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw";
//! let answer = audio.on_offer(offer(first).as_bytes()).unwrap();
//! assert!(String::from_utf8(answer.clone()).unwrap().contains("a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:"));
//! audio.on_answer_sent();
//! # let suite = CryptoSuite::AesCm128HmacSha1_80;
//! # let mut old = Sender::new(MasterKey::from_base64(suite, first).unwrap());
//! # audio.media.send(packet(&mut old)).unwrap();
//!
//! // The session is refreshed: nothing changes, our line is the same.
//! assert_eq!(audio.on_offer(offer(first).as_bytes()), Ok(answer));
//! audio.on_answer_sent();
//!
//! // The peer has a new key. What it sent before under the old one may still come in.
//! let second = "CYuxgxVh3SpfdN4uXoR5M709+19SQMuNepdP0Dw8";
//! audio.on_offer(offer(second).as_bytes()).unwrap();
//! audio.on_answer_sent();
//! # let mut new = Sender::new(MasterKey::from_base64(suite, second).unwrap());
//! # audio.media.send(packet(&mut new)).unwrap();
//! # audio.media.send(packet(&mut old)).unwrap();
//!
//! // An offer without keys is refused, and the media goes on.
//! let plain = offer(second).replace("a=crypto", "a=x-crypto");
//! assert_eq!(audio.on_offer(plain.as_bytes()), Err(488));
//! # audio.media.send(packet(&mut new)).unwrap();
//! drop(audio);
//! assert_eq!(thread.join().unwrap(), 4);
//! # }
//! ```
