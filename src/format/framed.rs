//! JSON that detects its own damage. The first entry of the object, `crc32`, is the CRC-32 of all text after its comma,
//! in eight hexadecimal digits.

use serde::Serialize;
use serde::de::DeserializeOwned;

const HEAD: &str = "{\"crc32\":\"";
const TAIL: &str = "\",";

/// The text of `value`, which must serialize as a non-empty object.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let object = serde_json::to_string(value).unwrap_or_default();
    let rest = object.strip_prefix('{').unwrap_or_default();
    format!("{HEAD}{:08x}{TAIL}{rest}", crc32fast::hash(rest.as_bytes())).into_bytes()
}

/// The value that a text holds; `None` where the text is torn or damaged, or holds something else.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    if is_intact(text) { serde_json::from_slice(text).ok() } else { None }
}

/// Whether a text is whole, whatever it holds.
pub fn is_intact(text: &[u8]) -> bool {
    let framed = text.strip_prefix(HEAD.as_bytes()).and_then(|text| text.split_at_checked(8));
    let Some((digits, rest)) = framed else { return false };
    let rest = rest.strip_prefix(TAIL.as_bytes());
    rest.is_some_and(|rest| digits == format!("{:08x}", crc32fast::hash(rest)).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn value() -> BTreeMap<String, u64> {
        [("crc32_of_something".to_owned(), 7)].into()
    }

    #[derive(serde::Deserialize)]
    struct Found {
        crc32_of_something: u64,
    }

    #[test]
    fn a_value_reads_back() {
        assert_eq!(parse::<Found>(&encode(&value())).unwrap().crc32_of_something, 7);
    }

    #[test]
    fn a_text_truncated_to_any_length_is_refused() {
        let whole = encode(&value());
        for len in 0..whole.len() {
            assert!(parse::<Found>(&whole[..len]).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let whole = encode(&value());
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(parse::<Found>(&flipped).is_none(), "bit {bit}");
        }
    }
}
