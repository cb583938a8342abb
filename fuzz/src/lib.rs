//! What the fuzz targets share: a folder in memory, and reading all that a directory holds.

use std::path::Path;

use mmap_ninja::{Dense, Dtype, Mode, Ragged, Sample, Strings};
use tempfile::TempDir;

/// A folder that goes with the run, in memory where there is one.
pub fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.expect("a folder for the run")
}

/// Opens a directory as everything that it may be, reads every sample, and appends. Errors are welcome; a panic, a
/// signal or a memory error is not.
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
