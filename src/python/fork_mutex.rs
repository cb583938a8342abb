//! The store behind a map: one thread at a time changes it, and the changes are numbered.

use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use super::error::is_signalled;
use crate::error::{Error, Result};
use crate::fork::OwnerPid;

/// How often a forked child tries to get a lock that nobody may hold any more.
const ATTEMPTS_IN_CHILD: u32 = 100;
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);
/// Attempts between two looks for signals.
const BETWEEN_SIGNALS: u32 = 16;

/// A mutex that a forked child and the handler of a signal can fail to lock, where others would wait forever.
pub struct ForkMutex<T> {
    /// The value, and the number of changes to it.
    value: Mutex<(T, u64)>,
    /// In a forked child, the lock may be held by a thread that the fork did not copy, and that never releases it.
    owner: OwnerPid,
    /// The thread that holds the lock. It comes back while it runs the handler of a signal.
    holder: AtomicUsize,
}

thread_local! {
    static MARK: u8 = const { 0 };
}

/// A number that differs between living threads and is never 0.
fn this_thread() -> usize {
    MARK.with(|mark| ptr::from_ref(mark).addr())
}

/// Records on drop that nobody holds the lock.
struct ClearOnDrop<'a>(&'a AtomicUsize);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl<T> ForkMutex<T> {
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new((value, 0)), owner: OwnerPid::current(), holder: AtomicUsize::new(0) }
    }

    /// Runs `change` under the lock; also returns the generation that it made. The thread must not be attached to the
    /// interpreter.
    pub fn with_lock<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<(R, u64)> {
        let mut guard = self.lock()?;
        self.holder.store(this_thread(), Ordering::Relaxed);
        let _clear = ClearOnDrop(&self.holder);
        let (value, generation) = &mut *guard;
        *generation += 1;
        Ok((change(value), *generation))
    }

    /// Waits as long as it takes, or until a signal raises an exception.
    fn lock(&self) -> Result<MutexGuard<'_, (T, u64)>> {
        let is_owner = self.owner.is_current();
        let mut pause = SHORTEST;
        let mut attempt = 0_u32;
        loop {
            match self.value.try_lock() {
                Ok(guard) => {
                    self.owner.take_over();
                    return Ok(guard);
                }
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
            if self.holder.load(Ordering::Relaxed) == this_thread() {
                return refused("the handler of a signal cannot change a map that its own thread is changing");
            }
            attempt = attempt.wrapping_add(1);
            if !is_owner && attempt == ATTEMPTS_IN_CHILD {
                return refused(
                    "this process was forked while another thread changed the map; open the map again in this process",
                );
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
