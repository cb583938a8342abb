//! A dataset with damaged files: opening, reading and appending give a result or an error.
#![no_main]

use std::fs;
use std::path::Path;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mmap_ninja::{Compression, Dense, Dtype, Order, Ragged, Sample, Strings};
use mmap_ninja_fuzz::{folder, use_all};

#[derive(Arbitrary, Debug)]
enum Base {
    Nothing,
    Flat,
    Nested,
    Strings,
    Frames,
    Dense,
}

#[derive(Arbitrary, Debug)]
enum Damage {
    Replace(Vec<u8>),
    Truncate(u16),
    Extend(Vec<u8>),
    Overwrite(u16, [u8; 8]),
    Remove,
}

/// The number of a file, and how to damage it.
type Change = (u8, Damage);

#[derive(Arbitrary, Debug)]
struct Input {
    base: Base,
    changes: Vec<Change>,
    /// The JSON of a journal after its first entry, which is the matching CRC.
    journal: Option<String>,
}

const FILES: [&str; 9] = [
    "type.ninja",
    "dtype.ninja",
    "shape.ninja",
    "order.ninja",
    "data.ninja",
    "shapes_are_flat.ninja",
    "zstd_level.ninja",
    "zstd_dict.ninja",
    "append.ninja",
];
const DIRECTORIES: [&str; 9] = [
    "",
    "starts",
    "ends",
    "shapes",
    "flattened_shapes",
    "shapes/starts",
    "shapes/ends",
    "shapes/shapes",
    "shapes/flattened_shapes",
];

fn create(base: &Base, dir: &Path) -> mmap_ninja::Result<()> {
    let flat = [Sample::new(&[1_u16, 2], &[2]), Sample::new(&[3_u16], &[])];
    let nested = [Sample::new(&[1_u16, 2], &[2, 1]), Sample::new(&[3_u16], &[1])];
    let compression = Some(Compression { level: 1, dict_size: None });
    match base {
        Base::Nothing => fs::create_dir(dir).map_err(|source| mmap_ninja::Error::Io { path: dir.into(), source }),
        Base::Flat => Ragged::create(dir, &Dtype::of::<u16>(), &flat),
        Base::Nested => Ragged::create(dir, &Dtype::of::<u16>(), &nested),
        Base::Strings => Strings::create(dir, None, &["one", "", "zwei"]),
        Base::Frames => Strings::create(dir, compression, &["one", "", "zwei"]),
        Base::Dense => Dense::create(dir, &Dtype::of::<i64>(), &[1, 2], Order::C, &[0; 16]),
    }
}

fn damage(path: &Path, damage: Damage) {
    let mut bytes = fs::read(path).unwrap_or_default();
    match damage {
        Damage::Replace(other) => bytes = other,
        Damage::Truncate(len) => bytes.truncate(len.into()),
        Damage::Extend(more) => bytes.extend(more),
        Damage::Overwrite(at, value) => {
            let at = usize::from(at) % bytes.len().max(1);
            bytes.resize(bytes.len().max(at + 8), 0);
            bytes[at..at + 8].copy_from_slice(&value);
        }
        Damage::Remove => return drop(fs::remove_file(path)),
    }
    let _ = fs::create_dir_all(path.parent().unwrap_or(path));
    let _ = fs::write(path, bytes);
}

fuzz_target!(|input: Input| {
    let folder = folder();
    let dir = folder.path().join("map");
    create(&input.base, &dir).expect("a dataset to damage");
    for (member, change) in input.changes {
        let member = usize::from(member) % (FILES.len() * DIRECTORIES.len());
        damage(&dir.join(DIRECTORIES[member / FILES.len()]).join(FILES[member % FILES.len()]), change);
    }
    if let Some(rest) = input.journal {
        let crc = crc32fast::hash(rest.as_bytes());
        let _ = fs::write(dir.join("append.ninja"), format!("{{\"crc32\":\"{crc:08x}\",{rest}"));
    }
    use_all(&dir);
});
