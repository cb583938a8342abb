//! The steps of a commit, and the way back.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::fs::{create_new, read_rows, remove_file, sync, sync_directory, truncate, write_at, write_chunks};
use super::journal::{Entry, Journal, has_journal};
use super::lock::DirLock;
use super::plan::MemberAppend;
use super::stamp::StampedIndex;
use crate::error::{At, Result};
use crate::format::{DATA, JOURNAL, SHAPE};
use crate::io::untrusted::open_member;
use crate::options::Durability;
use crate::schema::placeholder::{PLACEHOLDER, is_exact, size_on_disk};

/// The open files of all members that an append changes.
#[derive(Debug)]
pub(super) struct MemberFiles {
    dir: PathBuf,
    /// Keeps the directory's inode number from being given to another one as long as these files are trusted to be its.
    _pin: Option<File>,
    members: Vec<OpenMember>,
}

/// The open files of one member.
#[derive(Debug)]
struct OpenMember {
    path: PathBuf,
    data: Option<File>,
    shape: Option<File>,
}

impl MemberFiles {
    /// Opens the members of the dataset in `dir` that `appends` name.
    pub fn open(dir: &Path, appends: &[MemberAppend]) -> Result<Self> {
        let member = |append: &MemberAppend| {
            let path = dir.join(&append.member);
            let data = append.data.as_ref().map(|_| open_member(&path.join(DATA), true)).transpose()?;
            let shape = append.rows.map(|_| open_member(&path.join(SHAPE), true)).transpose()?;
            Ok(OpenMember { path, data, shape })
        };
        let members = appends.iter().map(member).collect::<Result<_>>()?;
        let pin = if cfg!(unix) { Some(File::open(dir).at(dir)?) } else { None };
        Ok(Self { dir: dir.to_owned(), _pin: pin, members })
    }

    /// Whether the commit point and all sizes are what `appends` start from, and no append is unfinished.
    pub fn is_current(&self, appends: &[MemberAppend]) -> bool {
        let mut pairs = self.members.iter().zip(appends);
        self.members.len() == appends.len()
            && self.committed_rows() == appends.last().and_then(|append| append.rows).map(|[old, _]| old)
            && pairs.all(|(member, append)| member.has_size(append))
            && !has_journal(&self.dir)
    }

    fn committed_rows(&self) -> Option<u64> {
        read_rows(self.members.last()?.shape.as_ref()?)
    }

    /// Adds `appends`, whole or not at all. The last one is the commit point. `ready` is called when the new bytes are
    /// there and before they count.
    pub fn append<T>(
        &self,
        _lock: &DirLock,
        appends: &[MemberAppend],
        durability: Durability,
        ready: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let journal = Journal::of(appends);
        let path = self.dir.join(JOURNAL);
        // Before the journal is there, nothing has changed that could be rolled back.
        let file = create_new(&path)?;
        let indexes = self.stamped_indexes(appends);
        let done = self
            .write_journal(&file, &path, &journal, durability)
            .and_then(|()| self.write_data(appends, durability))
            .and_then(|()| ready())
            .and_then(|made| self.publish_counts(appends, durability).map(|()| made));
        if done.is_ok() {
            indexes.into_iter().for_each(StampedIndex::renew);
        }
        // Where one of these fails too, the journal stays, and the next writer finishes the append or rolls it back.
        let _ = match done {
            Ok(_) => remove_journal(&self.dir, durability),
            Err(_) => roll_back(&self.dir, &journal, durability),
        };
        done
    }

    /// The indexes of strings, which alone have a member without rows.
    fn stamped_indexes(&self, appends: &[MemberAppend]) -> Vec<StampedIndex<'_>> {
        let strings = self.members.iter().zip(appends).filter(|(_, append)| append.rows.is_none());
        strings.filter_map(|(member, _)| StampedIndex::find(&member.path, member.data.as_ref()?)).collect()
    }

    fn write_journal(&self, file: &File, path: &Path, journal: &Journal, durability: Durability) -> Result<()> {
        write_at(file, path, 0, &journal.encode())?;
        if durability == Durability::Full {
            sync(file, path)?;
            sync_directory(&self.dir)?;
        }
        Ok(())
    }

    fn write_data(&self, appends: &[MemberAppend], durability: Durability) -> Result<()> {
        for (member, append) in self.members.iter().zip(appends) {
            let (Some(file), Some(data)) = (&member.data, &append.data) else { continue };
            write_chunks(file, &member.path.join(DATA), data.offset, &data.chunks)?;
            if durability == Durability::Full {
                sync(file, &member.path)?;
            }
        }
        Ok(())
    }

    fn publish_counts(&self, appends: &[MemberAppend], durability: Durability) -> Result<()> {
        for (member, append) in self.members.iter().zip(appends) {
            if let (Some(shape), Some([_, new])) = (&member.shape, append.rows) {
                write_rows(shape, &member.path, new, durability)?;
            }
        }
        Ok(())
    }
}

impl OpenMember {
    fn has_size(&self, append: &MemberAppend) -> bool {
        let pair = self.data.as_ref().zip(append.data.as_ref());
        pair.is_none_or(|(file, data)| file.metadata().is_ok_and(|found| is_exact(found.len(), data.offset)))
    }
}

/// Restores what an append has changed, and removes its journal.
pub(super) fn roll_back(dir: &Path, journal: &Journal, durability: Durability) -> Result<()> {
    restore(dir, &journal.entries, durability)?;
    remove_journal(dir, durability)
}

/// Removes the journal of an append that is finished or rolled back.
pub(super) fn remove_journal(dir: &Path, durability: Durability) -> Result<()> {
    remove_file(&dir.join(JOURNAL))?;
    if durability == Durability::Full { sync_directory(dir) } else { Ok(()) }
}

/// Sets row counts, the commit point first, and then sizes to what they were before.
pub(super) fn restore(dir: &Path, entries: &[Entry], durability: Durability) -> Result<()> {
    for entry in entries.iter().rev() {
        if let Some([old, _]) = entry.rows {
            let path = dir.join(&entry.member);
            write_rows(&open_member(&path.join(SHAPE), true)?, &path, old, durability)?;
        }
    }
    for entry in entries {
        let Some([old, _]) = entry.bytes else { continue };
        let path = entry.data_path(dir);
        let file = open_member(&path, true)?;
        restore_size(&file, &path, old, entry.rows.is_some())?;
        if durability == Durability::Full {
            sync(&file, &path)?;
        }
    }
    Ok(())
}

fn restore_size(file: &File, path: &Path, bytes: u64, is_counted: bool) -> Result<()> {
    let size = size_on_disk(bytes, is_counted);
    if size > bytes {
        write_at(file, path, 0, &PLACEHOLDER)?;
    }
    truncate(file, path, size)
}

fn write_rows(shape: &File, member: &Path, rows: u64, durability: Durability) -> Result<()> {
    let path = member.join(SHAPE);
    write_at(shape, &path, 0, &rows.to_le_bytes())?;
    if durability == Durability::Full { sync(shape, &path) } else { Ok(()) }
}
