//! Methods of the releases before 1.0 that a subclass overrides: indexing goes through them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::index::integer;

/// Which kinds of methods a class overrides. `Handle.__init_subclass__` finds that out once, so that other classes pay
/// nothing.
#[derive(Clone, Copy)]
pub struct Overrides {
    /// `get_single` or `get_multiple`.
    pub reads: bool,
    /// `set_single` or `set_multiple`.
    pub writes: bool,
}

impl Overrides {
    pub fn of(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let is_set = |name| class.getattr_opt(name)?.map_or(Ok(false), |value| value.is_truthy());
        let py = class.py();
        Ok(Self { reads: is_set(intern!(py, "_overrides_reads"))?, writes: is_set(intern!(py, "_overrides_writes"))? })
    }
}

/// `map[index]` by the method of the subclass.
#[cold]
pub fn read<'py>(map: &Bound<'py, PyAny>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let is_single = integer(index)?.is_some();
    map.call_method1(if is_single { "get_single" } else { "get_multiple" }, (index,))
}

/// `map[index] = value` by the method of the subclass.
#[cold]
pub fn write(map: &Bound<'_, PyAny>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_single = integer(index)?.is_some();
    map.call_method1(if is_single { "set_single" } else { "set_multiple" }, (index, value)).map(drop)
}
