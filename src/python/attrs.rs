//! Attributes, as JSON texts.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::options::PyOptions;
use crate::attrs;

/// The attributes of the dataset in `out_dir`, as JSON; None if there are none.
#[pyfunction]
pub fn read_attrs(py: Python<'_>, out_dir: PathBuf) -> PyResult<Option<String>> {
    Ok(py.detach(|| attrs::read_text(&out_dir))?)
}

/// Replaces the attributes of the dataset in `out_dir` by those in `text`.
#[pyfunction]
pub fn write_attrs(py: Python<'_>, out_dir: PathBuf, text: &str, options: &PyOptions) -> PyResult<()> {
    Ok(py.detach(|| attrs::write_text(&out_dir, options.get(), text))?)
}
