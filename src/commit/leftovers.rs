//! What builders leave that were killed, and what becomes of it.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::DirLock;
use super::construction::partial_path;
use super::fs::{remove_file, remove_tree};
use super::lock::Held;
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::storage::{Identity, open_member, read_text};

/// Takes the lock of the builder of `target`, in the file at `path`; `None` if that file has been moved meanwhile.
pub(super) fn hold(file: File, path: &Path, target: &Path) -> Result<Option<Held>> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Busy { path: target.to_owned(), waited: Duration::ZERO });
        }
        Err(TryLockError::Error(error)) => return Err(error).at(path),
    }
    let found = Identity::from(&file.metadata().at(path)?);
    Ok((Identity::of(path) == Some(found)).then(|| Held::new(file)))
}

/// Finishes what a builder began that was killed after it had put its data set at `target`: the one that was
/// replaced is removed, and then the builder's lock.
///
/// # Errors
/// [`Error::Busy`] where that builder is alive; [`Error::Io`].
pub(super) fn conclude(target: &Path) -> Result<()> {
    let path = target.join(BUILDING);
    if target.extension().is_some_and(|end| end == "partial") {
        return Ok(()); // A build that is not in its place yet.
    }
    let file = match open_member(&path, true) {
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    };
    let Some(_held) = hold(file, &path, target)? else { return Ok(()) };
    let (replaced, partial) = (read_text(&path)?, partial_path(target));
    if Identity::of(&partial).is_some_and(|found| found.to_string().as_bytes() == replaced) {
        remove_tree(&partial)?;
    }
    remove_file(&path)
}

/// The same for a writer, who needs not wait for a builder that tidies up itself.
pub(super) fn conclude_dead(target: &Path) -> Result<()> {
    match conclude(target) {
        Err(Error::Busy { .. }) => Ok(()),
        other => other,
    }
}

/// Removes the hidden directories of dead builders of `target`. One that cannot be removed is harmless.
pub(super) fn sweep(target: &Path) {
    let entries = target.parent().and_then(|parent| fs::read_dir(parent).ok());
    for entry in entries.into_iter().flatten().flatten() {
        if is_of(&entry.file_name().to_string_lossy(), target)
            && let Ok(Some(_dead)) = DirLock::acquire(&entry.path(), Duration::ZERO)
        {
            let _ = remove_tree(&entry.path());
        }
    }
}

/// Whether a builder of `target` gives hidden directories this name.
fn is_of(name: &str, target: &Path) -> bool {
    let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
    let Some((built, place)) = inner.and_then(|name| name.rsplit_once('.')) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    [target, &partial_path(target)].iter().any(|path| path.file_name().is_some_and(|name| name == built))
        && place.split_once('-').is_some_and(|(process, count)| is_number(process) && is_number(count))
}
