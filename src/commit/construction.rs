//! A build that takes long: it grows in `<target>.partial`, which opens and is resumed like any data set, and takes
//! the target's place when it is whole.

use std::ffi::OsString;
use std::fs::{self, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::DirLock;
use super::create::Build;
use super::fs::{create_directories, open_lock, remove_file, remove_tree};
use super::lock::Held;
use super::recover::recover;
use crate::error::{At, Error, Result};
use crate::format::BUILDING;
use crate::options::Options;
use crate::storage::{Identity, kind_of};

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
    options: Options,
    _lock: Held,
}

impl Construction {
    /// Begins to build `target`, or goes on with what an interrupted build has left.
    ///
    /// # Errors
    /// [`Error::Busy`] where another builder is at work; [`Error::Io`].
    pub fn begin(target: &Path, resume: bool) -> Result<Self> {
        Self::begin_with(target, resume, Options::default())
    }

    /// The same with options, of which a build heeds the durability and the timeout.
    ///
    /// # Errors
    /// As [`Construction::begin`].
    pub fn begin_with(target: &Path, resume: bool, options: Options) -> Result<Self> {
        let target = crate::absolute(target)?;
        let partial = partial_path(&target);
        loop {
            create_directories(&partial)?;
            refuse_foreign(&partial)?;
            let path = partial.join(BUILDING);
            let file = open_lock(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: target, waited: Duration::ZERO }),
                Err(TryLockError::Error(error)) => return Err(error).at(&path),
            }
            // The other builder may have put its directory in place since this one looked.
            if Identity::of(&path) == Some(Identity::from(&file.metadata().at(&path)?)) {
                let begun = Self { target, partial, options, _lock: Held::new(file) };
                if !resume {
                    begun.clear()?;
                } else if let Some(lock) = DirLock::acquire(&begun.partial, begun.options.timeout)? {
                    recover(&begun.partial, &lock)?;
                }
                return Ok(begun);
            }
        }
    }

    /// Where the samples go meanwhile: `<target>.partial`.
    #[must_use]
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Puts what was built in the target's place; an empty build leaves everything as it is.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        if kind_of(&self.partial)?.is_none() {
            return self.abandon();
        }
        let mut build = Build::adopt(&self.partial, &self.target)?;
        remove_file(&build.dir().join(BUILDING))?;
        let published = build.publish(&self.target, &self.options);
        if published.is_err() {
            // What was built is not lost: it goes back to where it can be resumed, marked as a build's again.
            let _ = open_lock(&build.dir().join(BUILDING)).and_then(|_| build.give_back(&self.partial));
        }
        published
    }

    /// Leaves what was built where it is, for another builder to go on with; nothing where nothing was built.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn abandon(self) -> Result<()> {
        if kind_of(&self.partial)?.is_some() { Ok(()) } else { remove_tree(&self.partial) }
    }

    /// Removes what was built.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(self) -> Result<()> {
        remove_tree(&self.partial)
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
fn partial_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or_default());
    name.push(".partial");
    target.with_file_name(name)
}
