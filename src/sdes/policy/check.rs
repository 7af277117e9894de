//! What a policy says of a line, of signalling and of a peer.

use super::Policy;
use crate::sdes::attribute::{CryptoAttribute, FecOrder, SessionParameter};
use crate::sdes::error::{RejectReason, Unacceptable};
use crate::sdes::media::Signalling;
use crate::{Cryptex, CryptoSuite};

impl Policy {
    pub(in crate::sdes) fn trusts(&self, signalling: Signalling) -> bool {
        signalling == Signalling::Secure || self.allows_clear_signalling
    }

    /// What is received under `line`, or sent if the peer takes it.
    pub(in crate::sdes) fn cryptex_under(&self, line: &CryptoAttribute) -> Cryptex {
        match encrypts_srtp(line) {
            true => self.cryptex,
            false => Cryptex::Off,
        }
    }

    /// What is sent under `line` to a peer that announces cryptex, or does not.
    pub(in crate::sdes) fn cryptex_to(&self, announced: bool, line: &CryptoAttribute) -> Cryptex {
        match announced {
            true => self.cryptex_under(line),
            false => Cryptex::Off,
        }
    }

    /// May there be SRTP with a peer that announces cryptex, or does not?
    pub(in crate::sdes) fn check_cryptex(&self, announced: bool) -> Result<(), RejectReason> {
        match self.cryptex == Cryptex::Required && !announced {
            true => Err(RejectReason::CryptexRequired),
            false => Ok(()),
        }
    }

    /// The suites of offers.
    pub(in crate::sdes) fn offered_suites(&self) -> impl Iterator<Item = CryptoSuite> {
        let is_offered =
            |suite: &CryptoSuite| self.cryptex != Cryptex::Required || suite.encrypts();
        self.suites.iter().copied().filter(is_offered)
    }

    /// Is a line acceptable whose every part is understood?
    pub(in crate::sdes) fn check(
        &self,
        line: &CryptoAttribute,
    ) -> Result<CryptoSuite, Unacceptable> {
        let suite = line.suite().ok_or(Unacceptable::Suite)?;
        if !self.suites.contains(&suite) {
            return Err(Unacceptable::Suite);
        }
        if self.cryptex == Cryptex::Required && !encrypts_srtp(line) {
            return Err(Unacceptable::Unencrypted);
        }
        self.check_declared(line)?;
        for parameter in line.parameters() {
            let (allowed, otherwise) = match parameter {
                SessionParameter::UnencryptedSrtp => {
                    (self.allows_unencrypted_srtp, Unacceptable::UnencryptedSrtp)
                }
                SessionParameter::UnencryptedSrtcp => {
                    let otherwise = Unacceptable::UnencryptedSrtcp;
                    (self.allows_unencrypted_srtcp, otherwise)
                }
                SessionParameter::UnauthenticatedSrtp => {
                    let otherwise = Unacceptable::UnauthenticatedSrtp;
                    (self.allows_unauthenticated_srtp, otherwise)
                }
                _ => continue,
            };
            allowed.then_some(()).ok_or(otherwise)?;
        }
        Ok(suite)
    }

    /// Is what a line declares for its own direction acceptable, apart from what is negotiated for both?
    pub(in crate::sdes) fn check_declared(
        &self,
        line: &CryptoAttribute,
    ) -> Result<(), Unacceptable> {
        if !self.accepts_mki && line.keys().iter().any(|key| key.mki().is_some()) {
            return Err(Unacceptable::Mki);
        }
        // This crate does no FEC: FEC before SRTP is what the application may do by itself.
        let needs_fec = |parameter: &SessionParameter| {
            use SessionParameter as P;
            matches!(parameter, P::FecOrder(FecOrder::SrtpFec) | P::FecKey(_))
        };
        match line.parameters().iter().any(needs_fec) {
            true => Err(Unacceptable::Fec),
            false => Ok(()),
        }
    }
}

fn encrypts_srtp(line: &CryptoAttribute) -> bool {
    let unencrypted = |it: &SessionParameter| matches!(it, SessionParameter::UnencryptedSrtp);
    line.suite().is_some_and(CryptoSuite::encrypts) && !line.parameters().iter().any(unencrypted)
}
