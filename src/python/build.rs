//! Long builds and joins. `_build` drives them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::options::PyOptions;
use crate::dense::Dense;
use crate::fork::OwnerPid;
use crate::format::Order;
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::schema;
use crate::stream::check_exclusive;
use crate::txn::BuildSession;

/// A dataset that is being built, by one builder at a time.
#[pyclass(frozen, name = "BuildSession", module = "mmap_ninja._core")]
pub struct PyBuildSession {
    inner: Mutex<Option<BuildSession>>,
    partial: PathBuf,
    options: Options,
    owner: OwnerPid,
}

#[pymethods]
impl PyBuildSession {
    #[new]
    fn new(py: Python<'_>, out_dir: PathBuf, options: &PyOptions, resume: bool) -> PyResult<Self> {
        let options = options.get().clone();
        let session = py.detach(|| BuildSession::begin_with(&out_dir, resume, options.clone()))?;
        let partial = session.partial().to_owned();
        Ok(Self { inner: Mutex::new(Some(session)), partial, options, owner: OwnerPid::current() })
    }

    /// The build of the field `name` of the records in `out_dir`.
    #[staticmethod]
    fn field(
        py: Python<'_>,
        out_dir: PathBuf,
        name: &str,
        shape: Option<Vec<i64>>,
        options: &PyOptions,
        resume: bool,
    ) -> PyResult<Self> {
        let options = options.get().clone();
        let session = py.detach(|| BuildSession::begin_field(&out_dir, name, shape, resume, options.clone()))?;
        let partial = session.partial().to_owned();
        Ok(Self { inner: Mutex::new(Some(session)), partial, options, owner: OwnerPid::current() })
    }

    /// The directory in which the dataset grows.
    #[getter]
    fn partial(&self) -> PathBuf {
        self.partial.clone()
    }

    /// False in a child that was forked during the build.
    #[getter]
    fn is_owner(&self) -> bool {
        self.owner.is_current()
    }

    /// A hidden directory for shards, which is removed when the build ends.
    fn scratch(&self) -> PyResult<PathBuf> {
        let mut session = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(session.as_mut().ok_or_else(ended)?.scratch()?.to_owned())
    }

    /// Raises `ValueError` if the build does not hold exactly the samples that its builder has stored.
    fn check_exclusive(&self, py: Python<'_>, stored: usize) -> PyResult<()> {
        Ok(py.detach(|| check_exclusive(&self.partial, &self.options, stored))?)
    }

    /// Puts the dataset in its place. An empty build leaves everything as it is.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let session = self.end()?;
        Ok(py.detach(|| session.finish())?)
    }

    /// Leaves what is stored for another builder to resume.
    fn suspend(&self) -> PyResult<()> {
        Ok(self.end()?.suspend()?)
    }

    /// Removes what is stored.
    fn discard(&self) -> PyResult<()> {
        Ok(self.end()?.discard()?)
    }
}

impl PyBuildSession {
    fn end(&self) -> PyResult<BuildSession> {
        self.owner.check_build(&self.partial)?;
        let session = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        session.ok_or_else(ended)
    }
}

pub fn ended() -> PyErr {
    PyValueError::new_err("this build has ended")
}

/// Appends the rows of the array in `source` to the one in `out_dir`, which is created if it does not exist.
#[pyfunction]
pub fn join_dense(py: Python<'_>, out_dir: PathBuf, source: PathBuf, options: &PyOptions) -> PyResult<()> {
    Ok(py.detach(|| {
        let source = Dense::open(&source, Mode::ReadOnly)?;
        open_for_rows(&out_dir, options.get(), &source, source.order())?.join(&source)
    })?)
}

/// The array in `out_dir`, which is created if it does not exist, for rows like those of `source`.
pub fn open_for_rows(out_dir: &Path, options: &Options, source: &Dense, order: Order) -> crate::Result<Dense> {
    let options = Options { mode: Mode::ReadOnly, ..options.clone() };
    if schema::kind_of(out_dir)?.is_none() {
        let mut shape = source.shape().to_vec();
        shape.first_mut().into_iter().for_each(|rows| *rows = 0);
        Dense::create_zeros_with(out_dir, &options, source.dtype(), &shape, order)?;
    }
    Dense::open_with(out_dir, options)
}
