//! What is refused changes nothing: neither the buffers nor the state that a context exports.
//!
//! An exported state has all that a context knows but three things: its keys, which no packet changes; its statistics, which are observations; and
//! the keys and windows of an overlap, since the state is as after the overlap. The same state gives the same bytes, so it is bytes that are
//! compared, all of them. What an overlap adds shows in what a receiver accepts afterwards.

use srtp_sdes::batch::{self, Incoming, Outgoing};
use srtp_sdes::{Plane, ProtectError, Receiver, Sender, UnprotectError};

/// What no packet of the tests holds where it is looked for.
const FILL: u8 = 0xa5;

/// As many packets as make a batch look ahead.
const BATCH: usize = 8;

/// The SRTP and SRTCP of a receiver, by every method that takes a packet.
const WAYS: usize = 5;

/// A context whose state can be compared.
pub trait Exports {
    fn exported(&self) -> Vec<u8>;
}

impl Exports for Sender {
    fn exported(&self) -> Vec<u8> {
        self.export_state()
    }
}

impl Exports for Receiver {
    fn exported(&self) -> Vec<u8> {
        self.export_state()
    }
}

/// Two contexts with the same keys are in the same state, to the byte.
#[track_caller]
pub fn assert_same_state(one: &impl Exports, other: &impl Exports) {
    assert!(one.exported() == other.exported(), "the states differ");
}

/// The name of the variant: `{:?}` up to the first value.
pub fn variant(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}

/// A receiver refuses `packet` by every method for the same reason; neither the packet nor what is beside it nor the state has changed.
#[track_caller]
pub fn refused_by_receiver(rx: &mut Receiver, plane: Plane, packet: &[u8]) -> UnprotectError {
    let before = rx.export_state();
    let errors: Vec<_> = (0..WAYS)
        .map(|way| refused_one_way(rx, way, plane, packet))
        .collect();
    assert!(rx.export_state() == before, "{}: a trace", errors[0]);
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    errors[0]
}

/// The same by one of the methods, and without a look at the state.
#[track_caller]
pub fn refused_one_way(
    rx: &mut Receiver,
    way: usize,
    plane: Plane,
    packet: &[u8],
) -> UnprotectError {
    let (mut copy, mut out) = (packet.to_vec(), vec![FILL; packet.len()]);
    let refused = match (way % WAYS, plane) {
        (0, Plane::Rtp) => rx.unprotect_rtp(&mut copy).err(),
        (0, Plane::Rtcp) => rx.unprotect_rtcp(&mut copy).err(),
        (1, Plane::Rtp) => rx.unprotect_rtp_into(packet, &mut out).err(),
        (1, Plane::Rtcp) => rx.unprotect_rtcp_into(packet, &mut out).err(),
        (2, Plane::Rtp) => rx.unprotect_rtp_vec(&mut copy).err(),
        (2, Plane::Rtcp) => rx.unprotect_rtcp_vec(&mut copy).err(),
        (3, Plane::Rtp) => rx.verify_rtp(packet).err(),
        (3, Plane::Rtcp) => rx.verify_rtcp(packet).err(),
        _ => Some(refused_in_a_batch(rx, plane, packet)),
    };
    assert!(copy == packet && out == vec![FILL; packet.len()]);
    refused.expect("it is refused")
}

#[track_caller]
fn refused_in_a_batch(rx: &mut Receiver, plane: Plane, packet: &[u8]) -> UnprotectError {
    let mut copies = vec![packet.to_vec(); BATCH];
    let mut packets: Vec<_> = copies
        .iter_mut()
        .map(|copy| Incoming::new(0, plane, copy))
        .collect();
    batch::unprotect(&mut [rx][..], &mut packets);
    let results: Vec<_> = packets.iter().filter_map(Incoming::result).collect();
    assert!(results.len() == BATCH && results.iter().all(|it| *it == results[0]));
    assert!(copies.iter().all(|copy| copy == packet));
    results[0].expect_err("it is refused")
}

/// A receiver has no room for the plain form of `packet`, which has `plain` bytes, in any smaller buffer; nothing has changed. Returns the error's
/// name.
#[track_caller]
pub fn refused_for_room(
    rx: &mut Receiver,
    plane: Plane,
    packet: &[u8],
    plain: usize,
) -> Option<String> {
    let before = rx.export_state();
    let mut refused = None;
    for room in [0, 1, plain / 2, plain - 1] {
        let mut out = vec![FILL; room];
        refused = match plane {
            Plane::Rtp => rx.unprotect_rtp_into(packet, &mut out).err(),
            Plane::Rtcp => rx.unprotect_rtcp_into(packet, &mut out).err(),
        };
        let has_no_room = matches!(refused, Some(UnprotectError::BufferTooSmall { .. }));
        assert!(has_no_room && out == vec![FILL; room], "{refused:?}");
    }
    assert!(rx.export_state() == before, "no room: a trace");
    refused.map(|error| variant(&error))
}

/// A sender refuses `plain` by every method for the same reason; neither buffers nor state have changed.
#[track_caller]
pub fn refused_by_sender(tx: &mut Sender, plane: Plane, plain: &[u8]) -> ProtectError {
    let before = tx.export_state();
    let mut vec = plain.to_vec();
    let refused = match plane {
        Plane::Rtp => tx.protect_rtp_vec(&mut vec),
        Plane::Rtcp => tx.protect_rtcp_vec(&mut vec),
    };
    let error = refused.expect_err("it is refused");
    assert!(
        vec == plain && tx.export_state() == before,
        "{error}: a trace"
    );
    let overhead = match plane {
        Plane::Rtp => tx.rtp_overhead(),
        Plane::Rtcp => tx.rtcp_overhead(),
    };
    let others = refused_within(tx, plane, plain, plain.len() + overhead);
    assert!(others.iter().all(|other| *other == error), "{others:?}");
    error
}

/// A sender refuses `plain` in so many bytes of room, by every method that takes a buffer; neither buffers nor state have changed.
#[track_caller]
pub fn refused_within(
    tx: &mut Sender,
    plane: Plane,
    plain: &[u8],
    room: usize,
) -> Vec<ProtectError> {
    let before = tx.export_state();
    let mut filled = plain.to_vec();
    filled.resize(room, FILL);
    let empty = vec![FILL; room];

    let (mut buf, mut out) = (filled.clone(), empty.clone());
    let alone = match plane {
        Plane::Rtp => [
            tx.protect_rtp(&mut buf, plain.len()).err(),
            tx.protect_rtp_into(plain, &mut out).err(),
        ],
        Plane::Rtcp => [
            tx.protect_rtcp(&mut buf, plain.len()).err(),
            tx.protect_rtcp_into(plain, &mut out).err(),
        ],
    };
    assert!(
        buf == filled && out == empty,
        "a packet that is refused is unchanged"
    );

    let (mut bufs, mut outs) = (vec![filled.clone(); BATCH], vec![empty.clone(); BATCH]);
    let in_place = bufs
        .iter_mut()
        .map(|buf| Outgoing::in_place(0, plane, buf, plain.len()));
    let copied = outs
        .iter_mut()
        .map(|out| Outgoing::copied(0, plane, plain, out));
    let mut packets: Vec<_> = in_place.chain(copied).collect();
    batch::protect(&mut [&mut *tx][..], &mut packets);
    let batch = packets.iter().filter_map(|it| it.result()?.err());
    let errors: Vec<_> = alone.into_iter().flatten().chain(batch).collect();
    assert_eq!(errors.len(), 2 + 2 * BATCH, "it is refused");
    assert!(bufs.iter().all(|buf| *buf == filled) && outs.iter().all(|out| *out == empty));
    assert!(tx.export_state() == before, "{}: a trace", errors[0]);
    errors
}
