//! Samples of several fields.

mod append;
mod batch;
mod fields;
mod join;
#[cfg(test)]
mod tests;
mod values;
mod view;

use std::path::{Path, PathBuf};

use append::{Append, new_members};
pub use batch::Batch;
pub use values::FieldBatch;
pub(crate) use values::{Column, Form, Values};
pub(crate) use view::{Field, FieldView, View};

use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::fields::FieldSpec;
use crate::options::Options;
use crate::paths::absolute;
use crate::ragged::Ragged;
use crate::schema::{MemberNames, no_dataset};
use crate::strings::Strings;
use crate::txn::{self, Writer};
use crate::{Kind, Mode};

/// Records in a directory: samples of several fields, such as an image, its label and its file name.
///
/// Every field is a dataset of its own in a sub-directory. All of them grow together: an append is one transaction with one
/// commit point, so that no crash leaves fields of different lengths.
///
/// ```
/// use mmap_ninja::{Dtype, FieldBatch, Mode, Records, Sample};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("train");
/// let (uint16, int64) = (Dtype::of::<u16>(), Dtype::of::<i64>());
/// let tokens = [Sample::new(&[1_u16, 2, 3], &[3]), Sample::new(&[4_u16], &[1])];
/// Records::create(
///     &path,
///     &[
///         FieldBatch::ragged("tokens", &uint16, &tokens),
///         FieldBatch::dense("label", &int64, &[2], &[0_i64, 1]),
///         FieldBatch::strings("name", &["a.txt", "b.txt"]),
///     ],
/// )?;
///
/// let mut train = Records::open(&path, Mode::ReadOnly)?;
/// let tokens = [Sample::new(&[5_u16, 6], &[2])];
/// train.append(&[
///     FieldBatch::ragged("tokens", &uint16, &tokens),
///     FieldBatch::dense("label", &int64, &[1], &[1_i64]),
///     FieldBatch::strings("name", &["c.txt"]),
/// ])?;
/// assert_eq!(train.len(), 3);
/// assert_eq!(train.ragged("tokens")?.values::<u16>(2)?, [5, 6]);
/// assert_eq!(train.strings("name")?.get(0)?, "a.txt");
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Records {
    pub(crate) view: View,
    pub(crate) options: Options,
    /// The fields that were asked for; all if `None`.
    wanted: Option<Vec<String>>,
    writer: Writer,
}

/// A closed handle.
impl Default for Records {
    fn default() -> Self {
        let view = View::closed(Path::new(""));
        Self { view, options: Options::default(), wanted: None, writer: Writer::default() }
    }
}

impl Records {
    /// Opens the records in `dir`. A directory that does not exist, or is empty, holds none, and can be appended to. So can
    /// the directory of `mmap_ninja_dataframe`, whose sub-directories become the fields.
    ///
    /// # Errors
    /// [`Error::WrongKind`]; [`Error::Corrupt`] where the files contradict each other, or fields have different numbers of
    /// samples; [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// As [`Records::open`], with options, of which records use all but the names.
    ///
    /// # Errors
    /// As [`Records::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_wanted(dir, options, None)
    }

    /// As [`Records::open_with`], without the files of any field but those that are named, in that order. Nothing can be
    /// appended to such a handle.
    ///
    /// # Errors
    /// As [`Records::open`]; [`Error::Argument`] where there is no field of a name.
    pub fn open_fields<S: AsRef<str>>(dir: impl AsRef<Path>, options: Options, names: &[S]) -> Result<Self> {
        Self::open_wanted(dir, options, Some(names.iter().map(|name| name.as_ref().to_owned()).collect()))
    }

    pub(crate) fn open_wanted(dir: impl AsRef<Path>, options: Options, wanted: Option<Vec<String>>) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let options = Options { names: MemberNames::default(), ..options };
        let view = txn::retry_without_kept_files(|| View::open(&dir, &options, wanted.as_deref()))?;
        Ok(Self { wanted, ..Self::of_view(view, options) })
    }

    /// A handle that shows `view`.
    pub(crate) fn of_view(view: View, options: Options) -> Self {
        Self { view, options, wanted: None, writer: Writer::default() }
    }

    /// Writes new records in place of whatever dataset is in `dir`: the samples of each field, as many of every field.
    ///
    /// # Errors
    /// [`Error::Argument`] where a name cannot be that of a field, or there are no fields; [`Error::Shape`] where fields
    /// have different numbers of samples, or a sample's bytes do not fit its shape; [`Error::Io`]. Then nothing has changed.
    pub fn create(dir: impl AsRef<Path>, fields: &[FieldBatch]) -> Result<()> {
        Self::create_with(dir, &Options::default(), fields)
    }

    /// As [`Records::create`], with options, of which creating uses the durability, the timeout, the locking and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Records::create`]; [`Error::Busy`]; [`Error::Interrupted`].
    pub fn create_with(dir: impl AsRef<Path>, options: &Options, fields: &[FieldBatch]) -> Result<()> {
        let dir = absolute(dir.as_ref())?;
        let columns = fields.iter().map(|field| field.encode(&dir, 0)).collect::<Result<Vec<_>>>()?;
        Self::create_columns(&dir, options, &columns)
    }

    pub(crate) fn create_columns(dir: &Path, options: &Options, columns: &[Column]) -> Result<()> {
        Self::check_lengths(dir, columns)?;
        txn::create(dir, options, &new_members(dir, columns)?)
    }

    /// Appends records: new samples of every field, all of them or none. Where there are no records yet, this creates them.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::Argument`] where a field is missing, is not one of the records', or has samples that were
    /// added to it alone; [`Error::Dtype`]; [`Error::Shape`]; [`Error::Busy`]; [`Error::Interrupted`]; [`Error::Corrupt`];
    /// [`Error::Io`]. Then nothing has changed.
    pub fn append(&mut self, fields: &[FieldBatch]) -> Result<()> {
        let dir = self.view.dir.clone();
        let columns = fields.iter().map(|field| field.encode(&dir, self.len())).collect::<Result<Vec<_>>>()?;
        self.append_columns(&columns, None)
    }

    /// Appends columns, if `expected` records are there, where that is given.
    pub(crate) fn append_columns(&mut self, columns: &[Column], expected: Option<usize>) -> Result<()> {
        self.view.check_open()?;
        self.check_whole()?;
        let dir = self.view.dir.clone();
        Self::check_lengths(&dir, columns)?;
        let dirs: Vec<PathBuf> = columns.iter().map(|column| dir.join(&column.spec.name)).collect();
        let append = Append::new(&dir, &self.options, columns, &dirs, expected)?;
        self.view = self.writer.append(&append, &self.view, &dir, &self.options)?;
        Ok(())
    }

    /// Checks that there are fields, and that all have the same number of samples.
    pub(crate) fn check_lengths(dir: &Path, columns: &[Column]) -> Result<()> {
        let Some(first) = columns.first() else {
            return Err(Error::Argument { what: format!("{}: a record has at least one field", dir.display()) });
        };
        if let Some(other) = columns.iter().find(|column| column.len != first.len) {
            let what = format!(
                "{}: the field '{}' has {} samples, but '{}' has {}",
                dir.display(),
                first.spec.name,
                first.len,
                other.spec.name,
                other.len
            );
            return Err(Error::Shape { what });
        }
        Ok(())
    }

    /// Refuses to change records of which only some fields are open.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let Some(wanted) = &self.wanted else { return Ok(()) };
        let (dir, names) = (self.view.dir.display(), wanted.join(", "));
        let what = format!("{dir}: only some fields are open ({names}); open all of them to change records");
        Err(Error::Argument { what })
    }

    /// Reads again what is there, with what others have appended since.
    ///
    /// # Errors
    /// As [`Records::open`]; [`Error::Io`] where the records that this handle shows are gone.
    pub fn refresh(&mut self) -> Result<()> {
        self.view.check_open()?;
        let view = View::open(&self.view.dir, &self.options, self.wanted.as_deref())?;
        if self.view.exists() && !view.exists() {
            return Err(no_dataset(&self.view.dir));
        }
        self.view = view;
        Ok(())
    }

    /// Releases the files. Every later call is [`Error::Closed`].
    pub fn close(&mut self) {
        self.view = View::closed(&self.view.dir);
        self.writer = Writer::default();
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the data of all fields, in bytes.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.view.fields.iter().map(|field| field.view.data().bytes().len()).sum()
    }

    /// The name and the kind of every field, in the order in which they were named.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.view.fields.iter().map(|field| (field.spec.name.as_str(), field.spec.kind))
    }

    /// The field `name` of ragged arrays, of as many samples as there are records.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such field; [`Error::WrongKind`].
    pub fn ragged(&self, name: &str) -> Result<Ragged> {
        match self.find(name)? {
            Field { view: FieldView::Ragged(view), .. } => Ok(Ragged::of_view(view.clone(), self.options.clone())),
            field => Err(self.wrong_kind(Kind::Ragged, &field.spec)),
        }
    }

    /// The field `name` of texts, of as many as there are records.
    ///
    /// # Errors
    /// As [`Records::ragged`].
    pub fn strings(&self, name: &str) -> Result<Strings> {
        match self.find(name)? {
            Field { view: FieldView::Strings(view), .. } => Ok(Strings::of_view(view.clone(), self.options.clone())),
            field => Err(self.wrong_kind(Kind::String, &field.spec)),
        }
    }

    /// The field `name`, which is one array with a row for every record.
    ///
    /// # Errors
    /// As [`Records::ragged`].
    pub fn dense(&self, name: &str) -> Result<Dense> {
        match self.find(name)? {
            Field { view: FieldView::Dense(view), .. } => {
                Ok(Dense::of_view(self.view.dir.join(name), view.clone(), self.options.clone()))
            }
            field => Err(self.wrong_kind(Kind::Numpy, &field.spec)),
        }
    }

    fn find(&self, name: &str) -> Result<&Field> {
        self.view.check_open()?;
        self.view.field(name).ok_or_else(|| {
            let names: Vec<_> = self.fields().map(|(name, _)| name).collect();
            let (dir, names) = (self.view.dir.display(), names.join(", "));
            Error::Argument { what: format!("{dir}: there is no field '{name}'; the fields are {names}") }
        })
    }

    fn wrong_kind(&self, expected: Kind, spec: &FieldSpec) -> Error {
        Error::WrongKind { path: self.view.dir.join(&spec.name), expected, found: spec.kind }
    }
}
