//! Cutting a damaged data set, with a copy of all that is cut.

use std::ffi::OsString;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::append::{data_path, put_back};
use super::fs::{create_directories, create_new, remove_file, sync, sync_directory, truncate, write_at};
use super::intent::{Entry, Intent};
use super::recover::{MAX_INTENT, is_committed, rows_of};
use super::{DirLock, Durability};
use crate::error::{At, Result};
use crate::format::{INTENT, SHAPE};
use crate::storage::{open_member, read_at, read_optional, size_of_member, skip_hole};

/// Bytes that are copied at once.
const BLOCK: u64 = 1 << 20;

/// What is to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// What every member is to have and what it has, the commit point last.
    pub entries: Vec<Entry>,
    /// Files that are to go, by name.
    pub files: Vec<&'static str>,
}

/// What the intent in `dir` asks for; `None` where there is none.
pub(crate) fn unfinished(dir: &Path) -> Result<Option<Cut>> {
    let Some(text) = read_optional(&dir.join(INTENT), MAX_INTENT)? else { return Ok(None) };
    let mut cut = Cut { entries: Vec::new(), files: vec![INTENT] };
    if let Some(intent) = Intent::parse(&text)
        && !is_committed(dir, &intent)?
    {
        cut.entries = intent.entries.into_iter().map(|entry| as_found(dir, entry)).collect::<Result<_>>()?;
    }
    Ok(Some(cut))
}

/// What there is now, instead of what was intended.
fn as_found(dir: &Path, mut entry: Entry) -> Result<Entry> {
    entry.bytes[1] = size_of_member(&data_path(dir, entry.member.as_ref()))?;
    if let Some(rows) = &mut entry.rows {
        rows[1] = rows_of(dir, &entry.member)?;
    }
    Ok(entry)
}

/// Cuts, and returns the directory beside `dir` that holds what was cut or overwritten: a file under its own name,
/// followed by the byte at which it was.
pub(crate) fn cut(dir: &Path, _lock: &DirLock, cut: &Cut) -> Result<PathBuf> {
    let kept = kept_path(dir);
    create_directories(&kept)?;
    for entry in &cut.entries {
        keep_entry(dir, &kept, entry)?;
    }
    for name in &cut.files {
        let size = open_member(&dir.join(name), false)?.metadata().at(dir)?.len();
        keep(dir, &kept, name.as_ref(), 0..size)?;
    }
    sync_directory(&kept)?;
    put_back(dir, &cut.entries, Durability::Full)?;
    cut.files.iter().try_for_each(|name| remove_file(&dir.join(name)))?;
    Ok(kept)
}

fn keep_entry(dir: &Path, kept: &Path, entry: &Entry) -> Result<()> {
    let path = data_path(dir, entry.member.as_ref());
    let size = open_member(&path, false)?.metadata().at(&path)?.len();
    keep(dir, kept, &data_path(Path::new(""), entry.member.as_ref()), entry.bytes[0]..size)?;
    if entry.rows.is_some_and(|[new, now]| new != now) {
        keep(dir, kept, &Path::new(&entry.member).join(SHAPE), 0..8)?;
    }
    Ok(())
}

/// `<dir>.cut-1`, or the first number that is free.
fn kept_path(dir: &Path) -> PathBuf {
    let path = |number: u64| {
        let mut name = OsString::from(dir.file_name().unwrap_or_default());
        name.push(format!(".cut-{number}"));
        dir.with_file_name(name)
    };
    (1..u64::MAX).map(path).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| path(0))
}

/// Copies a part of a file, but for its holes.
fn keep(dir: &Path, kept: &Path, file: &Path, part: Range<u64>) -> Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    let source = open_member(&dir.join(file), false)?;
    let mut name = kept.join(file).into_os_string();
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
