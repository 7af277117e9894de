//! Before anything is timed: all contenders do the same work.

use anyhow::{Result, ensure};
use srtp_sdes::CryptoSuite;

use crate::cases::keys;
use crate::contenders::{Contender, Extent};
use crate::packets::{Direction, Flow, Packets, Traffic};

const PACKETS: usize = 40;

/// All protect to the same bytes, accept them, refuse forged ones and, where they are whole, repeated ones.
pub fn agree(contenders: &[Box<dyn Contender>], suite: CryptoSuite, payload: usize) -> Result<()> {
    let keys = keys(suite, 1);
    let mut traffic = Traffic::new(Flow::OneStream, payload, PACKETS);
    let plain = traffic.turn(PACKETS).swap_remove(0);
    let mut expected = plain.clone();
    let ours = contenders[0].party(Direction::Protect, suite, &keys);
    expected.protect_with(&mut *ours.expect("our own"));
    for contender in contenders.iter().filter(|it| it.extent() != Extent::Floor) {
        let name = contender.name();
        if let Some(mut sender) = contender.party(Direction::Protect, suite, &keys) {
            let mut protected = plain.clone();
            protected.protect_with(&mut *sender);
            let same = bytes(&mut protected) == bytes(&mut expected);
            ensure!(same, "{name}, {suite}, {payload}: other bytes than ours");
        }
        if let Some(mut receiver) = contender.party(Direction::Unprotect, suite, &keys) {
            let mut opens = |protected: &[u8]| {
                let mut buf = [protected, &[0; 64]].concat();
                receiver.one(0, &mut buf, protected.len())
            };
            for (protected, plain) in bytes(&mut expected).iter().zip(bytes(&mut plain.clone())) {
                for at in 0..protected.len() {
                    // The whole header, the first of the payload, the whole tag.
                    if (1..20).contains(&at) || at + 4 > protected.len() {
                        let mut forged = protected.clone();
                        forged[at] ^= 1;
                        let accepted = opens(&forged).is_some();
                        ensure!(!accepted, "{name}, {suite}: a forged packet is accepted");
                    }
                }
                let opened = opens(protected);
                ensure!(opened == Some(plain), "{name}, {suite}, {payload}: refused");
                let again = contender.extent() == Extent::Srtp && opens(protected).is_some();
                ensure!(!again, "{name}, {suite}: a packet is accepted twice");
            }
        }
    }
    Ok(())
}

fn bytes(packets: &mut Packets) -> Vec<Vec<u8>> {
    let copy = packets.iter_mut().map(|(it, buf)| buf[..it.len].to_vec());
    copy.collect()
}
