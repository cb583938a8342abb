//! Which entries of a directory are those of the data set in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use crate::error::{At, Result};
use crate::format::{self, Kind, parse_shape};
use crate::storage::{kind_of, read_text};

const STARTS: &str = "starts";
const FILES: [&str; 12] = [
    format::TYPE,
    format::DTYPE,
    format::SHAPE,
    format::ORDER,
    format::DATA,
    format::SHAPES_ARE_FLAT,
    format::ZSTD_LEVEL,
    format::ZSTD_DICT,
    format::INTENT,
    format::BUILDING,
    format::CHECKSUMS,
    format::NEW_CHECKSUMS,
];
const DIRECTORIES: [&str; 4] = [STARTS, "ends", "shapes", "flattened_shapes"];

/// The names of all entries in `dir` that are no data set's.
pub(super) fn foreign(dir: &Path) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let name = entry.at(dir)?.file_name();
        if !FILES.iter().chain(&DIRECTORIES).any(|ours| name == *ours) {
            names.push(name);
        }
    }
    let renamed = renamed(dir, &names);
    names.retain(|name| !renamed.contains(name));
    Ok(names)
}

/// Members that go by other names than the usual ones: with those that do not, as many as there must be, each with an
/// entry for every sample. Where others could be meant as well, none is.
fn renamed(dir: &Path, names: &[OsString]) -> Vec<OsString> {
    let needed = match kind_of(dir) {
        Ok(Some(Kind::Ragged)) => &DIRECTORIES[..],
        Ok(Some(Kind::String)) => &DIRECTORIES[..2],
        _ => &[],
    };
    let usual = needed.iter().map(OsString::from);
    let mut by_rows = BTreeMap::<u64, Vec<OsString>>::new();
    for name in names.iter().cloned().chain(usual) {
        if let Some(rows) = rows(&dir.join(&name)) {
            by_rows.entry(rows).or_default().push(name);
        }
    }
    let mut members = by_rows.into_values().filter(|found| found.len() == needed.len());
    let found = members.next().unwrap_or_default();
    if members.next().is_none() { found } else { Vec::new() }
}

/// Samples that a member in `dir` has an entry for; `None` where it is no member.
fn rows(dir: &Path) -> Option<u64> {
    if read_text(&dir.join(format::DTYPE)).ok()? != b"int64" {
        return None;
    }
    match kind_of(dir).ok()?? {
        Kind::Numpy => match parse_shape(&read_text(&dir.join(format::SHAPE)).ok()?)?[..] {
            [rows] | [rows, 1] => Some(rows),
            _ => None,
        },
        Kind::Ragged if dir.file_name() != Some(OsStr::new(STARTS)) => rows(&dir.join(STARTS)),
        _ => None,
    }
}
