//! How to hear one side of the bundled call, as a stock tool decrypts it.

use std::path::Path;

use srtp_sdes::CryptoSuite;

/// Commands that decrypt what the caller says into a WAV file, unless the tool lacks the suite. The key goes
/// from its file into the command without being shown.
pub(crate) fn hint(capture: &Path, keys: &Path, suite: CryptoSuite) -> Option<String> {
    // The callee's receiving address and the caller's SSRC in the bundled call.
    const TO: &str = "127.0.0.1:40106";
    const PORT: u16 = 40106;
    const SSRC: u32 = 0x7C29_658D;
    let (cipher, auth) = gstreamer_names(suite)?;
    let rtcp_auth = auth.replace("sha1-32", "sha1-80");
    let (capture, keys) = (capture.display(), keys.display());
    Some(format!(
        "
To listen to the caller with GStreamer (Debian: gstreamer1.0-tools, gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad):

key=$(sed -n 's/.*->{TO}=.*inline://p' '{keys}' | base64 -d | od -An -v -tx1 | tr -d ' \\n')
gst-launch-1.0 -q filesrc 'location=\"{capture}\"' ! pcapparse dst-port={PORT} \\
  caps=\"application/x-srtp, media=(string)audio, clock-rate=(int)8000, encoding-name=(string)PCMU, payload=(int)0, \\
  ssrc=(uint){SSRC}, srtp-key=(buffer)$key, srtp-cipher=(string){cipher}, srtp-auth=(string){auth}, \\
  srtcp-cipher=(string){cipher}, srtcp-auth=(string){rtcp_auth}\" \\
  ! identity ! srtpdec ! rtppcmudepay ! mulawdec ! wavenc ! filesink location=caller.wav
"
    ))
}

/// What GStreamer's `srtpdec` calls a suite's cipher and authentication.
fn gstreamer_names(suite: CryptoSuite) -> Option<(&'static str, &'static str)> {
    Some(match suite {
        CryptoSuite::AesCm128HmacSha1_80 => ("aes-128-icm", "hmac-sha1-80"),
        CryptoSuite::AesCm128HmacSha1_32 => ("aes-128-icm", "hmac-sha1-32"),
        CryptoSuite::Aes256CmHmacSha1_80 => ("aes-256-icm", "hmac-sha1-80"),
        CryptoSuite::Aes256CmHmacSha1_32 => ("aes-256-icm", "hmac-sha1-32"),
        CryptoSuite::AeadAes128Gcm => ("aes-128-gcm", "null"),
        CryptoSuite::AeadAes256Gcm => ("aes-256-gcm", "null"),
        _ => return None,
    })
}
