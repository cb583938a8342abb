//! The steps of an append, and the way back.

use std::path::{Path, PathBuf};

use super::fs::{create_new, remove_file, sync, sync_directory, truncate, write_at, write_chunks};
use super::intent::{Entry, Intent};
use super::{DirLock, Durability, Growth};
use crate::error::{Error, Result};
use crate::format::{DATA, INTENT, SHAPE};
use crate::storage::open_member;

/// Adds `growths` to the data set in `dir`, whole or not at all. The last one is the commit point.
pub(crate) fn append(dir: &Path, _lock: &DirLock, growths: &[Growth], durability: Durability) -> Result<()> {
    let intent = Intent::of(growths).ok_or_else(|| Error::Argument {
        what: format!("{}: a name within the data set is not UTF-8", dir.display()),
    })?;
    let step = Step { dir, durability };
    let done = step.announce(&intent).and_then(|()| step.grow(growths)).and_then(|()| step.count(&intent));
    if let Err(error) = done {
        // Should this fail too, the intent stays, and the next writer finds the way back.
        let _ = undo(dir, &intent);
        return Err(error);
    }
    // The batch is committed. An intent that cannot be removed now is finished by the next writer.
    let _ = step.conclude();
    Ok(())
}

struct Step<'a> {
    dir: &'a Path,
    durability: Durability,
}

impl Step<'_> {
    fn announce(&self, intent: &Intent) -> Result<()> {
        let path = self.dir.join(INTENT);
        let file = create_new(&path)?;
        write_at(&file, &path, 0, &intent.encode())?;
        if self.durability == Durability::Full {
            sync(&file, &path)?;
            sync_directory(self.dir)?;
        }
        Ok(())
    }

    fn grow(&self, growths: &[Growth]) -> Result<()> {
        for growth in growths {
            let path = data_path(self.dir, &growth.member);
            let file = open_member(&path, true)?;
            write_chunks(&file, &path, growth.offset, &growth.chunks)?;
            if self.durability == Durability::Full {
                sync(&file, &path)?;
            }
        }
        Ok(())
    }

    fn count(&self, intent: &Intent) -> Result<()> {
        for entry in &intent.entries {
            if let Some([_, new]) = entry.rows {
                write_rows(self.dir, entry, new, self.durability)?;
            }
        }
        Ok(())
    }

    fn conclude(&self) -> Result<()> {
        remove_file(&self.dir.join(INTENT))?;
        if self.durability == Durability::Full { sync_directory(self.dir) } else { Ok(()) }
    }
}

/// Puts counts, the commit point first, and then sizes back to what they were, and removes the intent.
pub(super) fn undo(dir: &Path, intent: &Intent) -> Result<()> {
    for entry in intent.entries.iter().rev() {
        if let Some([old, _]) = entry.rows {
            write_rows(dir, entry, old, Durability::Process)?;
        }
    }
    for entry in &intent.entries {
        restore_size(dir, entry)?;
    }
    remove_file(&dir.join(INTENT))
}

/// A member of no bytes that counts its rows keeps one zero byte, since NumPy cannot map an empty file.
fn restore_size(dir: &Path, entry: &Entry) -> Result<()> {
    let path = data_path(dir, entry.member.as_ref());
    let file = open_member(&path, true)?;
    if entry.bytes[0] == 0 && entry.rows.is_some() {
        write_at(&file, &path, 0, &[0])?;
        return truncate(&file, &path, 1);
    }
    truncate(&file, &path, entry.bytes[0])
}

fn write_rows(dir: &Path, entry: &Entry, rows: u64, durability: Durability) -> Result<()> {
    let path = dir.join(&entry.member).join(SHAPE);
    let file = open_member(&path, true)?;
    write_at(&file, &path, 0, &rows.to_le_bytes())?;
    if durability == Durability::Full { sync(&file, &path) } else { Ok(()) }
}

pub(super) fn data_path(dir: &Path, member: &Path) -> PathBuf {
    dir.join(member).join(DATA)
}
