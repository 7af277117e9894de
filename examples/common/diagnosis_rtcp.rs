//! SRTCP packets: opened as agreed, or in the way that fits.

use srtp_sdes::UnprotectError;

use super::cause::{Cause, Parameter};
use super::diagnosis::{
    Finding, Outcome, Patient, Specimen, is_of_order, one_sided, others, related,
};
use super::key_ring::{Key, KeyRing};
use super::media::Look;
use super::opener::Variant;

pub(crate) fn open(
    ring: &mut KeyRing,
    patient: &mut Patient,
    candidates: &[usize],
    it: &Specimen<'_>,
) -> Finding {
    // An index and a tag follow SRTCP, so that its packets never fill their datagram.
    let is_plain = matches!(it.look, Look::Rtcp(rtcp) if rtcp.is_whole);
    let order = patient.order(candidates);
    for &index in &order {
        let key = &mut ring.keys[index];
        if is_plain && !key.authenticates(true) {
            continue;
        }
        if let Some(finding) = under(key, index, patient, it) {
            return finding;
        }
    }
    if is_plain {
        return Finding::explained(None, Cause::RtcpInClear);
    }
    if let Some((index, variant, cause)) = patient.adopted()
        && let Some(opened) = ring.keys[index]
            .opener
            .rtcp(variant, it.question.ssrc, it.bytes)
    {
        let outcome = match it.is_repeated {
            true => Outcome::Repeated,
            false => Outcome::Explained(cause),
        };
        return Finding::new(Some(opened), outcome);
    }
    if it.is_repeated {
        return Finding::new(None, Outcome::Repeated);
    }
    if patient.is_worth_it() {
        for &index in &order {
            if let Some((variant, cause, opened)) = unlike_agreed(&mut ring.keys[index], it) {
                ring.keys[index].was_used = true;
                patient.adopt(index, variant, &cause);
                return Finding::explained(Some(opened), cause);
            }
        }
        for index in others(ring, &order, true) {
            let key = &mut ring.keys[index];
            if let Some(opened) = key
                .opener
                .rtcp(Variant::AsAgreed, it.question.ssrc, it.bytes)
            {
                let fits = Some(key.whose.clone());
                let cause = Cause::WrongKey { fits };
                patient.adopt(index, Variant::AsAgreed, &cause);
                return Finding::explained(Some(opened), cause);
            }
        }
    }
    Finding::new(None, Outcome::Unexplained)
}

/// By the rules, or but for the order of packets.
fn under(key: &mut Key, index: usize, patient: &mut Patient, it: &Specimen<'_>) -> Option<Finding> {
    let ssrc = it.question.ssrc;
    let mut opened = it.bytes.to_vec();
    let error = match key.receiver.as_mut()?.unprotect_rtcp_vec(&mut opened) {
        Ok(()) => {
            key.was_used = true;
            key.flow.get_or_insert(it.sender);
            patient.key = Some(index);
            let is_whole = matches!(Look::at(&opened), Look::Rtcp(rtcp) if rtcp.is_whole);
            if !is_whole
                && !key.suite.encrypts()
                && let Some((variant, cause, opened)) = enciphered(key, it)
            {
                patient.adopt(index, variant, &cause);
                return Some(Finding::explained(Some(opened), cause));
            }
            return Some(Finding::new(Some(opened), Outcome::AsAgreed));
        }
        Err(error) => error,
    };
    if matches!(error, UnprotectError::EncryptionMismatch { .. }) {
        let opened = key.opener.rtcp(Variant::EitherEBit, ssrc, it.bytes);
        let cause = one_sided(Parameter::UnencryptedSrtcp, key.session.unencrypted_srtcp);
        key.was_used = true;
        patient.adopt(index, Variant::EitherEBit, &cause);
        let outcome = match it.is_repeated {
            true => Outcome::Repeated,
            false => Outcome::Explained(cause),
        };
        return Some(Finding::new(opened, outcome));
    }
    if error == UnprotectError::KeyExpired {
        let opened = key.opener.rtcp(Variant::AsAgreed, ssrc, it.bytes)?;
        return Some(Finding::explained(Some(opened), Cause::LifetimeEnded));
    }
    if !is_of_order(&error) {
        return None;
    }
    // Authentic, and only its index was there before.
    let opened = key.opener.rtcp(Variant::AsAgreed, ssrc, it.bytes)?;
    if it.is_repeated {
        return Some(Finding::new(Some(opened), Outcome::Repeated));
    }
    if key.flow != Some(it.sender) {
        patient.key = Some(index);
        return Some(Finding::new(Some(opened), Outcome::AsAgreed));
    }
    key.receiver.as_mut()?.restart_rtcp(ssrc);
    key.receiver.as_mut()?.verify_rtcp(it.bytes).ok()?;
    Some(Finding::explained(Some(opened), Cause::Restarted))
}

/// The key is right, and something else is not.
fn unlike_agreed(key: &mut Key, it: &Specimen<'_>) -> Option<(Variant, Cause, Vec<u8>)> {
    let ssrc = it.question.ssrc;
    let expected = key.tag.len(key.suite);
    for found in [4, 10] {
        let variant = Variant::SrtcpTag(found);
        if found != expected
            && let Some(opened) = key.opener.rtcp(variant, ssrc, it.bytes)
        {
            return Some((variant, Cause::SrtcpTag { expected, found }, opened));
        }
    }
    for suite in related(key) {
        let variant = Variant::Suite(suite);
        if suite.rtcp_tag_len() > 0
            && let Some(opened) = key.opener.rtcp(variant, ssrc, it.bytes)
        {
            return Some((variant, Cause::other_suite(suite), opened));
        }
    }
    None
}

/// Authentic under a suite that does not encrypt, and enciphered all the same.
fn enciphered(key: &mut Key, it: &Specimen<'_>) -> Option<(Variant, Cause, Vec<u8>)> {
    let mut encrypting = related(key).filter(|suite| suite.encrypts() && !suite.is_aead());
    encrypting.find_map(|suite| {
        let variant = Variant::Suite(suite);
        let opened = key.opener.rtcp(variant, it.question.ssrc, it.bytes)?;
        let is_whole = matches!(Look::at(&opened), Look::Rtcp(rtcp) if rtcp.is_whole);
        is_whole.then_some((variant, Cause::other_suite(suite), opened))
    })
}
