//! What the mapped files of strings held at one moment.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use crate::column::{self, Column};
use crate::compression::Codec;
use crate::error::{Error, Result};
use crate::format::{DATA, Kind};
use crate::layout::Layout;
#[cfg(feature = "python")]
use crate::mapping::Access;
use crate::mapping::{Mode, Region};
use crate::options::Options;
use crate::prefetch::{When, announce};
use crate::settle::settle;
use crate::storage::{Member, kind_of};

const NO_FRAME: &str = "it is no zstd frame that states its size";

/// What the mapped files held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub dir: Arc<Path>,
    pub len: usize,
    is_closed: bool,
    pub exists: bool,
    pub data: Region,
    pub starts: Column,
    ends: Column,
    pub codec: Option<Arc<Codec>>,
}

impl View {
    /// No strings, and no directory.
    pub fn empty(dir: &Path) -> Self {
        Self {
            dir: dir.into(),
            len: 0,
            is_closed: false,
            exists: false,
            data: Region::empty(),
            starts: Column::empty(),
            ends: Column::empty(),
            codec: None,
        }
    }

    /// No samples, and no more to come.
    #[cfg(feature = "python")]
    pub fn closed(dir: &Path) -> Self {
        Self { is_closed: true, ..Self::empty(dir) }
    }

    /// Tells the kernel that few texts will be looked at, far from each other.
    #[cfg(feature = "python")]
    pub fn expect_few_reads(&self) {
        for region in [self.starts.region(), self.ends.region(), &self.data] {
            region.advise(Access::Random);
        }
    }

    pub fn open(dir: &Path, options: &Options) -> Result<Self> {
        match kind_of(dir)? {
            None => Ok(Self::empty(dir)),
            Some(Kind::String) => {
                let layout = &options.layout;
                let view = settle(dir, &dir.join(&layout.starts), |shape, rest| Self::read(dir, layout, shape, rest))?;
                view.data.advise(options.access);
                Ok(view)
            }
            Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::String, found }),
        }
    }

    /// As many strings as the `shape` of starts counts: whatever is read after it counts at least as many.
    fn read(dir: &Path, layout: &Layout, shape: &[u64], at_rest: bool) -> Result<Self> {
        let starts = Column::counting(&dir.join(&layout.starts), shape, at_rest)?;
        let len = starts.values().len();
        let ends = Column::open(&dir.join(&layout.ends), len as u64, false, at_rest)?;
        let data = read_data(dir, ends.values().last().copied(), at_rest)?;
        let codec = Codec::open(dir)?.map(Arc::new);
        Ok(Self { dir: dir.into(), len, is_closed: false, exists: true, data, starts, ends, codec })
    }

    /// The stored bytes of the string at `index`, checked against the mapped ones: whatever the files hold,
    /// nothing outside of them is reached.
    #[inline]
    pub fn stored(&self, index: usize) -> Result<&[u8]> {
        if index >= self.len {
            return Err(self.absent(index as i64));
        }
        self.locate(index).ok_or_else(|| self.damaged(index, "its start and end do not fit the data"))
    }

    #[inline]
    fn locate(&self, index: usize) -> Option<&[u8]> {
        let start = usize::try_from(*self.starts.values().get(index)?).ok()?;
        let end = usize::try_from(*self.ends.values().get(index)?).ok()?;
        self.data.bytes().get(start..end)
    }

    /// The bytes of the string at `index`.
    #[inline]
    pub fn bytes(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.decoded(index, self.stored(index)?)
    }

    #[inline]
    fn decoded<'a>(&self, index: usize, stored: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let Some(codec) = &self.codec else { return Ok(Cow::Borrowed(stored)) };
        codec.decompress(stored).map(Cow::Owned).ok_or_else(|| self.damaged(index, NO_FRAME))
    }

    /// The stored bytes at `indices`, whose pages are announced to the kernel.
    pub fn batch(&self, indices: &[usize], when: When) -> Result<Vec<&[u8]>> {
        let last = || indices.last().and_then(|&last| self.locate(last));
        let is_cold = when.is_now(&self.data, || last().map(|bytes| self.data.range_of(bytes)));
        if is_cold {
            announce(&[self.starts.region(), self.ends.region()], indices.iter().map(|&index| column::place(index)));
        }
        let stored: Vec<_> = indices.iter().map(|&index| self.stored(index)).collect::<Result<_>>()?;
        if is_cold {
            announce(&[&self.data], stored.iter().map(|bytes| self.data.range_of(bytes)));
        }
        Ok(stored)
    }

    /// The bytes of the strings at `indices`.
    pub fn gather(&self, indices: &[usize]) -> Result<Vec<Cow<'_, [u8]>>> {
        let stored = self.batch(indices, When::IfCold)?;
        indices.iter().zip(stored).map(|(&index, bytes)| self.decoded(index, bytes)).collect()
    }

    /// Whether what is stored here means the same there.
    pub fn is_stored_like(&self, other: &Self) -> bool {
        match (&self.codec, &other.codec) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => mine.dict() == theirs.dict(),
            _ => false,
        }
    }

    /// The byte at which the strings at consecutive `indices` begin, where they lie one after another, as they should.
    pub fn contiguous(&self, indices: &[usize]) -> Option<u64> {
        let mut pairs = indices.windows(2);
        let follows = pairs.all(|pair| self.ends.values().get(pair[0]) == self.starts.values().get(pair[1]));
        let start = *self.starts.values().get(*indices.first()?)?;
        if follows { u64::try_from(start).ok() } else { None }
    }

    /// Bytes of every string, as UTF-8.
    pub fn lengths(&self) -> Result<Vec<i64>> {
        (0..self.len).map(|index| self.length(index)).collect()
    }

    /// Bytes of the string at `index`, as UTF-8.
    pub fn length(&self, index: usize) -> Result<i64> {
        let stored = self.stored(index)?;
        let size = if self.codec.is_some() { Codec::size_of(stored) } else { Some(stored.len()) };
        size.map(|size| size as i64).ok_or_else(|| self.damaged(index, NO_FRAME))
    }

    /// Bytes of all stored strings.
    pub fn end(&self) -> i64 {
        self.ends.values().last().copied().unwrap_or(0)
    }

    pub fn grown(&self, options: &Options, ends: &[i64]) -> Result<Self> {
        let layout = &options.layout;
        let dir = &*self.dir;
        let len = self.len + ends.len();
        let end = usize::try_from(ends.last().copied().unwrap_or(self.end())).unwrap_or(usize::MAX);
        let data = self.data.grown(&dir.join(DATA), Mode::ReadOnly, end)?;
        data.advise(options.access);
        Ok(Self {
            len,
            data,
            starts: self.starts.grown(&dir.join(&layout.starts), len)?,
            ends: self.ends.grown(&dir.join(&layout.ends), len)?,
            ..self.clone()
        })
    }

    /// Why there is no sample at `index`.
    #[cold]
    pub fn absent(&self, index: i64) -> Error {
        match self.check_open() {
            Ok(()) => Error::OutOfRange { path: self.dir.to_path_buf(), index, len: self.len },
            Err(closed) => closed,
        }
    }

    pub fn check_open(&self) -> Result<()> {
        if self.is_closed { Err(Error::Closed { path: self.dir.to_path_buf() }) } else { Ok(()) }
    }

    /// String `index` is not what it should be.
    #[cold]
    pub fn damaged(&self, index: usize, what: &str) -> Error {
        Error::corrupt(self.dir.join(DATA), format!("string {index}: {what}"))
    }
}

fn read_data(dir: &Path, end: Option<i64>, at_rest: bool) -> Result<Region> {
    let path = dir.join(DATA);
    let end = end.unwrap_or(0);
    let needed = usize::try_from(end).map_err(|_| Error::corrupt(&path, "the last string ends before the first"))?;
    let data = Member::open(&path, false)?;
    let size = data.size;
    let surplus = size > needed as u64 && !(needed == 0 && size == 1);
    if size < needed as u64 || (at_rest && surplus) {
        return Err(Error::corrupt(path, format!("the file has {size} bytes, the strings end at byte {needed}")));
    }
    Region::open(&data, Mode::ReadOnly, needed)
}
