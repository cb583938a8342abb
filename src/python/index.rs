//! Index expressions: an integer, a slice, a list, an index array, a boolean mask or a range.

use numpy::npyffi::{NpyTypes, get_type_object};
use numpy::prelude::*;
use numpy::{PyReadonlyArray1, PyUntypedArray};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyRange, PySlice, PyTuple};

use super::masks::masked_array;
use crate::error::Error;

/// Samples that an expression selects.
pub enum Index {
    One(usize),
    Many(Vec<usize>),
}

impl Index {
    /// # Errors
    /// `TypeError` if the expression is not an index; the error of `absent` if it is out of range for `len` samples.
    #[inline]
    pub fn parse(index: &Bound<'_, PyAny>, len: usize, absent: impl Fn(i64) -> Error) -> PyResult<Self> {
        let resolve = |position| resolve(position, len).ok_or_else(|| absent(position as i64).into());
        match integer(index)? {
            Some(position) => resolve(position).map(Self::One),
            None => positions(index, len)?.into_iter().map(resolve).collect::<PyResult<_>>().map(Self::Many),
        }
    }
}

/// The type of `np.int64`, the items of index arrays. Its `__index__` would make an `int` each time.
const INT64: NpyTypes = if cfg!(windows) { NpyTypes::PyLongLongArrType_Type } else { NpyTypes::PyLongArrType_Type };

/// An `np.int64`, as NumPy's `arrayscalars.h` declares `PyLongScalarObject`.
#[repr(C)]
struct Int64 {
    object: ffi::PyObject,
    value: isize,
}

/// The value of anything that Python accepts as an integer; `None` for other objects.
#[inline]
fn integer(index: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    // SAFETY: `index` is a valid object of exactly the type that is checked; an exception that the calls set is taken at
    // once.
    unsafe {
        if ffi::PyLong_CheckExact(index.as_ptr()) == 0 {
            if ffi::Py_TYPE(index.as_ptr()) == get_type_object(index.py(), INT64) {
                return Ok(Some((*index.as_ptr().cast::<Int64>()).value));
            }
            if ffi::PyIndex_Check(index.as_ptr()) == 0 {
                return Ok(None);
            }
        }
        let position = ffi::PyNumber_AsSsize_t(index.as_ptr(), std::ptr::null_mut());
        if position == -1 { minus_one(index) } else { Ok(Some(position)) }
    }
}

/// Either the number -1 or an exception. Arrays have `__index__`, which raises if they have axes.
#[cold]
fn minus_one(index: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    match PyErr::take(index.py()) {
        None => Ok(Some(-1)),
        Some(_) if index.cast::<PyUntypedArray>().is_ok() => Ok(None),
        Some(error) => Err(error),
    }
}

/// The indices of a batch: anything but a single integer.
pub fn batch(index: &Bound<'_, PyAny>, len: usize, absent: impl Fn(i64) -> Error) -> PyResult<Vec<usize>> {
    let is_array_like = index.hasattr("__array__")? && index.cast::<PyUntypedArray>().is_err();
    let index = if is_array_like || index.is_instance_of::<PyTuple>() {
        check_unmasked(index)?;
        index.py().import("numpy")?.call_method1("asarray", (index,))?
    } else {
        index.clone()
    };
    match Index::parse(&index, len, absent)? {
        Index::Many(indices) => Ok(indices),
        Index::One(_) => Err(PyTypeError::new_err("a batch needs a list or an array of indices, not one integer")),
    }
}

/// Counted from the end if negative; `None` if out of range for `len` samples.
#[inline]
fn resolve(position: isize, len: usize) -> Option<usize> {
    let index = if position < 0 { position.checked_add_unsigned(len)? } else { position };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// The positions that an expression other than an integer selects.
fn positions(index: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<isize>> {
    if let Ok(slice) = index.cast::<PySlice>() {
        let bounds = slice.indices(len.cast_signed())?;
        return Ok((0..bounds.slicelength.cast_signed()).map(|i| bounds.start + i * bounds.step).collect());
    }
    if index.is_instance_of::<PyRange>() && index.len().is_err() {
        return Err(PyIndexError::new_err(format!("{index} has more indices than there are samples: {len}")));
    }
    if let Some(positions) = index.cast::<PyList>().ok().and_then(plain_integers) {
        return Ok(positions);
    }
    if index.is_instance_of::<PyList>() || index.is_instance_of::<PyRange>() || index.cast::<PyUntypedArray>().is_ok() {
        check_unmasked(index)?;
        return array(&index.py().import("numpy")?.call_method1("asarray", (index,))?, len);
    }
    let found = index.get_type().name()?;
    Err(PyTypeError::new_err(format!("indices must be integers, slices, lists, ranges or arrays, not {found}")))
}

/// Refuses masked arrays, which hide some of their indices.
fn check_unmasked(index: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(masked) = masked_array(index.py())?
        && index.is_instance(&masked)?
    {
        return Err(PyTypeError::new_err("a masked array is not an index: its mask would be lost; compress it first"));
    }
    Ok(())
}

/// The values of a list that holds only `int`.
fn plain_integers(list: &Bound<'_, PyList>) -> Option<Vec<isize>> {
    list.iter().map(|item| item.is_exact_instance_of::<PyInt>().then(|| clipped(&item))).collect()
}

/// The value of an `int`, clipped to the nearest `isize`, which is out of range in any case.
fn clipped(item: &Bound<'_, PyAny>) -> isize {
    // SAFETY: `item` is a valid object. Without an exception to raise, the call clips, and does not fail for an `int`.
    unsafe { ffi::PyNumber_AsSsize_t(item.as_ptr(), std::ptr::null_mut()) }
}

/// Refuses objects other than integers. NumPy keeps integers that are too large for its own as objects.
fn whole<'a, 'py>(positions: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyAny>> {
    for item in positions.call_method0("tolist")?.try_iter()? {
        if !item?.is_instance_of::<PyInt>() {
            return Err(PyTypeError::new_err("index arrays must be of integers, not of objects"));
        }
    }
    Ok(positions)
}

fn array(array: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<isize>> {
    let untyped = array.cast::<PyUntypedArray>()?;
    if untyped.ndim() != 1 {
        return Err(PyTypeError::new_err(format!("index arrays must have one axis, not {}", untyped.ndim())));
    }
    let positions = match untyped.dtype().kind() {
        b'b' if untyped.len() == len => array.call_method0("nonzero")?.get_item(0)?,
        b'b' => {
            let found = untyped.len();
            return Err(PyIndexError::new_err(format!("a boolean mask of length {found} does not fit {len} samples")));
        }
        b'i' | b'u' => array.clone(),
        _ if untyped.len() == 0 => return Ok(Vec::new()),
        b'O' => array.clone(),
        _ => return Err(PyTypeError::new_err(format!("index arrays must be of integers, not {}", untyped.dtype()))),
    };
    match positions.extract::<PyReadonlyArray1<'_, i64>>() {
        Ok(positions) => {
            Ok(positions.as_array().iter().map(|&position| isize::try_from(position)).collect::<Result<_, _>>()?)
        }
        Err(_) => Ok(whole(&positions)?
            .call_method0("tolist")?
            .try_iter()?
            .map(|item| Ok(clipped(&item?)))
            .collect::<PyResult<_>>()?),
    }
}
