//! What the examples share: for captures, in the order a packet meets it; for live media; for offers; and for all.
#![allow(
    dead_code,
    reason = "each example compiles this folder for itself and uses a part of it"
)]

pub(crate) mod input;
pub(crate) mod capture;
pub(crate) mod pcapng;
pub(crate) mod capture_writer;
pub(crate) mod datagram;
pub(crate) mod media;
pub(crate) mod signalling;
pub(crate) mod tcp;
pub(crate) mod sip_reader;

pub(crate) mod decide;
pub(crate) mod partners;
pub(crate) mod plan;
pub(crate) mod ports;
pub(crate) mod streams;

pub(crate) mod crypto_line;
pub(crate) mod encryption;
pub(crate) mod selector;
pub(crate) mod key_book;
pub(crate) mod listen;

pub(crate) mod leg;
pub(crate) mod leg_keys;
pub(crate) mod remote;
pub(crate) mod tally;
pub(crate) mod turn;
pub(crate) mod way;
pub(crate) mod gateway;

pub(crate) mod policy;
pub(crate) mod exchanges;
pub(crate) mod verdicts;
pub(crate) mod answer_text;

pub(crate) mod cause;
pub(crate) mod chance;
pub(crate) mod opener;
pub(crate) mod directions;
pub(crate) mod key_ring;
pub(crate) mod ledger_row;
pub(crate) mod ledger;
pub(crate) mod diagnosis;
pub(crate) mod diagnosis_rtp;
pub(crate) mod diagnosis_rtcp;
pub(crate) mod decryption;
pub(crate) mod codec;
pub(crate) mod wav;
pub(crate) mod ladder;
pub(crate) mod page;
pub(crate) mod page_drawings;

pub(crate) mod args;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod table;
