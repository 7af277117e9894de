//! Two legs of one call through a B2BUA: can packets pass untouched, or does each have to be opened and sealed anew?

use super::attribute::{CryptoAttribute, SessionParameter};
use super::decision::Services;
use crate::key::MasterKey;

/// The crypto lines of one negotiated leg.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// The line that we sent: what this leg's peer expects to receive under.
    pub ours: &'a CryptoAttribute,
    /// The line that this leg's peer sent: what it sends under.
    pub theirs: &'a CryptoAttribute,
    /// Do both sides of this leg announce cryptex (RFC 9335)? See [`Session::cryptex`](super::Session::cryptex).
    pub cryptex: bool,
}

/// What has to be done with packets from one leg to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// They pass untouched: the far peer was given this peer's own line.
    Untouched,
    /// They have to be unprotected and protected anew, and grow by so many bytes; a negative number is shrinking. Where the far leg has cryptex,
    /// packets with CSRCs and without a header extension grow by 4 more.
    Anew {
        /// Bytes by which an SRTP packet grows.
        rtp_growth: isize,
        /// Bytes by which an SRTCP packet grows, with the SRTCP tags that RFC 4568 §6.2 gives the suites of both. A leg whose policy has
        /// [`SrtcpTagOf32::FourBytes`](super::SrtcpTagOf32::FourBytes) has packets that are 6 bytes shorter under a suite that ends in `_32`.
        rtcp_growth: isize,
    },
}

impl Leg<'_> {
    /// The way of packets from this leg's peer to that of `other`.
    ///
    /// They pass untouched if suite, keys, MKIs, services, key derivation rate and cryptex are the same on both sides (RFC 4568 §7.1.4 on media
    /// relays): tag numbers, spelling, lifetimes and hints do not matter.
    #[must_use]
    pub fn to(&self, other: &Leg<'_>) -> Passage {
        let (from, to) = (self.theirs, other.ours);
        if means_the_same(from, to) && self.cryptex == other.cryptex {
            return Passage::Untouched;
        }
        let growth = |overhead: fn(&CryptoAttribute) -> isize| overhead(to) - overhead(from);
        Passage::Anew {
            rtp_growth: growth(rtp_overhead),
            rtcp_growth: growth(rtcp_overhead),
        }
    }
}

/// Do both lines describe the same packets? Tags, spelling, lifetimes and hints do not matter.
pub(super) fn means_the_same(one: &CryptoAttribute, other: &CryptoAttribute) -> bool {
    let rate = |line: &CryptoAttribute| {
        line.parameters()
            .iter()
            .find_map(|parameter| match parameter {
                SessionParameter::KeyDerivationRate(rate) => Some(*rate),
                _ => None,
            })
    };
    let same_key =
        |(one, other): (&MasterKey, &MasterKey)| one.is_same_as(other) && one.mki() == other.mki();
    one.suite().is_some()
        && one.suite() == other.suite()
        && one.keys().len() == other.keys().len()
        && one.keys().iter().zip(other.keys()).all(same_key)
        && Services::of(one) == Services::of(other)
        && rate(one) == rate(other)
}

fn rtp_overhead(line: &CryptoAttribute) -> isize {
    let tag = match Services::of(line).unauthenticated_srtp() {
        true => 0,
        false => line.suite().map_or(0, |suite| suite.rtp_tag_len()),
    };
    (tag + mki_len(line)).cast_signed()
}

fn rtcp_overhead(line: &CryptoAttribute) -> isize {
    let tag = line.suite().map_or(0, |suite| suite.rtcp_tag_len());
    (4 + tag + mki_len(line)).cast_signed()
}

fn mki_len(line: &CryptoAttribute) -> usize {
    line.keys().first().map_or(0, MasterKey::mki_len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CryptoSuite, Mki};
    use alloc::vec;
    use alloc::vec::Vec;

    fn line(suite: CryptoSuite, seed: u8, mki: Option<usize>) -> CryptoAttribute {
        let mut key = MasterKey::new(suite, &vec![seed; suite.key_and_salt_len()]).unwrap();
        if let Some(len) = mki {
            key = key.with_mki(Mki::from_value(1, len).unwrap());
        }
        CryptoAttribute::new(1, None, &[key], &[]).unwrap()
    }

    /// Every suite, with and without an MKI, and with each service that it allows.
    fn all_lines() -> Vec<CryptoAttribute> {
        use SessionParameter as P;
        let services = || [None, Some(P::UnencryptedSrtp), Some(P::UnauthenticatedSrtp)];
        let mut lines = Vec::new();
        for suite in CryptoSuite::ALL {
            for mki in [None, Some(4)] {
                let line = line(suite, 1, mki);
                let with = |service: Option<P>| {
                    CryptoAttribute::new(1, None, line.keys(), service.as_slice())
                };
                // AES-GCM always encrypts and authenticates.
                lines.extend(services().into_iter().filter_map(|it| with(it).ok()));
            }
        }
        lines
    }

    #[test]
    fn packets_grow_by_what_a_sender_of_the_far_line_adds_and_one_of_the_near_line_added() {
        let lines = all_lines();
        assert!(lines.len() > 60, "{}", lines.len());
        let own = line(CryptoSuite::AesCm128HmacSha1_80, 9, None);
        let leg = |ours, theirs| Leg {
            ours,
            theirs,
            cryptex: false,
        };
        let senders = lines.iter().map(|it| it.secret_sender().unwrap().unwrap());
        let overheads: Vec<_> = senders
            .map(|it| [it.rtp_overhead(), it.rtcp_overhead()].map(usize::cast_signed))
            .collect();
        for (near, [near_rtp, near_rtcp]) in lines.iter().zip(&overheads) {
            for (far, [far_rtp, far_rtcp]) in lines.iter().zip(&overheads) {
                let expected = match means_the_same(near, far) {
                    true => Passage::Untouched,
                    false => Passage::Anew {
                        rtp_growth: far_rtp - near_rtp,
                        rtcp_growth: far_rtcp - near_rtcp,
                    },
                };
                assert_eq!(
                    leg(&own, near).to(&leg(far, &own)),
                    expected,
                    "{near:?} {far:?}"
                );
            }
        }
    }

    #[test]
    fn legs_of_different_suites_need_every_packet_anew_and_it_grows_by_the_difference_of_the_tags()
    {
        let (a, b) = (
            CryptoSuite::Aes256CmHmacSha1_80,
            CryptoSuite::AesCm128HmacSha1_32,
        );
        let lines = [
            line(a, 1, None),
            line(a, 2, None),
            line(b, 3, None),
            line(b, 4, None),
        ];
        let [our_a, their_a, our_b, their_b] = &lines;
        let leg_a = Leg {
            ours: our_a,
            theirs: their_a,
            cryptex: false,
        };
        let leg_b = Leg {
            ours: our_b,
            theirs: their_b,
            cryptex: false,
        };
        let (rtp_growth, rtcp_growth) = (6, 0);
        assert_eq!(
            leg_b.to(&leg_a),
            Passage::Anew {
                rtp_growth,
                rtcp_growth
            }
        );
        let (rtp_growth, rtcp_growth) = (-6, 0);
        assert_eq!(
            leg_a.to(&leg_b),
            Passage::Anew {
                rtp_growth,
                rtcp_growth
            }
        );
    }

    #[test]
    fn a_line_that_was_passed_on_lets_packets_pass_untouched_in_that_direction_alone() {
        let suite = CryptoSuite::AesCm128HmacSha1_80;
        let (theirs, own, other) = (
            line(suite, 1, Some(4)),
            line(suite, 2, None),
            line(suite, 3, None),
        );
        let passed_on = line(suite, 1, Some(4));
        let leg_a = Leg {
            ours: &own,
            theirs: &theirs,
            cryptex: false,
        };
        let leg_b = Leg {
            ours: &passed_on,
            theirs: &other,
            cryptex: false,
        };
        assert_eq!(leg_a.to(&leg_b), Passage::Untouched);
        assert_eq!(
            leg_b.to(&leg_a),
            Passage::Anew {
                rtp_growth: 0,
                rtcp_growth: 0
            }
        );
        let other_mki = line(suite, 1, Some(2));
        let leg_b = Leg {
            ours: &other_mki,
            theirs: &other,
            cryptex: false,
        };
        assert_eq!(
            leg_a.to(&leg_b),
            Passage::Anew {
                rtp_growth: -2,
                rtcp_growth: -2
            }
        );
    }
}
