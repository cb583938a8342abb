//! The writer of records.

use std::path::Path;

use super::blocks::BlockWriter;
use super::resume::open_records;
use super::sinks::RecordsSink;
use super::writer::{DEFAULT_BATCH, Writer, no_memory};
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::format::fields::FieldSpec;
use crate::options::Options;
use crate::paths::absolute;
use crate::records::{FieldBatch, Form, Records};

impl Writer<Records> {
    /// Appends records to those in `dir`, which are created if there are none. `fields` name every field and say what it is;
    /// their samples, if they have any, are not stored. The mode and the access pattern of `options` are ignored.
    ///
    /// ```
    /// use mmap_ninja::{Dtype, FieldBatch, Mode, Options, Records, stream::Writer};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("train");
    /// let int64 = Dtype::of::<i64>();
    /// let fields = [FieldBatch::dense::<i64>("label", &int64, &[0], &[]), FieldBatch::strings::<&str>("name", &[])];
    /// let mut train = Writer::records(&path, &Options::default(), &fields)?;
    /// for label in 0..5_i64 {
    ///     let (labels, names) = ([label], [format!("{label}.jpg")]);
    ///     train.push(&[FieldBatch::dense("label", &int64, &[1], &labels), FieldBatch::strings("name", &names)])?;
    /// }
    /// assert_eq!(train.finish()?, 5);
    /// assert_eq!(Records::open(&path, Mode::ReadOnly)?.strings("name")?.get(4)?, "4.jpg");
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Records::open`].
    pub fn records(dir: impl AsRef<Path>, options: &Options, fields: &[FieldBatch]) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let store = open_records(&dir, options)?;
        let parts: Vec<(FieldSpec, Form)> = fields.iter().map(FieldBatch::form).collect();
        let trains = store.is_empty() && parts.iter().any(|(_, form)| form.trains());
        let blocks = BlockWriter::new(&dir, store.len(), DEFAULT_BATCH, trains);
        let names = parts.iter().map(|(spec, _)| spec.name.clone()).collect();
        let sink = RecordsSink::new(store, parts);
        Ok(Self::over(dir, blocks, Box::new(sink), Dtype::of::<u8>()).with_fields(names))
    }

    /// Adds records: new samples of every field, in the order in which the fields were named.
    ///
    /// # Errors
    /// [`Error::Shape`] where fields have different numbers of samples, or a sample's bytes do not fit its shape;
    /// [`Error::Argument`] where the fields are others. Of the records before them: as [`Records::append`]; then nothing
    /// more is stored.
    pub fn push(&mut self, fields: &[FieldBatch]) -> Result<()> {
        let first = self.blocks.next_index();
        if !fields.iter().map(FieldBatch::name).eq(self.fields.iter().map(String::as_str)) {
            let (dir, names) = (self.dir.display(), self.fields.join(", "));
            return Err(Error::Argument {
                what: format!("{dir}: the fields of a record must be {names}, in this order"),
            });
        }
        let columns = fields.iter().map(|field| field.encode(&self.dir, first)).collect::<Result<Vec<_>>>()?;
        Records::check_lengths(&self.dir, &columns)?;
        for index in 0..columns.first().map_or(0, |column| column.len) {
            let size = fields.iter().map(|field| field.sample(index).0.len()).sum();
            if self.blocks.must_send_before(size) {
                self.send()?;
            }
            for (number, field) in fields.iter().enumerate() {
                let (bytes, elements, shape) = field.sample(index);
                let copied = self.blocks.push(number, bytes, elements, &shape);
                copied.map_err(|error| no_memory(&self.dir, error))?;
            }
            self.blocks.end_sample();
            if self.blocks.is_full() {
                self.send()?;
            }
        }
        Ok(())
    }
}
