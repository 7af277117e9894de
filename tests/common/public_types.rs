//! The public types of the crate, by its source.

use std::path::Path;

/// Their names, without generics, in order.
pub fn declared() -> Vec<String> {
    // These two are declared by a macro.
    let mut declared = ["ProtectErrorCounts", "UnprotectErrorCounts"]
        .map(String::from)
        .to_vec();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&source, &mut declared);
    declared.sort();
    declared
}

/// The types declared `pub` in the files below `folder`; the compiler denies it to those that cannot be reached.
fn visit(folder: &Path, declared: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, declared);
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            let (public, kind) = (words.next(), words.next());
            let is_type = matches!(kind, Some("struct" | "enum" | "union" | "type"));
            if public == Some("pub") && is_type {
                declared.extend(words.next().map(String::from));
            }
        }
    }
}
