//! What a directory holds.

use std::io;
use std::path::Path;

use super::MemberNames;
use crate::error::{At, Error, Result};
use crate::format::{self, Kind};
use crate::io::untrusted::read_text;

/// The kind of the dataset in `dir`; `None` where there is no dataset: no directory, or none of our files.
///
/// `type.ninja` states it. Releases before 0.4.0 wrote no such file, and 0.4.0 wrote `numpy` for ragged datasets, too; then
/// the members tell.
pub(crate) fn kind_of(dir: &Path) -> Result<Option<Kind>> {
    let path = dir.join(format::TYPE);
    let text = match read_text(&path) {
        // Records of which the file was lost, or is not written yet.
        Err(error) if error.is_not_found() && has(dir, format::FIELDS) => return Ok(Some(Kind::Records)),
        Err(error) if error.is_not_found() && !has(dir, format::DATA) => {
            return check_directory_or_nothing(dir).map(|()| None);
        }
        // A whole dataset may have been put there since the first look.
        Err(error) if error.is_not_found() => match read_text(&path) {
            Err(error) if error.is_not_found() => return kind_of_members(dir).map(Some),
            other => other?,
        },
        other => other?,
    };
    match Kind::parse(&text) {
        Some(Kind::Numpy) if has(dir, format::SHAPES_ARE_FLAT) => Ok(Some(Kind::Ragged)),
        Some(kind) => Ok(Some(kind)),
        None => Err(Error::corrupt(path, "this is not a known kind of dataset")),
    }
}

fn kind_of_members(dir: &Path) -> Result<Kind> {
    let is_counted = has(dir, format::DTYPE) && has(dir, format::SHAPE);
    let is_string = || MemberNames::default().all()[..2].iter().all(|name| has(&dir.join(name), format::SHAPE));
    match is_counted {
        true if has(dir, format::SHAPES_ARE_FLAT) => Ok(Kind::Ragged),
        true => Ok(Kind::Numpy),
        false if is_string() => Ok(Kind::String),
        false => Err(Error::corrupt(dir.join(format::TYPE), "the file is missing, and the other files tell no kind")),
    }
}

fn has(dir: &Path, name: &str) -> bool {
    dir.join(name).symlink_metadata().is_ok()
}

fn check_directory_or_nothing(dir: &Path) -> Result<()> {
    match dir.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at(dir),
        Ok(found) if !found.is_dir() => Err(io::Error::from(io::ErrorKind::NotADirectory)).at(dir),
        Ok(_) => Ok(()),
    }
}

/// The error for a `dir` that does not exist, or holds no dataset.
pub(crate) fn no_dataset(dir: &Path) -> Error {
    let not_found = io::ErrorKind::NotFound;
    let is_there = dir.symlink_metadata().is_ok();
    let source = if is_there { io::Error::new(not_found, "No dataset in this directory") } else { not_found.into() };
    Error::Io { path: dir.to_owned(), source }
}
