//! A policy of SDES by arguments: a preset, and what differs from it.

use clap::Args;
use srtp_sdes::sdes::{AnsweredProfile, CryptoInAvp, Policy, SrtcpTagOf32, SrtpMode, SuiteOrder};
use srtp_sdes::{Cryptex, CryptoSuite, KeyDerivationRate, Lifetime};

use super::crypto_line::suite_names;
use choices::{AnswerProfile, Encryption, InAvp, Mode, Order, Preset, Tag};

/// A preset and what differs from it.
#[derive(Args)]
pub(crate) struct PolicyArgs {
    /// The policy to begin with
    #[arg(long, default_value = "compatible")]
    preset: Preset,

    /// The suites to accept, the most wanted first
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = parse_suite)]
    suites: Vec<CryptoSuite>,

    /// Whether SRTP is wanted
    #[arg(long)]
    mode: Option<Mode>,

    /// Whose order of suites counts
    #[arg(long)]
    order: Option<Order>,

    /// What keys in RTP/AVP mean
    #[arg(long)]
    crypto_in_avp: Option<InAvp>,

    /// The profile of the answer
    #[arg(long)]
    answer_profile: Option<AnswerProfile>,

    /// SRTCP tags of the _32 suites
    #[arg(long, value_name = "BYTES")]
    srtcp_tag_of_32: Option<Tag>,

    /// Encryption of CSRCs and header extensions (RFC 9335), which a=cryptex announces
    #[arg(long)]
    cryptex: Option<Encryption>,

    /// Accept UNENCRYPTED_SRTP: media in the clear
    #[arg(long)]
    allow_unencrypted_srtp: bool,

    /// Accept UNENCRYPTED_SRTCP: control in the clear
    #[arg(long)]
    allow_unencrypted_srtcp: bool,

    /// Accept UNAUTHENTICATED_SRTP: anybody can forge media
    #[arg(long)]
    allow_unauthenticated_srtp: bool,

    /// Accept keys over signalling in the clear
    #[arg(long)]
    allow_clear_signalling: bool,

    /// Take lines to the letter of RFC 4568 only
    #[arg(long)]
    strict_lines: bool,

    /// Answer potential configurations with keys (RFC 5939), not just the m= line
    #[arg(long)]
    answer_capabilities: bool,

    /// Refuse lines whose keys have MKIs
    #[arg(long)]
    refuse_mki: bool,

    /// Write our key with an MKI of so many bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(1..=128))]
    write_mki: Option<u8>,

    /// Write our key with a lifetime of 2^N packets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=48))]
    write_lifetime: Option<u8>,

    /// Derive the session keys of what we send anew every 2^N packets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=24))]
    kdr: Option<u8>,
}

impl PolicyArgs {
    pub(crate) fn policy(&self) -> Policy {
        let mut policy = match self.preset {
            Preset::Strong => Policy::strong(),
            Preset::Compatible => Policy::compatible(),
            Preset::Carrier => Policy::everything_the_carrier_listed(),
            Preset::WhenOffered => Policy::when_offered(),
            Preset::Disabled => Policy::disabled(),
            Preset::Bypass => Policy::bypass(),
        };
        if !self.suites.is_empty() {
            policy = policy.suites(&self.suites);
        }
        policy = match self.mode {
            None => policy,
            Some(Mode::Disabled) => policy.mode(SrtpMode::Disabled),
            Some(Mode::WhenOffered) => policy.mode(SrtpMode::WhenOffered),
            Some(Mode::Opportunistic) => policy.mode(SrtpMode::Opportunistic),
            Some(Mode::Required) => policy.mode(SrtpMode::Required),
            Some(Mode::Bypass) => policy.mode(SrtpMode::Bypass),
        };
        policy = match self.order {
            None => policy,
            Some(Order::Offer) => policy.order(SuiteOrder::Offer),
            Some(Order::Own) => policy.order(SuiteOrder::Own),
        };
        policy = match self.crypto_in_avp {
            None => policy,
            Some(InAvp::Accept) => policy.crypto_in_avp(CryptoInAvp::Accept),
            Some(InAvp::Ignore) => policy.crypto_in_avp(CryptoInAvp::Ignore),
            Some(InAvp::Reject) => policy.crypto_in_avp(CryptoInAvp::Reject),
        };
        policy = match self.answer_profile {
            None => policy,
            Some(AnswerProfile::AsOffered) => policy.answered_profile(AnsweredProfile::AsOffered),
            Some(AnswerProfile::Secure) => policy.answered_profile(AnsweredProfile::Secure),
        };
        policy = match self.srtcp_tag_of_32 {
            None => policy,
            Some(Tag::Ten) => policy.srtcp_tag_of_32(SrtcpTagOf32::TenBytes),
            Some(Tag::Four) => policy.srtcp_tag_of_32(SrtcpTagOf32::FourBytes),
            Some(Tag::Either) => policy.srtcp_tag_of_32(SrtcpTagOf32::AcceptEither),
        };
        policy = match self.cryptex {
            None => policy,
            Some(Encryption::Off) => policy.cryptex(Cryptex::Off),
            Some(Encryption::On) => policy.cryptex(Cryptex::On),
            Some(Encryption::Required) => policy.cryptex(Cryptex::Required),
        };
        type Set = fn(Policy) -> Policy;
        let flags: [(bool, Set); 7] = [
            (self.allow_unencrypted_srtp, Policy::allow_unencrypted_srtp),
            (
                self.allow_unencrypted_srtcp,
                Policy::allow_unencrypted_srtcp,
            ),
            (
                self.allow_unauthenticated_srtp,
                Policy::allow_unauthenticated_srtp,
            ),
            (self.allow_clear_signalling, Policy::allow_clear_signalling),
            (self.answer_capabilities, |policy| {
                policy.answer_capabilities(&[])
            }),
            (self.strict_lines, Policy::strict_lines),
            (self.refuse_mki, Policy::refuse_mki),
        ];
        let set = flags.into_iter().filter(|(set, _)| *set);
        policy = set.fold(policy, |policy, (_, apply)| apply(policy));
        if let Some(len) = self.write_mki {
            policy = policy.write_mki(len);
        }
        if let Some(lifetime) = self.write_lifetime.and_then(|n| Lifetime::new(1 << n).ok()) {
            policy = policy.write_lifetime(lifetime);
        }
        if let Some(rate) = self.kdr.and_then(KeyDerivationRate::from_exponent) {
            policy = policy.key_derivation_rate(rate);
        }
        policy
    }
}

fn parse_suite(name: &str) -> Result<CryptoSuite, String> {
    name.parse()
        .map_err(|_| format!("the suites are {}", suite_names()))
}

#[rustfmt::skip]
mod choices {
    use clap::ValueEnum;

    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum Preset { Strong, Compatible, Carrier, WhenOffered, Disabled, Bypass }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum Mode { Disabled, WhenOffered, Opportunistic, Required, Bypass }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum Order { Offer, Own }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum InAvp { Accept, Ignore, Reject }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum AnswerProfile { AsOffered, Secure }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum Encryption { Off, On, Required }
    #[derive(Clone, Copy, ValueEnum)]
    pub(crate) enum Tag {
        #[value(name = "10")] Ten,
        #[value(name = "4")] Four,
        Either,
    }
}
