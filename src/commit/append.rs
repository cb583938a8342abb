//! The steps of an append, and the way back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fs::{
    copy_range, create_new, read_rows, remove_file, sync, sync_directory, truncate, write_at, write_chunks,
};
use super::intent::{Entry, Intent};
use super::{DirLock, Durability, Growth, has_intent};
use crate::error::{Error, Result};
use crate::format::{DATA, INTENT, SHAPE};
use crate::storage::open_member;

/// Writers that keep their files open at once: each has up to 18, and a process may have no more than some hundred.
const MOST_OPEN: usize = 16;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Appends to the data set in one directory. Its files stay open between appends, as long as the directory is the
/// same and nobody else has written to it.
#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    members: Vec<OpenMember>,
}

/// The files of one member.
#[derive(Debug)]
struct OpenMember {
    path: PathBuf,
    data: File,
    shape: Option<File>,
}

impl Writer {
    /// A writer for what `growths` name in `dir`.
    pub fn open(dir: &Path, growths: &[Growth]) -> Result<Self> {
        let member = |growth: &Growth| {
            let path = dir.join(&growth.member);
            let data = open_member(&path.join(DATA), true)?;
            let shape = growth.rows.map(|_| open_member(&path.join(SHAPE), true)).transpose()?;
            Ok(OpenMember { path, data, shape })
        };
        let members = growths.iter().map(member).collect::<Result<_>>()?;
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self { dir: dir.to_owned(), members })
    }

    /// The same for the next append, unless too many others are open.
    pub fn kept(self) -> Option<Self> {
        (OPEN.load(Ordering::Relaxed) <= MOST_OPEN).then_some(self)
    }

    /// Whether the commit point and every size are what `growths` start from, and no append is unfinished.
    pub fn is_current(&self, growths: &[Growth]) -> bool {
        let mut pairs = self.members.iter().zip(growths);
        self.members.len() == growths.len()
            && self.rows() == growths.last().and_then(|growth| growth.rows).map(|[old, _]| old)
            && pairs.all(|(member, growth)| member.has_size(growth))
            && !has_intent(&self.dir)
    }

    /// The count at the commit point.
    fn rows(&self) -> Option<u64> {
        read_rows(self.members.last()?.shape.as_ref()?)
    }

    /// Adds `growths`, whole or not at all. The last one is the commit point. `ready` is called when the new bytes are
    /// there and before they count, for what would leave the caller ignorant of a committed batch if it failed later.
    pub fn append<T>(
        &self,
        _lock: &DirLock,
        growths: &[Growth],
        durability: Durability,
        ready: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let intent = Intent::of(growths).ok_or_else(|| Error::Argument {
            what: format!("{}: a name within the data set is not UTF-8", self.dir.display()),
        })?;
        let done = self
            .announce(&intent, durability)
            .and_then(|()| self.grow(growths, durability))
            .and_then(|()| ready())
            .and_then(|made| self.count(growths, durability).map(|()| made));
        // Should one of these fail too, the intent stays: the next writer finds the way back, or finishes.
        let _ = match done {
            Ok(_) => conclude(&self.dir, durability),
            Err(_) => undo(&self.dir, &intent, durability),
        };
        done
    }

    fn announce(&self, intent: &Intent, durability: Durability) -> Result<()> {
        let path = self.dir.join(INTENT);
        let file = create_new(&path)?;
        write_at(&file, &path, 0, &intent.encode())?;
        if durability == Durability::Full {
            sync(&file, &path)?;
            sync_directory(&self.dir)?;
        }
        Ok(())
    }

    fn grow(&self, growths: &[Growth], durability: Durability) -> Result<()> {
        for (member, growth) in self.members.iter().zip(growths) {
            member.write(growth)?;
            if durability == Durability::Full {
                sync(&member.data, &member.path)?;
            }
        }
        Ok(())
    }

    fn count(&self, growths: &[Growth], durability: Durability) -> Result<()> {
        for (member, growth) in self.members.iter().zip(growths) {
            if let (Some(shape), Some([_, new])) = (&member.shape, growth.rows) {
                write_rows(shape, &member.path, new, durability)?;
            }
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl OpenMember {
    /// Adds the new bytes at the committed end.
    fn write(&self, growth: &Growth) -> Result<()> {
        let [start, end] = growth.bytes();
        if let Some(source) = growth.source
            && copy_range(source, &self.data, start, end - start)
        {
            return Ok(());
        }
        write_chunks(&self.data, &self.path.join(DATA), start, &growth.chunks)
    }

    /// One byte stands for none.
    fn has_size(&self, growth: &Growth) -> bool {
        let size = self.data.metadata().map(|metadata| metadata.len());
        size.is_ok_and(|size| size == growth.offset || (growth.offset == 0 && size == 1))
    }
}

/// Puts counts and sizes back to what they were, and removes the intent.
pub(super) fn undo(dir: &Path, intent: &Intent, durability: Durability) -> Result<()> {
    put_back(dir, &intent.entries, durability)?;
    conclude(dir, durability)
}

/// Removes the intent, after all that it announces was done or undone.
pub(super) fn conclude(dir: &Path, durability: Durability) -> Result<()> {
    remove_file(&dir.join(INTENT))?;
    if durability == Durability::Full { sync_directory(dir) } else { Ok(()) }
}

/// Puts counts, the commit point first, and then sizes to what they were before.
pub(super) fn put_back(dir: &Path, entries: &[Entry], durability: Durability) -> Result<()> {
    for entry in entries.iter().rev() {
        if let Some([old, _]) = entry.rows {
            let path = dir.join(&entry.member);
            write_rows(&open_member(&path.join(SHAPE), true)?, &path, old, durability)?;
        }
    }
    for entry in entries {
        let path = data_path(dir, entry.member.as_ref());
        let file = open_member(&path, true)?;
        restore_size(&file, &path, entry)?;
        if durability == Durability::Full {
            sync(&file, &path)?;
        }
    }
    Ok(())
}

/// A member of no bytes that counts its rows keeps one zero byte, since NumPy cannot map an empty file.
fn restore_size(file: &File, path: &Path, entry: &Entry) -> Result<()> {
    if entry.bytes[0] == 0 && entry.rows.is_some() {
        write_at(file, path, 0, &[0])?;
        return truncate(file, path, 1);
    }
    truncate(file, path, entry.bytes[0])
}

fn write_rows(shape: &File, member: &Path, rows: u64, durability: Durability) -> Result<()> {
    let path = member.join(SHAPE);
    write_at(shape, &path, 0, &rows.to_le_bytes())?;
    if durability == Durability::Full { sync(shape, &path) } else { Ok(()) }
}

pub(super) fn data_path(dir: &Path, member: &Path) -> PathBuf {
    dir.join(member).join(DATA)
}
