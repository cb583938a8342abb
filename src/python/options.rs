//! The options that users pass. The modes are those of `np.memmap` and of `open`.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::error::is_signalled;
use crate::cancel::Cancellation;
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::io::mapping::{Access, Mode};
use crate::options::Durability;
use crate::options::Options;

/// How a dataset is opened and written. It is checked once, when it is made.
#[pyclass(frozen, name = "Options", module = "mmap_ninja._core")]
pub struct PyOptions {
    parsed: Options,
    /// The values as they were given.
    given: Py<PyDict>,
}

impl PyOptions {
    pub fn get(&self) -> &Options {
        &self.parsed
    }
}

#[pymethods]
impl PyOptions {
    #[new]
    #[pyo3(signature = (**given))]
    fn new(py: Python<'_>, given: Option<Bound<'_, PyDict>>) -> PyResult<Self> {
        let given = given.unwrap_or_else(|| PyDict::new(py));
        let mut parsed = Options { cancel: Cancellation::when(is_signalled), ..Options::default() };
        for (name, value) in given.iter() {
            set(&mut parsed, name.cast::<PyString>()?.to_str()?, &value)?;
        }
        Ok(Self { parsed, given: given.unbind() })
    }

    /// The options that were given, by name.
    fn keywords<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.given.bind(py).copy()
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        Ok((PyTuple::empty(py), self.keywords(py)?))
    }
}

fn set(options: &mut Options, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "mode" => options.mode = parse_mode(text(name, value)?)?,
        "starts_key" => options.names.starts = text(name, value)?.to_owned().into(),
        "ends_key" => options.names.ends = text(name, value)?.to_owned().into(),
        "shapes_key" => options.names.shapes = text(name, value)?.to_owned().into(),
        "flattened_shapes_key" => options.names.flattened_shapes = text(name, value)?.to_owned().into(),
        "access" => options.access = parse_access(text(name, value)?)?,
        "durability" => options.durability = parse_durability(text(name, value)?)?,
        "locking" => options.locking = value.extract::<bool>().map_err(|_| wrong_type(name, "bool", value))?,
        "timeout" => options.timeout = parse_timeout(value.extract().map_err(|_| wrong_type(name, "float", value))?)?,
        _ => return Err(PyTypeError::new_err(format!("there is no option named '{name}'"))),
    }
    Ok(())
}

fn text<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    value.cast::<PyString>().map_err(|_| wrong_type(name, "str", value))?.to_str()
}

fn wrong_type(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    match value.get_type().name() {
        Ok(found) => PyTypeError::new_err(format!("{name} must be a {expected}, not {found}")),
        Err(error) => error,
    }
}

fn parse_mode(mode: &str) -> Result<Mode> {
    match mode {
        "r" | "rb" | "readonly" => Ok(Mode::ReadOnly),
        "r+" | "r+b" | "rb+" | "readwrite" => Ok(Mode::ReadWrite),
        "c" | "copyonwrite" => Ok(Mode::CopyOnWrite),
        "w+" | "write" | "w" | "wb" => {
            Err(Error::Argument { what: format!("mode '{mode}' would erase the dataset; use 'r', 'r+' or 'c'") })
        }
        _ => Err(Error::Argument { what: format!("mode must be one of 'r', 'r+' and 'c', not '{mode}'") }),
    }
}

fn parse_access(access: &str) -> Result<Access> {
    match access {
        "normal" => Ok(Access::Normal),
        "random" => Ok(Access::Random),
        "sequential" => Ok(Access::Sequential),
        _ => Err(Error::Argument {
            what: format!("access must be one of 'normal', 'random' and 'sequential', not '{access}'"),
        }),
    }
}

fn parse_durability(durability: &str) -> Result<Durability> {
    match durability {
        "process" => Ok(Durability::Process),
        "full" => Ok(Durability::Full),
        _ => Err(Error::Argument { what: format!("durability must be 'process' or 'full', not '{durability}'") }),
    }
}

fn parse_timeout(seconds: f64) -> Result<Duration> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(Error::Argument { what: format!("timeout must be seconds, at least 0, not {seconds}") });
    }
    // Infinity, and any number that a duration cannot hold, waits as long as possible.
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// `zstd_level` and `zstd_train_dictionary_size`.
pub type Zstd = (Option<i32>, Option<usize>);

/// How texts are compressed; `None` where no level is given.
pub fn compression((level, dict_size): Zstd) -> Option<Compression> {
    level.map(|level| Compression { level, dict_size })
}

/// The name that `np.memmap` has for `mode`.
#[pyfunction]
pub fn numpy_mode(mode: &str) -> PyResult<&'static str> {
    Ok(match parse_mode(mode)? {
        Mode::ReadOnly => "r",
        Mode::ReadWrite => "r+",
        Mode::CopyOnWrite => "c",
    })
}
