//! Allocations whose size the data or the caller decides. They fail with an error where the memory cannot be had, and never
//! abort the process.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
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

/// Memory for which huge pages are requested, as NumPy does for its arrays.
pub(crate) const MIN_HUGE: usize = 4 << 20;
/// The size of a huge page: to clear one takes as long as to clear some tens of small ones.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Asks Linux to use huge pages for memory of at least [`MIN_HUGE`] bytes that nothing was written to.
pub(crate) fn request_huge_pages(memory: &[MaybeUninit<u8>]) {
    #[cfg(target_os = "linux")]
    if memory.len() >= MIN_HUGE {
        let start = memory.as_ptr().align_offset(rustix::param::page_size());
        let (start, len) = (memory[start..].as_ptr(), memory.len() - start);
        // SAFETY: the memory begins on a page. The last page may have other memory on it, too; the advice changes nothing that
        // a program can observe.
        unsafe { libc::madvise(start.cast_mut().cast(), len, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// Whether zstd, which reports errors as texts, had no memory.
pub(crate) fn is_refused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory || error.to_string().contains("not enough memory")
}
