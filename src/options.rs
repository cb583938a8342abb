//! How a data set is opened.

use std::time::Duration;

use crate::commit::Durability;
use crate::layout::Layout;
use crate::mapping::{Access, Mode};

/// How a data set is opened.
///
/// ```
/// use mmap_ninja::{Access, Options, Ragged};
/// # let dir = tempfile::tempdir().unwrap();
/// let options = Options { access: Access::Random, ..Options::default() };
/// let map = Ragged::open_with(dir.path(), options)?;
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What assignment to a sample does.
    pub mode: Mode,
    /// Names of the sub-directories.
    pub layout: Layout,
    /// The order in which samples will be read.
    pub access: Access,
    /// What an append survives.
    pub durability: Durability,
    /// How long an append waits for another writer.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            layout: Layout::default(),
            access: Access::default(),
            durability: Durability::default(),
            timeout: Duration::from_secs(60),
        }
    }
}

impl From<Mode> for Options {
    fn from(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }
}
