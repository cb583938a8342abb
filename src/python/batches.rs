//! Batches for Python. Bytes are copied while detached from the interpreter.

use std::iter;
use std::path::Path;

use numpy::prelude::*;
use numpy::{PyArray1, PyArrayDescr, PyReadonlyArrayDyn, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PySlice;

use super::array::{empty, out};
use super::dtype::{has_dtype, number};
use super::index::integer;
use super::out::Source;
use super::samples::{bytes, cast, to_array};
use crate::batch::Out;
use crate::batch::cast::Cast;
use crate::batch::gather::{arrow_offsets, concatenate, total_len};
use crate::batch::pad::{Padding, PaddingSide, pad};
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::Region;
use crate::memory;
use crate::ragged::View;

/// Two arrays.
pub type Pair<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// What a batch is written as, and where.
pub struct Target<'py> {
    pub descr: Bound<'py, PyArrayDescr>,
    pub cast: Cast,
    /// The array of the caller that it fills.
    pub out: Option<Bound<'py, PyAny>>,
}

impl<'py> Target<'py> {
    /// Elements of the dtype `stored` as they are, or cast to the one that the caller names.
    pub fn new(
        place: impl Fn() -> String,
        stored: &Bound<'py, PyArrayDescr>,
        dtype: Option<Bound<'py, PyAny>>,
        out: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let wanted = dtype.map(|dtype| PyArrayDescr::new(stored.py(), dtype)).transpose()?;
        let Some(descr) = wanted.filter(|wanted| !wanted.is_equiv_to(stored)) else {
            return Ok(Self { descr: stored.clone(), cast: Cast::none(stored.itemsize()), out });
        };
        let cast = number(stored).zip(number(&descr)).and_then(|(from, to)| Cast::new(&from, &to));
        let cast = cast.ok_or_else(|| {
            let what = "a batch is cast between booleans, integers and floats where numpy.can_cast calls it safe; otherwise \
                        call astype on the batch, which a Loader does in its transform";
            PyTypeError::new_err(format!("{}: no cast from {stored} to {descr}: {what}", place()))
        })?;
        Ok(Self { descr, cast, out })
    }

    /// The caller's array if its shape fits and it is not memory of the source, else a new one of the shape `needed`.
    pub fn array(
        &self,
        source: impl FnOnce() -> Source,
        needed: &[usize],
        fits: impl Fn(&[usize]) -> bool,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        match &self.out {
            None => empty(self.descr.py(), &self.descr, needed),
            Some(given) => source().check_out(given, &self.descr, needed, fits),
        }
    }
}

/// The `pieces` in one array, and the offsets at which each begins and ends.
pub fn gather<'py>(dir: &Path, data: &Region, target: &Target<'py>, pieces: &[&[u8]]) -> PyResult<Pair<'py>> {
    let (py, cast) = (target.descr.py(), target.cast);
    let total = total_len(pieces.iter().map(|piece| piece.len()), cast).ok_or_else(|| memory::refused(dir))?;
    let offsets = arrow_offsets(dir, pieces.iter().map(|piece| cast.count(piece.len())))?;
    let count = total / cast.item_size();
    let values = target.array(|| Source::from(data), &[count], |found| found[0] >= count)?;
    // SAFETY: the array is new, or was checked to be writable and outside the mapped bytes; a caller that passes it for
    // writing does not use it during the call.
    let room: &mut Out = unsafe { out(&values) };
    py.detach(|| concatenate(pieces, cast, &mut room[..total]));
    let offsets = PyArray1::from_vec(py, offsets).into_any();
    if target.out.is_none() {
        return Ok((values.into_any(), offsets));
    }
    Ok((values.get_item(PySlice::new(py, 0, count.cast_signed(), 1))?, offsets))
}

/// How to pad a batch, as callers state it.
pub struct PadOptions<'py, 'a> {
    pub value: Bound<'py, PyAny>,
    pub side: &'a str,
    pub max_length: Option<i64>,
    pub start: Bound<'py, PyAny>,
}

/// The samples at `indices` in one array, and their unpadded sizes.
pub fn padded<'py>(
    view: &View,
    target: &Target<'py>,
    indices: &[usize],
    options: &PadOptions<'py, '_>,
) -> PyResult<Pair<'py>> {
    let (py, cast) = (target.descr.py(), target.cast);
    let side = side(options.side)?;
    let max_length = options.max_length.map(usize::try_from).transpose();
    let max_length = max_length.map_err(|_| PyValueError::new_err("max_length must not be negative"))?;
    let value = element(&options.value, &target.descr, &view.dir)?;
    let samples = py.detach(|| view.samples(indices, PrefetchPolicy::IfCold))?;
    let starts = starts(&options.start, samples.len(), view.rank_of(&samples))?;
    let padding = Padding { value: &value, side, max_length, starts: &starts };
    let plan = view.plan_padded(indices, &samples, &padding)?;
    let needed: Vec<usize> = iter::once(samples.len()).chain(plan.shape.iter().copied()).collect();
    let fits = |found: &[usize]| found[0] == samples.len() && found.iter().zip(&needed).all(|(a, b)| a >= b);
    let batch = target.array(|| Source::from(&view.extents.data), &needed, fits)?;
    // SAFETY: as in `gather`.
    let room: &mut Out = unsafe { out(&batch) };
    let shape = batch.shape()[1..].to_vec();
    py.detach(|| pad(&samples, &shape, &padding, cast, room));
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
pub fn element(value: &Bound<'_, PyAny>, descr: &Bound<'_, PyArrayDescr>, dir: &Path) -> PyResult<Vec<u8>> {
    if value.extract::<i64>().is_ok_and(|number| number == 0) {
        return Ok(vec![0; descr.itemsize()]);
    }
    let place = || format!("{}: padding_value", dir.display());
    let array = to_array(value, Some(descr), place)?;
    if array.ndim() != 0 {
        return Err(PyValueError::new_err("padding_value must be a scalar"));
    }
    let array = if has_dtype(&array, descr) { array } else { cast(&array, descr, &place())? };
    Ok(bytes(&array).to_vec())
}

/// The first entries to keep of all axes of all samples, from one integer or one for each axis of each sample; none where
/// all are 0.
fn starts(given: &Bound<'_, PyAny>, samples: usize, rank: usize) -> PyResult<Vec<usize>> {
    let not_negative = |start: isize| {
        usize::try_from(start).map_err(|_| PyValueError::new_err(format!("start must not be negative, but is {start}")))
    };
    if let Some(start) = integer(given)? {
        let start = not_negative(start)?;
        return Ok(if start == 0 { Vec::new() } else { vec![start; samples * rank] });
    }
    let array = to_array(given, None, || "start".to_owned())?;
    let needed = if rank == 1 { vec![samples] } else { vec![samples, rank] };
    if array.shape() != needed {
        let found = array.shape();
        let what =
            format!("start has the shape {found:?}; it is an integer, or has the shape of the lengths, {needed:?}");
        return Err(PyValueError::new_err(what));
    }
    if let Ok(starts) = array.extract::<PyReadonlyArrayDyn<'_, i64>>() {
        return starts.as_array().iter().map(|&start| not_negative(isize::try_from(start)?)).collect();
    }
    let items = array.call_method0("ravel")?.call_method0("tolist")?;
    let start = |item: PyResult<Bound<'_, PyAny>>| {
        let not_whole = || PyTypeError::new_err(format!("start must be of integers, not {}", array.dtype()));
        not_negative(integer(&item?)?.ok_or_else(not_whole)?)
    };
    items.try_iter()?.map(start).collect()
}
