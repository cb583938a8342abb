//! Dense arrays. They are checked and written here; `mmap_ninja.numpy` makes the `np.memmap`.

use std::path::PathBuf;

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyTuple};

use super::array::Owner;
use super::dtype::{check_storable, from_numpy, has_dtype, stored};
use super::options::PyOptions;
use super::samples::{bytes, cast, contiguous, to_array};
use crate::dense::Dense;
use crate::format::Order;
use crate::io::mapping::Mode;
use crate::schema;

/// The kind of dataset in `out_dir`: "numpy", "ragged", "string" or "records"; None if there is none.
#[pyfunction]
pub fn kind(out_dir: PathBuf) -> PyResult<Option<&'static str>> {
    Ok(schema::kind_of(&out_dir)?.map(crate::Kind::name))
}

/// Whether sub-directories of `out_dir` hold datasets, which are the fields of records without a list of them.
#[pyfunction]
pub fn has_fields(out_dir: PathBuf) -> PyResult<bool> {
    Ok(out_dir.is_dir() && !schema::bare_fields(&out_dir)?.is_empty())
}

/// The result of `read_dense`.
type Found<'py> = (Bound<'py, PyArrayDescr>, Bound<'py, PyTuple>, &'static str, Owner);

/// The dtype, shape and order of the array in `out_dir`, after a check of its files, and the mapping of its data.
#[pyfunction]
pub fn read_dense(py: Python<'_>, out_dir: PathBuf) -> PyResult<Found<'_>> {
    let dense = py.detach(|| Dense::open(&out_dir, Mode::ReadOnly))?;
    let (dtype, shape) = (stored(py, &out_dir, dense.dtype())?, PyTuple::new(py, dense.shape())?);
    Ok((dtype, shape, dense.order().name(), Owner::new(dense.view.data.clone())))
}

/// Writes `array` to `out_dir`, replacing any dataset that is there.
#[pyfunction]
pub fn create_dense(py: Python<'_>, out_dir: PathBuf, array: &Bound<'_, PyAny>, options: &PyOptions) -> PyResult<()> {
    let place = || out_dir.display().to_string();
    let array = to_array(array, None, place)?;
    check_storable(&array.dtype(), place)?;
    let dtype = from_numpy(&array.dtype())?;
    let is_f = array.is_fortran_contiguous() && !array.is_c_contiguous();
    let array = if is_f { array } else { contiguous(array)? };
    let shape: Vec<u64> = array.shape().iter().map(|&axis| axis as u64).collect();
    let (bytes, order) = (bytes(&array), if is_f { Order::F } else { Order::C });
    Ok(py.detach(|| Dense::create_with(&out_dir, options.get(), &dtype, &shape, order, bytes))?)
}

/// Writes zeros to `out_dir`, to be opened writable, replacing any dataset that is there.
#[pyfunction]
pub fn create_zeros(
    py: Python<'_>,
    out_dir: PathBuf,
    dtype: Bound<'_, PyAny>,
    shape: Vec<u64>,
    order: &str,
) -> PyResult<()> {
    let dtype = from_numpy(&PyArrayDescr::new(py, dtype)?)?;
    let order = Order::parse(order.as_bytes());
    let order = order.ok_or_else(|| PyValueError::new_err("order must be 'C' or 'F'"))?;
    Ok(py.detach(|| Dense::create_zeros_with(&out_dir, &Mode::ReadWrite.into(), &dtype, &shape, order))?)
}

/// Appends the rows of `array` to the array in `out_dir`.
#[pyfunction]
pub fn extend_dense(py: Python<'_>, out_dir: PathBuf, array: &Bound<'_, PyAny>, options: &PyOptions) -> PyResult<()> {
    let present = py.detach(|| Dense::open(&out_dir, Mode::ReadOnly))?;
    let descr = stored(py, &out_dir, present.dtype())?;
    let place = || out_dir.display().to_string();
    let array = py.import("mmap_ninja._samples")?.call_method1("prepare_rows", (array, &descr))?;
    let array = to_array(&array, Some(&descr), place)?;
    let array = if has_dtype(&array, &descr) { array } else { cast(&array, &descr, &place())? };
    let array = in_order(array, present.order())?;
    let shape: Vec<u64> = array.shape().iter().map(|&axis| axis as u64).collect();
    let (bytes, dtype) = (bytes(&array), present.dtype().clone());
    Ok(py.detach(|| present.with_options(options.get()).extend(&dtype, &shape, bytes))?)
}

/// The array, in the memory layout of the one that it is appended to.
fn in_order(array: Bound<'_, PyUntypedArray>, order: Order) -> PyResult<Bound<'_, PyUntypedArray>> {
    if order == Order::C {
        return contiguous(array);
    }
    if array.is_fortran_contiguous() {
        return Ok(array);
    }
    let options = [("order", "F")].into_py_dict(array.py())?;
    let copied = array.py().import("numpy")?.call_method("array", (array,), Some(&options))?;
    copied.cast_into::<PyUntypedArray>().map_err(|_| PyTypeError::new_err("NumPy made no array"))
}
