//! Crashes and errors at every file operation: a reader sees the old or the new state, and the next append is right.

use std::fs::{self, DirEntry};
use std::path::Path;

use tempfile::TempDir;

use super::Construction;
use super::fault::{Fault, strike};
use crate::{Compression, Dense, Dtype, Layout, Mode, Order, Ragged, Result, Sample, Strings};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// More operations than any scenario has.
const MOST: usize = 100_000;
const FAULTS: [Fault; 5] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Error(ENOSPC), Fault::Short];

/// What a reader sees: the samples, as shapes and bytes.
type State = Vec<(Vec<i64>, Vec<u8>)>;

/// Something that writes, what was there before, and what comes after.
struct Scenario {
    name: &'static str,
    prepare: fn(&Path) -> Result<()>,
    act: fn(&Path) -> Result<()>,
    /// Appends one more sample.
    next: fn(&Path) -> Result<()>,
    read: fn(&Path) -> Result<State>,
}

const fn flat(name: &'static str, prepare: fn(&Path) -> Result<()>, act: fn(&Path) -> Result<()>) -> Scenario {
    Scenario { name, prepare, act, next: |path| ragged(path, &[&[7]]), read: read_ragged }
}

const fn texts(name: &'static str, prepare: fn(&Path) -> Result<()>, act: fn(&Path) -> Result<()>) -> Scenario {
    Scenario { name, prepare, act, next: |path| append_texts(path, &["next"]), read: read_strings }
}

const SCENARIOS: [Scenario; 13] = [
    flat("append to a 1-D map", |path| ragged(path, &[&[2], &[0], &[3]]), |path| ragged(path, &[&[4], &[0], &[1]])),
    flat("append to an N-D map", |path| ragged(path, &[&[2, 2], &[3]]), |path| ragged(path, &[&[1, 2], &[], &[2]])),
    flat("append to a map of no elements", |path| ragged(path, &[&[0], &[0]]), |path| ragged(path, &[&[2]])),
    flat("first append", |_| Ok(()), |path| ragged(path, &[&[2], &[1]])),
    flat("widen", |path| ragged(path, &[&[2], &[], &[3]]), |path| ragged(path, &[&[2, 1]])),
    flat("replace", |path| ragged(path, &[&[2], &[3]]), |path| replace(path, &[&[1, 3], &[5]])),
    flat("build", |path| ragged(path, &[&[2]]), |path| build(path, &[&[4], &[1], &[2, 2], &[3]])),
    texts("append strings", |path| create_texts(path, None), |path| append_texts(path, &["", "drei", "vier"])),
    texts("append frames", |path| create_texts(path, Some(3)), |path| append_texts(path, &["drei", ""])),
    texts("append to empty strings", |path| append_texts(path, &["", ""]), |path| append_texts(path, &["a"])),
    texts("replace strings", |path| create_texts(path, None), |path| create_texts(path, Some(1))),
    Scenario {
        name: "append rows",
        prepare: |path| Dense::create(path, &Dtype::of::<u8>(), &[2, 2], Order::C, &[1, 2, 3, 4]),
        act: |path| rows(path, &[5, 6, 7, 8]),
        next: |path| rows(path, &[9, 9]),
        read: read_dense,
    },
    Scenario {
        name: "append rows in F order",
        prepare: |path| Dense::create(path, &Dtype::of::<u8>(), &[2, 2], Order::F, &[1, 3, 2, 4]),
        act: |path| rows(path, &[5, 6]),
        next: |path| rows(path, &[9, 9]),
        read: read_dense,
    },
];

fn ragged(path: &Path, shapes: &[&[i64]]) -> Result<()> {
    let mut map = Ragged::open(path, Mode::ReadOnly)?;
    let values: Vec<Vec<u16>> = shapes.iter().enumerate().map(|(seed, shape)| numbers(shape, seed)).collect();
    let samples: Vec<_> = values.iter().zip(shapes).map(|(values, shape)| Sample::new(values, shape)).collect();
    map.append(&Dtype::of::<u16>(), &samples)
}

fn numbers(shape: &[i64], seed: usize) -> Vec<u16> {
    let count = u16::try_from(shape.iter().product::<i64>()).unwrap();
    (0..count).map(|i| 1 + i + 100 * u16::try_from(seed).unwrap()).collect()
}

fn replace(path: &Path, shapes: &[&[i64]]) -> Result<()> {
    let values: Vec<Vec<u16>> = shapes.iter().enumerate().map(|(seed, shape)| numbers(shape, seed)).collect();
    let samples: Vec<_> = values.iter().zip(shapes).map(|(values, shape)| Sample::new(values, shape)).collect();
    Ragged::create(path, &Layout::default(), &Dtype::of::<u16>(), &samples)
}

fn build(path: &Path, shapes: &[&[i64]]) -> Result<()> {
    let construction = Construction::begin(path, false)?;
    for shape in shapes {
        ragged(construction.partial(), &[shape])?;
    }
    construction.finish()
}

fn create_texts(path: &Path, level: Option<i32>) -> Result<()> {
    let compression = level.map(|level| Compression { level, dict_size: None });
    Strings::create(path, &Layout::default(), compression, &["eins", "", "zwei"][..2 + usize::from(level.is_some())])
}

fn append_texts(path: &Path, strings: &[&str]) -> Result<()> {
    Strings::open(path, Mode::ReadOnly)?.append(strings)
}

fn rows(path: &Path, bytes: &[u8]) -> Result<()> {
    let count = bytes.len() as u64 / 2;
    Dense::open(path, Mode::ReadOnly)?.extend(&Dtype::of::<u8>(), &[count, 2], bytes)
}

fn read_ragged(path: &Path) -> Result<State> {
    let map = Ragged::open(path, Mode::ReadOnly)?;
    (0..map.len()).map(|i| map.get(i).map(|sample| (sample.shape.to_vec(), sample.bytes.to_vec()))).collect()
}

fn read_strings(path: &Path) -> Result<State> {
    let map = Strings::open(path, Mode::ReadOnly)?;
    (0..map.len()).map(|i| Ok((vec![], map.get(i)?.as_bytes().to_vec()))).collect()
}

/// Rows of two bytes, which lie side by side in C order, and as far apart as there are rows in F order.
fn read_dense(path: &Path) -> Result<State> {
    let array = Dense::open(path, Mode::ReadOnly)?;
    let (bytes, rows) = (array.bytes(), array.bytes().len() / 2);
    let row = |i: usize| match array.order() {
        Order::C => bytes[2 * i..2 * i + 2].to_vec(),
        Order::F => vec![bytes[i], bytes[rows + i]],
    };
    Ok((0..rows).map(|i| (vec![2], row(i))).collect())
}

/// A folder in memory where there is one: thousands of them come and go.
fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { TempDir::new().unwrap() }
}

impl Scenario {
    /// The states before and after, and after one more append to each.
    fn expected(&self) -> [State; 4] {
        let (folder, path) = (folder(), |folder: &TempDir| folder.path().join("map"));
        (self.prepare)(&path(&folder)).unwrap();
        let old = (self.read)(&path(&folder)).unwrap();
        (self.act)(&path(&folder)).unwrap();
        let new = (self.read)(&path(&folder)).unwrap();
        (self.next)(&path(&folder)).unwrap();
        let new_and_next = (self.read)(&path(&folder)).unwrap();
        let other = self::folder();
        (self.prepare)(&path(&other)).unwrap();
        (self.next)(&path(&other)).unwrap();
        [old, new, (self.read)(&path(&other)).unwrap(), new_and_next]
    }

    /// One fault at the `n`-th operation; `false` where the action has fewer.
    fn survives(&self, n: usize, fault: Fault, [old, new, old_and_next, new_and_next]: &[State; 4]) -> bool {
        let folder = folder();
        let path = folder.path().join("map");
        (self.prepare)(&path).unwrap();
        let (outcome, was_struck) = strike(n, fault, || (self.act)(&path));
        let place = format!("{}: {fault:?} at operation {n}", self.name);
        let seen = (self.read)(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(seen == *old || seen == *new, "{place}: neither the old nor the new state: {seen:?}");
        assert!(outcome.is_err() || seen == *new, "{place}: the action says it is done");
        let is_alive = matches!(fault, Fault::Error(_) | Fault::Short);
        assert!(outcome.is_ok() || !is_alive || seen == *old, "{place}: the action failed but changed something");
        (self.next)(&path).unwrap_or_else(|error| panic!("{place}: the next append: {error}"));
        let after = (self.read)(&path).unwrap();
        let right = if seen == *new { new_and_next } else { old_and_next };
        assert_eq!(after, *right, "{place}: after the next append");
        assert!(!super::has_intent(&path), "{place}: an intent is left");
        was_struck
    }

    /// A crash at the `n`-th operation, then one at the `m`-th of the next append; `false` where that has fewer.
    fn survives_two(&self, n: usize, m: usize, [old, new, old_and_next, new_and_next]: &[State; 4]) -> bool {
        let folder = folder();
        let path = folder.path().join("map");
        (self.prepare)(&path).unwrap();
        let _ = strike(n, Fault::Torn, || (self.act)(&path));
        let (_, was_struck) = strike(m, Fault::Torn, || (self.next)(&path));
        let place = format!("{}: crashes at operation {n} and at {m} of the next append", self.name);
        let seen = (self.read)(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!([old, new, old_and_next, new_and_next].contains(&&seen), "{place}: {seen:?}");
        (self.next)(&path).unwrap_or_else(|error| panic!("{place}: the last append: {error}"));
        assert_eq!((self.read)(&path).unwrap()[..seen.len()], seen, "{place}: after the last append");
        was_struck
    }
}

#[test]
fn a_fault_at_any_operation_leaves_the_old_or_the_new_state() {
    let mut points = 0;
    for scenario in &SCENARIOS {
        let expected = scenario.expected();
        for fault in FAULTS {
            points += (0..MOST).take_while(|&n| scenario.survives(n, fault, &expected)).count();
        }
    }
    println!("{points} points");
    assert!(points > 1000, "{points} points");
}

/// Every crash in the soak, every seventh otherwise.
fn step() -> usize {
    if std::env::var_os("SOAK").is_some() { 1 } else { 7 }
}

#[test]
fn a_crash_during_recovery_leaves_the_old_or_the_new_state() {
    let mut points = 0;
    for scenario in &SCENARIOS {
        let expected = scenario.expected();
        let operations = (0..MOST).take_while(|&n| scenario.survives(n, Fault::Torn, &expected)).count();
        for n in (0..operations).step_by(step()) {
            points += (0..MOST).take_while(|&m| scenario.survives_two(n, m, &expected)).count();
        }
    }
    println!("{points} points");
    assert!(points > 4000 / step(), "{points} points");
}

const BUILT: [&[i64]; 4] = [&[4], &[1], &[2, 2], &[3]];

/// Goes on with a build from the first sample that is missing; returns how many are there, also after an error.
fn go_on(path: &Path) -> (usize, Result<()>) {
    let mut stored = 0;
    let outcome = Construction::begin(path, true).and_then(|construction| {
        stored = Ragged::open(construction.partial(), Mode::ReadOnly)?.len();
        for shape in &BUILT[stored..] {
            ragged(construction.partial(), &[shape])?;
            stored += 1;
        }
        construction.finish()
    });
    (stored, outcome)
}

fn entries(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = dir.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}

/// A folder for a build, and in it what it is to replace, if anything.
fn place(is_replacing: bool) -> TempDir {
    let folder = folder();
    let path = folder.path().join("map");
    if is_replacing {
        ragged(&path, &[&[2]]).unwrap();
        fs::write(path.join("README"), "mine").unwrap();
    }
    folder
}

#[test]
fn a_fault_at_any_operation_of_a_build_loses_no_sample_and_leaves_nothing_behind() {
    for is_replacing in [false, true] {
        let whole = place(is_replacing);
        let path = whole.path().join("map");
        go_on(&path).1.unwrap();
        let (expected, files) = (read_ragged(&path).unwrap(), entries(&path));
        assert_eq!(files.contains(&"README".to_owned()), is_replacing);
        for fault in [Fault::Kill, Fault::Torn, Fault::Error(EIO)] {
            for n in 0..MOST {
                let folder = place(is_replacing);
                let (path, partial) = (folder.path().join("map"), folder.path().join("map.partial"));
                let ((stored, _), was_struck) = strike(n, fault, || go_on(&path));
                let place = format!("{fault:?} at operation {n}, replacing: {is_replacing}");
                let is_done = read_ragged(&path).unwrap() == expected;
                let safe = if is_done { stored } else { read_ragged(&partial).unwrap().len() };
                assert!(safe >= stored, "{place}: {safe} of {stored} samples are safe");
                go_on(&path).1.unwrap_or_else(|error| panic!("{place}: {error}"));
                assert_eq!(read_ragged(&path).unwrap(), expected, "{place}");
                assert_eq!(
                    (entries(folder.path()), entries(&path)),
                    (vec!["map".to_owned()], files.clone()),
                    "{place}"
                );
                if !was_struck {
                    break;
                }
            }
        }
    }
}
