//! The snapshot of a ragged map that readers use.

use numpy::PyArrayDescr;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::array::{Owner, view};
use super::batches::{self, Pair, Target};
use super::callback;
use super::change::Snapshot;
use super::dtype::stored;
use super::index;
use super::items;
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::Mode;
use crate::memory;
use crate::ragged::{Ragged, View};
use crate::sample::Sample;

/// Replaced as a whole when the dataset grows, so that readers need no lock.
pub struct State {
    pub view: View,
    pub descr: Option<Py<PyArrayDescr>>,
    pub owner: Py<Owner>,
    pub mode: Mode,
    pub wrapper: Wrapper,
}

/// The function that every item is passed through, if any.
pub struct Wrapper {
    pub function: Option<Py<PyAny>>,
    /// Whether it gets a copy.
    pub copy: bool,
}

impl Wrapper {
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { function: self.function.as_ref().map(|function| function.clone_ref(py)), copy: self.copy }
    }
}

impl Snapshot for State {
    type Store = Ragged;
    type Shown = (View, Mode);

    fn shown(store: &Ragged) -> (View, Mode) {
        (store.view.clone(), store.options.mode)
    }

    fn new(py: Python<'_>, (view, mode): (View, Mode), last: &Self) -> PyResult<Self> {
        Self::new(py, view, mode, Some(last))
    }

    fn with_functions_of(self, py: Python<'_>, last: &Self) -> Self {
        Self { wrapper: last.wrapper.clone_ref(py), ..self }
    }
}

impl State {
    /// A state without a wrapper, which shares with `last` what is the same.
    pub fn new(py: Python<'_>, view: View, mode: Mode, last: Option<&Self>) -> PyResult<Self> {
        let known = last.filter(|last| last.dtype() == view.header.as_ref().map(|header| &header.dtype));
        let descr = match (known.and_then(|last| last.descr.as_ref()), &view.header) {
            (Some(descr), _) => Some(descr.clone_ref(py)),
            (None, Some(header)) => Some(stored(py, &view.dir, &header.dtype)?.unbind()),
            (None, None) => None,
        };
        let owner = match last {
            Some(last) if last.view.extents.data == view.extents.data => last.owner.clone_ref(py),
            _ => Py::new(py, Owner::new(view.extents.data.clone()))?,
        };
        Ok(Self { view, descr, owner, mode, wrapper: Wrapper { function: None, copy: true } })
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            view: self.view.clone(),
            descr: self.descr.as_ref().map(|descr| descr.clone_ref(py)),
            owner: self.owner.clone_ref(py),
            mode: self.mode,
            wrapper: self.wrapper.clone_ref(py),
        }
    }

    /// The same with another wrapper.
    pub fn with_wrapper(&self, py: Python<'_>, function: Option<Py<PyAny>>, copy: bool) -> Self {
        Self { wrapper: Wrapper { function, copy }, ..self.clone_ref(py) }
    }

    pub fn dtype(&self) -> Option<&Dtype> {
        self.view.header.as_ref().map(|header| &header.dtype)
    }

    /// The sample at `index`, passed through the wrapper.
    #[inline]
    pub fn item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let item = self.array(py, index, self.mode.is_writable())?;
        self.wrapped(py, item)
    }

    #[inline]
    fn wrapped<'py>(&self, py: Python<'py>, item: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match &self.wrapper.function {
            None => Ok(item),
            Some(function) => {
                let copies = self.wrapper.copy && item.hasattr("copy")?;
                let item = if copies { callback::call(&item.getattr("copy")?, (), None)? } else { item };
                callback::call(function.bind(py), (item,), None)
            }
        }
    }

    /// A view of the sample at `index`, or a Python scalar where it is 0-D.
    #[inline]
    pub fn array<'py>(&self, py: Python<'py>, index: usize, writable: bool) -> PyResult<Bound<'py, PyAny>> {
        self.shown(py, self.view.item(index)?, writable)
    }

    #[inline]
    fn shown<'py>(&self, py: Python<'py>, sample: Sample<'_>, writable: bool) -> PyResult<Bound<'py, PyAny>> {
        let array = view(py, self.descr()?, &self.owner, sample, writable)?;
        if sample.shape.is_empty() { array.call_method0("item") } else { Ok(array) }
    }

    /// The samples at `indices`, passed through the wrapper.
    pub fn items<'py>(&self, py: Python<'py>, indices: &[usize]) -> PyResult<Bound<'py, PyList>> {
        let arrays = self.arrays(py, indices, self.mode.is_writable())?;
        if self.wrapper.function.is_none() {
            return PyList::new(py, arrays);
        }
        let items: Vec<_> = arrays.into_iter().map(|array| self.wrapped(py, array)).collect::<PyResult<_>>()?;
        PyList::new(py, items)
    }

    /// The samples at `indices`, as `array` gives each. Cold ones are prefetched.
    pub fn arrays<'py>(&self, py: Python<'py>, indices: &[usize], writable: bool) -> PyResult<Vec<Bound<'py, PyAny>>> {
        if items::are_few(indices) {
            return indices.iter().map(|&index| self.array(py, index, writable)).collect();
        }
        let mut arrays = Vec::with_capacity(indices.len());
        for (block, policy) in items::blocks(indices) {
            for sample in py.detach(|| self.view.samples(block, policy))? {
                arrays.push(self.shown(py, sample, writable)?);
            }
        }
        Ok(arrays)
    }

    /// The samples of an open map that an index expression selects.
    pub fn positions(&self, indices: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
        self.view.check_open()?;
        index::batch(indices, self.view.len, |at| self.view.out_of_range(at))
    }

    /// The number of elements of every sample: a view of the files.
    pub fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.view.check_open()?;
        let elements = &self.view.elements;
        let owner = Py::new(py, Owner::new(elements.region().clone()))?;
        let values = elements.values();
        let shape = [values.len() as i64];
        view(py, &numpy::dtype::<i64>(py).unbind(), &owner, Sample::new(values, &shape), false)
    }

    /// The elements of the samples at `indices` one after another, and where each begins and ends.
    pub fn gather<'py>(&self, indices: &[usize], target: &Target<'py>) -> PyResult<Pair<'py>> {
        let (py, dir) = (target.descr.py(), &self.view.dir);
        let samples = py.detach(|| self.view.samples(indices, PrefetchPolicy::IfCold))?;
        let pieces = memory::collect(dir, samples.iter().map(|sample| sample.bytes))?;
        batches::gather(dir, &self.view.extents.data, target, &pieces)
    }

    /// What a batch of samples is written as, and where.
    pub fn target<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        out: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Target<'py>> {
        Target::new(|| self.view.dir.display().to_string(), self.descr()?.bind(py), dtype, out)
    }

    pub fn descr(&self) -> PyResult<&Py<PyArrayDescr>> {
        let dir = self.view.dir.display();
        self.descr.as_ref().ok_or_else(|| {
            PyValueError::new_err(format!("{dir}: this map has no samples yet, so its dtype is not known"))
        })
    }
}
