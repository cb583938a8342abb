//! `for x in m`: the items one after another, without a detour through Python integers.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::{PyClass, PyTypeInfo, ffi};

/// A map whose items can be read by index.
pub trait NextItem {
    /// The item at `index`; `None` past the end.
    fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// Whether a method of a subclass reads items.
    fn is_overridden(&self) -> bool;
}

/// A map that an iterator keeps alive.
trait Source: Send + Sync {
    fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>>;
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl<T: NextItem + PyClass<Frozen = True> + Sync> Source for Py<T> {
    fn next_item<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.get().next_item(py, index)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }
}

/// The items of a map from the first on. As with a list, items that are appended during the iteration come as well.
#[pyclass(frozen, module = "mmap_ninja._core")]
pub struct Items {
    map: Box<dyn Source>,
    next: AtomicUsize,
}

impl Items {
    pub fn over<'py, T>(map: &Bound<'py, T>) -> PyResult<Bound<'py, PyAny>>
    where
        T: NextItem + PyClass<Frozen = True> + Sync,
    {
        let py = map.py();
        if has_own_getitem(map) && !map.get().is_overridden() {
            let items = Self { map: Box::new(map.clone().unbind()), next: AtomicUsize::new(0) };
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
        let item = self.map.next_item(py, index).map_err(|error| not_an_end(py, error));
        if matches!(item, Ok(None)) {
            self.next.store(usize::MAX / 2, Ordering::Relaxed);
        }
        item
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.map.traverse(&visit)
    }
}

/// A `StopIteration` of a `wrapper_fn` would silently end the loop.
fn not_an_end(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let raised = PyRuntimeError::new_err("wrapper_fn raised StopIteration");
    raised.set_cause(py, Some(error));
    raised
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
