//! Index expressions, which mean the same wherever samples are selected: integers, slices, ranges, `...`, boolean masks,
//! lists and other iterables of integers, and whatever NumPy can make an array of.

use numpy::npyffi::{NpyTypes, get_type_object};
use numpy::prelude::*;
use numpy::{PyReadonlyArray1, PyUntypedArray};
use pyo3::exceptions::{PyIndexError, PyMemoryError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyFrozenSet, PyInt, PyList, PyMapping, PyRange, PySet, PySlice, PyString, PyTuple,
};

use super::callback;
use super::masks::masked_array;
use crate::error::Error;
use crate::schema::kind_of;

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
        let resolve = |position| resolve(position, len).ok_or_else(|| located(absent(position as i64)));
        if let Some(position) = integer(index)? {
            return resolve(position).map(Self::One);
        }
        let in_range = |position| resolve(position).map(drop);
        gathered(positions(index, len, &in_range)?.into_iter().map(resolve)).map(Self::Many)
    }
}

/// The error for an index that is out of range. If a map is empty because its path leads to nothing, it says so.
#[cold]
fn located(error: Error) -> PyErr {
    let Error::OutOfRange { path, len: 0, .. } = &error else { return error.into() };
    let reason = match kind_of(path) {
        Ok(None) if path.exists() => "this directory holds no dataset",
        Ok(None) => "there is nothing at this path",
        _ => return error.into(),
    };
    PyIndexError::new_err(format!("{error}: {reason}"))
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
pub fn integer(index: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    // SAFETY: `index` is a valid object of exactly the type that is checked; an exception that the calls set is taken at
    // once.
    unsafe {
        if ffi::PyLong_CheckExact(index.as_ptr()) == 0 {
            if ffi::Py_TYPE(index.as_ptr()) == get_type_object(index.py(), INT64) {
                return Ok(Some((*index.as_ptr().cast::<Int64>()).value));
            }
            if ffi::PyIndex_Check(index.as_ptr()) == 0 || has_axes(index)? {
                return Ok(None);
            }
        }
        let position = ffi::PyNumber_AsSsize_t(index.as_ptr(), std::ptr::null_mut());
        if position == -1 { minus_one(index) } else { Ok(Some(position)) }
    }
}

/// Whether this is an array that is not 0-D. Arrays have `__index__`, which some libraries accept for any single element.
fn has_axes(index: &Bound<'_, PyAny>) -> PyResult<bool> {
    let ndim = index.getattr_opt(intern!(index.py(), "ndim"))?;
    Ok(ndim.is_some_and(|ndim| ndim.extract::<usize>().is_ok_and(|ndim| ndim > 0)))
}

/// Either the number -1 or an exception. A 0-D array has `__index__`, which raises if it does not hold an integer.
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
    match Index::parse(index, len, absent)? {
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

/// The positions that an expression other than an integer selects. `in_range` fails for a position outside of the map.
fn positions(index: &Bound<'_, PyAny>, len: usize, in_range: &dyn Fn(isize) -> PyResult<()>) -> PyResult<Vec<isize>> {
    if let Ok(slice) = index.cast::<PySlice>() {
        let bounds = slice.indices(len.cast_signed())?;
        let slots = 0..bounds.slicelength;
        return gathered(slots.map(|i| Ok(bounds.start + i.cast_signed() * bounds.step)));
    }
    if let Ok(list) = index.cast::<PyList>() {
        return listed(list, len);
    }
    if index.is(index.py().Ellipsis()) {
        return gathered((0..len).map(|position| Ok(position.cast_signed())));
    }
    if let Ok(tuple) = index.cast::<PyTuple>() {
        return positions(&only(tuple)?, len, in_range);
    }
    if index.is_instance_of::<PyRange>() && index.len().is_err() {
        return Err(PyIndexError::new_err(format!("{index} has more indices than there are samples: {len}")));
    }
    if index.is_instance_of::<PyRange>() || index.hasattr(intern!(index.py(), "__array__"))? {
        return array(&as_array(index)?, len);
    }
    listed(&collected(index, in_range)?, len)
}

/// The expression in a tuple of one, which `np.where` gives for a mask.
fn only<'py>(tuple: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    if tuple.len() == 1 {
        let index = tuple.get_item(0)?;
        if !index.is_instance_of::<PyTuple>() && integer(&index)?.is_none() {
            return Ok(index);
        }
    }
    Err(PyTypeError::new_err(
        "a tuple of indices selects along several axes, and a map has one; use a list, as in m[[0, 1]], and for an axis \
         of a sample m[0][1]",
    ))
}

/// The positions in a list.
fn listed(list: &Bound<'_, PyList>, len: usize) -> PyResult<Vec<isize>> {
    if let Some(positions) = plain_integers(list)? {
        return Ok(positions);
    }
    let found = as_array(list.as_any())?;
    if found.cast::<PyUntypedArray>()?.dtype().kind() == b'f' {
        // NumPy has no dtype for both signed integers and the largest unsigned ones.
        let integers = list.iter().map(|item| integer(&item)).collect::<PyResult<Option<Vec<_>>>>()?;
        if let Some(positions) = integers {
            return Ok(positions);
        }
    }
    array(&found, len)
}

/// The items of an iterable. An endless one ends at its first position outside of the map.
fn collected<'py>(index: &Bound<'py, PyAny>, in_range: &dyn Fn(isize) -> PyResult<()>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(index.py());
    if has_no_positions(index) {
        return Err(no_index(index));
    }
    let items = index.try_iter().map_err(|_| no_index(index))?;
    while let Some(item) = callback::next(&items)? {
        if item.is_exact_instance_of::<PyInt>() {
            in_range(clipped(&item))?;
        }
        list.append(item)?;
    }
    Ok(list)
}

/// Whether this is an iterable without integers, or without an order of its own.
fn has_no_positions(index: &Bound<'_, PyAny>) -> bool {
    let is_text = index.is_instance_of::<PyString>() || index.is_instance_of::<PyBytes>();
    let is_set = index.is_instance_of::<PySet>() || index.is_instance_of::<PyFrozenSet>();
    is_text || is_set || index.is_instance_of::<PyByteArray>() || index.cast::<PyMapping>().is_ok()
}

fn no_index(index: &Bound<'_, PyAny>) -> PyErr {
    let found = index.get_type();
    let found = found.name().map_or_else(|_| found.to_string(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "indices must be integers, slices, ranges, arrays, masks, or lists and other ordered iterables of integers, not {found}"
    ))
}

/// What NumPy makes of an index.
fn as_array<'py>(index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    check_unmasked(index)?;
    let array =
        index.py().import(intern!(index.py(), "numpy"))?.call_method1(intern!(index.py(), "asarray"), (index,))?;
    if array.cast::<PyUntypedArray>()?.ndim() == 0 { Err(no_index(index)) } else { Ok(array) }
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
fn plain_integers(list: &Bound<'_, PyList>) -> PyResult<Option<Vec<isize>>> {
    let mut positions = with_room(list.len())?;
    for item in list {
        if !item.is_exact_instance_of::<PyInt>() {
            return Ok(None);
        }
        positions.push(clipped(&item));
    }
    Ok(Some(positions))
}

/// An empty vector with room for `len` values.
fn with_room<T>(len: usize) -> PyResult<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    Ok(values)
}

/// The values of an iterator that knows their number. The caller decides how many there are, so that memory may be refused.
fn gathered<T>(values: impl ExactSizeIterator<Item = PyResult<T>>) -> PyResult<Vec<T>> {
    let mut gathered = with_room(values.len())?;
    for value in values {
        gathered.push(value?);
    }
    Ok(gathered)
}

/// The value of an `int`, clipped to the nearest `isize`, which is out of range in any case.
fn clipped(item: &Bound<'_, PyAny>) -> isize {
    // SAFETY: `item` is a valid object. Without an exception to raise, the call clips, and does not fail for an `int`.
    unsafe { ffi::PyNumber_AsSsize_t(item.as_ptr(), std::ptr::null_mut()) }
}

/// The positions in an array of objects: integers that are too large for NumPy, or what a library keeps beside missing
/// values, which are refused.
fn objects(array: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<isize>> {
    let items: Vec<_> = array.call_method0("tolist")?.try_iter()?.collect::<PyResult<_>>()?;
    if items.iter().all(PyAnyMethods::is_instance_of::<PyBool>) {
        check_mask(items.len(), len)?;
        let is_set = items.iter().map(PyAnyMethods::is_truthy).collect::<PyResult<Vec<_>>>()?;
        return Ok((0..len.cast_signed())
            .zip(is_set)
            .filter_map(|(position, is_set)| is_set.then_some(position))
            .collect());
    }
    let whole = items.iter().map(|item| match item.call_method0("__index__") {
        Ok(item) => Ok(clipped(&item)),
        Err(_) => Err(PyTypeError::new_err("index arrays must be of integers, not of objects")),
    });
    whole.collect()
}

fn check_mask(found: usize, len: usize) -> PyResult<()> {
    if found == len {
        return Ok(());
    }
    Err(PyIndexError::new_err(format!("a boolean mask of length {found} does not fit {len} samples")))
}

fn array(array: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<isize>> {
    let untyped = array.cast::<PyUntypedArray>()?;
    if untyped.ndim() != 1 {
        return Err(PyTypeError::new_err(format!("index arrays must have one axis, not {}", untyped.ndim())));
    }
    let positions = match untyped.dtype().kind() {
        b'b' => {
            check_mask(untyped.len(), len)?;
            array.call_method0("nonzero")?.get_item(0)?
        }
        b'i' | b'u' => array.clone(),
        _ if untyped.len() == 0 => return Ok(Vec::new()),
        b'O' => return objects(array, len),
        _ => return Err(PyTypeError::new_err(format!("index arrays must be of integers, not {}", untyped.dtype()))),
    };
    match positions.extract::<PyReadonlyArray1<'_, i64>>() {
        Ok(positions) => gathered(positions.as_array().iter().map(|&position| Ok(isize::try_from(position)?))),
        Err(_) => positions.call_method0("tolist")?.try_iter()?.map(|item| Ok(clipped(&item?))).collect(),
    }
}
