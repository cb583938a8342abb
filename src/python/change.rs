//! Changes of the store behind a handle, and what readers of the handle see then.

use pyo3::prelude::*;

use super::fork_mutex::ForkMutex;
use super::snapshot_cell::SnapshotCell;

/// What readers of a handle see, which is made of what the store behind it shows.
pub(super) trait Snapshot: Sized {
    type Store: Send;
    /// What the store shows.
    type Shown: Send;

    fn shown(store: &Self::Store) -> Self::Shown;

    /// A snapshot of what is shown, which may share parts with the `last` one. It has no functions of the user.
    fn new(py: Python<'_>, shown: Self::Shown, last: &Self) -> PyResult<Self>;

    /// The same snapshot with the functions that the user has given to `last`.
    fn with_functions_of(self, py: Python<'_>, last: &Self) -> Self;
}

/// Runs `change` on the store while detached from the interpreter, and publishes the outcome to readers.
pub(super) fn change_store<S: Snapshot, T: Send>(
    py: Python<'_>,
    (state, store): (&SnapshotCell<S>, &ForkMutex<S::Store>),
    change: impl FnOnce(&mut S::Store) -> crate::Result<T> + Send,
) -> PyResult<T> {
    let ((outcome, shown), generation) = py.detach(|| store.with_lock(|store| (change(store), S::shown(store))))?;
    let outcome = outcome?;
    let next = S::new(py, shown, &state.load(py))?;
    state.store(py, generation, |last| next.with_functions_of(py, last));
    Ok(outcome)
}
