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
//! # Samples of any shape
//! ```
//! use mmap_ninja::{Dtype, Mode, Ragged, Sample};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("images");
//! let uint8 = Dtype::of::<u8>();
//! let first = [Sample::new(&[0_u8; 12], &[2, 2, 3])];
//! Ragged::create(&path, &uint8, &first)?;
//!
//! let mut images = Ragged::open(&path, Mode::ReadOnly)?;
//! images.append(&uint8, &[Sample::new(&[7_u8; 3], &[1, 1, 3])])?;
//! assert_eq!(images.get(1)?.shape, [1, 1, 3]);
//! assert_eq!(images.values::<u8>(1)?, [7, 7, 7]); // the mapped bytes themselves
//! assert_eq!(images.gather(&[1, 0])?.offsets, [0, 3, 15]); // a batch, as Arrow lays it out
//! # Ok::<(), mmap_ninja::Error>(())
//! ```
//!
//! # Texts
//! ```
//! use mmap_ninja::{Compression, Mode, Strings};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("texts");
//! let zstd = Some(Compression { level: 3, dict_size: None });
//! Strings::create(&path, zstd, &["one", "zwei"])?;
//!
//! let mut texts = Strings::open(&path, Mode::ReadOnly)?;
//! texts.append(&["três"])?;
//! assert_eq!(texts.get(2)?, "três");
//! # Ok::<(), mmap_ninja::Error>(())
//! ```
//!
//! # One array
//! ```
//! use mmap_ninja::{Dense, Dtype, Element, Mode, Order};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("vectors");
//! let float32 = Dtype::of::<f32>();
//! Dense::create(&path, &float32, &[2, 3], Order::C, Element::bytes(&[0_f32; 6]))?;
//!
//! let mut vectors = Dense::open(&path, Mode::ReadOnly)?;
//! vectors.extend(&float32, &[1, 3], Element::bytes(&[1_f32, 2.0, 3.0]))?;
//! assert_eq!(vectors.shape(), [3, 3]);
//! assert_eq!(vectors.values::<f32>()?[6..], [1.0, 2.0, 3.0]);
//! # Ok::<(), mmap_ninja::Error>(())
//! ```
//!
//! # Threads
//! A store that is open can be read from any number of threads at once, by reference. The example `stream_samples`
//! gathers batches in random order so.
//!
//! # Features
//! - `python`, off by default: the extension module of the Python package. Nothing of Python is compiled without it,
//!   and nothing of this crate's interface changes with it.
//!
//! # Rust version
//! 1.89 or later. A newer one is asked for in minor releases only.
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
mod cancel;
mod column;
mod compression;
mod dense;
mod error;
mod extents;
mod fork;
mod format;
mod io;
mod options;
mod paths;
#[cfg(feature = "python")]
mod python;
mod ragged;
mod sample;
mod schema;
pub mod stream;
mod strings;
mod txn;
mod verify;

use std::path::Path;

pub use batch::gather::PaddingSide;
pub use batch::{Gathered, Padded};
pub use cancel::Cancellation;
pub use compression::Compression;
pub use dense::Dense;
pub use error::{Error, Result};
pub use format::dtype::{Dtype, Element};
pub use format::{Kind, Order};
pub use io::mapping::{Access, Mode};
pub use options::{Durability, Options};
pub use ragged::Ragged;
pub use sample::Sample;
pub use schema::MemberNames;
pub use strings::Strings;
pub use txn::BuildSession;
pub use verify::{
    Finding, Progress, Repair, Report, repair, repair_with, verify, verify_with, write_checksums, write_checksums_with,
};

/// What the data set in `dir` is; `None` where there is none.
///
/// # Errors
/// [`Error::Corrupt`] where `type.ninja` names no kind, or is missing beside the data; [`Error::Io`].
pub fn kind_of(dir: impl AsRef<Path>) -> Result<Option<Kind>> {
    schema::kind_of(dir.as_ref())
}
