//! Allocations whose size the data or the caller decides. They fail with an error where the memory cannot be had, and never
//! abort the process.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Error, Result};

/// The error for memory that was refused while something was done for the dataset in `dir`.
#[cold]
pub(crate) fn refused(dir: &Path) -> Error {
    Error::Io { path: dir.to_owned(), source: ErrorKind::OutOfMemory.into() }
}

/// An empty vector with room for `len` values.
pub(crate) fn with_room<T>(dir: &Path, len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| refused(dir))?;
    Ok(values)
}

/// The values that an iterator, which knows their number, yields.
pub(crate) fn collect<T>(dir: &Path, values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut collected = with_room(dir, values.len())?;
    collected.extend(values);
    Ok(collected)
}

/// As [`collect`], for values that may fail.
pub(crate) fn try_collect<T>(dir: &Path, values: impl ExactSizeIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut collected = with_room(dir, values.len())?;
    for value in values {
        collected.push(value?);
    }
    Ok(collected)
}

/// Whether zstd, which reports errors as texts, had no memory.
pub(crate) fn is_refused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory || error.to_string().contains("not enough memory")
}
