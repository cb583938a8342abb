//! Arrays of callers that batches are written into.

use std::ops::Range;
use std::path::PathBuf;

use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::Owner;
use super::dtype::has_dtype;
use super::samples::bytes;
use crate::io::mapping::Region;
use crate::io::untrusted::FileId;

/// The memory that a batch is read from, which must not be written to.
pub struct Source {
    addresses: Range<usize>,
    file: Option<FileId>,
}

impl From<&Region> for Source {
    fn from(data: &Region) -> Self {
        Self { addresses: addresses(data.bytes()), file: data.file() }
    }
}

impl Source {
    /// The elements of `array`, which lie between two addresses.
    pub fn array(array: &Bound<'_, PyUntypedArray>, addresses: Range<usize>) -> Self {
        Self { addresses, file: mapped_file(array) }
    }

    /// The caller's array, if it has the dtype and a shape that fits. `needed` is the shape of the batch.
    pub fn check_out<'py>(
        &self,
        given: &Bound<'py, PyAny>,
        descr: &Bound<'py, PyArrayDescr>,
        needed: &[usize],
        fits: impl Fn(&[usize]) -> bool,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        let array = given.cast::<PyUntypedArray>().map_err(|_| PyTypeError::new_err("out must be a NumPy array"))?;
        // First, since this may run Python code, which could invalidate earlier checks.
        let is_own = self.file.is_some() && mapped_file(array) == self.file;
        if !has_dtype(array, descr) {
            return Err(PyTypeError::new_err(format!("out has the dtype {}, the batch has {descr}", array.dtype())));
        }
        let found = array.shape();
        if found.len() != needed.len() || !fits(found) {
            return Err(PyValueError::new_err(format!("out has the shape {found:?}, the batch needs {needed:?}")));
        }
        // SAFETY: the array is valid, and its flags are read at once.
        let flags = unsafe { (*array.as_array_ptr()).fields.flags };
        if flags & NPY_ARRAY_WRITEABLE == 0 || !array.is_c_contiguous() {
            return Err(PyValueError::new_err("out must be writable and C-contiguous"));
        }
        if is_own || overlap(&addresses(bytes(array)), &self.addresses) {
            return Err(PyValueError::new_err("out lies in the map that the samples are read from"));
        }
        Ok(array.clone())
    }
}

/// The file that an array shows. The base is read from the array itself: a subclass may override the attribute.
fn mapped_file(array: &Bound<'_, PyUntypedArray>) -> Option<FileId> {
    let mut part = array.as_any().clone();
    loop {
        if let Ok(owner) = part.cast::<Owner>() {
            return owner.get().file();
        }
        let array = part.cast::<PyUntypedArray>().ok()?;
        let name = array.getattr("filename").and_then(|name| name.extract::<PathBuf>());
        if let Some(file) = name.ok().and_then(|name| FileId::of(&name)) {
            return Some(file);
        }
        // SAFETY: the base of a valid array is null or a valid object.
        let base = unsafe { Bound::from_borrowed_ptr_or_opt(part.py(), (*array.as_array_ptr()).fields.base) };
        part = base?;
    }
}

/// The addresses of bytes in memory.
pub fn addresses(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr() as usize;
    start..start + bytes.len()
}

/// Whether two ranges overlap.
fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}
