//! Untrusted frames and dictionaries: reading gives a text or an error, and allocates no more memory than a valid frame
//! of that size needs.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use mmap_ninja::{Compression, Strings};
use mmap_ninja_fuzz::{folder, use_all};

fuzz_target!(|input: (Vec<u8>, Option<Vec<u8>>)| {
    let (frame, dictionary) = input;
    let folder = folder();
    let dir = folder.path().join("map");
    let compression = Some(Compression { level: 1, dict_size: None });
    Strings::create(&dir, compression, &["a text"]).expect("a dataset");
    fs::write(dir.join("data.ninja"), &frame).expect("a frame");
    fs::write(dir.join("ends/data.ninja"), (frame.len() as i64).to_le_bytes()).expect("its end");
    if let Some(dictionary) = dictionary {
        fs::write(dir.join("zstd_dict.ninja"), dictionary).expect("a dictionary");
    }
    use_all(&dir);
});
