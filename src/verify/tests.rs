//! Crashes and errors at every file operation of a repair, and of writing checksums.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::testing::stores::{State, Store};
use crate::testing::{folder, is_soak};
use crate::txn::testing::fault::{Fault, inject};
use crate::{Durability, repair, verify, write_checksums};

const EIO: i32 = 5;
/// More operations than any repair has.
const MAX_OPERATIONS: usize = 10_000;
const FAULTS: [Fault; 4] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Short];

/// Datasets whose members differ. Their last sample has bytes that can be lost.
fn stores() -> [Store; 4] {
    ["ragged 1-D", "ragged N-D", "frames", "rows"].map(Store::named)
}

fn create(store: &Store) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("map");
    (store.create)(&path, Durability::Process, store.old).unwrap();
    (folder, path)
}

fn append(store: &Store, path: &Path) -> crate::Result<()> {
    (store.append)(path, Durability::Process, store.new)
}

/// Repairs a dataset after `tear`, with a fault at the `n`-th operation, and then without; `false` if the first repair
/// has fewer operations.
fn is_repaired(store: &Store, n: usize, fault: Fault, tear: impl Fn(&Path), expected: impl Fn(&State) -> bool) -> bool {
    let (_folder, path) = create(store);
    tear(&path);
    let (_, was_struck) = inject(n, fault, || repair(&path, true));
    let point = format!("{}: {fault:?} at operation {n}", store.name);
    let done = repair(&path, true).unwrap();
    assert!(done.problems.is_empty(), "{point}: {done}");
    let report = verify(&path).unwrap();
    assert!(report.is_ok() && report.notes.is_empty(), "{point}: {report}");
    let samples = (store.read)(&path).unwrap();
    assert!(expected(&samples), "{point}: {samples:?}");
    append(store, &path).unwrap();
    assert_eq!((store.read)(&path).unwrap()[..samples.len()], samples, "{point}");
    was_struck
}

#[test]
fn a_fault_in_a_repair_is_repaired_by_the_next() {
    for store in stores() {
        let (_folder, path) = create(&store);
        let whole = (store.read)(&path).unwrap();
        let tear = |path: &Path| {
            let data = path.join("data.ninja");
            let len = fs::metadata(&data).unwrap().len();
            fs::OpenOptions::new().write(true).open(data).unwrap().set_len(len - 1).unwrap();
        };
        let is_prefix = |samples: &State| *samples == whole[..whole.len() - 1];
        for fault in FAULTS {
            let points = (0..MAX_OPERATIONS).take_while(|&n| is_repaired(&store, n, fault, tear, is_prefix));
            let count = points.count();
            assert!(count > 5, "{}: {count} operations", store.name);
        }
    }
}

#[test]
fn an_append_interrupted_at_any_operation_is_repaired_even_after_a_fault() {
    for store in stores() {
        let (_folder, path) = create(&store);
        let old = (store.read)(&path).unwrap();
        append(&store, &path).unwrap();
        let new = (store.read)(&path).unwrap();
        for n in 0..MAX_OPERATIONS {
            let tear = |path: &Path| drop(inject(n, Fault::Torn, || append(&store, path)));
            for m in (0..MAX_OPERATIONS).step_by(if is_soak() { 1 } else { 7 }) {
                if !is_repaired(&store, m, Fault::Torn, tear, |samples| *samples == old || *samples == new) {
                    break;
                }
            }
            let (_folder, path) = create(&store);
            if !inject(n, Fault::Torn, || append(&store, &path)).1 {
                break;
            }
            let report = verify(&path).unwrap();
            assert!(report.is_ok(), "{}: interrupted at operation {n}: {report}", store.name);
        }
    }
}

#[test]
fn checksums_are_replaced_completely_or_not_at_all() {
    for store in stores() {
        for fault in FAULTS {
            for n in 0..MAX_OPERATIONS {
                let (_folder, path) = create(&store);
                write_checksums(&path).unwrap();
                append(&store, &path).unwrap();
                let (outcome, was_struck) = inject(n, fault, || write_checksums(&path));
                let report = verify(&path).unwrap();
                assert!(report.is_ok(), "{}: {fault:?} at operation {n}: {report}", store.name);
                assert!(report.checked > 0);
                assert!(outcome.is_err() || report.notes.is_empty(), "{report}");
                write_checksums(&path).unwrap();
                assert!(verify(&path).unwrap().notes.is_empty());
                if !was_struck {
                    break;
                }
            }
        }
    }
}
