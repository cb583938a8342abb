//! Jobs shared among threads. They are started for each call: a pool would not survive the fork of a data loader's workers.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs `work` on every job, on at most that many threads. Where the system has fewer to give, those that there are do the
/// rest.
pub(crate) fn for_each<T: Send>(jobs: Vec<T>, threads: usize, work: impl Fn(T) + Sync) {
    let others = jobs.len().min(threads).saturating_sub(1);
    let queue = Mutex::new(jobs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(job) = next() {
            work(job);
        }
    };
    thread::scope(|scope| {
        for _ in 0..others {
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        for_each((0..done.len()).collect(), 7, |job| {
            done[job].fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}
