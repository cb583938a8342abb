//! The snapshot of records that readers use.

use std::path::Path;

use numpy::PyArrayDescr;
use numpy::npyffi::{PY_ARRAY_API, PyArray_Descr};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::array::{Owner, view};
use super::build::ended;
use super::callback;
use super::change::Snapshot;
use super::dtype::stored;
use super::items;
use super::ragged_state::State;
use super::texts;
use crate::dense;
use crate::io::mapping::Mode;
use crate::records::{Field, FieldView, Records, View};
use crate::sample::Sample;
use crate::strings::View as StringsView;

/// Replaced as a whole when the records grow, so that readers need no lock.
pub struct RecordsState {
    pub view: View,
    pub mode: Mode,
    pub wrapper: RecordWrapper,
    pub(super) fields: Vec<FieldState>,
}

/// What the values of a field are made of.
pub(super) struct FieldState {
    pub name: Py<PyString>,
    pub values: Values,
}

pub(super) enum Values {
    Ragged(State),
    Strings(StringsView),
    Rows(Rows),
}

/// The rows of a dense field.
pub(super) struct Rows {
    pub view: dense::View,
    pub descr: Py<PyArrayDescr>,
    owner: Py<Owner>,
    /// The axes of a row.
    pub shape: Vec<i64>,
}

/// The functions that records pass through.
#[derive(Default)]
pub struct RecordWrapper {
    /// Called with the record.
    pub whole: Option<Py<PyAny>>,
    /// Called with the value of a field.
    pub fields: Option<Py<PyDict>>,
    /// Whether functions get copies of arrays.
    pub copy: bool,
}

impl RecordWrapper {
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        let whole = self.whole.as_ref().map(|function| function.clone_ref(py));
        Self { whole, fields: self.fields.as_ref().map(|fields| fields.clone_ref(py)), copy: self.copy }
    }

    fn is_some(&self) -> bool {
        self.whole.is_some() || self.fields.is_some()
    }
}

impl Snapshot for RecordsState {
    type Store = Records;
    type Shown = (View, Mode);

    fn shown(store: &Records) -> (View, Mode) {
        (store.view.clone(), store.options.mode)
    }

    fn new(py: Python<'_>, (view, mode): (View, Mode), _last: &Self) -> PyResult<Self> {
        Self::new(py, view, mode)
    }

    fn with_functions_of(self, py: Python<'_>, last: &Self) -> Self {
        self.with_wrapper(last.wrapper.clone_ref(py))
    }
}

impl RecordsState {
    /// A state without a wrapper.
    pub fn new(py: Python<'_>, view: View, mode: Mode) -> PyResult<Self> {
        let fields =
            view.fields.iter().map(|field| FieldState::new(py, &view, field, mode)).collect::<PyResult<_>>()?;
        Ok(Self { view, mode, wrapper: RecordWrapper::default(), fields })
    }

    /// The same state with another wrapper.
    pub fn with_wrapper(self, wrapper: RecordWrapper) -> Self {
        Self { wrapper, ..self }
    }

    /// The same records, without a wrapper.
    pub fn without_wrapper(&self, py: Python<'_>) -> Self {
        let fields = self.fields.iter().map(|field| field.clone_ref(py)).collect();
        Self { view: self.view.clone(), mode: self.mode, wrapper: RecordWrapper::default(), fields }
    }

    /// The record at `index`, passed through the wrapper.
    #[inline]
    pub fn item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        if index >= self.view.len {
            return Err(self.view.out_of_range(index as i64).into());
        }
        let record = PyDict::new(py);
        for field in &self.fields {
            record.set_item(field.name.bind(py), field.values.get(py, index, self.mode.is_writable())?)?;
        }
        self.shown(record)
    }

    #[inline]
    fn shown<'py>(&self, record: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        if self.wrapper.is_some() { self.wrapped(record) } else { Ok(record.into_any()) }
    }

    #[cold]
    fn wrapped<'py>(&self, record: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let py = record.py();
        if self.wrapper.copy {
            for (name, value) in &record {
                if value.hasattr("copy")? {
                    record.set_item(name, callback::call(&value.getattr("copy")?, (), None)?)?;
                }
            }
        }
        if let Some(functions) = &self.wrapper.fields {
            for (name, function) in functions.bind(py) {
                if let Some(value) = record.get_item(&name)? {
                    record.set_item(name, callback::call(&function, (value,), None)?)?;
                }
            }
        }
        match &self.wrapper.whole {
            Some(function) => callback::call(function.bind(py), (record,), None),
            None => Ok(record.into_any()),
        }
    }

    /// The records at `indices`, passed through the wrapper. Cold ones are prefetched.
    pub fn items<'py>(&self, py: Python<'py>, indices: &[usize]) -> PyResult<Bound<'py, PyList>> {
        let records: Vec<_> = indices.iter().map(|_| PyDict::new(py)).collect();
        for field in &self.fields {
            let values = field.values.get_many(py, &self.view.dir, indices, self.mode.is_writable())?;
            let name = field.name.bind(py);
            records.iter().zip(values).try_for_each(|(record, value)| record.set_item(name, value))?;
        }
        let records: Vec<_> = records.into_iter().map(|record| self.shown(record)).collect::<PyResult<_>>()?;
        PyList::new(py, records)
    }

    /// All rows of the dense field with this number.
    pub fn array<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyAny>> {
        let Some(FieldState { values: Values::Rows(rows), .. }) = self.fields.get(number) else { return Err(ended()) };
        let shape: Vec<i64> = std::iter::once(self.view.len as i64).chain(rows.shape.iter().copied()).collect();
        let sample = Sample { bytes: rows.view.data.bytes(), shape: &shape };
        view(py, &rows.descr, &rows.owner, sample, self.mode.is_writable())
    }

    /// The bytes of all fields.
    pub fn nbytes(&self) -> usize {
        self.view.fields.iter().map(|field| field.view.data().bytes().len()).sum()
    }
}

impl FieldState {
    fn new(py: Python<'_>, view: &View, field: &Field, mode: Mode) -> PyResult<Self> {
        let dir = view.dir.join(&field.spec.name);
        let values = match &field.view {
            FieldView::Ragged(view) => Values::Ragged(State::new(py, view.clone(), mode, None)?),
            FieldView::Strings(view) => Values::Strings(view.clone()),
            FieldView::Dense(view) => Values::Rows(Rows {
                descr: stored(py, &dir, &view.header.dtype)?.unbind(),
                owner: Py::new(py, Owner::new(view.data.clone()))?,
                shape: view.header.shape[1..].iter().map(|axis| axis.cast_signed()).collect(),
                view: view.clone(),
            }),
        };
        Ok(Self { name: PyString::intern(py, &field.spec.name).unbind(), values })
    }
}

impl FieldState {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        let values = match &self.values {
            Values::Ragged(state) => Values::Ragged(state.clone_ref(py)),
            Values::Strings(view) => Values::Strings(view.clone()),
            Values::Rows(rows) => Values::Rows(Rows {
                view: rows.view.clone(),
                descr: rows.descr.clone_ref(py),
                owner: rows.owner.clone_ref(py),
                shape: rows.shape.clone(),
            }),
        };
        Self { name: self.name.clone_ref(py), values }
    }
}

impl Values {
    #[inline]
    fn get<'py>(&self, py: Python<'py>, index: usize, writable: bool) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Ragged(state) => state.array(py, index, writable),
            Self::Strings(view) => texts::item(py, view, index),
            Self::Rows(rows) => rows.get(py, index, writable),
        }
    }

    fn get_many<'py>(
        &self,
        py: Python<'py>,
        dir: &Path,
        indices: &[usize],
        writable: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match self {
            Self::Ragged(state) => state.arrays(py, indices, writable),
            Self::Strings(view) => texts::many(py, view, indices),
            Self::Rows(rows) => {
                if !items::are_few(indices) {
                    for (block, policy) in items::blocks(indices) {
                        py.detach(|| rows.view.fetch(dir, block, policy).map(drop))?;
                    }
                }
                indices.iter().map(|&index| rows.get(py, index, writable)).collect()
            }
        }
    }
}

impl Rows {
    /// A NumPy scalar, or a view of a row that has axes.
    #[inline]
    fn get<'py>(&self, py: Python<'py>, index: usize, writable: bool) -> PyResult<Bound<'py, PyAny>> {
        let bytes = self.view.item(index).unwrap_or_default();
        if !self.shape.is_empty() {
            return view(py, &self.descr, &self.owner, Sample { bytes, shape: &self.shape }, writable);
        }
        let descr = self.descr.as_ptr().cast::<PyArray_Descr>();
        // SAFETY: the row has the bytes of one element of this dtype, since the header was checked against the data; NumPy
        // copies them, takes no reference to the dtype that it keeps without counting it, and returns a new reference.
        unsafe {
            let data = bytes.as_ptr().cast_mut().cast();
            let scalar = PY_ARRAY_API.PyArray_Scalar(py, data, descr, std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, scalar)
        }
    }
}
