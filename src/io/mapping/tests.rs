//! Regions of files that grow, are empty, too short or replaced.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testing::folder;

const MODES: [Mode; 3] = [Mode::ReadOnly, Mode::ReadWrite, Mode::CopyOnWrite];

/// Bytes that differ from page to page.
fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// A file of `bytes` in a folder of its own.
fn file_of(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("data.ninja");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn open(path: &Path, mode: Mode, len: usize) -> Result<Region> {
    Region::open(&mode.open(path)?, mode, len)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_grown_region_shows_what_the_file_gained_and_older_ones_stay_valid(
        gains in vec(prop_oneof![0_usize..100, 0_usize..100_000], 1..8),
        mode in prop::sample::select(&MODES[..]),
    ) {
        let (_folder, path) = file_of(&[]);
        let bytes = pattern(gains.iter().sum());
        let mut regions = vec![Region::empty()];
        let mut len = 0;
        for gain in gains {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(&bytes[len..len + gain]).unwrap();
            len += gain;
            let grown = regions.last().unwrap().grown(|| path.clone(), mode, len).unwrap();
            prop_assert_eq!(grown.bytes().len(), len);
            regions.push(grown);
        }
        for region in regions {
            prop_assert_eq!(region.bytes(), &bytes[..region.bytes().len()]);
        }
    }

    #[test]
    fn read_bytes_equal_mapped_ones_and_are_aligned(len in 0..2 * MAX_READ, beyond in 0..MAX_READ) {
        let bytes = pattern(len + beyond);
        let (_folder, path) = file_of(&bytes);
        let read = Region::read(&Member::open(&path, false).unwrap(), len).unwrap();
        let mapped = open(&path, Mode::ReadOnly, len).unwrap();
        prop_assert_eq!(read.bytes(), mapped.bytes());
        prop_assert_eq!(read.bytes(), &bytes[..len]);
        prop_assert_eq!([read, mapped].map(|region| region.bytes().as_ptr() as usize % align_of::<i64>()), [0, 0]);
    }

    #[test]
    fn the_range_of_a_slice_is_where_it_was_taken(start in 0_usize..5000, len in 0_usize..5000, after in 0_usize..50) {
        let end = start + len;
        let len = end + after;
        let (_folder, path) = file_of(&pattern(len));
        let region = open(&path, Mode::ReadOnly, len).unwrap();
        prop_assert_eq!(region.range_of(&region.bytes()[start..end]), start..end);
        prop_assert_eq!(region.range_of(&[1, 2, 3]), 0..0);
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error(size in 0_usize..10_000, missing in 1_usize..10_000) {
        let (_folder, path) = file_of(&pattern(size));
        for mode in MODES {
            let is_corrupt = matches!(open(&path, mode, size + missing), Err(Error::Corrupt { .. }));
            prop_assert!(is_corrupt);
            let region = open(&path, mode, size).unwrap();
            let is_refused = size + missing <= region.raw().map_or(0, MmapRaw::len)
                || matches!(region.grown(|| path.clone(), mode, size + missing), Err(Error::Corrupt { .. }));
            prop_assert!(is_refused);
        }
        prop_assert!(Region::read(&Member::open(&path, false).unwrap(), size + missing).is_err());
    }
}

#[test]
fn an_assignment_reaches_the_file_or_stays_in_a_private_copy() {
    for (mode, expected) in [(Mode::ReadWrite, 9), (Mode::CopyOnWrite, 1)] {
        let (_folder, path) = file_of(&[1; 8]);
        let mut region = open(&path, mode, 8).unwrap();
        region.write(mode, 3, &[9]);
        assert_eq!(region.bytes(), [1, 1, 1, 9, 1, 1, 1, 1]);
        assert_eq!(fs::read(&path).unwrap()[3], expected, "{mode:?}");
    }
}

#[test]
fn a_private_copy_shows_what_its_page_gained_after_an_assignment() {
    let (_folder, path) = file_of(&[1; 8]);
    let mut region = open(&path, Mode::CopyOnWrite, 8).unwrap();
    for round in 2..5 {
        region.write(Mode::CopyOnWrite, 0, &[9]);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[round; 8]).unwrap();
        let len = region.bytes().len();
        let grown = region.grown(|| path.clone(), Mode::CopyOnWrite, len + 8).unwrap();
        assert_eq!(grown.bytes()[len..], [round; 8]);
        assert_eq!(region.bytes()[0], 9);
        region = grown;
    }
}

#[test]
#[should_panic(expected = "is_writable")]
fn a_write_to_a_read_only_region_panics() {
    let (_folder, path) = file_of(&[1; 8]);
    open(&path, Mode::ReadOnly, 8).unwrap().write(Mode::ReadOnly, 0, &[9]);
}

#[test]
#[should_panic(expected = "end <= self.len")]
fn a_write_beyond_the_committed_bytes_panics() {
    let (_folder, path) = file_of(&[1; 8]);
    open(&path, Mode::ReadWrite, 4).unwrap().write(Mode::ReadWrite, 2, &[9; 3]);
}

#[test]
fn a_region_without_bytes_is_aligned_for_every_element() {
    let (_folder, path) = file_of(&[]);
    for mode in MODES {
        let region = open(&path, mode, 0).unwrap();
        assert_eq!((region.bytes(), region.file()), (&[][..], None));
        assert_eq!(region.bytes().as_ptr() as usize % align_of::<u128>(), 0);
    }
}

#[test]
fn a_placeholder_identifies_the_file_of_an_empty_array() {
    let (_folder, path) = file_of(&[0]);
    let region = open(&path, Mode::ReadOnly, 0).unwrap();
    assert_eq!((region.bytes(), region.file()), (&[][..], FileId::of(&path)));
}

#[test]
fn a_region_reopens_its_own_file_only() {
    let (folder, path) = file_of(&[1; 8]);
    let region = open(&path, Mode::ReadOnly, 8).unwrap();
    assert!(region.reopen(&path).is_some());
    let other = folder.path().join("other");
    fs::write(&other, [1; 8]).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(region.reopen(&path).is_none());
    assert_eq!(region.bytes(), [1; 8]);
}
