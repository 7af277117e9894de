//! The fences of the architecture, checked on the text of the source: what may be named where.
//!
//! Comments and literals are no code, and unit tests may look behind a fence: [`code`] and [`without_tests`] take them out.

use std::fs;
use std::path::{Path, PathBuf};

/// Every dependency, and the only files in `src/` (or folders, ending in `/`) that name it. A dependency that is
/// not listed here is a decision to be taken.
#[rustfmt::skip]
const DEPENDENCIES: [(&str, &[&str]); 11] = [
    // Cryptography stands behind one module.
    ("aes",       &["primitives.rs"]),
    ("aria",      &["primitives/aria.rs"]),
    ("ctr",       &["primitives.rs"]),
    ("ghash",     &["primitives/"]),
    ("sha1",      &["primitives/"]),
    ("subtle",    &["primitives.rs", "primitives/"]),
    // Where packets come in.
    ("bytes",     &["bytes_mut.rs"]),
    // Where keys come in.
    ("base64ct",  &["key.rs"]),
    ("getrandom", &["key.rs"]),
    ("thiserror", &["error.rs", "sdes/error.rs"]),
    ("zeroize",   &["kdf.rs", "key.rs", "primitives.rs", "primitives/", "receiver/", "ring.rs", "ring/", "sdes/", "sender/", "simd/", "state/", "transform.rs", "transform/"]),
];

/// What only features turn on.
const OPTIONAL: [&str; 3] = ["aria", "bytes", "getrandom"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose name ends in one of `endings`, with their paths from there.
fn files(folder: &Path, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            let name = name.replace('\\', "/");
            if path.is_dir() {
                // A package below has its own, and what is built there is no text of ours.
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let sources = files(&root().join("src"), &[".rs"]);
    assert!(sources.iter().any(|(name, _)| name == "lib.rs"));
    assert!(sources.iter().any(|(name, _)| name == "transform/gcm.rs"));
    sources
}

/// The code of a Rust file: comments, and what stands between quotes, replaced by spaces. Lines stay lines.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let is_word_before = before.is_alphanumeric() || before == '_';
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' if !is_word_before || before == 'b' => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let (gone, kept) = match length {
            0 => ("", first),
            length => (&rest[..length], ' '),
        };
        code.extend(gone.chars().filter(|c| *c == '\n'));
        code.push(kept);
        rest = &rest[length.max(first.len_utf8())..];
        before = first;
    }
    code
}

/// Bytes of the block comment that `text` begins with. They nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `r#"…"#`; 0 if it is another word with r.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let Some(inner) = text[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let inner = inner.find(&end).unwrap_or(inner.len());
    (2 + hashes + inner + end.len()).min(text.len())
}

/// `'x'`, `'\n'`, `'\u{1f600}'`; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(0, |at| 3 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Code without the modules, functions and imports that exist in tests alone.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find(';'), item.find('{')) {
            (Some(end), Some(brace)) if end < brace => end + 1,
            (_, Some(brace)) => brace + block(&item[brace..]).len(),
            (end, None) => end.map_or(item.len(), |end| end + 1),
        };
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept + rest
}

/// From the brace that `code` begins with to the one that closes it.
fn block(code: &str) -> &str {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[..=at];
        }
    }
    code
}

/// Where `word` stands in `code`, not as a part of another one.
fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = (&'c str, &'c str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| (&code[..at], &code[at + word.len()..]))
        .filter(move |(before, after)| !before.ends_with(is_word) && !after.starts_with(is_word))
}

fn line(before: &str) -> usize {
    before.matches('\n').count() + 1
}

/// The lines on which `code` names the crate `name`: as the root of a path or in `use` and `extern crate`. A file's own
/// module of that name hides the crate.
fn lines_naming_crate(code: &str, name: &str) -> Vec<usize> {
    let own_module = words(code, name).any(|(before, _)| before.trim_end().ends_with("mod"));
    words(code, name)
        .filter(|(before, after)| {
            let (before, after) = (before.trim_end(), after.trim_start());
            let path = before.strip_suffix("::");
            let is_root = path.is_none_or(|parent| {
                !parent.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
            });
            let is_path = after.starts_with("::") && is_root && (path.is_some() || !own_module);
            let is_declared = ["use", "use ::", "extern crate"]
                .iter()
                .any(|keyword| before.ends_with(keyword));
            is_path || (is_declared && !after.starts_with("::"))
        })
        .map(|(before, _)| line(before))
        .collect()
}

#[test]
fn comments_literals_and_tests_are_told_from_code() {
    let text = r##"
        // unsafe in a comment
        /* unsafe /* nested */ unsafe */
        fn f<'a>(x: &'a str) -> char { g("unsafe \" unsafe", r#"un"safe"#, b"unsafe", 'u', '\'', '{') }
        #[cfg(test)]
        use unsafe_import::x;
        #[cfg(test)]
        mod tests { fn t() { if true { unsafe { y() } } } }
        fn after<'a>() {}
    "##;
    let code = code(text);
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    let unsafe_lines: Vec<_> = words(&code, "unsafe").map(|(b, _)| line(b)).collect();
    assert_eq!(unsafe_lines, [8]);
    let shipped = without_tests(&code);
    assert_eq!(shipped.matches('\n').count(), text.matches('\n').count());
    assert_eq!(words(&shipped, "unsafe").count(), 0);
    assert_eq!(words(&shipped, "unsafe_import").count(), 0);
    assert!(shipped.contains("fn after<'a>() {}") && shipped.contains("fn f<'a>"));
}

#[test]
fn a_crate_is_told_from_a_module_a_field_and_a_longer_name() {
    for names_it in [
        "use aes::Aes128;",
        "use aes;",
        "use ::aes::Aes128;",
        "use ::aes;",
        "use {core::fmt, aes::Aes128};",
        "let x = aes::Aes128::new();",
        "mod aes; let x = ::aes::Aes128::new();",
        "extern crate aes;",
        "use aes as cipher;",
        "x as aes::Block",
    ] {
        assert_eq!(lines_naming_crate(names_it, "aes"), [1], "{names_it}");
    }
    for does_not in [
        "mod aes; use aes::Transform;",
        "use crate::transform::aes::X;",
        "self.aes.encrypt()",
        "let aes = 1;",
        "use aes_gcm::Aes128Gcm;",
        "super::aes::Y",
    ] {
        assert!(lines_naming_crate(does_not, "aes").is_empty(), "{does_not}");
    }
}

/// What ends a program, and has no place on the way of a packet or of a line.
const NEVER: [&str; 6] = [
    "indexing_slicing",
    "unwrap_used",
    "expect_used",
    "panic",
    "unreachable",
    "todo",
];

/// The lints that attributes of `code` let pass: what is in the brackets of each `allow`, `expect` and `warn`.
fn lints_let_pass(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for level in ["allow", "expect", "warn"] {
        for (before, after) in words(code, level) {
            // Not a method, and not a function's name.
            let is_level = before.trim_end().ends_with(['[', '(', ',']);
            let inside = after.trim_start().strip_prefix('(');
            if let (true, Some(inside)) = (is_level, inside) {
                let end = inside.find(')').unwrap_or(inside.len());
                found.push((line(before), &inside[..end]));
            }
        }
    }
    found
}

#[test]
fn no_line_of_the_source_has_leave_to_panic() {
    for (file, text) in sources() {
        let code = code(&text);
        for (at, lints) in lints_let_pass(&without_tests(&code)) {
            for lint in lints.split(',').map(str::trim) {
                let name = lint.strip_prefix("clippy::").unwrap_or(lint);
                let groups = ["all", "restriction", "warnings"];
                assert!(
                    !NEVER.contains(&name) && !groups.contains(&name),
                    "src/{file}:{at} lets {lint} pass"
                );
            }
        }
        if file == "lib.rs" {
            let denied = code.find("deny(\n        clippy::").map(|at| &code[at..]);
            let denied = denied.and_then(|it| it.split_once(')')).expect("a list").0;
            for lint in NEVER {
                assert_eq!(words(denied, lint).count(), 1, "{lint} is denied");
            }
        }
    }
}

#[test]
fn leave_that_a_lint_gives_is_found_in_every_form() {
    let code = "#[allow(clippy::panic)] fn a() {}\n#![expect(clippy::todo, dead_code)]\n\
                #[cfg_attr(x, allow(clippy::unwrap_used))] fn expect(x: T) { y.expect(z); }";
    let found: Vec<_> = lints_let_pass(code).into_iter().collect();
    let expected = [
        (1, "clippy::panic"),
        (3, "clippy::unwrap_used"),
        (2, "clippy::todo, dead_code"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn unsafe_code_stands_in_the_vector_kernels_alone() {
    let mut unsafe_kernels = 0;
    for (file, text) in sources() {
        let code = code(&text);
        let at: Vec<_> = words(&code, "unsafe").map(|(b, _)| line(b)).collect();
        if file.starts_with("simd/") {
            unsafe_kernels += at.len();
            // The compiler's lint asks for a reason at each block; none is about anything but a block.
            for keyword in ["fn", "impl", "trait", "extern"] {
                let declared = words(&code, "unsafe").any(|(_, after)| {
                    words(after.trim_start(), keyword)
                        .next()
                        .is_some_and(|(b, _)| b.is_empty())
                });
                assert!(!declared, "src/{file} has an unsafe {keyword}");
            }
        } else {
            assert!(at.is_empty(), "src/{file}, lines {at:?}, says unsafe");
        }
    }
    assert!((1..=20).contains(&unsafe_kernels), "{unsafe_kernels}");
}

#[test]
fn the_compiler_forbids_unsafe_code_without_the_feature_and_elsewhere_with_it() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for attribute in [
        "#![cfg_attr(not(feature = \"simd\"), forbid(unsafe_code))]",
        "#![deny(unsafe_code)]",
    ] {
        assert!(text.contains(attribute), "{attribute}");
    }
    let allowed = sources()
        .iter()
        .map(|(_, text)| words(&code(text), "unsafe_code").count())
        .sum::<usize>();
    assert_eq!(allowed, 3, "the two attributes, and the one exception");
    let (_, exception) = text.split_once("#[expect(unsafe_code").unwrap();
    assert!(exception.lines().nth(1).unwrap().starts_with("mod simd;"));
}

#[test]
fn a_dependency_is_named_only_in_the_files_that_it_is_for() {
    for (name, homes) in DEPENDENCIES {
        let mut used = false;
        for (file, text) in sources() {
            let at = lines_naming_crate(&without_tests(&code(&text)), name);
            let is_home =
                |home: &&str| file == *home || home.ends_with('/') && file.starts_with(home);
            assert!(
                at.is_empty() || homes.iter().any(is_home),
                "src/{file}, lines {at:?}, names the crate {name}, which is for {homes:?}"
            );
            used |= !at.is_empty();
        }
        assert!(used, "no source file names the dependency {name}");
    }
}

/// Sections of Cargo.toml: the header and the lines below, without comments.
fn sections(manifest: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections = vec![("", Vec::new())];
    for line in manifest.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(header) if !line.contains('=') => sections.push((header, Vec::new())),
            _ => sections.last_mut().unwrap().1.push(line),
        }
    }
    sections
}

#[test]
fn the_dependencies_are_the_ones_that_were_decided_on() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (mut found, mut optional) = (Vec::new(), Vec::new());
    for (header, lines) in sections(&manifest) {
        let of_dependencies = header.split('.').any(|part| part.ends_with("dependencies"));
        if !of_dependencies || header == "dev-dependencies" {
            continue;
        }
        assert_eq!(header, "dependencies", "one section holds all of them");
        for line in lines {
            let (name, what) = line.split_once('=').unwrap();
            let (name, what) = (name.trim(), what.replace(' ', ""));
            assert!(
                what.contains("default-features=false"),
                "{name}: what its default features bring is a decision, too"
            );
            if what.contains("optional=true") {
                optional.push(name);
            }
            found.push(name);
        }
    }
    found.sort_unstable();
    let mut decided = DEPENDENCIES.map(|(name, _)| name);
    decided.sort_unstable();
    assert_eq!(found, decided);
    assert_eq!(optional, OPTIONAL);
}

#[test]
fn proof_of_authenticity_is_constructed_in_transform_alone() {
    for (file, text) in sources() {
        let code = without_tests(&code(&text));
        let is_source = file == "transform.rs";
        for (before, after) in words(&code, "Authentic") {
            let at = format!("src/{file}:{}", line(before));
            let (before, after) = (before.trim_end(), after.trim_start());
            let declares = ["struct", "impl", "->"].iter().any(|w| before.ends_with(w));
            assert!(
                declares || !after.starts_with('{') && !after.starts_with('('),
                "{at} constructs it"
            );
            assert!(
                !before.ends_with("for"),
                "{at} gives it a trait, which could make one"
            );
            assert!(
                !after.starts_with("as ") && !before.ends_with('='),
                "{at} gives it another name"
            );
            if let Some(function) = after.strip_prefix("::") {
                let is_known = ["verified(", "waived("]
                    .iter()
                    .any(|f| function.starts_with(f));
                assert!(
                    is_known && file.starts_with("transform/"),
                    "{at} asks for a proof: only the transforms may"
                );
            }
        }
        if !is_source {
            assert_eq!(
                words(&code, "Origin").count(),
                0,
                "src/{file} names its origin"
            );
        }
    }
}

#[test]
fn only_verified_and_waived_make_a_proof_and_nothing_copies_one() {
    let text = fs::read_to_string(root().join("src/transform.rs")).unwrap();
    let code = without_tests(&code(&text));

    let (attributes, body) = code.split_once("pub(crate) struct Authentic").unwrap();
    assert!(
        !block(body.trim_start()).contains("pub"),
        "its fields are private"
    );
    let attributes = &attributes[attributes.rfind('}').unwrap_or(0)..];
    for derived in ["Clone", "Copy", "Default"] {
        assert_eq!(words(attributes, derived).count(), 0, "it is not {derived}");
    }

    let (_, body) = code.split_once("impl Authentic").unwrap();
    let methods = block(body.trim_start());
    let mut makers = Vec::new();
    for method in methods.split("fn ").skip(1) {
        let (name, _) = method.split_once('(').unwrap();
        let (signature, inside) = method.split_once('{').unwrap();
        if words(signature, "Self").count() > 0 || words(inside, "Self").count() > 0 {
            makers.push(name);
        }
    }
    assert_eq!(makers, ["verified", "waived"]);
    assert_eq!(
        words(&code, "origin")
            .filter(|(_, after)| after.trim_start().starts_with('}'))
            .count(),
        makers.len(),
        "a proof is made once in each of them"
    );
}

#[test]
fn the_text_of_errors_stands_in_the_error_file() {
    let mut errors = 0;
    for (file, text) in sources() {
        let code = code(&text);
        match file.as_str() {
            "error.rs" | "sdes/error.rs" => errors += code.matches("#[error(").count(),
            _ => assert!(
                !code.contains("#[error("),
                "src/{file} has the text of an error"
            ),
        }
    }
    assert!(errors > 20, "{errors}");
}

/// What knows nothing of keys, and the modules of this crate that it may name.
const LOWER_MODULES: [(&str, &[&str]); 4] = [
    ("header.rs", &["error"]),
    ("index.rs", &[]),
    ("layout.rs", &["header"]),
    ("replay.rs", &[]),
];

#[test]
fn the_crate_prints_and_logs_nothing() {
    let is_no_test = |(file, _): &(String, String)| !file.ends_with("tests.rs");
    for (file, text) in sources().into_iter().filter(is_no_test) {
        let code = without_tests(&code(&text));
        for name in [
            "print", "println", "eprint", "eprintln", "dbg", "log", "tracing",
        ] {
            let at: Vec<_> = words(&code, name)
                .filter(|(_, after)| after.starts_with('!') || after.starts_with("::"))
                .map(|(before, _)| line(before))
                .collect();
            assert!(at.is_empty(), "src/{file}, lines {at:?}: {name}");
        }
        let at: Vec<_> = words(&code, "stdout")
            .chain(words(&code, "stderr"))
            .collect();
        assert!(at.is_empty(), "src/{file} writes to the terminal");
    }
}

#[test]
fn header_index_layout_and_replay_know_nothing_of_keys() {
    let sources = sources();
    for (lower, allowed) in LOWER_MODULES {
        let (_, text) = sources.iter().find(|(file, _)| file == lower).unwrap();
        let code = without_tests(&code(text));
        for root in ["crate", "super"] {
            for (before, after) in words(&code, root) {
                let Some(path) = after.trim_start().strip_prefix("::") else {
                    continue;
                };
                let is_allowed = |module: &&str| path.starts_with(&format!("{module}::"));
                assert!(
                    allowed.iter().any(is_allowed),
                    "src/{lower}:{} reaches for {root}::{}",
                    line(before),
                    path.lines().next().unwrap_or_default()
                );
            }
        }
    }
}

#[test]
fn nothing_published_names_a_folder_of_the_machine_it_was_written_on() {
    // Put together here, so that this file does not find itself.
    let folders = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let mut texts = Vec::new();
    for folder in [
        "src",
        "docs",
        "tests",
        "benches",
        "examples",
        "fuzz/src",
        "fuzz/fuzz_targets",
    ] {
        if root().join(folder).is_dir() {
            for (file, text) in files(&root().join(folder), &[".rs", ".md", ".sh", ".toml"]) {
                texts.push((format!("{folder}/{file}"), text));
            }
        }
    }
    for file in [
        "README.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "vectors/README.md",
        "fuzz/Cargo.toml",
        "fuzz/run.sh",
    ] {
        if let Ok(text) = fs::read_to_string(root().join(file)) {
            texts.push((file.to_owned(), text));
        }
    }
    assert!(texts.iter().any(|(file, _)| file == "README.md"));
    for (file, text) in texts {
        for (n, line) in text.lines().enumerate() {
            for folder in &folders {
                // A path begins there, not in the middle of an address.
                let names_it = line.match_indices(folder).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "-_.}".contains(c))
                });
                assert!(!names_it, "{file}:{}: {line}", n + 1);
            }
        }
    }
}
