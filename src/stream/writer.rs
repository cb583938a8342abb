//! The writers of streams.

use std::collections::TryReserveError;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::blocks::BlockWriter;
use super::resume::{open_dense, open_ragged, open_strings};
use super::sinks::{DenseSink, RaggedSink, Sink, StringsSink};
use crate::compression::Compression;
use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::options::Options;
use crate::paths::absolute;
use crate::ragged::Ragged;
use crate::ragged::encode::EncodedBatch;
use crate::sample::Sample;
use crate::strings::Strings;

pub(super) const DEFAULT_BATCH: usize = 1024;

/// Stores samples that come one after another: [`Writer::ragged`], [`Writer::strings`], [`Writer::dense`] and
/// [`Writer::records`] open one.
///
/// A batch is appended as a whole. [`Writer::finish`] stores the last one; a writer that is dropped loses the samples
/// since the last whole batch.
///
/// ```
/// use mmap_ninja::{Compression, Mode, Options, Strings, stream::Writer};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// let zstd = Some(Compression { level: 3, dict_size: None });
/// let mut texts = Writer::strings(&path, &Options::default(), zstd)?;
/// for text in ["one", "zwei", "três"] {
///     texts.push(text)?;
/// }
/// assert_eq!(texts.finish()?, 3);
/// assert_eq!(Strings::open(&path, Mode::ReadOnly)?.get(2)?, "três");
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
pub struct Writer<S> {
    pub(super) blocks: BlockWriter,
    /// Where the blocks go, until the first is sent.
    sink: Option<Box<dyn Sink>>,
    pub(super) dir: PathBuf,
    /// The names of the fields of records.
    pub(super) fields: Vec<String>,
    dtype: Dtype,
    /// The axes of a row, in an array of rows.
    row: Vec<i64>,
    store: PhantomData<fn() -> S>,
}

impl Writer<Ragged> {
    /// Appends samples of any shape to the dataset in `dir`, which is created if it does not exist. The mode and the
    /// access pattern of `options` are ignored.
    ///
    /// # Errors
    /// [`Error::Argument`] where `dir` has another dtype or other names of sub-directories; [`Error::WrongKind`];
    /// [`Error::Corrupt`]; [`Error::Io`].
    pub fn ragged(dir: impl AsRef<Path>, options: &Options, dtype: &Dtype) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let store = open_ragged(&dir, options, Some(dtype))?;
        let blocks = BlockWriter::new(&dir, store.len(), DEFAULT_BATCH, false);
        let sink = RaggedSink::new(store, dtype.clone());
        Ok(Self::over(dir, blocks, Box::new(sink), dtype.clone()))
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// [`Error::Shape`] where its bytes do not fit its shape. Of the samples before it: [`Error::Busy`],
    /// [`Error::Argument`] where others have written to `dir`, [`Error::Io`]; then nothing more is stored.
    pub fn push(&mut self, sample: Sample) -> Result<()> {
        self.push_checked(sample)
    }
}

impl Writer<Strings> {
    /// Appends texts to the dataset in `dir`, which is created if it does not exist. A dictionary is trained on the
    /// first batch. The mode and the access pattern of `options` are ignored.
    ///
    /// # Errors
    /// [`Error::Argument`] where the texts in `dir` are compressed differently, or have other names of
    /// sub-directories; [`Error::WrongKind`]; [`Error::Corrupt`]; [`Error::Io`].
    pub fn strings(dir: impl AsRef<Path>, options: &Options, compression: Option<Compression>) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let store = open_strings(&dir, options, compression)?;
        let trains = store.is_empty() && compression.is_some_and(|compression| compression.dict_size.is_some());
        let blocks = BlockWriter::new(&dir, store.len(), DEFAULT_BATCH, trains);
        let sink = StringsSink::new(store, compression);
        Ok(Self::over(dir, blocks, Box::new(sink), Dtype::of::<u8>()))
    }

    /// Adds a text.
    ///
    /// # Errors
    /// Of the texts before it: [`Error::Busy`], [`Error::Argument`] where no dictionary can be trained on the first
    /// batch or others have written to `dir`, [`Error::Io`]; then nothing more is stored.
    pub fn push(&mut self, text: &str) -> Result<()> {
        let len = text.len() as i64;
        self.push_bytes(text.as_bytes(), len, &[len])
    }
}

impl Writer<Dense> {
    /// Appends rows of the given shape to the array in `dir`, which is created if it does not exist. The mode, the
    /// access pattern and the layout of `options` are ignored.
    ///
    /// ```
    /// use mmap_ninja::{Dense, Dtype, Element, Mode, Options, stream::Writer};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("vectors");
    /// let mut rows = Writer::dense(&path, &Options::default(), &Dtype::of::<f32>(), &[3])?;
    /// rows.push(Element::bytes(&[1_f32, 2.0, 3.0]))?;
    /// rows.finish()?;
    /// assert_eq!(Dense::open(&path, Mode::ReadOnly)?.shape(), [1, 3]);
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where the array has another dtype; [`Error::Shape`] where its rows have another shape, or
    /// it is in F order; [`Error::WrongKind`]; [`Error::Corrupt`]; [`Error::Io`].
    pub fn dense(dir: impl AsRef<Path>, options: &Options, dtype: &Dtype, shape: &[u64]) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let present = open_dense(&dir)?;
        let stored = present.as_ref().map_or(Ok(0), |present| rows_of(&dir, present, dtype, shape))?;
        let blocks = BlockWriter::new(&dir, stored, DEFAULT_BATCH, false);
        let row = shape.iter().map(|&axis| axis.cast_signed()).collect();
        let sink = DenseSink::new(&dir, options, dtype.clone(), shape.to_vec(), present);
        let mut writer = Self::over(dir, blocks, Box::new(sink), dtype.clone());
        writer.row = row;
        Ok(writer)
    }

    /// Adds a row: its elements in C order.
    ///
    /// # Errors
    /// [`Error::Shape`] where the bytes do not fill a row. Of the rows before it: [`Error::Busy`],
    /// [`Error::Argument`] where others have written to `dir`, [`Error::Io`]; then nothing more is stored.
    pub fn push(&mut self, row: &[u8]) -> Result<()> {
        let shape = self.row.clone();
        self.push_checked(Sample { bytes: row, shape: &shape })
    }
}

impl<S> Writer<S> {
    pub(super) fn over(dir: PathBuf, blocks: BlockWriter, sink: Box<dyn Sink>, dtype: Dtype) -> Self {
        Self { blocks, sink: Some(sink), dir, fields: Vec::new(), dtype, row: Vec::new(), store: PhantomData }
    }

    pub(super) fn with_fields(mut self, fields: Vec<String>) -> Self {
        self.fields = fields;
        self
    }

    /// Ends a batch after that many samples, by default 1024. It ends earlier where samples are large, but for the
    /// batch that a dictionary is trained on.
    ///
    /// # Panics
    /// Where `batch_size` is 0.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        assert!(batch_size > 0, "a batch has at least one sample");
        self.blocks.set_batch_size(batch_size);
        self
    }

    /// The number of samples that are stored: those that were in the directory before, and whole batches.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.blocks.stored()
    }

    /// Stores the last batch and waits until everything is written; returns the number of samples in the dataset.
    ///
    /// # Errors
    /// As `push`.
    pub fn finish(mut self) -> Result<usize> {
        if !self.blocks.is_empty() {
            self.send()?;
        }
        while self.blocks.is_writing() {
            self.blocks.wait(Duration::MAX)?;
        }
        Ok(self.blocks.stored())
    }

    fn push_checked(&mut self, sample: Sample) -> Result<()> {
        let elements = EncodedBatch::encode(&self.dir, self.blocks.next_index(), &self.dtype, &[sample])?.elements();
        self.push_bytes(sample.bytes, elements, sample.shape)
    }

    fn push_bytes(&mut self, bytes: &[u8], elements: i64, shape: &[i64]) -> Result<()> {
        if self.blocks.must_send_before(bytes.len()) {
            self.send()?;
        }
        let copied = self.blocks.push(0, bytes, elements, shape);
        copied.map_err(|error| no_memory(&self.dir, error))?;
        self.blocks.end_sample();
        if self.blocks.is_full() { self.send() } else { Ok(()) }
    }

    pub(super) fn send(&mut self) -> Result<()> {
        let sink = &mut self.sink;
        self.blocks.send(|_| sink.take().ok_or_else(|| ended(&self.dir)))?;
        while self.blocks.is_backlogged() {
            self.blocks.wait(Duration::MAX)?;
        }
        Ok(())
    }
}

impl<S> Drop for Writer<S> {
    /// Writes what needs no waiting for other writers.
    fn drop(&mut self) {
        self.blocks.stop();
    }
}

impl<S> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("dir", &self.dir).field("stored", &self.stored()).finish_non_exhaustive()
    }
}

/// The rows of an array, if others of this dtype and shape can follow them.
fn rows_of(dir: &Path, present: &Dense, dtype: &Dtype, shape: &[u64]) -> Result<usize> {
    super::resume::check_dtype(dir, present.dtype(), dtype)?;
    let (rows, axes) = (present.shape()[0], &present.shape()[1..]);
    if axes != shape {
        let what = format!("{}: rows of shape {shape:?} cannot follow rows of shape {axes:?}", dir.display());
        return Err(Error::Shape { what });
    }
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

fn ended(dir: &Path) -> Error {
    Error::Argument { what: format!("{}: this build has failed and takes no more samples", dir.display()) }
}

pub(super) fn no_memory(dir: &Path, error: TryReserveError) -> Error {
    Error::Io { path: dir.to_owned(), source: io::Error::new(io::ErrorKind::OutOfMemory, error) }
}
