//! Every memory map of the crate. A mapping lives as long as the last [`Region`] that shows it, even after the handle
//! that opened it is closed.
//!
//! # The hazard of mapped files
//! Mapped bytes are the bytes of the file. A program that changes the file in place changes them under a reader, and
//! one that truncates the file makes the next access to a lost page raise `SIGBUS`. This crate never truncates a file
//! below what was committed, and changes committed bytes only where a caller assigns to them. Other programs must do
//! the same; no library can enforce it.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use super::residency::Residency;
use super::untrusted::{FileId, Member};
use crate::error::{At, Error, Result};

/// The number of this error is the same on all Unix systems.
const ENODEV: i32 = 19;

/// The most bytes that are read instead of mapped: mapping and unmapping a file takes twenty times as long as reading a
/// page of it.
const MAX_READ: usize = 4096;

/// What an assignment to a sample does.
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

    /// Opens the data of a member to be mapped in this mode.
    pub(crate) fn open(self, path: &Path) -> Result<Member> {
        Member::open(path, self == Self::ReadWrite)
    }
}

/// The memory that holds the bytes of a file.
#[derive(Debug)]
enum Backing {
    Mapped {
        raw: MmapRaw,
        residency: Residency,
        file: FileId,
    },
    /// As words, so that values of 8 bytes are aligned.
    Read(Box<[u64]>),
}

/// The system says that it has no memory where a process has too many mappings.
#[cfg(target_os = "linux")]
fn explain_map_limit(error: std::io::Error) -> std::io::Error {
    use std::fs;
    let maps = fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|limit| limit.trim().parse().ok());
    let is_at_limit = limit.is_some_and(|limit: usize| maps + 8 > limit);
    if error.kind() != std::io::ErrorKind::OutOfMemory || !is_at_limit {
        return error;
    }
    let what = format!(
        "this process has {maps} mappings, which is all that vm.max_map_count allows; close maps that are not used, or \
         raise it (sysctl vm.max_map_count)"
    );
    std::io::Error::new(std::io::ErrorKind::QuotaExceeded, what)
}

#[cfg(not(target_os = "linux"))]
fn explain_map_limit(error: std::io::Error) -> std::io::Error {
    error
}

/// Whether the system has no shared mappings of a file.
fn cannot_share(error: &std::io::Error) -> bool {
    cfg!(unix) && error.raw_os_error() == Some(ENODEV)
}

impl Backing {
    fn map(member: &Member, mode: Mode, capacity: usize) -> std::io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(capacity);
        let raw = match mode {
            Mode::ReadOnly => match options.map_raw_read_only(&member.file) {
                // FUSE and some network file systems map privately only. That makes no difference to a reader.
                // SAFETY: see "The hazard of mapped files" above.
                Err(error) if cannot_share(&error) => unsafe { options.map_copy_read_only(&member.file)? }.into(),
                other => other?,
            },
            Mode::ReadWrite => options.map_raw(&member.file)?,
            // SAFETY: see "The hazard of mapped files" above; the private copy is only read as bytes.
            Mode::CopyOnWrite => unsafe { options.map_copy(&member.file)? }.into(),
        };
        Ok(Self::Mapped { raw, residency: Residency::unknown(), file: member.identity })
    }

    fn read(member: &Member, len: usize) -> std::io::Result<Self> {
        let mut words = vec![0; len.div_ceil(8)].into_boxed_slice();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        (&member.file).read_exact(&mut bytes[..len])?;
        Ok(Self::Read(words))
    }

    fn start(&self) -> *mut u8 {
        match self {
            Self::Mapped { raw, .. } => raw.as_mut_ptr(),
            Self::Read(words) => words.as_ptr().cast_mut().cast(),
        }
    }
}

/// The committed bytes of a file, mapped or read.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    backing: Option<Arc<Backing>>,
    /// The first byte; where there are none, any aligned address.
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: `start` points into `backing`, which any thread may read; see "The hazard of mapped files" about writers.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first `len` bytes of a member.
    pub fn open(member: &Member, mode: Mode, len: usize) -> Result<Self> {
        Self::map(member, mode, len, len)
    }

    /// The first `len` bytes of a member that is never assigned to: read where they are few, else mapped.
    pub fn read(member: &Member, len: usize) -> Result<Self> {
        if len > MAX_READ {
            return Self::open(member, Mode::ReadOnly, len);
        }
        Ok(Self::new(Backing::read(member, len).at(&member.path)?, len))
    }

    fn new(backing: Backing, len: usize) -> Self {
        let start = NonNull::new(backing.start()).unwrap_or(Self::empty().start);
        Self { backing: Some(Arc::new(backing)), start, len }
    }

    /// No bytes, for a dataset that does not exist yet.
    pub const fn empty() -> Self {
        // Aligned for any element, as the pages of a mapping are.
        Self { backing: None, start: NonNull::<u128>::dangling().cast(), len: 0 }
    }

    /// The same file after it grew to `len` bytes. A mapping that does not reach that far is replaced by one of twice
    /// the length, so that a long sequence of appends maps each file only a few times. A private copy is always
    /// replaced, since a page of it that was assigned to does not show what the file gains. `path` is called only for a new
    /// mapping.
    pub fn grown(&self, path: impl FnOnce() -> PathBuf, mode: Mode, len: usize) -> Result<Self> {
        match self.raw() {
            Some(raw) if len <= raw.len() && (len == self.len || mode != Mode::CopyOnWrite) => {
                Ok(Self { len, ..self.clone() })
            }
            _ if len == 0 => Ok(Self::empty()),
            _ if mode == Mode::CopyOnWrite => Self::open(&mode.open(&path())?, mode, len),
            _ => Self::map(&mode.open(&path())?, mode, len, capacity_for(len)),
        }
    }

    fn map(member: &Member, mode: Mode, len: usize, capacity: usize) -> Result<Self> {
        let Member { path, size, .. } = member;
        if *size == 0 && len == 0 {
            return Ok(Self::empty());
        }
        if *size < len as u64 {
            return Err(Error::corrupt(path, format!("the file has {size} bytes, expected at least {len}")));
        }
        // An empty array maps its placeholder, so that its file can be told from that of another dataset.
        let backing = Backing::map(member, mode, capacity.max(1)).map_err(explain_map_limit);
        Ok(Self::new(backing.at(path)?, len))
    }

    fn raw(&self) -> Option<&MmapRaw> {
        match self.backing.as_deref() {
            Some(Backing::Mapped { raw, .. }) => Some(raw),
            _ => None,
        }
    }

    /// The committed bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `map`, `read` and `grown` let `len` be at most the capacity and at most the size of the file when it
        // was seen; the backing, which begins at `start`, lives as long as `self`. See "The hazard of mapped files".
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The range of `part`, which is a slice of these bytes.
    pub fn range_of(&self, part: &[u8]) -> Range<usize> {
        let start = (part.as_ptr() as usize).wrapping_sub(self.bytes().as_ptr() as usize);
        if start <= self.len { start..start + part.len() } else { 0..0 }
    }

    /// Overwrites the bytes at `offset`.
    ///
    /// # Panics
    /// If the mapping is not writable or too short. Callers check both first.
    pub fn write(&mut self, mode: Mode, offset: usize, bytes: &[u8]) {
        assert!(mode.is_writable() && offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len));
        if let Some(raw) = self.raw() {
            // SAFETY: the range lies within the committed bytes, which were mapped writable in this mode. A reader of
            // the same bytes may see a mixture of old and new ones, as in any shared array.
            unsafe { std::ptr::copy(bytes.as_ptr(), raw.as_mut_ptr().add(offset), bytes.len()) }
        }
    }

    /// What is known of whether the pages are in memory; `None` where the bytes were read.
    #[inline]
    pub fn residency(&self) -> Option<&Residency> {
        match self.backing.as_deref() {
            Some(Backing::Mapped { residency, .. }) => Some(residency),
            _ => None,
        }
    }

    /// Which file is mapped.
    pub fn file(&self) -> Option<FileId> {
        match self.backing.as_deref() {
            Some(Backing::Mapped { file, .. }) => Some(*file),
            _ => None,
        }
    }

    /// Opens the file at `path`, if it is still the mapped one: another may have replaced it.
    pub fn reopen(&self, path: &Path) -> Option<File> {
        let member = Member::open(path, false).ok()?;
        (self.file()? == member.identity).then_some(member.file)
    }
}

/// Regions are equal if they show the same mapping.
impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        match (&self.backing, &other.backing) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        }
    }
}

/// The order in which samples will be read, as advice for the read-ahead of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// No advice: the kernel guesses.
    #[default]
    Normal,
    /// In random order: a page fault reads only its own page.
    Random,
    /// In ascending order: a page fault reads far ahead.
    Sequential,
}

#[cfg(unix)]
impl Region {
    /// Tells the kernel how the bytes will be read. It is not an error if the kernel rejects the advice.
    pub fn advise(&self, access: Access) {
        let advice = match access {
            Access::Normal => return,
            Access::Random => memmap2::Advice::Random,
            Access::Sequential => memmap2::Advice::Sequential,
        };
        if let Some(raw) = self.raw() {
            let _ = raw.advise(advice);
        }
    }
}

/// Asks the kernel to read mapped bytes soon, without waiting for it. It is not an error if the kernel rejects that.
#[cfg(unix)]
pub(crate) fn will_need(bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let before = bytes.as_ptr() as usize % rustix::param::page_size();
    let start = bytes.as_ptr().wrapping_sub(before);
    // SAFETY: the advice changes no memory, and every byte from the beginning of the first one's page on is mapped.
    unsafe { libc::madvise(start.cast_mut().cast(), before + bytes.len(), libc::MADV_WILLNEED) };
}

/// Pages of which one call tells whether they are in memory.
#[cfg(unix)]
const MAX_PROBED: usize = 8;

/// Whether the pages of these bytes are in memory, as far as the kernel tells. Of many pages, only those in the middle are looked
/// at: the first and the last one may be there because a neighbour of these bytes was read. They need not be initialized.
#[cfg(unix)]
pub(crate) fn is_resident<T>(bytes: &[T]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let page = rustix::param::page_size();
    let before = bytes.as_ptr() as usize % page;
    let pages = (before + size_of_val(bytes)).div_ceil(page);
    let probed = pages.min(MAX_PROBED);
    let first = (pages - probed) / 2;
    let start = bytes.as_ptr().cast::<u8>().wrapping_sub(before).wrapping_add(first * page);
    let mut found = [0; MAX_PROBED];
    // SAFETY: all these pages are mapped, each has some of `bytes` on it, and the answer for a page is one byte.
    let answer = unsafe { libc::mincore(start.cast_mut().cast(), probed * page, found.as_mut_ptr()) };
    answer != 0 || found[..probed].iter().all(|page| page & 1 == 1)
}

/// On systems without `madvise`, advice does nothing, and every page counts as resident.
#[cfg(not(unix))]
impl Region {
    pub fn advise(&self, _access: Access) {}
}

#[cfg(not(unix))]
pub(crate) fn will_need(_bytes: &[u8]) {}

#[cfg(not(unix))]
pub(crate) fn is_resident<T>(_bytes: &[T]) -> bool {
    true
}

/// The length of a mapping of a file of `len` bytes that will grow. On Linux, a mapping may reach beyond the end of its
/// file and, unless it is a private copy, shows what the file gains.
fn capacity_for(len: usize) -> usize {
    if cfg!(target_os = "linux") { len.saturating_mul(2).max(1 << 16) } else { len }
}

#[cfg(test)]
mod tests;
