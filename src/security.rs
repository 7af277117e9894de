//! Security: what holds, what each weakening costs, and what this crate does not protect against. This page has no code of its own.
//!
//! # What holds
//!
//! With an authenticated suite, for anybody who does not hold the key: a packet that was changed, made up, repeated or moved to another stream,
//! plane or direction is refused, and nothing that it carries changes any state. What the payload says cannot be read. Lengths, times,
//! RTP headers and header extensions can, unless [`cryptex`](crate::Builder::cryptex) or
//! [`encrypted_header_extensions`](crate::Builder::encrypted_header_extensions) hide the latter two. The page [`past_bugs`](crate::past_bugs) has
//! the rules behind it.
//!
//! All of this is worth what the key exchange is worth. A key in an `a=crypto` line is read by every SIP hop: keys are as private as the
//! signalling is, hop by hop (RFC 4568 §8). [`Signalling`](crate::sdes::Signalling) is where the application says so.
//!
//! # What each weakening costs
//!
//! None of these is ever chosen by itself; each has to be named, in a suite, an option or a policy.
//!
//! | weakening | what an attacker without the key gains |
//! |---|---|
//! | `_32` suites: SRTP tags of 4 bytes | a forged packet is accepted with a chance of 1 in 2^32. At a thousand tries a second, that is one in 50 days: a snatch of noise in a call, or a stream moved ahead by up to 2^15. SRTCP keeps its 10 bytes |
//! | `AEAD_AES_*_GCM_8`: tags of 8 bytes | worse than 1 in 2^64 for each try: GHASH's chances grow with the length of a packet, and a forgery that succeeds says something about the authentication key, which makes the next one cheaper (NIST SP 800-38D, appendix C). The suites are not registered: RFC 7714 has tags of 16 bytes only |
//! | [`SrtcpTag::Bytes4`](crate::SrtcpTag::Bytes4), or [either length](crate::ReceiverBuilder::accept_either_srtcp_tag) | 1 in 2^32 for a control packet: a BYE that ends the call where the application believes it, or one packet with index 2^31 − 1, behind which the window takes no genuine report any more. A receiver of either length is as weak as the shorter one, until a re-key too |
//! | `AES_CM_128_NULL_AUTH`, [`unauthenticated_srtp`](crate::Builder::unauthenticated_srtp) | media is malleable: who knows or guesses a payload, such as silence, turns it into any other by flipping bits. Streams can be begun anywhere, and moved on by 2^14 indices with each packet, until the genuine ones are too old. Replay protection means nothing, since the index can be changed too |
//! | `AES_CM_128_NULL_AUTH` and its SRTCP | all of it in the control plane, where the suite has no tag either: a forged BYE, reports that make a sender lower its rate, and an index of 2^31 − 1, behind which no genuine report is taken any more. One packet is enough for that if it comes before the first genuine one, 131,072 afterwards. [`SrtcpTag::Bytes10`](crate::SrtcpTag::Bytes10) ends it, where the peer does the same (RFC 3711 §3.4 asks for it) |
//! | UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, `NULL_HMAC_*` | everything can be read, nothing changed. Of SRTCP that means CNAMEs, addresses and the quality of the call |
//! | [`EBitPolicy::AcceptEither`](crate::EBitPolicy::AcceptEither) | nothing directly, since the bit is authenticated; but a peer that sends in the clear goes unnoticed |
//! | [`allow_identical_retransmission`](crate::SenderBuilder::allow_identical_retransmission) | nothing, if the promise is kept. If other bytes go out under the same index, the XOR of the two payloads, and under AES-GCM the authentication key: forgeries at will until the key is changed |
//! | [`restart_rtp`](crate::Receiver::restart_rtp), [`RocAfterRekey`](crate::RocAfterRekey) where a peer may begin anew | after a restart, packets of that stream that were recorded under the same key can be played once more. A re-key that lets a peer begin anew gives up nothing: the windows belong to a key |
//! | a search for the rollover counter | four tries for each forged packet where there was one: two bits of the tag, until the first authentic packet |
//! | [`accept_reused_keys`](crate::sdes::Policy::accept_reused_keys) | what was recorded under a key that the peer gave up and took up again can be played again |
//! | RCCm1 and RCCm3 of RFC 4771 ([`RocCarry`](crate::RocCarry)) | under RCCm1 packets between those that carry the counter can be forged and come twice, and move no stream; under RCCm3 all of SRTP is as with `unauthenticated_srtp` |
//! | the suites under ARIA (feature `aria`) | who shares a CPU's cache with the process may learn of the key: that cipher's crate looks tables up by secret bytes |
//! | [resuming](crate::state) from an exported state | what a receiver accepted after the export can be played to its successor once more; a margin that is too small, or two that go on from one state, use indices twice |
//! | a smaller or larger replay window | nothing. A small one refuses late packets; a large one costs memory: [`most_streams`](crate::Builder::most_streams) has the figure |
//!
//! # What this crate does not protect against
//!
//! - **Who holds the key** can forge in the name of every SSRC: SRTP knows groups, not senders. In a conference with one key any member can speak as any other.
//! - **Traffic analysis**: sizes and times of packets show who speaks, and with a codec of variable rate much of what is said (RFC 6562).
//! - **Loss and delay**: an attacker on the path can drop packets, or hold them back within the window. An application with a time limit has to keep it.
//! - **No forward secrecy**: who records media and later gets the key, from a SIP server's log for instance, reads all of it. DTLS-SRTP has that.
//! - **Keys that are not random.** [`generate`](crate::MasterKey::generate) takes them from the operating system; a source of your own is believed.
//! - **One key twice**, in two processes or two contexts that were made from copies. Within a context, a session and an offer it is refused.
//! - **The application's memory**: keys, builders, crypto lines, offers and sessions wipe theirs when dropped. Copies on the stack, which the compiler makes, and
//!   what the operating system swaps out are beyond the reach of a library.
//! - **Side channels of the processor** other than time. Power and radiation were not looked at.
//! - **Cost of refusing**: a flood of forged packets costs a verification each, and at most four. It makes no streams and takes no memory.
//!
//! # Time
//!
//! How long something takes depends on lengths, on how many keys, streams and packets there are, and on what comes of it: whether a packet or a state is
//! authentic, a line well-formed, a key one of before. On keys, payloads, tags and codes it does not depend, except under ARIA (above).
//!
//! AES and GHASH take the processor's instructions where it has them, and table-free code where it has none; SHA-1 adds and rotates and looks nothing up. Tags,
//! the codes of states and lines, and keys are compared over all of their bytes before anything is made of the outcome; base64 is decoded without look-ups.
//!
//! - *Checked*, on x86-64: that no branch and no address depends on a secret, from base64 to the last byte of a packet, through re-keys, exported state and
//!   sessions, for every suite but ARIA's. `tests/constant_time/` runs all of it under Valgrind with the secrets marked, in portable code and in that
//!   for AES-NI and PCLMULQDQ. The outcome of a comparison becomes public in one function (`src/primitives/compare.rs`); what else is public by design is
//!   listed there, each with its reason.
//! - *Argued and measured*, since Valgrind does not know the instructions: VAES, SHA-NI, and HMAC-SHA1 of many packets side by side on AVX-512 (`src/simd/`). These are
//!   the same computations without a branch on data: loops count blocks, and nothing is loaded from where data says. A program beside the check
//!   asks the clock on each of these levels whether keys, payloads, tags and codes of two kinds differ in time, and prints which of them a machine has not got. That is
//!   evidence on the processors where it ran, and no proof.
//! - *Not checked*: other processors, where RustCrypto does the work; what a compiler makes of the same source elsewhere; and processors whose instructions take
//!   longer for some data, or that speculate beyond a comparison.
//!
//! # How to report a vulnerability
//!
//! Please do not open a public issue. Use the private vulnerability report of the repository's security page, with the version, a test or a packet that shows it, and what you think it
//! allows. Nothing that carries a live key, please: a fresh one shows the same. You get an answer before anything is published, and your name in the
//! changelog under *Security* if you want it there.
