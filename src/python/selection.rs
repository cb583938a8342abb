//! Choosing samples of a dataset, to be copied to another.

use std::path::PathBuf;

use numpy::PyArray1;
use pyo3::prelude::*;

use super::build::open_for_rows;
use super::index;
use super::options::PyOptions;
use crate::dense::Dense;
use crate::error::Error;
use crate::format::Order;
use crate::io::mapping::Mode;
use crate::memory;

/// The positions that `indices` selects among the `len` samples of the dataset in `out_dir`, int64.
#[pyfunction]
pub fn positions<'py>(
    out_dir: PathBuf,
    len: usize,
    indices: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let absent = |index| Error::OutOfRange { path: out_dir.clone(), index, len };
    let positions = index::batch(indices, len, absent)?;
    let values = memory::collect(&out_dir, positions.into_iter().map(|index| index as i64))?;
    Ok(PyArray1::from_vec(indices.py(), values))
}

/// The rows of a stored array, as they were when it was opened.
#[pyclass(frozen, name = "Rows", module = "mmap_ninja._core")]
pub struct PyRows {
    dir: PathBuf,
    array: Dense,
}

#[pymethods]
impl PyRows {
    #[new]
    fn new(py: Python<'_>, out_dir: PathBuf) -> PyResult<Self> {
        let array = py.detach(|| Dense::open(&out_dir, Mode::ReadOnly))?;
        Ok(Self { dir: out_dir, array })
    }

    fn __len__(&self) -> usize {
        self.array.rows()
    }

    /// Appends the rows at `indices` to the array in `out_dir`, which is created in C order if it does not exist.
    fn copy_to(
        &self,
        py: Python<'_>,
        out_dir: PathBuf,
        indices: &Bound<'_, PyAny>,
        options: &PyOptions,
    ) -> PyResult<()> {
        let len = self.array.rows();
        let absent = |index| Error::OutOfRange { path: self.dir.clone(), index, len };
        let indices = index::batch(indices, len, absent)?;
        Ok(py.detach(|| {
            let mut target = open_for_rows(&out_dir, options.get(), &self.array, Order::C)?;
            target.extend_from(&self.array, indices.iter().copied())
        })?)
    }
}
