//! A staging directory: hidden, beside the place of a dataset, in which a new one is written before it is published.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::fs::{
    copy_permissions, create_directories, create_directory, create_new, remove_tree, rename_over, truncate, write_at,
    write_chunks,
};
use super::lock::DirLock;
use super::plan::{Chunk, NewData, NewMember};
use crate::error::{Error, Result};
use crate::fork::OwnerPid;
use crate::format::DATA;
use crate::paths::{missing_parents, staging_path};
use crate::schema::placeholder::{PLACEHOLDER, size_on_disk};

/// A hidden directory whose content is removed when it is dropped, in the process that made it. After an exchange that is
/// what was replaced.
#[derive(Debug)]
pub(crate) struct StagingDir {
    path: PathBuf,
    /// Directories above it that were created with it, the lowest first.
    parents: Vec<PathBuf>,
    owner: OwnerPid,
    /// Tells other processes that its maker lives, where the file system has locks.
    _alive: Option<DirLock>,
}

impl StagingDir {
    /// An empty hidden directory beside `target`, whose parents are created. At no moment does anybody have more permissions
    /// in it than in `model`, if that is a directory, whose place it is to take.
    pub fn next_to(target: &Path, model: &Path) -> Result<Self> {
        let parents = missing_parents(target);
        target.parent().filter(|parent| !parent.exists()).map_or(Ok(()), create_directories)?;
        let model = model.metadata().ok().filter(Metadata::is_dir).map(|found| (model, found));
        loop {
            let path = staging_path(target);
            match create_directory(&path, model.is_some()) {
                // Processes of several machines or containers may have the same number.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => continue,
                other => other.map_err(|error| explain(target, error))?,
            }
            match DirLock::try_acquire(&path) {
                // Until it is locked, another process may take it for one of a dead maker, and lock and remove it.
                Err(Error::Busy { .. }) => {}
                _ if !path.exists() => {}
                alive => {
                    let staged = Self { path, parents, owner: OwnerPid::current(), _alive: alive.ok().flatten() };
                    model.map_or(Ok(()), |(path, found)| copy_permissions(path, &found, &staged.path))?;
                    return Ok(staged);
                }
            }
        }
    }

    /// One that holds `members`.
    pub fn with_members(target: &Path, members: &[NewMember]) -> Result<Self> {
        let staged = Self::next_to(target, target)?;
        members.iter().try_for_each(|member| staged.write(member))?;
        Ok(staged)
    }

    /// Renames what is at `path` to a hidden name, to be removed.
    pub fn moved_aside(path: &Path) -> Result<Self> {
        let aside = staging_path(path);
        rename_over(path, &aside)?;
        Ok(Self { path: aside, parents: Vec::new(), owner: OwnerPid::current(), _alive: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Directories above it that were created with it, the lowest first.
    pub fn parents(&self) -> &[PathBuf] {
        &self.parents
    }

    fn write(&self, member: &NewMember) -> Result<()> {
        let dir = self.path.join(&member.member);
        create_directories(&dir)?;
        for (name, text) in &member.texts {
            let path = dir.join(name);
            write_at(&create_new(&path)?, &path, 0, text)?;
        }
        let path = dir.join(DATA);
        match &member.data {
            NewData::Absent => Ok(()),
            NewData::Zeros(size) => truncate(&create_new(&path)?, &path, size_on_disk(*size, member.is_counted)),
            NewData::Chunks(chunks) => {
                let file = create_new(&path)?;
                if member.is_counted && chunks.iter().all(Chunk::is_empty) {
                    return write_at(&file, &path, 0, &PLACEHOLDER);
                }
                write_chunks(&file, &path, 0, chunks)
            }
        }
    }
}

/// Says what a refused staging directory means for the dataset at `target`.
fn explain(target: &Path, error: Error) -> Error {
    use ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match error {
        Error::Io { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            let reason = source.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default();
            let what = format!("{reason}: datasets are built in the directory above theirs; choose another place");
            Error::Io { path: target.to_owned(), source: std::io::Error::new(source.kind(), what) }
        }
        other => other,
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        if self.owner.is_current() {
            // A directory that cannot be removed is hidden and harmless, and the next writer tries again.
            let _ = remove_tree(&self.path);
        }
    }
}
