//! Reads items and batches at random indices, from datasets that are in memory.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use mmap_ninja::{Dense, Dtype, Mode, Order, Padding, Ragged, Result, Sample, Strings};

const SEQUENCES: usize = 100_000;
const IMAGES: usize = 10_000;
const TEXTS: usize = 50_000;
const BATCH: usize = 256;

fn items(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let sequences = sequences(&dir.path().join("sequences")).expect("a dataset of sequences");
    let images = images(&dir.path().join("images")).expect("a dataset of images");
    let texts = texts(&dir.path().join("texts")).expect("a dataset of texts");
    let dense = dense(&dir.path().join("dense")).expect("an array");
    measure(criterion, "Ragged::get, 1-D", SEQUENCES, |index| sequences.get(index));
    measure(criterion, "Ragged::get, 3-D", IMAGES, |index| images.get(index));
    measure(criterion, "Strings::get", TEXTS, |index| texts.get(index));
    measure(criterion, "Dense::row", SEQUENCES, |index| dense.row(index));
}

fn batches(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let sequences = sequences(&dir.path().join("sequences")).expect("a dataset of sequences");
    let indices: Vec<usize> = scattered(SEQUENCES).take(BATCH * 64).collect();
    let mut batches = indices.chunks(BATCH).cycle();
    criterion.bench_function("Ragged::gather, 256 sequences", |bencher| {
        bencher.iter(|| sequences.gather(black_box(batches.next().unwrap_or(&[]))));
    });
    criterion.bench_function("Ragged::padded, 256 sequences", |bencher| {
        let padding = Padding { value: &[0; 4], ..Padding::default() };
        bencher.iter(|| sequences.padded(black_box(batches.next().unwrap_or(&[])), &padding));
    });
}

/// Times one call of `read` at random indices of a store of `len` items.
fn measure<T>(criterion: &mut Criterion, name: &str, len: usize, read: impl Fn(usize) -> T) {
    let indices: Vec<usize> = scattered(len).take(4096).collect();
    let mut next = indices.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| read(black_box(next.next().copied().unwrap_or(0))));
    });
}

/// Pseudo-random indices below `len`, the same in every run: a linear congruential generator.
fn scattered(len: usize) -> impl Iterator<Item = usize> {
    let step =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let states = std::iter::successors(Some(1_u64), step);
    states.map(move |state| usize::try_from(state >> 33).unwrap_or(0) % len)
}

/// int32 sequences of 10 to 499 values.
fn sequences(dir: &Path) -> Result<Ragged> {
    let values: Vec<i32> = (0..500).collect();
    let lengths: Vec<[i64; 1]> = (0..SEQUENCES as i64).map(|i| [10 + i * 37 % 490]).collect();
    let samples: Vec<_> = lengths.iter().map(|shape| sample(&values, shape)).collect();
    Ragged::create(dir, &Dtype::of::<i32>(), &samples)?;
    Ragged::open(dir, Mode::ReadOnly)
}

/// uint8 images of about 40 x 40 x 3.
fn images(dir: &Path) -> Result<Ragged> {
    let values = vec![7_u8; 60 * 60 * 3];
    let shapes: Vec<[i64; 3]> = (0..IMAGES as i64).map(|i| [35 + i % 10, 35 + i * 7 % 10, 3]).collect();
    let samples: Vec<_> = shapes.iter().map(|shape| sample(&values, shape)).collect();
    Ragged::create(dir, &Dtype::of::<u8>(), &samples)?;
    Ragged::open(dir, Mode::ReadOnly)
}

/// A sample of `shape`, filled with the first of `values`.
fn sample<'a, T: mmap_ninja::Element>(values: &'a [T], shape: &'a [i64]) -> Sample<'a> {
    let elements = usize::try_from(shape.iter().product::<i64>()).unwrap_or(0);
    Sample::new(&values[..elements], shape)
}

/// Texts of about 1 kB.
fn texts(dir: &Path) -> Result<Strings> {
    let text = "a few words ".repeat(125);
    let texts: Vec<&str> = (0..TEXTS).map(|i| &text[..500 + i * 37 % 1000]).collect();
    Strings::create(dir, None, &texts)?;
    Strings::open(dir, Mode::ReadOnly)
}

/// int32 rows of 64.
fn dense(dir: &Path) -> Result<Dense> {
    let bytes = vec![1; SEQUENCES * 64 * 4];
    Dense::create(dir, &Dtype::of::<i32>(), &[SEQUENCES as u64, 64], Order::C, &bytes)?;
    Dense::open(dir, Mode::ReadOnly)
}

criterion_group!(benches, items, batches);
criterion_main!(benches);
