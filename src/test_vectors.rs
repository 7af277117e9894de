//! Reads the files in `vectors/` for unit tests that begin below the public API.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, de::DeserializeOwned};

/// Bytes, written in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let byte = |pair: &[u8]| {
            let digits = core::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        text.as_bytes()
            .chunks(2)
            .map(byte)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

/// The cases of a file, which has to hold exactly `expected` of them.
pub(crate) fn read<T: DeserializeOwned>(file: &str, expected: usize) -> Vec<T> {
    #[derive(Deserialize)]
    struct File<T> {
        tests: Vec<T>,
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let file: File<T> = serde_json::from_str(&text).unwrap();
    assert_eq!(file.tests.len(), expected, "cases in the file");
    file.tests
}

/// Where something ends: blocks, vectors, turns. And packets as they are.
#[rustfmt::skip]
pub(crate) const FORTY_LENGTHS: [usize; 40] = [
    0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 17, 20, 31, 32, 33, 47, 48, 49, 63, 64,
    65, 80, 95, 96, 97, 127, 128, 129, 160, 191, 192, 193, 255, 256, 257, 320, 383, 512, 1199, 1200,
];
pub(crate) const LONGEST: usize = 2048;

/// So many bytes of which none tells the next.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0u32..)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .take(len)
        .collect()
}
