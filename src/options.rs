//! How a dataset is opened and written.

use std::time::Duration;

use crate::cancel::Cancellation;
use crate::io::mapping::{Access, Mode};
use crate::schema::MemberNames;

/// What a committed append survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process. A power failure loses what the kernel has not written yet.
    #[default]
    Process,
    /// A power failure as well: every step of a commit waits for the disk.
    Full,
}

/// How a dataset is opened and written.
///
/// ```
/// use mmap_ninja::{Access, Options, Ragged};
/// # let dir = tempfile::tempdir().unwrap();
/// let options = Options { access: Access::Random, ..Options::default() };
/// let map = Ragged::open_with(dir.path(), options)?;
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// What assignment to a sample does.
    pub mode: Mode,
    /// Names of the sub-directories.
    pub names: MemberNames,
    /// The order in which samples will be read.
    pub access: Access,
    /// What an append survives.
    pub durability: Durability,
    /// How long a write waits for another writer.
    pub timeout: Duration,
    /// Whether writers lock the directory. Without locks, nothing protects a dataset from two writers at once: turn them off
    /// only where the file system has none, and a single process writes. The default is true, unless the environment variable
    /// `MMAP_NINJA_LOCKING` is `off`.
    pub locking: bool,
    /// Ends that wait early, with [`Error::Interrupted`](crate::Error::Interrupted). A zero timeout never checks it.
    pub cancel: Cancellation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            names: MemberNames::default(),
            access: Access::default(),
            durability: Durability::default(),
            timeout: Duration::from_secs(60),
            locking: std::env::var_os("MMAP_NINJA_LOCKING").is_none_or(|value| value != "off"),
            cancel: Cancellation::default(),
        }
    }
}

impl From<Mode> for Options {
    fn from(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }
}
