//! Crashes and errors at every file operation of a repair, and of writing checksums.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::txn::testing::fault::{Fault, inject};
use crate::{Compression, Dtype, MemberNames, Mode, Ragged, Result, Sample, Strings, repair, verify, write_checksums};

const EIO: i32 = 5;
const MOST: usize = 10_000;
const FAULTS: [Fault; 4] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Short];

type Samples = Vec<Vec<u8>>;

/// Something that can be torn.
struct Scenario {
    create: fn(&Path) -> Result<()>,
    append: fn(&Path) -> Result<()>,
    read: fn(&Path) -> Result<Samples>,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        create: |path| ragged(path, &[&[2], &[0], &[3]]),
        append: |path| ragged(path, &[&[4], &[1]]),
        read: read_ragged,
    },
    Scenario {
        create: |path| ragged(path, &[&[2, 2], &[3]]),
        append: |path| ragged(path, &[&[1, 2], &[2]]),
        read: read_ragged,
    },
    Scenario {
        create: |path| {
            let compression = Some(Compression { level: 1, dict_size: None });
            Strings::create(path, compression, &["eins", "", "zwei"])
        },
        append: |path| Strings::open(path, Mode::ReadOnly)?.append(&["drei", "vier"]),
        read: |path| {
            let strings = Strings::open(path, Mode::ReadOnly)?;
            (0..strings.len()).map(|i| Ok(strings.get(i)?.as_bytes().to_vec())).collect()
        },
    },
];

fn ragged(path: &Path, shapes: &[&[i64]]) -> Result<()> {
    let values = [7_u16; 9];
    let count = |shape: &&[i64]| usize::try_from(shape.iter().product::<i64>()).unwrap();
    let samples: Vec<_> = shapes.iter().map(|shape| Sample::new(&values[..count(shape)], shape)).collect();
    Ragged::open(path, Mode::ReadOnly)?.append(&Dtype::of::<u16>(), &samples)
}

fn read_ragged(path: &Path) -> Result<Samples> {
    let map = Ragged::open(path, Mode::ReadOnly)?;
    (0..map.len()).map(|i| map.get(i).map(|sample| sample.bytes.to_vec())).collect()
}

impl Scenario {
    fn created(&self) -> (TempDir, std::path::PathBuf) {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.unwrap();
        let path = folder.path().join("map");
        (self.create)(&path).unwrap();
        (folder, path)
    }

    /// Repairs what `tear` has left, with a fault at the `n`-th operation, and then without; `false` where a repair has
    /// fewer operations.
    fn survives(&self, n: usize, fault: Fault, tear: impl Fn(&Path), expected: impl Fn(&Samples) -> bool) -> bool {
        let (_folder, path) = self.created();
        tear(&path);
        let (_, was_struck) = inject(n, fault, || repair(&path, true));
        let done = repair(&path, true).unwrap();
        assert!(done.problems.is_empty(), "{fault:?} at {n}: {done}");
        let report = verify(&path).unwrap();
        assert!(report.is_ok() && report.notes.is_empty(), "{fault:?} at {n}: {report}");
        let samples = (self.read)(&path).unwrap();
        assert!(expected(&samples), "{fault:?} at {n}: {samples:?}");
        (self.append)(&path).unwrap();
        assert_eq!((self.read)(&path).unwrap()[..samples.len()], samples);
        was_struck
    }
}

#[test]
fn a_fault_in_a_repair_is_mended_by_the_next() {
    for scenario in &SCENARIOS {
        let (_folder, path) = scenario.created();
        let whole = (scenario.read)(&path).unwrap();
        let tear = |path: &Path| {
            let data = path.join("data.ninja");
            let len = fs::metadata(&data).unwrap().len();
            fs::OpenOptions::new().write(true).open(data).unwrap().set_len(len - 1).unwrap();
        };
        for fault in FAULTS {
            let count = (0..MOST)
                .take_while(|&n| scenario.survives(n, fault, tear, |samples| *samples == whole[..whole.len() - 1]))
                .count();
            assert!(count > 5, "{count} operations");
        }
    }
}

#[test]
fn an_append_that_was_cut_off_anywhere_is_repaired_also_after_a_fault() {
    for scenario in &SCENARIOS {
        let (_folder, path) = scenario.created();
        let old = (scenario.read)(&path).unwrap();
        (scenario.append)(&path).unwrap();
        let new = (scenario.read)(&path).unwrap();
        for n in 0..MOST {
            let tear = |path: &Path| drop(inject(n, Fault::Torn, || (scenario.append)(path)));
            for m in (0..MOST).step_by(if std::env::var_os("SOAK").is_some() { 1 } else { 7 }) {
                if !scenario.survives(m, Fault::Torn, tear, |samples| *samples == old || *samples == new) {
                    break;
                }
            }
            let (_folder, path) = scenario.created();
            if !inject(n, Fault::Torn, || (scenario.append)(&path)).1 {
                break;
            }
            let report = verify(&path).unwrap();
            assert!(report.is_ok(), "cut off at {n}: {report}");
        }
    }
}

#[test]
fn checksums_are_written_whole_or_not_at_all() {
    for scenario in &SCENARIOS {
        for fault in FAULTS {
            for n in 0..MOST {
                let (_folder, path) = scenario.created();
                write_checksums(&path).unwrap();
                (scenario.append)(&path).unwrap();
                let (outcome, was_struck) = inject(n, fault, || write_checksums(&path));
                let report = verify(&path).unwrap();
                assert!(report.is_ok(), "{fault:?} at {n}: {report}");
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
