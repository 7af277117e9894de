//! Packets that other software protected, from their master keys, in both directions.
//!
//! What begins at session keys is tested beside the code that takes session keys; here is also the list of all
//! files in `vectors/`, with the number of cases that each must hold.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{hex, read_json, vectors};
use serde::Deserialize;
use srtp_sdes::{
    Builder, Cryptex, CryptoSuite, EBitPolicy, MasterKey, Mki, PacketIndex, Receiver, Sender,
    SrtcpTag,
};

#[derive(Deserialize)]
struct Case {
    suite: String,
    producer: String,
    master_key_hex: String,
    master_salt_hex: String,
    mki_hex: String,
    #[serde(default)]
    keys: Vec<Key>,
    options: CaseOptions,
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Key {
    mki_hex: String,
    master_key_hex: String,
    master_salt_hex: String,
}

#[derive(Deserialize)]
struct CaseOptions {
    services_rtp: String,
    services_rtcp: String,
    rtp_tag_len: usize,
    rtcp_tag_len: usize,
    start_roc: u32,
    #[serde(default)]
    rfc6904_ids: Vec<u8>,
    #[serde(default)]
    cryptex: bool,
}

#[derive(Deserialize)]
struct Packet {
    kind: String,
    plain_hex: String,
    protected_hex: String,
    #[serde(default)]
    key_index: usize,
    /// Why the producer's bytes are not those of the RFC.
    known_wrong: Option<String>,
}

impl Case {
    fn suite(&self) -> CryptoSuite {
        self.suite.parse().unwrap()
    }

    /// The master keys, the one that is used first at the front.
    fn keys(&self) -> Vec<MasterKey> {
        let single = Key {
            mki_hex: self.mki_hex.clone(),
            master_key_hex: self.master_key_hex.clone(),
            master_salt_hex: self.master_salt_hex.clone(),
        };
        let keys = if self.keys.is_empty() {
            std::slice::from_ref(&single)
        } else {
            &self.keys
        };
        let make = |key: &Key| {
            let (bytes, salt) = (hex(&key.master_key_hex), hex(&key.master_salt_hex));
            let made = MasterKey::from_key_and_salt(self.suite(), &bytes, &salt).unwrap();
            match key.mki_hex.as_str() {
                "" => made,
                mki => made.with_mki(Mki::new(&hex(mki)).unwrap()),
            }
        };
        keys.iter().map(make).collect()
    }

    /// Which tag length the SRTCP packets have, if it is not the suite's.
    fn srtcp_tag(&self) -> SrtcpTag {
        match self.options.rtcp_tag_len {
            len if len == self.suite().rtcp_tag_len() => SrtcpTag::OfSuite,
            4 => SrtcpTag::Bytes4,
            10 => SrtcpTag::Bytes10,
            len => panic!("no SRTCP tag of {len} bytes"),
        }
    }

    /// AEAD encrypts and authenticates SRTP whatever the services say: the option had no effect there.
    fn unencrypted_srtp(&self) -> bool {
        self.suite().encrypts() && !self.suite().is_aead() && self.options.services_rtp == "auth"
    }

    fn unencrypted_srtcp(&self) -> bool {
        self.suite().encrypts() && self.options.services_rtcp == "auth"
    }

    fn unauthenticated_srtp(&self) -> bool {
        self.options.rtp_tag_len == 0 && self.suite().rtp_tag_len() != 0
    }

    /// The builder with what the options say of either direction, and all keys but the first.
    fn configured<D>(&self, mut builder: Builder<D>) -> Builder<D> {
        builder = builder
            .srtcp_tag(self.srtcp_tag())
            .initial_roc(self.options.start_roc)
            .encrypted_header_extensions(self.options.rfc6904_ids.iter().copied());
        builder = self
            .keys()
            .into_iter()
            .skip(1)
            .fold(builder, Builder::add_key);
        if self.options.cryptex {
            builder = builder.cryptex(Cryptex::Required);
        }
        if self.unencrypted_srtp() {
            builder = builder.unencrypted_srtp();
        }
        if self.unencrypted_srtcp() {
            builder = builder.unencrypted_srtcp();
        }
        if self.unauthenticated_srtp() {
            builder = builder.unauthenticated_srtp();
        }
        builder
    }

    fn sender(&self) -> Sender {
        let builder = Sender::builder(self.keys().remove(0));
        let builder = self.configured(builder).first_srtcp_index_1();
        builder.build().unwrap()
    }

    fn receiver(&self) -> Receiver {
        let builder = Receiver::builder(self.keys().remove(0));
        let builder = self.configured(builder).e_bit(EBitPolicy::AsAgreed);
        builder.build().unwrap()
    }
}

fn libsrtp_cases() -> impl Iterator<Item = (&'static str, Case)> {
    PINNED
        .iter()
        .filter(|(file, _)| file.starts_with("libsrtp/"))
        .map(|(file, _)| (*file, read_json(file)))
}

#[test]
fn protecting_gives_the_bytes_that_libsrtp_gave() {
    for (file, case) in libsrtp_cases() {
        let mut sender = case.sender();
        let mkis: Vec<_> = case.keys().iter().map(|key| key.mki().cloned()).collect();
        for (n, packet) in case.packets.iter().enumerate() {
            if let Some(mki) = &mkis[packet.key_index] {
                sender.select_key(mki).unwrap();
            }
            let plain = hex(&packet.plain_hex);
            let expected = hex(&packet.protected_hex);
            let mut in_vec = plain.clone();
            match packet.kind.as_str() {
                "rtp" => sender.protect_rtp_vec(&mut in_vec),
                "rtcp" => sender.protect_rtcp_vec(&mut in_vec),
                kind => panic!("{kind}"),
            }
            .unwrap_or_else(|e| panic!("{file} packet {n}: {e}"));
            let producer = &case.producer;
            match &packet.known_wrong {
                None => assert_eq!(in_vec, expected, "{file} packet {n}, from {producer}"),
                Some(why) => assert_ne!(in_vec, expected, "{file} packet {n}, {why}"),
            }
        }
    }
}

#[test]
fn unprotecting_gives_back_what_libsrtp_was_given() {
    for (file, case) in libsrtp_cases() {
        let (mut in_place, mut between) = (case.receiver(), case.receiver());
        let mut monitor = case.receiver();
        for (n, packet) in case.packets.iter().enumerate() {
            let plain = hex(&packet.plain_hex);
            let protected = hex(&packet.protected_hex);
            let mut buf = protected.clone();
            let mut out = vec![0xaa; plain.len()];
            if let Some(why) = &packet.known_wrong {
                // Authentic, and deciphered as the RFC has it.
                assert_ne!(in_place.unprotect_rtp(&mut buf).unwrap(), plain, "{why}");
                between.unprotect_rtp_into(&protected, &mut out).unwrap();
                assert_eq!(out, buf[..plain.len()], "{file} {n}");
                monitor.verify_rtp(&protected).unwrap();
            } else if packet.kind == "rtp" {
                assert_eq!(
                    in_place.unprotect_rtp(&mut buf).unwrap(),
                    plain,
                    "{file} {n}"
                );
                let opened = between.unprotect_rtp_into(&protected, &mut out).unwrap();
                assert_eq!(opened, plain, "{file} {n}");
                let index: PacketIndex = monitor.verify_rtp(&protected).unwrap();
                assert_eq!(index.seq().to_be_bytes(), plain[2..4]);
            } else {
                assert_eq!(
                    in_place.unprotect_rtcp(&mut buf).unwrap(),
                    plain,
                    "{file} {n}"
                );
                let opened = between.unprotect_rtcp_into(&protected, &mut out).unwrap();
                assert_eq!(opened, plain, "{file} {n}");
                monitor.verify_rtcp(&protected).unwrap();
            }
        }
        assert_eq!(in_place.statistics(), between.statistics());
        assert_eq!(in_place.statistics(), monitor.statistics());
    }
}

/// Every file in `vectors/` and the number of cases that the test reading it has to find there (0 where a file
/// is no list of cases).
#[rustfmt::skip]
const PINNED: &[(&str, usize)] = &[
    ("README.md", 0),
    // src/primitives.rs
    ("rfc2202_hmac_sha1.json", 7),
    ("rfc3711_b2_aes_cm.json", 1),
    ("rfc6188_aes_cm.json", 2),
    // src/kdf.rs
    ("rfc3711_b3_key_derivation.json", 1),
    ("rfc6188_key_derivation.json", 2),
    ("rfc6904_key_derivation.json", 1),
    ("acvp_srtp_kdf.json", 6),
    // tests/roc_carry.rs
    ("rfc4771_roc_carry.json", 31),
    // src/transform/
    ("rfc3711_b1_f8.json", 1),
    ("rfc7714_srtp.json", 8),
    ("rfc7714_srtcp.json", 4),
    ("rfc6904_header_encryption.json", 1),
    // examples/encrypt_pcap.rs and its test
    ("captures/plain_call.pcap", 0),
    ("captures/plain_video_ipv6.pcapng", 0),
    // with the feature `aria`: src/kdf.rs, src/transform/hmac.rs, src/transform/gcm.rs
    ("rfc8269_key_derivation.json", 2),
    ("rfc8269_srtp_ctr.json", 2),
    ("rfc8269_srtp_gcm.json", 2),
    // tests/sdes_lines.rs, tests/sdes_negotiation.rs (the scenarios of the roles answerer and offerer)
    ("sdes/crypto_lines.json", 97),
    ("sdes/sessions.json", 68),
    ("sdes/negotiation.json", 52),
    // examples/negotiate.rs and its test
    ("sdes/carrier_offer.sdp", 9),
    // tests/negotiate.rs
    ("captures/sip_four_suites.pcap", 0),
    ("captures/sip_suite_changed_on_the_way.pcap", 0),
    ("captures/sip_suite_not_offered.pcap", 0),
    // tests/decrypt_pcap/peers.rs
    ("peers/call_gcm.json", 0),
    ("peers/call_gcm.pcap", 0),
    ("peers/call_suite_changed_on_the_way.json", 0),
    ("peers/call_suite_changed_on_the_way.pcap", 0),
    ("peers/call_suite_not_offered.json", 0),
    ("peers/call_suite_not_offered.pcap", 0),
    ("peers/pipeline_null_cipher_for_rtp.json", 0),
    ("peers/pipeline_null_cipher_for_rtp.pcap", 0),
    ("peers/relay_f8.json", 0),
    ("peers/relay_f8.pcap", 0),
    ("peers/relay_unencrypted_srtcp.json", 0),
    ("peers/relay_unencrypted_srtcp.pcap", 0),
    // tests/negotiate.rs
    ("sdes/twelve_line_answer.sdp", 1),
    ("sdes/twelve_line_offer.sdp", 12),
    // here
    ("libsrtp/AEAD_AES_128_GCM.auth-only.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.base.json", 53),
    ("libsrtp/AEAD_AES_128_GCM.cryptex-mki4.json", 16),
    ("libsrtp/AEAD_AES_128_GCM.cryptex.json", 16),
    ("libsrtp/AEAD_AES_128_GCM.main.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.mki1.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.mki128.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.mki16.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.mki4-two-keys.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.mki4.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.rfc6904-many.json", 18),
    ("libsrtp/AEAD_AES_128_GCM.rfc6904.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.roc0x12345.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.roc0xfffffffe.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.unencrypted-srtcp.json", 19),
    ("libsrtp/AEAD_AES_128_GCM.unencrypted-srtp.json", 19),
    ("libsrtp/AEAD_AES_128_GCM_8.base.json", 53),
    ("libsrtp/AES_192_CM_HMAC_SHA1_80.base.json", 53),
    ("libsrtp/AES_256_CM_HMAC_SHA1_80.base.json", 53),
    ("libsrtp/AES_CM_128_HMAC_SHA1_32.base.json", 53),
    ("libsrtp/AES_CM_128_HMAC_SHA1_32.rtcp-tag32.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.auth-only.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.base.json", 53),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.cryptex-mki4.json", 16),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.cryptex.json", 16),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.main.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.mki1.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.mki128.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.mki16.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.mki4-two-keys.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.mki4.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.rfc6904-many.json", 18),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.rfc6904.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.roc0x12345.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.roc0xfffffffe.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.unauthenticated-srtp.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.unencrypted-srtcp.json", 19),
    ("libsrtp/AES_CM_128_HMAC_SHA1_80.unencrypted-srtp.json", 19),
    ("libsrtp/AES_CM_128_NULL_AUTH.base.json", 53),
    ("libsrtp/AES_CM_128_NULL_AUTH.rtcp-tag80.json", 19),
    ("libsrtp/NULL_HMAC_SHA1_80.base.json", 53),
];

/// The unit tests in `src/` that read a file name it; they pin the number of cases themselves.
#[test]
fn every_file_in_vectors_is_read_by_a_test() {
    let mut unread: BTreeMap<String, ()> = BTreeMap::new();
    visit(&vectors(""), &mut |path| {
        let name = path.strip_prefix(vectors("")).unwrap();
        unread.insert(name.to_str().unwrap().replace('\\', "/"), ());
    });
    for (file, cases) in PINNED {
        assert!(
            unread.remove(*file).is_some(),
            "{file} is missing or listed twice"
        );
        if file.starts_with("peers/") {
            // The test there goes through the folder.
            assert!(readers_of("tests", "vectors(\"peers\")") > 0);
        } else if file.starts_with("libsrtp/") {
            let case: Case = read_json(file);
            assert_eq!(case.packets.len(), *cases, "{file}");
        } else if file.ends_with(".sdp") {
            let sdp = std::fs::read_to_string(vectors(file)).unwrap();
            assert_eq!(sdp.matches("\na=crypto:").count(), *cases, "{file}");
            let call = format!("vectors(\"{file}\")");
            assert!(readers_of("tests", &call) > 0, "a test reads {file}");
        } else if file.starts_with("sdes/") {
            let json: Vec<serde_json::Value> = read_json(file);
            assert_eq!(json.len(), *cases, "{file}");
            let call = format!("read_json(\"{file}\")");
            assert!(readers_of("tests", &call) > 0, "a test reads {file}");
        } else if file.ends_with(".json") {
            let json: serde_json::Value = read_json(file);
            assert_eq!(json["tests"].as_array().unwrap().len(), *cases, "{file}");
            assert!(json["source"].is_string(), "{file} names its source");
            let unit_tests = readers_of("src", &format!("(\"{file}\", "));
            let tests = readers_of("tests", &format!("read_json(\"{file}\")"));
            assert_eq!(unit_tests + tests, 1, "one test reads {file}");
        }
    }
    assert!(unread.is_empty(), "no test reads {:?}", unread.keys());
}

/// How many times the sources in `folder` have this `call`.
fn readers_of(folder: &str, call: &str) -> usize {
    let mut readers = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    visit(&folder, &mut |path| {
        if let Ok(text) = std::fs::read_to_string(path) {
            readers += text.matches(call).count();
        }
    });
    readers
}

fn visit(folder: &Path, file: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, file);
        } else {
            file(&path);
        }
    }
}
