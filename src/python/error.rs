//! Maps errors of the crate to Python exceptions.

use std::cell::Cell;
use std::io;

use pyo3::create_exception;
use pyo3::exceptions::{
    PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyTimeoutError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;

use crate::error::{Error, hint};

create_exception!(
    mmap_ninja,
    CorruptDatasetError,
    PyValueError,
    "The files of a dataset contradict each other or the format; the message names the file."
);

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Io { source, .. } if source.kind() == io::ErrorKind::OutOfMemory => PyMemoryError::new_err(message),
            // A path with a NUL, which no system call accepts.
            Error::Io { source, .. } if is_no_path(&source) => PyValueError::new_err(message),
            Error::Io { path, source } => {
                let errno = source.raw_os_error().unwrap_or_else(|| errno(source.kind()));
                PyOSError::new_err((errno, description(&source), path.into_os_string()))
            }
            Error::Corrupt { .. } => CorruptDatasetError::new_err(message),
            Error::OutOfRange { .. } => PyIndexError::new_err(message),
            Error::Dtype { .. } => PyTypeError::new_err(message),
            Error::Interrupted { .. } => SIGNALLED.take().unwrap_or_else(|| PyKeyboardInterrupt::new_err(())),
            Error::Busy { .. } | Error::Building { .. } => PyTimeoutError::new_err(message),
            Error::WrongKind { .. }
            | Error::Shape { .. }
            | Error::Argument { .. }
            | Error::Closed { .. }
            | Error::Linked { .. }
            | Error::ReadOnly { .. } => PyValueError::new_err(message),
        }
    }
}

thread_local! {
    /// The exception that a signal handler or a progress bar raised while this thread waited.
    static SIGNALLED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Runs Python's signal handlers and returns whether one of them raised an exception. Threads unknown to Python run no
/// handlers and must not attach.
pub fn is_signalled() -> bool {
    // SAFETY: any thread may call it, attached or not, while the interpreter exists.
    if unsafe { pyo3::ffi::PyGILState_GetThisThreadState() }.is_null() {
        return false;
    }
    let raised = Python::attach(|py| py.check_signals().err());
    let is_raised = raised.is_some();
    SIGNALLED.set(raised);
    is_raised
}

/// Sets the exception that replaces the crate's next [`Error::Interrupted`].
pub fn interrupt_with(raised: PyErr) {
    SIGNALLED.set(Some(raised));
}

/// The system's description of the error, without the number, which Python adds itself.
fn description(source: &io::Error) -> String {
    let text = match source.raw_os_error() {
        None if source.get_ref().is_none() => io::Error::from_raw_os_error(errno(source.kind())).to_string(),
        _ => source.to_string(),
    };
    format!("{}{}", text.split(" (os error").next().unwrap_or(&text), hint(source))
}

fn is_no_path(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_none()
}

/// The numbers of errors that this crate raises itself. All systems share them.
fn errno(kind: io::ErrorKind) -> i32 {
    const ENOENT: i32 = 2;
    const EIO: i32 = 5;
    const EBUSY: i32 = 16;
    const EEXIST: i32 = 17;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const EXDEV: i32 = 18;
    const ENOTDIR: i32 = 20;
    const EROFS: i32 = 30;
    match kind {
        io::ErrorKind::NotFound => ENOENT,
        io::ErrorKind::ResourceBusy => EBUSY,
        io::ErrorKind::AlreadyExists => EEXIST,
        io::ErrorKind::CrossesDevices => EXDEV,
        io::ErrorKind::NotADirectory => ENOTDIR,
        io::ErrorKind::PermissionDenied => EACCES,
        io::ErrorKind::QuotaExceeded => ENOMEM,
        io::ErrorKind::ReadOnlyFilesystem => EROFS,
        #[cfg(unix)]
        io::ErrorKind::Unsupported => libc::ENOTSUP,
        _ => EIO,
    }
}
