//! The store behind a map: one thread at a time changes it, and the order of the changes is known.

use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use super::error::is_signalled;
use crate::error::{Error, Result};

/// How often a forked child tries to get a lock that nobody may hold any more.
const PATIENCE: u32 = 100;
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);
/// Signals are looked for now and then.
const BETWEEN_SIGNALS: u32 = 16;

/// A store, and how often it was changed.
pub struct ForkMutex<T> {
    store: Mutex<(T, u64)>,
    /// The process whose threads take the lock. In a forked child it may be held by a thread that was not forked with
    /// it, and never lets go.
    home: AtomicU32,
    /// The thread that has its turn: it comes back where it runs the handler of a signal meanwhile.
    holder: AtomicUsize,
}

thread_local! {
    static MARK: u8 = const { 0 };
}

/// Another number for each thread that lives, and never 0.
fn this_thread() -> usize {
    MARK.with(|mark| ptr::from_ref(mark).addr())
}

/// Says that nobody holds the lock.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl<T> ForkMutex<T> {
    pub fn new(store: T) -> Self {
        Self { store: Mutex::new((store, 0)), home: AtomicU32::new(std::process::id()), holder: AtomicUsize::new(0) }
    }

    /// Runs `change` when it is its turn; also returns which turn that was. The thread must not be attached to the
    /// interpreter.
    pub fn take<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<(R, u64)> {
        let mut guard = self.lock()?;
        self.holder.store(this_thread(), Ordering::Relaxed);
        let _leaving = Leaving(&self.holder);
        let (store, turn) = &mut *guard;
        *turn += 1;
        Ok((change(store), *turn))
    }

    /// Waits as long as it takes, or until a signal raises an exception.
    fn lock(&self) -> Result<MutexGuard<'_, (T, u64)>> {
        let here = std::process::id();
        let is_home = self.home.load(Ordering::Relaxed) == here;
        let mut pause = SHORTEST;
        let mut attempt = 0_u32;
        loop {
            match self.store.try_lock() {
                Ok(guard) => {
                    self.home.store(here, Ordering::Relaxed);
                    return Ok(guard);
                }
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
            if self.holder.load(Ordering::Relaxed) == this_thread() {
                return refused(
                    "the handler of a signal cannot change a map that its thread is changing at this moment",
                );
            }
            attempt = attempt.wrapping_add(1);
            if !is_home && attempt == PATIENCE {
                return refused("this process was forked while another thread changed the map; open the map anew here");
            }
            if attempt.is_multiple_of(BETWEEN_SIGNALS) && is_signalled() {
                return Err(Error::Interrupted { path: PathBuf::new() });
            }
            sleep(pause);
            pause = (pause * 2).min(LONGEST);
        }
    }
}

fn refused<T>(what: &str) -> Result<T> {
    Err(Error::Argument { what: what.to_owned() })
}
