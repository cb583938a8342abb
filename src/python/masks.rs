//! Finds masked arrays: if they were stored or used as indices, their masks would be lost.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyTuple, PyType};

/// The type of masked arrays; `None` until it is imported, when none can exist.
pub fn masked_array(py: Python<'_>) -> PyResult<Option<Bound<'_, PyType>>> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
    let Some(module) = modules.get_item(intern!(py, "numpy.ma"))? else { return Ok(None) };
    let found = module.getattr_opt(intern!(py, "MaskedArray"))?;
    Ok(found.map(Bound::cast_into).transpose()?)
}

/// Whether one of the parts that NumPy has made an array of `depth` axes from is `masked`.
pub fn holds_masks(sample: &Bound<'_, PyAny>, masked: &Bound<'_, PyType>, depth: usize) -> PyResult<bool> {
    let is_number = sample.is_exact_instance_of::<PyFloat>() || sample.is_exact_instance_of::<PyInt>();
    if is_number || sample.is_exact_instance_of::<PyBool>() {
        return Ok(false);
    }
    let is_list = sample.is_instance_of::<PyList>() || sample.is_instance_of::<PyTuple>();
    if depth == 0 || !is_list {
        return sample.is_instance(masked);
    }
    for part in sample.try_iter()? {
        if holds_masks(&part?, masked, depth - 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}
