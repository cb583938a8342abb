//! One writer at a time: an advisory lock on the directory itself, so that no lock file is left at rest. It excludes other
//! processes, threads and handles alike, and ends with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{At, Error, Result};
use crate::fork::OwnerPid;
use crate::format::{BUILDING, TYPE};
use crate::io::untrusted::FileId;
use crate::options::Options;

const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The exclusive right to write in one directory, until dropped.
#[derive(Debug)]
pub(crate) struct DirLock {
    /// `None` where the caller vouches for being the only writer.
    lock: Option<FileLock>,
    id: FileId,
}

/// A locked file. A forked child shares the lock, and must not end it.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
    owner: OwnerPid,
}

impl FileLock {
    /// Locks a file; `None` where another process, thread or handle has locked it.
    pub fn try_lock(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file, owner: OwnerPid::current() })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(explain_unsupported(error)),
        }
    }
}

/// Many parallel and network file systems have no `flock`.
fn explain_unsupported(error: io::Error) -> io::Error {
    let is_unsupported = matches!(error.kind(), io::ErrorKind::Unsupported) || is_no_locks(&error);
    if !is_unsupported {
        return error;
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let what = format!(
        "this file system has no locks (flock: {text}). If no other process writes here, turn locking off: \
         locking=False, or the environment variable MMAP_NINJA_LOCKING=off"
    );
    io::Error::new(io::ErrorKind::Unsupported, what)
}

#[cfg(unix)]
fn is_no_locks(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOLCK)
}

#[cfg(not(unix))]
fn is_no_locks(_error: &io::Error) -> bool {
    false
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file does not end a lock that a forked child shares. Where unlocking fails, closing is what is left.
        if self.owner.is_current() {
            let _ = self.file.unlock();
        }
    }
}

impl DirLock {
    /// Waits for the lock of `dir` as long as `options` allow; `None` where there is no such directory.
    ///
    /// # Errors
    /// [`Error::Busy`] after the timeout; [`Error::Interrupted`] on cancellation; [`Error::Io`].
    pub fn acquire(dir: &Path, options: &Options) -> Result<Option<Self>> {
        let begun = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            match Self::attempt(dir, options.locks())? {
                Attempt::Locked(lock) => return Ok(Some(lock)),
                Attempt::Missing => return Ok(None),
                Attempt::Held | Attempt::Replaced => {}
            }
            if begun.elapsed() >= options.timeout {
                return Err(Error::Busy { path: dir.to_owned(), waited: begun.elapsed() });
            }
            if options.cancel.is_requested() {
                return Err(Error::Interrupted { path: dir.to_owned() });
            }
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// As [`DirLock::acquire`], without waiting, and always with a lock: what it finds tells whether others are alive.
    pub fn try_acquire(dir: &Path) -> Result<Option<Self>> {
        match Self::attempt(dir, true)? {
            Attempt::Locked(lock) => Ok(Some(lock)),
            Attempt::Missing => Ok(None),
            Attempt::Held | Attempt::Replaced => Err(Error::Busy { path: dir.to_owned(), waited: Duration::ZERO }),
        }
    }

    /// Whether other writers are locked out.
    pub fn is_enforced(&self) -> bool {
        self.lock.is_some()
    }

    /// The directory that is locked.
    pub fn id(&self) -> FileId {
        self.id
    }

    fn attempt(dir: &Path, locking: bool) -> Result<Attempt> {
        let file = match open(dir).at(dir) {
            Err(error) if error.is_not_found() => return Ok(Attempt::Missing),
            other => other?,
        };
        let id = FileId::from(&file.metadata().at(dir)?);
        let lock = if locking { FileLock::try_lock(file).at(dir)?.map(Some) } else { Some(None) };
        let Some(lock) = lock else { return Ok(Attempt::Held) };
        let is_there = FileId::of(&lock_path(dir)) == Some(id);
        Ok(if is_there { Attempt::Locked(Self { lock, id }) } else { Attempt::Replaced })
    }
}

/// What an attempt to lock a directory found.
enum Attempt {
    Locked(DirLock),
    /// Another writer has the lock.
    Held,
    Missing,
    /// The directory was exchanged for another one between opening and locking it.
    Replaced,
}

/// Opens what is locked. Anything but a directory is refused, and never waited for.
fn open(dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::DIRECTORY | OFlags::NONBLOCK).bits().cast_signed());
    }
    options.open(lock_path(dir))
}

/// Unix locks the directory. Where a directory cannot be locked, a file in it is: that of a builder, or `type.ninja`.
fn lock_path(dir: &Path) -> PathBuf {
    if cfg!(unix) {
        return dir.to_owned();
    }
    let building = dir.join(BUILDING);
    if building.exists() { building } else { dir.join(TYPE) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::cancel::Cancellation;

    fn waiting(timeout: Duration) -> Options {
        Options { timeout, ..Options::default() }
    }

    #[test]
    fn a_second_writer_is_refused_until_the_first_lets_go() -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::try_acquire(dir.path())?;
        assert!(matches!(DirLock::try_acquire(dir.path()), Err(Error::Busy { .. })));
        drop(first);
        assert!(DirLock::try_acquire(dir.path())?.is_some());
        Ok(())
    }

    #[test]
    fn a_writer_gets_the_lock_of_one_that_ends_while_it_waits() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::try_acquire(dir.path()).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| DirLock::acquire(dir.path(), &waiting(Duration::MAX)));
            sleep(Duration::from_millis(20));
            drop(first);
            assert!(waiter.join().unwrap().unwrap().is_some());
        });
    }

    #[test]
    fn a_directory_that_is_not_there_has_no_lock() -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        assert!(DirLock::try_acquire(&dir.path().join("missing"))?.is_none());
        Ok(())
    }

    #[test]
    fn a_file_is_not_locked_in_place_of_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(DirLock::try_acquire(&file), Err(Error::Io { .. })));
    }

    #[test]
    fn a_lock_is_on_the_directory_that_is_in_the_place_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("map");
        std::fs::create_dir(&path).unwrap();
        let first = DirLock::try_acquire(&path).unwrap().unwrap();
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        std::fs::create_dir(&path).unwrap();
        let second = DirLock::try_acquire(&path).unwrap().unwrap();
        assert_ne!(first.id(), second.id());
    }

    #[test]
    fn without_locking_two_writers_are_not_kept_apart() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DirLock::try_acquire(dir.path()).unwrap();
        let second = DirLock::acquire(dir.path(), &Options { locking: false, ..Options::default() });
        assert!(!second.unwrap().unwrap().is_enforced());
    }

    #[test]
    fn cancellation_ends_a_wait_and_is_not_asked_without_one() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DirLock::try_acquire(dir.path()).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let cancel = Cancellation::when(move || count.fetch_add(1, Ordering::Relaxed) == 2);
        let options = Options { cancel, ..waiting(Duration::ZERO) };
        assert!(matches!(DirLock::acquire(dir.path(), &options), Err(Error::Busy { .. })));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let options = Options { timeout: Duration::MAX, ..options };
        assert!(matches!(DirLock::acquire(dir.path(), &options), Err(Error::Interrupted { .. })));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
