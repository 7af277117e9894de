"""One-line breaks of the code, and the test that sees each."""

from dataclasses import dataclass


@dataclass
class Mutation:
    # What is broken, as the README's table has it.
    says: str
    file: str
    old: str
    new: str
    # The name of an integration test, or of what else `command` knows.
    test: str
    # What of the crate has to be turned on for it.
    features: str = ""

    def words(self):
        if self.test == "differential":
            manifest = "tests/peers/differential/Cargo.toml"
            return ["--release", "--manifest-path", manifest]
        if self.test == "no_std":
            return ["--manifest-path", "tests/no_std/Cargo.toml"]
        if self.test == "constant_time":
            return ["--release", "--manifest-path", "tests/constant_time/Cargo.toml"]
        features = ["--features", self.features] if self.features else []
        return features + (["--lib"] if self.test == "lib" else ["--test", self.test])

    def build(self):
        if self.test == "peers":
            return ["cargo", "build", "--quiet", "--example", "encrypt_pcap"]
        if self.test == "no_std":
            # That it links is what is tested: the crate alone has to compile.
            return ["cargo", "check", "--quiet", "--no-default-features"]
        if self.test == "threads":
            # The compiler is what refuses the test: the crate alone has to compile.
            return ["cargo", "build", "--quiet"]
        if self.test in ("differential", "constant_time"):
            return ["cargo", "build", "--quiet", *self.words()]
        return ["cargo", "test", "--quiet", *self.words(), "--no-run"]

    def command(self):
        if self.test == "peers":
            suite = "AES_CM_128_HMAC_SHA1_80"
            run = f"tests/peers/decrypt_elsewhere.py $CARGO_TARGET_DIR/debug/examples/encrypt_pcap vectors/captures/plain_call.pcap --suite {suite}"
            return ["sh", "-c", f"cargo build --quiet --example encrypt_pcap && /usr/bin/python3 {run}"]
        if self.test == "constant_time":
            return ["sh", "-c", "tests/constant_time/run.sh $CARGO_TARGET_DIR"]
        if self.test == "differential":
            return ["cargo", "run", "--quiet", *self.words(), "--", "--seed", "1"]
        if self.test == "no_std":
            return ["cargo", "run", "--quiet", *self.words()]
        return ["cargo", "test", "--quiet", *self.words()]


# Of these the README names the first.
ELSEWHERE = "SRTCP keys for another label, and eight more"

MUTATIONS = [
    Mutation("the labels of SRTCP keys begin at 4", "src/kdf.rs", "Plane::Rtcp => 3,", "Plane::Rtcp => 4,", "vectors"),
    Mutation("a code is taken for any packet", "src/transform/hmac.rs", "let is_about_it = job.portion ==", "let is_about_it = true || job.portion ==", "batch"),
    Mutation("a code under one key is taken under another", "src/transform/hmac.rs", "&& job.hmac.is_same_as(&self.hmac)", "&& (true | job.hmac.is_same_as(&self.hmac))", "batch_keys"),
    Mutation(
        "a code over a part of a packet is taken for the whole", "src/transform/hmac.rs",
        "job.portion == packet.hmac_portion().len()", "(true | (job.portion == packet.hmac_portion().len()))", "batch_keys",
    ),
    Mutation(
        "a stream is taken to be where it was", "src/receiver/foreseen.rs",
        "if self.context.streams.is_at(slot, header.ssrc) =>", "if (true | self.context.streams.is_at(slot, header.ssrc)) =>", "batch_keys",
    ),
    Mutation(
        "a lane is taken for its neighbour", "src/simd/words/eight.rs",
        "setr_epi32(1, 2, 4, 8, 16, 32, 64, 128)", "setr_epi32(1, 2, 4, 8, 32, 16, 64, 128)", "lib",
    ),
    Mutation("counter mode begins 8 bits late", "src/transform/counter_mode.rs", "at.ssrc_and_index()) << 16", "at.ssrc_and_index()) << 8", "peers"),
    Mutation(
        "every tag is right", "src/transform.rs",
        "tag_is_right.then_some(Self { position, origin })", "(tag_is_right | true).then_some(Self { position, origin })", "forgery",
    ),
    Mutation(
        "a vector stays lengthened when its packet is refused", "src/sender/path.rs",
        "packet.truncate(sealed.unwrap_or(len));", "packet.truncate(sealed.unwrap_or(packet.len()));", "wire",
    ),
    Mutation(
        "a wrong tag changes which of two lengths is tried first", "src/receiver/path.rs",
        "let opened = opened.map_err(|second| the_truer_of(*error, second))?;",
        "self.context.formats.rtcp = other; let opened = opened.map_err(|second| the_truer_of(*error, second))?;", "refused",
    ),
    Mutation(
        "a packet that is refused uses up a rollover counter that was set", "src/sender/path.rs",
        "let (key, stream) = self.key_and_stream(slot, header.ssrc)?;",
        "if let Some(stream) = self.context.streams.get_mut(header.ssrc) { stream.rtp.mark_sent(index); } let (key, stream) = self.key_and_stream(slot, header.ssrc)?;",
        "refused",
    ),
    Mutation("marking an index forgets the 63 beside it", "src/replay.rs", "*block |= bit(index);", "*block = bit(index);", "replay"),
    Mutation(
        "a roll-over counts as two", "src/index.rs",
        "let turned = Self(index + TURN);", "let turned = Self(index + 2 * TURN);", "roc",
    ),
    Mutation(
        "ARIA's keystream begins a block late", "src/primitives/aria.rs",
        "Self::Aria128(aria) => super::xor_keystream(aria, first, data)", "Self::Aria128(aria) => super::xor_keystream(aria, first + 1, data)",
        "lib", features="aria",
    ),
    Mutation(
        "an offer's keys come from the operating system", "src/sdes/offer.rs",
        "offer.add_lines(policy.offered_suites(), generate, is_known)?;",
        "offer.add_lines(policy.offered_suites(), |suite| Ok(MasterKey::generate(suite).unwrap()), is_known)?;", "own_randomness",
    ),
    Mutation(
        "`OurSide` has a field that is not `Send`", "src/sdes/session.rs",
        "pub struct OurSide {", "pub struct OurSide { of_one_thread: core::marker::PhantomData<*const ()>,", "threads",
    ),
    Mutation(
        "a `BytesMut` stays lengthened when its packet is refused", "src/bytes_mut.rs",
        "packet.truncate(sealed.unwrap_or(len));", "packet.truncate(sealed.unwrap_or(packet.len()));", "bytes", features="bytes",
    ),
    Mutation(
        "a key ends when both planes have ended", "src/ring.rs",
        "self.rtp_packets >= self.rtp_limit || self.rtcp_packets >= self.rtcp_limit",
        "self.rtp_packets >= self.rtp_limit && self.rtcp_packets >= self.rtcp_limit", "keys",
    ),
    Mutation(
        "the first new key counts as an old one", "src/stream/rekeyed.rs",
        "serial >= self.anew.since", "serial > self.anew.since", "overlap",
    ),
    Mutation(
        "elements of the one-byte form end one byte early", "src/transform/header_ext.rs",
        "(id, length) => self.begin(id, length + 1),", "(id, length) => self.begin(id, length),", "header_ext",
    ),
    Mutation(
        "the extension's header moves the wrong way", "src/header.rs",
        "moved.rotate_right(EXTENSION_HEADER);", "moved.rotate_left(EXTENSION_HEADER);", "cryptex",
    ),
    Mutation(
        "the last index of the window is too old", "src/replay.rs",
        "if self.ahead - index > u64::from(self.size.0) {", "if self.ahead - index >= u64::from(self.size.0) {", "properties",
    ),
    Mutation(
        "of more than seven CSRCs eight are overlooked", "src/header.rs",
        "let csrcs = usize::from(first & 0x0f) * 4;", "let csrcs = usize::from(first & 0x07) * 4;", "wire",
    ),
    Mutation(
        "a receiver that requires cryptex takes packets without it", "src/receiver/path.rs",
        "if claimed.portion == EncryptedPortion::PayloadThoughCryptexIsRequired {", "if false {", "header_properties",
    ),
    Mutation(
        "every answer counts as one with `a=cryptex`", "src/sdes/offer.rs",
        "let cryptex = announces_cryptex(answer.attributes);", "let cryptex = true;", "sdes_cryptex",
    ),
    Mutation(
        "the packet before a multiple of R carries the counter", "src/transform/roc_carry.rs",
        "seq % self.rate == 0", "seq.wrapping_add(1) % self.rate == 0", "roc_carry",
    ),
    Mutation(
        "odd indices get a new window", "src/replay.rs",
        "if !self.is_stored {", "if !self.is_stored || index % 2 == 1 { self.outside = vec![0; 1].into();", "no_alloc",
    ),
    Mutation(
        "a tag is compared up to the first difference", "src/primitives/compare.rs",
        "pub(crate) fn are_equal(one: &[u8], other: &[u8]) -> bool {",
        "pub(crate) fn are_equal(one: &[u8], other: &[u8]) -> bool { if one != other { return false; }", "constant_time",
    ),
    Mutation(
        "a state's code is compared up to the first difference", "src/state/codec.rs",
        "match are_equal(&code(keys.into_iter(), self.covered), self.code) {",
        "match code(keys.into_iter(), self.covered).iter().eq(self.code) {", "constant_time",
    ),
    Mutation(
        "a function has leave to index", "src/header.rs",
        "fn check_length(packet", "#[allow(clippy::indexing_slicing)] fn check_length(packet", "fences",
    ),
    Mutation(
        "the crate links the standard library", "src/lib.rs",
        '#[cfg(any(feature = "std", test, srtp_sdes_watched))]', "", "no_std",
    ),
    Mutation(
        "a key that was there is taken", "src/ring.rs",
        "true => Err(KeyRingError::KeyReused),", "true => Ok(ready),", "key_reuse",
    ),
    Mutation(
        "SRTP goes on right behind the export, without the margin", "src/stream/exported.rs",
        "let beyond = reached.value() + u64::from(margin);", "let beyond = reached.value();", "failover",
    ),
    Mutation(
        "a rollover counter that was set is not exported", "src/stream/exported.rs",
        "w.option(self.pending_roc, Writer::u32);", "w.option(None, Writer::u32);", "state",
    ),
    Mutation(
        "the code of every state is right", "src/state/codec.rs",
        "match are_equal(&code(keys.into_iter(), self.covered), self.code) {",
        "match are_equal(&code(keys.into_iter(), self.covered), self.code) | true {", "state",
    ),
    Mutation(
        "whatever stands in the place of a suite is shown", "src/sdes/attribute.rs",
        "match self.suite.is_some() || is_name {", "match self.suite.is_some() || true {", "shown",
    ),
    Mutation(
        "`Debug` of a key shows the key", "src/key.rs",
        '.field("lifetime", &self.lifetime)', '.field("key", &self.key_and_salt)', "secrets",
    ),
    Mutation(
        "a key is not wiped", "src/key.rs",
        "    key_and_salt: [u8; MAX_KEY_AND_SALT],", "    #[zeroize(skip)] key_and_salt: [u8; MAX_KEY_AND_SALT],", "residue",
    ),
    Mutation(
        "every section gets the profile of the one that lines are for", "src/sdes/sdp.rs",
        "if at == Some(section) && is_media_line {", "if is_media_line {", "sdes_sdp",
    ),
    Mutation(
        "an MKI without a lifetime is dropped", "src/sdes/parse.rs",
        "(Some(only), None, _) if only.text.contains(':') => (None, Some(only)),",
        "(Some(only), None, _) if only.text.contains(':') => (None, None),", "sdes_lines",
    ),
    Mutation(
        "an offer of SRTP without lines is taken for one without need of them", "src/sdes/answer.rs",
        "(true, true) => Some(Reason::NoKeying),", "(true, true) => Some(Reason::SrtpRequired),", "sdes_negotiation",
    ),
    Mutation(
        "a new address of ours gets no fresh key", "src/sdes/session/plan.rs",
        "moved || ours.fresh_key || !now.sends", "ours.fresh_key || !now.sends", "sdes_session",
    ),
    Mutation(
        "keys that the peer gave up are forgotten", "src/sdes/session/exported.rs",
        "let (ours, theirs) = (read()?, read()?);", "let (ours, theirs) = (read()?, read().map(|_| Vec::new())?);", "sdes_failover",
    ),
    Mutation(
        "lines that a configuration deletes count", "src/sdes/choice.rs",
        "if alternative.lines.is_empty() && !configuration.deletes.media {", "if alternative.lines.is_empty() {", "sdes_capabilities",
    ),
    # What the comparison with libsrtp sees.
    Mutation(ELSEWHERE, "src/kdf.rs", "Plane::Rtcp => 3,", "Plane::Rtcp => 4,", "differential"),
    Mutation(ELSEWHERE, "src/kdf.rs", "HeaderSalt = 7,", "HeaderSalt = 8,", "differential"),
    Mutation(ELSEWHERE, "src/suite.rs", "salt: 12, tags: (8, 8),   default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },\n        S::AesCm128NullAuth", "salt: 12, tags: (12, 12), default_lifetime: GREATEST, dtls_profile: None, aliases: &[] },\n        S::AesCm128NullAuth", "differential"),
    Mutation(ELSEWHERE, "src/layout.rs", "let start = self.word().end;", "let start = self.word().end + if self.trailer.aead { 0 } else { self.trailer.tag_len() };", "differential"),
    Mutation(ELSEWHERE, "src/index.rs", "if ahead < -0x8000 {", "if ahead <= -0x8000 {", "differential"),
    Mutation(ELSEWHERE, "src/index.rs", "if ahead > 0x8000 {", "if ahead >= 0x8000 {", "differential"),
    Mutation(ELSEWHERE, "src/replay.rs", "if self.ahead - index > u64::from(self.size.0) {", "if self.ahead - index > u64::from(self.size.0) + 1 {", "differential"),
    Mutation(ELSEWHERE, "src/replay.rs", "(before + 1..number).take(blocks)", "(before + 2..number).take(blocks)", "differential"),
    Mutation(ELSEWHERE, "src/transform/header_ext.rs", "(id, length) => self.begin(id, length + 1),", "(id, length) => self.begin(id, length),", "differential"),
]
