//! A sender of any bytes, and the receiver behind it.

use srtp_sdes::{KeyUsage, Plane, ProtectError, Receiver, Sender, UnprotectError};

use crate::{Input, Setup};

/// Protects what the script in `input` says, whatever it is. What could be protected has to come out at a receiver.
///
/// # Panics
/// If it does not, or if an error leaves buffer or state changed, the exported state among it.
pub fn send(input: &[u8]) {
    let mut input = Input(input);
    let setup = Setup::read(&mut input);
    let contexts = (setup.sender(), setup.sender(), setup.receiver());
    let (Some(mut sender), Some(mut sheltered), Some(mut receiver)) = contexts else {
        return;
    };
    play(&setup, input, &mut sender, &mut sheltered, &mut receiver);
    let exported = [sender, sheltered].map(|it| it.export_state());
    assert!(exported[0] == exported[1], "what was refused left a trace");
}

/// `sheltered` protects what `sender` did not refuse.
fn play(
    setup: &Setup,
    mut input: Input<'_>,
    sender: &mut Sender,
    sheltered: &mut Sender,
    receiver: &mut Receiver,
) {
    while !input.is_empty() {
        let step = input.byte();
        let plane = [Plane::Rtp, Plane::Rtcp][usize::from(step & 1)];
        match step >> 1 & 0x0f {
            0 => {
                // Both are where the sender is: they agree on whether it can move.
                let (ssrc, roc) = (input.ssrc(), input.roc());
                let both = (sender.set_roc(ssrc, roc), receiver.set_roc(ssrc, roc));
                assert_eq!(sheltered.set_roc(ssrc, roc), both.0);
                if setup.loses_step(Plane::Rtp) && both.0 != both.1 {
                    return;
                }
                assert_eq!(both.0, both.1);
            }
            1 => {
                let n = input.byte();
                setup.select(sender, n);
                setup.select(sheltered, n);
            }
            _ => {
                let len = usize::from(input.u16() % 2048);
                let plain = input.take(len);
                let spare = setup.spare(plane, plain);
                let Ok(protected) = protect(sender, plane, step >> 5, plain, spare) else {
                    continue;
                };
                let again = protect(sheltered, plane, step >> 5, plain, spare);
                assert_eq!(
                    again.as_ref(),
                    Ok(&protected),
                    "a refusal made a difference"
                );
                let plain = setup.received(plane, plain);
                assert_eq!(
                    protected.len(),
                    plain.len() + overhead(sender, plane) - spare
                );
                match unprotect(receiver, plane, protected) {
                    // What has no tag tells nobody that it was taken for another packet.
                    opened if setup.loses_step(plane) && opened.as_ref() != Ok(&plain) => return,
                    Ok(opened) => assert_eq!(opened, plain),
                    // Nothing vouches for a packet without a tag: it may not run far ahead.
                    Err(UnprotectError::JumpTooFar { .. }) => {
                        assert!(setup.is_forgeable(plane));
                        return;
                    }
                    Err(UnprotectError::EncryptionMismatch { .. }) => {
                        assert!(plane == Plane::Rtcp && !setup.agrees_on_e_bit());
                        return;
                    }
                    Err(error) => panic!("{:?} {plane}: {error}", setup.suite),
                }
            }
        }
    }
}

/// Protects in one of several ways. Checks that nothing changes with an error.
fn protect(
    sender: &mut Sender,
    plane: Plane,
    way: u8,
    plain: &[u8],
    spare: usize,
) -> Result<Vec<u8>, ProtectError> {
    let before = state(sender);
    let is_rtp = plane == Plane::Rtp;
    let overhead = overhead(sender, plane);
    let mut buf = vec![0xaa; plain.len() + overhead + usize::from(way % 2)];
    let protected = match way {
        0..3 => {
            buf[..plain.len()].copy_from_slice(plain);
            let before = buf.clone();
            let protected = if is_rtp {
                sender.protect_rtp(&mut buf, plain.len())
            } else {
                sender.protect_rtcp(&mut buf, plain.len())
            };
            let protected = protected.map(|packet| packet.to_vec());
            if protected.is_err() {
                assert_eq!(buf, before);
            }
            protected
        }
        3 => {
            buf.truncate((plain.len() + overhead).saturating_sub(1));
            into(sender, is_rtp, plain, &mut buf)
        }
        4..6 => into(sender, is_rtp, plain, &mut buf),
        _ => {
            let mut packet = plain.to_vec();
            let protected = if is_rtp {
                sender.protect_rtp_vec(&mut packet)
            } else {
                sender.protect_rtcp_vec(&mut packet)
            };
            if protected.is_err() {
                assert_eq!(packet, plain);
            }
            protected.map(|()| packet)
        }
    };
    match &protected {
        Ok(packet) => {
            // Cryptex makes some packets 4 bytes longer, of those that it is for.
            let taken = plain.len() + overhead - packet.len();
            assert!(taken == spare || taken + 4 == spare);
        }
        Err(_) => assert_eq!(state(sender), before, "an error changed the state"),
    }
    protected
}

fn overhead(sender: &Sender, plane: Plane) -> usize {
    match plane {
        Plane::Rtp => sender.rtp_overhead(),
        _ => sender.rtcp_overhead(),
    }
}

fn into(
    sender: &mut Sender,
    is_rtp: bool,
    plain: &[u8],
    out: &mut [u8],
) -> Result<Vec<u8>, ProtectError> {
    let protected = if is_rtp {
        sender.protect_rtp_into(plain, out)
    } else {
        sender.protect_rtcp_into(plain, out)
    };
    let protected = protected.map(|packet| packet.to_vec());
    let written = protected.as_ref().map_or(0, Vec::len);
    assert!(out[written..].iter().all(|byte| *byte == 0xaa));
    protected
}

fn unprotect(
    receiver: &mut Receiver,
    plane: Plane,
    mut packet: Vec<u8>,
) -> Result<Vec<u8>, UnprotectError> {
    match plane {
        Plane::Rtp => receiver.unprotect_rtp_vec(&mut packet)?,
        _ => receiver.unprotect_rtcp_vec(&mut packet)?,
    }
    Ok(packet)
}

/// What can be seen of a sender's state, without statistics.
fn state(sender: &Sender) -> (Vec<(u32, Option<u32>)>, Vec<KeyUsage>) {
    let streams = sender.ssrcs().map(|ssrc| (ssrc, sender.roc(ssrc)));
    let keys = sender.keys().map(|(_, usage)| usage);
    (streams.collect(), keys.collect())
}
