//! Which process owns a thing, and which is a child that it forked.

use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// The process that owns something. A forked child inherits a copy, but not the threads and locks behind it.
#[derive(Debug)]
pub(crate) struct OwnerPid(AtomicU32);

impl OwnerPid {
    pub fn current() -> Self {
        let owner = Self(AtomicU32::default());
        owner.take_over();
        owner
    }

    /// Whether this is the process that owns it.
    pub fn is_current(&self) -> bool {
        self.0.load(Ordering::Relaxed) == process::id()
    }

    /// Makes this process the owner.
    pub fn take_over(&self) {
        self.0.store(process::id(), Ordering::Relaxed);
    }

    /// Refuses a child that was forked during the build in `dir`.
    pub fn check_build(&self, dir: &Path) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        let dir = dir.display();
        let what = format!("{dir}: this process was forked during the build, which continues in its parent");
        Err(Error::Argument { what })
    }
}
