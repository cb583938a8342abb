//! The one place that makes NumPy arrays on memory of this crate: mapped bytes, and batches.

use std::path::PathBuf;

use bytemuck::cast_slice;
use numpy::npyffi::{
    NPY_ARRAY_ALIGNED, NPY_ARRAY_WRITEABLE, NpyTypes, PY_ARRAY_API, PyArrayObject, get_type_object, npy_intp,
};
use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::batch::Out;
use crate::io::mapping::Region;
use crate::io::untrusted::FileId;
use crate::loader::Buffer;
use crate::memory::HUGE_PAGE;
use crate::sample::Sample;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("shapes are handed to NumPy where they lie, as 64-bit integers");

/// Keeps a mapping alive as the base of the arrays that show it.
#[pyclass(frozen, eq, module = "mmap_ninja._core")]
pub struct Owner {
    region: Region,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.region == other.region
    }
}

impl Owner {
    pub(crate) fn new(region: Region) -> Self {
        Self { region }
    }

    /// The file that is mapped.
    pub(crate) fn file(&self) -> Option<FileId> {
        self.region.file()
    }
}

#[pymethods]
impl Owner {
    /// Whether the file at `path` is the mapped one. While it is mapped, no other file can have the same identity.
    fn is_at(&self, path: PathBuf) -> bool {
        self.file().is_none_or(|file| FileId::of(&path) == Some(file))
    }
}

/// The address of arrays without elements.
static EMPTY: [u128; 1] = [0];

/// Arrays for which glibc always maps fresh pages. NumPy requests huge ones, but begins anywhere.
const ALWAYS_FRESH: usize = 32 << 20;

/// A new array with uninitialized elements. Large ones begin on a huge page, so that no end of them takes small pages.
pub fn empty<'py>(
    py: Python<'py>,
    descr: &Bound<'py, PyArrayDescr>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let len = shape.iter().try_fold(descr.itemsize(), |size, &axis| size.checked_mul(axis));
    let room = len.filter(|&len| cfg!(target_os = "linux") && len >= ALWAYS_FRESH);
    let Some(room) = room.and_then(|len| len.checked_add(2 * HUGE_PAGE)) else {
        return allocate(py, descr, shape);
    };
    // Where that cannot be had, NumPy says so of the array itself.
    let Ok(memory) = allocate(py, &numpy::dtype::<u8>(py), &[room]) else { return allocate(py, descr, shape) };
    // SAFETY: the array is valid.
    let data = unsafe { (*memory.as_array_ptr()).fields.data.cast::<u8>() };
    let data = data.wrapping_add(data.align_offset(HUGE_PAGE));
    // SAFETY: the shape takes `len` bytes, of which there are as many behind the first boundary of a huge page. They are
    // aligned for every dtype, and `memory` keeps them alive.
    let array =
        unsafe { array_on(py, &descr.clone().unbind(), memory.into_any().unbind(), data, cast_slice(shape), true)? };
    Ok(array.cast_into::<PyUntypedArray>()?)
}

/// A new array of NumPy's with uninitialized elements.
fn allocate<'py>(
    py: Python<'py>,
    descr: &Bound<'py, PyArrayDescr>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let axes = i32::try_from(shape.len())?;
    // SAFETY: NumPy copies the shape and does not write to it, takes over the reference to `descr`, and allocates
    // the elements.
    let array = unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            descr.clone().into_dtype_ptr(),
            axes,
            shape.as_ptr().cast_mut().cast::<npy_intp>(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)?
    };
    Ok(array.cast_into::<PyUntypedArray>()?)
}

/// A number of Python's or NumPy's as an array without axes, which is what `numpy.asarray` makes of it; `None` for anything
/// else.
pub fn of_number<'py>(number: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    let py = number.py();
    let is_number = number.is_exact_instance_of::<PyInt>()
        || number.is_exact_instance_of::<PyFloat>()
        || number.is_exact_instance_of::<PyBool>()
        || is_instance(number, NpyTypes::PyNumberArrType_Type)
        || is_instance(number, NpyTypes::PyBoolArrType_Type);
    if !is_number {
        return Ok(None);
    }
    // SAFETY: NumPy takes over the reference to the number, and returns a new one.
    let array = unsafe {
        let array = PY_ARRAY_API.PyArray_EnsureArray(py, number.clone().into_ptr());
        Bound::from_owned_ptr_or_err(py, array)?
    };
    Ok(Some(array.cast_into::<PyUntypedArray>()?))
}

fn is_instance(object: &Bound<'_, PyAny>, class: NpyTypes) -> bool {
    // SAFETY: both pointers are to live objects, and the second one is to a type.
    unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), get_type_object(object.py(), class)) != 0 }
}

/// The elements of a C-contiguous array, for writing.
///
/// # Safety
/// The array is writable, and nothing else reads or writes its elements while the slice lives.
#[expect(clippy::mut_from_ref, reason = "the array is a handle to the elements, not their owner")]
pub unsafe fn out<'a>(array: &'a Bound<'_, PyUntypedArray>) -> &'a mut Out {
    let len = array.len() * array.dtype().itemsize();
    // SAFETY: the array is C-contiguous, so that its elements fill `len` bytes from its data pointer on, which is
    // not null; the caller guarantees the rest.
    unsafe { std::slice::from_raw_parts_mut((*array.as_array_ptr()).fields.data.cast(), len) }
}

/// A NumPy view of the bytes of `sample`, which lie in `owner`'s mapping.
#[inline]
pub fn view<'py>(
    py: Python<'py>,
    descr: &Py<PyArrayDescr>,
    owner: &Py<Owner>,
    sample: Sample<'_>,
    writable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let data = if sample.bytes.is_empty() { EMPTY.as_ptr().cast() } else { sample.bytes.as_ptr() };
    // SAFETY: `data` points to as many bytes as the shape and dtype need (`View::get` checks that), which are
    // aligned since a mapping begins on a page and item sizes are multiples of alignments. They may only be written to if
    // the mapping is writable. `owner` keeps the mapping alive.
    unsafe { array_on(py, descr, owner.clone_ref(py).into_any(), data.cast_mut(), sample.shape, writable) }
}

/// The memory of a batch, as the base of the array that shows it.
#[pyclass(frozen, module = "mmap_ninja._core")]
pub struct BatchMemory {
    _buffer: Buffer,
}

/// A writable array on the bytes of `buffer`, which become its own.
///
/// # Panics
/// If the bytes do not fill the shape.
pub fn owning<'py>(
    py: Python<'py>,
    descr: &Bound<'py, PyArrayDescr>,
    shape: &[i64],
    buffer: Buffer,
) -> PyResult<Bound<'py, PyAny>> {
    let elements = shape.iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX)).product::<usize>();
    assert_eq!(elements.saturating_mul(descr.itemsize()), buffer.bytes().len());
    let data = buffer.start();
    let owner = Py::new(py, BatchMemory { _buffer: buffer })?;
    // SAFETY: the bytes fill the shape, as asserted, and begin on a cache line; `owner` keeps them alive, and nothing else
    // refers to them.
    unsafe { array_on(py, &descr.clone().unbind(), owner.into_any(), data, shape, true) }
}

/// An array on memory that `base` keeps alive.
///
/// # Safety
/// `data` is aligned and points to as many bytes as the shape and dtype need; they may be written to if it is `writable`.
#[inline]
unsafe fn array_on<'py>(
    py: Python<'py>,
    descr: &Py<PyArrayDescr>,
    base: Py<PyAny>,
    data: *mut u8,
    shape: &[i64],
    writable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let flags = NPY_ARRAY_ALIGNED | if writable { NPY_ARRAY_WRITEABLE } else { 0 };
    let axes = i32::try_from(shape.len())?;
    // SAFETY: the caller guarantees the data. NumPy copies the shape and does not write to it, takes over the references to
    // `descr` and to `base`, which becomes the array's base.
    unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            descr.clone_ref(py).into_bound(py).into_dtype_ptr(),
            axes,
            shape.as_ptr().cast_mut().cast::<npy_intp>(),
            std::ptr::null_mut(),
            data.cast(),
            flags,
            std::ptr::null_mut(),
        );
        let array = Bound::from_owned_ptr_or_err(py, array)?;
        if PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast::<PyArrayObject>(), base.into_ptr()) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(array)
    }
}
