//! Samples of any shape and one dtype.

mod batches;
pub(crate) mod encode;
mod gathered;
mod view;
#[cfg(feature = "python")]
mod whole;

use std::path::Path;

use encode::{Append, EncodedBatch};
pub(crate) use view::View;
#[cfg(feature = "python")]
pub(crate) use whole::Whole;

use crate::error::{Error, Result};
use crate::format::DATA;
use crate::format::dtype::{Dtype, Element, typed};
use crate::io::mapping::{Access, Mode};
use crate::options::Options;
use crate::paths::absolute;
use crate::sample::Sample;
use crate::schema::no_dataset;
use crate::selection::{MappedFile, check_indices, for_each_block};
use crate::txn::{self, Writer};

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
    pub(crate) view: View,
    pub(crate) options: Options,
    writer: Writer,
}

/// A closed handle.
impl Default for Ragged {
    fn default() -> Self {
        Self { view: View::closed(Path::new("")), options: Options::default(), writer: Writer::default() }
    }
}

impl Ragged {
    /// Opens the samples in `dir`. A directory that does not exist, or is empty, holds no samples and can be appended to.
    ///
    /// # Errors
    /// [`Error::WrongKind`]; [`Error::Corrupt`] where the files contradict each other; [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// As [`Ragged::open`], with options.
    ///
    /// # Errors
    /// As [`Ragged::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        options.names.check()?;
        let dir = absolute(dir.as_ref())?;
        let view = txn::retry_without_kept_files(|| View::open(&dir, &options, None))?;
        Ok(Self::of_view(view, options))
    }

    /// A handle that shows `view`.
    pub(crate) fn of_view(view: View, options: Options) -> Self {
        Self { view, options, writer: Writer::default() }
    }

    /// Writes new samples in place of whatever dataset is in `dir`.
    ///
    /// # Errors
    /// [`Error::Shape`] where a sample's bytes do not fit its shape; [`Error::Io`]. Then nothing has changed.
    pub fn create(dir: impl AsRef<Path>, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        Self::create_with(dir, &Options::default(), dtype, samples)
    }

    /// As [`Ragged::create`], with options, of which creating uses the names, the durability, the timeout and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Ragged::create`]; [`Error::Busy`]; [`Error::Interrupted`].
    pub fn create_with(dir: impl AsRef<Path>, options: &Options, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        options.names.check()?;
        let dir = absolute(dir.as_ref())?;
        let batch = EncodedBatch::encode(&dir, 0, dtype, samples)?;
        txn::create(&dir, options, &batch.new_members(&options.names, dtype))
    }

    /// Appends samples, all of them or none.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::Dtype`] where `dtype` is not the dataset's; [`Error::Shape`]; [`Error::Busy`];
    /// [`Error::Interrupted`]; [`Error::Corrupt`]; [`Error::Io`]. Then nothing has changed.
    pub fn append(&mut self, dtype: &Dtype, samples: &[Sample]) -> Result<()> {
        self.view.check_open()?;
        let batch = EncodedBatch::encode(&self.view.dir, self.view.len, dtype, samples)?;
        if samples.is_empty() { Ok(()) } else { self.append_batch(dtype, &batch, None) }
    }

    /// Appends all samples of `other`. Their elements are copied within the kernel.
    ///
    /// # Errors
    /// As [`Ragged::append`]. Samples that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        self.extend_from(other, 0..other.len())
    }

    /// Appends the samples of `other` at `indices`, which may repeat, in that order. Elements that are long, or lie one
    /// after another, are copied within the kernel. Without a dataset in this directory, one of the dtype of `other` is
    /// created, even if there are no indices.
    ///
    /// ```
    /// use mmap_ninja::{Dtype, Mode, Ragged, Sample};
    /// # let dir = tempfile::tempdir().unwrap();
    /// let samples = [Sample::new(&[1_i32, 2, 3], &[3]), Sample::new(&[4_i32], &[1])];
    /// Ragged::create(dir.path().join("all"), &Dtype::of::<i32>(), &samples)?;
    /// let mut chosen = Ragged::open(dir.path().join("chosen"), Mode::ReadOnly)?;
    /// chosen.extend_from(&Ragged::open(dir.path().join("all"), Mode::ReadOnly)?, [1, 0, 1])?;
    /// assert_eq!(chosen.len(), 3);
    /// assert_eq!(chosen.values::<i32>(0)?, [4]);
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`]. Then nothing has changed. As [`Ragged::append`], after which samples that were appended before
    /// the error stay.
    pub fn extend_from(
        &mut self,
        other: &Self,
        indices: impl IntoIterator<Item = usize, IntoIter: Clone>,
    ) -> Result<()> {
        self.view.check_open()?;
        let (view, indices) = (&other.view, indices.into_iter());
        check_indices(indices.clone(), view.len, |index| view.out_of_range(index))?;
        let Some(dtype) = other.dtype() else { return Ok(()) };
        if self.view.header.is_none() {
            Self::create_with(&self.view.dir, &self.options, dtype, &[])?;
            self.refresh()?;
        }
        let data = MappedFile::open(&view.extents.data, &view.dir.join(DATA), other.options.mode);
        for_each_block(
            indices,
            |chosen| view.extents.prefetch_rows(chosen, &view.columns()),
            |index| Ok(view.get(index)?.bytes.len() as u64),
            |block| self.append_batch(dtype, &EncodedBatch::of_view(view, block, &data)?, None),
        )
    }

    /// Appends a batch, if `expected` samples are there, where that is given.
    pub(crate) fn append_batch(&mut self, dtype: &Dtype, batch: &EncodedBatch, expected: Option<usize>) -> Result<()> {
        let dir = self.view.dir.clone();
        let append = Append { dir: &dir, options: &self.options, dtype, batch, expected };
        self.view = self.writer.append(&append, &self.view, &dir, &self.options)?;
        Ok(())
    }

    /// Reads again what is there, with what others have appended since.
    ///
    /// # Errors
    /// As [`Ragged::open`]; [`Error::Io`] where the samples that this handle shows are gone.
    pub fn refresh(&mut self) -> Result<()> {
        self.view.check_open()?;
        let view = View::open(&self.view.dir, &self.options, None)?;
        if self.view.header.is_some() && view.header.is_none() {
            return Err(no_dataset(&self.view.dir));
        }
        self.view = view;
        Ok(())
    }

    /// Tells the kernel how the files will be read from now on, those that hold offsets and shapes included.
    pub fn advise(&self, access: Access) {
        self.view.advise(access);
    }

    /// Releases the files. Every later call is [`Error::Closed`].
    pub fn close(&mut self) {
        self.view = View::closed(&self.view.dir);
        self.writer = Writer::default();
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
        self.view.item(index)
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
        let offset = self.view.extents.data.range_of(sample.bytes).start;
        self.view.extents.data.write(self.options.mode, offset, bytes);
        Ok(())
    }
}
