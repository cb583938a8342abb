//! What the fuzz targets share: a folder in memory, and calls that read a whole directory.

use std::path::Path;

use mmap_ninja::{Dense, Dtype, Mode, Ragged, Sample, Strings};
use tempfile::TempDir;

/// A temporary folder, in memory if possible.
pub fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.expect("a folder for the run")
}

/// Opens a directory as every kind of dataset, reads all samples, and appends. Every call may return an error, but must
/// not panic, raise a signal or touch invalid memory.
pub fn use_all(dir: &Path) {
    let _ = mmap_ninja::kind_of(dir);
    if let Ok(mut map) = Ragged::open(dir, Mode::ReadOnly) {
        read_ragged(&map);
        let dtype = map.dtype().cloned().unwrap_or_else(Dtype::of::<u8>);
        let (bytes, shape) = (vec![1; dtype.item_size() * 2], [2]);
        if map.append(&dtype, &[Sample { bytes: &bytes, shape: &shape }]).is_ok() {
            read_ragged(&map);
        }
    }
    if let Ok(mut map) = Strings::open(dir, Mode::ReadOnly) {
        read_strings(&map);
        if map.append(&["appended"]).is_ok() {
            read_strings(&map);
        }
    }
    if let Ok(array) = Dense::open(dir, Mode::ReadOnly) {
        let _ = (array.values::<i64>(), array.row(0), array.bytes().iter().map(|&byte| u64::from(byte)).sum::<u64>());
    }
}

fn read_ragged(map: &Ragged) {
    let len = map.len().min(1000);
    for index in 0..len {
        if let Ok(sample) = map.get(index) {
            std::hint::black_box(sample.bytes.to_vec());
        }
    }
    let indices: Vec<usize> = (0..len).collect();
    let _ = map.gather(&indices);
}

fn read_strings(map: &Strings) {
    let len = map.len().min(1000);
    for index in 0..len {
        let _ = map.get(index);
    }
    let _ = map.lengths();
}
