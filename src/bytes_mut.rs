//! Packets in a [`BytesMut`], behind the feature `bytes`: the methods for `Vec<u8>` once more.

use bytes::BytesMut;

use crate::error::{ProtectError, UnprotectError};
use crate::receiver::Receiver;
use crate::sender::Sender;

/// Packets in a `BytesMut`, with the feature `bytes`. It grows within its capacity if that is enough, and else allocates, as it does for
/// any other growth: room behind a part that was split off belongs to the other part. Those other parts keep their bytes.
impl Sender {
    /// Protects the RTP packet in `packet`, which grows by [`rtp_overhead`](Self::rtp_overhead) bytes; at most that with
    /// [`cryptex`](crate::Builder::cryptex).
    ///
    /// # Errors
    /// [`ProtectError`]; the bytes of `packet` are then unchanged and no index is used. Its capacity may have grown.
    pub fn protect_rtp_bytes(&mut self, packet: &mut BytesMut) -> Result<(), ProtectError> {
        grow(packet, self.rtp_overhead(), |buf, len| {
            self.protect_rtp(buf, len)
        })
    }

    /// Protects the RTCP packet in `packet`, which grows by [`rtcp_overhead`](Self::rtcp_overhead) bytes.
    ///
    /// # Errors
    /// [`ProtectError`]; the bytes of `packet` are then unchanged and no index is used. Its capacity may have grown.
    pub fn protect_rtcp_bytes(&mut self, packet: &mut BytesMut) -> Result<(), ProtectError> {
        grow(packet, self.rtcp_overhead(), |buf, len| {
            self.protect_rtcp(buf, len)
        })
    }
}

/// Packets in a `BytesMut`, with the feature `bytes`.
impl Receiver {
    /// Unprotects the SRTP packet in `packet`, which becomes the RTP packet. Allocates nothing.
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtp_bytes(&mut self, packet: &mut BytesMut) -> Result<(), UnprotectError> {
        let len = self.unprotect_rtp(packet)?.len();
        packet.truncate(len);
        Ok(())
    }

    /// Unprotects the SRTCP packet in `packet`, which becomes the RTCP packet. Allocates nothing.
    ///
    /// # Errors
    /// [`UnprotectError`]; `packet` and all state are then unchanged.
    pub fn unprotect_rtcp_bytes(&mut self, packet: &mut BytesMut) -> Result<(), UnprotectError> {
        let len = self.unprotect_rtcp(packet)?.len();
        packet.truncate(len);
        Ok(())
    }
}

/// Protects a packet in place with `overhead` bytes of room behind it, and gives back what is left of the room.
fn grow(
    packet: &mut BytesMut,
    overhead: usize,
    protect: impl FnOnce(&mut [u8], usize) -> Result<&mut [u8], ProtectError>,
) -> Result<(), ProtectError> {
    let len = packet.len();
    packet.resize(len + overhead, 0);
    let sealed = protect(packet, len).map(|packet| packet.len());
    packet.truncate(sealed.unwrap_or(len));
    sealed.map(|_| ())
}
