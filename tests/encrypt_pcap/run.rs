//! Runs the example as a user does: the program that cargo built, in a folder of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The example has the name of its test.
const EXAMPLE: &str = env!("CARGO_CRATE_NAME");

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.success, "{}{}", self.stdout, self.stderr);
        self
    }

    /// The error that the run ended with: one line.
    #[track_caller]
    pub(crate) fn expect_error(&self) -> &str {
        assert!(!self.success, "{}", self.stdout);
        let line = self.stderr.trim_end();
        assert!(line.starts_with("error: "), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}

/// A folder with captures, gone at the end of the test.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// A folder with one file `in` in it.
    pub(crate) fn with(capture: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.path("in"), capture).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn read_text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The names of all files, sorted; what the program writes under other names shows up too.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let name =
            |it: std::io::Result<fs::DirEntry>| it.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Runs the example in this folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, Stdio::null())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: Stdio) -> Run {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).stdin(input).output().unwrap();
        Run {
            success: status.success(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Encrypts `in` to `out`, with the keys made in the run in `keys`.
    #[track_caller]
    pub(crate) fn encrypt(&self, arguments: &[&str]) -> Run {
        let all = [arguments, &["--keys", "keys", "in", "out"]].concat();
        self.run(&all).expect_success()
    }
}

/// The example's program, beside the folder of this test's. `cargo test` builds both, `cargo test --test NAME`
/// does not; so cargo is asked again, which takes no time if there is nothing to build.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build_example(EXAMPLE))
}

/// The program of an example.
pub(crate) fn build_example(example: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    build(profile, example);
    let name = format!("{example}{}", std::env::consts::EXE_SUFFIX);
    let program = profile.join("examples").join(name);
    assert!(program.is_file(), "{} was not built", program.display());
    program
}

fn build(profile: &Path, example: &str) {
    let name = match profile.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        other => other,
    };
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--example", example, "--profile", name]);
    command
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    command.arg("--target-dir").arg(profile.parent().unwrap());
    if !cfg!(feature = "std") {
        command.arg("--no-default-features");
    }
    // As the test itself was built, so that the example knows as many suites.
    for (feature, is_on) in [
        ("aria", cfg!(feature = "aria")),
        ("bytes", cfg!(feature = "bytes")),
    ] {
        if is_on {
            command.args(["--features", feature]);
        }
    }
    // Where the tests run without cargo, somebody has built the example already.
    if let Ok(status) = command.status() {
        assert!(status.success(), "{example} does not compile");
    }
}
