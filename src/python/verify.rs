//! Verification, checksums and repair; `_verify.py` shows their progress.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::error::interrupt_with;
use super::options::PyOptions;
use crate::verify::{Finding, Repair, Report, repair_with, verify_with, write_checksums_with};

/// The shortest time between two calls of `progress`.
const INTERVAL: Duration = Duration::from_millis(50);

/// A statement about one place in a dataset.
#[pyclass(frozen, eq, name = "Finding", module = "mmap_ninja._core")]
#[derive(PartialEq)]
pub struct PyFinding(Finding);

#[pymethods]
impl PyFinding {
    /// The file or directory, relative to the dataset's.
    #[getter]
    fn file(&self) -> PathBuf {
        self.0.file.clone()
    }

    /// The first byte concerned, if known.
    #[getter]
    fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The indices of the samples concerned, a range, if known.
    #[getter]
    fn samples<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let range = self.0.samples.as_ref().map(|samples| (samples.start, samples.end));
        range.map(|range| py.import("builtins")?.getattr("range")?.call1(range)).transpose()
    }

    /// What was found.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Finding {}>", self.0)
    }
}

fn listed<'py>(py: Python<'py>, findings: &[Finding]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, findings.iter().map(|finding| PyFinding(finding.clone())))
}

/// A truth value would mean "undamaged" to one reader and "has findings" to another.
fn refuse_bool(name: &str, ok: bool) -> PyErr {
    PyTypeError::new_err(format!("a {name} has no truth value; use its attribute `ok` (here {ok})"))
}

/// The result of a verification.
#[pyclass(frozen, eq, name = "Report", module = "mmap_ninja._core")]
#[derive(PartialEq)]
pub struct PyReport(Report);

#[pymethods]
impl PyReport {
    /// Whether there is no damage.
    #[getter]
    fn ok(&self) -> bool {
        self.0.is_ok()
    }

    /// "numpy", "ragged" or "string"; None if unknown.
    #[getter]
    fn kind(&self) -> Option<&'static str> {
        self.0.kind.map(crate::Kind::name)
    }

    /// The number of committed samples, texts or rows.
    #[getter]
    fn samples(&self) -> u64 {
        self.0.samples
    }

    /// The size of all members, in bytes.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The number of bytes that match their checksums.
    #[getter]
    fn checked(&self) -> u64 {
        self.0.checked
    }

    /// Damage, a tuple of at most a thousand findings.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        listed(py, &self.0.findings)
    }

    /// Observations that are not damage, a tuple of findings.
    #[getter]
    fn notes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        listed(py, &self.0.notes)
    }

    /// The number of findings that are not listed.
    #[getter]
    fn unlisted(&self) -> u64 {
        self.0.unlisted
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(refuse_bool("Report", self.ok()))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Report {}>", self.0)
    }
}

/// The result of a repair, or its plan.
#[pyclass(frozen, eq, name = "Repair", module = "mmap_ninja._core")]
#[derive(PartialEq)]
pub struct PyRepair(Repair);

#[pymethods]
impl PyRepair {
    /// Whether no damage remains.
    #[getter]
    fn ok(&self) -> bool {
        self.0.problems.is_empty()
    }

    /// What is cut or overwritten, file by file, a tuple of findings.
    #[getter]
    fn actions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        listed(py, &self.0.actions)
    }

    /// Damage that remains, and the reason if nothing is safe to do, a tuple of findings.
    #[getter]
    fn problems<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        listed(py, &self.0.problems)
    }

    /// Directories with the bytes that were cut or overwritten.
    #[getter]
    fn kept(&self) -> Vec<PathBuf> {
        self.0.kept.clone()
    }

    /// Whether the repair was carried out.
    #[getter]
    fn applied(&self) -> bool {
        self.0.is_applied
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(refuse_bool("Repair", self.ok()))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Repair {}>", self.0)
    }
}

/// Runs signal handlers and calls `progress` with the bytes read and the total, at intervals and at the end. An exception
/// ends the reading.
fn reporter(progress: Option<Py<PyAny>>) -> impl FnMut(u64, u64) -> ControlFlow<()> + Send {
    let mut last = Instant::now();
    move |done, total| {
        if done < total && last.elapsed() < INTERVAL {
            return ControlFlow::Continue(());
        }
        last = Instant::now();
        let outcome = Python::attach(|py| {
            progress.as_ref().map(|progress| progress.call1(py, (done, total))).transpose()?;
            py.check_signals()
        });
        let Err(raised) = outcome else { return ControlFlow::Continue(()) };
        interrupt_with(raised);
        ControlFlow::Break(())
    }
}

/// Reads everything in `out_dir` and reports damage.
#[pyfunction]
pub fn verify(
    py: Python<'_>,
    out_dir: PathBuf,
    options: &PyOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<PyReport> {
    let options = options.get();
    let mut report = reporter(progress);
    Ok(PyReport(py.detach(|| verify_with(&out_dir, options, &mut report))?))
}

/// Plans a repair and, if asked to, applies it.
#[pyfunction]
pub fn repair(py: Python<'_>, out_dir: PathBuf, options: &PyOptions, apply: bool) -> PyResult<PyRepair> {
    let options = options.get();
    let mut report = reporter(None);
    Ok(PyRepair(py.detach(|| repair_with(&out_dir, options, apply, &mut report))?))
}

/// Writes the checksums of all members.
#[pyfunction]
pub fn write_checksums(
    py: Python<'_>,
    out_dir: PathBuf,
    options: &PyOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<()> {
    let options = options.get();
    let mut report = reporter(progress);
    Ok(py.detach(|| write_checksums_with(&out_dir, options, &mut report))?)
}
