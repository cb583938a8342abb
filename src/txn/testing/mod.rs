//! Crashes, errors and power losses during every change: a reader sees the old or the new state, and the next append
//! succeeds.

mod builds;
mod disk;
pub(crate) mod fault;
mod faults;
mod history;
mod original;
mod power;
mod random;
mod scenario;
pub(super) mod seam;
pub(super) mod trace;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use scenario::Scenario;

use crate::testing::folder;
use crate::testing::stores::State;

/// The path of a dataset whose parent directory does not exist yet.
fn dataset_in(folder: &TempDir) -> PathBuf {
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
            let path = dataset_in(&folder);
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

    /// The state after one more append to `state`.
    fn after(&self, state: &State) -> State {
        match state {
            old if *old == self.old => self.old_and_next.clone(),
            new if *new == self.new => self.new_and_next.clone(),
            other => other.iter().cloned().chain(self.new_and_next.last().cloned()).collect(),
        }
    }
}
