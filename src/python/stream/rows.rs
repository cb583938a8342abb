//! Rows of one dense array.

use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::intake::{Held, Intake};
use crate::dense::Dense;
use crate::error::Error;
use crate::format::dtype::Dtype;
use crate::format::{MAX_AXES, Order};
use crate::io::mapping::Mode;
use crate::io::untrusted::kind_of;
use crate::options::Options;
use crate::python::dtype::{from_numpy, has_dtype, to_numpy};
use crate::python::samples::{bytes, fitted, place};
use crate::stream::{Block, Rows, Sink};

/// Rows of one dense array, whose dtype is the one that the first batch has in common.
pub struct RowIntake {
    dir: PathBuf,
    options: Options,
    /// The axes of a row.
    shape: Option<Vec<i64>>,
    kind: Kind,
    stored: usize,
}

enum Kind {
    /// The dtypes in the first batch, each with the bytes of the rows that have it, one run after another.
    Open(Vec<(Py<PyArrayDescr>, usize)>),
    /// The dtype that rows are cast to.
    Settled(Py<PyArrayDescr>, Dtype),
}

impl RowIntake {
    pub fn open(py: Python<'_>, dir: PathBuf, options: Options) -> PyResult<Self> {
        if kind_of(&dir)?.is_none() {
            return Ok(Self { dir, options, shape: None, kind: Kind::Open(Vec::new()), stored: 0 });
        }
        let present = Dense::open(&dir, Mode::ReadOnly)?;
        let (order, axes) = (present.order(), present.shape());
        if axes.is_empty() || (order == Order::F && axes.len() > 1) {
            let what = format!("{}: an array of shape {axes:?} in {} order takes no rows", dir.display(), order.name());
            return Err(Error::Shape { what }.into());
        }
        let shape = axes[1..].iter().map(|&axis| axis.cast_signed()).collect();
        let kind = Kind::Settled(to_numpy(py, present.dtype())?.unbind(), present.dtype().clone());
        let stored = usize::try_from(axes[0])?;
        Ok(Self { dir, options, shape: Some(shape), kind, stored })
    }

    fn check_shape(&mut self, array: &Bound<'_, PyUntypedArray>, index: usize) -> PyResult<()> {
        let found: &[i64] = bytemuck::cast_slice(array.shape());
        let place = || place(&self.dir, index);
        if found.len() >= MAX_AXES {
            let what = format!("{}: {} axes are too many for a row of an array", place(), found.len());
            return Err(Error::Shape { what }.into());
        }
        let expected = self.shape.get_or_insert_with(|| found.to_vec());
        if found == expected {
            return Ok(());
        }
        let place = place();
        let what = format!("{place} has the shape {found:?}, the first one has {expected:?}");
        Err(Error::Shape { what }.into())
    }
}

impl Intake for RowIntake {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn take<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Held<'a, 'py>> {
        let py = sample.py();
        let mut wanted = match &self.kind {
            Kind::Settled(descr, _) => Some(descr.bind(py).clone()),
            Kind::Open(_) => None,
        };
        let array = fitted(sample, &mut wanted, &self.dir, index)?;
        self.check_shape(&array, index)?;
        if let Kind::Open(runs) = &mut self.kind {
            let len = bytes(&array).len();
            match runs.last_mut() {
                Some((descr, bytes)) if has_dtype(&array, descr.bind(py)) => *bytes += len,
                _ => {
                    from_numpy(&array.dtype())?;
                    runs.push((array.dtype().unbind(), len));
                }
            }
        }
        Ok(Held::Array(array))
    }

    fn learns_from_first(&self) -> bool {
        matches!(self.kind, Kind::Open(_))
    }

    fn sink(&mut self, py: Python<'_>, first: &mut Block) -> PyResult<Box<dyn Sink>> {
        if let Kind::Open(runs) = &self.kind {
            let descr = if let [(only, _)] = runs.as_slice() {
                only.bind(py).clone()
            } else {
                let descr = common(py, runs)?;
                first.set_bytes(cast_runs(py, runs, first.bytes(), &descr)?);
                descr
            };
            let dtype = from_numpy(&descr)?;
            self.kind = Kind::Settled(descr.unbind(), dtype);
        }
        let (Kind::Settled(_, dtype), Some(shape)) = (&self.kind, &self.shape) else { return Err(super::ended()) };
        let shape = shape.iter().map(|axis| axis.cast_unsigned()).collect();
        Ok(Box::new(Rows {
            dir: self.dir.clone(),
            options: self.options.clone(),
            dtype: dtype.clone(),
            shape,
            stored: self.stored,
        }))
    }
}

/// The dtype that `numpy.stack` would give arrays of these, which is in the machine's byte order whatever theirs is.
fn common<'py>(py: Python<'py>, runs: &[(Py<PyArrayDescr>, usize)]) -> PyResult<Bound<'py, PyArrayDescr>> {
    let descrs = PyTuple::new(py, runs.iter().map(|(descr, _)| descr))?;
    Ok(py.import("numpy")?.call_method1("result_type", descrs)?.cast_into::<PyArrayDescr>()?)
}

/// The bytes of the same values in one dtype.
fn cast_runs(
    py: Python<'_>,
    runs: &[(Py<PyArrayDescr>, usize)],
    mut rest: &[u8],
    descr: &Bound<'_, PyArrayDescr>,
) -> PyResult<Vec<u8>> {
    let numpy = py.import("numpy")?;
    let elements: usize = runs.iter().map(|(from, len)| len / from.bind(py).itemsize().max(1)).sum();
    let mut cast = Vec::new();
    let size = elements.saturating_mul(descr.itemsize());
    cast.try_reserve_exact(size).map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    for (from, len) in runs.iter().filter(|(_, len)| *len > 0) {
        let run;
        (run, rest) = rest.split_at(*len);
        let array = numpy.call_method1("frombuffer", (PyBytes::new(py, run), from))?;
        let array = array.call_method1("astype", (descr,))?.cast_into::<PyUntypedArray>()?;
        cast.extend_from_slice(bytes(&array));
    }
    Ok(cast)
}
