//! A process that dies, and errors, at every file operation: a reader sees the old or the new state, and the next append
//! is right.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::scenario::{Scenario, Verb, scenarios};
use super::{Expected, folder, is_soak};
use crate::Durability;
use crate::commit::fault::{Fault, count, strike};
use crate::commit::has_intent;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// More operations than any scenario has.
const MOST: usize = 100_000;
const FAULTS: [Fault; 5] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Short];

/// A scenario, the disk on which it begins, and what is to be seen.
struct Trial {
    scenario: Scenario,
    before: Disk,
    expected: Expected,
}

impl Trial {
    fn new(scenario: Scenario) -> Self {
        let folder = folder();
        scenario.prepare(&folder.path().join("map")).unwrap();
        Self { scenario, before: Disk::read(folder.path()), expected: Expected::of(&scenario) }
    }

    /// File operations of the action.
    fn operations(&self) -> usize {
        let folder = folder();
        self.before.write_to(folder.path());
        let path = folder.path().join("map");
        count(|| self.scenario.act(&path).unwrap())
    }

    /// One fault at the `n`-th operation; `false` where the action has fewer.
    fn survives(&self, n: usize, fault: Fault) -> bool {
        let (folder, Expected { old, new, .. }) = (folder(), &self.expected);
        self.before.write_to(folder.path());
        let path = folder.path().join("map");
        let (outcome, was_struck) = strike(n, fault, || self.scenario.act(&path));
        let place = format!("{}: {fault:?} at operation {n}", self.scenario.name());
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(seen == *old || seen == *new, "{place}: neither the old nor the new state: {seen:?}");
        assert!(outcome.is_err() || seen == *new, "{place}: the action says it is done");
        let is_alive = matches!(fault, Fault::Error(_) | Fault::Short);
        assert!(outcome.is_ok() || !is_alive || seen == *old, "{place}: the action failed but changed something");
        let left = Disk::read(folder.path());
        self.scenario.next(&path).unwrap_or_else(|error| panic!("{place}: the next append: {error}"));
        let after = self.scenario.read(&path).unwrap();
        assert_eq!(after, self.expected.after(&seen), "{place}: after the next append");
        assert!(!has_intent(&path), "{place}: an intent is left");
        if seen == *old && !self.scenario.is_build() {
            self.succeeds_again(&left, &place);
        }
        was_struck
    }

    /// What was cut off can be done once more.
    fn succeeds_again(&self, left: &Disk, place: &str) {
        let folder = folder();
        left.write_to(folder.path());
        let path = folder.path().join("map");
        self.scenario.act(&path).unwrap_or_else(|error| panic!("{place}: once more: {error}"));
        assert_eq!(self.scenario.read(&path).unwrap(), self.expected.new, "{place}: once more");
    }

    /// A crash at the `n`-th operation, then one at the `m`-th of the next append; `false` where that has fewer.
    fn survives_two(&self, n: usize, m: usize) -> bool {
        let (folder, Expected { old, new, .. }) = (folder(), &self.expected);
        self.before.write_to(folder.path());
        let path = folder.path().join("map");
        let _ = strike(n, Fault::Torn, || self.scenario.act(&path));
        let (_, was_struck) = strike(m, Fault::Torn, || self.scenario.next(&path));
        let place = format!("{}: crashes at operation {n} and at {m} of the next append", self.scenario.name());
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        let states = [old, new, &self.expected.after(old), &self.expected.after(new)];
        assert!(states.contains(&&seen), "{place}: {seen:?}");
        self.scenario.next(&path).unwrap_or_else(|error| panic!("{place}: the last append: {error}"));
        assert_eq!(self.scenario.read(&path).unwrap(), self.expected.after(&seen), "{place}: after the last append");
        was_struck
    }
}

#[test]
fn a_fault_at_any_operation_leaves_the_old_or_the_new_state() {
    let mut points: BTreeMap<Verb, usize> = BTreeMap::new();
    for scenario in [Durability::Process, Durability::Full].into_iter().flat_map(scenarios) {
        let trial = Trial::new(scenario);
        for fault in FAULTS {
            *points.entry(scenario.verb).or_default() += (0..MOST).take_while(|&n| trial.survives(n, fault)).count();
        }
    }
    let total: usize = points.values().sum();
    println!("faults: {total} points {points:?}");
    assert!(total > 5000, "{total} points");
}

#[test]
fn a_crash_during_recovery_leaves_the_old_or_the_new_state() {
    let mut points = 0;
    for scenario in [Durability::Process, Durability::Full].into_iter().flat_map(scenarios) {
        let trial = Trial::new(scenario);
        for n in (0..trial.operations()).step_by(if is_soak() { 1 } else { 31 }) {
            points += (0..MOST).take_while(|&m| trial.survives_two(n, m)).count();
        }
    }
    println!("crashes during recovery: {points} points");
    assert!(points > if is_soak() { 5000 } else { 500 }, "{points} points");
}
