//! Every memory map of the crate. The bytes live as long as their [`Mapping`], whatever becomes of the handle
//! that made it.
//!
//! # The hazard of mapped files
//! Mapped bytes are the file's bytes: a program that changes the file in place changes them under a reader, and
//! one that cuts the file short makes the next access of a lost page raise `SIGBUS`. This crate never cuts a
//! file below what was committed, and changes committed bytes only where a caller assigns to them. Other
//! programs are asked to keep to that; no library can enforce it.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use crate::error::{At, Error, Result};
#[cfg(feature = "python")]
use crate::storage::Identity;
use crate::storage::open_member;

/// What assignment to a sample does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is an error.
    #[default]
    ReadOnly,
    /// It reaches the file.
    ReadWrite,
    /// It stays in this process.
    CopyOnWrite,
}

impl Mode {
    /// Whether a sample may be assigned to.
    #[must_use]
    pub fn is_writable(self) -> bool {
        self != Self::ReadOnly
    }
}

/// One mapped file.
#[derive(Debug)]
pub(crate) struct Mapping {
    raw: MmapRaw,
    #[cfg(feature = "python")]
    file: Identity,
}

impl Mapping {
    fn new(file: &File, mode: Mode, capacity: usize) -> std::io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(capacity);
        let raw = match mode {
            Mode::ReadOnly => options.map_raw_read_only(file)?,
            Mode::ReadWrite => options.map_raw(file)?,
            // SAFETY: see "The hazard of mapped files" above; the private copy is never read as anything but bytes.
            Mode::CopyOnWrite => unsafe { options.map_copy(file)? }.into(),
        };
        Ok(Self {
            raw,
            #[cfg(feature = "python")]
            file: Identity::from(&file.metadata()?),
        })
    }
}

/// The committed bytes of a mapped file: a mapping, and how much of it is there to be read.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    mapping: Option<Arc<Mapping>>,
    len: usize,
}

impl Region {
    /// Maps the first `len` bytes of `path`.
    pub fn open(path: &Path, mode: Mode, len: usize) -> Result<Self> {
        Self::map(path, mode, len, len)
    }

    /// Nothing, for a data set that is not there yet.
    pub const fn empty() -> Self {
        Self { mapping: None, len: 0 }
    }

    /// The same file after it grew to `len` bytes. Where the mapping does not reach so far, it is made anew with
    /// room for as much again, so that a long row of appends maps each file a few times only.
    pub fn grown(&self, path: &Path, mode: Mode, len: usize) -> Result<Self> {
        match &self.mapping {
            Some(mapping) if len <= mapping.raw.len() => Ok(Self { mapping: self.mapping.clone(), len }),
            _ => Self::map(path, mode, len, capacity_for(len)),
        }
    }

    fn map(path: &Path, mode: Mode, len: usize, capacity: usize) -> Result<Self> {
        if len == 0 {
            return Ok(Self::empty());
        }
        let file = open_member(path, mode == Mode::ReadWrite)?;
        let size = file.metadata().at(path)?.len();
        if size < len as u64 {
            return Err(Error::corrupt(path, format!("the file has {size} bytes, {len} are needed")));
        }
        let mapping = Mapping::new(&file, mode, capacity).at(path)?;
        Ok(Self { mapping: Some(Arc::new(mapping)), len })
    }

    /// The committed bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.mapping {
            // SAFETY: `map` and `grown` let `len` be at most the capacity and at most the size of the file when
            // it was seen; the mapping lives as long as `self`. See "The hazard of mapped files" above.
            Some(mapping) => unsafe { std::slice::from_raw_parts(mapping.raw.as_ptr(), self.len) },
            None => &[],
        }
    }

    /// Where `part`, a part of these bytes, lies among them.
    pub fn range_of(&self, part: &[u8]) -> Range<usize> {
        let start = (part.as_ptr() as usize).wrapping_sub(self.bytes().as_ptr() as usize);
        if start <= self.len { start..start + part.len() } else { 0..0 }
    }

    /// Overwrites the bytes at `offset`.
    ///
    /// # Panics
    /// Where the mapping is not writable or too short, which callers check first.
    pub fn write(&mut self, mode: Mode, offset: usize, bytes: &[u8]) {
        assert!(mode.is_writable() && offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len));
        if let Some(mapping) = &self.mapping {
            // SAFETY: the range lies within the committed bytes, which were mapped writable in this mode. A
            // reader of the same bytes may see old and new ones mixed, as in any shared array.
            unsafe { std::ptr::copy(bytes.as_ptr(), mapping.raw.as_mut_ptr().add(offset), bytes.len()) }
        }
    }
    /// Which file is mapped.
    #[cfg(feature = "python")]
    pub fn file(&self) -> Option<Identity> {
        self.mapping.as_ref().map(|mapping| mapping.file)
    }

    /// Whether both show the same mapping.
    #[cfg(feature = "python")]
    pub fn is_same_mapping(&self, other: &Self) -> bool {
        match (&self.mapping, &other.mapping) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        }
    }
}

/// The order in which samples will be read, for the kernel's read-ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The kernel's own guess.
    #[default]
    Normal,
    /// Here and there: a page fault reads no page beside its own.
    Random,
    /// One after another: a page fault reads far ahead.
    Sequential,
}

#[cfg(unix)]
impl Region {
    /// Tells the kernel how the bytes will be read. Advice that it does not take is no error.
    pub fn advise(&self, access: Access) {
        let advice = match access {
            Access::Normal => return,
            Access::Random => memmap2::Advice::Random,
            Access::Sequential => memmap2::Advice::Sequential,
        };
        if let Some(mapping) = &self.mapping {
            let _ = mapping.raw.advise(advice);
        }
    }

    /// Asks the kernel to read a range of the bytes soon, without waiting for it.
    pub fn will_need(&self, range: Range<usize>) {
        if let Some(mapping) = &self.mapping {
            let _ = mapping.raw.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        }
    }

    /// Whether the page of the byte at `offset` is in memory, as far as the kernel tells.
    pub fn is_resident(&self, offset: usize) -> bool {
        let Some(mapping) = self.mapping.as_ref().filter(|_| offset < self.len) else { return true };
        let mut page = 0;
        let first = offset - offset % rustix::param::page_size();
        // SAFETY: the address is that of a page of the mapping, since mappings begin on one; the answer is one
        // byte, for one page.
        let answer = unsafe { libc::mincore(mapping.raw.as_mut_ptr().add(first).cast(), 1, &raw mut page) };
        answer != 0 || page & 1 == 1
    }
}

/// Where the system takes no advice, nothing is given, and every page passes for one in memory.
#[cfg(not(unix))]
impl Region {
    pub fn advise(&self, _access: Access) {}

    pub fn will_need(&self, _range: Range<usize>) {}

    pub fn is_resident(&self, _offset: usize) -> bool {
        true
    }
}

/// Address space for a file of `len` bytes that will grow. A mapping may reach beyond the end of its file on
/// Linux, and shows what the file gains; elsewhere it is made anew each time.
fn capacity_for(len: usize) -> usize {
    if cfg!(target_os = "linux") { len.saturating_mul(2).max(1 << 16) } else { len }
}
