//! Checks of a build that is resumed, or that others may have written to.

use std::path::Path;

use crate::compression::Compression;
use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::format::{Kind, Order, ZSTD_DICT};
use crate::io::mapping::{Access, Mode};
use crate::options::Options;
use crate::ragged::Ragged;
use crate::records::Records;
use crate::schema::kind_of;
use crate::strings::Strings;
use crate::txn;

/// Opens the samples in `dir` to add others, of `dtype` if it is given.
pub(crate) fn open_ragged(dir: &Path, options: &Options, dtype: Option<&Dtype>) -> Result<Ragged> {
    check_names(dir, Kind::Ragged, &options.names.all())?;
    let store = Ragged::open_with(dir, for_writing(options))?;
    if let (Some(asked), Some(stored)) = (dtype, store.dtype()) {
        check_dtype(dir, stored, asked)?;
    }
    Ok(store)
}

/// Opens the texts in `dir` to add others, which must be compressed like them.
pub(crate) fn open_strings(dir: &Path, options: &Options, compression: Option<Compression>) -> Result<Strings> {
    check_names(dir, Kind::String, &options.names.all()[..2])?;
    let store = Strings::open_with(dir, for_writing(options))?;
    if kind_of(dir)?.is_some() {
        let has_dict = dir.join(ZSTD_DICT).exists();
        let asks_dict = compression.is_some_and(|asked| asked.dict_size.is_some());
        let asked = described(compression.map(|asked| asked.level), asks_dict);
        check_same(dir, &described(store.level(), has_dict), &asked)?;
    }
    Ok(store)
}

/// Opens the array in `dir` to add rows; `None` if there is none.
pub(crate) fn open_dense(dir: &Path) -> Result<Option<Dense>> {
    match kind_of(dir)? {
        None => return Ok(None),
        Some(Kind::Numpy) => {}
        Some(found) => return Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Numpy, found }),
    }
    let present = Dense::open(dir, Mode::ReadOnly)?;
    let (order, axes) = (present.order(), present.shape());
    if axes.is_empty() || (order == Order::F && axes.len() > 1) {
        let what =
            format!("{}: cannot add rows to an array of shape {axes:?} in {} order", dir.display(), order.name());
        return Err(Error::Shape { what });
    }
    Ok(Some(present))
}

/// Opens the records in `dir` to add others.
pub(crate) fn open_records(dir: &Path, options: &Options) -> Result<Records> {
    Records::open_with(dir, for_writing(options))
}

/// Checks that the build in `dir` holds exactly the samples that its builder has stored.
///
/// ```
/// use mmap_ninja::{Dtype, Options, Ragged, Sample, stream};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("tokens");
/// Ragged::create(&path, &Dtype::of::<i32>(), &[Sample::new(&[1, 2], &[2])])?;
/// assert!(stream::check_exclusive(&path, &Options::default(), 1).is_ok());
/// assert!(stream::check_exclusive(&path, &Options::default(), 2).is_err());
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] if the number differs, since others must have written; [`Error::Corrupt`]; [`Error::Io`].
pub fn check_exclusive(dir: &Path, options: &Options, stored: usize) -> Result<()> {
    let found = match kind_of(dir)? {
        None => 0,
        Some(Kind::Numpy) => {
            let rows = Dense::open(dir, Mode::ReadOnly)?.shape().first().copied();
            rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
        }
        Some(Kind::Ragged) => Ragged::open_with(dir, for_writing(options))?.len(),
        Some(Kind::String) => Strings::open_with(dir, for_writing(options))?.len(),
        Some(Kind::Records) => Records::open_with(dir, for_writing(options))?.len(),
    };
    txn::check_exclusive(dir, found, Some(stored))
}

/// The mode and the access pattern are those of readers, not of a build.
pub(super) fn for_writing(options: &Options) -> Options {
    Options { mode: Mode::default(), access: Access::default(), ..options.clone() }
}

fn check_names(dir: &Path, kind: Kind, names: &[&str]) -> Result<()> {
    if kind_of(dir)? != Some(kind) {
        return Ok(());
    }
    let Some(missing) = names.iter().find(|name| !dir.join(name).is_dir()) else { return Ok(()) };
    let dir = dir.display();
    let what = format!("{dir}: the interrupted build has no sub-directory '{missing}'; resume it with the same names");
    Err(Error::Argument { what })
}

pub(super) fn check_dtype(dir: &Path, stored: &Dtype, asked: &Dtype) -> Result<()> {
    check_same(dir, &format!("the dtype {}", stored.text()), &format!("the dtype {}", asked.text()))
}

fn check_same(dir: &Path, stored: &str, asked: &str) -> Result<()> {
    if stored == asked {
        return Ok(());
    }
    let dir = dir.display();
    let what = format!("{dir}: the interrupted build has {stored}, not {asked}; resume it with the same");
    Err(Error::Argument { what })
}

fn described(level: Option<i32>, has_dict: bool) -> String {
    match level {
        None => "no compression".to_owned(),
        Some(level) => format!("zstd level {level} {} a dictionary", if has_dict { "with" } else { "without" }),
    }
}
