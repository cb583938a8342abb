//! Compares the stores with a model in memory: appended samples read back, from the same handle and from a new one.

use mmap_ninja::{Dense, Dtype, Element, Error, Mode, Order, Ragged, Sample, Strings};
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

/// An array as the model keeps it: the axes behind the first one, and the elements of each row.
#[derive(Clone, Debug)]
struct Array<T> {
    order: Order,
    row_shape: Vec<u64>,
    rows: Vec<Vec<T>>,
}

impl<T: Element + std::fmt::Debug> Array<T> {
    fn shape(&self) -> Vec<u64> {
        let mut shape = vec![self.rows.len() as u64];
        shape.extend(&self.row_shape);
        shape
    }

    /// All elements of `rows` in the order in which an array stores them.
    fn elements(&self, rows: &[Vec<T>]) -> Vec<T> {
        match self.order {
            Order::C => rows.concat(),
            Order::F => {
                column_order(&self.row_shape).flat_map(|place| rows.iter().map(move |row| row[place])).collect()
            }
        }
    }

    fn check(&self, array: &Dense) -> Result<(), TestCaseError> {
        prop_assert_eq!(array.shape(), self.shape());
        prop_assert_eq!(array.dtype(), &Dtype::of::<T>());
        prop_assert_eq!(array.order(), self.order);
        let expected = self.elements(&self.rows);
        // Bytes are compared, since a NaN differs from itself.
        prop_assert_eq!(Element::bytes(array.values::<T>().unwrap()), Element::bytes(&expected));
        prop_assert_eq!(array.bytes(), Element::bytes(&expected));
        for (index, row) in self.rows.iter().enumerate() {
            let expected = (self.order == Order::C).then(|| Element::bytes(row));
            prop_assert_eq!(array.row(index), expected);
        }
        prop_assert_eq!(array.row(self.rows.len()), None);
        Ok(())
    }

    /// Creates the array with its first rows, extends it by the other batches, and checks it after each step.
    fn replay(mut self, batches: Vec<Vec<Vec<T>>>) -> Result<(), TestCaseError> {
        let folder = tempdir().unwrap();
        let path = folder.path().join("array");
        let dtype = Dtype::of::<T>();
        let elements = self.elements(&self.rows);
        Dense::create(&path, &dtype, &self.shape(), self.order, Element::bytes(&elements)).unwrap();
        let mut writer = Dense::open(&path, Mode::ReadOnly).unwrap();
        self.check(&writer)?;
        for batch in batches {
            let (reader, earlier) = (Dense::open(&path, Mode::ReadOnly).unwrap(), self.clone());
            let mut added = self.shape();
            added[0] = batch.len() as u64;
            writer.extend(&dtype, &added, Element::bytes(&self.elements(&batch))).unwrap();
            self.rows.extend(batch);
            self.check(&writer)?;
            self.check(&Dense::open(&path, Mode::ReadOnly).unwrap())?;
            earlier.check(&reader)?;
        }
        Ok(())
    }
}

/// Places of a row's elements in C order, listed in F order.
fn column_order(shape: &[u64]) -> impl Iterator<Item = usize> {
    let axes: Vec<usize> = shape.iter().map(|&axis| usize::try_from(axis).unwrap()).collect();
    (0..axes.iter().product()).map(move |mut number| {
        let index: Vec<usize> = axes
            .iter()
            .map(|axis| {
                let position = number % axis;
                number /= axis;
                position
            })
            .collect();
        index.iter().zip(&axes).fold(0, |place, (position, axis)| place * axis + position)
    })
}

/// An array of up to three axes, and batches of rows to extend it by.
fn growing_array<T>() -> impl Strategy<Value = (Array<T>, Vec<Vec<Vec<T>>>)>
where
    T: Element + Arbitrary + std::fmt::Debug,
{
    let order = prop_oneof![Just(Order::C), Just(Order::F)];
    (order, vec(0_u64..4, 0..3)).prop_flat_map(|(order, row_shape)| {
        let count = usize::try_from(row_shape.iter().product::<u64>()).unwrap();
        let row = move || vec(any::<T>(), count);
        (vec(row(), 0..4), vec(vec(row(), 0..4), 0..4))
            .prop_map(move |(rows, batches)| (Array { order, row_shape: row_shape.clone(), rows }, batches))
    })
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

    #[test]
    fn dense_bytes_read_back_after_every_extension((array, batches) in growing_array::<u8>()) {
        array.replay(batches)?;
    }

    #[test]
    fn dense_integers_read_back_after_every_extension((array, batches) in growing_array::<i64>()) {
        array.replay(batches)?;
    }

    #[test]
    fn dense_floats_read_back_after_every_extension((array, batches) in growing_array::<f32>()) {
        array.replay(batches)?;
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
