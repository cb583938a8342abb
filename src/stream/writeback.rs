//! The end of a build waits for the disk. To leave little to wait for then, the disk starts while samples are still
//! coming.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::format::DATA;
#[cfg(target_os = "linux")]
use crate::io::untrusted::open_member;

/// The file that receives most bytes of a dataset.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux can start early"))]
pub(super) struct Writeback {
    path: PathBuf,
    file: Option<File>,
}

impl Writeback {
    pub fn of(dir: &Path) -> Self {
        Self { path: dir.join(DATA), file: None }
    }

    /// Asks the kernel to start writing. Where it cannot, the end of the build waits longer.
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
