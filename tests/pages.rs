//! The pages that promise: what they name is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Does `file` have a test of that name? The attribute stands close above the function, with others perhaps.
fn has_test(file: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    file.split_once(&head).is_some_and(|(before, _)| {
        before
            .lines()
            .rev()
            .take(4)
            .any(|line| line.contains("#[test]"))
    })
}

#[test]
fn every_past_bug_names_the_tests_that_would_catch_it_and_they_exist() {
    let page = read("src/past_bugs.rs").replace("\n//!", " ");
    let bugs: Vec<&str> = page.split("  # ").skip(1).collect();
    assert!(bugs.len() >= 12, "{} sections", bugs.len());
    for bug in bugs {
        let title = bug.split("  ").next().unwrap_or_default();
        for part in ["**The bug.**", "**Here.**", "**Tests.**"] {
            assert!(bug.contains(part), "{title} has no {part}");
        }
        let (_, tests) = bug.split_once("**Tests.**").unwrap();
        let mut file = None;
        let mut found = 0;
        for name in quoted(tests) {
            if name.ends_with(".rs") {
                let folder = if name.contains('/') { "" } else { "tests" };
                file = Some(read(Path::new(folder).join(name)));
            } else {
                let file = file.as_deref().expect("a file stands before its tests");
                assert!(has_test(file, name), "{title}: no test {name}");
                found += 1;
            }
        }
        assert!(found > 0, "{title} names no test");
    }
}

#[test]
fn every_file_and_folder_that_the_readme_names_as_proof_exists() {
    let readme = read("README.md");
    let proofs: Vec<&str> = quoted(&readme)
        .filter(|it| it.starts_with("tests/") || it.starts_with("src/") || *it == "fuzz/")
        .collect();
    assert!(proofs.len() > 20, "{proofs:?}");
    for proof in proofs {
        let in_an_example = root().join("examples/secure_call").join(proof);
        assert!(
            root().join(proof).exists() || in_an_example.exists(),
            "{proof}"
        );
    }
}

#[test]
fn every_promise_of_the_readme_names_breaks_that_are_made_to_see_its_tests_fail() {
    let readme = read("README.md");
    let made = read("tests/mutations/mutations.py");
    let (_, section) = readme.split_once("## What it promises").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).skip(2).collect();
    assert!(rows.len() >= 16, "{} rows", rows.len());
    for row in rows {
        let [claim, _, breaks] = row[..] else {
            panic!("{row:?} has other columns");
        };
        let mut file = "";
        for one in breaks.trim_end_matches(" |").split("; ") {
            let mut text = one;
            if let Some((name, rest)) = one.strip_prefix('`').and_then(|it| it.split_once("`: ")) {
                (file, text) = (name, rest);
            }
            assert!(file.ends_with(".rs"), "{claim}: {breaks}");
            let at = made.find(text);
            let at = at.unwrap_or_else(|| panic!("{claim}: nothing makes \"{text}\""));
            let mutation = made[at..].get(..300).unwrap_or(&made[at..]);
            assert!(mutation.contains(file), "{text}: not in {file}");
        }
    }
}
