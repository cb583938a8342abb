//! The class behind `RaggedMmap`. Reading an item is its own slot: one array is made, nothing else.

use std::path::PathBuf;

use numpy::PyArrayDescr;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::array::Owner;
use super::assignment::{change as changed, pairs};
use super::batches::{self, Pair};
use super::change::change_store;
use super::dtype::from_numpy;
use super::fork_mutex::ForkMutex;
use super::gathered::{self, Gathered, Parts};
use super::index::{self, Index};
use super::iterator::{Items, NextItem};
use super::options::PyOptions;
use super::overrides::{self, Overrides};
use super::pieces::{self, Packed};
use super::ragged_state::{State, Wrapper};
use super::samples::Arrays;
use super::snapshot_cell::SnapshotCell;
use crate::error::Error;
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::{Access, Mode};
use crate::options::Options;
use crate::ragged::{Ragged, View};

/// Samples of any shape and one dtype; `mmap_ninja.ragged.RaggedMmap` is the class for users.
#[pyclass(subclass, frozen, generic, name = "Ragged", module = "mmap_ninja._core")]
pub struct PyRagged {
    state: SnapshotCell<State>,
    store: ForkMutex<Ragged>,
    overrides: Overrides,
}

impl PyRagged {
    /// Runs `change` on the store while detached from the interpreter, and publishes the outcome to readers.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Ragged) -> crate::Result<T> + Send,
    ) -> PyResult<T> {
        change_store(py, (&self.state, &self.store), change)
    }

    /// What readers see at this moment.
    pub(super) fn shown(&self, py: Python<'_>) -> State {
        self.state.load(py).clone_ref(py)
    }

    /// Shows what another handle shows of one of its fields.
    pub(crate) fn show(&self, py: Python<'_>, view: View, options: Options) -> PyResult<()> {
        let state = State::new(py, view.clone(), options.mode, None)?;
        let store = Ragged::of_view(view, options);
        let ((), generation) = py.detach(|| self.store.with_lock(|current| *current = store))?;
        self.state.store(py, generation, |_| state);
        Ok(())
    }

    /// What samples are appended to: the dtype, for NumPy and for the store, the directory, and the number of samples.
    fn appending<'py>(&self, py: Python<'py>) -> (Option<Bound<'py, PyArrayDescr>>, Option<Dtype>, PathBuf, usize) {
        let state = self.state.load(py);
        let descr = state.descr.as_ref().map(|descr| descr.bind(py).clone());
        (descr, state.dtype().cloned(), state.view.dir.to_path_buf(), state.view.len)
    }

    #[inline]
    fn read<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let state = self.state.load(py);
        match Index::parse(index, state.view.len, |at| state.view.out_of_range(at))? {
            Index::One(index) => state.item(py, index),
            Index::Many(indices) => {
                state.view.check_open()?;
                Ok(state.items(py, &indices)?.into_any())
            }
        }
    }

    /// Checks all values before it writes the first.
    fn assign(&self, py: Python<'_>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = self.state.load(py);
        state.view.check_open()?;
        if !state.mode.is_writable() {
            return Err(Error::ReadOnly { path: state.view.dir.to_path_buf() }.into());
        }
        let index = Index::parse(index, state.view.len, |at| state.view.out_of_range(at))?;
        let pairs = pairs(index, value, &state.view.dir)?;
        let changes = pairs.map(|(index, value)| changed(py, &state, index, &value)).collect::<PyResult<Vec<_>>>()?;
        changes.into_iter().try_for_each(|(target, value)| target.set_item(py.Ellipsis(), value))
    }
}

impl NextItem for PyRagged {
    fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let state = self.state.load(py);
        if index < state.view.len {
            return state.item(py, index).map(Some);
        }
        Ok(state.view.check_open().map(|()| None)?)
    }

    fn is_overridden(&self) -> bool {
        self.overrides.reads
    }
}

#[pymethods]
impl PyRagged {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let store = Ragged::default();
        let state = State::new(class.py(), store.view.clone(), Mode::ReadOnly, None)?;
        let overrides = Overrides::of(class)?;
        Ok(Self { state: SnapshotCell::new(state), store: ForkMutex::new(store), overrides })
    }

    fn _open(
        &self,
        py: Python<'_>,
        out_dir: PathBuf,
        options: &PyOptions,
        wrapper_fn: Option<Py<PyAny>>,
        copy_before_wrapper_fn: bool,
    ) -> PyResult<()> {
        let options = options.get().clone();
        let mode = options.mode;
        let store = py.detach(|| Ragged::open_with(&out_dir, options))?;
        let wrapper = Wrapper { function: wrapper_fn, copy: copy_before_wrapper_fn };
        let state = State { wrapper, ..State::new(py, store.view.clone(), mode, None)? };
        // Detached, since the thread that holds the store may need the interpreter to release it.
        let ((), generation) = py.detach(|| self.store.with_lock(|current| *current = store))?;
        self.state.store(py, generation, |_| state);
        Ok(())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok(state.view.len)
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let map = slf.get();
        if map.overrides.reads { overrides::read(slf.as_any(), index) } else { map.read(index) }
    }

    /// What `__getitem__` gives where no method of a subclass is called.
    fn _get<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.read(index)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Items::over(slf)
    }

    fn __setitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let map = slf.get();
        if map.overrides.writes {
            return overrides::write(slf.as_any(), index, value);
        }
        map.assign(slf.py(), index, value)
    }

    /// What `__setitem__` does where no method of a subclass is called.
    fn _set(&self, py: Python<'_>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.assign(py, index, value)
    }

    /// The positions that `indices` selects, counted from the first sample.
    fn _positions(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
        self.state.load(py).positions(indices)
    }

    /// Appends the samples in `arrays`, all of them or none. They are cast to the dtype that the map has now. If it
    /// gets another one before they are written, from the code that makes them or another thread, that is an error.
    fn _extend(&self, py: Python<'_>, arrays: &Bound<'_, PyAny>) -> PyResult<()> {
        let (descr, dtype, dir, len) = self.appending(py);
        let arrays = Arrays::collect(arrays, descr, &dir, len)?;
        let samples = arrays.samples(&dir, len)?;
        let Some(descr) = arrays.descr.as_ref().filter(|_| !samples.is_empty()) else { return Ok(()) };
        let dtype = dtype.map_or_else(|| from_numpy(descr), Ok)?;
        self.change(py, |store| store.append(&dtype, &samples))
    }

    /// Appends samples that lie one after another, all of them or none. For the cast, see `_extend`.
    fn _extend_gathered(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        offsets: &Bound<'_, PyAny>,
        shapes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (descr, dtype, dir, _) = self.appending(py);
        let gathered = Gathered::collect(values, offsets, shapes, descr.as_ref(), &dir)?;
        let dtype = dtype.map_or_else(|| gathered.dtype(), Ok)?;
        let (bytes, offsets, shapes) = gathered.parts(&dir)?;
        self.change(py, |store| store.append_gathered(&dtype, bytes, &offsets, shapes.as_deref()))
    }

    /// All samples one after another: the values, the offsets, and the shapes of samples that do not all have one axis.
    fn _whole<'py>(&self, py: Python<'py>) -> PyResult<Parts<'py>> {
        let state = &*self.state.load(py);
        state.view.check_open()?;
        gathered::whole(py, &state.view, state.descr()?, &state.owner)
    }

    /// Appends all samples of the map in `source`.
    fn _join(&self, py: Python<'_>, source: PathBuf) -> PyResult<()> {
        self.change(py, |store| {
            let options = Options { names: store.options.names.clone(), ..Options::default() };
            store.join(&Ragged::open_with(source, options)?)
        })
    }

    /// Appends the samples of the map `source` at `indices`, as it shows them.
    fn _extend_from(&self, py: Python<'_>, source: &Bound<'_, Self>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let shown = source.get().shown(py);
        let source = Ragged::of_view(shown.view, shown.mode.into());
        source.view.check_open()?;
        let indices = index::batch(indices, source.len(), |at| source.view.out_of_range(at))?;
        self.change(py, |store| store.extend_from(&source, indices.iter().copied()))
    }

    fn _gather<'py>(
        &self,
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        dtype: Option<Bound<'py, PyAny>>,
        out: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py>> {
        let state = &*self.state.load(py);
        let indices = state.positions(indices)?;
        let target = state.target(py, dtype, out)?;
        state.gather(&indices, &target)
    }

    #[expect(clippy::too_many_arguments, reason = "they are those of the Python method")]
    fn _padded<'py>(
        &self,
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
        side: &str,
        max_length: Option<i64>,
        out: Option<Bound<'py, PyAny>>,
        start: Bound<'py, PyAny>,
        dtype: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py>> {
        let state = &*self.state.load(py);
        let indices = state.positions(indices)?;
        let target = state.target(py, dtype, out)?;
        let options = batches::PadOptions { value, side, max_length, start };
        batches::padded(&state.view, &target, &indices, &options)
    }

    fn _packed<'py>(
        &self,
        samples: &Bound<'py, PyAny>,
        starts: Option<&Bound<'py, PyAny>>,
        lengths: Option<&Bound<'py, PyAny>>,
        across: bool,
        dtype: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Packed<'py>> {
        pieces::read_packed(&self.state.load(samples.py()), samples, starts.zip(lengths), across, dtype)
    }

    fn _slices<'py>(
        &self,
        samples: &Bound<'py, PyAny>,
        starts: &Bound<'py, PyAny>,
        length: isize,
        across: bool,
        dtype: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        pieces::read_rows(&self.state.load(samples.py()), samples, starts, length, across, dtype)
    }

    fn _prefetch(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let state = &*self.state.load(py);
        let indices = state.positions(indices)?;
        Ok(py.detach(|| state.view.samples(&indices, PrefetchPolicy::Always).map(drop))?)
    }

    /// The number of elements of every sample, int64 of shape (n,): a view of the files. No sample is read.
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.state.load(py).lengths(py)
    }

    /// The sample at `index`, read-only and not passed through the wrapper.
    fn _stored<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        self.state.load(py).array(py, index, false)
    }

    /// The size of all elements, in bytes.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok(state.view.extents.data.bytes().len())
    }

    /// Tells the kernel that few samples will be read, far from each other.
    fn _expect_few_reads(&self, py: Python<'_>) {
        self.state.load(py).view.advise(Access::Random);
    }

    /// The mapping of the data, and the number of visible samples and elements.
    fn _shown(&self, py: Python<'_>) -> PyResult<(Py<Owner>, usize, i64)> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok((state.owner.clone_ref(py), state.view.len, state.view.elements()))
    }

    /// Hides all but the first `len` samples.
    fn _limit(&self, py: Python<'_>, len: usize) -> PyResult<()> {
        self.change(py, |store| {
            store.view.len = store.view.len.min(len);
            Ok(())
        })
    }

    /// Read the files again, to see samples that others have appended. A dataset that is gone is a `FileNotFoundError`.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, Ragged::refresh)
    }

    /// Unmap the files. From then on the map raises `ValueError`; arrays that were read stay valid.
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

    /// The dtype of all samples; None before the first.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArrayDescr>>> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok(state.descr.as_ref().map(|descr| descr.bind(py).clone()))
    }

    /// Whether every sample is a scalar or has one axis.
    #[getter]
    fn shapes_are_flat(&self, py: Python<'_>) -> PyResult<bool> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok(state.view.is_flat())
    }

    /// Shows the garbage collector what `wrapper_fn` refers to, which may be this very map.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.peek(|state| state.wrapper.function.as_ref().map_or(Ok(()), |function| visit.call(function)))
    }

    /// Drops `wrapper_fn`, once the garbage collector has found that nothing else refers to this map.
    fn __clear__(&self, py: Python<'_>) {
        self.state.store(py, u64::MAX, |last| last.with_wrapper(py, None, last.wrapper.copy));
    }

    #[setter]
    fn set_wrapper_fn(&self, py: Python<'_>, function: Option<Py<PyAny>>) {
        self.state.update(py, |last| last.with_wrapper(py, function, last.wrapper.copy));
    }

    /// The function that each item passes through, or None. It can be set.
    #[getter]
    fn wrapper_fn(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state.load(py).wrapper.function.as_ref().map(|function| function.clone_ref(py))
    }

    #[setter]
    fn set_copy_before_wrapper_fn(&self, py: Python<'_>, copy: bool) {
        self.state.update(py, |last| last.with_wrapper(py, last.wrapper.clone_ref(py).function, copy));
    }

    /// Whether `wrapper_fn` gets a copy, which it may change or keep. It can be set.
    #[getter]
    fn copy_before_wrapper_fn(&self, py: Python<'_>) -> bool {
        self.state.load(py).wrapper.copy
    }
}
