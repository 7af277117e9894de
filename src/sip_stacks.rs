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
//! write, and what changes. Under a policy with [cryptex](crate::sdes::Policy::cryptex) it writes `a=cryptex` beside them where it is told to, and hands over
//! the peer's, of the section or the session level, among the attributes. [`sections`](crate::sdes::sections) and [`with_secret_lines`](crate::sdes::with_secret_lines) read and write SDP
//! texts where there is no SDP parser.
//!
//! # From dialog events to calls
//!
//! | event | call | and then |
//! |---|---|---|
//! | an INVITE or UPDATE goes out | [`offer`](crate::sdes::Session::offer) | its [`profile`](crate::sdes::Offer::profile) and [lines](crate::sdes::Offer::attributes) go into the section; without [keys](crate::sdes::Offer::has_keys) under a secure profile do not call at all, but `rollback` |
//! | the answer comes: in 183, 200, or the ACK after an INVITE without SDP | [`answered`](crate::sdes::Session::answered), for each | apply the changes; after [`Reject`](crate::sdes::Outcome::Reject) ACK and BYE, or CANCEL while early, with `Reason: Q.850;cause=88`; a session that is to go on needs `rollback` and another offer |
//! | an answer comes with another To tag | [`answered_by_fork`](crate::sdes::Session::answered_by_fork) | a session for that dialog; where its sender is [`Missing`](crate::sdes::SenderChange::Missing), UPDATE with a fresh key before media goes there; [`end_forks`](crate::sdes::Session::end_forks) when none can come any more |
//! | our re-INVITE or UPDATE fails, 491 included | [`rollback`](crate::sdes::Session::rollback) | nothing: media never changed |
//! | an INVITE, re-INVITE or UPDATE comes with an offer | [`offered`](crate::sdes::Session::offered) | write the answer; [`Reject`](crate::sdes::Response::Reject) is 488 with a `Warning`; the call goes on as before |
//! | … while another exchange is open | | [`ExchangeOpen`](crate::sdes::SessionError::ExchangeOpen) is 491 |
//! | the 183, 200 or ACK with that answer goes out | [`commit`](crate::sdes::Session::commit) | apply the changes; a repeated answer has [`our_line`](crate::sdes::Session::our_line) again; one with another key comes of `offered` again |
//! | it does not: CANCEL, an error elsewhere | [`rollback`](crate::sdes::Session::rollback) | nothing |
//! | hold and resume, from either side | as any offer | `c=0.0.0.0` is no address change; keys stay |
//! | our media moves | [`OurSide::at`](crate::sdes::OurSide::at) the new address | new key, rollover counters of 0, as RFC 4568 §7.1.4 asks |
//! | [`needs_rekey`](crate::Sender::needs_rekey) | [`offer`](crate::sdes::Session::offer) with [a fresh key](crate::sdes::OurSide::with_fresh_key) | |
//! | the stream goes on as [`PlainRtp`](crate::sdes::Outcome::PlainRtp), or [out of use](crate::sdes::Outcome::PortZero) | | drop sender and receiver |
//! | another process is to go on | [`export_state`](crate::sdes::Session::export_state) after every exchange, and of both contexts | [`resume`](crate::sdes::Session::resume) there: see [`state`](crate::state) |
//! | BYE | | drop session, sender and receiver: keys are wiped |
//!
//! A call over several sections has a session for each. One TLS hop is what [`Signalling`](crate::sdes::Signalling) asks about: over clear SIP
//! keys are neither offered nor accepted unless the policy says so.
//!
//! # Threads
//!
//! A session does no input or output and waits for nothing. Its changes are `Send`: a channel to the media thread is enough, and no lock is
//! held while packets are protected. A change makes its context under the old one's counters, so that it has to reach the thread in the order
//! in which exchanges were committed, and once; nothing checks that. The receiver's should be in place when the answer goes out, the sender's may follow.
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
//! Both sides of a call with one audio stream, with [`sdp-types`](https://docs.rs/sdp-types) as the parser and a thread for the media.
//!
//! ```
//! # #[cfg(not(feature = "getrandom"))] fn main() {}
//! # #[cfg(feature = "getrandom")] fn main() {
//! use std::net::SocketAddr;
//! use std::sync::mpsc::{self, Receiver as Inbox, Sender as Outbox};
//!
//! use sdp_types::{Attribute, Media, MediaType, Session as Sdp, TransportProto};
//! use srtp_sdes::sdes::{
//!     CryptoAttribute, MediaSection, OurSide, Outcome, Policy, Profile, ReceiverChange, Response,
//!     SenderChange, Session, Signalling,
//! };
//!
//! /// What the media thread is told.
//! enum ToMedia {
//!     Change(Box<SenderChange>, Box<ReceiverChange>),
//!     Stop,
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
//!     /// The body of an INVITE, re-INVITE or UPDATE.
//!     fn offer(&mut self) -> Option<Vec<u8>> {
//!         let offer = self.session.offer(OurSide::at(self.local)).ok()?;
//!         if !offer.has_keys() {
//!             self.session.rollback(); // the policy wants TLS, for instance
//!             return None;
//!         }
//!         let mut audio = Media::new(MediaType::Audio, 0, TransportProto::RtpAvp, "0 101");
//!         write(&mut audio, self.local, offer.profile(), offer.attributes());
//!         let mut sdp = head(self.local);
//!         sdp.medias.push(audio);
//!         text(&sdp)
//!     }
//!
//!     /// The answer to that, in whatever message. `Err`: ACK and BYE, or CANCEL.
//!     fn on_answer(&mut self, body: &[u8]) -> Result<(), &'static str> {
//!         let sdp = Sdp::parse(body).map_err(|_| "no SDP")?;
//!         let (audio, from) = audio_of(&sdp).ok_or("no audio")?;
//!         let outcome = read(audio, |section| self.session.answered(section, from));
//!         outcome.map_or(Ok(()), |outcome| self.apply(outcome))
//!     }
//!
//!     /// An INVITE, re-INVITE or UPDATE: the body of the 200, or the status that refuses it.
//!     fn on_offer(&mut self, body: &[u8]) -> Result<Vec<u8>, u16> {
//!         let sdp = Sdp::parse(body).map_err(|_| 400u16)?;
//!         let (audio, from) = audio_of(&sdp).ok_or(488u16)?;
//!         let ours = OurSide::at(self.local);
//!         let reply = read(audio, |section| self.session.offered(section, from, ours));
//!         let mut answered = Media { attributes: Vec::new(), connections: Vec::new(), ..audio.clone() };
//!         match reply.map_err(|_| 491u16)?.response {
//!             Response::Srtp { profile, attribute, .. } => {
//!                 write(&mut answered, self.local, profile, [&*attribute]);
//!             }
//!             Response::PortZero => answered.port = 0,
//!             // Plain RTP has to be wanted: here it is not.
//!             Response::PlainRtp(_) => {
//!                 self.session.rollback();
//!                 return Err(488);
//!             }
//!             _ => return Err(488),
//!         }
//!         let refused = |media: &Media| Media { port: 0, attributes: Vec::new(), ..media.clone() };
//!         let mut answer = head(self.local);
//!         answer.medias = sdp.medias.iter().map(refused).collect();
//!         let at = sdp.medias.iter().position(|it| it.media == "audio").ok_or(488u16)?;
//!         answer.medias[at] = answered;
//!         text(&answer).ok_or(500)
//!     }
//!
//!     /// The answer has gone out.
//!     fn on_answer_sent(&mut self) {
//!         if let Ok(outcome) = self.session.commit() {
//!             self.apply(outcome).unwrap();
//!         }
//!     }
//!
//!     fn apply(&mut self, outcome: Outcome) -> Result<(), &'static str> {
//!         let message = match outcome {
//!             Outcome::Srtp(changes) => ToMedia::Change(changes.sender.into(), changes.receiver.into()),
//!             Outcome::PortZero => ToMedia::Stop,
//!             _ => return Err("Reason: Q.850;cause=88"),
//!         };
//!         self.media.send(message).map_err(|_| "the media has ended")
//!     }
//! }
//!
//! /// The session level of what we send.
//! fn head(local: SocketAddr) -> Sdp {
//!     let ip = local.ip();
//!     let head = format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
//!     Sdp::parse(head.as_bytes()).unwrap()
//! }
//!
//! /// Our section, with our crypto lines.
//! fn write<'l>(
//!     audio: &mut Media,
//!     local: SocketAddr,
//!     profile: Profile,
//!     lines: impl IntoIterator<Item = &'l CryptoAttribute>,
//! ) {
//!     audio.port = local.port();
//!     audio.proto = profile.name().into();
//!     audio.attributes.extend(lines.into_iter().map(|line| Attribute {
//!         attribute: "crypto".into(),
//!         value: Some(line.secret_value().into()),
//!     }));
//! }
//!
//! /// The audio section, and where its sender wants media.
//! fn audio_of(sdp: &Sdp) -> Option<(&Media, Option<SocketAddr>)> {
//!     let audio = sdp.medias.iter().find(|it| it.media == "audio")?;
//!     let connection = audio.connections.first().or(sdp.connection.as_ref());
//!     let ip = connection.and_then(|it| it.connection_address.parse().ok());
//!     Some((audio, ip.map(|ip| SocketAddr::new(ip, audio.port))))
//! }
//!
//! /// A section as a session takes it.
//! fn read<T>(audio: &Media, take: impl FnOnce(&MediaSection<'_>) -> T) -> T {
//!     let line = |it: &Attribute| format!("{}:{}", it.attribute, it.value.as_deref().unwrap_or_default());
//!     let lines: Vec<String> = audio.attributes.iter().map(line).collect();
//!     let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
//!     take(&MediaSection { transport: &audio.proto, port: audio.port, attributes: &lines })
//! }
//!
//! fn text(sdp: &Sdp) -> Option<Vec<u8>> {
//!     let mut body = Vec::new();
//!     sdp.write(&mut body).ok().map(|_| body)
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
//!             ToMedia::Stop => (sender, receiver) = (None, None),
//!             ToMedia::FromPeer(mut packet) => {
//!                 let opened = receiver.as_mut().map(|it| it.unprotect_rtp(&mut packet).is_ok());
//!                 authentic += u32::from(opened == Some(true));
//!             }
//!         }
//!     }
//!     authentic
//! }
//!
//! # use srtp_sdes::{CryptoSuite, MasterKey, Sender};
//! let audio = |local: &str| {
//!     let (outbox, inbox) = mpsc::channel();
//!     let session = Session::new(&Policy::compatible(), Signalling::Secure);
//!     let audio = Audio { session, local: local.parse().unwrap(), media: outbox };
//!     (audio, std::thread::spawn(|| media(inbox)))
//! };
//! let (mut caller, callers_media) = audio("192.0.2.2:51895");
//! let (mut callee, callees_media) = audio("192.0.2.1:29078");
//! # let mut seq = 0;
//! # let suite = CryptoSuite::AesCm128HmacSha1_80;
//! # let mut hears = |callee: &Audio, line: &str| {
//! #     let key = line.split("inline:").nth(1).unwrap().lines().next().unwrap();
//! #     seq += 1;
//! #     let mut packet = vec![0x80, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
//! #     let mut peer = Sender::new(MasterKey::from_base64(suite, key).unwrap());
//! #     peer.protect_rtp_vec(&mut packet).unwrap();
//! #     callee.media.send(ToMedia::FromPeer(packet)).unwrap();
//! # };
//!
//! // INVITE, and 200.
//! let invite = caller.offer().unwrap();
//! let answer = callee.on_offer(&invite).unwrap();
//! callee.on_answer_sent();
//! caller.on_answer(&answer).unwrap();
//! # let first = String::from_utf8(invite.clone()).unwrap();
//! # hears(&callee, &first);
//!
//! // The session is refreshed: our line and key are the same, and so is the answer.
//! let refresh = caller.offer().unwrap();
//! assert_eq!(callee.on_offer(&refresh).unwrap(), answer);
//! callee.on_answer_sent();
//! caller.on_answer(&answer).unwrap();
//!
//! // The caller's media moves, and gets a new key. What it sent before under the old one may still come in.
//! caller.local = "192.0.2.2:51999".parse().unwrap();
//! let moved = caller.offer().unwrap();
//! let answer = callee.on_offer(&moved).unwrap();
//! callee.on_answer_sent();
//! caller.on_answer(&answer).unwrap();
//! # hears(&callee, std::str::from_utf8(&moved).unwrap());
//! # hears(&callee, &first);
//!
//! // An offer without keys is refused, and the media goes on.
//! let plain = String::from_utf8(moved.clone()).unwrap().replace("a=crypto", "a=x-crypto");
//! assert_eq!(callee.on_offer(plain.as_bytes()), Err(488));
//! # hears(&callee, std::str::from_utf8(&moved).unwrap());
//! drop((caller, callee));
//! # let heard = callees_media.join().unwrap();
//! # callers_media.join().unwrap();
//! # assert_eq!(heard, 4);
//! # }
//! ```
