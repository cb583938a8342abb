//! Process deaths and errors at every file operation: a reader sees the old or the new state, and the next append
//! succeeds.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::scenario::{Scenario, Verb, scenarios};
use super::{Expected, dataset_in};
use crate::Durability;
use crate::testing::{folder, is_soak};
use crate::txn::has_journal;
use crate::txn::testing::fault::{Fault, count_operations, inject};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// More operations than any scenario has.
const MAX_OPERATIONS: usize = 100_000;
const FAULTS: [Fault; 5] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Short];

/// A scenario, the disk before it, and the states that readers may see.
struct Trial {
    scenario: Scenario,
    before: Disk,
    expected: Expected,
}

impl Trial {
    fn new(scenario: Scenario) -> Self {
        let folder = folder();
        scenario.prepare(&dataset_in(&folder)).unwrap();
        Self { scenario, before: Disk::read(folder.path()), expected: Expected::of(&scenario) }
    }

    /// The number of file operations of the action.
    fn operations(&self) -> usize {
        let folder = folder();
        self.before.write_to(folder.path());
        let path = dataset_in(&folder);
        count_operations(|| self.scenario.act(&path).unwrap())
    }

    /// Checks a fault at the `n`-th operation; `false` if the action has fewer.
    fn survives(&self, n: usize, fault: Fault) -> bool {
        let (folder, Expected { old, new, .. }) = (folder(), &self.expected);
        self.before.write_to(folder.path());
        let path = dataset_in(&folder);
        let (outcome, was_struck) = inject(n, fault, || self.scenario.act(&path));
        let point = format!("{}: {fault:?} at operation {n}", self.scenario.name());
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{point}: {error}"));
        assert!(seen == *old || seen == *new, "{point}: neither the old nor the new state: {seen:?}");
        assert!(outcome.is_err() || seen == *new, "{point}: the action reported success");
        let is_alive = matches!(fault, Fault::Error(_) | Fault::Short);
        assert!(outcome.is_ok() || !is_alive || seen == *old, "{point}: the action failed but changed something");
        self.scenario.next(&path).unwrap_or_else(|error| panic!("{point}: the next append: {error}"));
        let after = self.scenario.read(&path).unwrap();
        assert_eq!(after, self.expected.after(&seen), "{point}: after the next append");
        assert!(!has_journal(&path), "{point}: a journal is left");
        if seen == *old {
            self.can_be_repeated(n, fault, &point);
        }
        was_struck
    }

    /// Checks that an interrupted action can be repeated.
    fn can_be_repeated(&self, n: usize, fault: Fault, point: &str) {
        let folder = folder();
        self.before.write_to(folder.path());
        let path = dataset_in(&folder);
        let _ = inject(n, fault, || self.scenario.act(&path));
        self.scenario.act(&path).unwrap_or_else(|error| panic!("{point}: repeated: {error}"));
        assert_eq!(self.scenario.read(&path).unwrap(), self.expected.new, "{point}: repeated");
    }

    /// Checks a crash at the `n`-th operation and one at the `m`-th of the next append; `false` if that has fewer.
    fn survives_two(&self, n: usize, m: usize) -> bool {
        let (folder, Expected { old, new, .. }) = (folder(), &self.expected);
        self.before.write_to(folder.path());
        let path = dataset_in(&folder);
        let _ = inject(n, Fault::Torn, || self.scenario.act(&path));
        let (_, was_struck) = inject(m, Fault::Torn, || self.scenario.next(&path));
        let point = format!("{}: crashes at operation {n} and at {m} of the next append", self.scenario.name());
        let seen = self.scenario.read(&path).unwrap_or_else(|error| panic!("{point}: {error}"));
        let states = [old, new, &self.expected.after(old), &self.expected.after(new)];
        assert!(states.contains(&&seen), "{point}: {seen:?}");
        self.scenario.next(&path).unwrap_or_else(|error| panic!("{point}: the last append: {error}"));
        assert_eq!(self.scenario.read(&path).unwrap(), self.expected.after(&seen), "{point}: after the last append");
        was_struck
    }
}

/// The step between the operations to try: all of them, or about as many of an action with many as of one with few.
fn step(usual: usize, operations: usize, most: usize) -> usize {
    if is_soak() { 1 } else { usual.max(operations / most) }
}

#[test]
fn a_fault_at_any_operation_leaves_the_old_or_the_new_state() {
    let mut points: BTreeMap<Verb, usize> = BTreeMap::new();
    for scenario in [Durability::Process, Durability::Full].into_iter().flat_map(scenarios) {
        let trial = Trial::new(scenario);
        let operations = trial.operations();
        for (first, fault) in FAULTS.into_iter().enumerate() {
            let tried = (first..=operations).step_by(step(11, operations, 8));
            let tried = tried.filter(|&n| trial.survives(n, fault));
            *points.entry(scenario.verb).or_default() += tried.count();
        }
    }
    let total: usize = points.values().sum();
    println!("faults: {total} points {points:?}");
    assert!(total > if is_soak() { 50_000 } else { 5000 }, "{total} points");
}

#[test]
fn a_crash_during_recovery_leaves_the_old_or_the_new_state() {
    let mut points = 0;
    for scenario in [Durability::Process, Durability::Full].into_iter().flat_map(scenarios) {
        let trial = Trial::new(scenario);
        let operations = trial.operations();
        let often = step(1, operations, 60);
        let first = if is_soak() { 0 } else { operations / 2 };
        for n in (first..operations).step_by(step(97, operations, 1)) {
            points += (0..MAX_OPERATIONS).step_by(often).take_while(|&m| trial.survives_two(n, m)).count();
        }
    }
    println!("crashes during recovery: {points} points");
    assert!(points > if is_soak() { 100_000 } else { 1000 }, "{points} points");
}
