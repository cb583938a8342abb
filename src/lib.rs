//! Machine-learning datasets in memory-mapped files: written once, then any sample is read at the speed of memory.
//!
//! There are three stores. Each is a directory of plain files, which `mmap_ninja` for Python reads and writes, too:
//!
//! - [`Ragged`]: samples of any shape and one dtype, such as images or token sequences;
//! - [`Strings`]: UTF-8 texts, optionally compressed;
//! - [`Dense`]: one array.
//!
//! Opening a store maps its files and reads no sample; an item is a slice of the mapped bytes. An append is atomic,
//! even if the process dies, and only one writer at a time holds a directory.
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
//! Any number of threads can read an open store by reference at the same time. The example `stream_samples` gathers
//! batches in random order that way.
//!
//! # Features
//! - `python`, off by default: the extension module of the Python package. It does not change the interface of this
//!   crate, and without it nothing depends on Python.
//!
//! # Rust version
//! 1.89 or later. Only a minor release raises it.
//!
//! # Quirks
//! - A dataset that does not exist reads as an empty one. The first append creates it.
//! - A handle sees the samples that existed when it was opened, and those that it appended itself. `refresh` shows it
//!   what other writers have appended.
//! - Mapped bytes are the bytes of the file. A program that changes the files in place by other means changes what
//!   readers see, and one that shortens them kills readers with `SIGBUS`.

#[cfg(target_endian = "big")]
compile_error!("mmap_ninja maps little-endian files without converting them: it needs a little-endian machine");

mod attrs;
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
pub mod loader;
mod memory;
mod offsets;
mod options;
mod order;
mod paths;
pub mod plans;
#[cfg(feature = "python")]
mod python;
mod ragged;
mod records;
mod sample;
mod schema;
mod selection;
pub mod stream;
mod strings;
#[cfg(test)]
mod testing;
mod threads;
mod txn;
mod verify;

use std::path::Path;

pub use attrs::{read_attrs, write_attrs, write_attrs_with};
pub use batch::pad::{Padding, PaddingSide};
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
pub use records::{Batch, FieldBatch, Records};
pub use sample::Sample;
pub use schema::MemberNames;
pub use strings::{Strings, write_index, write_index_with};
pub use txn::BuildSession;
pub use verify::{
    Finding, Progress, Repair, Report, repair, repair_with, verify, verify_with, write_checksums, write_checksums_with,
};

/// The kind of the dataset in `dir`; `None` where there is none.
///
/// # Errors
/// [`Error::Corrupt`] where `type.ninja` does not name a kind, or is missing beside the data; [`Error::Io`].
pub fn kind_of(dir: impl AsRef<Path>) -> Result<Option<Kind>> {
    schema::kind_of(dir.as_ref())
}
