//! SRTP packets: opened as agreed, or in the way that fits.

use srtp_sdes::UnprotectError;

use super::cause::{Cause, Parameter};
use super::chance::Pattern;
use super::diagnosis::{
    Finding, Outcome, Patient, Specimen, is_of_order, one_sided, others, related,
};
use super::key_ring::{Key, KeyRing};
use super::media::Look;
use super::opener::Variant;

/// Keys whose rollover counter is searched for.
const MOST_SEARCHED: usize = 16;

/// Where a payload begins and the sequence number, of a packet that looks like RTP.
fn shape(it: &Specimen<'_>) -> (usize, u16) {
    match it.look {
        Look::Rtp(rtp) => (it.bytes.len() - rtp.payload_len, rtp.seq),
        _ => (it.bytes.len(), 0),
    }
}

pub(crate) fn open(
    ring: &mut KeyRing,
    patient: &mut Patient,
    candidates: &[usize],
    it: &Specimen<'_>,
) -> Finding {
    let order = patient.order(candidates);
    let (mut is_of_order_alone, mut has_ended) = (false, false);
    for &index in &order {
        let key = &mut ring.keys[index];
        let Some(receiver) = &mut key.receiver else {
            continue;
        };
        let mut opened = it.bytes.to_vec();
        match receiver.unprotect_rtp_vec(&mut opened) {
            Ok(()) => return accept(key, index, patient, it, opened),
            Err(UnprotectError::KeyExpired) => has_ended = true,
            Err(error) => is_of_order_alone |= is_of_order(&error),
        }
    }
    if it.is_repeated {
        return Finding::new(near(ring, &order, it), Outcome::Repeated);
    }
    if has_ended && let Some(opened) = near(ring, &order, it) {
        return Finding::explained(Some(opened), Cause::LifetimeEnded);
    }
    let may_search = patient.is_search_due() && order.len() <= MOST_SEARCHED;
    for &index in &order {
        let key = &mut ring.keys[index];
        let finding = at_another_counter(key, index, patient, it, is_of_order_alone, may_search);
        if let Some(finding) = finding {
            return finding;
        }
    }
    otherwise(ring, patient, &order, it)
}

/// A packet that opened: it may be what was agreed, or only seem so.
fn accept(
    key: &mut Key,
    index: usize,
    patient: &mut Patient,
    it: &Specimen<'_>,
    opened: Vec<u8>,
) -> Finding {
    let (start, seq) = shape(it);
    let roc = key
        .receiver
        .as_ref()
        .and_then(|receiver| receiver.roc(it.question.ssrc));
    let outcome = patient.opened_at(index, u64::from(roc.unwrap_or(0)) << 16 | u64::from(seq));
    key.was_used = true;
    key.flow.get_or_insert(it.sender);
    if patient.deserves_second_look()
        && let Some((variant, cause, better)) =
            second_look(key, it, start, &opened, roc.unwrap_or(0))
    {
        if let Some(variant) = variant {
            patient.adopt(index, variant, &cause);
        }
        let better = Some(better).filter(|_| cause != Cause::NotEncrypted);
        return Finding::explained(better, cause);
    }
    // A stream that was seen not to keep to what was agreed goes on so where its bytes tell nothing.
    if let Some((adopted, variant @ Variant::EncryptionOfSrtp, cause)) = patient.adopted()
        && adopted == index
        && Pattern::of(opened.get(start..).unwrap_or_default()) != Pattern::Structured
        && let Some(better) = key
            .opener
            .rtp(variant, it.question.ssrc, roc.unwrap_or(0), it.bytes)
    {
        return Finding::explained(Some(better), cause);
    }
    Finding::new(Some(opened), outcome)
}

/// Whether a packet that opens was protected in another way than the line says.
fn second_look(
    key: &mut Key,
    it: &Specimen<'_>,
    start: usize,
    opened: &[u8],
    roc: u32,
) -> Option<(Option<Variant>, Cause, Vec<u8>)> {
    let ssrc = it.question.ssrc;
    let payload = |packet: &[u8]| Pattern::of(packet.get(start..).unwrap_or_default());
    if !key.authenticates(false) {
        let variant = Variant::AuthenticationOfSrtp;
        if key.session.unauthenticated_srtp
            && let Some(better) = key.opener.rtp(variant, ssrc, roc, it.bytes)
        {
            let cause = one_sided(Parameter::UnauthenticatedSrtp, true);
            return Some((Some(variant), cause, better));
        }
        let is_plain =
            payload(it.bytes) == Pattern::Structured && payload(opened) == Pattern::Random;
        return is_plain.then(|| (None, Cause::NotEncrypted, it.bytes.to_vec()));
    }
    if key.suite.is_aead() || !key.suite.encrypts() || payload(opened) == Pattern::Structured {
        return None;
    }
    let variant = Variant::EncryptionOfSrtp;
    let better = key.opener.rtp(variant, ssrc, roc, it.bytes)?;
    let cause = one_sided(Parameter::UnencryptedSrtp, key.session.unencrypted_srtp);
    (payload(&better) == Pattern::Structured).then_some((Some(variant), cause, better))
}

/// A packet that is near opens, whether its receiver takes it or not.
fn near(ring: &mut KeyRing, order: &[usize], it: &Specimen<'_>) -> Option<Vec<u8>> {
    order.iter().find_map(|&index| {
        let key = &mut ring.keys[index];
        let counters = counters(key, it.question.ssrc);
        let mut opened = counters.into_iter();
        opened.find_map(|roc| {
            key.opener
                .rtp(Variant::AsAgreed, it.question.ssrc, roc, it.bytes)
        })
    })
}

/// The rollover counters that are near.
fn counters(key: &Key, ssrc: u32) -> Vec<u32> {
    let now = key
        .receiver
        .as_ref()
        .and_then(|it| it.roc(ssrc))
        .unwrap_or(0);
    let mut near = vec![now, now.wrapping_sub(1), now.saturating_add(1), 0];
    near.retain(|it| *it != u32::MAX);
    near.dedup();
    near
}

/// A packet of the right key, that comes at another index than the receiver expects.
fn at_another_counter(
    key: &mut Key,
    index: usize,
    patient: &mut Patient,
    it: &Specimen<'_>,
    is_of_order_alone: bool,
    may_search: bool,
) -> Option<Finding> {
    if !key.authenticates(false) {
        return None;
    }
    let ssrc = it.question.ssrc;
    let known = key.receiver.as_ref()?.roc(ssrc);
    let mut near = counters(key, ssrc).into_iter();
    let found =
        near.find_map(|roc| Some((roc, key.opener.rtp(Variant::AsAgreed, ssrc, roc, it.bytes)?)));
    let (roc, opened) = match found {
        Some(found) => found,
        None if may_search => {
            let roc = key.opener.search(ssrc, it.bytes)?;
            (roc, key.opener.rtp(Variant::AsAgreed, ssrc, roc, it.bytes)?)
        }
        None => return None,
    };
    if is_of_order_alone && key.flow != Some(it.sender) {
        // The same stream at another place of its way.
        return Some(Finding::new(Some(opened), Outcome::AsAgreed));
    }
    let (_, seq) = shape(it);
    let at = u64::from(roc) << 16 | u64::from(seq);
    let is_behind = patient.highest().is_some_and(|highest| at <= highest);
    let cause = match known {
        Some(_) if is_behind => Cause::Restarted,
        known => Cause::RocOff {
            expected: known.unwrap_or(0),
            found: roc,
        },
    };
    let until = patient.highest().filter(|_| is_behind);
    key.receiver.as_mut()?.restart_rtp(ssrc, roc).ok()?;
    key.receiver.as_mut()?.verify_rtp(it.bytes).ok()?;
    patient.forget_highest();
    patient.mend(cause.clone(), until);
    key.was_used = true;
    key.flow.get_or_insert(it.sender);
    patient.opened_at(index, at);
    Some(Finding::explained(Some(opened), cause))
}

/// A packet that opens at no index under what was agreed.
fn otherwise(
    ring: &mut KeyRing,
    patient: &mut Patient,
    order: &[usize],
    it: &Specimen<'_>,
) -> Finding {
    let ssrc = it.question.ssrc;
    if let Some((index, variant, cause)) = patient.adopted() {
        let key = &mut ring.keys[index];
        let mut near = counters(key, ssrc).into_iter();
        if let Some(opened) = near.find_map(|roc| key.opener.rtp(variant, ssrc, roc, it.bytes)) {
            return Finding::explained(Some(opened), cause);
        }
    }
    let (start, _) = shape(it);
    let pattern = |packet: &[u8]| Pattern::of(packet.get(start..).unwrap_or_default());
    let has_tag = matches!(it.look, Look::Rtp(rtp) if rtp.has_odd_length());
    let raw = pattern(it.bytes);
    if raw != Pattern::Random && !has_tag && patient.goes_in_clear(raw) {
        return Finding::explained(None, Cause::NotEncrypted);
    }
    if patient.is_worth_it() {
        for &index in order {
            let key = &mut ring.keys[index];
            // Whoever authenticates some packets does so with all, and a tag shows in the length.
            let may_lack_tag = patient.key.is_none() && !has_tag;
            let found = unlike_agreed(key, it, may_lack_tag.then_some(&pattern));
            if let Some((variant, cause, opened)) = found {
                key.was_used = true;
                patient.adopt(index, variant, &cause);
                return Finding::explained(Some(opened), cause);
            }
        }
        for index in others(ring, order, false) {
            let key = &mut ring.keys[index];
            if let Some(opened) = key.opener.rtp(Variant::AsAgreed, ssrc, 0, it.bytes) {
                let fits = Some(key.whose.clone());
                let cause = Cause::WrongKey { fits };
                patient.adopt(index, Variant::AsAgreed, &cause);
                return Finding::explained(Some(opened), cause);
            }
        }
    }
    Finding::new(None, Outcome::Unexplained)
}

/// The key is right, and something else is not.
fn unlike_agreed(
    key: &mut Key,
    it: &Specimen<'_>,
    without_tag: Option<&impl Fn(&[u8]) -> Pattern>,
) -> Option<(Variant, Cause, Vec<u8>)> {
    let ssrc = it.question.ssrc;
    for suite in related(key) {
        if suite.rtp_tag_len() > 0 {
            let variant = Variant::Suite(suite);
            if let Some(opened) = key.opener.rtp(variant, ssrc, 0, it.bytes) {
                return Some((variant, Cause::other_suite(suite), opened));
            }
        }
    }
    let pattern = without_tag.filter(|_| key.authenticates(false))?;
    let variant = Variant::AuthenticationOfSrtp;
    let opened = key.opener.rtp(variant, ssrc, 0, it.bytes)?;
    // Without a tag only the bytes tell.
    let fits = pattern(&opened) == Pattern::Structured && pattern(it.bytes) != Pattern::Structured;
    let cause = one_sided(Parameter::UnauthenticatedSrtp, false);
    fits.then_some((variant, cause, opened))
}
