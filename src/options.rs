//! How a dataset is opened and written.

use std::sync::atomic::{AtomicU8, Ordering};
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
    /// only where the file system has none, and a single process writes. The environment variable `MMAP_NINJA_LOCKING=off` turns
    /// them off for the whole process, whatever is set here.
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
            locking: true,
            cancel: Cancellation::default(),
        }
    }
}

impl Options {
    /// Whether writers lock, by these options and the environment. Opening a dataset does not ask.
    pub(crate) fn locks(&self) -> bool {
        self.locking && !is_locking_off()
    }
}

/// Whether the environment turns locks off. It is read once, as it is slow to read, and without a lock that a child forked
/// at that moment would wait for.
fn is_locking_off() -> bool {
    static FOUND: AtomicU8 = AtomicU8::new(0);
    match FOUND.load(Ordering::Relaxed) {
        0 => {
            let is_off = std::env::var_os("MMAP_NINJA_LOCKING").is_some_and(|value| value == "off");
            FOUND.store(1 + u8::from(is_off), Ordering::Relaxed);
            is_off
        }
        found => found == 2,
    }
}

impl From<Mode> for Options {
    fn from(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }
}
