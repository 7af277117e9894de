//! The session descriptions of both ends, written over the carrier's own text.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use srtp_sdes::sdes::{CryptoAttribute, Profile, SdpSection, sections, with_secret_lines};
use zeroize::Zeroizing;

/// A carrier's INVITE had this body. Its keys are replaced by fresh ones, its address by ours.
const TEMPLATE: &str = include_str!("../../../vectors/sdes/carrier_offer.sdp");

/// An offer or an answer: the media at `address`, under this profile, with these crypto lines and no others.
pub fn description<'l>(
    address: SocketAddr,
    profile: Profile,
    lines: impl IntoIterator<Item = &'l CryptoAttribute>,
) -> Result<Zeroizing<String>> {
    let template = TEMPLATE
        .replace("192.0.2.1", &address.ip().to_string())
        .replace("51895", &address.port().to_string());
    with_secret_lines(&template, 0, profile, lines).context("the SDP has no media")
}

/// The audio of a description that has come in.
pub fn audio(sdp: &str) -> Result<SdpSection<'_>> {
    let audio = |it: &SdpSection<'_>| it.media_line.starts_with("m=audio ");
    let found = sections(sdp).into_iter().find(audio);
    found.context("the SDP has no audio")
}
