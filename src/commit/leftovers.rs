//! What builders leave that were killed, and what becomes of it.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::construction::partial_path;
use super::fs::{remove_file, remove_tree};
use super::lock::Held;
use super::{Build, DirLock};
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::storage::{Identity, open_member, read_text};

/// Takes the lock of the builder of `target`, which is on the file at `path`.
///
/// # Errors
/// [`Error::Building`] where that builder is alive; [`Error::Io`].
pub(super) fn hold(file: File, path: &Path, target: &Path) -> Result<Held> {
    match file.try_lock() {
        Ok(()) => Ok(Held::new(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Building { path: target.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error).at(path),
    }
}

/// Whether a builder has put its data set at `target` and not tidied up yet. What is called a partial data set is
/// a build that is not in its place.
fn has_traces(target: &Path) -> bool {
    target.extension().is_none_or(|end| end != "partial") && target.join(BUILDING).symlink_metadata().is_ok()
}

/// Waits for a builder that has put its data set at `target` to tidy up, and does it where that builder was killed.
///
/// # Errors
/// [`Error::Busy`], [`Error::Building`], [`Error::Io`].
pub(super) fn await_builder(target: &Path, timeout: Duration) -> Result<()> {
    if !has_traces(target) {
        return Ok(());
    }
    let lock = DirLock::acquire(target, timeout)?;
    lock.map_or(Ok(()), |lock| conclude(target, &lock))
}

/// Finishes what a builder began that was killed after it had put its data set at `target`. One that lives has the
/// directory's lock until it is done.
///
/// # Errors
/// [`Error::Building`] where a directory that is being built was moved there; [`Error::Io`].
pub(super) fn conclude(target: &Path, _lock: &DirLock) -> Result<()> {
    if !has_traces(target) {
        return Ok(());
    }
    let path = target.join(BUILDING);
    let _held = hold(open_member(&path, true)?, &path, target)?;
    tidy(target).map(drop)
}

/// The same for a writer, whom a builder of what was moved there does not concern.
pub(super) fn conclude_dead(target: &Path, lock: &DirLock) -> Result<()> {
    match conclude(target, lock) {
        Err(Error::Building { .. }) => Ok(()),
        other => other,
    }
}

/// Removes the traces of a build that is in its place at `target`. The data set that it has replaced is moved away,
/// and removed when it is dropped.
pub(super) fn tidy(target: &Path) -> Result<Option<Build>> {
    let (path, partial) = (target.join(BUILDING), partial_path(target));
    let replaced = if is_replaced(&partial, &read_text(&path)?) { Some(Build::displaced(&partial)?) } else { None };
    remove_file(&path)?;
    Ok(replaced)
}

/// Whether the directory is the one that a build has noted down. One with a builder's lock is the next build, which
/// may have got the number of a directory that is gone.
fn is_replaced(partial: &Path, noted: &[u8]) -> bool {
    partial.join(BUILDING).symlink_metadata().is_err()
        && Identity::of(partial).is_some_and(|found| found.to_string().as_bytes() == noted)
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
