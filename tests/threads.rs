//! Every public type is `Send` and `Sync`; the compiler checks it, and the list is all there is.

mod common;

use common::public_types;
use srtp_sdes::{batch, dtls, sdes};

fn is_send_and_sync<T: Send + Sync>() {}

/// Checks each type, and lists their names without generics.
macro_rules! send_and_sync {
    ($($path:ident::$name:ident $(<$($generic:ty),*>)?,)*) => {{
        $(is_send_and_sync::<$path::$name $(<$($generic),*>)?>();)*
        [$(stringify!($name)),*]
    }};
}

#[test]
fn every_public_type_is_send_and_sync() {
    let mut listed = send_and_sync![
        srtp_sdes::BuildError,
        srtp_sdes::Builder<srtp_sdes::SenderOptions>,
        srtp_sdes::Cryptex,
        srtp_sdes::CryptoSuite,
        srtp_sdes::EBitPolicy,
        srtp_sdes::HeaderError,
        srtp_sdes::KeyDerivationRate,
        srtp_sdes::KeyError,
        srtp_sdes::KeyRingError,
        srtp_sdes::KeyUsage,
        srtp_sdes::Lifetime,
        srtp_sdes::LifetimeError,
        srtp_sdes::Margin,
        srtp_sdes::MasterKey,
        srtp_sdes::Mki,
        srtp_sdes::MkiError,
        srtp_sdes::Overlap,
        srtp_sdes::PacketIndex,
        srtp_sdes::PacketKind,
        srtp_sdes::Plane,
        srtp_sdes::PlaneStatistics<srtp_sdes::UnprotectErrorCounts>,
        srtp_sdes::ProtectError,
        srtp_sdes::ProtectErrorCounts,
        srtp_sdes::RandomError,
        srtp_sdes::Receiver,
        srtp_sdes::ReceiverBuilder,
        srtp_sdes::ReceiverOptions,
        srtp_sdes::ReceiverStatistics,
        srtp_sdes::ReplayWindowSize,
        srtp_sdes::RocAfterRekey,
        srtp_sdes::RocCarry,
        srtp_sdes::RocError,
        srtp_sdes::Sender,
        srtp_sdes::SenderBuilder,
        srtp_sdes::SenderOptions,
        srtp_sdes::SenderStatistics,
        srtp_sdes::SrtcpTag,
        srtp_sdes::StateError,
        srtp_sdes::Statistics<srtp_sdes::ProtectErrorCounts>,
        srtp_sdes::UnknownSuite,
        srtp_sdes::UnprotectError,
        batch::Incoming,
        batch::Outgoing,
        srtp_sdes::UnprotectErrorCounts,
        dtls::Keys,
        dtls::Role,
        sdes::Accepted,
        sdes::ActualConfiguration,
        sdes::Answer,
        sdes::AnsweredProfile,
        sdes::Changes,
        sdes::ConfigurationDiagnosis,
        sdes::ConfigurationVerdict,
        sdes::CryptoAttribute,
        sdes::CryptoInAvp,
        sdes::Decision,
        sdes::Deletes,
        sdes::Diagnosis,
        sdes::FecOrder,
        sdes::GenerateError<srtp_sdes::RandomError>,
        sdes::Leg,
        sdes::Line,
        sdes::LineError,
        sdes::LineErrorKind,
        sdes::MediaSection,
        sdes::NoExchange,
        sdes::NotSdes,
        sdes::Offer,
        sdes::OurSide,
        sdes::Outcome,
        sdes::ParseMode,
        sdes::Passage,
        sdes::PlainRtp,
        sdes::Policy,
        sdes::Profile,
        sdes::ReceiverChange,
        sdes::ReceiverRekey,
        sdes::RejectReason,
        sdes::Rejection,
        sdes::Reply,
        sdes::Response,
        sdes::RestoreError,
        sdes::SdpSection,
        sdes::SectionError,
        sdes::SenderChange,
        sdes::SenderRekey,
        sdes::Session,
        sdes::SessionError<srtp_sdes::RandomError>,
        sdes::SessionParameter,
        sdes::Signalling,
        sdes::SipHint,
        sdes::SkipReason,
        sdes::SrtcpTagOf32,
        sdes::SrtpAccepted,
        sdes::SrtpAnswer,
        sdes::SrtpMode,
        sdes::SuiteOrder,
        sdes::TagMatch,
        sdes::Unacceptable,
        sdes::Unusable,
        sdes::Verdict,
    ]
    .map(String::from)
    .to_vec();

    listed.sort();
    assert_eq!(listed, public_types::declared());
}
