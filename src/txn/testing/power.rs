//! Power losses: whatever of what was not synced has reached the disk, a reader sees the old or the new state, and the
//! next append is right. `disk.rs` says what the disk must honour.

use std::collections::HashSet;
use std::path::Path;

use super::disk::Disk;
use super::history::{Effort, History, Random};
use super::scenario::{Scenario, Verb, scenarios};
use super::store::State;
use super::{Expected, folder, is_soak, place};
use crate::Durability;
use crate::txn::has_journal;
use crate::txn::testing::trace::record;

/// What `act` does in a folder that begins as `before`.
fn history(before: &Disk, act: impl FnOnce(&Path)) -> History {
    let folder = folder();
    before.write_to(folder.path());
    let before = Disk::read(folder.path());
    let ((), ops) = record(|| act(&place(&folder)));
    let history = History::new(before, ops);
    let (told, found) = (history.after(), Disk::read(folder.path()));
    assert_eq!(told.digest(), found.digest(), "not all has passed the seam:\n{}\n{}", told.listing(), found.listing());
    history
}

/// The states that a scenario has left so far.
struct Trial<'a> {
    scenario: &'a Scenario,
    expected: &'a Expected,
    seen: HashSet<(u64, bool)>,
}

impl Trial<'_> {
    /// Checks one state; `acknowledged` where the action said that it was done. Also returns what a reader sees; `None`
    /// for a state that was there already.
    fn survives(&mut self, disk: &Disk, acknowledged: bool) -> Option<State> {
        if !self.seen.insert((disk.digest(), acknowledged)) {
            return None;
        }
        let folder = folder();
        disk.write_to(folder.path());
        let path = place(&folder);
        let name = self.scenario.name();
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{name}: {error}\n{}", disk.listing()));
        let is_new = seen == self.expected.new;
        assert!(is_new || seen == self.expected.old, "{name}: neither old nor new: {seen:?}\n{}", disk.listing());
        assert!(is_new || !acknowledged, "{name}: what was acknowledged is lost\n{}", disk.listing());
        self.goes_on(&path, &seen, disk);
        Some(seen)
    }

    fn goes_on(&self, path: &Path, seen: &State, disk: &Disk) {
        let name = self.scenario.name();
        let next = self.scenario.next(path);
        next.unwrap_or_else(|error| panic!("{name}: the next append: {error}\n{}", disk.listing()));
        let found = self.scenario.read(path).unwrap();
        assert_eq!(found, self.expected.after(seen), "{name}: after the next append\n{}", disk.listing());
        assert!(!has_journal(path), "{name}: an intent is left\n{}", disk.listing());
    }

    /// Power losses during the append that follows one, which begins by a recovery.
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

/// Appends leave few operations that are not synced, and all subsets of them are tried. A directory that is built
/// aside leaves more.
fn effort(scenario: &Scenario) -> Effort {
    if !is_soak() {
        return Effort { exhaustive: 3, subsets: 1, tears: 1 };
    }
    Effort { exhaustive: if scenario.verb == Verb::Append { 16 } else { 9 }, subsets: 24, tears: 3 }
}

#[test]
fn a_power_loss_leaves_the_old_or_the_new_state() {
    let (mut random, mut states, mut repeated) = (Random(1), 0, 0);
    for scenario in scenarios(Durability::Full) {
        let (expected, effort) = (Expected::of(&scenario), effort(&scenario));
        let folder = folder();
        scenario.prepare(&place(&folder)).unwrap();
        let history = history(&Disk::read(folder.path()), |path| scenario.act(path).unwrap());
        let mut trial = Trial { scenario: &scenario, expected: &expected, seen: HashSet::new() };
        let mut again = Vec::new();
        history.states(effort, &mut random, |disk, is_done| {
            again.extend(trial.survives(disk, is_done).map(|seen| (disk.clone(), seen)));
        });
        states += trial.seen.len();
        for (disk, seen) in again.into_iter().step_by(if is_soak() { 11 } else { 31 }) {
            let sample = Effort { exhaustive: 4, subsets: 4, tears: 1 };
            repeated += trial.recovers(&disk, seen, if is_soak() { sample } else { effort }, &mut random);
        }
    }
    println!("power losses: {states} states, and {repeated} of a second loss during recovery");
    assert!(states + repeated > if is_soak() { 100_000 } else { 2000 }, "{states} + {repeated} states");
}
