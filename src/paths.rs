//! Paths: made absolute, and the names of what a writer puts beside a dataset.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{At, Error, Result};

/// The absolute path without symbolic links. A handle outlives a change of the working directory, and replacing a
/// dataset behind a link replaces the dataset, not the link.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(Error::Io { path: path.to_owned(), source: ErrorKind::NotFound.into() });
    }
    let whole = std::path::absolute(path).at(path)?;
    Ok(whole.canonicalize().unwrap_or(whole))
}

/// `<target>.partial`, in which a build grows.
pub(crate) fn partial_path(target: &Path) -> PathBuf {
    with_suffix(target, ".partial")
}

/// `<dir>.repair-backup-1`, or the first number that is free.
pub(crate) fn backup_path(dir: &Path) -> PathBuf {
    let path = |number: u64| with_suffix(dir, &format!(".repair-backup-{number}"));
    (1..u64::MAX).map(path).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| path(0))
}

/// A hidden path beside `target` that no other process and no other staging directory uses.
pub(crate) fn staging_path(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}-{}.new", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        let path = target.with_file_name(name);
        // A dead process may have had the same process id.
        if path.symlink_metadata().is_err() {
            return path;
        }
    }
}

/// Whether [`staging_path`] gives this name to staging directories of `target`, or of its partial directory.
pub(crate) fn is_staging_name(name: &str, target: &Path) -> bool {
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
    let Some((built, unique)) = inner.and_then(|name| name.rsplit_once('.')) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    [target, &partial_path(target)].iter().any(|path| path.file_name().is_some_and(|name| name == built))
        && unique.split_once('-').is_some_and(|(process, count)| is_number(process) && is_number(count))
}

/// Directories above `target` that do not exist, the lowest first.
pub(crate) fn missing_parents(target: &Path) -> Vec<PathBuf> {
    target.ancestors().skip(1).take_while(|parent| !parent.exists()).map(Path::to_owned).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}
