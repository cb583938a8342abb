//! `m[i] = value`: every value is checked before the first is written.

use std::path::Path;

use numpy::PyUntypedArray;
use numpy::prelude::*;
use pyo3::prelude::*;

use super::array::view;
use super::index::Index;
use super::ragged_state::State;
use super::samples::to_contiguous;
use crate::error::Error;
use crate::sample::{Sample, product};

/// The indices to assign to and their values, as many of one as of the other.
pub fn pairs<'py>(
    index: Index,
    value: &Bound<'py, PyAny>,
    dir: &Path,
) -> PyResult<impl Iterator<Item = (usize, Bound<'py, PyAny>)>> {
    let (indices, values) = match index {
        Index::One(index) => (vec![index], vec![value.clone()]),
        Index::Many(indices) => (indices, value.try_iter()?.collect::<PyResult<Vec<_>>>()?),
    };
    if indices.len() != values.len() {
        let (found, expected) = (values.len(), indices.len());
        let what = format!("{}: {found} values cannot be assigned to {expected} samples", dir.display());
        return Err(Error::Shape { what }.into());
    }
    Ok(indices.into_iter().zip(values))
}

/// A sample to write to, and its new value.
pub type Change<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A writable view of the sample at `index`, and a copy of a value that fits it: of its shape, or all its elements in a
/// row. Being a copy, the value stays the same whatever else is assigned to.
pub fn change<'py>(py: Python<'py>, state: &State, index: usize, value: &Bound<'py, PyAny>) -> PyResult<Change<'py>> {
    let sample = state.view.get(index)?;
    let mut descr = Some(state.descr()?.bind(py).clone());
    let value = to_contiguous(value, &mut descr, &state.view.dir, index)?;
    let value = value.call_method0("copy")?.cast_into::<PyUntypedArray>()?;
    let found: &[i64] = bytemuck::cast_slice(value.shape());
    let is_row = sample.shape.len() > 1 && found.len() == 1 && product(sample.shape) == Some(found[0]);
    if found != sample.shape && !is_row {
        let dir = state.view.dir.display();
        let what = format!("{dir}: sample {index} has the shape {:?}, the new one has {found:?}", sample.shape);
        return Err(Error::Shape { what }.into());
    }
    let shape = if is_row { found } else { sample.shape };
    let target = view(py, state.descr()?, &state.owner, Sample { shape, ..sample }, true)?;
    Ok((target, value.into_any()))
}
