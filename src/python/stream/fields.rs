//! The fields of a stream: one for samples, several for records.

use std::path::{Path, PathBuf};

use numpy::PyUntypedArray;
use numpy::npyffi::{NpyTypes, get_type_object};
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyDict, PyFloat, PyInt, PyString};

use super::encoder::{Encoded, RaggedEncoder, SampleEncoder, TextEncoder, asked_dtype, stored_dtype};
use super::row_encoder::RowEncoder;
use crate::format::Kind;
use crate::format::fields::{FieldList, FieldSpec, check_name};
use crate::python::callback;
use crate::python::options::{Zstd, compression};
use crate::python::samples::place;
use crate::records::{Field, FieldView, Form, View};
use crate::stream::Block;

/// What a sample, or each field of a record, is encoded with.
pub enum Fields {
    Single(Box<dyn SampleEncoder>),
    Records(RecordEncoder),
}

impl Fields {
    fn encoders(&self) -> Vec<&dyn SampleEncoder> {
        match self {
            Self::Single(encoder) => vec![encoder.as_ref()],
            Self::Records(records) => records.fields.iter().map(|field| field.encoder.as_ref()).collect(),
        }
    }

    fn encoders_mut(&mut self) -> Vec<&mut Box<dyn SampleEncoder>> {
        match self {
            Self::Single(encoder) => vec![encoder],
            Self::Records(records) => records.fields.iter_mut().map(|field| &mut field.encoder).collect(),
        }
    }

    /// Whether a dtype is still open.
    pub fn is_undecided(&self) -> bool {
        match self {
            Self::Single(encoder) => encoder.is_undecided(),
            Self::Records(records) => records.fields.iter().any(|field| field.encoder.is_undecided()),
        }
    }

    /// Decides all open dtypes.
    pub fn decide(&mut self, py: Python<'_>) {
        self.encoders_mut().into_iter().filter(|encoder| encoder.is_undecided()).for_each(|encoder| encoder.decide(py));
    }

    /// Whether the first batch must not be split.
    pub fn needs_whole_first_batch(&self) -> bool {
        self.encoders().iter().any(|encoder| encoder.needs_whole_first_batch())
    }

    /// The name of a field whose dtype is open.
    pub fn undecided_name(&self) -> Option<&str> {
        let Self::Records(records) = self else { return None };
        records.fields.iter().find(|field| field.encoder.is_undecided()).map(|field| field.spec.name.as_str())
    }

    /// The specifications of the fields of records.
    pub fn specs(&self) -> Vec<FieldSpec> {
        match self {
            Self::Single(_) => Vec::new(),
            Self::Records(records) => records.fields.iter().map(|field| field.spec.clone()).collect(),
        }
    }

    /// What the columns are stored as. `first` is the block that is stored first.
    pub fn forms(&mut self, py: Python<'_>, first: &mut Block) -> PyResult<Vec<Form>> {
        let encoders = self.encoders_mut().into_iter().enumerate();
        encoders.map(|(number, encoder)| encoder.form(py, first.column_mut(number))).collect()
    }
}

/// What is said about a field before its first value comes: its kind, its dtype, its shape, and how texts are compressed. The
/// shape is that of a row of a dense field, or -1 and the fixed axes of a ragged one.
pub type Declared<'py> = (Option<String>, Option<Bound<'py, PyAny>>, Option<Vec<i64>>, Zstd);

type Encoder = Box<dyn SampleEncoder>;

/// Encodes records: dictionaries with one value for each field.
pub struct RecordEncoder {
    dir: PathBuf,
    fields: Vec<FieldEncoder>,
    /// What is declared about fields, until the first record comes.
    declared: Option<Py<PyDict>>,
}

struct FieldEncoder {
    name: Py<PyString>,
    spec: FieldSpec,
    encoder: Box<dyn SampleEncoder>,
}

impl RecordEncoder {
    /// An encoder of records like those that `view` shows, or of new ones, of which `declared` may say more. Messages call the
    /// records `dir`.
    pub fn new(py: Python<'_>, view: &View, dir: &Path, declared: &Bound<'_, PyDict>) -> PyResult<Self> {
        let dir = dir.to_owned();
        if !view.exists() {
            return Ok(Self { dir, fields: Vec::new(), declared: Some(declared.clone().unbind()) });
        }
        for (name, declaration) in declared.iter() {
            let name = name.cast_into::<PyString>()?;
            let Some(field) = view.field(name.to_str()?) else {
                let what = format!("{}: there is no field '{name}'", dir.display());
                return Err(PyValueError::new_err(what));
            };
            check_declared(py, &dir.join(&field.spec.name), field, declaration.extract()?)?;
        }
        let fields = view.fields.iter().map(|field| {
            let path = dir.join(&field.spec.name);
            let encoder: Box<dyn SampleEncoder> = match &field.view {
                FieldView::Ragged(view) => {
                    let dtype = view.header.as_ref().map(|header| stored_dtype(py, &header.dtype)).transpose()?;
                    let trailing = field.spec.trailing_axes().map(<[i64]>::to_vec);
                    Box::new(RaggedEncoder::new(path, dtype, trailing))
                }
                FieldView::Strings(strings) => Box::new(TextEncoder::new(path, None, strings.len.max(1))),
                FieldView::Dense(view) => {
                    let row = view.header.shape[1..].iter().map(|axis| axis.cast_signed()).collect();
                    Box::new(RowEncoder::new(path, Some(stored_dtype(py, &view.header.dtype)?), Some(row)))
                }
            };
            let name = PyString::intern(py, &field.spec.name).unbind();
            Ok(FieldEncoder { name, spec: field.spec.clone(), encoder })
        });
        Ok(Self { fields: fields.collect::<PyResult<_>>()?, dir, declared: None })
    }

    /// The values of a record, in the order of the fields, after a check that it has one for each, and no others.
    pub fn values<'py>(&mut self, record: &Bound<'py, PyAny>, index: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let record = self.as_dict(record, index)?;
        let py = record.py();
        if let Some(declared) = self.declared.take() {
            // A record that is refused decides nothing.
            match self.decide_fields(&record, declared.bind(py), index) {
                Ok(fields) => self.fields = fields,
                Err(error) => {
                    self.declared = Some(declared);
                    return Err(error);
                }
            }
        }
        let value = |field: &FieldEncoder| {
            let missing = || self.refused(index, &format!("the field '{}' is missing", field.spec.name));
            let value = record.get_item(&field.name)?.ok_or_else(missing)?;
            if value.is_none() {
                return Err(unstorable(&self.dir.join(&field.spec.name), index, &value));
            }
            Ok(value)
        };
        let values = self.fields.iter().map(value).collect::<PyResult<_>>()?;
        if record.len() == self.fields.len() { Ok(values) } else { Err(self.surplus(&record, index)) }
    }

    /// Checks the values of the record that gets the given index.
    pub fn encode<'a, 'py>(
        &mut self,
        values: &'a [Bound<'py, PyAny>],
        index: usize,
    ) -> PyResult<Vec<Encoded<'a, 'py>>> {
        self.fields.iter_mut().zip(values).map(|(field, value)| field.encoder.encode(value, index)).collect()
    }

    /// Copies the records of an iterable into a block. The first will get the index `first`.
    pub fn fill(&mut self, records: &Bound<'_, PyAny>, first: usize, block: &mut Block) -> PyResult<()> {
        let records = records.try_iter()?;
        while let Some(record) = callback::next(&records)? {
            let index = first + block.len();
            let values = self.values(&record, index)?;
            for (number, column) in self.encode(&values, index)?.iter().enumerate() {
                let (bytes, elements, shape) = column.parts();
                let copied = block.push(number, bytes, elements, shape);
                copied.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// A record as a dictionary.
    fn as_dict<'py>(&self, record: &Bound<'py, PyAny>, index: usize) -> PyResult<Bound<'py, PyDict>> {
        if let Ok(record) = record.cast_exact::<PyDict>() {
            return Ok(record.clone());
        }
        let py = record.py();
        let mapping = py.import("collections.abc")?.getattr("Mapping")?;
        if !record.is_instance(&mapping)? {
            let found = record.get_type().name()?;
            let what = format!("{}: record {index} is {found}, expected a dict of fields", self.dir.display());
            return Err(PyTypeError::new_err(what));
        }
        let dict = callback::call(py.get_type::<PyDict>().as_any(), (record,), None)?;
        Ok(dict.cast_into::<PyDict>()?)
    }

    fn decide_fields(
        &self,
        record: &Bound<'_, PyDict>,
        declared: &Bound<'_, PyDict>,
        index: usize,
    ) -> PyResult<Vec<FieldEncoder>> {
        for name in declared.keys() {
            if !record.contains(&name)? {
                return Err(self.refused(index, &format!("the field {} is missing", shown(&name))));
            }
        }
        if record.is_empty() {
            return Err(self.refused(index, "it has no fields"));
        }
        let field = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let text = name.cast::<PyString>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "{}: record {index}: the name {} is not a str",
                    self.dir.display(),
                    shown(&name)
                ))
            })?;
            let name = text.to_str()?;
            check_name(name).map_err(|what| self.refused(index, &what))?;
            let declared = declared.get_item(text)?.map(|found| found.extract::<Declared>()).transpose()?;
            let (kind, encoder, shape) = self.field(name, &value, index, declared)?;
            let spec = FieldSpec { name: name.to_owned(), kind, shape };
            Ok(FieldEncoder { name: PyString::intern(text.py(), name).unbind(), spec, encoder })
        };
        let fields: Vec<FieldEncoder> = record.iter().map(field).collect::<PyResult<_>>()?;
        let specs = fields.iter().map(|field| field.spec.clone()).collect();
        FieldList::new(specs).map_err(|what| self.refused(index, &what))?;
        Ok(fields)
    }

    /// The kind of a field, its encoder, and its fixed shape.
    fn field(
        &self,
        name: &str,
        value: &Bound<'_, PyAny>,
        index: usize,
        declared: Option<Declared<'_>>,
    ) -> PyResult<(Kind, Encoder, Option<Vec<i64>>)> {
        let py = value.py();
        let dir = self.dir.join(name);
        let (kind, dtype, shape, zstd) = declared.unwrap_or_default();
        let kind = decide_kind(&dir, index, value, kind.as_deref(), dtype.as_ref())?;
        let place = || format!("{}: the field '{name}'", self.dir.display());
        let dtype = dtype.map(|dtype| asked_dtype(py, dtype, place)).transpose()?;
        Ok(match kind {
            Kind::Ragged => {
                let trailing = trailing(shape.as_deref());
                (kind, Box::new(RaggedEncoder::new(dir, dtype, trailing)), shape)
            }
            Kind::String => (kind, Box::new(TextEncoder::new(dir, compression(zstd), 0)), None),
            _ => (Kind::Numpy, Box::new(RowEncoder::of_first(dir, dtype, shape)), None),
        })
    }

    /// The error for a field that is not one of the records'.
    fn surplus(&self, record: &Bound<'_, PyDict>, index: usize) -> PyErr {
        let is_known = |key: &Bound<'_, PyAny>| {
            let name = key.extract::<&str>().ok();
            self.fields.iter().any(|field| name == Some(&field.spec.name))
        };
        let surplus = record.keys().iter().find(|key| !is_known(key));
        let name = surplus.map_or_else(String::new, |key| shown(&key));
        self.refused(index, &format!("{name} is not a field"))
    }

    fn refused(&self, index: usize, what: &str) -> PyErr {
        PyValueError::new_err(format!("{}: record {index}: {what}", self.dir.display()))
    }
}

/// Refuses to go on with a field that is declared otherwise than it is stored in `dir`.
fn check_declared(py: Python<'_>, dir: &Path, field: &Field, declared: Declared<'_>) -> PyResult<()> {
    let (kind, dtype, shape, zstd) = declared;
    let dtype = dtype.map(|dtype| asked_dtype(py, dtype, || dir.display().to_string())).transpose()?;
    let (stored, fixed, level) = match &field.view {
        FieldView::Ragged(view) => (view.header.as_ref().map(|header| &header.dtype), field.spec.shape.clone(), None),
        FieldView::Strings(view) => (None, None, view.codec.as_ref().map(|codec| codec.level())),
        FieldView::Dense(view) => {
            let row = view.header.shape.iter().skip(1).map(|axis| axis.cast_signed()).collect();
            (Some(&view.header.dtype), Some(row), None)
        }
    };
    let differs = |what: &str, stored: String, asked: String| {
        let dir = dir.display();
        PyValueError::new_err(format!(
            "{dir}: the field is stored with the {what} {stored}, not {asked}; declare the same"
        ))
    };
    if let Some(asked) = kind.filter(|kind| kind != field.spec.kind.name()) {
        return Err(differs("kind", field.spec.kind.to_string(), asked));
    }
    if let (Some((_, asked)), Some(stored)) = (&dtype, stored)
        && asked != stored
    {
        return Err(differs("dtype", stored.text().to_owned(), asked.text().to_owned()));
    }
    if shape.is_some() && shape != fixed {
        return Err(differs("shape", format!("{fixed:?}"), format!("{shape:?}")));
    }
    if zstd.0.is_some() && zstd.0 != level {
        return Err(differs("zstd level", format!("{level:?}"), format!("{:?}", zstd.0)));
    }
    Ok(())
}

/// The axes behind the first one of a declared shape.
pub fn trailing(shape: Option<&[i64]>) -> Option<Vec<i64>> {
    shape.and_then(|shape| shape.get(1..)).map(<[i64]>::to_vec)
}

/// The kind of the field in `dir` that was asked for, or that of its first value. `dtype` is the one that was asked for.
pub fn decide_kind(
    dir: &Path,
    index: usize,
    value: &Bound<'_, PyAny>,
    asked: Option<&str>,
    dtype: Option<&Bound<'_, PyAny>>,
) -> PyResult<Kind> {
    if let Some(asked) = asked.and_then(|kind| Kind::parse(kind.as_bytes())) {
        return Ok(asked);
    }
    let kind = kind_of_value(value).ok_or_else(|| unstorable(dir, index, value))?;
    match dtype {
        Some(dtype) if kind == Kind::String => {
            let what = format!("{} is a str, declared as {dtype}; declare texts as str", place(dir, index));
            Err(PyTypeError::new_err(what))
        }
        _ => Ok(kind),
    }
}

fn unstorable(dir: &Path, index: usize, value: &Bound<'_, PyAny>) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
    let hint = if value.is_none() {
        "leave out records without this field, or store a value that marks them"
    } else {
        "a field holds texts, numbers or arrays; flatten it into several fields"
    };
    PyTypeError::new_err(format!("{} is {found}: {hint}", place(dir, index)))
}

/// The kind of a field whose first value is `value`: a text, a number, or anything that becomes an array.
fn kind_of_value(value: &Bound<'_, PyAny>) -> Option<Kind> {
    let py = value.py();
    if value.is_instance_of::<PyString>() {
        return Some(Kind::String);
    }
    // SAFETY: NumPy's types live as long as the module does.
    let is_numpy_scalar = unsafe {
        let generic = get_type_object(py, NpyTypes::PyGenericArrType_Type);
        ffi::PyObject_TypeCheck(value.as_ptr(), generic) != 0
    };
    let is_number = value.is_instance_of::<PyBool>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyComplex>();
    if is_number || is_numpy_scalar {
        return Some(Kind::Numpy);
    }
    let mapping = py.import("collections.abc").and_then(|module| module.getattr("Mapping")).ok()?;
    let is_refused = value.is_none() || value.is_instance(&mapping).unwrap_or(false);
    (!is_refused || value.cast::<PyUntypedArray>().is_ok()).then_some(Kind::Ragged)
}

fn shown(name: &Bound<'_, PyAny>) -> String {
    name.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
}
