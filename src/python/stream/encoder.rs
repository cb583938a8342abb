//! Checks a sample when it arrives, and turns it into bytes that can be copied.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::prelude::*;

use crate::compression::Compression;
use crate::format::dtype::Dtype;
use crate::options::Options;
use crate::python::build::ended;
use crate::python::dtype::{check_storable, from_numpy, to_numpy};
use crate::python::samples::{bytes, to_contiguous};
use crate::python::strings::text;
use crate::ragged::Ragged;
use crate::stream::resume::{open_ragged, open_strings};
use crate::stream::sinks::{RaggedSink, StringsSink};
use crate::stream::{Block, Sink};
use crate::strings::Strings;

/// The half of a stream that knows Python's samples; a sink stores their bytes.
pub trait SampleEncoder: Send {
    /// The dataset's directory.
    fn dir(&self) -> &Path;

    /// The number of samples that are already stored.
    fn stored(&self) -> usize;

    /// Checks the sample that gets the given index.
    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>>;

    /// Whether the dtype is still open, since all samples were lists without elements.
    fn is_undecided(&self) -> bool {
        false
    }

    /// Decides an open dtype: that which NumPy gives a list without elements.
    fn decide(&mut self, _py: Python<'_>) -> PyResult<()> {
        Ok(())
    }

    /// Whether the first batch decides how all others are stored, so that it must not be split.
    fn needs_whole_first_batch(&self) -> bool;

    /// Opens the sink. `first` is the block that it will be given first.
    fn sink(&mut self, py: Python<'_>, first: &mut Block) -> PyResult<Box<dyn Sink>>;
}

/// A sample that was checked.
pub enum Encoded<'a, 'py> {
    /// An array in C order without gaps.
    Array(Bound<'py, PyUntypedArray>),
    /// A text, and its length in bytes.
    Text(Cow<'a, str>, [i64; 1]),
}

impl Encoded<'_, '_> {
    /// The bytes, the number of elements, and the shape.
    pub fn parts(&self) -> (&[u8], i64, &[i64]) {
        match self {
            Self::Array(array) => (bytes(array), array.len() as i64, bytemuck::cast_slice(array.shape())),
            Self::Text(text, len) => (text.as_bytes(), len[0], len),
        }
    }
}

/// Samples of any shape.
pub struct RaggedEncoder {
    dir: PathBuf,
    store: Option<Ragged>,
    /// The dtype that samples are cast to: that of the dataset, the one that was asked for, or that of the first sample
    /// that has one.
    dtype: Option<(Py<PyArrayDescr>, Dtype)>,
    stored: usize,
}

impl RaggedEncoder {
    pub fn open(py: Python<'_>, dir: PathBuf, options: &Options, dtype: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let asked = match dtype {
            None => None,
            Some(dtype) => {
                let descr = PyArrayDescr::new(py, dtype)?;
                check_storable(&descr, || dir.display().to_string())?;
                let dtype = from_numpy(&descr)?;
                Some((descr.unbind(), dtype))
            }
        };
        let store = open_ragged(&dir, options, asked.as_ref().map(|(_, dtype)| dtype))?;
        let dtype = match store.dtype() {
            Some(stored) => Some((to_numpy(py, stored)?.unbind(), stored.clone())),
            None => asked,
        };
        let stored = store.len();
        Ok(Self { dir, store: Some(store), dtype, stored })
    }
}

impl SampleEncoder for RaggedEncoder {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let py = sample.py();
        let mut descr = self.dtype.as_ref().map(|(descr, _)| descr.bind(py).clone());
        let array = to_contiguous(sample, &mut descr, &self.dir, index)?;
        if let (None, Some(descr)) = (&self.dtype, descr) {
            let dtype = from_numpy(&descr)?;
            self.dtype = Some((descr.unbind(), dtype));
        }
        Ok(Encoded::Array(array))
    }

    fn is_undecided(&self) -> bool {
        self.dtype.is_none()
    }

    fn decide(&mut self, py: Python<'_>) -> PyResult<()> {
        self.dtype = Some((numpy::dtype::<f64>(py).unbind(), Dtype::of::<f64>()));
        Ok(())
    }

    fn needs_whole_first_batch(&self) -> bool {
        false
    }

    fn sink(&mut self, _py: Python<'_>, _first: &mut Block) -> PyResult<Box<dyn Sink>> {
        let dtype = self.dtype.as_ref().map(|(_, dtype)| dtype.clone());
        let (store, dtype) = self.store.take().zip(dtype).ok_or_else(ended)?;
        Ok(Box::new(RaggedSink::new(store, dtype)))
    }
}

/// Texts.
pub struct TextEncoder {
    dir: PathBuf,
    store: Option<Strings>,
    compression: Option<Compression>,
    stored: usize,
}

impl TextEncoder {
    pub fn open(dir: PathBuf, options: &Options, compression: Option<Compression>) -> PyResult<Self> {
        let store = open_strings(&dir, options, compression)?;
        let stored = store.len();
        Ok(Self { dir, store: Some(store), compression, stored })
    }
}

impl SampleEncoder for TextEncoder {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let text = text(sample, &self.dir, index)?;
        let len = [text.len() as i64];
        Ok(Encoded::Text(text, len))
    }

    fn needs_whole_first_batch(&self) -> bool {
        self.stored == 0 && self.compression.is_some_and(|compression| compression.dict_size.is_some())
    }

    fn sink(&mut self, _py: Python<'_>, _first: &mut Block) -> PyResult<Box<dyn Sink>> {
        let store = self.store.take().ok_or_else(ended)?;
        Ok(Box::new(StringsSink::new(store, self.compression)))
    }
}
