//! Long builds from samples that come one after another. `_build` drives them.

mod encoder;
mod fields;
mod row_encoder;
mod target;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyException, PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::encoder::{DtypePair, Encoded, RaggedEncoder, SampleEncoder, TextEncoder, asked_dtype, stored_dtype};
use self::fields::{Declared, decide_kind, trailing};
pub use self::fields::{Fields, RecordEncoder};
use self::row_encoder::RowEncoder;
use self::target::Target;
use super::build::ended;
use super::callback;
use super::options::{PyOptions, Zstd, compression};
use super::samples::place;
use crate::dense::Dense;
use crate::format::Kind;
use crate::paths::absolute;
use crate::ragged::Ragged;
use crate::records::Form;
use crate::schema::kind_of;
use crate::stream::blocks::BlockWriter;
use crate::stream::resume::{open_dense, open_ragged, open_records, open_strings};

/// The longest time between two runs of signal handlers while blocks are being written.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(50);
/// Other Python threads may run while a sample of more bytes is copied.
const LARGE: usize = 256 << 10;
/// Bytes of records that wait for the dtype of a field, all of whose samples so far were lists without elements.
const MAX_UNDECIDED: usize = 64 << 20;

/// A dataset that grows by the samples of an iterable. To open one for another kind of sample, dtype, compression or
/// names than those that it has is a `ValueError`.
#[pyclass(frozen, name = "Stream", module = "mmap_ninja._core")]
pub struct PyStream {
    parts: Mutex<Option<(Fields, Target)>>,
    /// The path that the dataset will have, for messages.
    dir: PathBuf,
    stored: AtomicUsize,
}

#[pymethods]
impl PyStream {
    /// Samples of any shape.
    #[staticmethod]
    fn ragged(
        py: Python<'_>,
        out_dir: PathBuf,
        options: &PyOptions,
        dtype: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let asked = dtype.map(|dtype| asked_dtype(py, dtype, || out_dir.display().to_string())).transpose()?;
        Self::of_arrays(py, &out_dir, finished_path(&out_dir), options, asked, None)
    }

    /// Texts.
    #[staticmethod]
    fn strings(out_dir: PathBuf, options: &PyOptions, zstd: Zstd) -> PyResult<Self> {
        Self::of_texts(&out_dir, finished_path(&out_dir), options, zstd)
    }

    /// Rows of one dense array.
    #[staticmethod]
    fn dense(py: Python<'_>, out_dir: PathBuf, options: &PyOptions) -> PyResult<Self> {
        let dir = finished_path(&out_dir);
        Self::of_rows(py, out_dir, options, |dtype, row| RowEncoder::new(dir, dtype, row))
    }

    /// The samples of a field whose first one is `sample`. `declared` says more about it, as in `records`.
    #[staticmethod]
    fn field(
        py: Python<'_>,
        out_dir: PathBuf,
        options: &PyOptions,
        sample: &Bound<'_, PyAny>,
        declared: Option<Declared<'_>>,
    ) -> PyResult<Self> {
        let (asked_kind, asked, shape, zstd) = declared.unwrap_or_default();
        let dir = unhidden(finished_path(&out_dir));
        let kind = match kind_of(&out_dir)? {
            Some(kind) => kind,
            None => decide_kind(&dir, 0, sample, asked_kind.as_deref(), asked.as_ref())?,
        };
        let asked = asked.map(|dtype| asked_dtype(py, dtype, || dir.display().to_string())).transpose()?;
        match kind {
            Kind::String => Self::of_texts(&out_dir, dir, options, zstd),
            Kind::Ragged => Self::of_arrays(py, &out_dir, dir, options, asked, trailing(shape.as_deref())),
            _ => Self::of_rows(py, out_dir, options, |dtype, row| {
                RowEncoder::of_first(dir, dtype.or(asked), row.or(shape))
            }),
        }
    }

    /// Records: dictionaries with a value for every field. `fields` declares fields by name, each as the kind, the dtype, the
    /// shape and the zstd options, or None for what the first value decides.
    #[staticmethod]
    fn records(py: Python<'_>, out_dir: PathBuf, options: &PyOptions, fields: &Bound<'_, PyDict>) -> PyResult<Self> {
        let dir = absolute(&out_dir)?;
        let store = open_records(&dir, options.get())?;
        let dir = finished_path(&dir);
        let encoder = Fields::Records(RecordEncoder::new(py, &store.view, &dir, fields)?);
        let stored = AtomicUsize::new(store.len());
        Ok(Self { parts: Mutex::new(Some((encoder, Target::Records(store)))), dir, stored })
    }

    /// The number of stored samples.
    #[getter]
    fn stored(&self) -> usize {
        self.stored.load(Ordering::Relaxed)
    }

    /// Stores all samples of an iterable, each batch while the next one is being made. A batch ends after `batch_size`
    /// samples, or earlier if they are large. After an error, whole batches stay stored.
    fn extend(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, batch_size: usize) -> PyResult<()> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut writer = StreamWriter::new(&self.dir, self.stored(), parts.ok_or_else(ended)?, batch_size);
        let pushed = writer.push_all(py, samples);
        if pushed.as_ref().is_err_and(|error| !error.is_instance_of::<PyException>(py)) {
            writer.blocks.stop();
        }
        let written = writer.finish(py);
        self.stored.store(writer.blocks.stored(), Ordering::Relaxed);
        pushed.and(written)
    }
}

impl PyStream {
    fn of_texts(out_dir: &Path, dir: PathBuf, options: &PyOptions, zstd: Zstd) -> PyResult<Self> {
        let compression = compression(zstd);
        let store = open_strings(out_dir, options.get(), compression)?;
        let encoder = TextEncoder::new(dir.clone(), compression, store.len());
        Ok(Self::of(dir, store.len(), encoder, Target::Strings(store)))
    }

    fn of_arrays(
        py: Python<'_>,
        out_dir: &Path,
        dir: PathBuf,
        options: &PyOptions,
        asked: Option<DtypePair>,
        trailing: Option<Vec<i64>>,
    ) -> PyResult<Self> {
        let store = open_ragged(out_dir, options.get(), asked.as_ref().map(|(_, dtype)| dtype))?;
        check_stored_axes(&store, trailing.as_deref())?;
        let stored = store.dtype().map(|dtype| stored_dtype(py, dtype)).transpose()?;
        let encoder = RaggedEncoder::new(dir.clone(), stored.or(asked), trailing);
        Ok(Self::of(dir, store.len(), encoder, Target::Ragged(store)))
    }

    /// `encoder` makes that of rows of the stored dtype and axes.
    fn of_rows(
        py: Python<'_>,
        out_dir: PathBuf,
        options: &PyOptions,
        encoder: impl FnOnce(Option<DtypePair>, Option<Vec<i64>>) -> RowEncoder,
    ) -> PyResult<Self> {
        let store = open_dense(&out_dir)?;
        let dtype = store.as_ref().map(|store| stored_dtype(py, store.dtype())).transpose()?;
        let axes = |axes: &[u64]| axes.iter().map(|axis| axis.cast_signed()).collect();
        let row = store.as_ref().map(|store| axes(&store.shape()[1..]));
        let stored = store.as_ref().map_or(0, Dense::rows);
        let dir = finished_path(&out_dir);
        let target = Target::Dense { dir: out_dir, options: options.get().clone(), store };
        Ok(Self::of(dir, stored, encoder(dtype, row), target))
    }

    fn of(dir: PathBuf, stored: usize, encoder: impl SampleEncoder + 'static, target: Target) -> Self {
        let parts = Mutex::new(Some((Fields::Single(Box::new(encoder)), target)));
        Self { parts, dir, stored: AtomicUsize::new(stored) }
    }
}

/// The path of the dataset that grows in `partial`, as far as the name tells: that of a long name is shortened.
fn finished_path(partial: &Path) -> PathBuf {
    let name = partial.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".partial"));
    name.map_or_else(|| partial.to_owned(), |name| partial.with_file_name(name))
}

/// The path of a field that grows in a hidden directory.
fn unhidden(dir: PathBuf) -> PathBuf {
    let name = dir.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('.'));
    name.map(|name| dir.with_file_name(name)).unwrap_or(dir)
}

/// Checks the samples that an interrupted build has left against the fixed axes that are declared now.
fn check_stored_axes(store: &Ragged, trailing: Option<&[i64]>) -> PyResult<()> {
    let Some(trailing) = trailing else { return Ok(()) };
    for index in 0..store.len() {
        let found = store.get(index)?.shape;
        if found.get(1..) != Some(trailing) {
            let place = place(&store.view.dir, index);
            return Err(PyValueError::new_err(format!(
                "{place} is stored with the shape {found:?}; the declaration is another than before"
            )));
        }
    }
    Ok(())
}

/// Encodes samples, fills blocks with them, and runs signal handlers while it waits.
struct StreamWriter {
    fields: Fields,
    /// Where the blocks go, until the first is sent.
    target: Option<Target>,
    blocks: BlockWriter,
    dir: PathBuf,
    /// Bytes of all samples so far.
    pushed: usize,
    /// Whether all dtypes are known.
    is_decided: bool,
}

impl StreamWriter {
    fn new(dir: &Path, stored: usize, (fields, target): (Fields, Target), batch_size: usize) -> Self {
        // Of records, only the first one tells.
        let needs_whole = matches!(fields, Fields::Records(_)) && stored == 0 || fields.needs_whole_first_batch();
        let blocks = BlockWriter::new(dir, stored, batch_size, needs_whole);
        Self { fields, target: Some(target), blocks, dir: dir.to_owned(), pushed: 0, is_decided: false }
    }

    fn push_all(&mut self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<()> {
        let samples = samples.try_iter()?;
        while let Some(sample) = callback::next(&samples)? {
            self.push(py, &sample)?;
            self.check_signals(py)?;
        }
        if self.blocks.is_empty() {
            return Ok(());
        }
        self.fields.decide(py);
        self.send(py)
    }

    fn push(&mut self, py: Python<'_>, sample: &Bound<'_, PyAny>) -> PyResult<()> {
        let index = self.blocks.next_index();
        match &mut self.fields {
            Fields::Single(encoder) => {
                let column = encoder.encode(sample, index)?;
                self.push_columns(py, &[column])
            }
            Fields::Records(records) => {
                let values = records.values(sample, index)?;
                let columns = records.encode(&values, index)?;
                self.push_columns(py, &columns)
            }
        }
    }

    /// Copies one sample: a column, or one for every field.
    fn push_columns(&mut self, py: Python<'_>, columns: &[Encoded]) -> PyResult<()> {
        let size = columns.iter().map(|column| column.parts().0.len()).sum();
        self.is_decided = self.is_decided || !self.fields.is_undecided();
        if self.blocks.must_send_before(size) && self.is_decided {
            self.send(py)?;
        }
        let blocks = &mut self.blocks;
        for (number, column) in columns.iter().enumerate() {
            let (bytes, elements, shape) = column.parts();
            let mut copy = || blocks.push(number, bytes, elements, shape);
            let copied = if bytes.len() < LARGE { copy() } else { py.detach(copy) };
            copied.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        }
        self.blocks.end_sample();
        self.pushed = self.pushed.saturating_add(size);
        if self.is_decided {
            return if self.blocks.is_full() { self.send(py) } else { Ok(()) };
        }
        self.check_undecided()
    }

    /// Refuses to keep ever more records in memory until a field decides its dtype.
    fn check_undecided(&self) -> PyResult<()> {
        let Some(name) = self.fields.undecided_name().filter(|_| self.pushed > MAX_UNDECIDED) else {
            return Ok(());
        };
        let (dir, count) = (self.dir.display(), self.blocks.next_index());
        let what = format!(
            "{dir}: the first {count} samples of the field '{name}' are lists without elements, which have no dtype: declare it, as in fields={{'{name}': np.float32}}"
        );
        Err(PyValueError::new_err(what))
    }

    /// Sends the block to be written, and waits until there is room for more.
    fn send(&mut self, py: Python<'_>) -> PyResult<()> {
        let Self { fields, target, blocks, .. } = self;
        blocks.send(|first| {
            let forms: Vec<Form> = fields.forms(py, first)?;
            target.take().ok_or_else(ended)?.sink(fields.specs(), forms)
        })?;
        while self.blocks.is_backlogged() {
            py.detach(|| self.blocks.wait(BETWEEN_SIGNALS))?;
            self.check_signals(py)?;
        }
        Ok(())
    }

    /// Waits until nothing is being written any more, even if a signal handler raises an exception.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        let (mut signalled, mut written) = (Ok(()), Ok(()));
        while self.blocks.is_writing() {
            written = py.detach(|| self.blocks.wait(BETWEEN_SIGNALS));
            signalled = signalled.and_then(|()| self.check_signals(py));
        }
        signalled.and(written.map_err(PyErr::from))
    }

    /// Runs signal handlers. If one raises an exception, other writers are no longer waited for.
    fn check_signals(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals().inspect_err(|_| self.blocks.stop())
    }
}
