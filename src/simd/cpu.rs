//! What the CPU and the operating system can do.
//!
//! The tokens have no size and come from [`Level::all`] alone, which looks: who has one has the features.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Proof of AES-NI, PCLMULQDQ and SSE up to 4.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AesNi(());

/// Proof of VAES, VPCLMULQDQ and AVX2, and of what [`AesNi`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vaes256(AesNi);

/// Proof of AVX-512 F, BW, DQ and VL, and of what [`Vaes256`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vaes512(Vaes256);

/// Proof of the instructions for SHA-1, and of SSE up to 4.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi(());

impl ShaNi {
    /// If this CPU has them, and not all levels are withheld.
    pub(crate) fn get() -> Option<Self> {
        let withheld = WITHHELD.load(Ordering::Relaxed) >= Level::NAMES.len();
        (features() & SHA_NI != 0 && !withheld).then_some(Self(()))
    }
}

/// Proof of AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// If this CPU has it, and the levels that are withheld are not above AES-NI.
    pub(crate) fn get() -> Option<Self> {
        let withheld = WITHHELD.load(Ordering::Relaxed) > 1;
        (features() & AVX_2 != 0 && !withheld).then_some(Self(()))
    }
}

/// Proof of AVX-512 F, BW and VL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// If this CPU has them, and no level is withheld.
    pub(crate) fn get() -> Option<Self> {
        let withheld = WITHHELD.load(Ordering::Relaxed) > 0;
        (features() & AVX_512 != 0 && !withheld).then_some(Self(()))
    }
}

/// What kernels run on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    /// Four blocks a vector.
    Vaes512(Vaes512),
    /// Two blocks a vector.
    Vaes256(Vaes256),
    /// One block a vector.
    AesNi(AesNi),
}

/// Every level is above AES-NI.
impl From<Level> for AesNi {
    fn from(level: Level) -> Self {
        match level {
            Level::Vaes512(Vaes512(Vaes256(has)))
            | Level::Vaes256(Vaes256(has))
            | Level::AesNi(has) => has,
        }
    }
}

/// How many of the best levels are withheld, by [`Level::withhold`].
static WITHHELD: AtomicUsize = AtomicUsize::new(0);

impl Level {
    /// Best first.
    pub(crate) const NAMES: [&str; 3] = ["vaes512", "vaes256", "aesni"];

    /// The levels that this CPU has, in the order of [`Self::NAMES`].
    pub(crate) fn all() -> [Option<Self>; 3] {
        let found = features();
        let aes_ni = (found & AES_NI != 0).then_some(AesNi(()));
        let vaes256 = aes_ni.filter(|_| found & VAES_256 != 0).map(Vaes256);
        let vaes512 = vaes256.filter(|_| found & VAES_512 != 0).map(Vaes512);
        [
            vaes512.map(Self::Vaes512),
            vaes256.map(Self::Vaes256),
            aes_ni.map(Self::AesNi),
        ]
    }

    /// The best level that this CPU has.
    pub(crate) fn best() -> Option<Self> {
        let withheld = WITHHELD.load(Ordering::Relaxed);
        Self::all().into_iter().skip(withheld).flatten().next()
    }

    /// Keys that are set up from now on do without the first `levels` of [`Self::NAMES`].
    pub(crate) fn withhold(levels: usize) {
        WITHHELD.store(levels, Ordering::Relaxed);
    }

    /// What is better for little work between hashes by the CPU's instructions for SHA-1: not more than 256 bits. CPUs of Intel take
    /// their time to begin with 512.
    pub(crate) fn beside_sha1(self) -> Self {
        match self {
            Self::Vaes512(Vaes512(cpu)) => Self::Vaes256(cpu),
            Self::Vaes256(_) | Self::AesNi(_) => self,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        let [vaes512, vaes256, aes_ni] = Self::NAMES;
        match self {
            Self::Vaes512(_) => vaes512,
            Self::Vaes256(_) => vaes256,
            Self::AesNi(_) => aes_ni,
        }
    }
}

const LOOKED: u8 = 1;
const AES_NI: u8 = 1 << 1;
const VAES_256: u8 = 1 << 2;
const VAES_512: u8 = 1 << 3;
const SHA_NI: u8 = 1 << 4;
const AVX_2: u8 = 1 << 5;
const AVX_512: u8 = 1 << 6;

/// Looks once in the life of a process: under a hypervisor each `cpuid` can take microseconds.
fn features() -> u8 {
    static FOUND: AtomicU8 = AtomicU8::new(0);
    match FOUND.load(Ordering::Relaxed) {
        0 => {
            let found = look();
            FOUND.store(found, Ordering::Relaxed);
            found
        }
        found => found,
    }
}

/// The bit numbers are those of the manuals: Intel SDM, volume 2A, CPUID.
#[allow(unused_unsafe, reason = "newer compilers have a safe `__cpuid`")]
fn look() -> u8 {
    // SAFETY: every CPU of x86-64 has the instruction.
    let (most, one) = unsafe { (__cpuid(0).eax, __cpuid(1)) };
    let seven = match most {
        // SAFETY: as above.
        7.. => unsafe { __cpuid_count(7, 0) },
        _ => return LOOKED,
    };
    let all = |register: u32, bits: &[u32]| bits.iter().all(|bit| register >> bit & 1 == 1);
    let [os_keeps_ymm, os_keeps_zmm] = match all(one.ecx, &[27]) {
        // SAFETY: bit 27 says that the operating system has enabled the instruction.
        true => [0b110, 0b1110_0110].map(|states| unsafe { xcr0() } & states == states),
        false => [false; 2],
    };
    let aes_ni = all(one.ecx, &[1, 9, 19, 25]);
    let avx_2 = os_keeps_ymm && all(one.ecx, &[28]) && all(seven.ebx, &[5]);
    let vaes_256 = avx_2 && all(seven.ecx, &[9, 10]);
    let vaes_512 = os_keeps_zmm && all(seven.ebx, &[16, 17, 30, 31]);
    let avx_512 = avx_2 && os_keeps_zmm && all(seven.ebx, &[16, 30, 31]);
    let sha_ni = all(one.ecx, &[9, 19]) && all(seven.ebx, &[29]);

    let found = [
        (AES_NI, aes_ni),
        (VAES_256, vaes_256),
        (VAES_512, vaes_512),
        (SHA_NI, sha_ni),
        (AVX_2, avx_2),
        (AVX_512, avx_512),
    ];
    let found = found.into_iter().filter(|(_, has)| *has);
    found.fold(LOOKED, |sum, (bit, _)| sum | bit)
}

/// The register states that the operating system keeps for each thread.
#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: register 0 exists wherever the instruction does.
    unsafe { _xgetbv(0) }
}
