//! Jobs shared among threads. They are started for each call: a pool would not survive the fork of a data loader's workers.

use std::any::Any;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The number of threads that run at once. A process asks for it once, since that takes as long as copying half a megabyte.
/// A forked one asks again: it may have fewer.
pub(crate) fn available() -> usize {
    static FOUND: AtomicUsize = AtomicUsize::new(1);
    /// The process that has asked.
    static PROCESS: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    if PROCESS.load(Ordering::Acquire) != process {
        FOUND.store(thread::available_parallelism().map_or(1, NonZero::get), Ordering::Relaxed);
        PROCESS.store(process, Ordering::Release);
    }
    FOUND.load(Ordering::Relaxed)
}

/// Lets the scheduler of Linux treat this thread as one that nobody waits for: when it wakes, it does not take the processor
/// from another. It is no error if that is refused.
pub(crate) fn work_in_background() {
    #[cfg(target_os = "linux")]
    // SAFETY: the calls concern this thread alone, zeros are valid parameters, and these live as long as the call.
    unsafe {
        let parameters: libc::sched_param = std::mem::zeroed();
        if libc::sched_getscheduler(0) == libc::SCHED_OTHER {
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters);
        }
    }
}

/// Runs `work` on every job, on at most that many threads. Where the system has fewer to give, those that there are do the
/// rest: a thread that has not begun when the last job is taken is not waited for.
pub(crate) fn for_each<T: Send>(jobs: Vec<T>, threads: usize, work: impl Fn(T) + Sync) {
    let others = jobs.len().min(threads).saturating_sub(1);
    let queue = Mutex::new(jobs.into_iter());
    let next = || lock(&queue).next();
    let run = || {
        while let Some(job) = next() {
            work(job);
        }
    };
    let gate = Arc::new(Gate::default());
    let mine = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..others {
            let (gate, run) = (Arc::clone(&gate), Borrowed::new(&run));
            // SAFETY: `close` lets nobody in any more and waits for those inside, before `run` is dropped.
            let enter = move || gate.enter(|| unsafe { run.call() });
            if thread::Builder::new().spawn(enter).is_err() {
                break;
            }
        }
        run();
    }));
    let others = gate.close();
    if let Some(panic) = mine.err().or(others) {
        resume_unwind(panic);
    }
}

/// A function that a thread may still hold, but not call, after its end.
#[derive(Clone, Copy)]
struct Borrowed {
    function: *const (),
    /// Calls it, knowing its type.
    call: unsafe fn(*const ()),
}

// SAFETY: `new` asks for functions that several threads may call at once.
unsafe impl Send for Borrowed {}

impl Borrowed {
    fn new<F: Fn() + Sync>(function: &F) -> Self {
        // SAFETY: whoever calls this passes on that the function is still there.
        let call = |function: *const ()| unsafe { (*function.cast::<F>())() };
        Self { function: std::ptr::from_ref(function).cast(), call }
    }

    /// # Safety
    /// The function must still be there.
    unsafe fn call(self) {
        // SAFETY: the caller promises that.
        unsafe { (self.call)(self.function) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets threads in until it is closed.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    inside: usize,
    /// What the last thread that panicked inside said.
    panic: Option<Box<dyn Any + Send>>,
}

impl Gate {
    /// Calls `run` unless the gate is closed.
    fn enter(&self, run: impl FnOnce()) {
        {
            let mut state = lock(&self.state);
            if state.is_closed {
                return;
            }
            state.inside += 1;
        }
        let result = catch_unwind(AssertUnwindSafe(run));
        let mut state = lock(&self.state);
        state.inside -= 1;
        state.panic = result.err().or(state.panic.take());
        self.left.notify_one();
    }

    /// Closes the gate, and waits for the threads inside; returns the panic of one of them.
    fn close(&self) -> Option<Box<dyn Any + Send>> {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let left = self.left.wait_while(state, |state| state.inside > 0);
        left.unwrap_or_else(PoisonError::into_inner).panic.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        for_each((0..done.len()).collect(), 7, |job| {
            done[job].fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn a_panic_of_any_thread_is_passed_on_after_all_have_left() {
        let done = AtomicUsize::new(0);
        let main = thread::current().id();
        for is_mine in [true, false] {
            let work = |_| {
                done.fetch_add(1, Ordering::Relaxed);
                let is_main = thread::current().id() == main;
                if is_main != is_mine {
                    thread::sleep(std::time::Duration::from_millis(1));
                }
                assert!(is_main != is_mine, "as asked");
            };
            let panic = catch_unwind(AssertUnwindSafe(|| for_each((0..1000).collect(), 3, work))).unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"as asked"));
        }
        assert!(done.load(Ordering::Relaxed) >= 2);
    }

    #[test]
    fn a_thread_that_comes_late_finds_the_gate_closed() {
        let gate = Gate::default();
        gate.enter(|| {});
        assert!(gate.close().is_none());
        gate.enter(|| unreachable!());
        assert!(gate.close().is_none());
    }
}
