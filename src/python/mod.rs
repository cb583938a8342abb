//! The extension module `mmap_ninja._core`: conversions between Python and the stores, and nothing that decides
//! about bytes.

mod array;
mod batches;
mod dense;
mod dtype;
mod error;
mod index;
mod mode;
mod ragged;
mod samples;
mod strings;

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::commit;

/// Puts a finished data set in the directory `build` at `out_dir`, in exchange for what is there.
#[pyfunction]
fn publish(py: Python<'_>, build: PathBuf, out_dir: PathBuf) -> PyResult<()> {
    Ok(py.detach(|| commit::publish(&crate::absolute(&build)?, &crate::absolute(&out_dir)?))?)
}

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("CorruptDatasetError", m.py().get_type::<error::CorruptDatasetError>())?;
    m.add_class::<ragged::PyRagged>()?;
    m.add_class::<strings::PyStrings>()?;
    m.add_function(wrap_pyfunction!(ragged::create_ragged, m)?)?;
    m.add_function(wrap_pyfunction!(strings::create_strings, m)?)?;
    m.add_function(wrap_pyfunction!(dense::create_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::create_zeros, m)?)?;
    m.add_function(wrap_pyfunction!(dense::extend_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::read_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::kind, m)?)?;
    m.add_function(wrap_pyfunction!(mode::numpy_mode, m)?)?;
    m.add_function(wrap_pyfunction!(publish, m)?)?;
    Ok(())
}
