//! Writes three datasets that the Python package can read: `cargo run --example write_map -- FOLDER`.

use std::path::PathBuf;

use mmap_ninja::{Compression, Dense, Dtype, Element, Mode, Order, Ragged, Result, Sample, Strings};

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).expect("usage: write_map FOLDER").into();

    // Samples of any shape: a vector of 2 values, then an image of 2 x 3 pixels.
    let float32 = Dtype::of::<f32>();
    let mut samples = Ragged::open(folder.join("samples"), Mode::ReadOnly)?;
    samples.append(&float32, &[Sample::new(&[0.5_f32, 1.5], &[2])])?;
    samples.append(&float32, &[Sample::new(&[1_f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])])?;

    // Texts, each compressed separately.
    let compression = Some(Compression { level: 3, dict_size: None });
    Strings::create(folder.join("texts"), compression, &["one", "zwei", "três"])?;

    // One dense array.
    let values: Vec<i64> = (0..6).collect();
    Dense::create(folder.join("array"), &Dtype::of::<i64>(), &[3, 2], Order::C, Element::bytes(&values))
}
