//! Tells the program which compiler built it.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").expect("Cargo says which");
    let version = Command::new(rustc).arg("--version").output();
    let version = String::from_utf8(version.expect("rustc runs").stdout).expect("text");
    let version: Vec<_> = version.split(' ').take(2).collect();
    println!("cargo::rustc-env=RUST_VERSION={}", version.join(" "));
    println!("cargo::rerun-if-changed=build.rs");
}
