//! The crate webrtc-srtp. It returns every packet in memory that it allocates.

use std::time::Duration;

use bytes::Bytes;
use srtp_sdes::CryptoSuite;
use webrtc_srtp::context::Context as Session;
use webrtc_srtp::option::srtp_replay_protection;
use webrtc_srtp::protection_profile::ProtectionProfile;

use super::{Contender, Context, Extent, Output, Party, REPLAY_WINDOW, one_by_one, time_making};
use crate::packets::Direction;

pub struct Webrtc;

impl Contender for Webrtc {
    fn name(&self) -> &str {
        "webrtc-srtp"
    }

    fn extent(&self) -> Extent {
        Extent::Srtp
    }

    fn party(
        &self,
        direction: Direction,
        suite: CryptoSuite,
        keys: &[Vec<u8>],
    ) -> Option<Box<dyn Party>> {
        let profile = profile(suite)?;
        match direction {
            Direction::Protect => one_by_one(keys, |key| Sending(session(profile, key))),
            Direction::Unprotect => one_by_one(keys, |key| Receiving(session(profile, key))),
        }
    }

    fn time_making(&self, suite: CryptoSuite, key: &[u8], number: usize) -> Option<Duration> {
        let profile = profile(suite)?;
        Some(time_making(number, || session(profile, key)))
    }
}

fn profile(suite: CryptoSuite) -> Option<ProtectionProfile> {
    Some(match suite {
        CryptoSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        CryptoSuite::Aes256CmHmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        CryptoSuite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        CryptoSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => return None,
    })
}

fn session(profile: ProtectionProfile, key: &[u8]) -> Session {
    let (key, salt) = key.split_at(profile.key_len());
    let replay = srtp_replay_protection(REPLAY_WINDOW.into());
    Session::new(key, salt, profile, Some(replay), None).expect("a context")
}

struct Sending(Session);
struct Receiving(Session);

impl Context for Sending {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        allocated(self.0.encrypt_rtp(&buf[..len]))
    }
}

impl Context for Receiving {
    fn run(&mut self, buf: &mut [u8], len: usize) -> Option<Output> {
        allocated(self.0.decrypt_rtp(&buf[..len]))
    }
}

fn allocated(result: Result<Bytes, webrtc_srtp::Error>) -> Option<Output> {
    result.ok().map(Output::Allocated)
}
