//! What the fields of records held at one moment.

use std::path::Path;
use std::sync::Arc;

use crate::dense;
use crate::error::{Error, Result};
use crate::format::fields::FieldSpec;
use crate::format::{FIELDS, Kind, ORDER, SHAPE, TYPE};
use crate::io::mapping::Region;
use crate::io::untrusted::{FileStamp, check_directory};
use crate::options::Options;
use crate::ragged;
use crate::schema::{bare_fields, count_of_field, kind_of, read_fields};
use crate::strings;
use crate::txn::{count_of, read_stable};

/// What the mapped files held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub dir: Arc<Path>,
    /// The number of records.
    pub len: usize,
    state: State,
    /// The fields that were asked for, in the order in which they were named.
    pub fields: Arc<[Field]>,
    /// The `fields.json` that names them.
    list: Option<FileStamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// There are no records in the directory.
    Missing,
    /// Fields without `fields.json` and the files beside it.
    Bare,
    Whole,
}

/// One field at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub spec: FieldSpec,
    pub view: FieldView,
}

/// What the dataset of a field held.
#[derive(Clone, Debug)]
pub(crate) enum FieldView {
    Ragged(ragged::View),
    Strings(strings::View),
    Dense(dense::View),
}

impl View {
    /// Records of a directory that holds none.
    pub fn empty(dir: &Path) -> Self {
        Self { dir: dir.into(), len: 0, state: State::Missing, fields: Arc::new([]), list: None }
    }

    /// What a closed handle shows.
    pub fn closed(dir: &Path) -> Self {
        Self { state: State::Closed, ..Self::empty(dir) }
    }

    /// Maps the fields of the records in `dir`, or those of them that are `wanted`, and reads no record.
    pub fn open(dir: &Path, options: &Options, wanted: Option<&[String]>) -> Result<Self> {
        read_stable(dir, || match kind_of(dir)? {
            Some(Kind::Records) => {
                let specs = read_fields(dir)?.fields;
                Self::read(dir, options, State::Whole, selected(dir, specs, wanted)?, count_of(dir)?)
            }
            Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Records, found }),
            None if !dir.is_dir() => Ok(Self::empty(dir)),
            None => match bare_fields(dir)? {
                specs if specs.is_empty() => Ok(Self::empty(dir)),
                specs => {
                    let rows = common_count(dir, &specs)?;
                    Self::read(dir, options, State::Bare, selected(dir, specs, wanted)?, rows)
                }
            },
        })
    }

    fn read(dir: &Path, options: &Options, state: State, specs: Vec<FieldSpec>, rows: u64) -> Result<Self> {
        let list = FileStamp::of(&dir.join(FIELDS));
        let fields = specs.into_iter().map(|spec| Field::open(dir, spec, options, rows)).collect::<Result<_>>()?;
        let len = usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Self { dir: dir.into(), len, state, fields, list })
    }

    /// Whether there are records in the directory, even if their number is 0.
    pub fn exists(&self) -> bool {
        matches!(self.state, State::Bare | State::Whole)
    }

    /// Whether the files beside the fields are missing.
    pub fn is_bare(&self) -> bool {
        self.state == State::Bare
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.spec.name == name)
    }

    pub fn check_open(&self) -> Result<()> {
        if self.state == State::Closed { Err(Error::Closed { path: self.dir.to_path_buf() }) } else { Ok(()) }
    }

    /// Whether a field was added or removed since.
    pub fn is_outdated(&self) -> bool {
        FileStamp::of(&self.dir.join(FIELDS)) != self.list
    }

    /// Checks that no field has more samples than there are records: whoever has added them would lose them.
    pub fn check_counts(&self) -> Result<()> {
        for Field { spec, .. } in self.fields.iter() {
            let path = self.dir.join(&spec.name);
            let found = count_of_field(&path, spec.kind)?;
            if found != self.len as u64 {
                let what = format!(
                    "{}: the field has {found} samples, its records are {}: others have added to it alone; a repair says what can be kept",
                    path.display(),
                    self.len
                );
                return Err(Error::Argument { what });
            }
        }
        Ok(())
    }

    /// The error for an index without a record.
    #[cold]
    pub fn out_of_range(&self, index: i64) -> Error {
        match self.check_open() {
            Ok(()) => Error::OutOfRange { path: self.dir.to_path_buf(), index, len: self.len },
            Err(closed) => closed,
        }
    }

    /// The view after an append that left the records with these fields.
    pub fn grown(&self, fields: Vec<Field>, added: usize) -> Self {
        Self { len: self.len + added, fields: fields.into(), ..self.clone() }
    }
}

impl Field {
    fn open(dir: &Path, spec: FieldSpec, options: &Options, rows: u64) -> Result<Self> {
        let path = dir.join(&spec.name);
        let missing = || Error::corrupt(&path, format!("the directory of the field '{}' is missing", spec.name));
        if path.symlink_metadata().is_err() {
            return Err(missing());
        }
        check_directory(&path)?;
        let opened = match spec.kind {
            Kind::Ragged => ragged::View::open(&path, options, Some(rows)).map(FieldView::Ragged),
            Kind::String => strings::View::open(&path, options, Some(rows)).map(FieldView::Strings),
            // The elements of a ragged map open as an array, too.
            Kind::Numpy if kind_of(&path)? == Some(Kind::Ragged) => {
                Err(Error::WrongKind { path: path.clone(), expected: spec.kind, found: Kind::Ragged })
            }
            Kind::Numpy => dense::View::open(&path, options, Some(rows)).map(FieldView::Dense),
            Kind::Records => return Err(Error::corrupt(path, "a field cannot have fields of its own")),
        };
        match opened {
            Ok(view) if view.exists() => {
                if matches!(&view, FieldView::Dense(view) if view.is_in_columns()) {
                    let what = "an array in F order cannot be a field, since its rows do not lie one after another";
                    return Err(Error::corrupt(path.join(ORDER), what));
                }
                let is_array = matches!(&view, FieldView::Dense(view) if view.header.shape.is_empty());
                if is_array {
                    return Err(Error::corrupt(
                        path.join(SHAPE),
                        "a field has a row for every record, expected an axis",
                    ));
                }
                Ok(Self { spec, view })
            }
            Ok(_) => Err(missing()),
            Err(Error::WrongKind { found, expected, .. }) => {
                let what = format!("the field is of kind '{found}', expected '{expected}' from fields.json");
                Err(Error::corrupt(path.join(TYPE), what))
            }
            Err(error) if error.is_not_found() => Err(missing()),
            Err(error) => Err(error),
        }
    }
}

impl FieldView {
    /// The mapped elements, texts or rows.
    pub fn data(&self) -> &Region {
        match self {
            Self::Ragged(view) => &view.extents.data,
            Self::Strings(view) => &view.extents.data,
            Self::Dense(view) => &view.data,
        }
    }

    fn exists(&self) -> bool {
        match self {
            Self::Ragged(view) => view.header.is_some(),
            Self::Strings(view) => view.exists,
            Self::Dense(_) => true,
        }
    }
}

/// The specifications of the fields that are wanted, in that order.
fn selected(dir: &Path, specs: Vec<FieldSpec>, wanted: Option<&[String]>) -> Result<Vec<FieldSpec>> {
    let Some(wanted) = wanted else { return Ok(specs) };
    let find = |name: &String| {
        specs.iter().find(|spec| spec.name == *name).cloned().ok_or_else(|| {
            let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            let (dir, names) = (dir.display(), names.join(", "));
            Error::Argument { what: format!("{dir}: there is no field '{name}'; the fields are {names}") }
        })
    };
    wanted.iter().map(find).collect()
}

/// The number of samples that all fields have.
fn common_count(dir: &Path, specs: &[FieldSpec]) -> Result<u64> {
    let count = |spec: &FieldSpec| count_of_field(&dir.join(&spec.name), spec.kind);
    let counts: Vec<u64> = specs.iter().map(count).collect::<Result<_>>()?;
    if counts.iter().all(|count| *count == counts[0]) {
        return Ok(counts[0]);
    }
    let listed: Vec<_> = specs.iter().zip(&counts).map(|(spec, count)| format!("{} has {count}", spec.name)).collect();
    let what = format!("the fields have different numbers of samples: {}", listed.join(", "));
    Err(Error::corrupt(dir, what))
}
