//! What the next writer does about an interrupted append.

use std::path::Path;

use super::append::{remove_journal, roll_back};
use super::cleanup::finish_dead_build;
use super::fs::{remove_file, sync};
use super::journal::{Entry, Journal, read_journal};
use super::lock::DirLock;
use crate::error::{Error, Result};
use crate::format::fields::FieldSpec;
use crate::format::{JOURNAL, Kind, SHAPE};
use crate::io::untrusted::{check_directory, open_member, size_of_member};
use crate::options::Durability;
use crate::schema::{placeholder, read_fields, read_shape};

/// Finishes or rolls back an interrupted append, or finishes an interrupted build. A torn journal was never acted upon.
/// Recovery is rare and always waits for the disk: the journal must not disappear before the changes that it describes.
///
/// # Errors
/// [`Error::Corrupt`] where the journal does not explain the state of the files. Then nothing is changed.
pub(crate) fn recover(dir: &Path, lock: &DirLock) -> Result<()> {
    finish_dead_build(dir, lock)?;
    let Some(text) = read_journal(dir)? else { return Ok(()) };
    let Some(journal) = Journal::parse(dir, &text)? else { return remove_file(&dir.join(JOURNAL)) };
    for entry in &journal.entries {
        check(dir, entry)?;
    }
    if is_committed(dir, &journal)? { finish(dir, &journal) } else { roll_back(dir, &journal, Durability::Full) }
}

/// The writer that died may not have waited for the disk.
fn finish(dir: &Path, journal: &Journal) -> Result<()> {
    for entry in &journal.entries {
        let shape = entry.rows.map(|_| dir.join(&entry.member).join(SHAPE));
        let data = entry.bytes.map(|_| entry.data_path(dir));
        for path in shape.into_iter().chain(data) {
            sync(&open_member(&path, false)?, &path)?;
        }
    }
    remove_journal(dir, Durability::Full)
}

/// Checks that the journal in `dir`, if there is one, explains the files or is torn. A writer may be at work, so files
/// that contradict a journal which was replaced while they were read are no evidence.
///
/// # Errors
/// [`Error::Corrupt`] where the journal does not explain the files.
pub(crate) fn check_journal(dir: &Path) -> Result<()> {
    let text = read_journal(dir)?;
    let Some(whole) = &text else { return Ok(()) };
    let checked = match Journal::parse(dir, whole) {
        Ok(Some(journal)) => journal.entries.iter().try_for_each(|entry| check(dir, entry)),
        other => other.map(drop),
    };
    if checked.is_err() && read_journal(dir)? != text { Ok(()) } else { checked }
}

/// Whether the commit point holds the new count, and everything before it is there. After a power failure, a commit that did
/// not wait for the disk may be there in part.
pub(super) fn is_committed(dir: &Path, journal: &Journal) -> Result<bool> {
    for Entry { member, rows, .. } in journal.entries.iter().rev() {
        if let Some([_, new]) = rows
            && rows_of(dir, member)? != *new
        {
            return Ok(false);
        }
    }
    for entry in &journal.entries {
        if let Some([_, new]) = entry.bytes
            && !placeholder::is_exact(size_of_member(&entry.data_path(dir))?, new)
        {
            return Ok(false);
        }
    }
    Ok(!journal.entries.is_empty())
}

/// The member is the dataset's own, its count is the old or the new one, and its size lies between the two.
fn check(dir: &Path, entry: &Entry) -> Result<()> {
    check_place(dir, &entry.member)?;
    entry.bytes.map_or(Ok(()), |bytes| check_size(&entry.data_path(dir), bytes))?;
    let Some([old, new]) = entry.rows else { return check_uncounted(dir, entry) };
    let found = rows_of(dir, &entry.member)?;
    if found == old || found == new {
        return Ok(());
    }
    let path = dir.join(&entry.member).join(SHAPE);
    Err(Error::corrupt(path, format!("the count is {found}, expected {old} or {new} after an interrupted append")))
}

fn check_size(path: &Path, [least, most]: [u64; 2]) -> Result<()> {
    let size = size_of_member(path)?;
    if size < least || size > most && !placeholder::is_placeholder(size, most) {
        let what = format!("the file has {size} bytes, expected {least} to {most} after an interrupted append");
        return Err(Error::corrupt(path, what));
    }
    Ok(())
}

/// Only the bytes of strings have no count: those of the dataset itself, or of a field of records.
fn check_uncounted(dir: &Path, entry: &Entry) -> Result<()> {
    let is_field = |field: &FieldSpec| field.name == entry.member && field.kind == Kind::String;
    let is_own = entry.member.is_empty() || read_fields(dir).is_ok_and(|list| list.fields.iter().any(is_field));
    if is_own && dir.join(&entry.member).join(SHAPE).symlink_metadata().is_err() {
        return Ok(());
    }
    let what = format!(
        "the journal does not state the count of '{}', which only texts of the dataset do not have",
        entry.member
    );
    Err(Error::corrupt(dir.join(JOURNAL), what))
}

/// No part of a member's path is a link, which may lead to the files of another dataset.
fn check_place(dir: &Path, member: &str) -> Result<()> {
    let mut path = dir.to_owned();
    Path::new(member).components().try_for_each(|part| {
        path.push(part);
        check_directory(&path)
    })
}

/// The count of a member.
pub(super) fn rows_of(dir: &Path, member: &str) -> Result<u64> {
    let dir = dir.join(member);
    let rows = read_shape(&dir)?.first().copied();
    rows.ok_or_else(|| Error::corrupt(dir.join(SHAPE), "the shape has no axis that counts rows"))
}
