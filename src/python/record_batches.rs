//! Batches of records: every field as a training loop takes it.

use std::borrow::Cow;
use std::iter;

use numpy::PyArray1;
use numpy::prelude::*;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyTuple};

use super::array::{empty, out};
use super::batches::{self, PadOptions, Pair};
use super::ragged_state::State;
use super::records_state::{RecordsState, Rows, Values};
use super::texts::item_of;
use crate::batch::Out;
use crate::batch::cast::Cast;
use crate::batch::gather::{concatenate, total_len};
use crate::error::Error;
use crate::format::Kind;
use crate::format::fields::FieldSpec;
use crate::io::advice::{PrefetchPolicy, fetch_rows};
use crate::memory;
use crate::strings::View as StringsView;

impl RecordsState {
    /// The records at `indices`, field by field. `pad` has the values that ragged fields are padded with.
    pub fn batch<'py>(&self, indices: &[usize], pad: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let py = pad.py();
        self.check_padding(pad)?;
        let batch = PyDict::new(py);
        for (field, shown) in self.fields.iter().zip(self.view.fields.iter()) {
            let name = field.name.bind(py);
            let values = match &field.values {
                Values::Ragged(state) => match pad.get_item(name)? {
                    Some(value) => padded(state, indices, value)?.into_pyobject(py)?.into_any(),
                    None => self.gathered(state, &shown.spec, indices, py)?.into_pyobject(py)?.into_any(),
                },
                Values::Strings(view) => texts(py, view, indices)?.into_any(),
                Values::Rows(rows) => self.rows(rows, indices, py)?,
            };
            batch.set_item(name, values)?;
        }
        Ok(batch)
    }

    fn check_padding(&self, pad: &Bound<'_, PyDict>) -> PyResult<()> {
        for name in pad.keys() {
            let known = name.cast::<PyString>().ok().map(|name| name.to_string_lossy().into_owned());
            let field = self.view.fields.iter().find(|field| Some(&field.spec.name) == known.as_ref());
            let why = match field.map(|field| field.spec.kind) {
                Some(Kind::Ragged) => continue,
                Some(_) => "only ragged fields are padded",
                None => "there is no such field",
            };
            let dir = self.view.dir.display();
            return Err(PyValueError::new_err(format!("{dir}: pad names '{name}', but {why}")));
        }
        Ok(())
    }

    /// The values of a ragged field one after another, and where each sample begins. Of samples whose other axes are fixed,
    /// the values are rows, and rows are counted.
    fn gathered<'py>(
        &self,
        state: &State,
        spec: &FieldSpec,
        indices: &[usize],
        py: Python<'py>,
    ) -> PyResult<Pair<'py>> {
        let (values, offsets) = state.gather(indices, &state.target(py, None, None)?)?;
        let Some(axes) = spec.trailing_axes() else { return Ok((values, offsets)) };
        // An untrusted list of fields may state axes whose product no int64 holds.
        let size = axes.iter().try_fold(1, |size: i64, &axis| size.checked_mul(axis)).unwrap_or(i64::MAX);
        if size == 0 {
            return Ok((values, offsets));
        }
        let counts = offsets.cast::<PyArray1<i64>>()?;
        // The array is new, so nothing else refers to it.
        let mut counts = counts.readwrite();
        for count in counts.as_slice_mut()? {
            if *count % size != 0 {
                let (dir, name) = (&self.view.dir, &spec.name);
                let what = format!("samples of the field '{name}' do not have the shape that fields.json states");
                return Err(Error::corrupt(dir.join(name), what).into());
            }
            *count /= size;
        }
        let shape = PyTuple::new(py, iter::once(&-1).chain(axes).collect::<Vec<_>>())?;
        Ok((values.call_method1("reshape", (shape,))?, offsets.clone()))
    }

    /// Copies of the rows of a dense field.
    fn rows<'py>(&self, rows: &Rows, indices: &[usize], py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (dir, data, descr) = (&self.view.dir, rows.view.data.bytes(), rows.descr.bind(py));
        let axes = rows.shape.iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX));
        let shape: Vec<usize> = iter::once(indices.len()).chain(axes).collect();
        let size = data.len().checked_div(self.view.len).unwrap_or(0);
        let offsets: Vec<usize> = memory::collect(dir, indices.iter().map(|index| index * size))?;
        let values = empty(py, descr, &shape)?;
        // SAFETY: the array is new, so nothing else refers to its elements.
        let room: &mut Out = unsafe { out(&values) };
        py.detach(|| {
            let pieces = fetch_rows(dir, data, &offsets, size, PrefetchPolicy::IfCold)?;
            if total_len(pieces.iter().map(|piece| piece.len()), Cast::none(1)) != Some(room.len()) {
                return Err(memory::refused(dir));
            }
            concatenate(&pieces, Cast::none(1), room);
            Ok(())
        })?;
        Ok(values.into_any())
    }
}

fn padded<'py>(state: &State, indices: &[usize], value: Bound<'py, PyAny>) -> PyResult<Pair<'py>> {
    let py = value.py();
    let start = PyInt::new(py, 0).into_any();
    let options = PadOptions { value, side: "right", max_length: None, start };
    batches::padded(&state.view, &state.target(py, None, None)?, indices, &options)
}

fn texts<'py>(py: Python<'py>, view: &StringsView, indices: &[usize]) -> PyResult<Bound<'py, PyList>> {
    let texts = py.detach(|| view.gather(indices, PrefetchPolicy::IfCold))?;
    let text = |(bytes, &index): (&Cow<[u8]>, &usize)| item_of(py, view, index, bytes);
    let texts: Vec<_> = texts.iter().zip(indices).map(text).collect::<PyResult<_>>()?;
    PyList::new(py, texts)
}
