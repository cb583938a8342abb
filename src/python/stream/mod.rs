//! Long builds from samples that come one after another: `_build.py` drives them.

mod intake;
mod rows;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyException, PyMemoryError, PyValueError};
use pyo3::prelude::*;

use self::intake::{ArrayIntake, Intake, TextIntake};
use self::rows::RowIntake;
use super::callback;
use super::options::parse_commit;
use super::strings;
use crate::compression::Compression;
use crate::options::Options;
use crate::schema::MemberNames;
use crate::stream::{BackgroundWriter, Block};

/// Signal handlers run at least so often while a block is being written.
const PATIENCE: Duration = Duration::from_millis(50);
/// Other threads of Python may go on while a larger sample is copied.
const LARGE: usize = 256 << 10;

/// A data set that grows by what an iterator yields.
#[pyclass(frozen, name = "Stream", module = "mmap_ninja._core")]
pub struct PyStream {
    intake: Mutex<Option<Box<dyn Intake>>>,
    stored: AtomicUsize,
}

#[pymethods]
impl PyStream {
    /// Samples of any shape.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "the options of RaggedMmap, which Python names one by one")]
    fn ragged(
        py: Python<'_>,
        out_dir: PathBuf,
        dtype: Option<Bound<'_, PyAny>>,
        starts_key: String,
        ends_key: String,
        shapes_key: String,
        flattened_shapes_key: String,
        durability: &str,
        timeout: f64,
    ) -> PyResult<Self> {
        let names = MemberNames {
            starts: starts_key,
            ends: ends_key,
            shapes: shapes_key,
            flattened_shapes: flattened_shapes_key,
        };
        let options = Options { names, ..parse_commit(durability, timeout)? };
        Ok(Self::of(ArrayIntake::open(py, out_dir, options, dtype)?))
    }

    /// Texts.
    #[staticmethod]
    fn strings(
        out_dir: PathBuf,
        starts_key: String,
        ends_key: String,
        zstd_level: Option<i32>,
        zstd_train_dictionary_size: Option<usize>,
        durability: &str,
        timeout: f64,
    ) -> PyResult<Self> {
        let compression = zstd_level.map(|level| Compression { level, dict_size: zstd_train_dictionary_size });
        let names = strings::names(starts_key, ends_key);
        let options = Options { names, ..parse_commit(durability, timeout)? };
        Ok(Self::of(TextIntake::open(out_dir, options, compression)?))
    }

    /// Rows of one dense array.
    #[staticmethod]
    fn dense(py: Python<'_>, out_dir: PathBuf, durability: &str, timeout: f64) -> PyResult<Self> {
        Ok(Self::of(RowIntake::open(py, out_dir, parse_commit(durability, timeout)?)?))
    }

    /// Samples that are stored.
    #[getter]
    fn stored(&self) -> usize {
        self.stored.load(Ordering::Relaxed)
    }

    /// Stores all samples that an iterable yields, each batch while the next one is being made. A batch ends after
    /// `batch_size` samples, or earlier where they are large. An error leaves whole batches stored.
    fn extend(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, batch_size: usize) -> PyResult<()> {
        let intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner).take();
        let intake = intake.ok_or_else(ended)?;
        let mut flow = Flow::new(intake, batch_size);
        let taken = flow.take_all(py, samples);
        if taken.as_ref().is_err_and(|error| !error.is_instance_of::<PyException>(py)) {
            flow.stop();
        }
        let written = flow.finish(py);
        self.stored.fetch_add(flow.background.as_ref().map_or(0, BackgroundWriter::stored), Ordering::Relaxed);
        taken.and(written)
    }
}

impl PyStream {
    fn of(intake: impl Intake + 'static) -> Self {
        let stored = AtomicUsize::new(intake.stored());
        Self { intake: Mutex::new(Some(Box::new(intake))), stored }
    }
}

/// Samples on their way.
struct Flow {
    intake: Box<dyn Intake>,
    batch_size: usize,
    /// The index of the next sample.
    next: usize,
    /// What is being filled.
    block: Block,
    background: Option<BackgroundWriter>,
    /// The process that builds.
    home: u32,
}

impl Flow {
    fn new(intake: Box<dyn Intake>, batch_size: usize) -> Self {
        let next = intake.stored();
        Self { intake, batch_size, next, block: Block::default(), background: None, home: std::process::id() }
    }

    fn take_all(&mut self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<()> {
        let samples = samples.try_iter()?;
        while let Some(sample) = callback::next(&samples)? {
            self.take(py, &sample)?;
            self.check_signals(py)?;
        }
        if self.block.len() > 0 { self.pass_on(py) } else { Ok(()) }
    }

    fn take(&mut self, py: Python<'_>, sample: &Bound<'_, PyAny>) -> PyResult<()> {
        let held = self.intake.take(sample, self.next)?;
        let (bytes, elements, shape) = held.parts();
        if !self.block.has_room(bytes.len()) && !self.must_be_whole() {
            self.pass_on(py)?;
        }
        let block = &mut self.block;
        let copied = if bytes.len() < LARGE {
            block.push(bytes, elements, shape)
        } else {
            py.detach(|| block.push(bytes, elements, shape))
        };
        copied.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        self.next += 1;
        if self.block.len() == self.batch_size { self.pass_on(py) } else { Ok(()) }
    }

    /// Whether the block that is being filled decides on those that follow.
    fn must_be_whole(&self) -> bool {
        self.background.is_none() && self.intake.learns_from_first()
    }

    /// Has the block written, and takes another one to be filled.
    fn pass_on(&mut self, py: Python<'_>) -> PyResult<()> {
        let background = if let Some(background) = &mut self.background {
            background
        } else {
            let sink = self.intake.sink(py, &mut self.block)?;
            self.background.insert(BackgroundWriter::start(self.intake.dir(), sink, self.home)?)
        };
        self.block = background.send(std::mem::take(&mut self.block))?;
        self.wait(py)
    }

    /// Waits until there is room for more.
    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        while let Some(background) = self.background.as_mut().filter(|background| background.is_backlogged()) {
            py.detach(|| background.wait(PATIENCE))?;
            self.check_signals(py)?;
        }
        Ok(())
    }

    /// Waits until nothing is being written any more, even if a signal handler raises an exception meanwhile.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        let (mut signalled, mut written) = (Ok(()), Ok(()));
        while let Some(background) = self.background.as_mut().filter(|background| background.is_writing()) {
            written = py.detach(|| background.wait(PATIENCE));
            signalled = signalled.and_then(|()| self.check_signals(py));
        }
        signalled.and(written.map_err(PyErr::from))
    }

    /// Runs signal handlers. Who is told to stop by one does not wait for other writers.
    fn check_signals(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals().inspect_err(|_| self.stop())
    }

    fn stop(&self) {
        if let Some(background) = &self.background {
            background.stop();
        }
    }
}

fn ended() -> PyErr {
    PyValueError::new_err("this build has ended")
}
