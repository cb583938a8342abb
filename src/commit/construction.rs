//! A build that takes long: it grows in `<target>.partial`, which opens and is resumed like any data set, and takes
//! the target's place when it is whole.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::create::{Build, carry_over, sync_tree};
use super::fs::{
    create_directories, exchange, open_lock, remove_directory, remove_file, remove_tree, rename_new, sync_directory,
    truncate, write_at,
};
use super::leftovers::{conclude, hold, sweep};
use super::lock::Held;
use super::recover::recover;
use super::{DirLock, place};
use crate::error::{At, Result};
use crate::format::BUILDING;
use crate::options::Options;
use crate::storage::{kind_of, open_member};

/// A data set under construction, by one builder at a time.
///
/// ```
/// use mmap_ninja::{Construction, Dtype, Mode, Ragged, Sample};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("tokens");
/// let construction = Construction::begin(&path, false)?;
/// let mut tokens = Ragged::open(construction.partial(), Mode::ReadOnly)?;
/// for batch in [[1_i32, 2], [3, 4]] {
///     tokens.append(&Dtype::of::<i32>(), &[Sample::new(&batch, &[2])])?;
/// }
/// assert!(!path.exists());
/// construction.finish()?;
/// assert_eq!(Ragged::open(&path, Mode::ReadOnly)?.len(), 2);
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Construction {
    target: PathBuf,
    partial: PathBuf,
    /// Directories above the target that came into being with the build, the lowest first.
    parents: Vec<PathBuf>,
    options: Options,
    /// Goes with the build, however it ends.
    scratch: Option<Build>,
    _lock: Held,
}

impl Construction {
    /// Begins to build `target`, or goes on with what an interrupted build has left.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::Error::Busy) where another builder is at work; [`Error::Io`](crate::Error::Io), also where no directory can be put at `target`.
    pub fn begin(target: &Path, resume: bool) -> Result<Self> {
        Self::begin_with(target, resume, Options::default())
    }

    /// The same with options, of which a build heeds the durability and the timeout.
    ///
    /// # Errors
    /// As [`Construction::begin`].
    pub fn begin_with(target: &Path, resume: bool, options: Options) -> Result<Self> {
        let target = crate::absolute(target)?;
        place::check(&target)?;
        let partial = partial_path(&target);
        let parents = missing_parents(&target);
        loop {
            conclude(&target)?;
            create_directories(&partial)?;
            refuse_foreign(&partial)?;
            let path = partial.join(BUILDING);
            // The other builder may have put its directory in place since this one looked.
            if let Some(lock) = hold(open_lock(&path)?, &path, &target)? {
                let begun = Self { target, partial, parents, options, scratch: None, _lock: lock };
                begun.prepare(resume)?;
                return Ok(begun);
            }
        }
    }

    fn prepare(&self, resume: bool) -> Result<()> {
        sweep(&self.target);
        if !resume {
            return self.clear();
        }
        let lock = DirLock::acquire(&self.partial, self.options.timeout)?;
        lock.map_or(Ok(()), |lock| recover(&self.partial, &lock))
    }

    /// Where the samples go meanwhile: `<target>.partial`.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// A hidden directory for what is to be joined, which goes with the build.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn scratch(&mut self) -> Result<&Path> {
        let scratch = self.scratch.take().map_or_else(|| Build::beside(&self.partial), Ok)?;
        Ok(self.scratch.insert(scratch).dir())
    }

    /// Puts what was built in the target's place, once it is on disk; an empty build leaves everything as it is.
    ///
    /// # Errors
    /// [`Error::Busy`](crate::Error::Busy), [`Error::Io`](crate::Error::Io). Then what was built stays where it is, for another builder to go on with.
    pub fn finish(mut self) -> Result<()> {
        self.scratch = None;
        if kind_of(&self.partial)?.is_none() {
            return self.abandon();
        }
        sync_tree(&self.partial)?;
        loop {
            if rename_new(&self.partial, &self.target)? {
                return self.settle(|| rename_new(&self.target, &self.partial).map(drop));
            }
            if let Some(lock) = DirLock::acquire(&self.target, self.options.timeout)? {
                return self.replace(&lock);
            }
        }
    }

    /// Until the exchange, a process that dies leaves a build that goes on; from then on, the new data set, and traces
    /// that the next writer removes.
    fn replace(&self, lock: &DirLock) -> Result<()> {
        carry_over(&self.target, &self.partial)?;
        let path = self.partial.join(BUILDING);
        let file = open_member(&path, true)?;
        truncate(&file, &path, 0)?;
        write_at(&file, &path, 0, lock.identity().to_string().as_bytes())?;
        sync_tree(&self.partial)?;
        exchange(&self.partial, &self.target)?;
        self.settle(|| exchange(&self.target, &self.partial))
    }

    /// Lets the new place be durable, or goes back.
    fn settle(&self, back: impl FnOnce() -> Result<()>) -> Result<()> {
        if let Err(error) = self.target.parent().map_or(Ok(()), sync_directory) {
            back()?;
            return Err(error);
        }
        // The build is done. What cannot be removed now is removed by the next writer.
        let _ = remove_tree(&self.partial).and_then(|()| remove_file(&self.target.join(BUILDING)));
        Ok(())
    }

    /// Leaves what was built where it is, for another builder to go on with; nothing where nothing was built.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn abandon(self) -> Result<()> {
        if kind_of(&self.partial)?.is_some() { Ok(()) } else { self.discard() }
    }

    /// Removes what was built.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn discard(mut self) -> Result<()> {
        self.scratch = None;
        remove_tree(&self.partial)?;
        // The first that cannot be removed is in use by others.
        let _ = self.parents.iter().try_for_each(|parent| remove_directory(parent));
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        for entry in fs::read_dir(&self.partial).at(&self.partial)? {
            let path = entry.at(&self.partial)?.path();
            if path.symlink_metadata().at(&path)?.is_dir() {
                remove_tree(&path)?;
            } else if path.file_name() != Some(BUILDING.as_ref()) {
                remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Directories above `target` that are not there, the lowest first.
fn missing_parents(target: &Path) -> Vec<PathBuf> {
    target.ancestors().skip(1).take_while(|parent| !parent.exists()).map(Path::to_owned).collect()
}

/// A directory of that name which no build has made is not touched.
fn refuse_foreign(partial: &Path) -> Result<()> {
    let mut entries = fs::read_dir(partial).at(partial)?;
    if entries.next().is_none() || partial.join(BUILDING).symlink_metadata().is_ok() {
        return Ok(());
    }
    let what = "this directory is needed for the build, and holds files that are not a build's";
    Err(std::io::Error::new(ErrorKind::AlreadyExists, what)).at(partial)
}

/// `<target>.partial`.
pub(super) fn partial_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or_default());
    name.push(".partial");
    target.with_file_name(name)
}
