//! Rows of one dense array.

use std::path::{Path, PathBuf};

use numpy::prelude::*;
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::encoder::{DtypePair, Encoded, SampleEncoder};
use crate::error::Error;
use crate::format::MAX_AXES;
use crate::format::dtype::Dtype;
use crate::python::build::ended;
use crate::python::dtype::{from_numpy, has_dtype};
use crate::python::samples::{bytes, cast, place, to_contiguous};
use crate::records::Form;
use crate::stream::BlockColumn;

/// Rows of one dense array. Their dtype is the common dtype of the first batch, or that of the first row.
pub struct RowEncoder {
    dir: PathBuf,
    /// The axes of a row.
    shape: Option<Vec<i64>>,
    dtype: RowDtype,
    /// Whether the dtype of the first row is that of all.
    first_decides: bool,
}

enum RowDtype {
    /// The dtypes in the first batch. Lists without elements have none.
    Open(Vec<Run>),
    /// The dtype that rows are cast to.
    Settled(Py<PyArrayDescr>, Dtype),
}

/// Consecutive rows of one dtype.
struct Run {
    descr: Py<PyArrayDescr>,
    /// The index of the first row.
    first: usize,
    /// The size of all rows in bytes.
    size: usize,
}

impl RowEncoder {
    /// Rows whose dtype and axes may be known already.
    pub fn new(dir: PathBuf, dtype: Option<DtypePair>, shape: Option<Vec<i64>>) -> Self {
        let dtype = dtype.map_or(RowDtype::Open(Vec::new()), |(descr, dtype)| RowDtype::Settled(descr, dtype));
        Self { dir, shape, dtype, first_decides: false }
    }

    /// Rows whose dtype is that of the first one, where it is not known already, wherever batches end.
    pub fn of_first(dir: PathBuf, dtype: Option<DtypePair>, shape: Option<Vec<i64>>) -> Self {
        let first_decides = dtype.is_none();
        Self { first_decides, ..Self::new(dir, dtype, shape) }
    }

    /// The error about a row that does not fit the first one, with what to do.
    fn explained(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let is_lossy = error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyOverflowError>(py);
        let RowDtype::Settled(descr, _) = &self.dtype else { return error };
        if !self.first_decides || !is_lossy {
            return error;
        }
        let hint = format!(
            "the first value has decided that the dtype is {descr}; declare another one if it holds all values"
        );
        PyErr::from_type(error.get_type(py), format!("{}: {hint}", error.value(py)))
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
    fn encode<'a, 'py>(&mut self, sample: &'a Bound<'py, PyAny>, index: usize) -> PyResult<Encoded<'a, 'py>> {
        let py = sample.py();
        let mut wanted = match &self.dtype {
            RowDtype::Settled(descr, _) => Some(descr.bind(py).clone()),
            RowDtype::Open(_) => None,
        };
        let array = to_contiguous(sample, &mut wanted, &self.dir, index).map_err(|error| self.explained(py, error))?;
        self.check_shape(&array, index)?;
        if let (true, RowDtype::Open(_), Some(descr)) = (self.first_decides, &self.dtype, &wanted) {
            self.dtype = RowDtype::Settled(descr.clone().unbind(), from_numpy(descr)?);
        }
        if let (RowDtype::Open(runs), Some(descr)) = (&mut self.dtype, wanted) {
            let size = bytes(&array).len();
            match runs.last_mut() {
                Some(run) if has_dtype(&array, run.descr.bind(py)) => run.size += size,
                _ => {
                    from_numpy(&descr)?;
                    runs.push(Run { descr: descr.unbind(), first: index, size });
                }
            }
        }
        Ok(Encoded::Array(array))
    }

    fn is_undecided(&self) -> bool {
        matches!(&self.dtype, RowDtype::Open(runs) if runs.is_empty())
    }

    fn decide(&mut self, py: Python<'_>) {
        self.dtype = RowDtype::Settled(numpy::dtype::<f64>(py).unbind(), Dtype::of::<f64>());
    }

    fn needs_whole_first_batch(&self) -> bool {
        matches!(self.dtype, RowDtype::Open(_))
    }

    fn form(&mut self, py: Python<'_>, first: &mut BlockColumn) -> PyResult<Form> {
        if let RowDtype::Open(runs) = &self.dtype {
            let descr = if let [only] = runs.as_slice() {
                only.descr.bind(py).clone()
            } else {
                let descr = common(py, runs, &self.dir)?;
                first.bytes = cast_runs(py, runs, &first.bytes, &descr, &self.dir)?;
                descr
            };
            let dtype = from_numpy(&descr)?;
            self.dtype = RowDtype::Settled(descr.unbind(), dtype);
        }
        let (RowDtype::Settled(_, dtype), Some(shape)) = (&self.dtype, &self.shape) else { return Err(ended()) };
        let shape = shape.iter().map(|axis| axis.cast_unsigned()).collect();
        Ok(Form::Dense(dtype.clone(), shape))
    }
}

/// The dtype that `numpy.stack` would give arrays of these dtypes. It has the machine's byte order, whatever theirs is.
fn common<'py>(py: Python<'py>, runs: &[Run], dir: &Path) -> PyResult<Bound<'py, PyArrayDescr>> {
    let descrs = PyTuple::new(py, runs.iter().map(|run| &run.descr))?;
    let found = py.import("numpy")?.call_method1("result_type", &descrs).map_err(|error| {
        if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err(format!("{}: rows of the dtypes {descrs} have no common dtype", dir.display()))
        } else {
            error
        }
    });
    Ok(found?.cast_into::<PyArrayDescr>()?)
}

/// The rows of all runs, cast to one dtype.
fn cast_runs(
    py: Python<'_>,
    runs: &[Run],
    mut rest: &[u8],
    descr: &Bound<'_, PyArrayDescr>,
    dir: &Path,
) -> PyResult<Vec<u8>> {
    let numpy = py.import("numpy")?;
    let elements: usize = runs.iter().map(|run| run.size / run.descr.bind(py).itemsize().max(1)).sum();
    let mut all = Vec::new();
    let size = elements.saturating_mul(descr.itemsize());
    all.try_reserve_exact(size).map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    for run in runs.iter().filter(|run| run.size > 0) {
        let rows;
        (rows, rest) = rest.split_at(run.size);
        let array = numpy.call_method1("frombuffer", (PyBytes::new(py, rows), &run.descr))?;
        let array = array.cast_into::<PyUntypedArray>()?;
        let place = format!("{} or later", place(dir, run.first));
        all.extend_from_slice(bytes(&cast(&array, descr, &place)?));
    }
    Ok(all)
}
