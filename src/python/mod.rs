//! The extension module `mmap_ninja._core`: conversions between Python and the stores. What bytes are written is decided
//! elsewhere.

mod array;
mod assignment;
mod attrs;
mod batches;
mod build;
mod callback;
mod change;
mod columns;
mod create;
mod dense;
mod dtype;
mod error;
mod fork_mutex;
mod gathered;
mod index;
mod items;
mod iterator;
mod loader;
mod masks;
mod options;
mod out;
mod overrides;
mod pieces;
mod plans;
mod ragged;
mod ragged_state;
mod record_batches;
mod records;
mod records_state;
mod rows;
mod samples;
mod selection;
mod snapshot_cell;
mod stream;
mod strings;
mod texts;
mod verify;

use std::path::Path;

use numpy::prelude::*;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    // Without NumPy, this raises an ImportError; looking up its C interface would panic.
    m.py().import("numpy")?;
    prepare(m.py())?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("CorruptDatasetError", m.py().get_type::<error::CorruptDatasetError>())?;
    m.add_class::<array::Owner>()?;
    m.add_class::<ragged::PyRagged>()?;
    m.add_class::<strings::PyStrings>()?;
    m.add_class::<records::PyRecords>()?;
    m.add_function(wrap_pyfunction!(create::create_ragged, m)?)?;
    m.add_function(wrap_pyfunction!(create::create_strings, m)?)?;
    m.add_function(wrap_pyfunction!(create::create_strings_like, m)?)?;
    m.add_function(wrap_pyfunction!(strings::write_index, m)?)?;
    m.add_function(wrap_pyfunction!(create::create_ragged_gathered, m)?)?;
    m.add_function(wrap_pyfunction!(create::create_strings_gathered, m)?)?;
    m.add_function(wrap_pyfunction!(dense::create_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::create_zeros, m)?)?;
    m.add_function(wrap_pyfunction!(dense::extend_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::read_dense, m)?)?;
    m.add_function(wrap_pyfunction!(dense::kind, m)?)?;
    m.add_function(wrap_pyfunction!(dense::has_fields, m)?)?;
    m.add_function(wrap_pyfunction!(rows::gather_rows, m)?)?;
    m.add_function(wrap_pyfunction!(rows::prefetch_rows, m)?)?;
    m.add_function(wrap_pyfunction!(options::numpy_mode, m)?)?;
    m.add_class::<options::PyOptions>()?;
    m.add_class::<loader::PyOrder>()?;
    m.add_class::<loader::PySource>()?;
    m.add_class::<loader::PyPrefetcher>()?;
    m.add_class::<build::PyBuildSession>()?;
    m.add_class::<stream::PyStream>()?;
    m.add_class::<verify::PyFinding>()?;
    m.add_class::<verify::PyReport>()?;
    m.add_class::<verify::PyRepair>()?;
    m.add_function(wrap_pyfunction!(verify::verify, m)?)?;
    m.add_function(wrap_pyfunction!(verify::repair, m)?)?;
    m.add_function(wrap_pyfunction!(verify::write_checksums, m)?)?;
    m.add_function(wrap_pyfunction!(build::join_dense, m)?)?;
    m.add_function(wrap_pyfunction!(attrs::read_attrs, m)?)?;
    m.add_function(wrap_pyfunction!(attrs::write_attrs, m)?)?;
    m.add_function(wrap_pyfunction!(records::check_field_names, m)?)?;
    m.add_class::<selection::PyRows>()?;
    m.add_function(wrap_pyfunction!(selection::positions, m)?)?;
    m.add_class::<plans::PyPlan>()?;
    m.add_function(wrap_pyfunction!(plans::plan_budget, m)?)?;
    m.add_function(wrap_pyfunction!(plans::plan_pack, m)?)?;
    m.add_function(wrap_pyfunction!(plans::plan_windows, m)?)?;
    Ok(())
}

/// Initializes everything that is otherwise initialized at its first use: a child that is forked while another thread does
/// so would wait forever.
fn prepare(py: Python<'_>) -> PyResult<()> {
    numpy::dtype::<i64>(py).itemsize();
    numpy::PyArray1::<i64>::zeros(py, 0, false).readonly();
    py.get_type::<iterator::Items>();
    py.get_type::<PyIterator>();
    PyList::empty(py).try_iter()?.size_hint();
    Path::new("").into_pyobject(py)?;
    Ok(())
}
