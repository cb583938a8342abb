//! Threads that do jobs in advance, and hand over the results in the order of the jobs.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::fork::OwnerPid;

/// What the threads do.
pub(super) trait Work: Send + Sync + 'static {
    type Job: Send;
    type Output: Send;

    /// Does what makes a later `run` of the same job faster.
    fn prepare(&self, job: Self::Job);

    fn run(&self, job: Self::Job) -> Self::Output;
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

enum Task<J> {
    Prepare(J),
    /// With the number of the job.
    Run(u64, J),
}

struct State<J, T> {
    tasks: VecDeque<Task<J>>,
    /// The results of the jobs from `first` on.
    results: VecDeque<Taken<T>>,
    first: u64,
    is_stopped: bool,
}

struct Shared<W: Work> {
    work: W,
    state: Mutex<State<W::Job, W::Output>>,
    /// There is a task, or no more will come.
    has_task: Condvar,
    /// The first result is there.
    has_result: Condvar,
}

/// Threads, which end with it. Where the system has none to give, jobs are done when their results are taken.
pub(super) struct Pipeline<W: Work> {
    shared: Arc<Shared<W>>,
    threads: Vec<JoinHandle<()>>,
    owner: OwnerPid,
}

impl<W: Work> Pipeline<W> {
    pub fn start(work: W, threads: usize) -> Self {
        let state = State { tasks: VecDeque::new(), results: VecDeque::new(), first: 0, is_stopped: false };
        let (has_task, has_result) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { work, state: Mutex::new(state), has_task, has_result });
        let spawn = |_| {
            let shared = shared.clone();
            Builder::new().name("mmap_ninja".to_owned()).spawn(move || shared.work_until_stopped()).ok()
        };
        let threads = (0..threads).map_while(spawn).collect();
        Self { shared, threads, owner: OwnerPid::current() }
    }

    /// Lets a thread prepare a job that will be submitted later. False in a forked child.
    pub fn prepare(&self, job: W::Job) -> bool {
        self.push(|_| Task::Prepare(job))
    }

    /// Submits a job. False in a forked child.
    pub fn submit(&self, job: W::Job) -> bool {
        self.push(|state| {
            state.results.push_back(Taken::Waiting);
            Task::Run(state.first + state.results.len() as u64 - 1, job)
        })
    }

    fn push(&self, task: impl FnOnce(&mut State<W::Job, W::Output>) -> Task<W::Job>) -> bool {
        // In a child, the lock may be held by a thread that the fork did not copy.
        if !self.owner.is_current() {
            return false;
        }
        let mut state = self.shared.lock();
        let task = task(&mut state);
        state.tasks.push_back(task);
        drop(state);
        self.shared.has_task.notify_one();
        true
    }

    /// Waits for the result of the first job, for at most `timeout`, and removes it.
    pub fn take(&self, timeout: Duration) -> Taken<W::Output> {
        if !self.owner.is_current() {
            return Taken::Forked;
        }
        while self.threads.is_empty() && self.is_waiting() && self.shared.work_once() {}
        let is_waiting = |state: &mut State<W::Job, W::Output>| matches!(state.results.front(), Some(Taken::Waiting));
        let waited = self.shared.has_result.wait_timeout_while(self.shared.lock(), timeout, is_waiting);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_waiting(&mut state) {
            return Taken::Waiting;
        }
        let Some(result) = state.results.pop_front() else { return Taken::Nothing };
        state.first += 1;
        result
    }

    fn is_waiting(&self) -> bool {
        matches!(self.shared.lock().results.front(), Some(Taken::Waiting))
    }
}

impl<W: Work> Drop for Pipeline<W> {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut self.threads);
        if !self.owner.is_current() {
            // A child has no such threads to wait for.
            return std::mem::forget(threads);
        }
        let mut state = self.shared.lock();
        state.is_stopped = true;
        state.tasks.clear();
        drop(state);
        self.shared.has_task.notify_all();
        for thread in threads {
            // Panics of the work are results.
            let _ = thread.join();
        }
    }
}

impl<W: Work> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, State<W::Job, W::Output>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work_until_stopped(&self) {
        loop {
            let idle = |state: &mut State<_, _>| state.tasks.is_empty() && !state.is_stopped;
            let mut state = self.has_task.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            let Some(task) = state.tasks.pop_front() else { return };
            drop(state);
            self.perform(task);
        }
    }

    /// Performs the first task, if there is one.
    fn work_once(&self) -> bool {
        let task = self.lock().tasks.pop_front();
        task.map(|task| self.perform(task)).is_some()
    }

    fn perform(&self, task: Task<W::Job>) {
        match task {
            Task::Prepare(job) => {
                let _ = catch_unwind(AssertUnwindSafe(|| self.work.prepare(job)));
            }
            Task::Run(number, job) => {
                let outcome = catch_unwind(AssertUnwindSafe(|| self.work.run(job)));
                let result = outcome.map_or(Taken::Panicked, Taken::Done);
                let mut state = self.lock();
                let place = usize::try_from(number - state.first).unwrap_or(usize::MAX);
                if let Some(slot) = state.results.get_mut(place) {
                    *slot = result;
                }
                drop(state);
                if place == 0 {
                    self.has_result.notify_all();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;

    use super::*;

    /// Squares numbers, later ones sooner; panics at 13.
    #[derive(Default)]
    struct Square {
        prepared: Arc<AtomicUsize>,
    }

    impl Work for Square {
        type Job = u64;
        type Output = u64;

        fn prepare(&self, _job: u64) {
            self.prepared.fetch_add(1, Ordering::Relaxed);
        }

        fn run(&self, job: u64) -> u64 {
            assert_ne!(job, 13);
            sleep(Duration::from_micros(300 - 100 * (job % 4).min(3)));
            job * job
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs_with_any_number_of_threads() {
        for threads in 0..4 {
            let pipeline = Pipeline::start(Square::default(), threads);
            for job in 0..12 {
                assert!(pipeline.prepare(job) && pipeline.submit(job));
            }
            let results: Vec<_> = (0..13).map(|_| pipeline.take(Duration::from_secs(60))).collect();
            let expected = (0..12).map(|job| Taken::Done(job * job)).chain([Taken::Nothing]);
            assert_eq!(results, expected.collect::<Vec<_>>());
            assert_eq!(pipeline.shared.work.prepared.load(Ordering::Relaxed), 12);
        }
    }

    #[test]
    fn a_panic_is_the_result_of_its_job_alone() {
        for threads in 0..2 {
            let pipeline = Pipeline::start(Square::default(), threads);
            for job in [2, 13, 3] {
                assert!(pipeline.submit(job));
            }
            let results: Vec<_> = (0..3).map(|_| pipeline.take(Duration::from_secs(60))).collect();
            assert_eq!(results, [Taken::Done(4), Taken::Panicked, Taken::Done(9)]);
        }
    }

    #[test]
    fn dropping_it_ends_the_threads_and_drops_the_work() {
        let work = Square::default();
        let prepared = work.prepared.clone();
        let pipeline = Pipeline::start(work, 3);
        (0..1000).for_each(|job| assert!(pipeline.submit(job)));
        drop(pipeline);
        assert_eq!(Arc::strong_count(&prepared), 1);
    }

    #[test]
    fn waiting_ends_with_the_timeout() {
        struct Slow;
        impl Work for Slow {
            type Job = ();
            type Output = ();
            fn prepare(&self, (): ()) {}
            fn run(&self, (): ()) {
                sleep(Duration::from_millis(200));
            }
        }
        let pipeline = Pipeline::start(Slow, 1);
        assert!(pipeline.submit(()));
        assert_eq!(pipeline.take(Duration::from_millis(1)), Taken::Waiting);
        assert_eq!(pipeline.take(Duration::MAX), Taken::Done(()));
    }
}
