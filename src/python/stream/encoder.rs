//! Checks a sample when it arrives, and turns it into bytes that can be copied.

use std::borrow::Cow;
use std::path::PathBuf;

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::prelude::*;

use crate::compression::Compression;
use crate::error::Error;
use crate::format::dtype::Dtype;
use crate::python::build::ended;
use crate::python::dtype::{check_storable, from_numpy, to_numpy};
use crate::python::samples::{bytes, place, to_contiguous};
use crate::python::texts::text;
use crate::records::Form;
use crate::stream::BlockColumn;

/// The half of a stream that knows Python's samples; a sink stores their bytes.
pub trait SampleEncoder: Send {
    /// Checks the sample that gets the given index.
    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>>;

    /// Whether the dtype is still open, since all samples were lists without elements.
    fn is_undecided(&self) -> bool {
        false
    }

    /// Decides an open dtype: that which NumPy gives a list without elements.
    fn decide(&mut self, _py: Python<'_>) {}

    /// Whether the first batch decides how all others are stored, so that it must not be split.
    fn needs_whole_first_batch(&self) -> bool;

    /// What the samples are stored as. `first` holds those of the block that is stored first.
    fn form(&mut self, py: Python<'_>, first: &mut BlockColumn) -> PyResult<Form>;
}

/// A sample that was checked.
pub enum Encoded<'a, 'py> {
    /// An array in C order without gaps.
    Array(Bound<'py, PyUntypedArray>),
    /// An array without elements, and its shape.
    Empty(Vec<i64>),
    /// A text, and its length in bytes.
    Text(Cow<'a, str>, [i64; 1]),
}

impl Encoded<'_, '_> {
    /// The bytes, the number of elements, and the shape.
    pub fn parts(&self) -> (&[u8], i64, &[i64]) {
        match self {
            Self::Array(array) => (bytes(array), array.len() as i64, bytemuck::cast_slice(array.shape())),
            Self::Empty(shape) => (&[], 0, shape),
            Self::Text(text, len) => (text.as_bytes(), len[0], len),
        }
    }
}

/// A dtype as NumPy and as the core have it.
pub type DtypePair = (Py<PyArrayDescr>, Dtype);

/// The pair for a dtype that a user asks for.
pub fn asked_dtype(py: Python<'_>, dtype: Bound<'_, PyAny>, place: impl Fn() -> String) -> PyResult<DtypePair> {
    let descr = PyArrayDescr::new(py, dtype)?;
    check_storable(&descr, place)?;
    let dtype = from_numpy(&descr)?;
    Ok((descr.unbind(), dtype))
}

/// The pair for a dtype that is stored.
pub fn stored_dtype(py: Python<'_>, dtype: &Dtype) -> PyResult<DtypePair> {
    Ok((to_numpy(py, dtype)?.unbind(), dtype.clone()))
}

/// Samples of any shape.
pub struct RaggedEncoder {
    dir: PathBuf,
    /// The dtype that samples are cast to: that of the dataset, the one that was asked for, or that of the first sample
    /// that has one.
    dtype: Option<DtypePair>,
    /// The axes behind the first one, where they are fixed.
    trailing: Option<Vec<i64>>,
}

impl RaggedEncoder {
    pub fn new(dir: PathBuf, dtype: Option<DtypePair>, trailing: Option<Vec<i64>>) -> Self {
        Self { dir, dtype, trailing }
    }

    /// The shape of a sample of which only the axes behind the first one are known; `None` where the array has all.
    fn check_axes(&self, array: &Bound<'_, PyUntypedArray>, index: usize) -> PyResult<Option<Vec<i64>>> {
        let Some(trailing) = &self.trailing else { return Ok(None) };
        let found: &[i64] = bytemuck::cast_slice(array.shape());
        if found.get(1..) == Some(trailing) {
            return Ok(None);
        }
        if found == [0] {
            return Ok(Some(std::iter::once(0).chain(trailing.iter().copied()).collect()));
        }
        let expected: Vec<_> = std::iter::once(-1).chain(trailing.iter().copied()).collect();
        let what = format!("{} has the shape {found:?}, expected {expected:?}", place(&self.dir, index));
        Err(Error::Shape { what }.into())
    }
}

impl SampleEncoder for RaggedEncoder {
    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let py = sample.py();
        let mut descr = self.dtype.as_ref().map(|(descr, _)| descr.bind(py).clone());
        let array = to_contiguous(sample, &mut descr, &self.dir, index)?;
        let empty = self.check_axes(&array, index)?;
        if let (None, Some(descr)) = (&self.dtype, descr) {
            let dtype = from_numpy(&descr)?;
            self.dtype = Some((descr.unbind(), dtype));
        }
        Ok(empty.map_or(Encoded::Array(array), Encoded::Empty))
    }

    fn is_undecided(&self) -> bool {
        self.dtype.is_none()
    }

    fn decide(&mut self, py: Python<'_>) {
        self.dtype = Some((numpy::dtype::<f64>(py).unbind(), Dtype::of::<f64>()));
    }

    fn needs_whole_first_batch(&self) -> bool {
        false
    }

    fn form(&mut self, _py: Python<'_>, _first: &mut BlockColumn) -> PyResult<Form> {
        self.dtype.as_ref().map(|(_, dtype)| Form::Ragged(dtype.clone())).ok_or_else(ended)
    }
}

/// Texts.
pub struct TextEncoder {
    dir: PathBuf,
    compression: Option<Compression>,
    /// Whether the first texts train a dictionary.
    trains: bool,
}

impl TextEncoder {
    /// Texts that follow `stored` others.
    pub fn new(dir: PathBuf, compression: Option<Compression>, stored: usize) -> Self {
        let trains = stored == 0 && compression.is_some_and(|compression| compression.dict_size.is_some());
        Self { dir, compression, trains }
    }
}

impl SampleEncoder for TextEncoder {
    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let text = text(sample, &self.dir, index)?;
        let len = [text.len() as i64];
        Ok(Encoded::Text(text, len))
    }

    fn needs_whole_first_batch(&self) -> bool {
        self.trains
    }

    fn form(&mut self, _py: Python<'_>, _first: &mut BlockColumn) -> PyResult<Form> {
        Ok(Form::Strings(self.compression))
    }
}
