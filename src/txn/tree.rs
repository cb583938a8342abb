//! Whole directory trees: hard links, permissions, syncing.

use std::fs;
use std::path::{Path, PathBuf};

use super::fs::{create_directories, link_or_copy_file, set_permissions, sync, sync_directory};
use crate::error::{At, Result};

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

/// Gives a file or directory, and all below it, the owner and mode of what has the same place in `old`.
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
    set_permissions(new, &found)
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
