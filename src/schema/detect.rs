//! What a directory holds.

use std::io;
use std::path::Path;

use crate::error::{At, Error, Result};
use crate::format::{self, Kind};
use crate::io::untrusted::read_text;

/// What `type.ninja` in `dir` states; `None` where there is no dataset: no directory, or none of our files.
pub(crate) fn kind_of(dir: &Path) -> Result<Option<Kind>> {
    let path = dir.join(format::TYPE);
    let text = match read_text(&path) {
        Err(error) if error.is_not_found() && dir.join(format::DATA).symlink_metadata().is_err() => {
            return check_directory_or_nothing(dir).map(|()| None);
        }
        // A whole dataset may have been put there since the first look.
        Err(error) if error.is_not_found() => read_text(&path).map_err(|error| missing(&path, error))?,
        other => other?,
    };
    let kind = Kind::parse(&text).ok_or_else(|| Error::corrupt(path, "this is not a known kind of dataset"))?;
    Ok(Some(kind))
}

fn missing(path: &Path, error: Error) -> Error {
    if error.is_not_found() { Error::corrupt(path, "the file is missing beside data.ninja") } else { error }
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
