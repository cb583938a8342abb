//! Paths: made absolute, and the names of what a writer puts beside a dataset.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{At, Error, Result};

/// The longest name of a file, in bytes, on all common file systems.
const MAX_NAME: usize = 255;
/// What is left of a name that would become longer than that, in characters.
const SHORTENED: usize = 40;

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
        let unique = format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = target.with_file_name(beside(target, ".", &format!(".{unique}.new")));
        // A dead process may have had the same process id.
        if path.symlink_metadata().is_err() {
            return path;
        }
    }
}

/// Whether [`staging_path`] gives this name to staging directories of `target`, or of its partial directory.
pub(crate) fn is_staging_name(name: &str, target: &Path) -> bool {
    let Some((_, unique)) = name.strip_suffix(".new").and_then(|name| name.rsplit_once('.')) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let suffix = format!(".{unique}.new");
    unique.split_once('-').is_some_and(|(process, count)| is_number(process) && is_number(count))
        && [target, &partial_path(target)].iter().any(|path| beside(path, ".", &suffix) == *name)
}

/// Directories above `target` that do not exist, the lowest first.
pub(crate) fn missing_parents(target: &Path) -> Vec<PathBuf> {
    target.ancestors().skip(1).take_while(|parent| !parent.exists()).map(Path::to_owned).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(beside(path, "", suffix))
}

/// The name of `path` between a prefix and a suffix. A name that would be longer than file systems allow is shortened, and
/// gets a CRC-32 of the whole so that it stays its own.
fn beside(path: &Path, prefix: &str, suffix: &str) -> OsString {
    let name = path.file_name().unwrap_or_default();
    let mut longer = OsString::from(prefix);
    if prefix.len() + name.len() + suffix.len() <= MAX_NAME {
        longer.push(name);
    } else {
        let start: String = name.to_string_lossy().chars().take(SHORTENED).collect();
        longer.push(format!("{start}-{:08x}", crc32fast::hash(name.as_encoded_bytes())));
    }
    longer.push(suffix);
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_beside_a_dataset_are_its_own_and_never_too_long() {
        let (short, long) = ("map".to_owned(), "n".repeat(255));
        for name in [&short, &long, &"ü".repeat(127)] {
            let target = Path::new("/data").join(name);
            let other = Path::new("/data").join(format!("{}x", &name[..name.len() - name.len() / 200 * 2]));
            for path in [partial_path(&target), backup_path(&target), staging_path(&target)] {
                assert!(path.file_name().unwrap().len() <= MAX_NAME, "{}", path.display());
            }
            for path in [staging_path(&target), staging_path(&partial_path(&target))] {
                let staged = path.file_name().unwrap().to_str().unwrap();
                assert!(is_staging_name(staged, &target), "{staged}");
                assert!(!is_staging_name(staged, &other), "{staged}");
            }
            assert_ne!(partial_path(&target), partial_path(&other));
        }
        assert_eq!(partial_path(Path::new("/data/map")), Path::new("/data/map.partial"));
    }

    #[test]
    fn names_that_no_writer_gives_are_not_staging_directories() {
        for name in ["map", ".map.new", ".map.1-.new", ".map.1-2", ".map.x-2.new", ".other.1-2.new"] {
            assert!(!is_staging_name(name, Path::new("/data/map")), "{name}");
        }
    }
}
