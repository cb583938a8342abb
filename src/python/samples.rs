//! Converts Python's samples into C-contiguous arrays of one dtype.

use std::path::Path;

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyInt, PyIterator, PyList, PyString, PyTuple};

use super::array::{empty, of_number};
use super::callback;
use super::dtype::{check_storable, has_dtype};
use super::masks::{holds_masks, masked_array};
use crate::sample::Sample;

/// Arrays whose bytes stay in place while they are written.
pub struct Arrays<'py> {
    /// Their common dtype; `None` if there are no arrays and none was given.
    pub descr: Option<Bound<'py, PyArrayDescr>>,
    arrays: Vec<Bound<'py, PyUntypedArray>>,
}

impl<'py> Arrays<'py> {
    /// Converts `samples` to arrays. If the dtype of one differs from `descr`, or else from that of the first sample that
    /// has one, its values must survive the cast. Samples of an iterator are copied, since it may reuse one buffer.
    pub fn collect(
        samples: &Bound<'py, PyAny>,
        descr: Option<Bound<'py, PyArrayDescr>>,
        dir: &Path,
        first: usize,
    ) -> PyResult<Self> {
        if let Some(descr) = &descr {
            check_storable(descr, || dir.display().to_string())?;
        }
        let mut collected = Self { descr, arrays: Vec::new() };
        let is_iterator = samples.cast::<PyIterator>().is_ok();
        let samples = samples.try_iter()?;
        while let Some(sample) = callback::next(&samples)? {
            let array = to_contiguous(&sample, &mut collected.descr, dir, first + collected.arrays.len())?;
            collected.arrays.push(if is_iterator { copied(&array)? } else { array });
        }
        if let (None, Some(first)) = (&collected.descr, collected.arrays.first()) {
            collected.descr = Some(first.dtype());
        }
        Ok(collected)
    }

    /// The samples for the core. The first will get the index `first`.
    ///
    /// # Errors
    /// `ValueError` if code that made a sample has changed the dtype or the strides of one before it.
    pub fn samples(&self, dir: &Path, first: usize) -> PyResult<Vec<Sample<'_>>> {
        let Some(descr) = &self.descr else { return Ok(Vec::new()) };
        let checked = self.arrays.iter().enumerate().map(|(i, array)| {
            check_fit(array, descr, dir, first + i)?;
            Ok(Sample { bytes: bytes(array), shape: bytemuck::cast_slice(array.shape()) })
        });
        checked.collect()
    }
}

/// `sample` as an array in C order without gaps, of the dtype `descr`. If there is none yet, it is set to that of the
/// sample, unless that is a list without elements, whose dtype NumPy has to guess.
pub fn to_contiguous<'py>(
    sample: &Bound<'py, PyAny>,
    descr: &mut Option<Bound<'py, PyArrayDescr>>,
    dir: &Path,
    index: usize,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = to_array(sample, descr.as_ref(), || place(dir, index))?;
    let array = match descr {
        Some(descr) if has_dtype(&array, descr) => array,
        Some(descr) if is_untyped(sample, &array)? => empty(sample.py(), descr, array.shape())?,
        Some(descr) => cast(&array, descr, &place(dir, index))?,
        None if is_untyped(sample, &array)? => return contiguous(array),
        None => {
            if array.dtype().kind() == b'O' {
                refuse_objects(&array, &place(dir, index))?;
            }
            check_storable(&array.dtype(), || place(dir, index))?;
            array
        }
    };
    let descr = descr.get_or_insert_with(|| array.dtype());
    let array = contiguous(array)?;
    check_fit(&array, descr, dir, index)?;
    Ok(array)
}

/// Refuses an array of Python objects by the first one that no other dtype holds.
#[cold]
fn refuse_objects(array: &Bound<'_, PyUntypedArray>, place: &str) -> PyResult<()> {
    let refuse = array.py().import("mmap_ninja._samples")?.getattr("refuse_objects")?;
    callback::call(&refuse, (array, place), None).map(drop)
}

/// Whether `array` has no elements, and `sample`, from which it was made, has no dtype of its own.
fn is_untyped(sample: &Bound<'_, PyAny>, array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    if array.len() > 0 || sample.cast::<PyUntypedArray>().is_ok() {
        return Ok(false);
    }
    let decides = sample.py().import("mmap_ninja._samples")?.getattr("decides_dtype")?;
    Ok(!callback::call(&decides, (sample,), None)?.is_truthy()?)
}

/// Refuses an array whose attributes were changed by Python code that has run since it was made. One without elements
/// fits every dtype.
fn check_fit(
    array: &Bound<'_, PyUntypedArray>,
    descr: &Bound<'_, PyArrayDescr>,
    dir: &Path,
    index: usize,
) -> PyResult<()> {
    if array.is_c_contiguous() && (array.len() == 0 || has_dtype(array, descr)) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{}: its dtype or strides were changed while it was stored", place(dir, index))))
}

/// `sample` itself if it is an array, else the result of `numpy.asarray`; `bytes` are uint8, unless `descr` is a dtype of
/// bytes. `place` names the sample in an error.
pub fn to_array<'py>(
    sample: &Bound<'py, PyAny>,
    descr: Option<&Bound<'py, PyArrayDescr>>,
    place: impl Fn() -> String,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    if let Ok(array) = sample.cast_exact::<PyUntypedArray>() {
        return Ok(array.clone());
    }
    if let Some(array) = of_number(sample)? {
        return check_integers(array, place);
    }
    let py = sample.py();
    let masked = masked_array(py)?;
    if let Some(masked) = &masked
        && sample.is_instance(masked)?
    {
        return Err(masks_are_lost(&place()));
    }
    let array = as_array(sample, descr).map_err(|error| located(py, error, &place))?;
    if let Some(masked) = &masked
        && holds_masks(sample, masked, array.ndim())?
    {
        return Err(masks_are_lost(&place()));
    }
    check_integers(array, place)
}

/// Refuses an array of pointers which NumPy has made because no dtype of its own holds an integer.
fn check_integers(array: Bound<'_, PyUntypedArray>, place: impl Fn() -> String) -> PyResult<Bound<'_, PyUntypedArray>> {
    if array.dtype().kind() != b'O' {
        return Ok(array);
    }
    for item in array.getattr("flat")?.try_iter()? {
        let item = item?;
        if item.is_instance_of::<PyInt>() && item.extract::<i64>().is_err() && item.extract::<u64>().is_err() {
            return Err(PyOverflowError::new_err(format!(
                "{}: {item} is outside the range of int64 and uint64",
                place()
            )));
        }
    }
    Ok(array)
}

/// What `numpy.asarray` makes of a sample, once `_samples` has made sure that it keeps all of it.
fn as_array<'py>(
    sample: &Bound<'py, PyAny>,
    descr: Option<&Bound<'py, PyArrayDescr>>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = sample.py();
    let check = |name| py.import("mmap_ninja._samples")?.getattr(name);
    let prepared =
        if is_plain(sample) { sample.clone() } else { callback::call(&check("prepare")?, (sample, descr), None)? };
    let array = callback::call(&py.import("numpy")?.getattr("asarray")?, (&prepared,), None)?;
    let array = array.cast_into::<PyUntypedArray>()?;
    if matches!(array.dtype().kind(), b'S' | b'U') && prepared.cast::<PyUntypedArray>().is_err() {
        callback::call(&check("check_ends")?, (&prepared,), None)?;
    }
    if may_round(&prepared, &array) {
        let unrounded = callback::call(&check("unrounded")?, (&prepared, &array, descr), None)?;
        return Ok(unrounded.cast_into::<PyUntypedArray>()?);
    }
    Ok(array)
}

/// Whether `array`, made of a list, may hold integers that were rounded to floats.
fn may_round(sample: &Bound<'_, PyAny>, array: &Bound<'_, PyUntypedArray>) -> bool {
    let is_list = sample.cast::<PyList>().is_ok() || sample.cast::<PyTuple>().is_ok();
    is_list && array.dtype().kind() == b'f'
}

/// Whether NumPy takes a sample as it is meant.
fn is_plain(sample: &Bound<'_, PyAny>) -> bool {
    sample.is_exact_instance_of::<PyList>()
        || sample.is_exact_instance_of::<PyTuple>()
        || sample.is_exact_instance_of::<PyString>()
        || sample.cast::<PyUntypedArray>().is_ok()
}

fn masks_are_lost(place: &str) -> PyErr {
    PyTypeError::new_err(format!("{place}: a masked array cannot be stored: its mask would be lost; fill it first"))
}

/// The same `ValueError`, `TypeError` or `OverflowError`, with the place in its message.
fn located(py: Python<'_>, error: PyErr, place: impl Fn() -> String) -> PyErr {
    if error.is_instance_of::<PyValueError>(py) {
        return PyValueError::new_err(format!("{}: {}", place(), error.value(py)));
    }
    if error.get_type(py).is(py.get_type::<PyTypeError>()) {
        return PyTypeError::new_err(format!("{}: {}", place(), error.value(py)));
    }
    if error.is_instance_of::<PyOverflowError>(py) {
        return PyOverflowError::new_err(format!("{}: {}", place(), error.value(py)));
    }
    error
}

/// The name of a sample in an error message.
pub fn place(dir: &Path, index: usize) -> String {
    format!("{}: sample {index}", dir.display())
}

/// The same values in another dtype; an exception if a value would change.
pub fn cast<'py>(
    array: &Bound<'py, PyUntypedArray>,
    descr: &Bound<'py, PyArrayDescr>,
    place: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let cast = array.py().import("mmap_ninja._cast")?.getattr("cast")?;
    let checked = callback::call(&cast, (array, descr, place), None)?;
    Ok(checked.cast_into::<PyUntypedArray>()?)
}

/// The same values in C order, without a gap.
pub fn contiguous(array: Bound<'_, PyUntypedArray>) -> PyResult<Bound<'_, PyUntypedArray>> {
    if array.is_c_contiguous() {
        return Ok(array);
    }
    copied(&array)
}

/// A copy in C order.
fn copied<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let options = [("order", "C")].into_py_dict(array.py())?;
    let copied = callback::call(&array.py().import("numpy")?.getattr("array")?, (array,), Some(&options))?;
    Ok(copied.cast_into::<PyUntypedArray>()?)
}

/// The elements of an array without gaps, in the order in which they lie.
pub fn bytes<'a>(array: &'a Bound<'_, PyUntypedArray>) -> &'a [u8] {
    let len = array.len() * array.dtype().itemsize();
    if len == 0 {
        return &[];
    }
    // SAFETY: the array is contiguous, so that its elements fill `len` bytes from its data pointer on, and the
    // reference keeps it alive. Python code that changes the elements during the write changes what is
    // written, as with any array that is shared between threads. While there is a reference, NumPy frees the memory
    // only for `resize(refcheck=False)`, whose caller guarantees that nothing uses it.
    unsafe { std::slice::from_raw_parts((*array.as_array_ptr()).fields.data.cast::<u8>(), len) }
}
