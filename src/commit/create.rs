//! Building a directory beside its place, and putting it there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fs::{
    create_directories, create_new, exchange, link_or_copy as link_file, remove_tree, rename_new, rename_over,
    set_permissions, sync, sync_directory, truncate, write_at, write_chunks,
};
use super::leftovers::{conclude_dead, sweep};
use super::members::foreign;
use super::{DirLock, Durability, place};
use crate::error::{At, Error, Result};
use crate::format::{BUILDING, DATA};
use crate::options::Options;
use crate::storage::open_member;

/// One directory of a new data set.
pub(crate) struct NewMember<'a> {
    /// Relative to the data set's directory.
    pub path: PathBuf,
    /// The small files: name and content.
    pub texts: Vec<(&'static str, Vec<u8>)>,
    /// The bytes of `data.ninja`, one piece after another; `None` where there is to be no such file.
    pub data: Option<Vec<&'a [u8]>>,
    /// Whether a `data.ninja` of no bytes gets one zero byte, since NumPy cannot map an empty file.
    pub padded: bool,
}

/// A directory under construction. What is still in its place when it is dropped is removed, but not by a child that
/// was forked meanwhile.
#[derive(Debug)]
pub(crate) struct Build {
    dir: PathBuf,
    /// Directories above it that came into being with it, the lowest first.
    parents: Vec<PathBuf>,
    builder: u32,
    /// Says that the builder lives, where the file system has locks.
    _alive: Option<DirLock>,
}

impl Build {
    /// A hidden directory beside `target`, whose parents are created.
    pub fn beside(target: &Path) -> Result<Self> {
        let (parents, builder) = (missing_parents(target), std::process::id());
        loop {
            let dir = build_path(target);
            create_directories(&dir)?;
            match DirLock::acquire(&dir, Duration::ZERO) {
                // Until it is locked, it looks like one of a dead builder, which another removes.
                Err(Error::Busy { .. }) => {}
                _ if !dir.exists() => {}
                alive => return Ok(Self { dir, parents, builder, _alive: alive.ok().flatten() }),
            }
        }
    }

    /// What is at `path`, moved out of everybody's way.
    pub fn displaced(path: &Path) -> Result<Self> {
        let dir = build_path(path);
        rename_over(path, &dir)?;
        Ok(Self { dir, parents: Vec::new(), builder: std::process::id(), _alive: None })
    }

    /// Where it stands.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes one member.
    pub fn write(&self, member: &NewMember) -> Result<()> {
        let dir = self.dir.join(&member.path);
        create_directories(&dir)?;
        for (name, text) in &member.texts {
            let path = dir.join(name);
            write_at(&create_new(&path)?, &path, 0, text)?;
        }
        let Some(chunks) = &member.data else { return Ok(()) };
        let path = dir.join(DATA);
        let file = create_new(&path)?;
        if member.padded && chunks.iter().all(|chunk| chunk.is_empty()) {
            return write_at(&file, &path, 0, &[0]).map(drop);
        }
        write_chunks(&file, &path, 0, chunks)
    }

    /// Lets a member's only `data.ninja` have `size` bytes, without writing any.
    pub fn stretch(&self, size: u64) -> Result<()> {
        let path = self.dir.join(DATA);
        truncate(&open_member(&path, true)?, &path, size.max(1))
    }

    /// Puts the directory at `target` if nothing, or an empty directory, is there.
    pub fn publish_new(&self, target: &Path, durability: Durability) -> Result<bool> {
        if durability == Durability::Process {
            return rename_new(&self.dir, target);
        }
        sync_tree(&self.dir)?;
        if !rename_new(&self.dir, target)? {
            return Ok(false);
        }
        let synced = sync_parents(target, &self.parents);
        if synced.is_err() {
            rename_new(target, &self.dir)?;
        }
        synced.map(|()| true)
    }

    /// Puts the directory at `target`, in exchange for what is there.
    pub fn publish(&self, target: &Path, options: &Options) -> Result<()> {
        place::check(target)?;
        sweep(target);
        loop {
            if self.publish_new(target, options.durability)? {
                return Ok(());
            }
            if let Some(lock) = DirLock::acquire(target, options.timeout)? {
                conclude_dead(target, &lock)?;
                return self.replace(target, &lock, options.durability);
            }
        }
    }

    /// Exchanges the directory and `target`, whose entries that are no data set's are carried over. The old data
    /// set stays on disk until the new one is; dropping the build removes it.
    pub fn replace(&self, target: &Path, _lock: &DirLock, durability: Durability) -> Result<()> {
        carry_over(target, &self.dir)?;
        let building = target.join(BUILDING);
        let is_building = building.symlink_metadata().is_ok();
        if is_building {
            link_or_copy(&building, &self.dir.join(BUILDING))?;
        }
        // A long build syncs at its end, and nothing is lost with the power where nothing was before.
        let is_cheap = is_building || fs::read_dir(target).at(target)?.next().is_none();
        let is_synced = durability == Durability::Full || !is_cheap;
        if is_synced {
            sync_tree(&self.dir)?;
        }
        exchange(&self.dir, target)?;
        let settled = self.settle(target, is_synced, is_building);
        if settled.is_err() {
            exchange(&self.dir, target)?;
        }
        settled
    }

    fn settle(&self, target: &Path, is_synced: bool, is_building: bool) -> Result<()> {
        if is_synced {
            sync_parents(target, &self.parents)?;
        }
        if !is_building {
            return Ok(());
        }
        // The builder's lock is on this very file, of which there may be a copy only.
        rename_over(&self.dir.join(BUILDING), &target.join(BUILDING))
    }
}

/// Gives what is in `old` and no data set's a second name in `new`, and lets others do with `new` what they may do with
/// `old`.
pub(super) fn carry_over(old: &Path, new: &Path) -> Result<()> {
    for name in foreign(old)? {
        link_or_copy(&old.join(&name), &new.join(&name))?;
    }
    inherit(old, new)
}

/// Gives a directory or file, and all that it holds, the permissions of what has the same place in `old`.
fn inherit(old: &Path, new: &Path) -> Result<()> {
    let found = match old.symlink_metadata() {
        Ok(found) if found.is_dir() || found.is_file() => found,
        _ => return Ok(()),
    };
    if new.symlink_metadata().at(new)?.is_dir() {
        for entry in fs::read_dir(new).at(new)? {
            let name = entry.at(new)?.file_name();
            inherit(&old.join(&name), &new.join(&name))?;
        }
    }
    set_permissions(new, &found)
}

impl Drop for Build {
    fn drop(&mut self) {
        if self.builder == std::process::id() {
            // Nothing more can be done about a directory that cannot be removed; it is hidden and harmless.
            let _ = remove_tree(&self.dir);
        }
    }
}

/// A hidden path beside `target` that no other build uses.
fn build_path(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}-{}.new", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        let path = target.with_file_name(name);
        // A dead process may have had the same number.
        if path.symlink_metadata().is_err() {
            return path;
        }
    }
}

/// A second name for a file, or the same for all that a directory holds. What is there already stays.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    if !from.symlink_metadata().at(from)?.is_dir() {
        return link_file(from, to);
    }
    create_directories(to)?;
    for entry in fs::read_dir(from).at(from)? {
        let name = entry.at(from)?.file_name();
        link_or_copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Makes the place of a directory durable, and those of `parents` that came into being with it.
pub(super) fn sync_parents(target: &Path, parents: &[PathBuf]) -> Result<()> {
    let created = parents.iter().map(PathBuf::as_path);
    std::iter::once(target).chain(created).filter_map(Path::parent).try_for_each(sync_directory)
}

/// Directories above `target` that are not there, the lowest first.
pub(super) fn missing_parents(target: &Path) -> Vec<PathBuf> {
    target.ancestors().skip(1).take_while(|parent| !parent.exists()).map(Path::to_owned).collect()
}

/// Waits until all that a directory holds is on disk.
pub(super) fn sync_tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).at(dir)? {
        let path = entry.at(dir)?.path();
        let kind = path.symlink_metadata().at(&path)?;
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            // Windows flushes what is open for writing only.
            let file = fs::File::options().read(true).write(cfg!(windows)).open(&path).at(&path)?;
            sync(&file, &path)?;
        }
    }
    sync_directory(dir)
}
