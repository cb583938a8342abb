//! The stores that a stream writes to.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::dense::Dense;
use crate::format::fields::FieldSpec;
use crate::options::Options;
use crate::python::build::ended;
use crate::ragged::Ragged;
use crate::records::{Form, Records};
use crate::stream::Sink;
use crate::stream::sinks::{DenseSink, RaggedSink, RecordsSink, StringsSink};
use crate::strings::Strings;

/// Where samples go, once the first block has decided what they are stored as.
pub enum Target {
    Ragged(Ragged),
    Strings(Strings),
    Dense { dir: PathBuf, options: Options, store: Option<Dense> },
    Records(Records),
}

impl Target {
    /// The sink for samples of these forms; records have one form for each of their fields.
    pub fn sink(self, specs: Vec<FieldSpec>, forms: Vec<Form>) -> PyResult<Box<dyn Sink>> {
        match (self, forms.first()) {
            (Self::Records(store), _) => Ok(Box::new(RecordsSink::new(store, specs.into_iter().zip(forms).collect()))),
            (Self::Ragged(store), Some(Form::Ragged(dtype))) => Ok(Box::new(RaggedSink::new(store, dtype.clone()))),
            (Self::Strings(store), Some(Form::Strings(compression))) => {
                Ok(Box::new(StringsSink::new(store, *compression)))
            }
            (Self::Dense { dir, options, store }, Some(Form::Dense(dtype, row))) => {
                Ok(Box::new(DenseSink::new(&dir, &options, dtype.clone(), row.clone(), store)))
            }
            _ => Err(ended()),
        }
    }
}
