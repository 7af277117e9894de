//! The keys of the two legs of a relay: `LEG.ours=` and `LEG.theirs=` before `a=crypto` lines.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender, SrtcpTag};

use super::args::key_lines;
use super::crypto_line::CryptoLine;
use super::leg::SrtpSettings;

/// The names of the legs.
pub(crate) const LEGS: [&str; 2] = ["a", "b"];

/// The lines of one leg.
#[derive(Default)]
pub(crate) struct LegKeys {
    ours: Option<CryptoLine>,
    theirs: Option<CryptoLine>,
}

/// A leg's protection.
pub(crate) struct Contexts {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    /// Whether packets of each plane prove who sent them.
    pub(crate) proves_rtp: bool,
    pub(crate) proves_rtcp: bool,
}

/// The keys of both legs, from a file, or from standard input if it is `-`.
pub(crate) fn read(path: &Path) -> Result<[LegKeys; 2]> {
    let mut legs = [LegKeys::default(), LegKeys::default()];
    for (name, line) in key_lines(path)? {
        let line = CryptoLine::parse(&line).with_context(|| format!("{name} is wrong"))?;
        let place = match line.selector.as_deref().map(str::trim) {
            Some("a.ours") => &mut legs[0].ours,
            Some("a.theirs") => &mut legs[0].theirs,
            Some("b.ours") => &mut legs[1].ours,
            Some("b.theirs") => &mut legs[1].theirs,
            _ => {
                bail!("{name} does not begin with a.ours=, a.theirs=, b.ours= or b.theirs=")
            }
        };
        ensure!(place.is_none(), "{name} is the second one of its kind");
        *place = Some(line);
    }
    ensure_no_key_twice(&legs)?;
    Ok(legs)
}

/// A key that protects two ways would encrypt two packets with the same keystream.
fn ensure_no_key_twice(legs: &[LegKeys; 2]) -> Result<()> {
    let lines = legs.iter().flat_map(|leg| [&leg.ours, &leg.theirs]);
    let keys: Vec<(&str, &MasterKey)> = lines.flatten().flat_map(CryptoLine::named_keys).collect();
    for (at, (name, key)) in keys.iter().enumerate() {
        let is_same =
            |(_, it): &&(&str, &MasterKey)| it.secret_key_and_salt() == key.secret_key_and_salt();
        if let Some((other, _)) = keys[at + 1..].iter().find(is_same) {
            bail!("{name} and {other} have the same key, which is for one direction of one leg");
        }
    }
    Ok(())
}

impl CryptoLine {
    /// Every key with the name of its line.
    fn named_keys(&self) -> impl Iterator<Item = (&str, &MasterKey)> {
        let name = self.selector.as_deref().unwrap_or_default();
        let keys = std::iter::once(&self.key).chain(&self.further_keys);
        keys.map(move |key| (name, key))
    }
}

impl LegKeys {
    /// The protection of leg `name`; None if it has none.
    pub(crate) fn contexts(self, name: &str, settings: &SrtpSettings) -> Result<Option<Contexts>> {
        let (ours, theirs) = match (self.ours, self.theirs) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => return Ok(None),
            (Some(_), None) => bail!("leg {name} has a key to send under, but no {name}.theirs="),
            (None, Some(_)) => bail!("leg {name} has a key to receive under, but no {name}.ours="),
        };
        let proves = |tag: usize| tag > 0;
        let suite = theirs.key.suite();
        Ok(Some(Contexts {
            proves_rtp: proves(suite.rtp_tag_len()) && !theirs.session.unauthenticated_srtp,
            proves_rtcp: proves(rtcp_tag_len(suite, settings)),
            sender: sender(ours, settings)
                .with_context(|| format!("leg {name} cannot send like that"))?,
            receiver: receiver(theirs, settings)
                .with_context(|| format!("leg {name} cannot receive like that"))?,
        }))
    }
}

/// Bytes of the shortest SRTCP tag that is accepted.
fn rtcp_tag_len(suite: CryptoSuite, settings: &SrtpSettings) -> usize {
    match settings.their_tag {
        SrtcpTag::OfSuite => suite.rtcp_tag_len(),
        _ => 4,
    }
}

fn sender(line: CryptoLine, settings: &SrtpSettings) -> Result<Sender> {
    let builder = Sender::builder(line.key)
        .srtcp_tag(settings.our_tag)
        .initial_roc(settings.our_roc)
        .replay_window(settings.window);
    Ok(line.session.apply(builder).build()?)
}

fn receiver(line: CryptoLine, settings: &SrtpSettings) -> Result<Receiver> {
    let mut builder = Receiver::builder(line.key)
        .srtcp_tag(settings.their_tag)
        .initial_roc(settings.their_roc)
        .replay_window(settings.window)
        .e_bit(settings.e_bit);
    for key in line.further_keys {
        builder = builder.add_key(key);
    }
    if settings.either_tag {
        builder = builder.accept_either_srtcp_tag();
    }
    if settings.search_roc {
        builder = builder.search_roc();
    }
    Ok(line.session.apply(builder).build()?)
}
