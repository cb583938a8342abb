//! Whole directory trees: hard links, permissions, syncing.

use std::fs;
use std::path::{Path, PathBuf};

use super::fs::{copy_permissions, create_directories, link_or_copy_file, sync, sync_directory};
use crate::error::{At, Result};
use crate::format::DATA;
use crate::io::mapping::{Mode, Region};

/// Hard-links a file, or all files of a directory, to `to`; copies them where the file system has no hard links. Keeps
/// what is there already.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    if !from.symlink_metadata().at(from)?.is_dir() {
        return link_or_copy_file(from, to);
    }
    create_directories(to)?;
    for entry in fs::read_dir(from).at(from)? {
        let name = entry.at(from)?.file_name();
        link_or_copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Gives a file or directory, and all below it, the permissions of what has the same place in `old`.
pub(super) fn inherit_permissions(old: &Path, new: &Path) -> Result<()> {
    let found = match old.symlink_metadata() {
        Ok(found) if found.is_dir() || found.is_file() => found,
        _ => return Ok(()),
    };
    if new.symlink_metadata().at(new)?.is_dir() {
        for entry in fs::read_dir(new).at(new)? {
            let name = entry.at(new)?.file_name();
            inherit_permissions(&old.join(&name), &new.join(&name))?;
        }
    }
    copy_permissions(old, &found, new)
}

/// Checks that the system maps the data of a new dataset, before it replaces another one that was open to readers.
pub(super) fn check_mappable(dir: &Path, mode: Mode) -> Result<()> {
    let path = dir.join(DATA);
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let data = mode.open(&path)?;
    let len = usize::try_from(data.size).unwrap_or(usize::MAX).min(1);
    Region::open(&data, mode, len).map(drop)
}

/// Waits until all that a directory holds is on disk.
pub(super) fn sync_tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).at(dir)? {
        let path = entry.at(dir)?.path();
        let kind = path.symlink_metadata().at(&path)?;
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            // Windows flushes only files that are open for writing.
            let file = fs::File::options().read(true).write(cfg!(windows)).open(&path).at(&path)?;
            sync(&file, &path)?;
        }
    }
    sync_directory(dir)
}

/// Makes the entry of `target` durable, and those of the `parents` that were created with it.
pub(super) fn sync_parents(target: &Path, parents: &[PathBuf]) -> Result<()> {
    let created = parents.iter().map(PathBuf::as_path);
    std::iter::once(target).chain(created).filter_map(Path::parent).try_for_each(sync_directory)
}
