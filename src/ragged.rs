//! Samples of any shape and one dtype.

mod batches;
mod view;

pub use batches::{Gathered, Padded};
pub(crate) use view::{View, product};

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::batch::Batch;
use crate::commit::{self, Build, DirLock, Writer};
use crate::dense::typed;
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::format::DATA;
use crate::layout::Layout;
use crate::mapping::Mode;
use crate::options::Options;
use crate::storage::Identity;

/// Samples whose offsets are in memory at once while maps are joined.
const JOINED_AT_ONCE: usize = 1 << 20;

/// One sample: its elements in C order, and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The elements.
    pub bytes: &'a [u8],
    /// The axes; none for a scalar.
    pub shape: &'a [i64],
}

impl<'a> Sample<'a> {
    /// A 1-D sample of `values`; `shape` holds their number.
    ///
    /// ```
    /// use mmap_ninja::Sample;
    /// let sample = Sample::new(&[1_i32, 2, 3], &[3]);
    /// assert_eq!(sample.bytes.len(), 12);
    /// ```
    #[must_use]
    pub fn new<T: Element>(values: &'a [T], shape: &'a [i64]) -> Self {
        Self { bytes: T::bytes(values), shape }
    }
}

/// Samples of any shape and one dtype in a directory.
///
/// ```
/// use mmap_ninja::{Dtype, Mode, Ragged, Sample};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("tokens");
/// let mut tokens = Ragged::open(&path, Mode::ReadOnly)?; // nothing there yet: no samples
/// let samples = [Sample::new(&[1_i32, 2, 3], &[3]), Sample::new(&[4_i32], &[1])];
/// tokens.append(&Dtype::of::<i32>(), &samples)?;
/// assert_eq!(tokens.len(), 2);
/// assert_eq!(tokens.values::<i32>(0)?, [1, 2, 3]);
/// assert_eq!(tokens.get(1)?.shape, [1]);
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Ragged {
    view: View,
    options: Options,
    writer: Option<(Identity, Writer)>,
}

impl Ragged {
    /// Opens the samples in `dir`. A directory that is not there, or is empty, holds no samples and can be
    /// appended to.
    ///
    /// # Errors
    /// [`Error::WrongKind`], [`Error::Corrupt`] where the files contradict each other, [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Ragged::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        options.layout.check()?;
        let view = View::open(&crate::absolute(dir.as_ref())?, &options)?;
        Ok(Self { view, options, writer: None })
    }

    /// Writes new samples in place of whatever data set is in `dir`.
    ///
    /// # Errors
    /// [`Error::Shape`] where a sample's bytes do not fit its shape; [`Error::Io`]. Then nothing has changed.
    pub fn create(dir: impl AsRef<Path>, layout: &Layout, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        let options = Options { layout: layout.clone(), ..Options::default() };
        Self::create_with(dir, &options, dtype, samples)
    }

    /// The same with options, of which a new data set heeds the layout, the durability and the timeout.
    ///
    /// # Errors
    /// As [`Ragged::create`]; [`Error::Busy`].
    pub fn create_with(dir: impl AsRef<Path>, options: &Options, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        options.layout.check()?;
        let dir = crate::absolute(dir.as_ref())?;
        let batch = Batch::encode(&dir, 0, dtype, samples)?;
        let build = Build::beside(&dir)?;
        batch.create(&build, &options.layout, dtype)?;
        build.publish(&dir, options)
    }

    /// Appends samples, all of them or none.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Dtype`] where `dtype` is not the data set's, [`Error::Shape`], [`Error::Busy`],
    /// [`Error::Corrupt`], [`Error::Io`]. Then nothing has changed.
    pub fn append(&mut self, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        self.view.check_open()?;
        let batch = Batch::encode(&self.view.dir, self.view.len, dtype, samples)?;
        if samples.is_empty() { Ok(()) } else { self.append_batch(dtype, &batch) }
    }

    /// Appends all samples of `other`, whose elements are copied within the kernel.
    ///
    /// # Errors
    /// As [`Ragged::append`]. Samples that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        let Some(dtype) = other.dtype() else { return Ok(()) };
        if self.view.header.is_none() {
            Self::create_with(&self.view.dir, &self.options, dtype, &[])?;
            self.refresh()?;
        }
        let data = other.view.data.reopen(&other.view.dir.join(DATA));
        for start in (0..other.len()).step_by(JOINED_AT_ONCE) {
            let end = other.len().min(start + JOINED_AT_ONCE);
            self.append_batch(dtype, &Batch::of(&other.view, start..end, data.as_ref())?)?;
        }
        Ok(())
    }

    pub(crate) fn append_batch(&mut self, dtype: &Dtype, batch: &Batch) -> Result<()> {
        let dir = self.view.dir.clone();
        loop {
            if let Some(lock) = DirLock::acquire(&dir, self.options.timeout)? {
                return self.append_locked(dtype, batch, &lock);
            }
            if self.view.header.is_some() {
                // Samples that this handle shows are not there any more; beginning anew would hide that.
                return Err(Error::Io { path: dir.to_path_buf(), source: ErrorKind::NotFound.into() });
            }
            let build = Build::beside(&dir)?;
            batch.create(&build, &self.options.layout, dtype)?;
            if build.publish_new(&dir, self.options.durability)? {
                return self.refresh();
            }
        }
    }

    fn append_locked(&mut self, dtype: &Dtype, batch: &Batch, lock: &DirLock) -> Result<()> {
        let dir = self.view.dir.clone();
        let last = self.writer.take().filter(|(identity, _)| *identity == lock.identity());
        if let Some((_, writer)) = last
            && self.grow(&self.view.clone(), dtype, batch, lock, Some(writer))?
        {
            return Ok(());
        }
        commit::recover(&dir, lock)?;
        let view = View::open(&dir, &self.options)?;
        let Some(header) = &view.header else {
            let build = Build::beside(&dir)?;
            batch.create(&build, &self.options.layout, dtype)?;
            build.replace(&dir, lock, self.options.durability)?;
            return self.refresh();
        };
        check_dtype(&dir, &header.dtype, dtype)?;
        if self.grow(&view, dtype, batch, lock, None)? {
            return Ok(());
        }
        self.widen(&view, dtype, batch, lock)
    }

    /// Appends to what `view` shows, with the files that are open already if nobody else has written since; `false`
    /// if somebody has, or the shapes cannot be stored as they are.
    fn grow(
        &mut self,
        view: &View,
        dtype: &Dtype,
        batch: &Batch,
        lock: &DirLock,
        writer: Option<Writer>,
    ) -> Result<bool> {
        let has_dtype = view.header.as_ref().is_some_and(|header| header.dtype == *dtype);
        if !has_dtype || (view.is_flat() && !batch.is_flat()) {
            return Ok(false);
        }
        let offsets = batch.offsets(view.elements(), view.axes());
        let growths = batch.growths(&self.options.layout, view, &offsets);
        let writer = match writer {
            Some(writer) if !writer.is_current(&growths) => return Ok(false),
            Some(writer) => writer,
            None => Writer::open(&view.dir, &growths)?,
        };
        self.view = writer.append(lock, &growths, self.options.durability, || view.grown(&self.options, batch))?;
        self.writer = writer.kept().map(|writer| (lock.identity(), writer));
        Ok(true)
    }

    /// The first N-D sample of a 1-D data set: the directory is exchanged for one with the same files but for the
    /// shapes, which the build holds locked, and back if the samples cannot be appended there.
    fn widen(&mut self, view: &View, dtype: &Dtype, batch: &Batch, lock: &DirLock) -> Result<()> {
        let durability = self.options.durability;
        let build = Build::beside(&view.dir)?;
        crate::batch::widen(&build, &view.dir, &self.options.layout, view.flat_shapes())?;
        build.replace(&view.dir, lock, durability)?;
        let wide = View::open(&view.dir, &self.options);
        let grown = wide.and_then(|wide| self.grow(&wide, dtype, batch, lock, None));
        // The files that are open belong to another directory than the lock.
        self.writer = None;
        if grown.is_err() {
            build.replace(&view.dir, lock, durability)?;
        }
        grown.map(drop)
    }

    /// Reads again what is there, with what others have appended since.
    ///
    /// # Errors
    /// As [`Ragged::open`].
    pub fn refresh(&mut self) -> Result<()> {
        self.view.check_open()?;
        self.view = View::open(&self.view.dir, &self.options)?;
        Ok(())
    }

    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type; `None` where there is nothing yet.
    #[must_use]
    pub fn dtype(&self) -> Option<&Dtype> {
        self.view.header.as_ref().map(|header| &header.dtype)
    }

    /// The sample at `index`, where it lies.
    ///
    /// # Errors
    /// [`Error::OutOfRange`]; [`Error::Corrupt`] where its offsets or its shape do not fit the data.
    #[inline]
    pub fn get(&self, index: usize) -> Result<Sample<'_>> {
        self.view.get(index)
    }

    /// The elements of the sample at `index`.
    ///
    /// # Errors
    /// As [`Ragged::get`], and [`Error::Dtype`] where they are no `T`.
    pub fn values<T: Element>(&self, index: usize) -> Result<&[T]> {
        let sample = self.get(index)?;
        let Some(dtype) = self.dtype() else { return Ok(&[]) };
        typed(&self.view.dir, dtype, sample.bytes)
    }

    /// Overwrites the elements of the sample at `index`.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::Shape`] where `bytes` has another size; as [`Ragged::get`].
    pub fn set(&mut self, index: usize, bytes: &[u8]) -> Result<()> {
        let path = || self.view.dir.to_path_buf();
        if !self.options.mode.is_writable() {
            return Err(Error::ReadOnly { path: path() });
        }
        let sample = self.get(index)?;
        if sample.bytes.len() != bytes.len() {
            let what = format!(
                "{}: sample {index} has {} bytes, {} were given",
                path().display(),
                sample.bytes.len(),
                bytes.len()
            );
            return Err(Error::Shape { what });
        }
        let offset = sample.bytes.as_ptr() as usize - self.view.data.bytes().as_ptr() as usize;
        self.view.data.write(self.options.mode, offset, bytes);
        Ok(())
    }

    /// A handle to nothing, until it is opened.
    #[cfg(feature = "python")]
    pub(crate) fn closed() -> Self {
        Self { view: View::closed(Path::new("")), options: Options::default(), writer: None }
    }

    /// Shows no more than the first `len` samples.
    #[cfg(feature = "python")]
    pub(crate) fn limit(&mut self, len: usize) {
        self.view.len = self.view.len.min(len);
    }

    /// Lets go of the files.
    #[cfg(feature = "python")]
    pub(crate) fn close(&mut self) {
        self.view = View::closed(&self.view.dir);
        self.writer = None;
    }

    #[cfg(feature = "python")]
    pub(crate) fn mode(&self) -> Mode {
        self.options.mode
    }

    #[cfg(feature = "python")]
    pub(crate) fn layout(&self) -> &Layout {
        &self.options.layout
    }

    #[cfg(feature = "python")]
    pub(crate) fn view(&self) -> &View {
        &self.view
    }
}

fn check_dtype(dir: &Path, expected: &Dtype, found: &Dtype) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let what = format!("{}: samples are {}, not {}", dir.display(), expected.text(), found.text());
    Err(Error::Dtype { what })
}

/// A member of the nested shapes, relative to the data set's directory.
pub(crate) fn nested(layout: &Layout, key: &str) -> PathBuf {
    Path::new(&layout.shapes).join(key)
}
