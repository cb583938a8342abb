//! The end of a build waits for the disk. So that there is little left to wait for, the disk begins while samples are
//! still coming.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::format::DATA;
#[cfg(target_os = "linux")]
use crate::io::untrusted::open_member;

/// The file that most bytes of a data set go to.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux can be asked to begin"))]
pub(super) struct Writeback {
    path: PathBuf,
    file: Option<File>,
}

impl Writeback {
    pub fn of(dir: &Path) -> Self {
        Self { path: dir.join(DATA), file: None }
    }

    /// Has the kernel begin to write what it has been given. Where it cannot, the end waits longer.
    #[cfg(target_os = "linux")]
    pub fn begin(&mut self) {
        use std::os::fd::AsRawFd;
        if self.file.is_none() {
            self.file = open_member(&self.path, false).ok();
        }
        if let Some(file) = &self.file {
            // SAFETY: the descriptor is open, and no memory is passed.
            unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn begin(&mut self) {}
}
