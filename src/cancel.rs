//! Cancellation of long waits.

use std::fmt;
use std::sync::Arc;

/// Tells an operation that waits for another writer whether to give up.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use mmap_ninja::{Cancellation, Options};
///
/// let stop = Arc::new(AtomicBool::new(false));
/// let flag = stop.clone();
/// let cancel = Cancellation::when(move || flag.load(Ordering::Relaxed));
/// let options = Options { cancel, ..Options::default() };
/// # drop(options);
/// ```
#[derive(Clone, Default)]
pub struct Cancellation(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Cancellation {
    /// Cancels once `check` returns true. It is called every few milliseconds while an operation waits.
    pub fn when(check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(check)))
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.as_ref().is_some_and(|check| check())
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Cancellation(when)" } else { "Cancellation(never)" })
    }
}
