//! What the crate depends on: under which licences, and for which Rust. Cargo is asked about what it has downloaded, for this platform.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than that they are named.
const PERMISSIVE: [&str; 9] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

struct Package {
    name: String,
    license: String,
    rust_version: Option<String>,
}

/// The crate, what it needs to be built, and what only its tests, benches and examples need.
struct Tree {
    own: Package,
    normal: Vec<Package>,
    dev: Vec<Package>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn package(value: &Value) -> Package {
    Package {
        name: format!("{} {}", text(&value["name"]), text(&value["version"])),
        license: text(&value["license"]),
        rust_version: value["rust_version"].as_str().map(str::to_owned),
    }
}

/// The target that tests are compiled for, which is the host's.
fn host() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let mut lines = version.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

fn tree() -> Tree {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(["--all-features", "--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = |list: &Value| list.as_array().unwrap().clone();
    let nodes = all(&metadata["resolve"]["nodes"]);
    let nodes: BTreeMap<String, Value> = nodes.into_iter().map(|n| (text(&n["id"]), n)).collect();

    let root = text(&metadata["resolve"]["root"]);
    let (mut needed, mut next) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(id) = next.pop() {
        let is_dev = |kinds: &Value| all(kinds).iter().all(|kind| kind["kind"] == "dev");
        let of_node = all(&nodes[&id]["deps"]).into_iter();
        let normal = of_node.filter(|dependency| !is_dev(&dependency["dep_kinds"]));
        next.extend(normal.map(|dependency| text(&dependency["pkg"])));
        if !needed.insert(id) {
            next.retain(|id| !needed.contains(id));
        }
    }
    needed.remove(&root);
    let packages = all(&metadata["packages"]);
    let (own, others): (Vec<_>, Vec<_>) = packages.iter().partition(|it| text(&it["id"]) == root);
    let (normal, dev): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|it| needed.contains(&text(&it["id"])));
    Tree {
        own: package(own[0]),
        normal: normal.into_iter().map(package).collect(),
        dev: dev.into_iter().map(package).collect(),
    }
}

/// Can an expression of licences (SPDX; a slash is an old form of OR) be met with permissive ones alone?
fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words) && words.next().is_none()
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any_of(words: &mut Words<'_>) -> bool {
    let mut any = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        any |= all_of(words);
    }
    any
}

fn all_of(words: &mut Words<'_>) -> bool {
    let mut all = one(words);
    while words.next_if_eq(&"AND").is_some() {
        all &= one(words);
    }
    all
}

fn one(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => any_of(words) & (words.next() == Some(")")),
        Some(license) if words.next_if_eq(&"WITH").is_some() => {
            // An exception gives more leave, not less.
            words.next().is_some() && PERMISSIVE.contains(&license)
        }
        Some(license) => PERMISSIVE.contains(&license),
        None => false,
    }
}

fn not_permissive(packages: &[Package]) -> Vec<String> {
    let others = packages.iter().filter(|it| !is_permissive(&it.license));
    others
        .map(|it| format!("{}: {}", it.name, it.license))
        .collect()
}

#[test]
fn a_licence_expression_is_met_by_one_of_several_or_by_all_of_them() {
    for met in [
        "MIT",
        "MIT OR Apache-2.0",
        "GPL-3.0-only OR MIT",
        "Unlicense/MIT",
        "(MIT OR GPL-2.0-only) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_permissive(met), "{met}");
    }
    for not_met in [
        "",
        "MPL-2.0",
        "MIT AND GPL-3.0-only",
        "(MIT AND GPL-3.0-only) OR LGPL-2.1-only",
        "(MIT",
        "MIT Apache-2.0",
    ] {
        assert!(!is_permissive(not_met), "{not_met}");
    }
}

#[test]
fn everything_that_the_crate_is_built_with_has_a_permissive_licence() {
    let tree = tree();
    assert!(tree.normal.iter().any(|it| it.name.starts_with("aes ")));
    assert_eq!(not_permissive(&tree.normal), [""; 0]);
}

#[test]
fn what_only_tests_benches_and_examples_need_has_a_permissive_licence_too() {
    let tree = tree();
    assert!(tree.dev.iter().any(|it| it.name.starts_with("proptest ")));
    assert!(!tree.dev.iter().any(|it| it.name.starts_with("aes ")));
    assert_eq!(not_permissive(&tree.dev), [""; 0]);
}

/// `1.89` and `1.89.0` as numbers.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text.split('.').map(|n| n.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

#[test]
fn nothing_that_the_crate_is_built_with_asks_for_a_newer_rust_than_the_crate() {
    let tree = tree();
    let ours = version(&tree.own.rust_version.unwrap());
    for package in &tree.normal {
        if let Some(theirs) = &package.rust_version {
            assert!(
                version(theirs) <= ours,
                "{} asks for {theirs}",
                package.name
            );
        }
    }
}
