//! Places in which no dataset can be put, because what is there cannot be replaced.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::fs::{FsWord, statfs};

#[cfg(target_os = "linux")]
use super::fs::{create_directory, try_rename};
#[cfg(target_os = "linux")]
use super::staging::StagingDir;
use crate::error::{At, Error, Result};
use crate::schema::MAX_DEPTH;

/// Refuses a place that cannot be replaced by a directory, before work is spent on one.
pub(super) fn check(target: &Path) -> Result<()> {
    let what = match target.symlink_metadata() {
        // A hidden name beside it may be shorter, so that the build would fail at its end.
        Err(error) if error.kind() == ErrorKind::InvalidFilename => return Err(error).at(target),
        Ok(found) if !found.is_dir() => return Err(io::Error::from(ErrorKind::NotADirectory)).at(target),
        Ok(_) if is_mount_point(target) => "a mount point cannot be replaced; choose a directory inside it",
        Ok(_) if std::env::current_dir().is_ok_and(|current| current.starts_with(target)) => {
            "the working directory, and those above it, cannot be replaced; change to another, or choose a directory inside it"
        }
        Ok(found) if is_sticky(target, &found) => {
            let what = "only its owner can replace it, since the directory above is sticky; choose another place";
            return Err(io::Error::new(ErrorKind::PermissionDenied, what)).at(target);
        }
        _ => {
            find_link(target, MAX_DEPTH).map_or(Ok(()), |path| Err(Error::Linked { path }))?;
            return check_layer(target);
        }
    };
    Err(io::Error::new(ErrorKind::ResourceBusy, what)).at(target)
}

/// Refuses a directory that an overlay file system has in a lower layer, if it does not rename such directories.
#[cfg(target_os = "linux")]
pub(super) fn check_layer(dir: &Path) -> Result<()> {
    const OVERLAYFS_SUPER_MAGIC: FsWord = 0x794c_7630;
    if !statfs(dir).is_ok_and(|found| found.f_type == OVERLAYFS_SUPER_MAGIC) {
        return Ok(());
    }
    // Its mount options and layers may be those of another namespace, so that only an attempt tells.
    let beside = StagingDir::next_to(dir, dir)?;
    create_directory(&beside.path().join("occupied"), true)?;
    try_rename(dir, beside.path())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn check_layer(_dir: &Path) -> Result<()> {
    Ok(())
}

/// Whether what is at `target` may be renamed by nobody but its owner, the owner of the directory above, and root.
#[cfg(unix)]
fn is_sticky(target: &Path, found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    let parent = target.parent().and_then(|parent| parent.metadata().ok());
    let is_restricted = |parent: fs::Metadata| parent.mode() & 0o1000 != 0 && parent.uid() != user;
    user != 0 && found.uid() != user && parent.is_some_and(is_restricted)
}

#[cfg(not(unix))]
fn is_sticky(_target: &Path, _found: &fs::Metadata) -> bool {
    false
}

/// A file of the dataset in `dir` that is a symbolic link: what looks like the dataset's own is another's.
fn find_link(dir: &Path, depth: usize) -> Option<PathBuf> {
    fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        let found = path.symlink_metadata().ok()?;
        let is_ours = path.extension().is_some_and(|end| end == "ninja");
        if found.is_symlink() && is_ours {
            return Some(path);
        }
        if found.is_dir() && depth > 1 { find_link(&path, depth - 1) } else { None }
    })
}

#[cfg(target_os = "linux")]
fn is_mount_point(dir: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, dir, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(dir: &Path) -> bool {
    dir.parent().is_none()
}
