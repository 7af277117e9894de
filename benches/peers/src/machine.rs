//! What was measured, and on what.

use std::fs;

/// Lines that go with every figure.
pub fn facts() -> Vec<String> {
    vec![format!("{}, {}", cpu(), features()), versions(), command()]
}

/// How to get such figures.
fn command() -> String {
    match cfg!(feature = "crate-defaults") {
        true => "benches/peers/run.sh".to_owned(),
        false => "CARGO_FLAGS=--no-default-features benches/peers/run.sh".to_owned(),
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let mut lines = info.lines().filter(|line| line.starts_with(key));
        let value = lines.next()?.split_once(':')?.1.trim();
        Some(value.to_owned())
    };
    let name = value("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let family = value("cpu family").zip(value("model\t"));
    let family = family.map(|(family, model)| format!(" (family {family}, model {model})"));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{name}{}, {cores} cores", family.unwrap_or_default())
}

/// What decides which code of the contenders runs.
#[cfg(target_arch = "x86_64")]
fn features() -> String {
    let features = [
        ("AES-NI", is_x86_feature_detected!("aes")),
        ("SHA-NI", is_x86_feature_detected!("sha")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("VAES", is_x86_feature_detected!("vaes")),
        ("VPCLMULQDQ", is_x86_feature_detected!("vpclmulqdq")),
    ];
    let found: Vec<_> = features.iter().filter(|it| it.1).map(|it| it.0).collect();
    found.join(" ")
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> String {
    "features unknown".to_owned()
}

/// The versions that were compiled in.
fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        let (version, _) = after.split_once('"')?;
        Some(format!("{name} {version}"))
    };
    let names = ["srtp-sdes", "webrtc-srtp", "aws-lc-rs", "graviola"];
    let versions: Vec<_> = names.into_iter().filter_map(version).collect();
    let features = match cfg!(feature = "crate-defaults") {
        true => "with its default features",
        false => "with portable code alone",
    };
    let rust = env!("RUST_VERSION");
    format!("{rust}; {}; srtp-sdes {features}", versions.join(", "))
}
