//! An index against a model in memory, after appends and assignments; mutated files; faults at every step.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::build::write;
use super::{Answer, Index};
use crate::cancel::Cancellation;
use crate::format::index::{Header, PAGE, PER_PAGE, STAMP};
use crate::format::{DATA, INDEX};
use crate::testing::{folder, is_soak};
use crate::txn::testing::fault::{Fault, count_operations, inject};
use crate::{Compression, Error, Mode, Options, Strings, repair, verify, write_index};

const FAULTS: [Fault; 4] = [Fault::Kill, Fault::Torn, Fault::Error(5), Fault::Short];

/// The step between the operations to try.
fn step() -> usize {
    if is_soak() { 1 } else { 3 }
}

/// A folder, and strings in it.
fn strings<S: AsRef<str>>(texts: &[S], compression: Option<Compression>) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("texts");
    Strings::create(&path, compression, texts).unwrap();
    (folder, path)
}

/// Texts of which some are equal and many begin alike.
fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("text {}", number / 2)).collect()
}

fn open(path: &Path) -> Strings {
    Strings::open(path, Mode::ReadWrite).unwrap()
}

fn first(texts: &[String], text: &str, range: std::ops::Range<usize>) -> Option<usize> {
    (range.start..range.end.min(texts.len())).find(|&position| texts[position] == text)
}

/// Checks every text, and one that is absent, in every of some ranges.
fn check(found: &Strings, texts: &[String]) {
    for range in [0..usize::MAX, 1..texts.len(), texts.len() / 2..texts.len(), 0..texts.len() / 2] {
        for text in texts.iter().map(String::as_str).chain(["absent", ""]) {
            assert_eq!(
                found.index_of(text, range.clone()).unwrap(),
                first(texts, text, range.clone()),
                "{text} {range:?}"
            );
        }
    }
}

/// What the index alone answers, if it is relied on.
fn answer(found: &Strings, text: &str) -> Option<Answer> {
    let index = found.view.index.get(&found.view, &Cancellation::default()).unwrap()?;
    let target = index.target(text.as_bytes(), 0);
    Some(index.find(&found.view, text.as_bytes(), target, found.len()).unwrap())
}

#[test]
fn texts_are_found_by_the_index_alone() {
    for compression in [None, Some(Compression { level: 1, dict_size: None })] {
        let texts = numbered(0..500);
        let (_folder, path) = strings(&texts, compression);
        write_index(&path).unwrap();
        let found = open(&path);
        assert_eq!(answer(&found, "text 100"), Some(Answer::Found(200)));
        assert_eq!(answer(&found, "absent"), Some(Answer::Absent));
        check(&found, &texts);
    }
}

#[test]
fn many_equal_texts_are_found_from_any_start() {
    let mut texts = vec!["same".to_owned(); 40 * PER_PAGE];
    texts[700] = "other".to_owned();
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let found = open(&path);
    for start in (0..texts.len()).step_by(13) {
        for text in ["same", "other", "absent"] {
            assert_eq!(found.index_of(text, start..).unwrap(), first(&texts, text, start..texts.len()));
        }
    }
}

#[test]
fn an_index_of_several_passes_is_the_same() {
    let texts = numbered(0..300);
    let (_folder, path) = strings(&texts, None);
    for at_once in [2, 3, 50, 299, 300, 1000] {
        write(&path, &Options::default(), at_once).unwrap();
        assert!(verify(&path).unwrap().notes.is_empty(), "{at_once} entries at once");
        check(&open(&path), &texts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_indexed_map_behaves_like_a_list(
        texts in vec("[ab]{0,3}", 0..120),
        changes in vec((0_u8..5, vec("[ab]{0,3}", 1..40), any::<prop::sample::Index>()), 0..6),
        is_compressed in any::<bool>(),
    ) {
        let compression = is_compressed.then_some(Compression { level: 1, dict_size: None });
        let (_folder, path) = strings(&texts, compression);
        if texts.is_empty() {
            Strings::open(&path, Mode::ReadOnly).unwrap().append(&["a"]).unwrap();
        }
        let mut model = if texts.is_empty() { vec!["a".to_owned()] } else { texts };
        let is_compressed = is_compressed && open(&path).level().is_some();
        let mut kept = open(&path);
        for (change, added, at) in changes {
            match change {
                0 => write_index(&path).unwrap(),
                1 => {
                    kept.append(&added).unwrap();
                    model.extend(added);
                }
                2 => {
                    open(&path).append(&added).unwrap();
                    model.extend(added);
                    kept.refresh().unwrap();
                }
                3 if !is_compressed => {
                    let at = at.index(model.len());
                    model[at] = model[at].chars().rev().map(|found| if found == 'a' { 'b' } else { 'a' }).collect();
                    kept.set(&[(at, &model[at])]).unwrap();
                }
                _ => kept = open(&path),
            }
            for text in ["", "a", "b", "ab", "ba", "aa", "aba", "bbb", "absent"] {
                for start in [0, at.index(model.len())] {
                    prop_assert_eq!(kept.index_of(text, start..).unwrap(), first(&model, text, start..model.len()));
                }
            }
        }
        let report = verify(&path).unwrap();
        prop_assert!(report.is_ok(), "{}", report);
    }
}

#[test]
fn appends_keep_the_index_in_use() {
    let mut texts = numbered(0..100);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let mut writer = open(&path);
    for number in 0..3 {
        writer.append(&[format!("new {number}")]).unwrap();
        texts.push(format!("new {number}"));
        for found in [&writer, &open(&path)] {
            let index = found.view.index.get(&found.view, &Cancellation::default()).unwrap().unwrap();
            assert!(index.is_stamped());
            check(found, &texts);
        }
    }
    write_index(&path).unwrap();
    assert_eq!(answer(&writer, "new 2"), Some(Answer::Found(102)), "an open handle uses a new index");
}

#[test]
fn a_text_that_was_assigned_is_found_by_handles_that_use_the_index_already() {
    let texts = numbered(0..100);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let (reader, mut writer) = (open(&path), open(&path));
    assert_eq!(reader.index_of("TEXT 9", ..).unwrap(), None);
    // In the same tick of the clock as an append that renewed the stamp.
    writer.append(&["new"]).unwrap();
    writer.set(&[(18, "TEXT 9")]).unwrap();
    for found in [&reader, &writer, &open(&path)] {
        assert_eq!(found.index_of("TEXT 9", ..).unwrap(), Some(18));
        assert_eq!(found.index_of("text 9", ..).unwrap(), Some(19));
        assert_eq!(answer(found, "absent"), None, "the index is not used");
    }
    writer.append(&["newer"]).unwrap();
    assert_eq!(open(&path).index_of("TEXT 9", ..).unwrap(), Some(18), "an append does not bring a revoked stamp back");
}

/// Gives the data another time, as copying does.
fn touch(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    let data = File::options().write(true).open(path.join(DATA)).unwrap();
    data.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn a_copy_is_compared_with_its_checksums_once_and_used() {
    let texts = numbered(0..100);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    touch(&path, 0);
    let found = open(&path);
    assert_eq!(answer(&found, "absent"), Some(Answer::Absent));
    let index = found.view.index.get(&found.view, &Cancellation::default()).unwrap().unwrap();
    assert!(!index.is_stamped() && index.matched.load(std::sync::atomic::Ordering::Relaxed) > 0);
    check(&found, &texts);
    assert!(verify(&path).unwrap().is_ok());
}

#[test]
fn texts_that_another_program_overwrites_are_found() {
    let texts = numbered(0..100);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let reader = open(&path);
    assert_eq!(reader.index_of("TEXT 0", ..).unwrap(), None);
    crate::txn::overwrite(&path.join(DATA), 0, b"TEXT 0").unwrap();
    for found in [&reader, &open(&path)] {
        assert_eq!(found.index_of("TEXT 0", ..).unwrap(), Some(0));
    }
    let report = verify(&path).unwrap();
    assert!(report.is_ok() && report.notes.iter().any(|note| note.file == Path::new(INDEX)), "{report}");
}

#[test]
fn a_dataset_that_is_created_again_has_no_index() {
    let (_folder, path) = strings(&numbered(0..100), None);
    write_index(&path).unwrap();
    let old = open(&path);
    Strings::create(&path, None, &numbered(200..300)).unwrap();
    assert!(!path.join(INDEX).exists());
    write_index(&path).unwrap();
    check(&old, &numbered(0..100));
    check(&open(&path), &numbered(200..300));
}

/// Every byte of a small index is changed; the texts must be found all the same.
#[test]
fn a_damaged_index_is_never_believed() {
    let texts = numbered(0..60);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let (file, whole) = (path.join(INDEX), fs::read(path.join(INDEX)).unwrap());
    assert_eq!(whole.len(), 3 * PAGE);
    let step = if is_soak() { 1 } else { 11 };
    for at in (0..whole.len()).step_by(step) {
        for change in [0xFF, 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fs::write(&file, bytes).unwrap();
            let found = open(&path);
            for text in ["text 0", "text 17", "text 29", "absent", "text 30"] {
                assert_eq!(found.index_of(text, ..).unwrap(), first(&texts, text, 0..60), "byte {at} ^ {change}");
            }
            if !(STAMP..STAMP + 8).contains(&(at as u64)) {
                let report = verify(&path).unwrap();
                assert!(!report.is_ok(), "byte {at}: {report}");
            }
        }
    }
    for len in [0, 7, 16, PAGE - 1, PAGE, 2 * PAGE, 3 * PAGE - 1] {
        fs::write(&file, &whole[..len]).unwrap();
        check(&open(&path), &texts);
        assert!(!verify(&path).unwrap().is_ok());
        assert!(repair(&path, true).unwrap().problems.is_empty());
        assert!(!file.exists() && verify(&path).unwrap().is_ok());
    }
}

/// An index whose checksums are right, and whose content is anything.
#[test]
fn a_forged_index_neither_crashes_nor_delays_a_lookup() {
    let texts = numbered(0..100);
    let (_folder, path) = strings(&texts, None);
    write_index(&path).unwrap();
    let whole = fs::read(path.join(INDEX)).unwrap();
    let header = Header::parse(&whole[..PAGE]).unwrap();
    let stamp = crate::format::index::stamp_of(&whole);
    let hash = super::hash_of(header.key, b"text 7");
    let forge = |texts: u64, entries: &[Vec<(u64, u64)>]| {
        let header = Header { texts, ..header.clone() };
        let mut bytes = header.encode(stamp).to_vec();
        let mut before = (0, 0);
        for page in entries {
            bytes.extend(header.encode_page(before, page));
            before = *page.last().unwrap();
        }
        fs::write(path.join(INDEX), bytes).unwrap();
    };
    // All texts have the hash of another one: too many collisions to be true.
    let same: Vec<_> = (20..54).map(|position| (hash, position)).collect();
    forge(34, &[same]);
    assert_eq!(answer(&open(&path), "text 7"), Some(Answer::Unknown));
    assert_eq!(open(&path).index_of("text 7", ..).unwrap(), Some(14));
    // Positions that do not exist, and counts that no file has.
    forge(34, &[vec![(hash, (1 << 48) - 1); 34]]);
    assert!(open(&path).index_of("text 7", ..).is_ok());
    for count in [u64::MAX, u64::MAX / 512, 1 << 60, 35] {
        forge(count, &[vec![(hash, 14); 34]]);
        assert!(Index::open(&open(&path).view).is_none(), "{count} texts");
        check(&open(&path), &texts);
    }
}

#[test]
fn a_fault_at_any_step_leaves_no_index_the_old_one_or_the_new_one() {
    let texts = numbered(0..100);
    for (start, fault) in FAULTS.into_iter().enumerate() {
        for n in (start..).step_by(step()) {
            let (_folder, path) = strings(&texts, None);
            write_index(&path).unwrap();
            open(&path).append(&["new"]).unwrap();
            let mut now = texts.clone();
            now.push("new".to_owned());
            let (outcome, was_struck) = inject(n, fault, || write_index(&path));
            check(&open(&path), &now);
            assert!(verify(&path).unwrap().is_ok());
            assert_eq!(outcome.is_err(), was_struck, "{fault:?} at operation {n}");
            write_index(&path).unwrap();
            assert_eq!(answer(&open(&path), "new"), Some(Answer::Found(100)));
            if !was_struck {
                break;
            }
        }
    }
}

#[test]
fn a_fault_in_an_append_or_an_assignment_never_hides_a_text() {
    let texts = numbered(0..100);
    for (start, fault) in FAULTS.into_iter().enumerate() {
        for n in (start..).step_by(step()) {
            let (_folder, path) = strings(&texts, None);
            write_index(&path).unwrap();
            let (_, was_struck) = inject(n, fault, || {
                let mut writer = open(&path);
                writer.append(&["new"]).and_then(|()| writer.set(&[(5, "TEXT 2"), (7, "TEXT 3")]))
            });
            let found = open(&path);
            let now: Vec<String> = (0..found.len()).map(|at| found.get(at).unwrap().into_owned()).collect();
            check(&found, &now);
            if !was_struck {
                assert_eq!(now[5], "TEXT 2");
                break;
            }
        }
    }
    let (_folder, path) = strings(&texts, None);
    let mut writer = open(&path);
    let plain = count_operations(|| writer.append(&["new"]).unwrap());
    write_index(&path).unwrap();
    assert_eq!(count_operations(|| writer.append(&["new"]).unwrap()), plain + 1, "an append renews the stamp");
}

#[test]
fn writing_an_index_of_anything_else_fails() {
    let folder = folder();
    assert!(matches!(write_index(folder.path().join("none")), Err(Error::Io { .. })));
    assert!(matches!(write_index(folder.path()), Err(Error::Io { .. })));
    let path = folder.path().join("rows");
    crate::Dense::create(&path, &crate::Dtype::of::<u8>(), &[1], crate::Order::C, &[1]).unwrap();
    assert!(matches!(write_index(&path), Err(Error::WrongKind { .. })));
    assert!(!path.join(INDEX).exists());
}
