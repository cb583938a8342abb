//! Adding and removing fields of records. A field is there, or gone, once `fields.json` is replaced. A directory that is not
//! a field yet, or no longer, is listed there as pending as long as it has the name of one, so that the next writer removes
//! what a process that died has left.

use std::io;
use std::path::{Path, PathBuf};

use super::cleanup::sweep;
use super::fs::{rename_new, replace_file};
use super::lock::DirLock;
use super::recover::recover;
use super::snapshot::count_of;
use super::staging::StagingDir;
use crate::error::{At, Error, Result};
use crate::format::fields::{FieldList, FieldSpec, check_name};
use crate::format::{self, FIELDS, Kind, encode_shape};
use crate::options::Options;
use crate::schema::{bare_fields, count_of_field, kind_of, no_dataset, read_fields};

/// The place of a field that is being built.
#[derive(Clone, Debug)]
pub(super) struct FieldPlace {
    /// The directory of the records.
    pub records: PathBuf,
    pub name: String,
    pub shape: Option<Vec<i64>>,
}

impl FieldPlace {
    /// The hidden directory in which the field is whole, before it has its name.
    pub fn hidden(&self) -> PathBuf {
        self.records.join(format!(".{}", self.name))
    }

    /// Checks that the records can get a field of this name.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name).map_err(|what| argument(&self.records, what))?;
        let list = list_of(&self.records)?;
        self.added_to(&list, Kind::Ragged)?;
        // What a process has left that died while it removed a field of this name.
        sweep(&self.records.join(&self.name));
        let path = self.records.join(&self.name);
        let is_pending = list.pending.contains(&self.name);
        if path.symlink_metadata().is_ok() && !is_pending {
            let what = "this is in the place of the new field; move or remove it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what)).at(&path);
        }
        Ok(())
    }

    /// The list with this field at its end.
    fn added_to(&self, list: &FieldList, kind: Kind) -> Result<FieldList> {
        let mut list = list.clone();
        list.pending.retain(|name| *name != self.name);
        list.fields.push(FieldSpec { name: self.name.clone(), kind, shape: self.shape.clone() });
        list.check().map_err(|what| argument(&self.records, what))?;
        Ok(list)
    }

    /// Locks the records, so that their number stays what it is, and checks that the dataset in `built` has as many samples.
    pub fn lock(&self, built: &Path, options: &Options) -> Result<DirLock> {
        let lock = lock_recovered(&self.records, options)?;
        let Some(kind) = kind_of(built)? else { return Err(no_dataset(built)) };
        let (found, records) = (count_of_field(built, kind)?, number_of(&self.records)?);
        if found != records {
            let what = format!("the new field '{}' has {found} samples, the records are {records}", self.name);
            return Err(argument(&self.records, what));
        }
        Ok(lock)
    }

    /// Makes the dataset in the hidden directory a field.
    pub fn publish(&self, _lock: &DirLock) -> Result<()> {
        let Some(kind) = kind_of(&self.hidden())? else { return Err(no_dataset(&self.hidden())) };
        let mut list = list_of(&self.records)?;
        remove_pending(&self.records, &mut list)?;
        let whole = self.added_to(&list, kind)?;
        list.pending.push(self.name.clone());
        write_list(&self.records, &list)?;
        let path = self.records.join(&self.name);
        if !rename_new(&self.hidden(), &path)? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).at(&path);
        }
        write_list(&self.records, &whole)
    }
}

/// Removes the field `name` of the records in `dir`.
pub(crate) fn remove_field(dir: &Path, name: &str, options: &Options) -> Result<()> {
    let _lock = lock_recovered(dir, options)?;
    let mut list = list_of(dir)?;
    let place = list.fields.iter().position(|field| field.name == name);
    let place = place.ok_or_else(|| argument(dir, format!("there is no field '{name}'")))?;
    if list.fields.len() == 1 {
        return Err(argument(dir, format!("'{name}' is the only field, and a record has at least one")));
    }
    remove_pending(dir, &mut list)?;
    list.fields.remove(place);
    list.pending.push(name.to_owned());
    write_list(dir, &list)?;
    remove_pending(dir, &mut list)?;
    write_list(dir, &list)
}

/// Locks the dataset in `dir`, with no append unfinished.
pub(crate) fn lock_recovered(dir: &Path, options: &Options) -> Result<DirLock> {
    let lock = DirLock::acquire(dir, options)?.ok_or_else(|| no_dataset(dir))?;
    recover(dir, &lock)?;
    Ok(lock)
}

/// The fields of the records in `dir`, which may have no list yet.
fn list_of(dir: &Path) -> Result<FieldList> {
    match kind_of(dir)? {
        Some(Kind::Records) => read_fields(dir),
        Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Records, found }),
        None => {
            let fields = if dir.is_dir() { bare_fields(dir)? } else { Vec::new() };
            if fields.is_empty() {
                return Err(no_dataset(dir));
            }
            FieldList::new(fields).map_err(|what| Error::corrupt(dir, what))
        }
    }
}

/// The number of the records in `dir`.
fn number_of(dir: &Path) -> Result<u64> {
    if kind_of(dir)?.is_some() {
        return count_of(dir);
    }
    let counts: Result<Vec<u64>> =
        list_of(dir)?.fields.iter().map(|field| count_of_field(&dir.join(&field.name), field.kind)).collect();
    let counts = counts?;
    let records = counts.first().copied().unwrap_or_default();
    if counts.iter().all(|&count| count == records) {
        return Ok(records);
    }
    Err(Error::corrupt(dir, "the fields have different numbers of samples"))
}

/// Replaces `fields.json`, and writes the files beside it where there are none yet.
fn write_list(dir: &Path, list: &FieldList) -> Result<()> {
    if kind_of(dir)?.is_none() {
        replace_file(&dir.join(format::SHAPE), &encode_shape(&[number_of(dir)?]))?;
        replace_file(&dir.join(FIELDS), &list.encode())?;
        return replace_file(&dir.join(format::TYPE), Kind::Records.name().as_bytes());
    }
    replace_file(&dir.join(FIELDS), &list.encode())
}

/// Removes the directories that are pending. `list` is for the caller to write; until then, it names directories that may be
/// gone.
fn remove_pending(dir: &Path, list: &mut FieldList) -> Result<()> {
    for name in std::mem::take(&mut list.pending) {
        let path = dir.join(&name);
        sweep(&path);
        match StagingDir::moved_aside(&path) {
            Err(error) if !error.is_not_found() => return Err(error),
            other => drop(other),
        }
    }
    Ok(())
}

fn argument(dir: &Path, what: impl std::fmt::Display) -> Error {
    Error::Argument { what: format!("{}: {what}", dir.display()) }
}
