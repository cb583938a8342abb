//! Fields of records that come in as arrays: no Python object for each sample.

use std::borrow::Cow;
use std::path::Path;

use numpy::PyUntypedArray;
use numpy::prelude::*;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::dtype::{check_storable, from_numpy};
use super::gathered::{Gathered, texts};
use super::samples::{bytes, contiguous, to_array};
use crate::format::Kind;
use crate::format::dtype::Dtype;
use crate::records::FieldBatch;

/// The name of a field, its kind, its arrays, and the axes behind the first one if they are fixed.
///
/// The arrays are the rows of a dense field; the values, the offsets and the shapes or None of a ragged one; the bytes and
/// the offsets of texts.
pub type GivenColumn<'py> = (String, String, Vec<Bound<'py, PyAny>>, Option<Vec<i64>>);

/// New samples of one field.
pub struct Column<'py> {
    name: String,
    arrays: Arrays<'py>,
    trailing: Option<Vec<i64>>,
}

enum Arrays<'py> {
    Rows(Bound<'py, PyUntypedArray>),
    Samples(Gathered<'py>),
    Texts(Gathered<'py>),
}

impl<'py> Column<'py> {
    /// Checks the arrays of a field of the records in `dir`.
    pub fn collect((name, kind, arrays, trailing): GivenColumn<'py>, dir: &Path) -> PyResult<Self> {
        let dir = dir.join(&name);
        let arrays = match (Kind::parse(kind.as_bytes()), &arrays[..]) {
            (Some(Kind::Numpy), [rows]) => Arrays::Rows(checked_rows(rows, &dir)?),
            (Some(Kind::Ragged), [values, offsets, shapes]) => {
                let shapes = (!shapes.is_none()).then_some(shapes);
                Arrays::Samples(Gathered::collect(values, offsets, shapes, None, &dir)?)
            }
            (Some(Kind::String), [values, offsets]) => Arrays::Texts(texts(values, offsets, &dir)?),
            _ => {
                let what = format!("{}: {} arrays are not the samples of kind '{kind}'", dir.display(), arrays.len());
                return Err(PyTypeError::new_err(what));
            }
        };
        Ok(Self { name, arrays, trailing })
    }

    /// What the arrays hold.
    pub fn parts(&self, dir: &Path) -> PyResult<Parts<'_>> {
        let values = match &self.arrays {
            Arrays::Rows(rows) => {
                let shape = rows.shape().iter().map(|&axis| axis as u64).collect();
                Values::Rows { dtype: from_numpy(&rows.dtype())?, shape, bytes: bytes(rows) }
            }
            Arrays::Samples(samples) => {
                let (bytes, offsets, shapes) = samples.parts(dir)?;
                Values::Samples { dtype: samples.dtype()?, bytes, offsets, shapes }
            }
            Arrays::Texts(texts) => {
                let (bytes, offsets, _) = texts.parts(dir)?;
                Values::Texts { bytes, offsets }
            }
        };
        Ok(Parts { column: self, values })
    }
}

/// The bytes and the offsets of a column.
pub struct Parts<'a> {
    column: &'a Column<'a>,
    values: Values<'a>,
}

enum Values<'a> {
    Rows { dtype: Dtype, shape: Vec<u64>, bytes: &'a [u8] },
    Samples { dtype: Dtype, bytes: &'a [u8], offsets: Cow<'a, [i64]>, shapes: Option<Cow<'a, [i64]>> },
    Texts { bytes: &'a [u8], offsets: Cow<'a, [i64]> },
}

impl Parts<'_> {
    /// The samples for the store.
    pub fn batch(&self) -> FieldBatch<'_> {
        let name = &self.column.name;
        let batch = match &self.values {
            Values::Rows { dtype, shape, bytes } => FieldBatch::dense(name, dtype, shape, bytes),
            Values::Samples { dtype, bytes, offsets, shapes } => {
                FieldBatch::ragged_gathered(name, dtype, bytes, offsets, shapes.as_deref())
            }
            Values::Texts { bytes, offsets } => FieldBatch::strings_gathered(name, bytes, offsets),
        };
        match &self.column.trailing {
            Some(axes) => batch.trailing_axes(axes),
            None => batch,
        }
    }
}

/// An array with a row for every record.
fn checked_rows<'py>(rows: &Bound<'py, PyAny>, dir: &Path) -> PyResult<Bound<'py, PyUntypedArray>> {
    let place = || dir.display().to_string();
    let rows = to_array(rows, None, place)?;
    check_storable(&rows.dtype(), place)?;
    if rows.ndim() == 0 {
        return Err(PyValueError::new_err(format!("{}: an array without axes has no rows", place())));
    }
    contiguous(rows)
}
