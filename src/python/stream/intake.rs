//! What becomes of a sample that arrives: it is checked, and shown as bytes that can be copied.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::prelude::*;

use crate::compression::Compression;
use crate::format::dtype::Dtype;
use crate::options::Options;
use crate::python::dtype::{from_numpy, to_numpy};
use crate::python::samples::{bytes, fitted};
use crate::python::strings::text;
use crate::ragged::Ragged;
use crate::stream::{Arrays, Block, Sink, Texts};
use crate::strings::Strings;

/// The half of a store that meets Python's samples.
pub trait Intake: Send {
    /// The data set's directory.
    fn dir(&self) -> &Path;

    /// Samples that are there.
    fn stored(&self) -> usize;

    /// Checks the sample of an index.
    fn take<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Held<'a, 'py>>;

    /// Whether the first batch decides how all others are stored, so that it must not be cut.
    fn learns_from_first(&self) -> bool;

    /// The other half, which stores blocks. `first` is the one that it will be given first.
    fn sink(&mut self, py: Python<'_>, first: &mut Block) -> PyResult<Box<dyn Sink>>;
}

/// A sample that was checked.
pub enum Held<'a, 'py> {
    /// An array in C order without gaps.
    Array(Bound<'py, PyUntypedArray>),
    /// A text, and its length in bytes.
    Text(Cow<'a, str>, [i64; 1]),
}

impl Held<'_, '_> {
    /// The bytes, the number of elements, and the shape.
    pub fn parts(&self) -> (&[u8], i64, &[i64]) {
        match self {
            Self::Array(array) => (bytes(array), array.len() as i64, bytemuck::cast_slice(array.shape())),
            Self::Text(text, len) => (text.as_bytes(), len[0], len),
        }
    }
}

/// Samples of any shape.
pub struct ArrayIntake {
    dir: PathBuf,
    store: Option<Ragged>,
    /// The dtype that samples are cast to: that of the data set, that was asked for, or the first sample's.
    kind: Option<(Py<PyArrayDescr>, Dtype)>,
    stored: usize,
}

impl ArrayIntake {
    pub fn open(py: Python<'_>, dir: PathBuf, options: Options, dtype: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let store = Ragged::open_with(&dir, options)?;
        let kind = match (store.dtype(), dtype) {
            (Some(dtype), _) => Some((to_numpy(py, dtype)?.unbind(), dtype.clone())),
            (None, Some(asked)) => {
                let descr = PyArrayDescr::new(py, asked)?;
                let dtype = from_numpy(&descr)?;
                Some((descr.unbind(), dtype))
            }
            (None, None) => None,
        };
        let stored = store.len();
        Ok(Self { dir, store: Some(store), kind, stored })
    }
}

impl Intake for ArrayIntake {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn take<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Held<'a, 'py>> {
        let py = sample.py();
        let mut descr = self.kind.as_ref().map(|(descr, _)| descr.bind(py).clone());
        let array = fitted(sample, &mut descr, &self.dir, index)?;
        if let (None, Some(descr)) = (&self.kind, descr) {
            let dtype = from_numpy(&descr)?;
            self.kind = Some((descr.unbind(), dtype));
        }
        Ok(Held::Array(array))
    }

    fn learns_from_first(&self) -> bool {
        false
    }

    fn sink(&mut self, _py: Python<'_>, _first: &mut Block) -> PyResult<Box<dyn Sink>> {
        let kind = self.kind.as_ref().map(|(_, dtype)| dtype.clone());
        let (store, dtype) = self.store.take().zip(kind).ok_or_else(super::ended)?;
        Ok(Box::new(Arrays { store, dtype }))
    }
}

/// Texts.
pub struct TextIntake {
    dir: PathBuf,
    store: Option<Strings>,
    compression: Option<Compression>,
    stored: usize,
}

impl TextIntake {
    pub fn open(dir: PathBuf, options: Options, compression: Option<Compression>) -> PyResult<Self> {
        let store = Strings::open_with(&dir, options)?;
        let stored = store.len();
        Ok(Self { dir, store: Some(store), compression, stored })
    }
}

impl Intake for TextIntake {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn take<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Held<'a, 'py>> {
        let text = text(sample, &self.dir, index)?;
        let len = [text.len() as i64];
        Ok(Held::Text(text, len))
    }

    fn learns_from_first(&self) -> bool {
        self.stored == 0 && self.compression.is_some_and(|compression| compression.dict_size.is_some())
    }

    fn sink(&mut self, _py: Python<'_>, _first: &mut Block) -> PyResult<Box<dyn Sink>> {
        let store = self.store.take().ok_or_else(super::ended)?;
        Ok(Box::new(Texts { store, compression: self.compression }))
    }
}
