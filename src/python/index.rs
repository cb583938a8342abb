//! What stands between the brackets: an integer, a slice, a list, an index array, a boolean mask or a range.

use numpy::PyUntypedArray;
use numpy::prelude::*;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyRange, PySlice};

/// Samples that an expression selects.
pub enum Index {
    One(usize),
    Many(Vec<usize>),
}

impl Index {
    /// # Errors
    /// TypeError where the expression is no index; IndexError where it leads outside of `len` samples.
    #[inline]
    pub fn parse(index: &Bound<'_, PyAny>, len: usize) -> PyResult<Self> {
        match integer(index)? {
            Some(position) => resolve(position, len).map(Self::One),
            None => many(index, len).map(Self::Many),
        }
    }
}

/// The value of anything that Python takes for an integer; `None` for other objects.
#[inline]
fn integer(index: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    // SAFETY: `index` is a valid object, and an exception that the call sets is fetched at once.
    unsafe {
        if ffi::PyLong_CheckExact(index.as_ptr()) == 0 && !is_integer(index) {
            return Ok(None);
        }
        let position = ffi::PyNumber_AsSsize_t(index.as_ptr(), ffi::PyExc_IndexError);
        if position == -1 {
            if let Some(error) = PyErr::take(index.py()) {
                return Err(error);
            }
        }
        Ok(Some(position))
    }
}

/// Arrays offer `__index__` too, but are an integer only where they have no axes.
fn is_integer(index: &Bound<'_, PyAny>) -> bool {
    if let Ok(array) = index.cast::<PyUntypedArray>() {
        return array.ndim() == 0 && matches!(array.dtype().kind(), b'i' | b'u');
    }
    // SAFETY: `index` is a valid object.
    unsafe { ffi::PyIndex_Check(index.as_ptr()) != 0 }
}

#[inline]
fn resolve(position: isize, len: usize) -> PyResult<usize> {
    let index = if position < 0 { position.wrapping_add(len.cast_signed()) } else { position };
    if index >= 0 && index.cast_unsigned() < len { Ok(index.cast_unsigned()) } else { Err(out_of_range(position, len)) }
}

#[cold]
fn out_of_range(position: isize, len: usize) -> PyErr {
    PyIndexError::new_err(format!("index {position} is out of range for {len} samples"))
}

fn many(index: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<usize>> {
    if let Ok(slice) = index.cast::<PySlice>() {
        let bounds = slice.indices(len.cast_signed())?;
        return Ok((0..bounds.slicelength).map(|i| (bounds.start + i.cast_signed() * bounds.step).cast_unsigned()).collect());
    }
    if let Ok(list) = index.cast::<PyList>() {
        if let Some(positions) = plain_integers(list) {
            return positions.into_iter().map(|position| resolve(position, len)).collect();
        }
    }
    if index.is_instance_of::<PyList>() || index.is_instance_of::<PyRange>() || index.cast::<PyUntypedArray>().is_ok() {
        return array(&index.py().import("numpy")?.call_method1("asarray", (index,))?, len);
    }
    let found = index.get_type().name()?;
    Err(PyTypeError::new_err(format!("indices must be integers, slices, lists, ranges or arrays, not {found}")))
}

/// The values of a list of nothing but `int`.
fn plain_integers(list: &Bound<'_, PyList>) -> Option<Vec<isize>> {
    let is_int = |item: &Bound<'_, PyAny>| {
        // SAFETY: `item` is a valid object.
        unsafe { ffi::PyLong_CheckExact(item.as_ptr()) != 0 }
    };
    list.iter().map(|item| if is_int(&item) { item.extract().ok() } else { None }).collect()
}

fn array(array: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<usize>> {
    let untyped = array.cast::<PyUntypedArray>()?;
    if untyped.ndim() != 1 {
        return Err(PyTypeError::new_err(format!("index arrays must have one axis, not {}", untyped.ndim())));
    }
    let positions = match untyped.dtype().kind() {
        _ if untyped.len() == 0 => return Ok(Vec::new()),
        b'b' if untyped.len() != len => {
            let found = untyped.len();
            return Err(PyIndexError::new_err(format!("a boolean mask of length {found} does not fit {len} samples")));
        }
        b'b' => array.call_method0("nonzero")?.get_item(0)?,
        b'i' | b'u' => array.clone(),
        _ => return Err(PyTypeError::new_err(format!("index arrays must be of integers, not {}", untyped.dtype()))),
    };
    let positions: Vec<isize> = positions.call_method0("tolist")?.extract()?;
    positions.into_iter().map(|position| resolve(position, len)).collect()
}
