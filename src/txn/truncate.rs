//! Truncating a damaged dataset, with a backup of all bytes that are cut or overwritten.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::append::restore;
use super::fs::{create_directories, create_new, remove_file, sync, sync_directory, truncate, write_at};
use super::journal::{Entry, Journal, read_journal};
use super::lock::DirLock;
use super::recover::{is_committed, rows_of};
use crate::error::{At, Result};
use crate::format::{DATA, JOURNAL, SHAPE};
use crate::io::untrusted::{open_member, read_at, size_of_member, skip_hole};
use crate::options::Durability;
use crate::paths::backup_path;

/// Bytes that are copied at once.
const BLOCK: u64 = 1 << 20;

/// What a truncation changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TruncationPlan {
    /// What every member is to have, and what it has; the commit point last.
    pub entries: Vec<Entry>,
    /// Files to remove, relative to the dataset's directory.
    pub files: Vec<PathBuf>,
}

/// What recovery of the journal in `dir` would change; `None` where there is no journal.
pub(crate) fn plan_recovery(dir: &Path) -> Result<Option<TruncationPlan>> {
    let Some(text) = read_journal(dir)? else { return Ok(None) };
    let mut plan = TruncationPlan { entries: Vec::new(), files: vec![JOURNAL.into()] };
    if let Some(journal) = Journal::parse(dir, &text)?
        && !is_committed(dir, &journal)?
    {
        plan.entries = journal.entries.into_iter().map(|entry| as_found(dir, entry)).collect::<Result<_>>()?;
    }
    Ok(Some(plan))
}

/// The entry with what the member has now, in place of what it was to have after the append.
fn as_found(dir: &Path, mut entry: Entry) -> Result<Entry> {
    if let Some([kept, _]) = entry.bytes {
        entry.bytes = Some([kept, size_of_member(&entry.data_path(dir))?]);
    }
    if let Some(rows) = &mut entry.rows {
        rows[1] = rows_of(dir, &entry.member)?;
    }
    Ok(entry)
}

/// Carries out a plan. Returns the directory beside `dir` that holds the bytes which were cut or overwritten: each file
/// under its own name, followed by the byte at which it began.
pub(crate) fn truncate_dataset(dir: &Path, _lock: &DirLock, plan: &TruncationPlan) -> Result<PathBuf> {
    for entry in &plan.entries {
        // A link is refused before anything is written.
        entry.bytes.map(|_| open_member(&entry.data_path(dir), true)).transpose()?;
        entry.rows.map(|_| open_member(&dir.join(&entry.member).join(SHAPE), true)).transpose()?;
    }
    let backup = backup_path(dir);
    create_directories(&backup)?;
    for entry in &plan.entries {
        back_up_entry(dir, &backup, entry)?;
    }
    for name in &plan.files {
        let size = open_member(&dir.join(name), false)?.metadata().at(dir)?.len();
        back_up(dir, &backup, name, 0..size)?;
    }
    sync_directory(&backup)?;
    restore(dir, &plan.entries, Durability::Full)?;
    plan.files.iter().try_for_each(|name| remove_file(&dir.join(name)))?;
    Ok(backup)
}

fn back_up_entry(dir: &Path, backup: &Path, entry: &Entry) -> Result<()> {
    if let Some([kept, _]) = entry.bytes {
        let path = entry.data_path(dir);
        let size = open_member(&path, false)?.metadata().at(&path)?.len();
        back_up(dir, backup, &Path::new(&entry.member).join(DATA), kept..size)?;
    }
    if entry.rows.is_some_and(|[new, now]| new != now) {
        back_up(dir, backup, &Path::new(&entry.member).join(SHAPE), 0..8)?;
    }
    Ok(())
}

/// Copies a part of a file, and leaves its holes holes.
fn back_up(dir: &Path, backup: &Path, file: &Path, part: Range<u64>) -> Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    let source = open_member(&dir.join(file), false)?;
    let mut name = backup.join(file).into_os_string();
    name.push(format!(".at-{}", part.start));
    let path = PathBuf::from(name);
    path.parent().map_or(Ok(()), create_directories)?;
    let target = create_new(&path)?;
    truncate(&target, &path, part.end - part.start)?;
    copy(&source, &dir.join(file), &target, &path, &part)?;
    sync(&target, &path)
}

fn copy(source: &File, from: &Path, target: &File, to: &Path, part: &Range<u64>) -> Result<()> {
    let mut buffer = Vec::new();
    let mut at = skip_hole(source, part.start);
    while at < part.end {
        let end = part.end.min(at + BLOCK);
        buffer.resize(usize::try_from(end - at).unwrap_or(0), 0);
        read_at(source, at, &mut buffer).at(from)?;
        write_at(target, to, at - part.start, &buffer)?;
        at = skip_hole(source, end);
    }
    Ok(())
}
