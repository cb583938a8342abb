//! NumPy's dtypes as the text of `dtype.ninja`, and back.

use std::path::Path;

use numpy::npyffi::NPY_TYPES;
use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyImportError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::error::Error;
use crate::format::DTYPE;
use crate::format::dtype::{Dtype, ML_DTYPES};

/// The stored form of a dtype.
///
/// # Errors
/// `TypeError` if its elements hold pointers, or no stored form reads back as the same dtype.
pub fn from_numpy(descr: &Bound<'_, PyArrayDescr>) -> PyResult<Dtype> {
    let py = descr.py();
    if let Some(what) = refusal(descr) {
        return Err(PyTypeError::new_err(what));
    }
    for text in candidates(descr)? {
        if let Ok(dtype) = Dtype::parse(&text)
            && to_numpy(py, &dtype).is_ok_and(|found| found.is_equiv_to(descr))
        {
            return Ok(dtype);
        }
    }
    Err(PyTypeError::new_err(format!("dtype {descr} cannot be stored: it has no form that reads back as the same")))
}

/// Refuses a dtype whose elements could not be stored; `place` names the sample or the dataset.
pub fn check_storable(descr: &Bound<'_, PyArrayDescr>, place: impl Fn() -> String) -> PyResult<()> {
    refusal(descr).map_or(Ok(()), |what| Err(PyTypeError::new_err(format!("{}: {what}", place()))))
}

/// Why elements of a dtype cannot be stored.
fn refusal(descr: &Bound<'_, PyArrayDescr>) -> Option<String> {
    if descr.has_object() || descr.kind() == b'T' {
        let what = format!("dtype {descr} cannot be stored: its elements are pointers into memory");
        return Some(format!("{what}; convert the samples to another dtype, or store texts in a StringsMmap"));
    }
    if descr.has_fields() {
        let has_order = descr.getattr("descr").is_ok();
        let what = format!("dtype {descr} cannot be stored: its fields overlap or are out of order");
        return (!has_order)
            .then(|| format!("{what}; numpy.lib.recfunctions.repack_fields makes a copy that can be stored"));
    }
    if descr.itemsize() > 0 {
        return None;
    }
    let code = char::from(descr.kind());
    let what = format!("dtype '{code}' cannot be stored without a width: state one, for example '{code}20'");
    Some(format!("{what}; texts of any length go into a StringsMmap, and bytes are samples of dtype uint8"))
}

/// The name if it is unambiguous, else the code with the byte order, else the fields.
fn candidates(descr: &Bound<'_, PyArrayDescr>) -> PyResult<Vec<String>> {
    if descr.has_fields() {
        let json = descr.py().import("json")?;
        return Ok(vec![json.call_method1("dumps", (descr.getattr("descr")?,))?.extract()?]);
    }
    let (name, code): (String, String) = (descr.getattr("name")?.extract()?, descr.getattr("str")?.extract()?);
    let is_sized = matches!(descr.kind(), b'U' | b'S') || name.starts_with("void");
    Ok(if is_sized { vec![code] } else { vec![name, code] })
}

/// The dtype of the dataset in `dir`.
///
/// # Errors
/// As [`to_numpy`], but a `CorruptDatasetError` that names the file instead of a `TypeError`.
pub fn stored<'py>(py: Python<'py>, dir: &Path, dtype: &Dtype) -> PyResult<Bound<'py, PyArrayDescr>> {
    to_numpy(py, dtype).map_err(|error| {
        if error.is_instance_of::<PyTypeError>(py) {
            Error::corrupt(dir.join(DTYPE), error.value(py).to_string()).into()
        } else {
            error
        }
    })
}

/// The dtype of a stored form.
///
/// # Errors
/// `TypeError` if NumPy does not know it, or disagrees with this crate about its size, which views rely on.
pub fn to_numpy<'py>(py: Python<'py>, dtype: &Dtype) -> PyResult<Bound<'py, PyArrayDescr>> {
    let text = dtype.text();
    let unknown = |error: PyErr| {
        if error.is_instance_of::<PyImportError>(py) {
            error
        } else {
            PyTypeError::new_err(format!("dtype '{text}' is not known to NumPy: {}", error.value(py)))
        }
    };
    let found = resolved(py, dtype).map_err(unknown)?;
    let is_aligned = found.itemsize().is_multiple_of(found.alignment().max(1));
    if found.itemsize() != dtype.item_size() || found.has_object() || !is_aligned {
        return Err(PyTypeError::new_err(format!("dtype '{text}' is not what NumPy takes it for: {found}")));
    }
    Ok(found)
}

fn resolved<'py>(py: Python<'py>, dtype: &Dtype) -> PyResult<Bound<'py, PyArrayDescr>> {
    let text = dtype.text();
    if text.starts_with('[') {
        let fields = py.import("json")?.call_method1("loads", (text,))?;
        let found = py.import("numpy.lib.format")?.call_method1("descr_to_dtype", (hashable(&fields)?,))?;
        return Ok(found.cast_into::<PyArrayDescr>()?);
    }
    if ML_DTYPES.iter().any(|(known, _)| *known == text) {
        let scalar = py.import("ml_dtypes")?.getattr(text)?;
        return PyArrayDescr::new(py, scalar);
    }
    PyArrayDescr::new(py, numpy_code(dtype))
}

/// The text, but for widths in bits, which NumPy does not read.
fn numpy_code(dtype: &Dtype) -> String {
    let size = dtype.item_size();
    match dtype.text().trim_end_matches(|c: char| c.is_ascii_digit()) {
        "str" => format!("<U{}", size / 4),
        "bytes" => format!("|S{size}"),
        "void" => format!("|V{size}"),
        _ => dtype.text().to_owned(),
    }
}

/// Converts lists into tuples: JSON has lists for the fields of a `descr`, their shapes and their titles.
fn hashable<'py>(fields: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = fields.py();
    let mut converted = Vec::new();
    for field in fields.try_iter()? {
        let mut parts: Vec<Bound<'py, PyAny>> = field?.extract()?;
        for (place, part) in parts.iter_mut().enumerate() {
            if part.is_instance_of::<PyList>() {
                *part = if place == 1 { hashable(part)? } else { part.cast::<PyList>()?.to_tuple().into_any() };
            }
        }
        converted.push(PyTuple::new(py, parts)?);
    }
    Ok(PyList::new(py, converted)?.into_any())
}

/// The stored form of a dtype that may be one of numbers, without a look at its names where NumPy has it built in.
pub fn number(descr: &Bound<'_, PyArrayDescr>) -> Option<Dtype> {
    let (kind, size) = (char::from(descr.kind()), descr.itemsize());
    if descr.num() > NPY_TYPES::NPY_HALF as i32 {
        return from_numpy(descr).ok();
    }
    let order = if descr.byteorder() == b'>' { '>' } else { '<' };
    if matches!(kind, 'b' | 'i' | 'u' | 'f') { Dtype::parse(&format!("{order}{kind}{size}")).ok() } else { None }
}

/// Whether `array` has the dtype `descr`.
pub fn has_dtype(array: &Bound<'_, PyUntypedArray>, descr: &Bound<'_, PyArrayDescr>) -> bool {
    let found = array.dtype();
    found.is(descr) || found.is_equiv_to(descr)
}
