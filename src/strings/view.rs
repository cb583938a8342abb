//! What the mapped files of strings held at one moment.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::index::IndexCell;
use crate::column::Column;
use crate::compression::Codec;
use crate::error::{At, Error, Result};
use crate::extents::Extents;
use crate::format::{DATA, Kind};
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::{Access, Mode, Region};
use crate::io::untrusted::Member;
use crate::memory;
use crate::options::Options;
use crate::schema::{MemberNames, Role, Schema, kind_of, placeholder};
use crate::txn::read_consistent;

pub(crate) const NO_UTF8: &str = "it is not UTF-8";
const NO_FRAME: &str = "it is not a zstd frame that states its size";

/// What the mapped files held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub dir: Arc<Path>,
    pub len: usize,
    is_closed: bool,
    pub exists: bool,
    pub extents: Extents,
    pub codec: Option<Arc<Codec>>,
    pub(super) index: Arc<IndexCell>,
}

impl View {
    /// Strings of a directory that holds no dataset.
    pub fn empty(dir: &Path) -> Self {
        let (extents, index) = (Extents::empty(), Arc::default());
        Self { dir: dir.into(), len: 0, is_closed: false, exists: false, extents, codec: None, index }
    }

    /// What a closed handle shows.
    pub fn closed(dir: &Path) -> Self {
        Self { is_closed: true, ..Self::empty(dir) }
    }

    /// Maps the dataset in `dir`, and reads no string. `rows` is how many it has, where that is not for itself to say.
    pub fn open(dir: &Path, options: &Options, rows: Option<u64>) -> Result<Self> {
        match kind_of(dir)? {
            None => Ok(Self::empty(dir)),
            Some(Kind::String) => {
                let names = &options.names;
                let commit_point = dir.join(Schema::strings(names).path(Role::Starts));
                let read = |shape: &[u64], quiescent| Self::read(dir, names, shape, quiescent);
                let view = read_consistent(dir, &commit_point, rows, read)?;
                view.extents.data.advise(options.access);
                Ok(view)
            }
            Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::String, found }),
        }
    }

    /// As many strings as the `shape` of the starts counts. Whatever is read after it counts at least as many.
    fn read(dir: &Path, names: &MemberNames, shape: &[u64], quiescent: bool) -> Result<Self> {
        let schema = Schema::strings(names);
        let starts = Column::counting(dir, schema, shape, quiescent)?;
        let len = starts.values().len();
        let ends = Column::open(dir, schema, Role::Ends, len as u64, quiescent)?;
        let data = read_data(dir, ends.last(), quiescent)?;
        let codec = Codec::open(dir)?.map(Arc::new);
        let extents = Extents { starts, ends, data };
        Ok(Self { dir: dir.into(), len, is_closed: false, exists: true, extents, codec, index: Arc::default() })
    }

    /// The stored bytes of the string at `index`, checked against the mapped ones: whatever the files hold,
    /// nothing outside of them is reached.
    #[inline]
    pub fn stored(&self, index: usize) -> Result<&[u8]> {
        // Both columns end with the last string.
        self.locate(index).ok_or_else(|| self.missing(index))
    }

    #[inline]
    fn locate(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = self.extents.get(index)?;
        self.extents.data.bytes().get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// The bytes of the string at `index`.
    #[inline]
    pub fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.decoded(index, self.stored(index)?)
    }

    /// The bytes of the string at `index`, which are stored as `stored`.
    #[inline]
    pub fn decoded<'a>(&self, index: usize, stored: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let Some(codec) = &self.codec else { return Ok(Cow::Borrowed(stored)) };
        self.decompressed(codec, index, stored)
    }

    /// A function of its own, so that the strings which are stored as they are need no call.
    #[inline(never)]
    fn decompressed<'a>(&self, codec: &Codec, index: usize, stored: &[u8]) -> Result<Cow<'a, [u8]>> {
        let decompressed = codec.decompress(stored).at(&self.dir)?;
        decompressed.map(Cow::Owned).ok_or_else(|| self.damaged(index, NO_FRAME))
    }

    /// The bytes of the string at `index`, as [`View::bytes`] gives them. Now and then, its pages are prefetched if they are
    /// not in memory.
    #[inline]
    pub fn item(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        if !self.extents.skips_item() {
            self.probe(index);
        }
        self.bytes(index)
    }

    #[cold]
    #[inline(never)]
    fn probe(&self, index: usize) {
        let found = self.extents.probe_item(index, &self.columns(), || self.stored(index), |stored| stored);
        drop(found);
    }

    /// Whether the string at `index` is `text`. What is stored of another size is not decompressed.
    #[inline]
    pub fn is_at(&self, index: usize, text: &[u8]) -> Result<bool> {
        let stored = self.stored(index)?;
        match &self.codec {
            None => Ok(stored == text),
            Some(_) if Codec::size_of(stored).is_some_and(|size| size != text.len()) => Ok(false),
            Some(codec) => Ok(*self.decompressed(codec, index, stored)? == *text),
        }
    }

    /// As [`ragged::View::is_due`](crate::ragged::View::is_due).
    pub fn is_due(&self, indices: &[usize]) -> bool {
        let last = || indices.last().and_then(|&last| self.stored(last).ok());
        self.extents.is_due(PrefetchPolicy::IfCold, indices, last)
    }

    /// The stored bytes at `indices`, whose pages are prefetched.
    pub fn stored_batch(&self, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<&[u8]>> {
        self.extents.fetch(&self.dir, indices, policy, &self.columns(), |index| self.stored(index), |bytes| bytes)
    }

    /// The columns that are read to find a string.
    pub fn columns(&self) -> Vec<&Region> {
        vec![self.extents.starts.region(), self.extents.ends.region()]
    }

    /// Tells the kernel how all files will be read.
    pub fn advise(&self, access: Access) {
        self.columns().into_iter().chain([&self.extents.data]).for_each(|region| region.advise(access));
    }

    /// The bytes of the strings at `indices`.
    pub fn gather(&self, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<Cow<'_, [u8]>>> {
        let stored = self.stored_batch(indices, policy)?;
        let decoded = indices.iter().zip(stored).map(|(&index, bytes)| self.decoded(index, bytes));
        memory::try_collect(&self.dir, decoded)
    }

    /// As [`View::gather`], of strings that are UTF-8.
    pub fn utf8(&self, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<Cow<'_, [u8]>>> {
        let texts = self.gather(indices, policy)?;
        match indices.iter().zip(&texts).find(|(_, text)| std::str::from_utf8(text).is_err()) {
            None => Ok(texts),
            Some((&index, _)) => Err(self.damaged(index, NO_UTF8)),
        }
    }

    /// Whether what is stored here means the same there.
    pub fn is_stored_like(&self, other: &Self) -> bool {
        match (&self.codec, &other.codec) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => mine.dict() == theirs.dict(),
            _ => false,
        }
    }

    /// Bytes of every string, as UTF-8.
    pub fn lengths(&self) -> Result<Vec<i64>> {
        memory::try_collect(&self.dir, (0..self.len).map(|index| self.length(index)))
    }

    /// Bytes of the string at `index`, as UTF-8.
    pub fn length(&self, index: usize) -> Result<i64> {
        let stored = self.stored(index)?;
        let size = if self.codec.is_some() { Codec::size_of(stored) } else { Some(stored.len()) };
        size.map(|size| size as i64).ok_or_else(|| self.damaged(index, NO_FRAME))
    }

    /// Bytes of all stored strings.
    pub fn end(&self) -> i64 {
        self.extents.ends.last()
    }

    /// The view after an append that brought the dataset to `len` strings, which take `bytes` bytes of data.
    pub fn grown(&self, options: &Options, len: usize, bytes: usize) -> Result<Self> {
        let dir = &*self.dir;
        let data = self.extents.data.grown(|| dir.join(DATA), Mode::ReadOnly, bytes)?;
        data.advise(options.access);
        let extents = self.extents.grown(dir, Schema::strings(&options.names), len, data)?;
        Ok(Self { len, extents, ..self.clone() })
    }

    /// The error for an index without a string.
    #[cold]
    pub fn out_of_range(&self, index: i64) -> Error {
        match self.check_open() {
            Ok(()) => Error::OutOfRange { path: self.dir.to_path_buf(), index, len: self.len },
            Err(closed) => closed,
        }
    }

    pub fn check_open(&self) -> Result<()> {
        if self.is_closed { Err(Error::Closed { path: self.dir.to_path_buf() }) } else { Ok(()) }
    }

    /// The error for an index without a string, or for one whose start and end are damaged.
    #[cold]
    fn missing(&self, index: usize) -> Error {
        if index >= self.len {
            return self.out_of_range(index as i64);
        }
        self.damaged(index, "its start and end do not fit the data")
    }

    /// The error for a damaged string.
    #[cold]
    pub fn damaged(&self, index: usize, what: &str) -> Error {
        Error::corrupt(self.dir.join(DATA), format!("string {index}: {what}"))
    }
}

/// The bytes of all strings, up to the `end` of the last one.
fn read_data(dir: &Path, end: i64, quiescent: bool) -> Result<Region> {
    let path = dir.join(DATA);
    let needed = usize::try_from(end).map_err(|_| Error::corrupt(&path, "the end of the last string is negative"))?;
    let data = Member::open(&path, false)?;
    let size = data.size;
    if size < needed as u64 || (quiescent && !placeholder::is_exact(size, needed as u64)) {
        return Err(Error::corrupt(path, format!("the file has {size} bytes, but the strings end at byte {needed}")));
    }
    Region::open(&data, Mode::ReadOnly, needed)
}
