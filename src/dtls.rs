//! Keys from a DTLS handshake (DTLS-SRTP, RFC 5764): protection profiles, and what the exporter gives. The handshake itself is the application's.
//!
//! ```
//! use srtp_sdes::dtls::{self, Role};
//! use srtp_sdes::{CryptoSuite, Receiver, Sender};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handshake = |_label: &str, len: usize| -> Vec<u8> { (0..len).map(|n| n as u8).collect() };
//! let ours = [CryptoSuite::AeadAes128Gcm, CryptoSuite::AesCm128HmacSha1_80];
//! let offered = [0x0001, 0x0002]; // the use_srtp extension of the client's hello
//! let suite = dtls::choose(&ours, &offered).ok_or("no common protection profile")?;
//! assert_eq!(suite, CryptoSuite::AesCm128HmacSha1_80);
//!
//! let exported = handshake(dtls::EXPORTER_LABEL, dtls::exported_len(suite)); // without a context value
//! let keys = dtls::split_secret(suite, &exported, Role::Server)?;
//! let (sender, receiver) = (Sender::new(keys.ours), Receiver::new(keys.theirs));
//! # let _ = (sender, receiver);
//! # Ok(())
//! # }
//! ```

use crate::error::KeyError;
use crate::key::{Lifetime, MasterKey};
use crate::suite::CryptoSuite;

/// The label of the TLS exporter (RFC 5764 §4.2). There is no context value.
pub const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// Which side of the DTLS handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It sent the first hello: `a=setup:active`.
    Client,
    /// It answered.
    Server,
}

/// The two master keys of a DTLS-SRTP association.
#[derive(Debug)]
pub struct Keys {
    /// What we send under.
    pub ours: MasterKey,
    /// What we receive under.
    pub theirs: MasterKey,
}

/// Which suite to take, of the protection profiles that the peer names in `use_srtp` (RFC 5764 §4.1.1): the first of `ours` that is among them. Profile
/// numbers that are not known are passed over. As the client, check with it that the one profile of the server's answer was offered.
#[must_use]
pub fn choose(ours: &[CryptoSuite], offered: &[u16]) -> Option<CryptoSuite> {
    let is_offered = |suite: &&CryptoSuite| {
        let profile = suite.dtls_srtp_profile();
        profile.is_some_and(|profile| offered.contains(&profile))
    };
    ours.iter().find(is_offered).copied()
}

/// Bytes to ask of the exporter: twice [`key_and_salt_len`](CryptoSuite::key_and_salt_len) (RFC 5764 §4.2).
///
/// For the NULL suites too: RFC 5764 §4.1.2 lists a cipher key and salt of no bytes for them, but deployed libraries export and split 16 + 14 bytes
/// a side, from which RFC 3711 §4.3 derives the authentication key.
#[must_use]
pub const fn exported_len(suite: CryptoSuite) -> usize {
    2 * suite.key_and_salt_len()
}

/// **Secret:** splits what the exporter gave, [`exported_len`] bytes of it: client key, server key, client salt, server salt (RFC 5764 §4.2).
///
/// Under the profiles of RFC 5764 both keys have a [lifetime](Lifetime) of 2^31 packets, their `maximum_lifetime` (§4.1.2); under those of RFC 7714
/// and RFC 8269, and suites without a profile, they have the suite's own.
///
/// # Errors
/// [`KeyError::Exported`] if there are more or fewer bytes.
pub fn split_secret(suite: CryptoSuite, exported: &[u8], role: Role) -> Result<Keys, KeyError> {
    let wrong = KeyError::Exported {
        suite,
        expected: exported_len(suite),
        got: exported.len(),
    };
    if exported.len() != exported_len(suite) {
        return Err(wrong);
    }
    let (keys, salts) = exported.split_at(2 * suite.key_len());
    let (client_key, server_key) = keys.split_at(suite.key_len());
    let (client_salt, server_salt) = salts.split_at(suite.salt_len());
    let client = with_lifetime(MasterKey::from_key_and_salt(
        suite,
        client_key,
        client_salt,
    )?);
    let server = with_lifetime(MasterKey::from_key_and_salt(
        suite,
        server_key,
        server_salt,
    )?);
    Ok(match role {
        Role::Client => Keys {
            ours: client,
            theirs: server,
        },
        Role::Server => Keys {
            ours: server,
            theirs: client,
        },
    })
}

fn with_lifetime(key: MasterKey) -> MasterKey {
    match Lifetime::new(1 << 31) {
        Ok(lifetime) if is_of_rfc_5764(key.suite()) => key.with_lifetime(lifetime),
        _ => key,
    }
}

fn is_of_rfc_5764(suite: CryptoSuite) -> bool {
    matches!(suite.dtls_srtp_profile(), Some(1..=6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Receiver, Sender};
    use alloc::vec::Vec;

    #[test]
    fn profile_numbers_are_those_of_the_registry_and_lead_back_to_their_suites() {
        use CryptoSuite as S;
        for (suite, number) in [
            (S::AesCm128HmacSha1_80, 1),
            (S::AesCm128HmacSha1_32, 2),
            (S::NullHmacSha1_80, 5),
            (S::NullHmacSha1_32, 6),
            (S::AeadAes128Gcm, 7),
            (S::AeadAes256Gcm, 8),
            #[cfg(feature = "aria")]
            (S::Aria128CtrHmacSha1_80, 11),
            #[cfg(feature = "aria")]
            (S::Aria128CtrHmacSha1_32, 12),
            #[cfg(feature = "aria")]
            (S::Aria256CtrHmacSha1_80, 13),
            #[cfg(feature = "aria")]
            (S::Aria256CtrHmacSha1_32, 14),
            #[cfg(feature = "aria")]
            (S::AeadAria128Gcm, 15),
            #[cfg(feature = "aria")]
            (S::AeadAria256Gcm, 16),
        ] {
            assert_eq!(suite.dtls_srtp_profile(), Some(number));
            assert_eq!(CryptoSuite::from_dtls_srtp_profile(number), Some(suite));
        }
        let known = |number| CryptoSuite::from_dtls_srtp_profile(number).is_some();
        let count = 6 + if cfg!(feature = "aria") { 6 } else { 0 };
        assert_eq!(
            (0..=u16::MAX).filter(|number| known(*number)).count(),
            count
        );
    }

    #[test]
    fn our_order_decides_among_the_profiles_that_are_offered() {
        use CryptoSuite as S;
        let ours = [
            S::Aes256CmHmacSha1_80,
            S::AeadAes256Gcm,
            S::AesCm128HmacSha1_80,
        ];
        assert_eq!(choose(&ours, &[1, 0x4444, 8]), Some(S::AeadAes256Gcm));
        assert_eq!(choose(&ours, &[1, 2]), Some(S::AesCm128HmacSha1_80));
        assert_eq!(choose(&ours, &[2, 5, 0]), None);
        assert_eq!(choose(&ours, &[]), None);
        assert_eq!(choose(&[], &[1]), None);
    }

    #[test]
    fn exported_bytes_are_client_key_server_key_client_salt_server_salt() {
        for suite in CryptoSuite::ALL {
            let exported: Vec<u8> = (0..).take(exported_len(suite)).collect();
            let (key, salt) = (suite.key_len(), suite.salt_len());
            let both =
                |k: usize, s: usize| [&exported[k..k + key], &exported[s..s + salt]].concat();
            let client = both(0, 2 * key);
            let server = both(key, 2 * key + salt);
            for (role, ours, theirs) in [
                (Role::Client, &client, &server),
                (Role::Server, &server, &client),
            ] {
                let keys = split_secret(suite, &exported, role).unwrap();
                assert_eq!(keys.ours.secret_key_and_salt(), ours, "{suite}");
                assert_eq!(keys.theirs.secret_key_and_salt(), theirs, "{suite}");
            }
        }
    }

    #[test]
    fn client_and_server_hear_each_other_and_not_themselves() {
        for suite in CryptoSuite::ALL {
            let exported: Vec<u8> = (0..).take(exported_len(suite)).collect();
            let [client, server] = [Role::Client, Role::Server]
                .map(|role| split_secret(suite, &exported, role).unwrap());
            for (mine, theirs) in [(&client, &server), (&server, &client)] {
                let mut sender = Sender::new(mine.ours.secret_copy());
                let packet = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4];
                let mut sent = packet.to_vec();
                sender.protect_rtp_vec(&mut sent).unwrap();
                let mut peer = Receiver::new(theirs.theirs.secret_copy());
                let mut heard = sent.clone();
                peer.unprotect_rtp_vec(&mut heard).unwrap();
                assert_eq!(heard, packet, "{suite}");
                let mut own = Receiver::new(mine.theirs.secret_copy());
                let heard = own.unprotect_rtp_vec(&mut sent);
                assert!(heard.is_err() || sent != packet, "{suite}");
            }
        }
    }

    #[test]
    fn keys_of_rfc_5764_last_for_2_to_the_31_packets() {
        for (suite, lifetime) in [
            (CryptoSuite::AesCm128HmacSha1_80, Some(1 << 31)),
            (CryptoSuite::NullHmacSha1_32, Some(1 << 31)),
            (CryptoSuite::AeadAes256Gcm, None),
            (CryptoSuite::AesCm128NullAuth, None),
            #[cfg(feature = "aria")]
            (CryptoSuite::Aria128CtrHmacSha1_80, None),
            #[cfg(feature = "aria")]
            (CryptoSuite::AeadAria256Gcm, None),
        ] {
            let exported: Vec<u8> = (0..).take(exported_len(suite)).collect();
            let keys = split_secret(suite, &exported, Role::Client).unwrap();
            for key in [&keys.ours, &keys.theirs] {
                assert_eq!(key.lifetime().map(Lifetime::packets), lifetime, "{suite}");
            }
        }
    }

    #[test]
    fn more_or_fewer_bytes_are_refused() {
        for suite in CryptoSuite::ALL {
            let exported: Vec<u8> = (0..).take(exported_len(suite) + 1).collect();
            for got in (0..exported_len(suite)).chain([exported_len(suite) + 1]) {
                let refused = split_secret(suite, &exported[..got], Role::Server).unwrap_err();
                let expected = exported_len(suite);
                assert_eq!(
                    refused,
                    KeyError::Exported {
                        suite,
                        expected,
                        got
                    }
                );
            }
        }
    }
}
