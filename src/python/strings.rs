//! The class behind `StringsMmap`. Reading an item is its own slot: one `str` is made, nothing else.

use std::ops::Range;
use std::path::PathBuf;

use numpy::PyArray1;
use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyString, PyTuple, PyType};

use super::array::Owner;
use super::assignment::pairs;
use super::batches::{self, Pair, Target};
use super::error::is_signalled;
use super::fork_mutex::ForkMutex;
use super::gathered;
use super::index::{self, Index};
use super::iterator::{Items, NextItem};
use super::options::PyOptions;
use super::overrides::{self, Overrides};
use super::snapshot_cell::SnapshotCell;
use super::texts::{item, many, text, texts};
use crate::cancel::Cancellation;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::Access;
use crate::memory;
use crate::options::Options;
use crate::strings::{Strings, View, write_index_with};

/// UTF-8 strings; `mmap_ninja.string.StringsMmap` is the class for users.
#[pyclass(subclass, frozen, name = "Strings", module = "mmap_ninja._core")]
pub struct PyStrings {
    /// Replaced as a whole when the dataset grows, so that readers need no lock.
    view: SnapshotCell<View>,
    store: ForkMutex<Strings>,
    overrides: Overrides,
}

impl PyStrings {
    /// Runs `change` on the store while detached from the interpreter, and publishes the outcome to readers.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Strings) -> crate::Result<T> + Send,
    ) -> PyResult<T> {
        let ((outcome, view), generation) =
            py.detach(|| self.store.with_lock(|store| (change(store), store.view.clone())))?;
        self.view.store(py, generation, |_| view);
        Ok(outcome?)
    }

    /// What readers see at this moment.
    pub(super) fn shown(&self, py: Python<'_>) -> View {
        self.view.load(py).clone()
    }

    /// Shows what another handle shows of one of its fields.
    pub(crate) fn show(&self, py: Python<'_>, view: View, options: Options) -> PyResult<()> {
        let store = Strings::of_view(view.clone(), options);
        let ((), generation) = py.detach(|| self.store.with_lock(|current| *current = store))?;
        self.view.store(py, generation, |_| view);
        Ok(())
    }

    #[inline]
    fn read<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let view = self.view.load(py);
        match Index::parse(index, view.len, |at| view.out_of_range(at))? {
            Index::One(index) => item(py, &view, index),
            Index::Many(indices) => {
                view.check_open()?;
                Ok(PyList::new(py, many(py, &view, &indices)?)?.into_any())
            }
        }
    }

    /// Checks all values before it writes the first.
    fn assign(&self, py: Python<'_>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let view = &*self.view.load(py);
        view.check_open()?;
        let dir = &view.dir;
        let pairs: Vec<_> = pairs(Index::parse(index, view.len, |at| view.out_of_range(at))?, value, dir)?.collect();
        let changes: Vec<_> =
            pairs.iter().map(|(index, value)| Ok((*index, text(value, dir, *index)?))).collect::<PyResult<_>>()?;
        self.change(py, |store| store.set(&changes))
    }
}

impl NextItem for PyStrings {
    fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        let view = self.view.load(py);
        if index < view.len {
            return item(py, &view, index).map(Some);
        }
        Ok(view.check_open().map(|()| None)?)
    }

    fn is_overridden(&self) -> bool {
        self.overrides.reads
    }
}

#[pymethods]
impl PyStrings {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let store = Strings::default();
        let overrides = Overrides::of(class)?;
        Ok(Self { view: SnapshotCell::new(store.view.clone()), store: ForkMutex::new(store), overrides })
    }

    fn _open(&self, py: Python<'_>, out_dir: PathBuf, options: &PyOptions) -> PyResult<()> {
        let options = options.get().clone();
        self.change(py, |store| {
            *store = Strings::open_with(&out_dir, options)?;
            Ok(())
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let view = self.view.load(py);
        view.check_open()?;
        Ok(view.len)
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

    /// The positions that `indices` selects, counted from the first text.
    fn _positions(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
        let view = self.view.load(py);
        view.check_open()?;
        index::batch(indices, view.len, |at| view.out_of_range(at))
    }

    /// Appends the strings, all of them or none.
    fn _extend(&self, py: Python<'_>, strings: &Bound<'_, PyAny>) -> PyResult<()> {
        let (dir, len) = {
            let view = self.view.load(py);
            (view.dir.clone(), view.len)
        };
        let strings: Vec<Bound<'_, PyAny>> = strings.try_iter()?.collect::<PyResult<_>>()?;
        let texts = texts(&strings, &dir, len)?;
        if texts.is_empty() { Ok(()) } else { self.change(py, |store| store.append(&texts)) }
    }

    /// Appends strings that lie one after another, all of them or none.
    fn _extend_gathered(&self, py: Python<'_>, values: &Bound<'_, PyAny>, offsets: &Bound<'_, PyAny>) -> PyResult<()> {
        let dir = self.view.load(py).dir.clone();
        let gathered = gathered::texts(values, offsets, &dir)?;
        let (bytes, offsets, _) = gathered.parts(&dir)?;
        self.change(py, |store| store.append_gathered(bytes, &offsets))
    }

    /// The UTF-8 bytes of all strings one after another, and the offsets.
    fn _whole<'py>(&self, py: Python<'py>) -> PyResult<Pair<'py>> {
        let view = &*self.view.load(py);
        view.check_open()?;
        gathered::whole_texts(py, view)
    }

    /// Appends all strings of the map in `source`.
    fn _join(&self, py: Python<'_>, source: PathBuf) -> PyResult<()> {
        self.change(py, |store| {
            let options = Options { names: store.options.names.clone(), ..Options::default() };
            store.join(&Strings::open_with(source, options)?)
        })
    }

    /// Appends the texts of the map `source` at `indices`, as it shows them.
    fn _extend_from(&self, py: Python<'_>, source: &Bound<'_, Self>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let source = Strings::of_view(source.get().view.load(py).clone(), Options::default());
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
        let view = &*self.view.load(py);
        view.check_open()?;
        let indices = index::batch(indices, view.len, |at| view.out_of_range(at))?;
        let target = Target::new(|| view.dir.display().to_string(), &numpy::dtype::<u8>(py), dtype, out)?;
        let strings = py.detach(|| view.gather(&indices, PrefetchPolicy::IfCold))?;
        let pieces: Vec<&[u8]> = memory::collect(&view.dir, strings.iter().map(AsRef::as_ref))?;
        batches::gather(&view.dir, &view.extents.data, &target, &pieces)
    }

    /// Whether a text equals `value`.
    fn _contains(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let view = &*self.view.load(value.py());
        find(view, value, 0..view.len, true).map(|found| found.is_some())
    }

    /// The first position of a text in the slice from `start` to `stop`, or None.
    fn _find(
        &self,
        value: &Bound<'_, PyAny>,
        start: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
    ) -> PyResult<Option<usize>> {
        let py = value.py();
        let view = &*self.view.load(py);
        if stop.is_none() && index::integer(start)? == Some(0) {
            return find(view, value, 0..view.len, false);
        }
        let slice = py.get_type::<PySlice>().call1((start, stop))?;
        let indices = slice.cast::<PySlice>()?.indices(view.len.cast_signed())?;
        find(view, value, indices.start.cast_unsigned()..indices.stop.cast_unsigned(), false)
    }

    fn _prefetch(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let view = &*self.view.load(py);
        view.check_open()?;
        let indices = index::batch(indices, view.len, |at| view.out_of_range(at))?;
        Ok(py.detach(|| view.stored_batch(&indices, PrefetchPolicy::Always).map(drop))?)
    }

    /// The zstd level of compressed texts, or None.
    #[getter]
    fn zstd_level(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        let view = self.view.load(py);
        view.check_open()?;
        Ok(view.codec.as_ref().map(|codec| codec.level()))
    }

    /// The number of UTF-8 bytes of every text, int64 of shape (n,). It is computed each time, since the files have no
    /// such column; of compressed texts, every header is read.
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let view = &*self.view.load(py);
        view.check_open()?;
        Ok(PyArray1::from_vec(py, py.detach(|| view.lengths())?))
    }

    /// The number of UTF-8 bytes of the text at `index`, which is not read.
    fn _length(&self, py: Python<'_>, index: usize) -> PyResult<i64> {
        Ok(self.view.load(py).length(index)?)
    }

    /// The stored size of all texts in bytes, compressed or not.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<i64> {
        let view = self.view.load(py);
        view.check_open()?;
        Ok(view.end())
    }

    /// Tells the kernel that few texts will be read, far from each other.
    fn _expect_few_reads(&self, py: Python<'_>) {
        self.view.load(py).advise(Access::Random);
    }

    /// The mapping of the texts, and the number of visible texts.
    fn _shown(&self, py: Python<'_>) -> PyResult<(Owner, usize)> {
        let view = self.view.load(py);
        view.check_open()?;
        Ok((Owner::new(view.extents.data.clone()), view.len))
    }

    /// Read the files again, to see texts that others have appended. A dataset that is gone is a `FileNotFoundError`.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, Strings::refresh)
    }

    /// Unmap the files. From then on the map raises `ValueError`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, |store| {
            store.close();
            Ok(())
        })
    }

    #[getter]
    fn _is_closed(&self, py: Python<'_>) -> bool {
        self.view.load(py).check_open().is_err()
    }
}

/// A position of a text in `range`: the first one, or any. What is not a `str`, or has no UTF-8, is nowhere.
fn find(view: &View, value: &Bound<'_, PyAny>, mut range: Range<usize>, is_any: bool) -> PyResult<Option<usize>> {
    let py = value.py();
    let text = match value.cast::<PyString>().map(|text| text.to_str()) {
        Ok(Ok(text)) => text.as_bytes(),
        Ok(Err(error)) if !error.is_instance_of::<PyUnicodeEncodeError>(py) => return Err(error),
        _ => return Ok(view.check_open().map(|()| None)?),
    };
    match view.find_at_once(text, &mut range, is_any)? {
        None if !range.is_empty() => {
            let cancel = Cancellation::when(is_signalled);
            Ok(py.detach(|| view.find_in_rest(text, range, &cancel))?)
        }
        found => Ok(found),
    }
}

/// Writes the index of the texts in `out_dir`.
#[pyfunction]
pub fn write_index(py: Python<'_>, out_dir: PathBuf, options: &PyOptions) -> PyResult<()> {
    Ok(py.detach(|| write_index_with(&out_dir, options.get()))?)
}
