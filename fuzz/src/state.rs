//! Exported state: as it was, changed, changed by somebody who has the keys, and bytes from anywhere.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use srtp_sdes::{Margin, MasterKey, Receiver, Sender};

use crate::{Input, Setup};

/// Bytes of the code at the end of a state.
const CODE: usize = 20;

/// Lets a sender and a receiver have the history that `input` says, exports them, changes the states as it says, and goes on with what comes of them.
///
/// # Panics
/// If a state that was changed is accepted by who cannot have changed it, if one that was not is refused or is not what it was, or if a sender
/// does not go on beyond its margin.
pub fn import_state(input: &[u8]) {
    let mut input = Input(input);
    let setup = Setup::read(&mut input);
    let (Some(mut sender), Some(mut receiver)) = (setup.sender(), setup.receiver()) else {
        return;
    };
    for _ in 0..input.byte() % 32 {
        happen(&setup, &mut input, &mut sender, &mut receiver);
    }
    check_margin(&setup, &sender, input.u16());
    let keys = setup.keys();
    let keys: Vec<_> = keys.iter().collect();
    let change = Change::read(&mut input);

    let states = (sender.export_state(), receiver.export_state());
    let secret_states = (
        sender.export_secret_state(&keys).unwrap(),
        receiver.export_secret_state(&keys).unwrap(),
    );
    let resumed_sender = change.resume(&states.0, &keys, |state| {
        let resumed = setup.sender_builder().build_resumed(state, Margin::NONE);
        resumed.ok().map(|it| (it.export_state(), it))
    });
    let resumed_receiver = change.resume(&states.1, &keys, |state| {
        let resumed = setup.receiver_builder().build_resumed(state);
        resumed.ok().map(|it| (it.export_state(), it))
    });
    let by_itself = change.resume(&secret_states.0, &keys, |state| {
        let resumed = Sender::resume_secret(state, Margin::NONE).ok()?;
        let again = resumed.export_secret_state(&keys).ok()?;
        Some((again.to_vec(), resumed))
    });
    let received_by_itself = change.resume(&secret_states.1, &keys, |state| {
        let resumed = Receiver::resume_secret(state).ok()?;
        let again = resumed.export_secret_state(&keys).ok()?;
        Some((again.to_vec(), resumed))
    });
    // Whatever the states say, what came of them works.
    let mut sender = resumed_sender.or(by_itself).unwrap_or(sender);
    let mut receiver = resumed_receiver.or(received_by_itself).unwrap_or(receiver);
    while !input.is_empty() {
        happen(&setup, &mut input, &mut sender, &mut receiver);
    }
    check_margin(&setup, &sender, 1);
}

/// A packet is sent and received, or something is done to a stream.
fn happen(setup: &Setup, input: &mut Input<'_>, sender: &mut Sender, receiver: &mut Receiver) {
    let (step, ssrc) = (input.byte(), input.ssrc());
    match step % 16 {
        0 => {
            let roc = input.roc();
            let _ = (sender.set_roc(ssrc, roc), receiver.set_roc(ssrc, roc));
        }
        1 => {
            sender.remove_stream(ssrc);
        }
        2 => {
            receiver.remove_stream(ssrc);
        }
        3 => setup.select(sender, input.byte()),
        4..9 => {
            let mut report = vec![0x80, 201, 0, 1];
            report.extend(ssrc.to_be_bytes());
            if sender.protect_rtcp_vec(&mut report).is_ok() {
                let _ = receiver.verify_rtcp(&report);
            }
        }
        _ => {
            let mut packet = vec![0x80, 0];
            packet.extend(input.u16().to_be_bytes());
            packet.extend([0; 4]);
            packet.extend(ssrc.to_be_bytes());
            if sender.protect_rtp_vec(&mut packet).is_ok() {
                let _ = receiver.verify_rtp(&packet);
            }
        }
    }
}

/// Who resumes with a margin goes on beyond it.
fn check_margin(setup: &Setup, sender: &Sender, packets: u16) {
    let Some(margin) = Margin::packets(packets) else {
        return;
    };
    // A state that somebody changed need not be one of this setup.
    let Ok(resumed) = setup
        .sender_builder()
        .build_resumed(&sender.export_state(), margin)
    else {
        return;
    };
    for ssrc in sender.ssrcs() {
        let reached = sender.next_rtp_index(ssrc).map(|next| next.value());
        if let (Some(reached), Some(next)) = (reached, resumed.next_rtp_index(ssrc)) {
            assert!(next.value() >= reached + u64::from(packets));
        }
    }
}

/// What happens to a state between export and import.
struct Change<'a> {
    flips: Vec<(usize, u8)>,
    cut: usize,
    behind: &'a [u8],
    /// The code is made right again, as one who has the keys can.
    is_by_an_insider: bool,
}

impl<'a> Change<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        let what = input.byte();
        let flips = (0..what % 4).map(|_| (input.u16().into(), input.byte()));
        let flips = flips.collect();
        let (cut, behind) = match what >> 2 & 3 {
            0 => (usize::from(input.byte()), input.byte()),
            _ => (0, 0),
        };
        Self {
            flips,
            cut,
            behind: input.take(behind.into()),
            is_by_an_insider: what >> 4 & 1 == 1,
        }
    }

    /// Gives the state, changed, to `resume`, which says what was resumed and what that exports.
    fn resume<T>(
        &self,
        state: &[u8],
        keys: &[&MasterKey],
        resume: impl Fn(&[u8]) -> Option<(Vec<u8>, T)>,
    ) -> Option<T> {
        let changed = self.of(state, keys);
        let Some((again, resumed)) = resume(&changed) else {
            assert!(changed != state, "a state is refused as it was");
            return None;
        };
        assert!(self.is_by_an_insider || changed == state, "a forged state");
        if changed == state {
            assert!(again == state, "it is not what it was");
        }
        let (third, _) = resume(&again).expect("what it exports is a state");
        assert!(third == again);
        Some(resumed)
    }

    fn of(&self, state: &[u8], keys: &[&MasterKey]) -> Vec<u8> {
        let mut changed = state.to_vec();
        for (at, with) in &self.flips {
            let at = at % changed.len();
            changed[at] ^= with;
        }
        changed.truncate(changed.len().saturating_sub(self.cut));
        changed.extend(self.behind);
        if self.is_by_an_insider && changed != state && changed.len() > 19 + CODE {
            let len = changed.len();
            changed[11..19].copy_from_slice(&(len as u64).to_be_bytes());
            let code = code(&changed[..len - CODE], keys);
            changed[len - CODE..].copy_from_slice(&code);
        }
        changed
    }
}

/// As the page `state` has it.
fn code(covered: &[u8], keys: &[&MasterKey]) -> [u8; CODE] {
    let mut sum = [0; CODE];
    for key in keys {
        let mut mac = Hmac::<Sha1>::new_from_slice(&state_key(key)).unwrap();
        mac.update(covered);
        let code = mac.finalize().into_bytes();
        sum.iter_mut()
            .zip(code)
            .for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

/// RFC 3711 §4.3.2 with the label 0xfe.
fn state_key(key: &MasterKey) -> Vec<u8> {
    let (key, salt) = key.secret_key_and_salt().split_at(key.suite().key_len());
    let mut blocks = [[0; 16], [0; 16]];
    for (n, block) in blocks.iter_mut().enumerate() {
        block[..salt.len()].copy_from_slice(salt);
        block[7] ^= 0xfe;
        block[15] = n as u8;
        match key.len() {
            16 => Aes128::new_from_slice(key)
                .unwrap()
                .encrypt_block(block.into()),
            24 => Aes192::new_from_slice(key)
                .unwrap()
                .encrypt_block(block.into()),
            _ => Aes256::new_from_slice(key)
                .unwrap()
                .encrypt_block(block.into()),
        }
    }
    blocks.concat()[..CODE].to_vec()
}
