//! Batches of rows of dense arrays, which are any NumPy arrays whose rows have no gaps.

use std::iter;
use std::ops::Range;
use std::path::PathBuf;

use numpy::PyUntypedArray;
use numpy::prelude::*;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::out as elements;
use super::batches::Target;
use super::dtype::check_storable;
use super::index;
use super::out::Source;
use crate::batch::Out;
use crate::batch::gather::{concatenate, total_len};
use crate::error::Error;
use crate::io::advice::{PrefetchPolicy, fetch_rows};
use crate::memory;

/// Where the rows of an array lie.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rows {
    /// The address of the first one.
    start: *const u8,
    stride: isize,
    count: usize,
    /// Bytes of a row.
    size: usize,
}

impl Rows {
    /// # Errors
    /// `TypeError` and `ValueError` where the array has no rows, or their elements are pointers or have gaps.
    fn of(array: &Bound<'_, PyUntypedArray>) -> PyResult<Self> {
        check_storable(&array.dtype(), || place(array).display().to_string())?;
        let (Some((&count, axes)), Some((&stride, strides))) =
            (array.shape().split_first(), array.strides().split_first())
        else {
            return Err(PyTypeError::new_err("an array without axes has no rows"));
        };
        let (mut size, is_empty) = (array.dtype().itemsize(), array.len() == 0);
        for (&axis, &step) in axes.iter().zip(strides).rev() {
            if axis > 1 && !is_empty && usize::try_from(step) != Ok(size) {
                let why = "the rows of this array are not C-contiguous: it is in F order, or shows a part of each row";
                return Err(PyValueError::new_err(format!("{}: {why}", place(array).display())));
            }
            size *= axis;
        }
        // SAFETY: the array is valid.
        let start = unsafe { (*array.as_array_ptr()).fields.data.cast_const().cast() };
        Ok(Self { start, stride, count, size })
    }

    /// The offset of a row from the first one in memory.
    fn offset(self, row: usize) -> usize {
        if self.size == 0 {
            return 0;
        }
        let row = if self.stride < 0 { self.count - 1 - row } else { row };
        row * self.stride.unsigned_abs()
    }

    /// The addresses from the beginning of the first row in memory to the end of the last one.
    fn addresses(self) -> Range<usize> {
        if self.count == 0 || self.size == 0 {
            return 0..0;
        }
        let last = self.count - 1;
        let first =
            if self.stride < 0 { self.start as usize - last * self.stride.unsigned_abs() } else { self.start as usize };
        first..first + last * self.stride.unsigned_abs() + self.size
    }

    /// The memory from the first row to the last one.
    ///
    /// # Safety
    /// The array lives, and its memory stays where it is, as long as the slice is used.
    unsafe fn bytes<'a>(self) -> &'a [u8] {
        let Range { start, end } = self.addresses();
        if start == end {
            return &[];
        }
        // SAFETY: all of a valid array's rows lie in one allocation, between these addresses. As for `samples::bytes`,
        // whoever changes the elements meanwhile changes what is read.
        unsafe { std::slice::from_raw_parts(self.start.with_addr(start), end - start) }
    }
}

/// What an error calls an array: the directory that it is mapped from.
fn place(array: &Bound<'_, PyUntypedArray>) -> PathBuf {
    let file = array.getattr("filename").and_then(|name| name.extract::<PathBuf>());
    file.ok().and_then(|file| Some(file.parent()?.to_owned())).unwrap_or_else(|| PathBuf::from("array"))
}

/// The positions of the rows that an index expression selects.
fn select(array: &Bound<'_, PyUntypedArray>, indices: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    let len = Rows::of(array)?.count;
    index::batch(indices, len, |index| Error::OutOfRange { path: place(array), index, len })
}

/// The rows after code of the caller may have run, which can move them: NumPy arrays can be resized.
fn unmoved(array: &Bound<'_, PyUntypedArray>, before: Rows) -> PyResult<Rows> {
    if Rows::of(array)? == before {
        return Ok(before);
    }
    Err(PyRuntimeError::new_err("the array was changed while a batch of it was prepared"))
}

/// Copies of the rows of `array` that `indices` selects, in one array.
#[pyfunction]
pub fn gather_rows<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyUntypedArray>,
    indices: &Bound<'py, PyAny>,
    dtype: Option<Bound<'py, PyAny>>,
    out: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let rows = Rows::of(array)?;
    let selected = select(array, indices)?;
    let target = Target::new(|| place(array).display().to_string(), &array.dtype(), dtype, out)?;
    let needed: Vec<usize> = iter::once(selected.len()).chain(array.shape()[1..].iter().copied()).collect();
    let values = target.array(|| Source::array(array, rows.addresses()), &needed, |found| found == needed)?;
    let dir = place(array);
    let rows = unmoved(array, rows)?;
    let offsets: Vec<usize> = selected.into_iter().map(|row| rows.offset(row)).collect();
    // SAFETY: the caller keeps the array, and was asked not to resize it, until this function returns.
    let bytes = unsafe { rows.bytes() };
    // SAFETY: as for the batches of samples.
    let room: &mut Out = unsafe { elements(&values) };
    py.detach(|| {
        let pieces = fetch_rows(&dir, bytes, &offsets, rows.size, PrefetchPolicy::IfCold)?;
        if total_len(pieces.iter().map(|piece| piece.len()), target.cast) != Some(room.len()) {
            return Err(memory::refused(&dir));
        }
        concatenate(&pieces, target.cast, room);
        Ok(())
    })?;
    Ok(values.into_any())
}

/// Asks the kernel to read the rows of `array` that `indices` selects.
#[pyfunction]
pub fn prefetch_rows(py: Python<'_>, array: &Bound<'_, PyUntypedArray>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
    let rows = Rows::of(array)?;
    let selected = select(array, indices)?;
    let dir = place(array);
    let rows = unmoved(array, rows)?;
    let offsets: Vec<usize> = selected.into_iter().map(|row| rows.offset(row)).collect();
    // SAFETY: as in `gather_rows`.
    let bytes = unsafe { rows.bytes() };
    py.detach(|| fetch_rows(&dir, bytes, &offsets, rows.size, PrefetchPolicy::Always).map(drop))?;
    Ok(())
}
