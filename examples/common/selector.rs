//! For which sender a user gives a key: `ADDRESS:PORT`, `ADDRESS:PORT->ADDRESS:PORT` or `SSRC=NUMBER`.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    Everything,
    Source(SocketAddr),
    Direction(SocketAddr, SocketAddr),
    Ssrc(u32),
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong =
            "before the `=` must stand ADDRESS:PORT, ADDRESS:PORT->ADDRESS:PORT or SSRC=NUMBER";
        if let Some(ssrc) = text.to_ascii_lowercase().strip_prefix("ssrc=") {
            let ssrc = match ssrc.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => ssrc.parse(),
            };
            return ssrc.map(Self::Ssrc).ok().context(wrong);
        }
        Ok(match text.split_once("->") {
            Some((from, to)) => Self::Direction(
                from.parse().ok().context(wrong)?,
                to.parse().ok().context(wrong)?,
            ),
            None => Self::Source(text.parse().ok().context(wrong)?),
        })
    }
}
