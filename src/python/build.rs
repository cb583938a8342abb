//! Long builds and joins: `_build.py` drives them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::options::parse_commit;
use crate::dense::Dense;
use crate::io::mapping::Mode;
use crate::io::untrusted;
use crate::txn::BuildSession;

/// A data set under construction, by one builder at a time.
#[pyclass(frozen, name = "BuildSession", module = "mmap_ninja._core")]
pub struct PyBuildSession {
    inner: Mutex<Option<BuildSession>>,
    partial: PathBuf,
}

#[pymethods]
impl PyBuildSession {
    #[new]
    fn new(py: Python<'_>, out_dir: PathBuf, resume: bool, durability: &str, timeout: f64) -> PyResult<Self> {
        let options = parse_commit(durability, timeout)?;
        let construction = py.detach(|| BuildSession::begin_with(&out_dir, resume, options))?;
        let partial = construction.partial().to_owned();
        Ok(Self { inner: Mutex::new(Some(construction)), partial })
    }

    /// Where the samples go meanwhile.
    #[getter]
    fn partial(&self) -> PathBuf {
        self.partial.clone()
    }

    /// A hidden directory for what is to be joined, which goes with the build.
    fn scratch(&self) -> PyResult<PathBuf> {
        let mut construction = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(construction.as_mut().ok_or_else(ended)?.scratch()?.to_owned())
    }

    /// Puts what was built in its place; an empty build leaves everything as it is.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let construction = self.take()?;
        Ok(py.detach(|| construction.finish())?)
    }

    /// Leaves what was built where it is, for another builder to go on with, or removes it if it is not to `keep`.
    fn abandon(&self, keep: bool) -> PyResult<()> {
        let construction = self.take()?;
        Ok(if keep { construction.abandon() } else { construction.discard() }?)
    }
}

impl PyBuildSession {
    fn take(&self) -> PyResult<BuildSession> {
        let construction = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        construction.ok_or_else(ended)
    }
}

fn ended() -> PyErr {
    PyValueError::new_err("this build has ended")
}

/// Appends the rows of the array in `source` to the one in `out_dir`, which comes into being if need be.
#[pyfunction]
pub fn join_dense(py: Python<'_>, out_dir: PathBuf, source: PathBuf) -> PyResult<()> {
    Ok(py.detach(|| {
        let source = Dense::open(&source, Mode::ReadOnly)?;
        if storage::kind_of(&out_dir)?.is_none() {
            let mut shape = source.shape().to_vec();
            shape.first_mut().into_iter().for_each(|rows| *rows = 0);
            Dense::create_zeros(&out_dir, source.dtype(), &shape, source.order())?;
        }
        Dense::open(&out_dir, Mode::ReadOnly)?.join(&source)
    })?)
}
