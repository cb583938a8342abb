//! New maps of samples that are in memory.

use std::path::PathBuf;

use numpy::PyArrayDescr;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::dtype::from_numpy;
use super::gathered::{self, Gathered};
use super::options::{PyOptions, Zstd, compression};
use super::samples::Arrays;
use super::texts::texts;
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::paths::absolute;
use crate::ragged::Ragged;
use crate::strings::Strings;

/// Writes `samples` to `out_dir`, replacing any dataset that is there.
#[pyfunction]
pub fn create_ragged(
    py: Python<'_>,
    out_dir: PathBuf,
    samples: &Bound<'_, PyAny>,
    options: &PyOptions,
    dtype: Option<Bound<'_, PyAny>>,
) -> PyResult<()> {
    let descr = dtype.map(|dtype| PyArrayDescr::new(py, dtype)).transpose()?;
    let out_dir = absolute(&out_dir)?;
    let arrays = Arrays::collect(samples, descr, &out_dir, 0)?;
    let samples = arrays.samples(&out_dir, 0)?;
    let Some(descr) = arrays.descr.as_ref().filter(|_| !samples.is_empty()) else {
        let what = format!("{}: at least one sample is needed to create a map", out_dir.display());
        return Err(PyValueError::new_err(what));
    };
    let dtype = from_numpy(descr)?;
    Ok(py.detach(|| Ragged::create_with(&out_dir, options.get(), &dtype, &samples))?)
}

/// Writes samples that lie one after another to `out_dir`, replacing any dataset that is there.
#[pyfunction]
pub fn create_ragged_gathered(
    py: Python<'_>,
    out_dir: PathBuf,
    values: &Bound<'_, PyAny>,
    offsets: &Bound<'_, PyAny>,
    shapes: Option<&Bound<'_, PyAny>>,
    options: &PyOptions,
) -> PyResult<()> {
    let out_dir = absolute(&out_dir)?;
    let gathered = Gathered::collect(values, offsets, shapes, None, &out_dir)?;
    let dtype = gathered.dtype()?;
    let (bytes, offsets, shapes) = gathered.parts(&out_dir)?;
    let options = options.get();
    Ok(py.detach(|| Ragged::create_gathered(&out_dir, options, &dtype, bytes, &offsets, shapes.as_deref()))?)
}

/// Writes `strings` to `out_dir`, replacing any dataset that is there.
#[pyfunction]
pub fn create_strings(
    py: Python<'_>,
    out_dir: PathBuf,
    strings: &Bound<'_, PyAny>,
    options: &PyOptions,
    zstd: Zstd,
) -> PyResult<()> {
    let out_dir = absolute(&out_dir)?;
    let strings: Vec<Bound<'_, PyAny>> = strings.try_iter()?.collect::<PyResult<_>>()?;
    let texts = texts(&strings, &out_dir, 0)?;
    Ok(py.detach(|| Strings::create_with(&out_dir, options.get(), compression(zstd), &texts))?)
}

/// Writes `strings` to `out_dir`, compressed like those in `like`.
#[pyfunction]
pub fn create_strings_like(
    py: Python<'_>,
    out_dir: PathBuf,
    strings: &Bound<'_, PyAny>,
    options: &PyOptions,
    like: PathBuf,
) -> PyResult<()> {
    let strings: Vec<Bound<'_, PyAny>> = strings.try_iter()?.collect::<PyResult<_>>()?;
    let texts = texts(&strings, &out_dir, 0)?;
    let options = Options { mode: Mode::ReadOnly, ..options.get().clone() };
    Ok(py.detach(|| Strings::create_like(&out_dir, &Strings::open_with(&like, options)?, &texts))?)
}

/// Writes texts that lie one after another to `out_dir`, replacing any dataset that is there.
#[pyfunction]
pub fn create_strings_gathered(
    py: Python<'_>,
    out_dir: PathBuf,
    values: &Bound<'_, PyAny>,
    offsets: &Bound<'_, PyAny>,
    options: &PyOptions,
    zstd: Zstd,
) -> PyResult<()> {
    let out_dir = absolute(&out_dir)?;
    let gathered = gathered::texts(values, offsets, &out_dir)?;
    let (bytes, offsets, _) = gathered.parts(&out_dir)?;
    let options = options.get();
    Ok(py.detach(|| Strings::create_gathered(&out_dir, options, compression(zstd), bytes, &offsets))?)
}
