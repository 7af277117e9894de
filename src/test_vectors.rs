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
