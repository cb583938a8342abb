//! The intent of an append: a line of JSON and the CRC-32 of that line in hexadecimal digits.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::Growth;

/// What one member had and is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The member's directory, relative to the data set's.
    pub member: String,
    /// Rows before and after.
    pub rows: Option<[u64; 2]>,
    /// Bytes before and after.
    pub bytes: [u64; 2],
}

/// The intent: every member, the commit point last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub entries: Vec<Entry>,
}

impl Intent {
    /// The intent to grow by `growths`; `None` where a name is not UTF-8.
    pub fn of(growths: &[Growth]) -> Option<Self> {
        let entry = |growth: &Growth| {
            Some(Entry { member: growth.member.to_str()?.to_owned(), rows: growth.rows, bytes: growth.bytes() })
        };
        Some(Self { entries: growths.iter().map(entry).collect::<Option<_>>()? })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).unwrap_or_default();
        let crc = crc32fast::hash(&text);
        text.extend_from_slice(format!("\n{crc:08x}").as_bytes());
        text
    }

    /// `None` where the text is torn, or names a place outside the directory.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (line, crc) = text.split_at_checked(text.len().checked_sub(9)?)?;
        if crc != format!("\n{:08x}", crc32fast::hash(line)).as_bytes() {
            return None;
        }
        let intent: Self = serde_json::from_slice(line).ok()?;
        intent.entries.iter().all(Entry::is_sound).then_some(intent)
    }
}

impl Entry {
    fn is_sound(&self) -> bool {
        let stays_inside = Path::new(&self.member).components().all(|part| matches!(part, Component::Normal(_)));
        // Only the bytes of strings are counted elsewhere.
        let is_counted = self.rows.is_some() || self.member.is_empty();
        let grows = self.bytes[0] <= self.bytes[1] && self.rows.is_none_or(|[old, new]| old <= new);
        stays_inside && is_counted && grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(member: &str) -> Intent {
        Intent { entries: vec![Entry { member: member.to_owned(), rows: Some([1, 2]), bytes: [8, 16] }] }
    }

    #[test]
    fn an_intent_reads_back() {
        assert_eq!(Intent::parse(&intent("starts").encode()), Some(intent("starts")));
    }

    #[test]
    fn an_intent_cut_at_any_length_is_torn() {
        let whole = intent("starts").encode();
        for len in 0..whole.len() {
            assert_eq!(Intent::parse(&whole[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn an_intent_to_cut_what_counts_no_rows_is_refused_but_for_the_bytes_of_strings() {
        let uncounted = |member: &str| {
            let mut intent = intent(member);
            intent.entries[0].rows = None;
            Intent::parse(&intent.encode())
        };
        assert_eq!(uncounted("starts"), None);
        assert!(uncounted("").is_some());
    }

    #[test]
    fn an_intent_that_leads_out_of_the_directory_is_refused() {
        for member in ["..", "/etc", "starts/../.."] {
            assert_eq!(Intent::parse(&intent(member).encode()), None, "{member}");
        }
    }
}
