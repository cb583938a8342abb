//! The class behind `RaggedMmap`. Reading an item is its own slot: one array is made, nothing else.

use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::array::{Owner, view};
use super::batches::{self, Pair};
use super::callback;
use super::dtype::{from_numpy, stored};
use super::fork_mutex::ForkMutex;
use super::index::{self, Index};
use super::iterator::Items;
use super::options;
use super::samples::{Arrays, fitted};
use super::snapshot_cell::SnapshotCell;
use crate::error::Error;
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::ragged::{Ragged, Sample, View, product};
use crate::schema::MemberNames;

/// What readers see. Replaced as a whole when the data set grows, so that readers need no lock.
struct State {
    view: View,
    descr: Option<Py<PyArrayDescr>>,
    owner: Py<Owner>,
    mode: Mode,
    wrapper: Option<Wrapper>,
}

/// What every item is passed through.
struct Wrapper {
    function: Py<PyAny>,
    copy: bool,
}

impl Wrapper {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { function: self.function.clone_ref(py), copy: self.copy }
    }
}

impl State {
    /// What the store holds, without a wrapper.
    fn new(py: Python<'_>, view: View, mode: Mode, last: Option<&Self>) -> PyResult<Self> {
        let known = last.filter(|last| last.dtype() == view.header.as_ref().map(|header| &header.dtype));
        let descr = match (known.and_then(|last| last.descr.as_ref()), &view.header) {
            (Some(descr), _) => Some(descr.clone_ref(py)),
            (None, Some(header)) => Some(stored(py, &view.dir, &header.dtype)?.unbind()),
            (None, None) => None,
        };
        let owner = match last {
            Some(last) if last.view.data.is_same_mapping(&view.data) => last.owner.clone_ref(py),
            _ => Py::new(py, Owner::new(view.data.clone()))?,
        };
        Ok(Self { view, descr, owner, mode, wrapper: None })
    }

    /// The same without a wrapper.
    fn unwrapped(&self, py: Python<'_>) -> Self {
        let descr = self.descr.as_ref().map(|descr| descr.clone_ref(py));
        Self { view: self.view.clone(), descr, owner: self.owner.clone_ref(py), mode: self.mode, wrapper: None }
    }

    fn dtype(&self) -> Option<&Dtype> {
        self.view.header.as_ref().map(|header| &header.dtype)
    }

    /// The sample at `index` as users see it.
    #[inline]
    fn item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let item = self.array(py, index, self.mode.is_writable())?;
        match &self.wrapper {
            None => Ok(item),
            Some(wrapper) => {
                let copies = wrapper.copy && item.hasattr("copy")?;
                let item = if copies { callback::call(&item.getattr("copy")?, (), None)? } else { item };
                callback::call(wrapper.function.bind(py), (item,), None)
            }
        }
    }

    /// A view of the sample at `index`, or a Python scalar.
    #[inline]
    fn array<'py>(&self, py: Python<'py>, index: usize, writable: bool) -> PyResult<Bound<'py, PyAny>> {
        let sample = self.view.get(index)?;
        let array = view(py, self.descr()?, &self.owner, sample, writable)?;
        if sample.shape.is_empty() { array.call_method0("item") } else { Ok(array) }
    }

    fn items<'py>(&self, py: Python<'py>, indices: &[usize]) -> PyResult<Bound<'py, PyList>> {
        let items: Vec<_> = indices.iter().map(|&index| self.item(py, index)).collect::<PyResult<_>>()?;
        PyList::new(py, items)
    }

    fn descr(&self) -> PyResult<&Py<PyArrayDescr>> {
        let place = self.view.dir.display();
        self.descr.as_ref().ok_or_else(|| PyValueError::new_err(format!("{place}: this map holds no samples")))
    }
}

/// Samples of any shape and one dtype; `mmap_ninja.ragged.RaggedMmap` is the class for users.
#[pyclass(subclass, frozen, generic, name = "Ragged", module = "mmap_ninja._core")]
pub struct PyRagged {
    state: SnapshotCell<State>,
    store: ForkMutex<Ragged>,
}

impl PyRagged {
    /// Runs `change` on the store without holding the interpreter, and shows readers the outcome.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Ragged) -> crate::Result<T> + Send,
    ) -> PyResult<T> {
        let ((outcome, view, mode), turn) =
            py.detach(|| self.store.take(|store| (change(store), store.view().clone(), store.mode())))?;
        let outcome = outcome?;
        let state = State::new(py, view, mode, Some(&*self.state.load(py)))?;
        self.state.store(py, turn, |last| {
            let wrapper = last.wrapper.as_ref().map(|wrapper| wrapper.clone_ref(py));
            State { wrapper, ..state }
        });
        Ok(outcome)
    }

    /// The item at `index`; `None` past the end.
    pub fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let state = self.state.load(py);
        if index < state.view.len {
            return state.item(py, index).map(Some);
        }
        Ok(state.view.check_open().map(|()| None)?)
    }

    fn dir(&self, py: Python<'_>) -> PathBuf {
        self.state.load(py).view.dir.to_path_buf()
    }
}

#[pymethods]
impl PyRagged {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(py: Python<'_>, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let store = Ragged::closed();
        let state = State::new(py, store.view().clone(), Mode::ReadOnly, None)?;
        Ok(Self { state: SnapshotCell::new(state), store: ForkMutex::new(store) })
    }

    #[expect(clippy::too_many_arguments, reason = "the options of RaggedMmap, which Python names one by one")]
    fn _open(
        &self,
        py: Python<'_>,
        out_dir: PathBuf,
        wrapper_fn: Option<Py<PyAny>>,
        mode: &str,
        starts_key: String,
        ends_key: String,
        shapes_key: String,
        flattened_shapes_key: String,
        copy_before_wrapper_fn: bool,
        access: &str,
        durability: &str,
        timeout: f64,
    ) -> PyResult<()> {
        let mode = mode::parse(mode)?;
        let names = MemberNames {
            starts: starts_key,
            ends: ends_key,
            shapes: shapes_key,
            flattened_shapes: flattened_shapes_key,
        };
        let access = mode::parse_access(access)?;
        let options = Options { mode, names, access, ..mode::parse_commit(durability, timeout)? };
        let store = py.detach(|| Ragged::open_with(&out_dir, options))?;
        let wrapper = wrapper_fn.map(|function| Wrapper { function, copy: copy_before_wrapper_fn });
        let state = State { wrapper, ..State::new(py, store.view().clone(), mode, None)? };
        // Another thread may hold the store, and need the interpreter to let go of it.
        let ((), turn) = py.detach(|| self.store.take(|current| *current = store))?;
        self.state.store(py, turn, |_| state);
        Ok(())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.state.load(py).view.len
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.state.load(py);
        match Index::parse(index, state.view.len, |at| state.view.absent(at))? {
            Index::One(index) => state.item(py, index),
            Index::Many(indices) => {
                state.view.check_open()?;
                Ok(state.items(py, &indices)?.into_any())
            }
        }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Items::ragged(slf)
    }

    /// Checks every value of the assignment before it writes the first.
    fn __setitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = self.state.load(py);
        if !state.mode.is_writable() {
            return Err(Error::ReadOnly { path: self.dir(py) }.into());
        }
        let (indices, values) = match Index::parse(index, state.view.len, |at| state.view.absent(at))? {
            Index::One(index) => (vec![index], vec![value.clone()]),
            Index::Many(indices) => (indices, value.try_iter()?.collect::<PyResult<Vec<_>>>()?),
        };
        check_count(&state.view.dir, indices.len(), values.len())?;
        let pairs = indices.iter().zip(&values);
        let changes = pairs.map(|(&index, value)| change(py, &state, index, value)).collect::<PyResult<Vec<_>>>()?;
        changes.into_iter().try_for_each(|(target, value)| target.set_item(py.Ellipsis(), value))
    }

    /// Appends the samples in `arrays`, all of them or none. They are made to be of the dtype that the map had before:
    /// code that makes them, or another thread, may give it one meanwhile, which is an error.
    fn _extend(&self, py: Python<'_>, arrays: &Bound<'_, PyAny>) -> PyResult<()> {
        let (descr, dtype, dir, len) = {
            let state = self.state.load(py);
            let descr = state.descr.as_ref().map(|descr| descr.bind(py).clone());
            (descr, state.dtype().cloned(), self.dir(py), state.view.len)
        };
        let arrays = Arrays::collect(arrays, descr, &dir, len)?;
        let samples = arrays.samples(&dir, len)?;
        let Some(descr) = arrays.descr.as_ref().filter(|_| !samples.is_empty()) else { return Ok(()) };
        let dtype = dtype.map_or_else(|| from_numpy(descr), Ok)?;
        self.change(py, |store| store.append(&dtype, &samples))
    }

    /// Appends all samples of the map in `source`.
    fn _join(&self, py: Python<'_>, source: PathBuf) -> PyResult<()> {
        self.change(py, |store| {
            let options = Options { names: store.names().clone(), ..Options::default() };
            store.join(&Ragged::open_with(source, options)?)
        })
    }

    fn _gather<'py>(&self, py: Python<'py>, indices: &Bound<'py, PyAny>) -> PyResult<Pair<'py>> {
        let state = &*self.state.load(py);
        state.view.check_open()?;
        let indices = index::batch(indices, state.view.len, |at| state.view.absent(at))?;
        let samples = py.detach(|| state.view.samples(&indices, PrefetchPolicy::IfCold))?;
        let pieces: Vec<&[u8]> = samples.iter().map(|sample| sample.bytes).collect();
        batches::gather(py, state.descr()?.bind(py), &pieces)
    }

    fn _padded<'py>(
        &self,
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
        side: &str,
        max_length: Option<i64>,
        out: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py>> {
        let state = &*self.state.load(py);
        state.view.check_open()?;
        let indices = index::batch(indices, state.view.len, |at| state.view.absent(at))?;
        let options = batches::Options { value, side, max_length, out };
        batches::padded(&state.view, state.descr()?.bind(py), &indices, &options)
    }

    fn _prefetch(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = &*self.state.load(py);
        state.view.check_open()?;
        let indices = index::batch(indices, state.view.len, |at| state.view.absent(at))?;
        Ok(py.detach(|| state.view.samples(&indices, PrefetchPolicy::Always).map(drop))?)
    }

    /// Elements of every sample, int64 of shape (n,), as a view of the files that touches no sample.
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.state.load(py);
        state.view.check_open()?;
        let elements = &state.view.elements;
        let owner = Py::new(py, Owner::new(elements.region().clone()))?;
        let values = elements.values();
        let shape = [values.len() as i64];
        view(py, &numpy::dtype::<i64>(py).unbind(), &owner, Sample::new(values, &shape), false)
    }

    /// The sample at `index` as it is stored: read-only, and not passed through the wrapper.
    fn _stored<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        self.state.load(py).array(py, index, false)
    }

    /// Bytes of the elements of all samples.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> usize {
        self.state.load(py).view.data.bytes().len()
    }

    /// Tell the kernel that few samples will be looked at, far from each other.
    fn _expect_few_reads(&self, py: Python<'_>) {
        self.state.load(py).view.expect_few_reads();
    }

    /// The mapping of the data, and how many samples and elements of it are shown.
    fn _shown(&self, py: Python<'_>) -> (Py<Owner>, usize, i64) {
        let state = self.state.load(py);
        (state.owner.clone_ref(py), state.view.len, state.view.elements())
    }

    /// Shows no more than the first `len` samples.
    fn _limit(&self, py: Python<'_>, len: usize) -> PyResult<()> {
        self.change(py, |store| {
            store.limit(len);
            Ok(())
        })
    }

    /// Inspector at the files again, so that what others have appended since is seen from now on.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, Ragged::refresh)
    }

    /// Let go of the files, after which the map raises `ValueError`. Arrays that were read stay valid.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, |store| {
            store.close();
            Ok(())
        })
    }

    #[getter]
    fn _is_closed(&self, py: Python<'_>) -> bool {
        self.state.load(py).view.check_open().is_err()
    }

    /// The dtype of all samples; None where there is nothing yet.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArrayDescr>> {
        self.state.load(py).descr.as_ref().map(|descr| descr.bind(py).clone())
    }

    /// Whether every sample is a scalar or has one axis.
    #[getter]
    fn shapes_are_flat(&self, py: Python<'_>) -> bool {
        self.state.load(py).view.is_flat()
    }

    /// Lets the garbage collector see what `wrapper_fn` holds, which may be this very map.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.peek(|state| state.wrapper.as_ref().map_or(Ok(()), |wrapper| visit.call(&wrapper.function)))
    }

    /// Lets go of what `wrapper_fn` holds, once the garbage collector has found that nobody else holds this map.
    fn __clear__(&self, py: Python<'_>) {
        self.state.store(py, u64::MAX, |last| last.unwrapped(py));
    }

    #[setter]
    fn set_wrapper_fn(&self, py: Python<'_>, function: Option<Py<PyAny>>) {
        self.state.update(py, |last| {
            let copy = last.wrapper.as_ref().is_none_or(|wrapper| wrapper.copy);
            State { wrapper: function.map(|function| Wrapper { function, copy }), ..last.unwrapped(py) }
        });
    }

    /// What each item passes through; None for nothing. It can be set.
    #[getter]
    fn wrapper_fn(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state.load(py).wrapper.as_ref().map(|wrapper| wrapper.function.clone_ref(py))
    }
}

type Change<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A writable view of the sample at `index`, and a copy of a value that fits it: of its shape, or all its elements in a
/// row. Nobody else knows the copy, which stays as it is whatever else is assigned to.
fn change<'py>(py: Python<'py>, state: &State, index: usize, value: &Bound<'py, PyAny>) -> PyResult<Change<'py>> {
    let sample = state.view.get(index)?;
    let mut descr = Some(state.descr()?.bind(py).clone());
    let value =
        fitted(value, &mut descr, &state.view.dir, index)?.call_method0("copy")?.cast_into::<PyUntypedArray>()?;
    let found: &[i64] = bytemuck::cast_slice(value.shape());
    let is_row = sample.shape.len() > 1 && found.len() == 1 && product(sample.shape) == Some(found[0]);
    if found != sample.shape && !is_row {
        let place = state.view.dir.display();
        let what = format!("{place}: sample {index} has the shape {:?}, the new one has {found:?}", sample.shape);
        return Err(Error::Shape { what }.into());
    }
    let shape = if is_row { found } else { sample.shape };
    let target = view(py, state.descr()?, &state.owner, Sample { shape, ..sample }, true)?;
    Ok((target, value.into_any()))
}

/// As many values as samples.
pub fn check_count(dir: &Path, expected: usize, found: usize) -> PyResult<()> {
    if expected == found {
        return Ok(());
    }
    let what = format!("{}: {found} values cannot be assigned to {expected} samples", dir.display());
    Err(Error::Shape { what }.into())
}

/// Writes `samples` to `out_dir`, in place of whatever data set is there.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the options of RaggedMmap.from_lists, which Python names one by one")]
pub fn create_ragged(
    py: Python<'_>,
    out_dir: PathBuf,
    samples: &Bound<'_, PyAny>,
    dtype: Option<Bound<'_, PyAny>>,
    starts_key: String,
    ends_key: String,
    shapes_key: String,
    flattened_shapes_key: String,
    durability: &str,
    timeout: f64,
) -> PyResult<()> {
    let names =
        MemberNames { starts: starts_key, ends: ends_key, shapes: shapes_key, flattened_shapes: flattened_shapes_key };
    let options = Options { names, ..mode::parse_commit(durability, timeout)? };
    let descr = dtype.map(|dtype| PyArrayDescr::new(py, dtype)).transpose()?;
    let out_dir = crate::absolute(&out_dir)?;
    let arrays = Arrays::collect(samples, descr, &out_dir, 0)?;
    let samples = arrays.samples(&out_dir, 0)?;
    let Some(descr) = arrays.descr.as_ref().filter(|_| !samples.is_empty()) else {
        let what = format!("{}: at least one sample is needed to create a map", out_dir.display());
        return Err(PyValueError::new_err(what));
    };
    let dtype = from_numpy(descr)?;
    Ok(py.detach(|| Ragged::create_with(&out_dir, &options, &dtype, &samples))?)
}
