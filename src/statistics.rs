//! What happened, counted: observations that no decision depends on.

use crate::error::{ProtectError, UnprotectError};
use crate::header::Plane;

/// Counts for SRTP and SRTCP, of one stream or of a whole context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics<Errors> {
    /// SRTP.
    pub rtp: PlaneStatistics<Errors>,
    /// SRTCP.
    pub rtcp: PlaneStatistics<Errors>,
}

/// Counts for one plane. They wrap around at 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlaneStatistics<Errors> {
    /// Packets protected, or accepted.
    pub packets: u64,
    /// Bytes of those packets in their plain form, headers included.
    pub bytes: u64,
    /// Packets refused, by the kind of error. Those whose SSRC could not be read, or is unknown, stand in the
    /// statistics of the context alone.
    pub errors: Errors,
}

/// The counts of a [`Sender`](crate::Sender).
pub type SenderStatistics = Statistics<ProtectErrorCounts>;
/// The counts of a [`Receiver`](crate::Receiver).
pub type ReceiverStatistics = Statistics<UnprotectErrorCounts>;

/// Packets that were protected or accepted, and their bytes: what a stream counts with every one, apart from its errors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    packets: u64,
    bytes: u64,
}

impl Passed {
    /// Counts a packet of `bytes` plain bytes.
    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes);
    }
}

impl<Errors> PlaneStatistics<Errors> {
    pub(crate) fn new(passed: Passed, errors: Errors) -> Self {
        let Passed { packets, bytes } = passed;
        Self {
            packets,
            bytes,
            errors,
        }
    }
}

/// Kinds of error as an array of counters.
pub(crate) trait ErrorCounts: Copy + Default {
    type Error;
    fn count(&mut self, error: &Self::Error);
    fn add(&mut self, other: &Self);
}

macro_rules! error_counts {
    ($(#[$doc:meta])* $counts:ident of $error:ident { $($field:ident: $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $counts {
            $(
                #[doc = concat!("Packets refused with [`", stringify!($error), "::", stringify!($variant), "`].")]
                pub $field: u64,
            )*
        }

        impl $counts {
            /// All packets refused.
            #[must_use]
            pub fn total(&self) -> u64 {
                [$(self.$field),*].into_iter().fold(0, u64::wrapping_add)
            }
        }

        impl ErrorCounts for $counts {
            type Error = $error;

            fn count(&mut self, error: &$error) {
                let counter = match error {
                    $($error::$variant { .. } => &mut self.$field,)*
                };
                *counter = counter.wrapping_add(1);
            }

            fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)*
            }
        }
    };
}

error_counts! {
    /// How often [`Sender`](crate::Sender) refused a packet, by reason.
    ProtectErrorCounts of ProtectError {
        malformed: Malformed,
        buffer_too_small: BufferTooSmall,
        index_reused: IndexReused,
        index_too_old: IndexTooOld,
        index_exhausted: IndexExhausted,
        may_have_begun: MayHaveBegun,
        key_expired: KeyExpired,
        too_many_streams: TooManyStreams,
        cryptex_profile: CryptexProfile,
    }
}

error_counts! {
    /// How often [`Receiver`](crate::Receiver) refused a packet, by reason.
    UnprotectErrorCounts of UnprotectError {
        malformed: Malformed,
        too_short: TooShort,
        buffer_too_small: BufferTooSmall,
        unknown_mki: UnknownMki,
        replayed: Replayed,
        too_old: TooOld,
        index_exhausted: IndexExhausted,
        key_expired: KeyExpired,
        authentication_failed: AuthenticationFailed,
        encryption_mismatch: EncryptionMismatch,
        cryptex_required: CryptexRequired,
        jump_too_far: JumpTooFar,
        too_many_streams: TooManyStreams,
    }
}

/// What a context does with [`Statistics`].
pub(crate) trait Counting {
    type Error;

    /// Counts a packet of `bytes` plain bytes.
    fn count_packet(&mut self, plane: Plane, bytes: usize);

    fn count_error(&mut self, plane: Plane, error: &Self::Error);

    /// Adds the counts of `other`.
    fn add(&mut self, other: &Self);
}

impl<Errors> Statistics<Errors> {
    fn plane_mut(&mut self, plane: Plane) -> &mut PlaneStatistics<Errors> {
        match plane {
            Plane::Rtp => &mut self.rtp,
            Plane::Rtcp => &mut self.rtcp,
        }
    }
}

impl<Errors: ErrorCounts> Counting for Statistics<Errors> {
    type Error = Errors::Error;

    #[inline]
    fn count_packet(&mut self, plane: Plane, bytes: usize) {
        let counts = self.plane_mut(plane);
        counts.packets = counts.packets.wrapping_add(1);
        counts.bytes = counts
            .bytes
            .wrapping_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn count_error(&mut self, plane: Plane, error: &Errors::Error) {
        self.plane_mut(plane).errors.count(error);
    }

    fn add(&mut self, other: &Self) {
        for (sum, other) in [(&mut self.rtp, &other.rtp), (&mut self.rtcp, &other.rtcp)] {
            sum.packets = sum.packets.wrapping_add(other.packets);
            sum.bytes = sum.bytes.wrapping_add(other.bytes);
            sum.errors.add(&other.errors);
        }
    }
}
