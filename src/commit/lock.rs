//! One writer at a time: an advisory lock on the directory itself, so that no lock file is left at rest. It
//! excludes other processes, other threads and other handles alike, and ends with the process.

use std::cell::RefCell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{At, Error, Result};
use crate::storage::Identity;

/// The right to write in one directory, until dropped.
#[derive(Debug)]
pub(crate) struct DirLock {
    _held: Held,
    identity: Identity,
}

/// A locked file. A child that was forked meanwhile shares the lock, so that closing the file here would not end it.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    holder: u32,
}

impl Held {
    pub fn new(file: File) -> Self {
        Self { file, holder: std::process::id() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.holder == std::process::id() {
            // Should this fail, closing the file ends the lock.
            let _ = self.file.unlock();
        }
    }
}

/// Whether the program that waits has been told to stop. The bindings set what asks for that.
static INTERRUPT: OnceLock<fn() -> bool> = OnceLock::new();

/// Lets those who wait for a lock ask `check` now and then whether to stop.
#[cfg(feature = "python")]
pub(crate) fn interrupt_by(check: fn() -> bool) {
    let _ = INTERRUPT.set(check);
}

thread_local! {
    /// What another thread sets so that this one waits no longer.
    static STOP: RefCell<Arc<AtomicBool>> = RefCell::default();
}

/// Lets another thread end this one's waits for locks, with [`Error::Interrupted`].
pub(crate) fn stop_by(stop: Arc<AtomicBool>) {
    STOP.set(stop);
}

fn is_interrupted() -> bool {
    STOP.with_borrow(|stop| stop.load(Ordering::Relaxed)) || INTERRUPT.get().is_some_and(|check| check())
}

impl DirLock {
    /// Waits for the directory; `None` where there is none. Who does not wait at all is not interrupted.
    pub fn acquire(dir: &Path, timeout: Duration) -> Result<Option<Self>> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(50);
        loop {
            let file = match open(dir).at(dir) {
                Err(error) if error.is_not_found() => return Ok(None),
                other => other?,
            };
            match file.try_lock() {
                Ok(()) => match still_there(&file, dir)? {
                    Some(identity) => return Ok(Some(Self { _held: Held::new(file), identity })),
                    None => continue,
                },
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error).at(dir),
            }
            if begun.elapsed() >= timeout {
                return Err(Error::Busy { path: dir.to_owned(), waited: begun.elapsed() });
            }
            if is_interrupted() {
                return Err(Error::Interrupted { path: dir.to_owned() });
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

impl DirLock {
    /// The directory that is held.
    pub fn identity(&self) -> Identity {
        self.identity
    }
}

/// While this writer waited, the directory may have been exchanged for another.
fn still_there(file: &File, dir: &Path) -> Result<Option<Identity>> {
    let held = Identity::from(&file.metadata().at(dir)?);
    Ok(Identity::of(&lock_path(dir)).filter(|found| *found == held))
}

/// Opens what is locked. What is no directory is refused, and not waited for.
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

/// Unix locks the directory; elsewhere a directory cannot be locked, and its smallest member stands for it.
fn lock_path(dir: &Path) -> PathBuf {
    if cfg!(unix) { dir.to_owned() } else { dir.join(crate::format::TYPE) }
}
