//! Machine-learning data sets in memory-mapped files: written once, then any sample is read at the speed of memory.
//!
//! Three stores, each a directory of plain files that `mmap_ninja` for Python reads and writes too:
//!
//! - [`Ragged`]: samples of any shape and one dtype, such as images or token sequences;
//! - [`Strings`]: UTF-8 texts, optionally compressed;
//! - [`Dense`]: one array.
//!
//! Opening maps the files and reads no sample; an item is a slice of the mapped bytes. Appending is all or nothing,
//! also when the process dies, and one writer at a time holds a directory.
//!
//! # Quirks
//! - A data set that is not there is empty, and comes into being with its first append.
//! - A handle sees the samples that were there when it was opened, and those that it appended; `refresh` shows it
//!   what others have added.
//! - Mapped bytes are the file's: whoever changes or shortens the files in place by other means changes what
//!   readers see, or stops them with `SIGBUS`.

#[cfg(target_endian = "big")]
compile_error!("the files are little-endian and are read where they lie");

mod batch;
mod column;
mod commit;
mod compression;
mod dense;
mod dtype;
mod error;
mod format;
mod gather;
mod layout;
mod mapping;
mod options;
mod prefetch;
#[cfg(feature = "python")]
mod python;
mod ragged;
mod settle;
mod storage;
#[cfg(feature = "python")]
mod stream;
mod strings;

use std::path::{Path, PathBuf};

pub use commit::{Construction, Durability};
pub use compression::Compression;
pub use dense::Dense;
pub use dtype::{Dtype, Element};
pub use error::{Error, Result};
pub use format::{Kind, Order};
pub use gather::Side;
pub use layout::Layout;
pub use mapping::{Access, Mode};
pub use options::Options;
pub use ragged::{Gathered, Padded, Ragged, Sample};
pub use strings::Strings;

/// What the data set in `dir` is; `None` where there is none.
///
/// # Errors
/// [`Error::Corrupt`] where `type.ninja` names no kind, or is missing beside the data; [`Error::Io`].
pub fn kind_of(dir: impl AsRef<Path>) -> Result<Option<Kind>> {
    storage::kind_of(dir.as_ref())
}

/// The path as seen from the root, without symbolic links: a handle outlives a change of the working directory, and a
/// data set behind a link is replaced where it is, not the link.
fn absolute(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Ok(whole.canonicalize().unwrap_or(whole))
}
