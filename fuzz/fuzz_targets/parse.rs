//! The text files: each is parsed or refused, and a parsed dtype reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmap_ninja::{Dtype, Kind, Order};

fuzz_target!(|text: &[u8]| {
    let _ = (Kind::parse(text), Order::parse(text));
    if let Ok(dtype) = std::str::from_utf8(text).map_err(drop).and_then(|text| Dtype::parse(text).map_err(drop)) {
        let again = Dtype::parse(dtype.text()).expect("the text of a parsed dtype can be parsed");
        assert_eq!(again, dtype);
        assert!(dtype.item_size() > 0);
    }
});
