//! The options that users pass; the modes are those of `np.memmap` and those of `open`.

use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::io::mapping::{Access, Mode};
use crate::options::Options;
use crate::txn::Durability;

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

/// What writing heeds.
///
/// # Errors
/// [`Error::Argument`] where the durability is unknown, or the timeout, in seconds, is no time to wait.
pub fn parse_commit(durability: &str, timeout: f64) -> Result<Options> {
    let durability = match durability {
        "process" => Durability::Process,
        "full" => Durability::Full,
        _ => {
            return Err(Error::Argument {
                what: format!("durability must be 'process' or 'full', not '{durability}'"),
            });
        }
    };
    if timeout.is_nan() || timeout < 0.0 {
        return Err(Error::Argument { what: format!("timeout must be seconds, at least 0, not {timeout}") });
    }
    // More seconds than there can be, such as infinity, are all there can be.
    let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
    Ok(Options { durability, timeout, ..Options::default() })
}

/// Refuses what a map could not be opened with.
#[pyfunction]
pub fn check_options(mode: &str, access: &str, durability: &str, timeout: f64) -> PyResult<()> {
    parse(mode)?;
    parse_access(access)?;
    parse_commit(durability, timeout)?;
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
