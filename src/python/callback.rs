//! Calls that may still run when the program exits: those of users' code, which may release the interpreter.
//!
//! Until Python 3.13, a daemon thread that attaches to a finalized interpreter is ended by `pthread_exit`, which unwinds
//! its stack. If that reaches a frame that must not unwind, the process aborts. From 3.14 on such a thread sleeps instead
//! (python/cpython#87135), as it does here.

use std::hint::black_box;
use std::mem::{forget, transmute};
use std::ptr::null_mut;
use std::thread::park;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple};
use pyo3::{PyErr, ffi};

type Next = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
type UnwindingNext = unsafe extern "C-unwind" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
type Call = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;
type UnwindingCall =
    unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

/// Stops unwinding by sleeping forever.
struct Sleep;

impl Drop for Sleep {
    fn drop(&mut self) {
        loop {
            park();
        }
    }
}

/// The next item; `None` at the end.
pub fn next<'py>(iterator: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: the two ABIs differ only in that the caller allows unwinding. The compiler must not see which function
    // this is, since it assumes that Python's functions never unwind.
    let next: UnwindingNext = unsafe { transmute(black_box(ffi::PyIter_Next as Next)) };
    let sleep = Sleep;
    // SAFETY: this is an iterator, and the thread is attached.
    let item = unsafe { next(iterator.as_ptr()) };
    forget(sleep);
    if item.is_null() {
        return PyErr::take(iterator.py()).map_or(Ok(None), Err);
    }
    // SAFETY: the call returned a new reference.
    Ok(Some(unsafe { Bound::from_owned_ptr(iterator.py(), item) }))
}

/// Calls `function` with positional and `named` arguments.
pub fn call<'py>(
    function: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = arguments.into_pyobject(function.py()).map_err(Into::into)?;
    // SAFETY: as above.
    let call: UnwindingCall = unsafe { transmute(black_box(ffi::PyObject_Call as Call)) };
    let sleep = Sleep;
    // SAFETY: these are an object, a tuple, and a dictionary or none, and the thread is attached.
    let result = unsafe { call(function.as_ptr(), arguments.as_ptr(), named.map_or(null_mut(), Bound::as_ptr)) };
    forget(sleep);
    // SAFETY: the call returned a new reference, or none and set an exception.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), result) }
}
