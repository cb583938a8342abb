//! Rows of one dense array.

use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::encoder::{Encoded, SampleEncoder};
use crate::dense::Dense;
use crate::error::Error;
use crate::format::MAX_AXES;
use crate::format::dtype::Dtype;
use crate::options::Options;
use crate::python::build::ended;
use crate::python::dtype::{from_numpy, has_dtype, to_numpy};
use crate::python::samples::{bytes, place, to_contiguous};
use crate::stream::resume::open_dense;
use crate::stream::sinks::DenseSink;
use crate::stream::{Block, Sink};

/// Rows of one dense array. Their dtype is the common dtype of the first batch.
pub struct RowEncoder {
    dir: PathBuf,
    options: Options,
    /// The axes of a row.
    shape: Option<Vec<i64>>,
    dtype: RowDtype,
    /// The array, where there is one already.
    store: Option<Dense>,
    stored: usize,
}

enum RowDtype {
    /// The dtypes in the first batch: those of consecutive runs of rows, each with the run's size in bytes.
    Open(Vec<(Py<PyArrayDescr>, usize)>),
    /// The dtype that rows are cast to.
    Settled(Py<PyArrayDescr>, Dtype),
}

impl RowEncoder {
    pub fn open(py: Python<'_>, dir: PathBuf, options: Options) -> PyResult<Self> {
        let Some(present) = open_dense(&dir)? else {
            return Ok(Self { dir, options, shape: None, dtype: RowDtype::Open(Vec::new()), store: None, stored: 0 });
        };
        let axes = present.shape();
        let shape = axes[1..].iter().map(|&axis| axis.cast_signed()).collect();
        let dtype = RowDtype::Settled(to_numpy(py, present.dtype())?.unbind(), present.dtype().clone());
        let stored = usize::try_from(axes[0])?;
        Ok(Self { dir, options, shape: Some(shape), dtype, store: Some(present), stored })
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

impl SampleEncoder for RowEncoder {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn stored(&self) -> usize {
        self.stored
    }

    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let py = sample.py();
        let mut wanted = match &self.dtype {
            RowDtype::Settled(descr, _) => Some(descr.bind(py).clone()),
            RowDtype::Open(_) => None,
        };
        let array = to_contiguous(sample, &mut wanted, &self.dir, index)?;
        self.check_shape(&array, index)?;
        if let RowDtype::Open(runs) = &mut self.dtype {
            let len = bytes(&array).len();
            match runs.last_mut() {
                Some((descr, bytes)) if has_dtype(&array, descr.bind(py)) => *bytes += len,
                _ => {
                    from_numpy(&array.dtype())?;
                    runs.push((array.dtype().unbind(), len));
                }
            }
        }
        Ok(Encoded::Array(array))
    }

    fn needs_whole_first_batch(&self) -> bool {
        matches!(self.dtype, RowDtype::Open(_))
    }

    fn sink(&mut self, py: Python<'_>, first: &mut Block) -> PyResult<Box<dyn Sink>> {
        if let RowDtype::Open(runs) = &self.dtype {
            let descr = if let [(only, _)] = runs.as_slice() {
                only.bind(py).clone()
            } else {
                let descr = common(py, runs)?;
                first.bytes = cast_runs(py, runs, &first.bytes, &descr)?;
                descr
            };
            let dtype = from_numpy(&descr)?;
            self.dtype = RowDtype::Settled(descr.unbind(), dtype);
        }
        let (RowDtype::Settled(_, dtype), Some(shape)) = (&self.dtype, &self.shape) else { return Err(ended()) };
        let shape = shape.iter().map(|axis| axis.cast_unsigned()).collect();
        let store = self.store.take();
        Ok(Box::new(DenseSink::new(&self.dir, &self.options, dtype.clone(), shape, store)))
    }
}

/// The dtype that `numpy.stack` would give arrays of these dtypes. It has the machine's byte order, whatever theirs is.
fn common<'py>(py: Python<'py>, runs: &[(Py<PyArrayDescr>, usize)]) -> PyResult<Bound<'py, PyArrayDescr>> {
    let descrs = PyTuple::new(py, runs.iter().map(|(descr, _)| descr))?;
    Ok(py.import("numpy")?.call_method1("result_type", descrs)?.cast_into::<PyArrayDescr>()?)
}

/// The rows of all runs, cast to one dtype.
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
