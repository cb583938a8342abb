//! Which entries of a directory are the dataset's, and which are foreign.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use super::{MemberNames, Role, Schema, kind_of, read_fields, read_shape};
use crate::error::{At, Result};
use crate::format::{self, Kind};
use crate::io::untrusted::read_text;

/// Files of the dataset as a whole, beside those of its members.
const DATASET_FILES: [&str; 8] = [
    format::CHECKSUMS,
    format::NEW_CHECKSUMS,
    format::ATTRS,
    format::NEW_ATTRS,
    format::INDEX,
    format::NEW_INDEX,
    format::JOURNAL,
    format::BUILDING,
];

/// Whether `name`, in the directory of a member, is one of its files or a file of the dataset.
pub(crate) fn is_own(schema: Schema, role: Role, name: &OsStr) -> bool {
    let is_file = schema.files(role).iter().any(|(file, _)| name == *file);
    let is_optional = schema.optional_files(role).iter().any(|file| name == *file);
    let is_of_dataset = role == Role::Data && DATASET_FILES.iter().any(|file| name == *file);
    is_file || is_optional || is_of_dataset
}

/// The names of all entries in `dir` that no dataset, of any kind, has there.
pub(crate) fn foreign_entries(dir: &Path) -> Result<Vec<OsString>> {
    let names = MemberNames::default();
    let kinds = [Kind::Numpy, Kind::Ragged, Kind::String, Kind::Records];
    let schemas = kinds.map(|kind| Schema { kind, is_flat: true, names: &names });
    let fields = read_fields(dir).map_or(Vec::new(), |list| list.directories().map(str::to_owned).collect());
    // Without a dataset, a file of that name is somebody else's.
    let has_no_attrs = !matches!(kind_of(dir), Ok(Some(_)));
    let is_known = |name: &OsStr| {
        if has_no_attrs && name == format::ATTRS {
            return false;
        }
        fields.iter().any(|field| name == field.as_str())
            || schemas.iter().any(|schema| is_own(*schema, Role::Data, name))
            || names.all().iter().any(|own| name == *own)
    };
    let mut foreign = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let name = entry.at(dir)?.file_name();
        if !is_known(&name) {
            foreign.push(name);
        }
    }
    let renamed = renamed_members(dir, &foreign);
    foreign.retain(|name| !renamed.contains(name));
    Ok(foreign)
}

/// Members that have names of the caller's choice. Together with those that have the usual names they are as many as the
/// kind needs, and each has a row for every sample. Where that fits several sets of entries, none of them counts.
fn renamed_members(dir: &Path, candidates: &[OsString]) -> Vec<OsString> {
    let names = MemberNames::default();
    let usual = match kind_of(dir) {
        Ok(Some(Kind::Ragged)) => &names.all()[..],
        Ok(Some(Kind::String)) => &names.all()[..2],
        _ => &[],
    };
    let mut by_rows = BTreeMap::<u64, Vec<OsString>>::new();
    for name in candidates.iter().cloned().chain(usual.iter().map(OsString::from)) {
        if let Some(rows) = rows_of(&dir.join(&name)) {
            by_rows.entry(rows).or_default().push(name);
        }
    }
    let mut members = by_rows.into_values().filter(|found| found.len() == usual.len());
    let found = members.next().unwrap_or_default();
    if members.next().is_none() { found } else { Vec::new() }
}

/// Samples that the member in `dir` has a row for; `None` where it is not a member.
fn rows_of(dir: &Path) -> Option<u64> {
    if read_text(&dir.join(format::DTYPE)).ok()? != b"int64" {
        return None;
    }
    match kind_of(dir).ok()?? {
        Kind::Numpy => match read_shape(dir).ok()?[..] {
            [rows] | [rows, 1] => Some(rows),
            _ => None,
        },
        // Nested shapes have a row for every sample in their own starts, which are not nested again.
        Kind::Ragged if dir.file_name() != Some(OsStr::new(MemberNames::STARTS)) => {
            rows_of(&dir.join(MemberNames::STARTS))
        }
        _ => None,
    }
}
