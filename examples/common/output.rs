//! Files that appear under their name when they are whole, or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::{Builder, NamedTempFile};

/// A file on its way, under another name in the same folder; dropped, it is gone.
pub(crate) struct OutputFile {
    file: NamedTempFile,
    path: PathBuf,
    overwrite: bool,
}

impl OutputFile {
    /// A file that others may read as the user's settings allow.
    pub(crate) fn create(path: &Path, overwrite: bool) -> Result<Self> {
        #[cfg(unix)]
        let mode = Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        #[cfg(not(unix))]
        let mode = None;
        Self::new(path, overwrite, mode)
    }

    /// A file that its owner alone may read.
    pub(crate) fn create_private(path: &Path, overwrite: bool) -> Result<Self> {
        // What `tempfile` makes is private (0600 on Unix) unless told otherwise.
        Self::new(path, overwrite, None)
    }

    fn new(path: &Path, overwrite: bool, mode: Option<fs::Permissions>) -> Result<Self> {
        // A link stays one: the file it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let shown = path.display();
        if let Ok(found) = fs::metadata(&path) {
            ensure!(
                found.is_file(),
                "{shown} is there and is not a regular file"
            );
            ensure!(overwrite, "{shown} is there already; --force replaces it");
        }
        ensure!(path.file_name().is_some(), "{shown} is no file name");
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".srtp-").suffix(".part");
        if let Some(mode) = mode {
            builder.permissions(mode);
        }
        let file = builder
            .tempfile_in(folder)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        Ok(Self {
            file,
            path,
            overwrite,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let path = self.path.display().to_string();
        self.file
            .write_all(bytes)
            .with_context(|| format!("cannot write {path}"))
    }

    /// Gives the file its name.
    pub(crate) fn publish(self) -> Result<()> {
        let Self {
            file,
            path,
            overwrite,
        } = self;
        let done = if overwrite {
            file.persist(&path)
        } else {
            file.persist_noclobber(&path)
        };
        match done {
            Ok(_) => Ok(()),
            Err(error) => bail!("cannot write {}: {}", path.display(), error.error),
        }
    }
}

/// A path with something behind its last part: `call.pcap` and `.keys` make `call.pcap.keys`.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether two paths lead to one file.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |it: &Path| fs::canonicalize(it).unwrap_or_else(|_| it.to_owned());
    real(one) == real(other)
}

/// `call.srtp.pcap` for `call.pcap` and `.srtp`.
pub(crate) fn beside(input: &Path, ending: &str) -> Result<PathBuf> {
    ensure!(
        input.as_os_str() != "-",
        "name an OUTPUT for what comes from standard input"
    );
    let mut name = input
        .file_stem()
        .context("the input is no file name")?
        .to_owned();
    name.push(ending);
    if let Some(extension) = input.extension() {
        name.push(".");
        name.push(extension);
    }
    Ok(input.with_file_name(name))
}
