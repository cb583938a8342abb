//! What the tests of all modules share: the catalogue of sample datasets, and folders for them.

pub(crate) mod stores;

use std::path::Path;

use tempfile::TempDir;

/// A temporary folder, in memory if possible: some tests make thousands of them.
pub(crate) fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { TempDir::new().unwrap() }
}

/// Whether to try every case instead of a share of them.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("SOAK").is_some()
}
