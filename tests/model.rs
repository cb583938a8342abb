//! Compares the stores with a model in memory: appended samples read back, from the same handle and from a new one.

use mmap_ninja::{Dtype, Error, Mode, Ragged, Sample, Strings};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::tempdir;

/// A sample in the model: its shape and its values.
type Model = (Vec<i64>, Vec<u16>);

/// Samples of up to three axes; a scalar has none.
fn sample() -> impl Strategy<Value = Model> {
    vec(0_i64..4, 0..4).prop_flat_map(|shape| {
        let count = usize::try_from(shape.iter().product::<i64>()).unwrap();
        (Just(shape), vec(any::<u16>(), count))
    })
}

fn check(map: &Ragged, model: &[Model]) -> Result<(), TestCaseError> {
    prop_assert_eq!(map.len(), model.len());
    for (index, (shape, values)) in model.iter().enumerate() {
        prop_assert_eq!(map.get(index).unwrap().shape, shape.as_slice());
        prop_assert_eq!(map.values::<u16>(index).unwrap(), values.as_slice());
    }
    let absent = matches!(map.get(model.len()), Err(Error::OutOfRange { .. }));
    prop_assert!(absent);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ragged_samples_read_back_after_every_append(batches in vec(vec(sample(), 0..5), 1..6)) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("parents/map");
        let mut map = Ragged::open(&path, Mode::ReadOnly).unwrap();
        let mut model: Vec<Model> = Vec::new();
        for batch in batches {
            let samples: Vec<Sample> = batch.iter().map(|(shape, values)| Sample::new(values, shape)).collect();
            map.append(&Dtype::of::<u16>(), &samples).unwrap();
            model.extend(batch);
            check(&map, &model)?;
            check(&Ragged::open(&path, Mode::ReadOnly).unwrap(), &model)?;
        }
    }

    #[test]
    fn strings_read_back_after_every_append(batches in vec(vec(".{0,9}", 0..5), 1..6), level in proptest::option::of(1..4)) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("texts");
        let compression = level.map(|level| mmap_ninja::Compression { level, dict_size: None });
        let mut model = vec!["first".to_owned()];
        Strings::create(&path, compression, &model).unwrap();
        let mut map = Strings::open(&path, Mode::ReadOnly).unwrap();
        for batch in batches {
            map.append(&batch).unwrap();
            model.extend(batch);
            for map in [&map, &Strings::open(&path, Mode::ReadOnly).unwrap()] {
                let found: Vec<String> = (0..map.len()).map(|i| map.get(i).unwrap().into_owned()).collect();
                prop_assert_eq!(&found, &model);
            }
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "Windows cannot move a directory while its files are mapped")]
fn a_handle_keeps_its_samples_after_the_dataset_is_replaced() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("map");
    let create = |values: &[u8]| {
        let shape = [values.len() as i64];
        Ragged::create(&path, &Dtype::of::<u8>(), &[Sample::new(values, &shape)]).unwrap();
    };
    create(&[1, 2, 3]);
    let old = Ragged::open(&path, Mode::ReadOnly).unwrap();
    create(&[9; 5000]);
    assert_eq!(old.values::<u8>(0).unwrap(), [1, 2, 3]);
    assert_eq!(Ragged::open(&path, Mode::ReadOnly).unwrap().values::<u8>(0).unwrap(), [9; 5000]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_batch_that_does_not_fit_changes_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("map");
    let mut map = Ragged::open(&path, Mode::ReadOnly).unwrap();
    map.append(&Dtype::of::<u8>(), &[Sample::new(&[1_u8, 2], &[2])]).unwrap();
    let good = Sample::new(&[3_u8], &[1]);
    for shape in [&[3_i64][..], &[-2], &[2, i64::MAX], &[1; 65]] {
        let outcome = map.append(&Dtype::of::<u8>(), &[good, Sample::new(&[1_u8, 2], shape)]);
        assert!(matches!(outcome, Err(Error::Shape { .. })), "{shape:?}");
    }
    assert!(matches!(map.append(&Dtype::of::<i8>(), &[good]), Err(Error::Dtype { .. })));
    assert_eq!(Ragged::open(&path, Mode::ReadOnly).unwrap().len(), 1);
}
