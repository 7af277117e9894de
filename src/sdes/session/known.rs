//! The keys that a session has seen in use.

use alloc::vec::Vec;

use crate::MasterKey;
use crate::ring::KeyCheck;
use crate::sdes::attribute::CryptoAttribute;

/// By what the keys of both sides are recognised when they come again (RFC 3711 §9.2, RFC 4568 §7.1.2).
#[derive(Default)]
pub(super) struct KnownKeys {
    pub(super) ours: Vec<KeyCheck>,
    pub(super) theirs: Vec<KeyCheck>,
}

impl KnownKeys {
    /// The keys of lines that are agreed.
    pub(super) fn add(&mut self, ours: &CryptoAttribute, theirs: &CryptoAttribute) {
        for key in ours.keys() {
            self.add_ours(key);
        }
        for key in theirs.keys() {
            add(&mut self.theirs, key);
        }
    }

    /// A key that we offered.
    pub(super) fn add_ours(&mut self, key: &MasterKey) {
        add(&mut self.ours, key);
    }

    pub(super) fn is_ours(&self, key: &MasterKey) -> bool {
        has(&self.ours, key)
    }

    pub(super) fn is_theirs(&self, key: &MasterKey) -> bool {
        has(&self.theirs, key)
    }

    /// Ours alone, for another dialog.
    pub(super) fn of_ours(&self) -> Self {
        Self {
            ours: self.ours.iter().map(KeyCheck::copy).collect(),
            theirs: Vec::new(),
        }
    }
}

fn has(keys: &[KeyCheck], key: &MasterKey) -> bool {
    let check = KeyCheck::of_key(key);
    keys.iter().any(|known| known.matches(&check))
}

fn add(keys: &mut Vec<KeyCheck>, key: &MasterKey) {
    if !has(keys, key) {
        keys.push(KeyCheck::of_key(key));
    }
}
