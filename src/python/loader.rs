//! The parts of `mmap_ninja.Loader`: the order, what batches are read from, and the threads that fill them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use numpy::prelude::*;
use numpy::{PyArray1, PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyRange, PyString};

use super::array::owning;
use super::batches::{Target, element};
use super::error::is_signalled;
use super::index;
use super::ragged::PyRagged;
use super::samples::bytes;
use super::strings::PyStrings;
use super::texts::str_of;
use crate::cancel::Cancellation;
use crate::error::Error;
use crate::loader::{Batch, Order, Prefetcher, Rows, Selection, Source, Subset};

/// How often a consumer that waits for a batch looks for signals.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(20);

/// The order of samples from one or several sources.
#[pyclass(frozen, name = "Order", module = "mmap_ninja._core")]
pub struct PyOrder(Order);

#[pymethods]
impl PyOrder {
    /// Of each source its length, the selected indices or None, and its weight.
    #[new]
    fn new(sources: Vec<(usize, Option<Bound<'_, PyAny>>, f64)>, seed: u64, shuffle: bool) -> PyResult<Self> {
        let sources = sources.into_iter().map(|(len, indices, weight)| Ok((subset(len, indices)?, weight)));
        Ok(Self(Order::new(sources.collect::<PyResult<_>>()?, seed, shuffle)))
    }

    fn with_seed(&self, seed: u64) -> Self {
        Self(self.0.with_seed(seed))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The number of first samples of a source that holds all that are selected.
    fn reach(&self, source: usize) -> usize {
        self.0.subset(source).reach()
    }

    /// A number that tells what is selected of a source from other selections.
    fn fingerprint(&self, source: usize) -> u64 {
        self.0.subset(source).fingerprint()
    }

    /// The source and the index of the samples at positions of an epoch.
    fn draws<'py>(&self, py: Python<'py>, epoch: u64, start: usize, stop: usize) -> Indices<'py> {
        let draws = self.0.draws(epoch, start..stop);
        let sources = PyArray1::from_iter(py, draws.iter().map(|draw| draw.source as i64));
        (sources, PyArray1::from_iter(py, draws.iter().map(|draw| draw.index as i64)))
    }
}

type Indices<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// What is selected of `len` samples.
fn subset(len: usize, indices: Option<Bound<'_, PyAny>>) -> PyResult<Subset> {
    let Some(indices) = indices else { return Ok(Subset::Range { start: 0, step: 1, len }) };
    if let Ok(range) = indices.cast::<PyRange>() {
        let count = range.len()?;
        let end =
            |place: &str| if count == 0 { Ok(0) } else { range.get_item(place.parse::<isize>()?)?.extract::<usize>() };
        if let (Ok(start), Ok(last)) = (end("0"), end("-1"))
            && start.max(last) < len.max(1)
        {
            return Ok(Subset::Range { start, step: range.getattr("step")?.extract()?, len: count });
        }
    }
    let absent = |index| Error::OutOfRange { path: "indices".into(), index, len };
    Ok(Subset::List(index::batch(&indices, len, absent)?.into()))
}

/// Maps or arrays of one kind and dtype.
#[pyclass(frozen, name = "Source", module = "mmap_ninja._core")]
pub struct PySource {
    source: Source,
    format: Format,
}

/// How a batch is handed over.
enum Format {
    Texts,
    /// Elements of a dtype. Rows of dense arrays, and those of ragged fields whose other axes are fixed, have a shape.
    Array(Py<PyArrayDescr>, Vec<i64>),
    Fields(Vec<(Py<PyString>, Format)>),
}

impl Format {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Texts => Self::Texts,
            Self::Array(descr, row) => Self::Array(descr.clone_ref(py), row.clone()),
            Self::Fields(fields) => {
                Self::Fields(fields.iter().map(|(name, field)| (name.clone_ref(py), field.clone_ref(py))).collect())
            }
        }
    }
}

#[pymethods]
impl PySource {
    /// Batches are cast to `dtype`. `pad` is the value to pad samples of a ragged map with; `axes` are those behind the
    /// first one, if the samples of a ragged map have fixed ones.
    #[new]
    fn new(
        py: Python<'_>,
        sources: Vec<Bound<'_, PyAny>>,
        pad: Option<Bound<'_, PyAny>>,
        dtype: Option<Bound<'_, PyAny>>,
        axes: Vec<i64>,
    ) -> PyResult<Self> {
        if let Some(maps) = all_of::<PyRagged>(&sources) {
            return Self::ragged(py, &maps, pad, dtype, axes);
        }
        if let Some(maps) = all_of::<PyStrings>(&sources) {
            let views = maps.iter().map(|map| map.get().shown(py)).collect();
            return Ok(Self { source: Source::of_string_views(views)?, format: Format::Texts });
        }
        let arrays = all_of::<PyUntypedArray>(&sources);
        Self::rows(&arrays.ok_or_else(|| PyTypeError::new_err("the sources are of different kinds"))?, dtype)
    }

    /// Fields of the same samples, by name.
    #[staticmethod]
    fn of_fields(py: Python<'_>, fields: Vec<(Py<PyString>, Py<PySource>)>) -> PyResult<Self> {
        let sources = fields.iter().map(|(_, field)| field.get().source.clone()).collect();
        let formats = fields.iter().map(|(name, field)| (name.clone_ref(py), field.get().format.clone_ref(py)));
        Ok(Self { source: Source::fields(sources)?, format: Format::Fields(formats.collect()) })
    }

    /// A number that tells the first `len` samples of a source from other samples.
    fn fingerprint(&self, py: Python<'_>, number: usize, len: usize) -> PyResult<u64> {
        Ok(py.detach(|| self.source.fingerprint(number, len))?)
    }
}

impl PySource {
    fn ragged(
        py: Python<'_>,
        maps: &[Bound<'_, PyRagged>],
        pad: Option<Bound<'_, PyAny>>,
        dtype: Option<Bound<'_, PyAny>>,
        axes: Vec<i64>,
    ) -> PyResult<Self> {
        let states: Vec<_> = maps.iter().map(|map| map.get().shown(py)).collect();
        states.iter().try_for_each(|state| state.view.check_open())?;
        let Target { descr, cast, .. } = states[0].target(py, dtype, None)?;
        let value = pad.map(|value| element(&value, &descr, &states[0].view.dir)).transpose()?;
        let views = states.iter().map(|state| state.view.clone()).collect();
        let source = Source::of_ragged_views(views, value, cast)?;
        // The offsets of a batch without elements cannot count rows.
        let size = axes.iter().try_fold(1, |size: i64, &axis| size.checked_mul(axis)).filter(|&size| size > 0);
        let row = if size.is_some() { axes } else { Vec::new() };
        Ok(Self { source, format: Format::Array(descr.unbind(), row) })
    }

    fn rows(arrays: &[Bound<'_, PyUntypedArray>], dtype: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let first = &arrays[0];
        for array in arrays {
            if !array.is_c_contiguous() || array.ndim() == 0 || array.dtype().has_object() {
                return Err(PyValueError::new_err("an array must be C-contiguous, not 0-D, and without objects"));
            }
            if !array.dtype().is_equiv_to(&first.dtype()) || array.shape()[1..] != first.shape()[1..] {
                return Err(PyValueError::new_err("the arrays have different dtypes or shapes of rows"));
            }
        }
        let what = format!("{} {:?}", first.dtype(), &first.shape()[1..]);
        let place = |array: &Bound<'_, PyUntypedArray>| {
            let file = array.getattr("filename").and_then(|file| file.extract::<PathBuf>());
            file.unwrap_or_else(|_| "array".into())
        };
        let rows = |array: &Bound<'_, PyUntypedArray>| {
            Rows::new(&place(array), what.clone(), Arc::new(ArrayBytes::of(array)), array.shape()[0])
        };
        let target = Target::new(|| place(first).display().to_string(), &first.dtype(), dtype, None)?;
        let row = first.shape()[1..].iter().map(|&axis| axis as i64).collect();
        let source = Source::of_rows(arrays.iter().map(rows).collect(), target.cast)?;
        Ok(Self { source, format: Format::Array(target.descr.unbind(), row) })
    }
}

/// The sources, if all are a `T`.
fn all_of<'py, T: pyo3::PyTypeCheck>(sources: &[Bound<'py, PyAny>]) -> Option<Vec<Bound<'py, T>>> {
    sources.iter().map(|source| source.cast::<T>().ok().cloned()).collect()
}

/// The elements of a C-contiguous array, which keeps them alive.
struct ArrayBytes {
    start: *const u8,
    len: usize,
    _array: Py<PyUntypedArray>,
}

// SAFETY: the elements are only read, and the reference to the array is only dropped.
unsafe impl Send for ArrayBytes {}
// SAFETY: as above.
unsafe impl Sync for ArrayBytes {}

impl ArrayBytes {
    fn of(array: &Bound<'_, PyUntypedArray>) -> Self {
        let elements = bytes(array);
        Self { start: elements.as_ptr(), len: elements.len(), _array: array.clone().unbind() }
    }
}

impl AsRef<[u8]> for ArrayBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the array holds these bytes, and does not move them as long as there is a reference to it. What others
        // write to it meanwhile arrives in a batch or does not, as with mapped files.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// Samples of a batch: positions of an epoch, or indices.
#[derive(FromPyObject)]
pub enum Selected<'py> {
    Positions(u64, usize, usize),
    Indices(Bound<'py, PyAny>),
}

/// Threads that fill batches. They end when it is closed or dropped.
#[pyclass(frozen, weakref, name = "Prefetcher", module = "mmap_ninja._core")]
pub struct PyPrefetcher {
    /// `None` once it is closed. The lock is held for moments only, and never while a thread attaches.
    threads: Mutex<Option<Arc<Prefetcher>>>,
    format: Format,
    len: usize,
}

#[pymethods]
impl PyPrefetcher {
    #[new]
    fn new(py: Python<'_>, source: &PySource, order: &PyOrder, threads: usize, ahead: usize) -> Self {
        let prefetcher = Prefetcher::start(source.source.clone(), order.0.clone(), threads, ahead);
        let format = source.format.clone_ref(py);
        Self { threads: Mutex::new(Some(Arc::new(prefetcher))), format, len: source.source.len() }
    }

    /// Requests a batch.
    fn request(&self, selected: Selected<'_>) -> PyResult<()> {
        Ok(self.threads()?.request(self.selection(selected)?)?)
    }

    /// The first batch that was requested and not taken yet.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let prefetcher = self.threads()?;
        if let Some(batch) = prefetcher.try_take()? {
            return self.format.hand_over(py, batch);
        }
        let cancel = Cancellation::when(is_signalled);
        loop {
            if let Some(batch) = py.detach(|| prefetcher.take_within(BETWEEN_SIGNALS, &cancel))? {
                return self.format.hand_over(py, batch);
            }
            py.check_signals()?;
        }
    }

    /// Ends the threads.
    fn close(&self, py: Python<'_>) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(threads));
    }
}

impl PyPrefetcher {
    fn threads(&self) -> PyResult<Arc<Prefetcher>> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).clone();
        threads.ok_or_else(|| PyValueError::new_err("this iterator is closed"))
    }

    fn selection(&self, selected: Selected<'_>) -> PyResult<Selection> {
        match selected {
            Selected::Positions(epoch, start, stop) => Ok(Selection::Positions { epoch, positions: start..stop }),
            Selected::Indices(indices) => {
                let len = self.len;
                let absent = |index| Error::OutOfRange { path: "plan".into(), index, len };
                Ok(Selection::Indices(index::batch(&indices, len, absent)?))
            }
        }
    }
}

impl Format {
    fn hand_over<'py>(&self, py: Python<'py>, batch: Batch) -> PyResult<Bound<'py, PyAny>> {
        match (self, batch) {
            (Self::Fields(formats), Batch::Fields(batches)) => {
                let fields = PyDict::new(py);
                for ((name, format), batch) in formats.iter().zip(batches) {
                    fields.set_item(name, format.hand_over(py, batch)?)?;
                }
                Ok(fields.into_any())
            }
            (Self::Texts, Batch::Gathered { values, offsets }) => texts(py, values.bytes(), &offsets),
            (Self::Array(descr, row), batch) => array(descr.bind(py), row, batch),
            _ => Err(PyTypeError::new_err("this source has no such batches")),
        }
    }
}

/// A batch of elements of a dtype, in rows of a shape.
fn array<'py>(descr: &Bound<'py, PyArrayDescr>, row: &[i64], batch: Batch) -> PyResult<Bound<'py, PyAny>> {
    let py = descr.py();
    let shape = |len: i64| std::iter::once(len).chain(row.iter().copied()).collect::<Vec<i64>>();
    match batch {
        Batch::Gathered { values, mut offsets } => {
            let (size, elements) = (row.iter().product::<i64>(), offsets.last().copied().unwrap_or(0));
            if elements % size != 0 {
                let what = format!("the samples do not have the axes {row:?} that the records declare");
                return Err(PyValueError::new_err(what));
            }
            for offset in &mut offsets {
                *offset /= size;
            }
            let shape = shape(elements / size);
            let values = owning(py, descr, &shape, values)?;
            Ok((values, PyArray1::from_vec(py, offsets)).into_pyobject(py)?.into_any())
        }
        Batch::Padded { values, shape, lengths } => {
            let lengths = PyArray1::from_vec(py, lengths);
            let lengths = match shape.len() {
                2 => lengths.into_any(),
                axes => lengths.reshape([shape[0], axes - 1])?.into_any(),
            };
            let shape: Vec<i64> = shape.iter().map(|&axis| axis as i64).collect();
            Ok((owning(py, descr, &shape, values)?, lengths).into_pyobject(py)?.into_any())
        }
        Batch::Rows { values, len } => owning(py, descr, &shape(len as i64), values),
        Batch::Fields(_) => Err(PyTypeError::new_err("a field has no fields of its own")),
    }
}

/// The texts between `offsets`.
fn texts<'py>(py: Python<'py>, utf8: &[u8], offsets: &[i64]) -> PyResult<Bound<'py, PyAny>> {
    let place = |offset: i64| usize::try_from(offset).unwrap_or(usize::MAX);
    let text = |pair: &[i64]| str_of(py, &utf8[place(pair[0])..place(pair[1])]);
    let texts = offsets.windows(2).map(text).collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, texts)?.into_any())
}
