//! What negotiation needs of an `m=` section: transport, port, attributes.

use core::fmt;
use core::str::FromStr;

use super::attribute::LEAST_BASE64;
use super::capabilities::name_and_value;
use super::error::NotSdes;

/// The RTP profiles under which `a=crypto` can stand (RFC 4568 §6, RFC 8643 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `RTP/AVP` (RFC 3551): plain, or opportunistic SRTP.
    Avp,
    /// `RTP/AVPF` (RFC 4585): plain, or opportunistic SRTP.
    Avpf,
    /// `RTP/SAVP` (RFC 3711).
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
}

impl Profile {
    const ALL: [Self; 4] = [Self::Avp, Self::Avpf, Self::Savp, Self::Savpf];

    /// As in an `m=` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
        }
    }

    /// Does the profile itself demand SRTP?
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Savp | Self::Savpf)
    }

    /// The secure profile with the same feedback.
    #[must_use]
    pub const fn secured(self) -> Self {
        match self {
            Self::Avp | Self::Savp => Self::Savp,
            Self::Avpf | Self::Savpf => Self::Savpf,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = NotSdes;

    /// Reads the transport of an `m=` line, in any letter case.
    ///
    /// # Errors
    /// [`NotSdes`] for every other transport: DTLS-SRTP (`UDP/TLS/RTP/SAVP`, RFC 5764), T.38, MSRP …
    fn from_str(transport: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name().eq_ignore_ascii_case(transport))
            .ok_or(NotSdes)
    }
}

/// One `m=` section of an offer or answer.
#[derive(Clone, Copy)]
pub struct MediaSection<'a> {
    /// The transport, such as `RTP/SAVP`.
    pub transport: &'a str,
    /// The port; 0 refuses the stream, or takes it out of use (RFC 3264 §6, §8.2).
    pub port: u16,
    /// The attributes of the section, one a string: lines from `a=` on, or from the name on, with or without line end. Attributes other
    /// than `crypto`, `cryptex` and those of capability negotiation are passed over, so that all of a section's can be given. Those of the session
    /// level do not belong here, since `a=crypto` means nothing there (RFC 4568 §4), but for `a=cryptex`: it counts for every section
    /// (RFC 9335 §4), and whoever passes on crypto lines alone adds it to them.
    pub attributes: &'a [&'a str],
}

impl MediaSection<'_> {
    /// The values of the crypto attributes, with their place in `attributes`.
    pub(super) fn crypto_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_crypto = |text: &str| {
            let text = text.strip_prefix("a=").unwrap_or(text);
            let name = text.split_once(':').map(|(name, _)| name);
            name.is_some_and(|name| name.eq_ignore_ascii_case("crypto"))
        };
        let attributes = self.attributes.iter().copied().enumerate();
        attributes.filter(move |(_, text)| is_crypto(text))
    }
}

/// Is `a=cryptex` among these attributes? It has no value (RFC 9335 §4); a colon with nothing behind is what some SDP stacks make of that.
pub(super) fn announces_cryptex(attributes: &[&str]) -> bool {
    attributes.iter().any(|text| is_cryptex(text))
}

pub(super) fn is_cryptex(attribute: &str) -> bool {
    let (name, value) = name_and_value(attribute);
    name.trim_ascii().eq_ignore_ascii_case("cryptex") && value.trim_ascii().is_empty()
}

/// Is it no more than a field of an `m=` line can be (RFC 8866 §9), and shorter than any key?
pub(super) fn is_ordinary_field(field: &str) -> bool {
    let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._*".contains(&byte);
    field.len() < LEAST_BASE64 && field.bytes().all(is_ordinary)
}

impl fmt::Debug for MediaSection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shown = is_ordinary_field(self.transport);
        let transport = if is_shown { self.transport } else { "…" };
        f.debug_struct("MediaSection")
            .field("transport", &transport)
            .field("port", &self.port)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// How the signalling travels that carries the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalling {
    /// Encrypted and authenticated from end to end of what this side can see: SIP over TLS.
    Secure,
    /// In the clear: whoever sees the SDP has the keys (RFC 4568 §8).
    Clear,
}
