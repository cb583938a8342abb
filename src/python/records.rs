//! The class behind `RecordsMmap`. Reading a record is its own slot: one dictionary is made, and its values.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::array::Owner;
use super::build::ended;
use super::change::change_store;
use super::columns::{Column, GivenColumn, Parts};
use super::fork_mutex::ForkMutex;
use super::index::{self, Index};
use super::iterator::{Items, NextItem};
use super::options::PyOptions;
use super::overrides::{self, Overrides};
use super::ragged::PyRagged;
use super::records_state::{RecordWrapper, RecordsState};
use super::snapshot_cell::SnapshotCell;
use super::stream::{Fields, RecordEncoder};
use super::strings::PyStrings;
use crate::format::Kind;
use crate::format::fields::{FieldList, FieldSpec};
use crate::io::mapping::{Mode, Region};
use crate::records::{FieldView, Records};
use crate::stream::Block;
use crate::stream::sinks::append_blocks;

/// The name of a field, its kind, and its shape if that is fixed.
type Spec = (String, &'static str, Option<Vec<i64>>);

/// Records of several fields; `mmap_ninja.records.RecordsMmap` is the class for users.
#[pyclass(subclass, frozen, generic, name = "Records", module = "mmap_ninja._core")]
pub struct PyRecords {
    state: SnapshotCell<RecordsState>,
    store: ForkMutex<Records>,
    overrides: Overrides,
}

impl PyRecords {
    /// Runs `change` on the store while detached from the interpreter, and publishes the outcome to readers.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Records) -> crate::Result<T> + Send,
    ) -> PyResult<T> {
        change_store(py, (&self.state, &self.store), change)
    }

    fn check_whole(&self, py: Python<'_>) -> PyResult<()> {
        self.state.load(py).view.check_open()?;
        Ok(py.detach(|| self.store.with_lock(|store| store.check_whole()))?.0?)
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
}

impl NextItem for PyRecords {
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
impl PyRecords {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let store = Records::default();
        let state = RecordsState::new(class.py(), store.view.clone(), Mode::ReadOnly)?;
        let overrides = Overrides::of(class)?;
        Ok(Self { state: SnapshotCell::new(state), store: ForkMutex::new(store), overrides })
    }

    /// Opens the records, or some of their fields. `whole` is called with each record, `by_field` has a function for the
    /// values of a field.
    fn _open(
        &self,
        py: Python<'_>,
        out_dir: PathBuf,
        options: &PyOptions,
        fields: Option<Vec<String>>,
        wrapper: (Option<Py<PyAny>>, Option<Py<PyDict>>, bool),
    ) -> PyResult<()> {
        let options = options.get().clone();
        let mode = options.mode;
        let store = py.detach(|| Records::open_wanted(&out_dir, options, fields))?;
        let (whole, fields, copy) = wrapper;
        let wrapper = RecordWrapper { whole, fields, copy };
        let state = RecordsState::new(py, store.view.clone(), mode)?.with_wrapper(wrapper);
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
        if index.is_instance_of::<PyString>() {
            return slf.call_method1("field", (index,));
        }
        if map.overrides.reads { overrides::read(slf.as_any(), index) } else { map.read(index) }
    }

    /// What `__getitem__` gives where no method of a subclass is called.
    fn _get<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.read(index)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Items::over(slf)
    }

    /// The positions that `indices` selects, counted from the first record.
    fn _positions(&self, py: Python<'_>, indices: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
        let state = self.state.load(py);
        state.view.check_open()?;
        index::batch(indices, state.view.len, |at| state.view.out_of_range(at))
    }

    /// The records at `indices`, field by field; `pad` has the values that ragged fields are padded with.
    fn _batch<'py>(&self, indices: &Bound<'py, PyAny>, pad: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let state = self.state.load(indices.py());
        state.view.check_open()?;
        let indices = index::batch(indices, state.view.len, |at| state.view.out_of_range(at))?;
        state.batch(&indices, pad)
    }

    /// Appends records, all of them or none. Where there are none yet, `fields` declares what the first one does not tell.
    fn _extend(&self, py: Python<'_>, records: &Bound<'_, PyAny>, fields: &Bound<'_, PyDict>) -> PyResult<()> {
        let (mut encoder, mut block) = {
            let state = self.state.load(py);
            self.check_whole(py)?;
            (RecordEncoder::new(py, &state.view, &state.view.dir, fields)?, Block::default())
        };
        let first = self.__len__(py)?;
        encoder.fill(records, first, &mut block)?;
        if block.len() == 0 {
            return Ok(());
        }
        let mut fields = Fields::Records(encoder);
        fields.decide(py);
        let forms = fields.forms(py, &mut block)?;
        let fields: Vec<_> = fields.specs().into_iter().zip(forms).collect();
        self.change(py, |store| append_blocks(store, &fields, &[block], None))
    }

    /// Appends new samples of every field, all of them or none, without a step for each sample.
    fn _extend_columns(&self, py: Python<'_>, columns: Vec<GivenColumn<'_>>) -> PyResult<()> {
        let dir = {
            let state = self.state.load(py);
            state.view.check_open()?;
            state.view.dir.clone()
        };
        let columns = columns.into_iter().map(|column| Column::collect(column, &dir)).collect::<PyResult<Vec<_>>>()?;
        let parts = columns.iter().map(|column| column.parts(&dir)).collect::<PyResult<Vec<_>>>()?;
        let fields: Vec<_> = parts.iter().map(Parts::batch).collect();
        self.change(py, |store| store.append(&fields))
    }

    /// Appends all records in `source`.
    fn _join(&self, py: Python<'_>, source: PathBuf) -> PyResult<()> {
        self.change(py, |store| store.join(&Records::open(source, Mode::ReadOnly)?))
    }

    /// Appends the records of `source` at `indices`, as it shows them.
    fn _extend_from(&self, py: Python<'_>, source: &Bound<'_, Self>, indices: &Bound<'_, PyAny>) -> PyResult<()> {
        let source = {
            let state = source.get().state.load(py);
            Records::of_view(state.view.clone(), state.mode.into())
        };
        source.view.check_open()?;
        let indices = index::batch(indices, source.len(), |at| source.view.out_of_range(at))?;
        self.change(py, |store| store.extend_from(&source, indices.iter().copied()))
    }

    /// Refuses to change records of which only some fields are open.
    fn _check_whole(&self, py: Python<'_>) -> PyResult<()> {
        self.check_whole(py)
    }

    /// Removes a field and its files.
    fn _remove_field(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.change(py, |store| store.remove_field(name))
    }

    /// The name and the kind of every field, and its shape if that is declared.
    fn _specs(&self, py: Python<'_>) -> PyResult<Vec<Spec>> {
        let state = self.state.load(py);
        state.view.check_open()?;
        let spec =
            |field: &crate::records::Field| (field.spec.name.clone(), field.spec.kind.name(), field.spec.shape.clone());
        Ok(state.view.fields.iter().map(spec).collect())
    }

    /// Lets `map`, of the class of the field's kind, show the field at a place in `_specs`.
    fn _show_field(&self, py: Python<'_>, place: usize, map: &Bound<'_, PyAny>, options: &PyOptions) -> PyResult<()> {
        let field = self.state.load(py).view.fields.get(place).map(|field| field.view.clone());
        let options = options.get().clone();
        match field {
            Some(FieldView::Ragged(view)) => map.cast::<PyRagged>()?.get().show(py, view, options),
            Some(FieldView::Strings(view)) => map.cast::<PyStrings>()?.get().show(py, view, options),
            _ => Err(ended()),
        }
    }

    /// All rows of the dense field at a place in `_specs`.
    fn _array<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Bound<'py, PyAny>> {
        self.state.load(py).array(py, place)
    }

    /// The mapping of the data of the field at a place in `_specs`.
    fn _mapping(&self, py: Python<'_>, place: usize) -> PyResult<Owner> {
        let state = self.state.load(py);
        state.view.check_open()?;
        let field = state.view.fields.get(place);
        Ok(Owner::new(field.map_or_else(Region::empty, |field| field.view.data().clone())))
    }

    /// The size of all fields, in bytes.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok(state.nbytes())
    }

    /// Nothing, and the number of visible records.
    fn _shown(&self, py: Python<'_>) -> PyResult<(Option<usize>, usize)> {
        let state = self.state.load(py);
        state.view.check_open()?;
        Ok((None, state.view.len))
    }

    /// Read the files again, to see records that others have appended, and fields that they have added or removed. A dataset
    /// that is gone is a `FileNotFoundError`.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, Records::refresh)
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

    /// Shows the garbage collector what the functions refer to, which may be this very map.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.peek(|state| {
            state.wrapper.whole.as_ref().map_or(Ok(()), |function| visit.call(function))?;
            state.wrapper.fields.as_ref().map_or(Ok(()), |functions| visit.call(functions))
        })
    }

    /// Drops the functions, once the garbage collector has found that nothing else refers to this map.
    fn __clear__(&self, py: Python<'_>) {
        self.state.update(py, |last| last.without_wrapper(py));
    }
}

/// Checks that records can have fields of these names.
#[pyfunction]
pub fn check_field_names(names: Vec<String>) -> PyResult<()> {
    let specs = names.into_iter().map(|name| FieldSpec::new(name, Kind::Ragged)).collect();
    FieldList::new(specs).map(drop).map_err(PyValueError::new_err)
}
