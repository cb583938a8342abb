//! Batches of pieces of samples: one after another, or as the rows of one array.

use std::path::Path;

use numpy::prelude::*;
use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;

use super::array::{empty, out};
use super::batches::Target;
use super::index::integer;
use super::ragged_state::State;
use crate::batch::cast::Cast;
use crate::batch::gather::{concatenate, total_len};
use crate::error::{Error, Result};
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::plans::Piece;

/// Values, offsets and positions.
pub type Packed<'py> = (Bound<'py, PyAny>, Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<i64>>);

/// Pieces with starts and lengths, or whole samples, one after another.
pub fn read_packed<'py>(
    state: &State,
    samples: &Bound<'py, PyAny>,
    extents: Option<(&Bound<'py, PyAny>, &Bound<'py, PyAny>)>,
    across: bool,
    dtype: Option<Bound<'py, PyAny>>,
) -> PyResult<Packed<'py>> {
    let (py, view, samples) = (samples.py(), &state.view, state.positions(samples)?);
    let bytes = if let Some((starts, lengths)) = extents {
        let lengths = Lengths::parse(lengths, samples.len())?;
        let pieces = pieces(&view.dir, &samples, starts, &lengths)?;
        py.detach(|| view.pieces(&pieces, across, PrefetchPolicy::IfCold))?
    } else {
        let samples = py.detach(|| view.samples(&samples, PrefetchPolicy::IfCold))?;
        memory::collect(&view.dir, samples.iter().map(|sample| sample.bytes))?
    };
    packed(&view.dir, &state.target(py, dtype, None)?, &bytes)
}

/// Slices of one length as the rows of an array.
pub fn read_rows<'py>(
    state: &State,
    samples: &Bound<'py, PyAny>,
    starts: &Bound<'py, PyAny>,
    length: isize,
    across: bool,
    dtype: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, view, samples) = (samples.py(), &state.view, state.positions(samples)?);
    let length = self::length(length)?;
    let pieces = pieces(&view.dir, &samples, starts, &Lengths::All(length))?;
    let bytes = py.detach(|| view.pieces(&pieces, across, PrefetchPolicy::IfCold))?;
    rows(&view.dir, &state.target(py, dtype, None)?, &bytes, length)
}

/// How long pieces are.
enum Lengths {
    All(usize),
    Each(Vec<usize>),
}

impl Lengths {
    /// The lengths of `count` pieces: an integer or an array of integers.
    fn parse(value: &Bound<'_, PyAny>, count: usize) -> PyResult<Self> {
        match integer(value)? {
            Some(length) => self::length(length).map(Self::All),
            None => column(value, "lengths", count).map(Self::Each),
        }
    }
}

/// The length of all slices.
fn length(length: isize) -> PyResult<usize> {
    usize::try_from(length).map_err(|_| PyValueError::new_err(format!("length must be at least 0, not {length}")))
}

/// The pieces of `samples` that have these starts and lengths.
fn pieces(dir: &Path, samples: &[usize], starts: &Bound<'_, PyAny>, lengths: &Lengths) -> PyResult<Vec<Piece>> {
    let starts = column(starts, "starts", samples.len())?;
    let piece = |place: usize| {
        let len = match lengths {
            Lengths::All(length) => *length,
            Lengths::Each(lengths) => lengths[place],
        };
        Piece { sample: samples[place], start: starts[place], len }
    };
    Ok(memory::collect(dir, (0..samples.len()).map(piece))?)
}

/// The values of an array of `count` integers, none of which is negative.
fn column(value: &Bound<'_, PyAny>, name: &str, count: usize) -> PyResult<Vec<usize>> {
    let numpy = value.py().import(intern!(value.py(), "numpy"))?;
    let array = numpy.call_method1(intern!(value.py(), "asarray"), (value,))?;
    let untyped = array.cast::<PyUntypedArray>()?;
    if untyped.shape() != [count] {
        let found = untyped.shape();
        return Err(PyValueError::new_err(format!("{name} has the shape {found:?}, {count} samples need [{count}]")));
    }
    if !matches!(untyped.dtype().kind(), b'i' | b'u') && count > 0 {
        return Err(PyTypeError::new_err(format!("{name} must be integers, not {}", untyped.dtype())));
    }
    let array = numpy.call_method1(intern!(value.py(), "asarray"), (array, numpy::dtype::<i64>(value.py())))?;
    let values = array.extract::<PyReadonlyArray1<'_, i64>>()?;
    let unsigned = values.as_array().iter().map(|&value| usize::try_from(value)).collect::<std::result::Result<_, _>>();
    unsigned.map_err(|_| PyValueError::new_err(format!("{name} must not be negative, nor exceed 2**63 - 1")))
}

/// The pieces one after another, where each begins and ends, and the position of every element in its piece.
fn packed<'py>(dir: &Path, target: &Target<'py>, pieces: &[&[u8]]) -> PyResult<Packed<'py>> {
    let (py, cast) = (target.descr.py(), target.cast);
    let size = total_len(pieces.iter().map(|piece| piece.len()), cast).ok_or_else(|| memory::refused(dir))?;
    let total = size / cast.item_size();
    let offsets = offsets(dir, pieces, cast, total)?;
    let values = empty(py, &target.descr, &[total])?;
    // SAFETY: the array is new, so that nothing else refers to it.
    let room = unsafe { out(&values) };
    let positions = py.detach(|| {
        concatenate(pieces, cast, room);
        positions(dir, pieces, cast, total)
    })?;
    Ok((values.into_any(), PyArray1::from_vec(py, offsets), PyArray1::from_vec(py, positions)))
}

/// Where each piece begins and ends, as kernels for attention of variable length take it.
fn offsets(dir: &Path, pieces: &[&[u8]], cast: Cast, total: usize) -> Result<Vec<i32>> {
    let mut end = i32::try_from(total).map(|_| 0).map_err(|_| Error::Argument {
        what: format!("a packed batch of {total} elements exceeds its int32 offsets; take fewer rows at a time"),
    })?;
    let mut offsets = memory::with_room(dir, pieces.len() + 1)?;
    offsets.push(0);
    offsets.extend(pieces.iter().map(|piece| {
        end += i32::try_from(cast.count(piece.len())).unwrap_or(0);
        end
    }));
    Ok(offsets)
}

fn positions(dir: &Path, pieces: &[&[u8]], cast: Cast, total: usize) -> Result<Vec<i64>> {
    let mut positions = memory::with_room(dir, total)?;
    for piece in pieces {
        positions.extend(0..cast.count(piece.len()) as i64);
    }
    Ok(positions)
}

/// Pieces of `length` elements as the rows of one array.
fn rows<'py>(dir: &Path, target: &Target<'py>, pieces: &[&[u8]], length: usize) -> PyResult<Bound<'py, PyAny>> {
    let (py, cast) = (target.descr.py(), target.cast);
    total_len(pieces.iter().map(|piece| piece.len()), cast).ok_or_else(|| memory::refused(dir))?;
    let values = empty(py, &target.descr, &[pieces.len(), length])?;
    // SAFETY: the array is new, so that nothing else refers to it.
    let room = unsafe { out(&values) };
    py.detach(|| concatenate(pieces, cast, room));
    Ok(values.into_any())
}
