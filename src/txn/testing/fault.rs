//! Faults for tests: the n-th file operation of this thread fails, or is the last one that this process ever does.

use std::cell::Cell;
use std::io;

/// What happens at the operation that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails with this error number and has no effect.
    Error(i32),
    /// It fails after half of its bytes were written.
    Short,
    /// The process dies before it.
    Kill,
    /// The process dies after half of its bytes were written.
    Torn,
}

/// What an operation is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Write half of the bytes, then fail.
    Half,
}

thread_local! {
    /// Operations that are left until the fault, and the fault.
    static AHEAD: Cell<Option<(usize, Fault)>> = const { Cell::new(None) };
    /// A dead process does nothing any more, not even clean up.
    static IS_DEAD: Cell<bool> = const { Cell::new(false) };
}

/// File operations of `act`.
pub(crate) fn count(act: impl FnOnce()) -> usize {
    AHEAD.set(Some((usize::MAX, Fault::Kill)));
    act();
    AHEAD.take().map_or(0, |(left, _)| usize::MAX - left)
}

/// Runs `act` with a fault at its `n`-th file operation; also returns whether it came so far.
pub(crate) fn inject<T>(n: usize, fault: Fault, act: impl FnOnce() -> T) -> (T, bool) {
    AHEAD.set(Some((n, fault)));
    let outcome = act();
    IS_DEAD.set(false);
    (outcome, AHEAD.take().is_none())
}

/// Every change passes through here first.
pub(super) fn gate() -> io::Result<Extent> {
    let died = || Err(io::Error::other("the process is dead"));
    if IS_DEAD.get() {
        return died();
    }
    let Some((left, fault)) = AHEAD.get() else { return Ok(Extent::Whole) };
    if left > 0 {
        AHEAD.set(Some((left - 1, fault)));
        return Ok(Extent::Whole);
    }
    AHEAD.set(None);
    IS_DEAD.set(matches!(fault, Fault::Kill | Fault::Torn));
    match fault {
        Fault::Error(number) => Err(io::Error::from_raw_os_error(number)),
        Fault::Kill => died(),
        Fault::Short | Fault::Torn => Ok(Extent::Half),
    }
}
