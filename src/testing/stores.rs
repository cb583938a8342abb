//! The catalogue of sample datasets. Their samples are made from seeds: equal seeds make equal samples.

use std::path::Path;

use crate::{
    Compression, Dense, Dtype, Durability, FieldBatch, Mode, Options, Order, Ragged, Records, Result, Sample, Strings,
};

/// What a reader sees: the shape and the bytes of every sample.
pub(crate) type State = Vec<(Vec<i64>, Vec<u8>)>;

/// One kind of dataset, and samples for it.
#[derive(Clone, Copy)]
pub(crate) struct Store {
    pub name: &'static str,
    /// Writes a new dataset in place of whatever exists.
    pub create: fn(&Path, Durability, &[u16]) -> Result<()>,
    /// Appends samples. What [`Store::begins_by_append`] is created by this if it does not exist.
    pub append: fn(&Path, Durability, &[u16]) -> Result<()>,
    pub read: fn(&Path) -> Result<State>,
    /// Samples that `create` writes before those of the seeds.
    pub extra: usize,
    /// The samples before a change, those of the change, and one that is appended later.
    pub old: &'static [u16],
    pub new: &'static [u16],
    pub next: &'static [u16],
}

const RAGGED: Store = Store {
    name: "ragged 1-D",
    create: create_ragged,
    append: append_ragged,
    read: read_ragged,
    extra: 0,
    old: &[2, 0, 3],
    new: &[40, 0, 1],
    next: &[7],
};
const STRINGS: Store =
    Store { name: "strings", create: create_plain, append: append_strings, read: read_strings, ..RAGGED };
const DENSE: Store = Store { name: "rows", create: create_rows, append: append_rows, read: read_rows, ..RAGGED };

const RECORDS: Store =
    Store { name: "records", create: create_records, append: append_records, read: read_records, ..RAGGED };

/// Seeds below 100 make 1-D samples of that length, 100 makes a scalar, and others make 2-D samples.
pub(crate) const STORES: [Store; 16] = [
    RAGGED,
    Store { name: "ragged N-D", old: &[102, 3, 100], new: &[140, 0, 1], ..RAGGED },
    Store { name: "ragged 1-D that becomes N-D", new: &[1, 104], ..RAGGED },
    Store { name: "ragged without elements", old: &[0, 0], new: &[2], ..RAGGED },
    Store { name: "ragged without samples", old: &[], new: &[2, 0], ..RAGGED },
    Store { name: "ragged with offsets", create: create_gathered, append: append_gathered, ..RAGGED },
    STRINGS,
    Store { name: "gathered strings", append: append_gathered_strings, ..STRINGS },
    Store { name: "empty strings", old: &[0, 0], new: &[1], ..STRINGS },
    Store { name: "frames", create: create_frames, ..STRINGS },
    Store { name: "frames with a dictionary", create: create_with_dictionary, extra: TRAINING, ..STRINGS },
    DENSE,
    Store { name: "rows in F order", create: create_columns, ..DENSE },
    RECORDS,
    Store { name: "records that become N-D", new: &[1, 104], ..RECORDS },
    Store { name: "records without samples", old: &[], new: &[2, 0], ..RECORDS },
];

impl Store {
    /// The dataset of the catalogue that has this name.
    pub fn named(name: &str) -> Self {
        STORES.into_iter().find(|store| store.name == name).unwrap()
    }

    /// Whether the first append creates the dataset. Others must be created first.
    pub fn begins_by_append(&self) -> bool {
        self.name.starts_with("ragged") || self.name.ends_with("strings") || self.name.starts_with("records")
    }
}

fn shape(seed: u16) -> Vec<i64> {
    match seed {
        100 => vec![],
        101.. => vec![2, i64::from(seed) - 100],
        _ => vec![i64::from(seed)],
    }
}

fn with_samples<T>(seeds: &[u16], act: impl FnOnce(&[Sample]) -> T) -> T {
    let shapes: Vec<_> = seeds.iter().map(|&seed| shape(seed)).collect();
    let values: Vec<Vec<u16>> = shapes.iter().zip(seeds).map(|(shape, seed)| numbers(shape, *seed)).collect();
    let samples: Vec<_> = values.iter().zip(&shapes).map(|(values, shape)| Sample::new(values, shape)).collect();
    act(&samples)
}

fn numbers(shape: &[i64], seed: u16) -> Vec<u16> {
    let count = u16::try_from(shape.iter().product::<i64>()).unwrap();
    (0..count).map(|i| 1 + i + 100 * seed).collect()
}

fn options(durability: Durability) -> Options {
    Options { durability, ..Options::default() }
}

fn create_ragged(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    with_samples(seeds, |samples| Ragged::create_with(path, &options(durability), &Dtype::of::<u16>(), samples))
}

fn append_ragged(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let mut map = Ragged::open_with(path, options(durability))?;
    with_samples(seeds, |samples| map.append(&Dtype::of::<u16>(), samples))
}

/// The bytes of 1-D samples one after another, and their offsets.
fn gathered(seeds: &[u16]) -> (Vec<u8>, Vec<i64>) {
    with_samples(seeds, |samples| {
        let bytes = samples.iter().flat_map(|sample| sample.bytes).copied().collect();
        (bytes, offsets(samples.iter().map(|sample| sample.bytes.len() / 2)))
    })
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Vec<i64> {
    let mut offsets = vec![0];
    offsets.extend(lengths.scan(0, |end, length| {
        *end += length as i64;
        Some(*end)
    }));
    offsets
}

fn create_gathered(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let (bytes, offsets) = gathered(seeds);
    Ragged::create_gathered(path, &options(durability), &Dtype::of::<u16>(), &bytes, &offsets, None)
}

fn append_gathered(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let (bytes, offsets) = gathered(seeds);
    Ragged::open_with(path, options(durability))?.append_gathered(&Dtype::of::<u16>(), &bytes, &offsets, None)
}

fn append_gathered_strings(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let texts = texts(seeds);
    let offsets = offsets(texts.iter().map(String::len));
    Strings::open_with(path, options(durability))?.append_gathered(texts.concat().as_bytes(), &offsets)
}

fn read_ragged(path: &Path) -> Result<State> {
    let map = Ragged::open(path, Mode::ReadOnly)?;
    (0..map.len()).map(|i| map.get(i).map(|sample| (sample.shape.to_vec(), sample.bytes.to_vec()))).collect()
}

fn texts(seeds: &[u16]) -> Vec<String> {
    seeds.iter().map(|&seed| format!("{seed} é ").repeat(seed.into())).collect()
}

fn create_plain(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    Strings::create_with(path, &options(durability), None, &texts(seeds))
}

fn create_frames(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    Strings::create_with(path, &options(durability), Some(Compression { level: 3, dict_size: None }), &texts(seeds))
}

/// Strings to train a dictionary on.
const TRAINING: usize = 12;

fn create_with_dictionary(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let mut strings: Vec<_> =
        (0..TRAINING).map(|n| format!("string {n} to train a dictionary on, {}", n * n)).collect();
    strings.extend(texts(seeds));
    Strings::create_with(path, &options(durability), Some(Compression { level: 1, dict_size: Some(256) }), &strings)
}

fn append_strings(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    Strings::open_with(path, options(durability))?.append(&texts(seeds))
}

fn read_strings(path: &Path) -> Result<State> {
    let map = Strings::open(path, Mode::ReadOnly)?;
    (0..map.len()).map(|i| Ok((vec![], map.get(i)?.as_bytes().to_vec()))).collect()
}

/// Elements of a row.
const WIDTH: usize = 8;

fn row_bytes(seeds: &[u16], order: Order) -> Vec<u8> {
    let row = |seed: u16| (0..WIDTH).zip(100 * seed..).map(|(_, value)| value);
    let values: Vec<u16> = match order {
        Order::C => seeds.iter().flat_map(|&seed| row(seed)).collect(),
        Order::F => (0..WIDTH).flat_map(|i| seeds.iter().filter_map(move |&seed| row(seed).nth(i))).collect(),
    };
    bytemuck::cast_slice(&values).to_vec()
}

fn create_dense(path: &Path, durability: Durability, seeds: &[u16], order: Order) -> Result<()> {
    let shape = [seeds.len() as u64, WIDTH as u64];
    Dense::create_with(path, &options(durability), &Dtype::of::<u16>(), &shape, order, &row_bytes(seeds, order))
}

fn create_rows(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    create_dense(path, durability, seeds, Order::C)
}

fn create_columns(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    create_dense(path, durability, seeds, Order::F)
}

fn append_rows(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let mut array = Dense::open_with(path, options(durability))?;
    let shape = [seeds.len() as u64, WIDTH as u64];
    array.extend(&Dtype::of::<u16>(), &shape, &row_bytes(seeds, array.order()))
}

fn read_rows(path: &Path) -> Result<State> {
    if crate::kind_of(path)?.is_none() {
        return Ok(vec![]);
    }
    let array = Dense::open(path, Mode::ReadOnly)?;
    let values = array.values::<u16>()?;
    let rows = values.len() / WIDTH;
    let position = |row: usize, i: usize| if array.order() == Order::C { row * WIDTH + i } else { i * rows + row };
    let row = |row: usize| (0..WIDTH).flat_map(|i| values[position(row, i)].to_le_bytes()).collect();
    Ok((0..rows).map(|index| (vec![WIDTH as i64], row(index))).collect())
}

/// A ragged field, one of texts in frames, and one of rows, in an order that is not that of their names.
fn with_fields<T>(seeds: &[u16], act: impl FnOnce(&[FieldBatch]) -> T) -> T {
    let (texts, rows) = (texts(seeds), row_bytes(seeds, Order::C));
    let zstd = Compression { level: 3, dict_size: None };
    with_samples(seeds, |samples| {
        act(&[
            FieldBatch::ragged("tokens", &Dtype::of::<u16>(), samples),
            FieldBatch::strings("caption", &texts).compressed(zstd),
            FieldBatch::dense("vector", &Dtype::of::<u16>(), &[seeds.len() as u64, WIDTH as u64], rows.as_slice()),
        ])
    })
}

fn create_records(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    with_fields(seeds, |fields| Records::create_with(path, &options(durability), fields))
}

fn append_records(path: &Path, durability: Durability, seeds: &[u16]) -> Result<()> {
    let mut records = Records::open_with(path, options(durability))?;
    with_fields(seeds, |fields| records.append(fields))
}

/// The shape of the tokens, and the bytes of all fields.
fn read_records(path: &Path) -> Result<State> {
    let records = Records::open(path, Mode::ReadOnly)?;
    if records.is_empty() {
        return Ok(vec![]);
    }
    let (tokens, captions) = (records.ragged("tokens")?, records.strings("caption")?);
    let vectors = records.dense("vector")?;
    let read = |index: usize| {
        let sample = tokens.get(index)?;
        let caption = captions.get(index)?;
        let parts = [sample.bytes, caption.as_bytes(), vectors.row(index).unwrap_or_default()];
        Ok((sample.shape.to_vec(), parts.concat()))
    };
    (0..records.len()).map(read).collect()
}
