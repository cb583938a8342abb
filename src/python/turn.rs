//! The store behind a map: one thread at a time changes it, and the order of the changes is known.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use crate::error::{Error, Result};

/// How long a forked child tries to get a lock that nobody may hold any more.
const PATIENCE: u32 = 100;

/// A store, and how often it was changed.
pub struct Turns<T> {
    store: Mutex<(T, u64)>,
    /// The process whose threads take the lock. In a forked child it may be held by a thread that was not forked with
    /// it, and never lets go.
    home: AtomicU32,
}

impl<T> Turns<T> {
    pub fn new(store: T) -> Self {
        Self { store: Mutex::new((store, 0)), home: AtomicU32::new(std::process::id()) }
    }

    /// Runs `change` when it is its turn; also returns which turn that was.
    pub fn take<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<(R, u64)> {
        let mut guard = self.lock()?;
        let (store, turn) = &mut *guard;
        *turn += 1;
        Ok((change(store), *turn))
    }

    fn lock(&self) -> Result<MutexGuard<'_, (T, u64)>> {
        let here = std::process::id();
        for _ in 0..PATIENCE {
            if self.home.load(Ordering::Relaxed) == here {
                return Ok(self.store.lock().unwrap_or_else(PoisonError::into_inner));
            }
            match self.store.try_lock() {
                Ok(guard) => {
                    self.home.store(here, Ordering::Relaxed);
                    return Ok(guard);
                }
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(1)),
            }
        }
        let what = "this process was forked while another thread changed the map; open the map anew here";
        Err(Error::Argument { what: what.to_owned() })
    }
}
