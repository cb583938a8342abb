//! Texts as `str`, and back.

use std::borrow::Cow;
use std::path::Path;

use pyo3::exceptions::{PyMemoryError, PyTypeError, PyUnicodeEncodeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::items;
use crate::strings::{NO_UTF8, View};

/// The text at `index`.
#[inline]
pub fn item<'py>(py: Python<'py>, view: &View, index: usize) -> PyResult<Bound<'py, PyAny>> {
    item_of(py, view, index, &view.item(index)?)
}

/// The texts at `indices`. Cold ones are prefetched.
pub fn many<'py>(py: Python<'py>, view: &View, indices: &[usize]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if items::are_few(indices) {
        return indices.iter().map(|&index| item(py, view, index)).collect();
    }
    let mut texts = Vec::with_capacity(indices.len());
    for (block, policy) in items::blocks(indices) {
        let stored = py.detach(|| view.stored_batch(block, policy))?;
        for (&index, stored) in block.iter().zip(stored) {
            texts.push(item_of(py, view, index, &view.decoded(index, stored)?)?);
        }
    }
    Ok(texts)
}

/// The text at `index`, of which these are the bytes.
#[inline]
pub fn item_of<'py>(py: Python<'py>, view: &View, index: usize, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    str_of(py, bytes).map_err(|error| {
        let is_damage = !error.is_instance_of::<PyMemoryError>(py);
        if is_damage { view.damaged(index, NO_UTF8).into() } else { error }
    })
}

/// A `str` of the UTF-8 in `bytes`.
#[inline]
pub fn str_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the pointer and the length are those of a slice.
    unsafe {
        let text = ffi::PyUnicode_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed());
        Bound::from_owned_ptr_or_err(py, text)
    }
}

/// The UTF-8 of many, of which the first is number `first` of those in `dir`.
pub fn texts<'a>(strings: &'a [Bound<'_, PyAny>], dir: &Path, first: usize) -> PyResult<Vec<Cow<'a, str>>> {
    strings.iter().enumerate().map(|(i, string)| text(string, dir, first + i)).collect()
}

/// The UTF-8 of a `str`, which the object caches.
pub fn text<'a>(string: &'a Bound<'_, PyAny>, dir: &Path, index: usize) -> PyResult<Cow<'a, str>> {
    let Ok(text) = string.cast::<PyString>() else {
        let found = string.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{}: string {index} is {found}, not str", dir.display())));
    };
    text.to_str().map(Cow::Borrowed).map_err(|error| located(text.py(), error, dir, index))
}

/// The same `UnicodeEncodeError`, with the place in its reason.
fn located(py: Python<'_>, error: PyErr, dir: &Path, index: usize) -> PyErr {
    let relocate = |error: &PyErr| -> PyResult<PyErr> {
        let value = error.value(py);
        let part = |name: &str| value.getattr(name);
        let reason = format!("{} (string {index} for {})", part("reason")?, dir.display());
        let parts = (part("encoding")?, part("object")?, part("start")?, part("end")?, reason);
        Ok(PyUnicodeEncodeError::new_err((
            parts.0.unbind(),
            parts.1.unbind(),
            parts.2.unbind(),
            parts.3.unbind(),
            parts.4,
        )))
    };
    relocate(&error).unwrap_or(error)
}
