//! Long builds from samples that come one after another. `_build` drives them.

mod encoder;
mod row_encoder;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;

use self::encoder::{RaggedEncoder, SampleEncoder, TextEncoder};
use self::row_encoder::RowEncoder;
use super::build::ended;
use super::callback;
use super::options::{PyOptions, Zstd, compression};
use crate::stream::blocks::BlockWriter;

/// The longest time between two runs of signal handlers while blocks are being written.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(50);
/// Other Python threads may run while a sample of more bytes is copied.
const LARGE: usize = 256 << 10;

/// A dataset that grows by the samples of an iterable. To open one for another kind of sample, dtype, compression or
/// names than those that it has is a `ValueError`.
#[pyclass(frozen, name = "Stream", module = "mmap_ninja._core")]
pub struct PyStream {
    encoder: Mutex<Option<Box<dyn SampleEncoder>>>,
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
        Ok(Self::of(RaggedEncoder::open(py, out_dir, options.get(), dtype)?))
    }

    /// Texts.
    #[staticmethod]
    fn strings(out_dir: PathBuf, options: &PyOptions, zstd: Zstd) -> PyResult<Self> {
        Ok(Self::of(TextEncoder::open(out_dir, options.get(), compression(zstd))?))
    }

    /// Rows of one dense array.
    #[staticmethod]
    fn dense(py: Python<'_>, out_dir: PathBuf, options: &PyOptions) -> PyResult<Self> {
        Ok(Self::of(RowEncoder::open(py, out_dir, options.get().clone())?))
    }

    /// The number of stored samples.
    #[getter]
    fn stored(&self) -> usize {
        self.stored.load(Ordering::Relaxed)
    }

    /// Stores all samples of an iterable, each batch while the next one is being made. A batch ends after `batch_size`
    /// samples, or earlier if they are large. After an error, whole batches stay stored.
    fn extend(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, batch_size: usize) -> PyResult<()> {
        let encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut writer = StreamWriter::new(encoder.ok_or_else(ended)?, batch_size);
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
    fn of(encoder: impl SampleEncoder + 'static) -> Self {
        let stored = AtomicUsize::new(encoder.stored());
        Self { encoder: Mutex::new(Some(Box::new(encoder))), stored }
    }
}

/// Encodes samples, fills blocks with them, and runs signal handlers while it waits.
struct StreamWriter {
    encoder: Box<dyn SampleEncoder>,
    blocks: BlockWriter,
    /// The shapes of the first samples, which have no elements, until another one decides the dtype.
    undecided: Vec<Vec<i64>>,
}

impl StreamWriter {
    fn new(encoder: Box<dyn SampleEncoder>, batch_size: usize) -> Self {
        let needs_whole = encoder.needs_whole_first_batch();
        let blocks = BlockWriter::new(encoder.dir(), encoder.stored(), batch_size, needs_whole);
        Self { encoder, blocks, undecided: Vec::new() }
    }

    fn push_all(&mut self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<()> {
        let samples = samples.try_iter()?;
        while let Some(sample) = callback::next(&samples)? {
            self.push(py, &sample)?;
            self.check_signals(py)?;
        }
        if !self.undecided.is_empty() {
            self.encoder.decide(py)?;
            self.push_undecided(py)?;
        }
        if self.blocks.is_empty() { Ok(()) } else { self.send(py) }
    }

    fn push(&mut self, py: Python<'_>, sample: &Bound<'_, PyAny>) -> PyResult<()> {
        let index = self.blocks.next_index() + self.undecided.len();
        let encoded = self.encoder.encode(sample, index)?;
        let (bytes, elements, shape) = encoded.parts();
        if self.encoder.is_undecided() {
            self.undecided.push(shape.to_vec());
            return Ok(());
        }
        self.push_undecided(py)?;
        self.push_parts(py, bytes, elements, shape)
    }

    /// Pushes the samples that have waited for the dtype.
    fn push_undecided(&mut self, py: Python<'_>) -> PyResult<()> {
        std::mem::take(&mut self.undecided).iter().try_for_each(|shape| self.push_parts(py, &[], 0, shape))
    }

    fn push_parts(&mut self, py: Python<'_>, bytes: &[u8], elements: i64, shape: &[i64]) -> PyResult<()> {
        if self.blocks.must_send_before(bytes.len()) {
            self.send(py)?;
        }
        let blocks = &mut self.blocks;
        let copied = if bytes.len() < LARGE {
            blocks.push(bytes, elements, shape)
        } else {
            py.detach(|| blocks.push(bytes, elements, shape))
        };
        copied.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        if self.blocks.is_full() { self.send(py) } else { Ok(()) }
    }

    /// Sends the block to be written, and waits until there is room for more.
    fn send(&mut self, py: Python<'_>) -> PyResult<()> {
        let encoder = &mut self.encoder;
        self.blocks.send(|first| encoder.sink(py, first))?;
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
