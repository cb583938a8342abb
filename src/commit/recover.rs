//! What the next writer does about an append that was cut off.

use std::path::Path;

use super::append::{conclude, data_path, undo};
use super::fs::{remove_file, sync};
use super::intent::{Entry, Intent};
use super::leftovers::conclude_dead;
use super::{DirLock, Durability};
use crate::error::{Error, Result};
use crate::format::{INTENT, SHAPE, parse_shape};
use crate::storage::{check_directory, open_member, read_optional, read_text, size_of_member};

/// Longer than any intent that this crate writes.
pub(super) const MAX_INTENT: u64 = 1 << 20;

/// Whether an append is under way, or was cut off.
pub(crate) fn has_intent(dir: &Path) -> bool {
    dir.join(INTENT).symlink_metadata().is_ok()
}

/// Finishes or undoes an append, or finishes a build, that was cut off. An intent that is itself torn was never acted
/// upon. This is rare, and always waits for the disk: the intent must not be gone before what it explains.
///
/// # Errors
/// [`Error::Corrupt`] where the files are in no state that the intent explains: then nothing is changed.
pub(crate) fn recover(dir: &Path, lock: &DirLock) -> Result<()> {
    conclude_dead(dir, lock)?;
    let path = dir.join(INTENT);
    let Some(text) = read_optional(&path, MAX_INTENT)? else { return Ok(()) };
    let Some(intent) = Intent::parse(&text) else { return remove_file(&path) };
    for entry in &intent.entries {
        check(dir, entry)?;
    }
    if is_committed(dir, &intent)? { finish(dir, &intent) } else { undo(dir, &intent, Durability::Full) }
}

/// The writer that died may not have waited for the disk.
fn finish(dir: &Path, intent: &Intent) -> Result<()> {
    for Entry { member, rows, .. } in &intent.entries {
        let shape = rows.map(|_| dir.join(member).join(SHAPE));
        for path in shape.into_iter().chain([data_path(dir, member.as_ref())]) {
            sync(&open_member(&path, false)?, &path)?;
        }
    }
    conclude(dir, Durability::Full)
}

/// Whether the intent in `dir`, if there is one, explains the files or is itself torn. A writer may be at work: files
/// are compared with an intent that lies there before and afterwards.
///
/// # Errors
/// [`Error::Corrupt`] where it does not.
pub(crate) fn check_intent(dir: &Path) -> Result<()> {
    let read = || read_optional(&dir.join(INTENT), MAX_INTENT);
    let text = read()?;
    let Some(intent) = text.as_deref().and_then(Intent::parse) else { return Ok(()) };
    let checked = intent.entries.iter().try_for_each(|entry| check(dir, entry));
    if checked.is_err() && read()? != text { Ok(()) } else { checked }
}

/// The commit point holds the new count.
pub(super) fn is_committed(dir: &Path, intent: &Intent) -> Result<bool> {
    let Some(Entry { member, rows: Some([_, new]), .. }) = intent.entries.last() else { return Ok(false) };
    Ok(rows_of(dir, member)? == *new)
}

/// The member is the data set's own, its count the old or the new one, and its size lies between the two.
fn check(dir: &Path, entry: &Entry) -> Result<()> {
    check_place(dir, &entry.member)?;
    let path = data_path(dir, entry.member.as_ref());
    let size = size_of_member(&path)?;
    let [least, most] = entry.bytes;
    if size < least || size > most.max(1) {
        return Err(Error::corrupt(
            path,
            format!("an interrupted append expects {least} to {most} bytes, found {size}"),
        ));
    }
    let Some(rows) = entry.rows else { return Ok(()) };
    let found = rows_of(dir, &entry.member)?;
    if rows.contains(&found) {
        return Ok(());
    }
    let path = dir.join(&entry.member).join(SHAPE);
    Err(Error::corrupt(path, format!("an interrupted append expects {} or {} rows, found {found}", rows[0], rows[1])))
}

/// No part of a member's path is a link, which may lead to the files of others.
fn check_place(dir: &Path, member: &str) -> Result<()> {
    let mut path = dir.to_owned();
    Path::new(member).components().try_for_each(|part| {
        path.push(part);
        check_directory(&path)
    })
}

pub(super) fn rows_of(dir: &Path, member: &str) -> Result<u64> {
    let path = dir.join(member).join(SHAPE);
    let shape = parse_shape(&read_text(&path)?);
    let rows = shape.and_then(|shape| shape.first().copied());
    rows.ok_or_else(|| Error::corrupt(path, "no count of rows"))
}
