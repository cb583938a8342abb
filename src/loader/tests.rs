use std::path::Path;
use std::sync::Arc;

use super::buffer::Pool;
use super::reading::Reading;
use super::*;
use crate::{Cancellation, Dtype, Element, Error, Mode, Ragged, Sample, Strings};

fn draws(indices: &[usize]) -> Vec<Draw> {
    indices.iter().map(|&index| Draw { source: 0, index }).collect()
}

fn read(source: &Source, indices: &[usize]) -> Batch {
    source.read(&draws(indices), &Reading::new(source.dir(), &Pool::new(1), &Cancellation::default())).unwrap()
}

fn tokens(dir: &Path) -> Ragged {
    let samples = [Sample::new(&[1_u16, 2, 3], &[3]), Sample::new(&[4_u16], &[1])];
    Ragged::create(dir, &Dtype::of::<u16>(), &samples).unwrap();
    Ragged::open(dir, Mode::ReadOnly).unwrap()
}

fn rows(bytes: &[u8], size: usize) -> Rows {
    Rows::new(Path::new("rows"), "u1".to_owned(), Arc::new(bytes.to_vec()), bytes.len() / size)
}

#[test]
fn batches_are_cast_and_padded_in_the_dtype_of_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = tokens(&dir.path().join("tokens"));
    let (int64, value) = (Dtype::of::<i64>(), (-100_i64).to_le_bytes());
    let source = Source::ragged_as(&[&tokens], Some(&value), &int64).unwrap();
    let Batch::Padded { values, shape, lengths } = read(&source, &[1, 0]) else { panic!("it is padded") };
    assert_eq!((values.bytes(), shape, lengths), (i64::bytes(&[4, -100, -100, 1, 2, 3]), vec![2, 3], vec![1, 3]));
    let source = Source::ragged_as(&[&tokens], None, &int64).unwrap();
    let Batch::Gathered { values, offsets } = read(&source, &[1, 0]) else { panic!("it is gathered") };
    assert_eq!((values.bytes(), offsets), (i64::bytes(&[4, 1, 2, 3]), vec![0, 1, 4]));
    assert!(matches!(Source::ragged_as(&[&tokens], None, &Dtype::of::<i16>()), Err(Error::Dtype { .. })));
    assert!(matches!(Source::ragged_as(&[&tokens], Some(&[0]), &int64), Err(Error::Shape { .. })));
}

#[test]
fn a_batch_of_fields_has_that_of_every_field() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = tokens(&dir.path().join("tokens"));
    Strings::create(dir.path().join("names"), None, &["one", "two"]).unwrap();
    let names = Strings::open(dir.path().join("names"), Mode::ReadOnly).unwrap();
    let (ragged, names) = (Source::ragged(&[&tokens], None).unwrap(), Source::strings(&[&names]).unwrap());
    let labels = Source::rows(vec![rows(&[7, 8], 1)]).unwrap();
    let other = labels.fingerprint(0, 2).unwrap();
    let fields = Source::fields(vec![ragged, names, labels]).unwrap();
    let Batch::Fields(found) = read(&fields, &[1, 0, 1]) else { panic!("it has fields") };
    let bytes: Vec<&[u8]> = found
        .iter()
        .map(|field| match field {
            Batch::Gathered { values, .. } | Batch::Padded { values, .. } | Batch::Rows { values, .. } => {
                values.bytes()
            }
            Batch::Fields(_) => &[],
        })
        .collect();
    assert_eq!(bytes, [u16::bytes(&[4, 1, 2, 3, 4]), b"twoonetwo", &[8, 7, 8]]);
    assert_eq!((fields.len(), fields.arrays()), (2, 3));
    assert_ne!(fields.fingerprint(0, 2).unwrap(), other);
    let unequal = [rows(&[1, 2], 1), rows(&[1, 2, 3], 1)].map(|rows| Source::rows(vec![rows]).unwrap());
    assert!(matches!(Source::fields(unequal.to_vec()), Err(Error::Shape { .. })));
}

#[test]
fn a_batch_is_given_up_once_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::ragged(&[&tokens(&dir.path().join("tokens"))], None).unwrap();
    let (pool, cancel) = (Pool::new(1), Cancellation::when(|| true));
    let reading = Reading::new(source.dir(), &pool, &cancel);
    let order = Order::new(vec![(Subset::Range { start: 0, step: 1, len: 2 }, 1.0)], 0, true);
    assert!(matches!(reading.drawn(&order, 0, 0..2), Err(Error::Interrupted { .. })));
    assert!(matches!(source.read(&draws(&[1, 0]), &reading), Err(Error::Interrupted { .. })));
}
