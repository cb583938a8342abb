//! Reading plans; `mmap_ninja.plans` has the classes that users see.

use std::cell::Cell;
use std::path::Path;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

use super::error::is_signalled;
use super::index;
use crate::cancel::Cancellation;
use crate::error::Error;
use crate::memory;
use crate::plans::{Count, Lengths, Long, Piece, Plan, Stride, budget, pack, windows};

/// Three columns of int64: samples, starts and lengths.
type Columns<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// Batches, rows or windows.
#[pyclass(frozen, name = "Plan", module = "mmap_ninja._core")]
pub struct PyPlan(pub(super) Plan);

#[pymethods]
impl PyPlan {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The pieces of the items at `indices`, one after another.
    fn pieces<'py>(&self, indices: &Bound<'py, PyAny>) -> PyResult<Columns<'py>> {
        let py = indices.py();
        let items = positions(indices, self.0.len())?;
        let (samples, starts, lengths) = py.detach(|| self.columns(&items))?;
        Ok((PyArray1::from_vec(py, samples), PyArray1::from_vec(py, starts), PyArray1::from_vec(py, lengths)))
    }

    /// Bytes of memory.
    #[getter]
    fn nbytes(&self) -> usize {
        self.0.size()
    }

    /// Batches, given, placed, room, repeated, split, cut, dropped and left out.
    fn report(&self) -> Report {
        let report = self.0.report();
        let pair = |count: Count| (count.samples, count.elements);
        (
            report.batches,
            pair(report.given),
            report.placed,
            report.room,
            report.repeated,
            pair(report.split),
            pair(report.cut),
            pair(report.dropped),
            pair(report.left_out),
        )
    }
}

type Pair = (usize, u64);
type Report = (usize, Pair, u64, u64, u64, Pair, Pair, Pair, Pair);

impl PyPlan {
    fn columns(&self, items: &[usize]) -> crate::Result<(Vec<i64>, Vec<i64>, Vec<i64>)> {
        let pieces = self.0.gather(items)?;
        let column = |value: fn(&Piece) -> usize| {
            memory::collect(Path::new("plan"), pieces.iter().map(|piece| value(piece) as i64))
        };
        Ok((column(|piece| piece.sample)?, column(|piece| piece.start)?, column(|piece| piece.len)?))
    }
}

/// The items that an index expression selects: one or several.
fn positions(indices: &Bound<'_, PyAny>, len: usize) -> PyResult<Vec<usize>> {
    let missing = Cell::new(None);
    let absent = |position| {
        missing.set(Some(position));
        Error::Argument { what: String::new() }
    };
    let found = index::Index::parse(indices, len, absent).map_err(|error| match missing.get() {
        Some(position) => PyIndexError::new_err(format!("index {position} is out of range for a plan of {len} items")),
        None => error,
    })?;
    Ok(match found {
        index::Index::One(position) => vec![position],
        index::Index::Many(positions) => positions,
    })
}

/// Makes a plan while detached from the interpreter. Signal handlers run in between, and their exceptions end it.
fn planned(
    lengths: &PyReadonlyArray1<'_, i64>,
    make: impl FnOnce(Lengths, &Cancellation) -> crate::Result<Plan> + Send,
) -> PyResult<PyPlan> {
    let values = lengths.as_slice().map_err(|_| PyValueError::new_err("lengths must be contiguous"))?;
    let cancel = Cancellation::when(is_signalled);
    let plan = lengths.py().detach(|| make(Lengths::new(values, &cancel)?, &cancel))?;
    Ok(PyPlan(plan))
}

/// Batches of samples of like length within a budget of elements.
#[pyfunction]
pub fn plan_budget(lengths: PyReadonlyArray1<'_, i64>, max_elements: usize, multiple_of: usize) -> PyResult<PyPlan> {
    planned(&lengths, |lengths, cancel| budget(lengths, max_elements, multiple_of, cancel))
}

/// Rows of `length` elements.
#[pyfunction]
pub fn plan_pack(lengths: PyReadonlyArray1<'_, i64>, length: usize, long: &str) -> PyResult<PyPlan> {
    let long = match long {
        "error" => Long::Error,
        "split" => Long::Split,
        "cut" => Long::Cut,
        "drop" => Long::Drop,
        _ => {
            let what = format!("long must be 'error', 'split', 'cut' or 'drop', not '{long}'");
            return Err(PyValueError::new_err(what));
        }
    };
    planned(&lengths, |lengths, cancel| pack(lengths, length, long, cancel))
}

/// Windows of `length` elements.
#[pyfunction]
pub fn plan_windows(
    lengths: PyReadonlyArray1<'_, i64>,
    length: usize,
    stride: usize,
    across: bool,
) -> PyResult<PyPlan> {
    let stride = Stride { elements: stride, is_across: across };
    planned(&lengths, |lengths, cancel| windows(&lengths, length, stride, cancel))
}
