//! Power losses: whichever unsynced operations have reached the disk, a reader sees the old or the new state, and the
//! next append succeeds. `disk.rs` says what the disk guarantees.

use std::collections::HashSet;
use std::path::Path;

use super::disk::Disk;
use super::history::{Effort, History};
use super::random::Random;
use super::scenario::{Scenario, Verb, scenarios};
use super::{Expected, dataset_in};
use crate::Durability;
use crate::testing::stores::State;
use crate::testing::{folder, is_soak};
use crate::txn::has_journal;
use crate::txn::testing::trace::record;

/// The operations of `act` in a folder that is `before`.
fn history(before: &Disk, act: impl FnOnce(&Path)) -> History {
    let folder = folder();
    before.write_to(folder.path());
    let before = Disk::read(folder.path());
    let ((), ops) = record(|| act(&dataset_in(&folder)));
    let history = History::new(before, ops);
    let (recorded, found) = (history.after(), Disk::read(folder.path()));
    let listings = format!("{}\n{}", recorded.listing(), found.listing());
    assert_eq!(recorded.digest(), found.digest(), "some changes bypass the seam:\n{listings}");
    history
}

/// A scenario, and the states that were checked already.
struct Trial<'a> {
    scenario: &'a Scenario,
    expected: &'a Expected,
    seen: HashSet<(u64, bool)>,
}

impl Trial<'_> {
    /// Checks one state, `acknowledged` if the action reported success. Returns what a reader sees, or `None` if the
    /// state was checked already.
    fn survives(&mut self, disk: &Disk, acknowledged: bool) -> Option<State> {
        if !self.seen.insert((disk.digest(), acknowledged)) {
            return None;
        }
        let folder = folder();
        disk.write_to(folder.path());
        let path = dataset_in(&folder);
        let name = self.scenario.name();
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{name}: {error}\n{}", disk.listing()));
        let is_new = seen == self.expected.new;
        assert!(is_new || seen == self.expected.old, "{name}: neither old nor new: {seen:?}\n{}", disk.listing());
        assert!(is_new || !acknowledged, "{name}: an acknowledged change is lost\n{}", disk.listing());
        self.can_append(&path, &seen, disk);
        Some(seen)
    }

    /// Checks that the next append succeeds.
    fn can_append(&self, path: &Path, seen: &State, disk: &Disk) {
        let name = self.scenario.name();
        let next = self.scenario.next(path);
        next.unwrap_or_else(|error| panic!("{name}: the next append: {error}\n{}", disk.listing()));
        let found = self.scenario.read(path).unwrap();
        assert_eq!(found, self.expected.after(seen), "{name}: after the next append\n{}", disk.listing());
        assert!(!has_journal(path), "{name}: a journal is left\n{}", disk.listing());
    }

    /// Checks power losses during the next append, which begins with a recovery.
    fn recovers(&self, disk: &Disk, seen: State, effort: Effort, random: &mut Random) -> usize {
        let scenario = Scenario { verb: Verb::Append, ..*self.scenario };
        let next = self.expected.after(&seen);
        let twice = self.expected.after(&next);
        let expected = Expected { old: seen, old_and_next: next.clone(), new: next, new_and_next: twice };
        let mut trial = Trial { scenario: &scenario, expected: &expected, seen: HashSet::new() };
        let history = history(disk, |path| scenario.next(path).unwrap());
        history.states(effort, random, |disk, is_done| drop(trial.survives(disk, is_done)));
        trial.seen.len()
    }
}

/// Appends have few operations between two syncs, so all subsets of them are tried. Staging a new directory has more.
fn effort(scenario: &Scenario) -> Effort {
    if !is_soak() {
        return Effort { exhaustive: 3, subsets: 1, moments: 40, tears: 1 };
    }
    let exhaustive = if scenario.verb == Verb::Append { 16 } else { 9 };
    Effort { exhaustive, subsets: 24, moments: usize::MAX, tears: 3 }
}

#[test]
fn a_power_loss_leaves_the_old_or_the_new_state() {
    let (mut random, mut states, mut repeated) = (Random(1), 0, 0);
    for scenario in scenarios(Durability::Full) {
        let (expected, effort) = (Expected::of(&scenario), effort(&scenario));
        let folder = folder();
        scenario.prepare(&dataset_in(&folder)).unwrap();
        let history = history(&Disk::read(folder.path()), |path| scenario.act(path).unwrap());
        let mut trial = Trial { scenario: &scenario, expected: &expected, seen: HashSet::new() };
        let mut again = Vec::new();
        history.states(effort, &mut random, |disk, is_done| {
            again.extend(trial.survives(disk, is_done).map(|seen| (disk.clone(), seen)));
        });
        states += trial.seen.len();
        for (disk, seen) in again.into_iter().step_by(if is_soak() { 11 } else { 31 }) {
            let sample = Effort { exhaustive: 4, subsets: 4, moments: usize::MAX, tears: 1 };
            repeated += trial.recovers(&disk, seen, if is_soak() { sample } else { effort }, &mut random);
        }
    }
    println!("power losses: {states} states, and {repeated} of a second loss during recovery");
    assert!(states + repeated > if is_soak() { 100_000 } else { 2000 }, "{states} + {repeated} states");
}
