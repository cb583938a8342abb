//! A build that takes long: it grows in `<target>.partial`, which opens and is resumed like any data set, and takes
//! the target's place when it is whole.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind::{AlreadyExists, NotADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::create::{Build, carry_over, missing_parents, sync_parents, sync_tree};
use super::fs::{create_new, exchange, remove_directory, remove_file, remove_tree, rename_new, truncate, write_at};
use super::leftovers::{await_builder, conclude, hold, sweep, tidy};
use super::lock::Held;
use super::recover::recover;
use super::{DirLock, Durability, place};
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::options::Options;
use crate::storage::{Identity, kind_of, open_member};

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
    /// [`Error::Building`] where another builder is at work; [`Error::Busy`] where it could not be waited for in its
    /// last moments; [`Error::Io`], also where no directory can be put at `target`.
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
            let found = Identity::of(&partial);
            if let Some((held, lock)) = enter(&partial, &target, options.timeout)? {
                let begun = Self { target, partial, parents, options, scratch: None, _lock: held };
                return match begun.prepare(resume, lock) {
                    Ok(()) => Ok(begun),
                    Err(error) => begun.abandon().and(Err(error)),
                };
            }
            if found.is_none() || is_empty(&partial) {
                lay(&partial)?;
            } else {
                await_builder(&target, options.timeout)?;
                refuse_foreign(&partial, found)?;
            }
        }
    }

    fn prepare(&self, resume: bool, lock: Option<DirLock>) -> Result<()> {
        await_builder(&self.target, self.options.timeout)?;
        sweep(&self.target);
        if !resume {
            return self.clear();
        }
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
        // Those who write in the new place wait until no trace of the build is there.
        let own = DirLock::acquire(&self.partial, self.options.timeout)?;
        loop {
            if rename_new(&self.partial, &self.target)? {
                return self.settle(own, || rename_new(&self.target, &self.partial).map(drop));
            }
            if let Some(lock) = DirLock::acquire(&self.target, self.options.timeout)? {
                return self.replace(own, &lock);
            }
        }
    }

    /// Until the exchange, a process that dies leaves a build that goes on; from then on, the new data set, and traces
    /// that the next writer removes.
    fn replace(&self, own: Option<DirLock>, lock: &DirLock) -> Result<()> {
        conclude(&self.target, lock)?;
        carry_over(&self.target, &self.partial)?;
        let path = self.partial.join(BUILDING);
        let file = open_member(&path, true)?;
        truncate(&file, &path, 0)?;
        write_at(&file, &path, 0, lock.identity().to_string().as_bytes())?;
        sync_tree(&self.partial)?;
        exchange(&self.partial, &self.target)?;
        self.settle(own, || exchange(&self.target, &self.partial))
    }

    /// Lets the new place be durable, or goes back.
    fn settle(&self, own: Option<DirLock>, back: impl FnOnce() -> Result<()>) -> Result<()> {
        if let Err(error) = sync_parents(&self.target, &self.parents) {
            back()?;
            return Err(error);
        }
        // The build is done. What cannot be removed now is removed by the next writer.
        let replaced = tidy(&self.target);
        drop((own, replaced));
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
        match Build::displaced(&self.partial) {
            Err(error) if !error.is_not_found() => return Err(error),
            other => drop(other),
        }
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

/// Takes the lock of the builder of `target`, and that of the directory in which it is; `None` where there is no such
/// directory, or it was moved meanwhile.
fn enter(partial: &Path, target: &Path, timeout: Duration) -> Result<Option<(Held, Option<DirLock>)>> {
    let path = partial.join(BUILDING);
    let file = match open_member(&path, true) {
        Err(Error::Io { source, .. }) if matches!(source.kind(), NotFound | NotADirectory) => return Ok(None),
        other => other?,
    };
    let found = Identity::from(&file.metadata().at(&path)?);
    let held = hold(file, &path, target)?;
    let lock = DirLock::acquire(partial, timeout)?;
    let is_there = Identity::of(&path) == Some(found);
    Ok(is_there.then_some((held, lock)))
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// Puts a directory for a build where nothing is, unless another builder is faster. A builder's lock comes into being
/// nowhere else: what lies there otherwise may be what another build has just replaced.
fn lay(partial: &Path) -> Result<()> {
    let fresh = Build::beside(partial)?;
    create_new(&fresh.dir().join(BUILDING))?;
    fresh.publish_new(partial, Durability::Process).map(drop)
}

/// A directory of that name which no build has made is not touched. One that was `found` before all builders of the
/// past had tidied up, and is still there, is nothing that they have replaced.
fn refuse_foreign(partial: &Path, found: Option<Identity>) -> Result<()> {
    let is_build = partial.join(BUILDING).symlink_metadata().is_ok();
    if is_build || found != Identity::of(partial) {
        return Ok(());
    }
    let what = "this directory is needed for the build, and holds files that are not a build's";
    Err(std::io::Error::new(AlreadyExists, what)).at(partial)
}

/// `<target>.partial`.
pub(super) fn partial_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or_default());
    name.push(".partial");
    target.with_file_name(name)
}
