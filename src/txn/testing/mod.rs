//! Crashes, errors and power losses while something is written: a reader sees the old or the new state, and the next
//! append is right.

mod builds;
mod disk;
pub(crate) mod fault;
mod faults;
mod history;
mod original;
mod power;
mod scenario;
pub(super) mod seam;
mod store;
pub(super) mod trace;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use scenario::Scenario;
use store::State;

/// Everything is tried, not a share of it.
fn is_soak() -> bool {
    std::env::var_os("SOAK").is_some()
}

/// A folder in memory where there is one: thousands of them come and go.
fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { TempDir::new().unwrap() }
}

/// Where a data set is to be, below a directory that comes into being with it.
fn place(folder: &TempDir) -> PathBuf {
    folder.path().join("parent/map")
}

/// The states before and after an action, and after one more append to each.
#[derive(Clone)]
struct Expected {
    old: State,
    new: State,
    old_and_next: State,
    new_and_next: State,
}

impl Expected {
    fn of(scenario: &Scenario) -> Self {
        let read = |act: &dyn Fn(&Path)| {
            let folder = folder();
            let path = place(&folder);
            scenario.prepare(&path).unwrap();
            act(&path);
            scenario.read(&path).unwrap()
        };
        let (act, next) = (|path: &Path| scenario.act(path).unwrap(), |path: &Path| scenario.next(path).unwrap());
        Self {
            old: read(&|_| ()),
            new: read(&act),
            old_and_next: read(&next),
            new_and_next: read(&|path| {
                act(path);
                next(path);
            }),
        }
    }

    /// What follows `state` when one more sample is appended to it.
    fn after(&self, state: &State) -> State {
        match state {
            old if *old == self.old => self.old_and_next.clone(),
            new if *new == self.new => self.new_and_next.clone(),
            other => other.iter().cloned().chain(self.new_and_next.last().cloned()).collect(),
        }
    }
}
