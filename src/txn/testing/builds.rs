//! A build that dies or fails at any file operation can be resumed after all samples that it has stored, and leaves no
//! trace.

use std::fs::{self, DirEntry};
use std::path::Path;

use tempfile::TempDir;

use crate::testing::folder;
use crate::testing::stores::STORES;
use crate::txn::BuildSession;
use crate::txn::testing::fault::{Fault, inject};
use crate::{Durability, Result};

const EIO: i32 = 5;
/// A foreign file.
const NOTES: &str = "notes.txt";
/// More operations than any build has.
const MAX_OPERATIONS: usize = 100_000;
/// The seeds of the samples. The third sample is the first that is not 1-D.
const SEEDS: [u16; 4] = [4, 1, 102, 3];

/// Resumes a build at the first missing sample; also returns how many samples were stored, even after an error.
fn resume(path: &Path) -> (usize, Result<()>) {
    let mut stored = 0;
    let outcome = BuildSession::begin(path, true).and_then(|session| {
        stored = (STORES[0].read)(session.partial())?.len();
        for seed in &SEEDS[stored..] {
            (STORES[0].append)(session.partial(), Durability::Process, &[*seed])?;
            stored += 1;
        }
        session.finish()
    });
    (stored, outcome)
}

fn entries(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = dir.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}

/// A folder for a build, with a dataset to replace if `is_replacing`.
fn prepare(is_replacing: bool) -> TempDir {
    let folder = folder();
    let path = folder.path().join("map");
    if is_replacing {
        (STORES[0].create)(&path, Durability::Process, &[2]).unwrap();
        fs::write(path.join(NOTES), "mine").unwrap();
    }
    folder
}

#[test]
fn a_fault_at_any_operation_of_a_build_loses_no_sample_and_leaves_nothing_behind() {
    for is_replacing in [false, true] {
        let whole = prepare(is_replacing);
        let path = whole.path().join("map");
        resume(&path).1.unwrap();
        let (expected, files) = ((STORES[0].read)(&path).unwrap(), entries(&path));
        assert_eq!(files.contains(&NOTES.to_owned()), is_replacing);
        for fault in [Fault::Kill, Fault::Torn, Fault::Error(EIO)] {
            for n in 0..MAX_OPERATIONS {
                let folder = prepare(is_replacing);
                let (path, partial) = (folder.path().join("map"), folder.path().join("map.partial"));
                let ((stored, _), was_struck) = inject(n, fault, || resume(&path));
                let point = format!("{fault:?} at operation {n}, replacing: {is_replacing}");
                let is_done = (STORES[0].read)(&path).unwrap() == expected;
                let safe = if is_done { stored } else { (STORES[0].read)(&partial).unwrap().len() };
                assert!(safe >= stored, "{point}: {safe} of {stored} samples are safe");
                resume(&path).1.unwrap_or_else(|error| panic!("{point}: {error}"));
                assert_eq!((STORES[0].read)(&path).unwrap(), expected, "{point}");
                assert_eq!(
                    (entries(folder.path()), entries(&path)),
                    (vec!["map".to_owned()], files.clone()),
                    "{point}"
                );
                if !was_struck {
                    break;
                }
            }
        }
    }
}
