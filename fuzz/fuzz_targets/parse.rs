//! The small files: a dtype reads back as itself, and the shape of a directory's texts is refused or understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmap_ninja::{Dtype, Kind, Order};

fuzz_target!(|text: &[u8]| {
    let _ = (Kind::parse(text), Order::parse(text));
    if let Ok(dtype) = std::str::from_utf8(text).map_err(drop).and_then(|text| Dtype::parse(text).map_err(drop)) {
        let again = Dtype::parse(dtype.text()).expect("what was understood is written so that it is understood");
        assert_eq!(again, dtype);
        assert!(dtype.item_size() > 0);
    }
});
