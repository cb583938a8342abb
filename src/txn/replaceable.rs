//! Places in which no dataset can be put, because what is there cannot be replaced.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{At, Result};

/// Refuses a place that cannot be replaced by a directory, before work is spent on one.
pub(super) fn check(target: &Path) -> Result<()> {
    let what = match target.symlink_metadata() {
        Ok(found) if !found.is_dir() => return Err(io::Error::from(ErrorKind::NotADirectory)).at(target),
        Ok(_) if is_mount_point(target) => "a mount point cannot be replaced; choose a directory inside it",
        Ok(_) if std::env::current_dir().is_ok_and(|current| current.starts_with(target)) => {
            "the working directory, and those above it, cannot be replaced; change to another, or choose a directory inside it"
        }
        _ => return Ok(()),
    };
    Err(io::Error::new(ErrorKind::ResourceBusy, what)).at(target)
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
