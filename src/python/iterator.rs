//! `for x in m`: the items one after another, without a detour through Python's integers.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::PyTypeInfo;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::ragged::PyRagged;
use super::strings::PyStrings;

/// What is iterated over.
enum Map {
    Ragged(Py<PyRagged>),
    Strings(Py<PyStrings>),
}

/// The items of a map from the first on. As of a list, those that are appended meanwhile come as well.
#[pyclass(frozen, module = "mmap_ninja._core")]
pub struct Items {
    map: Map,
    next: AtomicUsize,
}

impl Items {
    pub fn ragged<'py>(map: &Bound<'py, PyRagged>) -> PyResult<Bound<'py, PyAny>> {
        Self::over(map, |map| Map::Ragged(map.clone().unbind()))
    }

    pub fn strings<'py>(map: &Bound<'py, PyStrings>) -> PyResult<Bound<'py, PyAny>> {
        Self::over(map, |map| Map::Strings(map.clone().unbind()))
    }

    fn over<'py, T: PyTypeInfo>(
        map: &Bound<'py, T>,
        of: impl FnOnce(&Bound<'py, T>) -> Map,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = map.py();
        if has_own_getitem(map) {
            let items = Self { map: of(map), next: AtomicUsize::new(0) };
            return Ok(Bound::new(py, items)?.into_any());
        }
        // SAFETY: `map` is a valid object; the call returns a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PySeqIter_New(map.as_ptr())) }
    }
}

#[pymethods]
impl Items {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let item = match &self.map {
            Map::Ragged(map) => map.get().next_item(py, index),
            Map::Strings(map) => map.get().next_item(py, index),
        };
        if matches!(item, Ok(None)) {
            self.next.store(usize::MAX / 2, Ordering::Relaxed);
        }
        item
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.map {
            Map::Ragged(map) => visit.call(map),
            Map::Strings(map) => visit.call(map),
        }
    }
}

/// Whether the class of `map` reads items by the slot of `T`; a subclass may have a `__getitem__` of its own.
fn has_own_getitem<T: PyTypeInfo>(map: &Bound<'_, T>) -> bool {
    let py = map.py();
    // SAFETY: both are valid types, of which any slot may be asked for.
    unsafe {
        let slot = |class| ffi::PyType_GetSlot(class, ffi::Py_mp_subscript);
        slot(ffi::Py_TYPE(map.as_ptr())) == slot(T::type_object_raw(py))
    }
}
