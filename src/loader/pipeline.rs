//! Threads that do jobs in advance, and hand over the results in the order of the jobs.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::cancel::Cancellation;
use crate::fork::OwnerPid;
use crate::threads;

/// What the threads do.
pub(super) trait Work: Send + Sync + 'static {
    type Job: Send;
    type Output: Send;

    /// Whether `prepare` would now make `run` of this job faster.
    fn is_worth_preparing(&self, job: &Self::Job) -> bool;

    /// The job after a step that makes `run` faster.
    fn prepare(&self, job: Self::Job, cancel: &Cancellation) -> Self::Job;

    /// Does a job. If `cancel` asks for it, the result no longer matters.
    fn run(&self, job: Self::Job, cancel: &Cancellation) -> Self::Output;
}

/// What became of the first job.
#[derive(Debug, PartialEq)]
pub(super) enum Taken<T> {
    Done(T),
    /// It is not done yet.
    Waiting,
    /// The thread that did it has panicked.
    Panicked,
    /// No job is left.
    Nothing,
    /// This process was forked from the one that has the threads.
    Forked,
}

enum Slot<J, T> {
    Waiting(J),
    /// A thread has taken the job.
    Taken,
    Done(T),
    Panicked,
}

struct State<J, T> {
    /// The jobs from number `first` on.
    slots: VecDeque<Slot<J, T>>,
    first: u64,
    /// Jobs that are run or done.
    begun: usize,
    /// Threads that wait for a task.
    idle: usize,
    /// Whether the consumer waits for the first result.
    is_awaited: bool,
}

enum Step {
    Prepare,
    Run,
}

struct Shared<W: Work> {
    work: W,
    /// An idle thread is woken if fewer jobs than this are begun.
    ahead: usize,
    /// A thread that is awake goes on until this many are, so that it need not be woken for every job.
    most: usize,
    state: Mutex<State<W::Job, W::Output>>,
    /// There is a task, or no more will come.
    has_task: Condvar,
    /// The first result is there.
    has_result: Condvar,
    /// Changed under the lock.
    is_stopped: AtomicBool,
}

/// Threads, which end with it. Where the system has none to give, jobs are done when their results are taken.
pub(super) struct Pipeline<W: Work> {
    shared: Arc<Shared<W>>,
    threads: Vec<JoinHandle<()>>,
    owner: OwnerPid,
}

impl<W: Work> Pipeline<W> {
    pub fn start(work: W, threads: usize, ahead: usize) -> Self {
        let state = State { slots: VecDeque::new(), first: 0, begun: 0, idle: 0, is_awaited: false };
        let shared = Arc::new(Shared {
            work,
            ahead,
            most: ahead.saturating_add(threads.saturating_sub(1)),
            state: Mutex::new(state),
            has_task: Condvar::new(),
            has_result: Condvar::new(),
            is_stopped: AtomicBool::new(false),
        });
        let spawn = |_| {
            let shared = shared.clone();
            Builder::new().name("mmap_ninja".to_owned()).spawn(move || shared.work_until_stopped()).ok()
        };
        let threads = (0..threads).map_while(spawn).collect();
        Self { shared, threads, owner: OwnerPid::current() }
    }

    /// Submits a job. False in a forked child.
    pub fn submit(&self, job: W::Job) -> bool {
        // In a child, the lock may be held by a thread that the fork did not copy.
        if !self.owner.is_current() {
            return false;
        }
        let mut state = self.shared.lock();
        state.slots.push_back(Slot::Waiting(job));
        self.shared.wake_one(state);
        true
    }

    /// Removes the result of the first job, if it is there.
    pub fn try_take(&self) -> Taken<W::Output> {
        if self.owner.is_current() { self.shared.pop(self.shared.lock()) } else { Taken::Forked }
    }

    /// Waits for the result of the first job, for at most `timeout`, and removes it. Where there are no threads, the job is
    /// done here, until `cancel` asks to give up.
    pub fn take(&self, timeout: Duration, cancel: &Cancellation) -> Taken<W::Output> {
        if !self.owner.is_current() {
            return Taken::Forked;
        }
        let shared = &*self.shared;
        while self.threads.is_empty() && shared.lock().is_waiting() && shared.work_once(cancel) {}
        let mut state = shared.lock();
        state.is_awaited = true;
        let waited = shared.has_result.wait_timeout_while(state, timeout, |state| state.is_waiting());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_awaited = false;
        shared.pop(state)
    }
}

impl<W: Work> Drop for Pipeline<W> {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut self.threads);
        if !self.owner.is_current() {
            // A child has no such threads to wait for.
            return std::mem::forget(threads);
        }
        let state = self.shared.lock();
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        drop(state);
        self.shared.has_task.notify_all();
        for thread in threads {
            // Panics of the work are results.
            let _ = thread.join();
        }
    }
}

impl<J, T> State<J, T> {
    /// Whether the first job is not done yet.
    fn is_waiting(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Waiting(_) | Slot::Taken))
    }
}

impl<W: Work> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, State<W::Job, W::Output>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next step: whatever is worth preparing, or the first job that waits, unless enough are done.
    fn next_step(&self, state: &State<W::Job, W::Output>) -> Option<(usize, Step)> {
        let mut first = None;
        for (place, slot) in state.slots.iter().enumerate() {
            if let Slot::Waiting(job) = slot {
                if self.work.is_worth_preparing(job) {
                    return Some((place, Step::Prepare));
                }
                first = first.or(Some(place));
            }
        }
        first.filter(|&place| place == 0 || state.begun < self.most).map(|place| (place, Step::Run))
    }

    /// Wakes a thread, if one is idle and there is something to do.
    fn wake_one(&self, state: MutexGuard<'_, State<W::Job, W::Output>>) {
        let is_due = state.idle > 0
            && self
                .next_step(&state)
                .is_some_and(|(place, step)| place == 0 || matches!(step, Step::Prepare) || state.begun < self.ahead);
        drop(state);
        if is_due {
            self.has_task.notify_one();
        }
    }

    fn pop(&self, mut state: MutexGuard<'_, State<W::Job, W::Output>>) -> Taken<W::Output> {
        if state.is_waiting() {
            return Taken::Waiting;
        }
        let result = match state.slots.pop_front() {
            Some(Slot::Done(result)) => Taken::Done(result),
            Some(_) => Taken::Panicked,
            None => return Taken::Nothing,
        };
        state.first += 1;
        state.begun -= 1;
        self.wake_one(state);
        result
    }

    fn work_until_stopped(self: Arc<Self>) {
        // Otherwise a consumer that computes while batches are filled would be interrupted with each.
        threads::work_in_background();
        let shared = self.clone();
        let cancel = Cancellation::when(move || shared.is_stopped.load(Ordering::Relaxed));
        let mut state = self.lock();
        while !self.is_stopped.load(Ordering::Relaxed) {
            if let Some((place, step)) = self.next_step(&state) {
                self.perform(state, place, step, &cancel);
                state = self.lock();
            } else {
                state.idle += 1;
                state = self.has_task.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    /// Does the next step, if there is one.
    fn work_once(&self, cancel: &Cancellation) -> bool {
        let state = self.lock();
        let step = self.next_step(&state);
        step.map(|(place, step)| self.perform(state, place, step, cancel)).is_some()
    }

    /// Does a step without the lock.
    fn perform(
        &self,
        mut state: MutexGuard<'_, State<W::Job, W::Output>>,
        place: usize,
        step: Step,
        cancel: &Cancellation,
    ) {
        let number = state.first + place as u64;
        let Slot::Waiting(job) = std::mem::replace(&mut state.slots[place], Slot::Taken) else { return };
        let is_run = matches!(step, Step::Run);
        state.begun += usize::from(is_run);
        drop(state);
        let outcome = catch_unwind(AssertUnwindSafe(|| match step {
            Step::Prepare => Slot::Waiting(self.work.prepare(job, cancel)),
            Step::Run => Slot::Done(self.work.run(job, cancel)),
        }));
        let slot = outcome.unwrap_or(Slot::Panicked);
        let mut state = self.lock();
        // A job that is not done is not taken, so that those before it are all that can be gone.
        let place = usize::try_from(number - state.first).unwrap_or(usize::MAX);
        state.begun += usize::from(!is_run && matches!(slot, Slot::Panicked));
        state.slots[place] = slot;
        let is_due = state.is_awaited && !state.is_waiting();
        drop(state);
        if is_due {
            self.has_result.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread::sleep;

    use super::*;

    /// Squares numbers, later ones sooner; panics at 13.
    #[derive(Default)]
    struct Square {
        prepared: Arc<AtomicUsize>,
    }

    impl Work for Square {
        /// A number, and whether it is prepared.
        type Job = (u64, bool);
        type Output = u64;

        fn is_worth_preparing(&self, job: &Self::Job) -> bool {
            !job.1
        }

        fn prepare(&self, job: Self::Job, _cancel: &Cancellation) -> Self::Job {
            assert_ne!(job.0, 13);
            self.prepared.fetch_add(1, Ordering::Relaxed);
            (job.0, true)
        }

        fn run(&self, (job, is_prepared): Self::Job, _cancel: &Cancellation) -> u64 {
            assert!(job != 13 && is_prepared);
            sleep(Duration::from_micros(300 - 100 * (job % 4).min(3)));
            job * job
        }
    }

    fn taken(pipeline: &Pipeline<Square>) -> Taken<u64> {
        pipeline.take(Duration::from_secs(60), &Cancellation::default())
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs_with_any_number_of_threads() {
        for threads in 0..4 {
            let pipeline = Pipeline::start(Square::default(), threads, 2);
            for job in 0..12 {
                assert!(pipeline.submit((job, false)));
            }
            let results: Vec<_> = (0..13).map(|_| taken(&pipeline)).collect();
            let expected = (0..12).map(|job| Taken::Done(job * job)).chain([Taken::Nothing]);
            assert_eq!(results, expected.collect::<Vec<_>>());
            assert_eq!(pipeline.shared.work.prepared.load(Ordering::Relaxed), 12);
        }
    }

    #[test]
    fn a_panic_is_the_result_of_its_job_alone() {
        for (threads, is_prepared) in [(0, false), (0, true), (1, false), (1, true)] {
            let pipeline = Pipeline::start(Square::default(), threads, 2);
            for job in [2, 13, 3] {
                assert!(pipeline.submit((job, is_prepared)));
            }
            let results: Vec<_> = (0..3).map(|_| taken(&pipeline)).collect();
            assert_eq!(results, [Taken::Done(4), Taken::Panicked, Taken::Done(9)]);
        }
    }

    #[test]
    fn dropping_it_ends_the_threads_and_drops_the_work() {
        let work = Square::default();
        let prepared = work.prepared.clone();
        let pipeline = Pipeline::start(work, 3, 2);
        (0..1000).for_each(|job| assert!(pipeline.submit((job, false))));
        drop(pipeline);
        assert_eq!(Arc::strong_count(&prepared), 1);
    }

    #[test]
    fn threads_stop_once_enough_is_done_in_advance() {
        let pipeline = Pipeline::start(Square::default(), 3, 4);
        (0..100).for_each(|job| assert!(pipeline.submit((job, true))));
        let done = || pipeline.shared.lock().slots.iter().filter(|slot| matches!(slot, Slot::Done(_))).count();
        while done() < 6 || pipeline.shared.lock().idle < 3 {
            sleep(Duration::from_millis(1));
        }
        assert_eq!(done(), 6);
        assert_eq!(pipeline.try_take(), Taken::Done(0));
    }

    #[test]
    fn waiting_ends_with_the_timeout_and_a_job_with_its_pipeline() {
        struct Endless;
        impl Work for Endless {
            type Job = ();
            type Output = ();
            fn is_worth_preparing(&self, (): &()) -> bool {
                false
            }
            fn prepare(&self, (): (), _cancel: &Cancellation) {}
            fn run(&self, (): (), cancel: &Cancellation) {
                while !cancel.is_requested() {
                    sleep(Duration::from_millis(1));
                }
            }
        }
        let pipeline = Pipeline::start(Endless, 1, 1);
        assert!(pipeline.submit(()));
        assert_eq!(pipeline.try_take(), Taken::Waiting);
        assert_eq!(pipeline.take(Duration::from_millis(1), &Cancellation::default()), Taken::Waiting);
        drop(pipeline);
        let alone = Pipeline::start(Endless, 0, 1);
        assert!(alone.submit(()));
        assert_eq!(alone.take(Duration::from_secs(60), &Cancellation::when(|| true)), Taken::Done(()));
    }
}
