//! Long builds: a dataset that grows beside its place until it is whole.

use std::fs;
use std::io::ErrorKind::{AlreadyExists, NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use super::cleanup::{await_builder, finish_build, remove_marker, sweep, try_lock_builder};
use super::fields::FieldPlace;
use super::fs::{create_new, exchange, remove_directory, remove_file, remove_tree, rename_new, truncate, write_at};
use super::lock::{DirLock, FileLock};
use super::recover::recover;
use super::staging::StagingDir;
use super::tree::{check_mappable, inherit_permissions, sync_parents, sync_tree};
use super::{publish, replaceable};
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::io::untrusted::{FileId, open_member};
use crate::options::{Durability, Options};
use crate::paths::{absolute, missing_parents, partial_path};
use crate::schema::{check_not_a_field, kind_of};

/// The long build of a dataset, by one builder at a time. It grows in `<target>.partial`, which opens and resumes like any
/// dataset, and takes the target's place when it is whole.
///
/// ```
/// use mmap_ninja::{BuildSession, Dtype, Mode, Ragged, Sample};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("tokens");
/// let session = BuildSession::begin(&path, false)?;
/// let mut tokens = Ragged::open(session.partial(), Mode::ReadOnly)?;
/// for batch in [[1_i32, 2], [3, 4]] {
///     tokens.append(&Dtype::of::<i32>(), &[Sample::new(&batch, &[2])])?;
/// }
/// assert!(!path.exists());
/// session.finish()?;
/// assert_eq!(Ragged::open(&path, Mode::ReadOnly)?.len(), 2);
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct BuildSession {
    target: PathBuf,
    partial: PathBuf,
    /// Directories above the target that were created with the build, the lowest first.
    parents: Vec<PathBuf>,
    options: Options,
    /// Where the dataset becomes a field, if it does.
    field: Option<FieldPlace>,
    /// Removed when the build ends, however it ends.
    scratch: Option<StagingDir>,
    /// `None` where the caller vouches for being the only builder.
    _lock: Option<FileLock>,
}

impl BuildSession {
    /// Begins to build `target`, or, to `resume`, continues what an interrupted build has left.
    ///
    /// # Errors
    /// [`Error::Building`] where another builder is at work; [`Error::Busy`] where one that is finishing took too long;
    /// [`Error::Interrupted`]; [`Error::Io`], also where `target` cannot be replaced.
    pub fn begin(target: impl AsRef<Path>, resume: bool) -> Result<Self> {
        Self::begin_with(target, resume, Options::default())
    }

    /// As [`BuildSession::begin`], with options, of which a build uses the durability, the timeout and the cancellation.
    ///
    /// # Errors
    /// As [`BuildSession::begin`].
    pub fn begin_with(target: impl AsRef<Path>, resume: bool, options: Options) -> Result<Self> {
        let target = absolute(target.as_ref())?;
        replaceable::check(&target)?;
        check_not_a_field(&target)?;
        Self::begin_at(target, resume, options, None)
    }

    /// Begins to build the field `name` of the records in `dir`, whose samples have the axes of `shape`, if they are fixed.
    pub(crate) fn begin_field(
        dir: &Path,
        name: &str,
        shape: Option<Vec<i64>>,
        resume: bool,
        options: Options,
    ) -> Result<Self> {
        let field = FieldPlace { records: absolute(dir)?, name: name.to_owned(), shape };
        field.check()?;
        Self::begin_at(field.hidden(), resume, options, Some(field))
    }

    fn begin_at(target: PathBuf, resume: bool, options: Options, field: Option<FieldPlace>) -> Result<Self> {
        let partial = partial_path(&target);
        replaceable::check_layer(&partial)?;
        let parents = missing_parents(&target);
        loop {
            let found = FileId::of(&partial);
            if let Some((builder, lock)) = lock_partial(&partial, &target, &options)? {
                let session = Self { target, partial, parents, options, field, scratch: None, _lock: builder };
                return match session.prepare(resume, lock) {
                    Ok(()) => Ok(session),
                    Err(error) => session.suspend().and(Err(error)),
                };
            }
            if found.is_none() || is_empty(&partial) {
                create_partial(&partial, &target)?;
            } else {
                await_builder(&target, &options)?;
                refuse_foreign(&partial, found)?;
            }
        }
    }

    fn prepare(&self, resume: bool, lock: Option<DirLock>) -> Result<()> {
        await_builder(&self.target, &self.options)?;
        sweep(&self.target);
        if !resume {
            return self.clear();
        }
        lock.map_or(Ok(()), |lock| recover(&self.partial, &lock))
    }

    /// The directory in which the dataset grows: `<target>.partial`.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// A hidden directory for datasets that are to be joined. It is removed when the build ends.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn scratch(&mut self) -> Result<&Path> {
        let scratch = self.scratch.take().map_or_else(|| StagingDir::next_to(&self.partial, &self.partial), Ok)?;
        Ok(self.scratch.insert(scratch).path())
    }

    /// Puts what was built in the target's place, once it is on disk. An empty build leaves everything as it is.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Interrupted`], [`Error::Io`]. Then the partial directory stays, and can be resumed.
    pub fn finish(mut self) -> Result<()> {
        self.scratch = None;
        if kind_of(&self.partial)?.is_none() {
            return self.suspend();
        }
        let Some(field) = &self.field else { return self.publish() };
        let lock = field.lock(&self.partial, &self.options)?;
        self.publish()?;
        field.publish(&lock)
    }

    fn publish(&self) -> Result<()> {
        check_mappable(&self.partial, self.options.mode)?;
        inherit_permissions(&self.target, &self.partial)?;
        sync_tree(&self.partial)?;
        // Writers in the new place wait for this lock until no marker of the build is left.
        let own = DirLock::acquire(&self.partial, &self.options)?;
        loop {
            if rename_new(&self.partial, &self.target)? {
                return self.settle(own, || rename_new(&self.target, &self.partial).map(drop));
            }
            if let Some(lock) = DirLock::acquire(&self.target, &self.options)? {
                return self.replace(own, &lock);
            }
        }
    }

    /// A process that dies before the exchange leaves a build that can be resumed; one that dies after it leaves the new
    /// dataset, and a marker that the next writer removes.
    fn replace(&self, own: Option<DirLock>, lock: &DirLock) -> Result<()> {
        finish_build(&self.target, lock)?;
        publish::carry_over(&self.target, &self.partial)?;
        let path = self.partial.join(BUILDING);
        let file = open_member(&path, true)?;
        truncate(&file, &path, 0)?;
        write_at(&file, &path, 0, lock.id().to_string().as_bytes())?;
        sync_tree(&self.partial)?;
        exchange(&self.partial, &self.target)?;
        self.settle(own, || exchange(&self.target, &self.partial))
    }

    /// Makes the new place durable, or goes back.
    fn settle(&self, own: Option<DirLock>, go_back: impl FnOnce() -> Result<()>) -> Result<()> {
        if let Err(error) = sync_parents(&self.target, &self.parents) {
            go_back()?;
            return Err(error);
        }
        // The build is done. The next writer removes what cannot be removed now.
        let replaced = remove_marker(&self.target);
        drop((own, replaced));
        Ok(())
    }

    /// Leaves what was built where it is, to be resumed. Where nothing was built, nothing is left.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn suspend(self) -> Result<()> {
        if kind_of(&self.partial)?.is_some() { Ok(()) } else { self.discard() }
    }

    /// Removes what was built.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(mut self) -> Result<()> {
        self.scratch = None;
        match StagingDir::moved_aside(&self.partial) {
            Err(error) if !error.is_not_found() => return Err(error),
            other => drop(other),
        }
        // The first directory that cannot be removed is in use by others.
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

/// Takes the lock of the builder of `target`, and that of its partial directory; `None` where there is no such directory,
/// or it was moved before it could be locked.
fn lock_partial(
    partial: &Path,
    target: &Path,
    options: &Options,
) -> Result<Option<(Option<FileLock>, Option<DirLock>)>> {
    let path = partial.join(BUILDING);
    let file = match open_member(&path, true) {
        Err(Error::Io { source, .. }) if matches!(source.kind(), NotFound | NotADirectory) => return Ok(None),
        other => other?,
    };
    let found = FileId::from(&file.metadata().at(&path)?);
    let builder = if options.locks() { Some(try_lock_builder(file, &path, target)?) } else { None };
    let lock = DirLock::acquire(partial, options)?;
    let is_there = FileId::of(&path) == Some(found);
    Ok(is_there.then_some((builder, lock)))
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// Creates a partial directory with its marker, unless another builder is faster. A marker is created nowhere else: after
/// an exchange, what lies at the partial path may be the dataset that another build has just replaced.
fn create_partial(partial: &Path, target: &Path) -> Result<()> {
    let fresh = StagingDir::next_to(partial, target)?;
    create_new(&fresh.path().join(BUILDING))?;
    publish::onto_nothing(&fresh, partial, Durability::Process).map(drop)
}

/// Refuses to build in a directory that no build has made. `found` is what was there before all builders that had finished
/// removed what they replaced; if it is still there, it is nothing of theirs.
fn refuse_foreign(partial: &Path, found: Option<FileId>) -> Result<()> {
    let is_build = partial.join(BUILDING).symlink_metadata().is_ok();
    if is_build || found != FileId::of(partial) {
        return Ok(());
    }
    let what = "the build needs this directory, which holds other files; move or remove it";
    Err(std::io::Error::new(AlreadyExists, what)).at(partial)
}
