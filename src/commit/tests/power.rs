//! Power losses: whatever of what was not synced has reached the disk, a reader sees the old or the new state, and the
//! next append is right. `disk.rs` says what the disk must honour.

use std::collections::HashSet;
use std::path::Path;

use super::disk::Disk;
use super::history::{Effort, History, Random};
use super::scenario::{Scenario, Verb, scenarios};
use super::store::State;
use super::{Expected, folder, is_soak};
use crate::Durability;
use crate::commit::has_intent;
use crate::commit::trace::record;

/// What `act` does in a folder that begins as `before`.
fn history(before: &Disk, act: impl FnOnce(&Path)) -> History {
    let folder = folder();
    before.write_to(folder.path());
    let before = Disk::read(folder.path());
    let ((), ops) = record(|| act(&folder.path().join("map")));
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
        let path = folder.path().join("map");
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
        assert!(!has_intent(path), "{name}: an intent is left\n{}", disk.listing());
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

/// Creation from nothing waits for the disk only where it is asked to, by the first append.
fn is_promised(scenario: &Scenario) -> bool {
    !matches!(scenario.verb, Verb::Create)
}

#[test]
fn a_power_loss_leaves_the_old_or_the_new_state() {
    let effort = if is_soak() { Effort { subsets: 400, tears: 24 } } else { Effort { subsets: 20, tears: 2 } };
    let mut random = Random(1);
    let (mut states, mut repeated) = (0, 0);
    for scenario in scenarios(Durability::Full).filter(is_promised) {
        let expected = Expected::of(&scenario);
        let folder = folder();
        scenario.prepare(&folder.path().join("map")).unwrap();
        let history = history(&Disk::read(folder.path()), |path| scenario.act(path).unwrap());
        let mut trial = Trial { scenario: &scenario, expected: &expected, seen: HashSet::new() };
        let mut again = Vec::new();
        history.states(effort, &mut random, |disk, is_done| {
            again.extend(trial.survives(disk, is_done).map(|seen| (disk.clone(), seen)));
        });
        states += trial.seen.len();
        for (disk, seen) in again.into_iter().step_by(if is_soak() { 1 } else { 29 }) {
            repeated += trial.recovers(&disk, seen, Effort { subsets: 8, tears: 2 }, &mut random);
        }
        println!("{}: {states} {repeated}", scenario.name());
    }
    println!("power loss: {states} states, and {repeated} after another one during recovery; 0 torn");
    assert!(states + repeated > if is_soak() { 100_000 } else { 2000 }, "{states} + {repeated} states");
}
