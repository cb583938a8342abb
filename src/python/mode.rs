//! The modes that users pass: those of `np.memmap` and those of `open`.

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::mapping::{Access, Mode};

/// # Errors
/// [`Error::Argument`] where the mode is unknown, or would erase the data set.
pub fn parse(mode: &str) -> Result<Mode> {
    match mode {
        "r" | "rb" | "readonly" => Ok(Mode::ReadOnly),
        "r+" | "r+b" | "rb+" | "readwrite" => Ok(Mode::ReadWrite),
        "c" | "copyonwrite" => Ok(Mode::CopyOnWrite),
        "w+" | "write" | "w" | "wb" => {
            Err(Error::Argument { what: format!("mode '{mode}' would erase the data set; use 'r', 'r+' or 'c'") })
        }
        _ => Err(Error::Argument { what: format!("mode must be one of 'r', 'r+' and 'c', not '{mode}'") }),
    }
}

/// # Errors
/// [`Error::Argument`] where the access is unknown.
pub fn parse_access(access: &str) -> Result<Access> {
    match access {
        "normal" => Ok(Access::Normal),
        "random" => Ok(Access::Random),
        "sequential" => Ok(Access::Sequential),
        _ => Err(Error::Argument {
            what: format!("access must be one of 'normal', 'random' and 'sequential', not '{access}'"),
        }),
    }
}

/// Refuses what a map could not be opened with.
#[pyfunction]
pub fn check_options(mode: &str, access: &str) -> PyResult<()> {
    parse(mode)?;
    parse_access(access)?;
    Ok(())
}

/// The name that `np.memmap` has for `mode`.
#[pyfunction]
pub fn numpy_mode(mode: &str) -> PyResult<&'static str> {
    Ok(match parse(mode)? {
        Mode::ReadOnly => "r",
        Mode::ReadWrite => "r+",
        Mode::CopyOnWrite => "c",
    })
}
