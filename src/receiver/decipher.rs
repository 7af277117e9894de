//! Deciphering packets that were accepted (RFC 3711 §3.3, §3.4).

use super::Receiver;
use super::accepted::Opened;
use crate::header::write_extension_profile;
use crate::layout::{EncryptedPortion, with_cryptex_portion};
use crate::transform::cryptex_profile;

impl Receiver {
    /// Deciphers a packet that was accepted, and returns its plain form.
    #[inline(always)]
    pub(super) fn decipher<'p>(&mut self, opened: &Opened, packet: &'p mut [u8]) -> &'p mut [u8] {
        let plain = packet.get_mut(..opened.plain).unwrap_or_default();
        let deciphered = match opened.portion {
            EncryptedPortion::Payload => self.decipher_payload(opened, plain),
            EncryptedPortion::Nothing => Some(()),
            _ => self.decipher_more(opened, plain),
        };
        match deciphered {
            Some(()) => plain,
            // Never met: the packet was laid out and verified with key and header. If it were, ciphertext would not pass for plaintext.
            None => Default::default(),
        }
    }

    #[cold]
    #[inline(never)]
    fn decipher_more(&mut self, opened: &Opened, plain: &mut [u8]) -> Option<()> {
        use EncryptedPortion as Portion;
        match opened.portion {
            Portion::Payload | Portion::PayloadThoughCryptexIsRequired => {
                self.decipher_payload(opened, plain)
            }
            Portion::Nothing => Some(()),
            Portion::PayloadAndElements => self.decipher_elements(opened, plain),
            Portion::Cryptex => self.decipher_cryptex(opened, plain),
        }
    }

    #[inline(always)]
    fn decipher_payload(&mut self, opened: &Opened, plain: &mut [u8]) -> Option<()> {
        let ring = match (opened.is_former, &mut self.former) {
            (true, Some(former)) => former.ring_and_formats().0,
            _ => &mut self.context.ring,
        };
        let key = ring.get_mut(opened.key)?;
        plain.get(opened.header..)?;
        let transform = key.transform(opened.at);
        transform.decipher(plain, opened.header, opened.at);
        Some(())
    }

    /// CSRCs, header extension and payload (RFC 9335).
    #[cold]
    #[inline(never)]
    fn decipher_cryptex(&mut self, opened: &Opened, plain: &mut [u8]) -> Option<()> {
        let ring = match (opened.is_former, &mut self.former) {
            (true, Some(former)) => former.ring_and_formats().0,
            _ => &mut self.context.ring,
        };
        let transform = ring.get_mut(opened.key)?.transform(opened.at);
        with_cryptex_portion(plain, |plain, clear| {
            transform.decipher(plain, clear, opened.at);
        })?;
        write_extension_profile(plain, cryptex_profile(plain)?);
        Some(())
    }

    /// The payload and elements of the header extension (RFC 6904).
    #[cold]
    #[inline(never)]
    fn decipher_elements(&mut self, opened: &Opened, plain: &mut [u8]) -> Option<()> {
        self.decipher_payload(opened, plain)?;
        let (ring, formats) = match (opened.is_former, &mut self.former) {
            (true, Some(former)) => former.ring_and_formats(),
            _ => (&mut self.context.ring, &self.context.formats),
        };
        let ids = formats.encrypted_elements.as_ref()?;
        let header = plain.get_mut(..opened.header)?;
        let key = ring.get_mut(opened.key)?;
        key.xor_elements(ids, header, opened.at);
        Some(())
    }
}
