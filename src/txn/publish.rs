//! Putting a staged dataset in its place.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

use super::cleanup::{finish_dead_build, sweep};
use super::fs::{exchange, rename_new, rename_over};
use super::lock::DirLock;
use super::staging::StagingDir;
use super::tree::{inherit_permissions, link_or_copy, sync_parents, sync_tree};
use crate::error::{At, Result};
use crate::format::fields::FieldSpec;
use crate::format::{ATTRS, BUILDING, CHECKSUMS, DATA, JOURNAL, NEW_ATTRS, NEW_CHECKSUMS};
use crate::options::{Durability, Options};
use crate::schema::{bare_fields, foreign_entries, kind_of, read_fields};

/// Renames a staging directory to `target` if nothing, or an empty directory, is there.
pub(super) fn onto_nothing(staged: &StagingDir, target: &Path, durability: Durability) -> Result<bool> {
    // An empty directory is replaced as well.
    inherit_permissions(target, staged.path())?;
    if durability == Durability::Process {
        return rename_new(staged.path(), target);
    }
    sync_tree(staged.path())?;
    if !rename_new(staged.path(), target)? {
        return Ok(false);
    }
    let synced = sync_parents(target, staged.parents());
    if synced.is_err() {
        rename_new(target, staged.path())?;
    }
    synced.map(|()| true)
}

/// Puts a staging directory in place of what is at `target` and can be replaced, or of nothing.
pub(super) fn publish(staged: &StagingDir, target: &Path, options: &Options) -> Result<()> {
    sweep(target);
    loop {
        if onto_nothing(staged, target, options.durability)? {
            return Ok(());
        }
        if let Some(lock) = DirLock::acquire(target, options)? {
            finish_dead_build(target, &lock)?;
            return replace(staged, target, &lock, options.durability);
        }
    }
}

/// Exchanges a staging directory and `target`, whose foreign entries are carried over. What was replaced stays on disk until
/// the new dataset is there; dropping the staging directory removes it.
pub(super) fn replace(staged: &StagingDir, target: &Path, _lock: &DirLock, durability: Durability) -> Result<()> {
    carry_over(target, staged.path())?;
    let building = target.join(BUILDING);
    let is_building = building.symlink_metadata().is_ok();
    if is_building {
        link_or_copy(&building, &staged.path().join(BUILDING))?;
    }
    // A build session syncs at its end, and where nothing was before, a power failure loses nothing.
    let is_cheap = is_building || fs::read_dir(target).at(target)?.next().is_none();
    let is_synced = durability == Durability::Full || !is_cheap;
    if is_synced {
        sync_tree(staged.path())?;
    }
    exchange(staged.path(), target)?;
    let settled = settle_exchange(staged, target, is_synced, is_building);
    if settled.is_err() {
        exchange(staged.path(), target)?;
    }
    settled
}

fn settle_exchange(staged: &StagingDir, target: &Path, is_synced: bool, is_building: bool) -> Result<()> {
    if is_synced {
        sync_parents(target, staged.parents())?;
    }
    if !is_building {
        return Ok(());
    }
    // The builder holds its lock on the old directory's file. Without hard links, the new directory holds only a copy of it,
    // which the locked file replaces.
    rename_over(&staged.path().join(BUILDING), &target.join(BUILDING))
}

/// Hard-links foreign entries from `old` into `new`, and copies ownership and modes. A field of `new` never takes the place of
/// a foreign entry, such as a folder of the images that it was made of; only that of a field that had no list.
pub(super) fn carry_over(old: &Path, new: &Path) -> Result<()> {
    let fields = read_fields(new).map_or_else(|_| Vec::new(), |list| list.fields);
    let unlisted = if fields.is_empty() || kind_of(old)?.is_some() { Vec::new() } else { bare_fields(old)? };
    let is_one = |fields: &[FieldSpec], name: &OsStr| fields.iter().any(|field| name == field.name.as_str());
    for name in foreign_entries(old)? {
        if is_one(&fields, &name) && !is_one(&unlisted, &name) {
            let what = "this is in the place of a field; move or remove it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what)).at(&old.join(&name));
        }
        link_or_copy(&old.join(&name), &new.join(&name))?;
    }
    inherit_permissions(old, new)
}

/// Hard-links the attributes of `old`, whose samples `new` holds too.
pub(super) fn link_attrs(old: &Path, new: &Path) -> Result<()> {
    let attrs = old.join(ATTRS);
    if attrs.symlink_metadata().is_ok() { link_or_copy(&attrs, &new.join(ATTRS)) } else { Ok(()) }
}

/// Hard-links all members of `old` that `new` does not have. A directory of `new` without data is a field of which only some
/// members are new.
pub(super) fn link_members(old: &Path, new: &Path) -> Result<()> {
    for entry in fs::read_dir(old).at(old)? {
        let name = entry.at(old)?.file_name();
        if [CHECKSUMS, NEW_CHECKSUMS, NEW_ATTRS, JOURNAL, BUILDING].iter().any(|known| name == *known) {
            continue;
        }
        let (from, to) = (old.join(&name), new.join(&name));
        if to.is_dir() && !to.join(DATA).exists() { link_members(&from, &to)? } else { link_or_copy(&from, &to)? }
    }
    Ok(())
}
