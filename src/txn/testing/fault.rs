//! Fault injection: the n-th file operation of this thread fails, or the process dies at it.

use std::cell::Cell;
use std::io;

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails with this `errno` and has no effect.
    Error(i32),
    /// It fails after it has written half of its bytes.
    Short,
    /// The process dies before it.
    Kill,
    /// The process dies after the operation has written half of its bytes.
    Torn,
}

/// What an operation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    /// Write half of the bytes, then fail.
    WriteHalf,
}

thread_local! {
    /// The number of operations before the fault, and the fault.
    static PENDING: Cell<Option<(usize, Fault)>> = const { Cell::new(None) };
    /// After its death, a process changes nothing, not even to clean up.
    static IS_DEAD: Cell<bool> = const { Cell::new(false) };
}

/// The number of file operations of `act`.
pub(crate) fn count_operations(act: impl FnOnce()) -> usize {
    PENDING.set(Some((usize::MAX, Fault::Kill)));
    act();
    PENDING.take().map_or(0, |(left, _)| usize::MAX - left)
}

/// Runs `act` with a fault at its `n`-th file operation; also returns whether it had that many.
pub(crate) fn inject<T>(n: usize, fault: Fault, act: impl FnOnce() -> T) -> (T, bool) {
    PENDING.set(Some((n, fault)));
    let outcome = act();
    IS_DEAD.set(false);
    (outcome, PENDING.take().is_none())
}

/// Decides about the next change.
pub(super) fn next_verdict() -> io::Result<Verdict> {
    let died = || Err(io::Error::other("the process is dead"));
    if IS_DEAD.get() {
        return died();
    }
    let Some((left, fault)) = PENDING.get() else { return Ok(Verdict::Proceed) };
    if left > 0 {
        PENDING.set(Some((left - 1, fault)));
        return Ok(Verdict::Proceed);
    }
    PENDING.set(None);
    IS_DEAD.set(matches!(fault, Fault::Kill | Fault::Torn));
    match fault {
        Fault::Error(number) => Err(io::Error::from_raw_os_error(number)),
        Fault::Kill => died(),
        Fault::Short | Fault::Torn => Ok(Verdict::WriteHalf),
    }
}
