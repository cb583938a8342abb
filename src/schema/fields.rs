//! The fields of a dataset of records.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{MemberNames, Role, Schema, kind_of, read_shape};
use crate::error::{At, Error, Result};
use crate::format::fields::{FieldList, FieldSpec, MAX_FIELDS, MAX_TEXT, check_name};
use crate::format::{self, Kind, SHAPE};
use crate::io::untrusted::{check_directory, read_at_most};

/// What the `fields.json` in `dir` states.
pub(crate) fn read_fields(dir: &Path) -> Result<FieldList> {
    let path = dir.join(format::FIELDS);
    let text = read_at_most(&path, MAX_TEXT).map_err(missing_of_records)?;
    FieldList::parse(&text).map_err(|what| Error::corrupt(path, what))
}

/// A missing file is damage where `type.ninja` says that there are records.
pub(crate) fn missing_of_records(error: Error) -> Error {
    match error {
        Error::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
            let what = "the file is missing; restore it, or remove type.ninja, fields.json and shape.ninja beside the fields: then every sub-directory with a dataset is a field, and the fields tell the number of records";
            Error::corrupt(path, what)
        }
        other => other,
    }
}

/// The fields of a directory that has no `fields.json`: every sub-directory with a dataset, in the order of their names. That
/// is how `mmap_ninja_dataframe` stores columns.
pub(crate) fn bare_fields(dir: &Path) -> Result<Vec<FieldSpec>> {
    let mut fields = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let path = entry.at(dir)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| check_name(name).is_ok());
        let Some(name) = name.filter(|_| path.join(format::TYPE).is_file()) else { continue };
        let kind = kind_of(&path)?.filter(|kind| *kind != Kind::Records && check_directory(&path).is_ok());
        fields.extend(kind.map(|kind| FieldSpec::new(name, kind)));
        if fields.len() > MAX_FIELDS {
            return Err(Error::corrupt(dir, format!("more than {MAX_FIELDS} fields")));
        }
    }
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(fields)
}

/// The directory of the records that the dataset in `dir` is a field of, if it is one.
pub(crate) fn records_above(dir: &Path) -> Option<PathBuf> {
    let (above, name) = (dir.parent()?, dir.file_name()?.to_str()?);
    above.join(format::FIELDS).symlink_metadata().ok()?;
    let list = read_fields(above).ok()?;
    list.fields.iter().any(|field| field.name == name).then(|| above.to_owned())
}

/// Refuses to change the number of samples in `dir` if it is a field, whose records would then have too few or too many.
pub(crate) fn check_not_a_field(dir: &Path) -> Result<()> {
    let Some(records) = records_above(dir) else { return Ok(()) };
    let (dir, records) = (dir.display(), records.display());
    let what =
        format!("{dir}: this is a field of the records in {records}, which alone add samples to it or replace it");
    Err(Error::Argument { what })
}

/// The number of samples that a field itself states.
pub(crate) fn count_of_field(dir: &Path, kind: Kind) -> Result<u64> {
    let names = MemberNames::default();
    let schema = Schema { kind, is_flat: true, names: &names };
    let role = schema.roles().last().copied().unwrap_or(Role::Data);
    let shape = read_shape(&dir.join(schema.path(role)))?;
    shape.first().copied().ok_or_else(|| Error::corrupt(dir.join(SHAPE), "the shape has no axis that counts rows"))
}
