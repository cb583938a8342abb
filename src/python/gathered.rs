//! Samples that lie one after another in an array, with their offsets: no Python object for each.

use std::borrow::Cow;
use std::path::Path;

use numpy::prelude::*;
use numpy::{PyArray1, PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::{Owner, view};
use super::batches::{Pair, Target, gather};
use super::dtype::{check_storable, from_numpy, has_dtype};
use super::samples::{bytes, cast, contiguous, to_array};
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::Region;
use crate::memory;
use crate::ragged::{View, Whole};
use crate::sample::Sample;
use crate::strings::View as StringsView;

/// Values, offsets and shapes.
pub type Parts<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// Values of int64, converted where they were int32.
type Integers<'a> = Cow<'a, [i64]>;

/// Samples one after another, as they were given.
pub struct Gathered<'py> {
    values: Bound<'py, PyUntypedArray>,
    offsets: Bound<'py, PyUntypedArray>,
    shapes: Option<Bound<'py, PyUntypedArray>>,
}

impl<'py> Gathered<'py> {
    /// Checks the arrays, all but the offsets in themselves. The values are cast to `descr`, which they must survive.
    pub fn collect(
        values: &Bound<'py, PyAny>,
        offsets: &Bound<'py, PyAny>,
        shapes: Option<&Bound<'py, PyAny>>,
        descr: Option<&Bound<'py, PyArrayDescr>>,
        dir: &Path,
    ) -> PyResult<Self> {
        let place = || format!("{}: values", dir.display());
        let values = to_array(values, descr, place)?;
        check_storable(&values.dtype(), place)?;
        let values = match descr {
            Some(descr) if !has_dtype(&values, descr) => cast(&values, descr, &place())?,
            _ => values,
        };
        let offsets = integers(offsets, "offsets", 1, dir)?;
        let shapes = shapes.map(|shapes| integers(shapes, "shapes", 2, dir)).transpose()?;
        let samples = offsets.len().saturating_sub(1);
        if let Some(shapes) = &shapes
            && shapes.shape()[0] != samples
        {
            let (found, dir) = (shapes.shape()[0], dir.display());
            return Err(PyValueError::new_err(format!("{dir}: shapes has {found} rows for {samples} samples")));
        }
        if values.ndim() != 1 {
            let (axes, dir) = (values.ndim(), dir.display());
            let what = format!("{dir}: values has {axes} axes instead of one; pass values.reshape(-1), and shapes");
            return Err(PyValueError::new_err(what));
        }
        Ok(Self { values: contiguous(values)?, offsets, shapes })
    }

    /// The dtype of the values.
    pub fn dtype(&self) -> PyResult<Dtype> {
        from_numpy(&self.values.dtype())
    }

    /// The bytes of the values, the offsets and the shapes.
    pub fn parts(&self, dir: &Path) -> PyResult<(&[u8], Integers<'_>, Option<Integers<'_>>)> {
        let shapes = self.shapes.as_ref().map(|shapes| wide(shapes, dir)).transpose()?;
        Ok((bytes(&self.values), wide(&self.offsets, dir)?, shapes))
    }
}

/// An array of int32 or int64 without gaps, of `ndim` axes.
fn integers<'py>(
    given: &Bound<'py, PyAny>,
    name: &str,
    ndim: usize,
    dir: &Path,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = to_array(given, None, || format!("{}: {name}", dir.display()))?;
    let (descr, dir) = (array.dtype(), dir.display());
    let is_native = descr.is_native_byteorder().unwrap_or(false);
    if descr.kind() != b'i' || !matches!(descr.itemsize(), 4 | 8) || !is_native {
        return Err(PyTypeError::new_err(format!("{dir}: {name} must be int32 or int64, not {descr}")));
    }
    if array.ndim() != ndim {
        let found = array.ndim();
        return Err(PyValueError::new_err(format!("{dir}: {name} must have the number of axes {ndim}, not {found}")));
    }
    contiguous(array)
}

/// Integers of an array as int64.
fn wide<'a>(array: &'a Bound<'_, PyUntypedArray>, dir: &Path) -> PyResult<Integers<'a>> {
    let bytes = bytes(array);
    if array.dtype().itemsize() == 8 {
        // NumPy may give any address to an array that others made.
        if let Ok(values) = bytemuck::try_cast_slice(bytes) {
            return Ok(Cow::Borrowed(values));
        }
        let words = bytes.as_chunks::<8>().0;
        return Ok(Cow::Owned(memory::collect(dir, words.iter().map(|&word| i64::from_le_bytes(word)))?));
    }
    let words = bytes.as_chunks::<4>().0;
    Ok(Cow::Owned(memory::collect(dir, words.iter().map(|&word| i64::from(i32::from_le_bytes(word))))?))
}

/// UTF-8 bytes of texts one after another.
pub fn texts<'py>(values: &Bound<'py, PyAny>, offsets: &Bound<'py, PyAny>, dir: &Path) -> PyResult<Gathered<'py>> {
    let gathered = Gathered::collect(values, offsets, None, None, dir)?;
    let descr = gathered.values.dtype();
    if descr.itemsize() == 1 && descr.kind() == b'u' {
        return Ok(gathered);
    }
    Err(PyTypeError::new_err(format!("{}: values must be uint8, the bytes of UTF-8, not {descr}", dir.display())))
}

/// All samples of a map one after another: a view of the mapped elements, unless they do not lie in order.
pub fn whole<'py>(py: Python<'py>, shown: &View, descr: &Py<PyArrayDescr>, owner: &Py<Owner>) -> PyResult<Parts<'py>> {
    let Whole { offsets, shapes } = py.detach(|| shown.whole())?;
    let (values, offsets) = if let Some(offsets) = offsets {
        let values = all_bytes(py, descr, owner, shown.extents.data.bytes())?;
        (values, PyArray1::from_vec(py, offsets).into_any())
    } else {
        let samples = memory::try_collect(&shown.dir, (0..shown.len).map(|index| shown.get(index)))?;
        let pieces = memory::collect(&shown.dir, samples.iter().map(|sample| sample.bytes))?;
        concatenated(&shown.dir, &shown.extents.data, descr.bind(py), &pieces)?
    };
    let shapes = shapes.map(|(rank, axes)| PyArray1::from_vec(py, axes).reshape([shown.len, rank]));
    Ok((values, offsets, shapes.transpose()?.map(Bound::into_any)))
}

/// The UTF-8 bytes of all texts one after another, which were checked: a view of the mapped ones, unless they are
/// compressed or do not lie in order.
pub fn whole_texts<'py>(py: Python<'py>, shown: &StringsView) -> PyResult<Pair<'py>> {
    if let Some(offsets) = py.detach(|| shown.whole())? {
        let region: &Region = &shown.extents.data;
        py.detach(|| shown.check_utf8(region.bytes(), &offsets))?;
        let owner = Py::new(py, Owner::new(region.clone()))?;
        let values = all_bytes(py, &numpy::dtype::<u8>(py).unbind(), &owner, region.bytes())?;
        return Ok((values, PyArray1::from_vec(py, offsets).into_any()));
    }
    let indices: Vec<usize> = memory::collect(&shown.dir, 0..shown.len)?;
    let strings = py.detach(|| shown.gather(&indices, PrefetchPolicy::IfCold))?;
    let pieces: Vec<&[u8]> = memory::collect(&shown.dir, strings.iter().map(AsRef::as_ref))?;
    let (values, offsets) = concatenated(&shown.dir, &shown.extents.data, &numpy::dtype::<u8>(py), &pieces)?;
    {
        let (values, offsets) = (values.cast::<PyUntypedArray>()?, offsets.cast::<PyUntypedArray>()?);
        let (bytes, offsets) = (bytes(values), wide(offsets, &shown.dir)?);
        py.detach(|| shown.check_utf8(bytes, &offsets))?;
    }
    Ok((values, offsets))
}

/// The pieces of mapped `data` in one new array, and the offsets at which each begins and ends.
fn concatenated<'py>(
    dir: &Path,
    data: &Region,
    descr: &Bound<'py, PyArrayDescr>,
    pieces: &[&[u8]],
) -> PyResult<Pair<'py>> {
    let target = Target::new(|| dir.display().to_string(), descr, None, None)?;
    gather(dir, data, &target, pieces)
}

/// A read-only view of mapped bytes, of one axis.
fn all_bytes<'py>(
    py: Python<'py>,
    descr: &Py<PyArrayDescr>,
    owner: &Py<Owner>,
    bytes: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let shape = [(bytes.len() / descr.bind(py).itemsize()) as i64];
    view(py, descr, owner, Sample { bytes, shape: &shape }, false)
}
