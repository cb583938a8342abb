//! Joins of datasets that were replaced after they were opened.

use mmap_ninja::{Dense, Dtype, Mode, Order, Ragged, Sample, Strings};
use tempfile::tempdir;

#[test]
fn a_join_takes_the_samples_of_the_dataset_that_was_opened() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path().join("source"), folder.path().join("out"));
    let dtype = Dtype::of::<u16>();
    let create = |samples: &[Sample]| Ragged::create(&path, &dtype, samples).unwrap();
    create(&[Sample::new(&[1_u16], &[1]), Sample::new(&[2_u16, 3, 4], &[3])]);
    let source = Ragged::open(&path, Mode::ReadOnly).unwrap();
    create(&[Sample::new(&[5_u16, 6, 7], &[3]), Sample::new(&[8_u16], &[1])]);
    let mut joined = Ragged::open(&out, Mode::ReadOnly).unwrap();
    joined.join(&source).unwrap();
    assert_eq!(joined.values::<u16>(0).unwrap(), [1]);
    assert_eq!(joined.values::<u16>(1).unwrap(), [2, 3, 4]);
}

#[test]
fn a_join_takes_the_strings_of_the_dataset_that_was_opened() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path().join("source"), folder.path().join("out"));
    Strings::create(&path, None, &["one", "zwei"]).unwrap();
    let source = Strings::open(&path, Mode::ReadOnly).unwrap();
    Strings::create(&path, None, &["fünf", "six"]).unwrap();
    let mut joined = Strings::open(&out, Mode::ReadOnly).unwrap();
    joined.join(&source).unwrap();
    assert_eq!([joined.get(0).unwrap(), joined.get(1).unwrap()], ["one", "zwei"]);
}

#[test]
fn a_join_takes_the_rows_of_the_array_that_was_opened() {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path().join("source"), folder.path().join("out"));
    let dtype = Dtype::of::<u8>();
    Dense::create(&path, &dtype, &[3], Order::C, &[1, 2, 3]).unwrap();
    let source = Dense::open(&path, Mode::ReadOnly).unwrap();
    Dense::create(&path, &dtype, &[3], Order::C, &[4, 5, 6]).unwrap();
    Dense::create(&out, &dtype, &[1], Order::C, &[0]).unwrap();
    let mut joined = Dense::open(&out, Mode::ReadOnly).unwrap();
    joined.join(&source).unwrap();
    assert_eq!(joined.bytes(), [0, 1, 2, 3]);
}
