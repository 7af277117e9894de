//! SDP security descriptions: `a=crypto` lines, and what comes of offering and answering them (RFC 4568, RFC 8643).
//!
//! No SDP parser is needed: what goes in is the transport, the port and the attribute lines of one `m=` section, what comes out is a
//! profile, a line, and a [`Sender`](crate::Sender) and a [`Receiver`](crate::Receiver) with every negotiated parameter applied.
//! Where no parser is at hand, [`sections`] reads a whole SDP text, [`with_secret_lines`] writes crypto lines into it, and
//! [`session_level_crypto`] tells of lines that stand where they mean nothing.
//!
//! # The answerer
//!
//! A carrier's INVITE came in over TLS, with nine lines under `RTP/AVP`. Each line gets a [`Diagnosis`]; the first that the
//! [`Policy`] takes is answered, with its tag and suite as written and a key of our own.
//!
//! ```
//! use srtp_sdes::CryptoSuite;
//! use srtp_sdes::sdes::{Answer, AnsweredProfile, Decision, MediaSection, Policy, Signalling};
//!
//! let offer = MediaSection {
//!     transport: "RTP/AVP",
//!     port: 51895,
//!     attributes: &[
//!         "a=crypto:1 AEAD_AES_256_GCM_8 inline:URvowj9NlyRUU4Ro4NIUbg/39b1bEdLtxPelsfHpPGD9GtwWuKMMefhd76U=",
//!         "a=crypto:2 AEAD_AES_128_GCM_8 inline:uATLXs8T8rjZ0QVH15np2ExFaVZixIRvHHXOow==",
//!         "a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:JlgkqmY+uVPBLmJairIWLMTzsoP7sq6M+FLsTeZkAJUKobgTjouB0H+ZHV911Q==",
//!         "a=crypto:4 AES_192_CM_HMAC_SHA1_80 inline:aNNDkHj6o2xl2J6PkjReCqK4dvGFeV3AjZ9Lohiriq5RRu8gMq0=",
//!         "a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw",
//!         "a=crypto:6 AES_256_CM_HMAC_SHA1_32 inline:98t1wsF9qRKbb+vJO0zldPSX1RvXDI/SSrzNEUl0CHDGv84vqtz3+tJNA2JQdA==",
//!         "a=crypto:7 AES_192_CM_HMAC_SHA1_32 inline:K5rGraoWN0x2r3OHxKDMxDY4uk4TZC6z2Lu9NIU8YY/BesMyICA=",
//!         "a=crypto:8 AES_CM_128_HMAC_SHA1_32 inline:CYuxgxVh3SpfdN4uXoR5M709+19SQMuNepdP0Dw8",
//!         "a=crypto:9 AES_CM_128_NULL_AUTH inline:DzAaqmSiBsFG997HKmMhoFkxOo3c9TY7mO6fFHOn",
//!     ],
//! };
//! let policy = Policy::compatible()
//!     .suites(&[CryptoSuite::AesCm128HmacSha1_80, CryptoSuite::AesCm128HmacSha1_32])
//!     .answered_profile(AnsweredProfile::Secure);
//! # let key = |suite| srtp_sdes::MasterKey::generate_with(suite, |bytes| Ok::<_, ()>(bytes.fill(7)));
//! // `Answer::to(&offer, &policy, Signalling::Secure)` takes its key from the operating system.
//! let answer = Answer::to_with(&offer, &policy, Signalling::Secure, key).unwrap();
//! match answer.decision {
//!     Decision::Srtp(srtp) => {
//!         assert_eq!((srtp.attribute.tag(), srtp.suite()), (5, CryptoSuite::AesCm128HmacSha1_80));
//!         assert_eq!(srtp.profile.name(), "RTP/SAVP");
//!         let line = srtp.attribute.secret_line(); // for the answer's m= section
//!         assert!(line.starts_with("a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:"));
//!         let (sender, receiver) = srtp.into_contexts();
//!         # let _ = (sender, receiver);
//!     }
//!     Decision::PlainRtp(plain) => println!("plain RTP under {}", plain.profile),
//!     Decision::Reject(rejection) => println!("{}: {:?}", rejection.reason, rejection.sip_hint()),
//!     other => println!("{other:?}"),
//! }
//! assert_eq!(answer.diagnoses.len(), 9);
//! ```
//!
//! # What a log may show
//!
//! `Debug` of everything here leaves keys out, and so do errors and diagnoses. A [`Diagnosis`] has a line's place and tag; what else may be said of the line, its suite
//! by name above all, a [`Line`] knows:
//!
//! ```
//! use srtp_sdes::sdes::{CryptoAttribute, Line, ParseMode};
//!
//! let told = |line| match CryptoAttribute::parse(line, ParseMode::default()) {
//!     Line::Skipped { reason, attribute: Some(it) } => format!("{}: {reason}", it.suite_name_for_log()),
//!     other => format!("{other:?}"),
//! };
//! let line = "a=crypto:1 SEED_CTR_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
//! assert_eq!(told(line), "SEED_CTR_128_HMAC_SHA1_80: unknown crypto suite");
//! ```
//!
//! # The offerer
//!
//! The same nine lines, offered; the PBX takes the fifth, under `RTP/SAVP`, which an `RTP/AVP` offer is often answered with.
//!
//! ```
//! use srtp_sdes::sdes::{Accepted, MediaSection, Offer, Policy, Signalling};
//!
//! let policy = Policy::everything_the_carrier_listed();
//! # let mut seed = 0;
//! # let key = |suite| { seed += 1; srtp_sdes::MasterKey::generate_with(suite, |bytes| Ok::<_, ()>(bytes.fill(seed))) };
//! // `Offer::new(&policy, Signalling::Secure)` takes its keys from the operating system.
//! let mut offer = Offer::with(&policy, Signalling::Secure, key).unwrap();
//! assert_eq!(offer.profile().name(), "RTP/AVP");
//! assert_eq!(offer.attributes().map(|line| line.tag()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
//!
//! let answer = MediaSection {
//!     transport: "RTP/SAVP",
//!     port: 29078,
//!     attributes: &["a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:TCkr9L8rtn4+aJXoeA1eiQcTAniJOvkYXUnZ5KTw"],
//! };
//! match offer.accept(&answer) {
//!     Accepted::Srtp(srtp) => {
//!         assert_eq!(srtp.tag, 5);
//!         let (sender, receiver) = (srtp.sender, srtp.receiver);
//!         assert!(sender.is_some(), "the first answer to a line takes its sender");
//!         # let _ = receiver;
//!     }
//!     other => panic!("{other:?}"),
//! }
//! ```
//!
//! # Potential configurations
//!
//! An offer may prefer SRTP to what its `m=` line says (RFC 5939: `a=tcap`, `a=acap`, `a=pcfg`). Under
//! [`answer_capabilities`](Policy::answer_capabilities) the answer is in that configuration, and names it (`a=acfg`):
//! [`SrtpAnswer::secret_answer`] writes the lines. By default the `m=` line counts. [`Answer::configurations`] tells either way what was
//! offered. Capabilities of the session level come in by [`Answer::in_session_with`]. Our own offers have none, and pass over an `a=acfg` in
//! an answer.
//!
//! # Cryptex
//!
//! Under [`Policy::cryptex`] CSRCs and header extensions are encrypted with the payload (RFC 9335). Both sides announce it by `a=cryptex`, an
//! attribute without a value beside the crypto lines: offers tell by [`Offer::announces_cryptex`], answers by [`SrtpAnswer::cryptex`], whether their section has
//! it, and the texts that they write have it. The peer's is found among the [attributes](MediaSection::attributes) of its section;
//! at the session level it counts for every section, which [`sections`] and [`session_attributes`] see to.
//!
//! # The course of a dialog
//!
//! [`Answer`] and [`Offer`] are for one exchange. A [`Session`] goes with an `m=` section from its first offer to the BYE: hold and resume, new
//! keys, new addresses, forks, answers that differ between 183 and 200, offers that are refused. It says of every exchange what [changes](Changes)
//! for the two contexts. [How a SIP stack plugs in](crate::sip_stacks) has the events of a dialog beside the calls, with an SDP crate.
//!
//! A session goes on in another process: see [`state`](crate::state).
//!
//! # What ends a call
//!
//! An answer without keys to an offer that needs them, keys in an answer to an offer without, a secure profile where SRTP is off, no common suite:
//! each is a [`Rejection`] with its [`RejectReason`], and [`Rejection::sip_hint`] says what SIP makes of it. Plain RTP is a value of [`Decision`] and
//! of [`Accepted`] that has to be matched; no error and no default leads there.

mod attribute;
mod parse;
mod write;
mod media;
mod policy;
mod decision;
mod capabilities;
mod configuration;
mod choice;
mod answer;
mod offer;
mod session;
mod sdp;
mod legs;
mod error;

pub use answer::{Answer, Decision, SrtpAnswer};
pub use attribute::{CryptoAttribute, FecOrder, Line, ParseMode, SessionParameter};
pub use capabilities::session_attributes;
pub use configuration::{
    ActualConfiguration, ConfigurationDiagnosis, ConfigurationVerdict, Deletes,
};
pub use decision::{Diagnosis, PlainRtp, Rejection, SipHint, Verdict};
pub use error::{
    GenerateError, LineError, LineErrorKind, NoExchange, NotSdes, RejectReason, RestoreError,
    SectionError, SessionError, SkipReason, Unacceptable, Unusable,
};
pub use legs::{Leg, Passage};
pub use media::{MediaSection, Profile, Signalling};
pub use offer::{Accepted, Offer, SrtpAccepted};
pub use policy::{
    AnsweredProfile, CryptoInAvp, Policy, SrtcpTagOf32, SrtpMode, SuiteOrder, TagMatch,
};
pub use sdp::{SdpSection, sections, session_level_crypto, with_secret_lines};
pub use session::{
    Changes, OurSide, Outcome, ReceiverChange, ReceiverRekey, Reply, Response, SenderChange,
    SenderRekey, Session,
};
