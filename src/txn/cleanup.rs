//! What becomes of the directories and markers that killed builders leave.

use std::fs;
use std::path::Path;

use super::fs::{remove_file, remove_tree};
use super::lock::{DirLock, FileLock};
use super::staging::StagingDir;
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::io::untrusted::{FileId, open_member, read_text};
use crate::options::Options;
use crate::paths::{is_staging_name, partial_path};

/// Takes the lock of the builder of `target`, which is on the file at `path`.
///
/// # Errors
/// [`Error::Building`] where that builder lives; [`Error::Io`].
pub(super) fn try_lock_builder(file: fs::File, path: &Path, target: &Path) -> Result<FileLock> {
    FileLock::try_lock(file).at(path)?.ok_or_else(|| Error::Building { path: target.to_owned() })
}

/// Whether a builder has put its dataset at `target` and not removed its marker yet. A partial directory always has one.
fn has_marker(target: &Path) -> bool {
    target.extension().is_none_or(|end| end != "partial") && target.join(BUILDING).symlink_metadata().is_ok()
}

/// Waits for a builder that has put its dataset at `target` to remove its marker, and removes that of a dead one.
///
/// # Errors
/// [`Error::Busy`], [`Error::Interrupted`], [`Error::Building`], [`Error::Io`].
pub(super) fn await_builder(target: &Path, options: &Options) -> Result<()> {
    if !has_marker(target) {
        return Ok(());
    }
    let lock = DirLock::acquire(target, options)?;
    lock.map_or(Ok(()), |lock| finish_build(target, &lock))
}

/// Finishes what a builder began that was killed after it had put its dataset at `target`. A living one has the directory's
/// lock until its marker is gone.
///
/// # Errors
/// [`Error::Building`] where a directory that is being built was moved there; [`Error::Io`].
pub(super) fn finish_build(target: &Path, lock: &DirLock) -> Result<()> {
    if !has_marker(target) {
        return Ok(());
    }
    let path = target.join(BUILDING);
    let file = open_member(&path, true)?;
    let _builder = if lock.is_enforced() { Some(try_lock_builder(file, &path, target)?) } else { None };
    remove_marker(target).map(drop)
}

/// As [`finish_build`], for a writer: the living builder of a directory that was moved there does not concern it.
pub(super) fn finish_dead_build(target: &Path, lock: &DirLock) -> Result<()> {
    match finish_build(target, lock) {
        Err(Error::Building { .. }) => Ok(()),
        other => other,
    }
}

/// Removes the marker of a build that is in its place at `target`. The dataset that it replaced is moved aside, and removed
/// when it is dropped.
pub(super) fn remove_marker(target: &Path) -> Result<Option<StagingDir>> {
    let (path, partial) = (target.join(BUILDING), partial_path(target));
    let is_replaced = is_replaced(&partial, &read_text(&path)?);
    let replaced = if is_replaced { Some(StagingDir::moved_aside(&partial)?) } else { None };
    remove_file(&path)?;
    Ok(replaced)
}

/// Whether the partial directory is the one that a build has noted as replaced. A directory with a marker is the next
/// build, which may have got the inode number of one that is gone.
fn is_replaced(partial: &Path, noted: &[u8]) -> bool {
    partial.join(BUILDING).symlink_metadata().is_err()
        && FileId::of(partial).is_some_and(|found| found.to_string().as_bytes() == noted)
}

/// Removes the staging directories of dead builders of `target`. One that cannot be removed is harmless.
pub(super) fn sweep(target: &Path) {
    let entries = target.parent().and_then(|parent| fs::read_dir(parent).ok());
    for entry in entries.into_iter().flatten().flatten() {
        if is_staging_name(&entry.file_name().to_string_lossy(), target)
            && let Ok(Some(_dead)) = DirLock::try_acquire(&entry.path())
        {
            let _ = remove_tree(&entry.path());
        }
    }
}
