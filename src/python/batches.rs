//! Batches for Python. Bytes are copied while detached from the interpreter.

use std::ops::Range;
use std::path::{Path, PathBuf};

use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::prelude::*;
use numpy::{PyArray1, PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::{Owner, empty, out};
use super::dtype::has_dtype;
use super::samples::{bytes, cast, to_array};
use crate::batch::gather::{Out, PaddedPlan, Padding, PaddingSide, arrow_offsets, concatenate, pad, total_len};
use crate::io::advice::PrefetchPolicy;
use crate::io::untrusted::FileId;
use crate::memory;
use crate::ragged::View;

/// Two arrays.
pub type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// How to pad a batch.
pub struct PadOptions<'py, 'a> {
    pub value: Bound<'py, PyAny>,
    pub side: &'a str,
    pub max_length: Option<i64>,
    pub out: Option<Bound<'py, PyAny>>,
}

/// The `pieces` in one array of `descr`, and the offsets at which each begins and ends.
pub fn gather<'py>(dir: &Path, descr: &Bound<'py, PyArrayDescr>, pieces: &[&[u8]]) -> PyResult<Pair<'py>> {
    let (py, size) = (descr.py(), descr.itemsize());
    let total = total_len(pieces.iter().map(|piece| piece.len())).ok_or_else(|| memory::refused(dir))?;
    let offsets = arrow_offsets(dir, pieces.iter().map(|piece| piece.len() / size))?;
    let values = empty(py, descr, &[total / size])?;
    // SAFETY: the array is new, so that nothing else refers to it.
    let target = unsafe { out(&values) };
    py.detach(|| concatenate(pieces, target));
    Ok((values.into_any(), PyArray1::from_vec(py, offsets).into_any()))
}

/// The samples at `indices` in one array, and their unpadded sizes.
pub fn padded<'py>(
    view: &View,
    descr: &Bound<'py, PyArrayDescr>,
    indices: &[usize],
    options: &PadOptions<'py, '_>,
) -> PyResult<Pair<'py>> {
    let py = descr.py();
    let side = side(options.side)?;
    let most = options.max_length.map(usize::try_from).transpose();
    let most = most.map_err(|_| PyValueError::new_err("max_length must not be negative"))?;
    let value = element(&options.value, descr, view)?;
    let samples = py.detach(|| view.samples(indices, PrefetchPolicy::IfCold))?;
    let plan = view.plan_padded(indices, &samples, most)?;
    let batch = match &options.out {
        None => empty(py, descr, &with_first(samples.len(), &plan.shape))?,
        Some(given) => checked(given, descr, samples.len(), &plan, view)?,
    };
    // SAFETY: the array is new, or was checked to be writable and outside the mapped bytes; a caller that passes it
    // for writing does not use it during the call.
    let target: &mut Out = unsafe { out(&batch) };
    let (padding, shape) =
        (Padding { value: &value, side, max_len: most.unwrap_or(usize::MAX) }, batch.shape()[1..].to_vec());
    py.detach(|| pad(&samples, &shape, padding, target));
    let lengths = PyArray1::from_vec(py, plan.lengths);
    let lengths = if plan.shape.len() == 1 {
        lengths.into_any()
    } else {
        lengths.reshape([samples.len(), plan.shape.len()])?.into_any()
    };
    Ok((batch.into_any(), lengths))
}

fn side(name: &str) -> PyResult<PaddingSide> {
    match name {
        "right" => Ok(PaddingSide::Right),
        "left" => Ok(PaddingSide::Left),
        _ => Err(PyValueError::new_err(format!("padding_side must be 'right' or 'left', not '{name}'"))),
    }
}

/// The bytes of the element to pad with. The number 0 means zero bytes for every dtype.
fn element(value: &Bound<'_, PyAny>, descr: &Bound<'_, PyArrayDescr>, view: &View) -> PyResult<Vec<u8>> {
    if value.extract::<i64>().is_ok_and(|number| number == 0) {
        return Ok(vec![0; descr.itemsize()]);
    }
    let place = || format!("{}: padding_value", view.dir.display());
    let array = to_array(value, Some(descr), place)?;
    if array.ndim() != 0 {
        return Err(PyValueError::new_err("padding_value must be a scalar"));
    }
    let array = if has_dtype(&array, descr) { array } else { cast(&array, descr, &place())? };
    Ok(bytes(&array).to_vec())
}

fn with_first(first: usize, others: &[usize]) -> Vec<usize> {
    std::iter::once(first).chain(others.iter().copied()).collect()
}

/// The caller's array, if a batch of the plan fits in it.
fn checked<'py>(
    given: &Bound<'py, PyAny>,
    descr: &Bound<'py, PyArrayDescr>,
    samples: usize,
    plan: &PaddedPlan,
    view: &View,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = given.cast::<PyUntypedArray>().map_err(|_| PyTypeError::new_err("out must be a NumPy array"))?;
    // First, since this may run Python code, which could invalidate earlier checks.
    let is_own = view.extents.data.file().is_some_and(|file| shows(array, file));
    if !has_dtype(array, descr) {
        return Err(PyTypeError::new_err(format!("out has the dtype {}, the samples have {descr}", array.dtype())));
    }
    let (needed, found) = (with_first(samples, &plan.shape), array.shape());
    let fits = found.len() == needed.len() && found[0] == samples && found.iter().zip(&needed).all(|(a, b)| a >= b);
    if !fits {
        return Err(PyValueError::new_err(format!("out has the shape {found:?}, the batch needs {needed:?}")));
    }
    // SAFETY: the array is valid, and its flags are read at once.
    let flags = unsafe { (*array.as_array_ptr()).fields.flags };
    if flags & NPY_ARRAY_WRITEABLE == 0 || !array.is_c_contiguous() {
        return Err(PyValueError::new_err("out must be writable and C-contiguous"));
    }
    if is_own || overlap(&addresses(bytes(array)), &addresses(view.extents.data.bytes())) {
        return Err(PyValueError::new_err("out lies in the map that the samples are read from"));
    }
    Ok(array.clone())
}

/// Whether an array lies in any mapping of a file. The base is read from the array itself: a subclass may override the
/// attribute.
fn shows(array: &Bound<'_, PyUntypedArray>, file: FileId) -> bool {
    let mut part = array.as_any().clone();
    loop {
        if let Ok(owner) = part.cast::<Owner>() {
            return owner.get().file() == Some(file);
        }
        let Ok(array) = part.cast::<PyUntypedArray>() else { return false };
        let name = array.getattr("filename").and_then(|name| name.extract::<PathBuf>());
        if name.is_ok_and(|name| FileId::of(&name) == Some(file)) {
            return true;
        }
        // SAFETY: the base of a valid array is null or a valid object.
        let base = unsafe { Bound::from_borrowed_ptr_or_opt(part.py(), (*array.as_array_ptr()).fields.base) };
        let Some(base) = base else { return false };
        part = base;
    }
}

/// The addresses of bytes in memory.
fn addresses(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr() as usize;
    start..start + bytes.len()
}

/// Whether two ranges overlap.
fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}
